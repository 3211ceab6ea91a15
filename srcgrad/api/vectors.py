"""Arguments and results as points of a vector space: their float leaves, in order, each with its path as text.

A vector of the space is a list with one array per leaf, of float64, or of complex128 where the leaf is complex. What
is not a float takes no part in it. Vectors are on the host, also those of what is on a device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from srcgrad.api.structure import float_leaves, held, is_differentiable, like, part, parts
from srcgrad.backends.homes import beside, dtype_of, fetched, home_of

Vector = list[np.ndarray]


class Mismatch(Exception):
    """A derivative that has not the structure, shape or precision of what it belongs to."""


def spelled_leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The float leaves of a value, with the expressions that a user would write for them: `params["w"]`."""
    for path, leaf in float_leaves(value):
        yield name + "".join(_step(part(value, path[:k]), key) for k, key in enumerate(path)), leaf


def _step(container: Any, key: Any) -> str:
    """How a part of a container is written."""
    if isinstance(container, dict):
        return f'["{key}"]' if isinstance(key, str) else f"[{key!r}]"
    if isinstance(container, (list, tuple)):
        fields = getattr(container, "_fields", None)
        return f"[{key}]" if fields is None else f".{fields[key]}"
    return f".{key}"


def filled(value: Any, leaves: Iterator[Any], keep: bool) -> Any:
    """A copy of a value with other float leaves; what is no float is copied (keep), or None."""
    inside = parts(value)
    if inside is not None:
        return like(value, {key: filled(item, leaves, keep) for key, item in inside.items()})
    if is_differentiable(value):
        return next(leaves)
    return held(value) if keep else None


def wide(leaf: Any) -> Any:
    """A float leaf on the host, in double precision (or its own, where that is finer), of the same type otherwise."""
    if home_of(leaf) is not None:
        return fetched(leaf).astype(np.result_type(leaf.dtype, np.float64), order="K", subok=False)
    return np.result_type(leaf.dtype, np.float64).type(leaf) if isinstance(leaf, np.generic) else leaf


def moved(value: Any, direction: Iterator[np.ndarray], step: float) -> Any:
    """A copy of a value, in double precision, with step * direction added to its float leaves."""

    def leaves(values: Iterable[Any]) -> Iterator[Any]:
        for leaf in values:
            here = wide(leaf)
            there = here + step * next(direction)
            yield beside(there, leaf) if home_of(leaf) is not None else type(here)(there)

    return filled(value, leaves([leaf for _, leaf in float_leaves(value)]), keep=True)


def typed(value: Any, vector: Iterator[np.ndarray], keep: bool = False) -> Any:
    """A tangent or adjoint of a value: the vector in the value's structure, types and dtypes; None for no float."""

    def leaves(values: Iterable[Any]) -> Iterator[Any]:
        for leaf in values:
            part = next(vector)
            if home_of(leaf) is not None:
                yield beside(part, leaf, leaf.dtype)
            else:
                yield leaf.dtype.type(part) if isinstance(leaf, np.generic) else type(leaf)(part)

    return filled(value, leaves([leaf for _, leaf in float_leaves(value)]), keep)


def vector_of(value: Any, tangent: Any, name: str) -> Vector:
    """The vector of a tangent or adjoint that belongs to a value.

    Raises Mismatch, which names the leaf, where structure, shape or precision is not the value's.
    """
    inside = parts(value)
    if inside is not None:
        found = parts(tangent)
        # what is frozen in the value is None in a derivative that knows nothing of it
        if found is None or {key for key in found if key in inside or found[key] is not None} != set(inside):
            if tangent is None and not any(True for _ in float_leaves(value)):
                return []
            raise Mismatch(f"{name} is a {type(value).__name__}, but its derivative is {tangent!r}")
        return [
            array for key, item in inside.items() for array in vector_of(item, found[key], name + _step(value, key))
        ]
    if not is_differentiable(value):
        return []
    if tangent is None or np.shape(tangent) != np.shape(value):
        what = "None" if tangent is None else f"of the shape {np.shape(tangent)}"
        raise Mismatch(f"{name} has the shape {np.shape(value)}, but its derivative is {what}")
    if home_of(value) is not None and dtype_of(tangent) != value.dtype:
        raise Mismatch(f"{name} is of {value.dtype}, but its derivative is of {dtype_of(tangent)}")
    return [component(tangent)]


def component(leaf: Any) -> np.ndarray:
    """The part of a vector that a leaf is."""
    return np.asarray(fetched(leaf), np.complex128 if dtype_of(leaf).kind == "c" else np.float64)


def inner(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """The inner product. Where one factor is zero the term is, whatever the other: masked directions stay so.

    That of an adjoint and a tangent which are complex is the real part of the sum of products: see docs/complex.md.
    """
    return float(sum(np.sum(_product(x, y)).real for x, y in _pairs(a, b)))


def _product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.multiply(x, y, where=(y != 0), out=np.zeros(np.shape(x), np.result_type(x, y, np.float64)))


def size(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """The sum of the magnitudes of the terms of the inner product."""
    return inner([np.abs(x) for x in a], [np.abs(y) for y in b])


def _pairs(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    return zip(a, b, strict=True)


def random_direction(leaves: Iterable[Any], rng: np.random.Generator) -> Vector:
    """A random vector, each part of the size of the leaf's elements, so that no leaf drowns another."""
    found = []
    for leaf in leaves:
        drawn = rng.standard_normal(np.shape(leaf))
        if dtype_of(leaf).kind == "c":
            drawn = drawn + 1j * rng.standard_normal(np.shape(leaf))
        drawn = np.where(np.abs(drawn) < 0.1, 0.1, drawn)  # no element is left out by chance
        found.append(np.asarray(drawn * scale_of(leaf)))
    return found


def scale_of(leaf: Any) -> float:
    """The size of a leaf's elements, 1 for zeros."""
    with np.errstate(all="ignore"):
        typical = float(np.sqrt(np.mean(np.square(np.abs(component(leaf)))))) if np.size(leaf) else 1.0
    return typical if 0 < typical < np.inf else 1.0


def element(path: str, index: tuple[int, ...]) -> str:
    """The expression for one element of the leaf at a path."""
    return f"{path}[{', '.join(map(str, index))}]" if index else path


def places(leaves: Sequence[tuple[str, Any]]) -> list[tuple[int, tuple[int, ...]]]:
    """All components: the number of the leaf, and the index in it."""
    return [(k, index) for k, (_, leaf) in enumerate(leaves) for index in np.ndindex(np.shape(leaf))]


def only(vector: Vector, kept: Iterable[tuple[int, tuple[int, ...]]]) -> Vector:
    """The vector with zeros but at the places that are kept."""
    found = [np.zeros_like(part) for part in vector]
    for k, index in kept:
        found[k][index] = vector[k][index]
    return found
