"""What statements of the reverse sweep read of the forward sweep's state, as tokens.

A token is a variable, or the content of the arrays (or lists) of an alias class, where something writes it.
Needed: kinds and aliases. Given: the tokens of expressions and statements; a shape that never changes is no read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from srcgrad.ir.kinds import Array, DictOf, ListOf, Scalar
from srcgrad.ir.nodes import Call, Expr, Name, Pop, Push, Stmt, Store
from srcgrad.ir.walk import children, set_by, statements
from srcgrad.transform.reverse.chunks import Block, flatten_forward
from srcgrad.transform.reverse.facts import Facts
from srcgrad.transform.values import SHAPE_ONLY

Tokens = set[str]


def content(cls: str) -> str:
    """The token of what the arrays of an alias class hold."""
    return f"*{cls}"


def stable_names(facts: Facts) -> set[str]:
    """The variables whose shape is the same whenever they are set."""
    return {
        name for name, kind in facts.kinds.items()
        if isinstance(kind, Scalar)
        or (isinstance(kind, Array) and kind.dims is not None and all(d is not None for d in kind.dims))
    }  # fmt: skip


@dataclass
class Reads:
    """tracked: the variables of the forward sweep; stable: those whose shape is the same whenever they are set."""

    facts: Facts
    tracked: set[str]
    stable: set[str]

    @staticmethod
    def after(block: Block, facts: Facts) -> Reads:
        """The reads of what comes behind the forward sweep of a program."""
        tracked = {name for stmt in statements(flatten_forward(block)) for name in set_by(stmt)}
        return Reads(facts, tracked | facts.entry, stable_names(facts))

    def of(self, stmts: Iterable[Stmt]) -> Tokens:
        """What statements read."""
        found: Tokens = set()
        for stmt in statements(list(stmts)):
            for f in dataclasses.fields(stmt):
                value = getattr(stmt, f.name)
                if isinstance(value, Expr):
                    bound = f.name in ("target", "index", "out") and isinstance(value, Name)
                    if not bound or (isinstance(stmt, (Store, Push, Pop)) and f.name == "target"):
                        self.add(value, found)
                elif f.name == "args" and isinstance(value, tuple):
                    for item in value:
                        self.add(item, found)
        return found

    def add(self, expr: Expr, found: Tokens) -> None:
        """Add what an expression reads. A shape is no read where it does not change."""
        if isinstance(expr, Name):
            if expr.id in self.tracked:
                found.add(expr.id)
                self._add_content(expr.id, found)
            return
        if isinstance(expr, Call) and (expr.prim.fn in SHAPE_ONLY or expr.prim.text in ("unbroadcast", "zeros_like")):
            at = 1 if expr.prim.text == "unbroadcast" else 0
            for k, arg in enumerate(expr.args):
                if k == at and isinstance(arg, Name) and isinstance(arg.kind, (Array, Scalar)):
                    if arg.id not in self.stable and arg.id in self.tracked:
                        found.add(arg.id)
                    continue
                self.add(arg, found)
            for _, value in expr.kwargs:
                self.add(value, found)
            return
        for child in children(expr):
            self.add(child, found)

    def _add_content(self, name: str, found: Tokens) -> None:
        aliases = self.facts.aliases
        if not aliases.is_written(name) or not isinstance(self.facts.kinds.get(name), (Array, ListOf, DictOf)):
            return
        found.add(content(aliases.memory(name)))
        if name in aliases.lists and aliases.of(name) in aliases.written:
            found.add(content(aliases.of(name)))
