"""One training run in several processes: each takes its rows of every batch, and the gradients are summed."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np

from srcgrad.errors import ArgumentError
from srcgrad.nn.lazy import needed
from srcgrad.nn.module import Array, named_arrays, named_parameters
from srcgrad.nn.optimisers import Optimiser
from srcgrad.nn.state import changing, named_generators

BUCKET = 4 << 20
"""Bytes that are sent at a time, at least where there are as many. So many hide the latency of a message, and the next
bucket is filled while they travel."""


class Alone:
    """One process: what `Ranks` does for several, where there is nothing to do."""

    rank, size = 0, 1

    def begin(self, model: Any, optimizer: Optimiser, facts: Mapping[str, Any]) -> None:
        """Check that all are about to do the same, and give each the first one's model."""

    def new_epoch(self, model: Any) -> None:
        """Give each random numbers of its own, and see what is trained."""

    def summed(self, value: float, gradient: dict[str, Array], weight: float) -> tuple[float, dict[str, Array]]:
        """The sums of weight * value and of weight * gradient."""
        return value, gradient

    def same_state(self, model: Any) -> None:
        """Give each the first one's arrays in static fields."""

    def gathered(self, items: list[Any]) -> list[Any]:
        """The items of all."""
        return items

    def from_first(self, value: Any) -> Any:
        """What the first has."""
        return value

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """An error in one ends all."""
        yield


class Ranks(Alone):
    """The processes of an MPI communicator."""

    def __init__(self, comm: Any) -> None:
        self.mpi = needed("mpi4py.MPI", "fit(comm=...)")
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.buckets: list[_Bucket] = []
        _abort_with(comm)

    def begin(self, model: Any, optimizer: Optimiser, facts: Mapping[str, Any]) -> None:
        arrays = {f"the array {name}": (array.shape, str(array.dtype)) for name, array in named_arrays(model).items()}
        every = self.comm.allgather({**facts, **arrays})
        for rank, other in enumerate(every):
            for what in every[0] | other:
                first, own = every[0].get(what), other.get(what)
                if first != own:
                    raise ArgumentError(f"{what} of rank {rank} and of rank 0 differ: {own} and {first}.",
                                        "Call fit with the same arguments in each process.")  # fmt: skip
        self._first_arrays(changing(model))
        state = self.comm.bcast(optimizer.state())
        if self.rank:
            optimizer.load_state(state)

    def new_epoch(self, model: Any) -> None:
        """The generators of rank k go on where the first one's are, jumped k times: far apart, and the same in a run
        that was resumed. A kind that cannot jump gives each the same numbers."""
        generators = named_generators(model)
        states = self.comm.bcast({name: generator.bit_generator.state for name, generator in generators.items()})
        for name, generator in generators.items():
            bits = generator.bit_generator
            bits.state = states[name]
            if self.rank and hasattr(bits, "jumped"):
                bits.state = bits.jumped(self.rank).state
        trained = named_parameters(model, trainable=True)
        if {name for bucket in self.buckets for name in bucket.places} != set(trained):  # something was frozen, or not
            self.buckets = _buckets(trained)

    def summed(self, value: float, gradient: dict[str, Array], weight: float) -> tuple[float, dict[str, Array]]:
        total = np.array(weight * value if weight else 0.0)
        requests = [self.comm.Iallreduce(self.mpi.IN_PLACE, total, self.mpi.SUM)]
        summed: dict[str, Array] = {}
        for bucket in self.buckets:
            for name, place in bucket.places.items():
                if weight:
                    np.multiply(gradient[name], place.dtype.type(weight), out=place)
                else:
                    place[...] = 0
            _finish_kernels(bucket.flat)
            requests.append(self.comm.Iallreduce(self.mpi.IN_PLACE, bucket.flat, self.mpi.SUM))
            summed |= bucket.places
        self.mpi.Request.Waitall(requests)
        return float(total), summed

    def same_state(self, model: Any) -> None:
        parameters = named_parameters(model)
        self._first_arrays({name: array for name, array in changing(model).items() if name not in parameters})

    def _first_arrays(self, arrays: dict[str, Array]) -> None:
        for array in arrays.values():
            sent = array if array.flags.c_contiguous else array.copy(order="C")
            _finish_kernels(sent)
            self.comm.Bcast(sent)
            if sent is not array:
                array[...] = sent

    def gathered(self, items: list[Any]) -> list[Any]:
        return [item for part in self.comm.allgather(items) for item in part]

    def from_first(self, value: Any) -> Any:
        return self.comm.bcast(value)

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """The others wait for what this one was to send: an error that it alone has must end them."""
        try:
            yield
        except BaseException:
            traceback.print_exc()
            _abort(self.comm)


def _abort(comm: Any) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    comm.Abort(1)


def _abort_with(comm: Any) -> None:
    """End all processes where this one ends by an error: else they wait for it, and it for them in MPI_Finalize."""
    if getattr(sys.excepthook, "ends_all", False):
        return
    former = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        former(kind, error, trace)
        _abort(comm)

    hook.ends_all = True  # type: ignore[attr-defined]
    sys.excepthook = hook


class _Bucket:
    """Memory that is sent at once, and the places of the gradients in it."""

    def __init__(self, parameters: dict[str, Array]) -> None:
        first = next(iter(parameters.values()))
        self.flat = np.empty_like(first, shape=(sum(array.size for array in parameters.values()),), order="C")
        self.places: dict[str, Array] = {}
        start = 0
        for name, array in parameters.items():
            self.places[name] = self.flat[start : start + array.size].reshape(array.shape)
            start += array.size


def _buckets(parameters: dict[str, Array]) -> list[_Bucket]:
    """Parameters of one dtype, in order, until there are enough of them for a message."""
    made: list[_Bucket] = []
    by_dtype: dict[Any, dict[str, Array]] = {}
    for name, array in parameters.items():
        by_dtype.setdefault((type(array), array.dtype), {})[name] = array
    for group in by_dtype.values():
        bucket: dict[str, Array] = {}
        for name, array in group.items():
            bucket[name] = array
            if sum(member.nbytes for member in bucket.values()) >= BUCKET:
                made.append(_Bucket(bucket))
                bucket = {}
        if bucket:
            made.append(_Bucket(bucket))
    return made


def _finish_kernels(array: Array) -> None:
    """MPI reads memory at once: what a GPU is still to write there must be written first."""
    if type(array).__module__.partition(".")[0] != "numpy":
        importlib.import_module(type(array).__module__.partition(".")[0]).cuda.get_current_stream().synchronize()
