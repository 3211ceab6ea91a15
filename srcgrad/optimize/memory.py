"""Memory: which facts expressions and statements of a program read and write, and which variables share memory.

A fact is the binding of a name, or what the memories of an alias class hold. Every pass that removes or moves a
statement asks here what it depends on: a write is kept while the content of its class is live, through whichever
name it will be read.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.aliases import basic
from srcgrad.analysis.signatures import dtype_of
from srcgrad.ir.kinds import Array, Bottom, DictOf, Kind, ListOf, Opaque, Scalar, rank
from srcgrad.ir.nodes import (
    Assign,
    BoolOp,
    Call,
    Cond,
    DictPack,
    Expr,
    Hook,
    Invoke,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Push,
    Star,
    Stmt,
    Store,
)
from srcgrad.ir.walk import children, defined_by, names_in, root, statements, subexpressions
from srcgrad.rules.registry import effect, lookup
from srcgrad.transform.webs import all_names, own_expressions

Block = tuple[Stmt, ...]
Fact = tuple[str, str]
"""("name", variable), or ("array" or "list", alias class): what the memories of a class hold."""

SHAPE_ONLY: dict[Any, int] = {
    np.shape: 0, np.ndim: 0, np.size: 0, len: 0, dtype_of: 0,
    np.zeros_like: 0, np.ones_like: 0, np.empty_like: 0, np.full_like: 0, runtime.zeros_like: 0,
    runtime.unbroadcast: 1, runtime.reshape_like: 1, runtime.untile: 1, runtime.add_at: 0, runtime.undiagonal: 1,
}  # fmt: skip
"""Functions that read no more than shape and dtype of an array at this position."""

_NO_MEMORY = (
    str, bytes, int, float, complex, bool, range, slice, type, np.dtype, np.generic, types.NoneType,
    types.EllipsisType, types.FunctionType, types.BuiltinFunctionType, types.ModuleType,
)  # fmt: skip
_BOTH = frozenset({"array", "list"})
_NEITHER: frozenset[str] = frozenset()


def levels_of(kind: Kind) -> frozenset[str]:
    """Which memories a value gives access to: "array" (elements of arrays), "list" (items of containers)."""
    if isinstance(kind, Scalar):
        return _NEITHER
    if isinstance(kind, Array):
        return frozenset({"array"})
    if isinstance(kind, (ListOf, DictOf)):
        return levels_of(kind.item) | {"list"}
    if isinstance(kind, Opaque) and issubclass(kind.type, _NO_MEMORY):
        return _NEITHER
    return _BOTH


def has_effect(expr: Expr) -> bool:
    """Whether evaluating the expression does anything besides giving a value, such as drawing a random number."""
    for part in subexpressions(expr):
        if isinstance(part, Call) and (part.args or part.prim.style != "attribute"):  # not a callable's name
            found = effect(part.prim.fn, [key for key, _ in part.kwargs])
            if found != "pure" and not (found == "unknown" and lookup(part.prim.fn) is not None):
                return True
    return False


class Memory:
    """What the variables of a program may share, and which facts its expressions and statements read and write.

    classes: gives the alias class of a variable. It must join what a callee hands back with the arguments that this
    may share memory with; other sharing is found here too, should it be missing there.
    """

    def __init__(self, body: Block, classes: Callable[[str], str], more: Iterable[str] = ()) -> None:
        self.classes = classes
        self.names = {*more, *all_names(body)}
        self._parent: dict[str, str] = {}
        self._levels: dict[str, frozenset[str]] = {}
        self._reads: dict[int, tuple[Expr, frozenset[Fact]]] = {}
        for stmt in statements(body):
            self._collect_levels(stmt)
        for stmt in statements(body):
            self._collect_sharing(stmt)
        self._size: dict[str, int] = {}
        for name in self.names:
            if self.levels(name):
                self._size[self.of(name)] = self._size.get(self.of(name), 0) + 1

    # ---- sharing ----

    def of(self, name: str) -> str:
        """The class of a variable."""
        found = self.classes(name)
        while self._parent.get(found, found) != found:
            found = self._parent[found]
        return found

    def alone(self, name: str) -> bool:
        """Whether no other variable of the program is in the class."""
        return self._size.get(self.of(name), 0) <= 1

    def levels(self, name: str) -> frozenset[str]:
        """The memories that a variable gives access to; none where it is a number."""
        return self._levels.get(name, _BOTH)

    def _collect_levels(self, stmt: Stmt) -> None:
        for expr in (*own_expressions(stmt), *defined_by(stmt)):
            for part in subexpressions(expr):
                if isinstance(part, Name) and not isinstance(part.kind, Bottom):
                    self._levels[part.id] = self._levels.get(part.id, _NEITHER) | levels_of(part.kind)
        if isinstance(stmt, (Store, Push, Pop)):
            name = root(stmt.target)
            if name is not None:
                self._levels[name] = self._levels.get(name, _NEITHER) | self.written_levels(stmt)

    def _collect_sharing(self, stmt: Stmt) -> None:
        owner: str | None = None
        value: Expr | None = None
        match stmt:
            case Assign(target=Name(id=name), value=found):
                owner, value = name, found
            case Store(target=target, value=found) if "list" in self.written_levels(stmt):
                owner, value = root(target), found
            case Push(target=target, value=found):
                owner, value = root(target), found
            case Pop(out=Name(id=name), target=found) | Hook(out=Name(id=name), value=found):
                owner, value = name, found
        if owner is None or value is None or not self.levels(owner):
            return
        for name in self.may_share(value):
            a, b = self.of(owner), self.of(name)
            if a != b:
                self._parent[max(a, b)] = min(a, b)

    def may_share(self, expr: Expr) -> Iterator[str]:
        """The variables with memory that the value of the expression may share, or hold."""
        match expr:
            case Name(id=name):
                if self.levels(name):
                    yield name
            case Load(base=base):
                if levels_of(expr.kind):
                    yield from self.may_share(base)
            case Op(op=op):
                joins = isinstance(expr.kind, (ListOf, DictOf, Opaque)) or isinstance(expr.kind, Bottom)
                if op in ("+", "*") and joins and levels_of(expr.kind):
                    for arg in expr.args:
                        yield from self.may_share(arg)
            case Call():
                rule = lookup(expr.prim.fn)
                fresh = rule is not None and rule.view == "never" and isinstance(expr.kind, Array)
                if not fresh and levels_of(expr.kind) and expr.prim.fn not in SHAPE_ONLY:
                    for arg in children(expr):
                        yield from self.may_share(arg)
            case Pack() | DictPack() | Star():
                for item in children(expr):
                    yield from self.may_share(item)
            case Cond(body=body, orelse=orelse):
                yield from self.may_share(body)
                yield from self.may_share(orelse)
            case BoolOp(items=items):
                for item in items:
                    yield from self.may_share(item)

    def is_view(self, expr: Expr) -> bool:
        """Whether the value is certain to be a variable's own array or a view of it: making it reads no element."""
        match expr:
            case Name(id=name):
                return bool(self.levels(name))
            case Load(base=base, index=index):
                known = isinstance(expr.kind, Array) and isinstance(base.kind, Array) and bool(rank(expr.kind))
                return known and basic(index) and self.is_view(base)
            case Call(args=(base, *_)):
                rule = lookup(expr.prim.fn)
                known = isinstance(expr.kind, Array) and isinstance(base.kind, Array) and bool(rank(base.kind))
                return known and rule is not None and rule.view == "always" and self.is_view(base)
        return False

    # ---- what is read ----

    def content(self, name: str) -> frozenset[Fact]:
        """The facts about what a variable's memories hold."""
        rep = self.of(name)
        return frozenset((level, rep) for level in self.levels(name))

    def reads(self, expr: Expr) -> frozenset[Fact]:
        """The facts that the value of an expression, with all its elements, depends on."""
        known = self._reads.get(id(expr))
        if known is None:
            known = self._reads[id(expr)] = (expr, frozenset(self._find_reads(expr)))
        return known[1]

    def _find_reads(self, expr: Expr) -> Iterator[Fact]:
        if isinstance(expr, Name):
            yield ("name", expr.id)
            yield from self.content(expr.id)
            return
        only = shape_only(expr)
        for k, child in enumerate(children(expr)):
            yield from self.shape_reads(child) if k == only else self.reads(child)

    def shape_reads(self, expr: Expr) -> frozenset[Fact]:
        """The facts that shape and dtype of an expression depend on."""
        match expr:
            case Name(id=name):
                return frozenset({("name", name)}) | {fact for fact in self.content(name) if fact[0] == "list"}
            case Load(base=base, index=index) if isinstance(base.kind, Array):
                return self.shape_reads(base) | self.reads(index)
            case Call(args=(base, *_)) if isinstance(base.kind, Array):
                rule = lookup(expr.prim.fn)
                if rule is not None and rule.view == "always":
                    return self.shape_reads(base).union(*(self.reads(e) for e in children(expr)[1:]))
        return self.reads(expr)

    def binding_reads(self, expr: Expr) -> frozenset[Fact]:
        """The facts that binding a name to the value depends on: of views, not the elements."""
        if isinstance(expr, (Load, Call)) and self.is_view(expr):
            return self.shape_reads(expr)
        if isinstance(expr, Name):
            return frozenset({("name", expr.id)})
        return self.reads(expr)

    def place_reads(self, target: Expr) -> frozenset[Fact]:
        """The facts that finding the place of a write depends on, not what is there."""
        if isinstance(target, Name):
            return frozenset({("name", target.id)})
        if isinstance(target, Load):
            found = self.place_reads(target.base) | self.reads(target.index)
            name = root(target.base)
            if isinstance(target.base, Load) and name is not None and not isinstance(target.base.base.kind, Array):
                found |= self.content(name)
            return found
        return self.reads(target)

    # ---- what is written ----

    def written_levels(self, stmt: Store | Push | Pop) -> frozenset[str]:
        """The memories that a write may change."""
        if not isinstance(stmt, Store):
            return frozenset({"list"})
        target = stmt.target
        whole = target.base if isinstance(target, Load) else target
        if isinstance(whole.kind, Array):
            return frozenset({"array"})
        if not isinstance(whole.kind, (ListOf, DictOf)):
            return _BOTH
        if isinstance(target, Load) and stmt.op and not isinstance(target.kind, Scalar):
            return _BOTH  # `xs[i] *= e` changes the array that is the item
        return frozenset({"list"})

    def writes(self, stmt: Stmt) -> frozenset[Fact]:
        """The facts about contents that a statement itself may change; of an Invoke, those of all its arguments."""
        match stmt:
            case Store(target=target) | Push(target=target) | Pop(target=target):
                levels = self.written_levels(stmt)
                return frozenset((level, self.of(name)) for name in _roots(target) for level in levels)
            case Hook(out=Name(id=name), value=value):
                shared = (name, *self.may_share(value))
                return frozenset(fact for other in shared for fact in self.content(other))
            case Invoke(args=args):
                return frozenset(fact for arg in args for name in self.may_share(arg) for fact in self.content(name))
        return frozenset()


def _roots(target: Expr) -> list[str]:
    name = root(target)
    return [name] if name is not None else list(names_in(target))


def shape_only(expr: Expr) -> int:
    """The place of the argument of which a call reads no more than shape and dtype, else -1."""
    try:
        return SHAPE_ONLY.get(expr.prim.fn, -1) if isinstance(expr, Call) else -1
    except TypeError:
        return -1
