"""The last touches: statements that a person would write as one.

Needed: nothing that runs later looks into these statements. Given: the same program in fewer lines.

    x_old = x_tape.pop()                  x[i] = x_tape.pop()
    x[i] = x_old
"""

from __future__ import annotations

import dataclasses
from collections import Counter

from srcgrad.ir.kinds import ListOf, Opaque
from srcgrad.ir.nodes import Assign, Call, For, Name, Pack, Pop, Prim, Push, Stmt, Store, While
from srcgrad.ir.walk import blocks, expressions_of, names_in, statements, with_blocks


def tidy(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """Restores in one line; the empty tapes in one line."""
    reads = Counter(n for s in statements(body) for e in expressions_of(s) for n in names_in(e))
    return _tapes(_restores(_while_tape(body), reads))


def _while_tape(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """A reversed loop that takes from a tape what each trip put there runs as long as there is some: no counting.

    Only for loops of the function itself: inside another loop the tape holds the trips of earlier rounds, too.
    """
    for loop in body:
        if not isinstance(loop, For) or not loop.backwards or not isinstance(loop.hi, Name) or not loop.body:
            continue
        trips, first = loop.hi.id, loop.body[0]
        if not isinstance(first, Pop) or not isinstance(first.target, Name) or first.index is not None:
            continue
        tape = first.target
        every = list(statements(body))
        if any(loop.index.id in names_in(e) for s in every if s is not loop for e in expressions_of(s)):
            continue
        counters = [s for s in every if s is not loop and any(trips in names_in(e) for e in expressions_of(s))]
        uses = [s for s in every if any(tape.id in names_in(e) for e in expressions_of(s))]
        source = next((s for s in body if isinstance(s, (For, While)) and any(c in s.body for c in counters)), None)
        if source is None or len(counters) != 2 or len(uses) != 3 or not isinstance(source.body[0], Assign):
            continue
        pushes = [s for s in source.body if isinstance(s, Push) and s.target == tape]
        if len(pushes) != 1 or any(blocks(s) for s in source.body[: source.body.index(pushes[0])]):
            continue
        shorter = dataclasses.replace(source, body=tuple(s for s in source.body if s not in counters))
        replaced = While(tape, loop.body, pos=loop.pos)
        swap = {id(source): shorter, id(loop): replaced}
        return _while_tape(tuple(swap.get(id(s), s) for s in body if s not in counters))
    return body


def _restores(block: tuple[Stmt, ...], reads: Counter[str]) -> tuple[Stmt, ...]:
    out: list[Stmt] = []
    for stmt in block:
        stmt = with_blocks(stmt, lambda inner: _restores(inner, reads))
        last = out[-1] if out else None
        if (
            isinstance(stmt, Store) and not stmt.op and isinstance(last, Pop) and last.out is not None
            and last.index is None and stmt.value == last.out and reads[last.out.id] == 2
        ):  # fmt: skip
            popped = Call(Prim(list.pop, "pop", "method"), (last.target,), kind=last.out.kind)
            out[-1] = dataclasses.replace(stmt, value=popped)
            continue
        out.append(stmt)
    return tuple(out)


def _is_empty_tape(stmt: Assign) -> bool:
    if not isinstance(stmt.target, Name) or "_tape" not in stmt.target.id:
        return False
    return isinstance(stmt.target.kind, ListOf) and isinstance(stmt.value, Pack) and not stmt.value.items


def _tapes(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """`a, b = [], []` for tapes that are made one after the other."""
    out: list[Stmt] = []
    run: list[Assign] = []

    def flush() -> None:
        if len(run) > 1:
            names = tuple(stmt.target for stmt in run)
            kind = Opaque(tuple)
            out.append(Assign(Pack("tuple", names, kind=kind), Pack("tuple", tuple(s.value for s in run), kind=kind)))
        else:
            out.extend(run)
        run.clear()

    for stmt in body:
        if isinstance(stmt, Assign) and _is_empty_tape(stmt) and len(run) < 5:
            run.append(stmt)
            continue
        flush()
        out.append(stmt)
    flush()
    return tuple(out)
