"""The adjoints of statements: what a contribution does to an adjoint, and the reverse of an assignment.

`env` says which adjoints are there: "owned" (a buffer that may be added to in place), "shared" (a value that
something else may hold too); a missing adjoint is zero. Writes are in `stores`, lists in `lists`, variables whose
adjoint is bound beside them in `moving`.
"""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from srcgrad.analysis.aliases import read_only, sources
from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf, Scalar
from srcgrad.ir.nodes import Assign, Call, Effect, Expr, For, Load, Name, Node, Pos, Prim, Push, Stmt, Store
from srcgrad.ir.walk import names_in, root, substitute
from srcgrad.rules.build import Sym, negated, xp
from srcgrad.runtime import HELPERS
from srcgrad.transform.reverse.chunks import Chunk
from srcgrad.transform.reverse.expressions import Term, Walk, add
from srcgrad.transform.reverse.facts import Facts
from srcgrad.transform.reverse.views import view_check
from srcgrad.transform.values import hoisted_statements, replace_hoisted
from srcgrad.transform.webs import rebuilt

Env = dict[str, str]
Made = TypeVar("Made", bound=Node)


class StatementAdjoints:
    """The adjoints of variables, and what statements that hold no others do to them.

    memo: the variables of hoisted values, by identity of the node; loops: the counted loops around the statement.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.memo: dict[int, Name] = {}
        self.loops: list[For] = []
        self.made: dict[int, tuple[Stmt, Node]] = {}
        self.names: dict[tuple[int, str], str] = {}

    def named(self, stmt: Stmt, role: str, hint: str) -> str:
        """A variable for a purpose of a statement, the same one whenever the statement is reversed again."""
        key = (id(stmt), role)
        if key not in self.names:
            self.names[key] = self.facts.fresh(hint)
        return self.names[key]

    def once(self, stmt: Stmt, node: Made) -> Made:
        """What is made of a statement: the same object whenever the statement is reversed again, and never freed,
        since names are remembered by the identity of nodes."""
        known = self.made.setdefault(id(stmt), (stmt, node))[1]
        return known if isinstance(known, type(node)) and known == node else node

    # ---- adjoint variables ----

    def place_of_adjoint(self, place: Load) -> Load:
        """d_x[i] of x[i]."""
        return dataclasses.replace(place, base=self.adjoint_of(place.base))

    def adjoint_of(self, place: Expr) -> Name | Load:
        """d_x of x, and d_x[i] of x[i]."""
        if isinstance(place, Load):
            return self.place_of_adjoint(place)
        assert isinstance(place, Name)
        return self.facts.adjoint(place.id)

    def present(self, name: str, env: Env) -> bool:
        """Whether the adjoint of a variable is there; where it is not, it is zero."""
        return name in self.facts.moving or name in self.facts.views or name in env

    def ensure(self, name: str, env: Env, out: list[Stmt], pos: Pos | None) -> None:
        """Make sure that the adjoint of a variable is a buffer that can be written in place."""
        if name in self.facts.moving or name in self.facts.views:
            return
        d = self.facts.adjoint(name)
        if name not in env:
            out.append(Assign(d, self.facts.zero(name), pos=pos))
            env[name] = "owned"
        elif env[name] == "shared" and isinstance(d.kind, (Array, ListOf)):
            kind = d.kind
            if isinstance(kind, ListOf) or kind.optional:
                helper = Prim(HELPERS["copy_of"], "copy_of")
                out.append(Assign(d, Call(helper, (d,), kind=kind), pos=pos))
            else:
                out.append(Assign(d, Sym(d).copy().expr, pos=pos))
            env[name] = "owned"

    def contribute(
        self, name: str, terms: list[Term], env: Env, out: list[Stmt], pos: Pos | None, lives_on: bool = False
    ) -> None:
        """Add the contributions of one statement to the adjoint of a whole variable.

        lives_on: the adjoint that they come from is a buffer that changes later, so a view of it has to be copied.
        """
        facts = self.facts
        d = facts.adjoint(name)
        kind = facts.kinds[name]
        if isinstance(kind, (ListOf, DictOf)) and len(terms) > 1:  # `+` would join lists
            for term in terms:
                self.contribute(name, [term], env, out, pos, lives_on)
            return
        total, lazy = add(terms)
        if name in facts.moving or name in facts.views:
            out.append(self.add_in_place(d, total, kind, pos))
            return
        if name not in env and isinstance(total, Name) and total.id == d.id:
            env[name] = "owned" if isinstance(kind, Scalar) or facts.is_shadow(name) else "shared"
            return
        if name not in env:
            fresh = _fresh(total)
            smaller = isinstance(kind, Array) and kind.dims is not None and not isinstance(total.kind, Array)
            if lazy or smaller:
                total, fresh = xp.full_like(Sym(Name(name, kind=kind)), Sym(total)).expr, True
            if not fresh and (lives_on or facts.is_shadow(name)):
                if isinstance(kind, Array):
                    total = Sym(total).copy().expr
                else:
                    total = Call(Prim(HELPERS["copy_of"], "copy_of"), (total,), kind=kind)
                fresh = True
            out.append(Assign(d, total, pos=pos))
            env[name] = "owned" if fresh or isinstance(kind, Scalar) else "shared"
            return
        if isinstance(kind, ListOf) or (isinstance(kind, Array) and kind.optional):  # None, where the value is
            helper = Prim(HELPERS["add_to"], "add_to")
            self.ensure(name, env, out, pos)
            out.append(Assign(d, Call(helper, (d, total), kind=kind), pos=pos))
            return
        if isinstance(kind, Array) and kind.dims is not None and env[name] == "owned":
            out.append(Store(d, *_signed(total), pos=pos))
            return
        out.append(Assign(d, (Sym(d) + Sym(total)).expr, pos=pos))
        env[name] = "owned" if isinstance(kind, Scalar) or env[name] == "owned" else "shared"
        if isinstance(kind, Array) and kind.dims is not None and not lazy:
            env[name] = "owned"

    def add_in_place(self, d: Expr, total: Expr, kind: Kind, pos: Pos | None) -> Stmt:
        """d += total."""
        if isinstance(kind, ListOf):
            helper = Prim(HELPERS["add_to"], "add_to")
            return Effect(Call(helper, (d, total), kind=d.kind), pos=pos)
        return Store(d, *_signed(total), pos=pos)

    # ---- statements ----

    def walker(self, tree: Expr, target: Expr | None, pos: Pos | None) -> Walk:
        """A walk down the tree whose value a statement gives to the target."""
        return Walk(self.facts, self.memo, tree, target, pos=pos)

    def assign(self, stmt: Assign, env: Env) -> Chunk:
        """v = e. The contributions to other variables come first, those to v itself last."""
        assert isinstance(stmt.target, Name)
        facts, name = self.facts, stmt.target.id
        chunk = Chunk(stmt=stmt)
        if name in facts.views or name in facts.slots:
            if name in facts.views and name in facts.aliases.unsure:
                chunk.after.append(view_check(stmt.target, stmt.value))
            return chunk
        if name not in facts.active or name not in env:
            return chunk
        d = facts.adjoint(name)
        state = env.pop(name)
        walk = self.walker(stmt.value, stmt.target, stmt.pos)
        reads_itself = any(n == name for n in names_in(stmt.value))
        walk.walk(stmt.value, d, False, name in facts.masked, name in facts.unbounded)
        if walk.reads_target and reads_itself:
            # the value that v had before and the one that it has now cannot both be in v
            walk = self.walker(stmt.value, None, stmt.pos)
            walk.walk(stmt.value, d, False, name in facts.masked, name in facts.unbounded)
        walk.read_target()
        out = list(walk.stmts)
        if any(t.name == name and t.place is not None for t in walk.terms):
            kept = Name(facts.temporary("d_new", id(stmt)), kind=d.kind)
            facts.kinds[kept.id] = d.kind
            out = [Assign(kept, d, pos=stmt.pos), *(_renamed(s, d.id, kept) for s in out)]
            walk.terms = [_renamed_term(t, d.id, kept) for t in walk.terms]
        own = [t for t in walk.terms if t.name == name]
        others = [t for t in walk.terms if t.name != name]
        if own:  # v's adjoint lives on: whoever gets the same buffer may not add to it, nor may v then
            given = any(t.name not in env and t.place is None and d.id in dict(sources(t.expr)) for t in others)
            self.flush(others, env, out, stmt.pos)
            self.flush(own, env, out, stmt.pos, seed=d.id, state="shared" if given else state)
        else:
            self.flush(others, env, out, stmt.pos, seed=d.id, state=state)
        self.finish(chunk, walk, stmt, out)
        return chunk

    def finish(self, chunk: Chunk, walk: Walk, stmt: Stmt, out: list[Stmt]) -> None:
        """Put the hoisted values ahead of the statement and the answer into the chunk."""
        chunk.before += hoisted_statements(walk, stmt.pos)
        chunk.stmt = replace_hoisted(stmt, walk)
        if isinstance(chunk.stmt, (Assign, Push)) and isinstance(chunk.stmt.value, Name) and chunk.stmt is not stmt:
            owner = root(chunk.stmt.target)
            if owner is not None and self.facts.aliases.of(owner) in self.facts.aliases.written:
                self.facts.aliases.union(chunk.stmt.value.id, owner)  # now two names for memory that changes
        chunk.reverse = [mark(s, stmt) for s in out]
        chunk.reads_target = walk.reads_target
        chunk.restore_first = not walk.reads_target

    def flush(
        self, terms: list[Term], env: Env, out: list[Stmt], pos: Pos | None, seed: str = "", state: str = "owned",
        lives_on: bool = False,
    ) -> None:
        """Emit the contributions: whole variables summed by variable, parts one by one.

        seed: the adjoint whose life ends here; its buffer may be handed on if nobody else gets it.
        """
        by_name: dict[str, list[Term]] = {}
        for term in _merged_parts(terms):
            if term.place is not None:
                self.contribute_part(term, env, out, pos)
            else:
                by_name.setdefault(term.name, []).append(term)
        for name, given in by_name.items():
            was = name in env
            self.contribute(name, given, env, out, pos, lives_on)
            expr = given[0].expr
            handed = len(terms) == 1 and isinstance(expr, Name) and expr.id == seed
            if handed and not was and state == "owned" and name in env:
                env[name] = "owned"

    def contribute_part(self, term: Term, env: Env, out: list[Stmt], pos: Pos | None) -> None:
        """d_x[i] += d."""
        assert term.place is not None
        facts = self.facts
        new = not self.present(term.name, env)
        self.ensure(term.name, env, out, pos)
        place = self.place_of_adjoint(term.place)
        expr = term.expr
        shared = isinstance(term.place.kind, Array) and facts.aliases.of(term.name) in facts.aliases.written
        if isinstance(place.base.kind, (ListOf, DictOf)) and not isinstance(term.place.kind, Scalar) and not shared:
            old = Sym(Load(place.base, place.index, kind=expr.kind))
            if isinstance(term.place.kind, ListOf):
                helper = Prim(HELPERS["add_to"], "add_to")
                total: Expr = Call(helper, (old.expr, expr), kind=term.place.kind)
            else:
                total = (old + Sym(expr)).expr
            out.append(Store(place, total, "", pos=pos))
            return
        if term.add_at:
            out.append(Store(place, expr, "at", pos=pos))
            return
        last = out[-1] if out else None
        # an item of a list keeps its array, which may be written in place; the contribution may be a number for it
        item = isinstance(place.base.kind, (ListOf, DictOf)) and not isinstance(term.place.kind, Scalar)
        if new and not item and isinstance(last, Assign) and last.target == facts.adjoint(term.name):
            out.append(Store(place, expr, "", pos=pos))
            return
        out.append(Store(place, *_signed(expr), pos=pos))


# ---- small tools ---------------------------------------------------------------------------------------------


def mark(stmt: Stmt, source: Stmt) -> Stmt:
    """Note which primal statement an adjoint statement answers."""
    return dataclasses.replace(stmt, pos=stmt.pos or source.pos)


def _fresh(expr: Expr) -> bool:
    """Whether the value of an expression is an array that nothing else holds, and that may be written."""
    return not any(True for _ in sources(expr)) and not read_only(expr)


def _signed(total: Expr) -> tuple[Expr, str]:
    """`-e` is added as `-= e`."""
    positive = negated(total)
    return (positive, "-") if positive is not None else (total, "+")


def _merged_parts(terms: list[Term]) -> list[Term]:
    """Contributions to the same part of a variable as one."""
    out: list[Term] = []
    for term in terms:
        same = (term.name, term.place, term.lazy)
        twin = None
        if term.place is not None:
            twin = next((k for k, t in enumerate(out) if (t.name, t.place, t.lazy) == same), None)
        if twin is None:
            out.append(term)
        else:
            total, _ = add([out[twin], term])
            out[twin] = dataclasses.replace(term, expr=total)
    return out


def _renamed(stmt: Stmt, old: str, new: Name) -> Stmt:
    return rebuilt(stmt, lambda expr: substitute(expr, {old: new}))


def _renamed_term(term: Term, old: str, new: Name) -> Term:
    return dataclasses.replace(term, expr=substitute(term.expr, {old: new}))
