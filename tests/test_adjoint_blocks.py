"""`with srcgrad.adjoint(x) as d_x`: one property at a time. Generated programs are in test_adjoint_programs."""

import copy
import linecache
import sys
import threading

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import SrcgradError, UnsupportedError
from tests.support import compare

X = np.array([0.4, -0.7, 1.3])
GLOBAL_LOG: list = []
WEIGHTS = np.ones(3)


def gradient(f, *args, **options):
    """The gradient, with a check that the caller's arrays are as they were."""
    kept = [copy.deepcopy(a) if isinstance(a, np.ndarray) else a for a in args]
    found = srcgrad.grad(f, **options)(*args)
    for a, b in zip(args, kept, strict=True):
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
    return found


# ---- what the block sees and leaves --------------------------------------------------------------------------


def test_the_block_sees_what_the_later_statements_contribute():
    def f(x, log):
        y = x * x
        z = np.sin(y) + y
        with srcgrad.adjoint(y) as d_y:
            log.append(d_y)
        return np.sum(z * z)

    log = []
    gradient(f, X, log)
    # the statement of z stands ahead of the block: what it contributes has yet to come
    np.testing.assert_allclose(log[0], 0 * X)


def test_the_block_sees_the_whole_adjoint_behind_all_later_uses():
    def f(x, log):
        y = x * x
        with srcgrad.adjoint(y) as d_y:
            log.append((d_y, y))
        z = np.sin(y) + y
        return np.sum(z * z)

    log = []
    gradient(f, X, log)
    y = X * X
    z = np.sin(y) + y
    np.testing.assert_allclose(log[0][0], 2 * z * (np.cos(y) + 1))
    np.testing.assert_allclose(log[0][1], y)


@pytest.mark.parametrize("place", ["d = np.clip(d, -1, 1)", "d[...] = np.clip(d, -1, 1)", "np.clip(d, -1, 1, out=d)",
                                   "d = d.clip(-1, 1)"])  # fmt: skip
def test_clipping(place, tmp_path):
    from tests.support import load

    text = "import numpy as np\nimport srcgrad\n\ndef f(x):\n    y = 3 * x\n"
    f = load(f"{text}    with srcgrad.adjoint(y) as d:\n        {place}\n    return np.sum(y ** 3)\n")
    np.testing.assert_allclose(gradient(f, X), 3 * np.clip(3 * (3 * X) ** 2, -1, 1))
    assert np.clip(3 * (3 * X) ** 2, -1, 1).max() == 1


def test_scaling_scales_the_rest():
    def f(x):
        h = np.tanh(x * x)
        with srcgrad.adjoint(h) as d_h:
            d_h *= 0.25
        return np.sum(np.exp(h) * h)

    def rest(x):
        h0 = np.tanh(X * X)
        h = h0 + 0.25 * (np.tanh(x * x) - h0)
        return float(np.sum(np.exp(h) * h))

    compare(rest, (X,), (0,), (gradient(f, X),))


def test_what_a_block_assigns_has_the_shape_and_dtype_of_the_variable():
    def zeroed(x):
        with srcgrad.adjoint(x) as d:
            d = 0.0
            print(d)
        return np.sum(x * x)

    def doubled(x):
        y = x * x
        with srcgrad.adjoint(y) as d:
            d = np.float64(2) * d
        return np.sum(y)

    def summed(x):
        y = x * x
        with srcgrad.adjoint(y) as d:
            d = d[:2]
        return np.sum(y)

    zero = gradient(zeroed, X)
    assert zero.shape == X.shape and not zero.any()
    single = gradient(doubled, X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, 4 * X, rtol=1e-6)
    with pytest.raises(ValueError, match="broadcast"):
        gradient(summed, X)


def test_an_adjoint_that_is_handed_down_is_not_changed():
    def f(x, y):
        with srcgrad.adjoint(x) as d:
            d = d * 2
        z = x + y
        return np.sum(z * z)

    w = np.ones(3)
    dx, dy = srcgrad.grad(f, argnums=(0, 1))(X, X + 1)
    np.testing.assert_allclose(dx, 2 * dy)

    def g(x):
        with srcgrad.adjoint(x) as d:
            d *= 3.0
        return x

    _, pullback = srcgrad.vjp(g, X)
    np.testing.assert_allclose(pullback(w)[0], 3.0)
    np.testing.assert_array_equal(w, np.ones(3))


