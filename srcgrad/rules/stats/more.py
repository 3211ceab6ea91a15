"""Distributions of extremes and lifetimes, and others that are used less often, in their standard form."""

from __future__ import annotations

import math
from typing import Any

from scipy import stats

from srcgrad.rules.stats.continuous import LOG_2, LOG_PI, ROOT_2, normal_log
from srcgrad.rules.stats.family import EULER, HALF_LOG_2_PI, family, np_, pick, sc

# ---- extremes: powers with an exponent that may be 0, which inv_boxcox takes to its limit ------------------------


def end(sign: int) -> Any:
    """The end of the support at 1 / c, where c has the sign; else there is none."""
    return lambda c: pick(sign * c > 0, lambda: 1 / pick(sign * c > 0, c, 1.0), sign * math.inf)


family(
    stats.genextreme, shapes={"c": "real"}, low=end(-1), high=end(1), hollow="both", safe=0.0,
    log=lambda z, c: (1 - c) * np_.log(sc.inv_boxcox(-z, c)) - sc.inv_boxcox(-z, c),
    logcdf=lambda z, c: -sc.inv_boxcox(-z, c), sf=lambda z, c: -np_.expm1(-sc.inv_boxcox(-z, c)),
    quantile=lambda q, c: -sc.boxcox(-np_.log(q), c), upper_quantile=lambda q, c: -sc.boxcox(-np_.log1p(-q), c),
    entropy=lambda c: EULER * (1 - c) + 1,
)  # fmt: skip
family(
    stats.genpareto, shapes={"c": "real"}, low=0, high=lambda c: -end(-1)(c), safe=0.0,
    log=lambda z, c: (c + 1) * np_.log(sc.inv_boxcox(-z, -c)),
    sf=lambda z, c: sc.inv_boxcox(-z, -c), cdf=lambda z, c: -sc.inv_boxcox1p(-z, -c),
    quantile=lambda q, c: -sc.boxcox1p(-q, -c), upper_quantile=lambda q, c: -sc.boxcox(q, -c),
    mean=lambda c: pick(c >= 1, math.inf, lambda: 1 / (1 - c)),
    var=lambda c: pick(c >= 0.5, math.nan, lambda: 1 / (np_.square(1 - c) * (1 - 2 * c))), entropy=lambda c: 1 + c,
)  # fmt: skip
family(
    stats.invweibull, low=0, hollow="low", safe=1.0,
    log=lambda z, c: np_.log(c) - (c + 1) * np_.log(z) - z**-c,
    logcdf=lambda z, c: -(z**-c), sf=lambda z, c: -np_.expm1(-(z**-c)),
    quantile=lambda q, c: (-np_.log(q)) ** (-1 / c), upper_quantile=lambda q, c: (-np_.log1p(-q)) ** (-1 / c),
    entropy=lambda c: 1 + EULER + EULER / c - np_.log(c),
)  # fmt: skip
family(
    stats.gompertz, low=0,
    log=lambda z, c: np_.log(c) + z - c * np_.expm1(z),
    cdf=lambda z, c: -np_.expm1(-c * np_.expm1(z)), logsf=lambda z, c: -c * np_.expm1(z),
    quantile=lambda q, c: np_.log1p(-np_.log1p(-q) / c), upper_quantile=lambda q, c: np_.log1p(-np_.log(q) / c),
)  # fmt: skip

# ---- lifetimes -------------------------------------------------------------------------------------------------

