"""The kind of a primitive's result, found by calling it on small values of the arguments' kinds.

It is called twice, on sizes that differ and on values that differ: what of the result's shape stays the same
is a constant, what follows the length of one axis of the arguments has that length, the rest is unknown.
"""

from __future__ import annotations

import contextlib
import io
import operator
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.analysis.operands import kind_of, shape_items
from srcgrad.analysis.signatures import MISSING, const
from srcgrad.errors import KindError
from srcgrad.ir.kinds import NONE, STR, UNSET, Array, Dim, Extent, Kind, ListOf, Opaque, Scalar, join
from srcgrad.ir.nodes import Expr, Pack, Prim

_INTS = ((1, 2), (0, 1), (0, 0))
_SIZES = ((5, 7), (2, 3), (12, 24), (1, 1))


Size = Any
"""The length of axes that are not known: one int for all, or `_Apart`, one for each."""


class _Unknown(Exception):
    """A value of this kind cannot be made."""


def by_dummies(prim: Prim, args: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]]) -> Kind:
    """The kind of the result of `prim(*args, **kwargs)`."""
    exprs = [*args, *(value for _, value in kwargs)]
    if any(_rankless(e) for e in exprs):
        return _of_any_rank(prim, exprs, kwargs)
    first, second, sizes = _both(prim, exprs, kwargs)
    return _kind([first, second], exprs, sizes)


def by_dummies_apart(prim: Prim, args: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]]) -> Kind:
    """The same for a function of which nothing is known, called with lengths that all differ, where it takes such.

    With equal ones a length that is a difference of two, such as that of a convolution, would look like a constant;
    and with any a length that has a lower bound may. So none counts as known.
    """
    try:
        sizes = _Apart(_APART[0]), _Apart(_APART[1])
        kind = _tried(prim, args, kwargs, sizes)
    except Exception:  # whatever the function raises: it may want lengths that agree
        kind = by_dummies(prim, args, kwargs)
    if isinstance(kind, Array) and kind.dims is not None:
        return replace(kind, dims=tuple(None if isinstance(d, int) else d for d in kind.dims))
    return kind


def _tried(prim: Prim, args: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]], sizes: tuple[_Apart, _Apart]) -> Kind:
    exprs, names = [*args, *(value for _, value in kwargs)], [name for name, _ in kwargs]
    if any(_rankless(e) for e in exprs):
        raise _Unknown
    results = []
    for which in (0, 1):
        values = [_dummy(e, sizes[which], (1, 2)[which], which) for e in exprs]
        k = len(values) - len(names)
        results.append(_quietly(prim.fn, values[:k], dict(zip(names, values[k:], strict=False))))
    return _kind(results, exprs, sizes)


_APART = ((6, 7, 9, 11, 12, 13, 14, 15, 8, 10), (13, 9, 6, 14, 7, 15, 11, 12, 10, 8))


class _Apart:
    """A length for each axis that may have one of its own."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        self.lengths = lengths
        self.known: dict[str, int] = {}
        self.unknown = 0

    def __index__(self) -> int:
        return self.lengths[-1]

    def length(self, dim: Extent | None) -> int:
        if dim is None:
            self.unknown += 1
        name = f"unknown {self.unknown}" if dim is None else dim.base
        at = self.known.setdefault(name, len(self.known))
        return self.lengths[at] - (0 if dim is None else dim.less)  # IndexError: too many axes


def items_by_dummies(
    prim: Prim, args: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]]
) -> tuple[Kind, ...] | None:
    """The kinds of the items of a result that is a tuple, or a list as SciPy's of stacks are, else None."""
    exprs = [*args, *(value for _, value in kwargs)]
    if any(_rankless(e) for e in exprs):
        return None
    first, second, sizes = _both(prim, exprs, kwargs)
    if not isinstance(first, (tuple, list)) or len(first) != len(second):
        return None
    return tuple(_kind([a, b], exprs, sizes) for a, b in zip(first, second, strict=False))


def _rankless(expr: Expr) -> bool:
    if isinstance(expr, Pack):
        return any(_rankless(item) for item in expr.items)
    kind = kind_of(expr)
    kind = kind.item if isinstance(kind, ListOf) else kind
    return isinstance(kind, Array) and kind.dims is None


