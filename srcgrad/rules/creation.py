"""Making arrays: of numbers, of shapes, and copies of arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.signatures import dtype_of, itemsize_of, strides_of
from srcgrad.errors import KindError
from srcgrad.ir.kinds import rank
from srcgrad.rules.build import Sym, const, helper, unbroadcast, xp
from srcgrad.rules.contributions import Lazy
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, flat, jvp, linear, vjp
from srcgrad.rules.shapes import items

constant(
    np.zeros, np.ones, np.empty, np.ndarray, np.zeros_like, np.ones_like, np.empty_like, np.eye, np.identity, np.tri,
    np.indices, np.tril_indices, np.triu_indices, np.diag_indices, np.ix_, np.unravel_index, np.ravel_multi_index,
    np.shares_memory, np.may_share_memory, np.result_type, np.promote_types, np.can_cast, dtype_of, itemsize_of,
    strides_of,
)  # fmt: skip


@linear(np.full, "fill_value")
def _full(d: Sym, out: Sym, shape: Any, fill_value: Sym, dtype: Any = None) -> Sym:
    return unbroadcast(d, out.kind, fill_value.kind, fill_value)


@linear(np.full_like, "fill_value")
def _full_like(d: Sym, out: Sym, a: Any, fill_value: Sym, dtype: Any = None, shape: Any = None) -> Sym:
    return unbroadcast(d, out.kind, fill_value.kind, fill_value)


flat(np.full_like, "a")


@linear(np.array, "object", displays=True)
def _array(d: Sym, object: Any, dtype: Any = None) -> Any:
    return items(d, object)


@vjp(np.asarray_chkfinite, "a", displays=True, view="maybe")
def _asarray_chkfinite(d: Sym, a: Any, dtype: Any = None) -> Any:
    return items(d, a)


@jvp(np.asarray_chkfinite, "a")
def _asarray_chkfinite_tangent(t: Any, a: Any) -> Sym:
    return t if isinstance(t, Sym) else xp.array([xp.zeros_like(x) if dot is None else dot
                                                  for dot, x in zip(t, a, strict=True)])  # fmt: skip


_AS = (np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require)


@linear(_AS, "a", displays=True, view="maybe")
def _asarray(d: Sym, a: Any, dtype: Any = None) -> Any:
    return items(d, a)


@linear(np.copy, "a", displays=True)
def _copy(d: Sym, a: Any, order: Any = "K") -> Any:
    return items(d, a)


constant(runtime.zeros_like, runtime.winners)


@linear(runtime.copy_of, "value")
def _copy_of(d: Sym, value: Sym) -> Sym:
    return d


@linear(runtime.scalar_adjoint, "value")
def _scalar_adjoint(d: Sym, result: Any, value: Any) -> Sym:
    return xp.sum(d)


flat(runtime.scalar_adjoint, "result")


@linear(np.astype, "x")
def _astype(d: Sym, x: Sym, dtype: Any) -> Sym:
    return d


@linear(np.ndarray.item, "a")
def _item(d: Sym, a: Sym) -> Any:
    return Lazy(d)


@linear(np.ndarray.tolist, "a")
def _tolist(d: Sym, a: Sym) -> Sym:
    return xp.array(d)


@linear(np.arange, "start")
def _arange_start(d: Sym, start: Any, stop: Any = None) -> Any:
    return 0 if stop is None or const(stop.expr) is None else xp.sum(d)


flat(np.arange, "stop")


@linear(np.arange, "step")
def _arange_step(d: Sym, step: Any) -> Sym:
    return xp.sum(d * xp.arange(d.size))


@jvp(np.arange, "start", "step")
def _arange_tangent(t: tuple[Sym | None, Sym | None], out: Sym, stop: Any = None) -> Any:
    start, step = t
    if stop is None or const(stop.expr) is None or (start is None and step is None):
        return 0  # the only argument is the end
    if step is None:
        return xp.full_like(out, start)
    grown = step * xp.arange(out.size)
    return grown if start is None else start + grown


@linear(np.linspace, "start")
def _linspace_start(d: Sym, start: Sym, stop: Sym, num: Any = 50, endpoint: Any = True) -> Sym:
    return xp.sum(d * (1 - _steps(start, stop, num, endpoint)))


@linear(np.linspace, "stop")
def _linspace_stop(d: Sym, start: Sym, stop: Sym, num: Any = 50, endpoint: Any = True) -> Sym:
    return xp.sum(d * _steps(start, stop, num, endpoint))


@jvp(np.linspace, "start", "stop")
def _linspace_tangent(
    t: tuple[Sym | None, Sym | None], start: Sym, stop: Sym, num: Any = 50, endpoint: Any = True
) -> Sym:
    _numbers(start, stop)
    first, last = (0.0 if end is None else end for end in t)
    return xp.linspace(first, last, num) if literal(endpoint) else xp.linspace(first, last, num, endpoint=False)


def _numbers(start: Sym, stop: Sym) -> None:
    if rank(start.kind) != 0 or rank(stop.kind) != 0:
        raise KindError("np.linspace is differentiated for numbers as its ends")


def _steps(start: Sym, stop: Sym, num: Any, endpoint: Any) -> Sym:
    _numbers(start, stop)
    if literal(endpoint, "endpoint"):
        return xp.linspace(0, 1, num)
    return xp.linspace(0, 1, num, endpoint=False)


def _powers(fn: Any, to_exponent: Any) -> None:
    """np.logspace and np.geomspace: powers of a base, whose exponents are evenly spaced between two functions of the
    ends. to_exponent: their derivatives, times the logarithm of the base."""

    @vjp(fn, "start")
    def _(d: Sym, out: Sym, start: Sym, stop: Sym, num: Any = 50, endpoint: Any = True, base: Any = None) -> Sym:
        return xp.sum(d * out * (1 - _steps(start, stop, num, endpoint))) * to_exponent(start, base)

    @vjp(fn, "stop")
    def _(d: Sym, out: Sym, start: Sym, stop: Sym, num: Any = 50, endpoint: Any = True, base: Any = None) -> Sym:
        return xp.sum(d * out * _steps(start, stop, num, endpoint)) * to_exponent(stop, base)

    @jvp(fn, "start", "stop")
    def _(
        t: tuple[Sym | None, Sym | None], out: Sym, start: Sym, stop: Sym, num: Any = 50, endpoint: Any = True,
        base: Any = None,
    ) -> Sym:  # fmt: skip
        slopes = [0.0 if dot is None else dot * to_exponent(end, base)
                  for dot, end in zip(t, (start, stop), strict=True)]  # fmt: skip
        return out * xp.linspace(*slopes, num, **({} if literal(endpoint, "endpoint") else {"endpoint": False}))


def _log_of(base: Any) -> Any:
    value = 10.0 if base is None else const(base.expr) if isinstance(base, Sym) else base
    return math.log(value) if isinstance(value, (int, float)) else xp.log(base)


_powers(np.logspace, lambda end, base: _log_of(base))
_powers(np.geomspace, lambda end, base: 1 / end)


def _exponents(start: Sym, stop: Sym, num: Any, endpoint: Any) -> Sym:
    return xp.linspace(start, stop, num, **({} if literal(endpoint, "endpoint") else {"endpoint": False}))


@vjp(np.logspace, "base")
def _logspace_base(
    d: Sym, out: Sym, start: Sym, stop: Sym, base: Sym, num: Any = 50, endpoint: Any = True
) -> Sym:
    return xp.sum(d * out * _exponents(start, stop, num, endpoint)) / base


@jvp(np.logspace, "base")
def _logspace_base_tangent(
    t: Sym, out: Sym, start: Sym, stop: Sym, base: Sym, num: Any = 50, endpoint: Any = True
) -> Sym:
    return t / base * out * _exponents(start, stop, num, endpoint)


@linear(np.diag, "v")
def _diag(d: Sym, v: Sym, k: Any = 0) -> Sym:
    offset = literal(k, "k")
    if rank(v.kind) == 1:
        return xp.diag(d, offset) if offset else xp.diag(d)
    return helper(runtime.undiagonal)(d, v, offset) if offset else helper(runtime.undiagonal)(d, v)


@linear(np.diagonal, "a", view="readonly")
def _diagonal(d: Sym, a: Sym, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Sym:
    k, i, j = literal(offset, "offset"), literal(axis1, "axis1"), literal(axis2, "axis2")
    if rank(a.kind) == 2 and (i, j) == (0, 1):
        return _diag(d, a, offset)
    return helper(runtime.undiagonals)(d, a, k, i, j)


@linear(np.tril, "m")
def _tril(d: Sym, m: Sym, k: Any = 0) -> Sym:
    return xp.tril(d, k) if literal(k, "k") else xp.tril(d)


@linear(np.triu, "m")
def _triu(d: Sym, m: Sym, k: Any = 0) -> Sym:
    return xp.triu(d, k) if literal(k, "k") else xp.triu(d)


