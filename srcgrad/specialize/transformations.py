"""Transformations of functions inside of a program that is itself transformed: `grad(f)(x)` in a loss.

A gradient is a callable like any other. When it is called, the function that it is the gradient of is made a program
of its own for the kinds of the arguments (see inner), the source of its derivative is generated, and that source is
called in line, as the user's functions are. So what comes out can be differentiated again, in every mode.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from srcgrad.analysis.signatures import required
from srcgrad.errors import ArgumentError, KindError, SrcgradError, UnsupportedError
from srcgrad.ir.kinds import BOTTOM, is_float
from srcgrad.ir.nodes import Apply, Assign, Const, Definition, Free, Name, Parameter, Pos, Star
from srcgrad.rules.registry import lookup
from srcgrad.specialize.arguments import bind_arguments
from srcgrad.specialize.boundary import NotYet
from srcgrad.specialize.builtins import HANDLERS
from srcgrad.specialize.calls import call_closure, call_value
from srcgrad.specialize.knowledge import Derived
from srcgrad.specialize.options import Options, TransformedFunction
from srcgrad.specialize.places import Place, Signature, is_many, places
from srcgrad.specialize.reflection import deep_copy
from srcgrad.specialize.state import State, true_of
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Either,
    Leaf,
    Pullback,
    Static,
    Struct,
    Transformed,
    Value,
    describe,
    leaves,
    static_key,
)

RESULT = "result"


# ---- making ----------------------------------------------------------------------------------------------------


def transformation(function: Callable[..., Any], mode: str, with_value: bool = False) -> None:
    """Let calls of a public function such as `grad` make a transformation in this mode. Its parameters are a function
    (which may be left out: then it gives a decorator), argnums and has_aux."""

    def handler(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
        given = {**dict(zip(("function", "argnums", "has_aux"), args, strict=False)), **kwargs}
        primal = given.pop("function", None)
        if len(args) > 3 or set(given) - {"argnums", "has_aux"}:
            raise KindError(f"{function.__name__} has the parameters function, argnums and has_aux", pos=pos)
        if primal is None or (isinstance(primal, Static) and primal.value is None):
            return Bound(Static(function, function.__name__), [], given)
        options = Options(mode, argnums_of(given.get("argnums"), pos), _flag(given.get("has_aux"), pos), with_value)
        return transformed(primal, options, pos)

    HANDLERS[function] = handler


def transformed(function: Value, options: Options, pos: Pos | None) -> Value:
    """The transformation of a function value."""
    if options.mode == "primal":  # what the function does, it does in generated code too
        return function
    if isinstance(function, Either):
        return Either(
            function.test, transformed(function.body, options, pos), transformed(function.orelse, options, pos)
        )
    if isinstance(function, Static) and (closure := _library(function)) is not None:
        function = closure
    call = getattr(function.cls, "__call__", None) if isinstance(function, Struct) else None  # noqa: B004
    callable_object = isinstance(call, types.FunctionType)
    if not isinstance(function, (Closure, Bound)) and not callable_object:
        python = isinstance(function, Static) and callable(function.value)
        raise UnsupportedError(
            f"{describe(function)} is {'not written in Python' if python else 'no function'}, and cannot be "
            "differentiated by itself",
            "Write a function that calls it: `lambda x: ...`.", pos,
        )  # fmt: skip
    return Transformed(function, [], {}, options=options)


def _library(function: Static) -> Closure | None:
    """A function that calls a function of a library that has a rule: grad(np.sum)."""
    if not callable(function.value) or isinstance(function.value, type) or lookup(function.value) is None:
        return None
    names = required(function.value)
    if not names:
        return None
    key = function.value, names
    if key not in _LIBRARY:
        inner = "function_"
        call = Apply(Name(inner), tuple(Name(name) for name in names))
        params = (*map(Parameter, names), Parameter(inner, "keyword_only", Const(None)))
        bound = frozenset({RESULT, inner, *names})
        name = getattr(function.value, "__name__", "function")
        _LIBRARY[key] = Definition(name, params, (Assign(Name(RESULT), call),), RESULT, bound)
    return Closure(_LIBRARY[key], defaults={"function_": function})


_LIBRARY: dict[tuple[Any, tuple[str, ...]], Definition] = {}


def method_of(s: State, found: TransformedFunction, owner: Struct) -> Value:
    """A transformation that stands in a class, as the method of an object: argnums count the object."""
    primal = found.primal.__func__ if isinstance(found.primal, staticmethod) else found.primal
    inner = s.describe_constant(primal, found.__name__)
    if found.options.mode == "primal":
        return inner if isinstance(found.primal, staticmethod) else Bound(inner, [owner])
    if isinstance(found.primal, staticmethod):
        return Transformed(inner, [], {}, options=found.options)
    options = Options(**{**vars(found.options), "counted": 1})
    return Transformed(Bound(inner, [owner]), [], {}, options=options)


def member(fn: Transformed, name: str, pos: Pos | None) -> Value:
    """An attribute of a transformation."""
    if name in ("primal", "__wrapped__"):
        return fn.function
    if name == "value_and_grad":
        return Transformed(fn.function, fn.args, fn.kwargs, options=Options(**{**vars(fn.options), "with_value": True}))
    raise UnsupportedError(f"attribute {name!r} of a gradient is not supported", pos=pos)


def argnums_of(value: Value | None, pos: Pos | None) -> Any:
    """The argnums that a value stands for, which have to be known."""
    if value is None:
        return 0
    if isinstance(value, Struct) and value.type in ("tuple", "list"):
        return tuple(argnums_of(item, pos) for item in value.values())
    found = static_key(value)
    if not isinstance(found, (int, str)):
        raise UnsupportedError("argnums must be known when compiling", "Write it as a literal.", pos)
    return found


def _flag(value: Value | None, pos: Pos | None) -> bool:
    known = true_of(value) if value is not None else False
    if known is None:
        raise UnsupportedError("has_aux must be known when compiling", "Write it as a literal.", pos)
    return known


# ---- calling ---------------------------------------------------------------------------------------------------


def call_transformed(
    s: State, fn: Transformed, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    """Call a gradient."""
    result = call_derived(s, fn, args, kwargs, [], pos)
    return result if _is_bottom(result) else _shaped(fn.options, result)


def _shaped(options: Options, result: Value) -> Value:
    """What the user gets of what the generated function returns: (value, *gradients), or less."""
    valued = options.with_value or options.has_aux
    count = len(options.argnums) if is_many(options.argnums) else 1
    parts = result.values() if count + valued > 1 and isinstance(result, Struct) else [result]
    gradients = parts[1:] if valued else parts
    gradient = Struct("tuple", dict(enumerate(gradients))) if is_many(options.argnums) else gradients[0]
    if options.with_value:
        return Struct("tuple", {0: parts[0], 1: gradient})
    if options.has_aux:
        assert isinstance(parts[0], Struct)
        return Struct("tuple", {0: gradient, 1: parts[0].items[1]})
    return gradient


def call_derived(
    s: State, fn: Transformed, args: list[Value], kwargs: dict[str, Value], extra: list[Value], pos: Pos | None
) -> Value:
    """Generate the derivative for these arguments and call it in line. extra: what it takes behind its arguments
    (adjoints of the results, or tangents): all of it, or nothing where it has defaults. Gives what it returns."""
    closure, bound, wrt = _bound(s, fn, args, kwargs, pos)
    try:
        derived = _derive(s, closure, bound, wrt, fn.options, pos)
    except NotYet:
        return Leaf(Name("undefined", kind=BOTTOM, pos=pos))
    keep_apart(s, derived, bound, pos)
    return call_closure(s, derived.function, [*bound.values(), *derived.hidden, *extra], {}, pos)


def _derive(
    s: State, closure: Closure, bound: dict[str, Value], wrt: tuple[Place, ...], options: Options, pos: Pos | None
) -> Derived:
    assert s.derive is not None
    try:
        return s.derive(s, closure, bound, wrt, options, pos)
    except SrcgradError as error:
        if error.pos is None:
            raise type(error)(error.reason, error.remedy, pos) from None
        raise


def _bound(
    s: State, fn: Transformed, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> tuple[Closure, dict[str, Value], tuple[Place, ...]]:
    """The function that is differentiated, the values of its parameters, and what it is differentiated by."""
    closure, before, named = _function(s, fn.function, pos)
    bound = bind_arguments(s, closure, [*before, *args], {**named, **kwargs}, pos)
    params = closure.definition.params
    rest = next((p.name for p in params if p.kind == "args"), None)
    keywords = next((p.name for p in params if p.kind == "kwargs"), None)
    signature = Signature(
        [p.name for p in params], [p.name for p in params if p.kind in ("positional", "positional_only")], named,
        len(before) - fn.options.counted, rest, _count(bound.get(rest or "")), keywords,
        list(getattr(bound.get(keywords or ""), "items", ())),
    )  # fmt: skip
    try:
        return closure, bound, places(fn.options.argnums, signature, closure.definition.name)
    except ArgumentError as error:
        raise ArgumentError(error.reason, error.remedy, pos) from None


def _count(value: Value | None) -> int:
    return len(value.items) if isinstance(value, Struct) else 0


def _function(s: State, value: Value, pos: Pos | None) -> tuple[Closure, list[Value], dict[str, Value]]:
    """The Python function behind a callable, and the arguments that come with it."""
    if isinstance(value, Transformed):
        return wrapper(s, value, pos), [], {}
    if isinstance(value, Bound):
        closure, args, kwargs = _function(s, value.function, pos)
        return closure, [*args, *value.args], {**kwargs, **value.kwargs}
    if isinstance(value, Struct):
        return s.function(getattr(value.cls, "__call__", None)), [value], {}  # type: ignore[arg-type] # noqa: B004
    if isinstance(value, Closure):
        return value, [], {}
    raise UnsupportedError(f"{describe(value)} cannot be differentiated by itself", "Write a function.", pos)


def wrapper(s: State, fn: Transformed, pos: Pos | None) -> Closure:
    """A function that calls a transformation: what is differentiated where a gradient is differentiated."""
    closure, before, named = _function(s, fn.function, pos)
    positional = [p for p in closure.definition.params if p.kind in ("positional", "positional_only")]
    taken = {p.name for p in positional[: len(before)]} | set(named)
    params = tuple(p for p in closure.definition.params if p.name not in taken)
    inner = free_parameter(params)
    definition = _wrapper_definition(closure, params, inner, fn.options)
    given = {name: value for name, value in closure.defaults.items() if name not in taken}
    return Closure(definition, closure.frame, closure.function, {**given, inner: fn}, closure.path)


def free_parameter(params: tuple[Parameter, ...]) -> str:
    """A name for what a wrapper calls."""
    name = "derivative"
    while any(p.name == name for p in params):
        name += "_"
    return name


_WRAPPERS: dict[tuple[int, tuple[str, ...], str], tuple[Definition, Definition]] = {}


def _wrapper_definition(
    closure: Closure, params: tuple[Parameter, ...], inner: str, options: Options
) -> Definition:
    """One for each function, so that it is known to be the same when it is made again."""
    base = closure.definition
    key = id(base), tuple(p.name for p in params), options.mode
    if key not in _WRAPPERS or _WRAPPERS[key][0] is not base:
        last = Parameter(inner, "keyword_only", Const(None))
        at = next((k for k, p in enumerate(params) if p.kind == "kwargs"), len(params))
        listed = (*params[:at], last, *params[at:])
        _WRAPPERS[key] = base, wrapper_definition(base, listed, Name(inner), suffixed(base.name, options.mode))
    return _WRAPPERS[key][1]


def suffixed(name: str, mode: str) -> str:
    """The name of what a mode makes of a function."""
    name = name if name.isidentifier() else "f"
    return f"{name}_{mode if mode in ('vjp', 'jvp') else 'grad'}"


def wrapper_definition(base: Definition, params: tuple[Parameter, ...], inner: Name | Free, name: str) -> Definition:
    """The definition of a function that calls `inner` with its own parameters; it stands where `base` does."""
    pos = base.pos
    args: list[Any] = []
    kwargs: list[tuple[str | None, Any]] = []
    for parameter in params:
        value = Name(parameter.name, pos=pos)
        if isinstance(inner, Name) and parameter.name == inner.id:
            continue
        if parameter.kind == "args":
            args.append(Star(value, pos=pos))
        elif parameter.kind == "kwargs":
            kwargs.append((None, value))
        elif parameter.kind == "keyword_only":
            kwargs.append((parameter.name, value))
        else:
            args.append(value)
    result = RESULT
    while any(p.name == result for p in params):
        result += "_"
    body = (Assign(Name(result, pos=pos), Apply(inner, tuple(args), tuple(kwargs), pos=pos), pos=pos),)
    bound = frozenset({result, *(p.name for p in params)})
    return Definition(name, params, body, result, bound, pos=pos)


# ---- memory ----------------------------------------------------------------------------------------------------


def keep_apart(s: State, derived: Derived, bound: dict[str, Value], pos: Pos | None) -> None:
    """What the primal overwrites is copied by its derivative: nothing else that it reads may share that memory."""
    if not derived.overwritten:
        return
    found = [leaf.expr for value in (*bound.values(), *derived.hidden) for _, leaf in leaves(value)]
    names = [expr.id for expr in found if isinstance(expr, Name)]
    for name in derived.overwritten:
        for _, leaf in leaves(bound.get(name, Static(None))):
            if isinstance(leaf.expr, Name):
                twice = names.count(leaf.expr.id) > 1
                others = [leaf.expr.id] if twice else [other for other in names if other != leaf.expr.id]
                s.apart += [(leaf.expr.id, other, pos) for other in others]


def held(s: State, value: Value, pos: Pos | None) -> Value:
    """A value as it is now, to be read later."""
    site = (*s.site(pos), "held")
    key = (site, "held")
    if key not in s.names:
        s.names[key] = s.fresh("held")

    def hold(part: Value, name: str) -> Value:
        if isinstance(part, Leaf):
            if isinstance(part.expr, Const):
                return part
            if (s.on_its_own or site in s.knowledge.copied) and is_float(part.kind):
                part = deep_copy(s, part, pos)
            made = s.materialise(part, name, pos, None)
            s.held[name] = site
            return made
        if isinstance(part, Struct):
            return part.like({k: hold(item, s.part(name, k)) for k, item in part.items.items()})
        return part

    return hold(value, s.names[key])


# ---- vjp -------------------------------------------------------------------------------------------------------


def vjp_of(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """`vjp(f, *args)`: the result and the pullback."""
    if not args or kwargs:
        raise KindError("vjp takes a function and its arguments, by position", pos=pos)
    fn = transformed(args[0], Options("vjp", tuple(range(len(args) - 1))), pos)
    if not isinstance(fn, Transformed):
        raise UnsupportedError("which function is differentiated depends on the path", "Call vjp on each path.", pos)
    given = held(s, Struct("tuple", dict(enumerate(args[1:]))), pos)
    assert isinstance(given, Struct)
    closure, bound, wrt = _bound(s, fn, given.values(), {}, pos)
    try:
        derived = _derive(s, closure, bound, wrt, fn.options, pos)
    except NotYet:
        return Leaf(Name("undefined", kind=BOTTOM, pos=pos))
    keep_apart(s, derived, bound, pos)
    hidden = held_hidden(s, derived.hidden, pos)
    own = [deep_copy(s, value, pos) for value in given.values()] if derived.overwritten else given.values()
    out = call_value(s, args[0], own, {}, pos)
    function = Closure(derived.function.definition, function=derived.function.function, path=derived.function.path)
    return Struct("tuple", {0: out, 1: Pullback(function, [*bound.values(), *hidden], {}, seeds=derived.seeds)})


def held_hidden(s: State, hidden: list[Value], pos: Pos | None) -> list[Value]:
    """Captured variables as they are now."""
    site = (*s.site(pos), "captured")
    key = (site, "held")
    if key not in s.names:
        s.names[key] = s.fresh("held")
    made = []
    for k, value in enumerate(hidden):
        name = s.part(s.names[key], k)
        if (s.on_its_own or site in s.knowledge.copied) and isinstance(value, Leaf) and is_float(value.kind):
            value = deep_copy(s, value, pos)
        made.append(s.materialise(value, name, pos, None))
        s.held[name] = site
    return made


def call_pullback(s: State, fn: Pullback, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Call a pullback with the adjoint of the result."""
    if len(args) != 1 or kwargs:
        raise KindError("a pullback takes one argument: the adjoint of the result", pos=pos)
    assert isinstance(fn.function, Closure)
    adjoints = [_part(s, args[0], path, pos) for path in fn.seeds]
    result = call_closure(s, fn.function, [*fn.args, *adjoints], {}, pos)
    return result if isinstance(result, Struct) and result.type == "tuple" else Struct("tuple", {0: result})


def _part(s: State, value: Value, path: tuple[Any, ...], pos: Pos | None) -> Value:
    for key in path:
        if not isinstance(value, Struct) or key not in value.items:
            raise KindError(
                f"the adjoint of the result has no {key!r}, but the result has",
                "Give an adjoint of the result's structure.", pos,
            )  # fmt: skip
        value = s.read(value.items[key], pos)
    return value


def _is_bottom(value: Value) -> bool:
    return isinstance(value, Leaf) and value.kind == BOTTOM


__all__ = [
    "argnums_of", "call_derived", "call_pullback", "call_transformed", "held", "member", "method_of", "suffixed",
    "transformation", "transformed", "vjp_of", "wrapper_definition",
]  # fmt: skip
