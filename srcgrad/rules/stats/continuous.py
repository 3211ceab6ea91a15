"""Distributions that most programs use, in their standard form. The formulas are those of SciPy's documentation."""

from __future__ import annotations

import math
from typing import Any

from scipy import stats

from srcgrad.rules.stats.family import EULER, HALF_LOG_2_PI, family, np_, pick, sc

LOG_2, LOG_PI, ROOT_2 = math.log(2), math.log(math.pi), math.sqrt(2)


def normal_log(z: Any) -> Any:
    """The logarithm of the standard normal density."""
    return -0.5 * np_.square(z) - HALF_LOG_2_PI


# ---- on the whole line ---------------------------------------------------------------------------------------

family(
    stats.norm, guarded=False, log=normal_log,
    cdf=lambda z: sc.ndtr(z), sf=lambda z: sc.ndtr(-z), logcdf=lambda z: sc.log_ndtr(z),
    logsf=lambda z: sc.log_ndtr(-z), quantile=lambda q: sc.ndtri(q), upper_quantile=lambda q: -sc.ndtri(q),
    mean=lambda: 0.0, var=lambda: 1.0, entropy=lambda: HALF_LOG_2_PI + 0.5,
)  # fmt: skip
family(
    stats.cauchy,
    log=lambda z: -LOG_PI - np_.log1p(np_.square(z)),
    cdf=lambda z: np_.arctan2(1.0, -z) / math.pi, sf=lambda z: np_.arctan2(1.0, z) / math.pi,
    quantile=lambda q: pick(q < 0.5, lambda: -1 / np_.tan(math.pi * q), lambda: 1 / np_.tan(math.pi * (1 - q))),
    upper_quantile=lambda q: pick(q < 0.5, lambda: 1 / np_.tan(math.pi * q), lambda: -1 / np_.tan(math.pi * (1 - q))),
    mean=lambda: math.nan, var=lambda: math.nan, entropy=lambda: math.log(4 * math.pi),
)  # fmt: skip
family(
    stats.laplace,
    log=lambda z: -np_.abs(z) - LOG_2,
    cdf=lambda z: pick(z > 0, lambda: 1 - 0.5 * np_.exp(-np_.abs(z)), lambda: 0.5 * np_.exp(-np_.abs(z))),
    sf=lambda z: pick(z > 0, lambda: 0.5 * np_.exp(-np_.abs(z)), lambda: 1 - 0.5 * np_.exp(-np_.abs(z))),
    quantile=lambda q: pick(q > 0.5, lambda: -np_.log(2 * (1 - q)), lambda: np_.log(2 * q)),
    upper_quantile=lambda q: pick(q > 0.5, lambda: np_.log(2 * (1 - q)), lambda: -np_.log(2 * q)),
    mean=lambda: 0.0, var=lambda: 2.0, entropy=lambda: LOG_2 + 1,
)  # fmt: skip
family(
    stats.logistic, guarded=False,
    log=lambda z: -np_.abs(z) - 2 * np_.log1p(np_.exp(-np_.abs(z))),
    cdf=lambda z: sc.expit(z), sf=lambda z: sc.expit(-z), logcdf=lambda z: sc.log_expit(z),
    logsf=lambda z: sc.log_expit(-z), quantile=lambda q: sc.logit(q), upper_quantile=lambda q: -sc.logit(q),
    mean=lambda: 0.0, var=lambda: math.pi**2 / 3, entropy=lambda: 2.0,
)  # fmt: skip
family(
    stats.gumbel_r,
    log=lambda z: -z - np_.exp(-z),
    cdf=lambda z: np_.exp(-np_.exp(-z)), logcdf=lambda z: -np_.exp(-z), sf=lambda z: -np_.expm1(-np_.exp(-z)),
    quantile=lambda q: -np_.log(-np_.log(q)), upper_quantile=lambda q: -np_.log(-np_.log1p(-q)),
    mean=lambda: EULER, var=lambda: math.pi**2 / 6, entropy=lambda: EULER + 1,
)  # fmt: skip
family(
    stats.gumbel_l,
    log=lambda z: z - np_.exp(z),
    cdf=lambda z: -np_.expm1(-np_.exp(z)), sf=lambda z: np_.exp(-np_.exp(z)), logsf=lambda z: -np_.exp(z),
    quantile=lambda q: np_.log(-np_.log1p(-q)), upper_quantile=lambda q: np_.log(-np_.log(q)),
    mean=lambda: -EULER, var=lambda: math.pi**2 / 6, entropy=lambda: EULER + 1,
)  # fmt: skip
family(
    stats.t, fixed="df", guarded=False,
    log=lambda z, df: sc.gammaln((df + 1) / 2) - sc.gammaln(df / 2) - 0.5 * (np_.log(df) + LOG_PI)
    - (df + 1) / 2 * np_.log1p(np_.square(z) / df),
    cdf=lambda z, df: sc.stdtr(df, z), sf=lambda z, df: sc.stdtr(df, -z),
    quantile=lambda q, df: np_.copysign(sc.stdtrit(df, q), q - 0.5),  # which is inf for q = 0
    upper_quantile=lambda q, df: np_.copysign(sc.stdtrit(df, q), 0.5 - q),
    mean=lambda df: pick(df <= 1, math.inf, lambda: 0.0 * df),
    var=lambda df: pick(df > 2, lambda: df / (df - 2), lambda: pick(df > 1, math.inf, math.nan)),
    entropy=lambda df: (df + 1) / 2 * (sc.psi((df + 1) / 2) - sc.psi(df / 2)) + 0.5 * np_.log(df)
    + sc.betaln(df / 2, 0.5),
)  # fmt: skip
family(
    stats.gennorm, fixed="beta",
    log=lambda z, beta: np_.log(0.5 * beta) - sc.gammaln(1 / beta) - np_.abs(z) ** beta,
    cdf=lambda z, beta: 0.5 + 0.5 * np_.sign(z) * sc.gammainc(1 / beta, np_.abs(z) ** beta),
    sf=lambda z, beta: 0.5 - 0.5 * np_.sign(z) * sc.gammainc(1 / beta, np_.abs(z) ** beta),
    mean=lambda beta: 0.0, var=lambda beta: np_.exp(sc.gammaln(3 / beta) - sc.gammaln(1 / beta)),
    entropy=lambda beta: 1 / beta - np_.log(0.5 * beta) + sc.gammaln(1 / beta),
)  # fmt: skip
family(
    stats.skewnorm, shapes={"a": "real"},
    log=lambda z, a: LOG_2 + normal_log(z) + sc.log_ndtr(a * z),
    cdf=lambda z, a: sc.ndtr(z) - 2 * sc.owens_t(z, a), sf=lambda z, a: sc.ndtr(-z) + 2 * sc.owens_t(z, a),
    mean=lambda a: math.sqrt(2 / math.pi) * a / np_.sqrt(1 + np_.square(a)),
    var=lambda a: 1 - 2 / math.pi * np_.square(a) / (1 + np_.square(a)),
)  # fmt: skip
family(
    stats.exponnorm, low=-math.inf, safe=0.0,
    log=lambda z, K: (0.5 / K - z) / K + sc.log_ndtr(z - 1 / K) - np_.log(K),
    cdf=lambda z, K: sc.ndtr(z) - np_.exp((0.5 / K - z) / K + sc.log_ndtr(z - 1 / K)),
    sf=lambda z, K: sc.ndtr(-z) + np_.exp((0.5 / K - z) / K + sc.log_ndtr(z - 1 / K)),
    mean=lambda K: K, var=lambda K: 1 + np_.square(K),
)  # fmt: skip
family(
    stats.loggamma, fixed="c",
    log=lambda z, c: c * z - np_.exp(z) - sc.gammaln(c),
    cdf=lambda z, c: sc.gammainc(c, np_.exp(z)), sf=lambda z, c: sc.gammaincc(c, np_.exp(z)),
    quantile=lambda q, c: np_.log(sc.gammaincinv(c, q)), upper_quantile=lambda q, c: np_.log(sc.gammainccinv(c, q)),
    mean=lambda c: sc.psi(c), var=lambda c: sc.zeta(2, c), entropy=lambda c: sc.gammaln(c) - c * sc.psi(c) + c,
)  # fmt: skip
family(
    stats.hypsecant,
    log=lambda z: -LOG_PI - np_.logaddexp(z, -z) + LOG_2,
    cdf=lambda z: 2 / math.pi * np_.arctan(np_.exp(z)), sf=lambda z: 2 / math.pi * np_.arctan(np_.exp(-z)),
    quantile=lambda q: pick(
        q < 0.5, lambda: np_.log(np_.tan(0.5 * math.pi * q)), lambda: -np_.log(np_.tan(0.5 * math.pi * (1 - q)))),
    upper_quantile=lambda q: pick(
        q < 0.5, lambda: -np_.log(np_.tan(0.5 * math.pi * q)), lambda: np_.log(np_.tan(0.5 * math.pi * (1 - q)))),
    mean=lambda: 0.0, var=lambda: math.pi**2 / 4, entropy=lambda: math.log(2 * math.pi),
)  # fmt: skip
family(
    stats.johnsonsu, shapes={"a": "real"},
    log=lambda z, a, b: np_.log(b) - 0.5 * np_.log1p(np_.square(z)) + normal_log(a + b * np_.arcsinh(z)),
    cdf=lambda z, a, b: sc.ndtr(a + b * np_.arcsinh(z)), sf=lambda z, a, b: sc.ndtr(-(a + b * np_.arcsinh(z))),
    quantile=lambda q, a, b: np_.sinh((sc.ndtri(q) - a) / b),
    upper_quantile=lambda q, a, b: np_.sinh((-sc.ndtri(q) - a) / b), guarded=False,
)  # fmt: skip
family(
    stats.genlogistic, low=-math.inf, hollow="low", safe=0.0,
    log=lambda z, c: np_.log(c) - z - (c + 1) * np_.logaddexp(0.0, -z),
    logcdf=lambda z, c: -c * np_.logaddexp(0.0, -z), sf=lambda z, c: -np_.expm1(-c * np_.logaddexp(0.0, -z)),
    quantile=lambda q, c: -np_.log(np_.expm1(-np_.log(q) / c)),
    mean=lambda c: EULER + sc.psi(c), var=lambda c: math.pi**2 / 6 + sc.zeta(2, c),
    entropy=lambda c: sc.psi(c + 1) - np_.log(c) + EULER + 1,
)  # fmt: skip
family(
    stats.moyal,
    log=lambda z: -0.5 * (z + np_.exp(-z)) - HALF_LOG_2_PI,
    cdf=lambda z: sc.erfc(np_.exp(-0.5 * z) / ROOT_2), sf=lambda z: sc.erf(np_.exp(-0.5 * z) / ROOT_2),
    quantile=lambda q: -np_.log(2 * np_.square(sc.erfcinv(q))),
    mean=lambda: LOG_2 + EULER, var=lambda: math.pi**2 / 2,
)  # fmt: skip
family(
    stats.laplace_asymmetric,
    log=lambda z, kappa: z * pick(z >= 0, lambda: -kappa, lambda: 1 / kappa) - np_.log(kappa + 1 / kappa),
    mean=lambda kappa: 1 / kappa - kappa, var=lambda kappa: 1 / np_.square(kappa) + np_.square(kappa),
    entropy=lambda kappa: 1 + np_.log(kappa + 1 / kappa),
)  # fmt: skip
family(
    stats.powernorm,
    log=lambda z, c: np_.log(c) + normal_log(z) + (c - 1) * sc.log_ndtr(-z),
    logsf=lambda z, c: c * sc.log_ndtr(-z), cdf=lambda z, c: -np_.expm1(c * sc.log_ndtr(-z)),
    quantile=lambda q, c: -sc.ndtri((1 - q) ** (1 / c)), upper_quantile=lambda q, c: -sc.ndtri(q ** (1 / c)),
)  # fmt: skip
family(
    stats.vonmises, shapes={"kappa": "not negative"},
    log=lambda z, kappa: kappa * sc.cosm1(z) - math.log(2 * math.pi) - np_.log(sc.i0e(kappa)),
    entropy=lambda kappa: -kappa * sc.i1e(kappa) / sc.i0e(kappa) + math.log(2 * math.pi)
    + np_.log(sc.i0e(kappa)) + kappa,
)  # fmt: skip
family(
    stats.vonmises_line, shapes={"kappa": "not negative"}, low=-math.pi, high=math.pi,
    log=lambda z, kappa: kappa * sc.cosm1(z) - math.log(2 * math.pi) - np_.log(sc.i0e(kappa)),
    entropy=lambda kappa: -kappa * sc.i1e(kappa) / sc.i0e(kappa) + math.log(2 * math.pi)
    + np_.log(sc.i0e(kappa)) + kappa,
)  # fmt: skip

