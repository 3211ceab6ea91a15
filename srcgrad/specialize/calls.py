"""Calls: of primitives, builtins, classes, and of the user's functions, which are specialised in line."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.errors import KindError, NoRuleError, SrcgradError, UnsupportedError
from srcgrad.frontend import definition_of
from srcgrad.ir.kinds import BOTTOM, NONE, Array, Bottom, ListOf, Opaque, is_float
from srcgrad.ir.nodes import Apply, Assign, Call, Const, Definition, Effect, Expr, Name, Pos, Prim, Star
from srcgrad.rules.registry import effect, lookup
from srcgrad.specialize.state import Frame, Restart, State
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Either,
    Iteration,
    Leaf,
    Method,
    Static,
    Struct,
    Value,
    as_expr,
    describe,
)


def apply(s: State, expr: Apply) -> Value:
    """The value of a call."""
    from srcgrad.specialize.expressions import evaluate, evaluate_all

    exprs = [expr.fn, *(a.value if isinstance(a, Star) else a for a in expr.args), *(v for _, v in expr.kwargs)]
    values = evaluate_all(s, exprs) if len(exprs) > 1 else [evaluate(s, expr.fn)]
    fn, positional, keywords = values[0], values[1 : 1 + len(expr.args)], values[1 + len(expr.args) :]
    kwargs: dict[str, Value] = {}
    for (name, _), value in zip(expr.kwargs, keywords):
        if name is not None:
            kwargs[name] = value
        elif isinstance(value, Struct) and value.type == "dict":
            kwargs.update(value.items)
        else:
            raise UnsupportedError(
                "`**` needs a dict whose keys are known when compiling", "Pass the arguments one by one.", expr.pos
            )
    stars = [isinstance(given, Star) for given in expr.args]
    return call_value(s, fn, _positional(s, fn, positional, stars, kwargs, expr.pos), kwargs, expr.pos)


def _positional(
    s: State, fn: Value, given: list[Value], stars: list[bool], kwargs: dict[str, Value], pos: Pos | None
) -> list[Value]:
    """The positional arguments, with starred ones taken apart. The length of a starred array may follow from what is
    called: a function of four parameters takes four items."""
    from srcgrad.specialize.indexing import load
    from srcgrad.specialize.iteration import integer
    from srcgrad.specialize.statements import known_items

    args: list[Value] = []
    unknown: list[int] = []
    for value, starred in zip(given, stars):
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
    if not isinstance(fn, Closure) or any(p.kind == "args" for p in fn.definition.params):
        return None
    positional = [p for p in fn.definition.params if p.kind in ("positional", "positional_only")]
    rest = [p for p in positional[given:] if p.name not in kwargs]
    defaults = fn.defaults if fn.function is None else {
        name: p for name, p in inspect.signature(fn.function).parameters.items() if p.default is not p.empty
    }
    return None if any(p.name in defaults for p in rest) else len(rest)


def call_value(s: State, fn: Value, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Call any callable value."""
    from srcgrad.specialize.containers import call_method

    if isinstance(fn, Closure):
        return call_closure(s, fn, args, kwargs, pos)
    if isinstance(fn, Bound):
        return call_value(s, fn.function, [*fn.args, *args], {**fn.kwargs, **kwargs}, pos)
    if isinstance(fn, Method):
        return call_method(s, fn, args, kwargs, pos)
    if isinstance(fn, Static):
        return call_static(s, fn, args, kwargs, pos)
    if isinstance(fn, Struct) and fn.type == "object":
        method = inspect.getattr_static(fn.cls, "__call__", None)
        if isinstance(method, types.FunctionType):
            return call_closure(s, s.function(method), [fn, *args], kwargs, pos)
    if isinstance(fn, Either):
        return _call_either(s, fn, args, kwargs, pos)
    if isinstance(fn, Leaf) and isinstance(fn.kind, Bottom):
        return Leaf(Name("undefined", kind=BOTTOM, pos=pos))
    raise KindError(
        f"{describe(fn)} cannot be called", "Which function is called must be known when compiling.", pos
    )


