"""Expressions: names, operators, indexing, attributes, conditionals."""

from __future__ import annotations

import inspect
import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_call, infer_load, infer_op
from srcgrad.errors import KindError, NoRuleError, SrcgradError, UnsupportedError
from srcgrad.ir.kinds import BOOL, BOTTOM, NONE, STR, Array, DictOf, ListOf, Opaque, Scalar, is_float, join
from srcgrad.ir.nodes import (
    Apply,
    Assign,
    Attr,
    BoolOp,
    Call,
    Cond,
    Const,
    DictPack,
    Effect,
    Expr,
    Format,
    Free,
    Invoke,
    Lambda,
    Let,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Pos,
    Prim,
    Push,
    Slice,
    Star,
    Stmt,
    Store,
)
from srcgrad.ir.walk import names_in, root, statements
from srcgrad.rules import members
from srcgrad.specialize.outline import Unreached
from srcgrad.specialize.state import State, true_of
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Conflict,
    Iteration,
    Leaf,
    Method,
    Static,
    Struct,
    Value,
    as_expr,
    constant,
    describe,
    join_all,
    same_object,
)


def evaluate(s: State, expr: Expr) -> Value:
    """The value of an expression; statements that it needs are emitted before."""
    try:
        return _evaluate(s, expr)
    except SrcgradError as error:
        if error.pos is None and expr.pos is not None:
            raise type(error)(error.reason, error.remedy, expr.pos) from None
        raise


def _evaluate(s: State, expr: Expr) -> Value:
    match expr:
        case Const(value=value):
            if isinstance(value, (str, bytes, type(None), type(Ellipsis), types.ModuleType)) or callable(value):
                return Static(value)
            return constant(value, expr.pos)
        case Name(id=name):
            return s.lookup(name, expr.pos)
        case Free(id=name):
            return s.free(name, expr.pos)
        case Op(op=op, args=args):
            return operate(s, op, evaluate_all(s, args), expr.pos)
        case Load(base=base, index=index):
            owner, at = evaluate_all(s, [base, index])
            return load(s, owner, at, expr.pos)
        case Slice():
            parts = [evaluate(s, part) if part is not None else None for part in (expr.lo, expr.hi, expr.step)]
            lo, hi, step = (None if part is None else as_expr(part, expr.pos) for part in parts)
            return Leaf(Slice(lo, hi, step, kind=Opaque(slice), pos=expr.pos))
        case Attr(base=base, name=name):
            return attribute(s, evaluate(s, base), name, expr.pos)
        case Pack(type=type_, items=items):
            return _display(s, type_, items, expr.pos)
        case DictPack():
            return _dict_display(s, expr)
        case Apply():
            from srcgrad.specialize.calls import apply

            return apply(s, expr)
        case Cond():
            return _conditional(s, expr)
        case BoolOp(op=op, items=items):
            return _bool_op(s, op, items, expr.pos)
        case Format(parts=parts):
            return Leaf(Format(tuple(_format_part(s, part) for part in parts), kind=STR, pos=expr.pos))
        case Let(body=body, value=value):
            from srcgrad.specialize.statements import run_block

            run_block(s, body)
            return evaluate(s, value)
        case Lambda(function=function):
            from srcgrad.specialize.statements import closure

            return closure(s, function)
        case Star():
            raise UnsupportedError("`*` is not supported here", pos=expr.pos)
    raise UnsupportedError(f"{type(expr).__name__} is not supported", pos=expr.pos)


def _format_part(s: State, part: str | tuple[Expr, str, Expr | None]) -> str | tuple[Expr, str, Expr | None]:
    if isinstance(part, str):
        return part
    value, conversion, spec = part
    inner = evaluate(s, value)
    shown = as_expr(inner, value.pos) if not isinstance(inner, Struct) or inner.type != "object" else as_expr(
        Static(describe(inner))
    )
    return (shown, conversion, as_expr(evaluate(s, spec), value.pos) if spec is not None else None)


def evaluate_all(s: State, exprs: Sequence[Expr]) -> list[Value]:
    """The values of several expressions, left to right.

    Where a later one needs statements of its own, what stands before it and could be changed by those statements
    is held in a variable first.
    """
    values: list[Value] = []
    for expr in exprs:
        outer, s.out = s.out, []
        try:
            value = evaluate(s, expr)
            new = s.out
        finally:
            s.out = outer
        if new:
            writes = {stmt.target.id for stmt in statements(new) if isinstance(stmt, Assign) and isinstance(stmt.target, Name)}
            effects = any(isinstance(stmt, (Store, Push, Pop, Invoke, Effect)) for stmt in statements(new))
            for k, earlier in enumerate(values):
                values[k] = _hold(s, earlier, writes, effects)
            s.out.extend(new)
        values.append(value)
    return values


