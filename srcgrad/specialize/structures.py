"""The helpers of generated code that walk through structures: what they do is decided when compiling."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.infer import infer_call
from srcgrad.ir.kinds import Array, DictOf, ListOf, Scalar, is_float, rank, unfilled
from srcgrad.ir.nodes import Call, Pos, Prim
from srcgrad.specialize.builtins import expect, handles
from srcgrad.specialize.reflection import deep_copy
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Rows, Static, Struct, Value, constant


@handles(runtime.zeros_like)
def _zeros_like(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    expect("zeros_like", args, kwargs, 1, 1, pos)
    return _zeros(s, args[0], pos)


def _zeros(s: State, value: Value, pos: Pos | None) -> Value:
    """Zeros of the structure of a value, None for what has no derivative. Lists that exist at run time are walked
    through then."""
    if isinstance(value, Struct) and not isinstance(value, Rows) and value.none is None and value.type != "object":
        kind = "list" if value.type in ("tuple", "list") else "dict"
        items = {key: _zeros(s, item, pos) for key, item in value.items.items()}
        return Struct(kind, items, None, s.depth, s.site(pos))
    if not isinstance(value, Leaf) or not (is_float(value.kind) or unfilled(value.kind)):
        return Static(None)
    if isinstance(value.kind, Scalar) and value.kind.weak and not value.kind.optional:
        return constant(0.0, pos)
    if isinstance(value.kind, Array) and rank(value.kind) is not None and not value.kind.optional:
        prim = Prim(np.zeros_like, "np.zeros_like")
        return Leaf(Call(prim, (value.expr,), kind=infer_call(prim, (value.expr,), ()), pos=pos))
    return Leaf(Call(Prim(runtime.zeros_like, "zeros_like"), (value.expr,), kind=value.kind, pos=pos))


@handles(runtime.copy_of)
def _copy_of(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    expect("copy_of", args, kwargs, 1, 1, pos)
    value = args[0]
    if isinstance(value, Leaf) and isinstance(value.kind, (ListOf, DictOf)) and not is_float(value.kind):
        return Leaf(Call(Prim(runtime.copy_of, "copy_of"), (value.expr,), kind=value.kind, pos=pos))
    return deep_copy(s, value, pos)


@handles(runtime.filled)
def _filled(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    expect("filled", args, kwargs, 2, 2, pos)
    return args[0]


@handles(runtime.add_at)
def _add_at(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """Its index may be a tuple with slices, which no variable can hold."""
    from srcgrad.specialize.ufuncs import at

    expect("add_at", args, kwargs, 3, 3, pos)
    zeros = _zeros(s, args[0], pos)
    assert isinstance(zeros, Leaf)
    result = s.temporary(zeros.expr, "scattered")
    at(s, np.add, [result, *args[1:]], pos)
    return result


@handles(runtime.with_attributes, runtime.with_items)
def _with_parts(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """A copy of an object or dict with other parts."""
    owner, given = args[0], dict(kwargs)
    if not isinstance(owner, Struct):
        return None
    if len(args) > 1:
        assert isinstance(args[1], Struct)
        given = dict(args[1].items)
    return Struct(owner.type, {**owner.items, **given}, owner.cls, s.depth, s.site(pos))


def is_structural(function: Any) -> bool:
    """Whether a function is a helper of generated code. These call themselves for the parts of what they are given,
    and which parts there are is known when compiling: so they are written in line all the same."""
    return (getattr(function, "__module__", "") or "").startswith("srcgrad.runtime")


