"""Distances of scipy.spatial.distance: between two vectors, and metrics of cdist and pdist that have no rule.

Each metric is a function of vectors along the last axis, which broadcasts over the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import scipy.spatial
import scipy.spatial.distance as sd

from srcgrad.rules.build import Namespace, Sym, helper, xp
from srcgrad.rules.defined.registry import array, hold, written_as

_built: Any = Namespace(sd, "scipy.spatial.distance")


def _sum(x: Any, w: Any = None) -> Sym:
    return xp.sum(x if w is None else w * x, axis=-1)


def _norm(x: Any, w: Any = None, ord: Any = None) -> Sym:
    """The norm, which has a gradient of zero at zero."""
    scaled = x if w is None else xp.power(w, 1 / (2 if ord is None else ord)) * x
    return xp.linalg.norm(scaled, axis=-1) if ord is None else xp.linalg.norm(scaled, ord=ord, axis=-1)


def euclidean(u: Any, v: Any, w: Any = None) -> Sym:
    return _norm(u - v, w)


def sqeuclidean(u: Any, v: Any, w: Any = None) -> Sym:
    return _sum((u - v) ** 2, w)


def cityblock(u: Any, v: Any, w: Any = None) -> Sym:
    return _sum(xp.abs(u - v), w)


def chebyshev(u: Any, v: Any, w: Any = None) -> Sym:
    apart = xp.abs(u - v)
    return xp.max(apart if w is None else xp.where(w > 0, apart, 0.0), axis=-1)


def minkowski(u: Any, v: Any, p: Any = 2, w: Any = None) -> Sym | None:
    return _norm(u - v, w, p) if isinstance(p, (int, float)) and p > 0 else None


def cosine(u: Any, v: Any, w: Any = None) -> Sym:
    return 1 - _sum(u * v, w) / xp.sqrt(_sum(u * u, w) * _sum(v * v, w))


def correlation(u: Any, v: Any, w: Any = None, centered: Any = True) -> Sym:
    if centered:
        u, v = (hold(x - _mean(x, w), "centered") for x in (u, v))
    return cosine(u, v, w)


def _mean(x: Sym, w: Any) -> Sym:
    if w is None:
        return xp.mean(x, axis=-1, keepdims=True)
    return xp.sum(w * x, axis=-1, keepdims=True) / xp.sum(w)


def seuclidean(u: Any, v: Any, V: Any) -> Sym:
    return _norm((u - v) / xp.sqrt(V))


def mahalanobis(u: Any, v: Any, VI: Any) -> Sym:
    apart = hold(u - v, "apart")
    square = hold(_sum((apart @ VI) * apart), "square")
    return xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1.0)), 0.0)


def braycurtis(u: Any, v: Any, w: Any = None) -> Sym:
    return _sum(xp.abs(u - v), w) / _sum(xp.abs(u + v), w)


def canberra(u: Any, v: Any, w: Any = None) -> Sym:
    apart, whole = xp.abs(u - v), hold(xp.abs(u) + xp.abs(v), "whole")
    return _sum(xp.where(whole > 0, apart / xp.where(whole > 0, whole, 1.0), 0.0), w)


_METRICS: dict[str, Callable[..., Any]] = {
    metric.__name__: metric for metric in (
        euclidean, sqeuclidean, cityblock, chebyshev, minkowski, cosine, correlation, seuclidean, mahalanobis,
        braycurtis, canberra,
    )
}  # fmt: skip
_NAMES = {"manhattan": "cityblock", "l1": "cityblock", "cheby": "chebyshev", "l2": "euclidean"}


def _of_two(metric: Callable[..., Any]) -> Callable[..., Any]:
    """A metric of two vectors, which may be lists."""

    def definition(u: Any, v: Any, *args: Any, **options: Any) -> Any:
        options = {k: v for k, v in options.items() if v is not None}
        return metric(array(u), array(v), *(array(a) if isinstance(a, list) else a for a in args), **options)

    return definition


for _name, _metric in _METRICS.items():
    written_as(getattr(sd, _name))(_of_two(_metric))


# ---- of truth values, which may be numbers between 0 and 1 ---------------------------------------------------


def _shares(u: Sym, v: Sym, w: Any) -> tuple[Sym, Sym, Sym]:
    """How much is true in both vectors, in one alone, and in neither."""
    one = _sum((1.0 - u) * v, w) + _sum(u * (1.0 - v), w)
    return hold(_sum(u * v, w), "both"), hold(one, "one"), hold(_sum((1.0 - u) * (1.0 - v), w), "neither")


def dice(u: Sym, v: Sym, w: Any = None) -> Sym:
    both, one, _ = _shares(u, v, w)
    return one / (2.0 * both + one)


def rogerstanimoto(u: Sym, v: Sym, w: Any = None) -> Sym:
    both, one, neither = _shares(u, v, w)
    return 2.0 * one / (both + neither + 2.0 * one)


def russellrao(u: Sym, v: Sym, w: Any = None) -> Sym:
    return 1.0 - _sum(u * v, w) / (helper(len)(u) if w is None else xp.sum(w))


def sokalsneath(u: Sym, v: Sym, w: Any = None) -> Sym:
    both, one, _ = _shares(u, v, w)
    return 2.0 * one / (both + 2.0 * one)


def yule(u: Sym, v: Sym, w: Any = None) -> Sym:
    first, second = _sum(u * (1.0 - v), w), _sum((1.0 - u) * v, w)
    apart = hold(first * second, "apart")
    return 2.0 * apart / (_sum(u * v, w) * _sum((1.0 - u) * (1.0 - v), w) + apart)


def hamming(u: Sym, v: Sym, w: Any = None) -> Sym | None:
    return None if w is None else xp.sum(w * u.ne(v)) / xp.sum(w)


def jaccard(u: Sym, v: Sym, w: Any = None) -> Sym | None:
    if w is None:
        return None
    return xp.sum(w * u.ne(0).ne(v.ne(0))) / xp.sum(w * xp.logical_or(u, v))


for _metric in (dice, rogerstanimoto, russellrao, sokalsneath, yule, hamming, jaccard):
    written_as(getattr(sd, _metric.__name__))(_of_two(_metric))


def _between(u: Sym, v: Sym, metric: Any, options: dict[str, Any]) -> Sym | None:
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "")
    known = _METRICS.get(_NAMES.get(name, name))
    if known is None or (not isinstance(metric, str) and metric is not getattr(sd, name, None)):
        return None
    needed = {"seuclidean": "V", "mahalanobis": "VI"}.get(known.__name__)
    if "out" in options or (needed is not None and needed not in options):
        return None
    return known(u, v, **{k: array(o) if isinstance(o, list) else o for k, o in options.items() if o is not None})


@written_as(sd.cdist)
def cdist(XA: Any, XB: Any, metric: Any = "euclidean", **options: Any) -> Sym | None:
    if metric in ("euclidean", "sqeuclidean") and not options:
        return None
    return _between(array(XA)[:, None], array(XB)[None], metric, options)


@written_as(scipy.spatial.distance_matrix)
def distance_matrix(x: Any, y: Any, p: Any = 2, threshold: Any = 1000000) -> Sym | None:
    return minkowski(array(x)[:, None], array(y)[None], p)


@written_as(scipy.spatial.minkowski_distance)
def minkowski_distance(x: Any, y: Any, p: Any = 2) -> Sym | None:
    return minkowski(array(x), array(y), p)


@written_as(scipy.spatial.minkowski_distance_p)
def minkowski_distance_p(x: Any, y: Any, p: Any = 2) -> Sym | None:
    apart = xp.abs(array(x) - array(y))
    if not isinstance(p, (int, float)) or p <= 0:
        return None
    return xp.max(apart, axis=-1) if p == math.inf else xp.sum(apart if p == 1 else apart**p, axis=-1)


@written_as(sd.pdist)
def pdist(X: Any, metric: Any = "euclidean", **options: Any) -> Sym | None:
    if metric in ("euclidean", "sqeuclidean") and not options:
        return None
    x = array(X)
    first = hold(xp.repeat(xp.arange(helper(len)(x)), xp.arange(helper(len)(x))[::-1]), "first")
    count = hold(xp.arange(first.size), "count")
    row = hold(xp.arange(helper(len)(x)), "row")
    # the pairs are (0, 1), (0, 2), ..., (1, 2), ...: each row begins where all rows before it end
    begins = hold(row * helper(len)(x) - row * (row + 1) // 2, "begins")
    second = count - begins[first] + first + 1
    return _between(x[first], x[hold(second, "second")], metric, options)


@written_as(sd.jensenshannon)
def jensenshannon(first: Any, second: Any, /, base: Any = None, *, axis: Any = 0, keepdims: Any = False) -> Sym:
    import scipy.special

    special: Any = Namespace(scipy.special, "scipy.special")
    options = {"axis": axis, "keepdims": keepdims} if keepdims else {"axis": axis}
    p, q = (hold(x / xp.sum(x, axis=axis, keepdims=True), "share") for x in (array(first), array(second)))
    middle = hold(0.5 * (p + q), "middle")
    total = xp.sum(special.rel_entr(p, middle) + special.rel_entr(q, middle), **options)
    if base is None:
        return xp.sqrt(0.5 * total)
    return xp.sqrt(0.5 / (xp.log(base) if isinstance(base, Sym) else math.log(base)) * total)
