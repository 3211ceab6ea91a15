"""Solutions of equations, and callables of which nothing is known, on the device."""

import numpy as np
import pytest

import srcgrad
from srcgrad import checkpointed, custom_root, fixed_point, grad, hvp, jacfwd, jvp, numerical
from srcgrad.errors import NoRuleError
from tests.backends.tools import hold_on_device, hold_operator, same, to_device
from tests.standin import syncs

X = np.array([0.3, -0.7, 1.1])
W = np.array([[0.2, 0.3, 0.1], [0.1, -0.5, 0.4], [0.2, 0.0, 0.3]])


def heron(x, a):
    return 0.5 * (x + a / x)


def newton(equation, x0):
    """A solver that is not looked into, for the arrays of either library. The equation is one of each element."""
    x = x0
    for _ in range(60):
        value = equation(x)
        slope = (equation(x + 1e-6) - equation(x - 1e-6)) / 2e-6
        x = x - value / slope
    return x


def by_iteration(w, b):
    x = fixed_point(lambda x: np.tanh(w @ x + b), np.zeros(3))
    return np.sum(x * b)


def of_a_number(a):
    return fixed_point(heron, 1.0, a) * a


def of_an_element(x):
    return fixed_point(heron, x[0] + 1.0, x[2]) + fixed_point(heron, np.ones_like(x), x * x)[1]


def with_whole_numbers(x):
    def step(u, k, n):
        if n > 1:
            u = u * 0.5
        return 0.3 * np.cos(u) * x[k] + n

    return np.sum(fixed_point(step, np.zeros(2), np.argmax(x), 2))


def by_root(a):
    x = custom_root(lambda x, a: x**3 + 2 * x - a, newton, a * 0, a)
    return np.sum(x * np.sin(x))


def of_one_root(a):
    return custom_root(lambda x: x**3 + 2 * x - a[0], newton, 0.5) * a[1]


def nothing(a):
    return np.sum(fixed_point(lambda x: 0.5 * x + a, a[:0] * 0)) + np.sum(a)


CASES = [
    (by_iteration, (W, X)), (of_a_number, (np.array(2.0),)), (of_an_element, (X + 2,)), (with_whole_numbers, (X,)),
    (by_root, (X,)), (of_one_root, (X,)), (by_iteration, (W.astype("f4"), X.astype("f4"))),
]  # fmt: skip


@pytest.mark.parametrize("f, args", CASES)
def test_solutions(cp, f, args):
    if args[0].dtype == np.float32:
        f = srcgrad.value_and_grad(lambda w, b: np.sum(fixed_point(lambda x: np.tanh(w @ x + b), b * 0, tol=1e-6)))
        same(f(*args), f(*to_device(cp, args)), 1e-4)
        return
    hold_on_device(cp, f, args)
    hold_operator(cp, jacfwd(f), args)


def test_second_derivatives(cp):
    w, b = to_device(cp, (W, X))
    same(hvp(by_iteration, 1)(W, X, X), hvp(by_iteration, 1)(w, b, b), 1e-9)
    same(hvp(by_root)(X, X), hvp(by_root)(b, b), 1e-7)


def test_iterations_wait_once_each(cp):
    w, b = to_device(cp, (W, X))
    steps = [0]

    def count(u):
        steps[0] += 1
        return np.tanh(W @ u + X)

    fixed_point(count, np.zeros(3))
    with syncs() as waited:
        grad(by_iteration)(w, b)
    assert waited.count == steps[0] + 1  # and whether it is finite, in the end
    source = grad(by_iteration).source_for(w, b)
    assert "cp.zeros(3), b, w)  # waits for the device" in source
    assert "waits" not in source.split("# reverse sweep")[-1]


def test_no_convergence_is_told(cp):
    with pytest.raises(ArithmeticError, match="no convergence"):
        grad(lambda a: np.sum(fixed_point(lambda x: x * x + a, a)))(cp.asarray(X))


def conjugate(product, d):
    """A linear solver for the arrays of either library."""
    w = d * 0
    for _ in range(200):
        w = w + 0.5 * (d - product(w))
    return w


def test_linear_solvers(cp):
    def f(b, w):
        return np.sum(fixed_point(lambda x: np.tanh(w @ x + b), np.zeros(3), linear_solver=conjugate) ** 2)

    hold_on_device(cp, f, (X, W), (0,))

    def krylov(b):
        return np.sum(fixed_point(lambda x: 0.3 * np.cos(x) + b, b, linear_solver="gmres"))

    with pytest.raises(NoRuleError, match=r"which needs scipy\.sparse\.linalg\..*: CuPy has none") as info:
        grad(krylov)(cp.asarray(X))
    assert "^^^" in str(info.value)


def test_emitted(cp):
    text = srcgrad.emit(by_iteration, args=to_device(cp, (W, X)))
    module = {}
    exec(text, module)
    same(grad(by_iteration)(W, X), module["by_iteration_grad"](*to_device(cp, (W, X))), 1e-9)


