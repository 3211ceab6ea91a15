"""scipy.interpolate: interp1d, grids, and polynomials through points (see interpolate)."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

from typing import Any

import numpy as np
from scipy import interpolate

from srcgrad.rules.defined.registry import in_python, refuse, stands_for

# ---- interp1d ------------------------------------------------------------------------------------------------


@in_python(interpolate.interp1d)
def interp1d(
    x, y, kind="linear", axis=-1, copy=True, bounds_error=None, fill_value=None, assume_sorted=False
):  # fmt: skip
    x, y = np.asarray(x), np.moveaxis(np.asarray(y), axis, 0)
    if np.ndim(y) > 1:
        refuse("The derivative of interp1d with `y` of several axes is not known.", "Use CubicSpline, or np.interp.")
    if not assume_sorted:
        order = np.argsort(x)
        x, y = x[order], y[order]
    cubic = isinstance(kind, str) and kind == "cubic" or not isinstance(kind, str) and kind == 3
    if not cubic and (not isinstance(kind, str) or kind not in ("linear", "nearest", "previous", "next", "zero")):
        refuse("The derivative of interp1d with this `kind` is not known.",
               "Use linear, nearest, previous, next or cubic.")  # fmt: skip
    return Interp1d(x, y, "cubic" if cubic else kind, bounds_error, fill_value)


def _samples(value):
    """An interp1d that was made outside; of kinds that are splines there is no derivative in it."""
    if value._kind not in ("linear", "nearest", "previous", "next") or np.ndim(value.y) > 1:
        return None
    fill = value.fill_value
    if isinstance(fill, np.ndarray) and fill.ndim:
        return None
    return {"x": value.x, "y": value.y, "_kind": value._kind, "bounds_error": value.bounds_error, "fill_value": fill}


@stands_for((interpolate.interp1d,), _samples)
class Interp1d:
    """What stands for interp1d."""

    def __init__(self, x, y, kind, bounds_error, fill_value):
        self.x = x
        self.y = y
        self._kind = kind
        self.bounds_error = bounds_error
        self.fill_value = fill_value

    def __call__(self, x):
        x = np.asarray(x) if isinstance(x, (list, tuple)) else x
        found = self.at(x)
        if isinstance(self.fill_value, str):
            return found
        below, above = x < self.x[0], x > self.x[-1]
        if self.fill_value is None and self.bounds_error is None or self.bounds_error is True:
            if np.any(below | above):
                raise ValueError("A value in x_new is outside the interpolation range.")
            return found
        if isinstance(self.fill_value, tuple):
            lowest, highest = self.fill_value
            return np.where(below, lowest, np.where(above, highest, found))
        return np.where(below | above, np.nan if self.fill_value is None else self.fill_value, found)

    def at(self, x):
        if self._kind == "linear":
            i = np.clip(np.searchsorted(self.x, x), 1, len(self.x) - 1)
            slope = (self.y[i] - self.y[i - 1]) / (self.x[i] - self.x[i - 1])
            return slope * (x - self.x[i - 1]) + self.y[i - 1]
        if self._kind == "cubic":
            return interpolate.CubicSpline(self.x, self.y)(x)
        if self._kind == "nearest":
            i = np.searchsorted(0.5 * (self.x[1:] + self.x[:-1]), x)
        elif self._kind == "next":
            i = np.searchsorted(self.x, x, side="left")
        else:
            i = np.searchsorted(self.x, x, side="right") - 1
        return self.y[np.clip(i, 0, len(self.x) - 1)]


# ---- grids and polynomials -----------------------------------------------------------------------------------


def _grid(value):
    return {"grid": value.grid, "values": value.values, "method": value.method, "bounds_error": value.bounds_error,
            "fill_value": value.fill_value}  # fmt: skip


@stands_for((interpolate.RegularGridInterpolator,), _grid)
class GridInterpolator:
    """What stands for RegularGridInterpolator: linear, along each axis of a grid."""

    def __init__(self, grid, values, method, bounds_error, fill_value):
        self.grid = grid
        self.values = values
        self.method = method
        self.bounds_error = bounds_error
        self.fill_value = fill_value

    def __call__(self, xi, method=None):
        if (self.method if method is None else method) != "linear":
            refuse("The derivative of RegularGridInterpolator is known for the method linear alone.")
        if isinstance(xi, tuple):
            columns = xi
        else:
            xi = np.asarray(xi)
            if np.ndim(xi) == 1:
                xi = np.reshape(xi, (-1, len(self.grid)))
            columns = tuple(xi[..., k] for k, _ in enumerate(self.grid))
        corners: Any = [(1.0, ())]
        outside = False
        for points, x in zip(self.grid, columns, strict=True):
            i = np.clip(np.searchsorted(points, x, side="right") - 1, 0, len(points) - 2)
            share = (x - points[i]) / (points[i + 1] - points[i])
            low = [(weight * (1.0 - share), (*at, i)) for weight, at in corners]
            corners = low + [(weight * share, (*at, i + 1)) for weight, at in corners]
            outside = outside | (x < points[0]) | (x > points[-1])
        found = 0.0
        for weight, at in corners:
            found = found + weight * self.values[at]
        if self.bounds_error:
            if np.any(outside):
                raise ValueError("One of the requested xi is out of bounds")
            return found
        return found if self.fill_value is None else np.where(outside, self.fill_value, found)


@in_python(interpolate.RegularGridInterpolator)
def regular_grid_interpolator(
    points, values, method="linear", bounds_error=True, fill_value=np.nan, *, solver=None, solver_args=None
):  # fmt: skip
    grid = tuple(np.asarray(axis) for axis in points)
    return GridInterpolator(grid, np.asarray(values), method, bounds_error, fill_value)


@in_python(interpolate.interpn)
def interpn(points, values, xi, method="linear", bounds_error=True, fill_value=np.nan):
    return interpolate.RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)


class Polynomial:
    """What stands for the interpolating polynomial: Lagrange's form, which needs no division where x is a node."""

    def __init__(self, xi, yi):
        self.xi = xi
        self.yi = yi

    def __call__(self, x):
        x = np.asarray(x) if isinstance(x, (list, tuple)) else x
        n = len(self.xi)
        own = np.eye(n, dtype=bool)
        apart = np.prod(np.where(own, 1.0, self.xi[:, None] - self.xi), axis=1)
        gaps = (x[..., None] - self.xi)[..., None, :] if np.ndim(x) else x - self.xi
        away = np.where(own, 1.0, gaps)
        return (np.prod(away, axis=-1) / apart) @ self.yi


@in_python(interpolate.BarycentricInterpolator, interpolate.KroghInterpolator)
def polynomial(xi, yi, axis=0, **options):
    if axis != 0:
        refuse("The derivative of an interpolating polynomial along an axis other than the first is not known.")
    return Polynomial(np.asarray(xi), np.asarray(yi))


@in_python(interpolate.barycentric_interpolate, interpolate.krogh_interpolate)
def polynomial_at(xi, yi, x, axis=0, der=0):
    if der != 0:
        refuse("The derivatives of an interpolating polynomial are not differentiated.")
    return interpolate.BarycentricInterpolator(xi, yi, axis)(x)
