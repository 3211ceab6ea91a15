"""docs/coverage.md: every public function of NumPy is declared, and what the page calls differentiable is."""

import contextlib

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import NoRuleError, SrcgradError
from srcgrad.rules import refused
from srcgrad.rules.registry import lookup
from tools import coverage

HOW = f"then run `{coverage.COMMAND}`"


@pytest.mark.parametrize("module", coverage.NUMPY)
def test_every_function_of_numpy_is_declared(module):
    missing = [e.names[0] for e in coverage.entries(module) if e.status == "undeclared"]
    assert not missing, (
        f"{module}: {', '.join(missing)} have no rule (srcgrad/rules), are not written as other calls "
        f"(srcgrad/specialize), and are not in the table of srcgrad/rules/refused.py: put them into one, {HOW}"
    )


def test_a_function_that_nobody_declared_would_be_found():
    entry = coverage.classify("numpy", ("made_up",), lambda x: x)
    assert entry.status == "undeclared"


def test_the_page_is_what_would_be_written_now():
    text = coverage.PAGE.read_text(encoding="utf-8")
    if coverage.versions() not in text:
        pytest.skip("the page was made with other versions of NumPy or SciPy")
    current = coverage.page()
    if text != current:
        pairs = zip(text.splitlines(), current.splitlines())
        first = next((f"{old!r} is now {new!r}" for old, new in pairs if old != new), "lines were added or removed")
        pytest.fail(f"docs/coverage.md is not up to date: run `{coverage.COMMAND}` ({first[:300]})")


def test_refusals_are_of_functions_without_a_rule():
    stale = [name for name in refused.REFUSED if (fn := refused.find(name)) is not None and lookup(fn) is not None]
    assert not stale, f"{', '.join(stale)} have a rule: take them out of srcgrad/rules/refused.py, {HOW}"


def test_remarks_are_on_functions_that_are_differentiated():
    for name in refused.PARTS:
        module, _, last = name.rpartition(".")
        assert coverage.classify(module, (last,), refused.find(name)).status == "differentiable", name


def test_refusals_say_the_reason():
    def loads(x):
        return np.sum(x * np.loadtxt("file"))

    with pytest.raises(NoRuleError, match=r"np\.loadtxt reads or writes what is outside of the program"):
        srcgrad.grad(loads)(np.ones(3))

    def calls(x):
        return sum([v * v for v in np.nditer(x)])

    with pytest.raises(NoRuleError, match=r"np\.nditer calls a function"):
        srcgrad.grad(calls)(np.ones((3, 2)))

    def views(x):
        return np.sum(np.ndarray((3,), buffer=x))

    with pytest.raises(NoRuleError, match="memory as something else"):
        srcgrad.grad(views)(np.ones(3))


# ---- what is called differentiable is, by one argument at least, for one call at least ------------------------

R = np.random.default_rng(11)
V, W, P = np.array([0.31, 0.82, 0.57]), np.array([0.45, 0.23, 0.71]), np.array([1.3, 2.1, 1.7])
A = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.4], [0.1, 0.4, 1.1]])
CANDIDATES = ((V,), (P,), (V, W), (P, V), (A,), (A, V), (V, 2), (A, 0), (A, 0, 1), ([V, W],), ([V, W], 1), (A, [1]))
"""Arguments to try, in turn; the derivative is by the first, or the first part of the first."""

