"""Adjoints and tangents of NumPy's order statistics, correlations and finite differences."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from srcgrad.runtime.numerical import add_along


def axes_at_end(x, axis=None):
    """x with the axes of a reduction moved to the end and made one."""
    if axis is None:
        return np.reshape(x, -1)
    if isinstance(axis, int):
        return np.moveaxis(x, axis, -1)
    if len(axis) == 0:
        return x[..., None]
    moved = np.moveaxis(x, axis, tuple(range(-len(axis), 0)))
    return np.reshape(moved, moved.shape[: -len(axis)] + (-1,))


def axes_put_back(rows, x, axis=None):
    """The opposite of axes_at_end: of the shape of x."""
    if axis is None:
        return np.reshape(rows, np.shape(x))
    if isinstance(axis, int):
        return np.moveaxis(rows, -1, axis)
    if len(axis) == 0:
        return rows[..., 0]
    end = tuple(range(-len(axis), 0))
    return np.moveaxis(np.reshape(rows, np.moveaxis(x, axis, end).shape), end, axis)


def quantile_ranks(rows, q, method="linear", skip_nan=False):
    """Where along the last axis, once it is sorted, each quantile lies: not at an element only, but between two."""
    ranks = np.arange(rows.shape[-1]) * 1.0
    if not skip_nan:  # the same along all other axes
        between = np.reshape(np.quantile(ranks, q, method=method), -1)
        return np.broadcast_to(between, rows.shape[:-1] + between.shape)
    return ranks_of_numbers(rows, ranks, q, method)


def ranks_of_numbers(rows, ranks, q, method):
    """The same where nan does not count: it is sorted behind the numbers."""
    number = np.sum(~np.isnan(rows), axis=-1, keepdims=True)
    between = np.nanquantile(np.where(ranks < number, ranks, np.nan), q, axis=-1, method=method)
    return np.nan_to_num(np.moveaxis(np.reshape(between, (-1,) + rows.shape[:-1]), 0, -1))


def quantile_parts(rows, q, method="linear", skip_nan=False):
    """Between which two elements along the last axis each quantile lies: their places, and how far it is from the
    first to the second."""
    order = np.argsort(rows, axis=-1)
    between = quantile_ranks(rows, q, method, skip_nan)
    low = np.floor(between).astype(int)
    high = np.ceil(between).astype(int)
    return np.take_along_axis(order, low, axis=-1), np.take_along_axis(order, high, axis=-1), between - low


def quantile_adjoint(d, x, q, axis=None, method="linear", skip_nan=False):
    """The adjoint of x from that of np.quantile(x, q, axis, method=method), or of np.nanquantile."""
    if np.size(x) == 0:
        return np.zeros_like(x)
    rows = axes_at_end(x, axis)
    low, high, part = quantile_parts(rows, q, method, skip_nan)
    d = np.moveaxis(np.reshape(d, (-1,) + rows.shape[:-1]), 0, -1)
    result = add_along(rows, low, d * (1 - part), -1) + add_along(rows, high, d * part, -1)
    return axes_put_back(result, x, axis)


def quantile_tangent(t, x, q, shape, axis=None, method="linear", skip_nan=False):
    """The tangent of np.quantile(x, q, axis, method=method), of the given shape, from that of x."""
    if np.size(x) == 0:
        return np.zeros(shape, x.dtype)
    rows = axes_at_end(t, axis)
    low, high, part = quantile_parts(axes_at_end(x, axis), q, method, skip_nan)
    moved = np.take_along_axis(rows, low, axis=-1) * (1 - part) + np.take_along_axis(rows, high, axis=-1) * part
    return np.reshape(np.moveaxis(moved, -1, 0), shape).astype(x.dtype)


def places_of(part, x, axis=-1):
    """Where the elements of `part`, which is x rearranged, stand in x. Ties: in the order of both."""
    order = np.argsort(np.argsort(part, axis=axis), axis=axis)
    return np.take_along_axis(np.argsort(x, axis=axis), order, axis=axis)


def first_places(x):
    """Where, in x made flat, each of its values stands first."""
    return np.unique(x, return_index=True)[1]


def record_places(running, axis=0):
    """For each element of np.maximum.accumulate or np.minimum.accumulate: the place of the first one that it has been
    ever since."""
    rows = np.moveaxis(running, axis, -1)
    places = np.zeros(rows.shape, dtype=int)
    places[..., 1:] = np.where(rows[..., 1:] != rows[..., :-1], np.arange(1, rows.shape[-1]), 0)
    return np.moveaxis(np.maximum.accumulate(places, axis=-1), -1, axis)


def standardized(x, axis=-1):
    """x less its mean, divided by its norm, along an axis; and that norm."""
    centered = x - np.mean(x, axis=axis, keepdims=True)
    size = np.sqrt(np.sum(centered * centered, axis=axis, keepdims=True))
    return centered / size, size


def corrcoef_adjoint(d, x, rowvar=True):
    """The adjoint of the matrix x from that of np.corrcoef(x, rowvar=rowvar)."""
    z, size = standardized(x if rowvar else x.T)
    d_z = (d + d.T) @ z
    d_x = (d_z - z * np.sum(d_z * z, axis=1, keepdims=True)) / size
    return d_x if rowvar else d_x.T


def corrcoef_tangent(t, x, rowvar=True):
    """The tangent of np.corrcoef(x, rowvar=rowvar) of a matrix from that of x."""
    z, size = standardized(x if rowvar else x.T)
    moved = (t if rowvar else t.T) / size
    z_dot = moved - z * np.sum(moved * z, axis=1, keepdims=True)
    return z_dot @ z.T + z @ z_dot.T


def gradient_adjoint(d, spacing=1.0, axis=0, edge_order=1):
    """The adjoint of f from that of np.gradient(f, spacing, axis=axis, edge_order=edge_order)."""
    d = np.moveaxis(d, axis, -1)
    steps = np.full(d.shape[-1] - 1, spacing) if np.ndim(spacing) == 0 else np.diff(spacing)
    left, right = steps[:-1], steps[1:]
    inner = d[..., 1:-1]
    result = np.zeros_like(d)
    result[..., :-2] -= inner * right / (left * (left + right))
    result[..., 1:-1] += inner * (right - left) / (left * right)
    result[..., 2:] += inner * left / (right * (left + right))
    first, last = steps[0], steps[-1]
    if edge_order == 1:
        result[..., 0] -= d[..., 0] / first
        result[..., 1] += d[..., 0] / first
        result[..., -2] -= d[..., -1] / last
        result[..., -1] += d[..., -1] / last
    else:
        second, before = steps[1], steps[-2]
        result[..., 0] -= d[..., 0] * (2 * first + second) / (first * (first + second))
        result[..., 1] += d[..., 0] * (first + second) / (first * second)
        result[..., 2] -= d[..., 0] * first / (second * (first + second))
        result[..., -3] += d[..., -1] * last / (before * (before + last))
        result[..., -2] -= d[..., -1] * (before + last) / (before * last)
        result[..., -1] += d[..., -1] * (2 * last + before) / (last * (before + last))
    return np.moveaxis(result, -1, axis)


def gradient_rates(f, x, axis=0, edge_order=1):
    """How np.gradient(f, x, axis) changes with the step before and the step behind each point, along the last axis:
    from its form as a mean of the slopes on both sides, each weighted by the other's step."""
    f = np.moveaxis(f, axis, -1)
    steps = np.diff(x)
    slopes = np.diff(f, axis=-1) / steps
    left, right = steps[:-1], steps[1:]
    before, behind = slopes[..., :-1], slopes[..., 1:]
    both = left + right
    inner = (right * before + left * behind) / both
    of_left = (behind - right * before / left - inner) / both
    of_right = (before - left * behind / right - inner) / both
    if edge_order == 1:
        first = -slopes[..., :1] / steps[:1], 0 * slopes[..., :1]
        last = 0 * slopes[..., -1:], -slopes[..., -1:] / steps[-1:]
    else:
        bend, part = (before - behind)[..., :1], (left / both)[:1]
        share = right[:1] / (both * both)[:1]
        first = (
            -before[..., :1] / left[:1] * (1 + part) + bend * share,
            part * behind[..., :1] / right[:1] - bend * part / both[:1],
        )
        bend, part = (behind - before)[..., -1:], (right / both)[-1:]
        share = left[-1:] / (both * both)[-1:]
        last = (
            part * before[..., -1:] / left[-1:] - bend * part / both[-1:],
            -behind[..., -1:] / right[-1:] * (1 + part) + bend * share,
        )
    return first, (of_left, of_right), last