# -- numerical ---------------------------------------------------------------------------------------------------------


def module_of(x):
    import sys

    return sys.modules["cupy"] if type(x).__module__ == "cupy" else np


@numerical
def opaque(x, y, n=2):
    xp = module_of(x if hasattr(x, "shape") else y)
    return xp.tanh(xp.asarray(x) * y) ** n


@pytest.mark.parametrize("args", [(X, X[::-1].copy()), (X, 2.0), (0.7, X), (np.array(0.7), X), (W, X)])
def test_differences(cp, args):
    def f(x, y):
        return np.sum(opaque(x * x, y) * opaque(x, y + 1, n=3))

    both = srcgrad.value_and_grad(f, (0, 1))
    same(both(*args), both(*to_device(cp, args)), 1e-7)
    tangent = jvp(f, to_device(cp, args), to_device(cp, args))[1]
    same(jvp(f, args, args)[1], tangent, 1e-7)


def test_differences_wait_for_nothing_in_reverse(cp):
    x = cp.asarray(X)
    with syncs() as waited:
        grad(lambda x: np.sum(opaque(x, 2.0)))(x)
    assert waited.count == 0
    assert grad(lambda x: np.sum(opaque(x, 2.0)))(x.astype("f4")).dtype == np.float32


# -- what is run again, and blocks on adjoints -------------------------------------------------------------------------


def repeated(x):
    for _ in checkpointed(range(10), slots=3):
        x = np.sin(x) * 1.1
    return np.sum(x)


@srcgrad.checkpoint
def layer(x):
    return np.tanh(x) * x


def layers(x):
    return np.sum(layer(layer(x)) ** 2)


def clipped(x):
    y = np.sin(x)
    with srcgrad.adjoint(y) as d_y:
        d_y[:] = np.clip(d_y, -0.1, 0.1)
        if np.sum(d_y) > 10:
            d_y *= 0
    return np.sum(y * y)


@pytest.mark.parametrize("f", [repeated, layers])
def test_checkpoints(cp, f):
    hold_on_device(cp, f, (X,))


def test_blocks_on_adjoints_run_as_they_stand(cp):
    same(grad(clipped)(X), grad(clipped)(cp.asarray(X)), 1e-12)
    assert "np.clip(d_y, -0.1, 0.1)" in grad(clipped).source_for(cp.asarray(X))


def test_what_a_block_collects_lies_on_the_device(cp):
    def f(x, seen):
        y = np.sin(x)
        with srcgrad.adjoint(y) as d_y:
            seen.append(np.linalg.norm(d_y))
        return np.sum(y * y)

    seen = []
    grad(f)(cp.asarray(X), seen)
    assert type(seen[0]) is cp.ndarray and seen[0].shape == ()


def kernel(x, out):
    for i in range(len(x)):
        out[i] = x[i] * x[i] * out[0]


def test_outputs(cp):
    out = np.ones(3)
    value, pull = srcgrad.vjp(kernel, X, out, outputs="out")
    x, there = to_device(cp, (X, out))
    device_value, device_pull = srcgrad.vjp(kernel, x, there, outputs="out")
    same((value, pull(X)), (device_value, device_pull(x)), 1e-12)
    same(srcgrad.jvp(kernel, (X, out), (X, out), outputs="out"),
         srcgrad.jvp(kernel, (x, there), (x, there), outputs="out"), 1e-12)  # fmt: skip
    same(X, x, 0.0)


def power(z):
    return np.sum(np.abs(np.fft.fft(np.exp(1j * z) * z)) ** 2)


def test_complex_numbers(cp):
    for args in ((X + 1j,), (X,), (X.astype("c8"),)):
        value = srcgrad.value_and_grad(power)
        same(value(*args), value(*to_device(cp, args)), 1e-4 if args[0].dtype == "c8" else 1e-9)
    z = X + 1j * X
    same(hvp(power)(z, z), hvp(power)(*to_device(cp, (z, z))), 1e-9)


def residuals(x):
    return np.concatenate([np.sin(x), [x[0] * x[1]]])


def test_products(cp):
    x = cp.asarray(X)
    with syncs() as waited:
        found = srcgrad.gauss_newton_vp(residuals, lambda r: np.sum(r**4))(x, x)
        linear = srcgrad.linearize(residuals, x)[1](x)
    assert waited.count == 0
    same(srcgrad.gauss_newton_vp(residuals, lambda r: np.sum(r**4))(X, X), found, 1e-9)
    same(srcgrad.linearize(residuals, X)[1](X), linear, 1e-12)


def inner(x):
    return np.sum(jacfwd(residuals)(x) ** 2) + np.sum(srcgrad.jacrev(residuals)(x) ** 3)


def test_matrices_inside_of_functions(cp):
    hold_on_device(cp, inner, (X,))
