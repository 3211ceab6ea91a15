"""Programs with what the plain ones lack: objects, dicts and lists of arrays that are written, complex numbers,
`out=`, closures with state, checkpointed loops, views of views, parallel assignments of parts.

The state beside that of the plain programs: `box` and `other`, objects with two arrays and a number; `d`, a dict of
an array and a number; `rows`, a list of arrays; `z`, a complex array of length 4.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.programs.generator import ARRAYS, PRELUDE, SCALARS, SLICES, Builder

MORE = '''\
from dataclasses import dataclass

from srcgrad import checkpoint, checkpointed


@dataclass
class Box:
    a: np.ndarray
    b: np.ndarray
    s: float

    def step(self, t):
        self.a[1:] *= t
        self.s += self.b[0] * t
        return self.s

    def turn(self):
        self.a, self.b = self.b, self.a[::-1]
        return self


def fold(a, n):
    if n == 0:
        return a[0] * 0.5
    a[n] += 0.3 * a[n - 1]
    t = fold(a, n - 1)
    a[0] *= np.tanh(t)
    return np.sin(t) + a[n]


def halves(a):
    if len(a) == 1:
        return a[0]
    h = len(a) // 2
    return np.sin(halves(a[:h])) * 0.7 + halves(a[h:])


@checkpoint
def pushed(a, t):
    a[1:] += 0.3 * t * a[:-1]
    return np.tanh(a) * t


def spread(a, *more, scale=0.5, **named):
    for e in more:
        a = a + e * scale
    for key in named:
        a = a * np.cos(named[key])
    return a


WEIGHTS = np.array([0.3, -0.5, 0.7, 0.2])

'''

HELD = ["box.a", "box.b", "other.a", "other.b", 'd["u"]', "rows[0]", "rows[-1]"]
NUMBERS = ["box.s", "other.s", 'd["t"]']
WHOLE = ("s0 + 2 * s1 - s2 + np.sum(a0 * x) + np.sum(a1 * a1) - np.sum(a2) + np.sum(m * m) + np.sum(box.a * other.b) "
         '+ box.s * other.s + np.sum(d["u"]) * d["t"] + np.sum(rows[0] * rows[-1]) + np.sum(np.abs(z) ** 2)')


class Wider(Builder):
    """Writes one program, with at most as many kinds of state as are drawn."""

    def __init__(self, pick: Callable[[int], int]) -> None:
        super().__init__(pick)
        self.budget = 5 + pick(8)
        self.running = False  # a loop over the rows, which then must not grow
        self.marked = False  # inside of a checkpointed loop, where rows must not be changed

    def held(self) -> str:
        """A part of length 4 of a container."""
        return self.choose(HELD)

    def number(self) -> str:
        return self.choose(NUMBERS)

    def array(self) -> str:
        return self.held() if self.chance(25) else super().array()

    def scalar_atom(self) -> str:
        if self.chance(15):
            return self.choose([*NUMBERS, "z[1].real", "WEIGHTS[2]", f"{self.held()}[{self.index()}]"])
        return super().scalar_atom()

    def statement(self) -> None:
        if self.chance(55):
            return super().statement()
        self.budget -= 1
        makers = [
            self.set_part, self.set_part, self.augment_part, self.augment_part, self.swap_parts, self.swap_parts,
            self.method, self.grow_rows, self.over_rows, self.put_row, self.name_part, self.complex_statement,
            self.out_argument, self.marked_loop, self.view_of_view, self.state_in_closure, self.recursion,
            self.loop_with_else, self.walrus, self.integer_state, self.comprehension, self.star_call, self.choose_part,
            self.call_writer_on_part, self.sorted_statement,
        ]
        self.choose(makers)()

    def alias(self) -> None:
        if self.chance(40):
            self.emit(f"{self.choose(ARRAYS)} = {self.held()}")
        else:
            super().alias()

    # -- parts of containers

    def set_part(self) -> None:
        kind = self.pick(5)
        if kind <= 1:
            self.emit(f"{self.held_place()} = {self.vector(1)}")
        elif kind == 2:
            self.emit(f"{self.held_place()} = {self.array()}")
        elif kind == 3:
            self.emit(f"{self.number()} = {self.scalar(1)}")
        else:
            left, right = self.choose(SLICES)
            self.emit(f"{self.held()}[{left}] = {self.array()}[{right}] * {self.scalar_atom()}")

    def held_place(self) -> str:
        """A part that may be replaced."""
        return self.choose(HELD[:5] if self.running or self.marked else HELD)

    def augment_part(self) -> None:
        kind = self.pick(4)
        op = self.choose(["+=", "*=", "-="])
        if kind <= 1:
            self.emit(f"{self.held()} {op} {self.choose([self.scalar_atom(), self.vector(0), self.vector(1)])}")
        elif kind == 2:
            self.emit(f"{self.number()} {op} {self.scalar(1)}")
        else:
            self.emit(f"{self.held()}[{self.index()}] {op} {self.scalar(1)}")

    def swap_parts(self) -> None:
        kind = self.pick(4)
        names = HELD[:5] if self.running or self.marked else HELD
        if kind == 3:
            a, b = self.choose(NUMBERS), self.choose(SCALARS)
            self.emit(self.choose([f"{a}, {b} = {b}, {a}", f"{b}, {a} = {a} * 0.5, {a} + {b}"]))
            return
        a = self.choose(names)
        b = self.choose([name for name in [*names, *ARRAYS] if name != a])
        self.emit(self.choose([f"{a}, {b} = {b}, {a}", f"{b}, {a} = {a}, {b} * {self.scalar_atom()}",
                               f"{a}, {b} = {b}[::-1], {a}"]))

    def method(self) -> None:
        self.emit(self.choose([
            f"{self.choose(SCALARS)} = box.step({self.scalar_atom()})", f"other.step({self.scalar_atom()})",
            "box.turn()", f"other.turn().step({self.constant()})",
            f"{self.choose(SCALARS)} = box.s + box.step({self.constant()})", "box, other = other, box",
        ]))

    def name_part(self) -> None:
        v = self.fresh("v")
        base = self.held()
        source, length = self.choose([(base, 4), (f"{base}[1:3]", 2), (f"{base}[::-1]", 4), (f"{base}[1:]", 3)])
        self.emit(f"{v} = {source}")
        self.views.append((v, length))
        self.use_view()

    def choose_part(self) -> None:
        v = self.fresh("v")
        self.emit(f"{v} = {self.held()} if {self.predicate()} else {self.array()}")
        self.views.append((v, 4))
        self.use_view()

    def call_writer_on_part(self) -> None:
        t = self.scalar_atom()
        self.emit(self.choose([
            f"scale({self.held()}, {t})", f"shift({self.held()}, {t})", f"twice({self.held()}, {t})",
            f"mix({self.held()}, {self.array()} * {t})", f"{self.choose(SCALARS)} = advance({self.held()}, {t})",
        ]))

    # -- rows

    def grow_rows(self) -> None:
        if self.running or self.marked:
            return self.augment_part()
        self.emit(self.choose([
            f"rows.append({self.vector(1)})", f"rows.append({self.array()})", f"rows.insert(0, {self.vector(0)})",
            f"rows = [0.5 * r for r in rows] + [{self.array()}]", f"rows.append(rows[0] * {self.scalar_atom()})",
            f"rows.append({self.array()}[::-1])", f"rows += [{self.vector(1)}]",
        ]))
        if self.chance(30):
            with self.block("if len(rows) > 2:"):
                v = self.fresh("v")
                self.emit(self.choose([f"{v} = rows.pop()", f"{v} = rows.pop(0)"]))
                self.emit(f"{v} *= {self.scalar_atom()}")
                self.emit(f"{self.choose(SCALARS)} = np.tanh(np.sum({v}))")

    def put_row(self) -> None:
        if self.running or self.marked:
            return self.augment_part()
        self.emit(self.choose([
            f"rows[0] = {self.vector(1)}", f"rows[-1] = {self.array()}", "rows[0], rows[-1] = rows[-1], rows[0]",
            f"rows[-1] *= rows[0] * {self.scalar_atom()}", f"rows[0] -= rows[-1] * {self.scalar_atom()}",
            "rows[0] **= 2", f"rows[-1] *= rows[-1][{self.index()}]",
        ]))

    def over_rows(self) -> None:
        if len(self.loops) >= 2 or self.depth > 4:
            return self.augment_part()
        v, k = self.fresh("r"), f"k{len(self.loops)}"
        header, index = self.choose([
            (f"for {v} in rows:", ""), (f"for {k}, {v} in enumerate(rows[:3]):", k),
            (f"for {v} in (box.a, other.b):", ""), (f"for {v} in reversed(rows):", ""),
            (f"for {v}, {v}b in zip(rows, [a0, x, a1]):", ""),
        ])
        was, self.running = self.running, True
        with self.block(header):
            self.views.append((v, 4))
            self.use_view()
            self.loop_body(index)
        self.running = was

    # -- other

    def complex_statement(self) -> None:
        t = self.scalar_atom()
        self.emit(self.choose([
            f"z = z * np.exp(1j * {t})", f"z[1:] *= {self.array()}[1:]", f"z += 1j * {self.array()}",
            f"z[{self.index()}] = {t} + 1j * {self.scalar_atom()}", "z = np.conj(z[::-1])", "z[:2] = z[2:] * z[:2]",
            f"{self.choose(SCALARS)} = np.tanh(np.abs(z[1] + 2.5))", "z /= 2.0 + np.abs(z) ** 2",
            f"{self.choose(ARRAYS)} = np.abs(z + 3.0) * 0.2", f"{self.choose(ARRAYS)} = np.tanh(z.real * z.imag)",
            f"z[{self.choose(ARRAYS)} > 0.1] *= 0.5j", f"z.real[1:] = {self.array()}[:3]", "np.conj(z, out=z)",
            f"{self.choose(SCALARS)} = np.sum(z * np.conj(z)).real * 0.1", "z = np.fft.fft(z) * 0.4",
        ]))

    def out_argument(self) -> None:
        a, b, c = self.array(), self.array(), self.array()
        left, right = self.choose(SLICES)
        self.emit(self.choose([
            f"np.multiply({a}, {b}, out={c})", f"np.sin({a}, out={b})", f"np.add({a}, {self.scalar_atom()}, out={a})",
            f"np.multiply({a}[{right}], {self.scalar_atom()}, out={a}[{left}])", f"np.maximum({a}, {b}, out={b})",
            f"np.copyto({a}, {b})", f"np.tanh({a}[{right}], out={b}[{left}])", f"np.cumsum({a} * 0.5, out={b})",
            f"np.subtract({a}, {b}, out={c}, where={self.array()} > 0.1)",
        ]))

    def marked_loop(self) -> None:
        if self.loops or self.depth > 3 or self.marked:
            return self.assign_array()
        self.marked = True
        slots = self.choose(["1", "2", "3"])
        if self.chance(70):
            with self.block(f"for k0 in checkpointed(range({self.choose(['3', '4', '2'])}), slots={slots}):"):
                self.loop_body("" if self.chance(30) else "k0")
        else:
            c = self.fresh("c")
            self.emit(f"{c} = 0")
            with self.block(f"while checkpointed({c} < 3, slots={slots}):"):
                self.loop_body("", f"{c} += 1")
        self.marked = False

    def view_of_view(self) -> None:
        v = self.fresh("v")
        base = self.array()
        source, length = self.choose([
            (f"{base}[1:][::-1][:2]", 2), ("m.T[1:3][:, ::2][0]", 2), ("m[1:].T[::-1][1]", 2), ("m[:, None][1][0]", 4),
            (f"{base}.reshape(2, 2).T[1]", 2), ("m.reshape(2, 6)[1][::3]", 2), ("np.swapaxes(m, 0, 1)[2][::-1]", 3),
            (f"{base}[::-1][1:]", 3), ("m[..., 1]", 3), (f"np.ravel({base})[::2]", 2), ("m.reshape(4, 3)[::-1][1]", 3),
        ])
        self.emit(f"{v} = {source}")
        self.views.append((v, length))
        self.use_view()
        self.use_view()

    def state_in_closure(self) -> None:
        g = self.fresh("g")
        kind = self.pick(4)
        if kind == 0:
            with self.block(f"def {g}(t, u={self.scalar_atom()}):"):
                self.emit("box.s = np.tanh(box.s * t + u)")
                self.emit(f"{self.held()}[1:] *= t")
                self.emit(f"return box.s * {self.scalar_atom()}")
            for _ in range(2):
                self.emit(f"{self.choose(SCALARS)} = {g}({self.scalar_atom()})")
        elif kind == 1:
            n = self.choose(SCALARS)
            with self.block(f"def {g}(t):"):
                self.emit(f"d[\"t\"] = d[\"t\"] * t + 0.3 * {n}")
                self.emit("d[\"u\"] = d[\"u\"][::-1] * t")
            self.emit(f"{g}({self.scalar_atom()})")
            self.emit(f"{n} = {self.scalar(1)}")
            self.emit(f"{g}({n})")
        elif kind == 2:
            n = self.choose(SCALARS)
            self.emit(f"{g} = [lambda t: t * {n}, lambda t, u={n}: np.sin(t + u)]")
            self.emit(f"{n} = {self.scalar(1)}")
            self.emit(f"{self.choose(SCALARS)} = {g}[0]({self.scalar_atom()}) + {g}[1]({self.scalar_atom()})")
        else:
            with self.block(f"def {g}(a, n):"):
                with self.block("if n == 0:"):
                    self.emit(f"return a * {self.scalar_atom()}")
                self.emit(f"return {g}(np.tanh(a + {self.choose(SCALARS)}), n - 1)")
            self.emit(f"{self.choose(ARRAYS)} = {g}({self.array()}, 2)")

    def recursion(self) -> None:
        self.emit(self.choose([
            f"{self.choose(SCALARS)} = fold({self.array()}, {self.choose(['2', '1', '3'])})",
            f"{self.choose(SCALARS)} = np.tanh(halves({self.array()}))", f"fold({self.held()}, 2)",
            f"{self.choose(ARRAYS)} = pushed({self.array()}, {self.scalar_atom()})",
            f"{self.held_place()} = pushed({self.array()}, {self.scalar_atom()})",
        ]))

    def loop_with_else(self) -> None:
        if len(self.loops) >= 2 or self.depth > 4:
            return self.store_element()
        c, k = self.fresh("c"), f"k{len(self.loops)}"
        header = f"for {k} in range(3):" if self.chance(60) else f"while {c} < 3:"
        counted = header.startswith("for")
        if not counted:
            self.emit(f"{c} = 0")
        with self.block(header):
            self.loops.append(k if counted else "")
            if not counted:
                self.emit(f"{c} += 1")
            self.statements(1, 2)
            with self.block(f"if {self.predicate()}:"):
                self.statements(1, 1)
                self.emit(self.choose(["break", "break", "continue", f"return {self.result()}"]))
            self.statements(1, 2)
            self.loops.pop()
        with self.block("else:"):
            self.statements(1, 2)

    def walrus(self) -> None:
        w = self.fresh("w")
        self.emit(self.choose([
            f"{self.choose(SCALARS)} = ({w} := {self.scalar(1)}) * {w} + {self.scalar_atom()}",
            f"{self.choose(ARRAYS)} = ({w} := {self.vector(1)}) * {w}[{self.index()}]",
            f"{self.choose(SCALARS)} = {w} if ({w} := {self.scalar(1)}) > 0.1 else {w} * {w}",
        ]))

    def integer_state(self) -> None:
        n = self.fresh("n")
        kind = self.pick(3)
        if kind == 0:
            self.emit(f"{n} = np.arange(4)")
            self.emit(f"{n}[{self.index()}] = {self.choose(['0', '2', '3'])}")
            self.emit(f"{self.array()}[{n}] {self.choose(['=', '+=', '*='])} {self.vector(0)}")
            self.emit(f"{n}[1:] = 1")
            self.emit(f"{self.choose(ARRAYS)} = {self.array()}[{n}] * {self.scalar_atom()}")
        elif kind == 1:
            self.emit(f"{n} = {self.array()} > {self.constant()}")
            self.emit(f"{self.array()}[{n}] {self.choose(['=', '+=', '*='])} {self.scalar_atom()}")
            self.emit(f"{n}[{self.index()}] = {self.choose(['True', 'False'])}")
            self.emit(f"{self.array()}[~{n}] *= {self.scalar_atom()}")
        else:
            self.emit(f"{n} = int({self.array()}[{self.index()}] > 0)")
            self.emit(f"{self.array()}[{n}] {self.choose(['=', '+=', '*='])} {self.scalar_atom()}")
            self.emit(f"{n} += 1")
            self.emit(f"{self.choose(SCALARS)} = {self.array()}[{n}] * {self.scalar_atom()}")

    def sorted_statement(self) -> None:
        a = self.array()
        self.emit(self.choose([
            f"{self.choose(ARRAYS)} = np.sort({a})", f"{a}[np.argmax({a})] *= {self.scalar_atom()}",
            f"{a}[np.argsort({self.array()})] = {self.vector(0)}", f"{a}.sort()",
            f"{self.choose(ARRAYS)} = {a}[np.argsort({a})[::-1]]", f"{self.choose(SCALARS)} = np.max({a}) * 0.5",
            f"np.add.at({a}, [1, 1, 3], {self.scalar_atom()})", "m[:] = np.einsum('ij,jk->ik', m, 0.3 * m.T @ m)",
            f"{self.choose(ARRAYS)} = np.einsum('ij,j->j', m, {a}) * 0.5",
        ]))

    def comprehension(self) -> None:
        a, e = self.array(), self.fresh("e")
        self.emit(self.choose([
            f"{self.choose(SCALARS)} = sum([{e} * {self.scalar_atom()} for {e} in {a}]) * 0.3",
            f"{self.choose(ARRAYS)} = np.array([{e} * {self.scalar_atom()} for {e} in {a}])",
            f"{self.choose(SCALARS)} = sum({e} * {e} for {e} in {a} if {e} > 0.1) * 0.3",
            f"{self.choose(SCALARS)} = 0.2 * sum([np.sum({e} * {a}) for {e} in rows])",
            f"{self.choose(SCALARS)} = max([{e} * {self.scalar_atom()} for {e} in {a}])",
        ]))

    def star_call(self) -> None:
        t = self.scalar_atom
        self.emit(self.choose([
            f"{self.choose(ARRAYS)} = spread({self.array()}, {t()}, {self.array()}, scale={t()})",
            f"{self.choose(ARRAYS)} = spread({self.array()}, *({t()}, {t()}), k={t()}, j={self.number()})",
            f"{self.choose(ARRAYS)} = spread({self.array()}, **{{'scale': {t()}, 'q': {t()}}})",
            f"s0, *_, s2 = {t()}, {t()}, {t()}", f"a0, (s1, a1) = {self.array()}, ({t()}, {self.vector(1)})",
        ]))

    def result(self) -> str:
        return super().result() if self.chance(50) else WHOLE

    def build(self) -> str:
        self.emit("s0, s1, s2 = p, x[1] * 0.5, 0.7")
        self.emit(f"a0 = {self.choose(['np.sin(x)', 'x * p', 'np.zeros(4)'])}")
        self.emit(f"a1 = {self.choose(['x * x', 'np.ones(4)', 'm[0] * 1.0'])}")
        self.emit(f"a2 = {self.choose(['np.tanh(x + p)', 'x', 'np.zeros_like(x)', 'a0'])}")
        self.emit(f"box = Box({self.choose(['x * 0.5', 'a0', 'x', 'm[1]'])}, a1 * p, 0.4)")
        self.emit(f"other = Box({self.choose(['x + p', 'a1', 'm[0]'])}, np.cos(x), p * 0.5)")
        self.emit(f"d = {{'u': {self.choose(['x * s1', 'a2', 'm[2]'])}, 't': s0}}")
        self.emit(f"rows = [{self.choose(['x * 0.3', 'a0', 'm[0]'])}, {self.choose(['x * p', 'a1', 'a0'])}]")
        self.emit("z = x + 1j * m[1]")
        self.emit("items = [s0, x[2]]")
        while self.budget > 0:
            self.statement()
        self.emit(f"return {WHOLE} + sum(items)" if self.chance(70) else f"return {self.result()}")
        return PRELUDE + MORE + "\ndef f(x, m, p):\n" + "\n".join(self.lines) + "\n"


def seeded(seed: int) -> str:
    """The wider program of a seed."""
    return Wider(random.Random(seed).randrange).build()
