"""Picking elements, leaving them out and putting others in."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.ir.kinds import is_float
from srcgrad.ir.nodes import Slice
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.defined.registry import array, flattened, hold, ndim, written_as


def length(x: Sym, axis: int) -> Sym:
    """The length of an axis."""
    return x.shape[axis] if axis else helper(len)(x)


def along(x: Any, axis: Any) -> tuple[Sym, int]:
    """The array and the axis, or its elements in a row where the axis is None."""
    return (flattened(x), 0) if axis is None else (array(x), axis % ndim(x))


@written_as(np.take)
def take(a: Any, indices: Any, axis: Any = None, mode: Any = "raise") -> Sym | None:
    if mode == "raise" and (axis is not None or ndim(a) == 1):
        return None
    x, k = along(a, axis)
    if mode == "wrap":
        indices = xp.mod(array(indices), length(x, k))
    elif mode == "clip":
        indices = xp.clip(array(indices), 0, length(x, k) - 1)
    return xp.take(x, array(indices), axis=k)


@written_as(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Sym | None:
    return xp.take(flattened(arr), array(indices), axis=0) if axis is None else None


@written_as(np.ndarray.item)
def item(a: Any, *args: Any) -> Sym | None:
    """The element at an index of all axes, or at a place in the array made flat."""
    if not args or not isinstance(a, Sym):
        return None
    index = args[0] if len(args) == 1 and isinstance(args[0], tuple) else args
    if len(index) == ndim(a):
        return a[index]
    return hold(a.reshape(-1), "flat")[index[0]] if len(index) == 1 else None


@written_as(np.ndarray.flatten)
def flatten(a: Any, order: Any = "C") -> Sym | None:
    return xp.copy(a.T).reshape(-1) if order == "F" else None


@written_as(np.ix_)
def ix_(*args: Any) -> tuple[Sym, ...] | None:
    """Vectors of numbers along axes of their own; what are indices is left to NumPy."""
    if not all(isinstance(x, Sym) and ndim(x) == 1 and is_float(x.kind) for x in args):
        return None
    n = len(args)
    return tuple(x[(*[None] * k, slice(None), *[None] * (n - 1 - k))] for k, x in enumerate(args))


@written_as(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Sym | None:
    if ndim(repeats) == 0:
        return None
    x, k = along(a, axis)
    return xp.take(x, xp.repeat(xp.arange(length(x, k)), array(repeats)), axis=k)


@written_as(np.extract)
def extract(condition: Any, arr: Any) -> Sym:
    return xp.take(flattened(arr), xp.flatnonzero(array(condition)), axis=0)


@written_as(np.compress)
def compress(condition: Any, a: Any, axis: Any = None) -> Sym:
    x, k = along(a, axis)
    return xp.take(x, xp.flatnonzero(array(condition)), axis=k)


@written_as(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Sym:
    x, k = along(arr, axis)
    every = xp.arange(length(x, k))
    if isinstance(obj, slice) or isinstance(getattr(obj, "expr", None), Slice):
        every = hold(every, "every")
        obj = every[obj]
    return xp.take(x, xp.delete(every, obj if isinstance(obj, (Sym, int)) else array(obj)), axis=k)


@written_as(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Sym | None:
    x, k = along(arr, axis)
    n = length(x, k)
    if isinstance(obj, slice):
        return None
    at = obj if isinstance(obj, (Sym, int)) else array(obj)
    if ndim(x) == 1:
        if ndim(values) == 0:
            return xp.take(xp.concatenate([x, xp.array([values])]), xp.insert(xp.arange(n), at, n), axis=0)
        new = flattened(values)
        added = xp.arange(n, n + helper(len)(new))
        return xp.take(xp.concatenate([x, new]), xp.insert(xp.arange(n), at, added), axis=0)
    if ndim(obj) > 0:
        places = xp.size(at)
        shape = tuple(places if j == k else x.shape[j] for j in range(ndim(x)))
        rows = values if ndim(values) == ndim(x) else array(values)
        added = xp.concatenate([x, xp.broadcast_to(rows, shape)], axis=k)
        return xp.take(added, xp.insert(xp.arange(n), at, xp.arange(n, n + places)), axis=k)
    if ndim(values) >= ndim(x):
        return None
    first = xp.take(x, 0, axis=k)
    row = xp.expand_dims(xp.broadcast_to(values, xp.shape(first)), k)
    return xp.take(xp.concatenate([x, row], axis=k), xp.insert(xp.arange(n), at, n), axis=k)


@written_as(np.resize)
def resize(a: Any, new_shape: Any) -> Sym:
    x = flattened(a)
    return xp.take(x, xp.resize(xp.arange(helper(len)(x)), new_shape), axis=0)


@written_as(np.trim_zeros)
def trim_zeros(filt: Any, trim: Any = "fb") -> Sym | None:
    if ndim(filt) != 1 or not isinstance(filt, Sym) or trim.lower() not in ("f", "b", "fb", "bf"):
        return None
    full = hold(xp.flatnonzero(filt), "full")
    start = xp.min(full, initial=length(filt, 0)) if "f" in trim.lower() else None
    end = xp.max(full, initial=-1) + 1 if "b" in trim.lower() else None
    return filt[start:end]
