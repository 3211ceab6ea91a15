"""A function at a point, with its derivative by either mode as a linear map, for tests of both.

Slopes are numbers: of the inner product of the result with an adjoint `w`, along a direction `v` of the arguments.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.api.forward import jvp
from srcgrad.api.gradient import GradientFunction
from srcgrad.api.pullback import part_of, runnable
from srcgrad.api.structure import float_leaves, held
from srcgrad.api.vectors import (
    Vector,
    component,
    inner,
    moved,
    random_direction,
    scale_of,
    size,
    spelled_leaves,
    typed,
    vector_of,
)
from srcgrad.backends.homes import dtype_of
from srcgrad.errors import ArgumentError

FAILS = (ArithmeticError, ValueError, np.linalg.LinAlgError)
"""What functions raise outside of their domain."""


@dataclass
class Problem:
    """A function of positional arguments at a point, to be differentiated by the arguments at the places `wrt`.

    function: what is differentiated; run: what gives its value, which on a device is another. labels: what to call the
    arguments; what: what to call the function. value: its value at the point; leaves: the float leaves of the arguments
    at `wrt`; results: those of the value. eps: the relative rounding error of the coarsest of them.
    """

    function: Callable[..., Any]
    run: Callable[..., Any]
    args: tuple[Any, ...]
    wrt: tuple[int, ...]
    labels: tuple[str, ...]
    what: str
    value: Any = None
    leaves: list[tuple[str, Any]] = field(default_factory=list)
    results: list[tuple[str, Any]] = field(default_factory=list)
    eps: float = 0.0

    def __post_init__(self) -> None:
        self.leaves = [leaf for k in self.wrt for leaf in spelled_leaves(self.args[k], self.labels[k])]
        self.value = self.run(*map(held, self.args))
        self.results = list(spelled_leaves(self.value, "result"))
        if not self.leaves:
            raise ArgumentError(f"the arguments of {self.what} hold no floats to differentiate by.")
        if not self.results:
            raise ArgumentError(f"the result of {self.what} holds no floats.", "Return what is to be differentiated.")
        self.eps = max(float(np.finfo(dtype_of(leaf)).eps) for _, leaf in self.leaves + self.results)

    def directions(self, rng: np.random.Generator) -> tuple[Vector, Vector]:
        """A random direction of the arguments, and a random adjoint of the result: 1 for a number."""
        v = random_direction([leaf for _, leaf in self.leaves], rng)
        if sum(np.size(leaf) for _, leaf in self.results) == 1:
            return v, [np.ones(np.shape(leaf)) for _, leaf in self.results]
        w = random_direction([leaf for _, leaf in self.results], rng)
        return v, [part / scale_of(leaf) ** 2 for part, (_, leaf) in zip(w, self.results, strict=True)]

    def along(self, v: Vector, w: Vector) -> Callable[[float], float]:
        """The function of one number whose slope at 0 is asked for; nan where the function fails."""

        def at(step: float) -> float:
            rest = iter(v)
            args = [moved(arg, rest, step) if k in self.wrt else held(arg) for k, arg in self._in_order()]
            try:
                with np.errstate(all="ignore"):
                    out = self.run(*args)
            except FAILS:
                return float("nan")
            found = [component(leaf) for _, leaf in float_leaves(out)]
            if [np.shape(part) for part in found] != [np.shape(part) for part in w]:
                return float("nan")  # the point lies where the result changes its shape
            return inner(found, w)

        return at

    def _in_order(self) -> Sequence[tuple[int, Any]]:
        return list(enumerate(self.args))

    def magnitude(self, w: Vector) -> float:
        """The size of what the inner product with w sums up."""
        return size([component(leaf) for _, leaf in self.results], w)

    def is_single_inside(self) -> bool:
        """Whether the function answers in single precision though it is asked in double."""
        args = [moved(a, iter([np.zeros(())] * len(self.leaves)), 0.0) if k in self.wrt else held(a)
                for k, a in self._in_order()]  # fmt: skip
        return any(dtype_of(leaf).itemsize < 8 for _, leaf in float_leaves(self.run(*args)))


class Forward:
    """The derivative of a problem's function by forward mode."""

    mode = "forward"

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._known: tuple[Any, Vector] | None = None

    def push(self, v: Vector) -> Vector:
        """The tangent of the result along v. Mismatch where it does not have the result's structure."""
        problem = self.problem
        rest = iter(v)
        tangents = [typed(arg, rest) if k in problem.wrt else None for k, arg in enumerate(problem.args)]
        with np.errstate(all="ignore"):
            _, out_dot = jvp(problem.function, problem.args, tangents)
        return vector_of(problem.value, out_dot, "result")

    def slope(self, v: Vector, w: Vector) -> float:
        """<w, J v>; J v is kept for other w."""
        if self._known is None or self._known[0] is not v:
            self._known = v, self.push(v)
        return inner(self._known[1], w)

    def defect(self, v: Vector, w: Vector, rng: np.random.Generator) -> float:
        """How far rounding keeps the map from being linear."""
        part = [x * rng.uniform(0.25, 0.75, np.shape(x)) for x in v]
        rest = [x - y for x, y in zip(v, part, strict=True)]
        return abs(inner(self.push(v), w) - inner(self.push(part), w) - inner(self.push(rest), w))


