"""Statements: assignment in all its forms, branches and loops."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from srcgrad.analysis.infer import infer_op
from srcgrad.errors import AliasError, KindError, SrcgradError, UnsupportedError
from srcgrad.ir.kinds import BOTTOM, INT, Array, DictOf, ListOf, Opaque, Scalar, is_float, join, rank
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    Attr,
    Aug,
    Break,
    Const,
    Continue,
    Def,
    Effect,
    Expr,
    For,
    ForEach,
    If,
    Load,
    Name,
    Op,
    Pack,
    Pos,
    Raise,
    Star,
    Stmt,
    Store,
    While,
    With,
)
from srcgrad.ir.walk import root
from srcgrad.specialize.expressions import evaluate, evaluate_all, load, operate, take_item, test_expr
from srcgrad.specialize.iteration import iterate
from srcgrad.specialize.state import Restart, State, mentions, true_of
from srcgrad.specialize.values import (
    Closure,
    Iteration,
    Leaf,
    Method,
    Static,
    Struct,
    Value,
    as_expr,
    constant,
    describe,
)


def run_block(s: State, block: Sequence[Stmt]) -> None:
    """Specialise statements, one after the other."""
    for stmt in block:
        try:
            run(s, stmt)
        except SrcgradError as error:
            if error.pos is None and stmt.pos is not None:
                raise type(error)(error.reason, error.remedy, stmt.pos) from None
            raise


def run(s: State, stmt: Stmt) -> None:
    """Specialise one statement."""
    match stmt:
        case Assign(target=target, value=value):
            assign(s, target, evaluate(s, value), stmt.pos)
        case Aug(target=target, op=op, value=value):
            augment(s, target, op, value, stmt.pos)
        case Effect(value=value):
            result = evaluate(s, value)
            if isinstance(result, Leaf) and _has_effect(result.expr):
                s.emit(Effect(result.expr, pos=stmt.pos))
        case If():
            run_if(s, stmt)
        case ForEach():
            run_for(s, stmt)
        case While():
            run_while(s, stmt)
        case Break():
            s.emit(Break(pos=stmt.pos))
            if s.unrolled_loops and s.unrolled_loops[-1] is not None:
                s.unrolled_loops[-1].append(stmt.pos)
        case Continue():
            if not (s.unrolled_loops and s.unrolled_loops[-1] is not None):
                s.emit(Continue(pos=stmt.pos))
        case Def(name=name, function=function):
            s.env[(s.frame.path, name)] = closure(s, function)
        case With(context=context, body=body):
            expr = as_expr(evaluate(s, context), stmt.pos)
            inner = s.block(lambda: run_block(s, body))
            if inner:
                s.emit(With(expr, inner, pos=stmt.pos))
        case Assert(test=test, message=message):
            value = evaluate(s, test)
            if true_of(value) is not True:
                text = as_expr(evaluate(s, message), stmt.pos) if message is not None else None
                s.emit(Assert(as_expr(value, stmt.pos), text, pos=stmt.pos))
        case Raise(value=raised):
            s.emit(Raise(as_expr(evaluate(s, raised), stmt.pos) if raised is not None else None, pos=stmt.pos))
        case _:
            raise UnsupportedError(f"{type(stmt).__name__} is not supported here", pos=stmt.pos)


def closure(s: State, function) -> Closure:  # type: ignore[no-untyped-def]
    """A function defined inside the one being specialised; its defaults are evaluated now, as Python does."""
    defaults = {p.name: evaluate(s, p.default) for p in function.params if p.default is not None}
    for name, value in defaults.items():
        if isinstance(value, Leaf) and not isinstance(value.expr, Const):
            defaults[name] = s.temporary(value.expr, name)
    return Closure(function, frame=s.frame.path, defaults=defaults)


def _has_effect(expr: Expr) -> bool:
    from srcgrad.ir.nodes import Call
    from srcgrad.rules.registry import effect

    return isinstance(expr, Call) and effect(expr.prim.fn) != "pure"


# ---- assignment ----------------------------------------------------------------------------------------------


def assign(s: State, target: Expr, value: Value, pos: Pos | None) -> None:
    """`target = value`."""
    match target:
        case Name(id=name):
            s.bind(s.variable(name), value, pos)
        case Pack(items=targets):
            unpack(s, targets, value, pos)
        case Load(base=base, index=index):
            owner, at = evaluate_all(s, [base, index])
            store_item(s, owner, at, value, "", pos)
        case Attr(base=base, name=name):
            set_attribute(s, evaluate(s, base), name, value, pos)
        case Star(value=inner):
            assign(s, inner, value, pos)
        case _:
            raise UnsupportedError("this cannot be assigned to", pos=pos)


def unpack(s: State, targets: tuple[Expr, ...], value: Value, pos: Pos | None) -> None:
    """`a, (b, *c) = value`."""
    items = spread(s, value, pos, sum(not isinstance(t, Star) for t in targets))
    starred = [k for k, t in enumerate(targets) if isinstance(t, Star)]
    if starred:
        at, extra = starred[0], len(items) - (len(targets) - 1)
        if extra < 0:
            raise KindError(f"{len(items)} values cannot be unpacked into {len(targets)} targets", pos=pos)
        middle = Struct("list", dict(enumerate(items[at : at + extra])), depth=s.depth, site=s.site(pos))
        items = [*items[:at], middle, *items[at + extra :]]
    if len(items) != len(targets):
        raise KindError(f"{len(items)} values cannot be unpacked into {len(targets)} targets", pos=pos)
    written: set[str] = set()
    for target in targets:
        if isinstance(target, Name):
            written.add(s.base_name(s.variable(target.id)))
    stores = any(not isinstance(t, Name) for t in targets)
    sheltered: list[Value] = []
    for k, item in enumerate(items):
        target = targets[k]
        own = s.base_name(s.variable(target.id)) if isinstance(target, Name) else None
        earlier = {s.base_name(s.variable(t.id)) for t in targets[:k] if isinstance(t, Name)} - {own}
        if isinstance(item, Leaf) and k and not isinstance(item.expr, Const):
            if mentions(item.expr, earlier) or (stores and not isinstance(item.expr, Name)):
                item = s.temporary(item.expr, own and f"new_{own}" or "item")
        sheltered.append(item)
    for target, item in zip(targets, sheltered):
        assign(s, target, item, pos)


def spread(s: State, value: Value, pos: Pos | None, at_least: int | None = None) -> list[Value]:
    """The items of a value that is unpacked; its length must be known when compiling."""
    if isinstance(value, Struct) and value.type in ("tuple", "list"):
        return value.values()
    if isinstance(value, Struct) and value.type == "dict":
        return [key_value(key) for key in value.items]
    if isinstance(value, Static) and isinstance(value.value, (tuple, list, str)):
        return [key_value(item) for item in value.value]
    iteration = iterate(s, value, pos)
    if iteration.static is not None:
        return iteration.static
    if at_least is not None and iteration.item is not None:
        if isinstance(value, Leaf) and not isinstance(value.expr, Name):
            value = s.temporary(value.expr, "items")
            iteration = iterate(s, value, pos)
        assert iteration.item is not None
        return [iteration.item(Const(k, kind=Scalar("int64", True, k))) for k in range(at_least)]
    raise KindError("how many items there are is not known when compiling", "Index them one by one.", pos=pos)


def key_value(key: object) -> Value:
    """A dict's key as a value."""
    return Static(key) if isinstance(key, (str, tuple, type(None), bytes)) else constant(key)


