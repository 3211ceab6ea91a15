"""Expressions: names, displays, and what needs statements of its own."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

from srcgrad.errors import KindError, SrcgradError, UnsupportedError
from srcgrad.ir.kinds import STR, Array, DictOf, ListOf, Opaque, forget_value, is_float
from srcgrad.ir.nodes import (
    Apply,
    Assign,
    Attr,
    BoolOp,
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
    Push,
    Slice,
    Star,
    Stmt,
    Store,
)
from srcgrad.ir.walk import names_in, statements
from srcgrad.specialize.indexing import attribute, load
from srcgrad.specialize.operators import operate
from srcgrad.specialize.state import State
from srcgrad.specialize.values import (
    Bound,
    Either,
    Leaf,
    Method,
    Static,
    Struct,
    Value,
    as_expr,
    constant,
    describe,
    join_all,
    key_value,
    mapped,
    static_key,
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
            values = evaluate_all(s, args)
            try:
                return operate(s, op, values, expr.pos)
            except SrcgradError:
                s.need_known(values)
                raise
        case Load(base=base, index=index):
            owner, at = evaluate_all(s, [base, index])
            try:
                return load(s, owner, at, expr.pos)
            except SrcgradError:
                s.need_known([at])
                raise
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
            from srcgrad.specialize.choices import conditional

            return conditional(s, expr)
        case BoolOp(op=op, items=items):
            from srcgrad.specialize.choices import bool_op

            return bool_op(s, op, items, expr.pos)
        case Format(parts=parts):
            made = Format(tuple(_written(_format_part(s, part)) for part in parts), kind=STR, pos=expr.pos)
            known = _known_text(made)
            return Leaf(made) if known is None else Static(known)
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
    shown = (
        as_expr(inner, value.pos)
        if not isinstance(inner, Struct) or inner.type != "object"
        else as_expr(Static(describe(inner)))
    )
    return (shown, conversion, as_expr(evaluate(s, spec), value.pos) if spec is not None else None)


def _written(part: Any) -> Any:
    """A part of an f-string as text, where it is a string that is known when compiling."""
    if isinstance(part, tuple) and isinstance(part[0], Const) and isinstance(part[0].value, str):
        return str(part[0].value) if part[1:] == ("", None) else part
    return part


def _known_text(expr: Format) -> str | None:
    """An f-string whose parts are known when compiling, such as a key made in a loop that is written out."""
    text = ""
    for part in expr.parts:
        if isinstance(part, str):
            text += part
            continue
        value, conversion, spec = part
        known = static_key(Leaf(value))
        if not isinstance(known, (str, int, float)) or spec is not None or conversion not in ("", "!s", "!r"):
            return None
        text += repr(known) if conversion == "!r" else str(known)
    return text


def evaluate_all(s: State, exprs: Sequence[Expr]) -> list[Value]:
    """The values of several expressions, left to right.

    Where a later one needs statements of its own, what stands before it and could be changed by those statements
    is held in a variable first.
    """
    values: list[Value] = []
    for expr in exprs:
        values.append(evaluate_after(s, values, expr))
    return values


def evaluate_after(s: State, values: list[Value], expr: Expr) -> Value:
    """The value of an expression. Of what stands before it, `values`, those that its statements could change are held
    in variables."""
    value, new = evaluate_apart(s, expr)
    hold_ahead_of(s, values, new)
    s.out.extend(new)
    return value


def evaluate_apart(s: State, expr: Expr) -> tuple[Value, list[Stmt]]:
    """The value of an expression, and the statements that it needs."""
    outer, s.out = s.out, []
    try:
        return evaluate(s, expr), s.out
    finally:
        s.out = outer


def hold_ahead_of(s: State, values: list[Value], new: Sequence[Stmt]) -> None:
    """Hold those of the values that the statements could change in variables."""
    if new:
        writes = {
            stmt.target.id for stmt in statements(list(new))
            if isinstance(stmt, Assign) and isinstance(stmt.target, Name)
        }  # fmt: skip
        effects = any(isinstance(stmt, (Store, Push, Pop, Invoke, Effect)) for stmt in statements(list(new)))
        values[:] = [_hold(s, earlier, writes, effects) for earlier in values]


def _hold(s: State, value: Value, writes: set[str], effects: bool) -> Value:
    if isinstance(value, Leaf):
        if isinstance(value.expr, (Const, Slice)) or (isinstance(value.expr, Name) and value.expr.id not in writes):
            return value
        if effects or any(name in writes for name in names_in(value.expr)):
            return s.temporary(value.expr, "left")
    elif isinstance(value, Struct) and value.type == "tuple":
        return value.like({k: _hold(s, v, writes, effects) for k, v in value.items.items()})
    elif isinstance(value, Struct):
        for key, item in value.items.items():
            named = isinstance(item, Leaf) and isinstance(item.expr, Name) and not s.is_variable(item.expr.id)
            value.items[key] = item if named else _hold(s, item, writes, effects)
    elif isinstance(value, (Bound, Method, Either)):
        return mapped(value, lambda held: _hold(s, held, writes, effects))
    return value


def _display(s: State, type_: str, items: tuple[Expr, ...], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import spread

    stars = [isinstance(item, Star) for item in items]
    values = evaluate_all(s, [item.value if isinstance(item, Star) else item for item in items])
    open_ended = [starred and isinstance(value, Leaf) and isinstance(value.kind, (ListOf, Array))
                  for value, starred in zip(values, stars, strict=True)]  # fmt: skip
    if type_ == "list" and any(open_ended):
        return _filled(s, values, stars, pos)
    flat: list[Value] = []
    for value, starred in zip(values, stars, strict=False):
        flat.extend(spread(s, value, pos) if starred else [value])
    if type_ == "set":
        exprs = tuple(as_expr(v, pos) for v in flat)
        item = forget_value(join_all([expr.kind for expr in exprs]))
        if is_float(item):
            raise UnsupportedError("a set of floats is not supported", "Use a list.", pos)
        return Leaf(Pack("set", exprs, kind=Opaque(set, item=item), pos=pos))
    struct = Struct(type_, dict(enumerate(flat)), depth=s.depth, site=s.site(pos))
    if type_ == "list" and struct.site in s.knowledge.dynamic:
        return s.dynamic_list(struct, pos)
    return struct


def _filled(s: State, values: list[Value], stars: list[bool], pos: Pos | None) -> Value:
    """`[*xs, x]` where the length of xs is not known when compiling: a list that is filled."""
    from srcgrad.specialize.containers import call_method, new_list

    key, _ = new_list(s, "items", pos)
    for value, starred in zip(values, stars, strict=True):
        call_method(s, Method(s.env[key], "extend" if starred else "append"), [value], {}, pos)
    return s.env[key]


def _dict_display(s: State, expr: DictPack) -> Value:
    items: dict[Any, Value] = {}
    for key, value in zip(expr.keys, expr.values, strict=False):
        if key is None:
            inner = evaluate(s, value)
            if not isinstance(inner, Struct) or inner.type != "dict":
                raise UnsupportedError("`**` needs a dict whose keys are known when compiling", pos=expr.pos)
            items.update(inner.items)
            continue
        at, item = evaluate_all(s, [key, value])
        known = static_key(at)
        if known is None:
            raise UnsupportedError(
                "a dict display needs keys that are known when compiling",
                "Start with an empty dict and set its items.", key.pos,
            )  # fmt: skip
        items[known] = item
    site = s.site(expr.pos)
    made = Struct("dict", items, depth=s.depth, site=site)
    return run_time_dict(s, made, expr.pos) if site in s.knowledge.dynamic else made


def run_time_dict(s: State, struct: Struct, pos: Pos | None) -> Value:
    """A dict as one that exists when the program runs."""
    for part in struct.values():
        s.need_run_time(part, pos)
    values = tuple(as_expr(v, pos) for v in struct.values())
    item = join_all([value.kind for value in values])
    if item == Opaque(object) and values:
        raise KindError("a dict whose keys are not known when compiling must have values of one kind", pos=pos)
    keys = tuple(as_expr(key_value(k)) for k in struct.items)
    kind = DictOf(forget_value(item), key=forget_value(join_all([key.kind for key in keys])))
    if not is_float(kind):
        return Leaf(DictPack(keys, values, kind=kind, pos=pos))
    made = s.temporary(DictPack((), (), kind=kind, pos=pos), "entries").expr
    for key, value in zip(keys, values, strict=True):
        s.emit(Store(Load(made, key, kind=kind.item, pos=pos), value, pos=pos))
    return Leaf(made)
