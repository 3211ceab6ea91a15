"""Calls of a library's solvers: the call stays as it is, and the solution is that of an equation.

    root = scipy.optimize.brentq(f, a, b, args=(p,))

is a call that is handed f, a function of the program's own (see implicit), and is constant; around it stands, unseen in
generated code, the solution of f(root, p) = 0, whose derivative by p follows from f.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.infer import infer_call
from srcgrad.analysis.signatures import MISSING
from srcgrad.errors import KindError, NoRuleError, UnsupportedError
from srcgrad.frontend import definition_of
from srcgrad.ir.kinds import Array, Kind, Opaque, Scalar, forget_value, is_float, rank, text
from srcgrad.ir.nodes import Call, Const, Expr, Load, Name, Pos, Prim
from srcgrad.rules.defined.registry import parameters_of, refuse
from srcgrad.rules.solved import Field, Integral, Passing, Solved
from srcgrad.rules.solvers import Solver
from srcgrad.specialize.builtins import handles
from srcgrad.specialize.implicit import equation_of, opaque, without_extents
from srcgrad.specialize.own import callee_text
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Bound, Closure, Either, Leaf, Static, Struct, Value, as_expr, constant, static_key

Kinds = Sequence[Kind]
FLOAT = Scalar("float64")


def call_solver(
    s: State, solver: Solver, fn: Static, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    """The solution that a solver finds, or the object that holds it."""
    name = callee_text(s, fn)
    given = bound_arguments(solver.function, name, args, kwargs, pos)
    for parameter, reason in solver.refused.items():
        if parameter in given and not usual(solver.function, parameter, given[parameter]):
            raise NoRuleError(f"The derivative of {name} with `{parameter}` is not known: {reason}.",
                              f"Leave `{parameter}` out.", pos)  # fmt: skip
    function = given[solver.called]
    arguments = given.get(solver.args)
    further = [] if arguments is None else (
        arguments.values() if isinstance(arguments, Struct) and arguments.type == "tuple" else [arguments]
    )  # fmt: skip
    kind = _unknown(solver, given.get(solver.unknown), name, pos)
    kinds = [kind if what == "x" else Scalar("float64") for what in solver.lead]
    functions = {solver.called: function}
    functions |= {key: given[key] for key in solver.also if key in given and _is_function(given[key])}
    if solver.integral is not None:
        return _integral(s, solver, name, given, kinds, further, pos)
    of = solver.kind or (Opaque(object) if solver.attribute or solver.constant else kind)
    found = passed(s, solver.function, name, given, functions, solver.args, kinds, further, of, solver.hint, pos)
    if solver.kind is not None:
        return Leaf(found)
    if solver.constant:
        made: dict[Any, Value] = {f: Leaf(attribute(found, f, what, pos)) for f, what in solver.fields.items()}
        return Struct("object", made, object, s.depth, s.site(pos), "a library's function made it")
    if solver.pair in given and static_key(given[solver.pair]) is True:
        function = Bound(s.function(_first), [function])
    hint = _hint(function, solver.hint)
    held = [given[p] for p in solver.bounds if p in given and not usual(solver.function, p, given[p])]
    if held and static_key(given.get("method", Static(None))) in solver.inexact:
        raise NoRuleError(f"The derivative of {name} with bounds is not known for this method: it stops short of them.",
                          'Use method="L-BFGS-B".', pos)  # fmt: skip
    if held:
        assert solver.bounded is not None
        hint = f"{solver.bounded.__name__}_{hint}"
        pair = held[0] if len(held) == 1 else Struct("tuple", dict(enumerate(held)))
        if not isinstance(pair, Struct):
            raise UnsupportedError(f"{name} is given bounds whose layout is not known", "Write a list of pairs.", pos)
        key, callee, exprs = _whole(s, solver.bounded, function, kind, [pair, *further], hint, pos)
    elif solver.equation is None:
        key, callee, exprs = equation_of(s, function, [kind], further, hint, pos)
        if isinstance(callee.result, Struct):
            key, callee, exprs = _whole(s, _listed, function, kind, further, hint, pos)
    else:
        hint = f"{solver.equation.__name__}_{hint}"
        key, callee, exprs = _whole(s, solver.equation, function, kind, further, hint, pos)
    out = callee.outs[0].kind if len(callee.outs) == 1 and not isinstance(callee.result, Struct) else Opaque(object)
    if not is_float(out) or rank(out) is not None and rank(kind) is not None and rank(out) != rank(kind):
        raise KindError(
            f"the function given to {name} has to give what its unknown is, a {text(kind)}, and gives a {text(out)}",
            pos=pos,
        )
    x = attribute(found, solver.attribute, kind, pos) if solver.attribute else found
    solved = Solved(None, key, key, 1, solver.linear)
    x = Call(Prim(solved, name), (x, *exprs), kind=kind, pos=pos)
    if not solver.attribute:
        return Leaf(x)
    items: dict[Any, Value] = {solver.attribute: Leaf(x)}
    items |= {field: Leaf(attribute(found, field, what, pos)) for field, what in solver.fields.items()}
    items |= {"fun_": function, "args_": Struct("tuple", dict(enumerate(further)))}
    return Struct("object", items, solver.result, s.depth, s.site(pos), "a library's function made it")


@handles(refuse)
def _refuse(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    reason, remedy = [*(str(static_key(value)) for value in args), ""][:2]
    raise NoRuleError(reason, remedy)


@handles(parameters_of)
def _parameters_of(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    function, given = args[0], 0
    while isinstance(function, Bound):
        given += len(function.args)
        function = function.function
    if not isinstance(function, Closure) or any(p.kind == "args" for p in function.definition.params):
        raise UnsupportedError("the number of parameters of this function is not known", "Give a start, `p0`.", pos)
    positional = [p for p in function.definition.params if p.kind in ("positional", "positional_only")]
    return constant(len(positional) - given)


def bound_arguments(
    fn: Callable[..., Any], name: str, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> dict[str, Value]:
    """The arguments of a library's function, by its parameters."""
    try:
        bound = inspect.signature(fn).bind(*args, **kwargs)
    except TypeError as error:
        raise KindError(f"{name}: {error}", pos=pos) from None
    found: dict[str, Value] = {}
    for key, value in bound.arguments.items():
        kind = bound.signature.parameters[key].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found |= value
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            raise UnsupportedError(f"{name} is given more arguments than it is differentiated with", pos=pos)
        else:
            found[key] = value
    return found


