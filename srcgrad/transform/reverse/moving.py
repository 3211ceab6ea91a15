"""Variables whose adjoint is bound beside them in the forward sweep: what memory they share changes as it runs.

Invariant: wherever such a variable stands for a piece of memory, its adjoint stands for the same piece of the
adjoint's memory; so the binding of the adjoint is recorded and put back like any other.
"""

from __future__ import annotations

import dataclasses

from srcgrad.analysis.activity import flows
from srcgrad.errors import AliasError
from srcgrad.ir.kinds import Array, DictOf, ListOf, Scalar
from srcgrad.ir.nodes import Assign, Call, Const, Expr, Load, Name, Pack, Pop, Prim, Push, Stmt, Store
from srcgrad.ir.walk import names_in, root
from srcgrad.runtime import HELPERS
from srcgrad.transform.reverse.chunks import Chunk
from srcgrad.transform.reverse.facts import ZERO, ZERO_FLOAT
from srcgrad.transform.reverse.lists import pop, push
from srcgrad.transform.reverse.statements import Env, StatementAdjoints
from srcgrad.transform.reverse.stores import store
from srcgrad.transform.reverse.views import adjoint_view, view_check


def assign_moving(adjoints: StatementAdjoints, stmt: Assign, env: Env) -> list[Chunk]:
    """The adjoint is bound beside the variable: zeros at a birth, a view of the other's adjoint at an alias."""
    assert isinstance(stmt.target, Name)
    facts, name = adjoints.facts, stmt.target.id
    d = facts.adjoint(name)
    chunk = Chunk(stmt=stmt)
    if facts.buffers(stmt.value):
        binding = Chunk(stmt=Assign(d, adjoint_view(stmt.value, facts), pos=stmt.pos))
        if name in facts.aliases.unsure:
            chunk.after.append(view_check(stmt.target, stmt.value))
            binding.after.append(view_check(d, adjoint_view(stmt.value, facts)))
        return [chunk, binding]
    zero = stmt.value if _is_empty(stmt.value) else facts.zero(name)
    if not any(n in facts.active for n in flows(stmt.value)):
        return [chunk, Chunk(stmt=Assign(d, zero, pos=stmt.pos))]
    new, binding = birth(adjoints, stmt.target, stmt)
    walk = adjoints.walker(stmt.value, stmt.target, stmt.pos)
    walk.walk(stmt.value, new, False, name in facts.masked, name in facts.unbounded)
    if walk.reads_target and any(n == name for n in names_in(stmt.value)):
        walk = adjoints.walker(stmt.value, None, stmt.pos)
        walk.walk(stmt.value, new, False, name in facts.masked, name in facts.unbounded)
    walk.read_target()
    out = list(walk.stmts)
    adjoints.flush(walk.terms, env, out, stmt.pos)
    adjoints.finish(chunk, walk, stmt, out)
    return [chunk, binding]


def birth(adjoints: StatementAdjoints, target: Name, stmt: Stmt) -> tuple[Name, Chunk]:
    """The chunk that binds the adjoint of a new value, and the variable in which its answer leaves the adjoint."""
    facts = adjoints.facts
    d = facts.adjoint(target.id)
    new = Name(facts.temporary("d_new", (id(stmt), target.id)), kind=d.kind)
    facts.kinds[new.id] = d.kind
    binding = Chunk(stmt=Assign(d, facts.zero(target.id), pos=stmt.pos))
    binding.reverse, binding.reads_target, binding.restore_first = [Assign(new, d, pos=stmt.pos)], True, False
    return new, binding


