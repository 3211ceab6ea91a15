"""Write down what the installed CuPy has of NumPy and SciPy, for the stand-in that the tests use where there is none.

    python tools/cupy_table.py        # writes tests/standin/table.json; needs CuPy, but no GPU

For each public function of NumPy that CuPy has, and each method of arrays: its parameters, "ufunc" or "value"; and
which functions may make the host wait. CuPy is too large for every test run to install it, and what it lacks is what
matters.
"""

from __future__ import annotations

import importlib
import inspect
import json
import types
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.backends.cupy import signature_of, waits

MODULES = ("", "linalg", "fft", "random", "lib.stride_tricks")
SCIPY = ("special", "linalg", "fft", "ndimage", "signal", "stats", "integrate", "interpolate", "spatial.distance")
TARGET = Path(__file__).parent.parent / "tests" / "standin" / "table.json"


def parameters(value: Any) -> str | None:
    """How a name is described: "ufunc", "value", or the parameters of a function, as those of a lambda."""
    if type(value).__name__ == "ufunc":
        return "ufunc"
    if isinstance(value, type) or not callable(value):
        return None if isinstance(value, types.ModuleType) else "value"
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return "*args, **kwargs"
    return bare(signature)


def bare(signature: inspect.Signature) -> str:
    """Parameters without annotations, and with None for what they are by default."""
    found = [
        p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else None)
        for p in signature.parameters.values()
    ]
    return str(inspect.Signature(found))[1:-1]


def names_of(own: Any, theirs: Any) -> dict[str, str]:
    """The public names that two modules share, those of the first described."""
    found: dict[str, str] = {}
    for name in sorted(dir(theirs)):
        text = None if name.startswith("_") or not hasattr(own, name) else parameters(getattr(own, name))
        if text is not None:
            found[name] = text
    return found


def member(owner: type, name: str) -> str:
    """The parameters of a method, as those of a lambda; "value" where it is none."""
    signature = signature_of(getattr(owner, name))
    return "value" if signature is None else bare(signature)


def table() -> dict[str, Any]:
    """The table."""
    import cupy

    made: dict[str, Any] = {"cupy": cupy.__version__, "numpy": {}, "scipy": {}}
    for module in MODULES:
        path = f".{module}" if module else ""
        own, theirs = importlib.import_module(f"cupy{path}"), importlib.import_module(f"numpy{path}")
        made["numpy"][module] = names_of(own, theirs)
    for module in SCIPY:
        try:
            own = importlib.import_module(f"cupyx.scipy.{module}")
        except ImportError:
            continue
        made["scipy"][module] = names_of(own, importlib.import_module(f"scipy.{module}"))
    def public(name: str) -> bool:
        return not name.startswith("_") and hasattr(cupy.ndarray, name)

    made["generator"] = {
        name: member(cupy.random.Generator, name)
        for name in dir(cupy.random.Generator) if not name.startswith("_")
    }  # fmt: skip
    made["members"] = {name: member(cupy.ndarray, name) for name in sorted(dir(np.ndarray)) if public(name)}
    modules = [("cupy", made["numpy"]), ("cupyx.scipy", made["scipy"])]
    found = [
        (f"{home}.{module}".rstrip("."), name) for home, group in modules for module in group for name in group[module]
    ]
    functions = {f"{module}.{name}": getattr(importlib.import_module(module), name) for module, name in found}
    functions |= {f"cupy.ndarray.{name}": getattr(cupy.ndarray, name) for name in made["members"]}
    made["waits"] = sorted(name for name, function in functions.items() if waits(function, 1))
    ufuncs = {name: getattr(cupy, name) for name in made["numpy"][""] if made["numpy"][""][name] == "ufunc"}
    made["at"] = sorted(name for name, value in ufuncs.items() if getattr(value, "_scatter_op", None))
    return made


if __name__ == "__main__":
    TARGET.write_text(json.dumps(table(), indent=1) + "\n")
    print(f"wrote {TARGET}")
