"""Rules for tangents in many directions at once: each has the directions as a further axis in front.

Elementwise functions broadcast over it. Linear functions are called on the stacked tangents where they can pass over
an axis in front; what cannot raises NoDirections, and the directions are then taken one by one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.errors import KindError, NoRuleError
from srcgrad.ir.kinds import Array, Kind, ListOf, Scalar, rank
from srcgrad.ir.nodes import Call, Const, Op
from srcgrad.rules.build import Sym, const, lift, xp
from srcgrad.rules.contributions import call_builder
from srcgrad.rules.registry import OPS, Rule, as_prim
from srcgrad.rules.tangents import elementwise_tangents


class NoDirections(NoRuleError):
    """What cannot take many directions at once: they are taken one by one instead."""

    def __init__(self, reason: str = "This cannot take many directions at once.", *rest: Any) -> None:
        super().__init__(reason, *rest)


def lifted(kind: Kind) -> Kind:
    """The kind of the stacked tangents of a value."""
    if isinstance(kind, Array):
        return dataclasses.replace(kind, dims=None if kind.dims is None else (None, *kind.dims))
    if isinstance(kind, Scalar):
        return Array(kind.dtype, (None,))
    return kind


def aligned(t: Sym, value: Kind, target: Kind) -> Sym:
    """Stacked tangents of a value that broadcasts to a target, with the axes that broadcasting would add."""
    have, want = rank(value), rank(target)
    if have is None or want is None:
        raise NoDirections
    if have >= want or have == want == 0:
        return t
    index = (slice(None), *[None] * (want - have))
    return t[index]


def pushed(
    rule: Rule, call: Call | Op, tangents: dict[str, Any], args: dict[str, Any], out: Sym, masked: bool, ready: bool
) -> Sym:
    """The stacked tangents of the call's result (see tangents.tangent for the arguments)."""
    if rank(call.kind) is None:
        raise NoDirections
    try:
        return _pushed(rule, call, tangents, args, out, masked, ready)
    except KindError:
        raise NoDirections from None


def _pushed(
    rule: Rule, call: Call | Op, tangents: dict[str, Any], args: dict[str, Any], out: Sym, masked: bool, ready: bool
) -> Sym:
    tangents = {name: t for name, t in tangents.items() if name not in rule.zero}
    if not tangents:
        return Sym(lift(0.0))
    if rule.form == "elementwise":
        if any(not isinstance(t, Sym) for t in tangents.values()):
            raise NoDirections
        moved = {name: aligned(t, args[name].kind, call.kind) for name, t in tangents.items()}
        return _in_dtype(elementwise_tangents(rule, call, moved, args, out, masked, ready), call.kind)
    build = _BUILDERS.get(as_prim(call).fn)
    made = _by_partials(rule, tangents, args, out) if build is None else build(tangents, args, out)
    return _in_dtype(made, call.kind)


