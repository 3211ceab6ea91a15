"""Every rule, held against central differences."""

import math
import operator
import zlib

import numpy as np
import pytest
import scipy.special as sc

from srcgrad import runtime
from srcgrad.errors import NoRuleError
from srcgrad.ir.nodes import Const, Name
from srcgrad.rules.build import Sym, const, guarded, xp
from srcgrad.rules.contributions import contributions
from srcgrad.rules.registry import RULES, effect, lookup
from tests.rules.cases_statistics import STATISTICS
from tests.rules.rule_eval import ListValue, build, check

FACTORS = (runtime.svd_u, runtime.svd_s, runtime.svd_vt, runtime.qr_q, runtime.qr_r, runtime.eigh_w, runtime.eigh_v)


def draw(rng, shape, domain, which=0):
    """Values at which functions of the domain are smooth; of several, that of the argument."""
    if isinstance(domain, tuple):
        domain = domain[which]
    n = int(np.prod(shape))
    far = rng.uniform(0.3, 1.5, n) * rng.choice([-1, 1], n)
    values = {
        "real": lambda: rng.standard_normal(n),
        "positive": lambda: rng.uniform(0.4, 2, n),
        "unit": lambda: rng.uniform(-0.8, 0.8, n),
        "negative": lambda: -rng.uniform(0.4, 2, n),
        "probability": lambda: rng.uniform(0.15, 0.85, n),
        "order": lambda: rng.integers(1, 4, n),
        "count": lambda: rng.integers(1, 4, n),
        "many": lambda: rng.integers(5, 9, n),
        "upper": lambda: rng.uniform(0.6, 0.85, n),
        "part": lambda: np.ones(n),
        "above 1": lambda: rng.uniform(1.3, 3, n),
        "away from 0": lambda: far,
        "steps": lambda: rng.uniform(2.1, 2.4, n) if which == 0 else rng.uniform(0.8, 0.85, n),
        "distinct": lambda: rng.permutation(np.arange(1, n + 1)) * 0.37 - 1.05 + 0.17 * which,
    }[domain]()
    if domain == "part":  # a literal: which result, or which derivative
        return 1
    return np.asarray(values, "int64" if domain == "count" else "float64").reshape(shape)


def narrow(x):
    """Floats in single precision."""
    return x.astype("float32") if getattr(x, "dtype", None) == np.float64 else x


def rng_for(*key):
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def name_of(fn):
    return f"{getattr(fn, '__module__', '') or ''}.{getattr(fn, '__name__', fn)}"


