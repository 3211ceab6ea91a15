"""Summaries of samples in scipy.stats, written with means along an axis; what keywords they do not take is refused."""

from __future__ import annotations

import math
from typing import Any

from scipy import stats

from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.defined.registry import array, flattened, hold, ndim, written_as
from srcgrad.rules.stats.values import given, sc


class Sample:
    """A sample along an axis: its means, and the deviations from its mean."""

    def __init__(self, a: Any, axis: Any, keepdims: Any = False) -> None:
        whole = array(given(a, "a"))
        self.flat = axis is None
        self.a: Sym = flattened(whole) if axis is None else whole
        self.axis: Any = 0 if axis is None else axis
        self.keep, self.single = keepdims, ndim(self.a) == 1

    def mean(self, x: Sym, keepdims: bool = False) -> Sym:
        if self.single and not keepdims:
            return xp.mean(x)
        return xp.mean(x, axis=self.axis, **({"keepdims": True} if keepdims else {}))

    def total(self, x: Sym) -> Sym:
        return xp.sum(x) if self.single and not self.keep else xp.sum(x, axis=self.axis, **self.kept())

    def result(self, x: Sym) -> Sym:
        return self.mean(x, bool(self.keep))

    def kept(self) -> dict[str, Any]:
        return {"keepdims": True} if self.keep else {}

    def centre(self) -> Sym:
        """The mean, as it is subtracted from the sample."""
        return self.mean(self.a, not self.single)

    def size(self) -> Sym:
        return self.a.shape[self.axis]

    def deviations(self) -> Sym:
        return hold(self.a - self.centre(), "deviations")

    def spread(self, ddof: Any, keepdims: bool = False) -> Sym:
        """The standard deviation."""
        options = {"ddof": ddof} if ddof != 0 else {}
        if self.single and not keepdims:
            return xp.std(self.a, **options)
        return xp.std(self.a, axis=self.axis, **options, **({"keepdims": True} if keepdims else {}))


def _usual(nan_policy: Any, *others: Any) -> bool:
    return nan_policy == "propagate" and all(other is None for other in others)


@written_as(stats.zscore)
def zscore(a: Any, axis: Any = 0, ddof: Any = 0, nan_policy: Any = "propagate") -> Sym | None:
    return _standardized(a, a, axis, ddof, nan_policy)


@written_as(stats.zmap)
def zmap(scores: Any, compare: Any, axis: Any = 0, ddof: Any = 0, nan_policy: Any = "propagate") -> Sym | None:
    return _standardized(scores, compare, axis, ddof, nan_policy)


@written_as(stats.gzscore)
def gzscore(a: Any, *, axis: Any = 0, ddof: Any = 0, nan_policy: Any = "propagate") -> Sym | None:
    logs = hold(xp.log(array(given(a, "a"))), "logs")
    return _standardized(logs, logs, axis, ddof, nan_policy)


def _standardized(scores: Any, compare: Any, axis: Any, ddof: Any, nan_policy: Any) -> Sym | None:
    if not _usual(nan_policy):
        return None
    s, whole = Sample(compare, axis), array(given(scores, "scores"))
    if s.flat and ndim(array(compare)) > 1:
        return (whole - xp.mean(s.a)) / xp.std(s.a, **({"ddof": ddof} if ddof != 0 else {}))
    return (whole - s.centre()) / s.spread(ddof, not s.single)


@written_as(stats.gmean)
def gmean(a: Any, axis: Any = 0, dtype: Any = None, weights: Any = None, *, nan_policy: Any = "propagate",
          keepdims: Any = False) -> Sym | None:  # fmt: skip
    if not _usual(nan_policy, dtype):
        return None
    return _power_mean(a, 0, axis, weights, keepdims)


@written_as(stats.hmean)
def hmean(a: Any, axis: Any = 0, dtype: Any = None, *, weights: Any = None, nan_policy: Any = "propagate",
          keepdims: Any = False) -> Sym | None:  # fmt: skip
    return _power_mean(a, -1, axis, weights, keepdims) if _usual(nan_policy, dtype) else None


@written_as(stats.pmean, known=("axis", "keepdims"))
def pmean(a: Any, p: Any, *, axis: Any = 0, dtype: Any = None, weights: Any = None, nan_policy: Any = "propagate",
          keepdims: Any = False) -> Sym | None:  # fmt: skip
    return _power_mean(a, p, axis, weights, keepdims) if _usual(nan_policy, dtype) else None


def _power_mean(a: Any, p: Any, axis: Any, weights: Any, keepdims: Any) -> Sym | None:
    s = Sample(a, axis, keepdims)
    zero = not isinstance(p, Sym) and p == 0
    powers = xp.log(s.a) if zero else 1 / s.a if not isinstance(p, Sym) and p == -1 else s.a**p
    if weights is None:
        mean = s.result(powers)
    else:
        w = array(given(weights, "weights"))
        if ndim(w) != ndim(s.a) or s.flat:
            return None
        mean = s.total(w * powers) / s.total(w)
    if zero:
        return xp.exp(mean)
    return 1 / mean if not isinstance(p, Sym) and p == -1 else mean ** (1 / p)


