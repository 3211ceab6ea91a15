"""Distributions of scipy.stats: every method of every family against SciPy, in value and in derivative."""

import numpy as np
import pytest
import scipy.stats
import scipy.stats as st
from scipy.stats import gamma as stats_gamma
from scipy.stats import norm

from srcgrad import check_grads, emit, grad, jvp, value_and_grad, vjp
from srcgrad.errors import SrcgradError
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
          "truncnorm": {"b": "positive"},
          "norminvgauss": {"b": "small"}, "betaprime": {"b": "large"}, "genpareto": {"c": "small"}}  # fmt: skip
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
    text = f"def f({', '.join(params)}):\n    return ({', '.join(calls)},)\n"
    return load(f"import scipy.stats as st\nfrom srcgrad import stop_gradient\n{text}"), params


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


def hold_derivatives(f, names, fn, params, args):
    """Values and tangents against SciPy's methods and their quotients; gives what both modes need."""
    moved = with_zeros(args, directions(f, params, args))
    found, tangents = jvp(fn, args, moved)
    expected = by_scipy(f, names, params, args)
    usual = []
    for name, got, want, t, q in zip(names, found, expected, tangents, quotient(f, names, params, args, moved)):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-13, err_msg=name)
        assert np.shape(got) == np.shape(want) and np.asarray(got).dtype == np.asarray(want).dtype, name
        usual.append(np.all(np.isfinite(want)) and np.all(np.isfinite(t)))
        if np.all(np.isfinite(want)):
            np.testing.assert_allclose(t, q, rtol=2e-6, atol=1e-7, err_msg=name)
    return found, tangents, moved, usual


@pytest.mark.parametrize("f", FAMILIES.values(), ids=lambda f: f.name)
def test_of_arrays(f):
    """Arrays that broadcast: each method, and forward against reverse mode."""
    names = methods(f)
    fn, params = program(f, names)
    args = arguments(f, params, True)
    found, tangents, moved, usual = hold_derivatives(f, names, fn, params, args)
    rng = rng_for("adjoint", f.name)
    adjoints = tuple(rng.standard_normal(np.shape(o)) * use for o, use in zip(found, usual))
    back = vjp(fn, *args)[1](adjoints)
    pairs = [(b, m) for b, m in zip(back, moved) if m is not None]
    assert all(np.shape(b) == np.shape(m) for b, m in pairs)
    forward = sum(np.sum(a * t) for a, t, use in zip(adjoints, tangents, usual) if use)
    np.testing.assert_allclose(sum(np.sum(b * m) for b, m in pairs), forward, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("f", FAMILIES.values(), ids=lambda f: f.name)
def test_of_numbers(f):
    names = methods(f, ("logpdf", "logpmf", "cdf", "ppf"))
    fn, params = program(f, names)
    hold_derivatives(f, names, fn, params, arguments(f, params, False))


WRONG = {"positive": -0.5, "not negative": -0.5, "above 1": 0.5, "probability": 1.5, "inside 0 and 1": 1.5,
         "inside -1 and 1": 1.5}  # fmt: skip


@pytest.mark.parametrize("f", FAMILIES.values(), ids=lambda f: f.name)
def test_edges(f):
    """At and beyond the ends of the support and of [0, 1], at infinity and nan, and with parameters out of their range:
    SciPy's values, and derivatives of 0 outside of the support."""
    names = methods(f, ("logpdf", "logpmf", "cdf", "ppf"))
    fn, params = program(f, names)
    args = dict(zip(params, arguments(f, params, False)))
    place = [args["loc"]] if f.discrete else [args["loc"], args["scale"]]
    low, high = f.dist.support(*(args[name] for name in f.shapes), *place)
    step = 1 if f.discrete else 0.3
    ends = [e for e in (low, high, low - step, high + step, np.inf, -np.inf) if not f.discrete or np.isfinite(e)]
    inside, args["x"] = args["x"], np.array([*ends, args["x"]], dtype=float)
    args["q"] = np.array([0.0, 1.0, -0.2, 1.2, 0.5, np.nan, 0.3])[: len(args["x"])]
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
    args["x"], args["q"] = np.full(len(args["x"]), inside), np.full(len(args["x"]), 0.3)
    wrong = {name: WRONG[domain] for name, domain in f.shapes.items() if domain in WRONG}
    cases = [{name: value, f"{name}_held": value} for name, value in wrong.items()]
    for case in cases if f.discrete else [*cases, {"scale": np.float64(-1)}, {"scale": np.float64(0)}]:
        given = [{**args, **case}[name] for name in params]
        with np.errstate(all="ignore"):
            for name, got, want in zip(names, jvp(fn, given, moved)[0], by_scipy(f, names, params, given)):
                if f.name != "bernoulli":
                    np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=f"{name} {case}")


