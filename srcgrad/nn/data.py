"""Data sets, their batches, and the sets that scikit-learn ships."""

from __future__ import annotations

import math
import numbers
import operator
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from srcgrad.backends.homes import array_module
from srcgrad.errors import ArgumentError
from srcgrad.nn.lazy import needed

Batch = tuple[Any, ...]
"""The rows of each field."""


class Dataset(Protocol):
    """What a loader reads: a number of rows, and the rows at an array of indices, one array for each field."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Batch: ...


class ArrayDataset:
    """Arrays of one length, taken row by row: `ArrayDataset(images, labels)[:2]` is a tuple of two arrays.

    fields: NumPy or CuPy arrays, or what np.asarray makes arrays of, with shapes (n, ...). Nothing is copied.
    ValueError where there is no field, no row, or where the lengths differ.
    """

    def __init__(self, *fields: Any) -> None:
        if not fields:
            raise ValueError("a data set needs at least one array.")
        self.fields = tuple(f if hasattr(f, "shape") and hasattr(f, "dtype") else np.asarray(f) for f in fields)
        for k, field in enumerate(self.fields):
            if field.ndim == 0:
                raise ValueError(f"field {k} of the data set is a number: it needs an axis of rows.")
            if field.dtype == object:
                raise ValueError(f"field {k} of the data set is an array of objects: its rows must have one shape.")
        lengths = [len(field) for field in self.fields]
        if len(set(lengths)) > 1:
            raise ValueError(f"the fields of the data set have different lengths: {', '.join(map(str, lengths))}.")
        if lengths[0] == 0:
            raise ValueError("the data set is empty.")

    def __len__(self) -> int:
        return len(self.fields[0])

    def __getitem__(self, rows: Any, /) -> Batch:
        return tuple(field[_indices(rows, field)] for field in self.fields)

    def __repr__(self) -> str:
        return f"ArrayDataset({', '.join(f'{field.dtype} {field.shape}' for field in self.fields)})"


def _indices(rows: Any, field: Any) -> Any:
    """Indices of rows where the field lives."""
    return array_module(field).asarray(rows) if isinstance(rows, np.ndarray) else rows


class Subset:
    """Some rows of a data set, by their indices."""

    def __init__(self, dataset: Dataset, rows: np.ndarray) -> None:
        self.dataset, self.rows = dataset, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any, /) -> Batch:
        return self.dataset[self.rows[rows]]

    def __repr__(self) -> str:
        return f"Subset({len(self)} rows of {self.dataset!r})"


def split(dataset: Dataset, parts: Sequence[float], seed: int | None = 0) -> tuple[Subset, ...]:
    """Divide a data set into random parts: `train, test = split(data, (0.8, 0.2))`.

    parts: either fractions that sum to 1, or numbers of rows that sum to the length of the data set. seed: of the
    order; with None the rows stay in theirs. ValueError where the parts do not add up, or where one would be empty.
    """
    count = _rows(dataset)
    if all(isinstance(part, numbers.Integral) for part in parts):
        ends = np.cumsum(np.asarray(parts, dtype=int))
        whole: float = count
    else:
        ends = np.round(np.cumsum(np.asarray(parts, dtype=float)) * count).astype(int)
        whole = 1
    if not math.isclose(math.fsum(parts), whole, rel_tol=1e-9):
        raise ValueError(f"the parts {tuple(parts)} sum to {math.fsum(parts):g}, not to {whole}.")
    order = np.arange(count) if seed is None else np.random.default_rng(seed).permutation(count)
    sizes = np.diff(ends, prepend=0)
    if np.any(sizes <= 0):
        empty = int(np.argmax(sizes <= 0))
        raise ValueError(f"part {empty} of {tuple(parts)} has no rows: the data set has {count}.")
    return tuple(Subset(dataset, order[end - size : end]) for end, size in zip(ends, sizes, strict=True))


class DataLoader:
    """The batches of a data set, in an order that follows from the seed and from how many passes were made before.

    dataset: an `ArrayDataset`, or any object with a length that gives a tuple of arrays for an array of indices;
    batch_size: rows in each batch; the last may have fewer, and is left out with `drop_last`; weights: how often each
    row is drawn, in proportion, with replacement, where some classes are rare; prefetch: how many
    batches a thread makes ready ahead of their use, 0 for none; it pays where a batch has to be waited for, as for a
    disk. Each `for batch in loader` is one pass, and `epoch` is how many have begun; `batches(epoch)` gives those of
    any pass. An exception in the thread is raised where the batch is asked for. ValueError where the data set is empty,
    or smaller than a batch with `drop_last`.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 32,
        *,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        prefetch: int = 0,
        weights: Any = None,
    ) -> None:
        rows = _rows(dataset)
        self.batch_size, self.prefetch = operator.index(batch_size), operator.index(prefetch)
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, and must be 1 or more.")
        if self.prefetch < 0:
            raise ValueError(f"prefetch is {prefetch}, and must be 0 or more.")
        if drop_last and self.batch_size > rows:
            raise ValueError(
                f"batch_size is {batch_size}, but the data set has {rows} rows: with drop_last there is no batch."
            )
        self.weights = None if weights is None else np.asarray(weights, float)
        if self.weights is not None:
            if self.weights.shape != (rows,) or self.weights.min() < 0 or not self.weights.sum() > 0:
                raise ValueError(f"weights are {rows} numbers, not below 0: these have shape {self.weights.shape}.")
            if not shuffle:
                raise ValueError("weights are for rows that are drawn, and shuffle is False.")
        self.dataset, self.shuffle, self.seed, self.drop_last = dataset, shuffle, seed, drop_last
        self.epoch = 0

    def __len__(self) -> int:
        """The number of batches in a pass."""
        rows = len(self.dataset)
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.epoch
        self.epoch += 1
        return self.batches(epoch)

    def size(self, k: int) -> int:
        """The number of rows in batch k."""
        return min(self.batch_size, len(self.dataset) - k * self.batch_size)

    def batches(self, epoch: int, share: slice = slice(None)) -> Generator[Batch]:
        """The batches of a pass; with `share`, only these rows of each: slice(rank, None, ranks) for one of many, and
        an empty tuple where there are none."""
        return _made(self.taken, (rows[share] for rows in self.rows(epoch)), self.prefetch)

    def taken(self, rows: np.ndarray) -> Batch:
        """Some rows of the data set, () for none. TypeError where it does not give a tuple."""
        if len(rows) == 0:
            return ()
        batch = self.dataset[rows]
        if not isinstance(batch, (tuple, list)):
            raise TypeError(f"the data set gives a {type(batch).__name__}, and must give a tuple of its fields.")
        return tuple(batch)

    def rows(self, epoch: int) -> list[np.ndarray]:
        """The indices of the rows in each batch of a pass."""
        count = len(self.dataset)
        rng = np.random.default_rng((self.seed, epoch))
        if self.weights is not None:
            order = rng.choice(count, count, p=self.weights / self.weights.sum())
        else:
            order = rng.permutation(count) if self.shuffle else np.arange(count)
        return [order[k * self.batch_size : (k + 1) * self.batch_size] for k in range(len(self))]


