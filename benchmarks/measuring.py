"""What the benchmarks share: measurements in turns, and the line that says where they were made.

Imported ahead of NumPy: BLAS runs on one thread, since threads that wait for one another are not measured.
"""

from __future__ import annotations

import datetime
import gc
import os
import platform
import time
from collections.abc import Callable
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402

SHORTEST = 4e-3  # seconds that one measurement lasts at least


def lasting(call: Callable[[], Any], calls: int) -> float:
    """Seconds for one of so many calls."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def in_turns(calls: list[Callable[[], Any]], repeats: int) -> list[list[float]]:
    """Seconds of each, measured in turns, so that a machine that slows down slows all of them."""
    counts = []
    for call in calls:
        call()
        count = 1
        while count * lasting(call, count) < SHORTEST:
            count *= 2
        counts.append(count)
    times: list[list[float]] = [[] for _ in calls]
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for found, call, count in zip(times, calls, counts, strict=True):
                found.append(lasting(call, count))
    finally:
        gc.enable()
    return times


def made_by(script: str, *peers: str) -> str:
    """By which script, when and where figures were made. peers: other tools with their versions."""
    versions = ", ".join([f"Python {platform.python_version()}", f"NumPy {np.__version__}", *peers])
    return (
        f"Made by `python benchmarks/{script} --markdown FILE` on {datetime.date.today():%Y-%m-%d}; "
        f"{versions}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores."
    )
