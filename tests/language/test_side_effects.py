"""Functions that overwrite their array arguments and return nothing, called from a loss, at any depth."""

import numpy as np

from tests.support import Cases, check

X4 = np.array([0.7, -0.4, 0.3, 0.9])
Y4 = np.array([-0.2, 0.8, 0.5, -0.6])
X6 = np.array([0.7, -0.4, 0.3, 0.9, -0.6, 0.2])
M34 = np.array([[0.2, -0.5, 0.8, 0.1], [0.6, 0.3, -0.7, 0.4], [-0.9, 0.5, 0.35, 1.1]])

CASES = Cases()


def scale(x, s):
    x *= s


def relax(u, f, h):
    for i in range(1, len(u) - 1):
        u[i] = 0.5 * u[i] + 0.25 * (u[i - 1] + u[i + 1] - h * h * (f[i] + u[i] ** 3))


def clear(x):
    x[:] = 0.0


def set_ends(x, left, right):
    x[0] = left
    x[-1] = right


def swap_contents(a, b):
    t = a.copy()
    a[:] = b
    b[:] = t * a[0]


def guarded(x, s):
    if x[0] < 0:
        return
    for i in range(len(x)):
        x[i] *= s
        if x[i] < 0:
            return
    x += s


def advance(x, s):
    """Writes, and returns something as well."""
    x += s * x
    return np.sum(x * x)


def through_a_view(m, s):
    for i in range(m.shape[0]):
        scale(m[i], s + i)
    scale(m[:, 1], m[0, 0])
    m.T[2] += m[1] if m.shape[0] == m.shape[1] else s


def sweep(u, f, h, n):
    for _ in range(n):
        relax(u, f, h)
        set_ends(u, u[1] * 0.5, h)


def solve(u, f, h):
    sweep(u, f, h, 2)
    scale(u, h)
    sweep(u, f, h * 0.5, 1)


def into(out, x, y):
    out[:] = x * y
    out[0] += x[1]


def fills_list(items, x):
    items.append(x * x)
    items[0] = items[0] * x


def fills_dict(d, x):
    d["sum"] = d["sum"] + x
    d["product"] *= x


def returns_its_argument(x, s):
    x *= s
    return x


def returns_a_view(x):
    return x[1:]


@CASES(X4, 0.8)
def one_call(x, s):
    scale(x, s)
    return np.sum(x * x)


@CASES(X6, X6[::-1].copy(), 0.6)
def called_in_a_loop(u, f, h):
    for _ in range(3):
        relax(u, f, h)
    return np.sum(u * u)


@CASES(X6, X6[::-1].copy(), 0.6)
def at_depth_three(u, f, h):
    solve(u, f, h)
    return np.sum(u * u) + u[2]


@CASES(X4, Y4)
def overwritten_entirely(x, y):
    z = x * y
    clear(x)
    swap_contents(y, z)
    return np.sum(y * z) + np.sum(x)


@CASES(X4, Y4)
def contents_swapped_twice(x, y):
    swap_contents(x, y)
    x *= y
    swap_contents(y, x)
    return np.sum(x * x * y)


@CASES(X4, 0.8)
def early_return_of_the_callee(x, s):
    guarded(x, s)
    guarded(x[1:], s)
    guarded(x[2:], x[0])
    return np.sum(x * x)


@CASES(X4, 0.3)
def writes_and_returns(x, s):
    a = advance(x, s)
    b = advance(x, a * 0.1)
    advance(x, s)
    return a * b + np.sum(x)


@CASES(M34, 0.8)
def views_as_arguments(m, s):
    scale(m[0], s)
    scale(m.T[1], m[0, 0])
    scale(m[1:, ::2], s)
    scale(m.reshape(-1)[2:5], s)
    row = m[2]
    scale(row, row[0])
    set_ends(m[1], s, m[0, 1])
    return np.sum(m * m)


@CASES(M34, 0.8)
def callee_that_takes_views(m, s):
    through_a_view(m, s)
    return np.sum(m * m)


@CASES(X4, Y4)
def output_parameter(x, y):
    out = np.empty(4)
    into(out, x, y)
    total = np.sum(out * x)
    into(out, out, y)
    return total * np.sum(out)


@CASES(X4, Y4)
def output_parameter_in_a_loop(x, y):
    out = np.zeros_like(x)
    total = 0.0
    for i in range(3):
        into(out, x, y)
        total = total + out[i] * out[0]
        into(x, out, out)
    return total + np.sum(x)


@CASES(X4, 0.8)
def constant_array_made_active(x, s):
    a = np.ones(4)
    scale(a, x[0])
    scale(a[1:], s)
    b = np.zeros((2, 4))
    into(b[1], x, a)
    return np.sum(a * x) + np.sum(b * b)


