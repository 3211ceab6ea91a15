"""Numbers spaced between the elements of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.rules.build import Sym, xp
from srcgrad.rules.defined.registry import array, converted, hold, ndim, written_as


@written_as(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, retstep: Any = False, dtype: Any = None, axis: Any = 0
) -> Any:  # fmt: skip
    """Between arrays, with the step, and in a dtype of floats; rules know the rest."""
    n = max(ndim(start), ndim(stop))
    if dtype is not None:
        if isinstance(endpoint, Sym) or retstep is not False:
            return None
        made = linspace(start, stop, num, endpoint, axis=axis)
        plain = xp.linspace(start, stop, num, **({} if endpoint else {"endpoint": False})) if made is None else made
        return converted(plain, dtype)
    if isinstance(endpoint, Sym) or isinstance(retstep, Sym) or (not retstep and not n):
        return None
    given = {} if endpoint else {"endpoint": False}
    if not n:
        step = (stop - start) / ((num - 1) if endpoint else num)
        return xp.linspace(start, stop, num, **given), step
    if retstep:
        return None
    parts = xp.linspace(0.0, 1.0, num, **given)[(slice(None), *[None] * n)]
    made = start * (1 - parts) + stop * parts
    return made if axis == 0 else xp.moveaxis(made, 0, axis)


@written_as(np.logspace)
def logspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True, base: Any = 10.0, *, axis: Any = 0) -> Any:
    if ndim(start) == ndim(stop) == ndim(base) == 0:
        return None
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    return None if exponents is None else xp.power(base, exponents)


@written_as(np.geomspace)
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True, *, axis: Any = 0) -> Any:
    if ndim(start) == ndim(stop) == 0:
        return None
    first, last = hold(array(start), "first"), array(stop)
    exponents = linspace(xp.log(xp.abs(first)), xp.log(xp.abs(last)), num, endpoint, axis=axis)
    if exponents is None or axis != 0:
        return None
    return xp.sign(first) * xp.exp(exponents)
