"""Functions with several results: each of them as a call of its own, or as what a function of all of them gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.ir.kinds import dtype_name, is_complex
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.defined.registry import array, hold, ndim, results, written_as
from srcgrad.rules.linalg import dagger

NAMED: dict[Any, Any] = {
    fn: type(fn(np.eye(1))) for fn in (np.linalg.eig, np.linalg.eigh, np.linalg.slogdet, np.linalg.svd, np.linalg.qr)
}
"""The classes of tuples with names that functions return."""


@written_as(np.modf)
def modf(x: Any) -> tuple[Sym, Sym]:
    return xp.fmod(x, 1.0), xp.trunc(x)


@written_as(math.modf)
def math_modf(x: Any) -> tuple[Sym, Sym]:
    return helper(math.fmod, "math.fmod")(x, 1.0), helper(float)(helper(math.trunc, "math.trunc")(x))


@written_as(np.frexp)
def frexp(x: Any) -> tuple[Sym, Sym]:
    """The exponent is constant."""
    _, exponent = results(xp.frexp(x))
    return xp.ldexp(x, -exponent), exponent


@written_as(math.frexp)
def math_frexp(x: Any) -> tuple[Sym, Sym]:
    _, exponent = results(helper(math.frexp, "math.frexp")(x))
    return helper(math.ldexp, "math.ldexp")(x, -exponent), exponent


@written_as(np.divmod)
def divmod_(x1: Any, x2: Any) -> tuple[Sym, Sym]:
    return xp.floor_divide(x1, x2), xp.mod(x1, x2)


@written_as(np.meshgrid)
def meshgrid(
    *xi: Any, indexing: Any = "xy", sparse: Any = False, copy: Any = True
) -> tuple[Sym, ...] | None:
    n = len(xi)
    if n < 2 or any(ndim(x) != 1 for x in xi) or indexing not in ("xy", "ij") or copy is not True:
        return None
    arrays = [array(x) for x in xi]
    order = [1, 0, *range(2, n)] if indexing == "xy" else list(range(n))
    if sparse is True:
        return tuple(
            xp.copy(x[(*[None] * order[k], slice(None), *[None] * (n - 1 - order[k]))]) for k, x in enumerate(arrays)
        )
    if sparse is not False:
        return None
    shape = tuple(arrays[order[k]].size for k in range(n))
    return tuple(helper(runtime.grid)(x, shape, order[k]) for k, x in enumerate(arrays))


# ---- decompositions ------------------------------------------------------------------------------------------


@written_as(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    a = _matrix(a)
    sign = runtime.phase_of_det if is_complex(a.kind) else runtime.sign_of_det
    return NAMED[np.linalg.slogdet](helper(sign)(a), helper(runtime.log_abs_det)(a))


@written_as(np.linalg.eigh)
def eigh(a: Any, UPLO: Any = "L") -> Any:
    if UPLO not in ("L", "l", "U", "u"):
        return None
    if UPLO in ("L", "l"):
        return NAMED[np.linalg.eigh](*_of_all(a, xp.linalg.eigh, runtime.eigh_w, runtime.eigh_v))
    a = hold(_matrix(a), "given")
    w, v = results(xp.linalg.eigh(a, UPLO="U"))
    return NAMED[np.linalg.eigh](helper(runtime.eigh_w)(a, w, v, False), helper(runtime.eigh_v)(a, w, v, False))


@written_as(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: Any = "L") -> Sym | None:
    if UPLO not in ("U", "u"):
        return None
    return xp.linalg.eigvalsh(dagger(_matrix(a)))


def _as_complex(x: Sym, like: Sym) -> Sym:
    """x as complex numbers of the precision of another array."""
    return x.astype("complex64" if dtype_name(like.kind) in ("float32", "complex64") else "complex128")


def _eigen(a: Any, *parts: Callable[..., Any]) -> list[Sym]:
    """Parts of np.linalg.eig. They are complex whatever the values: their dtype is to be known beforehand."""
    a = hold(_matrix(a), "given")
    factors = results(xp.linalg.eig(a))
    if not is_complex(a.kind):
        factors = tuple(hold(_as_complex(factor, a), "complex") for factor in factors)
    return [helper(part)(a, *factors) for part in parts]


@written_as(np.linalg.eig)
def eig(a: Any) -> Any:
    return NAMED[np.linalg.eig](*_eigen(a, runtime.eig_values, runtime.eig_vectors))


@written_as(np.linalg.eigvals)
def eigvals(a: Any) -> Sym:
    return _eigen(a, runtime.eig_values)[0]


@written_as(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Sym | None:
    """Real arrays as they are; whether a complex one turns real depends on its values."""
    a = array(a)
    return None if is_complex(a.kind) else xp.asanyarray(a)


@written_as(np.roots)
def roots(p: Any) -> Sym:
    """Complex, like eigenvalues."""
    p = hold(array(p), "given")
    w = hold(_as_complex(xp.roots(p), p), "roots")
    return helper(runtime.roots_of)(p, w)


def _matrix(a: Any) -> Sym:
    a = array(a)
    ndim(a)
    return a


def _of_all(a: Any, fn: Callable[..., Sym], *parts: Callable[..., Any], **options: Any) -> list[Sym]:
    """A decomposition that is done once: each of its results is what a function of all of them gives."""
    a = hold(_matrix(a), "given")
    factors = results(fn(a, **options))
    return [helper(part)(a, *factors) for part in parts]


@written_as(np.linalg.svd)
def svd(a: Any, full_matrices: Any = True, compute_uv: Any = True) -> Any:
    if compute_uv is False:
        return xp.linalg.svdvals(_matrix(a))
    if compute_uv is not True or not isinstance(full_matrices, bool):
        return None
    options = {} if full_matrices else {"full_matrices": False}
    return NAMED[np.linalg.svd](*_of_all(a, xp.linalg.svd, runtime.svd_u, runtime.svd_s, runtime.svd_vt, **options))


@written_as(np.linalg.qr)
def qr(a: Any, mode: Any = "reduced") -> Any:
    if mode not in ("reduced", "r"):
        return None
    both = _of_all(a, xp.linalg.qr, runtime.qr_q, runtime.qr_r)
    return NAMED[np.linalg.qr](*both) if mode == "reduced" else both[1]


@written_as(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The first result; the others are constants."""
    options = {} if rcond is None else {"rcond": rcond}
    _, *others = results(xp.linalg.lstsq(a, b, **options))
    return helper(runtime.least_squares)(a, b, **options), *others
