import random

import pytest

from srcgrad.codegen import Options, body_text
from srcgrad.ir import nodes as ir
from srcgrad.transform.webs import split_webs
from tests.codegen.build import at, c, fn, let, loop, n, op
from tests.optimize.programs import ARRAYS, COUNTS, LISTS, SCALARS, VIEWS, Generator, run, same

NAMES = [*SCALARS, *ARRAYS, *VIEWS, *LISTS, *COUNTS, "x", "i"]


def split(*body, params=("x",), results=(), used=()):
    new, named = split_webs(body, set(params), set(results), set(used))
    return body_text(new, Options(tidy=False)), named


def test_definitions_without_a_common_use_are_told_apart():
    text, named = split(let("s", op("*", "x", "x")), let("y", "s"), let("s", op("-", "x", "y")), let("z", "s"),
                        results=["z", "s"])  # fmt: skip
    assert text == "s = x * x\ny = s\ns_2 = x - y\nz = s_2\n"
    assert named == {"z": "z", "s": "s_2"}


def test_a_parameters_first_value_keeps_the_name():
    text, named = split(let("x", op("*", "x", 2)), let("y", "x"), results=["x", "y"])
    assert text == "x_2 = x * 2\ny = x_2\n"
    assert named["x"] == "x_2"


def test_branches_that_meet_share_a_name():
    branch = ir.If(n("x"), (let("s", 1), let("y", "s")), (let("s", 2),))
    text, _ = split(let("s", 0), let("z", "s"), branch, let("w", "s"))
    assert text == "s = 0\nz = s\nif x:\n    s_2 = 1\n    y = s_2\nelse:\n    s_2 = 2\nw = s_2\n"


def test_a_branch_that_leaves_the_value_joins_the_web_before_it():
    text, _ = split(let("s", 0), ir.If(n("x"), (let("s", 1),)), let("w", "s"))
    assert text == "s = 0\nif x:\n    s = 1\nw = s\n"


def test_a_value_carried_by_a_loop_keeps_its_name():
    text, _ = split(let("s", 0), loop("i", 3, let("s", op("+", "s", "i"))), let("w", "s"))
    assert text == "s = 0\nfor i in range(3):\n    s = s + i\nw = s\n"


def test_a_value_of_one_trip_gets_its_own_name():
    trip = loop("i", 3, let("t", "i"), let("y", op("+", "y", "t")))
    text, _ = split(let("t", 0), let("y", "t"), trip, let("t", "y"), let("z", "t"))
    assert text == "t = 0\ny = t\nfor i in range(3):\n    t_2 = i\n    y = y + t_2\nt_3 = y\nz = t_3\n"


def test_two_loops_do_not_share_an_index():
    text, _ = split(loop("i", 3, let("y", "i")), loop("i", 2, let("z", "i")))
    assert text == "for i in range(3):\n    y = i\nfor i_2 in range(2):\n    z = i_2\n"


def test_the_index_read_after_the_loop_may_be_the_value_before_it():
    text, _ = split(let("i", 7), loop("i", "x", let("y", 1)), let("z", "i"))
    assert text == "i = 7\nfor i in range(x):\n    y = 1\nz = i\n"


def test_the_index_is_bound_anew_by_every_trip():
    text, _ = split(loop("i", 3, let("y", "i"), let("i", 5), let("z", "i")))
    assert text == "for i in range(3):\n    y = i\n    i_2 = 5\n    z = i_2\n"


def test_the_value_after_a_while_loop_is_that_before_it_or_that_of_its_body():
    text, _ = split(ir.While(op("<", "x", 9), (let("x", op("*", "x", 2)),)), let("y", "x"))
    assert text == "while x < 9:\n    x = x * 2\ny = x\n"


def test_what_a_trip_had_before_it_left_reaches_the_code_after_the_loop():
    leave = ir.If(n("x"), (let("s", 2), ir.Break()), (let("s", 3), let("y", "s"), let("s", 4)))
    text, _ = split(let("s", 1), loop("i", 3, leave), let("z", "s"))
    assert "s = 2" in text and "s_2 = 3" in text and "y = s_2" in text and "s = 4" in text


