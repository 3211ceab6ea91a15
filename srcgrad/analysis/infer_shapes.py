"""Kinds, by rule, of NumPy's functions whose result's shape depends on values or cannot be found on dummies.

Each rule takes the primitive and its arguments by parameter name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis import infer_layout
from srcgrad.analysis.dims import Dims, broadcast, broadcast_dim_equal, product, reduce_dims
from srcgrad.analysis.infer_index import infer_load
from srcgrad.analysis.operands import (
    TUPLE,
    array_of,
    array_of_expr,
    dim_value,
    dtype_given,
    dtype_name,
    first,
    kind_of,
    literal,
    shape_items,
    shape_of,
)
from srcgrad.analysis.signatures import MISSING, Bound, const, dtype_of, itemsize_of
from srcgrad.errors import KindError
from srcgrad.ir.kinds import (
    INT,
    UNSET,
    Array,
    Dim,
    DType,
    Kind,
    ListOf,
    Matrix,
    Opaque,
    Scalar,
    Shape,
    join_dtype,
    not_one,
    text,
)
from srcgrad.ir.nodes import Pack, Prim

# ---- products ------------------------------------------------------------------------------------------------


def matmul_kind(a: Kind, b: Kind) -> Kind:
    """The kind of `a @ b`."""
    if isinstance(a, Matrix) and isinstance(b, Matrix):
        return a
    a, b = (Array(kind.dtype, (None, None)) if isinstance(kind, Matrix) else array_of(kind) for kind in (a, b))
    dtype = _promote(a.dtype, b.dtype, np.matmul)
    if a.dims is None or b.dims is None:
        return Array(dtype, None)
    if not a.dims or not b.dims:
        raise KindError("`@` is not defined for numbers; multiply with `*`")
    broadcast_dim_equal(a.dims[-1], b.dims[0] if len(b.dims) == 1 else b.dims[-2])
    batch = broadcast([a.dims[:-2], b.dims[:-2]]) or ()
    shape = batch + a.dims[-2:-1] + (b.dims[-1:] if len(b.dims) > 1 else ())
    return Array(dtype, shape) if shape else Scalar(dtype, weak=False)


@cache
def _promote(a: str, b: str, fn: Callable[..., Any]) -> str:
    return str(fn(np.ones((1, 1), a), np.ones((1, 1), b)).dtype.name)


def _dot(prim: Prim, bound: Bound) -> Kind:
    a, b = array_of_expr(bound["a"]), array_of_expr(bound["b"])
    dtype = _promote(a.dtype, b.dtype, np.dot)
    if a.dims is None or b.dims is None:
        return Array(dtype, None)
    if not a.dims or not b.dims:
        shape = a.dims or b.dims
    else:
        k = 0 if len(b.dims) == 1 else len(b.dims) - 2
        if prim.fn is np.inner:
            k = len(b.dims) - 1
        broadcast_dim_equal(a.dims[-1], b.dims[k])
        shape = a.dims[:-1] + b.dims[:k] + b.dims[k + 1 :]
    return Array(dtype, shape) if shape else Scalar(dtype, weak=False)


def _vdot(prim: Prim, bound: Bound) -> Kind:
    a, b = (array_of_expr(bound[name]) for name in ("a", "b"))
    return Scalar(_promote(a.dtype, b.dtype, np.dot), weak=False)


def _outer(prim: Prim, bound: Bound) -> Kind:
    a, b = array_of_expr(bound["a"]), array_of_expr(bound["b"])
    return Array(_promote(a.dtype, b.dtype, np.dot), (product(a.dims), product(b.dims)))


# ---- reductions ----------------------------------------------------------------------------------------------


@cache
def _reduced_dtype(fn: Callable[..., Any], dtype: str) -> str:
    return np.asarray(fn(np.ones((2,), dtype))).dtype.name


@cache
def _is_python_number(fn: Callable[..., Any], dtype: str) -> bool:
    """Whether the full reduction is a Python number: np.count_nonzero in some versions of NumPy."""
    return not isinstance(fn(np.ones((2,), dtype)), np.generic)


def _reduction(prim: Prim, bound: Bound) -> Kind:
    a = array_of_expr(first(bound))
    dtype = dtype_given(bound, "") or _reduced_dtype(prim.fn, a.dtype)
    axis, keepdims = literal(bound, "axis", None), literal(bound, "keepdims", False)
    if axis is MISSING or keepdims is MISSING:
        return Array(dtype, None)
    shape = reduce_dims(a.dims, axis, bool(keepdims))
    if shape != ():
        return Array(dtype, shape)
    return Scalar(dtype, weak=_is_python_number(prim.fn, a.dtype))


def _cumulative(prim: Prim, bound: Bound) -> Kind:
    a = array_of_expr(first(bound))
    dtype = dtype_given(bound, "") or _reduced_dtype(prim.fn, a.dtype)
    return Array(dtype, (product(a.dims),) if literal(bound, "axis", None) is None else a.dims)


def _quantile_rates(prim: Prim, bound: Bound) -> Kind:
    """Of the shape of the quantiles, in the dtype of the array."""
    made = _quantile(Prim(np.quantile, prim.text), bound)
    return made if isinstance(made, Array) else Array(getattr(made, "dtype", "float64"), ())


def _quantile(prim: Prim, bound: Bound) -> Kind:
    """A reduction, with the axes of q in front. NumPy is asked for the dtype, with quantiles that it accepts."""
    a, q = array_of_expr(bound["a"]), bound["q"]
    axis, keepdims = literal(bound, "axis", None), literal(bound, "keepdims", False)
    value, method = const(q), literal(bound, "method", "linear")
    if value is MISSING:
        among = array_of_expr(q) if isinstance(kind_of(q), Array) or isinstance(q, Pack) else Array("float64", ())
        value = 0.0 if among.dims == () else np.zeros((1,) * len(among.dims or ()), among.dtype)
        lengths = among.dims
    else:
        lengths = np.shape(value)
    if axis is MISSING or keepdims is MISSING or method is MISSING:
        raise KindError(f"`axis`, `keepdims` and `method` of {prim.text} have to be known when compiling")
    sample = prim.fn(np.zeros((1,), a.dtype), value, method=method)
    reduced = reduce_dims(a.dims, axis, bool(keepdims))
    if lengths is None or reduced is None:
        return Array(sample.dtype.name, None)
    shape = (*lengths, *reduced)
    return Array(sample.dtype.name, shape) if shape else Scalar(sample.dtype.name, weak=False)


def _covariance(prim: Prim, bound: Bound) -> Kind:
    """A square matrix for several rows, an array without axes for one; np.corrcoef makes a number of that."""
    m = array_of_expr(first(bound))
    dtype = dtype_given(bound, "") or _promote(m.dtype, "float64", np.add)
    by_row, y = literal(bound, "rowvar", True), literal(bound, "y", None)
    if y is not None or by_row is MISSING or m.dims is None or len(m.dims) != 2:
        alone = y is None and m.dims is not None and len(m.dims) == 1
        rows: Dim = 1 if alone else None
    else:
        rows = m.dims[0 if by_row else 1]
    if rows == 1:
        return Scalar(dtype, weak=False) if prim.fn is np.corrcoef else Array(dtype, ())
    return Array(dtype, (rows, rows) if not_one(rows) else None)


# ---- creation ------------------------------------------------------------------------------------------------


def _filled(prim: Prim, bound: Bound) -> Kind:
    default = "float64"
    if prim.fn is np.full:
        default = array_of_expr(bound["fill_value"]).dtype
    return Array(dtype_given(bound, default), shape_items(bound["shape"]))


def _filled_like(prim: Prim, bound: Bound) -> Kind:
    a = array_of_expr(first(bound))
    shape = bound.get("shape")
    given = shape is not None and const(shape) is not None
    return Array(dtype_given(bound, a.dtype), shape_items(shape) if given and shape else a.dims)


def _array(prim: Prim, bound: Bound) -> Kind:
    a = array_of_expr(first(bound))
    ndmin = literal(bound, "ndmin", 0)
    shape = a.dims
    if shape is not None and isinstance(ndmin, int) and len(shape) < ndmin:
        shape = (1,) * (ndmin - len(shape)) + shape
    return Array(dtype_given(bound, a.dtype), shape)


def _astype(prim: Prim, bound: Bound) -> Kind:
    kind = kind_of(bound["x"])
    if isinstance(kind, Scalar):
        return Scalar(dtype_name(bound["dtype"]), weak=False)
    return Array(dtype_name(bound["dtype"]), array_of(kind).dims)


def _arange(prim: Prim, bound: Bound) -> Kind:
    names = [name for name in ("start", "stop", "step") if name in bound and const(bound[name]) is not None]
    kinds = [kind_of(bound[name]) for name in names]
    dtype = "int64"
    for kind in kinds:
        dtype = join_dtype(dtype, array_of(kind).dtype)
    values = [const(bound[name]) for name in names]
    length: Dim = None
    if all(isinstance(v, (int, float)) for v in values):
        length = len(np.arange(*values))
    elif len(names) == 1 or (len(names) == 2 and values[0] == 0):
        length = dim_value(kinds[-1])
    return Array(dtype_given(bound, dtype), (length,))


def _linspace(prim: Prim, bound: Bound) -> Kind:
    num = dim_value(kind_of(bound["num"])) if "num" in bound else 50
    ends = [array_of_expr(bound[name]) for name in ("start", "stop")]
    inner = broadcast(end.dims for end in ends)
    dtype = "complex128" if any(end.dtype.startswith("complex") for end in ends) else "float64"
    if all(end.dtype == "float32" for end in ends):
        dtype = "float32" if np.linspace(np.ones(1, "f4"), np.ones(1, "f4"), 2).dtype == "float32" else dtype
    return Array(dtype_given(bound, dtype), None if inner is None else (num, *inner))


def _eye(prim: Prim, bound: Bound) -> Kind:
    sizes = [dim_value(kind_of(bound[name])) for name in ("N", "M", "n") if name in bound
             and const(bound[name]) is not None]  # fmt: skip
    return Array(dtype_given(bound, "float64"), (sizes[0], sizes[-1]))


# ---- attributes ----------------------------------------------------------------------------------------------


def _stacked(shape: Dims | None) -> Dims | None:
    """The shape of one array of this shape for each of its axes."""
    return None if shape is None else (len(shape), *shape)


def _shape(prim: Prim, bound: Bound) -> Kind:
    return Shape(tuple, dims=shape_of(kind_of(first(bound))))


def _dtype(prim: Prim, bound: Bound) -> Kind:
    kind = kind_of(first(bound))
    return DType(np.dtype, name=kind.dtype) if isinstance(kind, (Array, Scalar)) else Opaque(np.dtype)


def _transpose(prim: Prim, bound: Bound) -> Kind:
    kind = kind_of(first(bound))
    return kind if isinstance(kind, Matrix) else infer_layout.transpose(prim, bound)


def _ndim(prim: Prim, bound: Bound) -> Kind:
    shape = array_of_expr(first(bound)).dims
    return INT if shape is None else replace(INT, value=len(shape))


def _size(prim: Prim, bound: Bound) -> Kind:
    shape, axis = array_of_expr(first(bound)).dims, literal(bound, "axis", None)
    size = product(shape)
    if isinstance(axis, int) and shape is not None:
        size = shape[axis]
    return INT if size is None or axis is MISSING else replace(INT, value=size)


def _item(prim: Prim, bound: Bound) -> Kind:
    return Scalar(array_of_expr(first(bound)).dtype)


def _tolist(prim: Prim, bound: Bound) -> Kind:
    a = array_of_expr(first(bound))
    if a.dims is None:
        raise KindError("tolist of an array whose number of axes is not known")
    kind: Kind = Scalar(a.dtype)
    for _ in a.dims:
        kind = ListOf(kind)
    return kind


def _list(bound: Bound) -> Kind:
    """list(x)."""
    kind = kind_of(first(bound))
    if isinstance(kind, Array) and kind.dims:
        return ListOf(Array(kind.dtype, kind.dims[1:]) if len(kind.dims) > 1 else Scalar(kind.dtype, weak=False))
    if isinstance(kind, ListOf):
        return replace(kind, optional=False)
    if kind == Opaque(range):
        return ListOf(INT)
    return Opaque(list)


def _builtin_sum(prim: Prim, bound: Bound) -> Kind:
    kind = kind_of(bound["iterable"])
    item: Kind
    if isinstance(kind, Array):
        rest = None if kind.dims is None else kind.dims[1:]
        item = Scalar(kind.dtype, weak=False) if rest == () else Array(kind.dtype, rest)
    elif isinstance(kind, ListOf):
        item = kind.item
    else:
        raise KindError(f"sum of a {text(kind)}")
    if isinstance(item, Scalar) and item.dtype == "bool":
        return INT
    return replace(item, value=UNSET) if isinstance(item, Scalar) else item


def _of(value: str, shape: str) -> Callable[[Prim, Bound], Kind]:
    """A result of the dtype of one argument and of the shape of another."""

    def rule(prim: Prim, bound: Bound) -> Kind:
        like = kind_of(bound[shape])
        dtype = array_of_expr(bound[value]).dtype
        return Scalar(dtype, weak=False) if isinstance(like, Scalar) else Array(dtype, array_of(like).dims)

    return rule


def like(argument: str) -> Callable[[Prim, Bound], Kind]:
    """A result of the kind of an argument."""
    return _of(argument, argument)


def _split_like(prim: Prim, bound: Bound) -> Kind:
    return array_list(kind_of(bound["arrays"]), array_of_expr(bound["joined"]).dtype)


def array_list(kind: Kind, dtype: str) -> Kind:
    """A list of arrays of the shapes of those in a list."""
    if isinstance(kind, ListOf):
        return ListOf(replace(array_of(kind.item), dtype=dtype))
    return ListOf(Array(dtype, None))


def _strided(prim: Prim, bound: Bound) -> Kind:
    """As many axes as the shape has items: it is not tried on small arrays, of which it would read what is beside."""
    array, shape = array_of_expr(bound["x"]), bound.get("shape")
    items = shape_items(shape) if shape is not None else None
    return Array(array.dtype, array.dims if shape is None else None if items is None else (None,) * len(items))


Shaped = Callable[[Prim, Bound], Kind]

RULES: dict[Any, Shaped] = {
    np.shape: _shape, np.ndim: _ndim, np.size: _size, dtype_of: _dtype,
    np.ndarray.item: _item, np.ndarray.tolist: _tolist, sum: _builtin_sum,
    np.dot: _dot, np.inner: _dot, np.vdot: _vdot, np.outer: _outer,
    np.cumsum: _cumulative, np.cumprod: _cumulative,
    np.zeros: _filled, np.ones: _filled, np.empty: _filled, np.ndarray: _filled, np.full: _filled,
    np.zeros_like: _filled_like, np.ones_like: _filled_like, np.empty_like: _filled_like, np.full_like: _filled_like,
    np.array: _array, np.asarray: _array, np.asanyarray: _array, np.ascontiguousarray: _array, np.copy: _array,
    np.asfortranarray: _array, np.require: _array,
    np.astype: _astype, np.arange: _arange, np.linspace: _linspace, np.eye: _eye, np.identity: _eye,
    np.lib.stride_tricks.as_strided: _strided, runtime.strided_items: _strided,
    runtime.strided_sums: lambda prim, bound: array_of_expr(bound["x"]), itemsize_of: lambda prim, bound: INT,
    np.reshape: infer_layout.reshape, np.ravel: infer_layout.ravel, np.ndarray.flatten: infer_layout.ravel,
    np.transpose: _transpose,
    np.broadcast_to: infer_layout.broadcast_to, np.concatenate: infer_layout.concatenate,
    np.stack: infer_layout.stack, np.where: infer_layout.where,
    np.diag: infer_layout.diag, np.flatnonzero: infer_layout.flatnonzero, np.linalg.norm: _reduction,
    np.unique: lambda prim, bound: Array(array_of_expr(first(bound)).dtype, (None,)) if len(bound) == 1 else TUPLE,
    np.squeeze: infer_layout.squeeze, np.take: infer_layout.take, np.take_along_axis: infer_layout.take_along_axis,
    np.real: infer_layout.part, np.imag: infer_layout.part,
    runtime.reshape_like: _of("s", "x"),
    np.nonzero: lambda prim, bound: infer_layout.PLACES,
    runtime.unbroadcast: _of("s", "x"), runtime.untile: _of("tiled", "x"), runtime.add_at: _of("x", "x"),
    runtime.undiagonal: _of("x", "x"), runtime.undiagonals: _of("x", "x"), runtime.unpad: _of("padded", "x"),
    runtime.add_windows: _of("windows", "x"), runtime.svd_u: _of("u", "u"), runtime.svd_s: _of("s", "s"),
    runtime.svd_vt: _of("vt", "vt"), runtime.eigh_w: like("w"), runtime.eigh_v: like("v"),
    runtime.qr_q: _of("q", "q"), runtime.qr_r: _of("r", "r"),
    runtime.products_of_others: _of("x", "x"), runtime.split_like: _split_like,
    list: lambda prim, bound: _list(bound),
}  # fmt: skip
for _fn in (
    np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.any, np.all, np.argmax, np.argmin, np.std, np.var,
    np.median, np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanprod, np.count_nonzero, np.ptp,
):  # fmt: skip
    RULES[_fn] = _reduction
RULES |= dict.fromkeys((np.quantile, np.percentile, np.nanquantile, np.nanpercentile), _quantile)
RULES |= dict.fromkeys((np.nanmedian, np.nanvar, np.nanstd), _reduction)
RULES |= dict.fromkeys((np.cov, np.corrcoef), _covariance)
RULES[np.convolve] = RULES[np.correlate] = lambda prim, bound: Array(
    join_dtype(array_of_expr(bound["a"]).dtype, array_of_expr(bound["v"]).dtype), (None,)
)
RULES[runtime.winners] = lambda prim, bound: infer_load(
    replace(bound["x"], kind=Array("bool", array_of_expr(bound["x"]).dims)), bound["index"]
)
RULES[runtime.gradient_adjoint] = _of("d", "d")
RULES[runtime.solve_tridiagonal] = _of("b", "b")
RULES[runtime.quantile_adjoint] = RULES[runtime.add_along] = _of("x", "x")
RULES[runtime.first_places] = lambda prim, bound: Array("int64", (None,))
RULES[runtime.corrcoef_adjoint] = lambda prim, bound: Array(
    join_dtype(array_of_expr(bound["d"]).dtype, array_of_expr(bound["x"]).dtype), array_of_expr(bound["x"]).dims
)
RULES[runtime.quantile_slope] = _quantile_rates
RULES[runtime.quantile_tangent] = lambda prim, bound: Array(
    join_dtype(array_of_expr(bound["t"]).dtype, array_of_expr(bound["x"]).dtype), shape_items(bound["shape"])
)
RULES[np.indices] = lambda prim, bound: (
    TUPLE if "sparse" in bound else Array(dtype_given(bound, "int64"), _stacked(shape_items(bound["dimensions"])))
)
RULES[runtime.grid] = lambda prim, bound: Array(array_of_expr(bound["x"]).dtype, shape_items(bound["shape"]))
