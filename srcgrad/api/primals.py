"""primal: the function itself, as generated code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad.api.gradient import GradientFunction
from srcgrad.api.target import Outputs
from srcgrad.specialize.transformations import transformation


def primal(function: Callable[..., Any], outputs: Outputs | None = None) -> GradientFunction:
    """The function itself as generated code, which runs where its arguments live.

    A function that is written with `np.` makes its `np.zeros` on the host; with CuPy's arrays, `primal(function)` runs
    on the device, and `source_for` shows the `cp` code. For NumPy's arrays it gives what the function gives, no
    faster. The arguments are never modified. outputs: a parameter that the function overwrites, or a tuple of them,
    whose content is the value then. What `grad` cannot read is refused here too. Inside of a function that is
    differentiated it is the function.
    """
    return GradientFunction(function, (), mode="primal", outputs=outputs)


transformation(primal, "primal")
