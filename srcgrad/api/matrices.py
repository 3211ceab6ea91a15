"""jacobian, jacfwd, jacrev and hessian: all derivatives of a function's results by its arguments.

An operator is a function and a chain of turns: each turn differentiates what the turns before it have made. A Jacobian
is one turn, the Jacobian of a Jacobian two, a Hessian is the turns gradient and forward. A turn makes a generated
function that takes a direction beside the arguments; a further turn differentiates that function by the arguments, for
each of the directions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.api.directions import (
    Directions,
    Repeated,
    pull_many,
    push_many,
    rebuilt,
)
from srcgrad.api.gradient import GradientFunction
from srcgrad.api.operators import (
    Derivatives,
    Operator,
    Wrt,
    arguments_of,
    in_terms_of,
    position,
    refuse_result,
    wrt,
)
from srcgrad.api.pullback import runnable
from srcgrad.api.structure import Path, float_leaves, held, part
from srcgrad.api.target import Argnums, is_many, name_of, target_of
from srcgrad.backends.homes import array_module, dtype_of
from srcgrad.compile import Compiled
from srcgrad.errors import ArgumentError, SrcgradError
from srcgrad.transform.results import GRADIENTS

MODES = ("auto", "forward", "reverse")


@dataclass(frozen=True)
class Turn:
    """One differentiation: by what, and how.

    mode: "gradient" (the first turn only: the generated gradient is what is differentiated further), "forward",
    "reverse", or "auto" for one of these two. holomorphic: the function is, so that either mode gives its complex
    derivative.
    """

    argnums: Any
    mode: str
    chunk_size: int | None = None
    has_aux: bool = False
    holomorphic: bool = False


@dataclass
class Call:
    """A function to be differentiated, and the arguments. bound: these by parameter; compiled: the generated function
    that it is the source of, None for the user's."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    bound: tuple[Any, ...]
    compiled: Compiled | None = None

    def run(self) -> Any:
        """The value. The arguments stay as they are; generated functions do not write into arrays."""
        if self.compiled is not None:
            return self.compiled.backend.run(self.compiled.call, Repeated(self.args).run(last=False))
        kwargs = {name: held(value) for name, value in self.kwargs.items()}
        return runnable(self.function, self.args, kwargs)(*(held(arg) for arg in self.args), **kwargs)


@dataclass
class Found:
    """Derivatives: arrays by the paths of their places in the result and in the arguments of each turn.

    trees: what the paths lead through. ndim: the number of axes of each part of the result, which come first in the
    arrays.
    """

    arrays: dict[tuple[Path, ...], np.ndarray]
    trees: list[Any]
    ndim: dict[Path, int]

    def build(self, level: int = 0, paths: tuple[Path, ...] = ()) -> Any:
        """The tree of trees."""
        if level == len(self.trees):
            return self.arrays[paths]
        return rebuilt(self.trees[level], lambda path, _: self.build(level + 1, (*paths, path)))