def test_a_float_in_a_loop_is_seen_trip_by_trip_from_the_last():
    def f(x, n, log):
        for i in range(n):
            x = np.sin(x) * 1.5
            with srcgrad.adjoint(x) as d_x:
                log.append((i, x, d_x))
                if i == 2:
                    d_x = d_x * 2
        return x

    log = []
    found = gradient(f, 0.3, 5, log)
    values = [0.3]
    for _ in range(5):
        values.append(np.sin(values[-1]) * 1.5)
    expected, d = [], 1.0
    for i in reversed(range(5)):
        expected.append((i, values[i + 1], d))
        d *= (2 if i == 2 else 1) * 1.5 * np.cos(values[i])
    np.testing.assert_allclose(log, expected)
    np.testing.assert_allclose(found, d)


def test_a_block_in_a_branch_runs_where_the_branch_ran():
    def f(x, log):
        s = 0.0
        for i in range(len(x)):
            y = x[i] * x[i]
            if x[i] > 0:
                with srcgrad.adjoint(y) as d:
                    log.append(i)
                    d *= 0.0
                s += 2 * y
            else:
                s += y
        return s

    log = []
    np.testing.assert_allclose(gradient(f, X, log), np.where(X > 0, 0, 2 * X))
    assert log == [2, 0]


def test_several_blocks_run_in_the_opposite_order():
    def f(x, log):
        y = 2 * x
        with srcgrad.adjoint(y) as d:
            log.append("first")
            d = d + 1
        with srcgrad.adjoint(y) as d:
            log.append("second")
            d = d * 3
        return y.sum()

    log = []
    np.testing.assert_allclose(gradient(f, X, log), np.full(3, 2 * (1 * 3 + 1)))
    assert log == ["second", "first"]


def test_a_block_behind_an_early_return_does_not_run():
    def f(x, log):
        y = x * 2.0
        if x > 1:
            return y
        with srcgrad.adjoint(y) as d:
            log.append(d)
            d = d * 10
        return y * y

    log = []
    assert gradient(f, 2.0, log) == 2.0 and log == []
    assert gradient(f, 0.5, log) == pytest.approx(2 * 2 * 1.0 * 10) and log == [2.0]


def test_the_adjoint_is_that_of_the_value_at_this_place():
    def f(x, log):
        y = x * 2
        with srcgrad.adjoint(y) as d:
            log.append(d.copy())
        y = y * y
        y[0] = 5.0
        return np.sum(y)

    log = []
    gradient(f, X, log)
    np.testing.assert_allclose(log[0], 2 * (2 * X) * [0, 1, 1])


def test_values_are_those_of_the_place():
    def f(x, log):
        y = x.copy()
        for i in range(3):
            with srcgrad.adjoint(y) as d:
                log.append((i, y.copy(), d.copy()))
            y *= 2.0
            y[i] += 1.0
        return np.sum(y)

    log = []
    gradient(f, X, log)
    y, expected = X.copy(), []
    for i in range(3):
        expected.append((i, y.copy(), np.full(3, 2.0 ** (3 - i))))
        y *= 2
        y[i] += 1
    for found, (i, value, d) in zip(reversed(log), expected, strict=True):
        assert found[0] == i
        np.testing.assert_allclose(found[1], value)
        np.testing.assert_allclose(found[2], d)


def test_what_a_block_keeps_does_not_change_afterwards():
    def f(x, log):
        y = x * 1.0
        for _ in range(3):
            with srcgrad.adjoint(y) as d:
                log.append(d)
            y[1:] *= 2.0
        z = y + 1
        with srcgrad.adjoint(z) as d:
            log.append(d)
        return np.sum(y) + np.sum(z * z)

    log = []
    gradient(f, X, log)
    y = X * [1, 8, 8]
    np.testing.assert_allclose(log[0], 2 * (y + 1))
    for k, d in enumerate(log[1:], 1):
        np.testing.assert_allclose(d, (2 * (y + 1) + 1) * [1, 2.0 ** k, 2.0 ** k])


def test_part_of_an_array():
    def f(x, log):
        y = x * 3
        with srcgrad.adjoint(y[1]) as d:
            log.append(d)
            d = 10.0
        with srcgrad.adjoint(y[1:]) as d:
            d *= 2.0
        return np.sum(y * y)

    log = []
    np.testing.assert_allclose(gradient(f, X, log), 3 * np.array([6 * X[0], 10.0, 12 * X[2]]))
    assert log == pytest.approx([2 * 2 * 3 * X[1]])


def test_views_share_the_adjoint():
    def f(x):
        A = x * 1.0
        row = A[1]
        row *= 2.0
        with srcgrad.adjoint(row) as d:
            d = d * 0 + 7.0
        return np.sum(A * A)

    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(gradient(f, x), [2 * x[0], np.full(3, 14.0)])