def usual(fn: Callable[..., Any], parameter: str, value: Value) -> bool:
    """Whether a value is a parameter's default."""
    default = inspect.signature(fn).parameters[parameter].default
    if isinstance(value, Static):
        return value.value is default
    if isinstance(value, Struct):
        return isinstance(default, (tuple, list)) and not value.items and not default
    known = value.expr.value if isinstance(value, Leaf) and isinstance(value.expr, Const) else MISSING
    return type(known) is type(default) and bool(known == default)


def passed(
    s: State, fn: Callable[..., Any], name: str, given: dict[str, Value], functions: dict[str, Value], args: str,
    kinds: Kinds, further: list[Value], result: Kind, called: str, pos: Pos | None,
) -> Expr:  # fmt: skip
    """A call of a library's function that calls functions of the program's, all of the same arguments: of these kinds
    from the library, and `further` ones. called: what the first is called if it has no name."""
    keys: dict[str, str] = {}
    extra: list[Expr] = []
    for number, (parameter, function) in enumerate(functions.items()):
        hint = _hint(function, parameter if number else called)
        if len(functions) == 1:
            keys[parameter], _, extra = equation_of(s, function, kinds, further, hint, pos)
            continue
        together = [Struct("tuple", dict(enumerate(functions.values()))), Static(number), *further]
        whole = Closure(definition_of(_nth), function=_nth)
        keys[parameter], _, extra = equation_of(s, whole, kinds, together, hint, pos)
    parameters = inspect.signature(fn).parameters
    slots: list[tuple[str | None, int | str]] = []
    values: list[Expr] = []
    in_order = True
    for parameter in [*(p for p in parameters if p in given), *(p for p in given if p not in parameters)]:
        if parameter == args:
            in_order = False
            continue
        in_order = in_order and parameter == list(parameters)[len(slots)] and len(slots) < 3
        keyword = None if in_order else parameter
        if parameter in keys:
            slots.append((keyword, keys[parameter]))
            continue
        slots.append((keyword, len(values)))
        value = given[parameter]
        values.append(opaque(s, value, parameter, pos) if _is_function(value) else as_expr(value, pos))
    passing = Passing(Prim(fn, name), tuple(slots), len(values), args)
    call: Expr = Call(Prim(passing, name), (*values, *extra), kind=result, pos=pos)
    if isinstance(result, Opaque) or len(keys) > 1:
        call = s.temporary(call, "found").expr
    return call


def _integral(
    s: State, solver: Solver, name: str, given: dict[str, Value], kinds: Kinds, further: list[Value], pos: Pos | None
) -> Value:
    """The value of an integral, and the estimate of its error, which is constant."""
    function = given[solver.called]
    key, callee, exprs = equation_of(s, function, kinds, further, _hint(function, solver.hint), pos)
    kind = without_extents(callee.outs[0].kind) if len(callee.outs) == 1 else Opaque(object)
    if isinstance(callee.result, Struct) or not is_float(kind):
        raise KindError(f"the function given to {name} has to give one float or array of floats", pos=pos)
    functions = {solver.called: function}
    hint = solver.hint
    found = passed(s, solver.function, name, given, functions, solver.args, kinds, further, Opaque(tuple), hint, pos)
    parts = [Load(found, Const(k, kind=Scalar("int64", True, k)), kind=what) for k, what in enumerate((kind, FLOAT))]
    limits = [as_expr(given[limit], pos) for limit in solver.integral or ()]
    limits = [limit if isinstance(limit, (Const, Name)) else s.temporary(limit, "limit").expr for limit in limits]
    value = Call(Prim(Integral(key), name), (parts[0], *limits, *exprs), kind=kind, pos=pos)
    return Struct("tuple", {0: Leaf(value), 1: Leaf(parts[1])}, None, s.depth, s.site(pos))


