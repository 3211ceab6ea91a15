"""What the tests of functions in whole programs share."""

import numpy as np
import pytest

from srcgrad import grad, jvp

R = np.random.default_rng(0)
STACK = R.standard_normal((2, 3, 3)) + 3 * np.eye(3)
ARRAYS = {
    "V": R.standard_normal(5), "M": R.standard_normal((4, 4)), "A": R.standard_normal((4, 3)), "S": STACK,
    "P": STACK @ STACK.mT, "T": R.standard_normal((2, 3, 4)),
}  # fmt: skip
"""A vector, a square and a tall matrix, a stack of regular and one of positive matrices, an array of three axes."""


def matrices(key):
    return ARRAYS[key].copy()


class Programs(list):
    """Functions of one array each: `@program("M")` adds one, `@program.each` runs a test with f and x of each."""

    def __call__(self, key):
        def add(f):
            self.append((f, key))
            return f

        return add

    def each(self, test):
        cases = [pytest.param(f, matrices(key), id=f.__name__) for f, key in self]
        return pytest.mark.parametrize("f, x", cases)(test)


def hold(f, x):
    """Both modes along random directions, against central differences; the shape and dtype of the gradient."""
    single = x.dtype == np.float32
    before = x.copy()
    rng = np.random.default_rng(1)
    for _ in range(2):
        t = rng.standard_normal(x.shape)
        if x.ndim > 1 and np.array_equal(x, np.swapaxes(x, -1, -2)):
            t = t + np.swapaxes(t, -1, -2)
        wide = x.astype("float64")
        expected = (f(wide + 1e-6 * t) - f(wide - 1e-6 * t)) / 2e-6
        d_x = grad(f)(x)
        assert d_x.shape == x.shape and d_x.dtype == x.dtype
        out, moved = jvp(f, (x,), (t.astype(x.dtype),))
        assert np.array_equal(x, before)
        tol = {"rtol": 5e-3, "atol": 5e-3 * max(1, abs(expected))} if single else {"rtol": 1e-5, "atol": 1e-5}
        np.testing.assert_allclose(out, f(x), rtol=1e-4 if single else 1e-12)
        np.testing.assert_allclose(moved, expected, **tol)
        np.testing.assert_allclose(np.sum(d_x * t), expected, **tol)
