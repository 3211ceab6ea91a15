"""Early returns: where nothing but the flag of a jump stands between a loop's exit and the end, return at once.

        result = acc * acc                      result = acc * acc
        returned = True                         return result
        break                   becomes
    if not returned:                        result = acc
        result = acc                        return result
    return result

Forward mode needs no flags, since nothing runs backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from srcgrad.ir.nodes import Assign, BoolOp, Break, Const, Expr, For, If, Name, Op, Return, Stmt, While
from srcgrad.ir.walk import expressions_of, names_in, set_by, statements, with_blocks


def early_returns(body: Sequence[Stmt], flags: set[str]) -> list[Stmt]:
    """The body with such flags removed. flags: the variables of jumps."""
    if len(body) < 2 or not isinstance(body[-1], Return) or not isinstance(body[-2], If):
        return list(body)
    *rest, last, end = body
    assert isinstance(last, If) and isinstance(end, Return)
    wanted = _flags_of(last.test)
    if last.orelse or not wanted or not wanted <= flags:
        return list(body)
    shorter = _without(rest, wanted, end)
    if any(wanted & {*set_by(s), *(n for e in expressions_of(s) for n in names_in(e))} for s in statements(shorter)):
        return list(body)
    return [*shorter, *last.body, end]


def _flags_of(test: Expr) -> set[str]:
    """a, b of `not (a or b)` and `not a`."""
    return _any_of(test.args[0]) if isinstance(test, Op) and test.op == "not" else set()


def _any_of(test: Expr) -> set[str]:
    """a, b of `a or b` and `a`."""
    items = test.items if isinstance(test, BoolOp) and test.op == "or" else (test,)
    names = [item.id for item in items if isinstance(item, Name)]
    return set(names) if len(names) == len(items) else set()


def _without(block: Sequence[Stmt], flags: set[str], end: Return, looped: bool = False) -> list[Stmt]:
    """The block with returns in place of the flags' jumps. looped: it is part of a loop, which only a break leaves."""
    out: list[Stmt] = []
    raised = False
    for stmt in block:
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name) and stmt.target.id in flags:
            raised = stmt.value == Const(True)
            if not raised and stmt.value != Const(False):
                out.append(stmt)
            continue
        if raised and isinstance(stmt, Break):
            out.append(end)
            return out
        if raised:
            out.append(_raise(flags))
        raised = False
        if isinstance(stmt, If) and _any_of(stmt.test) and _any_of(stmt.test) <= flags:
            if len(stmt.body) == 1 and isinstance(stmt.body[0], Break):
                out += _without(stmt.orelse, flags, end, looped)
                continue
        if isinstance(stmt, If) and stmt.guard and _flags_of(stmt.test) and _flags_of(stmt.test) <= flags:
            out += _without(stmt.body, flags, end, looped)
            continue
        inside = looped or isinstance(stmt, (For, While))
        out.append(with_blocks(stmt, partial(_inner, flags=flags, end=end, looped=inside)))
    if raised:  # outside of loops all that follows is guarded by the flag
        out.append(_raise(flags) if looped else end)
    return out


def _inner(block: tuple[Stmt, ...], flags: set[str], end: Return, looped: bool) -> tuple[Stmt, ...]:
    return tuple(_without(block, flags, end, looped))


def _raise(flags: set[str]) -> Stmt:
    """A flag that is set without its jump: it stays, and so nothing is changed."""
    return Assign(Name(min(flags)), Const(True))
