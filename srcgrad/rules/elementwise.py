"""Functions that work element by element: one partial derivative per argument.

Conventions at kinks: abs has slope 0 at 0; at a tie maximum and minimum give half to each; sqrt, log, / and ** have
the partials that their formulas give, infinite where those are, but an adjoint that is zero stays zero.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from srcgrad.errors import KindError, NoRuleError
from srcgrad.ir.kinds import Array, Scalar, is_complex
from srcgrad.ir.nodes import Pack
from srcgrad.rules.build import Sym, chosen, conj, const, helper, lift, number, picked, total, xp
from srcgrad.rules.contributions import Choice, Mask
from srcgrad.rules.registry import constant, elementwise, jvp, vjp

LN2, LN10 = math.log(2), math.log(10)

# ---- arithmetic ----------------------------------------------------------------------------------------------

elementwise((operator.add, np.add), lambda x, y, out: 1, lambda x, y, out: 1, linear=("x", "y"))
elementwise((operator.sub, np.subtract), lambda x, y, out: 1, lambda x, y, out: -1, linear=("x", "y"))
elementwise((operator.mul, np.multiply), lambda x, y, out: y, lambda x, y, out: x)
elementwise(
    (operator.truediv, np.true_divide),
    lambda x, y, out: 1 / y,
    lambda x, y, out: -x / squared(y),
    via_out={"y": lambda y, out: -out / y},
    singular=True,
    domain="away from 0",
)
elementwise((operator.neg, np.negative), lambda x, out: -1, linear=("x",))
elementwise((operator.pos, np.positive), lambda x, out: 1, linear=("x",))
elementwise((operator.mod, np.mod, np.remainder), lambda x, y, out: 1, lambda x, y, out: -(x // y), domain="steps")
elementwise((np.fmod, math.fmod), lambda x, y, out: 1, lambda x, y, out: -xp.trunc(x / y), domain="steps")


def squared(x: Sym) -> Sym:
    """x * x of a name, x**2 of anything longer."""
    return x**2


def power_base(x: Sym, y: Sym, out: Sym) -> Sym | float:
    """The derivative of x**y in x; that of x**0 is 0 also where x is 0."""
    n = const(y.expr)
    if isinstance(n, (int, float)):
        if n == 0.5:
            return 0.5 / out
        if n == -1:
            return -1 / squared(x)
        return n * x ** (n - 1)
    return y * x ** (y - y.ne(0))


def power_exponent(x: Sym, y: Sym, out: Sym) -> Sym:
    """The derivative of x**y in y: 0**y has derivative 0."""
    c = const(x.expr)
    if isinstance(c, (int, float)) and c > 0:
        return out * math.log(c)
    base = x + x.eq(0)
    return out * xp.log(base + 0j if is_complex(out.kind) and not is_complex(x.kind) else base)


elementwise((operator.pow, np.power, np.float_power, pow, math.pow), power_base, power_exponent,
            singular=True, domain="positive")  # fmt: skip
elementwise((np.square,), lambda x, out: 2 * x)
elementwise((np.sqrt, math.sqrt), lambda x, out: 0.5 / out, singular=True, domain="positive")
elementwise(np.cbrt, lambda x, out: 1 / (3 * out**2), singular=True, domain="away from 0")
elementwise(np.reciprocal, lambda x, out: -(out * out), singular=True, domain="away from 0")
elementwise(np.hypot, lambda x, y, out: x / positive(out), lambda x, y, out: y / positive(out))


@vjp(math.hypot, "coordinates", variadic="coordinates")
def _hypot(d: Sym, out: Sym, coordinates: list[Sym]) -> list[Sym]:
    return [d * x / positive(out) for x in coordinates]


@jvp(math.hypot, "coordinates")
def _hypot_tangent(t: list[Sym | None], out: Sym, coordinates: list[Sym]) -> Sym:
    return total([x * x_dot for x, x_dot in zip(coordinates, t, strict=True) if x_dot is not None]) / positive(out)


def positive(x: Sym) -> Sym:
    """A denominator that is x, or 1 where x is 0."""
    return x + x.eq(0)


def _is_array(x: Any) -> bool:
    """Whether an argument is a variable, not a display."""
    return isinstance(x, Sym) and not isinstance(x.expr, Pack)


@vjp(math.dist, "p", "q", displays=True)
def _dist(d: Sym, out: Sym, p: Any, q: Any) -> tuple[Any, Any]:
    _refuse_lists(p, q)
    scale = d / positive(out)
    if _is_array(p) and _is_array(q):
        return scale * (p - q), scale * (q - p)
    n = next(len(x if isinstance(x, list) else x.expr.items) for x in (p, q) if not _is_array(x))
    parts = [scale * (p[k] - q[k]) for k in range(n)]
    back = [-part for part in parts]
    return (parts if isinstance(p, list) else xp.array(parts)), (back if isinstance(q, list) else xp.array(back))


def _refuse_lists(p: Any, q: Any) -> None:
    if any(_is_array(x) and not isinstance(x.kind, Array) for x in (p, q)):
        raise KindError("math.dist of lists is not differentiated", "Use np.linalg.norm of a difference of arrays.")


@jvp(math.dist, "p", "q")
def _dist_tangent(t: tuple[Any, Any], out: Sym, p: Any, q: Any) -> Sym:
    _refuse_lists(p, q)
    of_p, of_q = t
    if _is_array(p) and _is_array(q):
        moved = -of_q if of_p is None else of_p if of_q is None else of_p - of_q
        return (p - q) @ moved / positive(out)
    n = next(len(x if isinstance(x, list) else x.expr.items) for x in (p, q) if not _is_array(x))
    terms = []
    for k in range(n):
        pair = [None if dots is None else dots[k] for dots in t]
        if pair[0] is not None or pair[1] is not None:
            moved = (0 if pair[0] is None else pair[0]) - (0 if pair[1] is None else pair[1])
            terms.append((p[k] - q[k]) * moved)
    return total(terms) / positive(out)


# ---- exponentials and logarithms -----------------------------------------------------------------------------

elementwise((np.exp, math.exp), lambda x, out: out)
elementwise((np.exp2, math.exp2) if hasattr(math, "exp2") else np.exp2, lambda x, out: LN2 * out)
elementwise((np.expm1, math.expm1), lambda x, out: out + 1)
elementwise(np.log, lambda x, out: 1 / x, singular=True, domain="positive")
elementwise((np.log2, math.log2), lambda x, out: 1 / (LN2 * x), singular=True, domain="positive")
elementwise((np.log10, math.log10), lambda x, out: 1 / (LN10 * x), singular=True, domain="positive")
elementwise((np.log1p, math.log1p), lambda x, out: 1 / (1 + x), singular=True, domain="positive")
elementwise(np.logaddexp, lambda x, y, out: xp.exp(x - out), lambda x, y, out: xp.exp(y - out))
elementwise(np.logaddexp2, lambda x, y, out: xp.exp2(x - out), lambda x, y, out: xp.exp2(y - out))


@vjp(math.log, "x", singular=True, domain="positive", variadic="base")
def _(d, x, base, out):  # type: ignore[no-untyped-def]
    return d / (x * xp.log(base[0])) if base else d / x


@jvp(math.log, "x")
def _(t, x, base, out):  # type: ignore[no-untyped-def]
    return t / (x * xp.log(base[0])) if base else t / x


# ---- trigonometry --------------------------------------------------------------------------------------------

elementwise((np.sin, math.sin), lambda x, out: xp.cos(x))
elementwise((np.cos, math.cos), lambda x, out: -xp.sin(x))
elementwise((np.tan, math.tan), lambda x, out: 1 + out**2, domain="unit")
elementwise((np.arcsin, math.asin), lambda x, out: 1 / xp.sqrt(1 - x**2), singular=True, domain="unit")
elementwise((np.arccos, math.acos), lambda x, out: -1 / xp.sqrt(1 - x**2), singular=True, domain="unit")
elementwise((np.arctan, math.atan), lambda x, out: 1 / (1 + x**2))
elementwise(
    (np.arctan2, math.atan2),
    lambda y, x, out: x / (x**2 + y**2),
    lambda y, x, out: -y / (x**2 + y**2),
    singular=True,
    domain="away from 0",
)
elementwise((np.sinh, math.sinh), lambda x, out: xp.cosh(x))
elementwise((np.cosh, math.cosh), lambda x, out: xp.sinh(x))
elementwise((np.tanh, math.tanh), lambda x, out: 1 - out**2)
elementwise((np.arcsinh, math.asinh), lambda x, out: 1 / xp.sqrt(x**2 + 1))
def arccosh_slope(x: Sym, out: Sym) -> Sym:
    """One root holds for real numbers; two lie on the right branch for complex ones, DLMF 4.37.16."""
    return 1 / (xp.sqrt(x - 1) * xp.sqrt(x + 1)) if is_complex(x.kind) else 1 / xp.sqrt(x**2 - 1)


elementwise((np.arccosh, math.acosh), arccosh_slope, singular=True, domain="above 1")
elementwise((np.arctanh, math.atanh), lambda x, out: 1 / (1 - x**2), singular=True, domain="unit")
elementwise((np.deg2rad, np.radians, math.radians), lambda x, out: math.pi / 180, linear=("x",))
elementwise((np.rad2deg, np.degrees, math.degrees), lambda x, out: 180 / math.pi, linear=("x",))
elementwise((math.erf,), lambda x, out: 2 / math.sqrt(math.pi) * xp.exp(-(x**2)))
elementwise((math.erfc,), lambda x, out: -2 / math.sqrt(math.pi) * xp.exp(-(x**2)))


def psi(x: Sym) -> Sym:
    """The logarithmic derivative of the gamma function, which neither math nor NumPy has."""
    try:
        import scipy.special
    except ImportError:
        raise NoRuleError("The derivative of the gamma function needs SciPy.", "Install it.") from None
    return helper(scipy.special.psi, "scipy.special.psi")(x)


elementwise(math.gamma, lambda x, out: out * psi(x), domain="positive")
elementwise(math.lgamma, lambda x, out: psi(x), domain="positive")


def sinc_slope(x: Sym, out: Sym) -> Sym:
    """The derivative of sin(pi x) / (pi x); a few terms of its series around 0, where the quotient is 0 / 0."""
    square = xp.square(math.pi * x)
    series = math.pi**2 * x * (square * (1 / 30 - square / 840) - 1 / 3)
    return chosen(xp.abs(x) < 0.01, series, (xp.cos(math.pi * x) - out) / (x + x.eq(0)))


elementwise(np.sinc, sinc_slope)


def bessel_i1(x: Sym) -> Sym:
    """The derivative of i0, which NumPy does not have (DLMF 10.29.3)."""
    try:
        import scipy.special
    except ImportError:
        raise NoRuleError("The derivative of np.i0 needs SciPy.", "Install it.") from None
    return helper(scipy.special.i1, "scipy.special.i1")(x)


elementwise(np.i0, lambda x, out: bessel_i1(x))

# ---- kinks ---------------------------------------------------------------------------------------------------


def sign(x: Sym) -> Sym:
    """The sign of x, 0 at 0; also of a Python number."""
    return helper(np.sign, "np.sign")(x)


def above(x: Sym, y: Sym) -> Sym:
    """1 where x > y, 0 where x < y, one half at a tie: np.heaviside takes ten times as long."""
    arrays = [value.kind for value in (x, y) if isinstance(value.kind, Array)]
    half = number(Sym(lift(0.5)), "float32") if {kind.dtype for kind in arrays} == {"float32"} else 0.5
    return (x > y) + half * x.eq(y)


def direction(x: Sym) -> Sym:
    """The derivative of abs: the sign; the conjugate of x over its size for complex numbers; 0 at 0."""
    return conj(x) / positive(xp.abs(x)) if is_complex(x.kind) else sign(x)


def abs_slope(x: Sym, out: Sym) -> Sym:
    return conj(x) / positive(out) if is_complex(x.kind) else sign(x)


elementwise((abs, np.abs, np.absolute, np.fabs, math.fabs), abs_slope, domain="away from 0")
elementwise((math.copysign, np.copysign), lambda x, y, out: sign(x) * xp.copysign(1.0, y), None,
            domain="away from 0")  # fmt: skip


@jvp((abs, np.abs, np.absolute, np.fabs, math.fabs), "x")
def _abs_tangent(t: Sym, x: Sym, out: Sym, masked: bool) -> Sym:
    moved = (conj(x) * t).real / positive(out) if is_complex(x.kind) else t * sign(x)
    return chosen(x.eq(0), 0.0, moved) if masked else moved


def choice(x: Sym, y: Sym) -> Choice:
    """`above`, as the choice of the larger one that it stands for."""
    return Choice(above(x, y), x < y)


def present(x: Sym, y: Sym, least: bool = False) -> Choice:
    """`choice`, where nan counts as nothing at all."""
    wins, lost = (above(y, x), y < x) if least else (above(x, y), x < y)
    return Choice(wins + xp.isnan(y), xp.logical_or(lost, xp.isnan(x)))


elementwise(np.maximum, lambda x, y, out: choice(x, y), lambda x, y, out: choice(y, x), domain="distinct")
elementwise(np.minimum, lambda x, y, out: choice(y, x), lambda x, y, out: choice(x, y), domain="distinct")
elementwise(np.fmax, lambda x, y, out: present(x, y), lambda x, y, out: present(y, x), domain="distinct")
elementwise(np.fmin, lambda x, y, out: present(x, y, True), lambda x, y, out: present(y, x, True), domain="distinct")


@jvp(np.maximum, "x", "y")
def _maximum_tangent(t: tuple[Sym | None, Sym | None], x: Sym, y: Sym, out: Sym) -> Sym:
    return _larger(t, x, y, out)


@jvp(np.minimum, "x", "y")
def _minimum_tangent(t: tuple[Sym | None, Sym | None], x: Sym, y: Sym, out: Sym) -> Sym:
    return _larger(t, x, y, out, least=True)


@jvp(np.fmax, "x", "y")
def _fmax_tangent(t: tuple[Sym | None, Sym | None], x: Sym, y: Sym, out: Sym) -> Sym:
    return _present(t, x, y, out)


@jvp(np.fmin, "x", "y")
def _fmin_tangent(t: tuple[Sym | None, Sym | None], x: Sym, y: Sym, out: Sym) -> Sym:
    return _present(t, x, y, out, least=True)


def _nothing(out: Sym) -> Sym | float:
    """A zero beside a tangent, in its dtype."""
    single = isinstance(out.kind, Scalar) and out.kind.dtype == "float32" and not out.kind.weak
    return number(Sym(lift(0.0)), "float32") if single else 0.0


def _present(t: tuple[Sym | None, Sym | None], x: Sym, y: Sym, out: Sym, least: bool = False) -> Sym:
    """The tangent of the larger (or smaller) of x and y, where nan counts as nothing."""
    of_x, of_y = (_nothing(out) if part is None else part for part in t)
    wins = xp.logical_or(x < y if least else x > y, xp.isnan(y))
    return chosen(x.eq(y), 0.5 * (of_x + of_y), chosen(wins, of_x, of_y))


def _larger(t: tuple[Sym | None, Sym | None], x: Sym, y: Sym, out: Sym, least: bool = False) -> Sym:
    """The tangent of the larger (or smaller) of x and y: a choice, so that nothing comes of the other's."""
    of_x, of_y = t
    if of_x is None or of_y is None:
        this, other, moved = (x, y, of_x) if of_x is not None else (y, x, of_y)
        lost, wins = (this > other, above(other, this)) if least else (this < other, above(this, other))
        assert moved is not None
        if isinstance(out.kind, Scalar):
            return chosen(lost, _nothing(out), chosen(this.eq(other), 0.5 * moved, moved))
        return chosen(lost, 0.0, moved * wins)
    return chosen(x.eq(y), 0.5 * (of_x + of_y), chosen(x < y if least else x > y, of_x, of_y))


