"""Lists and tuples where NumPy takes arrays, slices that are values, x.flat, in both modes."""

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import SrcgradError
from tests.rules.defined_support import hold
from tests.rules.test_numpy import GIVEN, A, V, loss

SLICE = slice(1, None)
PLACES = np.s_[1:, ::2]

LISTS = [
    "np.sum([x[0], x[1] * 2])", "np.mean([t * t for t in x])", "np.sin([x[0], 2.0, x[1]])", "np.max([x[0], x[1]])",
    "np.dot([x[0], 1.0], (x[1], x[2]))", "np.linalg.norm([x[0] - 1, x[1]])", "np.cumsum([[x[0], x[1]], [1.0, x[2]]])",
    "np.linalg.det([[x[0], 1.0], [x[1], x[2]]])", "np.quantile([x[0], x[1], 2.0], [0.3, 0.4])",
    "l = [v * 2 for v in x]; np.std(l)", "l = [v * 2 for v in x]; np.quantile(l, 0.3)", "l = [v for v in x]; l * x",
    "np.where([True, False, True, False, True, True], x, x * x)", "np.choose([0, 1, 1, 0, 1, 0], (x, 2 * x))",
    "np.select([[True, False] * 3, [False, True] * 3], [x, x * x])", "np.add(x, (1, 2, 3, 4, 5, 6))",
    "np.power(x, [1, 2, 3, 1, 2, 3])", "np.vecdot([1.5, 2.5, 3.5], x[:3])", "np.linalg.matmul([1, 2, 3], x[:3])",
    "np.convolve(x, (1, 2))", "np.dot(x, (1, 2, 3, 4, 5, 6))", "np.outer([1, 2], x)", "np.kron([1, 2], x)",
    "np.einsum('i,i', [x[0], x[1]], (1.0, 2.0))", "np.interp(0.4, [0.0, 1.0], [x[0], x[1]])",
    "np.linspace([x[0], 1.0], [2.0, x[1]], 4)", "np.polyfit([0.0, 1.0, 2.0], [x[0], x[1], x[2]], 1)",
    "np.isfinite([x[0], 1.0]) * x[:2]", "np.fft.rfft([x[0], x[1], 1.0]).real", "np.meshgrid([x[0], x[1]], x)[0]",
    "np.cov([x, x * x])", "np.maximum.reduce([x, 2 * x, x * x])", "np.hypot(*x[:2])",
    "y = x * 1; np.copyto(y, 0.0, where=[True, False] * 3); y * x",
]
SHAPES = [
    "np.outer(x, 2.0)", "np.outer(x[0], x)", "np.outer(x.reshape(2, 3), x[1])",
    "np.vdot(x.reshape(2, 3), x[::-1].reshape(3, 2))", "y = x * 1; np.matmul(y, P, out=y); y * x",
    "np.fmax(np.where(M, x, np.nan), P - 1)", "np.fmin(P - 1, np.where(M, np.nan, x))",
    "np.fmax(np.where(M, x, np.nan), 0)",
    "np.median(x, axis=())", "a, b = np.ix_(x, x[:2]); a * b * b", "x[np.ix_([0, 2])]",
]
FLAT = [
    "x.flat[3]", "x.flat[1:5]", "np.sum(x.flat)", "x.T.flat[2]", "np.array([v * v for v in x.flat])",
    "y = x * 1; y.flat[2] = x[0, 1] ** 2; y", "y = x * 1; y.flat[[1, 4]] = x[0, :2]; y",
    "y = x * 1; y.flat[2:6] = x[0] ** 2; y", "y = np.zeros((2, 2)); y.flat = x[0]; y", "y = x * 1; y.flat = 0.5; y * x",
    "y = x * 1; y.T.flat[1] = x[0, 0] * 2; y", "x.item(5)", "x.item(1, 2) * x.item((0, -1))",
    "y = x * 1; y.flat[1] *= x[0, 0]; y",
]
SLICES = [
    "i = slice(1, 3); x[i] ** 2", "i = np.s_[1:, ::2]; x[i]", "x[np.s_[1:, 0]]", "x[np.index_exp[1:]]",
    "i = slice(1, 3); y = x * 1; y[i] *= x[i]; y", "i, j = slice(0, 2), slice(1, 4); x[i, j] * x[i][:, j]",
    "i, j = slice(0, 2), slice(1, 3); y = x * 1; y[j] += y[i]; y * y", "i = slice(1, 3); x[i, [0, 2]]",
    "i = slice(0, 2) if x[0, 0] > 0 else slice(1, 3); x[i]", "np.delete(x, np.s_[::2], 1)",
]
KEYWORDS = [
    "np.sort(x, kind='stable')", "np.meshgrid(x[0], x[1], sparse=True)[1]", "np.average(x, axis=0, keepdims=True)",
    "np.array(x[0], ndmin=3)", "np.nansum(x, axis=0, where=x > -1)",
    "np.nanvar(x, axis=0, where=x > -1.1, ddof=1)", "np.var(x, axis=0, correction=1)", "np.r_[x, x * 2]",
    "np.var(x, axis=0, mean=np.mean(x, axis=0, keepdims=True))", "np.std(x, axis=(0, 1), mean=x[0, 0] * 3, ddof=1)",
    "x.flatten('F')",
]
WINDOWS = "np.lib.stride_tricks.as_strided"
STRIDED = [
    f"{WINDOWS}(x, (2, 3, 2, 2), x.strides * 2)", f"{WINDOWS}(x, shape=(2, 2, 2), strides=(x.strides[0], *x.strides))",
    f"a, b = x.strides; w = {WINDOWS}(x, (2, 3, 2, 2), (a, b, a, b), writeable=False); np.max(w, axis=(2, 3))",
    f"{WINDOWS}(x, (12, 1), (x.itemsize, 0)) ** 2", f"y = np.pad(x, 1); {WINDOWS}(y, (3, 4, 3, 3), y.strides * 2)",
]
CASES = [
    *((text, V) for text in LISTS + SHAPES), *((text, A) for text in FLAT + SLICES + KEYWORDS + STRIDED),
]


