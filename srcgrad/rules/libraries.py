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
    "scipy.special": ("srcgrad.rules.special", "srcgrad.rules.special_tails", "srcgrad.rules.special_more"),
    "scipy.fft": ("srcgrad.rules.scipy_fft",),
    "scipy.linalg": ("srcgrad.rules.scipy_linalg",),
    "scipy.stats": ("srcgrad.rules.stats",),
    "scipy.signal": ("srcgrad.rules.signals",),
    "scipy.signal.windows": ("srcgrad.rules.signals",),
    "scipy.ndimage": ("srcgrad.rules.images",),
    "scipy.spatial": ("srcgrad.rules.distances",),
    "scipy.spatial.distance": ("srcgrad.rules.distances",),
    "scipy.sparse": ("srcgrad.rules.sparse",),
    "scipy.sparse.linalg": ("srcgrad.rules.sparse",),
    "scipy.integrate": ("srcgrad.rules.programs.integrate",),
    "scipy.interpolate": ("srcgrad.rules.programs.interpolate",),
    "scipy.optimize": ("srcgrad.rules.programs.optimize",),
}
"""Library -> the modules of what is known of its functions; without those that have been read."""
LIBRARIES = tuple(_UNREAD)

MATRICES: set[type] = set()
"""Classes of matrices that are no NumPy arrays, and stand in products."""


def library_of(value: Any) -> str:
    """Which of the libraries offers a callable, or the object that it is a method of; "" if none does."""
    return _found(value)[0]


def library_name(value: Any) -> str:
    """The dotted name by which a library offers a callable, or the method of an object; "" if none does."""
    library, name = _found(value)
    return f"{library}.{name}" if library else ""


def unread_library_of(value: Any) -> str:
    """Which library a callable, or an object, comes from, if what is known of it has not been read; else ""."""
    library = (library_of(value) or _home(value)) if _UNREAD else ""
    return library if library in _UNREAD else ""


def read_library(library: str) -> None:
    """Read what is known of a library."""
    for module in _UNREAD.pop(library):
        importlib.import_module(module)


def _home(value: Any) -> str:
    """Which of the libraries an object is of, or stands for a function of; "" for any other."""
    if getattr(value, "__module__", "") == "srcgrad.runtime.special":
        return "scipy.special"
    return next((library for library in LIBRARIES if type(value).__module__.startswith(library + ".")), "")


def import_home(text: str) -> str:
    """Import the module that a dotted name stands in, and give its name: that of `scipy.stats.norm.ppf` is scipy.stats.

    Raises ImportError where there is none.
    """
    parts = text.split(".")[:-1]
    while len(parts) > 1:
        try:
            importlib.import_module(".".join(parts))
            break
        except ModuleNotFoundError:  # an object of the module before
            parts.pop()
    importlib.import_module(".".join(parts))
    return ".".join(parts)


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
    """Identity of what a library offers -> its name there, its own where it has several. Modules hold what they offer,
    so identities stay."""
    offered = vars(sys.modules[library])
    names = {id(value): name for name, value in offered.items() if callable(value) and not name.startswith("_")}
    return names | {id(value): name for name, value in offered.items() if getattr(value, "__name__", "") == name}
