"""Stores that nobody reads or that change nothing, and copies of arguments that nothing writes."""

import random

import numpy as np
import pytest

from srcgrad import grad
from srcgrad.analysis.aliases import find_aliases
from srcgrad.codegen import Options, body_text
from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import Array
from srcgrad.optimize.entry import drop_copies
from srcgrad.optimize.stores import remove_overwritten
from tests.codegen.build import c, fn, let, n, op, sl, tup
from tests.optimize.programs import (
    ARRAYS,
    COUNTS,
    LISTS,
    SCALARS,
    VECTOR,
    VIEWS,
    Generator,
    const,
    load,
    name,
    run,
    same,
    span,
)

V = Array("float64", (None,))
NAMES = [*SCALARS, *ARRAYS, *VIEWS, *LISTS, *COUNTS, "x", "i"]
COPY = ir.Prim(np.copy, "copy", "method")
SAVED = (ir.Name("o", kind=VECTOR), ir.Name("q", kind=VECTOR))


def arr(text):
    return n(text, V)


def whole(text):
    return ir.Load(arr(text), sl(None, None), kind=V)


def part(text):
    return ir.Load(arr(text), sl(1, 3), kind=V)


def copied(expr):
    return ir.Call(COPY, (expr,), kind=V)


def kept(*body):
    return body_text(remove_overwritten(body, str), Options(tidy=False))


def test_what_is_overwritten_unread_goes():
    first, second = ir.Store(part("a"), arr("b")), ir.Store(part("a"), arr("d"))
    assert kept(first, let(n("s"), 1.0), second) == "s = 1.0\na[1:3] = d\n"
    assert kept(first, let(n("s"), fn("np.sum", arr("a"))), second).startswith("a[1:3] = b\n")


def test_its_shape_may_be_read_between():
    first, second = ir.Store(part("a"), arr("b")), ir.Store(part("a"), arr("d"))
    text = kept(first, let(arr("z"), fn("np.zeros_like", arr("a"))), second)
    assert text == "z = np.zeros_like(a)\na[1:3] = d\n"


def test_a_part_that_still_holds_its_copy_is_left_alone():
    saved, back = let(arr("o"), copied(part("a"))), ir.Store(part("a"), arr("o"))
    assert kept(saved, let(n("s"), 1.0), back) == "o = a[1:3].copy()\ns = 1.0\n"
    for change in (ir.Store(whole("a"), c(0)), ir.Store(arr("o"), c(2.0), "*"), let(arr("a"), arr("b"))):
        assert kept(saved, change, back).endswith("a[1:3] = o\n")


def test_what_is_added_to_zeros_is_assigned():
    zero = ir.Store(whole("a"), c(0))
    assert kept(zero, ir.Store(arr("a"), arr("b"), "+")) == "a[:] = b\n"
    assert kept(zero, ir.Store(arr("a"), arr("a"), "+")) == "a[:] = 0\na += a\n"
    assert kept(ir.Store(part("a"), c(0)), ir.Store(arr("a"), arr("b"), "+")) == "a[1:3] = 0\na += b\n"
    read = let(n("s"), fn("np.sum", arr("a")))
    assert kept(zero, read, ir.Store(arr("a"), arr("b"), "+")).endswith("a += b\n")


def entered(*body):
    return body_text(drop_copies(body, ()), Options(tidy=False))


def test_a_copy_of_an_argument_goes_where_nothing_writes_it():
    copy = let(arr("x"), copied(arr("x")))
    view = let(arr("v"), part("x"))
    assert "copy" not in entered(copy, view, ir.Return(op("+", arr("v"), arr("x"), kind=V)))
    assert "copy" in entered(copy, view, ir.Store(arr("v"), c(2.0), "*"), ir.Return(c(0.0)))
    assert "copy" in entered(copy, view, ir.Return(arr("v")))
    assert "copy" in entered(copy, view, ir.Return(tup(c(1.0), arr("v"))))
    assert "copy" in body_text(drop_copies((copy, ir.Return(c(0.0))), {"x"}), Options(tidy=False))


class Restoring(Generator):
    """Programs in which parts are saved, put back, set to zero and added to."""

    def program(self, size=12):
        start = [ir.Assign(text, ir.Call(COPY, (load(name("x"), span(0, 2), VECTOR),), kind=VECTOR)) for text in SAVED]
        return (*start, *super().program(size))

    def statement(self, depth, loop):
        if self.rng.random() < 0.4:
            return super().statement(depth, loop)
        array, saved = self.written(), self.rng.choice(SAVED)
        place = load(array, self.rng.choice((span(1, 3), span(0, 2))), VECTOR)
        return [self.rng.choice((
            ir.Assign(saved, ir.Call(COPY, (place,), kind=VECTOR)), ir.Store(place, saved), ir.Store(place, saved),
            ir.Store(place, self.small()), ir.Store(load(array, span(None, None), VECTOR), const(0)),
            ir.Store(array, self.array(), "+"), ir.Store(array, self.small(), "+"), ir.Store(saved, self.small(), "*"),
        ))]  # fmt: skip


@pytest.mark.parametrize("seed", range(150))
def test_random_programs_mean_the_same(seed):
    body, rng = Restoring(seed).program(), random.Random(seed)
    results = rng.sample(NAMES, rng.randint(1, 6))
    want = run(body, results)
    if want is None:
        return
    facts = find_aliases(body)
    shorter = remove_overwritten(body, facts.of)
    entry = ir.Assign(name("x"), ir.Call(COPY, (name("x"),), kind=VECTOR))
    for changed in (shorter, drop_copies((entry, *shorter), results)):
        got = run(changed, results)
        assert got is not None
        assert all(want[text] is None or same(want[text], got[text]) for text in results)


def test_an_output_that_is_written_and_not_read_costs_nothing():
    def product(C, A, B, beta):
        C[:] = A @ B + beta * C
        return np.sum(C * 2.0)

    gradient = grad(product, argnums=(0, 1, 2))
    C, A, B = np.ones((2, 3)), np.arange(4.0).reshape(2, 2), np.arange(6.0).reshape(2, 3)
    d_C, d_A, d_B = gradient(C, A, B, 0.5)
    np.testing.assert_array_equal(C, 1.0)
    np.testing.assert_allclose(d_C, 1.0)
    np.testing.assert_allclose(d_A, 2 * np.ones((2, 3)) @ B.T)
    np.testing.assert_allclose(d_B, A.T @ (2 * np.ones((2, 3))))
    assert "C.copy" not in gradient.source and "C_old" not in gradient.source
