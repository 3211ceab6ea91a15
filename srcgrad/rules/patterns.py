"""What functions do to index sets (see transform/forward/patterns): which inputs each element of a result depends on.

Elementwise functions join the sets of their operands. Functions that only move elements move the sets likewise;
reductions join along their axes. Of every other function each element of the result depends on all that its
differentiated arguments depend on: more than need be, never less.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.ir.kinds import Array, ListOf, Matrix, Scalar, rank
from srcgrad.ir.nodes import Call, Op, Prim
from srcgrad.rules.build import Sym, helper, lift, same_shape
from srcgrad.rules.build import call as call_of
from srcgrad.rules.registry import OPS, Rule, as_prim

MOVING: set[Callable[..., Any]] = {
    np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.atleast_1d, np.atleast_2d, np.atleast_3d,
    np.block, np.broadcast_to, np.column_stack, np.concatenate, np.copy, np.delete, np.diag, np.diagonal, np.dstack,
    np.expand_dims, np.extract, np.flip, np.fliplr, np.flipud, np.hstack, np.insert, np.moveaxis, np.ravel, np.repeat,
    np.reshape, np.resize, np.roll, np.rollaxis, np.rot90, np.split, np.array_split, np.squeeze, np.stack,
    np.swapaxes, np.take, np.take_along_axis, np.tile, np.transpose, np.tril, np.triu, np.vstack, np.where,
    np.append, np.compress, np.select, np.choose, np.ndarray.flatten, np.ndarray.tolist, list, tuple, reversed,
}  # fmt: skip
"""Each element of the result is an element of an argument."""

CREATING: set[Callable[..., Any]] = {np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray}
"""Those whose result is an array of objects only if they are told so."""

REDUCING: set[Callable[..., Any]] = {
    np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.var, np.std, np.nansum, np.nanmean, np.nanmax,
    np.nanmin, np.linalg.norm, np.median, np.ptp, np.average, np.add.reduce, np.multiply.reduce, np.logaddexp.reduce,
}  # fmt: skip
"""Along `axis` each element of the result depends on all elements of the argument."""

ACCUMULATING: set[Callable[..., Any]] = {np.cumsum, np.cumprod, np.nancumsum, np.add.accumulate, np.multiply.accumulate}
PRODUCTS: set[Callable[..., Any]] = {OPS["@"], np.matmul, np.dot, np.inner, np.vdot, np.outer}

union = helper(runtime.union_of)
"""Joins the sets of an array along an axis, or all of them."""


def joined(rule: Rule, call: Call | Op, sets: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
    """The index sets of a call's result. sets: those of the arguments that have some, by parameter."""
    fn = as_prim(call).fn
    known = {*rule.builders, *(name for wanted in rule.tangents for name in wanted)}
    if rule.form == "elementwise":  # also those in which the derivative is not known
        known = set(rule.params) - rule.zero
    sets = {name: value for name, value in sets.items() if name in known}
    if not sets:
        return Sym(lift(0))
    if fn in MOVING and isinstance(call, Call):
        return _same_call(rule, call, rule.bind(call), sets)
    if rule.form == "elementwise":
        total = reduce(_join, sets.values())
        full = [name for name in sets if same_shape(call.kind, args[name].kind, _others(args, name))]
        if rank(call.kind) == 0 or full:
            return total
        return helper(runtime.spread_sets)(total, out)
    only = next(iter(sets.values())) if len(sets) == 1 else None
    if isinstance(only, Sym) and isinstance(only.kind, Array):
        axis = args.get("axis")
        axes = {} if axis is None else {"axis": axis}
        if fn in REDUCING and rank(only.kind) is not None:
            keep = {"keepdims": args["keepdims"]} if "keepdims" in args else {}
            return union(only, **axes, **keep)
        if fn in ACCUMULATING:
            return helper(runtime.accumulated_sets)(only, **axes)
    if fn in PRODUCTS and not isinstance(call.kind, ListOf):
        return _product(fn, rule, sets, args)
    return all_of(list(sets.values()), out)


def all_of(sets: list[Any], out: Sym) -> Sym:
    """The sets of a result each element of which depends on all that these depend on."""
    found = reduce(_join, map(_all, sets))
    return found if isinstance(out.kind, Scalar) else helper(runtime.spread_sets)(found, out)


def _others(args: dict[str, Any], name: str) -> list[Any]:
    return [value.kind for other, value in args.items() if other != name] or [Scalar("float64")]


def _join(a: Sym, b: Sym) -> Sym:
    return a if a.expr == b.expr else a | b


def _all(value: Any) -> Sym:
    """The set of all that an argument depends on."""
    if isinstance(value, list):
        return reduce(_join, (_all(item) for item in value if item is not None))
    return value if isinstance(value.kind, Scalar) else union(value)


def _same_call(rule: Rule, call: Call, bound: dict[str, Any], sets: dict[str, Any]) -> Sym:
    """The call with the arguments that have sets replaced by those, and by empty ones where other values are mixed."""

    def moved(value: Any, given: Any) -> Any:
        if isinstance(given, list):
            items = value if isinstance(value, list) else value.items
            made = tuple(lift(moved(item, g)) for item, g in zip(items, given, strict=True))
            return list(map(Sym, made)) if isinstance(value, list) else dataclasses.replace(value, items=made)
        if given is not None:
            return given.expr
        return lift(0) if isinstance(value.kind, Scalar) else helper(runtime.no_sets)(value).expr

    new = {name: moved(value, sets.get(name)) if name in rule.builders else value for name, value in bound.items()}
    if call.prim.fn in CREATING:
        given = next(name for name in sets)
        return Sym(Call(call.prim, (lift(new[given]),), (("dtype", lift(object)),), kind=call.kind))
    order = list(bound)
    count = len(call.args)
    args: list[Any] = []
    for name in order[:count]:
        args += [lift(item) for item in new[name]] if isinstance(new[name], list) else [lift(new[name])]
    kwargs = tuple((key, lift(new.get(key, value))) for key, value in call.kwargs)
    return Sym(dataclasses.replace(call, args=tuple(args[: max(count, len(args))]), kwargs=kwargs))


def _product(fn: Callable[..., Any], rule: Rule, sets: dict[str, Any], args: dict[str, Any]) -> Sym:
    """Products of matrices and vectors: row by column, without the zeros of an operand that has no sets."""
    first, second = rule.params[0], rule.params[1]
    text = {np.outer: "outer", np.inner: "inner", np.vdot: "vdot"}.get(fn, "matmul")
    given: list[Any] = []
    for name in (first, second):
        given += [sets[name] if name in sets else _as_array(args[name]), name in sets]
    return helper(runtime.product_sets)(text, *given)


def _as_array(x: Sym) -> Sym:
    """A factor as an array, where it is a matrix of a library."""
    if not isinstance(x.kind, Matrix):
        return x
    method: Any = getattr(x.kind.type, "toarray", None)
    return call_of(Prim(method, "toarray", "method"), x)

