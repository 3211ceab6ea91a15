"""Rules of users: what they give, how they are printed, and what is refused."""

import functools
import types

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

import srcgrad
from srcgrad import check_rule, emit, grad, rule, vjp
from srcgrad.errors import ArgumentError, KindError, NoRuleError, SourceError, UnsupportedError
from srcgrad.rules.own import CHANGED
from srcgrad.rules.registry import RULES
from tests.support import assert_refused, check, load

X = np.array([0.3, -0.7, 1.1])
A = np.array([[2.0, 0.3, 0.1], [0.1, 1.5, -0.4], [0.2, 0.0, 1.0]])


@pytest.fixture(autouse=True)
def _no_rules_left():
    """Rules of one test are not those of the next."""
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)
    for changed in CHANGED:
        changed()


def bell(x):
    return 2 / np.sqrt(np.pi) * np.exp(-x * x)


def solve(A, b):
    return np.linalg.solve(A, b)


def solve_vjp(d, out, A, b):
    d_b = np.linalg.solve(A.T, d)
    return -np.outer(d_b, out), d_b


def solve_jvp(out, A, b, A_dot, b_dot):
    return np.linalg.solve(A, b_dot - A_dot @ out)


# -- what comes out --------------------------------------------------------------------------------------------------


def test_partials_of_a_scipy_function():
    rule(scipy.special.erf, partials=lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x))

    def f(x):
        return np.sum(scipy.special.erf(x * x) * x)

    check(f, X)
    check(f, 0.4)
    check(f, A)
    check_rule(scipy.special.erf, X)
    assert "scipy.special.erf(" in grad(f).source
    assert "np.exp(" in grad(f).source
    np.testing.assert_allclose(grad(scipy.special.erf)(0.3), bell(0.3))


def test_a_name_imported_from_a_library_is_printed_by_its_public_name():
    rule(gammaln, partials=lambda x: scipy.special.digamma(x))

    def f(x):
        return np.sum(gammaln(x * x + 1) ** 2)

    check(f, X)
    assert "scipy.special.gammaln(" in grad(f).source
    module = emit(f, args=(X,))
    assert "import scipy.special\n" in module
    namespace: dict = {}
    exec(module, namespace)
    np.testing.assert_allclose(namespace["f_grad"](X), grad(f)(X))


