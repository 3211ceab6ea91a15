"""Example arguments, for `source` and `emit` before anyone has called the function."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from srcgrad.api.structure import is_differentiable
from srcgrad.api.target import Argnums, Target, is_many

MOST = 200


def guesses(target: Target, argnums: Argnums) -> Iterator[tuple[Any, ...]]:
    """Arguments for all parameters, likeliest first: arrays, where nothing says otherwise."""
    choices: list[list[Any]] = []
    wanted = set(argnums if is_many(argnums) else (argnums,))  # type: ignore[arg-type]
    for name, parameter in target.signature.parameters.items():
        at = target.positional.index(name) if name in target.positional else None
        if at is not None and at < len(target.args):
            choices.append([target.args[at]])
        elif name in target.kwargs:
            choices.append([target.kwargs[name]])
        else:
            place = at - target.skipped if at is not None else None
            choices.append(_choices(parameter, name in wanted or place in wanted))
    ranked = itertools.product(*[list(enumerate(options)) for options in choices])
    for picked in sorted(itertools.islice(ranked, 20_000), key=lambda p: sum(k for k, _ in p))[:MOST]:
        yield tuple(value for _, value in picked)


def _choices(parameter: inspect.Parameter, differentiated: bool) -> list[Any]:
    vector, matrix, cube = np.full(3, 0.5), np.full((3, 3), 0.5), np.full((3, 3, 3), 0.5)
    if parameter.default is not inspect.Parameter.empty:
        return [parameter.default] if not differentiated or _has_floats(parameter.default) else [vector, 0.5]
    if parameter.kind is parameter.VAR_POSITIONAL:
        return [(), (vector,), (vector, vector), (0.5, 0.5)]
    if parameter.kind is parameter.VAR_KEYWORD:
        return [{}]
    annotated: dict[Any, list[Any]] = {float: [0.5], int: [2], bool: [True], str: [""]}
    by_name = {kind.__name__: values for kind, values in annotated.items()}
    given = annotated.get(parameter.annotation, by_name.get(parameter.annotation))
    if given is not None:
        return given
    if differentiated:
        return [vector, matrix, 0.5, cube, [0.5, 0.5]]
    return [vector, 2, matrix, 0.5, cube, [0.5, 0.5], np.array([0, 1, 2])]


def _has_floats(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_floats, value))
    if isinstance(value, dict):
        return any(map(_has_floats, value.values()))
    return is_differentiable(value)
