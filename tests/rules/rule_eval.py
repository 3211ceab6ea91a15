"""Evaluating expressions of the typed IR, and checking a rule's contributions against central differences."""

import math

import numpy as np

from srcgrad.analysis.infer import OPERATORS, infer_call, infer_op, kind_of
from srcgrad.analysis.signatures import dtype_of
from srcgrad.ir.kinds import Array, Extent, ListOf, Scalar, join
from srcgrad.ir.nodes import Call, Cond, Const, Load, Name, Op, Pack, Prim, Slice
from srcgrad.rules.build import Sym
from srcgrad.rules.contributions import NeedsFull, contributions
from srcgrad.rules.registry import OPS, rule_of


def evaluate(expr, env):
    """The value of an expression."""
    match expr:
        case Const(value=value):
            return value
        case Name(id=name):
            return env[name]
        case Op(op=op, args=args):
            return OPERATORS[op](*(evaluate(a, env) for a in args))
        case Call(prim=prim, args=args, kwargs=kwargs):
            values = [evaluate(a, env) for a in args]
            named = {k: evaluate(v, env) for k, v in kwargs}
            if prim.style == "attribute":
                return getattr(values[0], prim.text) if prim.text != "T" else values[0].T
            if prim.style == "method":
                return getattr(values[0], prim.text)(*values[1:], **named)
            return prim.fn(*values, **named)
        case Load(base=base, index=index):
            return evaluate(base, env)[evaluate(index, env)]
        case Slice(lo=lo, hi=hi, step=step):
            return slice(*(None if b is None else evaluate(b, env) for b in (lo, hi, step)))
        case Pack(type=type_, items=items):
            values = [evaluate(i, env) for i in items]
            return tuple(values) if type_ == "tuple" else values
        case Cond(test=test, body=body, orelse=orelse):
            return evaluate(body if evaluate(test, env) else orelse, env)
    raise TypeError(expr)


def kind_from(value, mode="symbolic"):
    """The kind of a value. mode: how lengths are known: "symbolic", "unknown", "known" or "rankless"."""
    if isinstance(value, np.ndarray):
        lengths = {
            "symbolic": lambda n: 1 if n == 1 else Extent(f"n{n}"),
            "unknown": lambda n: None,
            "known": lambda n: n,
        }
        if mode == "rankless":
            return Array(value.dtype.name, None)
        return Array(value.dtype.name, tuple(lengths[mode](n) for n in value.shape))
    if isinstance(value, np.generic):
        return Scalar(value.dtype.name, weak=False)
    if isinstance(value, ListValue):
        item = kind_from(value[0], mode)
        for other in value[1:]:
            item = join(item, kind_from(other, mode))
        return ListOf(item)
    return Scalar(np.dtype(type(value)).name)


class ListValue(list):
    """A list that is a variable, not a display."""


def build(fn, args, kwargs, mode="symbolic", style="function"):
    """A call of fn: arrays and floats become names, lists become displays, the rest constants. And the values."""
    env = {}

    def expr(value):
        if type(value) in (list, tuple) and not isinstance(value, ListValue):
            items = tuple(expr(v) for v in value)
            pack = Pack("list" if isinstance(value, list) else "tuple", items)
            return Pack(pack.type, items, kind=kind_of(pack))
        if isinstance(value, (np.ndarray, float, np.floating, ListValue)) and value is not np.inf:
            name = f"x{len(env)}"
            env[name] = value
            return Name(name, kind=kind_from(value, mode))
        return Const(value, kind=kind_of(Const(value)))

    exprs = tuple(expr(a) for a in args)
    named = tuple((k, expr(v)) for k, v in kwargs.items())
    for op, operator_fn in OPS.items():
        if operator_fn is fn and op not in ("in", "not in"):
            return Op(op, exprs, kind=infer_op(op, exprs)), env
    prim = Prim(fn, getattr(fn, "__name__", "f"), style)
    return Call(prim, exprs, named, kind=infer_call(prim, exprs, named)), env


def consistent(kind, value):
    """Whether a value is of the kind."""
    if isinstance(kind, Scalar):
        assert np.ndim(value) == 0 and not isinstance(value, np.ndarray), (kind, value)
        assert np.asarray(value).dtype == kind.dtype, (kind, np.asarray(value).dtype)
        assert isinstance(value, np.generic) != kind.weak, (kind, type(value))
        if isinstance(kind.value, (int, float)):
            assert kind.value == value
    elif isinstance(kind, Array):
        assert isinstance(value, (np.ndarray, np.generic) if kind.dims is None else np.ndarray), (kind, type(value))
        assert value.dtype == kind.dtype, (kind, value.dtype)
        if kind.dims is not None:
            assert value.ndim == len(kind.dims), (kind, value.shape)
            for dim, n in zip(kind.dims, value.shape):
                if isinstance(dim, int):
                    assert n == dim, (kind, value.shape)
                elif isinstance(dim, Extent):
                    assert n == max(int(dim.base[1:]) - dim.less, 0), (kind, value.shape)
    elif isinstance(kind, ListOf):
        assert isinstance(value, list)
        for item in value:
            consistent(kind.item, item)


