"""Applying a rule in forward mode: the tangent of a primitive's result, from those of its arguments.

An elementwise function gives the sum of its partial derivatives times the tangents; a linear one is called itself, on
the tangent; the rest say in their own words what forward mode is (`jvp` in registry). As with contributions, what
comes out is simplified as a person would who writes it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.analysis.infer import ELEMENTWISE, infer_call, infer_op
from srcgrad.errors import KindError, NoRuleError
from srcgrad.ir.kinds import (
    Array,
    Kind,
    ListOf,
    Opaque,
    Scalar,
    dims,
    dtype_name,
    forget_value,
    is_complex,
    rank,
)
from srcgrad.ir.nodes import Call, Const, Expr, Load, Name, Op, Pack
from srcgrad.rules import arithmetic
from srcgrad.rules.build import (
    Sym,
    axis_kept,
    chosen,
    guarded,
    helper,
    kind_of,
    lift,
    number,
    same_shape,
    using_math,
    xp,
)
from srcgrad.rules.contributions import (
    Mask,
    argument_syms,
    call_builder,
    carries,
    displayed,
    is_listed,
    others_of,
    refuse_complex,
    refuse_list,
    refuse_unknown,
)
from srcgrad.rules.registry import Builder, Rule, as_prim


def tangent(
    rule: Rule, call: Call | Op, tangents: dict[str, Any], args: dict[str, Any], out: Sym, masked: bool = False,
    out_ready: bool = False,
) -> Sym:  # fmt: skip
    """The tangent of the call's result, of the shape and dtype of the call's kind.

    tangents: by parameter, the tangent of each argument that carries one: a Sym of the argument's kind; for a display
    (a Pack such as `[a, b]`) or the variadic parameter a list with a Sym, a nested list, or None (zero) per item.
    args: what stands for the arguments in the result, by parameter; arguments that are missing there are written as in
    the call. out: stands for the result, and is read only where the rule needs it; out_ready: it is at hand, so that a
    rule may read it to read less else. masked: the tangents may be exactly zero because a choice went the other way;
    then singular partials are guarded, so that zero stays zero.

    A tangent may be read several times, so one that is more than a name is best given one first. What comes out may
    be a tangent itself (`x + 1`) or a view of one (`x.T`): a target that is written needs a copy where the primal's
    is none. Raises NoRuleError for what the rule does not handle.
    """
    bound = rule.bind(call)
    syms = argument_syms(rule, bound, args)
    moved = {name: t for name, t in tangents.items() if name in bound and _moves(t)}
    refuse_unknown(rule, call, syms, {name for name in moved if not has_tangent(rule, name)})
    refuse_complex(rule, call, syms)
    if call.kind == Opaque(tuple):
        raise NoRuleError(f"The derivative of {as_prim(call).text} with several results is not known.", pos=call.pos)
    moved = {name: moved[name] for name in bound if name in moved and name not in rule.zero and carries(syms[name])}
    token = using_math.set(getattr(as_prim(call).fn, "__module__", "") == "math")
    try:
        terms = _terms(rule, call, moved, bound, syms, out, masked, out_ready)
        return _of_kind(_full(_sum(terms), rule, call, bound, syms, moved, out), call.kind)
    except (KindError, NoRuleError) as error:
        raise type(error)(error.reason, error.remedy, error.pos or call.pos) from None
    finally:
        using_math.reset(token)


def elementwise_tangents(
    rule: Rule, call: Call | Op, moved: dict[str, Any], syms: dict[str, Any], out: Sym, masked: bool, out_ready: bool
) -> Sym:
    """The same for an elementwise function and tangents that may have further axes in front (see directions)."""
    bound = rule.bind(call)
    token = using_math.set(getattr(as_prim(call).fn, "__module__", "") == "math")
    try:
        total = _sum(_terms(rule, call, moved, bound, syms, out, masked, out_ready))
        return total if _is_zero(total) else _full(total, rule, call, bound, syms, moved, out)
    finally:
        using_math.reset(token)


def has_tangent(rule: Rule, name: str) -> bool:
    """Whether the rule says what the tangent of the argument contributes to the result's."""
    ruled = name in rule.builders if rule.form == "elementwise" else name in rule.linear
    return ruled or name in rule.zero or any(name in wanted for wanted in rule.tangents)


def _moves(t: Any) -> bool:
    if isinstance(t, (list, tuple)):
        return any(_moves(item) for item in t)
    return t is not None


