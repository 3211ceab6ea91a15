"""Gradients of generated programs against central differences. SRCGRAD_PROGRAMS says how many (default 300)."""

import os

import pytest
from hypothesis import HealthCheck, event, given, note, settings

from tests.programs import oracle, wider
from tests.programs.generator import programs, seeded

COUNT = int(os.environ.get("SRCGRAD_PROGRAMS", "300"))
FIRST = int(os.environ.get("SRCGRAD_PROGRAMS_SEED", "0"))


def test_generated_programs():
    outcomes = [oracle.judge(seeded(seed), seed) for seed in range(FIRST, FIRST + COUNT)]
    failed = [(seed, outcome) for seed, outcome in enumerate(outcomes, FIRST) if outcome.failed]
    if failed:
        seed, first = failed[0]
        small = oracle.shrink(first, seed, limit=400)
        pytest.fail(f"{len(failed)} of {COUNT} programs fail: seeds {[s for s, _ in failed][:30]}\n"
                    f"the first (`python -m tests.programs.fuzz 1 {seed}`):\n{small}", pytrace=False)
    checked = [outcome for outcome in outcomes if outcome.kind != "skipped"]
    refused = [outcome for outcome in checked if outcome.kind == "refused"]
    assert len(checked) > 0.5 * COUNT, "too many programs are unstable: the generator is at fault"
    assert len(refused) <= 0.15 * len(checked), \
        f"{len(refused)} of {len(checked)} programs are refused, such as\n{refused[0]}"


def test_wider_programs():
    """Objects, dicts and lists of arrays, complex numbers, `out=`, closures, checkpoints: see `wider`."""
    outcomes = [oracle.judge(wider.seeded(seed), seed) for seed in range(FIRST, FIRST + COUNT // 15)]
    failed = [outcome for outcome in outcomes if outcome.failed]
    assert not failed, f"{len(failed)} fail, the first:\n{failed[0]}"
    assert sum(outcome.kind == "ok" for outcome in outcomes) > COUNT // 30


@settings(max_examples=max(10, COUNT // 3), deadline=None,
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example])
@given(programs())
def test_programs_drawn_by_hypothesis(text):
    outcome = oracle.judge(text)
    event(outcome.kind)
    note(oracle.numbered(text))
    assert not outcome.failed, str(outcome)


def test_programs_are_made_the_same_from_the_same_seed():
    assert [seeded(seed) for seed in range(5)] == [seeded(seed) for seed in range(5)]


def test_every_program_runs():
    """Where a primal fails the program is skipped: that must be rare, and only for values out of bounds."""
    from tests.support import load

    failures = []
    for seed in range(200):
        text = seeded(seed)
        f = load(text)
        reason = oracle.steady(f, oracle.inputs(seed))
        if reason.startswith("the primal fails") and "FloatingPoint" not in reason and "Overflow" not in reason:
            failures.append(f"{seed}: {reason}")
    assert not failures, "\n".join(failures)


def lying(factor):
    """A gradient by central differences that is off by a factor in one component of m."""
    from tests.support import NotSmooth, as_scalar, numeric_gradients

    def value_and_grad(f, argnums):
        def both(*args):
            try:
                grads = numeric_gradients(lambda *a: as_scalar(f(*a)), args, argnums)
            except NotSmooth:
                grads = [args[0] * 0, args[1] * 0, 0.0]
            grads[1][1, 2] *= factor
            return f(*[a.copy() if hasattr(a, "copy") else a for a in args]), (grads[0], grads[1], float(grads[2]))
        return both
    return value_and_grad


@pytest.mark.parametrize("factor, kinds", [(1.0, {"ok", "skipped"}), (1.01, {"wrong", "skipped"})])
def test_the_oracle_passes_right_and_fails_wrong_gradients(monkeypatch, factor, kinds):
    import srcgrad

    both = lying(factor)
    monkeypatch.setattr(srcgrad, "value_and_grad", both)
    monkeypatch.setattr(srcgrad, "grad", lambda f, argnums: lambda *args: both(f, argnums)(*args)[1])
    text = "import numpy as np\ndef f(x, m, p):\n    m[1] *= p\n    return np.sum(np.sin(m) * x) + np.tanh(m[1, 2])\n"
    found = {oracle.judge(text, seed).kind for seed in range(6)}
    assert found <= kinds and len(found - {"skipped"}) == 1


def test_shrinking_keeps_the_failure(monkeypatch):
    text = """
import numpy as np

def f(x, m, p):
    a = x * 2
    for i in range(3):
        a[i] += p
        if a[0] > 0:
            p = p * 1.5
    b = a * a
    m[0] = b
    return np.sum(m) + p
"""

    def judge(candidate, seed=0):
        return oracle.Outcome("wrong" if "p = p * 1.5" in candidate and "for" in candidate else "ok", "", candidate)

    monkeypatch.setattr(oracle, "judge", judge)
    small = oracle.shrink(judge(text), 0)
    assert "p = p * 1.5" in small.text and "b = a * a" not in small.text and "if" not in small.text
