"""Functions without a derivative that return tuples, and types of NumPy that functions are given."""

import numpy as np

import srcgrad


def test_indices_that_come_in_tuples_are_taken_apart():
    def lower(x):
        i, j = np.tril_indices(3)
        return np.sum(x[i, j] ** 2)

    def of_array(x):
        rows, columns = np.triu_indices_from(x)
        return np.sum(x[rows, columns] ** 3)

    x = np.arange(9.0).reshape(3, 3) + 0.5
    np.testing.assert_allclose(srcgrad.grad(lower)(x), 2 * np.tril(x))
    np.testing.assert_allclose(srcgrad.grad(of_array)(x), 3 * np.triu(x) ** 2)


def test_types_of_numpy_may_be_captured_and_passed():
    def powers(kind):
        def f(x):
            return np.sum(kind(x[0]) * x)

        return f

    def passed(x, kind):
        return np.sum(kind(x[0]) * x)

    x = np.array([0.1, 0.7])
    for kind in (np.float32, np.float64):
        expected = np.array([np.sum(x) + kind(x[0]), kind(x[0])])
        np.testing.assert_allclose(srcgrad.grad(powers(kind))(x), expected, rtol=1e-6)
        np.testing.assert_allclose(srcgrad.grad(passed)(x, kind), expected, rtol=1e-6)
