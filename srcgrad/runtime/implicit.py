"""Solutions of equations, and their adjoints by the implicit function theorem."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from srcgrad.runtime.differences import largest_magnitude


def fixed_point(f, x0, *args, solve=None, tol=1e-12, maxiter=1000, linear_solver="dense"):
    """The x with x = f(x, *args), by iteration from x0.

    x0: a float or an array of floats; f gives one of the same shape. The iteration ends once no entry of x changes by
    more than tol times the largest entry (or 1); ArithmeticError after maxiter steps. solve: a solver of your own in
    place of the iteration: solve(step, x0), where step(x) is f(x, *args), gives x. Derivatives follow from the
    solution, whatever found it: one linear system with the transpose of `1 - df/dx` in place of the steps in reverse.
    linear_solver: "dense" (a matrix, by as many calls of the pullback of f as x has entries), "gmres" or "bicgstab"
    (products with the pullback, by scipy.sparse.linalg), or a function of (product, d), where product(w) is the matrix
    times the vector w, that gives w with product(w) = d. The derivative by x0 is zero.

        x = fixed_point(lambda x, a: 0.5 * (x + a / x), 1.0, a)
    """
    if solve is not None:
        return solution_in_form(solve(lambda x: f(x, *args), x0), x0)
    x = x0
    for _ in range(maxiter):
        before, x = x, f(x, *args)
        change = largest_magnitude(x - before)
        if not np.any(change > tol * np.maximum(1.0, largest_magnitude(x))):
            if not np.isfinite(change):
                break
            return np.array(x) if isinstance(x, np.ndarray) else x
    raise ArithmeticError(f"fixed_point: no convergence in {maxiter} steps, the last change was {change}")


def custom_root(residual, solve, x0, *args, linear_solver="dense"):
    """The x with residual(x, *args) == 0, found from x0 by `solve`.

    solve: solve(equation, x0), where equation(x) is residual(x, *args), gives x or an object with the attribute `x` or
    `root`, as scipy.optimize.root and root_scalar do; it may be anything. residual: gives an array of the shape of x,
    a float or an array of floats. Derivatives follow from the solution, whatever found it, by one linear system with
    the transpose of the residual's Jacobian. linear_solver: see fixed_point. The derivative by x0 is zero.

        x = custom_root(lambda x, a: x**3 + x - a, scipy.optimize.root, x0, a)
    """
    shape = np.shape(x0)

    def equation(x):
        value = np.reshape(x, shape) if shape else x if isinstance(x, float) else float(np.reshape(x, ()))
        return np.reshape(residual(value, *args), np.shape(x))

    return solution_in_form(solve(equation, x0), x0)


def solution_in_form(found, like):
    """What a solver found, in the shape and dtype of `like`."""
    if getattr(found, "success", True) is False or getattr(found, "converged", True) is False:
        raise ArithmeticError(f"the solver did not succeed: {getattr(found, 'message', found)}")
    x = np.asarray(getattr(found, "x", getattr(found, "root", found)))
    if isinstance(like, np.ndarray):
        return np.array(np.reshape(x, like.shape), dtype=like.dtype)
    x = np.reshape(x, ())[()]
    return like.dtype.type(x) if isinstance(like, np.generic) else float(x)


def fixed_point_adjoint(pullback, d, x, *args, linear_solver="dense"):
    """The w with w = d + (df/dx)^T w at a fixed point x of f: what pullback(x, *args, w) gives the adjoints for.

    pullback(x, *args, w) gives (df/dx)^T w and the adjoints of the arguments; d is the adjoint of x.
    """

    def product(w):
        return w - pullback(x, *args, w)[0]

    return solve_linear(product, d, linear_solver)


def root_adjoint(pullback, d, x, *args, linear_solver="dense"):
    """The w with (dr/dx)^T w = -d at a root x of r: what pullback(x, *args, w) gives the adjoints for.

    pullback(x, *args, w) gives (dr/dx)^T w and the adjoints of the arguments; d is the adjoint of x.
    """

    def product(w):
        return -pullback(x, *args, w)[0]

    return solve_linear(product, d, linear_solver)


def fixed_point_tangent(pushforward, x, args, dots, linear_solver="dense"):
    """The tangent of a fixed point x of f: the v with v = (df/dx) v + (df/dargs) dots.

    pushforward(x, *args, v, *dots) gives f(x, *args) and its tangent; dots: tangents of the args that have one.
    """
    start = pushforward(x, *args, x * 0, *dots)[1] + x * 0

    def product(v):
        return v - (pushforward(x, *args, v, *dots)[1] - start)

    return solve_linear(product, start, linear_solver)


def root_tangent(pushforward, x, args, dots, linear_solver="dense"):
    """The tangent of a root x of r: the v with (dr/dx) v = -(dr/dargs) dots.

    pushforward(x, *args, v, *dots) gives r(x, *args) and its tangent; dots: tangents of the args that have one.
    """
    start = pushforward(x, *args, x * 0, *dots)[1] + x * 0

    def product(v):
        return start - pushforward(x, *args, v, *dots)[1]

    return solve_linear(product, start, linear_solver)


def solve_linear(product, d, how):
    """The w with product(w) = d, where product is linear. how: see linear_solver of fixed_point."""
    if not np.ndim(d):
        return d / product(d * 0 + 1)
    if np.size(d) == 0:
        return np.zeros_like(d)

    def flat(w):
        return np.reshape(product(np.reshape(w, d.shape)), -1)

    if how == "dense":
        matrix = np.stack([flat(unit) for unit in np.eye(d.size, dtype=d.dtype)], axis=1)
        return np.reshape(np.linalg.solve(matrix, np.reshape(d, -1)), d.shape)
    w = how(flat, np.reshape(d, -1)) if callable(how) else solve_by_products(flat, np.reshape(d, -1), how)
    return np.reshape(w, d.shape)


def solve_by_products(product, d, how):
    """The vector w with product(w) = d, by SciPy. how: "gmres" or "bicgstab"."""
    from scipy.sparse import linalg

    operator = linalg.LinearOperator((d.size, d.size), matvec=product, dtype=d.dtype)
    tolerance = 100 * np.finfo(d.dtype).eps
    w, failed = {"gmres": linalg.gmres, "bicgstab": linalg.bicgstab}[how](
        operator, d, rtol=tolerance, atol=0.0, maxiter=10 * d.size + 100
    )
    if failed:
        raise ArithmeticError(f"{how}: the adjoint of the solution was not found in {failed} steps")
    return w.astype(d.dtype)


def integral_of(function, a, b, args=()):
    """The integral from a to b over x of function(x, *args): a number or an array of the function's dtype."""
    from scipy import integrate

    like = function(float(np.clip(0.0, a, b)), *args)
    if np.ndim(like):
        return integrate.quad_vec(function, a, b, args=args)[0].astype(like.dtype)
    found = integrate.quad(function, a, b, args=args)[0]
    return type(like)(found) if isinstance(like, np.generic) else found


def integral_adjoint(pullback, place, d, a, b, *args):
    """The integral from a to b over x of item `place` of pullback(x, *args, d)."""
    return integral_of(lambda x: pullback(x, *args, d)[place], a, b)


def integral_tangent(pushforward, a, b, args, dots):
    """The integral from a to b over x of the tangent that pushforward(x, *args, *dots) gives."""
    return integral_of(lambda x: pushforward(x, *args, *dots)[1], a, b)
