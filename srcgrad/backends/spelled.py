"""What CuPy lacks, in what it has, where that costs the same. Functions of the parameters that a call gives, as rules
are; None where they do not stand for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from srcgrad import runtime
from srcgrad.analysis.signatures import bind, const
from srcgrad.errors import KindError
from srcgrad.ir.nodes import Call, Expr, Pack
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.reductions import options

SPELLED: dict[str, Callable[..., Sym | None]] = {}
"""By the name of the function."""

BESIDE_LARGER = {"scipy.special.iv", "scipy.special.ive", "scipy.special.jv"}
"""Those whose other words are exact to the rounding of larger terms: good enough in derivatives, which add these."""


def spelled(call: Call) -> Expr | None:
    """A call in other words; None where there are none."""
    name = call.prim.text
    words = None if name in BESIDE_LARGER and call.pos is not None else SPELLED.get(name)
    bound = bind(call.prim, call.args, call.kwargs) if words is not None else None
    if words is None or bound is None:
        return None
    try:
        made = words(**{name: Sym(expr) for name, expr in bound.items()})
    except (TypeError, KindError):  # an argument that they do not know
        return None
    return None if made is None else dataclasses.replace(made.expr, kind=call.kind)


def _instead_of(*names: str) -> Callable[[Callable[..., Sym | None]], None]:
    return lambda words: SPELLED.update(dict.fromkeys(names, words))


@_instead_of("np.polyder")
def _polyder(p: Sym) -> Sym:
    if not isinstance(p.expr, Pack):
        return p[:-1] * xp.arange(p.size - 1, 0, -1)
    coefficients = p.expr.items
    return xp.asarray([Sym(c) * (len(coefficients) - 1 - k) for k, c in enumerate(coefficients[:-1])])


@_instead_of("np.max", "np.amax")
def _max(a: Sym, initial: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return helper(runtime.max_from)(a, initial, **options(axis, keepdims))


@_instead_of("np.min", "np.amin")
def _min(a: Sym, initial: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return helper(runtime.min_from)(a, initial, **options(axis, keepdims))


@_instead_of("np.clip")
def _clip(a: Sym, a_min: Any = None, a_max: Any = None) -> Sym:
    return xp.clip(a, a_min, a_max)


@_instead_of("np.logaddexp.reduce")
def _logaddexp(array: Sym, axis: Any = 0, keepdims: Any = False) -> Sym:
    from srcgrad.rules.special import special  # which imports SciPy

    return special.logsumexp(array, **options(axis, keepdims))


def _of_order_two(name: str, zeroth: str, first: str, sign: int) -> None:
    """A Bessel function of order two by those of lower orders: DLMF 10.6.1, 10.29.1."""

    @_instead_of(name)
    def _(x1: Sym, x2: Sym) -> Sym | None:
        from srcgrad.rules.special import special

        if const(x1.expr) != 2:
            return None
        found = sign * (getattr(special, zeroth)(x2) - 2 * getattr(special, first)(x2) / x2)
        return xp.where(x2.eq(0), 0.0, found)


_of_order_two("scipy.special.iv", "i0", "i1", 1)
_of_order_two("scipy.special.ive", "i0e", "i1e", 1)
_of_order_two("scipy.special.jv", "j0", "j1", -1)
