"""Peepholes: arithmetic on literals, `1 * x`, `x + 0`, `-(-x)`, things turned round twice.

Needs: the typed dialect. Gives: the same values, of the same dtype, in expressions with fewer operators. `y = 1 * x`
makes a new array and `y = x` does not, so an operator goes only where its result is a number or is consumed at once.

    s = 1 * d_out           s = d_out                       (numbers)
    y = 1.0 * a             y = 1.0 * a                     (arrays: y is a copy)
    z = np.sin(1.0 * a)     z = np.sin(a)
    t = 2 * 3 * -(-s)       t = 6 * s
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from srcgrad.analysis.infer import kind_of
from srcgrad.codegen import text_of
from srcgrad.ir.kinds import Array, DictOf, ListOf, Scalar, dtype_name, rank
from srcgrad.ir.nodes import (
    Assign,
    BoolOp,
    Call,
    Cond,
    Const,
    DictPack,
    Effect,
    Expr,
    For,
    Invoke,
    Load,
    Op,
    Pack,
    Push,
    Return,
    Slice,
    Star,
    Stmt,
    Store,
)
from srcgrad.ir.walk import rebuild, with_blocks
from srcgrad.rules.registry import lookup
from srcgrad.transform.webs import map_own

Block = tuple[Stmt, ...]
_COMPUTE: dict[str, Callable[..., int | float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "neg": operator.neg,
}  # fmt: skip


def fold(body: Block) -> Block:
    """Simplify every expression of the statements."""
    return tuple(with_blocks(_statement(stmt), fold) for stmt in body)


def _statement(stmt: Stmt) -> Stmt:
    match stmt:
        case Store(target=target, value=value):
            whole = target.base if isinstance(target, Load) else target
            copied = isinstance(whole.kind, Array)
            return replace(stmt, target=fold_expression(target, True), value=fold_expression(value, not copied))
        case Assign() | Push() | Invoke() | Return() | Effect():
            return map_own(stmt, lambda expr: fold_expression(expr, True))
        case For():
            return _forwards(replace(stmt, lo=fold_expression(stmt.lo), hi=fold_expression(stmt.hi)))
    return map_own(stmt, fold_expression)


def fold_expression(expr: Expr, retained: bool = False) -> Expr:
    """The expression, simplified. retained: its value gets a name or a place, so it must be no other's array."""
    match expr:
        case Load(base=base, index=index):
            return _turned_twice(replace(expr, base=fold_expression(base, retained), index=_index(index)))
        case Pack() | DictPack() | Star() | Cond() | BoolOp():
            return rebuild(expr, lambda child: fold_expression(child, retained))
        case Call():
            rule = lookup(expr.prim.fn)
            consumes = rule is not None and rule.view == "never" and isinstance(expr.kind, (Array, Scalar))
            return _turned_twice(rebuild(expr, lambda child: fold_expression(child, not consumes)))
        case Op():
            held = isinstance(expr.kind, (ListOf, DictOf))
            new = rebuild(expr, lambda child: fold_expression(child, held))
            assert isinstance(new, Op)
            return new if held else _simplified(new, retained)
    return rebuild(expr, fold_expression)


def _index(index: Expr) -> Expr:
    if isinstance(index, (Slice, Pack)):
        return rebuild(index, _index)
    return fold_expression(index)


def _simplified(expr: Op, retained: bool) -> Expr:
    known = _computed(expr)
    if known is not None:
        return known
    match expr:
        case Op(op="*", args=(Const() as one, x)) if _is(one, 1) and _replaces(x, one, retained):
            return x
        case Op(op="*" | "/" | "**" as op, args=(x, Const() as one)) if _is(one, 1) and _replaces(x, one, retained):
            return x if op != "/" or dtype_name(x.kind).startswith(("float", "complex")) else expr
        case Op(op="+", args=(Const() as zero, x)) if _is(zero, 0) and _replaces(x, zero, retained):
            return x
        case Op(op="+" | "-", args=(x, Const() as zero)) if _is(zero, 0) and _replaces(x, zero, retained):
            return x
        case Op(op="neg", args=(Op(op="neg", args=(x,)),)) if _replaces(x, Const(1), retained):
            return x
        case Op(op="+", args=(a, Op(op="neg", args=(b,)))) if _numeric(a) and _numeric(b):
            return _simplified(replace(expr, op="-", args=(a, b)), retained)
        case Op(op="-", args=(a, Op(op="neg", args=(b,)))) if _numeric(a) and _numeric(b):
            return _simplified(replace(expr, op="+", args=(a, b)), retained)
        case Op(op="*", args=(a, Op(op="*", args=(b, c)))) if _literal(a) and _literal(b) and _exact(a, b):
            return _simplified(replace(expr, args=(_simplified(Op("*", (a, b)), False), c)), retained)
    return expr


