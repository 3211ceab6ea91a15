"""Random programs in the typed dialect, and a way to run them: they are printed and executed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from srcgrad.codegen import Options, body_text
from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import BOOL, FLOAT, INT, Array, Kind, ListOf

VECTOR = Array("float64", (None,))
VECTORS = ListOf(VECTOR)
PARAMS = {"x": VECTOR, "p": FLOAT}
SCALARS, ARRAYS, VIEWS, LISTS, COUNTS = ("s", "t", "u"), ("a", "b", "c"), ("v", "w"), ("h", "g"), ("m", "n")
TABLE: dict[str, Kind] = {
    **PARAMS, **dict.fromkeys(SCALARS, FLOAT), **dict.fromkeys(ARRAYS, VECTOR), **dict.fromkeys(VIEWS, VECTOR),
    **dict.fromkeys(LISTS, VECTORS), **dict.fromkeys(COUNTS, INT),
}  # fmt: skip


def name(text: str) -> ir.Name:
    return ir.Name(text, kind=TABLE.get(text, BOOL if text.startswith("flag") else INT))


def const(value: Any) -> ir.Const:
    return ir.Const(value, kind=INT if isinstance(value, int) else FLOAT)


def fn(function: Any, text: str, kind: Kind, *args: ir.Expr) -> ir.Call:
    return ir.Call(ir.Prim(function, text), args, kind=kind)


def op(text: str, *args: ir.Expr, kind: Kind) -> ir.Op:
    return ir.Op(text, args, kind=kind)


def load(base: ir.Expr, index: ir.Expr, kind: Kind) -> ir.Load:
    return ir.Load(base, index, kind=kind)


def span(lo: int | None, hi: int | None, step: int | None = None) -> ir.Slice:
    return ir.Slice(*(None if part is None else const(part) for part in (lo, hi, step)))


class Generator:
    """Draws programs. Scalars stay in (-1, 1) and arrays nearly so."""

    def __init__(self, seed: int, params_written: bool = True) -> None:
        self.rng = random.Random(seed)
        self.serial = 0
        self.params_written = params_written

    def program(self, size: int = 12) -> tuple[ir.Stmt, ...]:
        init: list[ir.Stmt] = [ir.Assign(name(s), const(round(self.rng.uniform(-1, 1), 2))) for s in SCALARS]
        init += [ir.Assign(name(k), const(self.rng.randrange(3))) for k in COUNTS]
        init += [ir.Assign(name(a), self.fresh()) for a in (*ARRAYS, *VIEWS) if self.rng.random() < 0.98]
        init += [ir.Assign(name(h), ir.Pack("list", (), kind=VECTORS)) for h in LISTS]
        self.rng.shuffle(init)
        return (*init, *self.block(size, 0, loop=False))

    def block(self, size: int, depth: int, loop: bool) -> tuple[ir.Stmt, ...]:
        out: list[ir.Stmt] = []
        for _ in range(self.rng.randint(1, size)):
            out += self.statement(depth, loop)
            if loop and self.rng.random() < 0.12:
                out += self.jump(depth)
                break
        return tuple(out)

    def jump(self, depth: int) -> list[ir.Stmt]:
        """An If with a jump; what follows it is in its `else`, or, with a flag, under a guard."""
        rest = self.block(3, depth + 1, loop=False)
        marker = ir.Break() if self.rng.random() < 0.6 else ir.Continue()
        before = self.statement(depth + 1, False)
        if self.rng.random() < 0.5:
            return [ir.If(self.test(), (*before, marker), rest)]
        self.serial += 1
        flag = name(f"flag{self.serial}")
        leave = ir.If(self.test(), (*before, ir.Assign(flag, ir.Const(True, kind=BOOL)), marker))
        wrapped = leave if self.rng.random() < 0.5 else ir.If(self.test(), (leave,), self.block(2, depth + 1, False))
        return [
            ir.Assign(flag, ir.Const(False, kind=BOOL)), wrapped,
            ir.If(op("not", flag, kind=BOOL), rest, guard=True),
        ]  # fmt: skip

    def pick(self, names: Sequence[str]) -> ir.Name:
        return name(self.rng.choice(names))

    def scalar(self) -> ir.Expr:
        r = self.rng.random()
        if r < 0.5:
            return self.pick((*SCALARS, "p"))
        if r < 0.6:
            return const(round(self.rng.uniform(-1, 1), 2))
        if r < 0.8:
            return load(self.array(), const(self.rng.randrange(2)), FLOAT)
        if r < 0.9:
            return fn(np.tanh, "np.tanh", FLOAT, op("+", self.scalar(), self.scalar(), kind=FLOAT))
        return fn(np.sum, "np.sum", FLOAT, self.array())

    def small(self) -> ir.Expr:
        return fn(np.tanh, "np.tanh", FLOAT, op(self.rng.choice("+-*"), self.scalar(), self.scalar(), kind=FLOAT))

    def array(self) -> ir.Name:
        return self.pick((*ARRAYS, "x"))

    def fresh(self) -> ir.Expr:
        """A new array of four elements."""
        r = self.rng.random()
        if r < 0.2:
            return fn(np.zeros_like, "np.zeros_like", VECTOR, name("x"))
        if r < 0.3:
            return fn(np.array, "np.array", VECTOR, name("x"))
        left = name("x")
        return fn(np.tanh, "np.tanh", VECTOR, op(self.rng.choice("+-*"), left, name("p"), kind=VECTOR))

    def value(self) -> ir.Expr:
        """An array of four elements, perhaps another's."""
        r = self.rng.random()
        if r < 0.25:
            return self.array()
        if r < 0.4:
            return load(self.array(), span(None, None, -1), VECTOR)
        if r < 0.5:
            return ir.Call(ir.Prim(np.transpose, "T", "attribute"), (self.array(),), kind=VECTOR)
        if r < 0.7:
            return fn(np.zeros_like, "np.zeros_like", VECTOR, self.array())
        return fn(np.tanh, "np.tanh", VECTOR, op(self.rng.choice("+-*"), self.array(), self.array(), kind=VECTOR))

    def test(self) -> ir.Expr:
        if self.rng.random() < 0.2:
            return op("==", op("%", self.pick(COUNTS), const(2), kind=INT), const(0), kind=BOOL)
        return op(self.rng.choice("<>"), self.scalar(), self.scalar(), kind=BOOL)

    def written(self) -> ir.Name:
        return self.pick((*ARRAYS, "x") if self.params_written else ARRAYS)

    def statement(self, depth: int, loop: bool) -> list[ir.Stmt]:
        r = self.rng.random()
        if r < 0.2:
            return [ir.Assign(self.pick(SCALARS), self.small() if self.rng.random() < 0.7 else self.scalar())]
        if r < 0.26:
            target = self.pick(SCALARS)
            return [ir.Assign(target, op("+", target, self.small(), kind=FLOAT))]
        if r < 0.38:
            return [ir.Assign(self.pick(ARRAYS), self.value())]
        if r < 0.44:
            return [ir.Store(load(self.written(), const(self.rng.randrange(4)), FLOAT), self.small(),
                             self.rng.choice(("", "+", "*")))]  # fmt: skip
        if r < 0.5:
            place = load(self.written(), span(1, 3), VECTOR)
            return [ir.Store(place, op("*", load(self.array(), span(0, 2), VECTOR), self.small(), kind=VECTOR))]
        if r < 0.58:
            value = self.small() if self.rng.random() < 0.6 else fn(np.sin, "np.sin", VECTOR, self.array())
            return [ir.Store(self.written(), value, self.rng.choice("+*"))]
        if r < 0.66:
            view = self.pick(VIEWS)
            change = ir.Store(view, self.small(), "*")
            bound = ir.Assign(view, load(self.array(), span(0, 2), VECTOR))
            return [bound, change] if self.rng.random() < 0.5 else [self.rng.choice((bound, change))]
        if r < 0.7:
            return [ir.Assign(self.pick(SCALARS), fn(np.sum, "np.sum", FLOAT, self.pick(VIEWS)))]
        if r < 0.76:
            return [ir.Push(self.pick(LISTS), self.array() if self.rng.random() < 0.6 else self.value())]
        if r < 0.82:
            source = self.pick(LISTS)
            test = op(">", fn(len, "len", INT, source), const(0), kind=BOOL)
            last = load(source, const(-1), VECTOR)
            inner = self.rng.choice((
                ir.Pop(self.pick(ARRAYS), source), ir.Pop(None, source), ir.Assign(self.pick(ARRAYS), last),
                ir.Store(last, self.small(), "*"), ir.Store(last, self.array()),
                ir.Store(load(last, const(0), FLOAT), self.small()),
            ))  # fmt: skip
            return [ir.If(test, (inner,))]
        if r < 0.84:
            count = self.pick(COUNTS)
            return [ir.Assign(count, op("+", count, const(1), kind=INT))]
        if r < 0.86:
            return [ir.Assign(self.pick(SCALARS), self.pick(SCALARS))]
        if depth >= 3:
            return [ir.Assign(self.pick(SCALARS), self.small())]
        if r < 0.92:
            orelse = self.block(3, depth + 1, False) if self.rng.random() < 0.5 else ()
            return [ir.If(self.test(), self.block(4, depth + 1, False), orelse)]
        if r < 0.98:
            index = self.pick((*COUNTS, "i", "k"))
            return [ir.For(index, const(0), const(self.rng.randrange(4)), const(1), self.block(4, depth + 1, True),
                           self.rng.random() < 0.3)]  # fmt: skip
        self.serial += 1
        counter = name(f"turn{self.serial}")
        turn = ir.Assign(counter, op("+", counter, const(1), kind=INT))
        return [
            ir.Assign(counter, const(0)),
            ir.While(op("<", counter, const(3), kind=BOOL), (turn, *self.block(4, depth + 1, True))),
        ]


def run(body: Iterable[ir.Stmt], wanted: Iterable[str], **more: Any) -> dict[str, Any] | None:
    """The final values of variables after running the program on fixed arguments, None where it raises."""
    text = body_text(tuple(body), Options(tidy=False))
    env: dict[str, Any] = {"np": np, "x": np.array([0.3, -0.7, 0.5, 0.9]), "p": 0.4, **more}
    try:
        with np.errstate(all="ignore"):
            exec(text, env)
    except (NameError, IndexError):
        return None
    return {key: env.get(key) for key in wanted}


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, arrays and lists element by element."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if a is None or b is None:
        return a is b
    return type(a) is type(b) and np.array_equal(a, b, equal_nan=True)