def set_attribute(s: State, owner: Value, name: str, value: Value, pos: Pos | None) -> None:
    """`owner.name = value`."""
    if not isinstance(owner, Struct) or owner.type != "object":
        raise UnsupportedError(f"attribute {name!r} of {describe(owner)} cannot be set here", pos=pos)
    set_part(s, owner, name, value, pos)


def set_part(s: State, owner: Struct, key: object, value: Value, pos: Pos | None) -> None:
    """Replace (or add) one part of a container whose layout is known."""
    if key not in owner.items and s.depth > owner.depth:
        raise UnsupportedError(
            f"{key!r} is added to a {owner.type} inside a loop or a branch that it was made outside of",
            "Give it a value before the loop or branch.",
            pos,
        )
    old = owner.items.get(key)
    if isinstance(old, Leaf) and isinstance(old.expr, Name):
        s.own_variable(old.expr)
        base = old.expr.id
        if isinstance(value, Leaf):
            name = Name(base, kind=value.kind, pos=pos)
            if value.expr != name:
                s.emit(Assign(name, value.expr, pos=pos))
            owner.items[key] = Leaf(name)
            return
    base = s.container_name(owner, key)
    owner.items[key] = s.materialise(value, base, pos, None)


def store_item(s: State, owner: Value, at: Value, value: Value, op: str, pos: Pos | None) -> None:
    """`owner[at] op= value`."""
    if isinstance(owner, Struct):
        key = static_key(at)
        if key is None:
            s.need_dynamic(owner, pos)
            raise KindError(
                f"an item of a {owner.type} with items of several kinds is written at an index that is not known when compiling",
                pos=pos,
            )
        if owner.type == "tuple":
            raise KindError("an item of a tuple cannot be assigned", pos=pos)
        if owner.type == "list" and isinstance(key, int) and key < 0:
            key += len(owner.items)
        if op:
            if key not in owner.items:
                raise KindError(f"there is no item {key!r}", pos=pos)
            old = owner.items[key]
            if isinstance(old, Leaf) and isinstance(old.kind, Array):
                store_whole(s, old.expr, as_expr(value, pos), op, pos)
                return
            value = operate(s, op, [old, value], pos)
        set_part(s, owner, key, value, pos)
        return
    if not isinstance(owner, Leaf):
        raise KindError(f"{describe(owner)} has no items that can be set", pos=pos)
    base = owner.expr
    if isinstance(owner.kind, (ListOf, DictOf)):
        index = as_expr(at, pos)
        if op:
            old = load(s, owner, at, pos)
            if isinstance(old, Leaf) and isinstance(old.kind, Array):
                store_whole(s, old.expr, as_expr(value, pos), op, pos)
                return
            value = operate(s, op, [old, value], pos)
        expr = as_expr(value, pos)
        widen_items(s, owner, expr, pos)
        s.emit(Store(Load(base, index, kind=expr.kind, pos=pos), expr, pos=pos))
        return
    if not isinstance(owner.kind, Array):
        raise KindError(f"{describe(owner)} has no items that can be set", pos=pos)
    place = load(s, owner, at, pos, store=True)
    assert isinstance(place, Leaf)
    expr = as_expr(value, pos)
    if isinstance(value, Struct):
        expr = as_array(expr)
    s.emit(Store(s.writable(place.expr, pos), expr, op, pos=pos))


