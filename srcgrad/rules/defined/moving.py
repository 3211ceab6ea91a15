"""Axes in another order, diagonals, orders of memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.rules.build import Sym, xp
from srcgrad.rules.defined.registry import array, flattened, written_as


@written_as(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Sym:
    return xp.diag(flattened(v), k) if k else xp.diag(flattened(v))


@written_as(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: Any = 0) -> Sym:
    return xp.diagonal(x, offset, -2, -1)


@written_as(np.ravel)
def ravel(a: Any, order: Any = "C") -> Sym | None:
    return xp.ravel(array(a).T) if order == "F" else None


@written_as(np.reshape)
def reshape(a: Any, *shape: Any, order: Any = "C") -> Sym | None:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    return array(a).T.reshape(*reversed(sizes)).T if order == "F" else None
