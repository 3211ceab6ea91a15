"""Models in files: parameters, the optimiser's state, the epoch and random state."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.errors import ArgumentError
from srcgrad.nn.interrupts import uninterrupted
from srcgrad.nn.module import Array, named_arrays
from srcgrad.nn.optimisers import Optimiser
from srcgrad.nn.state import assign, changing, constants, like, named_generators
from srcgrad.nn.tensorfile import CheckpointError, TensorFile, write

MODEL, OPTIMISER, FURTHER = "model.", "optimiser.", "further."


@dataclass
class Checkpoint:
    """What `load` found in a file beside what it put into model, optimiser and generator: as given to `save`."""

    epoch: int = 0
    extra: Any = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def save(
    path: str | os.PathLike[str],
    model: Any,
    *,
    optimizer: Optimiser | None = None,
    epoch: int = 0,
    rng: np.random.Generator | None = None,
    extra: Any = None,
    arrays: Mapping[str, Array] | None = None,
) -> None:
    """Write a model to a safetensors file, all of its arrays and the state of random generators that it holds.

    optimizer, rng: whose state is to be written, too; extra: anything that JSON can hold; arrays: further arrays by
    name. The file is written beside `path` and then renamed, so that what stands at `path` is whole at any time.
    ValueError for arrays of dtypes that such files cannot hold (complex128, objects).
    """
    tensors = {MODEL + name: _numpy(array) for name, array in named_arrays(model).items()}
    if optimizer is not None:
        tensors |= {OPTIMISER + name: _numpy(array) for name, array in optimizer.state().items()}
    tensors |= {FURTHER + name: _numpy(array) for name, array in (arrays or {}).items()}
    header = {
        "epoch": epoch,
        "optimiser": None if optimizer is None else type(optimizer).__name__,
        "rng": None if rng is None else _state(rng),
        "generators": {name: _state(generator) for name, generator in named_generators(model).items()},
        "extra": extra,
    }
    write(path, tensors, header)


def load(
    path: str | os.PathLike[str],
    model: Any,
    *,
    optimizer: Optimiser | None = None,
    rng: np.random.Generator | None = None,
) -> Checkpoint:
    """Put what `save` wrote into a model of the same structure, in place, and say what else there is.

    optimizer, rng: what is to get its saved state, too. FileNotFoundError where there is no file. CheckpointError where
    it is no whole checkpoint, where it lacks what is asked for, or where names, shapes or dtypes differ from the
    model's: everything is compared before anything is changed. Nothing in the file is run.
    """
    file = TensorFile(path)
    own = named_arrays(model)
    _compare(file, own)
    pairs = _generators(file, named_generators(model), rng)
    tensors = file.read()
    for name, array in constants(model).items():
        if not np.array_equal(array, tensors[MODEL + name]):
            raise CheckpointError(f"{name} is read-only in the model, and has other values in {file.path}.")
    with uninterrupted():
        if optimizer is not None:
            _load_optimiser(optimizer, file, tensors)
        assign(own, {name: tensors[MODEL + name] for name in changing(model)})
        for generator, state in pairs:
            generator.bit_generator.state = state
    further = {name.removeprefix(FURTHER): array for name, array in tensors.items() if name.startswith(FURTHER)}
    return Checkpoint(file.header["epoch"], file.header["extra"], further)


def _compare(file: TensorFile, own: dict[str, Array]) -> None:
    """Raise CheckpointError unless the file has exactly the model's arrays."""
    saved = {name.removeprefix(MODEL) for name in file.names if name.startswith(MODEL)}
    for name, array in own.items():
        if name not in saved:
            raise CheckpointError(f"{file.path} has no {name}, which the model has, of shape {array.shape}.")
        shape, dtype = file.shape(MODEL + name), file.dtype(MODEL + name)
        if shape != array.shape:
            raise CheckpointError(f"{name} in {file.path} has shape {shape}, and {array.shape} in the model.")
        if dtype != array.dtype.name:
            raise CheckpointError(
                f"{name} in {file.path} has dtype {dtype}, and {array.dtype} in the model.",
                f"Load it into a model of that dtype: model.astype({dtype!r}).",
            )
    if unknown := sorted(saved - set(own)):
        raise CheckpointError(f"{unknown[0]} in {file.path} has no place in the model.")


def _generators(
    file: TensorFile, own: dict[str, np.random.Generator], rng: np.random.Generator | None
) -> list[tuple[np.random.Generator, Any]]:
    """Generators and the states that they had. CheckpointError where the file does not have exactly these."""
    states = file.header["generators"]
    if odd := sorted(set(states) ^ set(own)):
        there = "the file" if odd[0] in states else "the model"
        raise CheckpointError(f"{odd[0]} holds a random generator only in {there}.")
    named = [(name, generator, states[name]) for name, generator in own.items()]
    if rng is not None:
        if file.header["rng"] is None:
            raise CheckpointError(f"{file.path} holds no state of a random generator.", "Save it with rng=.")
        named.append(("given as rng", rng, file.header["rng"]))
    for name, generator, state in named:
        kind = type(generator.bit_generator).__name__
        if kind != state["bit_generator"]:
            raise CheckpointError(
                f"the random generator {name} is a {state['bit_generator']} in {file.path}, and a {kind} here.",
                "Make it of the same kind.",
            )
    return [(generator, state) for _, generator, state in named]


def _load_optimiser(optimizer: Optimiser, file: TensorFile, tensors: dict[str, np.ndarray]) -> None:
    kind = file.header["optimiser"]
    if kind is None:
        raise CheckpointError(f"{file.path} holds no state of an optimiser.", "Save it with optimizer=.")
    if kind != type(optimizer).__name__:
        raise CheckpointError(f"{file.path} holds the state of {kind}, not of {type(optimizer).__name__}.")
    own = named_arrays(optimizer.model)
    state: dict[str, Any] = {}
    for name, tensor in tensors.items():
        if name.startswith(OPTIMISER):
            key = name.removeprefix(OPTIMISER)
            state[key] = like(tensor, own.get(key.partition(".")[2]))
    try:
        optimizer.load_state(state)
    except ArgumentError as error:
        raise CheckpointError(f"{file.path}: {error.reason}", error.remedy) from error


def _state(generator: np.random.Generator) -> Any:
    """A generator's state as JSON has it."""
    return json.loads(json.dumps(generator.bit_generator.state, default=np.ndarray.tolist))


def _numpy(array: Array) -> np.ndarray:
    return array.get() if hasattr(array, "get") else np.asarray(array)
