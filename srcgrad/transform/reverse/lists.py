"""The reverse of `append`, `insert` and `pop`.

Invariant: the list's adjoint has as many items as the list had at that place of the forward sweep, so it loses an
item where the list gained one, and gains one where the list lost one.
"""

from __future__ import annotations

import dataclasses

from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import ListOf, Scalar
from srcgrad.ir.nodes import Const, Expr, Name, Pop, Push, Stmt
from srcgrad.ir.walk import root
from srcgrad.transform.reverse.chunks import Chunk
from srcgrad.transform.reverse.facts import ZERO, ZERO_FLOAT
from srcgrad.transform.reverse.statements import Env, StatementAdjoints, mark


def push(adjoints: StatementAdjoints, stmt: Push, env: Env) -> Chunk:
    """xs.append(e): the adjoint of e is the last item of the list's adjoint."""
    facts = adjoints.facts
    chunk = Chunk(stmt=stmt)
    name = root(stmt.target)
    assert name is not None
    if name not in facts.active or not adjoints.present(name, env):
        return chunk
    d_list = adjoints.adjoint_of(stmt.target)
    walk = adjoints.walker(stmt.value, None, stmt.pos)
    item = Name(facts.temporary("d_item", id(stmt)), kind=stmt.value.kind)
    facts.kinds[item.id] = stmt.value.kind
    index = walk.need(stmt.index) if stmt.index is not None else None
    walk.walk(stmt.value, item, False, name in facts.masked, name in facts.unbounded)
    out: list[Stmt] = [Pop(item if walk.terms or walk.stmts else None, d_list, index, pos=stmt.pos), *walk.stmts]
    adjoints.flush(walk.terms, env, out, stmt.pos)
    adjoints.finish(chunk, walk, stmt, out)
    return chunk


def pop(adjoints: StatementAdjoints, stmt: Pop, env: Env) -> Chunk:
    """v = xs.pop(): the adjoint of v goes back to the end of the list's adjoint."""
    facts = adjoints.facts
    chunk = Chunk(stmt=stmt)
    name = root(stmt.target)
    assert name is not None
    out_name = stmt.out.id if stmt.out is not None else None
    d_out = facts.adjoint(out_name) if out_name is not None and out_name in env else None
    if name not in facts.active or (not adjoints.present(name, env) and d_out is None):
        if out_name is not None:
            env.pop(out_name, None)
        return chunk
    if stmt.index is not None and not (isinstance(stmt.index, Const) and stmt.index.value in (0, -1)):
        raise UnsupportedError("`pop` at this index is not supported", "Pop from an end of the list.", stmt.pos)
    out: list[Stmt] = []
    adjoints.ensure(name, env, out, stmt.pos)
    d_list = adjoints.adjoint_of(stmt.target)
    zero: Expr = ZERO_FLOAT
    if d_out is None and isinstance(stmt.target.kind, ListOf) and not isinstance(stmt.target.kind.item, Scalar):
        if stmt.out is None:  # it is dropped, but its adjoint has its shape
            dropped = Name(adjoints.named(stmt, "popped", "popped"), kind=stmt.target.kind.item)
            facts.kinds[dropped.id] = dropped.kind
            chunk.stmt = dataclasses.replace(stmt, out=dropped)
            zero = facts.zero(dropped.id)
        else:
            zero = facts.zero(stmt.out.id)
    first = isinstance(stmt.index, Const) and stmt.index.value == 0
    out.append(Push(d_list, d_out if d_out is not None else zero, ZERO if first else None, pos=stmt.pos))
    if out_name is not None:
        env.pop(out_name, None)
    chunk.reverse = [mark(s, stmt) for s in out]
    # the list's adjoint starts with the length that the list has behind the pop
    chunk.reads_target, chunk.restore_first = True, False
    return chunk
