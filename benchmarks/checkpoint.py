"""Memory and time of gradients through long loops, with and without checkpoints.

    python benchmarks/checkpoint.py [--quick] [--markdown FILE]

A row for each loop:

    extra MB   the most memory that the gradient holds at a time, less what the primal does (tracemalloc)
    runs       of trips, over the number of trips: in the forward sweep, ahead to a trip, and recorded
    optimum    what `runs` has to be: r (n + 1) - C(s + r, s + 1) ahead, n recorded; of a while loop, the least possible
    time       of the gradient over that of the primal
    forward    seconds that the primal takes

The largest case has 100 000 trips over a state of 1 MB with 50 slots, which may not take more than 80 MB: the exit code
is 1 if it does, or if a gradient differs from one that was derived by hand. It takes some minutes; `--quick` leaves it
out. Nothing else should run at the same time.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import made_by  # isort: skip  (ahead of NumPy)
import numpy as np

import srcgrad
from srcgrad.runtime import Snapshots

MB = 1e6
MOST = 80  # MB that the largest case may take


def new_arrays(x, n, slots):
    for _ in srcgrad.checkpointed(range(n), slots=slots):
        x = x * (1.0 - 1e-5 * x)
    return x.sum()


def in_place(x, n, slots):
    for _ in srcgrad.checkpointed(range(n), slots=slots):
        x *= 1.0 - 1e-5 * x
    return x.sum()


def unknown_length(x, n, slots):
    while srcgrad.checkpointed(n > 0, slots=slots):
        x = x * (1.0 - 1e-5 * x)
        n -= 1
    return x.sum()


def unmarked(x, n, slots):
    for _ in range(n):
        x = x * (1.0 - 1e-5 * x)
    return x.sum()


def derivative(x, n):
    """By hand, forward: the loop works on each element alone."""
    d = np.ones_like(x)
    for _ in range(n):
        d *= 1.0 - 2e-5 * x
        x = x * (1.0 - 1e-5 * x)
    return d


@dataclass
class Row:
    """The figures of one loop."""

    name: str
    trips: int
    state: float
    slots: int
    extra: float
    runs: float
    optimum: float
    ratio: float
    forward: float
    right: bool


def measured(f: Callable[..., Any], *args: Any) -> tuple[Any, float, float]:
    """The result of a call, the most memory that it held, and its time."""
    tracemalloc.start()
    start = time.perf_counter()
    result = f(*args)
    seconds = time.perf_counter() - start
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, most / MB, seconds


def runs_of(n: int, slots: int, known: bool) -> int:
    """How many trips are run, by the schedule alone."""
    snapshots = Snapshots(slots, n) if known else Snapshots(slots)
    runs = 2 * n
    for _ in range(n):
        if snapshots.due():
            snapshots.save(None)
    for i in reversed(range(n)):
        snapshots.restore(i)
        for _ in range(snapshots.position, i):
            runs += 1
            if snapshots.due():
                snapshots.save(None)
    return runs


def row(f: Callable[..., Any], n: int, size: int, slots: int) -> Row:
    """Measure one loop."""
    x = np.linspace(0.1, 1.0, size)
    gradient = srcgrad.grad(f)
    gradient(x[:10], 5, slots)  # compiled
    expected = derivative(x[:1000], n)
    _, base, forward = measured(f, x.copy(), n, slots)
    got, most, seconds = measured(gradient, x, n, slots)
    marked = f is not unmarked
    runs = runs_of(n, slots, f is not unknown_length) if marked else n
    optimum = Snapshots.runs_ahead(n + 1, slots) + n if marked else n
    right = bool(np.allclose(got[:1000], expected, rtol=1e-8))
    name = f.__name__.replace("_", " ")
    return Row(name, n, x.nbytes / MB, slots, most - base, runs / n, optimum / n, seconds / forward, forward, right)


def table(rows: list[Row]) -> str:
    """The rows in Markdown."""
    lines = [
        "| loop | trips | state MB | slots | extra MB | runs | optimum | time | forward s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for r in rows:
        slots = "all recorded" if r.name == "unmarked" else str(r.slots)
        lines.append(
            f"| {r.name} | {r.trips} | {r.state:.2f} | {slots} | {r.extra:.1f} | {r.runs:.2f} | {r.optimum:.2f} "
            f"| {r.ratio:.1f} | {r.forward:.2f} |"
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out the largest case")
    parser.add_argument("--markdown", type=Path, help="write the table to this file, with the date and the machine")
    options = parser.parse_args(argv)
    cases = [(unmarked, 1000, 12_500, 1)]
    cases += [(f, 1000, 12_500, slots) for f in (new_arrays, in_place, unknown_length) for slots in (5, 20, 100)]
    cases += [(f, 10_000, 12_500, 50) for f in (new_arrays, in_place, unknown_length)]
    if not options.quick:
        cases.append((new_arrays, 100_000, 125_000, 50))
    rows = []
    for case in cases:
        rows.append(row(*case))
        print(table(rows).splitlines()[-1], flush=True)
    wrong = [r for r in rows if not r.right]
    large = [r for r in rows if r.trips == 100_000 and r.extra > MOST]
    print(table(rows))
    if options.markdown:
        head = (
            "# Memory and time of checkpointed loops\n\n"
            f"{made_by('checkpoint.py')}\n"
            "`extra MB`: most memory held by the gradient, less that of the primal. `runs`: of trips, over their "
            "number;\n`optimum`: the fewest possible. `time`: of the gradient over that of the primal, while memory is "
            "traced.\n\n"
        )
        options.markdown.write_text(f"{head}{table(rows)}\n")
    for r in wrong:
        print(f"wrong gradient: {r.name}, {r.trips} trips, {r.slots} slots", file=sys.stderr)
    for r in large:
        print(f"{r.extra:.1f} MB are more than {MOST}", file=sys.stderr)
    return int(bool(wrong or large))


if __name__ == "__main__":
    sys.exit(main())
