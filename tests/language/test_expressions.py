"""Expressions: operators, comparisons, boolean operators, ternaries, walrus, f-strings, calls, displays,
comprehensions, slices and indices, attributes, lambdas."""

import math

import numpy as np
import pytest

from srcgrad import grad
from tests.support import Cases, check

X4 = np.array([0.7, -0.4, 0.3, 0.9])
P4 = np.array([0.7, 1.4, 0.3, 0.9])
M34 = np.array([[0.2, -0.5, 0.8, 0.1], [0.6, 0.3, -0.7, 0.4], [-0.9, 0.5, 0.35, 1.1]])
S = 0.8

CASES = Cases()


# -- operators -------------------------------------------------------------------------------------------------------


@CASES(P4, S)
def arithmetic_on_arrays(x, s):
    y = x + s - x * s / (x + 2) + x ** 2 + s ** 3 + 2 ** x + (-x) + (+s)
    return np.sum(y)


@CASES(1.3, S)
def arithmetic_on_floats(x, s):
    return x + s - x * s / (x + 2) + x ** 2 + x ** s + 2 ** x + (-x) + (+s) - x ** -1


@CASES(M34, X4)
def matmul_operator(m, x):
    return (m @ x) @ (m @ x) + np.sum(m.T @ m) + np.sum(x @ m.T)


