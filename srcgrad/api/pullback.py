"""vjp: the value of a function and its pullback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from srcgrad.api.gradient import GradientFunction
from srcgrad.api.primals import primal
from srcgrad.api.structure import held, matching, part
from srcgrad.api.target import Outputs, live_places
from srcgrad.backends.targets import NUMPY, device_arrays
from srcgrad.compile import Compiled
from srcgrad.errors import SrcgradError
from srcgrad.specialize.builtins import HANDLERS
from srcgrad.specialize.transformations import vjp_of


def vjp(
    function: Callable[..., Any], *args: Any, outputs: Outputs | None = None
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of function(*args), and its pullback.

    The pullback takes an adjoint of the value (of its shape and containers; None stands for zeros) and gives a tuple
    with the adjoint of each argument, None for one without floats. It may be called any number of times; it runs the
    forward sweep again each time, at the arguments as they were when vjp was called. outputs: a parameter, by name or
    position, or a tuple of them: the value is then their content after the call, and what the function returns is
    dropped. The arguments themselves are never modified. Raises ArgumentError for an adjoint that does not fit the
    value, and for outputs that the function does not have or cannot overwrite.
    """
    made = GradientFunction(function, tuple(range(len(args))), mode="vjp", outputs=outputs)
    compiled, given, args = at_point(made, args)
    out = value_of(made, compiled, args)
    shape = held(out)  # the caller may write into what is returned

    def pullback(w: Any) -> tuple[Any, ...]:
        w = matching(w, shape, "the adjoint of the result")
        result = made._run(compiled, (*given, *(part_of(w, shape, path) for path in compiled.seed_paths)))
        return (result,) if compiled.outputs == 1 else result

    return out, pullback


def at_point(made: GradientFunction, args: tuple[Any, ...]) -> tuple[Compiled, tuple[Any, ...], tuple[Any, ...]]:
    """The generated function, what it takes, and the arguments as they are now, whatever happens to them later."""
    compiled, given = made._find(made._plain, args, {})
    if compiled.overwritten:
        made._check_disjoint(compiled, given)  # of the caller's arrays: copies share nothing
    live = [k - len(made._target.args) for k in live_places(made._target)]  # what blocks on adjoints collect in
    args = tuple(arg if k in live else held(arg) for k, arg in enumerate(args))
    compiled, given = made._find(made._plain, args, {})
    count = len(compiled.params)  # what the function captures is kept too
    return compiled, (*given[:count], *(held(value) for value in given[count:])), args


HANDLERS[vjp] = vjp_of


def value_of(made: GradientFunction, compiled: Compiled, args: tuple[Any, ...]) -> Any:
    """The value of the function itself, called in such a way that the arguments stay as they are."""
    bound = args if made.outputs is None else made._target.bind(args, {}, made.__name__)
    if compiled.backend is not NUMPY:
        return primal(made.primal, made.outputs)(*args)
    # an array that the function does not write is as good as a copy of it; of what else it changes there is no record
    copies = tuple(v if hasattr(v, "dtype") and not compiled.overwritten else held(v) for v in bound)
    return made.primal(*copies) if made.outputs is None else made._target.call(copies)


def runnable(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any]:
    """A function as it is to be called with arguments like these: itself, or what is generated of it for a device."""
    if next(device_arrays((args, kwargs)), None) is not None:
        return primal(function)
    if "cupy" not in sys.modules:
        return function
    try:  # what it reads from outside may be on a device
        made = primal(function)
        return function if made._find(made._plain, args, kwargs)[0].backend is NUMPY else made
    except SrcgradError:
        return function


def part_of(adjoint: Any, value: Any, path: tuple[Any, ...]) -> Any:
    """The part of an adjoint that belongs to the part of a value at the path: zeros where there is none."""
    for key in path:
        value, adjoint = part(value, (key,)), None if adjoint is None else part(adjoint, (key,))
    return matching(adjoint, value, f"the adjoint of the result's part {'.'.join(map(str, path))}")
