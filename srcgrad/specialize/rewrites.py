"""Calls that are written as others: those that write into an argument given by position, that return their argument,
or that have several results."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.infer import infer_items, kind_of
from srcgrad.analysis.infer_dummies import shares_memory
from srcgrad.analysis.signatures import MISSING, const, signature
from srcgrad.errors import KindError, NoRuleError, UnsupportedError
from srcgrad.ir.kinds import Array, Opaque, Scalar, rank
from srcgrad.ir.nodes import Call, Const, Name, Pos, Prim
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.defined.registry import item_of
from srcgrad.rules.registry import full_name, lookup
from srcgrad.specialize.defined import as_defined
from srcgrad.specialize.state import State
from srcgrad.specialize.statistics import STATISTICS
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr
from srcgrad.specialize.written import Rewrite, held

# ---- out, by position ----------------------------------------------------------------------------------------

_REDUCTIONS = {"reduce": 3, "accumulate": 3, "reduceat": 4}  # methods of ufuncs: the place of `out`


def positional_out(prim: Prim, args: list[Value], kwargs: dict[str, Value]) -> tuple[list[Value], dict[str, Value]]:
    """The arguments with `out` by name, where it is given at all."""
    if "out" not in kwargs:
        at, names = _place_of_out(prim.fn)
        outs = args[at:] if isinstance(prim.fn, np.ufunc) else args[at : at + 1]
        if not outs:
            return args, kwargs
        given = [out for out in outs if not _is_none(out)]
        if not given and not isinstance(prim.fn, np.ufunc):
            return args, kwargs  # None, in its place before other arguments
        rest = dict(zip(names, args[at + 1 :], strict=False)) if not isinstance(prim.fn, np.ufunc) else {}
        out = given[0] if len(given) == 1 else Struct("tuple", dict(enumerate(given)))
        return args[:at], {**rest, **kwargs, **({"out": out} if given else {})}
    if _is_none(kwargs["out"]):
        return args, {key: value for key, value in kwargs.items() if key != "out"}
    return args, kwargs


def _is_none(value: Value) -> bool:
    return (
        isinstance(value, Static)
        and value.value is None
        or (isinstance(value, Leaf) and isinstance(value.expr, Const) and value.expr.value is None)
    )


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
        return _of_ufunc(s, prim, args, kwargs, pos)
    try:
        rewrite = _REWRITES.get(prim.fn)
    except TypeError:  # unhashable callables
        return None
    made = None if rewrite is None or not args else rewrite(s, prim, args, kwargs, pos)
    return as_defined(s, prim, args, kwargs, pos) if made is None else made


_METHODS: dict[Any, Callable[..., Any]] = {
    (np.add, "reduce"): np.sum, (np.multiply, "reduce"): np.prod, (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min, (np.add, "accumulate"): np.cumsum, (np.multiply, "accumulate"): np.cumprod,
}  # fmt: skip


def _of_ufunc(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """`np.add.reduce(x)` is `np.sum(x, axis=0)`."""
    from srcgrad.specialize.calls import call_primitive

    ufunc, method = prim.fn.__self__, prim.fn.__name__  # type: ignore[attr-defined]
    if (ufunc, method) == (np.multiply, "outer") and [rank(as_expr(a, pos).kind) for a in args] == [1, 1]:
        return call_primitive(s, Prim(np.outer, "np.outer"), args, kwargs, pos)
    fn = _METHODS.get((ufunc, method))
    if fn is None or len(args) > 2 or set(kwargs) - {"axis", "keepdims", "initial", "where", "dtype"}:
        return None
    axis = {} if len(args) > 1 or "axis" in kwargs else {"axis": Static(0)}
    return call_primitive(s, Prim(fn, f"np.{fn.__name__}"), args, {**axis, **kwargs}, pos)


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
    """`np.array(x, copy=False)` is np.asarray(x)."""
    copy, rest, others = _without_copy(args, kwargs, 9)
    if copy is True:
        return None
    from srcgrad.specialize.calls import call_primitive

    return call_primitive(s, Prim(np.asarray, "np.asarray"), rest, others, pos)


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


# ---- several results -----------------------------------------------------------------------------------------


def _several(builder: Callable[..., list[Any] | None]) -> Rewrite:
    """A function whose results are written as several calls, each of one result. None: a result with no rule."""

    def rewrite(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
        try:
            parameters = inspect.signature(builder).bind(*args, **kwargs).arguments
        except TypeError:
            return None
        syms: dict[str, Any] = {}
        for name, value in parameters.items():
            if isinstance(value, tuple):
                syms[name] = [held(s, item, pos) for item in value]
            else:
                syms[name] = held(s, value, pos)
        made = builder(*(syms.get("arrays") or ()), **{k: v for k, v in syms.items() if k != "arrays"})
        if made is None or any(item is None for item in made):
            call = results(s, _call(prim, args, kwargs, pos))
            if made is None or not isinstance(call, Struct):
                return call
            made = [call.items[k] if item is None else item for k, item in enumerate(made)]
        values = [item if isinstance(item, (Leaf, Struct)) else Leaf(replace(item.expr, pos=pos)) for item in made]
        return Struct("tuple", dict(enumerate(values)), _NAMED.get(prim.fn))

    return rewrite


_NAMED: dict[Any, type] = {
    fn: type(fn(np.eye(1))) for fn in (np.linalg.slogdet, np.linalg.eigh, np.linalg.svd, np.linalg.qr)
}  # fmt: skip
"""The classes of tuples with names that functions return."""


def _call(prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Call:
    from srcgrad.analysis.infer import infer_call

    exprs = tuple(as_expr(arg, pos) for arg in args)
    keywords = tuple((key, as_expr(arg, pos)) for key, arg in kwargs.items())
    return Call(prim, exprs, keywords, kind=infer_call(prim, exprs, keywords), pos=pos)


def _meshgrid(*arrays: Sym, indexing: str = "xy") -> list[Sym] | None:
    n = len(arrays)
    if n < 2 or any(rank(x.kind) != 1 for x in arrays) or indexing not in ("xy", "ij"):
        return None
    order = [1, 0, *range(2, n)] if indexing == "xy" else list(range(n))
    shape = tuple(arrays[order[k]].size for k in range(n))
    return [helper(runtime.grid)(x, shape, order[k]) for k, x in enumerate(arrays)]


def _math_modf(x: Sym) -> list[Sym]:
    return [helper(math.fmod, "math.fmod")(x, 1.0), helper(float)(helper(math.trunc, "math.trunc")(x))]


def _matrix(a: Any, *items: Any) -> list[Any] | None:
    return list(items) if isinstance(a, Sym) and rank(a.kind) is not None else None


def _factors(*parts: Callable[..., Any], defaults: dict[str, Any]) -> Rewrite:
    """A decomposition that is done once: each of its results is what a function of all of them gives.

    defaults: the other arguments for which that is so, each with the values that it may have.
    """

    def rewrite(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
        given = {**dict(zip(defaults, args[1:], strict=False)), **kwargs}
        for name, value in given.items():
            found = value.value if isinstance(value, Static) else const(as_expr(value, pos))
            if name not in defaults or found not in defaults[name]:
                return None
        if rank(as_expr(args[0], pos).kind) is None:
            return None
        a = Sym(as_expr(args[0], pos))
        if not isinstance(a.expr, Name):
            a = Sym(s.temporary(a.expr, "given").expr)
        found = results(s, _call(prim, [Leaf(a.expr), *args[1:]], kwargs, pos))
        if not isinstance(found, Struct):
            return None
        of_all = [Sym(as_expr(item, pos)) for item in found.values()]
        made = [Leaf(replace(helper(part)(a, *of_all).expr, pos=pos)) for part in parts]
        return Struct("tuple", dict(enumerate(made)), _NAMED.get(prim.fn))

    return rewrite


_svd_factors = _factors(
    runtime.svd_u, runtime.svd_s, runtime.svd_vt, defaults={"full_matrices": (True, False), "compute_uv": (True,)}
)
_qr_factors = _factors(runtime.qr_q, runtime.qr_r, defaults={"mode": ("reduced",)})


def _svd(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    vectors = kwargs.get("compute_uv")
    if len(args) == 1 and vectors is not None and const(as_expr(vectors, pos)) is False:
        return Leaf(helper(np.linalg.svdvals, "np.linalg.svdvals")(as_expr(args[0], pos)).expr)
    return _svd_factors(s, prim, args, kwargs, pos)


def _qr(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    given = args[1] if len(args) == 2 else kwargs.get("mode")
    if given is not None and const(as_expr(given, pos)) == "r":
        both = _qr_factors(s, prim, args[:1], {}, pos)
        return both.items[1] if isinstance(both, Struct) else None
    return _qr_factors(s, prim, args, kwargs, pos)


def _lstsq(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """The first result of np.linalg.lstsq; the others are constants."""
    whole = results(s, _call(prim, args, kwargs, pos))
    if not isinstance(whole, Struct):
        return None
    first = _call(Prim(runtime.least_squares, "least_squares"), args, kwargs, pos)
    return Struct("tuple", {**whole.items, 0: Leaf(first)})


_REWRITES: dict[Any, Rewrite] = {
    np.nan_to_num: _nan_to_num, np.astype: _astype, np.array: _array, np.diag: _diag, np.conjugate: _conjugate,
    **dict.fromkeys((np.float64, np.float32, np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_), _typed),
    np.modf: _several(lambda x: [xp.fmod(x, 1.0), xp.trunc(x)]), math.modf: _several(_math_modf),
    np.divmod: _several(lambda x, y: [xp.floor_divide(x, y), xp.mod(x, y)]),
    np.meshgrid: _several(_meshgrid),
    np.linalg.slogdet: _several(
        lambda a: _matrix(a, helper(runtime.sign_of_det)(a), helper(runtime.log_abs_det)(a))),
    np.linalg.eigh: _factors(runtime.eigh_w, runtime.eigh_v, defaults={"UPLO": ("L",)}),
    np.linalg.svd: _svd, np.linalg.qr: _qr, np.linalg.lstsq: _lstsq,
    **STATISTICS,
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
    if call.kind != Opaque(tuple):
        return Leaf(call)
    try:
        kinds = infer_items(call.prim, call.args, call.kwargs)
    except KindError:
        kinds = None
    if kinds is None:
        return Leaf(call)
    held = s.temporary(call, "results").expr
    return Struct("tuple", {k: Leaf(item_of(held, k, kind, call.pos)) for k, kind in enumerate(kinds)})
