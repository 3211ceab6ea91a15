"""vjp: the value of a function and its pullback."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.api.gradient import GradientFunction, unwrap
from srcgrad.errors import ArgumentError
from srcgrad.transform.gradient import Wish


class _Pullback(GradientFunction):
    """A GradientFunction whose generated function takes the adjoint of the result."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function, tuple(inspect.signature(unwrap(function)).parameters), mode="vjp")


_MADE: dict[Any, _Pullback] = {}


def vjp(function: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of function(*args), and its pullback.

    The pullback takes an adjoint of the value (of its shape and containers) and gives a tuple with the adjoint of each
    argument, None for one without floats. It may be called any number of times; it runs the forward sweep again each time.
    """
    code = getattr(function, "__code__", None)
    key = (code, id(getattr(function, "__globals__", None))) if code is not None and not function.__closure__ else function
    try:
        made = _MADE.get(key)
    except TypeError:
        made, key = None, None
    if made is None:
        made = _Pullback(function)
        if key is not None:
            _MADE[key] = made
    bound = made._bind(args, {})
    kept = copy.deepcopy(bound) if not any(callable(a) for a in bound) else bound
    compiled = made._compiled(bound, False)
    out = made.primal(*copy.deepcopy(args)) if compiled.overwritten else made.primal(*args)
    names = made._names()
    seeds = len(compiled.seeds)

    def pullback(w: Any) -> tuple[Any, ...]:
        given = _leaves(w, out, "the adjoint of the result")
        if len(given) != seeds:
            raise ArgumentError(f"the pullback takes an adjoint with {seeds} leaves, not {len(given)}.")
        from srcgrad.api.gradient import read_path

        extra = [read_path(path, made.primal, names, kept) for path in compiled.captured]
        result = compiled.call(*kept, *extra, *given)
        return result if len(names) != 1 else (result,)

    return out, pullback


def _leaves(w: Any, out: Any, where: str) -> list[Any]:
    """The float leaves of an adjoint, held against the result that it belongs to."""
    if isinstance(out, np.ndarray) and out.dtype.kind == "f":
        if np.shape(w) != out.shape:
            raise ArgumentError(f"{where} has the shape {np.shape(w)}, but the result has {out.shape}.")
        return [w]
    if isinstance(out, (float, np.floating)):
        if np.shape(w) != ():
            raise ArgumentError(f"{where} has the shape {np.shape(w)}, but the result is a number.")
        return [w]
    if isinstance(out, (list, tuple)):
        if not isinstance(w, (list, tuple)) or len(w) != len(out):
            raise ArgumentError(f"{where} must be a {type(out).__name__} of {len(out)} items.")
        if isinstance(out, list) and out and all(isinstance(o, (float, np.ndarray)) for o in out) and _dynamic(out):
            return [leaf for k, item in enumerate(w) for leaf in _leaves(item, out[k], f"{where}[{k}]")]
        return [leaf for k, item in enumerate(w) for leaf in _leaves(item, out[k], f"{where}[{k}]")]
    if isinstance(out, dict):
        if not isinstance(w, dict) or set(w) != set(out):
            raise ArgumentError(f"{where} must be a dict with the keys {', '.join(map(repr, out))}.")
        return [leaf for name in out for leaf in _leaves(w[name], out[name], f"{where}[{name!r}]")]
    return []


def _dynamic(out: list[Any]) -> bool:
    return False


_ = Wish
