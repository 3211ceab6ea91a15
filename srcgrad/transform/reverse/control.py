"""The adjoints of blocks, branches and loops.

Needed: where each adjoint is stored (see `facts`). Given: chunks, whose answers in reverse order give the adjoints;
`env` is the same on every path to a place: what only one branch or no trip leaves is made zero there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from srcgrad.analysis.aliases import changes_list, sources
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import BOOL, Array, DictOf, ListOf, Scalar, is_float
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    BoolOp,
    Break,
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
    Push,
    Raise,
    Stmt,
    Store,
    While,
    With,
)
from srcgrad.ir.walk import names_in, root, statements, subexpressions
from srcgrad.transform.reverse.chunks import Block, Branch, Chunk, Context, Loop
from srcgrad.transform.reverse.expressions import Walk
from srcgrad.transform.reverse.facts import Facts
from srcgrad.transform.reverse.hooks import hook
from srcgrad.transform.reverse.lists import pop, push
from srcgrad.transform.reverse.loops import LoopAdjoints, assigned_in
from srcgrad.transform.reverse.moving import assign_moving, pop_moving, push_moving, refuse_number, store_moving
from srcgrad.transform.reverse.statements import Env
from srcgrad.transform.reverse.stores import store
from srcgrad.transform.reverse.views import adjoint_view, view_check

SIMPLE = (Assert, Raise, Effect, Break, Continue)


class Reverser(LoopAdjoints):
    """The reverse of a whole program: see `block`."""

    def __init__(
        self, facts: Facts, invoke: Callable[[Reverser, Invoke, Env], list[Chunk]], primal: Callable[[Stmt], Stmt]
    ) -> None:
        """invoke: the chunks of a call of a function; primal: a statement with such calls as the primal makes them."""
        super().__init__(facts, primal)
        self.assigned: set[str] = set(facts.entry)
        self.invoke = invoke

    def block(self, stmts: Sequence[Stmt], env: Env) -> Block:
        """The chunks of a block. env: the adjoints that are there behind the block; afterwards, those ahead of it."""
        result = Block()
        self._bind_views(stmts, env, result.start)
        assigned_before = set(self.assigned)
        prefix: list[set[str]] = []
        for stmt in stmts:
            prefix.append(set(self.assigned))
            self.assigned |= assigned_in([stmt])
        chunks: list[list[Chunk]] = []
        for k in reversed(range(len(stmts))):
            self.assigned = prefix[k]
            chunks.append(self.statement(stmts[k], env))
        self.assigned = assigned_before | assigned_in(stmts)
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
                if moving and changes_list(stmt):
                    if isinstance(value.kind, (Array, ListOf, DictOf)):
                        return store_moving(self, stmt, env)
                    refuse_number(self, stmt)
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
                return self.invoke(self, stmt, env)
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
        written = assigned_in(stmt.body) | assigned_in(stmt.orelse)
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


def _empty(block: Block) -> bool:
    """Whether a reversed block does nothing."""
    return not block.start and not block.end and not any(
        chunk.reverse or chunk.restore or isinstance(chunk, (Branch, Loop, Context)) for chunk in block.chunks
    )

