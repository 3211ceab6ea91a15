"""Facts about one trip of a loop: what it sets, what it reads before that, and where it is over.

Needed: the chunks of the loop's body. Given: which variables every trip sets anew, so that their values need not
come round from the trip before; recording asks, nothing here changes a chunk.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from srcgrad.ir.kinds import Array, DictOf, ListOf, rank
from srcgrad.ir.nodes import (
    Break,
    Call,
    Continue,
    Expr,
    For,
    If,
    Invoke,
    Load,
    Name,
    Pop,
    Push,
    Stmt,
    Store,
    While,
    With,
)
from srcgrad.ir.walk import children, names_in, root, set_by
from srcgrad.transform.reads import Reads, Tokens
from srcgrad.transform.reverse.chunks import Block, Branch, Chunk, Context, Loop, inner_blocks


@dataclass
class Trip:
    """count: how often a loop's body sets each variable; exposed: the variables that a trip may read before it sets
    them."""

    body: Block
    count: dict[str, int]
    exposed: set[str]


@dataclass
class Trips:
    """The facts about each loop's trips, found when first asked for."""

    reads: Reads
    known: dict[int, Trip] = field(default_factory=dict)

    def of(self, body: Block) -> Trip:
        """The facts about the loop with this body."""
        if id(body) not in self.known:
            count: dict[str, int] = {}
            for chunk in all_chunks(body):
                for stmt in own(chunk):
                    for target in set_by(stmt):
                        count[target] = count.get(target, 0) + 1
            found: set[str] = set()
            exposed(self.reads, body, set(), found)
            self.known[id(body)] = Trip(body, count, found)
        return self.known[id(body)]

    def last_setting(self, body: Block, name: str, block: Block, stmt: Stmt) -> Chunk | None:
        """The last chunk of a block that sets the variable.

        None unless every trip of the loop with this body that runs the block sets it by this statement before
        anything reads it, and nothing outside the block reads or sets it.
        """
        trip = self.of(body)
        if name in trip.exposed:
            return None
        setting = [c for c in block.chunks if any(name in set_by(s) for s in deep(c))]
        total = sum(name in set_by(s) for c in setting for s in deep(c))
        if not setting or total != trip.count.get(name, 0) or not any(s is stmt for s in own(setting[0])):
            return None
        if total > 1 and escapes(setting[-1]):
            return None
        return setting[-1] if block is body or name not in reads_outside(self.reads, body, block) else None


def exposed(reads: Reads, block: Block, defined: set[str], found: set[str]) -> set[str]:
    """Collect the variables that a block, or its answer in the reverse sweep, may read before the block sets them.

    Returns those that it has certainly set.
    """
    for chunk in block.chunks:
        set_here = {n for s in chunk.before for n in set_by(s)}
        if chunk.reads_target and chunk.stmt is not None:
            set_here |= set_by(chunk.stmt)
        found |= reads.of(chunk.reverse) - defined - set_here
        for stmt in own(chunk):
            for f in dataclasses.fields(stmt):
                value = getattr(stmt, f.name)
                values = value if isinstance(value, tuple) else (value,)
                for item in values:
                    if isinstance(item, Expr) and not (isinstance(item, Name) and item.id in set_by(stmt)):
                        found.update(n for n in names_in(item) if n not in defined)
            if not isinstance(chunk, (Loop, Branch)):
                defined = defined | set_by(stmt)
            elif stmt is not chunk.stmt:
                defined = defined | set_by(stmt)
        if isinstance(chunk, Branch):
            then = exposed(reads, chunk.body, set(defined), found)
            other = exposed(reads, chunk.orelse, set(defined), found)
            defined = then & other
            found |= reads.of(chunk.ahead) - defined
        elif isinstance(chunk, Loop):
            index = set_by(chunk.stmt) if chunk.stmt is not None else set()
            exposed(reads, chunk.body, defined | index, found)
            found |= reads.of(chunk.ahead) - defined
        elif isinstance(chunk, Context):
            defined = exposed(reads, chunk.body, defined, found)
    return defined


