"""What a model holds beside its parameters, and putting values back into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from srcgrad.backends.homes import array_module
from srcgrad.nn.interrupts import uninterrupted
from srcgrad.nn.module import Array, children, modules, named_arrays, named_parameters


def named_generators(model: Any, name: str = "") -> dict[str, np.random.Generator]:
    """The random generators in a model, those in static fields too, by their dotted names."""
    if isinstance(model, np.random.Generator):
        return {name: model}
    found: dict[str, np.random.Generator] = {}
    for key, part, _ in children(model):
        found |= named_generators(part, f"{name}.{key}" if name else key)
    return found


def changing(model: Any) -> dict[str, Array]:
    """The arrays of a model by their dotted names, but for those that are read-only."""
    return {name: array for name, array in named_arrays(model).items() if _writeable(array)}


def constants(model: Any) -> dict[str, Array]:
    """The read-only arrays of a model by their dotted names."""
    return {name: array for name, array in named_arrays(model).items() if not _writeable(array)}


def _writeable(array: Array) -> bool:
    return getattr(array.flags, "writeable", True)  # CuPy has no read-only arrays


def assign(arrays: Mapping[str, Array], values: Mapping[str, Array]) -> None:
    """Write values into arrays of the same names and shapes, in place."""
    with uninterrupted():
        for name, value in values.items():
            arrays[name][...] = like(value, arrays[name])


def like(value: Array, array: Array | None) -> Array:
    """A value where an array lives: NumPy's are copied to the GPU for CuPy's."""
    return value if array is None else array_module(array).asarray(value)


@contextmanager
def as_it_was(model: Any) -> Iterator[Any]:
    """Where the block raises, put back what a forward sweep changes: arrays in static fields, and random generators.

    The block is given a function that says that what has been done is to stay.
    """
    parameters = named_parameters(model)
    arrays = {name: array for name, array in changing(model).items() if name not in parameters}
    generators = named_generators(model)
    before = {name: array.copy() for name, array in arrays.items()}
    states = {name: generator.bit_generator.state for name, generator in generators.items()}
    kept = False

    def keep() -> None:
        nonlocal kept
        kept = True

    try:
        yield keep
    except BaseException:
        if not kept:
            with uninterrupted():
                assign(arrays, before)
                for name, generator in generators.items():
                    generator.bit_generator.state = states[name]
        raise


@contextmanager
def mode(model: Any, training: bool) -> Iterator[None]:
    """Let the modules of a model work as in training, or as in use, and afterwards as they did before."""
    parts = list(modules(model))
    before = [part.training for part in parts]
    try:
        for part in parts:
            part.training = training
        yield
    finally:
        for part, was in zip(parts, before, strict=True):
            part.training = was
