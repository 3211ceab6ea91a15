"""Dead code: one backward liveness pass over a whole generated program, forward and reverse sweep together.

Needs: the typed dialect. Gives: the same values of `live_out`, without statements that nothing needs. What is live is
a set of facts: bindings of names, and contents of memories by alias class. A write is kept while the content of its
class is live, through whichever name it will be read; so a view keeps writes to its base.

    y = x * x               y = x * x                       (live_out: d_x)
    z_tape.append(z)        d_x = 2 * y
    z = 3 * y
    d_x = 2 * y

Also here: `Memory`, the facts about sharing that the other passes need too.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.aliases import basic
from srcgrad.analysis.signatures import dtype_of
from srcgrad.ir.kinds import Array, Bottom, DictOf, Kind, ListOf, Opaque, Scalar, rank
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    BoolOp,
    Break,
    Call,
    Comment,
    Cond,
    Continue,
    DictPack,
    Effect,
    Expr,
    For,
    If,
    Invoke,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Push,
    Raise,
    Return,
    Star,
    Stmt,
    Store,
    While,
    With,
)
from srcgrad.ir.walk import children, names_in, root, statements, subexpressions
from srcgrad.rules.registry import effect, lookup
from srcgrad.transform.webs import all_names, defined_by, own_expressions, reads_of

Block = tuple[Stmt, ...]
Fact = tuple[str, str]
"""("name", variable), or ("array" or "list", alias class): what the memories of a class hold."""

SHAPE_ONLY: dict[Any, int] = {
    np.shape: 0, np.ndim: 0, np.size: 0, len: 0, dtype_of: 0,
    np.zeros_like: 0, np.ones_like: 0, np.empty_like: 0, np.full_like: 0, runtime.zeros_like: 0,
    runtime.unbroadcast: 1, runtime.reshape_like: 1, runtime.untile: 1, runtime.add_at: 0, runtime.undiagonal: 1,
}  # fmt: skip
"""Functions that read no more than shape and dtype of an array at this position."""

_NO_MEMORY = (
    str, bytes, int, float, complex, bool, range, slice, type, np.dtype, np.generic, types.NoneType,
    types.EllipsisType, types.FunctionType, types.BuiltinFunctionType, types.ModuleType,
)  # fmt: skip
_BOTH = frozenset({"array", "list"})
_NEITHER: frozenset[str] = frozenset()


def levels_of(kind: Kind) -> frozenset[str]:
    """Which memories a value gives access to: "array" (elements of arrays), "list" (items of containers)."""
    if isinstance(kind, Scalar):
        return _NEITHER
    if isinstance(kind, Array):
        return frozenset({"array"})
    if isinstance(kind, (ListOf, DictOf)):
        return levels_of(kind.item) | {"list"}
    if isinstance(kind, Opaque) and issubclass(kind.type, _NO_MEMORY):
        return _NEITHER
    return _BOTH


def has_effect(expr: Expr) -> bool:
    """Whether evaluating the expression does anything besides giving a value, such as drawing a random number."""
    for part in subexpressions(expr):
        if isinstance(part, Call):
            found = effect(part.prim.fn, [key for key, _ in part.kwargs])
            if found != "pure" and not (found == "unknown" and lookup(part.prim.fn) is not None):
                return True
    return False


class Memory:
    """What the variables of a program may share, and which facts its expressions and statements read and write.

    classes: gives the alias class of a variable. It must join what a callee hands back with the arguments that this
    may share memory with; other sharing is found here too, should it be missing there.
    """

    def __init__(self, body: Block, classes: Callable[[str], str], more: Iterable[str] = ()) -> None:
        self.classes = classes
        self.names = {*more, *all_names(body)}
        self._parent: dict[str, str] = {}
        self._levels: dict[str, frozenset[str]] = {}
        self._reads: dict[int, tuple[Expr, frozenset[Fact]]] = {}
        for stmt in statements(body):
            self._collect_levels(stmt)
        for stmt in statements(body):
            self._collect_sharing(stmt)
        self._size: dict[str, int] = {}
        for name in self.names:
            if self.levels(name):
                self._size[self.of(name)] = self._size.get(self.of(name), 0) + 1

    # ---- sharing ----

    def of(self, name: str) -> str:
        """The class of a variable."""
        found = self.classes(name)
        while self._parent.get(found, found) != found:
            found = self._parent[found]
        return found

    def alone(self, name: str) -> bool:
        """Whether no other variable of the program is in the class."""
        return self._size.get(self.of(name), 0) <= 1

    def levels(self, name: str) -> frozenset[str]:
        """The memories that a variable gives access to; none where it is a number."""
        return self._levels.get(name, _BOTH)

    def _collect_levels(self, stmt: Stmt) -> None:
        for expr in (*own_expressions(stmt), *defined_by(stmt)):
            for part in subexpressions(expr):
                if isinstance(part, Name) and not isinstance(part.kind, Bottom):
                    self._levels[part.id] = self._levels.get(part.id, _NEITHER) | levels_of(part.kind)
        if isinstance(stmt, (Store, Push, Pop)):
            name = root(stmt.target)
            if name is not None:
                self._levels[name] = self._levels.get(name, _NEITHER) | self.written_levels(stmt)

    def _collect_sharing(self, stmt: Stmt) -> None:
        owner: str | None = None
        value: Expr | None = None
        match stmt:
            case Assign(target=Name(id=name), value=found):
                owner, value = name, found
            case Store(target=target, value=found) if "list" in self.written_levels(stmt):
                owner, value = root(target), found
            case Push(target=target, value=found):
                owner, value = root(target), found
            case Pop(out=Name(id=name), target=found):
                owner, value = name, found
        if owner is None or value is None or not self.levels(owner):
            return
        for name in self.may_share(value):
            a, b = self.of(owner), self.of(name)
            if a != b:
                self._parent[max(a, b)] = min(a, b)

    def may_share(self, expr: Expr) -> Iterator[str]:
        """The variables with memory that the value of the expression may share, or hold."""
        match expr:
            case Name(id=name):
                if self.levels(name):
                    yield name
            case Load(base=base):
                if levels_of(expr.kind):
                    yield from self.may_share(base)
            case Op(op=op):
                joins = isinstance(expr.kind, (ListOf, DictOf, Opaque)) or isinstance(expr.kind, Bottom)
                if op in ("+", "*") and joins and levels_of(expr.kind):
                    for arg in expr.args:
                        yield from self.may_share(arg)
            case Call():
                rule = lookup(expr.prim.fn)
                fresh = rule is not None and rule.view == "never" and isinstance(expr.kind, Array)
                if not fresh and levels_of(expr.kind) and expr.prim.fn not in SHAPE_ONLY:
                    for arg in children(expr):
                        yield from self.may_share(arg)
            case Pack() | DictPack() | Star():
                for item in children(expr):
                    yield from self.may_share(item)
            case Cond(body=body, orelse=orelse):
                yield from self.may_share(body)
                yield from self.may_share(orelse)
            case BoolOp(items=items):
                for item in items:
                    yield from self.may_share(item)

    def is_view(self, expr: Expr) -> bool:
        """Whether the value is certain to be a variable's own array or a view of it: making it reads no element."""
        match expr:
            case Name(id=name):
                return bool(self.levels(name))
            case Load(base=base, index=index):
                known = isinstance(expr.kind, Array) and isinstance(base.kind, Array) and bool(rank(expr.kind))
                return known and basic(index) and self.is_view(base)
            case Call(args=(base, *_)):
                rule = lookup(expr.prim.fn)
                known = isinstance(expr.kind, Array) and isinstance(base.kind, Array) and bool(rank(base.kind))
                return known and rule is not None and rule.view == "always" and self.is_view(base)
        return False

    # ---- what is read ----

    def content(self, name: str) -> frozenset[Fact]:
        """The facts about what a variable's memories hold."""
        rep = self.of(name)
        return frozenset((level, rep) for level in self.levels(name))

    def reads(self, expr: Expr) -> frozenset[Fact]:
        """The facts that the value of an expression, with all its elements, depends on."""
        known = self._reads.get(id(expr))
        if known is None:
            known = self._reads[id(expr)] = (expr, frozenset(self._find_reads(expr)))
        return known[1]

    def _find_reads(self, expr: Expr) -> Iterator[Fact]:
        if isinstance(expr, Name):
            yield ("name", expr.id)
            yield from self.content(expr.id)
            return
        only = _shape_only(expr)
        for k, child in enumerate(children(expr)):
            yield from self.shape_reads(child) if k == only else self.reads(child)

    def shape_reads(self, expr: Expr) -> frozenset[Fact]:
        """The facts that shape and dtype of an expression depend on."""
        match expr:
            case Name(id=name):
                return frozenset({("name", name)}) | {fact for fact in self.content(name) if fact[0] == "list"}
            case Load(base=base, index=index) if isinstance(base.kind, Array):
                return self.shape_reads(base) | self.reads(index)
            case Call(args=(base, *_)) if isinstance(base.kind, Array):
                rule = lookup(expr.prim.fn)
                if rule is not None and rule.view == "always":
                    return self.shape_reads(base).union(*(self.reads(e) for e in children(expr)[1:]))
        return self.reads(expr)

    def binding_reads(self, expr: Expr) -> frozenset[Fact]:
        """The facts that binding a name to the value depends on: of views, not the elements."""
        if isinstance(expr, (Load, Call)) and self.is_view(expr):
            return self.shape_reads(expr)
        if isinstance(expr, Name):
            return frozenset({("name", expr.id)})
        return self.reads(expr)

    def place_reads(self, target: Expr) -> frozenset[Fact]:
        """The facts that finding the place of a write depends on, not what is there."""
        if isinstance(target, Name):
            return frozenset({("name", target.id)})
        if isinstance(target, Load):
            found = self.place_reads(target.base) | self.reads(target.index)
            name = root(target.base)
            if isinstance(target.base, Load) and name is not None and not isinstance(target.base.base.kind, Array):
                found |= self.content(name)
            return found
        return self.reads(target)

    # ---- what is written ----

    def written_levels(self, stmt: Store | Push | Pop) -> frozenset[str]:
        """The memories that a write may change."""
        if not isinstance(stmt, Store):
            return frozenset({"list"})
        target = stmt.target
        whole = target.base if isinstance(target, Load) else target
        if isinstance(whole.kind, Array):
            return frozenset({"array"})
        if not isinstance(whole.kind, (ListOf, DictOf)):
            return _BOTH
        if isinstance(target, Load) and stmt.op and not isinstance(target.kind, Scalar):
            return _BOTH  # `xs[i] *= e` changes the array that is the item
        return frozenset({"list"})

    def writes(self, stmt: Stmt) -> frozenset[Fact]:
        """The facts about contents that a statement itself may change; of an Invoke, those of all its arguments."""
        match stmt:
            case Store(target=target) | Push(target=target) | Pop(target=target):
                levels = self.written_levels(stmt)
                return frozenset((level, self.of(name)) for name in _roots(target) for level in levels)
            case Invoke(args=args):
                return frozenset(fact for arg in args for name in self.may_share(arg) for fact in self.content(name))
        return frozenset()


def _roots(target: Expr) -> list[str]:
    name = root(target)
    return [name] if name is not None else list(names_in(target))


def _shape_only(expr: Expr) -> int:
    try:
        return SHAPE_ONLY.get(expr.prim.fn, -1) if isinstance(expr, Call) else -1
    except TypeError:
        return -1


# ---- the pass ------------------------------------------------------------------------------------------------


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
    is asked whether anything but them would be left of a loop.
    """

    def __init__(self, memory: Memory, body: Block) -> None:
        self.memory = memory
        self.entry = _read_first(body)

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
            case Assign(target=Name(id=name), value=value):
                gone: set[Fact] = {("name", name)}
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


def _read_first(body: Block) -> set[str]:
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
