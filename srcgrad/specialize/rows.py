"""Lists of tuples (dicts, objects) whose length is not known when compiling: one run-time list for each part.

`history.append((x, y))` in a loop pushes x on one list and y on another; `history[k]` is the tuple of the two items.
"""

from __future__ import annotations

from typing import Any, cast

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import BOTTOM, ListOf, forget_value
from srcgrad.ir.nodes import Expr, Name, Pack, Pos, Slice
from srcgrad.specialize.joins import constant_of
from srcgrad.specialize.state import Restart, State
from srcgrad.specialize.values import (
    Iteration,
    Leaf,
    Method,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
    describe,
    join_all,
)

FROZEN_ITEM = "it is an item of a list whose length is not known when compiling"
NOTHING = Static(None)


def is_row(value: Value) -> bool:
    """Whether an item needs a list for each of its parts."""
    return isinstance(value, Struct) and not isinstance(value, Rows) and value.type in ("tuple", "dict", "object")


def new_rows(s: State, items: list[Value], site: tuple[object, ...] | None, pos: Pos | None) -> Rows:
    """The list of the items, which are of one layout; for no items, of the layout that was learned."""
    layout = items[0] if items else s.knowledge.templates[("rows", site)]
    for item in items:
        _check(layout, item, pos)
        freeze(item)
    assert isinstance(layout, Struct)
    made = Rows("rows", {}, layout.cls, s.depth, site, row=layout.type)
    for key, part in layout.items.items():
        column = [item.items[key] for item in items if isinstance(item, Struct)]
        if is_row(part):
            inner = new_rows(s, column, None, pos) if items else _empty(s, part, pos)
            made.items[key] = inner
        else:
            exprs = tuple(as_expr(value, pos) for value in column)
            kind = ListOf(forget_value(join_all([expr.kind for expr in exprs])) if exprs else BOTTOM)
            made.items[key] = Leaf(Pack("list", exprs, kind=kind, pos=pos))
    if not made.items:
        raise UnsupportedError("a list of empty tuples is not supported", pos=pos)
    return made


def _empty(s: State, part: Value, pos: Pos | None) -> Rows:
    slot = object()
    s.knowledge.templates[("rows", slot)] = part
    made = new_rows(s, [], slot, pos)  # type: ignore[arg-type]
    del s.knowledge.templates[("rows", slot)]
    made.site = None
    return made


def learn(s: State, site: object, item: Value) -> None:
    """A list that was made as one of numbers gets tuples: start again knowing their layout."""
    s.knowledge.templates[("rows", site)] = item
    raise Restart


def _check(layout: Value, item: Value, pos: Pos | None) -> None:
    """Raise unless the item has the list's layout."""
    if isinstance(layout, Struct) and is_row(item):
        assert isinstance(item, Struct)
        row = layout.row if isinstance(layout, Rows) else layout.type
        if (row, layout.cls, list(layout.items)) == (item.type, item.cls, list(item.items)):
            for key in layout.items:
                _check(layout.items[key], item.items[key], pos)
            return
    elif not is_row(layout) and not isinstance(layout, Rows) and (isinstance(item, Leaf) or constant_of(item)):
        return
    elif isinstance(item, Struct) and item.type == "list" and not isinstance(layout, Rows):
        return
    raise KindError(
        f"{describe(item)} is put into a list of items of another layout",
        "Keep different things in different lists.",
        pos,
    )


def freeze(item: Value) -> None:
    """The list keeps what the item's parts are now: an object that is put into it may not change afterwards."""
    if isinstance(item, Struct):
        if item.type != "tuple":
            item.frozen = item.frozen or FROZEN_ITEM
        for part in item.values():
            freeze(part)


# ---- operations ----------------------------------------------------------------------------------------------


def load_row(s: State, owner: Rows, at: Value, pos: Pos | None) -> Value:
    """`rows[k]`, or a slice."""
    from srcgrad.specialize.indexing import load

    if isinstance(at, Leaf) and isinstance(at.expr, Slice):
        return owner.like({key: load(s, part, at, pos) for key, part in owner.items.items()})
    items = {key: load(s, part, at, pos) for key, part in owner.items.items()}
    return Struct(owner.row, items, owner.cls, s.depth, None, "" if owner.row == "tuple" else FROZEN_ITEM)


def store_row(s: State, owner: Rows, at: Value, value: Value, op: str, pos: Pos | None) -> None:
    """`rows[k] = item`."""
    from srcgrad.specialize.stores import store_item

    if op or (isinstance(at, Leaf) and isinstance(at.expr, Slice)):
        raise UnsupportedError("this write into a list of tuples is not supported", "Build a new list.", pos)
    _check(owner, value, pos)
    freeze(value)
    assert isinstance(value, Struct)
    held = _held(s, value)
    for key, part in owner.items.items():
        store_item(s, part, at, held.items[key], "", pos)


def _held(s: State, value: Value) -> Any:
    """The parts in variables, since writing one may change another."""
    if isinstance(value, Struct):
        return value.like({key: _held(s, part) for key, part in value.items.items()})
    from srcgrad.specialize.stores import held

    return held(s, value)


def row_method(s: State, owner: Rows, name: str, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """A method of the list."""
    from srcgrad.specialize.containers import call_method, run_loop
    from srcgrad.specialize.indexing import load
    from srcgrad.specialize.iteration import iterate

    if name in ("append", "insert"):
        _check(owner, args[-1], pos)
        freeze(args[-1])
        parts: Any = _held(s, args[-1])
        for key in owner.items:
            call_method(s, Method(owner.items[key], name), [*args[:-1], parts.items[key]], {}, pos)
        return NOTHING
    if name == "extend":
        iteration = iterate(s, args[0], pos)
        for item in iteration.static or []:
            row_method(s, owner, "append", [item], {}, pos)
        if iteration.static is None:
            run_loop(s, iteration, lambda item: row_method(s, owner, "append", [item], {}, pos), pos)
        return NOTHING
    if name == "pop":
        items = {key: call_method(s, Method(part, "pop"), args, {}, pos) for key, part in owner.items.items()}
        return Struct(owner.row, items, owner.cls, s.depth, None, "" if owner.row == "tuple" else FROZEN_ITEM)
    if name == "copy":
        return owner.like({key: call_method(s, Method(part, "copy"), [], {}, pos) for key, part in owner.items.items()})
    if name in ("reverse", "clear", "__delitem__"):
        for part in owner.items.values():
            call_method(s, Method(part, name), args, {}, pos)
        return NOTHING
    if name == "sort":
        from srcgrad.specialize.reductions import ordered

        new = ordered(s, owner, kwargs, pos)
        indices = Iteration(count=row_count(owner), item=lambda k: Leaf(k))
        run_loop(s, indices, lambda k: store_row(s, owner, k, load(s, new, k, pos), "", pos), pos)
        return NOTHING
    raise UnsupportedError(
        f"method {name!r} of a list of {owner.row}s is not supported", "Keep one list for each part.", pos
    )


def iterate_rows(s: State, owner: Rows, pos: Pos | None) -> Iteration:
    """A loop over the list."""
    if not all(isinstance(column.expr, Name) for column in owner.columns()):  # a slice is made once
        owner = cast(Rows, s.materialise(owner, s.fresh("rows"), pos, None))
    return Iteration(count=row_count(owner), item=lambda k: load_row(s, owner, Leaf(k), pos))


def row_count(owner: Rows) -> Expr:
    """The length of the list."""
    from srcgrad.specialize.iteration import call_builtin

    return call_builtin(len, "len", next(owner.columns()).expr)
