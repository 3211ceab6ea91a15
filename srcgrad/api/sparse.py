"""Sparse Jacobians and Hessians: columns (or rows) that share no entry are computed together.

The pattern comes from the function's source (see patterns), the groups from a greedy colouring of the graph whose
edges join columns that share a row (Curtis, Powell & Reid 1974; Gebremedhin, Manne & Pothen 2005).
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.api.directions import BYTES, stacked
from srcgrad.api.gradient import GradientFunction, grad
from srcgrad.api.patterns import argument_of, pattern, refuse_device, scipy_sparse
from srcgrad.api.structure import float_leaves, is_differentiable, like, parts
from srcgrad.api.target import name_of, target_of
from srcgrad.errors import ArgumentError
from srcgrad.rules.directions import NoDirections


class SparseDerivative:
    """A sparse Jacobian or Hessian as a callable: takes the function's arguments, returns a scipy.sparse.csr_array.

    Rows are the floats of the result (of the gradient, for a Hessian), columns those of the argument, in C order.
    `colors(*args)` tells how many directions a call takes.
    """

    def __init__(
        self, function: Callable[..., Any], argnums: int | str, sparsity: Any, mode: str, what: str, order: int
    ) -> None:
        if isinstance(argnums, (tuple, list)):
            raise ArgumentError(f"{what} differentiates by one argument, not argnums={argnums!r}.", "Name one.")
        if mode not in ("auto", "forward", "reverse"):
            raise ArgumentError(f"mode={mode!r} is not one of 'auto', 'forward', 'reverse'.", "Say one of those.")
        scipy_sparse()
        functools.update_wrapper(self, function)
        self.primal, self.argnums, self.mode = function, argnums, "forward" if order == 2 else mode
        self._what, self._given = what, sparsity
        self.__name__ = name_of(function, target_of(function))
        derived = grad(function, argnums) if order == 2 else function
        self._sets = GradientFunction(derived, argnums, mode="deps")
        self._forward = GradientFunction(derived, argnums, mode="jvp")
        self._many = GradientFunction(derived, argnums, mode="jvps")
        self._reverse = GradientFunction(derived, argnums, mode="vjp")
        self._known: tuple[Any, str, np.ndarray] | None = None

    def __repr__(self) -> str:
        return f"<srcgrad {self._what} of {self.__name__}>"

    def sparsity(self, *args: Any, **kwargs: Any) -> Any:
        """The pattern at these arguments, as `srcgrad.sparsity` gives it."""
        return pattern(self._sets, argument_of(self._sets, self.argnums, args, kwargs), args, kwargs)

    def colors(self, *args: Any, **kwargs: Any) -> int:
        """The number of directions that a call at these arguments takes."""
        colors = self._groups(self._pattern(args, kwargs))[1]
        return int(colors.max(initial=-1)) + 1

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        refuse_device(args, kwargs)
        found = self._pattern(args, kwargs)
        mode, colors = self._groups(found)
        place = argument_of(self._sets, self.argnums, args, kwargs)
        n_colors = int(colors.max(initial=-1)) + 1
        dtype = np.result_type(*(np.asarray(leaf).dtype for _, leaf in float_leaves(place)), np.float32)
        rows, columns = found.nonzero()
        if mode == "forward":
            images = self._pushed(place, [colors == c for c in range(n_colors)], args, kwargs)
            place_of = colors[columns], rows
        else:
            compiled, given = self._reverse._find(self._reverse._plain, args, kwargs)
            result = self.primal(*copy.deepcopy(args), **copy.deepcopy(kwargs))
            images = []
            for c in range(n_colors):
                seeds = _seeds(compiled.seed_paths, unflatten(result, colors == c))
                images.append(flatten(self._reverse._run(compiled, (*given, *seeds))))
            place_of = colors[rows], columns
        values = np.stack(images)[place_of] if images else np.zeros(0)
        return scipy_sparse().csr_array((values.astype(dtype, copy=False), (rows, columns)), shape=found.shape)

    def _pushed(
        self, place: Any, directions: list[np.ndarray], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[np.ndarray]:
        """The images of the directions, flat: in one sweep where the function can take many directions."""
        try:
            compiled, given = self._many._find(self._many._plain, args, kwargs)
        except NoDirections:
            compiled, given = self._forward._find(self._forward._plain, args, kwargs)
            return [flatten(self._forward._run(compiled, (*given, unflatten(place, v)))) for v in directions]
        images: list[np.ndarray] = []
        size = max(1, BYTES // max(1, 8 * directions[0].size)) if directions else 1
        for k in range(0, len(directions), size):
            chunk = directions[k : k + size]
            found = self._many._run(compiled, (*given, stacked([unflatten(place, v) for v in chunk])))
            rows = [np.reshape(leaf, (len(chunk), -1)) for _, leaf in float_leaves(found)]
            images += list(np.concatenate(rows, axis=1)) if rows else [np.zeros(0)] * len(chunk)
        return images

    def _pattern(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._given is None:
            return self.sparsity(*args, **kwargs)
        return scipy_sparse().csr_array(self._given, dtype=bool)

    def _groups(self, found: Any) -> tuple[str, np.ndarray]:
        """The mode and the colours of the columns (forward) or rows (reverse); kept until the pattern changes."""
        if self._known is not None:
            known, mode, colors = self._known
            if known.shape == found.shape and known.nnz == found.nnz and (
                np.array_equal(known.indptr, found.indptr) and np.array_equal(known.indices, found.indices)
            ):
                return mode, colors
        mode = self.mode
        if mode == "auto":
            # no colouring can do with fewer groups than entries in one row (column)
            by_row = np.diff(found.indptr).max(initial=0)
            by_column = np.bincount(found.indices, minlength=1).max(initial=0)
            mode = "forward" if by_row <= 2 * by_column else "reverse"
        colors = coloring(found if mode == "forward" else found.T.tocsr())
        self._known = found, mode, colors
        return mode, colors


def coloring(found: Any) -> np.ndarray:
    """Colours of the columns of a pattern, such that no two columns with a row in common share one: ints, (columns,).

    Empty columns get colour 0 like any other.
    """
    try:
        import networkx
    except ImportError:
        raise ArgumentError("sparse derivatives need networkx, which is not installed.",
                            "pip install srcgrad[sparse]") from None
    counts = found.astype(np.int64)
    graph = networkx.Graph()
    graph.add_nodes_from(range(found.shape[1]))
    overlap = (counts.T @ counts).tocoo()
    upper = overlap.row < overlap.col
    graph.add_edges_from(zip(overlap.row[upper].tolist(), overlap.col[upper].tolist(), strict=True))
    table = networkx.greedy_color(graph, strategy="smallest_last")
    return np.array([table[k] for k in range(found.shape[1])], dtype=np.int64)


def flatten(value: Any) -> np.ndarray:
    """The floats of a value in one array."""
    leaves = [np.ravel(leaf) for _, leaf in float_leaves(value)]
    return np.concatenate(leaves) if leaves else np.zeros(0)


def unflatten(value: Any, flat: np.ndarray) -> Any:
    """A value's structure with other floats, from one array; None for what is no float."""

    def build(item: Any, start: int) -> tuple[Any, int]:
        inside = parts(item)
        if inside is not None:
            made = {}
            for key, part in inside.items():
                made[key], start = build(part, start)
            return like(item, made), start
        if not is_differentiable(item):
            return None, start
        if np.ndim(item) == 0 and not isinstance(item, np.ndarray):
            return type(item)(flat[start]), start + 1
        stop = start + item.size
        return flat[start:stop].reshape(item.shape).astype(item.dtype), stop

    return build(value, 0)[0]


