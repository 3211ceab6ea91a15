"""Definitions: a function of NumPy written with others, which stand in its place in the typed program.

Both modes, and derivatives of any order, then follow from the rules of these. A definition takes the parameters of
its function: arrays as Syms, lists as lists, what is known when compiling as it is. It returns the expression, or
None where it leaves the call to the function's own rule. Of a function with several results it returns a tuple.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_items
from srcgrad.analysis.operands import known_dtype
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Array, Kind, Opaque, Scalar, dtype_name, is_float, rank
from srcgrad.ir.nodes import Call, Const, Expr, Load, Pos
from srcgrad.rules.build import Sym, xp
from srcgrad.rules.objects import OBJECTS

Definition = Callable[..., Any]

DEFINITIONS: dict[Any, Definition] = {}
"""Function of NumPy -> its definition."""

WRITTEN: dict[Any, Callable[..., Any]] = {}
"""Function that calls functions, or writes into its arguments -> Python source that does the same."""

WHERE: dict[Any, tuple[str, ...]] = {}
"""Function that has such source -> the parameters of which one has to vary for it; () if it always stands in."""

ELEMENTS: dict[type, Callable[..., Any]] = {}
"""Class of matrices that are no NumPy arrays -> Python source that makes an object of the elements of one."""

holder: ContextVar[Callable[[Sym, str], Sym]] = ContextVar("holder")
"""What puts an expression into a variable of the program."""


brancher: ContextVar[Callable[[Sym, Callable[[], Any], Callable[[], Any]], Sym]] = ContextVar("brancher")
"""What makes an `if` of a test and of what is computed on either side: numbers."""


class Declined(Exception):
    """Too little is known of the arguments for the definition."""


OPTIONS = frozenset(
    ("axis", "axes", "axis1", "axis2", "axisa", "axisb", "axisc", "offset", "k", "ord", "mode", "order", "trim",
     "keepdims")
)  # fmt: skip
"""Names of parameters that have to be known when compiling, where a definition does not say which."""

KNOWN: dict[Any, frozenset[str]] = {}
"""Function -> the parameters that have to be known when compiling."""

SEQUENCES: dict[Any, frozenset[str | int]] = {}
"""Function -> the parameters that are lists of arrays, and their places. A list for any other one is meant as an
array."""

_LISTS = frozenset(("tup", "arrays", "condlist", "choicelist", "operands"))
"""Names of such parameters."""


def written_as(
    *fns: Callable[..., Any], known: Iterable[str] = OPTIONS
) -> Callable[[Definition], Definition]:
    """Declare what functions are written as where derivatives may flow through their arguments.

    known: the parameters that have to be known when compiling.
    """

    def register(definition: Definition) -> Definition:
        for fn in fns:
            DEFINITIONS[fn], KNOWN[fn] = definition, frozenset(known)
            names = enumerate(inspect.signature(definition).parameters)
            SEQUENCES[fn] = frozenset(part for place in names if place[1] in _LISTS for part in place)
        return definition

    return register


def in_python(*fns: Callable[..., Any], where: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare plain Python source that is specialised in a function's place, like a function of the user's.

    where: parameters, of which one has to be more than a constant; otherwise the function itself is called.
    """

    def register(source: Callable[..., Any]) -> Callable[..., Any]:
        for fn in fns:
            WRITTEN[fn] = source
            WHERE[fn] = tuple(where.split())
        return source

    return register


def source(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that the source of others calls."""
    return in_python(function)(function)


STAND_INS: dict[type, type] = {}
"""Class of a library -> a class in plain Python that its objects are taken for."""


def stands_for(classes: Iterable[type], parts: Callable[[Any], dict[str, Any]]) -> Callable[[type], type]:
    """Declare a class in plain Python for the objects of library classes: what is made of these outside of the program
    is taken apart by `parts`, into attributes by their names, and is called by this source."""

    def register(stand_in: type) -> type:
        for cls in classes:
            STAND_INS[cls], OBJECTS[cls] = stand_in, parts
        return stand_in

    return register


def refuse(reason: str, remedy: str = "") -> None:
    """In source that stands for a function: refuse the call for which this line is reached when compiling."""
    raise NotImplementedError(reason)


def parameters_of(function: Callable[..., Any]) -> int:
    """In source that stands for a function: the number of positional parameters of a function of the user's."""
    raise NotImplementedError


def hold(x: Sym, hint: str) -> Sym:
    """The expression in a variable, for what is used more than once."""
    return holder.get()(x, hint)


def results(call: Sym, kinds: tuple[Kind, ...] | None = None) -> tuple[Sym, ...]:
    """The results of a call that has several, which is made once; raises Declined where their kinds are not known.

    kinds: theirs, where small calls would not tell.
    """
    made = call.expr
    assert isinstance(made, Call)
    try:
        kinds = kinds or infer_items(made.prim, made.args, made.kwargs)
    except KindError:
        kinds = None
    if kinds is None:
        raise Declined
    held = hold(Sym(replace(made, kind=Opaque(tuple))), "results").expr
    return tuple(Sym(_result(held, k, kind, made.pos)) for k, kind in enumerate(kinds))


def _result(held: Expr, k: int, kind: Kind, pos: Pos | None) -> Load:
    if isinstance(kind, Array) and kind.dims is not None:
        kind = replace(kind, dims=(None,) * len(kind.dims))  # lengths may depend on values
    return Load(held, Const(k, kind=Scalar("int64", value=k)), kind=kind, pos=pos)


def branch(test: Sym, this: Callable[[], Any], other: Callable[[], Any]) -> Sym:
    """One of two numbers, by a test: only that one is computed."""
    return brancher.get()(test, this, other)


def ndim(x: Any) -> int:
    """The number of axes of a Sym, a number, or a list of these; raises Declined where it is not known."""
    if isinstance(x, (list, tuple)):
        return 1 + (ndim(x[0]) if x else 0)
    n = rank(x.kind) if isinstance(x, Sym) else np.ndim(x)
    if n is None:
        raise Declined
    return n


def array(x: Any) -> Sym:
    """An argument as an array."""
    return x if isinstance(x, Sym) else xp.array(x)


def flattened(x: Any) -> Sym:
    """The elements of an array in a row, in a variable."""
    x = array(x)
    return x if ndim(x) == 1 else hold(xp.ravel(x), "flat")


def floats(a: Any) -> Sym:
    """An array of floats; raises Declined for anything else."""
    if not isinstance(a, Sym) or not isinstance(a.kind, Array) or not is_float(a.kind):
        raise Declined
    return a


def converted(a: Any, dtype: Any) -> Sym:
    """An array of floats in the dtype that is asked for; raises Declined where that is no dtype of floats."""
    a = floats(a)
    if dtype is None:
        return a
    if isinstance(dtype, Sym):  # that of an array
        dtype = known_dtype(dtype.kind)
        if dtype is None:
            raise Declined
    try:
        wide = np.dtype(dtype)
    except TypeError:
        raise Declined from None
    if wide.kind != "f":
        raise Declined
    return a if wide.name == dtype_name(a.kind) else a.astype(wide.name)
