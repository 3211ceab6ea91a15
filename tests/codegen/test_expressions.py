"""Every kind of expression: its text, and that the text means what the IR means."""

from __future__ import annotations

import ast
import enum
import math

import numpy as np
import pytest

from srcgrad.codegen import text_of
from srcgrad.ir import nodes as ir
from tests.codegen.build import at, attribute, c, e, fn, method, n, op, sl, tup

DTYPES = [np.dtype("float32"), np.dtype("bool"), np.dtype(">f8"), np.dtype("U5"), np.dtype([("a", "<f8")]),
          np.dtype("datetime64[ns]")]


@pytest.mark.parametrize("value", [
    0, 1, -1, 2.5, -0.0, 1e300, math.inf, -math.inf, True, None, ..., "it's", 'a "b"', "line\nbreak", b"x\x00",
    2j, -2j, complex(-0.0, math.inf), slice(3), slice(1, None), slice(None, None, -1),
    (), (1,), (1, -2.0), [1, (2,)], {"a": 1},
    range(1, 9, 2), float, int, len, ValueError, np.float32, np.bool_, np.int64, np.add, np.linalg.norm, np,
    np.float32(0.1), np.float64(-2.0), np.bool_(True), np.int8(-3), np.longdouble(1.5), np.complex64(1 - 2j),
])  # fmt: skip
def test_constants_evaluate_to_themselves(value):
    got = eval(text_of(c(value)), {"np": np})
    assert type(got) is type(value)
    assert got == value
    if isinstance(value, (float, complex)):
        assert repr(got) == repr(value)  # tells -0.0 from 0.0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes(dtype):
    assert np.dtype(eval(text_of(c(dtype)), {"np": np})) == dtype
    assert text_of(c(np.dtype("float32"))) == "np.float32"


def test_nan_and_subclasses_of_numbers():
    class Side(enum.IntEnum):
        LEFT = 4

    class Text(str):
        def __repr__(self) -> str:
            return "<Text>"

    assert text_of(c(math.nan)) == "np.nan"
    assert text_of(c(Side.LEFT)) == "4"
    assert text_of(c(Text("a"))) == '"a"'
    assert text_of(c(np.float64("nan"))) == "np.float64(np.nan)"


def test_a_constant_without_notation_is_refused():
    with pytest.raises(TypeError, match="object"):
        text_of(c(object()))


@pytest.mark.parametrize("expr, text", [
    (n('params["w1"]'), 'params["w1"]'),
    (n("model.layers[0].w"), "model.layers[0].w"),
    (op("*", op("+", "a", "b"), "c"), "(a + b) * c"),
    (op("-", "a", op("-", "b", "c")), "a - (b - c)"),
    (op("**", -1, "k"), "(-1) ** k"),
    (op("**", "x", -1), "x ** -1"),
    (op("**", "x", -0.5), "x ** -0.5"),
    (op("**", op("**", "x", -1), -2), "(x ** -1) ** -2"),
    (op("**", "x", -math.inf), "x ** (-np.inf)"),
    (op("**", "x", np.float64(-2)), "x ** np.float64(-2.0)"),
    (op("neg", op("**", "x", 2)), "-x ** 2"),
    (op("**", op("neg", "x"), 2), "(-x) ** 2"),
    (op("not", op("<", "x", 0)), "not x < 0"),
    (op("is not", "x", None), "x is not None"),
    (op("not in", "x", "xs"), "x not in xs"),
    (op("<", op("<", "a", "b"), "c"), "(a < b) < c"),
    (op("~", op("pos", "x")), "~+x"),
    (op("@", attribute("T", "A"), "x"), "A.T @ x"),
    (fn("np.linalg.norm", "x", axis=0), "np.linalg.norm(x, axis=0)"),
    (method("sum", op("+", "a", "b"), axis=-1, keepdims=True), "(a + b).sum(axis=-1, keepdims=True)"),
    (attribute("shape", op("*", "a", 2)), "(a * 2).shape"),
    (attribute("np.pi"), "np.pi"),
    (at("x", sl(1), 0), "x[1:, 0]"),
    (at("x", sl()), "x[:]"),
    (at("x", sl(1, -1), sl(None, None, -1)), "x[1:-1, ::-1]"),
    (at("x", c((slice(None, 2), ..., None))), "x[:2, ..., None]"),
    (at("x", c(slice(1, None))), "x[1:]"),
    (at("x", c(())), "x[()]"),
    (at("x", tup("i")), "x[i,]"),
    (at(at("x", "i"), op("-", "j", 1)), "x[i][j - 1]"),
    (at("params", "w"), "params[w]"),
    (tup(sl(1, 2), "i"), "(slice(1, 2), i)"),
    (sl(None, "k"), "slice(k)"),
    (sl(), "slice(None)"),
    (sl(None, None, -1), "slice(None, None, -1)"),
    (ir.Pack("list", (c(1), ir.Star(n("xs")))), "[1, *xs]"),
    (ir.Pack("set", (c(1),)), "{1}"),
    (ir.Pack("set", ()), "set()"),
    (tup("a"), "(a,)"),
    (ir.DictPack((c("a"), None), (n("x"), n("rest"))), '{"a": x, **rest}'),
    (ir.Cond(op(">", "i", 0), at("h", op("-", "i", 1)), n("x")), "h[i - 1] if i > 0 else x"),
    (op("+", ir.Cond(n("p"), n("a"), n("b")), 1), "(a if p else b) + 1"),
    (ir.BoolOp("and", (n("a"), ir.BoolOp("or", (n("b"), n("c"))), n("d"))), "a and (b or c) and d"),
    (ir.Attr(ir.Free("np"), "pi"), "np.pi"),
    (ir.Apply(ir.Free("f"), (ir.Star(n("a")),), (("k", c(1)), (None, n("kw")))), "f(*a, k=1, **kw)"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_text(expr, text):
    assert text_of(expr) == text
    ast.parse(text_of(expr))


def evaluated(expr: ir.Expr, **names: object) -> object:
    return eval(text_of(expr), {"np": np, **names})


def test_f_strings():
    spec = ir.Format((">", (n("w"), "", None), ".", (n("p"), "", None), "f"))
    expr = ir.Format(("it's {", (n("x"), "", spec), '} "', (n("s"), "!r", None), "\n", (n("x"), "", c(".1f"))))
    x, s, w, p = 3.14159, "é", 9, 3
    assert evaluated(expr, x=x, s=s, w=w, p=p) == f"it's {{{x:>{w}.{p}f}}} \"{s!r}\n{x:.1f}"
    assert "\n" not in text_of(expr)


def test_nested_f_strings():
    inner = ir.Format(("<", (at("d", c("key")), "", None), ">"))
    expr = ir.Format(((inner, "", None), " and ", (at("d", c("it's")), "!s", None)))
    assert evaluated(expr, d={"key": 1, "it's": 2}) == "<1> and 2"


def test_quotes_are_double_unless_that_needs_escapes():
    assert text_of(e(c("a"))) == '"a"'
    assert text_of(c('say "a"')) == "'say \"a\"'"
    assert text_of(ir.Format(("a", (n("x"), "", None)))) == 'f"a{x}"'
    assert text_of(fn("print", c("a"), c('"'), c(b"b"))) == "print(\"a\", '\"', b\"b\")"


@pytest.mark.parametrize("expr", [ir.Let((), c(1)), ir.Lambda(ir.Definition("f", (), (), "r", frozenset()))])
def test_what_holds_statements_is_no_expression(expr):
    with pytest.raises(TypeError, match=type(expr).__name__):
        text_of(expr)