shapes = st.sampled_from(
    [((), ()), ((3,), (3,)), ((), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((1,), (4,)), ((0,), ())]
)


@settings(max_examples=30, deadline=None)
@given(shapes, st.booleans(), st.integers(0, 2**16))
def test_partials_are_broadcast(both, swap, seed):
    rule(scipy.special.xlogy, partials=(lambda x, y: np.log(y), lambda x, y: x / y))
    rng = np.random.default_rng(seed)
    x, y = (np.asarray(rng.uniform(0.5, 2.0, shape)) for shape in (both[::-1] if swap else both))
    args = tuple(float(v) if v.shape == () and k == swap else v for k, v in enumerate((x, y)))

    def f(x, y):
        return np.sum(scipy.special.xlogy(x, y) * np.cos(x + y))

    check(f, *args)
    check_rule(scipy.special.xlogy, *args)


def test_partials_read_the_result_where_they_name_it():
    def power(x):
        return np.exp2(x)

    rule(power, partials=lambda x, out: np.log(2) * out)

    def f(x):
        y = power(x)
        return np.sum(y * y)

    check(f, X)
    assert "power(x)" in grad(f).source
    assert "np.exp2" not in grad(f).source  # a function with a rule is called, not written in line


def test_vjp_as_a_decorator_and_as_an_argument():
    rule(solve).vjp(solve_vjp)
    rule(solve).jvp(solve_jvp)

    def f(A, b):
        return np.sum(np.sin(solve(A, b * b)))

    first = check(f, A, X)
    rule(solve, vjp=solve_vjp, jvp=solve_jvp)
    second = check(f, A, X)
    np.testing.assert_array_equal(first[0], second[0])
    check_rule(solve, A, X)
    source = grad(f, argnums=(0, 1)).source_for(A, X)
    assert "np.outer(d_b" in source
    assert "solve_vjp" not in source


def test_statements_of_a_body_appear_in_the_sweep_with_their_names():
    def log_sum_exp(x):
        return scipy.special.logsumexp(x)

    @rule(log_sum_exp).vjp
    def _(d, out, x):
        weights = np.zeros_like(x)
        for i in range(len(x)):
            weights[i] = np.exp(x[i] - out)
        if d > 100:
            weights = weights * 1.0
        return d * weights

    @rule(log_sum_exp).jvp
    def _(out, x, x_dot):
        weights = np.exp(x - out)
        weights = weights / np.sum(weights)
        return weights @ x_dot

    def f(x):
        weights = x * 2
        total = 0.0
        for k in range(3):
            e = log_sum_exp(weights * k)
            total += e * e
        return total

    check(f, X)
    assert "weights_2[i] = np.exp(" in grad(f).source_for(X)


def test_vjp_in_a_loop_reads_the_values_of_its_trip():
    rule(solve, vjp=solve_vjp, jvp=solve_jvp)

    def f(A, b):
        for k in range(4):
            b = solve(A + k, np.tanh(b))
            A = A * 0.9
        return np.sum(b)

    check(f, A, X)


def test_bodies_may_call_what_has_no_rule_and_use_globals_and_closures():
    namespace = {"np": np, "special": scipy.special, "SCALE": 2.0, "rule": rule}
    text = (
        "def f(x):\n"
        "    return np.sum(scaled(x) * x)\n"
        "def scaled(x):\n"
        "    return SCALE * special.gammaln(x)\n"
        "rule(scaled, partials=lambda x: SCALE * special.digamma(x))\n"
    )
    f = load(text, "f", namespace)
    check(f, X + 1)
    f.__globals__["SCALE"] = 3.0
    check(f, X + 1)
    factor = np.array([1.0, 2.0, 3.0])

    def g(x):
        return np.sin(factor * x)

    rule(g, partials=lambda x: factor * np.cos(factor * x))
    check(lambda x: np.sum(g(x) * factor), X)


def test_a_body_without_source_is_called_by_a_readable_name():
    spoken = eval("lambda x, y: np.log(x) * y", {"np": np})
    adjoints = eval("lambda d, out, x, y: (d * y / x, d * np.log(x))", {"np": np})
    tangent = eval("lambda out, x, y, x_dot, y_dot: x_dot * y / x + np.log(x) * y_dot", {"np": np})
    rule(spoken, vjp=adjoints, jvp=tangent)

    def f(x, y):
        return np.sum(spoken(x * x, y + 1))

    check(f, X, X + 2)
    assert "spoken_vjp(" in grad(f).source_for(X, X)
    rule(spoken, partials=(eval("lambda x, y: y / x"), None))
    np.testing.assert_allclose(grad(f)(X, X + 2), 2 * (X + 3) / X)
    np.testing.assert_array_equal(grad(f, argnums=1)(X, X + 2), np.zeros(3))


def test_arguments_by_name_and_with_defaults():
    def scaled(x, n=2, *, shift=0.0, mode="plain"):
        return x**n + shift if mode == "plain" else x

    @rule(scaled).vjp
    def _(d, out, x, n=2, *, shift=0.0):
        return d * n * x ** (n - 1), None, np.sum(d)

    @rule(scaled).jvp
    def _(out, x, n=2, *, shift=0.0, x_dot, shift_dot):
        return x_dot * n * x ** (n - 1) + shift_dot

    check(lambda x: np.sum(scaled(x)), X)
    check(lambda x: np.sum(scaled(x, 3)), X)
    check(lambda x, s: np.sum(scaled(n=3, x=x, shift=s) ** 2), X, 0.5)
    check(lambda x: np.sum(scaled(x, mode="plain")), X)

    def other(x):
        return np.sum(scaled(x, mode="other"))  # <- here

    assert_refused(other, X, error=NoRuleError, reason="mode")


def test_arguments_that_have_the_names_of_adjoint_and_result():
    def distance(d, out, t=1.0):
        return np.sqrt(d * d + out * out) * t

    @rule(distance).vjp
    def _(g, value, d, out, t=1.0):
        return g * t * t * d / value, g * t * t * out / value, np.sum(g * value) / t

    @rule(distance).jvp
    def _(value, d, out, t=1.0, *, d_dot, out_dot, t_dot):
        return t * t * (d * d_dot + out * out_dot) / value + value / t * t_dot

    check(lambda x, y: np.sum(distance(x, out=y) * x), X, X + 3)
    check(lambda x, y, z: np.sum(distance(x, y, t=z)), X, X + 3, 2.0)


def test_single_precision_stays_single():
    rule(scipy.special.erf, partials=lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x))
    rule(solve, vjp=solve_vjp, jvp=solve_jvp)
    check(lambda x: np.sum(scipy.special.erf(x) * x), X.astype(np.float32))
    check(lambda A, b: np.sum(solve(A, b)), A.astype(np.float32), X.astype(np.float32))


