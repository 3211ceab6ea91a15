"""Calls of NumPy that are written as expressions of other calls: what is common to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from srcgrad.analysis.infer import kind_of
from srcgrad.ir.kinds import Array, Kind, is_float
from srcgrad.ir.nodes import Call, Const, Expr, Name, Op, Pos, Prim
from srcgrad.ir.walk import rebuild
from srcgrad.rules.build import Sym
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Value, as_expr

Rewrite = Callable[[State, Prim, list[Value], dict[str, Value], "Pos | None"], Value | None]


def held(s: State, value: Value, pos: Pos | None) -> Any:
    """An argument as builders take it: a Sym that may be read more than once, or a Python value."""
    if isinstance(value, Static):
        return value.value
    expr = as_expr(value, pos)
    again = isinstance(expr, (Const, Name)) or not (is_float(kind_of(expr)) or isinstance(kind_of(expr), Array))
    return Sym(expr if again else s.temporary(expr, "given").expr)


def placed(expr: Expr, pos: Pos | None) -> Expr:
    """An expression that was built, at the place of the call that it stands for."""

    def place(part: Expr) -> Expr:
        part = rebuild(part, place)
        return replace(part, pos=pos) if isinstance(part, (Call, Op)) and part.pos is None else part

    return place(expr)


def float_array(value: Value) -> Kind | None:
    """The kind of an array of floats, None for any other value."""
    kind = value.kind if isinstance(value, Leaf) else None
    return kind if isinstance(kind, Array) and is_float(kind) else None


def written(builder: Callable[..., Sym | None]) -> Rewrite:
    """A function of one result that is written as an expression. The builder gives None for what stays as it is."""

    def rewrite(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
        try:
            given = inspect.signature(builder).bind(*args, **kwargs).arguments
        except TypeError:
            return None
        made = builder(**{name: held(s, value, pos) for name, value in given.items()})
        return None if made is None else Leaf(placed(made.expr, pos))

    return rewrite
