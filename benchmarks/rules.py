"""Every rule: the time of the gradient over that of the function, with the same of JAX and HIPS autograd beside.

    python benchmarks/rules.py [--only TEXT] [--repeats N] [--markdown FILE]

A rule is measured in `sum(f(x) ** 2)`, by the gradient in x: elementwise functions and those that move or reduce
elements at 100 000 of them, linear algebra at 200 x 200. The rules are found in the registry: those that are
elementwise are called with arrays from their domain, the others as CASES says. Ratios of medians that were measured in
turns in one run; JAX is jitted and computes in float64; BLAS runs on one thread (XLA on as many as it likes).
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from typing import Any

from measuring import in_turns, made_by  # isort: skip  (ahead of NumPy)
import numpy as np
from peers import VERSIONS, anp, autograd, jax, jnp

import srcgrad
from srcgrad.rules.registry import RULES, Rule, lookup

N = 100_000
AIM = 4.0  # gradients that take longer than so many calls of the function are marked
LONG = 2e-4  # seconds of a hundredth of a call, above which a hundredth it is
NOISE = 1.15  # and those that take longer than so much of autograd's: by medians, and by the best measurements too
SLOWER = "slower than autograd"
PEERS = {"jax": jax, "autograd": autograd}
REASONS = {
    **dict.fromkeys(("numpy.max", "numpy.min", "numpy.nanmax", "numpy.nanmin", "numpy.ptp"),
                    "the function reads each number once; the gradient finds and counts ties and writes an array"),
    "numpy.sort": "argsort has no vector instructions, sort has",
    "numpy.linalg.cholesky": "three triangular products and solves for one factorisation",
    "numpy.linalg.det": "an inverse takes three factorisations",
    "numpy.linalg.slogdet": "an inverse takes three factorisations",
    "numpy.linalg.svdvals": "the gradient needs the vectors, which take several times as long",
    "numpy.linalg.eigvalsh": "the gradient needs the vectors, which take several times as long",
    "numpy.diagonal": "the function is a view; the gradient writes a matrix",
    **dict.fromkeys(("numpy.matmul", "numpy.dot"), "two products for one"),
    "scipy.linalg.cholesky": "three triangular products and solves for one factorisation",
    "scipy.linalg.det": "an inverse takes three factorisations",
    **dict.fromkeys(("scipy.linalg.logm", "scipy.linalg.cosm"), "the function of a matrix of twice the size"),
    **dict.fromkeys(
        (f"scipy.special.{name}" for name in (
            "psi", "digamma", "spence", "binom", "exprel", "i1", "i1e", "j1", "ellipk", "ellipkm1", "ellipe")),
        "the derivative is made of functions that take longer than this one"),
    "numpy.prod": "the function reads each number once; the gradient looks for zeros and writes an array",
}  # fmt: skip
"""Why the gradient of a rule takes longer than AIM."""

# ---- what is called ------------------------------------------------------------------------------------------

R = np.random.default_rng(0)
V, U = R.standard_normal(N), R.standard_normal(N)
M, B = R.standard_normal((250, 400)), R.standard_normal((400, 250))
T, S = R.standard_normal((200, 200)), R.standard_normal((200, 200))
SQUARE = T + 20 * np.eye(200)
SYMMETRIC = T + T.T
POSITIVE = T @ T.T + 200 * np.eye(200)
SMALL, TRIPLES = R.standard_normal(300), R.standard_normal((N // 3, 3))
ORDER = R.integers(0, N, N)
GRID, VALUES = np.linspace(-6.0, 6.0, 1000), R.standard_normal(1000)
MASK, SQUARES = V > 0, M**2

# By the name of the rule's function: what is called, given NumPy or what a peer has in its place, and at which x.
CASES: dict[str, tuple[Callable[..., Any], Any]] = {
    "numpy.sum": (lambda np, x: np.sum(x, axis=0), M),
    "numpy.mean": (lambda np, x: np.mean(x, axis=0), M),
    "numpy.max": (lambda np, x: np.max(x, axis=0), M),
    "numpy.min": (lambda np, x: np.min(x, axis=0), M),
    "numpy.prod": (lambda np, x: np.prod(x, axis=0), M),
    "numpy.var": (lambda np, x: np.var(x, axis=0), M),
    "numpy.std": (lambda np, x: np.std(x, axis=0), M),
    "numpy.cumsum": (lambda np, x: np.cumsum(x), V),
    "numpy.cumprod": (lambda np, x: np.cumprod(x, axis=0), M),
    "numpy.sort": (lambda np, x: np.sort(x), V),
    "numpy.diff": (lambda np, x: np.diff(x), V),
    "numpy.ptp": (lambda np, x: np.ptp(x, axis=0), M),
    "numpy.average": (lambda np, x: np.average(x, axis=1, weights=SQUARES), M),
    "numpy.median": (lambda np, x: np.median(x, axis=0), M),
    "numpy.nansum": (lambda np, x: np.nansum(x, axis=0), M),
    "numpy.nanmean": (lambda np, x: np.nanmean(x, axis=0), M),
    "numpy.nanmax": (lambda np, x: np.nanmax(x, axis=0), M),
    "numpy.nanmin": (lambda np, x: np.nanmin(x, axis=0), M),
    "numpy.reshape": (lambda np, x: np.reshape(x, (400, 250)), M),
    "numpy.ravel": (lambda np, x: np.ravel(x), M),
    "numpy.squeeze": (lambda np, x: np.squeeze(x), M[None]),
    "numpy.expand_dims": (lambda np, x: np.expand_dims(x, 1), M),
    "numpy.transpose": (lambda np, x: np.transpose(x), M),
    "numpy.swapaxes": (lambda np, x: np.swapaxes(x, 0, 1), M),
    "numpy.moveaxis": (lambda np, x: np.moveaxis(x, 0, 1), M),
    "numpy.rollaxis": (lambda np, x: np.rollaxis(x, 1), M),
    "numpy.broadcast_to": (lambda np, x: np.broadcast_to(x, (300, 300)), SMALL),
    "numpy.flip": (lambda np, x: np.flip(x), V),
    "numpy.flipud": (lambda np, x: np.flipud(x), M),
    "numpy.fliplr": (lambda np, x: np.fliplr(x), M),
    "numpy.rot90": (lambda np, x: np.rot90(x), M),
    "numpy.roll": (lambda np, x: np.roll(x, 7), V),
    "numpy.tile": (lambda np, x: np.tile(x, (300, 1)), SMALL),
    "numpy.repeat": (lambda np, x: np.repeat(x, 300), SMALL),
    "numpy.concatenate": (lambda np, x: np.concatenate([x, U]), V),
    "numpy.vstack": (lambda np, x: np.vstack([x, U]), V),
    "numpy.hstack": (lambda np, x: np.hstack([x, U]), V),
    "numpy.stack": (lambda np, x: np.stack([x, U]), V),
    "numpy.column_stack": (lambda np, x: np.column_stack([x, U]), V),
    "numpy.take": (lambda np, x: np.take(x, ORDER), V),
    "numpy.take_along_axis": (lambda np, x: np.take_along_axis(x, ORDER, 0), V),
    "numpy.pad": (lambda np, x: np.pad(x, 3), M),
    "numpy.split": (lambda np, x: np.split(x, 2)[1], V),
    "numpy.array_split": (lambda np, x: np.array_split(x, 2)[1], V),
    "numpy.full": (lambda np, x: np.full((N,), x[0]), SMALL),
    "numpy.array": (lambda np, x: np.array([x, x]), V),
    "numpy.copy": (lambda np, x: np.copy(x), V),
    "numpy.diag": (lambda np, x: np.diag(x), SMALL),
    "numpy.diagonal": (lambda np, x: np.diagonal(x), T),
    "numpy.tril": (lambda np, x: np.tril(x), T),
    "numpy.triu": (lambda np, x: np.triu(x), T),
    "numpy.linspace": (lambda np, x: np.linspace(x[0], x[1], N), SMALL),
    "numpy.matmul": (lambda np, x: np.matmul(x, B), M),
    "numpy.dot": (lambda np, x: np.dot(x, B), M),
    "numpy.inner": (lambda np, x: np.inner(x, S), T),
    "numpy.outer": (lambda np, x: np.outer(x, SMALL), SMALL),
    "numpy.vdot": (lambda np, x: np.vdot(x, U), V),
    "numpy.cross": (lambda np, x: np.cross(x, TRIPLES), TRIPLES + 1),
    "numpy.einsum": (lambda np, x: np.einsum("ij,jk->ik", x, B), M),
    "numpy.trace": (lambda np, x: np.trace(x), T),
    "numpy.kron": (lambda np, x: np.kron(x, S[:20, :20]), T[:16, :16]),
    "numpy.tensordot": (lambda np, x: np.tensordot(x, B, 1), M),
    "numpy.vander": (lambda np, x: np.vander(x, 5), V[:20_000]),
    "numpy.polyval": (lambda np, x: np.polyval(SMALL[:6], x), V),
    "numpy.convolve": (lambda np, x: np.convolve(x, SMALL[:50]), V),
    "numpy.bincount": (lambda np, x: np.bincount(ORDER, weights=x), V),
    "numpy.trapezoid": (lambda np, x: np.trapezoid(x), V),
    "numpy.interp": (lambda np, x: np.interp(x, GRID, VALUES), V),
    "numpy.where": (lambda np, x: np.where(MASK, x, U), V),
    "numpy.clip": (lambda np, x: np.clip(x, -1.0, 1.0), V),
    "numpy.ldexp": (lambda np, x: np.ldexp(x, 3), V),
    "numpy.power": (lambda np, x: np.power(x, 2.5), np.abs(V) + 0.1),
    "numpy.linalg.norm": (lambda np, x: np.linalg.norm(x, axis=0), M),
    "numpy.linalg.det": (lambda np, x: np.linalg.det(x / 30), SQUARE),
    "numpy.linalg.inv": (lambda np, x: np.linalg.inv(x), SQUARE),
    "numpy.linalg.solve": (lambda np, x: np.linalg.solve(x, S), SQUARE),
    "numpy.linalg.eigvalsh": (lambda np, x: np.linalg.eigvalsh((x + x.T) / 2), SYMMETRIC),
    "numpy.linalg.svdvals": (lambda np, x: np.linalg.svd(x, compute_uv=False), T),
    "numpy.linalg.cholesky": (lambda np, x: np.linalg.cholesky((x + x.T) / 2), POSITIVE),
    "numpy.linalg.pinv": (lambda np, x: np.linalg.pinv(x), M[:, :200]),
    "numpy.linalg.slogdet": (lambda np, x: np.linalg.slogdet(x)[1], SQUARE),
    "numpy.linalg.eigh": (lambda np, x: np.linalg.eigh((x + x.T) / 2)[1] + T, SYMMETRIC),
}

# Of SciPy: what comes before x, x, and what comes behind it.
ARGUMENTS: dict[str, tuple[tuple[Any, ...], Any, tuple[Any, ...]]] = {
    "scipy.linalg.det": ((), SQUARE / 30, ()), "scipy.linalg.inv": ((), SQUARE, ()),
    "scipy.linalg.solve": ((), SQUARE, (S,)), "scipy.linalg.cholesky": ((), POSITIVE, ()),
    "scipy.linalg.solve_triangular": ((), SQUARE, (S,)), "scipy.linalg.eigvalsh": ((), SYMMETRIC, ()),
    "scipy.linalg.svdvals": ((), T, ()), "scipy.linalg.expm": ((), T / 20, ()), "scipy.linalg.cosm": ((), T / 20, ()),
    "scipy.linalg.sqrtm": ((), POSITIVE, ()), "scipy.linalg.logm": ((), POSITIVE, ()),
    "scipy.linalg.solve_continuous_lyapunov": ((), SQUARE, (S,)),
    "scipy.linalg.toeplitz": ((), SMALL, (SMALL,)), "scipy.linalg.solve_toeplitz": ((), GRID[::-1] + 6, (VALUES,)),
    "scipy.linalg.matmul_toeplitz": ((), GRID, (VALUES,)), "scipy.linalg.block_diag": ((), T, (S,)),
    "scipy.linalg.norm": ((), M, ()),
}  # fmt: skip

SCIPY = ("scipy.special", "scipy.linalg")
"""Modules whose rules are found by name."""


@dataclass(frozen=True)
class Case:
    """call: what is called, given NumPy or a peer's; or None: the function of that name, x between before and after."""

    name: str
    call: Callable[..., Any] | None
    x: Any
    before: tuple[Any, ...] = ()
    after: tuple[Any, ...] = ()

    def of(self, root: Any) -> Callable[[Any], Any]:
        """The function of x, in NumPy or in a peer's."""
        call = self.call
        if call is not None:
            return lambda x: call(root, x)
        fn = at(self.name, root)
        return lambda x: fn(*self.before, x, *self.after)


