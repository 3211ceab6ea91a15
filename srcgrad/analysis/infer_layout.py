"""Kinds, by rule, of functions that rearrange, join and select elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.analysis.dims import broadcast, broadcast_dim_equal, normalize_axes, product
from srcgrad.analysis.operands import (
    array_of,
    array_of_expr,
    first,
    kind_of,
    literal,
    same_length,
    shape_items,
)
from srcgrad.analysis.signatures import MISSING, Bound
from srcgrad.errors import KindError
from srcgrad.ir.kinds import UNSET, Array, Dim, Kind, Opaque, Scalar, join_dtype, not_one
from srcgrad.ir.nodes import Pack, Prim

PLACES = Opaque(tuple, item=Array("int64", (None,)))
"""What np.nonzero returns: an array of ints for each axis."""


def reshape(prim: Prim, bound: Bound) -> Kind:
    a = array_of_expr(bound["a"])
    shape = shape_items(bound["shape"])
    if shape is None:
        return Array(a.dtype, None)
    size = product(a.dims)
    if shape.count(-1) == 1:
        rest = product(tuple(d for d in shape if d != -1))
        found: Dim = None
        if rest == 1:
            found = size
        elif isinstance(size, int) and isinstance(rest, int) and rest:
            found = size // rest
        shape = tuple(found if d == -1 else d for d in shape)
    elif len(shape) == 1 and shape[0] is None:
        shape = (size,)  # x.reshape(n): n is -1 or the size
    return Array(a.dtype, shape)


def ravel(prim: Prim, bound: Bound) -> Kind:
    a = array_of_expr(first(bound))
    return Array(a.dtype, (product(a.dims),))


def transpose(prim: Prim, bound: Bound) -> Kind:
    a = array_of_expr(bound["a"])
    axes = literal(bound, "axes", None)
    if a.dims is None or axes is MISSING:
        return Array(a.dtype, None if a.dims is None else (None,) * len(a.dims))
    order = range(len(a.dims))[::-1] if axes is None else normalize_axes(tuple(axes), len(a.dims))
    return Array(a.dtype, tuple(a.dims[k] for k in order))


def squeeze(prim: Prim, bound: Bound) -> Kind:
    a, axis = array_of_expr(bound["a"]), literal(bound, "axis", None)
    if a.dims is None or axis is MISSING:
        return Array(a.dtype, None)
    if axis is not None:
        gone = normalize_axes(axis, len(a.dims))
        return Array(a.dtype, tuple(d for k, d in enumerate(a.dims) if k not in gone))
    if any(d != 1 and not not_one(d) for d in a.dims):
        return Array(a.dtype, None)
    return Array(a.dtype, tuple(d for d in a.dims if d != 1))


def take(prim: Prim, bound: Bound) -> Kind:
    a, indices, axis = array_of_expr(bound["a"]), array_of_expr(bound["indices"]), literal(bound, "axis", None)
    if a.dims is None or indices.dims is None or axis is MISSING:
        return Array(a.dtype, None)
    if axis is None:
        shape = indices.dims
    else:
        k = normalize_axes(axis, len(a.dims))[0]
        shape = a.dims[:k] + indices.dims + a.dims[k + 1 :]
    return Array(a.dtype, shape) if shape else Scalar(a.dtype, weak=False)


def take_along_axis(prim: Prim, bound: Bound) -> Kind:
    return Array(array_of_expr(bound["arr"]).dtype, array_of_expr(bound["indices"]).dims)


def part(prim: Prim, bound: Bound) -> Kind:
    """The real or the imaginary part."""
    kind = kind_of(first(bound))
    if isinstance(kind, (Scalar, Array)):
        dtype = np.empty(0, kind.dtype).real.dtype.name
        return replace(kind, dtype=dtype, value=UNSET) if isinstance(kind, Scalar) else replace(kind, dtype=dtype)
    return array_of(kind)


def broadcast_to(prim: Prim, bound: Bound) -> Kind:
    return Array(array_of_expr(bound["array"]).dtype, shape_items(bound["shape"]))


def flatnonzero(prim: Prim, bound: Bound) -> Kind:
    return Array("int64", (None,))


def diag(prim: Prim, bound: Bound) -> Kind:
    v, k = array_of_expr(bound["v"]), literal(bound, "k", 0)
    if v.dims is None:
        return Array(v.dtype, None)
    if len(v.dims) == 1:
        n = v.dims[0] if k == 0 else v.dims[0] + abs(k) if isinstance(v.dims[0], int) and k is not MISSING else None
        return Array(v.dtype, (n, n))
    n = v.dims[0] if k == 0 and v.dims[0] == v.dims[-1] else None
    return Array(v.dtype, (n,))


def concatenate(prim: Prim, bound: Bound) -> Kind:
    arrays, axis = bound["arrays"], literal(bound, "axis", 0)
    if not isinstance(arrays, Pack):
        whole = array_of(kind_of(arrays))
        if whole.dims is None or axis is MISSING:
            return Array(whole.dtype, None)
        if axis is None:
            return Array(whole.dtype, (None,))
        item = whole.dims[1:]
        joined = normalize_axes(axis, len(item))[0]
        return Array(whole.dtype, tuple(None if k == joined else d for k, d in enumerate(item)))
    parts = [array_of_expr(item) for item in arrays.items]
    dtype = _joined_dtype(parts)
    if axis is MISSING or any(p.dims is None for p in parts):
        return Array(dtype, None)
    shapes = [p.dims or () for p in parts]
    if axis is None:
        sizes = [product(s) for s in shapes]
        return Array(dtype, (_total(sizes),))
    ranks = {len(s) for s in shapes}
    if len(ranks) != 1 or ranks == {0}:
        raise KindError(f"{prim.text}: the arrays have to have the same number of axes, at least one")
    k = normalize_axes(axis, len(shapes[0]))[0]
    shape = list(shapes[0])
    for other in shapes[1:]:
        for j, d in enumerate(other):
            broadcast_dim_equal(shape[j] if j != k else None, d)
            shape[j] = same_length(shape[j], d)
    shape[k] = _total([s[k] for s in shapes])
    return Array(dtype, tuple(shape))


def _joined_dtype(parts: Sequence[Array]) -> str:
    dtype = parts[0].dtype
    for part in parts[1:]:
        dtype = join_dtype(dtype, part.dtype)
    return dtype


def _total(sizes: Sequence[Dim]) -> Dim:
    if len(sizes) == 1:
        return sizes[0]
    total = 0
    for size in sizes:
        if not isinstance(size, int):
            return None
        total += size
    return total


def stack(prim: Prim, bound: Bound) -> Kind:
    arrays, axis = bound["arrays"], literal(bound, "axis", 0)
    whole = array_of_expr(arrays)
    if whole.dims is None or axis is MISSING:
        return Array(whole.dtype, None)
    k = normalize_axes(axis, len(whole.dims))[0]
    rest = whole.dims[1:]
    return Array(whole.dtype, (*rest[:k], whole.dims[0], *rest[k:]))


def where(prim: Prim, bound: Bound) -> Kind:
    if "x" not in bound:
        return PLACES
    parts = [array_of_expr(bound[name]) for name in ("condition", "x", "y")]
    dummies = [_dummy(kind_of(bound[name])) for name in ("x", "y")]
    return Array(np.where([True], *dummies).dtype.name, broadcast(p.dims for p in parts))


def _dummy(kind: Kind) -> Any:
    """A value whose dtype promotes as that of `kind` does."""
    if isinstance(kind, Scalar) and kind.weak:
        return np.dtype(kind.dtype).type(1).item()
    return np.ones((1,), array_of(kind).dtype)
