"""What a loop runs over: ranges, arrays, lists, containers, and enumerate, zip, reversed, map over those."""

from __future__ import annotations

import numpy as np

from srcgrad.analysis.infer import infer_call, infer_op
from srcgrad.errors import KindError
from srcgrad.ir.kinds import INT, Array, DictOf, ListOf, Opaque, Scalar
from srcgrad.ir.nodes import Call, Const, Expr, Op, Pos, Prim
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Iteration, Leaf, Static, Struct, Value, as_expr, describe


def integer(value: int) -> Const:
    """A literal int."""
    return Const(value, kind=Scalar("int64", True, value))


def iterate(s: State, value: Value, pos: Pos | None) -> Iteration:
    """The value as something to loop over; raises KindError where it is not."""
    from srcgrad.specialize.expressions import load
    from srcgrad.specialize.statements import key_value

    if isinstance(value, Iteration):
        return value
    if isinstance(value, Struct) and value.type in ("tuple", "list"):
        return Iteration(static=value.values())
    if isinstance(value, Struct) and value.type == "dict":
        return Iteration(static=[key_value(key) for key in value.items])
    if isinstance(value, Static) and isinstance(value.value, (tuple, list, str, dict, frozenset, set)):
        return Iteration(static=[key_value(item) for item in value.value])
    if isinstance(value, Struct):
        raise KindError(f"{describe(value)} cannot be looped over", pos=pos)
    expr = as_expr(value, pos)
    kind = expr.kind
    if isinstance(expr, Call) and expr.prim.fn is np.shape:
        owner = expr.args[0].kind
        if isinstance(owner, Array) and owner.dims is not None:
            held = Leaf(expr)
            return Iteration(static=[load(s, held, Leaf(integer(k)), pos) for k in range(len(owner.dims))])
    if isinstance(kind, Opaque) and kind.type is dict:
        raise KindError("the items of this dict are not known when compiling", pos=pos)
    if not isinstance(kind, (Array, ListOf, Opaque)):
        if isinstance(kind, DictOf):
            raise KindError("a dict whose keys are not known when compiling cannot be looped over", pos=pos)
        raise KindError(f"{describe(value)} cannot be looped over", pos=pos)
    held = value if isinstance(value, Leaf) else Leaf(expr)
    from srcgrad.ir.nodes import Name
    from srcgrad.ir.walk import root

    if not isinstance(held.expr, Name) and root(held.expr) is None:
        held = s.temporary(held.expr, "items")
    source = held
    if isinstance(kind, Opaque):
        source = s.temporary(_call(list, "list", (held.expr,), ListOf(Opaque(object))), "items")
    count = call_builtin(len, "len", source.expr)
    return Iteration(count=count, item=lambda k: load(s, source, Leaf(k), pos))


def _call(fn: object, text: str, args: tuple[Expr, ...], kind: object) -> Expr:
    return Call(Prim(fn, text), args, kind=kind)  # type: ignore[arg-type]


def call_builtin(fn: object, text: str, *args: Expr) -> Expr:
    """A call of a builtin that has a rule."""
    prim = Prim(fn, text)  # type: ignore[arg-type]
    return Call(prim, args, kind=infer_call(prim, args, ()))


def make_range(args: list[Expr]) -> Iteration:
    """range(...)."""
    lo, hi, step = integer(0), args[0], integer(1)
    if len(args) > 1:
        lo, hi = args[0], args[1]  # type: ignore[assignment]
    if len(args) > 2:
        step = args[2]  # type: ignore[assignment]
    return Iteration(count=range_count(lo, hi, step), bounds=(lo, hi, step), item=lambda k: Leaf(range_item(lo, step, k)))


def range_count(lo: Expr, hi: Expr, step: Expr) -> Expr:
    """The number of trips of a range."""
    if isinstance(lo, Const) and isinstance(step, Const) and lo.value == 0 and step.value == 1:
        return hi
    return call_builtin(len, "len", _call(range, "range", (lo, hi, step), ListOf(INT)))


def range_item(lo: Expr, step: Expr, k: Expr) -> Expr:
    """`lo + k * step`."""
    offset = k if isinstance(step, Const) and step.value == 1 else _op("*", k, step)
    return offset if isinstance(lo, Const) and lo.value == 0 else _op("+", lo, offset)


def _op(op: str, a: Expr, b: Expr) -> Expr:
    if isinstance(a, Const) and isinstance(b, Const):
        value = {"+": a.value + b.value, "-": a.value - b.value, "*": a.value * b.value}[op]
        return integer(value)
    return Op(op, (a, b), kind=infer_op(op, (a, b)))


def enumerated(inner: Iteration, start: Expr) -> Iteration:
    """enumerate(inner, start)."""

    def pair(k: Expr, item: Value) -> Value:
        number = k if isinstance(start, Const) and start.value == 0 else _op("+", k, start)
        return Struct("tuple", {0: Leaf(number), 1: item})

    if inner.static is not None:
        return Iteration(static=[pair(integer(k), item) for k, item in enumerate(inner.static)])
    assert inner.item is not None
    item = inner.item
    return Iteration(count=inner.count, item=lambda k: pair(k, item(k)))


def zipped(inners: list[Iteration]) -> Iteration:
    """zip(*inners)."""
    lengths = [len(inner.static) for inner in inners if inner.static is not None]
    if lengths:
        trips = range(min(lengths))
        return Iteration(
            static=[Struct("tuple", {n: item_of(inner, integer(k)) for n, inner in enumerate(inners)}) for k in trips]
        )
    counts: list[Expr] = []
    for inner in inners:
        if inner.count is not None and not any(_same_count(inner.count, count) for count in counts):
            counts.append(inner.count)
    count = counts[0] if len(counts) == 1 else call_builtin(min, "min", *counts)
    return Iteration(
        count=count, item=lambda k: Struct("tuple", {n: item_of(inner, k) for n, inner in enumerate(inners)})
    )


def _same_count(a: Expr, b: Expr) -> bool:
    known = getattr(a.kind, "value", None)
    from srcgrad.ir.kinds import Extent

    return a == b or (isinstance(known, (int, Extent)) and known == getattr(b.kind, "value", None))


def backwards(inner: Iteration) -> Iteration:
    """reversed(inner)."""
    if inner.static is not None:
        return Iteration(static=inner.static[::-1])
    assert inner.item is not None and inner.count is not None
    item, count = inner.item, inner.count
    if inner.bounds is not None:
        lo, hi, step = inner.bounds
        if isinstance(step, Const) and step.value == 1:
            bounds = (_op("-", hi, integer(1)), _op("-", lo, integer(1)), integer(-1))
            return Iteration(count=count, bounds=bounds, item=lambda k: item(_op("-", _op("-", count, integer(1)), k)))
    return Iteration(count=count, item=lambda k: item(_op("-", _op("-", count, integer(1)), k)))


def item_of(inner: Iteration, k: Expr) -> Value:
    """The k-th item."""
    if inner.static is not None:
        assert isinstance(k, Const)
        return inner.static[k.value]
    assert inner.item is not None
    return inner.item(k)
