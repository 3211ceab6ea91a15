"""Functions that rearrange, join and pick elements, in whole programs: both modes, against central differences."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from srcgrad import grad
from srcgrad.errors import KindError
from tests.rules.defined_support import Programs, hold

MASK = np.array([True, False, True, True, False])
program = Programs()


@program("V")
def pad_edge(x):
    return np.sum(np.pad(x, 2, mode="edge") ** 2)


@program("A")
def pad2_edge(x):
    return np.sum(np.pad(x, ((1, 2), (0, 2)), mode="edge") ** 2)


@program("V")
def pad_reflect(x):
    return np.sum(np.pad(x, 2, mode="reflect") ** 2)


@program("A")
def pad2_reflect(x):
    return np.sum(np.pad(x, ((1, 2), (0, 2)), mode="reflect") ** 2)


@program("V")
def pad_symmetric(x):
    return np.sum(np.pad(x, 2, mode="symmetric") ** 2)


@program("A")
def pad2_symmetric(x):
    return np.sum(np.pad(x, ((1, 2), (0, 2)), mode="symmetric") ** 2)


@program("V")
def pad_wrap(x):
    return np.sum(np.pad(x, 2, mode="wrap") ** 2)


@program("A")
def pad2_wrap(x):
    return np.sum(np.pad(x, ((1, 2), (0, 2)), mode="wrap") ** 2)


@program("A")
def block(x):
    return np.sum(np.block([[x, 2 * x], [x * x, x]]) ** 2)


@program("V")
def block1(x):
    return np.sum(np.block([x, x * 2]) ** 2)


@program("V")
def select(x):
    return np.sum(np.select([x > 0.5, x > 0], [x ** 2, x ** 3], default=x) ** 2)


@program("V")
def select2(x):
    return np.sum(np.select([x > 0.5, x > 0], [x ** 2, 1.0]) ** 2)


@program("V")
def piecewise(x):
    return np.sum(np.piecewise(x, [x > 0, x <= 0], [lambda v: v ** 2, lambda v: 3 * v]) ** 2)


@program("V")
def piecewise_of_one_condition(x):
    return np.sum(np.piecewise(x, x > 0, [np.sin, np.cos]))


@program("V")
def piecewise2(x):
    return np.sum(np.piecewise(x, [x > 0], [lambda v: v ** 2, 1.0]))


@program("V")
def choose(x):
    return np.sum(np.choose([0, 1, 1, 0, 1], [x, x ** 2]) ** 2)


@program("A")
def broadcast_arrays(x):
    return np.sum(np.broadcast_arrays(x, x[0])[1] * x)


@program("A")
def broadcast_arrays2(x):
    u, v = np.broadcast_arrays(x, x[0])
    return np.sum(u * v)


@program("V")
def sliding(x):
    return np.sum(sliding_window_view(x, 3) ** 2)


@program("A")
def sliding2(x):
    return np.sum(sliding_window_view(x, (2, 2)) ** 2)


@program("A")
def sliding3(x):
    return np.sum(sliding_window_view(x, 2, axis=0) ** 2)


@program("A")
def sliding4(x):
    return np.sum(np.lib.stride_tricks.sliding_window_view(x, 2, axis=(0,)) ** 2)


@program("A")
def put_along(x):
    y = x * 1.0
    i = np.array([[0], [1], [2], [0]])
    np.put_along_axis(y, i, x[:, 1:2] ** 2, axis=1)
    return np.sum(y ** 2)


@program("M")
def fill_diagonal(x):
    y = x * 2.0
    np.fill_diagonal(y, x[0] ** 2)
    return np.sum(y ** 2)


@program("M")
def fill_diagonal2(x):
    y = x * 2.0
    np.fill_diagonal(y, x[0, 0] ** 2)
    return np.sum(y ** 2)


@program("A")
def fill_diagonal3(x):
    y = x * 2.0
    np.fill_diagonal(y, 0.0)
    return np.sum(y ** 2)


@program("M")
def ix_(x):
    return np.sum(x[np.ix_([0, 2], [1, 3])] ** 2)


@program("M")
def ix_store(x):
    y = x * 1.0
    y[np.ix_([0, 2], [1, 3])] = x[:2, :2] ** 2
    return np.sum(y ** 2)


@program("V")
def r_(x):
    return np.sum(np.r_[x, x ** 2, 1.0] ** 2)


@program("V")
def r_2(x):
    return np.sum(np.r_[0.0, x[1:3], 0:3] ** 2)


@program("V")
def c_(x):
    return np.sum(np.c_[x, x ** 2] ** 2)


@program("M")
def mgrid(x):
    i, j = np.mgrid[0:4, 0:4]
    return np.sum(x ** 2 * np.cos(i - 2.0 * j))


@program("V")
def mgrid_of_values(x):
    return np.sum(np.mgrid[x[0] : 3.0 : 4j, 0 : x[1] : 3j] ** 2) + np.sum(np.mgrid[1:4] * x[2:])


@program("V")
def ogrid(x):
    i, j = np.ogrid[1:4, 0 : x[0] : 5j]
    return np.sum((i * j * x) ** 2) + np.sum(np.ogrid[0:5] * x)


@program("M")
def ndarray(x):
    y = np.ndarray((3, 4), dtype=x.dtype)
    y[:] = x[1:] ** 2
    return np.sum(y * x[0])


@program("V")
def linspace_dtype(x):
    return np.sum(np.linspace(x[0], x[1], 4, dtype=x.dtype) ** 2)


@program("M")
def dtype_in_a_variable(x):
    dtype = x.dtype
    y = np.zeros((4, 4), dtype=dtype)
    y[1:] = x[1:] ** 2
    if x.dtype.kind != "f" or dtype.itemsize > 8 or dtype.name[:5] != "float":
        return 0.0
    return np.sum(y) * dtype.type(3)


@program("V")
def trim_zeros(x):
    return np.sum(np.trim_zeros(x) ** 2)


@program("M")
def rot90(x):
    return np.sum(np.rot90(x, 2) * x)


@program("T")
def moveaxis(x):
    return np.sum(np.moveaxis(x, 0, -1) ** 2 * x[0, 0, 0])


@program("V")
def extract(x):
    return np.sum(np.extract(x > 0, x) ** 2)


@program("V")
def compress(x):
    return np.sum(np.compress(MASK, x) ** 2)


@program("A")
def compress2(x):
    return np.sum(np.compress([True, False, True], x, axis=1) ** 2)


@program("V")
def delete(x):
    return np.sum(np.delete(x, 2) ** 2)


@program("A")
def delete2(x):
    return np.sum(np.delete(x, [0, 2], axis=0) ** 2)


@program("A")
def delete3(x):
    return np.sum(np.delete(x, slice(0, 2), 1) ** 2)


@program("V")
def insert(x):
    return np.sum(np.insert(x, 1, x[0] ** 2) ** 2)


@program("A")
def insert2(x):
    return np.sum(np.insert(x, 1, x[0] ** 2, axis=0) ** 2)


@program("V")
def insert3(x):
    return np.sum(np.insert(x, [1, 3], x[:2] ** 2) ** 2)


@program("V")
def append(x):
    return np.sum(np.append(x, x ** 2) ** 2)


@program("A")
def append2(x):
    return np.sum(np.append(x, x ** 2, axis=0) ** 2)


@program("V")
def append3(x):
    return np.sum(np.append(x, 1.0) ** 2)


@program("V")
def append4(x):
    return np.sum(np.append(x, x[0]) ** 2)


@program("V")
def diag(x):
    return np.sum(np.diag(x, 1) ** 2)


@program("M")
def diag2(x):
    return np.sum(np.diag(x, -1) ** 2)


@program("V")
def diagflat(x):
    return np.sum(np.diagflat(x, 1) ** 2)


@program("A")
def diagflat2(x):
    return np.sum(np.diagflat(x) ** 2)


@program("M")
def diagonal(x):
    return np.sum(np.diagonal(x, 1) ** 2)


@program("T")
def diagonal2(x):
    return np.sum(np.diagonal(x, 1, 1, 2) ** 2)


@program("T")
def diagonal3(x):
    return np.sum(x.diagonal(0, 0, 2) ** 2)


@program("T")
def ldiagonal(x):
    return np.sum(np.linalg.diagonal(x, offset=1) ** 2)


@program("M")
def tril_indices(x):
    return np.sum(x[np.tril_indices(4)] ** 2)


@program("M")
def triu_indices_from(x):
    return np.sum(x[np.triu_indices_from(x, 1)] ** 2)


@program("M")
def diag_indices(x):
    return np.sum(x[np.diag_indices(4)] ** 2)


@program("T")
def tril(x):
    return np.sum(np.tril(x) ** 2)


@program("A")
def apply_along(x):
    return np.sum(np.apply_along_axis(lambda v: v ** 2, 0, x))


@program("A")
def apply_along2(x):
    return np.sum(np.apply_along_axis(np.sum, 1, x) ** 2)


@program("A")
def apply_along3(x):
    return np.sum(np.apply_along_axis(lambda v: v @ v, 1, x) ** 2)


@program("V")
def resize(x):
    return np.sum(np.resize(x, (2, 4)) ** 2)


@program("V")
def atleast2(x):
    a, b = np.atleast_2d(x, x ** 2)
    return np.sum(a * b)


@program("A")
def dstack(x):
    return np.sum(np.dstack([x, x ** 2]) ** 2)


@program("V")
def dstack1(x):
    return np.sum(np.dstack([x, x ** 2]) ** 2)


@program("A")
def column_stack2(x):
    return np.sum(np.column_stack([x, x ** 2]) ** 2)


@program("A")
def column_stack3(x):
    return np.sum(np.column_stack([x, x[:, 0]]) ** 2)


@program("A")
def row_stack(x):
    return np.sum(np.vstack([x, x[0]]) ** 2)


@program("T")
def matrix_transpose(x):
    return np.sum(np.matrix_transpose(x) * x.mT)


@program("T")
def permute_dims(x):
    return np.sum(np.permute_dims(x, (2, 0, 1))[0] ** 2)


@program("V")
def concat(x):
    return np.sum(np.concat([x, x]) ** 2)


@program("A")
def take_flat(x):
    return np.sum(np.take(x, [0, 3, 3]) ** 2)


@program("V")
def take_wrap(x):
    return np.sum(np.take(x, [0, 7], mode="wrap") ** 2)


@program("A")
def take_along_flat(x):
    return np.sum(np.take_along_axis(x, np.array([1, 3, 3]), axis=None) ** 2)


@program("V")
def repeat_each(x):
    return np.sum(np.repeat(x, [1, 2, 0, 1, 3]) ** 2)


@program("A")
def repeat_each2(x):
    return np.sum(np.repeat(x, [1, 2, 0, 1], axis=0) ** 2)


@program("V")
def copyto(x):
    y = x * 1.0
    np.copyto(y, x ** 2, where=MASK)
    return np.sum(y ** 2)


@program("A")
def ravel_f(x):
    return np.sum(x.ravel("F")[:3] ** 2)


@program("A")
def reshape_f(x):
    return np.sum(x.reshape((2, 6), order="F")[0] ** 2)


@program("V")
def where1(x):
    return np.sum(x[np.where(x > 0)] ** 2)


@program("V")
def nonzero(x):
    return np.sum(x[np.flatnonzero(x > 0)] ** 2)


@program("M")
def tri(x):
    return np.sum(x[np.tri(4, dtype=bool)] ** 2)


@program("A")
def rollaxes(x):
    return np.sum(np.roll(x, (1, 2), axis=(0, 1)) * x)


@program.each
def test_both_modes(f, x):
    hold(f, x)


@program.each
def test_single_precision_stays(f, x):
    hold(f, x.astype("float32"))


def functions_that_are_too_many(x):
    return np.sum(np.piecewise(x, [x > 0], [1.0, 2.0, 3.0]))


def an_axis_that_is_not_there(x):
    return np.sum(np.unstack(x, axis=3)[0])


def a_quantile_that_is_none(x):
    return np.percentile(x, 150)


@pytest.mark.parametrize("f", [functions_that_are_too_many, an_axis_that_is_not_there, a_quantile_that_is_none],
    ids=lambda f: f.__name__)  # fmt: skip
def test_what_numpy_refuses_is_no_mistake_of_ours(f):
    x = np.array([0.3, -0.2, 0.7])
    with pytest.raises((ValueError, IndexError, KindError)):
        grad(f)(x)
