"""Solutions of equations: fixed_point, custom_root and their adjoints.

The solver is not looked into. What is specialised is the equation: as a function of its own, of the unknown and of all
that the equation depends on, captured variables included.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Sequence
from typing import Any

from srcgrad import runtime
from srcgrad.analysis.aliases import find_aliases
from srcgrad.errors import AliasError, KindError, SrcgradError, UnsupportedError, told_at
from srcgrad.frontend import definition_of
from srcgrad.frontend.source import nested_code
from srcgrad.ir.kinds import Array, Extent, Kind, Opaque, Scalar, forget_value, is_float, rank, text
from srcgrad.ir.nodes import Call, Const, Expr, Name, Pos, Prim
from srcgrad.rules.solved import FIXED_POINT, ROOT, Solved
from srcgrad.specialize.arguments import bind_arguments
from srcgrad.specialize.builtins import handles
from srcgrad.specialize.outline import Callee, outlined
from srcgrad.specialize.own import callee_text
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Leaf,
    LinearMap,
    Pullback,
    Static,
    Struct,
    Transformed,
    Value,
    as_expr,
    leaves,
)

Given = tuple[list[Value], dict[str, Value]]
UNKNOWN = "<unknown>"


def _(function, *args):  # type: ignore[no-untyped-def]
    return function(*args)


def _adjoint_of_fixed_point(w, pullback, d, x, *args):  # type: ignore[no-untyped-def]
    """What is zero at the result of fixed_point_adjoint."""
    return w - pullback(x, *args, w)[0] - d


def _adjoint_of_root(w, pullback, d, x, *args):  # type: ignore[no-untyped-def]
    """What is zero at the result of root_adjoint."""
    return pullback(x, *args, w)[0] + d


@handles(runtime.fixed_point)
def _fixed_point(s: Any, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    _expect("fixed_point", args, kwargs, ("f", "x0"), {"solve", "tol", "maxiter", "linear_solver"}, pos)
    f, x0 = args[0], _unknown(args[1], "fixed_point", pos)
    options = [(k, v) for k, v in kwargs.items() if k not in ("solve", "linear_solver")]
    solver = kwargs.get("solve")
    named = tuple((k, as_expr(v, pos)) for k, v in options)
    if solver is not None and not (isinstance(solver, Static) and solver.value is None):
        named = (("solve", opaque(s, solver, "solve", pos)), *named)
    kind: Kind = forget_value(x0.kind)
    for _ in range(4):
        key, callee, given = _equation(s, f, kind, args[2:], "step", pos)
        out = _result(callee, "fixed_point", pos)
        if rank(out) == rank(kind) and getattr(out, "dtype", "") == getattr(kind, "dtype", "") and _settled(kind, out):
            break
        kind = without_extents(out)
    else:
        raise KindError("the kind of what fixed_point iterates does not settle", pos=pos)
    solved = Solved(runtime.fixed_point, key, key, 1, FIXED_POINT, (), _linear(s, kwargs, pos))
    return Leaf(Call(Prim(solved, "fixed_point"), (x0, *given), named, kind=kind, pos=pos))


@handles(runtime.custom_root)
def _custom_root(s: Any, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    _expect("custom_root", args, kwargs, ("residual", "solve", "x0"), {"linear_solver"}, pos)
    x0 = _unknown(args[2], "custom_root", pos)
    kind = forget_value(x0.kind)
    key, callee, given = _equation(s, args[0], kind, args[3:], "residual", pos)
    out = _result(callee, "custom_root", pos)
    if rank(out) is not None and rank(out) != rank(kind):
        raise KindError(f"the residual is a {text(out)} where x is a {text(kind)}", "They need one shape.", pos)
    solver = opaque(s, args[1], "solve", pos)
    solved = Solved(runtime.custom_root, key, key, 1, ROOT, (solver,), _linear(s, kwargs, pos))
    return Leaf(Call(Prim(solved, "custom_root"), (x0, *given), kind=kind, pos=pos))


@handles(runtime.fixed_point_adjoint)
def _solve_adjoint_of_fixed_point(s: Any, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return _adjoint(s, runtime.fixed_point_adjoint, _adjoint_of_fixed_point, args, kwargs, pos)


@handles(runtime.root_adjoint)
def _solve_adjoint_of_root(s: Any, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return _adjoint(s, runtime.root_adjoint, _adjoint_of_root, args, kwargs, pos)


def _adjoint(
    s: Any, function: Any, equation: Any, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    """The result of a linear system: the root of an equation too."""
    pullback, d = args[0], as_expr(args[1], pos)
    kind = forget_value(d.kind)
    whole = Closure(definition_of(equation), function=equation)
    key, _, given = _equation(s, whole, kind, args, "equation", pos)
    x = as_expr(args[2], pos)
    w = Leaf(Name(UNKNOWN, kind=kind))
    primal, _, _ = _equation(s, pullback, forget_value(x.kind), [*args[3:], w], "pullback", pos)
    options = _linear(s, kwargs, pos)
    solved = Solved(function, primal, key, 0, ROOT, (), options)
    return Leaf(Call(Prim(solved, function.__name__), tuple(given), options, kind=kind, pos=pos))


def _tangent_of_fixed_point(v, pushforward, x, args, dots):  # type: ignore[no-untyped-def]
    """What is zero at the result of fixed_point_tangent."""
    return v - pushforward(x, *args, v, *dots)[1]


def _tangent_of_root(v, pushforward, x, args, dots):  # type: ignore[no-untyped-def]
    """What is zero at the result of root_tangent."""
    return pushforward(x, *args, v, *dots)[1]


@handles(runtime.fixed_point_tangent)
def _solve_tangent_of_fixed_point(s: Any, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return _tangent(s, runtime.fixed_point_tangent, _tangent_of_fixed_point, args, kwargs, pos)


@handles(runtime.root_tangent)
def _solve_tangent_of_root(s: Any, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    return _tangent(s, runtime.root_tangent, _tangent_of_root, args, kwargs, pos)


def _tangent(
    s: Any, function: Any, equation: Any, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    """The result of a linear system of tangents."""
    pushforward, x, given, dots = args
    if not isinstance(given, Struct) or not isinstance(dots, Struct):
        raise UnsupportedError(f"{function.__name__} takes tuples of arguments and of tangents", pos=pos)
    kind = forget_value(as_expr(x, pos).kind)
    whole = Closure(definition_of(equation), function=equation)
    key, _, exprs = _equation(s, whole, kind, args, "equation", pos)
    v = Leaf(Name(UNKNOWN, kind=kind))
    primal, _, _ = _equation(s, pushforward, kind, [*given.values(), v, *dots.values()], "pushforward", pos)
    options = _linear(s, kwargs, pos)
    groups = len(exprs) - 1 - _count(dots), _count(dots)
    solved = Solved(function, primal, key, 0, ROOT, (), options, groups)
    return Leaf(Call(Prim(solved, function.__name__), tuple(exprs), options, kind=kind, pos=pos))


def _count(value: Value) -> int:
    return sum(1 for _ in leaves(value))


# ---- what is given -------------------------------------------------------------------------------------------


def _expect(
    name: str, args: list[Value], kwargs: dict[str, Value], least: tuple[str, ...], options: set[str], pos: Pos | None
) -> None:
    for k, parameter in enumerate(least):
        if len(args) == k and parameter in kwargs:
            args.append(kwargs.pop(parameter))
    if len(args) < len(least):
        raise KindError(f"{name} misses its argument {least[len(args)]!r}", pos=pos)
    for key in kwargs:
        if key not in options:
            raise KindError(f"{name} has no parameter {key!r}", "Give the equation's arguments by position.", pos)


def _unknown(value: Value, name: str, pos: Pos | None) -> Expr:
    if not isinstance(value, Leaf) or not isinstance(value.kind, (Scalar, Array)):
        raise UnsupportedError(f"{name} solves for a float or an array", "Pack the unknowns into one array.", pos)
    if not is_float(value.kind) or rank(value.kind) is None:
        raise KindError(f"{name} starts from a {text(value.kind)}", "Start from a float or an array of floats.", pos)
    return value.expr


def _linear(s: Any, kwargs: dict[str, Value], pos: Pos | None) -> tuple[tuple[str, Expr], ...]:
    how = kwargs.get("linear_solver")
    if how is None:
        return ()
    if isinstance(how, Static) and isinstance(how.value, str):
        if how.value not in ("dense", "gmres", "bicgstab"):
            raise KindError(f"there is no linear solver {how.value!r}", 'Choose "dense", "gmres" or "bicgstab".', pos)
        return () if how.value == "dense" else (("linear_solver", as_expr(how, pos)),)
    return (("linear_solver", opaque(s, how, "linear_solver", pos)),)


def _result(callee: Callee, name: str, pos: Pos | None) -> Kind:
    if len(callee.outs) != 1 or isinstance(callee.result, Struct) or not is_float(callee.outs[0].kind):
        raise KindError(f"the function given to {name} has to return one float or array of floats", pos=pos)
    return callee.outs[0].kind


def _settled(kind: Kind, out: Kind) -> bool:
    """Whether an iteration that starts at an array of the kind stays at its shape."""
    if not isinstance(kind, Array) or not isinstance(out, Array) or kind.dims is None or out.dims is None:
        return True
    return all(a != 1 or b == 1 for a, b in zip(kind.dims, out.dims, strict=True))


def without_extents(kind: Kind) -> Kind:
    """A callee's kind, of whose lengths the caller knows nothing."""
    if isinstance(kind, Array) and kind.dims is not None:
        return Array(kind.dtype, tuple(None if isinstance(d, Extent) else d for d in kind.dims))
    return forget_value(kind)


