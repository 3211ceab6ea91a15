import random

import pytest

from srcgrad.analysis.aliases import find_aliases
from srcgrad.codegen import Options, body_text
from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import FLOAT, Array, ListOf
from srcgrad.optimize.sink import sink_sums
from srcgrad.transform.webs import split_webs
from tests.codegen.build import c, fn, let, loop, n, op, sl
from tests.optimize.programs import ARRAYS, COUNTS, LISTS, SCALARS, VIEWS, Generator, run, same

V = Array("float64", (None,))
SINGLE = Array("float32", (None,))
NAMES = [*SCALARS, *ARRAYS, *VIEWS, *LISTS, *COUNTS, "x", "i"]


def arr(name, kind=V):
    return n(name, kind)


def num(name):
    return n(name, FLOAT)


def times(a, b, kind=V):
    return op("*", a, b, kind=kind)


def add(name, value, kind=FLOAT):
    return let(n(name, kind), op("+", n(name, kind), value, kind=kind))


def sunk(*body, written=None, width=100):
    return body_text(sink_sums(body, str, written, width), Options(tidy=False))


D = let(arr("d"), times(arr("b"), arr("e")))


def test_a_sum_is_made_at_the_later_place():
    between = let(num("y"), 1.0)
    assert sunk(let(num("d"), num("a")), between, add("d", num("b"))) == "y = 1.0\nd = a + b\n"
    assert sunk(D, between, ir.Store(arr("d"), arr("f"), "+")) == "y = 1.0\nd = b * e + f\n"
    assert sunk(D, ir.Store(arr("d"), arr("f"), "-")) == "d = b * e - f\n"


def test_several_sums():
    assert sunk(D, ir.Store(arr("d"), arr("f"), "+"), ir.Store(arr("d"), arr("g"), "+")) == "d = b * e + f + g\n"


def test_what_is_set_from_itself():
    body = (let(num("d"), times(num("h"), num("d"), FLOAT)), let(num("y"), 1.0), add("d", num("b")))
    assert sunk(*body) == "y = 1.0\nd = h * d + b\n"


def test_nothing_added_to_zero():
    assert sunk(let(num("d"), 0.0), let(num("y"), 1.0), add("d", num("b"))) == "y = 1.0\nd = b\n"


def test_a_binding_to_a_view_is_not_a_sum():
    view = let(arr("d"), ir.Load(arr("d_x"), sl(1, None), kind=V))
    assert sunk(view, ir.Store(arr("d"), arr("b"), "+")) == "d = d_x[1:]\nd += b\n"
    assert sunk(let(arr("d"), arr("b")), ir.Store(arr("d"), arr("f"), "+")) == "d = b\nd += f\n"
    assert sunk(view, add("d", arr("b"), V)) == "d = d_x[1:] + b\n"


def test_not_past_a_change_of_what_it_reads():
    store = ir.Store(arr("b"), c(2.0), "*")
    for change in (let(arr("b"), arr("f")), store, ir.Store(ir.Load(arr("b"), c(0)), c(2.0)), loop("i", 3, store),
                   ir.Invoke((), "f", (arr("b"),))):  # fmt: skip
        assert sunk(D, change, ir.Store(arr("d"), arr("f"), "+")).startswith("d = b * e\n")


def test_not_past_a_write_through_a_view():
    view = let(arr("v"), ir.Load(arr("b"), sl(1, None), kind=V))
    text = sunk(view, D, ir.Store(arr("v"), c(2.0), "*"), ir.Store(arr("d"), arr("f"), "+"))
    assert text == "v = b[1:]\nd = b * e\nv *= 2.0\nd += f\n"


def test_past_a_call_that_writes_nothing():
    body = (D, ir.Invoke((num("q"),), "f", (arr("b"),)), ir.Store(arr("d"), arr("f"), "+"))
    assert sunk(*body, written=[]) == "q = f(b)\nd = b * e + f\n"


def test_not_past_a_use():
    for use in (let(num("y"), ir.Load(arr("d"), c(0), kind=FLOAT)), loop("i", 2, let(num("y"), fn("len", arr("d")))),
                ir.Store(arr("d"), c(2.0), "*"), ir.If(num("q"), (let(arr("d"), arr("b")),))):  # fmt: skip
        assert sunk(D, use, ir.Store(arr("d"), arr("f"), "+")).endswith("d += f\n")


def test_not_into_or_out_of_a_block():
    assert "d += f" in sunk(D, loop("i", 3, ir.Store(arr("d"), arr("f"), "+")))


def test_not_what_reads_itself():
    assert sunk(D, ir.Store(arr("d"), times(arr("d"), 2), "+")) == "d = b * e\nd += d * 2\n"


def test_the_dtype_stays():
    single = let(arr("d", SINGLE), times(arr("b", SINGLE), arr("e", SINGLE), SINGLE))
    assert "d += f" in sunk(single, ir.Store(arr("d", SINGLE), arr("f"), "+"))
    assert "d += f" not in sunk(single, ir.Store(arr("d", SINGLE), arr("f", SINGLE), "+"))


def test_lists_are_not_added():
    floats = ListOf(FLOAT)
    made = let(n("d", floats), op("+", n("a", floats), n("b", floats), kind=floats))
    assert "d += f" in sunk(made, ir.Store(n("d", floats), n("f", floats), "+"))


def test_memory_of_zeros_is_not_made_to_be_added():
    zeros = let(arr("d"), ir.Call(fn("np.zeros_like").prim, (arr("b"),), kind=V))
    assert "d += f" in sunk(zeros, ir.Store(arr("d"), arr("f"), "+"))


def test_lines_stay_short_and_notes_go_along():
    body = (ir.Assign(num("d"), num("a"), note="one"), ir.Assign(num("d"), op("+", num("d"), num("b")), note="two"))
    assert sunk(*body) == "d = a + b  # one; two\n"
    assert sunk(*body, width=13).count("\n") == 2


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
    facts = find_aliases(body)
    got = run(sink_sums(body, facts.of, facts.written if seed % 2 else None), named.values())
    assert got is not None
    assert all(want[name] is None or same(want[name], got[named[name]]) for name in results)
