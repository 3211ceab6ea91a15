"""What a loop runs over: ranges, arrays, lists, containers, and enumerate, zip, reversed, map over those."""

from __future__ import annotations

import inspect
import types

import numpy as np

from srcgrad.analysis.infer import infer_call, infer_op
from srcgrad.analysis.signatures import const
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import BOTTOM, INT, STR, Array, Bottom, DictOf, ListOf, Opaque, Scalar
from srcgrad.ir.nodes import Call, Const, Expr, Load, Name, Op, Pos, Prim, Slice
from srcgrad.ir.walk import root
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Iteration, Leaf, Rows, Static, Struct, Value, as_expr, describe, key_value


def integer(value: int) -> Const:
    """A literal int."""
    return Const(value, kind=Scalar("int64", True, value))


def axes_of_shape(expr: Expr) -> range | None:
    """The axes whose lengths `x.shape`, or a slice of it with known bounds, holds, where their number is known."""
    part = slice(None)
    if isinstance(expr, Load) and isinstance(expr.index, Slice):
        bounds = [None if bound is None else const(bound) for bound in (expr.index.lo, expr.index.hi, expr.index.step)]
        given = (expr.index.lo, expr.index.hi, expr.index.step)
        if any(at is not None and not isinstance(k, int) for at, k in zip(given, bounds, strict=True)):
            return None
        part, expr = slice(*bounds), expr.base
    if not isinstance(expr, Call) or expr.prim.fn is not np.shape:
        return None
    owner = expr.args[0].kind
    return range(len(owner.dims))[part] if isinstance(owner, Array) and owner.dims is not None else None


def iterate(s: State, value: Value, pos: Pos | None) -> Iteration:
    """The value as something to loop over; raises KindError where it is not."""
    from srcgrad.specialize.indexing import load

    if isinstance(value, Iteration):
        return _take(s, value, pos)
    if isinstance(value, Rows):
        from srcgrad.specialize.rows import iterate_rows

        return iterate_rows(s, value, pos)
    if isinstance(value, Struct) and value.type in ("tuple", "list"):
        return Iteration(static=value.values(), owner=value if value.type == "list" else None)
    if isinstance(value, Struct) and value.type == "dict":
        s.certain(value, pos)
        return Iteration(static=[key_value(key) for key in value.items])
    if isinstance(value, Static) and isinstance(value.value, (tuple, list, str, dict, frozenset, set)):
        return Iteration(static=[key_value(item) for item in value.value])
    if isinstance(value, Struct):
        return _iterate_object(s, value, pos)
    expr = as_expr(value, pos)
    kind = expr.kind
    if (axes := axes_of_shape(expr)) is not None:
        whole = Leaf(expr if isinstance(expr, Call) else expr.base)  # type: ignore[attr-defined]
        return Iteration(static=[load(s, whole, Leaf(integer(k)), pos) for k in axes])
    if isinstance(kind, DictOf) and isinstance(value, Leaf):
        from srcgrad.specialize.dicts import iterate_dict

        return iterate_dict(s, value, pos)
    if isinstance(kind, Bottom):
        return Iteration(count=integer(0), item=lambda k: Leaf(Name("undefined", kind=BOTTOM)))
    if not isinstance(kind, (Array, ListOf, Opaque)):
        raise KindError(f"{describe(value)} cannot be looped over", pos=pos)
    held = value if isinstance(value, Leaf) else Leaf(expr)
    rebound = isinstance(held.expr, Name) and held.expr.id in s.loop_writes
    rebound = rebound or root(held.expr) in s.loop_writes or new_list(held.expr)
    if rebound or (not isinstance(held.expr, Name) and root(held.expr) is None):
        held = s.temporary(held.expr, "items")
    source = held
    if isinstance(kind, Opaque):
        item = kind.item or (STR if kind.type is str else INT if kind.type is range else Opaque(object))
        source = s.temporary(_call(list, "list", (held.expr,), ListOf(item)), "items")
    count = call_builtin(len, "len", source.expr)
    return Iteration(
        count=count,
        item=lambda k: load(s, source, Leaf(k), pos),
        made=None if source is held else source,
        source=source.expr.id if isinstance(source.expr, Name) and isinstance(kind, ListOf) else None,
    )


