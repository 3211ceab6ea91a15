"""check_grads: hold derivatives against difference quotients, and the two modes against each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.api.agreement import allowance, noise_cap
from srcgrad.api.differences import COARSE_STEPS, STEPS, Quotient, quotients, roughness
from srcgrad.api.problems import FAILS, MODES, Forward, Mode, Problem, Reverse, derivative, problem_of
from srcgrad.api.vectors import Mismatch, Vector, component, element, inner, only, places, size
from srcgrad.errors import ArgumentError, SrcgradError

FEW = 64  # components that are looked at one by one when the wrong ones are sought
ALIASES = {"rev": "reverse", "fwd": "forward"}  # the names in jax.test_util

Places = list[tuple[int, tuple[int, ...]]]


class WrongDerivative(AssertionError):
    """What check_grads raises. rough: why the function seems to have no derivative there, empty where it has."""

    def __init__(self, message: str, rough: str = "") -> None:
        super().__init__(message)
        self.rough = rough


@dataclass(frozen=True)
class Tolerances:
    """How far a derivative may be off, relative and absolute; the steps that quotients are taken with."""

    rtol: float
    atol: float
    steps: tuple[float, ...]


def check_grads(
    f: Callable[..., Any], args: Sequence[Any], order: int = 2, modes: Iterable[str] = ("reverse", "forward"),
    atol: float | None = None, rtol: float | None = None, eps: float | None = None, argnums: Any = None,
    kwargs: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Assert that srcgrad's derivatives of f at args are right: a test for your own functions.

    Both modes are held against central differences along random directions (the same ones at each call), and against
    each other; with order=2 so are the derivatives of both derivatives, and so on. f may return floats, arrays and
    containers of them.

    args: f's positional arguments, a tuple; floats, arrays, containers; what is no float is held constant. kwargs:
    f's keyword arguments, constant. argnums: by which of args, positions or names; all by default. atol, rtol: what
    may be off, by default nothing and 1e-6 of the slope (1e-3 in single precision). eps: the step of the differences,
    relative to the size of the arguments; by default several are tried.

    Raises AssertionError where a derivative is wrong, with the mode, the component, and both numbers, and says so if f
    has no derivative there; ArgumentError for arguments that cannot be checked; other SrcgradErrors for code that
    cannot be differentiated. Nothing that is passed is modified.
    """
    if not isinstance(args, (tuple, list)):
        raise ArgumentError(
            f"check_grads takes a tuple of arguments, not {type(args).__name__}.", "Write check_grads(f, (x, y))."
        )
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise ArgumentError(f"order={order!r} is not a positive integer.", "1 checks gradients, 2 their derivatives.")
    wanted = tuple(ALIASES.get(mode, mode) for mode in ((modes,) if isinstance(modes, str) else modes))
    if not wanted or any(mode not in MODES for mode in wanted):
        raise ArgumentError(f"modes={modes!r} is not known.", 'The modes are "reverse" and "forward".')
    problem = problem_of(f, tuple(args), dict(kwargs or {}), argnums)
    if eps is not None:
        steps: tuple[float, ...] = (eps,)
    else:
        steps = COARSE_STEPS if problem.is_single_inside() else STEPS
    usual = {2: 5e-2, 4: 1e-3}.get(2 if problem.eps > 1e-4 else 4 if problem.eps > 1e-9 else 8, 1e-6)
    tolerances = Tolerances(usual if rtol is None else rtol, atol or 0.0, steps)
    _check(problem, int(order), (), wanted, tolerances)


def _check(problem: Problem, order: int, trail: tuple[str, ...], modes: tuple[str, ...], by: Tolerances) -> None:
    """Check a function's derivatives, and those of its derivatives up to the order. trail: the modes that made it."""
    rng = np.random.default_rng(len(trail) + 20)
    checks = {mode: Checked(problem, MODES[mode](problem), trail, by) for mode in modes}
    for v, w in _directions(problem, rng):
        _check_finite(problem, trail)
        slope = Slope(problem, v, w, by.steps)
        for check in checks.values():
            check.against_differences(slope, rng)
        if len(checks) == 2:
            _check_modes(problem, trail, slope, rng)
    if order > 1:
        for mode in modes:
            v, w = problem.directions(rng)
            again = derivative(problem, mode, w if mode == "reverse" else v)
            if again.results:
                _check(again, order - 1, (*trail, mode), modes, by)


def _directions(problem: Problem, rng: np.random.Generator) -> Iterable[tuple[Vector, Vector]]:
    """Two random directions, and one for each leaf, which the others could drown."""
    for _ in range(2):
        yield problem.directions(rng)
    if 1 < len(problem.leaves) <= 32:
        for k in range(len(problem.leaves)):
            v, w = problem.directions(rng)
            yield [part if j == k else np.zeros_like(part) for j, part in enumerate(v)], w


def _check_finite(problem: Problem, trail: tuple[str, ...]) -> None:
    bad = [path for path, leaf in problem.results if not np.all(np.isfinite(component(leaf)))]
    if bad:
        raise WrongDerivative(
            f"{_title(problem, trail)}: {bad[0]} is not finite at the given point, so there is no derivative to check.",
            f"{bad[0]} is not finite",
        )


