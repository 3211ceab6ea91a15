"""Copies of arguments that nothing writes.

Arguments that the program overwrites are copied first. Where the stores have turned out to be needless - the gradient
reads only the shape of an output, say - the copy is, too.

Needs: no dead stores. Given: the same program, in which `x = x.copy()` stands only where x, or what shares memory with
it, is written or leaves the function.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from srcgrad.analysis.aliases import find_aliases, sources
from srcgrad.ir.kinds import Array, Scalar
from srcgrad.ir.nodes import Assign, Call, Effect, Expr, Hook, Invoke, Name, Pack, Prim, Return, Stmt
from srcgrad.ir.walk import expressions_of, names_in, statements


def drop_copies(body: tuple[Stmt, ...], kept: Collection[str]) -> tuple[Stmt, ...]:
    """The body without needless copies of arguments. kept: the arrays in which the function leaves results."""
    copied = {name: stmt for stmt in body if (name := _copied(stmt)) is not None}
    if not copied:
        return body
    aliases = find_aliases(body)
    busy = {aliases.of(name) for name in kept}
    for stmt in statements(body):
        match stmt:
            case Return(value=value) if value is not None:
                busy |= {aliases.of(name) for name in _leaving(value)}
            case Invoke() | Effect() | Hook():  # whoever is called may write
                busy |= {aliases.of(name) for expr in expressions_of(stmt) for name in names_in(expr)}
    gone = {
        id(stmt) for name, stmt in copied.items()
        if aliases.of(name) not in aliases.written | aliases.grown | busy
    }  # fmt: skip
    return tuple(stmt for stmt in body if id(stmt) not in gone) if gone else body


def _leaving(expr: Expr) -> Iterator[str]:
    """The variables whose arrays may be part of what is returned."""
    if isinstance(expr, Pack):
        for item in expr.items:
            yield from _leaving(item)
    elif isinstance(expr.kind, (Array, Scalar)):
        yield from (name for name, _ in sources(expr))
    else:  # an object, say
        yield from names_in(expr)


def _copied(stmt: Stmt) -> str | None:
    """x, of `x = x.copy()`."""
    match stmt:
        case Assign(target=Name(id=name), value=Call(prim=Prim(fn=np.copy), args=(Name(id=same),), kwargs=())):
            return name if name == same else None
    return None