def _terms(
    rule: Rule, call: Call | Op, moved: dict[str, Any], bound: dict[str, Any], syms: dict[str, Any], out: Sym,
    masked: bool, out_ready: bool,
) -> list[Sym]:  # fmt: skip
    for name in moved:
        if (is_listed(syms[name]) or isinstance(moved[name], list)) and not rule.displays and name != rule.variadic:
            refuse_list(call)
    terms = []
    left = dict(moved)
    for wanted, builder in rule.tangents.items():
        chosen_ = [left.pop(name, None) for name in wanted]
        if any(t is not None for t in chosen_):
            t = chosen_[0] if len(wanted) == 1 else tuple(chosen_)
            given = {"t": t, "out": out, "masked": masked}
            built = call_builder(builder, given, displayed(rule, syms))
            term = built if isinstance(built, Sym) else Sym(lift(built))
            if masked and rule.singular and isinstance(t, Sym):
                term = guarded(t, term)
            terms.append(term)
    if rule.form == "elementwise" and not _is_itself(rule, call):
        return terms + _products(rule, left, bound, syms, out, masked, out_ready)
    for name, t in left.items():
        if name not in rule.linear:
            what = f"The forward derivative of {as_prim(call).text} in `{name}` is not known."
            raise NoRuleError(what, "Give its rule a jvp." if rule.own else "", call.pos)
        terms.append(_called(rule, call, bound, {**syms, name: _filled(t, syms[name])}))
    if len(terms) == 2 and _same_twice(rule, bound):
        return [2 * terms[0]]
    return terms


# ---- elementwise ---------------------------------------------------------------------------------------------


def _is_itself(rule: Rule, call: Call | Op) -> bool:
    """Whether an elementwise function is best called on the tangent: np.deg2rad(x_dot), x_dot.real."""
    if isinstance(call, Op) or rule.fn in (np.negative, np.positive):
        return False
    return len(rule.params) == 1 and set(rule.params) == rule.linear


def _products(
    rule: Rule, moved: dict[str, Any], bound: dict[str, Any], syms: dict[str, Any], out: Sym, masked: bool,
    out_ready: bool,
) -> list[Sym]:  # fmt: skip
    """The tangents times the partial derivatives."""
    terms: list[tuple[Sym, Sym]] = []  # as it is compared, and as it is printed
    for name, t in moved.items():
        builder: Builder = rule.via_out.get(name, rule.builders[name]) if out_ready else rule.builders[name]
        partial = call_builder(builder, {"out": out}, syms)
        if isinstance(partial, Mask):
            term = shown = chosen(partial.condition, t, 0.0)
        else:
            term = shown = t * partial
            plain = isinstance(partial, Sym) and isinstance(partial.expr, (Name, Load, Call))
            if plain and name != rule.params[0]:
                shown = partial * t
        if _is_zero(term):
            continue
        if masked and rule.singular:
            term = shown = guarded(t, term)
        same = next((k for k, (other, _) in enumerate(terms) if other.expr == term.expr), None)
        if same is None:
            terms.append((term, shown))
        else:  # x * x
            terms[same] = (2 * term, 2 * term)
    return [shown for _, shown in terms]


def _is_zero(s: Sym) -> bool:
    return isinstance(s.expr, Const) and s.expr.value == 0


def _sum(terms: list[Sym]) -> Sym:
    terms = [term for term in terms if not _is_zero(term)]
    if not terms:
        return Sym(lift(0.0))
    total = terms[0].expr
    for term in terms[1:]:
        total = _plus(total, term.expr)
    return Sym(total)


def _plus(a: Expr, b: Expr) -> Expr:
    """`a + b`; over a common denominator, or with a common factor, where that is written alike in both."""
    positive = arithmetic.negated(b)
    minus, b = positive is not None, b if positive is None else positive
    join = arithmetic.subtract if minus else arithmetic.add
    if isinstance(a, Op) and isinstance(b, Op) and a.op == b.op and a.op in ("*", "/"):
        (u, c), (v, again) = a.args, b.args
        if c == again and not isinstance(c, Const) and arithmetic.negated(u) is None:
            over = arithmetic.divide if a.op == "/" else arithmetic.multiply
            return over(join(u, v), c)
    return join(a, b)


# ---- shapes and dtypes ---------------------------------------------------------------------------------------


def _full(
    s: Sym, rule: Rule, call: Call | Op, bound: dict[str, Any], syms: dict[str, Any], moved: dict[str, Any], out: Sym
) -> Sym:
    """A tangent in the shape of the result, where it may be too small: that of x in `x + A`."""
    node = call.kind
    if isinstance(s.expr, Const):
        return s if rank(node) == 0 else xp.full_like(out, s) if s.expr.value else xp.zeros_like(out)
    if rule.form != "elementwise" or rank(node) == 0 or _spans(s.kind, node):
        return s
    kinds = {name: kind_of(value) for name, value in bound.items()}
    wide = [name for name, kind in kinds.items() if rank(kind) != 0 and not isinstance(kind, Opaque)]
    leaves = list(_leaves(s.expr))
    found = {name for name in wide if syms[name].expr in leaves or (name in moved and moved[name].expr in leaves)}
    whole = [name for name in wide if same_shape(node, kinds[name], others_of(bound, kinds, name))]
    if out.expr in leaves or found.intersection(whole) or found.issuperset(wide):
        return s
    missing = whole[:1] or [name for name in wide if name not in found]
    if rank(s.kind) == 0 and len(missing) == 1 and getattr(kinds[missing[0]], "dtype", "") == dtype_name(node):
        return xp.full_like(syms[missing[0]], s)
    for name in missing:
        s = s + xp.zeros_like(syms[name])
    return s