@written_as(stats.sem)
def sem(a: Any, axis: Any = 0, ddof: Any = 1, nan_policy: Any = "propagate", *, keepdims: Any = False) -> Sym | None:
    s = Sample(a, axis, keepdims)
    return s.spread(ddof, keepdims) / xp.sqrt(s.size()) if _usual(nan_policy) else None


@written_as(stats.gstd)
def gstd(a: Any, axis: Any = 0, ddof: Any = 1, *, keepdims: Any = False, nan_policy: Any = "propagate") -> Sym | None:
    if not _usual(nan_policy):
        return None
    return xp.exp(Sample(hold(xp.log(array(given(a, "a"))), "logs"), axis, keepdims).spread(ddof, keepdims))


@written_as(stats.variation)
def variation(a: Any, axis: Any = 0, nan_policy: Any = "propagate", ddof: Any = 0, *,
              keepdims: Any = False) -> Sym | None:  # fmt: skip
    s = Sample(a, axis, keepdims)
    return s.spread(ddof, keepdims) / s.result(s.a) if _usual(nan_policy) else None


@written_as(stats.moment)
def moment(a: Any, order: Any = 1, axis: Any = 0, nan_policy: Any = "propagate", *, center: Any = None,
           keepdims: Any = False) -> Sym | None:  # fmt: skip
    if not _usual(nan_policy) or not isinstance(order, int) or order < 1:
        return None
    s = Sample(a, axis, keepdims)
    return s.result((s.deviations() if center is None else s.a - center) ** order)


@written_as(stats.skew)
def skew(a: Any, axis: Any = 0, bias: Any = True, nan_policy: Any = "propagate", *,
         keepdims: Any = False) -> Sym | None:  # fmt: skip
    if not _usual(nan_policy):
        return None
    s = Sample(a, axis, keepdims)
    d = s.deviations()
    found = s.result(d**3) / s.result(xp.square(d)) ** 1.5
    n = s.size()
    return found if bias else found * xp.sqrt(n * (n - 1)) / (n - 2)


@written_as(stats.kurtosis)
def kurtosis(a: Any, axis: Any = 0, fisher: Any = True, bias: Any = True, nan_policy: Any = "propagate", *,
             keepdims: Any = False) -> Sym | None:  # fmt: skip
    if not _usual(nan_policy):
        return None
    s = Sample(a, axis, keepdims)
    squares = hold(xp.square(s.deviations()), "squares")
    found = s.result(xp.square(squares)) / xp.square(s.result(squares))
    n = s.size()
    if not bias:
        found = ((n * n - 1.0) * found - 3 * (n - 1.0) ** 2) / ((n - 2) * (n - 3)) + 3
    return found - 3 if fisher else found


@written_as(stats.tmean)
def tmean(a: Any, limits: Any = None, inclusive: Any = (True, True), axis: Any = None, *,
          nan_policy: Any = "propagate", keepdims: Any = False) -> Sym | None:  # fmt: skip
    s = Sample(a, axis, keepdims)
    return s.result(s.a) if _usual(nan_policy, limits) and not (axis is None and keepdims) else None


@written_as(stats.tvar)
def tvar(a: Any, limits: Any = None, inclusive: Any = (True, True), axis: Any = 0, ddof: Any = 1, *,
         nan_policy: Any = "propagate", keepdims: Any = False) -> Sym | None:  # fmt: skip
    return xp.square(Sample(a, axis, keepdims).spread(ddof, keepdims)) if _usual(nan_policy, limits) else None


@written_as(stats.tstd)
def tstd(a: Any, limits: Any = None, inclusive: Any = (True, True), axis: Any = 0, ddof: Any = 1, *,
         nan_policy: Any = "propagate", keepdims: Any = False) -> Sym | None:  # fmt: skip
    return Sample(a, axis, keepdims).spread(ddof, keepdims) if _usual(nan_policy, limits) else None


@written_as(stats.tsem)
def tsem(a: Any, limits: Any = None, inclusive: Any = (True, True), axis: Any = 0, ddof: Any = 1, *,
         nan_policy: Any = "propagate", keepdims: Any = False) -> Sym | None:  # fmt: skip
    return sem(a, axis, ddof, nan_policy, keepdims=keepdims) if limits is None else None


