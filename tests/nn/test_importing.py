"""What importing costs."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["srcgrad", "srcgrad.nn"])
def test_importing_brings_no_library_that_only_some_need(module):
    code = f"import sys, {module}; print(*sys.modules)"
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert module in loaded
    assert not loaded & {"tqdm", "safetensors", "sklearn", "matplotlib", "mpi4py", "scipy", "cupy", "numba"}
