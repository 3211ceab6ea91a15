"""Writes docs/coverage.md: which functions of NumPy and SciPy are differentiated, and why others are not.

    python tools/coverage.py            # write the page
    python tools/coverage.py --check    # 0: it is what would be written now, 1: it is not

All that the page says is declared in srcgrad: the rules in the registry (srcgrad/rules), the calls that are written as
others (srcgrad/specialize), and the reasons of refusals (srcgrad/rules/refused.py).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from srcgrad.rules import tangents  # noqa: E402
from srcgrad.rules.defined import DEFINITIONS, WRITTEN  # noqa: E402
from srcgrad.rules.refused import NOT_YET, PARTS, Reason, reason_of  # noqa: E402
from srcgrad.rules.registry import Rule, lookup  # noqa: E402
from srcgrad.rules.solvers import SOLVERS  # noqa: E402
from srcgrad.specialize import builtins, rewrites, writes  # noqa: E402

PAGE = ROOT / "docs" / "coverage.md"
COMMAND = "python tools/coverage.py"
NUMPY = ("numpy", "numpy.linalg", "numpy.fft", "numpy.lib.stride_tricks")
SCIPY = (
    "scipy.special", "scipy.fft", "scipy.linalg", "scipy.stats", "scipy.signal", "scipy.signal.windows",
    "scipy.ndimage", "scipy.integrate", "scipy.interpolate", "scipy.optimize", "scipy.sparse", "scipy.sparse.linalg",
    "scipy.spatial",
    "scipy.spatial.distance", "scipy.spatial.transform",
)  # fmt: skip
SHORT = {"numpy": "np", "numpy.linalg": "np.linalg", "numpy.fft": "np.fft"}
METHODS = (
    "pdf", "logpdf", "pmf", "logpmf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf", "entropy", "mean", "var", "std",
)  # fmt: skip

Status = Literal["differentiable", "constant", "refused", "undeclared"]


@dataclass(frozen=True)
class Entry:
    """What is known of a function. names: it and its aliases in the module. reverse, forward: the arguments that the
    mode differentiates by; None: of a call that is written as others, which says nothing of arguments."""

    names: tuple[str, ...]
    fn: Callable[..., Any]
    status: Status
    reverse: tuple[str, ...] | None = ()
    forward: tuple[str, ...] | None = ()
    reason: Reason | None = None
    note: str = ""


def public(module: types.ModuleType) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The public functions of a module and the types that may be called, each with all its names. No exceptions."""
    found: dict[int, tuple[list[str], Any]] = {}
    for name in sorted(getattr(module, "__all__", None) or dir(module)):
        value = getattr(module, name, None)
        if name.startswith("_") or not callable(value) or isinstance(value, types.ModuleType):
            continue
        if isinstance(value, type) and issubclass(value, BaseException):
            continue
        found.setdefault(id(value), ([], value))[0].append(name)
    for names, value in found.values():
        own = getattr(value, "__name__", "")
        yield tuple(sorted(names, key=lambda name: (name != own, name))), value


def classify(module: str, names: tuple[str, ...], fn: Any) -> Entry:
    """What is declared of a function: its rule first, then why it is refused, then how its calls are written."""
    note = next((PARTS[f"{module}.{name}"] for name in names if f"{module}.{name}" in PARTS), "")
    rule = lookup(fn)
    if rule is not None:
        return _ruled(names, rule, note)
    reason = reason_of(fn)
    if reason is not None:
        return Entry(names, fn, "refused", reason=reason)
    if rewritten(fn):
        return Entry(names, fn, "differentiable", None, None, note=note)
    if module.startswith("scipy"):
        return Entry(names, fn, "refused", reason=NOT_YET)
    return Entry(names, fn, "undeclared")


def _ruled(names: tuple[str, ...], rule: Rule, note: str) -> Entry:
    tangential = {name for wanted in rule.tangents for name in wanted}
    by = [name for name in rule.params if name in rule.builders or name in tangential]
    by += [name for name in rule.builders if name not in by]
    if not by:
        return Entry(names, rule.fn, "constant")
    reverse = tuple(name for name in by if name in rule.builders)
    forward = tuple(name for name in by if tangents.has_tangent(rule, name))
    return Entry(names, rule.fn, "differentiable", reverse, forward, note=note)


def rewritten(fn: Any) -> bool:
    """Whether calls of the function are written as others before any rule is asked for."""
    try:
        tables = (builtins.HANDLERS, writes.WRITES, rewrites._REWRITES, DEFINITIONS, WRITTEN, SOLVERS)
        return any(fn in table for table in tables)
    except TypeError:  # unhashable callables
        return False


