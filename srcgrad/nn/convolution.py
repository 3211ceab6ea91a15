"""Convolutions of images and sequences, channels last: x (batch, height, width, channels), weights (height, width,
inputs, outputs).

A convolution is linear in the input and in the weights, so its two adjoints and itself are the derivatives of one
another: with y = convolve(x, w), <d, y> = <convolve_input(d, w, x), x> = <convolve_weight(d, x, w), w>.

Each is one matrix product for a block of images: the windows of the block, copied into the rows of a matrix that fits
into the cache, times the weights as a matrix. Copying windows of the whole batch at once would be bound by memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcgrad.backends.homes import array_module
from srcgrad.nn.initialisers import generator, he_normal
from srcgrad.nn.module import Module, static
from srcgrad.rules.own import rule

Array = Any
Pair = tuple[int, int]
Padding = str | int | tuple[Pair, Pair]
BLOCK = 2**19
"""The most numbers in the matrix of windows: 2 MB of float32."""


# ---- where windows lie -----------------------------------------------------------------------------------------


def window_places(length: int, window: int, stride: int, dilation: int, padding: str | Pair) -> tuple[int, int, int]:
    """Along one axis: how many windows there are, and how much is added before and behind.

    padding: "valid" adds nothing, "same" so much that there are ceil(length / stride) windows, the odd one behind.
    """
    extent = (window - 1) * dilation + 1
    if padding == "same":
        count = -(-length // stride)
        added = max((count - 1) * stride + extent - length, 0)
        return count, added // 2, added - added // 2
    before, behind = padding if isinstance(padding, tuple) else (0, 0)
    return (length + before + behind - extent) // stride + 1, before, behind


def both(padding: Padding, axis: int) -> Any:
    """The padding along the first or second axis of an image."""
    if isinstance(padding, tuple):
        return padding[axis]
    return (padding, padding) if isinstance(padding, int) else padding


def taps(
    shape: tuple[int, ...], window: Pair, stride: Pair, dilation: Pair, padding: Padding
) -> Iterator[tuple[int, int, tuple[Any, ...], tuple[Any, ...]]]:
    """For each place in a window: its place, the elements of the output whose windows have it inside of the input, and
    those elements of the input. shape: of the input."""
    spans = []
    for axis in (0, 1):
        length = shape[1 + axis]
        count, before, _ = window_places(length, window[axis], stride[axis], dilation[axis], both(padding, axis))
        row = []
        for k in range(window[axis]):
            start = k * dilation[axis] - before  # of the window of output 0
            first = max(-(start // stride[axis]), 0)
            last = min((length - 1 - start) // stride[axis], count - 1)
            at = start + first * stride[axis]
            inside = slice(at, start + last * stride[axis] + 1, stride[axis])
            row.append((slice(first, last + 1), inside, last >= first))
        spans.append(row)
    for i, (out_rows, in_rows, some_rows) in enumerate(spans[0]):
        for j, (out_columns, in_columns, some_columns) in enumerate(spans[1]):
            if some_rows and some_columns:
                yield i, j, (slice(None), out_rows, out_columns), (slice(None), in_rows, in_columns)


def output_shape(x: Array, window: Pair, stride: Pair, dilation: Pair, padding: Padding) -> Pair:
    """Height and width of what windows over x give."""
    rows = window_places(x.shape[1], window[0], stride[0], dilation[0], both(padding, 0))[0]
    return rows, window_places(x.shape[2], window[1], stride[1], dilation[1], both(padding, 1))[0]


def check_fit(function: str, x: Array, window: Pair, places: Pair) -> None:
    """Raise ValueError where no window fits into the images."""
    if min(places) < 1:
        raise ValueError(f"{function}: a window of {window[0]} x {window[1]}, with this dilation and padding, does not "
                         f"fit into images of {x.shape[1]} x {x.shape[2]}")  # fmt: skip


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


def _by_groups(product: Callable[..., Array], groups: int, arrays: tuple[Array, ...], *options: Any) -> Array:
    """A product of each group of channels by itself, joined."""
    xp = array_module(arrays[0])
    parts = zip(*(xp.split(array, groups, -1) for array in arrays), strict=True)
    return xp.concatenate([product(*part, *options, 1) for part in parts], axis=-1)


# ---- the three products ----------------------------------------------------------------------------------------


def convolve(x: Array, w: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Array:
    """The convolution: y[n, p, q] is the sum over i, j of x[n, p * stride + i * dilation, ...] @ w[i, j], for x with
    zeros around it as padding says. With groups, the g-th part of the outputs sees the g-th part of the inputs."""
    xp = array_module(x)
    if groups > 1:
        return _by_groups(convolve, groups, (x, w), stride, padding, dilation)
    places = output_shape(x, w.shape[:2], stride, dilation, padding)
    check_fit("convolve", x, w.shape[:2], places)
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
    if groups > 1:
        return _by_groups(convolve_input, groups, (d, w, x), stride, padding, dilation)
    d_x = xp.zeros(x.shape, x.dtype)
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
    if groups > 1:
        return _by_groups(convolve_weight, groups, (d, x, w), stride, padding, dilation)
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


# ---- layers ----------------------------------------------------------------------------------------------------


def pair(value: int | Pair) -> Pair:
    """A number for both axes, or one for each."""
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


class Conv2d(Module):
    """A convolution of images: x (batch, height, width, inputs) to (batch, height', width', outputs).

    kernel, stride, dilation: a number, or one for each axis. padding: "same" gives ceil(length / stride) pixels,
    "valid" adds nothing, a number so many zeros at each end, ((top, bottom), (left, right)) so many. groups: inputs
    and outputs fall into so many parts, each output seeing its part of the inputs. weight: (kernel,
    kernel, inputs / groups, outputs).
    """

    weight: Array
    bias: Array | None
    stride: Pair = static()
    padding: Padding = static()
    dilation: Pair = static()
    groups: int = static()

    def __init__(
        self, inputs: int, outputs: int, kernel: int | Pair, *, stride: int | Pair = 1, padding: Padding = "same",
        dilation: int | Pair = 1, groups: int = 1, bias: bool = True, init: Callable[..., Array] = he_normal,
        rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        check_windows("Conv2d", padding, stride=pair(stride), kernel=pair(kernel), dilation=pair(dilation))
        if groups < 1 or inputs % groups or outputs % groups:
            raise ValueError(f"Conv2d: {inputs} inputs and {outputs} outputs do not fall into {groups} groups")
        self.weight = init(generator(rng), (*pair(kernel), inputs // groups, outputs), dtype)
        self.bias = np.zeros(outputs, dtype) if bias else None
        self.stride, self.padding, self.dilation, self.groups = pair(stride), padding, pair(dilation), groups

    def __call__(self, x: Array) -> Array:
        if x.ndim != 4 or x.shape[3] != self.weight.shape[2] * self.groups:
            raise ValueError(f"Conv2d: weight has shape {self.weight.shape} and takes (batch, height, width, "
                             f"{self.weight.shape[2] * self.groups}), the input has shape {x.shape}")  # fmt: skip
        y = convolve(x, self.weight, self.stride, self.padding, self.dilation, self.groups)
        return y if self.bias is None else y + self.bias


class Conv1d(Module):
    """A convolution of sequences: x (batch, length, inputs) to (batch, length', outputs), as Conv2d along one axis.

    weight: (kernel, inputs / groups, outputs). padding: "same", "valid", a number, or (before, behind).
    """

    weight: Array
    bias: Array | None
    stride: int = static()
    padding: str | int | Pair = static()
    dilation: int = static()
    groups: int = static()

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: str | int | Pair = "same",
        dilation: int = 1, groups: int = 1, bias: bool = True, init: Callable[..., Array] = he_normal,
        rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        along = padding if not isinstance(padding, tuple) else ((0, 0), padding)
        check_windows("Conv1d", along, stride=(1, stride), kernel=(1, kernel), dilation=(1, dilation))
        if groups < 1 or inputs % groups or outputs % groups:
            raise ValueError(f"Conv1d: {inputs} inputs and {outputs} outputs do not fall into {groups} groups")
        self.weight = init(generator(rng), (kernel, inputs // groups, outputs), dtype)
        self.bias = np.zeros(outputs, dtype) if bias else None
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.padding = (padding, padding) if isinstance(padding, int) else padding

    def __call__(self, x: Array) -> Array:
        if x.ndim != 3 or x.shape[2] != self.weight.shape[1] * self.groups:
            raise ValueError(f"Conv1d: weight has shape {self.weight.shape} and takes (batch, length, "
                             f"{self.weight.shape[1] * self.groups}), the input has shape {x.shape}")  # fmt: skip
        padding: Any = self.padding if isinstance(self.padding, str) else ((0, 0), self.padding)
        rows = x[:, None]
        y = convolve(rows, self.weight[None], (1, self.stride), padding, (1, self.dilation), self.groups)[:, 0]
        return y if self.bias is None else y + self.bias


def check_windows(layer: str, padding: Any, **pairs: Pair) -> None:
    """Raise ValueError for windows, strides or padding that there cannot be."""
    for name, numbers in pairs.items():
        if min(numbers) < 1:
            raise ValueError(f"{layer}: {name} is {numbers}, it has to be positive")
    ends = padding if isinstance(padding, tuple) else ((padding, padding),) if isinstance(padding, int) else ()
    if isinstance(padding, str) and padding not in ("same", "valid") or any(n < 0 for end in ends for n in end):
        raise ValueError(f'{layer}: padding is {padding!r}, it has to be "same", "valid" or numbers not below 0')
