"""Dicts whose keys are not known when compiling."""

from __future__ import annotations

from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import BOOL, Bottom, DictOf, Kind, ListOf, Opaque
from srcgrad.ir.nodes import Assign, Call, DictPack, Expr, Name, Op, Pos, Prim
from srcgrad.specialize.state import Key, State
from srcgrad.specialize.values import Iteration, Leaf, Static, Struct, Value, as_expr, key_value

NOTHING = Static(None)


def key_kind(kind: DictOf) -> Kind:
    """The kind of a dict's keys."""
    return Opaque(object) if isinstance(kind.key, Bottom) else kind.key


def keys_of(s: State, owner: Leaf, pos: Pos | None) -> Leaf:
    """The keys, as a list made now."""
    assert isinstance(owner.kind, DictOf)
    kind = ListOf(key_kind(owner.kind))
    return s.temporary(Call(Prim(list, "list"), (owner.expr,), kind=kind, pos=pos), "keys")


def iterate_dict(s: State, owner: Leaf, pos: Pos | None, what: str = "keys") -> Iteration:
    """A loop over keys, values or items."""
    from srcgrad.specialize.indexing import load
    from srcgrad.specialize.iteration import call_builtin

    held = owner if isinstance(owner.expr, Name) else s.temporary(owner.expr, "entries")
    keys = keys_of(s, held, pos)

    def item(k: Expr) -> Value:
        key = load(s, keys, Leaf(k), pos)
        if what == "keys":
            return key
        value = load(s, held, key, pos)
        return value if what == "values" else Struct("tuple", {0: key, 1: value})

    return Iteration(count=call_builtin(len, "len", keys.expr), item=item, view=True)


def contains(owner: Leaf, key: Value, pos: Pos | None) -> Expr:
    """`key in owner`."""
    return Op("in", (as_expr(key, pos), owner.expr), kind=BOOL, pos=pos)


def dict_method(s: State, owner: Leaf, name: str, args: list[Value], pos: Pos | None) -> Value:
    """A method of a dict."""
    from srcgrad.specialize.indexing import load
    from srcgrad.specialize.stores import store_item

    if name in ("keys", "values", "items"):
        return iterate_dict(s, owner, pos, name)
    if name == "get":
        default = args[1] if len(args) > 1 else NOTHING
        slot = ((*s.site(pos), "get"), "found")
        s.names[slot] = s.fresh("found")
        s.branch(
            contains(owner, args[0], pos),
            lambda: s.bind(slot, load(s, owner, args[0], pos), pos, True),
            lambda: s.bind(slot, default, pos, True),
            pos,
        )
        return s.env.pop(slot)
    if name == "setdefault":
        default = args[1] if len(args) > 1 else NOTHING
        absent = Op("not in", (as_expr(args[0], pos), owner.expr), kind=BOOL, pos=pos)
        s.branch(absent, lambda: store_item(s, owner, args[0], default, "", pos), lambda: None, pos)
        return load(s, owner, args[0], pos)
    if name == "update" and len(args) == 1:
        _update(s, owner, args[0], pos)
        return NOTHING
    if name == "copy":
        return copy_dict(s, owner, pos)
    raise UnsupportedError(
        f"method {name!r} of a dict whose keys are not known when compiling is not supported",
        "Use keys that are constants, or build a new dict.", pos,
    )  # fmt: skip


def _update(s: State, owner: Leaf, other: Value, pos: Pos | None) -> None:
    from srcgrad.specialize.builtins import dict_items
    from srcgrad.specialize.containers import run_loop
    from srcgrad.specialize.stores import store_item

    known = dict_items(s, [other], pos)
    if known is not None:
        for key, value in known.items():
            store_item(s, owner, key_value(key), value, "", pos)
        return
    if not isinstance(other, Leaf) or not isinstance(other.kind, DictOf):
        raise UnsupportedError("`update` needs a dict", pos=pos)

    def put(pair: Value) -> None:
        assert isinstance(pair, Struct)
        store_item(s, owner, pair.items[0], pair.items[1], "", pos)

    run_loop(s, iterate_dict(s, other, pos, "items"), put, pos)


def new_dict(s: State, hint: str, pos: Pos | None) -> tuple[Key, Leaf]:
    """An empty dict in a variable of its own: the variable, and the dict."""
    name = s.fresh(hint)
    key: Key = (("made", name), name)
    s.names[key] = name
    kind = DictOf(Bottom())
    leaf = Leaf(Name(name, kind=kind, pos=pos))
    s.emit(Assign(leaf.expr, DictPack((), (), kind=kind, pos=pos), pos=pos))
    s.env[key] = leaf
    return key, leaf


def copy_dict(s: State, owner: Leaf, pos: Pos | None) -> Value:
    """A new dict with the same items."""
    key, _ = new_dict(s, "copied", pos)
    made = s.env[key]
    assert isinstance(made, Leaf)
    _update(s, made, owner, pos)
    return s.env[key]
