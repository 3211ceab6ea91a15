"""Calls: of primitives, builtins, classes, and of the user's functions, which are specialised in line."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import types
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.analysis.signatures import bind
from srcgrad.errors import KindError, NoRuleError, SrcgradError, UnsupportedError, told_at
from srcgrad.ir.kinds import BOTTOM, NONE, Array, Bottom, Kind, Opaque, is_float
from srcgrad.ir.nodes import Apply, Assign, Call, Const, Definition, Effect, Expr, Name, Pos, Prim, Star
from srcgrad.rules.effects import DECLARED
from srcgrad.rules.libraries import library_of
from srcgrad.rules.refused import WRITES, reason_of
from srcgrad.rules.registry import effect, lookup, missing, own_rule
from srcgrad.specialize import holders
from srcgrad.specialize.arguments import argument, arrays_of_displays, bind_arguments, positional_arguments
from srcgrad.specialize.defined import call_source, is_defined, may_vary, solver_of, written
from srcgrad.specialize.listed import array_likes
from srcgrad.specialize.spelling import is_of_srcgrad, plain_function
from srcgrad.specialize.state import Frame, Restart, State
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Either,
    Iteration,
    Leaf,
    LinearMap,
    Method,
    Pullback,
    Rows,
    Static,
    Struct,
    Transformed,
    Value,
    constant,
    describe,
    leaves,
    static_key,
)


def apply(s: State, expr: Apply) -> Value:
    """The value of a call."""
    from srcgrad.specialize.expressions import evaluate, evaluate_all

    exprs = [expr.fn, *(a.value if isinstance(a, Star) else a for a in expr.args), *(v for _, v in expr.kwargs)]
    values = evaluate_all(s, exprs) if len(exprs) > 1 else [evaluate(s, expr.fn)]
    fn, positional, keywords = values[0], values[1 : 1 + len(expr.args)], values[1 + len(expr.args) :]
    kwargs: dict[str, Value] = {}
    for (name, _), value in zip(expr.kwargs, keywords, strict=False):
        if name is not None:
            kwargs[name] = value
        elif isinstance(value, Struct) and value.type == "dict":
            kwargs.update(value.items)
        else:
            raise UnsupportedError(
                "`**` needs a dict whose keys are known when compiling", "Pass the arguments one by one.", expr.pos
            )
    stars = [isinstance(given, Star) for given in expr.args]
    if isinstance(fn, Static) and fn.value is zip and stars == [True] and isinstance(positional[0], Rows):
        return Iteration(static=positional[0].values(), once=True)  # zip(*rows): the columns
    try:
        return call_value(s, fn, positional_arguments(s, fn, positional, stars, kwargs, expr.pos), kwargs, expr.pos)
    except SrcgradError:
        s.need_known([*positional, *kwargs.values()])
        raise


def call_value(s: State, fn: Value, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Call any callable value."""
    from srcgrad.specialize.containers import call_method

    if isinstance(fn, Closure):
        return call_closure(s, fn, args, kwargs, pos)
    if isinstance(fn, Transformed):
        from srcgrad.specialize.transformations import call_transformed

        return call_transformed(s, fn, args, kwargs, pos)
    if isinstance(fn, Pullback):
        from srcgrad.specialize.transformations import call_pullback

        return call_pullback(s, fn, args, kwargs, pos)
    if isinstance(fn, LinearMap):
        from srcgrad.specialize.directional import call_linear

        return call_linear(s, fn, args, kwargs, pos)
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
    raise KindError(f"{describe(fn)} cannot be called", "Which function is called must be known when compiling.", pos)


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
    from srcgrad.specialize import writes
    from srcgrad.specialize.builtins import HANDLERS

    target = fn.value
    own = own_rule(target)
    if own is not None:
        from srcgrad.specialize.own import call_own

        return call_own(s, own, fn, args, kwargs, pos)
    try:
        handler = HANDLERS.get(target)
        writer = writes.WRITES.get(target)
    except TypeError:  # unhashable callables
        handler = writer = None
    if handler is not None:
        result = handler(s, args, kwargs, pos)
        if result is not None:
            return result
    if writer is not None:
        return writer(s, args, kwargs, pos)
    if isinstance(getattr(target, "__self__", None), (str, bytes)) and not kwargs:
        known = [static_key(arg) for arg in args]
        if all(isinstance(value, (str, bytes, int)) for value in known):
            with contextlib.suppress(TypeError, ValueError):  # which the run raises, too
                return _constant_result(target(*known))
    made = holders.make(s, fn, args, kwargs, pos)
    if made is not None:
        return made
    source = written(target, args, kwargs)
    if source is not None and (effect(target) != "pure" or any(map(may_vary, [*args, *kwargs.values()]))):
        return call_source(s, source, args, kwargs, pos)
    solver = solver_of(target)
    if solver is not None:
        from srcgrad.specialize.solvers import call_solver

        return call_solver(s, solver, fn, args, kwargs, pos)
    if isinstance(getattr(target, "__self__", None), np.ufunc) and target.__name__ == "at":
        from srcgrad.specialize.ufuncs import at

        return at(s, target.__self__, args, pos)
    if isinstance(target, type):
        from srcgrad.specialize.classes import construct

        constructed = construct(s, target, args, kwargs, pos)
        if constructed is not None:
            return constructed
    if isinstance(target, functools.partial):
        inner = s.describe_constant(target.func, getattr(target.func, "__name__", "function"))
        given = [s.describe_constant(a, "argument") for a in target.args]
        named = {k: s.describe_constant(v, k) for k, v in target.keywords.items()}
        return call_value(s, inner, [*given, *args], {**named, **kwargs}, pos)
    if isinstance(target, types.FunctionType) and plain_function(target):
        return call_closure(s, s.function(target), args, kwargs, pos)
    if hasattr(target, "py_func"):
        return call_closure(s, s.function(target.py_func), args, kwargs, pos)
    return call_primitive(s, Prim(target, s.spelling(fn)), args, kwargs, pos)


