"""Ordinary differential equations: the formulas of the solvers, on the steps that these have chosen.

The steps are taken from SciPy and count as constant, like those of any adaptive method that is differentiated; on them
the formula is written out. So what is differentiated is the solution that was computed, not the equation's: gradients
are those of the formula, to rounding, and as near to the equation's as the solution is. (Discretise, then optimise;
Hager 2000 shows that this has the method's order.) Solvers of stiff equations have no formula that can be written out
so; their solution is put into the one of Radau IIA at each step, whose equation defines the derivative.
"""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

import numpy as np
from scipy import integrate

from srcgrad import runtime
from srcgrad.ir.kinds import Array
from srcgrad.rules.defined.registry import in_python, refuse, source
from srcgrad.rules.registry import constant
from srcgrad.rules.solvers import solver
from srcgrad.runtime import (
    as_found,
    collocation,
    custom_root,
    explicit_steps,
    implicit_steps,
    interpolant,
    odeint_steps,
    places_in_steps,
    tableau,
)

STEPS = {"t": Array("float64", (None,)), "stages": Array("float64", (None, None, None)),
         "wanted": Array("int64", (None,))}  # fmt: skip
solver(runtime.explicit_steps, "fun", unknown="y0", shape="vector", lead=("float", "x"), hint="rhs", constant=True,
       kind=Array("float64", (None,)))  # fmt: skip
solver(runtime.implicit_steps, "fun", unknown="y0", shape="vector", lead=("float", "x"), hint="rhs", constant=True,
       also=("jac",), fields=STEPS)  # fmt: skip
solver(
    runtime.odeint_steps,
    "func",
    unknown="y0",
    shape="vector",
    lead=("x", "float"),
    hint="rhs",
    constant=True,
    fields=STEPS,
)
constant(runtime.tableau, runtime.interpolant, runtime.collocation, runtime.places_in_steps)


class Trajectory:
    """What stands for the result of solve_ivp."""

    def __init__(self, t, y):
        self.t = t
        self.y = y
        self.success = True
        self.status = 0


@in_python(integrate.solve_ivp)
def solve_ivp(
    fun, t_span, y0, method="RK45", t_eval=None, dense_output=False, events=None, vectorized=False, args=None, **options
):  # fmt: skip
    if events is not None:
        refuse("The derivative of solve_ivp with `events` is not known: the time of an event is not.", "Leave it out.")
    if dense_output:
        refuse("solve_ivp with `dense_output` gives a function that is not differentiated.", "Use `t_eval`.")
    if vectorized:
        refuse("The derivative of solve_ivp with `vectorized` is not known.", "Leave it out.")
    if args is None:
        args = ()
    if method in ("RK45", "RK23"):
        return by_formula(fun, t_span, y0, method, t_eval, args, options)
    if method == "DOP853":
        if t_eval is not None:
            refuse("The derivative of solve_ivp by DOP853 with `t_eval` is not known.", 'Use method="RK45".')
        return by_formula(fun, t_span, y0, method, t_eval, args, options)
    if method not in ("Radau", "BDF", "LSODA"):
        refuse("The derivative of solve_ivp with this method is not known.", 'Name one of SciPy\'s: method="RK45".')
    found = implicit_steps(fun, t_span, y0, t_eval, args=args, method=method, **options)
    t = found.t.copy()
    t[-1] = t_span[1]
    if t_eval is not None:
        t[found.wanted] = t_eval
    t[0] = t_span[0]
    y = by_collocation(fun, t, y0, found.stages, args)[:, found.wanted]
    return Trajectory(t if t_eval is None else t_eval, y)


@source
def by_formula(fun, t_span, y0, method, t_eval, args, options):
    t0, t1 = t_span
    y = np.array(y0, dtype=float)
    t = np.concatenate([[t0], explicit_steps(fun, t_span, y0, args=args, method=method, **options), [t1]])
    A, B, C = tableau(method, t_eval is not None)
    if t_eval is None:
        found = np.zeros((len(y), len(t)))
        found[:, 0] = y
    else:
        t_eval = np.array(t_eval, dtype=float)
        found = np.zeros((len(y), len(t_eval)))
        first, P = places_in_steps(t, t_eval), interpolant(method)
        powers = np.arange(1, P.shape[1] + 1)[:, None]
    for k in range(len(t) - 1):
        h = t[k + 1] - t[k]
        K = np.zeros((len(C), len(y)))
        for i in range(len(C)):
            K[i] = fun(t[k] + C[i] * h, y + h * (A[i, :i] @ K[:i]), *args)
        if t_eval is not None:
            x = (t_eval[first[k] : first[k + 1]] - t[k]) / h
            found[:, first[k] : first[k + 1]] = y[:, None] + h * ((K.T @ P) @ x**powers)
        y = y + h * (B @ K)
        if t_eval is None:
            found[:, k + 1] = y
    return Trajectory(t if t_eval is None else t_eval, found)


@source
def by_collocation(fun, t, y0, stages, args):
    y = np.array(y0, dtype=float)
    c, A = collocation()

    def residual(Z, y, t, h):
        F = np.stack([np.array(fun(t + c[i] * h, Z[i], *args)) for i in range(3)])
        return Z - y - h * (A @ F)

    found = np.zeros((len(y), len(t)))
    found[:, 0] = y
    for k in range(len(t) - 1):
        y = custom_root(residual, as_found, stages[k], y, t[k], t[k + 1] - t[k])[2]
        found[:, k + 1] = y
    return found


@in_python(integrate.odeint)
def odeint(func, y0, t, args=(), tfirst=False, **options):
    for name in options:
        if name not in ("rtol", "atol", "hmax", "h0", "hmin", "mxstep"):
            refuse("The derivative of odeint with this keyword is not known.", "Use solve_ivp.")
    if type(args) is not tuple:
        args = (args,)

    def swapped(first, second, *args):
        return func(second, first, *args)

    found = odeint_steps(swapped if tfirst else func, y0, t, args=args, **options)
    times = found.t.copy()
    times[found.wanted] = t
    return by_collocation(func if tfirst else swapped, times, y0, found.stages, args)[:, found.wanted].T
