"""Which adjoints may be exactly zero because a choice (np.where, maximum, a mask) went the other way.

Only for those do rules with singular partials print their guarded form (DESIGN D12).
"""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.analysis.activity import changes_adjoint, flows
from srcgrad.ir.nodes import Assign, Call, Const, Expr, Hook, Load, Name, Op, Pop, Push, Stmt, Store
from srcgrad.ir.walk import children, root, statements, subexpressions
from srcgrad.rules.registry import OPS, lookup
from srcgrad.transform.values import MASKING


def find_masked(body: Sequence[Stmt], active: set[str]) -> set[str]:
    """The variables whose adjoint may have been masked."""
    masked: set[str] = set()
    edges: list[tuple[str, str]] = []
    for stmt in statements(list(body)):
        if isinstance(stmt, Pop) and stmt.out is not None:
            edges.append((stmt.out.id, root(stmt.target) or ""))
        if isinstance(stmt, (Assign, Store, Push)):
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


def find_unbounded(body: Sequence[Stmt], active: set[str]) -> set[str]:
    """The variables whose adjoint may be infinite: what is computed from them has singular partial derivatives."""
    found: set[str] = set()
    edges: list[tuple[str, str]] = []
    for stmt in statements(list(body)):
        if isinstance(stmt, Pop) and stmt.out is not None:
            edges.append((stmt.out.id, root(stmt.target) or ""))
        if isinstance(stmt, (Assign, Store, Push)):
            target = stmt.target.id if isinstance(stmt.target, Name) else root(stmt.target)
            if target is not None and target in active:
                edges += [(target, name) for name in flows(stmt.value)]
                for expr in subexpressions(stmt.value):
                    if isinstance(expr, (Call, Op)) and is_singular(expr):
                        found |= {name for arg in children(expr) for name in flows(arg)}
    again = True
    while again:
        more = {name for target, name in edges if target in found} - found
        found |= more
        again = bool(more)
    return found


def is_singular(expr: Call | Op) -> bool:
    """Whether a call may have infinite partial derivatives."""
    fn = OPS.get(expr.op) if isinstance(expr, Op) else expr.prim.fn
    rule = lookup(fn) if fn is not None else None
    if isinstance(expr, Op) and expr.op in ("/", "**") and isinstance(expr.args[1], Const):
        value = expr.args[1].value  # of a number by a constant: finite, but for roots
        return not isinstance(value, (int, float)) or (expr.op == "**" and value < 1) or not value
    return rule is not None and rule.singular


def find_masked_tangents(body: Sequence[Stmt], active: set[str]) -> set[str]:
    """The variables whose tangent may have been masked: those computed from what a choice gave."""
    masked: set[str] = set()
    while True:
        before = len(masked)
        for stmt in statements(list(body)):
            match stmt:
                case Assign(target=Name(id=name), value=value) if masks(value, masked):
                    masked.add(name)
                case Store(target=target, value=value) | Push(target=target, value=value):
                    chosen = isinstance(target, Load) and _boolean(target.index)
                    if chosen or masks(value, masked):
                        masked.add(root(target) or "")
                case Pop(out=Name(id=name), target=target) if masks(target, masked):
                    masked.add(name)
        masked &= active
        if len(masked) == before:
            return masked


def masks(expr: Expr, masked: set[str]) -> bool:
    """Whether an expression chooses among values, or reads what is masked."""
    if isinstance(expr, Name):
        return expr.id in masked
    if isinstance(expr, Call) and expr.prim.fn in MASKING:
        return True
    if isinstance(expr, Load) and _boolean(expr.index):
        return True
    return any(masks(child, masked) for child in children(expr))


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
