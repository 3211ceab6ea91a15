"""The form of every statement."""

from __future__ import annotations

import textwrap

import pytest

from srcgrad.codegen import Options, body_text
from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import FLOAT
from tests.codegen.build import FLOATS, VECTOR, at, c, e, fn, let, loop, n, op, sl, tup


def printed(*body: ir.Stmt, **options: bool) -> str:
    return body_text(body, Options(**options)).rstrip("\n")


def code(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


@pytest.mark.parametrize("stmt, text", [
    (let("y", tup("a", "b")), "y = (a, b)"),
    (let(tup("a", "b"), tup("b", "a")), "a, b = b, a"),
    (let(tup("a", ir.Star(n("b"))), "xs"), "a, *b = xs"),
    (ir.Store(at("x", sl(1), 0), n("v")), "x[1:, 0] = v"),
    (ir.Store(at("x", "i"), n("v"), "+"), "x[i] += v"),
    (ir.Store(at("x", "i"), n("v"), "@"), "x[i] @= v"),
    (ir.Store(at("x", "i"), n("v"), "at"), "np.add.at(x, i, v)"),
    (ir.Store(at("x", sl(), "i"), n("v"), "at"), "np.add.at(x, (slice(None), i), v)"),
    (ir.Store(n("x"), n("v")), "x[...] = v"),
    (ir.Store(n("x", FLOATS), n("v")), "x[:] = v"),
    (ir.Store(n("x"), n("v"), "+"), "x += v"),
    (ir.Store(n("x"), n("v"), "at"), "x += v"),
    (ir.Push(n("t"), n("v")), "t.append(v)"),
    (ir.Push(at("t", "i"), n("v"), c(0)), "t[i].insert(0, v)"),
    (ir.Pop(n("v"), n("t")), "v = t.pop()"),
    (ir.Pop(None, n("t"), c(0)), "t.pop(0)"),
    (ir.Invoke((n("a"), n("b")), "f", (n("x"),)), "a, b = f(x)"),
    (ir.Invoke((n("a"),), "f", ()), "a = f()"),
    (ir.Invoke((), "f", (n("x"),)), "f(x)"),
    (ir.Effect(fn("print", "x")), "print(x)"),
    (ir.Aug(at("x", 0), "*", c(2)), "x[0] *= 2"),
    (ir.Return(tup("a", None)), "return a, None"),
    (ir.Return(tup("a")), "return (a,)"),
    (ir.Return(tup()), "return ()"),
    (ir.Return(c(None)), "return None"),
    (ir.Return(None), "return"),
    (ir.Assert(op(">", "n", 0)), "assert n > 0"),
    (ir.Assert(n("ok"), c("why")), 'assert ok, "why"'),
    (ir.Raise(fn("abs", "x")), "raise abs(x)"),
    (ir.Raise(None), "raise"),
    (ir.Comment("forward sweep"), "# forward sweep"),
    (ir.Comment("# two\nlines"), "# two\n# lines"),
    (ir.While(n("go"), ()), "while go:\n    pass"),
    (ir.While(n("go"), (ir.Comment("nothing"),)), "while go:\n    # nothing\n    pass"),
    (ir.With(fn("np.errstate", divide=c("ignore")), (let("a", 1),)), 'with np.errstate(divide="ignore"):\n    a = 1'),
    (ir.ForEach(tup("i", "x"), n("xs"), (ir.Continue(),)), "for i, x in xs:\n    continue"),
    (loop("i", "n", let("a", "i")), "for i in range(n):\n    a = i"),
    (loop("i", "n", let("a", "i"), lo=1), "for i in range(1, n):\n    a = i"),
    (loop("i", "n", let("a", "i"), step=2), "for i in range(0, n, 2):\n    a = i"),
    (loop("i", "n", let("a", "i"), backwards=True), "for i in reversed(range(n)):\n    a = i"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_text(stmt, text):
    assert printed(stmt) == text


def test_a_number_is_added_to_where_an_array_would_be_rebound():
    def add(kind):
        return ir.Assign(n("s", kind), op("+", n("s", kind), "x", kind=kind))

    assert printed(add(FLOAT)) == "s += x"
    assert printed(add(VECTOR)) == "s = s + x"
    assert printed(add(FLOAT), tidy=False) == "s = s + x"
    assert printed(ir.Assign(n("s", FLOAT), op("+", n("s"), "x", kind=VECTOR))) == "s = s + x"


def test_elif_chain():
    last = ir.If(n("c"), (let("y", 3),), (let("y", 4),), note="third")
    chain = ir.If(n("a"), (let("y", 1),), (ir.If(n("b"), (let("y", 2),), (last,)),))
    assert printed(chain) == code("""
        if a:
            y = 1
        elif b:
            y = 2
        elif c:  # third
            y = 3
        else:
            y = 4
    """)


def test_guard_is_printed_flat():
    guarded = ir.If(op("not", "broke"), (let("s", "y"), let("t", "s")), guard=True, note="lost")
    assert printed(loop("i", "n", ir.If(n("p"), (ir.Break(),)), guarded)) == code("""
        for _ in range(n):
            if p:
                break
            s = y
            t = s
    """)


def test_what_follows_a_jump_needs_no_else():
    stmt = ir.If(n("a"), (let("y", 1), ir.Continue()), (ir.If(n("b"), (ir.Break(),), (let("y", 2),)), let("z", 3)))
    assert printed(ir.While(n("go"), (stmt,))) == code("""
        while go:
            if a:
                y = 1
                continue
            if b:
                break
            y = 2
            z = 3
    """)


@pytest.mark.parametrize("test, text", [
    (n("c"), "not c"),
    (op("not", "c"), "c"),
    (op("is", "c", None), "c is not None"),
    (op("in", "c", "d"), "c not in d"),
    (op("<", "x", 0), "not x < 0"),  # x >= 0 differs for nan
    (op("==", "x", "y"), "not x == y"),
    (op("==", n("x", FLOAT), n("y", FLOAT)), "x != y"),
])  # fmt: skip
def test_a_branch_with_an_else_alone_is_negated(test, text):
    assert printed(ir.If(test, (), (let("y", 1),))) == f"if {text}:\n    y = 1"


def test_a_branch_that_prints_nothing_is_negated():
    assert printed(ir.If(n("a"), (ir.If(n("g"), (), guard=True),), (let("y", 1),))) == "if not a:\n    y = 1"


def test_underscore_only_where_nothing_reads_the_index():
    assert printed(loop("i", "n", let("a", 1))) == "for _ in range(n):\n    a = 1"
    kept = "for i in range(n):\n    a = 1"
    assert printed(loop("i", "n", let("a", 1)), tidy=False) == kept
    assert printed(loop("i", "n", let("a", 1)), let("b", "i")).startswith(kept)
    assert printed(loop("i", "n", let("a", 1)), let("b", "_")).startswith(kept)
    assert printed(loop("i", "n", let("a", 1)), let("b", 'd["k"][i]')).startswith(kept)
    both = printed(loop("i", "n", let("a", 1)), loop("i", "n", let("a", "i")))
    assert both == "for _ in range(n):\n    a = 1\nfor i in range(n):\n    a = i"


def test_an_index_shared_by_nested_loops_is_kept():
    nested = loop("i", "n", loop("i", "m", let("a", 1)), let("b", "i"))
    assert printed(nested).count("for i in") == 2


def test_one_object_as_index_and_in_the_body():
    i = n("i")
    stmt = ir.For(i, c(0), n("n"), c(1), (let("a", i),))
    assert printed(stmt) == "for i in range(n):\n    a = i"


XS = n("xs", FLOATS)
ITEM = ir.Assign(n("x"), ir.Load(XS, n("i")))


def over(*body: ir.Stmt, xs: ir.Name = XS, backwards: bool = False) -> ir.For:
    return loop("i", fn("len", xs), ir.Assign(n("x"), ir.Load(xs, n("i"))), *body, backwards=backwards)


def test_a_loop_over_items():
    assert printed(over(let("y", "x"))) == "for x in xs:\n    y = x"
    assert printed(over()) == "for x in xs:\n    pass"
    assert printed(over(let("y", "x"), backwards=True)) == "for x in reversed(xs):\n    y = x"
    tree = n('params["layers"]', FLOATS)
    assert printed(over(let("y", "x"), xs=tree)) == 'for x in params["layers"]:\n    y = x'
    fresh = let("t", ir.Pack("list", ()))
    assert "for x in xs:" in printed(fresh, over(ir.Push(n("t"), n("x"))))


@pytest.mark.parametrize("body", [
    (over(let("y", "i")),),  # the index is read
    (over(let("y", "x")), let("z", "i")),  # and read later
    (over(let("xs", "x")),),
    (over(ir.Push(n("xs"), n("x"))),),
    (let("ys", "xs"), over(ir.Push(n("ys"), n("x")))),  # an alias grows
    (over(ir.Push(n("unknown"), n("x"))),),
    (let("t", ir.Pack("list", ())), let("xs", "t"), over(ir.Push(n("t"), n("x")))),
    (over(ir.Pop(None, n("xs"))),),
    (over(ir.Invoke((), "f", (n("xs"),))),),
    (over(ir.Invoke((n("xs"),), "f", ())),),
    (over(ir.Store(n("xs"), n("ys"), "+")),),
    (over(let("y", "x"), xs=n("xs", FLOAT)),),
    (loop("i", fn("len", "xs"), ITEM, lo=1),),
    (loop("i", fn("len", "ys"), ITEM),),
    (loop("i", "n", ITEM),),
])  # fmt: skip
def test_a_loop_that_needs_its_index(body):
    assert "for i in range(" in printed(*body)


def test_arrays_may_be_written_while_they_are_iterated_over():
    xs = n("xs", VECTOR)
    stmt = over(ir.Store(n("x"), c(2), "*"), ir.Invoke((), "f", (xs,)), ir.Store(xs, c(1), "+"), xs=xs)
    assert printed(stmt).startswith("for x in xs:")


def test_untyped_statements_that_bind_functions_are_refused():
    with pytest.raises(TypeError, match="Def"):
        printed(ir.Def("g", ir.Definition("g", (), (), "r", frozenset())))
    assert isinstance(e(1), ir.Const)
