"""Calls that solve an equation: what the later passes have to know of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad import runtime
from srcgrad.ir.nodes import Expr
from srcgrad.rules.effects import Ruled
from srcgrad.rules.registry import Rule

Linear = tuple[Callable[..., Any], Callable[..., Any]]


class Solved(Ruled):
    """Stands in a call for a runtime function that solves an equation.

    function: that function; callee: what it is given as its first argument, a function of the program's own; lead:
    what it is given next; equation: the function whose root or fixed point the result is, of the result and the
    call's arguments from number `start` on; adjoint, tangent: the runtime functions that solve the transposed equation,
    and that of the tangents; options: how. groups: how many of the arguments behind the first are given as a tuple, and
    how many as another, where they are.
    """

    def __init__(
        self, function: Callable[..., Any], callee: str, equation: str, start: int, linear: Linear,
        lead: tuple[Expr, ...] = (), options: tuple[tuple[str, Expr], ...] = (),
        groups: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.function, self.callee, self.equation, self.start = function, callee, equation, start
        self.adjoint, self.tangent = linear
        self.lead, self.options, self.groups = lead, options, groups
        known = frozenset({"args", "solve", "tol", "maxiter", "linear_solver"})
        self.rule = Rule(self, "general", ("args",), handled=known, variadic="args")


class Generated(Ruled):
    """Stands in a call for a function that is generated beside the gradient. It has no rule: it is differentiated when
    its source is."""

    def __init__(self, name: str) -> None:
        self.__name__ = name


ROOT: Linear = runtime.root_adjoint, runtime.root_tangent
FIXED_POINT: Linear = runtime.fixed_point_adjoint, runtime.fixed_point_tangent