def test_no_derivative_flows_through_nondifferentiable_functions():
    def levels(x):
        return np.unique(np.round(x), return_counts=True)

    def count(x):
        return float(len(set(np.round(x).tolist())))

    rule(count, nondifferentiable=True)
    rule(levels, nondifferentiable=True)

    def f(x):
        values, counts = levels(x)
        return np.sum(x * x) * count(x) + np.sum(values)

    np.testing.assert_allclose(grad(f)(X), 2 * X * count(X))


def test_gradient_of_one_sign_through_the_identity():
    """A function that returns its argument: its result shares the memory."""

    def reversed_gradient(x):
        return x

    rule(reversed_gradient, vjp=lambda d, out, x: -d)

    def f(x):
        y = x * 2
        z = reversed_gradient(y)
        return np.sum(z * z) + np.sum(y)

    np.testing.assert_allclose(grad(f)(X), -8 * X + 2)

    def filled(x):
        y = np.zeros(3)
        for i in range(3):
            y[i] = x[i] * i
        return np.sum(reversed_gradient(y) * y)

    i = np.arange(3)
    np.testing.assert_allclose(grad(filled)(X), -i * i * X + i * i * X)

    def later(x):
        y = x * 2
        z = reversed_gradient(y)  # <- here
        z[0] = 1.0
        return np.sum(z * y)

    assert_refused(later, X, error=srcgrad.SrcgradError, reason="written in place later")


def test_a_list_as_argument():
    def total(parts):
        return parts[0] + 2 * parts[1]

    def push(out, parts, parts_dot):
        return parts_dot[0] + 2 * parts_dot[1]

    rule(total, vjp=lambda d, out, parts: [d, 2 * d], jvp=push)
    check(lambda x: np.sum(total([x * x, np.sin(x)])), X)
    check(lambda x: np.sum(total([x * x, X])), X)


def test_the_result_may_be_written_in_place():
    rule(scipy.special.erf, partials=lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x))

    def f(x):
        y = scipy.special.erf(x)
        y *= x
        y[0] = y[1]
        return np.sum(y * y)

    check(f, X)


def test_rules_of_functions_that_arguments_and_closures_hold():
    def plain(x):
        return x * x

    def ruled(x):
        return x * x

    rule(ruled, vjp=lambda d, out, x: 10 * d * x)

    def apply(x, function):
        return np.sum(function(x))

    g = grad(apply)
    np.testing.assert_allclose(g(X, plain), 2 * X)
    np.testing.assert_allclose(g(X, ruled), 10 * X)
    np.testing.assert_allclose(g(X, plain), 2 * X)

    def made():
        return lambda x: x * x

    one, other = made(), made()  # of one code
    rule(other, vjp=lambda d, out, x: 20 * d * x)
    np.testing.assert_allclose(g(X, one), 2 * X)
    np.testing.assert_allclose(g(X, other), 20 * X)
    np.testing.assert_allclose(g(X, functools.partial(other)), 20 * X)


