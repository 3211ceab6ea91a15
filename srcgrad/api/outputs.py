"""Functions that work by side effect: the content of parameters after the call as the function's result.

A kernel that overwrites its arguments and returns nothing becomes a function that calls it and returns what it wrote:

    def smooth(u, v, n):                       def smooth(u, v, n):
        for _ in range(n):                         kernel_(u, v, n)
            v[1:-1] = u[:-2] + u[2:]               return v
            u[:] = v

That function has a source of its own, so nothing behind it knows that there is anything special. It stands in the
place of the kernel: errors and comments show the kernel's lines.
"""

from __future__ import annotations

import inspect
import itertools
import linecache
import threading
import types
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srcgrad.api.target import POSITIONAL, Outputs, Target
from srcgrad.errors import ArgumentError
from srcgrad.frontend.source import STANDS_FOR

_LOCK = threading.Lock()
_serial = itertools.count(1)

Maker = Callable[[types.FunctionType], types.FunctionType]
_MAKERS: WeakKeyDictionary[types.CodeType, dict[Any, Maker]] = WeakKeyDictionary()
"""By the kernel's code and its outputs: what is made of a kernel twice has one code object, and is compiled once."""


def with_outputs(target: Target, outputs: Outputs, name: str) -> Target:
    """The target as a function whose result is the content of its parameters `outputs` after the call.

    outputs: a parameter's name or position, counted as argnums are, for one result; several, for a tuple. The function
    gets the caller's objects: what a name is rebound to inside of it does not count, and what it returns is dropped.
    Raises ArgumentError for parameters that it does not have.
    """
    several = not isinstance(outputs, (str, int, np.integer))
    try:
        items = tuple(outputs) if several else (outputs,)  # type: ignore[arg-type]
    except TypeError:
        raise ArgumentError(
            f"outputs={outputs!r} is neither a parameter of {name} nor several.",
            "Give a parameter's name or position, or a tuple of these.",
        ) from None
    names = tuple(_parameter(target, item, outputs, name) for item in items)
    if not names or len(set(names)) != len(names):
        what = "names a parameter twice" if names else "names no parameter"
        raise ArgumentError(f"outputs={outputs!r} {what}.", "Name each parameter that holds a result once.")
    maker = _maker(target.function, names, several)
    return target.replaced(_stand_in(maker, target.function), names)


def check_outputs(target: Target, bound: tuple[Any, ...], name: str) -> None:
    """Refuse outputs that no function can overwrite: numbers, strings, None. bound: a call's arguments."""
    for parameter, value in zip(target.names, bound, strict=True):
        if parameter not in target.outputs:
            continue
        immutable = isinstance(value, (bool, int, float, complex, str, bytes, np.generic, type(None)))
        if immutable or (isinstance(value, tuple) and not value):
            raise ArgumentError(
                f"outputs: the argument {parameter!r} of {name} is {_a(type(value).__name__)}, which no function can "
                "overwrite.",
                f"Pass an array (np.array({parameter})) and write {parameter}[...] = ..., or return the result and "
                "leave outputs out.",
            )


def _a(noun: str) -> str:
    if noun == "NoneType":
        return "None"
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _parameter(target: Target, item: Any, outputs: Outputs, name: str) -> str:
    """The parameter that an item of outputs means."""
    single = [p for p in target.names if p not in (target.rest, target.keywords)]
    remedy = f"Its parameters are {', '.join(single) or 'none'}."
    if isinstance(item, str):
        if item in single:
            return item
        raise ArgumentError(f"outputs: {name} has no parameter {item!r} that a call gives one object for.", remedy)
    own = [p for p in target.positional[target.skipped :] if p not in target.kwargs]
    if not isinstance(item, (int, np.integer)) or isinstance(item, bool) or not -len(own) <= item < len(own):
        raise ArgumentError(
            f"outputs={outputs!r} does not fit {name}, which has {len(own)} positional parameters.", remedy
        )
    return own[int(item)]


def _maker(kernel: types.FunctionType, outputs: tuple[str, ...], several: bool) -> Maker:
    """What makes a function of a kernel; the same one for kernels of one code."""
    with _LOCK:
        makers = _MAKERS.setdefault(kernel.__code__, {})
        key = (kernel.__module__, kernel.__qualname__, outputs, several)
        if key not in makers:
            makers[key] = _compiled(kernel, outputs, several)
        return makers[key]


def _compiled(kernel: types.FunctionType, outputs: tuple[str, ...], several: bool) -> Maker:
    parameters = inspect.signature(kernel, follow_wrapped=False).parameters.values()
    plain = [p.replace(default=p.empty, annotation=p.empty) for p in parameters]
    header = str(inspect.Signature(plain))
    given = []
    for p in plain:
        star = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        given.append(star + p.name if star or p.kind in POSITIONAL else f"{p.name}={p.name}")
    called = "kernel_"
    while called in {p.name for p in plain}:
        called += "_"
    name = kernel.__name__ if kernel.__name__.isidentifier() else "kernel"
    result = ", ".join(outputs) if not several else f"({', '.join(outputs)},)"
    # the doc tells code objects apart that would be equal, since tables are keyed by code
    doc = repr(f"The content of {', '.join(outputs)} after {kernel.__module__}.{kernel.__qualname__}.")
    text = (
        f"def make({called}):\n    def {name}{header}:\n        {doc}\n        {called}({', '.join(given)})\n"
        f"        return {result}\n    return {name}\n"
    )
    file = f"<srcgrad outputs of {name} #{next(_serial)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": kernel.__module__}
    exec(compile(text, file, "exec", dont_inherit=True), namespace)
    maker: Maker = namespace["make"]
    return maker


def _stand_in(maker: Maker, kernel: types.FunctionType) -> types.FunctionType:
    made = maker(kernel)
    made.__defaults__, made.__kwdefaults__ = kernel.__defaults__, kernel.__kwdefaults__
    made.__annotations__ = kernel.__annotations__
    made.__qualname__, made.__module__ = kernel.__qualname__, kernel.__module__
    setattr(made, STANDS_FOR, kernel)
    return made