family(
    stats.exponpow, low=0, safe=1.0,
    log=lambda z, b: 1 + np_.log(b) + sc.xlogy(b - 1, z) + z**b - np_.exp(z**b),
    cdf=lambda z, b: -np_.expm1(-np_.expm1(z**b)), logsf=lambda z, b: -np_.expm1(z**b),
    quantile=lambda q, b: np_.log1p(-np_.log1p(-q)) ** (1 / b),
    upper_quantile=lambda q, b: np_.log1p(-np_.log(q)) ** (1 / b),
)  # fmt: skip
family(
    stats.exponweib, low=0, safe=1.0,
    log=lambda z, a, c: np_.log(a) + np_.log(c) + sc.xlogy(a - 1, -np_.expm1(-(z**c))) - z**c + sc.xlogy(c - 1, z),
    cdf=lambda z, a, c: (-np_.expm1(-(z**c))) ** a,
    quantile=lambda q, a, c: (-np_.log1p(-(q ** (1 / a)))) ** (1 / c),
)  # fmt: skip
family(
    stats.gengamma, shapes={"c": "real"}, low=0, safe=1.0, guarded=False, fixed="a",
    log=lambda z, a, c: np_.log(np_.abs(c)) + sc.xlogy(c * a - 1, z) - z**c - sc.gammaln(a),
    cdf=lambda z, a, c: pick(c > 0, lambda: sc.gammainc(a, z**c), lambda: sc.gammaincc(a, z**c)),
    sf=lambda z, a, c: pick(c > 0, lambda: sc.gammaincc(a, z**c), lambda: sc.gammainc(a, z**c)),
    quantile=lambda q, a, c: pick(c > 0, lambda: sc.gammaincinv(a, q), lambda: sc.gammainccinv(a, q)) ** (1 / c),
    upper_quantile=lambda q, a, c: pick(
        c > 0, lambda: sc.gammainccinv(a, q), lambda: sc.gammaincinv(a, q)) ** (1 / c),
    entropy=lambda a, c: a * (1 - sc.psi(a)) + sc.psi(a) / c + sc.gammaln(a) - np_.log(np_.abs(c)),
)  # fmt: skip
family(
    stats.nakagami, low=0, safe=1.0, guarded=False, fixed="nu",
    log=lambda z, nu: LOG_2 + sc.xlogy(nu, nu) - sc.gammaln(nu) + sc.xlogy(2 * nu - 1, z) - nu * np_.square(z),
    cdf=lambda z, nu: sc.gammainc(nu, nu * np_.square(z)), sf=lambda z, nu: sc.gammaincc(nu, nu * np_.square(z)),
    quantile=lambda q, nu: np_.sqrt(sc.gammaincinv(nu, q) / nu),
    upper_quantile=lambda q, nu: np_.sqrt(sc.gammainccinv(nu, q) / nu),
    mean=lambda nu: sc.poch(nu, 0.5) / np_.sqrt(nu), var=lambda nu: 1 - np_.square(sc.poch(nu, 0.5)) / nu,
    entropy=lambda nu: sc.gammaln(nu) + nu - (nu - 0.5) * sc.psi(nu) - 0.5 * np_.log(nu) - LOG_2,
)  # fmt: skip
family(
    stats.rice, shapes={"b": "not negative"}, low=0, safe=1.0, guarded=False,
    log=lambda z, b: np_.log(z) - 0.5 * np_.square(z - b) + np_.log(sc.i0e(z * b)),
    cdf=lambda z, b: sc.chndtr(np_.square(z), 2.0, np_.square(b)),
    quantile=lambda q, b: np_.sqrt(sc.chndtrix(q, 2.0, np_.square(b))),
)  # fmt: skip
family(
    stats.fisk, low=0, hollow="low", safe=1.0,
    log=lambda z, c: np_.log(c) - (c + 1) * np_.log(z) - 2 * np_.log1p(z**-c),
    cdf=lambda z, c: 1 / (1 + z**-c), sf=lambda z, c: 1 / (1 + z**c),
    quantile=lambda q, c: (1 / q - 1) ** (-1 / c), upper_quantile=lambda q, c: (1 / q - 1) ** (1 / c),
    entropy=lambda c: 2 - np_.log(c),
)  # fmt: skip
family(
    stats.burr, low=0, hollow="low", safe=1.0,
    log=lambda z, c, d: np_.log(c) + np_.log(d) - (c + 1) * np_.log(z) - (d + 1) * np_.log1p(z**-c),
    logcdf=lambda z, c, d: -d * np_.log1p(z**-c), sf=lambda z, c, d: -np_.expm1(-d * np_.log1p(z**-c)),
    quantile=lambda q, c, d: (q ** (-1 / d) - 1) ** (-1 / c),
)  # fmt: skip
family(
    stats.burr12, low=0, safe=1.0,
    log=lambda z, c, d: np_.log(c) + np_.log(d) + sc.xlogy(c - 1, z) - (d + 1) * np_.log1p(z**c),
    cdf=lambda z, c, d: -np_.expm1(-d * np_.log1p(z**c)), logsf=lambda z, c, d: -d * np_.log1p(z**c),
    quantile=lambda q, c, d: np_.expm1(-np_.log1p(-q) / d) ** (1 / c),
    upper_quantile=lambda q, c, d: np_.expm1(-np_.log(q) / d) ** (1 / c),
)  # fmt: skip
family(
    stats.mielke, low=0, high=math.inf, safe=1.0,
    log=lambda z, k, s: np_.log(k) + (k - 1) * np_.log(z) - (1 + k / s) * np_.log1p(z**s),
    cdf=lambda z, k, s: z**k / (1 + z**s) ** (k / s),
    quantile=lambda q, k, s: (q ** (s / k) / (1 - q ** (s / k))) ** (1 / s),
)  # fmt: skip
family(
    stats.loglaplace, low=0, hollow="low", safe=1.0,
    log=lambda z, c: np_.log(c / 2) - np_.log(z) - c * np_.abs(np_.log(z)),
    cdf=lambda z, c: pick(z < 1, lambda: 0.5 * z**c, lambda: 1 - 0.5 * z**-c),
    sf=lambda z, c: pick(z < 1, lambda: 1 - 0.5 * z**c, lambda: 0.5 * z**-c),
    quantile=lambda q, c: pick(q < 0.5, lambda: (2 * q) ** (1 / c), lambda: (2 - 2 * q) ** (-1 / c)),
    upper_quantile=lambda q, c: pick(q > 0.5, lambda: (2 - 2 * q) ** (1 / c), lambda: (2 * q) ** (-1 / c)),
    entropy=lambda c: np_.log(2 / c) + 1,
)  # fmt: skip
family(
    stats.powerlognorm, low=0, hollow="low", safe=1.0,
    log=lambda z, c, s: np_.log(c) - np_.log(z) - np_.log(s) + normal_log(np_.log(z) / s)
    + (c - 1) * sc.log_ndtr(-np_.log(z) / s),
    logsf=lambda z, c, s: c * sc.log_ndtr(-np_.log(z) / s),
    cdf=lambda z, c, s: -np_.expm1(c * sc.log_ndtr(-np_.log(z) / s)),
    upper_quantile=lambda q, c, s: np_.exp(-s * sc.ndtri(q ** (1 / c))),
)  # fmt: skip
family(
    stats.gibrat, low=0, hollow="low", safe=1.0, guarded=False,
    log=lambda z: normal_log(np_.log(z)) - np_.log(z), cdf=lambda z: sc.ndtr(np_.log(z)),
    sf=lambda z: sc.ndtr(-np_.log(z)), quantile=lambda q: np_.exp(sc.ndtri(q)),
    upper_quantile=lambda q: np_.exp(-sc.ndtri(q)),
    mean=lambda: math.exp(0.5), var=lambda: math.e * (math.e - 1), entropy=lambda: 0.5 + HALF_LOG_2_PI,
)  # fmt: skip


