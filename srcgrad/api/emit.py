"""emit: a derivative as a module of its own.

The text is a function of the primal's source, of the kinds of its arguments and of what is asked for, to the byte: the
example arguments are replaced by the smallest ones of their kinds, and nothing that was compiled before is looked up.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.api.examples import describe, examples, literal
from srcgrad.api.gradient import GradientFunction
from srcgrad.api.header import PREFIX, Header, escaped, short_hash, source_hash, text_hash, without_comments
from srcgrad.api.hessians import hvp
from srcgrad.api.matrices import hessian, jacfwd, jacobian, jacrev
from srcgrad.api.operators import Operator
from srcgrad.api.target import Argnums, Outputs
from srcgrad.compile import Compiled
from srcgrad.errors import ArgumentError
from srcgrad.frontend.source import STANDS_FOR
from srcgrad.rules.libraries import import_home
from srcgrad.runtime import HELPERS
from srcgrad.specialize.inputs import Path
from srcgrad.transform.results import GRADIENTS

_LARGEST_ARRAY = 100

MODES = {
    "grad": ("grad", False), "value_and_grad": ("grad", True), "elementwise_grad": ("sum", False),
    "vjp": ("vjp", False), "jvp": ("jvp", True), "primal": ("primal", False),
}  # fmt: skip
"""What can be asked for: the transform's mode, and whether the value comes too."""

OPERATORS: dict[str, Callable[..., Any]] = {
    "hvp": hvp, "hessian": hessian, "jacobian": jacobian, "jacfwd": jacfwd, "jacrev": jacrev,
}  # fmt: skip
"""The same for operators, whose modules hold a function that works them out."""

_TITLES = {
    "hvp": "Hessian-vector product", "hessian": "Hessian", "jacobian": "Jacobian", "jacfwd": "Forward Jacobian",
    "jacrev": "Reverse Jacobian",
    "primal": "Value", "grad": "Gradient", "value_and_grad": "Value and gradient",
    "elementwise_grad": "Elementwise gradient",
    "vjp": "Vector-Jacobian product", "jvp": "Value and Jacobian-vector product",
}  # fmt: skip


def emit(
    function: Callable[..., Any], argnums: Argnums = 0, args: tuple[Any, ...] | None = None, mode: str | None = None,
    outputs: Outputs | None = None,
) -> str:  # fmt: skip
    """The source of a module that holds a derivative of a function and imports nothing but NumPy, or, where args are
    arrays of CuPy's, CuPy.

    function: a function, or what `grad` and its family made of one, which then says itself what is asked for. args:
    example arguments that fix the kinds; without them the function is taken to work on arrays. mode: what the module's
    function gives for the function's arguments (and what follows them):

    - "grad", "elementwise_grad": the gradients by `argnums`, a tuple of them where there are several;
    - "value_and_grad": a tuple of the value and these;
    - "vjp": the gradients for the adjoint `d_out` of the result (one for each part of a result of several parts);
    - "jvp": the value and its tangent, for one tangent `x_dot` for each of `argnums`.

    outputs: as for `grad`. Globals and closure variables that the function reads become parameters; numbers, strings
    and small arrays have their present values as defaults. The text begins with a header that `srcgrad check` reads.
    The same source and kinds give the same text. Raises ArgumentError for an unknown mode.
    """
    made = wanted(function, argnums, mode, outputs)
    if args is None:
        compiled, given = made._guessed()
        bound = given[: len(compiled.params)]
    else:
        bound = made._target.bind(tuple(args), {}, made.__name__)
    return module_text(made, bound)


def wanted(
    function: Callable[..., Any], argnums: Argnums, mode: str | None, outputs: Outputs | None
) -> GradientFunction:
    """The object for what is asked for."""
    if mode is not None and mode not in (*MODES, *OPERATORS):
        raise ArgumentError(f"emit has no mode {mode!r}.", f"Its modes are {', '.join((*MODES, *OPERATORS))}.")
    if mode in OPERATORS and mode is not None:
        function, mode = OPERATORS[mode](getattr(function, "primal", function), argnums), None
    if isinstance(function, Operator) and mode is None:
        if function.suffix not in OPERATORS or not isinstance(function.argnums, int):
            raise ArgumentError(f"emit cannot write {function!r} as a module.", "Give argnums as one position.")
        return GradientFunction(function, (), mode="operator")
    if isinstance(function, GradientFunction):
        own = mode_of(function)
        if mode is None and own not in MODES:
            raise ArgumentError(f"emit cannot write {function!r} as a module.", f"Its modes are {', '.join(MODES)}.")
        if mode is None or mode == own:
            return function
        argnums, outputs = function.argnums, function.outputs if outputs is None else outputs
        function = function.primal
    inner, value = MODES[mode or "grad"]
    argnums = () if inner == "primal" else argnums
    return GradientFunction(function, argnums, mode=inner, with_value=value, outputs=outputs)


