"""What the matrix operators cannot take is refused with the name of the argument or option."""

import numpy as np
import pytest

import srcgrad
from srcgrad import gauss_newton_vp, grad, hessian, hvp, jacfwd, jacobian, jacrev, value_and_grad
from srcgrad.errors import ArgumentError, NonScalarError

X = np.array([0.5, 1.5])
MODES = [jacobian, jacfwd, jacrev]
MATRICES = [*MODES, hessian]


def product(op):
    """An operator of products as one of matrices: with a vector of ones."""
    return lambda f, argnums=0: lambda *args, **kw: op(f, argnums=argnums)(*args, np.ones(2), **kw)


EVERY = [*MATRICES, product(hvp), product(gauss_newton_vp)]


def square(x, n=2):
    return np.sum(x**n)


def refused(error, reason, call):
    with pytest.raises(error, match=reason) as info:
        call()
    assert info.value.remedy
    return info.value


@pytest.mark.parametrize("op", EVERY)
def test_arguments_without_floats_are_named(op):
    refused(ArgumentError, "'x' holds .*int64", lambda: op(square)(np.array([1, 2])))
    refused(ArgumentError, "'x' holds .*int", lambda: op(square)(3))
    refused(ArgumentError, "'n' holds .*int", lambda: op(square, argnums="n")(X, n=2))
    refused(ArgumentError, "'x' holds no float", lambda: op(lambda x: 1.0)({"a": 2, "b": [None]}))


@pytest.mark.parametrize("op", EVERY)
def test_unknown_argnums_are_named(op):
    refused(ArgumentError, "no parameter 'y'", lambda: op(square, argnums="y")(X))
    refused(ArgumentError, "argnums=5", lambda: op(square, argnums=5)(X))
    refused(ArgumentError, "twice", lambda: op(square, argnums=("x", 0))(X))
    refused(ArgumentError, "names nothing", lambda: op(square, argnums=())(X))
    refused(ArgumentError, "unexpected keyword argument 'z'", lambda: op(square)(X, z=1))


def counts(x):
    return len(x), "text"


def writes(x):
    x[...] = 1.0


@pytest.mark.parametrize("op", [*MODES, product(gauss_newton_vp)])
def test_results_without_floats_are_refused(op):
    found = refused(NonScalarError, "returns no float", lambda: op(counts)(X))
    assert found.pos is not None and found.pos.file.endswith("test_bad_input.py")
    refused(NonScalarError, "returns nothing", lambda: op(writes)(X.copy()))
    refused(NonScalarError, "returns no float", lambda: op(lambda x: x.argmax())(X))


@pytest.mark.parametrize("op", [hessian, product(hvp)])
def test_second_derivatives_of_what_is_no_scalar_are_refused(op):
    refused(NonScalarError, "shape", lambda: op(lambda x: x * x)(X))
    refused(NonScalarError, "several values", lambda: op(lambda x: (x.sum(), x.sum()))(X))
    refused(NonScalarError, "nothing", lambda: op(writes)(X.copy()))


def test_losses_that_are_no_scalar_are_refused():
    refused(NonScalarError, "shape", lambda: gauss_newton_vp(lambda x: x * x, lambda z: z * z)(X, X))
    refused(ArgumentError, "takes a function", lambda: gauss_newton_vp(lambda x: x * x, 3))


def test_options_are_checked_when_the_operator_is_made():
    refused(ArgumentError, "mode='foo'.*'auto', 'forward', 'reverse'", lambda: jacobian(square, mode="foo"))
    for op in MATRICES:
        for size in (0, -1, 2.5, "3", True):
            refused(ArgumentError, f"chunk_size={size!r}", lambda op=op, size=size: op(square, chunk_size=size))
    refused(ArgumentError, "takes a function", lambda: jacobian(3))
    refused(ArgumentError, "takes a function", lambda: hvp(3))


@pytest.mark.parametrize("op", MODES)
def test_aux_needs_a_pair(op):
    refused(ArgumentError, "pair", lambda: op(square, has_aux=True)(X))
    refused(ArgumentError, "pair", lambda: op(jacobian(lambda x: (x, 1), has_aux=True)))
    refused(ArgumentError, "pair", lambda: op(value_and_grad(square)))
    refused(ArgumentError, "pair", lambda: op(grad(square, has_aux=True)))


@pytest.mark.parametrize("op", [hvp, gauss_newton_vp])
def test_vectors_that_do_not_fit_are_refused(op):
    def f(p, q=1.0):
        return np.sum(p["w"] ** 2) * p["b"] * q

    p = {"w": X.copy(), "b": 2.0}
    refused(ArgumentError, "'v' is missing", lambda: op(lambda x: np.sum(x))(X))
    refused(ArgumentError, "'v' is missing", lambda: op(square)())
    refused(ArgumentError, r"v has the shape \(3,\), but the value has \(2,\)", lambda: op(square)(X, np.ones(3)))
    refused(ArgumentError, r"v has the shape \(\)", lambda: op(square)(X, 1.0))
    refused(ArgumentError, "v is None", lambda: op(square)(X, None))
    refused(ArgumentError, "v is complex", lambda: op(square)(X, X * 1j))
    refused(ArgumentError, "v must be a dict with the items 'w', 'b'", lambda: op(f)(p, X))
    refused(ArgumentError, "v must be a dict", lambda: op(f)(p, {"w": X}))
    refused(ArgumentError, r"v\['w'\] has the shape", lambda: op(f)(p, {"w": np.ones(3), "b": 1.0}))
    refused(ArgumentError, "tuple of 2 vectors", lambda: op(f, argnums=(0, 1))(p, 1.0, p))
    refused(ArgumentError, "tuple of 2 vectors", lambda: op(f, argnums=(0, 1))(p, 1.0, (p,)))
    refused(ArgumentError, r"v\[1\] has the shape", lambda: op(f, argnums=(0, 1))(p, 1.0, (p, X)))
    refused(ArgumentError, r"v\[0\] is None", lambda: op(f, argnums=(0, 1))(p, 1.0, (None, 1.0)))


def add_to(x, y):
    x[1:] += y[1:]
    return np.sum(x * x)


@pytest.mark.parametrize("op", [*MODES, hessian])
def test_arguments_that_share_memory_while_one_is_written_are_refused(op):
    refused(ArgumentError, "share memory", lambda: op(add_to)(X, X))
    assert np.isfinite(op(add_to)(X, X.copy())).all()


def test_every_error_is_one_of_the_package():
    assert issubclass(NonScalarError, srcgrad.SrcgradError) and issubclass(ArgumentError, TypeError)