def _hold(s: State, value: Value, writes: set[str], effects: bool) -> Value:
    if isinstance(value, Leaf):
        if isinstance(value.expr, (Const, Slice)) or (isinstance(value.expr, Name) and value.expr.id not in writes):
            return value
        if effects or any(name in writes for name in names_in(value.expr)):
            return s.temporary(value.expr, "left")
    elif isinstance(value, Struct) and value.type == "tuple":
        return Struct(value.type, {k: _hold(s, v, writes, effects) for k, v in value.items.items()}, value.cls)
    return value


# ---- operators -----------------------------------------------------------------------------------------------


def operate(s: State, op: str, args: list[Value], pos: Pos | None) -> Value:
    """The value of an operator."""
    if op in ("is", "is not"):
        known = _identity(args[0], args[1])
        if known is not None:
            return constant(known if op == "is" else not known, pos)
    if op == "not":
        known = true_of(args[0])
        if known is not None:
            return constant(not known, pos)
    if op in ("in", "not in"):
        found = _contains(args[0], args[1])
        if found is not None:
            return constant(found if op == "in" else not found, pos)
    static = _static_operation(op, args, pos)
    if static is not None:
        return static
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
    exprs = tuple(_operand(arg, args, pos) for arg in args)
    if op in ("neg", "pos") and isinstance(exprs[0], Const) and isinstance(exprs[0].value, (int, float)):
        return constant(-exprs[0].value if op == "neg" else exprs[0].value, pos)
    return Leaf(Op(op, exprs, kind=infer_op(op, exprs), pos=pos))


def _operand(arg: Value, args: list[Value], pos: Pos | None) -> Expr:
    """A list beside an array counts as an array, as in NumPy."""
    expr = as_expr(arg, pos)
    if isinstance(arg, Struct) and any(isinstance(other, Leaf) and isinstance(other.kind, Array) for other in args):
        prim = Prim(np.array, "np.array")
        return Call(prim, (expr,), kind=infer_call(prim, (expr,), ()), pos=pos)
    return expr


def _identity(a: Value, b: Value) -> bool | None:
    for x, y in ((a, b), (b, a)):
        if isinstance(y, Static) and y.value is None:
            if isinstance(x, Static):
                return x.value is None
            if isinstance(x, Leaf):
                if x.kind == NONE:
                    return True
                if isinstance(x.kind, type(BOTTOM)):
                    return None
                return None if getattr(x.kind, "optional", False) or x.kind == Opaque(object) else False
            return None if isinstance(x, Conflict) else False
    if isinstance(a, Static) and isinstance(b, Static):
        return a.value is b.value
    if isinstance(a, Struct) and isinstance(b, Struct):
        return a is b
    return None


def _contains(item: Value, container: Value) -> bool | None:
    from srcgrad.specialize.statements import static_key

    key = static_key(item)
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


def _static_operation(op: str, args: list[Value], pos: Pos | None) -> Value | None:
    """Operators on strings, types and the like, decided when compiling."""
    if not all(isinstance(arg, Static) for arg in args):
        return None
    values = [arg.value for arg in args if isinstance(arg, Static)]
    if op == "==":
        return constant(same_object(*values) or bool(values[0] == values[1]), pos)
    if op == "!=":
        return constant(not (same_object(*values) or bool(values[0] == values[1])), pos)
    if op == "+" and all(isinstance(value, (str, tuple, bytes)) for value in values):
        return Static(values[0] + values[1])
    if op == "%" and isinstance(values[0], str):
        return Static(values[0] % values[1])
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


