"""The passes over a generated function, in order, and the comments that tie it to its primal."""

from __future__ import annotations

import dataclasses
import linecache
from collections.abc import Sequence

from srcgrad.analysis.aliases import find_aliases
from srcgrad.ir.nodes import Comment, Invoke, Name, Pos, Return, Stmt
from srcgrad.ir.walk import blocks, statements, with_blocks
from srcgrad.optimize.copies import inline_single_uses, propagate_copies
from srcgrad.optimize.dead import remove_dead
from srcgrad.optimize.entry import drop_copies
from srcgrad.optimize.fold import fold
from srcgrad.optimize.names import share_names
from srcgrad.optimize.pops import rename_popped
from srcgrad.optimize.returns import early_returns
from srcgrad.optimize.shapes import reuse_shapes
from srcgrad.optimize.sink import sink_sums
from srcgrad.optimize.stores import remove_overwritten
from srcgrad.optimize.tidy import tidy
from srcgrad.transform.reverse.facts import Facts

MARK = Comment("reverse sweep")


def optimize(forward: Sequence[Stmt], reverse: Sequence[Stmt], end: Return, facts: Facts) -> list[Stmt]:
    """One block of statements from the two sweeps, with what nobody reads removed."""
    return finish(_passes((*forward, MARK, *reverse, end), set(), facts))


def optimize_forward(body: Sequence[Stmt], end: Return, facts: Facts, kept: set[str] | None = None) -> list[Stmt]:
    """The statements of a forward mode's function, with what nobody reads removed.

    kept: the arrays in which it leaves results.
    """
    return early_returns(_passes((*body, end), kept or set(), facts), facts.flags)


def optimize_part(body: Sequence[Stmt], kept: set[str], facts: Facts) -> list[Stmt]:
    """One of a pair of functions: what it leaves in the arrays `kept` counts as read."""
    return annotate(_passes(tuple(body), kept, facts), None)[0]


def _passes(body: tuple[Stmt, ...], kept: set[str], facts: Facts) -> tuple[Stmt, ...]:
    aliases = find_aliases(body)
    aliases.written |= {aliases.of(name) for name in _handed_to_writers(body, facts)}
    written = aliases.written | aliases.grown
    own = facts.made()
    body = tuple(remove_dead(remove_overwritten(body, aliases.of), kept, aliases.of))
    fewer = remove_overwritten(body, aliases.of)
    body = body if fewer == body else tuple(remove_dead(fewer, kept, aliases.of))
    if facts.watch is not None:
        body = facts.watch.checked(body, facts, MARK)
    shorter = reuse_shapes(body)
    body = body if shorter is body else tuple(remove_dead(shorter, kept, aliases.of))
    body = drop_copies(body, kept)
    body = tuple(propagate_copies(body, aliases.of, written, kept, lambda name: name in own))
    body = tuple(inline_single_uses(body, lambda name: name in own and name not in kept, aliases.of, aliases.written))
    body = tuple(sink_sums(body, aliases.of, aliases.written))
    body = tuple(inline_single_uses(body, lambda name: name in own and name not in kept, aliases.of, aliases.written))
    body = tuple(fold(body))
    body = tidy(rename_popped(remove_dead(body, kept, aliases.of)))
    hints = {name: hint for (hint, _), name in facts.temporaries.items()}
    return share_names(body, hints, facts.used - set(hints))


def _handed_to_writers(body: tuple[Stmt, ...], facts: Facts) -> set[str]:
    """The arrays that calls of generated functions may write into: what the program writes, and the transform's own."""
    given = {e.id for s in statements(body) if isinstance(s, Invoke) for e in s.args if isinstance(e, Name)}
    own = facts.made()
    return {name for name in given if facts.aliases.is_written(name) or name in own or name not in facts.kinds}


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
        if blocks(stmt):
            stmt = with_blocks(stmt, lambda inner: tuple(annotate(inner, None)[0]))
        elif where is not None and where != last and not isinstance(stmt, (Return, Comment)):
            stmt = dataclasses.replace(stmt, note=source_line(stmt.pos))
        if where is not None:
            last = where
        out.append(stmt)
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

