"""What a user writes to have something run again in the reverse sweep instead of being recorded.

In plain Python these do nothing: the compiler knows them by the objects themselves.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

import numpy as np

from srcgrad.errors import ArgumentError

_Items = TypeVar("_Items")
_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "__srcgrad_checkpoint__"


@overload
def checkpointed(loop: Iterable[_Items], slots: int | None = None) -> Iterable[_Items]: ...
@overload
def checkpointed(loop: bool, slots: int | None = None) -> bool: ...
def checkpointed(loop: Any, slots: int | None = None) -> Any:
    """Mark a loop whose trips are run again in the reverse sweep, from snapshots, instead of being recorded.

        for i in srcgrad.checkpointed(range(n), slots=50): ...
        while srcgrad.checkpointed(np.linalg.norm(x) > 1e-8, slots=20): ...

    loop: what a `for` runs over (a range, an array, a list, an enumerate or zip of those), or the test of a `while`.
    slots: how many snapshots of what the loop changes may be held at a time, an int of at least 1. None: the fewest
    with which no trip is run ahead more than three times, and 64 for a `while` and a `for` with a `break`.

    Returns `loop`. Raises ArgumentError for slots that are not an int or less than 1, and for what is neither something
    to loop over nor a truth value.
    """
    if slots is not None and (isinstance(slots, (bool, np.bool_)) or not isinstance(slots, (int, np.integer))):
        raise ArgumentError(f"slots has to be an int, not {slots!r}", "Give the number of snapshots, or leave it out.")
    if slots is not None and slots < 1:
        raise ArgumentError(f"slots has to be at least 1, not {slots}", "Give the number of snapshots.")
    if not isinstance(loop, (Iterable, bool, int, float, np.generic, np.ndarray)):
        raise ArgumentError(
            f"checkpointed() takes what a loop runs over, or the test of a `while`, not a {type(loop).__name__}",
            "Write `for i in checkpointed(range(n))`, or `while checkpointed(x > 0)`.",
        )
    return loop


def checkpoint(function: _Function) -> _Function:
    """Mark a function of which nothing is recorded but what it starts from: it is run again in the reverse sweep.

        @srcgrad.checkpoint
        def layer(x, w): ...

    Returns a function that does the same, with the same name and documentation. Raises ArgumentError for anything but
    a Python function (or a staticmethod or classmethod of one).
    """
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(checkpoint(function.__func__))
    if not isinstance(function, types.FunctionType):
        raise ArgumentError(
            f"checkpoint takes a Python function, not a {type(function).__name__}",
            "Decorate the function itself, or wrap the call in a function.",
        )
    made = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    for name in ("__kwdefaults__", "__qualname__", "__doc__", "__module__", "__annotations__"):
        setattr(made, name, getattr(function, name))
    made.__dict__.update(function.__dict__)
    setattr(made, _MARK, True)
    return made  # type: ignore[return-value]


def is_checkpointed(function: object) -> bool:
    """Whether `checkpoint` made the function."""
    return isinstance(function, types.FunctionType) and _MARK in function.__dict__
