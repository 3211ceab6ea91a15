"""Objects of NumPy that make an array of what stands in their brackets: np.r_, np.c_, np.mgrid, np.ogrid."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.ir.kinds import Scalar
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.defined.registry import Declined, array, hold, ndim


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
    """`np.r_[...]` of vectors, numbers and slices, or of matrices."""
    made, pieces = [], _pieces(index)
    if not any(isinstance(piece, (str, slice)) for piece in pieces) and len({ndim(piece) for piece in pieces}) == 1:
        if ndim(pieces[0]) > 1:
            return xp.concatenate([array(piece) for piece in pieces])
    for piece in pieces:
        if isinstance(piece, str) or (not isinstance(piece, slice) and ndim(piece) > 1):
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


def _axes(index: Any) -> list[Any]:
    """The numbers along each axis of a grid."""
    pieces = _pieces(index)
    if not all(isinstance(piece, slice) for piece in pieces):
        raise Declined
    return [_stretch(piece) for piece in pieces]


def open_grid(index: Any) -> Sym | tuple[Sym, ...]:
    """`np.ogrid[...]`: vectors that lie along an axis each."""
    made = [hold(x, "axis") for x in _axes(index)]
    if not isinstance(index, tuple):
        return made[0]
    return tuple(x[tuple(slice(None) if k == axis else None for k in range(len(made)))] for axis, x in enumerate(made))


def full_grid(index: Any) -> Sym:
    """`np.mgrid[...]`: the places of a grid along each of its axes, in one array."""
    if not isinstance(index, tuple):
        return _axes(index)[0]
    if all(map(_whole, index)):
        return xp.indices(tuple(piece.stop for piece in index))
    made = [hold(x, "axis") for x in _axes(index)]
    shape = tuple(x.size for x in made)
    return xp.stack([helper(runtime.grid)(x, shape, axis) for axis, x in enumerate(made)])


def _whole(piece: Any) -> bool:
    """Whether a piece is a slice of 0, 1, 2, ... up to a whole number."""
    if not isinstance(piece, slice) or piece.step is not None or isinstance(piece.start, Sym) or piece.start:
        return False
    stop = piece.stop
    if not isinstance(stop, Sym):
        return isinstance(stop, int)
    return isinstance(stop.kind, Scalar) and np.dtype(stop.kind.dtype).kind in "iu"


BRACKETS = ((np.r_, row_of), (np.c_, columns_of), (np.mgrid, full_grid), (np.ogrid, open_grid))
"""Objects of NumPy that are indexed to make an array, and what makes it."""
