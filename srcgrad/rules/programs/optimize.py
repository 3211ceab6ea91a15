"""scipy.optimize: roots, fixed points and minima, by the implicit function theorem."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize

from srcgrad.api.gradient import grad
from srcgrad.api.matrices import jacfwd
from srcgrad.api.pullback import vjp
from srcgrad.ir.kinds import BOOL, INT, STR, Scalar
from srcgrad.rules.defined.registry import in_python, parameters_of, refuse
from srcgrad.rules.effects import DECLARED
from srcgrad.rules.registry import constant
from srcgrad.rules.solved import FIXED_POINT
from srcgrad.rules.solvers import solver

OUTPUT = {"full_output": "it returns a pair then"}


class Root:
    """What stands for the result of root and root_scalar."""


class Minimum:
    """What stands for the result of minimize and minimize_scalar."""

    x: Any
    fun_: Any
    args_: Any

    @property
    def fun(self):
        return self.fun_(self.x, *self.args_)


class LeastSquares:
    """What stands for the result of least_squares."""

    x: Any
    fun_: Any
    args_: Any

    @property
    def fun(self):
        return np.array(self.fun_(self.x, *self.args_))

    @property
    def cost(self):
        residuals = self.fun
        return 0.5 * np.sum(residuals * residuals)


def slope_of(x, function, *args):
    """What is zero at a minimum."""
    return grad(function)(x, *args)


def held_slope_of(x, function, bounds, *args):
    """What is zero at a minimum within bounds: where one is reached from which the slope points away, it holds."""
    d = grad(function)(x, *args)
    lo = np.array([-np.inf if low is None else low for low, _ in bounds])
    hi = np.array([np.inf if high is None else high for _, high in bounds])
    low = (x <= lo + 1e-8 * (1.0 + np.abs(np.where(np.isfinite(lo), lo, 0.0)))) & (d > 0)
    high = (x >= hi - 1e-8 * (1.0 + np.abs(np.where(np.isfinite(hi), hi, 0.0)))) & (d < 0)
    return np.where(low, x - lo, np.where(high, x - hi, d))


def held_slope_between(x, function, bounds, *args):
    """The same of a number; the methods come as near to a bound as their tolerance, 1e-5, says."""
    d = grad(function)(x, *args)
    lo, hi = bounds
    if x <= lo + 2e-5 + 1e-6 * abs(lo) and d > 0:
        return x - lo
    if x >= hi - 2e-5 - 1e-6 * abs(hi) and d < 0:
        return x - hi
    return d


def normal_equations_of(x, function, *args):
    """What is zero at a minimum of half the sum of squares."""

    def at(x):
        return np.array(function(x, *args))

    residuals, pullback = vjp(at, x)
    return pullback(residuals)[0]


for fn in (optimize.brentq, optimize.brenth, optimize.bisect, optimize.ridder, optimize.toms748):
    solver(fn, "f", refused=OUTPUT)
solver(optimize.newton, "func", unknown="x0", shape="same", also=("fprime", "fprime2"), refused=OUTPUT)
solver(optimize.root_scalar, "f", also=("fprime", "fprime2"), pair="fprime", attribute="root", result=Root,
       fields={"converged": BOOL, "iterations": INT, "function_calls": INT, "flag": STR})  # fmt: skip
solver(optimize.fsolve, "func", unknown="x0", shape="vector", also=("fprime",), refused=OUTPUT)
solver(optimize.root, "fun", unknown="x0", shape="vector", also=("jac",), pair="jac", attribute="x", result=Root,
       fields={"success": BOOL, "message": STR})  # fmt: skip
solver(optimize.fixed_point, "func", unknown="x0", shape="same", hint="step", linear=FIXED_POINT)

COUNTS = {"success": BOOL, "message": STR, "nfev": INT}
VECTOR: dict[str, Any] = {"unknown": "x0", "shape": "vector", "hint": "objective", "equation": slope_of}
OF_TWO = "it is a function of two vectors"
solver(
    optimize.minimize, "fun", **VECTOR, also=("jac", "hess"), pair="jac", bounds=("bounds",), bounded=held_slope_of,
    inexact=("trust-constr", "COBYLA", "COBYQA"), attribute="x", fields={**COUNTS, "nit": INT}, result=Minimum,
    refused={"constraints": "multipliers are not given", "hessp": OF_TWO},
)  # fmt: skip
solver(
    optimize.minimize_scalar, "fun", hint="objective", equation=slope_of, bounds=("bounds",),
    bounded=held_slope_between, attribute="x", fields={**COUNTS, "nit": INT}, result=Minimum,
)  # fmt: skip
for fn in (optimize.fmin, optimize.fmin_powell):
    solver(fn, "func", **VECTOR, refused=OUTPUT)
for fn in (optimize.fmin_bfgs, optimize.fmin_cg):
    solver(fn, "f", **VECTOR, also=("fprime",), refused=OUTPUT)
solver(optimize.fmin_ncg, "f", **VECTOR, also=("fprime", "fhess"), refused={**OUTPUT, "fhess_p": OF_TWO})
for fn in (optimize.brent, optimize.golden):
    solver(fn, "func", hint="objective", equation=slope_of, refused=OUTPUT)
solver(
    optimize.fminbound, "func", hint="objective", equation=slope_of, bounds=("x1", "x2"), bounded=held_slope_between,
    refused=OUTPUT,
)  # fmt: skip
solver(
    optimize.least_squares, "fun", **{**VECTOR, "hint": "residuals", "equation": normal_equations_of}, also=("jac",),
    attribute="x", fields={**COUNTS, "optimality": Scalar("float64"), "status": INT}, result=LeastSquares,
    refused={
        "bounds": "where one is reached, the slope is not zero", "loss": "only squares are differentiated",
        "kwargs": "keywords of the function are not followed",
    },
)  # fmt: skip


@in_python(optimize.curve_fit)
def curve_fit(
    f, xdata, ydata, p0=None, sigma=None, absolute_sigma=False, check_finite=None, bounds=None, method=None, jac=None,
    *, full_output=False, nan_policy=None, **options,
):  # fmt: skip
    if bounds is not None or full_output or nan_policy is not None or jac is not None:
        refuse("The derivative of curve_fit with `bounds`, `full_output`, `nan_policy` or `jac` is not known.",
               "Leave it out, or use least_squares.")  # fmt: skip
    if sigma is not None and np.ndim(sigma) > 1:
        refuse("The derivative of curve_fit with a matrix `sigma` is not known.", "Use least_squares.")
    for _ in options:
        refuse("The derivative of curve_fit with keywords of its solver is not known.", "Use least_squares.")

    def residuals(p):
        r = f(xdata, *p) - ydata
        return r if sigma is None else r / sigma

    start = np.ones(parameters_of(f) - 1) if p0 is None else p0
    found = optimize.least_squares(residuals, start, method="lm", ftol=1e-12, xtol=1e-12, gtol=1e-12)
    p = found.x
    J = jacfwd(residuals)(p)
    covariance = np.linalg.inv(J.T @ J)
    if not absolute_sigma:
        covariance = covariance * (2.0 * found.cost / (len(ydata) - len(p)))
    return p, covariance


@in_python(optimize.rosen)
def rosen(x):
    x = np.asarray(x)
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1.0 - x[:-1]) ** 2.0, axis=0)


@in_python(optimize.rosen_der)
def rosen_der(x):
    x = np.asarray(x)
    found = np.zeros_like(x)
    gap = x[1:] - x[:-1] ** 2.0
    found[:-1] = -400.0 * gap * x[:-1] - 2.0 * (1.0 - x[:-1])
    found[1:] += 200.0 * gap
    return found


constant(optimize.linear_sum_assignment)
DECLARED.add(optimize.linear_sum_assignment)
