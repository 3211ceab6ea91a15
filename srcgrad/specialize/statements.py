"""Statements: assignment, branches and loops."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.errors import KindError, SrcgradError, UnsupportedError
from srcgrad.ir.kinds import BOOL, INT, Array, DictOf, Opaque, Scalar
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    Attr,
    Aug,
    Break,
    Call,
    Const,
    Continue,
    Def,
    Definition,
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
    Prim,
    Raise,
    Slice,
    Star,
    Stmt,
    While,
    With,
)
from srcgrad.ir.walk import blocks, statements
from srcgrad.specialize.choices import evaluate_test, test_expr
from srcgrad.specialize.containers import collect
from srcgrad.specialize.expressions import evaluate, evaluate_all
from srcgrad.specialize.indexing import load
from srcgrad.specialize.iteration import call_builtin, integer, iterate, static_count, static_items
from srcgrad.specialize.rows import row_count
from srcgrad.specialize.state import State, mentions, true_of
from srcgrad.specialize.stores import augment, set_attribute, store_item
from srcgrad.specialize.values import (
    Closure,
    Iteration,
    Leaf,
    ListedArray,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
)


FEW = 16  # trips of a loop that may be written out where its body cannot do without


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
            if s.unrolled_loops and s.unrolled_loops[-1] is not None:
                leave_unrolled(s, stmt.pos)
            else:
                s.emit(Break(pos=stmt.pos))
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
            value = evaluate_test(s, test)
            if true_of(value) is not True:
                text = as_expr(evaluate(s, message), stmt.pos) if message is not None else None
                s.emit(Assert(test_expr(s, value, stmt.pos), text, pos=stmt.pos))
        case Raise(value=raised):
            s.emit(Raise(as_expr(evaluate(s, raised), stmt.pos) if raised is not None else None, pos=stmt.pos))
        case _:
            raise UnsupportedError(f"{type(stmt).__name__} is not supported here", pos=stmt.pos)


def closure(s: State, function: Definition) -> Closure:
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
    items = _items_for(s, targets, value, pos)
    stores = any(not isinstance(t, Name) for t in targets)
    sheltered: list[Value] = []
    for k, item in enumerate(items):
        target = targets[k]
        own = s.base_name(s.variable(target.id)) if isinstance(target, Name) else None
        earlier = {name for t in targets[:k] for name in _variables_of(s, t)} - {own}
        sheltered.append(_sheltered(s, item, earlier, stores, own) if k else item)
    for target, item in zip(targets, sheltered):
        assign(s, target, item, pos)


def _variables_of(s: State, target: Expr) -> set[str]:
    """The variables that assigning a target assigns."""
    if isinstance(target, Name):
        base = s.base_name(s.variable(target.id))
        return {base, *s.parts_of(base)}
    if isinstance(target, Pack):
        return {name for item in target.items for name in _variables_of(s, item)}
    return _variables_of(s, target.value) if isinstance(target, Star) else set()


def _sheltered(s: State, item: Value, earlier: set[str], stores: bool, own: str | None) -> Value:
    """An item as it is now, before the targets to its left are assigned."""
    if isinstance(item, Leaf) and not isinstance(item.expr, Const):
        if mentions(item.expr, earlier) or (stores and not isinstance(item.expr, Name)):
            return s.temporary(item.expr, f"new_{own}" if own else "item")
    elif isinstance(item, Struct):
        for key, part in item.items.items():
            item.items[key] = _sheltered(s, part, earlier, False, own and f"{own}_{key}")
    return item


def _items_for(s: State, targets: tuple[Expr, ...], value: Value, pos: Pos | None) -> list[Value]:
    """One item for each target; that of a starred target is a list."""
    starred = [k for k, t in enumerate(targets) if isinstance(t, Star)]
    items = known_items(s, value, pos)
    if items is None:
        return _items_of_unknown(s, len(targets), starred[0] if starred else None, value, pos)
    if starred:
        at, extra = starred[0], len(items) - (len(targets) - 1)
        if extra >= 0:
            middle = Struct("list", dict(enumerate(items[at : at + extra])), depth=s.depth, site=s.site(pos))
            made = s.dynamic_list(middle, pos) if middle.site in s.knowledge.dynamic else middle
            items = [*items[:at], made, *items[at + extra :]]
    if len(items) != len(targets):
        raise KindError(f"{len(items)} values cannot be unpacked into {len(targets)} targets", pos=pos)
    return items


def _items_of_unknown(s: State, n: int, starred: int | None, value: Value, pos: Pos | None) -> list[Value]:
    """The items of an array or list whose length is not known when compiling: Python checks that it fits."""
    if isinstance(value, Iteration) or not isinstance(value, (Leaf, Rows)) or isinstance(value.kind, DictOf):
        value = collect(s, iterate(s, value, pos), lambda item: item, pos)
    elif isinstance(value.kind, Opaque):
        value = iterate(s, value, pos).made or value
    if isinstance(value, Leaf) and not isinstance(value.expr, Name):
        value = s.temporary(value.expr, "items")
    if starred is None:
        return [load(s, value, Leaf(integer(k)), pos) for k in range(n)]
    after = n - starred - 1
    middle = Slice(integer(starred), integer(-after) if after else None, None, kind=Opaque(slice), pos=pos)
    rest: Value
    if isinstance(value, Leaf) and isinstance(value.kind, Array) and s.site(pos) not in s.knowledge.dynamic:
        expr = as_expr(load(s, value, Leaf(middle), pos))
        if isinstance(expr.kind, Array) and (expr.kind.dims is None or len(expr.kind.dims) == 1):
            prim = Prim(np.copy, "copy", "method")  # the list holds numbers, not views
            expr = Call(prim, (expr,), kind=infer_call(prim, (expr,), ()), pos=pos)
        assert isinstance(expr.kind, Array)
        kind = ListedArray(expr.kind.dtype, expr.kind.dims, False, s.site(pos))
        rest = Leaf(dataclasses.replace(expr, kind=kind))
    else:
        size = call_builtin(len, "len", as_expr(value)) if isinstance(value, Leaf) else row_count(value)
        hi = Op("-", (size, integer(after)), kind=INT) if after else size
        inner = Iteration(count=size, item=lambda k: Leaf(k), bounds=(integer(starred), hi, integer(1)))
        rest = collect(s, inner, lambda k: load(s, value, k, pos), pos, "rest")
    ends = [load(s, value, Leaf(integer(k - after)), pos) for k in range(after)]
    return [*(load(s, value, Leaf(integer(k)), pos) for k in range(starred)), rest, *ends]


def known_items(s: State, value: Value, pos: Pos | None) -> list[Value] | None:
    """The items of a value, where it is known when compiling how many there are."""
    if isinstance(value, (Struct, Static, Iteration)) and not isinstance(value, Rows):
        return static_items(iterate(s, value, pos))
    if isinstance(value, Leaf) and isinstance(value.expr, Call):  # x.shape
        return iterate(s, value, pos).static if value.expr.prim.fn is np.shape else None
    return None


def spread(s: State, value: Value, pos: Pos | None) -> list[Value]:
    """The items of a value that is unpacked; its length must be known when compiling."""
    items = known_items(s, value, pos)
    if items is None:
        raise KindError("how many items there are is not known when compiling", "Index them one by one.", pos=pos)
    return items


def run_if(s: State, stmt: If) -> None:
    value = evaluate_test(s, stmt.test)
    known = true_of(value)
    if known is not None:
        run_block(s, stmt.body if known else stmt.orelse)
        return
    test = test_expr(s, value, stmt.pos)
    # in a loop that is written out, jumps are no jumps: only the guard keeps what follows them from running
    guard = stmt.guard and not (s.unrolled_loops and s.unrolled_loops[-1] is not None)
    s.branch(test, lambda: run_block(s, stmt.body), lambda: run_block(s, stmt.orelse), stmt.pos, guard)


def run_while(s: State, stmt: While) -> None:
    """A test that needs statements of its own moves into the body, before a break."""
    held: list[tuple[Expr, bool]] = []

    def trip() -> None:
        value = evaluate_test(s, stmt.test)
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
    s.loops.append((s.depth + 1, None))
    try:
        body = s.fixpoint(trip)
    finally:
        s.unrolled_loops.pop()
        s.loops.pop()
    test, inside = held[-1]
    if isinstance(test, Const) and test.value is False:
        return
    if inside:
        test = Const(True, kind=Scalar("bool", True, True), pos=stmt.pos)
    s.emit(While(test, body, pos=stmt.pos))


def run_for(s: State, stmt: ForEach) -> None:
    outer = s.loop_writes
    s.loop_writes = {s.base_name(s.variable(name)) for name in _assigned_names(stmt.body)}
    try:
        iteration = iterate(s, evaluate(s, stmt.iter), stmt.pos)
        if iteration.static is not None:
            iteration.static = [_before_loop(s, item) for item in iteration.static]
    finally:
        s.loop_writes = outer
    site = s.site(stmt.pos)
    if iteration.static is None and site in s.knowledge.unrolled:
        iteration.static = static_items(iteration)
    if iteration.static is not None:
        run_unrolled(s, stmt, iteration.static)
        return
    count = static_count(iteration)
    narrow = count is not None and count <= FEW
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
    s.loops.append((s.depth + 1, site if narrow else None))
    try:
        body = s.fixpoint(trip)
    finally:
        s.unrolled_loops.pop()
        s.loops.pop()
    s.emit(For(name, lo, hi, step, body, pos=stmt.pos))


def _before_loop(s: State, value: Value) -> Value:
    """An item of a loop that is written out has the value that it had before the loop."""
    if isinstance(value, Leaf) and not isinstance(value.expr, Const):
        if not isinstance(value.expr, Name) or value.expr.id in s.loop_writes:
            return s.temporary(value.expr, "item")
    if isinstance(value, Struct) and value.type == "tuple":
        return Struct("tuple", {k: _before_loop(s, v) for k, v in value.items.items()}, value.cls)
    return value


def _assigned_names(block: Sequence[Stmt]) -> set[str]:
    """The names that a loop's body assigns."""
    found: set[str] = set()
    for stmt in block:
        if isinstance(stmt, (Assign, Aug, ForEach)):
            found |= _target_names(stmt.target)
        for inner in (stmt.body,) if isinstance(stmt, ForEach) else blocks(stmt):
            found |= _assigned_names(inner)
    return found


