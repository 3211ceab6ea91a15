"""Every rule in forward mode: against central differences, and against its adjoint by the dot-product test."""

import math
import operator

import numpy as np
import pytest

from srcgrad import runtime
from srcgrad.analysis.infer import infer_call, infer_op, kind_of
from srcgrad.codegen import text_of
from srcgrad.errors import NoRuleError, SrcgradError
from srcgrad.ir.kinds import Array, Extent, Scalar, is_float
from srcgrad.ir.nodes import Call, Const, Name, Op, Pack, Prim
from srcgrad.ir.walk import subexpressions
from srcgrad.rules.build import Sym
from srcgrad.rules.members import METHODS
from srcgrad.rules.registry import OPS, RULES, lookup, rule_of
from srcgrad.rules.tangents import has_tangent, tangent
from tests.rules.rule_eval import evaluate
from tests.rules.tangent_eval import build, dotted, floats, hold, hold_all, leaves, run, spelled
from tests.rules.test_rules import (
    CASES,
    ELEMENTWISE,
    ELSEWHERE,
    FACTORS,
    OF_COMPLEX,
    STRIDED,
    draw,
    home_of,
    is_of_scipy_linalg,
    is_scalar_function,
    name_of,
    narrow,
    rng_for,
    shapes_for,
)  # fmt: skip

R = np.random.default_rng(11)
A23, A33, V3, W3, V2 = (R.standard_normal(s) for s in [(2, 3), (3, 3), 3, 3, 2])


# ---- the rules --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["symbolic", "unknown", "known", "rankless"])
@pytest.mark.parametrize("rule", ELEMENTWISE, ids=lambda r: name_of(r.fn))
def test_elementwise(rule, mode):
    rng = rng_for("jvp", name_of(rule.fn))
    count = 0
    for shape in shapes_for(rule):
        args = [draw(rng, s, rule.domain, k) for k, s in enumerate(shape)]
        if is_scalar_function(rule):
            if not all(a.size for a in args):
                continue
            args = [float(a.flat[0]) for a in args]
        elif mode != "known":
            args = [a if np.ndim(a) else np.asarray(a).item() for a in args]
        if rule.fn in (np.ldexp, math.ldexp):
            args[1] = 2
        call, env = build(rule.fn, args, {}, mode)
        for masked in (False, True):
            for ready in (False, True):
                count += hold_all(call, env, rng, masked=masked, ready=ready)
    assert count


@pytest.mark.parametrize("rule", [r for r in ELEMENTWISE if not is_scalar_function(r)], ids=lambda r: name_of(r.fn))
def test_single_precision(rule):
    rng = rng_for("jvp single", name_of(rule.fn))
    shapes = shapes_for(rule)
    for shape in [*shapes[: 2 if len(rule.params) == 1 else 3], ((),) * len(rule.params)]:
        args = [narrow(draw(rng, s, rule.domain, k)) for k, s in enumerate(shape)]
        args = [a[()] if isinstance(a, np.ndarray) and not a.ndim else a for a in args]
        if rule.fn is np.ldexp:
            args[1] = 2
        for wide in (False, True):
            mixed = [a.astype("float64") if wide and k and getattr(a, "dtype", None) == np.float32 and a.ndim else a
                     for k, a in enumerate(args)]  # fmt: skip
            call, env = build(rule.fn, mixed, {})
            hold_all(call, env, rng, numeric=False)


def test_numbers_of_single_precision_in_functions_of_doubles():
    rng = rng_for("float32 numbers")
    for fn in (math.sin, math.exp, float, np.float64):
        call, env = build(fn, (np.float32(0.5),), {})
        hold(call, env, rng)
    for value in (0.5, np.float64(0.5), V3):
        call, env = build(np.float32, (value,), {})
        hold(call, env, rng)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, -0.5, 2.5])
def test_constant_exponents(exponent):
    rng = rng_for(exponent)
    for x in (rng.uniform(0.5, 2, (2, 3)), 1.7):
        call, env = build(operator.pow, (x, exponent), {})
        for masked in (False, True):
            hold_all(call, env, rng, masked=masked)


