"""Functions that work by side effect: vjp, jvp, linearize and grad with outputs=."""

import copy
import functools
import gc
import inspect
import pickle
import re

import numpy as np
import pytest

import srcgrad
from srcgrad import elementwise_grad, grad, jvp, linearize, value_and_grad, vjp
from srcgrad.api import gradient as gradient_module
from srcgrad.errors import ArgumentError, KindError, NonScalarError, UnsupportedError
from tests.operators.kernels import (
    cases,
    cholesky,
    gauss_seidel,
    jacobi_2d,
    lower_solve,
    lu,
    through_views,
    upper_solve,
)
from tests.programs import oracle
from tests.programs.generator import seeded
from tests.support import assert_same, check, float_leaves, load, rebuilt

CASES = cases()
NAMES = [f"{kernel.__name__}-{k}" for k, (kernel, _, _) in enumerate(CASES)]


def names_of(kernel, outputs):
    params = list(inspect.signature(kernel).parameters)
    items = outputs if isinstance(outputs, tuple) else (outputs,)
    return [item if isinstance(item, str) else params[item] for item in items]


def contents(kernel, args, outputs):
    """What the kernel leaves in the output parameters, by running it."""
    args = copy.deepcopy(args)
    params = list(inspect.signature(kernel).parameters)
    kernel(*args)
    found = tuple(args[params.index(name)] for name in names_of(kernel, outputs))
    return found if isinstance(outputs, tuple) else found[0]


def drawn(value, seed):
    rng = np.random.default_rng(seed)
    return rebuilt(value, lambda leaf: np.asarray(rng.standard_normal(np.shape(leaf)), np.asarray(leaf).dtype)[()])


def dot(a, b):
    left, right = dict(float_leaves(a)), dict(float_leaves(b))
    return sum(float(np.vdot(np.asarray(left[k], float), np.asarray(right[k], float))) for k in left if k in right)


def moved(args, direction, step):
    ways = iter([leaf for _, leaf in float_leaves(direction)])
    return rebuilt(copy.deepcopy(args), lambda leaf: leaf + step * next(ways))


def hold_kernel(kernel, args, outputs, forward=True):
    """vjp against central differences of what the kernel writes, jvp and linearize against vjp."""
    before = copy.deepcopy(args)
    expected = contents(kernel, args, outputs)
    out, pullback = vjp(kernel, *args, outputs=outputs)
    assert_same(args, before)
    assert_same(out, expected)
    w = drawn(expected, 1)
    kept = copy.deepcopy(w)
    adjoints = pullback(w)
    assert_same(w, kept, "adjoint")
    assert_same(pullback(w), adjoints)
    assert_same(args, before)
    small = any(np.asarray(leaf).dtype.itemsize < 8 for _, leaf in float_leaves(args))
    direction = drawn(args, 2)
    got = dot(adjoints, direction)
    size = max(1.0, abs(got))
    if not small:
        step = 1e-6
        ends = [dot(w, contents(kernel, moved(args, direction, s * step), outputs)) for s in (1, -1)]
        assert abs((ends[0] - ends[1]) / (2 * step) - got) < 2e-6 * size
    if not forward:
        return
    tangents = tuple(d if any(True for _ in float_leaves(a)) else None for d, a in zip(direction, args))
    value, out_dot = jvp(kernel, args, tangents, outputs=outputs)
    assert_same(args, before)
    np.testing.assert_equal(value, expected)
    assert abs(dot(w, out_dot) - got) < (1e-4 if small else 1e-10) * size
    value, linear = linearize(kernel, *args, outputs=outputs)
    assert_same(value, expected)
    np.testing.assert_equal(linear(*tangents), out_dot)
    np.testing.assert_equal(linear(*tangents), out_dot)


@pytest.mark.parametrize(("kernel", "args", "outputs"), CASES, ids=NAMES)
def test_kernels(kernel, args, outputs):
    hold_kernel(kernel, args, outputs)


