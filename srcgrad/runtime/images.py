"""Picks by place and by label, and differences of points: adjoints of functions of SciPy that are no one call of it.

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


def weighted_differences(weights, a, b):
    """For each row of a the sum of its differences from the rows of b, with a weight for each pair."""
    return np.sum(weights, axis=1)[:, None] * a - weights @ b