def weight(value, d):
    """<d, value> for arrays, numbers and lists of them."""
    if isinstance(value, list):
        return sum(weight(v, e) for v, e in zip(value, d))
    return float(np.sum(np.asarray(d, "float64") * np.asarray(value, "float64")))


def like(value, rng):
    """A random adjoint of a value."""
    if isinstance(value, list):
        return [like(v, rng) for v in value]
    if isinstance(value, np.ndarray):
        return rng.standard_normal(value.shape).astype(value.dtype)
    if isinstance(value, np.generic):
        return value.dtype.type(rng.standard_normal())
    return float(rng.standard_normal())


def numeric(call, env, name, d, eps=1e-6):
    """Central differences of <d, call> in the variable `name`."""
    x = env[name]
    flat = [x] if not isinstance(x, list) else list(x)
    result = []
    for j, part in enumerate(flat):
        part = np.array(part, "float64")
        g = np.zeros_like(part)
        for index in np.ndindex(part.shape):
            ends = []
            for sign in (1, -1):
                moved = part.copy()
                moved[index] += sign * eps
                moved = moved if isinstance(flat[j], np.ndarray) else float(moved)
                new = moved if not isinstance(x, list) else [moved if k == j else p for k, p in enumerate(flat)]
                ends.append(weight(evaluate(call, {**env, name: new}), d))
            g[index] = (ends[0] - ends[1]) / (2 * eps)
        result.append(g)
    return result if isinstance(x, list) else result[0]


def check(call, env, rng, lazy=False, masked=False, wanted=None, tol=2e-5):
    """Hold every contribution of a call against central differences; returns how many there were."""
    out = evaluate(call, env)
    consistent(call.kind, out)
    rule = rule_of(call)
    d = like(out, rng)
    if lazy:
        d = float(rng.standard_normal())
    d_kind = Scalar("float64") if lazy else call.kind
    scope = {**env, "out": out, "d": d}
    out_sym = Sym(Name("out", kind=call.kind))
    chosen = set(rule.params) if wanted is None else wanted
    try:
        terms = contributions(rule, call, Sym(Name("d", kind=d_kind)), lazy, {}, out_sym, chosen, masked)
    except NeedsFull:
        assert lazy
        return 0
    full_d = np.full(np.shape(out), d) if lazy else d
    bound = rule.bind(call)
    sums = {}
    for term in terms:
        arg = bound[term.param]
        if term.index is not None:
            for k in (term.index,) if isinstance(term.index, int) else term.index:
                arg = arg[k] if isinstance(arg, list) else arg.items[k]
        assert isinstance(arg, Name)
        value = evaluate(term.sym.expr, scope)
        x = env[arg.id]
        if not term.lazy and not isinstance(x, list):
            assert np.shape(value) == np.shape(x), (term, np.shape(value), np.shape(x))
            if isinstance(term.sym.kind, (Scalar, Array)) and term.sym.kind != arg.kind:
                kind = term.sym.kind
                assert np.asarray(value).dtype == kind.dtype, (term, np.asarray(value).dtype)
        if isinstance(x, (np.ndarray, np.generic)):
            weak = isinstance(value, (float, int))
            assert weak or value.dtype == x.dtype, (term, value.dtype)
        if isinstance(x, list):
            sums[arg.id] = value
        else:
            sums[arg.id] = sums.get(arg.id, 0) + (np.broadcast_to(value, np.shape(x)) if term.lazy else value)
    single = any(getattr(v, "dtype", None) == np.float32 for v in [*env.values(), out])
    for name, got in sums.items():
        expected = numeric(call, env, name, full_d, 1e-2 if single else 1e-6)
        pairs = zip(got, expected) if isinstance(env[name], list) else [(got, expected)]
        for g, e in pairs:
            np.testing.assert_allclose(g, e, rtol=2e-2 if single else tol, atol=2e-2 if single else tol)
    return len(terms)


__all__ = ["ListValue", "build", "check", "consistent", "dtype_of", "evaluate", "kind_from", "math"]
