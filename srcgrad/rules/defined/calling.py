"""Functions that call functions, or write into an argument: as the Python that does the same."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

import numpy as np

from srcgrad.rules.defined.registry import in_python


@in_python(np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    if np.ndim(condlist[0]) == 0 and np.ndim(x) > 0:  # one condition that is not in a list
        condlist = [condlist]
    if len(funclist) - len(condlist) not in (0, 1):
        raise ValueError(f"np.piecewise has {len(condlist)} conditions and {len(funclist)} functions")
    y = np.zeros_like(x)
    if len(funclist) > len(condlist):
        rest = ~condlist[0]
        for test in condlist[1:]:
            rest = rest & ~test
        y[rest] = funclist[-1](x[rest], *args, **kw) if callable(funclist[-1]) else funclist[-1]
    for test, function in zip(condlist, funclist, strict=False):
        y[test] = function(x[test], *args, **kw) if callable(function) else function
    return y


@in_python(np.apply_along_axis)
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    moved = np.moveaxis(arr, axis, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    out = np.array([func1d(rows[k], *args, **kwargs) for k in range(len(rows))])
    return np.moveaxis(out.reshape(moved.shape[:-1] + out.shape[1:]), -1, axis) if out.ndim > 1 else out.reshape(
        moved.shape[:-1]
    )


@in_python(np.put_along_axis)
def put_along_axis(arr, indices, values, axis):
    if arr.ndim == 1:
        arr[indices] = values
    elif arr.ndim == 2 and axis % 2 == 0:
        arr[indices, np.arange(arr.shape[1])] = values
    elif arr.ndim == 2:
        arr[np.arange(arr.shape[0])[:, None], indices] = values
    elif arr.ndim > 3:
        raise NotImplementedError("np.put_along_axis is differentiated for arrays of up to 3 axes")
    elif axis % 3 == 0:
        arr[indices, np.arange(arr.shape[1])[:, None], np.arange(arr.shape[2])] = values
    elif axis % 3 == 1:
        arr[np.arange(arr.shape[0])[:, None, None], indices, np.arange(arr.shape[2])] = values
    else:
        arr[np.arange(arr.shape[0])[:, None, None], np.arange(arr.shape[1])[:, None], indices] = values
