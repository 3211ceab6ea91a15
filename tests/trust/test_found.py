"""Mistakes that these checks have found in srcgrad, each by a minimal program."""

import numpy as np
import pytest

from srcgrad import check_grads, grad
from srcgrad.errors import NonScalarError

M = np.random.default_rng(0).standard_normal((4, 3))


def new_axis_of_rows(x):
    return x[np.array([0, 1, 1])][:, None]


def part_of_chosen(x):
    return x[[0, 2], [1, 1]][::-1] * x[x > 0][:2]


def deeper(x):
    return x[[2, 0]][:, [0, 2, 0]][1][1:] ** 2


@pytest.mark.parametrize("f", [new_axis_of_rows, part_of_chosen, deeper])
def test_parts_of_items_that_are_copies(f):
    check_grads(f, (M,), order=1)


def walk(tree):
    if isinstance(tree, dict):
        return sum([walk(item) for item in tree.values()])
    if isinstance(tree, (list, tuple)):
        return sum([walk(item) for item in tree])
    return np.sum(np.sin(tree))


@pytest.mark.parametrize("tree", [[0.5], {"w": 0.5, "b": [1.0, 2.0]}, [{"w": M}, {"w": M + 1}], [M, [M]][:1]])
def test_recursion_over_containers(tree):
    check_grads(walk, (tree,), order=1)


def squares(x):
    found = []
    for v in x:
        found.append(v * v)
    return found


def sums(x):
    found = {"even": 0.0, "odd": 0.0}
    for i, v in enumerate(x):
        found["odd" if i % 2 else "even"] += v
    return found


@pytest.mark.parametrize("f", [squares, sums])
def test_lists_and_dicts_of_unknown_keys_are_no_scalars(f):
    with pytest.raises(NonScalarError, match="several values"):
        grad(f)(M[0])
