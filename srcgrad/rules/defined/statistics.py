"""Statistics: keywords of reductions, what passes over nan, second arguments."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import Array, dims, dtype_name, is_float
from srcgrad.rules.build import Sym, conj, helper, xp
from srcgrad.rules.defined.registry import Declined, Definition, array, converted, floats, hold, ndim, written_as
from srcgrad.rules.reductions import options

# ---- keywords of reductions ----------------------------------------------------------------------------------


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
        x = converted(a, dtype)
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
    return _extremum(True, a, axis, keepdims, initial, where)


@written_as(np.min, np.amin)
def least(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Sym | None:
    return _extremum(False, a, axis, keepdims, initial, where)


def _extremum(most: bool, a: Any, axis: Any, keepdims: Any, initial: Any, where: Any) -> Sym | None:
    if initial is None or (where is True and not isinstance(initial, Sym)):  # with `where` NumPy asks for one
        return None
    x = floats(a) if where is True else xp.where(where, floats(a), initial)
    fn = xp.max if most else xp.min
    if not isinstance(initial, Sym) or not is_float(initial.kind):
        return fn(x, **options(axis, keepdims), initial=initial)
    found = fn(x, **options(axis, keepdims), initial=-math.inf if most else math.inf)
    return (xp.maximum if most else xp.minimum)(found, initial)


@written_as(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Sym | None:
    x = converted(a, dtype)
    if where is True:
        return None if dtype is None else xp.mean(x, **options(axis, keepdims))
    return _masked_mean(x, array(where), axis, keepdims)


@written_as(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Sym | None:  # fmt: skip
    x = converted(a, dtype)
    ddof = ddof if correction is None else correction
    if mean is not None:
        return _square_deviation(x, mean, axis, ddof, keepdims, where)
    if where is True and correction is not None:
        return xp.var(x, **options(axis, keepdims), **_lost(ddof))
    if where is True:
        return None if dtype is None else xp.var(x, **options(axis, keepdims), **_lost(ddof))
    c, n = _deviations(x, array(where), axis, ddof, keepdims)
    return xp.sum((c * conj(c)).real, **options(axis, keepdims)) / n


@written_as(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Sym | None:  # fmt: skip
    x = converted(a, dtype)
    ddof = ddof if correction is None else correction
    if mean is not None:
        return xp.sqrt(_square_deviation(x, mean, axis, ddof, keepdims, where))
    if where is True and correction is not None:
        return xp.std(x, **options(axis, keepdims), **_lost(ddof))
    if where is True:
        return None if dtype is None else xp.std(x, **options(axis, keepdims), **_lost(ddof))
    c, n = _deviations(x, array(where), axis, ddof, keepdims)
    several = tuple(range(ndim(x))) if axis is None and keepdims else axis
    if isinstance(several, tuple):  # norms are along one axis
        others = [k for k in range(ndim(x)) if k not in [j % ndim(x) for j in several]]
        rows = xp.transpose(c, (*others, *(j % ndim(x) for j in several)))
        size = xp.linalg.norm(rows.reshape(*(x.shape[k] for k in others), -1), axis=-1)
        size = xp.expand_dims(size, several) if keepdims else size
    else:  # smooth where sqrt of a sum of squares is not
        size = xp.linalg.norm(c, **options(axis, keepdims))
    return size / xp.sqrt(n)


def _square_deviation(x: Sym, mean: Any, axis: Any, ddof: Any, keepdims: Any, where: Any) -> Sym:
    """The variance about a mean that is given."""
    if where is not True or isinstance(ddof, Sym):
        raise UnsupportedError("`mean` beside `where` or a `ddof` that is not known", "Write the variance out.")
    c = hold(x - mean, "c")
    n = x.size if axis is None else _lengths(x, axis)
    return xp.sum((c * conj(c)).real, **options(axis, keepdims)) / (n - ddof if ddof else n)


def _lengths(x: Sym, axis: Any) -> Any:
    """How many elements there are along the axes."""
    lengths = [x.shape[k] for k in (axis if isinstance(axis, tuple) else (axis,))]
    return functools.reduce(operator.mul, lengths, 1)


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
    x = floats(a)
    return xp.where(xp.isnan(x), neutral, x)


def _where(fn: Callable[..., Any]) -> Definition:
    """Of what is not selected, nan stands in the place: the function passes over it."""

    def definition(a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True, **given: Any) -> Sym | None:
        if where is True or not set(given) <= {"ddof"}:
            return None
        return fn(xp.where(where, floats(a), math.nan), **options(axis, keepdims), **given)

    return definition


for _name in ("nansum", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"):
    written_as(getattr(np, _name))(_where(getattr(xp, _name)))


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
    return None if dtype is None else xp.cumsum(converted(a, dtype), **options(axis, False))


@written_as(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Sym | None:
    return None if dtype is None else xp.cumprod(converted(a, dtype), **options(axis, False))


@written_as(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Sym:
    return xp.cumsum(converted(_without_nan(a, 0.0), dtype), **options(axis, False))


@written_as(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Sym:
    return xp.cumprod(converted(_without_nan(a, 1.0), dtype), **options(axis, False))


@written_as(np.cumulative_sum)
def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Sym:
    return _cumulative(xp.cumsum, 0.0, x, axis, dtype, include_initial)


@written_as(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Sym:
    return _cumulative(xp.cumprod, 1.0, x, axis, dtype, include_initial)


def _cumulative(
    fn: Callable[..., Sym], neutral: float, x: Any, axis: Any, dtype: Any, include_initial: Any
) -> Sym:
    if axis is None and ndim(x) != 1:
        raise Declined  # NumPy says that it needs one
    x = converted(x, dtype)
    made = fn(x, **options(axis, False))
    if not include_initial:
        return made
    k = 0 if axis is None else axis % ndim(x)
    first = xp.full(_shape_with(x, k, 1), neutral, **_in_dtype(x))
    return xp.concatenate([first, made], axis=k)


def _shape_with(x: Sym, axis: int, length: Any) -> tuple[Any, ...]:
    """The shape of an array with another length along an axis."""
    return tuple(length if k == axis else x.shape[k] for k in range(ndim(x)))


def _in_dtype(x: Sym) -> dict[str, Any]:
    """The keyword of a new array that is to have the dtype of x."""
    return {} if dtype_name(x.kind) == "float64" else {"dtype": np.dtype(dtype_name(x.kind)).type}


@written_as(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Sym:
    inner = xp.diff(floats(ary) if ndim(ary) == 1 else xp.ravel(floats(ary)))
    begin, end = (None if e is None else xp.atleast_1d(e) if ndim(e) == 0 else xp.ravel(array(e))
                  for e in (to_begin, to_end))  # fmt: skip
    parts = [part for part in (begin, inner, end) if part is not None]
    return inner if len(parts) == 1 else xp.concatenate(parts).astype(dtype_name(ary.kind))


@written_as(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> tuple[Sym, ...] | None:
    """Along several axes one for each of them."""
    if isinstance(axis, int):
        return None
    axes = tuple(range(ndim(floats(f)))) if axis is None else tuple(axis)
    steps = [varargs] * len(axes) if len(varargs) <= 1 else [(step,) for step in varargs]
    if len(axes) < 2 or len(steps) != len(axes):
        return None
    order = {} if edge_order == 1 else {"edge_order": edge_order}
    return tuple(xp.gradient(f, *step, axis=k, **order) for k, step in zip(axes, steps, strict=True))


# ---- second arguments ----------------------------------------------------------------------------------------


@written_as(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None,
) -> Sym | None:  # fmt: skip
    given = {**({"bias": bias} if bias is not False else {}), **({} if ddof is None else {"ddof": ddof})}
    if fweights is None and aweights is None:
        return None if y is None else xp.cov(_rows("np.cov", m, y, rowvar), **given)
    if isinstance(rowvar, Sym) or isinstance(bias, Sym) or isinstance(ddof, Sym):
        return None
    if y is not None:
        m, rowvar = _rows("np.cov", m, y, rowvar), True
    m = array(m) if rowvar or ndim(m) == 1 else array(m).T
    lost = ddof if ddof is not None else 0 if bias else 1
    w = array(fweights) if aweights is None else aweights if fweights is None else array(fweights) * aweights
    w = hold(array(w), "w")
    number = hold(xp.sum(w), "number")
    c = hold(m - (xp.sum(m * w) if ndim(m) == 1 else xp.sum(m * w, axis=1, keepdims=True)) / number, "centered")
    if lost:
        spare = lost if aweights is None else lost * xp.sum(w * aweights) / number
        number = number - spare
    return xp.asarray(xp.sum(c * c * w) / number) if ndim(m) == 1 else (c * w) @ c.T / number


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
    """The sums of the weights in each bin, or how many elements there are; and the edges."""
    given = {key: value for key, value in {"bins": bins, "range": range}.items() if value is not None}
    if weights is None:
        sums = helper(runtime.histogram_counts)(a, **given)
    else:
        sums = helper(runtime.histogram_of_weights)(floats(weights), a, **given)
    edges = histogram_bin_edges(a, **given) or xp.histogram_bin_edges(a, **given)
    if density:
        sums, edges = hold(sums, "sums"), hold(edges, "edges")
        sums = sums / xp.diff(edges) / xp.sum(sums)
    return sums, edges


@written_as(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Sym | None:
    """Values beyond the ends; of a function with a period, what lies beyond them is that of one period further."""
    if period is not None:
        if not isinstance(period, Sym) and period == 0:
            return None
        mod, take, join = (helper(fn, f"np.{fn.__name__}") for fn in (np.mod, np.take, np.concatenate))
        places = hold(mod(array(xp), period), "places")
        order = hold(helper(np.argsort, "np.argsort")(places), "order")
        places, values = hold(take(places, order), "places"), hold(take(array(fp), order), "values")
        around = join([places[-1:] - period, places, places[0:1] + period])
        return helper(np.interp, "np.interp")(mod(x, period), around, join([values[-1:], values, values[0:1]]))
    if left is None and right is None:
        return None
    choose, made = helper(np.where, "np.where"), helper(np.interp, "np.interp")(x, xp, fp)
    if left is not None:
        made = choose(x < xp[0], left, made)
    return made if right is None else choose(x > xp[-1], right, made)


@written_as(np.diff)
def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Sym | None:
    """What stands before and behind is joined to the array."""
    ends = (prepend, append)
    if all(end is None or (not isinstance(end, Sym) and end == 0) for end in ends) and (n == 1 or ends == (None, None)):
        return None
    x, k = array(a), axis % ndim(a)
    one = _shape_with(x, k, 1)
    front, back = (end if end is None or ndim(end) else xp.broadcast_to(end, one) for end in ends)
    joined = xp.concatenate([array(part) for part in (front, x, back) if part is not None], axis=k)
    given = {**({} if axis == -1 else {"axis": axis}), **({} if n == 1 else {"n": n})}
    return xp.diff(joined, **given)


# ---- averages ------------------------------------------------------------------------------------------------


@written_as(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = False) -> Any:
    """Weights of one axis, and the sum of the weights; the rest is left to the function's own rule."""
    a, along = array(a), options(axis, keepdims)
    if weights is None:
        mean = xp.mean(a, **along)
        if not returned:
            return mean if keepdims else None
        return mean, xp.sum(xp.ones_like(a), **along)
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


@written_as(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None) -> Sym | None:
    if isinstance(bins, str):
        return None
    if ndim(bins):
        return array(bins)
    if range is not None:
        return xp.linspace(range[0], range[1], bins + 1)
    low, high = hold(xp.min(a), "low"), hold(xp.max(a), "high")
    wider = hold(0.5 * low.eq(high), "wider")
    edges = xp.linspace(low - wider, high + wider, bins + 1)
    return edges.astype("float32") if isinstance(a, Sym) and dtype_name(a.kind) == "float32" else edges