MORE = [
    (np.max, (2.5,), {}), (np.prod, (2.5,), {}), (np.average, (A23,), {"axis": 1, "weights": np.abs(A23)}),
    (np.max, (V3,), {"keepdims": True}), (np.std, (A23,), {"axis": 1, "keepdims": True, "ddof": 1}),
    (np.ptp, (A23,), {"axis": 1, "keepdims": True}), (np.ptp, (A23,), {"keepdims": True}),
    (np.linalg.norm, (V3,), {"ord": np.inf, "keepdims": True}), (np.linalg.norm, (V3,), {"keepdims": True}),
    (np.average, (np.abs(A23),), {"weights": np.abs(A23) + 1}),
    (np.linspace, (1.0, 2.0, 5), {}), (np.full_like, (A23, V3), {"dtype": np.float32}),
    (np.array, ([1.0, [2, 3]][:1],), {}), (np.array, ([[1.0, 2], [3, 4.0]],), {}),
    (np.concatenate, ([V3, np.arange(2)],), {}), (np.stack, ([V3, np.arange(3)],), {}),
    (np.concatenate, ([V3, [1.0, 2.0]],), {}), (np.hstack, ([V3, [1.0]],), {}), (np.array, ([V3, [1.0, 2.0, 3]],), {}),
    (np.pad, (V3, (0, 2)), {"constant_values": 3.0}), (np.pad, (A23, ((1, 0), (0, 1))), {}),
    (np.linalg.solve, (A33 + 4 * np.eye(3), A33), {}), (np.sum, (A23,), {"axis": (0, 1), "keepdims": True}),
    (max, (1.5, 2.5, 0.1), {}), (np.cumprod, (np.array([1.0, 0.0, 2.0, 0.0, 3.0]),), {}),
    (np.vander, (V3, 5), {"increasing": True}), (np.vander, (V3, 1), {}),
    (np.interp, (A23, np.array([-2.0, 0.01, 2]), W3), {}), (np.nansum, (np.array([1.0, np.nan, 2.0]),), {}),
    (np.nanmean, (np.array([[1.0, np.nan], [3.0, 2.0]]),),
    {"axis": 1}), (np.nanmax, (np.array([[1.0, np.nan], [3.0, 2.0]]),), {"axis": 1}),
    (np.sum, (np.zeros((0, 3)),), {"axis": 0}), (np.prod, (np.zeros((0, 3)),), {"axis": 0}),
    (np.sort, (np.zeros(0),), {}),
    (np.cumsum, (np.zeros((0, 3)),), {}), (np.cumprod, (np.zeros(0),), {}),
    (np.matmul, (np.zeros((2, 0)), np.zeros(0)), {}),
    (np.linalg.norm, (np.zeros(0),), {}), (np.concatenate, ([np.zeros(0), V3],), {}),
    (np.stack, ([np.zeros(0)] * 2,), {}),
    (np.where, (np.zeros(0) > 0, np.zeros(0), 1.0), {}), (np.reshape, (np.zeros((0, 3)), (3, 0)), {}),
    (np.sum, (np.array(2.0),), {}), (np.exp, (np.array(2.0),), {}), (np.add, (np.array(2.0), 1.0), {}),
    (np.array, (np.array(2.0),), {}), (np.reshape, (np.array(2.0), (1,)), {}),
    (np.broadcast_to, (np.array(2.0), (2,)), {}),
    (np.where, (True, np.array(2.0), 1.0), {}), (np.negative, (V3,), {}), (np.positive, (V3,), {}),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["symbolic", "unknown"])
