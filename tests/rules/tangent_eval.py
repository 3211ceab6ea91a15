"""Evaluating tangents of calls, and holding them against central differences and against the rule's adjoint."""

import math
from dataclasses import replace

import numpy as np
import scipy.special

from srcgrad import runtime
from srcgrad.codegen import text_of
from srcgrad.ir.kinds import Array, ListOf, Scalar
from srcgrad.ir.nodes import Name, Op, Pack, Prim
from srcgrad.rules.build import Sym
from srcgrad.rules.contributions import contributions
from srcgrad.rules.registry import rule_of
from srcgrad.rules.tangents import tangent
from tests.rules import rule_eval
from tests.rules.rule_eval import ListValue, consistent, evaluate, like, weight

NAMES = {"sliding_window_view": np.lib.stride_tricks.sliding_window_view,
         "np": np, "scipy": scipy, "math": math, "inf": np.inf, "nan": np.nan, **runtime.HELPERS}  # fmt: skip


def spelled(fn):
    """A function's name in the text of a program, and how it is called."""
    name = fn.__name__
    if isinstance(getattr(fn, "__self__", None), np.ufunc):
        return f"np.{fn.__self__.__name__}.{name}", "function"
    for owner, path in ((np.linalg, "np.linalg."), (np, "np."), (math, "math."), (runtime, ""),
                        (scipy.special, "scipy.special.")):  # fmt: skip
        if getattr(owner, name, None) is fn:
            return f"{path}{name}", "function"
    return name, "method" if getattr(np.ndarray, name, None) is fn else "function"


def build(fn, args, kwargs, mode="symbolic"):
    """A call as a user would write it, and the values of its variables."""
    call, env = rule_eval.build(fn, args, kwargs, mode)
    return call if isinstance(call, Op) else replace(call, prim=Prim(fn, *spelled(fn))), env


def run(expr, env):
    """The value of an expression as it is printed."""
    return eval(text_of(expr), {**NAMES, **env})


# ---- tangents of the arguments ----------------------------------------------------------------------------------


def dotted(value, active, dots):
    """The tangent of an argument: a Sym, a list of such for a display, None where nothing in it is active."""
    if isinstance(value, list):
        found = [dotted(v, active, dots) for v in value]
        return found if any(v is not None for v in found) else None
    if isinstance(value, Pack):
        return dotted(list(value.items), active, dots)
    if isinstance(value, Name) and value.id in active:
        return Sym(Name(dots[value.id], kind=value.kind))
    return None


def floats(value):
    return all(floats(v) for v in value) if isinstance(value, list) else np.asarray(value).dtype.kind == "f"


def moved(x, t, h):
    """x + h t, for arrays, numbers and lists of them."""
    if isinstance(x, list):
        return ListValue(moved(a, b, h) for a, b in zip(x, t))
    new = np.asarray(x, "float64") + h * np.asarray(t, "float64")
    return new if isinstance(x, np.ndarray) else float(new)


def difference(call, env, dots, h):
    """The central difference of the call along the tangents."""
    ends = [evaluate(call, {**env, **{n: moved(env[n], t, s * h) for n, t in dots.items()}}) for s in (1, -1)]
    if isinstance(ends[0], list):
        return [(a - b) / (2 * h) for a, b in zip(*ends)]
    return (np.asarray(ends[0], "float64") - np.asarray(ends[1], "float64")) / (2 * h)


def same_form(got, out, kind):
    """The tangent has the shape and the dtype of the result."""
    if isinstance(out, list):
        assert isinstance(got, list) and len(got) == len(out)
        for g, o in zip(got, out):
            same_form(g, o, kind.item if isinstance(kind, ListOf) else None)
        return
    assert np.shape(got) == np.shape(out), (np.shape(got), np.shape(out))
    literal_zero = isinstance(got, float) and got == 0
    assert np.asarray(got).dtype == np.asarray(out).dtype or literal_zero, (np.asarray(got).dtype, out.dtype)
    if isinstance(kind, Array) and kind.dims is not None:
        assert isinstance(got, np.ndarray), type(got)


def adjoint_of(call, env, out, d, active, masked=False):
    """What the rule contributes to the active arguments, by name."""
    rule = rule_of(call)
    scope = {**env, "out": out, "d": d}
    bound, sums = rule.bind(call), {}
    wanted = {param for param, value in bound.items() if leaves(value) & active}
    terms = contributions(rule, call, Sym(Name("d", kind=call.kind)), False, {}, Sym(Name("out", kind=call.kind)),
                          wanted, masked)  # fmt: skip
    for term in terms:
        arg = bound[term.param]
        for k in () if term.index is None else (term.index,) if isinstance(term.index, int) else term.index:
            arg = arg[k] if isinstance(arg, list) else arg.items[k]
        if arg.id not in active:
            continue
        value = evaluate(term.sym.expr, scope)
        if term.lazy:
            value = np.broadcast_to(value, np.shape(env[arg.id]))
        sums[arg.id] = value if arg.id not in sums else sums[arg.id] + value
    return sums


def hold(call, env, rng, active=None, numeric=True, masked=False, reverse=True, tol=2e-5, ready=True):
    """Hold the tangent of a call against central differences and its adjoint. Returns the tangent's expression."""
    rule = rule_of(call)
    out = evaluate(call, env)
    bound = rule.bind(call)
    active = {name for name in env if floats(env[name])} if active is None else active
    dots = {name: like(env[name], rng) for name in active}
    names = {name: f"{name}_dot" for name in active}
    given = {param: dotted(value, active, names) for param, value in bound.items()}
    given = {param: t for param, t in given.items() if t is not None}
    found = tangent(rule, call, given, {}, Sym(Name("out", kind=call.kind)), masked, ready)
    scope = {**env, "out": out, **{names[n]: t for n, t in dots.items()}}
    got = run(found.expr, scope)
    same_form(got, out, call.kind)
    zero = isinstance(got, float) and got == 0  # 0.0 stands for zeros of any kind
    if not isinstance(got, list) and isinstance(found.kind, (Scalar, Array)) and not zero:
        consistent(found.kind, evaluate(found.expr, scope))
    single = any(getattr(v, "dtype", None) == np.float32 for v in [*env.values(), out])
    if numeric:
        expected = difference(call, env, dots, 1e-2 if single else 1e-6)
        for g, e in zip(got, expected) if isinstance(got, list) else [(got, expected)]:
            np.testing.assert_allclose(g, e, rtol=2e-2 if single else tol, atol=2e-2 if single else tol)
    if reverse:
        w = like(out, rng)
        back = adjoint_of(call, env, out, w, active, masked)
        left, right = weight(got, w), sum(weight(dots[name], b) for name, b in back.items())
        scale = 1 + abs(left) + sum(abs(weight(np.abs(dots[n]), np.abs(b))) for n, b in back.items()
                                    if not isinstance(b, list))  # fmt: skip
        assert abs(left - right) <= (1e-4 if single else 1e-11) * scale, (left, right, text_of(found.expr))
    return found.expr


def hold_all(call, env, rng, **options):
    """Each active argument by itself, and all of them together."""
    rule = rule_of(call)
    useful = {name for name in env if floats(env[name])}
    bound = rule.bind(call)
    flat = {n for param in rule.builders if param in bound for n in leaves(bound[param])}
    useful &= flat
    for active in [*({name} for name in sorted(useful)), useful]:
        if active:
            hold(call, env, rng, active, **options)
    return len(useful)


def leaves(value):
    if isinstance(value, list):
        return {n for v in value for n in leaves(v)}
    return leaves(list(value.items)) if isinstance(value, Pack) else {value.id} if isinstance(value, Name) else set()