def test_parameters_dicts_and_attributes():
    class Layer:
        def __init__(self, w):
            self.w = w

    def f(params, layer):
        with srcgrad.adjoint(params["w"]) as d:
            d *= 2.0
        with srcgrad.adjoint(layer.w) as d:
            d *= 3.0
        return np.sum(params["w"] * layer.w)

    a, b = srcgrad.grad(f, argnums=(0, 1))({"w": X, "b": 1.0}, Layer(X + 1))
    np.testing.assert_allclose(a["w"], 2 * (X + 1))
    np.testing.assert_allclose(b.w, 3 * X)


def test_without_a_derivative_the_block_runs_with_zeros():
    def f(x, log):
        k = np.arange(3.0)
        unused = x * 2
        with srcgrad.adjoint(k) as d:
            log.append(d)
        with srcgrad.adjoint(unused) as d:
            log.append(d)
        return np.sum(x * k)

    log = []
    np.testing.assert_allclose(gradient(f, X, log), np.arange(3.0))
    assert [list(d) for d in log] == [[0.0] * 3] * 2


def test_what_a_block_puts_in_place_of_a_zero_flows_on():
    def f(x):
        unused = x * 2
        with srcgrad.adjoint(unused) as d:
            d = d + 5.0
        return np.sum(x)

    np.testing.assert_allclose(gradient(f, X), np.full(3, 11.0))


def test_zeros_that_a_block_sets_meet_singular_points():
    def f(x):
        y = np.sqrt(x)
        with srcgrad.adjoint(y) as d:
            d = np.where(y > 0, d, 0.0)
        return np.sum(y)

    with np.errstate(all="ignore"):
        np.testing.assert_allclose(gradient(f, np.array([0.0, 4.0])), [0.0, 0.25])


def test_callees_closures_and_recursion():
    def halved(z, log):
        w = z * z
        with srcgrad.adjoint(w) as d:
            log.append(float(np.sum(d)))
            d = d / 2
        return w

    def power(t, n):
        if n == 0:
            return 1.0
        with srcgrad.adjoint(t) as d:
            GLOBAL_LOG.append(n)
            d = d * 2.0
        return t * power(t, n - 1)

    def f(x, log):
        return np.sum(halved(halved(x, log), log)) + power(x[0], 2)

    log = []
    GLOBAL_LOG.clear()
    found = gradient(f, X, log)
    expected = (2 * X**2) * (2 * X) / 4
    expected[0] += 2 * X[0] * 2 + 0 * X[0]
    assert sorted(GLOBAL_LOG) == [1, 2] and len(log) == 2
    # t is one variable in both calls of power: the inner block sees what the inner call contributes, the outer all
    inner = 2 * X[0]
    np.testing.assert_allclose(found[0], (2 * X[0] ** 2) * (2 * X[0]) / 4 + 2 * (X[0] + inner))
    np.testing.assert_allclose(found[1:], expected[1:])


def test_the_block_may_do_anything_of_its_own():
    def f(x, log):
        y = x * 2
        with srcgrad.adjoint(y) as d:
            worst = max(abs(v) for v in d)
            names = {f"{i}": v for i, v in enumerate(d)}
            try:
                names["no"]
            except KeyError as error:
                log.append(str(error))

            def half(v):
                return v / 2

            while worst > 1:
                worst = half(worst)
                if worst < 0.9:
                    break
            d = np.array([half(v) for v in d])
            log.append((worst, (lambda d: d)(3), sorted(names)))
        return np.sum(y * y)

    log = []
    np.testing.assert_allclose(gradient(f, X, log), 4 * X)
    assert log[0] == "'no'" and log[1][1:] == (3, ["0", "1", "2"]) and log[1][0] <= 0.9


def test_names_of_the_block_do_not_meet_those_of_generated_code():
    def f(x, d_y):
        y = x * d_y
        with srcgrad.adjoint(y) as d_x:
            d_out = 2.0
            d_x = d_out * d_x
        return np.sum(y)

    np.testing.assert_allclose(gradient(f, X, 3.0), np.full(3, 6.0))


def test_a_log_may_grow_without_compiling_again():
    def f(x, log, other=None):
        with srcgrad.adjoint(x) as d:
            log.append(d)
            if other is not None:
                other["d"] = d
        return np.sum(x * x)

    g = srcgrad.grad(f)
    log, other = [], {}
    for k in range(4):
        g(X + k, log)
    source = g.source
    g(X, log, other)
    assert len(log) == 5 and list(other) == ["d"] and g.source == source
    assert len({id(c) for found in g._plain.kinds.values() for c in found}) == 1
    out, pullback = srcgrad.vjp(f, X, log)
    assert len(log) == 5
    pullback(1.0)
    assert len(log) == 6


