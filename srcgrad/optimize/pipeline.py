"""The passes over a generated function, in order, and the comments that tie it to its primal."""

from __future__ import annotations

import dataclasses
import linecache
from collections.abc import Sequence
from typing import TYPE_CHECKING

from srcgrad.analysis.aliases import find_aliases
from srcgrad.ir.nodes import Assign, Comment, If, Name, Pos, Return, Stmt
from srcgrad.optimize.dead import remove_dead

if TYPE_CHECKING:
    from srcgrad.transform.reverse.facts import Facts

MARK = Comment("reverse sweep")


def optimize(
    forward: Sequence[Stmt], reverse: Sequence[Stmt], end: Return, facts: Facts, entry: set[str]
) -> list[Stmt]:
    """One block of statements from the two sweeps, with what nobody reads removed."""
    body = (*forward, MARK, *reverse, end)
    aliases = find_aliases(body)
    body = tuple(remove_dead(body, set(), aliases.of))
    return finish(body)


def optimize_part(body: Sequence[Stmt], kept: set[str], facts: Facts) -> list[Stmt]:
    """One of a pair of functions: what it leaves in the arrays `kept` counts as read."""
    aliases = find_aliases(body)
    found = remove_dead(tuple(body), kept, aliases.of)
    return annotate(found, None)[0]


def finish(body: Sequence[Stmt]) -> list[Stmt]:
    """Comments: the names of the sweeps, and behind each adjoint statement the primal statement that it answers."""
    at = next((k for k, s in enumerate(body) if isinstance(s, Comment) and s.text == MARK.text), None)
    if at is None:
        return list(body)
    forward, reverse = list(body[:at]), list(body[at + 1 :])
    noted = annotate(reverse, None)[0]
    if not forward:
        return noted
    return [Comment("forward sweep"), *forward, Comment(""), MARK, *noted]


def annotate(block: Sequence[Stmt], last: tuple[str, int] | None) -> tuple[list[Stmt], tuple[str, int] | None]:
    """Give the first adjoint statement of each primal line that line as its note."""
    out: list[Stmt] = []
    for stmt in block:
        where = (stmt.pos.file, stmt.pos.line) if stmt.pos is not None else None
        changes: dict[str, object] = {}
        compound = False
        for name in ("body", "orelse"):
            inner = getattr(stmt, name, None)
            if isinstance(inner, tuple) and not isinstance(stmt, Assign):
                compound = True
                noted, _ = annotate(inner, None)
                changes[name] = tuple(noted)
        if not compound and where is not None and where != last and not isinstance(stmt, (Return, Comment)):
            changes["note"] = source_line(stmt.pos)
        if where is not None:
            last = where
        out.append(dataclasses.replace(stmt, **changes) if changes else stmt)  # type: ignore[arg-type]
    return out, last


def source_line(pos: Pos | None) -> str:
    """The user's line, without its comment."""
    if pos is None:
        return ""
    line = linecache.getline(pos.file, pos.line).strip()
    if "  #" in line:
        line = line.split("  #")[0].rstrip()
    if line.startswith("return "):
        line = line[len("return ") :]
    return line


_ = (If, Name)
