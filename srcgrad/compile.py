"""Generated functions: text, namespace and callable for a gradient."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.codegen import compile_text, function_text
from srcgrad.ir.nodes import Call
from srcgrad.ir.nodes import Definition as _Definition
from srcgrad.ir.walk import expressions_of, statements, subexpressions
from srcgrad.runtime import HELPERS
from srcgrad.specialize.inputs import Path
from srcgrad.transform.gradient import Gradient, Wish, differentiate


@dataclass
class Compiled:
    """A generated function. call: takes the user's arguments in order, then the captured ones, then d_out; captured:
    how to read those; guards: what was taken as constant; helpers: runtime functions that the text calls; seeds: the
    names of the adjoints of the results."""

    text: str
    name: str
    call: Callable[..., Any]
    captured: tuple[Path, ...]
    guards: tuple[tuple[Path, object], ...]
    helpers: tuple[str, ...]
    seeds: tuple[str, ...]
    overwritten: tuple[str, ...]
    captured_keys: tuple[Any, ...] = ()


def compile_gradient(fn: Callable[..., Any], args: dict[str, Any], wish: Wish) -> Compiled:
    """The gradient of fn for arguments of the kinds of `args` as text and as a function."""
    made = differentiate(fn, args, wish)
    params = parameters(made.program.definition) + list(made.program.inputs.captured)
    seeds = made.seeds
    default = "=1.0" if wish.mode != "vjp" else ""
    params += [f"{seed}{default}" for seed in seeds]
    texts = [function_text(f.name, f.params, f.body) for f in made.functions]
    text = "\n\n".join([*texts, function_text(made.name, params, made.body)])
    namespace, helpers = namespace_for(made, fn)
    call = compile_text(text, made.name, namespace, f"gradient of {made.program.definition.name}")
    return Compiled(
        text, made.name, call, tuple(made.program.inputs.captured.values()), tuple(made.program.inputs.guards),
        helpers, tuple(seeds), tuple(made.disjoint),
    )  # fmt: skip


def parameters(definition: _Definition) -> list[str]:
    """The parameters of the generated function: all positional, in the user's order."""
    return [p.name for p in definition.params]


def namespace_for(made: Gradient, fn: Callable[..., Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the generated function's global names stand for."""
    namespace: dict[str, Any] = {"np": np, "math": math}
    helpers: set[str] = set()
    for stmt in statements([s for body in (made.body, *(f.body for f in made.functions)) for s in body]):
        for top in expressions_of(stmt):
            for expr in subexpressions(top):
                if not isinstance(expr, Call) or expr.prim.style != "function":
                    continue
                head = expr.prim.text.split("(")[0].split(".")[0]
                if expr.prim.text in HELPERS and expr.prim.fn is HELPERS[expr.prim.text]:
                    helpers.add(expr.prim.text)
                    namespace[head] = expr.prim.fn
                elif head in ("np", "math"):
                    continue
                elif "." in expr.prim.text and head in sys.modules:
                    importlib.import_module(expr.prim.text.rsplit(".", 1)[0])
                    namespace[head] = sys.modules[head]
                elif getattr(__builtins__, head, None) is None and not _is_builtin(head):
                    namespace.setdefault(head, expr.prim.fn)
    return namespace, tuple(sorted(helpers))


def _is_builtin(name: str) -> bool:
    import builtins

    return hasattr(builtins, name)
