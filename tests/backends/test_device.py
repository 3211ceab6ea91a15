"""What generated code for CuPy looks like, where it waits, and what is refused."""

import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import srcgrad
from srcgrad import grad, value_and_grad
from srcgrad.errors import ArgumentError, NonScalarError, NoRuleError, UnsupportedError
from tests.backends.tools import hold_on_device, to_device
from tests.standin import syncs
from tests.support import line_of

X4 = np.array([0.5, -1.0, 2.0, 0.3])


@pytest.fixture
def x(cp):
    return cp.asarray(X4)


def body(text):
    """The lines of a text without its comments."""
    return [line.split("  #")[0].rstrip() for line in textwrap.dedent(text).strip().splitlines()]


# -- what is printed ---------------------------------------------------------------------------------------------------


def chain(x):
    return np.sum(np.tanh(x) * np.maximum(x, 0.0))


def test_code_is_printed_against_cp(cp, x):
    source = "\n".join(body(grad(chain).source_for(x)))
    assert "cp.tanh(x)" in source and "np." not in source
    assert "np.tanh(x)" in grad(chain).source_for(X4)


def test_types_and_scipy(cp, x):
    import scipy.special

    def f(x):
        z = np.zeros(x.shape, np.float32) + x.astype(np.float32)
        return np.sum(scipy.special.erf(z)) + np.sum(np.float64(z[0]))

    source = hold_on_device(cp, f, (X4,))
    assert "cupyx.scipy.special.erf(z)" in source and "cp.float32" in source and "cp.zeros(" in source


def test_numbers_alone_stay_on_the_host(cp, x):
    def f(x, n):
        return np.sum(x) * np.sqrt(2.0) + math.sin(n) * np.floor(x.shape[0] / 3)

    source = hold_on_device(cp, f, (X4, 3.0), (0,))
    assert "np.sqrt(2.0)" in source and "math.sin(n)" in source and "np.floor(x.shape[0] / 3)" in source


def elements(u):
    first = u[0]
    u[0] = u[1] * u[1]
    return first * u[0] + np.sum(u)


def test_an_element_is_copied_where_something_is_written(cp, x):
    source = hold_on_device(cp, elements, (X4,))
    assert "first = u[0].copy()" in source


def unwritten(u):
    first = u[0]
    return first * np.sum(u)


def test_an_element_of_what_nothing_writes_is_a_view(cp, x):
    assert "copy" not in hold_on_device(cp, unwritten, (X4,))


def running(x):
    total = x.sum()
    before = total
    for i in range(len(x)):
        total += x[i]
    return before * total


def test_a_number_on_the_device_is_not_added_to_in_place(cp, x):
    source = hold_on_device(cp, running, (X4,))
    assert "total = total + x[i]" in source and "total +=" not in "\n".join(body(source))


def test_sums_of_a_list_of_numbers_are_not_shared(cp):
    def f(x):
        losses = []
        for i in range(len(x)):
            losses.append(x[i] * x[i])
        total = 0.0
        for i in range(len(losses)):
            total += losses[i] * losses[-1]
        return total

    hold_on_device(cp, f, (X4,))


def test_scatters_add(cp):
    def f(x, places):
        return np.sum(np.sin(x[places]))

    source = hold_on_device(cp, f, (X4, np.array([0, 2, 2, 2])), (0,))
    assert "cp.add.at(d_x, places," in source


def test_numbers_beside_arrays_become_arrays(cp):
    def f(x):
        padded = np.concatenate(([1.0], x, [2.0]))
        return np.sum(np.dot(x, 2.0)) + np.sum(padded * padded) + np.stack([x[0], 3.0]).sum()

    hold_on_device(cp, f, (X4,))


def test_arrays_of_numbers_alone_are_made_on_the_device(cp):
    def f(x, a):
        y = np.zeros_like(a) + np.ones_like([a, 2.0]) @ np.broadcast_to(a, (2,))
        return np.sum(x * y) + np.sum(np.linspace(0, a, 4) * x) + np.linalg.det(np.array([[a, 1.0], [2.0, 3.0]]))

    assert "linspace(0, a, 4)" in hold_on_device(cp, f, (X4, 3.0))