@vjp(max, "args", variadic="args", domain="distinct")
def _(d, args, out):  # type: ignore[no-untyped-def]
    return _share(d, args, out)


@vjp(min, "args", variadic="args", domain="distinct")
def _(d, args, out):  # type: ignore[no-untyped-def]
    return _share(d, args, out)


def _share(d: Sym, args: list[Sym], out: Sym) -> list[Sym]:
    """Python's max(a, b, ...): equal parts for those that are equal to the result."""
    if len(args) == 2:
        a, b = args
        return [d * 0.5 * (a.eq(out) * 1.0 + b.ne(out)), d * 0.5 * (b.eq(out) * 1.0 + a.ne(out))]
    hits = [a.eq(out) for a in args]
    number = total([hits[0] * 1.0, *hits[1:]])
    return [d * hit / number for hit in hits]


@jvp((max, min), "args")
def _extremum_tangent(t: list[Sym | None], args: list[Sym], out: Sym) -> Sym:
    pairs = [(x, x_dot) for x, x_dot in zip(args, t, strict=True) if x_dot is not None]
    if len(args) == 2:
        (a, b), (of_a, of_b) = args, t
        if of_a is None or of_b is None:
            ((this, moved),) = pairs
            return picked(this.ne(out), 0.0, picked(a.eq(b), 0.5 * moved, moved))
        return picked(a.eq(b), 0.5 * (of_a + of_b), picked(a.eq(out), of_a, of_b))
    shared = total([picked(x.eq(out), x_dot, 0.0) for x, x_dot in pairs])
    return shared / total([x.eq(out) * 1.0 for x in args])


