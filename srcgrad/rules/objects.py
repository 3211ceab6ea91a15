"""Objects of libraries that hold the first arguments of functions, such as a distribution with its parameters.

They are looked into like objects of the user's classes: their parts are values of the program, and a method of theirs
is the function, given these parts by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HOLDERS: dict[Any, tuple[type, tuple[str, ...]]] = {}
"""What makes such objects when it is called -> their class, and the names of the parameters that are given."""

OBJECTS: dict[type, Callable[[Any], dict[str, Any]]] = {}
"""Class of such objects -> their parts: `dist`, what has the functions; `args` and `kwds`, as they were given; or the
parameters by name."""


def parts_of(value: Any) -> dict[str, Any] | None:
    """The parts of an object of a library, None for any other."""
    from srcgrad.rules.registry import lookup

    if type(value).__module__.split(".")[0] != "scipy":
        return None
    lookup(value)  # reads what is known of the library
    take_apart = OBJECTS.get(type(value))
    return None if take_apart is None else take_apart(value)