SECOND = ("norm", "gamma", "t", "beta", "genextreme", "skewnorm", "truncnorm", "vonmises", "poisson", "laplace")


@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives(name):
    f = FAMILIES[getattr(st, name)]
    fn, params = program(f, methods(f, ("logpdf", "logpmf", "cdf", "ppf")))
    args = dict(zip(params, arguments(f, params, False)))
    free = [p for p in params if not p.endswith("_held") and isinstance(args[p], float)]
    free = [p for p in free if not f.discrete or p in f.shapes]
    fixed = {p: v for p, v in args.items() if p not in free}

    def total(*values):
        given = {**dict(zip(free, values)), **fixed}
        return sum(fn(*[given[p] for p in params]))

    check_grads(total, [args[p] for p in free], order=2)


# ---- how they are called -----------------------------------------------------------------------------------------

X = np.array([0.4, 1.3, 2.2])


def spellings(x, mu, s):
    total = np.sum(norm.logpdf(x, loc=mu, scale=s)) + np.sum(scipy.stats.norm.pdf(x, mu)) + st.norm.cdf(0.3, mu, s)
    q = norm(mu, scale=s)
    return total + np.sum(q.logpdf(x)) + q.mean() + q.std() + stats_gamma(s).logpdf(1.5) + norm.ppf(0.3)


FROZEN = norm(0.5, scale=2.0)


def held_frozen(x):
    return np.sum(FROZEN.logpdf(x))


def test_spellings():
    check_grads(spellings, (X, 0.3, 1.2), order=2)
    written = load(emit(value_and_grad(spellings, (0, 1, 2)), args=(X, 0.3, 1.2)), "spellings_value_and_grad")
    value, *gradient = written(X, 0.3, 1.2)
    gradient = gradient[0] if len(gradient) == 1 else gradient
    assert value == pytest.approx(spellings(X, 0.3, 1.2), rel=1e-13)
    for got, want in zip(gradient, grad(spellings, (0, 1, 2))(X, 0.3, 1.2)):
        np.testing.assert_allclose(got, want, rtol=1e-13)


def test_the_gradient_reads_well():
    source = grad(lambda x, mu, s: np.sum(norm.logpdf(x, mu, s)), (0, 1, 2)).source_for(X, 0.3, 1.2)
    assert "z = (x - mu) / s" in source and "scipy" not in source and "where" not in source


def test_frozen_distributions_from_outside(monkeypatch):
    np.testing.assert_allclose(grad(held_frozen)(X), -(X - 0.5) / 4)
    monkeypatch.setitem(globals(), "FROZEN", st.gamma(2.0, scale=3.0))
    np.testing.assert_allclose(grad(held_frozen)(X), 1 / X - 1 / 3)
    monkeypatch.setitem(globals(), "FROZEN", st.norm(X))
    np.testing.assert_allclose(grad(held_frozen)(2 * X), -X)

    def of(x, q):
        return np.sum(q.logpdf(x))

    assert grad(of)(1.0, norm(0.5, 2.0)) == pytest.approx(-0.125)
    assert grad(of, 1)(1.0, norm(0.5, 2.0)).args[0] == pytest.approx(0.125)
    check_grads(lambda x, a: np.sum((st.gamma(a) if x[0] > 0 else st.gamma(2 * a)).logpdf(x)), (X, 1.5))


