"""check_rule: a user's rule, held against central differences."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.analysis.signatures import signature
from srcgrad.errors import ArgumentError
from srcgrad.rules.bodies import Body, label_of, split
from srcgrad.rules.registry import Rule, own_rule

MOST_ENTRIES = 200


def check_rule(
    function: Callable[..., Any], *args: Any, rtol: float = 1e-5, atol: float = 1e-7, seed: int = 0
) -> None:
    """Test the rule of a callable at the given arguments: its partials, vjp and jvp against central differences, and
    vjp and jvp against each other, `<w, jvp(t)> == <vjp(w), t>`, for random w and t.

    args: floats, arrays of floats in 64 bits, and whatever else the function takes; at most 200 entries of each
    array are tried. Raises AssertionError that names the argument and the entry that is farthest off, ArgumentError
    where there is no rule or nothing to test, and whatever function and rule raise.

        check_rule(scipy.special.erf, np.linspace(-2, 2, 9))
    """
    rule = own_rule(function)
    if rule is None:
        raise ArgumentError(f"{label_of(function)} has no rule of its own.", "Give it one: srcgrad.rule(f, ...).")
    if len(args) > len(rule.params):
        raise ArgumentError(f"{label_of(function)} takes {len(rule.params)} arguments, {len(args)} are given.")
    named = dict(zip(rule.params, args, strict=False))
    active = [name for name, value in named.items() if _is_float(value)]
    if not active or not (rule.tangents or rule.builders):
        raise ArgumentError("there is nothing to test: no argument holds floats.", "Pass floats or arrays of floats.")
    rng = np.random.default_rng(seed)
    test = _Test(function, rule, named, rtol, atol, rng)
    for name in active:
        test.argument(name)


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")


@dataclass
class _Test:
    """One test: the function, its rule and its arguments by name."""

    function: Callable[..., Any]
    rule: Rule
    named: dict[str, Any]
    rtol: float
    atol: float
    rng: np.random.Generator

    def value(self, name: str, x: Any) -> Any:
        return np.asarray(self.function(*({**self.named, name: x}).values()))

    def argument(self, name: str) -> None:
        """Test the derivative in one argument."""
        out = np.asarray(self.function(*self.named.values()))
        x = np.asarray(self.named[name])
        w = np.asarray(self.rng.standard_normal(out.shape))
        adjoint = self.adjoint(name, out, w)
        by_entry = self.rule.form == "elementwise"
        direction = np.ones(x.shape) if by_entry else np.asarray(self.rng.standard_normal(x.shape))
        tangent = self.tangent(name, out, direction)
        if adjoint is None and tangent is None and name not in self.rule.zero:
            raise AssertionError(f"the rule of {label_of(self.function)} gives no derivative in {name!r}.")
        if tangent is not None:
            what = "the tangent for" if not by_entry else "the partial derivative in"
            self.compare(f"{what} {name!r}", tangent, self.difference(name, x, direction))
        if adjoint is None and self.rule.form == "general" and tangent is not None:
            return
        got = np.zeros(x.shape) if adjoint is None else np.asarray(adjoint, dtype=float)
        if got.shape != x.shape:
            raise AssertionError(
                f"the rule of {label_of(self.function)} gives an adjoint of shape {got.shape} for {name!r}, "
                f"which has shape {x.shape}."
            )
        expected = np.array(got)
        for place in self.places(x):
            unit = np.zeros(x.shape)
            unit[place] = 1.0
            expected[place] = np.sum(w * self.difference(name, x, unit))
        self.compare(f"the adjoint of {name!r}", got, expected)
        if tangent is not None:
            there, back = float(np.sum(w * tangent)), float(np.sum(got * direction))
            if not np.isclose(there, back, rtol=1e-8, atol=1e-10 * max(1.0, float(np.sum(np.abs(w * tangent))))):
                raise AssertionError(
                    f"vjp and jvp of {label_of(self.function)} are not adjoint in {name!r}: <w, jvp(t)> is {there!r}, "
                    f"<vjp(w), t> is {back!r}."
                )

    def places(self, x: Any) -> Iterator[tuple[int, ...]]:
        """The entries to try."""
        every = list(np.ndindex(x.shape))
        if len(every) <= MOST_ENTRIES:
            yield from every
            return
        for k in self.rng.choice(len(every), MOST_ENTRIES, replace=False):
            yield every[k]

    def difference(self, name: str, x: Any, direction: Any) -> Any:
        """The derivative along a direction, by extrapolated central differences."""
        step = 1e-4 * max(1.0, float(np.max(np.abs(x), initial=0.0)))
        found = []
        for h in (step, step / 2):
            up, down = x + h * direction, x - h * direction
            pair = (up, down) if isinstance(self.named[name], np.ndarray) else (float(up), float(down))
            found.append((self.value(name, pair[0]) - self.value(name, pair[1])) / (2 * h))
        return (4 * found[1] - found[0]) / 3

    def compare(self, what: str, got: Any, expected: Any) -> None:
        got, expected = np.broadcast_arrays(np.asarray(got, dtype=float), np.asarray(expected, dtype=float))
        off = np.abs(got - expected) - self.rtol * np.abs(expected)
        off = np.where(np.isnan(off), np.inf, off)
        if off.size == 0 or np.max(off) <= self.atol:
            return
        worst = tuple(int(k) for k in np.unravel_index(np.argmax(off), off.shape))
        at = f", entry {worst[0] if len(worst) == 1 else worst}" if worst else ""
        raise AssertionError(
            f"the rule of {label_of(self.function)} is wrong: {what}{at} is {got[worst]:.6g}, by central "
            f"differences {expected[worst]:.6g}."
        )

    # ---- the rule, run as it stands ----

    def adjoint(self, name: str, out: Any, w: Any) -> Any:
        """The adjoint of an argument, None where the rule gives none."""
        body = self.rule.builders.get(name)
        if not isinstance(body, Body):
            return None
        made = self.run(body, out, w, name)
        if body.kind == "partial":
            x = np.asarray(self.named[name])
            whole = np.broadcast_to(w * np.asarray(made), out.shape)
            while whole.ndim > x.ndim:
                whole = whole.sum(axis=0)
            along = tuple(k for k, n in enumerate(x.shape) if n == 1 and whole.shape[k] != 1)
            return whole.sum(axis=along, keepdims=True) if along else whole
        assert body.item is not None
        arguments = body.arguments()
        items = list(made) if isinstance(made, (tuple, list)) else [made]
        if len(items) != len(arguments):
            raise AssertionError(
                f"the vjp of {label_of(self.function)} returns {len(items)} adjoints for {len(arguments)} arguments."
            )
        return items[body.item]

    def tangent(self, name: str, out: Any, direction: Any) -> Any:
        """The tangent of the result for a tangent of one argument, None where the rule gives none."""
        body = next((found for wanted, found in self.rule.tangents.items() if name in wanted), None)
        partial = self.rule.builders.get(name)
        if isinstance(body, Body):
            t = direction if isinstance(self.named[name], np.ndarray) else float(direction)
            return np.asarray(self.run(body, out, t, name))
        if isinstance(partial, Body) and partial.kind == "partial":
            return np.asarray(self.run(partial, out, None, name)) * direction
        return None

    def run(self, body: Body, out: Any, first: Any, name: str) -> Any:
        given: dict[str, Any] = {}
        value = out if out.shape else float(out)
        first = first if not isinstance(first, np.ndarray) or first.shape else float(first)
        for parameter, role in zip(inspect.signature(body.function).parameters, body.names, strict=True):
            if role in ("%d", "%out"):
                given[parameter] = first if role == "%d" else value
            elif isinstance(role, tuple):
                other = np.zeros(np.shape(self.named[role[1]]))
                given[parameter] = first if role[1] == name else other if other.shape else 0.0
            elif role in self.named:
                given[parameter] = self.named[role]
            else:
                given[parameter] = _default(body.function, parameter, self.function, role)
        positional, named = split(body.function, given)
        return body.function(*positional, **named)


def _default(body: Any, parameter: str, function: Any, role: str) -> Any:
    for owner, name in ((body, parameter), (function, role)):
        known = signature(owner)
        if known is not None and name in known.parameters and known.parameters[name].default is not inspect._empty:
            return known.parameters[name].default
    raise ArgumentError(f"the rule needs the argument {role!r}.", "Pass it.")
