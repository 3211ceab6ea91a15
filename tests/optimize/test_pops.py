"""What comes off a tape is called what it is."""

import re

import numpy as np

from srcgrad import grad, hessian, hvp
from tests.support import check


def swing(x):
    s = x[0]
    for k in range(1, len(x)):
        s = np.sin(s) * x[k] * s
    return s * s


def test_popped_items_have_no_names_of_their_own():
    x = np.array([0.4, 0.9, 1.1])
    text = hvp(swing).source_for(x)
    assert ".pop()" in text
    for line in text.splitlines():
        found = re.match(r"\s+(\w+) = (\w+)$", line)
        assert found is None or "item" not in found.group(2), line
    np.testing.assert_allclose(hvp(swing)(x, x), hessian(swing)(x) @ x)


def test_items_that_are_used_otherwise_keep_theirs():
    def kept(x):
        xs = [x[0], x[1], x[2]]
        total = 0.0
        while xs:
            item = xs.pop()
            last = item
            total += np.sin(item) * last
            item = total
        return total * item

    x = np.array([0.4, 0.9, 1.1])
    check(kept, x)
    check(lambda x: np.sum(grad(kept)(x) ** 2), x)
