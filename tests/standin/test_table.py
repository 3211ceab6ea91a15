"""The stand-in has what the CuPy has that it says it stands for. Needs CuPy, but no device."""

import copy
import importlib.util
import pathlib
import sys

import pytest

import srcgrad
from srcgrad.backends import cupy as backend
from tests.backends.rule_programs import calls, elementwise
from tests.backends.tools import to_device
from tests.standin import VERSION, installed
from tests.standin.arrays import TABLE
from tests.support import differentiable_args


@pytest.fixture
def cupy():
    module = pytest.importorskip("cupy")
    if module.__version__ != VERSION:
        pytest.skip(f"the table is of CuPy {VERSION}")
    return module


def test_the_table_is_that_of_the_installed_cupy(cupy):
    path = pathlib.Path(__file__).parents[2] / "tools" / "cupy_table.py"
    spec = importlib.util.spec_from_file_location("cupy_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.table() == TABLE


def test_what_is_printed_for_it_is_what_is_printed_for_cupy(cupy):
    def printed(f, args):
        for memory in (backend.waits, backend.missing_in_helper, backend.waits_in_helper):
            memory.cache_clear()
        try:
            return srcgrad.value_and_grad(f, argnums=differentiable_args(args)).source_for(*args)
        except srcgrad.SrcgradError as error:
            return str(error)

    own = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("cupy", "cupyx")}
    for text, f, args in [*elementwise(), *calls()]:
        if differentiable_args(args):
            with installed() as stand_in:
                given = to_device(stand_in, copy.deepcopy(args))
                here = printed(f, given)
            sys.modules.update(own)
            assert printed(f, given) == here, text
