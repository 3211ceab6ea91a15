"""Joining arrays, and choosing between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.rules.build import Sym, total, xp
from srcgrad.rules.defined.registry import array, flattened, hold, ndim, written_as
from srcgrad.rules.shapes import place


@written_as(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Sym:
    if axis is None:
        return xp.concatenate([flattened(arr), flattened([values] if ndim(values) == 0 else values)])
    return xp.concatenate([array(arr), array(values)], axis=axis)


def lifted(x: Any, n: int) -> Sym:
    """An item of a join, with n axes at least."""
    if ndim(x) >= n:
        return array(x)
    return xp.array([[x]] if n == 2 else [x]) if ndim(x) == 0 else x[None] if n - ndim(x) == 1 else array(x)


@written_as(np.dstack)
def dstack(tup: Any) -> Sym | None:
    if not isinstance(tup, (list, tuple)) or any(ndim(item) not in (1, 2, 3) for item in tup):
        return None
    index = {1: (None, slice(None), None), 2: (slice(None), slice(None), None)}
    return xp.concatenate([item if ndim(item) == 3 else item[index[ndim(item)]] for item in tup], axis=2)


@written_as(np.column_stack)
def column_stack(tup: Any) -> Sym | None:
    if not isinstance(tup, (list, tuple)) or all(ndim(item) == 1 for item in tup):
        return None
    return xp.concatenate([item[:, None] if ndim(item) == 1 else item for item in tup], axis=1)


@written_as(np.block)
def block(arrays: Any) -> Sym | None:
    if not isinstance(arrays, list) or not arrays:
        return None
    if not isinstance(arrays[0], list):
        n = max(1, *(ndim(item) for item in arrays))
        return xp.concatenate([lifted(item, n) for item in arrays], axis=n - 1) if n < 3 else None
    if any(isinstance(item, list) or ndim(item) > 2 for row in arrays for item in row):
        return None
    rows = [[lifted(item, 2) for item in row] for row in arrays]
    return xp.concatenate([hold(xp.concatenate(row, axis=1), "row") if len(row) > 1 else row[0] for row in rows])


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