@CASES(0.7, -0.4)
def containers_as_arguments(x, s):
    items = [s]
    fills_list(items, x)
    fills_list(items, items[1])
    d = {"sum": s, "product": 1.0}
    for _ in range(3):
        fills_dict(d, x)
    return sum(items) * items[0] + d["sum"] * d["product"]


@CASES(X4, 0.8)
def result_is_the_argument(x, s):
    y = returns_its_argument(x, s)
    y[0] *= 3
    z = returns_its_argument(x * 1.0, x[1])
    z += y
    return np.sum(x * x) + np.sum(z * y)


@CASES(X4, 0.8)
def result_is_a_view_of_the_argument(x, s):
    v = returns_a_view(x)
    v *= s
    returns_a_view(v)[0] = x[0] * s
    return np.sum(x * x)


@CASES(X4, 0.8)
def only_some_calls_are_active(x, s):
    a = np.arange(4.0)
    scale(a, 2.0)
    scale(x, 2.0)
    b = a * s
    scale(b, 0.5)
    scale(a, 0.0)
    return np.sum(b * x) + np.sum(a)


@CASES(X4, 0.8)
def call_in_a_branch_and_after_a_jump(x, s):
    for i in range(4):
        if x[i] < 0:
            scale(x, -s)
            continue
        scale(x[i:], s)
        if i == 2:
            clear(x[:1])
            break
        scale(x[:i], x[3])
    return np.sum(x * x)


@CASES(X4, 0.8)
def predicate_reads_what_the_call_writes(x, s):
    if np.sum(x) > 0:
        scale(x, -s)
    if np.sum(x) < 0:
        scale(x, x[0])
    while np.sum(x * x) < 4:
        scale(x, 1.0 + s)
    return np.sum(x * x * x)


@CASES(X4, 0.8)
def local_function_that_writes_a_captured_array(x, s):
    y = x * 1.0
    log = []

    def push(i, by):
        y[i] += by * y[i]
        log.append(by)

    for i in range(3):
        push(i, s * x[i])
    push(0, y[1])
    return np.sum(y * y) * sum(log)


@CASES(X4, 0.8)
def writer_passed_as_an_argument(x, s):
    def repeat(f, n):
        for _ in range(n):
            f(x, s)

    repeat(scale, 2)
    repeat(guarded, 1)
    return np.sum(x * x)


def quick(x, n):
    """Recursion that writes: each level scales a shorter view."""
    if n == 0:
        return
    x *= x[0]
    quick(x[1:], n - 1)
    x[-1] += x[0]


@CASES(X4)
def recursion_that_writes(x):
    quick(x, 3)
    return np.sum(x * x)


def cholesky(A):
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[j, :j]
            A[i, j] /= A[j, j]
        A[i, i] -= A[i, :i] @ A[i, :i]
        A[i, i] = np.sqrt(A[i, i])


def forward_substitution(L, b):
    for i in range(len(b)):
        b[i] -= L[i, :i] @ b[:i]
        b[i] /= L[i, i]


@CASES(np.array([[4.0, 0.5, 0.3], [0.5, 3.0, -0.2], [0.3, -0.2, 5.0]]), np.array([0.7, -0.4, 0.3]))
def solver_in_place(A, b):
    cholesky(A)
    forward_substitution(A, b)
    return b @ b + 2 * np.sum(np.log(np.diag(A)))


test_side_effects = CASES.test()


class Simulation:
    """Constants of the module: its arrays are not written by the programs."""

    def __init__(self, h):
        self.h = h

    def kick(self, p, v):
        v -= self.h * np.sin(p)

    def drift(self, p, v):
        p += self.h * v

    def step(self, p, v):
        self.kick(p, v)
        self.drift(p, v)


def test_methods_that_write_their_arguments():
    simulation = Simulation(0.1)

    def f(p, v):
        for _ in range(3):
            simulation.step(p, v)
        return np.sum(p * v)

    check(f, X4, Y4)


def test_the_differentiated_function_returns_what_a_callee_wrote():
    def f(x):
        out = np.zeros(1)
        into(out, x[:1], x[1:3][:1]) if False else scale(x, 2.0)
        out[0] = x[0] * x[1]
        scale(out, x[2])
        return out

    check(f, X4)


def test_callee_shared_by_two_gradients():
    def f(x):
        scale(x, 3.0)
        return np.sum(x * x)

    def g(x, s):
        scale(x, s)
        scale(x, x[0])
        return np.sum(x)

    check(f, X4)
    check(g, X4, 0.5)
    check(f, X4)
    check(g, M34[0].copy(), 0.5, argnums=1)
