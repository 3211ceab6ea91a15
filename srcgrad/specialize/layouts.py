"""Methods of lists, dicts and named tuples whose layout is known when compiling."""

from __future__ import annotations

from collections.abc import Callable

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import ListOf
from srcgrad.ir.nodes import Pos
from srcgrad.specialize.indexing import static_slice
from srcgrad.specialize.iteration import iterate
from srcgrad.specialize.joins import is_function
from srcgrad.specialize.state import State
from srcgrad.specialize.stores import (
    held,
    may_change,
    set_part,
)
from srcgrad.specialize.values import (
    Iteration,
    Leaf,
    Static,
    Struct,
    Value,
    constant,
    describe,
    key_value,
    static_key,
)

NOTHING = Static(None)
Method = Callable[[State, Struct, list[Value], dict[str, Value], Pos | None], Value]


def change_items(s: State, owner: Struct, values: list[Value], pos: Pos | None) -> None:
    """Let a list have these items."""
    may_change(owner, pos)
    if s.depth > owner.depth:
        if any(is_function(value) or _is_list(value) for value in values):
            s.need_unrolled(owner.depth)
        s.need_dynamic(owner, pos)
        raise UnsupportedError(
            "a list that the caller passed, with items of several kinds, changes its length inside a loop or branch",
            "Build a new list.", pos,
        )  # fmt: skip
    owner.items = dict(enumerate(values))


def _is_list(value: Value) -> bool:
    return (isinstance(value, Struct) and value.type == "list") or (
        isinstance(value, Leaf) and isinstance(value.kind, ListOf)
    )


