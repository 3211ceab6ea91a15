import pytest

from tests.standin import installed


@pytest.fixture(scope="module")
def cp():
    """The stand-in for CuPy."""
    with installed() as module:
        yield module
