"""Sums, means, extrema, products and cumulative sums.

The adjoint of a sum is the same number for every element: it is handed down as it is (Lazy) and becomes an array
where it meets one. At a tie, max and min give equal parts to all elements that are the extremum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.dims import normalize_axes
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Dim, Scalar, dims, rank
from srcgrad.rules.bodies import held
from srcgrad.rules.build import Sym, conj, const, helper, xp
from srcgrad.rules.contributions import Lazy
from srcgrad.rules.registry import constant, jvp, linear, vjp


def literal(value: Any, name: str = "axis") -> Any:
    """The value of an argument that has to be known when compiling."""
    found = const(value.expr if isinstance(value, Sym) else value)
    if found is not None and not isinstance(found, (bool, int, tuple, list, str, float)):
        raise KindError(f"`{name}` has to be known when compiling", "Write a literal.")
    return found


def spread(d: Sym, x: Sym, axis: Any, keepdims: Any) -> Sym:
    """An adjoint or result of a reduction of x, so that it broadcasts to x's shape."""
    axis, n = literal(axis), rank(x.kind)
    if axis is None or literal(keepdims, "keepdims") or rank(d.kind) == 0:
        return d
    if n is None:
        return xp.expand_dims(d, axis)
    axes = normalize_axes(axis, n)
    if sorted(axes) == list(range(len(axes))):
        return d
    return d[tuple(None if k in axes else slice(None) for k in range(n))]


def count(x: Sym, axis: Any) -> Sym | int:
    """How many elements a reduction of x takes together."""
    axis, shape = literal(axis), dims(x.kind)
    if axis is None:
        return 1 if isinstance(x.kind, Scalar) else x.size
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    total: Sym | int | None = None
    for k in axes:
        length: Dim = shape[k] if shape is not None else None
        size = length if isinstance(length, int) else x.shape[k]
        total = size if total is None else total * size
    return 1 if total is None else total


