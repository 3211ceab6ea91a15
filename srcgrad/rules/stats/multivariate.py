"""Distributions of vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from srcgrad.rules.build import Sym, xp
from srcgrad.rules.defined.registry import Declined, array, hold, ndim, written_as
from srcgrad.rules.effects import DECLARED
from srcgrad.rules.objects import HOLDERS, OBJECTS
from srcgrad.rules.stats.values import given, np_, sc


def _declare(*methods: Any) -> Any:
    DECLARED.update(methods)
    return written_as(*methods, known=("allow_singular",))


def _normal(x: Any, mean: Any, cov: Any, allow_singular: Any) -> Sym:
    """The logarithm of the normal density of one vector, or of each row of a matrix, by a Cholesky factor."""
    x, cov = given(x, "x"), given(cov, "cov")
    mean = None if mean is None else given(mean, "mean")
    known = ndim(cov) > 0 or (mean is not None and ndim(mean) == 1)  # how many coordinates there are
    if allow_singular or not known or not isinstance(x, Sym) or ndim(x) not in (1, 2):
        raise Declined
    difference = hold(x if mean is None else x - mean, "difference")
    if ndim(cov) < 2:
        return _independent(difference, cov)
    factor = hold(xp.linalg.cholesky(cov), "factor")
    solved = hold(xp.linalg.solve(factor, difference.T if ndim(difference) == 2 else difference), "solved")
    squares = xp.sum(xp.square(solved), axis=0) if ndim(difference) == 2 else xp.sum(xp.square(solved))
    size = 0.5 * math.log(2 * math.pi) * cov.shape[0]
    return -0.5 * squares - size - xp.sum(xp.log(xp.diagonal(factor)))


def _independent(difference: Sym, cov: Any) -> Sym:
    """The same of coordinates with variances of their own, or with one for all."""
    n = ndim(difference)
    squares = xp.square(difference) / cov
    total = xp.sum(squares, axis=1) if n == 2 else xp.sum(squares)
    count = difference.shape[n - 1]
    logs = xp.sum(xp.log(cov)) if ndim(cov) == 1 else count * np_.log(cov)
    return -0.5 * total - 0.5 * math.log(2 * math.pi) * count - 0.5 * logs


@_declare(stats.multivariate_normal.logpdf)
def normal_logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: Any = False) -> Sym:
    return _normal(x, mean, cov, allow_singular)


@_declare(stats.multivariate_normal.pdf)
def normal_pdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: Any = False) -> Sym:
    return xp.exp(_normal(x, mean, cov, allow_singular))


@_declare(stats.multivariate_normal.entropy)
def normal_entropy(mean: Any = None, cov: Any = 1) -> Sym | None:
    cov = given(cov, "cov")
    if not isinstance(cov, Sym) or ndim(cov) != 2:
        return None
    factor = hold(xp.linalg.cholesky(cov), "factor")
    return 0.5 * (math.log(2 * math.pi) + 1) * cov.shape[0] + xp.sum(xp.log(xp.diagonal(factor)))


def _dirichlet(x: Any, alpha: Any) -> Sym:
    x, alpha = array(given(x, "x")), array(given(alpha, "alpha"))
    if ndim(alpha) != 1 or ndim(x) not in (1, 2) or (getattr(x.kind, "dims", None) or (1,))[0] == 1:
        raise Declined  # SciPy also takes all coordinates but the last
    terms = sc.xlogy(alpha - 1, x.T if ndim(x) == 2 else x)
    total = xp.sum(terms, axis=1) if ndim(x) == 2 else xp.sum(terms)
    return total + sc.gammaln(xp.sum(alpha)) - xp.sum(sc.gammaln(alpha))


@_declare(stats.dirichlet.logpdf)
def dirichlet_logpdf(x: Any, alpha: Any) -> Sym:
    return _dirichlet(x, alpha)


@_declare(stats.dirichlet.pdf)
def dirichlet_pdf(x: Any, alpha: Any) -> Sym:
    return xp.exp(_dirichlet(x, alpha))


@_declare(stats.dirichlet.mean)
def dirichlet_mean(alpha: Any) -> Sym:
    alpha = array(given(alpha, "alpha"))
    return alpha / xp.sum(alpha)


@_declare(stats.dirichlet.var)
def dirichlet_var(alpha: Any) -> Sym:
    alpha = array(given(alpha, "alpha"))
    total = hold(xp.sum(alpha), "total")
    return alpha * (total - alpha) / (xp.square(total) * (total + 1))


@_declare(stats.dirichlet.entropy)
def dirichlet_entropy(alpha: Any) -> Sym:
    alpha = array(given(alpha, "alpha"))
    total = hold(xp.sum(alpha), "total")
    spread = (total - alpha.shape[0]) * sc.psi(total)
    return xp.sum(sc.gammaln(alpha)) - sc.gammaln(total) + spread - xp.sum((alpha - 1) * sc.psi(alpha))




def _multinomial(x: Any, n: Any, p: Any) -> Sym:
    """SciPy takes the last probability to be what is missing from 1."""
    x, n, p = array(given(x, "x")), given(n, "n"), array(given(p, "p"))
    if ndim(p) != 1 or (isinstance(n, Sym) and ndim(n) != 0):
        raise Declined
    rest = p[:-1]
    whole = hold(xp.concatenate([rest, xp.array([1 - xp.sum(rest)])]), "whole")
    terms = sc.xlogy(x, whole) - sc.gammaln(x + 1)
    if ndim(x) == 1:
        return sc.gammaln(n + 1) + xp.sum(terms)
    return sc.gammaln(n + 1) + xp.sum(terms, axis=-1)


@_declare(stats.multinomial.logpmf)
def multinomial_logpmf(x: Any, n: Any, p: Any) -> Sym:
    return _multinomial(x, n, p)


@_declare(stats.multinomial.pmf)
def multinomial_pmf(x: Any, n: Any, p: Any) -> Sym:
    return xp.exp(_multinomial(x, n, p))


def _frozen_normal(frozen: Any) -> dict[str, Any]:
    singular = {"allow_singular": True} if frozen.allow_singular else {}
    return {"dist": stats.multivariate_normal, "mean": frozen.mean, "cov": frozen.cov, **singular}


HOLDERS[stats.multivariate_normal] = type(stats.multivariate_normal()), ("mean", "cov", "allow_singular")
HOLDERS[stats.dirichlet] = type(stats.dirichlet(np.ones(2))), ("alpha",)
HOLDERS[stats.multinomial] = type(stats.multinomial(1, [0.5, 0.5])), ("n", "p")
OBJECTS[HOLDERS[stats.multivariate_normal][0]] = _frozen_normal
OBJECTS[HOLDERS[stats.dirichlet][0]] = lambda frozen: {"dist": stats.dirichlet, "alpha": frozen.alpha}
OBJECTS[HOLDERS[stats.multinomial][0]] = lambda frozen: {"dist": stats.multinomial, "n": frozen.n, "p": frozen.p}
