"""Which variables may share memory, and which of those memories are written in place.

Flow-insensitive over webs: variables that may ever share memory are one class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from srcgrad.ir.kinds import Array, DictOf, ListOf, Scalar, rank
from srcgrad.ir.nodes import (
    Assign,
    BoolOp,
    Call,
    Cond,
    Expr,
    Hook,
    Invoke,
    Load,
    Name,
    Pack,
    Pop,
    Push,
    Slice,
    Stmt,
    Store,
)
from srcgrad.ir.walk import expressions_of, root, statements, subexpressions
from srcgrad.rules.registry import lookup


def basic(index: Expr) -> bool:
    """Whether an index is basic (ints, slices, None, Ellipsis), so that indexing gives a view."""
    items = index.items if isinstance(index, Pack) and index.type == "tuple" else (index,)
    return not any(
        isinstance(item.kind, (Array, ListOf)) or isinstance(item, Pack) or _is_bool(item)
        for item in items
        if not isinstance(item, Slice)
    )


def _is_bool(item: Expr) -> bool:
    return getattr(item.kind, "dtype", "") == "bool"


def sources(expr: Expr) -> Iterator[tuple[str, bool]]:
    """The variables whose memory the value of an expression may share, with whether that is certain to be a view."""
    if isinstance(expr, Name):
        if isinstance(expr.kind, (Array, ListOf, DictOf)):
            yield expr.id, True
    elif isinstance(expr, Load):
        if isinstance(expr.base.kind, (ListOf, DictOf)) and isinstance(expr.kind, (Array, ListOf, DictOf)):
            # a slice is a new list
            if not (isinstance(expr.index, Slice) and isinstance(expr.base.kind.item, Scalar)):
                yield from sources(expr.base)
        elif isinstance(expr.kind, Array) and rank(expr.kind) != 0 and basic(expr.index):
            yield from sources(expr.base)
    elif isinstance(expr, Call):
        if expr.prim.fn in (list, tuple) and expr.args:
            if isinstance(expr.args[0].kind, DictOf):
                return  # its keys
            yield from sources(expr.args[0])
            return
        rule = lookup(expr.prim.fn)
        if rule is not None and rule.view != "never" and expr.args and isinstance(expr.kind, (Array, ListOf)):
            for name, sure in sources(expr.args[0]):
                yield name, sure and rule.view == "always"
    elif isinstance(expr, Pack) and expr.type == "list":
        for item in expr.items:
            yield from sources(item)
    elif isinstance(expr, Cond):
        yield from sources(expr.body)
        yield from sources(expr.orelse)
    elif isinstance(expr, BoolOp):
        for item in expr.items:
            yield from sources(item)


def list_sources(expr: Expr) -> Iterator[str]:
    """The variables whose lists or dicts the value of an expression may be, or hold: two lists may hold the same
    arrays and still be two lists."""
    if not isinstance(expr.kind, (ListOf, DictOf)):
        return
    if _copies_list(expr) and not isinstance(expr.kind.item, (ListOf, DictOf)):
        return  # a list of its own
    if isinstance(expr, Pack):
        for item in expr.items:
            yield from list_sources(item)
    elif isinstance(expr, Cond):
        yield from list_sources(expr.body)
        yield from list_sources(expr.orelse)
    elif isinstance(expr, BoolOp):
        for item in expr.items:
            yield from list_sources(item)
    elif not isinstance(expr, Call) or (expr.args and isinstance(expr.args[0].kind, (ListOf, DictOf))):
        yield from (name for name, _ in sources(expr))


def _copies_list(expr: Expr) -> bool:
    """Whether the value is a new list with the items of another one."""
    if isinstance(expr, Load):
        return isinstance(expr.index, Slice)
    return isinstance(expr, Call) and expr.prim.fn in (list, tuple)


@dataclass
class Aliases:
    """parent: union-find over variables; written: the classes whose arrays are written in place; grown: those whose
    lists get, lose or change items; lists: the variables that are lists or dicts. same_list: union-find over these,
    for the lists alone, not what they hold; resized: its classes that get, lose or change items."""

    parent: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    grown: set[str] = field(default_factory=set)
    same_list: dict[str, str] = field(default_factory=dict)
    resized: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)

    def of(self, name: str) -> str:
        """The representative of a variable's class."""
        parent = self.parent
        while parent.get(name, name) != name:
            name = parent[name]
        return name

    def union(self, a: str, b: str) -> None:
        a, b = self.of(a), self.of(b)
        if a != b:
            self.parent[max(a, b)] = min(a, b)
            self.parent.setdefault(min(a, b), min(a, b))
            for found in (self.written, self.grown):
                if a in found or b in found:
                    found |= {min(a, b)}

    def list_of(self, name: str) -> str:
        """The representative of the lists that a variable's list may be, or hold, or be held by."""
        while self.same_list.get(name, name) != name:
            name = self.same_list[name]
        return name

    def union_lists(self, a: str, b: str) -> None:
        a, b = self.list_of(a), self.list_of(b)
        if a != b:
            self.same_list[max(a, b)] = min(a, b)

    def is_written(self, name: str) -> bool:
        """Whether the array (or list) that a variable stands for is ever changed in place."""
        cls = self.of(name)
        return cls in self.written or (name in self.lists and self.list_of(name) in self.resized)

    def memory(self, name: str) -> str:
        """Names what a write to the variable changes: the items of its list, or its class's arrays."""
        return f"[{self.list_of(name)}]" if name in self.lists else self.of(name)

    def members(self, names: Iterable[str], name: str) -> list[str]:
        """Those of the names that share a class with `name`."""
        wanted = self.of(name)
        return [other for other in names if self.of(other) == wanted]


