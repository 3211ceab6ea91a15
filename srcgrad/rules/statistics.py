"""Order statistics, covariances, finite differences, reductions of ufuncs, and what passes over nan.

Quantiles go to the two elements that they lie between (one where they hit an element), whatever the method: all of
NumPy's are linear in the sorted elements, and what they make of 0, 1, 2, ... says where they lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.ir.kinds import ListOf, rank
from srcgrad.rules.build import Sym, cast, const, helper, xp
from srcgrad.rules.contributions import full
from srcgrad.rules.elementwise import positive
from srcgrad.rules.reductions import literal, options, spread
from srcgrad.rules.registry import constant, flat, jvp, linear, vjp
from srcgrad.rules.shapes import items

# ---- quantiles and sorting -----------------------------------------------------------------------------------


def _quantile_options(axis: Any, method: Any, skip_nan: bool) -> dict[str, Any]:
    k, how = literal(axis), literal(method, "method")
    named = {"axis": tuple(k) if isinstance(k, list) else k, "method": how, "skip_nan": skip_nan}
    usual = {"axis": None, "method": "linear", "skip_nan": False}
    return {key: value for key, value in named.items() if value != usual[key]}


def _percent(q: Any) -> Any:
    """A percentage as a fraction."""
    if isinstance(q, list):
        return [_percent(item) for item in q]
    value = const(q.expr)
    if isinstance(value, (int, float)):
        return value / 100
    if isinstance(value, (tuple, list)):
        return [item / 100 for item in value]
    return (q if rank(q.kind) is not None else xp.asarray(q)) / 100


def _array(x: Any) -> Sym:
    """An argument as an array: it may be a list."""
    return x if isinstance(x, Sym) and not isinstance(x.kind, ListOf) else xp.array(x)


def _dots(t: Any, x: Any) -> Sym:
    """The tangent of an argument that may be a display."""
    if isinstance(t, Sym):
        return _array(t)
    return xp.array([xp.zeros_like(item) if dot is None else dot for dot, item in zip(t, x, strict=True)])


def _quantile(fn: Any, fraction: Any, skip_nan: bool, scale: float = 1.0) -> None:
    @vjp(fn, "a", domain="distinct", displays=True)
    def _(d: Sym, a: Any, q: Any, axis: Any = None, method: Any = "linear", keepdims: Any = False) -> Any:
        given = _quantile_options(axis, method, skip_nan)
        return items(helper(runtime.quantile_adjoint)(d, _array(a), fraction(q), **given), a)

    @jvp(fn, "a")
    def _(t: Any, out: Sym, a: Any, q: Any, axis: Any = None, method: Any = "linear", keepdims: Any = False) -> Sym:
        t, a = _dots(t, a), _array(a)
        given = _quantile_options(axis, method, skip_nan)
        moved = helper(runtime.quantile_tangent)(t, a, fraction(q), out.shape, **given)
        return moved if rank(out.kind) else moved[()]


    def rates_of(a: Any, q: Any, axis: Any, method: Any) -> Sym:
        found = helper(runtime.quantile_slope)(_array(a), fraction(q), **_quantile_options(axis, method, skip_nan))
        found = found if rank(found.kind) != 0 else found[()]
        return found if scale == 1 else scale * found

    @vjp(fn, "q")
    def _(d: Sym, a: Any, q: Any, axis: Any = None, method: Any = "linear", keepdims: Any = False) -> Any:
        rates = rates_of(a, q, axis, method)
        product = d.reshape(rates.shape) * rates if literal(keepdims, "keepdims") else d * rates
        n, whole = rank(_array(q).kind), rank(rates.kind)
        if n is None or whole is None:
            raise KindError("quantiles are differentiated in q where its number of axes is known")
        summed = product if n == whole else xp.sum(product, axis=tuple(range(n, whole))) if n else xp.sum(product)
        return items(summed, q)

    @jvp(fn, "q")
    def _(t: Any, out: Sym, a: Any, q: Any, axis: Any = None, method: Any = "linear") -> Sym:
        t = _dots(t, q)
        rates = rates_of(a, q, axis, method)
        n, whole = rank(t.kind), rank(rates.kind)
        if n is None or whole is None:
            raise KindError("quantiles are differentiated in q where its number of axes is known")
        t = t if n in (0, whole) else t[(*[slice(None)] * n, *[None] * (whole - n))]
        moved = (t * rates).reshape(out.shape)
        return cast(moved if rank(out.kind) else moved[()], out.kind)


_quantile(np.quantile, lambda q: q, False)
_quantile(np.percentile, _percent, False, 0.01)
_quantile(np.nanquantile, lambda q: q, True)
_quantile(np.nanpercentile, _percent, True, 0.01)


@vjp(np.nanmedian, "a", domain="distinct")
def _nanmedian(d: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return helper(runtime.quantile_adjoint)(d, a, 0.5, **_quantile_options(axis, "linear", True))


@jvp(np.nanmedian, "a")
def _nanmedian_tangent(t: Sym, out: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    moved = helper(runtime.quantile_tangent)(t, a, 0.5, out.shape, **_quantile_options(axis, "linear", True))
    return moved if rank(out.kind) else moved[()]


def _axis_of(axis: Any, name: str) -> int:
    k = literal(axis)
    if not isinstance(k, int):
        raise KindError(f"{name} is differentiated along one axis", "Flatten the array first.")
    return k


@vjp(np.partition, "a", domain="distinct")
def _partition(d: Sym, out: Sym, a: Sym, kth: Any, axis: Any = -1) -> Sym:
    k = _axis_of(axis, "np.partition")
    return xp.take_along_axis(d, helper(runtime.places_of)(a, out, **({} if k == -1 else {"axis": k})), axis=k)


@jvp(np.partition, "a")
def _partition_tangent(t: Sym, out: Sym, a: Sym, kth: Any, axis: Any = -1) -> Sym:
    k = _axis_of(axis, "np.partition")
    return xp.take_along_axis(t, helper(runtime.places_of)(out, a, **({} if k == -1 else {"axis": k})), axis=k)


constant(runtime.first_places, runtime.places_of, runtime.record_places)


@linear(runtime.add_along, "values")
def _add_along(d: Sym, indices: Any, values: Sym, axis: Any) -> Sym:
    return xp.take_along_axis(d, indices, axis=axis)


flat(runtime.add_along, "x")


@vjp(np.unique, "ar", domain="distinct")
def _unique(d: Sym, ar: Sym) -> Sym:
    places = helper(runtime.first_places)(ar)
    if rank(ar.kind) == 1:
        return helper(runtime.add_at)(ar, places, d)
    return helper(runtime.add_at)(xp.ravel(ar), places, d).reshape(ar.shape)


@jvp(np.unique, "ar")
def _unique_tangent(t: Sym, ar: Sym) -> Sym:
    return (t if rank(ar.kind) == 1 else xp.ravel(t))[helper(runtime.first_places)(ar)]


# ---- covariances ---------------------------------------------------------------------------------------------


def _by_row(rowvar: Any) -> bool:
    return bool(literal(rowvar, "rowvar"))


def _centered(m: Sym, rowvar: Any, bias: Any, ddof: Any) -> tuple[Sym, Sym]:
    """The deviations from the means, and the number that their products are divided by."""
    lost = literal(ddof, "ddof")
    if lost is None:
        lost = 0 if literal(bias, "bias") else 1
    if rank(m.kind) == 1:
        return m - xp.mean(m), m.size - lost
    k = 1 if _by_row(rowvar) else 0
    return m - xp.mean(m, axis=k, keepdims=True), m.shape[k] - lost


@vjp(np.cov, "m")
def _cov(d: Sym, out: Sym, m: Sym, rowvar: Any = True, bias: Any = False, ddof: Any = None) -> Sym:
    c, n = _centered(m, rowvar, bias, ddof)
    if rank(out.kind) == 0:
        return 2 * d / n * c
    if rank(out.kind) is None:  # it may be one row
        d = xp.atleast_2d(d)
    both = (d + d.T) / n
    return both @ c if _by_row(rowvar) else c @ both


@jvp(np.cov, "m")
def _cov_tangent(t: Sym, out: Sym, m: Sym, rowvar: Any = True, bias: Any = False, ddof: Any = None) -> Sym:
    c, n = _centered(m, rowvar, bias, ddof)
    if rank(out.kind) == 0:
        return xp.asarray(2 * xp.sum(t * c) / n)
    moved = (t @ c.T + c @ t.T) / n if _by_row(rowvar) else (t.T @ c + c.T @ t) / n
    return moved if rank(out.kind) == 2 else moved.reshape(out.shape)


@vjp(np.corrcoef, "x")
def _corrcoef(d: Sym, out: Sym, x: Sym, rowvar: Any = True) -> Any:
    if rank(out.kind) == 0:
        return 0.0
    d = d if rank(out.kind) == 2 else xp.atleast_2d(d)
    return helper(runtime.corrcoef_adjoint)(d, x, **({} if _by_row(rowvar) else {"rowvar": False}))


@jvp(np.corrcoef, "x")
def _corrcoef_tangent(t: Sym, out: Sym, x: Sym, rowvar: Any = True) -> Any:
    if rank(out.kind) == 0:
        return 0.0
    moved = helper(runtime.corrcoef_tangent)(t, x, **({} if _by_row(rowvar) else {"rowvar": False}))
    return moved if rank(out.kind) == 2 else moved.reshape(out.shape)


# ---- reductions that pass over nan ---------------------------------------------------------------------------


def _deviations(a: Sym, axis: Any, ddof: Any, keepdims: bool) -> tuple[Sym, Sym]:
    """The deviations from the mean of what is there, 0 for nan; and the number that variances are divided by."""
    here = ~xp.isnan(a)
    c = xp.where(here, a - xp.nanmean(a, **options(axis, True)), 0.0)
    n, lost = xp.sum(here, **options(axis, keepdims)), literal(ddof, "ddof")
    return c, n - lost if lost else n


@vjp(np.nanvar, "a")
def _nanvar(d: Sym, a: Sym, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Sym:
    c, n = _deviations(a, axis, ddof, True)
    return 2 * spread(d, a, axis, keepdims) * c / n


@vjp(np.nanstd, "a")
def _nanstd(d: Sym, out: Sym, a: Sym, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Sym:
    c, n = _deviations(a, axis, ddof, True)
    return spread(d / positive(out), a, axis, keepdims) * c / n


@jvp(np.nanvar, "a")
def _nanvar_tangent(t: Sym, a: Sym, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Sym:
    c, n = _deviations(a, axis, ddof, literal(keepdims, "keepdims"))
    return 2 * xp.sum(xp.where(xp.isnan(a), 0.0, t) * c, **options(axis, keepdims)) / n


@jvp(np.nanstd, "a")
def _nanstd_tangent(t: Sym, out: Sym, a: Sym, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Sym:
    c, n = _deviations(a, axis, ddof, literal(keepdims, "keepdims"))
    return xp.sum(xp.where(xp.isnan(a), 0.0, t) * c, **options(axis, keepdims)) / (n * positive(out))


# ---- methods of ufuncs ---------------------------------------------------------------------------------------


@vjp(np.logaddexp.reduce, "array")
def _logsumexp(d: Sym, out: Sym, array: Sym, axis: Any = 0, keepdims: Any = False) -> Sym:
    return spread(d, array, axis, keepdims) * xp.exp(array - spread(out, array, axis, keepdims))


@jvp(np.logaddexp.reduce, "array")
def _logsumexp_tangent(t: Sym, out: Sym, array: Sym, axis: Any = 0, keepdims: Any = False) -> Sym:
    return xp.sum(t * xp.exp(array - spread(out, array, axis, keepdims)), **options(axis, keepdims))


@linear(np.add.reduceat, "array")
def _reduceat(d: Sym, array: Sym, indices: Any, axis: Any = 0) -> Sym:
    return helper(runtime.reduceat_adjoint)(d, array, indices, **({"axis": literal(axis)} if literal(axis) else {}))


@linear(runtime.reduceat_adjoint, "d_sums")
def _reduceat_adjoint(d: Sym, d_sums: Sym, x: Any, indices: Any, axis: Any = 0) -> Sym:
    along = {"axis": literal(axis)} if literal(axis) else {}
    return helper(np.add.reduceat, "np.add.reduceat")(d, indices, **along)


flat(runtime.reduceat_adjoint, "x")


def _records(out: Sym, axis: Any, name: str) -> tuple[Sym, int]:
    k = _axis_of(axis, name)
    return helper(runtime.record_places)(out, **({"axis": k} if k else {})), k


@vjp((np.maximum.accumulate, np.minimum.accumulate), "array", domain="distinct")
def _running(d: Sym, out: Sym, array: Sym, axis: Any = 0) -> Sym:
    places, k = _records(out, axis, "accumulate")
    return helper(runtime.add_along)(array, places, d, k)


@jvp((np.maximum.accumulate, np.minimum.accumulate), "array")
def _running_tangent(t: Sym, out: Sym, array: Sym, axis: Any = 0) -> Sym:
    places, k = _records(out, axis, "accumulate")
    return xp.take_along_axis(t, places, axis=k)


# ---- differences ---------------------------------------------------------------------------------------------


def _gradient_options(axis: Any, edge_order: Any) -> dict[str, Any]:
    k, order = literal(axis), literal(edge_order, "edge_order")
    k = k[0] if isinstance(k, (tuple, list)) and len(k) == 1 else k
    if not isinstance(k, int) and k is not None:
        raise KindError("np.gradient along several axes is differentiated for arrays of known rank")
    return ({} if k is None else {"axis": k}) | ({} if order == 1 else {"edge_order": order})


@vjp(np.gradient, "f", variadic="varargs")
def _gradient(d: Sym, f: Sym, varargs: list[Sym], axis: Any = None, edge_order: Any = 1) -> Sym:
    given = _gradient_options(axis, edge_order)
    return helper(runtime.gradient_adjoint)(d, *varargs, **({"spacing": 1.0} if not varargs and given else {}), **given)


@jvp(np.gradient, "f")
def _gradient_tangent(t: Sym, f: Sym, varargs: list[Sym], axis: Any = None, edge_order: Any = 1) -> Sym:
    return xp.gradient(t, *varargs, **_gradient_options(axis, edge_order))


def _places(varargs: list[Sym]) -> Sym | None:
    """The coordinates that np.gradient is given, None where it is given a step."""
    if len(varargs) != 1 or rank(varargs[0].kind) not in (0, 1):
        raise KindError("np.gradient is differentiated in one step, or in the coordinates along one axis")
    return varargs[0] if rank(varargs[0].kind) else None


@vjp(np.gradient, "varargs", variadic="varargs")
def _gradient_step(d: Sym, out: Sym, f: Sym, varargs: list[Sym], axis: Any = None, edge_order: Any = 1) -> list[Sym]:
    x = _places(varargs)
    if x is None:
        return [-xp.sum(d * out) / varargs[0]]
    return [helper(runtime.gradient_places_adjoint)(d, f, x, **_gradient_options(axis, edge_order))]


@jvp(np.gradient, "varargs")
def _gradient_step_tangent(
    t: list[Sym], out: Sym, f: Sym, varargs: list[Sym], axis: Any = None, edge_order: Any = 1
) -> Sym:
    x = _places(varargs)
    if x is None:
        return -(t[0] * out) / varargs[0]
    return helper(runtime.gradient_places_tangent)(t[0], f, x, **_gradient_options(axis, edge_order))


# ---- histograms ----------------------------------------------------------------------------------------------


@linear(runtime.histogram_of_weights, "weights")
def _histogram(d: Sym, weights: Sym, a: Sym, bins: Any = 10, range: Any = None) -> Sym:
    return helper(runtime.histogram_adjoint)(full(d, weights) if rank(d.kind) == 0 else d, a, bins, range)


flat(runtime.histogram_of_weights, "a")
constant(runtime.histogram_counts)
