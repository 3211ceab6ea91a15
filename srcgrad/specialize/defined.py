"""Calls of functions that are written with others (see rules/defined)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from srcgrad.analysis.infer import kind_of
from srcgrad.errors import SrcgradError, UnsupportedError
from srcgrad.ir.kinds import Array, is_float
from srcgrad.ir.nodes import Call, Const, Expr, Name, Pos, Prim, Slice
from srcgrad.ir.walk import rebuild
from srcgrad.rules.build import Sym, lift
from srcgrad.rules.defined import BRACKETS, DEFINITIONS, KNOWN, WRITTEN, Declined, brancher, holder
from srcgrad.rules.registry import lookup
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr


def written(fn: Any) -> Callable[..., Any] | None:
    """The Python source that stands for a function."""
    return _known(WRITTEN, fn)


def is_defined(fn: Any) -> bool:
    """Whether a function has a definition, which may leave calls to the function itself."""
    return _known(DEFINITIONS, fn) is not None


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


def as_defined(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """What a function's definition makes of a call; None: it has none, or leaves the call to the function itself."""
    definition = _known(DEFINITIONS, prim.fn)
    if definition is None or not any(_may_vary(value) for value in [*args, *kwargs.values()]):
        return None
    try:
        bound = inspect.signature(definition).bind(*args, **kwargs)
    except TypeError:  # of other parameters the function's own rule knows
        return None
    for name, value in bound.arguments.items():
        bound.arguments[name] = (
            tuple(_given(s, v, pos) for v in value) if isinstance(value, tuple) else _given(s, value, pos)
        )
    if any(isinstance(value, Sym) for name, value in bound.arguments.items() if name in KNOWN[prim.fn]):
        return None
    return _made(s, lambda: definition(*bound.args, **bound.kwargs), pos, prim.text)


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


def _made(s: State, build: Callable[[], Any], pos: Pos | None, within: str = "") -> Value | None:
    """What a definition makes, as a value in the user's source. within: the function that it is the definition of."""

    def held(x: Sym, hint: str) -> Sym:
        return x if isinstance(x.expr, Name) else Sym(s.temporary(at(x.expr, pos, within), hint).expr)

    token = holder.set(held)
    branching = brancher.set(_Branches(s, pos, within))
    try:
        made = build()
    except Declined:
        return None
    except SrcgradError as error:
        raise type(error)(error.reason, error.remedy, pos) from None
    finally:
        holder.reset(token)
        brancher.reset(branching)
    if isinstance(made, tuple):
        return Struct("tuple", {k: _placed(item, pos, within) for k, item in enumerate(made)})
    return None if made is None else _placed(made, pos, within)


class _Branches:
    """Makes the branches of one call."""

    def __init__(self, s: State, pos: Pos | None, within: str) -> None:
        self.s, self.pos, self.within, self.count = s, pos, within, 0

    def __call__(self, test: Sym, this: Callable[[], Any], other: Callable[[], Any]) -> Sym:
        s, pos = self.s, self.pos
        self.count += 1
        key = ((*s.site(pos), "branch", self.count), "chosen")
        s.names[key] = s.names.get(key) or s.fresh("chosen")

        def side(build: Callable[[], Any]) -> Callable[[], None]:
            return lambda: s.bind(key, _placed(Sym(lift(build())), pos, self.within), pos, True)

        s.branch(at(test.expr, pos, self.within), side(this), side(other), pos)
        s.resolve(s.env[key])
        return Sym(as_expr(s.env.pop(key), pos))


def _placed(made: Any, pos: Pos | None, within: str) -> Value:
    return Leaf(at(made.expr, pos, within)) if isinstance(made, Sym) else Static(made)


def at(expr: Expr, pos: Pos | None, within: str = "") -> Expr:
    """The expression, as standing in the user's source."""
    if expr.pos is not None or isinstance(expr, (Name, Const)):
        return expr
    made = replace(rebuild(expr, lambda child: at(child, pos, within)), pos=pos)
    return replace(made, prim=replace(made.prim, within=within)) if within and isinstance(made, Call) else made


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
