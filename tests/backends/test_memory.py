"""Writes that CuPy does in another way than NumPy, and calls of which it takes less."""

import numpy as np
import pytest

from srcgrad import grad
from srcgrad.errors import NoRuleError
from tests.backends.tools import hold_on_device

X5 = np.array([0.5, -1.0, 2.0, 0.3, 1.2])

ON_DEVICE_TOO = True


def test_a_view_is_copied_before_it_is_written_into_its_own_memory(cp):
    def shifted(u, n):
        for _ in range(n):
            u[1:] = u[:-1]
            u[0] = np.sin(u[-1])
        return np.sum(u * u)

    def through_a_name(u):
        head, rows = u[:-1], u.reshape(1, -1)
        u[1:] = head
        rows[0, :-1] = u[1:]
        return np.sum(u**3)

    assert "u[1:] = u[:-1].copy()" in hold_on_device(cp, shifted, (X5, 3))
    assert "u[1:] = head.copy()" in hold_on_device(cp, through_a_name, (X5,))


def test_memory_of_others_is_not_copied_twice(cp):
    def f(u, v):
        u[1:] = v[:-1]
        u[0] = v[0]
        return np.sum(u * u)

    assert "u[1:] = v[:-1]\n" in hold_on_device(cp, f, (X5, X5 + 1.0))


def test_complex_numbers_are_added_by_parts(cp):
    def read(x, places):
        z = np.exp(1j * x)
        return np.sum(np.abs(z[places] + z) ** 2)

    def written(x, places):
        z = np.zeros(5, complex)
        np.add.at(z, places, (1 + 2j) * x)
        return np.sum(np.abs(z) ** 2)

    def conjugated(x, places):
        z = np.exp(1j * x)
        return np.sum((z[places] * np.conj(z)[places[::-1]]).real)

    places = np.array([0, 3, 3, 1, 0])
    for f in (read, written, conjugated):
        assert "add_parts_at(" in hold_on_device(cp, f, (X5, places), (0,))


def test_segments_are_added_up(cp):
    def f(x, starts):
        return np.sum(np.sin(np.add.reduceat(x, starts)))

    for starts in ([0, 2, 3], [2, 0, 3], [1, 1, 4]):
        assert "waits for the device" in hold_on_device(cp, f, (X5, np.array(starts)), (0,))


def test_arguments_of_methods_that_cupy_lacks_are_refused_by_name(cp):
    def f(x):
        return x.sum() + x[x.argsort(stable=True)][0]

    with pytest.raises(NoRuleError, match=r"CuPy's ndarray\.argsort does not take `stable`"):
        grad(f).source_for(cp.asarray(X5))


def test_stacks_that_cupy_does_not_repeat_are_refused(cp):
    def f(a, b):
        return np.sum(np.linalg.solve(a, b))

    stack, matrix = cp.asarray(np.stack([np.eye(2), 2 * np.eye(2)])), cp.asarray(np.ones((2, 3)))
    with pytest.raises(NoRuleError, match=r"stacks of the same shape\.\nUse np\.broadcast_to"):
        grad(f).source_for(stack, matrix)


def test_numbers_where_arrays_are_wanted_become_arrays(cp):
    def f(x, c):
        wide = np.pad(x, 2, constant_values=c)
        return np.sum(wide**2) + np.sum(np.linspace(0.0, 1.0, 3))

    source = hold_on_device(cp, f, (X5, 2.0))
    assert "cp.linspace(0.0, 1.0, 3)" in source