# ---- on [0, inf) ---------------------------------------------------------------------------------------------

family(
    stats.expon, low=0,
    log=lambda z: -z, cdf=lambda z: -np_.expm1(-z), sf=lambda z: np_.exp(-z), logsf=lambda z: -z,
    quantile=lambda q: -np_.log1p(-q), upper_quantile=lambda q: -np_.log(q),
    mean=lambda: 1.0, var=lambda: 1.0, entropy=lambda: 1.0,
)  # fmt: skip
family(
    stats.gamma, stats.erlang, low=0, safe=1.0, guarded=False, fixed="a",
    log=lambda z, a: sc.xlogy(a - 1, z) - z - sc.gammaln(a),
    cdf=lambda z, a: sc.gammainc(a, z), sf=lambda z, a: sc.gammaincc(a, z),
    quantile=lambda q, a: sc.gammaincinv(a, q), upper_quantile=lambda q, a: sc.gammainccinv(a, q),
    mean=lambda a: a, var=lambda a: a, entropy=lambda a: sc.psi(a) * (1 - a) + a + sc.gammaln(a),
)  # fmt: skip
family(
    stats.chi2, low=0, safe=1.0, guarded=False, fixed="df",
    log=lambda z, df: sc.xlogy(df / 2 - 1, z) - z / 2 - sc.gammaln(df / 2) - 0.5 * LOG_2 * df,
    cdf=lambda z, df: sc.gammainc(df / 2, z / 2), sf=lambda z, df: sc.gammaincc(df / 2, z / 2),
    quantile=lambda q, df: 2 * sc.gammaincinv(df / 2, q), upper_quantile=lambda q, df: 2 * sc.gammainccinv(df / 2, q),
    mean=lambda df: df, var=lambda df: 2 * df,
    entropy=lambda df: df / 2 + LOG_2 + sc.gammaln(df / 2) + (1 - df / 2) * sc.psi(df / 2),
)  # fmt: skip
family(
    stats.chi, low=0, safe=1.0, guarded=False, fixed="df",
    log=lambda z, df: LOG_2 - 0.5 * LOG_2 * df - sc.gammaln(df / 2) + sc.xlogy(df - 1, z) - 0.5 * np_.square(z),
    cdf=lambda z, df: sc.gammainc(df / 2, 0.5 * np_.square(z)),
    sf=lambda z, df: sc.gammaincc(df / 2, 0.5 * np_.square(z)),
    quantile=lambda q, df: np_.sqrt(2 * sc.gammaincinv(df / 2, q)),
    upper_quantile=lambda q, df: np_.sqrt(2 * sc.gammainccinv(df / 2, q)),
    mean=lambda df: ROOT_2 * sc.poch(df / 2, 0.5), var=lambda df: df - 2 * np_.square(sc.poch(df / 2, 0.5)),
    entropy=lambda df: sc.gammaln(df / 2) + 0.5 * (df - LOG_2 - (df - 1) * sc.psi(df / 2)),
)  # fmt: skip
family(
    stats.halfnorm, low=0,
    log=lambda z: 0.5 * math.log(2 / math.pi) - 0.5 * np_.square(z),
    cdf=lambda z: sc.erf(z / ROOT_2), sf=lambda z: sc.erfc(z / ROOT_2),
    quantile=lambda q: ROOT_2 * sc.erfinv(q), upper_quantile=lambda q: ROOT_2 * sc.erfcinv(q),
    mean=lambda: math.sqrt(2 / math.pi), var=lambda: 1 - 2 / math.pi, entropy=lambda: 0.5 * math.log(math.pi / 2) + 0.5,
)  # fmt: skip
family(
    stats.halfcauchy, low=0,
    log=lambda z: math.log(2 / math.pi) - np_.log1p(np_.square(z)),
    cdf=lambda z: 2 / math.pi * np_.arctan(z), sf=lambda z: 2 / math.pi * np_.arctan2(1.0, z),
    quantile=lambda q: 1 / np_.tan(0.5 * math.pi * (1 - q)), upper_quantile=lambda q: 1 / np_.tan(0.5 * math.pi * q),
    mean=lambda: math.inf, var=lambda: math.inf, entropy=lambda: math.log(2 * math.pi),
)  # fmt: skip
family(
    stats.halflogistic, low=0,
    log=lambda z: LOG_2 - z - 2 * np_.log1p(np_.exp(-z)),
    cdf=lambda z: np_.tanh(z / 2), sf=lambda z: 2 * sc.expit(-z),
    quantile=lambda q: 2 * np_.arctanh(q), upper_quantile=lambda q: -sc.logit(0.5 * q),
    mean=lambda: math.log(4), var=lambda: math.pi**2 / 3 - math.log(4) ** 2, entropy=lambda: 2 - LOG_2,
)  # fmt: skip
family(
    stats.rayleigh, low=0, high=math.inf, hollow="both", safe=1.0,
    log=lambda z: np_.log(z) - 0.5 * np_.square(z),
    cdf=lambda z: -np_.expm1(-0.5 * np_.square(z)), logsf=lambda z: -0.5 * np_.square(z),
    quantile=lambda q: np_.sqrt(-2 * np_.log1p(-q)), upper_quantile=lambda q: np_.sqrt(-2 * np_.log(q)),
    mean=lambda: math.sqrt(math.pi / 2), var=lambda: 2 - math.pi / 2, entropy=lambda: EULER / 2 + 1 - 0.5 * LOG_2,
)  # fmt: skip
family(
    stats.maxwell, low=0, safe=1.0, guarded=False,
    log=lambda z: 0.5 * math.log(2 / math.pi) + 2 * np_.log(z) - 0.5 * np_.square(z),
    cdf=lambda z: sc.gammainc(1.5, 0.5 * np_.square(z)), sf=lambda z: sc.gammaincc(1.5, 0.5 * np_.square(z)),
    quantile=lambda q: np_.sqrt(2 * sc.gammaincinv(1.5, q)),
    upper_quantile=lambda q: np_.sqrt(2 * sc.gammainccinv(1.5, q)),
    mean=lambda: 2 * math.sqrt(2 / math.pi), var=lambda: 3 - 8 / math.pi,
    entropy=lambda: EULER + HALF_LOG_2_PI - 0.5,
)  # fmt: skip
family(
    stats.lognorm, low=0, hollow="low", safe=1.0, guarded=False,
    log=lambda z, s: normal_log(np_.log(z) / s) - np_.log(s) - np_.log(z),
    cdf=lambda z, s: sc.ndtr(np_.log(z) / s), sf=lambda z, s: sc.ndtr(-np_.log(z) / s),
    logcdf=lambda z, s: sc.log_ndtr(np_.log(z) / s), logsf=lambda z, s: sc.log_ndtr(-np_.log(z) / s),
    quantile=lambda q, s: np_.exp(s * sc.ndtri(q)), upper_quantile=lambda q, s: np_.exp(-s * sc.ndtri(q)),
    mean=lambda s: np_.exp(0.5 * np_.square(s)),
    var=lambda s: np_.exp(np_.square(s)) * np_.expm1(np_.square(s)), entropy=lambda s: 0.5 + HALF_LOG_2_PI + np_.log(s),
)  # fmt: skip
family(
    stats.weibull_min, low=0, safe=1.0,
    log=lambda z, c: np_.log(c) + sc.xlogy(c - 1, z) - z**c,
    cdf=lambda z, c: -np_.expm1(-(z**c)), logsf=lambda z, c: -(z**c),
    quantile=lambda q, c: (-np_.log1p(-q)) ** (1 / c), upper_quantile=lambda q, c: (-np_.log(q)) ** (1 / c),
    mean=lambda c: sc.gamma(1 + 1 / c), var=lambda c: sc.gamma(1 + 2 / c) - np_.square(sc.gamma(1 + 1 / c)),
    entropy=lambda c: -EULER / c - np_.log(c) + EULER + 1,
)  # fmt: skip
family(
    stats.weibull_max, high=0, safe=-1.0,
    log=lambda z, c: np_.log(c) + sc.xlogy(c - 1, -z) - (-z) ** c,
    logcdf=lambda z, c: -((-z) ** c), sf=lambda z, c: -np_.expm1(-((-z) ** c)),
    quantile=lambda q, c: -((-np_.log(q)) ** (1 / c)), upper_quantile=lambda q, c: -((-np_.log1p(-q)) ** (1 / c)),
    mean=lambda c: -sc.gamma(1 + 1 / c), var=lambda c: sc.gamma(1 + 2 / c) - np_.square(sc.gamma(1 + 1 / c)),
    entropy=lambda c: -EULER / c - np_.log(c) + EULER + 1,
)  # fmt: skip
family(
    stats.invgamma, low=0, hollow="low", safe=1.0, guarded=False, fixed="a",
    log=lambda z, a: -(a + 1) * np_.log(z) - sc.gammaln(a) - 1 / z,
    cdf=lambda z, a: sc.gammaincc(a, 1 / z), sf=lambda z, a: sc.gammainc(a, 1 / z),
    quantile=lambda q, a: 1 / sc.gammainccinv(a, q), upper_quantile=lambda q, a: 1 / sc.gammaincinv(a, q),
    mean=lambda a: pick(a <= 1, math.inf, lambda: 1 / (a - 1)),
    var=lambda a: pick(a <= 2, math.inf, lambda: 1 / (np_.square(a - 1) * (a - 2))),
    entropy=lambda a: a - (a + 1) * sc.psi(a) + sc.gammaln(a),
)  # fmt: skip


