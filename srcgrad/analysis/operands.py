"""Kinds of arguments: of constants and displays, as arrays, as shapes, as lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.analysis.dims import Dims
from srcgrad.analysis.signatures import MISSING, Bound, Missing, const
from srcgrad.errors import KindError
from srcgrad.ir.kinds import (
    BOOL,
    INT,
    NONE,
    STR,
    UNSET,
    Array,
    Dim,
    DType,
    Extent,
    Kind,
    ListOf,
    Matrix,
    Opaque,
    Scalar,
    Shape,
    join,
    join_dtype,
    text,
)
from srcgrad.ir.nodes import BoolOp, Call, Const, DictPack, Expr, Format, Load, Op, Pack, Prim, Slice

TUPLE = Opaque(tuple)


# ---- kinds of arguments --------------------------------------------------------------------------------------


def kind_of(expr: Expr) -> Kind:
    """The kind of a typed expression; of constants and displays it is found here."""
    match expr:
        case Const(value=bool() as value):
            return replace(BOOL, value=value)
        case Const(value=int() as value):
            return replace(INT, value=value)
        case Const(value=float() as value):
            return Scalar("float64", weak=not isinstance(value, np.generic), value=value)
        case Const(value=complex() as value):
            return Scalar("complex128", value=value)
        case Const(value=np.generic() as value):
            return Scalar(value.dtype.name, weak=False, value=value)
        case Const(value=None):
            return NONE
        case Const(value=np.ndarray() as value):
            return Array(value.dtype.name, value.shape)
        case Const(value=value):
            return Opaque(type(value))
        case Slice():
            return Opaque(slice)
        case Format():
            return STR
        case DictPack():
            return Opaque(dict) if expr.kind == Expr().kind else expr.kind
        case Pack(type="list", items=items) if expr.kind == Expr().kind and items:
            return _list_kind([kind_of(item) for item in items])
        case Pack(type=type_) if expr.kind == Expr().kind:
            return Opaque({"tuple": tuple, "list": list, "set": set}[type_])
        case BoolOp() if expr.kind == Expr().kind:
            return BOOL
    return expr.kind


def _list_kind(items: Sequence[Kind]) -> Kind:
    result = items[0]
    for item in items[1:]:
        joined = join(result, item)
        if joined is None:
            return Opaque(list)
        result = joined
    return ListOf(replace(result, value=UNSET) if isinstance(result, Scalar) else result)


def shape_of(kind: Kind) -> Dims | None:
    """The shape of a number or an array, () for a number."""
    if isinstance(kind, Scalar):
        return ()
    if isinstance(kind, Array):
        return kind.dims
    if isinstance(kind, Matrix):
        return (None, None)
    raise KindError(f"expected an array, not a {text(kind)}")


def array_of(kind: Kind) -> Array:
    """The array that np.asarray makes of a number, an array, or a list of them."""
    if isinstance(kind, Array):
        return replace(kind, optional=False)
    if isinstance(kind, Scalar):
        return Array(kind.dtype, ())
    if isinstance(kind, ListOf):
        item = array_of(kind.item)
        return Array(item.dtype, None if item.dims is None else (None, *item.dims))
    raise KindError(f"cannot make an array of a {text(kind)}")


def array_of_expr(expr: Expr) -> Array:
    """Like array_of, with the lengths of displays."""
    if isinstance(expr, Pack) and expr.items:
        parts = [array_of_expr(item) for item in expr.items]
        dtype, shape = parts[0].dtype, parts[0].dims
        for part in parts[1:]:
            dtype = join_dtype(dtype, part.dtype)
            if shape is None or part.dims is None or len(shape) != len(part.dims):
                shape = None
            else:
                shape = tuple(same_length(a, b) for a, b in zip(shape, part.dims, strict=False))
        return Array(dtype, None if shape is None else (len(parts), *shape))
    if isinstance(expr, Pack):
        return Array("float64", (0,))
    value = const(expr)
    if isinstance(value, (tuple, list)):
        made = np.asarray(value)
        return Array(made.dtype.name, made.shape)
    return array_of(kind_of(expr))


def same_length(a: Dim, b: Dim) -> Dim:
    """The length of axes that must be equal."""
    return a if a == b or b is None else b if a is None else (a if isinstance(a, int) else b)


def length_of(expr: Expr) -> Dim:
    """The number of items of an array or a display, where known."""
    if isinstance(expr, Pack):
        return len(expr.items)
    value = const(expr)
    if isinstance(value, (tuple, list, str)):
        return len(value)
    shape = shape_items(expr) if is_tuple(kind_of(expr)) else None
    if shape is not None:
        return len(shape)
    kind = kind_of(expr)
    return kind.dims[0] if isinstance(kind, Array) and kind.dims else None


def dim_value(kind: Kind) -> Dim:
    """An integer as a length of an axis."""
    if isinstance(kind, Scalar) and isinstance(kind.value, (int, Extent)):
        return kind.value
    return None


def shape_items(expr: Expr) -> Dims | None:
    """The items of an expression that is a shape: an int, a display, `x.shape`, or part or sum of such."""
    match expr:
        case Const(value=tuple() | list() as value):
            return tuple(v if isinstance(v, int) else None for v in value)
        case Pack(items=items):
            return tuple(dim_value(kind_of(item)) for item in items)
        case Call(prim=Prim(fn=np.shape), args=(arg,)):
            return shape_of(kind_of(arg))
        case Op(op="+", args=(a, b)) if is_tuple(kind_of(expr)):
            left, right = shape_items(a), shape_items(b)
            return None if left is None or right is None else left + right
        case Load(base=base, index=Slice(lo=lo, hi=hi, step=step)):
            whole = shape_items(base)
            bounds = [None if bound is None else const(bound) for bound in (lo, hi, step)]
            if whole is None or any(isinstance(b, Missing) for b in bounds):
                return None
            return whole[slice(*bounds)]
    kind = kind_of(expr)
    if isinstance(kind, Shape):
        return kind.dims
    return (dim_value(kind),) if isinstance(kind, Scalar) else None


def is_tuple(kind: Kind) -> bool:
    """Whether a value is a tuple of which nothing more, or its being a shape, is known."""
    return kind == TUPLE or isinstance(kind, Shape)


def dtype_name(expr: Expr) -> str:
    """The dtype that an argument `dtype=...` names."""
    value = const(expr)
    try:
        if value is not MISSING:
            return np.dtype(value).name
    except TypeError:
        pass
    known = known_dtype(kind_of(expr))
    if known is None:
        raise KindError("the dtype is not known when compiling")
    return known.name


def known_dtype(kind: Kind) -> np.dtype[Any] | None:
    """The dtype that a value of this kind is."""
    return np.dtype(kind.name) if isinstance(kind, DType) else None


def dtype_given(bound: Bound, default: str) -> str:
    """The dtype that the argument `dtype` names, if given."""
    given = bound.get("dtype")
    return default if given is None or const(given) is None else dtype_name(given)


def first(bound: Bound) -> Expr:
    """The first argument."""
    return next(iter(bound.values()))


def literal(bound: Bound, name: str, default: Any) -> Any:
    """The value of an argument: MISSING if it is not known when compiling."""
    return const(bound[name]) if name in bound else default
