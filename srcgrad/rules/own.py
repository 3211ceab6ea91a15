"""Rules that users give to callables, in the form of the built-in ones. How their bodies are used: see bodies."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srcgrad.analysis.signatures import signature
from srcgrad.errors import ArgumentError
from srcgrad.rules.bodies import Body, Function, label_of, safe
from srcgrad.rules.effects import DECLARED
from srcgrad.rules.registry import RULES, Rule, own_rule

CHANGED: list[Callable[[], None]] = []
"""Called whenever a rule is registered: what was compiled before may not hold any more."""

RULED_CODE: set[Any] = set()
"""Code objects of Python functions with a rule: functions of the same code are told apart by identity then."""



@dataclass(frozen=True)
class OwnRule:
    """The rule of `function`: gives it its derivatives, as decorators."""

    function: Function

    def vjp(self, body: Function) -> Function:
        """Register `body(d, out, *args)`, which gives one adjoint for each argument, None for one without."""
        names = _body_names(self.function, body, "vjp", 2)
        _check_arguments(self.function, names, "vjp")
        roles = ("%d", "%out", *names)
        builders = {name: Body(body, roles, self.function, "vjp", name, k) for k, name in enumerate(names)}
        known = own_rule(self.function)
        tangents = known.tangents if known is not None and known.form == "general" else {}
        example = known.example if known is not None else None
        _register(_rule(self.function, "general", names, builders, tangents, example=example))
        return body

    def jvp(self, body: Function) -> Function:
        """Register `body(out, *args, *tangents)`, which gives the result's tangent: that of `x` is called `x_dot`."""
        names = _body_names(self.function, body, "jvp", 1)
        dots = {n: safe(n.removesuffix("_dot")) for n in names if n.endswith("_dot")}
        dots = {n: owner for n, owner in dots.items() if owner in names}
        args = [n for n in names if n not in dots]
        if not dots:
            raise ArgumentError(
                f"the jvp of {label_of(self.function)} takes no tangents.",
                f"Call them after the arguments: `def _(out, {', '.join(args)}, {args[0] if args else 'x'}_dot)`.",
            )
        _check_arguments(self.function, args, "jvp")
        roles = ("%out", *(("%t", dots[n]) if n in dots else n for n in names))
        wanted = tuple(dots.values())
        tangents: dict[tuple[str, ...], Any] = {wanted: Body(body, roles, self.function, "jvp", wanted[0])}
        known = own_rule(self.function)
        builders = known.builders if known is not None and known.form == "general" else {}
        example = known.example if known is not None else None
        _register(_rule(self.function, "general", args, builders, tangents, example=example))
        return body


def rule(
    function: Function, *, partials: Function | Sequence[Function | None] | None = None, vjp: Function | None = None,
    jvp: Function | None = None, nondifferentiable: bool = False, example: Function | None = None,
) -> OwnRule:  # fmt: skip
    """Give a callable derivatives of its own. It may be anything: of SciPy or C, or a Python function, which is then
    called where it would have been differentiated. It is taken to be pure: to do nothing but to return its result.

    partials: for a function that works element by element, its partial derivatives, one for each argument, None
    where it is zero. Each takes the arguments and, if it names it, the result `out`; both modes follow from them:

        rule(scipy.special.erf, partials=lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x))
        rule(scipy.special.xlogy, partials=(lambda x, y: np.log(y), lambda x, y: x / y))

    vjp: takes the adjoint of the result, the result and the arguments, and returns the adjoint of each argument, of
    its shape, None for one without. jvp: takes the result, the arguments and their tangents (that of x is called
    `x_dot`), and returns the tangent of the result. Both may be given as decorators:

        @rule(solve).vjp
        def _(d, out, A, b):
            d_b = np.linalg.solve(A.T, d)
            return -np.outer(d_b, out), d_b

        @rule(solve).jvp
        def _(out, A, b, A_dot, b_dot):
            return np.linalg.solve(A, b_dot - A_dot @ out)

    nondifferentiable: no derivative flows through the function. One that returns None is called for its effect, as
    print is: once, in the forward sweep; what it writes must not be read by the program. example: a cheap function of
    the same arguments whose result has the kind, dtype and shape of function's: it is called on small arrays in its
    place, when compiling.

    The bodies are plain NumPy, must not write into their arguments, and appear as source in the generated code. A
    later rule replaces an earlier one; vjp and jvp stand side by side. Raises ArgumentError for what is not callable,
    and for a rule whose arguments are not the function's.
    """
    if not callable(function):
        raise ArgumentError(f"a rule belongs to a callable, not to {function!r}.", "Pass the function itself.")
    try:
        hash(function)
    except TypeError:
        raise ArgumentError(f"{function!r} cannot be hashed, so a rule of it cannot be found again.",
                            "Wrap it in a function.") from None  # fmt: skip
    given = [name for name, body in (("partials", partials), ("vjp", vjp), ("jvp", jvp)) if body is not None]
    if nondifferentiable and given or "partials" in given and len(given) > 1:
        raise ArgumentError(
            f"a rule has partials, or vjp and jvp, or is nondifferentiable: not {' and '.join(given)}"
            f"{' and nondifferentiable' if nondifferentiable else ''}.",
            "Give one of them.",
        )
    made = OwnRule(function)
    if example is not None and not callable(example):
        raise ArgumentError("`example` is a function of the same arguments.", "Pass a function.")
    if nondifferentiable:
        _register(_rule(function, "constant", _parameters(function), {}, {}, example=example))
    if partials is not None:
        _register(_elementwise(function, partials, example))
    if vjp is not None:
        made.vjp(vjp)
    if jvp is not None:
        made.jvp(jvp)
    known = RULES.get(function)
    if example is not None and known is not None and known.own:
        _register(replace(known, example=example))
    return made


