"""Reading parts of values: `owner[index]` and `owner.name`."""

from __future__ import annotations

import inspect
import types

import numpy as np

from srcgrad.analysis.aliases import basic
from srcgrad.analysis.infer import infer_call, infer_load
from srcgrad.analysis.operands import known_dtype
from srcgrad.analysis.signatures import MISSING, const, strides_of
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import INT, NONE, Array, DictOf, ListOf, Matrix, Opaque, Scalar, is_float
from srcgrad.ir.nodes import Call, Const, Expr, Load, Name, Pack, Pos, Prim, Slice
from srcgrad.ir.walk import root
from srcgrad.rules import members
from srcgrad.specialize import holders
from srcgrad.specialize.defined import in_brackets
from srcgrad.specialize.iteration import new_list
from srcgrad.specialize.options import TransformedFunction
from srcgrad.specialize.rows import is_row
from srcgrad.specialize.state import State
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Conflict,
    Either,
    Iteration,
    Leaf,
    ListedArray,
    Method,
    Rows,
    Static,
    Struct,
    Transformed,
    Value,
    as_expr,
    constant,
    describe,
    join_all,
    static_key,
)


def load(s: State, owner: Value, at: Value, pos: Pos | None, store: bool = False) -> Value:
    """`owner[at]`."""
    if isinstance(owner, (Bound, Closure, Either, Method)):
        raise KindError("a function has no items", pos=pos)
    if isinstance(owner, Rows):
        from srcgrad.specialize.rows import load_row

        return load_row(s, owner, at, pos)
    if isinstance(at, Leaf) and isinstance(at.kind, ListOf) and (at.kind.frozen or isinstance(at.kind.item, Array)):
        raise UnsupportedError(
            "an index is a tuple of unknown length, or a list of arrays whose number is not known when compiling",
            "Write the indices one by one, `x[i, j]`, or make one array of them.", pos,
        )  # fmt: skip
    if isinstance(owner, Struct):
        if owner.type == "object":
            function = getattr(owner.cls, "__getitem__", None)
            if isinstance(function, types.FunctionType):
                from srcgrad.specialize.calls import call_value

                return call_value(s, Bound(s.function(function), [owner]), [at], {}, pos)
            raise KindError(f"{describe(owner)} has no items", pos=pos)
        return take_item(s, owner, at, pos)
    if isinstance(owner, Static):
        made = in_brackets(s, owner.value, at, pos)
        return _static_item(s, owner, at, pos) if made is None else made
    if isinstance(owner, Iteration):
        if owner.bounds is not None and owner.item is not None and not static_slice(at):
            return owner.item(as_expr(at, pos))
        raise KindError(f"{describe(owner)} has no items", "Make a list of it: `list(...)`.", pos)
    base = as_expr(owner, pos)
    index = as_expr(at, pos)
    if isinstance(at, Struct) and at.type == "list":
        prim = Prim(np.array, "np.array")
        index = Call(prim, (index,), kind=infer_call(prim, (index,), ()), pos=pos)
    if is_float(base.kind) and not isinstance(base, Name) and (root(base) is None or new_list(base) or _copies(base)):
        base = s.temporary(base, "value").expr
    if isinstance(base.kind, DictOf):
        return Leaf(Load(base, index, kind=base.kind.item, pos=pos))
    kind = infer_load(base, index)
    if isinstance(base.kind, Scalar):
        return Leaf(base)  # `x[()]` of a number of NumPy
    if const(index) == () and not store and isinstance(base.kind, Array) and not base.kind.dims:  # an array of no axes
        prim = Prim(np.copy, "np.copy")
        return Leaf(Call(prim, (base,), kind=infer_call(prim, (base,), ()), pos=pos))
    if isinstance(base.kind, ListedArray) and isinstance(index, Slice) and isinstance(kind, Array):
        kind = ListedArray(kind.dtype, kind.dims, False, base.kind.site)
    return Leaf(Load(base, index, kind=kind, pos=pos))


def _copies(expr: Expr) -> bool:
    """Whether an item is a copy, as `x[[0, 1]]` is: what is written into a part of it does not reach `x`."""
    return isinstance(expr, Load) and isinstance(expr.base.kind, Array) and not basic(expr.index)


