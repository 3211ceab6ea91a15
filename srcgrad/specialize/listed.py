"""Lists and tuples of numbers where NumPy takes an array: `np.mean([a, b])`.

Rules speak of arrays, so a list through which derivatives flow is made an array first, as NumPy does itself. Lists of
arrays, such as np.stack takes, stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Array, ListOf, Scalar, is_float
from srcgrad.ir.nodes import Call, Expr, Pos, Prim
from srcgrad.rules.registry import lookup
from srcgrad.specialize.defined import may_vary, sequences_of
from srcgrad.specialize.values import Leaf, Rows, Struct, Value, as_expr


def as_array(expr: Expr) -> Expr:
    """A display of numbers as an array, as NumPy would make of it."""
    prim = Prim(np.array, "np.array")
    return Call(prim, (expr,), kind=infer_call(prim, (expr,), ()), pos=expr.pos)


def array_likes(
    prim: Prim, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> tuple[list[Value], dict[str, Value]]:
    """The arguments of a primitive, with arrays for lists that are meant as such.

    Constants stay lists where a function is not elementwise: they are read no slower there.
    """
    if not any(map(_is_plain, [*args, *kwargs.values()])) or not isinstance(prim.fn, Hashable):
        return args, kwargs
    rule, lists = lookup(prim.fn), sequences_of(prim.fn)
    if rule is None and lists is None:
        return args, kwargs
    each = isinstance(prim.fn, np.ufunc) or (rule is not None and rule.form == "elementwise")
    wanted = _is_plain if each else _varies  # [True, False] == False would be a number
    if rule is not None and (rule.own or rule.displays or (rule.form == "constant" and not each)):
        return args, kwargs
    lists = frozenset(("out", *(lists or ())))
    given = [value if k in lists else _made(value, wanted, pos) for k, value in enumerate(args)]
    return given, {name: value if name in lists else _made(value, wanted, pos) for name, value in kwargs.items()}


def _is_plain(value: Value) -> bool:
    """Whether a value is a list or tuple that NumPy would make an array of numbers of."""
    return isinstance(value.kind, ListOf) if isinstance(value, Leaf) else _is_numbers(value)


def _varies(value: Value) -> bool:
    """Whether a value is a list or tuple that NumPy would make an array of, and through which derivatives flow."""
    if isinstance(value, Leaf):
        return isinstance(value.kind, ListOf) and is_float(value.kind)
    return isinstance(value, Struct) and _is_numbers(value) and may_vary(value)


def _is_numbers(value: Value) -> bool:
    if isinstance(value, Struct):
        return value.type in ("list", "tuple") and not isinstance(value, Rows) and all(map(_is_numbers, value.values()))
    return isinstance(value, Leaf) and isinstance(value.kind, (Scalar, Array, ListOf))


def _made(value: Value, wanted: Callable[[Value], bool], pos: Pos | None) -> Value:
    try:
        return Leaf(as_array(as_expr(value, pos))) if wanted(value) else value
    except KindError:  # the function itself says what it makes of it
        return value
