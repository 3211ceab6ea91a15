"""How two samples are related, with the p-values: correlation, regression, and tests of Student.

The p-value of a statistic t with n degrees of freedom is the regularised incomplete beta function of n / (n + t**2)
(DLMF 8.17; Abramowitz and Stegun 26.7.1). What is refused: samples of several axes, one-sided alternatives.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from scipy import stats

from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.defined.registry import Declined, array, hold, ndim, written_as
from srcgrad.rules.stats.values import sc

Significance = namedtuple("Significance", "statistic pvalue")
Regression = namedtuple("Regression", "slope intercept rvalue pvalue stderr")


def _samples(*samples: Any) -> list[Sym]:
    """Vectors; raises Declined for anything else."""
    if any(ndim(sample) != 1 for sample in samples):
        raise Declined
    return [array(sample) for sample in samples]


def _centred(x: Sym) -> Sym:
    return hold(x - xp.mean(x), "centred")


def _two_sided(t: Sym, df: Sym) -> Sym:
    """The p-value of a statistic of Student's distribution."""
    return sc.betainc(0.5 * df, 0.5, df / (df + t * t))


@written_as(stats.pearsonr)
def pearsonr(x: Any, y: Any, *, alternative: Any = "two-sided", method: Any = None, axis: Any = 0) -> Any:
    if alternative != "two-sided" or method is not None or axis not in (0, -1):
        return None
    x, y = _samples(x, y)
    a, b = _centred(x), _centred(y)
    r = hold(xp.clip(xp.sum(a * b) / xp.sqrt(xp.sum(a * a) * xp.sum(b * b)), -1.0, 1.0), "r")
    half = hold(0.5 * helper(len)(x) - 1.0, "half")
    return Significance(r, 2.0 * sc.betainc(half, half, 0.5 * (1.0 - xp.abs(r))))


@written_as(stats.linregress)
def linregress(x: Any, y: Any, alternative: Any = "two-sided", *, axis: Any = 0) -> Any:
    if alternative != "two-sided" or axis not in (0, -1):
        return None
    x, y = _samples(x, y)
    a, b = _centred(x), _centred(y)
    of_x, of_y = hold(xp.sum(a * a), "of_x"), hold(xp.sum(b * b), "of_y")
    both = hold(xp.sum(a * b), "both")
    slope, r = hold(both / of_x, "slope"), hold(xp.clip(both / xp.sqrt(of_x * of_y), -1.0, 1.0), "r")
    df = hold(helper(len)(x) - 2.0, "df")
    left = hold(1.0 - r * r, "left")
    p = sc.betainc(0.5 * df, 0.5, left)
    return Regression(slope, xp.mean(y) - slope * xp.mean(x), r, p, xp.sqrt(left * of_y / of_x / df))


@written_as(stats.ttest_1samp)
def ttest_1samp(
    a: Any, popmean: Any, axis: Any = 0, nan_policy: Any = "propagate", alternative: Any = "two-sided"
) -> Any:
    if alternative != "two-sided" or nan_policy != "propagate" or axis not in (0, -1, None) or ndim(popmean):
        return None
    (a,) = _samples(a)
    df = hold(helper(len)(a) - 1.0, "df")
    t = hold((xp.mean(a) - popmean) / xp.sqrt(xp.var(a, ddof=1) / helper(len)(a)), "t")
    return Significance(t, _two_sided(t, df))


@written_as(stats.ttest_rel)
def ttest_rel(
    a: Any, b: Any, axis: Any = 0, nan_policy: Any = "propagate", alternative: Any = "two-sided"
) -> Any:
    a, b = _samples(a, b)
    return ttest_1samp(hold(a - b, "apart"), 0.0, axis, nan_policy, alternative)


@written_as(stats.ttest_ind)
def ttest_ind(
    a: Any, b: Any, *, axis: Any = 0, equal_var: Any = True, nan_policy: Any = "propagate",
    alternative: Any = "two-sided",
) -> Any:  # fmt: skip
    if alternative != "two-sided" or nan_policy != "propagate" or axis not in (0, -1, None) or equal_var is not True:
        return None
    a, b = _samples(a, b)
    m, n = helper(len)(a), helper(len)(b)
    df = hold(m + n - 2.0, "df")
    pooled = ((m - 1) * xp.var(a, ddof=1) + (n - 1) * xp.var(b, ddof=1)) / df
    t = hold((xp.mean(a) - xp.mean(b)) / xp.sqrt(pooled * (1.0 / m + 1.0 / n)), "t")
    return Significance(t, _two_sided(t, df))
