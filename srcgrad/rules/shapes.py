"""Functions that rearrange, join and repeat elements. All are linear."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.signatures import MISSING
from srcgrad.errors import KindError
from srcgrad.ir.kinds import ListOf, Scalar, dims, rank
from srcgrad.ir.nodes import Pack
from srcgrad.rules.build import Sym, const, helper, unbroadcast, xp
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import flat, holds_for_reals, jvp, linear


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


@linear((np.matrix_transpose, np.linalg.matrix_transpose), "x", view="always")
def _matrix_transpose(d: Sym, x: Sym) -> Sym:
    return d.T if rank(x.kind) == 2 else d.swapaxes(-1, -2)


@linear(np.moveaxis, "a", view="always")
def _moveaxis(d: Sym, a: Sym, source: Any, destination: Any) -> Sym:
    return xp.moveaxis(d, literal(destination), literal(source))


@linear(np.broadcast_to, "array", view="readonly")
def _broadcast_to(d: Sym, array: Sym, shape: Any) -> Sym:
    return unbroadcast(d, d.kind, array.kind, array)


@linear(np.flip, "m", view="always")
def _flip(d: Sym, m: Sym, axis: Any = None) -> Sym:
    k = literal(axis)
    return xp.flip(d) if k is None else xp.flip(d, k)


linear(np.flipud, "m", view="always")(lambda d, m: xp.flip(d, 0))
linear(np.fliplr, "m", view="always")(lambda d, m: xp.flip(d, 1))


@linear(np.rot90, "m", view="always")
def _rot90(d: Sym, m: Sym, k: Any = 1, axes: Any = (0, 1)) -> Sym:
    plane = literal(axes, "axes")
    return xp.rot90(d, -k) if tuple(plane) == (0, 1) else xp.rot90(d, -k, plane)


@linear(np.rollaxis, "a", view="always")
def _rollaxis(d: Sym, a: Sym, axis: Any, start: Any = 0) -> Sym:
    n = rank(a.kind)
    if n is None:
        raise KindError("np.rollaxis of an array whose number of axes is not known", "Use np.moveaxis.")
    k, to = literal(axis) % n, literal(start, "start")
    to += n if to < 0 else 0
    return xp.moveaxis(d, to - 1 if to > k else to, k)


@linear(np.roll, "a")
def _roll(d: Sym, a: Sym, shift: Any, axis: Any = None) -> Sym:
    k = literal(axis)
    if not isinstance(shift, Sym) or rank(shift.kind) != 0:
        shift = literal(shift, "shift")
    back = tuple(-n for n in shift) if isinstance(shift, (tuple, list)) else -shift
    return xp.roll(d, back) if k is None else xp.roll(d, back, axis=k)


@linear(np.tile, "A")
def _tile(d: Sym, A: Sym, reps: Any) -> Sym:
    return helper(runtime.untile)(d, A, reps)


@linear(np.repeat, "a")
def _repeat(d: Sym, a: Sym, repeats: Any, axis: Any = None) -> Sym:
    if rank(repeats.kind) != 0:
        raise KindError("np.repeat with a number for each element is not differentiated", "Index with an array.")
    n, k = rank(a.kind), literal(axis)
    if n == 1 or k is None:
        return back(d.reshape(a.size, repeats).sum(axis=1), a)
    if n is None:
        raise KindError("np.repeat of an array whose number of axes is not known")
    k %= n
    lengths = [a.shape[j] for j in range(n)]
    return d.reshape(*lengths[: k + 1], repeats, *lengths[k + 1 :]).sum(axis=k + 1)


# ---- joining -------------------------------------------------------------------------------------------------


def place(k: int, n: int, index: Any) -> Any:
    """The index that applies `index` to axis k."""
    return (*(slice(None),) * k, index) if k else index


def axes_of(a: Any) -> int | None:
    """The number of axes of an array, or of what np.asarray makes of a list or a display."""
    if isinstance(a, list):
        n = axes_of(a[0]) if a else 0
    elif isinstance(a.expr, Pack):
        n = axes_of(Sym(a.expr.items[0])) if a.expr.items else 0
    elif isinstance(a.kind, ListOf):
        n = rank(a.kind.item)
    else:
        return rank(a.kind)
    return None if n is None else n + 1


def length_along(a: Any, axis: int) -> Any:
    """The length of an axis of an array, a list or a display."""
    shown = a if isinstance(a, list) else a.expr.items if isinstance(a.expr, Pack) else None
    if shown is not None:
        return length_along(shown[0] if isinstance(a, list) else Sym(shown[0]), axis - 1) if axis else len(shown)
    known = dims(a.kind)
    if known and isinstance(known[axis], int):
        return known[axis]
    return xp.shape(a)[axis] if isinstance(a.kind, ListOf) and axis else a.shape[axis] if axis else helper(len)(a)


def items(d: Sym, value: Any) -> Any:
    """The parts of an array's adjoint that answer to the items of a display or a list."""
    if isinstance(value, list):
        return [items(d[k], item) for k, item in enumerate(value)]
    if isinstance(value.kind, ListOf):
        return d.tolist() if isinstance(value.kind.item, (Scalar, ListOf)) else helper(list)(d)
    return d


