"""Functions of scipy.special, of real arguments; loaded where the first of them is looked up (see registry).

Sections are those of the Digital Library of Mathematical Functions (DLMF). `...`: the derivative in that argument,
most often an order, is not known in closed form, and is refused. Derivatives are written with functions that have
rules themselves, and where a textbook's formula is 0 / 0 at a point where the function is smooth, with one that is not.
"""

from __future__ import annotations

import math
from typing import Any

import scipy.special as sc

from srcgrad.analysis.infer import ELEMENTWISE
from srcgrad.rules import softmax
from srcgrad.rules.build import Namespace, Sym, chosen, const, xp
from srcgrad.rules.elementwise import LN2, LN10, sign
from srcgrad.rules.registry import constant, elementwise

__all__ = ["softmax", "special"]

special: Any = Namespace(sc, "scipy.special")
"""scipy.special, building expressions instead of computing."""

ROOT_PI, ROOT_2_PI, DEGREE = math.sqrt(math.pi), math.sqrt(2 * math.pi), math.pi / 180

# ---- the gamma function and its relatives: DLMF 5 and 8 ------------------------------------------------------


def trigamma(x: Sym) -> Sym:
    """The derivative of psi: polygamma(1, x), which is zeta(2, x), and keeps single precision (DLMF 25.11.12)."""
    return special.zeta(2, x)


elementwise(sc.gamma, lambda x, out: out * special.psi(x), domain="positive")
elementwise((sc.gammaln, sc.loggamma), lambda x, out: special.psi(x), domain="positive")
elementwise(sc.rgamma, lambda x, out: -out * special.psi(x), domain="positive")
elementwise(sc.psi, lambda x, out: trigamma(x), domain="positive")
elementwise(sc.polygamma, ..., lambda n, x, out: special.polygamma(n + 1, x), domain=("order", "positive"))
elementwise(sc.zeta, ..., lambda x, q, out: -x * special.zeta(x + 1, q), domain=("above 1", "positive"))  # 25.11.17
elementwise(
    sc.beta,
    lambda a, b, out: out * (special.psi(a) - special.psi(a + b)),
    lambda a, b, out: out * (special.psi(b) - special.psi(a + b)),
    domain="positive",
)
elementwise(
    sc.betaln,
    lambda a, b, out: special.psi(a) - special.psi(a + b),
    lambda a, b, out: special.psi(b) - special.psi(a + b),
    domain="positive",
)
elementwise(
    sc.binom,
    lambda n, k, out: out * (special.psi(n + 1) - special.psi(n - k + 1)),
    lambda n, k, out: out * (special.psi(n - k + 1) - special.psi(k + 1)),
    domain=("above 1", "probability"),
)
elementwise(
    sc.poch,
    lambda z, m, out: out * (special.psi(z + m) - special.psi(z)),
    lambda z, m, out: out * special.psi(z + m),
    domain="positive",
)


def gamma_density(a: Sym, x: Sym) -> Sym:
    """The derivative of gammainc in x: x**(a - 1) * exp(-x) / gamma(a), without overflow (DLMF 8.2.4)."""
    return xp.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def beta_density(a: Sym, b: Sym, x: Sym) -> Sym:
    """The derivative of betainc in x: x**(a - 1) * (1 - x)**(b - 1) / beta(a, b), without overflow (DLMF 8.17.1)."""
    return xp.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


elementwise(sc.gammainc, ..., lambda a, x, out: gamma_density(a, x), domain="positive")
elementwise(sc.gammaincc, ..., lambda a, x, out: -gamma_density(a, x), domain="positive")
elementwise(sc.gammaincinv, ..., lambda a, y, out: 1 / gamma_density(a, out), singular=True,
            domain=("positive", "probability"))  # fmt: skip
elementwise(sc.gammainccinv, ..., lambda a, y, out: -1 / gamma_density(a, out), singular=True,
            domain=("positive", "probability"))  # fmt: skip
elementwise(sc.betainc, ..., ..., lambda a, b, x, out: beta_density(a, b, x),
            domain=("positive", "positive", "probability"))  # fmt: skip
