"""Systems of equations: scipy.linalg.solve and its relatives.

The derivative of the solution x of A x = b (Giles 2008, 2.3.1): the adjoint w of b solves A.T w = d, and that of A is
-w x.T. Of a structured matrix only a part is read, and only that has an adjoint.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg as sl

from srcgrad import runtime
from srcgrad.analysis import infer_shapes
from srcgrad.analysis.signatures import Bound
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Kind, dims, rank
from srcgrad.ir.nodes import Prim
from srcgrad.rules.build import Sym, const, helper, xp
from srcgrad.rules.defined.registry import array, hold, ndim, parts
from srcgrad.rules.linalg import flipped, ranks
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import flat, jvp, vjp
from srcgrad.rules.scipy_linalg.common import defined, fit, known, linalg, outer, shaped, share, solved
from srcgrad.runtime import scipy_linalg as scipy_helpers

Map = Callable[[Sym], Sym]


def itself(s: Sym) -> Sym:
    return s


@dataclass(frozen=True)
class System:
    """How to solve with the matrix and with its transpose.

    taken: the adjoint of what is read of the matrix, from that of the whole; given: the whole from what is read.
    transposed: the system is that of the transpose.
    """

    solve: Map
    adjoint: Map
    taken: Map = itself
    given: Map = itself
    transposed: bool = False

    def right(self, d: Sym, a: Sym, b: Sym) -> Sym:
        """The adjoint of b."""
        return fit(self._columns(self.adjoint, d, a, b), b)

    def left(self, d: Sym, out: Sym, a: Sym, b: Sym) -> Sym:
        """The adjoint of the matrix."""
        w = self._columns(self.adjoint, d, a, b)
        if dims(a.kind) == (1, 1):  # SciPy takes it for a number, whatever the length of b
            return xp.full_like(a, -xp.sum(w * out))
        pair = (out, w) if self.transposed else (w, out)
        return fit(self.taken(-outer(*pair, stacked=rank(b.kind) == 1)), a)

    def tangent(self, t: tuple[Sym | None, Sym | None], out: Sym, a: Sym, b: Sym) -> Sym:
        of_a, of_b = t
        if of_a is None:
            assert of_b is not None
            return self.solve(of_b)
        moved = self.given(of_a)
        moved = flipped(moved) if self.transposed else moved
        if dims(a.kind) == (1, 1):
            found = moved[0, 0] * out
            return -self.solve(found) if of_b is None else self.solve(of_b - found)
        if ranks(a, b)[0] > 2 and rank(b.kind) == 1:
            found = self._columns(self.solve, (moved @ out[..., None])[..., 0], a, b)
            return -found if of_b is None else self.solve(of_b) - found
        return -self.solve(moved @ out) if of_b is None else self.solve(of_b - moved @ out)

    @staticmethod
    def _columns(solve: Map, d: Sym, a: Sym, b: Sym) -> Sym:
        """Solve with a vector for each matrix of a stack, where b is one vector for all."""
        stacked = ranks(a, b)[0] > 2 and rank(b.kind) == 1
        return solve(d[..., None])[..., 0] if stacked else solve(d)


def lower_part(whole: bool) -> tuple[Map, Map]:
    """`taken` and `given` of a matrix of which the lower triangle is read. whole: it stands for a symmetric one."""
    return (helper(runtime.to_lower), helper(runtime.from_lower)) if whole else (xp.tril, xp.tril)


def upper_part(whole: bool) -> tuple[Map, Map]:
    return (helper(runtime.to_upper), helper(runtime.from_upper)) if whole else (xp.triu, xp.triu)


def diagonal_part(s: Sym) -> Sym:
    return xp.tril(xp.triu(s))


def tridiagonal_part(s: Sym) -> Sym:
    return xp.tril(xp.triu(s, -1), 1)


SYMMETRIC = ("sym", "symmetric", "her", "hermitian", "pos", "positive definite")
TRIANGULAR = ("lower triangular", "upper triangular")


def parts_of(structure: Any, lower: bool) -> tuple[Map, Map]:
    """What is read of a matrix that is assumed to have a structure."""
    if structure in SYMMETRIC:
        return lower_part(True) if lower else upper_part(True)
    if structure in TRIANGULAR:
        return lower_part(False) if structure.startswith("lower") else upper_part(False)
    if structure == "diagonal":
        return diagonal_part, diagonal_part
    return (tridiagonal_part, tridiagonal_part) if structure == "tridiagonal" else (itself, itself)


def register(fn: Callable[..., Any], make: Callable[..., System]) -> None:
    """Give a function that solves systems its rule. make: the system of a matrix and the call's options."""
    options = list(inspect.signature(make).parameters.values())[1:]

    def signed(builder: Callable[..., Any], *first: str) -> Callable[..., Any]:
        plain = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in first]
        builder.__signature__ = inspect.Signature([*plain, *options])  # type: ignore[attr-defined]
        return builder

    def right(d: Sym, a: Sym, b: Sym, **given: Any) -> Sym:
        return make(a, **given).right(d, a, b)

    def left(d: Sym, out: Sym, a: Sym, b: Sym, **given: Any) -> Sym:
        return make(a, **given).left(d, out, a, b)

    def tangent(t: Any, out: Sym, a: Sym, b: Sym, **given: Any) -> Sym:
        return make(a, **given).tangent(t, out, a, b)

    vjp(fn, "b", domain="matrix")(signed(right, "d", "a", "b"))
    vjp(fn, "a")(signed(left, "d", "out", "a", "b"))
    jvp(fn, "a", "b")(signed(tangent, "t", "out", "a", "b"))
    solved(fn)


