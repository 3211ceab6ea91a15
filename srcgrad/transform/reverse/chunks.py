"""The program as chunks: each forward statement together with the reverse statements that answer it.

A tree of chunks has the structure of the primal. `transform.record` adds what is recorded and restored, then
`flatten` prints all forward parts in order and all reverse parts in the opposite order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from srcgrad.ir.nodes import Expr, For, If, Name, Stmt, While, With
from srcgrad.transform.reverse.again import Again


@dataclass
class Chunk:
    """A statement and its answer.

    before: forward statements ahead of it (hoisted values, what is recorded); stmt: the statement itself, None if
    there is none; after: forward statements behind it. reverse: the answer. restore: statements that put back what
    the statement overwrote: they run first when restore_first (the answer reads old values), else last.
    reads_target: the answer reads the value that the statement wrote. undone: what it overwrote is put back whether
    an answer reads it or not.
    """

    before: list[Stmt] = field(default_factory=list)
    stmt: Stmt | None = None
    after: list[Stmt] = field(default_factory=list)
    reverse: list[Stmt] = field(default_factory=list)
    restore: list[Stmt] = field(default_factory=list)
    restore_first: bool = True
    reads_target: bool = False
    undone: bool = False


@dataclass
class Block:
    """A block of chunks.

    head: the reversed loop's own variable. start: reverse statements at the start of the reversed block (bindings of
    views, restored values); end: reverse statements at its end (zeroed adjoints).
    """

    chunks: list[Chunk] = field(default_factory=list)
    head: list[Stmt] = field(default_factory=list)
    start: list[Stmt] = field(default_factory=list)
    end: list[Stmt] = field(default_factory=list)


@dataclass
class Branch(Chunk):
    """An If. test: the predicate as the reverse sweep reads it. ahead: reverse statements before the reversed If."""

    source: If | None = None
    test: Expr | None = None
    body: Block = field(default_factory=Block)
    orelse: Block = field(default_factory=Block)
    ahead: list[Stmt] = field(default_factory=list)


@dataclass
class Loop(Chunk):
    """A For or While. index, bounds: the range that the reverse sweep replays backwards.

    ahead: reverse statements before the reversed loop (adjoints that start at zero). trips: the variable that counts
    the trips, if one does. again: of a checkpointed loop, what runs its trips again.
    """

    source: Stmt | None = None
    index: Name | None = None
    bounds: tuple[Expr, Expr, Expr] | None = None
    body: Block = field(default_factory=Block)
    ahead: list[Stmt] = field(default_factory=list)
    trips: str | None = None
    again: Again | None = None


@dataclass
class Context(Chunk):
    """A With. again: of a checkpointed call, what runs it again."""

    source: Stmt | None = None
    body: Block = field(default_factory=Block)
    again: Again | None = None


def inner_blocks(chunk: Chunk) -> Sequence[Block]:
    """The blocks inside a chunk."""
    if isinstance(chunk, Branch):
        return (chunk.body, chunk.orelse)
    if isinstance(chunk, (Loop, Context)):
        return (chunk.body,)
    return ()


def flatten_forward(block: Block, marked: bool = True) -> list[Stmt]:
    """The forward sweep of a block. marked: what is run again is made ready for that."""
    out: list[Stmt] = []
    for chunk in block.chunks:
        out += chunk.before
        if isinstance(chunk, Branch):
            assert isinstance(chunk.stmt, If)
            body, orelse = (tuple(flatten_forward(inner, marked)) for inner in (chunk.body, chunk.orelse))
            if body or orelse:
                out.append(replace(chunk.stmt, body=body, orelse=orelse))
        elif isinstance(chunk, Loop):
            assert isinstance(chunk.stmt, (For, While))
            if chunk.again is not None and marked:
                out.append(chunk.again.forward(chunk.stmt))
            else:
                out.append(replace(chunk.stmt, body=tuple(flatten_forward(chunk.body, marked))))
        elif isinstance(chunk, Context):
            assert isinstance(chunk.source, With)
            if chunk.again is not None and marked:
                out += chunk.again.primal
            elif chunk.source.checkpoint:
                out += flatten_forward(chunk.body, marked)
            else:
                out.append(replace(chunk.source, body=tuple(flatten_forward(chunk.body, marked))))
        elif chunk.stmt is not None:
            out.append(chunk.stmt)
        out += chunk.after
    return out


def flatten_reverse(block: Block) -> list[Stmt]:
    """The reverse sweep of a block."""
    out: list[Stmt] = [*block.head, *block.start]
    for chunk in reversed(block.chunks):
        answer: list[Stmt] = []
        if isinstance(chunk, Branch):
            body, orelse = tuple(flatten_reverse(chunk.body)), tuple(flatten_reverse(chunk.orelse))
            answer += chunk.ahead
            if body or orelse:
                assert chunk.test is not None and chunk.source is not None
                answer.append(If(chunk.test, body, orelse, pos=chunk.source.pos))
        elif isinstance(chunk, Loop):
            answer += chunk.ahead
            answer += chunk.again.moves() if chunk.again is not None else []
            inner = _reversed_trip(chunk)
            if inner:
                assert chunk.bounds is not None and chunk.index is not None and chunk.source is not None
                answer.append(For(chunk.index, *chunk.bounds, tuple(inner), backwards=True, pos=chunk.source.pos))
        elif isinstance(chunk, Context):
            answer += _reversed_context(chunk)
        else:
            answer += chunk.reverse
        out += [*chunk.restore, *answer] if chunk.restore_first and not isinstance(chunk, (Branch, Loop)) else [
            *answer, *chunk.restore
        ]  # fmt: skip
    return out + block.end


def _reversed_trip(chunk: Loop) -> list[Stmt]:
    again, inner = chunk.again, flatten_reverse(chunk.body)
    if again is None or not inner:
        return inner
    assert chunk.index is not None
    head, answer = inner[: len(chunk.body.head)], inner[len(chunk.body.head) :]
    return again.reverse(chunk.index, head, flatten_forward(chunk.body), answer)


def _reversed_context(chunk: Context) -> list[Stmt]:
    assert isinstance(chunk.source, With)
    inner = flatten_reverse(chunk.body)
    if chunk.again is not None:
        return [*chunk.again.run(flatten_forward(chunk.body), inner), *chunk.again.behind]
    if not inner or chunk.source.checkpoint:
        return inner
    return [replace(chunk.source, body=tuple(inner))]