@written_as(stats.entropy)
def entropy(pk: Any, qk: Any = None, base: Any = None, axis: Any = 0, *, nan_policy: Any = "propagate",
            keepdims: Any = False) -> Sym | None:  # fmt: skip
    if not _usual(nan_policy) or isinstance(base, Sym):
        return None
    s = Sample(pk, axis, keepdims)
    p = s.a / xp.sum(s.a, axis=s.axis, keepdims=True)
    if qk is None:
        found = s.total(sc.entr(p))
    else:
        q = Sample(qk, axis).a
        found = s.total(sc.rel_entr(p, q / xp.sum(q, axis=s.axis, keepdims=True)))
    return found if base is None else found / math.log(base)


@written_as(stats.iqr)
def iqr(x: Any, axis: Any = None, rng: Any = (25, 75), scale: Any = 1.0, nan_policy: Any = "propagate",
        interpolation: Any = "linear", keepdims: Any = False) -> Sym | None:  # fmt: skip
    if not _usual(nan_policy) or isinstance(scale, str) or interpolation != "linear" or keepdims is not False:
        return None
    if not all(isinstance(bound, (int, float)) for bound in rng):
        return None
    s = Sample(x, axis)
    over = {} if s.single else {"axis": s.axis}
    found = xp.quantile(s.a, max(rng) / 100, **over) - xp.quantile(s.a, min(rng) / 100, **over)
    return found if scale == 1.0 else found / scale


@written_as(stats.median_abs_deviation)
def median_abs_deviation(x: Any, axis: Any = 0, center: Any = None, scale: Any = 1.0, nan_policy: Any = "propagate",
                         *, keepdims: Any = False) -> Sym | None:  # fmt: skip
    s = Sample(x, axis)
    if not _usual(nan_policy, center) or keepdims is not False or isinstance(scale, str) or not s.single:
        return None
    found = xp.median(xp.abs(s.a - xp.median(s.a)))
    return found if scale == 1.0 else found / scale


def _angles(samples: Any, high: Any, low: Any, axis: Any) -> tuple[Sym, Sym, float]:
    """The means of sine and cosine, and the period over 2 pi."""
    s, period = Sample(samples, axis), (high - low) / (2 * math.pi)
    angles = hold((s.a - low) / period, "angles")
    return hold(s.result(xp.sin(angles)), "sine"), hold(s.result(xp.cos(angles)), "cosine"), period


@written_as(stats.circmean)
def circmean(samples: Any, high: Any = 2 * math.pi, low: Any = 0, axis: Any = None, nan_policy: Any = "propagate", *,
             keepdims: Any = False) -> Sym | None:  # fmt: skip
    if not _usual(nan_policy) or keepdims is not False or isinstance(high, Sym) or isinstance(low, Sym):
        return None
    sine, cosine, period = _angles(samples, high, low, axis)
    return xp.mod(xp.arctan2(sine, cosine), 2 * math.pi) * period + low


@written_as(stats.circvar)
def circvar(samples: Any, high: Any = 2 * math.pi, low: Any = 0, axis: Any = None, nan_policy: Any = "propagate", *,
            keepdims: Any = False) -> Sym | None:  # fmt: skip
    if not _usual(nan_policy) or keepdims is not False or isinstance(high, Sym) or isinstance(low, Sym):
        return None
    sine, cosine, _ = _angles(samples, high, low, axis)
    return 1 - xp.hypot(sine, cosine)


@written_as(stats.circstd)
def circstd(samples: Any, high: Any = 2 * math.pi, low: Any = 0, axis: Any = None, nan_policy: Any = "propagate", *,
            normalize: Any = False, keepdims: Any = False) -> Sym | None:  # fmt: skip
    if not _usual(nan_policy) or keepdims is not False or isinstance(high, Sym) or isinstance(low, Sym):
        return None
    sine, cosine, period = _angles(samples, high, low, axis)
    found = xp.sqrt(-2 * xp.log(xp.hypot(sine, cosine)))
    return found if normalize else found * period


@written_as(stats.boxcox)
def boxcox(x: Any, lmbda: Any = None, alpha: Any = None, optimizer: Any = None) -> Sym | None:
    return sc.boxcox(array(given(x, "x")), lmbda) if lmbda is not None and alpha is None else None


@written_as(stats.boxcox_llf)
def boxcox_llf(lmb: Any, data: Any, *, axis: Any = 0, keepdims: Any = False, nan_policy: Any = "propagate") -> Any:
    s = Sample(data, axis, keepdims)
    if not _usual(nan_policy) or not s.single or keepdims is not False:
        return None
    spread = xp.log(xp.var(sc.boxcox(s.a, lmb)))
    return (lmb - 1) * xp.sum(xp.log(s.a)) - 0.5 * helper(len)(s.a) * spread


@written_as(stats.yeojohnson)
def yeojohnson(x: Any, lmbda: Any = None) -> Sym | None:
    if lmbda is None:
        return None
    x = array(given(x, "x"))
    up, down = xp.maximum(x, 0.0), xp.maximum(-x, 0.0)
    return xp.where(x >= 0, sc.boxcox1p(up, lmbda), -sc.boxcox1p(down, 2 - lmbda))
