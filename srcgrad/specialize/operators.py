"""Operators, with what is decided when compiling: identity, membership, operators of strings and of classes."""

from __future__ import annotations

import dataclasses
import types

from srcgrad.analysis.infer import OPERATORS, infer_op
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import BOOL, NONE, Array, Bottom, ListOf, Opaque, Scalar
from srcgrad.ir.nodes import BoolOp, Const, Expr, Name, Op, Pos
from srcgrad.specialize.defined import taken_apart
from srcgrad.specialize.indexing import attribute
from srcgrad.specialize.listed import as_array
from srcgrad.specialize.state import State, true_of
from srcgrad.specialize.values import (
    Bound,
    Conflict,
    Iteration,
    Leaf,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
    constant,
    describe,
    join_all,
    same_object,
    static_key,
)


def operate(s: State, op: str, args: list[Value], pos: Pos | None) -> Value:
    """The value of an operator."""
    if op in ("is", "is not"):
        known = _identity(args[0], args[1])
        if known is not None:
            return constant(known if op == "is" else not known, pos)
        for arg in args:
            if isinstance(arg, Struct) and arg.none is not None:
                return Leaf(arg.none if op == "is" else Op("not", (arg.none,), kind=BOOL, pos=pos))
    if op == "not":
        known = true_of(args[0])
        if known is not None:
            return constant(not known, pos)
    if op in ("in", "not in"):
        if isinstance(args[1], Struct):
            s.certain(args[1], pos)
        found = _contains(args[0], args[1])
        if found is not None:
            return constant(found if op == "in" else not found, pos)
        return _run_time_contains(s, op, args[0], args[1], pos)
    static = _static_operation(op, args, pos)
    if static is not None:
        return static
    if op != "@":
        apart = [taken_apart(s, arg, pos) for arg in args]
        args = [arg if part is None else part for arg, part in zip(args, apart, strict=True)]
    for k, arg in enumerate(args):
        if isinstance(arg, Struct) and arg.type == "object":
            result = _overloaded(s, op, args, k, pos)
            if result is not None:
                return result
            raise KindError(f"{describe(arg)} does not support `{op}`", pos=pos)
    if op in ("+", "*") and any(isinstance(arg, Struct) for arg in args):
        combined = _combine(s, op, args, pos)
        if combined is not None:
            return combined
    if op in ("==", "!=") and all(isinstance(arg, Struct) for arg in args):
        return _compare(s, op, args, pos)
    if op in ("<", "<=", ">", ">="):
        left, right = args
        if isinstance(left, Struct) and isinstance(right, Struct) and {left.type, right.type} <= {"tuple", "list"}:
            return Leaf(_lexicographic(s, op, left.values(), right.values(), pos))
    if any(isinstance(arg, Rows) for arg in args) and op in ("+", "*"):
        raise UnsupportedError(f"`{op}` of a list of tuples is not supported", "Use `extend` on a copy.", pos)
    s.need_list(*args)
    if op == "+" and any(isinstance(arg, Leaf) and isinstance(arg.kind, ListOf) for arg in args):
        # a tuple of unknown length is represented by a list
        args = [dataclasses.replace(a, type="list") if isinstance(a, Struct) and a.type == "tuple" else a for a in args]
    exprs = tuple(_operand(arg, args, pos) for arg in args)
    if op in ("neg", "pos") and isinstance(exprs[0], Const) and isinstance(exprs[0].value, (int, float)):
        return constant(-exprs[0].value if op == "neg" else exprs[0].value, pos)
    numbers = [e.value for e in exprs if isinstance(e, Const) and isinstance(e.value, (int, float))]
    if op in ("<", "<=", ">", ">=", "==", "!=") and len(numbers) == 2:
        return constant(OPERATORS[op](*numbers), pos)
    return Leaf(Op(op, exprs, kind=infer_op(op, exprs), pos=pos))


