"""The adjoints of statements. `env` says which adjoints are there: "owned" (a buffer that may be added to in place),
"shared" (a value that something else may hold too); a missing adjoint is zero."""

from __future__ import annotations

import dataclasses

from srcgrad.analysis.activity import flows
from srcgrad.analysis.aliases import basic, sources
from srcgrad.errors import AliasError, UnsupportedError
from srcgrad.ir.kinds import NONE, Array, DictOf, ListOf, Scalar, dims, is_float, rank
from srcgrad.ir.nodes import (
    Assign,
    Call,
    Cond,
    Const,
    Effect,
    Expr,
    For,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Pos,
    Prim,
    Push,
    Stmt,
    Store,
)
from srcgrad.ir.walk import children, names_in, rebuild, root, subexpressions
from srcgrad.rules.build import Sym, unbroadcast, xp
from srcgrad.runtime import HELPERS
from srcgrad.transform.reverse.chunks import Chunk
from srcgrad.transform.reverse.expressions import Term, Walk, add, may_repeat
from srcgrad.transform.reverse.facts import Facts

Env = dict[str, str]
ZERO = Const(0, kind=Scalar("int64", True, 0))


class StatementAdjoints:
    """Adjoints of the statements that hold no others."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.memo: dict[int, Name] = {}
        self.loops: list[For] = []

    # ---- adjoint variables ----

    def place_of_adjoint(self, place: Load) -> Load:
        """d_x[i] of x[i]."""
        base = self.place_of_adjoint(place.base) if isinstance(place.base, Load) else self.adjoint_of(place.base)
        return dataclasses.replace(place, base=base)

    def adjoint_of(self, base: Expr) -> Name:
        assert isinstance(base, Name)
        return self.facts.adjoint(base.id)

    def owner(self, name: str) -> str:
        """The variable whose adjoint buffer a view's adjoint is a part of; the variable itself if it is no view."""
        return name

    def present(self, name: str, env: Env) -> bool:
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
            if isinstance(kind, ListOf):
                helper = Prim(HELPERS["copy_of"], "copy_of")
                out.append(Assign(d, Call(helper, (d,), kind=kind), pos=pos))
            else:
                out.append(Assign(d, Sym(d).copy().expr, pos=pos))
            env[name] = "owned"

    def contribute(
        self, name: str, terms: list[Term], env: Env, out: list[Stmt], pos: Pos | None, lives_on: bool = False
    ) -> None:
        """Add the contributions of one statement to the adjoint of a whole variable. lives_on: the adjoint that they come
        from is a buffer that changes later, so a view of it has to be copied."""
        facts = self.facts
        d = facts.adjoint(name)
        kind = facts.kinds[name]
        total, lazy = add(terms, kind)
        buffer = name in facts.moving or name in facts.views
        if buffer:
            out.append(self.add_in_place(d, total, kind, pos))
            return
        if name not in env and isinstance(total, Name) and total.id == d.id:
            env[name] = "owned" if isinstance(kind, Scalar) or facts.is_shadow(name) else "shared"
            return
        if name not in env:
            fresh = _fresh(total)
            if lazy or (isinstance(kind, Array) and not isinstance(total.kind, Array) and rank(kind) != 0 and kind.dims is not None):
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
        if isinstance(kind, ListOf):
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

    def add_in_place(self, d: Expr, total: Expr, kind: object, pos: Pos | None) -> Stmt:
        if isinstance(kind, ListOf):
            helper = Prim(HELPERS["add_to"], "add_to")
            return Effect(Call(helper, (d, total), kind=d.kind), pos=pos)
        return Store(d, *_signed(total), pos=pos)

    # ---- statements ----

    def walker(self, tree: Expr, target: Expr | None, pos: Pos | None) -> Walk:
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
        # the value that e had before and the one that it has now cannot both be in v
        walk.walk(stmt.value, d, False, name in facts.masked)
        own = [t for t in walk.terms if t.name == name]
        parts = [t for t in own if t.place is not None]
        if walk.reads_target and reads_itself:
            walk = self.walker(stmt.value, None, stmt.pos)
            walk.walk(stmt.value, d, False, name in facts.masked)
            own = [t for t in walk.terms if t.name == name]
            parts = [t for t in own if t.place is not None]
        walk.read_target()
        own = [t for t in walk.terms if t.name == name]
        parts = [t for t in own if t.place is not None]
        out = list(walk.stmts)
        if parts:
            kept = Name(facts.temporary("d_new", id(stmt)), kind=d.kind)
            facts.kinds[kept.id] = d.kind
            out = [Assign(kept, d, pos=stmt.pos), *(_renamed(s, d.id, kept) for s in out)]
            walk.terms = [_renamed_term(t, d.id, kept) for t in walk.terms]
            own = [t for t in walk.terms if t.name == name]
        others = [t for t in walk.terms if t.name != name]
        self._flush(others, env, out, stmt.pos, seed=d.id, state=state)
        if own:
            self._flush(own, env, out, stmt.pos, seed=d.id, state=state)
        self._finish(chunk, walk, stmt, out)
        return chunk

    def _finish(self, chunk: Chunk, walk: Walk, stmt: Stmt, out: list[Stmt]) -> None:
        """Put the hoisted values ahead of the statement and the answer into the chunk."""
        chunk.before += hoisted_statements(walk, stmt.pos)
        chunk.stmt = replace_hoisted(stmt, walk)
        chunk.reverse = [mark(s, stmt) for s in out]
        chunk.reads_target = walk.reads_target
        chunk.restore_first = not walk.reads_target

    def _flush(
        self, terms: list[Term], env: Env, out: list[Stmt], pos: Pos | None, seed: str = "", state: str = "owned",
        lives_on: bool = False,
    ) -> None:
        """Emit the contributions: whole variables summed by variable, parts one by one.

        seed: the adjoint whose life ends here; its buffer may be handed on if nobody else gets it.
        """
        order: list[str] = []
        by_name: dict[str, list[Term]] = {}
        for term in _merged_parts(terms):
            if term.place is not None:
                self.contribute_part(term, env, out, pos)
                continue
            if term.name not in by_name:
                order.append(term.name)
            by_name.setdefault(term.name, []).append(term)
        handed = sum(
            1 for name in order if len(by_name[name]) == 1 and isinstance(by_name[name][0].expr, Name)
            and by_name[name][0].expr.id == seed
        )  # fmt: skip
        for name in order:
            given = by_name[name]
            was = name in env
            self.contribute(name, given, env, out, pos, lives_on)
            expr = given[0].expr
            sole = len(given) == 1 and isinstance(expr, Name) and expr.id == seed
            if sole and not was and handed == 1 and len(terms) == 1 and state == "owned" and name in env:
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
            item = Sym(Load(place.base, place.index, kind=expr.kind))
            if isinstance(term.place.kind, ListOf):
                helper = Prim(HELPERS["add_to"], "add_to")
                total: Expr = Call(helper, (item.expr, expr), kind=term.place.kind)
            else:
                total = (item + Sym(expr)).expr
            out.append(Store(place, total, "", pos=pos))
            return
        if term.add_at:
            out.append(Store(place, expr, "at", pos=pos))
            return
        last = out[-1] if out else None
        if new and isinstance(last, Assign) and last.target == facts.adjoint(term.name):
            out.append(Store(place, expr, "", pos=pos))
            return
        out.append(Store(place, *_signed(expr), pos=pos))

    # ---- stores ----

    def store(self, stmt: Store, env: Env) -> Chunk:
        """x[i] op= e, and x op= e for a whole array."""
        facts = self.facts
        chunk = Chunk(stmt=stmt)
        name = root(stmt.target)
        assert name is not None
        stmt, held = self._hold_index(stmt)
        chunk.before += held
        chunk.stmt = stmt
        if name not in facts.active or not self.present(name, env):
            return chunk
        target = stmt.target
        whole = isinstance(target, Name)
        tree: Expr
        op = stmt.op
        if op in ("", "at"):
            tree = stmt.value
        else:
            tree = Op(op, (target, stmt.value), kind=target.kind, pos=stmt.pos)
        walk = self.walker(tree, target if _holds_all(target, tree) else None, stmt.pos)
        masked = name in facts.masked
        for attempt in range(2):
            if attempt:
                walk = self.walker(tree, None, stmt.pos)
            place = target if whole else walk.place(target)  # type: ignore[arg-type]
            seed: Expr = facts.adjoint(name) if whole else self.place_of_adjoint(place)  # type: ignore[arg-type]
            given = seed
            winners = self._winners(stmt, walk)
            if winners is not None:
                given = (Sym(seed) * Sym(winners)).expr
            if op == "-":
                walk.walk(stmt.value, (-Sym(self._to_value(given, target, stmt.value, walk))).expr, False, masked)
            elif op in ("", "at", "+"):
                walk.walk(stmt.value, self._to_value(given, target, stmt.value, walk), False, masked)
            else:
                if winners is not None:
                    walk.walk(tree, given, False, masked)
                else:
                    walk.walk(tree, given, False, masked)
            cls = facts.aliases.of(name)
            reads_old = self._reads_old(walk, target)
            if not (walk.reads_target and reads_old and op not in ("+", "-", "at")):
                break
        walk.read_target()
        itself = [t for t in walk.terms if t.name == name and _same_place(t, place, whole) and op not in ("", "+", "-", "at")]
        if op in ("", "at", "+", "-"):
            itself = [t for t in walk.terms if t.name == name and _same_place(t, place, whole)] if op == "" else []
        rest = [t for t in walk.terms if t not in itself]
        out: list[Stmt] = list(walk.stmts)
        clash = [t for t in rest if facts.aliases.of(t.name) == cls and facts.is_shadow(t.name)]
        d_name = facts.adjoint(name).id
        held = any(_reads(t.expr, seed, d_name) for t in rest) or any(
            isinstance(s, Assign) and any(base == d_name for base, _ in sources(s.value)) for s in out
        )
        if clash and held:
            new = Name(facts.temporary("d_new", id(stmt)), kind=seed.kind)
            facts.kinds[new.id] = seed.kind
            copied = Sym(seed).copy().expr if isinstance(seed.kind, Array) and rank(seed.kind) != 0 and (
                whole or basic(target.index)) else seed  # type: ignore[union-attr]
            out = [Assign(new, copied, pos=stmt.pos), *(_swap_stmt(s, seed, new) for s in out)]
            rest = [dataclasses.replace(t, expr=_swap(t.expr, seed, new)) for t in rest]
            itself = [dataclasses.replace(t, expr=_swap(t.expr, seed, new)) for t in itself]
            self._settle(itself, seed, target, op, out, stmt, winners)
            self._flush(rest, env, out, stmt.pos, lives_on=True)
        elif clash:
            self._settle(itself, seed, target, op, out, stmt, winners)
            self._flush(rest, env, out, stmt.pos, lives_on=True)
        else:
            self._flush(rest, env, out, stmt.pos, lives_on=True)
            self._settle(itself, seed, target, op, out, stmt, winners)
        self._finish(chunk, walk, stmt, out)
        return chunk

    def _reads_old(self, walk: Walk, target: Expr) -> bool:
        """Whether the answer reads old values of the part that is written (its new value is marked as the result)."""
        from srcgrad.transform.conflicts import disjoint

        facts = self.facts
        memory = facts.aliases.memory(root(target) or "")
        adjoints = set(facts.adjoints.values())

        def reads(expr: Expr) -> bool:
            if isinstance(expr, Load) and isinstance(expr.base, Name) and expr.base.id not in adjoints:
                if facts.aliases.memory(expr.base.id) == memory and expr.base == getattr(target, "base", None):
                    return not disjoint(expr, target, self.loops, facts) or reads(expr.index)
            if isinstance(expr, Name):
                return expr.id not in adjoints and facts.is_shadow(expr.id) and facts.aliases.memory(expr.id) == memory
            return any(reads(child) for child in children(expr))

        return any(reads(t.expr) for t in walk.terms) or any(reads(s.value) for s in walk.stmts if isinstance(s, Assign))

    def _settle(
        self, itself: list[Term], seed: Expr, target: Expr, op: str, out: list[Stmt], stmt: Store, winners: Expr | None
    ) -> None:
        """What becomes of the adjoint of the place that is written: scaled if its old value was read, else zero."""
        if op in ("+", "-", "at"):
            return
        if itself:
            total, _ = add(itself, seed.kind)
            if winners is not None:
                total = _swap(total, Op("*", (seed, winners), kind=seed.kind), seed)
            factor = _factor(total, seed)
            if factor is not None:
                out.append(Store(seed, factor[1], factor[0], pos=stmt.pos))
            else:
                out.append(Store(seed, total, "", pos=stmt.pos))
            return
        zero: Expr = ZERO
        if isinstance(target, Load) and isinstance(target.base.kind, (ListOf, DictOf)):
            zero = Const(0.0, kind=Scalar("float64", True, 0.0))
        out.append(Store(seed, zero, "", pos=stmt.pos))

    def _to_value(self, seed: Expr, target: Expr, value: Expr, walk: Walk) -> Expr:
        """The slot's adjoint, summed over the axes along which the value was broadcast into the slot."""
        if isinstance(target, Load) and isinstance(target.base.kind, (ListOf, DictOf)):
            return seed
        if not is_float(value.kind) or not isinstance(value.kind, (Array, Scalar)):
            return seed
        if dims(target.kind) == dims(value.kind) and dims(value.kind) is not None:
            if all(d is not None for d in dims(value.kind) or ()) or target == value:
                return seed
        if isinstance(target.kind, Scalar):
            return seed
        summed = unbroadcast(Sym(seed), target.kind, value.kind, Sym(Name("%x", kind=value.kind))).expr
        return walk.adopt(summed, {"%x": value})

    def _winners(self, stmt: Store, walk: Walk) -> Expr | None:
        """With an index that may name an element twice the last value wins; the others get no adjoint."""
        if not isinstance(stmt.target, Load) or stmt.op == "at" or not isinstance(stmt.target.base.kind, Array):
            return None
        if not may_repeat(stmt.target.index):
            return None
        if not any(True for n in names_in(stmt.value) if n in self.facts.active):
            return None
        helper = Prim(HELPERS["winners"], "winners")
        base, index = stmt.target.base, walk.index(stmt.target.index, stmt.target.base)
        kind = dataclasses.replace(stmt.target.kind, dtype="bool") if isinstance(stmt.target.kind, Array) else stmt.target.kind
        return Call(helper, (base, index), kind=kind)

    def _hold_index(self, stmt: Store) -> tuple[Store, list[Stmt]]:
        """An index that reads what is written, or that is long to compute, is held in a variable."""
        target = stmt.target
        if not isinstance(target, Load):
            return stmt, []
        held: list[Stmt] = []
        name = root(target)
        assert name is not None
        written = self.facts.aliases.of(name)

        def hold(index: Expr) -> Expr:
            if isinstance(index, (Const, Name)):
                return index
            if hasattr(index, "items") or type(index).__name__ == "Slice":
                return rebuild(index, hold)
            walk = self.walker(index, None, stmt.pos)
            reads = any(self.facts.aliases.of(n) == written for n in names_in(index) if isinstance(self.facts.kinds.get(n), (Array, ListOf)))
            impure = any(isinstance(e, Call) for e in subexpressions(index))
            if not reads and not isinstance(index.kind, Array) and walk._cheap(index, 0) and not impure:
                return index
            if id(index) not in self.memo:
                self.memo[id(index)] = Name(self.facts.fresh("mask" if getattr(index.kind, "dtype", "") == "bool" else "index"), kind=index.kind)
            held_name = self.memo[id(index)]
            self.facts.kinds[held_name.id] = index.kind
            held.append(Assign(held_name, index, pos=stmt.pos))
            return held_name

        def through(place: Expr) -> Expr:
            if isinstance(place, Load):
                return dataclasses.replace(place, base=through(place.base), index=hold(place.index))
            return place

        new = through(target)
        return (dataclasses.replace(stmt, target=new) if held else stmt), held

    # ---- lists ----

    def push(self, stmt: Push, env: Env) -> Chunk:
        """xs.append(e): the adjoint of e is the last item of the list's adjoint."""
        facts = self.facts
        chunk = Chunk(stmt=stmt)
        name = root(stmt.target)
        assert name is not None
        if name not in facts.active or not self.present(name, env):
            return chunk
        d_list = self.adjoint_of(stmt.target) if isinstance(stmt.target, Name) else self.place_of_adjoint(stmt.target)  # type: ignore[arg-type]
        walk = self.walker(stmt.value, None, stmt.pos)
        item = Name(facts.temporary("d_item", id(stmt)), kind=stmt.value.kind)
        facts.kinds[item.id] = stmt.value.kind
        index = walk.need(stmt.index) if stmt.index is not None else None
        walk.walk(stmt.value, item, False)
        out: list[Stmt] = [Pop(item if walk.terms or walk.stmts else None, d_list, index, pos=stmt.pos), *walk.stmts]
        self._flush(walk.terms, env, out, stmt.pos)
        self._finish(chunk, walk, stmt, out)
        return chunk

    def pop(self, stmt: Pop, env: Env) -> Chunk:
        """v = xs.pop(): the adjoint of v goes back to the end of the list's adjoint."""
        facts = self.facts
        chunk = Chunk(stmt=stmt)
        name = root(stmt.target)
        assert name is not None
        out_name = stmt.out.id if stmt.out is not None else None
        d_out = facts.adjoint(out_name) if out_name in env else None  # type: ignore[arg-type]
        if name not in facts.active or (not self.present(name, env) and d_out is None):
            if out_name is not None:
                env.pop(out_name, None)
            return chunk
        if stmt.index is not None and not (isinstance(stmt.index, Const) and stmt.index.value == 0):
            if not (isinstance(stmt.index, Const) and stmt.index.value == -1):
                raise UnsupportedError("`pop` at this index is not supported", "Pop from an end of the list.", stmt.pos)
        out: list[Stmt] = []
        self.ensure(name, env, out, stmt.pos)
        d_list = self.adjoint_of(stmt.target) if isinstance(stmt.target, Name) else self.place_of_adjoint(stmt.target)  # type: ignore[arg-type]
        kind = self.facts.kinds.get(name)
        zero: Expr = Const(0.0, kind=Scalar("float64", True, 0.0))
        if d_out is None and out_name is not None and isinstance(kind, ListOf) and not isinstance(kind.item, Scalar):
            zero = facts.zero(out_name)
        first = stmt.index is not None and isinstance(stmt.index, Const) and stmt.index.value == 0
        out.append(Push(d_list, d_out if d_out is not None else zero, ZERO if first else None, pos=stmt.pos))
        if out_name is not None:
            env.pop(out_name, None)
        chunk.reverse = [mark(s, stmt) for s in out]
        # the list's adjoint starts with the length that the list has behind the pop
        chunk.reads_target, chunk.restore_first = True, False
        return chunk

    def push_moving(self, stmt: Push, env: Env) -> list[Chunk]:
        """The list's adjoint, bound in the forward sweep, gets what the item's adjoint is, or a zero."""
        facts = self.facts
        if not isinstance(stmt.value, Name) and not isinstance(stmt.value.kind, Scalar):
            if not any(facts.is_shadow(base) for base, _ in sources(stmt.value)):
                item = Name(facts.temporary("item", id(stmt)), kind=stmt.value.kind)
                facts.kinds[item.id] = item.kind
                facts.aliases.union(item.id, root(stmt.target) or "")
                facts.moving.add(item.id)
                facts.active.add(item.id)
                pushed = self.push_moving(dataclasses.replace(stmt, value=item), env)
                return [*self.assign_moving(Assign(item, stmt.value, pos=stmt.pos), env), *pushed]
        chunk = self.push(stmt, env)
        d_list = adjoint_view(stmt.target, self.facts)
        shares = any(self.facts.is_shadow(base) for base, _ in sources(stmt.value))
        if shares:
            value = adjoint_view(stmt.value, self.facts)
            chunk.reverse = [Pop(None, d_list, stmt.index, pos=stmt.pos)]
        elif isinstance(stmt.value.kind, Scalar):
            value = Const(0.0, kind=Scalar("float64", True, 0.0))
        elif isinstance(stmt.value, Name):
            value = Call(Prim(HELPERS["zeros_like"], "zeros_like"), (stmt.value,), kind=stmt.value.kind)
        else:
            raise AliasError("an array without a name is put into a list that has several", "Name it first.", stmt.pos)
        return [chunk, Chunk(stmt=Push(d_list, value, stmt.index, pos=stmt.pos))]

    def pop_moving(self, stmt: Pop, env: Env) -> list[Chunk]:
        """The item's adjoint leaves the list's adjoint with the item, and comes back in the reverse sweep."""
        if stmt.out is None or stmt.out.id not in self.facts.moving:
            raise AliasError("a list that has several names shrinks", "Use one name for it.", stmt.pos)
        d_list, d_out = adjoint_view(stmt.target, self.facts), self.facts.adjoint(stmt.out.id)
        first = isinstance(stmt.index, Const) and stmt.index.value == 0
        binding = Chunk(stmt=Pop(d_out, d_list, stmt.index, pos=stmt.pos))
        binding.reverse = [Push(d_list, d_out, ZERO if first else None, pos=stmt.pos)]
        binding.reads_target, binding.restore_first = True, False
        return [Chunk(stmt=stmt), binding]

    # ---- variables whose adjoint is bound in the forward sweep ----

    def assign_moving(self, stmt: Assign, env: Env) -> list[Chunk]:
        """The adjoint is bound beside the variable: zeros at a birth, the same view of the other's adjoint at an alias."""
        assert isinstance(stmt.target, Name)
        facts, name = self.facts, stmt.target.id
        d = facts.adjoint(name)
        chunk = Chunk(stmt=stmt)
        if any(True for _ in sources(stmt.value)):
            binding = Chunk(stmt=Assign(d, adjoint_view(stmt.value, facts), pos=stmt.pos))
            if name in facts.aliases.unsure:
                chunk.after.append(view_check(stmt.target, stmt.value))
                binding.after.append(view_check(d, adjoint_view(stmt.value, facts)))
            return [chunk, binding]
        binding = Chunk(stmt=Assign(d, facts.zero(name), pos=stmt.pos))
        if not any(n in facts.active for n in flows(stmt.value)):
            return [chunk, binding]
        new = Name(facts.temporary("d_new", id(stmt)), kind=d.kind)
        facts.kinds[new.id] = d.kind
        binding.reverse, binding.reads_target, binding.restore_first = [Assign(new, d, pos=stmt.pos)], True, False
        walk = self.walker(stmt.value, stmt.target, stmt.pos)
        walk.walk(stmt.value, new, False, name in facts.masked)
        if walk.reads_target and any(n == name for n in names_in(stmt.value)):
            walk = self.walker(stmt.value, None, stmt.pos)
            walk.walk(stmt.value, new, False, name in facts.masked)
        walk.read_target()
        out = list(walk.stmts)
        self._flush(walk.terms, env, out, stmt.pos)
        self._finish(chunk, walk, stmt, out)
        return [chunk, binding]


