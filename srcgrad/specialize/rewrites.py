"""Calls that are written as others: those that write into an argument given by position, or return their argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.analysis.infer import kind_of
from srcgrad.analysis.infer_dummies import shares_memory
from srcgrad.analysis.signatures import MISSING, const, signature
from srcgrad.errors import NoRuleError, UnsupportedError
from srcgrad.ir.kinds import Array, Opaque, Scalar, rank
from srcgrad.ir.nodes import Call, Pos, Prim
from srcgrad.rules.registry import full_name, lookup
from srcgrad.specialize.defined import as_defined, results_of
from srcgrad.specialize.state import State
from srcgrad.specialize.ufuncs import of_method, with_keywords
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr, is_none, static_key

Rewrite = Callable[[State, Prim, list[Value], dict[str, Value], Pos | None], Value | None]

# ---- out, by position ----------------------------------------------------------------------------------------

_REDUCTIONS = {"reduce": 3, "accumulate": 3, "reduceat": 4}  # methods of ufuncs: the place of `out`


def positional_out(prim: Prim, args: list[Value], kwargs: dict[str, Value]) -> tuple[list[Value], dict[str, Value]]:
    """The arguments with `out` by name, where it is given at all."""
    if "out" not in kwargs:
        at, names = _place_of_out(prim.fn)
        outs = args[at:] if isinstance(prim.fn, np.ufunc) else args[at : at + 1]
        if not outs:
            return args, kwargs
        given = [out for out in outs if not is_none(out)]
        if not given and not isinstance(prim.fn, np.ufunc):
            return args, kwargs  # None, in its place before other arguments
        rest = dict(zip(names, args[at + 1 :], strict=False)) if not isinstance(prim.fn, np.ufunc) else {}
        out = given[0] if len(given) == 1 else Struct("tuple", dict(enumerate(given)))
        return args[:at], {**rest, **kwargs, **({"out": out} if given else {})}
    if is_none(kwargs["out"]):
        return args, {key: value for key, value in kwargs.items() if key != "out"}
    return args, kwargs


def _place_of_out(fn: Any) -> tuple[int, list[str]]:
    """How many arguments stand before `out`, and the names of the parameters after it."""
    if isinstance(fn, np.ufunc):
        return fn.nin, []
    if isinstance(getattr(fn, "__self__", None), np.ufunc):
        return _REDUCTIONS.get(fn.__name__, 99), ["keepdims", "initial", "where"]
    try:
        found = signature(fn)
    except TypeError:  # unhashable callables
        found = None
    names = [name for name, p in found.parameters.items() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
             ] if found is not None else []  # fmt: skip
    return (names.index("out"), names[names.index("out") + 1 :]) if "out" in names else (99, [])


# ---- copy=False, and other calls of one result ---------------------------------------------------------------

def rewritten(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """The value of a call that is written as another, else None."""
    if isinstance(getattr(prim.fn, "__self__", None), np.ufunc):
        return of_method(s, prim, args, kwargs, pos)
    if isinstance(prim.fn, np.ufunc) and kwargs:
        made = with_keywords(s, prim, args, kwargs, pos)
        if made is not None:
            return made
    try:
        rewrite = _REWRITES.get(prim.fn)
    except TypeError:  # unhashable callables
        return None
    made = None if rewrite is None or not args else rewrite(s, prim, args, kwargs, pos)
    return as_defined(s, prim, args, kwargs, pos) if made is None else made


def _without_copy(args: list[Value], kwargs: dict[str, Value], at: int) -> tuple[Any, list[Value], dict[str, Value]]:
    """The argument `copy` (True if it is not given), and the arguments without it."""
    value = args[at] if len(args) > at else kwargs.get("copy")
    rest = {key: v for key, v in kwargs.items() if key != "copy"}
    if value is None:
        return True, args, rest
    return (value.value if isinstance(value, Static) else const(as_expr(value, None))), args[:at], rest


def _nan_to_num(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    copy, rest, others = _without_copy(args, kwargs, 1)
    if copy is True:
        return None
    if copy is MISSING or len(args) > 2:
        raise UnsupportedError("np.nan_to_num may write into its argument", "Write `x[...] = np.nan_to_num(x)`.", pos)
    from srcgrad.specialize.writes import with_out

    return with_out(s, prim, rest, {**others, "out": args[0]}, pos)


def _astype(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """`x.astype(dtype, copy=False)` is x where it has that dtype already."""
    copy, rest, others = _without_copy(args, kwargs, 4)
    if copy is True:
        return None
    from srcgrad.specialize.calls import call_primitive

    made = call_primitive(s, prim, rest, others, pos)
    same = getattr(as_expr(args[0], pos).kind, "dtype", "") == getattr(as_expr(made, pos).kind, "dtype", "?")
    return args[0] if same else made


def _array(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """`np.array(x, copy=False)` is np.asarray(x); axes for `ndmin=` are put in front."""
    if "ndmin" in kwargs:
        return _of_axes(s, prim, args, kwargs, pos)
    copy, rest, others = _without_copy(args, kwargs, 9)
    if copy is True:
        return None
    from srcgrad.specialize.calls import call_primitive

    return call_primitive(s, Prim(np.asarray, "np.asarray"), rest, others, pos)


def _of_axes(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """`np.array(x, ndmin=2)` of a vector is np.array(x)[None]."""
    from srcgrad.specialize.calls import call_primitive
    from srcgrad.specialize.indexing import load

    least = static_key(kwargs["ndmin"])
    made = call_primitive(s, prim, args, {key: value for key, value in kwargs.items() if key != "ndmin"}, pos)
    n = rank(as_expr(made, pos).kind)
    if n is None or not isinstance(least, int):
        return None
    at = Struct("tuple", {k: Static(None) for k in range(least - n)})
    return load(s, made, at, pos) if at.items else made


def _typed(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """`np.float64(x)` of an array is np.asarray(x, np.float64)."""
    if not isinstance(args[0], Leaf) or not isinstance(args[0].kind, Array) or rank(args[0].kind) == 0:
        return None
    from srcgrad.specialize.calls import call_primitive

    return call_primitive(s, Prim(np.asarray, "np.asarray"), args, {"dtype": Static(prim.fn, prim.text)}, pos)


def _diag(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """np.diag of a matrix is np.diagonal: a view of it."""
    if not isinstance(args[0], Leaf) or rank(args[0].kind) != 2:
        return None
    from srcgrad.specialize.calls import call_primitive

    renamed = {"offset" if key == "k" else key: value for key, value in kwargs.items()}
    return call_primitive(s, Prim(np.diagonal, "np.diagonal"), args, renamed, pos)


def _conjugate(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """`x.conj()` of a real array is the array itself."""
    real = isinstance(args[0], Leaf) and not getattr(args[0].kind, "dtype", "complex").startswith("complex")
    return args[0] if prim.style == "method" and real and not kwargs else None


_REWRITES: dict[Any, Rewrite] = {
    np.nan_to_num: _nan_to_num, np.astype: _astype, np.array: _array, np.diag: _diag, np.conjugate: _conjugate,
    **dict.fromkeys((np.float64, np.float32, np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_), _typed),
}  # fmt: skip


# ---- the value of a call -------------------------------------------------------------------------------------


def results(s: State, call: Call) -> Value:
    """The value of a call: a tuple of its results where it has several and no rule that says more of them."""
    rule = lookup(call.prim.fn)
    if rule is not None and call.kind != Opaque(tuple):
        return Leaf(call)
    if rule is None and not isinstance(call.kind, Scalar) and any(isinstance(kind_of(a), Array) for a in call.args):
        if shares_memory(call.prim, call.args, call.kwargs):
            raise NoRuleError(
                f"srcgrad does not know of which arrays the result of {full_name(call.prim)} is a view.",
                "Write it with indexing, reshape or transpose.",
                call.pos,
            )
    return results_of(s, call)
