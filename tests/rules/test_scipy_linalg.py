"""scipy.linalg: both modes, to first and second order and in single precision, against central differences."""

import re

import numpy as np
import pytest

from srcgrad import grad, jvp
from tests.support import load

R = np.random.default_rng(4)
STACK = R.standard_normal((2, 3, 3)) + 3 * np.eye(3)
POSITIVE = STACK @ STACK.mT
ARRAYS = {
    "A": STACK[0], "C": STACK[1], "M": 0.3 * STACK[0] - 0.4 * np.eye(3), "AA": STACK,
    "P": POSITIVE[0], "Q": POSITIVE[1] / 5, "K": np.eye(2) + 0.3, "PP": POSITIVE, "N": 0.2 * STACK[0],
    "S": POSITIVE[0] - 6 * np.eye(3), "T": R.standard_normal((4, 3)), "W": R.standard_normal((3, 4)),
    "TT": R.standard_normal((2, 4, 3)), "WW": R.standard_normal((2, 3, 4)),
    "b": R.standard_normal(3), "g": R.standard_normal(2), "h": R.standard_normal(4), "B": R.standard_normal((3, 2)),
    "BB": R.standard_normal((2, 3, 2)),
    "c": np.array([4.0, 0.7, -0.3]), "r": np.array([9.0, -0.5, 0.4]), "p": np.array([2.0, 0.5, -1.0, 0.3]),
    "D": np.array([[0.0, 0.5, -0.4, 0.3], [4.0, 3.0, 5.0, 4.0], [0.2, 0.6, -0.7, 0.0], [0.3, -0.4, 0.0, 0.0]]),
    "G": np.array([[9.0, 0.5, -0.4, 0.3], [4.0, 3.0, 5.0, 4.0], [0.2, 0.6, -0.7, 9.0]]),
    "U": np.array([[0.0, 0.0, 0.2, 0.1], [0.0, 0.5, -0.4, 0.3], [4.0, 3.0, 5.0, 4.0]]),
    "V": np.array([[4.0, 3.0, 5.0, 4.0], [0.5, -0.4, 0.3, 0.0]]), "t": 0.7,
}  # fmt: skip
"""What the letters in a call stand for. A, C: regular; M, N: of eigenvalues near 0.5; P, Q, K: positive; S: symmetric;
T, W: tall and wide; pairs of letters: stacks; b, g, h: vectors; c, r, p: of Toeplitz matrices; D, G, U, V: by
diagonals."""
SYMMETRIC = "QK"  # of which SciPy wants both triangles