class Model:
    """Callable, and not to be looked into."""

    def __init__(self):
        self.weights = np.ones(3)

    def __call__(self, x):
        return self.weights * x


def test_a_callable_object():
    model = Model()
    rule(model, vjp=lambda d, out, x: 5 * d)
    np.testing.assert_allclose(grad(lambda x: np.sum(model(x)))(X), np.full(3, 5.0))
    other = Model()
    np.testing.assert_allclose(grad(lambda x: np.sum(other(x)))(X), np.ones(3))


def test_local_variables_keep_clear_of_a_callee_s_name():
    def erf(x):
        return scipy.special.erf(x)

    rule(erf, partials=bell)

    def f(x):
        inner = outer(x)
        return np.sum(inner * erf(x))

    def outer(x):
        erf = x * 2  # another variable of the name
        return erf * x

    check(f, X)


def test_methods_of_numba_s_kind_are_called_when_they_have_a_rule():
    def python(x):
        return x * x

    jitted = types.SimpleNamespace(py_func=python)

    class Jitted:
        py_func = staticmethod(python)

        def __call__(self, x):
            return x * x

    jitted = Jitted()
    rule(jitted, vjp=lambda d, out, x: 7 * d)
    np.testing.assert_allclose(grad(lambda x: np.sum(jitted(x)))(X), np.full(3, 7.0))


def test_the_kind_of_the_result_may_be_shown_by_an_example():
    def stubborn(x):
        if len(x) != 3:
            raise ValueError("three entries are needed")
        return x[::2] * 2

    @rule(stubborn).vjp
    def _(d, out, x):
        d_x = np.zeros_like(x)
        d_x[::2] = 2 * d
        return d_x

    @rule(stubborn).jvp
    def _(out, x, x_dot):
        return 2 * x_dot[::2]

    def f(x):
        return np.sum(stubborn(x))  # <- here

    assert_refused(f, X, error=KindError, reason="three entries are needed")
    rule(stubborn, example=lambda x: x[::2])
    check(f, X)


# -- again and again -------------------------------------------------------------------------------------------------


def test_a_rule_that_comes_later_or_changes_recompiles():
    def f(x):
        return np.sum(bell(x))

    g = grad(f)
    plain = g(X)
    rule(bell, partials=lambda x: 3.0 * x)
    np.testing.assert_allclose(g(X), 3 * X)
    rule(bell, partials=lambda x: 4.0 * x)
    np.testing.assert_allclose(g(X), 4 * X)
    np.testing.assert_allclose(grad(bell)(0.5), 2.0)
    rule(bell, partials=lambda x, out: -2 * x * out)
    np.testing.assert_allclose(g(X), plain)


def test_the_gradient_s_source_can_be_differentiated_again():
    rule(scipy.special.erf, partials=bell)

    def f(x):
        return scipy.special.erf(x) * x

    g = grad(f)
    g(0.4)
    again = grad(g._last.call)(0.4)
    h = 1e-5
    np.testing.assert_allclose(again, (g(0.4 + h) - g(0.4 - h)) / (2 * h), rtol=1e-8)


def test_vjp_takes_a_function_with_a_rule():
    rule(solve, vjp=solve_vjp)
    out, pullback = vjp(solve, A, X)
    d_A, d_b = pullback(np.ones(3))
    np.testing.assert_allclose(d_b, np.linalg.solve(A.T, np.ones(3)))
    np.testing.assert_allclose(d_A, -np.outer(d_b, out))
    rule(
        scipy.linalg.expm,
        vjp=lambda d, out, A: scipy.linalg.expm_frechet(A.T, d, compute_expm=False),
        jvp=lambda out, A, A_dot: scipy.linalg.expm_frechet(A, A_dot, compute_expm=False),
    )
    check(lambda a: np.sum(scipy.linalg.expm(a) ** 2), A)


# -- what is refused -------------------------------------------------------------------------------------------------


def two(x, y):
    return x * y


