"""What a rule's expressions compute twice.

Given: the shortest call that occurs twice, where it is of whole arrays; a variable takes its place.

    return -np.outer(np.linalg.solve(A.T, d), x), np.linalg.solve(A.T, d)
"""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.ir.kinds import rank
from srcgrad.ir.nodes import Call, Expr, Op
from srcgrad.ir.walk import rebuild, subexpressions
from srcgrad.rules.registry import lookup
from srcgrad.runtime import HELPERS


def repeated(exprs: Sequence[Expr]) -> Expr | None:
    """The shortest part of the expressions that occurs twice and is worth a variable, None where there is none."""
    parts = [part for expr in exprs for part in subexpressions(expr) if is_of_whole_arrays(part)]
    again = [part for k, part in enumerate(parts) if part in parts[:k]]
    return min(again, key=lambda part: sum(1 for _ in subexpressions(part)), default=None)


def is_of_whole_arrays(expr: Expr) -> bool:
    """Whether an expression takes more work than one step for each element: a product, a system, a decomposition."""
    if isinstance(expr, Op):
        return expr.op == "@" and rank(expr.kind) != 0
    if not isinstance(expr, Call) or expr.prim.style != "function" or rank(expr.kind) == 0:
        return False
    rule = lookup(expr.prim.fn)
    if rule is None:
        return HELPERS.get(expr.prim.text) is expr.prim.fn
    return rule.form == "general" and rule.view == "never"


def swapped(expr: Expr, old: Expr, new: Expr) -> Expr:
    """The expression with `new` wherever `old` stands."""
    return new if expr == old else rebuild(expr, lambda child: swapped(child, old, new))