def _static_item(s: State, owner: Static, at: Value, pos: Pos | None) -> Value:
    """A part of a constant: a letter of a string, an entry of a table."""
    where = static_slice(at)
    key = where if where is not None else static_key(at)
    if key is None and isinstance(owner.value, (str, bytes)):
        return Leaf(Load(as_expr(owner, pos), as_expr(at, pos), kind=Opaque(type(owner.value)), pos=pos))
    if key is None and not isinstance(owner.value, dict):
        raise KindError(f"{describe(owner)} is indexed by a value that is not known when compiling", pos=pos)
    try:
        return s.describe_constant(owner.value[key], f"{owner.text}[{key!r}]")
    except (IndexError, KeyError, TypeError) as error:
        raise KindError(f"{describe(owner)}[{key!r}]: {error}", pos=pos) from None


def copied(value: Struct) -> Struct:
    """A container of its own with the same parts."""
    return value.like({key: copied(item) if isinstance(item, Struct) else item for key, item in value.items.items()})


def static_slice(at: Value) -> slice | None:
    """A slice whose bounds are known when compiling."""
    if not isinstance(at, Leaf) or not isinstance(at.expr, Slice):
        return None
    parts = []
    for part in (at.expr.lo, at.expr.hi, at.expr.step):
        known = None if part is None else static_key(Leaf(part))
        if part is not None and not isinstance(known, int):
            return None
        parts.append(known)
    return slice(*parts)


def take_item(s: State, owner: Struct, at: Value, pos: Pos | None) -> Value:
    """An item of a container whose layout is known."""
    if isinstance(at, Leaf) and isinstance(at.expr, Slice):
        where = static_slice(at)
        if where is not None:
            made = Struct(owner.type, dict(enumerate(owner.values()[where])), depth=s.depth, site=s.site(pos))
            return s.dynamic_list(made, pos) if made.type == "list" and made.site in s.knowledge.dynamic else made
    else:
        key = static_key(at)
        if key is not None or (isinstance(at, Static) and at.value is None):
            if owner.type in ("tuple", "list") and isinstance(key, int) and key < 0:
                key += len(owner.items)
            if key in owner.items:
                return s.read(owner.items[key], pos)
            if owner.type == "dict":
                raise KindError(f"the dict has no key {key!r}; it has {', '.join(map(repr, owner.items))}", pos=pos)
            raise KindError(f"index {key} is out of range for a {owner.type} of {len(owner.items)} items", pos=pos)
    s.need_dynamic(owner, pos, at)
    if owner.type == "tuple" and all(map(is_row, owner.values())) and owner.items:
        rows = s.dynamic_list(Struct("list", dict(enumerate(copied(owner).values())), site=s.site(pos)), pos, held=True)
        return load(s, rows, at, pos)
    packed = as_expr(owner, pos)
    if owner.type == "dict" and owner.items:
        from srcgrad.specialize.expressions import run_time_dict

        return load(s, s.temporary(as_expr(run_time_dict(s, owner, pos)), "entries"), at, pos)
    if isinstance(packed, Pack) and join_all([item.kind for item in packed.items]) != Opaque(object):
        item = join_all([item.kind for item in packed.items])
        if isinstance(item, Scalar):
            item = Scalar(item.dtype, item.weak)
        packed = Pack("list", packed.items, kind=ListOf(item), pos=pos)
        return load(s, s.temporary(packed, "items"), at, pos)
    raise KindError(
        f"a {owner.type} with items of several kinds is indexed by a value that is not known when compiling", pos=pos
    )


_OF_DTYPES = frozenset(("kind", "name", "char", "itemsize", "num", "type"))
"""Attributes of a dtype that are known with it: numbers, texts, and the class of its scalars."""


