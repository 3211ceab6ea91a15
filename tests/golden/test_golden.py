"""The generated text of about twenty functions in both modes, line by line: a change of style shows in the diff of these files.

To accept new text: SRCGRAD_UPDATE_GOLDEN=1 pytest tests/golden
"""

from __future__ import annotations

import importlib
import inspect
import os
import pathlib

import numpy as np
import pytest

from srcgrad import GradientFunction, grad
from tests.golden.functions import inputs

HERE = pathlib.Path(__file__).parent
GALLERY = sorted(p.stem for p in (HERE.parent / "gallery").glob("*.py") if not p.stem.startswith(("_", "test")))


def _cases():
    for function, args in inputs().items():
        yield function.__name__, function, args
    for name in GALLERY:
        module = importlib.import_module(f"tests.gallery.{name}")
        yield f"gallery_{name}", module.primal, module.inputs(np.random.default_rng(0))


def _differentiable(args) -> tuple[int, ...]:
    def floats(value) -> bool:
        if isinstance(value, np.ndarray):
            return value.dtype.kind == "f"
        if isinstance(value, dict):
            return any(floats(v) for v in value.values())
        if isinstance(value, (list, tuple)):
            return any(floats(v) for v in value)
        return isinstance(value, float)

    return tuple(k for k, value in enumerate(args) if floats(value))


CASES = [pytest.param(*case, id=case[0]) for case in _cases()]


@pytest.mark.parametrize(("name", "function", "args"), CASES)
def test_generated_source_is_the_golden_one(name, function, args):
    wrt = _differentiable(args)
    made = grad(function, argnums=wrt[0] if len(wrt) == 1 else wrt)
    text = made.source_for(*args)
    assert text == grad(function, argnums=made.argnums).source_for(*args), "the same function gives the same text"
    _hold_against(HERE / f"{name}.txt", text, function)


@pytest.mark.parametrize(("name", "function", "args"), CASES)
def test_generated_tangent_is_the_golden_one(name, function, args):
    made = GradientFunction(function, _differentiable(args), mode="jvp", with_value=True)
    _hold_against(HERE / f"forward_{name}.txt", made.source_for(*args), function)


def _hold_against(file, text, function):
    if os.environ.get("SRCGRAD_UPDATE_GOLDEN"):
        file.write_text(text)
    assert file.exists(), f"no golden file {file.name}: run with SRCGRAD_UPDATE_GOLDEN=1"
    assert text == file.read_text(), f"the derivative of {inspect.getsourcefile(function)}:{function.__name__} changed"