def _combine(s: State, op: str, args: list[Value], pos: Pos | None) -> Value | None:
    """`list + list`, `list * n` and the same for tuples, where the layout is known."""
    a, b = args
    if op == "+" and isinstance(a, Struct) and isinstance(b, Struct) and a.type == b.type and a.type != "dict":
        return Struct(a.type, dict(enumerate([*a.values(), *b.values()])), depth=s.depth, site=s.site(pos))
    if op == "*":
        sequence, count = (a, b) if isinstance(a, Struct) else (b, a)
        if isinstance(sequence, Struct) and isinstance(count, Leaf) and isinstance(count.kind, Scalar):
            if isinstance(count.expr, Const) and s.site(pos) not in s.knowledge.dynamic:
                items = sequence.values() * count.expr.value
                return Struct(sequence.type, dict(enumerate(items)), depth=s.depth, site=s.site(pos))
            expr = as_expr(sequence, pos)
            item = join_all([as_expr(v).kind for v in sequence.values()])
            if isinstance(item, Scalar):
                item = Scalar(item.dtype, item.weak)
            ordered = (expr, count.expr) if sequence is a else (count.expr, expr)
            return Leaf(Op("*", ordered, kind=ListOf(item), pos=pos))
    return None


# ---- displays, conditionals ----------------------------------------------------------------------------------


