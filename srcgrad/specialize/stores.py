"""Writing parts of values: items, attributes, and `op=`."""

from __future__ import annotations

import dataclasses

import numpy as np

from srcgrad.analysis.infer import infer_call, infer_op
from srcgrad.errors import AliasError, KindError, UnsupportedError
from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf, Opaque, forget_value, join, rank, text
from srcgrad.ir.nodes import Attr, Call, Const, Expr, Load, Name, Pos, Prim, Slice, Store
from srcgrad.specialize.expressions import evaluate, evaluate_all
from srcgrad.specialize.indexing import attribute, load, static_slice
from srcgrad.specialize.operators import operate
from srcgrad.specialize.state import State
from srcgrad.specialize.values import (
    Leaf,
    ListedArray,
    Method,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
    constant,
    describe,
    static_key,
)

# ---- containers whose layout is known ------------------------------------------------------------------------


def may_change(owner: Struct, pos: Pos | None) -> None:
    """Raise unless the container is the program's own, under one name."""
    if owner.frozen:
        raise AliasError(f"{describe(owner)} is changed here, but {owner.frozen}", "Make a copy and change that.", pos)


def set_attribute(s: State, owner: Value, name: str, value: Value, pos: Pos | None) -> None:
    """`owner.name = value`."""
    if not isinstance(owner, Struct) or owner.type != "object":
        raise UnsupportedError(
            f"attribute {name!r} of {describe(owner)} cannot be set here",
            "Only attributes of objects of a Python class can be set.", pos,
        )  # fmt: skip
    if dataclasses.is_dataclass(owner.cls) and getattr(owner.cls, "__dataclass_params__").frozen:  # noqa: B009
        raise KindError(f"{describe(owner)} is frozen", "Use dataclasses.replace.", pos)
    set_part(s, owner, name, value, pos)


def set_part(s: State, owner: Struct, key: object, value: Value, pos: Pos | None) -> None:
    """Replace (or add) one part of a container whose layout is known."""
    may_change(owner, pos)
    if key not in owner.items and s.depth > owner.depth and owner.type == "dict":
        s.need_dynamic(owner, pos)
    old = owner.items.get(key)
    if isinstance(old, Leaf) and isinstance(old.expr, Name):
        s.own_variable(old.expr)
        base = old.expr.id
        if base.isidentifier() and not s.is_variable(base) and s.holders(base) <= 1:
            if not (isinstance(value, Leaf) and isinstance(value.expr, Name) and value.expr.id == base):
                owner.items[key] = Static(None)  # what it held is no reason to keep the old value
            owner.items[key] = s.materialise(value, base, pos, None)
            return
    owner.items[key] = s.materialise(value, s.container_name(owner, key), pos, None)


def store_item(s: State, owner: Value, at: Value, value: Value, op: str, pos: Pos | None) -> None:
    """`owner[at] op= value`."""
    if isinstance(owner, Rows):
        from srcgrad.specialize.rows import store_row

        store_row(s, owner, at, value, op, pos)
    elif isinstance(owner, Struct):
        _store_in_struct(s, owner, at, value, op, pos)
    elif isinstance(owner, Leaf) and isinstance(owner.kind, (ListOf, DictOf)):
        _store_in_list(s, owner, at, value, op, pos)
    elif isinstance(owner, Leaf) and isinstance(owner.kind, Array):
        place = load(s, owner, at, pos, store=True)
        assert isinstance(place, Leaf)
        expr = as_expr(value, pos)
        if isinstance(owner.kind, ListedArray) and not op and (rank(place.kind) != 0 or rank(expr.kind) != 0):
            s.need_list(owner)
        if isinstance(value, Struct) or isinstance(expr.kind, ListOf):
            expr = as_array(expr)
        s.emit(Store(s.writable(place.expr, pos), expr, op, pos=pos))
    else:
        raise KindError(f"{describe(owner)} has no items that can be set", pos=pos)


