"""Functions built by hand are printed, compiled, run and found by debuggers."""

from __future__ import annotations

import inspect
import linecache
import re
import traceback

import numpy as np
import pytest

from srcgrad.codegen import compile_text, function_text, to_html, to_terminal
from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import FLOAT
from tests.codegen.build import FLOATS, at, c, fn, let, loop, method, n, op, tup
from tests.gallery_tools import count_statements


def test_horner():
    coeff = fn("len", "coeffs")
    d_x = n("d_x", FLOAT)
    body = (
        ir.Comment("forward sweep"),
        let("y", 0.0),
        let("y_tape", fn("np.empty", coeff)),
        loop(
            "k",
            coeff,
            ir.Store(at("y_tape", "k"), n("y")),
            let("y", op("+", op("*", "y", "x"), at("coeffs", "k"))),
        ),
        ir.Comment(""),
        ir.Comment("reverse sweep"),
        let("d_coeffs", fn("np.zeros_like", "coeffs")),
        let("d_x", 0.0),
        let("d_y", "d_out"),
        loop(
            "k",
            coeff,
            ir.Store(at("d_coeffs", "k"), n("d_y"), "+", note="y = y * x + coeffs[k]"),
            ir.Assign(d_x, op("+", d_x, op("*", "d_y", at("y_tape", "k")), kind=FLOAT)),
            let("d_y", op("*", "d_y", "x")),
            backwards=True,
        ),
        ir.Return(tup("d_coeffs", "d_x")),
    )
    text = function_text("gradient", ["coeffs", "x", "d_out=1.0"], body, "The gradient of horner.")
    assert text == '''\
def gradient(coeffs, x, d_out=1.0):
    """The gradient of horner."""
    # forward sweep
    y = 0.0
    y_tape = np.empty(len(coeffs))
    for k in range(len(coeffs)):
        y_tape[k] = y
        y = y * x + coeffs[k]

    # reverse sweep
    d_coeffs = np.zeros_like(coeffs)
    d_x = 0.0
    d_y = d_out
    for k in reversed(range(len(coeffs))):
        d_coeffs[k] += d_y  # y = y * x + coeffs[k]
        d_x += d_y * y_tape[k]
        d_y = d_y * x
    return d_coeffs, d_x
'''
    assert text == function_text("gradient", ["coeffs", "x", "d_out=1.0"], body, "The gradient of horner.")
    assert count_statements(text) == 14
    gradient = compile_text(text, "gradient", {"np": np})
    d_coeffs, d_slope = gradient(np.array([3.0, 1.0, 2.0]), 2.0)
    np.testing.assert_allclose(d_coeffs, [4.0, 2.0, 1.0])
    assert d_slope == pytest.approx(13.0)


def test_jumps_and_items():
    xs = n("xs", FLOATS)
    total = n("total", FLOAT)
    body = (
        let(total, 0.0),
        loop(
            "i",
            fn("len", xs),
            ir.Assign(n("x"), ir.Load(xs, n("i"))),
            ir.If(op("<", "x", 0), (ir.Continue(),)),
            ir.Assign(total, op("+", total, op("*", "x", "x"), kind=FLOAT)),
            ir.If(op(">", total, "limit"), (ir.Break(),)),
        ),
        ir.Return(total),
    )
    text = function_text("f", ["xs", "limit"], body)
    assert "for x in xs:" in text
    f = compile_text(text, "f", {})
    assert f([1.0, -9.0, 2.0, 3.0, 4.0], 10) == 14.0


def test_parameters_and_empty_bodies():
    assert function_text("f", ["a", "/", "b", "*", "c=None", "**rest"], ()) == (
        "def f(a, /, b, *, c=None, **rest):\n    pass\n"
    )
    assert function_text("f", [], (ir.Comment("nothing"),)) == "def f():\n    # nothing\n    pass\n"
    assert function_text("f", [], (), "Nothing.") == 'def f():\n    """Nothing."""\n'
    assert function_text("f", ['d="it\'s"'], ()) == "def f(d=\"it's\"):\n    pass\n"


@pytest.mark.parametrize("doc", ["plain", "first\n\n    second\n", 'ends "', 'has """ and \\n', "back\\", "é"])
def test_docstrings_survive(doc):
    f = compile_text(function_text("f", [], (ir.Return(c(1)),), doc), "f", {})
    assert inspect.cleandoc(f.__doc__) == inspect.cleandoc(doc)


def test_every_text_has_a_file_of_its_own():
    text = function_text("g", ["x"], (ir.Return(n("x")),))
    first, second = (compile_text(text, "g", {}, "gradient of f") for _ in range(2))
    assert re.fullmatch(r"<srcgrad gradient of f #\d+>", first.__code__.co_filename)
    assert first.__code__.co_filename != second.__code__.co_filename


def test_generated_lines_in_tracebacks_and_inspect():
    body = (let("y", op("/", "x", 0.0), note="the bad line"), ir.Return(n("y")))
    text = function_text("g", ["x"], body)
    g = compile_text(text, "g", {})
    linecache.checkcache()
    assert inspect.getsource(g) == text
    with pytest.raises(ZeroDivisionError) as caught:
        g(1.0)
    shown = "".join(traceback.format_exception(caught.value))
    assert "y = x / 0.0  # the bad line" in shown
    assert g.__code__.co_filename in shown


def test_source_of_many_functions():
    first = function_text("f", ["x"], (ir.Return(method("sum", "x")),))
    second = function_text("g", ["x"], (ir.Return(op("*", 2, ir.Call(ir.Prim(len, "f"), (n("x"),)))),))
    namespace = {"np": np}
    g = compile_text(first + "\n\n" + second, "g", namespace)
    assert g(np.ones(3)) == 6.0
    assert inspect.getsource(g) == second
    assert namespace["__name__"] == "srcgrad.generated"


def test_highlighting_changes_nothing_but_colours():
    source = "def f(x):\n    return x < 1  # note\n"
    plain = re.sub(r"\x1b\[[0-9;]*m", "", to_terminal(source))
    assert plain == source
    assert "&lt;" in to_html(source)


def test_highlighting_without_pygments(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pygments", None)
    assert to_terminal("x < 1\n") == "x < 1\n"
    assert to_html("x < 1\n") == "<pre>x &lt; 1\n</pre>\n"


def test_count_statements():
    source = '"""Doc."""\nimport numpy as np\n\ndef f(x):\n    """Doc."""\n    if x:\n        y = 1\n    return y\n'
    assert count_statements(source) == 5
