"""Forward mode of statements: each statement's tangent stands beside it, and writes where it writes.

The tangent x_dot of a variable has the structure of the variable from its birth on: a view of an array has the same
view of the array's tangent, and what is written in place has its tangent written in place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from srcgrad.analysis.aliases import basic, changes_list, sources
from srcgrad.ir.kinds import Array, DictOf, ListOf, Scalar, rank
from srcgrad.ir.nodes import (
    Assign,
    Call,
    DictPack,
    Expr,
    For,
    Hook,
    Invoke,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Prim,
    Push,
    Stmt,
    Store,
    While,
)
from srcgrad.ir.walk import blocks, in_place, names_in, root, with_blocks
from srcgrad.rules.build import Sym, negated
from srcgrad.runtime import HELPERS
from srcgrad.transform.forward.expressions import Tangents
from srcgrad.transform.reverse.facts import ZERO, Facts, short
from srcgrad.transform.values import factor, hoisted_statements, holds_all, replace_hoisted, with_hoisted

InvokeTangent = Callable[["Forwarder", Invoke], list[Stmt]]


class Forwarder:
    """The tangent-linear program of a whole program: see `block`.

    dots: the tangents of the variables that are there at the start; invoke: what becomes of a call; algebra: what
    tangents are.
    """

    def __init__(
        self, facts: Facts, dots: dict[str, Expr], invoke: InvokeTangent, algebra: type[Tangents] = Tangents
    ) -> None:
        self.facts = facts
        self.algebra = algebra
        self.dots = dots
        self.invoke = invoke
        self.memo: dict[int, Name] = {}

    def dot(self, name: str) -> Expr:
        """The tangent variable of a variable."""
        if name not in self.dots:
            self.dots[name] = self.variable(name)
        return self.dots[name]

    def variable(self, name: str) -> Name:
        """A new tangent variable, which is printed as the variable itself is."""
        facts = self.facts
        made = facts.fresh(f"{short(name)}_{self.algebra.suffix}")
        if name not in facts.own:
            facts.own.discard(made)
        facts.kinds[made] = self.algebra.lifted(facts.kinds[name])
        return Name(made, kind=facts.kinds[made])

    def zero(self, name: str) -> Expr:
        """A zero tangent for a variable."""
        return self.tangents(Name(name), None).zero_of(name)

    def block(self, stmts: Sequence[Stmt]) -> list[Stmt]:
        """The statements with their tangents."""
        return [made for stmt in stmts for made in self.statement(stmt)]

    def statement(self, stmt: Stmt) -> list[Stmt]:
        """A statement with its tangent."""
        match stmt:
            case Assign(target=Name(id=name)) if name in self.facts.active:
                return self.assign(stmt, name)
            case Store() if root(stmt.target) in self.facts.active:
                return self.store(stmt)
            case Push() if root(stmt.target) in self.facts.active:
                return self.push(stmt)
            case Pop() if root(stmt.target) in self.facts.active:
                return self.pop(stmt)
            case Pop(out=Name(id=name)) if name in self.facts.active:  # of a list without tangents
                dot = self.dot(name)
                assert isinstance(dot, Name)
                return [stmt, Assign(dot, self.zero(name), pos=stmt.pos)]
            case Invoke():
                return self.invoke(self, stmt)
            case For() | While() if stmt.checkpoint is not None:
                return self.statement(dataclasses.replace(stmt, checkpoint=None))  # forward mode records nothing
            case Hook():
                return []  # a block on an adjoint is none of forward mode's
        return [with_blocks(stmt, self._inner)] if blocks(stmt) else [stmt]

    def _inner(self, block: Sequence[Stmt]) -> tuple[Stmt, ...]:
        return tuple(self.block(block))

    # ---- single statements ----

    def tangents(self, tree: Expr, target: Expr | None) -> Tangents:
        """The tangents of one statement."""
        return self.algebra(self.facts, self.memo, tree, target, dot=self.dot)

    def assign(self, stmt: Assign, name: str) -> list[Stmt]:
        """v_dot = ...; v = e. The tangent comes first, since it reads old values, unless it reads v's new one."""
        assert isinstance(stmt.target, Name)
        walk = self.tangents(stmt.value, stmt.target)
        found = walk.of(stmt.value)
        if found is not None and walk.reads_target and (name in names_in(stmt.value) or walk.reads_result_ahead()):
            walk = self.tangents(stmt.value, None)  # the old value and the new one cannot both be in v
            found = walk.of(stmt.value)
        dot = self.dot(name)
        ahead = [*hoisted_statements(walk, stmt.pos), *walk.stmts]
        primal = replace_hoisted(stmt, walk)
        if found is None:
            shown = isinstance(stmt.value, (Pack, DictPack)) or isinstance(stmt.value.kind, Scalar)
            zero = walk.zero(stmt.value) if shown else walk.zero_of(name)
            return [*hoisted_statements(walk, stmt.pos), primal, Assign(dot, zero, pos=stmt.pos)]
        found = self.own(walk.read_target_in(found), stmt.value, name)
        tangent = Assign(dot, found, pos=stmt.pos)
        return [*ahead, primal, tangent] if walk.reads_target else [*ahead, tangent, primal]

    def own(self, found: Expr, value: Expr, name: str) -> Expr:
        """A tangent that may be written in place later, copied where it shares memory though the value does not."""
        shared = {base for base, _ in sources(found)}
        if not shared or any(True for _ in sources(value)):
            return found
        aliases = self.facts.aliases
        primal = {dot.id: owner for owner, dot in self.dots.items() if isinstance(dot, Name)}
        if not aliases.is_written(name) and not any(aliases.is_written(primal.get(base, base)) for base in shared):
            return found
        if isinstance(found.kind, Array):
            return Sym(found).copy().expr if rank(found.kind) != 0 or not isinstance(value.kind, Scalar) else found
        if isinstance(found.kind, (ListOf, DictOf)):
            return Call(Prim(HELPERS["copy_of"], "copy_of"), (found,), kind=found.kind)
        return found

    def store(self, stmt: Store) -> list[Stmt]:
        """x_dot[i] op= ...; x[i] op= e."""
        target, op, owner = stmt.target, stmt.op, root(stmt.target) or ""
        walk = self.tangents(stmt.value, target if op == "" and self._read_back(stmt) else None)
        if walk.target is not None:
            found = walk.of(stmt.value)
            if found is None or self._reads(found, owner) or walk.reads_result_ahead():
                walk = self.tangents(stmt.value, None)
        place = walk.place(target)
        out: list[Stmt] = []
        if op in ("", "at", "+", "-"):
            found = walk.of(stmt.value)
            if found is not None:
                found = self.own(walk.read_target_in(found), stmt.value, owner)
                found = walk.fit(found, stmt.value.kind, target.kind)
                if op in ("+", "-") and changes_list(stmt):  # an item of which nothing more is known may be an array
                    found, op = (Sym(place) + found if op == "+" else Sym(place) - found).expr, ""
                out = [_settled(place, found, walk.adding.get(op, op), stmt)]
            elif op == "":
                whole = walk.zero(stmt.value) if _is_item(target) else ZERO
                out = [Store(place, whole, "", pos=stmt.pos)]
        else:
            tree = Op(op, (target, stmt.value), kind=target.kind, pos=stmt.pos)
            found = walk.of(tree)
            scaled = None if found is None else factor(found, place)
            if scaled is not None:
                out = [Store(place, scaled[1], scaled[0], pos=stmt.pos)]
            elif found != place:
                out = [Store(in_place(place), ZERO if found is None else found, "", pos=stmt.pos)]
        ahead = [*hoisted_statements(walk, stmt.pos), *walk.stmts]
        primal = dataclasses.replace(
            stmt, target=_indexed(target, walk), value=with_hoisted(stmt.value, walk)
        )
        return [*ahead, primal, *out] if walk.reads_target else [*ahead, *out, primal]

    def _read_back(self, stmt: Store) -> bool:
        """Whether the value that is written can be read from its place afterwards."""
        target = stmt.target
        if isinstance(target, Load) and (not basic(target.index) or self._reads(target.index, root(target) or "")):
            return False
        return holds_all(target, stmt.value)

    def _reads(self, found: Expr, owner: str) -> bool:
        """Whether a tangent reads values of the memory that the owner's store changes."""
        memory = self.facts.aliases.memory(owner)
        return any(self.facts.aliases.memory(name) == memory for name in names_in(found) if name in self.facts.kinds)

    def push(self, stmt: Push) -> list[Stmt]:
        """xs_dot.append(...); xs.append(e)."""
        walk = self.tangents(stmt.value, None)
        place = walk.place(stmt.target)
        found = self.own(walk.full(stmt.value), stmt.value, root(stmt.target) or "")
        index = None if stmt.index is None else walk.need(stmt.index)
        tangent = Push(place, found, index, pos=stmt.pos)
        return [*hoisted_statements(walk, stmt.pos), *walk.stmts, tangent, replace_hoisted(stmt, walk)]

    def pop(self, stmt: Pop) -> list[Stmt]:
        """x_dot = xs_dot.pop(); x = xs.pop()."""
        walk = self.tangents(stmt.target, None)
        place = walk.place(stmt.target)
        index = None if stmt.index is None else walk.need(stmt.index)
        out = None
        if stmt.out is not None and stmt.out.id in self.facts.active:
            dot = self.dot(stmt.out.id)
            assert isinstance(dot, Name)
            out = dot
        return [*hoisted_statements(walk, stmt.pos), Pop(out, place, index, pos=stmt.pos), stmt]


def _indexed(target: Expr, walk: Tangents) -> Expr:
    """The place that is written, with hoisted parts of its indices replaced by their variables."""
    if not isinstance(target, Load):
        return target
    return dataclasses.replace(target, base=_indexed(target.base, walk), index=with_hoisted(target.index, walk))


def _settled(place: Expr, found: Expr, op: str, stmt: Store) -> Store:
    """`x += -e` as `x -= e`, and the other way round."""
    positive = negated(found) if op in ("+", "-") else None
    if positive is not None:
        return Store(place, positive, "-" if op == "+" else "+", pos=stmt.pos)
    return Store(place, found, op, pos=stmt.pos)


def _is_item(target: Expr) -> bool:
    """Whether the target is an item of a list or dict, not a part of an array."""
    return isinstance(target, Load) and isinstance(target.base.kind, (ListOf, DictOf))

