"""Values that depend on a test: conditional expressions, `and`, `or`, and what a test itself is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from srcgrad.analysis.infer import infer_call
from srcgrad.ir.kinds import BOOL, ListOf, Scalar, is_float, join
from srcgrad.ir.nodes import BoolOp, Call, Cond, Const, Expr, Op, Pos, Prim
from srcgrad.specialize.expressions import evaluate
from srcgrad.specialize.joins import is_function
from srcgrad.specialize.outline import Unreached
from srcgrad.specialize.state import State, true_of
from srcgrad.specialize.values import Either, Leaf, ListedArray, Rows, Static, Struct, Value, as_expr, constant, same


def test_expr(s: State, value: Value, pos: Pos | None) -> Expr:
    """A value as the test of a branch."""
    if isinstance(value, Struct) and value.none is not None:
        there = Op("not", (value.none,), kind=BOOL, pos=pos)
        inner = dataclasses.replace(value, none=None)
        known = true_of(inner)
        if known is not None:
            return there if known else Const(False, kind=BOOL)
        return BoolOp("and", (there, test_expr(s, inner, pos)), kind=BOOL, pos=pos)
    if isinstance(value, Rows):
        value = next(value.columns())
    if isinstance(value, Struct) and value.type == "object":
        value = _object_truth(s, value, pos)
    expr = as_expr(value, pos)
    if isinstance(expr.kind, (ListOf, ListedArray)):
        return Op(">", (_length(expr), Const(0, kind=Scalar("int64", True, 0))), kind=BOOL, pos=pos)
    return expr


def _object_truth(s: State, value: Struct, pos: Pos | None) -> Value:
    """An object's `__bool__` or `__len__`, else True."""
    import types

    from srcgrad.specialize.calls import call_value
    from srcgrad.specialize.indexing import attribute

    for name in ("__bool__", "__len__"):
        if isinstance(getattr(value.cls, name, None), types.FunctionType):
            return call_value(s, attribute(s, value, name, pos), [], {}, pos)
    return constant(True, pos)


def _length(expr: Expr) -> Expr:
    prim = Prim(len, "len")
    return Call(prim, (expr,), kind=infer_call(prim, (expr,), ()), pos=expr.pos)


def evaluate_test(s: State, expr: Expr) -> Value:
    """An expression of which only the truth matters."""
    if isinstance(expr, BoolOp):
        return _all_or_any(s, expr.op, expr.items, expr.pos)
    if isinstance(expr, Op) and expr.op == "not":
        inner = evaluate_test(s, expr.args[0])
        known = true_of(inner)
        if known is not None:
            return constant(not known, expr.pos)
        return Leaf(Op("not", (test_expr(s, inner, expr.pos),), kind=BOOL, pos=expr.pos))
    return evaluate(s, expr)


def _all_or_any(s: State, op: str, items: tuple[Expr, ...], pos: Pos | None) -> Value:
    """`a and b`, `a or b` as a test."""
    first = evaluate_test(s, items[0])
    if len(items) == 1:
        return first
    known = true_of(first)
    if known is not None:
        return constant(known, pos) if known == (op == "or") else _all_or_any(s, op, items[1:], pos)
    x = test_expr(s, first, pos)
    results = _try(s, [lambda: _all_or_any(s, op, items[1:], pos)])
    if results is not None:
        known = true_of(results[0])
        if known == (op == "and"):
            return Leaf(x)
        y = test_expr(s, results[0], pos)
        tail = y.items if isinstance(y, BoolOp) and y.op == op else (y,)
        return Leaf(BoolOp(op, (x, *tail), kind=BOOL, pos=pos))
    key = _slot(s, items[0], op)
    s.bind(key, Leaf(_truth(x)), pos)

    def rest() -> None:
        value = _all_or_any(s, op, items[1:], pos)
        s.bind(key, Leaf(_truth(test_expr(s, value, pos))), pos)

    nothing = lambda: None  # noqa: E731
    s.branch(as_expr(s.env[key]), rest if op == "and" else nothing, nothing if op == "and" else rest, pos)
    return s.env.pop(key)