lookup(sc.erf)  # reads the rules of scipy.special
# what only matters for complex numbers: see test_complex
OF_COMPLEX = {fn for fn in RULES if name_of(fn).startswith(("cmath.", "numpy.fft."))} | {
    complex, np.complex64, np.complex128, np.angle, np.imag, np.conjugate, runtime.phase_of_det, runtime.eig_values,
    runtime.eig_vectors, runtime.resized_like, runtime.scaled_inside, runtime.roots_of,
}  # fmt: skip
ELEMENTWISE = [
    r for r in RULES.values() if r.form == "elementwise" and not r.own and r.fn not in {np.where, np.clip, *OF_COMPLEX}
]
STRIDED = {np.lib.stride_tricks.as_strided, runtime.strided_items, runtime.strided_sums}
"""Their arguments go together: see test_array_likes."""
SCALAR_ONLY = (abs, float)
ONE = [((3,),), ((2, 3),), ((),), ((1, 3),), ((0,),)]
TWO = [((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((2, 3), ()), ((), (2,)), ((1,), (4,)), ((), ()), ((2, 3),
    (2, 1))]


def shapes_for(rule):
    """Shapes of the arguments of an elementwise function: any number of them, which broadcast."""
    count = len(rule.params)
    return ONE if count == 1 else [tuple(pair[k % 2] for k in range(count)) for pair in TWO]


def known(rule):
    """The arguments that the rule has a derivative in."""
    return {*rule.builders, *rule.zero}


def is_scalar_function(rule):
    return rule.fn in (float,) or getattr(rule.fn, "__module__", "") == "math"


@pytest.mark.parametrize("mode", ["symbolic", "unknown", "known", "rankless"])
@pytest.mark.parametrize("rule", ELEMENTWISE, ids=lambda r: name_of(r.fn))
def test_elementwise(rule, mode):
    rng = rng_for(name_of(rule.fn))
    for shape in shapes_for(rule):
        args = [draw(rng, s, rule.domain, k) for k, s in enumerate(shape)]
        if is_scalar_function(rule):
            if not all(a.size for a in args):
                continue
            args = [float(a.flat[0]) for a in args]
        elif mode != "known":  # arrays without axes as they are, and as Python numbers
            args = [a if np.ndim(a) else np.asarray(a).item() for a in args]
        if rule.fn in (np.ldexp, math.ldexp):
            args[1] = 2
        call, env = build(rule.fn, args, {}, mode)
        for lazy in (False, True):
            for masked in (False, True):
                check(call, env, rng, lazy, masked, known(rule))


@pytest.mark.parametrize(
    "rule", [r for r in ELEMENTWISE if not is_scalar_function(r)], ids=lambda r: name_of(r.fn)
)
def test_single_precision_stays(rule):
    if rule.fn in (np.float64, np.float_power):
        pytest.skip("makes float64 of its arguments")
    rng = rng_for("single", name_of(rule.fn))
    for shape in shapes_for(rule)[: 2 if len(rule.params) == 1 else 3]:
        args = [narrow(draw(rng, s, rule.domain, k)) for k, s in enumerate(shape)]
        if rule.fn is np.ldexp:
            args[1] = 2
        call, env = build(rule.fn, args, {})
        check(call, env, rng, wanted=known(rule))
        mixed = [a if k == 0 or getattr(a, "dtype", None) != np.float32 else a.astype("float64")
                 for k, a in enumerate(args)]
        call, env = build(rule.fn, mixed, {})
        check(call, env, rng, wanted=known(rule))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, -0.5, 2.5])
def test_constant_exponents(exponent):
    rng = rng_for(exponent)
    for x in (rng.uniform(0.5, 2, (2, 3)), 1.7):
        call, env = build(operator.pow, (x, exponent), {})
        check(call, env, rng)
        check(call, env, rng, masked=True)


R = np.random.default_rng(7)
A23, A32, A33, V3, W3, V2, B234, B243 = (R.standard_normal(s) for s in [(2, 3), (3, 2), (3, 3), 3, 3, 2,
    (2, 3, 4), (2, 4, 3)])
