"""Loops over the indices of an array: np.ndindex and np.ndenumerate as one counted loop."""

from __future__ import annotations

import numpy as np

from srcgrad.analysis.infer import infer_call, infer_load
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import Array
from srcgrad.ir.nodes import Call, Expr, Load, Name, Pos, Prim
from srcgrad.specialize.builtins import handles
from srcgrad.specialize.indexing import load
from srcgrad.specialize.iteration import integer, operation
from srcgrad.specialize.state import State
from srcgrad.specialize.statements import spread
from srcgrad.specialize.values import Iteration, Leaf, Struct, Value, as_expr


def _product(sizes: list[Expr]) -> Expr:
    total: Expr = integer(1)
    for size in sizes:
        total = operation("*", total, size)
    return total


def _indices(sizes: list[Expr], k: Expr) -> Struct:
    """The k-th index, the last axis running fastest."""
    found: list[Value] = []
    for axis in range(len(sizes)):
        faster = _product(sizes[axis + 1 :])
        at = k if axis == len(sizes) - 1 else operation("//", k, faster)
        found.append(Leaf(at if axis == 0 else operation("%", at, sizes[axis])))
    return Struct("tuple", dict(enumerate(found)))


@handles(np.ndindex)
def _ndindex(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    given = args
    if len(args) == 1 and not (isinstance(args[0], Leaf) and getattr(args[0].kind, "dtype", "").startswith("int")):
        given = spread(s, args[0], pos)
    sizes = [as_expr(arg, pos) for arg in given]
    count = _product(sizes)
    return Iteration(count=count, item=lambda k: _indices(sizes, k))


@handles(np.ndenumerate)
def _ndenumerate(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    array = as_expr(args[0], pos)
    if not isinstance(array.kind, Array) or array.kind.dims is None:
        raise UnsupportedError("np.ndenumerate needs an array whose number of axes is known", "Loop over ranges.", pos)
    held = array if isinstance(array, Name) else s.temporary(array, "array").expr
    prim = Prim(np.shape, "shape", "attribute")
    shape = Call(prim, (held,), kind=infer_call(prim, (held,), ()))
    sizes: list[Expr] = [
        Load(shape, integer(n), kind=infer_load(shape, integer(n))) for n in range(len(array.kind.dims))
    ]
    count = _product(sizes)

    def item(k: Expr) -> Value:
        index = _indices(sizes, k)
        return Struct("tuple", {0: index, 1: load(s, Leaf(held), index, pos)})

    return Iteration(count=count, item=item)
