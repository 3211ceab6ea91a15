"""Sinking: a variable that is set and then added to is set once, at the later place.

Needs: the typed dialect. Gives: the same values. It is done only where nothing in between reads or binds the
variable, or changes what its first value is computed from, by name or through an alias. A write in place (`d += b`
for an array) is replaced only where d is an array of its own: `d = d_x[1:]; d += b` adds to d_x.

    d_y = a * d_z           d_x = b * d_z
    d_x = b * d_z           d_y = a * d_z + c * d_x
    d_y += c * d_x
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.infer import infer_op
from srcgrad.errors import SrcgradError
from srcgrad.ir.kinds import Array, Bottom, DictOf, Kind, ListOf, Opaque
from srcgrad.ir.nodes import Assign, Call, Expr, Name, Op, Stmt, Store
from srcgrad.ir.walk import defined_by, names_in, statements, with_blocks
from srcgrad.optimize.copies import WIDTH, changes, longest_line, written_classes
from srcgrad.optimize.fold import fold_expression
from srcgrad.optimize.memory import Memory, has_effect
from srcgrad.transform.webs import reads_of

Block = tuple[Stmt, ...]
_EMPTY = (np.zeros, np.zeros_like, np.empty, np.empty_like, runtime.zeros_like)


def sink_sums(
    body: Block,
    classes: Callable[[str], str],
    written: Collection[str] | None = None,
    width: int = WIDTH,
    depth: int = 1,
) -> Block:
    """Merge `d = a; ...; d += b` into `d = a + b`, likewise with `-=`, where the line stays shorter than `width`.

    classes, written: as in optimize.copies. depth: of the body's statements, in steps of indentation.
    """
    memory = Memory(body, classes)
    return _block(body, memory, written_classes(memory, written), width, depth)


def _block(block: Block, memory: Memory, written: set[str] | None, width: int, depth: int) -> Block:
    out = [with_blocks(stmt, lambda inner: _block(inner, memory, written, width, depth + 1)) for stmt in block]
    k = 0
    while k < len(out):
        first = _start(out, k, memory, written)
        merged = None if first is None else _merged(out[first], out[k], memory)
        if first is not None and merged is not None and longest_line(merged, depth) < width:
            out[k] = merged
            del out[first]  # what was at k is at k - 1 now, and what follows it at k
        else:
            k += 1
    return tuple(out)


def _start(out: list[Stmt], k: int, memory: Memory, written: set[str] | None) -> int | None:
    """Where the variable that the k-th statement adds to is set, if that can be put off until then."""
    step = _step(out[k])
    if step is None:
        return None
    name = step[0].id
    if name in names_in(step[2]):
        return None
    between: set[tuple[str, str]] = set()
    for j in reversed(range(k)):
        stmt = out[j]
        if isinstance(stmt, Assign) and stmt.target == step[0]:
            return j if between.isdisjoint(memory.reads(stmt.value)) and not has_effect(stmt.value) else None
        for inner in statements((stmt,)):
            if name in reads_of(inner) or any(target.id == name for target in defined_by(inner)):
                return None
        between |= changes(stmt, memory, written)
    return None


def _step(stmt: Stmt) -> tuple[Name, str, Expr] | None:
    """The variable, operator and operand of `d += e`."""
    match stmt:
        case Store(target=Name() as target, op="+" | "-" as op, value=value):
            return target, op, value
        case Assign(target=Name() as target, value=Op(op="+" | "-" as op, args=(left, value))) if left == target:
            return target, op, value
    return None


def _merged(first: Stmt, second: Stmt, memory: Memory) -> Stmt | None:
    """The two statements in one, if that gives the same value in an array of the same dtype."""
    step = _step(second)
    assert step is not None and isinstance(first, Assign)
    target, op, operand = step
    start = first.value
    if isinstance(start, Call) and start.prim.fn in _EMPTY:
        return None
    kind = _sum_kind(op, start, operand)
    if isinstance(kind, (ListOf, DictOf, Opaque)) or isinstance(start.kind, (ListOf, DictOf)):
        return None
    if isinstance(second, Store):
        if not isinstance(start.kind, Array) or not isinstance(kind, Array) or start.kind.dtype != kind.dtype:
            return None
        if next(memory.may_share(start), None) is not None or not _fresh(start):
            return None
    elif isinstance(kind, Bottom):
        assert isinstance(second, Assign)
        kind = second.value.kind
    value = fold_expression(Op(op, (start, operand), kind=kind, pos=second.pos), retained=True)
    note = "; ".join(dict.fromkeys(note for note in (first.note, second.note) if note))
    return Assign(replace(target), value, pos=second.pos, note=note)


def _fresh(expr: Expr) -> bool:
    return isinstance(expr, (Op, Call))


def _sum_kind(op: str, left: Expr, right: Expr) -> Kind:
    try:
        return infer_op(op, (left, right))
    except SrcgradError:
        return Bottom()
