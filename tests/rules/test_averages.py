"""np.average with weights of one axis, keepdims and the sum of the weights."""

import numpy as np
import pytest

from srcgrad import check_grads

PROGRAMS = [
    lambda a, w: np.average(a, 1, w), lambda a, w: np.average(a, -1, weights=w, keepdims=True),
    lambda a, w: np.average(a, weights=[1, 2.0, 3], axis=0) * w, lambda a, w: np.average(a, 1, w, returned=True),
    lambda a, w: np.average(a * w, returned=True), lambda a, w: np.average(a, weights=a * w, returned=True, axis=0),
    lambda a, w: np.average(w, weights=[1, 2, 3, 4]), lambda a, w: np.average(a, weights=a * w, axis=1, keepdims=True),
]  # fmt: skip


@pytest.mark.parametrize("f", PROGRAMS)
def test_averages(f):
    rng = np.random.default_rng(0)
    check_grads(f, (rng.uniform(0.5, 2, (3, 4)), np.array([1.0, 2.0, 0.5, 3.0])), order=2)
