"""Loops: those that stay loops, and those over known items, which are written out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import BOOL, INT, Scalar
from srcgrad.ir.nodes import (
    Assign,
    Aug,
    Break,
    Const,
    Expr,
    For,
    ForEach,
    If,
    Name,
    Op,
    Pack,
    Pop,
    Pos,
    Push,
    Slice,
    Star,
    Stmt,
    While,
    With,
)
from srcgrad.ir.walk import blocks, names_in, root, set_by, statements
from srcgrad.specialize.checkpoints import marked_loop, refuse_written_out
from srcgrad.specialize.choices import evaluate_test, test_expr
from srcgrad.specialize.expressions import evaluate
from srcgrad.specialize.iteration import iterate, static_count, static_items
from srcgrad.specialize.knowledge import Restart
from srcgrad.specialize.pins import FEW
from srcgrad.specialize.state import State, true_of
from srcgrad.specialize.statements import assign, run_block
from srcgrad.specialize.values import (
    Leaf,
    Struct,
    Value,
)


def run_while(s: State, stmt: While) -> None:
    """A test that needs statements of its own moves into the body, before a break."""
    held: list[tuple[Expr, bool]] = []
    condition, slots = marked_loop(s, stmt.test)

    def trip() -> None:
        value = evaluate_test(s, condition)
        if true_of(value) is False:
            held.append((Const(False, kind=Scalar("bool", True, False)), False))
            return
        test = test_expr(s, value, stmt.pos)
        if s.out:
            held.append((test, True))
            s.branch(test, lambda: run_block(s, stmt.body), lambda: s.emit(Break(pos=stmt.pos)), stmt.pos)
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
    s.emit(While(test, body, slots, pos=stmt.pos))


def run_for(s: State, stmt: ForEach) -> None:
    outer, site = s.loop_writes, s.site(stmt.pos)
    s.loop_writes = {s.base_name(s.variable(name)) for name in _assigned_names(stmt.body)}
    if site in s.knowledge.held:
        s.loop_writes = Everything()
    items, slots = marked_loop(s, stmt.iter)
    try:
        iteration = iterate(s, evaluate(s, items), stmt.pos if slots is None else items.pos)
        if iteration.static is not None:
            iteration.static = [_before_loop(s, item) for item in iteration.static]
    finally:
        s.loop_writes = outer
    if iteration.static is None and (site in s.knowledge.unrolled or stmt.pos in s.knowledge.unrolled):
        iteration.static = static_items(iteration)
    if iteration.static is not None:
        if slots is not None:
            raise refuse_written_out(stmt.iter.pos)
        length = None if iteration.owner is None else len(iteration.owner.items)
        place, outside, s.set_parts = len(s.out), s.set_parts, set()
        given = _names_read(iteration.static)
        run_unrolled(s, stmt, iteration.static)
        live = set() if isinstance(items, Pack) else s.set_parts  # a list's items are those of the moment
        _hold_what_changes(s, stmt, given, s.out[place:], live)
        s.set_parts |= outside
        if iteration.owner is not None and len(iteration.owner.items) != length:
            raise UnsupportedError(
                "a list grows or shrinks while a loop runs over it", "Loop over a copy of it.", stmt.pos
            )
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
    lo, hi, step = bounds
    name = Name(index, kind=INT, pos=stmt.pos)
    s.set_by[index] = [lo, hi, step]

    read: set[str] = set()
    before = set(s.temporaries)

    def trip() -> None:
        value: Value = Leaf(name)
        if iteration.bounds is None:
            assert iteration.item is not None
            value = iteration.item(name)
        read.clear()
        read.update(_names_read([value]))
        if (
            isinstance(stmt.target, Name)
            and iteration.bounds is not None
            and stmt.target.id
            and index == s.names.get(s.variable(stmt.target.id))
        ):
            s._move_away(index, s.variable(stmt.target.id), stmt.pos)
            s.env[s.variable(stmt.target.id)] = value
        else:
            assign(s, stmt.target, value, stmt.pos)
        run_block(s, stmt.body)

    s.unrolled_loops.append(None)
    s.loops.append((s.depth + 1, site if narrow else None))
    s.counters.add(index)
    try:
        body = s.fixpoint(trip)
    finally:
        s.unrolled_loops.pop()
        s.loops.pop()
        s.counters.discard(index)
    _hold_what_changes(s, stmt, read, body, (s.temporaries - before) | {index})
    if iteration.source is not None:
        for inner in statements(body):
            if isinstance(inner, (Push, Pop)) and root(inner.target) == iteration.source:
                raise UnsupportedError(
                    "a list grows or shrinks while a loop runs over it",
                    "Loop over a copy of it.",
                    inner.pos or stmt.pos,
                )
    s.emit(For(name, lo, hi, step, body, checkpoint=slots, pos=stmt.pos))


class Everything(set[str]):
    """The set of all names."""

    def __contains__(self, name: object) -> bool:
        return True


def _names_read(items: Sequence[Value]) -> set[str]:
    """The variables that items of a loop are read from."""
    return {name for item in items for leaf in _plain_leaves(item) for name in names_in(leaf.expr)}


def _hold_what_changes(s: State, stmt: ForEach, read: set[str], body: Sequence[Stmt], allowed: set[str]) -> None:
    """What a loop runs over is looked up once, before it: where the body sets it anew, it is held in a variable.

    The body's statements show that, be it by a name, a part of an object, or in a function that is called.
    """
    changed = {name for inner in statements(list(body)) for name in set_by(inner)}
    if not (read & changed) - allowed:
        return
    site = s.site(stmt.pos)
    if site in s.knowledge.held:
        raise UnsupportedError(
            "what the loop runs over is set anew in its body", "Loop over a copy under another name.", stmt.pos
        )
    s.knowledge.held.add(site)
    raise Restart


def _plain_leaves(value: Value) -> Iterator[Leaf]:
    """The leaves of an item that is no object of its own."""
    if isinstance(value, Leaf):
        yield value
    elif isinstance(value, Struct) and value.type == "tuple":
        for item in value.items.values():
            yield from _plain_leaves(item)


def _before_loop(s: State, value: Value) -> Value:
    """An item of a loop that is written out has the value that it had before the loop."""
    if isinstance(value, Leaf) and not isinstance(value.expr, (Const, Slice)):
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
