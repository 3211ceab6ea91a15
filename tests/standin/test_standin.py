"""The stand-in behaves as CuPy does."""

import sys

import numpy as np
import pytest

from tests.standin import installed, syncs


@pytest.fixture(scope="module")
def cp():
    with installed() as module:
        yield module


@pytest.fixture
def x(cp):
    return cp.asarray(np.array([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("leak", [
    np.asarray, lambda x: np.array([x, x]), lambda x: x + np.ones(3), lambda x: np.ones(3) * x,
    lambda x: np.sin(x, where=np.ones(3, bool)), lambda x: x[np.array([0, 1])], lambda x: x.__setitem__(0, np.ones(1)),
    lambda x: x.__iadd__(np.ones(3)), lambda x: x + [1, 2, 3], lambda x: np.dot(x, np.ones(3)),
    lambda x: np.concatenate([x, np.ones(3)]),
])  # fmt: skip
def test_nothing_is_converted_without_being_asked(x, leak):
    with pytest.raises(TypeError):
        leak(x)


def test_numpys_functions_reach_it(cp, x):
    assert type(np.sin(x)) is cp.ndarray and type(np.sum(x)) is cp.ndarray and type(np.add(x, 1.0)) is cp.ndarray


def test_what_is_a_number_in_numpy_is_an_array(cp, x):
    for value in (x.sum(), cp.sum(x), x[0], x @ x, cp.linalg.norm(x), x.max() > 2, cp.argmax(x), np.mean(x)):
        assert type(value) is cp.ndarray and value.shape == ()


def test_an_element_is_a_view(x):
    first = x[0]
    x[0] = 9.0
    assert float(first) == 9.0
    first += 1.0
    assert float(x[0]) == 10.0


def test_each_look_is_counted(cp, x):
    looks = [lambda: float(x[0]), lambda: bool(x[0] > 0), lambda: x[0].item(), x.get, x.tolist, lambda: str(x),
             lambda: f"{x[0]:.2f}", lambda: cp.asnumpy(x), lambda: x[x > 1], lambda: cp.nonzero(x)]  # fmt: skip
    for look in looks:
        with syncs() as waited:
            look()
        assert waited.count == 1
    with syncs() as waited:
        cp.sum(cp.where(x > 0, x, 0.0)) / x.shape[0] + x[1:].copy().sum()
    assert waited.count == 0


def test_no_index_is_on_the_device(cp, x):
    k = cp.argmax(x)
    with pytest.raises(TypeError):
        x[:k]
    with pytest.raises(TypeError):
        [1, 2, 3][k]
    assert x[k].shape == ()


def test_what_cupy_lacks_is_lacking(cp):
    assert not hasattr(cp, "insert") and not hasattr(cp.linalg, "multi_dot") and not hasattr(cp.ndarray, "resize")
    assert not hasattr(cp, "errstate")
    for call in (
        lambda: cp.max(cp.ones(3), initial=0), lambda: cp.sin(cp.ones(3), where=True), lambda: cp.sum(2.0),
        lambda: cp.stack([1.0, 2.0]), lambda: cp.concatenate([cp.ones(2), [1.0]]),
        lambda: cp.multiply.at(cp.ones(3), 0, 1.0),
    ):  # fmt: skip
        with pytest.raises((TypeError, NotImplementedError)):
            call()


def test_what_is_added_to_atomically(cp):
    for dtype, fine in (("float32", True), ("float64", True), ("int64", True), ("complex128", False)):
        x, places = cp.zeros(3, dtype), cp.asarray([0, 0, 2])
        if fine:
            cp.add.at(x, places, 1)
            assert x.get().tolist() == [2, 0, 1]
        else:
            with pytest.raises(TypeError):
                cp.add.at(x, places, 1)


def test_single_precision_stays(cp):
    x = cp.ones(3, np.float32)
    assert (2.0 * x.sum() * x).dtype == np.float32 and cp.maximum(x, 0.0).dtype == np.float32
    assert (x * cp.asarray(2.0)).dtype == np.float64


def test_it_goes_as_it_came():
    before = {name for name in sys.modules if name.split(".")[0] in ("cupy", "cupyx")}
    with installed():
        assert "cupy" in sys.modules
    assert {name for name in sys.modules if name.split(".")[0] in ("cupy", "cupyx")} == before


def test_memory_is_not_copied_onto_itself(x):
    with pytest.raises(AssertionError, match="onto itself"):
        x[1:] = x[:-1]
    x[1:] = x[:-1].copy()
    x[:] = x  # nothing moves
    x[::2] = x[1:]  # not copied as it lies
    x[1:] += x[:-1]  # CuPy sees to that
    assert x.get().tolist() == [1.0, 2.0, 3.0]


def test_methods_take_what_cupys_do(cp, x):
    for call in (lambda: x.max(initial=0.0), lambda: x.sum(where=x > 0), lambda: x.mean(0, None, None, False, 1)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(NotImplementedError):
        cp.zeros((3, 2)).T.sort()
    assert not hasattr(x.flags, "writeable")
