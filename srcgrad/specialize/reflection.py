"""Builtins that look at classes and attributes: decided when compiling."""

from __future__ import annotations

import numpy as np

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import Array, DictOf, ListOf, Opaque, Scalar
from srcgrad.ir.nodes import Pos
from srcgrad.specialize.builtins import handles
from srcgrad.specialize.indexing import attribute
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
)


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
        return constant(value.cls is not None and hasattr(value.cls, "__call__"), pos)
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


@handles(id, input, open, eval, exec, compile, vars, locals, globals, __import__)
def _refused(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    raise UnsupportedError("this builtin cannot be differentiated", "Call it outside the function.", pos)