@linear(np.sum, "a", accepts_lazy="scalar")
def _sum(d: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Lazy:
    return Lazy(spread(d, a, axis, keepdims))


@linear(np.mean, "a", accepts_lazy="scalar")
def _mean(d: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Lazy:
    return Lazy(spread(d / count(a, axis), a, axis, keepdims))


@vjp((np.max, np.min, np.amax, np.amin), "a", domain="distinct", accepts_lazy="scalar")
def _extremum(d: Sym, out: Sym, a: Sym, axis: Any = None, keepdims: Any = False, initial: Any = None) -> Sym:
    hits = held(a.eq(spread(out, a, axis, keepdims)), "hits")
    if initial is not None:
        tied = spread(out.eq(initial), a, axis, keepdims)
        return spread(d, a, axis, keepdims) * hits / xp.maximum(xp.sum(hits, **options(axis, True)) + tied, 1)
    return shared(d, hits, a, axis, keepdims)


def shared(d: Sym, hits: Sym, a: Sym, axis: Any, keepdims: Any) -> Sym:
    """The adjoint of a reduction of a in equal parts for the elements that are hit."""
    if literal(axis) is None:
        return d / xp.count_nonzero(hits) * hits
    return spread(d, a, axis, keepdims) / hits.sum(axis=literal(axis), keepdims=True) * hits


@jvp((np.max, np.min, np.amax, np.amin), "a")
def _extremum_tangent(t: Sym, out: Sym, a: Sym, axis: Any = None, keepdims: Any = False, initial: Any = None) -> Sym:
    hits = held(a.eq(spread(out, a, axis, keepdims)), "hits")
    if initial is not None:
        along = options(axis, keepdims)
        shared = xp.maximum(xp.sum(hits, **along) + out.eq(initial), 1)
        return xp.sum(xp.where(hits, t, 0.0), **along) / shared
    return mean_where(hits, t, axis, keepdims)


def options(axis: Any, keepdims: Any) -> dict[str, Any]:
    """The keywords of a reduction that are not the default."""
    k, kept = literal(axis), literal(keepdims, "keepdims")
    return ({} if k is None else {"axis": k}) | ({"keepdims": True} if kept else {})


def mean_where(hits: Sym, t: Sym, axis: Any, keepdims: Any) -> Sym:
    """The mean of the elements of t that are hit. Those that are not may be infinite or nan."""
    if literal(axis) is None and not literal(keepdims, "keepdims") and rank(t.kind) not in (None, 0):
        return xp.mean(t[hits])
    along = options(axis, keepdims)
    return xp.sum(xp.where(hits, t, 0.0), **along) / xp.sum(hits, **along)


@vjp(np.prod, "a", accepts_lazy="scalar")
def _prod(d: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    others = helper(runtime.products_of_others)
    k = literal(axis)
    if isinstance(k, tuple):
        raise KindError("the derivative of np.prod over several axes is not known", "Take one axis after the other.")
    if rank(a.kind) == 0:
        return d
    return spread(d, a, axis, keepdims) * (others(a) if k is None else others(a, k))


@jvp(np.prod, "a")
def _prod_tangent(t: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    others = helper(runtime.products_of_others)
    k = literal(axis)
    if isinstance(k, tuple):
        raise KindError("the derivative of np.prod over several axes is not known", "Take one axis after the other.")
    if rank(a.kind) == 0:
        return t
    return xp.sum(t * (others(a) if k is None else others(a, k)), **options(axis, keepdims))


def centered(a: Sym, axis: Any) -> Sym:
    """x minus its mean over the axis; its conjugate, for complex numbers."""
    k = literal(axis)
    return conj(a - (xp.mean(a) if k is None else xp.mean(a, axis=k, keepdims=True)))


@vjp(np.var, "a", accepts_lazy="scalar")
def _var(d: Sym, a: Sym, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Sym:
    n = count(a, axis) - literal(ddof, "ddof")
    return spread(2 * d / n, a, axis, keepdims) * centered(a, axis)


@vjp(np.std, "a", accepts_lazy="scalar")
def _std(d: Sym, out: Sym, a: Sym, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Sym:
    n = count(a, axis) - literal(ddof, "ddof")
    return spread(d / (n * (out + out.eq(0))), a, axis, keepdims) * centered(a, axis)


@jvp(np.var, "a")
def _var_tangent(t: Sym, a: Sym, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Sym:
    return 2 * _covariance(t, a, axis, ddof, keepdims)


@jvp(np.std, "a")
def _std_tangent(t: Sym, out: Sym, a: Sym, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Sym:
    return _covariance(t, a, axis, ddof, keepdims) / (out + out.eq(0))


def _covariance(t: Sym, a: Sym, axis: Any, ddof: Any, keepdims: Any) -> Sym:
    product = t * centered(a, axis)
    lost = literal(ddof, "ddof")
    if not lost:
        return xp.mean(product, **options(axis, keepdims))
    return xp.sum(product, **options(axis, keepdims)) / (count(a, axis) - lost)


@linear(np.cumsum, "a")
def _cumsum(d: Sym, a: Sym, axis: Any = None) -> Sym:
    k, n = literal(axis), rank(a.kind)
    if n == 1:
        return xp.cumsum(d[::-1])[::-1]
    if k is None:
        return xp.cumsum(d[::-1])[::-1].reshape(a.shape)
    return xp.flip(xp.cumsum(xp.flip(d, k), axis=k), k)


@vjp(np.sort, "a", domain="distinct")
def _sort(d: Sym, a: Sym, axis: Any = -1, kind: Any = None, stable: Any = None) -> Sym:
    k = literal(axis)
    given = {} if k == -1 or rank(a.kind) == 1 else {"axis": k}
    back = helper(runtime.put_along)(d, xp.argsort(a, **given), *([] if k in (-1, None) or not given else [k]))
    return back.reshape(a.shape) if k is None and given else back


@linear(runtime.put_along, "values")
def _put_along(d: Sym, values: Sym, indices: Any, axis: Any = -1) -> Sym:
    return xp.take_along_axis(d, indices, axis=literal(axis))


@jvp(np.sort, "a")
def _sort_tangent(t: Sym, a: Sym, axis: Any = -1, kind: Any = None, stable: Any = None) -> Sym:
    k = literal(axis)
    if rank(a.kind) == 1:
        return t[xp.argsort(a)]
    if k is None:
        return xp.ravel(t)[xp.argsort(a, axis=None)]
    return xp.take_along_axis(t, xp.argsort(a, axis=k), axis=k)


@linear(np.diff, "a")
def _diff(d: Sym, a: Sym, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Sym:
    times, k = literal(n, "n"), literal(axis)
    ends = {"prepend": prepend, "append": append}
    given = {name for name, end in ends.items() if end is not None}
    if any(literal(ends[name], name) != 0 for name in given) or (given and times != 1):
        raise KindError("np.diff is differentiated with `prepend` and `append` of 0, once", "Concatenate first.")
    along = {} if k == -1 else {"axis": k}
    for _ in range(times):  # an end that the difference has not been given, its adjoint has
        d = -xp.diff(d, **along, **{name: 0 for name in ends if name not in given})
    return d


constant(
    np.argmax, np.argmin, np.argsort, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero, np.any, np.all,
    np.searchsorted, np.digitize, np.nanargmax, np.nanargmin, np.lexsort, np.iterable, np.isin, all, any,
    len, np.shape, np.size, np.ndim,
)  # fmt: skip