def inverse_gaussian_log(z: Any, mu: Any) -> Any:
    return -HALF_LOG_2_PI - 1.5 * np_.log(z) - np_.square(z / mu - 1) / (2 * z)


def inverse_gaussian_tail(z: Any, mu: Any, sign: int) -> Any:
    """log cdf (sign 1) or log sf (sign -1), as two normal tails whose quotient stays in range."""
    root = np_.sqrt(z)
    first = sc.log_ndtr(sign * (z / mu - 1) / root)
    return first + np_.log1p(sign * np_.exp(2 / mu + sc.log_ndtr(-(z / mu + 1) / root) - first))


family(
    stats.invgauss, low=0, high=math.inf, hollow="both", safe=1.0,
    log=inverse_gaussian_log, logcdf=lambda z, mu: inverse_gaussian_tail(z, mu, 1),
    logsf=lambda z, mu: inverse_gaussian_tail(z, mu, -1), mean=lambda mu: mu, var=lambda mu: mu**3,
)  # fmt: skip
family(
    stats.wald, low=0, high=math.inf, hollow="both", safe=1.0,
    log=lambda z: inverse_gaussian_log(z, 1.0), logcdf=lambda z: inverse_gaussian_tail(z, 1.0, 1),
    logsf=lambda z: inverse_gaussian_tail(z, 1.0, -1), mean=lambda: 1.0, var=lambda: 1.0,
)  # fmt: skip
family(
    stats.f, low=0, safe=1.0, fixed="dfn dfd",
    log=lambda z, dfn, dfd: dfd / 2 * np_.log(dfd) + dfn / 2 * np_.log(dfn) + sc.xlogy(dfn / 2 - 1, z)
    - (dfn + dfd) / 2 * np_.log(dfd + dfn * z) - sc.betaln(dfn / 2, dfd / 2),
    cdf=lambda z, dfn, dfd: sc.fdtr(dfn, dfd, z), sf=lambda z, dfn, dfd: sc.fdtrc(dfn, dfd, z),
    quantile=lambda q, dfn, dfd: sc.fdtri(dfn, dfd, q),
    mean=lambda dfn, dfd: pick(dfd <= 2, math.inf, lambda: dfd / (dfd - 2)),
    var=lambda dfn, dfd: pick(
        dfd <= 4, math.inf, lambda: 2 * np_.square(dfd) * (dfn + dfd - 2) / (dfn * np_.square(dfd - 2) * (dfd - 4))),
    entropy=lambda dfn, dfd: np_.log(dfd) - np_.log(dfn) + sc.betaln(dfn / 2, dfd / 2)
    + (1 - dfn / 2) * sc.psi(dfn / 2) - (1 + dfd / 2) * sc.psi(dfd / 2) + (dfn + dfd) / 2 * sc.psi((dfn + dfd) / 2),
)  # fmt: skip
family(
    stats.pareto, low=1, safe=2.0,
    log=lambda z, b: np_.log(b) - (b + 1) * np_.log(z),
    cdf=lambda z, b: 1 - z**-b, sf=lambda z, b: z**-b, logsf=lambda z, b: -b * np_.log(z),
    quantile=lambda q, b: (1 - q) ** (-1 / b), upper_quantile=lambda q, b: q ** (-1 / b),
    mean=lambda b: pick(b <= 1, math.inf, lambda: b / (b - 1)),
    var=lambda b: pick(b <= 2, math.inf, lambda: b / ((b - 2) * np_.square(b - 1))),
    entropy=lambda b: 1 + 1 / b - np_.log(b),
)  # fmt: skip
family(
    stats.lomax, low=0, safe=1.0,
    log=lambda z, c: np_.log(c) - (c + 1) * np_.log1p(z),
    cdf=lambda z, c: -np_.expm1(-c * np_.log1p(z)), logsf=lambda z, c: -c * np_.log1p(z),
    quantile=lambda q, c: np_.expm1(-np_.log1p(-q) / c), upper_quantile=lambda q, c: q ** (-1 / c) - 1,
    mean=lambda c: pick(c <= 1, math.inf, lambda: 1 / (c - 1)),
    var=lambda c: pick(c <= 2, math.inf, lambda: c / ((c - 2) * np_.square(c - 1))),
    entropy=lambda c: 1 + 1 / c - np_.log(c),
)  # fmt: skip