def given_options(**options: Any) -> dict[str, Any]:
    """The options that a call has."""
    return {name: value for name, value in options.items() if value is not None and const(value) is not None}


# ---- solve ---------------------------------------------------------------------------------------------------


def system(
    a: Sym, lower: Any = None, assume_a: Any = None, transposed: Any = None, check_finite: Any = None
) -> System:
    structure, below = literal(assume_a, "assume_a"), bool(literal(lower, "lower"))
    turned = bool(literal(transposed, "transposed"))
    options = given_options(assume_a=assume_a, lower=lower, check_finite=check_finite)
    as_given = {**options, "transposed": True} if turned else options
    if structure in SYMMETRIC:
        adjoint = options
    else:
        adjoint = options if turned else {**options, "transposed": True}

    def solve(b: Sym) -> Sym:
        return linalg.solve(a, b, **as_given)

    def solve_adjoint(d: Sym) -> Sym:
        if structure in (None, "gen", "general") and not turned:
            return linalg.solve(flipped(a), d, **options)
        return linalg.solve(a, d, **adjoint)

    taken, given = parts_of(structure, below)
    return System(solve, solve_adjoint, taken, given, turned and structure not in SYMMETRIC)


register(sl.solve, system)

# ---- triangular matrices -------------------------------------------------------------------------------------


def triangular(
    a: Sym, trans: Any = None, lower: Any = None, unit_diagonal: Any = None, check_finite: Any = None
) -> System:
    how, below = literal(trans, "trans"), bool(literal(lower, "lower"))
    unit = bool(literal(unit_diagonal, "unit_diagonal"))
    turned = how not in (None, 0, "N")
    options = given_options(lower=lower, unit_diagonal=unit_diagonal, check_finite=check_finite)
    as_given = {"trans": trans, **options} if turned else options
    adjoint = options if turned else {"trans": 1, **options}

    def part(s: Sym) -> Sym:
        take = xp.tril if below else xp.triu
        return take(s, -1 if below else 1) if unit else take(s)

    return System(
        lambda b: linalg.solve_triangular(a, b, **as_given), lambda d: linalg.solve_triangular(a, d, **adjoint),
        part, part, turned,
    )  # fmt: skip