def test_a_log_that_callees_and_containers_pass_on():
    def inner(t, log):
        with srcgrad.adjoint(t) as d:
            log.append(d)
        return t * t

    def f(x, log, record):
        with srcgrad.adjoint(x) as d:
            record["d"].append(d)
            record["last"] = d
        return np.sum(inner(x, log))

    log, record = [], {"d": [], "n": 1.0}
    g = srcgrad.grad(f)
    for k in range(1, 4):
        g(X, log, record)
        assert len(log) == len(record["d"]) == k and "last" in record
    np.testing.assert_allclose(log[0], 2 * X)


def test_a_log_of_a_method_by_keyword_beside_a_partial():
    import functools

    class Model:
        def __init__(self, w):
            self.w = w

        def loss(self, scale, x, *, log):
            y = x * self.w * scale
            with srcgrad.adjoint(y) as d:
                log.append((self.w, d))
            return np.sum(y * y)

    log: list = []
    found = srcgrad.grad(functools.partial(Model(2.0).loss, 3.0))(X, log=log)
    np.testing.assert_allclose(found, 72 * X)
    assert log[0][0] == 2.0
    np.testing.assert_allclose(log[0][1], 12 * X)


def test_globals_are_read_at_each_call():
    def f(x):
        with srcgrad.adjoint(x) as d:
            GLOBAL_LOG.append(d.copy())
        return np.sum(x * x)

    GLOBAL_LOG.clear()
    g = srcgrad.grad(f)
    g(X)
    g(X)
    assert len(GLOBAL_LOG) == 2
    module = sys.modules[__name__]
    before, module.GLOBAL_LOG = GLOBAL_LOG, []
    try:
        g(X)
        assert len(before) == 2 and len(module.GLOBAL_LOG) == 1
    finally:
        module.GLOBAL_LOG = before


def test_the_statements_stand_in_the_source_as_written():
    def f(x, log):
        y = x * x
        with srcgrad.adjoint(y) as d:
            norm = np.linalg.norm(d)
            if norm > 1.0:
                d = d / norm
            log.append(f"{norm:.3f}")
        return np.sum(np.sin(y))

    source = srcgrad.grad(f).source_for(X, [])
    expected = [
        "    norm = np.linalg.norm(d_y)", "    if norm > 1.0:", "        d_y[...] = d_y / norm",
        '    log.append(f"{norm:.3f}")',
    ]  # fmt: skip
    lines = [line.split("  #")[0].rstrip() for line in source.splitlines()]
    at = lines.index(expected[0])
    assert lines[at : at + 4] == expected
    assert "with srcgrad.adjoint(y) as d:" in source
    forward = source.split("# reverse sweep")[0]
    assert "norm" not in forward and "adjoint" not in forward


def test_a_hook_of_the_value_is_no_part_of_the_value():
    def f(x):
        y = x * 2
        with srcgrad.adjoint(y) as d:
            d = d * 0.0
        return np.sum(y * y)

    value, d = srcgrad.value_and_grad(f)(X)
    assert value == pytest.approx(np.sum(4 * X * X))
    np.testing.assert_array_equal(d, np.zeros(3))


def test_standalone_module():
    def f(x, limit=1.0):
        y = x * 2
        with srcgrad.adjoint(y) as d:
            d = np.clip(d, -limit, limit)
        return np.sum(y * y)

    env: dict = {}
    exec(srcgrad.emit(f, args=(X, 1.0)), env)
    np.testing.assert_allclose(env["f_grad"](X, 0.5), 2 * np.clip(4 * X, -0.5, 0.5))


# ---- undifferentiated ----------------------------------------------------------------------------------------


def plain(x, seen):
    y = x * 2
    with srcgrad.adjoint(y) as d: seen.append(d)  # noqa: E701
    with srcgrad.adjoint(y) as d:
        seen.append(d)
        y = 5
    for _ in range(2):
        with srcgrad.adjoint(y):
            for _ in range(2):
                seen.append("nested")
        y += 1
    return y


def test_undifferentiated_the_block_does_nothing():
    seen: list = []
    assert plain(1, seen) == 4 and seen == [] and sys.gettrace() is None


def test_a_trace_function_is_put_back():
    lines: list = []

    def tracer(frame, event, arg):
        if frame.f_code is plain.__code__:
            lines.append(frame.f_lineno - plain.__code__.co_firstlineno)
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        plain(1, [])
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert after is tracer
    assert {1, 2, 3, 6, 7, 10, 11} <= set(lines), "lines outside of the blocks are traced"
    assert not {4, 5, 8, 9} & set(lines), "lines inside are not run"


