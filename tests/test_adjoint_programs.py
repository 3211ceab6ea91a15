"""Blocks on adjoints in generated programs.

A block that scales the adjoint of a variable by c is held against central differences of another program, in which
the variable is replaced, at the same place, by v + c (variable - v), where v is the value that the variable has there
at the unchanged arguments: the same number, with c times its derivative. A block that only looks must change nothing.
"""

import copy
import os
import random

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import AliasError, UnsupportedError
from tests.programs import oracle
from tests.programs.generator import ARRAYS, SCALARS, seeded
from tests.support import NotSmooth, as_scalar, compare, load

COUNT = int(os.environ.get("SRCGRAD_PROGRAMS", "300")) // 6
PLACES = [*SCALARS, *ARRAYS, "x", "m", "a0[1]", "a1[1:3]", "m[0]", "m[1, 2]", "x[::2]", "a2[[0, 2]]"]

PLAIN = ["d = d * {c}", "d *= {c}", "other = {c} * d\n    d = other", "if d is not None:\n        d = scaled(d, {c})"]
IN_PLACE = ["d[...] = {c} * d", "np.multiply(d, {c}, out=d)", "log.append(d)\n    d *= {c}", "times(d, {c})",
            "for i in range(len(d)):\n        d[i] *= {c}"]  # fmt: skip
LOOKING = ["log.append(d)", "log.append((d, {v}))", "seen = np.abs(d).max()\n    log.append(seen)",
           "log.append(f'{{d}}')\n    if np.sum(d) > 0:\n        log.append(0)",
           "for i in range(3):\n        np.sum(d)"]  # fmt: skip

HELPERS = '''
import srcgrad

log = []


def scaled(d, c):
    return d * c


def times(d, c):
    d *= c


class Frozen:
    """The values that variables have at the unchanged arguments, in the order of the run."""

    def __init__(self):
        self.values, self.at, self.recording = [], 0, True

    def __call__(self, value, c):
        if self.recording:
            self.values.append(np.copy(value) if isinstance(value, np.ndarray) else value)
        v = self.values[self.at]
        self.at += 1
        return v + c * (value - v)


frozen = Frozen()
'''


def insertion_points(lines):
    """Lines of f before which a statement may stand: behind those that define its variables."""
    start = next(k for k, line in enumerate(lines) if line.startswith("    a2 = ")) + 2
    found, nested = [], 99
    for k in range(start, len(lines)):
        indent = len(lines[k]) - len(lines[k].lstrip())
        nested = 99 if indent <= nested else nested
        if indent < nested and not lines[k].strip().startswith("el"):
            found.append(k)
        if lines[k].strip().startswith("def "):  # what f assigns would be another variable in there
            nested = indent
    return found


def with_blocks(seed, bodies):
    """The program with blocks, and the one that is held against it: its text, with the number of blocks."""
    rng = random.Random(seed)
    text = seeded(seed)
    at = text.index("def f(")
    head, lines = text[:at] + HELPERS, text[at:].rstrip().splitlines()
    ours, theirs = list(lines), list(lines)
    points = sorted(rng.sample(insertion_points(lines), 3), reverse=True)
    for k in points:
        indent = lines[k][: len(lines[k]) - len(lines[k].lstrip())]
        place = rng.choice(PLACES)
        number = place in SCALARS or place in ("a0[1]", "m[1, 2]")
        body = rng.choice([b for b in bodies if not number or b in PLAIN or b in LOOKING])
        c = rng.choice(["0.0", "0.5", "-2.0", "3.0"])
        block = [f"with srcgrad.adjoint({place}) as d:",
                 *(f"    {line}" for line in body.format(c=c, v=place).replace("\n    ", "\n").split("\n"))]
        ahead = []
        if place not in SCALARS:  # let it be an array that is written: then all its names have one adjoint
            base = place.split("[")[0]
            ahead = [f"{base} += 0.0"]
        other = f"{place} = frozen({place}, {c})"
        if place in (*ARRAYS, "x", "m"):
            other = f"{place}[...] = frozen({place}, {c})"
        ours[k:k] = [indent + line for line in [*ahead, *block]]
        theirs[k:k] = [indent + line for line in [*ahead, other]]
    return (head + "\n\n" + "\n".join(t) + "\n" for t in (ours, theirs))


def judge(seed, bodies):
    """What came of a program with blocks: a word, and what to show."""
    ours, theirs = with_blocks(seed, bodies)
    f, other = load(ours), load(theirs)
    args = oracle.inputs(seed)
    reason = oracle.steady(f, args)
    if reason:
        return "skipped", reason, ours
    try:
        grads = srcgrad.grad(f, argnums=oracle.ARGNUMS)(*copy.deepcopy(args))
    except (AliasError, UnsupportedError) as error:
        return "refused", str(error), ours
    frozen = other.__globals__["frozen"]

    def value(*moved):
        frozen.at, frozen.recording = 0, not frozen.values
        return as_scalar(other(*moved))

    value(*copy.deepcopy(args))
    try:
        compare(other, args, oracle.ARGNUMS, grads, rtol=1e-5, value=value, directions=2)
    except NotSmooth as reason:
        return "skipped", str(reason), ours
    except IndexError:
        return "skipped", "another number of trips", ours
    except AssertionError as error:
        return "wrong", str(error), ours + "\n" + theirs
    return "ok", "", ours


@pytest.mark.parametrize("bodies", [PLAIN, PLAIN + IN_PLACE], ids=["plain", "in place"])
def test_a_block_that_scales_scales_what_flows_on(bodies):
    outcomes = [judge(seed, bodies) for seed in range(COUNT)]
    wrong = [(seed, o) for seed, o in enumerate(outcomes) if o[0] == "wrong"]
    assert not wrong, f"{len(wrong)} of {COUNT}, {[s for s, _ in wrong]}: {wrong[0][1][1]}\n{wrong[0][1][2]}"
    kinds = [o[0] for o in outcomes]
    assert kinds.count("ok") > 0.4 * COUNT, [o[1] for o in outcomes if o[0] == "refused"][:2]


def test_a_block_that_looks_changes_nothing():
    done = 0
    for seed in range(COUNT):
        ours, _ = with_blocks(seed, LOOKING)
        args = oracle.inputs(seed)
        lines = ours.splitlines()
        bare, k = [], 0
        while k < len(lines):
            if "srcgrad.adjoint(" in lines[k]:
                depth = len(lines[k]) - len(lines[k].lstrip())
                k += 1
                while len(lines[k]) - len(lines[k].lstrip()) > depth:
                    k += 1
                continue
            bare.append(lines[k])
            k += 1
        f, plain = load(ours), load("\n".join(bare) + "\n")
        if oracle.steady(plain, args):
            continue
        try:
            expected = srcgrad.grad(plain, argnums=oracle.ARGNUMS)(*copy.deepcopy(args))
        except (AliasError, UnsupportedError):
            continue
        found = srcgrad.grad(f, argnums=oracle.ARGNUMS)(*copy.deepcopy(args))
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12, err_msg=ours)
        done += 1
    assert done > 0.4 * COUNT