elementwise(sc.betaincinv, ..., ..., lambda a, b, y, out: 1 / beta_density(a, b, out), singular=True,
            domain=("positive", "positive", "probability"))  # fmt: skip
if hasattr(sc, "betaincc"):
    elementwise(sc.betaincc, ..., ..., lambda a, b, x, out: -beta_density(a, b, x),
                domain=("positive", "positive", "probability"))  # fmt: skip

# ---- error functions, and the normal distribution: DLMF 7 ----------------------------------------------------

elementwise(sc.erf, lambda x, out: 2 / ROOT_PI * xp.exp(-(x**2)))
elementwise(sc.erfc, lambda x, out: -2 / ROOT_PI * xp.exp(-(x**2)))
elementwise(sc.erfcx, lambda x, out: 2 * x * out - 2 / ROOT_PI)
elementwise(sc.erfi, lambda x, out: 2 / ROOT_PI * xp.exp(x**2))
elementwise(sc.erfinv, lambda y, out: ROOT_PI / 2 * xp.exp(out**2), singular=True, domain="unit")
elementwise(sc.erfcinv, lambda y, out: -ROOT_PI / 2 * xp.exp(out**2), singular=True, domain="probability")
elementwise(sc.dawsn, lambda x, out: 1 - 2 * x * out)
elementwise(sc.ndtr, lambda x, out: 1 / ROOT_2_PI * xp.exp(-0.5 * x**2))
elementwise(sc.log_ndtr, lambda x, out: math.sqrt(2 / math.pi) / special.erfcx(-math.sqrt(0.5) * x))
elementwise(sc.ndtri, lambda y, out: ROOT_2_PI * xp.exp(0.5 * out**2), singular=True, domain="probability")
elementwise(sc.ndtri_exp, lambda y, out: ROOT_2_PI * xp.exp(y + 0.5 * out**2), singular=True, domain="negative")

# ---- Bessel functions: DLMF 10.6 and 10.29 -------------------------------------------------------------------
# The neighbours on both sides, rather than one of them and a quotient, where x may be 0.

elementwise(sc.j0, lambda x, out: -special.j1(x))
elementwise(sc.j1, lambda x, out: 0.5 * (special.j0(x) - special.jv(2, x)))
elementwise(sc.jv, ..., lambda v, z, out: 0.5 * (special.jv(v - 1, z) - special.jv(v + 1, z)),
            domain=("order", "positive"))  # fmt: skip
elementwise(sc.jve, ..., lambda v, z, out: 0.5 * (special.jve(v - 1, z) - special.jve(v + 1, z)),
            domain=("order", "positive"))  # fmt: skip
elementwise(sc.y0, lambda x, out: -special.y1(x), singular=True, domain="positive")
elementwise(sc.y1, lambda x, out: special.y0(x) - out / x, singular=True, domain="positive")
elementwise(sc.yn, ..., lambda n, x, out: 0.5 * (special.yn(n - 1, x) - special.yn(n + 1, x)), singular=True,
            domain=("order", "positive"))  # fmt: skip
elementwise(sc.yv, ..., lambda v, z, out: 0.5 * (special.yv(v - 1, z) - special.yv(v + 1, z)), singular=True,
            domain=("order", "positive"))  # fmt: skip
elementwise(sc.yve, ..., lambda v, z, out: 0.5 * (special.yve(v - 1, z) - special.yve(v + 1, z)), singular=True,
            domain=("order", "positive"))  # fmt: skip
elementwise(sc.i0, lambda x, out: special.i1(x))
elementwise(sc.i1, lambda x, out: 0.5 * (special.i0(x) + special.iv(2, x)))
elementwise(sc.iv, ..., lambda v, z, out: 0.5 * (special.iv(v - 1, z) + special.iv(v + 1, z)),
            domain=("order", "positive"))  # fmt: skip
elementwise(sc.i0e, lambda x, out: special.i1e(x) - sign(x) * out, domain="away from 0")
elementwise(sc.i1e, lambda x, out: 0.5 * (special.i0e(x) + special.ive(2, x)) - sign(x) * out)
elementwise(sc.ive, ..., lambda v, z, out: 0.5 * (special.ive(v - 1, z) + special.ive(v + 1, z)) - sign(z) * out,
            domain=("order", "positive"))  # fmt: skip
