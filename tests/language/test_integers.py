"""Integers, booleans, strings and None carry no derivative, and cost nothing in the reverse sweep."""

import re

import numpy as np
import pytest

from srcgrad import grad, vjp
from srcgrad.errors import ArgumentError
from tests.support import Cases, check

X4 = np.array([0.7, -0.4, 0.3, 0.9])
M34 = np.array([[0.2, -0.5, 0.8, 0.1], [0.6, 0.3, -0.7, 0.4], [-0.9, 0.5, 0.35, 1.1]])

CASES = Cases()


@CASES(X4, 3, "sin", True, None)
def plain_arguments(x, n, name, flag, nothing):
    y = np.sin(x) if name == "sin" and flag and nothing is None else x
    for i in range(n):
        y = y * x[i] + n
    return np.sum(y)


@CASES(X4, np.array([2, 0, 1]))
def integer_array_as_index(x, index):
    total = 0.0
    for i in index:
        total = total * x[i] + x[i]
    return total + np.sum(x[index] * index)


@CASES(X4, np.array([True, False, True, True]))
def boolean_array_as_mask(x, mask):
    return np.sum(x[mask] ** 2) + np.sum(x * mask) + np.sum(np.where(mask, x, 2 * x))


@CASES(X4)
def integer_arithmetic(x):
    n, k = 7, 0
    total = 0.0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        k += 1
        total = total * 0.9 + x[n % 4] * x[k % 4]
    return total + k


@CASES(X4)
def integers_from_arrays(x):
    i = np.argmax(x)
    j = int(np.argmin(x))
    n = np.count_nonzero(x > 0)
    k = np.sum(x > 0)
    return x[i] * x[j] * n + k * x[0] + x.size * x[1] + len(x) // 3 * x[2]


@CASES(X4)
def integer_then_float(x):
    s = 0
    for v in x:
        s += v * v
    t = 1
    t *= s
    n = 2
    n = n * x[0]
    return s * t + n


@CASES(X4)
def float_then_integer(x):
    s = x[0] * x[1]
    y = s * s
    s = 3
    for i in range(s):
        y = y * x[i] + s
        s = i
    return y * s


@CASES(2.5)
def rounding_has_derivative_zero(x):
    y = x * np.floor(x * 1.1) + np.ceil(x * 1.1) + np.round(x * 1.1) * x
    return y * x + int(x * 1.1) * x + np.trunc(x) + np.rint(x * 1.1)


@CASES(np.array([0.7, 1.4, -2.3]))
def casts(x):
    k = x.astype(int)
    f = k.astype(float)
    b = x > 0
    return np.sum(x * k) + np.sum(f * x) + np.sum(b.astype(float) * x * x) + np.sum(x.astype(np.float64) ** 2)


@CASES(X4)
def integer_arrays_written(x):
    count = np.zeros(4, dtype=int)
    for i in range(4):
        count[i] = i * 2
        count[i % 2] += 1
    counts = np.arange(4)
    counts[1:] *= 2
    counts += count
    return np.sum(x * x * count) + np.sum(x * counts)


@CASES(X4)
def booleans_written(x):
    seen = np.zeros(4, dtype=bool)
    total = 0.0
    for i in range(4):
        j = (3 * i + 1) % 4
        if not seen[j] and x[j] > 0:
            seen[j] = True
            total = total * 0.5 + x[j] * x[i]
    done = False
    while not done:
        total = total * 0.5
        done = total < 1
    return total * np.sum(seen)


@CASES(M34)
def shapes(m):
    rows, columns = m.shape
    total = 0.0
    for i in range(rows):
        for j in range(i, columns, rows - 1):
            total = total * 0.8 + m[i, j] * m[-1, j - i]
    return total / m.size + np.sum(m.reshape(columns, rows)[0] ** 2) + len(m.shape) * m[0, 0]


@CASES(X4)
def strings(x):
    total = 0.0
    for name in "abc":
        key = name.upper() + "x"
        if key.startswith("A") or key[0] == "C":
            total = total * 0.5 + x["abc".index(name)] ** 2
    return total + len("abc" * 2) * x[0]


@CASES(X4)
def tables_of_integers(x):
    offsets = [(-1, 0.5), (1, 2.0), (2, -1.0)]
    neighbours = {0: [1, 2], 1: [3], 2: [], 3: [0, 2]}
    total = 0.0
    for offset, weight in offsets:
        total = total + weight * np.sum(x * np.roll(np.arange(4), offset))
    for i, others in neighbours.items():
        for j in others:
            total = total + x[i] * x[j]
    return total


@CASES(X4, np.float64(0.5), np.int64(2), np.float32(1.5))
def numpy_scalars(x, s, n, t):
    return np.sum(x ** n) * s + s ** n + x[n] * t


test_integers = CASES.test()


# -- no derivative ---------------------------------------------------------------------------------------------------


def square(x):
    return np.sum(x * x)


WITHOUT_FLOATS = [3, True, np.array([1, 2]), np.array([True]), "text", None, [1, 2], {"n": 1}, np.int64(3)]


@pytest.mark.parametrize("argument", WITHOUT_FLOATS, ids=repr)
def test_gradient_with_respect_to_an_argument_without_floats_is_an_error(argument):
    with pytest.raises(ArgumentError):
        grad(lambda y, x: np.sum(x * x))(argument, X4)


def test_error_names_the_argument():
    def f(x, count):
        return x * count

    with pytest.raises(ArgumentError, match="count"):
        grad(f, argnums=1)(2.0, 3)
    with pytest.raises(ArgumentError, match="count"):
        grad(f, argnums=(0, 1))(2.0, 3)


def test_pullback_gives_none_for_arguments_without_floats():
    def f(x, n, name, index, s):
        return x[index] * n * s

    out, pullback = vjp(f, X4, 3, "name", np.array([0, 2]), 0.5)
    d_x, d_n, d_name, d_index, d_s = pullback(np.array([1.0, 2.0]))
    assert d_n is None and d_name is None and d_index is None
    np.testing.assert_allclose(d_x, [1.5, 0, 3.0, 0])
    assert d_s == pytest.approx(3 * (0.7 + 2 * 0.3))
    np.testing.assert_allclose(out, X4[[0, 2]] * 1.5)


def test_integers_cost_nothing_in_the_reverse_sweep():
    def f(x):
        count = 0
        total = 0.0
        table = np.arange(4)
        for i in range(4):
            count += 2 * i
            table[i] = count
            total = total + x[i] * x[i]
        return total

    source = grad(f).source_for(X4)
    assert not re.search(r"d_(count|table|i)\b|count_(tape|old)|table_(tape|old)", source), source
    assert "append" not in source and ".pop(" not in source, source


def test_same_function_for_integer_and_float_arguments():
    def f(x, n):
        return x ** n * n

    check(f, 1.5, 3)
    check(f, 1.5, 3.0)
    check(f, np.array([1.5, 0.5])[:1], 2)
    check(f, 1.5, 3)
