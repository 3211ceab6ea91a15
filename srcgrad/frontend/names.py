"""The values of the names that a function does not bind itself."""

from __future__ import annotations

import builtins
from typing import Any

from srcgrad.errors import SrcgradError
from srcgrad.frontend.source import function_of


class UndefinedNameError(SrcgradError, NameError):
    """A name that is neither in the function's closure nor among its globals or the builtins."""


def free_value(fn: Any, name: str) -> tuple[object, str]:
    """The value of a free name of fn and where it lives: "closure", "global" or "builtin".

    Looked up anew at each call, as Python does. Raises UndefinedNameError where Python would raise NameError.
    """
    function = function_of(fn)
    if name in function.__code__.co_freevars:
        cell = function.__closure__[function.__code__.co_freevars.index(name)]
        try:
            return cell.cell_contents, "closure"
        except ValueError:  # the enclosing function has not assigned it yet, or has deleted it
            raise UndefinedNameError(
                f"`{name}`, which `{function.__name__}` takes from the function around it, has no value yet.",
                f"Assign `{name}` before `{function.__name__}` is called.",
            ) from None
    if name in function.__globals__:
        return function.__globals__[name], "global"
    # exec may run code with builtins of its own, as a module or as a dict
    own = function.__globals__.get("__builtins__", builtins)
    table = own if isinstance(own, dict) else vars(own)
    if name in table:
        return table[name], "builtin"
    raise UndefinedNameError(
        f"`{name}` is not defined in the function `{function.__name__}`, around it, or in its module "
        f"{function.__module__!r}.",
        f"Define or import `{name}` before the function is called.",
    )