@pytest.mark.parametrize(("kernel", "args", "outputs"), CASES, ids=NAMES)
def test_elementwise_grad_is_the_pullback_of_ones(kernel, args, outputs):
    if isinstance(outputs, tuple) or isinstance(contents(kernel, args, outputs), dict):
        return
    out, pullback = vjp(kernel, *args, outputs=outputs)
    found = elementwise_grad(kernel, outputs=outputs)(*args)
    expected = pullback(np.ones_like(out))[0]
    for (_, left), (_, right) in zip(float_leaves(found), float_leaves(expected), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("first", [0, 40, 80])
def test_generated_programs_by_what_they_write(first):
    """Any program is a kernel: what it returns is dropped, what it leaves in x and m is the result."""
    held = 0
    for seed in range(first, first + 40):
        f = load(seeded(seed))
        args = oracle.inputs(seed)
        if oracle.steady(f, args):
            continue
        written = contents(f, args, ("x", "m"))
        if not all(np.abs(a).max() < 1e3 for a in written):
            continue
        try:
            hold_kernel(f, args, ("m", "x"), forward=False)
            held += 1
        except (srcgrad.errors.AliasError, UnsupportedError):
            continue
    assert held > 10


# ---- kernels in a loss -----------------------------------------------------------------------------------------


def factorise_and_solve(A, b):
    lu(A)
    for i in range(len(b)):
        b[i] -= A[i, :i] @ b[:i]
    upper_solve(A, b)


def relax_rows(A):
    for i in range(A.shape[0]):
        through_views(A, A[i] * 0.5)


def test_a_loss_of_a_chain_of_kernels():
    rng = np.random.default_rng(3)
    A, b = rng.uniform(0.3, 1, (4, 4)) + 4 * np.eye(4), rng.uniform(size=4)

    def loss(A, b):
        factorise_and_solve(A, b)
        lower_solve(A, b)
        gauss_seidel(A, 2)
        return b @ b + np.sum(A * A)

    check(loss, A, b)


def test_a_loss_of_kernels_in_loops_and_through_views():
    rng = np.random.default_rng(4)

    def loss(A, s):
        B = A * s
        for k in range(3):
            relax_rows(B)
            gauss_seidel(B[:, ::-1], 1)
            jacobi_2d(B, A, 1)
            if k == 1:
                cholesky(B[:2, :2] + 4 * np.eye(2))
        return np.sum(B * A)

    check(loss, rng.uniform(0.3, 1, (3, 3)), 0.7)


# ---- grad ------------------------------------------------------------------------------------------------------


def total(x, out):
    out[0] = np.sum(x * x)


def total_0d(x, out):
    out[...] = np.sum(x * x)


X = np.array([0.5, -1.0, 2.0])


@pytest.mark.parametrize(("kernel", "out"), [(total, np.zeros(1)), (total_0d, np.zeros(())), (total, np.zeros((1, 1)))])
def test_grad_of_an_output_of_size_one(kernel, out):
    np.testing.assert_allclose(grad(kernel, outputs="out")(X, out), 2 * X)
    value, (d_x, d_out) = value_and_grad(kernel, argnums=("x", "out"), outputs=1)(X, out)
    np.testing.assert_allclose(value, np.full(out.shape, X @ X))
    np.testing.assert_allclose(d_x, 2 * X)
    np.testing.assert_array_equal(d_out, np.zeros(out.shape))
    assert not out.any()


def test_grad_as_a_decorator_and_in_a_class():
    @grad(outputs="out", argnums="x")
    def loss(x, out):
        out[0] = np.sum(x**3)

    np.testing.assert_allclose(loss(X, np.zeros(1)), 3 * X**2)
    np.testing.assert_allclose(loss.value_and_grad(X, np.zeros(1))[0], [np.sum(X**3)])

    class Model:
        def __init__(self, scale):
            self.scale = scale

        @grad(argnums="x", outputs="x")
        def double(self, x):
            x *= self.scale

        def smooth(self, x, out):
            out[:] = self.scale * x

    assert Model(3.0).double(np.array([1.0])) == [3.0]
    assert grad(Model(3.0).smooth, outputs=1)(np.array([2.0]), np.zeros(1)) == [3.0]
    out, pullback = vjp(Model(2.0).smooth, X, np.zeros(3), outputs="out")
    np.testing.assert_array_equal(out, 2 * X)
    np.testing.assert_array_equal(pullback(X)[0], 2 * X)


def test_grad_of_a_larger_output_names_the_operators_to_use():
    with pytest.raises(NonScalarError) as info:
        grad(lu, outputs="A")(np.eye(3))
    assert "vjp" in str(info.value) and "jacobian" in str(info.value) and "def lu(A):" in str(info.value)
    with pytest.raises(NonScalarError, match="vjp"):
        grad(jacobi_2d, outputs=("A", "B"))(np.eye(3), np.eye(3), 1)


def test_partials_and_their_own_arrays():
    out = np.zeros(3)

    def fill(out, x, s):
        out += s * x

    bound = functools.partial(fill, out, s=3.0)
    value, pullback = vjp(bound, X, outputs="out")
    np.testing.assert_array_equal(value, 3 * X)
    np.testing.assert_array_equal(pullback(X)[0], 3 * X)
    assert not out.any()
    with pytest.raises(ArgumentError, match="1 positional"):
        vjp(bound, X, outputs=1)


def test_defaults_stars_and_keywords():
    def kernel(a, /, b, *more, s=2.0, **named):
        for array in more:
            a += s * b * array * named["t"]

    value, pullback = vjp(functools.partial(kernel, t=3.0), X.copy(), X + 1, X, X, outputs="a")
    np.testing.assert_allclose(value, X + 12 * X * (X + 1))
    np.testing.assert_allclose(pullback(np.ones(3))[2], 6 * (X + 1))
    with pytest.raises(ArgumentError, match="more"):
        vjp(kernel, X, X + 1, outputs="more")


def test_containers_as_outputs():
    def step(layers, state):
        for layer in layers:
            layer["w"] *= 2.0
            state.append(layer["w"][0])

    layers = [{"w": X.copy()}, {"w": X + 1}]
    out, pullback = vjp(lambda layers: step(layers, []), layers, outputs=0)
    np.testing.assert_array_equal(out[1]["w"], 2 * (X + 1))
    (d,) = pullback([{"w": X}, None])
    np.testing.assert_array_equal(d[0]["w"], 2 * X)
    np.testing.assert_array_equal(d[1]["w"], 0 * X)
    np.testing.assert_array_equal(layers[0]["w"], X)


class Simulation:
    def __init__(self, u):
        self.u, self.steps = u, 3

    def run(self, f):
        for _ in range(self.steps):
            self.u[1:] += f[1:] * self.u[:-1]


def test_objects_as_outputs():
    simulation = Simulation(np.ones(3))
    out, pullback = vjp(Simulation.run, simulation, X, outputs="self")
    assert isinstance(out, Simulation) and simulation.u.tolist() == [1.0, 1.0, 1.0]
    expected, by_hand = vjp(lambda u, f: Simulation.run(Simulation(u), f), np.ones(3), X, outputs="u")
    np.testing.assert_array_equal(out.u, expected)
    w = Simulation(X)
    np.testing.assert_array_equal(pullback(w)[1], by_hand(X)[1])
    np.testing.assert_array_equal(pullback(w)[0].u, by_hand(X)[0])
    np.testing.assert_array_equal(pullback(None)[1], 0 * X)
    with pytest.raises(ArgumentError, match="u has the shape"):
        pullback(Simulation(X[1:]))


def test_what_vjp_returns_is_the_callers():
    def kernel(a, b):
        b[:] = a * a

    out, pullback = vjp(kernel, X, np.zeros(3), outputs=("b", "a"))
    first = pullback((X, X))
    out[0][:] = np.nan
    out[1][:] = np.nan
    first[0][:] = np.nan
    np.testing.assert_allclose(pullback((X, X))[0], 2 * X * X + X)


# ---- the generated text ----------------------------------------------------------------------------------------


def test_generated_text_is_named_after_the_kernel_and_shows_its_lines():
    made = gradient_module.GradientFunction(gauss_seidel, 0, mode="vjp", outputs="A")
    text = made.source_for(np.eye(4), 2)
    assert text.startswith("def gauss_seidel_vjp(A, n, d_out):")
    assert "# A[i, j] = (A[i - 1, j]" in text
    assert "kernel_" not in text and "return A\n" not in text
    assert elementwise_grad(gauss_seidel, outputs="A").source_for(np.eye(4), 2).startswith("def gauss_seidel_grad(A, n")


def test_no_needless_copies_in_the_generated_text():
    made = gradient_module.GradientFunction(gauss_seidel, 0, mode="jvp", with_value=True, outputs="A")
    text = made.source_for(np.eye(4), 2)
    assert text.count(".copy()") == 2 and text.rstrip().endswith("return A, A_dot")


def test_what_is_made_of_a_kernel_is_compiled_once(monkeypatch):
    compiled = []
    real = gradient_module.compile_gradient
    monkeypatch.setattr(gradient_module, "compile_gradient", lambda *args: compiled.append(args) or real(*args))

    def made(scale):
        def kernel(a, b):
            b[:] = scale * a

        return kernel

    for scale in (1.0, 2.0, 3.0):
        out, pullback = vjp(made(scale), X, np.zeros(3), outputs="b")
        np.testing.assert_array_equal(out, scale * X)
        np.testing.assert_array_equal(pullback(X)[0], scale * X)
    assert len(compiled) == 1
    vjp(made(1.0), X, np.zeros(3), outputs=("b",))
    vjp(made(1.0), X, np.zeros(3), outputs="a")
    assert len(compiled) == 3


def test_nothing_is_kept_of_kernels_that_are_gone():
    from srcgrad.api import outputs

    def make():
        namespace = {"np": np}
        f = load("def kernel(a):\n    a *= 2\n", "kernel", namespace)
        vjp(f, X, outputs="a")

    make()
    gc.collect()
    before = len(outputs._MAKERS)
    for _ in range(5):
        make()
    gc.collect()
    assert len(outputs._MAKERS) <= before + 1


def test_kernels_of_one_name_and_other_code_do_not_meet():
    def first():
        def kernel(a):
            a *= 2

        return kernel

    def second():
        def kernel(a):
            a *= 3

        return kernel

    for _ in range(2):
        np.testing.assert_array_equal(elementwise_grad(first(), outputs="a")(X), np.full(3, 2.0))
        np.testing.assert_array_equal(elementwise_grad(second(), outputs="a")(X), np.full(3, 3.0))


def test_gradients_with_outputs_can_be_pickled():
    made = pickle.loads(pickle.dumps(elementwise_grad(gauss_seidel, outputs="A")))
    A = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(made(A, 1), elementwise_grad(gauss_seidel, outputs="A")(A, 1))


# ---- mistakes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outputs", "message"), [
    ("C", "no parameter 'C'"), (("A", "C"), "no parameter 'C'"), (7, "3 positional"), (-4, "3 positional"),
    ((), "no parameter"), (("A", "A"), "twice"), (("A", 0), "twice"), (1.5, "1.5"), (True, "True"), ((None,), "None"),
])  # fmt: skip
def test_outputs_that_there_are_not(outputs, message):
    for use in (
        lambda: vjp(jacobi_2d, X, X, 1, outputs=outputs), lambda: grad(jacobi_2d, outputs=outputs),
        lambda: jvp(jacobi_2d, (X, X, 1), (X, X, None), outputs=outputs),
        lambda: linearize(jacobi_2d, X, X, 1, outputs=outputs),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=re.escape(message)) as info:
            use()
        assert "jacobi_2d" in str(info.value) or "once" in str(info.value)


