"""Jacobians and Hessians of functions of CuPy's arrays: they lie on the device, and nothing is fetched for them."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srcgrad import grad, hessian, jacfwd, jacobian, jacrev
from srcgrad.errors import ArgumentError, NonScalarError
from tests.backends.tools import hold_operator
from tests.forward import test_duality
from tests.matrices import test_hessian
from tests.matrices import test_jacobian as jac_of
from tests.matrices.tools import programs
from tests.standin import syncs

X = np.array([0.3, 0.7, 1.1])
MODES = [jacobian, jacfwd, jacrev]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    program=programs(), chunk_size=st.sampled_from([None, 1, 3]), mode=st.sampled_from(["auto", "forward", "reverse"])
)  # fmt: skip
def test_of_generated_programs(cp, program, chunk_size, mode):
    f, arg = program
    hold_operator(cp, jacobian(f, mode=mode, chunk_size=chunk_size), (arg,))


@pytest.mark.parametrize("f, args", test_duality.PROGRAMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_of_results_of_every_structure(cp, f, args, dtype):
    for op in MODES[1:]:
        hold_operator(cp, op(f), tuple(a.astype(dtype) if isinstance(a, np.ndarray) else a for a in args))


@pytest.mark.parametrize("f", [jac_of.looped, jac_of.overwrites, jac_of.recursive, jac_of.counted])
def test_of_programs(cp, f):
    for op in MODES:
        hold_operator(cp, op(f), (X,))


@pytest.mark.parametrize("f", test_hessian.PROGRAMS, ids=lambda f: f.__name__)
def test_hessians_of_programs(cp, f):
    hold_operator(cp, hessian(f), (test_hessian.X,))


@pytest.mark.parametrize("first", [grad, jacfwd, jacrev, hessian])
@pytest.mark.parametrize("second", [jacfwd, jacrev])
def test_derivatives_of_derivatives(cp, first, second):
    def f(p):
        return np.sum(np.sin(p["a"]) * p["b"]) * p["a"][0]

    hold_operator(cp, second(first(f)), ({"a": X[:2].astype(np.float32), "b": 1.5},))


@dataclass
class Model:
    w: np.ndarray
    scale: float
    name: str


def applied(m, p):
    return {"y": m.w @ p[0] * m.scale, "more": [p[1][0], None, 3], "n": (m.scale, "text")}, {"norm": np.sum(p[0])}


@pytest.mark.parametrize("op", MODES)
def test_structures_options_and_numbers_among_arrays(cp, op):
    args = (Model(np.arange(6.0).reshape(2, 3) / 5, 2.0, "m"), (X, [0.5, 2]))
    hold_operator(cp, op(applied, argnums=(0, "p"), has_aux=True), args)
    hold_operator(cp, op(applied, argnums=1, has_aux=True, chunk_size=2), args)


@pytest.mark.parametrize("op", MODES)
@pytest.mark.parametrize("x, y", [
    (2.0, np.ones(2)), (np.array(2.0), 3.0), (np.ones((0,)), np.ones((2, 1))), (np.ones((2, 1)), np.ones((0, 1, 3))),
    (2.0, np.ones(3, np.float32)), (np.ones(3), np.ones(3, np.float32)), (np.ones((4, 3))[::2], np.ones((3, 2, 2)).T),
])  # fmt: skip
def test_shapes_and_dtypes(cp, op, x, y):
    hold_operator(cp, op(lambda x, y: np.sin(x) * y), (x, y))
    hold_operator(cp, op(lambda x, y: np.sin(x) * y, argnums=(1, 0)), (x, y))


@pytest.mark.parametrize("op", MODES)
def test_of_a_number_beside_arrays_that_a_function_holds(cp, op):
    w = cp.asarray(X)

    def f(a, b):
        return a * b * w * np.zeros(3), a * np.ones(3) * w

    with syncs() as waited:
        found = op(f, argnums=(0, 1))(2.0, 3.0)
    assert waited.count == 0
    np.testing.assert_allclose(found[1][0].get(), X)
    assert type(found[0][1]) is cp.ndarray


@pytest.mark.parametrize("op", MODES)
def test_of_holomorphic_functions(cp, op):
    hold_operator(cp, op(lambda z: np.exp(z) * z[0], holomorphic=True), (X + 1j * X[::-1],))


def test_complex_numbers_in_one_mode(cp):
    hold_operator(cp, jacobian(lambda z: np.abs(z) ** 2), (X + 1j,))
    hold_operator(cp, jacobian(lambda x: np.exp(1j * x)), (X,))
    with pytest.raises(ArgumentError, match="the arguments of .* are complex"):
        jacfwd(lambda z: np.abs(z) ** 2)(cp.asarray(X + 1j))


def test_what_does_not_fit_is_refused_as_on_the_host(cp):
    with pytest.raises(NonScalarError, match="returns no float"):
        jacrev(lambda x: "a")(cp.asarray(X))
    with pytest.raises(ArgumentError, match="holds an array of int64"):
        jacfwd(lambda x: x * 2.0)(cp.arange(3))
    with pytest.raises(ArgumentError, match="CuPy arrays"):
        jacfwd(lambda x, y: x * y)(cp.asarray(X), X)
