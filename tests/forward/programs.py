"""The programs that forward mode's variants are tried on: the plain ones of the language tests, and the gallery's."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from srcgrad.api.structure import has_floats, is_differentiable, like, parts

MODULES = ("calls", "containers", "expressions", "inplace", "integers", "layouts", "statements")


def programs() -> list[Any]:
    """pytest params (f, args): every small program of the language tests that takes no keywords."""
    found = []
    for name in MODULES:
        cases = importlib.import_module(f"tests.language.test_{name}").CASES
        found += [
            type(p)((p.values[0], p.values[1]), p.marks, p.id) for p in cases.params
            if p.values[3] == "plain" and not p.values[2]
        ]  # fmt: skip
    return found


def drawn(value: Any, rng: np.random.Generator, lead: tuple[int, ...] = ()) -> Any:
    """Random tangents of a value's structure, None where there is nothing to differentiate by.

    lead: further axes in front.
    """
    inside = parts(value)
    if inside is not None:
        made = {key: drawn(item, rng, lead) for key, item in inside.items()}
        if isinstance(value, list) and has_floats(value):
            made = {k: np.zeros(lead) if m is None and isinstance(inside[k], int) else m for k, m in made.items()}
        return like(value, made)
    if not is_differentiable(value):
        return None
    return rng.standard_normal(lead + np.shape(value)).astype(np.asarray(value).dtype)


def picked(tangents: Any, k: int) -> Any:
    """One of stacked directions."""
    inside = parts(tangents)
    if inside is not None:
        return like(tangents, {key: picked(item, k) for key, item in inside.items()})
    if tangents is None:
        return None
    return tangents[k] if np.ndim(tangents[k]) else type(np.asarray(tangents)[k])(tangents[k])


def leaves(value: Any) -> Iterator[np.ndarray]:
    inside = parts(value)
    if inside is not None:
        for item in inside.values():
            yield from leaves(item)
    elif value is not None:
        yield np.asarray(value)
