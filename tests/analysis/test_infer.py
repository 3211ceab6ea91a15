"""Kinds of results, held against what NumPy returns."""

import itertools
import math
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srcgrad.analysis.dims import broadcast, slice_dim
from srcgrad.analysis.infer import OPERATORS, infer_call, infer_items, infer_load, infer_op, kind_of
from srcgrad.errors import KindError
from srcgrad.ir.kinds import BOOL, BOTTOM, FLOAT, INT, NONE, STR, Array, Extent, ListOf, Opaque, Scalar
from srcgrad.ir.nodes import Call, Const, Name, Op, Pack, Prim, Slice
from tests.rules.rule_eval import ListValue, build, consistent, evaluate, kind_from

MODES = ["symbolic", "unknown", "known", "rankless"]
DTYPES = ["float64", "float32", "int64", "bool"]


def array(shape, dtype="float64"):
    values = np.arange(1, 1 + int(np.prod(shape))).reshape(shape) * 0.5
    return values.astype(dtype)


@st.composite
def shapes_that_broadcast(draw):
    shape = draw(st.lists(st.sampled_from([0, 1, 2, 3]), max_size=3))
    result = []
    for _ in range(2):
        part = [draw(st.sampled_from([n, 1])) for n in shape]
        result.append(tuple(part[draw(st.integers(0, len(part))) :]))
    return result


@given(shapes_that_broadcast(), st.sampled_from(MODES), st.sampled_from(DTYPES), st.sampled_from(DTYPES))
@settings(max_examples=300, deadline=None)
def test_operators_broadcast(shapes, mode, left, right):
    a, b = array(shapes[0], left), array(shapes[1], right)
    for fn in (operator.add, operator.truediv, operator.lt, np.maximum, np.arctan2):
        if left == right == "bool" and fn is np.arctan2:
            continue
        for x, y in ((a, b), (a, 2.0), (2.0, b), (a, 3), (a, np.float32(2))):
            call, env = build(fn, (x, y), {}, mode)
            with np.errstate(all="ignore"):
                consistent(call.kind, evaluate(call, env))


@pytest.mark.parametrize("a", [True, 2, 2.5, np.float64(2), np.float32(2), np.int64(2)], ids=repr)
@pytest.mark.parametrize("b", [True, 2, 2.5, np.float64(2), np.float32(2)], ids=repr)
def test_numbers(a, b):
    for op, fn in OPERATORS.items():
        if op in ("@", "in", "not in", "is", "is not", "not", "neg", "pos", "~"):
            continue
        args = (Name("a", kind=kind_from(a)), Name("b", kind=kind_from(b)))
        try:
            expected = fn(a, b)
        except TypeError:
            with pytest.raises(KindError):
                infer_op(op, args)
            continue
        consistent(infer_op(op, args), expected)


@pytest.mark.parametrize("n, less", itertools.product([0, 2, 3, 5, 6], [0, 1, 2]))
def test_slices_of_extents(n, less):
    """What slice_dim says of an Extent holds for every length that the Extent may stand for."""
    bounds = [None, 0, 1, 2, -1, -2, "n", "n-1", "n-2"]
    real = max(n - less, 0)
    values = {"n": n, "n-1": n - 1, "n-2": n - 2}
    extents = {"n": Extent("x", 0), "n-1": Extent("x", 1), "n-2": Extent("x", 2)}
    for lo, hi, step in itertools.product(bounds, bounds, [None, 1, 2, -1]):
        if any(isinstance(b, str) and values[b] < 0 for b in (lo, hi)):
            continue  # an Extent is the value of a length
        dim = slice_dim(Extent("x", less), extents.get(lo, lo), extents.get(hi, hi), step)
        actual = len(range(real)[values.get(lo, lo) : values.get(hi, hi) : step])
        if isinstance(dim, int):
            assert dim == actual, (lo, hi, step)
        elif isinstance(dim, Extent):
            assert max(n - dim.less, 0) == actual, (lo, hi, step, dim)


def test_slices_of_known_lengths():
    for n, lo, hi, step in itertools.product(range(5), [None, 0, 1, -1, 3], [None, 0, 2, -1, 9], [None, 2, -1, -2]):
        assert slice_dim(n, lo, hi, step) == len(range(n)[lo:hi:step])