def _seeds(paths: tuple[tuple[Any, ...], ...], weights: Any) -> list[Any]:
    """The parts of the result's adjoint that the generated function takes."""
    found = []
    for path in paths:
        leaf = weights
        for key in path:
            inside = parts(leaf)
            assert inside is not None
            leaf = inside[key]
        found.append(leaf)
    return found


def sparse_jacobian(
    function: Callable[..., Any], argnums: int | str = 0, sparsity: Any = None, mode: str = "auto"
) -> SparseDerivative:
    """The Jacobian of a function as a scipy.sparse.csr_array, at the cost of as many directions as there are colours.

    sparsity: the pattern, for a caller who knows it (of shape (floats of the result, floats of the argument));
    without it each call finds the pattern at its arguments. mode: "forward" (columns together), "reverse" (rows
    together), or "auto", by the longest row and column. Raises ArgumentError.
    """
    return SparseDerivative(function, argnums, sparsity, mode, "sparse Jacobian", 1)


def sparse_hessian(function: Callable[..., Any], argnums: int | str = 0, sparsity: Any = None) -> SparseDerivative:
    """The Hessian of a function as a scipy.sparse.csr_array: forward over reverse, one direction for each colour.

    sparsity: as for sparse_jacobian, of shape (floats of the argument, floats of the argument). Raises ArgumentError.
    """
    return SparseDerivative(function, argnums, sparsity, "forward", "sparse Hessian", 2)
