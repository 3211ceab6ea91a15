"""SciPy's minimisers over the parameters of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad import value_and_grad
from srcgrad.nn.module import named_arrays, named_parameters


def minimize(loss: Callable[..., Any], model: Any, *args: Any, method: str = "L-BFGS-B", **options: Any) -> Any:
    """Minimise `loss(model, *args)` over the model's parameters, in place, by `scipy.optimize.minimize`.

    Value and gradient come from one call. The parameters, without frozen ones, are one vector of float64 to SciPy.
    options: what scipy.optimize.minimize takes (`tol=`, `options={"maxiter": 100}`, `callback=`). Gives SciPy's
    result; the model holds the parameters of its `x`.
    """
    import scipy.optimize

    evaluate = value_and_grad(loss)
    parameters = named_parameters(model, trainable=True)

    def put(x: Any) -> None:
        at = 0
        for array in parameters.values():
            array[...] = x[at : at + array.size].reshape(array.shape)
            at += array.size

    def both(x: Any) -> tuple[float, Any]:
        put(x)
        value, gradient = evaluate(model, *args)
        found = named_arrays(gradient)
        return float(value), np.concatenate([found[name].ravel() for name in parameters]).astype(float)

    start = np.concatenate([array.ravel() for array in parameters.values()]).astype(float)
    result = scipy.optimize.minimize(both, start, jac=True, method=method, **options)
    put(result.x)
    return result
