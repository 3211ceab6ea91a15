"""scipy.linalg in whole programs: nothing is left out, what is printed and refused, where it is delicate."""

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg as sl

from srcgrad import check_grads, emit, grad, jacobian, jvp
from srcgrad.errors import SrcgradError
from srcgrad.rules.libraries import library_of
from srcgrad.rules.refused import REFUSED
from srcgrad.rules.registry import RULES, lookup
from srcgrad.runtime import HELPERS, OF_SCIPY, scipy_linalg
from tests.rules.test_scipy_linalg import ARRAYS, CASES
from tests.support import load
from tools import coverage

A, P, S, b, c = (ARRAYS[name].copy() for name in "APSbc")
V = np.linalg.qr(A)[0]


def code(source):
    """A generated source without its comments."""
    return re.sub(r"  # .*", "", source)


# ---- nothing is left out -------------------------------------------------------------------------------------


def test_every_function_is_declared_and_what_is_differentiable_is_tested():
    lookup(sl.solve)
    calls = " ".join(call for call, _ in CASES)
    known = coverage.entries("scipy.linalg")
    assert not [e.names for e in known if e.status == "undeclared"]
    differentiable = [e for e in known if e.status == "differentiable"]
    assert len(differentiable) > 50
    in_complex = {("eig",), ("eigvals",)}  # see test_complex
    tested = {e.names for e in differentiable if any(f"sl.{name}(" in calls for name in e.names)}
    assert {e.names for e in differentiable} == tested | in_complex
    refused = [f"scipy.linalg.{e.names[0]}" for e in known if e.status == "refused"]
    assert not set(refused) - set(REFUSED)


def test_no_call_overwrites_its_arguments():
    for name in sl.__all__:
        fn = getattr(sl, name)
        if library_of(fn) == "scipy.linalg" and not isinstance(fn, type) and callable(fn):
            kept = coverage.DEFINITIONS.get(fn)
            assert kept is not None or not any("overwrite" in p for p in RULES[fn].params), name


def overwriting(x, y):
    z = np.asfortranarray(x * 2.0)
    first = sl.solve(z, y * 1.0, overwrite_a=True, overwrite_b=True)
    u = np.asfortranarray(x * 3.0)
    second = sl.cho_solve(sl.cho_factor(u, overwrite_a=True), y * 1.0, overwrite_b=True)
    v = np.asfortranarray(x * 4.0)
    third = sl.lu_solve(sl.lu_factor(v, True), y * 1.0, overwrite_b=True)
    return np.sum(first * second) + np.sum(third**3) + np.sum(sl.inv(np.asfortranarray(x * 5.0), overwrite_a=True))


def test_overwritten_arguments():
    check_grads(overwriting, (P, b), order=2, rtol=1e-4)
    assert "overwrite_" not in code(grad(overwriting).source_for(P, b))
    x = np.asfortranarray(P)
    grad(lambda x, y: np.sum(sl.solve(x, y, overwrite_a=True) ** 2) + np.sum(sl.inv(x, overwrite_a=True)))(x, b)
    np.testing.assert_array_equal(x, P)


def test_functions_of_one_decorator_are_told_apart():
    """Most functions of scipy.linalg have the code of the decorator that they were made by."""

    def total_of(fn):
        return grad(lambda x: np.sum(fn(x) ** 2))

    for fn in (sl.cosm, sl.sinm, sl.cholesky, sl.eigvalsh):
        t = np.eye(3) + 0.1

        def slope(f):
            return (f(P + 1e-6 * t) - f(P - 1e-6 * t)) / 2e-6

        np.testing.assert_allclose(np.sum(total_of(fn)(P) * t), slope(lambda x: np.sum(fn(x) ** 2)), rtol=1e-6)
        np.testing.assert_allclose(np.tensordot(jacobian(fn)(P), t, 2), slope(fn), rtol=1e-5, atol=1e-6)


def test_names_of_helpers_are_kept_free():
    assert {name for name, fn in vars(scipy_linalg).items() if inspect.isfunction(fn)} - OF_SCIPY <= set(HELPERS)
    assert all(HELPERS[name] is getattr(scipy_linalg, name) for name in OF_SCIPY)

    def f(x):
        lu_adjoint = sl.lu(x)[2] * 1.0
        return np.sum(lu_adjoint**2)

    check_grads(f, (A,))


# ---- what is printed -----------------------------------------------------------------------------------------


def log_likelihood(K, y):
    L = sl.cholesky(K, lower=True)
    alpha = sl.cho_solve((L, True), y)
    return -0.5 * y @ alpha - np.sum(np.log(np.diag(L)))


def fitted(L, y):
    z = sl.solve_triangular(L, y, lower=True)
    return np.sum(z**2)


def diffused(x):
    return np.sum(sl.expm(x) ** 2)


