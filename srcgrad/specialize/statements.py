"""Statements: assignment, branches and loops."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.errors import KindError, SrcgradError, UnsupportedError
from srcgrad.ir.kinds import INT, Array, DictOf, Opaque
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    Attr,
    Aug,
    Break,
    Call,
    Const,
    Continue,
    Def,
    Definition,
    Effect,
    Expr,
    ForEach,
    Hook,
    If,
    Load,
    Name,
    Op,
    Pack,
    Pos,
    Prim,
    Raise,
    Slice,
    Star,
    Stmt,
    While,
    With,
)
from srcgrad.specialize.choices import evaluate_test, test_expr
from srcgrad.specialize.containers import collect
from srcgrad.specialize.expressions import evaluate, evaluate_all
from srcgrad.specialize.indexing import load
from srcgrad.specialize.iteration import axes_of_shape, call_builtin, integer, iterate, static_items
from srcgrad.specialize.rows import row_count
from srcgrad.specialize.state import State, mentions, true_of
from srcgrad.specialize.stores import augment, set_attribute, store_item
from srcgrad.specialize.values import (
    Closure,
    Iteration,
    Leaf,
    ListedArray,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
    leaves,
)


def run_block(s: State, block: Sequence[Stmt]) -> None:
    """Specialise statements, one after the other."""
    for stmt in block:
        try:
            run(s, stmt)
        except SrcgradError as error:
            if error.pos is None and stmt.pos is not None:
                raise type(error)(error.reason, error.remedy, stmt.pos) from None
            raise


def run(s: State, stmt: Stmt) -> None:
    """Specialise one statement."""
    match stmt:
        case Assign(target=target, value=value):
            assign(s, target, evaluate(s, value), stmt.pos)
        case Aug(target=target, op=op, value=value):
            augment(s, target, op, value, stmt.pos)
        case Effect(value=value):
            result = evaluate(s, value)
            if isinstance(result, Leaf) and _has_effect(result.expr):
                s.emit(Effect(result.expr, pos=stmt.pos))
        case If():
            run_if(s, stmt)
        case ForEach():
            from srcgrad.specialize.loops import run_for

            run_for(s, stmt)
        case While():
            from srcgrad.specialize.loops import run_while

            run_while(s, stmt)
        case Break():
            from srcgrad.specialize.loops import leave_unrolled

            if s.unrolled_loops and s.unrolled_loops[-1] is not None:
                leave_unrolled(s, stmt.pos)
            else:
                s.emit(Break(pos=stmt.pos))
        case Continue():
            if not (s.unrolled_loops and s.unrolled_loops[-1] is not None):
                s.emit(Continue(pos=stmt.pos))
        case Def(name=name, function=function):
            s.env[(s.frame.path, name)] = closure(s, function)
        case Hook():
            from srcgrad.specialize.hooks import run_hook

            run_hook(s, stmt)
        case With(context=context, body=body):
            expr = as_expr(evaluate(s, context), stmt.pos)
            inner = s.block(lambda: run_block(s, body))
            if inner:
                s.emit(With(expr, inner, pos=stmt.pos))
        case Assert(test=test, message=message):
            held = evaluate_test(s, test)
            if true_of(held) is not True:
                text = as_expr(evaluate(s, message), stmt.pos) if message is not None else None
                s.emit(Assert(test_expr(s, held, stmt.pos), text, pos=stmt.pos))
        case Raise(value=raised):
            s.emit(Raise(as_expr(evaluate(s, raised), stmt.pos) if raised is not None else None, pos=stmt.pos))
        case _:
            raise UnsupportedError(f"{type(stmt).__name__} is not supported here", pos=stmt.pos)


def closure(s: State, function: Definition) -> Closure:
    """A function defined inside the one being specialised; its defaults are evaluated now, as Python does."""
    defaults = {p.name: evaluate(s, p.default) for p in function.params if p.default is not None}
    base = f"{function.name if function.name.isidentifier() else 'function'}_default"
    slot = ((*s.site(function.pos), "default"), base)
    s.names.setdefault(slot, s.fresh(base) if defaults else base)
    for name, value in defaults.items():
        if isinstance(value, Struct) or (isinstance(value, Leaf) and not isinstance(value.expr, Const)):
            target = s.part(s.names[slot], name)
            defaults[name] = s.materialise(value, target, function.pos, None, isinstance(value, Leaf))
    return Closure(function, frame=s.frame.path, defaults=defaults)


def _has_effect(expr: Expr) -> bool:
    from srcgrad.ir.nodes import Call
    from srcgrad.rules.registry import effect

    return isinstance(expr, Call) and effect(expr.prim.fn) != "pure"


def assign(s: State, target: Expr, value: Value, pos: Pos | None) -> None:
    """`target = value`."""
    match target:
        case Name(id=name):
            s.bind(s.variable(name), value, pos)
        case Pack(items=targets):
            unpack(s, targets, value, pos)
        case Load(base=base, index=index):
            owner, at = evaluate_all(s, [base, index])
            store_item(s, owner, at, value, "", pos)
        case Attr(base=base, name=name):
            set_attribute(s, evaluate(s, base), name, value, pos)
        case Star(value=inner):
            assign(s, inner, value, pos)
        case _:
            raise UnsupportedError("this cannot be assigned to", pos=pos)


def unpack(s: State, targets: tuple[Expr, ...], value: Value, pos: Pos | None) -> None:
    """`a, (b, *c) = value`."""
    items = _items_for(s, targets, value, pos)
    stores = any(not isinstance(t, Name) for t in targets)
    sheltered: list[Value] = []
    for k, item in enumerate(items):
        target = targets[k]
        own = s.base_name(s.variable(target.id)) if isinstance(target, Name) else None
        earlier = {name for t in targets[:k] for name in _variables_of(s, t)} - {own}
        sheltered.append(_sheltered(s, item, earlier, stores, own) if k else item)
    for target, item in zip(targets, sheltered, strict=False):
        assign(s, target, item, pos)


def _variables_of(s: State, target: Expr) -> set[str]:
    """The variables that assigning a target assigns."""
    if isinstance(target, Name):
        base = s.base_name(s.variable(target.id))
        return {base, *s.parts_of(base)}
    if isinstance(target, Pack):
        return {name for item in target.items for name in _variables_of(s, item)}
    if isinstance(target, (Attr, Load)):
        owner: Expr = target
        while isinstance(owner, (Attr, Load)):
            owner = owner.base
        held = s.lookup(owner.id, target.pos) if isinstance(owner, Name) else None
        if isinstance(held, Leaf):
            return set()  # an array or list: no variable is set anew
        own = {leaf.expr.id for _, leaf in leaves(held) if isinstance(leaf.expr, Name)} if held is not None else set()
        return own | s.all_parts()
    return _variables_of(s, target.value) if isinstance(target, Star) else set()


def _sheltered(s: State, item: Value, earlier: set[str], stores: bool, own: str | None) -> Value:
    """An item as it is now, before the targets to its left are assigned."""
    if isinstance(item, Leaf) and not isinstance(item.expr, Const):
        if mentions(item.expr, earlier) or (stores and not isinstance(item.expr, Name)):
            return s.temporary(item.expr, f"new_{own}" if own else "item")
    elif isinstance(item, Struct):
        for key, part in item.items.items():
            item.items[key] = _sheltered(s, part, earlier, False, own and f"{own}_{key}")
    return item


def _items_for(s: State, targets: tuple[Expr, ...], value: Value, pos: Pos | None) -> list[Value]:
    """One item for each target; that of a starred target is a list."""
    starred = [k for k, t in enumerate(targets) if isinstance(t, Star)]
    items = known_items(s, value, pos)
    if items is None:
        return _items_of_unknown(s, len(targets), starred[0] if starred else None, value, pos)
    if starred:
        at, extra = starred[0], len(items) - (len(targets) - 1)
        if extra >= 0:
            middle = Struct("list", dict(enumerate(items[at : at + extra])), depth=s.depth, site=s.site(pos))
            made = s.dynamic_list(middle, pos) if middle.site in s.knowledge.dynamic else middle
            items = [*items[:at], made, *items[at + extra :]]
    if len(items) != len(targets):
        raise KindError(f"{len(items)} values cannot be unpacked into {len(targets)} targets", pos=pos)
    return items


def _items_of_unknown(s: State, n: int, starred: int | None, value: Value, pos: Pos | None) -> list[Value]:
    """The items of an array or list whose length is not known when compiling: Python checks that it fits."""
    if isinstance(value, Leaf) and isinstance(value.kind, Opaque):
        value = iterate(s, value, pos).made or value
    elif not isinstance(value, (Leaf, Rows)) or (isinstance(value, Leaf) and isinstance(value.kind, DictOf)):
        value = collect(s, iterate(s, value, pos), lambda item: item, pos)
    if isinstance(value, Leaf) and not isinstance(value.expr, Name):
        value = s.temporary(value.expr, "items")
    if starred is None:
        return [load(s, value, Leaf(integer(k)), pos) for k in range(n)]
    after = n - starred - 1
    middle = Slice(integer(starred), integer(-after) if after else None, None, kind=Opaque(slice), pos=pos)
    rest: Value
    if isinstance(value, Leaf) and isinstance(value.kind, Array) and s.site(pos) not in s.knowledge.dynamic:
        expr = as_expr(load(s, value, Leaf(middle), pos))
        if isinstance(expr.kind, Array) and (expr.kind.dims is None or len(expr.kind.dims) == 1):
            prim = Prim(np.copy, "copy", "method")  # the list holds numbers, not views
            expr = Call(prim, (expr,), kind=infer_call(prim, (expr,), ()), pos=pos)
        assert isinstance(expr.kind, Array)
        kind = ListedArray(expr.kind.dtype, expr.kind.dims, False, s.site(pos))
        rest = Leaf(dataclasses.replace(expr, kind=kind))
    else:
        size = row_count(value) if isinstance(value, Rows) else call_builtin(len, "len", as_expr(value))
        hi = Op("-", (size, integer(after)), kind=INT) if after else size
        inner = Iteration(count=size, item=lambda k: Leaf(k), bounds=(integer(starred), hi, integer(1)))
        rest = collect(s, inner, lambda k: load(s, value, k, pos), pos, "rest")
    ends = [load(s, value, Leaf(integer(k - after)), pos) for k in range(after)]
    return [*(load(s, value, Leaf(integer(k)), pos) for k in range(starred)), rest, *ends]


def known_items(s: State, value: Value, pos: Pos | None) -> list[Value] | None:
    """The items of a value, where it is known when compiling how many there are."""
    if isinstance(value, (Struct, Static, Iteration)) and not isinstance(value, Rows):
        return static_items(iterate(s, value, pos))
    if isinstance(value, Leaf) and axes_of_shape(value.expr) is not None:
        return iterate(s, value, pos).static
    return None


def spread(s: State, value: Value, pos: Pos | None) -> list[Value]:
    """The items of a value that is unpacked; its length must be known when compiling."""
    items = known_items(s, value, pos)
    if items is None:
        raise KindError("how many items there are is not known when compiling", "Index them one by one.", pos=pos)
    return items


def run_if(s: State, stmt: If) -> None:
    value = evaluate_test(s, stmt.test)
    known = true_of(value)
    if known is not None:
        run_block(s, stmt.body if known else stmt.orelse)
        return
    test = test_expr(s, value, stmt.pos)
    # in a loop that is written out, jumps are no jumps: only the guard keeps what follows them from running
    guard = stmt.guard and not (s.unrolled_loops and s.unrolled_loops[-1] is not None)
    s.branch(test, lambda: run_block(s, stmt.body), lambda: run_block(s, stmt.orelse), stmt.pos, guard)
