"""Generated functions as text, and what the names in it stand for."""

from __future__ import annotations

import builtins
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.codegen import function_text
from srcgrad.ir.nodes import Call, Invoke
from srcgrad.ir.walk import expressions_of, statements, subexpressions
from srcgrad.rules.libraries import import_home
from srcgrad.runtime import HELPERS
from srcgrad.transform.gradient import Gradient


def text_of(made: Gradient, signature: Sequence[str]) -> str:
    """The text of a generated function, with the functions that it calls before it."""
    texts = [function_text(f.name, f.params, f.body) for f in made.functions]
    return "\n\n".join([*texts, function_text(made.name, signature, made.body)])


def namespace_for(made: Gradient) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the generated function's global names stand for."""
    namespace: dict[str, Any] = {"np": np, "math": math}
    helpers: set[str] = set()
    for stmt in statements([s for body in (made.body, *(f.body for f in made.functions)) for s in body]):
        if isinstance(stmt, Invoke) and stmt.callee in HELPERS:
            helpers.add(stmt.callee)
            namespace[stmt.callee] = HELPERS[stmt.callee]
        for top in expressions_of(stmt):
            for expr in subexpressions(top):
                if not isinstance(expr, Call):
                    continue
                passed = expr.prim.style == "attribute" and not expr.args
                if expr.prim.style != "function" and not (passed and expr.prim.text in HELPERS):
                    continue
                head = expr.prim.text.split("(")[0].split(".")[0]
                if expr.prim.text in HELPERS and expr.prim.fn is HELPERS[expr.prim.text]:
                    helpers.add(expr.prim.text)
                    namespace[head] = expr.prim.fn
                elif head in ("np", "math"):
                    continue
                elif "." in expr.prim.text and head in sys.modules:
                    import_home(expr.prim.text)
                    namespace[head] = sys.modules[head]
                elif not hasattr(builtins, head) and "." not in expr.prim.text:
                    known = namespace.setdefault(head, expr.prim.fn)
                    assert known == expr.prim.fn, f"two functions are called {head}"
    return namespace, tuple(sorted(helpers))