def push_moving(adjoints: StatementAdjoints, stmt: Push, env: Env) -> list[Chunk]:
    """The list's adjoint, bound in the forward sweep, gets what the item's adjoint is, or a zero."""
    facts = adjoints.facts
    if not isinstance(stmt.value, Name) and not isinstance(stmt.value.kind, Scalar) and not _is_empty(stmt.value):
        if not facts.buffers(stmt.value):
            item = Name(facts.temporary("item", id(stmt)), kind=stmt.value.kind)
            facts.kinds[item.id] = item.kind
            facts.active.add(item.id)
            named = adjoints.once(stmt, dataclasses.replace(stmt, value=item))
            given = adjoints.once(named, Assign(item, stmt.value, pos=stmt.pos))
            if facts.aliases.of(root(stmt.target) or "") not in facts.aliases.written:
                # only the list has several names: what it holds is not written, and has an adjoint of its own
                pushed = push_moving(adjoints, named, env)
                return [adjoints.assign(given, env), *pushed]
            facts.aliases.union(item.id, root(stmt.target) or "")
            facts.moving.add(item.id)
            pushed = push_moving(adjoints, named, env)
            return [*assign_moving(adjoints, given, env), *pushed]
    chunk = push(adjoints, stmt, env)
    d_list = adjoint_view(stmt.target, facts)
    value: Expr
    if facts.buffers(stmt.value):
        value = adjoint_view(stmt.value, facts)
        chunk.reverse = [Pop(None, d_list, stmt.index, pos=stmt.pos)]
    elif isinstance(stmt.value.kind, Scalar):
        value = ZERO_FLOAT
    elif _is_empty(stmt.value):
        value = stmt.value
    elif isinstance(stmt.value, Name):
        value = Call(Prim(HELPERS["zeros_like"], "zeros_like"), (stmt.value,), kind=stmt.value.kind)
    else:
        raise AliasError("an array without a name is put into a list that has several", "Name it first.", stmt.pos)
    return [chunk, Chunk(stmt=Push(d_list, value, stmt.index, pos=stmt.pos))]


def store_moving(adjoints: StatementAdjoints, stmt: Store, env: Env) -> list[Chunk]:
    """`xs[i] = array`: the list's adjoint, bound in the forward sweep, gets the array's adjoint at the same place."""
    facts = adjoints.facts
    if _is_empty(stmt.value):
        return [Chunk(stmt=stmt), Chunk(stmt=Store(adjoint_view(stmt.target, facts), stmt.value, pos=stmt.pos))]
    written = facts.aliases.of(root(stmt.target) or "") in facts.aliases.written
    if not written and isinstance(stmt.value.kind, Array):
        # only the list has several names: what it holds is not written, and has an adjoint of its own
        place = adjoint_view(stmt.target, facts)
        return [store(adjoints, stmt, env), Chunk(stmt=Store(place, facts.zero_of_item(stmt.target), pos=stmt.pos))]
    if not facts.buffers(stmt.value):
        item = Name(facts.temporary("item", id(stmt)), kind=stmt.value.kind)
        facts.kinds[item.id] = item.kind
        facts.active.add(item.id)
        facts.aliases.union(item.id, root(stmt.target) or "")
        facts.moving.add(item.id)
        stored = store_moving(adjoints, adjoints.once(stmt, dataclasses.replace(stmt, value=item)), env)
        return [*assign_moving(adjoints, Assign(item, stmt.value, pos=stmt.pos), env), *stored]
    place = adjoint_view(stmt.target, facts)
    binding = Chunk(stmt=Store(place, adjoint_view(stmt.value, facts), pos=stmt.pos), undone=True)
    return [Chunk(stmt=stmt), binding]


def refuse_number(adjoints: StatementAdjoints, stmt: Store) -> None:
    """Refuse a number that takes the place of an array: the array's adjoint would be lost with it."""
    owner = stmt.target.base if isinstance(stmt.target, Load) else stmt.target
    kind = adjoints.facts.kinds.get(owner.id, owner.kind) if isinstance(owner, Name) else owner.kind
    if isinstance(kind, (ListOf, DictOf)) and isinstance(kind.item, Array):
        raise AliasError(
            "a number takes the place of an array in a list whose arrays are written in place",
            "Keep numbers and arrays in different lists.",
            stmt.pos,
        )


def pop_moving(adjoints: StatementAdjoints, stmt: Pop, env: Env) -> list[Chunk]:
    """The item's adjoint leaves the list's adjoint with the item, and comes back in the reverse sweep."""
    facts = adjoints.facts
    d_list = adjoint_view(stmt.target, facts)
    if stmt.out is None or stmt.out.id not in facts.moving:  # the item is not written: only the list has several names
        return [pop(adjoints, stmt, env), Chunk(stmt=Pop(None, d_list, stmt.index, pos=stmt.pos))]
    d_out = facts.adjoint(stmt.out.id)
    first = isinstance(stmt.index, Const) and stmt.index.value == 0
    binding = Chunk(stmt=Pop(d_out, d_list, stmt.index, pos=stmt.pos))
    binding.reverse = [Push(d_list, d_out, ZERO if first else None, pos=stmt.pos)]
    binding.reads_target, binding.restore_first = True, False
    return [Chunk(stmt=stmt), binding]


def _is_empty(value: Expr) -> bool:
    """Whether the value is a list without items: so is its adjoint."""
    return isinstance(value, Pack) and value.type == "list" and not value.items
