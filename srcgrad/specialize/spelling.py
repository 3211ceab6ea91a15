"""How generated code names what is known when compiling, and which names it keeps for itself."""

from __future__ import annotations

import enum
import sys
import types
from typing import Any

import numpy as np

from srcgrad.rules.defined import BRACKETS, DEFINITIONS, WRITTEN
from srcgrad.rules.libraries import library_name

NAMED = (types.ModuleType, type, str, bytes, np.dtype, enum.Enum)
"""What is spelled by its name."""

FIXED = (*NAMED, bool, int, float, complex, tuple, dict, type(None), types.EllipsisType,
         type(np.s_), *(type(known) for known, _ in BRACKETS))  # fmt: skip
"""What a library's attribute may be to be taken as it is."""

RESERVED = {
    "np", "cp", "math", "cmath", "scipy", "abs", "all", "any", "bool", "complex", "dict", "divmod", "enumerate",
    "float", "int", "isinstance", "len", "list", "max", "min", "pow", "print", "range", "reversed", "round", "slice",
    "sorted", "str", "sum", "tuple", "type", "zip",
}  # fmt: skip
"""What generated code calls: variables of the user's with these names are renamed."""


def is_library(owner: Any) -> bool:
    """Whether a module, class or function comes with Python or NumPy, so that its attributes do not change."""
    name = owner.__name__ if isinstance(owner, types.ModuleType) else owner.__module__
    head = (name or "").split(".")[0]
    known = ("numpy", "scipy", "srcgrad", "numba", "cupy", "cupyx")
    return head in known or (head in sys.stdlib_module_names and head != "__main__")


def is_of_srcgrad(fn: Any) -> bool:
    """Whether a Closure is of none of the user's functions."""
    return (getattr(fn.function, "__module__", None) or "").split(".")[0] == "srcgrad"


def plain_function(value: Any) -> bool:
    """Whether a callable is a Python function of the user's, or of a module of Python's that is read like these."""
    function = getattr(value, "__func__", value)
    if not isinstance(function, types.FunctionType):
        return False
    from srcgrad.rules.registry import lookup
    from srcgrad.rules.solvers import SOLVERS
    from srcgrad.specialize.builtins import HANDLERS

    home = (function.__module__ or "").split(".")[0]
    library = home in ("numpy", "scipy", "cupy", "cupyx", "math", "functools", "copy", "dataclasses")
    own = function.__module__ or ""
    library = library or own.startswith("srcgrad.rules") and not own.startswith("srcgrad.rules.defined")
    known = (HANDLERS, SOLVERS, DEFINITIONS, WRITTEN)
    return not library and lookup(value) is None and not any(function in table for table in known)


def spelling_of(value: Any) -> str:
    """The name of an object in generated code: dotted where that is what NumPy, math or SciPy call it."""
    if isinstance(value, types.ModuleType):
        return _spelled(value.__name__)
    found = public_name(value)
    return found if found.split(".")[0] in ("np", "math", "cmath", "scipy") else getattr(value, "__name__", "")


def public_name(value: Any) -> str:
    """The shortest dotted name under which a library offers an object, "" for what is no library's."""
    name = getattr(value, "__name__", "")
    if isinstance(owner := getattr(value, "__self__", None), np.ufunc):
        return f"{public_name(owner)}.{name}"
    if name and vars(np).get(name) is value:
        return f"np.{name}"
    if offered := library_name(value):
        return offered
    if not name.isidentifier():
        return ""
    module = getattr(value, "__module__", None)
    if module is not None:
        head = module.split(".")[0] if isinstance(module, str) else ""
        if head not in sys.modules or not is_library(sys.modules[head]):
            return ""
        parts = module.split(".")
        homes = [".".join(parts[:k]) for k in range(1, len(parts) + 1)]
    else:  # a ufunc does not say where it comes from
        known = sorted(sys.modules, key=lambda m: (m.count("."), m))
        homes = [m for m in known if m.split(".")[0] in ("numpy", "scipy")]
    for home in homes:
        public = home in sys.modules and not any(part.startswith("_") for part in home.split("."))
        if public and vars(sys.modules[home]).get(name) is value:
            return f"{_spelled(home)}.{name}"
    return ""


def _spelled(module: str) -> str:
    """The name of a module in generated code."""
    return f"np{module[5:]}" if module.split(".")[0] == "numpy" else module
