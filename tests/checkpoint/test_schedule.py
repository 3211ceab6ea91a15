"""The schedule of snapshots: how many trips are run, against the formula and against a search over all schedules."""

from functools import lru_cache
from math import comb

import numpy as np
import pytest

from srcgrad.runtime import Snapshots


@lru_cache(None)
def fewest(steps, slots):
    """By dynamic programming: runs of steps that the reverse of `steps` steps needs, besides the recorded ones."""
    if steps == 1:
        return 0
    if slots == 1:
        return steps * (steps - 1) // 2
    return min(k + fewest(steps - k, slots - 1) + fewest(k, slots) for k in range(1, steps))


class Counted:
    """Runs a loop of n trips and its reverse as generated code does. ahead: runs of each trip that is not reversed
    right after; most: the most snapshots held at a time; saves: how many were taken in the forward sweep."""

    def __init__(self, n, slots, known=True):
        snapshots = Snapshots(slots, n) if known else Snapshots(slots)
        self.ahead, self.most = np.zeros(n, int), 0
        for i in range(n):
            self.trip(snapshots, i)
        assert snapshots.trips == n
        self.saves = len(snapshots.starts)
        for i in reversed(range(n)):
            state = snapshots.restore(i)
            assert state == snapshots.position <= i
            for j in range(snapshots.position, i):
                self.trip(snapshots, j)
            assert snapshots.position == i
        assert snapshots.trips == n

    def trip(self, snapshots, i):
        if snapshots.due():
            snapshots.save(i)
        self.most = max(self.most, len(snapshots.starts))
        self.ahead[i] += 1

    @property
    def total(self):
        return int(self.ahead.sum())


def test_binomial():
    assert all(Snapshots.binomial(n, k) == comb(n, k) for n in range(12) for k in range(14))


@pytest.mark.parametrize("slots", range(1, 9))
def test_the_formula_is_the_optimum(slots):
    """t(l, s) = r l - C(s + r, s + 1) with C(s + r - 1, s) < l <= C(s + r, s), Griewank and Walther 2000."""
    for steps in range(1, 60):
        r = Snapshots.repetitions(steps, slots)
        assert comb(slots + r - 1, slots) * (r > 0) < steps <= comb(slots + r, slots)
        assert Snapshots.runs_ahead(steps, slots) == r * steps - comb(slots + r, slots + 1) == fewest(steps, slots)


@pytest.mark.parametrize("slots", range(2, 9))
def test_the_next_snapshot_is_part_of_an_optimal_schedule(slots):
    for steps in range(3, 60):
        k = Snapshots.steps_to_next(steps, slots)
        assert k + fewest(steps - k, slots - 1) + fewest(k, slots) == fewest(steps, slots)


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 5, 7, 20])
def test_known_length_needs_the_fewest_runs(slots):
    """The end of the loop counts as one step more: the forward sweep runs to there, and nothing is reversed yet."""
    for n in range(45):
        counted = Counted(n, slots)
        assert counted.total == fewest(n + 1, slots) == Snapshots.runs_ahead(n + 1, slots)
        assert counted.most <= slots
        assert max(counted.ahead, default=0) <= max(Snapshots.repetitions(n + 1, slots), 1)


def test_known_length_where_a_search_is_too_long():
    for n, slots in ((1000, 10), (5000, 20), (999, 3), (2000, 50)):
        counted = Counted(n, slots)
        assert counted.total == Snapshots.runs_ahead(n + 1, slots) and counted.most == slots


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 5, 7, 10])
def test_unknown_length_needs_the_fewest_runs_while_two_repetitions_do(slots):
    """Stumm and Walther 2010: up to C(slots + 2, slots) steps, as good as if the length had been known."""
    for n in range(comb(slots + 2, slots)):
        counted = Counted(n, slots, known=False)
        assert counted.total == Snapshots.runs_ahead(n + 1, slots), n
        assert counted.most <= slots


@pytest.mark.parametrize("slots", [2, 3, 5, 8, 12])
def test_unknown_length_is_close_to_the_optimum_beyond(slots):
    """No more than a tenth of all runs is lost, at any length up to that of four repetitions."""
    last = comb(slots + 4, slots)
    for n in sorted({*range(comb(slots + 2, slots), min(last, 250)), comb(slots + 3, slots), last // 2, last}):
        if n < 1200:
            counted = Counted(n, slots, known=False)
            optimum = Snapshots.runs_ahead(n + 1, slots)
            assert optimum <= counted.total <= optimum + 0.11 * (n + optimum), n
            assert counted.most <= slots
            assert max(counted.ahead) <= Snapshots.repetitions(n + 1, slots) + 1


def test_one_slot_and_no_trips():
    assert Counted(6, 1).total == 6 + 15
    assert Counted(0, 3).total == 0 and Counted(0, 3, known=False).total == 0
    assert Counted(1, 1).total == 1


def test_slots_by_default():
    """The fewest with which no trip is run ahead more than three times."""
    for n in (0, 1, 2, 10, 100, 1000, 100_000):
        slots = Snapshots(length=n).slots
        assert Snapshots.repetitions(n + 1, slots) <= 3 and (slots == 1 or Snapshots.repetitions(n + 1, slots - 1) > 3)
    assert Snapshots().slots == 64 and Snapshots(length=-3).slots == 1
    assert max(Counted(300, None).ahead) == 3


@pytest.mark.parametrize("slots, error", [(0, ValueError), (-2, ValueError), (2.0, TypeError), (True, TypeError)])
def test_bad_slots(slots, error):
    with pytest.raises(error, match="slots has to be"):
        Snapshots(slots, 10)


def test_numpy_ints_are_slots():
    assert Snapshots(np.int64(3), np.int64(10)).slots == 3


def test_states_come_back_as_they_were_saved():
    snapshots = Snapshots(3, 4)
    for i in range(4):
        if snapshots.due():
            snapshots.save(i, "state")
    assert snapshots.restore(3)[1] == "state"
