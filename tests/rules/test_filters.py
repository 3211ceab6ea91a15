"""Functions of scipy.signal, scipy.ndimage and scipy.spatial.distance: both modes, twice, against differences."""

import re

import numpy as np
import pytest

from srcgrad import check_grads, grad
from tests.rules.cases_filters import ARGUMENTS, CASES, ONCE
from tests.support import load

HEAD = "import numpy as np\nimport scipy.signal as signal\nimport scipy.ndimage as ndi\n" \
       "import scipy.spatial.distance as dist\nimport scipy.sparse as sparse\nimport scipy.sparse.linalg\n" \
       "CONST = sparse.csr_array(np.eye(5) * 2 + np.eye(5, k=1) - 0.5 * np.eye(5, k=-3))\n"  # fmt: skip


def program(text):
    """A function of the capital letters in an expression, and their values."""
    names = [name for name in ARGUMENTS if re.search(rf"\b{name}\b", text)]
    f = load(f"{HEAD}def f({', '.join(names)}):\n    y = {text}\n"
             "    return np.sum(y * np.cos(1.0 + np.arange(np.size(y)).reshape(np.shape(y))))\n")  # fmt: skip
    return f, tuple(ARGUMENTS[name].copy() for name in names)


def first_of_each(cases):
    """The first case of each function, which is differentiated twice."""
    found = {}
    for text in cases:
        name = re.search(r"(?:signal|windows|ndi|dist|linalg|sparse)\.([a-z]\w*)\(|CONST", text)
        found.setdefault((name.group(1), "CONST" in text, "axis" in text), text)
    return set(found.values())


TWICE = first_of_each(CASES)


@pytest.mark.parametrize("text", [*CASES, *ONCE])
def test_derivatives(text):
    f, args = program(text)
    check_grads(f, args, order=2 if text in TWICE else 1, atol=1e-9)


@pytest.mark.parametrize("text", [*CASES[::4], *ONCE])
def test_single_precision(text):
    f, args = program(text)
    double = grad(f)(*args)
    args = tuple(a.astype("float32") for a in args)
    single = grad(f)(*args)
    assert single.dtype == "float32"
    np.testing.assert_allclose(single, double, rtol=2e-3, atol=2e-3 * np.max(np.abs(double)))