def entries(module: str) -> list[Entry]:
    """All functions of a module, in the order of their names; distributions of scipy.stats have a list of their own."""
    found = importlib.import_module(module)
    return [classify(module, names, fn) for names, fn in public(found) if not is_distribution(fn)]


def is_distribution(value: Any) -> bool:
    return hasattr(value, "rvs") and not isinstance(value, type)


# ---- the page ------------------------------------------------------------------------------------------------


def versions() -> str:
    found = f"NumPy {np.__version__}"
    if has_scipy():
        import scipy

        found += f", SciPy {scipy.__version__}"
    return found


def has_scipy() -> bool:
    return importlib.util.find_spec("scipy") is not None


def page() -> str:
    """The page as it would be written now."""
    modules = [*NUMPY, *(SCIPY if has_scipy() else ())]
    listed = {module: entries(module) for module in modules}
    lines = [
        "# Coverage",
        "",
        f"Made by `{COMMAND}` from the rules and the table of refusals (`srcgrad/rules/refused.py`); {versions()}.",
        "",
        "- **Differentiable**: by which arguments, in reverse and in forward mode. *rewritten*: the call is written as",
        "  others (stores, or one call for each result), which are differentiated in both modes. The keywords that a",
        "  rule does not handle are refused by name at the first call.",
        "- **Constant**: may be called anywhere; no derivative flows through.",
        "- **Refused**: an error at the first call where an argument carries a derivative, with the reason. Where",
        "  none does, functions of NumPy may be called all the same. `srcgrad.rule` gives a function a derivative",
        "  ([rules.md](rules.md)).",
        "",
        "| module | differentiable | constant | refused |",
        "| --- | ---: | ---: | ---: |",
    ]
    for module, found in listed.items():
        counts = [sum(e.status == status for e in found) for status in ("differentiable", "constant", "refused")]
        lines.append(f"| {SHORT.get(module, module)} | " + " | ".join(map(str, counts)) + " |")
    for module, found in listed.items():
        lines += ["", f"## {SHORT.get(module, module)}", *section(found)]
        if module == "scipy.stats":
            lines += distributions()
    return "\n".join(lines) + "\n"


def section(found: list[Entry]) -> list[str]:
    lines: list[str] = []
    known = [e for e in found if e.status == "differentiable"]
    if known:
        lines += ["", "| function | reverse by | forward by | |", "| --- | --- | --- | --- |"]
        lines += [f"| {shown(e)} | {modes(e.reverse)} | {modes(e.forward)} | {e.note} |" for e in known]
    constant = [e for e in found if e.status == "constant"]
    if constant:
        lines += ["", "**Constant**: " + ", ".join(map(shown, constant)) + "."]
    refused = [e for e in found if e.status == "refused"]
    for reason in dict.fromkeys(e.reason for e in refused):
        assert reason is not None
        names = ", ".join(shown(e) for e in refused if e.reason is reason)
        lines += ["", f"**Refused, {reason.title}**: {names}."]
    unknown = [e for e in found if e.status == "undeclared"]
    if unknown:
        lines += ["", "**Undeclared**: " + ", ".join(map(shown, unknown)) + "."]
    return lines


def shown(entry: Entry) -> str:
    return " = ".join(f"`{name}`" for name in entry.names)


def modes(by: tuple[str, ...] | None) -> str:
    return "rewritten" if by is None else ", ".join(by) or "no"


def distributions() -> list[str]:
    """One line for each method of the distributions of scipy.stats."""
    stats = importlib.import_module("scipy.stats")
    found = {name: fn for (name, *_), fn in public(stats) if is_distribution(fn)}
    lines = [
        "", "### Distributions", "",
        "Methods are called on the distribution or on one with its parameters, `norm(loc, scale)`. All are",
        "differentiated by the location, the scale and what they are called with; the densities by the shape",
        "parameters, too. Where SciPy has no function for a derivative by a shape (`a` in `gamma.cdf`), that is",
        "refused by name. All other distributions and methods: refused, most because SciPy computes them by integrals.",
        "", "| method | differentiable of | refused |", "| --- | --- | --- |",
    ]  # fmt: skip
    for method in METHODS:
        having = {name: getattr(value, method) for name, value in found.items() if hasattr(value, method)}
        ruled = [name for name, bound in having.items() if lookup(bound) is not None or bound in DEFINITIONS]
        rest = len(having) - len(ruled)
        lines.append(f"| `{method}` | {', '.join(f'`{n}`' for n in ruled) or 'none'} | {rest} of {len(having)} |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if the page is not up to date")
    options = parser.parse_args()
    new = page()
    if options.check:
        current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == new
        if not current:
            print(f"{PAGE.relative_to(ROOT)} is not up to date: run `{COMMAND}`", file=sys.stderr)
        return 0 if current else 1
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
