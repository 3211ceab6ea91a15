"""Objects of the user's classes: what a call of the class makes."""

from __future__ import annotations

import dataclasses
import inspect
import types

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import Opaque
from srcgrad.ir.nodes import Call, Pos, Prim
from srcgrad.specialize.calls import call_closure, call_value
from srcgrad.specialize.state import State
from srcgrad.specialize.values import (
    Leaf,
    Struct,
    Value,
    as_expr,
)


def construct(s: State, cls: type, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """An object of a user's class."""
    if hasattr(cls, "_fields") and issubclass(cls, tuple):
        fields = cls._fields  # type: ignore[attr-defined]
        defaults = {k: s.describe_constant(v, k) for k, v in getattr(cls, "_field_defaults", {}).items()}
        given = {**defaults, **dict(zip(fields, args, strict=False)), **kwargs}
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
    return (
        init is not None
        and not inspect.isfunction(inspect.unwrap(init))
        or (init is not None and init.__code__.co_filename == "<string>")
    )


def _fill_dataclass(
    s: State, owner: Struct, cls: type, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> None:
    fields = [field for field in dataclasses.fields(cls) if field.init]
    positional = [field for field in fields if not field.kw_only]
    if len(args) > len(positional):
        raise KindError(f"{cls.__name__} takes {len(positional)} positional arguments", pos=pos)
    given = {**{field.name: arg for field, arg in zip(positional, args, strict=False)}, **kwargs}
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