@pytest.mark.parametrize("value", [2.0, 3, True, "text", None, np.float64(2.0), np.float32(1)])
def test_outputs_that_cannot_be_written(value):
    def kernel(x, s):
        s += x[0]

    with pytest.raises(ArgumentError, match=r"'s'.*no function can overwrite") as info:
        vjp(kernel, X, value, outputs="s")
    assert "np.array(s)" in str(info.value)


def test_argnums_with_outputs():
    with pytest.raises(ArgumentError, match="no parameter 'q'"):
        elementwise_grad(gauss_seidel, argnums="q", outputs="A")(np.eye(3), 1)
    with pytest.raises(ArgumentError, match="nothing to differentiate by"):
        elementwise_grad(gauss_seidel, argnums="n", outputs="A")(np.eye(3), 1)
    with pytest.raises(ArgumentError, match="has_aux"):
        grad(total, has_aux=True, outputs="out")


def test_outputs_that_share_memory():
    A = np.eye(4)
    with pytest.raises(ArgumentError, match="share memory"):
        vjp(jacobi_2d, A, A, 1, outputs="A")


def test_refusals_show_the_kernels_line():
    def kernel(a):
        try:
            a[0] = 1.0
        finally:
            pass

    with pytest.raises(UnsupportedError) as info:
        vjp(kernel, X, outputs="a")
    assert info.value.pos.file == __file__ and "try" in str(info.value)

    def confused(a, p):
        if p > 0:
            q = a
        else:
            q = "text"
        a[0] = q[0]

    with pytest.raises((KindError, UnsupportedError)) as info:
        vjp(confused, X, 1.0, outputs="a")
    assert info.value.pos.file == __file__


