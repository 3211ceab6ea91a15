"""Functions of scipy.ndimage that are made of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as nd
from scipy import ndimage, special

from srcgrad import runtime
from srcgrad.rules.build import Namespace, Sym, helper, xp
from srcgrad.rules.defined.registry import array, hold, in_python, ndim, written_as

_built: Any = Namespace(nd, "scipy.ndimage")


@written_as(nd.gaussian_gradient_magnitude)
def gaussian_gradient_magnitude(input: Any, sigma: Any, **options: Any) -> Sym | None:
    """The norm, which has a gradient of zero where the image is flat."""
    if "axes" in options or "output" in options:
        return None
    n = ndim(input)
    parts = [_built.gaussian_filter(input, sigma, tuple(int(j == k) for j in range(n)), **options) for k in range(n)]
    return xp.linalg.norm(xp.stack(parts), axis=0)


@written_as(nd.morphological_gradient)
def morphological_gradient(input: Any, size: Any = None, footprint: Any = None, **options: Any) -> Sym:
    given = {**_window(size, footprint), **options}
    return _built.grey_dilation(input, **given) - _built.grey_erosion(input, **given)


@written_as(nd.morphological_laplace)
def morphological_laplace(input: Any, size: Any = None, footprint: Any = None, **options: Any) -> Sym:
    given = {**_window(size, footprint), **options}
    return _built.grey_dilation(input, **given) + _built.grey_erosion(input, **given) - 2 * input


@written_as(nd.white_tophat)
def white_tophat(input: Any, size: Any = None, footprint: Any = None, **options: Any) -> Sym:
    return input - _built.grey_opening(input, **_window(size, footprint), **options)


@written_as(nd.black_tophat)
def black_tophat(input: Any, size: Any = None, footprint: Any = None, **options: Any) -> Sym:
    return _built.grey_closing(input, **_window(size, footprint), **options) - input


def _window(size: Any, footprint: Any) -> dict[str, Any]:
    return {k: v for k, v in (("size", size), ("footprint", footprint)) if v is not None}


# ---- measurements --------------------------------------------------------------------------------------------


def _mean(x: Any, labels: Any, index: Any) -> Sym:
    total = _built.sum_labels(x, labels) if index is None else _built.sum_labels(x, labels, index)
    one = xp.ones_like(x)
    return total / (_built.sum_labels(one, labels) if index is None else _built.sum_labels(one, labels, index))


@written_as(nd.mean)
def mean(input: Any, labels: Any = None, index: Any = None) -> Sym:
    return xp.mean(input) if labels is None else _mean(input, labels, index)


@written_as(nd.variance)
def variance(input: Any, labels: Any = None, index: Any = None) -> Sym:
    if labels is None:
        return xp.var(input)
    middle = _mean(input, labels, index)
    if index is not None:
        middle = hold(middle, "middle")
        times = helper(runtime.by_label)(xp.ones_like(middle), labels, index)  # a label may be asked for twice
        middle = helper(runtime.by_label)(middle, labels, index) / xp.maximum(times, 1)
    away = hold(input - middle, "away")
    return _mean(away * away, labels, index)


@written_as(nd.standard_deviation)
def standard_deviation(input: Any, labels: Any = None, index: Any = None) -> Sym:
    return xp.std(input) if labels is None else xp.sqrt(variance(input, labels, index))


@in_python(nd.rotate)
def rotate(input, angle, axes=(1, 0), reshape=True, order=3, mode="constant", cval=0.0, prefilter=True):  # type: ignore[no-untyped-def]
    """A turn of an image about its middle."""
    if input.ndim != 2:
        raise NotImplementedError("scipy.ndimage.rotate is differentiated for images of two axes")
    c, s = special.cosdg(angle), special.sindg(angle)
    matrix = np.array([[c, s], [-s, c]])
    before = np.array([input.shape[0], input.shape[1]])
    after = before
    if reshape:
        corners = matrix @ np.array([[0, 0, before[0], before[0]], [0, before[1], 0, before[1]]])
        after = (np.ptp(corners, axis=1) + 0.5).astype(int)
    offset = (before - 1) / 2 - matrix @ ((after - 1) / 2)
    return ndimage.affine_transform(
        input, matrix, offset, (after[0], after[1]), order=order, mode=mode, cval=cval, prefilter=prefilter
    )


@written_as(nd.map_coordinates)
def map_coordinates(input: Any, coordinates: Any, **options: Any) -> Sym | None:
    """Of coordinates in a list, one item for each axis."""
    if not isinstance(coordinates, (list, tuple)) or "output" in options:
        return None
    return _built.map_coordinates(array(input), xp.stack([array(x) for x in coordinates]), **options)


@written_as(nd.center_of_mass)
def center_of_mass(input: Any, labels: Any = None, index: Any = None) -> tuple[Sym, ...] | None:
    """Of one object."""
    if isinstance(index, (list, tuple)) or (isinstance(index, Sym) and ndim(index)):
        return None
    x, n = array(input), ndim(input)
    given = {k: v for k, v in (("labels", labels), ("index", index)) if v is not None}
    total = hold(_built.sum_labels(x, **given), "total")
    places = [xp.arange(x.shape[k])[(slice(None), *[None] * (n - 1 - k))] if k < n - 1 else xp.arange(x.shape[k])
              for k in range(n)]  # fmt: skip
    return tuple(_built.sum_labels(x * place, **given) / total for place in places)
