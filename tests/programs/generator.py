"""Random programs as Python text: scalars s0..s2, arrays a0..a2 and x of length 4, m of shape (3, 4), a list.

`program(pick)` builds one, where `pick(n)` gives a number below n: drawn by Hypothesis (0 is the simplest choice,
so that shrinking works) or by `random`. Values are kept bounded by sin, tanh and small factors. Every name is
defined before any branch, so that every program runs, unless it grows out of bounds: then it is skipped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

PRELUDE = '''\
import math

import numpy as np


def value_of(t, u):
    return math.sin(t * u) + 0.5 * u


def early(t, n):
    for k in range(3):
        if t > 0.4:
            return t * n
        t = t + 0.3
    return math.tanh(t)


def blend(a, b):
    return np.tanh(a * b[0]) + 0.3 * b


def total(a):
    y = 0.0
    for v in a:
        y = y * 0.5 + v * v
    return y


def power(t, n):
    if n == 0:
        return 1.0
    return t * power(t, n - 1)


def scale(a, t):
    a *= t
    a[0] += 0.2 * t


def mix(a, b):
    for i in range(1, len(a)):
        a[i] = 0.5 * a[i] + 0.4 * a[i - 1] * b[i]


def shift(a, t):
    if a[0] > t:
        a[1:] = 0.8 * a[:-1]
        return
    a[:2] = np.sin(a[1:3] + t)


def twice(a, t):
    scale(a[1:], t)
    mix(a, a * t)


def advance(a, t):
    a += 0.1 * t
    return a[1] * t

'''

SCALARS = ["s0", "s1", "s2"]
ARRAYS = ["a0", "a1", "a2"]
PARTS = ["0:2", "1:3", "2:4", "::2", "1::2", "::-2"]  # of length 2
SLICES = [("1:", ":-1"), (":-1", "1:"), ("1:3", "2:4"), (":2", "2:"), ("::2", "1::2"), ("::-1", ":"), (":", "::-1")]
EVERYTHING = "s0 + 2 * s1 - s2 + np.sum(a0 * x) + np.sum(a1 * a1) - np.sum(a2) + np.sum(m * m)"


class Builder:
    """Writes one program. Statements are weighted: those that have found bugs are drawn more often."""

    def __init__(self, pick: Callable[[int], int]) -> None:
        self.pick = pick
        self.lines: list[str] = []
        self.depth = 1
        self.loops: list[str] = []  # index variables of the enclosing loops, "" for one without
        self.views: list[tuple[str, int]] = []  # views in scope: name, length
        self.functions: list[str] = []
        self.budget = 8 + pick(10)
        self.serial = 0
        self.iterating = False  # over the list, which then must not grow

    # -- drawing

    def choose(self, items: Sequence[T]) -> T:
        return items[self.pick(len(items))]

    def chance(self, percent: int) -> bool:
        return self.pick(100) >= 100 - percent

    def emit(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def fresh(self, stem: str) -> str:
        self.serial += 1
        return f"{stem}{self.serial}"

    @contextmanager
    def block(self, header: str):
        self.emit(header)
        self.depth += 1
        views, functions, before = list(self.views), list(self.functions), len(self.lines)
        yield
        if len(self.lines) == before:
            self.emit("pass")
        self.views, self.functions = views, functions
        self.depth -= 1

    # -- expressions

    def index(self) -> str:
        """An index into an array of length 4."""
        ranged = [name for name in self.loops if name]
        options = ["0", "1", "2", "3", "-1"] + ranged * 2 + [f"{name} + 1" for name in ranged]
        options += [f"-{name} - 1" for name in ranged]
        return self.choose(options)

    def constant(self) -> str:
        return self.choose(["0.5", "0.8", "-0.7", "1.1", "0.3"])

    def array(self) -> str:
        """A name of length 4."""
        return self.choose([*ARRAYS, "x"])

    def scalar_atom(self) -> str:
        kind = self.pick(8)
        if kind <= 3:
            return self.choose(SCALARS)
        if kind == 4:
            return f"{self.array()}[{self.index()}]"
        if kind == 5:
            return self.constant()
        if kind == 6:
            return f"m[{self.choose(['0', '1', '2', '-1'])}, {self.index()}]"
        return "p"

    def scalar(self, depth: int = 2) -> str:
        if depth == 0:
            return self.scalar_atom()
        kind = self.pick(20)
        a = self.scalar_atom
        if kind <= 1:
            return a()
        if kind <= 4:
            return f"np.sin({self.scalar(depth - 1)} * {a()})"
        if kind <= 6:
            return f"np.tanh({self.scalar(depth - 1)} + {a()})"
        if kind == 7:
            return f"0.5 * ({self.scalar(depth - 1)} + {a()})"
        if kind == 8:
            return f"np.tanh(np.sum({self.array()} * {self.array()}))"
        if kind == 9:
            return f"{self.array()}.mean() * {a()}"
        if kind == 10:
            return f"{self.choose(['value_of', 'early'])}({a()}, {a()})"
        if kind == 11:
            return f"np.tanh(total({self.choose([self.array(), f'{self.array()}[1:]', 'm[1]'])}))"
        if kind == 12:
            return f"power({a()}, {self.choose(['2', '1', '3'])})"
        if kind == 13:
            return f"({a()} if {self.predicate()} else {self.scalar(depth - 1)})"
        if kind == 14:
            return f"{a()} / (1.5 + {a()} ** 2)"
        if kind == 15:
            return f"0.3 * np.sum({self.array()}[[0, 2, 2]])"
        if kind == 16:
            return f"math.cos({a()}) * {a()}"
        if kind == 17:
            return f"np.sum(np.tanh(m[{self.choose(['1', ':, 1', '1:', ':, ::2'])}]) * {a()}) * 0.2"
        if kind == 18:
            return f"np.tanh(sum([{a()}, {a()} * {a()}]))"
        if self.functions:
            return f"{self.choose(self.functions)}({a()})"
        return f"max({a()}, {a()})"

    def vector(self, depth: int = 2) -> str:
        """An expression of length 4."""
        if depth == 0:
            return self.array()
        kind = self.pick(15)
        if kind <= 2:
            return f"np.sin({self.vector(depth - 1)} * {self.array()})"
        if kind <= 4:
            return f"np.tanh({self.vector(depth - 1)} + {self.scalar_atom()})"
        if kind == 5:
            return f"0.5 * ({self.vector(depth - 1)} - {self.array()})"
        if kind == 6:
            return f"{self.array()} * {self.scalar_atom()}"
        if kind == 7:
            return f"m[{self.choose(['0', '1', '2'])}] * {self.scalar_atom()}"
        if kind == 8:
            return f"{self.array()}[[3, 1, 1, 0]]"
        if kind == 9:
            return f"blend({self.array()}, {self.vector(0)})"
        if kind == 10:
            return f"np.where({self.array()} > {self.constant()}, {self.array()}, {self.vector(depth - 1)})"
        if kind == 11:
            return f"np.array([{', '.join(self.scalar_atom() for _ in range(4))}])"
        if kind == 12:
            return f"{self.array()}[::-1] * {self.array()}"
        if kind == 13:
            return f"np.tanh(m.T @ m[:, {self.choose(['1', '0', '3'])}])"
        return f"np.concatenate([{self.array()}[2:], {self.array()}[:2]])"

    def predicate(self) -> str:
        kind = self.pick(9)
        if kind <= 2:
            return f"{self.scalar_atom()} > {self.choose(['0.1', '-0.3', '0.6'])}"
        if kind == 3:
            return f"{self.choose(SCALARS)} < {self.scalar_atom()}"
        if kind == 4:
            return f"{self.array()}.sum() > 0.2"
        if kind == 5:
            ranged = [name for name in self.loops if name]
            return f"{self.choose(ranged)} % 2 == {self.choose(['0', '1'])}" if ranged else "len(items) > 1"
        if kind == 6:
            return f"{self.choose(SCALARS)} > 0 and {self.array()}[{self.index()}] < 0.5"
        if kind == 7:
            return f"-0.5 < {self.choose(SCALARS)} < 0.9"
        return f"not {self.array()}[0] > 0.3 or {self.choose(SCALARS)} > 0.2"

    # -- statements

    def statement(self) -> None:
        self.budget -= 1
        table = [
            (5, self.assign_scalar), (3, self.augment_scalar), (5, self.assign_array), (4, self.augment_array),
            (2, self.alias), (2, self.swap), (5, self.store_element), (5, self.store_slice), (4, self.store_matrix),
            (5, self.make_view), (3, self.use_view), (2, self.store_mask), (2, self.store_indices),
            (4, self.use_list),
            (5, self.branch), (5, self.for_range), (3, self.for_sequence), (2, self.while_loop), (3, self.jump),
            (5, self.call_writer), (2, self.closure), (1, self.array_ternary), (1, self.matrix_statement),
            (1, self.list_of_arrays),
        ]
        kind = self.pick(sum(weight for weight, _ in table))
        for weight, make in table:
            if kind < weight:
                make()
                return
            kind -= weight

    def statements(self, least: int = 1, most: int = 3) -> None:
        for _ in range(least + self.pick(most - least + 1)):
            self.statement()

    def assign_scalar(self) -> None:
        self.emit(f"{self.choose(SCALARS)} = {self.scalar()}")

    def augment_scalar(self) -> None:
        op = self.choose(["+=", "*=", "-=", "/="])
        value = self.scalar(1) if op != "/=" else f"(1.5 + {self.scalar_atom()} ** 2)"
        self.emit(f"{self.choose(SCALARS)} {op} {value}")

    def assign_array(self) -> None:
        value = self.choose([self.vector(), self.vector(), f"{self.array()}.copy()"])
        self.emit(f"{self.choose(ARRAYS)} = {value}")

    def augment_array(self) -> None:
        op = self.choose(["*=", "+=", "-="])
        value = self.choose([self.scalar_atom(), self.vector(0), self.vector(1)])
        self.emit(f"{self.array()} {op} {value}")

    def alias(self) -> None:
        self.emit(f"{self.choose(ARRAYS)} = {self.choose([*ARRAYS, 'x', 'm[1]', 'x[:]'])}")

    def swap(self) -> None:
        names = self.choose([ARRAYS, SCALARS])
        a = self.choose(names)
        b = self.choose([name for name in names if name != a])
        self.emit(f"{a}, {b} = {b}, {a}" if self.chance(70) or names is SCALARS else f"{a}, {b} = {b}, {a} * {b}")

    def store_element(self) -> None:
        op = self.choose(["=", "=", "+=", "*=", "-="])
        self.emit(f"{self.array()}[{self.index()}] {op} {self.scalar(1)}")

    def store_slice(self) -> None:
        a = self.array()
        op = self.choose(["=", "=", "+=", "*="])
        left, right = self.choose(SLICES)
        kind = self.pick(6)
        if kind <= 1:
            self.emit(f"{a}[{left}] {op} {self.array()}[{right}] * {self.scalar_atom()}")
        elif kind == 2:
            self.emit(f"{a}[{left}] {op} np.tanh({a}[{right}] * {self.scalar_atom()})")
        elif kind == 3:
            self.emit(f"{a}[{left}] {op} {self.scalar(1)}")
        elif kind == 4:
            self.emit(f"{a}[:] {op} {self.vector(1)}")
        else:
            self.emit(f"{a}[{left}] {op} {a}[{right}] * {a}[{left}]")

    def store_matrix(self) -> None:
        op = self.choose(["=", "+=", "*="])
        row = self.choose(["0", "1", "2", "-1"])
        target, value = self.choose([
            (f"m[{row}]", self.vector(1)), (f"m[:, {self.index()}]", self.scalar(1)),
            (f"m[{row}, {self.index()}]", self.scalar(1)), ("m[1:]", self.vector(0)), ("m[:]", self.vector(0)),
            (f"m[:, {self.index()}]", f"{self.array()}[1:]"), ("m[:2, 1:3]", "m[1:, :2]"),
            ("m[::2]", f"{self.array()} * m[1]"), ("m[0][1:]", f"{self.array()}[1:]"),
            ("m.T[1]", self.scalar(1)), ("m.T[2:]", "m.T[:2]"), ("m.reshape(-1)[3:7]", self.vector(0)),
            ("m.ravel()[5]", self.scalar(1)), ("m[1:3, 0:1]", self.scalar_atom()),
        ])
        self.emit(f"{target} {op} {value}")

    def make_view(self) -> None:
        v = self.fresh("v")
        base = self.array()
        source, length = self.choose([
            (f"{base}[1:3]", 2), (f"{base}[{self.choose(PARTS)}]", 2), (f"m[{self.choose(['0', '1', '2'])}]", 4),
            (f"m[:, {self.choose(['0', '1', '3'])}]", 3), ("m.T[1]", 3), (f"{base}[::-1]", 4),
            ("m.reshape(-1)[2:6]", 4), (f"{base}[1:]", 3), (f"m[1, {self.choose(PARTS)}]", 2), ("m[1:].T[2]", 2),
            (f"{base}.reshape(2, 2)[1]", 2),
        ])
        self.emit(f"{v} = {source}")
        self.views.append((v, length))
        for _ in range(1 + self.pick(2)):
            self.use_view()

    def use_view(self) -> None:
        if not self.views:
            self.augment_array()
            return
        v, length = self.choose(self.views)
        kind = self.pick(9)
        if kind <= 1:
            self.emit(f"{v} *= {self.scalar_atom()}")
        elif kind == 2:
            self.emit(f"{v} += {self.scalar(1)}")
        elif kind == 3:
            self.emit(f"{v}[{self.choose(['0', '1', '-1'])}] {self.choose(['=', '*=', '+='])} {self.scalar(1)}")
        elif kind == 4:
            self.emit(f"{self.choose(SCALARS)} += np.sum({v} * {v}) * 0.3")
        elif kind == 5:
            self.emit(f"{v}[1:] = {v}[:-1] * {self.scalar_atom()}")
        elif kind == 6:
            self.emit(f"{v} += np.sin({v}) * {self.scalar_atom()}")
        elif kind == 7:
            self.emit(f"{v}[:] = {self.array()}[:{length}] * 0.9")
        else:
            self.emit(f"{self.choose(SCALARS)} = {v}[0] * {self.scalar_atom()}")

    def store_mask(self) -> None:
        a, bound = self.array(), self.choose(["0.1", "0.5", "-0.2"])
        self.emit(self.choose([
            f"{a}[{a} > {bound}] *= 0.5", f"{a}[{a} > {bound}] = {self.scalar_atom()}",
            f"{a}[{self.array()} > {bound}] += {self.scalar_atom()}",
            f"{a}[{a} < {bound}] = -{a}[{a} < {bound}]", f"m[m > {bound}] *= {self.scalar_atom()}",
        ]))

    def store_indices(self) -> None:
        a = self.array()
        self.emit(self.choose([
            f"{a}[[0, 2]] = {self.array()}[1:3]", f"{a}[[3, 1]] *= {self.scalar_atom()}",
            f"np.add.at({a}, [0, 2, 2], {self.array()}[1:] * 0.5)", f"{a}[[1, 2]] += {a}[[2, 3]]",
        ]))

    def use_list(self) -> None:
        if self.iterating:
            return self.assign_scalar()
        kind = self.pick(9)
        if kind <= 2:
            self.emit(f"items.append({self.scalar(1)})")
        elif kind == 3:
            with self.block("if items:"):
                self.emit(f"{self.choose(SCALARS)} = items.pop()")
        elif kind == 4:
            with self.block("if len(items) > 0:"):
                self.emit(f"items[{self.choose(['-1', '0'])}] {self.choose(['=', '*=', '+='])} {self.scalar_atom()}")
        elif kind == 5:
            v = self.fresh("e")
            with self.block(f"for {v} in items:"):
                self.loops.append("")
                self.emit(f"{self.choose(SCALARS)} = 0.5 * {self.choose(SCALARS)} + {v} * {self.scalar_atom()}")
                if self.chance(40):
                    self.iterating = True
                    self.statement()
                    self.iterating = False
                self.loops.pop()
        elif kind == 6:
            self.emit(f"{self.choose(SCALARS)} = np.tanh(sum(items))")
        elif kind == 7:
            self.emit(f"items = [0.5 * e for e in items] + [{self.scalar_atom()}]")
        else:
            self.emit(f"items.insert(0, {self.scalar_atom()})")

    def list_of_arrays(self) -> None:
        rows = self.fresh("rows")
        self.emit(f"{rows} = [{self.vector(1)}, {self.array()} * {self.scalar_atom()}]")
        self.emit(f"{rows}.append(np.sin({rows}[0]) * {self.array()})")
        self.emit(f"{self.choose(SCALARS)} = np.tanh(np.sum({rows}[{self.choose(['0', '1', '-1'])}] * {rows}[2]))")

    def branch(self) -> None:
        if self.depth > 4:
            return self.assign_scalar()
        with self.block(f"if {self.predicate()}:"):
            self.statements(1, 3)
        if self.chance(15):
            with self.block(f"elif {self.predicate()}:"):
                self.statements(1, 2)
        if self.chance(45):
            with self.block("else:"):
                self.statements(1, 2)

    def loop_body(self, index: str, first: str = "") -> None:
        self.loops.append(index)
        if first:
            self.emit(first)
        self.statements(1, 4)
        self.loops.pop()

    def for_range(self) -> None:
        if len(self.loops) >= 2 or self.depth > 4:
            return self.store_element()
        k = f"k{len(self.loops)}"
        header = self.choose(["range(3)", "range(2)", "range(3)", "reversed(range(3))", "range(2, -1, -1)",
                              "range(1, 3)", "range(0, 3, 2)"])
        with self.block(f"for {k} in {header}:"):
            self.loop_body(k)
        if self.chance(10):
            with self.block("else:"):
                self.statements(1, 1)

    def for_sequence(self) -> None:
        if len(self.loops) >= 2 or self.depth > 4:
            return self.store_element()
        k, e = f"k{len(self.loops)}", self.fresh("e")
        target = self.choose(SCALARS)
        kind = self.pick(5)
        if kind <= 1:
            header, used = f"for {e} in {self.array()}:", f"{target} = 0.5 * {target} + {e} * {self.scalar_atom()}"
            k = ""
        elif kind == 2:
            header = f"for {k}, {e} in enumerate({self.array()}[:3]):"
            used = f"{target} += 0.3 * {e} * {e}"
        elif kind == 3:
            header = f"for {e}, {e}b in zip({self.array()}, {self.array()}):"
            used = f"{target} = np.sin({target} + {e} * {e}b)"
            k = ""
        else:
            header, used = f"for {e} in m:", f"{e} *= {self.scalar_atom()}"
            k = ""
        with self.block(header):
            self.loop_body(k, used)

    def while_loop(self) -> None:
        if len(self.loops) >= 2 or self.depth > 4:
            return self.assign_array()
        c = self.fresh("c")
        self.emit(f"{c} = 0")
        extra = f" and ({self.predicate()})" if self.chance(40) else ""
        with self.block(f"while {c} < {self.choose(['3', '2'])}{extra}:"):
            self.loop_body("", f"{c} += 1")

    def jump(self) -> None:
        kinds = ["return"] if not self.loops else ["break", "continue", "break", "return"]
        kind = self.choose(kinds)
        if kind == "return" and not self.chance(50):
            return self.assign_scalar()
        with self.block(f"if {self.predicate()}:"):
            if self.chance(50):
                self.statement()
            self.emit(kind if kind != "return" else f"return {self.result()}")

    def call_writer(self) -> None:
        one_of = self.choose
        view4 = one_of([self.array(), self.array(), f"m[{self.choose(['0', '1', '2'])}]"])
        short = self.choose([f"{self.array()}[1:]", f"{self.array()}[:3]", "m[:, 1]", "m.T[2]"])
        t = self.scalar_atom()
        self.emit(self.choose([
            f"scale({view4}, {t})", f"mix({view4}, {self.array()})", f"shift({view4}, {t})", f"twice({view4}, {t})",
            f"{self.choose(SCALARS)} = advance({view4}, {t})", f"scale({short}, {t})", f"shift({short}, {t})",
            f"scale({self.choose([v for v, _ in self.views] or [self.array()])}, {t})", f"mix(m, m * {t})",
        ]))

    def closure(self) -> None:
        g = self.fresh("g")
        kind = self.pick(4)
        captured = self.choose(SCALARS)
        if kind == 0:
            self.emit(f"{g} = lambda t: np.sin(t * {captured}) + {self.array()}[1] * t")
            self.functions.append(g)
        elif kind <= 2:
            with self.block(f"def {g}(t):"):
                self.emit(f"return np.tanh(t + {captured} * {self.array()}[{self.choose(['0', '3'])}])")
            self.functions.append(g)
        else:
            a = self.array()
            with self.block(f"def {g}(t):"):
                self.emit(f"{a}[1] += 0.3 * t * {a}[2]")
            self.emit(f"{g}({self.scalar_atom()})")
            self.emit(f"{captured} = {self.scalar(1)}")
            self.emit(f"{g}({captured})")
            return
        self.emit(f"{self.choose(SCALARS)} = {g}({self.scalar_atom()})")

    def array_ternary(self) -> None:
        self.emit(f"{self.choose(ARRAYS)} = {self.array()} if {self.predicate()} else {self.array()}")

    def matrix_statement(self) -> None:
        self.emit(self.choose([
            f"m = np.tanh(m * {self.scalar_atom()})", f"m = m + {self.array()}", f"m *= {self.array()}",
            f"m = m[::-1] * {self.scalar_atom()}", "m = m @ (0.3 * m.T @ m)", "m = m.copy()",
        ]))

    def result(self) -> str:
        return self.choose([
            EVERYTHING,
            f"{self.scalar()} + np.sum({self.array()} * x)", f"s0 * s1 + np.sum(m * {self.array()}) + sum(items)",
            f"np.sum(np.sin({self.array()}) * {self.array()}) + {self.scalar_atom()}",
            f"{self.array()}[{self.index()}]",
        ])

    def build(self) -> str:
        self.emit("s0, s1, s2 = p, x[1] * 0.5, 0.7")
        self.emit(f"a0 = {self.choose(['np.sin(x)', 'x * p', 'np.zeros(4)'])}")
        self.emit(f"a1 = {self.choose(['x * x', 'np.ones(4)', 'm[0] * 1.0'])}")
        self.emit(f"a2 = {self.choose(['np.tanh(x + p)', 'x', 'np.zeros_like(x)', 'a0'])}")
        self.emit("items = [s0, x[2]]")
        while self.budget > 0:
            self.statement()
        self.emit(f"return {EVERYTHING} + sum(items)" if self.chance(60) else f"return {self.result()}")
        return PRELUDE + "\ndef f(x, m, p):\n" + "\n".join(self.lines) + "\n"


def program(pick: Callable[[int], int]) -> str:
    """The text of one program, whose function is `f(x, m, p)`."""
    return Builder(pick).build()


def seeded(seed: int) -> str:
    """The program of a seed."""
    return program(random.Random(seed).randrange)


@st.composite
def programs(draw: Any) -> str:
    """Hypothesis strategy of program texts."""
    return program(lambda n: draw(st.integers(0, n - 1)))
