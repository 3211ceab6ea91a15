"""Dead code: one backward liveness pass over a whole generated program, forward and reverse sweep together.

Needs: the typed dialect. Gives: the same values of `live_out`, without statements that nothing needs. What is live is
a set of facts: bindings of names, and contents of memories by alias class (see `optimize.memory`). A write is kept
while the content of its class is live, through whichever name it will be read; so a view keeps writes to its base.

    y = x * x               y = x * x                       (live_out: d_x)
    z_tape.append(z)        d_x = 2 * y
    z = 3 * y
    d_x = 2 * y
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from srcgrad.ir.kinds import Array, Scalar
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    Break,
    Comment,
    Continue,
    Effect,
    Expr,
    For,
    Hook,
    If,
    Invoke,
    Name,
    Pop,
    Push,
    Raise,
    Return,
    Stmt,
    Store,
    While,
    With,
)
from srcgrad.ir.walk import defined_by
from srcgrad.optimize.memory import Block, Fact, Memory, has_effect, levels_of
from srcgrad.transform.webs import own_expressions, reads_of

__all__ = ["Fact", "Memory", "has_effect", "levels_of", "read_first", "remove_dead"]


def remove_dead(body: Block, live_out: set[str], classes: Callable[[str], str]) -> Block:
    """Remove what neither the final values of `live_out` nor any effect depends on.

    live_out: the variables that are read after the program, besides what its Return reads: results, and parameters
    that the caller sees written. classes: see Memory.
    """
    while True:  # again, as long as less sharing is left
        memory = Memory(body, classes, live_out)
        live: set[Fact] = set()
        for name in live_out:
            live |= {("name", name), *memory.content(name)}
        kept = _Dead(memory, body).block(body, live)[0]
        if kept == body:
            return body
        body = kept


class _Dead:
    """Walks backwards; each method gives what is kept of a statement and what is live before it.

    tail: the statement is the last that is kept of a trip. markers: breaks and continues count; they do not where it
    is asked whether anything but them would be left of a loop. loops: what has been found of a loop, by what is live
    behind it: the walks of each loop around it ask for the same again, so nests would cost a power of their depth.
    """

    def __init__(self, memory: Memory, body: Block) -> None:
        self.memory = memory
        self.entry = read_first(body)
        self.loops: dict[tuple[int, frozenset[Fact]], tuple[list[Stmt], set[Fact]]] = {}

    def block(
        self, block: Block, live: set[Fact], tail: bool = False, markers: bool = True
    ) -> tuple[Block, set[Fact]]:
        kept: list[Stmt] = []
        for stmt in reversed(block):
            found, live = self.statement(stmt, live, tail, markers)
            kept += reversed(found)
            tail = tail and not _matters(tuple(found))
        return tuple(reversed(kept)), live

    def statement(self, stmt: Stmt, live: set[Fact], tail: bool, markers: bool) -> tuple[list[Stmt], set[Fact]]:
        match stmt:
            case If():
                return self.branch(stmt, live, tail, markers)
            case For() | While():
                return self.loop(stmt, live)
            case With(context=context, body=body):
                inner, before = self.block(body, live, tail, markers)
                if not _matters(inner):
                    return self.effects(stmt, live)
                return [replace(stmt, body=inner)], before | self.memory.reads(context)
            case Break() | Continue():
                return [stmt] if markers else [], live
        kept = self.simple(stmt, live)
        if kept is None:
            return [], live
        return [kept], self.before(kept, live)

    def simple(self, stmt: Stmt, live: set[Fact]) -> Stmt | None:
        """What is kept of a statement without blocks."""
        match stmt:
            case Assign(target=Name(id=name), value=value):
                if value == stmt.target:
                    return None
                return stmt if ("name", name) in live or not name.isidentifier() or has_effect(value) else None
            case Store() | Push():
                needed = not live.isdisjoint(self.memory.writes(stmt)) or any(map(has_effect, own_expressions(stmt)))
                return stmt if needed else None
            case Pop(out=out):
                if out is not None and ("name", out.id) in live:
                    return stmt
                if live.isdisjoint(self.memory.writes(stmt)):
                    return None
                return replace(stmt, out=None)
            case Invoke(outs=outs):
                wanted = any(("name", out.id) in live for out in outs)
                return stmt if wanted or not live.isdisjoint(self.memory.writes(stmt)) else None
        return stmt

    def before(self, stmt: Stmt, live: set[Fact]) -> set[Fact]:
        """What is live before a statement that is kept."""
        memory = self.memory
        match stmt:
            case Comment():
                return live
            case Assign(target=Name(id=name) as target, value=value):
                gone: set[Fact] = {("name", name)}
                if isinstance(target.kind, Scalar) and isinstance(value.kind, Array):
                    return (live - gone) | memory.reads(value)  # the array's content is what is bound
                if self.renews(name, value):
                    gone |= memory.content(name)
                return (live - gone) | memory.binding_reads(value)
            case Store(target=target, value=value):
                found = memory.place_reads(target) | memory.reads(value)
                return live | found | (memory.reads(target) if stmt.op else frozenset())
            case Push(target=target, value=value, index=index):
                found = memory.place_reads(target) | memory.reads(value)
                return live | found | (memory.reads(index) if index is not None else frozenset())
            case Pop(out=out, target=target, index=index):
                found = memory.place_reads(target)
                if out is not None:
                    live = live - {("name", out.id)}
                    found |= memory.reads(target)
                return live | found | (memory.reads(index) if index is not None else frozenset())
            case Hook(out=Name(id=name)):
                live = live - {("name", name)}
            case Invoke(outs=outs):
                live = live - {("name", out.id) for out in outs}
            case Effect() | Assert() | Raise() | Return():
                pass
        return live.union(*(memory.reads(expr) for expr in own_expressions(stmt)))

    def renews(self, name: str, value: Expr) -> bool:
        """Whether the memory that the class had so far can be reached no more."""
        if name in self.entry or not self.memory.alone(name) or not name.isidentifier():
            return False
        return next(self.memory.may_share(value), None) is None

    def branch(self, stmt: If, live: set[Fact], tail: bool, markers: bool) -> tuple[list[Stmt], set[Fact]]:
        body, after_test = self.block(stmt.body, live, tail, markers)
        orelse, otherwise = self.block(stmt.orelse, live, tail, markers)
        if not _matters(body) and not _matters(orelse) or tail and _only_continues(body) and _only_continues(orelse):
            return self.effects(stmt, live)
        body, orelse = (part if _matters(part) else () for part in (body, orelse))
        before = after_test | otherwise
        if not stmt.guard:  # the test of a guard is not printed
            before |= self.memory.reads(stmt.test)
        return [replace(stmt, body=body, orelse=orelse)], before

    def loop(self, stmt: For | While, live: set[Fact]) -> tuple[list[Stmt], set[Fact]]:
        key = (id(stmt), frozenset(live))
        if key not in self.loops:
            self.loops[key] = self._loop(stmt, live)
        return self.loops[key]

    def _loop(self, stmt: For | While, live: set[Fact]) -> tuple[list[Stmt], set[Fact]]:
        memory = self.memory
        index = ("name", stmt.index.id) if isinstance(stmt, For) else ("name", "")
        tested = memory.reads(stmt.test) if isinstance(stmt, While) else frozenset()
        if index not in live and not (isinstance(stmt, While) and has_effect(stmt.test)):
            if not _matters(self.block(stmt.body, live, tail=True, markers=False)[0]):
                return self.effects(stmt, live)
        head = live | tested
        while True:
            body, start = self.block(stmt.body, head, tail=True)
            joined = head | (start - {index})
            if joined == head:
                break
            head = joined
        if isinstance(stmt, For):
            head = head.union(*(memory.reads(bound) for bound in (stmt.lo, stmt.hi, stmt.step)))
        return [replace(stmt, body=body if _matters(body) else ())], head

    def effects(self, stmt: Stmt, live: set[Fact]) -> tuple[list[Stmt], set[Fact]]:
        """Of a statement whose blocks are gone: what its header does besides deciding about them."""
        kept: list[Stmt] = []
        if not isinstance(stmt, If) or not stmt.guard:
            kept = [Effect(expr, pos=stmt.pos) for expr in own_expressions(stmt) if has_effect(expr)]
        return kept, live.union(*(self.memory.reads(expr) for e in kept for expr in own_expressions(e)))


def _matters(block: Block) -> bool:
    return any(not isinstance(stmt, Comment) for stmt in block)


def _only_continues(block: Block) -> bool:
    return all(isinstance(stmt, (Comment, Continue)) for stmt in block)


def read_first(body: Block) -> set[str]:
    """The variables that may be read before the program binds them."""

    def block(stmts: Block, live: set[str]) -> set[str]:
        for stmt in reversed(stmts):
            match stmt:
                case If():
                    live = block(stmt.body, set(live)) | block(stmt.orelse, live)
                case With():
                    live = block(stmt.body, live)
                case For() | While():
                    while True:
                        before = block(stmt.body, set(live)) - {name.id for name in defined_by(stmt)}
                        before |= set(reads_of(stmt)) if isinstance(stmt, While) else set()
                        if before <= live:
                            break
                        live = live | before
                case _:
                    live = live - {name.id for name in defined_by(stmt)}
            live = live | set(reads_of(stmt))
        return live

    return block(body, set())
