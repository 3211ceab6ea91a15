"""`check` must be able to fail: each kind of wrong gradient is handed to it."""

import copy
import inspect
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import srcgrad
from tests import support


def wave(x, w):
    return np.sum(np.sin(x) * w)


def exact(x, w):
    return np.cos(x) * w, np.sin(x)


def lying(monkeypatch, gradient, value=wave):
    """Let srcgrad.grad and value_and_grad answer with the given gradient."""
    monkeypatch.setattr(srcgrad, "grad", lambda f, argnums: lambda *args: gradient(*args))
    monkeypatch.setattr(srcgrad, "value_and_grad", lambda f, argnums: lambda *args: (value(*args), gradient(*args)))


X, W = np.array([0.3, -1.2, 2.0]), np.array([1.0, 0.5, -2.0])


def test_a_right_gradient_passes(monkeypatch):
    lying(monkeypatch, exact)
    support.check(wave, X, W)


def modifies(x, w):
    grads = exact(x, w)
    x += 1
    return grads


@pytest.mark.parametrize("wrong, message", [
    (lambda x, w: (np.cos(x) * w + np.array([0, 0, 1e-5]), np.sin(x)), "wrong gradient"),
    (lambda x, w: (np.cos(x) * w, 0 * x), "wrong gradient"),
    (lambda x, w: (np.cos(x) * w * np.nan, np.sin(x)), "wrong gradient"),
    (lambda x, w: (np.cos(x) * w, np.sin(x)[:, None]), "shape"),
    (lambda x, w: (np.cos(x) * w, np.sin(x).astype(np.float32)), "dtype"),
    (lambda x, w: (list(np.cos(x) * w), np.sin(x)), "list for an array"),
    (lambda x, w: (np.cos(x) * w, None), "NoneType for an array"),
    (lambda x, w: (np.cos(x) * w,), "one gradient for each"),
    (modifies, "modified"),
])
def test_a_wrong_gradient_fails(monkeypatch, wrong, message):
    lying(monkeypatch, wrong)
    with pytest.raises(AssertionError, match=message):
        support.check(wave, X.copy(), W.copy())


def test_a_wrong_value_fails(monkeypatch):
    lying(monkeypatch, exact, value=lambda x, w: wave(x, w) + 1e-6)
    with pytest.raises(AssertionError, match="not the primal's"):
        support.check(wave, X, W)


def test_a_buffer_shared_between_calls_fails(monkeypatch):
    buffers = [np.zeros(3), np.zeros(3)]
    calls = []

    def shared(x, w):
        calls.append(1)
        buffers[0][:], buffers[1][:] = np.cos(x) * w * (1 if len(calls) < 3 else 2), np.sin(x)
        return tuple(buffers)

    lying(monkeypatch, shared)
    with pytest.raises(AssertionError, match="changed|another"):
        support.check(wave, X, W)


def test_a_kink_is_the_tests_own_mistake(monkeypatch):
    lying(monkeypatch, lambda x: (np.sign(x),), value=lambda x: np.sum(np.abs(x)))
    with pytest.raises(support.NotSmooth):
        support.check(lambda x: np.sum(np.abs(x)), np.zeros(3))


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Box:
    weight: Any
    n: int = 3


def test_structures_are_compared():
    argument = {"p": Pair(1.0, [X, 2]), "q": Box(W), "s": "name"}
    right = {"p": Pair(0.0, [X * 0, None]), "q": Box(W, None), "s": None}
    support.assert_matches(argument, right)
    for path, bad in [(("p",), (0.0, [X * 0, None])), (("s",), 0.0), (("q",), Box(W, 0.0)), (("q",), {"weight": W})]:
        wrong = copy.copy(right)
        wrong[path[0]] = bad
        with pytest.raises(AssertionError):
            support.assert_matches(argument, wrong)
    with pytest.raises(AssertionError):
        support.assert_matches(argument, {k: right[k] for k in ("p", "q")})


def test_float_leaves_are_rebuilt_in_order():
    tree = {"p": Pair(1.0, [X, 2]), "q": Box(W)}
    leaves = [leaf for _, leaf in support.float_leaves(tree)]
    assert [np.size(leaf) for leaf in leaves] == [1, 3, 3]
    doubled = support.rebuilt(tree, lambda leaf: leaf * 2)
    assert doubled["p"].a == 2.0 and doubled["p"].b[1] == 2 and isinstance(doubled["q"], Box)
    np.testing.assert_array_equal(doubled["q"].weight, 2 * W)
    np.testing.assert_array_equal(tree["q"].weight, W)


def nested(x):
    y = np.sin(x)
    return np.sum(y * y)


@pytest.mark.parametrize("kind", ["loop", "branch", "jump", "callee"])
def test_wrapped_programs_have_source_and_run(kind):
    program = support.wrapped(nested, kind)
    assert "np.sin" in inspect.getsource(program) or "nested(x)" in inspect.getsource(program)
    assert np.isfinite(program(X))
