"""Shapes are taken from a variable that is there anyway.

Needed: nothing. Given: a variable of which only the shape is read gives way to another of the same known shape and
dtype, so that it need not be computed.

    d_y = np.zeros_like(log_probs)        d_y = np.zeros_like(logits)
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from srcgrad.ir.kinds import Array
from srcgrad.ir.nodes import Assign, Call, Expr, Name, Stmt
from srcgrad.ir.walk import children, expressions_of, rebuild, set_by, statements, with_blocks

LIKE = {np.zeros_like, np.ones_like, np.full_like}


def reuse_shapes(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """The body with shapes read from variables whose values are read too."""
    values: set[str] = set()
    only: dict[str, Name] = {}
    order: list[Name] = []
    set_once: dict[str, int] = {}
    for stmt in statements(body):
        for expr in expressions_of(stmt):
            if isinstance(stmt, Assign) and expr is stmt.target:
                continue
            _reads(expr, values, only)
        for name in set_by(stmt):
            set_once[name] = set_once.get(name, 0) + 1
    for stmt in body:
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name) and set_once[stmt.target.id] == 1:
            order.append(stmt.target)
    table: dict[str, Name] = {}
    for name, node in only.items():
        if name in values or not _known(node):
            continue
        found = next((o for o in order if o.id in values and o.kind == node.kind and o.id != name), None)
        place = next((k for k, o in enumerate(order) if o.id == name), None)
        if found is not None and place is not None and order.index(found) < place:
            table[name] = found
    return tuple(_rewrite(stmt, table) for stmt in body) if table else body


def _known(node: Name) -> bool:
    return isinstance(node.kind, Array) and node.kind.dims is not None and all(d is not None for d in node.kind.dims)


def _reads(expr: Expr, values: set[str], only: dict[str, Name]) -> None:
    if isinstance(expr, Name):
        values.add(expr.id)
        return
    if isinstance(expr, Call) and expr.prim.fn in LIKE and isinstance(expr.args[0], Name):
        only[expr.args[0].id] = expr.args[0]
        for child in expr.args[1:]:
            _reads(child, values, only)
        return
    for child in children(expr):
        _reads(child, values, only)


def _rewrite(stmt: Stmt, table: dict[str, Name]) -> Stmt:
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(stmt):
        value = getattr(stmt, f.name)
        if isinstance(value, Expr):
            changes[f.name] = _replace(value, table)
    stmt = dataclasses.replace(stmt, **changes) if changes else stmt
    return with_blocks(stmt, lambda inner: tuple(_rewrite(s, table) for s in inner))


def _replace(expr: Expr, table: dict[str, Name]) -> Expr:
    if isinstance(expr, Call) and expr.prim.fn in LIKE:
        source = expr.args[0]
        if isinstance(source, Name) and source.id in table:
            rest = tuple(_replace(arg, table) for arg in expr.args[1:])
            return dataclasses.replace(expr, args=(table[source.id], *rest))
    return rebuild(expr, lambda child: _replace(child, table))