def gradient_places_adjoint(d, f, x, axis=0, edge_order=1):
    """The adjoint of the coordinates x from that of np.gradient(f, x, axis=axis, edge_order=edge_order)."""
    first, inner, last = gradient_rates(f, x, axis, edge_order)
    d = np.moveaxis(d, axis, -1)
    others = tuple(range(d.ndim - 1))
    d_steps = np.zeros_like(x)[:-1]
    d_steps[:-1] += np.sum(d[..., 1:-1] * inner[0], axis=others)
    d_steps[1:] += np.sum(d[..., 1:-1] * inner[1], axis=others)
    d_steps[:1] += np.sum(d[..., :1] * first[0], axis=others)
    d_steps[-1:] += np.sum(d[..., -1:] * last[1], axis=others)
    if edge_order == 2:
        d_steps[1:2] += np.sum(d[..., :1] * first[1], axis=others)
        d_steps[-2:-1] += np.sum(d[..., -1:] * last[0], axis=others)
    padded = np.zeros(d_steps.shape[0] + 2, d_steps.dtype)
    padded[1:-1] = d_steps
    return padded[:-1] - padded[1:]


def gradient_places_tangent(t, f, x, axis=0, edge_order=1):
    """The tangent of np.gradient(f, x, axis=axis, edge_order=edge_order) from that of the coordinates x."""
    first, inner, last = gradient_rates(f, x, axis, edge_order)
    steps = np.diff(t)
    middle = inner[0] * steps[:-1] + inner[1] * steps[1:]
    start, end = first[0] * steps[:1], last[1] * steps[-1:]
    if edge_order == 2:
        start, end = start + first[1] * steps[1:2], end + last[0] * steps[-2:-1]
    return np.moveaxis(np.concatenate((start, middle, end), axis=-1), -1, axis)


