"""Cumulative distribution functions of scipy.special and their inverses, by the argument and where a parameter is
known (DLMF 8.17 and 8.2); loaded with special.py."""

from __future__ import annotations

import math
from typing import Any

import scipy.special as sc

from srcgrad.analysis.infer import ELEMENTWISE
from srcgrad.rules.build import Sym, const, xp
from srcgrad.rules.registry import elementwise
from srcgrad.rules.special import beta_density, gamma_density, special

# ---- Student's t, F, chi-square and gamma --------------------------------------------------------------------


def t_density(df: Sym, x: Sym) -> Sym:
    """The density of Student's t: the derivative of stdtr in x."""
    rest = special.betaln(df / 2, 0.5) + 0.5 * xp.log(df) + (df + 1) / 2 * xp.log1p(xp.square(x) / df)
    return xp.exp(-rest)


def f_density(dfn: Sym, dfd: Sym, x: Sym) -> Sym:
    """The density of F: the derivative of fdtr in x."""
    part = dfn * x / (dfd + dfn * x)
    return beta_density(dfn / 2, dfd / 2, part) * dfn * dfd / (dfd + dfn * x) ** 2


elementwise(sc.stdtr, ..., lambda df, x, out: t_density(df, x), domain=("positive", "real"))
elementwise(sc.stdtrit, ..., lambda df, p, out: 1 / t_density(df, out), singular=True,
            domain=("positive", "probability"))  # fmt: skip
elementwise(sc.fdtr, ..., ..., lambda dfn, dfd, x, out: f_density(dfn, dfd, x), domain="positive")
elementwise(sc.fdtrc, ..., ..., lambda dfn, dfd, x, out: -f_density(dfn, dfd, x), domain="positive")
elementwise(sc.fdtri, ..., ..., lambda dfn, dfd, p, out: 1 / f_density(dfn, dfd, out), singular=True,
            domain=("above 1", "above 1", "probability"))  # fmt: skip
elementwise(sc.chdtr, ..., lambda v, x, out: 0.5 * gamma_density(v / 2, x / 2), domain="positive")
elementwise(sc.chdtrc, ..., lambda v, x, out: -0.5 * gamma_density(v / 2, x / 2), domain="positive")
elementwise(sc.chdtri, ..., lambda v, p, out: -2 / gamma_density(v / 2, out / 2), singular=True,
            domain=("positive", "probability"))  # fmt: skip
elementwise(sc.gdtr, lambda a, b, x, out: x * gamma_density(b, a * x), ...,
            lambda a, b, x, out: a * gamma_density(b, a * x), domain="positive")  # fmt: skip
elementwise(sc.gdtrc, lambda a, b, x, out: -x * gamma_density(b, a * x), ...,
            lambda a, b, x, out: -a * gamma_density(b, a * x), domain="positive")  # fmt: skip
elementwise(sc.gdtrix, lambda a, b, p, out: -out / a, ..., lambda a, b, p, out: 1 / (a * gamma_density(b, a * out)),
            singular=True, domain=("positive", "positive", "probability"))  # fmt: skip
elementwise(sc.betainccinv, ..., ..., lambda a, b, y, out: -1 / beta_density(a, b, out), singular=True,
            domain=("positive", "positive", "probability"))  # fmt: skip


def noncentral_density(x: Sym, df: Sym, nc: Sym) -> Sym:
    """The density of the noncentral chi-square (DLMF 10.25.2 in the mixture of Poisson): derivative of chndtr in x."""
    root = xp.sqrt(nc * x)
    scaled = xp.exp(-0.5 * xp.square(xp.sqrt(x) - xp.sqrt(nc))) * special.ive(df / 2 - 1, root)
    return 0.5 * scaled * (x / nc) ** (df / 4 - 0.5)