def test_a_write_reads_its_array_and_does_not_bind_it():
    text, _ = split(let("a", "x"), ir.Store(n("a"), c(1), "+"), ir.Store(at("a", 0), c(2)), ir.Push(n("a"), c(3)),
                    let("a", 0), let("y", "a"))  # fmt: skip
    assert text == "a = x\na += 1\na[0] = 2\na.append(3)\na_2 = 0\ny = a_2\n"


def test_pop_and_calls_bind():
    text, _ = split(let("y", 0), let("z", "y"), ir.Pop(n("y"), n("x"), n("y")), let("z", "y"),
                    ir.Invoke((n("y"), n("q")), "f", (n("y"),)), let("z", "y"))  # fmt: skip
    assert text.splitlines()[2:] == ["y_2 = x.pop(y)", "z_2 = y_2", "y_3, q = f(y_2)", "z_3 = y_3"]


def test_names_in_use_are_not_taken():
    text, _ = split(let("s", 0), let("y", "s"), let("s", 1), let("s_2", "s"), used=["s_3"])
    assert text == "s = 0\ny = s\ns_4 = 1\ns_2 = s_4\n"


def test_new_names_are_added_to_those_in_use():
    used: set[str] = set()
    split_webs((let("s", 0), let("y", "s"), let("s", 1), let("z", "s")), set(), set(), used)
    assert used == {"s", "y", "z", "s_2"}


def test_access_paths_keep_their_names():
    path = 'params["w1"]'
    text, _ = split(let("y", path), let(path, 1), let("z", path), params=[path])
    assert text == 'y = params["w1"]\nparams["w1"] = 1\nz = params["w1"]\n'


def test_a_use_that_nothing_reaches_keeps_its_name():
    text, named = split(let("y", "q"), let("q", 1), let("z", "q"), let("q", 2), results=["q", "other"])
    assert text.startswith("y = q\nq = 1\nz = q\nq_2 = 2")
    assert named == {"q": "q_2", "other": "other"}


def test_a_definition_that_nothing_reads_does_not_take_the_name():
    text, _ = split(let("s", 0), let("s", 1), let("y", "s"))
    assert text == "s_2 = 0\ns = 1\ny = s\n"


def test_kinds_positions_and_notes_stay():
    from srcgrad.ir.kinds import FLOAT

    body = (let("s", 0), let("y", "s"), ir.Assign(n("s", FLOAT), n("x", FLOAT), pos=ir.Pos("f", 3, 0), note="here"),
            let("z", n("s", FLOAT)))  # fmt: skip
    new, _ = split_webs(body, {"x"}, set(), set())
    third, fourth = new[2:]
    assert isinstance(third, ir.Assign) and isinstance(fourth, ir.Assign)
    assert third.target == n("s_2") and third.target.kind == FLOAT and fourth.value.kind == FLOAT
    assert third.pos == ir.Pos("f", 3, 0) and third.note == "here"


def test_a_condition_of_a_loop_reads_at_its_head():
    text, _ = split(let("s", fn("len", "x")), ir.While(op(">", "s", 0), (let("t", "s"), let("s", op("-", "t", 1)))))
    assert text == "s = len(x)\nwhile s > 0:\n    t = s\n    s = t - 1\n"


@pytest.mark.parametrize("seed", range(150))
def test_random_programs_mean_the_same(seed):
    body = Generator(seed).program()
    results = random.Random(seed).sample(NAMES, 6)
    want = run(body, results)
    if want is None:
        return
    new, named = split_webs(body, {"x", "p"}, set(results), set(NAMES))
    got = run(new, named.values())
    assert got is not None
    assert all(want[name] is None or same(want[name], got[named[name]]) for name in results)
    assert split_webs(new, {"x", "p"}, set(named.values()), set())[0] == new  # nothing is left to split
