"""A state that is passed in, and made anew in each trip or on one path: objects, dicts, tuples."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tests.support import Cases

U, V = np.array([0.3, 0.5, -0.2]), np.array([1.0, -0.7, 0.4])
CASES = Cases()


@dataclass
class State:
    u: np.ndarray
    v: np.ndarray
    t: float = 0.0


class Pair(NamedTuple):
    u: np.ndarray
    t: float


def step(s, dt):
    return State(s.u + dt * s.v, s.v - dt * np.sin(s.u), s.t + dt)


@CASES(State(U, V, 0.5), 0.1, wrap="branch callee")
def object_stepped(s, dt):
    for _ in range(4):
        s = step(s, dt)
    return np.sum(s.u * s.v) * s.t


@CASES(State(U, V, 0.5), wrap="branch callee")
def object_replaced_on_one_path(s):
    for i in range(3):
        s = replace(s, u=s.u + 0.1 * s.v)
        if i % 2:
            s = replace(s, v=s.v * s.u, t=s.t * s.u[0])
    return np.sum(s.u * s.v) * s.t


@CASES({"u": U, "v": V})
def dict_made_anew(s):
    while np.sum(s["u"]) < 2.0:
        s = {"u": s["u"] + 0.4 + 0.1 * s["v"], "v": s["v"] - np.sin(s["u"])}
    return np.sum(s["u"] ** 2) + np.sum(s["v"])


@CASES((U, V))
def tuple_stepped(s):
    for _ in range(3):
        s = (s[0] + s[1], s[1] - np.sin(s[0]))
    return np.sum(s[0] * s[1])


@CASES(Pair(U, 0.3), wrap="branch callee")
def named_tuple_on_one_path(s):
    if s.t > 0:
        s = Pair(s.u * s.t, s.t * s.t)
    return np.sum(s.u**2) * s.t


@CASES({"u": U, "v": V})
def written_before_it_is_made_anew(s):
    for _ in range(2):
        s["u"][1:] *= s["v"][:-1]
        s = {"u": s["u"] * 2, "v": s["u"] + s["v"]}
    s["v"] += s["u"]
    return np.sum(s["v"] ** 2)


test_states = CASES.test()
