"""np.pad in the modes that compute what they put around the array: along one axis after the other, as NumPy does."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.rules.build import Sym, xp
from srcgrad.rules.defined.registry import array as as_array
from srcgrad.rules.defined.registry import hold, ndim, written_as
from srcgrad.rules.shapes import place

_STATISTICS = {"mean": xp.mean, "maximum": xp.max, "minimum": xp.min, "median": xp.median}


def _pairs(given: Any, n: int) -> list[Any] | None:
    """One pair for each axis; None where that is not known when compiling."""
    try:
        return np.broadcast_to(np.asarray(given, dtype=object), (n, 2)).tolist()
    except ValueError:
        return None


@written_as(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **given: Any) -> Sym | None:
    x, n = as_array(array), ndim(array)
    widths = _pairs(pad_width, n)
    if widths is None or not all(isinstance(width, (int, np.integer)) for pair in widths for width in pair):
        return None
    odd = given.get("reflect_type") == "odd" and mode in ("reflect", "symmetric")
    ends: list[Any] | None = [(None, None)] * n
    if mode == "linear_ramp":
        ends = _pairs(given.get("end_values", 0), n)
    elif mode == "constant":
        if not isinstance(given.get("constant_values"), Sym):
            return None
        ends = _pairs(given["constant_values"], n)
    elif mode in _STATISTICS and given.get("stat_length") is not None:
        ends = _pairs(given["stat_length"], n)
    elif mode not in _STATISTICS and not odd:
        return None
    if ends is None:
        return None
    for k, (width, end) in enumerate(zip(widths, ends, strict=True)):
        sides = [_beside(x, k, int(w), e, mode, front) for w, e, front in zip(width, end, (True, False), strict=True)]
        parts = [part for part in (sides[0], x, sides[1]) if part is not None]
        x = hold(xp.concatenate(parts, axis=k), "padded") if len(parts) > 1 else x
    return x


def _beside(x: Sym, k: int, width: int, end: Any, mode: str, front: bool) -> Sym | None:
    """What is put in front of an array or behind it along the axis k."""
    if not width:
        return None
    n = ndim(x)
    edge = x[place(k, n, slice(None, 1) if front else slice(-1, None))]
    shape = tuple(width if j == k else x.shape[j] for j in range(n))
    if mode == "constant":
        return xp.broadcast_to(end, shape)
    if mode == "linear_ramp":
        steps = xp.arange(width) / width if front else xp.arange(width - 1, -1, -1) / width
        return end + (edge - end) * steps[(slice(None), *[None] * (n - 1 - k))]
    if mode in _STATISTICS:
        near = slice(None, end) if front else slice(None if end is None else -end, None)
        found = _STATISTICS[mode](x[place(k, n, near)] if end is not None else x, axis=k, keepdims=True)
        return xp.broadcast_to(found, shape)
    skipped = int(mode == "reflect")  # the edge itself is not repeated; places that are not there raise IndexError
    places = (width + skipped - 1, skipped - 1, -1) if front else (-1 - skipped, -1 - skipped - width, -1)
    return 2 * edge - xp.take(x, xp.arange(*places), axis=k)