def _equation(
    s: Any, f: Value, kind: Kind, args: list[Value], hint: str, pos: Pos | None
) -> tuple[str, Callee, list[Expr]]:
    return equation_of(s, f, [kind], args, hint, pos)


def equation_of(
    s: Any, f: Value, kinds: Sequence[Kind], args: list[Value], hint: str, pos: Pos | None
) -> tuple[str, Callee, list[Expr]]:
    """A function of unknowns, of these kinds, and of the arguments, as one of its own: its key, the function, and what
    it is given besides the unknowns. hint: what it is called, if it has no name."""
    names = [UNKNOWN, *(f"<unknown {k}>" for k in range(1, len(kinds)))]
    unknowns: list[Value] = [Leaf(Name(name, kind=kind)) for name, kind in zip(names, kinds, strict=True)]
    function: Any = f
    before: list[Value] = []
    named: dict[str, Value] = {}
    while isinstance(function, Bound) and not isinstance(function, (Transformed, Pullback, LinearMap)):
        function, before, named = function.function, [*function.args, *before], {**function.kwargs, **named}
    given = [*before, *unknowns, *args]
    if not isinstance(function, Closure):
        function, given = Closure(definition_of(_), function=_), [function, *given]
    try:
        bound = bind_arguments(s, function, given, named, pos)
        key, exprs = outlined(s, function, bound, pos, hint)
    except SrcgradError as error:
        raise told_at(error, pos) from None
    callee = s.callees[key]
    at = [next(k for k, e in enumerate(exprs) if isinstance(e, Name) and e.id == name) for name in names]
    if callee.params and not callee.reordered:
        others = [p for k, p in enumerate(callee.params) if k not in at]
        callee.params = [*(callee.params[k] for k in at), *others]
        callee.reordered = True
    written = find_aliases(callee.body).is_written
    for parameter in callee.params:
        if written(parameter.id):
            raise AliasError("a function whose root or fixed point is wanted writes into what it gets",
                             "Let it work on a copy.", pos)  # fmt: skip
    return key, callee, [e for k, e in enumerate(exprs) if k not in at]