M44 = R.standard_normal((4, 4)) + 4 * np.eye(4)
STACK = np.stack([M44, M44.T + 1])
T224 = R.standard_normal((2, 2, 4))
ZERO = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [1.5, 2.0, -1.0]])
MASK = np.array([[True, False, True], [False, True, True]])
CASES = [
    *((fn, (x,), kw) for fn in (np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std)
      for x, kw in [(V3, {}), (A23, {}), (A23, {"axis": 0}), (A23, {"axis": 1}),
      (A23, {"axis": -1, "keepdims": True}),
                    (A23, {"keepdims": True}), (B234, {"axis": 1}), (B234, {"axis": -1}), (B234, {"axis": 0})]),
    *((fn, (B234,), {"axis": axis}) for fn in (np.sum, np.mean, np.max, np.var) for axis in [(0, 1), (0, 2),
    (1, -1)]),
    *((np.prod, (ZERO,), {"axis": axis} if axis is not None else {}) for axis in (None, 0, 1)),
    (np.var, (A23,), {"axis": 1, "ddof": 1}), (np.std, (V3,), {"ddof": 1}),
    (np.cumsum, (V3,), {}), (np.cumsum, (A23,), {}), (np.cumsum, (A23,), {"axis": 1}),
    (np.sort, (V3,), {}), (np.sort, (A23,), {}), (np.sort, (A23,), {"axis": 0}),
    (np.sort, (A23,), {"axis": None}),
    (np.diff, (V3,), {}), (np.diff, (A23,), {"axis": 0}),
    (np.reshape, (A23, (3, 2)), {}), (np.reshape, (A23, -1), {}), (np.ravel, (A23,), {}), (np.ndarray.flatten,
    (A23,), {}),
    (np.squeeze, (A23[:, :1],), {}), (np.squeeze, (A23[:, :1],), {"axis": 1}), (np.expand_dims, (A23, 1), {}),
    (np.atleast_1d, (V3,), {}), (np.atleast_2d, (V3,), {}), (np.atleast_3d, (V3,), {}), (np.atleast_1d, (2.0,), {}),
    (np.transpose, (A23,), {}), (np.transpose, (B234, (1, 2, 0)), {}), (np.transpose, (A23, (1, 0)), {}),
    (np.transpose, (A23, (0, 1)), {}), (np.transpose, (V3,), {}),
    (np.swapaxes, (B234, 0, -1), {}), (np.moveaxis, (B234, 0, -1), {}),
    (np.broadcast_to, (V3, (2, 3)), {}), (np.broadcast_to, (A23[:, :1], (2, 3)), {}), (np.broadcast_to, (1.5,
    (2, 3)), {}),
    (np.flip, (A23,), {}), (np.flip, (A23, 1), {}), (np.flipud, (A23,), {}), (np.fliplr, (A23,), {}),
    (np.roll, (V3, 1), {}), (np.roll, (A23, 1), {}), (np.roll, (A23, 2), {"axis": 1}),
    (np.tile, (V3, 2), {}), (np.tile, (A23, (2, 3)), {}), (np.tile, (V3, (2, 1)), {}),
    (np.repeat, (V3, 2), {}), (np.repeat, (A23, 2), {}), (np.repeat, (A23, 2), {"axis": 1}), (np.repeat,
    (A23, 3, 0), {}),
    (np.concatenate, ([V3, V2],), {}), (np.concatenate, ([V3, V2, W3],), {}), (np.concatenate, ([A23, A33],), {}),
    (np.concatenate, ([A23, A23 + 1],), {"axis": 1}), (np.concatenate, ([A23, A23[:, :1]],), {"axis": -1}),
    (np.concatenate, ((A23, V3),), {"axis": None}), (np.concatenate, (ListValue([V3, V2]),), {}),
    (np.concatenate, (ListValue([A23, A23[:, :1]]),), {"axis": 1}),
    (np.vstack, ([V3, W3],), {}), (np.vstack, ([A23, A33],), {}), (np.vstack, (ListValue([A23, A33]),), {}),
    (np.vstack, (ListValue([V3, W3]),), {}),
    (np.hstack, ([V3, V2],), {}), (np.hstack, ([A23, A23],), {}), (np.hstack, (ListValue([V3, V2]),), {}),
    (np.hstack, ([1.0, 2.0],), {}),
    (np.stack, ([V3, W3],), {}), (np.stack, ([V3, W3],), {"axis": 1}), (np.stack, ([V3, W3],), {"axis": -1}),
    (np.stack, (ListValue([V3, W3]),), {}), (np.stack, (ListValue([V3, W3]),), {"axis": 1}),
    (np.column_stack, ([V3, W3],), {}), (np.take, (V3, [0, 2, 0]), {}), (np.take, (A23, [0, 2, 0]), {"axis": 1}),
    (np.split, (V3, [1]), {}), (np.array_split, (A23, 2), {"axis": 1}),
    *((fn, (a, b), {}) for fn in (operator.matmul, np.matmul, np.dot) for a, b in [
        (V3, W3), (A23, V3), (V2, A23), (A23, A32), (B234, M44[0]), (B234, M44), (V3, A33[:, :2])]),
    *((fn, (a, b), {}) for fn in (operator.matmul, np.matmul) for a, b in [
        (B234, B243), (A33, B234), (V3, B234), (B234[:1], B243), (B234, T224[0, 0])]),
    (np.dot, (2.0, A23), {}), (np.dot, (A23, 2.0), {}), (np.dot, (A23, B234), {}), (np.dot, (B234, B243), {}),
    (np.dot, (V3, B234), {}),
    (np.inner, (V3, W3), {}), (np.inner, (A23, A33), {}), (np.inner, (A23, V3), {}), (np.inner, (B234, M44), {}),
    (np.inner, (V3, A23), {}), (np.inner, (2.0, A23), {}),
    (np.outer, (V3, V2), {}), (np.outer, (A23, V2), {}), (np.outer, (V2, A23), {}),
    (np.vdot, (V3, W3), {}), (np.vdot, (A23, A23 + 1), {}), (np.cross, (V3, W3), {}), (np.cross, (A23, V3), {}),
    (np.einsum, ("ij,jk->ik", A23, A32), {}), (np.einsum, ("ij,j", A23, V3), {}), (np.einsum, ("ij->j", A23), {}),
    (np.einsum, ("i,i,ij->j", V2, V2 + 1, A23), {}), (np.einsum, ("ij,k->i", A23, V2), {}),
    *((np.linalg.norm, (x,), kw) for x, kw in [
        (V3, {}), (A23, {}), (A23, {"axis": 1}), (A23, {"axis": 0, "keepdims": True}), (V3, {"ord": 1}),
        (V3, {"ord": 2}),
        (V3, {"ord": np.inf}), (A23, {"ord": np.inf, "axis": 1}), (A23, {"ord": "fro"}),
        (A23, {"ord": 1, "axis": 0})]),
    (np.trace, (A33,), {}), (np.trace, (A23,), {"offset": 1}), (np.linalg.det, (M44,), {}), (np.linalg.inv,
    (M44,), {}),
    (np.linalg.inv, (np.stack([M44, M44.T]),), {}), (np.linalg.det, (np.stack([M44, M44.T]),), {}),
    (np.linalg.solve, (M44, M44[0]), {}), (np.linalg.solve, (M44, M44[:, :2] + 1), {}),
    (np.full, ((2, 3), 1.5), {}), (np.full, ((2, 3), V3), {}), (np.full_like, (A23, 1.5), {}), (np.full_like,
    (A23, V3), {}),
    (np.array, (A23,), {}), (np.array, ([1.0, 2.5],), {}), (np.array, ([[1.0, 2.5], [3.0, 4.0]],), {}),
    (np.array, ([V3, W3],), {}), (np.array, (ListValue([1.0, 2.0]),), {}), (np.array, (ListValue([V3, W3]),), {}),
    (np.asarray, (A23,), {}), (np.asanyarray, (A23,), {}), (np.ascontiguousarray, (A23,), {}), (np.copy, (A23,), {}),
    (np.asarray, (2.5,), {}), (np.ndarray.item, (V3[:1],), {}), (np.ndarray.tolist, (V3,), {}),
    (np.astype, (A23, np.float64), {}),
    (np.arange, (1.2,), {}), (np.arange, (1.2, 4.0), {}), (np.arange, (1.2, 4.0, 0.5), {}),
    (np.linspace, (1.0, 2.0, 5), {}), (np.linspace, (1.0, 2.0), {"num": 4, "endpoint": False}),
    (np.diag, (V3,), {}), (np.diag, (A33,), {}), (np.diag, (A23,), {"k": 1}), (np.diag, (V2, -1), {}),
    (np.diagonal, (A33,), {}), (np.diagonal, (A23,), {"offset": -1}), (np.tril, (A33,), {}), (np.triu, (A33, 1), {}),
    (np.clip, (A23, -0.5, 0.5), {}), (np.clip, (A23,), {"min": 0.1}), (np.clip, (V3, None, 0.2), {}),
    (np.clip, (0.7, 0.0, 1.0), {}),
    (math.log, (1.7,), {}), (math.log, (1.7, 3), {}), (max, (1.5, 2.5), {}), (min, (1.5, 2.5), {}), (max,
    (1.5, 2.5, 0.1), {}),
    (np.where, (MASK, A23, A23 + 1), {}), (np.where, (MASK, V3, 2.0), {}), (np.where, (MASK, A23[:, :1], A23), {}),
    (np.where, (True, 1.0, 2.0), {}), (np.where, (False, A23, 2.0), {}),
    (runtime.unbroadcast, (A23, V3), {}), (runtime.add_at, (V3, [0, 1, 0], W3), {}), (runtime.untile,
    (np.r_[V3, W3], V3, 2), {}),
    (runtime.undiagonal, (V3, A33), {}), (runtime.undiagonal, (V2, A23, 1), {}),
    (runtime.reshape_like, (A23, A32), {}), (runtime.reshape_like, (A23[:1, :1], 2.0), {}),
    (runtime.split_like, (np.r_[V3, V2], ListValue([V3, V2])), {}),
    (np.asfortranarray, (A23,), {}), (np.require, (A23,), {}), (np.rot90, (A23,), {}), (np.rot90, (A23, 2), {}),
    (np.rot90, (B234, 1, (0, 2)), {}), (np.rollaxis, (B234, 2), {}), (np.rollaxis, (B234, 0, 3), {}),
    (np.rollaxis, (B234, 2, 1), {}), (np.roll, (A23, (1, 2), (0, 1)), {}), (np.vsplit, (A33, [1]), {}),
    (np.hsplit, (A33, [1]), {}), (np.hsplit, (V3, [1]), {}), (np.dsplit, (B234, 2), {}),
    (math.hypot, (1.5, 2.5), {}), (math.hypot, (1.5, 2.5, -0.5), {}), (math.dist, (V3, W3), {}),
    (math.dist, ((0.5, 1.5), [2.5, 3.5]), {}), (math.dist, (V2, [2.5, 3.5]), {}),
    (np.clip, (A23, A23 * 0.5, A23 * 0.5 + 0.4), {}), (np.clip, (A23, 0.31, A23 * 0 + 0.5), {}),
    (np.clip, (A23, A23[:1] + 0.1, None), {}),
    (np.clip, (A23, V3 + 0.5, V3 * 0.3), {}), (np.clip, (0.7, 0.9, 0.8), {}),
    (np.pad, (A23, 1), {}), (np.pad, (A23, ((1, 0), (2, 1))), {"constant_values": 2.0}), (np.pad, (V3, (0, 2)), {}),
    (np.take_along_axis, (A23, np.array([[0, 0], [2, 1]]), 1), {}),
    (np.cumprod, (V3,), {}), (np.cumprod, (ZERO,), {"axis": 1}), (np.cumprod, (A23,), {}),
    (np.ptp, (A23,), {}), (np.ptp, (A23,), {"axis": 0}), (np.average, (A23,), {"axis": 0}),
    (np.average, (A23,), {"weights": np.abs(A23)}), (np.average, (A23, 1, np.abs(A23)), {}),
    *((fn, (A23,), kw) for fn in (np.nansum, np.nanmean, np.nanmax, np.nanmin, np.median)
      for kw in ({}, {"axis": 0}, {"axis": 1, "keepdims": True})),
    (np.bincount, (np.array([0, 2, 0]),), {"weights": V3}), (np.diff, (A33,), {"n": 2}),
    (np.trapezoid, (V3,), {}), (np.trapezoid, (A23, V3), {}), (np.trapezoid, (V3, W3), {}),
    (np.trapezoid, (A23,), {"dx": 0.1}),
    (np.interp, (V3, np.array([-1.0, 0.1, 0.7]), W3), {}), (np.interp, (0.4, np.array([-1.0, 0.1, 0.7]), W3), {}),
    (np.vander, (V3,), {}), (np.vander, (V3, 4, True), {}), (np.polyval, (V3, V2), {}), (np.polyval, (V3, 0.5), {}),
    (np.polyder, (V3,), {}), (np.polyder, (V3[:1],), {}),
    *((np.convolve, (a, b, mode), {}) for a, b in ((M44[0], V3), (V3, M44[0]), (V3, V2))
      for mode in ("full", "same", "valid")),
    (np.kron, (V3, V2), {}), (np.kron, (A23, A33), {}), (np.tensordot, (A23, A32, 1), {}),
    (np.tensordot, (B234, A33, ([1], [0])), {}), (np.tensordot, (B234, B243, ((1, 2), (2, 1))), {}),
    (np.linalg.eigvalsh, (M44 + M44.T,), {}), (np.linalg.svdvals, (A23,), {}), (np.linalg.svdvals, (A32,), {}),
    (np.linalg.cholesky, (M44 @ M44.T,), {}), (np.linalg.pinv, (A23,), {}), (np.linalg.pinv, (A32,), {}),
    (runtime.log_abs_det, (M44,), {}), (runtime.direction_of, (M44,), {}), (runtime.direction_of, (STACK,), {}),
    (runtime.with_direction, (A33, A33 + 1), {}), (runtime.with_direction, (STACK, STACK + 1), {}),
    (runtime.solve_tridiagonal, (V2, np.array([2.0, 3.0, 2.5]), 0.3 * V2, V3), {}),
    (runtime.grid, (V3, (2, 3), 1), {}), (runtime.grid, (V3, (3, 2, 2), 0), {}),
    *((sc.logsumexp, (x,), kw) for x, kw in [
        (V3, {}), (A23, {}), (A23, {"axis": 0}), (A23, {"axis": -1, "keepdims": True}), (B234, {"axis": (0, 2)}),
        (A23, {"b": np.abs(A23)}), (A23, {"axis": 1, "b": np.abs(A23)}), (A23, {"axis": 0, "b": np.abs(V3)[None]}),
        (V3[None], {"axis": 1, "b": np.abs(A23)}), (A23, {"b": 1.5}),
        (A23[:, :1], {"axis": 1, "b": np.abs(A23)}), (A23[:1], {"axis": 1, "b": np.abs(A23[:, :1])}),
        (A23[:, :1], {"b": np.abs(A23)}), (A23[:, :1], {"axis": 0, "b": np.abs(A23[:1])}),
        (A23, {"axis": 1, "b": np.array([[1, 2, 3]]), "keepdims": True}), (V3, {"b": [1, 2, 2]})]),
    *((fn, (x,), kw) for fn in (sc.softmax, sc.log_softmax)
      for x, kw in [(V3, {}), (A23, {}), (A23, {"axis": 0}), (B234, {"axis": -1}), (B234, {"axis": (0, 1)})]),
    (np.diagonal, (B234,), {"offset": 1, "axis1": 1, "axis2": 2}), (np.diagonal, (B234, 0, 2, 0), {}),
    (runtime.undiagonals, (np.ones((2, 3)) * V3, B234, 0, 1, 2), {}), (np.matrix_transpose, (B234,), {}),
    (np.linalg.matrix_transpose, (A23,), {}), (np.choose, (np.array([1, 0, 1]), [V3, W3]), {}),
    *((np.pad, (A23, ((1, 0), (2, 1)), mode), {}) for mode in ("edge", "reflect", "symmetric", "wrap")),
    (runtime.unpad, (np.r_[V3, W3], V2, (1, 3), "wrap"), {}),
    (np.lib.stride_tricks.sliding_window_view, (V3, 2), {}),
    (np.lib.stride_tricks.sliding_window_view, (B234, (2, 2)), {"axis": (0, 2)}),
    (np.lib.stride_tricks.sliding_window_view, (M44[0], (2, 2)), {"axis": (0, 0)}),
    (runtime.add_windows, (A32 @ np.eye(2), M44[0], 2), {}),
    *((np.linalg.norm, (x,), kw) for x, kw in [
        (V3, {"ord": 3}), (V3, {"ord": -1}), (A23, {"ord": 3, "axis": 1})]),
    *((np.linalg.matrix_power, (M44, n), {}) for n in (0, 1, 3, -2)), (np.linalg.matrix_power, (STACK, 3), {}),
    (np.linalg.multi_dot, ([A23, A32, A23],), {}), (np.linalg.multi_dot, ([V2, A23, A32, V2],), {}),
    (np.linalg.multi_dot, ([V2, A23],), {}), (np.linalg.multi_dot, ([A23, V3],), {}),
    *((np.linalg.solve, (a, b), {}) for a, b in [(STACK, B234[:, :2].mT), (STACK, M44[0]), (M44, STACK), (STACK, M44)]),
    *((runtime.least_squares, (a, b), {}) for a, b in [(A32, V3), (A23, V2), (A32, A32 + 1), (A23, M44[:2])]),
    (np.linalg.eigvalsh, (STACK + STACK.mT,), {}),
    (np.linalg.svdvals, (B234,), {}), (np.linalg.cholesky, (STACK @ STACK.mT,), {}), (np.linalg.pinv, (B234,), {}),
    (runtime.log_abs_det, (STACK,), {}),
    (np.einsum, ("ij,ij->i", A23, A23[:1]), {}), (np.einsum, ("ij,j->", A23[:, :1], V3), {}),
    (runtime.copy_of, (A23,), {}), (runtime.scalar_adjoint, (np.ones((1, 1)), 2.0), {}),
    *STATISTICS,
]  # fmt: skip


