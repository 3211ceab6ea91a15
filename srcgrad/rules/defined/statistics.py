"""Statistics: keywords of reductions, what passes over nan, second arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import Array, dims, dtype_name, is_float
from srcgrad.rules.build import Sym, conj, helper, xp
from srcgrad.rules.defined.registry import Declined, Definition, array, hold, ndim, written_as
from srcgrad.rules.reductions import options

# ---- keywords of reductions ----------------------------------------------------------------------------------


def _floats(a: Any) -> Sym:
    """An array of floats; raises Declined for anything else."""
    if not isinstance(a, Sym) or not isinstance(a.kind, Array) or not is_float(a.kind):
        raise Declined
    return a


def _converted(a: Any, dtype: Any) -> Sym:
    """An array of floats in the dtype that is asked for; raises Declined where that is no dtype of floats."""
    a = _floats(a)
    if dtype is None:
        return a
    try:
        wide = np.dtype(dtype)
    except TypeError:
        raise Declined from None
    if wide.kind != "f":
        raise Declined
    return a if wide.name == dtype_name(a.kind) else a.astype(wide.name)


def _plainly(fn: Callable[..., Sym]) -> Callable[..., Sym]:
    return lambda x, axis, keepdims: fn(x, **options(axis, keepdims))


def _prod(x: Sym, axis: Any, keepdims: Any) -> Sym:
    """Along several axes one after the other."""
    if not isinstance(axis, tuple):
        return xp.prod(x, **options(axis, keepdims))
    n = ndim(x)
    for k in sorted((k % n for k in axis), reverse=True):
        x = xp.prod(x, **options(k, keepdims))
    return x


def _total(fn: Callable[..., Sym], neutral: float, join: Callable[[Sym, Any], Sym]) -> Definition:
    """`where=` is what changes nothing in the other places, `initial=` one more operand."""

    def definition(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
        where: Any = True,
    ) -> Sym | None:  # fmt: skip
        x = _converted(a, dtype)
        if dtype is None and where is True and initial is None and (fn is not _prod or not isinstance(axis, tuple)):
            return None
        result = fn(x if where is True else xp.where(where, x, neutral), axis, keepdims)
        return result if initial is None else join(result, initial)

    return definition


written_as(np.sum)(_total(_plainly(xp.sum), 0.0, lambda result, first: result + first))
prod = written_as(np.prod)(_total(_prod, 1.0, lambda result, first: result * first))


@written_as(np.max, np.amax)
def largest(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Sym | None:
    return _extremum(xp.max, a, axis, keepdims, initial, where)


@written_as(np.min, np.amin)
def least(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Sym | None:
    return _extremum(xp.min, a, axis, keepdims, initial, where)


def _extremum(fn: Callable[..., Sym], a: Any, axis: Any, keepdims: Any, initial: Any, where: Any) -> Sym | None:
    if where is True or initial is None:  # NumPy says that it needs one
        return None
    return fn(xp.where(where, _floats(a), initial), **options(axis, keepdims), initial=initial)


@written_as(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Sym | None:
    x = _converted(a, dtype)
    if where is True:
        return None if dtype is None else xp.mean(x, **options(axis, keepdims))
    return _masked_mean(x, array(where), axis, keepdims)


@written_as(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True,
) -> Sym | None:  # fmt: skip
    x = _converted(a, dtype)
    if where is True:
        return None if dtype is None else xp.var(x, **options(axis, keepdims), **_lost(ddof))
    c, n = _deviations(x, array(where), axis, ddof, keepdims)
    return xp.sum((c * conj(c)).real, **options(axis, keepdims)) / n


@written_as(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True,
) -> Sym | None:  # fmt: skip
    x = _converted(a, dtype)
    if where is True:
        return None if dtype is None else xp.std(x, **options(axis, keepdims), **_lost(ddof))
    if isinstance(axis, tuple) or (axis is None and keepdims):
        raise UnsupportedError("np.std with `where` is supported along one axis or all", "Take np.var.")
    c, n = _deviations(x, array(where), axis, ddof, keepdims)
    # smooth where sqrt of a sum of squares is not
    return xp.linalg.norm(c, **options(axis, keepdims)) / xp.sqrt(n)


def _lost(ddof: Any) -> dict[str, Any]:
    return {"ddof": ddof} if isinstance(ddof, Sym) or ddof else {}


def _deviations(a: Sym, mask: Sym, axis: Any, ddof: Any, keepdims: Any) -> tuple[Sym, Sym]:
    """The distances from the mean of what is selected, 0 elsewhere; and how many there are, less ddof."""
    if isinstance(ddof, Sym):
        raise UnsupportedError("`ddof` beside `where` has to be known when compiling", "Select the elements first.")
    c = xp.where(mask, a - _masked_mean(a, mask, axis, axis is not None), 0.0)
    n = _number(a, mask, axis, keepdims)
    return c, n - ddof if ddof else n


def _masked_mean(a: Sym, mask: Sym, axis: Any, keepdims: Any) -> Sym:
    return xp.sum(xp.where(mask, a, 0.0), **options(axis, keepdims)) / _number(a, mask, axis, keepdims)


def _number(a: Sym, mask: Sym, axis: Any, keepdims: Any) -> Sym:
    """How many elements of `a` each result takes together, in its dtype."""
    everywhere = mask if dims(mask.kind) == dims(a.kind) else xp.broadcast_to(mask, a.shape)
    n = xp.count_nonzero(everywhere, **options(axis, keepdims))
    return n.astype(dtype_name(a.kind)) if isinstance(n.kind, Array) else n


# ---- what passes over nan ------------------------------------------------------------------------------------


def _without_nan(a: Any, neutral: float) -> Sym:
    x = _floats(a)
    return xp.where(xp.isnan(x), neutral, x)


@written_as(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
    where: Any = True,
) -> Sym:  # fmt: skip
    there = _without_nan(a, 1.0)
    return prod(there, axis, dtype, out, keepdims, initial, where) or _prod(there, axis, keepdims)


# ---- cumulative sums, differences ----------------------------------------------------------------------------


@written_as(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Sym | None:
    return None if dtype is None else xp.cumsum(_converted(a, dtype), **options(axis, False))


@written_as(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Sym | None:
    return None if dtype is None else xp.cumprod(_converted(a, dtype), **options(axis, False))


@written_as(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Sym:
    return xp.cumsum(_converted(_without_nan(a, 0.0), dtype), **options(axis, False))


@written_as(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Sym:
    return xp.cumprod(_converted(_without_nan(a, 1.0), dtype), **options(axis, False))


@written_as(np.cumulative_sum)
def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Sym:
    return _cumulative(xp.cumsum, x, axis, dtype, include_initial)


@written_as(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Sym:
    return _cumulative(xp.cumprod, x, axis, dtype, include_initial)


def _cumulative(fn: Callable[..., Sym], x: Any, axis: Any, dtype: Any, include_initial: Any) -> Sym:
    if include_initial is not False:
        raise UnsupportedError("`include_initial` is not supported", "Concatenate it.")
    if axis is None and ndim(x) != 1:
        raise Declined  # NumPy says that it needs one
    return fn(_converted(x, dtype), **options(axis, False))


@written_as(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Sym:
    inner = xp.diff(_floats(ary) if ndim(ary) == 1 else xp.ravel(_floats(ary)))
    begin, end = (None if e is None else xp.atleast_1d(e) if ndim(e) == 0 else xp.ravel(array(e))
                  for e in (to_begin, to_end))  # fmt: skip
    parts = [part for part in (begin, inner, end) if part is not None]
    return inner if len(parts) == 1 else xp.concatenate(parts).astype(dtype_name(ary.kind))


@written_as(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> tuple[Sym, ...] | None:
    """Along several axes one for each of them."""
    if isinstance(axis, int):
        return None
    axes = tuple(range(ndim(_floats(f)))) if axis is None else tuple(axis)
    steps = [varargs] * len(axes) if len(varargs) <= 1 else [(step,) for step in varargs]
    if len(axes) < 2 or len(steps) != len(axes):
        return None
    order = {} if edge_order == 1 else {"edge_order": edge_order}
    return tuple(xp.gradient(f, *step, axis=k, **order) for k, step in zip(axes, steps, strict=True))


# ---- second arguments ----------------------------------------------------------------------------------------


@written_as(np.cov)
def cov(m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None, **given: Any) -> Sym | None:
    options = {**({"bias": bias} if bias is not False else {}), **({} if ddof is None else {"ddof": ddof}), **given}
    return None if y is None else xp.cov(_rows("np.cov", m, y, rowvar), **options)


@written_as(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: Any = True, **given: Any) -> Sym | None:
    return None if y is None else xp.corrcoef(_rows("np.corrcoef", x, y, rowvar), **given)


def _rows(name: str, x: Any, y: Any, rowvar: Any) -> Sym:
    """All rows of two arguments."""
    values = [array(x), array(y)]
    ranks = [ndim(value) for value in values]
    if ranks == [2, 2] and rowvar is False and dims(values[1].kind)[0] != 1:  # type: ignore[index]
        values = [value.T for value in values]
    elif ranks != [1, 1] and not (rowvar is True and set(ranks) <= {1, 2}):
        raise UnsupportedError(f"{name} of these two arguments is not supported", "Stack their rows.")
    return xp.vstack(values)


@written_as(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Sym, Sym] | None:
    """With weights: the sums of the weights, and the edges."""
    if weights is None:
        return None
    if density not in (None, False):
        raise UnsupportedError("np.histogram with `density` is not supported",
                               "Divide by the sum and by the widths of the bins.")  # fmt: skip
    given = {key: value for key, value in {"bins": bins, "range": range}.items() if value is not None}
    sums = helper(runtime.histogram_of_weights)(_floats(weights), a, **given)
    return sums, xp.histogram_bin_edges(a, **given)


@written_as(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Sym | None:
    """Values beyond the ends."""
    if left is None and right is None:
        return None
    choose, made = helper(np.where, "np.where"), helper(np.interp, "np.interp")(x, xp, fp)
    if left is not None:
        made = choose(x < xp[0], left, made)
    return made if right is None else choose(x > xp[-1], right, made)


# ---- averages ------------------------------------------------------------------------------------------------


@written_as(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = False) -> Any:
    """Weights of one axis, and the sum of the weights; the rest is left to the function's own rule."""
    a, along = array(a), options(axis, keepdims)
    if weights is None:
        mean = xp.mean(a, **along)
        return None if not returned else (mean, xp.sum(xp.ones_like(a), **along))
    w = array(weights)
    if ndim(w) == ndim(a):
        if isinstance(weights, Sym) and not returned and not keepdims:
            return None
        total = hold(xp.sum(w, **along), "total")
        made = xp.sum(a * w, **along) / total
        return (made, total) if returned else made
    if ndim(w) != 1 or not isinstance(axis, int):
        raise Declined
    made = xp.tensordot(a, w, ((axis % ndim(a),), (0,))) / xp.sum(w)
    made = xp.expand_dims(made, axis) if keepdims else made
    return (made, xp.full_like(made, xp.sum(w))) if returned else made
