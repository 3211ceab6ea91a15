"""Calls of statistics at which their rules are held."""

import numpy as np

from srcgrad import runtime

R = np.random.default_rng(23)
A23, A44, B234, V3, V6 = (R.standard_normal(s) for s in [(2, 3), (4, 4), (2, 3, 4), 3, 6])
HOLES = np.array([[1.0, np.nan, 0.3], [-2.0, 0.7, 5.0], [0.2, np.nan, 1.7]])
EVENTS = np.array([0.1, 0.5, 2.0, 1.0, 0.3, -1.0])
METHODS = ("linear", "lower", "higher", "nearest", "midpoint", "hazen", "weibull", "median_unbiased", "inverted_cdf",
           "averaged_inverted_cdf")  # fmt: skip

STATISTICS = [
    *((np.quantile, (V6, 0.37), {"method": method}) for method in METHODS),
    *((fn, (B234, q), {"axis": axis, "keepdims": keepdims})
      for fn, q in [(np.quantile, 0.3), (np.nanquantile, np.array([0.2, 0.75])), (np.percentile, [10, 53.0, 100])]
      for axis in (None, 1, -1, (0, 2)) for keepdims in (False, True)),
    (np.quantile, (A23, np.array([[0.1, 0.9], [0.55, 0.2]])), {"axis": 1}), (np.percentile, (V6, 25), {}),
    (np.nanpercentile, (A23, 40.0), {"axis": 0}), (np.nanquantile, (V6, 0.4), {}),
    *((np.nanmedian, (x,), kw) for x in (V6, A23) for kw in ({}, {"axis": 0}, {"axis": -1, "keepdims": True})),
    (np.partition, (V6, 2), {}), (np.partition, (A44, (1, 2)), {"axis": 0}), (np.unique, (V6,), {}),
    (np.unique, (A23,), {}),
    *((np.cov, (x,), kw) for x in (A44, A23, V6) for kw in ({}, {"bias": True}, {"ddof": 0})),
    (np.cov, (A44,), {"rowvar": False}), (np.cov, (A23.T,), {"rowvar": False}),
    (np.corrcoef, (A44,), {}), (np.corrcoef, (B234[0].T,), {"rowvar": False}),
    *((fn, (A23,), kw) for fn in (np.nanvar, np.nanstd)
      for kw in ({}, {"axis": 0}, {"axis": 1, "keepdims": True, "ddof": 1})),
    *((np.logaddexp.reduce, (B234,), kw) for kw in ({}, {"axis": -1}, {"axis": 1, "keepdims": True}, {"axis": None})),
    (np.logaddexp.reduce, (V3,), {}),
    *((fn, (x,), kw) for fn in (np.maximum.accumulate, np.minimum.accumulate)
      for x, kw in [(V6, {}), (B234, {"axis": 1}), (B234, {"axis": -1}), (A23, {})]),
    *((np.gradient, (x, *h), kw) for order in (1, 2)
      for x, h, kw in [(V6, (), {}), (V6, (0.3,), {}), (V6, (np.array([0, 1, 3, 4, 7, 9]),), {}),
                       (A44, (), {"axis": 0}), (B234, (0.7,), {"axis": 1}),
                       (A44, (np.array([0, 1, 3, 9]),), {"axis": -1})]
      for kw in [{**kw, **({"edge_order": 2} if order == 2 else {})}]),
    (runtime.histogram_of_weights, (V6, EVENTS, 4), {}), (runtime.histogram_of_weights, (V6, EVENTS, 3, (0, 1)), {}),
    (runtime.histogram_of_weights, (V6, EVENTS, np.array([0, 0.5, 0.7, 2])), {}),
    *((np.correlate, (a, v), kw) for a, v in [(V6, V3), (V3, V6), (A44[0], V6), (V3, V3), (V6[:2], V3)]
      for kw in ({}, {"mode": "same"}, {"mode": "full"})),
    *((np.trapezoid, (y, *x), {"axis": k}) for y in (B234, A23) for k in (0, 1, -1)
      for x in ((), (np.cumsum(np.abs(y), axis=k),), (V6[: y.shape[k]],))),
    (np.trapezoid, (B234,), {"dx": 0.3, "axis": 1}), (np.trapezoid, (V6,), {"dx": 0.3}),
    (np.interp, (V3 * 2, np.array([-1.0, 0.1, 0.7]), V6[:3]), {}), (np.interp, (0.3, EVENTS[:4], V6[:4]), {}),
    *((fn, (x,), {"initial": c, **kw}) for fn in (np.max, np.min) for c in (0, 100, -100)
      for x, kw in [(V6, {}), (A23, {"axis": 0}), (B234, {"axis": (0, 2), "keepdims": True})]),
    (runtime.add_along, (A23, np.array([[0, 0], [2, 1]]), A44[:2, :2], 1), {}),
    (runtime.put_along, (V3, np.array([2, 0, 1])), {}),
    (runtime.put_along, (A23, np.array([[1, 0, 1], [0, 1, 0]]), 0), {}),
    (np.diff, (A23,), {"prepend": 0}), (np.diff, (A23,), {"append": 0, "axis": 0}),
    (np.diff, (V6,), {"append": 0, "prepend": 0}),
    (np.logspace, (0.3, V3[0], 5), {}), (np.logspace, (0.3, 1.2, 4), {"base": 2.5, "endpoint": False}),
    (np.geomspace, (0.3, 2.2, 5), {}), (np.geomspace, (0.3, 2.2, 4), {"endpoint": False}),
    *((fn, args, {}) for fn in (np.polyadd, np.polysub) for args in [(V3, V6), (V6, V3), (V3, V3), (V6, 0.7)]),
    (np.unwrap, (V6,), {}), (np.unwrap, (A23 * 4,), {"axis": 0}), (np.unwrap, (V6 * 4,), {"period": 3.0}),
    (np.asarray_chkfinite, (V3,), {}), (np.asarray_chkfinite, ([0.3, 0.7],), {}),
    (np.nan_to_num, (V3,), {}), (np.nan_to_num, (0.3,), {}), (np.nan_to_num, (A23,), {"nan": 3, "posinf": 7}),
    (np.add.reduceat, (V6, np.array([0, 3, 1, 5])), {}), (np.add.reduceat, (B234, np.array([0, 2])), {"axis": 1}),
    (runtime.reduceat_adjoint, (V3, V6, np.array([0, 3, 1])), {}),
    (runtime.reduceat_adjoint, (A23, A44[:2], np.array([0, 2, 1])), {"axis": 1}),
    (np.median, (B234,), {"axis": (0, 2)}), (np.median, (A23,), {"axis": (0, 1), "keepdims": True}),
    *((np.gradient, (x, np.array([0, 1, 2.5, 4.2, 7, 9])[: x.shape[k]]), {"axis": k, "edge_order": order})
      for order in (1, 2) for x, k in [(V6, 0), (A44, 1), (B234[:, :, :3] * 2, 1)]),
    (np.max, (np.zeros((0, 3)),), {"initial": 1, "axis": 0}),
]  # fmt: skip
"""(function, arguments, keywords)."""