def _store_in_struct(s: State, owner: Struct, at: Value, value: Value, op: str, pos: Pos | None) -> None:
    if owner.type == "object":
        from srcgrad.specialize.calls import call_value

        if op:
            value = operate(s, op, [load(s, owner, at, pos), value], pos)
        call_value(s, attribute(s, owner, "__setitem__", pos), [at, value], {}, pos)
        return
    if owner.type == "tuple":
        raise KindError("an item of a tuple cannot be assigned", pos=pos)
    if owner.type == "list" and isinstance(at, Leaf) and isinstance(at.expr, Slice):
        _store_slice(s, owner, at, value, op, pos)
        return
    key = static_key(at)
    if key is None and not (isinstance(at, Static) and owner.type == "dict"):
        s.need_dynamic(owner, pos, at)
        raise KindError(
            f"an item of a {owner.type} with items of several kinds is written at an index that only the run knows",
            pos=pos,
        )
    if owner.type == "list":
        if not isinstance(key, int) or not -len(owner.items) <= key < len(owner.items):
            raise KindError(f"index {key!r} is out of range for a list of {len(owner.items)} items", pos=pos)
        key %= len(owner.items)
    if op:
        if key not in owner.items:
            raise KindError(f"there is no item {key!r}", pos=pos)
        old = owner.items[key]
        if isinstance(old, Leaf) and isinstance(old.kind, Array):
            store_whole(s, old.expr, _operand(value, pos), op, pos)
            return
        value = operate(s, op, [old, value], pos)
    set_part(s, owner, key, value, pos)


def _store_slice(s: State, owner: Struct, at: Value, value: Value, op: str, pos: Pos | None) -> None:
    """`items[lo:hi] = other`."""
    from srcgrad.specialize.layouts import change_items
    from srcgrad.specialize.statements import spread

    where = static_slice(at)
    if where is None or op:
        s.need_dynamic(owner, pos)
        raise UnsupportedError("this slice of a list cannot be assigned", "Build a new list.", pos)
    values = owner.values()
    new = [held(s, item) for item in spread(s, value, pos)]
    try:
        values[where] = new
    except ValueError as error:
        raise KindError(str(error), pos=pos) from None
    change_items(s, owner, values, pos)


def held(s: State, item: Value) -> Value:
    """An item that goes into a list, in a variable that nothing else assigns."""
    if isinstance(item, Leaf) and isinstance(item.expr, Name) and item.expr.id in s.temporaries:
        return item
    if isinstance(item, Leaf) and not isinstance(item.expr, Const):
        return s.temporary(item.expr, "item")
    if isinstance(item, Struct):
        return s.materialise(item, s.fresh("item"), None, None)
    return item


# ---- lists and dicts that exist at run time ------------------------------------------------------------------


def _store_in_list(s: State, owner: Leaf, at: Value, value: Value, op: str, pos: Pos | None) -> None:
    if isinstance(at, Leaf) and isinstance(at.expr, Slice):
        _store_slice_at_run_time(s, owner, at, value, op, pos)
        return
    if op:
        old = load(s, owner, at, pos)
        if isinstance(old, Leaf) and isinstance(old.kind, Array):
            store_whole(s, old.expr, _operand(value, pos), op, pos)
            return
        value = operate(s, op, [old, value], pos)
    index = as_expr(at, pos)
    s.need_run_time(value, pos)
    expr = as_expr(value, pos)
    widen_items(s, owner, expr, pos)
    s.emit(Store(s.writable(Load(owner.expr, index, kind=expr.kind, pos=pos), pos), expr, pos=pos))


def _store_slice_at_run_time(s: State, owner: Leaf, at: Leaf, value: Value, op: str, pos: Pos | None) -> None:
    """`items[1:2] = [a, b]`: items are taken out and others put in, where the places are known when compiling."""
    from srcgrad.specialize.containers import call_method
    from srcgrad.specialize.statements import spread

    where = static_slice(at)
    known = where is not None and isinstance(where.stop, int) and where.stop >= (where.start or 0) >= 0
    if op or where is None or not known or where.step not in (None, 1):
        raise UnsupportedError(
            "a slice of a list whose length is not known when compiling is assigned", "Build a new list.", pos
        )
    new = [held(s, item) for item in spread(s, value, pos)]
    lo = where.start or 0
    if where.stop - lo == len(new):
        for k, item in enumerate(new):
            _store_in_list(s, owner, constant(lo + k), item, "", pos)
        return
    for _ in range(where.stop - lo):
        call_method(s, Method(owner, "__delitem__"), [constant(lo)], {}, pos)
    for k, item in enumerate(new):
        call_method(s, Method(owner, "insert"), [constant(lo + k), item], {}, pos)


