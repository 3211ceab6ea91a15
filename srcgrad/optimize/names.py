"""Short names for temporaries: d_new in each place, where d_new_2 was needed only to tell it from another one.

Needed: temporaries are set before they are read within the stretch of statements that holds them. Given: the same
program, in which temporaries of one kind share a name wherever their stretches do not overlap.

    d_new_2 = 0.5 * d_y                   d_new = 0.5 * d_y
    d_x += d_new_2 / y                    d_x += d_new / y
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from srcgrad.ir.kinds import Kind
from srcgrad.ir.nodes import Expr, Name, Stmt
from srcgrad.ir.walk import blocks, expressions_of, names_in, statements, subexpressions, substitute, with_blocks


def share_names(body: tuple[Stmt, ...], hints: dict[str, str], taken: set[str]) -> tuple[Stmt, ...]:
    """The body with temporaries renamed. hints: temporary -> the name it would like; taken: names of others."""
    present = {n for s in statements(body) for e in expressions_of(s) for n in names_in(e)}
    hints = {name: hint for name, hint in hints.items() if name in present}
    others = (present | taken) - set(hints)
    table: dict[str, str] = {}
    _choose(body, set(hints), hints, others, table)
    return _renamed(body, {name: new for name, new in table.items() if name != new})


def _choose(
    block: Sequence[Stmt], open_names: set[str], hints: dict[str, str], busy: set[str], table: dict[str, str]
) -> None:
    """Give names to the temporaries that occur only in this block, and not only in one of its statements' blocks."""
    found: dict[str, list[int]] = {}
    own: set[tuple[int, str]] = set()  # names that a statement uses outside of its blocks, or in more than one of them
    for k, stmt in enumerate(block):
        direct = {n for e in expressions_of(stmt) for n in names_in(e)} & open_names
        parts = [direct, *({n for s in inner for n in _names(s)} & open_names for inner in blocks(stmt))]
        for name in set().union(*parts):
            found.setdefault(name, []).append(k)
            if name in direct or sum(name in part for part in parts) > 1:
                own.add((k, name))
    here = {name: (ks[0], ks[-1]) for name, ks in found.items() if len(ks) > 1 or (ks[0], name) in own}
    chosen: dict[str, tuple[int, int]] = {}
    for name in sorted(here, key=lambda n: (here[n], n)):
        first, last = here[name]
        clash = {table[o] for o, (a, b) in chosen.items() if a <= last and first <= b}
        hint, new, number = hints[name], hints[name], 2
        while new in busy or new in clash:
            new, number = f"{hint}_{number}", number + 1
        table[name] = new
        chosen[name] = here[name]
    rest = open_names - set(here)
    for k, stmt in enumerate(block):
        inside = {table[o] for o, (a, b) in chosen.items() if a <= k <= b}
        for inner in blocks(stmt):
            _choose(inner, rest, hints, busy | inside, table)


def _names(stmt: Stmt) -> set[str]:
    return {n for s in statements([stmt]) for e in expressions_of(s) for n in names_in(e)}


def _renamed(block: tuple[Stmt, ...], table: dict[str, str]) -> tuple[Stmt, ...]:
    return tuple(_rename(stmt, table) for stmt in block)


def _rename(stmt: Stmt, table: dict[str, str]) -> Stmt:
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(stmt):
        value = getattr(stmt, f.name)
        if isinstance(value, Expr):
            changes[f.name] = _swap(value, table)
        elif isinstance(value, tuple) and value and isinstance(value[0], Expr):
            changes[f.name] = tuple(_swap(v, table) for v in value)
    stmt = dataclasses.replace(stmt, **changes) if changes else stmt
    return with_blocks(stmt, lambda inner: _renamed(inner, table))


def _swap(expr: Expr, table: dict[str, str]) -> Expr:
    names = {e for e in names_in(expr) if e in table}
    if not names:
        return expr
    return substitute(expr, {n: Name(table[n], kind=_kind(expr, n)) for n in names})


def _kind(expr: Expr, name: str) -> Kind:
    return next(e.kind for e in subexpressions(expr) if isinstance(e, Name) and e.id == name)
