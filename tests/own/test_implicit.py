"""fixed_point and custom_root: against central differences, against unrolling, over shapes, and again."""

import functools

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import srcgrad
from srcgrad import custom_root, emit, fixed_point, grad
from srcgrad.errors import AliasError, KindError, UnsupportedError
from tests.support import assert_refused, check

X = np.array([0.3, -0.7, 1.1])
W = np.array([[0.2, 0.3, 0.1], [0.1, -0.5, 0.4], [0.2, 0.0, 0.3]])


def newton(equation, x0):
    """A solver that is not looked into: it tries, and catches."""
    x = np.array(x0, dtype=float)
    for _ in range(50):
        value = np.asarray(equation(x))
        if np.max(np.abs(value)) < 1e-14:
            break
        flat = x.reshape(-1)
        columns = []
        for k in range(flat.size):
            unit = np.zeros(flat.size)
            unit[k] = 1e-7
            columns.append((np.asarray(equation((flat + unit).reshape(x.shape))) - value).reshape(-1) / 1e-7)
        try:
            x = x - np.linalg.solve(np.stack(columns, axis=1), value.reshape(-1)).reshape(x.shape)
        except np.linalg.LinAlgError:
            break
    return x


def heron(x, a):
    return 0.5 * (x + a / x)


# -- first derivatives -----------------------------------------------------------------------------------------------


def test_a_number():
    def root(a):
        return fixed_point(heron, 1.0, a)

    check(root, 2.0)
    source = grad(root).source_for(2.0)
    assert "fixed_point_adjoint(heron_vjp, " in source
    assert "while" not in source
    assert "for " not in source
    np.testing.assert_allclose(fixed_point(heron, 1.0, 2.0), np.sqrt(2.0))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([(1,), (3,), (2, 3), (4, 1), (0,)]), st.sampled_from(["dense", "gmres", "bicgstab"]),
       st.integers(0, 2**16))  # fmt: skip
def test_shapes_and_linear_solvers(shape, how, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0.5, 1.5, shape), rng.uniform(0.5, 1.5, shape)

    def by_iteration(a, b):
        x = fixed_point(lambda x: 0.3 * np.cos(a * x) + b + 0.1 * np.sum(x) / (1 + x.size), b * 0, linear_solver=how)
        return np.sum(x * x)

    def by_root(a, b):
        def residual(x):
            return x - 0.3 * np.cos(a * x) - b - 0.1 * np.sum(x) / (1 + x.size)

        return np.sum(custom_root(residual, newton, b * 0, linear_solver=how) ** 2)

    one = check(by_iteration, a, b) if a.size else grad(by_iteration, argnums=(0, 1))(a, b)
    if not a.size:
        assert one[0].shape == shape
        return
    other = check(by_root, a, b)
    for first, second in zip(one, other, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-7)


def test_a_linear_solver_of_one_s_own():
    def how(product, d):
        matrix = np.stack([product(unit) for unit in np.eye(d.size)], axis=1)
        return np.linalg.solve(matrix, d)

    def f(a):
        return np.sum(fixed_point(lambda x: np.tanh(W @ x + a), np.zeros(3), linear_solver=how))

    check(f, X)
    assert "linear_solver=how" in grad(f).source_for(X)


