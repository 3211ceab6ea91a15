"""Which trips of a loop to remember, and what they began with: the schedule of checkpointed loops.

A trip is run in the forward sweep, and again when its reverse is due; in between, it is run as often as later trips
need a state that was not saved. What counts is how many trips are run without being reversed right after.

Of known length: snapshots stand where the fewest trips are run (Griewank and Walther 2000, "Algorithm 799: revolve").
The end of the loop counts as one more step, since the forward sweep runs to there; so n trips cost what revolve needs
for n + 1 steps, r (n + 1) - binomial(slots + r, slots + 1), and none is run more than r times, where r is the least
number with n + 1 <= binomial(slots + r, slots).

Of unknown length: the forward sweep replaces snapshots as it goes (Stumm and Walther 2010, "New algorithms for optimal
online checkpointing"). As long as n + 1 is no more than binomial(slots + 2, slots), no schedule that knows n beforehand
runs fewer trips, as with their first algorithm. Beyond that, the snapshot is dropped that costs the least, were the
loop to end there; that is a few percent from the optimum. In the reverse sweep the length is known, and slots that
become free are used as above.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


class Snapshots:
    """What some trips of a loop began with.

    slots: how many are held at a time, at least 1; None for the fewest with which no trip is run ahead more than three
    times, and 64 for a loop of unknown length. length: the number of trips, None where it is not known. trips: how
    many there were; position: the next one, as the program stands.
    """

    def __init__(self, slots=None, length=None):
        length = None if length is None else max(length, 0)
        if slots is None:
            slots = 64
            if length is not None:
                slots = next(s for s in range(1, length + 2) if self.binomial(s + 3, 3) > length)
        if isinstance(slots, (bool, np.bool_)) or not isinstance(slots, (int, np.integer)):
            raise TypeError(f"slots has to be an int, not {slots!r}")
        if slots < 1:
            raise ValueError(f"slots has to be at least 1, not {slots}")
        self.slots = int(slots)
        self.starts, self.states = [], []
        self.trips = self.position = self.planned = 0
        self.goal = None if length is None else length + 1
        self.level, self.first = 2, 0
        self.costs = {}

    def due(self):
        """Begin a trip: whether what it begins with is to be saved."""
        at = self.position
        self.position += 1
        if self.position > self.trips:
            self.trips = self.position
        if self.goal is not None:
            return at == self.planned
        return len(self.starts) < self.slots or self.make_room(at)

    def save(self, *state):
        """Keep what the trip that was begun last begins with."""
        self.starts.append(self.position - 1)
        self.states.append(state)
        if self.goal is not None:
            self.plan()

    def restore(self, trip):
        """Go back to the last trip that is saved and not behind `trip`: what it begins with, as a tuple if that is
        more than one value."""
        while self.starts[-1] > trip:
            self.starts.pop()
            self.states.pop()
        self.position, self.goal = self.starts[-1], trip + 1
        self.plan()
        state = self.states[-1]
        return state[0] if len(state) == 1 else state

    def plan(self):
        """Find the trip that is saved next on the way to the goal."""
        steps = self.goal - self.starts[-1]
        self.planned = self.starts[-1] + self.steps_to_next(steps, self.slots - len(self.starts) + 1)

    def make_room(self, end):
        """Drop a snapshot in favour of one at `end`, if that is due.

        The k-th stretch between snapshots is reversed with slots - k of them, one more where an earlier one is dropped.
        """
        slots, gap = self.slots, end - self.starts[-1]
        if slots == 1 or gap < self.level - 1:
            return False
        starts = [*self.starts, end]
        drop = self.first
        if self.level == 2:  # any two stretches may be joined that then are run twice at most
            while drop < slots - 1 and starts[drop + 2] - starts[drop] > slots - drop + 1:
                drop += 1
            self.first = drop
        if self.level > 2 or drop == slots - 1:
            drop = self.cheapest(starts)
        rank = slots - drop
        if starts[drop + 2] - starts[drop] > self.binomial(rank + self.level - 1, rank):
            if gap < self.level:
                return False
            self.level += 1
        del self.starts[drop + 1], self.states[drop + 1]
        return True

    def cheapest(self, starts):
        """The stretch that costs the least when it is joined with the next one, were the loop to end now."""
        slots = self.slots
        lengths = [b - a for a, b in zip(starts, starts[1:], strict=False)]
        behind = [0, 0]
        for k in reversed(range(2, slots)):
            behind.append(behind[-1] + self.cost(lengths[k], slots - k + 1))
        least, found, ahead = None, 0, 0
        for k in range(slots - 1):
            joined = ahead + self.cost(lengths[k] + lengths[k + 1], slots - k) + behind[slots - 1 - k]
            if least is None or joined < least:
                least, found = joined, k
            ahead += self.cost(lengths[k], slots - k)
        return found

    def cost(self, steps, slots):
        """runs_ahead, remembered."""
        found = self.costs.get((steps, slots))
        if found is None:
            found = self.costs[(steps, slots)] = self.runs_ahead(steps, slots)
        return found

    # ---- counting ----

    @staticmethod
    def binomial(n, k):
        """The number of ways to choose k of n."""
        if k > n:
            return 0
        k = min(k, n - k)
        result = 1
        for i in range(1, k + 1):
            result = result * (n - k + i) // i
        return result

    @staticmethod
    def repetitions(steps, slots):
        """The least r with steps <= binomial(slots + r, slots): how often a step is run ahead at most."""
        r = 0
        while Snapshots.binomial(slots + r, slots) < steps:
            r += 1
        return r

    @staticmethod
    def runs_ahead(steps, slots):
        """How many runs of steps, besides those that are reversed right after, the reverse of `steps` steps needs."""
        r = Snapshots.repetitions(steps, slots)
        return r * steps - Snapshots.binomial(slots + r, slots + 1)

    @staticmethod
    def steps_to_next(steps, slots):
        """How many of the steps to run before the next snapshot; all of them where there is to be none."""
        if slots < 2 or steps < 3:
            return steps
        r = Snapshots.repetitions(steps, slots)
        return min(Snapshots.binomial(slots + r - 1, slots), steps - Snapshots.binomial(slots + r - 2, slots - 1))
