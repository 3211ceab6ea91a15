"""Methods of values that exist when the program runs: lists, dicts, arrays, strings, random generators."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from srcgrad.analysis.infer import infer_call
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import BOOL, BOTTOM, INT, STR, Array, Bottom, DictOf, Kind, ListOf, Opaque, Scalar, is_float
from srcgrad.ir.nodes import Assign, Call, Expr, For, Load, Name, Op, Pack, Pop, Pos, Prim, Push, Store
from srcgrad.rules import members
from srcgrad.rules.registry import lookup
from srcgrad.specialize.defined import taken_apart
from srcgrad.specialize.iteration import integer, iterate
from srcgrad.specialize.rows import is_row, learn, new_rows, row_method
from srcgrad.specialize.state import Key, State
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Either,
    Iteration,
    Leaf,
    Method,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
    describe,
)

NOTHING = Static(None)


def call_method(s: State, method: Method, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """`owner.name(*args, **kwargs)` for an owner that is no object of a user's class."""
    from srcgrad.specialize.layouts import METHODS, namedtuple_method

    owner, name = method.owner, method.name
    if isinstance(owner, Rows):
        return row_method(s, owner, name, args, kwargs, pos)
    if isinstance(owner, Struct):
        if owner.cls is not None and name in ("_replace", "_asdict"):
            return namedtuple_method(owner, name, kwargs, pos)
        if name not in METHODS.get(owner.type, {}):
            raise UnsupportedError(
                f"method {name!r} of {describe(owner)} is not supported", "Write it with indexing.", pos
            )
        if owner.type == "dict":
            s.certain(owner, pos)
        return METHODS[owner.type][name](s, owner, args, kwargs, pos)
    if not isinstance(owner, Leaf):
        raise UnsupportedError(f"method {name!r} of {describe(owner)} is not supported", pos=pos)
    if isinstance(owner.kind, ListOf):
        return _list_method(s, owner, name, args, kwargs, pos)
    if isinstance(owner.kind, DictOf):
        from srcgrad.specialize.dicts import dict_method

        return dict_method(s, owner, name, args, pos)
    if isinstance(owner.kind, (Array, Scalar)):
        return _array_method(s, owner, name, args, kwargs, pos)
    if isinstance(owner.kind, Bottom):
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
        what = "an array" if isinstance(owner.kind, Array) else "a number"
        raise UnsupportedError(f"method {name!r} of {what} is not supported", "Use a function of NumPy.", pos)
    return call_primitive(s, Prim(fn, name, "method"), [owner, *args], kwargs, pos)


_STRING_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("find", "rfind", "index", "rindex", "count"), INT),
    **dict.fromkeys(("split", "rsplit", "splitlines"), ListOf(STR)),
    **dict.fromkeys(("partition", "rpartition", "encode", "translate", "maketrans"), Opaque(object)),
}


