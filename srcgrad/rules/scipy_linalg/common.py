"""What the rules of scipy.linalg share: definitions, rules of NumPy's functions, kinds of results."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg as sl

from srcgrad.analysis import infer_shapes
from srcgrad.analysis.operands import array_of_expr
from srcgrad.analysis.signatures import Bound, signature
from srcgrad.errors import KindError, NoRuleError
from srcgrad.ir.kinds import Array, Kind, Opaque, rank
from srcgrad.ir.nodes import Prim
from srcgrad.rules.build import Namespace, Sym, unbroadcast, xp
from srcgrad.rules.defined.registry import DEFINITIONS, array, parts
from srcgrad.rules.linalg import flipped
from srcgrad.rules.registry import RULES, Builder, flat

linalg: Any = Namespace(sl, "scipy.linalg")
"""scipy.linalg, building expressions instead of computing."""

HARMLESS = ("check_finite", "driver", "lapack_driver", "lwork", "balanced", "method", "workers", "tol", "rtol", "atol")
"""Options of how SciPy computes, that derivatives do not depend on."""


# ---- definitions ---------------------------------------------------------------------------------------------


def defined(*fns: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare what functions of SciPy are written as. The definition is given the arguments of a call by name, as
    `plain` makes them."""

    def register(definition: Callable[..., Any]) -> Callable[..., Any]:
        for fn in fns:
            DEFINITIONS[fn] = _by_name(fn, definition)
        return definition

    return register


def _by_name(fn: Callable[..., Any], definition: Callable[..., Any]) -> Callable[..., Any]:
    sig = inspect.signature(fn)
    taken = inspect.signature(definition).parameters.values()
    names = {p.name for p in taken}
    every = any(p.kind is p.VAR_KEYWORD for p in taken)

    def build(*args: Any, **kwargs: Any) -> Any:
        given = plain(sig, sig.bind(*args, **kwargs).arguments)
        for name, value in given.items():
            if not every and name not in names and value != sig.parameters[name].default and name not in HARMLESS:
                raise unknown(fn, name)
        return definition(**{name: value for name, value in given.items() if every or name in names})

    build.__signature__ = sig  # type: ignore[attr-defined]
    return build


def plain(sig: inspect.Signature, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call without `overwrite_a` and its like, since derivatives read what these would let SciPy
    overwrite, and with arrays for lists."""
    first = {name for name, p in sig.parameters.items() if p.default is p.empty}
    return {
        name: array(value) if name in first and isinstance(value, list) else value
        for name, value in given.items() if not name.startswith("overwrite_")
    }  # fmt: skip


def keep_arguments(fn: Callable[..., Any]) -> None:
    """Let SciPy overwrite no argument of a function that has no definition, and make arrays of lists."""
    if fn in DEFINITIONS:
        return
    sig = inspect.signature(fn)

    def build(*args: Any, **kwargs: Any) -> Any:
        given = sig.bind(*args, **kwargs).arguments
        kept = plain(sig, given)
        if len(kept) == len(given) and all(kept[name] is value for name, value in given.items()):
            return None
        first = [name for name, p in sig.parameters.items() if p.default is p.empty]
        rest = {name: value for name, value in kept.items() if name not in first}
        made = getattr(linalg, fn.__name__)(*(kept[name] for name in first), **rest)
        return tuple(parts(made)) if made.kind == Opaque(tuple) else made

    build.__signature__ = sig  # type: ignore[attr-defined]
    DEFINITIONS[fn] = build


def unknown(fn: Callable[..., Any], name: str) -> NoRuleError:
    """The refusal of a keyword."""
    return NoRuleError(
        f"The derivative of scipy.linalg.{fn.__name__} with `{name}` is not known.",
        f"Leave `{name}` out, or write the rest of the computation without it.",
    )


def known(fn: Callable[..., Any], **values: Any) -> None:
    """Refuse options that are not known when compiling."""
    for name, value in values.items():
        if isinstance(value, Sym):
            problem = f"`{name}` of scipy.linalg.{fn.__name__} has to be known when compiling"
            raise KindError(problem, "Write a literal.")


# ---- rules ---------------------------------------------------------------------------------------------------


def share(fn: Callable[..., Any], other: Callable[..., Any], **names: str) -> None:
    """Give a function the rule of NumPy's that computes the same. names: its parameters -> those of the other."""
    rule = RULES[other]
    back = {theirs: own for own, theirs in names.items()}

    def renamed(builder: Builder) -> Builder:
        parameters = inspect.signature(builder).parameters

        def build(**arguments: Any) -> Any:
            return builder(**{names.get(name, name): value for name, value in arguments.items()})

        build.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [p.replace(name=back.get(name, name), kind=p.KEYWORD_ONLY) for name, p in parameters.items()]
        )
        return build

    found = signature(fn)
    assert found is not None
    RULES[fn] = replace(
        rule, fn=fn, params=tuple(found.parameters),
        builders={back.get(name, name): renamed(b) for name, b in rule.builders.items()},
        handled=frozenset(back.get(name, name) for name in rule.handled),
        linear=frozenset(back.get(name, name) for name in rule.linear),
        tangents={tuple(back.get(n, n) for n in wanted): renamed(b) for wanted, b in rule.tangents.items()},
    )  # fmt: skip


