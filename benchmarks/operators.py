"""Derivative operators against the gradient or the function that they are made of, with peers beside.

    python benchmarks/operators.py [--only TEXT] [--repeats N] [--markdown FILE]

Rows, each a ratio of medians that were measured in turns in one run:

    jvp            value and tangent over the function itself
    hvp            Hessian-vector product over the gradient
    jacobian       Jacobian of n outputs over n gradients of one output each (pullbacks)
    sparse         sparse Jacobian over the dense one, 1-D reaction-diffusion with 10 000 unknowns

The same for JAX (jitted; its own jitted function or gradient below the line) and HIPS autograd, where they are
installed. BLAS runs on one thread (XLA on as many as it likes). `ours / jax` is the time
of srcgrad's operator over that of JAX's. JAX computes in float64 here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from measuring import in_turns, made_by  # isort: skip  (ahead of NumPy)
import numpy as np
from peers import VERSIONS, anp, autograd, jax, jnp

import srcgrad

# ---- functions, in plain NumPy; `xp` is what the peers replace ---------------------------------------------


def rosenbrock(x, xp=np):
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def logistic(w, features, labels, xp=np):
    z = features @ w
    return xp.mean(xp.log1p(xp.exp(-labels * z))) + 0.01 * xp.sum(w * w)


def network(w, inputs, xp=np):
    h = inputs
    for k in range(3):
        h = xp.tanh(h @ w[k])
    return xp.mean(h * h)


def heat(u, xp=np):
    for _ in range(20):
        middle = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2]) + 0.01 * u[1:-1] * (1 - u[1:-1])
        u = xp.concatenate([u[:1], middle, u[-1:]])
    return xp.sum(u * u)


def lorenz_like(x, xp=np):
    for _ in range(10):
        x = x + 0.01 * (xp.roll(x, -1) - xp.roll(x, 2)) * xp.roll(x, 1) - 0.01 * x
    return x


def heat_in_place(u):
    u = u.copy()
    new = u.copy()
    for _ in range(20):
        new[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2]) + 0.01 * u[1:-1] * (1 - u[1:-1])
        u, new = new, u
    return np.sum(u * u)


def reaction(u, k):
    du = np.empty_like(u)
    du[1:-1] = u[2:] - 2 * u[1:-1] + u[:-2] + k * u[1:-1] * (1 - u[1:-1])
    du[0] = u[1] - u[0]
    du[-1] = u[-2] - u[-1]
    return du


def scalar_cases() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((3, 64, 64)) / 8
    return {
        "rosenbrock, 10 000": (rosenbrock, (rng.standard_normal(10_000),)),
        "logistic, 2000 x 100": (
            logistic, (rng.standard_normal(100), rng.standard_normal((2000, 100)), np.sign(rng.standard_normal(2000))),
        ),
        "network, 3 x 64 x 64": (network, (w, rng.standard_normal((256, 64)))),
        "heat, 20 x 10 000": (heat, (rng.standard_normal(10_000),)),
        "heat in place, 20 x 10 000": (heat_in_place, (rng.standard_normal(10_000),)),
    }  # fmt: skip


# ---- measuring -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """ours, jax, autograd: ratios of each to its own function or gradient; against: ours over JAX's."""

    what: str
    case: str
    ours: float
    jax: float | None = None
    autograd: float | None = None
    against: float | None = None
    note: str = ""


def medians(calls: list[Callable[[], Any]], repeats: int) -> list[float]:
    """Median seconds of each, measured in turns."""
    return [median(found) for found in in_turns(calls, repeats)]


def row(what: str, case: str, pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]], repeats: int) -> Row:
    """pairs: per tool, the operator and what it is held against."""
    names = list(pairs)
    times = medians([call for name in names for call in pairs[name]], repeats)
    ratios = {name: times[2 * k] / times[2 * k + 1] for k, name in enumerate(names)}
    against = times[0] / times[2 * names.index("jax")] if "jax" in names else None
    return Row(what, case, ratios["srcgrad"], ratios.get("jax"), ratios.get("autograd"), against)


