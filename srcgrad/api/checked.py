"""`grad(f, check=True)`: gradients that are held against forward mode at every call."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from srcgrad.api.agreement import allowance
from srcgrad.api.gradient import GradientFunction
from srcgrad.api.structure import float_leaves
from srcgrad.api.vectors import (
    Mismatch,
    Vector,
    component,
    element,
    inner,
    only,
    places,
    random_direction,
    size,
    spelled_leaves,
    typed,
    vector_of,
)
from srcgrad.backends.homes import dtype_of
from srcgrad.errors import CheckError
from srcgrad.frontend import definition_of

FEW = 64  # components that are looked at one by one when the wrong one is sought


class CheckedGradient(GradientFunction):
    """A gradient function that runs the dot-product test at every call.

    The generated forward code gives the slope along a random direction, which depends on the number of calls so far;
    the gradient must give the same. Raises CheckError if they differ by more than rounding.
    """

    _forward: GradientFunction | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = super().__call__(*args, **kwargs)
        if not self._with_value and not self.has_aux:  # these come by value_and_grad
            self._test(result, args, kwargs)
        return result

    def value_and_grad(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        value, gradient = super().value_and_grad(*args, **kwargs)
        self._test(gradient, args, kwargs)
        return value, gradient

    def _connect(self) -> None:
        super()._connect()
        self._count = itertools.count(1)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        bound = super().__get__(instance, owner)
        if bound is not self:
            bound._forward = None
        return bound

    def _forward_mode(self) -> GradientFunction:
        """Forward mode by the same arguments."""
        if self._forward is None:
            made: Any = object.__new__(GradientFunction)
            made.__dict__.update(self.__dict__)
            made._mode, made.has_aux, made._with_value, made._last = "jvp", False, False, None
            made.argnums = self.argnums if self._many else (self.argnums,)
            made._many = True
            GradientFunction._connect(made)
            self._forward = made
        return self._forward

    def _test(self, gradient: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        test = _Test(self, self._forward_mode(), gradient, args, kwargs)
        test.run(np.random.default_rng(next(self._count)))


class _Test:
    """The dot-product test of one call."""

    def __init__(
        self, made: CheckedGradient, forward: GradientFunction, gradient: Any, args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:  # fmt: skip
        self.made, self.forward = made, forward
        self.compiled, self.given = forward._find(forward._valued, args, kwargs)
        target = made._target
        bound = self.given[: len(target.names)]
        values = dict(zip(target.names, bound, strict=True))
        self.values, self.labels = [], []
        for place in target.places(forward.argnums, bound, made.__name__):
            if isinstance(place, str):
                self.values.append(values[place])
                self.labels.append(place)
            else:
                self.values.append(values[place[0]][place[1]])
                self.labels.append(f"{place[0]}[{place[1]!r}]")
        gradients = gradient if made._many else (gradient,)
        self.leaves = [
            leaf for value, label in zip(self.values, self.labels, strict=True) for leaf in spelled_leaves(value, label)
        ]
        try:
            self.adjoint = [
                part for value, found, label in zip(self.values, gradients, self.labels, strict=True)
                for part in vector_of(value, found, label)
            ]  # fmt: skip
        except Mismatch as error:
            raise self._error(f"{error}.") from None
        self.eps = max((float(np.finfo(dtype_of(leaf)).eps) for _, leaf in self.leaves), default=0.0)

    def slope(self, v: Vector) -> tuple[float, float]:
        """The function's value and its slope along v by forward mode; as elementwise_grad has it, sums of them."""
        rest = iter(v)
        tangents = tuple(typed(value, rest) for value in self.values)
        with np.errstate(all="ignore"):
            value, tangent = self.forward._run(self.compiled, (*self.given, *tangents))
        if self.made.has_aux:
            value, tangent = value[0], tangent[0]
        dtype = getattr(tangent, "dtype", None)
        if dtype is not None and dtype.kind in "fc":
            self.eps = max(self.eps, float(np.finfo(dtype).eps))
        return float(np.sum(np.abs(component(value)))), float(np.sum(component(tangent)).real)

    def run(self, rng: np.random.Generator) -> None:
        """Raise CheckError if the modes disagree."""
        if not self.leaves:
            return
        v = random_direction([leaf for _, leaf in self.leaves], rng)
        magnitude, forward = self.slope(v)
        reverse = inner(self.adjoint, v)
        gap = abs(forward - reverse)
        if not np.isfinite(gap):
            return  # overflow and kinks at the edge of a domain are not what this is for

        def noise() -> float:
            part = [np.asarray(x * rng.uniform(0.25, 0.75, np.shape(x))) for x in v]
            rest = [np.asarray(x - y) for x, y in zip(v, part, strict=True)]
            return abs(forward - self.slope(part)[1] - self.slope(rest)[1]) + self._instability(rng, v, forward)

        scale = max(size(self.adjoint, v), abs(forward))
        if gap <= allowance(scale, magnitude, self.eps, noise, gap):
            return
        if self.slope(v) != (magnitude, forward):
            raise self._error(
                "it gives another value when it is called again, so that it cannot be checked.",
                "Pass random numbers as arguments, or a seed.",
            )
        raise self._error(self._report(v))

    def _instability(self, rng: np.random.Generator, v: Vector, forward: float) -> float:
        """How far a last-digit change of the arguments moves the slope: badly conditioned programs differ by that."""
        given = list(self.given)
        names = self.made._target.names
        for k in range(len(names)):
            leaves = [leaf for _, leaf in float_leaves(given[k])]
            factors = [1 + 4 * self.eps * rng.uniform(-1, 1, np.shape(leaf)) for leaf in leaves]
            moved = [np.asarray(component(leaf) * factor) for leaf, factor in zip(leaves, factors, strict=True)]
            given[k] = typed(given[k], iter(moved), keep=True)
        before, self.given = self.given, tuple(given)
        try:
            return abs(self.slope(v)[1] - forward)
        finally:
            self.given = before

    def _report(self, v: Vector) -> str:
        """Which component the modes disagree on, and what they say."""

        def gap(kept: list[tuple[int, tuple[int, ...]]]) -> float:
            some = only(v, kept)
            return abs(self.slope(some)[1] - inner(self.adjoint, some))

        kept = places(self.leaves)
        while len(kept) > FEW:
            half = len(kept) // 2
            kept = max(kept[:half], kept[half:], key=gap)
        k, index = max(kept, key=lambda place: gap([place]))
        unit = v[k][index]
        forward, reverse = self.slope(only(v, [(k, index)]))[1] / unit, self.adjoint[k][index]
        return (
            f"its derivative by {element(self.leaves[k][0], index)} is {reverse:.10g} by the reverse mode "
            f"and {forward:.10g} by the forward mode"
        )

    def _error(self, reason: str, remedy: str = "") -> CheckError:
        pos = definition_of(self.made._function).pos
        return CheckError(f"The check of the gradient of {self.made.__name__} failed: {reason}", remedy, pos)
