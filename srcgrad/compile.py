"""Generated functions: text, namespace and callable for a gradient."""

from __future__ import annotations

import builtins
import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.codegen import compile_text, function_text
from srcgrad.ir.nodes import Call, Expr
from srcgrad.ir.walk import expressions_of, statements, subexpressions
from srcgrad.rules.effects import Ruled
from srcgrad.runtime import HELPERS
from srcgrad.specialize.inputs import Path
from srcgrad.transform.gradient import Gradient, Wish, differentiate


def _unread(function: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    return None


@dataclass
class Compiled:
    """A generated function.

    call: takes the arguments in the order of the parameters, then the captured ones, then the adjoints of the
    results. params: the names of the first; captured, hidden: how to read the second, and their names; seeds: the
    names of the third, seed_paths: which part of the result each belongs to. guards: what was taken as constant.
    read: reads the second and checks the guards. outputs: how many things it returns. helpers: runtime functions that
    the text calls; imports: what it needs to be a module of its own, by callee, None for what cannot be imported.
    overwritten: which of the leaves the primal writes into; leaves: reads the leaves from the
    arguments.
    """

    text: str
    name: str
    call: Callable[..., Any]
    params: tuple[str, ...]
    captured: tuple[Path, ...]
    hidden: tuple[str, ...]
    seeds: tuple[str, ...]
    seed_paths: tuple[tuple[Any, ...], ...]
    guards: tuple[tuple[Path, object], ...]
    outputs: int
    helpers: tuple[str, ...]
    overwritten: tuple[str, ...] = ()
    imports: dict[str, str | None] = field(default_factory=dict)
    leaf_texts: tuple[str, ...] = ()
    leaves: Callable[..., tuple[Any, ...]] = field(default=lambda *args: ())
    read: Callable[[Any, tuple[Any, ...]], tuple[Any, ...] | None] = _unread


def compile_gradient(fn: Callable[..., Any], args: dict[str, Any], wish: Wish) -> Compiled:
    """The gradient of fn for arguments of the kinds of `args` as text and as a function."""
    made = differentiate(fn, args, wish)
    inputs = made.program.inputs
    params, hidden = tuple(made.program.names.values()), tuple(inputs.captured)
    signature = [*params, *hidden, *(f"{seed}=1.0" if wish.mode != "vjp" else seed for seed in made.seeds)]
    texts = [function_text(f.name, f.params, f.body) for f in made.functions]
    text = "\n\n".join([*texts, function_text(made.name, signature, made.body)])
    namespace, helpers, imports = namespace_for(made)
    call = compile_text(text, made.name, namespace, f"gradient of {made.program.definition.name}")
    compiled = Compiled(
        text, made.name, call, params, tuple(inputs.captured.values()), hidden, tuple(made.seeds),
        tuple(made.seed_paths), tuple(inputs.guards), len(wish.wrt) + wish.value, helpers,
    )  # fmt: skip
    compiled.imports = imports
    if made.disjoint:
        compiled.overwritten = tuple(inputs.local.get(name, name) for name in made.disjoint)
        compiled.leaf_texts = tuple(inputs.local.get(name, name) for name in inputs.leaves)
        reader = f"lambda {', '.join([*params, *hidden, '*_'])}: ({', '.join(compiled.leaf_texts)},)"
        compiled.leaves = eval(reader, {})
    return compiled


def namespace_for(made: Gradient) -> tuple[dict[str, Any], tuple[str, ...], dict[str, str | None]]:
    """What the generated function's global names stand for, the helpers among them, and imports of the others."""
    namespace: dict[str, Any] = {"np": np, "math": math}
    helpers: set[str] = set()
    imports: dict[str, str | None] = {}
    for stmt in statements([s for body in (made.body, *(f.body for f in made.functions)) for s in body]):
        for top in expressions_of(stmt):
            for expr in subexpressions(top):
                if not isinstance(expr, Call) or not (expr.prim.style == "function" or is_value(expr)):
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
                    imports[expr.prim.text] = f"import {expr.prim.text.rsplit('.', 1)[0]}"
                elif not hasattr(builtins, head) and "." not in expr.prim.text:
                    known = namespace.setdefault(head, expr.prim.fn)
                    assert known is expr.prim.fn, f"two functions are called {head}"
                    imports[head] = import_of(expr.prim.fn, head)
    return namespace, tuple(sorted(helpers)), imports


def is_value(expr: Expr) -> bool:
    """Whether an expression is a callable's name."""
    return isinstance(expr, Call) and expr.prim.style == "attribute" and not expr.args


def import_of(fn: Any, name: str) -> str | None:
    """The statement that imports a callable by its module and name, None where there is none."""
    for found in (fn, fn.function) if isinstance(fn, Ruled) else (fn,):
        module, own = getattr(found, "__module__", None), getattr(found, "__qualname__", "")
        if not module or module == "__main__" or not own.isidentifier():
            continue
        if getattr(sys.modules.get(module), own, None) is found:
            return f"from {module} import {own}" + (f" as {name}" if own != name else "")
    return None
