"""Whole numbers from outside of the function that have to be known when compiling.

An int that is an argument, a global, a default or an attribute is read when the generated code runs, so that one text
serves all values. Some calls want it known: an axis, the order of a norm, the number of a tuple's item. Such a call is
refused at first; then the numbers that it depends on are pinned - taken as constants, with a guard - and the program is
specialised once more. Numbers that count the trips of a short loop are known when the loop is written out. A list from
outside has as many items as it has: it is taken apart into these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from srcgrad.ir.kinds import UNSET, Kind, ListOf, Scalar
from srcgrad.ir.nodes import Assign, Const, Expr, For, Name, Pos, Stmt
from srcgrad.ir.walk import expressions_of, names_in, statements, subexpressions
from srcgrad.specialize.inputs import Inputs, Path, path_key

FEW = 16  # trips of a loop that may be written out where its body cannot do without


def can_be_known(kind: Kind) -> bool:
    """Whether more may be known of a value from outside when compiling: an int, or how many items a list has."""
    if isinstance(kind, ListOf):
        return True
    return isinstance(kind, Scalar) and kind.dtype == "int64" and kind.weak and kind.value is UNSET


def reached(names: Iterable[str], set_by: Mapping[str, Sequence[Expr]]) -> set[str]:
    """The variables that the values of some depend on, they themselves among them. set_by: what sets each of them."""
    found: set[str] = set()
    work = list(names)
    while work:
        name = work.pop()
        if name not in found:
            found.add(name)
            work += [other for expr in set_by.get(name, ()) for other in names_in(expr)]
    return found


def paths_of(names: Iterable[str], inputs: Inputs) -> set[Path]:
    """Where the whole numbers and lists among some variables come from, as keys."""
    found = (inputs.leaves[name] for name in names if name in inputs.leaves)
    return {path_key(path) for path, kind in found if can_be_known(kind)}


def wanted_at(
    pos: Pos | None, body: Sequence[Stmt], result: Sequence[Expr], inputs: Inputs
) -> tuple[set[Path], set[Pos]]:
    """The numbers that what stands at a place of a typed program depends on, and the short loops that count them."""
    if pos is None:
        return set(), set()
    set_by: dict[str, list[Expr]] = {}
    loops: dict[str, Pos] = {}
    tops = list(result)
    for stmt in statements(list(body)):
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name) and is_number(stmt.target.kind):
            set_by.setdefault(stmt.target.id, []).append(stmt.value)
        if isinstance(stmt, For):
            set_by.setdefault(stmt.index.id, []).extend((stmt.lo, stmt.hi, stmt.step))
            if stmt.pos is not None and stmt.checkpoint is None and _is_short(stmt):
                loops[stmt.index.id] = stmt.pos
        tops += expressions_of(stmt)
    there = (part for top in tops for part in subexpressions(top) if part.pos == pos)
    found = reached((name for part in there for name in names_in(part)), set_by)
    return paths_of(found, inputs), {loops[name] for name in found if name in loops}


def is_number(kind: Kind) -> bool:
    """Whether a value is a whole number, known or not."""
    return isinstance(kind, Scalar) and kind.dtype == "int64"


def _is_short(loop: For) -> bool:
    ends = [end.value for end in (loop.lo, loop.hi, loop.step) if isinstance(end, Const)]
    return len(ends) == 3 and ends[2] != 0 and len(range(*ends)) <= FEW