def adjoint_of_one(d, out, x):
    return d


def adjoint_of_others(d, out, x, z):
    return d, d


def adjoint_in_another_order(d, out, y, x):
    return d, d


def adjoint_of_three(d, out, x, y, z):
    return d, d, d


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: rule(3.0, vjp=adjoint_of_one), "callable"),
        (lambda: rule(two, vjp=3.0), "cannot be called"),
        (lambda: rule(two, vjp=adjoint_of_one), "lacks the argument `y`"),
        (lambda: rule(two, vjp=adjoint_of_others), "`z`"),
        (lambda: rule(two, vjp=adjoint_in_another_order), "order"),
        (lambda: rule(two, vjp=adjoint_of_three), "3 arguments"),
        (lambda: rule(two, vjp=lambda d: d), "takes 1 arguments"),
        (lambda: rule(two, vjp=lambda *a: a), r"`\*` arguments"),
        (lambda: rule(two, partials=lambda x: x), "lacks|arguments"),
        (lambda: rule(two, partials=(lambda x, y: y,)), "1 partials"),
        (lambda: rule(two, partials=(lambda x, y: y, lambda x, z: x)), "different arguments"),
        (lambda: rule(two, partials=(None, None)), "nondifferentiable"),
        (lambda: rule(two, jvp=lambda out, x, y: x), "no tangents"),
        (lambda: rule(two, jvp=lambda out, x, x_dot: x_dot), "lacks the argument `y`"),
        (lambda: rule(np.sin, vjp=lambda d, out, x, y: (d, d)), "2 arguments"),
        (lambda: rule(two, partials=(None, lambda x, y: x), vjp=adjoint_of_one), "not partials and vjp"),
        (lambda: rule(two, vjp=adjoint_of_one, nondifferentiable=True), "nondifferentiable"),
        (lambda: rule(np.array([1.0]).tolist, example=3), "example"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_when_it_is_registered(make, reason):
    before = dict(RULES)
    with pytest.raises(ArgumentError, match=reason):
        make()
    assert before == RULES


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, x):
        return x


def test_what_cannot_be_found_again_is_refused():
    with pytest.raises(ArgumentError, match="hashed"):
        rule(Unhashable(), vjp=lambda d, out, x: d)


def test_what_a_body_returns_is_checked():
    rule(two, vjp=lambda d, out, x, y: d * y)
    with pytest.raises(ArgumentError, match="1 adjoints for 2 arguments"):
        grad(lambda x, y: np.sum(two(x, y)))(X, X)
    rule(two, vjp=lambda d, out, x, y: (np.sum(d * y), d * x))
    with pytest.raises(ArgumentError, match="0 axes for `x`"):
        grad(lambda x, y: np.sum(two(x, y)))(X, X)

    def careless(d, out, x, y):
        d *= y
        return d, d

    rule(two, vjp=careless)
    with pytest.raises(ArgumentError, match="writes into its arguments"):
        grad(lambda x, y: np.sum(two(x, y)))(X, X)


def test_what_has_no_rule_is_still_refused():
    def f(x):
        return np.sum(scipy.special.kolmogorov(x))  # <- here

    assert_refused(f, X, error=NoRuleError, reason="no derivative rule")
    with pytest.raises(SourceError):
        grad(scipy.special.kolmogorov)


def test_containers_and_several_results_are_refused():
    rule(two, vjp=lambda d, out, x, y: (d, d))

    def of_a_dict(x):
        return np.sum(two({"a": x}, x))  # <- here

    assert_refused(of_a_dict, X, error=UnsupportedError, reason="container of floats")

    def both(x):
        return x, x

    rule(both, vjp=lambda d, out, x: d)

    def several(x):
        return np.sum(both(x)[0])  # <- here

    assert_refused(several, X, error=UnsupportedError, reason="no number and no array")

    def into(x):
        y = np.zeros(3)
        np.sin(x, out=y)
        scipy.special.erf(x, out=y)  # <- here
        return np.sum(y)

    rule(scipy.special.erf, partials=bell)
    assert_refused(into, X, error=NoRuleError, reason="`out`")