CALLS = {
    "angle": lambda x: np.angle(x + 1j * x**2),
    "imag": lambda x: np.imag(x * (1 + 2j)),
    "eig": lambda x: np.linalg.eig(np.outer(x, W) + np.diag(P))[0],
    "eigvals": lambda x: np.linalg.eigvals(np.outer(x, W) + np.diag(P)),
    "array": lambda x: np.array([x, 2 * x]),
    "astype": lambda x: np.astype(x, np.float64),
    "average": lambda x: np.average(x, weights=W),
    "bincount": lambda x: np.bincount(np.array([0, 2, 0]), weights=x),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3)),
    "clip": lambda x: np.clip(x, 0.4, 0.9),
    "where": lambda x: np.where(x > 0.5, x * x, x),
    "einsum": lambda x: np.einsum("i,j->ij", x, W),
    "full": lambda x: np.full((2, 2), x[0]),
    "full_like": lambda x: np.full_like(W, x[0]),
    "interp": lambda x: np.interp(x, np.array([0.0, 0.5, 1.0]), W),
    "linspace": lambda x: np.linspace(x[0], x[1], 5),
    "arange": lambda x: np.arange(x[0], 3.0),
    "meshgrid": lambda x: np.meshgrid(x, W)[0] * np.meshgrid(x, W)[1],
    "modf": lambda x: np.modf(x)[0] * x,
    "divmod": lambda x: np.divmod(x, 0.4)[1],
    "reshape": lambda x: np.reshape(x, (1, 3)),
    "moveaxis": lambda x: np.moveaxis(x[None], 0, 1),
    "require": lambda x: np.require(x, np.float64),
    "take": lambda x: np.take(x, [0, 2, 2]),
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([2, 0]), 0),
    "pad": lambda x: np.pad(x, 1),
    "cross": lambda x: np.cross(x, W),
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "ldexp": lambda x: np.ldexp(x, 2),
    "split": lambda x: np.split(x, [1])[1],
    "hsplit": lambda x: np.hsplit(x, [1])[1],
    "vsplit": lambda x: np.vsplit(x[:, None], [1])[1],
    "dsplit": lambda x: np.dsplit(x[None, None], [1])[1],
    "array_split": lambda x: np.array_split(x, 2)[1],
    "concatenate": lambda x: np.concatenate([x, W * x]),
    "stack": lambda x: np.stack([x, W * x]),
    "hstack": lambda x: np.hstack([x, W * x]),
    "vstack": lambda x: np.vstack([x, W * x]),
    "column_stack": lambda x: np.column_stack([x, W * x]),
    "rollaxis": lambda x: np.rollaxis(x[None], 1),
    "slogdet": lambda x: np.linalg.slogdet(A + np.diag(x))[1],
    "eigh": lambda x: np.linalg.eigh(A + np.diag(x))[0],
    "svd": lambda x: np.linalg.svd(A + np.diag(x))[1],
    "heaviside": lambda x: x * np.heaviside(x - 0.5, 0.5),
    "swapaxes": lambda x: np.swapaxes(x[None], 0, 1),
    "tensordot": lambda x: np.tensordot(x, A, 1),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda row: row * row, 0, np.outer(x, W)),
    "choose": lambda x: np.choose(np.array([0, 1, 1]), [x, W * x]),
    "compress": lambda x: np.compress([True, False, True], x),
    "extract": lambda x: np.extract(np.array([True, False, True]), x),
    "histogram": lambda x: np.histogram(W, 3, (0.0, 1.0), weights=x)[0],
    "histogram2d": lambda x: np.histogram2d(W, W * W, 3, weights=x)[0],
    "as_strided": lambda x: np.lib.stride_tricks.as_strided(x, (2, 2), x.strides * 2),
    "piecewise": lambda x: np.piecewise(x, [x > 0.5], [lambda v: v * v, lambda v: 2 * v]),
    "select": lambda x: np.select([x > 0.5], [x * x], 2 * x),
    "unstack": lambda x: np.unstack(np.stack([x, W * x]))[1],
    "vecmat": lambda x: np.vecmat(x, A),
    "lstsq": lambda x: np.linalg.lstsq(A, x, rcond=None)[0],
    "matrix_power": lambda x: np.linalg.matrix_power(A + np.diag(x), 2),
    "tensorinv": lambda x: np.linalg.tensorinv(A + np.diag(x), 1),
    "apply_over_axes": lambda x: np.apply_over_axes(np.sum, np.outer(x, x), [0]),
    "intersect1d": lambda x: np.intersect1d(x, x[1:]),
    "fromfunction": lambda x: np.fromfunction(lambda i: i * x[0], (3,)),
    "fromiter": lambda x: np.fromiter((v * v for v in x), float),
    "kaiser": lambda x: np.kaiser(5, x[0]),
    "logspace": lambda x: np.logspace(x[0], x[1], 4),
    "geomspace": lambda x: np.geomspace(x[0], x[1], 4),
    "vectorize": lambda x: np.vectorize(lambda v: v * v)(x),
    "polyfit": lambda x: np.polyfit(P, x, 1),
    "polydiv": lambda x: np.polydiv(x, W[:2])[0],
    "frexp": lambda x: np.frexp(x)[0],
    "histogram_bin_edges": lambda x: np.histogram_bin_edges(x, 3),
    "unique_all": lambda x: np.unique_all(x).values,
    "unique_counts": lambda x: np.unique_counts(x).values,
    "unique_inverse": lambda x: np.unique_inverse(x).values,
    "ndenumerate": lambda x: sum([v * v for _, v in np.ndenumerate(x)]),
}


