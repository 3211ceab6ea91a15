"""Where the windows of convolutions and pooling lie: x (batch, height, width, channels)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Array = Any
Pair = tuple[int, int]
Padding = str | int | tuple[Pair, Pair]


def pair(value: int | Pair) -> Pair:
    """A number for both axes, or one for each."""
    if isinstance(value, int):
        return value, value
    if isinstance(value, str) or len(value) != 2:
        raise ValueError(f"{value!r} is no number, and no pair of numbers")
    return int(value[0]), int(value[1])


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


def ends(padding: Any) -> Any:
    """The padding of images, where one number for both ends of each axis may be given: ((1, 1), (2, 2)) for (1, 2)."""
    if isinstance(padding, (tuple, list)) and len(padding) == 2 and all(isinstance(n, int) for n in padding):
        return (padding[0], padding[0]), (padding[1], padding[1])
    return padding


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


def check_windows(layer: str, padding: Any, **pairs: Pair) -> None:
    """Raise ValueError for windows, strides or padding that there cannot be."""
    for name, numbers in pairs.items():
        if min(numbers) < 1:
            raise ValueError(f"{layer}: {name} is {numbers}, it has to be positive")
    if isinstance(padding, str):
        fits = padding in ("same", "valid")
    else:
        ends = padding if isinstance(padding, tuple) else ((padding, padding),)
        fits = all(isinstance(end, tuple) and all(isinstance(n, int) and n >= 0 for n in end) for end in ends)
    if not fits:
        raise ValueError(f'{layer}: padding is {padding!r}, it has to be "same", "valid" or numbers not below 0')