@pytest.mark.parametrize("mode", ["symbolic", "unknown"])
@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda k: f"{name_of(CASES[k][0])}-{k}")
def test_general(case, mode):
    fn, args, kwargs = CASES[case]
    rng = rng_for(case)
    call, env = build(fn, args, kwargs, mode)
    wanted = None
    if fn is np.interp:
        wanted = {"x", "fp"}
    if fn is np.trapezoid and np.ndim(args[0]) == 2:
        wanted = {"y"}
    if fn is np.average:
        wanted = {"a", "weights"}
    if fn in {case[0] for case in STATISTICS}:  # other parameters have no derivative
        wanted = set(RULES[fn].builders)
    count = check(call, env, rng, wanted=wanted)
    assert count or (fn is np.arange and len(args) == 1)
    rule = RULES[fn]
    if rule.accepts_lazy != "none":
        check(call, env, rng, lazy=True, wanted=wanted)


def is_of_scipy_linalg(rule):
    return any(b.__module__.startswith("srcgrad.rules.scipy_linalg") for b in rule.builders.values())


ELSEWHERE = ("scipy.signal", "scipy.ndimage", "scipy.spatial", "scipy.sparse", "srcgrad.runtime.filters",
             "srcgrad.runtime.images", "srcgrad.runtime.splines", "srcgrad.runtime.sparse")  # fmt: skip