@pytest.mark.parametrize("case", range(len(CASES + MORE)), ids=lambda k: f"{name_of((CASES + MORE)[k][0])}-{k}")
def test_general(case, mode):
    fn, args, kwargs = (CASES + MORE)[case]
    rng = rng_for("jvp", case)
    call, env = build(fn, args, kwargs, mode)
    nan = any(np.isnan(v).any() for v in env.values() if isinstance(v, np.ndarray) and v.dtype.kind == "f")
    reverse = fn is not np.trapezoid or np.ndim(args[0]) == 1  # the reverse knows vectors only
    count = hold_all(call, env, rng, numeric=not nan, reverse=reverse)
    assert count or (fn is np.arange and len(args) == 1)


STACK = np.random.default_rng(5).standard_normal((2, 3, 3)) + 3 * np.eye(3)
FORWARD_ONLY = [
    (np.einsum, ("i...,i->...", STACK, V2), {}), (np.einsum, ("ii->i", A33), {}), (np.trace, (STACK,), {}),
    (np.linalg.solve, (STACK, STACK[:, :, :2] + 1), {}), (np.linalg.solve, (STACK, A33), {}),
    (np.take, (A23, np.array([0, 4])), {}), (np.kron, (STACK, A23), {}),
    (np.repeat, (V2, np.array([1, 2])), {}),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(FORWARD_ONLY)), ids=lambda k: f"{name_of(FORWARD_ONLY[k][0])}-{k}")
def test_forward_goes_further_than_reverse(case):
    fn, args, kwargs = FORWARD_ONLY[case]
    call, env = build(fn, args, kwargs)
    assert hold_all(call, env, rng_for("forward only", case), reverse=False)


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda k: f"{name_of(CASES[k][0])}-{k}")
def test_tangents_can_be_differentiated_again(case):
    """What a tangent is made of has rules itself, or is a helper, whose source is read."""
    fn, args, kwargs = CASES[case]
    call, env = build(fn, args, kwargs)
    rule = rule_of(call)
    given = {p: dotted(v, set(env), {n: f"{n}_dot" for n in env}) for p, v in rule.bind(call).items()
             if p in rule.builders}  # fmt: skip
    found = tangent(rule, call, given, {}, Sym(Name("out", kind=call.kind)))
    for part in subexpressions(found.expr):
        if isinstance(part, Call) and is_float(kind_of(part)):
            assert lookup(part.prim.fn) is not None or part.prim.fn in runtime.HELPERS.values(), part.prim.text


SINGLE = [k for k, (fn, args, kwargs) in enumerate(CASES) if fn is not np.ndarray.item
          and any(isinstance(a, np.ndarray) and a.dtype == float for a in args)]  # fmt: skip


@pytest.mark.parametrize("case", SINGLE, ids=lambda k: f"{name_of(CASES[k][0])}-{k}")
def test_single_precision_of_general(case):
    """The tangent has the dtype of the result, whichever arguments are single."""
    fn, args, kwargs = CASES[case]
    narrow = [k for k, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype == float]
    for count in {1, len(narrow)}:
        mixed = [a.astype("float32") if k in narrow[:count] else a for k, a in enumerate(args)]
        call, env = build(fn, mixed, kwargs)
        hold_all(call, env, rng_for("single", case), numeric=False, reverse=False)


def test_every_rule_has_a_forward_form():
    for fn, rule in RULES.items():
        if rule.own:  # of other tests
            continue
        assert all(has_tangent(rule, name) for name in rule.builders), name_of(fn)
        for wanted in rule.tangents:
            assert set(wanted) <= {*rule.builders, *rule.zero}, name_of(fn)


def test_each_rule_is_held():
    """No rule's parameter is left out by the cases above."""
    held = set()
    for fn, args, kwargs in CASES + MORE:
        call, env = build(fn, args, kwargs)
        rule = rule_of(call)
        for param, value in rule.bind(call).items():
            if any(floats(env[n]) for n in leaves(value)):
                held.add((name_of(fn), param))
    for fn, rule in RULES.items():
        # see tests/own, test_factors, test_scipy_linalg
        elsewhere = (np.amax, np.amin, runtime.numerical_vjp, runtime.numerical_jvp, *FACTORS, *OF_COMPLEX,
                     *STRIDED)  # fmt: skip
        if home_of(fn).startswith(ELSEWHERE):
            continue
        if rule.form == "general" and not rule.own and fn not in elsewhere and not is_of_scipy_linalg(rule):
            assert not {(name_of(fn), p) for p in rule.builders} - held


