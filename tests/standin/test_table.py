"""The table of what CuPy has is that of the CuPy that it says."""

import importlib.util
import pathlib

import pytest

from tests.standin import VERSION
from tests.standin.arrays import TABLE


def test_the_table_is_that_of_the_installed_cupy():
    cupy = pytest.importorskip("cupy")
    if cupy.__version__ != VERSION:
        pytest.skip(f"the table is of CuPy {VERSION}")
    path = pathlib.Path(__file__).parents[2] / "tools" / "cupy_table.py"
    spec = importlib.util.spec_from_file_location("cupy_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.table() == TABLE
