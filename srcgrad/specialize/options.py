"""What transformations make of functions, and the objects that stand for it outside of the compiler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Options:
    """What a transformation of a function makes of it.

    mode: "grad", "sum", "vjp", ...: which function is generated. argnums: what is differentiated by. has_aux: the
    function returns a pair (result, aux). with_value: the value is returned too. counted: how many of the arguments
    that the function was given beforehand argnums count nevertheless, from their end (the object of a method).
    """

    mode: str = "grad"
    argnums: Any = 0
    has_aux: bool = False
    with_value: bool = False
    counted: int = 0


class TransformedFunction:
    """Base of the objects that transformations make: `primal` is the function, `options` what is made of it."""

    primal: Callable[..., Any]
    options: Options
    __name__: str


class WrittenFunction:
    """Base of objects that do what a function in source does: `written(primal, argnums, *args)`.

    suffix: of the name of that function; further: its parameters after those of the primal.
    """

    primal: Callable[..., Any]
    argnums: Any
    suffix = "matrix"
    further: tuple[str, ...] = ()

    @property
    def written(self) -> Callable[..., Any]:
        raise NotImplementedError