# ---- on an interval ------------------------------------------------------------------------------------------

family(
    stats.uniform, low=0, high=1,
    log=lambda z: 0.0, cdf=lambda z: z, sf=lambda z: 1 - z, quantile=lambda q: q, upper_quantile=lambda q: 1 - q,
    mean=lambda: 0.5, var=lambda: 1 / 12, entropy=lambda: 0.0,
)  # fmt: skip
family(
    stats.beta, low=0, high=1, safe=0.5, guarded=False, fixed="a b",
    log=lambda z, a, b: sc.xlog1py(b - 1, -z) + sc.xlogy(a - 1, z) - sc.betaln(a, b),
    cdf=lambda z, a, b: sc.betainc(a, b, z), sf=lambda z, a, b: sc.betaincc(a, b, z),
    quantile=lambda q, a, b: sc.betaincinv(a, b, q), upper_quantile=lambda q, a, b: sc.betainccinv(a, b, q),
    mean=lambda a, b: a / (a + b), var=lambda a, b: a * b / (np_.square(a + b) * (a + b + 1)),
    entropy=lambda a, b: sc.betaln(a, b) - (a - 1) * sc.psi(a) - (b - 1) * sc.psi(b) + (a + b - 2) * sc.psi(a + b),
)  # fmt: skip
family(
    stats.powerlaw, low=0, high=1, safe=0.5,
    log=lambda z, a: np_.log(a) + sc.xlogy(a - 1, z), cdf=lambda z, a: z**a, logcdf=lambda z, a: a * np_.log(z),
    sf=lambda z, a: -np_.expm1(a * np_.log(z)), quantile=lambda q, a: q ** (1 / a),
    mean=lambda a: a / (a + 1), var=lambda a: a / ((a + 2) * np_.square(a + 1)),
    entropy=lambda a: 1 - 1 / a - np_.log(a),
)  # fmt: skip
family(
    stats.loguniform, stats.reciprocal, low=lambda a, b: a, high=lambda a, b: b, safe=1.0,
    valid=lambda a, b: b > a,
    log=lambda z, a, b: -np_.log(z) - np_.log(np_.log(b) - np_.log(a)),
    cdf=lambda z, a, b: (np_.log(z) - np_.log(a)) / (np_.log(b) - np_.log(a)),
    quantile=lambda q, a, b: np_.exp(np_.log(a) + q * (np_.log(b) - np_.log(a))),
    mean=lambda a, b: (b - a) / (np_.log(b) - np_.log(a)),
    entropy=lambda a, b: 0.5 * (np_.log(a) + np_.log(b)) + np_.log(np_.log(b) - np_.log(a)),
)  # fmt: skip
family(
    stats.triang, shapes={"c": "probability"}, low=0, high=1, safe=0.5,
    log=lambda z, c: LOG_2 + pick(z < c, lambda: np_.log(z) - np_.log(c), lambda: np_.log1p(-z) - np_.log1p(-c)),
    cdf=lambda z, c: pick(z < c, lambda: np_.square(z) / c, lambda: 1 - np_.square(1 - z) / (1 - c)),
    quantile=lambda q, c: pick(q < c, lambda: np_.sqrt(c * q), lambda: 1 - np_.sqrt((1 - c) * (1 - q))),
    mean=lambda c: (c + 1) / 3, var=lambda c: (1 - c + np_.square(c)) / 18, entropy=lambda c: 0.5 - LOG_2,
)  # fmt: skip


