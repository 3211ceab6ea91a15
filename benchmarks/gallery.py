"""Generated gradients against gradients written by hand, for the functions of tests/gallery.

    python benchmarks/gallery.py [--only NAME] [--repeats N] [--markdown FILE]

A row for each function:

    small, large   time of the generated gradient over that of the hand-written one, on the gallery's own inputs
                   and on larger ones. The call of the object that `grad` makes is included: on small inputs, where
                   a gradient takes microseconds, it is a visible part.
    statements     of the generated source and of the hand-written one with the functions that it calls;
                   `def` lines, docstrings and imports are not counted
    compile        milliseconds from `grad(primal)` to the end of the first call, less a later call

The two gradients are timed in turns, so that a machine that slows down slows both; figures are medians. Gradients
that differ in value are reported, and the exit code is then 1.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import importlib.util
import inspect
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from measuring import in_turns, lasting, made_by  # isort: skip  (ahead of NumPy)
import numpy as np

import srcgrad

GALLERY = Path(__file__).resolve().parents[1] / "tests" / "gallery"


# ---- inputs --------------------------------------------------------------------------------------------------


def large_cholesky(rng):
    m = rng.standard_normal((60, 60))
    return (m @ m.T + 60 * np.eye(60),)


def large_mlp(rng):
    params = {
        "w1": rng.standard_normal((64, 128)) / 8,
        "b1": np.zeros(128),
        "w2": rng.standard_normal((128, 10)) / 11,
        "b2": np.zeros(10),
    }
    return params, rng.standard_normal((256, 64)), rng.integers(0, 10, 256)


LARGE: dict[str, Callable[[np.random.Generator], tuple[Any, ...]]] = {
    "cholesky": large_cholesky,
    "doubling": lambda rng: (1e-3 * rng.standard_normal(100_000),),
    "early_exit": lambda rng: ([float(v) for v in rng.standard_normal(10_000)], 4500.0),
    "growing_list": lambda rng: (rng.standard_normal(10_000), 0.9, 100),
    "horner": lambda rng: (rng.standard_normal(2000), 0.99),
    "jacobi_2d": lambda rng: (20, rng.standard_normal((250, 250)), rng.standard_normal((250, 250))),
    "mlp": large_mlp,
    "nested_exit": lambda rng: (-4.999, 3000),
    "newton_sqrt": lambda rng: (65536.0,),
    "overwritten": lambda rng: (rng.uniform(0.9, 1.1, 3000),),
    "rk4": lambda rng: (rng.standard_normal(10_000), 0.7, 0.01, 50),
    "side_effect": lambda rng: (rng.standard_normal(500), rng.standard_normal(500), 0.1, 5),
    "views": lambda rng: (rng.standard_normal((300, 500)), 0.5 * rng.standard_normal(500)),
}


# ---- what is measured ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    name: str
    small: float
    large: float
    statements: int
    statements_by_hand: int
    compile_ms: float
    difference: float  # the largest, relative to the size of the gradient


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"gallery_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def active_argnums(by_hand: Any) -> int | tuple[int, ...]:
    """The arguments that the hand-written gradient answers for: those with an entry that is not None."""
    if isinstance(by_hand, tuple):
        return tuple(i for i, d_arg in enumerate(by_hand) if d_arg is not None)
    return 0


def flat(tree: Any) -> np.ndarray:
    """All numbers of nested dicts, lists and tuples in one row."""
    if isinstance(tree, dict):
        tree = [tree[key] for key in sorted(tree)]
    if isinstance(tree, (list, tuple)):
        return np.concatenate([np.empty(0), *(flat(item) for item in tree if item is not None)])
    return np.ravel(np.asarray(tree, dtype=float))


def difference(got: Any, expected: Any) -> float:
    got, expected = flat(got), flat(expected)
    if got.shape != expected.shape:
        return np.inf
    return float(np.max(np.abs(got - expected), initial=0.0) / (np.max(np.abs(expected), initial=0.0) or 1.0))


def statements(functions: list[ast.FunctionDef]) -> int:
    def counts(node: ast.stmt) -> bool:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return not (is_docstring or isinstance(node, (ast.FunctionDef, ast.Import, ast.ImportFrom)))

    return sum(counts(node) for function in functions for node in ast.walk(function) if isinstance(node, ast.stmt))


def functions_of(source: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def with_callees(name: str, functions: dict[str, ast.FunctionDef]) -> list[ast.FunctionDef]:
    """A function and those of the same module that it names, and so on."""
    reached, waiting = [], [name]
    while waiting:
        name = waiting.pop()
        if name in functions and name not in reached:
            reached.append(name)
            waiting += [node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)]
    return [functions[name] for name in reached]


def ratio(ours: Callable[..., Any], theirs: Callable[..., Any], args: tuple[Any, ...], repeats: int) -> float:
    """Time of ours over time of theirs, measured in turns."""
    ours_took, theirs_took = in_turns([functools.partial(ours, *args), functools.partial(theirs, *args)], repeats)
    return median(ours_took) / median(theirs_took)


def compile_ms(file: Path, args: tuple[Any, ...], argnums: int | tuple[int, ...], repeats: int = 5) -> float:
    """Median time of a first call less a later one.

    Each repeat compiles a copy of the file whose lines are shifted by one more line, so that no cache takes its
    functions for those compiled before.
    """
    times = []
    with tempfile.TemporaryDirectory() as directory:
        for repeat in range(repeats):
            moved = Path(directory) / f"{file.stem}_{repeat}.py"
            moved.write_text("\n" * (repeat + 1) + file.read_text(encoding="utf-8"), encoding="utf-8")
            primal = load(moved).primal
            start = time.perf_counter()
            gradient = srcgrad.grad(primal, argnums=argnums)
            gradient(*args)
            first = time.perf_counter() - start
            times.append(first - lasting(functools.partial(gradient, *args), 1))
    return 1e3 * median(times)


def measure(file: Path, repeats: int) -> Row:
    module = load(file)
    args = module.inputs(np.random.default_rng(0))
    large_args = LARGE.get(file.stem, module.inputs)(np.random.default_rng(0))
    argnums = active_argnums(module.gradient(*copy.deepcopy(args)))
    gradient = srcgrad.grad(module.primal, argnums=argnums)
    differences = [difference(gradient(*inputs), module.gradient(*inputs)) for inputs in (args, large_args)]
    return Row(
        name=file.stem,
        small=ratio(gradient, module.gradient, args, repeats),
        large=ratio(gradient, module.gradient, large_args, repeats),
        statements=statements(list(functions_of(gradient.source_for(*args)).values())),
        statements_by_hand=statements(with_callees("gradient", functions_of(inspect.getsource(module)))),
        compile_ms=compile_ms(file, args, argnums),
        difference=max(differences),
    )


# ---- what is printed -----------------------------------------------------------------------------------------


HEAD = ("function", "small", "large", "statements", "by hand", "compile ms")


def cells(row: Row) -> tuple[str, ...]:
    return (row.name, f"{row.small:.2f}", f"{row.large:.2f}", str(row.statements), str(row.statements_by_hand),
            f"{row.compile_ms:.1f}")


def line(texts: tuple[str, ...]) -> str:
    return f"{texts[0]:14}" + "".join(f"{text:>12}" for text in texts[1:])


def summary(rows: list[Row]) -> str:
    fast_small, fast_large = (sum(time <= 1.1 for time in times)
                              for times in ([row.small for row in rows], [row.large for row in rows]))
    short = sum(row.statements <= row.statements_by_hand for row in rows)
    slowest = max(row.compile_ms for row in rows)
    return (f"Of {len(rows)}: {fast_large} within 1.1x of the hand-written time on larger inputs, {fast_small} on "
            f"the small ones; {short} with no more statements. Slowest to compile: {slowest:.0f} ms.")


def markdown(rows: list[Row], failed: dict[str, str]) -> str:
    lines = [
        "# Generated gradients against hand-written ones",
        "",
        made_by("gallery.py"),
        "`small` and `large`: time of the generated gradient over that of the hand-written one, on the gallery's own "
        "inputs and on larger ones, call overhead included.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "| --- |" + " ---: |" * (len(HEAD) - 1),
        *("| " + " | ".join(cells(row)) + " |" for row in rows),
        "",
        *([summary(rows)] if rows else []),
        *(f"- `{name}` failed: {reason}" for name, reason in failed.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="this function alone; may be repeated")
    parser.add_argument("--repeats", type=int, default=15, help="measurements of each (default: 15)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table here")
    options = parser.parse_args()

    files = [file for file in sorted(GALLERY.glob("*.py")) if "gradient" in functions_of(file.read_text("utf-8"))]
    if options.only:
        unknown = set(options.only) - {file.stem for file in files}
        if unknown:
            parser.error(f"no gallery function {', '.join(sorted(unknown))}")
        files = [file for file in files if file.stem in options.only]

    rows: list[Row] = []
    failed: dict[str, str] = {}
    print(line(HEAD))
    for file in files:
        try:
            row = measure(file, options.repeats)
        except Exception as error:  # one function that fails must not hide the figures of the others
            failed[file.stem] = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"{file.stem:14}  {failed[file.stem]}")
            continue
        rows.append(row)
        print(line(cells(row)), flush=True)
        if not row.difference < 1e-8:
            failed[file.stem] = f"differs from the hand-written gradient by {row.difference:.1e}"
            print(f"{'':14}  {failed[file.stem]}")
    if rows:
        print("\n" + summary(rows))
    if options.markdown:
        options.markdown.write_text(markdown(rows, failed), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
