"""Writes in place: every form, through every kind of view and alias."""

import numpy as np
import pytest

from srcgrad import grad, value_and_grad
from tests.support import Cases, check

X4 = np.array([0.7, -0.4, 0.3, 0.9])
Y4 = np.array([-0.2, 0.8, 0.5, -0.6])
P4 = np.array([0.7, 1.4, 0.3, 0.9])
M34 = np.array([[0.2, -0.5, 0.8, 0.1], [0.6, 0.3, -0.7, 0.4], [-0.9, 0.5, 0.35, 1.1]])
M33 = M34[:, :3].copy()

CASES = Cases()


# -- stores ----------------------------------------------------------------------------------------------------------


@CASES(X4, Y4, 0.8)
def stores_of_elements_and_slices(x, y, s):
    x[0] = s * s
    x[1] = x[0] * y[1]
    x[-1] = np.sin(x[1])
    x[1:3] = y[:2] * x[2:]
    x[::3] = s
    x[:] = x * x + y
    x[...] = np.sin(x)
    return np.sum(x * y)


@CASES(M34, Y4, 0.8)
def stores_into_matrices(m, y, s):
    m[0] = y * s
    m[:, 1] = m[:, 2] * y[:3]
    m[1, 2] = m[2, 1] * s
    m[1:, :2] = m[:2, 2:] * y[1]
    m[2, ...] = y
    m[..., 3] = s
    m[0][2] = m[1, 1] * s
    return np.sum(m * m)


@CASES(X4, Y4, 0.8)
def augmented_stores(x, y, s):
    x[0] += s * x[1]
    x[1] *= x[1]
    x[2] -= x[2] * y[0]
    x[3] /= x[0] + 2
    x[1:] += y[:-1] * x[:-1]
    x[:2] *= s
    x[2:] **= 2
    x[::2] -= x[1::2]
    x[...] /= s
    return np.sum(x ** 2 * y)


@CASES(X4, Y4, 0.8)
def augmented_arrays_and_floats(x, y, s):
    x += y
    x *= x
    x -= s * y
    x /= 2 + y
    x **= 2
    s *= s
    s += x[0]
    y = y + 1
    y += x
    return np.sum(x * y) * s


@CASES(X4)
def mask_stores(x):
    x[x > 0.5] = 0.1
    x[x < 0] *= x[x < 0]
    keep = x > 0.2
    x[keep] += x[keep] * 2
    x[~keep] = x[0] * 3
    return np.sum(x * x)


@CASES(M34, 0.8, wrap="branch")
def mask_stores_of_matrices(m, s):
    m[m < 0] = s
    m[m > 0.72] **= 2
    m[:, m[0] > 0.5] *= 3
    m[np.array([True, False, True])] += m[1]
    return np.sum(m * m)


@CASES(X4, Y4)
def stores_at_integer_arrays(x, y):
    order = np.array([2, 0, 3])
    x[order] = y[:3] * x[1:]
    x[[1, 3]] *= 2.0
    x[order] += x[[0, 1, 2]]
    return np.sum(x * x)


@CASES(X4)
def value_reads_what_is_written(x):
    x[1:] = x[:-1] * 2 + x[1:] * x[0]
    x[::-1] = x * x[0]
    x[1] = x[1] * x[1] * x[0]
    x[:] = x[::-1] * x
    x[:2] = x[2:] + x[1]
    return np.sum(x * x)


@CASES(X4)
def element_swaps(x):
    x[0], x[1] = x[1], x[0] * x[2]
    x[[2, 3]] = x[[3, 2]]
    for i in range(3):
        x[i], x[i + 1] = x[i + 1], x[i] * 0.5
    return np.sum(x * np.arange(1, 5))


@CASES(M34)
def row_swaps(m):
    m[[0, 2]] = m[[2, 0]]
    row = m[0].copy()
    m[0] = m[1] * row
    m[1] = row
    return np.sum(m[0] * m[1] * m[2])


@CASES(X4)
def index_written_by_the_loop(x):
    i = 0
    while i < 3:
        x[i] *= x[i + 1]
        i += 1
        x[i] += x[0] * 0.5
    return np.sum(x * x)


# -- views -----------------------------------------------------------------------------------------------------------


@CASES(M34, 0.8)
def row_views(m, s):
    row = m[1]
    row *= s
    row[0] = row[1] * row[2]
    row[1:] += m[0, 1:]
    other = m[-1]
    other[:] = row * other
    return np.sum(m * m) + np.sum(row)


