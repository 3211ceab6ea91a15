"""Arithmetic on expressions that simplifies as a person would who writes the result down.

All of it is local: a product or a quotient is looked into one level deep. `d * (1 / y)` becomes `d / y`,
`d * (0.5 / y)` becomes `0.5 * d / y`, `x + -y` becomes `x - y`.
"""

from __future__ import annotations

import numpy as np

from srcgrad.analysis.infer import infer_op, kind_of
from srcgrad.ir.kinds import Array, is_float, rank
from srcgrad.ir.nodes import Call, Const, Expr, Name, Op


def _number(expr: Expr) -> int | float | None:
    """The value of a literal number."""
    if isinstance(expr, Const) and type(expr.value) in (int, float):
        return expr.value
    return None


def _is(expr: Expr, value: float) -> bool:
    return _number(expr) == value


def operation(op: str, *args: Expr) -> Expr:
    """An operator as it stands."""
    return Op(op, args, kind=infer_op(op, args))


def _const(value: float) -> Expr:
    constant = Const(value)
    return Const(value, kind=kind_of(constant))


def _floating(expr: Expr) -> bool:
    """Whether leaving out `1 *` leaves the dtype as it is."""
    return is_float(kind_of(expr))


def _is_op(expr: Expr, op: str) -> bool:
    return isinstance(expr, Op) and expr.op == op


def _args(expr: Expr) -> tuple[Expr, ...]:
    assert isinstance(expr, Op)
    return expr.args


def negated(expr: Expr) -> Expr | None:
    """The expression whose negative this is, where it is written as one: `-e`, `-2 * e`, -2."""
    value = _number(expr)
    if value is not None and value < 0:
        return _const(-value)
    if _is_op(expr, "neg"):
        return _args(expr)[0]
    if isinstance(expr, Op) and expr.op in ("*", "/"):
        left = negated(expr.args[0])
        if left is not None and isinstance(expr.args[0], (Const, Op)):
            return multiply(left, expr.args[1]) if expr.op == "*" else divide(left, expr.args[1])
    return None


def negative(e: Expr) -> Expr:
    """`-e`, simplified."""
    positive = negated(e)
    if positive is not None:
        return positive
    value = _number(e)
    if value is not None:
        return _const(-value) if value else e
    if _is_op(e, "-"):
        a, b = _args(e)
        return subtract(b, a)
    if _is_op(e, "*") and _number(_args(e)[0]) is not None:
        c = _number(_args(e)[0])
        assert c is not None
        return operation("*", _const(-c), _args(e)[1])
    return operation("neg", e)


def _unconverted(a: Expr, other: Expr) -> Expr:
    """An operand without a conversion to the dtype that the sum has anyway."""
    if isinstance(a, Call) and a.prim.fn is np.astype and len(a.args) == 2 and isinstance(kind_of(other), Array):
        inner, dtype = kind_of(a.args[0]), getattr(kind_of(a), "dtype", "")
        if isinstance(inner, Array) and getattr(kind_of(other), "dtype", "?") == dtype:
            if np.promote_types(inner.dtype, dtype).name == dtype:
                return a.args[0]
    return a


def add(a: Expr, b: Expr) -> Expr:
    """`a + b`, simplified."""
    x, y = _number(a), _number(b)
    if x is not None and y is not None:
        return _const(x + y)
    if x == 0:
        return b
    if y == 0:
        return a
    a, b = _unconverted(a, b), _unconverted(b, a)
    minus_b = negated(b)
    if minus_b is not None:
        return subtract(a, minus_b)
    minus_a = negated(a)
    if minus_a is not None:
        return subtract(b, minus_a)
    return operation("+", a, b)


def subtract(a: Expr, b: Expr) -> Expr:
    """`a - b`, simplified."""
    x, y = _number(a), _number(b)
    if x is not None and y is not None:
        return _const(x - y)
    if x == 0:
        return negative(b)
    if y == 0:
        return a
    minus_b = negated(b)
    if minus_b is not None:
        return add(a, minus_b)
    return operation("-", a, b)


def _small(*exprs: Expr) -> bool:
    """Whether all are numbers, so that computing with them first saves work on an array."""
    return all(rank(kind_of(e)) == 0 for e in exprs)


def multiply(a: Expr, b: Expr) -> Expr:
    """`a * b`, simplified."""
    x, y = _number(a), _number(b)
    if x is not None and y is not None:
        return _const(x * y)
    if x == 0 or y == 0:
        return _const(0)
    if x == 1 and _floating(b):
        return b
    if y == 1 and _floating(a):
        return a
    for one, other in ((a, b), (b, a)):
        if _is_op(one, "neg"):
            return negative(multiply(*((_args(one)[0], other) if one is a else (other, _args(one)[0]))))
    if y is not None:
        a, b, x, y = b, a, y, x  # numbers first
    if x is not None and x == -1 and _floating(b):
        return negative(b)
    if _is_op(b, "*"):
        left, right = _args(b)
        if _number(left) is not None or not _small(left, right) or _small(a):
            return multiply(multiply(a, left), right)
    if _is_op(b, "/"):
        left, right = _args(b)
        if _number(left) is not None or not _small(left, right) or _small(a):
            return divide(multiply(a, left), right)
    if x is not None and _is_op(a, "*"):
        return multiply(a, b)
    return operation("*", a, b)


def divide(a: Expr, b: Expr) -> Expr:
    """`a / b`, simplified."""
    x, y = _number(a), _number(b)
    if x is not None and y:
        quotient = x / y
        return _const(quotient) if len(repr(quotient)) <= 6 else operation("/", a, b)  # 1 / 3 stays
    if x == 0:
        return _const(0)
    if y == 1 and _floating(a):
        return a
    if _is_op(a, "neg"):
        return negative(divide(_args(a)[0], b))
    if _is_op(b, "neg"):
        return negative(divide(a, _args(b)[0]))
    if _is_op(b, "/") and _is(_args(b)[0], 1):
        return multiply(a, _args(b)[1])
    return operation("/", a, b)


def power(a: Expr, b: Expr) -> Expr:
    """`a ** b`, simplified."""
    x, y = _number(a), _number(b)
    if y == 0:
        return _const(1.0)
    if y == 1 and _floating(a):
        return a
    if x is not None and y is not None and x > 0:
        return _const(x**y)
    if y == 2 and isinstance(a, Name):
        return operation("*", a, a)
    return operation("**", a, b)
