"""Forward mode inside of a program that is itself transformed: `jvp(f, (x,), (v,))`, `linearize(f, x)`."""

from __future__ import annotations

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import Array, Scalar, is_float, rank
from srcgrad.ir.nodes import Pos
from srcgrad.specialize.options import Options
from srcgrad.specialize.state import State
from srcgrad.specialize.transformations import call_derived, held, transformed
from srcgrad.specialize.values import (
    Bound,
    Leaf,
    LinearMap,
    Struct,
    Transformed,
    Value,
    describe,
    is_none,
    leaves,
)


def jvp_of(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """`jvp(f, primals, tangents)`: the result and its tangent."""
    given = {**dict(zip(("function", "primals", "tangents"), args, strict=False)), **kwargs}
    if len(args) > 3 or set(given) != {"function", "primals", "tangents"}:
        raise KindError("jvp takes a function, a tuple of arguments and a tuple of tangents", pos=pos)
    primals, tangents = (_items(given[name], name, pos) for name in ("primals", "tangents"))
    if len(primals) != len(tangents):
        raise KindError(f"there are {len(primals)} primals and {len(tangents)} tangents", pos=pos)
    wrt = tuple(k for k, tangent in enumerate(tangents) if not is_none(tangent))
    fn = _forward(given["function"], wrt, True, pos)
    for k in wrt:
        _check(tangents[k], primals[k], f"the tangent of argument {k}", pos)
    return call_derived(s, fn, primals, {}, [tangents[k] for k in wrt], pos)


def linearize_of(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """`linearize(f, *primals)`: the result, and the map of tangents to the result's tangent."""
    from srcgrad.specialize.calls import call_value

    if not args or kwargs:
        raise KindError("linearize takes a function and its arguments, by position", pos=pos)
    kept = held(s, Struct("tuple", dict(enumerate(args[1:]))), pos)
    assert isinstance(kept, Struct)
    wrt = tuple(k for k, value in enumerate(kept.values()) if _has_floats(value))
    fn = _forward(args[0], wrt, False, pos)
    out = call_value(s, args[0], kept.values(), {}, pos)
    return Struct("tuple", {0: out, 1: LinearMap(fn, kept.values(), {}, wrt=wrt)})


def call_linear(s: State, fn: LinearMap, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    """Call what linearize gave with one tangent for each argument."""
    if kwargs or len(args) != len(fn.args):
        raise KindError(f"a linear map takes {len(fn.args)} tangents, one for each argument", pos=pos)
    if any(is_none(args[k]) for k in fn.wrt):
        raise UnsupportedError("a tangent is None here", "Give zeros.", pos)
    for k in fn.wrt:
        _check(args[k], fn.args[k], f"the tangent of argument {k}", pos)
    assert isinstance(fn.function, Transformed)
    return call_derived(s, fn.function, fn.args, {}, [args[k] for k in fn.wrt], pos)


def _forward(function: Value, wrt: tuple[int, ...], valued: bool, pos: Pos | None) -> Transformed:
    if not wrt:
        raise UnsupportedError("there is no tangent here", "Give a tangent for one argument at least.", pos)
    fn = transformed(function, Options("jvp", wrt, with_value=valued), pos)
    if not isinstance(fn, Transformed):
        raise UnsupportedError("which function is differentiated depends on the path", "Call jvp on each path.", pos)
    return fn


def _items(value: Value, name: str, pos: Pos | None) -> list[Value]:
    if isinstance(value, Struct) and value.type in ("tuple", "list"):
        return value.values()
    raise KindError(
        f"jvp takes a tuple of {name}, not {describe(value)}",
        "Write jvp(f, (x, y), (x_dot, y_dot)); for one argument jvp(f, (x,), (x_dot,)).", pos,
    )  # fmt: skip


def _has_floats(value: Value) -> bool:
    if isinstance(value, Bound):
        return False
    return any(is_float(leaf.kind) for _, leaf in leaves(value))


def _check(tangent: Value, primal: Value, where: str, pos: Pos | None) -> None:
    """Hold what is known of a tangent's kind against its primal."""
    if isinstance(primal, Struct):
        if not isinstance(tangent, Struct) or set(tangent.items) != set(primal.items):
            raise KindError(f"{where} has another structure than the argument", "Give it the same structure.", pos)
        return
    if isinstance(tangent, Leaf) and isinstance(primal, Leaf):
        a, b = tangent.kind, primal.kind
        if isinstance(a, (Scalar, Array)) and isinstance(b, (Scalar, Array)) and None not in (rank(a), rank(b)):
            if rank(a) != rank(b):
                raise KindError(f"{where} has {rank(a)} axes, and the argument {rank(b)}", "Give it its shape.", pos)
