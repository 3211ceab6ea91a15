"""Kinds: what the compiler knows of a value before the program runs.

A kind is a dtype and, for arrays, the extent of each axis as far as it is known. Extents are symbolic:
`A[1:-1]` and `A[2:]` both have the extent `Extent("A.0", 2)`, so a sum of the two needs no un-broadcasting.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Extent:
    """The length `max(n - less, 0)`, where n is the length of one axis of one parameter.

    base: names the axis, e.g. "x.0"; less: how much shorter, an int >= 0. An axis whose length is 1 is the
    int 1 and never an Extent, so an Extent with less == 0 is known to differ from 1; so is one that is `long`.
    """

    base: str
    less: int = 0
    long: bool = field(default=False, compare=False)


Dim = int | Extent | None
"""Length of an axis: known, symbolic, or (None) unknown."""


class Unset:
    """The value of a scalar that is not known when compiling."""

    def __repr__(self) -> str:
        return "?"


UNSET = Unset()


@dataclass(frozen=True)
class Kind:
    """Base of all kinds."""


@dataclass(frozen=True)
class Bottom(Kind):
    """No value has reached here yet (a variable read before the loop's first trip has set it)."""


@dataclass(frozen=True)
class Scalar(Kind):
    """A number: a Python number (weak in NumPy's promotion) or a NumPy scalar.

    dtype: a NumPy dtype name ("float64", "int64", "bool", ...). value: the number where it is known when
    compiling, an Extent where it is a length, else UNSET. optional: may be None instead.
    """

    dtype: str
    weak: bool = True
    value: object = UNSET
    optional: bool = False


@dataclass(frozen=True)
class Array(Kind):
    """An ndarray. dims: one Dim per axis, or None where not even the rank is known (then it may be a scalar)."""

    dtype: str
    dims: tuple[Dim, ...] | None
    optional: bool = False


@dataclass(frozen=True)
class ListOf(Kind):
    """A Python list whose length is not part of the kind, all of whose items are of one kind.

    frozen: it stands for a tuple, which is another index than a list is.
    """

    item: Kind
    optional: bool = False
    frozen: bool = False


@dataclass(frozen=True)
class DictOf(Kind):
    """A dict with keys that are not known when compiling and values of one kind."""

    item: Kind
    optional: bool = False
    key: Kind = Bottom()


@dataclass(frozen=True)
class Opaque(Kind):
    """Any other value (string, range, random generator, dtype, ...): it carries no derivative.

    item: the kind of what a loop over it gives, where that is known (a set of ints).
    """

    type: type
    optional: bool = False
    item: Kind | None = None


@dataclass(frozen=True)
class Matrix(Opaque):
    """A matrix of a library that is no NumPy array, such as a sparse one. It stands in products; no derivative flows
    through its own elements."""

    dtype: str = "float64"


@dataclass(frozen=True)
class Shape(Opaque):
    """A tuple of the lengths of axes, as far as they are known."""

    dims: tuple[Dim, ...] | None = None


@dataclass(frozen=True)
class DType(Opaque):
    """A dtype, by name."""

    name: str = ""


FLOAT = Scalar("float64")
INT = Scalar("int64")
BOOL = Scalar("bool")
STR = Opaque(str)
NONE = Opaque(type(None))
BOTTOM = Bottom()


def dtype_name(kind: Kind) -> str:
    """The name of the dtype of a number or an array, "" for anything else."""
    return kind.dtype if isinstance(kind, (Scalar, Array)) else ""


def is_float(kind: Kind) -> bool:
    """Whether values of this kind can carry a derivative."""
    if isinstance(kind, (Scalar, Array)):
        return kind.dtype.startswith(("float", "complex"))
    if isinstance(kind, (ListOf, DictOf)):
        return is_float(kind.item)
    return False


def is_complex(kind: Kind) -> bool:
    """Whether values of this kind are complex numbers, or arrays of them."""
    return isinstance(kind, (Scalar, Array)) and kind.dtype.startswith("complex")


def unfilled(kind: Kind) -> bool:
    """Whether a value is a list or dict of whose items nothing is known yet: it may be filled under another name."""
    if isinstance(kind, (ListOf, DictOf)):
        return isinstance(kind.item, Bottom) or unfilled(kind.item)
    return False


def rank(kind: Kind) -> int | None:
    """Number of axes (0 for scalars), or None where it is unknown."""
    if isinstance(kind, Scalar):
        return 0
    if isinstance(kind, Array) and kind.dims is not None:
        return len(kind.dims)
    return 2 if isinstance(kind, Matrix) else None


def dims(kind: Kind) -> tuple[Dim, ...] | None:
    """Extents of the axes: () for a scalar, None where the rank is unknown."""
    if isinstance(kind, Scalar):
        return ()
    return kind.dims if isinstance(kind, Array) else None


def not_one(dim: Dim) -> bool:
    """Whether the axis is known not to have length 1."""
    if isinstance(dim, Extent):
        return dim.less == 0 or dim.long
    return dim is not None and dim != 1


def join_dtype(a: str, b: str) -> str:
    """The dtype that holds values of both."""
    return a if a == b else np.promote_types(a, b).name


def join(a: Kind, b: Kind) -> Kind | None:
    """The least kind that covers both, or None if there is none."""
    if a == b or isinstance(b, Bottom):
        return a
    if isinstance(a, Bottom):
        return b
    if a == NONE or b == NONE:
        other = b if a == NONE else a
        return replace(other, optional=True) if isinstance(other, (Scalar, Array, ListOf, DictOf, Opaque)) else None
    maybe_none = getattr(a, "optional", False) or getattr(b, "optional", False)
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        value = a.value if type(a.value) is type(b.value) and a.value == b.value else UNSET
        return Scalar(join_dtype(a.dtype, b.dtype), a.weak and b.weak, value, maybe_none)
    if isinstance(a, (Scalar, Array)) and isinstance(b, (Scalar, Array)):
        dtype = join_dtype(a.dtype, b.dtype)
        if isinstance(a, Array) and isinstance(b, Array) and a.dims is not None and b.dims is not None:
            if len(a.dims) == len(b.dims):
                same = tuple(x if x == y else None for x, y in zip(a.dims, b.dims, strict=True))
                return Array(dtype, same, maybe_none)
        return Array(dtype, None, maybe_none)
    if isinstance(a, DictOf) and isinstance(b, DictOf):
        item = join(a.item, b.item)
        return None if item is None else DictOf(item, maybe_none, join(a.key, b.key) or Opaque(object))
    if isinstance(a, ListOf) and isinstance(b, ListOf):
        item = join(a.item, b.item)
        return None if item is None else ListOf(item, maybe_none, a.frozen or b.frozen)
    if isinstance(a, Shape) and isinstance(b, Shape):
        known = a.dims is not None and b.dims is not None and len(a.dims) == len(b.dims)
        both = zip(a.dims or (), b.dims or (), strict=True) if known else ()
        return Shape(tuple, maybe_none, dims=tuple(x if x == y else None for x, y in both) if known else None)
    if isinstance(a, Opaque) and isinstance(b, Opaque):
        return Opaque(a.type if a.type is b.type else object, maybe_none)
    return None


def forget_value(kind: Kind) -> Kind:
    """The kind without the value of a scalar."""
    return replace(kind, value=UNSET) if isinstance(kind, Scalar) else kind


def text(kind: Kind) -> str:
    """The kind in a user's words, for error messages."""
    if isinstance(kind, Scalar):
        return {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex"}[
            "b" if kind.dtype == "bool" else kind.dtype[0]
        ]
    if isinstance(kind, Array):
        shape = "" if kind.dims is None else f" with {len(kind.dims)} axes" if len(kind.dims) != 1 else " with 1 axis"
        return f"{kind.dtype} array{shape}"
    if isinstance(kind, ListOf):
        return f"list of {text(kind.item)}"
    if isinstance(kind, DictOf):
        return f"dict of {text(kind.item)}"
    if isinstance(kind, Opaque):
        return "None" if kind.type is type(None) else kind.type.__name__
    return "undefined"
