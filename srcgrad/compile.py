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

from srcgrad.checks import explained
from srcgrad.codegen import compile_text, function_text
from srcgrad.imports import names_beside
from srcgrad.ir.nodes import Call, Invoke
from srcgrad.ir.walk import expressions_of, statements, subexpressions
from srcgrad.runtime import HELPERS
from srcgrad.specialize.inputs import Path
from srcgrad.transform.derive import derive
from srcgrad.transform.gradient import Gradient, Wish


def _unread(function: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    return None


@dataclass
class Compiled:
    """A generated function.

    call: takes the arguments in the order of the parameters, then the captured ones, then the adjoints of the
    results. params: the names of the first; captured, hidden: how to read the second, and their names; seeds: the
    names of the third, seed_paths: which part of the result each belongs to. guards: what was taken as constant.
    read: reads the second and checks the guards. outputs: how many things it returns. helpers: runtime functions that
    the text calls; imports: what else it calls, and how a module imports that, None for what it cannot import.
    overwritten: which of the leaves the primal writes into; leaves: reads the leaves from the
    arguments. sources: the user's functions that are written in line.
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
    sources: tuple[Callable[..., Any], ...] = ()
    read: Callable[[Any, tuple[Any, ...]], tuple[Any, ...] | None] = _unread


def compile_gradient(fn: Callable[..., Any], args: dict[str, Any], wish: Wish) -> Compiled:
    """The gradient of fn for arguments of the kinds of `args` as text and as a function."""
    made = derive(fn, args, wish)
    inputs = made.program.inputs
    params, hidden = tuple(made.program.names.values()), tuple(inputs.captured)
    signature = parameters_of(made, wish)
    texts = [function_text(f.name, f.params, f.body) for f in made.functions]
    text = "\n\n".join([*texts, function_text(made.name, signature, made.body)])
    namespace, helpers = namespace_for(made)
    passed, imports = names_beside(made)
    namespace |= passed
    call = compile_text(text, made.name, namespace, f"gradient of {made.program.definition.name}")
    if made.checks:
        call = explained(call, made.checks)
    compiled = Compiled(
        text, made.name, call, params, tuple(inputs.captured.values()), hidden, tuple(made.seeds),
        tuple(made.seed_paths), tuple(inputs.guards), len(wish.wrt) + wish.value, helpers,
    )  # fmt: skip
    compiled.imports = imports
    compiled.sources = tuple(inputs.sources.values())
    if made.disjoint:
        compiled.overwritten = tuple(inputs.local.get(name, name) for name in made.disjoint)
        compiled.leaf_texts = tuple(inputs.local.get(name, name) for name in inputs.leaves)
        reader = f"lambda {', '.join([*params, *hidden, '*_'])}: ({', '.join(compiled.leaf_texts)},)"
        compiled.leaves = eval(reader, {})
    return compiled


def parameters_of(made: Gradient, wish: Wish) -> list[str]:
    """The parameters of the generated function, as they are printed."""
    seeds = (f"{seed}=1.0" if wish.mode in ("grad", "sum") else seed for seed in made.seeds)
    return [*made.program.names.values(), *made.program.inputs.captured, *seeds]


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
                elif not hasattr(builtins, head) and "." not in expr.prim.text:
                    known = namespace.setdefault(head, expr.prim.fn)
                    assert known is expr.prim.fn, f"two functions are called {head}"
    return namespace, tuple(sorted(helpers))
