"""Distributions of whole numbers: derivatives by their parameters, none by the number itself."""

from __future__ import annotations

from scipy import stats

from srcgrad.rules.stats.family import family, np_, sc

family(
    stats.bernoulli, shapes={"p": "probability"}, low=0, high=1, safe=0.0,
    log=lambda k, p: sc.xlogy(k, p) + sc.xlog1py(1 - k, -p),
    cdf=lambda k, p: 1 - p, sf=lambda k, p: p,
    mean=lambda p: p, var=lambda p: p * (1 - p), entropy=lambda p: sc.entr(p) + sc.entr(1 - p),
)  # fmt: skip
family(
    stats.binom, shapes={"n": "whole", "p": "probability"}, low=0, high=lambda n, p: n, safe=0.0,
    log=lambda k, n, p: sc.gammaln(n + 1) - sc.gammaln(k + 1) - sc.gammaln(n - k + 1)
    + sc.xlogy(k, p) + sc.xlog1py(n - k, -p),
    cdf=lambda k, n, p: sc.betainc(n - k, k + 1, 1 - p), sf=lambda k, n, p: sc.betainc(k + 1, n - k, p),
    mean=lambda n, p: n * p, var=lambda n, p: n * p * (1 - p),
)  # fmt: skip
family(
    stats.poisson, shapes={"mu": "not negative"}, low=0, safe=0.0,
    log=lambda k, mu: sc.xlogy(k, mu) - sc.gammaln(k + 1) - mu,
    cdf=lambda k, mu: sc.gammaincc(k + 1, mu), sf=lambda k, mu: sc.gammainc(k + 1, mu),
    mean=lambda mu: mu, var=lambda mu: mu,
)  # fmt: skip
family(
    stats.geom, shapes={"p": "probability"}, low=1, safe=1.0,
    log=lambda k, p: sc.xlog1py(k - 1, -p) + np_.log(p),
    cdf=lambda k, p: -np_.expm1(k * np_.log1p(-p)), logsf=lambda k, p: k * np_.log1p(-p),
    mean=lambda p: 1 / p, var=lambda p: (1 - p) / np_.square(p),
)  # fmt: skip
family(
    stats.nbinom, shapes={"p": "probability"}, low=0, safe=0.0, fixed="n",
    log=lambda k, n, p: sc.gammaln(n + k) - sc.gammaln(k + 1) - sc.gammaln(n) + sc.xlogy(n, p) + sc.xlog1py(k, -p),
    cdf=lambda k, n, p: sc.betainc(n, k + 1, p), sf=lambda k, n, p: sc.betaincc(n, k + 1, p),
    mean=lambda n, p: n * (1 - p) / p, var=lambda n, p: n * (1 - p) / np_.square(p),
)  # fmt: skip
family(
    stats.betabinom, shapes={"n": "whole"}, low=0, high=lambda n, a, b: n, safe=0.0,
    log=lambda k, n, a, b: -np_.log(n + 1) - sc.betaln(n - k + 1, k + 1) + sc.betaln(k + a, n - k + b)
    - sc.betaln(a, b),
    mean=lambda n, a, b: n * a / (a + b),
    var=lambda n, a, b: n * a * b * (a + b + n) / (np_.square(a + b) * (a + b + 1)),
)  # fmt: skip
family(
    stats.betanbinom, shapes={"n": "whole"}, low=0, safe=0.0,
    log=lambda k, n, a, b: -np_.log(n + k) - sc.betaln(n, k + 1) + sc.betaln(a + n, b + k) - sc.betaln(a, b),
)  # fmt: skip
family(
    stats.logser, shapes={"p": "inside 0 and 1"}, low=1, safe=1.0,
    log=lambda k, p: k * np_.log(p) - np_.log(k) - np_.log(-np_.log1p(-p)),
)  # fmt: skip
family(
    stats.planck, low=0,
    log=lambda k, lambda_: np_.log(-np_.expm1(-lambda_)) - lambda_ * k,
    cdf=lambda k, lambda_: -np_.expm1(-lambda_ * (k + 1)), logsf=lambda k, lambda_: -lambda_ * (k + 1),
    mean=lambda lambda_: 1 / np_.expm1(lambda_),
    var=lambda lambda_: np_.exp(-lambda_) / np_.square(np_.expm1(-lambda_)),
    entropy=lambda lambda_: -lambda_ * np_.exp(-lambda_) / np_.expm1(-lambda_) - np_.log(-np_.expm1(-lambda_)),
)  # fmt: skip
family(
    stats.dlaplace,
    log=lambda k, a: np_.log(np_.tanh(a / 2)) - a * np_.abs(k),
    mean=lambda a: 0.0, var=lambda a: 2 * np_.exp(a) / np_.square(np_.expm1(a)),
    entropy=lambda a: a / np_.sinh(a) - np_.log(np_.tanh(a / 2)),
)  # fmt: skip
family(
    stats.yulesimon, low=1, safe=1.0,
    log=lambda k, alpha: np_.log(alpha) + sc.betaln(k, alpha + 1),
    sf=lambda k, alpha: k * sc.beta(k, alpha + 1), cdf=lambda k, alpha: 1 - k * sc.beta(k, alpha + 1),
)  # fmt: skip
family(
    stats.boltzmann, shapes={"N": "whole"}, low=0, high=lambda lambda_, N: N - 1,
    log=lambda k, lambda_, N: np_.log(-np_.expm1(-lambda_)) - np_.log(-np_.expm1(-lambda_ * N)) - lambda_ * k,
    cdf=lambda k, lambda_, N: np_.expm1(-lambda_ * (k + 1)) / np_.expm1(-lambda_ * N),
)  # fmt: skip