# ---- kinks ------------------------------------------------------------------------------------------------------

TIES = [
    (np.maximum, (np.array([1.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.0])), {}), (np.fmin, (V3, V3 + 0.0), {}),
    (np.minimum, (np.array([1.0, 2.0, 0.0]), 1.0), {}), (np.maximum, (np.array([-1.0, 2.0, 0.0]), 0), {}),
    (np.maximum, (1.0, 1.0), {}), (np.maximum, (0.0, 0), {}), (np.minimum, (2.0, 1), {}), (np.minimum, (1.0, 2), {}),
    (max, (1.0, 1.0), {}), (min, (1.0, 1.0, 1.0), {}), (max, (1.0, 2.0, 2.0), {}), (max, (1.0, 1), {}), (max, (2, 1.0),
    {}), (abs, (np.array([0.0, -1.0, 1.0]),), {}), (abs, (0.0,), {}), (math.fabs, (0.0,), {}),
    (np.abs, (np.zeros((2, 2)),), {}), (np.clip, (np.array([0.0, 1.0, 0.5, 2.0, -1.0]), 0.0, 1.0), {}),
    (np.clip, (V3, V3, V3), {}), (np.clip, (1.0, 0.0, 1.0), {}), (np.clip, (2.0, 0.0, 1.0), {}),
    (np.copysign, (V3, np.array([0.0, -0.0, 1.0])), {}),
    *((fn, (np.array([[1.0, 2.0, 2.0], [2.0, 0.0, 0.0]]),), kw) for fn in (np.max, np.min, np.ptp, np.nanmax, np.nanmin)
      for kw in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"keepdims": True})),
    *((np.linalg.norm, (x,), {"ord": o, **kw}) for x, kw in ((np.array([1.0, -1.0, 0.0]), {}), (np.ones((2, 3)),
       {"axis": 1})) for o in (1, 2, np.inf)),
    (np.linalg.norm, (np.zeros(3),), {}), (np.linalg.norm, (np.zeros((2, 3)),), {"axis": 0}),
    (np.std, (np.ones(3),), {}),
    (np.sort, (np.array([2.0, 1.0, 1.0, 2.0]),), {}), (np.median, (np.ones(4),), {}), (np.hypot, (0.0, 0.0), {}),
    (operator.pow, (np.array([0.0, 1.0]), np.array([0.0, 2.0])), {}), (operator.pow, (np.array([0.0, 1.0]), 2), {}),
    (np.prod, (np.zeros(3),), {}), (np.prod, (np.array([0.0, 2.0, 3.0]),), {}), (np.heaviside, (np.array([0.0, 1.0]),
     np.array([2.0, 3.0])), {}), (np.sinc, (np.zeros(2),), {}), (np.interp, (np.array([0.0, 1.0, 5.0]), np.arange(3.0),
     W3), {}), (math.hypot, (0.0, 0.0), {}), (np.fmod, (np.array([2.0, -4.5]), 2.0), {}),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(TIES)), ids=lambda k: f"{name_of(TIES[k][0])}-{k}")
def test_both_modes_are_the_same_map_at_kinks(case):
    fn, args, kwargs = TIES[case]
    call, env = build(fn, args, kwargs)
    for masked in (False, True):
        assert hold_all(call, env, rng_for("ties", case), numeric=False, masked=masked)


