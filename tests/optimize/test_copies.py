import random

import numpy as np
import pytest

from srcgrad.analysis.aliases import find_aliases
from srcgrad.codegen import Options, body_text
from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import BOOL, FLOAT, INT, Array
from srcgrad.optimize.copies import inline_single_uses, propagate_copies
from srcgrad.transform.webs import split_webs
from tests.codegen.build import c, fn, let, loop, n, op, sl
from tests.optimize.programs import ARRAYS, COUNTS, LISTS, SCALARS, VIEWS, Generator, run, same

V = Array("float64", (None,))
NAMES = [*SCALARS, *ARRAYS, *VIEWS, *LISTS, *COUNTS, "x", "i"]


def arr(name):
    return n(name, V)


def num(name):
    return n(name, FLOAT)


def plus(a, b, kind=FLOAT):
    return op("+", a, b, kind=kind)


def inlined(*body, keep=(), written=None, width=100):
    done = inline_single_uses(body, lambda name: name not in keep, str, written, width)
    return body_text(done, Options(tidy=False))


def propagated(*body, written=(), live_out="y"):
    return body_text(propagate_copies(body, str, written, live_out), Options(tidy=False))


def test_a_value_moves_to_its_only_use():
    text = inlined(let(num("t"), plus(num("x"), 1)), let(num("y"), op("*", num("t"), 2, kind=FLOAT)), keep="y")
    assert text == "y = (x + 1) * 2\n"


def test_chains_move_together():
    chain = (let(num("t"), plus(num("x"), 1)), let(num("u"), plus(num("t"), 2)))
    text = inlined(*chain, let(num("y"), plus(3, num("u"))), keep="y")
    assert text == "y = 3 + (x + 1 + 2)\n"


def test_not_past_a_binding_of_what_it_reads():
    body = (let(num("t"), plus(num("x"), 1)), let(num("x"), 2.0), let(num("y"), num("t")))
    assert inlined(*body, keep="xy") == "t = x + 1\nx = 2.0\ny = t\n"


def test_not_past_a_write_through_an_alias():
    body = (let(arr("v"), ir.Load(arr("x"), sl(1, None), kind=V)), let(num("t"), ir.Load(arr("x"), c(1), kind=FLOAT)),
            ir.Store(arr("v"), c(2.0), "*"), let(num("y"), num("t")), ir.Return(arr("v")))  # fmt: skip
    assert "t = x[1]\nv *= 2.0\ny = t\n" in inlined(*body, keep="yv")


def test_not_past_a_call_that_may_write():
    item = ir.Load(arr("x"), c(1), kind=FLOAT)
    body = (let(num("t"), item), ir.Invoke((), "f", (arr("x"),)), let(num("y"), num("t")))
    assert inlined(*body, keep="y") == "t = x[1]\nf(x)\ny = t\n"
    assert inlined(*body, keep="y", written=["x"]) == "t = x[1]\nf(x)\ny = t\n"
    assert inlined(*body, keep="y", written=[]) == "f(x)\ny = x[1]\n"


def test_filling_a_tape_of_arrays_does_not_change_the_arrays():
    from srcgrad.ir.kinds import ListOf

    body = (let(arr("t"), plus(arr("x"), 1, V)), ir.Push(n("tape", ListOf(V)), arr("x")), let(arr("y"), arr("t")))
    assert inlined(*body, keep="y") == "tape.append(x)\ny = x + 1\n"


def test_only_what_is_read_and_bound_once():
    twice = (let(num("t"), plus(num("x"), 1)), let(num("y"), op("*", num("t"), num("t"))))
    assert inlined(*twice, keep="y").startswith("t = ")
    bound = (let(num("t"), 0.0), loop("i", 3, let(num("y"), num("t"))), let(num("t"), 1.0))
    assert inlined(*bound, keep="y").startswith("t = ")


def test_not_into_a_loop_but_into_its_bounds():
    count = let(n("t", INT), fn("len", arr("x")))
    assert inlined(count, loop("i", n("t", INT), let(num("y"), 1.0)), keep="yi").startswith("for i in range(len(x)):")
    assert inlined(count, loop("i", 3, let(num("y"), n("t", INT))), keep="yi").startswith("t = ")
    assert inlined(count, ir.While(op(">", n("t", INT), num("y"), kind=BOOL), ()), keep="y").startswith("t = ")


