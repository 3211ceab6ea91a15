"""What the frontend refuses, with the reason and what to do instead."""

from __future__ import annotations

from typing import Any

from srcgrad.errors import UnsupportedError
from srcgrad.ir.nodes import Pos

_YIELD = (
    "A generator cannot be differentiated: its body runs piece by piece, between which anything may happen.",
    "Collect the values in a list and return the list.",
)
_ASYNC = ("Asynchronous code cannot be differentiated.", "Write the computation as a plain function.")
_TRY = (
    "`try` cannot be differentiated: where an exception leaves the body is not known.",
    "Test for the exceptional case with `if`, or catch the exception outside of the function.",
)

_REFUSED: dict[str, tuple[str, str]] = {
    "Try": _TRY,
    "TryStar": _TRY,
    "Yield": _YIELD,
    "YieldFrom": _YIELD,
    "Await": _ASYNC,
    "AsyncFunctionDef": _ASYNC,
    "AsyncFor": _ASYNC,
    "AsyncWith": _ASYNC,
    "ClassDef": (
        "A class inside a differentiated function is not supported.",
        "Define the class outside of the function.",
    ),
    "Match": ("`match` is not supported.", "Write it with `if` and `elif`."),
}

NAMESPACE_FUNCTIONS = frozenset({"eval", "exec", "compile", "locals", "globals", "vars"})


def refuse_node(node: Any, pos: Pos | None) -> UnsupportedError:
    """The error for a syntax node that the frontend does not lower."""
    what = type(node).__name__
    default = (f"This construct (`{what}`) is not supported.", "Write it with simpler statements.")
    return UnsupportedError(*_REFUSED.get(what, default), pos)


def refuse_call(name: str, pos: Pos | None) -> UnsupportedError:
    """The error for a call that reaches into a namespace or runs source text."""
    if name in ("eval", "exec", "compile"):
        return UnsupportedError(
            f"`{name}` cannot be differentiated: what it runs is not known before the program runs.",
            "Write the computation out as Python code.",
            pos,
        )
    return UnsupportedError(
        f"`{name}()` reaches variables in a way that cannot be followed.", "Name the variables, or use a dict.", pos
    )


def refuse_global(name: str, pos: Pos | None) -> UnsupportedError:
    """The error for a write to a global variable."""
    return UnsupportedError(
        f"`{name}` is a global variable; a differentiated function may read globals but not assign them.",
        f"Return the new value of `{name}` and assign it outside of the function.",
        pos,
    )


def refuse_with_as(pos: Pos | None) -> UnsupportedError:
    """The error for `with ... as name`."""
    return UnsupportedError(
        "`with ... as name` is not supported: what the context hands over is not known "
        "(but for `with srcgrad.adjoint(x) as d_x`).",
        "Leave out the `as`, or open the context outside of the function and pass what it hands over.",
        pos,
    )


def refuse_hook_form(pos: Pos | None) -> UnsupportedError:
    """The error for a `with` of srcgrad.adjoint that has no name, or other contexts beside it."""
    return UnsupportedError(
        "srcgrad.adjoint stands alone in its `with` statement, and what it hands over needs a name.",
        "Write `with srcgrad.adjoint(x) as d_x:`.",
        pos,
    )


def refuse_hook_name(name: str, pos: Pos | None) -> UnsupportedError:
    """The error for a block on an adjoint that assigns a variable of the function."""
    return UnsupportedError(
        f"`{name}` is named outside of this block too, but the block runs in the reverse sweep, when the function "
        "itself is over: what it assigns is its own.",
        f"Use another name than `{name}` inside the block.",
        pos,
    )


def refuse_hook_jump(pos: Pos | None) -> UnsupportedError:
    """The error for a block on an adjoint that jumps out of itself."""
    return UnsupportedError(
        "The block of an adjoint runs in the reverse sweep: there is nothing to return to or to leave.",
        "Use `if` inside the block.",
        pos,
    )


def refuse_hook_change(name: str, pos: Pos | None) -> UnsupportedError:
    """The error for a block on an adjoint that changes a variable of the function in place."""
    return UnsupportedError(
        f"`{name}` is a variable of the function, and the block of an adjoint may not change it.",
        f"Work on a copy, or collect in a list that is an argument or a global, and that the function itself does "
        f"not use: `{name}` is used outside of the block.",
        pos,
    )


def refuse_adjoint_of(what: str, pos: Pos | None) -> UnsupportedError:
    """The error for srcgrad.adjoint of something that has no adjoint of its own."""
    return UnsupportedError(
        f"srcgrad.adjoint takes a variable that is a float or an array of floats, or a part of one; this is {what}.",
        "Give the value a name in the line before, and ask for the adjoint of that.",
        pos,
    )


def refuse_delete(pos: Pos | None) -> UnsupportedError:
    """The error for `del` of an attribute."""
    return UnsupportedError(
        "`del` of an attribute is not supported.",
        "Set the attribute to None.",
        pos,
    )


def refuse_import(what: str, error: Exception, pos: Pos | None) -> UnsupportedError:
    """The error for an import inside a function that fails when the function is compiled."""
    return UnsupportedError(
        f"`{what}` is imported when the function is compiled, and that failed: {error}.",
        "Import it at the top of the module.",
        pos,
    )


def refuse_cause(pos: Pos | None) -> UnsupportedError:
    """The error for `raise ... from cause`."""
    return UnsupportedError(
        "`raise ... from ...` is not supported.", "Write `raise` without `from`, or raise outside.", pos
    )
