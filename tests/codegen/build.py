"""Short names for building IR by hand."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import BOTTOM, FLOAT, Array, Kind, ListOf

VECTOR = Array("float64", (None,))
FLOATS = ListOf(FLOAT)


def n(text: str, kind: Kind = BOTTOM) -> ir.Name:
    return ir.Name(text, kind=kind)


def c(value: Any) -> ir.Const:
    return ir.Const(value)


def e(value: Any) -> ir.Expr:
    """An expression as it is; a str as a Name; anything else as a Const."""
    return value if isinstance(value, ir.Expr) else n(value) if isinstance(value, str) else c(value)


def op(text: str, *args: Any, kind: Kind = BOTTOM) -> ir.Op:
    return ir.Op(text, tuple(e(a) for a in args), kind=kind)


def at(base: Any, *index: Any) -> ir.Load:
    items = tuple(e(i) for i in index)
    return ir.Load(e(base), items[0] if len(items) == 1 else ir.Pack("tuple", items))


def sl(lo: Any = None, hi: Any = None, step: Any = None) -> ir.Slice:
    return ir.Slice(*(None if part is None else e(part) for part in (lo, hi, step)))


def fn(text: str, *args: Any, **kwargs: Any) -> ir.Call:
    found: Any = {"len": len, "abs": abs, "print": print}.get(text)
    if found is None:
        found = operator.attrgetter(text.removeprefix("np."))(np)
    return ir.Call(ir.Prim(found, text), tuple(e(a) for a in args), tuple((k, e(v)) for k, v in kwargs.items()))


def method(text: str, *args: Any, **kwargs: Any) -> ir.Call:
    prim = ir.Prim(getattr(np, text, len), text, "method")
    return ir.Call(prim, tuple(e(a) for a in args), tuple((k, e(v)) for k, v in kwargs.items()))


def attribute(text: str, *args: Any) -> ir.Call:
    return ir.Call(ir.Prim(np.shape, text, "attribute"), tuple(e(a) for a in args))


def let(target: Any, value: Any, note: str = "") -> ir.Assign:
    return ir.Assign(e(target), e(value), note=note)


def loop(index: str, count: Any, *body: ir.Stmt, lo: Any = 0, step: Any = 1, backwards: bool = False) -> ir.For:
    return ir.For(n(index), e(lo), e(count), e(step), body, backwards)


def tup(*items: Any) -> ir.Pack:
    return ir.Pack("tuple", tuple(e(i) for i in items))
