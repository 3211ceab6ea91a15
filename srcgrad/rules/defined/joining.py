"""Joining arrays, and choosing between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.ir.kinds import Array
from srcgrad.rules.build import Sym, total, xp
from srcgrad.rules.defined.registry import Declined, array, flattened, hold, ndim, written_as
from srcgrad.rules.shapes import place


@written_as(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Sym:
    if axis is None:
        return xp.concatenate([flattened(arr), flattened([values] if ndim(values) == 0 else values)])
    return xp.concatenate([array(arr), array(values)], axis=axis)


def lifted(x: Any, n: int) -> Sym:
    """An item of a join, with n axes at least: new ones in front."""
    if ndim(x) >= n:
        return array(x)
    if ndim(x) == 0:
        for _ in range(n):
            x = [x]
        return xp.array(x)
    return array(x)[(None,) * (n - ndim(x)) + (slice(None),) * ndim(x)]


def rows_joined(x: Sym, k: int) -> Sym:
    """The items of an array along its first axis, joined along their axis k."""
    n = ndim(x)
    if n < 2 or not -n < k < n - 1:
        raise Declined
    k %= n - 1
    lengths = [x.shape[i + 1] for i in range(n - 1)]
    lengths[k] = x.shape[0] * lengths[k]
    return xp.copy(xp.reshape(xp.moveaxis(x, 0, k) if k else x, tuple(lengths)))


def is_array(x: Any) -> bool:
    """Whether what is to be joined is an array: its items along the first axis are meant."""
    return isinstance(x, Sym) and isinstance(x.kind, Array) and ndim(x) > 0


@written_as(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0) -> Sym | None:
    return rows_joined(arrays, axis) if is_array(arrays) and isinstance(axis, int) else None


@written_as(np.stack)
def stack(arrays: Any, axis: Any = 0) -> Sym | None:
    return xp.copy(xp.moveaxis(arrays, 0, axis)) if is_array(arrays) else None


@written_as(np.vstack)
def vstack(tup: Any) -> Sym | None:
    if not is_array(tup):
        return None
    return xp.copy(xp.expand_dims(tup, 1) if ndim(tup) == 1 else tup) if ndim(tup) < 3 else rows_joined(tup, 0)


@written_as(np.hstack)
def hstack(tup: Any) -> Sym | None:
    if not is_array(tup):
        return None
    return xp.copy(tup) if ndim(tup) == 1 else rows_joined(tup, min(ndim(tup) - 2, 1))


@written_as(np.dstack)
def dstack(tup: Any) -> Sym | None:
    if is_array(tup) and ndim(tup) == 2:
        return xp.copy(xp.expand_dims(xp.transpose(tup), 0))
    if is_array(tup) and ndim(tup) > 2:
        return xp.copy(xp.moveaxis(tup, 0, -1)) if ndim(tup) == 3 else rows_joined(tup, 2)
    if not isinstance(tup, (list, tuple)) or any(ndim(item) not in (1, 2, 3) for item in tup):
        return None
    index = {1: (None, slice(None), None), 2: (slice(None), slice(None), None)}
    return xp.concatenate([item if ndim(item) == 3 else item[index[ndim(item)]] for item in tup], axis=2)


@written_as(np.column_stack)
def column_stack(tup: Any) -> Sym | None:
    if is_array(tup):
        columns = xp.expand_dims(tup, 0) if ndim(tup) == 1 else xp.transpose(tup)
        return xp.copy(columns) if ndim(tup) < 3 else rows_joined(tup, 1)
    if not isinstance(tup, (list, tuple)) or all(ndim(item) == 1 for item in tup):
        return None
    return xp.concatenate([item[:, None] if ndim(item) == 1 else item for item in tup], axis=1)


@written_as(np.block)
def block(arrays: Any) -> Sym | None:
    """The innermost lists are joined along the last axis, those around them along the one before it, and so on."""
    if not isinstance(arrays, list) or not arrays:
        return None
    n = max(_depth(arrays), _most_axes(arrays))
    return _joined_block(arrays, n, _depth(arrays))


def _depth(item: Any) -> int:
    return 1 + _depth(item[0]) if isinstance(item, list) and item else 0


def _most_axes(item: Any) -> int:
    return max(map(_most_axes, item)) if isinstance(item, list) else ndim(item)


def _joined_block(item: Any, n: int, depth: int) -> Sym:
    if isinstance(item, list) != (depth > 0) or item == []:
        raise Declined  # NumPy says what is wrong
    if depth == 0:
        return lifted(item, n)
    parts = [_joined_block(inner, n, depth - 1) for inner in item]
    return parts[0] if len(parts) == 1 else hold(xp.concatenate(parts, axis=n - depth), "part")


@written_as(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Sym | None:
    if not isinstance(condlist, list) or not isinstance(choicelist, list) or len(condlist) != len(choicelist):
        return None
    result = default
    for test, value in reversed(list(zip(condlist, choicelist, strict=True))):
        result = xp.where(test, value, result)
    return result if condlist else None


@written_as(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Sym, ...]:
    ranks = [ndim(x) for x in args]
    if len(set(ranks)) == 1 and len(args) == 1:
        return (args[0],)
    shape = xp.shape(total([array(x) for x in args]))
    return tuple(xp.broadcast_to(x, shape) for x in args)


@written_as(np.unstack)
def unstack(x: Sym, /, *, axis: Any = 0) -> Any:
    known = getattr(x.kind, "dims", None)
    if not known or not -len(known) <= axis < len(known) or not isinstance(known[axis], int):
        return None
    return tuple(x[place(axis % ndim(x), 0, k)] for k in range(known[axis]))


@written_as(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    return None if len(arys) == 1 else tuple(xp.atleast_1d(x) for x in arys)


@written_as(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    return None if len(arys) == 1 else tuple(xp.atleast_2d(x) for x in arys)


@written_as(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    return None if len(arys) == 1 else tuple(xp.atleast_3d(x) for x in arys)
