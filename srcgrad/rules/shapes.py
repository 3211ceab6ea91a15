"""Functions that rearrange, join and repeat elements. All are linear."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.ir.kinds import ListOf, dims, rank
from srcgrad.rules.build import Sym, helper, unbroadcast, xp
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import linear, vjp


def back(d: Sym, x: Sym) -> Sym:
    """An adjoint with the elements of x's adjoint, in x's shape."""
    if rank(x.kind) == 0:
        return xp.sum(d)
    if rank(x.kind) is None:  # perhaps a number
        return helper(runtime.reshape_like)(d, x)
    return d.reshape(x.shape)


@linear((np.reshape, np.ravel), "a", view="maybe")
def _reshape(d: Sym, a: Sym, shape: Any = None) -> Sym:
    return back(d, a)


@linear(np.ndarray.flatten, "a")
def _flatten(d: Sym, a: Sym) -> Sym:
    return back(d, a)


@linear(np.squeeze, "a", view="always")
def _squeeze(d: Sym, a: Sym, axis: Any = None) -> Sym:
    return back(d, a)


@linear(np.expand_dims, "a", view="always")
def _expand_dims(d: Sym, a: Sym, axis: Any) -> Sym:
    return back(d, a)


@linear((np.atleast_1d, np.atleast_2d, np.atleast_3d), "arys", view="always", variadic="arys")
def _atleast(d: Sym, arys: list[Sym]) -> list[Sym]:
    if len(arys) != 1:
        raise KindError("np.atleast_1d and its like are differentiated for one array at a time")
    return [back(d, arys[0])]


@linear(np.transpose, "a", view="always")
def _transpose(d: Sym, a: Sym, axes: Any = None) -> Sym:
    order = literal(axes, "axes")
    if order is None:
        return d.T
    if rank(a.kind) == 2:
        return d.T if tuple(order) in ((1, 0), (-1, -2), (-1, 0), (1, -2)) else d
    n = len(order)
    inverse = sorted(range(n), key=lambda k: order[k] % n)
    return d.transpose(*inverse)


@linear(np.swapaxes, "a", view="always")
def _swapaxes(d: Sym, a: Sym, axis1: Any, axis2: Any) -> Sym:
    return d.swapaxes(literal(axis1), literal(axis2))


@linear(np.moveaxis, "a", view="always")
def _moveaxis(d: Sym, a: Sym, source: Any, destination: Any) -> Sym:
    return xp.moveaxis(d, literal(destination), literal(source))


@linear(np.broadcast_to, "array", view="always")
def _broadcast_to(d: Sym, array: Sym, shape: Any) -> Sym:
    return unbroadcast(d, d.kind, array.kind, array)


@linear(np.flip, "m", view="always")
def _flip(d: Sym, m: Sym, axis: Any = None) -> Sym:
    k = literal(axis)
    return xp.flip(d) if k is None else xp.flip(d, k)


linear(np.flipud, "m", view="always")(lambda d, m: xp.flip(d, 0))
linear(np.fliplr, "m", view="always")(lambda d, m: xp.flip(d, 1))


@linear(np.roll, "a")
def _roll(d: Sym, a: Sym, shift: Any, axis: Any = None) -> Sym:
    k = literal(axis)
    return xp.roll(d, -shift) if k is None else xp.roll(d, -shift, axis=k)


@linear(np.tile, "A")
def _tile(d: Sym, A: Sym, reps: Any) -> Sym:
    return helper(runtime.untile)(d, A, reps)


@linear(np.repeat, "a")
def _repeat(d: Sym, a: Sym, repeats: Any, axis: Any = None) -> Sym:
    if rank(repeats.kind) != 0:
        raise KindError("np.repeat with a number for each element is not differentiated", "Index with an array.")
    n, k = rank(a.kind), literal(axis)
    if n == 1 or k is None:
        return back(d.reshape(-1, repeats).sum(axis=1), a)
    if n is None:
        raise KindError("np.repeat of an array whose number of axes is not known")
    k %= n
    lengths = [a.shape[j] for j in range(n)]
    return d.reshape(*lengths[: k + 1], repeats, *lengths[k + 1 :]).sum(axis=k + 1)


# ---- joining -------------------------------------------------------------------------------------------------


def place(k: int, n: int, index: Any) -> Any:
    """The index that applies `index` to axis k."""
    return (*(slice(None),) * k, index) if k else index


def parts(d: Sym, arrays: list[Sym], axis: int) -> list[Sym]:
    """The parts of d along the axis that answer to the arrays."""
    result = []
    start: Any = 0
    for j, a in enumerate(arrays):
        length = dims(a.kind)
        known = length[axis] if length else None
        size: Any = known if isinstance(known, int) else a.shape[axis] if axis else helper(len)(a)
        end = start + size if isinstance(size, int) or isinstance(start, Sym) else size + start
        last = j == len(arrays) - 1
        result.append(d[place(axis, 0, slice(start if j else None, None if last else end))])
        start = end
    return result


@linear(np.concatenate, "arrays", displays=True)
def _concatenate(d: Sym, arrays: Any, axis: Any = 0) -> Any:
    k = literal(axis)
    if isinstance(arrays, Sym):
        return helper(runtime.split_like)(d, arrays) if k == 0 else helper(runtime.split_like)(d, arrays, k)
    if k is None:
        return [back(p, a) for p, a in zip(parts(d, [xp.ravel(a) for a in arrays], 0), arrays, strict=False)]
    n = rank(arrays[0].kind)
    if n is None:
        raise KindError("np.concatenate of arrays whose number of axes is not known")
    return parts(d, arrays, k % n)


def _joined(axis: int) -> Any:
    def build(d: Sym, tup: Any) -> Any:
        if isinstance(tup, Sym):
            return _join_list(d, tup, axis)
        n = rank(tup[0].kind)
        if n is None:
            raise KindError("the number of axes of the arrays is not known")
        if axis == 0 and n < 2:  # vstack makes rows of them
            return [d[j] if n else d[j, 0] for j in range(len(tup))]
        if n == 0:
            return [d[j] for j in range(len(tup))]
        return parts(d, tup, min(axis, n - 1))

    return build


def _join_list(d: Sym, arrays: Sym, axis: int) -> Sym:
    assert isinstance(arrays.kind, ListOf)
    n = rank(arrays.kind.item)
    if n is None or n == 0 or (axis == 0 and n == 1):
        if n is None:
            raise KindError("the number of axes of the arrays is not known")
        return d.tolist() if n == 0 and axis == 1 else helper(list)(d)
    return helper(runtime.split_like)(d, arrays, min(axis, n - 1))


linear(np.vstack, "tup", displays=True)(_joined(0))
linear(np.hstack, "tup", displays=True)(_joined(1))


@linear(np.stack, "arrays", displays=True)
def _stack(d: Sym, arrays: Any, axis: Any = 0) -> Any:
    k, n = literal(axis), rank(d.kind)
    if n is None:
        raise KindError("np.stack of arrays whose number of axes is not known")
    k %= n
    if isinstance(arrays, Sym):
        front = d if k == 0 else xp.moveaxis(d, k, 0)
        return front.tolist() if n == 1 else helper(list)(front)
    return [d[place(k, 0, j)] for j in range(len(arrays))]


@linear(np.column_stack, "tup", displays=True)
def _column_stack(d: Sym, tup: Any) -> Any:
    if isinstance(tup, Sym) or any(rank(a.kind) != 1 for a in tup):
        raise KindError("np.column_stack is differentiated for a display of vectors", "Use np.concatenate.")
    return [d[:, j] for j in range(len(tup))]


@linear(np.take, "a")
def _take(d: Sym, a: Sym, indices: Sym, axis: Any = None) -> Sym:
    k, n = literal(axis), rank(a.kind)
    if k is None and n != 1 or n is None:
        raise KindError("np.take of the flattened array is not differentiated", "Give the axis.")
    index = indices if not k else (*(slice(None),) * (k % n), indices)
    return helper(runtime.add_at)(a, index, d)


@linear((np.split, np.array_split), "ary", view="always")
def _split(d: Sym, ary: Sym, indices_or_sections: Any, axis: Any = 0) -> Sym:
    k = literal(axis)
    return xp.concatenate(d, axis=k) if k else xp.concatenate(d)


# ---- the functions that generated code calls -----------------------------------------------------------------


@linear(runtime.unbroadcast, "s", view="maybe")
def _unbroadcast(d: Sym, s: Sym, x: Any) -> Sym:
    return xp.broadcast_to(d, s.shape)


@linear(runtime.reshape_like, "s", view="maybe")
def _reshape_like(d: Sym, s: Sym, x: Any) -> Sym:
    return back(d, s)


@linear(runtime.split_like, "joined", displays=True, view="maybe")
def _split_like(d: Sym, joined: Sym, arrays: Any, axis: Any = 0) -> Sym:
    return xp.concatenate(d, axis=literal(axis))


@linear(runtime.untile, "tiled")
def _untile(d: Sym, tiled: Sym, x: Any, reps: Any) -> Sym:
    return xp.tile(d, reps)


@linear(runtime.add_at, "values")
def _add_at(d: Sym, x: Any, index: Any, values: Sym) -> Sym:
    return d[index]


@linear(runtime.undiagonal, "values")
def _undiagonal(d: Sym, values: Sym, x: Any, k: Any = 0) -> Sym:
    return xp.diagonal(d, literal(k)) if literal(k) else xp.diagonal(d)


# The arguments that only say of which shape the result is.
for _fn, _name in ((runtime.unbroadcast, "x"), (runtime.reshape_like, "x"), (runtime.split_like, "arrays"),
                   (runtime.untile, "x"), (runtime.add_at, "x"), (runtime.undiagonal, "x")):  # fmt: skip
    vjp(_fn, _name)(lambda d: 0)