def view_check(view: Name, value: Expr) -> Stmt:
    """Hold when the program runs that what may be a view is one: its adjoint is a view, too."""
    base = next(e for e in subexpressions(value) if isinstance(e, Name))
    helper = Prim(HELPERS["check_view"], "check_view")
    return Effect(Call(helper, (view, base), kind=NONE), pos=value.pos)


def adjoint_view(expr: Expr, facts: Facts) -> Expr:
    """The expression with each variable's adjoint in its place: `x[i]` -> `d_x[i]`."""
    if isinstance(expr, Name):
        return facts.adjoint(expr.id)
    if isinstance(expr, Load):
        return dataclasses.replace(expr, base=adjoint_view(expr.base, facts))
    if isinstance(expr, Pack):
        zero = Const(0.0, kind=Scalar("float64", True, 0.0))
        return dataclasses.replace(
            expr, items=tuple(zero if isinstance(item.kind, Scalar) else adjoint_view(item, facts) for item in expr.items)
        )
    if isinstance(expr, Call):
        return dataclasses.replace(expr, args=(adjoint_view(expr.args[0], facts), *expr.args[1:]))
    if isinstance(expr, Cond):
        return dataclasses.replace(expr, body=adjoint_view(expr.body, facts), orelse=adjoint_view(expr.orelse, facts))
    raise UnsupportedError("the memory that this shares cannot be followed", pos=expr.pos)