@pytest.mark.parametrize("text, x", CASES, ids=[text for text, _ in CASES])
def test_both_modes(text, x):
    f = loss(text)
    hold(lambda x: f(x, *GIVEN), x)


def test_slices_from_outside_are_part_of_the_program():
    class Parts:
        rows = slice(0, 2)

    def f(x):
        return np.sum(x[SLICE] ** 2) + np.sum(x[PLACES]) + np.sum(x[Parts.rows] ** 3)

    srcgrad.check_grads(f, (A,))
    gradient = srcgrad.grad(f)
    gradient(A)
    Parts.rows = slice(2, 3)
    np.testing.assert_allclose(gradient(A)[2], 2 * A[2] + 3 * A[2] ** 2 + np.array([1, 0, 1, 0]))
    assert np.all(gradient(A)[0] == 0)


def test_as_strided_of_what_is_not_contiguous_or_lies_outside():
    def f(x, step):
        return np.sum(np.lib.stride_tricks.as_strided(x, (2, 2), (step, 8)))

    for x, step in ((A[:, ::2], 32), (A[:1, :3].copy(), 16)):
        with pytest.raises(ValueError, match="contiguous"):
            srcgrad.grad(f)(x, step)


def test_single_precision_of_windows_and_lists_stays():
    for text in (STRIDED[0], "np.mean([x[0], x[1] * 2])", "y = x * 1; y.flat[2] = x[0, 1] ** 2; y"):
        f = loss(text)
        hold(lambda x, f=f: f(x, *GIVEN), A.astype("float32"))


def test_what_would_be_taken_for_a_constant_is_refused():
    for f in (lambda x: np.sum(np.unique(x, axis=0)), lambda x: np.median(x, overwrite_input=True)):
        for derivative in (lambda f: srcgrad.grad(f)(A), lambda f: srcgrad.jvp(f, (A,), (A,))):
            with pytest.raises(SrcgradError):
                derivative(f)


def test_quantiles_of_nothing():
    x = np.zeros((2, 0, 3))
    assert srcgrad.grad(lambda x: np.sum(np.quantile(x, 0.3, axis=0)))(x).shape == (2, 0, 3)
    assert srcgrad.jvp(lambda x: np.sum(np.quantile(x, 0.3, axis=0)), (x,), (x,))[1] == 0
