"""The state of a specialisation: environment, output, names, and how control flow splits and joins them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.nodes import Assign, Const, Definition, Expr, If, Name, Pos, Stmt
from srcgrad.specialize.joins import Joiner
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Conflict,
    Copies,
    Either,
    Iteration,
    Leaf,
    Method,
    Static,
    Struct,
    Value,
    as_expr,
    copy_with,
    mapped,
    put_back,
    same,
)

MAX_STATEMENTS = 60_000


class Restart(Exception):
    """The program must be specialised once more, with what was just learned."""


@dataclass
class Knowledge:
    """What earlier attempts at the same function have shown.

    dynamic: places that make a list which must exist at run time. localised: parameters' leaves that need a variable of
    their own, since they are written. outlined: code objects whose functions are compiled on their own. canonical:
    variables whose containers' parts are variables of their own, assigned wherever the variable is bound. unrolled:
    loops that are written out.
    """

    dynamic: set[object] = field(default_factory=set)
    localised: set[str] = field(default_factory=set)
    outlined: set[object] = field(default_factory=set)
    canonical: set[object] = field(default_factory=set)
    unrolled: set[object] = field(default_factory=set)
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
        self.partly_set: set[Key] = set()
        self.list_sites: dict[str, tuple[object, int]] = {}
        self.loops: list[tuple[int, object]] = []
        self.break_flags: list[tuple[list[Name], int]] = []
        self.made_lists: dict[int, tuple[Expr, tuple[object, int]]] = {}
        self.loop_writes: set[str] = set()

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
        self._inherit_site(name.id, expr)
        self.emit(Assign(name, expr, pos=expr.pos))
        return Leaf(name)

    def _inherit_site(self, name: str, expr: Expr) -> None:
        """Remember where the list was made that a variable holds."""
        if isinstance(expr, Name) and expr.id in self.list_sites:
            self.list_sites[name] = self.list_sites[expr.id]
        elif id(expr) in self.made_lists:
            self.list_sites[name] = self.made_lists[id(expr)][1]

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
        self.env[key] = self.materialise(value, self.base_name(key), pos, key, forced)

    def materialise(self, value: Value, base: str, pos: Pos | None, key: Key | None, forced: bool = False) -> Value:
        """Hold the value in the variable `base`, or its parts in variables named after it.

        Parts that are variables already are left as they are, unless forced.
        """
        if isinstance(value, Leaf):
            if isinstance(value.expr, Name) and value.expr.id == base:
                return value
            self._move_away(base, key, pos)
            name = Name(base, kind=value.kind, pos=pos)
            self._inherit_site(base, value.expr)
            self.emit(Assign(name, value.expr, pos=pos))
            return Leaf(name)
        if isinstance(value, Static) and isinstance(value.value, (str, type(None), int, float, bytes)):
            self._move_away(base, key, pos)
            expr = as_expr(value, pos)
            self.emit(Assign(Name(base, kind=expr.kind, pos=pos), expr, pos=pos))
            return value
        if isinstance(value, Struct):
            if not forced and value.items and all(self._is_named(item) for item in value.items.values()):
                return value
            return self._materialise_struct(value, base, pos, key, forced)
        if isinstance(value, Iteration):
            from srcgrad.specialize.iteration import hold

            return hold(self, value, base, pos)
        if isinstance(value, (Bound, Method, Either)):
            return self._held_function(value, base, pos)
        return value

    def _held_function(self, value: Value, base: str, pos: Pos | None) -> Value:
        """A function whose arguments or owner are held in variables."""
        number = 0

        def hold(part: Value) -> Value:
            nonlocal number
            number += 1
            if isinstance(part, Leaf) and not isinstance(part.expr, (Const, Name)):
                return self.materialise(part, self.part(base, number), pos, None)
            return self.materialise(part, self.part(base, number), pos, None) if isinstance(part, Struct) else mapped(part, hold)

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
        self, value: Struct, base: str, key: Key | None, forced: bool, moves: list[tuple[dict[object, Value], object, str]]
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

    def parts_of(self, base: str) -> list[str]:
        """The variables for all parts of what the variable `base` holds."""
        own = [name for (owner, _), name in self.names.items() if owner == ("part", base)]
        return [*own, *(name for part in own for name in self.parts_of(part))]

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
        if isinstance(value, Closure) and value.defaults:
            defaults = {k: self._relocated(v, name, f"{base}_{k}", pos, seen) for k, v in value.defaults.items()}
            return dataclasses.replace(value, defaults=defaults)
        return mapped(value, lambda held: self._relocated(held, name, base, pos, seen))

    # ---- control flow ----

    def joiner(self, test: Callable[[], Expr] | None = None) -> Joiner:
        """Merges environments where paths meet."""
        return Joiner(self.knowledge.canonical, self.part, test)

    def resolve(self, value: Value) -> None:
        """A variable is read: where its paths gave it different containers, start again in a way that reconciles them."""
        if isinstance(value, Struct):
            for item in value.items.values():
                if not isinstance(item, Conflict) or not item.missing:
                    self.resolve(item)
        if isinstance(value, Conflict):
            new = {site for site in value.sites if site not in self.knowledge.dynamic}
            if value.key is not None and value.key not in self.knowledge.canonical:
                self.knowledge.canonical.add(value.key)
                raise Restart
            if new:
                self.knowledge.dynamic |= new
                raise Restart

    def read(self, value: Value, pos: Pos | None) -> Value:
        """A part of a container is read."""
        if isinstance(value, Conflict):
            self.resolve(value)
            raise KindError(value.reason, "Give it a value on every path.", pos)
        return value

    def certain(self, owner: Struct, pos: Pos | None) -> None:
        """What parts a container has matters: raise where that depends on the path."""
        for item in owner.items.values():
            if isinstance(item, Conflict) and item.missing:
                self.read(item, pos)

    def branch(
        self, test: Expr, body: Callable[[], None], orelse: Callable[[], None], pos: Pos | None, guard: bool = False
    ) -> None:
        """Emit an If whose branches are what the two functions emit."""
        from srcgrad.specialize.outline import Unreached

        before = self.env
        paths: list[tuple[tuple[Stmt, ...], dict[Key, Value] | None]] = []
        copies: list[Copies] = []
        for run in (body, orelse):
            self.env, memo = copy_with(before)
            copies.append(memo)
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
            origins = copies[0] if after_else is None else copies[1]
        else:
            held: list[Expr] = []

            def which() -> Expr:
                if not held:
                    held.append(self.temporary(test, "chosen").expr)
                return held[0]

            joiner = self.joiner(which)
            self.env = joiner.environments(after_then, after_else, self.base_name)
            self.partly_set |= after_then.keys() ^ after_else.keys()
            test = held[0] if held else test
            origins = joiner.origins(*copies)
        self.env = put_back(self.env, origins)
        if then or other:
            self.emit(If(test, then, other, guard, pos=pos))

    def fixpoint(self, body: Callable[[], None]) -> tuple[Stmt, ...]:
        """The statements of a loop's body, once the kinds at its head are stable."""
        self.env, origins = copy_with(self.env)
        for _ in range(12):
            head, heads = copy_with(self.env)
            names, used, emitted = dict(self.names), set(self.used), self.emitted
            stmts = self.block(body)
            joiner = self.joiner()
            joined = joiner.environments(head, self.env, self.base_name)
            self.partly_set |= joined.keys() - head.keys()
            origins = joiner.after(origins, heads)
            carried = [key for key in joined if key in head or key in self.read_undefined]
            if all(key in head and same(head[key], joined[key]) for key in carried):
                self.env = put_back(joined, origins)
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


def _is_name(value: Value, name: str) -> bool:
    return isinstance(value, Leaf) and isinstance(value.expr, Name) and value.expr.id == name


def _reaches(value: Value, struct: Struct) -> bool:
    """Whether the container is the value or a part of it."""
    if isinstance(value, Struct):
        return value is struct or any(_reaches(item, struct) for item in value.items.values())
    if isinstance(value, Bound):
        return any(_reaches(item, struct) for item in (value.function, *value.args, *value.kwargs.values()))
    return isinstance(value, Method) and _reaches(value.owner, struct)


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
