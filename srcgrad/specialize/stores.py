"""Writing parts of values: items, attributes, and `op=`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from srcgrad.analysis.aliases import sources
from srcgrad.analysis.infer import infer_op
from srcgrad.errors import AliasError, KindError, SrcgradError, UnsupportedError
from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf, Opaque, forget_value, join, rank, text
from srcgrad.ir.nodes import (
    Apply,
    Assign,
    Attr,
    Const,
    Expr,
    Invoke,
    Let,
    Load,
    Name,
    Pop,
    Pos,
    Push,
    Slice,
    Stmt,
    Store,
)
from srcgrad.ir.walk import names_in, root, statements, subexpressions
from srcgrad.specialize.expressions import evaluate, evaluate_after, evaluate_all, evaluate_apart, hold_ahead_of
from srcgrad.specialize.flat import behind, in_shape, is_flat
from srcgrad.specialize.indexing import attribute, load, static_slice
from srcgrad.specialize.listed import as_array
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
    if name == "flat" and isinstance(owner, Leaf) and isinstance(owner.kind, Array):
        store_item(s, owner, Static(Ellipsis), in_shape(s, owner, _operand(value, pos), pos), "", pos)
        return
    if isinstance(owner, Leaf) and isinstance(owner.kind, Array) and name == "shape":
        raise UnsupportedError("an array is given another shape in place", "Write `x = x.reshape(shape)`.", pos)
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
    if owner.type in ("list", "dict") and isinstance(old, Leaf):
        s.set_parts |= set(names_in(old.expr))
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
    if is_flat(owner):
        owner, at = behind(s, owner, at, pos)
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
    if isinstance(expr.kind, (ListOf, DictOf)):
        s.hold_list(owner.expr, expr)
    if item != kind.item:
        place: Expr = owner.expr
        widened = dataclasses.replace(kind, item=forget_value(item))
        _widen(s, place, widened, set())
        while isinstance(place, Load) and isinstance(place.base.kind, (ListOf, DictOf)):
            widened = dataclasses.replace(place.base.kind, item=widened)
            place = place.base
            _widen(s, place, widened, set())


def _widen(s: State, place: Expr, kind: Kind, seen: set[object]) -> None:
    """The variables that may stand for the list at a place are of the kind, and those whose lists hold it fit."""
    found = s.site_of(place)
    names = {place.id} if isinstance(place, Name) else set()
    _widen_names(s, names | (s.named_list(found[0]) if found is not None else set()), kind)
    sites = [(found[0], kind)] if found is not None else []
    while sites:
        site, held = sites.pop()
        if site in seen:
            continue
        seen.add(site)
        for outer in s.holders_of_list(site):
            names = s.named_list(outer)
            _widen_names(s, names, held, inside=True)
            sites.append((outer, ListOf(held)))


def _widen_names(s: State, names: set[str], kind: Kind, inside: bool = False) -> None:
    for key, value in s.env.items():
        s.env[key] = _with_kind(value, names, kind, inside)


def _mixed(a: Kind, b: Kind) -> bool:
    """Whether two kinds have nothing in common but that both are no numbers."""
    return isinstance(a, Opaque) and isinstance(b, Opaque) and a.type is not b.type and object not in (a.type, b.type)


def _with_kind(value: Value, names: set[str], kind: Kind, inside: bool) -> Value:
    """The value, whose lists of these names hold what the kind says as well: they may be one list. inside: the kind
    is that of their items."""
    if isinstance(value, Leaf) and isinstance(value.expr, Name) and value.expr.id in names:
        if inside:
            if not isinstance(value.kind, (ListOf, DictOf)):
                return value
            kind = dataclasses.replace(value.kind, item=join(value.kind.item, kind) or kind)
        return Leaf(dataclasses.replace(value.expr, kind=join(value.kind, kind) or kind))
    if isinstance(value, Struct):
        for key, item in value.items.items():
            value.items[key] = _with_kind(item, names, kind, inside)
    return value


# ---- op= -----------------------------------------------------------------------------------------------------


def store_whole(s: State, target: Expr, value: Expr, op: str, pos: Pos | None) -> None:
    """`x op= value` for an array x, in place."""
    s.emit(Store(s.writable(target, pos), value, op, pos=pos))


def augment(s: State, target: Expr, op: str, value: Expr, pos: Pos | None) -> None:
    """`target op= value`: in place for arrays and lists, a rebinding for everything else."""
    from srcgrad.specialize.statements import assign

    if isinstance(target, Load):
        _augment_item(s, target, op, value, pos)
        return
    owner: Value | None = None
    if isinstance(target, Attr):  # the object is evaluated once
        owner = evaluate(s, target.base)
        before = attribute(s, owner, target.name, pos)
    else:
        before = evaluate(s, target)
    first = [before]
    operand = evaluate_after(s, first, value)
    old = first[0]

    def put(result: Value) -> None:
        if owner is not None:
            assert isinstance(target, Attr)
            set_attribute(s, owner, target.name, result, pos)
        else:
            assign(s, target, result, pos)

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
            now = owner.items.get(target.name) if isinstance(owner, Struct) else None  # type: ignore[attr-defined]
            if (evaluate(s, target) if owner is None else now or before) != old:
                put(old)  # the operand set the name anew: it stands for the array again
            return
        # a float on the first trip and an array later (or an array of unknown rank): analysis.aliases
        # holds that nothing else has the array, which makes the write and the rebinding the same program
        if isinstance(old.expr, Name):
            s.rebound_arrays.setdefault(old.expr.id, pos)
    put(operate(s, op, [old, operand], pos))


def _augment_item(s: State, target: Load, op: str, value: Expr, pos: Pos | None) -> None:
    """`owner[at] op= value`: what is there before `value` is evaluated counts."""
    first = evaluate_all(s, [target.base, target.index])
    old = _item_before(s, first[0], first[1], pos) if _calls(value) else None
    operand, new = evaluate_apart(s, value)
    hold_ahead_of(s, first, new)
    replaced = isinstance(first[0], Struct) and old != _item_before(s, first[0], first[1], pos)
    if old is not None and (replaced or _may_change(old, new)):
        held: list[Value] = [old]
        hold_ahead_of(s, held, new)
        s.out.extend(new)
        kept = as_expr(held[0], pos)
        if isinstance(kept.kind, Array):
            store_whole(s, kept, _operand(operand, pos), op, pos)
            result: Value = held[0]
        else:
            result = operate(s, op, [held[0], operand], pos)
        store_item(s, first[0], first[1], result, "", pos)
    else:
        s.out.extend(new)
        store_item(s, first[0], first[1], operand, op, pos)


def _calls(expr: Expr) -> bool:
    return any(isinstance(part, (Apply, Let)) for part in subexpressions(expr))


def _item_before(s: State, owner: Value, at: Value, pos: Pos | None) -> Leaf | None:
    """The number at a place, if there is one, or the array that is a part of a container of known layout."""
    try:
        found = load(s, owner, at, pos)
    except SrcgradError:  # the store will say so
        return None
    part = isinstance(owner, Struct) and owner.type != "object"
    return found if isinstance(found, Leaf) and (rank(found.kind) == 0 or part) else None


def _may_change(value: Leaf, new: Sequence[Stmt]) -> bool:
    """Whether a value is another one after statements: they set a variable, or write into memory that is not theirs."""
    made: set[str] = set()
    for stmt in statements(list(new)):
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name):
            if stmt.target.id in names_in(value.expr):
                return True
            if not any(True for _ in sources(stmt.value)):
                made.add(stmt.target.id)
        if isinstance(stmt, Invoke) or (isinstance(stmt, (Store, Push, Pop)) and root(stmt.target) not in made):
            return not isinstance(value.expr, (Name, Const))
    return False
