"""The keys under which a compiled gradient is found again, taken as fast as they can be.

`call_key` holds the arguments' shapes and is quick to make; where it is unknown, `kind_key` decides, which leaves out
of the shapes all that the generated code does not depend on.
"""

from __future__ import annotations

import enum
import functools
import types
from typing import Any

import numpy as np

from srcgrad.backends.homes import home_of, on_device
from srcgrad.marks import is_checkpointed
from srcgrad.rules.registry import own_rule
from srcgrad.specialize.inputs import attributes, is_object, staggered, static_fields
from srcgrad.specialize.options import TransformedFunction

ndarray = np.ndarray


def call_key(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """A key of a call, finer than kind_key."""
    key: list[Any] = []
    for arg in args:
        cls = type(arg)
        if cls is ndarray:
            key.append(arg.dtype)
            key.append(arg.shape)
        elif cls is float or cls is int:
            key.append(cls)
        elif on_device(arg):
            key += [cls, arg.dtype, arg.shape]
        else:
            key.append(key_of(arg))
    return tuple(key)


def kind_key(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """A key of a call: two calls with the same key are compiled alike."""
    return (same_shapes(args), *[key_of(arg) for arg in args])


def key_of(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """A hashable key; two values with the same key are of one kind, as far as generated code depends on it."""
    cls = type(value)
    if cls is ndarray:
        shape = value.shape
        return (value.dtype, tuple([n == 1 for n in shape])) if 1 in shape else (value.dtype, len(shape))
    if cls is float or cls is int:
        return cls
    if cls is bool or cls is str or value is None or cls is bytes or value is Ellipsis:
        return (cls, value)
    if cls is list:
        return _list_key(value, seen)
    if cls is slice:
        return (cls, key_of(value.start), key_of(value.stop), key_of(value.step))
    if isinstance(value, tuple):
        return (cls, *[key_of(item, seen) for item in value])
    if isinstance(value, dict):
        return (cls, *[(name, key_of(item, seen)) for name, item in value.items()])
    if isinstance(value, (np.bool_, np.dtype, enum.Enum)):
        return (cls, value)
    if isinstance(value, types.ModuleType):
        return value
    if isinstance(value, ndarray) or (hasattr(value, "dtype") and hasattr(value, "shape") and cls is not type):
        return (cls, value.dtype, tuple([n == 1 for n in value.shape]))
    if callable(value) and own_rule(value) is not None:
        return ("own rule", value)
    if callable(value) and (key := _callable_key(value, seen)) is not None:
        return key
    if is_object(value):
        if id(value) in seen:
            return (cls, seen.index(id(value)))
        seen = (*seen, id(value))
        fixed = static_fields(cls)
        return (cls, *[(name, _static_key(item, seen) if name in fixed else key_of(item, seen))
                       for name, item in attributes(value).items()])  # fmt: skip
    try:
        hash(value)
    except TypeError:
        return cls
    return value if isinstance(value, (type, types.ModuleType)) or callable(value) else cls


def _static_key(value: Any, seen: tuple[int, ...]) -> Any:
    """The key of a static field, whose numbers are known when compiling."""
    if type(value) in (int, float):
        return (type(value), value)
    if type(value) is tuple:
        return (tuple, *[_static_key(item, seen) for item in value])
    return key_of(value, seen)


def _callable_key(value: Any, seen: tuple[int, ...]) -> Any:
    """Functions by their code: one that is made anew at each step is the same to the compiler."""
    if id(value) in seen:
        return ("function", seen.index(id(value)))
    seen = (*seen, id(value))
    if isinstance(value, types.FunctionType):
        cells = tuple([_cell_key(cell, seen) for cell in value.__closure__ or ()])
        defaults = tuple([key_of(item, seen) for item in value.__defaults__ or ()])
        named = key_of(value.__kwdefaults__, seen) if value.__kwdefaults__ else None
        return (value.__code__, id(value.__globals__), cells, defaults, named, is_checkpointed(value))
    if isinstance(value, types.MethodType):
        return ("method", key_of(value.__func__, seen), key_of(value.__self__, seen))
    if isinstance(value, functools.partial):
        return ("partial", key_of(value.func, seen), key_of(value.args, seen), key_of(value.keywords, seen))
    if isinstance(value, TransformedFunction):
        return ("transformed", value.options, key_of(value.primal, seen))
    return None


def _list_key(value: list[Any], seen: tuple[int, ...]) -> Any:
    classes = set(map(type, value))
    if len(classes) == 1:
        only = classes.pop()
        if only is float or only is int:
            return (list, only)
        if only is ndarray:
            keys = {key_of(item) for item in value}
            return (list, keys.pop()) if len(keys) == 1 else (list, *[key_of(item) for item in value])
    return (list, *[key_of(item, seen) for item in value])


def _cell_key(cell: Any, seen: tuple[int, ...]) -> Any:
    try:
        value = cell.cell_contents
    except ValueError:
        return None
    return key_of(value, seen)


def same_shapes(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """For each argument the place of the first one with the same shape of one axis or more, else -1; and by how much
    the shapes of staggered grids differ."""
    first: dict[tuple[int, ...], int] = {}
    same: list[Any] = [first.setdefault(arg.shape, k) if home_of(arg) and arg.shape else -1
                       for k, arg in enumerate(args)]  # fmt: skip
    for group in staggered(first):
        lead = group[0]
        same += [(first[lead], first[shape], *[n - m for m, n in zip(lead, shape, strict=True)]) for shape in group[1:]]
    return tuple(same)
