"""Functions of libraries given to grad as they are, and arguments of theirs that are lists or arrays of items."""

import math

import numpy as np
import pytest
from scipy import special, stats

from srcgrad import check_grads, elementwise_grad, grad, vjp

X = np.array([[0.3, 1.2, 0.8, 2.0], [1.1, 0.4, 1.6, 0.7], [0.9, 2.1, 0.2, 1.4]])
V = X[0]
T = np.arange(24.0).reshape(2, 3, 4) / 10


@pytest.mark.parametrize(
    ("function", "args", "options"),
    [
        (np.max, (X,), {"axis": 1}), (np.sum, (X, 0), {}), (np.var, (X,), {"axis": 0, "ddof": 1}),
        (np.einsum, ("ij,kj->ik", X, X), {}), (np.append, (V, X), {}), (np.atleast_2d, (V,), {}),
        (np.tensordot, (X, X.T), {"axes": 1}), (np.transpose, (T,), {"axes": (2, 0, 1)}), (np.hypot, (X, V), {}),
        (math.hypot, (0.3, 0.4), {}), (special.logsumexp, (X,), {"axis": 0, "keepdims": True}),
        (stats.norm.logpdf, (V, 0.2, 1.3), {}), (stats.t.logpdf, (V, 3.5), {}), (np.linalg.norm, (X,), {"axis": 1}),
    ],
)  # fmt: skip
def test_functions_as_they_are(function, args, options):
    floats = tuple(k for k, arg in enumerate(args) if not isinstance(arg, (int, str)))
    check_grads(function, args, kwargs=options, argnums=floats)


def test_methods_of_one_name_are_told_apart():
    for distribution in (stats.norm, stats.cauchy, stats.logistic):
        slope = elementwise_grad(distribution.logpdf)(V)
        np.testing.assert_allclose(slope, elementwise_grad(lambda x, d=distribution: d.logpdf(x))(V))


def test_a_method_of_an_object_that_was_made():
    np.testing.assert_allclose(elementwise_grad(stats.norm(0.1, 2.0).logpdf)(V), (0.1 - V) / 4)


def test_a_method_under_another_name():
    density = stats.norm.logpdf
    np.testing.assert_allclose(grad(lambda x: np.sum(density(x)))(V), -V)


JOINS = [np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack]


@pytest.mark.parametrize("x", [V, X, T, np.stack([T, T])], ids=lambda x: f"{x.ndim}d")
@pytest.mark.parametrize("join", JOINS, ids=lambda join: join.__name__)
def test_joins_of_the_items_of_an_array(join, x):
    if join in (np.concatenate, np.dstack) and x.ndim == 1:
        return  # NumPy's own refusal; numbers in a row
    np.testing.assert_array_equal(vjp(join, x)[0], join(x))
    check_grads(lambda x: join(x) ** 2, (x,), order=1)


def test_a_join_of_an_array_is_no_view_of_it():
    def overwritten(x):
        y = np.vstack(x)
        y[0] = 0.0
        return np.sum(y) + np.sum(x)

    np.testing.assert_array_equal(grad(overwritten)(X)[:, 0], [1.0, 2.0, 2.0])


def of_displays(x, y):
    return np.mean([x, y]) * np.linalg.norm([x, y]) + np.sum(np.var([[x, y], [y, x * y]], axis=0))


def test_a_display_is_an_array_where_one_is_wanted():
    check_grads(of_displays, (1.2, 3.4), argnums=(0, 1))
    check_grads(of_displays, (V, 2 * V), argnums=(0, 1))


def test_brackets_join_matrices():
    check_grads(lambda x, y: np.r_[x, y] ** 2, (X, X[:1]), argnums=(0, 1))
    check_grads(lambda x: np.r_[x] ** 2, (T,))


@pytest.mark.parametrize("function", [np.mean, np.var, np.sum, np.max])
def test_statistics_of_a_number(function):
    assert grad(function)(3.5) == (0.0 if function is np.var else 1.0)


def test_eigenvectors_have_the_signs_of_numpy():
    a = X[:, :3] @ np.diag([1.0, 2.0, 3.0])
    for part in "UL":
        np.testing.assert_array_equal(vjp(np.linalg.eigh, a, part)[0][1], np.linalg.eigh(a, part)[1])
        check_grads(np.linalg.eigh, (a, part), argnums=0)


def test_nothing_repeated():
    check_grads(lambda x: np.sum(np.repeat(x, 0)) + np.sum(x), (V,))
