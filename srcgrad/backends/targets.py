"""The libraries whose arrays generated code works on: NumPy, and CuPy, whose arrays are on a GPU.

The kinds of the arguments decide, when a function is compiled; generated code calls one library by its name, and
nothing is dispatched when it runs. Programs are differentiated as programs over NumPy, whatever they are for: a backend
has the last word before a derivative is printed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcgrad.backends import cupy
from srcgrad.backends.device import for_device
from srcgrad.backends.homes import NAMES, on_device
from srcgrad.backends.residence import Residence
from srcgrad.errors import ArgumentError
from srcgrad.ir.walk import expressions_of, names_in, statements
from srcgrad.runtime import HELPERS
from srcgrad.specialize.inputs import Inputs, attributes, is_object
from srcgrad.specialize.values import leaves
from srcgrad.transform.gradient import Gradient, Wish


class NumPy:
    """Arrays in the memory of the host. Also what every backend has."""

    name = "numpy"
    alias = "np"

    def printed(self, made: Gradient, wish: Wish) -> Gradient:
        """A derivative as it is to be printed. Raises SrcgradErrors for what the library cannot do."""
        return made

    def namespace(self) -> dict[str, Any]:
        """What generated code calls the library by."""
        return {}

    def helper(self, name: str) -> Callable[..., Any]:
        """A runtime helper for the library's arrays."""
        return HELPERS[name]

    def source(self, name: str) -> str:
        """The source of a helper, for a module of its own."""
        return inspect.getsource(HELPERS[name])

    def imports(self, beside: bool) -> list[str]:
        """What a module of generated code imports. beside: whether it calls NumPy beside the library."""
        return ["import numpy as np\n"]

    def library(self) -> Any:
        """The module that makes arrays."""
        return np

    def at(self, given: tuple[Any, ...]) -> contextlib.AbstractContextManager[Any]:
        """In it new arrays are made where those are that a generated function is given."""
        return contextlib.nullcontext()

    def run(self, call: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        """Call a generated function."""
        with self.at(given):
            return call(*given)


class CuPy(NumPy):
    """Arrays on a device."""

    name = "cupy"
    alias = cupy.ALIAS

    def printed(self, made: Gradient, wish: Wish) -> Gradient:
        callees = [f.name for f in made.functions]
        functions = [
            dataclasses.replace(f, body=for_device(f.body, Residence(f.body, all_given=True), callees))
            for f in made.functions
        ]
        seeds = () if wish.mode in ("grad", "sum") else made.seeds  # 1.0, or an adjoint on the device
        body = for_device(made.body, Residence(made.body, seeds), callees, made.seeds)
        return dataclasses.replace(made, body=body, functions=functions)

    def namespace(self) -> dict[str, Any]:
        return {self.alias: self.library()}

    def helper(self, name: str) -> Callable[..., Any]:
        return cupy.helper(name)

    def source(self, name: str) -> str:
        return cupy.for_cupy(super().source(name), self.alias)

    def imports(self, beside: bool) -> list[str]:
        return [f"import cupy as {self.alias}\n", *(["import numpy as np\n"] if beside else [])]

    def library(self) -> Any:
        return cupy.library()

    def at(self, given: tuple[Any, ...]) -> contextlib.AbstractContextManager[Any]:
        """The device of the arrays, and its current stream."""
        device = next((array.device for array in device_arrays(given)), None)
        if device is None or device.id == cupy.library().cuda.runtime.getDevice():
            return contextlib.nullcontext()
        found: contextlib.AbstractContextManager[Any] = device
        return found


def device_arrays(value: Any) -> Iterator[Any]:
    """The arrays on a device in nested containers."""
    if on_device(value):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from device_arrays(item)
    elif isinstance(value, dict):
        yield from device_arrays(list(value.values()))
    elif is_object(value):
        yield from device_arrays(list(attributes(value).values()))


NUMPY, CUPY = NumPy(), CuPy()


def backend_of(inputs: Inputs) -> NumPy:
    """The backend for what a program takes: CuPy's, where any of it is on a device."""
    return CUPY if inputs.on_device else NUMPY


def refuse_mixed(made: Gradient) -> None:
    """Raise ArgumentError where a function takes arrays of two libraries. Parts of containers and objects that are not
    read may lie anywhere."""
    inputs, program = made.program.inputs, made.program
    read = set()
    for stmt in statements([*program.body, *made.body]):
        read |= {name for top in expressions_of(stmt) for name in names_in(top)}
    read |= {name for _, leaf in leaves(program.result) for name in names_in(leaf.expr)}
    found: dict[str, str] = {}
    for text, homes in inputs.homes.items():
        for home in sorted(homes):
            part = any(step in ("item", "attribute") for step, _ in inputs.leaves[text][0])
            if home == "cupy" or not part or any(_overlap(name, text) for name in read):
                found.setdefault(home, text)
    if len(found) > 1:
        device, host = (f"{_place(inputs, found[home])} holds {NAMES[home]} arrays" for home in ("cupy", "numpy"))
        name = inputs.local.get(found["numpy"], found["numpy"])
        raise ArgumentError(
            f"{device}, and {host}.", f"Move one of them: cupy.asarray({name}) takes it to the device.",
            program.definition.pos,
        )  # fmt: skip


def _overlap(name: str, text: str) -> bool:
    """Whether one of two access texts (`params`, `params["w"]`) is the other, or a part of it."""
    short, long = sorted((name, text), key=len)
    return long.startswith(short) and long[len(short) : len(short) + 1] in ("", "[", ".")


def _place(inputs: Inputs, text: str) -> str:
    """A leaf of the arguments, or what the function reads from outside, in a user's words."""
    path, _ = inputs.leaves[text]
    named = inputs.local.get(text, text)
    if path and path[0][0] == "argument":
        return f"the argument `{named}`"
    steps = {step: name for step, name in path}
    for step, what in (("global", "global variable"), ("closure", "closure variable"), ("default", "default of")):
        if step in steps:
            return f"the {what} `{steps[step]}`"
    return f"`{named}`, which the function holds,"
