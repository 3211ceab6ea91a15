"""Calls that solve an equation: what the later passes have to know of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad import runtime
from srcgrad.ir.nodes import Expr
from srcgrad.rules.effects import Ruled
from srcgrad.rules.registry import Rule


class Solved(Ruled):
    """Stands in a call for a runtime function that solves an equation.

    function: that function; callee: what it is given as its first argument, a function of the program's own; lead:
    what it is given next; equation: the function whose root or fixed point the result is, of the result and the
    call's arguments from number `start` on; adjoint: the runtime function that solves the transposed equation;
    options: how.
    """

    def __init__(
        self, function: Callable[..., Any], callee: str, equation: str, start: int, adjoint: Callable[..., Any],
        lead: tuple[Expr, ...] = (), options: tuple[tuple[str, Expr], ...] = (),
    ) -> None:  # fmt: skip
        self.function, self.callee, self.equation, self.start = function, callee, equation, start
        self.adjoint, self.lead, self.options = adjoint, lead, options
        known = frozenset({"args", "solve", "tol", "maxiter", "linear_solver"})
        self.rule = Rule(self, "general", ("args",), handled=known, variadic="args")


class Generated(Ruled):
    """Stands in a call for a function that is generated beside the gradient. It has no rule: it is differentiated when
    its source is."""

    def __init__(self, name: str) -> None:
        self.__name__ = name


ROOT, FIXED_POINT = runtime.root_adjoint, runtime.fixed_point_adjoint