def blocked(call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    return lambda: jax.block_until_ready(call(*args))


def jvp_row(case: str, f: Callable[..., Any], args: tuple[Any, ...], repeats: int) -> Row:
    x, *rest = args
    v = np.random.default_rng(1).standard_normal(x.shape)
    nothing = [None] * len(rest)
    pairs = {"srcgrad": (lambda: srcgrad.jvp(f, args, (v, *nothing)), lambda: f(*args))}
    if "xp" in f.__code__.co_varnames and jax is not None:
        given = [jnp.asarray(a) for a in args]
        primal = jax.jit(lambda x: f(x, *given[1:], xp=jnp))
        pairs["jax"] = (
            blocked(jax.jit(lambda x, v: jax.jvp(primal, (x,), (v,))), given[0], jnp.asarray(v)),
            blocked(primal, given[0]),
        )
    return row("jvp", case, pairs, repeats)


def hvp_row(case: str, f: Callable[..., Any], args: tuple[Any, ...], repeats: int) -> Row:
    x, *rest = args
    v = np.random.default_rng(1).standard_normal(x.shape)
    gradient, product = srcgrad.grad(f), srcgrad.hvp(f)
    pairs = {"srcgrad": (lambda: product(*args, v), lambda: gradient(*args))}
    if "xp" in f.__code__.co_varnames:
        if jax is not None:
            given = [jnp.asarray(a) for a in args]
            slope = jax.jit(jax.grad(lambda x: f(x, *given[1:], xp=jnp)))
            pairs["jax"] = (
                blocked(jax.jit(lambda x, v: jax.jvp(slope, (x,), (v,))[1]), given[0], jnp.asarray(v)),
                blocked(slope, given[0]),
            )
        if autograd is not None:
            primal = lambda x: f(x, *rest, xp=anp)  # noqa: E731
            slope_a, product_a = autograd.grad(primal), autograd.hessian_vector_product(primal)
            pairs["autograd"] = (lambda: product_a(x, v), lambda: slope_a(x))
    return row("hvp", case, pairs, repeats)


def jacobian_row(n: int, mode: str, repeats: int) -> Row:
    x = np.random.default_rng(2).standard_normal(n)
    made = srcgrad.jacobian(lorenz_like, mode=mode)
    seeds = np.eye(n)

    def pullbacks() -> Any:
        _, pull = srcgrad.vjp(lorenz_like, x)
        return np.stack([pull(seed)[0] for seed in seeds])

    np.testing.assert_allclose(made(x), pullbacks(), rtol=1e-10, atol=1e-12)
    pairs = {"srcgrad": (lambda: made(x), pullbacks)}
    if jax is not None:
        given = jnp.asarray(x)
        primal = lambda x: lorenz_like(x, xp=jnp)  # noqa: E731
        one = jax.jit(lambda x, seed: jax.vjp(primal, x)[1](seed)[0])
        whole = jax.jit((jax.jacfwd if mode == "forward" else jax.jacrev)(primal))
        rows_ = [jnp.asarray(seed) for seed in seeds]
        pairs["jax"] = (blocked(whole, given), blocked(lambda: [one(given, seed) for seed in rows_]))
    if autograd is not None:
        primal_a = lambda x: lorenz_like(x, xp=anp)  # noqa: E731
        whole_a = autograd.jacobian(primal_a)
        slope = autograd.make_vjp(primal_a)
        pairs["autograd"] = (lambda: whole_a(x), lambda: [slope(x)[0](seed) for seed in seeds])
    return row(f"jacobian, {mode}", f"10 steps, {n} unknowns", pairs, repeats)


def sparse_rows(n: int, repeats: int) -> list[Row]:
    u = np.random.default_rng(3).standard_normal(n)
    sparse, dense = srcgrad.sparse_jacobian(reaction), srcgrad.jacobian(reaction, mode="forward", chunk_size=200)
    known = srcgrad.sparse_jacobian(reaction, sparsity=sparse.sparsity(u, 0.3))
    difference = abs(sparse(u, 0.3).toarray() - dense(u, 0.3)).max()
    assert difference < 1e-12, difference
    times = medians([lambda: sparse(u, 0.3), lambda: known(u, 0.3), lambda: dense(u, 0.3)], max(1, repeats // 5))
    colors = sparse.colors(u, 0.3)
    case = f"reaction-diffusion, {n} unknowns"
    return [
        Row("sparse / dense", case, times[0] / times[2], note=f"{colors} colours; pattern found at each call"),
        Row("sparse / dense", case, times[1] / times[2], note=f"{colors} colours; pattern given"),
    ]


# ---- what is printed -----------------------------------------------------------------------------------------

HEAD = ("operator", "case", "srcgrad", "JAX", "autograd", "ours / JAX", "")


def cells(found: Row) -> tuple[str, ...]:
    def text(number: float | None) -> str:
        return "" if number is None else f"{number:.2g}" if number < 0.01 else f"{number:.2f}"

    return (found.what, found.case, text(found.ours), text(found.jax), text(found.autograd), text(found.against),
            found.note)


def markdown(rows: list[Row]) -> str:
    lines = [
        "# Operators",
        "",
        made_by("operators.py", *VERSIONS),
        "Each figure is the time of the operator over that of what it is made of in the same tool: `jvp` over the "
        "function, `hvp` over the gradient, the Jacobian of n outputs over n pullbacks. `ours / JAX` compares the "
        "operators themselves; JAX is jitted.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "| --- | --- |" + " ---: |" * 4 + " --- |",
        *("| " + " | ".join(cells(found)) + " |" for found in rows),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="operators whose name holds the text")
    parser.add_argument("--repeats", type=int, default=11, help="measurements of each (default: 11)")
    parser.add_argument("--markdown", metavar="FILE", help="write the table to a file")
    options = parser.parse_args()
    rows: list[Row] = []

    def show(found: Row) -> None:
        rows.append(found)
        print(" | ".join(cells(found)), flush=True)

    for case, (f, args) in scalar_cases().items():
        if options.only in "jvp":
            show(jvp_row(case, f, args, options.repeats))
        if options.only in "hvp":
            show(hvp_row(case, f, args, options.repeats))
    if options.only in "jacobian":
        for mode in ("forward", "reverse"):
            show(jacobian_row(200, mode, options.repeats))
    if options.only in "sparse":
        for found in sparse_rows(10_000, options.repeats):
            show(found)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
