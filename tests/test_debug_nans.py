"""debug_nans=True names the first line whose adjoint is nan or inf, and changes nothing else."""

import inspect
import linecache

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import NonFiniteError, SrcgradError

X = np.array([0.0, 2.0, 3.0])


def log_of_zero(x):
    y = np.log(x)  # <- here
    z = 3 * y
    return np.sum(z)


def root_then_square(x):
    y = x * x
    z = np.sqrt(y)  # <- here
    return np.sum(z + 1)


def zero_by_zero(x):
    s = 0.0
    for i in range(len(x)):
        if i != 1:
            s += np.sin(x[i]) / x[i]  # <- here
        else:
            s += x[i]
    return s


def overflow(x):
    y = x + 1
    for _ in range(3):
        y = np.exp(y)  # <- here
    return np.tanh(1 / np.sum(y))


def in_a_callee(x):
    def inverse(t):
        u = t * 2
        return 1 / u  # <- here

    def twice(t):
        return inverse(t) + inverse(t + 1)

    return np.sum(twice(x) * 2)


def in_a_recursion(x):
    def down(t, n):
        if n == 0:
            return np.sqrt(t)  # <- here
        return down(t * t, n - 1) + 1

    return down(x[0], 2)


def in_place(x):
    y = x.copy()
    for i in range(3):
        y[i] = np.sqrt(y[i]) * 2  # <- here
    return np.sum(y * 2)


def in_a_block(x):
    y = x * 2
    with srcgrad.adjoint(y) as d:  # <- here
        d = d / 0.0
    z = y + 1
    return np.sum(z)


PROGRAMS = [
    log_of_zero, root_then_square, zero_by_zero, overflow, in_a_callee, in_a_recursion, in_place, in_a_block,
]  # fmt: skip


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("make", [srcgrad.grad, srcgrad.value_and_grad])
def test_the_first_line_is_named(f, make):
    g = make(f, debug_nans=True)
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError) as caught:
        g(X)
    error = caught.value
    assert isinstance(error, FloatingPointError) and isinstance(error, SrcgradError)
    assert error.pos is not None and error.pos.file == __file__
    line = linecache.getline(error.pos.file, error.pos.line)
    assert "# <- here" in line, f"{error}\n{g.source}"
    shown = str(error)
    assert line.strip() in shown and "^" in shown
    assert "turned nan" in shown or "turned inf" in shown
    statement = shown.split("generated statement `")[1].split("`")[0]
    assert statement in " ".join(g.source.replace("    ", "").split())


@pytest.mark.parametrize("f", PROGRAMS[:-1])
def test_where_all_is_finite_nothing_changes(f):
    x = np.array([0.5, 0.7, 0.3])
    if f is overflow:
        x = x - 2
    checked, plain = srcgrad.grad(f, debug_nans=True), srcgrad.grad(f)
    np.testing.assert_allclose(checked(x), plain(x), rtol=1e-12)
    assert "check_finite" in checked.source and "check_finite" not in plain.source
    value, d = srcgrad.value_and_grad(f, debug_nans=True)(x)
    assert value == pytest.approx(f(x))
    np.testing.assert_allclose(d, plain(x), rtol=1e-12)


def test_what_a_mask_hides_is_no_error():
    def f(x):
        y = np.sqrt(x)
        return np.sum(np.where(x > 0, y, 0.0))

    with np.errstate(all="ignore"):
        np.testing.assert_allclose(srcgrad.grad(f, debug_nans=True)(X), [0, 0.5 / np.sqrt(2), 0.5 / np.sqrt(3)])


def test_the_variable_and_the_value_that_is_not_finite_are_named():
    def f(x):
        big = np.exp(x * 1000)
        return np.sum(big * big)

    with np.errstate(all="ignore"), pytest.raises(NonFiniteError) as caught:
        srcgrad.grad(f, debug_nans=True)(X)
    assert "adjoint of `big`" in caught.value.reason and "`big`, itself not finite" in caught.value.reason


def test_elementwise_grad_and_decorator():
    @srcgrad.elementwise_grad(debug_nans=True)
    def f(x):
        return np.log(x)

    with np.errstate(all="ignore"), pytest.raises(NonFiniteError):
        f(X)
    np.testing.assert_allclose(f(X[1:]), 1 / X[1:])


def test_an_error_of_numpy_is_passed_on():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError) as caught:
        srcgrad.grad(log_of_zero, debug_nans=True)(X)
    assert not isinstance(caught.value, NonFiniteError)


def test_the_keyword_is_part_of_the_key():
    g, h = srcgrad.grad(log_of_zero), srcgrad.grad(log_of_zero, debug_nans=True)
    h(X + 1)
    g(X + 1)
    assert g.source != h.source
    assert "debug_nans" in inspect.signature(srcgrad.grad).parameters