def test_single_precision_and_lists():
    x = X.astype("float32")
    value, d_x = value_and_grad(lambda x: np.sum(norm.logpdf(x, 0.3)))(x)
    assert d_x.dtype == np.float32 and norm.logpdf(x, 0.3).dtype == np.float64
    assert value == pytest.approx(np.sum(norm.logpdf(x.astype("float64"), 0.3)), rel=1e-12)
    assert grad(lambda mu: np.sum(norm.logpdf([1.0, 2.0], mu)))(0.5) == pytest.approx(2.0)
    assert grad(lambda mu: np.sum(st.poisson.logpmf([1, 2], mu)))(0.5) == pytest.approx(4.0)
    assert grad(lambda x: np.sum(norm.logpdf(x)))(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("call, reason", [
    ("st.gamma.cdf(1.5, x)", "scipy.special.gammainc, by which scipy.stats.gamma.cdf is computed, in `a` is not known"),
    ("st.norm(x).rvs()", "scipy.stats.norm.rvs draws random numbers"), ("st.norm.fit(x)[0]", "searches for parameters"),
    ("st.norm.stats(x)[0]", "chooses what it computes"), ("st.levy_stable.pdf(x, 1.5, 0.5)", "is not known"),
    ("st.norm(x, 1.0, 2.0).pdf(1.0)", "2 parameters"), ("st.norm(x).nothing(1.0)", "no method 'nothing'"),
    ("st.zscore(x, nan_policy='omit')", "scipy.stats.zscore with these arguments is not known"),
    ("st.norm.logpdf(x, 0.0, -1.0)", "out of its range"),
    ("st.multivariate_normal.logpdf(x, cov=2.0)", "arguments"), ("st.ttest_1samp(x, 0.0)[0]", ""),
])  # fmt: skip
def test_what_is_refused(call, reason):
    f = load(f"import scipy.stats as st\ndef f(x):\n    return {call}\n")
    with pytest.raises(SrcgradError, match=reason):
        grad(f)(1.5)


# ---- vectors and summaries ---------------------------------------------------------------------------------------

A = np.random.default_rng(2).uniform(0.5, 2, (4, 3))
SUMMARIES = {
    "two axes": """zscore(a) zscore(a,axis=1,ddof=1) zscore(a,axis=None) zmap(a,a*a) gzscore(a) gmean(a)
        gmean(a,axis=1,keepdims=True) gmean(a,axis=None) gmean(a,weights=a*a) hmean(a) hmean(a,weights=a*a) pmean(a,2.5)
        pmean(a,a.ravel()[0]) sem(a) sem(a,axis=None) gstd(a) variation(a) variation(a,ddof=1,keepdims=True) moment(a,3)
        moment(a,2,center=0.5) skew(a) skew(a,bias=False,axis=-1) kurtosis(a) kurtosis(a,fisher=False)
        kurtosis(a,bias=False) tmean(a) tvar(a) tstd(a) tsem(a) entropy(a) entropy(a,a*a,base=2) entropy(a,axis=-1)
        iqr(a) iqr(a,axis=0) circmean(a) circvar(a,axis=0) circstd(a,high=3)""",
    "one axis": """zscore(a) gmean(a) sem(a) skew(a) kurtosis(a) entropy(a) median_abs_deviation(a) boxcox(a,0.3)
        yeojohnson(a-1,0.3) boxcox_llf(0.4,a)""",
}  # fmt: skip


@pytest.mark.parametrize("axes, call", [(k, call) for k, calls in SUMMARIES.items() for call in calls.split()])
def test_summaries(axes, call):
    f = load(f"import scipy.stats as st\ndef f(a):\n    return st.{call}\n")
    a = A if axes == "two axes" else A.ravel()[:7]
    found, want = jvp(f, (a,), (a,))[0], f(a)
    np.testing.assert_allclose(found, want, rtol=1e-11, atol=1e-14)
    assert np.shape(found) == np.shape(want)
    check_grads(f, (a,), order=1)


MU, ROWS = np.array([0.3, -0.2, 0.5]), np.random.default_rng(3).standard_normal((4, 3))
COV = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.4], [0.1, 0.4, 1.1]])
OF_ROWS = st.multivariate_normal(MU, COV)


def normal_rows(x, mu, c):
    return st.multivariate_normal.logpdf(x, mu, (c + c.T) / 2) + OF_ROWS.logpdf(x)


def independent(x, mu, c):
    return np.sum(st.multivariate_normal.logpdf(x, mu, c[0]) * st.multivariate_normal(mu, c[0, 0]).logpdf(x))


def normal_vector(x, mu, c):
    c = (c + c.T) / 2
    return st.multivariate_normal(mu, cov=c).pdf(x) + st.multivariate_normal.entropy(mu, c)


def on_simplex(x, a):
    x = x / np.sum(x)
    moments = np.sum(st.dirichlet.var(a) * st.dirichlet(a).mean()) + st.dirichlet.entropy(a)
    return st.dirichlet.logpdf(x, a) + st.dirichlet.pdf(x, a) + moments


def counts(p):
    p = p / np.sum(p)
    return st.multinomial.logpmf(np.array([1, 2, 3]), 6, p) + st.multinomial(6, p).pmf([1, 2, 3])


@pytest.mark.parametrize("f, args", [
    (normal_rows, (ROWS, MU, COV)), (independent, (ROWS, MU, COV)),
    (normal_vector, (ROWS[0], MU, COV)), (on_simplex, (A[0], A[1])), (counts, (A[0],)),
])  # fmt: skip
def test_vectors(f, args):
    np.testing.assert_allclose(jvp(f, args, args)[0], f(*args), rtol=1e-11)
    check_grads(f, args, order=2)
