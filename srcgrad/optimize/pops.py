"""A popped item that is only given another name is popped under that name.

    item = s_tape.pop()
    s = item                becomes         s = s_tape.pop()

The interpreter gives every popped item a name of its own, since it does not know yet what becomes of it.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from srcgrad.ir.nodes import Assign, Name, Pop, Stmt
from srcgrad.ir.walk import blocks, with_blocks
from srcgrad.transform.webs import all_names


def rename_popped(body: Sequence[Stmt]) -> tuple[Stmt, ...]:
    """The body with such names left out."""
    counts = Counter(all_names(tuple(body)))
    return _block(tuple(body), {name for name, count in counts.items() if count == 2})


def _block(block: tuple[Stmt, ...], twice: set[str]) -> tuple[Stmt, ...]:
    """twice: the names that occur in two places of the whole body."""
    out = [with_blocks(stmt, lambda inner: _block(inner, twice)) for stmt in block]
    for k, stmt in enumerate(out):
        if isinstance(stmt, Pop) and stmt.out is not None and stmt.out.id in twice:
            at = _naming(out, k + 1, stmt.out.id)
            if at is not None:
                named = out[at]
                assert isinstance(named, Assign) and isinstance(named.target, Name)
                out[k] = dataclasses.replace(stmt, out=named.target)
                out[at] = dataclasses.replace(named, value=named.target)  # a name for itself: left out below
    return tuple(s for s in out if not (isinstance(s, Assign) and s.value == s.target))


def _naming(block: Sequence[Stmt], start: int, item: str) -> int | None:
    """The place of `v = item`, if nothing before it concerns v or the item."""
    for at in range(start, len(block)):
        stmt = block[at]
        names = set(all_names((stmt,)))
        if item in names:
            plain = isinstance(stmt, Assign) and isinstance(stmt.target, Name) and stmt.value == Name(item)
            if not plain:
                return None
            assert isinstance(stmt, Assign) and isinstance(stmt.target, Name)
            between = {name for other in block[start - 1 : at] for name in all_names((other,))}
            return None if stmt.target.id in between else at
        if blocks(stmt):
            return None
    return None