# ---- small tools ---------------------------------------------------------------------------------------------


def mark(stmt: Stmt, source: Stmt) -> Stmt:
    """Note which primal statement an adjoint statement answers."""
    return dataclasses.replace(stmt, pos=stmt.pos or source.pos)


def hoisted_statements(walk: Walk, pos: Pos | None) -> list[Stmt]:
    """The assignments of hoisted values, inner ones first."""
    order: list[int] = []

    def visit(node: Expr) -> None:
        for child in children(node):
            visit(child)
        if id(node) in walk.hoisted and id(node) not in order:
            order.append(id(node))

    visit(walk.tree)
    for key in walk.hoisted:
        if key not in order:
            order.append(key)
    return [
        Assign(walk.hoisted[key][1], _without_self(walk.hoisted[key][0], walk), pos=pos) for key in order
    ]


def _without_self(node: Expr, walk: Walk) -> Expr:
    return rebuild(node, lambda child: _with_hoisted(child, walk))


def _with_hoisted(node: Expr, walk: Walk) -> Expr:
    if id(node) in walk.hoisted:
        return walk.hoisted[id(node)][1]
    return rebuild(node, lambda child: _with_hoisted(child, walk))


def replace_hoisted(stmt: Stmt, walk: Walk) -> Stmt:
    """The forward statement with its hoisted parts replaced by their variables."""
    if not walk.hoisted:
        return stmt
    if isinstance(stmt, (Assign, Store, Push)):
        return dataclasses.replace(stmt, value=_with_hoisted(stmt.value, walk))
    return stmt


