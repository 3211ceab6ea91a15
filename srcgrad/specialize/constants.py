"""Calls of stop_gradient: the value itself, of which no derivative is taken."""

from __future__ import annotations

from srcgrad import runtime
from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import Array, DictOf, ListOf, Scalar, is_float
from srcgrad.ir.nodes import Call, Pos, Prim
from srcgrad.rules.opaque import numerical
from srcgrad.specialize.builtins import expect, handles
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Leaf, Rows, Struct, Value, describe

STOP = Prim(runtime.stop_gradient, "stop_gradient")


@handles(runtime.stop_gradient)
def _stop_gradient(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    given = [*args, *kwargs.values()]
    expect("stop_gradient", given, {}, 1, 1, pos)
    return held(s, given[0], pos)


def held(s: State, value: Value, pos: Pos | None) -> Value:
    """The value with each float in it held constant. A container is not copied, as nothing may change it then."""
    if isinstance(value, Rows):
        raise UnsupportedError("stop_gradient of a list of tuples is not supported", "Take it of the parts.", pos)
    if isinstance(value, Struct):
        if value.type != "tuple":
            value.frozen = value.frozen or "stop_gradient has been taken of it"
        return value.like({key: held(s, item, pos) for key, item in value.items.items()})
    if isinstance(value, Leaf) and isinstance(value.kind, (Scalar, Array, ListOf, DictOf)):
        if not is_float(value.kind):
            return value
        return Leaf(Call(STOP, (value.expr,), kind=value.kind, pos=pos))
    if isinstance(value, Leaf) and getattr(value.kind, "dtype", None) is None and "undefined" in describe(value):
        raise KindError("stop_gradient of nothing", pos=pos)
    return value


@handles(numerical)
def _numerical(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    raise UnsupportedError(
        "numerical is called inside a differentiated function", "Wrap the callable outside of it: `f = numerical(f)`.",
        pos,
    )  # fmt: skip