elementwise(
    sc.chndtr,
    lambda x, df, nc, out: noncentral_density(x, df, nc),
    ...,
    lambda x, df, nc, out: 0.5 * (special.chndtr(x, df + 2, nc) - out),
    singular=True, domain="positive",
)  # fmt: skip
elementwise(
    sc.chndtrix,
    lambda p, df, nc, out: 1 / noncentral_density(out, df, nc),
    ...,
    lambda p, df, nc, out: 0.5 * (p - special.chndtr(out, df + 2, nc)) / noncentral_density(out, df, nc),
    singular=True, domain=("probability", "positive", "positive"),
)  # fmt: skip

# ---- counts: incomplete beta and gamma functions of the count, which is rounded down ---------------------------


def floor(k: Sym) -> Any:
    """A count as SciPy takes it."""
    known = const(k.expr)
    return math.floor(known) if isinstance(known, (int, float)) else xp.floor(k)


elementwise(sc.pdtr, None, lambda k, m, out: -gamma_density(floor(k) + 1, m), domain=("order", "positive"))
elementwise(sc.pdtrc, None, lambda k, m, out: gamma_density(floor(k) + 1, m), domain=("order", "positive"))
elementwise(sc.pdtri, None, lambda k, y, out: -1 / gamma_density(k + 1, out), singular=True,
            domain=("count", "probability"))  # fmt: skip
elementwise(sc.bdtr, None, ..., lambda k, n, p, out: -beta_density(n - floor(k), floor(k) + 1, 1 - p),
            domain=("order", "many", "probability"))  # fmt: skip
elementwise(sc.bdtrc, None, ..., lambda k, n, p, out: beta_density(n - floor(k), floor(k) + 1, 1 - p),
            domain=("order", "many", "probability"))  # fmt: skip
elementwise(sc.bdtri, None, ..., lambda k, n, y, out: -1 / beta_density(n - floor(k), floor(k) + 1, 1 - out),
            singular=True, domain=("order", "many", "probability"))  # fmt: skip
elementwise(sc.nbdtr, None, ..., lambda k, n, p, out: beta_density(n, k + 1, p),
            domain=("count", "count", "probability"))  # fmt: skip
elementwise(sc.nbdtrc, None, ..., lambda k, n, p, out: -beta_density(n, k + 1, p),
            domain=("count", "count", "probability"))  # fmt: skip
elementwise(sc.nbdtri, None, ..., lambda k, n, y, out: 1 / beta_density(n, k + 1, out), singular=True,
            domain=("count", "count", "probability"))  # fmt: skip

# ---- the normal distribution -----------------------------------------------------------------------------------

elementwise(
    sc.owens_t,
    lambda h, a, out: -0.5 / math.sqrt(2 * math.pi) * xp.exp(-0.5 * xp.square(h)) * special.erf(a * h / math.sqrt(2)),
    lambda h, a, out: xp.exp(-0.5 * xp.square(h) * (1 + xp.square(a))) / (2 * math.pi * (1 + xp.square(a))),
)
elementwise(
    sc.nrdtrimn,
    lambda p, std, x, out: -math.sqrt(2 * math.pi) * std * xp.exp(0.5 * xp.square(special.ndtri(p))),
    lambda p, std, x, out: -special.ndtri(p),
    lambda p, std, x, out: 1,
    singular=True, domain=("probability", "positive", "real"),
)  # fmt: skip
elementwise(
    sc.nrdtrisd,
    lambda mn, p, x, out: -1 / special.ndtri(p),
    lambda mn, p, x, out: -out * math.sqrt(2 * math.pi) / special.ndtri(p)
    * xp.exp(0.5 * xp.square(special.ndtri(p))),
    lambda mn, p, x, out: 1 / special.ndtri(p),
    singular=True, domain=("positive", "upper", "above 1"),
)  # fmt: skip
elementwise(sc.tklmbda, lambda x, lmbda, out: 1 / (out ** (lmbda - 1) + (1 - out) ** (lmbda - 1)), ...,
            domain=("unit", "probability"))  # fmt: skip
ELEMENTWISE.update((sc.bdtr, sc.bdtrc, sc.bdtri))
