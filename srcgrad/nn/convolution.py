"""Convolutions of images and sequences, channels last: x (batch, height, width, channels), weights (height, width,
inputs, outputs).

A convolution is linear in the input and in the weights, so its two adjoints and itself are the derivatives of one
another: with y = convolve(x, w), <d, y> = <convolve_input(d, w, x), x> = <convolve_weight(d, x, w), w>.

Each is one matrix product for a block of images: the windows of the block, copied into the rows of a matrix that fits
into the cache, times the weights as a matrix. Copying windows of the whole batch at once would be bound by memory.
Groups: where each channel is by itself, each place in the window is one product, element by element. Other groups are
taken several at a time, as the blocks on the diagonal of wider weights: products of narrow matrices are slow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcgrad.backends.homes import array_module
from srcgrad.nn.windows import Padding, Pair, both, check_fit, output_shape, taps, window_places
from srcgrad.rules.own import rule

Array = Any
BLOCK = 2**19
"""The most numbers in the matrix of windows: 2 MB of float32."""
WIDTH = 16
"""The inputs of groups that are taken together: fewer make slow products, more make many with zeros."""


def _blocks(x: Array, window: Pair, stride: Pair, dilation: Pair, padding: Padding) -> Iterator[tuple[slice, Array]]:
    """Blocks of images, and the matrix of their windows: a row for each pixel of the output."""
    xp = array_module(x)
    images, height, width, channels = x.shape
    rows, top, bottom = window_places(height, window[0], stride[0], dilation[0], both(padding, 0))
    columns, left, right = window_places(width, window[1], stride[1], dilation[1], both(padding, 1))
    if top or bottom or left or right:
        padded = xp.zeros((images, height + top + bottom, width + left + right, channels), x.dtype)
        padded[:, top : top + height, left : left + width] = x
        x = padded
    if window == stride == (1, 1) and x.flags.c_contiguous:
        yield slice(None), x.reshape(-1, channels)
        return
    a, b, c, d = x.strides
    shape = (images, rows, columns, *window, channels)
    strides = (a, b * stride[0], c * stride[1], b * dilation[0], c * dilation[1], d)
    windows = xp.lib.stride_tricks.as_strided(x, shape, strides)
    per_image = windows[0].size if images else 1
    step = min(max(BLOCK // max(per_image, 1), 1), max(images, 1))
    copied = xp.empty((step, *shape[1:]), x.dtype)
    for start in range(0, images, step):
        block = copied[: min(step, images - start)]
        block[...] = windows[start : start + step]
        yield slice(start, start + step), block.reshape(-1, window[0] * window[1] * channels)


# ---- groups of channels ----------------------------------------------------------------------------------------


def _by_groups(product: Callable[..., Array], groups: int, arrays: tuple[Array, ...], *options: Any) -> Array:
    """A product of each group of channels by itself, joined."""
    xp = array_module(arrays[0])
    if groups == 1:
        return product(*arrays, *options, 1)
    parts = zip(*(xp.split(array, groups, -1) for array in arrays), strict=True)
    return xp.concatenate([product(*part, *options, 1) for part in parts], axis=-1)


def _together(w: Array, groups: int) -> int:
    """How many groups are taken at a time: as many as make WIDTH inputs."""
    return max((k for k in range(1, groups + 1) if groups % k == 0 and k * w.shape[2] <= WIDTH), default=1)


def _wider(w: Array, groups: int, together: int) -> Array:
    """Weights for groups that are taken together: (height, width, together * inputs, outputs), zero between groups."""
    rows, columns, inputs, outputs = w.shape
    narrow = w.reshape(rows, columns, inputs, groups // together, together, outputs // groups)
    wide = array_module(w).zeros((rows, columns, together, *narrow.shape[2:]), w.dtype)
    for k in range(together):
        wide[:, :, k, :, :, k] = narrow[:, :, :, :, k]
    return wide.reshape(rows, columns, together * inputs, outputs)


def _narrower(wide: Array, groups: int, together: int) -> Array:
    """The blocks on the diagonal of what `_wider` gives: its adjoint."""
    rows, columns, inputs, outputs = wide.shape
    blocks = wide.reshape(rows, columns, together, inputs // together, groups // together, together, -1)
    narrow = array_module(wide).stack([blocks[:, :, k, :, :, k] for k in range(together)], axis=4)
    return narrow.reshape(rows, columns, inputs // together, outputs)


def _is_depthwise(w: Array, groups: int) -> bool:
    """Whether each channel is by itself."""
    return groups > 1 and w.shape[2] == 1 and w.shape[3] == groups


def _strips(
    x: Array, y: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> Iterator[tuple[int, int, int, Array, Array]]:
    """For blocks of images x and their outputs y, and each place in the window: the place, a number of columns, and the
    elements of y and x that belong together. Where columns lie side by side, they and the channels are one axis."""
    places = list(taps(x.shape, window, stride, dilation, padding))
    step = max(BLOCK // 8 // max(y[0].size if len(y) else 1, 1), 1)
    for start in range(0, len(x), step):
        images = slice(start, start + step)
        for i, j, (_, *out), (_, *into) in places:
            of_y, of_x = y[images, *out], x[images, *into]
            columns = 1
            if stride[1] == 1:
                columns = of_y.shape[2]
                of_y, of_x = _joined(y[images], *out), _joined(x[images], *into)
            yield i, j, columns, of_y, of_x


def _joined(x: Array, rows: slice, columns: slice) -> Array:
    """Some rows and columns that lie side by side, with columns and channels as one axis: a view of contiguous x."""
    channels = x.shape[3]
    return x.reshape(*x.shape[:2], -1)[:, rows, columns.start * channels : columns.stop * channels]


# ---- the three products ----------------------------------------------------------------------------------------


def convolve(x: Array, w: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Array:
    """The convolution: y[n, p, q] is the sum over i, j of x[n, p * stride + i * dilation, ...] @ w[i, j], for x with
    zeros around it as padding says. With groups, the g-th part of the outputs sees the g-th part of the inputs."""
    xp = array_module(x)
    places = output_shape(x, w.shape[:2], stride, dilation, padding)
    check_fit("convolve", x, w.shape[:2], places)
    if _is_depthwise(w, groups):
        y = xp.zeros((x.shape[0], *places, w.shape[3]), np.result_type(x.dtype, w.dtype))
        for i, j, columns, of_y, of_x in _strips(xp.ascontiguousarray(x), y, w.shape[:2], stride, padding, dilation):
            of_y += of_x * xp.tile(w[i, j, 0], columns)
        return y
    if groups > 1:
        together = _together(w, groups)
        return _by_groups(convolve, groups // together, (x, _wider(w, groups, together)), stride, padding, dilation)
    y = xp.empty((x.shape[0], *places, w.shape[3]), np.result_type(x.dtype, w.dtype))
    matrix = w.reshape(-1, w.shape[3])
    for images, windows in _blocks(x, w.shape[:2], stride, dilation, padding):
        xp.matmul(windows, matrix, out=y[images].reshape(-1, w.shape[3]))
    return y


def convolve_input(
    d: Array, w: Array, x: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """The adjoint in the input, of the shape of x: the transposed convolution of d, of the shape of the output."""
    xp = array_module(x)
    d_x = xp.zeros(x.shape, x.dtype)
    if _is_depthwise(w, groups):
        for i, j, columns, of_d, of_x in _strips(d_x, xp.ascontiguousarray(d), w.shape[:2], stride, padding, dilation):
            of_x += of_d * xp.tile(w[i, j, 0], columns)
        return d_x
    if groups > 1:
        together = _together(w, groups)
        given = (d, _wider(w, groups, together), x)
        return _by_groups(convolve_input, groups // together, given, stride, padding, dilation)
    images, rows, columns, outputs = d.shape
    step = max(BLOCK // 2 // max(rows * columns * w.shape[2], 1), 1)
    places = list(taps(x.shape, w.shape[:2], stride, dilation, padding))
    d = xp.ascontiguousarray(d)
    for start in range(0, images, step):
        block, target = d[start : start + step], d_x[start : start + step]
        moved = xp.empty((len(block) * rows * columns, w.shape[2]), x.dtype)
        for i, j, out, into in places:
            xp.matmul(block.reshape(-1, outputs), w[i, j].T, out=moved)
            target[into] += moved.reshape(len(block), rows, columns, -1)[out]
    return d_x


def convolve_weight(
    d: Array, x: Array, w: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """The adjoint in the weights, of the shape of w: d, of the shape of the output, correlated with the input."""
    xp = array_module(x)
    if _is_depthwise(w, groups):
        d_w = xp.zeros(w.shape, w.dtype)
        x, d = xp.ascontiguousarray(x), xp.ascontiguousarray(d)
        for i, j, _, of_d, of_x in _strips(x, d, w.shape[:2], stride, padding, dilation):
            d_w[i, j, 0] += (of_d * of_x).sum(axis=(0, 1)).reshape(-1, groups).sum(axis=0)
        return d_w
    if groups > 1:
        together = _together(w, groups)
        wide = xp.empty((*w.shape[:2], together * w.shape[2], w.shape[3]), w.dtype)
        d_w = _by_groups(convolve_weight, groups // together, (d, x, wide), stride, padding, dilation)
        return _narrower(d_w, groups, together)
    d_w = xp.zeros((w[..., 0].size, w.shape[3]), w.dtype)
    d = xp.ascontiguousarray(d)
    for images, windows in _blocks(x, w.shape[:2], stride, dilation, padding):
        d_w += windows.T @ d[images].reshape(-1, w.shape[3])
    return d_w.reshape(w.shape)


def _convolved(x: Array, w: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Array:
    rows, columns = output_shape(x, w.shape[:2], stride, dilation, padding)
    return np.zeros((x.shape[0], max(rows, 0), max(columns, 0), w.shape[3]), np.result_type(x, w))


def _convolve_vjp(d, out, x, w, stride, padding, dilation, groups):  # type: ignore[no-untyped-def]
    d_x = convolve_input(d, w, x, stride, padding, dilation, groups)
    return d_x, convolve_weight(d, x, w, stride, padding, dilation, groups), None, None, None, None


def _convolve_input_vjp(d_new, out, d, w, x, stride, padding, dilation, groups):  # type: ignore[no-untyped-def]
    d_d = convolve(d_new, w, stride, padding, dilation, groups)
    return d_d, convolve_weight(d, d_new, w, stride, padding, dilation, groups), None, None, None, None, None


def _convolve_weight_vjp(d_new, out, d, x, w, stride, padding, dilation, groups):  # type: ignore[no-untyped-def]
    d_d = convolve(x, d_new, stride, padding, dilation, groups)
    return d_d, convolve_input(d, d_new, x, stride, padding, dilation, groups), None, None, None, None, None


def _convolve_jvp(out, x, w, stride, padding, dilation, groups, x_dot, w_dot):  # type: ignore[no-untyped-def]
    return (convolve(x_dot, w, stride, padding, dilation, groups)
            + convolve(x, w_dot, stride, padding, dilation, groups))  # fmt: skip


def _convolve_input_jvp(out, d, w, x, stride, padding, dilation, groups, d_dot, w_dot, x_dot):  # type: ignore[no-untyped-def]
    return (convolve_input(d_dot, w, x, stride, padding, dilation, groups)
            + convolve_input(d, w_dot, x, stride, padding, dilation, groups))  # fmt: skip


def _convolve_weight_jvp(out, d, x, w, stride, padding, dilation, groups, d_dot, x_dot, w_dot):  # type: ignore[no-untyped-def]
    return (convolve_weight(d_dot, x, w, stride, padding, dilation, groups)
            + convolve_weight(d, x_dot, w, stride, padding, dilation, groups))  # fmt: skip


rule(convolve, vjp=_convolve_vjp, jvp=_convolve_jvp, example=_convolved)
rule(convolve_input, vjp=_convolve_input_vjp, jvp=_convolve_input_jvp, example=lambda d, w, x, *_: np.zeros_like(x))
rule(convolve_weight, vjp=_convolve_weight_vjp, jvp=_convolve_weight_jvp, example=lambda d, x, w, *_: np.zeros_like(w))