def drawn(domain: str, which: int) -> Any:
    """Values at which the functions of a domain are smooth."""
    rng = np.random.default_rng(which + 1)
    if domain in ("positive", "unit", "above 1", "steps"):
        lo, hi = {"positive": (0.4, 2), "unit": (0.05, 0.8), "above 1": (1.3, 3), "steps": (0.9, 2.4)}[domain]
        return rng.uniform(lo, hi, N)
    return rng.standard_normal(N)


def full_name(fn: Any) -> str:
    """`numpy.linalg.solve`; the module of a ufunc is the one that it is found in."""
    module = getattr(fn, "__module__", None) or next(
        (m for m in ("numpy", *SCIPY) if getattr(sys.modules.get(m), fn.__name__, None) is fn), "")
    return f"{module}.{getattr(fn, '__name__', '')}"


def rules() -> dict[str, Rule]:
    """The rules of public functions of NumPy, and of SciPy where it is installed, by name."""
    found = {full_name(rule.fn): rule for rule in list(RULES.values())}
    for module in SCIPY:
        try:
            names = vars(importlib.import_module(module))
        except ImportError:
            continue
        for name, fn in names.items():
            rule = lookup(fn) if callable(fn) and not name.startswith("_") else None
            if rule is not None and f"numpy.{name}" not in found:
                found[f"{module}.{name}"] = rule
    public = ("numpy.", "scipy.")
    return {
        name: rule for name, rule in found.items()
        if name.startswith(public) and rule.form != "constant" and not isinstance(rule.fn, type) and at(name, np)
    }  # fmt: skip