def _take(s: State, value: Iteration, pos: Pos | None) -> Iteration:
    """Run over an iterator that a variable holds: that can be done once."""
    if value.once and value.depth is not None:
        if value.taken or s.depth > value.depth:
            raise UnsupportedError(
                "an iterator is run over a second time: it would be empty", "Make a list of it: `list(...)`.", pos
            )
        value.taken = True
    return value


def _iterate_object(s: State, value: Struct, pos: Pos | None) -> Iteration:
    """An object of a class that can be indexed and has a length."""
    from srcgrad.specialize.calls import call_value
    from srcgrad.specialize.indexing import attribute, load

    methods = [inspect.getattr_static(value.cls, name, None) for name in ("__iter__", "__len__", "__getitem__")]
    if isinstance(methods[0], types.FunctionType):
        return iterate(s, call_value(s, attribute(s, value, "__iter__", pos), [], {}, pos), pos)
    if all(isinstance(method, types.FunctionType) for method in methods[1:]):
        count = as_expr(call_value(s, attribute(s, value, "__len__", pos), [], {}, pos), pos)
        return Iteration(count=count, item=lambda k: load(s, value, Leaf(k), pos))
    raise KindError(f"{describe(value)} cannot be looped over", pos=pos)


def hold(s: State, value: Iteration, base: str, pos: Pos | None) -> Iteration:
    """What a variable holds that is given an iterator or a range: its items are those of now."""
    from srcgrad.specialize.containers import collect

    if value.depth is not None:
        return value
    if value.view:
        raise UnsupportedError("a view of a dict is kept in a variable", "Make a list of it: `list(...)`.", pos)
    if value.bounds is not None:
        made = make_range([b if isinstance(b, Const) else s.temporary(b, f"{base}_bound").expr for b in value.bounds])
    elif value.static is not None:
        items = s.materialise(Struct("tuple", dict(enumerate(value.static))), s.fresh(base), pos, None)
        assert isinstance(items, Struct)
        made = Iteration(static=items.values())
    else:
        made = iterate(s, collect(s, value, lambda item: item, pos, base), pos)
    made.once, made.depth = value.once, s.depth
    return made


def _call(fn: object, text: str, args: tuple[Expr, ...], kind: object) -> Expr:
    return Call(Prim(fn, text), args, kind=kind)  # type: ignore[arg-type]


def call_builtin(fn: object, text: str, *args: Expr) -> Expr:
    """A call of a builtin that has a rule."""
    prim = Prim(fn, text)  # type: ignore[arg-type]
    return Call(prim, args, kind=infer_call(prim, args, ()))


def new_list(expr: Expr) -> bool:
    """Whether an expression is a slice of a list: a list of its own, which needs a name."""
    return isinstance(expr, Load) and isinstance(expr.index, Slice) and isinstance(expr.base.kind, ListOf)


def make_range(args: list[Expr]) -> Iteration:
    """range(...)."""
    lo, hi, step = integer(0), args[0], integer(1)
    if len(args) > 1:
        lo, hi = args[0], args[1]  # type: ignore[assignment]
    if len(args) > 2:
        step = args[2]  # type: ignore[assignment]
    return Iteration(
        count=range_count(lo, hi, step), bounds=(lo, hi, step), item=lambda k: Leaf(range_item(lo, step, k))
    )


def range_count(lo: Expr, hi: Expr, step: Expr) -> Expr:
    """The number of trips of a range."""
    if isinstance(lo, Const) and isinstance(step, Const) and lo.value == 0 and step.value == 1:
        return hi
    return call_builtin(len, "len", _call(range, "range", (lo, hi, step), ListOf(INT)))


def range_item(lo: Expr, step: Expr, k: Expr) -> Expr:
    """`lo + k * step`."""
    offset = k if isinstance(step, Const) and step.value == 1 else operation("*", k, step)
    return offset if isinstance(lo, Const) and lo.value == 0 else operation("+", lo, offset)


