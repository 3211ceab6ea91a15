"""Whole numbers from outside of the function that a call wants to know when compiling (srcgrad/specialize/pins.py)."""

import operator

import numpy as np
import pytest

from srcgrad import check_grads, emit, grad, hvp, jacobian
from srcgrad.errors import KindError

X = np.array([[0.3, -1.2, 0.8], [1.1, 0.4, -0.6]])
AXIS = 0


def by_sums(x, axis):
    return np.sum(np.sum(x, axis=axis) ** 2)


def sums_gradient(axis):
    return 2 * np.sum(X, axis=axis, keepdims=True) * np.ones_like(X)


@pytest.mark.parametrize("axis", [0, 1, -1, 0])
def test_one_gradient_function_serves_each_axis(axis):
    np.testing.assert_allclose(GRADIENT(X, axis), sums_gradient(axis))


GRADIENT = grad(by_sums)


def reductions(x, axis):
    return np.sum(np.linalg.norm(x, axis=axis)) + np.sum(np.max(x, axis=axis) * np.cumsum(x, axis=axis).T[0, 0])


def derived(x, axis):
    last = axis - 1 if axis > 0 else x.ndim + axis - 1
    return np.sum(np.moveaxis(x, last, 0)[0] ** 3)


def listed(x, axes):
    return np.sum(np.transpose(x, axes)[0] ** 2)


def counted(x, n):
    total = 0.0
    for axis in range(n):
        total += np.sum(np.sum(x, axis=axis) ** 2)
    return total


def of_dicts(params):
    return np.sum(np.sum(params["x"], axis=params["axis"]) ** 2)


def inside(x, axis):
    return np.sum(grad(by_sums)(np.sin(x), axis) ** 2)


def two_deep(x, axis):
    def lengths(y):
        return np.sum(np.linalg.norm(y, axis=axis) ** 3)

    def slopes(y):
        return np.sum(grad(lengths)(y) ** 2)

    return np.sum(grad(slopes)(x) * x)


def starred(xs):
    def product(first, *others):
        return np.sum(first) * np.sum(others[-1] ** 2)

    return product(*xs)


def selected(tests, choices):
    return np.sum(np.select(tests, choices, 0.5) ** 2)


def contracted(x, axes):
    return np.sum(np.tensordot(x, x, axes=axes) ** 2)


def symmetrised(function, position):
    def called(*args):
        args = list(args)
        args[position] = 0.5 * (args[position] + args[position].T)
        return function(*args)

    return called


def sorted_by_key(params):
    total = 0.0
    for k, (_, value) in enumerate(sorted(params.items(), key=operator.itemgetter(0))):
        total += (k + 1) * np.sum(value) ** 2
    return total


def default(x, axis=1):
    return by_sums(x, axis)


def of_module(x):
    return by_sums(x, AXIS)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (reductions, (X, 1)), (derived, (X, 1)), (derived, (X, 0)), (listed, (X, [1, 0])), (listed, (X, (0, 1))),
        (counted, (X, 2)), (counted, (X, 1)), (of_dicts, ({"x": X, "axis": 1},)), (inside, (X, 1)), (two_deep, (X, 0)),
        (default, (X,)), (of_module, (X,)), (starred, ([X, 2 * X, X[0]],)), (starred, ([1.5, 2.5],)),
        (contracted, (X, [[-1], [1]])), (symmetrised(np.dot, 1), (X, X.T @ X)), (sorted_by_key, ({"b": X, "a": X[0]},)),
    ],
)  # fmt: skip
def test_both_modes_and_second_order(function, args):
    check_grads(function, args)


def test_a_list_is_taken_apart_where_its_length_has_to_be_known():
    check_grads(selected, ([X > 0.5, X > 0.0], [X, 2 * X]), argnums=1)
    gradient = grad(starred)
    for n in (2, 3):
        assert [item.shape for item in gradient([X] * n)] == [X.shape] * n


def test_another_value_of_a_global_compiles_anew(monkeypatch):
    gradient = grad(of_module)
    np.testing.assert_allclose(gradient(X), sums_gradient(0))
    monkeypatch.setitem(globals(), "AXIS", 1)
    np.testing.assert_allclose(gradient(X), sums_gradient(1))


class Summing:
    def __init__(self, axis):
        self.axis = axis

    def __call__(self, x):
        return by_sums(x, self.axis)


def test_an_attribute_may_change():
    layer = Summing(0)
    gradient = grad(layer)
    np.testing.assert_allclose(gradient(X), sums_gradient(0))
    layer.axis = 1
    np.testing.assert_allclose(gradient(X), sums_gradient(1))


def test_operators_take_the_number_too():
    np.testing.assert_allclose(jacobian(lambda x, axis: np.sum(x**2, axis=axis))(X, 1)[0, 0], 2 * X[0])
    np.testing.assert_allclose(hvp(by_sums)(X, 1, X), sums_gradient(1))


def test_what_no_call_needs_to_know_stays_a_variable():
    gradient = grad(lambda x, n: np.sum(x * n))
    gradient(X, 2), gradient(X, 3)
    assert "x, n" in gradient.source and "d_out * n" in gradient.source


def test_floats_are_not_pinned():
    with pytest.raises(KindError, match="has to be known"):
        grad(lambda x, axis: np.sum(np.sum(x, axis=axis) ** 2))(X, 1.0)


def singular_values(x, full):
    return np.linalg.svd(x, full_matrices=full)[1]


@pytest.mark.parametrize("full", [True, False])
def test_a_flag_that_is_passed_is_known(full):
    check_grads(singular_values, (X.T @ X + np.diag([1.0, 2.0, 3.0]), full))


def test_a_module_says_which_number_it_is_for():
    first, second = emit(by_sums, args=(X, 0)), emit(by_sums, args=(X, 1))
    assert "x=float64[3, 3], axis=0" in first and "axis=1" in second and first != second
    assert "n=int" in emit(scaled, args=(X, 7))


def scaled(x, n):
    return np.sum(x) * n