def _append(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    change_items(s, owner, [*owner.values(), held(s, args[0])], pos)
    return NOTHING


def _insert(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    at = static_key(args[0])
    if not isinstance(at, int):
        s.need_dynamic(owner, pos)
        raise KindError("an item is inserted at a place that is not known when compiling", pos=pos)
    values = owner.values()
    values.insert(at, held(s, args[1]))
    change_items(s, owner, values, pos)
    return NOTHING


def _extend(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    iteration = iterate(s, args[0], pos)
    if iteration.static is None:
        s.need_dynamic(owner, pos)
        raise KindError("a list with items of several kinds is extended by a list of unknown length", pos=pos)
    change_items(s, owner, [*owner.values(), *(held(s, item) for item in iteration.static)], pos)
    return NOTHING


def _pop(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    at = static_key(args[0]) if args else -1
    values = owner.values()
    if not isinstance(at, int) or not -len(values) <= at < len(values):
        s.need_dynamic(owner, pos)
        raise KindError("pop from a list that has no such item", pos=pos)
    value = values.pop(at)
    change_items(s, owner, values, pos)
    return value


def _delete(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    where = static_slice(args[0])
    if where is None:
        _pop(s, owner, args, kwargs, pos)
        return NOTHING
    values = owner.values()
    del values[where]
    change_items(s, owner, values, pos)
    return NOTHING


def _reverse(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    change_items(s, owner, owner.values()[::-1], pos)
    return NOTHING


def _clear(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    may_change(owner, pos)
    if owner.type == "list":
        change_items(s, owner, [], pos)
    else:
        _dict_may_shrink(s, owner, pos)
        owner.items = {}
    return NOTHING


def _find(s: State, owner: Struct, value: Value, pos: Pos | None) -> list[int]:
    """The places of a value in a list, where every item and the value are known."""
    key, keys = static_key(value), [static_key(item) for item in owner.values()]
    if key is None or None in keys:
        s.need_dynamic(owner, pos)
        raise KindError("which items are equal is not known when compiling", "Keep the index in a variable.", pos)
    return [k for k, item in enumerate(keys) if item == key]


def _index(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    places = _find(s, owner, args[0], pos)
    if not places:
        raise KindError("the list has no such item", pos=pos)
    return constant(places[0], pos)


def _count(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return constant(len(_find(s, owner, args[0], pos)), pos)


def _remove(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    places = _find(s, owner, args[0], pos)
    if not places:
        raise KindError("the list has no such item", pos=pos)
    _pop(s, owner, [constant(places[0])], {}, pos)
    return NOTHING


def _sort(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.reductions import ordered

    result = ordered(s, owner, kwargs, pos)
    if not isinstance(result, Struct) or result.type != "list":
        s.need_dynamic(owner, pos)
        raise UnsupportedError("this list cannot be sorted in place", "Use `sorted`.", pos)
    change_items(s, owner, result.values(), pos)
    return NOTHING


def _copy(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return Struct(owner.type, dict(owner.items), owner.cls, s.depth, s.site(pos))


# ---- dicts ---------------------------------------------------------------------------------------------------


def _dict_may_shrink(s: State, owner: Struct, pos: Pos | None) -> None:
    may_change(owner, pos)
    if s.depth > owner.depth:
        s.need_dynamic(owner, pos)
        raise UnsupportedError(
            "an item is taken out of a dict inside a loop or a branch that the dict was made outside of",
            "Build a new dict.", pos,
        )  # fmt: skip


def _known(s: State, owner: Struct, at: Value, pos: Pos | None) -> object:
    """A dict's key."""
    key = static_key(at)
    if key is None and not (isinstance(at, Static) and at.value is None):
        s.need_dynamic(owner, pos)
        raise KindError("the key is not known when compiling", pos=pos)
    return key


def _get(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    key = _known(s, owner, args[0], pos)
    if key in owner.items:
        return owner.items[key]
    return args[1] if len(args) > 1 else NOTHING


def _keys(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return Iteration(static=[key_value(key) for key in owner.items])


def _values(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return Iteration(static=owner.values(), view=True)


def _items(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    pairs = [Struct("tuple", {0: key_value(key), 1: item}) for key, item in owner.items.items()]
    return Iteration(static=list(pairs), view=True)


def _dict_pop(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    key = _known(s, owner, args[0], pos)
    if key not in owner.items:
        if len(args) > 1:
            return args[1]
        raise KindError(f"the dict has no key {key!r}", pos=pos)
    _dict_may_shrink(s, owner, pos)
    value = owner.items[key]
    owner.items = {k: v for k, v in owner.items.items() if k != key}
    return value


def _dict_delete(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    _dict_pop(s, owner, args, kwargs, pos)
    return NOTHING


def _update(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.builtins import dict_items

    new = dict_items(s, args, pos)
    if new is None:
        s.need_dynamic(owner, pos)
        raise UnsupportedError(
            "`update` needs a dict whose keys are known when compiling", "Set the items in a loop.", pos
        )
    for key, value in {**new, **kwargs}.items():
        set_part(s, owner, key, value, pos)
    return NOTHING


def _setdefault(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    key = _known(s, owner, args[0], pos)
    if key not in owner.items:
        set_part(s, owner, key, args[1] if len(args) > 1 else NOTHING, pos)
    return owner.items[key]


# ---- named tuples --------------------------------------------------------------------------------------------


def namedtuple_method(owner: Struct, name: str, kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """`_replace` and `_asdict`."""
    fields = owner.cls._fields
    if name == "_asdict":
        return Struct("dict", dict(zip(fields, owner.values(), strict=False)))
    if set(kwargs) - set(fields):
        raise KindError(f"{describe(owner)} has no field {sorted(set(kwargs) - set(fields))[0]!r}", pos=pos)
    items = {k: kwargs.get(field, owner.items[k]) for k, field in enumerate(fields)}
    return Struct("tuple", items, owner.cls)


_READING: dict[str, Method] = {"index": _index, "count": _count}
METHODS: dict[str, dict[str, Method]] = {
    "list": {
        "append": _append, "insert": _insert, "extend": _extend, "pop": _pop, "reverse": _reverse, "copy": _copy,
        "clear": _clear, "remove": _remove, "sort": _sort, "__delitem__": _delete, **_READING,
    },
    "dict": {
        "get": _get, "keys": _keys, "values": _values, "items": _items, "copy": _copy, "pop": _dict_pop,
        "update": _update, "setdefault": _setdefault, "clear": _clear, "__delitem__": _dict_delete,
    },
    "tuple": _READING,
}  # fmt: skip