def _compare(s: State, op: str, args: list[Value], pos: Pos | None) -> Value:
    """`==` of two containers of known layout, item by item."""
    a, b = args
    assert isinstance(a, Struct) and isinstance(b, Struct)
    if isinstance(a, Rows) or isinstance(b, Rows):
        raise KindError("lists of tuples are compared", "Compare what matters in a loop.", pos)
    if a.type != b.type or set(a.items) != set(b.items):
        return constant(op == "!=", pos)
    tests: list[Expr] = []
    for key in a.items:
        equal = operate(s, "==", [a.items[key], b.items[key]], pos)
        known = true_of(equal)
        if known is False:
            return constant(op == "!=", pos)
        if known is None:
            if isinstance(as_expr(equal, pos).kind, Array):
                raise KindError("containers that hold arrays are compared", "Compare with np.array_equal.", pos)
            tests.append(as_expr(equal, pos))
    if not tests:
        return constant(op == "==", pos)
    both = tests[0] if len(tests) == 1 else BoolOp("and", tuple(tests), kind=BOOL, pos=pos)
    return Leaf(both if op == "==" else Op("not", (both,), kind=BOOL, pos=pos))


def _lexicographic(s: State, op: str, a: list[Value], b: list[Value], pos: Pos | None) -> Expr:
    """`<` of two tuples: the first items that differ decide."""
    if not a or not b:
        return Const(OPERATORS[op](len(a), len(b)), kind=BOOL, pos=pos)
    if len(a) == len(b) == 1:
        last = as_expr(operate(s, op, [a[0], b[0]], pos), pos)
        return last
    strict = as_expr(operate(s, op[0], [a[0], b[0]], pos), pos)
    if isinstance(strict.kind, Array):
        raise KindError("tuples that hold arrays are compared", "Compare numbers.", pos)
    equal = as_expr(operate(s, "==", [a[0], b[0]], pos), pos)
    rest = _lexicographic(s, op, a[1:], b[1:], pos)
    return BoolOp("or", (strict, BoolOp("and", (equal, rest), kind=BOOL, pos=pos)), kind=BOOL, pos=pos)


def _operand(arg: Value, args: list[Value], pos: Pos | None) -> Expr:
    """A list beside an array counts as an array, as in NumPy."""
    expr = as_expr(arg, pos)
    listed = isinstance(arg, Struct) or isinstance(expr.kind, ListOf)
    if listed and any(isinstance(other, Leaf) and isinstance(other.kind, Array) for other in args):
        return as_array(expr)
    return expr


def _identity(a: Value, b: Value) -> bool | None:
    for x, y in ((a, b), (b, a)):
        if isinstance(y, Static) and y.value is None:
            if isinstance(x, Struct) and x.none is not None:
                return None
            if isinstance(x, Static):
                return x.value is None
            if isinstance(x, Leaf):
                if x.kind == NONE:
                    return True
                if isinstance(x.kind, Bottom):
                    return None
                return None if getattr(x.kind, "optional", False) or x.kind == Opaque(object) else False
            return None if isinstance(x, Conflict) else False
    if isinstance(a, Static) and isinstance(b, Static):
        return a.value is b.value
    if isinstance(a, Struct) and isinstance(b, Struct):
        return a is b
    return None


def _contains(item: Value, container: Value) -> bool | None:
    key = static_key(item)
    if isinstance(container, Iteration) and container.static is not None:
        container = Struct("tuple", dict(enumerate(container.static)))
    if key is None and not (isinstance(item, Static) and item.value is None):
        return None
    if isinstance(container, Struct) and container.type == "dict":
        return key in container.items
    if isinstance(container, Struct) and container.type in ("tuple", "list"):
        keys = [static_key(value) for value in container.values()]
        return None if None in keys else key in keys
    if isinstance(container, Static):
        return key in container.value
    return None


def _run_time_contains(s: State, op: str, item: Value, container: Value, pos: Pos | None) -> Value:
    """Membership that is decided at run time; arrays are compared elementwise by Python, which is refused."""
    if isinstance(container, Struct) and container.type == "object":
        from srcgrad.specialize.calls import call_value

        found = call_value(s, attribute(s, container, "__contains__", pos), [item], {}, pos)
        return found if op == "in" else operate(s, "not", [found], pos)
    if isinstance(container, (Rows, Struct)) and container.type not in ("dict", "tuple", "list"):
        raise KindError(f"`in` is not supported for {describe(container)}", pos=pos)
    if isinstance(container, Struct) and container.type == "dict":
        container = Struct("tuple", {k: Static(key) for k, key in enumerate(container.items)})
    args = (as_expr(item, pos), as_expr(container, pos))
    if isinstance(args[0].kind, Array) and not isinstance(args[1].kind, Array):
        raise KindError("an array is looked for in a container", "Compare with np.array_equal.", pos)
    return Leaf(Op(op, args, kind=BOOL, pos=pos))