def find_aliases(body: Iterable[Stmt], writes_of_callee: dict[str, list[bool]] | None = None) -> Aliases:
    """The alias classes of a program."""
    facts = Aliases()
    block = list(body)
    touched: list[str] = []
    grown: list[str] = []
    for stmt in statements(block):
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name):
            for name, sure in sources(stmt.value):
                facts.union(stmt.target.id, name)
                if not sure:
                    facts.unsure.add(stmt.target.id)
            for name in list_sources(stmt.value):
                facts.union_lists(stmt.target.id, name)
        elif isinstance(stmt, Hook) and stmt.out is not None:
            for name, _ in sources(stmt.value):
                facts.union(stmt.out.id, name)
            if stmt.source.writes or stmt.source.augments or stmt.through:
                touched.append(stmt.out.id)
        elif isinstance(stmt, Pop) and stmt.out is not None and isinstance(stmt.out.kind, (Array, ListOf)):
            name_ = root(stmt.target)
            if name_ is not None:
                facts.union(stmt.out.id, name_)
                if isinstance(stmt.out.kind, ListOf):
                    facts.union_lists(stmt.out.id, name_)
        elif isinstance(stmt, Push):
            owner = root(stmt.target)
            for name, _ in sources(stmt.value):
                if owner is not None:
                    facts.union(owner, name)
            for name in list_sources(stmt.value):
                if owner is not None:
                    facts.union_lists(owner, name)
        elif isinstance(stmt, Store) and isinstance(stmt.target, Load):
            if isinstance(stmt.target.base.kind, (ListOf, DictOf)):
                owner = root(stmt.target)
                for name, _ in sources(stmt.value):
                    if owner is not None:
                        facts.union(owner, name)
                for name in list_sources(stmt.value):
                    if owner is not None:
                        facts.union_lists(owner, name)
        if isinstance(stmt, (Store, Push, Pop)):
            owner = root(stmt.target)
            if owner is not None:
                (grown if changes_list(stmt) else touched).append(owner)
        for expr in expressions_of(stmt):
            for part in subexpressions(expr):
                if isinstance(part, Name) and isinstance(part.kind, (ListOf, DictOf)):
                    facts.lists.add(part.id)
        if isinstance(stmt, Invoke):
            for arg, writes in zip(stmt.args, (writes_of_callee or {}).get(stmt.callee, []), strict=False):
                owner = root(arg) if writes else None
                if owner is not None:
                    touched.append(owner)
    facts.written = {facts.of(name) for name in touched}
    facts.grown = {facts.of(name) for name in grown}
    facts.resized = {facts.list_of(name) for name in grown}
    return facts


def read_only(expr: Expr) -> bool:
    """Whether the value is a view that NumPy does not let be written, such as np.diagonal's."""
    if isinstance(expr, Call):
        rule = lookup(expr.prim.fn)
        return (rule is not None and rule.view == "readonly") or any(read_only(arg) for arg in expr.args[:1])
    return isinstance(expr, Load) and read_only(expr.base)


def changes_list(stmt: Store | Push | Pop) -> bool:
    """Whether a statement changes a list's items, not an array."""
    if isinstance(stmt, (Push, Pop)):
        return True
    holder = stmt.target.base if isinstance(stmt.target, Load) else stmt.target
    if stmt.op != "" and isinstance(stmt.target.kind, Array):  # `xs[i] += a` writes into the array
        return False
    return isinstance(holder.kind, (ListOf, DictOf))
