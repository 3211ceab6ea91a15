"""Libraries besides NumPy: their rules and definitions stand in modules of their own.

These are read where a callable of the library is looked up first, so that nothing imports a library that the user
has not imported.
"""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any

_UNREAD = {
    "scipy.special": "srcgrad.rules.special",
}
"""Library -> the module of what is known of its functions; without those that have been read."""
LIBRARIES = tuple(_UNREAD)


def library_of(value: Any) -> str:
    """Which of the libraries offers a callable, or the object that it is a method of; "" if none does."""
    return _found(value)[0]


def library_name(value: Any) -> str:
    """The dotted name by which a library offers a callable, or the method of an object; "" if none does."""
    library, name = _found(value)
    return f"{library}.{name}" if library else ""


def unread_library_of(value: Any) -> str:
    """Which library offers a callable, if what is known of it has not been read; else ""."""
    library = library_of(value) if _UNREAD else ""
    return library if library in _UNREAD else ""


def read_library(library: str) -> None:
    """Read what is known of a library."""
    importlib.import_module(_UNREAD.pop(library))


def _found(value: Any) -> tuple[str, str]:
    owner = getattr(value, "__self__", None)
    for library in LIBRARIES:
        if library not in sys.modules:
            continue
        names = _names(library)
        if id(value) in names:
            return library, names[id(value)]
        if owner is not None and id(owner) in names:
            return library, f"{names[id(owner)]}.{value.__name__}"
    return "", ""


@functools.cache
def _names(library: str) -> dict[int, str]:
    """Identity of what a library offers -> its name there. Modules hold what they offer, so identities stay."""
    offered = vars(sys.modules[library])
    return {id(value): name for name, value in offered.items() if callable(value) and not name.startswith("_")}
