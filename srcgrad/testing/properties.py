"""gradient_matches: the property that a function's derivatives are right, for a test that draws its arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srcgrad.api.checking import WrongDerivative, check_grads, trouble_at
from srcgrad.testing.hypothesis_ import hypothesis, inside_a_property

PATIENCE = 40  # points without a derivative in a row, from the first on, before the property fails


@dataclass
class Seen:
    """How many points of a function were checked, and how many left out."""

    checked: int = 0
    skipped: int = 0


_SEEN: WeakKeyDictionary[Any, Seen] = WeakKeyDictionary()
"""By code: a property is often made anew for each example."""


class GradientMatches:
    """The property of one function, called with its arguments. `seen` counts the points checked and left out."""

    def __init__(self, f: Callable[..., Any], options: dict[str, Any]) -> None:
        self.f, self.options = f, options
        self.name = getattr(f, "__name__", type(f).__name__)
        self.seen = _SEEN.setdefault(_code_of(f), Seen())

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """AssertionError where a derivative of f at these arguments is wrong.

        A point where f is not finite or has no derivative is given back to Hypothesis for another; outside of a
        Hypothesis test it is an AssertionError, and so it is if a property meets no other points.
        """
        with np.errstate(all="ignore"):
            trouble = trouble_at(self.f, args, kwargs, self.options.get("argnums"))
        if not trouble:
            try:
                check_grads(self.f, args, kwargs=kwargs, **self.options)
            except WrongDerivative as error:
                if not error.rough:
                    raise
                trouble = error.rough  # of one component, or of a derivative
            else:
                self.seen.checked += 1
                return
        self.seen.skipped += 1
        if not inside_a_property():
            raise AssertionError(f"{self.name} has no derivative at the given point: {trouble}.")
        if not self.seen.checked and self.seen.skipped >= PATIENCE:
            raise AssertionError(
                f"gradient_matches({self.name}) has checked nothing: {self.name} had no derivative at any of the "
                f"{self.seen.skipped} points drawn so far. At the last one, {trouble}. Draw the arguments from a "
                f"domain where it is smooth."
            )
        hypothesis().assume(False)

    def __repr__(self) -> str:
        return f"gradient_matches({self.name})"


def gradient_matches(
    f: Callable[..., Any], order: int = 1, modes: Iterable[str] = ("reverse", "forward"), argnums: Any = None,
    atol: float | None = None, rtol: float | None = None, eps: float | None = None,
) -> GradientMatches:  # fmt: skip
    """The property that srcgrad's derivatives of f are right, as a callable that takes f's arguments.

    Use it in a test whose arguments Hypothesis draws: `gradient_matches(f)(x, y)`. Points where f is not finite, or
    visibly has no derivative, are left out; a property that meets no other points fails. order, modes, argnums, atol,
    rtol, eps: as for check_grads, which does the work and whose errors come out.
    """
    return GradientMatches(f, dict(order=order, modes=tuple([modes] if isinstance(modes, str) else modes),
                                   argnums=argnums, atol=atol, rtol=rtol, eps=eps))  # fmt: skip


def _code_of(f: Any) -> Any:
    """What stands for a function over its lives: its code."""
    while not hasattr(f, "__code__"):
        inner = getattr(f, "func", None) or getattr(f, "__func__", None) or getattr(type(f).__call__, "__func__", None)
        inner = inner or (type(f).__call__ if hasattr(type(f).__call__, "__code__") else None)
        if inner is None:
            return type(f)
        f = inner
    return f.__code__
