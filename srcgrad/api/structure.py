"""Containers of arguments and results: their parts, copies, and what has to match them."""

from __future__ import annotations

import copy
import dataclasses
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from srcgrad.backends.homes import NAMES, array_module, home_of, on_device
from srcgrad.errors import ArgumentError
from srcgrad.specialize.inputs import fixed_fields, is_object

Path = tuple[Any, ...]
"""The keys that lead to a part."""


def parts(value: Any) -> dict[Any, Any] | None:
    """The parts of a container by key, static and frozen fields left out; None for what is no container."""
    if isinstance(value, (np.ndarray, float, int, complex)) or on_device(value):
        return None
    if isinstance(value, dict):
        return value
    if isinstance(value, (list, tuple)):
        return dict(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fixed = fixed_fields(value)
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name not in fixed}
    return None


def like(value: Any, items: dict[Any, Any]) -> Any:
    """A container like `value` with other parts."""
    if isinstance(value, dict):
        made = copy.copy(value)
        made.update(items)
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*items.values())
    if isinstance(value, (list, tuple)):
        return type(value)(items.values())
    made = copy.copy(value)
    for name, item in items.items():
        object.__setattr__(made, name, item)
    return made


def is_differentiable(value: Any) -> bool:
    """Whether a value is a float or complex number, or an array of these."""
    if isinstance(value, (float, complex, np.inexact)):
        return True
    return getattr(getattr(value, "dtype", None), "kind", "") in ("f", "c")


def float_leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The floats and arrays of floats in a tree, in order, and the paths to them."""
    inside = parts(tree)
    if inside is not None:
        for key, item in inside.items():
            yield from float_leaves(item, (*path, key))
    elif is_differentiable(tree):
        yield path, tree


def part(tree: Any, path: Path) -> Any:
    """What a path leads to."""
    for key in path:
        inside = parts(tree)
        tree = inside[key] if inside is not None else getattr(tree, str(key))
    return tree


def has_floats(value: Any) -> bool:
    """Whether there is something to differentiate by in a value."""
    inside = parts(value)
    return is_differentiable(value) if inside is None else any(map(has_floats, inside.values()))


def zeros(value: Any) -> Any:
    """Zeros of the structure of a value; None for what is not a float."""
    inside = parts(value)
    if inside is not None:
        return like(value, {key: zeros(item) for key, item in inside.items()})
    if not is_differentiable(value):
        return None
    return array_module(value).zeros_like(value) if hasattr(value, "dtype") else type(value)(0)


def held(value: Any) -> Any:
    """A copy of what holds arrays; functions and objects of other kinds as they are."""
    if isinstance(value, np.ndarray):
        return np.copy(value, order="K")
    if on_device(value):
        return value.copy()
    if callable(value) or isinstance(value, types.ModuleType):
        return value
    return copy.deepcopy(value)


def matching(given: Any, value: Any, where: str) -> Any:
    """A tangent or adjoint, checked against the value that it belongs to, in the value's dtypes.

    None stands for zeros. Raises ArgumentError, which names `where`, for another structure or another shape.
    """
    if type(given) is type(value) and home_of(value) is not None:
        if given.dtype == value.dtype and given.shape == value.shape and value.dtype.kind in "fc":
            return given
    inside = parts(value)
    if given is None and inside is not None:
        return zeros(value) if has_floats(value) else None  # as gradients have it
    if inside is not None:
        found = parts(given)
        frozen = type(given) is type(value) and is_object(value)  # perhaps: in the value, and not in what is given
        if found is None or not (set(found) >= set(inside) if frozen else set(found) == set(inside)):
            keys = ", ".join(map(repr, inside))
            raise ArgumentError(
                f"{where} must be a {type(value).__name__} with the items {keys}, like the value that it belongs to.",
                "Give it the same structure.",
            )
        if not any(map(has_floats, inside.values())):
            return given
        made = {key: matching(found[key], item, f"{where}[{key!r}]") for key, item in inside.items()}
        if isinstance(value, list):  # an int among floats counts as one of them
            made = {k: 0.0 if m is None and isinstance(inside[k], (int, np.integer)) else m for k, m in made.items()}
        return like(value, made)
    if not is_differentiable(value):
        if is_object(value) and type(given) is type(value):
            return given  # its attributes are looked at where they are used
        if given is None or not has_floats(given):
            return None
        raise ArgumentError(
            f"{where} belongs to {type(value).__name__}, which is not a float.", "Give None there."
        )
    if given is None:
        return zeros(value)
    if home_of(given) is not None and home_of(value) is not None and home_of(given) != home_of(value):
        homes = NAMES[str(home_of(given))], NAMES[str(home_of(value))]
        raise ArgumentError(
            f"{where} is an array of {homes[0]}, but the value is one of {homes[1]}.",
            "Move it: cupy.asarray(a) to the device, cupy.asnumpy(a) to the host.",
        )
    try:
        dtype = given.dtype.kind if hasattr(given, "dtype") else np.asarray(given).dtype.kind
    except ValueError:
        dtype = "O"
    if dtype == "c" and not np.iscomplexobj(value):
        raise ArgumentError(f"{where} is complex, but the value is real.", "Give its real part.")
    if dtype not in "fciub":
        raise ArgumentError(
            f"{where} is a {type(given).__name__}, but the value holds floats.", "Give floats of the value's shape."
        )
    if np.shape(given) != np.shape(value):
        raise ArgumentError(
            f"{where} has the shape {np.shape(given)}, but the value has {np.shape(value)}.",
            "Give it the same shape.",
        )
    if home_of(value) is not None:
        return array_module(value).asarray(given, value.dtype)
    if on_device(given):
        return given
    return value.dtype.type(given) if isinstance(value, np.generic) else type(value)(given)