def mode_of(made: GradientFunction) -> str:
    """What emit calls the mode of an object."""
    if made._mode == "operator":
        return str(made.primal.suffix)  # type: ignore[attr-defined]
    if made._mode == "grad":
        return "value_and_grad" if made._with_value else "grad"
    return "elementwise_grad" if made._mode == "sum" else made._mode


@dataclass(frozen=True)
class Naming:
    """How modules are called in the text: by their own names, but where `home` has others for them."""

    home: dict[str, str]

    def of(self, fn: Any) -> str:
        """module:qualname of a function."""
        return f"{self.home.get(fn.__module__, fn.__module__)}:{fn.__qualname__}"


def module_text(made: GradientFunction, bound: tuple[Any, ...], naming: Naming | None = None) -> str:
    """The text of the module for arguments of the kinds of `bound`."""
    naming = naming or Naming({})
    target = made._target
    argnums = tuple(
        place if isinstance(place, str) else _position(made, place) for place in _places(made, bound)
    )
    if isinstance(made.primal, Operator):
        argnums = (target.names[made.primal.argnums],)
    described, complete = describe(target.names, bound, naming.home)
    if re.search(r"\bint\b", described):
        described, complete = describe(target.names, bound, naming.home, _constants(made, bound))
    if complete:
        back = {recorded: module for module, recorded in naming.home.items()}
        values = examples(described, back)
        bound = tuple(values[name] for name in target.names)
    compiled = made._compile(bound, made._wanted() is made._valued)
    given = bound + (compiled.read(target.function, bound) or ())
    primal = target.function.__dict__.get(STANDS_FOR, target.function)
    texts = [compiled.backend.source(name).rstrip() for name in _closure_of(compiled.helpers)]
    constants, text, captured = _with_defaults(compiled, made, given)
    body = "\n\n\n".join([*texts, text.rstrip()])
    for callee, line in compiled.imports.items():
        if line is None:
            raise ArgumentError(
                f"the derivative of {made.__name__} calls {callee!r}, which a module cannot import.",
                "Define it at the top level of a module, under its own name.",
            )
    used = {naming.of(fn): source_hash(fn) for fn in compiled.sources}
    used[naming.of(primal)] = source_hash(primal)
    header = Header(
        naming.of(primal), mode_of(made), argnums, described, target.outputs,
        made.outputs is not None and not isinstance(made.outputs, (str, int, np.integer)), made.has_aux, complete,
        sorted(used.items()), captured,
    )  # fmt: skip
    title = f"{_TITLES[header.mode]} of {header.primal.replace(':', '.')}, generated by srcgrad."
    lines = [escaped(line) for line in header.lines()]
    head = "\n".join([f'"""{escaped(title)}', "", *lines, f"{PREFIX}text ?", '"""'])
    whole = f"{head}\n\n{_imports(compiled, body, naming)}{constants}\n\n{body}\n"
    return whole.replace(f"{PREFIX}text ?", f"{PREFIX}text {text_hash(whole)}", 1)


def _constants(made: GradientFunction, bound: tuple[Any, ...]) -> set[Path]:
    """Where ints stand among the arguments that the generated code takes as constants."""
    found = made._compile(bound, made._wanted() is made._valued).guards
    return {path for path, value in found if path[0][0] == "argument" and type(value) is int}


def _places(made: GradientFunction, bound: tuple[Any, ...]) -> tuple[Any, ...]:
    return made._target.places(made.argnums, bound, made.__name__)


def _position(made: GradientFunction, place: tuple[str, int | str]) -> int | str:
    """An item of `*args` by its position, one of `**kwargs` by its name, among the function's own parameters."""
    return place[1] if isinstance(place[1], str) else len(made._target.positional) + place[1]


