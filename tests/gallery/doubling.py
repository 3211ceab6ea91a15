"""A `while` whose trips depend on the data, then a branch: trips are counted, the predicate is saved."""

import numpy as np

ARGNUMS = (0,)


def primal(v):
    w = v * 2
    while np.linalg.norm(w) < 1000:
        w = w * 2
    if w.sum() > 0:
        z = w
    else:
        z = 100 * w
    return z.sum()


def gradient(v, d_out=1.0):
    w = v * 2
    trips = 0
    while np.linalg.norm(w) < 1000:
        w = w * 2
        trips += 1
    taken = w.sum() > 0

    d_z = np.full_like(w, d_out)
    if taken:
        d_w = d_z
    else:
        d_w = 100 * d_z
    for _ in range(trips):
        d_w = d_w * 2
    d_v = d_w * 2
    return d_v


def inputs(rng):
    return (rng.standard_normal(3) + 0.3,)
