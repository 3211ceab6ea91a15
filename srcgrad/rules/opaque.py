"""Callables of which nothing is known, differentiated by central differences; and what is held constant by decree."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from srcgrad import runtime
from srcgrad.analysis import infer_shapes
from srcgrad.analysis.infer_dummies import by_dummies
from srcgrad.analysis.signatures import Bound, const, signature
from srcgrad.errors import ArgumentError, NoRuleError
from srcgrad.ir.kinds import Kind, Opaque, forget_value
from srcgrad.ir.nodes import Call, Prim
from srcgrad.rules.bodies import builder_signature, inliner, label_of, safe
from srcgrad.rules.build import Sym, kind_of, lift
from srcgrad.rules.effects import Ruled
from srcgrad.rules.registry import RULES, Rule, linear


class Numerical(Ruled):
    """A callable whose derivatives are central differences. Calling it is calling the function."""

    def __init__(self, function: Callable[..., Any], eps: float | None, example: Callable[..., Any] | None) -> None:
        functools.update_wrapper(self, function)
        self.function, self.eps = function, eps
        known = signature(function)
        params = [] if known is None else [p for p in known.parameters.values() if p.kind is not p.VAR_KEYWORD]
        fixed = known is not None and not any(p.kind is p.VAR_POSITIONAL for p in params)
        names = [safe(p.name) for p in params] if fixed else ["args"]
        builders: dict[str, Any] = {name: Differences(self, k, names, fixed) for k, name in enumerate(names)}
        tangents: dict[tuple[str, ...], Any] = {
            (name,): Differences(self, k, names, fixed, "t") for k, name in enumerate(names)
        }
        self.rule = Rule(
            self, "general", tuple(names), builders, frozenset(names), own=True, tangents=tangents, displays=True,
            variadic="" if fixed else "args", example=example,
            note="the derivative of {} is taken by central differences",
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<{label_of(self.function)}, differentiated numerically>"


def numerical(
    function: Callable[..., Any] | None = None, *, eps: float | None = None, example: Callable[..., Any] | None = None
) -> Any:
    """Wrap a callable of which nothing is known, so that differentiated functions can call it: its derivatives are
    taken by central differences, one pair of calls for each entry of each argument.

    function: takes floats and arrays of floats (and anything else, held constant) and returns a float or an array; it
    is taken to be pure. eps: the step; None: the cube root of the precision of the argument's dtype, times the
    entry's size where that is over 1. example: see rule. Works as a decorator. Raises ArgumentError for what is not
    callable.

        simulate = numerical(library.simulate)
        grad(lambda x: np.sum(simulate(x) ** 2))(x)
    """
    if function is None:
        return lambda f: numerical(f, eps=eps, example=example)
    if not callable(function):
        raise ArgumentError(f"numerical wraps a callable, not {function!r}.", "Pass the function itself.")
    if eps is not None and not eps > 0:
        raise ArgumentError(f"the step eps={eps!r} is not positive.", "Leave it out, or give a small positive number.")
    return Numerical(function, eps, example)


@dataclass(frozen=True, eq=False)
class Differences:
    """The builder of one argument's adjoint, or of its tangent's contribution ("t").

    names: the function's parameters; fixed: whether it takes just these, and not any number.
    """

    owner: Numerical
    place: int
    names: Sequence[str]
    fixed: bool
    by: str = "d"

    @property
    def __signature__(self) -> inspect.Signature:
        return builder_signature([self.by, "out", *self.names])

    def __call__(self, *, out: Sym, d: Sym | None = None, t: Any = None, **args: Any) -> Any:
        first = d if self.by == "d" else t
        if not self.fixed:
            items = args["args"]
            if self.by == "d":
                return [self._term(d, out, k, items) for k in range(len(items))]
            moved = [self._term(part, out, k, items) for k, part in enumerate(t) if part is not None]
            return functools.reduce(operator.add, moved)
        given = [args.get(name) for name in self.names]
        while given and given[-1] is None:
            given.pop()
        known = signature(self.owner.function)
        assert known is not None
        for k, parameter in enumerate(known.parameters.values()):
            if k < len(given) and given[k] is None:
                given[k] = Sym(lift(parameter.default))
        return self._term(first, out, self.place, given)

    def _term(self, first: Sym | None, out: Sym, k: int, args: list[Any]) -> Any:
        if isinstance(args[k], list) or not isinstance(args[k], Sym):
            raise NoRuleError(
                f"{label_of(self.owner.function)} gets a display of numbers: differences are taken of arrays.",
                "Make an array of it first, with np.array(...).",
            )
        if not getattr(args[k].kind, "dtype", "").startswith("float"):
            return Sym(lift(0.0))
        exprs = [lift(a) for a in args]
        by = inliner.get()
        name = by.name_of(self.owner) if by is not None else label_of(self.owner.function)
        callee = Call(Prim(self.owner, name, "attribute"), (), kind=Opaque(Numerical))
        fn = runtime.numerical_vjp if self.by == "d" else runtime.numerical_jvp
        options = () if self.owner.eps is None else (("eps", lift(self.owner.eps)),)
        kind = forget_value(args[k].kind if self.by == "d" else out.kind)
        return Sym(Call(Prim(fn, fn.__name__), (callee, lift(first), lift(k), *exprs), options, kind=kind))


# ---- what generated code calls, when it is differentiated again ----------------------------------------------


def _vjp_kind(prim: Prim, bound: Bound) -> Kind:
    return forget_value(kind_of(bound["args"][const(bound["k"])]))


def _jvp_kind(prim: Prim, bound: Bound) -> Kind:
    return forget_value(by_dummies(Prim(bound["f"].prim.fn, prim.text), bound["args"], ()))


infer_shapes.RULES[runtime.numerical_vjp] = _vjp_kind
infer_shapes.RULES[runtime.numerical_jvp] = _jvp_kind
infer_shapes.RULES[runtime.stop_gradient] = lambda prim, bound: kind_of(bound["x"])


@linear(runtime.numerical_vjp, "v", variadic="args")
def _vjp_in_v(d: Sym, f: Sym, v: Sym, k: Sym, args: list[Sym], eps: Any = None) -> Sym:
    options = () if eps is None else (("eps", lift(eps)),)
    exprs = tuple(map(lift, (f, d, k, *args)))
    return Sym(Call(Prim(runtime.numerical_jvp, "numerical_jvp"), exprs, options, kind=forget_value(v.kind)))


@linear(runtime.numerical_jvp, "t", variadic="args")
def _jvp_in_t(d: Sym, f: Sym, t: Sym, k: Sym, args: list[Sym], eps: Any = None) -> Sym:
    options = () if eps is None else (("eps", lift(eps)),)
    exprs = tuple(map(lift, (f, d, k, *args)))
    return Sym(Call(Prim(runtime.numerical_vjp, "numerical_vjp"), exprs, options, kind=forget_value(t.kind)))


RULES[runtime.stop_gradient] = Rule(
    runtime.stop_gradient, "constant", ("x",), view="always", handled=frozenset({"x"})
)

__all__ = ["Numerical", "numerical"]