def reads_outside(reads: Reads, body: Block, inner: Block) -> Tokens:
    """What the reverse sweep reads in `body` but not in `inner`."""
    found: Tokens = set()

    def visit(block: Block) -> None:
        if block is inner:
            return
        found.update(reads.of(block.start))
        for chunk in block.chunks:
            found.update(reads.of(chunk.reverse))
            if isinstance(chunk.stmt, (Store, Push, Pop)):
                reads.add(chunk.stmt.target, found)  # in case it is put back
            if isinstance(chunk, Branch) and chunk.test is not None:
                reads.add(chunk.test, found)
            if isinstance(chunk, Loop) and chunk.bounds is not None:
                for bound in chunk.bounds:
                    reads.add(bound, found)
            if isinstance(chunk, (Branch, Loop)):
                found.update(reads.of(chunk.ahead))
            if isinstance(chunk, (Loop, Context)) and chunk.again is not None:
                found.update(reads.of(chunk.again.primal))
            for deeper in inner_blocks(chunk):
                visit(deeper)

    visit(body)
    return found


# ---- single chunks and statements ----------------------------------------------------------------------------


def all_blocks(block: Block) -> list[Block]:
    """A block and those inside it."""
    return [block, *(b for c in block.chunks for inner in inner_blocks(c) for b in all_blocks(inner))]


def all_chunks(block: Block) -> list[Chunk]:
    """The chunks of a block and of those inside it."""
    return [c for b in all_blocks(block) for c in b.chunks]


def touched(stmt: Stmt) -> set[str]:
    """The variables into whose memory a statement may write."""
    if isinstance(stmt, (Store, Push, Pop)):
        name = root(stmt.target)
        return {name} if name is not None else set()
    if isinstance(stmt, Invoke):
        return {name for arg in stmt.args if (name := root(arg)) is not None}
    return set()


def deep(chunk: Chunk) -> list[Stmt]:
    """The forward statements of a chunk and of the chunks inside it, but not those that recording added."""
    inner = [s for block in inner_blocks(chunk) for c in block.chunks for s in deep(c)]
    before = [s for s in chunk.before if not isinstance(s, Push)]
    return [*before, *([chunk.stmt] if chunk.stmt is not None else []), *inner]


def escapes(chunk: Chunk) -> bool:
    """Whether a chunk holds a jump out of the loop around it."""
    if isinstance(chunk.stmt, (Break, Continue)):
        return True
    if isinstance(chunk, Loop):
        return False
    return any(escapes(c) for block in inner_blocks(chunk) for c in block.chunks)


def own(chunk: Chunk) -> list[Stmt]:
    """The forward statements of a chunk itself."""
    return [*chunk.before, *([chunk.stmt] if chunk.stmt is not None else []), *chunk.after]


def forward(chunk: Chunk) -> list[Stmt]:
    """The forward statements of a chunk, with those of its inner blocks."""
    return own(chunk) + [s for block in inner_blocks(chunk) for c in block.chunks for s in forward(c)]


def reads_content(expr: Expr) -> bool:
    """Whether an expression reads items of arrays (a view of an array reads none)."""
    if isinstance(expr, Call) and any(isinstance(arg.kind, (ListOf, DictOf)) for arg in expr.args):
        return True  # a list's length changes with its items
    if isinstance(expr, Load):
        view = isinstance(expr.kind, Array) and rank(expr.kind) != 0
        return not view or any(reads_content(c) for c in children(expr.index))
    return any(reads_content(child) for child in children(expr))


def surely_set(block: Sequence[Stmt]) -> set[str]:
    """The variables that a block sets on every path."""
    found: set[str] = set()
    for stmt in block:
        if isinstance(stmt, If):
            found |= surely_set(stmt.body) & surely_set(stmt.orelse)
        elif isinstance(stmt, With):
            found |= surely_set(stmt.body)
        elif not isinstance(stmt, (For, While)):
            found |= set_by(stmt)
    return found
