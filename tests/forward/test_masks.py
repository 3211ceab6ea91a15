"""A tangent that a choice made zero stays zero where the partial derivative is infinite, as its adjoint does."""

import numpy as np
import pytest

from srcgrad import grad, jvp


def in_another_statement(t):
    x = np.where(t > 0, t, 0.0)
    return np.sum(np.sqrt(x))


def in_the_same_expression(t):
    return np.sum(np.where(t > 0, np.sqrt(np.where(t > 0, t, 1.0)), 0.0))


def by_maximum(t):
    x = np.maximum(t, 0.0)
    y = x * 2
    return np.sum(y**0.5)


def by_mask(t):
    m = t > 0
    y = np.zeros(3)
    y[m] = np.sqrt(t[m])
    z = y[m] if t[0] > 100 else y
    return np.sum(np.sqrt(z))


def in_a_loop(t):
    x = np.clip(t, 0.0, 10.0)
    for _ in range(2):
        x = np.sqrt(x)
    return np.sum(x)


def through_a_list(t):
    xs = []
    for k in range(3):
        xs.append(np.where(t[k] > 0, t[k], 0.0))
    return np.sum(np.sqrt(np.stack(xs)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "f", [in_another_statement, in_the_same_expression, by_maximum, by_mask, in_a_loop, through_a_list]
)
def test_slopes_are_finite_and_those_of_reverse_mode(f):
    t = np.array([4.0, -1.0, 0.25])
    gradient = grad(f)(t)
    assert np.all(np.isfinite(gradient)) and gradient[1] == 0
    for k in range(3):
        _, slope = jvp(f, (t,), (np.eye(3)[k] + np.array([0.0, 1.0, 0.0]),))
        expected = gradient @ (np.eye(3)[k] + np.array([0.0, 1.0, 0.0]))
        assert abs(slope - expected) < 1e-12
