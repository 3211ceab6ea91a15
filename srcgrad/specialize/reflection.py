"""Builtins that look at classes and attributes: decided when compiling."""

from __future__ import annotations

import copy
import dataclasses
import functools
from typing import cast

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import Array, DictOf, ListOf, Opaque, Scalar
from srcgrad.ir.nodes import Call, Pos, Prim
from srcgrad.specialize.builtins import HANDLERS, Handler, expect, handles
from srcgrad.specialize.containers import collect, copy_list
from srcgrad.specialize.dicts import copy_dict
from srcgrad.specialize.indexing import attribute
from srcgrad.specialize.iteration import iterate
from srcgrad.specialize.state import State
from srcgrad.specialize.stores import set_attribute
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Either,
    Iteration,
    Leaf,
    ListedArray,
    Method,
    Rows,
    Static,
    Struct,
    Value,
    constant,
    describe,
)


@handles(isinstance)
def _isinstance(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    value, classes = args
    wanted = (
        [c.value for c in classes.values() if isinstance(c, Static)]
        if isinstance(classes, Struct)
        else [classes.value if isinstance(classes, Static) else object]
    )
    flat = tuple(c for w in wanted for c in (w if isinstance(w, tuple) else (w,)))
    found = type_of(value)
    if found is None:
        raise UnsupportedError("the class of this value is not known when compiling", pos=pos)
    return constant(any(isinstance(c, type) and issubclass(f, c) for f in found[:1] for c in flat), pos)


def type_of(value: Value) -> tuple[type, ...] | None:
    """The class of a value, where it is known."""
    if isinstance(value, Static):
        return (type(value.value),)
    if isinstance(value, Rows):
        return (list,)
    if isinstance(value, Struct):
        return (value.cls or {"tuple": tuple, "list": list, "dict": dict}[value.type],)
    if isinstance(value, (Closure, Bound, Method, Either)):
        return (type(lambda: None),)
    if isinstance(value, Iteration):
        return (range,) if value.bounds is not None else (zip,)
    if not isinstance(value, Leaf):
        return None
    kind = value.kind
    if isinstance(kind, ListedArray):
        return (list,)
    if isinstance(kind, Array):
        return (np.ndarray,) if kind.dims is not None else None
    if isinstance(kind, Scalar):
        if kind.optional:
            return None
        if kind.weak:
            return ({"b": bool, "i": int, "u": int, "f": float, "c": complex}[np.dtype(kind.dtype).kind],)
        return (np.dtype(kind.dtype).type,)
    if getattr(kind, "optional", False):
        return None
    if isinstance(kind, ListOf):
        return (list,)
    if isinstance(kind, DictOf):
        return (dict,)
    return (kind.type,) if isinstance(kind, Opaque) and kind.type is not object else None


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
        return constant(value.cls is not None and callable(getattr(value.cls, "__call__", None)), pos)  # noqa: B004
    return constant(isinstance(value, (Closure, Bound, Method, Either)), pos)


@handles(getattr)
def _getattr(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
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
    if not isinstance(args[1], Static):
        raise UnsupportedError("the attribute's name must be known when compiling", pos=pos)
    set_attribute(s, args[0], args[1].value, args[2], pos)
    return Static(None)


@handles(functools.cache)
def _cache(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """A function that remembers its results gives the same as one that does not."""
    expect("cache", args, kwargs, 1, 1, pos)
    return args[0]


@handles(functools.lru_cache)
def _lru_cache(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    if args and isinstance(args[0], (Closure, Bound, Method, Either)):
        return args[0]
    return Static(functools.cache, "functools.cache")


@handles(id, input, open, eval, exec, compile, vars, locals, globals, __import__)
def _refused(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    raise UnsupportedError("this builtin cannot be differentiated", "Call it outside the function.", pos)


def _copied(s: State, value: Value, deep: bool, pos: Pos | None, seen: dict[int, Value]) -> Value:
    """copy.copy and copy.deepcopy: new containers, and for the latter new arrays too."""
    if isinstance(value, Rows):
        return value.like({k: copy_list(s, v, pos) for k, v in value.items.items()})
    if isinstance(value, Struct):
        if id(value) not in seen:
            made = seen[id(value)] = Struct(value.type, dict(value.items), value.cls, s.depth, s.site(pos))
            if deep:
                made.items = {k: _copied(s, v, True, pos, seen) for k, v in value.items.items()}
        return seen[id(value)]
    if isinstance(value, Leaf) and isinstance(value.kind, Array):
        prim = Prim(np.copy, "np.copy")
        return Leaf(Call(prim, (value.expr,), kind=infer_call(prim, (value.expr,), ()), pos=pos))
    if isinstance(value, Leaf) and isinstance(value.kind, ListOf):
        inner = iterate(s, value, pos)
        return collect(s, inner, lambda item: _copied(s, item, deep, pos, {}) if deep else item, pos, "copied")
    if isinstance(value, Leaf) and isinstance(value.kind, DictOf):
        if deep and isinstance(value.kind.item, (Array, ListOf, DictOf)):
            raise UnsupportedError(
                "deepcopy of a dict whose keys are not known when compiling", "Build a new dict.", pos
            )
        return copy_dict(s, value, pos)
    if isinstance(value, Leaf) and isinstance(value.kind, Opaque) and value.kind.type not in _PLAIN:
        raise UnsupportedError(f"a copy of {describe(value)} is not supported", "Make it outside the function.", pos)
    return value


def deep_copy(s: State, value: Value, pos: Pos | None) -> Value:
    """What copy.deepcopy gives."""
    return _copied(s, value, True, pos, {})


_PLAIN = (str, bytes, type(None), tuple, range)


def _copier(deep: bool) -> Handler:
    def handler(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
        expect("copy", args, kwargs, 1, 1, pos)
        if isinstance(args[0], Leaf) and isinstance(args[0].kind, Array) and not deep:
            return _copied(s, args[0], False, pos, {})
        return _copied(s, args[0], deep, pos, {})

    return handler


HANDLERS |= {copy.copy: _copier(False), copy.deepcopy: _copier(True)}


@handles(dataclasses.replace)
def _replace(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.classes import construct

    expect("dataclasses.replace", args, {}, 1, 1, pos)
    owner = args[0]
    if not isinstance(owner, Struct) or owner.cls is None or not dataclasses.is_dataclass(owner.cls):
        raise KindError("dataclasses.replace needs an object of a dataclass", pos=pos)
    fields = [field.name for field in dataclasses.fields(owner.cls) if field.init]
    given = {name: owner.items[name] for name in fields if name in owner.items and name not in kwargs}
    made = construct(s, cast(type, owner.cls), [], {**given, **kwargs}, pos)
    assert made is not None
    return made


@handles(dataclasses.asdict)
def _asdict(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    expect("dataclasses.asdict", args, kwargs, 1, 1, pos)

    def plain(value: Value) -> Value:
        if isinstance(value, Struct) and value.cls is not None and dataclasses.is_dataclass(value.cls):
            names = [field.name for field in dataclasses.fields(value.cls)]
            return Struct("dict", {name: plain(value.items[name]) for name in names}, None, s.depth, s.site(pos))
        if isinstance(value, Struct) and not isinstance(value, Rows):
            return Struct(value.type, {k: plain(v) for k, v in value.items.items()}, value.cls, s.depth, s.site(pos))
        return _copied(s, value, True, pos, {})

    return plain(args[0])


@handles(np.finfo, np.iinfo)
def _limits(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """np.finfo(float): its attributes are numbers known when compiling."""
    if len(args) == 1 and isinstance(args[0], Static):
        limits = np.iinfo if np.dtype(args[0].value).kind in "iu" else np.finfo
        return Static(limits(args[0].value))
    expr = args[0].expr if len(args) == 1 and isinstance(args[0], Leaf) else None
    if isinstance(expr, Call) and expr.prim.text == "dtype":
        expr = expr.args[0]
    if expr is not None and isinstance(expr.kind, (Array, Scalar)):
        return Static(np.finfo(expr.kind.dtype))
    return None
