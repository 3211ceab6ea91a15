"""What gradients cost: copies in loops, grids of different lengths, nests of loops, products of stacks."""

import numpy as np
import pytest

from srcgrad import check_grads, grad
from srcgrad.optimize.dead import _Dead
from srcgrad.transform.record import Recorder


def reverse_of(gradient):
    return gradient.source.partition("# reverse sweep")[2]


# ---- adjoints that are handed down to a loop that adds to them -----------------------------------------------


def trace(a):
    total = 0.0
    for i in range(a.shape[0]):
        total += np.tanh(a[i, i])
    moved = a + total
    return np.sum(moved)


def test_a_shared_adjoint_is_copied_ahead_of_the_loop():
    a = np.arange(9.0).reshape(3, 3) / 7
    gradient = grad(trace)
    np.testing.assert_allclose(gradient(a), 1 + 9 * np.diag(1 - np.tanh(np.diag(a)) ** 2))
    ahead, _, trip = reverse_of(gradient).partition("for ")
    assert ".copy()" in ahead and ".copy()" not in trip


def nested(x, y):
    z = x + y
    total = 0.0
    for i in range(2):
        for j in range(x.size):
            if x[j] > 0.2:
                total += x[j] * y[j] * i
        total *= y[0]
    return np.sum(z * z) + np.sum(z) + total


def none_at_all(x, n):
    z = x * 1.0
    w = z
    for i in range(n):
        w[i] = w[i] * 2.0
    return np.sum(z + x)


@pytest.mark.parametrize("n", [0, 2])
def test_copies_ahead_of_loops_are_right(n):
    x, y = np.array([0.1, 0.5, 0.9]), np.array([1.1, -0.7, 0.4])
    check_grads(nested, (x, y))
    check_grads(trace, (np.outer(x, y),), order=2)
    check_grads(none_at_all, (x, n))


def replaced(x, w):
    y = x
    for _ in range(3):
        y = np.tanh(w * y)
    return np.sum(y)


def test_an_adjoint_that_each_trip_replaces_is_not_copied():
    gradient = grad(replaced)
    gradient(np.ones(3), np.ones(3))
    assert ".copy()" not in reverse_of(gradient)


# ---- staggered grids -----------------------------------------------------------------------------------------


def divergence(u, v, p):
    n, m = p.shape
    out = (u[1 : n + 1, :] - u[0:n, :]) * p + (v[:, 1:] - v[:, :-1]) * np.sin(p)
    return np.sum(out * out)


def halo(field, out, k):
    n = out.shape[0]
    inner = 4.0 * field[2 : n + 2, 1:-1] - field[0:n, 1:-1] - field[4 : n + 4, 1:-1]
    out[:] = inner * out + k
    return np.sum(out * inner)


@pytest.mark.parametrize("n", [3, 4, 16, 17, 30])
def test_staggered_grids(n):
    rng = np.random.default_rng(n)
    check_grads(divergence, [rng.standard_normal(s) for s in ((n + 1, 20), (n, 21), (n, 20))])
    check_grads(halo, [rng.standard_normal(s) for s in ((n + 4, n + 2), (n, n), (n, n))])
    gradient = grad(halo, argnums=(0, 1, 2))
    given = [rng.standard_normal(s) for s in ((n + 4, n + 2), (n, n), (n, n))]
    assert [d.shape for d in gradient(*given)] == [x.shape for x in given]
    assert ("unbroadcast" in gradient.source) == (n < 16)


def test_grids_that_differ_otherwise_are_compiled_anew():
    """The same function for lengths that differ by one, by two, that are equal, and where one broadcasts."""

    def f(x, y):
        n = y.shape[0]
        return np.sum(x[: n + 1, :1] ** 2) + np.sum(x[0:n] * y) + np.sum(x[1:] * y[:1])

    gradient = grad(f, argnums=(0, 1))
    rng = np.random.default_rng(0)
    for shapes in (((21, 3), (20, 3)), ((22, 3), (20, 3)), ((20, 3), (20, 3)), ((21, 3), (20, 1)), ((21, 3), (20, 3))):
        x, y = (rng.standard_normal(shape) for shape in shapes)
        n = len(y)
        d_x = np.zeros_like(x)
        d_x[: n + 1, :1] += 2 * x[: n + 1, :1]
        d_x[:n] += y
        d_x[1:] += y[:1]
        wide = np.broadcast_to(y, (n, 3)) * 0 + x[:n]
        d_y = wide.copy() if y.shape[1] == 3 else wide.sum(axis=1, keepdims=True)
        d_y[:1] += x[1:].sum(axis=0) if y.shape[1] == 3 else x[1:].sum()
        found = gradient(x, y)
        np.testing.assert_allclose(found[0], d_x)
        np.testing.assert_allclose(found[1], d_y)


# ---- nests of loops ------------------------------------------------------------------------------------------


def deep(x):
    s = np.zeros(3)
    t = 1.0
    for a in range(1):
        for b in range(1):
            for c in range(2):
                for d in range(1):
                    for e in range(1):
                        for f in range(1):
                            for g in range(2):
                                if a + b + c + d + e + f >= 0:
                                    t = t * np.sin(x[g])
                                    s[g] += t * x[g + 1]
    return np.sum(s * s)


def test_the_depth_of_a_nest_is_no_exponent(monkeypatch):
    walks = {"dead": 0, "record": 0}

    def counted(cls, name, key):
        method = getattr(cls, name)

        def call(self, *args):
            walks[key] += 1
            return method(self, *args)

        monkeypatch.setattr(cls, name, call)

    counted(_Dead, "_loop", "dead")
    counted(Recorder, "_loop", "record")
    x = np.array([0.4, 0.7, 1.1])
    grad(deep)(x)
    assert 0 < walks["dead"] < 300 and 0 < walks["record"] < 300  # 3**7 otherwise
    check_grads(deep, (x,))


# ---- products ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "a, b", [((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((4,), (2, 3, 4, 5)), ((2, 3, 4), (4,)), ((0, 3, 4), (4, 5))]
)
def test_stacks_are_multiplied_at_once(a, b):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(a), rng.standard_normal(b)

    def f(x, w):
        return np.sum(np.sin(x @ w))

    gradient = grad(f, argnums=(0, 1))
    for dtype in ("float32", "float64"):
        given = x.astype(dtype), w.astype(dtype)
        assert [(d.shape, d.dtype) for d in gradient(*given)] == [(v.shape, v.dtype) for v in given]
    assert "np.tensordot" in gradient.source and "axis=" not in gradient.source
    check_grads(f, (x, w), order=2)
