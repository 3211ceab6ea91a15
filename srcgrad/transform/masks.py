"""Which adjoints may be exactly zero because a choice (np.where, maximum, a mask) went the other way.

Only for those do rules with singular partials print their guarded form (DESIGN D12).
"""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.analysis.activity import changes_adjoint, flows
from srcgrad.ir.nodes import Assign, Call, Expr, Hook, Load, Name, Stmt, Store
from srcgrad.ir.walk import children, root, statements
from srcgrad.transform.reverse.expressions import MASKING


def find_masked(body: Sequence[Stmt], active: set[str]) -> set[str]:
    """The variables whose adjoint may have been masked."""
    masked: set[str] = set()
    edges: list[tuple[str, str]] = []
    for stmt in statements(list(body)):
        if isinstance(stmt, (Assign, Store)):
            target = stmt.target.id if isinstance(stmt.target, Name) else root(stmt.target)
            if target is None or target not in active:
                continue
            edges += [(target, name) for name in flows(stmt.value)]
            _mark(stmt.value, False, masked)
            if isinstance(stmt, Store) and isinstance(stmt.target, Load) and _boolean(stmt.target.index):
                masked.add(target)
        elif isinstance(stmt, Hook) and changes_adjoint(stmt.source):
            masked |= set(flows(stmt.value)) & active  # a block on an adjoint may set zeros
    again = True
    while again:
        again = False
        for target, name in edges:
            if target in masked and name not in masked:
                masked.add(name)
                again = True
    return masked


def _boolean(index: Expr) -> bool:
    return getattr(index.kind, "dtype", "") == "bool" or any(_boolean(child) for child in children(index))


def _mark(expr: Expr, under: bool, masked: set[str]) -> None:
    if isinstance(expr, Name):
        if under:
            masked.add(expr.id)
        return
    inner = under or (isinstance(expr, Call) and expr.prim.fn in MASKING)
    inner = inner or (isinstance(expr, Load) and _boolean(expr.index))
    for child in children(expr):
        _mark(child, inner, masked)