def inside(a: Sym, a_min: Sym | None = None, a_max: Sym | None = None) -> Mask | int:
    """1 where a lies between the bounds, ends included."""
    tests = []
    if a_min is not None and const(a_min.expr) is not None:
        tests.append(a >= a_min)
    if a_max is not None and const(a_max.expr) is not None:
        tests.append(a <= a_max)
    if not tests:
        return 1
    return Mask(tests[0] if len(tests) == 1 else tests[0] & tests[1], factor=True)


def below(a: Sym, a_min: Sym, a_max: Sym | None = None) -> Mask:
    """1 where the result is the lower bound: the upper one goes first where it is less than that."""
    if a_max is None or const(a_max.expr) is None:
        return Mask(a < a_min)
    return Mask((a < a_min) & (a_min <= a_max))


def beyond(a: Sym, a_max: Sym, a_min: Sym | None = None) -> Mask:
    """1 where the result is the upper bound."""
    if a_min is None or const(a_min.expr) is None:
        return Mask(a > a_max)
    return Mask(xp.maximum(a, a_min) > a_max)


elementwise(
    np.clip,
    lambda a, a_min=None, a_max=None, out=None: inside(a, a_min, a_max),
    lambda a, a_min, a_max=None, out=None: below(a, a_min, a_max),
    lambda a, a_max, a_min=None, out=None: beyond(a, a_max, a_min),
    domain="distinct",
)
elementwise(
    np.where,
    None,
    lambda condition, x, y, out: Mask(condition),
    lambda condition, x, y, out: Mask(~condition if isinstance(condition.kind, Array) else condition.eq(False)),
)