def test_an_axis_that_is_not_one_decides():
    n, m = Extent("x.0"), Extent("x.0", 1)
    assert broadcast([(n,), (None,)]) == (n,)
    assert broadcast([(3,), (m,)]) == (3,)
    assert broadcast([(m,), (None,)]) == (None,)
    assert broadcast([(m, 1), (n,)]) == (m, n)
    assert broadcast([(n,), None]) is None
    with pytest.raises(KindError):
        broadcast([(2,), (3,)])


INDICES = [
    0, -1, slice(None), slice(1, None), slice(None, -1), slice(1, -1), slice(None, None, -1), slice(None, None, 2),
    ...,
    None, np.array([0, 1, 0]), np.array([[0], [1]]), [0, 1],
]  # fmt: skip


def index_expr(value, mode):
    if isinstance(value, tuple):
        items = tuple(index_expr(v, mode) for v in value)
        return Pack("tuple", items, kind=Opaque(tuple))
    if isinstance(value, slice):
        return Slice(*(None if b is None else Const(b) for b in (value.start, value.stop, value.step)))
    if isinstance(value, np.ndarray):
        return Name("i", kind=kind_from(value, mode))
    if isinstance(value, list):
        return Pack("list", tuple(Const(v) for v in value))
    return Const(value)


@given(
    st.sampled_from([(3,), (2, 3), (3, 2, 4), (2, 2)]), st.lists(st.sampled_from(INDICES), min_size=1, max_size=4),
    st.sampled_from(MODES),
)  # fmt: skip
@settings(max_examples=600, deadline=None)
def test_indexing(shape, items, mode):
    x = array(shape)
    index = tuple(items) if len(items) > 1 else items[0]
    base = Name("x", kind=kind_from(x, mode))
    try:
        expected = x[index]
    except IndexError:
        if mode != "known":
            return
        with pytest.raises(KindError):
            infer_load(base, index_expr(index, mode))
        return
    consistent(infer_load(base, index_expr(index, mode)), expected)


@pytest.mark.parametrize("mode", MODES)
def test_masks(mode):
    x = array((2, 3))
    base = Name("x", kind=kind_from(x, mode))
    for index in (x > 1, (slice(None), np.array([True, False, True])), (x > 1, None),
    (0, np.array([True, False, True]))):
        expr = index_expr(index, mode)
        consistent(infer_load(base, expr), x[index])


