"""Fourier transforms.

They are linear. A transform's matrix is symmetric, so that the adjoint of a transform is the transform of the adjoint
(there is no conjugate in the convention of complex.py); those from and to real numbers leave out half of the spectrum,
which the adjoint counts twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.ir.kinds import rank
from srcgrad.rules.build import Sym, conj, const, helper, xp
from srcgrad.rules.defined.registry import ndim, written_as
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, flat, linear


def _options(axis: Any = -1, norm: Any = None, last: Any = -1) -> dict[str, Any]:
    """The keywords that are not the default."""
    k, scale = literal(axis), literal(norm, "norm")
    return ({} if k in (last, None) else {"axis": k}) | ({} if scale in (None, "backward") else {"norm": scale})


def _is_given(n: Any) -> bool:
    return n is not None and not (isinstance(n, Sym) and const(n.expr) is None)


def _resized(d: Sym, a: Sym, axis: Any) -> Sym:
    """The adjoint of `a` from that of what it became when it was cut, or filled with zeros, along an axis."""
    return helper(runtime.resized_like)(d, a, **_options(axis))


def _forward(d: Sym, a: Sym, n: Any = None, axis: Any = -1, norm: Any = None) -> Sym:
    made = xp.fft.fft(d, **_options(axis, norm))
    return _resized(made, a, axis) if _is_given(n) else made


def _backward(d: Sym, a: Sym, n: Any = None, axis: Any = -1, norm: Any = None) -> Sym:
    made = xp.fft.ifft(d, **_options(axis, norm))
    return _resized(made, a, axis) if _is_given(n) else made


linear(np.fft.fft, "a")(_forward)
linear(np.fft.ifft, "a")(_backward)


_SWAPPED = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}
"""The scale of the other direction that a transform's transpose has."""


def _swapped(axis: Any, norm: Any) -> dict[str, Any]:
    return _options(axis, _SWAPPED[literal(norm, "norm")])


@linear(np.fft.rfft, "a")
def _from_real(d: Sym, a: Sym, n: Any = None, axis: Any = -1, norm: Any = None) -> Sym:
    length = n if _is_given(n) else a.shape[_place(a, axis)]
    halved = helper(runtime.scaled_inside)(conj(d), length, 0.5, **_options(axis))
    made = xp.fft.irfft(halved, length, **_swapped(axis, norm))
    return _resized(made, a, axis) if _is_given(n) else made


@linear(np.fft.irfft, "a")
def _to_real(d: Sym, a: Sym, n: Any = None, axis: Any = -1, norm: Any = None) -> Sym:
    spectrum = conj(xp.fft.rfft(d, **_swapped(axis, norm)))
    made = helper(runtime.scaled_inside)(spectrum, d.shape[_place(a, axis)], 2, **_options(axis))
    return _resized(made, a, axis) if _is_given(n) else made


@linear(runtime.scaled_inside, "spectrum")
def _scaled_inside(d: Sym, spectrum: Sym, n: Any, factor: Any, axis: Any = -1) -> Sym:
    return helper(runtime.scaled_inside)(d, n, factor, **_options(axis))


@linear(runtime.resized_like, "x")
def _resized_like(d: Sym, x: Sym, like: Sym, axis: Any = -1) -> Sym:
    return helper(runtime.resized_like)(d, x, **_options(axis))


flat(runtime.resized_like, "like")


def _place(a: Sym, axis: Any) -> int:
    k, n = literal(axis), rank(a.kind)
    if n is None:
        raise KindError("the number of axes of what is transformed is not known", "Reshape it.")
    return int(k) % n


# ---- several axes --------------------------------------------------------------------------------------------


def _axes(a: Sym, s: Any, axes: Any) -> list[int]:
    """The axes of a transform along several, from the front."""
    n, given = ndim(a), literal(axes, "axes")
    if given is None:
        lengths = len(s) if isinstance(s, (tuple, list)) else n
        given = range(n - lengths, n)
    return [k % n for k in given]


def _length(s: Any, place: int) -> dict[str, Any]:
    """The keyword for the length along one of several axes."""
    return {} if s is None or literal(s[place], "s") == -1 else {"n": s[place]}


def _chain(step: Any, a: Sym, s: Any, axes: list[int], norm: Any) -> Sym:
    """A transform along one axis after the other, the last one first, as NumPy does it."""
    for place in reversed(range(len(axes))):
        a = step(a, **_length(s, place), **_options(axes[place], norm))
    return a


