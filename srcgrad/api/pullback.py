"""vjp: the value of a function and its pullback."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.api.gradient import GradientFunction
from srcgrad.errors import ArgumentError
from srcgrad.specialize.builtins import HANDLERS
from srcgrad.specialize.transformations import vjp_of


def vjp(function: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of function(*args), and its pullback.

    The pullback takes an adjoint of the value (of its shape and containers) and gives a tuple with the adjoint of
    each argument, None for one without floats. It may be called any number of times; it runs the forward sweep again
    each time.
    """
    made = GradientFunction(function, tuple(range(len(args))), mode="vjp")
    args = tuple(_held(arg) for arg in args)  # the arguments as they are now, whatever happens to them
    compiled, given = made._find(made._plain, args, {})
    given = (*given[: len(compiled.params)], *(_held(value) for value in given[len(compiled.params):]))
    if compiled.overwritten:
        made._check_disjoint(compiled, given)
    out = function(*(tuple(_held(arg) for arg in args) if compiled.overwritten else args))

    def pullback(w: Any) -> tuple[Any, ...]:
        _check(w, out, "the adjoint of the result")
        adjoints = [_adjoint(w, out, path) for path in compiled.seed_paths]
        result = compiled.call(*given, *adjoints)
        return (result,) if compiled.outputs == 1 else result

    return out, pullback


HANDLERS[vjp] = vjp_of


def _held(value: Any) -> Any:
    """A copy of what holds arrays; functions and objects of other kinds as they are."""
    if isinstance(value, np.ndarray):
        return np.copy(value, order="K")
    return copy.deepcopy(value) if not callable(value) else value


def _parts(value: Any) -> dict[Any, Any] | None:
    if isinstance(value, dict):
        return value
    if isinstance(value, (list, tuple)):
        return dict(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _check(w: Any, out: Any, where: str) -> None:
    """Hold an adjoint against the result that it belongs to."""
    inside = _parts(out)
    if inside is not None:
        given = _parts(w)
        if given is None or set(given) != set(inside):
            keys = ", ".join(map(repr, inside))
            raise ArgumentError(
                f"{where} must be a {type(out).__name__} like the result, with the items {keys}.",
                "Give an adjoint of the same structure.",
            )
        for key, item in inside.items():
            _check(given[key], item, f"{where}[{key!r}]")
    elif (isinstance(out, (np.ndarray, np.generic)) and out.dtype.kind == "f") or isinstance(out, float):
        if np.shape(w) != np.shape(out):
            raise ArgumentError(
                f"{where} has the shape {np.shape(w)}, but the result has {np.shape(out)}.",
                "Give an adjoint of the result's shape.",
            )


def _adjoint(w: Any, out: Any, path: tuple[Any, ...]) -> Any:
    """The part of an adjoint that belongs to the part of the result at the path."""
    for key in path:
        inside, given = _parts(out), _parts(w)
        if inside is None or given is None:
            return getattr(w, str(key))
        out, w = inside[key], given[key]
    return np.asarray(w, out.dtype) if isinstance(out, np.ndarray) else w
