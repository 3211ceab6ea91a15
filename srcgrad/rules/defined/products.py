"""Products of arrays, by name or along other axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.rules.build import Sym, xp
from srcgrad.rules.defined.registry import ndim, written_as


@written_as(np.kron)
def kron(a: Any, b: Any) -> Sym | None:
    m, n = ndim(a), ndim(b)
    if m == 0 or n == 0:
        return xp.multiply(a, b)
    if m == n == 1 or m == n == 2:
        return None
    k = max(m, n)
    p = [1] * (k - m) + [a.shape[j] for j in range(m)]
    q = [1] * (k - n) + [b.shape[j] for j in range(n)]
    wide = tuple(None if j < 2 * (k - m) or j % 2 else slice(None) for j in range(2 * k))
    other = tuple(None if j < 2 * (k - n) or j % 2 == 0 else slice(None) for j in range(2 * k))
    sizes = [j if i == 1 else i if j == 1 else i * j for i, j in zip(p, q, strict=True)]
    return (a[wide] * b[other]).reshape(*sizes)


@written_as(np.cross)
def cross(a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None) -> Sym | None:
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    if axisa == axisb == axisc == -1:
        return None
    a = a if axisa in (-1, ndim(a) - 1) else xp.moveaxis(a, axisa, -1)
    b = b if axisb in (-1, ndim(b) - 1) else xp.moveaxis(b, axisb, -1)
    product = xp.cross(a, b)
    return product if axisc in (-1, max(ndim(a), ndim(b)) - 1) else xp.moveaxis(product, -1, axisc)


@written_as(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: Any = -1) -> Sym:
    return xp.cross(x1, x2) if axis == -1 else cross(x1, x2, axis=axis) or xp.cross(x1, x2)


@written_as(np.vecdot)
def vecdot(x1: Any, x2: Any, /) -> Sym:
    return xp.sum(xp.multiply(x1, x2), axis=-1)


@written_as(np.linalg.vecdot)
def linalg_vecdot(x1: Any, x2: Any, /, *, axis: Any = -1) -> Sym:
    return xp.sum(xp.multiply(x1, x2), axis=axis)


@written_as(np.matvec)
def matvec(x1: Any, x2: Any, /) -> Sym:
    return x1 @ x2 if ndim(x2) == 1 else (x1 @ x2[..., None])[..., 0]


@written_as(np.vecmat)
def vecmat(x1: Any, x2: Any, /) -> Sym:
    return x1 @ x2 if ndim(x1) == 1 else (x1[..., None, :] @ x2)[..., 0, :]


@written_as(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Sym:
    return xp.outer(x1, x2)


@written_as(np.linalg.matmul)
def linalg_matmul(x1: Any, x2: Any, /) -> Sym:
    return x1 @ x2


@written_as(np.linalg.tensordot)
def linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Sym:
    return xp.tensordot(x1, x2, axes)


@written_as(np.trace)
def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Sym | None:
    if ndim(a) == 2 and (axis1, axis2) == (0, 1):
        return None
    return xp.sum(xp.diagonal(a, offset, axis1, axis2), axis=-1)


@written_as(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: Any = 0) -> Sym:
    return xp.trace(x, offset) if ndim(x) == 2 else xp.sum(xp.diagonal(x, offset, -2, -1), axis=-1)
