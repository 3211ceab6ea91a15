"""Arguments of a call: starred ones taken apart, and what each parameter of a callee gets."""

from __future__ import annotations

import inspect
import itertools

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import Kind, ListOf, Opaque, Scalar, is_float
from srcgrad.ir.nodes import Call, Const, Expr, Name, Pack, Pos, Prim, Star
from srcgrad.rules.effects import Ruled
from srcgrad.rules.registry import lookup
from srcgrad.specialize.spelling import is_of_srcgrad
from srcgrad.specialize.state import State
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Leaf,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
    join_all,
)


def positional_arguments(
    s: State, fn: Value, given: list[Value], stars: list[bool], kwargs: dict[str, Value], pos: Pos | None
) -> list[Value]:
    """The positional arguments, with starred ones taken apart. The length of a starred array may follow from what is
    called: a function of four parameters takes four items."""
    from srcgrad.specialize.indexing import load
    from srcgrad.specialize.iteration import integer
    from srcgrad.specialize.statements import known_items

    args: list[Value] = []
    unknown: list[int] = []
    for value, starred in zip(given, stars, strict=False):
        items = known_items(s, value, pos) if starred else [value]
        if items is None:
            unknown.append(len(args))
        args.extend([value] if items is None else items)
    if not unknown:
        return args
    if isinstance(fn, Static) and fn.value in (max, min, print) and len(args) == 1 and fn.value is not print:
        return args
    if isinstance(fn, Static) and fn.value is print:
        for k in unknown:
            args[k] = Leaf(Star(as_expr(args[k], pos), kind=Opaque(object)))
        return args
    count = _missing(fn, len(args) - 1, kwargs) if len(unknown) == 1 else None
    if count is None:
        raise UnsupportedError(
            "`*` of something whose length is not known when compiling", "Pass the items one by one.", pos
        )
    at = unknown[0]
    source = args[at]
    if isinstance(source, Leaf) and not isinstance(source.expr, Name):
        source = s.temporary(source.expr, "items")
    return [*args[:at], *(load(s, source, Leaf(integer(k)), pos) for k in range(count)), *args[at + 1 :]]


def _missing(fn: Value, given: int, kwargs: dict[str, Value]) -> int | None:
    """How many positional arguments a call still needs, where only one number is right."""
    if isinstance(fn, Bound):
        return _missing(fn.function, given + len(fn.args), {**fn.kwargs, **kwargs})
    if isinstance(fn, Static) and isinstance(fn.value, np.ufunc):
        return fn.value.nin - given
    if not isinstance(fn, Closure) or any(p.kind == "args" for p in fn.definition.params):
        return None
    positional = [p for p in fn.definition.params if p.kind in ("positional", "positional_only")]
    rest = [p for p in positional[given:] if p.name not in kwargs]
    defaults = (
        fn.defaults
        if fn.function is None
        else {name: p for name, p in inspect.signature(fn.function).parameters.items() if p.default is not p.empty}
    )
    return None if any(p.name in defaults for p in rest) else len(rest)


def _table(value: Rows, pos: Pos | None) -> Expr:
    """A list of tuples of numbers as the array that NumPy makes of it."""
    make, stack = Prim(np.array, "np.array"), Prim(np.stack, "np.stack")
    columns = tuple(Call(make, (c.expr,), kind=infer_call(make, (c.expr,), ()), pos=pos) for c in value.columns())
    listed = Pack("list", columns, kind=ListOf(join_all([c.kind for c in columns])), pos=pos)
    axis = (("axis", Const(1, kind=Scalar("int64", True, 1))),)
    return Call(stack, (listed,), axis, kind=infer_call(stack, (listed,), axis), pos=pos)


def argument(s: State, value: Value, pos: Pos | None) -> Expr:
    """A value as the argument of a primitive."""
    if isinstance(value, Rows) and value.row == "tuple" and not any(isinstance(v, Rows) for v in value.values()):
        return _table(value, pos)
    if isinstance(value, (Closure, Bound)):
        raise UnsupportedError("a function is passed to a function that srcgrad cannot look into", pos=pos)
    if isinstance(value, Static) and isinstance(value.value, Ruled):
        from srcgrad.specialize.own import callee_text

        return Call(Prim(value.value, callee_text(s, value), "attribute"), (), kind=Opaque(type(value.value)), pos=pos)
    return as_expr(value, pos)


def bind_arguments(
    s: State, fn: Closure, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> dict[str, Value]:
    """Parameters and their values, by Python's rules."""
    definition = fn.definition
    name = definition.name
    positional = [p for p in definition.params if p.kind in ("positional", "positional_only")]
    rest = next((p for p in definition.params if p.kind == "args"), None)
    keywords = next((p for p in definition.params if p.kind == "kwargs"), None)
    if len(args) > len(positional) and rest is None:
        raise KindError(f"{name}() takes {len(positional)} positional arguments but {len(args)} were given", pos=pos)
    bound: dict[str, Value] = {p.name: value for p, value in zip(positional, args, strict=False)}
    if rest is not None:
        bound[rest.name] = Struct("tuple", dict(enumerate(args[len(positional) :])))
    extra: dict[str, Value] = {}
    by_name = {p.name for p in definition.params if p.kind in ("positional", "keyword_only")}
    for key, value in kwargs.items():
        if key in by_name:
            if key in bound:
                raise KindError(f"{name}() got two values for {key!r}", pos=pos)
            bound[key] = value
        elif keywords is not None:
            extra[key] = value
        else:
            raise KindError(f"{name}() has no parameter {key!r}", pos=pos)
    if keywords is not None:
        bound[keywords.name] = Struct("dict", extra)
    for parameter in definition.params:
        if parameter.name not in bound:
            default = default_of(s, fn, parameter.name)
            if default is None:
                raise KindError(f"{name}() misses its argument {parameter.name!r}", pos=pos)
            bound[parameter.name] = default
    return {p.name: bound[p.name] for p in definition.params}


def default_of(s: State, fn: Closure, name: str) -> Value | None:
    """The value of a parameter's default, evaluated when the function was defined."""
    if name in fn.defaults:
        return fn.defaults[name]
    if fn.function is not None:
        parameter = inspect.signature(fn.function, follow_wrapped=False).parameters.get(name)
        if parameter is not None and parameter.default is not inspect.Parameter.empty:
            if is_of_srcgrad(fn):
                return s.describe_constant(parameter.default, repr(parameter.default))
            return s.describe_captured(parameter.default, name, ("default", fn, name))
    return None


def arrays_of_displays(prim: Prim, exprs: tuple[Expr, ...], pos: Pos | None) -> tuple[Expr, ...]:
    """The arguments of a call, with `np.array([a, b])` for a display that stands where a rule knows arrays only."""
    rule = lookup(prim.fn)
    if rule is None or rule.displays or rule.own or not any(isinstance(e, Pack) for e in exprs):
        return exprs
    make = Prim(np.array, "np.array")
    made = []
    for name, expr in itertools.zip_longest(rule.params[: len(exprs)], exprs):
        if name in rule.builders and name != rule.variadic and isinstance(expr, Pack) and is_float(join_of(expr)):
            expr = Call(make, (expr,), kind=infer_call(make, (expr,)), pos=pos)
        made.append(expr)
    return tuple(made)


def join_of(display: Pack) -> Kind:
    """What the items of a display are together; those of displays in it count."""
    return join_all([join_of(item) if isinstance(item, Pack) else item.kind for item in display.items])
