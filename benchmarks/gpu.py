"""Gradients on the GPU through CuPy, with PyTorch (eager and compiled) and JAX (jitted) in the same run.

    python benchmarks/gpu.py [--only TEXT] [--repeats N] [--small] [--markdown FILE] [--check]

Needs a CUDA device and CuPy (`pip install "srcgrad[cuda12]"`); peers are measured where they are installed with CUDA.
Every gradient is first held against that of srcgrad on the CPU. Times are medians of value and gradient together, each
measurement synchronised at its end, all tools in turns. A row also says what the least that the gradient has to move
makes of the device's bandwidth, measured by a copy, and what it computes of its arithmetic, measured by a matmul.

`--check` holds the gradients against the CPU and measures nothing.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import platform
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from gpu_cases import CASES, Case

import srcgrad

SHORTEST = 2e-3  # seconds that one measurement lasts at least
TOLERANCE = 2e-3  # of the largest entry: sums of float32 in another order

Call = Callable[[], Any]


# ---- the tools: each gives a call of value and gradient, its gradients for the host, and what ends a measurement ----


def ours(case: Case, args: tuple[Any, ...]) -> tuple[Call, Callable[[Any], list[Any]], Call]:
    import cupy as cp

    given = tuple(cp.asarray(a) if isinstance(a, np.ndarray) else a for a in args)
    both = srcgrad.value_and_grad(case.numpy, tuple(range(case.active)))
    return lambda: both(*given), lambda out: [cp.asnumpy(g) for g in out[1]], cp.cuda.Device().synchronize


def pytorch(compiled: bool) -> Callable[..., Any]:
    def tool(case: Case, args: tuple[Any, ...]) -> Any:
        import torch

        if case.torch is None or not torch.cuda.is_available():
            return None
        given = [torch.as_tensor(a, device="cuda") if isinstance(a, np.ndarray) else a for a in args]
        active = [given[k].requires_grad_() for k in range(case.active)]
        function = torch.compile(case.torch) if compiled else case.torch

        def call() -> Any:
            value = function(torch, *given)
            return value, torch.autograd.grad(value, active)

        return call, lambda out: [g.cpu().numpy() for g in out[1]], torch.cuda.synchronize

    return tool


def jax(case: Case, args: tuple[Any, ...]) -> Any:
    import jax
    import jax.numpy as jnp

    if case.jax is None or jax.default_backend() == "cpu":
        return None
    jax.config.update("jax_default_matmul_precision", "highest")  # float32, as the others compute
    moving = [jnp.asarray(a) for a in args[: case.active]]
    held = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in args[case.active :]]
    both = jax.jit(jax.value_and_grad(lambda *xs: case.jax(jnp, *xs, *held), tuple(range(case.active))))

    def call() -> Any:
        return jax.block_until_ready(both(*moving))

    return call, lambda out: [np.asarray(g) for g in out[1]], lambda: None


TOOLS: dict[str, Callable[..., Any]] = {
    "srcgrad": ours, "torch": pytorch(False), "torch.compile": pytorch(True), "jax.jit": jax,
}  # fmt: skip


def prepared(case: Case, args: tuple[Any, ...]) -> dict[str, tuple[Call, Call]]:
    """The tools that are here, each checked against the CPU: a call, and what waits for its end."""
    expected = srcgrad.value_and_grad(case.numpy, tuple(range(case.active)))(*args)[1]
    found = {}
    for name, tool in TOOLS.items():
        try:
            made = tool(case, args)
        except ImportError:
            continue
        if made is None:
            continue
        call, gradients, wait = made
        for got, want in zip(gradients(call()), expected, strict=True):
            off = float(np.max(np.abs(got - want))) / max(1e-30, float(np.max(np.abs(want))))
            if not off < TOLERANCE:
                raise SystemExit(f"{case.name}: the gradient of {name} is off by {off:.2g} of its largest entry")
        found[name] = call, wait
    return found


# ---- measuring ----------------------------------------------------------------------------------------------------


def seconds(call: Call, wait: Call, count: int) -> float:
    wait()
    start = time.perf_counter()
    for _ in range(count):
        call()
    wait()
    return (time.perf_counter() - start) / count


def medians(tools: dict[str, tuple[Call, Call]], repeats: int) -> dict[str, float]:
    """Median seconds of each, measured in turns."""
    counts = {}
    for name, (call, wait) in tools.items():
        counts[name] = 1
        while counts[name] * seconds(call, wait, counts[name]) < SHORTEST:
            counts[name] *= 2
    gc.collect()
    times: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(repeats):
        for name, (call, wait) in tools.items():
            times[name].append(seconds(call, wait, counts[name]))
    return {name: median(found) for name, found in times.items()}


def device_speed() -> tuple[float, float]:
    """Bytes a second of a copy (read and written), and floating-point operations a second of a float32 matmul."""
    import cupy as cp

    wait = cp.cuda.Device().synchronize
    a, b = cp.ones(1 << 27, cp.float32), cp.empty(1 << 27, cp.float32)
    copy = min(seconds(lambda: cp.copyto(b, a), wait, 10) for _ in range(5))
    n = 8192
    m = cp.ones((n, n), cp.float32)
    product = min(seconds(lambda: m @ m, wait, 3) for _ in range(5))
    return 2 * a.nbytes / copy, 2 * n**3 / product


# ---- the table ----------------------------------------------------------------------------------------------------


def line(case: Case, size: int, times: dict[str, float], speed: tuple[float, float]) -> list[str]:
    own = times["srcgrad"]
    cells = [f"{case.name}, {size}", f"{1e3 * own:.3f}"]
    cells += [f"{own / times[name]:.2f}" if name in times else "" for name in list(TOOLS)[1:]]
    cells.append(f"{case.bytes(size) / own / speed[0]:.0%}" if case.bytes(size) else "")
    cells.append(f"{case.flops(size) / own / speed[1]:.0%}" if case.flops(size) else "")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--small", action="store_true", help="leave out the large sizes")
    parser.add_argument("--markdown", help="write the table to this file too")
    parser.add_argument("--check", action="store_true", help="only hold the gradients against the CPU")
    given = parser.parse_args()
    try:
        import cupy as cp

        count = cp.cuda.runtime.getDeviceCount()
    except Exception as error:
        sys.exit(f"there is no GPU to measure: {error}")
    if not count:
        sys.exit("there is no GPU to measure")
    speed = (1.0, 1.0) if given.check else device_speed()
    rows = [["value and gradient", "srcgrad ms", *(f"/ {name}" for name in list(TOOLS)[1:]), "bandwidth", "arithmetic"]]
    for case in CASES:
        if given.only not in case.name:
            continue
        for size in case.sizes[: 1 if given.small else 2]:
            tools = prepared(case, case.make(np.random.default_rng(0), size))
            print(f"{case.name}, {size}: {', '.join(tools)} agree with the CPU", file=sys.stderr)
            if not given.check:
                rows.append(line(case, size, medians(tools, given.repeats), speed))
    if given.check:
        return
    head, *rest = rows
    table = "\n".join(["| " + " | ".join(r) + " |" for r in (head, ["---", *["---:"] * (len(head) - 1)], *rest)])
    name = cp.cuda.runtime.getDeviceProperties(0)["name"].decode()
    text = f"""# Gradients on the GPU

Made by `python benchmarks/gpu.py --markdown FILE` on {datetime.date.today()}; {name}, CuPy {cp.__version__}, NumPy
{np.__version__}, Python {platform.python_version()}. A copy moves {speed[0] / 1e9:.0f} GB/s, a float32 matmul computes
{speed[1] / 1e12:.1f} TFLOP/s. `/ torch`: srcgrad's time over PyTorch's, below 1 where srcgrad is faster. `bandwidth`,
`arithmetic`: what the least that has to be moved or computed takes of these.

{table}
"""
    print(text)
    if given.markdown:
        with open(given.markdown, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
