"""The reverse of a write into an array, list or dict.

The adjoint of the part that is written goes to what was written; then it is scaled, if the part's old value went
into the new one, or set to zero. It stands in place: d_x[i] answers x[i].
"""

from __future__ import annotations

import dataclasses

from srcgrad.analysis.aliases import basic, changes_list, sources
from srcgrad.ir.kinds import Array, ListOf, Scalar, dims, is_float, rank
from srcgrad.ir.nodes import Assign, BoolOp, Call, Const, Expr, Load, Name, Op, Pack, Prim, Slice, Stmt, Store
from srcgrad.ir.walk import children, expressions_of, in_place, names_in, rebuild, root, statements, subexpressions
from srcgrad.rules.build import Sym, unbroadcast
from srcgrad.runtime import HELPERS
from srcgrad.transform.conflicts import disjoint
from srcgrad.transform.reverse.chunks import Chunk
from srcgrad.transform.reverse.expressions import Term, Walk, add, may_repeat
from srcgrad.transform.reverse.facts import ZERO, ZERO_FLOAT, Facts
from srcgrad.transform.reverse.statements import Env, StatementAdjoints
from srcgrad.transform.values import factor, holds_all


def store(adjoints: StatementAdjoints, stmt: Store, env: Env) -> Chunk:
    """x[i] op= e, and x op= e for a whole array."""
    facts = adjoints.facts
    chunk = Chunk(stmt=stmt)
    name = root(stmt.target)
    assert name is not None
    source = stmt
    stmt, ahead = _hold_index(adjoints, stmt)
    chunk.before += ahead
    chunk.stmt = stmt
    if name not in facts.active or not adjoints.present(name, env):
        return chunk
    target, op = stmt.target, stmt.op
    tree = stmt.value
    if op not in ("", "at"):
        tree = adjoints.once(source, Op(op, (target, stmt.value), kind=target.kind, pos=stmt.pos))
    replaced = changes_list(stmt) and isinstance(target.kind, Array)  # the answer needs the array that was there
    readable = holds_all(target, tree) and not replaced
    walk = adjoints.walker(tree, target if readable else None, stmt.pos)
    marks = name in facts.masked, name in facts.unbounded
    for attempt in range(2):
        if attempt:
            walk = adjoints.walker(tree, None, stmt.pos)
        place = walk.place(target) if isinstance(target, Load) else None
        seed = adjoints.place_of_adjoint(place) if place is not None else facts.adjoint(name)
        given: Expr = seed
        winners = _winners(adjoints, stmt, walk)
        if winners is not None:
            given = (Sym(seed) * Sym(winners)).expr
        if op == "-":
            walk.walk(stmt.value, (-Sym(_to_value(given, stmt, walk))).expr, False, *marks)
        elif op in ("", "at", "+"):
            walk.walk(stmt.value, _to_value(given, stmt, walk), False, *marks)
        else:
            walk.walk(tree, given, False, *marks)
        if op in ("+", "-", "at") or not walk.reads_target:
            break
        blank = _blank(facts, stmt)
        shaped = blank not in (ZERO, ZERO_FLOAT) and not any(t.name == name and t.place == place for t in walk.terms)
        if not shaped and not _reads_old(adjoints, walk, target):
            break
    walk.read_target()
    itself: list[Term] = []
    if op not in ("+", "-", "at"):
        itself = [t for t in walk.terms if t.name == name and t.place == place]
    rest = [t for t in walk.terms if t not in itself]
    out: list[Stmt] = list(walk.stmts)
    cls, d_name = facts.aliases.of(name), facts.adjoint(name).id
    clash = any(facts.aliases.of(t.name) == cls and facts.is_shadow(t.name) for t in rest)
    held = any(_reads(t.expr, seed, d_name) for t in rest) or any(
        isinstance(s, Assign) and any(base == d_name for base, _ in sources(s.value)) for s in out
    )
    if clash and held:
        new = Name(facts.temporary("d_new", id(source)), kind=seed.kind)
        facts.kinds[new.id] = seed.kind
        view = isinstance(seed.kind, Array) and rank(seed.kind) != 0
        view = view and (not isinstance(target, Load) or basic(target.index))
        copied = Sym(seed).copy().expr if view else seed
        out = [Assign(new, copied, pos=stmt.pos), *(_swap_stmt(s, seed, new) for s in out)]
        rest = [dataclasses.replace(t, expr=_swap(t.expr, seed, new)) for t in rest]
        itself = [dataclasses.replace(t, expr=_swap(t.expr, seed, new)) for t in itself]
    settled: list[Stmt] = []
    if op not in ("+", "-", "at"):
        made = _settle(itself, seed, stmt, winners, _blank(facts, stmt))
        settled = [] if isinstance(made, Store) and not made.op and made.value == made.target else [made]
    if clash:
        out += settled
    adjoints.flush(rest, env, out, stmt.pos, lives_on=True)
    if not clash:
        out += settled
    adjoints.finish(chunk, walk, stmt, out)
    return chunk


