"""The output language is part of the input language: gradients of programs of all sorts are differentiated again.

SRCGRAD_SECOND_ORDER says how many generated programs (default 12).
"""

import copy
import importlib
import os

import numpy as np
import pytest

from srcgrad import grad
from srcgrad.errors import SrcgradError
from tests.compositions.second import weighted
from tests.gallery.test_gallery import NAMES
from tests.programs import oracle
from tests.programs.generator import seeded
from tests.support import Cases, NotSmooth, check, differentiable_args

COUNT = int(os.environ.get("SRCGRAD_SECOND_ORDER", "12"))

MODULES = ["test_calls", "test_containers", "test_expressions", "test_grids", "test_inplace", "test_integers",
           "test_layouts", "test_lists_of_lists", "test_shared_lists", "test_side_effects", "test_states",
           "test_statements"]  # fmt: skip

# what is refused to second order, though not to first: see docs/limits.md
REFUSED = {
    "key_set_in_a_branch", "list_items_in_nested_loops", "rows_with_every_method", "callee_that_takes_views",
    "recursion_that_writes",
}  # fmt: skip

EVERY = 3
"""One in so many of the programs of the language's tests is taken to second order."""

WHOLE = ["test_lists_of_lists"]
"""All of these are: a generated list is filled where it is held, and copied."""


@pytest.mark.parametrize("name", NAMES)
def test_gallery(name):
    module = importlib.import_module(f"tests.gallery.{name}")
    args = module.inputs(np.random.default_rng(0))
    check(weighted(module.primal, args, module.ARGNUMS), *args, argnums=module.ARGNUMS, rtol=1e-4)


def language_programs():
    for module in MODULES:
        held = [v for v in vars(importlib.import_module(f"tests.language.{module}")).values() if isinstance(v, Cases)]
        plain = [p for cases in held for p in cases.params if p.values[3] == "plain" and not p.values[2].get("kwargs")]
        for number, param in enumerate(plain):
            f, args, options, _ = param.values
            if number % EVERY == 0 or module in WHOLE or f.__name__ in REFUSED:
                yield pytest.param(f, args, options.get("argnums"), id=f"{module}-{f.__name__}")


@pytest.mark.parametrize("f, args, argnums", list(language_programs()))
def test_language(f, args, argnums):
    argnums = (argnums,) if isinstance(argnums, int) else argnums or differentiable_args(args)
    args = copy.deepcopy(args)
    try:
        check(f, *args, argnums=argnums)
    except SrcgradError:
        pytest.skip("refused to first order")
    second = weighted(f, args, argnums)
    try:
        check(second, *args, argnums=argnums, rtol=1e-5)
    except NotSmooth:
        pytest.skip("the gradient has a kink here")
    except SrcgradError as error:
        if f.__name__ not in REFUSED:
            raise
        assert error.pos is not None
    else:
        assert f.__name__ not in REFUSED, "no longer refused: take it from the list"


SECOND = """

from srcgrad import grad

WX = np.linspace(-1.0, 1.5, 100)
primal = f


def f(x, m, p):
    d_x, d_m, d_p = grad(primal, argnums=(0, 1, 2))(x, m, p)
    return np.sum(d_x * WX[: d_x.size]) + np.sum(d_m * d_m) + 0.7 * d_p
"""


@pytest.mark.parametrize("seed", range(COUNT))
def test_generated_programs(seed):
    text = seeded(seed)
    if oracle.judge(text, seed).kind != "ok":
        pytest.skip("not differentiated to first order")
    outcome = oracle.judge(text + SECOND, seed)
    assert not outcome.failed, str(outcome)


# -- third order -------------------------------------------------------------------------------------------------------


def in_place(x):
    y = x.copy()
    for k in range(1, len(y)):
        y[k] += np.sin(y[k - 1]) * y[k]
    return np.sum(y * y * x)


def with_jumps(x):
    s = 0.0
    for v in x:
        if v < 0:
            continue
        s = s * v + v**3
        if s > 4.0:
            break
    return s


def with_containers(x):
    parts = {"a": x[:2] ** 3, "b": [x * s for s in (1.0, 2.0)]}
    return np.sum(parts["a"]) + np.sum(parts["b"][0] * np.sin(parts["b"][1]))


def counted(x):
    b = x * x
    while np.sum(b) < 20:
        b = b * x + 1.0
    return np.sum(b)


def with_linear_algebra(x):
    a = np.outer(x, x) + 3 * np.eye(len(x))
    return np.log(np.linalg.det(a)) + np.sum(np.linalg.solve(a, x))


@pytest.mark.parametrize("f", [in_place, with_jumps, with_containers, counted, with_linear_algebra])
def test_third_order(f):
    x = np.array([0.9, 1.2, -0.4, 1.6])
    w = np.array([0.3, -1.1, 0.7, 0.5])

    def third(x):
        return np.sum(grad(lambda t: np.sum(grad(f)(t) * w))(x) * w[::-1])

    check(third, x, rtol=1e-5)


# -- values that may be None -------------------------------------------------------------------------------------------


def set_behind_a_jump(x, n):
    total = np.zeros(4)
    for k in range(1, 3):
        trips = 0
        while trips < 2 and n < 0:
            total[k] += x[2]
            return np.sum(np.sin(total) * total)
    return 0.0 * x[0]


@pytest.mark.parametrize("n", [-1, 1])
def test_values_that_no_trip_may_have_set(n):
    def second(x, n):
        d = grad(set_behind_a_jump)(x, n)
        return np.sum(d * d)

    check(second, np.array([0.3, 0.4, 0.9]), n, argnums=(0,))


def test_elements_that_are_named_twice():
    def program(a, rows):
        a[:, [0, 2]] = a[:, [2, 0]]
        a[rows] *= a[1:]
        return np.sum(a * a * a[0])

    args = np.array([[0.3, 0.5, -0.2], [1.0, -0.7, 0.4], [0.2, 0.8, -0.6]]), np.array([1, 1])
    check(weighted(program, args, (0,)), *args, argnums=(0,), rtol=1e-5)
