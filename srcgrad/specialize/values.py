"""What a Python value is while a function is specialised: an expression, a constant, or a structure of those."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from srcgrad.errors import KindError
from srcgrad.ir.kinds import BOTTOM, Kind, ListOf, Opaque, Scalar, join
from srcgrad.ir.nodes import Const, Definition, DictPack, Expr, Name, Pack, Pos


class Value:
    """Base of the values."""


@dataclass(eq=False)
class Leaf(Value):
    """A value that exists when the program runs, given by a typed expression."""

    expr: Expr

    @property
    def kind(self) -> Kind:
        return self.expr.kind


@dataclass(eq=False)
class Static(Value):
    """An object known when compiling: a module, function, class, string, None. text: how generated code spells it."""

    value: Any
    text: str = ""


@dataclass(eq=False)
class Struct(Value):
    """A container whose layout is known when compiling.

    type: "tuple", "list", "dict" or "object" (cls says of which class; also set for named tuples). items: by position,
    key or attribute. depth: how many loops and branches stood around the place where it was made (growing it
    deeper than that makes it dynamic). site: the place where it was made.
    """

    type: str
    items: dict[Any, Value]
    cls: type | None = None
    depth: int = 0
    site: tuple[object, ...] | None = None

    def values(self) -> list[Value]:
        return list(self.items.values())


@dataclass(eq=False)
class Closure(Value):
    """A function of the user's: its definition, where its free names live, and the values of its defaults.

    frame: the frame that defines it, for a function defined inside the one being specialised; function: the
    Python function, for any other; path: how to reach that function object from the arguments of the compiled
    function, when it came with them.
    """

    definition: Definition
    frame: tuple[object, ...] | None = None
    function: Callable[..., Any] | None = None
    defaults: dict[str, Value] = field(default_factory=dict)
    path: tuple[Any, ...] | None = None


@dataclass(eq=False)
class Bound(Value):
    """A method of a structure, or a functools.partial: a callable with its first arguments given."""

    function: Value
    args: list[Value]
    kwargs: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Method(Value):
    """A method of a value that exists when the program runs, or of a container: `x.sum`, `history.append`."""

    owner: Value
    name: str


@dataclass(eq=False)
class Iteration(Value):
    """What a `for` loop runs over. static: the items, when they are known when compiling. Otherwise count is the number of
    trips and item(k) gives the k-th. bounds: lo, hi, step of a range, whose items are its indices."""

    static: list[Value] | None = None
    count: Expr | None = None
    item: Callable[[Expr], Value] | None = None
    bounds: tuple[Expr, Expr, Expr] | None = None


@dataclass(eq=False)
class Conflict(Value):
    """What a variable is after branches that gave it values of kinds that nothing covers: an error once it is used."""

    reason: str


def leaves(value: Value, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Leaf]]:
    """Yield (path, leaf) for every leaf of a value."""
    if isinstance(value, Leaf):
        yield path, value
    elif isinstance(value, Struct):
        for key, item in value.items.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, Bound):
        for i, item in enumerate(value.args):
            yield from leaves(item, (*path, i))


def kind_of_static(value: object) -> Kind:
    """The kind of a constant."""
    if isinstance(value, bool):
        return Scalar("bool", True, value)
    if isinstance(value, int):
        return Scalar("int64", True, value)
    if isinstance(value, float):
        return Scalar("float64", True, value)
    if isinstance(value, complex):
        return Scalar("complex128", True, value)
    return Opaque(type(value))


def constant(value: object, pos: Pos | None = None) -> Leaf:
    """A literal as a leaf."""
    return Leaf(Const(value, kind=kind_of_static(value), pos=pos))


def as_expr(value: Value, pos: Pos | None = None) -> Expr:
    """The value as one typed expression; raises KindError for a function or a module."""
    if isinstance(value, Leaf):
        return value.expr
    if isinstance(value, Static):
        return Const(value.value, kind=kind_of_static(value.value), pos=pos)
    if isinstance(value, Struct):
        if value.type in ("tuple", "list"):
            items = tuple(as_expr(item, pos) for item in value.values())
            if value.type == "tuple":
                return Pack("tuple", items, kind=Opaque(tuple), pos=pos)
            return Pack("list", items, kind=ListOf(join_all([item.kind for item in items])), pos=pos)
        if value.type == "dict":
            keys = tuple(Const(key, kind=kind_of_static(key)) for key in value.items)
            return DictPack(keys, tuple(as_expr(item, pos) for item in value.values()), kind=Opaque(dict), pos=pos)
        name = value.cls.__name__ if value.cls else "object"
        raise KindError(f"an object of class {name} cannot be used as a value here", pos=pos)
    if isinstance(value, Conflict):
        raise KindError(value.reason, pos=pos)
    raise KindError("a function cannot be used as a value here", "Call it, or pass it to a function.", pos=pos)


def join_all(kinds: list[Kind]) -> Kind:
    """The kind that covers all of them; Opaque(object) where there is none."""
    result: Kind = BOTTOM
    for kind in kinds:
        joined = join(result, kind)
        if joined is None:
            return Opaque(object)
        result = joined
    return result


def copy_environment(env: dict[Any, Value]) -> dict[Any, Value]:
    """A copy in which containers are copied too, so that a branch can change them; sharing is kept."""
    memo: dict[int, Struct] = {}

    def copy(value: Value) -> Value:
        if isinstance(value, Struct):
            if id(value) not in memo:
                fresh = memo[id(value)] = Struct(value.type, {}, value.cls, value.depth, value.site)
                fresh.items = {key: copy(item) for key, item in value.items.items()}
            return memo[id(value)]
        if isinstance(value, Bound):
            return Bound(copy(value.function), [copy(a) for a in value.args], {k: copy(a) for k, a in value.kwargs.items()})
        if isinstance(value, Method):
            return Method(copy(value.owner), value.name)
        return value

    return {key: copy(value) for key, value in env.items()}


def same(a: Value, b: Value) -> bool:
    """Whether two environments' values agree, kinds included (used to see that a loop's head is stable)."""
    if isinstance(a, Leaf) and isinstance(b, Leaf):
        return a.expr == b.expr and a.kind == b.kind
    if isinstance(a, Static) and isinstance(b, Static):
        return same_object(a.value, b.value)
    if isinstance(a, Struct) and isinstance(b, Struct):
        return (a.type, a.cls, list(a.items)) == (b.type, b.cls, list(b.items)) and all(
            same(a.items[key], b.items[key]) for key in a.items
        )
    if isinstance(a, Closure) and isinstance(b, Closure):
        return a.definition is b.definition and a.frame == b.frame
    if isinstance(a, Bound) and isinstance(b, Bound):
        return same(a.function, b.function) and len(a.args) == len(b.args) and all(map(same, a.args, b.args))
    if isinstance(a, Conflict) and isinstance(b, Conflict):
        return True
    return a is b


def same_object(a: object, b: object) -> bool:
    """Whether two constants are the same, without asking arrays for a truth value."""
    if a is b:
        return True
    if type(a) is type(b) and isinstance(a, (str, int, float, tuple, bytes, frozenset, type)):
        return a == b
    return False


def merge(a: Value, b: Value, name: str) -> Value:
    """What a variable holds where two paths meet."""
    if same(a, b):
        return a
    if isinstance(a, Conflict):
        return a
    if isinstance(b, Conflict):
        return b
    if isinstance(a, Struct) and isinstance(b, Struct) and (a.type, a.cls, list(a.items)) == (b.type, b.cls, list(b.items)):
        items = {key: merge(a.items[key], b.items[key], f"{name}[{key!r}]") for key in a.items}
        return Struct(a.type, items, a.cls, min(a.depth, b.depth), a.site)
    plain_a, plain_b = _plain(a, name), _plain(b, name)
    if plain_a is not None and plain_b is not None and plain_a.expr == plain_b.expr:
        kind = join(plain_a.kind, plain_b.kind)
        if kind is not None:
            return Leaf(dataclasses.replace(plain_a.expr, kind=kind))
    return Conflict(f"{name} is {describe(a)} on one path and {describe(b)} on another")


def _plain(value: Value, name: str) -> Leaf | None:
    """A constant that a variable holds, as the variable (its assignment has been emitted)."""
    if isinstance(value, Static) and isinstance(value.value, (str, type(None), int, float, tuple)):
        return Leaf(Name(name, kind=kind_of_static(value.value)))
    return value if isinstance(value, Leaf) else None


def describe(value: Value) -> str:
    """A value in a user's words."""
    from srcgrad.ir.kinds import text

    if isinstance(value, Leaf):
        return f"a value of kind {text(value.kind)}"
    if isinstance(value, Static):
        return "None" if value.value is None else repr(value.value)
    if isinstance(value, Struct):
        if value.cls is not None:
            return f"an object of class {value.cls.__name__}"
        return f"a {value.type} of {len(value.items)} items"
    return "a function"
