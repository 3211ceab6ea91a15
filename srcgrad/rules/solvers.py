"""Functions of libraries that solve equations: how their arguments give the equation, and what they return.

The derivative of a solution follows from the equation alone (the implicit function theorem), whatever found it. Each
library's table (see libraries) declares its solvers here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from srcgrad.ir.kinds import Kind
from srcgrad.rules.solved import ROOT, Linear

SOLVERS: dict[Any, Solver] = {}
"""Function of a library -> what is known of it."""


@dataclass(frozen=True)
class Solver:
    """A function that solves an equation for an unknown.

    called: its parameter that takes the user's function; hint: what that is called in generated code where it has no
    name; args: the parameter that takes this function's further arguments. unknown: the parameter that the unknown
    starts from, whose derivative is zero; "" if there is none. shape: of the unknown: "float", "vector" (of one axis,
    whatever it starts from) or "same" (as it starts). equation: plain Python, of the unknown, the user's function and
    its arguments: what is zero at the solution; None: the function itself is. linear: how derivatives follow; for a
    fixed point the equation is what maps it to itself. also: parameters that may be functions of the same arguments.
    pair: the parameter whose True says that the user's function gives a pair of its value and its derivative. refused:
    parameters that are refused, and why. attribute: where the result object holds the solution, "" if the result is
    the solution itself. fields: its other attributes that are constant. result: a class with properties that are
    computed from the solution `x`, the user's function `fun_` and its arguments `args_`.
    bounds: the parameters that hold bounds of the unknown, and the equation where one of them is given: of the unknown,
    the function, the bounds and the arguments; inexact: methods that stop short of a bound, which are refused then.
    lead: what the library gives the user's function ahead of the arguments: "x", the unknown, or "float". integral: the
    parameters that are the limits, of a function that integrates; derivatives are none of an equation's then.
    constant: no derivative flows through the function; kind: of its result then, where that is no object.
    """

    function: Callable[..., Any]
    called: str
    unknown: str = ""
    shape: Literal["float", "vector", "same"] = "float"
    hint: str = "residual"
    args: str = "args"
    equation: Callable[..., Any] | None = None
    linear: Linear = ROOT
    also: tuple[str, ...] = ()
    pair: str = ""
    refused: dict[str, str] = field(default_factory=dict)
    attribute: str = ""
    fields: dict[str, Kind] = field(default_factory=dict)
    result: type | None = None
    bounds: tuple[str, ...] = ()
    bounded: Callable[..., Any] | None = None
    inexact: tuple[str, ...] = ()
    lead: tuple[str, ...] = ("x",)
    integral: tuple[str, str] | None = None
    constant: bool = False
    kind: Kind | None = None


def solver(function: Callable[..., Any], called: str, **options: Any) -> None:
    """Declare a solver."""
    SOLVERS[function] = Solver(function, called, **options)