def as_array(expr: Expr) -> Expr:
    """A display of numbers as an array, as NumPy would make of it."""
    prim = Prim(np.array, "np.array")
    return Call(prim, (expr,), kind=infer_call(prim, (expr,), ()), pos=expr.pos)


def _operand(value: Value, pos: Pos | None) -> Expr:
    expr = as_expr(value, pos)
    return as_array(expr) if isinstance(value, Struct) or isinstance(expr.kind, ListOf) else expr


def widen_items(s: State, owner: Leaf, expr: Expr, pos: Pos | None) -> None:
    """A list gets an item: its kind covers the item's from now on."""
    kind = owner.kind
    assert isinstance(kind, (ListOf, DictOf))
    item = join(kind.item, forget_value(expr.kind))
    if item is None or _mixed(kind.item, expr.kind):
        raise KindError(
            f"a {text(kind)} whose length is not known when compiling gets {describe(Leaf(expr))}",
            "Keep things of different kinds in different lists.", pos,
        )  # fmt: skip
    if item != kind.item:
        place: Expr = owner.expr
        widened = dataclasses.replace(kind, item=forget_value(item))
        while isinstance(place, Load) and isinstance(place.base.kind, (ListOf, DictOf)):
            widened = dataclasses.replace(place.base.kind, item=widened)
            place = place.base
        if isinstance(place, Name):
            site = s.list_sites.get(place.id)
            names = {place.id, *(name for name, other in s.list_sites.items() if other == site and site is not None)}
            for key, value in s.env.items():
                s.env[key] = _with_kind(value, names, widened)


def _mixed(a: Kind, b: Kind) -> bool:
    """Whether two kinds have nothing in common but that both are no numbers."""
    return isinstance(a, Opaque) and isinstance(b, Opaque) and a.type is not b.type and object not in (a.type, b.type)


def _with_kind(value: Value, names: set[str], kind: Kind) -> Value:
    """The value, whose lists of these names hold what the kind says as well: they may be one list."""
    if isinstance(value, Leaf) and isinstance(value.expr, Name) and value.expr.id in names:
        return Leaf(dataclasses.replace(value.expr, kind=join(value.kind, kind) or kind))
    if isinstance(value, Struct):
        for key, item in value.items.items():
            value.items[key] = _with_kind(item, names, kind)
    return value


# ---- op= -----------------------------------------------------------------------------------------------------


def store_whole(s: State, target: Expr, value: Expr, op: str, pos: Pos | None) -> None:
    """`x op= value` for an array x, in place."""
    s.emit(Store(s.writable(target, pos), value, op, pos=pos))


def augment(s: State, target: Expr, op: str, value: Expr, pos: Pos | None) -> None:
    """`target op= value`: in place for arrays and lists, a rebinding for everything else."""
    from srcgrad.specialize.statements import assign

    if isinstance(target, Load):
        held, at, operand = evaluate_all(s, [target.base, target.index, value])
        store_item(s, held, at, operand, op, pos)
        return
    owner: Value | None = None
    if isinstance(target, Attr):  # the object is evaluated once
        owner = evaluate(s, target.base)
        old, operand = attribute(s, owner, target.name, pos), evaluate(s, value)
    else:
        old, operand = evaluate_all(s, [target, value])
    is_list = (
        isinstance(old, Leaf)
        and isinstance(old.kind, ListOf)
        or isinstance(old, Struct)
        and old.type in ("list", "rows")
    )
    if is_list and op == "+":
        from srcgrad.specialize.containers import call_method

        call_method(s, Method(old, "extend"), [operand], {}, pos)
        return
    if is_list:
        raise UnsupportedError(f"`{op}=` on a list is not supported", "Build a new list.", pos)
    if isinstance(old, Leaf) and isinstance(old.kind, Array):
        expr = _operand(operand, pos)
        infer_op(op, (old.expr, expr))
        if old.kind.dims is not None:
            store_whole(s, old.expr, expr, op, pos)
            return
        # a float on the first trip and an array later (or an array of unknown rank): analysis.aliases
        # holds that nothing else has the array, which makes the write and the rebinding the same program
        if isinstance(old.expr, Name):
            s.rebound_arrays.setdefault(old.expr.id, pos)
    result = operate(s, op, [old, operand], pos)
    if owner is not None:
        assert isinstance(target, Attr)
        set_attribute(s, owner, target.name, result, pos)
    else:
        assign(s, target, result, pos)