"""What tests/rules/test_filters.py holds in whole programs."""


def home_of(fn):
    owner = getattr(fn, "__objclass__", None)
    if owner is not None and owner.__module__ == "builtins" and owner is not np.ndarray:
        return "scipy.sparse"  # SuperLU, which does not say where it comes from
    return getattr(owner or fn, "__module__", None) or ""


def test_every_rule_has_a_case():
    general = {fn for fn, rule in RULES.items() if rule.form == "general" and not rule.own} | {np.where, np.clip}
    general = {fn for fn in general if not home_of(fn).startswith(ELSEWHERE)}
    aliases = {np.amax, np.amin, *OF_COMPLEX, *STRIDED}
    aliases |= {runtime.numerical_vjp, runtime.numerical_jvp}  # of functions: see tests/own
    aliases |= set(FACTORS)  # whose arguments are not independent: see test_factors
    aliases |= {fn for fn in general if is_of_scipy_linalg(RULES[fn])}  # see test_scipy_linalg
    assert not {name_of(fn) for fn in general - aliases - {case[0] for case in CASES}}


@pytest.mark.parametrize("fn, args, kwargs", [
    (np.sum, (A23.astype("f4"),), {"axis": 1}), (np.mean, (A23.astype("f4"),), {}), (np.mean,
    (A23.astype("f4"),), {"axis": 1}),
    (np.max, (A23.astype("f4"),), {"axis": 1}), (np.dot, (A23.astype("f4"), V3), {}), (np.trace,
    (A33.astype("f4"),), {}),
    (np.linalg.norm, (A23.astype("f4"),), {"axis": 1}), (np.prod, (A23.astype("f4"),), {}), (np.std,
    (V3.astype("f4"),), {}),
    (np.astype, (A23.astype("f4"), np.float64), {}), (np.astype, (A23, np.float32), {}),
    (np.concatenate, ([V3.astype("f4"), V2],), {}), (np.where, (MASK, A23.astype("f4"), A23), {}),
    (np.array, (V3.astype("f4"),), {"dtype": np.float64}), (np.clip, (V3.astype("f4"), -0.5, 0.5), {}),
], ids=lambda value: value.__name__ if callable(value) else "")  # fmt: skip
def test_single_precision_of_general(fn, args, kwargs):
    call, env = build(fn, args, kwargs)
    check(call, env, rng_for(0), wanted={"a"} if fn is np.clip else None)