register(sl.solve_triangular, triangular)

# ---- factors that are given: (c, lower) of cho_factor, (lu, piv) of lu_factor ---------------------------------


def pair(given: Any, name: str) -> tuple[Sym, Sym]:
    """The two items of an argument that is a tuple."""
    if not isinstance(given, list) or len(given) != 2:
        raise KindError(f"`{name}` is differentiated as a pair", "Write it as `(first, second)`.")
    return given[0], given[1]


@vjp(sl.cho_solve, "b", domain="matrix", displays=True)
def _cho_solve_right(d: Sym, c_and_lower: Any, b: Sym, check_finite: Any = None) -> Sym:
    c, lower = pair(c_and_lower, "c_and_lower")
    return fit(_by_cholesky(c, lower, d, b, check_finite), b)


def _by_cholesky(c: Sym, lower: Sym, d: Sym, b: Sym, check_finite: Any) -> Sym:
    options = given_options(check_finite=check_finite)
    if ranks(c, b)[0] > 2 and rank(b.kind) == 1:
        return linalg.cho_solve((c, lower), d[..., None], **options)[..., 0]
    return linalg.cho_solve((c, lower), d, **options)


@vjp(sl.cho_solve, "c_and_lower", domain="matrix", displays=True)
def _cho_solve_left(d: Sym, out: Sym, c_and_lower: Any, b: Sym, check_finite: Any = None) -> Any:
    """The adjoint of the matrix is -w x.T, that of its factor L the lower triangle of -(w x.T + x w.T) L."""
    c, lower = pair(c_and_lower, "c_and_lower")
    w = _by_cholesky(c, lower, d, b, check_finite)
    product = outer(w, out, stacked=rank(b.kind) == 1)
    both = product + flipped(product)
    below = literal(lower, "lower")
    return [fit(-(xp.tril(both @ xp.tril(c)) if below else xp.triu(xp.triu(c) @ both)), c), None]


@jvp(sl.cho_solve, "c_and_lower", "b")
def _cho_solve_tangent(t: Any, out: Sym, c_and_lower: Any, b: Sym, check_finite: Any = None) -> Sym:
    c, lower = pair(c_and_lower, "c_and_lower")
    of_c, of_b = None if t[0] is None else t[0][0], t[1]
    moved = None
    if of_c is not None:
        factor, step = (c, of_c) if literal(lower, "lower") else (flipped(c), flipped(of_c))
        factor, step = xp.tril(factor), xp.tril(step)
        x = out[..., None] if ranks(c, b)[0] > 2 and rank(b.kind) == 1 else out
        moved = step @ (flipped(factor) @ x) + factor @ (flipped(step) @ x)
        moved = moved[..., 0] if x is not out else moved
    if of_b is None:
        assert moved is not None
        return -_by_cholesky(c, lower, moved, b, check_finite)
    if moved is None:
        return linalg.cho_solve((c, lower), of_b, **given_options(check_finite=check_finite))
    return _by_cholesky(c, lower, of_b - moved, b, check_finite)


@vjp(sl.lu_solve, "b", domain="matrix", displays=True)
def _lu_solve_right(d: Sym, lu_and_piv: Any, b: Sym, trans: Any = None, check_finite: Any = None) -> Sym:
    lu, piv = pair(lu_and_piv, "lu_and_piv")
    return fit(_by_lu(lu, piv, d, b, not _is_turned(trans), check_finite), b)


def _is_turned(trans: Any) -> bool:
    return literal(trans, "trans") not in (None, 0)


def _by_lu(lu: Sym, piv: Sym, d: Sym, b: Sym, turned: bool, check_finite: Any) -> Sym:
    options = {**({"trans": 1} if turned else {}), **given_options(check_finite=check_finite)}
    if ranks(lu, b)[0] > 2 and rank(b.kind) == 1:
        return linalg.lu_solve((lu, piv), d[..., None], **options)[..., 0]
    return linalg.lu_solve((lu, piv), d, **options)


