"""Functions of scipy.signal, scipy.ndimage and scipy.spatial.distance: both modes, twice, against differences."""

import re

import numpy as np
import pytest

from srcgrad import check_grads, emit, grad, jacobian, sparsity
from srcgrad.errors import SrcgradError
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


@pytest.mark.parametrize("text, word", [
    ("ndi.gaussian_filter(V, V[0] ** 2)", "in `sigma` is not known"), ("ndi.sobel(X, output=float)", "with `output`"),
    ("ndi.sobel(np.ones((5, 6)), output=X)", "writes into `output`"), ("ndi.sobel(X, 0, W)", "writes into `output`"),
    ("ndi.gaussian_filter(X, 1.0, mode=['wrap', 'nearest'])", "one known `mode`"),
    ("ndi.generic_filter(X, np.max, 3)", "calls a function"), ("signal.butter(2, A[2])[0]", "designs a filter"),
    ("signal.filtfilt(B, [1.0], np.ones(30))", "in `b` is not known"), ("signal.hilbert2(X).real", "omplex"),
    ("signal.savgol_filter(V, 5, 2, mode='wrap')", "mode='interp'"), ("dist.pdist(X, np.dot)", "`metric` has to"),
    ("ndi.grey_dilation(X, structure=np.ones((3, 3)))", "with `structure`"), ("ndi.median(X)", "no derivative rule"),
    ("sparse.linalg.norm(sparse.diags(V))", "no derivative rule"), ("sparse.linalg.eigsh(CONST * A[0], 1)", "no deriv"),
    ("sparse.linalg.cg(sparse.diags(V), V)[0]", "of scipy.sparse.linalg.cg"),
    ("sparse.diags(V).data", "no attribute 'data'"),
    ("sparse.diags(V)[0, 0]", "has no items"), ("sparse.kron(CONST, sparse.diags(V))", "no derivative rule"),
])  # fmt: skip
def test_refusals(text, word):
    f, args = program(text)
    with pytest.raises(SrcgradError, match=word):
        grad(f)(*args)


@pytest.mark.parametrize("text", [
    "sparse.diags(x).sum(axis=0)", "sparse.csr_matrix(np.diag(x)) + np.eye(9)", "sparse.diags(x) * np.eye(9)",
])  # fmt: skip
def test_old_matrices_do_not_pass_for_arrays(text):
    f = load(f"{HEAD}def f(x):\n    y = {text}\n    return y.sum()\n")
    with pytest.raises(NotImplementedError):
        grad(f)(ARGUMENTS["V"])


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
@pytest.mark.parametrize("text", [
    "ndi.gaussian_filter(x, 1.0)", "ndi.maximum_filter(x, 3)", "signal.lfilter([1.0], [1.0, 0.5], x)",
    "signal.fftconvolve(x, x)",
])  # fmt: skip
def test_arrays_without_elements(text, shape):
    f = load(f"{HEAD}def f(x):\n    return np.sum({text})\n")
    assert grad(f)(np.zeros(shape)).shape == shape


def test_modules_import_scipy():
    f = load(f"{HEAD}def f(x):\n    return np.sum(ndi.map_coordinates(x, x[:2], mode='nearest') ** 2)\n")
    x = ARGUMENTS["X"]
    module = {}
    exec(compile(emit(f, args=(x,)), "module", "exec"), module)
    np.testing.assert_allclose(module["f_grad"](x), grad(f)(x))


def test_jacobians_and_patterns():
    v = ARGUMENTS["V"]
    for text in ("ndi.gaussian_filter(x, 1.0)", "sparse.diags(x) @ x", "CONST @ x[:5]", "signal.medfilt(x, 3)"):
        f = load(f"{HEAD}def f(x):\n    return {text}\n")
        found = jacobian(f)(v)
        assert np.all(sparsity(f, v).toarray() >= (np.abs(found) > 1e-12))
        np.testing.assert_allclose(jacobian(f, mode="forward")(v), found, atol=1e-12)