def _register(made: Rule) -> None:
    RULES[made.fn] = made
    DECLARED.add(made.fn)
    code = getattr(made.fn, "__code__", None)
    if code is not None:
        RULED_CODE.add(code)
    for changed in CHANGED:
        changed()


def _rule(
    function: Function, form: Any, names: Sequence[str], builders: dict[str, Any],
    tangents: dict[tuple[str, ...], Any],
    **options: Any,
) -> Rule:  # fmt: skip
    """A rule whose parameters are the function's, as far as its signature is known, and else the names of the body."""
    params = list(_parameters(function))
    positional = _positional_only(function)
    for k, name in enumerate(names):
        if name not in params and k < len(params) and params[k] in positional:
            params[k] = name
    params = params if params else list(names)
    handled = frozenset(params) - {"out"} if form == "constant" else frozenset(names)
    return Rule(function, form, tuple(params), builders, handled, own=True, tangents=tangents, displays=True, **options)


def _elementwise(function: Function, partials: Any, example: Function | None) -> Rule:
    bodies = list(partials) if isinstance(partials, (list, tuple)) else [partials]
    first = next((body for body in bodies if body is not None), None)
    if first is None:
        raise ArgumentError(f"all partials of {label_of(function)} are None.", "Say nondifferentiable=True instead.")
    names = [n for n in _body_names(function, first, "partial", 0) if n != "out"]
    if len(names) != len(bodies):
        raise ArgumentError(
            f"{len(bodies)} partials were given for {label_of(function)}, and they take {len(names)} arguments: "
            f"{', '.join(names)}.",
            "Give one partial for each argument, None where it is zero.",
        )
    _check_arguments(function, names, "partial")
    builders = {}
    for name, body in zip(names, bodies, strict=True):
        if body is None:
            continue
        own = _body_names(function, body, "partial", 0)
        if [n for n in own if n != "out"] != names:
            raise ArgumentError(f"the partials of {label_of(function)} take different arguments.",
                                f"Let each take {', '.join(names)}.")  # fmt: skip
        roles = tuple("%out" if n == "out" else n for n in own)
        builders[name] = Body(body, roles, function, "partial", name)
    zero = frozenset(name for name, body in zip(names, bodies, strict=True) if body is None)
    return replace(_rule(function, "elementwise", names, builders, {}, example=example), zero=zero, singular=True,
                   accepts_lazy="any")  # fmt: skip


def _body_names(function: Function, body: Any, what: str, skip: int) -> list[str]:
    """The names of a body's parameters, after those of the adjoint and the result."""
    if not callable(body):
        raise ArgumentError(f"the {what} of {label_of(function)} is {body!r}, which cannot be called.",
                            "Pass a function.")  # fmt: skip
    try:
        parameters = list(inspect.signature(body).parameters.values())
    except (ValueError, TypeError):
        raise ArgumentError(f"the {what} of {label_of(function)} does not say what it takes.",
                            "Write it as a Python function.") from None  # fmt: skip
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        raise ArgumentError(f"the {what} of {label_of(function)} takes `*` arguments.", "Name each argument.")
    if len(parameters) <= skip:
        first = {2: "d, out", 1: "out"}.get(skip, "")
        raise ArgumentError(f"the {what} of {label_of(function)} takes {len(parameters)} arguments.",
                            f"It takes {first} and the function's arguments.")  # fmt: skip
    return [safe(p.name) if what != "partial" or p.name != "out" else "out" for p in parameters[skip:]]


def _known(function: Function) -> list[inspect.Parameter] | None:
    """The function's parameters, None where they are not known or any number is taken."""
    if isinstance(function, np.ufunc):
        kind = inspect.Parameter.POSITIONAL_ONLY
        return [inspect.Parameter(f"x{k + 1}", kind) for k in range(function.nin)]
    found = signature(function)
    if found is None or any(p.kind is p.VAR_POSITIONAL for p in found.parameters.values()):
        return None
    return [p.replace(name=safe(p.name)) for p in found.parameters.values() if p.kind is not p.VAR_KEYWORD]


def _parameters(function: Function) -> tuple[str, ...]:
    return tuple(p.name for p in _known(function) or ())


def _positional_only(function: Function) -> set[str]:
    return {p.name for p in _known(function) or () if p.kind is p.POSITIONAL_ONLY}


def _check_arguments(function: Function, names: Sequence[str], what: str) -> None:
    """Raise unless a body's arguments are the function's, in their order; those with a default may be missing."""
    known = _known(function)
    if known is None:
        return
    title = f"the {what} of {label_of(function)}"
    text = ", ".join(p.name for p in known) or "none"
    remedy = f"The function's own arguments are {text}."
    if len(names) > len(known):
        raise ArgumentError(f"{title} has {len(names)} arguments, and the function {len(known)}.", remedy)
    free = [p.kind is p.POSITIONAL_ONLY for p in known]
    taken = [p.name if k >= len(names) or not free[k] else names[k] for k, p in enumerate(known)]
    for name in names:
        if name not in taken:
            raise ArgumentError(f"{title} names an argument `{name}`, which the function does not have.", remedy)
    missing = [t for t, p in zip(taken, known, strict=True) if t not in names and p.default is p.empty]
    if missing:
        raise ArgumentError(f"{title} lacks the argument `{missing[0]}`.", remedy)
    if [t for t in taken if t in names] != list(names):
        raise ArgumentError(f"{title} has the arguments in another order than the function.", remedy)
