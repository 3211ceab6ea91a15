"""What CuPy has of NumPy and SciPy: names, keywords, and the form of the runtime helpers that works on its arrays.

What is asked is the CuPy that is there, not a list: each release has more of NumPy than the one before.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np

from srcgrad.ir.nodes import Const, Expr
from srcgrad.runtime import HELPERS

ALIAS = "cp"

INSTEAD: dict[str, tuple[str, dict[str, Any]]] = {
    "np.linalg.svdvals": ("np.linalg.svd", {"compute_uv": False}),
    "np.linalg.outer": ("np.outer", {}),
    "np.linalg.tensordot": ("np.tensordot", {}),
    "scipy.linalg.solve": ("np.linalg.solve", {}), "scipy.linalg.inv": ("np.linalg.inv", {}),
    "scipy.linalg.det": ("np.linalg.det", {}), "scipy.linalg.norm": ("np.linalg.norm", {}),
    "scipy.linalg.svd": ("np.linalg.svd", {}), "scipy.linalg.svdvals": ("np.linalg.svd", {"compute_uv": False}),
    "scipy.linalg.eigh": ("np.linalg.eigh", {}), "scipy.linalg.eigvalsh": ("np.linalg.eigvalsh", {}),
}  # fmt: skip
"""What CuPy has under another name, and what else that has to be given."""

REMEDIES = {
    "np.insert": "Write np.concatenate((x[:k], values, x[k:])).",
    "np.linalg.multi_dot": "Write A @ (B @ C), in the order that costs least.",
}
"""What to write for functions that CuPy lacks."""

OPTIONAL = {
    "solve_by_products": ("linear_solver", ("gmres", "bicgstab")), "ranks_of_numbers": ("skip_nan", (True,)),
}  # fmt: skip
"""Runtime helpers that others call only where an option has one of these values."""

ON_HOST = frozenset({"repeats", "indices_or_sections", "reps", "pad_width", "shift", "axis", "axes", "shape"})
"""Parameters that CuPy's functions want as numbers or displays on the host."""

_OF_NUMBERS: dict[Callable[..., Any], tuple[str, ...]] = {
    np.linspace: ("start", "stop"), np.logspace: ("start", "stop"), np.geomspace: ("start", "stop"),
    np.quantile: ("q",), np.percentile: ("q",), np.ix_: ("args",),
}  # fmt: skip
"""Parameters that are arrays or numbers, and better numbers: CuPy looks into arrays there."""

_METHODS = {"reduce": ("add", "multiply"), "accumulate": ("add", "multiply"), "reduceat": ("add",)}
"""The ufuncs whose methods CuPy has; those of the others are there, and raise."""

_UFUNC_KEYWORDS = ("out", "dtype", "casting")


def library() -> Any:
    """CuPy, which whoever passes its arrays has imported."""
    return sys.modules["cupy"]


def find(text: str) -> tuple[Any, str] | None:
    """What stands for a function or value of NumPy or SciPy, by its dotted name ("np.linalg.norm",
    "scipy.special.erf"), and its own name; None where CuPy has nothing of that name."""
    head, _, rest = text.partition(".")
    ufunc, _, method = rest.rpartition(".")
    if method in _METHODS and ufunc not in _METHODS[method]:
        return None
    if head == "np":
        found: Any = library()
        for part in rest.split("."):
            found = getattr(found, part, None)
            if found is None:
                return None
        return found, f"{ALIAS}.{rest}"
    module, _, name = rest.rpartition(".")
    own = f"cupyx.scipy.{module}" if module else "cupyx.scipy"
    try:
        found = getattr(importlib.import_module(own), name, None)
    except ImportError:
        return None
    return None if found is None else (found, f"{own}.{name}")


def refused_keyword(fn: Any, positional: int, keywords: tuple[str, ...]) -> str | None:
    """The first argument of a call that a function of CuPy does not take: by its name, or "argument 4"."""
    names = _parameters(fn)
    if names is None:
        return None
    by_position, by_name, rest, more = names
    if not rest and positional > len(by_position):
        return f"argument {len(by_position) + 1}"
    return next((name for name in keywords if name not in by_name and not more), None)


