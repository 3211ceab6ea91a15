"""Calls of functions that are written with others (see rules/defined)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from srcgrad.analysis.infer import kind_of
from srcgrad.errors import KindError, SrcgradError, UnsupportedError
from srcgrad.ir.kinds import Array, Matrix, is_float
from srcgrad.ir.nodes import Const, Expr, Name, Pos, Prim, Slice
from srcgrad.ir.walk import rebuild
from srcgrad.rules.build import Sym
from srcgrad.rules.defined import BRACKETS, DEFINITIONS, ELEMENTS, WHERE, WRITTEN, Declined, holder
from srcgrad.rules.registry import lookup
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr

_KNOWN = frozenset(
    ("axis", "axes", "axis1", "axis2", "axisa", "axisb", "axisc", "offset", "k", "ord", "p", "mode", "order", "trim",
     "keepdims")
)  # fmt: skip
"""Parameters that have to be known when compiling."""


def written(fn: Any, args: list[Value], kwargs: dict[str, Value]) -> Callable[..., Any] | None:
    """The Python source that stands for a function in this call."""
    source = _known(WRITTEN, fn)
    wanted = WHERE[fn] if source is not None else ()
    if not wanted:
        return source
    try:
        bound = inspect.signature(source).bind(*args, **kwargs).arguments
    except TypeError:  # the function itself says what is wrong
        return None
    return source if any(_may_vary(bound[name]) for name in wanted if name in bound) else None


def _known(table: dict[Any, Any], fn: Any) -> Any:
    lookup(fn)  # reads what is known of a library's functions where that has not been read
    return table.get(fn) if isinstance(fn, Hashable) else None


def call_source(
    s: State, source: Callable[..., Any], args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    """Specialise a function's source in its place. Errors speak of the user's source, not of this one."""
    from srcgrad.specialize.calls import call_closure

    try:
        return call_closure(s, s.function(source), args, kwargs, pos)
    except SrcgradError as error:
        if error.pos is None or pos is None or error.pos.file == pos.file:
            raise
        raise type(error)(error.reason, error.remedy, pos) from None


def taken_apart(s: State, value: Value, pos: Pos | None) -> Value | None:
    """A matrix that is no NumPy array, as an object of its elements; None for any other value."""
    source = ELEMENTS.get(value.kind.type) if isinstance(value, Leaf) and isinstance(value.kind, Matrix) else None
    return None if source is None else call_source(s, source, [value], {}, pos)


def as_defined(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """What a function's definition makes of a call; None: it has none, or leaves the call to the function itself."""
    definition = _known(DEFINITIONS, prim.fn)
    if definition is None or not any(_may_vary(value) for value in [*args, *kwargs.values()]):
        return None
    try:
        bound = inspect.signature(definition).bind(*args, **kwargs)
    except TypeError:  # of other parameters the function's own rule knows
        return None
    try:
        for name, value in bound.arguments.items():
            if isinstance(value, tuple):
                bound.arguments[name] = tuple(_given(s, v, pos) for v in value)
            elif isinstance(value, dict):  # further keywords
                bound.arguments[name] = {key: _given(s, v, pos) for key, v in value.items()}
            else:
                bound.arguments[name] = _given(s, value, pos)
    except KindError:  # an object or a function: the function itself says what it makes of it
        return None
    if any(isinstance(value, Sym) for name, value in [*bound.arguments.items(), *bound.kwargs.items()]
           if name in _KNOWN):  # fmt: skip
        return None
    return _made(s, lambda: definition(*bound.args, **bound.kwargs), pos)


def in_brackets(s: State, owner: Any, index: Value, pos: Pos | None) -> Value | None:
    """What `np.r_[...]` and the like make; None where the object is not one of these."""
    build = next((build for known, build in BRACKETS if owner is known), None)
    if build is None:
        return None
    given = _given(s, index, pos)
    made = _made(s, lambda: build(given), pos)
    if made is None:
        raise UnsupportedError("what stands in these brackets is not supported", "Use np.concatenate.", pos)
    return made


def _made(s: State, build: Callable[[], Any], pos: Pos | None) -> Value | None:
    """What a definition makes, as a value in the user's source."""
    token = holder.set(lambda x, hint: x if isinstance(x.expr, Name) else Sym(s.temporary(at(x.expr, pos), hint).expr))
    try:
        made = build()
    except Declined:
        return None
    except SrcgradError as error:
        raise type(error)(error.reason, error.remedy, pos) from None
    finally:
        holder.reset(token)
    if isinstance(made, tuple):
        return Struct("tuple", {k: _placed(item, pos) for k, item in enumerate(made)})
    return None if made is None else _placed(made, pos)


def _placed(made: Any, pos: Pos | None) -> Value:
    return Leaf(at(made.expr, pos)) if isinstance(made, Sym) else Static(made)


def at(expr: Expr, pos: Pos | None) -> Expr:
    """The expression, as standing in the user's source."""
    if expr.pos is not None or isinstance(expr, (Name, Const)):
        return expr
    return replace(rebuild(expr, lambda child: at(child, pos)), pos=pos)


def _given(s: State, value: Value, pos: Pos | None) -> Any:
    """An argument as definitions take it."""
    if isinstance(value, Static):
        return value.value
    if isinstance(value, Struct) and value.type in ("list", "tuple"):
        items = [_given(s, item, pos) for item in value.values()]
        return items if value.type == "list" else tuple(items)
    expr = as_expr(value, pos)
    if isinstance(expr, Const):
        return expr.value
    if isinstance(expr, Slice):
        ends = (expr.lo, expr.hi, expr.step)
        return slice(*(None if e is None else e.value if isinstance(e, Const) else Sym(e) for e in ends))
    return Sym(s.temporary(expr, "given").expr if isinstance(kind_of(expr), Array) and not isinstance(
        expr, Name) else expr)


def _may_vary(value: Value) -> bool:
    """Whether derivatives may flow through a value."""
    if isinstance(value, Struct):
        return any(_may_vary(item) for item in value.values())
    return isinstance(value, Leaf) and is_float(value.kind) and not isinstance(value.expr, Const)
