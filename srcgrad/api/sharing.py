"""Whether arguments share memory in a way that the generated code does not expect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from srcgrad.backends.homes import array_module, home_of
from srcgrad.compile import Compiled


def shared_pair(compiled: Compiled, given: tuple[Any, ...]) -> tuple[str, str] | None:
    """An argument that is written in place, and another one that shares its memory; None if there is none."""
    found = dict(zip(compiled.leaf_texts, compiled.leaves(*given), strict=True))
    for name in compiled.overwritten:
        for k, array in enumerate(_arrays(found[name])):
            for other, value in found.items():
                for n, second in enumerate(_arrays(value)):
                    apart = (name, k) == (other, n) or home_of(array) != home_of(second)
                    if not apart and array_module(array).may_share_memory(array, second) and _overlap(array, second):
                        return name, other
    return None


def _arrays(value: Any) -> Iterator[np.ndarray]:
    if home_of(value) is not None:
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _arrays(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _arrays(item)


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the bounds' overlap is one of elements; if that is hard to tell, it counts as one."""
    try:
        return bool(array_module(a).shares_memory(a, b, max_work=100_000))
    except Exception:  # numpy.exceptions.TooHardError; too hard is too near
        return True