# A call, and which of its results are looked at ("": there is one).
CASES = [
    ("sl.solve(A, B)", ""), ("sl.solve(A, B, transposed=True)", ""),
    *((f"sl.solve(A, b{how})", "")
      for how in ("", ", transposed=True", ", assume_a='gen'", ", assume_a='banded'", ", assume_a='upper triangular'",
                  ", assume_a='lower triangular', transposed=True", ", assume_a='diagonal'",
                  ", assume_a='tridiagonal', transposed=True", ", check_finite=False")),
    *((f"sl.solve(P, B, assume_a='{how}')", "") for how in ("pos", "her")), ("sl.solve(P, b, assume_a='pos')", ""),
    ("sl.solve(P, b, lower=True, assume_a='pos')", ""), ("sl.solve(S, b, assume_a='sym')", ""),
    ("sl.solve(S, B, True, assume_a='symmetric')", ""),
    ("sl.solve(AA, b)", ""), ("sl.solve(AA, BB)", ""), ("sl.solve(A, BB)", ""), ("sl.solve(AA, B)", ""),
    ("sl.solve(PP, b, assume_a='pos')", ""), ("sl.solve(AA, b, transposed=True)", ""),
    ("sl.solve_triangular(A, B, trans=1)", ""),
    *((f"sl.solve_triangular(A, b{how})", "")
      for how in ("", ", lower=True", ", trans=1", ", trans='T', lower=True", ", 'N', True, True")),
    ("sl.solve_triangular(AA, b)", ""), ("sl.solve_triangular(AA, BB, lower=True)", ""),
    ("sl.solve_triangular(A, BB, trans=1)", ""),
    ("sl.cho_solve((A, False), b)", ""), ("sl.cho_solve((A, True), B)", ""), ("sl.cho_solve((AA, True), b)", ""),
    ("sl.cho_solve((AA, False), BB)", ""),
    ("sl.lu_solve(sl.lu_factor(A), b)", ""), ("sl.lu_solve(sl.lu_factor(A), B, trans=1)", ""),
    ("sl.lu_solve(sl.lu_factor(AA), BB)", ""), ("sl.lu_solve(sl.lu_factor(AA), b, 1)", ""),
    ("sl.cho_solve(sl.cho_factor(P), b)", ""), ("sl.cho_solve(sl.cho_factor(PP, lower=True), BB)", ""),
    ("sl.cholesky(P)", ""), ("sl.cholesky(P, lower=True)", ""), ("sl.cholesky(PP)", ""),
    ("np.triu(sl.cho_factor(P)[0])", ""),
    ("sl.lu_factor(A)", "0"), ("sl.lu_factor(AA)", "0"), ("sl.lu_factor(T)", "0"), ("sl.lu_factor(W)", "0"),
    ("sl.lu(A)", "12"), ("sl.lu(T)", "12"), ("sl.lu(W, permute_l=True)", "01"), ("sl.lu(AA, permute_l=True)", "01"),
    ("sl.lu(AA)", "12"), ("sl.lu(T, p_indices=True)", "12"),
    ("sl.det(A)", ""), ("sl.det(AA)", ""), ("sl.inv(A)", ""), ("sl.inv(AA)", ""), ("sl.inv(P, assume_a='pos')", ""),
    ("sl.inv(S, assume_a='sym', lower=True)", ""), ("sl.inv(A, assume_a='upper triangular')", ""),
    ("sl.inv(np.diag(c), assume_a='diagonal')", ""),
    ("sl.pinv(T)", ""), ("sl.pinv(W, rtol=1e-9)", ""), ("sl.pinv(TT)", ""), ("sl.pinvh(S)", ""),
    ("sl.pinvh(P, lower=False)", ""), ("sl.pinvh(PP)", ""),
    ("sl.lstsq(T, h)", "0"), ("sl.lstsq(W, B)", "0"), ("sl.lstsq(T, W.T, lapack_driver='gelsy')", "0"),
    *((f"sl.norm({a}{how})", "") for a, how in (
        ("b", ""), ("A", ""), ("b", ", 3"), ("A", ", 1"), ("A", ", np.inf"), ("A", ", 2"), ("T", ", 'nuc'"),
        ("T", ", axis=1"), ("AA", ", 'fro', axis=(1, 2)"), ("T", ", 1, axis=0, keepdims=True"))),
    ("sl.svd(A)", "012"), ("sl.svd(T, full_matrices=False)", "012"),
    ("sl.svd(AA)", "012"), ("sl.svd(T, compute_uv=False)", ""), ("sl.svdvals(T)", ""), ("sl.svdvals(TT)", ""),
    ("sl.polar(W, side='left')", "01"), ("sl.polar(AA)", "01"),
    ("sl.orthogonal_procrustes(T, W.T)", "01"),
    ("sl.qr(A)", "01"), ("sl.qr(T, mode='economic')", "01"), ("sl.qr(W)", "01"), ("sl.qr(AA)", "01"),
    ("sl.qr(T, mode='r')", "0"), ("sl.qr(A, mode='r')", "0"),
    ("sl.qr(T, mode='economic', pivoting=True)", "01"), ("sl.qr(A, mode='r', pivoting=True)", "0"),
    ("sl.qr(AA, pivoting=True)", "01"),
    ("sl.rq(A)", "01"), ("sl.rq(W, mode='economic')", "01"), ("sl.rq(T)", "01"), 
    ("sl.rq(AA)", "01"), ("sl.rq(A, mode='r')", ""),
    ("sl.eigh(S)", "01"), ("sl.eigh(S, lower=False)", "01"), ("sl.eigh(PP)", "01"), ("sl.eigh(S, P)", "01"),
    ("sl.eigh(S, P, lower=False)", "01"),
    ("sl.eigh(S, eigvals_only=True)", ""), ("sl.eigh(S, P, eigvals_only=True)", ""),
    ("sl.eigvalsh(S)", ""), ("sl.eigvalsh(S, P)", ""), ("sl.eigvalsh(PP, lower=False)", ""),
    ("sl.eigh(PP, AA @ AA.mT + np.eye(3))", "01"),
    ("sl.eigh_tridiagonal(b, g)", "01"), ("sl.eigvalsh_tridiagonal(b, g)", ""),
    ("sl.eigh_tridiagonal(b, g, eigvals_only=True)", ""),
    *((f"sl.{fn}({a})", "") for fn in ("expm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
      for a in (("M", "AA / 5") if fn == "expm" else ("M",))),
    ("sl.cosm(AA / 5)", ""), ("sl.expm_frechet(M, A)", "01"), ("sl.expm_frechet(M, A, compute_expm=False)", ""),
    ("sl.sqrtm(A)", ""), ("sl.sqrtm(PP)", ""), ("sl.logm(A)", ""), ("sl.logm(PP)", ""), ("sl.signm(S)", ""),
    ("sl.fractional_matrix_power(A, 0.3)", ""), ("sl.fractional_matrix_power(A, t)", ""),
    ("sl.fractional_matrix_power(PP, -1.5)", ""), ("sl.fractional_matrix_power(A, 2)", ""),
    ("sl.solve_sylvester(A, C, M)", ""), ("sl.solve_sylvester(A, np.eye(2) + K, B)", ""),
    ("sl.solve_sylvester(AA, C, AA)", ""), ("sl.solve_continuous_lyapunov(A, C)", ""),
    ("sl.solve_lyapunov(AA, C)", ""), ("sl.solve_discrete_lyapunov(N, C)", ""),
    ("sl.solve_discrete_lyapunov(N, C, method='bilinear')", ""), ("sl.solve_discrete_lyapunov(N, AA)", ""),
    ("sl.solve_continuous_are(M, B, Q, K)", ""), ("sl.solve_discrete_are(M, B, Q, K)", ""),
    ("sl.solve_continuous_are(M, B, Q, K, balanced=False)", ""),
    *((f"sl.solve_banded((2, 1), D, {b})", "") for b in ("h", "W.T")), ("sl.solve_banded((1, 1), G, h)", ""),
    ("sl.solve_banded((0, 2), U, W.T)", ""),
    ("sl.solveh_banded(U, h)", ""), ("sl.solveh_banded(V, h, lower=True)", ""),
    ("sl.solveh_banded(V, W.T, lower=True)", ""),
    ("sl.solveh_banded(U[1:], W.T)", ""),
    ("sl.eig_banded(V, lower=True)", "01"), ("sl.eig_banded(U)", "01"), ("sl.eigvals_banded(U[1:])", ""),
    *((f"sl.solve_toeplitz({c}, {b})", "") for c in ("c", "(c, r)") for b in ("b", "B")),
    ("sl.matmul_toeplitz((c, p), h)", ""), ("sl.matmul_toeplitz((p, c), B)", ""), ("sl.matmul_toeplitz(c, b)", ""),
    ("sl.solve_circulant(c, b)", ""), ("sl.solve_circulant(c, B)", ""),
    ("sl.toeplitz(c)", ""), ("sl.toeplitz(c, p)", ""), ("sl.hankel(c)", ""), ("sl.hankel(p, c)", ""),
    ("sl.circulant(p)", ""), ("sl.convolution_matrix(c, 4)", ""), ("sl.convolution_matrix(p, 2, mode='same')", ""),
    ("sl.convolution_matrix(c, 5, 'valid')", ""), ("sl.convolution_matrix(c, 4, 'same')", ""),
    ("sl.companion(p)", ""), ("sl.leslie(h, b)", ""), ("sl.fiedler(p)", ""), ("sl.diagsvd(b, 3, 4)", ""),
    ("sl.diagsvd(b, 5, 3)", ""), ("sl.block_diag(A, b, T, t)", ""), ("sl.khatri_rao(A, T)", ""),
]  # fmt: skip


def letters(call):
    """The arrays that a call has as arguments, in order."""
    words = call.replace("(", " ").replace(")", " ").replace(",", " ").replace("[", " ").replace(".T", " ").split()
    return [name for name in dict.fromkeys(words) if name in ARRAYS]


def program(call, items):
    names = ", ".join(letters(call))
    results = " + ".join(f"weighed(out[{k}])" for k in items) or "weighed(out)"
    return load(
        "import numpy as np\nimport scipy.linalg as sl\n\n\ndef weighed(x):\n"
        "    return np.sum(np.sin(x * x + 0.1) * np.cos(np.arange(np.size(x)).reshape(np.shape(x)) + 0.3))\n\n\n"
        f"def f({names}):\n    out = {call}\n    return {results}\n"
    )


def directions(names, seed):
    rng = np.random.default_rng(seed)
    found = []
    for name in names:
        t = rng.standard_normal(np.shape(ARRAYS[name]))
        found.append(t + t.T if name in SYMMETRIC else t if np.ndim(t) else float(t))
    return found


def moved(values, ts, step):
    return [x + step * t for x, t in zip(values, ts)]


def inner(first, second):
    return sum(float(np.sum(a * b)) for a, b in zip(first, second))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call, items", CASES, ids=[f"{k}-{call}" for k, (call, _) in enumerate(CASES)])
def test_both_modes_and_second_order(call, items):
    f, names = program(call, items), letters(call)
    values, ts, us = [ARRAYS[name] for name in names], directions(names, 1), directions(names, 2)
    kept = [np.copy(x) for x in values]
    places = tuple(range(len(names)))
    gradient = grad(f, places)
    first = gradient(*values)
    expected = (f(*moved(values, ts, 1e-6)) - f(*moved(values, ts, -1e-6))) / 2e-6
    assert abs(expected) > 1e-4
    out, tangent = jvp(f, tuple(values), tuple(ts))
    np.testing.assert_allclose(out, f(*values), rtol=1e-12)
    np.testing.assert_allclose([inner(first, ts), tangent], expected, rtol=2e-6, atol=1e-8)
    for x, d in zip(values, first):
        assert np.shape(d) == np.shape(x)
    second = jvp(gradient, tuple(values), tuple(us))[1]
    ends = [inner(gradient(*moved(values, us, step)), ts) for step in (1e-5, -1e-5)]
    np.testing.assert_allclose(inner(second, ts), (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-6)
    for x, before in zip(values, kept):
        np.testing.assert_array_equal(x, before)


def first_of_each():
    """A case of each function."""
    found = {}
    for call, items in CASES:
        found.setdefault(tuple(re.findall(r"sl\.(\w+)", call)), (call, items))
    return list(found.values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call, items", first_of_each(), ids=lambda v: v)
def test_single_precision_stays(call, items):
    f, names = program(call, items), letters(call)
    values = [ARRAYS[name] for name in names]
    single = [np.asarray(x, np.float32) if np.ndim(x) else x for x in values]
    gradient = grad(f, tuple(range(len(names))))
    for x, d, wide in zip(single, gradient(*single), gradient(*values)):
        assert getattr(d, "dtype", None) == getattr(x, "dtype", None)
        np.testing.assert_allclose(d, wide, rtol=0.05, atol=0.02 * (1 + np.max(np.abs(wide))))
