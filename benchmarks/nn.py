"""Training steps of networks against PyTorch (eager) and JAX (jitted): steps per second, and memory.

    python benchmarks/nn.py [--only TEXT] [--rounds N] [--threads 1 2] [--markdown FILE]

A step is the loss, its gradient, and SGD with momentum, in float32. Each library runs in a process of its own, on as
many processors as there are threads; in each round the processes run one after the other, so that what else the
machine does meets all of them. The best round counts. Memory is the growth of the process from after its imports to
its peak.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

LIBRARIES = ("srcgrad", "torch", "jax")
MODELS = ("mlp", "cnn", "resnet18", "lstm", "lstm, fused", "transformer")
TITLES = {
    "mlp": "MLP 784-512-256-10, 128 rows", "cnn": "CNN, 64 images of 28 x 28",
    "resnet18": "ResNet-18, 16 images of 64 x 64", "lstm": "LSTM 64-256, 50 steps, 64 rows",
    "lstm, fused": "the same, PyTorch's fused nn.LSTM",
    "transformer": "causal transformer block, 256 channels, 8 heads, 16 x 128",
}  # fmt: skip
SHORTEST = 0.5  # seconds that one measurement lasts at least
RATE, MOMENTUM = 1e-3, 0.9


def data(model: str) -> tuple[Any, Any]:
    """Inputs, channels last, and labels; None where the loss is the mean square of the result."""
    rng = np.random.default_rng(0)
    shape = {"mlp": (128, 784), "cnn": (64, 28, 28, 1), "resnet18": (16, 64, 64, 3), "lstm": (64, 50, 64),
             "lstm, fused": (64, 50, 64), "transformer": (16, 128, 256)}[model]  # fmt: skip
    x = rng.standard_normal(shape).astype(np.float32)
    return x, rng.integers(0, 10, shape[0]) if model in ("mlp", "cnn", "resnet18") else None


# ---- srcgrad ---------------------------------------------------------------------------------------------------


def srcgrad_step(model: str) -> Callable[[], float]:
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "examples"))
    from srcgrad import nn, value_and_grad

    rng = np.random.default_rng(0)
    x, labels = data(model)
    if model == "mlp":
        net = nn.Sequential(nn.Dense(784, 512, rng=rng), nn.relu, nn.Dense(512, 256, rng=rng), nn.relu,
                            nn.Dense(256, 10, rng=rng))  # fmt: skip
    elif model == "cnn":
        net = nn.Sequential(nn.Conv2d(1, 32, 3, rng=rng), nn.relu, nn.MaxPool(2), nn.Conv2d(32, 64, 3, rng=rng),
                            nn.relu, nn.MaxPool(2), nn.flatten, nn.Dense(7 * 7 * 64, 128, rng=rng), nn.relu,
                            nn.Dense(128, 10, rng=rng))  # fmt: skip
    elif model == "resnet18":
        from resnet import resnet18

        net = resnet18(10, rng)
    elif model.startswith("lstm"):
        net = nn.LSTM(64, 256, rng=rng)
    else:
        net = nn.TransformerBlock(256, 8, causal=True, rng=rng)

    def classified(net, x, labels):
        return nn.cross_entropy(net(x), labels)

    def squared(net, x, _):
        y = net(x)
        return np.mean((y if model == "transformer" else y[0]) ** 2)

    gradient = value_and_grad(classified if labels is not None else squared)
    optimiser = nn.SGD(net, RATE, momentum=MOMENTUM)

    def step() -> float:
        value, d_net = gradient(net, x, labels)
        optimiser.step(d_net)
        return float(value)

    return step


# ---- PyTorch ---------------------------------------------------------------------------------------------------


def torch_step(model: str) -> Callable[[], float]:
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    given, labels = data(model)
    x = torch.from_numpy(np.moveaxis(given, -1, 1).copy() if given.ndim == 4 else given)

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.layer = nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs),
            )  # fmt: skip
            self.shortcut = nn.Identity() if stride == 1 and inputs == outputs else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))  # fmt: skip

        def forward(self, x: Any) -> Any:
            return F.relu(self.layer(x) + self.shortcut(x))

    class Cells(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.LSTMCell(64, 256)

        def forward(self, x: Any) -> Any:
            h = c = torch.zeros(len(x), 256)
            hs = []
            for t in range(x.shape[1]):
                h, c = self.cell(x[:, t], (h, c))
                hs.append(h)
            return torch.stack(hs, 1)

    class Fused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LSTM(64, 256, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.layer(x)[0]

    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(256), nn.LayerNorm(256)
            self.project, self.mix = nn.Linear(256, 768), nn.Linear(256, 256)
            self.hidden, self.output = nn.Linear(256, 1024), nn.Linear(1024, 256)

        def forward(self, x: Any) -> Any:
            split = self.project(self.norm1(x)).view(len(x), -1, 3, 8, 32).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(*split, is_causal=True)
            x = x + self.mix(mixed.transpose(1, 2).reshape(x.shape))
            return x + self.output(F.gelu(self.hidden(self.norm2(x)), approximate="tanh"))

    net: Any
    if model == "mlp":
        net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    elif model == "cnn":
        net = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1),
                            nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(7 * 7 * 64, 128), nn.ReLU(),
                            nn.Linear(128, 10))  # fmt: skip
    elif model == "resnet18":
        blocks = [Block(*sizes) for sizes in ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2),
                                              (256, 256, 1), (256, 512, 2), (512, 512, 1))]  # fmt: skip
        net = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
                            nn.MaxPool2d(3, 2, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                            nn.Linear(512, 10))  # fmt: skip
    else:
        net = Cells() if model == "lstm" else Fused() if model.startswith("lstm") else Transformer()
    optimiser = torch.optim.SGD(net.parameters(), RATE, momentum=MOMENTUM)
    y = None if labels is None else torch.from_numpy(labels)

    def step() -> float:
        optimiser.zero_grad()
        out = net(x)
        value = (out * out).mean() if y is None else F.cross_entropy(out, y)
        value.backward()
        optimiser.step()
        return float(value)

    return step


# ---- JAX -------------------------------------------------------------------------------------------------------


def jax_step(model: str) -> Callable[[], float]:
    import jax
    import jax.numpy as jnp
    from jax import lax

    rng = np.random.default_rng(0)
    x, labels = data(model)

    def weight(*shape: int) -> Any:
        return jnp.asarray(rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1])), jnp.float32)

    def dense(p: Any, x: Any) -> Any:
        return x @ p[0] + p[1]

    def linear(inputs: int, outputs: int) -> Any:
        return weight(inputs, outputs), jnp.zeros(outputs)

    def conv(w: Any, x: Any, stride: int = 1) -> Any:
        return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def pool(x: Any, window: int, stride: int) -> Any:
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, window, window, 1), (1, stride, stride, 1), "SAME")

    def norm(p: Any, x: Any, axes: Any) -> Any:
        x = x - x.mean(axes, keepdims=True)
        return x / jnp.sqrt((x * x).mean(axes, keepdims=True) + 1e-5) * p[0] + p[1]

    def scale(n: int) -> Any:
        return jnp.ones(n), jnp.zeros(n)

    if model == "mlp":
        params: Any = [linear(784, 512), linear(512, 256), linear(256, 10)]

        def net(p: Any, x: Any) -> Any:
            return dense(p[2], jax.nn.relu(dense(p[1], jax.nn.relu(dense(p[0], x)))))
    elif model == "cnn":
        params = [weight(3, 3, 1, 32), jnp.zeros(32), weight(3, 3, 32, 64), jnp.zeros(64), linear(3136, 128),
                  linear(128, 10)]  # fmt: skip

        def net(p: Any, x: Any) -> Any:
            x = pool(jax.nn.relu(conv(p[0], x) + p[1]), 2, 2)
            x = pool(jax.nn.relu(conv(p[2], x) + p[3]), 2, 2).reshape(len(x), -1)
            return dense(p[5], jax.nn.relu(dense(p[4], x)))
    elif model == "resnet18":
        sizes = ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2),
                 (512, 512, 1))  # fmt: skip
        blocks = [
            (weight(3, 3, a, b), scale(b), weight(3, 3, b, b), scale(b), weight(1, 1, a, b) if a != b else None,
             scale(b) if a != b else None)
            for a, b, _ in sizes
        ]  # fmt: skip
        params = (weight(7, 7, 3, 64), scale(64), blocks, linear(512, 10))

        def net(p: Any, x: Any) -> Any:
            x = pool(jax.nn.relu(norm(p[1], conv(p[0], x, 2), (0, 1, 2))), 3, 2)
            for (_, _, stride), b in zip(sizes, p[2], strict=True):
                y = jax.nn.relu(norm(b[1], conv(b[0], x, stride), (0, 1, 2)))
                y = norm(b[3], conv(b[2], y), (0, 1, 2))
                x = jax.nn.relu(y + (x if b[4] is None else norm(b[5], conv(b[4], x, stride), (0, 1, 2))))
            return dense(p[3], x.mean((1, 2)))
    elif model.startswith("lstm"):
        params = [linear(64, 1024), weight(256, 1024)]

        def net(p: Any, x: Any) -> Any:
            def cell(state: Any, z: Any) -> Any:
                h, c = state
                z = z + h @ p[1]
                gates, candidate = jax.nn.sigmoid(z[:, :768]), jnp.tanh(z[:, 768:])
                c = gates[:, 256:512] * c + gates[:, :256] * candidate
                h = gates[:, 512:] * jnp.tanh(c)
                return (h, c), h

            start = jnp.zeros((len(x), 256))
            return lax.scan(cell, (start, start), dense(p[0], x.swapaxes(0, 1)))[1]
    else:
        params = [scale(256), linear(256, 768), linear(256, 256), scale(256), linear(256, 1024), linear(1024, 256)]

        def net(p: Any, x: Any) -> Any:
            split = dense(p[1], norm(p[0], x, -1)).reshape(*x.shape[:2], 3, 8, 32).transpose(2, 0, 3, 1, 4)
            scores = split[0] @ split[1].swapaxes(-1, -2) / np.float32(np.sqrt(32))
            mask = jnp.triu(jnp.full((x.shape[1], x.shape[1]), -1e9, jnp.float32), 1)
            mixed = jax.nn.softmax(scores + mask) @ split[2]
            x = x + dense(p[2], mixed.swapaxes(1, 2).reshape(x.shape))
            return x + dense(p[5], jax.nn.gelu(dense(p[4], norm(p[3], x, -1))))

    def loss(p: Any) -> Any:
        out = net(p, x)
        if labels is None:
            return jnp.mean(out * out)
        return -jnp.mean(jax.nn.log_softmax(out)[jnp.arange(len(labels)), labels])

    @jax.jit
    def update(p: Any, v: Any) -> Any:
        value, g = jax.value_and_grad(loss)(p)
        v = jax.tree.map(lambda v, g: MOMENTUM * v + g, v, g)
        return value, jax.tree.map(lambda p, v: p - RATE * v, p, v), v

    state = [params, jax.tree.map(jnp.zeros_like, params)]

    def step() -> float:
        value, *state[:] = update(*state)
        return float(value)

    return step


# ---- measuring -------------------------------------------------------------------------------------------------


def work(library: str, model: str) -> None:
    """A process that measures whenever it reads a line: steps per second and MB."""
    if library == "srcgrad":
        import srcgrad.nn  # noqa: F401
    elif library == "torch":
        import torch  # noqa: F401
    else:
        import jax

        jax.numpy.zeros(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step = {"srcgrad": srcgrad_step, "torch": torch_step, "jax": jax_step}[library](model)
    first, second = step(), step()
    assert np.isfinite([first, second]).all(), (library, model)
    print(json.dumps([first]), flush=True)
    for _ in sys.stdin:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < SHORTEST:
            step()
            count += 1
        took = time.perf_counter() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(json.dumps([count / took, grown]), flush=True)


def measure(model: str, threads: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Steps per second and MB of each library that is installed."""
    processors = sorted(os.sched_getaffinity(0))[:threads]
    variables = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    workers = {}
    for library in LIBRARIES:
        command = [sys.executable, __file__, "--worker", library, model]
        worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **variables, "JAX_PLATFORMS": "cpu"},
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )  # fmt: skip
        if worker.stdout is not None and worker.stdout.readline():
            workers[library] = worker
    found: dict[str, list[list[float]]] = {library: [] for library in workers}
    for _ in range(rounds):
        for library, worker in workers.items():
            assert worker.stdin is not None and worker.stdout is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
            found[library].append(json.loads(worker.stdout.readline()))
    for worker in workers.values():
        worker.communicate()
    return {library: (max(r[0] for r in results), max(r[1] for r in results)) for library, results in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="models whose name holds the text")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default: 5)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--markdown", metavar="FILE", help="write the table to a file")
    parser.add_argument("--worker", nargs=2, metavar=("LIBRARY", "MODEL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(*options.worker)
        return 0
    kernel = os.environ.get("OPENBLAS_CORETYPE", "chosen by OpenBLAS")
    load = os.getloadavg()[0]
    lines = [
        "# Networks", "",
        f"Made by `python benchmarks/nn.py --markdown FILE` on {datetime.date.today()}; "
        f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} processors, load {load:.1f} at the start. OpenBLAS kernels: {kernel}.",
        "Training steps per second (loss, gradient, SGD with momentum) in float32, and the growth of the process in "
        "MB. Ratios above 1: srcgrad is faster.", "",
        "| model | threads | srcgrad | PyTorch, eager | JAX, jitted | srcgrad / PyTorch | srcgrad / JAX "
        "| MB | PyTorch | JAX |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for model in MODELS:
        for threads in options.threads if options.only in model else ():
            found = measure(model, threads, options.rounds)
            speed = [found.get(library, (np.nan, 0))[0] for library in LIBRARIES]
            memory = [found.get(library, (0, np.nan))[1] for library in LIBRARIES]
            cells = [TITLES[model], str(threads), *(f"{s:.1f}" for s in speed), f"{speed[0] / speed[1]:.2f}",
                     f"{speed[0] / speed[2]:.2f}", *(f"{m:.0f}" for m in memory)]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
