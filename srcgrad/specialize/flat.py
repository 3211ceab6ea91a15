"""`x.flat`: its elements are read as those of x.reshape(-1), and what is stored there goes to x itself.

Of an array that is not contiguous there is no view with one axis, so a store is one at the index of all axes:
`x.flat[k] = v` is `x[np.unravel_index(k, x.shape)] = v`.
"""

from __future__ import annotations

from typing import TypeGuard

import numpy as np

from srcgrad.ir.kinds import rank
from srcgrad.ir.nodes import Call, Expr, Pos, Prim, Slice
from srcgrad.specialize.indexing import attribute, load
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Value, as_expr, constant

_FLAT = "x.flat"  # what a call of reshape stands for


def elements(s: State, owner: Leaf, pos: Pos | None) -> Value:
    """`owner.flat`, to be read."""
    if rank(owner.kind) == 1:
        return owner
    return _call(s, Prim(np.reshape, "reshape", "method", within=_FLAT), owner, constant(-1), pos)


def is_flat(value: Value) -> TypeGuard[Leaf]:
    """Whether a value is what `elements` gave."""
    return isinstance(value, Leaf) and isinstance(value.expr, Call) and value.expr.prim.within == _FLAT


def behind(s: State, flat: Leaf, at: Value, pos: Pos | None) -> tuple[Value, Value]:
    """The array, and the index of all its axes, that `flat[at]` stands for."""
    assert isinstance(flat.expr, Call)
    owner = Leaf(flat.expr.args[0])
    if isinstance(at, Leaf) and isinstance(at.expr, Slice):
        every = _call(s, Prim(np.arange, "np.arange"), attribute(s, owner, "size", pos), None, pos)
        at = load(s, s.temporary(as_expr(every, pos), "places"), at, pos)
    shape = attribute(s, owner, "shape", pos)
    return owner, _call(s, Prim(np.unravel_index, "np.unravel_index"), at, shape, pos)


def in_shape(s: State, owner: Leaf, value: Expr, pos: Pos | None) -> Value:
    """The value of `owner.flat = value`, as `owner[...]` takes it."""
    if rank(value.kind) == 0:
        return Leaf(value)
    return _call(s, Prim(np.reshape, "np.reshape"), Leaf(value), attribute(s, owner, "shape", pos), pos)


def _call(s: State, prim: Prim, first: Value, second: Value | None, pos: Pos | None) -> Value:
    from srcgrad.specialize.calls import call_primitive

    return call_primitive(s, prim, [first] if second is None else [first, second], {}, pos)
