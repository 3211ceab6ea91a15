"""Methods and keywords of ufuncs: as other functions where these do the same, else step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_op
from srcgrad.analysis.signatures import MISSING, const
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import Array, is_float, rank
from srcgrad.ir.nodes import Name, Op, Pos, Prim, Slice, Store
from srcgrad.rules.build import Sym
from srcgrad.rules.defined import ufuncs
from srcgrad.rules.registry import lookup
from srcgrad.specialize.defined import call_source, may_vary
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr, is_none

_AS_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    (np.add, "reduce"): np.sum, (np.multiply, "reduce"): np.prod, (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min, (np.fmax, "reduce"): np.nanmax, (np.fmin, "reduce"): np.nanmin,
    (np.add, "accumulate"): np.cumsum, (np.multiply, "accumulate"): np.cumprod,
}  # fmt: skip
_PARAMETERS = {
    "reduce": ("array", "axis", "dtype", "keepdims"), "accumulate": ("array", "axis", "dtype"),
    "reduceat": ("array", "indices", "axis", "dtype"), "outer": ("a", "b"),
}  # fmt: skip


def of_method(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """`np.add.reduce(x)` is `np.sum(x, axis=0)`. None: the method has a rule of its own, or none."""
    from srcgrad.specialize.calls import call_primitive, call_value

    ufunc, method = prim.fn.__self__, prim.fn.__name__  # type: ignore[attr-defined]
    fn = _AS_FUNCTIONS.get((ufunc, method))
    if fn is not None:
        if len(args) > 2 or set(kwargs) - {"axis", "keepdims", "initial", "where", "dtype"}:
            return None
        axis = {} if len(args) > 1 or "axis" in kwargs else {"axis": Static(0)}
        return call_primitive(s, Prim(fn, f"np.{fn.__name__}"), args, {**axis, **kwargs}, pos)
    rule, names = lookup(ufunc), _PARAMETERS.get(method, ())
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if rule is None or rule.form == "constant" or lookup(prim.fn) is not None or len(args) > len(names):
        return None
    if not any(may_vary(value) for value in given.values()):
        return None
    called = Static(ufunc, f"np.{ufunc.__name__}")
    if method == "outer":
        ranks = [rank(as_expr(value, pos).kind) for value in args]
        if kwargs or len(args) != 2 or None in ranks:
            return None
        if ufunc is np.multiply and ranks == [1, 1]:
            return call_primitive(s, Prim(np.outer, "np.outer"), args, {}, pos)
        if 0 in ranks:
            return call_value(s, called, args, {}, pos)
        a = as_expr(args[0], pos)
        a = a if isinstance(a, Name) else s.temporary(a, "given").expr
        turned = Sym(a)[(slice(None),) * ranks[0] + (None,) * ranks[1]]  # type: ignore[operator]
        return call_value(s, called, [Leaf(turned.expr), args[1]], {}, pos)
    if not is_none(given.pop("dtype", Static(None))) or set(given) - set(names):
        return None
    axis_of = given.get("axis", Static(0))
    if not isinstance(_known(axis_of), (int, type(None))):
        return None
    if method == "reduce":
        kept = given.get("keepdims", Static(False))
        return call_source(s, ufuncs.reduce_in_order, [called, given["array"], axis_of, kept], {}, pos)
    if method == "accumulate":
        return call_source(s, ufuncs.accumulate_in_order, [called, given["array"], axis_of], {}, pos)
    if method == "reduceat" and "indices" in given:
        return call_source(s, ufuncs.reduce_parts, [called, given["array"], given["indices"], axis_of], {}, pos)
    return None


def _known(value: Value) -> Any:
    """The Python value of an argument, MISSING where it is not known when compiling."""
    return value.value if isinstance(value, Static) else const(as_expr(value, None))


def with_keywords(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """A ufunc with `dtype=`: of arguments in that dtype. With `where=` and without `out=` it is refused."""
    from srcgrad.specialize.calls import call_primitive

    if "where" in kwargs:
        if _known(kwargs["where"]) is not True:
            raise UnsupportedError(f"{prim.text} with `where` and without `out` leaves elements unset",
                                   "Give `out`, or use np.where.", pos)  # fmt: skip
        return call_primitive(s, prim, args, {key: v for key, v in kwargs.items() if key != "where"}, pos)
    if "dtype" not in kwargs:
        return None
    given, rest = _known(kwargs["dtype"]), {key: value for key, value in kwargs.items() if key != "dtype"}
    if given is None:
        return call_primitive(s, prim, args, rest, pos)
    if given is MISSING or np.dtype(given).kind != "f":
        return None
    dtype = np.dtype(given)
    to = Static(dtype.type, f"np.{dtype.name}")
    converted = []
    for value in args:
        kind = as_expr(value, pos).kind
        if isinstance(kind, Array):
            method = Prim(np.astype, "astype", "method")
            value = value if kind.dtype == dtype.name else call_primitive(s, method, [value, to], {}, pos)
        elif not getattr(kind, "weak", False) or is_float(kind):
            value = call_primitive(s, Prim(dtype.type, f"np.{dtype.name}"), [value], {}, pos)
        converted.append(value)
    return call_primitive(s, prim, converted, rest, pos)


def at(s: State, ufunc: Any, args: list[Value], pos: Pos | None) -> Value:
    """np.add.at(x, index, value) and its like: one store, or one for each index in turn where it may repeat."""
    from srcgrad.specialize.calls import call_primitive, call_value
    from srcgrad.specialize.indexing import load
    from srcgrad.specialize.writes import NOTHING, target, value_of

    place = target(s, args[0], pos)
    if ufunc in (np.add, np.subtract) and len(args) == 3:
        part = load(s, Leaf(place), args[1], pos, store=True)
        assert isinstance(part, Leaf)
        value = value_of(args[2], pos)
        if ufunc is np.subtract:
            value = Op("neg", (value,), kind=infer_op("neg", (value,)), pos=pos)
        s.emit(Store(part.expr, value, "at", pos=pos))
        return NOTHING
    called, index = Static(ufunc, f"np.{ufunc.__name__}"), args[1]
    parts = index.values() if isinstance(index, Struct) and index.type == "tuple" else [index]
    if all(_each_once(value, pos) for value in parts):
        part = load(s, Leaf(place), index, pos, store=True)
        assert isinstance(part, Leaf)
        new = call_value(s, called, [part, *args[2:]], {}, pos)
        s.emit(Store(part.expr, as_expr(new, pos), "", pos=pos))
        return NOTHING
    if isinstance(index, Struct) and index.type == "list":
        index = call_primitive(s, Prim(np.array, "np.array"), [index], {}, pos)
    if isinstance(index, Struct) or rank(as_expr(index, pos).kind) != 1:
        raise UnsupportedError(f"np.{ufunc.__name__}.at is supported for one vector of indices", "Write a loop.", pos)
    source = ufuncs.at_each if len(args) == 3 else ufuncs.at_each_alone
    call_source(s, source, [called, Leaf(place), index, *args[2:]], {}, pos)
    return NOTHING


def _each_once(index: Value, pos: Pos | None) -> bool:
    """Whether an index names no element twice."""
    if isinstance(index, Static):
        return True
    if isinstance(index, Struct):
        return False
    expr = as_expr(index, pos)
    return isinstance(expr, Slice) or rank(expr.kind) == 0 or getattr(expr.kind, "dtype", "") == "bool"
