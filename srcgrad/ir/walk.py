"""Walking over the IR: children, names, rebuilding."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from srcgrad.ir.kinds import Array, DictOf, ListOf, Opaque
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    BoolOp,
    Call,
    Cond,
    Const,
    DictPack,
    Effect,
    Expr,
    For,
    Format,
    Hook,
    If,
    Invoke,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Push,
    Raise,
    Return,
    Slice,
    Star,
    Stmt,
    Store,
    While,
    With,
)


def contents(place: Expr) -> Load:
    """`place[...]`: what an array holds, so that a store into it leaves the array where it is."""
    return Load(place, Const(Ellipsis, kind=Opaque(type(Ellipsis))), kind=place.kind, pos=place.pos)


def in_place(place: Expr) -> Expr:
    """The place for a store that is to write into the array there: an item of a list would be replaced."""
    item = isinstance(place, Load) and isinstance(place.base.kind, (ListOf, DictOf))
    return contents(place) if item and isinstance(place.kind, Array) else place


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct subexpressions, in order of evaluation."""
    match expr:
        case Op(args=args):
            return args
        case Call(args=args, kwargs=kwargs):
            return (*args, *(value for _, value in kwargs))
        case Load(base=base, index=index):
            return (base, index)
        case Slice(lo=lo, hi=hi, step=step):
            return tuple(part for part in (lo, hi, step) if part is not None)
        case Pack(items=items) | BoolOp(items=items):
            return items
        case DictPack(keys=keys, values=values):
            return (*(key for key in keys if key is not None), *values)
        case Cond(test=test, body=body, orelse=orelse):
            return (test, body, orelse)
        case Format(parts=parts):
            found: list[Expr] = []
            for part in parts:
                if not isinstance(part, str):
                    found.append(part[0])
                    if part[2] is not None:
                        found.append(part[2])
            return tuple(found)
        case Star(value=value):
            return (value,)
    return ()


def rebuild(expr: Expr, fn: Callable[[Expr], Expr]) -> Expr:
    """The expression with fn applied to each direct subexpression; the same object where nothing changes."""
    match expr:
        case Op(args=args):
            new = tuple(map(fn, args))
            return expr if _same(new, args) else dataclasses.replace(expr, args=new)
        case Call(args=args, kwargs=kwargs):
            new = tuple(map(fn, args))
            new_kwargs = tuple((key, fn(value)) for key, value in kwargs)
            if _same(new, args) and all(a[1] is b[1] for a, b in zip(new_kwargs, kwargs, strict=True)):
                return expr
            return dataclasses.replace(expr, args=new, kwargs=new_kwargs)
        case Load(base=base, index=index):
            new_base, new_index = fn(base), fn(index)
            if new_base is base and new_index is index:
                return expr
            return dataclasses.replace(expr, base=new_base, index=new_index)
        case Slice(lo=lo, hi=hi, step=step):
            return dataclasses.replace(expr, lo=lo and fn(lo), hi=hi and fn(hi), step=step and fn(step))
        case Pack(items=items) | BoolOp(items=items):
            new = tuple(map(fn, items))
            return expr if _same(new, items) else dataclasses.replace(expr, items=new)
        case DictPack(keys=keys, values=values):
            return dataclasses.replace(
                expr, keys=tuple(key and fn(key) for key in keys), values=tuple(map(fn, values))
            )
        case Cond(test=test, body=body, orelse=orelse):
            return dataclasses.replace(expr, test=fn(test), body=fn(body), orelse=fn(orelse))
        case Format(parts=parts):
            return dataclasses.replace(
                expr,
                parts=tuple(
                    part if isinstance(part, str) else (fn(part[0]), part[1], part[2] and fn(part[2]))
                    for part in parts
                ),
            )
        case Star(value=value):
            return dataclasses.replace(expr, value=fn(value))
    return expr


def _same(new: tuple[Expr, ...], old: tuple[Expr, ...]) -> bool:
    return all(a is b for a, b in zip(new, old, strict=True))


def substitute(expr: Expr, table: dict[str, Expr]) -> Expr:
    """The expression with variables replaced."""
    if isinstance(expr, Name):
        return table.get(expr.id, expr)
    return rebuild(expr, lambda child: substitute(child, table))


def subexpressions(expr: Expr) -> Iterator[Expr]:
    """The expression and everything in it, outermost first."""
    yield expr
    for child in children(expr):
        yield from subexpressions(child)


def reads_of(expr: Expr) -> Iterator[Name]:
    """The reads of variables in an expression."""
    if isinstance(expr, Name):
        yield expr
    else:
        for child in children(expr):
            yield from reads_of(child)


