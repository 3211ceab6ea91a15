"""The arguments of the compiled function as values, and the globals and closures that it reads."""

from __future__ import annotations

import dataclasses
import enum
import functools
import io
import operator
import types
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.backends.homes import home_of, homes_in
from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import BOTTOM, UNSET, Array, Dim, Extent, Kind, ListOf, Matrix, Opaque, Scalar, join
from srcgrad.ir.nodes import Expr, Name, Slice
from srcgrad.rules.defined.registry import STAND_INS
from srcgrad.rules.libraries import MATRICES
from srcgrad.rules.objects import parts_of
from srcgrad.rules.registry import lookup, own_rule
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr

Path = tuple[Any, ...]
"""How to reach a value when the compiled function is called. It starts with ("argument", name), ("primal", None) -
the function that is differentiated - or ("object", object); then steps follow: ("global", name), ("closure", name),
("default", parameter), ("item", key), ("attribute", name), ("length", None). ("live", None) at its end says that any
object will do."""

FROZEN = "__frozen__"
"""The attribute of a dataclass' object that names those of its fields that nothing is differentiated by: a tuple."""


def path_key(path: Path) -> Path:
    """A path as a key: an object that it starts from counts as itself, whatever it is equal to."""
    return tuple((step, id(what)) if step == "object" else (step, what) for step, what in path)


MISSING = object()
"""What a guard holds of a global that is not there, so that a builtin is meant."""


@dataclass
class Inputs:
    """What the compiled function takes.

    leaves: each float or array leaf, by its access text (`params["w"]`), and how to reach it; local: those that have
    a variable of their own instead, by that variable: the access text. captured: hidden parameters, by name: a global
    or closure variable and how to read it. guards: objects that were taken as constants: (how to read it again, the
    object). live: parameters, hidden ones too, that are passed as they are, whatever they are. sources:
    the user's functions that were looked into, by code. seen: what was captured so far, by where
    it stands; named: what callables with a user's rule are called. homes: the libraries of the arrays of each leaf.
    """

    leaves: dict[str, tuple[Path, Kind]] = field(default_factory=dict)
    local: dict[str, str] = field(default_factory=dict)
    captured: dict[str, Path] = field(default_factory=dict)
    guards: list[tuple[Path, object]] = field(default_factory=list)
    live: set[str] = field(default_factory=set)
    sources: dict[int, Callable[..., Any]] = field(default_factory=dict)
    seen: dict[Any, Value] = field(default_factory=dict)
    named: dict[int, str] = field(default_factory=dict)
    homes: dict[str, Set[str]] = field(default_factory=dict)

    @property
    def on_device(self) -> bool:
        """Whether the program works on arrays of a device."""
        return any("cupy" in homes for homes in self.homes.values())


LONGEST = 100  # items of a list that is taken apart because a call has to know how many they are

NUMBER = (int, float, complex, np.number, np.bool_)


def scalar_kind(value: Any) -> Scalar:
    """The kind of a number."""
    if isinstance(value, (bool, np.bool_)):
        return Scalar("bool", isinstance(value, bool), bool(value))
    if isinstance(value, int):
        return Scalar("int64")
    if isinstance(value, float) and not isinstance(value, np.floating):
        return Scalar("float64")
    if isinstance(value, complex) and not isinstance(value, np.complexfloating):
        return Scalar("complex128")
    return Scalar(value.dtype.name, weak=False)


def _library_kind(value: Any) -> Kind:
    """The kind of an object that is not looked into."""
    lookup(type(value))  # reads what is known of its library
    if type(value) in MATRICES and value.ndim == 2 and value.dtype.kind in "biuf":
        return Matrix(type(value), dtype=value.dtype.name)
    return Opaque(type(value))


def array_kind(value: Any, base: str) -> Kind:
    """The kind of an array; base names its axes."""
    return _array_kind(value, lengths(value.shape, base))


def _array_kind(value: Any, dims: tuple[Dim, ...]) -> Kind:
    return Opaque(np.ndarray) if value.dtype.kind not in "biufc" else Array(value.dtype.name, dims)


def lengths(shape: tuple[int, ...], base: str) -> tuple[Dim, ...]:
    """The lengths of the axes of an array that are those of no other; base names the array."""
    return tuple(1 if n == 1 else Extent(f"{base}.{k}") for k, n in enumerate(shape))


STAGGER, LONG = 4, 16