@jvp(np.where, "x", "y")
def _where_tangent(t: tuple[Sym | None, Sym | None], condition: Sym, out: Sym) -> Sym:
    return xp.where(condition, *(0.0 if side is None else side for side in t))


elementwise(np.heaviside, None, lambda x, y, out: x.eq(0), domain="away from 0")
jvp(np.heaviside, "y")(lambda t, x, out: chosen(x.eq(0), t, 0.0))
elementwise(np.nextafter, lambda x1, x2, out: 1, None)


@vjp(np.nan_to_num, "x")
def _nan_to_num(d: Sym, x: Sym, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Sym:
    return chosen(xp.isfinite(x), d, 0.0)


@jvp(np.nan_to_num, "x")
def _nan_to_num_tangent(t: Sym, x: Sym) -> Sym:
    return chosen(xp.isfinite(x), t, 0.0)
elementwise((float, np.float64, np.float32), lambda x, out: 1, linear=("x",))
elementwise(np.real, lambda val, out: 1, linear=("val",), view="always")
elementwise(np.ldexp, lambda x, k, out: xp.ldexp(1.0, k), None)
elementwise(math.ldexp, lambda x, k, out: xp.ldexp(1.0, k), None)

# ---- no derivative -------------------------------------------------------------------------------------------

constant(
    operator.floordiv, operator.lshift, operator.rshift, operator.and_, operator.or_, operator.xor, operator.invert,
    operator.not_, operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne, operator.is_,
    operator.is_not, operator.contains,
    np.floor_divide, np.floor, np.ceil, np.rint, np.round, np.around, np.trunc, np.fix, np.sign, np.signbit,
    np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor,
    np.invert, np.left_shift, np.right_shift, np.isnan, np.isfinite, np.isinf, np.isclose, np.allclose,
    np.array_equal, np.isposinf, np.isneginf, np.spacing, np.gcd, np.lcm, np.isscalar, np.isreal, np.iscomplex,
    math.floor, math.ceil, math.trunc, math.isnan, math.isfinite, math.isinf, math.isclose, math.gcd, math.factorial,
    math.comb, math.perm, math.isqrt,
    int, bool, round, isinstance, str, repr, range, callable, hasattr, type, id, format,
    np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_, np.errstate, np.finfo, np.iinfo, np.dtype,
)  # fmt: skip