@CASES(M34, 0.8)
def transposed_views(m, s):
    m.T[1] *= s
    t = m.T
    t[0, 1:] = t[2, :2] * s
    t += m[0, 0] * t
    u = np.transpose(m)
    u[3] = t[0]
    m.transpose()[2] -= 1.0
    m.swapaxes(0, 1)[1] *= 2
    return np.sum(m * m)


@CASES(M34, 0.8)
def reshaped_views(m, s):
    flat = m.reshape(-1)
    flat[5] = s * flat[0]
    m.reshape(4, 3)[1] *= flat[1]
    m.ravel()[2] += s
    r = m.ravel()
    r[::2] *= r[1::2]
    np.reshape(m, (2, 6))[1, 1:3] = s
    return np.sum(m * m) + flat[2]


@CASES(X4, 0.8)
def strided_views(x, s):
    even, odd = x[::2], x[1::2]
    even *= s
    odd += even
    back = x[::-1]
    back[0] *= 3
    back[1:] += x[1:]
    x[1:3][0] = s * s
    x[1:][1:][0] *= x[0]
    return np.sum(x * x)


@CASES(X4, 0.8)
def views_with_new_axes(x, s):
    column = x[:, None]
    column *= s
    column[1:3, 0] += x[0]
    x[None][0, 2] *= 3
    y = np.expand_dims(x, 0)
    y[0, 1] = x[3] * s
    np.squeeze(y)[0] *= 2
    return np.sum(x * x)


@CASES(M34, 0.8)
def views_of_views(m, s):
    block = m[1:]
    row = block[0]
    part = row[1:3]
    part *= s
    row[0] += part[1] * block[1, 1]
    block.T[2] = part[0] * s
    m[1, 2] += 1.0
    return np.sum(m * m) + np.sum(part * row[:2]) + block[0, 2]


@CASES(M34)
def views_in_a_loop(m):
    for i in range(3):
        row = m[i]
        for j in range(3):
            cell = row[j:j + 2]
            cell *= row[0] + 1
            row[j] += cell[1] ** 2
        row /= np.sum(row * row) + 1
    return np.sum(m * m)


@CASES(M34, 0.5)
def rows_of_iteration_are_views(m, s):
    for row in m:
        row *= s
        row[0] += row[1] * row[1]
    for i, column in enumerate(m.T):
        column[i % 3] *= 2
    for a, b in zip(m, m[1:], strict=False):
        b += a * s
    return np.sum(m * m)


@CASES(M34)
def unpacked_rows_are_views(m):
    a, b, c = m
    a *= b
    c[0] = a[1]
    first, *rest = m
    rest[1] += first
    return np.sum(m * m)


@CASES(M33, 0.3)
def diagonal_by_index(m, s):
    for i in range(3):
        m[i, i] += s
        m[i] /= m[i, i]
    return np.sum(m * m)


# -- aliases ---------------------------------------------------------------------------------------------------------


@CASES(X4, 0.8)
def alias_changes_the_original(x, s):
    a = x * s
    b = a
    b += 1
    b[0] = s
    c = b
    c *= a
    return np.sum(a * a)


@CASES(X4, 0.8)
def alias_of_a_parameter(x, s):
    y = x
    y[1] = s * s
    y *= s
    z = x[:]
    z[2] += x[1]
    return np.sum(x * x)


@CASES(X4, Y4)
def alias_chosen_by_a_branch(x, y):
    a = x * 2
    b = y * 3
    c = a if a[0] > b[0] else b
    c *= a
    if x[0] > 0:
        d = b
    else:
        d = a
    d[1] = c[2] * d[0]
    return np.sum(a * b) + np.sum(c * d)


@CASES(X4, Y4)
def aliases_that_rotate(x, y):
    old, new = x * 1.0, y * 1.0
    for i in range(3):
        new[1:] = old[:-1] * new[1:] + 0.1 * i
        new[0] += old[-1]
        old, new = new, old
    return np.sum(old * old) + np.sum(new)


@CASES(X4)
def rebinding_ends_an_alias(x):
    a = x * 2
    b = a
    a = a * a
    a[0] = 5.0
    b[1] = 7.0
    b = b + 1
    b[2] *= a[1]
    return np.sum(a * b) + np.sum(x * a)


@CASES(X4)
def previous_state_kept_by_name(x):
    state = x
    for _ in range(3):
        prev = state
        state = state * 1.0
        state[1:] += prev[:-1] * prev[1:]
        state[0] -= prev[-1]
    return np.sum(state * prev)


