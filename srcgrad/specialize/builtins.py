"""Builtins that need more than a rule: those that loop, call back, or make containers."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import NONE, DictOf, ListOf, Opaque, is_float
from srcgrad.ir.nodes import Call, Const, Effect, Expr, Name, Pos, Prim, Slice
from srcgrad.specialize.calls import call_value
from srcgrad.specialize.choices import test_expr
from srcgrad.specialize.containers import call_method, collect, new_list, run_loop
from srcgrad.specialize.dicts import copy_dict, new_dict
from srcgrad.specialize.indexing import attribute, load
from srcgrad.specialize.iteration import (
    backwards,
    call_builtin,
    enumerated,
    integer,
    iterate,
    make_range,
    static_items,
    zipped,
)
from srcgrad.specialize.operators import operate
from srcgrad.specialize.rows import row_count
from srcgrad.specialize.state import State, true_of
from srcgrad.specialize.stores import store_item
from srcgrad.specialize.values import (
    Bound,
    Iteration,
    Leaf,
    Method,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
    constant,
    describe,
    static_key,
)

Handler = Callable[[State, list[Value], dict[str, Value], Pos | None], Value | None]
HANDLERS: dict[Any, Handler] = {}


def handles(*functions: Any) -> Callable[[Handler], Handler]:
    """Register what specialises a call of the functions. A handler returns None to leave it to the rules."""

    def register(handler: Handler) -> Handler:
        for function in functions:
            HANDLERS[function] = handler
        return handler

    return register


def expect(name: str, args: list[Value], kwargs: dict[str, Value], least: int, most: int, pos: Pos | None) -> None:
    """Raise unless the call has a number of arguments that the builtin takes, and no keywords."""
    if not least <= len(args) <= most or kwargs:
        given = f"{len(args)} arguments" + (f" and {', '.join(kwargs)}" if kwargs else "")
        raise KindError(f"{name} cannot be called with {given}", pos=pos)


@handles(len)
def _len(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    expect("len", args, kwargs, 1, 1, pos)
    value = args[0]
    if isinstance(value, Rows):
        return Leaf(row_count(value))
    if isinstance(value, Struct) and value.type != "object":
        s.certain(value, pos)
        return constant(len(value.items), pos)
    if isinstance(value, Struct):
        return call_value(s, attribute(s, value, "__len__", pos), [], {}, pos)
    if isinstance(value, Static):
        return constant(len(value.value), pos)
    if isinstance(value, Iteration):
        return Leaf(value.count) if value.count is not None else constant(len(value.static or []), pos)
    return Leaf(call_builtin(len, "len", as_expr(value, pos)))


@handles(range)
def _range(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    expect("range", args, kwargs, 1, 3, pos)
    exprs = [as_expr(arg, pos) for arg in args]
    for expr in exprs:
        if isinstance(expr.kind, ListOf) or getattr(expr.kind, "dtype", "").startswith(("float", "complex")):
            raise KindError("range needs integers", "Write int(...) or `//`.", pos)
    return make_range(exprs)


@handles(enumerate)
def _enumerate(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    start = kwargs.get("start") or (args[1] if len(args) > 1 else None)
    return enumerated(iterate(s, args[0], pos), as_expr(start, pos) if start is not None else integer(0))


@handles(zip)
def _zip(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    if set(kwargs) - {"strict"}:
        raise KindError(f"zip has no parameter {sorted(kwargs)[0]!r}", pos=pos)
    if not args:
        return Iteration(static=[], once=True)
    inners = [iterate(s, arg, pos) for arg in args]
    lengths = {len(inner.static) for inner in inners if inner.static is not None}
    if len(lengths) > 1 and "strict" in kwargs and true_of(kwargs["strict"]):
        raise KindError("zip(..., strict=True) of containers of different lengths", pos=pos)
    return zipped(inners)


@handles(reversed)
def _reversed(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return backwards(iterate(s, args[0], pos))


@handles(map)
def _map(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    inners = [iterate(s, arg, pos) for arg in args[1:]]
    inner = inners[0] if len(inners) == 1 else zipped(inners)

    def item(value: Value) -> Value:
        given = value.values() if len(inners) > 1 and isinstance(value, Struct) else [value]
        return call_value(s, args[0], given, {}, pos)

    return _once(s, collect(s, inner, item, pos, "mapped"), pos)


def _once(s: State, made: Value, pos: Pos | None) -> Iteration:
    """A list as the iterator that Python gives."""
    inner = iterate(s, made, pos)
    return Iteration(inner.static, inner.count, inner.item, once=True, made=made)


@handles(filter)
def _filter(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    expect("filter", args, kwargs, 2, 2, pos)
    inner = iterate(s, args[1], pos)

    def kept(item: Value) -> Value:
        return (
            item if isinstance(args[0], Static) and args[0].value is None else call_value(s, args[0], [item], {}, pos)
        )

    if inner.static is not None and all(map(_has_known_truth, inner.static)):
        saved = s.snapshot()
        tests: list[bool | None] = []
        emitted = s.block(lambda: tests.extend(true_of(kept(item)) for item in inner.static or []))
        s.restore(saved)
        if not emitted and None not in tests:
            items = [item for item, test in zip(inner.static, tests, strict=False) if test]
            return _once(s, Struct("list", dict(enumerate(items)), depth=s.depth, site=s.site(pos)), pos)
    key, _ = new_list(s, "filtered", pos)

    def trip(item: Value) -> None:
        if isinstance(item, Leaf) and not isinstance(item.expr, (Name, Const)):
            item = s.temporary(item.expr, "item")
        keep = kept(item)

        def append() -> None:
            call_method(s, Method(s.env[key], "append"), [item], {}, pos)

        known = true_of(keep)
        if known is None:
            s.branch(test_expr(s, keep, pos), append, lambda: None, pos)
        elif known:
            append()

    if inner.static is not None:
        for item in inner.static:
            trip(item)
    else:
        run_loop(s, inner, trip, pos)
    return _once(s, s.env[key], pos)


def _has_known_truth(item: Value) -> bool:
    return static_key(item) is not None or isinstance(item, (Static, Struct))


@handles(list)
def _list(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    expect("list", args, kwargs, 0, 1, pos)
    if not args:
        made = Struct("list", {}, depth=s.depth, site=s.site(pos))
        return s.dynamic_list(made, pos) if made.site in s.knowledge.dynamic else made
    value = args[0]
    if isinstance(value, Iteration) and value.made is not None and value.depth is None:
        return value.made
    if isinstance(value, Iteration) and value.bounds is not None:
        expr = as_expr(value, pos)
        return Leaf(Call(Prim(list, "list"), (expr,), kind=expr.kind, pos=pos))
    if isinstance(value, Leaf) and isinstance(value.kind, Opaque):
        inner = iterate(s, value, pos)  # makes a list of it
        return inner.made if inner.made is not None else collect(s, inner, lambda item: item, pos)
    return collect(s, iterate(s, value, pos), lambda item: item, pos)


@handles(tuple)
def _tuple(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    expect("tuple", args, kwargs, 0, 1, pos)
    if not args:
        return Struct("tuple", {})
    items = static_items(iterate(s, args[0], pos)) if not _moves(args[0]) else None
    if items is not None:
        return Struct("tuple", dict(enumerate(items)))
    made = _list(s, args, kwargs, pos)
    if not isinstance(made, Leaf) or not isinstance(made.kind, ListOf):
        return made
    return Leaf(replace(made.expr, kind=replace(made.kind, frozen=True)))


def _moves(value: Value) -> bool:
    """Whether looping over the value has an effect (a variable's iterator is used up)."""
    return isinstance(value, Iteration) and value.once and value.depth is not None


@handles(set, frozenset)
def _set(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    expect("set", args, kwargs, 0, 1, pos)
    if not args:
        raise UnsupportedError("a set that is filled later is not supported", "Use a list, or a dict.", pos)
    inner = iterate(s, args[0], pos)
    listed = collect(s, inner, lambda item: item, pos)
    if isinstance(listed, Rows):
        raise UnsupportedError("a set of tuples is not supported", "Use a list.", pos)
    expr = as_expr(listed, pos)
    item = expr.kind.item if isinstance(expr.kind, ListOf) else Opaque(object)
    if is_float(item):
        raise UnsupportedError("a set of floats is not supported", "Use a list.", pos)
    return Leaf(Call(Prim(set, "set"), (expr,), kind=Opaque(set, item=item), pos=pos))


def dict_items(s: State, args: list[Value], pos: Pos | None) -> dict[Any, Value] | None:
    """The items of dicts, or of iterables of pairs, where the keys are known when compiling."""
    items: dict[Any, Value] = {}
    for arg in args:
        if isinstance(arg, Struct) and arg.type == "dict":
            s.certain(arg, pos)
            items.update(arg.items)
            continue
        if isinstance(arg, Leaf) and isinstance(arg.kind, DictOf):
            return None
        pairs = static_items(iterate(s, arg, pos))
        if pairs is None:
            return None
        for pair in pairs:
            parts = static_items(iterate(s, pair, pos))
            if parts is None or len(parts) != 2:
                raise KindError("a dict is made of pairs", pos=pos)
            key = static_key(parts[0])
            if key is None and not (isinstance(parts[0], Static) and parts[0].value is None):
                return None
            items[key] = parts[1]
    return items


@handles(dict)
def _dict(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    if len(args) > 1:
        raise KindError(f"dict cannot be called with {len(args)} arguments", pos=pos)
    items = dict_items(s, args, pos)
    if items is not None:
        from srcgrad.specialize.expressions import run_time_dict

        made = Struct("dict", {**items, **kwargs}, depth=s.depth, site=s.site(pos))
        return run_time_dict(s, made, pos) if made.site in s.knowledge.dynamic else made
    source = args[0]
    if isinstance(source, Leaf) and isinstance(source.kind, DictOf):
        return copy_dict(s, source, pos)
    key, _ = new_dict(s, "entries", pos)

    def put(pair: Value) -> None:
        parts = static_items(iterate(s, pair, pos))
        if parts is None or len(parts) != 2:
            raise KindError("a dict is made of pairs", pos=pos)
        store_item(s, s.env[key], parts[0], parts[1], "", pos)

    inner = iterate(s, source, pos)
    for pair in inner.static or []:
        put(pair)
    if inner.static is None:
        run_loop(s, inner, put, pos)
    return s.env[key]


@handles(print)
def _print(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    exprs = tuple(_shown(arg, pos) for arg in args)
    keywords = tuple((key, as_expr(value, pos)) for key, value in kwargs.items())
    s.emit(Effect(Call(Prim(print, "print"), exprs, keywords, kind=NONE, pos=pos), pos=pos))
    return Static(None)


@handles(breakpoint)
def _breakpoint(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """It stops where it stands in the forward sweep."""
    exprs = tuple(_shown(arg, pos) for arg in args)
    keywords = tuple((key, as_expr(value, pos)) for key, value in kwargs.items())
    s.emit(Effect(Call(Prim(breakpoint, "breakpoint"), exprs, keywords, kind=NONE, pos=pos), pos=pos))
    return Static(None)


def _shown(value: Value, pos: Pos | None) -> Expr:
    if isinstance(value, Rows):
        return Const(describe(value), kind=Opaque(str))
    if isinstance(value, Struct) and value.type == "object":
        return Const(describe(value), kind=Opaque(str))
    if isinstance(value, (Leaf, Struct)) or (isinstance(value, Static) and not callable(value.value)):
        return as_expr(value, pos)
    return Const(describe(value), kind=Opaque(str))


@handles(functools.partial)
def _partial(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    expect("functools.partial", args[:1], {}, 1, 1, pos)
    key = ((*s.site(pos), "given"), "given")
    s.names[key] = s.fresh("given")
    given: dict[Any, Value] = {**dict(enumerate(args[1:])), **kwargs}
    parts = {k: _given(s, value, s.part(s.names[key], k), pos) for k, value in given.items()}
    positional = [value for k, value in parts.items() if isinstance(k, int)]
    return Bound(args[0], positional, {k: value for k, value in parts.items() if isinstance(k, str)})


def _given(s: State, value: Value, name: str, pos: Pos | None) -> Value:
    """An argument that is bound now and read later: in a variable of its own."""
    if isinstance(value, Leaf) and not isinstance(value.expr, Const):
        return s.materialise(value, name, pos, None)
    if isinstance(value, Struct) and value.type == "tuple":
        return s.materialise(value, name, pos, None, True)
    return value


@handles(itertools.product)
def _product(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    inners = [static_items(iterate(s, arg, pos)) for arg in args]
    if any(inner is None for inner in inners) or kwargs:
        raise UnsupportedError("itertools.product needs containers of known length", "Nest the loops.", pos)
    tuples = itertools.product(*(inner or [] for inner in inners))
    return Iteration(static=[Struct("tuple", dict(enumerate(items))) for items in tuples], once=True)


_OPERATORS = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.pow: "**",
    operator.matmul: "@", operator.neg: "neg", operator.floordiv: "//", operator.mod: "%",
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!=",
}  # fmt: skip


def _operator(op: str) -> Handler:
    def handler(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
        return operate(s, op, args, pos)

    return handler


for _function, _op in _OPERATORS.items():
    HANDLERS[_function] = _operator(_op)


@handles(operator.getitem)
def _getitem(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return load(s, args[0], args[1], pos)


def _text(fn: Callable[..., str], name: str) -> Handler:
    def handler(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
        keys = [static_key(arg) for arg in args]
        if all(isinstance(key, (str, int, float)) for key in keys):
            return Static(fn(*keys))
        exprs = tuple(_shown(arg, pos) for arg in args)
        return Leaf(Call(Prim(fn, name), exprs, kind=Opaque(str), pos=pos))

    return handler


TEXTS: dict[Any, Handler] = {str: _text(str, "str"), repr: _text(repr, "repr"), format: _text(format, "format")}
HANDLERS |= TEXTS


@handles(pow)
def _pow(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    return operate(s, "**", args, pos) if len(args) == 2 else None


@handles(slice)
def _slice(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    expect("slice", args, kwargs, 1, 3, pos)
    bounds = [None if isinstance(arg, Static) and arg.value is None else as_expr(arg, pos) for arg in args]
    lo, hi, step = (None, *bounds, None) if len(bounds) == 1 else (*bounds, None)[:3]
    return Leaf(Slice(lo, hi, step, kind=Opaque(slice), pos=pos))


@handles(divmod)
def _divmod(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return Struct("tuple", {0: operate(s, "//", args, pos), 1: operate(s, "%", args, pos)})


from srcgrad.specialize import (  # noqa: E402  (they register handlers here)
    checkpoints,
    constants,
    grids,
    implicit,
    reductions,
    reflection,
    solvers,
    structures,
)

__all__ = [
    "HANDLERS", "checkpoints", "constants", "grids", "implicit", "reductions", "reflection", "solvers", "structures",
]  # fmt: skip