class MatrixFunction(Operator):
    """The Jacobian or Hessian of a function, as a callable.

    Call it with the function's arguments. `primal`: the function; `source`: the source of the generated function whose
    columns or rows make up the matrix: for the last call, or before any call for arrays; `source_for(*args)`.
    """

    def __init__(self, function: Callable[..., Any], turns: tuple[Turn, ...], what: str = "Jacobian") -> None:
        super().__init__(function, turns[-1].argnums)
        self._own, self._name = turns, what
        self._turns = turns
        self._base: Any
        base: Any = function
        if turns[0].mode == "gradient":
            base = GradientFunction(base, self.argnums, again=True)
        elif isinstance(base, MatrixFunction):
            if base._turns[-1].has_aux:
                raise ArgumentError(f"{base!r} returns a pair.", "Make it without has_aux to differentiate it.")
            base, self._turns = base._base, (*base._turns, *turns)
        elif isinstance(base, GradientFunction):
            if base.has_aux or base._with_value or base._mode not in GRADIENTS:
                raise ArgumentError(f"{base!r} returns a pair.", "Differentiate grad(f) without the value and aux.")
            self._turns = (Turn(base.argnums, "gradient"), *turns)
            if base.outputs is None:
                base = GradientFunction(base.primal, base.argnums, mode=base._mode, again=True)
        self._base = base
        self._target = base._target if isinstance(base, GradientFunction) else target_of(base)
        self.__name__ = getattr(function, "__name__", None) or name_of(base, self._target)
        self._derivatives = Derivatives()
        self._last: Compiled | None = None

    @property
    def suffix(self) -> str:  # type: ignore[override]
        """What the function in source is called that does the same."""
        if self.is_hessian:
            return "hessian"
        return {"forward": "jacfwd", "reverse": "jacrev"}.get(self.mode, "jacobian")

    @property
    def is_hessian(self) -> bool:
        """Whether it is made of the gradient of `primal`."""
        return self._own[0].mode == "gradient"

    @property
    def mode(self) -> str:
        """ "auto", "forward" or "reverse"."""
        return self._turns[-1].mode

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = self._start(args, kwargs)
        turn = self._turns[0]
        aux = None
        if turn.has_aux:
            out = call.run()
            if not isinstance(out, tuple) or len(out) != 2:
                raise ArgumentError(
                    "has_aux needs a function that returns a pair: (result, aux)",
                    "Return a pair, or leave has_aux out.", position(self._target),
                )  # fmt: skip
            aux = out[1]
        with in_terms_of(self._target, self.__name__):
            found = self._evaluate(call, self._turns).build()
        return (found, aux) if turn.has_aux else found

    def _start(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        bound = self._target.bind(args, kwargs, self.__name__)
        return Call(self._target.function, *arguments_of(self._target, bound), bound)

    def _wrt(self, turn: Turn, call: Call) -> Wrt:
        bound = call.bound[: len(self._target.names)]
        return wrt(self._target, turn.argnums, bound, self.__name__, self._name)

    # ---- turns ----

    def _evaluate(self, call: Call, turns: tuple[Turn, ...]) -> Found:
        turn, rest = turns[0], turns[1:]
        by = self._wrt(turn, call)
        if turn.mode == "gradient":
            compiled, further = self._gradient(call)
            return self._by_parts(self._evaluate(further, rest), by, call, compiled.outputs > 1)
        mode = self._chosen(turn, by, call)
        made, compiled, given = self._made(call, turn, by, mode)
        self._last = compiled
        with compiled.backend.at(given):
            if mode == "forward":
                return self._forward(made, compiled, given, call, turn, rest, by)
            return self._reverse(made, compiled, given, call, turn, rest, by)

    def _made(self, call: Call, turn: Turn, by: Wrt, mode: str) -> tuple[GradientFunction, Compiled, tuple[Any, ...]]:
        """The derivative in one direction, as an object, compiled for the call, and what it is given beside it."""
        names = by.names(call.function)
        if mode == "forward":
            made = self._derivatives.of(call.function, names, "jvp")
        else:
            made = self._derivatives.of(call.function, names, "vjp", turn.has_aux)
        return made, *made._find(made._plain, call.args, call.kwargs)

    def _gradient(self, call: Call) -> tuple[Compiled, Call]:
        names = self._wrt(self._turns[0], call).names(call.function)
        made = self._derivatives.of(call.function, names, self._base._mode)
        compiled, given = made._find(made._plain, call.args, call.kwargs)
        if compiled.overwritten:
            made._check_disjoint(compiled, given)
        given = (*given, *[1.0] * len(compiled.seeds))
        return compiled, Call(compiled.plain, given, {}, given, compiled)

    def _chosen(self, turn: Turn, by: Wrt, call: Call) -> str:
        """Forward where there are no more inputs than results: one sweep for each input, or for each result."""
        if turn.mode != "auto":
            return turn.mode
        units = by.units(call.bound)
        inputs = units.count
        if _is_complex(units) and not turn.holomorphic:
            return "reverse"
        if inputs == 1:
            return "forward"
        out = call.run()
        results = Directions(out[0] if turn.has_aux else out)
        if _is_complex(results) and not turn.holomorphic:
            return "forward"
        return "forward" if inputs <= results.count else "reverse"

    def _refuse_complex(self, units: Directions, turn: Turn, what: str) -> None:
        """A real Jacobian of complex numbers would leave out a part of what they depend on."""
        if _is_complex(units) and not turn.holomorphic:
            raise ArgumentError(
                f"{what} of {self.__name__} are complex, so it has no {self._name} by {turn.mode} mode",
                "Give holomorphic=True to jacobian if it is holomorphic; or take real and imaginary parts.",
                position(self._target),
            )

    def _forward(
        self, made: GradientFunction, compiled: Compiled, given: tuple[Any, ...], call: Call, turn: Turn,
        rest: tuple[Turn, ...], by: Wrt,
    ) -> Found:  # fmt: skip
        units = by.units(call.bound)
        self._refuse_complex(units, turn, "the arguments")
        if rest:
            found = self._each(compiled, given, units, lambda unit: unit, rest)
        else:
            tree = push_many(made, call.args, call.kwargs, units, turn.chunk_size)
            tree = tree[0] if turn.has_aux and tree is not None else tree
            if tree is None:
                out = call.run()
                refuse_result(out[0] if turn.has_aux else out, self._target, self._name)
            stacks = dict(float_leaves(tree))
            ndim = {path: stack.ndim - 1 for path, stack in stacks.items()}
            found = Found({(path,): stack for path, stack in stacks.items()}, [tree], ndim)
        arrays = {}
        for (path, *others), stack in found.arrays.items():
            at = found.ndim[path]
            for whole, leaf, start, stop in units.places:
                shape = np.shape(leaf)
                block = stack[start:stop].reshape((*shape, *stack.shape[1:]))
                xp = array_module(block)
                block = xp.moveaxis(block, tuple(range(len(shape))), tuple(range(at, at + len(shape))))
                for asked in by.asked(whole):
                    arrays[path, asked, *others] = xp.array(block, _joined(stack.dtype, leaf), order="C")
        return Found(arrays, [found.trees[0], by.template(call.bound), *found.trees[1:]], found.ndim)

    def _reverse(
        self, made: GradientFunction, compiled: Compiled, given: tuple[Any, ...], call: Call, turn: Turn,
        rest: tuple[Turn, ...], by: Wrt,
    ) -> Found:  # fmt: skip
        if compiled.overwritten:
            made._check_disjoint(compiled, given)
        out = call.run()
        out = out[0] if turn.has_aux else out
        refuse_result(out, self._target, self._name)
        units = Directions(out)
        self._refuse_complex(units, turn, "the results")
        if rest:
            found = self._each(
                compiled, given, units, lambda unit: tuple(part(unit, path) for path in compiled.seed_paths), rest
            )
            found = self._by_parts(found, by, call, compiled.outputs > 1)
        else:
            tree = pull_many(made, call.args, call.kwargs, units, turn.chunk_size)
            found = Found({(path,): stack for path, stack in float_leaves(tree)}, [tree], {})
            found = self._by_parts(found, by, call, True)
        arrays = {}
        for (path, *others), stack in found.arrays.items():
            argument = part(by.template(call.bound), path)
            for outer, leaf, start, stop in units.places:
                block = stack[start:stop].reshape((*np.shape(leaf), *stack.shape[1:]))
                dtype = _joined(dtype_of(leaf), argument)
                if others:
                    dtype = np.promote_types(dtype, stack.dtype)
                arrays[outer, path, *others] = array_module(block).array(block, dtype, order="C")
        return Found(arrays, [out, *found.trees], {path: np.ndim(leaf) for path, leaf, _, _ in units.places})

    def _each(
        self, compiled: Compiled, given: tuple[Any, ...], units: Directions,
        taken: Callable[[Any], tuple[Any, ...]], rest: tuple[Turn, ...],
    ) -> Found:  # fmt: skip
        """Further turns for a generated function, in each of the directions, stacked."""
        stacks: dict[tuple[Path, ...], np.ndarray] = {}
        found = None
        repeated = Repeated(given)
        for k in range(max(1, units.count)):  # in the direction zero, if there is none, for the structure
            args = (*repeated.run(last=k + 1 >= units.count), *taken(units.one(k)))
            found = self._evaluate(Call(compiled.plain, args, {}, args, compiled), rest)
            for paths, array in found.arrays.items():
                if k == 0:
                    stacks[paths] = array_module(array).zeros((units.count, *array.shape), array.dtype)
                if units.count:
                    stacks[paths][k] = array
        assert found is not None
        return Found(stacks, found.trees, found.ndim)

    def _by_parts(self, found: Found, by: Wrt, call: Call, several: bool) -> Found:
        """Derivatives of a generated gradient, with its results as they were asked for instead of by parameter."""
        arrays = {}
        ndim = {}
        for (path, *others), array in found.arrays.items():
            for asked in by.asked(path if several else (0, *path)):
                arrays[asked, *others] = array
                ndim[asked] = found.ndim.get(path, 0)
        return Found(arrays, [by.template(call.bound), *found.trees[1:]], ndim)

    # ---- looking ----

    @property
    def source(self) -> str:
        """The source of the forward or reverse function: for the kinds of the last call, or before any for arrays."""
        if self._last is not None:
            return self._last.text
        if isinstance(self._base, GradientFunction):
            given = self._base._guessed()[1]
        else:
            given = GradientFunction(self._base, self._turns[0].argnums, mode="vjp")._guessed()[1]
        bound = given[: len(self._target.names)]
        call = Call(self._target.function, *arguments_of(self._target, bound), bound)
        return self._compiled(call, self._turns).text

    def source_for(self, *args: Any, **kwargs: Any) -> str:
        """The source of the forward or reverse function for arguments of these kinds."""
        return self._compiled(self._start(args, kwargs), self._turns).text

    def _compiled(self, call: Call, turns: tuple[Turn, ...]) -> Compiled:
        turn, rest = turns[0], turns[1:]
        by = self._wrt(turn, call)
        if turn.mode == "gradient":
            return self._compiled(self._gradient(call)[1], rest)
        try:
            chosen = self._chosen(turn, by, call)
        except SrcgradError:
            raise
        except Exception:  # the primal's own, at arguments that are only an example
            chosen = "forward"
        _, compiled, given = self._made(call, turn, by, chosen)
        if not rest:
            return compiled
        if chosen == "forward":
            given = (*given, *by.units(call.bound).values)
        else:
            out = call.run()
            given = (*given, *[part(out, path) for path in compiled.seed_paths])
        return self._compiled(Call(compiled.plain, given, {}, given, compiled), rest)

    def _what(self) -> str:
        mode = "" if self._name != "Jacobian" or self.mode == "auto" else f"{self.mode} "
        return mode + self._name

    def _rebuild(self) -> tuple[Any, ...]:
        return self.primal, self._own, self._name


def _is_complex(units: Directions) -> bool:
    return any(dtype_of(leaf).kind == "c" for _, leaf, _, _ in units.places)


def _joined(dtype: np.dtype[Any], argument: Any) -> np.dtype[Any]:
    """The dtype of the derivative of a result by an argument: a Python float takes that of the result."""
    if isinstance(argument, (float, complex)) and not isinstance(argument, np.inexact):
        return np.result_type(dtype, np.complex64) if isinstance(argument, complex) else dtype
    return np.promote_types(dtype, dtype_of(argument))


def _checked(mode: str, chunk_size: int | None) -> None:
    if mode not in MODES:
        raise ArgumentError(f"mode={mode!r} is none of {', '.join(map(repr, MODES))}.", "Choose one of these.")
    is_int = isinstance(chunk_size, (int, np.integer)) and not isinstance(chunk_size, bool)
    if chunk_size is not None and (not is_int or chunk_size < 1):
        raise ArgumentError(
            f"chunk_size={chunk_size!r} is not a number of directions to take at a time.", "Give 1 or more, or None."
        )


def jacobian(
    function: Callable[..., Any] | None = None, argnums: Argnums = 0, mode: str = "auto",
    chunk_size: int | None = None, has_aux: bool = False, holomorphic: bool = False,
) -> Any:  # fmt: skip
    """The Jacobian of a function: the derivatives of all its results by all numbers in its arguments.

    Gives a callable that takes the function's arguments. The Jacobian has the structure of the result, and in it, for
    each float or array, the structure of the argument, with arrays of the shape out.shape + arg.shape (also for
    floats: then of no axes). With several argnums there is a tuple in place of the argument. What holds no floats is
    None. The dtype is that of result and argument promoted; a Python float as an argument takes that of the result.

    argnums: which arguments to differentiate by, positions or names. mode: "forward" takes one sweep for each input,
    "reverse" one for each result; "auto" takes forward mode if there are no more inputs than results, for which it
    runs the function once. chunk_size: how many directions to hold at a time; None: as many as fit into 64 MiB.
    has_aux: the function returns (result, aux), and the callable (jacobian, aux). holomorphic: the function takes and
    returns complex numbers and is holomorphic; without it a Jacobian of real results by complex arguments is taken in
    reverse mode, one of complex results by real arguments in forward mode.

    Raises ArgumentError for options and arguments that do not fit, NonScalarError if the result holds no floats. Works
    as a decorator, with and without arguments. The Jacobian of a Jacobian, of `hessian(f)` or of `grad(f)` is one too.
    """
    _checked(mode, chunk_size)
    if function is None:
        return lambda f: jacobian(f, argnums, mode, chunk_size, has_aux, holomorphic)
    return MatrixFunction(function, (Turn(_plain(argnums), mode, chunk_size, has_aux, holomorphic),))


def jacfwd(
    function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False,
    chunk_size: int | None = None, holomorphic: bool = False,
) -> Any:  # fmt: skip
    """The Jacobian by forward mode: one sweep for each number in the arguments. See jacobian."""
    return jacobian(function, argnums, "forward", chunk_size, has_aux, holomorphic)


def jacrev(
    function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False,
    chunk_size: int | None = None, holomorphic: bool = False,
) -> Any:  # fmt: skip
    """The Jacobian by reverse mode: one sweep for each number in the result. See jacobian."""
    return jacobian(function, argnums, "reverse", chunk_size, has_aux, holomorphic)


def hessian(function: Callable[..., Any] | None = None, argnums: Argnums = 0, chunk_size: int | None = None) -> Any:
    """The Hessian of a function that returns a float or an array of size 1: its gradient's Jacobian, by forward mode.

    Gives a callable that takes the function's arguments. The Hessian has the structure of the argument, and in it, for
    each float or array, the structure of the argument again, with arrays of the shape first.shape + second.shape. With
    several argnums there are tuples in place of the argument. chunk_size, errors and the rest as for jacobian.
    """
    _checked("forward", chunk_size)
    if function is None:
        return lambda f: hessian(f, argnums, chunk_size)
    argnums = _plain(argnums)
    return MatrixFunction(function, (Turn(argnums, "gradient"), Turn(argnums, "forward", chunk_size)), "Hessian")


def _plain(argnums: Argnums) -> Any:
    return tuple(argnums) if is_many(argnums) else argnums  # type: ignore[arg-type]