def at(name: str, root: Any) -> Any:
    """The function of a full name: NumPy's and SciPy's own, or that of the peer whose `numpy` is given."""
    module, _, last = name.rpartition(".")
    if root is not np:
        home = root.__name__.removesuffix(".numpy")
        module = module.replace("numpy", f"{home}.numpy") if module.startswith("numpy") else f"{home}.{module}"
    try:
        return getattr(importlib.import_module(module), last, None)
    except ImportError:
        return None


def cases() -> Iterator[Case]:
    """What is measured: the cases above, and each elementwise rule that has none."""
    known = rules()
    for name in known:
        if name in CASES:
            yield Case(name, *CASES[name])
        elif known[name].form == "elementwise":
            yield elementwise(name, known[name])
    for name, (before, x, after) in ARGUMENTS.items():
        yield Case(name, None, x, before, after)
    for name in CASES.keys() - known.keys():
        yield Case(name, *CASES[name])


def elementwise(name: str, rule: Rule) -> Case:
    """A rule with partials: by its first argument that has one, the others given."""
    k = next((k for k, param in enumerate(rule.params) if param in rule.builders), 0)
    given = [drawn(rule.domain, i) for i in range(len(rule.params))]
    return Case(name, None, given[k], tuple(given[:k]), tuple(given[k + 1 :]))


