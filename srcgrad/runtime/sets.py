"""Index sets in generated code: ints whose bit k stands for input k, and object arrays of them."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def no_sets(like):
    """Empty sets in the shape of an array, list or dict of numbers."""
    if isinstance(like, list):
        return [no_sets(item) for item in like]
    if isinstance(like, dict):
        return {key: no_sets(item) for key, item in like.items()}
    return np.zeros(np.shape(like), dtype=object) if np.ndim(like) else 0


def union_of(sets, axis=None, keepdims=False):
    """The sets of an array (or list) joined, along an axis or all of them."""
    if isinstance(sets, (list, tuple)):
        total = 0
        for item in sets:
            total |= union_of(item)
        return total
    if not np.ndim(sets):
        return sets
    return np.bitwise_or.reduce(sets, axis=axis, keepdims=keepdims, initial=0)


def accumulated_sets(sets, axis=None):
    """The sets of an array joined with all those before them."""
    return np.bitwise_or.accumulate(sets.ravel() if axis is None else sets, axis=0 if axis is None else axis)


def spread_sets(sets, like):
    """The sets, broadcast to the shape of an array."""
    made = np.empty(np.shape(like), dtype=object)
    made[...] = sets
    return made


def product_sets(kind, a, a_is_sets, b, b_is_sets):
    """The sets of a product of matrices: an element depends on a row and a column, but where a factor is zero."""
    a, b = np.asarray(a, dtype=object if a_is_sets else None), np.asarray(b, dtype=object if b_is_sets else None)
    if kind == "outer":
        a, b = a.ravel()[:, None], b.ravel()[None, :]
    if kind == "vdot":
        a, b = a.ravel(), b.ravel()
    if kind == "inner":
        b = b.swapaxes(-1, -2) if b.ndim > 1 else b
    if a.ndim == 0 or b.ndim == 0 or kind == "outer":
        pairs = joined_sets(a, a_is_sets, b, b_is_sets)
        return pairs if pairs.ndim else pairs[()]
    left = a if a.ndim > 1 else a[None, :]
    right = b if b.ndim > 1 else b[:, None]
    shape = (*np.broadcast_shapes(left.shape[:-2], right.shape[:-2]), left.shape[-2], right.shape[-1])
    made = np.zeros(shape, dtype=object)
    for k in range(left.shape[-1]):
        made |= joined_sets(left[..., :, k, None], a_is_sets, right[..., None, k, :], b_is_sets)
    if a.ndim == 1:
        made = made[..., 0, :]
    if b.ndim == 1:
        made = made[..., 0]
    return made if made.ndim else made[()]


def joined_sets(a, a_is_sets, b, b_is_sets):
    """The sets of a product of elements."""
    if a_is_sets and b_is_sets:
        return a | b
    sets, factor = (a, b) if a_is_sets else (b, a)
    return np.where(factor != 0, sets, 0)