def normal_mass(a: Any, b: Any) -> Any:
    """log(ndtr(b) - ndtr(a)), as a difference of the tails that are small: on the left where a is negative."""
    flipped = a > 0
    low, high = pick(flipped, lambda: -b, a), pick(flipped, lambda: -a, b)
    first = sc.log_ndtr(high)
    return first + np_.log1p(-np_.exp(sc.log_ndtr(low) - first))


family(
    stats.truncnorm, shapes={"a": "real", "b": "real"}, valid=lambda a, b: a < b,
    low=lambda a, b: a, high=lambda a, b: b,
    log=lambda z, a, b: normal_log(z) - normal_mass(a, b),
    logcdf=lambda z, a, b: normal_mass(a, z) - normal_mass(a, b),
    logsf=lambda z, a, b: normal_mass(z, b) - normal_mass(a, b),
)  # fmt: skip
family(
    stats.truncexpon, low=0, high=lambda b: b,
    log=lambda z, b: -z - np_.log(-np_.expm1(-b)),
    cdf=lambda z, b: np_.expm1(-z) / np_.expm1(-b), sf=lambda z, b: (np_.exp(-b) - np_.exp(-z)) / np_.expm1(-b),
    quantile=lambda q, b: -np_.log1p(q * np_.expm1(-b)),
    upper_quantile=lambda q, b: -np_.log(np_.exp(-b) - q * np_.expm1(-b)),
    entropy=lambda b: np_.log(np_.expm1(b)) - (1 + np_.exp(b) * (b - 1)) / np_.expm1(b),
)  # fmt: skip
family(
    stats.wrapcauchy, shapes={"c": "inside 0 and 1"}, low=0, high=2 * math.pi,
    log=lambda z, c: np_.log((1 - np_.square(c)) / (2 * math.pi * (1 + np_.square(c) - 2 * c * np_.cos(z)))),
    entropy=lambda c: np_.log(2 * math.pi * (1 - np_.square(c))),
)  # fmt: skip
