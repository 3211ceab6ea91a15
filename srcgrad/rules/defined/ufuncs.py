"""Methods of ufuncs, for all of them: what has no faster form is done step by step."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

import numpy as np


def reduce_in_order(ufunc, array, axis, keepdims):
    rows = np.ravel(array) if axis is None else np.moveaxis(array, axis, 0)
    result = rows[0]
    for k in range(1, len(rows)):
        result = ufunc(result, rows[k])
    if keepdims:
        return np.reshape(result, (1,) * array.ndim) if axis is None else np.expand_dims(result, axis)
    return result


def accumulate_in_order(ufunc, array, axis):
    rows = np.moveaxis(array, axis, 0)
    result = np.zeros_like(rows)
    result[0] = rows[0]
    for k in range(1, len(rows)):
        result[k] = ufunc(result[k - 1], rows[k])
    return np.moveaxis(result, 0, axis)


def reduce_parts(ufunc, array, indices, axis):
    rows = np.moveaxis(array, axis, 0)
    result = np.zeros((len(indices),) + rows.shape[1:], array.dtype)
    for k in range(len(indices)):
        end = indices[k + 1] if k + 1 < len(indices) else len(rows)
        part = rows[indices[k]]
        for j in range(indices[k] + 1, end):
            part = ufunc(part, rows[j])
        result[k] = part
    return np.moveaxis(result, 0, axis)


def at_each(ufunc, a, indices, values):
    values = np.broadcast_to(values, indices.shape + a.shape[1:])
    for k in range(len(indices)):
        a[indices[k]] = ufunc(a[indices[k]], values[k])


def at_each_alone(ufunc, a, indices):
    for k in range(len(indices)):
        a[indices[k]] = ufunc(a[indices[k]])