@CASES(X4)
def copies_are_not_aliases(x):
    a = x.copy()
    b = np.array(x)
    c = x[:] * 1
    d = np.copy(x)
    a[0] = 1.0
    b *= 2
    c[1] += x[0]
    d.fill(0.5)
    e = x[[0, 1, 2, 3]]
    e *= 3
    g = x[x > -9]
    g[0] = 8.0
    return np.sum(a * b * c * d) + np.sum(x * e * g)


@CASES(X4)
def asarray_is_an_alias(x):
    a = np.asarray(x)
    a[0] *= 2.0
    b = np.asarray(x, dtype=float)
    b[1] *= x[0]
    return np.sum(x * x)


@CASES(X4)
def element_is_not_an_alias(x):
    s = x[0]
    s += x[1]
    t = s
    t *= 2
    x[0] = t * s
    return np.sum(x * x) * s


# -- functions that write --------------------------------------------------------------------------------------------


@CASES(X4, Y4)
def add_at(x, y):
    out = np.zeros(3)
    index = np.array([0, 2, 2, 1])
    np.add.at(out, index, x * y)
    np.subtract.at(out, [0, 0], x[:2])
    np.add.at(out, 1, y[0])
    np.add.at(out, index, 0.5)
    return np.sum(out * out)


@CASES(M34)
def add_at_of_matrices(m):
    out = np.zeros((2, 3))
    np.add.at(out, (np.array([0, 1, 1, 0]), np.array([2, 0, 0, 2])), m[0] * m[1])
    np.add.at(out, [0, 1, 1], m[:, :3])
    return np.sum(out ** 2)


@CASES(P4, Y4)
def out_keyword(x, y):
    a = np.empty(4)
    np.multiply(x, y, out=a)
    np.add(a, x, out=a)
    np.sqrt(x, out=x)
    np.exp(a, out=a)
    b = np.zeros((2, 4))
    np.sin(x, out=b[1])
    np.subtract(a, b[1], b[0])
    return np.sum(a * x) + np.sum(b * b)


@CASES(X4, 0.8)
def fill_method(x, s):
    a = np.empty(4)
    a.fill(s * s)
    x[1:3].fill(a[0] * x[0])
    b = np.empty(2)
    b.fill(3.0)
    return np.sum(a * x) * b[0]


@CASES(X4)
def sort_method(x):
    y = x * 2
    y.sort()
    x.sort()
    x[1:][::-1].sort()
    return np.sum(x * y * np.arange(4))


@CASES(M34)
def sort_of_matrices(m):
    m.sort(axis=0)
    m[1].sort()
    return np.sum(m * np.arange(12).reshape(3, 4) * m)


@CASES(X4, Y4)
def copyto(x, y):
    a = np.zeros(4)
    np.copyto(a, x * y)
    np.copyto(x[:2], a[2:])
    np.copyto(a, 0.5)
    b = np.zeros((2, 4))
    np.copyto(b, y)
    return np.sum(a * x) + np.sum(b * b * x)


# -- lists, dicts, objects -------------------------------------------------------------------------------------------


@CASES(0.7, -0.4)
def list_methods(x, s):
    items = [x]
    items.append(s * x)
    items.extend([x * x, s])
    items.insert(1, s * s)
    items.insert(0, 2.0)
    last = items.pop()
    first = items.pop(0)
    items[0] = items[1] * last
    items[-1] += x
    items += [x * s]
    items[1:2] = [s, x]
    items.reverse()
    return sum(v * (i + 1) for i, v in enumerate(items)) * items[2] + first


