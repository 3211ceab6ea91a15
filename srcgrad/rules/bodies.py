"""Bodies of users' rules: plain NumPy functions that are written into the sweeps as source.

A body is turned into a builder (`Body`), so that whatever applies a built-in rule applies a user's. It needs an
inliner, which specialises the body's source for the expressions at hand; without one, or where the source cannot be
read, the body is called by its name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol

from srcgrad.analysis.dims import broadcast
from srcgrad.analysis.infer_dummies import items_by_dummies
from srcgrad.analysis.operands import shape_of
from srcgrad.analysis.signatures import signature
from srcgrad.errors import ArgumentError, KindError, NoRuleError
from srcgrad.ir.kinds import NONE, Array, Kind, Opaque, Scalar, dims, forget_value, join_dtype, not_one
from srcgrad.ir.nodes import Call, Const, Expr, Load, Name, Op, Prim, Stmt
from srcgrad.ir.walk import rebuild, rebuilt, subexpressions, substitute
from srcgrad.rules.build import Sym, kind_of, lift, xp
from srcgrad.rules.effects import DECLARED

Function = Callable[..., Any]


class NotInline(Exception):
    """A body that cannot be written as source here."""


class Inliner(Protocol):
    """Writes bodies as source; what they need besides an expression becomes statements of the inliner's."""

    stmts: list[Stmt]
    done: dict[Any, Any]

    def inline(self, function: Function, args: dict[str, Any]) -> Any:
        """What the body gives for Syms: a Sym, None, or a list of those. Raises NotInline."""

    def hold(self, value: Sym, hint: str) -> Sym:
        """The value in a variable."""

    def name_of(self, function: Function, hint: str = "") -> str:
        """What the program calls a callable. hint: what it may be called, if it has no name yet."""


inliner: ContextVar[Inliner | None] = ContextVar("inliner", default=None)


@contextmanager
def inlining(by: Inliner) -> Iterator[None]:
    """Write bodies of rules by this inliner."""
    token = inliner.set(by)
    try:
        yield
    finally:
        inliner.reset(token)


def held(value: Sym, hint: str) -> Sym:
    """The value in a variable ahead of the adjoint or tangent, for what a rule reads more than once."""
    by = inliner.get()
    return value if by is None or isinstance(value.expr, (Name, Const)) else by.hold(value, hint)