def _fresh(expr: Expr) -> bool:
    """Whether the value of an expression is an array that nothing else holds."""
    return not any(True for _ in sources(expr))


def _signed(total: Expr) -> tuple[Expr, str]:
    """`-e` is added as `-= e`."""
    from srcgrad.rules.build import _negated

    positive = _negated(total)
    return (positive, "-") if positive is not None else (total, "+")


def _holds_all(target: Expr, value: Expr) -> bool:
    """Whether what was written can be read back: nothing was broadcast or converted on the way."""
    if getattr(target.kind, "dtype", "") != getattr(value.kind, "dtype", ""):
        return False
    shape = dims(value.kind)
    return isinstance(target.kind, Scalar) or (
        shape is not None and shape == dims(target.kind) and all(d is not None for d in shape)
    )


def _same_place(term: Term, place: Expr, whole: bool) -> bool:
    return term.place is None if whole else term.place == place


def _factor(total: Expr, seed: Expr) -> tuple[str, Expr] | None:
    """`d * f` or `d / f` as an in-place operation on d."""
    if isinstance(total, Op) and total.op in ("*", "/"):
        a, b = total.args
        if a == seed and not any(e == seed for e in subexpressions(b)):
            return total.op, b
        if total.op == "*" and b == seed and not any(e == seed for e in subexpressions(a)):
            return "*", a
    return None