elementwise(sc.k0, lambda x, out: -special.k1(x), singular=True, domain="positive")
elementwise(sc.k1, lambda x, out: -special.k0(x) - out / x, singular=True, domain="positive")
elementwise(sc.kn, ..., lambda n, x, out: -0.5 * (special.kn(n - 1, x) + special.kn(n + 1, x)), singular=True,
            domain=("order", "positive"))  # fmt: skip
elementwise(sc.kv, ..., lambda v, z, out: -0.5 * (special.kv(v - 1, z) + special.kv(v + 1, z)), singular=True,
            domain=("order", "positive"))  # fmt: skip
elementwise(sc.k0e, lambda x, out: out - special.k1e(x), singular=True, domain="positive")
elementwise(sc.k1e, lambda x, out: out - special.k0e(x) - out / x, singular=True, domain="positive")
elementwise(sc.kve, ..., lambda v, z, out: out - 0.5 * (special.kve(v - 1, z) + special.kve(v + 1, z)), singular=True,
            domain=("order", "positive"))  # fmt: skip

# ---- exponentials and logarithms -----------------------------------------------------------------------------

elementwise(sc.expit, lambda x, out: out * (1 - out))
elementwise(sc.logit, lambda x, out: 1 / (x * (1 - x)), singular=True, domain="probability")
elementwise(sc.log_expit, lambda x, out: special.expit(-x))
elementwise(sc.exp2, lambda x, out: LN2 * out)
elementwise(sc.exp10, lambda x, out: LN10 * out)
elementwise(sc.expm1, lambda x, out: out + 1)
elementwise(sc.log1p, lambda x, out: 1 / (1 + x), singular=True, domain="positive")
elementwise(sc.cbrt, lambda x, out: 1 / (3 * out**2), singular=True, domain="away from 0")
elementwise(sc.cosm1, lambda x, out: -xp.sin(x))
elementwise(sc.sindg, lambda x, out: DEGREE * special.cosdg(x))
elementwise(sc.cosdg, lambda x, out: -DEGREE * special.sindg(x))
if hasattr(sc, "softplus"):
    elementwise(sc.softplus, lambda x, out: special.expit(x))
    ELEMENTWISE.add(sc.softplus)


def share(x: Sym, y: Sym) -> Sym:
    """x / y, and 0 where x is: the derivative of x * log(y) in y, at y = 0 too."""
    return x / y if isinstance(const(x.expr), (int, float)) else x / (y + x.eq(0))


elementwise(sc.xlogy, lambda x, y, out: xp.log(y), lambda x, y, out: share(x, y), singular=True, domain="positive")
elementwise(sc.xlog1py, lambda x, y, out: xp.log1p(y), lambda x, y, out: share(x, 1 + y), singular=True,
            domain="positive")  # fmt: skip
elementwise(sc.entr, lambda x, out: -xp.log(x) - 1, singular=True, domain="positive")
elementwise(sc.rel_entr, lambda x, y, out: xp.log(x / y) + 1, lambda x, y, out: -share(x, y), singular=True,
            domain="positive")  # fmt: skip
elementwise(sc.kl_div, lambda x, y, out: xp.log(x / y), lambda x, y, out: 1 - share(x, y), singular=True,
            domain="positive")  # fmt: skip
elementwise(sc.huber, lambda delta, r, out: xp.maximum(xp.abs(r) - delta, 0),
            lambda delta, r, out: xp.clip(r, -delta, delta), domain=("positive", "real"))  # fmt: skip
elementwise(
    sc.pseudo_huber,
    lambda delta, r, out: 2 * out / delta - r**2 / (delta * xp.sqrt(1 + (r / delta) ** 2)),
    lambda delta, r, out: r / xp.sqrt(1 + (r / delta) ** 2),
    domain=("positive", "real"),
)

