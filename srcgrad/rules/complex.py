"""Complex numbers: their parts, and which rules hold for them.

The convention is that of JAX and of HIPS autograd. The gradient of a real function of z = x + iy is df/dx - i df/dy
(its conjugate is the direction of steepest ascent), so that the rules of holomorphic functions read as for real
numbers, without a conjugate: the adjoint of z in f(z) is d * f'(z). The adjoint and the tangent of a real number are
real: what computes them takes the real part (see contributions and tangents).
"""

from __future__ import annotations

import builtins
import cmath
import math
import operator

import numpy as np

from srcgrad import runtime
from srcgrad.ir.kinds import is_complex
from srcgrad.rules import decompositions, linalg, numerical, reductions, shapes, statistics  # noqa: F401  (what is declared here is theirs)
from srcgrad.rules.build import Sym, conj, const, helper, xp
from srcgrad.rules.defined.registry import written_as
from srcgrad.rules.elementwise import positive
from srcgrad.rules.registry import constant, elementwise, holds_for_complex, holds_for_reals, jvp, linear, vjp

# ---- parts ---------------------------------------------------------------------------------------------------


@linear(np.imag, "val", view="readonly")  # it can be written, but its adjoint is no view of the adjoint
def _imag(d: Sym, val: Sym) -> Sym | float:
    return -(1j * d) if is_complex(val.kind) else 0.0


@linear(np.conjugate, "x", accepts_lazy="any")
def _conjugate(d: Sym, x: Sym) -> Sym:
    return conj(d)


def _turn(z: Sym, deg: Sym | None = None, out: Sym | None = None) -> Sym | int:
    """What angle makes of a step: its part across the ray to z, over the distance."""
    if not is_complex(z.kind):
        return 0
    unit = 180 / math.pi if deg is not None and const(deg.expr) else 1
    return -(unit * 1j / z)


elementwise(np.angle, _turn, None, singular=True)
elementwise(cmath.phase, lambda z, out: _turn(z), singular=True)


elementwise(builtins.complex, lambda real, imag, out: 1, lambda real, imag, out: 1j)
elementwise((np.complex128, np.complex64), lambda x, out: 1, linear=("x",))


@written_as(np.sign)
def _sign(x: Sym, /) -> Sym | None:
    """That of a complex number is the point on the unit circle in its direction; 0 at 0."""
    return x / positive(xp.abs(x)) if isinstance(x, Sym) and is_complex(x.kind) else None


# ---- functions of the module cmath ---------------------------------------------------------------------------


def _root(x: Sym) -> Sym:
    return helper(cmath.sqrt, "cmath.sqrt")(x)


elementwise(cmath.exp, lambda x, out: out)
elementwise(cmath.sqrt, lambda x, out: 0.5 / out, singular=True)
elementwise(cmath.log10, lambda x, out: 1 / (math.log(10) * x), singular=True)
elementwise(cmath.sin, lambda x, out: helper(cmath.cos, "cmath.cos")(x))
elementwise(cmath.cos, lambda x, out: -helper(cmath.sin, "cmath.sin")(x))
elementwise(cmath.tan, lambda x, out: 1 + out**2)
elementwise(cmath.sinh, lambda x, out: helper(cmath.cosh, "cmath.cosh")(x))
elementwise(cmath.cosh, lambda x, out: helper(cmath.sinh, "cmath.sinh")(x))
elementwise(cmath.tanh, lambda x, out: 1 - out**2)
elementwise(cmath.asin, lambda x, out: 1 / _root(1 - x**2), singular=True)
elementwise(cmath.acos, lambda x, out: -1 / _root(1 - x**2), singular=True)
elementwise(cmath.atan, lambda x, out: 1 / (1 + x**2), singular=True)
elementwise(cmath.asinh, lambda x, out: 1 / _root(x**2 + 1), singular=True)
elementwise(cmath.acosh, lambda x, out: 1 / (_root(x - 1) * _root(x + 1)), singular=True)
elementwise(cmath.atanh, lambda x, out: 1 / (1 - x**2), singular=True)
elementwise(cmath.rect, lambda r, phi, out: xp.exp(1j * phi), lambda r, phi, out: 1j * out)


@vjp(cmath.log, "z", singular=True, variadic="base")
def _log(d: Sym, z: Sym, base: list[Sym], out: Sym) -> Sym:
    return d / (z * helper(cmath.log, "cmath.log")(base[0])) if base else d / z


@jvp(cmath.log, "z")
def _log_tangent(t: Sym, z: Sym, base: list[Sym], out: Sym) -> Sym:
    return t / (z * helper(cmath.log, "cmath.log")(base[0])) if base else t / z


constant(cmath.isnan, cmath.isinf, cmath.isfinite, cmath.isclose)

# ---- which rules hold ----------------------------------------------------------------------------------------

holds_for_complex(
    operator.add, operator.sub, operator.mul, operator.truediv, operator.neg, operator.pos, operator.pow, pow,
    np.add, np.subtract, np.multiply, np.true_divide, np.negative, np.positive, np.power, np.float_power,
    np.square, np.sqrt, np.reciprocal, np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p,
    np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh,
    np.arctanh, np.sinc, abs, np.abs, np.absolute, np.real, np.angle, np.where,
    np.prod, np.var, np.std, np.linalg.norm, np.linalg.det, np.linalg.inv, np.linalg.solve,
    np.linalg.matrix_power, np.linalg.multi_dot, np.linalg.eigvalsh, np.linalg.svdvals, np.linalg.cholesky,
    np.linalg.pinv, np.gradient, runtime.eigh_w, runtime.eigh_v, runtime.svd_s, runtime.svd_u, runtime.svd_vt,
    runtime.qr_q, runtime.qr_r, runtime.eig_values, runtime.eig_vectors, runtime.log_abs_det, runtime.phase_of_det,
    runtime.with_direction, runtime.direction_of, runtime.least_squares,
    np.cumprod, np.trapezoid, np.average, np.polyval, np.vander, runtime.roots_of, builtins.complex,
    np.complex128, np.complex64,
    *(getattr(cmath, name) for name in (
        "exp", "log", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh",
        "acosh", "atanh", "rect", "phase")),
)  # fmt: skip
holds_for_reals(np.correlate)  # it takes the conjugate of its second argument