def _several(one: Any, whole: Any) -> Any:
    """The definition of a complex transform along several axes: where lengths are given, one after the other."""

    def definition(a: Sym, s: Any = None, axes: Any = None, norm: Any = None) -> Sym | None:
        if s is None:
            return None
        return _chain(one, a, s, _axes(a, s, axes), norm)

    def plane(a: Sym, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Sym | None:
        if s is None:
            return whole(a, axes=literal(axes, "axes"), **_options(-1, norm))
        return definition(a, s, axes, norm)

    return definition, plane


for _n, _2, _one, _whole in (
    (np.fft.fftn, np.fft.fft2, xp.fft.fft, xp.fft.fftn), (np.fft.ifftn, np.fft.ifft2, xp.fft.ifft, xp.fft.ifftn),
):  # fmt: skip
    _definition, _plane = _several(_one, _whole)
    written_as(_n)(_definition)
    written_as(_2)(_plane)


@linear(np.fft.fftn, "a")
def _fftn(d: Sym, a: Sym, axes: Any = None, norm: Any = None) -> Sym:
    return xp.fft.fftn(d, **_along(axes), **_options(-1, norm))


@linear(np.fft.ifftn, "a")
def _ifftn(d: Sym, a: Sym, axes: Any = None, norm: Any = None) -> Sym:
    return xp.fft.ifftn(d, **_along(axes), **_options(-1, norm))


def _along(axes: Any) -> dict[str, Any]:
    found = literal(axes, "axes")
    return {} if found is None else {"axes": found}


def _rfftn(a: Sym, s: Any = None, axes: Any = None, norm: Any = None) -> Sym:
    along = _axes(a, s, axes)
    first = xp.fft.rfft(a, **_length(s, -1), **_options(along[-1], norm, ndim(a) - 1))
    return _chain(xp.fft.fft, first, None if s is None else s[:-1], along[:-1], norm)


def _irfftn(a: Sym, s: Any = None, axes: Any = None, norm: Any = None) -> Sym:
    along = _axes(a, s, axes)
    rest = _chain(xp.fft.ifft, a, None if s is None else s[:-1], along[:-1], norm)
    return xp.fft.irfft(rest, **_length(s, -1), **_options(along[-1], norm, ndim(a) - 1))


written_as(np.fft.rfftn)(_rfftn)
written_as(np.fft.irfftn)(_irfftn)
written_as(np.fft.rfft2)(lambda a, s=None, axes=(-2, -1), norm=None: _rfftn(a, s, axes, norm))
written_as(np.fft.irfft2)(lambda a, s=None, axes=(-2, -1), norm=None: _irfftn(a, s, axes, norm))


# ---- Hermitian symmetry --------------------------------------------------------------------------------------

@written_as(np.fft.hfft)
def hfft(a: Sym, n: Any = None, axis: Any = -1, norm: Any = None) -> Sym:
    length = {"n": n} if _is_given(n) else {}
    return xp.fft.irfft(conj(a), **length, **_swapped(axis, norm))


@written_as(np.fft.ihfft)
def ihfft(a: Sym, n: Any = None, axis: Any = -1, norm: Any = None) -> Sym:
    length = {"n": n} if _is_given(n) else {}
    return conj(xp.fft.rfft(a, **length, **_swapped(axis, norm)))


# ---- order and frequencies -----------------------------------------------------------------------------------


@linear(np.fft.fftshift, "x")
def _shift(d: Sym, x: Sym, axes: Any = None) -> Sym:
    return xp.fft.ifftshift(d, **_along(axes))


@linear(np.fft.ifftshift, "x")
def _unshift(d: Sym, x: Sym, axes: Any = None) -> Sym:
    return xp.fft.fftshift(d, **_along(axes))


@written_as(np.fft.fftfreq)
def fftfreq(n: Any, d: Any = 1.0) -> Sym | None:
    return xp.fft.fftfreq(n) / d if isinstance(d, Sym) else None


@written_as(np.fft.rfftfreq)
def rfftfreq(n: Any, d: Any = 1.0) -> Sym | None:
    return xp.fft.rfftfreq(n) / d if isinstance(d, Sym) else None


constant(np.fft.fftfreq, np.fft.rfftfreq)