def _by_partials(rule: Rule, tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
    """A reduction along axes: the sum of the tangents times the partial derivatives, which reverse mode gives."""
    name, t = _one(tangents)
    if rule.accepts_lazy == "none" or "axis" not in rule.params or name not in rule.builders:
        raise NoDirections
    known = {key: value for key, value in args.items() if key in (name, "axis", "keepdims")}
    partial = call_builder(rule.builders[name], {"out": out, "d": Sym(lift(1.0))}, args)
    if not isinstance(partial, Sym) or rank(partial.kind) != rank(args[name].kind):
        raise NoDirections
    return _reduce(xp.sum)({name: t * partial}, known, out)


def _in_dtype(s: Sym, node: Kind) -> Sym:
    wanted = getattr(node, "dtype", "")
    if isinstance(s.expr, Const) or getattr(s.kind, "dtype", wanted) == wanted:
        return s
    return s.astype(wanted)


def _number(value: Any) -> Any:
    """The constant that an argument is; NoDirections where it is none."""
    found = const(lift(value)) if value is not None else None
    if found is None or isinstance(found, (int, tuple, bool)):
        return found
    raise NoDirections


def _axes(args: dict[str, Any], n: int) -> Any:
    """The argument `axis`, past the axis of the directions; None: all axes."""
    axis = _number(args.get("axis"))
    if axis is None:
        return None
    shifted = tuple(a + 1 if a >= 0 else a for a in (axis if isinstance(axis, tuple) else (axis,)))
    return shifted if isinstance(axis, tuple) else shifted[0]


def _one(tangents: dict[str, Any]) -> tuple[str, Sym]:
    (name, t), *more = tangents.items()
    if more or not isinstance(t, Sym):
        raise NoDirections
    return name, t


def _only(args: dict[str, Any], *known: str) -> None:
    """Refuse arguments other than the known ones."""
    if set(args) - set(known):
        raise NoDirections


def _reduce(fn: Callable[..., Any]) -> Callable[..., Sym]:
    def build(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
        name, t = _one(tangents)
        _only(args, name, "axis", "keepdims")
        n = rank(args[name].kind)
        if n is None:
            raise NoDirections
        axis = _axes(args, n)
        if n == 0:
            return t
        if axis is None:
            axis = tuple(range(1, n + 1)) if n > 1 else 1
        options = {"keepdims": args["keepdims"]} if "keepdims" in args else {}
        made: Sym = fn(t, axis=axis, **options)
        return made

    return build


def _reshape(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
    name, t = _one(tangents)
    if "order" in args or any(isinstance(args[k], list) for k in args):
        raise NoDirections
    made: Sym = xp.reshape(t, t.shape[:1] + xp.shape(out))
    return Sym(dataclasses.replace(made.expr, kind=lifted(out.kind)))


def _transpose(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
    name, t = _one(tangents)
    n = rank(args[name].kind) or 0
    axes = _number(args.get("axes"))
    order = tuple(reversed(range(n))) if axes is None else axes
    if len(order) != n:
        raise NoDirections
    if n < 2:
        return t
    return t.transpose(0, *(a % n + 1 for a in order))


def _matmul(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
    first, second = list(args)[:2]
    a, b = args[first], args[second]
    n, m = rank(a.kind), rank(b.kind)
    if n not in (1, 2) or m not in (1, 2):
        raise NoDirections
    terms = []
    if first in tangents:
        terms.append(tangents[first] @ b)  # (k, m, n) @ (n,) or (n, p); (k, n) @ (n,) or (n, p)
    if second in tangents:
        t = tangents[second]
        terms.append(a @ t if m == 2 else t @ (a.T if n == 2 else a))
    total = terms[0] if len(terms) == 1 else terms[0] + terms[1]
    return Sym(dataclasses.replace(total.expr, kind=lifted(out.kind)))


def _outer(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
    first, second = list(args)[:2]
    a, b = args[first], args[second]
    if rank(a.kind) != 1 or rank(b.kind) != 1:
        raise NoDirections
    terms = []
    if first in tangents:
        terms.append(tangents[first][:, :, None] * b)
    if second in tangents:
        terms.append(a[:, None] * tangents[second][:, None, :])
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


def _along(fn: Callable[..., Any], default: int | None) -> Callable[..., Sym]:
    """Functions that work along one axis and keep the others."""

    def build(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
        name, t = _one(tangents)
        n = rank(args[name].kind)
        if n is None or n == 0:
            raise NoDirections
        axis = _axes(args, n) if "axis" in args else default
        if axis is None:
            if n != 1:
                raise NoDirections
            axis = 1
        others = [value for key, value in args.items() if key not in (name, "axis")]
        made: Sym = fn(t, *others, axis=axis)
        return made

    return build


def _stacked(fn: Callable[..., Any], default: int) -> Callable[..., Sym]:
    """np.stack and np.concatenate: zeros are filled in for items without tangents."""

    def build(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
        (name, items), *more = tangents.items()
        whole = isinstance(items, Sym) and isinstance(items.kind, ListOf)
        if more or not (whole or (isinstance(items, list) and all(isinstance(item, Sym) for item in items))):
            raise NoDirections
        _only(args, name, "axis")
        axis = _axes(args, 0) if "axis" in args else default
        made: Sym = fn(items, axis=axis)
        return made

    return build


def _display(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
    """np.array([a, b]), np.array(x)."""
    (name, t), *more = tangents.items()
    if more or set(args) - {name, "dtype", "copy"}:
        raise NoDirections
    if isinstance(t, Sym) and isinstance(t.kind, Array):
        return t.copy()
    if isinstance(t, Sym):
        if not isinstance(t.kind, ListOf) or isinstance(t.kind.item, ListOf):
            raise NoDirections
        stacked: Sym = xp.stack(t, axis=1)
        return stacked
    if any(not isinstance(item, Sym) for item in t):
        raise NoDirections
    made: Sym = xp.stack(t, axis=1)
    return made


def _itself(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
    name, t = _one(tangents)
    if not isinstance(t.kind, Array):
        raise NoDirections
    return t


def _matrices(fn: Callable[..., Any]) -> Callable[..., Sym]:
    """Functions of the last two axes."""

    def build(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
        name, t = _one(tangents)
        if (rank(args[name].kind) or 0) < 2:
            raise NoDirections
        made: Sym = fn(t, *(value for key, value in args.items() if key != name))
        return made

    return build


def _copied(tangents: dict[str, Any], args: dict[str, Any], out: Sym) -> Sym:
    return _itself(tangents, args, out).copy()


_BUILDERS: dict[Any, Callable[[dict[str, Any], dict[str, Any], Sym], Sym]] = {
    np.sum: _reduce(xp.sum), np.mean: _reduce(xp.mean), np.reshape: _reshape, np.ravel: _reshape,
    np.ndarray.flatten: _reshape, np.squeeze: _reshape, np.expand_dims: _reshape, np.transpose: _transpose,
    np.matmul: _matmul, OPS["@"]: _matmul, np.dot: _matmul, np.outer: _outer,
    np.cumsum: _along(xp.cumsum, None), np.flip: _along(xp.flip, None), np.diff: _along(xp.diff, -1),
    np.roll: _along(xp.roll, None), np.stack: _stacked(xp.stack, 1), np.concatenate: _stacked(xp.concatenate, 1),
    np.tril: _matrices(xp.tril), np.triu: _matrices(xp.triu),
    np.array: _display, np.asarray: _itself, np.ascontiguousarray: _itself, np.copy: _copied, np.astype: _itself,
}  # fmt: skip

