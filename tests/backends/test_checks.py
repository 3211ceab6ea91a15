"""Checks of derivatives on the device: what passes on the host passes there, what fails says the same."""

import numpy as np
import pytest

from srcgrad import check_grads, elementwise_grad, grad, value_and_grad
from srcgrad.errors import ArgumentError, CheckError
from srcgrad.rules.build import xp
from srcgrad.testing import gradient_matches
from tests.backends.tools import same, to_device
from tests.trust.test_check_grads import PARAMS, RIGHT, A, B, V, running, scalar, sines
from tests.trust.wrong import rule_changed


@pytest.mark.parametrize("f, args", RIGHT.values(), ids=RIGHT)
def test_right_derivatives_pass(cp, f, args):
    given = to_device(cp, args)
    check_grads(f, given, order=1)
    for one, other in zip(args, given, strict=True):
        same(one, other, 0.0)


@pytest.mark.parametrize("name", ["scalar", "loop", "matrix", "contained"])
def test_second_derivatives_pass(cp, name):
    f, args = RIGHT[name]
    check_grads(f, to_device(cp, args), order=2)


def single_inside(x):
    return np.sum(np.sin(x.astype(np.float32)))


@pytest.mark.parametrize("f, args", [
    (RIGHT["loop"][0], (V.astype("f4"), 3)), (RIGHT["matrix"][0], (A.astype("f4"), B)), (single_inside, (V,)),
    (lambda z: np.abs(z) ** 2, (V + 1j * V[::-1],)), (lambda x: np.zeros(3) + x[0] * x, (V,)),
])  # fmt: skip
def test_dtypes(cp, f, args):
    check_grads(f, to_device(cp, args), order=1)


def test_of_a_number_beside_arrays_that_a_function_holds(cp):
    w = cp.asarray(V)
    check_grads(lambda a: np.sum(np.zeros(3) + w * a * a), (2.0,))


def message(check, args):
    with pytest.raises((AssertionError, CheckError)) as info:
        check(args)
    return str(info.value)


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_wrong_derivatives_are_told_as_on_the_host(cp, mode):
    def check(args):
        check_grads(sines, args, order=1, modes=(mode,))

    with rule_changed(np.sin, builders={"x": lambda x, out: 2 * xp.cos(x)}, via_out={}):
        text = message(check, to_device(cp, (PARAMS,)))
        assert text == message(check, (PARAMS,)) and "a factor of 2" in text


def test_modes_that_disagree_and_kinks_are_told_as_on_the_host(cp):
    def check(args):
        check_grads(running, args, order=1, rtol=1e-3)

    changed = {"a": lambda d, a, axis=None: 1.00001 * xp.flip(xp.cumsum(xp.flip(d)))}
    with rule_changed(np.cumsum, builders=changed):
        assert "the two modes disagree" in message(check, (cp.asarray(V),))

    def bend(x):
        return np.sum(np.where(x > 0, 3 * x, -2 * x))

    kink = (np.array([1.0, 0.0, 2.0]),)
    assert message(lambda args: check_grads(bend, args), to_device(cp, kink)) == message(
        lambda args: check_grads(bend, args), kink
    )


def test_wrong_second_derivatives_are_found(cp):
    with rule_changed(np.cos, builders={"x": lambda x, out: -2 * xp.sin(x)}, via_out={}):
        with pytest.raises(AssertionError, match="order 2, is wrong"):
            check_grads(lambda x: np.sum(np.sin(x)), (cp.asarray(V),), order=2)


def test_gradient_matches(cp):
    gradient_matches(scalar)(cp.asarray(V), 2.0)
    with pytest.raises(AssertionError, match="has no derivative at the given point"):
        gradient_matches(lambda x: np.sum(np.abs(x)))(cp.zeros(2))


# -- check=True --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scalar", "loop", "fields", "in_place", "zero_slope", "huge", "softmax"])
def test_right_gradients_come_through(cp, name):
    f, args = RIGHT[name]
    for dtype in ("f8", "f4"):
        args = tuple(a.astype(dtype) if isinstance(a, np.ndarray) else a for a in args)
        same(grad(f, check=True)(*args), grad(f, check=True)(*to_device(cp, args)), 1e-4)
        value, gradient = value_and_grad(f, check=True)(*to_device(cp, args))
        assert value.shape == () and type(gradient) is not np.ndarray
    x = cp.asarray(V)
    assert type(elementwise_grad(np.tanh, check=True)(x)) is cp.ndarray


def total(x):
    return np.sum(np.cumsum(x) ** 2)


def test_wrong_gradients_are_caught_as_on_the_host(cp):
    with rule_changed(np.cumsum, builders={"a": lambda d, a, axis=None: xp.cumsum(d)}):
        text = message(lambda args: grad(total, check=True)(*args), (cp.asarray(V),))
        assert text == message(lambda args: grad(total, check=True)(*args), (V,)) and "by x[" in text


def test_arrays_of_two_libraries_are_refused(cp):
    with pytest.raises(ArgumentError, match="CuPy arrays"):
        check_grads(scalar, (cp.asarray(V), V))
