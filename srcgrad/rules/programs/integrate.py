"""scipy.integrate: integrals of functions by the Leibniz rule, ordinary differential equations, and samples."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

from __future__ import annotations

from scipy import integrate

from srcgrad.rules.programs import ode, samples  # noqa: F401  (they register)
from srcgrad.rules.solvers import solver

solver(integrate.quad, "func", integral=("a", "b"), lead=("float",), hint="integrand",
       refused={"full_output": "it returns more then", "weight": "the weight is no part of the function",
                "wvar": "the weight is no part of the function", "points": "they would move with the function",
                "complex_func": "complex numbers are not differentiated"})  # fmt: skip
solver(integrate.quad_vec, "f", integral=("a", "b"), lead=("float",), hint="integrand",
       refused={"full_output": "it returns more then", "points": "they would move with the function",
                "workers": "the function is not sent to other processes"})  # fmt: skip
