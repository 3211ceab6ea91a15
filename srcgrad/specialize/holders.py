"""Objects of libraries that hold arguments of functions (see rules/objects): how they are made, and their methods."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from srcgrad.errors import KindError
from srcgrad.ir.nodes import Pos
from srcgrad.rules.objects import HOLDERS, OBJECTS
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Bound, Static, Struct, Value


def make(s: State, fn: Static, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Struct | None:
    """The object that a call makes, None where it makes none."""
    if not isinstance(fn.value, Hashable) or fn.value not in HOLDERS:
        return None
    cls, names = HOLDERS[fn.value]
    unknown = [name for name in kwargs if name not in names]
    if unknown or len(args) > len(names):
        what = f"no parameter {unknown[0]!r}" if unknown else f"{len(names)} parameters"
        raise KindError(f"{s.spelling(fn)} has {what}: it has {', '.join(names)}", pos=pos)
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return Struct("object", {"dist": fn, **given}, cls, s.depth, s.site(pos))


def method(s: State, owner: Struct, name: str, pos: Pos | None) -> Value | None:
    """A method of such an object, None for any other object."""
    if owner.cls not in OBJECTS:
        return None
    parts: dict[str, Any] = dict(owner.items)
    fn = parts.pop("dist")
    args, kwds = parts.pop("args", None), parts.pop("kwds", None)
    if args is not None:
        parts.update(zip(HOLDERS[fn.value][1] if fn.value in HOLDERS else (), args.values(), strict=False))
    if kwds is not None:
        parts.update(kwds.items)
    found = getattr(fn.value, name, None)
    if not callable(found):
        raise KindError(f"{s.spelling(fn)} has no method {name!r}", pos=pos)
    return Bound(Static(found, f"{s.spelling(fn)}.{name}"), [], parts)
