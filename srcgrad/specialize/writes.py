"""Functions that write into an array become stores, so that only stores need an adjoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_call, infer_op
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import Array, rank
from srcgrad.ir.nodes import Call, Expr, Load, Name, Op, Pos, Prim, Store
from srcgrad.ir.walk import contents, in_place, root
from srcgrad.rules.build import Sym, xp
from srcgrad.specialize.indexing import load
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr, static_key

NOTHING = Static(None)
Writer = Callable[[State, list[Value], dict[str, Value], Pos | None], Value]

UFUNC_OPS = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.power: "**", np.matmul: "@",
    np.floor_divide: "//", np.mod: "%",
}  # fmt: skip


def target(s: State, value: Value, pos: Pos | None) -> Expr:
    """The array that is written, as a place."""
    if not isinstance(value, Leaf) or not isinstance(value.kind, Array):
        raise UnsupportedError("only arrays can be written into", pos=pos)
    expr = value.expr
    if not isinstance(expr, Name) and (not isinstance(expr, Load) or root(expr) is None):
        expr = s.temporary(expr, "view").expr
    return s.writable(expr, pos)


def fill(s: State, written: Value, value: Expr, pos: Pos | None) -> None:
    """`written[...] = value`."""
    place = target(s, written, pos)
    s.emit(Store(contents(place) if isinstance(place, Name) else in_place(place), value, "", pos=pos))


def value_of(value: Value, pos: Pos | None) -> Expr:
    if isinstance(value, Struct):
        from srcgrad.specialize.listed import as_array

        return as_array(as_expr(value, pos))
    return as_expr(value, pos)


def with_out(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """`f(..., out=x)` is `x[...] = f(...)`."""
    from srcgrad.specialize.calls import call_primitive

    rest = {key: value for key, value in kwargs.items() if key != "out"}
    out = kwargs["out"]
    if isinstance(out, Struct) and out.type == "tuple" and len(out.items) == 1:
        out = out.items[0]
    if isinstance(out, Struct):
        return _with_outs(s, prim, args, rest, out, pos)
    if "where" in rest and isinstance(prim.fn, np.ufunc):
        place = target(s, out, pos)
        mask = as_expr(rest.pop("where"), pos)
        _masked(s, place, mask, as_expr(call_primitive(s, prim, args, rest, pos), pos), pos)
        return Leaf(place)
    op = UFUNC_OPS.get(prim.fn) if len(args) == 2 and not rest else None  # type: ignore[call-overload]
    if op is not None:
        exprs = tuple(as_expr(arg, pos) for arg in args)
        place = target(s, out, pos)
        if exprs[0] == place and op != "@":  # a product has a shape of its own, and is spread over the array
            s.emit(Store(place, exprs[1], op, pos=pos))
        else:
            fill(s, Leaf(place), Op(op, exprs, kind=infer_op(op, exprs), pos=pos), pos)
        return Leaf(place)
    held = Leaf(target(s, out, pos))
    fill(s, held, as_expr(call_primitive(s, prim, args, rest, pos), pos), pos)
    return held


def _with_outs(
    s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], outs: Struct, pos: Pos | None
) -> Value:
    """`f(..., out=(x, y))`: what stands for each result is written into its array."""
    from srcgrad.specialize.calls import call_primitive

    made = call_primitive(s, prim, args, kwargs, pos)
    if not isinstance(made, Struct) or len(made.items) != len(outs.items):
        raise UnsupportedError(f"`out=` of {prim.text} does not have one array for each result", pos=pos)
    held = [s.temporary(as_expr(value, pos), "given") for value in made.values()]
    places = [Leaf(target(s, out, pos)) for out in outs.values()]
    for place, value in zip(places, held, strict=True):
        fill(s, place, as_expr(value, pos), pos)
    return outs.like(dict(enumerate(places)))


def _copyto(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    where = kwargs.get("where")
    if where is not None:
        place = target(s, args[0], pos)
        mask, value = as_expr(where, pos), value_of(args[1], pos)
        _masked(s, place, mask, value, pos)
        return NOTHING
    fill(s, args[0], value_of(args[1], pos), pos)
    return NOTHING


def _masked(s: State, place: Expr, mask: Expr, value: Expr, pos: Pos | None) -> None:
    """place[...] = np.where(mask, value, place)."""
    prim = Prim(np.where, "np.where")
    args = (mask, value, place)
    new = Call(prim, args, kind=infer_call(prim, args, ()), pos=pos)
    whole = contents(place) if isinstance(place, Name) else in_place(place)
    s.emit(Store(whole, new, "", pos=pos))


def _put_along_axis(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """A store at the indices along the axis, and at every place along the others."""
    given = {**dict(zip(("arr", "indices", "values", "axis"), args, strict=False)), **kwargs}
    place = target(s, given["arr"], pos)
    axis, n = static_key(given["axis"]) if "axis" in given else -1, rank(place.kind)
    if n is None or not isinstance(axis, int):
        raise UnsupportedError("np.put_along_axis is supported along an axis that is known when compiling", pos=pos)
    indices = Sym(s.temporary(value_of(given["indices"], pos), "indices").expr)
    every: list[Sym] = [xp.arange(indices.shape[k])[(slice(None), *[None] * (n - 1 - k))] for k in range(n)]
    every[axis % n] = indices
    at = Struct("tuple", {k: Leaf(item.expr) for k, item in enumerate(every)})
    part = load(s, Leaf(place), at, pos, store=True)
    assert isinstance(part, Leaf)
    s.emit(Store(part.expr, value_of(given["values"], pos), "", pos=pos))
    return NOTHING


def _fill_method(s: State, owner: Leaf, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    fill(s, owner, as_expr(args[0], pos), pos)
    return NOTHING


def _sort_method(s: State, owner: Leaf, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.calls import call_primitive

    place = target(s, owner, pos)
    ordered = call_primitive(s, Prim(np.sort, "np.sort"), [Leaf(place), *args], kwargs, pos)
    fill(s, Leaf(place), as_expr(ordered, pos), pos)
    return NOTHING


def _fill_diagonal(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    place = target(s, args[0], pos)
    kind = place.kind
    assert isinstance(kind, Array)
    if kind.dims is None or len(kind.dims) != 2 or len(args) > 2 or kwargs:
        raise UnsupportedError("np.fill_diagonal is supported for arrays with 2 axes", pos=pos)
    held = place if isinstance(place, Name) else s.temporary(place, "view").expr
    sizes = tuple(_extent(held, k) for k in (0, 1))
    prim = Prim(min, "min")
    rows = Call(
        Prim(np.arange, "np.arange"),
        (Call(prim, sizes, kind=infer_call(prim, sizes, ())),),
        kind=Array("int64", (None,)),
    )
    index = s.temporary(rows, "rows")
    at = load(s, Leaf(held), Struct("tuple", {0: index, 1: index}), pos, store=True)
    assert isinstance(at, Leaf)
    s.emit(Store(at.expr, value_of(args[1], pos), "", pos=pos))
    return NOTHING


def _extent(array: Expr, axis: int) -> Expr:
    from srcgrad.specialize.iteration import integer

    prim = Prim(np.shape, "shape", "attribute")
    shape = Call(prim, (array,), kind=infer_call(prim, (array,), ()))
    from srcgrad.analysis.infer import infer_load

    return Load(shape, integer(axis), kind=infer_load(shape, integer(axis)))


METHOD_WRITES: dict[str, Any] = {"fill": _fill_method, "sort": _sort_method}
WRITES: dict[Any, Writer] = {np.copyto: _copyto, np.fill_diagonal: _fill_diagonal,
                            np.put_along_axis: _put_along_axis}  # fmt: skip
