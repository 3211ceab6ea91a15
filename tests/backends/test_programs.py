"""Programs on the device give what they give on the host, and nothing of theirs leaks to the host."""

import copy
import importlib
import os

import numpy as np
import pytest

import srcgrad
from srcgrad.api.gradient import GradientFunction
from srcgrad.errors import ArgumentError, SrcgradError
from tests.backends.rule_programs import calls, elementwise
from tests.backends.tools import hold_on_device, to_device
from tests.gallery.test_gallery import NAMES
from tests.gallery.test_gallery import load as gallery
from tests.programs import oracle
from tests.programs.generator import seeded
from tests.rules.defined_support import matrices
from tests.standin import syncs
from tests.support import differentiable_args, load

COUNT = int(os.environ.get("SRCGRAD_PROGRAMS", "300")) // 20

ON_DEVICE_TOO = True


@pytest.mark.parametrize("name", NAMES)
def test_gallery(cp, name):
    module = gallery(name)
    hold_on_device(cp, module.primal, module.inputs(np.random.default_rng(0)), module.ARGNUMS)


LANGUAGE = [
    pytest.param(*p.values[:3], id=p.id)
    for module in ("inplace", "statements", "expressions", "containers", "shared_lists")
    for p in importlib.import_module(f"tests.language.test_{module}").CASES.params
    if p.values[3] == "plain" and "kwargs" not in p.values[2]
]


@pytest.mark.parametrize("f, args, options", LANGUAGE)
def test_language(cp, f, args, options):
    argnums = options.get("argnums")
    try:
        hold_on_device(cp, f, copy.deepcopy(args), (argnums,) if isinstance(argnums, int) else argnums)
    except ArgumentError as error:
        assert "holds NumPy arrays" in str(error)  # of the test's module


def test_generated_programs(cp):
    done = 0
    for seed in range(COUNT):
        f, args = load(seeded(seed)), oracle.inputs(seed)
        if runs(f, args, oracle.ARGNUMS):
            hold_on_device(cp, f, args, oracle.ARGNUMS)
            done += 1
    assert done > COUNT / 2


def runs(f, args, argnums):
    """Whether a program can be differentiated on the host."""
    try:
        with np.errstate(all="ignore"):
            srcgrad.value_and_grad(f, argnums)(*copy.deepcopy(args))
    except (SrcgradError, ArithmeticError, ValueError):
        return False
    return True


REFUSED = ("CuPy has no", "does not take", "CuPy has none", "wants", "element by element")


def hold_or_refused(cp, f, args):
    """Whether the program is right on the device; False where CuPy lacks something."""
    argnums = differentiable_args(args)
    if not argnums or not runs(f, args, argnums):
        return None
    try:
        hold_on_device(cp, f, args, argnums)
    except ArgumentError as error:
        assert "holds NumPy arrays" in str(error)  # of the test's module
        return None
    except SrcgradError as error:
        assert any(text in error.reason for text in REFUSED), error
        assert error.pos is not None and error.remedy
        return False
    return True


@pytest.mark.parametrize("cases, most", [(calls, 0.25), (elementwise, 0.25)])
def test_rules(cp, cases, most):
    found = []
    for k, (text, f, args) in enumerate(cases()):
        if cases is elementwise or k % 4 == 0:
            try:
                found.append(hold_or_refused(cp, f, args))
            except Exception as error:
                raise AssertionError(f"{text} of {args}: {error}") from error
    assert found.count(True) > 100 and found.count(False) < most * len(found)


@pytest.mark.parametrize("module", ["matrices", "products", "rearranging"])
def test_functions_differentiated_as_what_they_are_made_of(cp, module):
    programs = importlib.import_module(f"tests.rules.test_defined_{module}").program
    for f, key in programs[::2]:
        try:
            hold_or_refused(cp, f, (matrices(key),))
        except Exception as error:
            raise AssertionError(f"{f.__name__}: {error}") from error


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_waits_as_often_as_the_function(cp, name):
    module = gallery(name)
    args = to_device(cp, module.inputs(np.random.default_rng(0)))
    with syncs() as function:
        GradientFunction(module.primal, (), mode="primal")(*args)
    with syncs() as gradient:
        srcgrad.grad(module.primal, module.ARGNUMS)(*args)
    assert gradient.count <= function.count