@dataclass(frozen=True, eq=False)
class Body:
    """The builder that a body is: a function of Syms.

    names: the roles of the body's parameters, in order: arguments of the function (see safe), "%d", "%out", or a
    tangent ("%t", argument). item: which of its results is meant, None where it has one. of: the function that it
    belongs to. kind: "vjp", "jvp" or "partial". wanted: the argument that the adjoint or partial belongs to.
    """

    function: Function
    names: tuple[Any, ...]
    of: Function
    kind: str
    wanted: str
    item: int | None = None

    @property
    def __signature__(self) -> inspect.Signature:
        """What those who call a builder by names go by."""
        own = [name for name in self.names if isinstance(name, str) and not name.startswith("%")]
        return builder_signature([*_FIRST[self.kind], "out", *own])

    def __call__(self, *, out: Sym, d: Sym | None = None, t: Any = None, **args: Any) -> Any:
        if self.kind == "jvp":
            tangents = t if isinstance(t, tuple) else (t,)
            return self.build(dict(zip(self.tangents(), tangents, strict=True)), out, args)
        return self.build(d, out, args)

    def tangents(self) -> tuple[str, ...]:
        """The arguments whose tangents the body takes."""
        return tuple(role[1] for role in self.names if isinstance(role, tuple))

    def build(self, first: Any, out: Sym, args: dict[str, Any]) -> Any:
        """The adjoint, the partial derivative, or the tangent of the result.

        first: the adjoint of the result, or the tangents by argument, None for zero.
        """
        parameters = list(inspect.signature(self.function).parameters)
        given = {p: self._role(p, role, first, out, args) for p, role in zip(parameters, self.names, strict=True)}
        by = inliner.get()
        try:
            if by is None:
                raise NotInline
            made = by.inline(self.function, given)
            if self.kind == "jvp":
                by.stmts[:] = [rebuilt(stmt, lambda expr: _spelled(expr, args)) for stmt in by.stmts]
        except NotInline:
            made = self._called_once(given, out, args, by)
        if self.item is not None:
            names = self.arguments()
            count, listed = len(names), isinstance(args.get(names[0]), list)
            alone = count == 1 and listed and not (isinstance(made, list) and isinstance(made[0], list))
            items = made if isinstance(made, list) and not alone else [made]
            if len(items) != count:
                raise ArgumentError(
                    f"the vjp of {label_of(self.of)} returns {len(items)} adjoints for {count} arguments.",
                    "Return one adjoint for each argument, None for one without.",
                )
            made = items[self.item]
        if made is None:
            return 0.0
        return self._checked(_without_zeros(made, args) if self.kind == "jvp" else made, out, args)

    def _role(self, parameter: str, role: Any, first: Any, out: Sym, args: dict[str, Any]) -> Any:
        if role == "%d":
            return first
        if role == "%out":
            return out
        if isinstance(role, tuple):
            return _filled(first[role[1]], args.get(role[1]), role[1])
        if role in args:
            return args[role]
        for function in (self.function, self.of):
            known = signature(function)
            name = parameter if function is self.function else role.removesuffix("_") if role.endswith("_") else role
            default = known.parameters[name].default if known is not None and name in known.parameters else _EMPTY
            if default is None or isinstance(default, (bool, int, float, str)):
                return Sym(lift(default))
        raise NoRuleError(f"the rule of {label_of(self.of)} needs the argument `{role}`, which is not given here.",
                          "Pass it, or give the rule's parameter a default.")  # fmt: skip

    def arguments(self) -> list[str]:
        """The function's arguments that the body takes."""
        return [role for role in self.names if isinstance(role, str) and not role.startswith("%")]

    def label(self, by: Inliner | None) -> str:
        """What the body is called in generated code: by its own name, if it has one that says something."""
        own = getattr(self.function, "__name__", "")
        if not own.isidentifier() or not own.strip("_"):
            name = by.name_of(self.of).rsplit(".", 1)[-1] if by is not None else label_of(self.of)
            name = name if name.isidentifier() else "function"
            own = f"{name}_{f'd_{self.wanted}' if self.kind == 'partial' else self.kind}"
        return own if by is None else by.name_of(self.function, own)

    def _called_once(self, given: dict[str, Any], out: Sym, args: dict[str, Any], by: Inliner | None) -> Any:
        """The same call for all arguments whose adjoints are wanted."""
        if by is None or self.item is None:
            return self._called(given, out, args, by)
        key = ("called", self.function)
        if key not in by.done:
            by.done[key] = self._called(given, out, args, by)
        return by.done[key]

    def _called(self, given: dict[str, Any], out: Sym, args: dict[str, Any], by: Inliner | None) -> Any:
        """A call of the body, where its source cannot be written here."""
        DECLARED.add(self.function)
        given = {name: _without_zeros(value, args) for name, value in given.items()}
        positional, named = split(self.function, given)
        exprs = tuple(lift(value) for value in positional)
        keywords = tuple((name, lift(value)) for name, value in named.items())
        prim = Prim(self.function, self.label(by))
        if self.item is None:
            return Sym(Call(prim, exprs, keywords, kind=self._result_kind(out, args)))
        names = self.arguments()
        if len(names) == 1:
            return Sym(Call(prim, exprs, keywords, kind=forget_value(kind_of(lift(args[names[0]])))))
        whole = Sym(Call(prim, exprs, keywords, kind=Opaque(tuple)))
        whole = whole if by is None else by.hold(whole, "adjoints")
        kinds = [forget_value(kind_of(lift(args[name]))) if name in args else out.kind for name in names]
        try:
            seen = items_by_dummies(prim, exprs, keywords)
        except KindError:
            seen = None
        missing = [seen is not None and k < len(seen) and seen[k] == NONE for k in range(len(names))]
        return [None if none else Sym(Load(whole.expr, lift(k), kind=kind))
                for k, (kind, none) in enumerate(zip(kinds, missing, strict=True))]  # fmt: skip

    def _result_kind(self, out: Sym, args: dict[str, Any]) -> Kind:
        if self.kind == "partial":
            return broadcast_kind([a.kind for a in args.values()])
        return forget_value(out.kind)

    def _checked(self, made: Any, out: Sym, args: dict[str, Any]) -> Any:
        """What the body gives, refused where its number of axes cannot be right."""
        target = out if self.kind == "jvp" else args.get(self.wanted)
        if self.kind == "partial" or not isinstance(made, Sym) or not isinstance(target, Sym):
            return made
        got, wanted = made.kind, target.kind
        ranks = [0 if isinstance(k, Scalar) else len(k.dims) if isinstance(k, Array) and k.dims is not None else None
                 for k in (got, wanted)]  # fmt: skip
        if not isinstance(got, (Scalar, Array)):
            raise ArgumentError(f"the {self.kind} of {label_of(self.of)} gives no number or array for `{self.wanted}`.",
                                "Return an array of the shape of what it belongs to.")  # fmt: skip
        if None not in ranks and ranks[0] != ranks[1]:
            what = "a tangent" if self.kind == "jvp" else "an adjoint"
            raise ArgumentError(
                f"the {self.kind} of {label_of(self.of)} gives {what} with {ranks[0]} axes for `{self.wanted}`, where "
                f"{ranks[1]} are needed.",
                "Sum over the axes along which the argument was broadcast; check_rule tests a rule.",
            )
        return made