SOURCES = {
    fitted: """
def fitted_grad(L, y, d_out=1.0):
    # forward sweep
    z = scipy.linalg.solve_triangular(L, y, lower=True)

    # reverse sweep
    d_new = scipy.linalg.solve_triangular(L, 2 * d_out * z, trans=1, lower=True)  # z = sl.solve_triangular(L, y, l...
    return np.tril(-np.outer(d_new, z)), d_new
""",
    diffused: """
def diffused_grad(x, d_out=1.0):
    return scipy.linalg.expm_frechet(x.T, 2 * d_out * scipy.linalg.expm(x), compute_expm=False)
""",
}


@pytest.mark.parametrize("f, args", [(fitted, (P, b)), (diffused, (A,))], ids=["fitted", "diffused"])
def test_source(f, args):
    source = grad(f, tuple(range(len(args)))).source_for(*args)
    assert source.strip() == SOURCES[f].strip()


def test_modules():
    made = grad(log_likelihood, (0, 1))
    check_grads(log_likelihood, (P, b), order=2)
    text = emit(made, args=(P, b))
    assert "import scipy.linalg\n" in text and "import srcgrad" not in text
    for got, expected in zip(load(text, "log_likelihood_grad")(P, b), made(P, b)):
        np.testing.assert_array_equal(got, expected)


def test_one_system_for_both_adjoints():
    source = grad(lambda x, y: np.sum(sl.solve(x, y) ** 2), (0, 1)).source_for(A, b)
    assert code(source).count("scipy.linalg.solve(") == 2
    source = grad(lambda x, y: np.sum(np.linalg.solve(x, y) ** 2), (0, 1)).source_for(A, b)
    assert code(source).count("np.linalg.solve(") == 2


def test_a_part_that_two_arguments_share_is_not_added_to():
    def f(x, y):
        return np.sum(sl.toeplitz(x, y) ** 2 * np.arange(9.0).reshape(3, 3)) + np.sum(x**3) + np.sum(y * x)

    check_grads(f, (b, c), order=2)
    check_grads(lambda x, y: np.sum(sl.toeplitz(x, y) ** 3) + np.sum(sl.toeplitz(y, x) ** 2), (b, c))