def test_not_where_it_would_run_less_often():
    value = let(num("t"), plus(num("x"), 1))
    assert inlined(value, ir.If(num("c"), (let(num("y"), num("t")),)), keep="y").startswith("t = ")
    assert inlined(value, let(num("y"), ir.Cond(num("c"), num("t"), c(0.0))), keep="y").startswith("t = ")
    assert inlined(value, ir.If(num("t"), (), (let(num("y"), 1.0),), guard=False), keep="y").startswith("if ")


def test_not_what_has_an_effect():
    draw = ir.Call(ir.Prim(np.random.default_rng(0).normal, "rng.normal"), (), kind=FLOAT)
    assert inlined(let(num("t"), draw), let(num("y"), num("t")), keep="y") == "t = rng.normal()\ny = t\n"


def test_not_to_the_root_of_a_write():
    row = let(arr("t"), ir.Load(arr("x"), c(0), kind=V))
    assert inlined(row, ir.Store(arr("t"), c(2.0), "*")) == "t = x[0]\nt *= 2.0\n"
    index = let(n("k", INT), op("+", n("j", INT), 1, kind=INT))
    assert inlined(index, ir.Store(ir.Load(arr("x"), n("k", INT)), c(2.0))) == "x[j + 1] = 2.0\n"


def test_lines_stay_short():
    body = (let(num("t"), plus(num("x"), 1)), let(num("y"), op("*", num("t"), 2, kind=FLOAT)))
    assert inlined(*body, keep="y", width=20) == "y = (x + 1) * 2\n"
    assert inlined(*body, keep="y", width=19) == "t = x + 1\ny = t * 2\n"


def test_a_note_goes_along():
    body = (ir.Assign(num("t"), plus(num("x"), 1), note="here"), let(num("y"), op("*", num("t"), 2)))
    assert "# here" in inlined(*body, keep="y")


def test_a_copy_of_a_number_disappears():
    assert propagated(let(num("a"), num("b")), let(num("y"), plus(num("a"), 1))) == "y = b + 1\n"


def test_copies_of_copies_disappear():
    assert propagated(let(num("a"), num("b")), let(num("d"), num("a")), let(num("y"), num("d"))) == "y = b\n"


def test_a_copy_stays_if_its_source_changes():
    body = (let(num("a"), num("b")), let(num("b"), 1.0), let(num("y"), plus(num("a"), num("b"))))
    assert propagated(*body).startswith("a = b\n")
    in_loop = (let(num("a"), num("b")), loop("i", 3, let(num("y"), num("a")), let(num("b"), 1.0)))
    assert propagated(*in_loop).startswith("a = b\n")


def test_a_copy_made_in_each_trip_disappears():
    body = (loop("i", 3, let(num("b"), 1.0), let(num("a"), num("b")), let(num("y"), num("a"))),)
    assert propagated(*body) == "for i in range(3):\n    b = 1.0\n    y = b\n"


def test_a_copy_carried_to_the_next_trip_stays():
    trip = (let(num("y"), num("a")), let(num("b"), num("y")), let(num("a"), num("b")))
    body = (let(num("a"), num("x")), loop("i", 3, *trip))
    assert propagated(*body, live_out="y").startswith("a = x\n")


def test_a_copy_of_an_array_that_is_written_stays():
    body = (let(arr("a"), arr("b")), let(num("y"), ir.Load(arr("a"), c(0), kind=FLOAT)))
    assert propagated(*body) == "y = b[0]\n"
    assert propagated(*body, written=["b"]).startswith("a = b\n")


def test_a_result_stays():
    assert propagated(let(num("a"), num("b")), let(num("y"), num("a")), live_out="ay") == "a = b\ny = a\n"


@pytest.mark.parametrize("seed", range(250))
def test_random_programs_mean_the_same(seed):
    body, rng = Generator(seed).program(), random.Random(seed)
    results = rng.sample(NAMES, rng.randint(1, 6))
    want = run(body, results)
    if want is None:
        return
    named = {name: name for name in results}
    if seed % 3:
        body, named = split_webs(body, {"x", "p"}, set(results), set(NAMES))
    facts, out = find_aliases(body), set(named.values())
    body = propagate_copies(body, facts.of, facts.written, out)
    body = inline_single_uses(body, lambda name: name not in out, facts.of, facts.written if seed % 2 else None)
    got = run(body, named.values())
    assert got is not None
    assert all(want[name] is None or same(want[name], got[named[name]]) for name in results)