def allow_harmless() -> None:
    """Let all rules of scipy.linalg take the options that derivatives do not depend on."""
    for fn, rule in list(RULES.items()):
        if getattr(sl, getattr(fn, "__name__", ""), None) is fn and rule.form == "general":
            flat(fn, *(name for name in rule.params if name in HARMLESS))


def fit(term: Sym, x: Sym) -> Sym:
    """A contribution to an argument that may have been broadcast along the axes of a stack."""
    return term if rank(term.kind) == rank(x.kind) == 2 else unbroadcast(term, term.kind, x.kind, x)


def outer(w: Sym, x: Sym, stacked: bool = False) -> Sym:
    """w @ x.T of vectors, of vectors of a stack, or of matrices."""
    if rank(w.kind) == 1:
        return xp.outer(w, x)
    return w[..., :, None] * x[..., None, :] if stacked else w @ flipped(x)


def dtype_of(x: Sym) -> type:
    """The dtype of the ones and zeros beside the elements of an array."""
    dtype = np.dtype(getattr(x.kind, "dtype", "float64"))
    return dtype.type if dtype.kind == "f" else np.float64


# ---- kinds of results ----------------------------------------------------------------------------------------


@cache
def _trial(fn: Callable[..., Any], dtypes: tuple[tuple[str, str], ...], others: tuple[tuple[str, Any], ...]) -> str:
    """The dtype of the result for arguments of these dtypes: that of a small call."""
    found = fn(**{name: 0.5 * np.eye(2, dtype=dtype) for name, dtype in dtypes}, **dict(others))
    return str(np.asarray(found).dtype.name)


def shaped(fn: Callable[..., Any], like: str, *arrays: str, **others: Any) -> None:
    """Declare that the result has the shape of the argument `like`. arrays: all arguments that are matrices, where
    there are several; others: what else it has to be called with."""

    def kind(prim: Prim, bound: Bound) -> Kind:
        found = {name: array_of_expr(bound[name]) for name in arrays or (like,)}
        dtype = _trial(fn, tuple((name, k.dtype) for name, k in found.items()), tuple(others.items()))
        ranks = [None if k.dims is None else len(k.dims) for k in found.values()]
        if None in ranks:
            return Array(dtype, None)
        most = max(n for n in ranks if n is not None)
        same = len(found) == 1 or most == 2
        return Array(dtype, found[like].dims if same else (None,) * most)

    infer_shapes.RULES[fn] = kind


def solved(fn: Callable[..., Any], a: str = "a") -> None:
    """Declare that the result solves a system in the matrix `a`: of the shape of b, for each matrix of a stack."""

    def kind(prim: Prim, bound: Bound) -> Kind:
        left, right = array_of_expr(bound[a]), array_of_expr(bound["b"])
        dtype = np.result_type(left.dtype, right.dtype, np.float32).name
        if left.dims is None or right.dims is None:
            return Array(dtype, None)
        batch = left.dims[:-2]
        if not batch:
            return Array(dtype, right.dims)
        if len(right.dims) == 1:
            return Array(dtype, batch + right.dims)
        return Array(dtype, (None,) * max(len(batch), len(right.dims) - 2) + right.dims[-2:])

    infer_shapes.RULES[fn] = kind
