"""Two traps at once: aliases, writes in place, containers, calls with effects, loops and tapes that meet.

Each program is small and was wrong, without a word or loudly, or is next to one that was. Those with `again` are held
in second order too.
"""

from dataclasses import dataclass

import numpy as np
import pytest

import srcgrad
from srcgrad import checkpointed
from srcgrad.errors import AliasError
from tests.support import Cases, assert_refused, check, differentiable_args, leaf_gradients, slope

CASES = Cases()
AGAIN = []
X = np.array([0.4, -0.7, 0.9, 0.3])
Y = np.array([0.8, 0.5, -0.6, 1.1])
M = np.outer(Y[:3], X) + 0.2


def again(f):
    AGAIN.append((f, CASES.params[-1].values[1]))
    return f


@dataclass
class Pair:
    a: np.ndarray
    s: float

    def turn(self):
        self.a = self.a[::-1] * self.s
        return self.s

    def bump(self):
        self.s = self.s * 2 + self.a[0]
        return self.s


# -- arrays that a list holds ----------------------------------------------------------------------------------------


@again
@CASES(X, 0.5, wrap="loop")
def number_is_added_to_an_array_under_two_items(x, p):
    rows, u = [], x * 1.0
    for _ in range(2):
        u[1:] *= p
        rows.append(u)
    rows[0] += p
    rows[-1] *= 2
    return np.sum(u)


@again
@CASES(X, Y, 0.5, wrap="")
def items_that_are_arguments_are_updated_by_each_other(x, y, p):
    rows = [x, y]
    for _ in range(2):
        rows.append(x)
        rows[-1] *= rows[1]
        rows[0] *= rows[-1] * p
        rows[0] -= rows[2] * rows[0]
    return np.sum(x * y)


@again
@CASES(X, Y, M, 0.5, wrap="")
def item_is_replaced_between_writes_into_it(x, y, m, p):
    rows = []
    for k in range(3):
        rows.append(m[k])
        rows[k] *= x
        rows[0] += p
        rows[0] = y
        rows[0][2] *= p
    return np.sum(m * m) + np.sum(y * y)


@CASES([X, Y, X * Y], X, wrap="callee")
def item_that_is_replaced_has_a_gradient_of_its_shape(ls, x):
    ls[0] = x
    for k in range(3):
        ls[k] = ls[0] * x
    return np.sum(ls[0] * ls[2])


@again
@CASES([X + 0.1, Y, X * Y], X, 0.5, wrap="")
def items_leave_at_both_ends_after_writes(ls, x, p):
    out = []
    for v in ls:
        out.insert(0, v)
        out[0] *= x
        out[-1] += out[0]
    w = out.pop()
    w *= p
    z = out.pop(0)
    z += w
    return np.sum(ls[0] * ls[2]) + np.sum(out[0])


@CASES(X, Y, wrap="")
def result_goes_into_an_item(x, y):
    rows = []
    for _ in range(2):
        rows.append(x * y)
    kept = rows[0]
    np.multiply(x, y, out=rows[0])
    kept[0] *= 3.0
    return np.sum(rows[0] * rows[1])


@again
@CASES(X, 0.5, wrap="loop")
def adjoint_of_a_new_item_is_an_array(x, p):
    rows = [x * 1.0, x * p]
    for _ in range(2):
        rows.append(rows[-1] * rows[-2])
        rows[-1][1:] *= p
    return np.sum(rows[-1])


# -- names that move -------------------------------------------------------------------------------------------------


@again
@CASES(X, Y, 0.5, wrap="loop")
def arguments_change_names_in_a_branch(x, y, p):
    if p > 0:
        x, y = y, x * p
        x[0] += y[1]
    return np.sum(x * y)


@CASES(X, Y, 0.5, wrap="")
def arguments_change_names_in_a_checkpointed_loop(x, y, p):
    for _ in checkpointed(range(3), slots=1):
        x, y = y, x * p
        x[0] += y[1]
    return np.sum(x * y)


def damped(a, n, p):
    if n == 0:
        return a * p
    return damped(np.tanh(a + p), n - 1, p)


@again
@CASES(X, 0.5, wrap="")
def result_of_a_recursion_takes_a_name_that_moves(x, p):
    a = x
    u = a
    for _ in range(2):
        a = damped(x * p, 1, p)
        u[1:] *= p
    return np.sum(u) + np.sum(damped(a, 1, p)) + a[0]


@CASES(X, 0.5, wrap="loop")
def index_changes_after_the_write_that_it_places(x, p):
    chosen = x > 0.1
    y = x * p
    z = y * y
    y[chosen] += 1.1
    chosen[3] = True
    chosen[0] = False
    return np.sum(y * z)


# -- recursion that writes, in second order --------------------------------------------------------------------------


def folded(a, n, p):
    if n == 0:
        a[0] *= p
        return a[0]
    a[n] *= a[n - 1]
    s = folded(a, n - 1, p * 0.9)
    a[0] += s
    return s * a[n]


@again
@CASES(X, 0.5, wrap="")
def recursion_overwrites_its_argument(x, p):
    return folded(x, 2, p) + np.sum(x * x)


@again
@CASES(X, 0.5, wrap="")
def value_from_before_a_call_that_writes_is_used_after_it(x, p):
    q = x[0] * x[1]
    a = damped(x * p, 1, p)
    folded(x, 1, p)
    return q * p + np.sum(x) * q + np.sum(a)


