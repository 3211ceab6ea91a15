"""Activity: the variables through which a derivative flows.

Varied: depends on an independent variable. Useful: a result depends on it. Active: both. Flow-insensitive over
webs; the variables of a written alias class are active together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from srcgrad.analysis.aliases import Aliases
from srcgrad.ir.kinds import Kind, Opaque, Shape, is_float, unfilled
from srcgrad.ir.nodes import (
    Assign,
    BoolOp,
    Call,
    Cond,
    DictPack,
    Expr,
    Hook,
    HookText,
    Invoke,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Push,
    Stmt,
    Store,
)
from srcgrad.ir.walk import root, statements
from srcgrad.rules.registry import OPS, lookup, rule_of


def flows(expr: Expr) -> Iterator[str]:
    """The variables from which a derivative can flow into the value of an expression."""
    match expr:
        case Name(id=name):
            if is_float(expr.kind) or hides(expr.kind) or unfilled(expr.kind):
                yield name
        case Load(base=base):
            if is_float(expr.kind):
                yield from flows(base)
        case Op(op=op, args=args):
            if not is_float(expr.kind):
                return
            rule = lookup(OPS[op]) if op in OPS else None
            if rule is None or rule.form != "constant":
                for arg in args:
                    yield from flows(arg)
        case Call(args=args, kwargs=kwargs):
            if not is_float(expr.kind) and not hides(expr.kind):
                return
            rule = lookup(expr.prim.fn)
            if rule is not None and rule.form == "constant":
                return
            flat = rule.zero if rule is not None and rule.form == "general" and not rule.variadic else frozenset()
            names = rule.params if flat and rule is not None else ()
            for name, arg in zip_longest(names[: len(args)], args):
                if name not in flat:
                    yield from flows(arg)
            for name, value in kwargs:
                if name not in flat:
                    yield from flows(value)
        case Pack(items=items) | BoolOp(items=items):
            for item in items:
                yield from flows(item)
        case DictPack(values=values):
            for item in values:
                yield from flows(item)
        case Cond(body=body, orelse=orelse):
            yield from flows(body)
            yield from flows(orelse)


def changes_adjoint(source: HookText) -> bool:
    """Whether a block on an adjoint may leave another adjoint behind."""
    return bool(source.rebinds) or source.augments or source.writes


def hides(kind: Kind) -> bool:
    """Whether a value may hold floats of which its kind says nothing: a tuple from a function without a rule."""
    return isinstance(kind, Opaque) and kind.type in (tuple, list, object) and not isinstance(kind, Shape)


def _refuse_hidden(body: Sequence[Stmt], active: set[str]) -> None:
    """Refuse a function without a rule through whose tuple of results a derivative would have to flow."""
    for stmt in statements(list(body)):
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name) and stmt.target.id in active:
            call = stmt.value
            if isinstance(call, Call) and hides(call.kind) and lookup(call.prim.fn) is None:
                rule_of(call)


def find_active(body: Sequence[Stmt], independent: set[str], dependent: set[str], aliases: Aliases) -> set[str]:
    """The active variables among all of the program's."""
    edges: dict[str, set[str]] = {}

    def edge(target: str | None, expr: Expr) -> None:
        if target is not None:
            edges.setdefault(target, set()).update(flows(expr))

    for stmt in statements(list(body)):
        match stmt:
            case Assign(target=Name() as target, value=value):
                if is_float(target.kind) or is_float(value.kind) or hides(value.kind) or unfilled(value.kind):
                    edge(target.id, value)
            case Store(target=target, value=value) | Push(target=target, value=value):
                edge(root(target), value)
            case Pop(out=Name() as out, target=target):
                edge(out.id, target)
            case Hook(value=value, source=source):
                if changes_adjoint(source):  # what it makes of the adjoint counts, also where no result does
                    dependent = dependent | set(flows(value))
            case Invoke(outs=outs, args=args):
                roots = [root(arg) for arg in args]
                for arg in args:
                    for out in outs:
                        edge(out.id, arg)
                    for other, owner in zip(args, roots, strict=True):
                        if owner is not None and other is not arg and aliases.is_written(owner):
                            edge(owner, arg)
    names = set(edges) | {name for found in edges.values() for name in found} | independent | dependent
    groups: dict[str, set[str]] = {}
    for name in names:
        if aliases.is_written(name):
            groups.setdefault(aliases.of(name), set()).add(name)

    def close(start: set[str], forward: dict[str, set[str]]) -> set[str]:
        found, work = set(), list(start)
        while work:
            name = work.pop()
            if name in found:
                continue
            found.add(name)
            work.extend(forward.get(name, ()))
            if aliases.is_written(name):
                work.extend(groups.get(aliases.of(name), ()))
        return found

    backward: dict[str, set[str]] = {}
    for owner, read in edges.items():
        for name in read:
            backward.setdefault(name, set()).add(owner)
    active = close(independent, backward) & close(dependent, edges)
    _refuse_hidden(body, active)
    return active