def larger_root(t: Any) -> Any:
    """(t + sqrt(t**2 + 4))**2 / 4, without the difference of equal numbers where t is negative."""
    size = 0.5 * (np_.abs(t) + np_.hypot(t, 2.0))
    return pick(t < 0, lambda: 1 / np_.square(size), lambda: np_.square(size))


family(
    stats.fatiguelife, low=0, high=math.inf, hollow="both", safe=1.0, guarded=False,
    log=lambda z, c: np_.log(z + 1) - np_.square(z - 1) / (2 * z * np_.square(c)) - np_.log(2 * c) - HALF_LOG_2_PI
    - 1.5 * np_.log(z),
    cdf=lambda z, c: sc.ndtr((np_.sqrt(z) - 1 / np_.sqrt(z)) / c),
    sf=lambda z, c: sc.ndtr((1 / np_.sqrt(z) - np_.sqrt(z)) / c),
    quantile=lambda q, c: larger_root(c * sc.ndtri(q)), upper_quantile=lambda q, c: larger_root(-c * sc.ndtri(q)),
    mean=lambda c: np_.square(c) / 2 + 1, var=lambda c: np_.square(c) * (5 * np_.square(c) + 4) / 4,
)  # fmt: skip
family(
    stats.levy, low=0, hollow="low", safe=1.0,
    log=lambda z: -HALF_LOG_2_PI - 1.5 * np_.log(z) - 0.5 / z,
    cdf=lambda z: sc.erfc(np_.sqrt(0.5 / z)), sf=lambda z: sc.erf(np_.sqrt(0.5 / z)),
    quantile=lambda q: 1 / np_.square(sc.ndtri(q / 2)), upper_quantile=lambda q: 0.5 / np_.square(sc.erfinv(q)),
)  # fmt: skip
family(
    stats.betaprime, low=0, high=math.inf, hollow="high", safe=1.0, guarded=False, fixed="a b",
    log=lambda z, a, b: sc.xlogy(a - 1, z) - sc.xlog1py(a + b, z) - sc.betaln(a, b),
    cdf=lambda z, a, b: sc.betainc(a, b, z / (1 + z)), sf=lambda z, a, b: sc.betainc(b, a, 1 / (1 + z)),
    quantile=lambda q, a, b: 1 / sc.betainccinv(b, a, q) - 1,
    upper_quantile=lambda q, a, b: 1 / sc.betaincinv(b, a, q) - 1,
    mean=lambda a, b: pick(b <= 1, math.inf, lambda: a / (b - 1)),
)  # fmt: skip
family(
    stats.halfgennorm, low=0, safe=1.0, guarded=False, fixed="beta",
    log=lambda z, beta: np_.log(beta) - sc.gammaln(1 / beta) - z**beta,
    cdf=lambda z, beta: sc.gammainc(1 / beta, z**beta), sf=lambda z, beta: sc.gammaincc(1 / beta, z**beta),
    quantile=lambda q, beta: sc.gammaincinv(1 / beta, q) ** (1 / beta),
    upper_quantile=lambda q, beta: sc.gammainccinv(1 / beta, q) ** (1 / beta),
    entropy=lambda beta: 1 / beta - np_.log(beta) + sc.gammaln(1 / beta),
)  # fmt: skip
family(
    stats.kappa3, low=0, high=math.inf, safe=1.0,
    log=lambda z, a: np_.log(a) - (1 / a + 1) * np_.log(a + z**a),
    cdf=lambda z, a: z * (a + z**a) ** (-1 / a), quantile=lambda q, a: (a / (q**-a - 1)) ** (1 / a),
)  # fmt: skip
family(
    stats.foldnorm, shapes={"c": "not negative"}, low=0,
    log=lambda z, c: np_.logaddexp(normal_log(z - c), normal_log(z + c)),
    cdf=lambda z, c: 0.5 * (sc.erf((z - c) / ROOT_2) + sc.erf((z + c) / ROOT_2)),
    sf=lambda z, c: sc.ndtr(c - z) + sc.ndtr(-(z + c)),
)  # fmt: skip
family(
    stats.foldcauchy, shapes={"c": "not negative"}, low=0,
    log=lambda z, c: np_.log(1 / (1 + np_.square(z - c)) + 1 / (1 + np_.square(z + c))) - LOG_PI,
    cdf=lambda z, c: (np_.arctan(z - c) + np_.arctan(z + c)) / math.pi,
    sf=lambda z, c: (np_.arctan2(1.0, z - c) + np_.arctan2(1.0, z + c)) / math.pi,
)  # fmt: skip

