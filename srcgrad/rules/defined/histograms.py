"""Histograms over two variables, in Python."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

import numpy as np

from srcgrad.rules.defined.registry import in_python, refuse
from srcgrad.rules.registry import constant
from srcgrad.runtime import bins_of

constant(bins_of)


@in_python(np.histogram2d)
def histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    if density:
        refuse("The derivative of np.histogram2d with `density` is not known.", "Divide by the areas and the sum.")
    one = np.ndim(bins) == 0 or np.ndim(bins[0]) == 0 and len(bins) > 2  # for both variables
    first, second = (bins, bins) if one else (bins[0], bins[1])
    along_x = np.histogram_bin_edges(x, first, None if range is None else range[0])
    along_y = np.histogram_bin_edges(y, second, None if range is None else range[1])
    m, n = len(along_x) - 1, len(along_y) - 1
    i, x_inside = bins_of(x, along_x)
    j, y_inside = bins_of(y, along_y)
    places = np.where(x_inside & y_inside, i * n + j, m * n)  # what is in no bin is counted behind them
    weights = np.ones(len(places)) if weights is None else weights
    return np.bincount(places, weights, m * n + 1)[:-1].reshape(m, n), along_x, along_y
