"""Many directions in one sweep give what they give one by one."""

import copy

import numpy as np
import pytest

import srcgrad
from srcgrad.api.gradient import GradientFunction
from srcgrad.api.structure import has_floats
from srcgrad.rules.directions import NoDirections
from tests.forward.programs import drawn, leaves, picked, programs

TAKEN: dict[str, bool] = {}


@pytest.mark.parametrize("f, args", programs())
def test_directions_agree_with_single_ones(f, args):
    rng = np.random.default_rng(5)
    args = copy.deepcopy(args)
    stacked = [drawn(arg, rng, (3,)) if has_floats(arg) else None for arg in args]
    wrt = tuple(k for k, tangent in enumerate(stacked) if tangent is not None)
    made = GradientFunction(f, wrt, mode="jvps")
    try:
        compiled, given = made._find(made._plain, args, {})
    except NoDirections:
        TAKEN[f.__name__] = False
        return
    TAKEN[f.__name__] = True
    found = made._run(compiled, (*given, *(stacked[k] for k in wrt)))
    for k in range(3):
        tangents = [None if t is None else picked(t, k) for t in stacked]
        _, expected = srcgrad.jvp(f, copy.deepcopy(args), tangents)
        for a, b in zip(leaves(picked(found, k)), leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_most_programs_take_many_directions():
    assert len(TAKEN) > 200 and sum(TAKEN.values()) > 0.7 * len(TAKEN), f"{sum(TAKEN.values())} of {len(TAKEN)}"
