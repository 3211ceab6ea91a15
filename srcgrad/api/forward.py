"""jvp: the value of a function and its directional derivative; linearize: the same at a fixed point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.api.gradient import GradientFunction
from srcgrad.api.pullback import at_point, value_of
from srcgrad.api.structure import has_floats, matching, zeros
from srcgrad.api.target import Outputs
from srcgrad.errors import ArgumentError

_MADE: dict[Any, GradientFunction] = {}
"""The forward modes of the latest functions, by function and the positions of the arguments that have tangents
and the outputs."""

_MOST = 256


def jvp(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], outputs: Outputs | None = None
) -> tuple[Any, Any]:
    """The value of function(*primals) and its derivative in the direction `tangents`, from one sweep.

    tangents: one for each primal, of its structure and shapes (dtypes are those of the primals); None for an argument
    without floats, or for one whose tangent is zero. Returns (out, out_dot): out_dot has the structure of out, with
    None for what is not a float. outputs: a parameter, by name or position, or a tuple of them: `out` is then their
    content after the call. Raises ArgumentError for tangents or outputs that do not fit.
    """
    made, wrt = forward_mode(function, primals, tangents, outputs)
    given = tuple(matching(tangents[k], primals[k], f"the tangent of argument {k}") for k in wrt)
    compiled, args = made._find(made._valued, tuple(primals), {})
    out: tuple[Any, Any] = made._run(compiled, args + given)
    return out


def linearize(
    function: Callable[..., Any], *primals: Any, outputs: Outputs | None = None
) -> tuple[Any, Callable[..., Any]]:
    """The value of function(*primals), and the linear map of tangents to the tangent of the value at that point.

    The map takes one tangent per primal as `jvp` does. It may be called any number of times; the values that it needs
    of the function are computed again each time. outputs: as for `jvp`.
    """
    moving = [primal if has_floats(primal) else None for primal in primals]
    made, wrt = forward_mode(function, primals, moving, outputs)
    compiled, args, primals = at_point(made, primals)
    out = value_of(made, compiled, primals)

    def linear(*tangents: Any) -> Any:
        _check_count(primals, tangents)
        given = []
        for k in wrt:
            zero = None if tangents[k] is not None else zeros(primals[k])
            given.append(matching(tangents[k] if zero is None else zero, primals[k], f"the tangent of argument {k}"))
        return made._run(compiled, args + tuple(given))

    return out, linear


def forward_mode(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], outputs: Outputs | None = None
) -> tuple[GradientFunction, tuple[int, ...]]:
    """The forward mode of a function, and the positions of the arguments that have tangents."""
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise ArgumentError(
                f"jvp takes a tuple of {what}, not {type(given).__name__}.",
                "Write jvp(f, (x, y), (x_dot, y_dot)); for one argument jvp(f, (x,), (x_dot,)).",
            )
    _check_count(primals, tangents)
    wrt = tuple(k for k, tangent in enumerate(tangents) if tangent is not None)
    try:
        key = function, wrt, tuple(outputs) if isinstance(outputs, list) else outputs
        made = _MADE.get(key)
    except TypeError:  # not hashable
        return GradientFunction(function, wrt, mode="jvp", outputs=outputs), wrt
    if made is None:
        while len(_MADE) >= _MOST:
            _MADE.pop(next(iter(_MADE)), None)
        made = _MADE[key] = GradientFunction(function, wrt, mode="jvp", outputs=outputs)
    return made, wrt


def _check_count(primals: Sequence[Any], tangents: Sequence[Any]) -> None:
    if len(primals) != len(tangents):
        raise ArgumentError(
            f"there are {len(primals)} primals and {len(tangents)} tangents.",
            "Give one tangent for each primal, None for one without floats.",
        )
