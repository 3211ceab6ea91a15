"""How generated code names what is known when compiling, and which names it keeps for itself."""

from __future__ import annotations

import builtins
import enum
import sys
import types
from typing import Any

import numpy as np

from srcgrad.rules.defined import BRACKETS
from srcgrad.rules.libraries import library_name

NAMED = (types.ModuleType, type, str, bytes, np.dtype, enum.Enum)
"""What is spelled by its name."""

FIXED = (*NAMED, bool, int, float, complex, tuple, dict, type(None), types.EllipsisType,
         *(type(known) for known, _ in BRACKETS))  # fmt: skip
"""What a library's attribute may be to be taken as it is."""

RESERVED = {
    "np", "cp", "math", "scipy", "abs", "all", "any", "bool", "complex", "dict", "divmod", "enumerate", "float", "int",
    "isinstance", "len", "list", "max", "min", "pow", "print", "range", "reversed", "round", "slice", "sorted", "str",
    "sum", "tuple", "type", "zip",
}  # fmt: skip
"""What generated code calls: variables of the user's with these names are renamed."""


def is_library(owner: Any) -> bool:
    """Whether a module, class or function comes with Python or NumPy, so that its attributes do not change."""
    name = owner.__name__ if isinstance(owner, types.ModuleType) else owner.__module__
    head = (name or "").split(".")[0]
    known = ("numpy", "scipy", "srcgrad", "numba", "cupy", "cupyx")
    return head in known or (head in sys.stdlib_module_names and head != "__main__")


def plain_function(value: Any) -> bool:
    """Whether a callable is a Python function of the user's."""
    function = getattr(value, "__func__", value)
    if not isinstance(function, types.FunctionType):
        return False
    from srcgrad.rules.registry import lookup
    from srcgrad.specialize.builtins import HANDLERS

    home = (function.__module__ or "").split(".")[0]
    library = home in ("numpy", "scipy", "cupy", "cupyx", "math", "functools", "copy", "dataclasses")
    library = library or (function.__module__ or "").startswith("srcgrad.rules")
    return not library and lookup(value) is None and function not in HANDLERS


def spelling_of(value: Any) -> str:
    """The dotted name of a library's object in generated code."""
    if isinstance(value, types.ModuleType):
        parts = value.__name__.split(".")
        return ".".join(["np", *parts[1:]]) if parts[0] == "numpy" else value.__name__
    if offered := library_name(value):
        return offered
    name = getattr(value, "__name__", "")
    if isinstance(value, np.ufunc) or getattr(np, name, None) is value:
        return f"np.{name}" if hasattr(np, name) else name
    module = getattr(value, "__module__", "") or ""
    if module.startswith("numpy") and name:
        for prefix, owner in (("np.linalg", np.linalg), ("np.fft", np.fft), ("np.random", np.random)):
            if getattr(owner, name, None) is value:
                return f"{prefix}.{name}"
    if module in ("builtins", "") or getattr(builtins, name, None) is value:
        return name
    if module == "math":
        return f"math.{name}"
    return f"{module}.{name}" if module.split(".")[0] == "scipy" else name