def _display(s: State, type_: str, items: tuple[Expr, ...], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import spread

    stars = [isinstance(item, Star) for item in items]
    values = evaluate_all(s, [item.value if isinstance(item, Star) else item for item in items])
    flat: list[Value] = []
    for value, starred in zip(values, stars):
        if starred and isinstance(value, Leaf) and isinstance(value.kind, ListOf) and len(items) == 1:
            from srcgrad.specialize.containers import copy_list

            return copy_list(s, value, pos)
        flat.extend(spread(s, value, pos) if starred else [value])
    if type_ == "set":
        return Leaf(Pack("set", tuple(as_expr(v, pos) for v in flat), kind=Opaque(set), pos=pos))
    struct = Struct(type_, dict(enumerate(flat)), depth=s.depth, site=s.site(pos))
    if type_ == "list" and struct.site in s.knowledge.dynamic:
        return s.dynamic_list(struct, pos)
    return struct


def _dict_display(s: State, expr: DictPack) -> Value:
    from srcgrad.specialize.statements import static_key

    items: dict[Any, Value] = {}
    for key, value in zip(expr.keys, expr.values):
        if key is None:
            inner = evaluate(s, value)
            if not isinstance(inner, Struct) or inner.type != "dict":
                raise UnsupportedError("`**` needs a dict whose keys are known when compiling", pos=expr.pos)
            items.update(inner.items)
            continue
        at, item = evaluate_all(s, [key, value])
        known = static_key(at)
        if known is None:
            raise UnsupportedError("a dict display needs keys that are known when compiling", pos=key.pos)
        items[known] = item
    site = s.site(expr.pos)
    if site in s.knowledge.dynamic:
        kind = DictOf(join_all([as_expr(v).kind for v in items.values()]))
        keys = tuple(as_expr(Static(k)) for k in items)
        return Leaf(DictPack(keys, tuple(as_expr(v) for v in items.values()), kind=kind, pos=expr.pos))
    return Struct("dict", items, depth=s.depth, site=site)


def test_expr(s: State, value: Value, pos: Pos | None) -> Expr:
    """A value as the test of a branch."""
    expr = as_expr(value, pos)
    if isinstance(expr.kind, ListOf):
        return Op(">", (_length(expr), Const(0, kind=Scalar("int64", True, 0))), kind=BOOL, pos=pos)
    return expr


def _length(expr: Expr) -> Expr:
    prim = Prim(len, "len")
    return Call(prim, (expr,), kind=infer_call(prim, (expr,), ()), pos=expr.pos)


def _conditional(s: State, expr: Cond) -> Value:
    """`a if test else b`: an expression where it carries no derivative and needs no statements, else a branch."""
    test = evaluate(s, expr.test)
    known = true_of(test)
    if known is not None:
        return evaluate(s, expr.body if known else expr.orelse)
    condition = test_expr(s, test, expr.pos)
    results: list[Value] = []
    saved = s.snapshot()
    blocks: list[object] = []
    for arm in (expr.body, expr.orelse):
        try:
            blocks.append(s.block(lambda e=arm: results.append(evaluate(s, e))))  # type: ignore[misc]
        except Unreached:
            blocks.append("unknown yet")
            results.append(Static(None))
    a, b = results
    if not any(blocks) and isinstance(a, (Leaf, Static)) and isinstance(b, (Leaf, Static)):
        x, y = as_expr(a, expr.pos), as_expr(b, expr.pos)
        kind = join(x.kind, y.kind)
        if kind is not None and not is_float(kind):
            if isinstance(kind, Scalar):
                kind = Scalar(kind.dtype, kind.weak, optional=kind.optional)
            return Leaf(Cond(condition, x, y, kind=kind, pos=expr.pos))
    s.restore(saved)
    key = (s.frame.path, s.fresh("chosen"))
    s.names[key] = key[1]
    s.branch(
        condition,
        lambda: s.bind(key, evaluate(s, expr.body), expr.pos),
        lambda: s.bind(key, evaluate(s, expr.orelse), expr.pos),
        expr.pos,
    )
    return s.env.pop(key)


def _bool_op(s: State, op: str, items: tuple[Expr, ...], pos: Pos | None) -> Value:
    """`and` / `or`: an expression where the items are tests, a branch where the value of an item matters."""
    first = evaluate(s, items[0])
    if len(items) == 1:
        return first
    known = true_of(first)
    if known is not None:
        return first if known == (op == "or") else _bool_op(s, op, items[1:], pos)
    results: list[Value] = []
    saved = s.snapshot()
    block = s.block(lambda: results.append(_bool_op(s, op, items[1:], pos)))
    rest = results[0]
    if not block and isinstance(first, Leaf) and isinstance(rest, (Leaf, Static)):
        x, y = first.expr, as_expr(rest, pos)
        kind = join(x.kind, y.kind)
        if kind is not None and not is_float(kind):
            tail = y.items if isinstance(y, BoolOp) and y.op == op else (y,)
            if isinstance(kind, Scalar):
                kind = Scalar(kind.dtype, kind.weak)
            return Leaf(BoolOp(op, (x, *tail), kind=kind, pos=pos))
    s.restore(saved)
    key = (s.frame.path, s.fresh("chosen"))
    s.names[key] = key[1]
    s.bind(key, first, pos)
    test = test_expr(s, s.env[key], pos)
    rest_of = lambda: s.bind(key, _bool_op(s, op, items[1:], pos), pos)  # noqa: E731
    nothing = lambda: None  # noqa: E731
    s.branch(test, rest_of if op == "and" else nothing, nothing if op == "and" else rest_of, pos)
    return s.env.pop(key)


# ---- indexing and attributes ---------------------------------------------------------------------------------


def load(s: State, owner: Value, at: Value, pos: Pos | None, store: bool = False) -> Value:
    """`owner[at]`."""
    from srcgrad.specialize.statements import static_key

    if isinstance(owner, Bound) or isinstance(owner, Closure):
        raise KindError("a function has no items", pos=pos)
    if isinstance(owner, Struct):
        if owner.type == "object":
            function = getattr(owner.cls, "__getitem__", None)
            if isinstance(function, types.FunctionType):
                from srcgrad.specialize.calls import call_value

                return call_value(s, Bound(s.function(function), [owner]), [at], {}, pos)
            raise KindError(f"{describe(owner)} has no items", pos=pos)
        return take_item(s, owner, at, pos)
    if isinstance(owner, Static):
        key = static_key(at)
        if key is not None or isinstance(owner.value, dict):
            return s.describe_constant(owner.value[key], f"{owner.text}[{key!r}]")
        raise KindError(f"{describe(owner)} is indexed by a value that is not known when compiling", pos=pos)
    if isinstance(owner, Iteration):
        raise KindError("this has no items", pos=pos)
    base = as_expr(owner, pos)
    index = as_expr(at, pos)
    if isinstance(at, Struct) and at.type == "list":
        prim = Prim(np.array, "np.array")
        index = Call(prim, (index,), kind=infer_call(prim, (index,), ()), pos=pos)
    if not isinstance(base, Name) and root(base) is None and is_float(base.kind):
        base = s.temporary(base, "value").expr
    if isinstance(base.kind, DictOf):
        return Leaf(Load(base, index, kind=base.kind.item, pos=pos))
    return Leaf(Load(base, index, kind=infer_load(base, index), pos=pos))


def take_item(s: State, owner: Struct, at: Value, pos: Pos | None) -> Value:
    """An item of a container whose layout is known."""
    from srcgrad.specialize.statements import static_key

    if isinstance(at, Leaf) and isinstance(at.expr, Slice):
        parts = [at.expr.lo, at.expr.hi, at.expr.step]
        if all(part is None or isinstance(part, Const) for part in parts):
            chosen = owner.values()[slice(*(None if p is None else p.value for p in parts))]  # type: ignore[union-attr]
            return Struct(owner.type, dict(enumerate(chosen)), depth=s.depth, site=s.site(pos))
    else:
        key = static_key(at)
        if key is not None or (isinstance(at, Static) and at.value is None):
            if owner.type in ("tuple", "list") and isinstance(key, int) and key < 0:
                key += len(owner.items)
            if key in owner.items:
                return owner.items[key]
            if owner.type == "dict":
                raise KindError(f"the dict has no key {key!r}; it has {', '.join(map(repr, owner.items))}", pos=pos)
            raise KindError(f"index {key} is out of range for a {owner.type} of {len(owner.items)} items", pos=pos)
    s.need_dynamic(owner, pos)
    packed = as_expr(owner, pos)
    if isinstance(packed, Pack) and join_all([item.kind for item in packed.items]) != Opaque(object):
        item = join_all([item.kind for item in packed.items])
        if isinstance(item, Scalar):
            item = Scalar(item.dtype, item.weak)
        packed = Pack("list", packed.items, kind=ListOf(item), pos=pos)
        return load(s, s.temporary(packed, "items"), at, pos)
    raise KindError(
        f"a {owner.type} with items of several kinds is indexed by a value that is not known when compiling", pos=pos
    )


def attribute(s: State, owner: Value, name: str, pos: Pos | None) -> Value:
    """`owner.name`."""
    if isinstance(owner, Static):
        if not hasattr(owner.value, name):
            raise KindError(f"{owner.text or describe(owner)} has no attribute {name!r}", pos=pos)
        return s.describe_constant(getattr(owner.value, name), f"{s.spelling(owner)}.{name}")
    if isinstance(owner, Struct):
        return _struct_attribute(s, owner, name, pos)
    if isinstance(owner, Leaf):
        fn = members.ATTRIBUTES.get(name)
        if fn is not None and isinstance(owner.kind, (Array, Scalar)):
            prim = Prim(fn, name, "attribute")
            base = owner.expr
            return Leaf(Call(prim, (base,), kind=infer_call(prim, (base,), ()), pos=pos))
        return Method(owner, name)
    if isinstance(owner, (Closure, Bound)):
        if name == "__name__":
            return Static(owner.definition.name if isinstance(owner, Closure) else "function")
        if isinstance(owner, Closure) and owner.function is not None and hasattr(owner.function, name):
            return s.describe_constant(getattr(owner.function, name), name)
        raise UnsupportedError(f"attribute {name!r} of a function is not supported", pos=pos)
    if isinstance(owner, Conflict):
        raise KindError(owner.reason, pos=pos)
    raise UnsupportedError(f"attribute {name!r} is not supported here", pos=pos)


def _struct_attribute(s: State, owner: Struct, name: str, pos: Pos | None) -> Value:
    if owner.type == "object":
        if name in owner.items:
            return owner.items[name]
        found = inspect.getattr_static(owner.cls, name, None)
        if isinstance(found, property) and found.fget is not None:
            from srcgrad.specialize.calls import call_value

            return call_value(s, s.function(found.fget), [owner], {}, pos)
        if isinstance(found, types.FunctionType):
            return Bound(s.function(found), [owner])
        if isinstance(found, staticmethod):
            return s.function(found.__func__)
        if isinstance(found, classmethod):
            return Bound(s.function(found.__func__), [Static(owner.cls)])
        if name == "__class__":
            return Static(owner.cls)
        if found is not None:
            value = getattr(owner.cls, name)
            return s.describe_constant(value, f"{owner.cls.__name__}.{name}" if owner.cls else name)
        class_name = owner.cls.__name__ if owner.cls else "object"
        raise KindError(f"the {class_name} has no attribute {name!r} here", pos=pos)
    if owner.cls is not None and name in getattr(owner.cls, "_fields", ()):
        return owner.items[owner.cls._fields.index(name)]  # type: ignore[attr-defined]
    if owner.cls is not None:
        found = inspect.getattr_static(owner.cls, name, None)
        if isinstance(found, types.FunctionType) and name != "_replace":
            return Bound(s.function(found), [owner])
    return Method(owner, name)


def refuse_callee(fn: object, pos: Pos | None) -> None:
    """A callee that nothing is known of."""
    name = getattr(fn, "__name__", repr(fn))
    raise NoRuleError(
        f"{name} has neither Python source nor a derivative rule",
        "Write it in Python with NumPy, or call it outside the function that is differentiated.",
        pos,
    )


_ = Stmt
