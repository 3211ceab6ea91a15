"""Steps of solvers of ordinary differential equations: which ones they took, and the formulas by which they step."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def explicit_steps(fun, t_span, y0, args=(), method="RK45", **options):
    """The times strictly between t_span[0] and t_span[1] to which an explicit method of scipy.integrate.solve_ivp
    steps. Raises ArithmeticError where it does not come to the end."""
    return whole_solution(fun, t_span, y0, args, method, options).t[1:-1]


def whole_solution(fun, t_span, y0, args, method, options):
    """What solve_ivp finds; ArithmeticError where it does not come to the end."""
    from scipy import integrate

    t0, t1 = map(float, t_span)
    found = integrate.solve_ivp(fun, (t0, t1), y0, method=method, args=args, **options)
    if not found.success:
        raise ArithmeticError(f"solve_ivp: {found.message}")
    return found


def implicit_steps(fun, t_span, y0, t_eval=None, args=(), method="Radau", **options):
    """Steps of an implicit method of solve_ivp, with those of t_eval among them: `t`, the times; `stages`, for each
    step the solution at its three points of collocation; `wanted`, which of the times are those of the result."""
    found = whole_solution(fun, t_span, y0, args, method, {**options, "dense_output": True})
    if t_eval is None:
        return steps_with_stages(found.sol, found.t, found.t)
    return steps_with_stages(found.sol, np.concatenate([found.t, t_eval]), t_eval)


def odeint_steps(func, y0, t, args=(), **options):
    """Steps of LSODA between the times t, as implicit_steps gives them, with the values that odeint gives there."""
    from scipy import integrate

    t = np.asarray(t, float)
    values = integrate.odeint(func, y0, t, args=args, **options)
    tolerances = {key: options[key] for key in ("rtol", "atol") if options.get(key) is not None}
    tolerances = {"rtol": 1.49012e-8, "atol": 1.49012e-8, **tolerances}
    swapped = lambda time, y, *args: func(y, time, *args)  # noqa: E731
    found = whole_solution(swapped, (t[0], t[-1]), y0, args, "LSODA", {**tolerances, "dense_output": True})
    made = steps_with_stages(found.sol, np.concatenate([found.t, t]), t)
    made.stages[np.maximum(made.wanted - 1, 0), -1] = values
    return made


def steps_with_stages(solution, times, wanted):
    """Steps between times in order, and a solution at the points of collocation in them: see implicit_steps."""
    from types import SimpleNamespace

    ts = np.unique(times)
    ts = ts if solution.ts[-1] >= solution.ts[0] else ts[::-1]
    points = ts[:-1, None] + np.diff(ts)[:, None] * collocation()[0]
    stages = np.moveaxis(solution(points.ravel()).reshape(-1, *points.shape), 0, -1)
    order = np.argsort(ts)
    return SimpleNamespace(t=ts, stages=stages, wanted=order[np.searchsorted(ts, wanted, sorter=order)])


def as_found(equation, x):
    """A solver for custom_root that is given the solution."""
    return x


def places_in_steps(ts, t_eval):
    """For each step between the times ts, the first place of t_eval that lies in it; and the number of places."""
    forward = ts[-1] >= ts[0]
    inside = np.searchsorted(t_eval if forward else -t_eval, ts[1:-1] if forward else -ts[1:-1], side="left")
    return np.concatenate([[0], inside, [len(t_eval)]])


def tableau(method, whole=False):
    """The coefficients A, B, C of an explicit Runge-Kutta method. whole: with a stage at the end of the step."""
    from scipy import integrate

    cls = getattr(integrate, method)
    n = cls.n_stages
    A = np.zeros((n + whole, n + whole))
    A[:n, : cls.A.shape[1]] = cls.A
    if whole:
        A[n, :n] = cls.B
    return A, np.append(cls.B, [0.0] * whole), np.append(cls.C[:n], [1.0] * whole)


def interpolant(method):
    """The coefficients P of the polynomial between two steps: y + h * (K.T @ P) @ [x, x^2, ...]."""
    from scipy import integrate

    return getattr(integrate, method).P


def collocation():
    """The points c and the matrix A of the Radau IIA method with three stages (Hairer and Wanner 1996, IV.5)."""
    r = np.sqrt(6.0)
    c = np.array([(4 - r) / 10, (4 + r) / 10, 1.0])
    A = np.array(
        [
            [(88 - 7 * r) / 360, (296 - 169 * r) / 1800, (-2 + 3 * r) / 225],
            [(296 + 169 * r) / 1800, (88 + 7 * r) / 360, (-2 - 3 * r) / 225],
            [(16 - r) / 36, (16 + r) / 36, 1 / 9],
        ]
    )
    return c, A