def _call_either(s: State, fn: Either, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Call one of two functions: a branch with both calls."""
    args = [_given(s, value) for value in args]
    kwargs = {key: _given(s, value) for key, value in kwargs.items()}
    key = ((*s.site(pos), "either"), "called")
    s.names[key] = s.fresh("called")
    s.branch(
        fn.test,
        lambda: s.bind(key, call_value(s, fn.body, args, kwargs, pos), pos, True),
        lambda: s.bind(key, call_value(s, fn.orelse, args, kwargs, pos), pos, True),
        pos,
    )
    s.resolve(s.env[key])
    return s.env.pop(key)


def _given(s: State, value: Value) -> Value:
    if isinstance(value, Leaf) and not isinstance(value.expr, (Const, Name)):
        return s.temporary(value.expr, "given")
    return value


def call_static(s: State, fn: Static, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Call an object known when compiling."""
    from srcgrad.specialize.builtins import HANDLERS
    from srcgrad.specialize.writes import WRITES

    target = fn.value
    try:
        handler = HANDLERS.get(target)
        writer = WRITES.get(target)
    except TypeError:  # unhashable callables
        handler = writer = None
    if handler is not None:
        result = handler(s, args, kwargs, pos)
        if result is not None:
            return result
    if writer is not None:
        return writer(s, args, kwargs, pos)
    if isinstance(getattr(target, "__self__", None), np.ufunc) and target.__name__ == "at":
        from srcgrad.specialize.writes import ufunc_at

        return ufunc_at(s, target.__self__, args, pos)
    if isinstance(target, type):
        made = _construct(s, target, args, kwargs, pos)
        if made is not None:
            return made
    if isinstance(target, functools.partial):
        inner = s.describe_constant(target.func, getattr(target.func, "__name__", "function"))
        given = [s.describe_constant(a, "argument") for a in target.args]
        named = {k: s.describe_constant(v, k) for k, v in target.keywords.items()}
        return call_value(s, inner, [*given, *args], {**named, **kwargs}, pos)
    rule_known = _hashable(target) and lookup(target) is not None
    if not rule_known and isinstance(target, types.FunctionType) and not _is_library(target):
        return call_closure(s, s.function(target), args, kwargs, pos)
    if hasattr(target, "py_func"):
        return call_closure(s, s.function(target.py_func), args, kwargs, pos)
    return call_primitive(s, Prim(target, s.spelling(fn)), args, kwargs, pos)


def _hashable(target: object) -> bool:
    try:
        hash(target)
    except TypeError:
        return False
    return True


def _is_library(fn: types.FunctionType) -> bool:
    return (fn.__module__ or "").split(".")[0] in ("numpy", "scipy", "math", "srcgrad")


def call_primitive(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Call a function of NumPy, math, ...: one expression."""
    from srcgrad.specialize.writes import with_out

    if isinstance(prim.fn, np.ufunc) and len(args) == prim.fn.nin + 1 and "out" not in kwargs:
        args, kwargs = args[:-1], {**kwargs, "out": args[-1]}
    fn = prim.fn
    if isinstance(fn, np.ufunc) and prim.style == "function" and len(args) > fn.nin and "out" not in kwargs:
        outs = args[fn.nin :]
        kwargs = {**kwargs, "out": outs[0] if len(outs) == 1 else Struct("tuple", dict(enumerate(outs)))}
        args = args[: fn.nin]
    if "out" in kwargs and not (isinstance(kwargs["out"], Static) and kwargs["out"].value is None):
        return with_out(s, prim, args, kwargs, pos)
    exprs = tuple(argument(s, arg, pos) for arg in args)
    keywords = tuple((key, argument(s, arg, pos)) for key, arg in kwargs.items())
    what = effect(prim.fn) if _hashable(prim.fn) else "unknown"
    if what == "pure":
        return Leaf(Call(prim, exprs, keywords, kind=infer_call(prim, exprs, keywords), pos=pos))
    if what == "random":
        kind = infer_call(prim, exprs, keywords)
        if kind == NONE:
            s.emit(Effect(Call(prim, exprs, keywords, kind=kind, pos=pos), pos=pos))
            return Static(None)
        return s.temporary(Call(prim, exprs, keywords, kind=kind, pos=pos), "draw")
    name = prim.text or getattr(prim.fn, "__name__", repr(prim.fn))
    if what == "writes":
        raise UnsupportedError(
            f"{name} writes into its arguments in a way that srcgrad does not differentiate",
            "Write the same with an assignment such as `x[index] = value`.",
            pos,
        )
    raise NoRuleError(
        f"{name} has neither Python source nor a derivative rule",
        "Write it in Python with NumPy, or call it outside the function that is differentiated.",
        pos,
    )


def argument(s: State, value: Value, pos: Pos | None) -> Expr:
    """A value as the argument of a primitive."""
    if isinstance(value, Struct) and value.type == "object":
        return as_expr(value, pos)
    if isinstance(value, (Closure, Bound)):
        raise UnsupportedError("a function is passed to a function that srcgrad cannot look into", pos=pos)
    return as_expr(value, pos)


# ---- classes -------------------------------------------------------------------------------------------------


def _construct(s: State, cls: type, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """An object of a user's class."""
    if hasattr(cls, "_fields") and issubclass(cls, tuple):
        fields = cls._fields
        defaults = {k: s.describe_constant(v, k) for k, v in getattr(cls, "_field_defaults", {}).items()}
        given = {**defaults, **dict(zip(fields, args)), **kwargs}
        missing = [field for field in fields if field not in given]
        if missing or len(args) > len(fields):
            raise KindError(f"{cls.__name__} needs the fields {', '.join(fields)}", pos=pos)
        return Struct("tuple", {k: given[field] for k, field in enumerate(fields)}, cls)
    if issubclass(cls, BaseException):
        exprs = tuple(as_expr(arg, pos) for arg in args)
        return Leaf(Call(Prim(cls, cls.__name__), exprs, kind=Opaque(cls), pos=pos))
    if cls.__module__.split(".")[0] in ("numpy", "builtins", "scipy", "math", "functools", "itertools"):
        return None
    owner = Struct("object", {}, cls, s.depth, s.site(pos))
    if dataclasses.is_dataclass(cls) and not isinstance(cls.__dict__.get("__init__"), types.FunctionType):
        raise UnsupportedError(f"{cls.__name__} has no readable constructor", pos=pos)
    if dataclasses.is_dataclass(cls) and _generated_init(cls):
        _fill_dataclass(s, owner, cls, args, kwargs, pos)
        return owner
    init = getattr(cls, "__init__", None)
    if isinstance(init, types.FunctionType):
        call_closure(s, s.function(init), [owner, *args], kwargs, pos)
    elif args or kwargs:
        raise KindError(f"{cls.__name__} takes no arguments", pos=pos)
    return owner


def _generated_init(cls: type) -> bool:
    init = cls.__dict__.get("__init__")
    return init is not None and not inspect.isfunction(inspect.unwrap(init)) or (
        init is not None and init.__code__.co_filename == "<string>"
    )


def _fill_dataclass(
    s: State, owner: Struct, cls: type, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> None:
    fields = [field for field in dataclasses.fields(cls) if field.init]
    positional = [field for field in fields if not field.kw_only]
    if len(args) > len(positional):
        raise KindError(f"{cls.__name__} takes {len(positional)} positional arguments", pos=pos)
    given = {**{field.name: arg for field, arg in zip(positional, args)}, **kwargs}
    for field in dataclasses.fields(cls):
        if field.name in given:
            owner.items[field.name] = given[field.name]
        elif field.default is not dataclasses.MISSING:
            owner.items[field.name] = s.describe_constant(field.default, field.name)
        elif field.default_factory is not dataclasses.MISSING:
            factory = s.describe_constant(field.default_factory, "factory")
            owner.items[field.name] = call_value(s, factory, [], {}, pos)
        else:
            raise KindError(f"{cls.__name__} needs the field {field.name!r}", pos=pos)
    post = getattr(cls, "__post_init__", None)
    if isinstance(post, types.FunctionType):
        call_closure(s, s.function(post), [owner], {}, pos)


# ---- the user's functions ------------------------------------------------------------------------------------


def call_closure(s: State, fn: Closure, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Specialise the callee in line: its variables become variables of the program, renamed where names clash."""
    from srcgrad.specialize.expressions import evaluate
    from srcgrad.specialize.statements import run_block

    definition = fn.definition
    bound = bind_arguments(s, fn, args, kwargs, pos)
    if definition in s.knowledge.outlined:
        from srcgrad.specialize.outline import invoke

        return invoke(s, fn, bound, pos)
    if any(frame.definition is definition for frame in s.frames):
        depth = sum(frame.definition is definition for frame in s.frames)
        if depth >= 2 or True:
            s.knowledge.outlined.add(definition)
            raise Restart
    path = (*s.site(pos), definition.name)
    frame = Frame(path, definition, fn.function, fn.frame, fn.path)
    assigned = _assigned_names(definition)
    s.frame_of[path] = frame
    for name, value in bound.items():
        key = (path, name)
        simple = isinstance(value, Leaf) and isinstance(value.expr, (Const, Name))
        plain = key not in s.knowledge.canonical and not isinstance(value, Iteration)
        if plain and name not in assigned and (simple or not isinstance(value, (Leaf, Struct))):
            s.env[key] = value
        elif key in s.knowledge.canonical or isinstance(value, Iteration):
            s.bind(key, value, pos)
        elif isinstance(value, Struct) and name not in assigned:
            s.env[key] = value if s._is_named(value) else s.materialise(value, s.base_name(key), pos, key)
        else:
            s.bind(key, value, pos)
    s.names[(path, definition.result)] = s.names.get((path, definition.result)) or s.fresh(_result_hint(definition))
    s.frames.append(frame)
    try:
        body = definition.body
        if body and isinstance(body[-1], Assign) and body[-1].target == Name(definition.result):
            run_block(s, body[:-1])
            result = evaluate(s, body[-1].value)
        else:
            run_block(s, body)
            result = s.env.get((path, definition.result), Static(None))
        s.resolve(result)
    except SrcgradError as error:
        if error.pos is None:
            raise type(error)(error.reason, error.remedy, pos) from None
        raise
    finally:
        s.frames.pop()
    if not _holds_frame(result, path) and not any(_holds_frame(v, path) for k, v in s.env.items() if k[0] != path):
        for key in [key for key in s.env if key[0] == path]:
            del s.env[key]
    return result


def _result_hint(definition: Definition) -> str:
    name = definition.name
    return name if name.isidentifier() and name != "lambda" else "result"


def _holds_frame(value: Value, path: tuple[object, ...]) -> bool:
    if isinstance(value, Closure):
        return value.frame is not None and value.frame[: len(path)] == path
    if isinstance(value, Struct):
        return any(_holds_frame(item, path) for item in value.values())
    if isinstance(value, Bound):
        return _holds_frame(value.function, path) or any(_holds_frame(item, path) for item in value.args)
    if isinstance(value, Method):
        return _holds_frame(value.owner, path)
    return False


def _assigned_names(definition: Definition) -> set[str]:
    """The names that the body binds (parameters among them only if they are rebound)."""
    return _assigned_of(definition)


@functools.lru_cache(maxsize=4096)
def _assigned_cached(key: int) -> frozenset[str]:
    raise NotImplementedError


_ASSIGNED: dict[int, tuple[Definition, set[str]]] = {}


def _assigned_of(definition: Definition) -> set[str]:
    found = _ASSIGNED.get(id(definition))
    if found is not None and found[0] is definition:
        return found[1]
    names: set[str] = set()
    _collect(definition.body, names, nested=False)
    _ASSIGNED[id(definition)] = (definition, names)
    return names


def _collect(node: Any, names: set[str], nested: bool) -> None:
    """Names bound by statements, walrus and comprehensions; inside nested functions only their nonlocals."""
    from srcgrad.ir.nodes import Aug, Def, ForEach, Lambda, Node

    if isinstance(node, tuple):
        for item in node:
            _collect(item, names, nested)
    elif isinstance(node, (Def, Lambda)):
        names |= node.function.nonlocals
        if isinstance(node, Def):
            names.add(node.name)
    elif isinstance(node, Node):
        if isinstance(node, (Assign, Aug, ForEach)):
            _collect_target(node.target, names)
        for field in dataclasses.fields(node):
            if field.name not in ("pos", "kind"):
                _collect(getattr(node, field.name), names, nested)


def _collect_target(target: Expr, names: set[str]) -> None:
    from srcgrad.ir.nodes import Pack

    if isinstance(target, Name):
        names.add(target.id)
    elif isinstance(target, Pack):
        for item in target.items:
            _collect_target(item, names)
    elif isinstance(target, Star):
        _collect_target(target.value, names)


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
    bound: dict[str, Value] = {p.name: value for p, value in zip(positional, args)}
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
            return s.describe_captured(parameter.default, name, ("default", fn, name))
    return None


__all__ = ["apply", "call_value", "call_primitive", "call_closure", "bind_arguments"]
_ = (definition_of, Array, ListOf, is_float)