# At lmbda = 0 the transforms are log(x), log1p(x), exp(y) and expm1(y), and smooth: hypergeometric functions say so.


def power_slope(log: Sym, lmbda: Sym) -> Sym:
    """The derivative of (exp(lmbda * log) - 1) / lmbda in lmbda. hyp1f1 does not return for infinite arguments."""
    return 0.5 * log**2 * special.hyp1f1(2, 3, xp.clip(lmbda * log, -1e15, 1e3))


def root_slope(y: Sym, lmbda: Sym) -> Sym:
    """The derivative of log(1 + lmbda * y) / lmbda in lmbda."""
    return -0.5 * y**2 * special.hyp2f1(2, 2, 3, -lmbda * y)


elementwise(sc.boxcox, lambda x, lmbda, out: x ** (lmbda - 1), lambda x, lmbda, out: power_slope(xp.log(x), lmbda),
            singular=True, domain="positive")  # fmt: skip
elementwise(sc.boxcox1p, lambda x, lmbda, out: (1 + x) ** (lmbda - 1),
            lambda x, lmbda, out: power_slope(xp.log1p(x), lmbda), singular=True, domain="positive")  # fmt: skip
elementwise(sc.inv_boxcox, lambda y, lmbda, out: out / (1 + lmbda * y),
            lambda y, lmbda, out: out * root_slope(y, lmbda), singular=True, domain="positive")  # fmt: skip
elementwise(sc.inv_boxcox1p, lambda y, lmbda, out: (out + 1) / (1 + lmbda * y),
            lambda y, lmbda, out: (out + 1) * root_slope(y, lmbda), singular=True, domain="positive")  # fmt: skip

# ---- integrals: DLMF 6, 8.19, 19.4 and 25.12 -----------------------------------------------------------------


def exponential_integral(n: Sym, x: Sym, out: Sym) -> Sym:
    """The derivative of expn in x (DLMF 8.19.13); expn(-1, x) is not defined, so that of order 0 is written out."""
    order, at_zero = const(n.expr), -out - out / x
    if isinstance(order, (int, float)):
        return -special.expn(n - 1, x) if order else at_zero
    return chosen(n.eq(0), at_zero, -special.expn(n - 1, x))


elementwise(sc.expi, lambda x, out: xp.exp(x) / x, singular=True, domain="away from 0")
elementwise(sc.exp1, lambda x, out: -xp.exp(-x) / x, singular=True, domain="positive")
elementwise(sc.expn, ..., exponential_integral, singular=True, domain=("order", "positive"))
elementwise(sc.exprel, lambda x, out: 0.5 * special.hyp1f1(2, 3, x))
elementwise(sc.spence, lambda z, out: -special.hyp2f1(1, 1, 2, 1 - z), singular=True, domain="positive")  # 15.4.1
elementwise(sc.ellipk, lambda m, out: math.pi / 8 * special.hyp2f1(1.5, 1.5, 2, m), singular=True, domain="unit")
elementwise(sc.ellipe, lambda m, out: -math.pi / 8 * special.hyp2f1(0.5, 1.5, 2, m), singular=True, domain="unit")

# ---- hypergeometric functions: DLMF 13.3, 15.5 and 16.3 ------------------------------------------------------

elementwise(sc.hyp0f1, ..., lambda v, z, out: special.hyp0f1(v + 1, z) / v, domain=("positive", "real"))
elementwise(sc.hyp1f1, ..., ..., lambda a, b, x, out: a / b * special.hyp1f1(a + 1, b + 1, x),
            domain=("positive", "positive", "real"))  # fmt: skip
elementwise(sc.hyperu, ..., ..., lambda a, b, x, out: -a * special.hyperu(a + 1, b + 1, x), singular=True,
            domain="positive")  # fmt: skip
elementwise(sc.hyp2f1, ..., ..., ..., lambda a, b, c, z, out: a * b / c * special.hyp2f1(a + 1, b + 1, c + 1, z),
            singular=True, domain=("positive", "positive", "positive", "unit"))  # fmt: skip

constant(sc.gammasgn, sc.round)
ELEMENTWISE.add(sc.zeta)
