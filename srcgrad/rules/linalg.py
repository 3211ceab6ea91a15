"""Products of matrices and vectors, norms.

Conventions: the gradient of the norm of a zero vector is zero; infinity norms share ties like np.max.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from srcgrad.errors import KindError
from srcgrad.ir.kinds import dims, not_one, rank
from srcgrad.rules.build import Sym, conj, total, unbroadcast, xp
from srcgrad.rules.elementwise import direction
from srcgrad.rules.reductions import literal, mean_where, options, spread
from srcgrad.rules.registry import jvp, linear, symmetric, vjp
from srcgrad.rules.shapes import back


def ranks(a: Sym, b: Sym) -> tuple[int, int]:
    """The numbers of axes of two operands, which have to be known."""
    m, n = rank(a.kind), rank(b.kind)
    if m is None or n is None:
        raise KindError("the number of axes of an operand of a product is not known")
    return m, n


def dagger(x: Sym) -> Sym:
    """The conjugate transpose of a matrix, or of each matrix of a stack."""
    return conj(flipped(x))


def flipped(x: Sym) -> Sym:
    """The transpose of a matrix, or of each matrix of a stack."""
    return x.T if rank(x.kind) == 2 else x.swapaxes(-1, -2)


# ---- products ------------------------------------------------------------------------------------------------


@linear((operator.matmul, np.matmul), "a")
def _matmul_left(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == n == 1:
        return d * b
    if m == 1:
        rest = (*range(n - 2), n - 1)
        return b @ d if n == 2 else xp.tensordot(b, d, axes=(rest, tuple(range(n - 1))))
    if n == 1:
        return xp.outer(d, b) if m == 2 else d[..., None] * b
    if m == 2 and n > 2:  # one product, instead of a stack of them that is summed
        rest = (*range(n - 2), n - 1)
        return xp.tensordot(d, b, axes=(rest, rest))
    product = d @ flipped(b)
    if m == n == 2:
        return product
    return unbroadcast(product, product.kind, a.kind, a)


@linear((operator.matmul, np.matmul), "b")
def _matmul_right(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == n == 1:
        return d * a
    if m == 1:
        return xp.outer(a, d) if n == 2 else a[:, None] * d[..., None, :]
    if n == 1:
        return a.T @ d if m == 2 else xp.tensordot(d, a, axes=m - 1)
    if n == 2 and m > 2:  # one product, instead of a stack of them that is summed
        rows = tuple(range(m - 1))
        return xp.tensordot(a, d, axes=(rows, rows))
    product = flipped(a) @ d
    if m == n == 2:
        return product
    return unbroadcast(product, product.kind, b.kind, b)


symmetric(operator.matmul, np.matmul)

_AXES = "abcdefghijklmnopqrstuvwxy"


def _letters(m: int, n: int, place: int) -> tuple[str, str, str]:
    """Subscripts of np.dot or np.inner: the last axis of the one with an axis of the other."""
    left = _AXES[: m - 1] + "z"
    right = _AXES[m - 1 : m - 1 + place] + "z" + _AXES[m - 1 + place : m + n - 2]
    return left, right, (left + right).replace("z", "")


@linear(np.dot, "a")
def _dot_left(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == 0 or n == 0:
        return unbroadcast(d * b, d.kind, a.kind, a, [b.kind])
    if n <= 2:
        return _matmul_left(d, a, b)
    left, right, out = _letters(m, n, n - 2)
    return xp.einsum(f"{out},{right}->{left}", d, b)


@linear(np.dot, "b")
def _dot_right(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == 0 or n == 0:
        return unbroadcast(d * a, d.kind, b.kind, b, [a.kind])
    if n <= 2:
        return _matmul_right(d, a, b) if m <= 2 else _einsum_right(d, a, m, n, max(n - 2, 0))
    return _einsum_right(d, a, m, n, n - 2)


def _einsum_right(d: Sym, a: Sym, m: int, n: int, place: int) -> Sym:
    left, right, out = _letters(m, n, place)
    return xp.einsum(f"{left},{out}->{right}", a, d)


@linear(np.inner, "a")
def _inner_left(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == 0 or n == 0 or n == 1:
        return _dot_left(d, a, b)
    if n == 2:
        return d @ b
    left, right, out = _letters(m, n, n - 1)
    return xp.einsum(f"{out},{right}->{left}", d, b)


@linear(np.inner, "b")
def _inner_right(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == 0 or n == 0 or m == n == 1:
        return _dot_right(d, a, b)
    if m == n == 2:
        return d.T @ a
    return _einsum_right(d, a, m, n, n - 1)


@linear(np.outer, "a")
def _outer_left(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == n == 1:
        return d @ b
    return back(d * b if n == 0 else d @ b.reshape(-1), a)


@linear(np.outer, "b")
def _outer_right(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == n == 1:
        return d.T @ a
    return back(d * a if m == 0 else d.T @ a.reshape(-1), b)


@linear(np.vdot, "a")
def _vdot_left(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    return conj(d * b) if m == n < 2 else back(conj(d * b), a)


@linear(np.vdot, "b")
def _vdot_right(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    return d * conj(a) if m == n < 2 else back(d * conj(a), b)


symmetric(np.dot, np.inner, np.vdot)


@linear(np.cross, "a", domain="triples")
def _cross_left(d: Sym, a: Sym, b: Sym) -> Sym:
    product = xp.cross(b, d)
    return unbroadcast(product, product.kind, a.kind, a)


@linear(np.cross, "b", domain="triples")
def _cross_right(d: Sym, a: Sym, b: Sym) -> Sym:
    product = xp.cross(d, a)
    return unbroadcast(product, product.kind, b.kind, b)


def _long(term: str, x: Sym) -> set[str]:
    """The subscripts of the axes along which an operand is not spread."""
    shape = dims(x.kind)
    return set() if shape is None else {c for c, n in zip(term, shape, strict=False) if not_one(n)}


@linear(np.einsum, "operands", variadic="operands")
def _einsum(d: Sym, subscripts: Any, operands: list[Sym], optimize: Any = False) -> list[Sym]:
    """The product of the adjoint and the other operands, summed to the operand's subscripts."""
    found = literal(subscripts, "subscripts")
    if not isinstance(found, str) or "." in found:
        raise KindError("np.einsum is differentiated for literal subscripts and arrays of known numbers of axes")
    inputs, arrow, output = found.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if not arrow:
        output = "".join(sorted(c for c in set(inputs) - {","} if inputs.count(c) == 1))
    if any(len(set(term)) != len(term) for term in terms):
        raise KindError("np.einsum with a subscript twice in one operand is not differentiated", "Take np.diagonal.")
    result = []
    for k, (term, x) in enumerate(zip(terms, operands, strict=False)):
        others = [(t, o) for j, (t, o) in enumerate(zip(terms, operands, strict=False)) if j != k]
        if not set(term) <= set(output).union(*(_long(t, o) for t, o in others)):
            others.append((term, xp.ones_like(x)))  # axes summed by themselves, or along which others are spread
        text = ",".join([output, *(t for t, _ in others)]) + "->" + term
        options = {} if optimize is False else {"optimize": optimize}
        part = xp.einsum(text, d, *(o for _, o in others), **options)
        result.append(unbroadcast(part, part.kind, x.kind, x))  # an axis of length 1 may have been broadcast
    return result