def test_integer_outputs_have_no_derivative():
    def count(x, n):
        n[0] = 3

    with pytest.raises(NonScalarError):
        grad(count, outputs="n")(X, np.zeros(1, int))
    out, pullback = vjp(count, X, np.zeros(1, int), outputs="n")
    assert out.tolist() == [3]
    np.testing.assert_array_equal(pullback(None)[0], 0 * X)


# ---- adjoints that do not fit ----------------------------------------------------------------------------------


def parts(x, s):
    return {"a": x * s, "b": (np.sum(x), 3), "c": [x[0], "text"]}


FIT = {"a": X, "b": (1.0, None), "c": [0.5, None]}


def test_an_adjoint_of_containers():
    _, pullback = vjp(parts, X, 2.0)
    d_x, d_s = pullback(FIT)
    np.testing.assert_allclose(d_x, 2 * X + 1 + np.array([0.5, 0, 0]))
    np.testing.assert_allclose(d_s, X @ X)
    for w, expected in (
        ({"a": X, "b": None, "c": None}, 2 * X), ({"a": None, "b": (2, None), "c": [None, None]}, 2 + 0 * X),
        (None, 0 * X), ({"a": [1, 2, 3], "b": None, "c": None}, [2, 4, 6]),
    ):  # fmt: skip
        np.testing.assert_allclose(pullback(w)[0], expected)


