"""check_grads passes right derivatives and fails wrong ones, and says which."""

import copy
import dataclasses
import re
from typing import NamedTuple

import numpy as np
import pytest

from srcgrad import check_grads
from srcgrad.errors import ArgumentError, SrcgradError
from srcgrad.rules.build import xp
from tests.support import assert_same
from tests.trust.wrong import rule_changed, without_tangents

R = np.random.default_rng(5)
A, B, V = R.standard_normal((3, 2)), R.standard_normal((2, 4)), R.standard_normal(3)


class Pair(NamedTuple):
    left: np.ndarray
    right: float


@dataclasses.dataclass
class Model:
    w: np.ndarray
    name: str = "m"


def scalar(x, y):
    return np.sin(x) * y + x / y


def loop(x, n):
    y = x.copy()
    for i in range(n):
        y[1:] = y[:-1] * np.sin(y[1:])
    return np.sum(y**2)


def matrix(a, b):
    return np.tanh(a @ b)


def contained(params, x):
    hidden = np.tanh(x @ params["w"] + params["b"][0])
    return {"loss": np.sum(hidden**2), "hidden": [hidden, 3], "name": "x"}


def fields(pair, model):
    return pair.right * np.sum(pair.left * model.w)


def keyword(x, *, power=2, scale=1.0):
    return scale * np.sum(x**power)


def starred(x, *rest):
    return x * sum(rest)


def in_place(x):
    x *= 2
    return np.sum(x**2)


def zero_slope(x):
    return np.sum(x - np.mean(x))


def minute(x):
    return 1.38e-23 * np.sum(np.exp(x))


def huge(x):
    return 1e12 + 1e12 * np.sum(np.exp(x))


def softmax_sum(x):
    e = np.exp(x)
    return np.sum(e / np.sum(e))


RIGHT = {
    "scalar": (scalar, (0.5, 2.0)), "loop": (loop, (V, 3)), "matrix": (matrix, (A, B)),
    "contained": (contained, ({"w": B, "b": [0.5, 7.0], "n": 3}, A)),
    "fields": (fields, (Pair(V, 2.0), Model(V + 1))), "starred": (starred, (V, V, 2 * V)), "in_place": (in_place, (V,)),
    "zero_slope": (zero_slope, (V,)), "minute": (minute, (V,)), "huge": (huge, (V,)), "softmax": (softmax_sum, (V,)),
    "far": (loop, (1e6 * V, 1)), "near": (scalar, (1e-6, 3e-7)), "zero size": (matrix, (A[:0], B)),
    "numpy scalar": (scalar, (np.float64(0.5), np.float64(2.0))), "0-d": (scalar, (np.array(0.5), np.array(2.0))),
}  # fmt: skip


@pytest.mark.parametrize("f, args", RIGHT.values(), ids=RIGHT)
def test_right_derivatives_pass(f, args):
    before = copy.deepcopy(args)
    check_grads(f, args, order=1)
    assert_same(args, before)


@pytest.mark.parametrize("name", ["scalar", "loop", "matrix", "contained"])
def test_second_derivatives_pass(name):
    f, args = RIGHT[name]
    check_grads(f, args, order=2)


def test_third_derivatives_pass():
    check_grads(scalar, (0.5, 2.0), order=3)


@pytest.mark.parametrize("name", ["scalar", "loop", "matrix"])
def test_single_precision(name):
    f, args = RIGHT[name]
    check_grads(f, tuple(a.astype("float32") if isinstance(a, np.ndarray) else np.float32(a)
                         if isinstance(a, float) else a for a in args), order=1)  # fmt: skip


def test_single_precision_inside():
    def inside(x):
        return np.sum(np.sin(x.astype(np.float32)))

    check_grads(inside, (V,), order=1)


def test_keywords_are_held_constant():
    check_grads(keyword, (V,), kwargs={"power": 3, "scale": 0.5}, order=1)


