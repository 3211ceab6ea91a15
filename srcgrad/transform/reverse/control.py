"""The adjoints of blocks, branches and loops.

Needed: where each adjoint is stored (see `facts`). Given: chunks, whose answers in reverse order give the adjoints;
`env` is the same on every path to a place: what only one branch or no trip leaves is made zero there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from srcgrad.analysis.aliases import changes_list, sources
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import BOOL, INT, Array, ListOf, Scalar, is_float
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    BoolOp,
    Break,
    Call,
    Const,
    Continue,
    Effect,
    Expr,
    For,
    Hook,
    If,
    Invoke,
    Name,
    Op,
    Pop,
    Prim,
    Push,
    Raise,
    Stmt,
    Store,
    While,
    With,
)
from srcgrad.ir.walk import names_in, root, set_by, statements, subexpressions
from srcgrad.rules.build import Sym
from srcgrad.runtime import Snapshots
from srcgrad.transform.reverse.again import OBJECT, ONE, Again, again_of, trip_item
from srcgrad.transform.reverse.chunks import Block, Branch, Chunk, Context, Loop, flatten_forward
from srcgrad.transform.reverse.expressions import Walk
from srcgrad.transform.reverse.facts import ZERO, Facts
from srcgrad.transform.reverse.hooks import hook
from srcgrad.transform.reverse.lists import pop, push
from srcgrad.transform.reverse.moving import assign_moving, pop_moving, push_moving, store_moving
from srcgrad.transform.reverse.statements import Env, StatementAdjoints
from srcgrad.transform.reverse.stores import store
from srcgrad.transform.reverse.views import adjoint_view, view_check

SIMPLE = (Assert, Raise, Effect, Break, Continue)


class Reverser(StatementAdjoints):
    """The reverse of a whole program: see `block`."""

    def __init__(
        self, facts: Facts, invoke: Callable[[Reverser, Invoke, Env], Chunk], primal: Callable[[Stmt], Stmt]
    ) -> None:
        """invoke: the chunk of a call of a function; primal: a statement with such calls as the primal makes them."""
        super().__init__(facts)
        self.assigned: set[str] = set(facts.entry)
        self.invoke = invoke
        self.primal = primal

    def block(self, stmts: Sequence[Stmt], env: Env) -> Block:
        """The chunks of a block. env: the adjoints that are there behind the block; afterwards, those ahead of it."""
        result = Block()
        self._bind_views(stmts, env, result.start)
        assigned_before = set(self.assigned)
        prefix: list[set[str]] = []
        for stmt in stmts:
            prefix.append(set(self.assigned))
            self.assigned |= _assigned([stmt])
        chunks: list[list[Chunk]] = []
        for k in reversed(range(len(stmts))):
            self.assigned = prefix[k]
            chunks.append(self.statement(stmts[k], env))
        self.assigned = assigned_before | _assigned(stmts)
        result.chunks = [chunk for group in reversed(chunks) for chunk in group]
        return result

    def _bind_views(self, stmts: Sequence[Stmt], env: Env, out: list[Stmt]) -> None:
        """A view of an array has the same view of the array's adjoint, bound before the block needs it."""
        facts = self.facts
        for stmt in stmts:
            if isinstance(stmt, Assign) and isinstance(stmt.target, Name) and stmt.target.id in facts.views:
                if stmt.target.id not in facts.active:
                    continue
                for base, _ in sources(stmt.value):
                    self.ensure(base, env, out, stmt.pos)
                d = facts.adjoint(stmt.target.id)
                out.append(Assign(d, adjoint_view(stmt.value, facts), pos=stmt.pos))
                if stmt.target.id in facts.aliases.unsure:
                    out.append(view_check(d, adjoint_view(stmt.value, facts)))

    def statement(self, stmt: Stmt, env: Env) -> list[Chunk]:
        """The chunks of one statement."""
        match stmt:
            case Assign(target=Name(id=name)):
                if name in self.facts.moving and name in self.facts.active:
                    return assign_moving(self, stmt, env)
                return [self.assign(stmt, env)]
            case Store(target=target, value=value):
                moving = root(target) in self.facts.moving and root(target) in self.facts.active
                if moving and isinstance(value.kind, Array) and changes_list(stmt):
                    return store_moving(self, stmt, env)
                return [store(self, stmt, env)]
            case Push(target=target):
                moving = root(target) in self.facts.moving and root(target) in self.facts.active
                return push_moving(self, stmt, env) if moving else [push(self, stmt, env)]
            case Pop(target=target):
                moving = root(target) in self.facts.moving and root(target) in self.facts.active
                return pop_moving(self, stmt, env) if moving else [pop(self, stmt, env)]
            case If():
                return [self.branch(stmt, env)]
            case For():
                return self.counted(stmt, env)
            case While():
                return self.uncounted(stmt, env)
            case With():
                chunk = Context(source=stmt)
                active = stmt.checkpoint and self._is_active(stmt)
                chunk.body = self.block(stmt.body, env)
                if active and not _empty(chunk.body):
                    chunk.again = self._again(stmt, chunk.body)
                return [chunk]
            case Hook():
                return [hook(self, stmt, env)]
            case Invoke():
                return [self.invoke(self, stmt, env)]
        if isinstance(stmt, SIMPLE):
            return [Chunk(stmt=stmt)]
        raise UnsupportedError(f"{type(stmt).__name__} cannot be reversed", pos=stmt.pos)

    # ---- branches ----

    def branch(self, stmt: If, env: Env) -> Branch:
        """Both branches reversed, guarded by the predicate; an adjoint that only one leaves starts at zero."""
        facts = self.facts
        chunk = Branch(source=stmt)
        self._predicate(stmt, chunk)
        before = set(self.assigned)
        while True:
            env_then, env_else = dict(env), dict(env)
            self.assigned = set(before)
            chunk.body = self.block(stmt.body, env_then)
            self.assigned = set(before)
            chunk.orelse = self.block(stmt.orelse, env_else)
            self.assigned = set(before)
            missing = (set(env_then) ^ set(env_else)) & before
            early = [
                name for name in sorted(missing)
                if name not in env and _empty(chunk.orelse if name in env_then else chunk.body)
            ]  # fmt: skip
            if not early:
                break
            for name in early:
                chunk.ahead.append(Assign(facts.adjoint(name), facts.zero_at_join(name)))
                env[name] = "owned"
        merged: Env = {}
        for name in sorted(set(env_then) | set(env_else)):
            if name in env_then and name in env_else:
                both = {env_then[name], env_else[name]}
                merged[name] = "owned" if both == {"owned"} else "shared"
            elif name in before:
                side = chunk.orelse if name in env_then else chunk.body
                side.end.append(Assign(facts.adjoint(name), facts.zero_at_join(name)))
                merged[name] = (env_then if name in env_then else env_else)[name]
        env.clear()
        env.update(merged)
        return chunk

    def _predicate(self, stmt: If, chunk: Branch) -> None:
        """The predicate is repeated where it is short and what it reads is not written in the branches, else held."""
        facts = self.facts
        written = _assigned(stmt.body) | _assigned(stmt.orelse)
        stored = {
            facts.aliases.memory(owner)
            for inner in (stmt.body, stmt.orelse)
            for s in statements(inner)
            if isinstance(s, (Store, Push, Pop)) and (owner := root(s.target)) is not None
        }
        walk = self.walker(stmt.test, None, stmt.pos)
        names = set(names_in(stmt.test))
        clean = not (names & written) and not any(
            facts.aliases.memory(n) in stored for n in names if isinstance(facts.kinds.get(n), (Array, ListOf))
        )
        flag = self._flag_of(stmt)
        if flag is not None:
            chunk.test, chunk.stmt = flag, stmt
            return
        fetched = facts.inputs is not None and facts.inputs.on_device and reads_floats(stmt.test)
        if stmt.guard or (clean and not fetched and cheap_test(walk, stmt.test)):
            chunk.test = stmt.test
            chunk.stmt = stmt
            return
        name = self.named(stmt, "taken", _taken_hint(stmt.test))
        facts.kinds[name] = BOOL
        taken = Name(name, kind=BOOL)
        chunk.before.append(Assign(taken, stmt.test, pos=stmt.pos))
        chunk.test = taken
        chunk.stmt = If(taken, (), (), stmt.guard, pos=stmt.pos)

    def _flag_of(self, stmt: If) -> Expr | None:
        """The flag that tells whether the branch was taken, if the branch ends in the only jump that sets it."""
        if not stmt.body or not isinstance(stmt.body[-1], (Break, Continue)):
            return None
        raised = [
            (s.target, s.value)
            for s in stmt.body
            if isinstance(s, Assign) and isinstance(s.target, Name) and s.target.id in self.facts.flags
        ]
        if len(raised) != 1:
            return None
        flag, value = raised[0]
        return flag if self.facts.raised.get(flag.id) == 1 and value == Const(True) else None

    # ---- loops ----

    def _loop_body(self, stmt: For | While, chunk: Loop, env: Env) -> None:
        """Reverse the body until what is there at the head of a reversed trip is there at its end too."""
        facts = self.facts
        before = set(self.assigned)
        inside = before | _assigned([stmt])
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
        written = _assigned([stmt])
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


