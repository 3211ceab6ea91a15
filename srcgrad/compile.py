"""Generated functions: text, namespace and callable for a gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from srcgrad.backends.targets import NUMPY, NumPy, backend_of, refuse_mixed
from srcgrad.checks import explained
from srcgrad.codegen import compile_text
from srcgrad.derive import Deriver, specialised_for
from srcgrad.errors import SrcgradError
from srcgrad.imports import names_beside
from srcgrad.specialize.inputs import Path
from srcgrad.transform.derive import generate
from srcgrad.transform.gradient import Gradient, Wish
from srcgrad.transform.results import GRADIENTS
from srcgrad.writing import namespace_for, text_of


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
    arguments. sources: the user's functions that are written in line. backend: whose arrays the function takes;
    plain: the same function over NumPy, where it is to be differentiated again.
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
    backend: NumPy = NUMPY
    plain: Callable[..., Any] = _unread
    read: Callable[[Any, tuple[Any, ...]], tuple[Any, ...] | None] = _unread


def compile_gradient(fn: Callable[..., Any], args: dict[str, Any], wish: Wish) -> Compiled:
    """The gradient of fn for arguments of the kinds of `args` as text and as a function."""
    derive = Deriver()
    try:
        made, backend = generated_for(fn, args, wish, derive)
    except SrcgradError as error:
        raise derive.in_users_words(error) from error
    inputs = made.program.inputs
    params, hidden = tuple(made.program.names.values()), tuple(inputs.captured)
    plain = None
    if wish.again and backend is not NUMPY:  # what is differentiated again is a program over NumPy, like any other
        plain = _callable(made, wish, NUMPY)[1]
    made = backend.printed(made, wish)
    text, call, helpers = _callable(made, wish, backend)
    imports = names_beside(made)[1]
    if made.checks:
        call = explained(call, made.checks)
    compiled = Compiled(
        text, made.name, call, params, tuple(inputs.captured.values()), hidden, tuple(made.seeds),
        tuple(made.seed_paths), tuple(inputs.guards), len(wish.wrt) + wish.value, helpers,
    )  # fmt: skip
    compiled.imports, compiled.backend, compiled.plain = imports, backend, plain or call
    compiled.sources = tuple(inputs.sources.values())
    if made.disjoint:
        compiled.overwritten = tuple(inputs.local.get(name, name) for name in made.disjoint)
        compiled.leaf_texts = tuple(inputs.local.get(name, name) for name in inputs.leaves)
        reader = f"lambda {', '.join([*params, *hidden, '*_'])}: ({', '.join(compiled.leaf_texts)},)"
        compiled.leaves = eval(reader, {})
    return compiled


def generated_for(
    fn: Callable[..., Any], args: dict[str, Any], wish: Wish, derive: Deriver
) -> tuple[Gradient, NumPy]:
    """The derivative of a function for arguments of the kinds of `args`, over NumPy, and the backend that it is to be
    printed for."""
    made = generate(specialised_for(fn, args, derive), wish)
    backend = backend_of(made.program.inputs)
    if backend is not NUMPY:
        refuse_mixed(made)
    return made, backend


def _callable(made: Gradient, wish: Wish, backend: NumPy) -> tuple[str, Callable[..., Any], tuple[str, ...]]:
    """A derivative as text and as a function, and the helpers that it calls."""
    text = text_of(made, parameters_of(made, wish))
    namespace, helpers = namespace_for(made)
    namespace |= names_beside(made)[0] | backend.namespace() | {name: backend.helper(name) for name in helpers}
    return text, compile_text(text, made.name, namespace, f"gradient of {made.program.definition.name}"), helpers


def parameters_of(made: Gradient, wish: Wish) -> list[str]:
    """The parameters of the generated function, as they are printed."""
    seeds = (f"{seed}=1.0" if wish.mode in GRADIENTS else seed for seed in made.seeds)
    return [*made.program.names.values(), *made.program.inputs.captured, *seeds]
