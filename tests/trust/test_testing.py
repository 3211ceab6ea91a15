"""srcgrad.testing: strategies give what they promise; the property fails on wrong derivatives, never for nothing."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, Unsatisfiable

from srcgrad.errors import ArgumentError
from srcgrad.rules.build import xp
from srcgrad.testing import arrays, containers, floats, gradient_matches, shapes
from tests.trust.wrong import rule_changed

quick = settings(max_examples=30, deadline=None)
once = settings(max_examples=60, deadline=None, phases=[Phase.generate], database=None)

ELEMENTS = {
    "real": lambda x: np.all(np.abs(x) <= 3),
    "positive": lambda x: np.all((x >= 1 / 16) & (x <= 4)),
    "unit": lambda x: np.all((x > 0) & (x < 1)),
    "nonzero": lambda x: np.all((np.abs(x) >= 1 / 16) & (np.abs(x) <= 3.1)),
    "distinct": lambda x: len(np.unique(x)) == x.size and np.all(np.abs(x) <= 3),
    (0.25, 0.3): lambda x: np.all((x >= 0.25) & (x <= 0.3)),
    (-1.0, -1.0): lambda x: np.all(x == -1),
}


@pytest.mark.parametrize("domain", ELEMENTS, ids=str)
@quick
@given(data=st.data())
def test_domains_of_elements(domain, data):
    shape = data.draw(shapes(min_dims=0, max_dims=3, min_side=0))
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    x = data.draw(arrays(shape, dtype, domain))
    assert type(x) is np.ndarray and x.shape == shape and x.dtype == dtype
    assert np.all(np.isfinite(x)) and ELEMENTS[domain](x.astype(np.float64) if domain != (0.25, 0.3) else x)


@quick
@given(arrays((2, 3, 3), domain="matrix"), arrays((4, 2), domain="matrix"))
def test_matrices_are_well_conditioned(square, tall):
    for a in (*square, tall):
        sizes = np.linalg.svd(a, compute_uv=False)
        assert 0.49 <= sizes.min() and sizes.max() <= 1.51


@quick
@given(st.integers(1, 5).flatmap(lambda n: arrays((2, n, n), domain="spd")))
def test_spd(a):
    assert np.array_equal(a, np.swapaxes(a, 1, 2))
    values = np.linalg.eigvalsh(a)
    assert values.min() >= 0.99 and values.max() <= 3.01


@quick
@given(arrays(shapes(), domain="probability"))
def test_probabilities(p):
    assert np.all(p > 0) and np.allclose(p.sum(axis=-1), 1)


@quick
@given(floats(), floats("positive"), floats((2.0, 3.0)))
def test_floats(a, b, c):
    assert type(a) is float and -3 <= a <= 3 and type(b) is float and b > 0 and 2 <= c <= 3


@quick
@given(shapes(min_dims=2, max_dims=3, min_side=1, max_side=2))
def test_shapes(shape):
    assert type(shape) is tuple and 2 <= len(shape) <= 3 and set(shape) <= {1, 2}


def leaves(tree):
    if isinstance(tree, dict):
        return [leaf for item in tree.values() for leaf in leaves(item)]
    return [leaf for item in tree for leaf in leaves(item)] if isinstance(tree, (list, tuple)) else [tree]


@quick
@given(containers(), containers(floats("positive"), max_leaves=3))
def test_containers(mixed, numbers):
    assert isinstance(mixed, (dict, list, tuple)) and isinstance(numbers, (dict, list, tuple))
    assert leaves(mixed) and all(isinstance(leaf, (float, np.ndarray)) for leaf in leaves(mixed))
    assert leaves(numbers) and all(type(leaf) is float and leaf > 0 for leaf in leaves(numbers))


def test_strategies_find_all_kinds():
    seen = set()

    @once
    @given(containers(), arrays(4), arrays(4, domain="nonzero"), arrays(shapes()))
    def collect(tree, real, nonzero, any_shape):
        seen.add(type(tree))
        seen.update({"zero"} if np.any(real == 0) else ())
        seen.update(np.sign(nonzero))
        seen.add(any_shape.ndim)

    collect()
    assert {dict, list, tuple, -1.0, 1.0, 2, 3} <= seen


def test_large_arrays_are_drawn_whole():
    @once
    @given(arrays((40, 50), domain="distinct"), arrays(1000))
    def large(x, y):
        assert len(np.unique(x)) == 2000 and len(np.unique(y)) > 100

    large()


@pytest.mark.parametrize("call, said", [
    (lambda: arrays(3, domain="integer"), "not known"), (lambda: arrays(3, domain=(1, 0)), "no interval"),
    (lambda: arrays(3, domain=(0, np.inf)), "no interval"), (lambda: arrays(3, int), "not a dtype of floats"),
    (lambda: arrays(3, domain="matrix"), "two axes"), (lambda: arrays((2, 3), domain="spd"), "square"),
    (lambda: floats("spd"), "a number"),
])  # fmt: skip
def test_bad_arguments_of_strategies(call, said):
    with pytest.raises(ArgumentError, match=said):
        call()


# ---- the property --------------------------------------------------------------------------------------------------


def entropy(p):
    return -np.sum(p * np.log(p))


def total(weights):
    return sum([np.sum(np.sin(w) * w) for w in weights])


def deep(tree):
    return np.sum(np.exp(tree["w"])) * tree["rest"][0] + tree["rest"][1]["b"]


@quick
@given(arrays((2, 3), domain="probability"))
def test_a_right_function(p):
    gradient_matches(entropy, order=2)(p)


@settings(max_examples=10, deadline=None)
@given(containers(max_leaves=4).map(leaves), arrays(3), floats(), floats())
def test_a_right_function_of_containers(weights, w, a, b):
    gradient_matches(total)(weights)
    gradient_matches(deep)({"w": w, "rest": (a, {"b": b, "n": 3})})


def slopes(x, y, *, rate=1.0):
    return rate * np.sum(np.sin(x) * y)


@quick
@given(arrays(3), arrays(3), floats())
def test_keywords_and_argnums(x, y, rate):
    gradient_matches(slopes, argnums="y")(x, y, rate=rate)


def fails(f, strategy, **options):
    """The error of a property that is to fail."""

    @settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.generate], database=None, derandomize=True,
              suppress_health_check=[HealthCheck.filter_too_much])  # fmt: skip
    @given(strategy)
    def prop(x):
        gradient_matches(f, **options)(x)

    with pytest.raises((AssertionError, Unsatisfiable, FailedHealthCheck)) as info:
        prop()
    return info


def sines(x):
    return np.sum(np.sin(x) * x)


@pytest.mark.parametrize("partial", [lambda x, out: 1.001 * xp.cos(x), lambda x, out: xp.cos(-x) - 2 * xp.cos(x),
                                     lambda x, out: xp.cos(x) * (1 + (x > 1.0))])  # fmt: skip
def test_wrong_functions_fail(partial):
    with rule_changed(np.sin, builders={"x": partial}, via_out={}):
        info = fails(sines, arrays((2, 3)))
    assert issubclass(info.type, AssertionError) and "sines" in str(info.value) and "order 1" in str(info.value)


def test_wrong_at_order_two_fails():
    with rule_changed(np.cos, builders={"x": lambda x, out: xp.sin(x)}, via_out={}):
        assert "order 2" in str(fails(sines, arrays(3), order=2).value)


def test_points_without_derivative_are_left_out():
    def bent(x):
        return np.sum(np.abs(x)) + np.sum(np.sqrt(x[0] + 2.0)) + np.sum(np.maximum(x, 1.0))

    prop = gradient_matches(bent)

    @settings(max_examples=60, deadline=None, phases=[Phase.generate], database=None)
    @given(arrays(2, domain=(-2.0, 2.0)))
    def test(x):
        assume(True)
        prop(x)

    test()
    assert prop.seen.checked >= 20
    with pytest.raises(AssertionError, match="no derivative at the given point: the slopes to the left"):
        prop(np.array([0.0, 0.5]))


def test_a_property_that_checks_nothing_fails():
    def kinked(x):
        return np.sum(np.abs(x - x.copy() + 1e-300 * x))

    def nowhere(x):
        return np.sum(np.abs(x)) + np.sum(np.sqrt(-1 - x**2))

    def raises(x):
        raise ValueError("out of range")

    with np.errstate(all="ignore"):
        for f, said in ((nowhere, "not finite"), (raises, "out of range")):
            info = fails(f, arrays(3))
            assert info.type in (Unsatisfiable, FailedHealthCheck) or said in str(info.value)

    def zero(x):
        return np.sum(np.abs(0 * x + np.minimum(x, 0) ** 0 * x))

    info = fails(zero, arrays(3).map(lambda x: 0 * x))
    assert info.type in (Unsatisfiable, FailedHealthCheck) or "checked nothing" in str(info.value)


def test_the_report_of_a_property_that_checks_nothing():
    def nowhere(x):
        return np.sum(np.sqrt(-1 - x**2))

    @settings(max_examples=200, deadline=None, phases=[Phase.generate], database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(arrays(3))
    def prop(x):
        with np.errstate(all="ignore"):
            gradient_matches(nowhere)(x)

    with pytest.raises(AssertionError, match=r"gradient_matches\(nowhere\) has checked nothing.*result is not finite"):
        prop()


def test_without_hypothesis():
    code = """
import sys
sys.modules["hypothesis"] = None
import numpy as np
import srcgrad.testing as t
t.gradient_matches
try:
    t.arrays(3)
except ImportError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "pip install srcgrad[testing]" in ran.stdout


def test_import_of_srcgrad_does_not_import_hypothesis():
    code = "import srcgrad, srcgrad.testing, sys; print('hypothesis' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "False"