def test_emit_refuses_what_a_module_cannot_import():
    def local(x):
        return np.sin(x)

    rule(local, partials=lambda x: np.cos(x))
    with pytest.raises(ArgumentError, match="'local', which a module cannot import"):
        emit(lambda x: np.sum(local(x) ** 2), args=(X,))
    rule(two, vjp=lambda d, out, x, y: (d * y, d * x))
    assert f"from {__name__} import two\n" in emit(lambda x: np.sum(two(x, x) ** 2), args=(X,))


# -- check_rule ------------------------------------------------------------------------------------------------------


def test_check_rule_names_argument_and_entry():
    rule(two, partials=(lambda x, y: y, lambda x, y: x * (1 + 0.1 * (x == 1.1))))
    with pytest.raises(AssertionError, match="'y', entry 2"):
        check_rule(two, X, X + 1)
    rule(solve, vjp=lambda d, out, A, b: (np.zeros_like(A), np.linalg.solve(A.T, d)))
    with pytest.raises(AssertionError, match=r"adjoint of 'A', entry \(\d, \d\)"):
        check_rule(solve, A, X)
    rule(solve, vjp=solve_vjp, jvp=lambda out, A, b, A_dot, b_dot: np.linalg.solve(A, b_dot))
    with pytest.raises(AssertionError, match="tangent for 'A'"):
        check_rule(solve, A, X)
    rule(solve, vjp=lambda d, out, A, b: d)
    with pytest.raises(AssertionError, match="1 adjoints for 2 arguments"):
        check_rule(solve, A, X)
    rule(two, vjp=lambda d, out, x, y: (d * y, np.sum(d * x)))
    with pytest.raises(AssertionError, match=r"shape \(\) for 'y'"):
        check_rule(two, X, X)
    with pytest.raises(ArgumentError, match="no rule"):
        check_rule(bell, X)
    rule(two, nondifferentiable=True)
    with pytest.raises(ArgumentError, match="nothing to test"):
        check_rule(two, X, X)


def test_check_rule_holds_vjp_against_jvp():
    def sine(x):
        return np.sin(x)

    close = 1 + 1e-7
    rule(sine, vjp=lambda d, out, x: d * np.cos(x) * close, jvp=lambda out, x, x_dot: x_dot * np.cos(x))
    with pytest.raises(AssertionError, match="not adjoint"):
        check_rule(sine, X)


def test_a_body_that_is_called_may_leave_out_arguments_and_runs_once():
    runs = []

    def step(a, b):
        return a * np.floor(b)

    def body(d, out, a, b):
        try:  # no source can be written of this
            runs.append(1)
            return d * np.floor(b), None
        finally:
            pass

    rule(step, vjp=body)
    gradient = grad(lambda a, b: np.sum(np.sin(step(a, b)) * b), argnums=(0, 1))
    a, b = np.ones(2), np.full(2, 2.0)
    gradient(a, b)
    runs.clear()
    d_a, d_b = gradient(a, b)
    assert len(runs) == 1
    np.testing.assert_allclose(d_a, 4 * np.cos(2.0) * np.ones(2))
    np.testing.assert_allclose(d_b, np.sin(2.0) * np.ones(2))
    np.testing.assert_array_equal(grad(lambda a, b: np.sum(step(a, b)), argnums=(0, 1))(a, b)[1], 0)


def test_lengths_of_results_that_are_differences_are_not_constants():
    def windows(x, w):
        return np.convolve(x, w, "valid")

    rule(windows, vjp=lambda d, out, x, w: (np.convolve(d, w[::-1]), np.convolve(x, d[::-1], "valid")[::-1]))
    gradient = grad(lambda x, w: np.mean(windows(x, w) ** 2))
    x, w = np.arange(5.0), np.array([1.0, -2.0])
    y = np.convolve(x, w, "valid")
    np.testing.assert_allclose(gradient(x, w), np.convolve(2 * y / 4, w[::-1]))
