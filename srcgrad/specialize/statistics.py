"""Statistics that are written as others: keywords of reductions, what passes over nan, second arguments."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.signatures import MISSING, const
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import Array, Opaque, dims, is_float, rank
from srcgrad.ir.nodes import Pos, Prim
from srcgrad.rules.build import Sym, conj, helper, xp
from srcgrad.rules.reductions import options
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr
from srcgrad.specialize.written import Rewrite, float_array, held, placed, written


def _known(value: Value | None, usual: Any = None) -> Any:
    """The Python value of an argument, MISSING where it is not known when compiling."""
    if value is None:
        return usual
    return value.value if isinstance(value, Static) else const(as_expr(value, None))


# ---- keywords of reductions ----------------------------------------------------------------------------------


def _keywords(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """A reduction with `where=` is one of an array with what changes nothing in the other places; `dtype=` is a
    conversion ahead of it; and `initial=` is one more operand."""
    kind = float_array(args[0])
    if kind is None:
        return None
    try:
        bound = inspect.signature(prim.fn).bind(*args, **kwargs).arguments
    except TypeError:
        return None
    a = bound.pop("a")
    wide = _float_dtype(bound.get("dtype"))
    where = _known(bound.get("where"), True)
    sums = prim.fn in _NEUTRAL
    initial = sums and _known(bound.get("initial"), None) is not None
    if wide is None and where is True and not initial:
        return None
    if where is not True and not sums and prim.fn not in _AVERAGES and "initial" not in bound:
        return None  # NumPy says that it needs one
    if wide is not None:
        del bound["dtype"]
        if wide != getattr(kind, "dtype", ""):
            a = Leaf(placed(held(s, a, pos).astype(wide).expr, pos))
    first = held(s, bound.pop("initial"), pos) if initial else None
    mask = None
    if where is not True:
        mask = held(s, bound.pop("where"), pos)
        if prim.fn in _AVERAGES:
            made = _average(prim, held(s, a, pos), mask, {k: _known(v) for k, v in bound.items()}, pos)
            return Leaf(placed(made.expr, pos))
        neutral = _NEUTRAL[prim.fn] if sums else held(s, bound["initial"], pos)
        a = Leaf(placed(xp.where(mask, held(s, a, pos), neutral).expr, pos))
    from srcgrad.specialize.calls import call_primitive

    plain = prim if mask is None or prim.style != "method" else Prim(prim.fn, f"np.{prim.fn.__name__}")
    result = call_primitive(s, plain, [a], bound, pos)
    if first is None:
        return result
    reduced = Sym(as_expr(result, pos))
    return Leaf(placed((reduced + first if prim.fn is np.sum else reduced * first).expr, pos))


_NEUTRAL: dict[Any, float] = {np.sum: 0.0, np.prod: 1.0}
_AVERAGES = (np.mean, np.var, np.std)


def _float_dtype(value: Value | None) -> str | None:
    """The name of the dtype of floats that is asked for."""
    given = _known(value)
    if given is None or given is MISSING:
        return None
    try:
        dtype = np.dtype(given)
    except TypeError:
        return None
    return dtype.name if dtype.kind == "f" else None


def _average(prim: Prim, a: Sym, mask: Sym, given: dict[str, Any], pos: Pos | None) -> Sym:
    """np.mean, np.var and np.std of the elements where the mask is set."""
    unknown = set(given) - {"axis", "keepdims", "ddof"}
    axis, keepdims, lost = given.get("axis"), given.get("keepdims", False), given.get("ddof", 0)
    if unknown or any(value is MISSING for value in (axis, keepdims, lost)):
        what = ", ".join(f"`{name}`" for name in sorted(unknown)) or "an `axis`, `keepdims`, `ddof` not constant"
        raise UnsupportedError(f"np.{prim.fn.__name__} with `where` and {what} is not supported",
                               "Select the elements first.", pos)  # fmt: skip
    keepdims = keepdims is True
    if prim.fn is np.mean:
        return _masked_mean(a, mask, axis, keepdims)
    c = xp.where(mask, a - _masked_mean(a, mask, axis, axis is not None), 0.0)
    n = _number(a, mask, axis, keepdims)
    n = n - lost if lost else n
    if prim.fn is np.var:
        return xp.sum((c * conj(c)).real, **options(axis, keepdims)) / n
    if isinstance(axis, tuple) or (axis is None and keepdims):
        raise UnsupportedError("np.std with `where` is supported along one axis or all", "Take np.var.", pos)
    size = xp.linalg.norm(c, **options(axis, keepdims))  # it is smooth where sqrt of a sum of squares is not
    return size / xp.sqrt(n)


def _masked_mean(a: Sym, mask: Sym, axis: Any, keepdims: bool) -> Sym:
    return xp.sum(xp.where(mask, a, 0.0), **options(axis, keepdims)) / _number(a, mask, axis, keepdims)


def _number(a: Sym, mask: Sym, axis: Any, keepdims: bool) -> Sym:
    """How many elements of `a` each result takes together, in its dtype."""
    same = rank(mask.kind) == rank(a.kind) and dims(mask.kind) == dims(a.kind)
    everywhere = mask if same else xp.broadcast_to(mask, a.shape)
    n = xp.count_nonzero(everywhere, **options(axis, keepdims))
    return n.astype(getattr(a.kind, "dtype", "float64")) if isinstance(n.kind, Array) else n


def _prod(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    made = _keywords(s, prim, args, kwargs, pos)
    axes = _known(args[1] if len(args) > 1 else kwargs.get("axis"))
    kind = float_array(args[0])
    if made is not None or not isinstance(axes, tuple) or kind is None or len(args) > 2 or rank(kind) is None:
        return made
    from srcgrad.specialize.calls import call_primitive

    n, value = rank(kind) or 0, args[0]
    if not axes:
        return None
    rest = {key: v for key, v in kwargs.items() if key != "axis"}
    for axis in sorted((k + n if k < 0 else k for k in axes), reverse=True):
        value = call_primitive(s, prim, [value], {**rest, "axis": Static(axis)}, pos)
    return value


# ---- what passes over nan ------------------------------------------------------------------------------------


def _over_nan(fn: Any, neutral: float) -> Rewrite:
    """`fn` of the array with a number that changes nothing in place of nan."""

    def rewrite(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
        if float_array(args[0]) is None:
            return None
        from srcgrad.specialize.calls import call_primitive

        a = held(s, args[0], pos)
        there = Leaf(placed(xp.where(xp.isnan(a), neutral, a).expr, pos))
        return call_primitive(s, Prim(fn, f"np.{fn.__name__}"), [there, *args[1:]], kwargs, pos)

    return rewrite


# ---- cumulative sums, differences ----------------------------------------------------------------------------


def _cumulative(fn: Any) -> Rewrite:
    """np.cumulative_sum and np.cumulative_prod, which want an axis where there are several."""

    def rewrite(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
        kind = float_array(args[0])
        if _known(kwargs.get("include_initial"), False) is not False:
            raise UnsupportedError(f"{prim.text} with `include_initial` is not supported", "Concatenate it.", pos)
        if kind is None or (rank(kind) != 1 and _known(kwargs.get("axis")) is None):
            return None
        from srcgrad.specialize.calls import call_primitive

        rest = {key: value for key, value in kwargs.items() if key != "include_initial"}
        return call_primitive(s, Prim(fn, f"np.{fn.__name__}"), args, rest, pos)

    return rewrite


def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Sym | None:
    if not isinstance(ary, Sym) or not isinstance(ary.kind, Array) or not is_float(ary.kind):
        return None
    inner = xp.diff(ary if rank(ary.kind) == 1 else xp.ravel(ary))
    ends = [None if e is None or (isinstance(e, Sym) and const(e.expr) is None) else e for e in (to_begin, to_end)]
    if any(isinstance(e, str) or (isinstance(e, Sym) and isinstance(e.kind, Opaque)) for e in ends):
        return None
    begin, end = (None if e is None else xp.ravel(e) if rank(e.kind) else xp.atleast_1d(e) for e in ends)
    parts = [part for part in (begin, inner, end) if part is not None]
    return inner if len(parts) == 1 else xp.concatenate(parts).astype(getattr(ary.kind, "dtype", "float64"))


def _gradient(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """np.gradient along several axes is one for each of them."""
    kind, axis = float_array(args[0]), _known(kwargs.get("axis"))
    n = rank(kind) if kind is not None else None
    if n is None or isinstance(axis, int) or axis is MISSING:
        return None
    axes = tuple(range(n)) if axis is None else tuple(axis)
    steps = [args[1:]] * len(axes) if len(args) <= 2 else [[step] for step in args[1:]]
    if len(axes) < 2 or len(steps) != len(axes):
        return None
    from srcgrad.specialize.calls import call_primitive

    f = Leaf(held(s, args[0], pos).expr)
    parts = [
        call_primitive(s, prim, [f, *step], {**kwargs, "axis": Static(k)}, pos)
        for k, step in zip(axes, steps, strict=True)
    ]
    return Struct("tuple", dict(enumerate(parts)))


# ---- second arguments ----------------------------------------------------------------------------------------


def _with_rows(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """np.cov and np.corrcoef of two arguments: of all their rows."""
    y = args[1] if len(args) > 1 else kwargs.get("y")
    if y is None or _known(y) is None:
        return None
    rest = {key: value for key, value in kwargs.items() if key != "y"}
    rest |= dict(zip(_AFTER_Y, args[2:], strict=False))
    by_row = _known(rest.get("rowvar"), True)
    values = [held(s, value, pos) for value in (args[0], y)]
    ranks = [rank(value.kind) for value in values]
    if ranks not in ([1, 1], [2, 2]) and not (by_row is True and set(ranks) == {1, 2}):
        raise UnsupportedError(f"{prim.text} of these two arguments is not supported", "Stack their rows.", pos)
    if ranks == [2, 2] and by_row is not True:
        if by_row is MISSING or dims(values[1].kind)[0] == 1:  # type: ignore[index]
            raise UnsupportedError(f"{prim.text} of these two arguments is not supported", "Stack their rows.", pos)
        values = [value.T for value in values]
    rest.pop("rowvar", None)
    from srcgrad.specialize.calls import call_primitive

    return call_primitive(s, prim, [Leaf(placed(xp.vstack(values).expr, pos))], rest, pos)


_AFTER_Y = ("rowvar", "bias", "ddof")


def _histogram(s: State, prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value | None:
    """np.histogram with weights: the sums of the weights, and the edges."""
    weights, density = kwargs.get("weights"), _known(kwargs.get("density"))
    if len(args) > 3 or weights is None or float_array(weights) is None:
        return None
    if density not in (None, False):
        raise UnsupportedError("np.histogram with `density` is not supported",
                               "Divide by the sum and by the widths of the bins.", pos)  # fmt: skip
    given = dict(zip(("a", "bins", "range"), args, strict=False)) | kwargs
    a, over = held(s, given["a"], pos), held(s, weights, pos)
    bins = {key: held(s, given[key], pos) for key in ("bins", "range") if key in given}
    sums = helper(runtime.histogram_of_weights)(over, a, **bins)
    edges = xp.histogram_bin_edges(a, **bins)
    return Struct("tuple", {0: Leaf(placed(sums.expr, pos)), 1: Leaf(placed(edges.expr, pos))})


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Sym | None:
    """Values beyond the ends."""
    if left is None and right is None:
        return None
    choose, made = helper(np.where, "np.where"), helper(np.interp, "np.interp")(x, xp, fp)
    if left is not None:
        made = choose(x < xp[0], left, made)
    return made if right is None else choose(x > xp[-1], right, made)


STATISTICS: dict[Any, Rewrite] = {
    **dict.fromkeys((np.sum, np.mean, np.max, np.min, np.amax, np.amin, np.var, np.std, np.cumsum, np.cumprod),
                    _keywords),
    np.prod: _prod, np.nanprod: _over_nan(np.prod, 1.0), np.nancumsum: _over_nan(np.cumsum, 0.0),
    np.nancumprod: _over_nan(np.cumprod, 1.0),
    np.cumulative_sum: _cumulative(np.cumsum), np.cumulative_prod: _cumulative(np.cumprod),
    np.ediff1d: written(_ediff1d), np.gradient: _gradient, np.cov: _with_rows, np.corrcoef: _with_rows,
    np.histogram: _histogram, np.interp: written(_interp),
}  # fmt: skip
