"""Marks of what is run again in the reverse sweep: on loops and on functions.

    for i in checkpointed(range(n), slots=9): ...       For(..., checkpoint=9)
    layer(x, w), where layer is @checkpoint             With(None, (the statements of the call), checkpoint=True)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import NONE, Bottom, Scalar
from srcgrad.ir.nodes import Apply, Attr, Const, Expr, Free, Name, Pos, Star, With
from srcgrad.marks import checkpoint, checkpointed
from srcgrad.runtime import Snapshots
from srcgrad.specialize.builtins import handles
from srcgrad.specialize.expressions import evaluate
from srcgrad.specialize.state import State
from srcgrad.specialize.values import Closure, Leaf, Static, Struct, Value, as_expr, describe

NO_CONTEXT = Const(None, kind=NONE)


def marked_loop(s: State, expr: Expr) -> tuple[Expr, Expr | None]:
    """What a loop runs over, or its test, without the mark; and the number of slots, None where there is no mark."""
    if not isinstance(expr, Apply) or not isinstance(expr.fn, (Name, Free, Attr)):
        return expr, None
    fn = evaluate(s, expr.fn)
    if not isinstance(fn, Static) or fn.value is not checkpointed:
        return expr, None
    given = dict(zip(("loop", "slots"), expr.args, strict=False))
    for key, value in expr.kwargs:
        if key is None or key in given or key not in ("loop", "slots"):
            raise KindError(f"checkpointed cannot be called with {key or '**'} here", _USAGE, expr.pos)
        given[key] = value
    if "loop" not in given or len(expr.args) > 2 or any(isinstance(arg, Star) for arg in expr.args):
        raise KindError("checkpointed takes what the loop runs over, or its test, and slots", _USAGE, expr.pos)
    return given["loop"], _slots(s, given.get("slots"))


_USAGE = "Write `for i in checkpointed(range(n), slots=50)`, or `while checkpointed(test, slots=50)`."


def _slots(s: State, given: Expr | None) -> Expr:
    if given is None:
        return NO_CONTEXT
    value = evaluate(s, given)
    if isinstance(value, Static) and value.value is None:
        return NO_CONTEXT
    if not isinstance(value, Leaf):
        raise KindError(f"slots has to be an int, not {describe(value)}", "Give the number of snapshots.", given.pos)
    expr = as_expr(value, given.pos)
    kind = expr.kind
    if isinstance(kind, Bottom):
        return NO_CONTEXT
    if not isinstance(kind, Scalar) or not kind.dtype.startswith(("int", "uint")):
        raise KindError(f"slots has to be an int, not {describe(value)}", "Give the number of snapshots.", given.pos)
    if isinstance(kind.value, int) and kind.value < 1:
        raise KindError(f"slots has to be at least 1, not {kind.value}", "Give the number of snapshots.", given.pos)
    return expr if isinstance(expr, Const) else s.temporary(expr, "slots").expr


def refuse_written_out(pos: Pos | None) -> UnsupportedError:
    """The error for a marked loop whose trips have to be written out one by one."""
    return UnsupportedError(
        "this loop runs over a container of known layout, so its trips are written out one by one: there is no loop "
        "to checkpoint",
        "Put the trip into a function with `@srcgrad.checkpoint`, or loop over a range or an array.",
        pos,
    )


@handles(checkpointed)
def _misplaced(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    raise UnsupportedError("checkpointed marks a loop, and stands alone in the loop's header", _USAGE, pos)


@handles(Snapshots)
def _second_order(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    raise UnsupportedError(
        "this is the gradient of a checkpointed loop, which cannot be differentiated again",
        "Differentiate again without the mark on the loop.",
        pos,
    )


@handles(checkpoint)
def _checkpoint(s: State, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    if len(args) == 1 and not kwargs and isinstance(args[0], Closure):
        return dataclasses.replace(args[0], checkpointed=True)
    raise KindError("checkpoint takes a Python function", "Decorate the function itself.", pos)


def call_again(s: State, run: Callable[[], Value], hint: str, pos: Pos | None) -> Value:
    """The result of a call of a function that is run again in the reverse sweep: all of it is made in the region."""
    found: list[Value] = []

    def body() -> None:
        result = run()
        if isinstance(result, (Leaf, Struct)):
            result = s.materialise(result, s.fresh(hint), pos, None)
        found.append(result)

    stmts = s.block(body)
    if stmts:
        s.emit(With(NO_CONTEXT, stmts, True, pos=pos))
    return found[0]