def reads_floats(test: Expr) -> bool:
    """Whether a predicate reads floats: on a device each look at them waits for it."""
    return any(is_float(expr.kind) for expr in subexpressions(test) if not isinstance(expr, Const))


def cheap_test(walk: Walk, test: Expr) -> bool:
    """Whether a predicate is as well repeated as remembered."""
    if isinstance(test, BoolOp):
        return all(cheap_test(walk, item) for item in test.items)
    if isinstance(test, Op) and test.op in ("not", "<", "<=", ">", ">=", "==", "!=", "is", "is not"):
        return all(cheap_test(walk, arg) for arg in test.args)
    if isinstance(test, Const) or (isinstance(test, Name) and not isinstance(test.kind, Array)):
        return True
    return walk.cheap(test, 1) and isinstance(test.kind, Scalar)


def _taken_hint(test: Expr) -> str:
    if isinstance(test, Op) and len(test.args) == 2 and isinstance(test.args[1], Const) and test.args[1].value == 0:
        return {">": "positive", "<": "negative"}.get(test.op, "taken")
    return "taken"


def _has_break(body: Sequence[Stmt]) -> bool:
    for stmt in body:
        if isinstance(stmt, Break):
            return True
        if isinstance(stmt, If) and (_has_break(stmt.body) or _has_break(stmt.orelse)):
            return True
        if isinstance(stmt, With) and _has_break(stmt.body):
            return True
    return False


def _assigned(stmts: Sequence[Stmt]) -> set[str]:
    """The variables that the statements set."""
    return {name for stmt in statements(list(stmts)) for name in set_by(stmt)}


def _empty(block: Block) -> bool:
    """Whether a reversed block does nothing."""
    return not block.start and not block.end and not any(
        chunk.reverse or chunk.restore or isinstance(chunk, (Branch, Loop, Context)) for chunk in block.chunks
    )

