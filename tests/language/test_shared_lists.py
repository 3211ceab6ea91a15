"""Lists whose arrays are written, replaced or moved, and lists that have several names."""

import numpy as np

from srcgrad import check_grads, grad
from tests.support import Cases

X4 = np.array([0.3, 0.5, -0.2, 0.9])
Y4 = np.array([1.0, 2.0, 3.0, 4.0])
CASES = Cases()


@CASES([X4, Y4], 0.5)
def item_written_under_its_name(xs, s):
    first = xs[0]
    y = first * first
    xs[0] *= s
    return np.sum(xs[0] * y) + np.sum(xs[1])


@CASES([X4, Y4], 0.5)
def item_replaced_and_written(xs, s):
    xs[0] *= s
    t = xs[1] * xs[1]
    xs[1] = t
    t *= s
    return np.sum(xs[1] * xs[0])


@CASES([X4, Y4], 0.5)
def one_array_at_two_places(xs, s):
    for i in range(2):
        xs[i] = xs[1 - i] * xs[i]
        xs[i] *= s
    xs[0] = xs[1]
    xs[0][1] = s
    return np.sum(xs[1] * xs[0])


@CASES([X4, Y4], 0.5)
def items_moved_in_a_loop(xs, s):
    for _ in range(3):
        old = xs[0]
        xs[0] = np.sin(xs[1]) * s
        xs[1] = old
        xs[0][1:] *= xs[1][:-1]
    return np.sum(xs[1] * xs[0])


@CASES([X4, Y4], 0.5)
def items_swapped(xs, s):
    xs[0], xs[1] = xs[1], xs[0]
    for _ in range(3):
        xs[0], xs[1] = xs[1] * s, xs[0]
        xs[1][0] *= s
    return np.sum(xs[1] * xs[0] * xs[0])


@CASES(X4)
def filled_and_emptied_under_two_names(x):
    xs = []
    ys = xs
    for i in range(3):
        xs.append(x * (i + 1))
    s = 0.0
    while len(ys) > 1:
        y = ys.pop()
        s += np.sum(y * y)
    return s + np.sum(xs[0] ** 3)


@CASES(X4)
def popped_under_two_names(x):
    xs = []
    ys = xs
    for i in range(4):
        xs.append(x * (i + 1))
        if i % 2:
            ys.pop()
            z = xs.pop()
            ys.append(z * z)
    s = 0.0
    for y in ys:
        s += np.sum(y * y)
    return s + np.sum(xs[0] ** 3)


@CASES(X4)
def rows_popped_from_a_list(x):
    seen = []
    for i in range(3):
        seen.append(x * (i + 1))
    ds = list(2 * np.stack(seen))
    s = np.zeros(4)
    for _ in range(3):
        d = ds.pop()
        s += d * d
        s = s * x
    return np.sum(s)


@CASES(X4)
def two_lists_of_the_same_arrays(x):
    xs, ys = [], []
    for i in range(3):
        t = np.sin(x * i)
        xs.append(t)
        ys.append(t)
    s = np.zeros(4)
    for _ in range(3):
        s += xs.pop() * x
    return np.sum(s * s) + np.sum(np.stack(ys) ** 2)


@CASES(X4)
def adjoint_handed_on_while_it_lives(x):
    s = np.zeros(4)
    a, b = x, x * 2
    for _ in range(6):
        old = a
        a = b
        s = s + b
        b = old * x
    return np.sum(s * Y4)


@CASES(X4, 0.5)
def shape_of_what_is_overwritten(x, p):
    a = np.tanh(x + p)
    b = np.sin(x) * a[0]
    a -= a
    for _ in range(2):
        b *= np.sin(x)
        x += p
    return np.sum(b * b) - np.sum(a)


test_shared_lists = CASES.test()


def replaced_in_shared(xs):
    made = [np.zeros_like(x) for x in xs]
    same = made
    made[0] = same[1] + np.cos(xs[0])
    for i in range(2):
        same[1] = made[0] * np.tanh(xs[i])
    return np.sum(made[0] ** 2) + np.sum(same[1])


def test_an_array_in_a_list_with_several_names_is_replaced_by_another():
    check_grads(replaced_in_shared, ([X4, 2 * X4, X4 - 1],), order=1)


def replaced(xs):
    xs[0] = xs[1] * 2
    return np.sum(xs[0])


def test_the_gradient_of_an_item_that_is_replaced_has_its_shape():
    first, second = grad(replaced)([np.ones(3), np.ones(3)])
    np.testing.assert_array_equal(first, np.zeros(3))
    np.testing.assert_array_equal(second, np.full(3, 2.0))
