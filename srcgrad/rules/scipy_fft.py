"""Transforms of scipy.fft: those of NumPy by other names, and the discrete cosine and sine transforms.

A cosine or sine transform is linear. The transpose of type 2 is type 3, but for the first (cosine) or last (sine)
element, which counts twice where the transform is not orthogonal; types 1 (sine) and 4 are symmetric (Makhoul 1980).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import fft

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.rules.build import Namespace, Sym, helper, xp
from srcgrad.rules.defined.registry import DEFINITIONS, Declined, ndim, written_as
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, linear

_fft: Any = Namespace(fft, "scipy.fft")

# ---- by other names ------------------------------------------------------------------------------------------


def _by_numpy(name: str, *args: Any, **given: Any) -> Sym:
    """What stands for NumPy's transform of that name."""
    given = {key: value for key, value in given.items() if value is not None}
    definition = DEFINITIONS.get(getattr(np.fft, name))
    made = None if definition is None else definition(*args, **given)
    return getattr(xp.fft, name)(*args, **given) if made is None else made


def _one(name: str) -> Callable[..., Any]:
    def definition(
        x: Any, n: Any = None, axis: Any = -1, norm: Any = None, overwrite_x: Any = False, workers: Any = None
    ) -> Sym:
        return _by_numpy(name, x, n=n, axis=None if axis == -1 else axis, norm=norm)

    return definition


def _several(name: str, usual: Any) -> Callable[..., Any]:
    def definition(
        x: Any, s: Any = None, axes: Any = usual, norm: Any = None, overwrite_x: Any = False, workers: Any = None
    ) -> Sym:
        last = tuple(range(-len(s), 0)) if axes is None and s is not None else axes
        return _by_numpy(name, x, s=s, axes=last, norm=norm)

    return definition


def _same(name: str) -> Callable[..., Any]:
    return lambda *args, **given: _by_numpy(name, *args, **given)


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    written_as(getattr(fft, _name))(_one(_name))
for _name in ("fftn", "ifftn", "rfftn", "irfftn"):
    written_as(getattr(fft, _name))(_several(_name, None))
for _name in ("fft2", "ifft2", "rfft2", "irfft2"):
    written_as(getattr(fft, _name))(_several(_name, (-2, -1)))
for _name in ("fftshift", "ifftshift", "fftfreq", "rfftfreq"):
    if getattr(fft, _name) is not getattr(np.fft, _name):  # some of them are NumPy's
        written_as(getattr(fft, _name))(_same(_name))
        if _name.endswith("freq"):
            constant(getattr(fft, _name))
constant(fft.next_fast_len, fft.prev_fast_len)


# ---- cosines and sines ---------------------------------------------------------------------------------------

_OTHER = {1: 1, 2: 3, 3: 2, 4: 4}
"""The type of the inverse, and of the transpose."""
_SWAPPED = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _options(type: Any, axis: Any, norm: Any) -> dict[str, Any]:
    """The keywords that are not the default."""
    given = {"type": type} if type != 2 else {}
    return given | ({} if axis == -1 else {"axis": axis}) | ({} if norm in (None, "backward") else {"norm": norm})


def _known(type: Any, axis: Any, norm: Any) -> tuple[int, int, Any]:
    kind, place, scale = literal(type, "type"), literal(axis), literal(norm, "norm")
    if kind not in _OTHER:
        raise KindError(f"{kind!r} is no type of a cosine or sine transform")
    return kind, place, scale


@linear(fft.dct, "x")
def _dct(d: Sym, x: Sym, type: Any = 2, axis: Any = -1, norm: Any = None, workers: Any = None) -> Sym:
    kind, place, scale = _known(type, axis, norm)
    options = _options(_OTHER[kind], place, scale)
    if scale == "ortho" or kind == 4:
        return _fft.dct(d, **options)
    along = {} if place == -1 else {"axis": place}
    if kind == 1:
        made = _fft.dct(helper(runtime.scaled_ends)(d, 2, 2, **along), **options)
        return helper(runtime.scaled_ends)(made, 0.5, 0.5, **along)
    if kind == 2:
        return _fft.dct(helper(runtime.scaled_ends)(d, 2, **along), **options)
    return helper(runtime.scaled_ends)(_fft.dct(d, **options), 0.5, **along)


@linear(fft.dst, "x")
def _dst(d: Sym, x: Sym, type: Any = 2, axis: Any = -1, norm: Any = None, workers: Any = None) -> Sym:
    kind, place, scale = _known(type, axis, norm)
    options = _options(_OTHER[kind], place, scale)
    if scale == "ortho" or kind in (1, 4):
        return _fft.dst(d, **options)
    along = {} if place == -1 else {"axis": place}
    if kind == 2:
        return _fft.dst(helper(runtime.scaled_ends)(d, 1, 2, **along), **options)
    return helper(runtime.scaled_ends)(_fft.dst(d, **options), 1, 0.5, **along)


@linear(runtime.scaled_ends, "x")
def _scaled_ends(d: Sym, x: Sym, first: Any, last: Any = 1, axis: Any = -1) -> Sym:
    given = () if literal(last, "last") == 1 else (last,)
    return helper(runtime.scaled_ends)(d, first, *given, **({} if literal(axis) == -1 else {"axis": axis}))


def _inverse(transform: Any) -> Callable[..., Any]:
    def definition(
        x: Any, type: Any = 2, n: Any = None, axis: Any = -1, norm: Any = None, overwrite_x: Any = False,
        workers: Any = None, orthogonalize: Any = None,
    ) -> Sym:  # fmt: skip
        if n is not None or orthogonalize is not None or type not in _OTHER:
            raise Declined
        return transform(x, **_options(_OTHER[type], axis, _SWAPPED[norm]))

    return definition


def _along_all(transform: Any, inverse: bool) -> Callable[..., Any]:
    """Along one axis after the other."""

    def definition(
        x: Any, type: Any = 2, s: Any = None, axes: Any = None, norm: Any = None, overwrite_x: Any = False,
        workers: Any = None, *, orthogonalize: Any = None,
    ) -> Sym:  # fmt: skip
        if s is not None or orthogonalize is not None or type not in _OTHER:
            raise Declined
        kind, scale = (_OTHER[type], _SWAPPED[norm]) if inverse else (type, norm)
        for axis in range(ndim(x)) if axes is None else (axes,) if isinstance(axes, int) else axes:
            x = transform(x, **_options(kind, axis, scale))
        return x

    return definition


written_as(fft.idct)(_inverse(_fft.dct))
written_as(fft.idst)(_inverse(_fft.dst))
written_as(fft.dctn)(_along_all(_fft.dct, False))
written_as(fft.dstn)(_along_all(_fft.dst, False))
written_as(fft.idctn)(_along_all(_fft.dct, True))
written_as(fft.idstn)(_along_all(_fft.dst, True))
