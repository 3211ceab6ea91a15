"""`with srcgrad.adjoint(x) as d_x: ...`: which variable is meant, and what the names in the block stand for.

A variable of the function is read as it is at this place. A name that the function does not bind is passed to the
generated function as it is found at each call, whatever it is: it takes no part in the kinds that code is compiled
for, so a list may grow from call to call.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from srcgrad.errors import SrcgradError, UnsupportedError
from srcgrad.frontend import refusals
from srcgrad.hooks import adjoint
from srcgrad.ir.kinds import Array, ListOf, Opaque, Scalar, is_float
from srcgrad.ir.nodes import Apply, Const, Expr, Free, Hook, HookText, Load, Name, Pos, Star
from srcgrad.ir.walk import names_in, root
from srcgrad.rules.registry import effect, lookup
from srcgrad.specialize.expressions import evaluate
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr, describe, leaves, same

_READERS = (print, repr, str, format, float, abs, len)


def run_hook(s: State, stmt: Hook) -> None:
    """Emit the mark of a block on an adjoint."""
    value = _adjoint_of(s, stmt.value, stmt.pos)
    args: list[Expr] = []
    live: set[str] = set()
    for name, expr in zip(stmt.source.reads, stmt.args, strict=True):
        found = _live(s, expr)
        if found is not None:
            live.add(name)
        else:
            found = _variable(s, name, expr, stmt, live)
        args.append(found)
    for name, pos in stmt.source.changes:
        if name not in live:
            raise refusals.refuse_hook_change(name, pos)
    s.emit(Hook(value, tuple(args), _effects(s, stmt.source, value), pos=stmt.pos))


def _adjoint_of(s: State, context: Expr, pos: Pos | None) -> Expr:
    """What the adjoint is asked of: a variable or a part of an array."""
    fn = evaluate(s, context.fn) if isinstance(context, Apply) else None
    if not isinstance(context, Apply) or not isinstance(fn, Static) or fn.value is not adjoint:
        raise refusals.refuse_with_as(pos)
    if len(context.args) != 1 or context.kwargs or isinstance(context.args[0], Star):
        raise UnsupportedError("srcgrad.adjoint takes one variable.", "`with srcgrad.adjoint(x) as d_x:`", pos)
    given = context.args[0]
    value = evaluate(s, given)
    if not isinstance(value, Leaf):
        raise refusals.refuse_adjoint_of(describe(value), given.pos)
    expr = value.expr
    known = isinstance(expr, Const) and isinstance(given, Name)
    part = isinstance(expr, Load) and root(expr) is not None and isinstance(expr.base.kind, Array)
    if not known and not part and not isinstance(expr, Name):
        raise refusals.refuse_adjoint_of("another expression", given.pos)
    if not isinstance(expr.kind, (Scalar, Array)) or not is_float(expr.kind):
        raise refusals.refuse_adjoint_of(describe(value), given.pos)
    if isinstance(given, Name) and isinstance(expr, Name):
        s.own_value(s.variable(given.id), expr.id, pos)
    return expr


def _live(s: State, expr: Expr) -> Expr | None:
    """What is passed to the generated function as it is: a name that no function around the block binds."""
    return s.live(expr.id) if isinstance(expr, Free) else None


def _variable(s: State, name: str, expr: Expr, stmt: Hook, live: set[str]) -> Expr:
    """A variable of the function; added to `live` where the block may take it to be the caller's own object."""
    value = evaluate(s, expr)
    if isinstance(value, Struct) and value.origin is not None:
        text, items = value.origin
        unchanged = list(items) == list(value.items) and all(map(same, items.values(), value.items.values()))
        if unchanged and not any(s.is_local(n) for _, leaf in leaves(value) for n in names_in(leaf.expr)):
            live.add(name)
            return Name(text, kind=Opaque(dict if value.type == "dict" else list))
    if isinstance(value, Leaf) and isinstance(value.expr, Name):
        mutable = isinstance(value.kind, ListOf) and _collected(stmt.source, name) and s.is_input(value.expr.id)
        if mutable or s.is_live(value.expr.id):
            live.add(name)
        return value.expr
    try:
        return as_expr(value, stmt.pos)
    except SrcgradError as error:
        reason = f"`{name}` is {describe(value)}, which the block of an adjoint cannot be given."
        raise UnsupportedError(reason, "Read its parts into variables before the block.", stmt.pos) from error


def _collected(source: HookText, name: str) -> bool:
    return any(name == changed for changed, _ in source.changes)


def _effects(s: State, source: HookText, value: Expr) -> HookText:
    """What the functions that get the adjoint do with it."""
    writes, keeps = source.writes, source.keeps
    for fn in source.given:
        wrote, kept = _effect(s, fn)
        writes, keeps = writes or wrote, keeps or kept
    rebinds, augments = source.rebinds, source.augments
    if isinstance(value.kind, Scalar):  # a number has no buffer
        rebinds = rebinds or ("plainly" if augments else "")
        writes = keeps = augments = False
    return dataclasses.replace(source, writes=writes, keeps=keeps, rebinds=rebinds, augments=augments, given=())


def _effect(s: State, fn: Expr) -> tuple[bool, bool]:
    """Whether a function may write into an array that it gets, and whether it may keep it, or a view of it."""
    if isinstance(fn, Const):
        if fn.value is None:
            return True, True
        method = getattr(np.ndarray, fn.value, None)
        if method is None or effect(method) != "pure":
            return True, False
        same_function = getattr(np, fn.value, None)
        rule = lookup(same_function) if same_function is not None else None
        view = rule is None or rule.view != "never"
        return view, view
    try:
        found: Value = evaluate(s, fn)
    except SrcgradError:
        return True, True
    if not isinstance(found, Static):
        return True, True
    try:
        if found.value in _READERS:
            return False, False
    except TypeError:
        return True, True
    what = effect(found.value)
    if what == "writes":
        return True, False
    rule = lookup(found.value)
    known = what == "pure" and (isinstance(found.value, np.ufunc) or (rule is not None and rule.view == "never"))
    return not known, not known

