"""Callables that generated code names but that neither NumPy nor srcgrad has: what they are, how they are imported."""

from __future__ import annotations

import builtins
import sys
from typing import Any

from srcgrad.ir.nodes import Call
from srcgrad.ir.walk import expressions_of, statements, subexpressions
from srcgrad.rules.effects import Ruled
from srcgrad.rules.libraries import import_home
from srcgrad.rules.solved import Generated
from srcgrad.runtime import HELPERS
from srcgrad.transform.gradient import Gradient


def names_beside(made: Gradient) -> tuple[dict[str, Any], dict[str, str | None]]:
    """The callables that are passed on by name, and for all that are neither helpers nor NumPy's the statement that
    imports them, None for what cannot be imported; by name."""
    namespace: dict[str, Any] = {}
    imports: dict[str, str | None] = {}
    for stmt in statements([s for body in (made.body, *(f.body for f in made.functions)) for s in body]):
        calls = (part for top in expressions_of(stmt) for part in subexpressions(top) if isinstance(part, Call))
        for call in calls:
            text, fn = call.prim.text, call.prim.fn
            head, passed = text.split("(")[0].split(".")[0], call.prim.style == "attribute" and not call.args
            if isinstance(fn, Generated) or not (passed or call.prim.style == "function"):
                continue
            if HELPERS.get(text) is fn or head in ("np", "math") or (hasattr(builtins, head) and not passed):
                continue
            if "." in text:
                if head not in sys.modules or not all(part.isidentifier() for part in text.split(".")):
                    continue  # a method of a literal
                imports[text] = f"import {import_home(text)}"
                if passed:
                    namespace[head] = sys.modules[head]
            elif text.isidentifier():
                imports[text] = import_of(fn, text)
                if passed:
                    namespace[text] = fn
    return namespace, imports


def import_of(fn: Any, name: str) -> str | None:
    """The statement that imports a callable by its module and name, None where there is none."""
    for found in (fn, fn.function) if isinstance(fn, Ruled) else (fn,):
        module, own = getattr(found, "__module__", None), getattr(found, "__qualname__", "")
        if not module or module == "__main__" or not own.isidentifier():
            continue
        if getattr(sys.modules.get(module), own, None) is found:
            return f"from {module} import {own}" + (f" as {name}" if own != name else "")
    return None
