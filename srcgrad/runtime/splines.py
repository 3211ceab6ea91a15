"""Values of spline images at given coordinates, as scipy.ndimage.map_coordinates gives them: derivatives and adjoints.

Like the others here, each function can be copied by `emit`. A value is a sum of coefficients times basic splines, so
each adjoint adds what it takes to the coefficients (Unser, Aldroubi and Eden 1993). A derivative along an axis is taken
of that axis' basic splines; `nu` says how many along each.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import math

import numpy as np

from srcgrad.runtime.adjoints import unpad


def spline_weights(u, order, nu=0):
    """The basic splines of an order that cover a point, or their nu-th derivatives. u: how far in (0 to 1) between two
    knots it lies. By the recursion of Cox and de Boor for knots at whole numbers."""
    if nu > order:
        return [np.zeros_like(u)] * (order + 1)
    weights = [np.ones_like(u)]
    for p in range(1, order - nu + 1):
        rising = [0.0, *[(p - k + u) / p * weights[k - 1] for k in range(1, p + 1)]]
        falling = [*[(k + 1 - u) / p * weights[k] for k in range(p)], 0.0]
        weights = [a + b for a, b in zip(rising, falling, strict=True)]
    for _ in range(nu):
        weights = [a - b for a, b in zip([0.0, *weights], [*weights, 0.0], strict=True)]
    return weights


def mapped_coordinate(at, n, mode):
    """A coordinate inside of an axis of n elements that is extended, and where a value is read at all."""
    inside = (at >= 0) & (at <= n - 1)
    if mode == "nearest":
        return np.clip(at, 0, n - 1), inside
    if mode == "wrap" and n > 1:
        return np.where(inside, at, at - (n - 1) * np.floor(at / (n - 1))), np.ones_like(inside)
    if mode == "constant":
        return np.where(inside, at, 0.0), inside
    return at, np.ones_like(inside)


def mapped_index(index, n, mode):
    """The element that stands at each index beyond the edges, and where there is one."""
    if mode == "grid-constant":
        return np.clip(index, 0, n - 1), (index >= 0) & (index < n)
    there = np.ones((), dtype=bool)
    if mode == "nearest":
        return np.clip(index, 0, n - 1), there
    if mode == "grid-wrap":
        return index % n, there
    if mode == "reflect":
        index = index % (2 * n)
        return np.minimum(index, 2 * n - 1 - index), there
    index = index % max(2 * n - 2, 1)
    return np.minimum(index, 2 * n - 2 - index), there


def spline_terms(shape, coordinates, order, mode, pad, nu):
    """For each combination of taps: the places of an image made flat, and the weights."""
    axes = []
    for k, n in enumerate(shape):
        at, inside = mapped_coordinate(coordinates[k] + pad, n, mode)
        half = 0.0 if order % 2 else 0.5
        knot = np.floor(at + half)
        first = knot.astype(int) - order // 2
        taps = []
        for j, weight in enumerate(spline_weights(at - knot + half, order, nu[k])):
            index, there = mapped_index(first + j, n, mode)
            if mode == "constant" or nu[k] and mode == "nearest":
                there = there & inside
            taps.append((index, weight if np.all(there) else np.where(there, weight, 0.0)))
        axes.append(taps)
    for offsets in np.ndindex(*(order + 1,) * len(shape)):
        place, weight = 0, 1.0
        for n, taps, j in zip(shape, axes, offsets, strict=True):
            place = place * n + taps[j][0]
            weight = weight * taps[j][1]
        yield place, weight


def spline_at(x, coordinates, order=3, mode="constant", cval=0.0, prefilter=True, nu=None):
    """A derivative of scipy.ndimage.map_coordinates(x, coordinates, ...) in the coordinates, nu times along each."""
    from scipy import ndimage

    filtered = prefilter and order > 1
    pad = 12 if filtered and mode in ("nearest", "grid-constant") else 0  # as SciPy does
    c = x - cval if mode == "grid-constant" else x
    c = np.pad(c, pad, "edge" if mode == "nearest" else "constant") if pad else c
    if filtered:
        c = ndimage.spline_filter(c, order, mode=mode)
    flat = np.reshape(c, -1)
    total = np.zeros(np.shape(coordinates)[1:])
    for place, weight in spline_terms(c.shape, coordinates, order, mode, pad, nu or (0,) * x.ndim):
        total += weight * flat[place]
    return total.astype(x.dtype)


def spline_back(g, x, coordinates, order=3, mode="constant", prefilter=True, nu=None):
    """The adjoint of x from that of spline_at(x, coordinates, ...)."""
    if x.size == 0:
        return np.zeros_like(x)
    filtered = prefilter and order > 1
    pad = 12 if filtered and mode in ("nearest", "grid-constant") else 0
    shape = tuple([n + 2 * pad for n in x.shape])
    total = np.zeros(math.prod(shape))
    for place, weight in spline_terms(shape, coordinates, order, mode, pad, nu or (0,) * x.ndim):
        total += np.bincount(np.ravel(place), np.ravel(weight * g), len(total))
    total = np.reshape(total, shape)
    if filtered:
        total = spline_filter_back(total, order, mode)
    if pad and mode == "nearest":
        total = unpad(total, x, pad, "edge")
    elif pad:
        total = total[(slice(pad, -pad),) * x.ndim]
    return total.astype(g.dtype)


def spline_filter_back(g, order=3, mode="mirror", axis=None):
    """The adjoint of x from that of scipy.ndimage.spline_filter1d(x, order, axis, mode=mode), or of spline_filter.

    The filter inverts a symmetric matrix where an edge repeats its element. Where it is mirrored about its element, the
    matrix becomes symmetric once that element counts half.
    """
    from scipy import ndimage

    result = np.asarray(g)
    for k in range(g.ndim) if axis is None else (axis,):
        n = g.shape[k]
        if mode in ("reflect", "nearest") and n < 50:  # where SciPy's first element is not exact
            matrix = ndimage.spline_filter1d(np.eye(n), order, 0, mode=mode)
            result = np.moveaxis(np.moveaxis(result, k, -1) @ matrix, -1, k)
            continue
        half = mode in ("mirror", "constant", "grid-constant", "wrap") and n > 1
        ends = np.ones(n)
        ends[[0, -1]] = 2 if half else 1
        ends = np.reshape(ends, [n if j == k % g.ndim else 1 for j in range(g.ndim)])
        result = ndimage.spline_filter1d(result * ends, order, k, mode=mode) / ends
    return result.astype(g.dtype)


def affine_places(matrix, offset, shape):
    """Where scipy.ndimage.affine_transform reads each element of a result of the given shape. A matrix of one column
    more than the shape has axes holds the offset there."""
    matrix, index = np.asarray(matrix, dtype=float), np.indices(shape, dtype=float)
    n = len(matrix) if matrix.ndim == 1 else min(matrix.shape[0], len(shape))
    if matrix.ndim == 2 and matrix.shape[1] == n + 1:
        matrix, offset = matrix[:n, :n], matrix[:n, n]
    moved = np.reshape(np.broadcast_to(np.asarray(offset, dtype=float), (n,)), (n,) + (1,) * len(shape))
    if matrix.ndim == 1:
        return np.reshape(matrix, moved.shape) * index + moved
    return np.tensordot(matrix, index, 1) + moved


def affine_matrix_back(g, matrix):
    """The adjoint of the matrix from that of affine_places."""
    index, axes = np.indices(g.shape[1:], dtype=float), tuple(range(1, g.ndim))
    if np.ndim(matrix) == 1:
        return np.sum(g * index, axis=axes)
    result = np.zeros(np.shape(matrix))
    result[: len(g), : g.ndim - 1] = np.tensordot(g, index, (axes, axes))
    if result.shape[1] == g.ndim:
        result[: len(g), -1] = np.sum(g, axis=axes)
    return result


def affine_offset_back(g, matrix, offset):
    """The adjoint of the offset from that of affine_places."""
    if np.ndim(matrix) == 2 and np.shape(matrix)[1] == g.ndim:
        return np.zeros_like(offset)
    return np.sum(g, axis=tuple(range(1, g.ndim))) if np.ndim(offset) else np.sum(g)


def zoom_places(before, after, grid_mode=False):
    """Where scipy.ndimage.zoom reads each element, of images of these shapes before and after."""
    index = np.indices(after, dtype=float)
    for k, (n, m) in enumerate(zip(before, after, strict=True)):
        if grid_mode:
            index[k] = (index[k] + 0.5) * (n / m) - 0.5
        else:
            index[k] = index[k] * ((n - 1) / (m - 1) if m > 1 else 1.0)
    return index