@handles(runtime.integral_adjoint)
def _integral_adjoint(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    pullback, place, d, lo, hi, *further = args
    return _integral_of(s, _share, [pullback, Static(static_key(place)), d, *further], lo, hi, pos)


@handles(runtime.integral_tangent)
def _integral_tangent(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    pushforward, lo, hi, values, dots = args
    return _integral_of(s, _moved, [pushforward, values, dots], lo, hi, pos)


@handles(runtime.integral_of)
def _integral_again(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    function, lo, hi = args
    further = kwargs["args"].values() if isinstance(kwargs.get("args"), Struct) else []  # type: ignore[attr-defined]
    return _integral_of(s, _plain, [function, *further], lo, hi, pos)


def _plain(x, function, *args):  # type: ignore[no-untyped-def]
    return function(x, *args)


def _integral_of(
    s: State, integrand: Callable[..., Any], given: list[Value], lo: Value, hi: Value, pos: Pos | None
) -> Value:
    """An integral of what a generated function gives."""
    whole = Closure(definition_of(integrand), function=integrand)
    key, callee, exprs = equation_of(s, whole, [FLOAT], given, "integrand", pos)
    kind = without_extents(callee.outs[0].kind)
    limits = [as_expr(limit, pos) for limit in (lo, hi)]
    function = runtime.integral_of
    passing = Passing(Prim(function, function.__name__), ((None, key), (None, 0), (None, 1)), 2)
    found = Call(Prim(passing, function.__name__), (*limits, *exprs), kind=kind, pos=pos)
    return Leaf(Call(Prim(Integral(key), function.__name__), (found, *limits, *exprs), kind=kind, pos=pos))


def _share(x, pullback, place, d, *args):  # type: ignore[no-untyped-def]
    return pullback(x, *args, d)[place]


def _moved(x, pushforward, args, dots):  # type: ignore[no-untyped-def]
    return pushforward(x, *args, *dots)[1]


def attribute(owner: Expr, name: str, kind: Kind, pos: Pos | None) -> Expr:
    """An attribute of what a library's function gave."""
    return Call(Prim(Field(name), name, "attribute"), (owner,), kind=kind, pos=pos)


def _whole(
    s: State, equation: Callable[..., Any], function: Value, kind: Kind, further: list[Value], hint: str,
    pos: Pos | None,
) -> Any:  # fmt: skip
    """An equation that is plain Python: of the unknown, the user's function and its arguments."""
    whole = Closure(definition_of(equation), function=equation)
    return equation_of(s, whole, [kind], [function, *further], hint, pos)


def _first(function, x, *args):  # type: ignore[no-untyped-def]
    return function(x, *args)[0]


def _listed(x, function, *args):  # type: ignore[no-untyped-def]
    return np.array(function(x, *args))


def _nth(x, functions, number, *args):  # type: ignore[no-untyped-def]
    return functions[number](x, *args)


def _is_function(value: Value) -> bool:
    if isinstance(value, Either):
        return True
    if isinstance(value, Struct):
        return value.type == "object" and callable(getattr(value.cls, "__call__", None))  # noqa: B004
    return isinstance(value, (Closure, Bound)) or isinstance(value, Static) and callable(value.value)


def _hint(function: Value, parameter: str) -> str:
    """What a function is called in generated code where it has no name of its own."""
    while isinstance(function, Bound):
        function = function.args[0] if function.args and _is_function(function.args[0]) else function.function
    name = function.definition.name if isinstance(function, Closure) else ""
    if isinstance(function, Static):
        name = getattr(function.value, "__name__", "")
    return name if name.isidentifier() and name not in ("lambda", "_") else parameter


def _unknown(solver: Solver, start: Value | None, name: str, pos: Pos | None) -> Kind:
    """The kind of the unknown, from the value that it starts from."""
    if solver.shape == "float" or start is None:
        return Scalar("float64")
    expr = as_expr(start, pos)
    if not isinstance(expr.kind, (Scalar, Array)):
        make = Prim(np.array, "np.array")
        kind = infer_call(make, (expr,), ())
    else:
        kind = forget_value(expr.kind)
    dtype = getattr(kind, "dtype", "")
    if not dtype.startswith(("float", "int")) or rank(kind) is None:
        raise KindError(f"{name} starts from a {text(kind)}", "Start from a float or an array of floats.", pos)
    if dtype == "float32" and not solver.constant:
        raise UnsupportedError(f"{name} starts from single precision, in which no solver of SciPy is differentiated",
                               "Start from a float64: `x0.astype(float)`.", pos)  # fmt: skip
    if isinstance(kind, Array) and kind.dims:
        if len(kind.dims) > 1 and solver.shape == "vector":
            raise UnsupportedError(f"{name} starts from an array of {len(kind.dims)} axes", "Start from a vector.", pos)
        return Array("float64", kind.dims)
    return Array("float64", (1,)) if solver.shape == "vector" else Scalar("float64")