def _with_rank(expr: Expr, rank: int) -> Expr:
    if isinstance(expr, Pack):
        return Pack(expr.type, tuple(_with_rank(item, rank) for item in expr.items), kind=expr.kind)
    kind = kind_of(expr)
    if isinstance(kind, Array) and kind.dims is None:
        return Expr(kind=replace(kind, dims=(None,) * rank))
    if isinstance(kind, ListOf) and isinstance(kind.item, Array) and kind.item.dims is None:
        return Expr(kind=ListOf(replace(kind.item, dims=(None,) * rank)))
    return expr


def _of_any_rank(prim: Prim, exprs: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]]) -> Kind:
    """The kind of the result where the number of axes of an argument is not known: what all numbers agree on."""
    kinds: list[Kind] = []
    error: KindError | None = None
    for rank in range(4):
        ranked = [_with_rank(e, rank) for e in exprs]
        try:
            first, second, sizes = _both(prim, ranked, kwargs)
        except KindError as exception:
            error = exception
            continue
        kinds.append(_kind([first, second], ranked, sizes))
    if not kinds:
        raise error or KindError(prim.text)
    if all(kind == kinds[0] for kind in kinds):
        return kinds[0]
    if all(isinstance(kind, (Array, Scalar)) for kind in kinds):
        return Array(getattr(kinds[-1], "dtype", ""), None)
    raise KindError(f"the kind of the result of {prim.text} depends on the number of axes, which is not known")


def _both(prim: Prim, exprs: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]]) -> tuple[Any, Any, tuple[int, int]]:
    names = [name for name, _ in kwargs]
    error: Exception | None = None
    for sizes in _sizes(exprs):
        for ints in _INTS:
            try:
                results = []
                for which in (0, 1):
                    values = [_dummy(e, sizes[which], ints[which], which) for e in exprs]
                    k = len(values) - len(names)
                    results.append(_quietly(prim.fn, values[:k], dict(zip(names, values[k:], strict=False))))
                # sizes or ints that do not differ say nothing about what stays the same
                exact = sizes if sizes[0] != sizes[1] and ints[0] != ints[1] else (0, 0)
                return results[0], results[1], exact
            except _Unknown as unknown:
                raise KindError(f"{prim.text}: {unknown}") from None
            except Exception as exception:  # whatever the primitive raises is the reason to report
                error = error or exception
    raise KindError(f"{prim.text}: {error}")


def _sizes(exprs: Sequence[Expr]) -> list[tuple[int, int]]:
    """Lengths to try for axes whose length is not known: also those of the axes and displays whose length is, with
    which they may have to agree."""
    known = {d for expr in exprs for d in _lengths(expr) if 1 < d < 100}
    shorter = {d.less for expr in exprs for d in _all_dims(expr) if isinstance(d, Extent)}
    known |= {n + less for n in known for less in shorter}
    return [*_SIZES[:-1], *((n, n) for n in sorted(known)), _SIZES[-1]]


def _lengths(expr: Expr) -> list[int]:
    value = const(expr)
    if isinstance(value, (tuple, list)):
        return [len(value)]
    if isinstance(expr, Pack):
        return [len(expr.items), *(d for item in expr.items for d in _lengths(item))]
    return [d for d in _all_dims(expr) if isinstance(d, int)]


def shares_memory(prim: Prim, args: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]]) -> bool:
    """Whether the result of a primitive was seen to share memory with an argument."""
    names = [name for name, _ in kwargs]
    exprs = [*args, *(value for _, value in kwargs)]
    for sizes in _sizes(exprs):
        for ints in _INTS:
            try:
                values = [_dummy(e, sizes[0], ints[0], 0) for e in exprs]
                k = len(values) - len(names)
                result = _quietly(prim.fn, values[:k], dict(zip(names, values[k:], strict=False)))
            except Exception:  # whatever the primitive raises: try other values
                continue
            return any(np.may_share_memory(r, v) for r in _arrays(result) for v in _arrays(values))
    return False


