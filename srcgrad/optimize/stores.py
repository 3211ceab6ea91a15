"""Stores that nobody reads, or that change nothing.

Needed: stores name the part that they write. Given: of two stores to one part in a block, with nothing between them
that reads the array, only the second stays; a part whose copy is put back while it still holds the same is left alone.

    A[i, i] = tape_2.pop()
    A[i, i] = tape.pop()                  A[i, i] = tape.pop()

    C_old = C[:].copy()                   C_old = C[:].copy()
    C[:] = C_old

    d_C[:] = 0
    d_C += d_new * beta                   d_C[:] = d_new * beta
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from srcgrad.ir.kinds import Array
from srcgrad.ir.nodes import Assign, Call, Comment, Const, Expr, Load, Name, Pack, Pop, Push, Slice, Stmt, Store
from srcgrad.ir.walk import blocks, children, expressions_of, names_in, root, with_blocks
from srcgrad.optimize.memory import has_effect, shape_only


def remove_overwritten(body: tuple[Stmt, ...], classes: Callable[[str], str]) -> tuple[Stmt, ...]:
    """The body without stores whose value nothing can read."""
    out: list[Stmt] = []
    for stmt in body:
        stmt = with_blocks(stmt, lambda inner: remove_overwritten(inner, classes))
        if isinstance(stmt, Store) and not stmt.op and isinstance(stmt.target, Load):
            _drop_earlier(out, stmt, classes)
            if _holds_already(out, stmt, classes):
                continue
        elif isinstance(stmt, Store) and stmt.op == "+":
            stmt = _instead_of_zero(out, stmt, classes)
        out.append(stmt)
    return tuple(out)


def _instead_of_zero(out: list[Stmt], stmt: Store, classes: Callable[[str], str]) -> Store:
    """What is added to a whole array that has just been set to zero is assigned: `d[:] = 0` goes."""
    if not isinstance(stmt.target, Name) or not isinstance(stmt.target.kind, Array):
        return stmt
    name = stmt.target.id
    if _reads(stmt.value, name, classes):
        return stmt
    for k in range(len(out) - 1, -1, -1):
        earlier = out[k]
        if isinstance(earlier, Store) and not earlier.op and earlier.value == Const(0) and _whole(earlier.target, name):
            del out[k]
            return replace(stmt, target=earlier.target, op="")
        if isinstance(earlier, Comment):
            continue
        if not isinstance(earlier, Assign) or not isinstance(earlier.target, Name) or earlier.target.id == name:
            return stmt
        if _reads(earlier.value, name, classes) or has_effect(earlier.value):
            return stmt
    return stmt


def _whole(target: Expr, name: str) -> bool:
    """Whether the target of a store is `name[:]`, of as many axes as there may be."""
    if not isinstance(target, Load) or not isinstance(target.base, Name) or target.base.id != name:
        return False
    index = target.index
    parts = index.items if isinstance(index, Pack) else (index,)
    return all(part == Slice(None, None, None) or part == Const(Ellipsis) for part in parts)


def _holds_already(out: list[Stmt], stmt: Store, classes: Callable[[str], str]) -> bool:
    """Whether a part is given a copy of itself that was taken before, and nothing has changed either since."""
    name, value = root(stmt.target), stmt.value
    if name is None or not isinstance(value, Name) or not isinstance(stmt.target, Load):
        return False
    if not isinstance(value.kind, Array) or not isinstance(stmt.target.kind, Array):
        return False
    fixed = {name, value.id, *names_in(stmt.target)}
    for earlier in reversed(out):
        if isinstance(earlier, Assign) and earlier.target == value:
            copied = earlier.value
            return isinstance(copied, Call) and copied.prim.fn is np.copy and copied.args == (stmt.target,)
        if isinstance(earlier, Comment):
            continue
        if not isinstance(earlier, (Assign, Store, Push, Pop)) or blocks(earlier):
            return False
        bound = earlier.out if isinstance(earlier, Pop) else earlier.target
        if isinstance(earlier, (Assign, Pop)) and isinstance(bound, Name) and bound.id in fixed:
            return False
        if not isinstance(earlier, Assign):
            written = root(earlier.target)
            if written is None or classes(written) in {classes(other) for other in fixed}:
                return False
    return False


def _drop_earlier(out: list[Stmt], stmt: Store, classes: Callable[[str], str]) -> None:
    """Remove the last store that writes the same part, if nothing between touches the array."""
    name = root(stmt.target)
    if name is None or _reads(stmt.value, name, classes) or _index_reads(stmt.target, name, classes):
        return
    index_names = set(names_in(stmt.target)) - {name}
    index_classes = {classes(index) for index in index_names}
    for k in range(len(out) - 1, -1, -1):
        earlier = out[k]
        if isinstance(earlier, Store) and not earlier.op and earlier.target == stmt.target:
            if not has_effect(earlier.value):
                del out[k]
            return
        if isinstance(earlier, Comment):
            continue
        if not isinstance(earlier, (Assign, Store, Push, Pop)) or blocks(earlier):
            return
        target = earlier.out if isinstance(earlier, Pop) else earlier.target
        if isinstance(target, Name) and target.id in index_names | {name}:
            return
        if not isinstance(earlier, Assign) and classes(root(earlier.target) or name) in index_classes:
            return
        for expr in expressions_of(earlier):
            if not (isinstance(earlier, Assign) and expr is earlier.target) and _reads(expr, name, classes):
                return


def _index_reads(target: Expr, name: str, classes: Callable[[str], str]) -> bool:
    """Whether the place depends on what the array holds: `x[x > 0]` is another one after each write."""
    while isinstance(target, Load):
        if _reads(target.index, name, classes):
            return True
        target = target.base
    return False


def _reads(expr: Expr, name: str, classes: Callable[[str], str]) -> bool:
    """Whether an expression reads what an array holds, or what shares memory with it; not only its shape."""
    if isinstance(expr, Name):
        return classes(expr.id) == classes(name)
    only = shape_only(expr)
    return any(
        _reads(child, name, classes) for k, child in enumerate(children(expr))
        if k != only or not isinstance(child, Name) or not isinstance(child.kind, Array)
    )  # fmt: skip
