"""All errors that srcgrad raises on purpose. Each shows the user's file, line, source line and a caret."""

from __future__ import annotations

import linecache
import os

from srcgrad.ir.nodes import Pos


class SrcgradError(Exception):
    """Base of the package's errors.

    reason: what the matter is. remedy: what to do instead. pos: where, or None where no source is concerned.
    """

    usual = "Change this part of the function, or call it outside the function that is differentiated."
    """The remedy where nothing better is said."""

    def __init__(self, reason: str, remedy: str = "", pos: Pos | None = None) -> None:
        remedy = remedy or self.usual
        self.reason, self.remedy, self.pos = reason, remedy, pos
        super().__init__(reason, remedy, pos)

    def __str__(self) -> str:
        parts = []
        if self.pos is not None:
            line = linecache.getline(self.pos.file, self.pos.line).rstrip("\n")
            parts.append(f"{self.pos.file}:{self.pos.line}")
            if line:
                width = max(1, min(self.pos.end_col, len(line)) - self.pos.col)
                indent = len(line) - len(line.lstrip())
                parts.append("    " + line.strip())
                parts.append("    " + " " * max(0, self.pos.col - indent) + "^" * width)
        parts.append(self.reason)
        if self.remedy:
            parts.append(self.remedy)
        return "\n".join(parts) if self.pos is not None else " ".join(parts)


class SourceError(SrcgradError):
    """The function's source cannot be read: typed in `python -c`, written in C, one of several lambdas on a line."""


class UnsupportedError(SrcgradError):
    """A construct that srcgrad does not differentiate: `try`, `yield`, `class` inside a function, `eval`, ..."""


class NoRuleError(SrcgradError):
    """A callee that has neither source nor a derivative rule, or a keyword that its rule does not handle."""


class KindError(SrcgradError):
    """An operation on values for which it is not defined, or a variable whose kind cannot be decided."""

    usual = "Give each variable values of one kind: numbers, arrays of one rank, or containers of these."


class AliasError(SrcgradError):
    """It cannot be decided which variables share memory, while one of them is written in place."""

    usual = "Work on a copy (`x = x.copy()`), or build a new array instead of writing in place."


class ArgumentError(SrcgradError, TypeError):
    """A call of one of srcgrad's functions with arguments that it cannot take."""

    usual = "Pass arguments of the kinds that the function is written for."


class NonScalarError(ArgumentError):
    """`grad` of a function whose result is neither a scalar nor an array of size 1."""


class NonFiniteError(SrcgradError, FloatingPointError):
    """With debug_nans=True: an adjoint turned nan or inf. Shown is the primal line that its statement answers."""

    usual = "Look at the values that this line works on; np.where on the argument keeps a singular point away."


class CheckError(SrcgradError, AssertionError):
    """A gradient made with check=True that is not what forward mode says.

    One of the two has a mistake: in srcgrad, or in a derivative rule of the user's.
    """

    usual = "Find out with srcgrad.check_grads which of the two is wrong, and report it with the function."


class InternalError(SrcgradError):
    """The compiler failed where it should have worked or refused: a mistake in srcgrad."""


def told_at(error: SrcgradError, pos: Pos | None) -> SrcgradError:
    """An error as it is told to the user: what happens in a function of srcgrad's own, at the call that led there."""
    inside = error.pos is None or error.pos.file.startswith(_PACKAGE)
    return type(error)(error.reason, error.remedy, pos) if inside and pos is not None else error


_PACKAGE = os.path.dirname(__file__) + os.sep