def copyto(x):
    y = np.zeros(3)
    np.copyto(y, x * x)
    return y


def putmask(x):
    y = x * x
    np.putmask(y, np.array([True, False, False]), x[1])
    return y


def fill_diagonal(x):
    y = np.outer(x, x)
    np.fill_diagonal(y, x[0])
    return y


def put_along_axis(x):
    y = np.outer(x, x)
    np.put_along_axis(y, np.array([[0, 2, 1]]), x[None], 0)
    return y


def put(x):
    y = x * x
    np.put(y, [0, 2], x[1])
    return y


def place(x):
    y = x * x
    np.place(y, np.array([True, False, True]), x[1:])
    return y


CALLS |= {"put": put, "place": place, "put_along_axis": put_along_axis, "copyto": copyto, "putmask": putmask,
          "fill_diagonal": fill_diagonal}  # fmt: skip


def calls_of(entry):
    """Functions of one array that call it, and where to take them."""
    for name in entry.names:
        if name in CALLS:
            yield CALLS[name], V
            return
    for candidate in CANDIDATES:
        yield called(entry.fn, *candidate)


def called(fn, first, second=None, third=None):
    """A function of one array that calls fn, and where to take it."""
    if isinstance(first, list):
        x, other = first
        return (lambda x: fn([x, other])) if second is None else (lambda x: fn([x, other], second)), x
    if second is None:
        return lambda x: fn(x), first
    return (lambda x: fn(x, second)) if third is None else (lambda x: fn(x, second, third)), first


DIFFERENTIABLE = [
    (module, entry) for module in coverage.NUMPY for entry in coverage.entries(module)
    if entry.status == "differentiable"
]  # fmt: skip


@pytest.mark.parametrize("module, entry", DIFFERENTIABLE, ids=[f"{m}.{e.names[0]}" for m, e in DIFFERENTIABLE])
@pytest.mark.filterwarnings("ignore")
def test_what_is_called_differentiable_is(module, entry):
    tried = []
    for call, x in calls_of(entry):
        result = result_of(call, x)
        if result is None:
            continue
        weights = np.cos(np.arange(result.size)).reshape(result.shape) + 2
        if np.iscomplexobj(result):
            weights = weights + 0.5j

        def f(x, call=call, weights=weights):
            return np.real(np.sum(weights * call(x)))

        v = R.standard_normal(x.shape)
        step = 1e-2 if result.dtype.name in ("float32", "complex64") else 1e-6
        expected = (f(x + step * v) - f(x - step * v)) / (2 * step)
        if abs(expected) < 1e-3 or not np.isfinite(expected):
            continue  # a constant here, or a kink
        try:
            reverse = np.sum(srcgrad.grad(f)(x) * v)
            forward = srcgrad.jvp(f, (x,), (v,))[1] if entry.forward != () else expected
        except SrcgradError as error:
            tried.append(str(error))
            continue
        np.testing.assert_allclose([reverse, forward], expected, rtol=100 * step if step > 1e-3 else 1e-5)
        return
    pytest.fail(f"no call of {module}.{entry.names[0]} is differentiated: {' / '.join(tried) or 'none was possible'}")


def result_of(call, x):
    """What NumPy makes of the call: floats, all finite; else None."""
    with contextlib.suppress(Exception):
        result = np.asarray(call(x))
        if result.dtype.name in ("float64", "float32", "complex128", "complex64") and np.all(np.isfinite(result)):
            return result
    return None