def test_the_same_as_unrolling():
    def implicit(W, b):
        x = fixed_point(lambda x: np.tanh(W @ x + b), np.zeros(3))
        return np.sum(x * b)

    def unrolled(W, b):
        x = np.zeros(3)
        for _ in range(200):
            x = np.tanh(W @ x + b)
        return np.sum(x * b)

    for one, other in zip(grad(implicit, (0, 1))(W, X), grad(unrolled, (0, 1))(W, X), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


def test_solvers_of_scipy():
    def system(A, b, p):
        x = custom_root(lambda x, p: A @ x + p["c"] * x**3 - b, scipy.optimize.root, np.ones(3), p)
        return np.sum(np.sin(x))

    check(system, 3 * np.eye(3) + W, X, {"c": 0.3})
    assert "custom_root(residual, scipy.optimize.root, np.ones(3), " in grad(system).source_for(W, X, {"c": 0.3})

    def number(a):
        return custom_root(lambda x: x**3 + x - a, lambda f, x0: scipy.optimize.newton(f, x0, tol=1e-14), 0.5)

    check(number, 2.0)
    hybrid = functools.partial(scipy.optimize.root, method="lm", options={"xtol": 1e-14, "ftol": 1e-14})

    def shaped(a):
        return np.sum(custom_root(lambda x: x + 0.1 * np.roll(x, 1, axis=0) ** 2 - a, hybrid, a * 0.9))

    check(shaped, W + 1)
    np.testing.assert_allclose(custom_root(lambda x: x**2 - 2, scipy.optimize.fsolve, 1.0), np.sqrt(2.0))


def test_a_step_that_binds_its_parameter_anew_on_one_path():
    def step(u, x, n):
        if n > 1:
            u = u * x
        return 0.3 * np.cos(u) + n

    for n in (1, 2):
        check(lambda x, n=n: np.sum(fixed_point(step, np.zeros(3), x, n)), X)


def halved(u, n):
    if n > 1:
        u = u * u
    return u if n == 0 else halved(np.cos(u), n - 1)


def test_a_recursive_function_that_binds_its_parameter_anew_on_one_path():
    check(lambda x: np.sum(halved(x, 3)), X)


def test_a_solver_in_place_of_the_iteration():
    def f(a):
        return fixed_point(heron, 1.0, a, solve=lambda step, x0: scipy.optimize.fixed_point(step, x0, xtol=1e-14))

    check(f, 2.0)
    assert "solve=solve" in grad(f).source_for(2.0)


def test_closures_over_what_is_computed_before():
    def f(W, b):
        scaled = W * 0.5
        shift = np.tanh(b)

        def inner(x):
            return scaled @ x

        def step(x, gain):
            return np.tanh(inner(x) * gain + shift)

        return np.sum(fixed_point(step, np.zeros(3), np.sum(b)) ** 2)

    check(f, W, X)


def test_arguments_of_all_kinds():
    def step(x, params, mode, scale, n):
        w, b = params["layer"]
        inside = w @ x + b
        return (np.tanh(inside) if mode == "tanh" else inside) * scale / n

    def f(params, scale):
        x = fixed_point(step, np.zeros(3), params, "tanh", scale, 3, tol=1e-14, maxiter=500)
        return np.sum(x)

    check(f, {"layer": (W, X)}, 0.7)

    class Model:
        def __init__(self, w):
            self.w = w

        def step(self, x, b):
            return np.cos(self.w * x + b)

    model = Model(0.3)
    check(lambda b: np.sum(fixed_point(model.step, np.zeros(3), b)), X)
    check(lambda b: np.sum(fixed_point(functools.partial(step, mode="linear", scale=0.5, n=2), X * 0,
                                       {"layer": (W, b)})), X)  # fmt: skip


def test_a_primitive_as_the_equation():
    def f(a):
        return fixed_point(np.cos, 0.5) * a

    np.testing.assert_allclose(grad(f)(2.0), 0.7390851332151607)


def test_the_start_has_no_derivative():
    def f(a):
        return fixed_point(heron, a, 2.0) * a

    np.testing.assert_allclose(grad(f)(1.5), np.sqrt(2.0))


def test_in_loops_and_branches_beside_in_place_code():
    def f(a):
        states = np.zeros((3, 3))
        x = a * 0
        for k in range(3):
            if k != 1:
                x = fixed_point(lambda x, r, k=k: np.tanh(0.3 * x * r + a) / (k + 1), np.zeros(3), states[k - 1])
            states[k] = x * a
            x *= 2
        return np.sum(states * states)

    check(f, X)


def test_one_inside_of_another():
    def f(a):
        def outer(x):
            y = fixed_point(lambda y: 0.3 * np.cos(y) + 0.2 * x, 0.0)
            return 0.5 * np.sin(y) + a

        return fixed_point(outer, 0.0)

    check(f, 0.7)


def test_recursion_in_the_equation():
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    def f(a):
        return fixed_point(lambda x: 0.2 * power(x, 3) + a, 0.0)

    check(f, 0.3)


def test_globals_are_read():
    check(lambda a: np.sum(fixed_point(lambda x: np.tanh(W @ x + a), np.zeros(3))), X)


def test_single_precision():
    def f(a):
        return np.sum(fixed_point(lambda x: np.float32(0.3) * np.cos(x) + a, np.zeros(3, dtype=np.float32), tol=1e-6))

    x = X.astype(np.float32)
    got = grad(f)(x)
    assert got.dtype == np.float32
    expected = grad(lambda a: np.sum(fixed_point(lambda x: 0.3 * np.cos(x) + a, np.zeros(3))))(X)
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_a_start_of_another_shape():
    def f(a):
        return np.sum(fixed_point(lambda x: 0.5 * np.cos(x) + a, 0.0) ** 2)

    check(f, X)

    def one(a):
        return np.sum(fixed_point(lambda x: 0.5 * np.cos(x) + a, np.zeros(1)) ** 2)

    check(one, X)


def test_adjoints_do_not_share_memory():
    def f(a, b):
        x = fixed_point(lambda x: 0.5 * x + a + b, np.zeros(3))
        return np.sum(x * a) + np.sum(x * b * b)

    check(f, X, X + 1)


# -- again -----------------------------------------------------------------------------------------------------------


def test_the_printed_source_can_be_differentiated_again():
    for f in (
        lambda a: fixed_point(heron, 1.0, a) * a,
        lambda a: custom_root(lambda x: x**3 + x - a, newton, 0.5),
    ):
        g = grad(f)
        g(2.0)
        check(g._last.call, 2.0, 1.0, argnums=0)
        h = grad(g._last.call)
        h(2.0, 1.0)
        check(h._last.call, 2.0, 1.0, 1.0, argnums=0, rtol=1e-5)


def test_a_hessian_of_a_vector_problem():
    def f(W, b):
        return np.sum(fixed_point(lambda x: np.tanh(0.5 * W @ x + b), np.zeros(3)) ** 2)

    g = grad(f, argnums=(0, 1))
    g(W, X)
    made = g._last.call

    def total(W, b):
        d_W, d_b = made(W, b)
        return np.sum(d_W * W) + np.sum(d_b**2)

    check(total, W, X)


# -- modules, refusals -----------------------------------------------------------------------------------------------


def test_emit():
    def f(a):
        return np.sum(custom_root(lambda x: x**3 + x - a, scipy.optimize.root, a * 0))

    module = emit(f, args=(X,))
    assert "import scipy.optimize\n" in module
    namespace: dict = {}
    exec(module, namespace)
    np.testing.assert_allclose(namespace["f_grad"](X), grad(f)(X))

    def own(a):
        return np.sum(custom_root(lambda x: x**3 + x - a, lambda g, x0: newton(g, x0), a * 0))

    with pytest.raises(srcgrad.SrcgradError, match="'solve', which a module cannot import"):
        emit(own, args=(X,))
    assert f"from {__name__} import newton\n" in emit(
        lambda a: np.sum(custom_root(lambda x: x**3 + x - a, newton, a * 0)), args=(X,)
    )


def test_what_does_not_converge():
    with pytest.raises(ArithmeticError, match="no convergence in 20 steps"):
        fixed_point(lambda x: -x, 1.0, maxiter=20)
    with pytest.raises(ArithmeticError, match="no convergence"):
        grad(lambda a: fixed_point(lambda x: 2 * x + a, 1.0))(1.0)
    with pytest.raises(ArithmeticError, match="did not succeed"):
        custom_root(lambda x: x * x + 1, scipy.optimize.root, np.ones(1))


def test_refusals():
    def integer(a):
        return fixed_point(lambda x: x * a, 1)  # <- here

    assert_refused(integer, 2.0, error=KindError, reason="starts from an? int")

    def container(a):
        return fixed_point(lambda x: x, {"a": a})["a"]  # <- here

    assert_refused(container, 2.0, error=UnsupportedError, reason="a float or an array")

    def two(a):
        return fixed_point(lambda x: (x, x), a)  # <- here

    assert_refused(two, 2.0, error=KindError, reason="one float or array")

    def unknown(a):
        return fixed_point(lambda x: x * a, 1.0, linear_solver="magic")  # <- here

    assert_refused(unknown, 2.0, error=KindError, reason="no linear solver 'magic'")

    def other_keyword(a):
        return fixed_point(lambda x, b: x * b, 1.0, b=a)  # <- here

    assert_refused(other_keyword, 2.0, error=KindError, reason="no parameter 'b'")

    def of_local_variables(a):
        def solver(equation, x0):
            return newton(equation, x0 * a)

        return custom_root(lambda x: x**3 - a, solver, 1.0)  # <- here

    assert_refused(of_local_variables, 2.0, error=UnsupportedError, reason="solver")

    def writing(a):
        def step(x):
            x[0] = 0.0
            return x * a

        return np.sum(fixed_point(step, np.ones(3)))  # <- here

    assert_refused(writing, 2.0, error=AliasError, reason="writes into what it gets")

    def shapes(a):
        return custom_root(lambda x: np.ones(3) * x - a, newton, 1.0)  # <- here

    assert_refused(shapes, 2.0, error=KindError, reason="need one shape|residual is")

    def missing(a):
        return custom_root(lambda x: x - a, newton)  # <- here

    assert_refused(missing, 2.0, error=KindError, reason="misses its argument 'x0'")


def filled_in_place(x: np.ndarray, a: float) -> np.ndarray:
    r = np.zeros_like(x)
    r[0] = x[0] ** 2 - a
    r[1] += x[1] * x[0] - 1.0
    return r


def test_a_residual_that_is_written_in_place_has_its_adjoint() -> None:
    def f(a: float) -> float:
        x = custom_root(filled_in_place, scipy.optimize.root, np.ones(2), a)
        return x[0] + x[1]

    assert grad(f)(2.0) == pytest.approx(0.5 / np.sqrt(2.0) - 0.5 / 2.0**1.5, rel=1e-9)