def test_scipy_is_not_imported():
    done = subprocess.run([sys.executable, "-c", "import sys, srcgrad, numpy as np\n"
                           "srcgrad.grad(lambda x: np.linalg.det(x))\n"
                           "assert not [m for m in sys.modules if m.startswith('scipy')]\n"],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr


# ---- where it is delicate ------------------------------------------------------------------------------------


def holds(f, x, t, tol=1e-6):
    expected = (f(x + 1e-5 * t) - f(x - 1e-5 * t)) / 2e-5
    np.testing.assert_allclose([np.sum(grad(f)(x) * t), jvp(f, (x,), (t,))[1]], expected, rtol=tol, atol=1e-8)


def test_spaces_of_equal_eigenvalues():
    def space(x):
        v = sl.eigh(x)[1][:, :2]
        return np.sum(v @ v.T * np.arange(9.0).reshape(3, 3))

    x = V @ np.diag([2.0, 2.0, 5.0]) @ V.T
    holds(space, 0.5 * (x + x.T), S)


def test_spaces_of_pairs_of_matrices():
    def space(x, y):
        v = sl.eigh(x, y)[1][:, :2]
        return np.sum(v @ v.T * np.arange(9.0).reshape(3, 3))

    L = np.linalg.cholesky(P)
    x = L @ np.diag([2.0, 2.0, 5.0]) @ L.T
    holds(lambda x: space(x, P), 0.5 * (x + x.T), S)
    holds(lambda y: space(x, y), P, S)


def test_polar_factors_of_an_orthogonal_matrix():
    holds(lambda x: np.sum(sl.polar(x)[0] * A) + np.sum(sl.polar(x)[1] ** 2), V, S)


def test_exponential_of_a_jordan_block_and_of_zero():
    J = np.eye(3) + np.diag([1.0, 1.0], 1)
    holds(lambda x: np.sum(sl.expm(x) * A), J, S)
    holds(lambda x: np.sum(sl.logm(x) * A), J, S)
    holds(lambda x: np.sum(sl.sqrtm(x) * A), J, S)
    holds(lambda x: np.sum(sl.expm(x) * A), np.zeros((3, 3)), S)


@pytest.mark.parametrize("fn", [sl.sqrtm, sl.logm, lambda x: sl.fractional_matrix_power(x, 0.5)])
@pytest.mark.filterwarnings("ignore")
def test_complex_values_are_refused_when_run(fn):
    for f in (lambda x: np.sum(fn(x)), lambda x: np.sum(fn(x) ** 2)):
        with pytest.raises(ValueError, match="complex value"):
            grad(f)(-P)


def test_small_and_empty_matrices():
    for fn in (sl.cholesky, sl.expm, sl.inv, sl.det, sl.sqrtm, lambda x: sl.svd(x)[1], lambda x: sl.eigh(x)[0]):
        for x in (np.zeros((0, 0)), np.full((1, 1), 2.0)):
            assert grad(lambda x: np.sum(fn(x)))(x).shape == x.shape


def test_of_any_memory():
    def f(x, y):
        return np.sum(sl.solve(x, y) ** 2) + np.sum(sl.expm(x / 9)) + np.sum(sl.lu(x)[1] ** 2) + sl.norm(x, "nuc")

    x, y = A.copy(), np.repeat(b, 2)[::2]
    expected = grad(f, (0, 1))(x, b)
    x.flags.writeable = False
    for one in (x, np.asfortranarray(x), x[::-1][::-1]):
        for got, wanted in zip(grad(f, (0, 1))(one, y), expected):
            np.testing.assert_allclose(got, wanted, rtol=1e-10)


def test_a_matrix_of_one_element_is_a_number():
    check_grads(lambda x, y: np.sum(sl.solve(x, y) ** 3), (np.array([[2.0]]), b), order=2)
    check_grads(lambda x, y: np.sum(sl.solve(x, y) ** 3), (np.array([[2.0]]), b[:1]), order=1)


def test_lists_and_numbers():
    def f(x):
        first = sl.solve([[2.0, 1.0], [x[0], 3.0]], [1.0, x[1]])
        return np.sum(first**2) + np.sum(sl.block_diag([x[0], 2.0], x[1], [[3.0], [4.0]]) ** 2)

    check_grads(f, (b,), order=2)
    check_grads(lambda x: np.sum(sl.toeplitz([x[0], 1.0], [2.0, x[1]]) ** 2), (b,))


# ---- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("call, word", [
    ("sl.eigh(x, subset_by_index=[0, 1])[0]", "subset_by_index"), ("sl.eigh(x, type=2)[0]", "type"),
    ("sl.eigvalsh(x, subset_by_value=(0, 1))", "subset_by_value"), ("sl.qr(x, mode='raw')[1]", "mode='raw'"),
    ("sl.solve_continuous_are(x, x, x, x, e=x)", "`e`"), ("sl.solve_discrete_are(x, x, x, x, s=x)", "`s`"),
    ("sl.pinv(x, return_rank=True)[0]", "return_rank"), ("sl.solve_circulant(x[0], x, singular='lstsq')", "singular"),
    ("sl.solve_circulant(x[0], x, baxis=1)", "baxis"), ("sl.eigh_tridiagonal(x[0], x[0, 1:], select='i')[0]", "select"),
    ("sl.eigvals(x, x)[0].real", "with `b`"),
    ("sl.schur(x, overwrite_a=True)[0]", "not unique"), ("sl.orth(x)", "not unique"),
    ("sl.null_space(x)", "not unique"), ("sl.funm(x, np.exp)", "function that it is given"),
    ("sl.cholesky_banded(x)", "solveh_banded"), ("sl.ldl(x)[0]", "ldl"), ("sl.hessenberg(x)", "hessenberg"),
    ("sl.toeplitz(x)", "vectors"), ("sl.khatri_rao(x[None], x)", "two matrices"), ("sl.expm(x, 3)", "expm"),
    ("sl.solve_banded((1, 1), x[None], x[0])", "one matrix"), ("sl.lstsq(x[None], x[0])[0]", "one matrix"),
    ("sl.lstsq(x, x[0])[1]", "lstsq"), ("sl.logm(x, disp=False)[0]", "disp"), ("sl.signm(x, disp=False)[0]", "disp"),
    ("sl.subspace_angles(x, x)", "subspace_angles"), ("sl.clarkson_woodruff_transform(x, 2)", "random"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_refused_by_name(call, word):
    f = load(f"import numpy as np, scipy.linalg as sl\ndef f(x):\n    return np.sum({call})\n", "f")
    with pytest.raises(SrcgradError, match=re.escape(word)):
        grad(f)(P)


@pytest.mark.parametrize("call", [
    "sl.solve(x, x[:2])", "sl.solve(x[:2], x[0])", "sl.cholesky(-x)", "sl.expm(x[:2])", "sl.solve(x, x, assume_a='?')",
    "sl.solve_banded((1, 1), x[:2], x[0])", "sl.solve_triangular(0 * x, x[0])", "sl.lu_solve(sl.lu_factor(x), x[:2])",
    "sl.qr(x[:, :2])[0]", "sl.svd(x[:, :2])[0]", "sl.solve_continuous_lyapunov(x, x[:2])",
])  # fmt: skip
def test_wrong_arguments_raise_what_scipy_raises(call):
    f = load(f"import numpy as np, scipy.linalg as sl\ndef f(x):\n    return np.sum({call} ** 2)\n", "f")
    with pytest.raises(ValueError):  # LinAlgError is one
        grad(f)(P)
