"""The gallery: the generated gradient gives the numbers of the hand-written one, in about as many statements."""

import ast
import copy
import importlib
import inspect
import pathlib

import numpy as np
import pytest

from srcgrad import grad
from tests.gallery_tools import count_statements
from tests.support import assert_matches, check, compare, float_leaves, leaf_gradients

NAMES = sorted(p.stem for p in pathlib.Path(__file__).parent.glob("*.py") if not p.stem.startswith(("test_", "__")))

# How many statements more than the hand-written gradient each generated one may have.
ALLOWANCE = {
    "cholesky": 2,
    "doubling": 2,
    "early_exit": 8,
    "growing_list": 6,
    "horner": 1,
    "jacobi_2d": 1,
    "mlp": 0,
    "nested_exit": 7,
    "newton_sqrt": 1,
    "overwritten": 0,
    "rk4": 3,
    "side_effect": 0,
    "views": 3,
}


def load(name):
    return importlib.import_module(f"tests.gallery.{name}")


def by_hand(module, args):
    """The hand-written gradients of the arguments in ARGNUMS."""
    result = module.gradient(*copy.deepcopy(args))
    result = result if isinstance(result, tuple) else (result,)
    return tuple(result[i] for i in module.ARGNUMS)


def hand_written_source(module):
    """The functions that the hand-written gradient consists of: `gradient`, and the pairs it calls."""
    parts = ast.parse(inspect.getsource(module)).body
    kept = [p for p in parts if isinstance(p, ast.FunctionDef)
            and (p.name == "gradient" or p.name.endswith(("_fwd", "_rev")))]
    return "\n".join(ast.unparse(p) for p in kept)


def statements(source):
    """Statements of the functions in the source; imports and headers of functions do not count."""
    kinds = (ast.FunctionDef, ast.Import, ast.ImportFrom)
    headers = sum(isinstance(node, kinds) for node in ast.walk(ast.parse(source)))
    return count_statements(source) - headers


def test_all_thirteen_are_here():
    assert len(NAMES) == 13 and set(NAMES) == set(ALLOWANCE)


@pytest.mark.parametrize("name", NAMES)
def test_hand_written_gradient_is_right(name):
    module = load(name)
    for seed in range(3):
        args = module.inputs(np.random.default_rng(seed))
        compare(module.primal, args, module.ARGNUMS, by_hand(module, args))


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_those_of_the_hand_written_gradient(name):
    module = load(name)
    g = grad(module.primal, argnums=module.ARGNUMS)
    for seed in range(5):
        args = module.inputs(np.random.default_rng(seed))
        grads = g(*args)
        expected = by_hand(module, args)
        for i, gradient in zip(module.ARGNUMS, grads, strict=True):
            assert_matches(args[i], gradient)
        for left, right in zip(leaf_gradients(args, module.ARGNUMS, grads),
                               leaf_gradients(args, module.ARGNUMS, expected), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-12)
        assert len(list(float_leaves(args))) >= len(leaf_gradients(args, module.ARGNUMS, grads))
    check(module.primal, *module.inputs(np.random.default_rng(11)), argnums=module.ARGNUMS)


@pytest.mark.parametrize("name", NAMES)
def test_generated_gradient_is_about_as_short(name):
    module = load(name)
    args = module.inputs(np.random.default_rng(0))
    source = grad(module.primal, argnums=module.ARGNUMS).source_for(*args)
    written, generated = statements(hand_written_source(module)), statements(source)
    print(f"{name}: {generated} statements, {written} by hand")
    assert generated <= written + ALLOWANCE[name], f"{generated} statements, {written} by hand\n\n{source}"
