"""What the tests of emit write as modules: functions of all sorts, what is asked for, and at which arguments."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tests.operators import kernels

LIMIT = 0.75
WEIGHTS = np.array([0.5, 1.5, -0.25, 2.0])
MASK = np.array([True, False, True, True])


class Pair(NamedTuple):
    a: np.ndarray
    b: float


@dataclass
class State:
    u: np.ndarray
    t: float
    name: str = "state"

    def energy(self):
        return np.sum(self.u * self.u) * self.t


def inner(x):
    return np.tanh(x) * LIMIT


def captured(x, n=2):
    for _ in range(n):
        x = inner(x) * WEIGHTS
    return np.sum(x[MASK]) * math.cos(LIMIT)


def mlp(params, x, act="tanh"):
    for layer in params:
        x = layer["w"] @ x + layer["b"]
        x = np.tanh(x) if act == "tanh" else np.maximum(x, 0.0)
    return np.sum(x * x)


def of_pair(p, scale):
    return np.sum(p.a * p.a) * p.b * scale


def of_state(state, x):
    return state.energy() * np.sum(x)


def starred(x, *more, **named):
    total = np.sum(x)
    for y in more:
        total = total + np.sum(x * y)
    return total * named["scale"]


def data_dependent(x):
    y = np.zeros_like(x)
    k = 0
    while np.sum(y * y) < 4.0 and k < 30:
        if x[k % 4] > 0:
            y[k % 4] += x[k % 4]
        else:
            y[::2] -= 0.5 * x[::2] * y[1::2] - 0.1
        k += 1
    return np.sum(y * x)


def power(x, n):
    if n == 0:
        return 1.0
    half = power(x, n // 2)
    return half * half * x if n % 2 else half * half


def broadcasting(x, row):
    return np.sum((x * row - row / (1.0 + x * x)) ** 2)


def several(x, s):
    return {"a": x * s, "b": (np.sum(x), s * s)}


def elementwise(x):
    return np.sin(x) * x


def texts(x, kind="sq\"uar\\e"):
    return np.sum(x * x) if kind == "sq\"uar\\e" else np.sum(x)


def programs():
    """(name, function, argnums, arguments, mode, outputs)."""
    rng = np.random.default_rng(9)

    def u(*shape):
        return rng.uniform(0.3, 1.0, shape)

    params = [{"w": u(3, 4), "b": u(3)}, {"w": u(2, 3), "b": u(2)}]
    found = []
    plain = [
        (captured, 0, (u(4),)), (mlp, ("params", 1), (params, u(4))), (of_pair, ("p",), (Pair(u(3), 0.5), 2.0)),
        (of_state, (0, 1), (State(u(3), 0.5), u(2))), (data_dependent, 0, (np.array([0.5, -0.3, 0.8, 0.2]),)),
        (power, 0, (0.7, 5)), (broadcasting, ("x", "row"), (u(3, 4), u(1, 4))),
        (starred, (0, 2), (u(3), u(3), u(3))), (texts, 0, (u(3),)),
    ]  # fmt: skip
    for function, argnums, args in plain:
        kwargs = {"scale": 2.0} if function is starred else {}
        for mode in ("grad", "value_and_grad", "vjp", "jvp"):
            found.append((f"{function.__name__}_{mode}", function, argnums, args, kwargs, mode, None))
    for mode in ("elementwise_grad", "vjp", "jvp"):
        found.append((f"elementwise_{mode}", elementwise, 0, (u(4),), {}, mode, None))
    for mode in ("vjp", "jvp"):
        found.append((f"several_{mode}", several, (0, 1), (u(3), 0.5), {}, mode, None))
        for k, (kernel, args, outputs) in enumerate(kernels.cases()):
            if kernel.__name__ in ("adi", "fdtd_2d", "lu", "through_views", "velocity_verlet", "recursive"):
                wrt = tuple(i for i, a in enumerate(args) if not isinstance(a, int))
                found.append((f"{kernel.__name__}_{k}_{mode}", kernel, wrt, args, {}, mode, outputs))
    return found
