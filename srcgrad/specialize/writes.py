"""Functions that write into an array become stores, so that only stores need an adjoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_call, infer_op
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import Array, Opaque
from srcgrad.ir.nodes import Call, Const, Expr, Load, Name, Op, Pos, Prim, Store
from srcgrad.ir.walk import root
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr

NOTHING = Static(None)
Writer = Callable[[State, list[Value], dict[str, Value], Pos | None], Value]
WHOLE = Const(Ellipsis, kind=Opaque(type(Ellipsis)))

UFUNC_OPS = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.power: "**", np.matmul: "@",
    np.floor_divide: "//", np.mod: "%",
}  # fmt: skip


def _target(s: State, value: Value, pos: Pos | None) -> Expr:
    """The array that is written, as a place."""
    if not isinstance(value, Leaf) or not isinstance(value.kind, Array):
        raise UnsupportedError("only arrays can be written into", pos=pos)
    expr = value.expr
    if not isinstance(expr, Name) and (not isinstance(expr, Load) or root(expr) is None):
        expr = s.temporary(expr, "view").expr
    return s.writable(expr, pos)


def fill(s: State, target: Value, value: Expr, pos: Pos | None) -> None:
    """`target[...] = value`."""
    place = _target(s, target, pos)
    if isinstance(place, Name):
        place = Load(place, WHOLE, kind=place.kind, pos=pos)
    s.emit(Store(place, value, "", pos=pos))


def _value(value: Value, pos: Pos | None) -> Expr:
    if isinstance(value, Struct):
        from srcgrad.specialize.stores import as_array

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
        raise UnsupportedError("`out=` of a function with several results is not supported", pos=pos)
    if "where" in rest:
        raise UnsupportedError("`out=` together with `where=` is not supported", "Use np.where.", pos)
    op = UFUNC_OPS.get(prim.fn) if len(args) == 2 and not rest else None  # type: ignore[call-overload]
    if op is not None:
        exprs = tuple(as_expr(arg, pos) for arg in args)
        place = _target(s, out, pos)
        if exprs[0] == place:
            s.emit(Store(place, exprs[1], op, pos=pos))
        else:
            fill(s, Leaf(place), Op(op, exprs, kind=infer_op(op, exprs), pos=pos), pos)
        return Leaf(place)
    held = Leaf(_target(s, out, pos))
    fill(s, held, as_expr(call_primitive(s, prim, args, rest, pos), pos), pos)
    return held


def ufunc_at(s: State, ufunc: Any, args: list[Value], pos: Pos | None) -> Value:
    """np.add.at(x, index, value) and np.subtract.at."""
    from srcgrad.specialize.indexing import load

    if ufunc not in (np.add, np.subtract) or len(args) != 3:
        raise UnsupportedError(f"np.{ufunc.__name__}.at is not supported", "Use np.add.at.", pos)
    place = load(s, Leaf(_target(s, args[0], pos)), args[1], pos, store=True)
    assert isinstance(place, Leaf)
    value = _value(args[2], pos)
    if ufunc is np.subtract:
        value = Op("neg", (value,), kind=infer_op("neg", (value,)), pos=pos)
    s.emit(Store(place.expr, value, "at", pos=pos))
    return NOTHING


def _copyto(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    where = kwargs.get("where")
    if where is not None:
        place = _target(s, args[0], pos)
        mask, value = as_expr(where, pos), _value(args[1], pos)
        _masked(s, place, mask, value, pos)
        return NOTHING
    fill(s, args[0], _value(args[1], pos), pos)
    return NOTHING


def _masked(s: State, place: Expr, mask: Expr, value: Expr, pos: Pos | None) -> None:
    """place[...] = np.where(mask, value, place)."""
    prim = Prim(np.where, "np.where")
    args = (mask, value, place)
    new = Call(prim, args, kind=infer_call(prim, args, ()), pos=pos)
    target = Load(place, WHOLE, kind=place.kind, pos=pos) if isinstance(place, Name) else place
    s.emit(Store(target, new, "", pos=pos))


def _putmask(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    value = _value(args[2], pos)
    if isinstance(value.kind, Array):
        raise UnsupportedError("np.putmask repeats its values in an order of its own", "Use np.where.", pos)
    _masked(s, _target(s, args[0], pos), as_expr(args[1], pos), value, pos)
    return NOTHING


def _fill_method(s: State, owner: Leaf, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    fill(s, owner, as_expr(args[0], pos), pos)
    return NOTHING


def _sort_method(s: State, owner: Leaf, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.calls import call_primitive

    place = _target(s, owner, pos)
    ordered = call_primitive(s, Prim(np.sort, "np.sort"), [Leaf(place), *args], kwargs, pos)
    fill(s, Leaf(place), as_expr(ordered, pos), pos)
    return NOTHING


def _fill_diagonal(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    place = _target(s, args[0], pos)
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
    from srcgrad.specialize.indexing import load

    index = s.temporary(rows, "rows")
    at = load(s, Leaf(held), Struct("tuple", {0: index, 1: index}), pos, store=True)
    assert isinstance(at, Leaf)
    s.emit(Store(at.expr, _value(args[1], pos), "", pos=pos))
    return NOTHING


def _extent(array: Expr, axis: int) -> Expr:
    from srcgrad.specialize.iteration import integer

    prim = Prim(np.shape, "shape", "attribute")
    shape = Call(prim, (array,), kind=infer_call(prim, (array,), ()))
    from srcgrad.analysis.infer import infer_load

    return Load(shape, integer(axis), kind=infer_load(shape, integer(axis)))


METHOD_WRITES: dict[str, Any] = {"fill": _fill_method, "sort": _sort_method}
WRITES: dict[Any, Writer] = {np.copyto: _copyto, np.putmask: _putmask, np.fill_diagonal: _fill_diagonal}