BAD = np.array([np.inf, 1.0, np.nan])
X = np.array([1.0, 5.0, -1.0])
CHOICES = [
    (np.where, (np.array([False, True, False]), X, 2.0), {}, BAD, [0, 1, 0]),
    (np.where, (np.array([True, False, True]), 2.0, X), {}, BAD, [0, 1, 0]),
    (np.maximum, (X, 2.0), {}, BAD, [0, 1, 0]), (np.minimum, (0.0, X), {}, np.array([np.nan, np.inf, 1.0]), [0, 0, 1]),
    (np.maximum, (X, 2), {}, BAD, [0, 1, 0]), (np.clip, (X, 2, 9), {}, BAD, [0, 1, 0]), (np.max, (X,), {}, BAD, 1),
    (np.nanmax, (X,), {}, BAD, 1), (np.max, (X,), {"axis": 0}, BAD, 1),
    (np.ptp, (X[:2],), {}, np.array([2.0, 3.0]), 1),
    (np.linalg.norm, (X,), {"ord": np.inf}, BAD, 1), (np.nansum, (np.array([np.nan, 1.0, np.nan]),), {}, BAD, 1),
    (np.nanmean, (np.array([np.nan, 1.0, np.nan]),), {}, BAD, 1),
    (np.nan_to_num, (np.array([np.nan, 1.0, np.inf]),), {}, BAD, [0, 1, 0]),
    (np.heaviside, (np.array([1.0, 0.0, -1.0]), X), {}, BAD, [0, 1, 0]),
    (max, (2.0, 1.0), {}, np.inf, 0), (max, (3.0, 2.0, 1.0), {}, np.inf, 0), (min, (2.0, 1), {}, np.nan, 0),
    (np.maximum, (2.0, 1.0), {}, np.inf, 0), (np.clip, (1.0, 2, 3), {}, np.nan, 0),
    (np.median, (X,), {}, np.array([1.0, 1.0, 1.0]), 1),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(CHOICES)), ids=lambda k: f"{name_of(CHOICES[k][0])}-{k}")
def test_nothing_comes_of_what_was_not_chosen(case):
    fn, args, kwargs, t, expected = CHOICES[case]
    call, env = build(fn, args, kwargs)
    rule, out = rule_of(call), evaluate(call, env)
    active = [n for n in env if np.shape(env[n]) == np.shape(t) and floats(env[n])][-1]
    given = {p: dotted(v, {active}, {active: "t"}) for p, v in rule.bind(call).items()}
    found = tangent(rule, call, given, {}, Sym(Name("out", kind=call.kind)))
    got = run(found.expr, {**env, "out": out, "t": t})
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("fn, args, t", [
    (np.sqrt, (np.array([0.0, 4.0]),), np.array([0.0, 4.0])), (np.log, (np.array([0.0, 1.0]),), np.array([0.0, 1.0])),
    (operator.truediv, (np.array([1.0, 1.0]), np.array([0.0, 1.0])), np.array([0.0, -1.0])), (np.sqrt, (0.0,), 0.0),
    (operator.pow, (np.array([0.0, 1.0]), 0.5), np.array([0.0, 2.0])), (math.log, (1e-320,), 0.0),
])  # fmt: skip
def test_zero_stays_zero_where_it_may_have_been_masked(fn, args, t):
    call, env = build(fn, args, {})
    rule = rule_of(call)
    with np.errstate(all="ignore"):
        out = evaluate(call, env)
        active = sorted(env)[-1]
        given = {p: dotted(v, {active}, {active: "t"}) for p, v in rule.bind(call).items()}
        found = tangent(rule, call, given, {}, Sym(Name("out", kind=call.kind)), masked=True, out_ready=True)
        got = run(found.expr, {**env, "out": out, "t": t})
    np.testing.assert_array_equal(got, np.where(np.asarray(t) == 0, 0, np.asarray(got)))
    assert np.isfinite(got).all()


# ---- how it reads -----------------------------------------------------------------------------------------------

ROWS, N = Extent("A.0"), Extent("x.0")
VECTOR, ANY = Array("float64", (N,)), Array("float64", (None,))
KINDS = {"x": VECTOR, "y": VECTOR, "s": Scalar("float64", False), "u": ANY, "v": ANY,
         "A": Array("float64", (ROWS, N)), "B": Array("float64", (N, N))}  # fmt: skip


