"""Functions of scipy.special: as users call them, where they are delicate, and without SciPy."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy
import scipy.special
import scipy.special as sp
from scipy.special import digamma, gammaln, logsumexp

from srcgrad import check_grads, elementwise_grad, emit, grad, jvp, sparsity
from srcgrad.errors import NoRuleError, SrcgradError
from srcgrad.rules.libraries import library_of
from srcgrad.rules.registry import RULES, lookup
from tests.rules.test_rules import draw, rng_for
from tests.support import load

lookup(sp.erf)
OF_SCIPY = [rule for rule in RULES.values() if library_of(rule.fn) == "scipy.special"]
SMOOTH = [rule for rule in OF_SCIPY if rule.form == "elementwise"]


def name_of(rule):
    return rule.fn.__name__


def program(rule, param):
    """A function of one argument of a rule, and one of all arguments. In orders 2, which have two neighbours below."""
    n = len(rule.params)
    names = [f"a{k}" for k in range(n)]
    module = load(f"import scipy.special\ndef f({', '.join(names)}):\n"
                  f"    return scipy.special.{rule.fn.__name__}({', '.join(names)})\n")
    rng = rng_for("second", rule.fn.__name__)
    domains = rule.domain if isinstance(rule.domain, tuple) else (rule.domain,) * n
    values = [2 if d in ("order", "count") else 5 if d == "many" else 1 if d == "part" else float(
        draw(rng, (1,), d)[0]) for d in domains]  # fmt: skip
    return module, values, rule.params.index(param)


def domain_of(rule, k):
    return rule.domain[k] if isinstance(rule.domain, tuple) else rule.domain


ONCE = (sp.elliprf,)
"""Whose derivative has none itself: scipy.special.elliprd."""
PARTIALS = [(rule, param) for rule in SMOOTH for param in rule.builders]


@pytest.mark.parametrize("rule, param", PARTIALS, ids=lambda v: v if isinstance(v, str) else name_of(v))
def test_second_derivatives(rule, param):
    f, values, k = program(rule, param)
    first, second = elementwise_grad(f, k), elementwise_grad(elementwise_grad(f, k), k)
    h = 1e-5

    def at(fn, x):
        return fn(*values[:k], x, *values[k + 1 :])

    x = values[k]
    np.testing.assert_allclose(at(first, x), (at(f, x + h) - at(f, x - h)) / (2 * h), rtol=1e-5, atol=1e-7)
    if rule.fn in ONCE:
        with pytest.raises(NoRuleError, match="no derivative rule for scipy.special.elliprd"):
            at(second, x)
        return
    np.testing.assert_allclose(at(second, x), (at(first, x + h) - at(first, x - h)) / (2 * h), rtol=1e-5, atol=1e-6)


UNKNOWN = [(rule, param) for rule in SMOOTH for k, param in enumerate(rule.params)
           if param not in {*rule.builders, *rule.zero} and domain_of(rule, k) != "count"]


@pytest.mark.parametrize("rule, param", UNKNOWN, ids=lambda v: v if isinstance(v, str) else name_of(v))
def test_what_has_no_derivative_is_refused_by_name(rule, param):
    f, values, k = program(rule, next(iter(rule.builders)))
    k = rule.params.index(param)
    values[k] = float(values[k])
    message = f"derivative of scipy.special.{rule.fn.__name__} in `{param}` is not known"
    with pytest.raises(NoRuleError, match=message):
        grad(f, k)(*values)
    with pytest.raises(NoRuleError, match=f"derivative of scipy.special.{rule.fn.__name__} in `.*` is not known"):
        jvp(f, values, [1.0 if j == k else None if isinstance(v, int) else 0.0 for j, v in enumerate(values)])


def test_there_are_orders_to_refuse():
    assert len(UNKNOWN) > 20 and len(PARTIALS) > 60


@pytest.mark.parametrize("call", [
    "sp.comb(x, 2, exact=True)", "sp.pbdv(1.0, x)[0]", "sp.factorial(x, exact=True)", "sp.zeta(x)", "sp.lambertw(x)",
    "sp.wofz(x)", "sp.legendre(x)", "sp.kolmogorov(x)",
])  # fmt: skip
def test_other_functions_are_refused(call):
    module = load(f"import scipy.special as sp\ndef f(x):\n    return {call}\n")
    with pytest.raises(SrcgradError):
        grad(module)(2.5)


def several(x):
    value, sign = sp.logsumexp(x, b=np.array([1.0, -2.0, 0.5]), return_sign=True)
    s, c = sp.fresnel(x)
    si, ci = sp.sici(x)
    shi, chi = sp.shichi(x)
    ai, aip, bi, bip = sp.airy(x)
    sn, cn, dn, ph = sp.ellipj(x, 0.3)
    parts = [s, c, si, ci, shi, chi, ai, aip, bi, bip, sn, cn, dn, ph]
    return value * sign + sum([np.sum(part * part) for part in parts])


def counts(x):
    total = sp.comb(4.3, x) + sp.comb(x, 2, repetition=True) + sp.perm(x + 3, 2) + sp.factorial(x)
    total = total + sp.multigammaln(x + 1, 3) + sp.agm(x, 2.0) + sp.perm(4.5, x)
    total = total + sp.spherical_jn(2, x) * sp.spherical_kn(np.array([0, 1, 2]), x) + sp.jvp(1, x)
    return np.sum(total + sp.eval_hermite(np.array([0, 1, 2]), x) + sp.eval_hermite(0, x) + sp.eval_legendre(0, x))


def test_counts_out_of_range():
    """0, and no nan from the poles of psi."""
    x = np.array([1.0, 3.0, -2.0])
    for f in (lambda x: sp.comb(2, x), lambda x: sp.comb(x, 3.0), lambda x: sp.perm(x, 2), lambda x: sp.factorial(x)):
        found, slope = jvp(f, (x,), (np.ones(3),))
        np.testing.assert_allclose(found, f(x))
        assert np.all(np.isfinite(slope)) and slope[2] == 0
        assert grad(f)(-2.5) == 0 and jvp(f, (-2.5,), (1.0,))[0] == f(-2.5) == 0


@pytest.mark.parametrize("f", [several, counts])
def test_several_results_and_counts(f):
    x = np.array([0.4, 1.3, 1.1])
    assert f(x) == pytest.approx(jvp(f, (x,), (x,))[0], rel=1e-13)
    check_grads(f, (x,), order=2)
    check_grads(f, (x.astype("float32"),), order=1)


def test_patterns_know_of_orders_without_derivative():
    found = sparsity(lambda x: sp.jv(x[:2], x[1:3]), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(found.toarray(), [[1, 1, 0], [0, 1, 1]])


def mixed(x, y):
    return np.sum(sp.erf(x) * gammaln(y) + sp.jn(2, x)) + logsumexp(x) + scipy.special.j1(y).sum() + digamma(y[0])


def test_every_spelling():
    x, y = np.array([0.3, -0.2, 0.8]), np.array([1.2, 0.7, 2.5])
    check_grads(mixed, (x, y), order=2)
    source = grad(mixed, (0, 1)).source_for(x, y)
    for text in ("scipy.special.erf(", "scipy.special.psi(", "scipy.special.gammaln(", "scipy.special.jv("):
        assert text in source
    written = load(emit(grad(mixed, (0, 1)), args=(x, y)), "mixed_grad")
    for got, expected in zip(written(x, y), grad(mixed, (0, 1))(x, y)):
        np.testing.assert_array_equal(got, expected)


def test_a_function_itself_and_single_precision():
    x = np.linspace(-1, 1, 5, dtype="float32")
    for fn in (sp.erf, sp.expit, sp.log_ndtr, sp.j1, sp.i1e, sp.softmax, sp.log_softmax, sp.logsumexp):
        found = grad(lambda x: np.sum(fn(x) * fn(x)))(x)
        assert found.dtype == np.float32 and found.shape == x.shape
    assert grad(sp.erf)(0.0) == pytest.approx(2 / math.sqrt(math.pi))
    for fn in (sp.psi, sp.gamma, sp.gammaln):
        assert elementwise_grad(elementwise_grad(fn))(x[3:]).dtype == np.float32


@pytest.mark.parametrize("fn, x, first, second", [
    (sp.spence, 1.0, -1, 0.5), (sp.exprel, 0.0, 1 / 2, 1 / 3), (sp.ellipk, 0.0, math.pi / 8, math.pi / 2 * 9 / 32),
    (sp.ellipe, 0.0, -math.pi / 8, -math.pi / 2 * 3 / 32), (sp.j1, 0.0, 0.5, 0), (sp.i1, 0.0, 0.5, 0),
    (sp.i1e, 0.0, 0.5, None), (sp.softplus if hasattr(sp, "softplus") else np.square, 0.0, None, None),
    (lambda t: sp.boxcox(3.0, t), 0.0, math.log(3) ** 2 / 2, math.log(3) ** 3 / 3),
    (lambda t: sp.inv_boxcox(0.5, t), 0.0, -math.exp(0.5) / 8, None),
    (lambda t: sp.xlogy(0.0, t), 0.0, 0, None), (lambda t: sp.xlog1py(0.0, t), -1.0, 0, None),
    (lambda t: sp.gammainc(1.0, t), 0.0, 1, -1), (lambda t: sp.betainc(1.0, 1.0, t), 1.0, 1, None),
    (lambda t: sp.huber(1.0, t), 2.0, 1, 0), (lambda t: sp.huber(t, 2.0), 0.5, 1.5, -1),
    (sp.log_ndtr, -40.0, 40.024968827, None), (sp.log_ndtr, -1e9, 1e9, None), (sp.log_ndtr, 60.0, 0, None),
    (lambda t: sp.expn(0, t), 1.0, -2 * math.exp(-1), None),
])  # fmt: skip
def test_delicate_points(fn, x, first, second):
    if first is not None:
        assert elementwise_grad(fn)(x) == pytest.approx(first, rel=1e-9, abs=1e-12)
    if second is not None:
        assert elementwise_grad(elementwise_grad(fn))(x) == pytest.approx(second, rel=1e-9, abs=1e-12)


def orders(x):
    total = 0.0
    for n in range(4):
        total += sp.jv(n, x) * sp.kn(n, x) * sp.iv(n, x) * sp.yn(n, x) + sp.expn(n, x)
    return total


def test_orders_that_a_loop_runs_over():
    check_grads(orders, (0.7,), order=2)
    check_grads(lambda x: np.sum(sp.expn(np.arange(3), x[:, None])), (np.array([0.7, 1.2]),), order=1)


def test_masked_values_stay_zero():
    def f(x):
        return np.sum(np.where(x > 0, sp.entr(np.where(x > 0, x, 0.0)), 0.0))

    np.testing.assert_allclose(grad(f)(np.array([0.0, 0.5])), [0, -math.log(0.5) - 1])

    def g(x):
        return np.sum(np.where(x > 0, sp.rel_entr(x, 1.0), 0.0))

    np.testing.assert_allclose(grad(g)(np.array([0.0, 0.5])), [0, math.log(0.5) + 1])


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_second_derivatives_of_softmax(axis):
    A = np.random.default_rng(1).standard_normal((2, 3))
    for name in ("softmax", "log_softmax", "logsumexp"):
        f = load(f"import numpy as np, scipy.special as sp\n"
                 f"def f(x):\n    return np.sum(np.sin(sp.{name}(x, axis={axis})))\n")  # fmt: skip
        check_grads(f, (A,), order=2)
    f = load(f"import numpy as np, scipy.special as sp\n"
             f"def f(x, b):\n    return np.sum(sp.logsumexp(x, axis={axis}, b=b) ** 2)\n")  # fmt: skip
    check_grads(f, (A, np.exp(A)), order=2)


def test_gamma_of_math():
    for fn in (math.gamma, math.lgamma):
        check_grads(lambda x: fn(x) * x, (1.7,), order=2)


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_scipy_is_not_imported():
    done = run("import sys, srcgrad, numpy as np\n"
               "from srcgrad.rules.registry import lookup\n"
               "assert lookup(len) and lookup(np.sin) and lookup(run := lambda: 0) is None\n"
               "assert 'scipy' not in sys.modules and 'srcgrad.rules.special' not in sys.modules\n"
               "import scipy.special\n"
               "assert lookup(np.cos) and lookup(np.frompyfunc(len, 1, 1)) is None\n"
               "assert 'srcgrad.rules.special' not in sys.modules\n"
               "assert lookup(scipy.special.digamma) is not None\n")  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_math_without_scipy(tmp_path):
    file = tmp_path / "program.py"
    file.write_text("import sys\nsys.modules['scipy'] = None\nimport math\nfrom srcgrad import grad\n"
                    "def f(x):\n    return math.erf(x) * math.lgamma(2.0)\n"
                    "print(grad(f)(0.5))\n"
                    "def g(x):\n    return math.lgamma(x)\n"
                    "grad(g)(0.5)\n")  # fmt: skip
    places = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": places})  # fmt: skip
    assert done.stdout.strip() == "0.0"
    assert "NoRuleError" in done.stderr and "needs SciPy" in done.stderr and "math.lgamma(x)" in done.stderr


def test_a_users_rule_goes_before():
    done = run("import scipy.special as sp, srcgrad\nfrom srcgrad.rules.registry import lookup\n"
               "srcgrad.rule(sp.j0, partials=lambda x: 7.0 * x)\n"
               "assert lookup(sp.j1) is not None and lookup(sp.j0).own\n"
               "assert srcgrad.grad(sp.j0)(1.0) == 7.0\n")  # fmt: skip
    assert done.returncode == 0, done.stderr