def _static_operation(op: str, args: list[Value], pos: Pos | None) -> Value | None:
    """Operators on strings, types and the like, decided when compiling."""
    if not all(isinstance(arg, Static) for arg in args):
        return None
    values = [arg.value for arg in args if isinstance(arg, Static)]
    if all(isinstance(value, (str, bytes)) for value in values) and op in ("<", "<=", ">", ">="):
        return constant(OPERATORS[op](*values), pos)
    if op == "==":
        return constant(same_object(*values) or bool(values[0] == values[1]), pos)
    if op == "!=":
        return constant(not (same_object(*values) or bool(values[0] == values[1])), pos)
    if op == "+" and all(isinstance(value, (str, tuple, bytes)) for value in values):
        return Static(values[0] + values[1])
    if op == "%" and isinstance(values[0], str):
        return Static(values[0] % values[1])
    if op == "|" and all(isinstance(value, (type, types.UnionType)) for value in values):
        return Static(values[0] | values[1])
    return None


_DUNDER = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul",
    "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne", "neg": "neg", "pos": "pos",
}  # fmt: skip


def _overloaded(s: State, op: str, args: list[Value], at: int, pos: Pos | None) -> Value | None:
    """An operator that the object's class defines."""
    from srcgrad.specialize.calls import call_value

    owner = args[at]
    assert isinstance(owner, Struct) and owner.cls is not None
    name = _DUNDER.get(op)
    if name is None:
        return None
    function = getattr(owner.cls, f"__{'r' if at else ''}{name}__", None)
    if not isinstance(function, types.FunctionType):
        return None
    return call_value(s, Bound(s.function(function), [owner]), args[:at] + args[at + 1 :], {}, pos)


def _once(s: State, item: Value) -> Value:
    return (
        s.temporary(item.expr, "item") if isinstance(item, Leaf) and not isinstance(item.expr, (Name, Const)) else item
    )


def _combine(s: State, op: str, args: list[Value], pos: Pos | None) -> Value | None:
    """`list + list`, `list * n` and the same for tuples, where the layout is known."""
    a, b = args
    if (
        op == "+"
        and isinstance(a, Struct)
        and isinstance(b, Struct)
        and a.type == b.type
        and a.type in ("tuple", "list")
    ):
        made = Struct(a.type, dict(enumerate([*a.values(), *b.values()])), depth=s.depth, site=s.site(pos))
        return s.dynamic_list(made, pos) if a.type == "list" and made.site in s.knowledge.dynamic else made
    if op == "*":
        sequence, count = (a, b) if isinstance(a, Struct) else (b, a)
        if isinstance(sequence, Struct) and isinstance(count, Leaf) and isinstance(count.kind, Scalar):
            if isinstance(count.expr, Const) and s.site(pos) not in s.knowledge.dynamic:
                if not isinstance(count.expr.value, int):
                    raise KindError(f"a {sequence.type} is multiplied by a float", pos=pos)
                # every place of the list holds the same objects
                once = [
                    s.temporary(v.expr, "item") if isinstance(v, Leaf) and not isinstance(v.expr, (Name, Const)) else v
                    for v in sequence.values()
                ]
                items = once * count.expr.value
                return Struct(sequence.type, dict(enumerate(items)), depth=s.depth, site=s.site(pos))
            if sequence.type != "list":
                raise UnsupportedError(
                    "a tuple is repeated a number of times that is not known when compiling", pos=pos
                )
            s.need_run_time(sequence, pos)
            expr = as_expr(sequence, pos)
            item = join_all([as_expr(v).kind for v in sequence.values()])
            if isinstance(item, Scalar):
                item = Scalar(item.dtype, item.weak)
            ordered = (expr, count.expr) if sequence is a else (count.expr, expr)
            return Leaf(Op("*", ordered, kind=ListOf(item), pos=pos))
    return None
