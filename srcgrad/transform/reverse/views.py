"""The adjoint of a view is the same view of the adjoint."""

from __future__ import annotations

import dataclasses

from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import NONE, Scalar
from srcgrad.ir.nodes import Call, Cond, Effect, Expr, Load, Name, Pack, Prim, Stmt
from srcgrad.ir.walk import subexpressions
from srcgrad.runtime import HELPERS
from srcgrad.transform.reverse.facts import ZERO_FLOAT, Facts


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
        items = (ZERO_FLOAT if isinstance(item.kind, Scalar) else adjoint_view(item, facts) for item in expr.items)
        return dataclasses.replace(expr, items=tuple(items))
    if isinstance(expr, Call):
        return dataclasses.replace(expr, args=(adjoint_view(expr.args[0], facts), *expr.args[1:]))
    if isinstance(expr, Cond):
        return dataclasses.replace(expr, body=adjoint_view(expr.body, facts), orelse=adjoint_view(expr.orelse, facts))
    raise UnsupportedError("the memory that this shares cannot be followed", pos=expr.pos)