# ---- measuring -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """primal: seconds of the function in NumPy. ours, jax, autograd: gradient over function, each in its tool.
    over_jax, over_autograd: our gradient's time over theirs."""

    name: str
    size: str
    primal: float
    ours: float
    jax: float | None = None
    autograd: float | None = None
    over_jax: float | None = None
    over_autograd: float | None = None
    note: str = ""


def with_numpy(case: Case) -> Callable[..., Any]:
    """The case as a function of NumPy alone, as a user would write it."""
    call = case.call
    if call is not None:
        return lambda x: np.sum(call(np, x) ** 2)
    fn, others = at(case.name, np), (*case.before, *case.after)
    if not others:
        return lambda x: np.sum(fn(x) ** 2)
    if len(others) > 1:
        raise TypeError("more than two arguments are called as CASES says")
    other = others[0]
    if case.before:
        return lambda x: np.sum(fn(other, x) ** 2)
    return lambda x: np.sum(fn(x, other) ** 2)


def with_jax(case: Case) -> tuple[Callable[[], Any], Callable[[], Any], Any]:
    x = jnp.asarray(case.x)
    call = case.of(jnp)
    primal = jax.jit(lambda x: jnp.sum(call(x) ** 2))
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(call(x) ** 2)))
    result = gradient(x)
    return lambda: jax.block_until_ready(gradient(x)), lambda: jax.block_until_ready(primal(x)), result


def with_autograd(case: Case) -> tuple[Callable[[], Any], Callable[[], Any], Any]:
    call = case.of(anp)
    primal = lambda x: anp.sum(call(x) ** 2)  # noqa: E731
    gradient = autograd.grad(primal)
    return lambda: gradient(case.x), lambda: primal(case.x), gradient(case.x)


def affordable(case: Case) -> Case:
    """The case, of a hundredth of the elements where a call takes long: inverses of distributions, say."""
    if case.x.shape != (N,) or case.call is not None:
        return case

    def part(value: Any) -> Any:
        return value[::100] if np.shape(value) == (N,) else value

    short = replace(case, x=part(case.x), before=tuple(map(part, case.before)), after=tuple(map(part, case.after)))
    start = perf_counter()
    with_numpy(short)(short.x)
    return case if perf_counter() - start < LONG else short


