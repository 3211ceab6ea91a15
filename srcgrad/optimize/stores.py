"""A value that is put back and overwritten before anybody reads it need not be put back.

Needed: stores name the part that they write. Given: of two stores to one part in a block, with nothing between them
that reads the array, only the second stays.

    A[i, i] = tape_2.pop()
    A[i, i] = tape.pop()                  A[i, i] = tape.pop()
"""

from __future__ import annotations

from collections.abc import Callable

from srcgrad.ir.nodes import Assign, Expr, Load, Name, Pop, Push, Stmt, Store
from srcgrad.ir.walk import blocks, children, expressions_of, names_in, root, with_blocks


def remove_overwritten(body: tuple[Stmt, ...], classes: Callable[[str], str]) -> tuple[Stmt, ...]:
    """The body without stores whose value nothing can read."""
    out: list[Stmt] = []
    for stmt in body:
        stmt = with_blocks(stmt, lambda inner: remove_overwritten(inner, classes))
        if isinstance(stmt, Store) and not stmt.op and isinstance(stmt.target, Load):
            _drop_earlier(out, stmt, classes)
        out.append(stmt)
    return tuple(out)


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
            if not _reads(earlier.value, name, classes):
                del out[k]
            return
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
    if isinstance(expr, Name):
        return classes(expr.id) == classes(name)
    return any(_reads(child, name, classes) for child in children(expr))
