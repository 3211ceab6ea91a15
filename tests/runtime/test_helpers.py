"""The functions that generated code calls."""

from __future__ import annotations

import collections
import inspect

import numpy as np
import pytest

from srcgrad.runtime import HELPERS, add_to, copy_of, reshape_like, unbroadcast, zeros_like

SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (1, 1), (4, 2, 3), (4, 1, 1), (0, 1, 3), (1, 0, 1)]


def compatible(a, b):
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a), reversed(b)))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("shape, other", [(a, b) for a in SHAPES for b in SHAPES if compatible(a, b)], ids=str)
def test_unbroadcast_is_the_transpose_of_broadcasting(shape, other, dtype):
    full = np.broadcast_shapes(shape, other)
    rng = np.random.default_rng(0)
    x, d = rng.standard_normal(shape).astype(dtype), rng.standard_normal(full).astype(dtype)
    d_x = unbroadcast(d, x)
    assert np.shape(d_x) == shape and d_x.dtype == dtype
    np.testing.assert_allclose(np.sum(d * np.broadcast_to(x, full)), np.sum(d_x * x), rtol=1e-3, atol=1e-4)


def test_unbroadcast_to_scalars():
    assert unbroadcast(2.0, 1.0) == 2.0
    assert isinstance(unbroadcast(np.ones((2, 2), np.float32), 1.0), np.float32)
    assert isinstance(unbroadcast(np.array(2.0), 1.0), np.float64)
    assert unbroadcast(np.ones((2, 2)), np.array(1.0)) == 4.0


def test_reshape_like():
    assert reshape_like(np.arange(6.0), np.ones((2, 3))).shape == (2, 3)
    assert isinstance(reshape_like(np.ones((1, 1), np.float32), 1.0), np.float32)
    assert reshape_like(2.0, np.ones((1, 1))).shape == (1, 1)
    assert reshape_like(2.0, 1.0) == 2.0


def test_zeros_like():
    tree = {"w": [np.ones(3, np.float32), 1.5], "t": (np.float32(2), None, 3, True, "s"), "i": np.arange(3), "c": 1j}
    got = zeros_like(tree)
    assert list(got) == ["w", "t", "i", "c"]
    assert got["w"][0].dtype == np.float32 and got["w"][0].tolist() == [0, 0, 0]
    assert got["w"][1] == 0.0 and type(got["w"][1]) is float
    assert type(got["t"]) is list and type(got["t"][0]) is np.float32 and got["t"][1:] == [None] * 4
    assert got["i"] is None and got["c"] == 0j
    assert type(zeros_like(np.float64(1))) is np.float64
    assert zeros_like(np.ones((2, 3)).T).flags.f_contiguous


def test_add_to():
    array = np.ones(2)
    d = {"w": [array, 1.0], "b": None}
    e = {"w": [np.full(2, 2.0), 2.0], "b": np.ones(1)}
    assert add_to(d, e) is d
    assert d["w"][0] is array and array.tolist() == [3.0, 3.0] and d["w"][1] == 3.0
    d["b"] += 1
    assert e["b"].tolist() == [1.0]  # what was added from shares no memory with the sum
    assert add_to(1.0, None) == 1.0 and add_to(None, 2.0) == 2.0 and add_to(None, None) is None
    assert add_to((1.0, 2.0), [3.0, None]) == (4.0, 2.0)
    with pytest.raises(ValueError, match="length 1 and 2"):
        add_to([1.0], [1.0, 2.0])


def test_copy_of():
    point = collections.namedtuple("point", "x y")
    array = np.asfortranarray(np.ones((2, 3)))
    tree = {"a": [array, 1.0], "p": point(array, "s")}
    got = copy_of(tree)
    assert type(got["p"]) is point and got["p"].y == "s" and got["a"][1] == 1.0
    assert got["a"][0].flags.f_contiguous
    got["a"][0][0] = got["p"].x[1] = 5
    assert array.sum() == 6


def test_helpers_stand_alone():
    source = "import numpy as np\n\n\n" + "\n\n".join(inspect.getsource(f) for f in HELPERS.values())
    namespace: dict[str, object] = {}
    exec(source, namespace)
    assert namespace["add_to"]([1.0], [2.0]) == [3.0]  # type: ignore[operator]
