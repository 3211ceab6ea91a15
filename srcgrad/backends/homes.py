"""Where an array lives: in the memory of NumPy or of CuPy. CuPy is never imported here: who passes its arrays has."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

NAMES = {"numpy": "NumPy", "cupy": "CuPy"}
"""The libraries whose arrays are known, as users call them."""


def home_of(value: Any) -> str | None:
    """The library that an array is of: "numpy" or "cupy"; None for what is no array of theirs."""
    if isinstance(value, np.ndarray):
        return "numpy"
    cls = type(value)
    return "cupy" if cls.__name__ == "ndarray" and cls.__module__.partition(".")[0] == "cupy" else None


def homes_in(value: Any) -> set[str]:
    """The libraries of the arrays in nested lists."""
    if isinstance(value, list):
        return {home for item in value for home in homes_in(item)}
    home = home_of(value)
    return set() if home is None else {home}


def on_device(value: Any) -> bool:
    """Whether a value is an array on a device."""
    return home_of(value) == "cupy"


def dtype_of(value: Any) -> np.dtype[Any]:
    """The dtype of a number or an array."""
    found: np.dtype[Any] = value.dtype if home_of(value) is not None else np.asarray(value).dtype
    return found


def fetched(value: Any) -> Any:
    """A number or an array in the memory of the host. Waits for a device."""
    return value.get() if on_device(value) else value


def beside(value: Any, array: Any, dtype: Any = None) -> Any:
    """What NumPy holds, as an array of the library of `array` and on its device."""
    if not on_device(array):
        return np.asarray(value, dtype)
    with array.device:
        return array_module(array).asarray(value, dtype)


def array_module(value: Any) -> Any:
    """The module that makes arrays where this value lives: NumPy for numbers."""
    return sys.modules["cupy"] if on_device(value) else np