def _is_elementwise(fn: Any) -> bool:
    return isinstance(fn, np.ufunc) or fn is np.where or fn in ELEMENTWISE


def _leaves(expr: Expr) -> Iterator[Expr]:
    """The expressions whose shapes an elementwise expression has, broadcast."""
    yield expr
    if isinstance(expr, Op) and expr.op != "@":
        inner: Iterable[Expr] = expr.args
    elif isinstance(expr, Call) and _is_elementwise(expr.prim.fn):
        inner = expr.args
    elif isinstance(expr, Call) and expr.prim.fn in (np.zeros_like, np.ones_like, np.full_like, np.astype, np.copy):
        inner = expr.args[:1]
    else:
        return
    for arg in inner:
        yield from _leaves(arg)


def _spans(kind: Kind, node: Kind) -> bool:
    """Whether a value is known to have the shape of the result, to which it broadcasts."""
    part, whole = dims(kind), dims(node)
    if part is None or whole is None or len(part) != len(whole):
        return False
    return all(axis_kept(n, m) is True for n, m in zip(whole, part, strict=True))


def _of_kind(s: Sym, node: Kind) -> Sym:
    """`s` in the dtype of the result, and a number where that is one, or an array without axes."""
    kind = s.kind
    if not isinstance(node, (Scalar, Array)) or not isinstance(kind, (Scalar, Array)):
        return s
    if isinstance(node, Scalar) and isinstance(kind, Array) and rank(kind) == 0:
        s = s[()]
        kind = s.kind
    elif isinstance(node, Array) and node.dims == () and isinstance(kind, Scalar) and not isinstance(s.expr, Const):
        s = xp.asarray(s)
        kind = s.kind
    if is_complex(kind) and not is_complex(node):
        s = s.real
        kind = s.kind
    if isinstance(s.expr, Const) and isinstance(node, Scalar) and node.dtype == "float64":
        return s
    if not isinstance(kind, (Scalar, Array)) or kind.dtype == node.dtype:
        return s
    if isinstance(node, Scalar) and node.weak:
        return helper(complex if is_complex(node) else float)(s)
    return number(s, node.dtype) if isinstance(kind, Scalar) else s.astype(node.dtype)


# ---- the function itself -------------------------------------------------------------------------------------


def _called(rule: Rule, call: Call | Op, bound: dict[str, Any], values: dict[str, Any]) -> Sym:
    """The call with these values for its parameters."""
    if isinstance(call, Op):
        operands = tuple(lift(values[name]) for name in rule.params[: len(call.args)])
        return Sym(Op(call.op, operands, kind=_kind(infer_op(call.op, operands), call.kind)))
    by_identity = {id(value): name for name, value in bound.items()}
    args: list[Expr] = []
    for k, arg in enumerate(call.args):
        first = rule.params.index(rule.variadic) if rule.variadic else len(call.args)
        if k >= first:
            args.append(lift(values[rule.variadic][k - first]))
        elif k < len(rule.params) and bound.get(rule.params[k]) is arg:
            args.append(lift(values[rule.params[k]]))
        else:
            args.append(arg)  # part of a tuple: x.reshape(2, 3)
    kwargs = []
    for key, value in call.kwargs:
        name = key if key in bound else by_identity.get(id(value), key)
        kwargs.append((key, lift(values[name]) if name in values else value))
    made = Call(call.prim, tuple(args), tuple(kwargs))
    return Sym(replace(made, kind=_kind(infer_call(call.prim, made.args, made.kwargs), call.kind)))


def _kind(found: Kind, node: Kind) -> Kind:
    """The kind of a call on a tangent: that of the call, but for the dtype."""
    if isinstance(found, (Scalar, Array)) and isinstance(node, Array) and isinstance(found, Array):
        return replace(node, dtype=found.dtype)
    return forget_value(found)


def _filled(t: Any, arg: Any) -> Any:
    """The tangent of an argument; that of a display is one, with zeros for items that have none."""
    if not isinstance(t, (list, tuple)):
        return t
    items = arg if isinstance(arg, list) else [Sym(item) for item in arg.expr.items]
    parts = [_zero(item) if not _moves(part) else _filled(part, item) for part, item in zip(t, items, strict=True)]
    if isinstance(arg, list):
        return parts
    pack = Pack(arg.expr.type, tuple(lift(part) for part in parts))
    return Sym(replace(pack, kind=kind_of(pack)))


def _zero(arg: Any) -> Any:
    """Zeros in the shape of an argument."""
    if isinstance(arg, list):
        return [_zero(item) for item in arg]
    if isinstance(arg.expr, Pack):
        return _filled([None] * len(arg.expr.items), arg)
    return 0.0 if rank(arg.kind) == 0 and not isinstance(arg.kind, ListOf) else xp.zeros_like(arg)


def _same_twice(rule: Rule, bound: dict[str, Any]) -> bool:
    """Whether a call is a product of a vector with itself: both terms are the same then."""
    a, b = list(bound.values())[:2]
    return rule.symmetric and a == b and rank(kind_of(a)) == 1 and not is_complex(kind_of(a))
