"""What a Python value is while a function is specialised: an expression, a constant, or a structure of those."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from srcgrad.errors import KindError
from srcgrad.ir.kinds import BOTTOM, Array, Kind, ListOf, Opaque, Scalar, join
from srcgrad.ir.nodes import Call, Const, Definition, DictPack, Expr, Pack, Pos, Prim
from srcgrad.specialize.options import Options


class Value:
    """Base of the values."""


@dataclass(eq=False)
class Leaf(Value):
    """A value that exists when the program runs, given by a typed expression."""

    expr: Expr

    @property
    def kind(self) -> Kind:
        return self.expr.kind


@dataclass(frozen=True)
class ListedArray(Array):
    """The list of an array's items (from `a, *rest = x`), represented by the array. site: where it was made: once it
    is used in a way in which lists and arrays differ, it is made a list there."""

    site: object = None


@dataclass(eq=False)
class Static(Value):
    """An object known when compiling: a module, function, class, string, None. text: how generated code spells it."""

    value: Any
    text: str = ""


@dataclass(eq=False)
class Struct(Value):
    """A container whose layout is known when compiling.

    type: "tuple", "list", "dict" or "object" (cls says of which class; also set for named tuples). items: by
    position, key or attribute. depth: how many loops and branches stood around the place where it was made (growing it
    deeper than that makes it dynamic). site: the place where it was made. frozen: why it cannot be changed, if so.
    none: a variable that says whether the value is None instead, where it may be. origin: how generated code reads
    the container itself, where it came with the arguments, and the items that it came with.
    """

    type: str
    items: dict[Any, Value]
    cls: Any = None
    depth: int = 0
    site: tuple[object, ...] | None = None
    frozen: str = ""
    none: Expr | None = None
    origin: tuple[str, dict[Any, Value]] | None = None

    def values(self) -> list[Value]:
        return list(self.items.values())

    def like(self, items: dict[Any, Value]) -> Struct:
        """A container of the same sort with other items."""
        return dataclasses.replace(self, items=items)


@dataclass(eq=False)
class Rows(Struct):
    """A list of unknown length whose items are tuples (dicts, objects) of one layout: a run-time list for each part.

    type: "rows"; items: the parts, each a Leaf of kind ListOf, or again Rows. row: the type of an item; cls: its
    class.
    """

    row: str = "tuple"

    def columns(self) -> Iterator[Leaf]:
        """The run-time lists."""
        for item in self.items.values():
            if isinstance(item, Rows):
                yield from item.columns()
            else:
                assert isinstance(item, Leaf)
                yield item


@dataclass(eq=False)
class Closure(Value):
    """A function of the user's: its definition, where its free names live, and the values of its defaults.

    frame: the frame that defines it, for a function defined inside the one being specialised; function: the
    Python function, for any other; path: how to reach that function object from the arguments of the compiled
    function, when it came with them. checkpointed: nothing of a call is recorded but what it starts from.
    """

    definition: Definition
    frame: tuple[object, ...] | None = None
    function: Callable[..., Any] | None = None
    defaults: dict[str, Value] = field(default_factory=dict)
    path: tuple[Any, ...] | None = None
    checkpointed: bool = False


@dataclass(eq=False)
class Bound(Value):
    """A method of a structure, or a functools.partial: a callable with its first arguments given.

    origin: the object itself and how to reach it, where it came from outside of the program.
    """

    function: Value
    args: list[Value]
    kwargs: dict[str, Value] = field(default_factory=dict)
    origin: tuple[Any, Any] | None = None


@dataclass(eq=False)
class Transformed(Bound):
    """A transformation of a function, such as its gradient, as a callable. function: what is differentiated."""

    options: Options = Options()


@dataclass(eq=False)
class Pullback(Bound):
    """The pullback that vjp gives. function: the generated one; args: all that it takes but the adjoints of the
    results; seeds: which part of the result each of these belongs to."""

    seeds: tuple[tuple[Any, ...], ...] = ()


@dataclass(eq=False)
class LinearMap(Bound):
    """What linearize gives. function: the forward mode; args: the arguments; wrt: which of them have tangents."""

    wrt: tuple[int, ...] = ()


@dataclass(eq=False)
class Method(Value):
    """A method of a value that exists when the program runs, or of a container: `x.sum`, `history.append`."""

    owner: Value
    name: str


@dataclass(eq=False)
class Iteration(Value):
    """What a `for` loop runs over. static: the items, when they are known when compiling. Otherwise count is the number
    of trips and item(k) gives the k-th. bounds: lo, hi, step of a range, whose items are its indices.

    once: an iterator, which a second loop would find empty. view: of a dict. made: the list that it runs
    over, where that was made for it. depth: loops and branches around the place where a
    variable took it up; taken: a loop has run over it.
    """

    static: list[Value] | None = None
    count: Expr | None = None
    item: Callable[[Expr], Value] | None = None
    bounds: tuple[Expr, Expr, Expr] | None = None
    source: str | None = None
    owner: Struct | None = None
    once: bool = False
    view: bool = False
    made: Value | None = None
    depth: int | None = None
    taken: bool = False


@dataclass(eq=False)
class Either(Value):
    """One of two functions, by the truth of a variable."""

    test: Expr
    body: Value
    orelse: Value


@dataclass(eq=False)
class Conflict(Value):
    """What a variable is after branches that gave it values of kinds that nothing covers: an error once it is used.

    key: the variable, where giving its parts names of their own may help; sites: containers that may have to exist
    at run time instead; missing: one path has no such part at all; layout: the container that one path gives it,
    where the other gives it None.
    """

    reason: str
    key: Any = None
    sites: tuple[Any, ...] = ()
    missing: bool = False
    layout: Struct | None = None


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
        if value.none is not None:
            raise KindError("this may be None", "Ask `is None` first.", pos)
        if value.type in ("tuple", "list"):
            items = tuple(as_expr(item, pos) for item in value.values())
            if value.type == "tuple":
                return Pack("tuple", items, kind=Opaque(tuple), pos=pos)
            return Pack("list", items, kind=ListOf(join_all([item.kind for item in items])), pos=pos)
        if value.type == "dict":
            keys = tuple(Const(key, kind=kind_of_static(key)) for key in value.items)
            return DictPack(keys, tuple(as_expr(item, pos) for item in value.values()), kind=Opaque(dict), pos=pos)
        if isinstance(value, Rows):
            raise KindError(
                f"a list of {value.row}s whose length only the run knows cannot be passed on as a whole",
                "Keep one list for each part.", pos,
            )  # fmt: skip
        name = value.cls.__name__ if value.cls else "object"
        raise KindError(
            f"an object of class {name} cannot be used as a value here", "Use its attributes one by one.", pos
        )
    if isinstance(value, Conflict):
        raise KindError(value.reason, "Give the variable values of one kind.", pos)
    if isinstance(value, Iteration):
        if value.made is not None:
            return as_expr(value.made, pos)
        if value.bounds is not None:
            return Call(Prim(range, "range"), value.bounds, kind=ListOf(Scalar("int64")), pos=pos)
        if value.static is not None:
            return as_expr(Struct("list", dict(enumerate(value.static))), pos)
        raise KindError("an iterator cannot be used as a value here", "Make a list of it: `list(...)`.", pos)
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


def mapped(value: Value, fn: Callable[[Value], Value]) -> Value:
    """A function value with fn applied to what it holds; any other value as it is."""
    if isinstance(value, Bound):
        args, kwargs = [fn(a) for a in value.args], {k: fn(a) for k, a in value.kwargs.items()}
        return dataclasses.replace(value, function=fn(value.function), args=args, kwargs=kwargs)
    if isinstance(value, Method):
        return Method(fn(value.owner), value.name)
    if isinstance(value, Either):
        return Either(value.test, fn(value.body), fn(value.orelse))
    return value


def same(a: Value, b: Value) -> bool:
    """Whether two environments' values agree, kinds included (used to see that a loop's head is stable)."""
    if isinstance(a, Leaf) and isinstance(b, Leaf):
        return a.expr == b.expr and a.kind == b.kind
    if isinstance(a, Static) and isinstance(b, Static):
        return same_object(a.value, b.value)
    if isinstance(a, Struct) and isinstance(b, Struct):
        return (
            same_layout(a, b)
            and (a.frozen, a.none) == (b.frozen, b.none)
            and all(same(a.items[key], b.items[key]) for key in a.items)
        )
    if isinstance(a, Closure) and isinstance(b, Closure):
        return a.definition is b.definition and a.frame == b.frame and same_defaults(a, b)
    if isinstance(a, Bound) and isinstance(b, Bound):
        return (
            same_wrapping(a, b) and same(a.function, b.function)
            and len(a.args) == len(b.args) and list(a.kwargs) == list(b.kwargs)
            and all(map(same, a.args, b.args)) and all(same(a.kwargs[k], b.kwargs[k]) for k in a.kwargs)
        )  # fmt: skip
    if isinstance(a, Method) and isinstance(b, Method):
        return a.name == b.name and same(a.owner, b.owner)
    if isinstance(a, Either) and isinstance(b, Either):
        return a.test == b.test and same(a.body, b.body) and same(a.orelse, b.orelse)
    if isinstance(a, Iteration) and isinstance(b, Iteration):
        return a.item is b.item and a.bounds == b.bounds and a.static is b.static and a.taken == b.taken
    if isinstance(a, Conflict) and isinstance(b, Conflict):
        return True
    return a is b


def same_wrapping(a: Bound, b: Bound) -> bool:
    """Whether two functions that wrap another one do the same with it."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Transformed) and isinstance(b, Transformed):
        return a.options == b.options
    if isinstance(a, LinearMap) and isinstance(b, LinearMap) and a.wrt != b.wrt:
        return False
    return not isinstance(a, Pullback) or not isinstance(b, Pullback) or a.seeds == b.seeds


