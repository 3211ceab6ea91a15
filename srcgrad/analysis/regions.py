"""Whether two parts of an array can overlap, for indices that are affine in the variables of the loops around them.

A system of linear inequalities over the loop variables (and over lengths, taken as unknown numbers) says when one
statement's part and another's share an element. Fourier-Motzkin elimination decides whether it has a rational
solution; if it has none, the parts never overlap. Everything that is not affine counts as an overlap.

    for i in range(n): for j in range(i): A[i, j] = ...; reads A[j, :j]        never the same element: j < i
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from srcgrad.ir.kinds import Opaque
from srcgrad.ir.nodes import Const, Expr, Load, Name, Op, Pack, Slice

Affine = tuple[dict[str, int], int]
"""A linear form: coefficients by variable, and a constant. As a constraint: the form is >= 0."""

LIMIT = 400


def affine(expr: Expr, resolve: Callable[[Expr], str | None]) -> Affine | None:
    """The expression as a linear form; resolve names the unknown that a subexpression is, or says None."""
    if isinstance(expr, Const) and isinstance(expr.value, int) and not isinstance(expr.value, bool):
        return {}, expr.value
    if isinstance(expr, Op) and expr.op in ("+", "-") and len(expr.args) == 2:
        a, b = (affine(arg, resolve) for arg in expr.args)
        return None if a is None or b is None else combine(a, b, 1 if expr.op == "+" else -1)
    if isinstance(expr, Op) and expr.op == "neg":
        a = affine(expr.args[0], resolve)
        return None if a is None else combine(({}, 0), a, -1)
    if isinstance(expr, Op) and expr.op == "*":
        a, b = (affine(arg, resolve) for arg in expr.args)
        if a is None or b is None:
            return None
        if not a[0]:
            a, b = b, a
        return None if b[0] else ({k: v * b[1] for k, v in a[0].items()}, a[1] * b[1])
    name = resolve(expr)
    return None if name is None else ({name: 1}, 0)


def combine(a: Affine, b: Affine, sign: int, more: int = 0) -> Affine:
    """a + sign * b + more."""
    coefficients = dict(a[0])
    for name, value in b[0].items():
        coefficients[name] = coefficients.get(name, 0) + sign * value
    return {k: v for k, v in coefficients.items() if v}, a[1] + sign * b[1] + more


def feasible(constraints: list[Affine]) -> bool:
    """Whether all the forms can be >= 0 at once, over the rationals. True where it would take too long to tell."""
    work = list(constraints)
    while True:
        for coefficients, constant in work:
            if not coefficients and constant < 0:
                return False
        names = {name for coefficients, _ in work for name in coefficients}
        if not names:
            return True
        # the variable whose elimination makes the fewest new constraints
        name = min(sorted(names), key=lambda n: _product(work, n))
        above = [c for c in work if c[0].get(name, 0) > 0]
        below = [c for c in work if c[0].get(name, 0) < 0]
        rest = [c for c in work if name not in c[0]]
        for low in above:
            for high in below:
                p, q = low[0][name], -high[0][name]
                scaled_low = ({k: v * q for k, v in low[0].items()}, low[1] * q)
                scaled_high = ({k: v * p for k, v in high[0].items()}, high[1] * p)
                rest.append(combine(scaled_low, scaled_high, 1))
        if len(rest) > LIMIT:
            return True
        work = rest


def _product(work: list[Affine], name: str) -> int:
    return sum(c[0].get(name, 0) > 0 for c in work) * sum(c[0].get(name, 0) < 0 for c in work)


@dataclass(frozen=True)
class Range:
    """The elements lo, ..., hi - 1 of one axis; hi None: to its end."""

    lo: Affine
    hi: Affine | None


def ranges(
    place: Expr, resolve: Callable[[Expr], str | None], possible: Callable[[Affine], bool]
) -> list[Range] | None:
    """The part of an array that a place names, axis by axis; None where that is not known.

    possible(form): whether the form can be >= 0 where the place stands: an index that can be negative counts from the
    end, so it is not known.
    """
    if not isinstance(place, Load) or not isinstance(place.base, Name):
        return None
    index = place.index
    items = index.items if isinstance(index, Pack) and index.type == "tuple" else (index,)
    found: list[Range] = []
    for item in items:
        if isinstance(item, Slice):
            if item.step is not None and item.step != Const(1):
                return None
            lo = ({}, 0) if item.lo is None else affine(item.lo, resolve)
            hi = None if item.hi is None else affine(item.hi, resolve)
            if lo is None or (item.hi is not None and hi is None):
                return None
            ends = [lo] if hi is None else [lo, hi]
        else:
            at = None if isinstance(item.kind, Opaque) else affine(item, resolve)
            if at is None:
                return None
            lo, hi, ends = at, combine(at, ({}, 1), 1), [at]
        if any(possible(combine(({}, -1), end, -1)) for end in ends):
            return None
        found.append(Range(lo, hi))
    return found


def overlap(a: list[Range], b: list[Range]) -> list[Affine]:
    """The constraints under which two parts share an element (axes that only one of them names are whole)."""
    found: list[Affine] = []
    for k, (x, y) in enumerate(zip(a, b, strict=False)):
        element: Affine = ({f"element {k}": 1}, 0)
        for part in (x, y):
            found.append(combine(element, part.lo, -1))
            if part.hi is not None:
                found.append(combine(part.hi, element, -1, -1))
    return found