def test_undifferentiated_in_threads_and_calls():
    seen: list = []

    def outer(x):
        with srcgrad.adjoint(x) as d:
            plain(d, seen)
        return plain(x, seen)

    def work():
        for _ in range(50):
            assert outer(1) == 4

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert seen == []


def test_errors_behind_a_block_are_unchanged():
    def f(x):
        with srcgrad.adjoint(x) as d:
            print(d)
        raise ValueError("own")

    with pytest.raises(ValueError, match="own") as caught:
        f(1.0)
    assert caught.value.__context__ is None and sys.gettrace() is None


# ---- refusals ------------------------------------------------------------------------------------------------


def assigns_a_variable(x):
    y = x * 2
    with srcgrad.adjoint(y) as d:
        y = d  # <- here
    return y.sum()


def writes_a_variable(x):
    y = x * 2
    with srcgrad.adjoint(y) as d:
        y[0] = d[0]  # <- here
    return y.sum()


def writes_by_a_method(x):
    y = x * 2
    with srcgrad.adjoint(y) as d:
        print(d)
        x.fill(0.0)  # <- here
    return y.sum()


def writes_by_out(x):
    y = x * 2
    with srcgrad.adjoint(y) as d:
        np.clip(d, -1, 1, out=y)  # <- here
    return y.sum()


def appends_to_its_own_list(x):
    seen = [x[0]]
    with srcgrad.adjoint(x) as d:
        seen.append(d)  # <- here
    return sum(seen) + x.sum()


def changes_a_global_that_it_reads(x):
    with srcgrad.adjoint(x) as d:
        WEIGHTS[:] = d  # <- here
    return np.sum(x * WEIGHTS)


def changes_a_list_that_it_reads(x, log=[0.5, 0.2]):  # noqa: B006
    s = x.sum()
    for v in log:
        s = s * v
    with srcgrad.adjoint(s) as d:
        log.append(d)  # <- here
    return s


def changes_a_dict_that_it_reads(x, p={"w": 2.0}):  # noqa: B006
    y = x * p["w"]
    with srcgrad.adjoint(y) as d:
        p["w"] = d[0]  # <- here
    return np.sum(y)


def changes_a_variable_of_the_function_around(x):
    y = x * 2

    def inner(t):
        with srcgrad.adjoint(t) as d:
            y[0] = d  # <- here
        return t * t

    return np.sum(y) + inner(x[0])


def jumps(x):
    for _ in range(3):
        with srcgrad.adjoint(x) as d:
            if d[0] > 0:
                break  # <- here
    return x.sum()


def returns(x):
    with srcgrad.adjoint(x) as d:
        return d  # <- here


def uses_the_name_outside(x):
    with srcgrad.adjoint(x) as d:  # <- here
        print(d)
    return x.sum() + d


def of_an_expression(x):
    with srcgrad.adjoint(x * 2) as d:  # <- here
        print(d)
    return x.sum()


def of_an_int(x):
    n = len(x)
    with srcgrad.adjoint(n) as d:  # <- here
        print(d)
    return x.sum() * n


def of_a_dict(x):
    p = {"w": x}
    with srcgrad.adjoint(p) as d:  # <- here
        print(d)
    return p["w"].sum()


def other_context(x):
    with open("nothing") as d:  # <- here
        print(d)
    return x.sum()


def without_a_name(x):
    with srcgrad.adjoint(x):  # <- here
        print(x)
    return x.sum()


def among_others(x):
    with np.errstate(all="ignore"), srcgrad.adjoint(x) as d:  # <- here
        print(d)
    return x.sum()


@pytest.mark.parametrize("f", [
    assigns_a_variable, writes_a_variable, writes_by_a_method, writes_by_out, appends_to_its_own_list, jumps, returns,
    changes_a_global_that_it_reads, changes_a_list_that_it_reads, changes_a_dict_that_it_reads,
    changes_a_variable_of_the_function_around, uses_the_name_outside, of_an_expression, of_an_int, of_a_dict,
    other_context, without_a_name, among_others,
])  # fmt: skip
def test_refused_with_the_line(f):
    with pytest.raises(SrcgradError) as caught:
        srcgrad.grad(f)(X)
    error = caught.value
    assert isinstance(error, UnsupportedError) and error.remedy and error.pos is not None
    assert "# <- here" in linecache.getline(error.pos.file, error.pos.line), str(error)