def parts(d: Sym, arrays: list[Any], axis: int) -> list[Any]:
    """The parts of d along the axis that answer to the arrays."""
    result = []
    start: Any = 0
    for j, a in enumerate(arrays):
        size = length_along(a, axis)
        end = start + size if isinstance(size, int) or isinstance(start, Sym) else size + start
        last = j == len(arrays) - 1
        result.append(items(d[place(axis, 0, slice(start if j else None, None if last else end))], a))
        start = end
    return result


@linear(np.concatenate, "arrays", displays=True)
def _concatenate(d: Sym, arrays: Any, axis: Any = 0) -> Any:
    k = literal(axis)
    if isinstance(arrays, Sym):
        return helper(runtime.split_like)(d, arrays) if k == 0 else helper(runtime.split_like)(d, arrays, k)
    if k is None:
        if any(isinstance(a, list) for a in arrays):
            raise KindError("np.concatenate with axis=None is differentiated for arrays")
        return [back(p, a) for p, a in zip(parts(d, [xp.ravel(a) for a in arrays], 0), arrays, strict=False)]
    n = axes_of(arrays[0])
    if n is None:
        raise KindError("np.concatenate of arrays whose number of axes is not known")
    return parts(d, arrays, k % n)


def _joined(axis: int) -> Any:
    def build(d: Sym, tup: Any) -> Any:
        if isinstance(tup, Sym):
            return _join_list(d, tup, axis)
        n = axes_of(tup[0])
        if n is None:
            raise KindError("the number of axes of the arrays is not known")
        if any(axes_of(a) != n for a in tup):
            return _joined_beside(d, tup, axis)
        if axis == 0 and n < 2:  # vstack makes rows of them
            return [items(d[j], tup[j]) if n else d[j, 0] for j in range(len(tup))]
        if n == 0:
            return [d[j] for j in range(len(tup))]
        return parts(d, tup, min(axis, n - 1))

    return build


def _joined_beside(d: Sym, arrays: list[Any], axis: int) -> list[Any]:
    """The parts of the adjoint of np.vstack or np.hstack for arrays of different rank: rows beside matrices, numbers
    beside vectors."""
    result = []
    start: Any = 0
    for a in arrays:
        n = axes_of(a)
        if n is None:
            raise KindError("the number of axes of the arrays is not known")
        if n + axis < 2:  # it takes one place
            result.append(items(d[start] if n or axis else d[start, 0], a))
            start = start + 1
        else:
            end = length_along(a, 0) + start
            result.append(items(d[start:end], a))
            start = end
    return result


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
    return [items(d[place(k, 0, j)], a) for j, a in enumerate(arrays)]


@linear(np.column_stack, "tup", displays=True)
def _column_stack(d: Sym, tup: Any) -> Any:
    if isinstance(tup, Sym) or any(axes_of(a) != 1 for a in tup):
        raise KindError("np.column_stack is differentiated for a display of vectors", "Use np.concatenate.")
    return [items(d[:, j], a) for j, a in enumerate(tup)]


