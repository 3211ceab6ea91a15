"""Applying a rule: what an adjoint of a primitive's result contributes to the adjoints of its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

import numpy as np

from srcgrad.analysis.infer import ELEMENTWISE
from srcgrad.analysis.signatures import const
from srcgrad.errors import KindError, NoRuleError
from srcgrad.ir.kinds import Array, Kind, ListOf, Scalar, is_complex, is_float, rank
from srcgrad.ir.nodes import Call, Cond, Const, Expr, Op, Pack
from srcgrad.rules.build import (
    Sym,
    cast,
    chosen,
    guarded,
    kind_of,
    lift,
    same_shape,
    unbroadcast,
    using_math,
    xp,
)
from srcgrad.rules.registry import Rule, as_prim


@dataclass(frozen=True)
class Lazy:
    """A builder's result that only broadcasts to the shape of the argument."""

    sym: Sym


@dataclass(frozen=True)
class Contribution:
    """A term of the adjoint of one argument.

    index: the place in an argument that is a display, None for the argument itself, a tuple of places in nested
    displays. lazy: the value only broadcasts to the argument's shape.
    """

    param: str
    index: int | tuple[int, ...] | None
    sym: Sym
    lazy: bool = False


@dataclass(frozen=True)
class Mask:
    """A partial derivative that is 1 where the condition holds and 0 elsewhere.

    factor: it is printed as a factor, which is faster than np.where, if the adjoint is known to be finite.
    """

    condition: Sym
    factor: bool = False


@dataclass(frozen=True)
class Choice:
    """A partial derivative that is zero where the condition `lost` holds, since another argument was chosen."""

    partial: Sym
    lost: Sym


class NeedsFull(Exception):
    """The rule cannot use an adjoint that only broadcasts to the result's shape: it has to be made full first."""


def contributions(
    rule: Rule, call: Call | Op, d: Sym, lazy: bool, args: dict[str, Any], out: Sym, wanted: set[str],
    masked: bool = False, out_ready: bool = False, unbounded: bool = False,
) -> list[Contribution]:  # fmt: skip
    """The contributions of the adjoint `d` of `call` to its arguments `wanted`.

    d: of the node's kind, or, when lazy, a value that broadcasts to the node's shape. args: what stands for the
    arguments in the result, by parameter; arguments that are missing there are written as in the call. Raises
    NeedsFull when lazy and the rule needs the full adjoint, NoRuleError for what the rule does not handle.
    """
    bound = rule.bind(call)
    syms = argument_syms(rule, bound, args)
    chosen = [name for name in rule.builders if name in wanted and name in syms and carries(syms[name])]
    refuse_unknown(rule, call, syms, wanted)
    refuse_complex(rule, call, syms)
    token = using_math.set(getattr(as_prim(call).fn, "__module__", "") == "math")
    try:
        lazy = lazy and rank(call.kind) != 0
        if rule.form == "elementwise":
            return _elementwise(rule, call, d, lazy, bound, syms, out, chosen, masked, out_ready, unbounded)
        if rule.form == "constant":
            return []
        return _general(rule, call, d, lazy, syms, out, chosen, masked)
    except (KindError, NoRuleError) as error:
        raise type(error)(error.reason, error.remedy, error.pos or call.pos) from None
    finally:
        using_math.reset(token)


def refuse_unknown(rule: Rule, call: Call | Op, syms: dict[str, Any], wanted: set[str]) -> None:
    """Refuse a call of which a derivative is wanted in an argument that the rule says nothing of."""
    known = {*rule.builders, *rule.zero}
    missing = [n for n in syms if n in wanted and carries(syms[n]) and n not in known]
    if missing and rule.form != "constant":
        prim = as_prim(call)
        name = f"{prim.text}, by which {prim.within} is computed," if prim.within else prim.text
        remedy = "Hold it constant with `srcgrad.stop_gradient`, or write this call with `srcgrad.numerical`."
        what = f"The derivative of {name} in `{missing[0]}` is not known."
        raise NoRuleError(what, "Give its rule a vjp." if rule.own else remedy, call.pos)


def refuse_complex(rule: Rule, call: Call | Op, syms: dict[str, Any]) -> None:
    """Refuse complex numbers where a rule holds for real ones only."""
    if (is_complex(call.kind) or any(map(_is_complex, syms.values()))) and not (rule.holds_for_complex or rule.own):
        raise NoRuleError(
            f"The derivative of {as_prim(call).text} is known for real numbers only.",
            "Write it with functions that take complex numbers: np.real, np.imag, np.conj, np.abs and arithmetic.",
            call.pos,
        )