def measured(case: Case, repeats: int) -> Row:
    f = with_numpy(case)
    ours = srcgrad.grad(f)
    expected = ours(case.x)
    pairs = {"srcgrad": (functools.partial(ours, case.x), functools.partial(f, case.x))}
    notes = []
    for peer, make in (("jax", with_jax), ("autograd", with_autograd)):
        if PEERS[peer] is None:
            continue
        try:
            gradient, primal, got = make(case)
        except Exception:
            continue  # it has no such function, or no derivative of it
        if not np.allclose(got, expected, rtol=1e-5, atol=1e-6 * (1 + np.max(np.abs(expected)))):
            notes.append(f"{peer} differs")
        pairs[peer] = (gradient, primal)
    names = list(pairs)
    taken = in_turns([call for name in names for call in pairs[name]], repeats)
    times, best = [median(found) for found in taken], [min(found) for found in taken]
    ratio = {name: times[2 * k] / times[2 * k + 1] for k, name in enumerate(names)}
    over = {name: times[0] / times[2 * k] for k, name in enumerate(names)}
    if min(ratio["srcgrad"], best[0] / best[1]) > AIM:
        notes.append(f"above {AIM:g}" + (f": {REASONS[case.name]}" if case.name in REASONS else ""))
    if "autograd" in over and min(over["autograd"], best[0] / best[2 * names.index("autograd")]) > NOISE:
        notes.append(SLOWER)
    return Row(case.name, " x ".join(map(str, case.x.shape)), times[1], ratio["srcgrad"], ratio.get("jax"),
               ratio.get("autograd"), over.get("jax"), over.get("autograd"), ", ".join(notes))  # fmt: skip


# ---- what is printed -----------------------------------------------------------------------------------------

HEAD = ("rule", "x", "function, µs", "srcgrad", "JAX", "autograd", "ours / JAX", "ours / autograd", "")


def cells(found: Row) -> tuple[str, ...]:
    def text(number: float | None) -> str:
        return "" if number is None else f"{number:.2f}"

    name = found.name.replace("numpy", "np", 1) if found.name.startswith("numpy") else found.name
    return (name, found.size, f"{found.primal * 1e6:.0f}", text(found.ours), text(found.jax), text(found.autograd),
            text(found.over_jax), text(found.over_autograd), found.note)  # fmt: skip


def markdown(rows: list[Row], without: list[str]) -> str:
    above = [row for row in rows if f"above {AIM:g}" in row.note]
    slower = [row for row in rows if SLOWER in row.note]
    lines = [
        "# Rules",
        "",
        made_by("rules.py", *VERSIONS),
        "The function is `sum(f(x) ** 2)`. `srcgrad`, `JAX`, `autograd`: its gradient over itself, each in its "
        "own tool (JAX jitted). `ours / JAX`, `ours / autograd`: the time of our gradient over theirs. Empty: the tool "
        "lacks the function, or its derivative. Marked is what the best measurements show as well as the medians.",
        "",
        f"{len(rows)} rules, median ratio {median(row.ours for row in rows):.2f}; above {AIM:g}: "
        f"{', '.join(cells(row)[0] for row in above) or 'none'}; more than {NOISE - 1:.0%} slower than autograd's: "
        f"{', '.join(cells(row)[0] for row in slower) or 'none'}.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "| --- | --- |" + " ---: |" * 6 + " --- |",
        *("| " + " | ".join(cells(row)) + " |" for row in sorted(rows, key=lambda row: -row.ours)),
    ]
    if without:
        lines += ["", "Not measured: " + ", ".join(without) + "."]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="rules whose name holds the text")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each (default: 7)")
    parser.add_argument("--markdown", metavar="FILE", help="write the table to a file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[Row] = []
    chosen = [case for case in cases() if options.only in case.name]
    without = sorted(name for name in rules() if options.only in name and name not in {case.name for case in chosen})
    for case in chosen:
        try:
            rows.append(measured(affordable(case), options.repeats))
        except (srcgrad.SrcgradError, TypeError, ValueError) as error:
            without.append(case.name)
            print(f"{case.name}: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
            continue
        print(" | ".join(cells(rows[-1])), flush=True)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(markdown(rows, without))
    return 0


if __name__ == "__main__":
    sys.exit(main())