@vjp(sl.lu_solve, "lu_and_piv", domain="matrix", displays=True)
def _lu_solve_left(d: Sym, out: Sym, lu_and_piv: Any, b: Sym, trans: Any = None, check_finite: Any = None) -> Any:
    lu, piv = pair(lu_and_piv, "lu_and_piv")
    turned = _is_turned(trans)
    w = _by_lu(lu, piv, d, b, not turned, check_finite)
    product = outer(*((out, w) if turned else (w, out)), stacked=rank(b.kind) == 1)
    return [fit(-helper(scipy_helpers.packed_adjoint)(product, lu, piv), lu), None]


@jvp(sl.lu_solve, "lu_and_piv", "b")
def _lu_solve_tangent(t: Any, out: Sym, lu_and_piv: Any, b: Sym, trans: Any = None, check_finite: Any = None) -> Sym:
    lu, piv = pair(lu_and_piv, "lu_and_piv")
    turned = _is_turned(trans)
    of_lu, of_b = None if t[0] is None else t[0][0], t[1]
    if of_lu is None:
        return _by_lu(lu, piv, of_b, of_b, turned, check_finite)
    step = helper(scipy_helpers.packed_tangent)(of_lu, lu, piv)
    step = flipped(step) if turned else step
    moved = (step @ out[..., None])[..., 0] if ranks(lu, b)[0] > 2 and rank(b.kind) == 1 else step @ out
    return _by_lu(lu, piv, -moved if of_b is None else of_b - moved, b, turned, check_finite)


def _solved_with_factors(name: str) -> Any:
    def kind(prim: Prim, bound: Bound) -> Kind:
        return infer_shapes.RULES[sl.solve](prim, {"a": bound[name].items[0], "b": bound["b"]})

    return kind


infer_shapes.RULES[sl.cho_solve] = _solved_with_factors("c_and_lower")
infer_shapes.RULES[sl.lu_solve] = _solved_with_factors("lu_and_piv")

# ---- inverses and least squares -------------------------------------------------------------------------------

share(sl.det, np.linalg.det)


@vjp(sl.inv, "a", domain="matrix")
def _inv(d: Sym, out: Sym, a: Sym, assume_a: Any = None, lower: Any = None) -> Sym:
    taken, _ = parts_of(literal(assume_a, "assume_a"), bool(literal(lower, "lower")))
    return taken(-(flipped(out) @ d @ flipped(out)))


@jvp(sl.inv, "a")
def _inv_tangent(t: Sym, out: Sym, assume_a: Any = None, lower: Any = None) -> Sym:
    _, given = parts_of(literal(assume_a, "assume_a"), bool(literal(lower, "lower")))
    return -(out @ given(t) @ out)


share(sl.pinv, np.linalg.pinv)
share(sl.pinvh, np.linalg.pinv)
for _fn in (sl.inv, sl.pinvh):
    shaped(_fn, "a")


@defined(sl.pinvh)
def pinvh(a: Sym, lower: Any = True, **options: Any) -> Sym:
    known(sl.pinvh, lower=lower)
    whole = xp.tril(a) + flipped(xp.tril(a, -1)) if lower else xp.triu(a) + flipped(xp.triu(a, 1))
    return linalg.pinvh(hold(whole, "symmetric"), **options)


share(runtime.lstsq_x, runtime.least_squares)
flat(runtime.lstsq_x, "x")
infer_shapes.RULES[runtime.lstsq_x] = infer_shapes.like("x")


@defined(sl.lstsq)
def lstsq(a: Sym, b: Sym, **options: Any) -> Any:
    if ndim(a) != 2:
        raise KindError("scipy.linalg.lstsq is differentiated for one matrix", "Write a loop over the stack.")
    x, *others = parts(linalg.lstsq(a, array(b), **options))
    return (helper(runtime.lstsq_x)(a, array(b), x), *others)