def _is_complex(value: Any) -> bool:
    return any(map(_is_complex, value)) if isinstance(value, list) else is_complex(value.kind)


def refuse_list(call: Call | Op) -> NoReturn:
    """Refuse a derivative in a list, for rules that know arrays only."""
    raise NoRuleError(
        f"The derivative of {as_prim(call).text} of a list is not known.",
        "Make an array of it first, with np.array(...).",
        call.pos,
    )


def argument_syms(rule: Rule, bound: dict[str, Any], args: dict[str, Any]) -> dict[str, Any]:
    """What stands for the arguments of a call: `args`, and what is written there for the others.

    Of an elementwise function displays are arrays: `[True, False] == False` would be one number.
    """
    syms = {name: args.get(name, sym_of(value)) for name, value in bound.items()}
    if rule.form != "elementwise":
        return syms
    return {name: _constants(value) if isinstance(value, Sym) else value for name, value in syms.items()}


def sym_of(value: Any) -> Any:
    if isinstance(value, list):
        return [sym_of(v) for v in value]
    return Sym(value)


def carries(value: Any) -> bool:
    """Whether an argument can carry a derivative."""
    if isinstance(value, list):
        return any(carries(v) for v in value)
    if isinstance(value.expr, Pack):
        return any(carries(Sym(item)) for item in value.expr.items)
    if isinstance(value.expr, Const):
        return False
    return is_float(value.kind)


def call_builder(builder: Callable[..., Any], given: dict[str, Any], syms: dict[str, Any]) -> Any:
    """What a builder makes of the arguments and of what is given besides (the adjoint, the result): those it names."""
    names = _parameters(builder)
    return builder(**{name: value for name, value in {**syms, **given}.items() if name in names})


@cache
def _parameters(builder: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(builder).parameters)


# ---- elementwise ---------------------------------------------------------------------------------------------


def _elementwise(
    rule: Rule, call: Call | Op, d: Sym, lazy: bool, bound: dict[str, Any], syms: dict[str, Any], out: Sym,
    chosen: list[str], masked: bool, out_ready: bool, unbounded: bool,
) -> list[Contribution]:  # fmt: skip
    node = call.kind
    kinds = {name: kind_of(value) for name, value in bound.items()}
    full = {name for name in bound if same_shape(node, kinds[name], others_of(bound, kinds, name))}
    leaves = [out.expr, *(syms[name].expr for name in full)]
    result = []
    for name in chosen:
        x, kind = syms[name], kinds[name]
        builder = rule.via_out.get(name, rule.builders[name]) if out_ready else rule.builders[name]
        partial = call_builder(builder, {"out": out}, syms)
        term = applied(d, partial, unbounded)
        if getattr(term.expr, "value", None) == 0:
            continue
        if masked and rule.singular:
            term = guarded(d, term)
        still = lazy and not spans(term.expr, leaves)
        if name in full and rank(kind) != 0:
            result.append(Contribution(name, None, cast(term, kind), still))
            continue
        if still:
            sizes = [syms[other] for other in full]
            if rank(kind) == 0 and rank(term.kind) == 0 and sizes:
                # a number that stands for a whole array, summed
                term = cast(term * sizes[0].size, kind)
                result.append(Contribution(name, None, term))
                continue
            raise NeedsFull
        term = unbroadcast(term, node, kind, x, others_of(bound, kinds, name))
        result.append(Contribution(name, None, cast(term, kind)))
    return result


def applied(d: Sym, partial: Any, unbounded: bool = False) -> Sym:
    """An adjoint or a tangent times a partial derivative.

    unbounded: d may be infinite; what was not chosen is zero nevertheless.
    """
    choose = chosen if isinstance(d.kind, Scalar) else xp.where  # an array without axes may turn out to be a number
    if isinstance(partial, Choice):
        return choose(partial.lost, 0.0, d * partial.partial) if unbounded else d * partial.partial
    if isinstance(partial, Mask):
        if unbounded:
            return choose(partial.condition, d, 0.0)
        if partial.factor or rank(d.kind) == 0 and rank(partial.condition.kind) == 0:
            return d * partial.condition
        return xp.where(partial.condition, d, 0.0)
    return d * partial


