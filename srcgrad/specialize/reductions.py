"""Builtins that reduce: sum, min, max, sorted, functools.reduce."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import BOOL, Bottom, ListOf, Opaque, Scalar
from srcgrad.ir.nodes import BoolOp, Call, Const, Expr, Name, Op, Pos, Prim
from srcgrad.specialize.builtins import HANDLERS, Handler, expect, handles
from srcgrad.specialize.calls import call_value
from srcgrad.specialize.choices import test_expr
from srcgrad.specialize.containers import collect, run_loop
from srcgrad.specialize.indexing import load
from srcgrad.specialize.iteration import call_builtin, integer, iterate
from srcgrad.specialize.operators import operate
from srcgrad.specialize.state import State, true_of
from srcgrad.specialize.values import Iteration, Leaf, Static, Struct, Value, as_expr, constant, static_key


@handles(functools.reduce)
def _reduce(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    expect("functools.reduce", args, kwargs, 2, 3, pos)
    inner = iterate(s, args[1], pos)
    return _fold(
        s, inner, lambda a, b: call_value(s, args[0], [a, b], {}, pos), args[2] if len(args) > 2 else None, pos
    )


def _fold(
    s: State, inner: Iteration, combine: Callable[[Value, Value], Value], start: Value | None, pos: Pos | None
) -> Value:
    if inner.static is not None:
        items = ([start] if start is not None else []) + inner.static
        if not items:
            raise KindError("this reduces an empty sequence, and no start value is given", pos=pos)
        result = items[0]
        for other in items[1:]:
            result = combine(result, other)
        return result
    key = ((*s.site(pos), "total"), "total")
    s.names[key] = s.fresh("total")
    if inner.item is None or inner.count is None:
        raise KindError("what is looped over here is not known when compiling", "Make a list of it first.", pos)
    item = inner.item
    if start is not None:
        s.bind(key, start, pos, True)
        run_loop(s, inner, lambda value: s.bind(key, combine(s.env[key], value), pos, True), pos)
    else:
        s.bind(key, item(integer(0)), pos, True)
        rest = Iteration(count=inner.count, item=lambda k: Leaf(k), bounds=(integer(1), inner.count, integer(1)))
        run_loop(s, rest, lambda k: s.bind(key, combine(s.env[key], item(as_expr(k))), pos, True), pos)
    s.resolve(s.env[key])
    return s.env.pop(key)


@handles(sum)
def _sum(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    start = args[1] if len(args) > 1 else kwargs.get("start", constant(0, pos))
    inner = iterate(s, args[0], pos)
    if inner.static is not None and isinstance(start, Leaf) and isinstance(start.expr, Const) and start.expr.value == 0:
        if len(inner.static) > 1:  # the sum of one array is a new array
            start, inner = inner.static[0], Iteration(static=inner.static[1:])
    return _fold(s, inner, lambda a, b: operate(s, "+", [a, b], pos), start, pos)


@handles(math.fsum)
def _fsum(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    return _sum(s, args, {"start": constant(0.0, pos)}, pos)


@handles(math.prod)
def _math_prod(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    start = kwargs.get("start", constant(1, pos))
    return _fold(s, iterate(s, args[0], pos), lambda a, b: operate(s, "*", [a, b], pos), start, pos)


def _extreme(fn: Any, name: str) -> Handler:
    def handler(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
        if "key" in kwargs:
            return _extreme_by_key(s, name, args, kwargs, pos)
        if set(kwargs) - {"default"}:
            raise UnsupportedError(f"{name} with {', '.join(kwargs)} is not supported", pos=pos)

        def pair(a: Value, b: Value) -> Value:
            x, y = as_expr(a, pos), as_expr(b, pos)
            if not isinstance(x.kind, (Scalar, Bottom)) or not isinstance(y.kind, (Scalar, Bottom)):
                raise KindError(f"{name} compares arrays", f"Use np.{name}imum for the elementwise {name}imum.", pos)
            return Leaf(call_builtin(fn, name, x, y))

        inner = iterate(s, args[0], pos) if len(args) == 1 else Iteration(static=list(args))
        if _of_tuples(s, inner):
            return _extreme_by_key(s, name, args, {**kwargs, "key": Static(None)}, pos)
        if len(args) > 1:
            return _fold(s, inner, pair, None, pos)
        return _or_default(s, inner, kwargs, lambda inner: _fold(s, inner, pair, None, pos), pos)

    return handler


def _of_tuples(s: State, inner: Iteration) -> bool:
    """Whether the items are tuples, which are compared item by item."""
    items = list(inner.static or [])
    item = inner.item
    if inner.static is None and item is not None:
        saved = s.snapshot()
        s.block(lambda: items.append(item(integer(0))))
        s.restore(saved)
    return any(isinstance(item, Struct) for item in items)


def _or_default(
    s: State, inner: Iteration, kwargs: dict[str, Value], reduce: Callable[[Iteration], Value], pos: Pos | None
) -> Value:
    """`max(xs, default=d)`: d where there is nothing."""
    if "default" not in kwargs:
        return reduce(inner)
    if inner.static is not None:
        return reduce(inner) if inner.static else kwargs["default"]
    assert inner.count is not None
    key = ((*s.site(pos), "default"), "best")
    s.names[key] = s.fresh("best")
    some = Op(">", (inner.count, integer(0)), kind=BOOL, pos=pos)
    s.branch(
        some,
        lambda: s.bind(key, reduce(inner), pos, True),
        lambda: s.bind(key, kwargs["default"], pos, True),
        pos,
    )
    s.resolve(s.env[key])
    return s.env.pop(key)


def _extreme_by_key(s: State, name: str, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    if set(kwargs) - {"key", "default"}:
        raise UnsupportedError(f"{name} with {', '.join(kwargs)} is not supported", pos=pos)
    items = iterate(s, args[0], pos) if len(args) == 1 else Iteration(static=list(args))
    return _or_default(s, items, kwargs, lambda inner: _best_by_key(s, name, inner, kwargs["key"], pos), pos)


def _best_by_key(s: State, name: str, items: Iteration, function: Value, pos: Pos | None) -> Value:
    best, best_key = ((*s.site(pos), "best"), "best"), ((*s.site(pos), "key"), "best_key")
    for key in (best, best_key):
        s.names[key] = s.fresh(key[1])
    plain = isinstance(function, Static) and function.value is None

    def take(item: Value, value: Value) -> None:
        s.bind(best, item, pos, True)
        s.bind(best_key, value, pos, True)

    def trip(item: Value) -> None:
        if isinstance(item, Leaf) and not isinstance(item.expr, (Name, Const)):
            item = s.temporary(item.expr, "item")
        value = item if plain else call_value(s, function, [item], {}, pos)
        if isinstance(value, Leaf) and not isinstance(value.expr, (Name, Const)):
            value = s.temporary(value.expr, "key")
        test = operate(s, "<" if name == "min" else ">", [value, s.env[best_key]], pos)
        s.branch(as_expr(test, pos), lambda: take(item, value), lambda: None, pos)

    if items.static is not None:
        if not items.static:
            raise KindError(f"{name} of nothing", "Give a `default`.", pos)
        first, *rest = items.static
        take(first, first if plain else call_value(s, function, [first], {}, pos))
        for item in rest:
            trip(item)
    else:
        if items.item is None or items.count is None:
            raise KindError("what is looked through here is not known when compiling", "Make a list of it first.", pos)
        get = items.item
        first = get(integer(0))
        take(first, first if plain else call_value(s, function, [first], {}, pos))
        bounds = (integer(1), items.count, integer(1))
        run_loop(
            s,
            Iteration(count=items.count, item=lambda k: Leaf(k), bounds=bounds),
            lambda k: trip(get(as_expr(k))),
            pos,
        )
    s.env.pop(best_key)
    s.resolve(s.env[best])
    return s.env.pop(best)


HANDLERS[min] = _extreme(min, "min")
HANDLERS[max] = _extreme(max, "max")


def _truth_of_all(op: str) -> Handler:
    """all(...) is `and` over the items, any(...) is `or`; for lists that exist at run time the builtin does it."""

    def handler(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
        expect("all" if op == "and" else "any", args, kwargs, 1, 1, pos)
        items = iterate(s, args[0], pos).static
        if items is None:
            return None
        tests: list[Expr] = []
        for item in items:
            known = true_of(item)
            if known == (op == "or"):
                return constant(known, pos)
            if known is None:
                tests.append(test_expr(s, item, pos))
        if not tests:
            return constant(op == "and", pos)
        if len(tests) == 1:
            return Leaf(Call(Prim(bool, "bool"), (tests[0],), kind=BOOL, pos=pos))
        return Leaf(BoolOp(op, tuple(tests), kind=BOOL, pos=pos))

    return handler


HANDLERS |= {all: _truth_of_all("and"), any: _truth_of_all("or")}


@handles(sorted)
def _sorted(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    expect("sorted", args, {}, 1, 1, pos)
    return ordered(s, args[0], kwargs, pos)


def ordered(s: State, value: Value, kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """sorted(xs) of numbers is xs[argsort(xs)] item by item."""
    if set(kwargs) - {"key", "reverse"}:
        raise KindError(f"sorting has no parameter {sorted(set(kwargs) - {'key', 'reverse'})[0]!r}", pos=pos)
    inner = iterate(s, value, pos)
    reverse = true_of(kwargs["reverse"]) if "reverse" in kwargs else False
    if reverse is None:
        raise UnsupportedError("`reverse` must be known when compiling", pos=pos)
    function = kwargs.get("key")
    if isinstance(function, Static) and function.value is None:
        function = None
    if inner.static is not None:
        known = _sorted_when_compiling(s, inner.static, function, reverse, pos)
        if known is not None:
            return known
    items = collect(s, inner, lambda item: item, pos, "items")
    keys = items
    if function is not None:
        keys = collect(s, iterate(s, items, pos), lambda item: call_value(s, function, [item], {}, pos), pos, "keys")
    held = s.dynamic_list(items, pos, held=True) if isinstance(items, Struct) and items.type == "list" else items
    if isinstance(keys, Struct):
        if keys.type != "list" or any(isinstance(item, Struct) for item in keys.values()):
            raise UnsupportedError("sorting by tuples is not supported", "Sort by one number.", pos)
    by = as_expr(keys, pos)
    if isinstance(by.kind, ListOf) and not isinstance(by.kind.item, Scalar):
        if function is None and isinstance(by.kind.item, Opaque):
            flag = (("reverse", Const(True, kind=Scalar("bool", True, True))),) if reverse else ()
            return Leaf(Call(Prim(sorted, "sorted"), (by,), flag, kind=by.kind, pos=pos))
        if not isinstance(by.kind.item, Bottom):
            raise UnsupportedError("only numbers can be sorted", "Sort indices by a number: `key=...`.", pos)
    if reverse:
        by = Op("neg", (_call(np.array, "np.array", by),), kind=_call(np.array, "np.array", by).kind)
    prim = Prim(np.argsort, "np.argsort")
    stable = (("kind", Const("stable", kind=Opaque(str))),)
    order = s.temporary(Call(prim, (by,), stable, kind=infer_call(prim, (by,), stable), pos=pos), "order")
    return collect(s, iterate(s, order, pos), lambda k: load(s, held, k, pos), pos, "ordered")


def _sorted_when_compiling(
    s: State, items: list[Value], function: Value | None, reverse: bool, pos: Pos | None
) -> Value | None:
    """The sorted list, where all keys are known."""
    if len(items) > 1:
        saved = s.snapshot()
        values: list[Value] = []
        emitted = s.block(
            lambda: values.extend(items if function is None else [call_value(s, function, [x], {}, pos) for x in items])
        )
        s.restore(saved)
        keys = [static_key(value) for value in values]
        if emitted or any(key is None for key in keys):
            return None
        try:
            order = sorted(range(len(items)), key=lambda k: keys[k], reverse=reverse)  # type: ignore[arg-type, return-value]
        except TypeError as error:
            raise KindError(str(error), pos=pos) from None
        items = [items[k] for k in order]
    made = Struct("list", dict(enumerate(items)), depth=s.depth, site=s.site(pos))
    return s.dynamic_list(made, pos) if made.site in s.knowledge.dynamic else made


def _call(fn: Any, text: str, *args: Expr) -> Call:
    prim = Prim(fn, text)
    return Call(prim, args, kind=infer_call(prim, args, ()))
