"""What variables hold where two paths meet.

A container whose layout is known has a variable for each part. Two paths that give a variable containers of one
layout whose parts are different variables are reconciled by giving the user's variable parts of its own (`state_0`,
`state_1`), assigned wherever the variable is bound; that is learned on the first attempt and done on the next.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from srcgrad.ir.kinds import DictOf, ListOf, join
from srcgrad.ir.nodes import Expr, Name
from srcgrad.specialize.environments import Copies
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Conflict,
    Either,
    Iteration,
    Leaf,
    ListedArray,
    Method,
    Static,
    Struct,
    Value,
    describe,
    kind_of_static,
    same,
    same_layout,
)

FROZEN_SHARED = "whether it is the same object as another variable's depends on the path"


class Joiner:
    """Merges two environments. part: the variable for one part of a variable's container; test: a variable that tells
    the paths apart, where there is one."""

    def __init__(
        self, canonical: set[Any], part: Callable[[str, object], str], test: Callable[[], Expr] | None = None
    ) -> None:
        self.canonical, self.part, self.test = canonical, part, test
        self.memo: dict[tuple[int, int], Value] = {}
        self.pairs: list[tuple[Struct, Struct, Struct]] = []

    def environments(self, a: dict[Any, Value], b: dict[Any, Value], base: Callable[[Any], str]) -> dict[Any, Value]:
        """The environment where the paths meet."""
        result = dict(a)
        for key, value in b.items():
            result[key] = self.merge(a[key], value, base(key), base(key), key) if key in a else value
        self._freeze_shared()
        return result

    def origins(self, then: Copies, orelse: Copies) -> Copies:
        """What the containers that stood before a branch have become, given their copies on the two paths."""
        found: Copies = {}
        for at, (original, a) in then.items():
            made = self.memo.get((id(a), id(orelse[at][1])))
            if isinstance(made, Struct):
                found[at] = (original, made)
        return found

    def after(self, origins: Copies, heads: Copies) -> Copies:
        """What the containers that stood before a loop have become after one more trip."""
        found: Copies = {}
        for at, (original, now) in origins.items():
            if id(now) in heads:
                made = self.memo.get((id(heads[id(now)][1]), id(now)))
                if isinstance(made, Struct):
                    found[at] = (original, made)
        return found

    def merge(self, a: Value, b: Value, base: str, name: str, key: Any) -> Value:
        """What a variable (or a part of it) holds; base: the program's variable for it, name: the user's words."""
        if isinstance(a, Struct) and isinstance(b, Struct):
            at = (id(a), id(b))
            if at not in self.memo:
                self.memo[at] = self._structs(a, b, base, name, key)
            return self.memo[at]
        if same(a, b):
            return self._function(a, b, base, name, key)
        if isinstance(a, Conflict) or isinstance(b, Conflict):
            return a if isinstance(a, Conflict) else b
        if is_function(a) and is_function(b) and self.test is not None:
            return Either(self.test(), a, b)
        if isinstance(a, Iteration) and isinstance(b, Iteration) and a.item is b.item and a.static is b.static:
            return dataclasses.replace(a, taken=a.taken or b.taken)
        return self._leaves(a, b, base, name, key)

    def _structs(self, a: Struct, b: Struct, base: str, name: str, key: Any) -> Value:
        sites = tuple(x.site for x in (a, b) if x.site is not None and x.type in ("list", "dict"))
        if not same_layout(a, b) and not (a.type == b.type and a.type in ("dict", "object") and a.cls is b.cls):
            return Conflict(f"{name} is {describe(a)} on one path and {describe(b)} on another", None, sites)
        if a.none != b.none:
            found = a if a.none is None else b
            return Conflict(f"{name} may be None on one path", key if base == name else None, layout=found)
        items: dict[Any, Value] = {}
        for k in (*a.items, *(k for k in b.items if k not in a.items)):
            if k in a.items and k in b.items:
                items[k] = self.merge(a.items[k], b.items[k], self.part(base, k), f"{name}[{k!r}]", key)
            else:
                items[k] = Conflict(f"{name} has no {k!r} on one path", None, sites, True)
        made = dataclasses.replace(a, items=items, depth=min(a.depth, b.depth), frozen=a.frozen or b.frozen)
        self.pairs.append((a, b, made))
        return made

    def _function(self, a: Value, b: Value, base: str, name: str, key: Any) -> Value:
        """Two functions that agree, holding the containers that the two paths' have become."""
        if isinstance(a, Bound) and isinstance(b, Bound):
            return dataclasses.replace(
                a,
                function=self.merge(a.function, b.function, base, name, key),
                args=[self.merge(x, y, base, name, key) for x, y in zip(a.args, b.args, strict=False)],
                kwargs={k: self.merge(a.kwargs[k], b.kwargs[k], base, name, key) for k in a.kwargs},
            )
        if isinstance(a, Method) and isinstance(b, Method):
            return Method(self.merge(a.owner, b.owner, base, name, key), a.name)
        return a

    def _leaves(self, a: Value, b: Value, base: str, name: str, key: Any) -> Value:
        plain_a, plain_b = self._plain(a, base, name, key), self._plain(b, base, name, key)
        conflict = Conflict(f"{name} is {describe(a)} on one path and {describe(b)} on another")
        layout = next((x for x in (a, b) if isinstance(x, Struct)), None)
        if layout is not None and layout.site is not None and layout.type in ("list", "dict"):
            if any(isinstance(x, Leaf) and isinstance(x.kind, (ListOf, DictOf)) for x in (a, b)):
                conflict.sites = (layout.site,)
                return conflict
        nothing = any(isinstance(x, Static) and x.value is None for x in (a, b))
        if layout is not None and nothing and base == name:
            conflict.key, conflict.layout = key, layout
            return conflict
        if plain_a is not None and plain_b is not None:
            kind = join(plain_a.kind, plain_b.kind)
            if kind is None or isinstance(plain_a.kind, ListedArray) != isinstance(plain_b.kind, ListedArray):
                return conflict
            if plain_a.expr == plain_b.expr:
                return Leaf(dataclasses.replace(plain_a.expr, kind=kind))
        if all(isinstance(x, Leaf) or constant_of(x) for x in (a, b)):
            conflict.key = key if key not in self.canonical else None
        return conflict

    def _plain(self, value: Value, base: str, name: str, key: Any) -> Leaf | None:
        """A constant that a variable holds, as the variable (its assignment has been emitted)."""
        if constant_of(value) and (base == name or key in self.canonical):
            assert isinstance(value, Static)
            return Leaf(Name(base, kind=kind_of_static(value.value)))
        return value if isinstance(value, Leaf) else None

    def _freeze_shared(self) -> None:
        """A container that is another's alias on one path only can be read, but no longer changed."""
        for side in (0, 1):
            found: dict[int, list[Struct]] = {}
            for pair in self.pairs:
                found.setdefault(id(pair[side]), []).append(pair[2])
            for made in found.values():
                if len(made) > 1:
                    for struct in made:
                        if struct.type != "tuple":
                            struct.frozen = struct.frozen or FROZEN_SHARED


def is_function(value: Value) -> bool:
    """Whether the value can be called, and is known when compiling."""
    return isinstance(value, (Closure, Bound, Method, Either)) or (isinstance(value, Static) and callable(value.value))


def constant_of(value: Value) -> bool:
    """Whether the value is a constant that a variable can hold."""
    return isinstance(value, Static) and isinstance(value.value, (str, type(None), int, float, bytes, tuple))