def histogram_of_weights(weights, a, bins=10, range=None):
    """The sums of the weights in each bin: the first result of np.histogram(a, bins, range, weights=weights)."""
    return np.histogram(a, bins, range, weights=weights)[0]


def bins_of(a, bins=10, range=None):
    """Which bin of np.histogram each element of a falls into, and whether it falls into any."""
    edges = np.histogram_bin_edges(a, bins, range)
    k = np.searchsorted(edges, a, side="right") - 1
    return np.clip(np.where(a == edges[-1], len(edges) - 2, k), 0, len(edges) - 2), (a >= edges[0]) & (a <= edges[-1])


def max_from(x, initial, axis=None, keepdims=False):
    """np.max(x, axis, keepdims=keepdims, initial=initial) of NumPy."""
    if x.size == 0:
        return np.sum(x, axis=axis, keepdims=keepdims) + initial
    return np.maximum(np.max(x, axis=axis, keepdims=keepdims), initial)


def min_from(x, initial, axis=None, keepdims=False):
    """np.min(x, axis, keepdims=keepdims, initial=initial) of NumPy."""
    if x.size == 0:
        return np.sum(x, axis=axis, keepdims=keepdims) + initial
    return np.minimum(np.min(x, axis=axis, keepdims=keepdims), initial)


def histogram_counts(a, bins=10, range=None):
    """How many elements of a are in each bin: they change in steps."""
    return np.histogram(a, bins, range)[0]


def histogram_adjoint(d, a, bins=10, range=None):
    """The adjoint of the weights from that of their sums in each bin."""
    k, inside = bins_of(a, bins, range)
    return np.where(inside, d[k], 0.0)


def reduceat_adjoint(d_sums, x, indices, axis=0):
    """The adjoint of x from that of np.add.reduceat(x, indices, axis)."""
    result = np.zeros_like(x)
    rows, parts = np.moveaxis(result, axis, 0), np.moveaxis(d_sums, axis, 0)
    starts = np.asarray(indices).tolist()
    for k, (start, end) in enumerate(zip(starts, [*starts[1:], len(rows)], strict=True)):
        rows[start : max(end, start + 1)] += parts[k]
    return result


def quantile_slope(a, q, axis=None, method="linear", skip_nan=False):
    """The derivative of np.quantile(a, q, axis, method=method) in q: of the shape of q, then of the other axes.

    The place of a quantile among n sorted elements grows by n + 1 - alpha - beta with q (Hyndman and Fan 1996). Where
    it is that of an element, the slope is the mean of those on both sides.
    """
    rows = np.sort(axes_at_end(a, axis), axis=-1)
    between = quantile_ranks(rows, q, method, skip_nan)
    ends = {"linear": 2.0, "interpolated_inverted_cdf": 1.0, "hazen": 1.0, "weibull": 0.0, "median_unbiased": 2 / 3,
            "normal_unbiased": 0.75}  # fmt: skip
    number = np.sum(~np.isnan(rows), axis=-1, keepdims=True) if skip_nan else rows.shape[-1]
    grows = number + 1 - ends[method] if method in ends else 0.0
    before = np.maximum(np.ceil(between).astype(int) - 1, 0)
    behind = np.minimum(np.floor(between).astype(int) + 1, number - 1)
    width = np.maximum(behind - before, 1)
    slope = np.take_along_axis(rows, behind, axis=-1) - np.take_along_axis(rows, before, axis=-1)
    return np.reshape(np.moveaxis(slope * (grows / width), -1, 0), np.shape(q) + rows.shape[:-1]).astype(a.dtype)
