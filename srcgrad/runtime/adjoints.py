"""Adjoints of NumPy functions that have no one-line adjoint in NumPy.

Like the others here, each function depends on `np` alone and has no annotations, so that `emit` can copy its source.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def split_like(joined, arrays, axis=0):
    """The parts of `joined` that answer to the arrays of a list which were concatenated along `axis`."""
    ends = [0]
    for array in arrays:
        ends.append(ends[-1] + np.shape(array)[axis])
    return np.split(joined, ends[1:-1], axis=axis)


def products_of_others(x, axis=None):
    """For each element of x the product of all others, of those along `axis` if given: safe where x is 0."""
    if np.size(x) > 0:
        whole = np.prod(x, axis=axis, keepdims=True)
        if np.all(np.isfinite(whole) & (np.abs(whole) > np.finfo(whole.dtype).tiny)):  # no 0, no rounding to 0
            return whole / x
    along = np.reshape(x, -1) if axis is None else np.moveaxis(x, axis, 0)
    if along.shape[0] == 0:
        return np.ones_like(x)
    one = np.ones_like(along[:1])
    before = np.cumprod(np.concatenate((one, along[:-1])), axis=0)
    after = np.cumprod(np.concatenate((one, along[:0:-1])), axis=0)[::-1]
    others = before * after
    return np.reshape(others, np.shape(x)) if axis is None else np.moveaxis(others, 0, axis)


def undiagonal(values, x, k=0):
    """Zeros of the shape of the matrix x, with `values` on its k-th diagonal."""
    result = np.zeros_like(x)
    places = np.arange(values.shape[0])
    result[places + max(-k, 0), places + max(k, 0)] = values
    return result


def untile(tiled, x, reps):
    """The sum of the copies of x in an array of the shape of np.tile(x, reps)."""
    counts = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    rank = max(np.ndim(x), len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - np.ndim(x)) + np.shape(x)
    split = np.reshape(tiled, [n for k in range(rank) for n in (counts[k], shape[k])])
    return np.reshape(np.sum(split, axis=tuple(range(0, 2 * rank, 2))), np.shape(x))


def add_at(x, index, values):
    """Zeros of x's shape with `values` added at the index, places that occur twice included."""
    result = np.zeros_like(x)
    np.add.at(result, index, values)
    return result


def add_parts_at(x, index, values):
    """np.add.at of complex numbers for a library that adds only real ones where a place may occur twice. Gives x."""
    np.add.at(x.real, index, values.real)
    np.add.at(x.imag, index, values.imag)
    return x


def grid(x, shape, axis):
    """An array of the shape whose elements are those of the vector x, by their place along the axis."""
    along = [1] * len(shape)
    along[axis] = -1
    return np.array(np.broadcast_to(np.reshape(x, along), shape))


def undiagonals(values, x, k, axis1, axis2):
    """Zeros of the shape of x, with `values` on the k-th diagonals of its axes axis1 and axis2."""
    result = np.zeros_like(x)
    places = np.arange(values.shape[-1])
    np.moveaxis(result, (axis1, axis2), (-2, -1))[..., places + max(-k, 0), places + max(k, 0)] = values
    return result


def add_windows(windows, x, window_shape, axis=None):
    """The sums of what belongs to each element of x in windows from np.lib.stride_tricks.sliding_window_view."""
    sizes = (window_shape,) if np.ndim(window_shape) == 0 else tuple(window_shape)
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if np.ndim(axis) == 0 else tuple(axis)
    result = np.zeros(x.shape, windows.dtype)
    for offsets in np.ndindex(*sizes):
        starts = [0] * x.ndim
        for k, offset in zip(axes, offsets, strict=True):
            starts[k] += offset
        place = tuple([slice(start, start + n) for start, n in zip(starts, windows.shape, strict=False)])
        result[place] += windows[(..., *offsets)]
    return result


def strided_places(x, shape, strides):
    """Where in memory, counted in elements, the elements of as_strided(x, shape, strides) stand.

    Raises ValueError where x is not contiguous, or does not hold them all.
    """
    places = np.zeros((), int)
    for n, step in zip(shape, strides, strict=True):
        places = places[..., None] + np.arange(n) * (step // x.itemsize)
    if not x.flags.c_contiguous or (places.size and (places.min() < 0 or places.max() >= x.size)):
        raise ValueError("as_strided is differentiated for contiguous arrays, and for what lies inside of them")
    return places


def strided_sums(windows, x, shape, strides):
    """The sums of what belongs to each element of x in windows from as_strided(x, shape, strides)."""
    places = strided_places(x, shape, strides)
    return np.bincount(places.ravel(), np.ravel(windows), x.size).reshape(x.shape).astype(windows.dtype)


def strided_items(items, x, shape, strides):
    """Those of the items that stand where the elements of as_strided(x, shape, strides) stand in x."""
    return np.ravel(items)[strided_places(x, shape, strides)]


def unpad(padded, x, pad_width, mode):
    """The sums of what belongs to each element of x in np.pad(x, pad_width, mode), which only repeats elements."""
    places = np.pad(np.arange(x.size).reshape(x.shape), pad_width, mode)
    return np.bincount(places.ravel(), padded.ravel(), x.size).reshape(x.shape).astype(padded.dtype)
