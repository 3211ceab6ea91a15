"""Flags of early returns vanish from forward mode's source, and nothing else changes."""

import numpy as np
import pytest

from srcgrad import GradientFunction, jvp


def from_a_loop(xs, bound):
    total = 0.0
    for x in xs:
        if x < 0:
            continue
        total += x * x
        if total > bound:
            return total * total
    return total


def from_nested_loops(xs, bound):
    total = 0.0
    for x in xs:
        for y in xs:
            total += x * y
            if total > bound:
                return total * total
            if total < -bound:
                return -3 * total
        total *= 0.9
    return 2 * total


def by_break(xs, bound):
    total = 0.0
    for x in xs:
        total += x
        if total > bound:
            break
        total *= 1.5
    return total * total


PROGRAMS = [from_a_loop, from_nested_loops, by_break]


@pytest.mark.parametrize("f", PROGRAMS)
def test_no_flag_is_left(f):
    text = GradientFunction(f, (0,), mode="jvp", with_value=True).source_for(np.ones(3), 2.0)
    assert "returned" not in text and "broke" not in text


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("bound", [0.1, 1.0, 100.0])
@pytest.mark.parametrize("seed", range(4))
def test_every_way_out_gives_the_slope(f, bound, seed):
    rng = np.random.default_rng(seed)
    xs, v = rng.standard_normal(6), rng.standard_normal(6)
    value, slope = jvp(f, (xs, bound), (v, None))
    h = 1e-6
    assert value == f(xs, bound)
    expected = (f(xs + h * v, bound) - f(xs - h * v, bound)) / (2 * h)
    assert abs(slope - expected) < 1e-6 * max(1.0, abs(expected))


def from_a_branch(xs, bound):
    if bound > 0.5:
        if xs[0] > 0:
            return 3 * xs[0]
        xs = 2 * xs
    return xs[0] * xs[1]


def from_a_branch_or_not_at_all(xs, bound):
    if bound > 0.5:
        if xs[0] > -100:
            return xs[0] ** 2


def from_a_branch_and_a_loop(xs, bound):
    if xs[0] > 0:
        for x in xs:
            if x > bound:
                return x * x
        return xs[1]
    return xs[2]


@pytest.mark.parametrize("f", [from_a_branch, from_a_branch_or_not_at_all, from_a_branch_and_a_loop])
@pytest.mark.parametrize("seed", range(6))
def test_returns_outside_of_loops(f, seed):
    rng = np.random.default_rng(seed)
    xs, v = rng.standard_normal(6), rng.standard_normal(6)
    value, slope = jvp(f, (xs, 0.9), (v, None))
    h = 1e-6
    assert value == f(xs, 0.9)
    assert abs(slope - (f(xs + h * v, 0.9) - f(xs - h * v, 0.9)) / (2 * h)) < 1e-6