def call_of(fn, *args, style=None, **kwargs):
    """A call on the variables of these names, and on constants."""

    def lifted(a):
        if isinstance(a, list):
            return Pack("list", tuple(lifted(i) for i in a))
        return Name(a, kind=KINDS[a]) if isinstance(a, str) and a in KINDS else Const(a)

    exprs, named = tuple(lifted(a) for a in args), tuple((k, Const(v)) for k, v in kwargs.items())
    op = next((o for o, f in OPS.items() if f is fn), None)
    if op:
        return Op(op, exprs, kind=infer_op(op, exprs))
    prim = Prim(fn, *(style or spelled(fn)))
    return Call(prim, exprs, named, kind=infer_call(prim, exprs, named))


def shown(call, active, args=(), ready=True):
    """The tangent of a call as it is printed."""
    rule = rule_of(call)
    given = {p: dotted(v, set(active), {n: f"{n}_dot" for n in active}) for p, v in rule.bind(call).items()}
    return text_of(tangent(rule, call, given, dict(args), Sym(Name("out", kind=call.kind)), out_ready=ready).expr)


@pytest.mark.parametrize("expected, fn, args, active", [
    ("x_dot * np.cos(x)", np.sin, "x", "x"), ("x_dot - y_dot", operator.sub, "xy", "xy"),
    ("-y_dot", operator.sub, "xy", "y"), ("0.5 * x_dot / out", np.sqrt, "x", "x"),
    ("x_dot * y + x * y_dot", operator.mul, "xy", "xy"), ("2 * x_dot * x", operator.mul, "xx", "x"),
    ("2 * x_dot * x", operator.pow, ["x", 2], "x"), ("(x_dot - y_dot * out) / y", operator.truediv, "xy", "xy"),
    ("x_dot * (1 - out * out)", np.tanh, "x", "x"), ("x_dot", operator.add, ["x", 1], "x"),
    ("x_dot + np.zeros_like(A)", operator.add, "xA", "x"), ("A_dot", operator.add, "xA", "A"),
    ("x_dot + A_dot", operator.add, "xA", "xA"), ("x_dot * A", operator.mul, "xA", "x"),
    ("np.full_like(A, s_dot)", operator.add, "As", "s"), ("A_dot", operator.add, "As", "A"),
    ("u_dot + np.zeros_like(v)", operator.add, "uv", "u"), ("u_dot * v", operator.mul, "uv", "u"),
    ("np.full_like(x, -s_dot)", operator.sub, "xs", "s"),
    ("np.where(x < 0, 0.0, x_dot * ((x > 0) + 0.5 * (x == 0)))", np.maximum, ["x", 0], "x"),
    ("np.where(x == y, 0.5 * (x_dot + y_dot), np.where(x > y, x_dot, y_dot))", np.maximum, "xy", "xy"),
    ("x_dot * np.sign(x)", np.abs, "x", "x"), ("np.mean(x_dot[x == out])", np.max, "x", "x"),
    ("A_dot @ x + A @ x_dot", operator.matmul, "Ax", "Ax"), ("2 * (x_dot @ x)", operator.matmul, "xx", "x"),
    ("np.sum(A_dot)", np.sum, "A", "A"), ("np.stack([x_dot, np.zeros_like(y)])", np.stack, [["x", "y"]], "x"),
    ("np.array([s_dot, 0.0])", np.array, [["s", 1.0]], "s"),
    ("2 * np.mean(x_dot * (x - np.mean(x)))", np.var, "x", "x"),
    ("out * np.trace(np.linalg.solve(B, B_dot))", np.linalg.det, "B", "B"),
    ("-(out @ B_dot @ out)", np.linalg.inv, "B", "B"),
    ("np.linalg.solve(B, x_dot - B_dot @ out)", np.linalg.solve, "Bx", "Bx"),
    ("x @ x_dot / (out + (out == 0))", np.linalg.norm, "x", "x"),
    ("(x_dot * x + y_dot * y) / (out + (out == 0))", np.hypot, "xy", "xy"),
])  # fmt: skip
def test_expressions_read_as_a_person_writes_them(expected, fn, args, active):
    assert shown(call_of(fn, *args), active) == expected


