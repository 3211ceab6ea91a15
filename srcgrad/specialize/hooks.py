"""`with srcgrad.adjoint(x) as d_x: ...`: which variable is meant, and what the names in the block stand for.

A variable of the function is read as it is at this place. A name that the function does not bind is passed to the
generated function as it is found at each call, whatever it is: it takes no part in the kinds that code is compiled
for, so a list may grow from call to call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from srcgrad.errors import SrcgradError, UnsupportedError
from srcgrad.frontend import refusals
from srcgrad.hooks import adjoint
from srcgrad.ir.kinds import Array, ListOf, Opaque, Scalar, is_float
from srcgrad.ir.nodes import Apply, Const, Expr, Free, Hook, HookText, Load, Name, Pos, Star, Stmt
from srcgrad.ir.walk import expressions_of, names_in, root
from srcgrad.rules.registry import effect, lookup
from srcgrad.specialize.expressions import evaluate
from srcgrad.specialize.knowledge import Change
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr, describe, leaves, same

_READERS = (print, repr, str, format, float, abs, len)


def run_hook(s: State, stmt: Hook) -> None:
    """Emit the mark of a block on an adjoint."""
    value = _adjoint_of(s, stmt.value, stmt.pos)
    changes = dict(stmt.source.changes)
    args: list[Expr] = []
    for name, expr in zip(stmt.source.reads, stmt.args, strict=True):
        found = s.live(expr.id) if isinstance(expr, Free) else None
        own: set[str] | None = set()
        if found is None:
            found, own = _variable(s, name, expr, stmt)
        if name in changes:
            if own is None:
                raise refusals.refuse_hook_change(name, changes[name])
            outer = expr.id if isinstance(expr, Free) else None
            s.hook_changes.append(Change(name, changes[name], frozenset(own), s.captured_key(outer) if outer else None))
        args.append(found)
    s.emit(Hook(value, tuple(args), _effects(s, stmt.source, value), pos=stmt.pos))


def refuse_changes_of_what_is_read(s: State, stmts: Iterable[Stmt]) -> None:
    """What blocks change in place must not be read by the function. stmts: all that it runs."""
    if not s.hook_changes:
        return
    read = {n for stmt in stmts if not isinstance(stmt, Hook) for e in expressions_of(stmt) for n in names_in(e)}
    for change in s.hook_changes:
        if change.leaves & read or (change.key is not None and change.key in s.captured):
            raise refusals.refuse_hook_change(change.name, change.pos)


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


def _variable(s: State, name: str, expr: Expr, stmt: Hook) -> tuple[Expr, set[str] | None]:
    """A variable of the function; and where it is the caller's own object, the leaves of it, else None."""
    value = evaluate(s, expr)
    if isinstance(value, Struct) and value.origin is not None:
        text, items = value.origin
        unchanged = list(items) == list(value.items) and all(map(same, items.values(), value.items.values()))
        inside = {n for _, leaf in leaves(value) for n in names_in(leaf.expr)}
        if unchanged and not any(map(s.is_local, inside)):
            return Name(text, kind=Opaque(value.cls or {"dict": dict, "list": list}.get(value.type, tuple))), inside
    if isinstance(value, Leaf) and isinstance(value.expr, Name):
        own = value.expr.id
        mutable = isinstance(value.kind, ListOf) and s.is_input(own) and not s.is_local(own)
        return value.expr, {own} if mutable or s.is_live(own) else None
    try:
        return as_expr(value, stmt.pos), None
    except SrcgradError as error:
        reason = f"`{name}` is {describe(value)}, which the block of an adjoint cannot be given."
        raise UnsupportedError(reason, "Read its parts into variables before the block.", stmt.pos) from error


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