def unlike(text: str, ranks: list[int | None]) -> str | None:
    """What a function wants of its arguments' numbers of axes, where these are not so. It does not repeat stacks."""
    if text == "np.linalg.solve" and None not in ranks and ranks[1] != 1 and ranks[0] != ranks[1]:
        return "stacks of the same shape"
    return None


def wants_host(fn: Any, place: int | str) -> bool:
    """Whether a function of CuPy wants what stands at a place, a position or a name, on the host."""
    names = _parameters(fn)
    if isinstance(place, int):
        place = names[0][place] if names is not None and place < len(names[0]) else ""
    return place in ON_HOST


def takes_numbers(fn: Any, place: int | str) -> bool:
    """Whether a function of NumPy's takes numbers at a place as they are, also where it takes arrays."""
    names = _OF_NUMBERS.get(fn, ())
    if isinstance(place, int) and names:
        known = list(inspect.signature(fn).parameters)
        place = known[min(place, len(known) - 1)]
    return place in names


@cache
def waits(fn: Any, positional: int, keywords: tuple[str, ...] = ()) -> bool:
    """Whether a function of CuPy may make the host wait for the device in a call: its documentation or its source says
    so, or the source looks at values, in what is run with these arguments."""
    source = _source(fn)
    if re.search(r"synchroni[sz]e\b", f"{getattr(fn, '__doc__', None)} {source}"):
        return getattr(fn, "__name__", "") != "where" or positional == 1
    names = _parameters(fn)
    if names is None or not source:
        return False
    absent = {*names[0], *names[1]} - {*names[0][:positional], *keywords}
    off = {name for name in absent if inspect.signature(fn).parameters[name].default in (None, False)}
    return any(_looks(node) for node in _run_without(off, ast.parse(source)))


def _source(fn: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(fn))
    except (TypeError, OSError):
        return ""


def _run_without(off: set[str], node: ast.AST) -> Iterator[ast.AST]:
    """What is run of a function where some parameters are None or False: what they guard is left out."""
    yield node
    inside = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.If):
        test = node.test.values[0] if isinstance(node.test, ast.BoolOp) else node.test
        both = isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And)
        match test:
            case ast.Name(id=name) | ast.Compare(ast.Name(id=name), [ast.IsNot()], [ast.Constant(None)]) if name in off:
                inside = list(node.orelse) if test is node.test or both else inside
            case ast.Compare(ast.Name(id=name), [ast.Is()], [ast.Constant(None)]) if name in off:
                inside = inside if both else list(node.body)
    for child in inside:
        yield from _run_without(off, child)


@cache
def _parameters(fn: Any) -> tuple[tuple[str, ...], frozenset[str], bool, bool] | None:
    """What a function takes by position, what by name, and whether it takes more than those."""
    if type(fn).__name__ == "ufunc":
        return ("",) * fn.nargs, frozenset(_UFUNC_KEYWORDS), False, False
    signature = signature_of(fn)
    if signature is None:
        return None
    found = signature.parameters.values()
    return (
        tuple(p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)),
        frozenset(p.name for p in found if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)),
        any(p.kind is p.VAR_POSITIONAL for p in found),
        any(p.kind is p.VAR_KEYWORD for p in found),
    )


def signature_of(fn: Any) -> inspect.Signature | None:
    """The signature of a function, without `self`; that of a compiled method stands in its documentation."""
    try:
        found = inspect.signature(fn)
        return found.replace(parameters=[p for p in found.parameters.values() if p.name != "self"])
    except (TypeError, ValueError):
        line = (getattr(fn, "__doc__", None) or "").partition("\n")[0]
    text = re.match(r"\w+\.\w+\(self(?:, )?(.*?)\)( -> \w+)?$", line)
    if text is None:
        return None
    bare = re.sub(r"\b[A-Za-z_]\w* (?=\w)", "", text[1])  # C's types
    return inspect.signature(eval(f"lambda {bare}: 0"))


# ---- runtime helpers ---------------------------------------------------------------------------------------------


def helper(name: str) -> Callable[..., Any]:
    """The helper of this name for CuPy's arrays."""
    found: Callable[..., Any] = getattr(_device_form(HELPERS[name].__module__, library()), name)
    return found


