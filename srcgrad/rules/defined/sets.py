"""Arrays as sets of numbers. Which elements these are has no derivative; their values have."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.errors import UnsupportedError
from srcgrad.rules.build import Sym, xp
from srcgrad.rules.defined.registry import flattened, hold, in_python, ndim, results, written_as

_NAMED: dict[Any, Any] = {
    fn: type(fn(np.zeros(1))) for fn in (np.unique_all, np.unique_counts, np.unique_inverse)
}


def _with_places(x: Any, **options: Any) -> tuple[Sym, ...]:
    """The results of np.unique of an array, its values as elements of the array."""
    x = flattened(x)
    _, places, *others = results(xp.unique(x, return_index=True, **options))
    return xp.take(x, places, axis=0), places, *others


@written_as(np.unique)
def unique(
    ar: Any, return_index: Any = False, return_inverse: Any = False, return_counts: Any = False, axis: Any = None
) -> tuple[Sym, ...] | None:
    if axis is not None:
        raise UnsupportedError("np.unique along an axis is not differentiated", "Order the rows with np.lexsort.")
    if return_index is False and return_inverse is False and return_counts is False:
        return None
    if ndim(ar) != 1 and return_inverse is not False:
        return None
    given = {"return_inverse": return_inverse, "return_counts": return_counts}
    values, places, *others = _with_places(ar, **{key: True for key, wanted in given.items() if wanted})
    return (values, *([places] if return_index else []), *others)


@written_as(np.unique_all)
def unique_all(x: Any) -> Any:
    if ndim(x) != 1:
        return None
    return _NAMED[np.unique_all](*_with_places(x, return_inverse=True, return_counts=True, equal_nan=False))


@written_as(np.unique_counts)
def unique_counts(x: Any) -> Any:
    values, _, counts = _with_places(x, return_counts=True, equal_nan=False)
    return _NAMED[np.unique_counts](values, counts)


@written_as(np.unique_inverse)
def unique_inverse(x: Any) -> Any:
    if ndim(x) != 1:
        return None
    values, _, inverse = _with_places(x, return_inverse=True, equal_nan=False)
    return _NAMED[np.unique_inverse](values, inverse)


@written_as(np.unique_values)
def unique_values(x: Any) -> Sym:
    """In the order in which NumPy gives them."""
    x = flattened(x)
    order = hold(xp.argsort(x), "order")
    return xp.take(x, order[xp.searchsorted(x, xp.unique_values(x), sorter=order)], axis=0)


@written_as(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Sym:
    return xp.unique(xp.concatenate([flattened(ar1), flattened(ar2)]))


@in_python(np.intersect1d)
def intersect1d(ar1, ar2):
    values = np.unique(ar1)
    return values[np.isin(values, ar2)]


@in_python(np.setdiff1d)
def setdiff1d(ar1, ar2, assume_unique=False):
    values = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return values[np.isin(values, ar2, invert=True)]


@in_python(np.setxor1d)
def setxor1d(ar1, ar2):
    return np.sort(np.concatenate((np.setdiff1d(ar1, ar2), np.setdiff1d(ar2, ar1))))