@CASES(0.7)
def list_in_a_loop(x):
    history = [x]
    for i in range(4):
        history.append(history[-1] * x + history[i // 2])
        if i == 2:
            history[0] = history.pop() * 2
        history[i // 2] *= 0.5
    return sum(history) * history[1] + history[-1] * len(history)


@CASES(X4)
def list_of_arrays(x):
    rows = []
    for i in range(3):
        rows.append(np.sin(x * (i + 1)))
    rows[1] = rows[0] * rows[2]
    total = np.zeros(4)
    for row in rows:
        total = total + row * rows[-1]
    return np.sum(total * rows.pop())


@CASES(0.7)
def list_aliases(x):
    a = [x, x * x]
    b = a
    b.append(3 * x)
    b[0] = a[1] * a[2]
    c = list(a)
    c[0] = 100.0
    d = a[:]
    d.append(x)
    e = a + [x]
    return a[0] * a[2] + sum(b) + c[1] + len(d) + e[3]


@CASES(0.7, -0.4)
def dict_writes(x, s):
    d = {"a": x}
    d["b"] = s * x
    d["a"] *= d["b"]
    d["a"] = d["a"] + s
    d.update({"c": x, "b": s})
    d.setdefault("e", x * x)
    total = d.get("c", 0.0) * d.get("zz", s) + d.pop("e")
    for key in d:
        d[key] = d[key] * 2
    return total + sum(d.values()) * d["a"]


@CASES(X4)
def dict_of_arrays(x):
    state = {"p": x * 1.0, "v": np.zeros(4)}
    for _ in range(3):
        state["v"] = state["v"] - 0.1 * state["p"]
        state["p"] = state["p"] + state["v"] * state["p"][0]
    return np.sum(state["p"] * state["v"])


@CASES(X4)
def dict_with_computed_keys(x):
    memo = {}
    for i in range(4):
        memo[i] = x[i] * (memo[i - 1] if i - 1 in memo else 1.0)
        memo[i, "square"] = memo[i] ** 2
    return memo[3] + memo[2, "square"] * len(memo)


class State:
    def __init__(self, p, v):
        self.p = p
        self.v = v
        self.count = 0

    def step(self, h):
        self.v = self.v - h * np.sin(self.p)
        self.p += h * self.v
        self.count += 1


@CASES(0.7, -0.4)
def attribute_writes(x, s):
    state = State(x, s)
    state.p = state.p * s
    state.v += x
    other = state
    other.p *= 2
    return state.p * state.v + state.count


@CASES(0.7, -0.4)
def methods_that_write_attributes(x, s):
    state = State(x, s)
    for _ in range(3):
        state.step(0.1 * x)
    return state.p * state.v * state.count


@CASES(X4)
def attributes_that_are_arrays(x):
    state = State(x * 1.0, np.zeros(4))
    for i in range(3):
        state.step(0.3)
        state.p[i] *= x[0]
    return np.sum(state.p * state.v)



@CASES(np.array([[0.3, 0.5, -0.2], [1.0, -0.7, 0.4], [0.2, 0.8, -0.6]]))
def columns_swapped_and_scaled(a):
    a[:, [0, 2]] = a[:, [2, 0]]
    a[[1, 2]] *= a[[2, 0]]
    return np.sum(a * a * a[0])


test_inplace = CASES.test()


# -- the caller's arguments ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda: np.arange(12.0).reshape(3, 4)[:, ::2][::-1],
    lambda: np.asfortranarray(np.arange(6.0).reshape(3, 2)),
    lambda: np.arange(6.0).reshape(2, 3).T,
    lambda: np.broadcast_to(np.array([0.5, 1.5]), (3, 2)),
], ids=["strided", "fortran", "transposed", "read-only"])
def test_arguments_of_any_layout_are_left_alone(make):
    def f(x):
        x[1:] *= x[:-1] + 0.1
        x += 0.5
        x[0, 1] = x[1, 0] * x[0, 0]
        return np.sum(x * x)

    def reads_only(x):
        y = x * x
        y[1:] *= x[:-1]
        return np.sum(y)

    check(reads_only, make())
    if make().flags.writeable:
        check(f, make())


def test_written_containers_are_left_alone():
    def f(items, d, state):
        items[0] *= 2.0
        items.append(items[0] * 3)
        d["a"][1] = items[1] * 2
        d["b"] = d["a"][0]
        state[0][0] *= d["b"]
        return items[-1] * np.sum(d["a"]) + np.sum(state[0])

    check(f, [0.7, 0.4], {"a": X4.copy(), "b": 0.3}, (Y4.copy(), 2))


def test_gradient_is_not_an_alias_of_the_argument_or_of_the_next_gradient():
    def f(x):
        x *= 2.0
        return np.sum(x)

    g = grad(f)
    x = X4.copy()
    first = g(x)
    first[:] = 100.0
    second = g(x)
    np.testing.assert_array_equal(second, np.full(4, 2.0))
    np.testing.assert_array_equal(x, X4)
    value, third = value_and_grad(lambda x: x[:1])(x)
    third[:] = 7.0
    value[:] = 9.0
    np.testing.assert_array_equal(x, X4)


def test_gradients_of_two_arguments_do_not_share_memory():
    def f(x, y):
        return np.sum(x + y)

    d_x, d_y = grad(f, argnums=(0, 1))(X4, Y4)
    assert not np.shares_memory(d_x, d_y)

    def assigned(x, y):
        x[:] = y
        z = x
        return np.sum(z * z) + np.sum(y)

    d_x, d_y = grad(assigned, argnums=(0, 1))(X4, Y4)
    assert not np.shares_memory(d_x, d_y)
    np.testing.assert_allclose(d_y, 2 * Y4 + 1)
    np.testing.assert_array_equal(d_x, 0)
