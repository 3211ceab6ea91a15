"""Environment, output and names of a specialisation: how values get variables."""

from __future__ import annotations

import dataclasses
import keyword
import re
from collections.abc import Callable
from typing import Any, cast

from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import BOOL, BOTTOM, Scalar
from srcgrad.ir.nodes import Assign, Const, Expr, Name, Pop, Pos, Slice, Stmt
from srcgrad.specialize.knowledge import Frame, Key, Knowledge
from srcgrad.specialize.pins import is_number
from srcgrad.specialize.sites import ListSites
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Either,
    Iteration,
    Leaf,
    Method,
    Static,
    Struct,
    Value,
    as_expr,
    mapped,
)

MAX_STATEMENTS = 60_000


class Variables(ListSites):
    """Environment, emitted statements and names: how values get variables."""

    def __init__(self, knowledge: Knowledge, reserved: set[str]) -> None:
        super().__init__()
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
        self.partly_set: set[Key] = set()
        self.temporaries: set[str] = set()
        self.loops: list[tuple[int, object]] = []
        self.counters: set[str] = set()  # the variables that count the trips of the loops around
        self.set_by: dict[str, list[Expr]] = {}  # of whole numbers, what was assigned to them
        self.break_flags: list[tuple[list[Name], int]] = []
        self.loop_writes: set[str] = set()
        self.set_parts: set[str] = set()  # the variables of parts of lists and dicts that were set lately
        self.unrolled_loops: list[list[Pos | None] | None] = []
        self.rebound_arrays: dict[str, Pos | None] = {}
        self.popped: set[str] = set()  # names of items that nothing but the value itself knows yet
        self.trusting = False  # the body of a rule: what it calls is taken to be pure
        self.held: dict[str, object] = {}
        self.on_its_own = False  # a function that is compiled on its own: who writes what is not looked at as a whole
        self.apart: list[tuple[str, str, Pos | None]] = []

    # ---- names ----

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def fresh(self, hint: str) -> str:
        """A name that nothing else in the program has: the hint, or the hint with a number."""
        hint = re.sub(r"\W+", "_", hint).strip("_") or "value"
        hint = f"{hint}_" if keyword.iskeyword(hint) else hint
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
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name) and is_number(stmt.target.kind):
            self.set_by.setdefault(stmt.target.id, []).append(stmt.value)

    def temporary(self, expr: Expr, hint: str) -> Leaf:
        """Assign the expression to a new variable."""
        name = Name(self.fresh(hint), kind=expr.kind, pos=expr.pos)
        self.temporaries.add(name.id)
        self.inherit_site(name.id, expr)
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

    def bind(self, key: Key, value: Value, pos: Pos | None, canonical: bool = False) -> None:
        """Let a variable of the user's hold a value; every part of it gets a variable of its own."""
        forced = canonical or key in self.knowledge.canonical
        self.partly_set.discard(key)
        layout = self.knowledge.templates.get(("optional", key))
        if layout is not None and (isinstance(value, Struct) or (isinstance(value, Static) and value.value is None)):
            value = self._optional(value, layout, self.base_name(key), pos, key)
        self.env[key] = self.materialise(value, self.base_name(key), pos, key, forced)

    def _optional(self, value: Value, layout: Struct, base: str, pos: Pos | None, key: Key) -> Struct:
        """A container, or None, for a variable that may hold either: a variable of its own says which."""
        flag = Name(self.part(base, "is None"), kind=BOOL, pos=pos)
        if isinstance(value, Struct):
            made = value.like(dict(value.items))
            if value.type != "tuple" and self._is_named(value) and self._held(value, key):
                value.frozen = made.frozen = value.frozen or "it is known under another name as well"
            given = value.none or Const(False, kind=Scalar("bool", True, False))
        else:
            made = self._unset(layout, base, pos, key)
            given = Const(True, kind=Scalar("bool", True, True))
        if given != flag:
            self._move_away(flag.id, key, pos)
            self.emit(Assign(flag, given, pos=pos))
        made.none = flag
        return made

    def _unset(self, layout: Struct, base: str, pos: Pos | None, key: Key) -> Struct:
        """A container of a layout whose parts are None."""
        items: dict[object, Value] = {}
        for part, item in layout.items.items():
            name = self.part(base, part)
            if isinstance(item, Struct):
                items[part] = self._unset(item, name, pos, key)
            else:
                self.materialise(Static(None), name, pos, key)
                items[part] = Leaf(Name(name, kind=BOTTOM, pos=pos))  # until another path tells
        return layout.like(items)

    def materialise(self, value: Value, base: str, pos: Pos | None, key: Key | None, forced: bool = False) -> Value:
        """Hold the value in the variable `base`, or its parts in variables named after it.

        Parts that are variables already are left as they are, unless forced.
        """
        if isinstance(value, Leaf) and isinstance(value.expr, Slice):
            return self._held_slice(value.expr, base, pos)
        if isinstance(value, Leaf):
            if isinstance(value.expr, Name) and value.expr.id == base:
                return value
            self._move_away(base, key, pos)
            name = Name(base, kind=value.kind, pos=pos)
            self.inherit_site(base, value.expr)
            last = self.out[-1] if self.out else None
            if isinstance(last, Pop) and last.out == value.expr and last.out is not None and last.out.id in self.popped:
                self.popped.discard(last.out.id)
                self.out[-1] = dataclasses.replace(last, out=name)  # the item goes to the variable at once
            else:
                self.emit(Assign(name, value.expr, pos=pos))
            return Leaf(name)
        if isinstance(value, Static) and isinstance(value.value, (str, type(None), int, float, bytes)):
            self._move_away(base, key, pos)
            expr = as_expr(value, pos)
            self.emit(Assign(Name(base, kind=expr.kind, pos=pos), expr, pos=pos))
            return value
        if isinstance(value, Struct):
            if not forced and value.items and self._is_settled(value):
                return value
            return self._materialise_struct(value, base, pos, key, forced)
        if isinstance(value, Iteration):
            from srcgrad.specialize.iteration import hold

            return hold(cast(Any, self), value, base, pos)
        if isinstance(value, (Bound, Method, Either)):
            return self._held_function(value, base, pos)
        return value

    def _held_slice(self, value: Slice, base: str, pos: Pos | None) -> Leaf:
        """A slice, as what stands in brackets, whose ends are held in variables."""
        ends: list[Expr | None] = []
        for name, end in zip(("start", "stop", "step"), (value.lo, value.hi, value.step), strict=True):
            held = end is None or isinstance(end, Const)
            ends.append(end if held else self.temporary(cast(Expr, end), f"{base}_{name}").expr)
        return Leaf(dataclasses.replace(value, lo=ends[0], hi=ends[1], step=ends[2]))

    def _held_function(self, value: Value, base: str, pos: Pos | None) -> Value:
        """A function whose arguments or owner are held in variables."""
        number = 0

        def hold(part: Value) -> Value:
            nonlocal number
            number += 1
            if isinstance(part, Leaf) and not isinstance(part.expr, (Const, Name)):
                return self.materialise(part, self.part(base, number), pos, None)
            return (
                self.materialise(part, self.part(base, number), pos, None)
                if isinstance(part, Struct)
                else mapped(part, hold)
            )

        return mapped(value, hold)

    def _materialise_struct(self, value: Struct, base: str, pos: Pos | None, key: Key | None, forced: bool) -> Struct:
        """Give the parts of a container their variables, all at once: a part may read a variable that another gets."""
        moves: list[tuple[dict[object, Value], object, str]] = []
        made = self._targets(value, base, key, forced, moves)
        moves = [move for move in moves if not _is_name(move[0][move[1]], move[2])]
        targets = {target for _, _, target in moves}
        for items, at, target in moves:
            item = items[at]
            if isinstance(item, Leaf) and mentions(item.expr, targets - {target}):
                items[at] = self.temporary(item.expr, "old")
        for items, at, target in moves:
            items[at] = self.materialise(items[at], target, pos, key)
        return made

    def _targets(
        self,
        value: Struct,
        base: str,
        key: Key | None,
        forced: bool,
        moves: list[tuple[dict[object, Value], object, str]],
    ) -> Struct:
        """The container whose parts are to be assigned: a copy where others hold it too, and rely on its variables."""
        made = value
        if forced and value.items and self._is_named(value) and self._held(value, key):
            made = value.like(dict(value.items))
            if value.type != "tuple":
                value.frozen = made.frozen = value.frozen or "it is known under another name as well"
        for part, item in made.items.items():
            target = self.part(base, part)
            if isinstance(item, Struct):
                if forced or not self._is_named(item):
                    made.items[part] = self._targets(item, target, key, forced, moves)
            else:
                moves.append((made.items, part, target))
        return made

    def _held(self, struct: Struct, but: Key | None) -> bool:
        """Whether a variable other than `but` holds the container."""
        return any(key != but and _reaches(value, struct) for key, value in self.env.items())

    def part(self, base: str, key: object) -> str:
        """The variable for one part of the container that the variable `base` holds."""
        slot = (("part", base), repr(key))
        if slot not in self.names:
            self.names[slot] = self.fresh(f"{base}_{_suffix(key)}")
        return self.names[slot]

    def is_variable(self, name: str) -> bool:
        """Whether a variable of the user's is called so (a container that holds its value must not assign it)."""
        return any(self.names.get(key) == name for key in self.env)

    def holders(self, name: str) -> int:
        """How many places hold the value of a variable."""
        seen: set[int] = set()

        def count(value: Value) -> int:
            if isinstance(value, Leaf):
                return isinstance(value.expr, Name) and value.expr.id == name
            if isinstance(value, Struct):
                if id(value) in seen:
                    return 0
                seen.add(id(value))
                return sum(map(count, value.items.values()))
            if isinstance(value, Closure):
                return sum(map(count, value.defaults.values()))
            inner: list[Value] = []
            mapped(value, lambda held: inner.append(held) or held)  # type: ignore[func-returns-value]
            return sum(map(count, inner))

        return sum(map(count, self.env.values()))

    def parts_of(self, base: str) -> list[str]:
        """The variables for all parts of what the variable `base` holds."""
        own = [name for (owner, _), name in self.names.items() if owner == ("part", base)]
        return [*own, *(name for part in own for name in self.parts_of(part))]

    def all_parts(self) -> set[str]:
        """The variables for parts of containers."""
        return {name for (owner, _), name in self.names.items() if owner[:1] == ("part",)}

    def _is_settled(self, value: Value) -> bool:
        """Whether a value needs no variables: a container of variables, and a tuple of literals and variables."""
        if isinstance(value, Struct) and value.type == "tuple":
            return all(isinstance(item, Leaf) and isinstance(item.expr, Const) or self._is_settled(item)
                       for item in value.values())  # fmt: skip
        return self._is_named(value)

    def _is_named(self, value: Value) -> bool:
        if isinstance(value, Leaf):
            return isinstance(value.expr, Name)
        if isinstance(value, Struct):
            return all(self._is_named(item) for item in value.values())
        return True

    def _move_away(self, name: str, owner: Key | None, pos: Pos | None) -> None:
        """Before `name` is assigned anew: variables that stand for its present value get a copy of their own."""
        for key, value in list(self.env.items()):
            if key == owner:
                continue
            self.env[key] = self._relocated(value, name, self.names.get(key), key[1], pos, set())

    def own_value(self, variable: Key, name: str, pos: Pos | None) -> None:
        """What is asked of the variable from here on is asked of it alone: containers that hold its value in the same
        name get a copy of their own."""
        self._move_away(name, variable, pos)

    def _relocated(
        self, value: Value, name: str, base: str | None, hint: str, pos: Pos | None, seen: set[int]
    ) -> Value:
        """base: the variable that is the value's own; hint: what a new one is called."""
        if isinstance(value, Leaf):
            if isinstance(value.expr, Name) and value.expr.id == name and base != name:
                return self.temporary(value.expr, base or hint)
            return value
        if isinstance(value, Struct) and not _may_hold(value, name):
            return value
        if isinstance(value, Struct) and id(value) not in seen:
            seen.add(id(value))
            for key, item in value.items.items():
                own = self.names.get((("part", base), repr(key)))
                value.items[key] = self._relocated(item, name, own, f"{base or hint}_{_suffix(key)}", pos, seen)
            if value.none is not None:
                own = self.names.get((("part", base), repr("is None")))
                flag = self._relocated(Leaf(value.none), name, own, f"{base or hint}_is_None", pos, seen)
                value.none = as_expr(flag)
            return value
        if isinstance(value, Closure) and value.defaults:
            defaults = {k: self._relocated(v, name, None, k, pos, seen) for k, v in value.defaults.items()}
            return dataclasses.replace(value, defaults=defaults)
        return mapped(value, lambda held: self._relocated(held, name, None, hint, pos, seen))


def _may_hold(value: Value, name: str) -> bool:
    """Whether the variable stands in a container; True where that takes a longer look."""
    if isinstance(value, Leaf):
        return isinstance(value.expr, Name) and value.expr.id == name
    if isinstance(value, Struct):
        return value.none is not None or any(_may_hold(item, name) for item in value.items.values())
    return not isinstance(value, Static)


def _suffix(key: object) -> str:
    return re.sub(r"\W+", "_", str(key)).strip("_") or "item"


def mentions(expr: Expr, names: set[str]) -> bool:
    """Whether the expression reads one of the variables."""
    from srcgrad.ir.walk import names_in

    return any(name in names for name in names_in(expr))


def _is_name(value: Value, name: str) -> bool:
    return isinstance(value, Leaf) and isinstance(value.expr, Name) and value.expr.id == name


def _reaches(value: Value, struct: Struct) -> bool:
    """Whether the container is the value or a part of it."""
    if isinstance(value, Struct):
        return value is struct or any(_reaches(item, struct) for item in value.items.values())
    if isinstance(value, Bound):
        return any(_reaches(item, struct) for item in (value.function, *value.args, *value.kwargs.values()))
    return isinstance(value, Method) and _reaches(value.owner, struct)
