"""Arithmetic of axis lengths: broadcasting, slicing, reducing. All of it errs towards None (unknown)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from srcgrad.errors import KindError
from srcgrad.ir.kinds import Dim, Extent, not_one

Dims = tuple[Dim, ...]


def broadcast_dim(a: Dim, b: Dim) -> Dim:
    """The length that axes of length a and b broadcast to.

    An axis that is known not to be 1 decides: the other is 1 or the same.
    """
    if a == b:
        return a
    if a == 1:
        return b
    if b == 1:
        return a
    if isinstance(a, int) and isinstance(b, int):
        raise KindError(f"axes of length {a} and {b} do not broadcast")
    for one, other in ((a, b), (b, a)):
        if isinstance(one, int) or (not_one(one) and not isinstance(other, int)):
            return one
    return None


def broadcast(shapes: Iterable[Dims | None]) -> Dims | None:
    """The shape that the given ones broadcast to; None where the rank of one is unknown."""
    result: Dims = ()
    for shape in shapes:
        if shape is None:
            return None
        n = max(len(result), len(shape))
        left: Dims = (1,) * (n - len(result)) + result
        right: Dims = (1,) * (n - len(shape)) + shape
        result = tuple(broadcast_dim(a, b) for a, b in zip(left, right, strict=False))
    return result


def minus(value: Dim, k: Dim) -> Dim:
    """value - k."""
    if isinstance(value, int) and isinstance(k, int):
        return value - k
    if isinstance(value, Extent) and isinstance(k, int) and value.less + k >= 0:
        return Extent(value.base, value.less + k)
    if isinstance(value, Extent) and isinstance(k, Extent) and value.base == k.base:
        return k.less - value.less
    return None


def slice_dim(dim: Dim, lo: Any, hi: Any, step: Any) -> Dim:
    """The length of `axis[lo:hi:step]`. A bound is an int, an Extent, None (absent), or ... (unknown)."""
    if step not in (None, 1):
        if lo is None and hi is None and step == -1:
            return dim
        if isinstance(dim, int) and all(v is None or isinstance(v, int) for v in (lo, hi, step)):
            return len(range(dim)[slice(lo, hi, step)])
        return None
    if lo is None or lo == 0:
        lo = 0
        if hi is None or hi == dim:
            return dim
    if isinstance(dim, int):
        if all(v is None or isinstance(v, int) for v in (lo, hi)):
            return len(range(dim)[slice(lo, hi)])
        return None
    if isinstance(lo, int) and lo >= 0 and isinstance(dim, Extent):
        if hi is None:
            return Extent(dim.base, dim.less + lo)
        if isinstance(hi, int) and hi < 0:
            return Extent(dim.base, dim.less + lo - hi)
        if isinstance(hi, Extent) and hi.base == dim.base and hi.less >= dim.less:
            return Extent(dim.base, hi.less + lo)
    if isinstance(hi, int) and isinstance(lo, int) and hi >= 0 and lo >= hi:
        return 0
    return None


def normalize_axes(axis: object, rank: int) -> tuple[int, ...]:
    """Axes as a tuple of non-negative ints; None means all."""
    if axis is None:
        return tuple(range(rank))
    axes: Sequence[object] = axis if isinstance(axis, (tuple, list)) else (axis,)
    result = []
    for k in axes:
        if not isinstance(k, int) or not -rank <= k < rank:
            raise KindError(f"axis {k} is out of bounds for an array with {rank} axes")
        result.append(k % rank)
    return tuple(result)


def reduce_dims(shape: Dims | None, axis: object, keepdims: bool) -> Dims | None:
    """The shape after a reduction over `axis`."""
    if shape is None:
        return () if axis is None and not keepdims else None
    gone = normalize_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if k in gone else d for k, d in enumerate(shape))
    return tuple(d for k, d in enumerate(shape) if k not in gone)


def product(shape: Dims | None) -> Dim:
    """The number of elements."""
    if shape is None:
        return None
    if len([d for d in shape if d != 1]) == 1:
        return next(d for d in shape if d != 1)
    total = 1
    for d in shape:
        if not isinstance(d, int):
            return None
        total *= d
    return total


def broadcast_dim_equal(a: Dim, b: Dim) -> None:
    """Refuse axes that are known to differ where they have to be equal."""
    if isinstance(a, int) and isinstance(b, int) and a != b:
        raise KindError(f"axes of length {a} and {b} have to be equal")