@pytest.mark.parametrize("expected, name, args, kwargs, active", [
    ("A_dot.sum(axis=1)", "sum", "A", {"axis": 1}, "A"), ("A_dot.T", "T", "A", {}, "A"),
    ("A_dot.reshape(3, 2)", "reshape", ["A", 3, 2], {}, "A"), ("x_dot.dot(y) + x.dot(y_dot)", "dot", "xy", {}, "xy"),
    ("A.dot(x_dot)", "dot", "Ax", {}, "x"), ("x_dot.astype(np.float32)", "astype", ["x", np.float32], {}, "x"),
    ("A_dot.swapaxes(0, 1)", "swapaxes", ["A", 0, 1], {}, "A"), ("x_dot.copy()", "copy", "x", {}, "x"),
    ("B_dot.trace()", "trace", "B", {}, "B"), ("x_dot.cumsum()", "cumsum", "x", {}, "x"),
    ("np.where((x >= 0) & (x <= 1), x_dot, 0.0)", "clip", ["x", 0, 1], {}, "x"),
])  # fmt: skip
def test_methods_stay_methods(expected, name, args, kwargs, active):
    fn = np.transpose if name == "T" else METHODS[name]
    style = (name, "attribute" if name == "T" else "method")
    assert shown(call_of(fn, *args, style=style, **kwargs), active) == expected


def test_arguments_are_written_as_given():
    held = Sym(Name("held", kind=KINDS["A"]))
    assert shown(call_of(operator.matmul, "A", "x"), "x", {"a": held}) == "held @ x_dot"
    assert shown(call_of(np.dot, "A", "x"), "x", {"a": held}) == "np.dot(held, x_dot)"
    assert shown(call_of(operator.mul, "A", "x"), "x", {"x": held}) == "held * x_dot"
    pair = [Sym(Name("held_x", kind=KINDS["x"])), Sym(Name("held_y", kind=KINDS["y"]))]
    assert shown(call_of(np.stack, ["x", "y"]), "y", {"arrays": pair}) == "np.stack([np.zeros_like(held_x), y_dot])"


def test_the_result_is_read_only_where_it_is_at_hand():
    assert shown(call_of(operator.truediv, "x", "y"), "y", ready=False) == "-(y_dot * x / (y * y))"
    assert shown(call_of(operator.truediv, "x", "y"), "y") == "-(y_dot * out / y)"


def test_what_has_no_derivative_has_the_tangent_zero():
    assert shown(call_of(np.copysign, "x", "y"), "y") == "np.zeros_like(out)"
    assert shown(call_of(np.arange, "s"), "s") == "np.zeros_like(out)"


# ---- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fn, args, kwargs, word", [
    (np.sum, ([1.0, 2.0],), {}, "of a list"), (np.pad, (A23, 1), {"constant_values": 2.5}, "constant_values"),
    (np.prod, (A23,), {"axis": (0, 1)}, "several axes"),
    (np.linalg.norm, (A33,), {"ord": 2}, "ord=2"), (np.sort, (np.zeros(2, complex),), {}, "for real numbers only"),
    (np.atleast_1d, (V3, W3), {}, "several results"),
])  # fmt: skip
def test_refusals(fn, args, kwargs, word):
    call, env = build(fn, args, kwargs)
    rule = rule_of(call)
    names = {n: f"{n}_dot" for n in env}
    given = {p: dotted(v, set(env), names) for p, v in rule.bind(call).items()}
    with pytest.raises(SrcgradError, match=word):
        tangent(rule, call, given, {}, Sym(Name("out", kind=call.kind)))


def test_keywords_that_no_rule_handles_are_refused():
    call, env = build(np.sum, (A23,), {"initial": 2})
    t = {"a": Sym(Name("t", kind=call.args[0].kind))}
    with pytest.raises(NoRuleError, match="initial"):
        tangent(rule_of(call), call, t, {}, Sym(Name("out", kind=call.kind)))