# ---- on the whole line -----------------------------------------------------------------------------------------

family(
    stats.skewcauchy, shapes={"a": "inside -1 and 1"},
    log=lambda z, a: -LOG_PI - np_.log1p(np_.square(z / (a * np_.sign(z) + 1))),
    cdf=lambda z, a: (1 - a) / 2 + (1 + a * np_.sign(z)) / math.pi * np_.arctan(z / (1 + a * np_.sign(z))),
)  # fmt: skip
family(
    stats.dgamma, fixed="a",
    log=lambda z, a: sc.xlogy(a - 1, np_.abs(z)) - np_.abs(z) - LOG_2 - sc.gammaln(a),
    cdf=lambda z, a: 0.5 + 0.5 * np_.sign(z) * sc.gammainc(a, np_.abs(z)),
    sf=lambda z, a: 0.5 - 0.5 * np_.sign(z) * sc.gammainc(a, np_.abs(z)),
    mean=lambda a: 0.0, var=lambda a: a * (a + 1),
)  # fmt: skip
family(
    stats.dweibull,
    log=lambda z, c: np_.log(c / 2) + sc.xlogy(c - 1, np_.abs(z)) - np_.abs(z) ** c,
    cdf=lambda z, c: 0.5 - 0.5 * np_.sign(z) * np_.expm1(-(np_.abs(z) ** c)),
    mean=lambda c: 0.0, var=lambda c: sc.gamma(1 + 2 / c),
)  # fmt: skip
family(
    stats.norminvgauss, shapes={"b": "real"}, low=-math.inf, high=math.inf, hollow="both", safe=0.0,
    valid=lambda a, b: np_.abs(b) < a
   ,
    log=lambda z, a, b: np_.log(a) - LOG_PI + np_.sqrt(np_.square(a) - np_.square(b)) + b * z
    + np_.log(sc.k1e(a * np_.hypot(1.0, z))) - a * np_.hypot(1.0, z) - np_.log(np_.hypot(1.0, z)),
    mean=lambda a, b: b / np_.sqrt(np_.square(a) - np_.square(b)),
    var=lambda a, b: np_.square(a) / (np_.square(a) - np_.square(b)) ** 1.5,
)  # fmt: skip

