"""Functions with results of every structure: the pullback is the transpose of the push-forward."""

import copy
import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

import srcgrad
from srcgrad.api.structure import has_floats
from tests.forward.programs import drawn, leaves

X, M = np.linspace(0.3, 1.1, 8), np.linspace(-1, 1, 12).reshape(3, 4)


def view_of_written(u):
    v = u.copy()
    v[1] *= 2 * v[0]
    return v[::2]


def two_views_of_written(u):
    v = u.copy()
    for i in range(1, len(v)):
        v[i] += np.sin(v[i - 1])
    return v[::2], v[1:4], v


def view_in_a_branch(u):
    v = np.zeros((2, 4))
    v[0] = u[:4]
    v[1] = u[4:] * v[0]
    row = v[1] if u[0] > 0 else v[0]
    row[2] = 3.0
    return row, {"v": v.T}


def argument_itself(u):
    return u, u[2:], u[0]


def written_argument(u):
    u[1:] -= u[:-1] ** 2
    return u[::-1]


def lists(u):
    xs = []
    for x in u:
        xs.append(x * x)
    xs[1] = 0.5
    return xs, [u * 2, u[1:]]


def dict_with_computed_keys(u):
    found = {"even": 0.0, "odd": 1.0}
    for i in range(len(u)):
        found["odd" if i % 2 else "even"] += u[i] ** 2
    return found


def list_under_two_names(u):
    xs = [0.0, 0.0]
    for i in range(len(u)):
        xs[i % 2] += u[i] * u[i]
    ys = xs
    ys[0] *= 2
    return ys


def nothing_depends(u):
    return np.ones(3), 2.0, u * 0


def matrices(m):
    return {"product": m @ m.T, "norm": np.linalg.norm(m, axis=0), "parts": (m.ravel()[3:], m.sum())}


def early(u):
    for i in range(len(u)):
        if u[i] > 0.8:
            return u[i:i + 2] * 2
    return u[:2]


PROGRAMS = [
    (view_of_written, (X,)), (two_views_of_written, (X,)), (view_in_a_branch, (X,)), (argument_itself, (X,)),
    (written_argument, (X,)), (lists, (X,)), (dict_with_computed_keys, (X,)),
    (list_under_two_names, (X,)), (nothing_depends, (X,)), (matrices, (M,)), (early, (X,)),
]


@pytest.mark.parametrize("f, args", PROGRAMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pullback_is_the_transpose(f, args, dtype):
    args = tuple(np.asarray(a, dtype) for a in args)
    rng = np.random.default_rng(8)
    v = [drawn(a, rng) for a in args]
    kept = copy.deepcopy((args, v))
    out, dot = srcgrad.jvp(f, args, v)
    value, pull = srcgrad.vjp(f, *args)
    for a, b, c in zip(leaves(f(*copy.deepcopy(args))), leaves(out), leaves(value), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    w = drawn(value, rng)
    adjoints = pull(w)
    forward = sum(float(np.sum(a * b)) for a, b in zip(leaves(w), leaves(dot), strict=True))
    reverse = sum(float(np.sum(a * b)) for a, b in zip(leaves(adjoints), leaves(v), strict=True))
    scale = sum(float(np.sum(np.abs(a * b))) for a, b in zip(leaves(w), leaves(dot), strict=True))
    assert abs(forward - reverse) <= (1e-4 if dtype == np.float32 else 1e-12) * max(scale, 1.0)
    for leaf, like in zip([*leaves(dot), *leaves(adjoints)], [*leaves(out), *leaves(args)], strict=True):
        assert leaf.dtype == like.dtype and leaf.shape == like.shape
    assert all(np.array_equal(a, b) for a, b in zip(leaves(kept), leaves((args, v)), strict=True))
    assert has_floats(value)


@pytest.mark.parametrize("f, args", PROGRAMS)
def test_results_are_not_the_callers_arrays(f, args):
    rng = np.random.default_rng(9)
    v = [drawn(a, rng) for a in args]
    _, dot = srcgrad.jvp(f, args, v)
    _, pull = srcgrad.vjp(f, *args)
    w = drawn(f(*copy.deepcopy(args)), rng)
    found = pull(w)
    for made, given in ((dot, v), (found, w), (found, args), (dot, args)):
        for a in leaves(made):
            assert not any(np.shares_memory(a, b) for b in leaves(given) if isinstance(b, np.ndarray))


def test_linearize_is_jvp():
    out, linear = srcgrad.linearize(matrices, M)
    rng = np.random.default_rng(10)
    for _ in range(3):
        v = rng.standard_normal(M.shape)
        for a, b in zip(leaves(linear(v)), leaves(srcgrad.jvp(matrices, (M,), (v,))[1]), strict=True):
            np.testing.assert_allclose(a, b)
    assert np.array_equal(out["product"], M @ M.T)


@pytest.mark.parametrize("call, words", [
    (lambda: srcgrad.jvp(view_of_written, X, X), "a tuple"),
    (lambda: srcgrad.jvp(view_of_written, (X,), (X, X)), "1 primals and 2 tangents"),
    (lambda: srcgrad.jvp(view_of_written, (X,), (X[:3],)), "argument 0.*shape"),
    (lambda: srcgrad.jvp(view_of_written, (X,), ([X],)), "argument 0"),
    (lambda: srcgrad.jvp(view_of_written, (X,), (X * 1j,)), "complex"),
    (lambda: srcgrad.jvp(lambda u, n: u * n, (X, 3), (X, 1.0)), "argument 1.*int"),
    (lambda: srcgrad.jvp(lambda p: p["a"], ({"a": X},), ({"b": X},)), "argument 0.*'a'"),
    (lambda: srcgrad.linearize(view_of_written, X)[1](X, X), "tangents"),
])  # fmt: skip
def test_wrong_tangents_are_named(call, words):
    with pytest.raises(srcgrad.SrcgradError, match=words):
        call()


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    n: int = 2


class Pair(NamedTuple):
    a: np.ndarray
    b: float


def test_results_that_are_objects():
    def double(q):
        return Layer(q.w * 2, q.n), Pair(np.sin(q.w), q.w[0] * 3)

    w, v = np.array([0.3, 0.4]), np.array([1.0, -2.0])
    (layer, pair), (d_layer, d_pair) = srcgrad.jvp(double, (Layer(w),), (Layer(v),))
    assert isinstance(layer, Layer) and isinstance(d_layer, Layer) and isinstance(d_pair, Pair)
    np.testing.assert_allclose(d_layer.w, 2 * v)
    np.testing.assert_allclose(d_pair.a, v * np.cos(w))
    assert d_layer.n is None and layer.n == 2 and d_pair.b == 3.0 and pair.b == w[0] * 3
    product = srcgrad.hvp(lambda q: np.sum(q.w**3) * q.n)(Layer(w), Layer(v))
    np.testing.assert_allclose(product.w, 12 * w * v)
    matrix = srcgrad.hessian(lambda q: np.sum(q.w**3) * q.n)(Layer(w))
    np.testing.assert_allclose(matrix.w.w, np.diag(12 * w))


def test_number_from_a_list_without_tangents():
    def f(x, weights):
        s = x[0] * 2
        total = 0.0
        while weights:
            total = total + s * x[1]
            s = weights.pop()
        return total

    x, v = np.array([0.3, 0.4]), np.array([1.0, -2.0])
    value, slope = srcgrad.jvp(f, (x, [2.0, 3.0]), (v, None))
    h = 1e-6
    expected = (f(x + h * v, [2.0, 3.0]) - f(x - h * v, [2.0, 3.0])) / (2 * h)
    assert abs(slope - expected) < 1e-8