def as_array(expr: Expr) -> Expr:
    """A display of numbers as an array, as NumPy would make of it."""
    import numpy as np

    from srcgrad.analysis.infer import infer_call
    from srcgrad.ir.nodes import Call, Prim

    prim = Prim(np.array, "np.array")
    return Call(prim, (expr,), kind=infer_call(prim, (expr,), ()), pos=expr.pos)


def widen_items(s: State, owner: Leaf, expr: Expr, pos: Pos | None) -> None:
    """A list gets an item: its kind covers the item's from now on."""
    kind = owner.kind
    assert isinstance(kind, (ListOf, DictOf))
    item = join(kind.item, expr.kind if not isinstance(expr.kind, Scalar) else dataclasses.replace(expr.kind, value=_unset()))
    if item is None:
        raise KindError("a list gets items of kinds that have nothing in common", pos=pos)
    if item != kind.item and isinstance(owner.expr, Name):
        widened = dataclasses.replace(kind, item=item)
        for key, value in s.env.items():
            s.env[key] = _with_kind(value, owner.expr.id, widened)


def _with_kind(value: Value, name: str, kind: object) -> Value:
    if isinstance(value, Leaf) and isinstance(value.expr, Name) and value.expr.id == name:
        return Leaf(dataclasses.replace(value.expr, kind=kind))  # type: ignore[arg-type]
    if isinstance(value, Struct):
        for key, item in value.items.items():
            value.items[key] = _with_kind(item, name, kind)
    return value


