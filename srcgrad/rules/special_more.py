"""Further functions of scipy.special: orthogonal polynomials (DLMF 18.9), integrals, Bessel functions of other kinds,
and counts; loaded with special.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import scipy.special as sc

from srcgrad import runtime
from srcgrad.rules.build import Sym, chosen, const, helper, xp
from srcgrad.rules.defined.registry import array, branch, hold, ndim, written_as
from srcgrad.rules.registry import constant, elementwise
from srcgrad.rules.special import DEGREE, special

# ---- orthogonal polynomials, in x ------------------------------------------------------------------------------


def lower(n: Sym, term: Callable[[Sym], Sym]) -> Sym | float:
    """A term of the polynomial of degree n - 1, which is none where n is 0."""
    known = const(n.expr)
    if isinstance(known, int):
        return term(n - 1) if known else 0.0
    return chosen(n.eq(0), 0.0, term(xp.maximum(n - 1, 0)))


elementwise(sc.eval_jacobi, ..., ..., ..., lambda n, alpha, beta, x, out:
            0.5 * (n + alpha + beta + 1) * special.eval_jacobi(n - 1, alpha + 1, beta + 1, x),
            domain=("order", "positive", "positive", "unit"))  # fmt: skip
elementwise(sc.eval_gegenbauer, ..., ..., lambda n, alpha, x, out:
            2 * alpha * special.eval_gegenbauer(n - 1, alpha + 1, x), domain=("order", "positive", "unit"))  # fmt: skip
elementwise(sc.eval_genlaguerre, ..., ..., lambda n, alpha, x, out: -special.eval_genlaguerre(n - 1, alpha + 1, x),
            domain=("order", "positive", "real"))  # fmt: skip
elementwise(sc.eval_legendre, ..., lambda n, x, out: 0.5 * (n + 1) * special.eval_jacobi(n - 1, 1, 1, x),
            domain=("order", "unit"))  # fmt: skip
elementwise(sc.eval_sh_legendre, ..., lambda n, x, out: (n + 1) * special.eval_jacobi(n - 1, 1, 1, 2 * x - 1),
            domain=("order", "probability"))  # fmt: skip
elementwise(sc.eval_chebyt, ..., lambda n, x, out: n * special.eval_chebyu(n - 1, x), domain=("order", "unit"))
elementwise(sc.eval_chebyu, ..., lambda n, x, out: 2 * special.eval_gegenbauer(n - 1, 2, x), domain=("order", "unit"))
elementwise(sc.eval_chebyc, ..., lambda n, x, out: n * special.eval_chebys(n - 1, x), domain=("order", "unit"))
elementwise(sc.eval_chebys, ..., lambda n, x, out: special.eval_gegenbauer(n - 1, 2, x / 2), domain=("order", "unit"))
elementwise(sc.eval_sh_chebyt, ..., lambda n, x, out: 2 * n * special.eval_sh_chebyu(n - 1, x),
            domain=("order", "probability"))  # fmt: skip
elementwise(sc.eval_sh_chebyu, ..., lambda n, x, out: 4 * special.eval_gegenbauer(n - 1, 2, 2 * x - 1),
            domain=("order", "probability"))  # fmt: skip
elementwise(sc.eval_laguerre, ..., lambda n, x, out: -special.eval_genlaguerre(n - 1, 1, x),
            domain=("order", "real"))  # fmt: skip
elementwise(sc.eval_hermite, ..., lambda n, x, out: lower(n, lambda m: 2 * n * special.eval_hermite(m, x)),
            domain=("count", "real"))  # fmt: skip
elementwise(sc.eval_hermitenorm, ..., lambda n, x, out: lower(n, lambda m: n * special.eval_hermitenorm(m, x)),
            domain=("count", "real"))  # fmt: skip

# ---- Bessel functions of other kinds: DLMF 10.51, 11.4, 9.2 and 10.61 ----------------------------------------


def _spherical(name: str, sign: int) -> None:
    """Spherical Bessel functions: the derivative is an argument, and their equation gives the second. sign: 1, or -1
    for the modified functions."""

    def slope(n: Sym, z: Sym, derivative: Any = False, out: Any = None) -> Sym:
        fn = getattr(special, name)
        if derivative is False or const(derivative.expr) is False:
            return fn(n, z, derivative=True)
        return -2 * out / z + (n * (n + 1) / z**2 - sign) * fn(n, z)

    elementwise(getattr(sc, name), ..., slope, None, singular=True, domain=("count", "positive", "part"))


for _name, _sign in (("spherical_jn", 1), ("spherical_yn", 1), ("spherical_in", -1), ("spherical_kn", -1)):
    _spherical(_name, _sign)


elementwise(sc.jvp, ..., lambda v, z, n=1, out=None: special.jvp(v, z, n + 1), None,
            domain=("order", "positive", "part"))  # fmt: skip
elementwise(sc.yvp, ..., lambda v, z, n=1, out=None: special.yvp(v, z, n + 1), None, singular=True,
            domain=("order", "positive", "part"))  # fmt: skip
elementwise(sc.ivp, ..., lambda v, z, n=1, out=None: special.ivp(v, z, n + 1), None,
            domain=("order", "positive", "part"))  # fmt: skip
elementwise(sc.kvp, ..., lambda v, z, n=1, out=None: special.kvp(v, z, n + 1), None, singular=True,
            domain=("order", "positive", "part"))  # fmt: skip


def struve_excess(v: Sym, x: Sym) -> Sym:
    """What the neighbours of a Struve function differ by beside its derivative (DLMF 11.4.25)."""
    return (0.5 * x) ** v / (math.sqrt(math.pi) * special.gamma(v + 1.5))


elementwise(sc.struve, ..., lambda v, x, out: 0.5 * (special.struve(v - 1, x) - special.struve(v + 1, x)
            + struve_excess(v, x)), domain=("order", "positive"))  # fmt: skip
elementwise(sc.modstruve, ..., lambda v, x, out: 0.5 * (special.modstruve(v - 1, x) + special.modstruve(v + 1, x)
            + struve_excess(v, x)), domain=("order", "positive"))  # fmt: skip
elementwise(sc.ber, lambda x, out: special.berp(x), domain="positive")
elementwise(sc.bei, lambda x, out: special.beip(x), domain="positive")
elementwise(sc.ker, lambda x, out: special.kerp(x), domain="positive")
elementwise(sc.kei, lambda x, out: special.keip(x), domain="positive")
elementwise(sc.berp, lambda x, out: -special.bei(x) - out / x, singular=True, domain="positive")  # 10.61.3
elementwise(sc.beip, lambda x, out: special.ber(x) - out / x, singular=True, domain="positive")
elementwise(sc.kerp, lambda x, out: -special.kei(x) - out / x, singular=True, domain="positive")
elementwise(sc.keip, lambda x, out: special.ker(x) - out / x, singular=True, domain="positive")
elementwise(sc.wright_bessel, ..., ..., lambda a, b, x, out: special.wright_bessel(a, a + b, x), domain="positive")
elementwise(sc.log_wright_bessel, ..., ...,
            lambda a, b, x, out: xp.exp(special.log_wright_bessel(a, a + b, x) - out), domain="positive")  # fmt: skip
elementwise(sc.wrightomega, lambda z, out: out / (1 + out))

airy_part: Any = helper(runtime.airy_part)
_AIRY = (
    lambda x: airy_part(x, 1), lambda x: x * airy_part(x, 0), lambda x: airy_part(x, 3), lambda x: x * airy_part(x, 2),
)  # fmt: skip


def _by_part(fn: Any, slopes: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    """The partial derivative in x of a function of x and the number of its result."""
    return lambda x, k, out: slopes[const(k.expr)](x)


elementwise(runtime.airy_part, _by_part(runtime.airy_part, _AIRY), None, domain=("real", "part"))


@written_as(sc.airy)
def airy(z: Sym) -> tuple[Sym, ...]:
    return tuple(airy_part(z, k) for k in range(4))


# ---- integrals: DLMF 7.2, 6.2, 19.4, 22.13 and 7.19 ----------------------------------------------------------

fresnel_part: Any = helper(runtime.fresnel_part)
sici_part: Any = helper(runtime.sici_part)
shichi_part: Any = helper(runtime.shichi_part)
elementwise(runtime.fresnel_part, _by_part(fresnel_part, (
    lambda x: xp.sin(0.5 * math.pi * xp.square(x)), lambda x: xp.cos(0.5 * math.pi * xp.square(x)))), None,
    domain=("real", "part"))  # fmt: skip
elementwise(runtime.sici_part, _by_part(sici_part, (
    lambda x: xp.sinc(x / math.pi), lambda x: xp.cos(x) / x)), None, singular=True,
    domain=("positive", "part"))  # fmt: skip
elementwise(runtime.shichi_part, _by_part(shichi_part, (
    lambda x: xp.sinh(x) / x, lambda x: xp.cosh(x) / x)), None, singular=True,
    domain=("positive", "part"))  # fmt: skip


@written_as(sc.fresnel)
def fresnel(z: Sym) -> tuple[Sym, ...]:
    return fresnel_part(z, 0), fresnel_part(z, 1)


@written_as(sc.sici)
def sici(x: Sym) -> tuple[Sym, ...]:
    return sici_part(x, 0), sici_part(x, 1)


@written_as(sc.shichi)
def shichi(x: Sym) -> tuple[Sym, ...]:
    return shichi_part(x, 0), shichi_part(x, 1)


elementwise(sc.ellipkinc, lambda phi, m, out: 1 / xp.sqrt(1 - m * xp.square(xp.sin(phi))),
            lambda phi, m, out: incomplete_slope(phi, m, out), singular=True, domain="probability")  # fmt: skip
elementwise(sc.ellipeinc, lambda phi, m, out: xp.sqrt(1 - m * xp.square(xp.sin(phi))),
            lambda phi, m, out: (out - special.ellipkinc(phi, m)) / (2 * m), singular=True,
            domain="probability")  # fmt: skip


def incomplete_slope(phi: Sym, m: Sym, out: Sym) -> Sym:
    """The derivative of ellipkinc in m (DLMF 19.4.5)."""
    rest = xp.sin(2 * phi) / (4 * (1 - m) * xp.sqrt(1 - m * xp.square(xp.sin(phi))))
    return special.ellipeinc(phi, m) / (2 * m * (1 - m)) - out / (2 * m) - rest


elementwise(sc.ellipkm1, lambda p, out: -math.pi / 8 * special.hyp2f1(1.5, 1.5, 2, 1 - p), singular=True,
            domain="probability")  # fmt: skip
elementwise(
    sc.elliprf,
    lambda x, y, z, out: -special.elliprd(y, z, x) / 6,
    lambda x, y, z, out: -special.elliprd(x, z, y) / 6,
    lambda x, y, z, out: -special.elliprd(x, y, z) / 6,
    domain="positive",
)
ellipj_part: Any = helper(runtime.ellipj_part)
_ELLIPJ = (
    lambda u, m: ellipj_part(u, m, 1) * ellipj_part(u, m, 2), lambda u, m: -ellipj_part(u, m, 0) * ellipj_part(u, m, 2),
    lambda u, m: -m * ellipj_part(u, m, 0) * ellipj_part(u, m, 1), lambda u, m: ellipj_part(u, m, 2),
)  # fmt: skip
elementwise(runtime.ellipj_part, lambda u, m, k, out: _ELLIPJ[const(k.expr)](u, m), ..., None,
            domain=("real", "probability", "part"))  # fmt: skip


@written_as(sc.ellipj)
def ellipj(u: Any, m: Any) -> tuple[Sym, ...]:
    return tuple(ellipj_part(u, m, k) for k in range(4))


# The Voigt profile V and L, which belongs to it, are the real and imaginary part of an analytic function of
# x + i * gamma, with the derivative -(x + i * gamma) * (V + i * L) / sigma**2 + i / (pi * sigma**2) (DLMF 7.19 and
# 7.10.2); both are homogeneous of degree -1 in all three arguments.

dispersion: Any = helper(runtime.voigt_dispersion)


def voigt_in_x(x: Sym, sigma: Sym, gamma: Sym, v: Sym, d: Sym) -> Sym:
    return (gamma * d - x * v) / xp.square(sigma)


def voigt_in_gamma(x: Sym, sigma: Sym, gamma: Sym, v: Sym, d: Sym) -> Sym:
    return (x * d + gamma * v - 1 / math.pi) / xp.square(sigma)


def _in_sigma(x: Sym, sigma: Sym, gamma: Sym, out: Sym, in_x: Sym, in_gamma: Sym) -> Sym:
    return -(out + x * in_x + gamma * in_gamma) / sigma


def voigt_in_sigma(x: Sym, sigma: Sym, gamma: Sym, v: Sym, d: Sym) -> Sym:
    return _in_sigma(x, sigma, gamma, v, voigt_in_x(x, sigma, gamma, v, d), voigt_in_gamma(x, sigma, gamma, v, d))


def dispersion_in_sigma(x: Sym, sigma: Sym, gamma: Sym, v: Sym, d: Sym) -> Sym:
    return _in_sigma(x, sigma, gamma, d, -voigt_in_gamma(x, sigma, gamma, v, d), voigt_in_x(x, sigma, gamma, v, d))


elementwise(
    sc.voigt_profile,
    lambda x, sigma, gamma, out: voigt_in_x(x, sigma, gamma, out, dispersion(x, sigma, gamma)),
    lambda x, sigma, gamma, out: voigt_in_sigma(x, sigma, gamma, out, dispersion(x, sigma, gamma)),
    lambda x, sigma, gamma, out: voigt_in_gamma(x, sigma, gamma, out, dispersion(x, sigma, gamma)),
    singular=True, domain=("real", "positive", "positive"),
)  # fmt: skip
elementwise(
    runtime.voigt_dispersion,
    lambda x, sigma, gamma, out: -voigt_in_gamma(x, sigma, gamma, special.voigt_profile(x, sigma, gamma), out),
    lambda x, sigma, gamma, out: dispersion_in_sigma(x, sigma, gamma, special.voigt_profile(x, sigma, gamma), out),
    lambda x, sigma, gamma, out: voigt_in_x(x, sigma, gamma, special.voigt_profile(x, sigma, gamma), out),
    singular=True, domain=("real", "positive", "positive"),
)  # fmt: skip

# ---- angles in degrees, powers -------------------------------------------------------------------------------

elementwise(sc.tandg, lambda x, out: DEGREE * (1 + xp.square(out)), domain="unit")
elementwise(sc.cotdg, lambda x, out: -DEGREE * (1 + xp.square(out)), singular=True, domain="positive")
elementwise(sc.radian, lambda degrees, m, s, out: DEGREE, lambda degrees, m, s, out: DEGREE / 60,
            lambda degrees, m, s, out: DEGREE / 3600)  # fmt: skip
elementwise(sc.powm1, lambda x, y, out: y * x ** (y - 1), lambda x, y, out: (out + 1) * xp.log(x), singular=True,
            domain="positive")  # fmt: skip

# ---- counts as functions of real numbers: written with gamma functions -----------------------------------------


def _or_zero(tests: list[Any], fn: Callable[..., Sym], given: dict[str, tuple[Any, float]]) -> Sym | None:
    """A function of arguments, 0 where one of the tests holds. given: the arguments, each with a value at which the
    function is smooth."""
    if True in [test for test in tests if not isinstance(test, Sym)]:
        return None
    values = [value for value, _ in given.values()]
    test = None
    for other in tests:
        if isinstance(other, Sym):
            test = other if test is None else test | other
    if test is None:
        return fn(*values)
    if all(ndim(value) == 0 for value in values):
        return branch(test, lambda: 0.0, lambda: fn(*values))
    test = hold(test, "outside")
    return xp.where(test, 0.0, fn(*(hold(xp.where(test, safe, x), name) for name, (x, safe) in given.items())))


@written_as(sc.comb, known=())
def comb(N: Any, k: Any, *, exact: Any = False, repetition: Any = False) -> Sym | None:
    if exact is not False:
        return None
    N, k = (array(x) if isinstance(x, list) else x for x in (N, k))
    if repetition:
        return special.binom(N + k - 1, k)
    return _or_zero([k > N, N < 0, k < 0], special.binom, {"N": (N, 1.0), "k": (k, 0.0)})


@written_as(sc.perm, known=())
def perm(N: Any, k: Any, exact: Any = False) -> Sym | None:
    if exact is not False:
        return None
    N, k = (array(x) if isinstance(x, list) else x for x in (N, k))
    arrangements = {"N": (N, 1.0), "k": (k, 0.0)}
    return _or_zero([k > N, N < 0, k < 0], lambda N, k: special.poch(N - k + 1, k), arrangements)


@written_as(sc.factorial)
def factorial(n: Any, exact: Any = False) -> Sym | None:
    if exact is not False:
        return None
    n = array(n) if isinstance(n, list) else n
    return _or_zero([n < 0], lambda n: special.gamma(n + 1), {"n": (n, 1.0)})


@written_as(sc.multigammaln)
def multigammaln(a: Any, d: Any) -> Sym | None:
    if not isinstance(d, int):
        return None
    total = special.gammaln(a) + 0.25 * d * (d - 1) * math.log(math.pi)
    for j in range(1, d):
        total = total + special.gammaln(a - 0.5 * j)
    return total


@written_as(sc.agm)
def agm(a: Any, b: Any) -> Sym:
    """The arithmetic-geometric mean as an elliptic integral (DLMF 19.8.5)."""
    return 0.25 * math.pi * (a + b) / special.ellipkm1(4 * a * b / (a + b) ** 2)


@written_as(sc.logsumexp)
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False) -> Any:
    """With return_sign the logarithm is that of the size of the sum, which may be negative."""
    if return_sign is not True or not isinstance(a, Sym) or (b is not None and ndim(b) not in (0, ndim(a))):
        return None
    over = {} if axis is None else {"axis": axis}
    top = hold(helper(runtime.stop_gradient, "stop_gradient")(xp.max(a, **over, keepdims=True)), "top")
    shares = xp.exp(a - top)
    total = hold(xp.sum(shares if b is None else b * shares, **over, **({"keepdims": True} if keepdims else {})), "sum")
    shift = top if keepdims else xp.max(top) if axis is None else xp.squeeze(top, axis=axis)
    return xp.log(xp.abs(total)) + shift, xp.sign(total)


constant(
    sc.bernoulli, sc.euler, sc.factorial2, sc.factorialk, sc.stirling2, sc.ai_zeros, sc.bi_zeros, sc.bei_zeros,
    sc.beip_zeros, sc.ber_zeros, sc.berp_zeros, sc.kei_zeros, sc.keip_zeros, sc.ker_zeros, sc.kerp_zeros,
    sc.kelvin_zeros, sc.erf_zeros, sc.fresnel_zeros, sc.fresnelc_zeros, sc.fresnels_zeros, sc.jn_zeros, sc.jnp_zeros,
    sc.jnjnp_zeros, sc.jnyn_zeros, sc.yn_zeros, sc.ynp_zeros, sc.y0_zeros, sc.y1_zeros, sc.y1p_zeros,
    sc.roots_chebyc, sc.roots_chebys, sc.roots_chebyt, sc.roots_chebyu, sc.roots_hermite, sc.roots_hermitenorm,
    sc.roots_laguerre, sc.roots_legendre, sc.roots_sh_chebyt, sc.roots_sh_chebyu, sc.roots_sh_legendre,
)  # fmt: skip