@jvp(np.einsum, "operands")
def _einsum_tangent(t: list[Sym | None], subscripts: Any, operands: list[Sym], optimize: Any = False) -> Sym:
    """One product for each operand, with its tangent in its place."""
    if "." in str(literal(subscripts, "subscripts")) and any(rank(x.kind) is None for x in operands):
        raise KindError("np.einsum with an ellipsis of arrays whose number of axes is not known")
    given = {} if optimize is False else {"optimize": optimize}
    terms = [
        xp.einsum(subscripts, *operands[:k], moved, *operands[k + 1 :], **given)
        for k, moved in enumerate(t) if moved is not None
    ]  # fmt: skip
    return total(terms)


# ---- norms and traces ----------------------------------------------------------------------------------------


@vjp(np.linalg.norm, "x", accepts_lazy="scalar", domain="distinct")
def _norm(d: Sym, out: Sym, x: Sym, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Sym:
    p, k, n = literal(ord, "ord"), literal(axis), rank(x.kind)
    as_matrix = (k is None and n != 1) or (isinstance(k, tuple) and len(k) == 2)
    if as_matrix and p not in (None, "fro"):
        raise KindError(f"the derivative of the matrix norm ord={p!r} is not known")
    wide = spread(d, x, axis, keepdims)
    if p in (None, 2, "fro"):
        return wide * conj(x) / spread(out + out.eq(0), x, axis, keepdims)
    if p == 1:
        return wide * direction(x)
    if p in (math.inf, -math.inf):
        hits = xp.abs(x).eq(spread(out, x, axis, keepdims))
        shared = hits / xp.count_nonzero(hits) if k is None else hits / hits.sum(axis=k, keepdims=True)
        return wide * direction(x) * shared
    if p == 0:
        return wide * xp.zeros_like(x)
    if isinstance(p, (int, float)):
        whole = spread(out + out.eq(0), x, axis, keepdims)
        return wide * direction(x) * (xp.abs(x) / whole) ** (p - 1)
    raise KindError(f"the derivative of the norm ord={p!r} is not known")


@jvp(np.linalg.norm, "x")
def _norm_tangent(t: Sym, out: Sym, x: Sym, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Sym:
    p, k, n = literal(ord, "ord"), literal(axis), rank(x.kind)
    as_matrix = (k is None and n != 1) or (isinstance(k, tuple) and len(k) == 2)
    if as_matrix and p not in (None, "fro"):
        raise KindError(f"the derivative of the matrix norm ord={p!r} is not known")
    along = options(axis, keepdims)
    if p in (None, 2, "fro"):
        product = conj(x) @ t if n == 1 and not literal(keepdims, "keepdims") else xp.sum(conj(x) * t, **along)
        return product.real / (out + out.eq(0))
    if p == 1:
        return xp.sum((direction(x) * t).real, **along)
    if p == 0:
        return xp.sum(xp.zeros_like(x), **along)
    if isinstance(p, (int, float)) and not math.isinf(p):
        weights = direction(x) * (xp.abs(x) / spread(out + out.eq(0), x, axis, keepdims)) ** (p - 1)
        return xp.sum((weights * t).real, **along)
    if p in (math.inf, -math.inf):
        return mean_where(xp.abs(x).eq(spread(out, x, axis, keepdims)), (direction(x) * t).real, axis, keepdims)
    raise KindError(f"the derivative of the norm ord={p!r} is not known")


@linear(np.trace, "a")
def _trace(d: Sym, a: Sym, offset: Any = 0) -> Sym:
    if rank(a.kind) != 2:
        raise KindError("np.trace is differentiated for matrices")
    k = literal(offset, "offset")
    rows, columns = a.shape[0], a.shape[1]
    return d * (xp.eye(rows, columns, k) if k else xp.eye(rows, columns))


# ---- products of products ------------------------------------------------------------------------------------


@linear(np.kron, "a")
def _kron_left(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == n == 1:
        return d.reshape(a.size, b.size) @ b
    if m == n == 2:
        return xp.einsum("ikjl,kl->ij", d.reshape(a.shape[0], b.shape[0], a.shape[1], b.shape[1]), b)
    raise KindError("np.kron is differentiated for two vectors or two matrices")


@linear(np.kron, "b")
def _kron_right(d: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == n == 1:
        return d.reshape(a.size, b.size).T @ a
    if m == n == 2:
        return xp.einsum("ikjl,ij->kl", d.reshape(a.shape[0], b.shape[0], a.shape[1], b.shape[1]), a)
    raise KindError("np.kron is differentiated for two vectors or two matrices")


def _tensordot_letters(a: Sym, b: Sym, axes: Any) -> tuple[str, str, str]:
    """Subscripts of the operands of np.tensordot and of its result."""
    m, n = ranks(a, b)
    given = literal(axes, "axes")
    pairs = (range(m - given, m), range(given)) if isinstance(given, int) else given
    of_a, of_b = ([k] if isinstance(k, int) else list(k) for k in pairs)
    left, right = list(_AXES[:m]), list(_AXES[m : m + n])
    for i, j in zip(of_a, of_b, strict=True):
        right[j] = left[i]
    summed = {left[i] for i in of_a}
    return "".join(left), "".join(right), "".join(c for c in left + right if c not in summed)


@linear(np.tensordot, "a")
def _tensordot_left(d: Sym, a: Sym, b: Sym, axes: Any = 2) -> Sym:
    k, m, n = literal(axes, "axes"), *ranks(a, b)
    if isinstance(k, int):  # a product of matrices, which einsum would write as loops
        return xp.tensordot(d, b, (tuple(range(m - k, m + n - 2 * k)), tuple(range(k, n))))
    left, right, out = _tensordot_letters(a, b, axes)
    return xp.einsum(f"{out},{right}->{left}", d, b)


@linear(np.tensordot, "b")
def _tensordot_right(d: Sym, a: Sym, b: Sym, axes: Any = 2) -> Sym:
    k, m, _ = literal(axes, "axes"), *ranks(a, b)
    if isinstance(k, int):
        free = tuple(range(m - k))
        return xp.tensordot(a, d, (free, free))
    left, right, out = _tensordot_letters(a, b, axes)
    return xp.einsum(f"{left},{out}->{right}", a, d)
