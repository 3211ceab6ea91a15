"""Distributions of extremes, of lifetimes, and others that are used less often, in their standard form."""

from __future__ import annotations

import math
from typing import Any

from scipy import stats

from srcgrad.rules.stats.continuous import LOG_2, LOG_PI, ROOT_2, normal_log
from srcgrad.rules.stats.family import EULER, HALF_LOG_2_PI, family, np_, pick, sc

# ---- extremes ------------------------------------------------------------------------------------------------


def extreme(z: Any, c: Any) -> Any:
    """log1p(-c * z) / c, and -z where c is 0: smooth, as the inverse of a Box-Cox transform is."""
    return -sc.boxcox1p(-z, 0 * c) if not c else np_.log(sc.inv_boxcox(-z, c))


family(
    stats.genpareto, shapes={"c": "real"}, low=0, high=lambda c: pick(c < 0, lambda: -1 / c, math.inf), safe=0.0,
    log=lambda z, c: (c + 1) * np_.log(sc.inv_boxcox(-z, -c)),
    sf=lambda z, c: sc.inv_boxcox(-z, -c), cdf=lambda z, c: -sc.inv_boxcox1p(-z, -c),
    quantile=lambda q, c: -sc.boxcox1p(-q, -c), upper_quantile=lambda q, c: -sc.boxcox(q, -c),
    mean=lambda c: pick(c < 1, lambda: 1 / (1 - c), math.inf),
    var=lambda c: pick(c < 0.5, lambda: 1 / (np_.square(1 - c) * (1 - 2 * c)), math.nan), entropy=lambda c: 1 + c,
)  # fmt: skip