def test_norm_of_zero_vector_has_gradient_zero():
    call, env = build(np.linalg.norm, (np.zeros(3),), {})
    from tests.rules.rule_eval import evaluate

    out, d = Sym(Name("out", kind=call.kind)), Sym(Name("d", kind=call.kind))
    (term,) = contributions(RULES[np.linalg.norm], call, d, False, {}, out, {"x"})
    assert (evaluate(term.sym.expr, {**env, "out": np.float64(0), "d": 1.0}) == 0).all()


@pytest.mark.parametrize("fn, args, kwargs, word", [
    (np.sum, (A23,), {"where": MASK}, "where"), (np.sum, (A23,), {"initial": 2}, "initial"),
    (np.sum, (A23,), {"dtype": np.float32}, "dtype"), (np.sqrt, (A23,), {"out": A23}, "out"),
    (np.sqrt, (A23,), {"where": MASK}, "where"), (np.prod, (A23,), {"initial": 3}, "initial"),
    (np.reshape, (A23, (3, 2)), {"order": "F"}, "order"), (np.add, (A23, A23, A23), {}, "out"),
])  # fmt: skip
def test_keywords_that_no_rule_handles_are_refused(fn, args, kwargs, word):
    from srcgrad.ir.kinds import FLOAT
    from srcgrad.ir.nodes import Call, Prim

    exprs = tuple(Const(a) if not isinstance(a, np.ndarray) else Name("x", kind=FLOAT) for a in args)
    named = tuple((k, Const(v) if not isinstance(v, np.ndarray) else Name("w")) for k, v in kwargs.items())
    with pytest.raises(NoRuleError, match=word):
        RULES[fn].bind(Call(Prim(fn, fn.__name__), exprs, named))


