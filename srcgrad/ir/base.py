"""What all nodes of the intermediate representation have: a place in the user's source, a kind, a note.

Nodes are values: frozen, compared by what they say and not by where they stand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from srcgrad.ir.kinds import BOTTOM, Kind


@dataclass(frozen=True)
class Pos:
    """A place in the user's source: file, line (1-based), columns (0-based, end exclusive, -1 if unknown)."""

    file: str
    line: int
    col: int
    end_col: int = -1


@dataclass(frozen=True)
class Node:
    """Anything with a place in the user's source; the place takes no part in comparison."""

    pos: Pos | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Expr(Node):
    """Base of expressions. kind: set in the typed dialect."""

    kind: Kind = field(default=BOTTOM, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Stmt(Node):
    """Base of statements. note: text of a trailing comment in generated code."""

    note: str = field(default="", compare=False, repr=False, kw_only=True)
