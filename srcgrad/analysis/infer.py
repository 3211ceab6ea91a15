"""Kinds of the results of primitives: what an operator, a call or a subscript yields for given operands.

Shapes of elementwise functions follow the broadcasting of symbolic axis lengths; reductions, products,
creation and indexing have rules of their own (infer_shapes, infer_index); everything else is found by
calling the primitive on small dummies (infer_dummies). dtypes always come from NumPy itself.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from srcgrad.analysis import infer_dummies, infer_shapes, operands
from srcgrad.analysis.dims import broadcast, minus
from srcgrad.analysis.infer_index import infer_load
from srcgrad.analysis.operands import TUPLE, is_tuple, kind_of, shape_items
from srcgrad.analysis.signatures import bind
from srcgrad.errors import KindError
from srcgrad.ir.kinds import (
    BOOL,
    BOTTOM,
    INT,
    STR,
    UNSET,
    Array,
    Bottom,
    DictOf,
    Extent,
    Kind,
    ListOf,
    Opaque,
    Scalar,
    Shape,
    join,
    text,
)
from srcgrad.ir.nodes import Expr, Op, Prim

__all__ = ["ELEMENTWISE", "OPERATORS", "infer_call", "infer_items", "infer_load", "infer_op", "kind_of"]

OPERATORS: dict[str, Callable[..., Any]] = {
    "neg": operator.neg, "pos": operator.pos, "~": operator.invert, "not": operator.not_,
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "<<": operator.lshift, ">>": operator.rshift,
    "&": operator.and_, "^": operator.xor, "|": operator.or_,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "is": operator.is_, "is not": operator.is_not, "in": operator.contains, "not in": operator.contains,
}  # fmt: skip
_TRUTH = {"not", "is", "is not", "in", "not in"}


def infer_op(op: str, args: Sequence[Expr]) -> Kind:
    """The kind of an operator's result."""
    kinds = [kind_of(a) for a in args]
    if any(isinstance(k, Bottom) for k in kinds):
        return BOTTOM
    if op in _TRUTH:
        return BOOL
    if op == "@":
        return infer_shapes.matmul_kind(*kinds)
    if all(isinstance(k, (Scalar, Array)) for k in kinds):
        result = elementwise(OPERATORS[op], kinds, op)
        value = _value(op, kinds)
        return replace(result, value=value) if isinstance(result, Scalar) and value is not UNSET else result
    if op == "+" and any(isinstance(k, Shape) for k in kinds) and all(map(is_tuple, kinds)):
        return Shape(tuple, dims=shape_items(Op(op, tuple(args), kind=TUPLE)))
    return _container_op(op, kinds)


def _value(op: str, kinds: Sequence[Kind]) -> object:
    """The value of an operation on integers whose values are known."""
    values = [k.value if isinstance(k, Scalar) and k.dtype != "bool" else UNSET for k in kinds]
    if all(isinstance(v, int) for v in values) and op in ("neg", "pos", "+", "-", "*", "//", "%", "**"):
        if (op in ("//", "%") and values[1] == 0) or (op == "**" and not 0 <= values[1] < 64):  # type: ignore[operator]
            return UNSET
        return OPERATORS[op](*values)
    if all(isinstance(v, int) for v in values) and op in ("<", "<=", ">", ">=", "==", "!="):
        return OPERATORS[op](*values)
    if len(values) == 2 and all(isinstance(v, (int, Extent)) for v in values):
        a, b = values
        result = None
        if op == "-":
            result = minus(a, b)  # type: ignore[arg-type]
        elif op == "+" and isinstance(b, int):
            result = minus(a, -b)  # type: ignore[arg-type]
        elif op == "+" and isinstance(a, int):
            result = minus(b, -a)  # type: ignore[arg-type]
        return UNSET if result is None else result
    return UNSET


def _container_op(op: str, kinds: Sequence[Kind]) -> Kind:
    """Operators on lists, strings, tuples, ..."""
    if op in ("==", "!=", "<", "<=", ">", ">="):
        arrays = [k for k in kinds if isinstance(k, Array)]
        return Array("bool", arrays[0].dims) if arrays else BOOL
    if len(kinds) == 2:
        a, b = kinds
        if op == "+" and isinstance(a, ListOf) and isinstance(b, ListOf):
            joined = join(a, b)
            if joined is None:
                raise KindError(f"the items of a {text(a)} and of a {text(b)} cannot be in one list")
            return joined
        if op == "*":
            for one, other in ((a, b), (b, a)):
                if isinstance(one, (ListOf, Opaque)) and _is_int(other):
                    return Shape(tuple) if isinstance(one, Shape) else one
        if op == "|" and isinstance(a, DictOf) and isinstance(b, DictOf):
            return join(a, b) or a
        if op == "%" and a == STR:
            return STR
        for one, other in ((a, b), (b, a)):  # NumPy reads a list beside an array as an array
            if isinstance(one, (Array, Scalar)) and isinstance(other, ListOf):
                listed = operands.array_of(other)
                if isinstance(one, Array) or not getattr(one, "weak", True):
                    pair = [listed if k is other else k for k in kinds]
                    return elementwise(OPERATORS[op], pair, op)
        if op == "+" and isinstance(a, Opaque) and isinstance(b, Opaque) and a.type is b.type:
            return a
    if all(isinstance(k, Opaque) for k in kinds):
        return Opaque(object)
    raise KindError(f"`{op}` is not defined for " + " and ".join(text(k) for k in kinds))


def _is_int(kind: Kind) -> bool:
    return isinstance(kind, Scalar) and kind.dtype.startswith(("int", "uint", "bool"))


