"""Calls of functions that are written with others (see rules/defined)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.analysis.infer import kind_of
from srcgrad.errors import KindError, SrcgradError, UnsupportedError
from srcgrad.ir.kinds import Array, Matrix, Opaque, Scalar, is_float
from srcgrad.ir.nodes import Call, Const, Expr, Name, Pos, Prim, Slice
from srcgrad.ir.walk import rebuild
from srcgrad.rules.build import Sym, lift
from srcgrad.rules.defined import (
    BRACKETS,
    DEFINITIONS,
    ELEMENTS,
    KNOWN,
    SEQUENCES,
    WHERE,
    WRITTEN,
    Declined,
    brancher,
    holder,
    results,
)
from srcgrad.rules.registry import lookup
from srcgrad.rules.solvers import SOLVERS, Solver
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr


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
    return source if any(may_vary(bound[name]) for name in wanted if name in bound) else None


def solver_of(fn: Any) -> Solver | None:
    """What is known of a library's solver."""
    found: Solver | None = _known(SOLVERS, fn)
    return found


def is_defined(fn: Any) -> bool:
    """Whether a function has a definition, which may leave calls to the function itself."""
    return _known(DEFINITIONS, fn) is not None


def sequences_of(fn: Any) -> frozenset[str | int] | None:
    """The parameters of a function with a definition that are lists of arrays; None: it has no definition."""
    found: frozenset[str | int] | None = _known(SEQUENCES, fn)
    return found


def _known(table: dict[Any, Any], fn: Any) -> Any:
    lookup(fn)  # reads what is known of a library's functions where that has not been read
    return table.get(fn) if isinstance(fn, Hashable) else None


def call_source(
    s: State, source: Callable[..., Any], args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    """Specialise a function's source in its place."""
    from srcgrad.specialize.calls import call_closure, call_value

    if isinstance(source, type):
        return call_value(s, Static(source, source.__name__), args, kwargs, pos)
    return call_closure(s, s.function(source), args, kwargs, pos)


def taken_apart(s: State, value: Value, pos: Pos | None) -> Value | None:
    """A matrix that is no NumPy array, as an object of its elements; None for any other value."""
    source = ELEMENTS.get(value.kind.type) if isinstance(value, Leaf) and isinstance(value.kind, Matrix) else None
    return None if source is None else call_source(s, source, [value], {}, pos)


def as_defined(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """What a function's definition makes of a call; None: it has none, or leaves the call to the function itself."""
    definition = _known(DEFINITIONS, prim.fn)
    if definition is None or not any(may_vary(value) for value in [*args, *kwargs.values()]):
        return None
    try:
        bound = _signature(definition).bind(*args, **kwargs)
    except TypeError:  # of other parameters the function's own rule knows
        return None
    before, used = len(s.out), set(s.used)
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
    made = None
    every = [*bound.arguments.items(), *bound.kwargs.items()]
    if not any(isinstance(value, Sym) for name, value in every if name in KNOWN[prim.fn]):
        made = _made(s, lambda: definition(*bound.args, **bound.kwargs), pos, prim.text)
    if made is None:  # nor do the variables stay that were made for it
        del s.out[before:]
        s.used = used
    return made


_signature = functools.cache(inspect.signature)


def results_of(s: State, call: Call) -> Value:
    """The value of a call: a tuple of its results where it has several."""
    made = _made(s, lambda: results(Sym(call)), call.pos) if call.kind == Opaque(tuple) else None
    return Leaf(call) if made is None else made


def in_brackets(s: State, owner: Any, index: Value, pos: Pos | None) -> Value | None:
    """What `np.r_[...]` and the like make; None where the object is not one of these."""
    if isinstance(owner, type(np.s_)):  # it gives the index itself
        whole = owner.maketuple and not (isinstance(index, Struct) and index.type == "tuple")
        return Struct("tuple", {0: index}) if whole else index
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
        named = type(made) if hasattr(made, "_fields") else None
        return Struct("tuple", {k: _placed(item, pos, within) for k, item in enumerate(made)}, named)
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
    kind = kind_of(expr)
    if isinstance(kind, Scalar) and isinstance(kind.value, bool):  # a flag that is passed
        return kind.value
    again = isinstance(expr, Name) or not (is_float(kind) or isinstance(kind, Array))  # what may be read again
    return Sym(expr if again else s.temporary(expr, "given").expr)


def may_vary(value: Value) -> bool:
    """Whether derivatives may flow through a value."""
    if isinstance(value, Struct):
        return any(may_vary(item) for item in value.values())
    return isinstance(value, Leaf) and is_float(value.kind) and not isinstance(value.expr, Const)
