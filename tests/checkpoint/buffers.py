"""Random programs over three arrays that swap, alias, view and rewrite one another inside checkpointed loops."""

from __future__ import annotations

import random

HEAD = """\
import numpy as np
from srcgrad import checkpointed

def f(x, m, p):
    a, b, c = x * 1.0, m[0] * p, np.zeros_like(x)
    s = 0.3
"""
END = "    return (a * m[1]).sum() + (b * b).sum() + np.sin(c).sum() + s\n"
NAMES = ["a", "b", "c"]


class Program:
    """Lines of one program."""

    def __init__(self, seed: int) -> None:
        self.rng, self.lines = random.Random(seed), []

    def pick(self, *options: str) -> str:
        return self.rng.choice(options)

    def statement(self, indent: int, depth: int) -> None:
        """Write a statement; depth: how far branches and loops may be nested in it."""
        t, u = self.rng.sample(NAMES, 2)
        v = self.pick(*NAMES)
        k = self.rng.randrange(4)
        simple = [
            f"{t}, {u} = {u}, {t}", f"{t} = {v}", f"{t} = {v}[::-1]", f"{t} = {v}.copy()", f"{t} *= p",
            f"{t}[1:3] *= {u}[:2]", f"{t}[{k}] = s", f"s = np.sin(s + {t}[{k}])", f"{t} = np.sin({u} * {v})",
            f"{t} = 0.5 * {u} + {v} * p", f"{t} = np.tanh({v}) * x",
            f"{t} = np.zeros_like(x); {t}[1:] = np.sin({u}[:-1]) * p",
        ]  # fmt: skip
        kind = self.rng.randrange(len(simple) + 3)
        if kind < len(simple) or not depth:
            self.lines.append("    " * indent + simple[kind % len(simple)])
            return
        if kind == len(simple):
            j = "jk"[depth - 1]
            header = self.pick(f"for {j} in checkpointed(range(3), slots=2):", f"for {j} in range(2):")
        else:
            header = self.pick(f"if i % 3 == {k}:", f"if {t}[0] > 0.1:", f"if i > {k}:")
        self.lines.append("    " * indent + header)
        for _ in range(1 + self.rng.randrange(3)):
            self.statement(indent + 1, depth - 1)
        if header.startswith("if"):
            if self.rng.randrange(4) == 0:
                self.lines.append("    " * (indent + 1) + self.pick("continue", "continue", "break"))
            if self.rng.randrange(2):
                self.lines.append("    " * indent + "else:")
                self.statement(indent + 1, depth - 1)


def program(seed: int) -> str:
    """The text of a program f(x, m, p) with marked loops."""
    made = Program(seed)
    for _ in range(made.rng.randrange(3)):
        made.statement(1, 0)
    n, slots = made.rng.choice([(4, 1), (5, 2), (6, 2), (7, 3), (3, 9)])
    if made.rng.randrange(4) == 0:
        made.lines += ["    i = 0", f"    while checkpointed(i < {n}, slots={slots}):", "        i += 1"]
    else:
        made.lines.append(f"    for i in checkpointed(range({n}), slots={slots}):")
    for _ in range(2 + made.rng.randrange(4)):
        made.statement(2, 2)
    for _ in range(made.rng.randrange(3)):
        made.statement(1, 0)
    return HEAD + "\n".join(made.lines) + "\n" + END
