"""Lists in lists and dicts, copies of lists, and items that are replaced by arrays of another shape."""

import numpy as np

from tests.support import Cases

X4 = np.array([0.3, 0.5, -0.2, 0.9])
Y4 = np.array([1.0, 2.0, 3.0, 4.0])
M3 = np.array([[2.0, 0.5, 0.3], [0.4, 1.5, -0.2], [0.3, -0.6, 1.8]])
CASES = Cases()


@CASES(X4)
def filled_once_it_is_in_another_list(x):
    outer = []
    for i in range(3):
        inner = []
        outer.append(inner)
        for j in range(i + 1):
            inner.append(x * (j + 1))
    s = np.zeros(4)
    while outer:
        inner = outer.pop()
        s += inner.pop() ** 2 * x
    return np.sum(s)


@CASES(X4, wrap="loop branch")
def read_where_it_is_held(x):
    outer = []
    for i in range(3):
        inner = []
        outer.append(inner)
        for j in range(i + 1):
            inner.append(x * (i + j + 1))
    s = 0.0
    for i in range(3):
        for v in outer[i]:
            s += np.sum(v * v)
    return s


@CASES(X4, 4, wrap="loop branch")
def lists_in_a_dict(x, n):
    buckets = {}
    for i in range(n):
        buckets.setdefault(i % 2, []).append(x[i])
    return sum(sum(bucket) ** 2 for bucket in buckets.values())


@CASES(M3, 3, wrap="loop branch")
def rows_swapped_and_replaced(a, n):
    rows = [[a[i, j] for j in range(n)] for i in range(n)]
    rows[0], rows[1] = rows[1], rows[0]
    rows[2] = [v * v for v in rows[0]]
    rows[2][1] = rows[0][0] * rows[1][2]
    return sum(sum(row) * (i + 1) for i, row in enumerate(rows))


@CASES(X4, 4, wrap="loop branch")
def stack_of_copies(x, n):
    stack = [[x[0]]]
    for i in range(1, n):
        top = list(stack[-1])
        top.append(x[i] * top[-1])
        stack.append(top)
    s = 0.0
    while stack:
        s = 0.5 * s + sum(stack.pop())
    return s


@CASES([X4, Y4])
def copy_with_another_item(xs):
    ys = list(xs)
    ys[1] = ys[1] * xs[0]
    return np.sum(ys[1] * xs[1]) + np.sum(ys[0] ** 3)


@CASES([X4, Y4], wrap="branch callee")
def both_lists_change(xs):
    ys = xs.copy()
    for i in range(3):
        ys[i % 2] = ys[i % 2] * xs[1]
        xs[1] = np.sin(ys[0])
    return np.sum(ys[0] * ys[1]) + np.sum(xs[0] * xs[1])


@CASES([X4, Y4], wrap="branch callee")
def list_made_anew_in_each_trip(xs):
    for _ in range(3):
        ys = [np.tanh(x) for x in xs]
        ys[0] = ys[0] * ys[1]
        xs, ys = ys, xs
    return np.sum(xs[0] * xs[1] * ys[0])


@CASES([X4, Y4], wrap="branch callee")
def item_of_another_shape(xs):
    ys = xs
    ys[0] = np.concatenate([xs[0], xs[1]])
    return np.sum(xs[0] ** 2) + np.sum(ys[0][-4:] * xs[0][:4])


@CASES([X4, Y4], wrap="branch callee")
def item_that_nobody_reads(xs):
    xs[0] = np.ones(4)
    return np.sum(xs[0] * xs[1])


@CASES(M3, np.array([0.3, 0.5, -0.2]))
def replaced_before_it_is_read(a, x):
    xs = []
    for i in range(3):
        xs.append(a @ x * (i + 1))
    last = xs.pop()
    xs[0] = x * last
    xs.pop()
    return np.sum(xs[0] * x)


@CASES([X4, Y4], wrap="branch callee")
def list_twice_in_a_sum(xs):
    ys = xs + xs
    ys[3] = ys[2] * xs[0]
    return np.sum(ys[0] * ys[1] * ys[3])


@CASES([X4, Y4], wrap="branch callee")
def replaced_then_added_to(xs):
    xs[0] = xs[0] * 2
    for x in xs:
        x += np.sin(x)
    return np.sum(xs[0] * xs[1])


test_lists_of_lists = CASES.test()