def _reads_old(adjoints: StatementAdjoints, walk: Walk, target: Expr) -> bool:
    """Whether the answer reads old values of the part that is written (its new value is marked as the result)."""
    facts = adjoints.facts
    memory = facts.aliases.memory(root(target) or "")
    made = set(facts.adjoints.values())

    def reads(expr: Expr) -> bool:
        if isinstance(expr, Load) and isinstance(expr.base, Name) and expr.base.id not in made:
            if facts.aliases.memory(expr.base.id) == memory and expr.base == getattr(target, "base", None):
                return not disjoint(expr, target, adjoints.loops, facts) or reads(expr.index)
        if isinstance(expr, Name):
            return expr.id not in made and facts.is_shadow(expr.id) and facts.aliases.memory(expr.id) == memory
        return any(reads(child) for child in children(expr))

    values = [expr for s in statements(walk.stmts) for expr in expressions_of(s)]
    return any(map(reads, [*(t.expr for t in walk.terms), *values]))


def _blank(facts: Facts, stmt: Store) -> Expr:
    """A zero for the adjoint of a place: of an item of a list that is replaced, in the shape of what was there."""
    return facts.zero_of_item(stmt.target) if changes_list(stmt) else ZERO


def _settle(itself: list[Term], seed: Expr, stmt: Store, winners: Expr | None, blank: Expr) -> Stmt:
    """What becomes of the adjoint of the place that is written: scaled if its old value was read, else zero."""
    if itself:
        total, _ = add(itself)
        if winners is not None:
            total = _swap(total, Op("*", (seed, winners), kind=seed.kind), seed)
        op, value = factor(total, seed) or ("", total)
        return Store(in_place(seed) if op == "" else seed, value, op, pos=stmt.pos)
    return Store(in_place(seed) if not changes_list(stmt) else seed, blank, "", pos=stmt.pos)


def _to_value(seed: Expr, stmt: Store, walk: Walk) -> Expr:
    """The slot's adjoint, summed over the axes along which the value was broadcast into the slot."""
    target, value = stmt.target, stmt.value
    if changes_list(stmt):
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


def _winners(adjoints: StatementAdjoints, stmt: Store, walk: Walk) -> Expr | None:
    """With an index that may name an element twice the last value wins; the others get no adjoint."""
    if not isinstance(stmt.target, Load) or stmt.op == "at" or not isinstance(stmt.target.base.kind, Array):
        return None
    if not may_repeat(stmt.target.index):
        return None
    if not any(n in adjoints.facts.active for n in names_in(stmt.value)):
        return None
    helper = Prim(HELPERS["winners"], "winners")
    base, index = stmt.target.base, walk.index(stmt.target.index, stmt.target.base)
    kind = stmt.target.kind
    if isinstance(kind, Array):
        kind = dataclasses.replace(kind, dtype="bool")
    return Call(helper, (base, index), kind=kind)


def _hold_index(adjoints: StatementAdjoints, stmt: Store) -> tuple[Store, list[Stmt]]:
    """An index that reads what is written, or that is long to compute, is held in a variable."""
    target = stmt.target
    if not isinstance(target, Load):
        return stmt, []
    held: list[Stmt] = []
    name = root(target)
    assert name is not None
    facts = adjoints.facts
    written = facts.aliases.of(name)

    def hold(index: Expr) -> Expr:
        if isinstance(index, (Const, Name)):
            return index
        if isinstance(index, (Pack, BoolOp, Slice)):
            return rebuild(index, hold)
        walk = adjoints.walker(index, None, stmt.pos)
        holders = [n for n in names_in(index) if isinstance(facts.kinds.get(n), (Array, ListOf))]
        reads = any(facts.aliases.of(n) == written for n in holders)
        impure = any(isinstance(e, Call) for e in subexpressions(index))
        if not reads and not isinstance(index.kind, Array) and walk.cheap(index) and not impure:
            return index
        if id(index) not in adjoints.memo:
            hint = "mask" if getattr(index.kind, "dtype", "") == "bool" else "index"
            adjoints.memo[id(index)] = Name(facts.fresh(hint), kind=index.kind)
        held_name = adjoints.memo[id(index)]
        facts.kinds[held_name.id] = index.kind
        held.append(Assign(held_name, index, pos=stmt.pos))
        return held_name

    def through(place: Expr) -> Expr:
        if isinstance(place, Load):
            return dataclasses.replace(place, base=through(place.base), index=hold(place.index))
        return place

    new = through(target)
    return (dataclasses.replace(stmt, target=new) if held else stmt), held


# ---- small tools ---------------------------------------------------------------------------------------------


def _swap(expr: Expr, old: Expr, new: Expr) -> Expr:
    return new if expr == old else rebuild(expr, lambda child: _swap(child, old, new))


def _swap_stmt(stmt: Stmt, old: Expr, new: Expr) -> Stmt:
    return dataclasses.replace(stmt, value=_swap(stmt.value, old, new)) if isinstance(stmt, Assign) else stmt


def _reads(expr: Expr, seed: Expr, d_name: str) -> bool:
    return any(e == seed or (isinstance(e, Name) and e.id == d_name) for e in subexpressions(expr))