def _unset() -> object:
    from srcgrad.ir.kinds import UNSET

    return UNSET


def static_key(at: Value) -> object:
    """An index that is known when compiling, else None."""
    if isinstance(at, Static):
        return at.value
    if isinstance(at, Leaf):
        if isinstance(at.expr, Const):
            return at.expr.value
        known = getattr(at.kind, "value", None)
        if isinstance(known, (int, str, bool)):
            return known
    if isinstance(at, Struct) and at.type == "tuple":
        keys = [static_key(item) for item in at.values()]
        return None if any(key is None for key in keys) else tuple(keys)
    return None


def store_whole(s: State, target: Expr, value: Expr, op: str, pos: Pos | None) -> None:
    """`x op= value` for an array x, in place."""
    if isinstance(target, Name):
        s.own_variable(target)
    s.emit(Store(target, value, op, pos=pos))


def augment(s: State, target: Expr, op: str, value: Expr, pos: Pos | None) -> None:
    """`target op= value`: in place for arrays and lists, a rebinding for everything else."""
    if isinstance(target, Load):
        owner, at, operand = evaluate_all(s, [target.base, target.index, value])
        store_item(s, owner, at, operand, op, pos)
        return
    old, operand = evaluate_all(s, [target, value])
    if isinstance(old, Leaf) and isinstance(old.kind, ListOf):
        from srcgrad.specialize.containers import call_method

        if op == "+":
            call_method(s, Method(old, "extend"), [operand], {}, pos)
            return
        raise UnsupportedError(f"`{op}=` on a list is not supported", "Build a new list.", pos)
    if isinstance(old, Struct) and old.type == "list" and op == "+":
        from srcgrad.specialize.containers import call_method

        call_method(s, Method(old, "extend"), [operand], {}, pos)
        return
    if isinstance(old, Leaf) and isinstance(old.kind, Array):
        expr = as_expr(operand, pos)
        if isinstance(operand, Struct):
            expr = as_array(expr)
        infer_op(op, (old.expr, expr))
        if old.kind.dims is not None:
            store_whole(s, old.expr, expr, op, pos)
            return
        # a float on the first trip and an array later (or an array of unknown rank): analysis.aliases
        # holds that nothing else has the array, which makes the write and the rebinding the same program
        if isinstance(old.expr, Name):
            s.rebound_arrays.setdefault(old.expr.id, pos)
    assign(s, target, operate(s, op, [old, operand], pos), pos)


# ---- control flow --------------------------------------------------------------------------------------------


def run_if(s: State, stmt: If) -> None:
    value = evaluate(s, stmt.test)
    known = true_of(value)
    if known is not None:
        run_block(s, stmt.body if known else stmt.orelse)
        return
    test = test_expr(s, value, stmt.pos)
    s.branch(test, lambda: run_block(s, stmt.body), lambda: run_block(s, stmt.orelse), stmt.pos, stmt.guard)


def run_while(s: State, stmt: While) -> None:
    """A test that needs statements of its own moves into the body, before a break."""
    held: list[tuple[Expr, bool]] = []

    def trip() -> None:
        value = evaluate(s, stmt.test)
        if true_of(value) is False:
            held.append((Const(False, kind=Scalar("bool", True, False)), False))
            return
        test = test_expr(s, value, stmt.pos)
        if s.out:
            held.append((test, True))
            s.branch(
                test, lambda: run_block(s, stmt.body), lambda: s.emit(Break(pos=stmt.pos)), stmt.pos
            )
        else:
            held.append((test, False))
            run_block(s, stmt.body)

    s.unrolled_loops.append(None)
    try:
        body = s.fixpoint(trip)
    finally:
        s.unrolled_loops.pop()
    test, inside = held[-1]
    if isinstance(test, Const) and test.value is False:
        return
    if inside:
        test = Const(True, kind=Scalar("bool", True, True), pos=stmt.pos)
    s.emit(While(test, body, pos=stmt.pos))