# ---- solvers -------------------------------------------------------------------------------------------------


def opaque(s: Any, value: Value, hint: str, pos: Pos | None) -> Expr:
    """A callable that is passed on as it is, by a name."""
    found = _object(s, value, pos)
    name = callee_text(s, Static(found, value.text if isinstance(value, Static) and value.text else hint))
    return Call(Prim(found, name, "attribute"), (), kind=Opaque(types.FunctionType), pos=pos)


def _object(s: Any, value: Value, pos: Pos | None) -> Any:
    """The Python object that a function value stands for."""
    if isinstance(value, Static) and callable(value.value):
        return value.value
    if isinstance(value, Closure) and value.function is not None:
        return value.function
    if isinstance(value, Closure):
        return _nested(s, value, pos)
    if isinstance(value, Bound) and value.origin is not None:
        found, path = value.origin
        if path is not None:
            s.inputs.guards.append((path, found))
        return found
    if isinstance(value, Bound):
        args = [_constant(item, pos) for item in value.args]
        return functools.partial(_object(s, value.function, pos), *args,
                                 **{k: _constant(item, pos) for k, item in value.kwargs.items()})  # fmt: skip
    raise UnsupportedError("which solver is used must be known when compiling", "Name a function.", pos)


def _constant(value: Value, pos: Pos | None) -> Any:
    if isinstance(value, Static):
        return value.value
    if isinstance(value, Leaf) and isinstance(value.expr, Const):
        return value.expr.value
    if isinstance(value, Struct) and value.type in ("tuple", "list", "dict"):
        items = {key: _constant(item, pos) for key, item in value.items.items()}
        return items if value.type == "dict" else {"tuple": tuple, "list": list}[value.type](items.values())
    raise UnsupportedError("a solver depends on variables of the function that is differentiated",
                           "Define the solver outside of it.", pos)  # fmt: skip


def _nested(s: Any, value: Closure, pos: Pos | None) -> Any:
    """A solver defined inside the differentiated function: made from its code, if it reads none of its variables."""
    frame = s.frame_of[value.frame]
    while frame.function is None:
        frame = s.frame_of[frame.parent]
    where, name = value.definition.pos, value.definition.name
    wanted = name if name.isidentifier() else "<lambda>"
    code = None if where is None else nested_code(frame.function.__code__, wanted, where)
    if code is None or code.co_freevars or value.defaults:
        raise UnsupportedError("a solver reads variables of the function that it is defined in",
                               "Define the solver outside of the differentiated function.", pos)  # fmt: skip
    return types.FunctionType(code, frame.function.__globals__, name)
