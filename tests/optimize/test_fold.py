import random

import numpy as np
import pytest

from srcgrad.analysis.infer import infer_op, kind_of
from srcgrad.codegen import Options, body_text, text_of
from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import BOOL, FLOAT, INT, Array
from srcgrad.optimize.fold import fold, fold_expression
from tests.codegen.build import c, fn, let, loop, n, op, sl

V = Array("float64", (None,))
S, A = n("s", FLOAT), n("a", V)


def folded(expr, retained=False):
    return text_of(fold_expression(expr, retained))


def test_literals():
    assert folded(op("*", op("*", 2, 3, kind=INT), S, kind=FLOAT)) == "6 * s"
    assert folded(op("/", 1, 2)) == "0.5"
    assert folded(op("/", 1, 3)) == "1 / 3"
    assert folded(op("/", 1, 0)) == "1 / 0"
    assert folded(op("neg", op("neg", 2, kind=INT), kind=INT)) == "2"
    assert folded(op("+", True, 1)) == "True + 1"
    assert folded(op("**", 2, 10000)) == "2 ** 10000"


def test_factors_of_one():
    for expr in (op("*", 1, S, kind=FLOAT), op("*", S, 1.0, kind=FLOAT), op("/", S, 1, kind=FLOAT),
                 op("**", S, 1, kind=FLOAT)):  # fmt: skip
        assert folded(expr, retained=True) == "s"
    assert folded(op("*", 1.0, n("k", INT))) == "1.0 * k"
    assert folded(op("*", 1, n("k", INT))) == "k"
    assert folded(op("/", n("k", INT), 1)) == "k / 1"
    assert folded(op("*", 1, n("flag", BOOL))) == "1 * flag"


def test_sums_with_zero():
    assert folded(op("+", 0, S, kind=FLOAT)) == folded(op("-", S, 0.0, kind=FLOAT)) == "s"
    assert folded(op("-", 0, S, kind=FLOAT)) == "0 - s"
    assert folded(op("+", S, -0.0, kind=FLOAT)) == "s + -0.0"
    zeros = ir.Call(fn("np.zeros_like").prim, (A,), kind=V)
    assert folded(op("+", zeros, S, kind=V)) == "np.zeros_like(a) + s"


def test_signs():
    assert folded(op("neg", op("neg", S, kind=FLOAT), kind=FLOAT)) == "s"
    assert folded(op("+", S, op("neg", n("t", FLOAT), kind=FLOAT), kind=FLOAT)) == "s - t"
    assert folded(op("-", S, op("neg", n("t", FLOAT), kind=FLOAT), kind=FLOAT)) == "s + t"


def test_a_copy_of_an_array_stays_a_copy():
    copy = op("*", 1.0, A, kind=V)
    assert body_text(fold((let(n("y", V), copy),))) == "y = 1.0 * a\n"
    assert body_text(fold((ir.Return(ir.Pack("tuple", (copy,))),))) == "return (1.0 * a,)\n"
    assert folded(ir.Call(fn("np.sin").prim, (copy,), kind=V), True) == "np.sin(a)"
    assert folded(ir.Call(fn("np.transpose").prim, (copy,), kind=V), True) == "np.transpose(1.0 * a)"
    assert folded(op("+", copy, S, kind=V), True) == "a + s"
    assert body_text(fold((ir.Store(ir.Load(n("y", V), sl(1, None), kind=V), copy),))) == "y[1:] = a\n"
    assert folded(op("*", 1, op("+", A, S, kind=V), kind=V), True) == "a + s"
    assert folded(ir.Load(copy, sl(1, None), kind=V), True) == "(1.0 * a)[1:]"
    assert folded(ir.Load(copy, c(0), kind=FLOAT)) == "a[0]"


def test_what_is_turned_twice():
    back = sl(None, None, -1)
    assert folded(ir.Load(ir.Load(A, back, kind=V), back, kind=V), True) == "a"
    assert folded(ir.Load(ir.Load(A, back, kind=V), sl(None, None, 2), kind=V), True) == "a[::-1][::2]"
    turn = ir.Prim(np.transpose, "T", "attribute")
    assert folded(ir.Call(turn, (ir.Call(turn, (A,), kind=V),), kind=V)) == "a"


def test_loops_that_run_backwards_twice():
    down = ir.For(n("i"), op("-", n("k", INT), 1, kind=INT), c(-1), c(-1), (let("y", "i"),), backwards=True)
    assert body_text(fold((down,)), Options(tidy=False)) == "for i in range(k):\n    y = i\n"
    assert fold((loop("i", 3, let("y", "i"), backwards=True),)) == (loop("i", 3, let("y", "i"), backwards=True),)


def draw(rng, depth):
    """A random expression over two numbers and an array."""
    if depth == 0 or rng.random() < 0.15:
        leaf = rng.choice([S, n("k", INT), A, 1, 0, 1.0, 0.0, 2, 0.5, -1, 3])
        return leaf if isinstance(leaf, ir.Expr) else ir.Const(leaf, kind=kind_of(ir.Const(leaf)))
    if rng.random() < 0.25:
        args = (draw(rng, depth - 1),)
        return ir.Op("neg", args, kind=infer_op("neg", args))
    args = (draw(rng, depth - 1), draw(rng, depth - 1))
    text = rng.choice("+-**")
    return ir.Op(text, args, kind=infer_op(text, args))


@pytest.mark.parametrize("seed", range(300))
def test_random_expressions_mean_the_same(seed):
    expr = draw(random.Random(seed), 4)
    env = {"s": 0.37, "k": 3, "a": np.array([0.25, -1.5])}
    want, got = eval(text_of(expr), env), eval(folded(expr, True), env)
    assert type(want) is type(got) and np.asarray(want).dtype == np.asarray(got).dtype
    assert np.allclose(want, got, rtol=1e-15, atol=0)
    assert not isinstance(got, np.ndarray) or got is not env["a"] or expr == A


def test_a_choice_by_what_is_not_so():
    flags, numbers = n("flags", Array("bool", (None,))), n("numbers", Array("int64", (None,)))

    def chosen(test):
        return folded(fn("np.where", op("~", test, kind=test.kind), A, 0.0))

    assert chosen(flags) == "np.where(flags, 0.0, a)"
    assert chosen(numbers) == "np.where(~numbers, a, 0.0)"
