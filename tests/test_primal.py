"""primal: the function itself as generated code."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from srcgrad import emit, grad, primal, vjp
from srcgrad.errors import ArgumentError, SrcgradError
from tests.support import load

X = np.array([0.5, -1.0, 2.0])


def decaying(x, steps=3):
    u = np.zeros(5)
    for k in range(steps):
        u[1:] = u[:-1] + np.sin(x[k])
        if u.sum() > 3:
            break
    return u, {"largest": u.max(), "steps": k}


def overwriting(a):
    a[1:] *= a[:-1]


@primal
def decorated(x):
    return np.sum(x * x)


def test_it_gives_what_the_function_gives():
    for steps in (1, 3):
        (u, found), (v, expected) = primal(decaying)(X, steps=steps), decaying(X, steps)
        np.testing.assert_array_equal(u, v)
        assert found == expected
    assert decorated(X) == np.sum(X * X)
    assert repr(decorated) == "<srcgrad primal of decorated>" and pickle.loads(pickle.dumps(decorated)) is decorated


def test_arguments_are_left_alone_and_may_be_the_outputs():
    a = copy.copy(X)
    assert primal(overwriting)(a) is None
    np.testing.assert_array_equal(primal(overwriting, outputs="a")(a), [0.5, -0.5, -2.0])
    np.testing.assert_array_equal(a, X)


def test_inside_of_a_function_it_is_the_function():
    def f(x):
        return np.sum(primal(decaying)(x)[0] ** 2) + decorated(x)

    def g(x):
        return np.sum(decaying(x)[0] ** 2) + np.sum(x * x)

    np.testing.assert_allclose(grad(f)(X), grad(g)(X))
    np.testing.assert_allclose(grad(decorated)(X), 2 * X)


def test_as_a_method():
    @dataclass
    class Line:
        slope: float

        @primal
        def at(self, x):
            return np.sum(self.slope * x)

    def f(line, x):
        return line.at(x) ** 2

    assert Line(2.0).at(X) == 3.0
    np.testing.assert_allclose(grad(f, 1)(Line(2.0), X), np.full(3, 12.0))


def test_lambdas_and_functions_without_a_source():
    assert primal(len)(X) == 3
    assert primal(lambda x: np.sum(x))(X) == 1.5
    with pytest.raises(ArgumentError, match="takes a function"):
        primal(3)
    with pytest.raises(SrcgradError):
        primal(exec)("1")


def test_it_is_written_as_a_module():
    text = emit(primal(decaying), args=(X,))
    assert "srcgrad: mode primal" in text
    value, _ = load(text, "decaying_primal")(X, 3)
    np.testing.assert_array_equal(value, decaying(X)[0])
    assert emit(decaying, mode="primal", args=(X,)) == text


def test_the_value_of_a_lambda_beside_its_pullback():
    value, pull = vjp(lambda x: x * x, X)
    np.testing.assert_allclose(value, X * X)
    np.testing.assert_allclose(pull(np.ones(3))[0], 2 * X)
