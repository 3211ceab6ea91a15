"""The table of derivative rules, and how rules get into it.

A rule is one of
- elementwise: one partial derivative per argument, which serves both modes;
- general: a builder of the contribution per argument (`vjp`), which may say that the function is linear in it: then
  forward mode is the function itself, of the tangent. Where it is not linear, `jvp` says what forward mode is;
- constant: no derivative flows through the function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import EllipsisType
from typing import Any, Literal

import numpy as np

from srcgrad.analysis import signatures
from srcgrad.analysis.infer import OPERATORS
from srcgrad.analysis.signatures import MISSING, const
from srcgrad.errors import KindError, NoRuleError
from srcgrad.ir.nodes import Call, Expr, Op, Pos, Prim
from srcgrad.rules.effects import Ruled, effect
from srcgrad.rules.libraries import read_library_of
from srcgrad.rules.refused import reason_of

__all__ = [
    "OPS", "RULES", "Rule", "as_prim", "const", "constant", "effect", "elementwise", "flat", "jvp",
    "linear", "lookup", "missing", "own_rule", "rule_of", "symmetric", "vjp",
]  # fmt: skip

Builder = Callable[..., Any]
View = Literal["never", "always", "maybe", "readonly"]

OPS: dict[str, Callable[..., Any]] = OPERATORS
"""The function that rules of an operator are keyed by."""


@dataclass(frozen=True)
class Rule:
    """What is known of the derivative of one primitive.

    params: names of the parameters, in the order of their positions. builders: for each parameter that a
    derivative flows through, the partial derivative (elementwise) or the contribution (general).
    handled: the parameters that the builders take; any other that a user gives is refused.
    linear: the parameters that the function is linear in. zero: those in which the derivative is zero. view: whether
    the result shares memory with the first argument; "readonly": it does, and cannot be written. singular: the
    partials may be infinite or nan, so they are guarded where the adjoint may have been masked. domain: for tests,
    where the function is smooth, of all arguments or of each. accepts_lazy: "any" or "scalar": which adjoints that only
    broadcast to the result's shape the builders take as they are. variadic: the parameter that is `*args`.
    via_out: partials that are used instead where the result is at hand, because they then read less.
    displays: the builders take a list of Syms for an argument that is a display such as `[a, b]`, or a Sym of
    kind ListOf for one that is a list. tangents: for each group of parameters, what their tangents contribute to the
    result's, where that is neither a partial derivative nor the function itself. symmetric: the function is a
    product, and that of two vectors does not depend on their order.
    own: a user's rule (see rules/own); example: stands in for fn where the kind of its result is found. note: a
    remark that generated code makes on the derivative, with {} for the function's name.
    """

    fn: Callable[..., Any]
    form: Literal["elementwise", "general", "constant"]
    params: tuple[str, ...]
    builders: dict[str, Builder] = field(default_factory=dict)
    handled: frozenset[str] = frozenset()
    linear: frozenset[str] = frozenset()
    zero: frozenset[str] = frozenset()
    view: View = "never"
    singular: bool = False
    domain: str | tuple[str, ...] = "real"
    accepts_lazy: Literal["none", "scalar", "any"] = "none"
    variadic: str = ""
    displays: bool = False
    via_out: dict[str, Builder] = field(default_factory=dict)
    tangents: dict[tuple[str, ...], Builder] = field(default_factory=dict)
    symmetric: bool = False
    own: bool = False
    example: Callable[..., Any] | None = None
    note: str = ""

    def bind(self, call: Call | Op) -> dict[str, Any]:
        """The arguments of a call by parameter name: Expr, or a list of Expr for the parameter `variadic`.

        Raises NoRuleError for an argument that the rule does not handle, unless it is the default.
        """
        name = call.prim.text if isinstance(call, Call) else call.op
        if isinstance(call, Op):
            return dict(zip(self.params, call.args, strict=False))
        if self.own or (self.form == "elementwise" and self.fn is not np.clip) or self.variadic:
            bound = self._bind_by_position(call, name)
        else:
            try:
                found = signatures.bind(call.prim, call.args, call.kwargs)
            except KindError as error:
                raise NoRuleError(error.reason, pos=call.pos) from None
            bound = self._bind_by_position(call, name) if found is None else found
        for given, value in bound.items():
            if given not in self.handled and not self._is_default(given, value):
                raise NoRuleError(
                    f"The derivative of {name} with `{given}` is not known.",
                    f"Leave `{given}` out, or write the rest of the computation without it.",
                    call.pos,
                )
        return bound

    def _bind_by_position(self, call: Call, name: str) -> dict[str, Any]:
        bound: dict[str, Any] = {}
        if self.variadic:
            k = self.params.index(self.variadic)
            bound = dict(zip(self.params[:k], call.args, strict=False))
            bound[self.variadic] = list(call.args[k:])
        else:
            if len(call.args) > len(self.params) and self.form != "constant":
                extra = "out" if isinstance(self.fn, np.ufunc) else f"argument {len(self.params) + 1}"
                raise NoRuleError(f"The derivative of {name} with `{extra}` is not known.", pos=call.pos)
            bound = dict(zip(self.params, call.args, strict=False))
        for given, value in call.kwargs:
            if given == "out" and "out_" not in self.params and not self._is_default(given, value):
                raise NoRuleError(f"The derivative of {name} with `out` is not known.",
                                  f"Write `x[...] = {name}(...)` instead.", call.pos)  # fmt: skip
            bound[f"{given}_" if self.own and f"{given}_" in self.params else given] = value
        return bound

    def _is_default(self, name: str, value: Any) -> bool:
        if self.form == "constant" and name != "out":
            return True
        if isinstance(value, list):
            return False
        given = const(value)
        if given is MISSING:
            return False
        usual = signatures.default(self.fn, name)
        if given is None:
            return usual is None or usual is inspect.Parameter.empty or usual is np._NoValue
        if name == "where":
            return given is True
        if name == "keepdims":
            return given is False
        return type(given) is type(usual) and bool(given == usual)


RULES: dict[Any, Rule] = {}
"""All rules, by the function that they are of."""


def lookup(fn: Callable[..., Any]) -> Rule | None:
    """The rule of a primitive, or None. Unhashable callables have none, unless they carry it."""
    if isinstance(fn, Ruled):
        return fn.rule
    try:
        found = RULES.get(fn)
        return RULES.get(fn) if found is None and _read_library_of(fn) else found
    except TypeError:
        return None


def _read_library_of(fn: Any) -> bool:
    """Read the rules of the library that a callable comes from; those that users gave stay."""
    own = {other: rule for other, rule in RULES.items() if rule.own}
    read = read_library_of(fn)
    RULES.update(own)
    return read


def own_rule(fn: Any) -> Rule | None:
    """The rule that a user gave to a callable, or None."""
    found = lookup(fn)
    return found if found is not None and found.own else None


def _add(rule: Rule) -> None:
    RULES[rule.fn] = rule


def _names(builder: Builder) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(builder).parameters if name not in _GIVEN)


_GIVEN = ("d", "t", "out", "masked")
"""What a builder may ask for besides the arguments."""


def elementwise(
    fns: Any, *partials: Builder | EllipsisType | None, singular: bool = False, domain: str | tuple[str, ...] = "real",
    view: View = "never", linear: Iterable[str] = (), via_out: dict[str, Builder] | None = None,
) -> None:  # fmt: skip
    """Declare the partial derivatives of elementwise functions, one per argument: `lambda x, out: xp.cos(x)`.

    None: the derivative in that argument is zero; `...`: it is not known, and refused. Builders name the arguments,
    and `out`, the result.
    """
    names = _names(next(p for p in partials if callable(p)))
    builders = {name: p for name, p in zip(names, partials, strict=False) if callable(p)}
    zero = frozenset(name for name, p in zip(names, partials, strict=False) if p is None)
    for fn in fns if isinstance(fns, tuple) else (fns,):
        handled = frozenset(names)
        _add(Rule(fn, "elementwise", names, builders, handled, frozenset(linear), zero, view, singular, domain, "any",
                  via_out=via_out or {}))  # fmt: skip


def vjp(
    fns: Any, *wanted: str, linear: bool = False, view: View = "never", domain: str = "real",
    accepts_lazy: Literal["none", "scalar", "any"] = "none", singular: bool = False, variadic: str = "",
    displays: bool = False,
) -> Callable[[Builder], Builder]:  # fmt: skip
    """Declare a builder `def _(d, out, x, axis=None)` of the contribution to the argument `wanted`.

    With several names in `wanted` the builder returns a tuple. Applied again to a function it adds to its rule.
    """

    def register(builder: Builder) -> Builder:
        names = _names(builder)
        for fn in fns if isinstance(fns, tuple) else (fns,):
            before = RULES.get(fn)
            if before is None:
                sig = None if variadic else signatures.signature(fn)
                params = names if sig is None else tuple(sig.parameters)
                before = Rule(fn, "general", params, view=view, domain=domain, accepts_lazy=accepts_lazy,
                              singular=singular, variadic=variadic, displays=displays)  # fmt: skip
            builders = dict(before.builders)
            for k, name in enumerate(wanted):
                builders[name] = builder if len(wanted) == 1 else _item(builder, k)
            flags = before.linear | frozenset(wanted) if linear else before.linear
            _add(replace(before, builders=builders, handled=before.handled | {*names, *wanted}, linear=flags))
        return builder

    return register


def _item(builder: Builder, k: int) -> Builder:
    def build(**arguments: Any) -> Any:
        return builder(**arguments)[k]

    build.__signature__ = inspect.signature(builder)  # type: ignore[attr-defined]
    build.__module__ = builder.__module__
    return build


def linear(fns: Any, *wanted: str, **options: Any) -> Callable[[Builder], Builder]:
    """Like vjp, for functions linear in the arguments `wanted`: their forward mode is the function itself."""
    return vjp(fns, *wanted, linear=True, **options)


def jvp(fns: Any, *wanted: str) -> Callable[[Builder], Builder]:
    """Declare a builder `def _(t, out, x, axis=None)` of what the tangent `t` of the argument `wanted` contributes to
    the tangent of the result.

    It comes after the rule's `vjp` or `elementwise`, and goes before what would follow from them. With several names
    in `wanted`, t is a tuple, with None for an argument that has no tangent; for a display or the variadic argument
    it is a list likewise. A builder that takes `masked` is told whether the tangents may have been masked.
    """

    def register(builder: Builder) -> Builder:
        for fn in fns if isinstance(fns, tuple) else (fns,):
            before = RULES[fn]
            _add(replace(before, tangents={**before.tangents, wanted: builder}))
        return builder

    return register


def flat(fns: Any, *names: str) -> None:
    """Declare that the derivative in these arguments is zero: their shape is all that matters, say."""
    for fn in fns if isinstance(fns, tuple) else (fns,):
        before = RULES.get(fn) or Rule(fn, "general", tuple(getattr(signatures.signature(fn), "parameters", names)))
        _add(replace(before, zero=before.zero | frozenset(names), handled=before.handled | frozenset(names)))


def symmetric(*fns: Callable[..., Any]) -> None:
    """Declare that products of two vectors do not depend on their order."""
    for fn in fns:
        _add(replace(RULES[fn], symmetric=True))


def constant(*fns: Any, view: View = "never") -> None:
    """Declare that no derivative flows through the functions."""
    for fn in fns:
        sig = signatures.signature(fn)
        params = () if sig is None else tuple(sig.parameters)
        _add(Rule(fn, "constant", params, view=view, handled=frozenset(p for p in params if p != "out")))


def as_prim(call: Call | Op) -> Prim:
    """The primitive of a call or an operator."""
    return call.prim if isinstance(call, Call) else Prim(OPS[call.op], call.op)


def rule_of(call: Expr) -> Rule:
    """The rule of a call or an operator; raises NoRuleError if there is none."""
    assert isinstance(call, (Call, Op))
    rule = lookup(as_prim(call).fn)
    if rule is None:
        raise missing(as_prim(call), call.pos)
    return rule


def missing(prim: Prim, pos: Pos | None) -> NoRuleError:
    """The error of a primitive without a rule: with the reason, where one is declared."""
    reason = reason_of(prim.fn)
    if reason is not None and reason.message:
        return NoRuleError(reason.message.format(full_name(prim)), reason.remedy, pos)
    return NoRuleError(
        f"srcgrad has no derivative rule for {full_name(prim)}.",
        "Write it in Python with functions of NumPy that have one, or give it one with `srcgrad.rule`.",
        pos,
    )


def full_name(prim: Prim) -> str:
    """The name of a primitive in messages: methods of ufuncs with their owner, as `np.add.reduce`."""
    owner = getattr(prim.fn, "__self__", None)
    return f"np.{owner.__name__}.{prim.fn.__name__}" if isinstance(owner, np.ufunc) else prim.text
