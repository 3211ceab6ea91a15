"""Shapes and dtypes that are kept in variables, and handed to functions."""

import numpy as np
import pytest

from srcgrad import check_grads, grad
from srcgrad.errors import KindError

X = np.random.default_rng(0).standard_normal((2, 3))


def item(x):
    shape = x.shape
    return np.sum(np.sin(x) * (shape[0] - 1 + 2 * shape[-1]))


def part(x):
    rows = x.shape[:1]
    return np.sum(np.sin(x)) / (rows[0] + 1)


def joined(x):
    shape = x.shape[1:] + (2,)
    y = np.sin(x).reshape(shape)
    return np.sum(y[shape[0] - 1])


def handed_on(x):
    def weights(shape, dtype):
        return np.arange(shape[0] * shape[1]).astype(dtype).reshape(shape)

    return np.sum(np.sin(x) * weights(x.shape, x.dtype))


def sliced_and_handed_on(x):
    def last(values, shape):
        return values[shape[0] - 1]

    return np.sum(last(np.sin(x), x.shape[:2]))


def after_rebinding(x):
    shape = x.shape
    x = np.sin(x)[1:]
    return np.sum(x) * (shape[0] - x.shape[0] + 2)


def on_either_path(x):
    shape = x.shape if x[0, 0] > 100 else x[:, 1:].shape
    return np.sum(np.sin(x)) * (shape[1] + shape[0])


def of_a_dtype(x):
    if x.dtype.kind != "f" or x.dtype.name.startswith("int"):
        raise ValueError(f"not floats: {x.dtype}")
    return np.sum(np.sin(x)) * x.dtype.itemsize + x.dtype.type(2) * x[0, 0]


def in_a_loop(x):
    total = 0.0
    for k in range(2):
        shape = x.shape
        for j in range(shape[1] - k):
            total += x[0, j] ** 2
        x = x[:, : shape[1] - 1] * 2
    return total


FUNCTIONS = [
    item, part, joined, handed_on, sliced_and_handed_on, after_rebinding, on_either_path, of_a_dtype, in_a_loop,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradients(function):
    check_grads(function, (X,), order=1)
    assert grad(function)(X.astype(np.float32)).dtype == np.float32


class Maybe:
    """An attribute that only the class has, and that is None there."""

    shift = None

    def __init__(self, scale):
        self.scale = scale


def test_attributes_that_only_the_class_has():
    def f(x, maybe):
        return np.sum(x * maybe.scale if maybe.shift is None else x + maybe.shift)

    np.testing.assert_array_equal(grad(f)(np.ones(2), Maybe(3.0)), [3, 3])


@pytest.mark.parametrize("given", [[[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0], (1.0, [2.0])])
def test_lists_are_no_arrays(given):
    with pytest.raises(KindError, match="a (list|tuple) has no attribute 'shape'\nMake an array of it"):
        grad(lambda x, given: np.sum(x) * given.shape[0])(X, given)


def test_the_variable_stays_in_the_source():
    assert "shape[0]" in grad(item).source_for(X)


def test_float32_behind_a_choice():
    """An adjoint that is one number for all elements once made np.where give float64."""
    x = X.astype(np.float32)
    for f in (
        lambda x: np.sum(np.where(x > 0, x, 0.0)), lambda x: np.mean(np.where(x > 0, x, -x)),
        lambda x: np.sum(np.clip(x, -1, 1)), lambda x: np.nansum(x),
        lambda x: np.sum(np.select([x > 0], [x], 0)), lambda x: 2 * np.sum(np.where(x > 0, x, x * x)),
    ):  # fmt: skip
        assert grad(f)(x).dtype == np.float32