def _truth(expr: Expr) -> Expr:
    """The test as a bool."""
    if isinstance(expr.kind, Scalar) and expr.kind.dtype == "bool":
        return expr
    return Call(Prim(bool, "bool"), (expr,), kind=BOOL, pos=expr.pos)


def _try(s: State, thunks: list[Callable[[], Value]]) -> list[Value] | None:
    """The values, where they need no statements of their own and leave the variables as they were."""
    saved = s.snapshot()
    copied = s.env
    results: list[Value] = []
    try:
        blocks = [s.block(lambda t=thunk: results.append(t())) for thunk in thunks]  # type: ignore[misc]
        unchanged = all(key in copied and same(value, copied[key]) for key, value in saved[0].items())
        return None if any(blocks) or not unchanged else results
    except Unreached:
        return None
    finally:
        s.restore(saved)


def _slot(s: State, expr: Expr, hint: str) -> tuple[tuple[object, ...], str]:
    """A variable for the value of a choice."""
    key = ((*s.site(expr.pos), hint), "chosen")
    s.names[key] = s.fresh("chosen")
    return key


def conditional(s: State, expr: Cond) -> Value:
    """`a if test else b`: an expression where it carries no derivative and needs no statements, else a branch."""
    test = evaluate_test(s, expr.test)
    known = true_of(test)
    if known is not None:
        return evaluate(s, expr.body if known else expr.orelse)
    condition = test_expr(s, test, expr.pos)
    results = _try(s, [lambda: evaluate(s, expr.body), lambda: evaluate(s, expr.orelse)])
    if results is not None:
        a, b = results
        if isinstance(a, (Leaf, Static)) and isinstance(b, (Leaf, Static)) and not (is_function(a) or is_function(b)):
            x, y = as_expr(a, expr.pos), as_expr(b, expr.pos)
            kind = join(x.kind, y.kind)
            if kind is not None and not is_float(kind):
                if isinstance(kind, Scalar):
                    kind = Scalar(kind.dtype, kind.weak, optional=kind.optional)
                return Leaf(Cond(condition, x, y, kind=kind, pos=expr.pos))
        elif is_function(a) and is_function(b):
            return Either(s.temporary(condition, "chosen").expr, evaluate(s, expr.body), evaluate(s, expr.orelse))
    key = _slot(s, expr, "if")
    s.branch(
        condition,
        lambda: s.bind(key, evaluate(s, expr.body), expr.pos, True),
        lambda: s.bind(key, evaluate(s, expr.orelse), expr.pos, True),
        expr.pos,
    )
    s.resolve(s.env[key])
    return s.env.pop(key)


def bool_op(s: State, op: str, items: tuple[Expr, ...], pos: Pos | None) -> Value:
    """`and` / `or` whose value matters: an expression where it carries no derivative, else a branch."""
    first = evaluate(s, items[0])
    if len(items) == 1:
        return first
    known = true_of(first)
    if known is not None:
        return first if known == (op == "or") else bool_op(s, op, items[1:], pos)
    results = _try(s, [lambda: bool_op(s, op, items[1:], pos)])
    rest = results[0] if results else None
    if isinstance(first, Leaf) and isinstance(rest, (Leaf, Static)) and not is_function(rest):
        x, y = first.expr, as_expr(rest, pos)
        kind = join(x.kind, y.kind)
        if kind is not None and not is_float(kind):
            tail = y.items if isinstance(y, BoolOp) and y.op == op else (y,)
            if isinstance(kind, Scalar):
                kind = Scalar(kind.dtype, kind.weak)
            return Leaf(BoolOp(op, (x, *tail), kind=kind, pos=pos))
    key = _slot(s, items[0], op)
    s.bind(key, first, pos, True)
    test = test_expr(s, s.env[key], pos)
    rest_of = lambda: s.bind(key, bool_op(s, op, items[1:], pos), pos, True)  # noqa: E731
    nothing = lambda: None  # noqa: E731
    s.branch(test, rest_of if op == "and" else nothing, nothing if op == "and" else rest_of, pos)
    s.resolve(s.env[key])
    return s.env.pop(key)
