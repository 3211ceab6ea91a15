"""What benchmarks/gpu.py measures is right: on the stand-in, and where JAX or PyTorch are installed, on the CPU."""

import importlib.util
import pathlib

import numpy as np
import pytest

import srcgrad
from tests.backends.tools import hold_on_device

PATH = pathlib.Path(__file__).parents[2] / "benchmarks" / "gpu_cases.py"


def cases():
    spec = importlib.util.spec_from_file_location("gpu_cases", PATH)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["gpu_cases"] = module
    spec.loader.exec_module(module)
    return module.CASES


CASES = cases()


@pytest.fixture(params=CASES, ids=lambda c: c.name)
def case(request):
    return request.param


def arguments(case):
    return case.make(np.random.default_rng(0), min(case.sizes[0], 16))


def test_on_the_device(cp, case):
    hold_on_device(cp, case.numpy, arguments(case), tuple(range(case.active)))


def close(case, found):
    expected = srcgrad.grad(case.numpy, tuple(range(case.active)))(*arguments(case))
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-3 * np.max(np.abs(want)))


def test_jax_computes_the_same(case):
    jax = pytest.importorskip("jax")
    if case.jax is None:
        pytest.skip("JAX has no reverse mode for it")
    args = arguments(case)
    f = jax.jit(jax.grad(lambda *xs: case.jax(jax.numpy, *xs, *args[case.active :]), tuple(range(case.active))))
    close(case, f(*args[: case.active]))


def test_pytorch_computes_the_same(case):
    torch = pytest.importorskip("torch")
    args = [torch.as_tensor(a) if isinstance(a, np.ndarray) else a for a in arguments(case)]
    active = [args[k].requires_grad_() for k in range(case.active)]
    close(case, [g.numpy() for g in torch.autograd.grad(case.torch(torch, *args), active)])
