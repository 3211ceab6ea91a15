"""Factors of decompositions: derivatives of derivatives, equal singular values, what is refused, modules."""

import numpy as np
import pytest

import srcgrad
from srcgrad import check_grads, grad, jvp
from tests.rules.defined_support import matrices

A, S = matrices("A"), matrices("S")


def low_rank(x):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return np.sum((u[:, :2] * s[:2] @ vh[:2]) ** 3)


def triangular(x):
    q, r = np.linalg.qr(x)
    return np.sum(np.tanh(r)) + np.sum(q**4)


def symmetric(x):
    w, v = np.linalg.eigh(x + x.T, UPLO="U")
    return np.sum(np.tanh(w) * v**2) + np.sum(np.linalg.eigvalsh(x, "U") ** 3)


def powers(x):
    return np.sum(np.linalg.matrix_power(x, 3) ** 2)


def fitted(x):
    return np.sum(np.linalg.lstsq(x, np.sin(x[:, 0]), rcond=None)[0] ** 2)


def stacked(x):
    return np.sum(np.linalg.cholesky(x @ np.swapaxes(x, -1, -2)) ** 3) + np.sum(np.linalg.slogdet(x)[1] ** 2)


def windows(x):
    return np.sum(np.lib.stride_tricks.sliding_window_view(x, 2, axis=0) ** 3) + np.sum(np.pad(x, 1, mode="wrap") ** 3)


@pytest.mark.parametrize("f, x", [(low_rank, A), (triangular, A), (symmetric, S[0]), (powers, S), (fitted, A),
                                  (stacked, S), (windows, A)], ids=lambda v: getattr(v, "__name__", ""))  # fmt: skip
def test_second_order(f, x):
    check_grads(f, (x,), order=2)


def test_of_equal_singular_values_what_the_space_says_is_right():
    """u @ vh is the nearest orthogonal matrix: smooth where singular values are equal, though u and vh are not."""

    def polar(x):
        u, _, vh = np.linalg.svd(x, full_matrices=False)
        return np.sum((u @ vh) * W)

    W = np.arange(9.0).reshape(3, 3)
    x = 2 * np.linalg.qr(S[0])[0]
    d_x = grad(polar)(x)
    t = S[1]
    expected = (polar(x + 1e-5 * t) - polar(x - 1e-5 * t)) / 2e-5
    assert jvp(polar, (x,), (t,))[1] == pytest.approx(expected)
    assert np.sum(d_x * t) == pytest.approx(expected)


def test_singular_values_of_zero_give_no_nan():
    def norm(x):
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        return np.sum(s) + np.sum(u[:, 0] * vh[0, 0])

    x = np.outer([1.0, 2.0, 3.0], [1.0, -1.0])
    assert np.isfinite(grad(norm)(x)).all()


def test_vectors_beyond_the_singular_values_are_refused_when_run():
    def last(x):
        return np.linalg.svd(x)[0][0, -1] ** 2

    with pytest.raises(ValueError, match="full_matrices=False"):
        grad(last)(A)


@pytest.mark.parametrize("n", [0, 1])
def test_of_no_matrices_and_of_matrices_of_one_element(n):
    x = np.full((n, 2, 2), 0.5) + np.eye(2)
    assert grad(stacked)(x).shape == x.shape
    assert grad(lambda x: np.sum(np.linalg.svd(x, full_matrices=False)[0]))(x).shape == x.shape


def test_a_module_has_the_helpers_that_its_helpers_call(tmp_path):
    text = srcgrad.emit(low_rank, args=(A,))
    made = {}
    exec(compile(text, "module", "exec"), made)
    function = next(v for k, v in made.items() if k.startswith("low_rank"))
    np.testing.assert_allclose(function(A), grad(low_rank)(A))


@pytest.mark.parametrize("f, word", [
    (lambda x: np.pad(x, 1, mode="empty").sum(), "np.pad"), (lambda x: np.linalg.qr(x, "complete")[0].sum(), "qr"),
    (lambda x: np.linalg.pinv(x, hermitian=True).sum(), "hermitian"),
])  # fmt: skip
def test_refused_by_name(f, word):
    with pytest.raises(srcgrad.SrcgradError, match=word):
        grad(f)(S[0])
