"""The key under which a compiled gradient is found again: the kinds of the arguments, taken as fast as they can be."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

import numpy as np

from srcgrad.specialize.inputs import attributes, is_object


def key_of(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """A hashable key; two values with the same key are compiled alike."""
    cls = type(value)
    if cls is np.ndarray:
        shape = value.shape
        return (value.dtype, tuple([n == 1 for n in shape])) if 1 in shape else (value.dtype, len(shape))
    if cls is float or cls is int:
        return cls
    if cls is bool or cls is str or value is None:
        return (cls, value)
    if cls is list:
        return _list_key(value, seen)
    if cls is tuple or isinstance(value, tuple):
        return (cls, *[key_of(item, seen) for item in value])
    if isinstance(value, dict):
        return (cls, *[(name, key_of(item, seen)) for name, item in value.items()])
    if isinstance(value, np.ndarray) or (hasattr(value, "dtype") and hasattr(value, "shape")):
        return (cls, value.dtype, tuple(n == 1 for n in value.shape))
    if isinstance(value, types.FunctionType):
        cells = tuple(_cell_key(cell, seen) for cell in value.__closure__ or ())
        return (value.__code__, id(value.__globals__), cells)
    if isinstance(value, types.MethodType):
        return (value.__func__.__code__, key_of(value.__self__, seen))
    if is_object(value):
        if id(value) in seen:
            return id(value)
        seen = (*seen, id(value))
        return (cls, *[(name, key_of(item, seen)) for name, item in attributes(value).items()])
    try:
        hash(value)
    except TypeError:
        return cls
    return value if isinstance(value, (type, types.ModuleType)) or callable(value) else cls


def _list_key(value: list[Any], seen: tuple[int, ...]) -> Any:
    classes = set(map(type, value))
    if len(classes) == 1:
        only = classes.pop()
        if only is float or only is int:
            return (list, only)
        if only is np.ndarray:
            keys = {key_of(item) for item in value}
            return (list, keys.pop()) if len(keys) == 1 else (list, *[key_of(item) for item in value])
    return (list, *[key_of(item, seen) for item in value])


def _cell_key(cell: Any, seen: tuple[int, ...]) -> Any:
    try:
        value = cell.cell_contents
    except ValueError:
        return None
    return None if id(value) in seen else key_of(value, (*seen, id(value)))


def same_shapes(args: Any) -> tuple[int, ...]:
    """For each argument the place of the first one with the same shape of one axis or more, else -1."""
    shapes: list[Any] = []
    found: list[int] = []
    for k, arg in enumerate(args):
        shape = arg.shape if type(arg) is np.ndarray else ()
        found.append(shapes.index(shape) if shape and shape in shapes else -1)
        shapes.append(shape)
    return tuple(found)


_ = dataclasses