@pytest.mark.parametrize("argnums", [1, "y", (0, 1), ["x"], -1])
def test_argnums(argnums):
    check_grads(scalar, (0.5, 2.0), argnums=argnums, order=1)


def test_repeats_itself():
    def fails(x):
        return np.sum(np.abs(x))

    said = []
    for _ in range(2):
        with pytest.raises(AssertionError) as info:
            check_grads(fails, (np.zeros(3) + 1e-5 * np.arange(3),), order=2, eps=1e-2)
        said.append(str(info.value))
    assert said[0] == said[1]


# ---- wrong derivatives -------------------------------------------------------------------------------------------


def sines(params):
    return np.sum(np.sin(params["w"])) + params["b"]


PARAMS = {"w": R.uniform(0.2, 1.2, (3, 4)), "b": 1.0}

WRONG = {
    "factor": (lambda x, out: 2 * xp.cos(x), "a factor of 2"),
    "sign": (lambda x, out: -xp.cos(x), "a factor of -1"),
    "a little": (lambda x, out: 1.0001 * xp.cos(x), "12 of 13 components"),
    "nan": (lambda x, out: xp.cos(x) * xp.sqrt(-x), "not finite"),
    "zero": (lambda x, out: 0 * x, "12 of 13 components"),
}


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("partial, said", WRONG.values(), ids=WRONG)
def test_wrong_partials_are_found_by_either_mode(partial, said, mode):
    with rule_changed(np.sin, builders={"x": partial}, via_out={}):
        with pytest.raises(AssertionError) as info:
            check_grads(sines, (PARAMS,), modes=(mode,))
    text = str(info.value)
    assert f"sines by {mode} mode, order 1" in text
    assert re.search(r'params\["w"\]\[\d, \d\]', text) and said in text
    assert "seems to have no derivative" not in text


def test_the_component_that_is_wrong_is_named_with_both_numbers():
    x = R.uniform(0.2, 1.0, (40, 50))
    x[17, 31] = 1.3
    with rule_changed(np.sin, builders={"x": lambda x, out: xp.cos(x) * (1 + 3 * (x > 1.2))}, via_out={}):
        with pytest.raises(AssertionError) as info:
            check_grads(sines, ({"w": x, "b": 0.0},), order=1)
    text = str(info.value)
    assert 'params["w"][17, 31]' in text
    assert float(re.search(r"srcgrad +(\S+)", text)[1]) == pytest.approx(4 * np.cos(1.3))
    assert float(re.search(r"difference quotient +(\S+)", text)[1]) == pytest.approx(np.cos(1.3), rel=1e-6)


def test_a_wrong_leaf_is_found_beside_large_ones():
    def two(params):
        return 1e4 * np.sum(params["large"]) + 1e-3 * np.sin(params["small"])

    with rule_changed(np.sin, builders={"x": lambda x, out: 2 * xp.cos(x)}, via_out={}):
        with pytest.raises(AssertionError, match=r'params\["small"\]'):
            check_grads(two, ({"large": V, "small": 0.3},), order=1)


def test_a_minute_function_is_tested_as_any_other():
    with rule_changed(np.exp, builders={"x": lambda x, out: 2 * out}, via_out={}):
        with pytest.raises(AssertionError, match="a factor of 2"):
            check_grads(minute, (V,), order=1)


def running(x):
    return np.cumsum(x) ** 2


def test_a_wrong_transposition_is_found_in_reverse_mode_alone():
    with rule_changed(np.cumsum, builders={"a": lambda d, a, axis=None: xp.cumsum(d)}):
        check_grads(running, (V,), order=1, modes=("forward",))
        for modes in (("reverse",), ("reverse", "forward"), "rev"):
            with pytest.raises(AssertionError, match="by reverse mode") as info:
                check_grads(running, (V,), order=1, modes=modes)
            assert re.search(r"argument +x\[\d\]", str(info.value))
            assert re.search(r"element of result +result\[\d\]", str(info.value))