def operation(op: str, a: Expr, b: Expr) -> Expr:
    """`a op b` of two integers; 1 * b is b."""
    if isinstance(a, Const) and isinstance(b, Const):
        if op in ("+", "-", "*"):
            return integer({"+": a.value + b.value, "-": a.value - b.value, "*": a.value * b.value}[op])
    if op == "*" and isinstance(a, Const) and a.value == 1:
        return b
    return Op(op, (a, b), kind=infer_op(op, (a, b)))


def enumerated(inner: Iteration, start: Expr) -> Iteration:
    """enumerate(inner, start)."""

    def pair(k: Expr, item: Value) -> Value:
        number = k if isinstance(start, Const) and start.value == 0 else operation("+", k, start)
        return Struct("tuple", {0: Leaf(number), 1: item})

    if inner.static is not None:
        return Iteration(static=[pair(integer(k), item) for k, item in enumerate(inner.static)], once=True)
    assert inner.item is not None
    item = inner.item
    return Iteration(count=inner.count, item=lambda k: pair(k, item(k)), once=True)


def zipped(inners: list[Iteration]) -> Iteration:
    """zip(*inners)."""
    if any(inner.static is not None for inner in inners):
        lengths = [static_count(inner) for inner in inners]
        trips = range(min(length for length in lengths if length is not None))
        if any(inner.bounds is not None and length is None for inner, length in zip(inners, lengths, strict=False)):
            raise UnsupportedError(
                "a range of unknown length is zipped with a container of known length", "Use enumerate.", None
            )
        return Iteration(
            static=[Struct("tuple", {n: item_of(inner, integer(k)) for n, inner in enumerate(inners)}) for k in trips],
            once=True,
        )
    counts: list[Expr] = []
    for inner in inners:
        if inner.count is not None and not any(_same_count(inner.count, count) for count in counts):
            counts.append(inner.count)
    count = counts[0] if len(counts) == 1 else call_builtin(min, "min", *counts)
    return Iteration(
        count=count,
        item=lambda k: Struct("tuple", {n: item_of(inner, k) for n, inner in enumerate(inners)}),
        once=True,
    )


def _same_count(a: Expr, b: Expr) -> bool:
    known = getattr(a.kind, "value", None)
    from srcgrad.ir.kinds import Extent

    return a == b or (isinstance(known, (int, Extent)) and known == getattr(b.kind, "value", None))


def backwards(inner: Iteration) -> Iteration:
    """reversed(inner)."""
    if inner.static is not None:
        return Iteration(static=inner.static[::-1], once=True)
    assert inner.item is not None and inner.count is not None
    item, count = inner.item, inner.count
    if inner.bounds is not None:
        lo, hi, step = inner.bounds
        if isinstance(step, Const) and step.value == 1:
            bounds = (operation("-", hi, integer(1)), operation("-", lo, integer(1)), integer(-1))
            return Iteration(
                count=count, bounds=bounds, once=True,
                item=lambda k: item(operation("-", operation("-", count, integer(1)), k)),
            )
    return Iteration(count=count, item=lambda k: item(operation("-", operation("-", count, integer(1)), k)), once=True)


def item_of(inner: Iteration, k: Expr) -> Value:
    """The k-th item."""
    if inner.static is not None:
        assert isinstance(k, Const)
        return inner.static[k.value]
    assert inner.item is not None
    return inner.item(k)


MANY = 64


def static_items(inner: Iteration) -> list[Value] | None:
    """The items, where it is known when compiling how many there are (a range of constant bounds is written out)."""
    if inner.static is not None:
        return inner.static
    known = static_count(inner)
    if known is None or known > MANY or inner.item is None:
        return None
    return [inner.item(integer(k)) for k in range(known)]


def static_count(inner: Iteration) -> int | None:
    """The number of items, where it is known."""
    if inner.static is not None:
        return len(inner.static)
    if inner.bounds is not None:
        values = [getattr(bound.kind, "value", None) for bound in inner.bounds]
        if all(isinstance(value, int) for value in values) and values[2] != 0:
            return len(range(*values))  # type: ignore[arg-type]
        return None
    known = getattr(inner.count.kind, "value", None) if inner.count is not None else None
    return known if isinstance(known, int) else None