def attribute(s: State, owner: Value, name: str, pos: Pos | None) -> Value:
    """`owner.name`."""
    if isinstance(owner, Static):
        if not hasattr(owner.value, name):
            raise KindError(f"{owner.text or describe(owner)} has no attribute {name!r}", pos=pos)
        return s.describe_constant(getattr(owner.value, name), f"{s.spelling(owner)}.{name}", owner.value, name)
    if isinstance(owner, Struct):
        return _struct_attribute(s, owner, name, pos)
    if isinstance(owner, Leaf) and isinstance(owner.expr, Slice) and name in ("start", "stop", "step"):
        end = {"start": owner.expr.lo, "stop": owner.expr.hi, "step": owner.expr.step}[name]
        return Static(None) if end is None else Leaf(end)
    if isinstance(owner, Leaf):
        s.need_list(owner)
        fn = members.ATTRIBUTES.get(name)
        known = fn in (np.transpose, np.shape) if isinstance(owner.kind, Matrix) else fn is not None
        if fn is not None and known and isinstance(owner.kind, (Array, Scalar, Matrix)):
            prim = Prim(fn, name, "attribute")
            base = owner.expr
            return Leaf(Call(prim, (base,), kind=infer_call(prim, (base,), ()), pos=pos))
        if name == "strides" and isinstance(owner.kind, Array) and owner.kind.dims is not None:
            every = Call(Prim(strides_of, name, "attribute"), (owner.expr,), kind=Opaque(tuple), pos=pos)
            places = range(len(owner.kind.dims))
            return Struct("tuple", {k: Leaf(Load(every, Const(k, kind=INT), kind=INT, pos=pos)) for k in places})
        if name == "flat" and isinstance(owner.kind, Array):
            from srcgrad.specialize.flat import elements

            return elements(s, owner, pos)
        dtype = known_dtype(owner.kind)
        if dtype is not None and name in _OF_DTYPES:
            found = getattr(dtype, name)
            if isinstance(found, int):
                return constant(found, pos)
            return Static(found, f"np.{dtype.name}" if isinstance(found, type) else "")
        if owner.kind == NONE:
            raise KindError(f"None has no attribute {name!r}", pos=pos)
        if isinstance(owner.kind, ListOf) and not hasattr(list, name):
            raise _of_an_array("list", name, pos)
        return Method(owner, name)
    if isinstance(owner, Transformed):
        from srcgrad.specialize.transformations import member

        return member(owner, name, pos)
    if isinstance(owner, (Closure, Bound)):
        if name == "__name__":
            return Static(owner.definition.name if isinstance(owner, Closure) else "function")
        if isinstance(owner, Closure) and owner.function is not None and hasattr(owner.function, name):
            return s.describe_constant(getattr(owner.function, name), name, owner.function, name)
        raise UnsupportedError(f"attribute {name!r} of a function is not supported", pos=pos)
    if isinstance(owner, Conflict):
        raise KindError(owner.reason, pos=pos)
    raise UnsupportedError(f"attribute {name!r} is not supported here", pos=pos)


def _of_an_array(type_: str, name: str, pos: Pos | None) -> KindError:
    """The error for an attribute that a list or tuple does not have; often an array was meant."""
    remedy = "Make an array of it: np.asarray(...)." if hasattr(np.ndarray, name) else ""
    return KindError(f"a {type_} has no attribute {name!r}", remedy, pos)


def _struct_attribute(s: State, owner: Struct, name: str, pos: Pos | None) -> Value:
    if owner.type == "object":
        if name in owner.items:
            return s.read(owner.items[name], pos)
        of_library = holders.method(s, owner, name, pos)
        if of_library is not None:
            return of_library
        found = inspect.getattr_static(owner.cls, name, MISSING)
        if isinstance(found, property) and found.fget is not None:
            from srcgrad.specialize.calls import call_value

            return call_value(s, s.function(found.fget), [owner], {}, pos)
        if isinstance(found, types.FunctionType):
            return Bound(s.function(found), [owner])
        if isinstance(found, TransformedFunction):
            from srcgrad.specialize.transformations import method_of

            return method_of(s, found, owner)
        if isinstance(found, staticmethod):
            return s.function(found.__func__)
        if isinstance(found, classmethod):
            return Bound(s.function(found.__func__), [Static(owner.cls)])
        if name == "__class__":
            return Static(owner.cls)
        if found is not MISSING:
            value = getattr(owner.cls, name)
            return s.describe_constant(value, f"{owner.cls.__name__}.{name}" if owner.cls else name, owner.cls, name)
        class_name = owner.cls.__name__ if owner.cls else "object"
        raise KindError(f"the {class_name} has no attribute {name!r} here", pos=pos)
    if owner.cls is not None and name in getattr(owner.cls, "_fields", ()):
        return owner.items[owner.cls._fields.index(name)]
    if owner.cls is not None:
        found = inspect.getattr_static(owner.cls, name, None)
        if isinstance(found, types.FunctionType) and name != "_replace":
            return Bound(s.function(found), [owner])
    if owner.type in ("list", "tuple") and not hasattr(owner.cls or (list if owner.type == "list" else tuple), name):
        raise _of_an_array(owner.type, name, pos)
    return Method(owner, name)
