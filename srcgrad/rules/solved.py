"""Calls that solve an equation: what the later passes have to know of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from srcgrad import runtime
from srcgrad.ir.kinds import Opaque
from srcgrad.ir.nodes import Call, Expr, Name, Pack, Prim
from srcgrad.rules.effects import Ruled
from srcgrad.rules.registry import Rule

Linear = tuple[Callable[..., Any], Callable[..., Any]]


class Handed(Ruled):
    """Base of what stands in a call for a function that is given functions of the program's own.

    callees: these functions. What they read of the program is passed behind the call's other arguments.
    """

    callees: tuple[str, ...] = ()

    def printed(self, call: Call, name_of: Callable[[str], str]) -> Expr:
        """The call as generated code makes it. name_of: gives the name of the generated function that does what a
        callee does."""
        raise NotImplementedError


class Solved(Handed):
    """Stands in a call for a runtime function that solves an equation.

    function: that function, None where the call's first argument is what it found; callee: what it is given as its
    first argument, a function of the program's own; lead: what it is given next; equation: the function whose root or
    fixed point the result is, of the result and the call's arguments from number `start` on; adjoint, tangent: the
    runtime functions that solve the transposed equation, and that of the tangents; options: how. groups: how many of
    the arguments behind the first are given as a tuple, and how many as another, where they are.
    """

    def __init__(
        self, function: Callable[..., Any] | None, callee: str, equation: str, start: int, linear: Linear,
        lead: tuple[Expr, ...] = (), options: tuple[tuple[str, Expr], ...] = (),
        groups: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.function, self.callee, self.equation, self.start = function, callee, equation, start
        self.adjoint, self.tangent = linear
        self.lead, self.options, self.groups = lead, options, groups
        self.callees = (equation,)
        known = frozenset({"args", "solve", "tol", "maxiter", "linear_solver"})
        self.rule = Rule(self, "general", ("args",), handled=known, variadic="args")

    def printed(self, call: Call, name_of: Callable[[str], str]) -> Expr:
        if self.function is None:
            return call.args[0]
        args = call.args
        if self.groups is not None:
            end = 1 + self.groups[0]
            args = (args[0], *(Pack("tuple", part, kind=Opaque(tuple)) for part in (args[1:end], args[end:])))
        options = (*call.kwargs, *(option for option in self.options if option not in call.kwargs))
        return Call(Prim(self.function, self.function.__name__), (_function(name_of(self.callee)), *self.lead, *args),
                    options if self.start == 0 else call.kwargs, kind=call.kind, pos=call.pos)  # fmt: skip


class Integral(Handed):
    """Stands in a call for an integral of a function of the program's own.

    The call's arguments are what was found, the two limits, and what the function takes besides the variable of
    integration. equation: the function that is integrated.
    """

    start = 1

    def __init__(self, equation: str) -> None:
        self.equation = equation
        self.callees = (equation,)
        self.rule = Rule(self, "general", ("args",), variadic="args")

    def printed(self, call: Call, name_of: Callable[[str], str]) -> Expr:
        return call.args[0]


class Passing(Handed):
    """Stands in a call for a library's function that calls functions of the program's own, and is constant.

    slots: what it is given, by the keyword or None: the number of one of the call's arguments, or a callee. The
    arguments behind `count` are what the callees take besides what the library gives them, handed on as `args`.
    """

    def __init__(
        self, prim: Prim, slots: tuple[tuple[str | None, int | str], ...], count: int, args: str = "args"
    ) -> None:
        self.prim, self.slots, self.count, self.args = prim, slots, count, args
        self.callees = tuple(dict.fromkeys(slot for _, slot in slots if isinstance(slot, str)))
        self.rule = Rule(self, "constant", ("args",), variadic="args")

    def printed(self, call: Call, name_of: Callable[[str], str]) -> Expr:
        given: list[tuple[str | None, Expr]] = [
            (key, call.args[slot] if isinstance(slot, int) else _function(name_of(slot))) for key, slot in self.slots
        ]
        if len(call.args) > self.count:
            given.append((self.args, Pack("tuple", call.args[self.count :], kind=Opaque(tuple))))
        positional = tuple(expr for key, expr in given if key is None)
        keywords = tuple((key, expr) for key, expr in given if key is not None)
        return Call(self.prim, positional, keywords, kind=call.kind, pos=call.pos)


class Field(Ruled):
    """Stands in a call for an attribute of what a library's function gave: it has no derivative."""

    def __init__(self, name: str) -> None:
        self.function = operator.attrgetter(name)
        self.rule = Rule(self, "constant", ("owner",))


def _function(name: str) -> Name:
    return Name(name, kind=Opaque(object))


class Generated(Ruled):
    """Stands in a call for a function that is generated beside the gradient. It has no rule: it is differentiated when
    its source is."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Generated) and other.__name__ == self.__name__

    def __hash__(self) -> int:
        return hash(self.__name__)


ROOT: Linear = runtime.root_adjoint, runtime.root_tangent
FIXED_POINT: Linear = runtime.fixed_point_adjoint, runtime.fixed_point_tangent