def trouble_at(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], argnums: Any) -> str:
    """Why f seems to have no derivative at args: a phrase, empty where it looks smooth. Calls f and nothing else."""
    try:
        problem = problem_of(f, tuple(args), kwargs, argnums)
    except FAILS as error:
        if isinstance(error, SrcgradError):
            raise
        return f"it raises {type(error).__name__}: {error}"
    rng = np.random.default_rng(10)
    for _ in range(2):
        v, w = problem.directions(rng)
        try:
            _check_finite(problem, ())
        except WrongDerivative as error:
            return error.rough
        rough = Slope(problem, v, w, STEPS).roughness()
        if rough:
            return rough
    return ""


class Slope:
    """The slope of a problem's function along v by differences, taken one by one as they are asked for."""

    def __init__(self, problem: Problem, v: Vector, w: Vector, steps: tuple[float, ...]) -> None:
        self.v, self.w, self.steps = v, w, steps
        self.f = problem.along(v, w)
        self.magnitude = problem.magnitude(w)
        self.eps = float(np.finfo(np.float32 if steps == COARSE_STEPS else np.float64).eps)
        # what is in single precision is rounded less pessimistically: steps would be all that counts
        eps = self.eps / 30 if self.eps > 1e-9 else self.eps
        self._more = quotients(self.f, self.magnitude, eps, steps)
        self._known: list[Quotient] = []

    def quotients(self) -> Iterable[Quotient]:
        """All quotients, each computed once."""
        for k in itertools.count():
            if k == len(self._known):
                found = next(self._more, None)
                if found is None:
                    return
                self._known.append(found)
            yield self._known[k]

    def allows(self, number: float, rtol: float, atol: float) -> bool:
        """Whether a number is the derivative, as far as the quotients can say.

        A step that is too small makes a quotient that says nothing: those much vaguer than another have no voice.
        """
        least = np.inf
        for q in self.quotients():
            margin = q.margin(number, rtol)
            least = min(least, margin)
            if abs(number - q.value) <= atol + margin:
                if margin <= max(10 * least, 2e-3 * max(abs(number), abs(q.value)), 1e-11):
                    return True
        return False

    def roughness(self, unit: float = 1.0) -> str:
        """Why the function looks as if it had no derivative here, empty if it does not."""
        return roughness(self.f, self.magnitude, self.eps, unit)

    def best(self) -> Quotient | None:
        """The quotient that is known best."""
        return min(self.quotients(), key=lambda q: q.uncertainty + q.rounding, default=None)


@dataclass
class Checked:
    """One mode's derivative of a problem, under check."""

    problem: Problem
    mode: Mode
    trail: tuple[str, ...]
    by: Tolerances

    def against_differences(self, slope: Slope, rng: np.random.Generator) -> None:
        """Raise AssertionError unless the slope is that of a difference quotient."""
        try:
            number = self.mode.slope(slope.v, slope.w)
        except Mismatch as error:
            raise WrongDerivative(f"{_title(self.problem, self.trail, self.mode.mode)}: {error}.") from error
        if slope.allows(number, self.by.rtol, self.by.atol):
            return
        best = slope.best()
        if best is None:
            rough = slope.roughness() or "it is not finite near it"
            raise WrongDerivative(
                f"{_title(self.problem, self.trail)}: no difference quotient can be taken at the given point: "
                f"{rough}. Check it inside of its domain.", rough,
            )  # fmt: skip
        noise = min(30 * self.mode.defect(slope.v, slope.w, rng), noise_cap(best.value, self.problem.eps))
        if slope.allows(number, self.by.rtol, self.by.atol + noise):
            return
        raise self._report(slope)

    def _report(self, slope: Slope) -> WrongDerivative:
        """What is wrong, by component."""
        problem, mode = self.problem, self.mode

        def excess(v: Vector, w: Vector) -> float:
            q, number = Slope(problem, v, w, self.by.steps).best(), mode.slope(v, w)
            if q is None:
                return 0.0
            allowed = self.by.atol + q.margin(number, self.by.rtol)
            gap = abs(number - q.value)
            return float("inf") if np.isnan(gap) else gap / (allowed or 1e-300)

        where, v, w = _narrowed(problem, slope.v, slope.w, excess)
        found = Slope(problem, v, w, self.by.steps)
        best, number, unit = found.best() or slope.best(), mode.slope(v, w), 1.0
        assert best is not None
        if where.component:
            unit = _total(v) * (_total(w) if where.element else 1.0)
        number, quotient = number / unit, best.value / unit
        lines = [
            f"{_title(problem, self.trail, mode.mode)} is wrong.",
            f"  argument             {where.argument}",
            *([f"  element of result    {where.result}"] if where.result else []),
            f"  srcgrad              {number:.10g}",
            f"  difference quotient  {quotient:.10g}  (central, step {best.step:g})",
            f"  {_off(number, quotient)}",
        ]
        if where.wrong:
            lines.append(f"  {where.wrong}")
        rough = found.roughness(unit)
        if rough:
            lines.append(f"  The function seems to have no derivative at this point: {rough}.")
        return WrongDerivative("\n".join(lines), rough)