def test_a_value_that_may_be_a_number(cp):
    def f(x, n):
        total = 0.0
        for _ in range(n):
            total = total + x
        return np.sum(total)

    for n in (0, 2):
        hold_on_device(cp, f, (X4, n), (0,))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_stay(cp, dtype):
    def f(x, w):
        y = np.zeros_like(x)
        y[1:] = np.tanh(0.5 * x[:-1] * w) / (1 + np.mean(x * x))
        return np.sum(y * y)

    hold_on_device(cp, f, (X4.astype(dtype), 2.0))


def test_gradients_of_numbers_are_on_the_device(cp, x):
    gradient = grad(lambda a, x: np.sum(a * x))(3.0, x)
    assert gradient.shape == () and gradient.dtype == np.float64 and type(gradient) is cp.ndarray


# -- where it waits ----------------------------------------------------------------------------------------------------


def doubling(a):
    b = a * 2
    while np.linalg.norm(b) < 1000:
        b = b * 2
    return (b if b.sum() > 0 else 100 * b).sum()


def test_each_decision_waits_once(cp, x):
    b, decisions = X4 * 2, 2
    while np.linalg.norm(b) < 1000:
        b, decisions = b * 2, decisions + 1
    with syncs() as waited:
        grad(doubling)(x)
    assert waited.count == decisions
    source = grad(doubling).source_for(x)
    assert "while cp.linalg.norm(b) < 1000:  # waits for the device" in source
    assert "positive = bool(b.sum() > 0)  # waits for the device" in source


