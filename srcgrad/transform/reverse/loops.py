"""The adjoints of loops.

Needed: what reverses a block (see `control`). Given: what is at the head of a reversed trip is at its end, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from srcgrad.ir.kinds import INT, Array, ListOf
from srcgrad.ir.nodes import (
    Assign,
    Break,
    Call,
    Const,
    Expr,
    For,
    If,
    Invoke,
    Name,
    Op,
    Pop,
    Prim,
    Push,
    Stmt,
    Store,
    While,
    With,
)
from srcgrad.ir.walk import names_in, root, set_by, statements
from srcgrad.rules.build import Sym
from srcgrad.runtime import Snapshots
from srcgrad.transform.reverse.again import OBJECT, ONE, Again, again_of, trip_item
from srcgrad.transform.reverse.chunks import Block, Chunk, Loop, flatten_forward
from srcgrad.transform.reverse.facts import ZERO, Facts
from srcgrad.transform.reverse.statements import Env, StatementAdjoints


class LoopAdjoints(StatementAdjoints):
    """How loops are reversed. assigned: the variables that have been set ahead of a statement."""

    def __init__(self, facts: Facts, primal: Callable[[Stmt], Stmt]) -> None:
        """primal: a statement with calls of functions as the primal makes them."""
        super().__init__(facts)
        self.assigned: set[str] = set(facts.entry)
        self.primal = primal

    def block(self, stmts: Sequence[Stmt], env: Env) -> Block:
        """The chunks of a block. env: the adjoints that are there behind the block; afterwards, those ahead of it."""
        raise NotImplementedError

    def _loop_body(self, stmt: For | While, chunk: Loop, env: Env) -> None:
        """Reverse the body until what is there at the head of a reversed trip is there at its end too."""
        facts = self.facts
        before = set(self.assigned)
        inside = before | assigned_in([stmt])
        head = dict(env)

        def reversed_from(head: Env) -> Env:
            at_end = dict(head)
            self.assigned = set(inside)
            if isinstance(stmt, For):
                self.loops.append(stmt)
            chunk.body = self.block(stmt.body, at_end)
            if isinstance(stmt, For):
                self.loops.pop()
            if chunk.trips is not None:
                count = Name(chunk.trips, kind=INT)
                chunk.body.chunks.insert(0, Chunk(stmt=Assign(count, Op("+", (count, ONE), kind=INT))))
            return at_end

        for _ in range(100):
            at_end = reversed_from(head)
            again = False
            for name in sorted(set(at_end) - set(head)):
                chunk.ahead.append(Assign(facts.adjoint(name), facts.zero_at_join(name)))
                head[name] = "owned"
                again = True
            for name in sorted(head):
                if name in at_end and at_end[name] == "shared" and head[name] == "owned":
                    head[name] = "shared"
                    again = True
            if not again:
                break
        at_end = self._owned_ahead(chunk, head, at_end, reversed_from)
        for name in sorted(set(head) - set(at_end)):
            chunk.body.end.append(Assign(facts.adjoint(name), facts.zero_at_join(name)))
        self.assigned = set(before)
        env.clear()
        env.update(head)

    def _owned_ahead(self, chunk: Loop, head: Env, at_end: Env, reversed_from: Callable[[Env], Env]) -> Env:
        """Copy ahead of the loop what each of its trips would copy to write into it: d = d.copy() once, not n times."""
        for name in sorted(head):
            d = self.facts.adjoint(name) if head[name] == "shared" and at_end.get(name) == "owned" else None
            if d is None or not isinstance(d.kind, Array) or d.kind.dims is None or d.kind.optional:
                continue
            body, tried = chunk.body, {**head, name: "owned"}
            found = reversed_from(tried)
            if found != {**at_end, name: "owned"} or chunk.body == body:
                chunk.body = body
                continue
            if not any(isinstance(s, Assign) and s.target == d for s in chunk.ahead):  # zeros are new
                chunk.ahead.append(Assign(d, Sym(d).copy().expr))
            head[name], at_end = "owned", found
        return at_end

    def counted(self, stmt: For, env: Env) -> list[Chunk]:
        """A For over a range is replayed backwards; one that a break can leave counts its trips."""
        facts = self.facts
        written = assigned_in([stmt])
        stored = any(isinstance(s, (Store, Push, Pop)) for s in statements(stmt.body))
        bounds = [stmt.lo, stmt.hi, stmt.step]
        chunk = Loop(source=stmt)
        ahead: list[Chunk] = []
        for k, (bound, hint) in enumerate(zip(bounds, ("start", "stop", "step"), strict=True)):
            names = set(names_in(bound))
            risky = names & written or (stored and any(isinstance(facts.kinds.get(n), ListOf) for n in names))
            deep = not self.walker(bound, None, stmt.pos).cheap(bound)
            if risky or deep:
                name = self.named(stmt, hint, hint)
                facts.kinds[name] = INT
                ahead.append(Chunk(stmt=Assign(Name(name, kind=INT), bound, pos=stmt.pos)))
                bounds[k] = Name(name, kind=INT)
        lo, hi, step = bounds
        chunk.stmt = For(stmt.index, lo, hi, step, (), pos=stmt.pos)
        if stmt.checkpoint is not None and self._is_active(stmt):
            return [*ahead, *self._checkpointed(stmt, chunk, env, (lo, hi, step)), chunk]
        if _has_break(stmt.body):
            self._count(stmt, chunk, ahead)
            self._loop_body(stmt, chunk, env)
            assert chunk.trips is not None
            count = Name(chunk.trips, kind=INT)
            if lo == ZERO and step == ONE:
                chunk.index, chunk.bounds = stmt.index, (ZERO, count, ONE)
            else:
                trip = Name(self.named(stmt, "trip", "trip"), kind=INT)
                facts.kinds[trip.id] = INT
                chunk.index, chunk.bounds = trip, (ZERO, count, ONE)
                chunk.body.head = [Assign(stmt.index, trip_item(lo, step, trip), pos=stmt.pos)]
        else:
            self._loop_body(stmt, chunk, env)
            chunk.index, chunk.bounds = stmt.index, (lo, hi, step)
        return [*ahead, chunk]

    def _count(self, stmt: For | While, chunk: Loop, ahead: list[Chunk]) -> None:
        name = self.named(stmt, "trips", "trips")
        self.facts.kinds[name] = INT
        chunk.trips = name
        ahead.append(Chunk(stmt=Assign(Name(name, kind=INT), ZERO, pos=stmt.pos)))

    def uncounted(self, stmt: While, env: Env) -> list[Chunk]:
        """A While counts its trips."""
        facts = self.facts
        chunk = Loop(source=stmt)
        ahead: list[Chunk] = []
        if stmt.checkpoint is not None and self._is_active(stmt):
            chunk.stmt = While(stmt.test, (), pos=stmt.pos)
            return [*self._checkpointed(stmt, chunk, env, None), chunk]
        self._count(stmt, chunk, ahead)
        assert chunk.trips is not None
        chunk.stmt = While(stmt.test, (), pos=stmt.pos)
        self._loop_body(stmt, chunk, env)
        index = Name(self.named(stmt, "trip", "trip"), kind=INT)
        facts.kinds[index.id] = INT
        chunk.index, chunk.bounds = index, (ZERO, Name(chunk.trips, kind=INT), ONE)
        return [*ahead, chunk]

    # ---- what is run again ----

    def _is_active(self, stmt: Stmt) -> bool:
        """Whether a derivative flows through what a statement sets or writes."""
        touched = {name for inner in statements([stmt]) for name in set_by(inner)}
        for inner in statements([stmt]):
            targets = [inner.target] if isinstance(inner, (Store, Push, Pop)) else []
            targets += list(inner.args) if isinstance(inner, Invoke) else []
            touched |= {name for target in targets if (name := root(target)) is not None}
        return bool(touched & self.facts.active)

    def _again(self, stmt: For | While | With, body: Block) -> Again:
        """What runs a body again. Where adjoints are bound beside the values, that is part of it."""
        names = {name for inner in statements(stmt.body) for name in set_by(inner)}
        moving = names & self.facts.moving & self.facts.active
        primal = flatten_forward(body, False) if moving else [self.primal(inner) for inner in stmt.body]
        return again_of(stmt, primal, self.facts, lambda role, hint: self.named(stmt, role, hint))

    def _checkpointed(
        self, stmt: For | While, chunk: Loop, env: Env, bounds: tuple[Expr, Expr, Expr] | None
    ) -> list[Chunk]:
        """A checkpointed loop: nothing of a trip is recorded. Returns what stands ahead of it."""
        facts = self.facts
        self._loop_body(stmt, chunk, env)
        again = chunk.again = self._again(stmt, chunk.body)
        again.snapshots = Name(self.named(stmt, "snapshots", "snapshots"), kind=OBJECT)
        facts.kinds[again.snapshots.id] = OBJECT
        counted = again.counted = bounds is not None and not _has_break(stmt.body)
        args = [stmt.checkpoint] if stmt.checkpoint is not None and stmt.checkpoint != Const(None) else []
        kwargs: list[tuple[str, Expr]] = []
        trips: Expr = Call(Prim(getattr, "trips", "attribute"), (again.snapshots,), kind=INT)
        index = Name("", kind=INT)
        if bounds is not None and isinstance(stmt, For):
            lo, hi, step = bounds
            again.index, again.lo, again.step = stmt.index, lo, step
            index = stmt.index
            if counted:
                trips = hi if lo == ZERO and step == ONE else trips
                length = hi if lo == ZERO and step == ONE else Call(
                    Prim(len, "len"), (Call(Prim(range, "range"), bounds, kind=ListOf(INT)),), kind=INT
                )
                kwargs = [("length", length)] if not args else []
                args += [length] if args else []
        if bounds is None or bounds[0] != ZERO or bounds[2] != ONE:
            index = Name(self.named(stmt, "trip", "trip"), kind=INT)
            facts.kinds[index.id] = INT
            if again.lo is not None and again.step is not None and isinstance(stmt, For):
                chunk.body.head = [Assign(stmt.index, trip_item(again.lo, again.step, index), pos=stmt.pos)]
        again.counter = Name(facts.temporary("k" if index.id == "j" else "j", (id(stmt), "counter")), kind=INT)
        facts.kinds[again.counter.id] = INT
        chunk.index, chunk.bounds = index, (ZERO, trips, ONE)
        made = Call(Prim(Snapshots, "Snapshots"), tuple(args), tuple(kwargs), kind=OBJECT, pos=stmt.pos)
        return [Chunk(stmt=Assign(again.snapshots, made, pos=stmt.pos))]


def _has_break(body: Sequence[Stmt]) -> bool:
    for stmt in body:
        if isinstance(stmt, Break):
            return True
        if isinstance(stmt, If) and (_has_break(stmt.body) or _has_break(stmt.orelse)):
            return True
        if isinstance(stmt, With) and _has_break(stmt.body):
            return True
    return False


def assigned_in(stmts: Sequence[Stmt]) -> set[str]:
    """The variables that the statements set."""
    return {name for stmt in statements(list(stmts)) for name in set_by(stmt)}