def _total(vector: Vector) -> float:
    """The only component of a vector; 1 where it is complex: there is no slope of one number then."""
    return 1.0 if any(map(np.iscomplexobj, vector)) else sum(float(np.sum(part)) for part in vector)


@dataclass(frozen=True)
class Where:
    """Where two derivatives differ: in which component of the arguments, in which element of the result."""

    argument: str
    result: str
    component: bool
    element: bool
    wrong: str


def _narrowed(problem: Problem, v: Vector, w: Vector, excess: Callable[[Vector, Vector], float]
              ) -> tuple[Where, Vector, Vector]:  # fmt: skip
    """The component where derivatives differ most, and the directions that show it.

    excess: how many times more than allowed they differ along v and w.
    """
    inputs = [place for place in places(problem.leaves) if v[place[0]][place[1]] != 0]
    kept, wrong, of = _worst(inputs, lambda some: excess(only(v, some), w))
    outputs = places(problem.results)
    component = excess(only(v, kept), w) > 1
    shown = only(v, kept) if component else v
    kept_out, _, _ = _worst(outputs, lambda some: excess(shown, only(w, some)))
    single = excess(shown, only(w, kept_out)) > 1
    (k, index), (r, at) = kept[0], kept_out[0]
    said = f"{wrong} of {of} components are off." if wrong > 1 else ""
    argument = element(problem.leaves[k][0], index) if component else "a random direction of " + ", ".join(
        path for path, _ in problem.leaves)  # fmt: skip
    result = element(problem.results[r][0], at) if len(outputs) > 1 and single else ""
    if len(outputs) > 1 and not single:
        result = "all of them, weighted at random"
    return Where(argument, result, component, single, said), shown, only(w, kept_out) if single else w


def _worst(all_places: Places, excess: Callable[[Places], float]) -> tuple[Places, int, int]:
    """The place with the largest excess; how many of those looked at have one, and how many were looked at."""
    kept = all_places
    while len(kept) > FEW:
        half = len(kept) // 2
        kept = max(kept[:half], kept[half:], key=excess)
    found = [excess([place]) for place in kept]
    return [kept[int(np.argmax(found))]], sum(number > 1 for number in found), len(kept)


def _check_modes(problem: Problem, trail: tuple[str, ...], slope: Slope, rng: np.random.Generator) -> None:
    """The dot-product test."""
    forward, reverse = Forward(problem), Reverse(problem)
    v, w = slope.v, slope.w
    tangent, adjoint = forward.push(v), reverse.pull(w)
    scale = max(size(tangent, w), size(adjoint, v))

    def noise() -> float:
        return forward.defect(v, w, rng) + reverse.defect(v, w, rng)

    gap = abs(inner(tangent, w) - inner(adjoint, v))
    if gap <= allowance(scale, slope.magnitude, problem.eps, noise, gap):
        return

    def excess(v: Vector, w: Vector) -> float:
        one, other = forward.slope(v, w), reverse.slope(v, w)
        return abs(one - other) / (allowance(max(abs(one), abs(other)), 0.0, problem.eps) or 1e-300)

    where, v, w = _narrowed(problem, v, w, excess)
    best = Slope(problem, v, w, slope.steps).best()
    one, other = forward.slope(v, w), reverse.slope(v, w)
    raise WrongDerivative("\n".join([
        f"{_title(problem, trail, 'forward and reverse')}: the two modes disagree (dot-product test).",
        f"  argument             {where.argument}",
        *([f"  element of result    {where.result}"] if where.result else []),
        f"  srcgrad, forward     {one:.15g}",
        f"  srcgrad, reverse     {other:.15g}",
        *([f"  difference quotient  {best.value:.10g}  (central, step {best.step:g})"] if best else []),
        f"  {_off(one, other)}",
    ]))  # fmt: skip


def _off(number: float, expected: float) -> str:
    """How far a number is off, and by which simple factor, if it is one."""
    gap = abs(number - expected)
    if not np.isfinite(gap):
        return "off by        not finite"
    relative = gap / max(abs(number), abs(expected))
    text = f"off by               {gap:.3g}, {100 * relative:.3g} % of the larger"
    if expected and number and abs(number / expected - round(number / expected, 2)) < 1e-5:
        text += f"; a factor of {number / expected:.2g}"
    return text


def _title(problem: Problem, trail: tuple[str, ...], mode: str = "") -> str:
    """Which derivative is spoken of: mode and order."""
    name = problem.what.rsplit(" of ", 1)[-1]
    modes = " over ".join([mode, *reversed(trail)] if mode else [*reversed(trail)])
    if not modes:
        return f"check_grads of {name}"
    return f"check_grads: the derivative of {name} by {modes} mode, order {len(trail) + bool(mode)},"
