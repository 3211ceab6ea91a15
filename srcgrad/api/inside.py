"""Matrix operators inside of functions that are differentiated, written in the language that is differentiated.

The functions here are read from their source like a user's, and written in line: `hvp(f)(x, v)` in a loss is forward
mode over the gradient, a Jacobian a loop over unit directions. They take one array (or float) and give one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.api.forward import jvp, linearize
from srcgrad.api.gradient import grad
from srcgrad.api.hessians import HessianVectorFunction, hvp
from srcgrad.api.matrices import MatrixFunction, hessian, jacfwd, jacobian, jacrev
from srcgrad.api.operators import Operator
from srcgrad.api.pullback import vjp
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.nodes import Pos
from srcgrad.specialize.builtins import HANDLERS
from srcgrad.specialize.directional import jvp_of, linearize_of
from srcgrad.specialize.state import State
from srcgrad.specialize.transformations import argnums_of
from srcgrad.specialize.values import Bound, Value, constant


def forward_jacobian(f, argnums, *args):  # type: ignore[no-untyped-def]
    """The Jacobian, column by column."""
    x = args[argnums]
    units = np.eye(np.size(x))

    def along(direction):  # type: ignore[no-untyped-def]
        def at(value):  # type: ignore[no-untyped-def]
            return f(*args[:argnums], value, *args[argnums + 1 :])

        return jvp(at, (x,), (direction,))[1]

    columns = []
    for k in range(np.size(x)):
        columns.append(along(np.reshape(units[k], np.shape(x))))
    found = np.stack(columns, axis=-1)
    if np.ndim(x) == 1:
        return found
    return found.reshape(found.shape[:-1] + np.shape(x))


def reverse_jacobian(f, argnums, *args):  # type: ignore[no-untyped-def]
    """The Jacobian, row by row."""
    x = args[argnums]

    def at(value):  # type: ignore[no-untyped-def]
        return f(*args[:argnums], value, *args[argnums + 1 :])

    out, pull = vjp(at, x)
    units = np.eye(np.size(out))
    rows = []
    for k in range(np.size(out)):
        rows.append(pull(np.reshape(units[k], np.shape(out)))[0])
    if np.ndim(out) == 1:
        return np.stack(rows)
    return np.stack(rows).reshape(np.shape(out) + np.shape(x))


def hessian_matrix(f, argnums, *args):  # type: ignore[no-untyped-def]
    """The Hessian: forward mode over the gradient."""
    return forward_jacobian(grad(f, argnums), argnums, *args)


def hessian_product(f, argnums, *args):  # type: ignore[no-untyped-def]
    """The Hessian times the last argument."""
    given, v = args[:-1], args[-1]

    def slope(value):  # type: ignore[no-untyped-def]
        return grad(f, argnums)(*given[:argnums], value, *given[argnums + 1 :])

    return jvp(slope, (given[argnums],), (v,))[1]


SOURCES: dict[Callable[..., Any], Callable[..., Any]] = {
    jacobian: forward_jacobian, jacfwd: forward_jacobian, jacrev: reverse_jacobian, hessian: hessian_matrix,
    hvp: hessian_product,
}  # fmt: skip


def written_as(operator: Operator) -> Callable[..., Any]:
    """The function in source that an operator's object stands for."""
    if isinstance(operator, HessianVectorFunction):
        return hessian_product
    if isinstance(operator, MatrixFunction):
        if operator.is_hessian:
            return hessian_matrix
        return reverse_jacobian if operator.mode == "reverse" else forward_jacobian
    raise UnsupportedError(
        f"{operator!r} cannot be called inside of a function that is differentiated", "Write it with jvp and vjp."
    )


def _handler(operator: Callable[..., Any], source: Callable[..., Any]) -> Callable[..., Value]:
    def handle(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
        given = {**dict(zip(("function", "argnums"), args, strict=False)), **kwargs}
        given.pop("mode", None)
        if len(args) > 2 or "function" not in given or set(given) - {"function", "argnums"}:
            raise KindError(
                f"{operator.__name__} takes a function and argnums here", "Leave the other options out.", pos
            )
        argnums = argnums_of(given.get("argnums"), pos)
        if not isinstance(argnums, int):
            raise KindError(
                f"{operator.__name__} differentiates by one argument here, given by its position",
                "Write argnums=0, say.", pos,
            )  # fmt: skip
        return Bound(s.function(source), [given["function"], constant(argnums)], {})

    return handle


HANDLERS[jvp] = jvp_of
HANDLERS[linearize] = linearize_of
for _operator, _source in SOURCES.items():
    HANDLERS[_operator] = _handler(_operator, _source)