@CASES(7.3, 2.2)
def floor_division_and_modulo(x, s):
    return x * (x // s) + (x % s) * s


@CASES(np.array([7.3, -5.1, 4.9]), 2.2)
def modulo_of_arrays(x, s):
    return np.sum((x % s) ** 2 + x // s)


@CASES(X4)
def integer_operators(x):
    n = 7
    bits = (n & 3) | (1 << 2) ^ (n >> 1)
    return np.sum(x * bits) * (~n) + x[n // 2] * (n % 4) * (-n)


@CASES(X4)
def operators_on_booleans(x):
    mask = (x > 0) & ~(x > 0.8) | (x < -0.2)
    return np.sum(x * x * mask) + np.sum(x[mask ^ (x > 0.5)])


@CASES(P4, S)
def precedence_and_association(x, s):
    return np.sum(-x ** 2 + 2 ** s ** 2 - x - s - x / s / x * s - (x - (s - x)))


@CASES(X4, S)
def scalar_with_array_both_ways(x, s):
    return np.sum(s / (2 + x)) + np.sum((2 + x) / s) + np.sum((2 + x) ** s) + np.sum((1 + s) ** x)


@CASES(M34, M34[:, :1].copy(), X4)
def broadcasts_in_every_direction(m, column, row):
    return np.sum((m * column + row) * row / (2 + column * column) - column * row)


# -- comparisons, boolean operators, ternaries -----------------------------------------------------------------------


@CASES(0.7, 0.9)
def chained_comparison(x, s):
    y = x * s
    if 0 < x < s <= 1 != y:
        y = y * x
    return y + (0 < y < 1) * x


@CASES(X4)
def comparison_values_as_numbers(x):
    return np.sum((x > 0) * x) + (x[0] > 0) * x[0] + float(x[1] < 0) * x[1]


@CASES(0.7, -0.4)
def or_gives_a_value(x, s):
    y = (x > 1 and x) or s
    z = 0.0 or x
    return y * z + (s or x) * x


@CASES(0.7, -0.4)
def and_gives_a_value(x, s):
    y = x and s
    z = x > 0 and s * x
    return y * z + y


@CASES(0.7, -0.4)
def or_keeps_order_of_evaluation(x, s):
    seen = []
    if x > 0 or seen.append(x):
        s = s * x
    if x < 0 and seen.append(s):
        s = s * 100
    return s * x + len(seen)


@CASES(X4)
def not_in_is(x):
    total = 0.0
    for i in range(4):
        if not x[i] > 0:
            total += x[i] ** 2
        if i in (1, 3) and i not in [3]:
            total += x[i]
        if None is None and x is not None:
            total += np.sin(x[i])
    return total


@CASES(X4, S)
def ternaries(x, s):
    y = x if s > 0 else -x
    z = (s if x[0] < 0 else x[0]) * (x[1] if x[1] > 5 else s if s < 0.1 else x[2])
    return np.sum(y * y) * z


@CASES(X4)
def ternary_in_a_subscript_and_in_an_argument(x):
    i = 2
    return np.sin(x[i if x[i] > 0 else 0]) * max(x[0] if i > 1 else 0.0, -3.0)


@CASES(0.7, -0.4)
def ternary_evaluates_one_side_only(x, s):
    y = math.log(x) if x > 0 else math.log(s)
    return y * (math.sqrt(s) if s > 0 else s * s)


@CASES(X4)
def walrus(x):
    if (y := np.sum(x * x)) > 0.1:
        y = y * x[0]
    z = (t := y * 2) * t + (u := x[1]) * u
    return z + t * u


@CASES(0.4)
def walrus_in_while(x):
    y = x
    while (z := y * y) < 3:
        y = y * 1.5 + 0.1 * z
    return z * y


@CASES(X4)
def walrus_in_a_comprehension(x):
    kept = [last for v in x if (last := v * v) > 0.1]
    return sum(kept) * last


@CASES(X4)
def f_strings(x):
    name = f"{'a'}{1}"
    d = {f"key {i}": x[i] * x[i] for i in range(3)}
    text = f"{x[0]:.3f} and {np.sum(x)!r}"
    return d["key 1"] * d[f"key {2}"] + (x[0] if name == "a1" else 0.0) + 0 * len(text)


# -- calls -----------------------------------------------------------------------------------------------------------


def mixture(a, b=2.0, *rest, scale=1.0, **others):
    total = a * b * scale
    for r in rest:
        total = total + r * r
    for key in others:
        total = total + others[key] * a
    return total


@CASES(0.7, -0.4)
def calls_positional_and_keyword(x, s):
    return mixture(x) + mixture(x, s) + mixture(b=x, a=s) + mixture(x, s, x, s * x, scale=s, extra=x, more=s)


@CASES(0.7, -0.4)
def starred_arguments(x, s):
    pair = (x, s)
    more = [x * s, 3.0]
    options = {"scale": x, "extra": s}
    return mixture(*pair) + mixture(*pair, *more) + mixture(x, *more, **options) + mixture(*more[:1], s, **options)


@CASES(X4)
def starred_array(x):
    def add(a, b, c, d):
        return a * b + c * d
    return add(*x) * 2 + max(*x) + add(*[v * v for v in x])


# -- displays and comprehensions -------------------------------------------------------------------------------------


@CASES(0.7, X4)
def displays(s, x):
    t = (s, x, [s * s, x * s])
    d = {"a": t[0], 3: t[2], (1, 2): s}
    return d["a"] * np.sum(d[3][1] * t[1]) + d[3][0] * d[(1, 2)]


@CASES(X4, S)
def starred_displays(x, s):
    a = [s, s * x[0]]
    b = [x[1], *a, *(x[2], s * s)]
    d = {"p": s, **{"q": x[0], "p": x[3]}}
    return b[0] * b[1] * b[2] + b[3] * b[4] + d["p"] * d["q"] + len(b)


@CASES(X4)
def list_comprehension(x):
    squares = [v * v for v in x]
    kept = [v * i for i, v in enumerate(x) if v > 0]
    return sum(squares) * squares[1] + sum(kept)


@CASES(M34)
def nested_comprehension(m):
    rows = [[v * v + i for v in row if v > 0] for i, row in enumerate(m)]
    flat = [a * b for row in m for a, b in zip(row[1:], row, strict=False) if a > b]
    return sum(sum(row) for row in rows) + sum(flat) + len(flat)


@CASES(X4)
def dict_comprehension(x):
    d = {i: x[i] * x[3 - i] for i in range(4) if i != 2}
    e = {k: v * v for k, v in d.items()}
    return e[0] * d[1] + e[3]


@CASES(X4)
def set_comprehension(x):
    chosen = {i % 3 for i in range(5)}
    return sum(x[i] * x[i] for i in chosen) * len({1, 2, 2})  # noqa: B033


@CASES(X4)
def generator_expressions(x):
    return sum(v * v for v in x) * max(np.sin(v) for v in x) + min(v for v in x if v > 0) + sum((v for v in x), 1.0)


@CASES(X4)
def any_and_all(x):
    y = x * x
    if any(v < 0 for v in x) and all(v < 1 for v in y):
        y = y * x
    return np.sum(y)


@CASES(X4, S)
def comprehension_scope(x, s):
    i = 3
    y = [x[i] * s for i in range(3)]
    return x[i] * sum(y)


@CASES(X4)
def array_of_a_comprehension(x):
    return np.sum(np.array([np.sin(v) * v for v in x]) ** 2) + np.sum(np.stack([x * k for k in range(3)]) ** 2)


# -- slices and indices ----------------------------------------------------------------------------------------------


@CASES(X4)
def slices(x):
    return np.sum(x[1:] * x[:-1]) + np.sum(x[::2] * x[::-1][:2]) + np.sum(x[-2:]) * x[3] + np.sum(x[1:100] ** 2)


@CASES(X4)
def slice_bounds_from_variables(x):
    total = 0.0
    for i in range(1, 4):
        total = total + np.sum(x[:i] * x[-i:]) * x[i - 1] + np.sum(x[i:] * x[i])
    return total


@CASES(M34)
def matrix_indices(m):
    return (np.sum(m[1] * m[:, 1:2]) + m[1, 2] * m[-1][0] + np.sum(m[..., 0] * m[:, -1])
            + np.sum(m[1:, ::2] ** 2) + m[(0, 1)] * m[2, 3])


@CASES(X4)
def ellipsis_and_none(x):
    a = x[:, None] * x[None, :]
    b = x[np.newaxis, ..., None]
    return np.sum(a * a[::-1]) + np.sum(b * b) + np.sum(x[...] * x)


@CASES(X4)
def advanced_indices(x):
    index = np.array([0, 2, 2, 3])
    return np.sum(x[index] * x[::-1]) + np.sum(x[[1, 1]] ** 3) + x[index].sum() * x[index[1]]


@CASES(M34)
def advanced_indices_of_matrices(m):
    rows, columns = np.array([0, 2, 2]), np.array([1, 3, 3])
    return (np.sum(m[rows, columns] ** 2) + np.sum(m[rows] * m[0]) + np.sum(m[:, columns] ** 3)
            + np.sum(m[rows[:, None], columns] * m[1, 1]) + np.sum(m[np.arange(3), [0, 1, 2]]))


@CASES(M34, X4)
def boolean_indices(m, x):
    return np.sum(x[x > 0] ** 2) + np.sum(m[m > 0.25] ** 3) + np.sum(m[:, x > 0]) * np.sum(m[[True, False, True]])


@CASES(X4)
def index_arrays_from_functions(x):
    order = np.argsort(x)
    return np.sum(x[order] * np.arange(4)) + x[np.argmax(x)] * x[x.argmin()] + np.sum(x[np.argsort(-x)[:2]] ** 2)


@CASES(X4, wrap="loop callee")
def negative_and_computed_indices(x):
    i = len(x) - 2
    return x[-1] * x[i] * x[i - len(x)] + x[int(1.7)] * x[i // 2]


# -- attributes and lambdas ------------------------------------------------------------------------------------------


@CASES(M34)
def attributes(m):
    return np.sum(m.T * 2) * m.shape[0] + m.ndim * m.size * m[0, 0] + np.sum(m.T.T ** 2) + len(m) * m[1, 1]


@CASES(X4)
def methods(x):
    return (x.sum() * x.mean() + x.max() * x.min() + x.dot(x) + x.copy()[0] + x.reshape(2, 2)[1, 0] ** 2
            + np.sum(x.reshape((2, -1)).T.ravel() * x.flatten()) + x.prod() + x.cumsum()[2] + x.clip(-0.1, 0.5).sum())


@CASES(0.7, -0.4)
def lambdas(x, s):
    f = lambda t: t * t * s  # noqa: E731
    g = lambda t, u=x: f(t) + u  # noqa: E731
    return f(x) * g(s) + (lambda t: t * x)(s) + g(x, s)


@CASES(X4)
def lambda_in_a_list(x):
    functions = [np.sin, lambda t: t * t, lambda t: np.exp(-t)]
    total = 0.0
    for k, h in enumerate(functions):
        total = total + np.sum(h(x)) * (k + 1)
    return total



@CASES(X4)
def number_with_the_methods_of_an_array(x):
    return np.sum(x * x) + np.squeeze(np.max(x, axis=-1, keepdims=True), -1) * np.sum(x).T


test_expressions = CASES.test()


# -- on their own ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [-0.5, 0.5, 1.5])
def test_chained_comparison_evaluates_the_middle_once(x):
    def f(x):
        calls = []

        def middle(t):
            calls.append(1)
            return t * t

        if -1 < middle(x) < 1:
            x = x * 2
        return x * len(calls) + x

    check(f, x)


def test_a_lambda_itself():
    f = lambda x: x * x * 3  # noqa: E731
    assert grad(f)(2.0) == 12.0
    assert grad(lambda x: x * np.sin(x))(0.0) == 0.0


def test_deeply_nested_expression():
    def f(x):
        return np.sin(np.cos(np.tanh(x * np.exp(-x) + np.sqrt(x * x + 1)) * x) + x) * (x + (x * (x - (x / (x + 3)))))

    check(f, 0.7)


def test_walrus_in_a_condition_of_each_kind():
    def f(x):
        total = 0.0
        for v in x:
            if (y := v * v) > 0.5 or (y := y * 3) > 0.3:
                total += y
            total += (z if (z := y * v) > 0 else -2 * z)
        return total

    check(f, X4)


def test_methods_of_texts_that_are_known():
    def reverse_polish(x):
        stack = []
        for word in "0 1 + 2 * 3 -".split():
            if word in "0123":
                stack.append(x[int(word)])
            else:
                b, a = stack.pop(), stack.pop()
                stack.append(a + b if word == "+" else a * b if word == "*" else a - b)
        return stack[0] ** 2

    check(reverse_polish, X4)
    check(lambda x: np.sum(x) * "banana".count("a"), X4)