def text(sym):
    from srcgrad.codegen import text_of

    return text_of(sym.expr)


def test_expressions_read_as_a_person_writes_them():
    from srcgrad.ir.kinds import Array, Extent

    kind = Array("float64", (Extent("x.0"),))
    d, x, y = (Sym(Name(n, kind=kind)) for n in "dxy")
    assert text(1 * x) == text(x * 1) == text(x + 0) == text(x / 1) == text(x**1) == "x"
    assert text(d * (1 / y)) == "d / y"
    assert text(d * (x / y)) == "d * x / y"
    assert text(x + (-y)) == text(x + -1 * y) == "x - y"
    assert text(x - (-y)) == "x + y"
    assert text(-(-1 * x)) == "x"
    assert text(2 * (0.5 * x)) == "x"
    assert text(x**2) == "x * x"
    assert text(d * (0.5 / y)) == "0.5 * d / y"
    assert text(d * (2 * x)) == "2 * d * x"
    assert text(xp.cos(x)) == "np.cos(x)"
    assert const((0 * x).expr) == 0
    assert text(guarded(d, d / x)) == "np.where(d == 0, 0.0, d / x)"
    assert text(d - d * (-x)) == "d + d * x"


def test_effects():
    pure = [np.sin, np.sum, math.sin, len, operator.add, np.linalg.norm, np.float64, np.ndarray.tolist, str.join]
    assert all(effect(fn) == "pure" for fn in pure)
    writes = [np.copyto, np.put, np.add.at, np.fill_diagonal, np.ndarray.sort, list.append, operator.iadd, np.putmask,
              np.random.shuffle, runtime.add_to]  # fmt: skip
    assert all(effect(fn) == "writes" for fn in writes)
    drawn = [np.random.rand, np.random.default_rng(0).normal, np.random.Generator.normal]
    assert all(effect(fn) == "random" for fn in drawn)
    assert all(effect(fn) == "unknown" for fn in (print, open, input, eval, np.vectorize, np.save))
    assert effect(np.sqrt, ["out"]) == "writes"
