"""States collected in a list and stacked: the list is its own tape."""

import numpy as np

ARGNUMS = (0, 1)


def primal(start, rate, n):
    now = start
    seen = []
    for _ in range(n):
        now = np.tanh(rate * now)
        seen.append(now)
    return np.sum(np.stack(seen) ** 2)


def gradient(start, rate, n, d_out=1.0):
    now = start
    seen = []
    for _ in range(n):
        now = np.tanh(rate * now)
        seen.append(now)

    d_rate = 0.0
    d_now = np.zeros_like(start)
    for i in reversed(range(n)):
        now = seen[i]
        d_now = d_now + d_out * 2 * now
        d_arg = d_now * (1 - now * now)
        before = seen[i - 1] if i > 0 else start
        d_rate += np.sum(d_arg * before)
        d_now = d_arg * rate
    return d_now, d_rate, None


def inputs(rng):
    return rng.standard_normal(4), 0.8, 5
