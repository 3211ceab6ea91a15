"""The state of a specialisation: environment, output, names, and how control flow splits and joins them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.nodes import Assign, Const, Definition, Expr, If, Name, Pos, Stmt
from srcgrad.specialize.values import (
    Closure,
    Leaf,
    Static,
    Struct,
    Value,
    as_expr,
    copy_environment,
    merge,
    same,
)

MAX_STATEMENTS = 60_000


class Restart(Exception):
    """The program must be specialised once more, with what was just learned."""


@dataclass
class Knowledge:
    """What earlier attempts at the same function have shown.

    dynamic: places that make a list which must exist at run time. localised: parameters' leaves that need a variable of
    their own, since they are written. outlined: code objects whose functions are compiled on their own.
    """

    dynamic: set[object] = field(default_factory=set)
    localised: set[str] = field(default_factory=set)
    outlined: set[object] = field(default_factory=set)
    templates: dict[object, Any] = field(default_factory=dict)


@dataclass
class Frame:
    """One function being specialised, in line or at the top. path tells it from every other."""

    path: tuple[object, ...]
    definition: Definition
    function: Callable[..., Any] | None
    parent: tuple[object, ...] | None = None
    function_path: tuple[Any, ...] | None = None


Key = tuple[tuple[object, ...], str]


class State:
    """Environment, emitted statements and names; the operations here know nothing of Python's syntax."""

    def __init__(self, knowledge: Knowledge, reserved: set[str]) -> None:
        self.knowledge = knowledge
        self.env: dict[Key, Value] = {}
        self.out: list[Stmt] = []
        self.frames: list[Frame] = []
        self.frame_of: dict[tuple[object, ...], Frame] = {}
        self.names: dict[Key, str] = {}
        self.used: set[str] = set(reserved)
        self.depth = 0
        self.unrolled: tuple[object, ...] = ()
        self.emitted = 0
        self.read_undefined: set[Key] = set()

    # ---- names ----

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def fresh(self, hint: str) -> str:
        """A name that nothing else in the program has: the hint, or the hint with a number."""
        hint = re.sub(r"\W+", "_", hint).strip("_") or "value"
        name, number = hint, 2
        while name in self.used:
            name, number = f"{hint}_{number}", number + 1
        self.used.add(name)
        return name

    def base_name(self, key: Key) -> str:
        """The name of a user's variable in the flat program."""
        if key not in self.names:
            self.names[key] = self.fresh(key[1])
        return self.names[key]

    def site(self, pos: Pos | None) -> tuple[object, ...]:
        """Identifies a place in the unrolled, in-lined program."""
        where = (pos.line, pos.col, pos.end_col) if pos else ()
        return (*self.frame.path, *self.unrolled, *where)

    # ---- output ----

    def emit(self, stmt: Stmt) -> None:
        self.emitted += 1
        if self.emitted > MAX_STATEMENTS:
            raise UnsupportedError(
                "the function grows too large when its loops over containers and its calls are written out",
                "Use a list of arrays of one kind, which is looped over without being written out.",
                stmt.pos,
            )
        self.out.append(stmt)

    def temporary(self, expr: Expr, hint: str) -> Leaf:
        """Assign the expression to a new variable."""
        name = Name(self.fresh(hint), kind=expr.kind, pos=expr.pos)
        self.emit(Assign(name, expr, pos=expr.pos))
        return Leaf(name)

    def block(self, thunk: Callable[[], None]) -> tuple[Stmt, ...]:
        """The statements that thunk emits, kept apart."""
        outer, self.out = self.out, []
        self.depth += 1
        try:
            thunk()
            return tuple(self.out)
        finally:
            self.out = outer
            self.depth -= 1

    # ---- variables ----

    def bind(self, key: Key, value: Value, pos: Pos | None) -> None:
        """Let a variable of the user's hold a value; every part of it gets a variable of its own."""
        self.env[key] = self.materialise(value, self.base_name(key), pos, key)

    def materialise(self, value: Value, base: str, pos: Pos | None, key: Key | None) -> Value:
        if isinstance(value, Leaf):
            if isinstance(value.expr, Name) and value.expr.id == base:
                return value
            self._move_away(base, key, pos)
            name = Name(base, kind=value.kind, pos=pos)
            self.emit(Assign(name, value.expr, pos=pos))
            return Leaf(name)
        if isinstance(value, Static) and isinstance(value.value, (str, type(None), int, float, bytes)):
            self._move_away(base, key, pos)
            expr = as_expr(value, pos)
            self.emit(Assign(Name(base, kind=expr.kind, pos=pos), expr, pos=pos))
            return value
        if isinstance(value, Struct):
            parts = {name: f"{base}_{_suffix(name)}" for name in value.items}
            fresh = Struct(value.type, {}, value.cls, value.depth, value.site)
            if all(self._is_named(item) for item in value.items.values()) and value.items:
                return value
            # parts that read names which are about to be written go through temporaries
            targets = set(parts.values())
            items = dict(value.items)
            if len(items) > 1:
                items = {k: self._shelter(v, targets - {parts[k]}, pos) for k, v in items.items()}
            for part, item in items.items():
                named = self.names.setdefault(((), parts[part]), "") or self._reserve(parts[part])
                fresh.items[part] = self.materialise(item, named, pos, key)
            value.items = fresh.items  # whoever else holds the container sees the variables too
            return value
        return value

    def _reserve(self, hint: str) -> str:
        name = self.fresh(hint)
        self.names[((), hint)] = name
        return name

    def _is_named(self, value: Value) -> bool:
        if isinstance(value, Leaf):
            return isinstance(value.expr, Name)
        if isinstance(value, Struct):
            return all(self._is_named(item) for item in value.values())
        return True

    def _shelter(self, value: Value, targets: set[str], pos: Pos | None) -> Value:
        if isinstance(value, Leaf) and mentions(value.expr, targets):
            return self.temporary(value.expr, "old")
        return value

    def _move_away(self, name: str, owner: Key | None, pos: Pos | None) -> None:
        """Before `name` is assigned anew: variables that stand for its present value get a copy of their own."""
        for key, value in list(self.env.items()):
            if key == owner:
                continue
            self.env[key] = self._relocated(value, name, self.names.get(key, key[1]), pos, set())

    def _relocated(self, value: Value, name: str, base: str, pos: Pos | None, seen: set[int]) -> Value:
        if isinstance(value, Leaf):
            if isinstance(value.expr, Name) and value.expr.id == name and base != name:
                return self.temporary(value.expr, base)
            return value
        if isinstance(value, Struct) and id(value) not in seen:
            seen.add(id(value))
            for key, item in value.items.items():
                value.items[key] = self._relocated(item, name, f"{base}_{_suffix(key)}", pos, seen)
        return value

    # ---- control flow ----

    def join(self, a: dict[Key, Value], b: dict[Key, Value]) -> dict[Key, Value]:
        """The environment where two paths meet."""
        result = dict(a)
        for key, value in b.items():
            result[key] = merge(a[key], value, self.base_name(key)) if key in a else value
        return result

    def branch(
        self, test: Expr, body: Callable[[], None], orelse: Callable[[], None], pos: Pos | None, guard: bool = False
    ) -> None:
        """Emit an If whose branches are what the two functions emit."""
        from srcgrad.specialize.outline import Unreached

        before = self.env
        paths: list[tuple[tuple[Stmt, ...], dict[Key, Value] | None]] = []
        for run in (body, orelse):
            self.env = copy_environment(before)
            try:
                stmts = self.block(run)
                paths.append((stmts, self.env))
            except Unreached:  # what a recursive call returns is known from the other path first
                paths.append(((), None))
        (then, after_then), (other, after_else) = paths
        if after_then is None and after_else is None:
            raise Unreached
        if after_then is None or after_else is None:
            self.env = after_then if after_else is None else after_else  # type: ignore[assignment]
        else:
            self.env = self.join(after_then, after_else)
        if then or other:
            self.emit(If(test, then, other, guard, pos=pos))

    def fixpoint(self, body: Callable[[], None]) -> tuple[Stmt, ...]:
        """The statements of a loop's body, once the kinds at its head are stable."""
        for _ in range(12):
            head = copy_environment(self.env)
            names, used, emitted = dict(self.names), set(self.used), self.emitted
            stmts = self.block(body)
            joined = self.join(head, self.env)
            carried = [key for key in joined if key in head or key in self.read_undefined]
            if all(key in head and same(head[key], joined[key]) for key in carried):
                self.env = joined
                return stmts
            self.names, self.used, self.emitted = names, used, emitted
            self.env = {key: joined[key] for key in carried}
        raise KindError("the kinds of the variables of this loop do not settle", pos=self.frame.definition.pos)


def _suffix(key: object) -> str:
    return re.sub(r"\W+", "_", str(key)).strip("_") or "item"


def mentions(expr: Expr, names: set[str]) -> bool:
    """Whether the expression reads one of the variables."""
    from srcgrad.ir.walk import names_in

    return any(name in names for name in names_in(expr))


def true_of(value: Value) -> bool | None:
    """The truth of a value where it is known when compiling."""
    if isinstance(value, Static):
        return bool(value.value)
    if isinstance(value, Struct):
        return bool(value.items) if value.type != "object" else True
    if isinstance(value, Leaf):
        known = getattr(value.kind, "value", None)
        if isinstance(value.expr, Const):
            return bool(value.expr.value)
        if isinstance(known, (bool, int, float)):
            return bool(known)
        return None
    if isinstance(value, Closure):
        return True
    return None
