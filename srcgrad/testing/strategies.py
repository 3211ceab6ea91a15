"""Strategies for the arguments of gradients: arrays of a domain, floats, and containers of them.

Numbers come from a grid that is fine enough for every test of a derivative: no subnormal numbers, no 1e300, at which
difference quotients mean nothing, and failing examples shrink to numbers that can be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad.errors import ArgumentError
from srcgrad.testing.hypothesis_ import hypothesis

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

GRID = 1 << 10  # each number is one of 2 * GRID + 1
DRAWN = 64  # larger arrays come from a random generator with a drawn seed

Domain = str | tuple[float, float]

INTERVALS: dict[str, tuple[float, float]] = {
    "real": (-3.0, 3.0),
    "positive": (1 / 16, 4.0),
    "unit": (1 / 64, 63 / 64),
}


def _nonzero(t: np.ndarray) -> np.ndarray:
    return np.where(t < 0, -1 / 16, 1 / 16) + 3 * t


def _distinct(t: np.ndarray) -> np.ndarray:
    """The ranks of the elements, evenly spread, each moved by less than half the distance to the next."""
    ranks = np.argsort(np.argsort(t, axis=None, kind="stable"), kind="stable").reshape(t.shape)
    gap = 6 / max(1, t.size)
    return (ranks + 0.5 + 0.25 * t) * gap - 3


def _matrix(t: np.ndarray) -> np.ndarray:
    """Close to the unit matrix, with rows permuted: singular values between 1/2 and 3/2."""
    m, n = t.shape[-2:]
    near = np.eye(m, n) + 0.5 * t / max(m, n, 1)
    order = np.argsort(t.reshape(-1, m, n)[0, :, 0], kind="stable") if t.size else np.arange(m)
    return near[..., order, :]


def _spd(t: np.ndarray) -> np.ndarray:
    """Symmetric, with eigenvalues between 1 and 3 that drawn zeros do not make equal."""
    n = t.shape[-1]
    return t @ np.swapaxes(t, -1, -2) / max(n * n, 1) + np.diag(1 + np.arange(n) / max(n, 1))


def _probability(t: np.ndarray) -> np.ndarray:
    weights = 17 / 16 + t
    return weights / np.sum(weights, axis=-1, keepdims=True) if t.ndim else np.ones(())


SHAPED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nonzero": _nonzero, "distinct": _distinct, "matrix": _matrix, "spd": _spd, "probability": _probability,
}  # fmt: skip
"""Arrays of a domain, made of arrays of numbers from -1 to 1."""


def arrays(shape: Any = 3, dtype: Any = np.float64, domain: Domain = "real") -> SearchStrategy[np.ndarray]:
    """Arrays of floats.

    shape: an int, a tuple, or a strategy for either, such as `shapes()`. dtype: of floats, or a strategy for such.
    domain:
    - "real": from -3 to 3; zeros and ties occur;
    - "positive": from 1/16 to 4; "unit": inside of the interval from 0 to 1, its ends 1/64 away;
    - "nonzero": of either sign, at least 1/16 away from 0; "distinct": no two elements alike, from -3 to 3;
    - "matrix": the last two axes hold well-conditioned matrices (singular values from 1/2 to 3/2);
      "spd": symmetric positive definite ones (eigenvalues from 1 to 3);
    - "probability": positive, with sum 1 along the last axis;
    - (lo, hi): from lo to hi, both included.

    Raises ArgumentError for an unknown domain, or a dtype or shape that does not fit.
    """
    given = hypothesis().strategies
    _check_domain(domain)
    shape_strategy = shape if hasattr(shape, "example") else given.just(shape)
    dtype_strategy = dtype if hasattr(dtype, "example") else given.just(dtype)
    if shape_strategy is not shape:
        _check_shape(_tuple(shape), domain)
    if dtype_strategy is not dtype:
        _check_dtype(np.dtype(dtype))

    @given.composite
    def draw_array(draw: Any) -> np.ndarray:
        found = _tuple(draw(shape_strategy))
        _check_shape(found, domain)
        kind = np.dtype(draw(dtype_strategy))
        _check_dtype(kind)
        return _in_domain(_numbers(draw, found, given), kind, domain)

    made: SearchStrategy[np.ndarray] = draw_array()
    return made


def floats(domain: Domain = "real") -> SearchStrategy[float]:
    """Python floats of a domain of `arrays`, those of matrices and probabilities excepted."""
    if domain in ("matrix", "spd", "probability", "distinct"):
        raise ArgumentError(f"a number cannot have the domain {domain!r}.", "Use arrays(shape, domain=...).")
    return arrays((), domain=domain).map(float)


def shapes(min_dims: int = 1, max_dims: int = 3, min_side: int = 1, max_side: int = 4
           ) -> SearchStrategy[tuple[int, ...]]:  # fmt: skip
    """Shapes of arrays, axes of length 1 among them; of length 0 where min_side=0."""
    given = hypothesis().strategies
    made: SearchStrategy[tuple[int, ...]] = given.lists(
        given.integers(min_side, max_side), min_size=min_dims, max_size=max_dims
    ).map(tuple)
    return made


def containers(
    leaf: SearchStrategy[Any] | None = None, max_leaves: int = 6, min_size: int = 1, max_size: int = 3,
    keys: tuple[str, ...] = ("w", "b", "scale", "inner", "rest"),
) -> SearchStrategy[Any]:  # fmt: skip
    """Nested dicts, lists and tuples of leaves; by default floats and arrays.

    max_leaves: about how many leaves at most; min_size, max_size: of each container; keys: of dicts.
    """
    given = hypothesis().strategies
    if leaf is None:
        leaf = floats() | arrays(shapes(max_dims=2))

    def node(inner: Any) -> Any:
        items = given.lists(inner, min_size=min_size, max_size=max_size)
        named = given.dictionaries(given.sampled_from(keys), inner, min_size=min_size, max_size=max_size)
        return items | items.map(tuple) | named

    made: SearchStrategy[Any] = node(given.recursive(leaf, node, max_leaves=max_leaves))
    return made


# ---- parts ---------------------------------------------------------------------------------------------------


def _numbers(draw: Any, shape: tuple[int, ...], given: Any) -> np.ndarray:
    """Numbers from -1 to 1."""
    size = int(np.prod(shape))
    if size > DRAWN:
        whole = np.random.default_rng(draw(given.integers(0, 2**32 - 1))).integers(-GRID, GRID + 1, shape)
    else:
        whole = np.array(draw(given.lists(given.integers(-GRID, GRID), min_size=size, max_size=size)), np.int64)
    return np.asarray(whole.reshape(shape) / GRID)


def _in_domain(t: np.ndarray, dtype: np.dtype, domain: Domain) -> np.ndarray:
    """Numbers from -1 to 1 as numbers of a domain."""
    if isinstance(domain, str) and domain in SHAPED:
        return np.asarray(SHAPED[domain](t), dtype)
    lo, hi = INTERVALS[domain] if isinstance(domain, str) else domain
    found = np.asarray(lo + (hi - lo) * (t + 1) / 2 if lo else hi * (t + 1) / 2, dtype)
    if isinstance(domain, tuple):  # neither rounding nor a coarse dtype leads out
        found = np.where(found > hi, np.nextafter(found, dtype.type(-np.inf)), found)
        found = np.where(found < lo, np.nextafter(found, dtype.type(np.inf)), found)
    return np.asarray(found, dtype)


def _tuple(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)


def _check_domain(domain: Domain) -> None:
    if isinstance(domain, str):
        if domain not in INTERVALS and domain not in SHAPED:
            known = ", ".join([*INTERVALS, *SHAPED])
            raise ArgumentError(f"the domain {domain!r} is not known.", f"Known are {known}, and a tuple (lo, hi).")
    elif not (isinstance(domain, tuple) and len(domain) == 2 and -np.inf < domain[0] <= domain[1] < np.inf):
        raise ArgumentError(f"the domain {domain!r} is no interval.", "Give finite numbers (lo, hi) with lo <= hi.")


def _check_shape(shape: tuple[int, ...], domain: Domain) -> None:
    if domain in ("matrix", "spd") and (len(shape) < 2 or (domain == "spd" and shape[-1] != shape[-2])):
        what = "two square axes at the end" if domain == "spd" else "at least two axes"
        raise ArgumentError(f"the domain {domain!r} needs {what}, and the shape is {shape}.", "Give another shape.")


def _check_dtype(dtype: np.dtype) -> None:
    if dtype.kind != "f":
        raise ArgumentError(f"{dtype} is not a dtype of floats.", "Give np.float64, np.float32 or np.float16.")