X, V = array((2, 3)), array((3,))
CALLS = [
    *((fn, (x,), kw) for fn in (np.sum, np.mean, np.max, np.prod, np.std, np.any, np.argmax, np.median,
    np.count_nonzero)
      for x in (X, X.astype("float32"), X.astype("int64")) for kw in ({}, {"axis": 0}, {"axis": -1})),
    (np.sum, (X,), {"axis": (0, 1), "keepdims": True}), (np.sum, (X > 1,), {}), (np.mean, (X,), {"keepdims": True}),
    (np.sum, (2.0,), {}), (np.sum, ([1.0, 2.0],), {}), (np.cumsum, (X,), {}), (np.cumsum, (X,), {"axis": 1}),
    (operator.matmul, (X, V), {}), (operator.matmul, (V, V), {}), (np.dot, (X, X.T), {}), (np.dot, (2.0, X), {}),
    (np.outer, (V, X), {}), (np.inner, (X, V), {}), (np.vdot, (X, X), {}),
    (np.zeros, (3,), {}), (np.ones, ((2, 3),), {}), (np.empty, ((2,),), {"dtype": np.float32}), (np.full,
    ((2, 2), 1), {}),
    (np.full, ((2,), 1.5), {}), (np.zeros_like, (X,), {}), (np.full_like, (X.astype("f4"), 2.0), {}), (np.eye,
    (3,), {}),
    (np.eye, (3, 2), {}), (np.arange, (4,), {}), (np.arange, (1.0, 3.0), {}), (np.linspace, (0.0, 1.0, 5), {}),
    (np.reshape, (X, (3, -1)), {}), (np.reshape, (X, -1), {}), (np.ravel, (X,), {}), (np.transpose, (X,), {}),
    (np.transpose, (X, (1, 0)), {}), (np.squeeze, (X[:1],), {}), (np.squeeze, (X[:, :1], 1), {}),
    (np.expand_dims, (X, 0), {}), (np.swapaxes, (X, 0, 1), {}), (np.flip, (X,), {}), (np.roll, (X, 1), {}),
    (np.tile, (X, 2), {}), (np.repeat, (X, 2), {"axis": 0}), (np.broadcast_to, (V, (2, 3)), {}),
    (np.concatenate, ([V, V],), {}), (np.concatenate, ([X, X],), {"axis": 1}), (np.concatenate, ([X, V[None]],), {}),
    (np.concatenate, (ListValue([V, V]),), {}), (np.stack, ([V, V],), {"axis": 1}), (np.vstack, ([V, V],), {}),
    (np.stack, (ListValue([V, V]),), {}), (np.hstack, ([V, V],), {}), (np.array, ([1, 2, 3],), {}),
    (np.array, ([[1.0, 2], [3, 4]],), {}), (np.array, ([V, V],), {}), (np.asarray, (ListValue([1.0, 2.0]),), {}),
    (np.where, (X > 1, X, 0.0), {}), (np.where, (X > 1, X.astype("f4"), 0.0), {}), (np.where, (True, 1.0, 2.0), {}),
    (np.clip, (X, 0.0, 1.0), {}), (np.clip, (0.5, 0.0, 1.0), {}), (np.astype, (X, np.float32), {}),
    (np.diag, (V,), {}), (np.diag, (X,), {}), (np.trace, (X,), {}), (np.unique, (X,), {}), (np.sort, (X,), {}),
    (np.argsort, (V,), {}), (np.searchsorted, (V, 1.2), {}), (np.bincount, (np.array([0, 1, 4]),), {}),
    (np.linalg.norm, (X,), {}), (np.linalg.norm, (X,), {"axis": 1}), (np.linalg.inv, (X[:, :2] + np.eye(2),), {}),
    (np.linalg.solve, (np.eye(3), V), {}), (np.linalg.cholesky, (np.eye(3),), {}), (np.interp, (V, V, V), {}),
    (np.kron, (X, V), {}), (np.cross, (V, V), {}), (np.diff, (X,), {}), (np.gradient, (V,), {}), (np.pad, (V, 1), {}),
    (np.convolve, (V, V), {}), (np.split, (X, 2), {}), (np.einsum, ("ij,j->i", X, V), {}), (np.tril, (X,), {}),
    (np.flatnonzero, (V,), {}), (np.take, (X, [0, 1]), {"axis": 1}), (np.meshgrid, (V, V), {}),
    (len, (X,), {}), (math.sin, (0.5,), {}), (math.floor, (0.5,), {}), (math.atan2, (0.5, 1.0), {}), (np.sin,
    (0.5,), {}),
    (np.sin, (X.astype("f4"),), {}), (np.sin, (2,), {}), (float, (1.5,), {}), (int, (1.5,), {}), (abs,
    (-1.5,), {}), (abs, (X,), {}),
    (round, (1.5,), {}), (max, (1.5, 2.5), {}), (min, (1, 2), {}), (np.float32, (1.5,), {}), (np.float64, (X,), {}),
    (sum, (ListValue([1.5, 2.5]),), {}), (np.ndarray.tolist, (X,), {}), (np.ndarray.item, (V[:1],), {}),
    (np.shape, (X,), {}),
    (np.round, (X,), {}), (np.round, (X, 1), {}), (np.isnan, (X,), {}), (np.allclose, (X, X), {}), (np.real,
    (X,), {}),
    (list, (X,), {}), (np.add.reduce, (X,), {}), (np.add.outer, (V, V), {}), (np.average, (X,), {"axis": 0}),
    (np.percentile, (V, 50), {}), (np.ptp, (V,), {}), (np.nansum, (X,), {}), (np.logaddexp, (V, 1.0), {}),
    (np.size, (X,), {}),
    (np.ndim, (X,), {}), (np.identity, (3,), {}), (np.vander, (V,), {}), (np.fft.fft, (V,), {}), (np.atleast_2d,
    (V,), {}),
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CALLS, ids=lambda c: getattr(c[0], "__name__", "f"))
def test_calls(case, mode):
    fn, args, kwargs = case
    try:
        call, env = build(fn, args, kwargs, mode)
    except KindError:
        assert mode == "rankless"  # some need to know the number of axes
        return
    value = evaluate(call, env)
    if isinstance(call.kind, Opaque):
        assert isinstance(value, call.kind.type)
    else:
        consistent(call.kind, value)
    if mode == "known" and isinstance(call.kind, Array) and fn not in (np.flatnonzero, np.unique, np.bincount):
        assert call.kind.dims is not None