# -- what is evaluated when ------------------------------------------------------------------------------------------


@CASES(X, Y, 0.5)
def parts_are_swapped(x, y, p):
    one, two = Pair(x * 1.0, p), Pair(y * p, p * 2)
    for k in range(2):
        one.a, two.a = two.a, one.a
        one.a[k] *= two.s
        two.s, one.s = one.s + two.a[0], two.s
    both = [one.a, two.a]
    both[0], both[1] = both[1], both[0] * p
    return np.sum(both[0] * y) + both[1][1] + one.s * two.s


@CASES(X, Y, 0.5)
def loop_over_a_part_that_the_body_replaces(x, y, p):
    held, s = Pair(x, p), 0.0
    for e in held.a[:3]:
        s += e * e
        held.a = y
    for e in held.a:
        s += e * held.turn()
    for v in (held.s, p, held.s):
        s = s * 0.5 + v
        held.s = x[0]
    return s + held.s


@CASES(M, X, 0.5)
def loop_over_a_view_whose_index_the_body_changes(m, x, p):
    j, n, s = 0, 3, 0.0
    for e in m[j]:
        s += e * p
        j = (j + 1) % 3
    for k, e in enumerate(x[:n]):
        s += e * k
        n = 1
    for e in (y := x * p):
        s += e
        y = y * 2
    return s + y[0]


@CASES(X, Y, 0.5, wrap="callee")
def loop_over_names_that_a_function_binds(x, y, p):
    d, s = {"a": x, "b": y}, 0.0
    held = x * 1.0

    def advance(v):
        nonlocal held
        held = held * v
        return held[0]

    for e in held:
        s += e * advance(p)
    for e, f in zip(d["a"], d["b"], strict=True):
        s += e * f
        d["a"] = d["a"] * p
        d["b"], d["a"] = d["a"], d["b"]
    rows = [x * 1.0, x * 2]
    for v in rows:
        s += v[1]
        rows = [v * p, v]
    for k, v in enumerate(rows):
        s += v[2] * k
        rows[1] = x * p
    return s


@CASES(X, 0.5)
def operand_changes_what_it_is_added_to(x, p):
    held = Pair(x * 1.0, p)
    d, i = {"t": p, "u": x * p}, 0

    def doubled():
        nonlocal i
        i = 1
        d["t"] = d["t"] * 2
        d["u"] = d["u"] * 2
        x[0] *= 2
        return x[i]

    held.s += held.bump()
    held.a += held.turn()
    x[i] += doubled()
    d["t"] += doubled()
    d["u"] += doubled()
    d["u"][1] -= doubled()
    return held.s + np.sum(held.a) + np.sum(x) + d["t"] * np.sum(d["u"])


test_interactions = CASES.test()


@pytest.mark.parametrize("f, args", [pytest.param(f, args, id=f.__name__) for f, args in AGAIN])
def test_in_second_order(f, args):
    wrt = differentiable_args(args)
    gradient = srcgrad.grad(f, argnums=wrt)
    rng = np.random.default_rng(2)
    leaves = leaf_gradients(args, wrt, tuple(args))
    v = [rng.standard_normal(np.shape(leaf)) for leaf in leaves]

    def value(*moved):
        found = leaf_gradients(moved, wrt, gradient(*moved))
        return float(sum(np.sum(w * g) for w, g in zip(weights, found, strict=True)))

    weights = [rng.standard_normal(np.shape(leaf)) for leaf in leaves]
    expected = slope(value, args, wrt, v)
    packed = iter(v)
    tangents = tuple([next(packed) for _ in a] if isinstance(a, list) else next(packed) for a in args)
    tangents = tuple(float(t) if isinstance(a, float) else t for a, t in zip(args, tangents, strict=True))
    _, moved = srcgrad.jvp(gradient, args, tangents)
    forward = sum(np.sum(w * g) for w, g in zip(weights, leaf_gradients(args, wrt, moved), strict=True))
    packed = iter(weights)
    seeds = tuple([next(packed) for _ in a] if isinstance(a, list) else next(packed) for a in args)
    found = srcgrad.vjp(gradient, *args)[1](seeds)
    backward = sum(np.sum(t * g) for t, g in zip(v, leaf_gradients(args, wrt, found), strict=True))
    np.testing.assert_allclose([forward, backward], expected, rtol=1e-5, atol=1e-7)


def test_gradient_of_an_item_that_was_replaced():
    def f(x, y, p):
        rows = [x * 1.0, y * 1.0]
        for _ in range(2):
            rows.append(y * p)
        rows[0] = rows[1] * p
        rows[1] = np.exp(rows[1][1:])  # of another length
        return np.sum(rows[0]) + np.sum(rows[1])

    check(f, X, Y, 0.5)


def test_number_in_the_place_of_an_array_that_was_written():
    def f(x, p):
        rows = [x * 1.0]
        for _ in range(2):
            rows.append(x * p)
        rows[0] *= p
        s = np.sum(rows[0])
        rows[0] = rows[1][0] * 2  # <- here
        rows[1] *= x
        return s + rows[0] * np.sum(rows[1])

    assert_refused(f, X, 0.5, error=AliasError, reason="takes the place of an array")