def branches(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0 and x[i] < 1:
            total += np.sin(x[i])
        elif x[i] > 1:
            total += x[i] * x[i] * total
    return total


def test_tapes_hold_bools_of_python(cp, x):
    hold_on_device(cp, branches, (X4,))
    made = grad(branches)
    source = made.source_for(x)
    assert "tape.append(taken)" in source
    with syncs() as waited:
        made(x)
    primal = sum(1 + (v > 0) + (not 0 < v < 1) for v in X4)
    assert waited.count == primal


def test_what_decides_nothing_does_not_wait(cp, x):
    def f(x):
        u = x.copy()
        for _ in range(3):
            u[1:-1] += 0.1 * np.sin(u[1:-1])
        scale = np.sqrt(np.sum(u * u))
        return np.sum(u / scale) + np.max(u)

    with syncs() as waited:
        for _ in range(2):
            value_and_grad(f)(x)
    assert waited.count == 0


def test_an_index_is_fetched_once(cp, x):
    def f(x):
        k = np.argmax(x)
        row = x[k:]
        return x[k] * x[k] + np.sum(row)

    source = hold_on_device(cp, f, (X4,))
    assert "k = int(cp.argmax(x))  # waits for the device" in source
    with syncs() as waited:
        grad(f)(x)
    assert waited.count == 1


def test_numbers_out_of_a_tuple_are_on_the_device(cp, x):
    def f(x):
        sign, size = np.linalg.slogdet(np.outer(x, x) + np.eye(4))
        before = size
        for i in range(len(x)):
            size += x[i]
        if sign > 0:
            size = size * before
        i, j = np.unravel_index(np.argmax(x), (2, 2))
        row = x.reshape(2, 2)[i]
        return size + row[j] * np.sum(x.reshape(i + 1, -1))

    source = hold_on_device(cp, f, (X4,))
    assert "int(" in source
    with syncs() as waited:
        grad(f)(x)
    assert waited.count <= 5


def test_singular_points_are_guarded_without_waiting(cp, x):
    def f(x):
        y = np.where(x > 0, x, 0.0)
        return np.sum(np.sqrt(y)) + np.sqrt(np.where(x[0] > 9, x[0], 0.0))

    with syncs() as waited:
        grad(f)(x)
    assert waited.count == 0
    hold_on_device(cp, f, (X4,))


def test_numbers_of_python_are_asked_for_in_plain_sight(cp, x):
    def f(x):
        return math.sin(x[0]) * np.sum(x) + float(np.sum(x)) * x[1]

    source = hold_on_device(cp, f, (X4,))
    assert "math.sin(float(x[0]))" in source
    for line in source.splitlines():
        assert ("float(" in line.split("  #")[0]) <= ("waits for the device" in line), line


# -- what is refused ---------------------------------------------------------------------------------------------------

W = np.ones(4)


def held(x):
    return np.sum(W * x)


def two(x, params):
    return np.sum(x * params["w"])


def test_arrays_of_two_libraries_are_refused_by_name(cp, x):
    with pytest.raises(ArgumentError, match=r"argument `x` holds CuPy arrays, and the global variable `W` holds N"):
        grad(held)(x)
    with pytest.raises(ArgumentError, match=r'`params\["w"\]` holds CuPy arrays, and the argument `x` holds N'):
        grad(two)(X4, {"w": x})
    there = X4.copy()

    def closure(x):
        return np.sum(x * there)

    with pytest.raises(ArgumentError, match="the closure variable `there` holds NumPy arrays") as info:
        grad(closure)(x)
    assert "cupy.asarray" in str(info.value) and "^" in str(info.value)
    there = x
    assert grad(closure)(x).shape == (4,)


def test_lists_of_arrays_of_two_libraries(cp, x):
    def f(xs):
        total = 0.0
        for v in xs:
            total += np.sum(v * v)
        return total

    with pytest.raises(ArgumentError, match="CuPy arrays"):
        grad(f)([x, X4])
    hold_on_device(cp, f, ([X4, X4],))


def test_what_is_not_read_may_lie_anywhere(cp, x):
    def f(x, model):
        return np.sum(x * model["w"]) * len(model)

    model = {"w": x, "data": np.ones(1000)}
    assert grad(f)(x, model).shape == (4,)
    with pytest.raises(ArgumentError, match=r'the argument `model\["data"\]` holds NumPy arrays'):
        grad(lambda x, model: f(x, model) * np.sum(model["data"]))(x, model)


def inserted(x):
    return np.sum(np.insert(x, 1, 2.0))  # <- here


def test_what_cupy_lacks_is_refused_by_name(cp, x):
    with pytest.raises(NoRuleError, match="CuPy has no insert") as info:
        grad(inserted)(x)
    assert info.value.pos.line == line_of(inserted) and "^^^" in str(info.value) and info.value.remedy


def test_what_cupy_lacks_is_written_with_what_it_has(cp, x):
    import scipy.linalg

    def f(x, y):
        top = np.max(x, initial=0.1) + y.max(axis=0, initial=-0.5).sum() + y.min(initial=9.0)
        curve = np.polyval(x, y) + np.polyval([1.0, 2.0, 3.0], y)
        middle = np.quantile(y, 0.3) + np.sum(np.percentile(x, [20.0, 70.0]))
        return top * np.sum(curve) * middle + np.logaddexp.reduce(y)[1] + np.sum(np.clip(x, min=0.1))

    y = np.array([[0.3, 1.2], [-0.4, 0.8], [0.1, 0.7]])
    for dtype in ("f8", "f4"):
        hold_on_device(cp, f, (X4.astype(dtype), y.astype(dtype)))

    def solved(x):
        a = np.outer(x, x) + 2 * np.eye(4)
        return np.sum(scipy.linalg.solve(a, x)) + scipy.linalg.det(scipy.linalg.inv(a)) + scipy.linalg.svdvals(a)[0]

    assert "cp.linalg.solve(a, x)" in hold_on_device(cp, solved, (X4,))


@pytest.mark.parametrize("name", ["i1", "i1e", "j1"])
def test_bessel_functions_of_order_one(cp, name):
    import scipy.special

    x = np.array([0.0, 1e-12, -1e-7, 1e-3, -0.4, 2.0, 9.0])
    for dtype in ("f8", "f4"):
        hold_on_device(cp, lambda x: np.sum(getattr(scipy.special, name)(x) * x), (x.astype(dtype),))  # noqa: B023
        value = srcgrad.vjp(lambda x: getattr(scipy.special, name)(x), x)[1](np.ones(7))[0]  # noqa: B023
        device = srcgrad.vjp(lambda x: getattr(scipy.special, name)(x), cp.asarray(x))[1](cp.ones(7))[0]  # noqa: B023
        np.testing.assert_allclose(device.get(), value, rtol=1e-13, atol=1e-15)


def test_keywords_that_cupy_lacks_are_refused_by_name(cp, x):
    def f(x):
        return np.sum(x[np.argsort(x, stable=True)])

    def method(x):
        return np.sum(x[x.argsort(stable=True)])

    def fine(x):
        return np.sum(x.astype(np.float32, copy=True).reshape(2, 2, order="C").sum(axis=0, keepdims=True))

    assert grad(fine)(x).dtype == np.float64
    for function in (f, method):
        with pytest.raises(NoRuleError, match="argsort does not take `stable`"):
            grad(function)(x)


def test_what_only_the_derivative_lacks(cp):
    import scipy.special

    def f(x):
        return np.sum(scipy.special.kn(2, x))

    with pytest.raises(NoRuleError, match="no scipy.special.kn, which the derivative of this calls"):
        grad(f)(cp.asarray(X4))


def test_generators_of_the_host_seed_those_of_the_device(cp, x):
    def f(x, rng):
        return np.sum(x * rng.uniform(1.0, 2.0, 4)) + rng.random()

    rng = np.random.default_rng(0)
    with syncs() as waited:
        first, second = grad(f)(x, rng), grad(f)(x, rng)
    assert waited.count == 0 and "device_generator(rng).uniform(1.0, 2.0, 4)" in grad(f).source_for(x, rng)
    assert np.all((first.get() > 1) & (first.get() < 2)) and np.all(first.get() != second.get())
    again = grad(f)(x, np.random.default_rng(0))
    np.testing.assert_array_equal(first.get(), again.get())

    def g(x, rng):
        return np.sum(x * rng.normal(size=4))

    with pytest.raises(NoRuleError, match=r"CuPy has no random\.Generator\.normal"):
        grad(g)(x, rng)

    def h(x, state):
        return np.sum(x * state.normal(size=4))

    with pytest.raises(UnsupportedError, match="makes an array in the memory of the host"):
        grad(h)(x, np.random.RandomState(0))


def test_cupys_own_functions_are_not_looked_into(cp, x):
    def f(x):
        return cp.sum(cp.tanh(x))

    with pytest.raises(NoRuleError, match="CuPy's own") as info:
        grad(f)(x)
    assert "`np." in info.value.remedy


def test_patterns_take_arrays_of_the_host(cp, x):
    for call in (srcgrad.sparse_jacobian(np.sin, sparsity=np.eye(4)), srcgrad.sparse_hessian(chain)):
        with pytest.raises(ArgumentError, match="takes NumPy's arrays"):
            call(x)
    with pytest.raises(ArgumentError, match="takes NumPy's arrays"):
        srcgrad.sparsity(chain, x)


def test_a_result_that_is_no_number(cp, x):
    with pytest.raises(NonScalarError, match="vjp"):
        grad(lambda x: np.sin(x))(x)


# -- the other derivatives ---------------------------------------------------------------------------------------------


def weighted(x, w):
    y = np.zeros_like(x)
    y[1:] = np.tanh(w * x[:-1])
    return y * y * w


def close(device, host):
    assert type(device).__module__ == "cupy"
    np.testing.assert_allclose(device.get(), host, rtol=1e-6)
    assert device.dtype == host.dtype


def test_pullbacks(cp):
    host, device = X4.astype(np.float32), cp.asarray(X4.astype(np.float32))
    out, pull = srcgrad.vjp(weighted, host, 2.0)
    out_2, pull_2 = srcgrad.vjp(weighted, device, 2.0)
    close(out_2, out)
    for one, other in zip(pull_2(device), pull(host), strict=True):
        close(one, np.asarray(other))
    with pytest.raises(ArgumentError, match="an array of NumPy, but the value is one of CuPy"):
        pull_2(host)
    assert np.all(pull_2(None)[0].get() == 0)


def test_pullbacks_of_functions_without_a_name(cp, x):
    close(srcgrad.vjp(lambda x: x * 2.0, x)[0], X4 * 2)


def test_tangents(cp, x):
    out, dot = srcgrad.jvp(weighted, (x, 2.0), (x, 1.0))
    host_out, host_dot = srcgrad.jvp(weighted, (X4, 2.0), (X4, 1.0))
    close(out, host_out)
    close(dot, host_dot)
    close(srcgrad.linearize(weighted, x, 2.0)[1](x, 1.0), host_dot)


def test_second_derivatives(cp, x):
    close(srcgrad.hvp(chain)(x, x), srcgrad.hvp(chain)(X4, X4))

    def slope(x):
        return np.sum(grad(chain)(x) ** 2)

    close(grad(slope)(x), grad(slope)(X4))
    close(srcgrad.elementwise_grad(np.tanh)(x), srcgrad.elementwise_grad(np.tanh)(X4))


def test_the_report_counts_what_is_on_the_device(cp, x):
    def f(x):
        u = x
        for _ in range(5):
            u = np.sin(u)
        return np.sum(u)

    assert grad(f).report(x).bytes == grad(f).report(X4).bytes == 5 * X4.nbytes


def test_emitted_modules_import_cupy(cp, x):
    text = srcgrad.emit(elements, args=(x,))
    assert "import cupy as cp\n" in text and "import numpy" not in text
    module = {}
    exec(text, module)
    close(module["elements_grad"](x), grad(elements)(X4))


def test_emitted_helpers_are_cupys(cp, x):
    def f(x, y):
        return np.sum(x[:3] * y.reshape(-1))

    text = srcgrad.emit(f, argnums=(0, 1), args=(x, cp.asarray(np.ones((3, 1)))))
    module = {}
    exec(text, module)
    close(module["f_grad"](x, cp.asarray(np.ones((3, 1))))[1], np.ones((3, 1)) * X4[:3, None])


# -- a training step ---------------------------------------------------------------------------------------------------


def loss(params, x, y):
    h = x
    for layer in params[:-1]:
        h = np.maximum(h @ layer["w"] + layer["b"], 0.0)
    logits = h @ params[-1]["w"] + params[-1]["b"]
    logits = logits - np.max(logits, axis=1, keepdims=True)
    logp = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(y)), y])


