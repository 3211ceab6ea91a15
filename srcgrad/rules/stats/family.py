"""Distributions of scipy.stats, each written once: its density and the rest as functions of z = (x - loc) / scale and
of the shape parameters. What the methods do about location, scale, support and parameters is the same for all.

The numbers are those of SciPy's methods, which spend most of their time on checks: arguments count as double
precision, a density is 0 outside of the support, and a parameter that is out of its range gives nan.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.errors import KindError
from srcgrad.ir.kinds import is_float, rank
from srcgrad.ir.walk import names_in
from srcgrad.rules import build
from srcgrad.rules.build import Sym, xp
from srcgrad.rules.defined.registry import Declined, written_as
from srcgrad.rules.effects import DECLARED
from srcgrad.rules.stats.values import both, either, given, held, np_, on_numbers, pick, sc

Formula = Callable[..., Any]
HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)
EULER = float(np.euler_gamma)

DOMAINS: dict[str, Callable[[Any], Any]] = {
    "real": lambda p: True,
    "positive": lambda p: p > 0,
    "not negative": lambda p: p >= 0,
    "above 1": lambda p: p > 1,
    "probability": lambda p: both(p >= 0, p <= 1),
    "inside 0 and 1": lambda p: both(p > 0, p < 1),
    "inside -1 and 1": lambda p: both(p > -1, p < 1),
    "whole": lambda p: both(p >= 0, p.eq(np_.floor(p)) if isinstance(p, Sym) else p == math.floor(p)),
}
"""What a shape parameter may be."""


@dataclass(frozen=True)
class Family:
    """One distribution of SciPy's, as functions of z (or a whole number k, or a probability q) and the shapes.

    shapes: parameter -> one of DOMAINS. valid: what holds of all shapes together. low, high: the ends of the support,
    numbers or functions of the shapes; hollow: the ends at which the density is 0 ("low", "high", "both"). safe: a
    point inside, at which formulas are computed in place of points outside; None: they may be computed anywhere.
    log: the logarithm of the density, up to that of the scale. quantile, upper_quantile: the inverses of cdf and sf.
    guarded: these do not give nan beside [0, 1] on their own. fixed: the shapes in which cdf, sf and their inverses
    have no known derivative, for tests.
    """

    dist: Any
    shapes: dict[str, str]
    log: Formula | None = None
    cdf: Formula | None = None
    sf: Formula | None = None
    logcdf: Formula | None = None
    logsf: Formula | None = None
    quantile: Formula | None = None
    upper_quantile: Formula | None = None
    mean: Formula | None = None
    var: Formula | None = None
    entropy: Formula | None = None
    low: Any = None
    high: Any = None
    safe: Any = None
    valid: Formula | None = None
    hollow: str = ""
    guarded: bool = True
    discrete: bool = False
    fixed: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return str(self.dist.name)


FAMILIES: dict[Any, Family] = {}
"""Distribution -> what is known of it."""


def family(*dists: Any, fixed: str = "", **formulas: Any) -> None:
    """Declare distributions: see Family. The shape parameters are those that SciPy names."""
    domains = formulas.pop("shapes", {})
    for dist in dists:
        names = [name.strip() for name in (dist.shapes or "").split(",") if name.strip()]
        made = Family(dist, {name: domains.get(name, "positive") for name in names}, fixed=frozenset(fixed.split()),
                      discrete=hasattr(dist, "pmf"), **formulas)  # fmt: skip
        FAMILIES[dist] = made
        for method, of_method in _METHODS.items():
            if _offers(made, method):
                _define(made, method, of_method)


def _offers(f: Family, method: str) -> bool:
    """Whether the formulas give a method."""
    tails = f.cdf or f.sf or f.logcdf or f.logsf
    wanted: dict[str, Any] = {
        "pdf": f.log and not f.discrete, "logpdf": f.log and not f.discrete, "pmf": f.log and f.discrete,
        "logpmf": f.log and f.discrete, "cdf": tails, "logcdf": tails, "sf": tails, "logsf": tails,
        "ppf": f.quantile or f.upper_quantile, "isf": f.quantile or f.upper_quantile,
        "median": f.quantile or f.upper_quantile, "mean": f.mean, "var": f.var, "std": f.var, "entropy": f.entropy,
    }  # fmt: skip
    return bool(wanted[method])


def _define(f: Family, method: str, made: Callable[..., Any]) -> None:
    bound = getattr(f.dist, method)
    first = {"pmf": "k", "logpmf": "k", "ppf": "q", "isf": "q"}.get(method, "k" if f.discrete and method in (
        "cdf", "logcdf", "sf", "logsf") else "x")  # fmt: skip
    names = [*([] if method in _OF_NOTHING else [first]), *f.shapes]
    either_way = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, either_way) for name in names]
    parameters.append(inspect.Parameter("loc", either_way, default=0))
    if not f.discrete:
        parameters.append(inspect.Parameter("scale", either_way, default=1))
    signature = inspect.Signature(parameters)

    def definition(*args: Any, **kwargs: Any) -> Any:
        found = signature.bind(*args, **kwargs)
        found.apply_defaults()
        values = {name: given(value, name) for name, value in found.arguments.items()}
        scale = values.pop("scale", 1)
        loc = values.pop("loc")
        numbers = [rank(v.kind) == 0 for v in (*values.values(), loc, scale) if isinstance(v, Sym)]
        token = on_numbers.set(all(numbers))
        try:
            shapes = _checked(f, {name: values.pop(name) for name in f.shapes})
            return made(f, *values.values(), shapes, loc, scale)
        finally:
            on_numbers.reset(token)

    definition.__signature__ = signature  # type: ignore[attr-defined]
    written_as(bound, known=())(definition)
    DECLARED.add(bound)


# ---- parameters ----------------------------------------------------------------------------------------------


def _or_nan(value: Any, test: Any, what: str) -> Any:
    """The value where the test holds, nan elsewhere."""
    if isinstance(test, Sym):  # a constant is added, so that the derivative stays a plain one
        return held(value + build.chosen(test, 0.0, math.nan), what)
    if not test:
        raise KindError(f"`{what}` of a distribution is out of its range", "SciPy gives nan there.")
    return value


def _checked(f: Family, shapes: dict[str, Any]) -> list[Any]:
    """The shapes, nan where they are out of their range."""
    made = []
    for name, value in shapes.items():
        test = DOMAINS[f.shapes[name]](value)
        if f.shapes[name] == "whole" and isinstance(value, Sym) and is_float(value.kind):
            value = np_.floor(value)  # a count, by which there is no derivative
        made.append(_or_nan(value, test, name))
    if f.valid is not None and made:
        made[0] = _or_nan(made[0], f.valid(*made), next(iter(shapes)))
    return made


def _positive(scale: Any) -> Any:
    return _or_nan(scale, scale > 0, "scale")


def _standard(x: Any, loc: Any, scale: Any) -> Any:
    return held((x - loc) / scale, "z")


def _bound(end: Any, shapes: list[Any]) -> Any:
    return end(*shapes) if callable(end) else end


# ---- methods -------------------------------------------------------------------------------------------------


def _where(test: Any, fill: Any, of: Callable[[Any], Any], z: Any, safe: Any) -> Any:
    """`fill` where the test holds, elsewhere what is built of z; it is built of a safe point where the test holds."""
    if test is False:
        return of(z)
    if test is True:
        raise Declined
    if on_numbers.get():
        return pick(test, fill, lambda: of(z))
    test = held(test, "outside")
    return pick(test, fill, of(z if safe is None else held(pick(test, safe, z), "inside")))


def _log_density(f: Family, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    assert f.log is not None
    log = f.log
    if f.low is not None or f.high is not None or not isinstance(scale, Sym):  # else its logarithm gives nan
        scale = _positive(scale)
    z = held(x - loc, "k") if f.discrete else _standard(x, loc, scale)
    low, high = _bound(f.low, shapes), _bound(f.high, shapes)
    tests = [False if low is None else z <= low if f.hollow in ("low", "both") else z < low,
             False if high is None else z >= high if f.hollow in ("high", "both") else z > high]  # fmt: skip
    if f.discrete and isinstance(z, Sym):  # nan is none of these
        whole = held(np_.floor(z), "whole")
        tests, z = [*tests, z > whole], whole
    rest = 0.0 if f.discrete else np_.log(scale)
    return _where(either(*tests), -math.inf, lambda z: log(z, *shapes) - rest, z, _bound(f.safe, shapes))


def _density(f: Family, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    return np_.exp(_log_density(f, x, shapes, loc, scale))


def _tail(f: Family, x: Any, shapes: list[Any], loc: Any, scale: Any, formula: Formula, ends: tuple[Any, Any]) -> Any:
    """A function of the probability below or above x: what it is below the support, inside, and above."""
    z = np_.floor(x - loc) if f.discrete else _standard(x, loc, _positive(scale))
    z = held(z, "z")
    low, high = _bound(f.low, shapes), _bound(f.high, shapes)
    below = False if low is None else z < low if f.discrete else z <= low
    above = False if high is None else z >= high
    if below is not False and above is not False:
        below, above = held(below, "below"), held(above, "above")
    safe = _bound(f.safe, shapes)

    def inside(z: Any) -> Any:
        return _where(above, ends[1], lambda z: formula(z, *shapes), z, safe)

    return _where(below, ends[0], inside, z, safe)


def _cdf(f: Family, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    return _tail(f, x, shapes, loc, scale, _formula(f, "cdf"), (0.0, 1.0))


def _sf(f: Family, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    return _tail(f, x, shapes, loc, scale, _formula(f, "sf"), (1.0, 0.0))


def _logcdf(f: Family, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    return _tail(f, x, shapes, loc, scale, _formula(f, "logcdf"), (-math.inf, 0.0))


def _logsf(f: Family, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    return _tail(f, x, shapes, loc, scale, _formula(f, "logsf"), (0.0, -math.inf))


def _formula(f: Family, name: str) -> Formula:
    """The formula of a tail, made of another one where it is not declared."""
    found: Formula | None = getattr(f, name)
    if found is not None:
        return found
    if name.startswith("log"):
        plain = _formula(f, name[3:])
        return lambda z, *shapes: np_.log(plain(z, *shapes))
    logarithm: Formula | None = getattr(f, f"log{name}")
    if logarithm is not None:
        return lambda z, *shapes: np_.exp(logarithm(z, *shapes))
    other = _formula(f, {"cdf": "sf", "sf": "cdf"}[name])
    return lambda z, *shapes: 1 - other(z, *shapes)


def _ppf(f: Family, q: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    if f.quantile is None:
        return _quantile(f, f.upper_quantile, 1 - q, shapes, loc, scale)
    return _quantile(f, f.quantile, q, shapes, loc, scale)


def _isf(f: Family, q: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    if f.upper_quantile is None:
        return _quantile(f, f.quantile, 1 - q, shapes, loc, scale)
    return _quantile(f, f.upper_quantile, q, shapes, loc, scale)


def _quantile(f: Family, formula: Formula | None, q: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    assert formula is not None
    q = held(q, "q")
    if f.guarded and isinstance(q, Sym):
        q = _or_nan(q, both(q >= 0, q <= 1), "q")
    elif not isinstance(q, Sym) and not 0 <= q <= 1:
        raise Declined
    return formula(q, *shapes) * _positive(scale) + loc


def _median(f: Family, shapes: list[Any], loc: Any, scale: Any) -> Any:
    return _ppf(f, 0.5, shapes, loc, scale)


def _infinite(moment: Any) -> bool:
    """Whether a moment is inf or nan whatever the parameters are, and so has no derivative."""
    return isinstance(moment, float) and not math.isfinite(moment)


def _mean(f: Family, shapes: list[Any], loc: Any, scale: Any) -> Any:
    assert f.mean is not None
    mean = f.mean(*shapes)
    if _infinite(mean):
        return _spread(mean, shapes, loc, scale)
    loc = _or_nan(loc, scale > 0, "loc") if isinstance(mean, float) and mean == 0 else loc
    made = mean * _positive(scale) + loc
    if isinstance(made, Sym) and not is_float(made.kind):
        made = made * 1.0
    return _spread(made, shapes, loc, scale)


def _var(f: Family, shapes: list[Any], loc: Any, scale: Any) -> Any:
    assert f.var is not None
    var = f.var(*shapes)
    if _infinite(var):
        return _spread(var, shapes, loc, scale)
    return _spread(var * held(_positive(scale), "scale") ** 2, shapes, loc, scale)


def _std(f: Family, shapes: list[Any], loc: Any, scale: Any) -> Any:
    assert f.var is not None
    var = f.var(*shapes)
    if _infinite(var):
        return _spread(var, shapes, loc, scale)
    return _spread(np_.sqrt(var) * _positive(scale), shapes, loc, scale)


def _entropy(f: Family, shapes: list[Any], loc: Any, scale: Any) -> Any:
    assert f.entropy is not None
    return _spread(f.entropy(*shapes) + np_.log(_positive(scale)), shapes, loc, scale)


def _spread(value: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
    """A moment in the shape of all parameters, also of those that it does not depend on."""
    read = set(names_in(value.expr)) if isinstance(value, Sym) else set()
    for parameter in (*shapes, loc, scale):
        if isinstance(parameter, Sym) and rank(parameter.kind) != 0 and getattr(parameter.expr, "id", "") not in read:
            value = value + xp.zeros_like(parameter)
    return value


_OF_NOTHING = ("median", "mean", "var", "std", "entropy")
_METHODS: dict[str, Callable[..., Any]] = {
    "pdf": _density, "logpdf": _log_density, "pmf": _density, "logpmf": _log_density, "cdf": _cdf, "sf": _sf,
    "logcdf": _logcdf, "logsf": _logsf, "ppf": _ppf, "isf": _isf, "median": _median, "mean": _mean, "var": _var,
    "std": _std, "entropy": _entropy,
}  # fmt: skip

__all__ = ["DOMAINS", "EULER", "FAMILIES", "HALF_LOG_2_PI", "Family", "family", "np_", "pick", "sc"]
