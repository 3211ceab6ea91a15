"""What a failed check of an adjoint says: the primal line, and the generated statement that set the adjoint."""

from __future__ import annotations

import ast
import functools
import linecache
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from srcgrad.errors import NonFiniteError
from srcgrad.optimize.watch import Place


def explained(call: Callable[..., Any], places: Sequence[Place]) -> Callable[..., Any]:
    """The generated function with the errors of its checks as NonFiniteError. places: by the checks' numbers."""

    @functools.wraps(call)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except FloatingPointError as error:
            if len(error.args) != 2:  # NumPy's own
                raise
            what, number = error.args
            raise _explanation(places[number], what, error.__traceback__) from None

    return checked


def _explanation(place: Place, what: str, traceback: types.TracebackType | None) -> NonFiniteError:
    frame, line = None, 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name != "check_finite":
            frame, line = traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next
    assert frame is not None
    statement = _statement_before(frame.f_code.co_filename, line)
    of = f"the adjoint of `{place.variable}`" if place.variable else "the adjoint of this expression"
    reason = f"Here {of} first turned {what}"
    if statement is not None:
        reason += f", by the generated statement `{ast.unparse(statement)}`"
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - {place.adjoint}
        bad = [name for name in sorted(names) if name in frame.f_locals and not _is_finite(frame.f_locals[name])]
        if bad:
            reason += f", which reads {', '.join(f'`{name}`, itself not finite' for name in bad)}"
    return NonFiniteError(f"{reason}.", "", place.pos)


def _statement_before(file: str, line: int) -> ast.stmt | None:
    """The statement of generated code that stands before the one on a line, in the same block."""
    tree = ast.parse("".join(linecache.getlines(file)))
    for block in _blocks(tree):
        for earlier, stmt in zip(block, block[1:], strict=False):
            if stmt.lineno <= line <= (stmt.end_lineno or line) and _is_check(stmt):
                return earlier if not _is_check(earlier) else _statement_before(file, earlier.lineno)
    return None


def _is_check(stmt: ast.stmt) -> bool:
    call = stmt.value if isinstance(stmt, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check_finite"


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield block


def _is_finite(value: Any) -> bool:
    if isinstance(value, (float, complex, np.inexact)) or (isinstance(value, np.ndarray) and value.dtype.kind in "fc"):
        return bool(np.all(np.isfinite(value)))
    return True
