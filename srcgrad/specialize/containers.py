"""Methods of lists, dicts, tuples and arrays."""

from __future__ import annotations

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import BOTTOM, INT, Array, DictOf, ListOf, Opaque, Scalar, is_float, join
from srcgrad.ir.nodes import Call, Const, Expr, ForEach, Load, Name, Pop, Pos, Prim, Push
from srcgrad.rules import members
from srcgrad.specialize.iteration import integer, iterate
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Iteration, Leaf, Method, Static, Struct, Value, as_expr, constant, describe

NOTHING = Static(None)


def call_method(s: State, method: Method, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """`owner.name(*args, **kwargs)` for an owner that is no object of a user's class."""
    owner, name = method.owner, method.name
    if isinstance(owner, Struct):
        table = {"list": _LIST, "dict": _DICT, "tuple": _TUPLE}[owner.type]
        if owner.cls is not None and name in ("_replace", "_asdict"):
            return _namedtuple_method(owner, name, kwargs)
        if name not in table:
            raise UnsupportedError(f"method {name!r} of a {owner.type} is not supported", pos=pos)
        return table[name](s, owner, args, kwargs, pos)
    assert isinstance(owner, Leaf)
    if isinstance(owner.kind, ListOf):
        return _dynamic_list_method(s, owner, name, args, pos)
    if isinstance(owner.kind, DictOf):
        return _dynamic_dict_method(s, owner, name, args, pos)
    if isinstance(owner.kind, (Array, Scalar)):
        return _array_method(s, owner, name, args, kwargs, pos)
    if isinstance(owner.kind, type(BOTTOM)):
        return Leaf(Name("undefined", kind=BOTTOM, pos=pos))
    return _opaque_method(s, owner, name, args, kwargs, pos)


def _array_method(
    s: State, owner: Leaf, name: str, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    from srcgrad.specialize.calls import call_primitive
    from srcgrad.specialize.writes import METHOD_WRITES

    if name in METHOD_WRITES:
        return METHOD_WRITES[name](s, owner, args, kwargs, pos)
    fn = members.METHODS.get(name)
    if fn is None:
        raise UnsupportedError(f"method {name!r} of an array is not supported", pos=pos)
    return call_primitive(s, Prim(fn, name, "method"), [owner, *args], kwargs, pos)


def _opaque_method(
    s: State, owner: Leaf, name: str, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    """A method of a value that carries no derivative: strings, random generators."""
    type_ = owner.kind.type if isinstance(owner.kind, Opaque) else object
    fn = getattr(type_, name, None)
    exprs = tuple(as_expr(arg, pos) for arg in args)
    keywords = tuple((key, as_expr(arg, pos)) for key, arg in kwargs.items())
    if issubclass(type_, (str, bytes, tuple, dict, frozenset, range)) and fn is not None:
        return Leaf(Call(Prim(fn, name, "method"), (owner.expr, *exprs), keywords, kind=Opaque(object), pos=pos))
    if issubclass(type_, (np.random.Generator, np.random.RandomState)) and fn is not None:
        prim = Prim(fn, name, "method")
        kind = infer_call(prim, (owner.expr, *exprs), keywords)
        return s.temporary(Call(prim, (owner.expr, *exprs), keywords, kind=kind, pos=pos), "draw")
    raise UnsupportedError(f"method {name!r} of {describe(owner)} is not supported: what it changes is not known", pos=pos)


# ---- lists of unknown length ---------------------------------------------------------------------------------


def _dynamic_list_method(s: State, owner: Leaf, name: str, args: list[Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import widen_items

    kind = owner.kind
    assert isinstance(kind, ListOf)
    if isinstance(owner.expr, Name) and name in ("append", "insert", "pop", "extend", "clear", "reverse", "sort"):
        s.own_variable(owner.expr)
    if name in ("append", "insert"):
        value = args[-1]
        expr = _item_expr(s, owner, value, pos)
        widen_items(s, owner, expr, pos)
        s.emit(Push(owner.expr, expr, as_expr(args[0], pos) if name == "insert" else None, pos=pos))
        return NOTHING
    if name == "extend":
        _append_all(s, owner, args[0], pos)
        return NOTHING
    if name == "pop":
        out = Name(s.fresh("item"), kind=kind.item, pos=pos)
        s.emit(Pop(out, owner.expr, as_expr(args[0], pos) if args else None, pos=pos))
        return Leaf(out)
    if name == "copy":
        return copy_list(s, owner, pos)
    if name in ("index", "count") and not is_float(kind):
        fn = getattr(list, name)
        exprs = tuple(as_expr(arg, pos) for arg in args)
        return Leaf(Call(Prim(fn, name, "method"), (owner.expr, *exprs), kind=INT, pos=pos))
    raise UnsupportedError(f"method {name!r} of a list is not supported", pos=pos)


def _item_expr(s: State, owner: Leaf, value: Value, pos: Pos | None) -> Expr:
    if isinstance(value, Struct) and value.type in ("tuple", "list", "dict", "object"):
        raise UnsupportedError(
            f"{describe(value)} is put into a list whose length is not known when compiling",
            "Keep one list for each part instead.",
            pos,
        )
    return as_expr(value, pos)


def _append_all(s: State, owner: Leaf, items: Value, pos: Pos | None) -> None:
    from srcgrad.specialize.statements import run_for

    iteration = iterate(s, items, pos)
    if iteration.static is not None:
        for item in iteration.static:
            _dynamic_list_method(s, owner, "append", [item], pos)
        return
    run_loop(s, iteration, lambda item: _dynamic_list_method(s, owner, "append", [item], pos), pos)
    _ = (run_for, ForEach)


def run_loop(s: State, iteration: Iteration, body, pos: Pos | None) -> None:  # type: ignore[no-untyped-def]
    """Emit a loop over the iteration whose body is what the function emits for an item."""
    from srcgrad.ir.nodes import For

    assert iteration.count is not None and iteration.item is not None
    name = Name(s.fresh("k"), kind=INT, pos=pos)
    item = iteration.item
    bounds = iteration.bounds or (integer(0), iteration.count, integer(1))
    get = (lambda: Leaf(name)) if iteration.bounds else (lambda: item(name))

    def trip() -> None:
        body(get())

    stmts = s.fixpoint(trip)
    s.emit(For(name, *bounds, stmts, pos=pos))


def new_list(s: State, hint: str, pos: Pos | None) -> Leaf:
    """An empty list in a variable of its own."""
    from srcgrad.ir.nodes import Assign, Pack

    name = s.fresh(hint)
    key = ((), name)
    s.names[key] = name
    leaf = Leaf(Name(name, kind=ListOf(BOTTOM), pos=pos))
    s.emit(Assign(leaf.expr, Pack("list", (), kind=ListOf(BOTTOM), pos=pos), pos=pos))
    s.env[key] = leaf
    return leaf


def collect(s: State, iteration: Iteration, function, pos: Pos | None, hint: str = "items") -> Value:  # type: ignore[no-untyped-def]
    """The list of function(item) over the iteration."""
    if iteration.static is not None:
        values = [function(item) for item in iteration.static]
        return Struct("list", dict(enumerate(values)), depth=s.depth, site=s.site(pos))
    made = new_list(s, hint, pos)
    key = ((), made.expr.id)  # type: ignore[attr-defined]

    def append(item: Value) -> None:
        value = function(item)
        owner = s.env[key]
        assert isinstance(owner, Leaf)
        _dynamic_list_method(s, owner, "append", [value], pos)

    run_loop(s, iteration, append, pos)
    return s.env[key]


def copy_list(s: State, owner: Leaf, pos: Pos | None) -> Value:
    """A new list with the same items."""
    return collect(s, iterate(s, owner, pos), lambda item: item, pos, "copied")


# ---- containers whose layout is known ------------------------------------------------------------------------


def _grow(s: State, owner: Struct, pos: Pos | None) -> None:
    if s.depth > owner.depth:
        s.need_dynamic(owner, pos)
        raise UnsupportedError(
            "a list that the caller passed, with items of several kinds, grows inside a loop or a branch", pos=pos
        )


def _list_append(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return _list_insert(s, owner, [constant(len(owner.items)), *args], kwargs, pos)


def _list_insert(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import static_key

    _grow(s, owner, pos)
    at = static_key(args[0])
    if not isinstance(at, int):
        s.need_dynamic(owner, pos)
        raise KindError("an item is inserted at a place that is not known when compiling", pos=pos)
    values = owner.values()
    value = args[1]
    if isinstance(value, Leaf) and not isinstance(value.expr, Const):
        value = s.temporary(value.expr, "item")
    values.insert(at, value)
    owner.items = dict(enumerate(values))
    return NOTHING


def _list_extend(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    iteration = iterate(s, args[0], pos)
    if iteration.static is None:
        s.need_dynamic(owner, pos)
        raise KindError("a list with items of several kinds is extended by a list of unknown length", pos=pos)
    for item in iteration.static:
        _list_append(s, owner, [item], kwargs, pos)
    return NOTHING


def _list_pop(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import static_key

    _grow(s, owner, pos)
    at = static_key(args[0]) if args else -1
    values = owner.values()
    if not isinstance(at, int) or not -len(values) <= at < len(values):
        s.need_dynamic(owner, pos)
        raise KindError("pop from a list that has no such item", pos=pos)
    value = values.pop(at)
    owner.items = dict(enumerate(values))
    return value


def _list_reverse(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    _grow(s, owner, pos)
    owner.items = dict(enumerate(owner.values()[::-1]))
    return NOTHING


def _list_copy(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return Struct(owner.type, dict(owner.items), owner.cls, s.depth, s.site(pos))


def _list_clear(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    _grow(s, owner, pos)
    owner.items = {}
    return NOTHING


def _dict_get(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import static_key

    key = static_key(args[0])
    if key in owner.items:
        return owner.items[key]
    if key is None:
        raise KindError("the key is not known when compiling", pos=pos)
    return args[1] if len(args) > 1 else NOTHING


def _dict_keys(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return iterate(s, owner, pos)


def _dict_values(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return Iteration(static=owner.values())


def _dict_items(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import key_value

    return Iteration(static=[Struct("tuple", {0: key_value(key), 1: item}) for key, item in owner.items.items()])


def _dict_pop(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    value = _dict_get(s, owner, args, kwargs, pos)
    from srcgrad.specialize.statements import static_key

    _grow(s, owner, pos)
    owner.items.pop(static_key(args[0]), None)
    return value


def _dict_update(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import set_part

    new: dict[object, Value] = {}
    for arg in args:
        if not isinstance(arg, Struct) or arg.type != "dict":
            raise UnsupportedError("`update` needs a dict whose keys are known when compiling", pos=pos)
        new.update(arg.items)
    for key, value in {**new, **kwargs}.items():
        set_part(s, owner, key, value, pos)
    return NOTHING


def _dict_setdefault(s: State, owner: Struct, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    from srcgrad.specialize.statements import set_part, static_key

    key = static_key(args[0])
    if key not in owner.items:
        set_part(s, owner, key, args[1] if len(args) > 1 else NOTHING, pos)
    return owner.items[key]


def _namedtuple_method(owner: Struct, name: str, kwargs: dict[str, Value]) -> Value:
    fields = owner.cls._fields  # type: ignore[union-attr]
    if name == "_asdict":
        return Struct("dict", dict(zip(fields, owner.values())))
    items = {k: kwargs.get(field, owner.items[k]) for k, field in enumerate(fields)}
    return Struct("tuple", items, owner.cls)


_LIST = {
    "append": _list_append, "insert": _list_insert, "extend": _list_extend, "pop": _list_pop,
    "reverse": _list_reverse, "copy": _list_copy, "clear": _list_clear,
}  # fmt: skip
_DICT = {
    "get": _dict_get, "keys": _dict_keys, "values": _dict_values, "items": _dict_items, "copy": _list_copy,
    "pop": _dict_pop, "update": _dict_update, "setdefault": _dict_setdefault,
}  # fmt: skip
_TUPLE: dict = {}


def _dynamic_dict_method(s: State, owner: Leaf, name: str, args: list[Value], pos: Pos | None) -> Value:
    kind = owner.kind
    assert isinstance(kind, DictOf)
    if name == "get" and len(args) == 2 and not is_float(kind):
        exprs = tuple(as_expr(arg, pos) for arg in args)
        joined = join(kind.item, exprs[1].kind)
        return Leaf(Call(Prim(dict.get, "get", "method"), (owner.expr, *exprs), kind=joined or kind.item, pos=pos))
    raise UnsupportedError(f"method {name!r} of a dict with keys of unknown values is not supported", pos=pos)


_ = Load