def same_defaults(a: Closure, b: Closure) -> bool:
    """Whether two closures of one definition have the same defaults."""
    return list(a.defaults) == list(b.defaults) and all(same(a.defaults[k], b.defaults[k]) for k in a.defaults)


def same_layout(a: Struct, b: Struct) -> bool:
    """Whether two containers have the same parts."""
    row = (a.row if isinstance(a, Rows) else "") == (b.row if isinstance(b, Rows) else "")
    return row and (a.type, a.cls, list(a.items)) == (b.type, b.cls, list(b.items))


def same_object(a: object, b: object) -> bool:
    """Whether two constants are the same, without asking arrays for a truth value."""
    if a is b:
        return True
    if type(a) is type(b) and isinstance(a, (str, int, float, tuple, bytes, frozenset, type)):
        return a == b
    return False


def is_none(value: Value) -> bool:
    """Whether a value is known to be None."""
    if isinstance(value, Leaf):
        return isinstance(value.expr, Const) and value.expr.value is None
    return isinstance(value, Static) and value.value is None


def describe(value: Value) -> str:
    """A value in a user's words."""
    from srcgrad.ir.kinds import text

    if isinstance(value, Leaf):
        return f"a value of kind {text(value.kind)}"
    if isinstance(value, Static):
        return "None" if value.value is None else repr(value.value)
    if isinstance(value, Rows):
        return f"a list of {value.row}s"
    if isinstance(value, Struct):
        if value.cls is not None:
            return f"an object of class {value.cls.__name__}"
        return f"a {value.type} of {len(value.items)} items"
    if isinstance(value, Iteration):
        return "a range" if value.bounds is not None else "an iterator"
    return "a value that depends on the path" if isinstance(value, Conflict) else "a function"


def key_value(key: object) -> Value:
    """A dict's key as a value."""
    return Static(key) if isinstance(key, (str, tuple, type(None), bytes)) else constant(key)


def static_key(at: Value) -> object:
    """An index that is known when compiling, else None."""
    if isinstance(at, Static):
        return at.value
    if isinstance(at, Leaf):
        if isinstance(at.expr, Const):
            return at.expr.value
        known = getattr(at.kind, "value", None)
        if isinstance(known, (int, str, bool)):
            return known
    if isinstance(at, Struct) and at.type == "tuple":
        keys = [static_key(item) for item in at.values()]
        return None if any(key is None for key in keys) else tuple(keys)
    return None