def _opaque_method(
    s: State, owner: Leaf, name: str, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    """A method of a value that carries no derivative: strings, random generators."""
    type_ = owner.kind.type if isinstance(owner.kind, Opaque) else object
    fn = getattr(type_, name, None)
    lookup(type_)  # reads what is known of a library's methods where that has not been read
    if fn is not None and lookup(fn) is not None:
        from srcgrad.specialize.calls import call_primitive

        return call_primitive(s, Prim(fn, name, "method"), [owner, *args], kwargs, pos)
    apart = taken_apart(s, owner, pos)
    if apart is not None:
        from srcgrad.specialize.calls import call_value
        from srcgrad.specialize.indexing import attribute

        return call_value(s, attribute(s, apart, name, pos), args, kwargs, pos)
    exprs = tuple(as_expr(arg, pos) for arg in args)
    keywords = tuple((key, as_expr(arg, pos)) for key, arg in kwargs.items())
    prim = Prim(fn or type_, name, "method")
    if type_ is str and fn is not None:
        kind = BOOL if name.startswith("is") or name in ("startswith", "endswith") else _STRING_KINDS.get(name, STR)
        return Leaf(Call(prim, (owner.expr, *exprs), keywords, kind=kind, pos=pos))
    if issubclass(type_, (bytes, tuple, frozenset, range)) and fn is not None:
        if any(is_float(expr.kind) for expr in exprs):
            raise UnsupportedError(f"method {name!r} of a {type_.__name__} is not supported for floats", pos=pos)
        return Leaf(Call(prim, (owner.expr, *exprs), keywords, kind=Opaque(object), pos=pos))
    if issubclass(type_, (np.random.Generator, np.random.RandomState)) and fn is not None:
        if name in ("shuffle", "bytes"):
            raise UnsupportedError(
                f"{name} is not supported: it writes in place", "Use `x[rng.permutation(len(x))]`.", pos
            )
        kind = infer_call(prim, (owner.expr, *exprs), keywords)
        return s.temporary(Call(prim, (owner.expr, *exprs), keywords, kind=kind, pos=pos), "draw")
    raise UnsupportedError(
        f"method {name!r} of {describe(owner)} is not supported: what it changes is not known",
        "Call it outside the function that is differentiated.", pos,
    )  # fmt: skip


# ---- lists of unknown length ---------------------------------------------------------------------------------

_CHANGING = ("append", "insert", "pop", "extend", "clear", "reverse", "sort", "remove", "__delitem__")


def _list_method(
    s: State, owner: Leaf, name: str, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    kind = owner.kind
    assert isinstance(kind, ListOf)
    if name in _CHANGING:
        owner = Leaf(s.writable(owner.expr, pos))
    if name in ("append", "insert"):
        _push(s, owner, args, pos)
    elif name == "extend":
        _append_all(s, owner, args[0], pos)
    elif name == "pop":
        out = Name(s.fresh("item"), kind=kind.item, pos=pos)
        s.popped.add(out.id)
        s.inherit_item_site(out.id, owner.expr)
        s.emit(Pop(out, owner.expr, as_expr(args[0], pos) if args else None, pos=pos))
        return Leaf(out)
    elif name == "copy":
        return copy_list(s, owner, pos)
    elif name in ("index", "count"):
        exprs = tuple(as_expr(arg, pos) for arg in args)
        return Leaf(Call(Prim(getattr(list, name), name, "method"), (owner.expr, *exprs), kind=INT, pos=pos))
    elif name == "__delitem__":
        _delete(s, owner, args[0], pos)
    elif name == "remove":
        at = _list_method(s, owner, "index", args, kwargs, pos)
        s.emit(Pop(None, owner.expr, as_expr(at, pos), pos=pos))
    elif name == "clear":
        everything = Iteration(count=length(owner.expr), item=lambda k: Leaf(k))
        run_loop(s, everything, lambda item: s.emit(Pop(None, owner.expr, pos=pos)), pos)
    elif name in ("reverse", "sort"):
        _reorder(s, owner, name, kwargs, pos)
    else:
        raise UnsupportedError(f"method {name!r} of a list is not supported", "Write it with indexing and loops.", pos)
    return NOTHING


def _push(s: State, owner: Leaf, args: list[Value], pos: Pos | None) -> None:
    from srcgrad.specialize.stores import widen_items

    value = args[-1]
    assert isinstance(owner.kind, ListOf)
    site, depth = s.list_sites.get(owner.expr.id, (None, 0)) if isinstance(owner.expr, Name) else (None, 0)
    if is_row(value):
        if isinstance(owner.kind.item, Bottom) and site is not None:
            learn(s, site, value)
        raise UnsupportedError(
            f"{describe(value)} is put into a list whose length is not known when compiling",
            "Make the list where it is filled, or keep one list for each part.", pos,
        )  # fmt: skip
    is_list = (isinstance(value, Struct) and value.type == "list") or (
        isinstance(value, Leaf) and isinstance(value.kind, ListOf)
    )
    if is_list or isinstance(value, (Closure, Bound, Method, Either)):
        s.need_unrolled(depth)
    s.need_run_time(value, pos)
    expr = as_expr(value, pos)
    widen_items(s, owner, expr, pos)
    s.emit(Push(owner.expr, expr, as_expr(args[0], pos) if len(args) > 1 else None, pos=pos))


def _delete(s: State, owner: Leaf, at: Value, pos: Pos | None) -> None:
    from srcgrad.specialize.indexing import static_slice

    where = static_slice(at)
    index = as_expr(at, pos)
    if where is None:
        if index.kind == Opaque(slice):
            raise UnsupportedError("this slice of a list cannot be deleted", "Build a new list.", pos)
        s.emit(Pop(None, owner.expr, index, pos=pos))
        return
    if where.step not in (None, 1) or (where.start or 0) < 0 or (where.stop is not None and where.stop < 0):
        raise UnsupportedError("this slice of a list cannot be deleted", "Build a new list.", pos)
    size = length(owner.expr)
    hi = size if where.stop is None else Call(Prim(min, "min"), (integer(where.stop), size), kind=INT)
    gone = Iteration(count=Op("-", (hi, integer(where.start or 0)), kind=INT), item=lambda k: Leaf(k))
    run_loop(s, gone, lambda item: s.emit(Pop(None, owner.expr, integer(where.start or 0), pos=pos)), pos)


def _reorder(s: State, owner: Leaf, name: str, kwargs: dict[str, Value], pos: Pos | None) -> None:
    """Write the items back in another order."""
    from srcgrad.specialize.iteration import backwards
    from srcgrad.specialize.reductions import ordered

    assert isinstance(owner.kind, ListOf)
    if name == "sort":
        new = ordered(s, owner, kwargs, pos)
    else:
        new = collect(s, backwards(iterate(s, owner, pos)), lambda item: item, pos, "backwards")
    source = iterate(s, new, pos)
    item_kind = owner.kind.item

    def put(k: Value) -> None:
        assert source.item is not None
        item = as_expr(source.item(as_expr(k)), pos)
        s.emit(Store(Load(owner.expr, as_expr(k), kind=item_kind, pos=pos), item, pos=pos))

    run_loop(s, Iteration(count=length(owner.expr), item=lambda k: Leaf(k)), put, pos)


def length(expr: Expr) -> Expr:
    """`len(expr)`."""
    prim = Prim(len, "len")
    return Call(prim, (expr,), kind=infer_call(prim, (expr,), ()))


def _append_all(s: State, owner: Leaf, items: Value, pos: Pos | None) -> None:
    if isinstance(items, Leaf) and items.expr == owner.expr:
        items = copy_list(s, owner, pos)
    iteration = iterate(s, items, pos)
    for item in iteration.static or []:
        _push(s, _now(s, owner), [item], pos)
    if iteration.static is None:
        run_loop(s, iteration, lambda item: _push(s, _now(s, owner), [item], pos), pos)


def _now(s: State, owner: Leaf) -> Leaf:
    """The list with the kind that its items have by now."""
    if isinstance(owner.expr, Name):
        for value in s.env.values():
            for leaf in _leaves(value):
                if isinstance(leaf.expr, Name) and leaf.expr.id == owner.expr.id:
                    return Leaf(dataclasses.replace(owner.expr, kind=leaf.kind))
    return owner


def _leaves(value: Value) -> list[Leaf]:
    if isinstance(value, Leaf):
        return [value]
    return [leaf for item in value.values() for leaf in _leaves(item)] if isinstance(value, Struct) else []


def run_loop(s: State, iteration: Iteration, body: Callable[[Value], object], pos: Pos | None) -> None:
    """Emit a loop over the iteration whose body is what the function emits for an item."""
    if iteration.count is None or iteration.item is None:
        raise KindError("what is looped over here is not known when compiling", "Make a list of it first.", pos)
    name = Name(s.fresh("k"), kind=INT, pos=pos)
    item = iteration.item
    bounds = iteration.bounds or (integer(0), iteration.count, integer(1))

    def trip() -> None:
        body(Leaf(name) if iteration.bounds else item(name))

    stmts = s.fixpoint(trip)
    s.emit(For(name, *bounds, stmts, pos=pos))


def new_list(s: State, hint: str, pos: Pos | None) -> tuple[Key, Value]:
    """An empty list in a variable of its own: the variable, and the list."""
    name = s.fresh(hint)
    site = (*s.site(pos), hint)
    key: Key = (("made", name), name)
    s.names[key] = name
    if ("rows", site) in s.knowledge.templates:
        s.bind(key, new_rows(s, [], site, pos), pos)
        return key, s.env[key]
    leaf = Leaf(Name(name, kind=ListOf(BOTTOM), pos=pos))
    s.list_sites[name] = (site, s.depth)
    s.emit(Assign(leaf.expr, Pack("list", (), kind=ListOf(BOTTOM), pos=pos), pos=pos))
    s.env[key] = leaf
    return key, leaf


def collect(
    s: State, iteration: Iteration, function: Callable[[Value], Value], pos: Pos | None, hint: str = "items"
) -> Value:
    """The list of function(item) over the iteration."""
    if iteration.static is not None:
        values = [function(item) for item in iteration.static]
        made = Struct("list", dict(enumerate(values)), depth=s.depth, site=s.site(pos))
        return s.dynamic_list(made, pos) if made.site in s.knowledge.dynamic else made
    key, _ = new_list(s, hint, pos)

    def append(item: Value) -> None:
        value = function(item)
        call_method(s, Method(s.env[key], "append"), [value], {}, pos)

    run_loop(s, iteration, append, pos)
    return s.env[key]


def copy_list(s: State, owner: Value, pos: Pos | None) -> Value:
    """A new list with the same items."""
    return collect(s, iterate(s, owner, pos), lambda item: item, pos, "copied")
