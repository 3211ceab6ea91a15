"""The primal on the device."""

import numpy as np

from srcgrad import primal, vjp
from tests.backends.tools import same

X = np.array([0.5, -1.0, 2.0])


def wave(x, steps):
    u = np.zeros((2, 4))
    for k in range(steps):
        u[0, 1:] = u[0, :-1] + x[k]
        u[1] = np.cumsum(u[0])
        if u.sum() > 100.0:
            break
    return u, np.linalg.norm(u), np.arange(3) * x


def test_a_function_of_numpys_runs_on_the_device(cp):
    source = primal(wave).source_for(cp.asarray(X), 3)
    assert "u = cp.zeros((2, 4))" in source and "# waits for the device" in source and "np.zeros" not in source
    same(wave(X, 3), primal(wave)(cp.asarray(X), 3), 1e-12)


def test_lambdas(cp):
    value, pull = vjp(lambda x: x * np.ones(3), cp.asarray(X))
    same(X, value, 0.0)
    same((np.ones(3),), pull(cp.ones(3)), 0.0)