class Reverse:
    """The derivative of a problem's function by reverse mode."""

    mode = "reverse"

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._known: tuple[Any, Vector] | None = None

    def pull(self, w: Vector) -> Vector:
        """The adjoint of the arguments for w. Mismatch where it does not have the arguments' structure."""
        problem = self.problem
        made, compiled, given = _generated(problem, "reverse", w)
        with np.errstate(all="ignore"):
            found = made._run(compiled, given)
        parts = found if compiled.outputs > 1 else (found,)
        return [
            part for k, adjoint in zip(problem.wrt, parts, strict=True)
            for part in vector_of(problem.args[k], adjoint, problem.labels[k])
        ]  # fmt: skip

    def slope(self, v: Vector, w: Vector) -> float:
        """<J^T w, v>; J^T w is kept for other v."""
        if self._known is None or self._known[0] is not w:
            self._known = w, self.pull(w)
        return inner(self._known[1], v)

    def defect(self, v: Vector, w: Vector, rng: np.random.Generator) -> float:
        """How far rounding keeps the map from being linear."""
        part = [np.asarray(x * rng.uniform(0.25, 0.75, np.shape(x))) for x in w]
        rest = [np.asarray(x - y) for x, y in zip(w, part, strict=True)]
        return abs(inner(self.pull(w), v) - inner(self.pull(part), v) - inner(self.pull(rest), v))


Mode = Forward | Reverse
MODES: dict[str, type[Forward] | type[Reverse]] = {"reverse": Reverse, "forward": Forward}


def _generated(
    problem: Problem, mode: str, vector: Vector, again: bool = False
) -> tuple[GradientFunction, Any, tuple[Any, ...]]:
    """The generated function of a mode, and all its arguments: with the adjoint or the direction `vector`."""
    made = GradientFunction(problem.function, problem.wrt, mode="vjp" if mode == "reverse" else "jvp", again=again)
    compiled, given = made._find(made._plain, tuple(map(held, problem.args)), {})
    if mode == "reverse":
        adjoint = typed(problem.value, iter(vector))
        return made, compiled, (*given, *(part_of(adjoint, problem.value, path) for path in compiled.seed_paths))
    rest = iter(vector)
    return made, compiled, (*given, *(typed(problem.args[k], rest) for k in problem.wrt))


def derivative(problem: Problem, mode: str, vector: Vector) -> Problem:
    """The derivative of a problem's function, for a fixed adjoint or direction, as a problem of its own.

    What is differentiated again is the generated code: a Python function with source like any other.
    """
    made, compiled, given = _generated(problem, mode, vector, again=True)
    target = made._target
    bound = given[: len(target.names)]
    names = [place if isinstance(place, str) else place[0] for place in target.places(made.argnums, bound, "")]
    wrt = tuple(sorted({target.names.index(name) for name in names}))
    labels = (*target.names, *compiled.hidden, *("" for _ in given))[: len(given)]
    what = f"the {mode} derivative of {problem.what}"
    return Problem(compiled.plain, lambda *args: compiled.backend.run(compiled.call, args), given, wrt, labels, what)


def problem_of(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Any
) -> Problem:
    """The problem of a call f(*args, **kwargs) of a user's function. argnums: None for all that hold floats."""
    named = functools.partial(function, **{name: held(value) for name, value in kwargs.items()}) if kwargs else function
    made = GradientFunction(named, 0)
    target = made._target
    own = [name for name in target.positional[len(target.args):] if name not in target.kwargs]
    rest = [f"{target.rest or 'argument'}[{k}]" for k in range(max(0, len(args) - len(own)))]
    labels = (*own, *rest)[: len(args)]
    target.bind(args, {}, made.__name__)
    if argnums is None:
        wrt = tuple(k for k, arg in enumerate(args) if any(True for _ in float_leaves(arg)))
    else:
        wrt = tuple(_place(item, labels, made.__name__)
                    for item in ((argnums,) if isinstance(argnums, (int, str)) else argnums))  # fmt: skip
    args = tuple(map(held, args))
    return Problem(named, runnable(named, args, {}), args, wrt, labels, made.__name__)


def _place(item: int | str, labels: tuple[str, ...], name: str) -> int:
    if isinstance(item, str) and item in labels:
        return labels.index(item)
    if isinstance(item, (int, np.integer)) and -len(labels) <= item < len(labels):
        return int(item) % len(labels)
    raise ArgumentError(
        f"argnums={item!r} is none of the arguments in `args` of {name}.",
        f"They are {', '.join(labels) or 'none'}; what is given by `kwargs` is held constant.",
    )