def _target_names(target: Expr) -> set[str]:
    if isinstance(target, Name):
        return {target.id}
    if isinstance(target, Pack):
        return {name for item in target.items for name in _target_names(item)}
    return _target_names(target.value) if isinstance(target, Star) else set()


def _singular_index(name: str) -> str:
    return "i" if name != "i" else "k"


def _atom(s: State, expr: Expr) -> Expr:
    """A bound that the body may not change: Python evaluates it once."""
    return expr


def _assigned(block: Sequence[Stmt], name: str) -> bool:
    """Whether the loop's body assigns the loop's variable."""
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
    flag: list[Name] = []  # whether the loop was left by a break that depends on run-time values

    def trips(first: int) -> None:
        for k in range(first, len(items)):
            s.unrolled = (*s.unrolled, ("trip", stmt.pos and (stmt.pos.line, stmt.pos.col), k))
            s.unrolled_loops.append([])
            s.break_flags.append((flag, s.depth))
            start = len(s.out)
            try:
                assign(s, stmt.target, items[k], stmt.pos)
                run_block(s, stmt.body)
            finally:
                s.unrolled = s.unrolled[:-1]
                breaks = s.unrolled_loops.pop()
                s.break_flags.pop()
            if breaks and len(s.out) > start and isinstance(s.out[-1], Break):
                s.out.pop()  # reached whatever the values are
                return
            if breaks and k + 1 < len(items):
                going = Op("not", (Name(flag[0].id, kind=BOOL),), kind=BOOL, pos=stmt.pos)
                s.branch(going, lambda: trips(k + 1), lambda: None, stmt.pos)  # noqa: B023
                return

    if _breaks(stmt.body):
        flag.append(Name(s.fresh("left"), kind=BOOL, pos=stmt.pos))
        place = len(s.out)
        trips(0)
        if any(_sets(inner, flag[0].id) for inner in statements(s.out[place:])):
            s.out.insert(place, Assign(flag[0], Const(False, kind=BOOL), pos=stmt.pos))
    else:
        trips(0)


def _sets(stmt: Stmt, name: str) -> bool:
    return isinstance(stmt, Assign) and isinstance(stmt.target, Name) and stmt.target.id == name


def _breaks(block: Sequence[Stmt]) -> bool:
    """Whether a break of this loop stands in the block."""
    return any(
        isinstance(stmt, Break) or (isinstance(stmt, (If, With)) and any(map(_breaks, blocks(stmt)))) for stmt in block
    )


def leave_unrolled(s: State, pos: Pos | None) -> None:
    """A break out of a loop that is written out: the flag is set, and the trips that follow are skipped."""
    breaks = s.unrolled_loops[-1]
    assert breaks is not None
    breaks.append(pos)
    flag, depth = s.break_flags[-1]
    if s.depth == depth:
        s.emit(Break(pos=pos))
    else:
        s.emit(Assign(flag[0], Const(True, kind=BOOL), pos=pos))