def pad_sequences(sequences: Sequence[Any], value: float = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of different lengths as one array, and their lengths.

    sequences: arrays (length, ...) of equal further axes, or lists of numbers. Gives an array (sequences, longest,
    ...), filled up with `value`, and ints (sequences), which recurrent layers take as `lengths`. ValueError for none.
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("there are no sequences.")
    lengths = np.array([len(array) for array in arrays])
    padded = np.full((len(arrays), lengths.max(), *arrays[0].shape[1:]), value, np.result_type(*arrays))
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded, lengths


def _made(make: Callable[[np.ndarray], Batch], rows: Iterator[np.ndarray], ahead: int) -> Generator[Batch]:
    """The batches, made one after the other in a thread that is `ahead` of their use."""
    if ahead == 0:
        yield from map(make, rows)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        coming: deque[Future[Batch]] = deque()
        try:
            for batch_rows in rows:
                coming.append(thread.submit(make, batch_rows))
                if len(coming) > ahead:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:  # the consumer left, or a batch failed: what was not begun is not made
            thread.shutdown(wait=False, cancel_futures=True)


def _rows(dataset: Dataset) -> int:
    """The length of a data set that has rows."""
    if len(dataset) == 0:
        raise ValueError("the data set is empty.")
    return len(dataset)


def loader_of(data: Any, batch_size: int | None, seed: int | None, shuffle: bool = True) -> DataLoader:
    """A loader of what `fit` takes as data. ArgumentError for what is none, and for options of a loader that is one."""
    if isinstance(data, DataLoader):
        if shuffle and (batch_size is not None or seed is not None):
            raise ArgumentError("a DataLoader has a batch size and a seed of its own.", "Pass them to the loader.")
        return data
    if isinstance(data, list):
        raise ArgumentError("data is a list.", "Pass a tuple of arrays, (x, y), or a data set.")
    if isinstance(data, tuple) or hasattr(data, "dtype"):
        data = ArrayDataset(*data) if isinstance(data, tuple) else ArrayDataset(data)
    return DataLoader(data, 32 if batch_size is None else batch_size, shuffle=shuffle, seed=seed or 0)


SETS = {
    "breast_cancer": "load_breast_cancer",
    "diabetes": "load_diabetes",
    "digits": "load_digits",
    "iris": "load_iris",
    "wine": "load_wine",
}
"""The sets that scikit-learn ships with itself, by name."""


def load_dataset(name: str, dtype: Any = np.float64) -> ArrayDataset:
    """One of the data sets that scikit-learn ships: "breast_cancer", "diabetes", "digits", "iris" or "wine".

    Two fields, in scikit-learn's order of rows: the features, of shape (n, features) and the given dtype, and the
    labels, of shape (n,): integers from 0, but for "diabetes", whose targets are floats of the given dtype. The digits
    are images of 8 x 8 grey values from 0 to 16, row by row. ValueError for another name.
    """
    if name not in SETS:
        raise ValueError(f"there is no data set {name!r}: there are {', '.join(SETS)}.")
    x, y = getattr(needed("sklearn.datasets", "load_dataset"), SETS[name])(return_X_y=True)
    return ArrayDataset(x.astype(dtype), y.astype(dtype) if y.dtype.kind == "f" else y.astype(np.int64))
