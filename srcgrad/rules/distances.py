"""Functions of scipy.spatial.distance; loaded where the first is looked up.

Euclidean distances between many points have rules, so that SciPy computes them; those of other metrics are defined by
NumPy (rules/defined/distances.py). Where two points are the same, the gradient of their distance is zero.
"""

from __future__ import annotations

from typing import Any

import scipy.spatial.distance as sd

from srcgrad import runtime
from srcgrad.analysis import infer_shapes
from srcgrad.analysis.operands import array_of_expr
from srcgrad.analysis.signatures import Bound
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Array, Kind, dims, rank
from srcgrad.ir.nodes import Prim
from srcgrad.rules.build import Namespace, Sym, helper, xp
from srcgrad.rules.defined import distances  # noqa: F401  (its definitions)
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, jvp, linear, vjp
from srcgrad.rules.transposed import kind_like

distance: Any = Namespace(sd, "scipy.spatial.distance")


def _slopes(d: Sym, out: Sym, metric: Any) -> Sym:
    """What each distance, of a difference, contributes for each unit of that difference."""
    found = literal(metric, "metric")
    if found not in ("euclidean", "sqeuclidean"):
        raise KindError(f"distances of metric {found!r} are not differentiated")
    return d / (out + out.eq(0)) if found == "euclidean" else 2 * d


_apart = helper(runtime.weighted_differences)


@linear(runtime.weighted_differences, "weights")
def _apart_weights(d: Sym, weights: Sym, a: Sym, b: Sym) -> Sym:
    return (d * a).sum(axis=1)[:, None] - d @ b.T


@linear(runtime.weighted_differences, "a")
def _apart_first(d: Sym, weights: Sym, a: Sym, b: Sym) -> Sym:
    return weights.sum(axis=1)[:, None] * d


@jvp(runtime.weighted_differences, "a")
def _apart_first_tangent(t: Sym, weights: Sym, a: Sym, b: Sym) -> Sym:
    return weights.sum(axis=1)[:, None] * t


@linear(runtime.weighted_differences, "b")
def _apart_second(d: Sym, weights: Sym, a: Sym, b: Sym) -> Sym:
    return -(weights.T @ d)


@jvp(runtime.weighted_differences, "b")
def _apart_second_tangent(t: Sym, weights: Sym, a: Sym, b: Sym) -> Sym:
    return -(weights @ t)


@vjp(sd.cdist, "XA")
def _cdist_left(d: Sym, out: Sym, XA: Sym, XB: Sym, metric: Any = "euclidean") -> Sym:
    return _apart(_slopes(d, out, metric), XA, XB)


@vjp(sd.cdist, "XB")
def _cdist_right(d: Sym, out: Sym, XA: Sym, XB: Sym, metric: Any = "euclidean") -> Sym:
    return _apart(_slopes(d, out, metric).T, XB, XA)


@jvp(sd.cdist, "XA")
def _cdist_left_tangent(t: Sym, out: Sym, XA: Sym, XB: Sym, metric: Any = "euclidean") -> Sym:
    return _slopes((XA * t).sum(axis=1)[:, None] - t @ XB.T, out, metric)


@jvp(sd.cdist, "XB")
def _cdist_right_tangent(t: Sym, out: Sym, XA: Sym, XB: Sym, metric: Any = "euclidean") -> Sym:
    return _slopes((XB * t).sum(axis=1) - XA @ t.T, out, metric)


@vjp(sd.pdist, "X")
def _pdist(d: Sym, out: Sym, X: Sym, metric: Any = "euclidean") -> Sym:
    return _apart(distance.squareform(_slopes(d, out, metric)), X, X)


@jvp(sd.pdist, "X")
def _pdist_tangent(t: Sym, out: Sym, X: Sym, metric: Any = "euclidean") -> Sym:
    own, mixed = (X * t).sum(axis=1), X @ t.T
    return _slopes(distance.squareform(own[:, None] + own - mixed - mixed.T, checks=False), out, metric)


@linear(sd.squareform, "X")
def _squareform(d: Sym, X: Sym, force: Any = "no", checks: Any = True) -> Sym:
    n = rank(X.kind)
    if n not in (1, 2):
        raise KindError("scipy.spatial.distance.squareform is differentiated for vectors and matrices")
    return distance.squareform(d + d.T, checks=False) if n == 1 else xp.triu(distance.squareform(d))


@jvp(sd.squareform, "X")
def _squareform_tangent(t: Sym, X: Sym, force: Any = "no", checks: Any = True) -> Sym:
    return distance.squareform(t, checks=False)


def _pairs(prim: Prim, bound: Bound) -> Kind:
    shapes = [dims(array_of_expr(bound[name])) for name in ("XA", "XB")]
    return Array("float64", tuple(shape[0] if shape else None for shape in shapes))


def _square(prim: Prim, bound: Bound) -> Kind:
    x = array_of_expr(bound["X"])
    shapes: dict[int, Any] = {1: (None, None), 2: (None,)}
    return Array(x.dtype, None if x.dims is None else shapes.get(len(x.dims)))


infer_shapes.RULES[runtime.weighted_differences] = kind_like("a", "weights", "a")
infer_shapes.RULES[sd.cdist] = _pairs
infer_shapes.RULES[sd.pdist] = lambda prim, bound: Array("float64", (None,))
infer_shapes.RULES[sd.squareform] = _square

constant(
    sd.dice, sd.hamming, sd.jaccard, sd.rogerstanimoto, sd.russellrao, sd.sokalsneath, sd.yule, sd.is_valid_dm,
    sd.is_valid_y, sd.num_obs_dm, sd.num_obs_y,
)  # fmt: skip