def _merged_parts(terms: list[Term]) -> list[Term]:
    """Contributions to the same part of a variable as one."""
    out: list[Term] = []
    for term in terms:
        twin = next((k for k, t in enumerate(out) if term.place is not None and t.place == term.place and t.name == term.name
                     and t.lazy == term.lazy), None)  # fmt: skip
        if twin is None:
            out.append(term)
        else:
            total, _ = add([out[twin], term], term.expr.kind)
            out[twin] = dataclasses.replace(term, expr=total)
    return out


def _swap(expr: Expr, old: Expr, new: Expr) -> Expr:
    return new if expr == old else rebuild(expr, lambda child: _swap(child, old, new))


def _swap_stmt(stmt: Stmt, old: Expr, new: Expr) -> Stmt:
    return dataclasses.replace(stmt, value=_swap(stmt.value, old, new)) if isinstance(stmt, Assign) else stmt


def _renamed(stmt: Stmt, old: str, new: Name) -> Stmt:
    from srcgrad.ir.walk import substitute

    return dataclasses.replace(stmt, value=substitute(stmt.value, {old: new})) if isinstance(stmt, Assign) else stmt


def _renamed_term(term: Term, old: str, new: Name) -> Term:
    from srcgrad.ir.walk import substitute

    return dataclasses.replace(term, expr=substitute(term.expr, {old: new}))


def _reads(expr: Expr, seed: Expr, d_name: str) -> bool:
    return any(e == seed or (isinstance(e, Name) and e.id == d_name) for e in subexpressions(expr))