def _arrays(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return [value]
    return [a for item in value for a in _arrays(item)] if isinstance(value, (list, tuple)) else []


def _quietly(fn: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return fn(*args, **kwargs)


def _dummy(expr: Expr, size: Size, number: int, which: int) -> Any:
    value = const(expr)
    if value is not MISSING:
        return value
    if isinstance(expr, Pack):
        items = [_dummy(item, size, number, which) for item in expr.items]
        return tuple(items) if expr.type == "tuple" else items
    shape = shape_items(expr) if kind_of(expr) == Opaque(tuple) else None
    if shape is not None:
        return tuple(_length(d, size) for d in shape)
    return _of_kind(kind_of(expr), size, number, which)


def _length(dim: Dim, size: Size) -> int:
    if isinstance(size, _Apart):
        return dim if isinstance(dim, int) else size.length(dim)
    if isinstance(dim, Extent):
        return max(size - dim.less, 1 if size < 5 else 0)
    return size if dim is None else dim


def _of_kind(kind: Kind, size: Size, number: int, which: int) -> Any:
    if isinstance(kind, Scalar):
        if isinstance(kind.value, Extent):
            return _length(kind.value, size)
        if kind.value is not UNSET:
            return kind.value
        value = np.dtype(kind.dtype).type(0.5 if kind.dtype.startswith("float") else number)
        return value.item() if kind.weak else value
    if isinstance(kind, Array):
        shape = tuple(_length(d, size) for d in kind.dims or ())
        if kind.dtype.startswith(("int", "uint")):  # perhaps an index
            places = np.arange(int(np.prod(shape))).reshape(shape) % operator.index(size)
            return (places * (1 - which)).astype(kind.dtype)
        return _array(shape, which).astype(kind.dtype)
    if isinstance(kind, ListOf):
        return [_of_kind(kind.item, size, number, which) for _ in range(size)]
    if kind == NONE:
        return None
    if kind == STR:
        return "x"
    if isinstance(kind, Opaque) and kind.type is range:
        return range(size)
    if isinstance(kind, Opaque) and kind.type is np.random.Generator:
        return np.random.default_rng(0)
    if isinstance(kind, Opaque) and kind.type is np.random.RandomState:
        return np.random.RandomState(0)
    name = kind.type.__name__ if isinstance(kind, Opaque) else "value"
    raise _Unknown(f"the kind of the result for a {name} is not known")


def _array(shape: tuple[int, ...], which: int) -> Any:
    """Values for which most functions are defined: matrices are symmetric, positive definite if square."""
    if len(shape) >= 2:
        i, j = np.arange(shape[-2])[:, None], np.arange(shape[-1])
        matrix = np.minimum(i, j) + 1.0 if which == 0 else 1.0 + max(shape) * (i == j)
        return np.broadcast_to(matrix, shape).copy()
    return np.arange(1.0, 1 + int(np.prod(shape))).reshape(shape) if which == 0 else np.ones(shape)


def _kind(results: list[Any], exprs: Sequence[Expr], sizes: tuple[Size, Size]) -> Kind:
    a, b = results
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.ndim != b.ndim:
            return Array(a.dtype.name, None)
        if a.dtype.kind not in "biufc":
            return Opaque(np.ndarray)
        return Array(a.dtype.name, tuple(_dim(m, n, exprs, sizes) for m, n in zip(a.shape, b.shape, strict=False)))
    if isinstance(a, np.generic):
        return Scalar(a.dtype.name, weak=False) if a.dtype.kind in "biufc" else Opaque(type(a))
    if isinstance(a, (bool, int, float, complex)):
        return Scalar(np.dtype(type(a)).name)
    if isinstance(a, list):
        item: Kind | None = None
        for one, other in zip(a, b, strict=False):
            kind = _kind([one, other], exprs, sizes)
            item = kind if item is None else join(item, kind)
            if item is None:
                return Opaque(list)
        return Opaque(list) if item is None else ListOf(item)
    return NONE if a is None else Opaque(tuple if isinstance(a, tuple) else type(a))


def _dim(m: int, n: int, exprs: Sequence[Expr], sizes: tuple[Size, Size]) -> Dim:
    if sizes == (0, 0):
        return None
    if m == n:
        return m
    found: set[Dim] = set()
    for expr in exprs:
        for dim in _all_dims(expr):
            if dim is None and isinstance(sizes[0], int):
                return None
            if isinstance(dim, Extent) and (_length(dim, sizes[0]), _length(dim, sizes[1])) == (m, n):
                found.add(dim)
    return found.pop() if len(found) == 1 else None


def _all_dims(expr: Expr) -> list[Dim]:
    if isinstance(expr, Pack):
        return [d for item in expr.items for d in _all_dims(item)]
    kind = kind_of(expr)
    if isinstance(kind, ListOf):
        return [None]
    if isinstance(kind, Scalar):
        return [kind.value] if isinstance(kind.value, Extent) else []
    return list(kind.dims) if isinstance(kind, Array) and kind.dims is not None else []