def others_of(bound: dict[str, Any], kinds: dict[str, Kind], name: str) -> list[Kind]:
    """The kinds of the other operands; one that is the same variable cannot broadcast the argument."""
    others = [kinds[o] for o, e in bound.items() if o != name and e != bound[name]]
    return others or [Scalar("float64")]


def spans(expr: Expr, leaves: list[Expr]) -> bool:
    """Whether an elementwise expression has the shape of one of the leaves, all of which have the same shape."""
    if any(expr == leaf and rank(kind_of(expr)) != 0 for leaf in leaves):
        return True
    if isinstance(expr, Op) and expr.op != "@":
        return any(spans(a, leaves) for a in expr.args)
    if isinstance(expr, Cond):
        return spans(expr.body, leaves)
    if isinstance(expr, Call):
        fn = expr.prim.fn
        if isinstance(fn, np.ufunc) or fn is np.where or fn in ELEMENTWISE:
            return any(spans(a, leaves) for a in expr.args)
        if fn in (np.zeros_like, np.ones_like, np.full_like, np.astype, np.copy):
            return spans(expr.args[0], leaves)
    return False


# ---- the others ----------------------------------------------------------------------------------------------


def _general(
    rule: Rule, call: Call | Op, d: Sym, lazy: bool, syms: dict[str, Any], out: Sym, chosen: list[str], masked: bool
) -> list[Contribution]:
    if lazy and not (rule.accepts_lazy == "any" or (rule.accepts_lazy == "scalar" and rank(d.kind) == 0)):
        raise NeedsFull
    result = []
    for name in chosen:
        if is_listed(syms[name]) and not rule.displays and name != rule.variadic:
            refuse_list(call)
        built = call_builder(rule.builders[name], {"d": d, "out": out}, displayed(rule, syms))
        still = lazy
        if isinstance(built, Lazy):
            built, still = built.sym, True
        result += _listed(name, syms[name], built, still, d if masked and rule.singular else None)
    return result


def displayed(rule: Rule, syms: dict[str, Any]) -> dict[str, Any]:
    """Lists of Syms for displays that hold more than constants; lists of constants as arrays, where that is meant."""
    known = () if rule.displays or rule.own else rule.builders
    return {name: _constants(value) if name in known else _open(value) for name, value in syms.items()}


def _constants(value: Any) -> Any:
    return xp.array(value) if isinstance(value, Sym) and _is_display(value.expr) else _open(value)


def _is_display(expr: Expr) -> bool:
    """Whether this is a list or tuple of constant numbers."""
    if isinstance(expr, Pack):
        return bool(expr.items) and all(_is_display(e) or isinstance(const(e), (int, float)) for e in expr.items)
    return False


def _open(value: Any) -> Any:
    if isinstance(value, Sym) and isinstance(value.expr, Pack) and carries(value):
        return [_open(Sym(item)) for item in value.expr.items]
    return value


def is_listed(arg: Any) -> bool:
    return isinstance(arg, list) or isinstance(arg.expr, Pack) or isinstance(arg.kind, ListOf)


def _listed(
    name: str, arg: Any, built: Any, lazy: bool, mask: Sym | None, at: tuple[int, ...] = ()
) -> list[Contribution]:
    """One contribution, or one per item where the argument is a display."""
    if isinstance(built, list):
        items = arg if isinstance(arg, list) else [Sym(item) for item in arg.expr.items]
        return [c for k, (a, b) in enumerate(zip(items, built, strict=False)) if b is not None and carries(a)
                for c in _listed(name, a, b, lazy, mask, (*at, k))]  # fmt: skip
    built = built if isinstance(built, Sym) else Sym(lift(built))
    if getattr(built.expr, "value", None) == 0:
        return []
    kind = arg.kind
    if mask is not None and isinstance(kind, (Scalar, Array)):
        built = guarded(mask, built) if rank(mask.kind) == rank(built.kind) or rank(mask.kind) == 0 else built
    if isinstance(kind, (Scalar, Array)):
        built = cast(built, kind)
    lazy = lazy and rank(kind) != 0 and not isinstance(kind, ListOf) and not spans(built.expr, [arg.expr])
    index = at[0] if len(at) == 1 else at or None
    return [Contribution(name, index, built, lazy)]


def full(d: Sym, like: Sym) -> Sym:
    """A lazy adjoint, made full: an array of like's shape and dtype."""
    return xp.full_like(like, d) if rank(d.kind) == 0 else xp.zeros_like(like) + d