def _literal(expr: Expr) -> bool:
    return isinstance(expr, Const) and type(expr.value) in (int, float)


def _is(expr: Const, value: int) -> bool:
    return _literal(expr) and bool(expr.value == value) and not (value == 0 and math.copysign(1, expr.value) < 0)


def _exact(a: Expr, b: Expr) -> bool:
    """Whether multiplying by both, one by one, rounds as multiplying by their product does: signs, powers of 2."""
    return any(isinstance(e, Const) and abs(math.frexp(e.value)[0]) == 0.5 for e in (a, b))


def _computed(expr: Op) -> Expr | None:
    """The literal that an operation on literals comes to, unless that is longer to read."""
    if expr.op not in _COMPUTE or not all(map(_literal, expr.args)):
        return None
    values = [arg.value for arg in expr.args if isinstance(arg, Const)]
    if expr.op == "**" and abs(values[1]) > 64:
        return None
    try:
        value = _COMPUTE[expr.op](*values)
    except ArithmeticError:
        return None
    if type(value) not in (int, float) or not math.isfinite(value) or len(repr(value)) > len(text_of(expr)):
        return None
    return Const(value, kind=kind_of(Const(value)), pos=expr.pos)


def _numeric(expr: Expr) -> bool:
    return dtype_name(expr.kind) not in ("", "bool")


def _replaces(x: Expr, literal: Const, retained: bool) -> bool:
    """Whether x may stand for `x op literal`: of the same dtype, and not an array that something else holds."""
    dtype = dtype_name(x.kind)
    if isinstance(literal.value, float) and not dtype.startswith(("float", "complex")):
        return False
    if dtype in ("", "bool") or getattr(x.kind, "optional", False):
        return False
    return isinstance(x.kind, Scalar) or not retained or _fresh(x)


def _fresh(x: Expr) -> bool:
    if isinstance(x, Call):
        rule = lookup(x.prim.fn)
        return rule is not None and rule.view == "never"
    return isinstance(x, Op)


def _turned_twice(expr: Expr) -> Expr:
    """`x[::-1][::-1]` and `x.T.T` are x; where something is not so, the other choice is made where it is."""
    match expr:
        case Call(prim=where, args=(Op(op="~", args=(test,)), a, b), kwargs=()) if where.fn is np.where:
            return replace(expr, args=(test, b, a)) if dtype_name(test.kind) == "bool" else expr
        case Load(base=Load(base=x, index=inner), index=outer) if isinstance(x.kind, Array) and rank(x.kind):
            if _reverses(inner) and _reverses(outer):
                return x
        case Call(prim=turn, args=(Call(prim=again, args=(x,), kwargs=()),), kwargs=()):
            known = isinstance(x.kind, Array) and bool(rank(x.kind))
            if known and turn.fn is again.fn and turn.fn in (np.transpose, np.flip, np.flipud, np.fliplr):
                return x
    return expr


def _reverses(index: Expr) -> bool:
    return index == Slice(None, None, Const(-1)) or index == Const(slice(None, None, -1))


def _forwards(stmt: For) -> For:
    """`reversed(range(n - 1, -1, -1))` is range(n)."""
    if not stmt.backwards or stmt.step != Const(-1):
        return stmt
    lo, hi = _next(stmt.hi), _next(stmt.lo)
    if lo is None or hi is None:
        return stmt
    return replace(stmt, lo=lo, hi=hi, step=Const(1, kind=stmt.step.kind), backwards=False)


def _next(expr: Expr) -> Expr | None:
    """The expression plus one, where that is no longer than it."""
    match expr:
        case Const(value=int(value)) if type(value) is int:
            return Const(value + 1, kind=kind_of(Const(value + 1)))
        case Op(op="-", args=(a, Const(value=1))):
            return a
    return None
