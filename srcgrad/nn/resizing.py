"""Other sizes of images: x (batch, height, width, channels)."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.module import Module, static
from srcgrad.nn.pooling import check_images
from srcgrad.nn.windows import Pair, pair

Array = Any


class Upsample(Module):
    """Images `factor` times as large: each pixel repeated ("nearest"), or linear between the centres of pixels
    ("bilinear", as PyTorch's with align_corners=False)."""

    factor: Pair = static()
    mode: str = static()

    def __init__(self, factor: int | Pair, *, mode: str = "nearest") -> None:
        if mode not in ("nearest", "bilinear") or min(pair(factor)) < 1:
            raise ValueError(f'Upsample: factor is {factor} and mode {mode!r}: they have to be positive, and "nearest" '
                             'or "bilinear"')  # fmt: skip
        self.factor, self.mode = pair(factor), mode

    def __call__(self, x: Array) -> Array:
        check_images("Upsample", x)
        if self.mode == "nearest":
            return x.repeat(self.factor[0], axis=1).repeat(self.factor[1], axis=2)
        height, width = x.shape[1:3]
        rows, columns = linear(height, height * self.factor[0], x.dtype), linear(width, width * self.factor[1], x.dtype)
        return along_both(rows, columns, x)


class AdaptiveAvgPool(Module):
    """The means of `size` parts of images of any size, equal to a pixel: to (batch, *size, channels)."""

    size: Pair = static()

    def __init__(self, size: int | Pair) -> None:
        self.size = pair(size)
        if min(self.size) < 1:
            raise ValueError(f"AdaptiveAvgPool: size is {size}, it has to be positive")

    def __call__(self, x: Array) -> Array:
        check_images("AdaptiveAvgPool", x)
        return along_both(means(x.shape[1], self.size[0], x.dtype), means(x.shape[2], self.size[1], x.dtype), x)


def pixel_shuffle(x: Array, factor: int) -> Array:
    """Channels as pixels (Shi et al. 2016): (batch, height, width, channels * factor * factor) to (batch, height *
    factor, width * factor, channels)."""
    images, rows, columns, channels = x.shape
    if channels % (factor * factor):
        raise ValueError(f"pixel_shuffle: {channels} channels do not fall into squares of {factor} x {factor}")
    squares = x.reshape(images, rows, columns, channels // (factor * factor), factor, factor)
    return squares.transpose(0, 1, 4, 2, 5, 3).reshape(images, rows * factor, columns * factor, -1)


def along_both(rows: Array, columns: Array, x: Array) -> Array:
    """Matrices applied to images along the first and the second axis."""
    images, height, width, channels = x.shape
    y = (rows @ x.reshape(images, height, width * channels)).reshape(images, rows.shape[0], width, channels)
    return columns @ y


def linear(length: int, new: int, dtype: Any) -> Array:
    """The matrix (new, length) of linear interpolation at the centres of new pixels; beyond the last centre the value
    stays."""
    at = np.clip((np.arange(new) + 0.5) * (length / new) - 0.5, 0, length - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(length)), 0).astype(dtype)


def means(length: int, new: int, dtype: Any) -> Array:
    """The matrix (new, length) of the means of parts that cover all pixels, and overlap where they cannot be equal."""
    k, pixels = np.arange(new)[:, None], np.arange(length)
    inside = (pixels >= k * length // new) & (pixels < -(-(k + 1) * length // new))
    return (inside / inside.sum(axis=1, keepdims=True)).astype(dtype)
