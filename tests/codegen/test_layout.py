"""Comments are aligned and shortened, long lines folded."""

from __future__ import annotations

import ast
import textwrap

import gast
import pytest

from srcgrad.codegen import Comment, Noted, body_text, print_tree
from srcgrad.codegen.folding import fold
from srcgrad.ir import nodes as ir
from tests.codegen.build import let, loop, n, op


def printed(*body: ir.Stmt) -> str:
    return body_text(body)


def code(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_comments_of_a_block_share_a_column():
    body = (
        ir.Comment("reverse sweep"),
        let("d_c", "d_out", note="c.sum()"),
        let("d_total_sum", "d_c"),
        let("d_a", "d_c + d_b", note="a * 2"),
        loop("i", "n", let("d_b", "i", note="b"), let("d_long", "d_b", note="b = 1")),
        let("d_a", "d_b", note="b = a"),
        ir.Comment(""),
        let("d_a_long", "d_b", note="b = a"),
    )
    assert printed(*body) == code("""
        # reverse sweep
        d_c = d_out      # c.sum()
        d_total_sum = d_c
        d_a = d_c + d_b  # a * 2
        for i in range(n):
            d_b = i       # b
            d_long = d_b  # b = 1
        d_a = d_b  # b = a

        d_a_long = d_b  # b = a
    """)


def test_a_note_on_a_header():
    assert printed(ir.If(n("p"), (let("a", 1),), (let("a", 2),), note="why")) == code("""
        if p:  # why
            a = 1
        else:
            a = 2
    """)
    assert printed(ir.While(n("p"), (ir.Break(),), note="two\n  lines")) == "while p:  # two lines\n    break\n"


def test_no_column_that_would_push_a_comment_over_the_edge():
    long = "x" * 60
    text = printed(let("a", "b", note="n" * 80), let("a", long, note="m" * 20))
    assert text == f"a = b  # {'n' * 80}\na = {long}  # {'m' * 20}\n"
    text = printed(let("a", "b", note="short"), let("a", long, note="far away"))
    assert text == f"a = b  # short\na = {long}  # far away\n"


def test_long_notes_are_shortened():
    text = printed(let("a", "b", note="word " * 40))
    assert text.startswith("a = b  # word word") and text.endswith("...\n")
    assert len(text) - 1 <= 118
    crowded = printed(let("a", "x" * 105, note="d_x = a_long * note"))
    assert crowded == f"# d_x = a_long * note\na = {'x' * 105}\n"


def test_long_comments_are_wrapped():
    lines = printed(ir.Comment("word " * 40)).splitlines()
    assert len(lines) == 2 and all(line.startswith("# word") and len(line) <= 118 for line in lines)


def test_gast_nodes_of_our_own():
    tree = gast.parse("def f(x):\n    return x")
    tree.body[0].body.insert(0, Comment(text="here"))
    tree.body[0].body[1] = Noted(statement=tree.body[0].body[1], note="there")
    assert print_tree(tree) == "def f(x):\n    # here\n    return x  # there\n"
    assert Comment._fields == ("text",)


LONG = [
    "y = " + " + ".join(f"term_{i} * factor_{i}" for i in range(9)),
    "y = 0.2 * (" + " + ".join(f"A[{i}:-1, 1:-{i}]" for i in range(12)) + ")",
    "y = np.where(" + ", ".join(f"argument_number_{i}" for i in range(9)) + ")",
    "d_x[1:-1, 1:-1] += np.tanh(" + " @ ".join(f"matrix_number_{i}" for i in range(9)) + ")",
    "return " + ", ".join(f"d_parameter_{i}" for i in range(12)),
    "if " + " and ".join(f"condition_{i} == -{i}" for i in range(9)) + ":\n    pass",
    "for i in range(" + " + ".join(f"length_{i}" for i in range(15)) + "):\n    pass",
    "y = {" + ", ".join(f'"key, {i} (": value_{i}' for i in range(9)) + "}",
    "x.sum(" + " - ".join(f"a_{i}" for i in range(20)) + ").reshape(" + ", ".join(f"b_{i}" for i in range(25)) + ")",
    "y = a_long_name if a_long_condition_of_some_sort(argument) else "
    + " - ".join(f"another_name_{i}" for i in range(6)),
    "y = not a_rather_long_name_of_a_flag or " + " or ".join(f"-another_name_{i} < - 1" for i in range(5)),
    "f(g(h(" + ", ".join(f"k({i}, number_{i})" for i in range(12)) + ")))",
    "first = second = " + " + ".join(f"summand_{i}" for i in range(12)),
    "np.add.at(x, (slice(None), i), " + " * ".join(f"(value_{i} + 1)" for i in range(9)) + ")",
    "assert " + " + ".join(f"first_{i}" for i in range(9)) + ", f(" + ", ".join(f"part_{i}" for i in range(9)) + ")",
    "y = f(" + ", ".join(f'f"text_number_{{{i} + x}}, {{z}}"' for i in range(5)) + ")",
    "def f(" + ", ".join(f"parameter_{i}=1.0" for i in range(12)) + "):\n    pass",
]


@pytest.mark.parametrize("source", LONG, ids=lambda s: s[:20])
def test_folding_keeps_the_meaning(source):
    header, _, rest = source.partition("\n")
    for width in (118, 60, 30):
        lines = fold(header, width)
        folded = "\n".join(lines) + "\n" + rest
        assert ast.dump(ast.parse(folded)) == ast.dump(ast.parse(source))
    lines = fold(header, 118)
    assert len(lines) > 1 and max(map(len, lines)) <= 118


def test_folded_lines():
    value = op("+", op("*", "a" * 50, "b" * 50), op("*", "c" * 50, "d" * 50))
    assert printed(loop("i", "n", let("y", value, note="two products"), let("z", "i"))) == code(f"""
        for i in range(n):
            y = (
                {"a" * 50} * {"b" * 50}
                + {"c" * 50} * {"d" * 50}
            )  # two products
            z = i
    """)


def test_what_has_no_place_to_break_stays_whole():
    assert fold("x" * 200, 118) == ["x" * 200]
    assert printed(let("y", "x" * 200)) == f"y = {'x' * 200}\n"
