"""grad(f, check=True): the dot-product test at every call."""

import pickle
import re

import numpy as np
import pytest

import srcgrad
from srcgrad import elementwise_grad, grad, value_and_grad
from srcgrad.errors import CheckError, SrcgradError
from srcgrad.rules.build import xp
from tests.trust.test_check_grads import (
    PARAMS,
    RIGHT,
    Model,
    huge,
    keyword,
    minute,
    softmax_sum,
    zero_slope,
)
from tests.trust.wrong import rule_changed, without_tangents

R = np.random.default_rng(8)
V = R.standard_normal(4)


def running(x, params=None):
    return np.sum(np.cumsum(x) ** 2)


def reversed_twice(d, a, axis=None):
    return xp.cumsum(d)


def wrong_reverse():
    return rule_changed(np.cumsum, builders={"a": reversed_twice})


@grad(check=True)
def decorated(x):
    return np.sum(x**3)


class Layer:
    scale = 2.0

    @grad(argnums=1, check=True)
    def loss(self, x):
        return self.scale * np.sum(x**2)


def tied(x):
    return np.max(x) + np.sum(np.maximum(x, 0)) + np.sum(np.abs(x)) + np.sum(np.sort(x)[:2])


def kernel(x):
    x[1:] += x[:-1] ** 2
    return x.sum()


@pytest.mark.parametrize("f, args", [RIGHT["scalar"], RIGHT["loop"], RIGHT["fields"], RIGHT["in_place"],
                                     (zero_slope, (V,)), (softmax_sum, (V,)), (minute, (V,)), (huge, (V,)),
                                     (tied, (np.array([0.0, 0.0, 1.0, 1.0]),)), (kernel, (V,)),
                                     (kernel, (V.astype("float32"),)), (zero_slope, (V.astype("float32"),)),
                                     (softmax_sum, (V.astype("float32"),))])  # fmt: skip
def test_right_gradients_come_through(f, args):
    for call in range(5):
        np.testing.assert_equal(grad(f, check=True)(*args), grad(f)(*args))
    value, gradient = value_and_grad(f, check=True)(*args)
    plain_value, plain = value_and_grad(f)(*args)
    np.testing.assert_equal((value, gradient), (plain_value, plain))


def test_bad_conditions_are_no_false_alarm():
    def solved(a, b):
        return np.sum(np.linalg.solve(a, b) ** 2)

    n = 7
    hilbert = 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1)
    g = grad(solved, argnums=(0, 1), check=True)
    for _ in range(5):
        g(hilbert, np.ones(n))


def test_single_precision_inside_is_no_false_alarm():
    def inside(x):
        return np.sum(np.sin(x.astype(np.float32)) ** 2)

    for k in range(10):
        grad(inside, check=True)(V + k)


def test_every_form():
    assert np.allclose(decorated(V), 3 * V**2)
    layer = Layer()
    assert np.allclose(layer.loss(V), 4 * V)
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    again = pickle.loads(pickle.dumps(grad(running, check=True)))
    with wrong_reverse(), pytest.raises(CheckError):
        type(again)(running)(V)
    assert np.allclose(elementwise_grad(np_sines, check=True)(V), np.cos(V))
    assert np.allclose(grad(keyword, check=True)(V, power=3), 3 * V**2)
    gradient, aux = grad(with_aux, has_aux=True, check=True)(V)
    assert np.allclose(gradient, 2 * V) and aux["n"] == 4
    several = grad(running, argnums=("x",), check=True)(V)
    assert isinstance(several, tuple)


def np_sines(x):
    return np.sin(x)


def with_aux(x):
    return np.sum(x**2), {"n": len(x), "last": x[-1], "name": "aux"}


def in_dict(params):
    return running(params["x"]) + params["rate"]


@pytest.mark.parametrize("make", [grad, value_and_grad, elementwise_grad])
def test_a_disagreement_is_an_error_with_function_component_and_numbers(make):
    with wrong_reverse():
        make(in_dict)({"x": V, "rate": 1.0})
        with pytest.raises(CheckError) as info:
            make(in_dict, check=True)({"x": V, "rate": 1.0})
    assert isinstance(info.value, SrcgradError)
    text = str(info.value)
    component = r'derivative by params\["x"\]\[(\d)\]'
    found = re.search(component + r" is (\S+) by the reverse mode and (\S+) by the forward", text)
    assert "gradient of in_dict failed" in text and found and "test_checked.py" in text
    right = 2 * np.cumsum(np.cumsum(V)[::-1])[::-1]
    wrong = 2 * np.cumsum(np.cumsum(V))
    k = int(found[1])
    assert float(found[3]) == pytest.approx(right[k]) and float(found[2]) == pytest.approx(wrong[k])


def test_a_wrong_method_and_several_arguments():
    def two(model, x):
        return np.sum(np.cumsum(x) * model.w)

    with wrong_reverse(), pytest.raises(CheckError, match=r"derivative by x\[\d\]"):
        grad(two, argnums=(0, 1), check=True)(Model(V), V)


def test_wrong_forward_code_is_seen_too():
    def length(x):
        return np.linalg.norm(x)

    with rule_changed(np.linalg.norm, linear=frozenset({"x"}), **without_tangents(np.linalg.norm)):
        grad(length)(V)
        with pytest.raises(CheckError, match=r"derivative by x\[\d\]"):
            grad(length, check=True)(V)


def test_a_minute_disagreement_is_seen():
    def small(x):
        return 1e-20 * np.sum(np.cumsum(x) ** 2)

    with wrong_reverse(), pytest.raises(CheckError):
        grad(small, check=True)(V)


def test_a_component_that_one_direction_could_miss():
    x = np.zeros(1000)
    x[500] = 2.0
    changed = {"a": lambda d, a, axis=None: xp.flip(xp.cumsum(xp.flip(d))) * (1 + (a > 1.5))}
    with rule_changed(np.cumsum, builders=changed), pytest.raises(CheckError, match=r"x\[500\]"):
        grad(running, check=True)(x)


def test_what_is_not_finite_is_let_through():
    def root(x):
        return np.sum(np.sqrt(x))

    with np.errstate(all="ignore"):
        assert np.isinf(grad(root, check=True)(np.array([1.0, 0.0]))[1])
        assert np.isnan(grad(root, check=True)(np.array([1.0, -1.0]))[1])


def test_random_functions_are_told_so():
    rng = np.random.default_rng(1)

    def dropout(x):
        return np.sum(x * (rng.random(4) > 0.5))

    with pytest.raises(CheckError, match="another value when it is called again"):
        for _ in range(10):
            grad(dropout, check=True)(V)


def test_nothing_is_modified_and_nothing_is_paid_by_default():
    x = V.copy()
    grad(kernel, check=True)(x)
    assert np.array_equal(x, V)
    assert type(grad(kernel)) is srcgrad.GradientFunction
    assert PARAMS["b"] == 1.0
