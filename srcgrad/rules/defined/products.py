"""Products of arrays, by name or along other axes."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from srcgrad.ir.kinds import dims
from srcgrad.rules.build import Sym, conj, xp
from srcgrad.rules.defined.registry import Declined, array, ndim, written_as


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


def _in_plane(x: Any) -> bool:
    """Whether the last axis is known to have the length 2."""
    lengths = dims(x.kind) if isinstance(x, Sym) else np.shape(x)
    return lengths is not None and len(lengths) > 0 and lengths[-1] == 2


@written_as(np.cross)
def cross(a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None) -> Sym | None:
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    if axisa == axisb == axisc == -1 and not (_in_plane(a) and _in_plane(b)):
        return None
    a = a if axisa in (-1, ndim(a) - 1) else xp.moveaxis(a, axisa, -1)
    b = b if axisb in (-1, ndim(b) - 1) else xp.moveaxis(b, axisb, -1)
    if _in_plane(a) and _in_plane(b):  # NumPy advises against it; the result has no axis of its own
        a, b = array(a), array(b)
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    product = xp.cross(a, b)
    return product if axisc in (-1, max(ndim(a), ndim(b)) - 1) else xp.moveaxis(product, -1, axisc)


@written_as(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: Any = -1) -> Sym:
    return xp.cross(x1, x2) if axis == -1 else cross(x1, x2, axis=axis) or xp.cross(x1, x2)


def _conjugate(x: Any) -> Any:
    return conj(x) if isinstance(x, Sym) else np.conj(x)


@written_as(np.vecdot)
def vecdot(x1: Any, x2: Any, /) -> Sym:
    return xp.sum(xp.multiply(_conjugate(x1), x2), axis=-1)


@written_as(np.linalg.vecdot)
def linalg_vecdot(x1: Any, x2: Any, /, *, axis: Any = -1) -> Sym:
    return xp.sum(xp.multiply(_conjugate(x1), x2), axis=axis)


@written_as(np.matvec)
def matvec(x1: Any, x2: Any, /) -> Sym:
    return x1 @ x2 if ndim(x2) == 1 else (x1 @ x2[..., None])[..., 0]


@written_as(np.vecmat)
def vecmat(x1: Any, x2: Any, /) -> Sym:
    x1 = _conjugate(x1)
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


# ---- einsum --------------------------------------------------------------------------------------------------


def _in_letters(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The subscripts as a string, and the operands: np.einsum takes lists of numbers behind the operands, too."""
    if isinstance(args[0], str):
        return args[0].replace(" ", ""), list(args[1:])
    terms = []
    for given in [*args[1::2], *(args[-1:] if len(args) % 2 else ())]:
        if not isinstance(given, (list, tuple)) or not all(isinstance(k, int) or k is Ellipsis for k in given):
            raise Declined
        terms.append("".join("..." if k is Ellipsis else string.ascii_letters[k] for k in given))
    if len(args) % 2:
        return ",".join(terms[:-1]) + "->" + terms[-1], list(args[:-1:2])
    return ",".join(terms), list(args[::2])


def _spelled(text: str, operands: list[Any]) -> tuple[list[str], str]:
    """The subscripts of the operands and of the result, with letters for an ellipsis."""
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    free = [c for c in string.ascii_letters if c not in text]
    most = max([ndim(x) - len(t) + 3 for t, x in zip(terms, operands, strict=True) if "..." in t], default=0)
    batch = "".join(free[:most])
    if not arrow:
        letters = inputs.replace(",", "").replace(".", "")
        output = ("..." if "..." in inputs else "") + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    spelled = []
    for term, x in zip(terms, operands, strict=True):
        n = ndim(x) - len(term) + 3
        spelled.append(term.replace("...", batch[most - n :] if n else ""))
    return spelled, output.replace("...", batch)


def _diagonals(term: str, x: Any) -> tuple[str, Any]:
    """An operand with each subscript once: the diagonals of the axes that share one."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            x = xp.diagonal(x) if len(term) == 2 else xp.diagonal(x, 0, i, j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
    return term, x


@written_as(np.einsum)
def einsum(*args: Any, optimize: Any = False) -> Sym | None:
    text, operands = _in_letters(args)
    terms, output = _spelled(text, operands)
    found = [_diagonals(term, array(x)) for term, x in zip(terms, operands, strict=True)]
    terms, operands = [term for term, _ in found], [x for _, x in found]
    if len(terms) == 1 and sorted(terms[0]) == sorted(output):  # nothing is summed: a view
        order = tuple(terms[0].index(c) for c in output)
        return operands[0] if order == tuple(range(len(order))) else xp.transpose(operands[0], order)
    spelled = ",".join(terms) + "->" + output
    written = isinstance(args[0], str) and len(terms[0]) == ndim(operands[0]) and "." not in text
    if written and all(x is y for x, y in zip(operands, args[1:], strict=True)):
        return None  # as the user wrote it
    return xp.einsum(spelled, *operands, **({} if optimize is False else {"optimize": optimize}))


# ---- np.r_ and np.c_ -----------------------------------------------------------------------------------------


def _pieces(index: Any) -> list[Any]:
    return list(index) if isinstance(index, tuple) else [index]


def _stretch(piece: Any) -> Any:
    """What a slice in the brackets stands for; with an imaginary step that is how many numbers there are."""
    lo, hi, step = 0 if piece.start is None else piece.start, piece.stop, piece.step
    if hi is None:
        raise Declined
    if isinstance(step, complex):
        return xp.linspace(lo, hi, int(abs(step)))
    return xp.arange(lo, hi) if step is None else xp.arange(lo, hi, step)


def row_of(index: Any) -> Sym:
    """`np.r_[...]` of vectors, numbers and slices, or of arrays of as many axes."""
    made = []
    pieces = _pieces(index)
    ranks = {1 if isinstance(piece, (slice, str)) else max(ndim(piece), 1) for piece in pieces}
    for piece in pieces:
        if isinstance(piece, str) or len(ranks) > 1:
            raise Declined
        if isinstance(piece, slice):
            made.append(_stretch(piece))
        else:
            made.append(xp.array([piece]) if ndim(piece) == 0 else array(piece))
    return xp.concatenate(made)


def columns_of(index: Any) -> Sym:
    """`np.c_[...]` of vectors, matrices and slices."""
    made = []
    for piece in _pieces(index):
        if isinstance(piece, str) or (not isinstance(piece, slice) and ndim(piece) not in (1, 2)):
            raise Declined
        column = _stretch(piece) if isinstance(piece, slice) else array(piece)
        made.append(column[:, None] if isinstance(piece, slice) or ndim(piece) == 1 else column)
    return xp.concatenate(made, axis=1)


BRACKETS = ((np.r_, row_of), (np.c_, columns_of))
"""Objects of NumPy that are indexed to make an array, and what makes it."""
