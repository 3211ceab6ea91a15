"""The library of the device, for the tests here: the stand-in, and CuPy itself where there is a device.

Modules that say `ON_DEVICE_TOO = True` run on both. The others count where the host waits, which only the stand-in can.
"""

import pytest

from tests.standin import installed


def pytest_generate_tests(metafunc):
    if "cp" in metafunc.fixturenames:
        both = getattr(metafunc.module, "ON_DEVICE_TOO", False)
        real = [pytest.param("device", marks=pytest.mark.gpu)] if both else []
        metafunc.parametrize("cp", ["stand-in", *real], indirect=True, scope="module")


@pytest.fixture(scope="module")
def cp(request):
    """The module that stands for `cupy`."""
    if request.param == "device":
        yield real_cupy()
        return
    with installed() as module:
        yield module


@pytest.fixture(scope="module")
def gpu():
    """CuPy, where there is a device."""
    return real_cupy()


def real_cupy():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        pytest.skip(f"there is no CUDA device: {error}")
    if not count:
        pytest.skip("there is no CUDA device")
    return cupy