def run_for(s: State, stmt: ForEach) -> None:
    over = evaluate(s, stmt.iter)
    if isinstance(over, Leaf) and isinstance(stmt.iter, Name) and _assigned(stmt.body, stmt.iter.id):
        over = s.temporary(over.expr, "items")  # the loop goes on over what the name stood for at its start
    iteration = iterate(s, over, stmt.pos)
    if iteration.static is not None:
        run_unrolled(s, stmt, iteration.static)
        return
    if iteration.bounds is not None and isinstance(stmt.target, Name):
        index = s.base_name(s.variable(stmt.target.id))
        if _assigned(stmt.body, stmt.target.id):
            index = s.fresh(f"{index}_index")
    else:
        index = s.fresh("k" if not isinstance(stmt.target, Name) else f"{_singular_index(stmt.target.id)}")
    bounds = iteration.bounds
    if bounds is None:
        assert iteration.count is not None
        zero, one = (Const(k, kind=Scalar("int64", True, k)) for k in (0, 1))
        bounds = (zero, iteration.count, one)
    lo, hi, step = (_atom(s, bound) for bound in bounds)
    name = Name(index, kind=INT, pos=stmt.pos)

    def trip() -> None:
        value: Value = Leaf(name)
        if iteration.bounds is None:
            assert iteration.item is not None
            value = iteration.item(name)
        if isinstance(stmt.target, Name) and iteration.bounds is not None and stmt.target.id and index == s.names.get(
            s.variable(stmt.target.id)
        ):
            s._move_away(index, s.variable(stmt.target.id), stmt.pos)
            s.env[s.variable(stmt.target.id)] = value
        else:
            assign(s, stmt.target, value, stmt.pos)
        run_block(s, stmt.body)

    s.unrolled_loops.append(None)
    try:
        body = s.fixpoint(trip)
    finally:
        s.unrolled_loops.pop()
    s.emit(For(name, lo, hi, step, body, pos=stmt.pos))


def _singular_index(name: str) -> str:
    return "i" if name != "i" else "k"


def _atom(s: State, expr: Expr) -> Expr:
    """A bound that the body may not change: Python evaluates it once."""
    return expr


def _assigned(block: Sequence[Stmt], name: str) -> bool:
    """Whether the loop's body assigns the loop's variable."""
    from srcgrad.ir.walk import blocks

    for stmt in block:
        if isinstance(stmt, (Assign, Aug)) and _targets(stmt.target, name):
            return True
        if isinstance(stmt, ForEach) and (_targets(stmt.target, name) or _assigned(stmt.body, name)):
            return True
        if any(_assigned(inner, name) for inner in blocks(stmt)):
            return True
    return False


def _targets(target: Expr, name: str) -> bool:
    if isinstance(target, Name):
        return target.id == name
    if isinstance(target, Pack):
        return any(_targets(item, name) for item in target.items)
    return isinstance(target, Star) and _targets(target.value, name)


def run_unrolled(s: State, stmt: ForEach, items: list[Value]) -> None:
    """A loop over items that are known when compiling is written out."""
    for k, item in enumerate(items):
        s.unrolled = (*s.unrolled, ("trip", stmt.pos and stmt.pos.line, k))
        s.unrolled_loops.append([])
        out = len(s.out)
        try:
            assign(s, stmt.target, item, stmt.pos)
            run_block(s, stmt.body)
        finally:
            s.unrolled = s.unrolled[:-1]
            breaks = s.unrolled_loops.pop()
        if breaks:
            # a break that is reached whatever the values are ends the loop here
            if isinstance(s.out[-1], Break) and len(s.out) > out:
                s.out.pop()
                return
            raise UnsupportedError(
                "`break` out of a loop over a container of known length is not supported",
                "Loop over a range or over an array.",
                breaks[0],
            )


def place_root(expr: Expr) -> str | None:
    """The variable at the root of a place; None if it has no name."""
    return root(expr)


__all__ = ["assign", "run_block", "spread", "store_item", "set_part", "store_whole", "closure"]
_ = (AliasError, BOTTOM, Opaque, Op, Restart, Iteration, is_float, rank, take_item)