@cache
def _device_form(module: str, cp: Any) -> types.ModuleType:
    """A module of the runtime once more, with `np` being CuPy in it: the same source for both libraries."""
    original = importlib.import_module(module)
    made = types.ModuleType(module)
    made.__file__ = original.__file__
    exec(compile(for_cupy(inspect.getsource(original), "np"), str(original.__file__), "exec"), made.__dict__)
    names = vars(made)
    names["np"] = cp
    for name, value in list(names.items()):
        home = getattr(value, "__module__", "") or ""
        if home != module and home.startswith("srcgrad.runtime.") and isinstance(value, types.FunctionType):
            names[name] = getattr(_device_form(home, cp), name)
    return made


def for_cupy(source: str, name: str) -> str:
    """The source of helpers with CuPy by a name in NumPy's place, and what it has of SciPy in SciPy's."""
    scipy = r"(?<=\bfrom )scipy\b|(?<=\bimport )scipy\b|(?<![\w.])scipy(?=\.\w+\.\w+\()"
    return re.sub(scipy, "cupyx.scipy", re.sub(r"\bnp\.", f"{name}.", source))


def missing_in_call(name: str, options: Iterable[tuple[str, Expr]]) -> str | None:
    """What a helper needs of NumPy and SciPy, called with these options, and CuPy lacks."""
    given = {option: value.value for option, value in options if isinstance(value, Const)}
    called = [other for other, (option, values) in OPTIONAL.items() if given.get(option) in values]
    return next(filter(None, map(missing_in_helper, (name, *called))), None)


@cache
def missing_in_helper(name: str) -> str | None:
    """What a helper, or one that it calls, needs of NumPy and CuPy lacks: a function, or an argument of one."""
    for text, call in _named(name):
        found = find(text)
        if found is None:
            return text
        bad = refused_keyword(found[0], *_given(call))
        if bad is not None:
            return f"{text} with {bad}"
    return None


@cache
def waits_in_helper(name: str) -> bool:
    """Whether a helper, or one that it calls, may make the host wait for the device."""
    if any(_looks(node) for source in _sources(name, set()) for node in ast.walk(ast.parse(source))):
        return True
    found = [(find(text), call) for text, call in _named(name)]
    return any(one is not None and waits(one[0], *_given(call)) for one, call in found)


def _given(call: ast.Call | None) -> tuple[int, tuple[str, ...]]:
    """How many arguments a call gives by position, and which by name."""
    if call is None:
        return 0, ()
    return len(call.args), tuple(keyword.arg for keyword in call.keywords if keyword.arg)


def _looks(node: ast.AST) -> bool:
    """Whether a part of a function asks for what is in an array: `if np.all(...)`, `x.tolist()`, `float(...)`."""
    if isinstance(node, ast.Attribute):
        return node.attr in ("item", "tolist")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
        return "np.reshape" in ast.unparse(node)
    if not isinstance(node, (ast.If, ast.While, ast.IfExp)):
        return False
    calls = [call.func for call in ast.walk(node.test) if isinstance(call, ast.Call)]
    return any(
        isinstance(func, ast.Attribute)
        and func.attr in ("all", "any", "array_equal")
        and ast.unparse(func.value) != "numpy"  # of shapes
        for func in calls
    )


def _named(name: str) -> Iterator[tuple[str, ast.Call | None]]:
    """What a helper and those that it calls name of NumPy and SciPy, with the call, where it is one."""
    for source in _sources(name, set()):
        nodes = list(ast.walk(ast.parse(source)))
        own = {"np": "np", "scipy": "scipy"}
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scipy"):
                own |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        for node in nodes:
            call = node if isinstance(node, ast.Call) else None
            text = ast.unparse(call.func if call else node) if isinstance(node, (ast.Call, ast.Attribute)) else ""
            head, dot, rest = text.partition(".")
            if head in own and re.fullmatch(r"(\.[a-z_]\w*)*", dot + rest) and (dot or call):
                yield own[head] + dot + rest, call


def _sources(name: str, seen: set[str]) -> Iterator[str]:
    if name in seen or (seen and name in OPTIONAL):
        return
    seen.add(name)
    source = inspect.getsource(HELPERS[name])
    yield source
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id in HELPERS:
            yield from _sources(node.id, seen)
