"""Continuous distributions, in their standard form. The formulas are those of SciPy's documentation."""

from __future__ import annotations

import math
from typing import Any

from scipy import stats

from srcgrad.rules.stats.family import EULER, HALF_LOG_2_PI, family, np_, pick, sc

LOG_2, LOG_PI = math.log(2), math.log(math.pi)

# ---- on the whole line ---------------------------------------------------------------------------------------


def normal_log(z: Any) -> Any:
    return -0.5 * np_.square(z) - HALF_LOG_2_PI


family(
    stats.norm, guarded=False, log=normal_log,
    cdf=lambda z: sc.ndtr(z), sf=lambda z: sc.ndtr(-z), logcdf=lambda z: sc.log_ndtr(z),
    logsf=lambda z: sc.log_ndtr(-z), quantile=lambda q: sc.ndtri(q), upper_quantile=lambda q: -sc.ndtri(q),
    mean=lambda: 0.0, var=lambda: 1.0, entropy=lambda: HALF_LOG_2_PI + 0.5,
)  # fmt: skip
family(
    stats.gamma, stats.erlang, low=0, safe=1.0, guarded=False, fixed="a",
    log=lambda z, a: sc.xlogy(a - 1, z) - z - sc.gammaln(a),
    cdf=lambda z, a: sc.gammainc(a, z), sf=lambda z, a: sc.gammaincc(a, z),
    quantile=lambda q, a: sc.gammaincinv(a, q), upper_quantile=lambda q, a: sc.gammainccinv(a, q),
    mean=lambda a: a, var=lambda a: a, entropy=lambda a: sc.psi(a) * (1 - a) + a + sc.gammaln(a),
)  # fmt: skip
__all__ = ["EULER", "LOG_2", "LOG_PI", "pick"]