def staggered(shapes: Iterable[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """Shapes of grids that differ by a few cells along an axis, as with halos and faces between cells, together.

    The generated code may rely on by how much they differ: the cache's key holds it. So that shapes that are close by
    chance compile nothing anew, only those of two axes or more count, and axes that differ have to be long.
    """
    groups: list[list[tuple[int, ...]]] = []
    for shape in dict.fromkeys(shapes):
        if len(shape) < 2:
            continue
        for group in groups:
            if len(group[0]) == len(shape) and all(
                m == n or (abs(m - n) <= STAGGER and min(m, n) >= LONG) for m, n in zip(group[0], shape, strict=True)
            ):
                group.append(shape)
                break
        else:
            groups.append([shape])
    return [group for group in groups if len(group) > 1]


def is_object(value: Any) -> bool:
    """Whether a value is an instance of a user's class whose attributes are looked into, or counts as one."""
    cls = type(value)
    if dataclasses.is_dataclass(cls):
        return True
    if isinstance(value, (type, types.ModuleType, types.FunctionType, types.MethodType, BaseException, io.IOBase)):
        return False
    module = cls.__module__.split(".")[0]
    libraries = ("builtins", "numpy", "scipy", "functools", "numba", "srcgrad", "types", "re")
    if module == "scipy":
        return parts_of(value) is not None
    return hasattr(value, "__dict__") and module not in libraries


def attributes(value: Any) -> dict[str, Any]:
    """The attributes of a user's object, or the parts of a library's."""
    parts = parts_of(value)
    if parts is not None:
        return parts
    found = dict(getattr(value, "__dict__", {}))
    if not found and dataclasses.is_dataclass(value):
        found = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return found


def uniform_kind(values: list[Any], base: str) -> Kind | None:
    """The kind of the items of a list of numbers or arrays of one kind, else None."""
    kind: Kind = BOTTOM
    ranks = set()
    for value in values:
        if home_of(value) is not None:
            item: Kind = array_kind(value, base)
            ranks.add(value.ndim)
            if isinstance(item, Array) and item.dims is not None:
                item = Array(item.dtype, tuple(1 if d == 1 else None for d in item.dims))
        elif isinstance(value, NUMBER):
            item = dataclasses.replace(scalar_kind(value), value=UNSET)
            ranks.add(-1)
        elif isinstance(value, list) and (nested := uniform_kind(value, base)) is not None:
            item = ListOf(nested)
            ranks.add(-2)
        else:
            return None
        joined = join(kind, item)
        if joined is None or len(ranks) > 1:
            return None
        kind = joined
    return kind


class Describer:
    """Turns Python objects into values whose leaves are read by their access text, such as `params["w1"]`."""

    def __init__(
        self, inputs: Inputs, function: Callable[[Any, Path], Value], localised: dict[str, str], pinned: Set[object]
    ) -> None:
        self.inputs, self.function, self.localised, self.pinned = inputs, function, localised, pinned
        self.shapes: dict[tuple[int, ...], tuple[Dim, ...]] = {}

    def relate(self, args: dict[str, Any]) -> None:
        """Know the lengths of staggered grids among the arguments as those of the longest, less a few cells."""
        names = {value.shape: name for name, value in reversed(args.items()) if home_of(value) is not None}
        for group in staggered(value.shape for value in args.values() if home_of(value) is not None):
            longest = [max(group, key=operator.itemgetter(k)) for k in range(len(group[0]))]
            for shape in group:
                self.shapes[shape] = tuple(
                    1 if n == 1 else Extent(f"{names[most]}.{k}", most[k] - n, long=most[k] > n)
                    for k, (n, most) in enumerate(zip(shape, longest, strict=True))
                )

    def describe(self, value: Any, text: str, path: Path, seen: tuple[int, ...] = ()) -> Value:
        """The value of an argument. text: how generated code reads it; path: how the wrapper does."""
        if isinstance(value, (np.matrix, np.ma.MaskedArray)):
            raise UnsupportedError(f"{text} is a {type(value).__name__}", f"Pass a plain array: np.asarray({text}).")
        if home_of(value) is not None:
            # parameters of equal shape share their extents: the cache's key holds which are equal
            alone = lengths(value.shape, text)
            known = self.shapes.setdefault(value.shape, alone) if len(path) == 1 else alone
            return self.leaf(_array_kind(value, known), text, path, homes_in(value))
        if self.pinned and path_key(path) in self.pinned and (type(value) is not list or len(value) <= LONGEST):
            return self.known(value, text, path, seen)
        if isinstance(value, NUMBER):
            return self.leaf(scalar_kind(value), text, path)
        if value is None or isinstance(value, (str, bytes, type, types.ModuleType, np.dtype)) or value is Ellipsis:
            return Static(value, text if isinstance(value, type) else "")
        if isinstance(value, slice):
            return self.slice(value, text, path)
        if isinstance(value, enum.Enum):
            return Static(value, text)
        if isinstance(value, list):
            kind = uniform_kind(value, text)
            if kind is not None and value:
                return self.leaf(ListOf(kind), text, path, homes_in(value))
            return self.struct("list", enumerate(value), text, path, seen, None, value)
        if isinstance(value, tuple):
            cls = type(value) if hasattr(value, "_fields") else None
            return self.struct("tuple", enumerate(value), text, path, seen, cls, value)
        if isinstance(value, dict):
            own = None if type(value) is dict else type(value)
            return self.struct("dict", value.items(), text, path, seen, own, value)
        if callable(value) and (not is_object(value) or own_rule(value) is not None):
            return self.function(value, path)
        if is_object(value) and id(value) not in seen:
            return self.object(value, text, path, seen)
        return self.leaf(_library_kind(value), text, path)

    def slice(self, value: slice, text: str, path: Path) -> Leaf:
        """A slice, as what stands in brackets."""
        ends: dict[str, Expr | None] = {}
        for name, end in (("start", value.start), ("stop", value.stop), ("step", value.step)):
            part = self.describe(end, access("object", text, name), (*path, ("attribute", name)))
            ends[name] = None if end is None else as_expr(part)
        return Leaf(Slice(ends["start"], ends["stop"], ends["step"], kind=Opaque(slice)))

    def known(self, value: Any, text: str, path: Path, seen: tuple[int, ...]) -> Value:
        """An int that is taken as a constant, or a list as the items that it has: both are guarded."""
        if type(value) is list:
            self.inputs.guards.append(((*path, ("length", None)), len(value)))
            items = {
                k: self.known(item, access("list", text, k), (*path, ("item", k)), seen) for k, item in enumerate(value)
            }
            return Struct("list", items, None, origin=(text, dict(items)))
        if type(value) is not int:
            return self.describe(value, text, path, seen)
        self.inputs.guards.append((path, value))
        return Static(value)

    def struct(
        self, type_: str, items: Any, text: str, path: Path, seen: tuple[int, ...], cls: type | None, value: Any
    ) -> Struct:
        seen = (*seen, id(value))
        made = {
            key: self.describe(item, access(type_, text, key), (*path, ("item", key)), seen) for key, item in items
        }
        return Struct(type_, made, cls, origin=(text, dict(made)))

    def object(self, value: Any, text: str, path: Path, seen: tuple[int, ...]) -> Struct:
        seen = (*seen, id(value))
        fixed = static_fields(type(value))
        made = {}
        for name, item in attributes(value).items():
            describe = self.constant if name in fixed else self.describe
            made[name] = describe(item, access("object", text, name), (*path, ("attribute", name)), seen)
        return Struct("object", made, STAND_INS.get(type(value), type(value)), origin=(text, dict(made)))

    def constant(self, value: Any, text: str, path: Path, seen: tuple[int, ...] = ()) -> Value:
        """The value of a static field: numbers, alone and in tuples, are known when compiling."""
        if type(value) in (bool, int, float):
            if path[0][0] != "argument":  # of an argument, the cache's key holds it
                self.inputs.guards.append((path, value))
            return Static(value)
        if type(value) is tuple:
            seen = (*seen, id(value))
            made = {k: self.constant(item, access("tuple", text, k), (*path, ("item", k)), seen)
                    for k, item in enumerate(value)}  # fmt: skip
            return Struct("tuple", made, None, origin=(text, dict(made)))
        return self.describe(value, text, path, seen)

    def leaf(self, kind: Kind, text: str, path: Path, homes: Set[str] = frozenset()) -> Leaf:
        name = self.localised.get(text, text)
        if homes:
            self.inputs.homes[name] = homes
        if name != text:
            self.inputs.local[name] = text
        self.inputs.leaves[name] = (path, kind)
        return Leaf(Name(name, kind=kind))


def access(type_: str, text: str, key: object) -> str:
    """How generated code reads a part of a container, whose type is "tuple", "list", "dict" or "object"."""
    return f"{text}.{key}" if type_ == "object" else f"{text}[{_key_text(key)}]"


def static_fields(cls: Any) -> frozenset[str]:
    """The fields of a dataclass that nothing is differentiated by: `field(metadata={"static": True})`."""
    return _static_fields(cls)


@functools.cache
def _static_fields(cls: Any) -> frozenset[str]:
    if not dataclasses.is_dataclass(cls):
        return frozenset()
    return frozenset(field.name for field in dataclasses.fields(cls) if field.metadata.get("static"))


def fixed_fields(value: Any) -> frozenset[str]:
    """The fields of a dataclass' object that nothing is differentiated by: static ones, and those that it froze."""
    frozen = getattr(value, "__dict__", {}).get(FROZEN, ())
    return static_fields(type(value)).union(frozen) if isinstance(frozen, tuple) else static_fields(type(value))


def plain_constructor(cls: type) -> bool:
    """Whether an object of the class can be made of its attributes as they are, given by name."""
    if not dataclasses.is_dataclass(cls) or hasattr(cls, "__post_init__"):
        return False
    code = getattr(cls.__init__, "__code__", None)
    return code is not None and code.co_filename == "<string>" and all(f.init for f in dataclasses.fields(cls))


def _key_text(key: object) -> str:
    return f'"{key}"' if isinstance(key, str) and '"' not in key and "\\" not in key else repr(key)

