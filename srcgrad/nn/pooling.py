"""Pooling of images: x (batch, height, width, channels), windows as in convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.backends.homes import array_module
from srcgrad.nn.module import Module, static
from srcgrad.nn.windows import Padding, Pair, check_fit, check_windows, ends, output_shape, pair, taps
from srcgrad.rules.own import rule

Array = Any
ONE = (1, 1)


# ---- maxima ----------------------------------------------------------------------------------------------------


def max_pool(x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    """The largest element of each window, among those inside of x."""
    xp = array_module(x)
    places = output_shape(x, window, stride, ONE, padding)
    check_fit("max_pool", x, window, places)
    y = xp.full((x.shape[0], *places, x.shape[3]), -np.inf, x.dtype)
    for _, _, out, into in taps(x.shape, window, stride, ONE, padding):
        xp.maximum(y[out], x[into], out=y[out])
    return y


def max_pool_input(d: Array, x: Array, y: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    """The adjoint of `y = max_pool(x)`: each d goes to the first element of its window that is the largest."""
    xp = array_module(x)
    d_x, free = xp.zeros(x.shape, x.dtype), xp.ones(y.shape, bool)
    apart = stride[0] >= window[0] and stride[1] >= window[1]  # an element is in one window only
    for _, _, out, into in taps(x.shape, window, stride, ONE, padding):
        chosen = x[into] == y[out]
        chosen &= free[out]
        free[out] ^= chosen
        if apart:
            xp.multiply(d[out], chosen, out=d_x[into])
        else:
            d_x[into] += d[out] * chosen
    return d_x


def max_pool_output(t: Array, x: Array, y: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    """The tangent of `y = max_pool(x)`: of each window the t of the first element that is the largest."""
    xp = array_module(x)
    result, free = xp.zeros(y.shape, y.dtype), xp.ones(y.shape, bool)
    for _, _, out, into in taps(x.shape, window, stride, ONE, padding):
        chosen = x[into] == y[out]
        chosen &= free[out]
        free[out] ^= chosen
        result[out] += t[into] * chosen
    return result


def _pooled(x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    rows, columns = output_shape(x, window, stride, ONE, padding)
    return np.zeros((x.shape[0], max(rows, 0), max(columns, 0), x.shape[3]), x.dtype)


def _max_pool_vjp(d, out, x, window, stride, padding):  # type: ignore[no-untyped-def]
    return max_pool_input(d, x, out, window, stride, padding), None, None, None


def _max_pool_jvp(out, x, window, stride, padding, x_dot):  # type: ignore[no-untyped-def]
    return max_pool_output(x_dot, x, out, window, stride, padding)


def _max_pool_input_vjp(d_new, out, d, x, y, window, stride, padding):  # type: ignore[no-untyped-def]
    return max_pool_output(d_new, x, y, window, stride, padding), None, None, None, None, None


def _max_pool_input_jvp(out, d, x, y, window, stride, padding, d_dot, x_dot, y_dot):  # type: ignore[no-untyped-def]
    return max_pool_input(d_dot, x, y, window, stride, padding)


def _max_pool_output_vjp(d_new, out, t, x, y, window, stride, padding):  # type: ignore[no-untyped-def]
    return max_pool_input(d_new, x, y, window, stride, padding), None, None, None, None, None


def _max_pool_output_jvp(out, t, x, y, window, stride, padding, t_dot, x_dot, y_dot):  # type: ignore[no-untyped-def]
    return max_pool_output(t_dot, x, y, window, stride, padding)


rule(max_pool, vjp=_max_pool_vjp, jvp=_max_pool_jvp, example=_pooled)
rule(max_pool_input, vjp=_max_pool_input_vjp, jvp=_max_pool_input_jvp, example=lambda d, x, *_: np.zeros_like(x))
rule(max_pool_output, vjp=_max_pool_output_vjp, jvp=_max_pool_output_jvp, example=lambda t, x, y, *_: np.zeros_like(y))


# ---- means -----------------------------------------------------------------------------------------------------


def mean_pool(x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    """The mean of each window; what lies outside of x counts as 0."""
    xp = array_module(x)
    places = output_shape(x, window, stride, ONE, padding)
    check_fit("mean_pool", x, window, places)
    y = xp.zeros((x.shape[0], *places, x.shape[3]), x.dtype)
    for _, _, out, into in taps(x.shape, window, stride, ONE, padding):
        y[out] += x[into]
    y /= window[0] * window[1]
    return y


def mean_pool_input(d: Array, x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    """The adjoint of `mean_pool(x)`, which is linear."""
    xp = array_module(x)
    d_x, share = xp.zeros(x.shape, x.dtype), d / (window[0] * window[1])
    for _, _, out, into in taps(x.shape, window, stride, ONE, padding):
        d_x[into] += share[out]
    return d_x


def _mean_pool_vjp(d, out, x, window, stride, padding):  # type: ignore[no-untyped-def]
    return mean_pool_input(d, x, window, stride, padding), None, None, None


def _mean_pool_jvp(out, x, window, stride, padding, x_dot):  # type: ignore[no-untyped-def]
    return mean_pool(x_dot, window, stride, padding)


def _mean_pool_input_vjp(d_new, out, d, x, window, stride, padding):  # type: ignore[no-untyped-def]
    return mean_pool(d_new, window, stride, padding), None, None, None, None


def _mean_pool_input_jvp(out, d, x, window, stride, padding, d_dot, x_dot):  # type: ignore[no-untyped-def]
    return mean_pool_input(d_dot, x, window, stride, padding)


rule(mean_pool, vjp=_mean_pool_vjp, jvp=_mean_pool_jvp, example=_pooled)
rule(mean_pool_input, vjp=_mean_pool_input_vjp, jvp=_mean_pool_input_jvp, example=lambda d, x, *_: np.zeros_like(x))


# ---- layers ----------------------------------------------------------------------------------------------------


class _Pool(Module):
    window: Pair = static()
    stride: Pair = static()
    padding: Padding = static()

    def __init__(self, window: int | Pair, *, stride: int | Pair | None = None, padding: Padding = "valid") -> None:
        self.window = pair(window)
        self.stride = self.window if stride is None else pair(stride)
        self.padding = padding = ends(padding)
        check_windows(type(self).__name__, padding, window=self.window, stride=self.stride)


class MaxPool(_Pool):
    """The largest element of each window, channel by channel. stride: the window, unless given; padding as in Conv2d.

    Where several elements are the largest, the derivative is that of the first.
    """

    def __call__(self, x: Array) -> Array:
        check_images("MaxPool", x)
        return max_pool(x, self.window, self.stride, self.padding)


class AvgPool(_Pool):
    """The mean of each window, channel by channel, with zeros around x. stride: the window, unless given."""

    def __call__(self, x: Array) -> Array:
        check_images("AvgPool", x)
        return mean_pool(x, self.window, self.stride, self.padding)


class _Pool1d(Module):
    window: int = static()
    stride: int = static()
    padding: str | int | Pair = static()

    def __init__(self, window: int, *, stride: int | None = None, padding: str | int | Pair = "valid") -> None:
        self.window, self.stride, self.padding = window, window if stride is None else stride, padding
        along = padding if not isinstance(padding, tuple) else ((0, 0), padding)
        check_windows(type(self).__name__, along, window=(1, self.window), stride=(1, self.stride))
        self.padding = (padding, padding) if isinstance(padding, int) else padding

    def pooled(self, pool: Any, x: Array) -> Array:
        """The sequences as images of one row, pooled."""
        if x.ndim != 3:
            raise ValueError(f"{type(self).__name__} takes (batch, length, channels), the input has shape {x.shape}")
        padding: Any = self.padding if isinstance(self.padding, str) else ((0, 0), self.padding)
        return pool(x[:, None], (1, self.window), (1, self.stride), padding)[:, 0]


class MaxPool1d(_Pool1d):
    """The largest element of each window of sequences (batch, length, channels), as MaxPool along one axis."""

    def __call__(self, x: Array) -> Array:
        return self.pooled(max_pool, x)


class AvgPool1d(_Pool1d):
    """The mean of each window of sequences (batch, length, channels), as AvgPool along one axis."""

    def __call__(self, x: Array) -> Array:
        return self.pooled(mean_pool, x)


def global_avg_pool(x: Array) -> Array:
    """The mean over all axes but the first and the last: x (batch, ..., channels) to (batch, channels)."""
    return x.mean(axis=tuple(range(1, x.ndim - 1)))


def global_max_pool(x: Array) -> Array:
    """The maximum over all axes but the first and the last: x (batch, ..., channels) to (batch, channels)."""
    return x.max(axis=tuple(range(1, x.ndim - 1)))


def check_images(layer: str, x: Array) -> None:
    """Raise ValueError for what is no batch of images."""
    if x.ndim != 4:
        raise ValueError(f"{layer} takes (batch, height, width, channels), the input has shape {x.shape}")