def elementwise(fn: Callable[..., Any], kinds: Sequence[Kind], name: str) -> Kind:
    """The kind of an elementwise function of numbers and arrays."""
    tokens = []
    for kind in kinds:
        if isinstance(kind, ListOf):
            kind = operands.array_of(kind)
        if isinstance(kind, Scalar):
            tokens.append((kind.dtype, "weak" if kind.weak else "strong"))
        elif isinstance(kind, Array):
            tokens.append((kind.dtype, "array"))
        else:
            raise KindError(f"{name} is not defined for a {text(kind)}")
    dtype, form = _result_dtype(fn, tuple(tokens), name)
    shape = broadcast(operands.shape_of(k) for k in kinds)
    if shape == ():
        return Scalar(dtype, weak=form == "weak")
    return Array(dtype, shape)


@cache
def _result_dtype(fn: Callable[..., Any], tokens: tuple[tuple[str, str], ...], name: str) -> tuple[str, str]:
    """dtype of the result, and whether it is a Python number ("weak"), a NumPy scalar or an array."""
    error = ""
    for number in (1, 0.5, 3):  # not every function is defined at 1
        values = []
        for dtype, form in tokens:
            value = np.dtype(dtype).type(number)
            values.append(value.item() if form == "weak" else np.full((1,), value) if form == "array" else value)
        try:
            with np.errstate(all="ignore"):
                result = fn(*values)
        except Exception as exception:  # whatever a primitive raises on these kinds is the reason to report
            error = f"{name}: {exception}"
            continue
        if isinstance(result, tuple):
            raise KindError(f"{name} has several results")
        weak = not isinstance(result, (np.generic, np.ndarray))
        return np.asarray(result).dtype.name, "weak" if weak else "strong"
    raise KindError(error)


def infer_call(
    prim: Prim, args: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]] | Mapping[str, Expr] = ()
) -> Kind:
    """The kind of a primitive's result."""
    pairs = tuple(kwargs.items()) if isinstance(kwargs, Mapping) else tuple(kwargs)
    kinds = [kind_of(a) for a in (*args, *(value for _, value in pairs))]
    if any(isinstance(k, Bottom) for k in kinds):
        return BOTTOM
    fn = prim.fn
    if fn in _AS_OPERATORS and not pairs:
        return infer_op(_AS_OPERATORS[fn], args)
    if isinstance(fn, np.ufunc) and fn.nout == 1 and fn.signature is None and all(n == "dtype" for n, _ in pairs):
        result = elementwise(fn, [kind_of(a) for a in args], prim.text)
        for _, value in pairs:
            result = replace(result, dtype=operands.dtype_name(value))  # type: ignore[call-arg]
        return result
    rule = infer_shapes.RULES.get(fn)
    if rule is not None:
        bound = bind(prim, args, pairs)
        if bound is not None:
            try:
                return rule(prim, bound)
            except (ValueError, IndexError) as error:  # what NumPy says of arguments that are known
                raise KindError(f"{prim.text}: {error}") from error
    in_math = getattr(fn, "__module__", "") == "math" and fn not in _NOT_ELEMENTWISE
    if fn in ELEMENTWISE or in_math:
        if all(isinstance(k, (Scalar, Array)) for k in kinds) and not pairs:
            if in_math:  # a number, also of an array of one element
                kinds = [Scalar(k.dtype) if isinstance(k, Array) else k for k in kinds]
            return elementwise(fn, kinds, prim.text)
    if fn is len:
        return _len(args[0])
    if fn in (min, max) and len(kinds) >= 2:
        return _least(kinds)
    if fn in (bool, callable, isinstance, hasattr, issubclass):
        return BOOL
    if fn in (str, repr, format, chr):
        return STR
    return infer_dummies.by_dummies(prim, args, pairs)


def _len(arg: Expr) -> Kind:
    kind = kind_of(arg)
    shape = operands.shape_of(kind) if isinstance(kind, Array) else None
    if isinstance(kind, Scalar) or shape == ():
        raise KindError(f"len of a {text(kind)}")
    known = operands.length_of(arg)
    return INT if known is None else replace(INT, value=known)


def _least(kinds: Sequence[Kind]) -> Kind:
    """min(a, b), max(a, b) of Python: one of the arguments."""
    result = kinds[0]
    for kind in kinds[1:]:
        joined = join(result, kind)
        if joined is None:
            raise KindError(f"min or max of {text(result)} and {text(kind)}")
        result = joined
    return replace(result, value=UNSET) if isinstance(result, Scalar) else result


def infer_items(prim: Prim, args: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]] = ()) -> tuple[Kind, ...] | None:
    """The kinds of the items of a primitive's result where that is a tuple (np.linalg.slogdet, divmod), else None."""
    return infer_dummies.items_by_dummies(prim, args, tuple(kwargs))


# `operator.mul(a, b)`, and np.matmul: the same as the operator
_AS_OPERATORS: dict[Any, str] = {fn: op for op, fn in OPERATORS.items() if "in" not in op} | {np.matmul: "@"}
_NOT_ELEMENTWISE = {math.dist, math.modf, math.frexp, math.prod, math.fsum}
ELEMENTWISE: set[Any] = {
    abs, float, int, complex, round, np.abs, np.round, np.around, np.nan_to_num, np.angle,
    np.isclose, np.sinc, np.isreal, np.iscomplex, np.fix, np.clip, pow,
    np.isposinf, np.isneginf,
    np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.bool_,
}  # fmt: skip
"""Functions that work element by element and are no ufuncs. Rules of further libraries add theirs."""
