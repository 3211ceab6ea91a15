"""Norms and condition numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.rules.build import Sym, xp
from srcgrad.rules.defined.registry import OPTIONS, flattened, hold, ndim, written_as
from srcgrad.rules.linalg import dagger


def _matrix_norm(x: Sym, ord: Any, i: int, k: int, keepdims: bool) -> Sym | None:
    """The norm of the matrices along the axes i (rows) and k (columns)."""
    n = ndim(x)
    i, k = i % n, k % n
    if ord in (1, -1, math.inf, -math.inf):
        along, rest = (i, k) if abs(ord) == 1 else (k, i)
        sums = xp.sum(xp.abs(x), axis=along, keepdims=True) if keepdims else xp.sum(xp.abs(x), axis=along)
        rest -= 0 if keepdims or rest < along else 1
        best = xp.max if ord > 0 else xp.min
        return best(sums, axis=rest, keepdims=True) if keepdims else best(sums, axis=rest)
    if ord not in ("nuc", 2, -2):
        return None
    values = hold(xp.linalg.svdvals(x if (i, k) == (n - 2, n - 1) else xp.moveaxis(x, (i, k), (-2, -1))), "values")
    stacked = n > 2
    if ord == "nuc":
        found = xp.sum(values, axis=-1) if stacked else xp.sum(values)
    else:
        j = 0 if ord == 2 else -1
        found = values[..., j] if stacked else values[j]
    return xp.expand_dims(found, (i, k)) if keepdims else found


@written_as(np.linalg.norm)
def norm(x: Sym, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Sym | None:
    if isinstance(axis, (tuple, list)) and len(axis) == 1:
        given = {} if ord is None else {"ord": ord}
        return xp.linalg.norm(x, axis=axis[0], **given, **({"keepdims": True} if keepdims else {}))
    pair = isinstance(axis, (tuple, list)) and len(axis) == 2
    if ord in (None, "fro") or not (pair or (axis is None and ndim(x) == 2)):
        return None
    i, k = axis if pair else (0, 1)
    return _matrix_norm(x, ord, i, k, keepdims)


@written_as(np.linalg.matrix_norm)
def matrix_norm(x: Sym, /, *, keepdims: Any = False, ord: Any = "fro") -> Sym | None:
    if ord == "fro":
        options = {"keepdims": True} if keepdims else {}
        return xp.linalg.norm(x, axis=(-2, -1), **options)
    return _matrix_norm(x, ord, -2, -1, keepdims)


@written_as(np.linalg.vector_norm)
def vector_norm(x: Sym, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Sym | None:
    if isinstance(axis, (tuple, list)) or (axis is None and keepdims):
        return None
    given = {} if ord == 2 else {"ord": ord}
    options = {"axis": axis, **({"keepdims": True} if keepdims else {})} if axis is not None else {}
    return xp.linalg.norm(flattened(x) if axis is None else x, **given, **options)


@written_as(np.linalg.cond, known=(*OPTIONS, "p"))
def cond(x: Sym, p: Any = None) -> Sym | None:
    if p not in (None, 2, -2):
        inverse = hold(xp.linalg.inv(x), "inverse")
        if p == "fro":
            return xp.linalg.norm(x, axis=(-2, -1)) * xp.linalg.norm(inverse, axis=(-2, -1))
        of_x, of_inverse = (_matrix_norm(m, p, -2, -1, False) for m in (x, inverse))
        return None if of_x is None or of_inverse is None else of_x * of_inverse
    values = hold(xp.linalg.svdvals(x), "values")
    largest, least = (values[..., 0], values[..., -1]) if ndim(x) > 2 else (values[0], values[-1])
    return least / largest if p == -2 else largest / least


@written_as(np.linalg.cholesky)
def cholesky(a: Sym, /, *, upper: Any = False) -> Sym | None:
    if upper is not True:
        return None
    return dagger(xp.linalg.cholesky(dagger(a)))


@written_as(np.linalg.tensorinv)
def tensorinv(a: Sym, ind: Any = 2) -> Sym | None:
    if not isinstance(ind, int):
        return None
    sizes = [a.shape[k] for k in range(ndim(a))]
    rows = sizes[0]
    for size in sizes[1:ind]:
        rows = rows * size
    return xp.linalg.inv(a.reshape(rows, -1)).reshape(*sizes[ind:], *sizes[:ind])


@written_as(np.linalg.tensorsolve)
def tensorsolve(a: Sym, b: Sym, axes: Any = None) -> Sym | None:
    if axes is not None:
        return None
    sizes = [a.shape[k] for k in range(ndim(b), ndim(a))]
    return xp.linalg.solve(a.reshape(b.size, b.size), xp.ravel(b)).reshape(*sizes)