def _imports(compiled: Compiled, body: str, naming: Naming) -> str:
    """The imports that the text needs: NumPy, and math, SciPy and the user's classes where it mentions them."""
    code = without_comments(body)
    plain = ["math"] if re.search(r"\bmath\.", code) else []
    libraries = sorted({import_home(name) for name in re.findall(r"(?<![\w.])scipy(?:\.\w+)+", code)})
    libraries += sorted(set(re.findall(r"\b(cupyx\.scipy(?:\.[a-z_]+)+)\.\w+", code)))
    own = []
    for name, value in sorted(compiled.call.__globals__.items()):
        if isinstance(value, types.ModuleType) or name in HELPERS or not re.search(rf"\b{name}\b", code):
            continue
        module = getattr(value, "__module__", None)
        if module and module not in ("builtins", "srcgrad.generated") and getattr(value, "__name__", "") == name:
            own.append(f"from {naming.home.get(module, module)} import {name}\n")
    lines = [*(f"import {name}\n" for name in plain), "\n" if plain else ""]
    lines += compiled.backend.imports(re.search(r"\bnp\.", code) is not None)
    lines += [f"import {name}\n" for name in libraries]
    for line in sorted({f"{line}\n" for line in compiled.imports.values()} - {*lines, *own}):
        (own if line.startswith("from") else lines).append(line)
    return "".join([*lines, "\n" if own else "", *sorted(own)])


def _with_defaults(
    compiled: Compiled, made: GradientFunction, given: tuple[Any, ...]
) -> tuple[str, str, list[tuple[str, str]]]:
    """The text with defaults for parameters: those of the primal, and the present values of captured variables.

    Also the text of constants that stand before it, and the hashes of the captured values.
    """
    defaults: dict[str, str] = {}
    constants: list[str] = []
    captured: list[tuple[str, str]] = []
    seeded = made._mode in GRADIENTS
    own = made._target.signature.parameters.values()
    for name, parameter in zip(compiled.params, own, strict=True):
        if seeded and parameter.default is not parameter.empty and not isinstance(parameter.default, np.ndarray):
            default = literal(parameter.default, 0)
            if default is not None:
                defaults[name] = default
    hidden = given[len(compiled.params) : len(compiled.params) + len(compiled.hidden)]
    for name, value in zip(compiled.hidden, hidden, strict=True):
        text = literal(value, _LARGEST_ARRAY)
        if text is None:
            continue
        captured.append((name, short_hash(text)))
        if isinstance(value, np.ndarray):
            constants.append(f"{name.upper()} = {text}")
            text = name.upper()
        defaults[name] = text
    marker = f"def {compiled.name}("
    start = compiled.text.rindex(marker) + len(marker)
    end = _closing(compiled.text, start)
    names = [*compiled.params, *compiled.hidden] if seeded else [*compiled.params, *compiled.seeds, *compiled.hidden]
    # what has a default comes last, and what a caller must give but has no place of its own is named
    first = next((k for k, name in enumerate(names) if name in defaults), len(names))
    parts = names[:first] + [f"{name}={defaults[name]}" for name in names[first:] if name in defaults]
    parts += [f"{seed}=1.0" for seed in compiled.seeds if seeded]
    required = [name for name in names[first:] if name not in defaults]
    if required:
        parts += ["*", *required]
    text = compiled.text[:start] + ", ".join(parts) + compiled.text[end:]
    return "".join(f"\n{line}" for line in constants) + ("\n" if constants else ""), text, captured


def _closing(text: str, start: int) -> int:
    depth = 1
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ArgumentError("the generated source has no end", "Please report this.")


def _closure_of(names: tuple[str, ...]) -> list[str]:
    """The helpers and those that they call."""
    found: list[str] = []
    work = list(names)
    while work:
        name = work.pop(0)
        if name in found:
            continue
        found.append(name)
        helper = HELPERS[name]
        functions = list(vars(helper).values()) if isinstance(helper, type) else [helper]
        codes = [function.__code__ for function in functions if inspect.isfunction(function)]
        work += [other for code in codes for other in code.co_names if other in HELPERS]
    return sorted(found)
