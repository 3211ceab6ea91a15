"""Copies: temporaries that are used once are written where they are used, and copies by name disappear.

Needs: the typed dialect. Gives: the same program with fewer names. A value moves down to its only use if nothing in
between changes what it is computed from, and if it is still computed exactly once where it was; a copy `a = b` is
replaced by b if at each use of a the copy is the last thing that happened to a and b.

    d_t = 0.5 * d_y         d_x += 0.5 * d_y / y
    d_x += d_t / y          s = np.sum(x)
    z = x
    s = np.sum(z)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from srcgrad.codegen import Options, body_text
from srcgrad.ir.kinds import Scalar
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    BoolOp,
    Cond,
    Expr,
    For,
    Hook,
    If,
    Invoke,
    Load,
    Name,
    Pop,
    Push,
    Stmt,
    Store,
    While,
)
from srcgrad.ir.walk import (
    blocks,
    children,
    defined_by,
    names_in,
    rebuild,
    root,
    statements,
    substitute,
    with_blocks,
)
from srcgrad.optimize.memory import Fact, Memory, has_effect
from srcgrad.transform.webs import map_own, own_expressions, reads_of

Block = tuple[Stmt, ...]
WIDTH = 100


def changes(stmt: Stmt, memory: Memory, written: set[str] | None = None) -> set[Fact]:
    """The facts that a statement, with all that is in it, may change.

    written: the classes that are written in place at all; None: callees may write into any of their arguments.
    """
    found: set[Fact] = set()
    for inner in statements((stmt,)):
        found |= {("name", name.id) for name in defined_by(inner)}
        if isinstance(inner, Assign) and not isinstance(inner.target, Name):
            found |= {("name", name) for name in names_in(inner.target)}
        for expr in own_expressions(inner):
            if has_effect(expr):
                found |= {fact for name in names_in(expr) for fact in memory.content(name)}
        facts = memory.writes(inner)
        if isinstance(inner, Invoke) and written is not None:
            facts = frozenset(fact for fact in facts if fact[1] in written)
        found |= facts
    return found


def written_classes(memory: Memory, written: Collection[str] | None) -> set[str] | None:
    """The classes that are written, as `memory` names them."""
    return None if written is None else {memory.of(name) for name in written}


def longest_line(stmt: Stmt, depth: int) -> int:
    """Columns that a statement, without the blocks in it, takes where no line is folded."""
    header = replace(with_blocks(stmt, lambda _: ()), note="")
    if isinstance(header, If):
        header = replace(header, guard=False)
    text = body_text((header,), Options(width=100_000))
    return max((len(line) for line in text.splitlines()), default=0) + 4 * depth


# ---- single uses ---------------------------------------------------------------------------------------------


def inline_single_uses(
    body: Block,
    inlinable: Callable[[str], bool],
    classes: Callable[[str], str],
    written: Collection[str] | None = None,
    width: int = WIDTH,
    depth: int = 1,
) -> Block:
    """Write the value of a variable that is bound once and read once where it is read.

    inlinable: the variables that may disappear: compiler temporaries that nothing reads after the program but its
    Return. written: the classes that are written in place, None for all. width: no line grows to this length or over.
    depth: of the body's statements, in steps of indentation.
    """
    memory = Memory(body, classes)
    return _Inliner(body, inlinable, memory, written_classes(memory, written), width).block(body, depth)


class _Inliner:
    def __init__(
        self, body: Block, inlinable: Callable[[str], bool], memory: Memory, written: set[str] | None, width: int
    ) -> None:
        self.memory = memory
        self.width = width
        self.written = written
        self.reads = Counter(name for stmt in statements(body) for name in reads_of(stmt))
        self.bindings = Counter(name.id for stmt in statements(body) for name in defined_by(stmt))
        self.inlinable = inlinable
        self.lines: dict[int, tuple[Stmt, int]] = {}  # by id: the statement, and its longest line

    def block(self, block: Block, depth: int) -> Block:
        out = [with_blocks(stmt, lambda inner: self.block(inner, depth + 1)) for stmt in block]
        for k in reversed(range(len(out))):
            match out[k]:
                case Assign(target=Name(id=name), value=value) if self.candidate(name, value):
                    self.inline(out, k, name, value, depth)
        return tuple(out)

    def candidate(self, name: str, value: Expr) -> bool:
        once = self.reads[name] == 1 and self.bindings[name] == 1
        return once and name.isidentifier() and self.inlinable(name) and not has_effect(value)

    def inline(self, out: list[Stmt], k: int, name: str, value: Expr, depth: int) -> None:
        """Move the value of the k-th statement to its use, if that is further down in the block and may be."""
        needed = self.memory.reads(value)
        for j in range(k + 1, len(out)):
            stmt = out[j]
            if name in reads_of(stmt):
                writes = any(has_effect(expr) for expr in own_expressions(stmt))
                if name in evaluated_once(stmt) and not writes and self.longest(stmt, depth) - len(name) < self.width:
                    new = map_own(stmt, lambda expr: substitute(expr, {name: value}))
                    if longest_line(new, depth) < self.width:
                        out[j] = replace(new, note=stmt.note or out[k].note)
                        del out[k]
                return
            if not needed.isdisjoint(changes(stmt, self.memory, self.written)):
                return

    def longest(self, stmt: Stmt, depth: int) -> int:
        """Its longest line. A long return is asked for each of its parts, and printed once."""
        if id(stmt) not in self.lines:
            self.lines[id(stmt)] = stmt, longest_line(stmt, depth)
        return self.lines[id(stmt)][1]


def evaluated_once(stmt: Stmt) -> Iterator[str]:
    """The variables that a statement reads exactly once each time it runs, where any expression may stand instead."""
    match stmt:
        case While():
            return
        case If(guard=True):
            return
        case Assert(test=test):
            yield from _always(test)
            return
        case Store(target=target, value=value):
            yield from _always(value)
            yield from _of_place(target)
            return
        case Push(target=target) | Pop(target=target):
            yield from _of_place(target)
            rest = [expr for expr in own_expressions(stmt) if expr is not target]
        case Hook(value=value):
            yield from _always(value)
            return
        case _:
            rest = list(own_expressions(stmt))
    for expr in rest:
        yield from _always(expr)


def _of_place(target: Expr) -> Iterator[str]:
    """Of the target of a write, what is in its indices: at its root, only a variable may stand."""
    while isinstance(target, Load):
        yield from _always(target.index)
        target = target.base


def _always(expr: Expr) -> Iterator[str]:
    match expr:
        case Name(id=name):
            yield name
        case Cond(test=test):
            yield from _always(test)
        case BoolOp(items=(first, *_)):
            yield from _always(first)
        case _:
            for child in children(expr):
                yield from _always(child)


# ---- copies --------------------------------------------------------------------------------------------------


def propagate_copies(
    body: Block,
    classes: Callable[[str], str],
    written: Collection[str],
    live_out: Collection[str] = (),
    removable: Callable[[str], bool] = lambda name: True,
) -> Block:
    """Replace a by b wherever a is read, and remove `a = b`, if a is always a copy of b where it is read.

    Only numbers, and arrays whose class is not in `written`, are replaced; not what is in live_out, nor what is not
    removable.
    """
    while True:
        memory = Memory(body, classes)
        found = _Copies(memory, {memory.of(name) for name in written}, set(live_out), removable)
        table = found.table(body)
        if not table:
            return body
        body = _replace_copies(body, table)


Available = frozenset[tuple[str, str]]


class _Copies:
    """Forward must-analysis: the copies (a, b) that hold at each place, on all paths."""

    def __init__(
        self, memory: Memory, written: set[str], live_out: set[str], removable: Callable[[str], bool]
    ) -> None:
        self.memory = memory
        self.written = written
        self.live_out = live_out
        self.removable = removable
        self.copies: dict[str, Name] = {}  # what each variable is a copy of
        self.refused: set[str] = set()

    def table(self, body: Block) -> dict[str, Expr]:
        """What to write for each variable that can be replaced; none of the values is itself replaced."""
        for stmt in statements(body):
            pair = self.copy_of(stmt)
            if pair is not None and isinstance(stmt, Assign) and isinstance(stmt.value, Name):
                before = self.copies.setdefault(pair[0], stmt.value)
                if before.id != stmt.value.id:
                    self.refused.add(pair[0])
        for stmt in statements(body):
            for name in defined_by(stmt):
                if name.id in self.copies and self.copy_of(stmt) is None:
                    self.refused.add(name.id)
        self.block(body, frozenset())
        table: dict[str, Expr] = {}
        for copy, value in self.copies.items():
            if copy not in self.refused and copy not in self.live_out and self.removable(copy):
                if value.id not in table and not any(v == Name(copy) for v in table.values()):
                    table[copy] = value
        return table

    def copy_of(self, stmt: Stmt) -> tuple[str, str] | None:
        match stmt:
            case Assign(target=Name(id=a), value=Name(id=b) as value) if a != b and a.isidentifier():
                if isinstance(value.kind, Scalar) and not self.memory.levels(a):
                    return a, b
                if self.memory.of(a) not in self.written and "list" not in self.memory.levels(a):
                    return a, b
        return None

    def block(self, block: Block, state: Available) -> Available:
        for stmt in block:
            state = self.statement(stmt, state)
        return state

    def statement(self, stmt: Stmt, state: Available) -> Available:
        if isinstance(stmt, (For, While)):
            return self.loop(stmt, state)
        self.read(stmt, state)
        if isinstance(stmt, If):
            return self.block(stmt.body, state) & self.block(stmt.orelse, state)
        for inner in blocks(stmt):
            state = self.block(inner, state)
        gone = {name.id for name in defined_by(stmt)}
        state = frozenset(pair for pair in state if not gone & {*pair})
        pair = self.copy_of(stmt)
        return state if pair is None else state | {pair}

    def loop(self, stmt: For | While, state: Available) -> Available:
        """What holds at the head is what holds before the loop less what its body binds: no need to iterate."""
        if isinstance(stmt, For):
            self.read(stmt, state)
        gone = {name.id for inner in statements((stmt,)) for name in defined_by(inner)}
        kept = frozenset(pair for pair in state if not gone & {*pair})
        if isinstance(stmt, While):
            self.read(stmt, kept)
        self.block(stmt.body, kept)
        return kept

    def read(self, stmt: Stmt, state: Available) -> None:
        for name in reads_of(stmt):
            if name in self.copies and (name, self.copies[name].id) not in state:
                self.refused.add(name)
        if isinstance(stmt, (Store, Push, Pop)):
            target = root(stmt.target)
            if target in self.copies:
                self.refused.add(target)


def _replace_copies(body: Block, table: dict[str, Expr]) -> Block:
    def read(expr: Expr) -> Expr:
        return table.get(expr.id, expr) if isinstance(expr, Name) else rebuild(expr, read)

    out: list[Stmt] = []
    for stmt in body:
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name) and stmt.target.id in table:
            continue
        out.append(with_blocks(map_own(stmt, read), lambda inner: _replace_copies(inner, table)))
    return tuple(out)