@pytest.mark.parametrize(("change", "where"), [
    ({"a": X[1:]}, "['a']"), ({"a": 1.0}, "['a']"), ({"a": "text"}, "['a']"), ({"a": X * 1j}, "['a']"),
    ({"b": (1.0, 2.0)}, "['b'][1]"), ({"b": (1.0,)}, "['b']"), ({"b": 1.0}, "['b']"),
    ({"b": (np.ones(2), None)}, "['b'][0]"), ({"c": {0: 1.0}}, "['c']"), ({"d": 1.0}, "the adjoint of the result"),
    ({"a": object()}, "['a']"), ({"a": [[1], [2, 3], 4]}, "['a']"),
])  # fmt: skip
def test_adjoints_that_do_not_fit_name_the_part(change, where):
    _, pullback = vjp(parts, X, 2.0)
    with pytest.raises(ArgumentError, match=re.escape(where)):
        pullback({**FIT, **change})


def test_an_adjoint_takes_the_dtype_of_its_part():
    _, pullback = vjp(lambda x: x * x, X.astype(np.float32))
    assert pullback(X)[0].dtype == np.float32


def test_the_value_is_not_tied_to_the_pullback():
    items = [X.copy()]

    def appends(items):
        items.append(items[0] * 2)
        return items[1]

    out, pullback = vjp(appends, items)
    assert len(items) == 1
    for _ in range(2):
        np.testing.assert_array_equal(pullback(X)[0][0], 2 * X)
