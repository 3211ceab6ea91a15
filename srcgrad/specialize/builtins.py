"""Builtins and standard-library functions that need more than a rule: those that loop, call back, or look at types."""

from __future__ import annotations

import builtins
import functools
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_call, infer_op
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import BOTTOM, INT, NONE, Array, DictOf, ListOf, Opaque, Scalar, is_float
from srcgrad.ir.nodes import Call, Const, Effect, Expr, Name, Op, Pos, Prim
from srcgrad.specialize.calls import call_value
from srcgrad.specialize.containers import collect, run_loop
from srcgrad.specialize.iteration import (
    backwards,
    call_builtin,
    enumerated,
    integer,
    iterate,
    make_range,
    zipped,
)
from srcgrad.specialize.state import State, true_of
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Iteration,
    Leaf,
    Method,
    Static,
    Struct,
    Value,
    as_expr,
    constant,
    describe,
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


@handles(len)
def _len(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    value = args[0]
    if isinstance(value, Struct) and value.type != "object":
        return constant(len(value.items), pos)
    if isinstance(value, Struct):
        from srcgrad.specialize.expressions import attribute

        return call_value(s, attribute(s, value, "__len__", pos), [], {}, pos)
    if isinstance(value, Static):
        return constant(len(value.value), pos)
    if isinstance(value, Iteration):
        return Leaf(value.count) if value.count is not None else constant(len(value.static or []), pos)
    return Leaf(call_builtin(len, "len", as_expr(value, pos)))


@handles(range)
def _range(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return make_range([as_expr(arg, pos) for arg in args])


@handles(enumerate)
def _enumerate(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    start = kwargs.get("start") or (args[1] if len(args) > 1 else None)
    return enumerated(iterate(s, args[0], pos), as_expr(start, pos) if start is not None else integer(0))


@handles(zip)
def _zip(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    if not args:
        return Iteration(static=[])
    return zipped([iterate(s, arg, pos) for arg in args])


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

    return collect(s, inner, item, pos, "mapped")


@handles(filter)
def _filter(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.containers import _dynamic_list_method, new_list
    from srcgrad.specialize.expressions import test_expr

    inner = iterate(s, args[1], pos)
    made = new_list(s, "filtered", pos)
    assert isinstance(made.expr, Name)
    key = ((), made.expr.id)

    def trip(item: Value) -> None:
        keep = item if isinstance(args[0], Static) and args[0].value is None else call_value(s, args[0], [item], {}, pos)

        def append() -> None:
            owner = s.env[key]
            assert isinstance(owner, Leaf)
            _dynamic_list_method(s, owner, "append", [item], pos)

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
    return s.env[key]


@handles(functools.reduce)
def _reduce(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    inner = iterate(s, args[1], pos)
    return _fold(s, inner, lambda a, b: call_value(s, args[0], [a, b], {}, pos), args[2] if len(args) > 2 else None, pos)


def _fold(
    s: State, inner: Iteration, combine: Callable[[Value, Value], Value], start: Value | None, pos: Pos | None
) -> Value:
    if inner.static is not None:
        items = ([start] if start is not None else []) + inner.static
        if not items:
            raise KindError("reduce of nothing needs a start value", pos=pos)
        result = items[0]
        for item in items[1:]:
            result = combine(result, item)
        return result
    key = (s.frame.path, s.fresh("total"))
    s.names[key] = key[1]
    assert inner.item is not None and inner.count is not None
    first = 0
    if start is None:
        start, first = inner.item(integer(0)), 1
    s.bind(key, start, pos)
    rest = Iteration(count=inner.count, item=inner.item, bounds=inner.bounds if not first else None)
    if first:
        item = inner.item
        rest = Iteration(count=inner.count, bounds=(integer(1), inner.count, integer(1)))
        run_loop(s, rest, lambda k: s.bind(key, combine(s.env[key], item(as_expr(k))), pos), pos)
    else:
        run_loop(s, rest, lambda value: s.bind(key, combine(s.env[key], value), pos), pos)
    return s.env.pop(key)


@handles(sum)
def _sum(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    from srcgrad.specialize.expressions import operate

    start = args[1] if len(args) > 1 else kwargs.get("start", constant(0, pos))
    inner = iterate(s, args[0], pos)
    if inner.static is not None and isinstance(start, Leaf) and isinstance(start.expr, Const) and start.expr.value == 0:
        if inner.static:
            start, inner = inner.static[0], Iteration(static=inner.static[1:])
    return _fold(s, inner, lambda a, b: operate(s, "+", [a, b], pos), start, pos)


@handles(math.fsum)
def _fsum(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    return _sum(s, args, {"start": constant(0.0, pos)}, pos)


@handles(math.prod)
def _math_prod(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    from srcgrad.specialize.expressions import operate

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
            if not isinstance(x.kind, (Scalar, type(BOTTOM))) or not isinstance(y.kind, (Scalar, type(BOTTOM))):
                raise KindError(
                    f"{name} compares arrays", f"Use np.{name}imum for the elementwise {name}imum.", pos
                )
            return Leaf(call_builtin(fn, name, x, y))

        if len(args) > 1:
            return _fold(s, Iteration(static=list(args)), pair, None, pos)
        return _fold(s, iterate(s, args[0], pos), pair, None, pos)

    return handler


def _extreme_by_key(s: State, name: str, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.expressions import operate

    items = iterate(s, args[0], pos) if len(args) == 1 else Iteration(static=list(args))
    best, best_key = (s.frame.path, s.fresh("best")), (s.frame.path, s.fresh("best_key"))
    for key in (best, best_key):
        s.names[key] = key[1]

    def take(item: Value, value: Value) -> None:
        s.bind(best, item, pos)
        s.bind(best_key, value, pos)

    def trip(item: Value) -> None:
        if isinstance(item, Leaf) and not isinstance(item.expr, (Name, Const)):
            item = s.temporary(item.expr, "item")
        value = call_value(s, kwargs["key"], [item], {}, pos)
        if isinstance(value, Leaf) and not isinstance(value.expr, (Name, Const)):
            value = s.temporary(value.expr, "key")
        test = operate(s, "<" if name == "min" else ">", [value, s.env[best_key]], pos)
        s.branch(as_expr(test, pos), lambda: take(item, value), lambda: None, pos)

    if items.static is not None:
        first, *rest = items.static
        take(first, call_value(s, kwargs["key"], [first], {}, pos))
        for item in rest:
            trip(item)
    else:
        assert items.item is not None and items.count is not None
        get = items.item
        first = get(integer(0))
        take(first, call_value(s, kwargs["key"], [first], {}, pos))
        bounds = (integer(1), items.count, integer(1))
        run_loop(s, Iteration(count=items.count, item=lambda k: Leaf(k), bounds=bounds), lambda k: trip(get(as_expr(k))), pos)
    s.env.pop(best_key)
    return s.env.pop(best)


HANDLERS[min] = _extreme(min, "min")
HANDLERS[max] = _extreme(max, "max")


@handles(any, all)
def _any(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    value = args[0]
    if isinstance(value, Struct) and all(true_of(item) is not None for item in value.values()):
        return None
    return None


@handles(sorted)
def _sorted(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """sorted(xs) of numbers is xs[argsort(xs)] item by item."""
    value = args[0]
    if isinstance(value, Struct) and value.type == "dict":
        return Struct("list", {k: Static(key) for k, key in enumerate(sorted(value.items))})
    inner = iterate(s, value, pos)
    if inner.static is not None and all(isinstance(item, Static) for item in inner.static):
        return Struct("list", dict(enumerate(sorted(inner.static, key=lambda item: item.value))))  # type: ignore[attr-defined]
    reverse = kwargs.get("reverse")
    if reverse is not None and true_of(reverse) is None:
        raise UnsupportedError("`reverse` must be known when compiling", pos=pos)
    items = collect(s, inner, lambda item: item, pos, "items")
    keys = items
    if "key" in kwargs and not (isinstance(kwargs["key"], Static) and kwargs["key"].value is None):
        keys = collect(s, iterate(s, items, pos), lambda item: call_value(s, kwargs["key"], [item], {}, pos), pos, "keys")
    held = _held_list(s, items, pos)
    by = as_expr(keys, pos)
    by = Op("neg", (_call(np.array, "np.array", by),), kind=_call(np.array, "np.array", by).kind) if (
        reverse is not None and true_of(reverse)
    ) else by
    order_prim = Prim(np.argsort, "np.argsort")
    stable = (("kind", Const("stable", kind=Opaque(str))),)
    order_expr = Call(order_prim, (by,), stable, kind=infer_call(order_prim, (by,), stable), pos=pos)
    order = s.temporary(order_expr, "order")
    from srcgrad.specialize.expressions import load

    return collect(s, iterate(s, order, pos), lambda k: load(s, held, k, pos), pos, "ordered")


def _held_list(s: State, items: Value, pos: Pos | None) -> Leaf:
    if isinstance(items, Leaf):
        return items
    assert isinstance(items, Struct)
    return s.dynamic_list(items, pos, held=True)


def _call(fn: Any, text: str, *args: Expr) -> Call:
    prim = Prim(fn, text)
    return Call(prim, args, kind=infer_call(prim, args, ()))


@handles(list, tuple)
def _list(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    if not args:
        return Struct("list", {}, depth=s.depth, site=s.site(pos))
    value = args[0]
    if isinstance(value, Leaf) and isinstance(value.expr, Call) and value.expr.prim.fn is np.shape:
        return Struct("tuple", dict(enumerate(iterate(s, value, pos).static or [])))
    return collect(s, iterate(s, value, pos), lambda item: item, pos)


@handles(tuple)
def _tuple(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    if not args:
        return Struct("tuple", {})
    made = _list(s, args, kwargs, pos)
    return Struct("tuple", made.items) if isinstance(made, Struct) else made


@handles(dict)
def _dict(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    from srcgrad.specialize.statements import spread, static_key

    items: dict[Any, Value] = {}
    for arg in args:
        if isinstance(arg, Struct) and arg.type == "dict":
            items.update(arg.items)
            continue
        for pair in spread(s, arg, pos):
            key, value = spread(s, pair, pos)
            known = static_key(key)
            if known is None:
                raise UnsupportedError("dict(...) needs keys that are known when compiling", pos=pos)
            items[known] = value
    items.update(kwargs)
    return Struct("dict", items, depth=s.depth, site=s.site(pos))


@handles(print)
def _print(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    exprs = tuple(_shown(arg, pos) for arg in args)
    keywords = tuple((key, as_expr(value, pos)) for key, value in kwargs.items())
    s.emit(Effect(Call(Prim(print, "print"), exprs, keywords, kind=NONE, pos=pos), pos=pos))
    return Static(None)


def _shown(value: Value, pos: Pos | None) -> Expr:
    if isinstance(value, (Closure, Bound, Method)) or (isinstance(value, Struct) and value.type == "object"):
        return as_expr(Static(describe(value)))
    return as_expr(value, pos)


@handles(isinstance)
def _isinstance(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    value, classes = args
    wanted = [c.value for c in classes.values() if isinstance(c, Static)] if isinstance(classes, Struct) else [
        classes.value if isinstance(classes, Static) else object
    ]
    flat = tuple(c for w in wanted for c in (w if isinstance(w, tuple) else (w,)))
    found = type_of(value)
    if found is None:
        raise UnsupportedError("the class of this value is not known when compiling", pos=pos)
    return constant(any(isinstance(c, type) and issubclass(f, c) for f in found[:1] for c in flat), pos)


def type_of(value: Value) -> tuple[type, ...] | None:
    """The class of a value, where it is known."""
    if isinstance(value, Static):
        return (type(value.value),)
    if isinstance(value, Struct):
        return (value.cls or {"tuple": tuple, "list": list, "dict": dict}[value.type],)
    if isinstance(value, (Closure, Bound, Method)):
        return (type(lambda: None),)
    assert isinstance(value, Leaf)
    kind = value.kind
    if isinstance(kind, Array):
        return (np.ndarray,) if kind.dims is not None else None
    if isinstance(kind, Scalar):
        if kind.optional:
            return None
        if kind.weak:
            return ({"b": bool, "i": int, "u": int, "f": float, "c": complex}[np.dtype(kind.dtype).kind],)
        return (np.dtype(kind.dtype).type,)
    if isinstance(kind, ListOf):
        return (list,)
    if isinstance(kind, DictOf):
        return (dict,)
    return (kind.type,) if isinstance(kind, Opaque) else None


@handles(type)
def _type(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    found = type_of(args[0])
    if found is None or len(args) != 1:
        raise UnsupportedError("the class of this value is not known when compiling", pos=pos)
    return Static(found[0], found[0].__name__)


@handles(callable)
def _callable(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    value = args[0]
    if isinstance(value, Static):
        return constant(callable(value.value), pos)
    if isinstance(value, Struct):
        return constant(value.cls is not None and hasattr(value.cls, "__call__"), pos)
    return constant(isinstance(value, (Closure, Bound, Method)), pos)


@handles(getattr)
def _getattr(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.expressions import attribute

    if not isinstance(args[1], Static):
        raise UnsupportedError("the attribute's name must be known when compiling", pos=pos)
    if len(args) == 3:
        try:
            return attribute(s, args[0], args[1].value, pos)
        except KindError:
            return args[2]
    return attribute(s, args[0], args[1].value, pos)


@handles(hasattr)
def _hasattr(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    value, name = args
    if not isinstance(name, Static):
        raise UnsupportedError("the attribute's name must be known when compiling", pos=pos)
    if isinstance(value, Struct) and value.type == "object":
        return constant(name.value in value.items or hasattr(value.cls, name.value), pos)
    found = type_of(value)
    if found is None:
        raise UnsupportedError("the class of this value is not known when compiling", pos=pos)
    return constant(hasattr(found[0], name.value), pos)


@handles(setattr)
def _setattr(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import set_attribute

    if not isinstance(args[1], Static):
        raise UnsupportedError("the attribute's name must be known when compiling", pos=pos)
    set_attribute(s, args[0], args[1].value, args[2], pos)
    return Static(None)


@handles(functools.partial)
def _partial(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    held = [s.temporary(a.expr, "given") if isinstance(a, Leaf) and not isinstance(a.expr, (Const, Name)) else a for a in args[1:]]
    return Bound(args[0], held, kwargs)


@handles(itertools.product)
def _product(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    inners = [iterate(s, arg, pos).static for arg in args]
    if any(inner is None for inner in inners) or kwargs:
        raise UnsupportedError("itertools.product needs containers of known length", "Nest the loops.", pos)
    tuples = itertools.product(*(inner or [] for inner in inners))
    return Iteration(static=[Struct("tuple", dict(enumerate(items))) for items in tuples])


_OPERATORS = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.pow: "**",
    operator.matmul: "@", operator.neg: "neg", operator.floordiv: "//", operator.mod: "%",
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!=",
}  # fmt: skip


def _operator(op: str) -> Handler:
    def handler(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
        from srcgrad.specialize.expressions import operate

        return operate(s, op, args, pos)

    return handler


for _function, _op in _OPERATORS.items():
    HANDLERS[_function] = _operator(_op)


@handles(operator.getitem)
def _getitem(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.expressions import load

    return load(s, args[0], args[1], pos)


@handles(str, repr, format)
def _str(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    value = args[0] if args else Static("")
    if isinstance(value, Static):
        return Static(str(value.value))
    return Leaf(Call(Prim(str, "str"), tuple(as_expr(a, pos) for a in args), kind=Opaque(str), pos=pos))


@handles(pow)
def _pow(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    from srcgrad.specialize.expressions import operate

    return operate(s, "**", args, pos) if len(args) == 2 else None


@handles(divmod)
def _divmod(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.expressions import operate

    return Struct("tuple", {0: operate(s, "//", args, pos), 1: operate(s, "%", args, pos)})


@handles(id, input, open, eval, exec, compile, vars, locals, globals, __import__)
def _refused(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    raise UnsupportedError("this builtin cannot be differentiated", "Call it outside the function.", pos)


_ = (builtins, INT, infer_op, is_float)
