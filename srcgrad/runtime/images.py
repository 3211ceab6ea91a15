"""Adjoints of functions of scipy.ndimage that are no one call of SciPy.

Like the others here, each function can be copied by `emit`. An adjoint that it takes is called g.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def picked_places(filter, x, *args, cval=None, **options):
    """Where in x, made flat, the elements stand that a filter picks (the largest of a window, say); x.size where it
    picks the value cval, which x is extended by. What picks by order picks the same places of the ranks."""
    order = np.argsort(x, axis=None, kind="stable")
    ranks = np.empty(x.size, dtype=int)
    ranks[order] = 2 * np.arange(x.size) + 1
    if cval is not None:  # between the ranks of its neighbours
        options["cval"] = 2 * np.count_nonzero(x < cval)
    found = np.asarray(filter(np.reshape(ranks, x.shape), *args, **options)).astype(int)
    return np.where(found % 2 == 1, order[np.minimum(found // 2, x.size - 1)], x.size)[()] if x.size else found


def picked(x, places):
    """The elements of x at places in it made flat, and 0 where the place is x.size."""
    return np.append(x, np.zeros(1, x.dtype))[places]


def unpicked(g, places, x):
    """Zeros of x's shape with the elements of g added at places in it made flat; the place x.size drops them."""
    total = np.bincount(np.ravel(places), np.ravel(g), x.size + 1)[: x.size]
    return np.reshape(total, x.shape).astype(g.dtype)


def by_label(g, labels, index):
    """An array of the shape of `labels`, with the element of g where its label is that element of `index`, else 0."""
    known, places = np.unique(index, return_inverse=True)
    values = np.bincount(np.ravel(places), np.ravel(g), len(known))
    at = np.minimum(np.searchsorted(known, labels), len(known) - 1)
    return np.where(known[at] == labels, values[at], 0).astype(np.asarray(g).dtype)


def spline_filter_back(g, order=3, mode="mirror", axis=None):
    """The adjoint of x from that of scipy.ndimage.spline_filter1d(x, order, axis, mode=mode), or of spline_filter.

    The filter inverts a symmetric matrix where an edge repeats its element. Where it is mirrored about its element, the
    matrix becomes symmetric once that element counts half.
    """
    from scipy import ndimage

    result = np.asarray(g)
    for k in range(g.ndim) if axis is None else (axis,):
        n = g.shape[k]
        if mode in ("reflect", "nearest") and n < 50:  # where SciPy's first element is not exact
            matrix = ndimage.spline_filter1d(np.eye(n), order, 0, mode=mode)
            result = np.moveaxis(np.moveaxis(result, k, -1) @ matrix, -1, k)
            continue
        half = mode in ("mirror", "constant", "grid-constant", "wrap") and n > 1
        ends = np.ones(n)
        ends[[0, -1]] = 2 if half else 1
        ends = np.reshape(ends, [n if j == k % g.ndim else 1 for j in range(g.ndim)])
        result = ndimage.spline_filter1d(result * ends, order, k, mode=mode) / ends
    return result.astype(g.dtype)
