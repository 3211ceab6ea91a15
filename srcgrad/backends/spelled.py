"""What CuPy lacks, in what it has, where that costs the same. Functions of the parameters that a call gives, as rules
are; None where they do not stand for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.signatures import bind
from srcgrad.errors import KindError
from srcgrad.ir.nodes import Call, Expr, Pack
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.reductions import options

SPELLED: dict[Callable[..., Any], Callable[..., Sym | None]] = {}


def spelled(call: Call) -> Expr | None:
    """A call in other words; None where there are none."""
    try:
        words = SPELLED.get(call.prim.fn)
    except TypeError:  # not hashable
        return None
    bound = bind(call.prim, call.args, call.kwargs) if words is not None else None
    if words is None or bound is None:
        return None
    try:
        made = words(**{name: Sym(expr) for name, expr in bound.items()})
    except (TypeError, KindError):  # an argument that they do not know
        return None
    return None if made is None else dataclasses.replace(made.expr, kind=call.kind)


def _instead_of(*functions: Callable[..., Any]) -> Callable[[Callable[..., Sym | None]], None]:
    return lambda words: SPELLED.update(dict.fromkeys(functions, words))


@_instead_of(np.polyder)
def _polyder(p: Sym) -> Sym:
    if not isinstance(p.expr, Pack):
        return p[:-1] * xp.arange(p.size - 1, 0, -1)
    coefficients = p.expr.items
    return xp.asarray([Sym(c) * (len(coefficients) - 1 - k) for k, c in enumerate(coefficients[:-1])])


@_instead_of(np.max, np.amax)
def _max(a: Sym, initial: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return helper(runtime.max_from)(a, initial, **options(axis, keepdims))


@_instead_of(np.min, np.amin)
def _min(a: Sym, initial: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return helper(runtime.min_from)(a, initial, **options(axis, keepdims))


@_instead_of(np.clip)
def _clip(a: Sym, a_min: Any = None, a_max: Any = None) -> Sym:
    return xp.clip(a, a_min, a_max)


@_instead_of(np.logaddexp.reduce)
def _logaddexp(array: Sym, axis: Any = 0, keepdims: Any = False) -> Sym:
    from srcgrad.rules.special import special  # which imports SciPy

    return special.logsumexp(array, **options(axis, keepdims))
