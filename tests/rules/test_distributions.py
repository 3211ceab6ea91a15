"""Distributions of scipy.stats: every method of every family against SciPy, in value and in derivative."""

import numpy as np
import pytest
import scipy.stats as st

from srcgrad import jvp, vjp
from srcgrad.rules.defined import DEFINITIONS
from srcgrad.rules.registry import lookup
from tests.rules.test_rules import rng_for
from tests.support import load

lookup(st.norm.pdf)  # reads what is known of scipy.stats

from srcgrad.rules.stats.family import FAMILIES  # noqa: E402

OF_X = ("pdf", "logpdf", "pmf", "logpmf", "cdf", "sf", "logcdf", "logsf")
OF_Q = ("ppf", "isf")
MOMENTS = ("mean", "var", "std", "entropy")
TAILS = ("cdf", "sf", "logcdf", "logsf", *OF_Q)
RANGES = {
    "real": (-1.1, 0.9), "positive": (1.2, 2.3), "not negative": (0.6, 1.7), "above 1": (1.4, 2.8),
    "probability": (0.25, 0.7), "inside 0 and 1": (0.2, 0.7), "inside -1 and 1": (-0.6, 0.6), "whole": (6, 9),
    "large": (4.3, 5.9),
}  # fmt: skip
WANTED = {"f": {"dfd": "large"}, "t": {"df": "large"}, "pareto": {"b": "large"}, "lomax": {"c": "large"},
          "invgamma": {"a": "large"}, "loguniform": {"b": "large"}, "reciprocal": {"b": "large"},
          "truncnorm": {"b": "positive"}, "norminvgauss": {"b": "small"}, "betaprime": {"b": "large"}, "genpareto": {"c": "small"}}  # fmt: skip
"""Where moments are finite, and parameters in order."""
RANGES["small"] = (0.1, 0.3)


def methods(f, wanted=(*OF_X, *OF_Q, *MOMENTS)):
    found = [m for m in wanted if getattr(f.dist, m, None) in DEFINITIONS]
    return found if not f.discrete else [m for m in found if m not in OF_Q]


def program(f, names):
    """A function that calls the methods, with shapes of their own where tails have no derivative in them."""
    held = [f"stop_gradient({name}_held)" if name in f.fixed else name for name in f.shapes]
    rest = ["loc"] if f.discrete else ["loc", "scale"]
    calls = []
    for name in names:
        first = ["q"] if name in OF_Q else [] if name in MOMENTS else ["x"]
        calls.append(f"st.{f.name}.{name}({', '.join([*first, *(held if name in TAILS else f.shapes), *rest])})")
    params = ["x", "q", *f.shapes, *(f"{name}_held" for name in f.fixed), *rest]
    text = f"import scipy.stats as st\nfrom srcgrad import stop_gradient\ndef f({', '.join(params)}):\n    return ({', '.join(calls)},)\n"
    return load(text), params


def arguments(f, params, arrays):
    """Values inside of the support: arrays that broadcast, or numbers."""
    rng = rng_for(f.name, arrays)
    given = {}
    for name, domain in f.shapes.items():
        domain = WANTED.get(f.name, {}).get(name, domain)
        low, high = RANGES[domain]
        size = (3,) if arrays else ()
        given[name] = rng.integers(low, high, size) if domain == "whole" else rng.uniform(low, high, size)
    given["loc"] = rng.integers(-1, 2) if f.discrete else rng.uniform(-0.5, 0.5, (2, 1) if arrays else ())
    given["scale"] = rng.uniform(0.6, 1.8, (3,) if arrays else ())
    q = rng.uniform(0.15, 0.85, (2, 3) if arrays else ())
    shapes = [given[name] for name in f.shapes]
    place = [given["loc"]] if f.discrete else [given["loc"], given["scale"]]
    given["q"], given["x"] = q, f.dist.ppf(q, *shapes, *place)
    if f.name == "vonmises":
        given["x"] = given["loc"] + q
    given.update({f"{name}_held": given[name] for name in f.fixed})
    return [given[name] if np.ndim(given[name]) else np.asarray(given[name]).item() for name in params]


def directions(f, params, args):
    """A direction for each argument that has one."""
    rng = rng_for("direction", f.name)
    whole = {name for name, domain in f.shapes.items() if domain == "whole"}
    whole |= {"x", "q", "loc"} if f.discrete else set()
    return [np.zeros_like(a) if name.endswith("_held") else None if name in whole else rng.standard_normal(np.shape(a))
            if np.ndim(a) else float(rng.standard_normal()) for name, a in zip(params, args)]


def with_zeros(args, moved):
    return [None if m is None else m if np.ndim(a) else float(m) for a, m in zip(args, moved)]


def by_scipy(f, names, params, args):
    given = dict(zip(params, args))
    shapes, rest = [given[name] for name in f.shapes], [given[n] for n in ("loc", "scale") if n in given]
    first = {**{m: ["x"] for m in OF_X}, **{m: ["q"] for m in OF_Q}, **{m: [] for m in MOMENTS}}
    held = [given.get(f"{name}_held", given[name]) for name in f.shapes]
    return [getattr(f.dist, m)(*[given[k] for k in first[m]], *(held if m in TAILS else shapes), *rest) for m in names]


