"""Derivatives in many directions: stacks of them, and the one place where they are pushed forward and pulled back.

A stack is a tree of the structure of a value, with arrays of the shape (count, *leaf.shape) for its floats and None
for the rest.
"""

from __future__ import annotations

import copy
import io
import numbers
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srcgrad.api.gradient import GradientFunction
from srcgrad.api.structure import Path, float_leaves, is_differentiable, like, part, parts
from srcgrad.backends.homes import array_module, dtype_of, home_of, on_device
from srcgrad.compile import Compiled
from srcgrad.rules.directions import NoDirections
from srcgrad.specialize.inputs import attributes, is_object

BYTES = 2**26
"""How large a stack of directions may be where nobody says how many to take at a time."""


def rebuilt(tree: Any, make: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """A tree of the same structure with make(path, leaf) for each float, None for what holds no floats."""
    inside = parts(tree)
    if inside is None:
        return make(path, tree) if is_differentiable(tree) else None
    items = {key: rebuilt(item, make, (*path, key)) for key, item in inside.items()}
    if items and all(item is None for item in items.values()):
        return None
    return like(tree, items)


class Directions:
    """The unit directions of a tree of values, one for each number in it.

    within: where in the tree numbers count; the directions are zero in its other parts. `places` gives for each float
    leaf the path, the leaf, and which of the directions are its own.
    """

    def __init__(self, values: Any, within: tuple[Path, ...] = ((),)) -> None:
        self.values = values
        self.places: list[tuple[Path, Any, int, int]] = []
        self.count = 0
        self.bytes = 0
        for path, leaf in float_leaves(values):
            size = int(np.size(leaf))
            self.bytes += size * dtype_of(leaf).itemsize
            if any(path[: len(prefix)] == prefix for prefix in within):
                self.places.append((path, leaf, self.count, self.count + size))
                self.count += size

    def chunks(self, chunk_size: int | None) -> Iterator[tuple[int, int]]:
        """The ranges of directions that are taken at a time; if there are none, one that is zero."""
        size = chunk_size or max(1, BYTES // max(1, self.bytes))
        for start in range(0, self.count, size):
            yield start, min(start + size, self.count)
        if not self.count:
            yield 0, 1

    def stack(self, start: int, stop: int, xp: Any = np) -> Any:
        """The directions from start to stop, as arrays of the library xp. A range behind the last one gives zeros."""
        first = {path: begin for path, _, begin, _ in self.places}

        def units(path: Path, leaf: Any) -> Any:
            made = xp.zeros((stop - start, int(np.size(leaf))), dtype_of(leaf))
            own = first.get(path, stop)
            begin, end = max(start, own), min(stop, own + made.shape[1])
            if begin < end:
                made[xp.arange(begin, end) - start, xp.arange(begin, end) - own] = 1
            return made.reshape((stop - start, *np.shape(leaf)))

        return rebuilt(self.values, units)

    def one(self, k: int) -> Any:
        """The direction k, in the types of the values. One behind the last is zero."""
        first = {path: begin for path, _, begin, _ in self.places}

        def unit(path: Path, leaf: Any) -> Any:
            at = k - first.get(path, k + 1)
            if home_of(leaf) is None:
                return type(leaf)(at == 0)
            made = array_module(leaf).zeros(leaf.shape, leaf.dtype)
            if 0 <= at < leaf.size:
                made[tuple(map(int, np.unravel_index(at, leaf.shape)))] = 1
            return made

        return rebuilt(self.values, unit)


class Repeated:
    """The arguments of a function that is run many times and has to do the same each time.

    What holds a state beside arrays and numbers, such as a generator of random numbers, is copied for all runs but the
    last, which leaves it as one run of the function would.
    """

    def __init__(self, given: tuple[Any, ...]) -> None:
        self.given = given
        self.stateful = [k for k, value in enumerate(given) if has_state(value)]

    def run(self, last: bool) -> tuple[Any, ...]:
        """The arguments for the next run."""
        if last or not self.stateful:
            return self.given
        copies = copy.deepcopy({k: self.given[k] for k in self.stateful})
        return tuple(copies.get(k, value) for k, value in enumerate(self.given))


def has_state(value: Any, seen: tuple[int, ...] = ()) -> bool:
    """Whether a value holds something that generated code does not look into, and that may change by use."""
    if value is None or isinstance(value, (np.ndarray, np.generic, np.dtype, numbers.Number, str, bytes)):
        return False
    if on_device(value):
        return False
    if id(value) in seen or callable(value) or isinstance(value, (types.ModuleType, io.IOBase)):
        return False
    inside = parts(value)
    if inside is None and is_object(value):
        inside = attributes(value)
    if inside is None:
        return True
    return any(has_state(item, (*seen, id(value))) for item in inside.values())


class Collected:
    """Results of the same structure, stacked."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.tree: Any = None
        self.stacks: dict[Path, Any] = {}

    def put(self, start: int, results: Any) -> None:
        """Take a stack of results from the direction `start` on; what is behind the last one only for its structure."""
        leaves = dict(float_leaves(results))
        if not self.stacks:
            self.tree = results
            self.stacks = {
                path: array_module(leaf).zeros((self.count, *leaf.shape[1:]), leaf.dtype)
                for path, leaf in leaves.items()
            }
        for path, leaf in leaves.items():
            self.stacks[path][start : start + len(leaf)] = leaf[: self.count - start]

    def stacked(self) -> Any:
        """The stack of all results; None if none of them holds floats."""
        return rebuilt(self.tree, lambda path, _: self.stacks[path])


def stacked(results: list[Any], xp: Any = np) -> Any:
    """Results of the same structure as a stack of arrays of the library xp."""
    columns = [dict(float_leaves(result)) for result in results]
    return rebuilt(results[0], lambda path, _: xp.stack([xp.asarray(column[path]) for column in columns]))


def push_many(
    made: GradientFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any], directions: Directions,
    chunk_size: int | None = None,
) -> Any:  # fmt: skip
    """The tangents of a function's result in many directions, stacked in the structure of the result.

    made: the forward mode of the function (mode="jvp"). directions: of the tuple of the values that `made` takes
    tangents of. chunk_size: how many directions to take at a time. If there is no direction, the function runs once in
    the direction zero for the structure of its result, and the stacks have no rows.
    """
    found = Collected(directions.count)
    for start, stop in directions.chunks(chunk_size):
        found.put(start, _pushed(made, args, kwargs, directions, start, stop))
    return found.stacked()


_STACKED: WeakKeyDictionary[GradientFunction, tuple[GradientFunction, dict[int, Compiled]]] = WeakKeyDictionary()
"""By forward mode: the same for many directions at once, and what of it has a part that cannot take many."""


def _pushed(
    made: GradientFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any], directions: Directions,
    start: int, stop: int,
) -> Any:  # fmt: skip
    """The stacked tangents in the directions from start to stop: one sweep for all, or else one for each."""
    compiled, given = made._find(made._plain, args, dict(kwargs))
    xp, repeated = compiled.backend.library(), Repeated(given)
    many, single = _STACKED.get(made) or (GradientFunction(made.primal, made.argnums, mode="jvps"), {})
    _STACKED[made] = many, single
    if stop - start > 1 and id(compiled) not in single and made.outputs is None:
        try:
            found, _ = many._find(many._plain, args, dict(kwargs))
            stack = directions.stack(start, stop, xp)
            return many._run(found, (*repeated.run(last=stop >= directions.count), *stack))
        except NoDirections:
            single[id(compiled)] = compiled
    results = []
    for k in range(start, stop):
        given = repeated.run(last=k + 1 >= directions.count)
        results.append(made._run(compiled, (*given, *directions.one(k))))
    return stacked(results, xp)


def pull_many(
    made: GradientFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any], directions: Directions,
    chunk_size: int | None = None,
) -> Any:  # fmt: skip
    """The adjoints of the arguments for many adjoints of the result: a tuple of stacks, one for each argument.

    made: the reverse mode of the function (mode="vjp"). directions: of the function's result.
    """
    found = Collected(directions.count)
    for start, stop in directions.chunks(chunk_size):
        found.put(start, _pulled(made, args, kwargs, directions, start, stop))
    return found.stacked()


def _pulled(
    made: GradientFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any], directions: Directions,
    start: int, stop: int,
) -> Any:  # fmt: skip
    """The stacked adjoints for the adjoints of the result from start to stop: one sweep for each of them."""
    compiled, given = made._find(made._plain, args, dict(kwargs))
    repeated = Repeated(given)
    results = []
    for k in range(start, stop):
        given = repeated.run(last=k + 1 >= directions.count)
        adjoint = directions.one(k)
        result = made._run(compiled, (*given, *[part(adjoint, path) for path in compiled.seed_paths]))
        results.append(result if compiled.outputs > 1 else (result,))
    return stacked(results, compiled.backend.library())