def method(fn, *args):
    return infer_call(Prim(fn, fn.__name__, "method"), args)


A = Name("x", kind=Array("float64", (Extent("x.0"), Extent("x.1"))))
SHAPE = Call(Prim(np.shape, "shape", "attribute"), (A,), kind=Opaque(tuple))


def test_lengths_are_carried_by_values():
    n = infer_load(SHAPE, Const(0))
    assert n == Scalar("int64", value=Extent("x.0"))
    less = Op("-", (Name("n", kind=n), Const(2)), kind=infer_op("-", (Name("n", kind=n), Const(2))))
    assert less.kind == Scalar("int64", value=Extent("x.0", 2))
    zeros = infer_call(Prim(np.zeros, "np.zeros"), (less,))
    assert zeros == Array("float64", (Extent("x.0", 2),))
    assert infer_call(Prim(np.zeros, "np.zeros"), (SHAPE,)).dims == A.kind.dims
    assert infer_call(Prim(len, "len"), (A,)) == Scalar("int64", value=Extent("x.0"))
    assert infer_call(Prim(np.ndim, "ndim", "attribute"), (A,)) == Scalar("int64", value=2)
    assert infer_op("*", (Const(2), Const(3))).value == 6
    assert infer_call(Prim(np.arange, "np.arange"), (Name("n", kind=n),)).dims == (Extent("x.0"),)
    pair = Pack("tuple", (Name("n", kind=n), Const(1)))
    assert method(np.reshape, A, *pair.items) == infer_call(Prim(np.reshape, "np.reshape"), (A, pair))


def test_methods_that_spread_a_tuple():
    assert method(np.reshape, A, Const(2), Const(-1)).dims == (2, None)
    assert method(np.transpose, A, Const(1), Const(0)).dims == (Extent("x.1"), Extent("x.0"))
    assert method(np.transpose, A).dims == (Extent("x.1"), Extent("x.0"))


def test_containers():
    xs = Name("xs", kind=ListOf(FLOAT))
    assert infer_load(xs, Name("i", kind=INT)) == FLOAT
    assert infer_load(xs, Slice(Const(1), None, None)) == ListOf(FLOAT)
    assert infer_call(Prim(len, "len"), (xs,)) == INT
    assert infer_op("+", (xs, xs)) == ListOf(FLOAT)
    assert infer_op("*", (xs, Const(3))) == ListOf(FLOAT)
    assert infer_op("in", (Const(1.0), xs)) == BOOL
    assert infer_op("+", (Const("a"), Const("b"))) == STR
    assert kind_of(Const(None)) == NONE
    assert infer_items(Prim(np.linalg.slogdet, "np.linalg.slogdet"), (A,)) == (Scalar("float64", False),) * 2


def test_bottom_gives_bottom():
    nothing = Name("x")
    assert infer_op("+", (nothing, Const(1))) == BOTTOM
    assert infer_call(Prim(np.sin, "np.sin"), (nothing,)) == BOTTOM
    assert infer_load(nothing, Const(0)) == BOTTOM


@pytest.mark.parametrize("make", [
    lambda: infer_op("+", (A, Const("a"))), lambda: infer_load(Name("s", kind=FLOAT), Const(0)),
    lambda: infer_op("@", (A, Const(2.0))), lambda: infer_load(A, Pack("tuple", (Const(0),) * 3)),
    lambda: infer_call(Prim(np.sum, "np.sum"), (A,), [("axis", Const(2))]), lambda: infer_load(A, Const(1.5)),
    lambda: infer_call(Prim(np.linalg.inv, "np.linalg.inv"), (Name("v", kind=Array("float64", (3,))),)),
    lambda: infer_call(Prim(np.sum, "np.sum"), (A,), [("axes", Const(2))]),
])  # fmt: skip
def test_what_is_not_defined_is_refused(make):
    with pytest.raises(KindError):
        make()