def _constant_result(value: Any) -> Value:
    """What a method of a text gives when compiling."""
    if isinstance(value, (list, tuple)):
        made = {k: _constant_result(item) for k, item in enumerate(value)}
        return Struct("list" if isinstance(value, list) else "tuple", made)
    return constant(value) if isinstance(value, (bool, int, float)) else Static(value)


def _hashable(target: object) -> bool:
    try:
        hash(target)
    except TypeError:
        return False
    return True


def call_primitive(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Call a function of NumPy, math, ...: one expression."""
    from srcgrad.specialize.rewrites import positional_out, results, rewritten
    from srcgrad.specialize.writes import with_out

    args, kwargs = array_likes(prim, *positional_out(prim, args, kwargs), pos)
    if "out" in kwargs:
        return with_out(s, prim, args, kwargs, pos)
    made = rewritten(s, prim, args, kwargs, pos)
    if made is not None:
        return made
    what = effect(prim.fn) if _hashable(prim.fn) else "unknown"
    if what == "unknown" and s.trusting and _hashable(prim.fn):
        DECLARED.add(prim.fn)
        what = "pure"
    reason = reason_of(prim.fn) if what == "unknown" else None
    if (reason is not None and reason.message) or (what == "unknown" and is_defined(prim.fn)):
        raise missing(prim, pos)  # before its arguments, which may be nothing that a primitive takes
    try:
        exprs = arrays_of_displays(prim, tuple(argument(s, arg, pos) for arg in args), pos)
        keywords = tuple((key, argument(s, arg, pos)) for key, arg in kwargs.items())
        _refuse_output(prim, exprs, keywords, pos)
        if what == "pure":
            kind = infer_call(prim, exprs, keywords)
            _refuse_unknown(prim, exprs, kind, pos)
            return results(s, Call(prim, exprs, keywords, kind=kind, pos=pos))
    except KindError:
        if _hashable(prim.fn) and library_of(prim.fn) and lookup(prim.fn) is None:
            raise missing(prim, pos) from None  # of arguments that it does not take, or objects of the library
        raise
    if what == "random":
        kind = infer_call(prim, exprs, keywords)
        if kind == NONE:
            s.emit(Effect(Call(prim, exprs, keywords, kind=kind, pos=pos), pos=pos))
            return Static(None)
        return s.temporary(Call(prim, exprs, keywords, kind=kind, pos=pos), "draw")
    name = prim.text or getattr(prim.fn, "__name__", repr(prim.fn))
    if what == "writes":
        raise UnsupportedError(WRITES.message.format(name), WRITES.remedy, pos)
    raise NoRuleError(
        f"{name} has neither Python source nor a derivative rule",
        "Give it a derivative with `srcgrad.rule` or `srcgrad.numerical`, or call it outside of the function.",
        pos,
    )


def _refuse_unknown(prim: Prim, exprs: tuple[Expr, ...], kind: Kind, pos: Pos | None) -> None:
    """Refuse a call that has a derivative and gives something of which nothing is known: it would have none."""
    rule = lookup(prim.fn) if isinstance(kind, Opaque) and kind.type in (object, np.ndarray) else None
    if rule is not None and rule.form != "constant" and any(is_float(expr.kind) for expr in exprs):
        raise UnsupportedError(
            f"what {prim.text} gives for these arguments is not known when compiling, so it has no derivative",
            "Give it arrays and numbers.", pos,
        )  # fmt: skip


def _refuse_output(
    prim: Prim, exprs: tuple[Expr, ...], keywords: tuple[tuple[str, Expr], ...], pos: Pos | None
) -> None:
    """Refuse a call of a library's function that writes into its argument `output`."""
    if not (_hashable(prim.fn) and library_of(prim.fn)):
        return
    bound = bind(prim, exprs, keywords) or {}
    if isinstance(getattr(bound.get("output"), "kind", None), Array):
        raise UnsupportedError(f"{prim.text} writes into `output`", f"Write `x[...] = {prim.text}(...)`.", pos)


def call_closure(s: State, fn: Closure, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Specialise the callee in line: its variables become variables of the program, renamed where names clash."""
    from srcgrad.specialize.expressions import evaluate
    from srcgrad.specialize.statements import run_block
    from srcgrad.specialize.structures import is_structural

    definition = fn.definition
    bound = bind_arguments(s, fn, args, kwargs, pos)
    if definition in s.knowledge.outlined:
        from srcgrad.specialize.outline import invoke

        return invoke(s, fn, bound, pos)
    subject = _subject(bound)
    around = [frame.subject for frame in s.frames if frame.definition is definition]
    descends = subject and subject not in around and len(around) < _DEEPEST
    if around and not descends and not is_structural(fn.function):
        s.knowledge.outlined.add(definition)
        raise Restart
    path = (*s.site(pos), definition.name)
    frame = Frame(path, definition, fn.function, fn.frame, fn.path, subject)
    assigned = _assigned_names(definition)
    s.frame_of[path] = frame
    for name, value in bound.items():
        key = (path, name)
        own = is_of_srcgrad(fn) and all(isinstance(leaf.expr, (Const, Name)) for _, leaf in leaves(value))
        simple = isinstance(value, Leaf) and isinstance(value.expr, (Const, Name))
        plain = key not in s.knowledge.canonical and not isinstance(value, Iteration)
        if plain and name not in assigned and (simple or not isinstance(value, (Leaf, Struct))):
            s.env[key] = value
        elif key in s.knowledge.canonical or isinstance(value, Iteration):
            s.bind(key, value, pos)
        elif isinstance(value, Struct) and name not in assigned:
            s.env[key] = value if s._is_named(value) or own else s.materialise(value, s.base_name(key), pos, key)
        else:
            s.bind(key, value, pos)
    s.names[(path, definition.result)] = s.names.get((path, definition.result)) or s.fresh(_result_hint(definition))
    s.frames.append(frame)

    def run() -> Value:
        body = definition.body
        if body and isinstance(body[-1], Assign) and body[-1].target == Name(definition.result):
            run_block(s, body[:-1])
            result = evaluate(s, body[-1].value)
        else:
            run_block(s, body)
            result = s.env.get((path, definition.result), Static(None))
        s.resolve(result)
        return result

    try:
        if fn.checkpointed:
            from srcgrad.specialize.checkpoints import call_again

            result = call_again(s, run, _result_hint(definition), pos)
        else:
            result = run()
    except SrcgradError as error:
        raise told_at(error, pos) from None
    finally:
        s.frames.pop()
    if not _holds_frame(result, path) and not any(_holds_frame(v, path) for k, v in s.env.items() if k[0] != path):
        for key in [key for key in s.env if key[0] == path]:
            del s.env[key]
    return result


_DEEPEST = 8  # calls of one function inside of one another that are written in line


def _subject(bound: dict[str, Value]) -> str:
    """How generated code reads the object that a function is called for, where that came with the arguments.

    A layer in a layer of the same class is not recursion: which layers there are is known.
    """
    first = next(iter(bound.values()), None)
    return first.origin[0] if isinstance(first, Struct) and first.type == "object" and first.origin is not None else ""


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
    if isinstance(value, Either):
        return _holds_frame(value.body, path) or _holds_frame(value.orelse, path)
    return False


_ASSIGNED: dict[int, tuple[Definition, set[str]]] = {}


def _assigned_names(definition: Definition) -> set[str]:
    """The names that the body binds (parameters among them only if they are rebound)."""
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


__all__ = ["apply", "call_value", "call_primitive", "call_closure", "bind_arguments"]