_EMPTY = inspect.Parameter.empty
_FIRST: dict[str, tuple[str, ...]] = {"vjp": ("d",), "jvp": ("t",), "partial": ()}


def safe(name: str) -> str:
    """A parameter's name among those of a builder, which has names of its own for adjoint, tangent and result."""
    return f"{name}_" if name in ("d", "t", "out", "masked") else name


def builder_signature(names: Sequence[str]) -> inspect.Signature:
    """The signature of a builder that takes these keywords."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([inspect.Parameter(name, keyword) for name in dict.fromkeys(names)])



def broadcast_kind(kinds: Sequence[Kind]) -> Kind:
    """The kind of an elementwise function's result, by the arguments alone: floats of their common dtype."""
    numbers = [k for k in kinds if isinstance(k, (Scalar, Array))]
    if len(numbers) != len(kinds) or not numbers:
        raise KindError("an elementwise function takes numbers and arrays")
    arrays = [k.dtype for k in numbers if isinstance(k, Array) or not k.weak]
    dtype = "float64" if not arrays else arrays[0]
    for other in arrays[1:]:
        dtype = join_dtype(dtype, other)
    dtype = dtype if dtype.startswith(("float", "complex")) else "float64"
    shape = broadcast(shape_of(k) for k in numbers)
    return Scalar(dtype, weak=not arrays) if shape == () else Array(dtype, shape)


_ZERO = "%zero "


def _filled(t: Any, arg: Any, name: str) -> Any:
    """The tangent of an argument, where it has none a mark that stands for zeros; an item of a display is spelled."""
    if t is None and isinstance(arg, list):
        return [_filled(None, item, "") for item in arg]
    if t is None:
        if arg is None or not isinstance(arg.kind, Array):
            return Sym(lift(0.0))
        return Sym(Name(_ZERO + name, kind=arg.kind)) if name else xp.zeros_like(arg)
    return [_filled(a, b, "") for a, b in zip(t, arg, strict=True)] if isinstance(t, (list, tuple)) else t


def _without_zeros(made: Any, args: dict[str, Any]) -> Any:
    """A tangent without the terms that vanish because a tangent in them is zero."""
    return Sym(_spelled(made.expr, args)) if isinstance(made, Sym) else made


def _spelled(expr: Expr, args: dict[str, Any]) -> Expr:
    """An expression without terms that vanish, with zeros where they are needed."""
    found = _nonzero(expr)
    marks = {e.id for e in subexpressions(expr) if isinstance(e, Name) and e.id.startswith(_ZERO)}
    return substitute(expr if found is None else found,
                      {mark: xp.zeros_like(args[mark.removeprefix(_ZERO)]).expr for mark in marks})  # fmt: skip


def _nonzero(expr: Expr) -> Expr | None:
    """What is left of an expression, None where it vanishes."""
    if isinstance(expr, Name) and expr.id.startswith(_ZERO) or isinstance(expr, Const) and expr.value == 0.0:
        return None
    if not isinstance(expr, Op) or expr.op not in ("+", "-", "*", "/", "@", "neg"):
        return rebuild(expr, lambda child: _nonzero(child) or child)
    left, *others = parts = [_nonzero(arg) for arg in expr.args]
    if expr.op in ("neg", "/") and left is None or expr.op in ("*", "@") and None in parts:
        return None
    if expr.op in ("+", "-") and None in parts:
        rest = left if left is not None else others[0]
        if rest is None:
            return None
        wide, whole = dims(rest.kind), dims(expr.kind)
        if wide is None or whole is None or len(wide) != len(whole) or not all(d == e or not_one(d) for d, e in
                                                                              zip(wide, whole, strict=True)):
            return expr  # the other operand broadcasts it
        return rest if left is not None or expr.op == "+" else replace(expr, op="neg", args=(rest,))
    kept = tuple(arg if part is None else part for arg, part in zip(expr.args, parts, strict=True))
    return replace(expr, args=kept)


def split(function: Function, values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The values of a function's parameters as arguments: by position, and by name where they have to be."""
    kinds = {p.name: p.kind for p in inspect.signature(function).parameters.values()}
    by_name = {name for name in values if kinds[name] is inspect.Parameter.KEYWORD_ONLY}
    return [v for name, v in values.items() if name not in by_name], {name: values[name] for name in by_name}


def label_of(fn: Any) -> str:
    """A callable's name in messages."""
    return getattr(fn, "__name__", None) or repr(fn)