def names_in(expr: Expr) -> Iterator[str]:
    """The variables that an expression reads, with repetition."""
    return (read.id for read in reads_of(expr))


def blocks(stmt: Stmt) -> tuple[tuple[Stmt, ...], ...]:
    """The blocks of statements inside a statement."""
    match stmt:
        case If(body=body, orelse=orelse):
            return (body, orelse)
        case For(body=body) | While(body=body) | With(body=body):
            return (body,)
    return ()


def with_blocks(stmt: Stmt, fn: Callable[[tuple[Stmt, ...]], tuple[Stmt, ...]]) -> Stmt:
    """The statement with fn applied to each block of statements inside it."""
    match stmt:
        case If(body=body, orelse=orelse):
            return dataclasses.replace(stmt, body=fn(body), orelse=fn(orelse))
        case For(body=body) | While(body=body) | With(body=body):
            return dataclasses.replace(stmt, body=fn(body))
    return stmt


def statements(block: tuple[Stmt, ...] | list[Stmt]) -> Iterator[Stmt]:
    """Every statement of a block, nested ones too, in the order of the text."""
    for stmt in block:
        yield stmt
        for inner in blocks(stmt):
            yield from statements(inner)


def root(expr: Expr) -> str | None:
    """The variable at the root of `x[i][j]`, or None."""
    while isinstance(expr, Load):
        expr = expr.base
    return expr.id if isinstance(expr, Name) else None


def expressions_of(stmt: Stmt) -> Iterator[Expr]:
    """The outermost expressions of a statement itself, not of the blocks inside it."""
    for f in dataclasses.fields(stmt):
        value = getattr(stmt, f.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Expr):
                yield item


def defined_by(stmt: Stmt) -> tuple[Name, ...]:
    """The variables that a statement itself binds; a For binds its index at the start of each trip."""
    match stmt:
        case Assign(target=Name() as target):
            return (target,)
        case Pop(out=Name() as out):
            return (out,)
        case Invoke(outs=outs):
            return outs
        case Hook(out=Name() as out):
            return (out,)
        case For(index=index):
            return (index,)
    return ()


def set_by(stmt: Stmt) -> set[str]:
    """The names of the variables that a statement itself binds."""
    return {name.id for name in defined_by(stmt)}


def map_own(stmt: Stmt, read: Callable[[Expr], Expr], bind: Callable[[Name], Name] = lambda name: name) -> Stmt:
    """The statement with `read` applied to the expressions that it evaluates and `bind` to the names that it binds.

    Blocks in it stay as they are.
    """
    match stmt:
        case Assign(target=target, value=value):
            new = bind(target) if isinstance(target, Name) else read(target)
            return dataclasses.replace(stmt, target=new, value=read(value))
        case Effect(value=value):
            return dataclasses.replace(stmt, value=read(value))
        case Store(target=target, value=value):
            return dataclasses.replace(stmt, target=read(target), value=read(value))
        case Push(target=target, value=value, index=index):
            return dataclasses.replace(stmt, target=read(target), value=read(value), index=index and read(index))
        case Pop(out=out, target=target, index=index):
            return dataclasses.replace(stmt, out=out and bind(out), target=read(target), index=index and read(index))
        case Invoke(outs=outs, args=args):
            return dataclasses.replace(stmt, outs=tuple(map(bind, outs)), args=tuple(map(read, args)))
        case Hook(value=value, args=args, out=out):
            return dataclasses.replace(stmt, value=read(value), args=tuple(map(read, args)), out=out and bind(out))
        case If(test=test):
            return dataclasses.replace(stmt, test=read(test))
        case While(test=test, checkpoint=checkpoint):
            return dataclasses.replace(stmt, test=read(test), checkpoint=checkpoint and read(checkpoint))
        case For(index=index_, lo=lo, hi=hi, step=step, checkpoint=checkpoint):
            new_index, slots = bind(index_), checkpoint and read(checkpoint)
            lo, hi, step = read(lo), read(hi), read(step)
            return dataclasses.replace(stmt, index=new_index, lo=lo, hi=hi, step=step, checkpoint=slots)
        case With(context=context):
            return dataclasses.replace(stmt, context=read(context))
        case Assert(test=test, message=message):
            return dataclasses.replace(stmt, test=read(test), message=message and read(message))
        case Raise(value=value) | Return(value=value):
            return dataclasses.replace(stmt, value=value and read(value))
    return stmt


def rebuilt(stmt: Stmt, read: Callable[[Expr], Expr]) -> Stmt:
    """The statement and those in its blocks, with `read` applied to the expressions that they evaluate."""
    return with_blocks(map_own(stmt, read), lambda block: tuple(rebuilt(inner, read) for inner in block))
