"""Functions that call functions, or have a case of their own: as the Python that does the same."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

import operator

import numpy as np

from srcgrad.rules.defined.registry import in_python, refuse


@in_python(np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    if np.ndim(condlist[0]) == 0 and np.ndim(x) > 0:  # one condition that is not in a list
        condlist = [condlist]
    if len(funclist) - len(condlist) not in (0, 1):
        raise ValueError(f"np.piecewise has {len(condlist)} conditions and {len(funclist)} functions")
    y = np.zeros_like(x)
    if len(funclist) > len(condlist):
        rest = ~np.asarray(condlist[0])
        for test in condlist[1:]:
            rest = rest & ~np.asarray(test)
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


@in_python(np.apply_over_axes)
def apply_over_axes(func, a, axes):
    for axis in (axes,) if isinstance(axes, int) else axes:
        result = func(a, axis)
        a = result if np.ndim(result) == np.ndim(a) else np.expand_dims(result, axis)
    return a


@in_python(np.fromfunction)
def fromfunction(function, shape, *, dtype=float, **kwargs):
    places = np.indices(shape, dtype=dtype)
    return function(*[places[k] for k in range(len(shape))], **kwargs)


@in_python(np.fromiter)
def fromiter(iter, dtype=float, count=-1):
    return np.array([item for item in iter], dtype=dtype)


@in_python(np.ndarray)
def ndarray(shape, dtype=float, buffer=None, offset=0, strides=None, order=None):
    if buffer is not None or strides is not None:
        refuse("np.ndarray of a buffer looks at memory as something else, which has no derivative",
               "Make the array outside of the function.")  # fmt: skip
    return np.empty(shape, dtype=dtype)


@in_python(np.kaiser)
def kaiser(M, beta):
    if M == 1:
        return np.ones(1)
    middle = (M - 1) / 2
    return np.i0(beta * np.sqrt(1 - ((np.arange(M) - middle) / middle) ** 2)) / np.i0(beta)


def vectorized(pyfunc, *args):
    """A call of np.vectorize(pyfunc)."""
    shape = np.broadcast_shapes(*[np.shape(arg) for arg in args])
    flat = [np.ravel(np.broadcast_to(arg, shape)) for arg in args]
    return np.reshape(np.array([pyfunc(*[arg[k] for arg in flat]) for k in range(len(flat[0]))]), shape)


@in_python(operator.itemgetter)
def itemgetter(*items):
    if len(items) == 1:
        return lambda owner: owner[items[0]]
    return lambda owner: tuple([owner[item] for item in items])
