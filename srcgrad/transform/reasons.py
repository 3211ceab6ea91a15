"""What is recorded, and why: for reports. Nothing here takes part in making the gradient.

Needed: the chunks of a program, and the records that `transform.record` noted. Given: for each record, the answers
that read the variable (or the memory) which it saves, each with the primal line and the function whose rule it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from srcgrad.ir.nodes import Assign, Call, Effect, Expr, Hook, Invoke, Load, Op, Pos, Push, Store
from srcgrad.ir.walk import children, names_in, root, subexpressions
from srcgrad.transform.reads import Reads, Tokens, content
from srcgrad.transform.reverse.chunks import Block, Branch, Chunk, Loop, inner_blocks


@dataclass(frozen=True)
class Reader:
    """An answer of the reverse sweep that reads a value. pos: the primal statement; rule: the function or operator
    whose derivative it is, "" where none shows."""

    pos: Pos | None
    rule: str = ""


@dataclass(frozen=True)
class Record:
    """A variable or list of generated code that saves values of the forward sweep.

    name: of the variable or list; variable: whose values it saves; pos: the statement that overwrites them; loops:
    where the loops around that begin, outermost first; chunk: the identity of the chunk that saves; readers: see
    Reader.
    """

    name: str
    variable: str
    pos: Pos | None
    loops: tuple[Pos | None, ...] = ()
    chunk: int = 0
    readers: tuple[Reader, ...] = ()


def with_readers(records: dict[str, Record], block: Block, reads: Reads) -> list[Record]:
    """The records with the answers that read what they save."""
    answers = list(_answers(block, reads, ()))
    order = {id(answer.chunk): k for k, answer in enumerate(answers)}
    found: list[Record] = []
    for record in records.values():
        aliases = reads.facts.aliases
        wanted = {record.variable, content(aliases.of(record.variable)), content(aliases.memory(record.variable))}
        owners = {d: name for name, d in reads.facts.adjoints.items()}
        variable = owners.get(record.variable, record.variable)  # an adjoint that is bound in the forward sweep
        same = {name for name in reads.facts.kinds if aliases.of(name) == aliases.of(variable)} - set(owners)
        saves = answers[order[record.chunk]]
        # what is put back is seen by the answers of what came before, and of what is in the same loop
        seen = [a for k, a in enumerate(answers) if k <= order[record.chunk] or a.loops[:1] == saves.loops[:1] != ()]
        readers = {
            Reader(_pos_of(answer.chunk), _rule(answer.chunk, same, set(owners)))
            for answer in seen if answer.tokens & wanted
        }  # fmt: skip
        told = {reader.pos for reader in readers if reader.rule}
        listed = sorted(
            (r for r in readers if r.rule or r.pos not in told),
            key=lambda r: (r.pos.file, r.pos.line, r.pos.col, r.rule) if r.pos else ("", 0, 0, ""),
        )
        found.append(dataclasses.replace(record, readers=tuple(listed)))
    return found


@dataclass(frozen=True)
class _Answer:
    """A chunk, what its answer reads, and the identities of the loops around it."""

    chunk: Chunk
    tokens: Tokens
    loops: tuple[int, ...]


def _answers(block: Block, reads: Reads, loops: tuple[int, ...]) -> Iterator[_Answer]:
    """The chunks of a block, and of the blocks in it, in the order of the program."""
    for chunk in block.chunks:
        tokens = reads.of(chunk.reverse)
        if isinstance(chunk, Branch) and chunk.test is not None:
            reads.add(chunk.test, tokens)
        if isinstance(chunk, Loop):
            for bound in chunk.bounds or ():
                reads.add(bound, tokens)
        yield _Answer(chunk, tokens, loops)
        for inner in inner_blocks(chunk):
            yield from _answers(inner, reads, (*loops, id(chunk)) if isinstance(chunk, Loop) else loops)


def _pos_of(chunk: Chunk) -> Pos | None:
    if chunk.stmt is not None:
        return chunk.stmt.pos
    return next((stmt.pos for stmt in chunk.reverse if stmt.pos is not None), None)


def _rule(chunk: Chunk, names: set[str], adjoints: set[str]) -> str:
    """The function whose rule reads one of the variables."""
    if isinstance(chunk, Branch):
        return "if"
    if isinstance(chunk, Loop):
        return "for"
    if any(isinstance(stmt, Hook) for stmt in chunk.reverse):
        return "srcgrad.adjoint"
    stmt = chunk.stmt
    if isinstance(stmt, Invoke):
        return stmt.callee.split(":")[0]
    value = stmt.value if isinstance(stmt, (Assign, Store, Push, Effect)) else None
    if not isinstance(value, Expr) or (isinstance(stmt, Assign) and root(stmt.target) in adjoints):
        return ""
    held = [s.value for s in chunk.before if isinstance(s, Assign)]  # parts that have a variable of their own
    own = [node for top in (value, *held) for node in subexpressions(top) if isinstance(node, (Op, Call))]
    near = [node for node in own if any(_is_of(child, names) for child in children(node))]
    if not near and isinstance(stmt, (Assign, Store)) and root(stmt.target) in names:
        near = own[:1]  # the result is what is read
    if isinstance(stmt, Store) and stmt.op not in ("", "at") and not near:
        return stmt.op
    return ", ".join(dict.fromkeys(_text(node) for node in near))


def _is_of(expr: Expr, names: set[str]) -> bool:
    if isinstance(expr, Load):
        return _is_of(expr.base, names)
    return not children(expr) and any(name in names for name in names_in(expr))


def _text(node: Expr) -> str:
    if isinstance(node, Op):
        return {"neg": "-", "pos": "+"}.get(node.op, node.op)
    assert isinstance(node, Call)
    return node.prim.text