# ---- on an interval --------------------------------------------------------------------------------------------

family(
    stats.arcsine, low=0, high=1, safe=0.5,
    log=lambda z: -LOG_PI - 0.5 * np_.log(z * (1 - z)),
    cdf=lambda z: 2 / math.pi * np_.arcsin(np_.sqrt(z)), quantile=lambda q: np_.square(np_.sin(0.5 * math.pi * q)),
    mean=lambda: 0.5, var=lambda: 0.125, entropy=lambda: math.log(math.pi / 4),
)  # fmt: skip
family(
    stats.semicircular, low=-1, high=1, safe=0.0,
    log=lambda z: math.log(2 / math.pi) + 0.5 * np_.log1p(-np_.square(z)),
    cdf=lambda z: 0.5 + (z * np_.sqrt(1 - np_.square(z)) + np_.arcsin(z)) / math.pi,
    mean=lambda: 0.0, var=lambda: 0.25,
)  # fmt: skip
family(
    stats.cosine, low=-math.pi, high=math.pi, safe=0.0,
    log=lambda z: np_.log1p(np_.cos(z)) - math.log(2 * math.pi),
    cdf=lambda z: 0.5 + (z + np_.sin(z)) / (2 * math.pi), sf=lambda z: 0.5 - (z + np_.sin(z)) / (2 * math.pi),
    mean=lambda: 0.0, var=lambda: math.pi**2 / 3 - 2, entropy=lambda: math.log(4 * math.pi) - 1,
)  # fmt: skip
family(
    stats.anglit, low=-math.pi / 4, high=math.pi / 4, safe=0.0,
    log=lambda z: np_.log(np_.cos(2 * z)),
    cdf=lambda z: np_.square(np_.sin(z + math.pi / 4)), sf=lambda z: np_.square(np_.cos(z + math.pi / 4)),
    quantile=lambda q: np_.arcsin(np_.sqrt(q)) - math.pi / 4,
    mean=lambda: 0.0, var=lambda: math.pi**2 / 16 - 0.5, entropy=lambda: 1 - LOG_2,
)  # fmt: skip
family(
    stats.bradford, low=0, high=1,
    log=lambda z, c: np_.log(c) - np_.log1p(c * z) - np_.log(np_.log1p(c)),
    cdf=lambda z, c: np_.log1p(c * z) / np_.log1p(c), quantile=lambda q, c: np_.expm1(q * np_.log1p(c)) / c,
    mean=lambda c: (c - np_.log1p(c)) / (c * np_.log1p(c)),
    entropy=lambda c: np_.log1p(c) / 2 - np_.log(c / np_.log1p(c)),
)  # fmt: skip
family(
    stats.johnsonsb, shapes={"a": "real"}, low=0, high=1, hollow="both", safe=0.5, guarded=False,
    log=lambda z, a, b: np_.log(b) - np_.log(z * (1 - z)) + normal_log(a + b * sc.logit(z)),
    cdf=lambda z, a, b: sc.ndtr(a + b * sc.logit(z)), sf=lambda z, a, b: sc.ndtr(-(a + b * sc.logit(z))),
    quantile=lambda q, a, b: sc.expit((sc.ndtri(q) - a) / b),
    upper_quantile=lambda q, a, b: sc.expit(-(sc.ndtri(q) + a) / b),
)  # fmt: skip
family(
    stats.rdist, low=-1, high=1, safe=0.0, guarded=False, fixed="c",
    log=lambda z, c: sc.xlogy(c / 2 - 1, (1 + z) / 2) + sc.xlog1py(c / 2 - 1, -(1 + z) / 2) - sc.betaln(c / 2, c / 2)
    - LOG_2,
    cdf=lambda z, c: sc.betainc(c / 2, c / 2, (z + 1) / 2), sf=lambda z, c: sc.betaincc(c / 2, c / 2, (z + 1) / 2),
    quantile=lambda q, c: 2 * sc.betaincinv(c / 2, c / 2, q) - 1,
)  # fmt: skip
family(
    stats.truncpareto, shapes={"b": "real", "c": "above 1"}, low=1, high=lambda b, c: c, safe=1.0,
    log=lambda z, b, c: np_.log(b / (1 - c**-b)) - (b + 1) * np_.log(z),
    cdf=lambda z, b, c: (1 - z**-b) / (1 - c**-b), sf=lambda z, b, c: (z**-b - c**-b) / (1 - c**-b),
    quantile=lambda q, b, c: (1 - (1 - c**-b) * q) ** (-1 / b),
)  # fmt: skip
family(
    stats.tukeylambda, shapes={"lam": "real"}, guarded=True,
    quantile=lambda q, lam: sc.boxcox(q, lam) - sc.boxcox1p(-q, lam),
)  # fmt: skip
family(
    stats.argus, low=0, high=1, safe=0.5, fixed="chi",
    log=lambda z, chi: 3 * np_.log(chi) - HALF_LOG_2_PI + np_.log(z) + 0.5 * np_.log1p(-np_.square(z))
    - 0.5 * np_.square(chi) * (1 - np_.square(z)) - np_.log(sc.gammainc(1.5, 0.5 * np_.square(chi)) / 2),
)  # fmt: skip