def test_a_training_step(cp):
    rng = np.random.default_rng(0)
    sizes = [(5, 8), (8, 8), (8, 3)]
    params = [{"w": rng.standard_normal(s).astype("f4"), "b": np.zeros(s[1], "f4")} for s in sizes]
    x, y = rng.standard_normal((6, 5)).astype("f4"), rng.integers(0, 3, 6)
    hold_on_device(cp, loss, (params, x, y), (0,))
    with syncs() as waited:
        on_device = to_device(cp, (params, x, y))
        for _ in range(3):
            value, grads = value_and_grad(loss)(*on_device)
            for layer, d_layer in zip(on_device[0], grads, strict=True):
                for key in layer:
                    layer[key] -= 0.1 * d_layer[key]
    assert waited.count == 0


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_importing_srcgrad_does_not_import_cupy():
    code = "import sys, srcgrad; sys.exit(any(m.split('.')[0] in ('cupy', 'cupyx') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_arguments_are_left_alone(cp, x):
    grad(elements)(x)
    assert np.all(x.get() == X4)
    with pytest.raises(ArgumentError, match="share memory"):
        srcgrad.grad(lambda a, b: elements(a) * np.sum(b))(x, x[:2])


def test_a_call_runs_on_the_device_of_its_arguments(cp, x, monkeypatch):
    entered = []
    monkeypatch.setattr(cp.cuda.runtime, "getDevice", lambda: 1)
    monkeypatch.setattr(cp.cuda.Device, "__enter__", lambda self: entered.append(self.id))
    grad(two)(x, {"w": x})
    assert entered == [0]