def test_a_wrong_linear_map_is_found_in_forward_mode_alone():
    def length(x):
        return np.linalg.norm(x)

    with rule_changed(np.linalg.norm, linear=frozenset({"x"}), **without_tangents(np.linalg.norm)):
        check_grads(length, (V,), order=1, modes=("reverse",))
        for modes in ("forward", ("reverse", "forward")):
            with pytest.raises(AssertionError, match="by forward mode"):
                check_grads(length, (V,), order=1, modes=modes)


def test_the_modes_are_held_against_each_other_more_sharply_than_against_quotients():
    """Wrong by 1e-5, which is allowed to either mode alone."""
    changed = {"a": lambda d, a, axis=None: 1.00001 * xp.flip(xp.cumsum(xp.flip(d)))}
    with rule_changed(np.cumsum, builders=changed):
        check_grads(running, (V,), order=1, rtol=1e-3, modes=("reverse",))
        with pytest.raises(AssertionError, match="the two modes disagree") as info:
            check_grads(running, (V,), order=1, rtol=1e-3)
    assert "srcgrad, forward" in str(info.value) and "srcgrad, reverse" in str(info.value)


def test_wrong_at_order_two_only():
    def sine(x):
        return np.sum(np.sin(x))

    with rule_changed(np.cos, builders={"x": lambda x, out: -2 * xp.sin(x)}, via_out={}):
        check_grads(sine, (V,), order=1)
        for mode, other in (("reverse", "reverse"), ("forward", "forward")):
            with pytest.raises(AssertionError, match=f"sine by {mode} over {other} mode, order 2, is wrong"):
                check_grads(sine, (V,), order=2, modes=(mode,))


# ---- functions that have no derivative -----------------------------------------------------------------------------


def test_a_kink_is_said_with_its_slopes():
    def bend(x):
        return np.sum(np.where(x > 0, 3 * x, -2 * x))

    with pytest.raises(AssertionError, match=r"slopes to the left and to the right of it are -2 and 3"):
        check_grads(bend, (np.array([1.0, 0.0, 2.0]),), order=1)


def test_a_jump_is_said():
    def jump(x):
        return np.sum(np.where(x > 0, x + 1, x))

    with pytest.raises(AssertionError, match="grows without bound"):
        check_grads(jump, (np.array([1.0, 0.0, 2.0]),), order=1)


def test_the_edge_of_a_domain_is_said():
    def root(x):
        return np.sum(np.sqrt(x))

    with pytest.raises(AssertionError, match="not finite on one side"):
        check_grads(root, (np.array([1.0, 0.0]),), order=1)
    with pytest.raises(AssertionError, match="result is not finite at the given point"), np.errstate(all="ignore"):
        check_grads(root, (np.array([1.0, -1.0]),), order=1)


def test_a_kink_nearby_does_no_harm():
    def relu(x):
        return np.sum(np.maximum(x, 0) ** 1 * x)

    check_grads(relu, (np.array([1.0, 1e-5, -1e-5]),), order=1)


# ---- what cannot be checked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("call, said", [
    (lambda: check_grads(scalar, V), "takes a tuple"),
    (lambda: check_grads(scalar, (0.5, 2.0), order=0), "order=0"),
    (lambda: check_grads(scalar, (0.5, 2.0), modes=("backward",)), "modes"),
    (lambda: check_grads(scalar, (0.5, 2.0), argnums="z"), "'z'"),
    (lambda: check_grads(scalar, (0.5, 2.0), argnums=2), "argnums=2"),
    (lambda: check_grads(scalar, (0.5,)), "missing a required argument: 'y'"),
    (lambda: check_grads(scalar, (1, 2)), "hold no floats"),
    (lambda: check_grads(lambda x: int(x), (1.0,)), "result of <lambda> holds no floats"),
])  # fmt: skip
def test_bad_arguments(call, said):
    with pytest.raises(ArgumentError, match=re.escape(said)):
        call()


def test_a_refusal_is_a_refusal():
    def reads(x):
        return eval("x") * 2

    with pytest.raises(SrcgradError):
        check_grads(reads, (1.0,))