@linear(np.take, "a")
def _take(d: Sym, a: Sym, indices: Sym, axis: Any = None) -> Sym:
    k, n = literal(axis), rank(a.kind)
    if k is None and n != 1 or n is None:
        raise KindError("np.take of the flattened array is not differentiated", "Give the axis.")
    index = indices if not k else (*(slice(None),) * (k % n), indices)
    return helper(runtime.add_at)(a, index, d)


@linear(np.take_along_axis, "arr")
def _take_along_axis(d: Sym, arr: Sym, indices: Sym, axis: Any = -1) -> Sym:
    if literal(axis) is None:
        raise KindError("np.take_along_axis of the flattened array is not differentiated", "Give the axis.")
    return helper(runtime.add_along)(arr, indices, d, literal(axis))


_REPEATING = ("edge", "reflect", "symmetric", "wrap")


@linear(np.pad, "array")
def _pad(d: Sym, array: Sym, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Sym:
    how = literal(mode, "mode")
    if how in _REPEATING:
        return helper(runtime.unpad)(d, array, pad_width, how)
    n, widths = rank(array.kind), _items(pad_width)
    if how != "constant" or n is None or isinstance(widths, dict):
        raise KindError(
            "np.pad is differentiated for constants, edge, reflect, symmetric and wrap",
            "Write it with np.concatenate.",
        )
    edges = np.broadcast_to(np.asarray(widths, dtype=object), (n, 2)).tolist()
    if any(isinstance(width, Sym) for edge in edges for width in edge):
        ends = [(a, a + array.shape[k]) for k, (a, _) in enumerate(edges)]
        return d[tuple(slice(a, end) if a is not None else slice(end) for a, end in ends)]
    return d[tuple(slice(a or None, -b if b else None) for a, b in edges)]


def _items(value: Any) -> Any:
    """A number, or nested displays of numbers, of which some may be known only when the program runs."""
    expr = value.expr if isinstance(value, Sym) else value
    if isinstance(expr, Pack) and const(expr) is MISSING:
        return [_items(Sym(item)) for item in expr.items]
    if isinstance(expr, Pack) or not isinstance(value, Sym) or rank(value.kind) != 0:
        return literal(value, "pad_width")
    found = const(expr)
    return value if found is MISSING else found


@jvp(np.pad, "array")
def _pad_tangent(t: Sym, pad_width: Any, mode: Any = "constant") -> Sym:
    how = literal(mode, "mode")
    if how in _REPEATING:
        return xp.pad(t, pad_width, how)
    if how != "constant":
        raise KindError("np.pad is differentiated for constants, edge, reflect, symmetric and wrap")
    return xp.pad(t, pad_width)


@linear(np.choose, "choices", displays=True)
def _choose(d: Sym, a: Any, choices: Any) -> Any:
    if isinstance(choices, Sym):
        raise KindError("np.choose is differentiated for a list of known length")
    if isinstance(a.expr, Pack) or isinstance(a.kind, ListOf):
        a = xp.array(a)
    result = []
    for k, x in enumerate(choices):
        part = xp.where(a.eq(k), d, 0.0)
        result.append(unbroadcast(part, part.kind, x.kind, x))
    return result


@linear(np.lib.stride_tricks.sliding_window_view, "x", view="readonly")
def _sliding_window_view(d: Sym, x: Sym, window_shape: Any, axis: Any = None) -> Sym:
    given = {} if literal(axis) is None else {"axis": axis}
    return helper(runtime.add_windows)(d, x, window_shape, **given)


@linear(np.lib.stride_tricks.as_strided, "x", view="readonly")
def _as_strided(
    d: Sym, x: Sym, shape: Any = None, strides: Any = None, subok: Any = False, writeable: Any = True
) -> Sym:  # fmt: skip
    return helper(runtime.strided_sums)(d, x, *_places(x, shape, strides))


@jvp(np.lib.stride_tricks.as_strided, "x")
def _as_strided_tangent(t: Sym, x: Sym, shape: Any = None, strides: Any = None) -> Sym:
    return helper(runtime.strided_items)(t, x, *_places(x, shape, strides))


def _places(x: Sym, shape: Any, strides: Any) -> tuple[Any, Any]:
    if shape is None or strides is None:
        raise KindError("as_strided is differentiated with a shape and strides that are given")
    return shape, strides


@linear(runtime.strided_sums, "windows")
def _strided_sums(d: Sym, windows: Sym, x: Sym, shape: Any, strides: Any) -> Sym:
    return helper(runtime.strided_items)(d, x, shape, strides)


@linear(runtime.strided_items, "items")
def _strided_items(d: Sym, items: Sym, x: Sym, shape: Any, strides: Any) -> Sym:
    return helper(runtime.strided_sums)(d, x, shape, strides)


@linear((np.split, np.array_split), "ary", view="always")
def _split(d: Sym, ary: Sym, indices_or_sections: Any, axis: Any = 0) -> Sym:
    k = literal(axis)
    return xp.concatenate(d, axis=k) if k else xp.concatenate(d)


@linear(np.vsplit, "ary", view="always")
def _vsplit(d: Sym, ary: Sym, indices_or_sections: Any) -> Sym:
    return xp.concatenate(d)


@linear(np.hsplit, "ary", view="always")
def _hsplit(d: Sym, ary: Sym, indices_or_sections: Any) -> Sym:
    if rank(ary.kind) is None:
        raise KindError("np.hsplit of an array whose number of axes is not known", "Use np.split.")
    return xp.concatenate(d) if rank(ary.kind) == 1 else xp.concatenate(d, axis=1)


@linear(np.dsplit, "ary", view="always")
def _dsplit(d: Sym, ary: Sym, indices_or_sections: Any) -> Sym:
    return xp.concatenate(d, axis=2)


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


@linear(runtime.grid, "x")
def _grid(d: Sym, out: Sym, x: Sym, shape: Any, axis: Any) -> Sym:
    n, k = rank(out.kind), literal(axis)
    if n is None:
        raise KindError("the number of axes of a grid is not known")
    others = tuple(j for j in range(n) if j != k)
    return d.sum(axis=others[0] if len(others) == 1 else others)


@linear(runtime.untile, "tiled")
def _untile(d: Sym, tiled: Sym, x: Any, reps: Any) -> Sym:
    return xp.tile(d, reps)


@linear(runtime.add_at, "values")
def _add_at(d: Sym, x: Any, index: Any, values: Sym) -> Sym:
    return d[index]


@linear(runtime.undiagonal, "values")
def _undiagonal(d: Sym, values: Sym, x: Any, k: Any = 0) -> Sym:
    return xp.diagonal(d, literal(k)) if literal(k) else xp.diagonal(d)


@linear(runtime.undiagonals, "values")
def _undiagonals(d: Sym, values: Sym, x: Any, k: Any, axis1: Any, axis2: Any) -> Sym:
    return xp.diagonal(d, k, axis1, axis2)


@linear(runtime.add_windows, "windows")
def _add_windows(d: Sym, windows: Sym, x: Any, window_shape: Any, axis: Any = None) -> Sym:
    given = {} if literal(axis) is None else {"axis": axis}
    view = helper(np.lib.stride_tricks.sliding_window_view, "np.lib.stride_tricks.sliding_window_view")
    return view(d, window_shape, **given)


@linear(runtime.unpad, "padded")
def _unpad(d: Sym, padded: Sym, x: Any, pad_width: Any, mode: Any) -> Sym:
    return xp.pad(d, pad_width, mode)


# The arguments that only say of which shape the result is.
for _fn, _name in ((runtime.unbroadcast, "x"), (runtime.reshape_like, "x"), (runtime.split_like, "arrays"),
                   (runtime.untile, "x"), (runtime.add_at, "x"), (runtime.undiagonal, "x"),
                   (runtime.undiagonals, "x"), (runtime.add_windows, "x"), (runtime.unpad, "x")):  # fmt: skip
    flat(_fn, _name)
flat(runtime.strided_sums, "x", "shape", "strides")
flat(runtime.strided_items, "x", "shape", "strides")
holds_for_reals(np.lib.stride_tricks.as_strided, runtime.strided_sums, runtime.strided_items)
