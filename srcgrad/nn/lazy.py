"""Libraries that only a part of the package needs, imported where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType

EXTRAS = {
    "sklearn": ("scikit-learn", "nn"), "tqdm": ("tqdm", "nn"), "safetensors": ("safetensors", "nn"),
    "matplotlib": ("matplotlib", "nn"), "mpi4py": ("mpi4py", "mpi"),
}  # fmt: skip
"""The project and the extra of srcgrad that bring a module."""


def needed(module: str, purpose: str) -> ModuleType:
    """Import a module, or say which extra brings it: ImportError."""
    top = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != top:
            raise  # the library is there, and one of its own needs is not
        project, extra = EXTRAS[top]
        raise ImportError(f'{purpose} needs {project}: pip install "srcgrad[{extra}]".', name=top) from error
