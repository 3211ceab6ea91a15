"""What only a device shows: atomic sums, streams, memory, several devices."""

import numpy as np
import pytest

import srcgrad
from tests.backends.test_device import loss
from tests.backends.test_implicit import CASES as SOLUTIONS
from tests.backends.tools import hold_on_device, hold_operator, to_device
from tests.forward import test_duality
from tests.matrices import test_hessian
from tests.trust.test_check_grads import RIGHT

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("f, args", test_duality.PROGRAMS)
def test_matrices(gpu, f, args):
    for op in (srcgrad.jacobian, srcgrad.jacfwd, srcgrad.jacrev):
        hold_operator(gpu, op(f), args)


@pytest.mark.parametrize("f", test_hessian.PROGRAMS)
def test_hessians(gpu, f):
    hold_operator(gpu, srcgrad.hessian(f), (test_hessian.X,))


@pytest.mark.parametrize("f, args", RIGHT.values(), ids=RIGHT)
def test_checks(gpu, f, args):
    srcgrad.check_grads(f, to_device(gpu, args), order=1)


@pytest.mark.parametrize("f, args", SOLUTIONS[:-1])
def test_solutions(gpu, f, args):
    hold_on_device(gpu, f, args)


def test_places_that_occur_often_are_added(gpu):
    def f(x, places):
        return np.sum(x[places] ** 2)

    for dtype in (np.float32, np.float64):
        hold_on_device(gpu, f, (np.ones(5, dtype), np.arange(10_000) % 5), (0,))


def test_the_current_stream_is_used(gpu):
    x = gpu.ones(1000)
    stream = gpu.cuda.Stream(non_blocking=True)
    stream.wait_event(gpu.cuda.get_current_stream().record())
    with stream:
        gradient = srcgrad.grad(lambda x: np.sum(np.sin(x)))(x)
    stream.synchronize()
    np.testing.assert_allclose(gradient.get(), np.cos(1.0) * np.ones(1000))


def test_training_leaves_no_memory_behind(gpu):
    rng = np.random.default_rng(0)
    params = [{"w": rng.standard_normal((64, 64)).astype("f4"), "b": np.zeros(64, "f4")} for _ in range(3)]
    given = to_device(gpu, (params, rng.standard_normal((32, 64)).astype("f4"), rng.integers(0, 64, 32)))
    step = srcgrad.value_and_grad(loss)
    pool = gpu.get_default_memory_pool()
    step(*given)
    used = pool.used_bytes()
    for _ in range(20):
        step(*given)
    assert pool.used_bytes() == used


def test_results_are_on_the_device_of_the_arguments(gpu):
    if gpu.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is one device")
    with gpu.cuda.Device(1):
        x = gpu.ones(4)
    gradient = srcgrad.grad(lambda x: np.sum(np.zeros_like(x) + x * x))(x)
    assert gradient.device.id == 1
