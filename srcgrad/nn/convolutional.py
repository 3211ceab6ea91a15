"""Layers of convolutions, channels last: x (batch, height, width, channels), sequences (batch, length, channels)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.nn.convolution import convolve, convolve_input
from srcgrad.nn.initialisers import generator, he_normal
from srcgrad.nn.module import Module, static
from srcgrad.nn.windows import Padding, Pair, both, check_windows, ends, pair, window_places

Array = Any


class Conv2d(Module):
    """A convolution of images: x (batch, height, width, inputs) to (batch, height', width', outputs).

    kernel, stride, dilation: a number, or one for each axis. padding: "same" gives ceil(length / stride) pixels,
    "valid" adds nothing, a number so many zeros at each end, and (rows, columns) or ((top, bottom), (left, right)) so
    many. groups: inputs and outputs fall into so many parts, each output seeing its part of the inputs. around: what is
    added, "zeros", "reflect", "replicate" (the edge), or "circular". weight: (kernel, kernel, inputs / groups,
    outputs).
    """

    weight: Array
    bias: Array | None
    stride: Pair = static()
    padding: Padding = static()
    dilation: Pair = static()
    groups: int = static()
    around: str = static("zeros")

    def __init__(
        self, inputs: int, outputs: int, kernel: int | Pair, *, stride: int | Pair = 1, padding: Padding = "same",
        dilation: int | Pair = 1, groups: int = 1, around: str = "zeros", bias: bool = True,
        init: Callable[..., Array] = he_normal, rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        padding = ends(padding)
        check_windows("Conv2d", padding, stride=pair(stride), kernel=pair(kernel), dilation=pair(dilation))
        check_groups("Conv2d", inputs, outputs, groups)
        check_around("Conv2d", around)
        self.weight = init(generator(rng), (*pair(kernel), inputs // groups, outputs), dtype)
        self.bias = np.zeros(outputs, dtype) if bias else None
        self.stride, self.padding, self.dilation, self.groups = pair(stride), padding, pair(dilation), groups
        self.around = around

    def __call__(self, x: Array) -> Array:
        if x.ndim != 4 or x.shape[3] != self.weight.shape[2] * self.groups:
            raise ValueError(f"Conv2d: weight has shape {self.weight.shape} and takes (batch, height, width, "
                             f"{self.weight.shape[2] * self.groups}), the input has shape {x.shape}")  # fmt: skip
        if self.around != "zeros":
            x = padded(x, self.weight.shape[:2], self.stride, self.dilation, self.padding, self.around)
            y = convolve(x, self.weight, self.stride, "valid", self.dilation, self.groups)
        else:
            y = convolve(x, self.weight, self.stride, self.padding, self.dilation, self.groups)
        return y if self.bias is None else y + self.bias


class Conv1d(Module):
    """A convolution of sequences: x (batch, length, inputs) to (batch, length', outputs), as Conv2d along one axis.

    weight: (kernel, inputs / groups, outputs). padding: "same", "valid", a number, or (before, behind): (kernel - 1, 0)
    makes a causal one, of which no output sees later inputs. around: as of Conv2d.
    """

    weight: Array
    bias: Array | None
    stride: int = static()
    padding: str | int | Pair = static()
    dilation: int = static()
    groups: int = static()
    around: str = static("zeros")

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: str | int | Pair = "same",
        dilation: int = 1, groups: int = 1, around: str = "zeros", bias: bool = True,
        init: Callable[..., Array] = he_normal, rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        along = padding if not isinstance(padding, tuple) else ((0, 0), padding)
        check_windows("Conv1d", along, stride=(1, stride), kernel=(1, kernel), dilation=(1, dilation))
        check_groups("Conv1d", inputs, outputs, groups)
        check_around("Conv1d", around)
        self.weight = init(generator(rng), (kernel, inputs // groups, outputs), dtype)
        self.bias = np.zeros(outputs, dtype) if bias else None
        self.stride, self.dilation, self.groups, self.around = stride, dilation, groups, around
        self.padding = (padding, padding) if isinstance(padding, int) else padding

    def __call__(self, x: Array) -> Array:
        if x.ndim != 3 or x.shape[2] != self.weight.shape[1] * self.groups:
            raise ValueError(f"Conv1d: weight has shape {self.weight.shape} and takes (batch, length, "
                             f"{self.weight.shape[1] * self.groups}), the input has shape {x.shape}")  # fmt: skip
        padding: Any = self.padding if isinstance(self.padding, str) else ((0, 0), self.padding)
        rows, window, stride, dilation = x[:, None], (1, self.weight.shape[0]), (1, self.stride), (1, self.dilation)
        if self.around != "zeros":
            rows, padding = padded(rows, window, stride, dilation, padding, self.around), "valid"
        y = convolve(rows, self.weight[None], stride, padding, dilation, self.groups)[:, 0]
        return y if self.bias is None else y + self.bias


class ConvTranspose2d(Module):
    """The transpose of a convolution, which makes images larger: x (batch, height, width, inputs) to (batch, height',
    width', outputs).

    Each pixel of x is spread over a window, and the windows, `stride` apart, are summed. padding: "same" gives length *
    stride pixels, "valid" all that the windows reach, a number takes so many off each end; `more` are added behind.
    weight: (kernel, kernel, outputs / groups, inputs).
    """

    weight: Array
    bias: Array | None
    stride: Pair = static()
    padding: str | int = static()
    dilation: Pair = static()
    groups: int = static()
    more: Pair = static()

    def __init__(
        self, inputs: int, outputs: int, kernel: int | Pair, *, stride: int | Pair = 1, padding: str | int = "same",
        dilation: int | Pair = 1, groups: int = 1, more: int | Pair = 0, bias: bool = True,
        init: Callable[..., Array] = he_normal, rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        check_windows("ConvTranspose2d", padding, stride=pair(stride), kernel=pair(kernel), dilation=pair(dilation))
        check_groups("ConvTranspose2d", inputs, outputs, groups)
        if min(pair(more)) < 0 or any(a >= b for a, b in zip(pair(more), pair(stride), strict=True)):
            raise ValueError(f"ConvTranspose2d: more is {more}, it has to be smaller than the stride, {stride}")
        drawn = init(generator(rng), (*pair(kernel), inputs, outputs // groups), dtype)
        self.weight = np.ascontiguousarray(drawn.swapaxes(2, 3))
        self.bias = np.zeros(outputs, dtype) if bias else None
        self.stride, self.padding, self.dilation, self.groups = pair(stride), padding, pair(dilation), groups
        self.more = pair(more)

    def __call__(self, x: Array) -> Array:
        if x.ndim != 4 or x.shape[3] != self.weight.shape[3]:
            raise ValueError(f"ConvTranspose2d: weight has shape {self.weight.shape} and takes (batch, height, width, "
                             f"{self.weight.shape[3]}), the input has shape {x.shape}")  # fmt: skip
        rows, columns = self.length(x.shape[1], 0), self.length(x.shape[2], 1)
        like = np.zeros((x.shape[0], rows, columns, self.weight.shape[2] * self.groups), x.dtype)
        y = convolve_input(x, self.weight, like, self.stride, self.padding, self.dilation, self.groups)
        return y if self.bias is None else y + self.bias

    def length(self, length: int, axis: int) -> int:
        """The pixels of the result along an axis."""
        if self.padding == "same":
            return length * self.stride[axis]
        off = 0 if isinstance(self.padding, str) else 2 * self.padding
        reach = (self.weight.shape[axis] - 1) * self.dilation[axis] + 1
        return (length - 1) * self.stride[axis] + reach + self.more[axis] - off


# ---- padding, and sizes that are not windows' ------------------------------------------------------------------

AROUND = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""What may be added around images, and what np.pad calls it."""


def padded(x: Array, window: Pair, stride: Pair, dilation: Pair, padding: Padding, around: str) -> Array:
    """Images with as much around them as the windows of a convolution with this padding need."""
    _, top, bottom = window_places(x.shape[1], window[0], stride[0], dilation[0], both(padding, 0))
    _, left, right = window_places(x.shape[2], window[1], stride[1], dilation[1], both(padding, 1))
    mode: Any = AROUND[around]
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), mode=mode)


def check_groups(layer: str, inputs: int, outputs: int, groups: int) -> None:
    """Raise ValueError where channels do not fall into groups."""
    if groups < 1 or inputs % groups or outputs % groups:
        raise ValueError(f"{layer}: {inputs} inputs and {outputs} outputs do not fall into {groups} groups")


def check_around(layer: str, around: str) -> None:
    """Raise ValueError for what cannot be added around images."""
    if around not in AROUND:
        raise ValueError(f"{layer}: around is {around!r}, it has to be {', '.join(AROUND)}")
