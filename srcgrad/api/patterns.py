"""The sparsity of Jacobians and Hessians, found by running index sets through the function's source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcgrad.api.gradient import GradientFunction
from srcgrad.api.structure import is_differentiable, like, parts
from srcgrad.backends.targets import device_arrays
from srcgrad.errors import ArgumentError


def index_sets(value: Any, start: int = 0) -> tuple[Any, int]:
    """Sets that hold one input each, in the structure of a value, and the number of the next input."""
    inside = parts(value)
    if inside is not None:
        items = {}
        for key, item in inside.items():
            items[key], start = index_sets(item, start)
        return like(value, items), start
    if not is_differentiable(value):
        return None, start
    count = int(np.size(value))
    if np.ndim(value) == 0:
        return 1 << start, start + 1
    sets = np.empty(np.shape(value), dtype=object)
    sets.ravel()[...] = [1 << k for k in range(start, start + count)]
    return sets, start + count


def pattern(made: GradientFunction, place: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The pattern of the Jacobian of a function by one argument: a scipy.sparse.csr_array of bools, of shape
    (floats of the result, floats of the argument).

    made: the function's index sets (mode "deps"); place: the argument's value.
    """
    refuse_device(args, kwargs)
    sets, count = index_sets(place)
    compiled, given = made._find(made._plain, args, kwargs)
    found = made._run(compiled, (*given, sets))
    rows = [item for leaf in set_leaves(found) for item in (leaf.ravel().tolist() if np.ndim(leaf) else [leaf])]
    return _matrix(rows, count)


def refuse_device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise ArgumentError for arrays on a device: patterns and sparse matrices are in the memory of the host."""
    if next(device_arrays((args, kwargs)), None) is not None:
        raise ArgumentError(
            "a sparse derivative, or its pattern, takes NumPy's arrays, and is given one of CuPy's.",
            "Use jacobian, vjp or jvp on the device, or move the arrays to the host: cupy.asnumpy(a).",
        )


def set_leaves(value: Any) -> Iterator[Any]:
    """The sets of a result, in order; what holds no float has none."""
    inside = parts(value)
    if inside is not None:
        for item in inside.values():
            yield from set_leaves(item)
    elif value is not None:
        yield value


def _matrix(rows: list[int], count: int) -> Any:
    sparse = scipy_sparse()
    counts: list[int] = []
    columns: list[int] = []
    for row in rows:
        before = len(columns)
        columns += _members(row)
        counts.append(len(columns) - before)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    shape = (len(rows), count)
    return sparse.csr_array((np.ones(len(columns), dtype=bool), np.array(columns, dtype=np.int64), ends), shape=shape)


def _members(row: int) -> list[int]:
    """The places of the bits of an int, ascending."""
    if not row:
        return []
    row = int(row)
    low = (row & -row).bit_length() - 1
    bits = np.frombuffer((row >> low).to_bytes((row.bit_length() - low + 7) // 8, "little"), dtype=np.uint8)
    found: list[int] = (np.flatnonzero(np.unpackbits(bits, bitorder="little")) + low).tolist()
    return found


def scipy_sparse() -> Any:
    """The module scipy.sparse; ArgumentError where SciPy is not installed."""
    try:
        import scipy.sparse
    except ImportError:
        raise ArgumentError(
            "sparse derivatives need SciPy and networkx, which are not installed.", "pip install srcgrad[sparse]"
        ) from None
    return scipy.sparse


def sparsity(function: Callable[..., Any], *args: Any, argnums: int | str = 0, order: int = 1, **kwargs: Any) -> Any:
    """The pattern of the Jacobian (order=1) or Hessian (order=2) of function at args.

    An entry is True where the result depends on the input along the path that the function takes at these
    arguments; it may be more than the derivative's true nonzeros, never less. Returns a scipy.sparse.csr_array of
    bools of shape (floats of the result, floats of the argument), in C order. Raises ArgumentError.
    """
    if order == 1:
        made = GradientFunction(function, argnums, mode="deps")
    elif order == 2:
        from srcgrad.api.gradient import grad

        made = GradientFunction(grad(function, argnums), argnums, mode="deps")
    else:
        raise ArgumentError(f"order={order!r} is neither 1 (Jacobian) nor 2 (Hessian).", "Say 1 or 2.")
    return pattern(made, argument_of(made, argnums, args, kwargs), args, kwargs)


def argument_of(made: GradientFunction, argnums: int | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The value of the argument that argnums names."""
    target = made._target
    bound = target.bind(args, kwargs, made.__name__)
    (place,) = target.places(argnums, bound, made.__name__)
    values = dict(zip(target.names, bound, strict=True))
    return values[place] if isinstance(place, str) else values[place[0]][place[1]]