def quotient(f, names, params, args, moved, h=1e-5):
    def at(s):
        there = [a if m is None else a + s * np.asarray(m) for a, m in zip(args, moved)]
        return by_scipy(f, names, params, there)

    wide, near = ([(a - b) / (2 * s) for a, b in zip(at(s), at(-s))] for s in (2 * h, h))
    return [(4 * n - w) / 3 for n, w in zip(near, wide)]


@pytest.mark.parametrize("arrays", [True, False], ids=["arrays", "numbers"])
@pytest.mark.parametrize("f", FAMILIES.values(), ids=lambda f: f.name)
def test_values_and_derivatives(f, arrays):
    names = methods(f)
    fn, params = program(f, names)
    args = arguments(f, params, arrays)
    moved = with_zeros(args, directions(f, params, args))
    found, tangents = jvp(fn, args, moved)
    expected = by_scipy(f, names, params, args)
    for name, got, want in zip(names, found, expected):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-13, err_msg=name)
        assert np.shape(got) == np.shape(want) and np.asarray(got).dtype == np.asarray(want).dtype, name
    finite = [np.all(np.isfinite(out)) for out in expected]
    for name, got, want in zip(names, tangents, quotient(f, names, params, args, moved)):
        if not finite[names.index(name)]:
            continue
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("f", FAMILIES.values(), ids=lambda f: f.name)
def test_both_modes_agree_and_second_derivatives(f):
    """Forward against reverse mode of arrays; the gradient of each density and tail against quotients of itself."""
    names = methods(f)
    fn, params = program(f, names)
    args = arguments(f, params, True)
    moved = with_zeros(args, directions(f, params, args))
    _, tangents = jvp(fn, args, moved)
    out, pullback = vjp(fn, *args)
    rng = rng_for("adjoint", f.name)
    adjoints = tuple(rng.standard_normal(np.shape(o)) * np.all(np.isfinite(t)) for o, t in zip(out, tangents))
    back = [(b, m) for b, m, name in zip(pullback(adjoints), moved, params) if m is not None]
    assert all(np.shape(b) == np.shape(m) for b, m in back)
    forward = sum(np.sum(a * t) for a, t in zip(adjoints, tangents) if np.all(np.isfinite(t)))
    np.testing.assert_allclose(sum(np.sum(b * m) for b, m in back), forward, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("f", FAMILIES.values(), ids=lambda f: f.name)
def test_edges(f):
    """At and beyond the ends of the support and of [0, 1], at infinity and nan: SciPy's values, and no nan but there."""
    names = methods(f, (*OF_X, *OF_Q))
    fn, params = program(f, names)
    args = dict(zip(params, arguments(f, params, False)))
    place = [args["loc"]] if f.discrete else [args["loc"], args["scale"]]
    low, high = f.dist.support(*(args[name] for name in f.shapes), *place)
    inside, step = args["x"], 1 if f.discrete else 0.3
    ends = [e for e in (low, high, low - step, high + step, inside, np.inf, -np.inf) if not f.discrete or np.isfinite(e)]
    args["x"] = np.array(ends, dtype=float)
    args["q"] = np.array([0.0, 1.0, -0.2, 1.2, 0.5, np.nan, 0.3])[: len(ends)]
    given = [args[name] for name in params]
    moved = with_zeros(given, directions(f, params, given))
    with np.errstate(all="ignore"):
        found, tangents = jvp(fn, given, moved)
        expected = by_scipy(f, names, params, given)
    beyond = (args["x"] < low) | (args["x"] > high)
    for name, got, want, t in zip(names, found, expected, tangents):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-13, err_msg=name)
        if name in OF_X:
            np.testing.assert_array_equal(t[beyond], 0, err_msg=name)


@pytest.mark.parametrize("f", FAMILIES.values(), ids=lambda f: f.name)
def test_parameters_out_of_range_give_nan(f):
    names = methods(f)
    fn, params = program(f, names)
    args = dict(zip(params, arguments(f, params, False)))
    wrong = {"positive": -0.5, "not negative": -0.5, "above 1": 0.5, "probability": 1.5, "whole": 2.5,
             "inside 0 and 1": 1.5, "inside -1 and 1": 1.5}  # fmt: skip
    cases = [{name: wrong[domain], f"{name}_held": wrong[domain]} for name, domain in f.shapes.items() if
             domain in wrong and domain != "whole"]  # fmt: skip
    cases += [] if f.discrete else [{"scale": -1.0}, {"scale": 0.0}]
    value = grad_free(fn, params, f)
    for case in cases:
        given = [{**args, **case}[name] if name in args else None for name in params]
        given = [np.float64(g) if isinstance(g, float) else g for g in given]
        with np.errstate(all="ignore"):
            for name, got, want in zip(names, value(given), by_scipy(f, names, params, given)):
                np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=f"{name} {case}")


def grad_free(fn, params, f):
    """The values that generated code computes."""
    def run(args):
        return jvp(fn, args, with_zeros(args, directions(f, params, args)))[0]

    return run
