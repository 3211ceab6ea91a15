"""Gradients through checkpointed loops and calls: those of the same program without the marks, for many n and slots."""

import copy
import os

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import AliasError, UnsupportedError
from tests.checkpoint.buffers import program
from tests.checkpoint.marking import marked, unmarked
from tests.programs import oracle
from tests.programs.generator import seeded
from tests.support import check, load

HEAD = "import numpy as np\nfrom srcgrad import checkpoint, checkpointed\n"

# f(x, w, n, k): an array of 4, a number, the number of trips, the slots
LOOPS = {
    "new_arrays": """
def f(x, w, n, k):
    for i in checkpointed(range(n), slots=k):
        x = np.sin(x) * w + 0.1 * i
    return np.sum(x * x)
""",
    "numbers_and_arrays": """
def f(x, w, n, k):
    s = w
    for i in checkpointed(range(n), slots=k):
        s = np.sin(s * x[i % 4])
        x = x * s
    return s + x.sum()
""",
    "in_place": """
def f(x, w, n, k):
    u = x * 2
    for _ in checkpointed(range(n), slots=k):
        u[1:-1] += w * np.sin(u[:-2]) * u[2:]
        u[0] *= u[-1]
    return (u * u).sum()
""",
    "in_place_in_an_argument": """
def f(x, w, n, k):
    for i in checkpointed(range(n), slots=k):
        x[i % 4] = np.tanh(w * x[i % 4 - 1] + x[i % 4])
    return (x * x).sum()
""",
    "views": """
def f(x, w, n, k):
    u = x * w
    left, right = u[:-1], u[1:]
    for i in checkpointed(range(n), slots=k):
        left *= np.cos(right)
        row = u[1:3]
        row += left[:2] ** 2
    return (u ** 3).sum() + right.sum()
""",
    "buffers_that_swap": """
def f(x, w, n, k):
    a, b = x.copy(), np.zeros_like(x)
    for _ in checkpointed(range(n), slots=k):
        b[1:] = np.tanh(w * a[:-1]) + 0.1 * a[1:]
        b[0] = a[0] * a[1]
        a, b = b, a
    return (a * b).sum()
""",
    "a_new_buffer_each_trip": """
def f(x, w, n, k):
    for _ in checkpointed(range(n), slots=k):
        new = np.zeros_like(x)
        new[1:-1] = np.sin(x[:-2] + w * x[2:])
        new[0] = x[-1]
        x = new
    return (x * x).sum()
""",
    "a_buffer_that_sometimes_stays": """
def f(x, w, n, k):
    best = x * w
    best[0] += 1.0
    y = x
    for i in checkpointed(range(n), slots=k):
        y = np.sin(y) * w
        if i % 3 == 1:
            best = y.copy()
            best[1] *= y[2]
        y = y + 0.1 * best
    return (best * y).sum()
""",
    "a_buffer_of_some_trips_that_is_read_behind": """
def f(x, w, n, k):
    best = x.copy()
    best[0] += 1.0
    other = best
    y = x
    for i in checkpointed(range(n), slots=k):
        y = np.sin(y) * w
        if i % 4 == 1:
            other = y * x
            best = other[::-1]
            best[1] *= y[2]
        if i % 3 == 2:
            continue
        y[0] *= w
    best[0] *= 2.0
    return (best * y).sum() + other[0]
""",
    "names_that_change_over_to_an_older_buffer": """
def f(x, w, n, k):
    a, c = x * 1.0, np.zeros_like(x)
    s = np.sin(w + a[1])
    b = c * 0.9
    for i in checkpointed(range(n), slots=k):
        a *= w
        if c[0] > 0.1:
            a[0] = s
        else:
            b = a
        b[2] = s
        c = a[::-1]
        s = np.sin(s + b[3])
    a *= w
    return (a * x).sum() + (b * b).sum() + np.sin(c).sum() + s
""",
    "buffers_used_behind_the_loop": """
def f(x, w, n, k):
    new = x.copy()
    for _ in checkpointed(range(n), slots=k):
        new = np.zeros_like(x)
        new[:2] = w * x[:2]
        view = new[1:]
        view *= x[1:]
        x = np.cos(x) + new
    new *= 2
    return (x * new).sum()
""",
    "matrix_rows": """
def f(x, w, n, k):
    m = np.zeros((n + 1, 4))
    m[0] = x
    for i in checkpointed(range(n), slots=k):
        m[i + 1] = np.sin(m[i] * w) + m[i, ::-1]
    return (m * m).sum()
""",
    "growing_list": """
def f(x, w, n, k):
    xs = [x.sum()]
    for i in checkpointed(range(n), slots=k):
        xs.append(np.sin(xs[-1] * w) + xs[0])
    y = 0.0
    for v in xs:
        y = y + v * v
    return y
""",
    "list_of_arrays": """
def f(x, w, n, k):
    xs = []
    y = x
    for i in checkpointed(range(n), slots=k):
        y = y * np.cos(w * y)
        xs.append(y)
    s = w
    for v in xs:
        s = s + np.sum(v * x)
    return s
""",
    "list_that_is_overwritten": """
def f(x, w, n, k):
    xs = [w * i for i in range(n)]
    for i in checkpointed(range(n), slots=k):
        xs[i] = np.sin(xs[i - 1] * x[i % 4]) + xs[0]
    s = 0.0
    for v in xs:
        s = s + v * v
    return s + w
""",
    "list_that_shrinks": """
def f(x, w, n, k):
    xs = [x[i % 4] * w for i in range(n)]
    s = w
    for i in checkpointed(range(n), slots=k):
        s = np.sin(s) * xs.pop()
    return s
""",
    "range_with_a_step": """
def f(x, w, n, k):
    for i in checkpointed(range(3, 3 + 2 * n, 2), slots=k):
        x = np.sin(x * w) + 0.01 * i
    return x.sum()
""",
    "backwards": """
def f(x, w, n, k):
    for i in checkpointed(reversed(range(n)), slots=k):
        x = np.sin(x * w) + 0.1 * i
    return x.sum()
""",
    "over_an_array": """
def f(x, w, n, k):
    s = w
    for v in checkpointed(np.concatenate([x, x])[:n], slots=k):
        s = np.sin(s + v) * v
    return s
""",
    "enumerate_and_zip": """
def f(x, w, n, k):
    s = w
    both = np.concatenate([x, x])
    for i, (u, v) in checkpointed(enumerate(zip(both[:n], both[::-1])), slots=k):
        s = np.cos(s * u) + v * i
    return s
""",
    "branches": """
def f(x, w, n, k):
    for i in checkpointed(range(n), slots=k):
        if x[i % 4] > 0.2:
            x = x * w
        elif i % 2:
            x = np.sin(x)
        else:
            x = x + w * w
    return (x * x).sum()
""",
    "continue": """
def f(x, w, n, k):
    s = w
    for i in checkpointed(range(n), slots=k):
        s = s + np.sin(x[i % 4])
        if i % 2:
            if s > 0.1:
                s = s * 0.5
                continue
            s = s * w
        x = x * s
    return s + x.sum()
""",
    "break": """
def f(x, w, n, k):
    s = w
    for i in checkpointed(range(n), slots=k):
        s = s * 1.3 + 0.1
        if i > 1:
            x = x * s
            if s > 1.0:
                s = s * s
                break
        x = np.sin(x)
    return s + x.sum()
""",
    "early_return": """
def g(x, w, n, k):
    for i in checkpointed(range(1, n + 1), slots=k):
        x = x * w + np.sin(x)
        if x[0] > 1.0:
            return x * x * i
    return x

def f(x, w, n, k):
    return g(x, w, n, k).sum() * w
""",
    "while_": """
def f(x, w, n, k):
    i = 0
    while checkpointed(i < n and x.sum() < 40.0, slots=k):
        x = x + np.sin(w * x)
        i += 1
    return (x * x).sum() * i
""",
    "while_true": """
def f(x, w, n, k):
    i = 0
    while checkpointed(True, slots=k):
        if i >= n:
            break
        x = np.cos(x * w)
        i += 1
        if i == 2:
            continue
        x = x * x
    return x.sum()
""",
    "while_in_place": """
def f(x, w, n, k):
    u = x.copy()
    total = 0.0
    while checkpointed(total < 0.7 * n, slots=k):
        u[1:] = np.tanh(u[:-1] + w) * u[1:]
        total += 0.5 + 0.1 * np.sin(u[0])
    return (u * u).sum() + total
""",
    "loop_inside": """
def f(x, w, n, k):
    for i in checkpointed(range(n), slots=k):
        for j in range(3):
            x = np.sin(x * w)
            if x[j] > 0.4:
                break
        x[0] += w
        for v in x:
            w = w + 0.01 * v * v
    return x.sum() * w
""",
    "inside_a_loop": """
def f(x, w, n, k):
    for m in range(3):
        y = x * w
        y[0] *= 2
        for i in checkpointed(range(n + m), slots=k):
            y = np.sin(y) * x
        x = x + y
        w = w * np.sum(y)
    return x.sum() + w
""",
    "nested": """
def f(x, w, n, k):
    u = x * 2
    for i in checkpointed(range(n), slots=k):
        for j in checkpointed(range(i), slots=2):
            u[j % 4] *= np.sin(w * u[j % 4 - 1])
            w = w + 0.01 * j
        u = np.cos(u)
        u[1] += w
    return (u * u).sum() * w
""",
    "one_after_the_other": """
def f(x, w, n, k):
    y = x
    for i in checkpointed(range(n), slots=k):
        y = np.sin(y) * w
    y[0] += 1.0
    for i in checkpointed(range(n), slots=2):
        y = np.cos(y) * x
    return (y * y).sum()
""",
    "written_behind_the_loop": """
def f(x, w, n, k):
    p = x * w
    y = x
    for i in checkpointed(range(n), slots=k):
        y = np.sin(y * p)
    y = y * p[0]
    p *= 2
    p[0] = y[1]
    return (y * p).sum()
""",
    "read_ahead_of_the_loop": """
def f(x, w, n, k):
    u = np.sin(x * w)
    s = u * u
    for i in checkpointed(range(n), slots=k):
        u *= s
        s = s * 0.9 + u
        w = w * 1.1
    return (u * s).sum() * w
""",
    "shape_is_state": """
def f(x, w, n, k):
    y = x
    for i in checkpointed(range(n), slots=k):
        y = np.sin(np.concatenate([y, y[:1] * w]))
    return (y * y).sum()
""",
    "set_in_the_loop_first": """
def f(x, w, n, k):
    for i in checkpointed(range(n + 1), slots=k):
        if i > 0:
            x = x * last
        last = np.cos(x * w)
    return (x * last).sum()
""",
    "made_in_the_first_trip": """
def f(x, w, n, k):
    for i in checkpointed(range(n + 1), slots=k):
        if i == 0:
            sums = np.zeros_like(x)
        sums[i % 4] += x[0] * w + sums[0]
        x = np.sin(x) + sums[1]
    return x.sum() + (sums * sums).sum()
""",
    "the_index_behind_the_loop": """
def f(x, w, n, k):
    i = 3
    x = x * i
    for i in checkpointed(range(n), slots=k):
        x = np.sin(x) * w
        i = i + 1
    return x.sum() * i
""",
    "counted_from_the_end": """
def f(x, w, n, k):
    for j in checkpointed(range(2 * n, 0, -2), slots=k):
        x = np.sin(x) * w + 0.01 * j
        for i in range(j):
            w = w * 1.01
    for i in checkpointed(range(n - 9, n - 3), slots=k):
        x = x * np.cos(w * i)
    return x.sum()
""",
    "calls_that_write": """
def smooth(u, w):
    u[1:-1] += w * (u[2:] - u[:-2])
    u[0] = np.sin(u[1])

def f(x, w, n, k):
    u = x + w
    for i in checkpointed(range(n), slots=k):
        smooth(u, w)
        smooth(u[::-1], 0.5)
    return (u * u).sum()
""",
    "recursion": """
def power(x, n):
    return 1.0 if n == 0 else x * power(x, n - 1)

def f(x, w, n, k):
    for i in checkpointed(range(n), slots=k):
        w = np.sin(power(w, i % 3 + 1)) + x[i % 4]
    return w
""",
    "inside_a_recursive_function": """
def rec(x, w, n, k):
    if n == 0:
        return x * w
    u, z = x.copy(), x * w
    for i in checkpointed(range(n), slots=k):
        u[1:] *= np.sin(u[:-1] * w)
        z = z + u
        if z[0] > 3:
            break
    return rec(x, w, n - 2 if n > 2 else 0, k) * z

def f(x, w, n, k):
    return rec(x, w, n, k).sum()
""",
    "linear_algebra": """
def f(x, w, n, k):
    A = np.eye(4) + 0.1 * np.outer(x, x)
    for i in checkpointed(range(n), slots=k):
        x = np.tanh(np.linalg.solve(A, x) * w)
        A = A + 0.01 * np.outer(x, x)
    return x.sum() + np.linalg.det(A)
""",
    "nothing_is_carried": """
def f(x, w, n, k):
    m = np.zeros((8, 4))
    for i in checkpointed(range(n), slots=k):
        m[i] = np.sin(x * i) * w
    s = 0.0
    for i in checkpointed(range(0, 4, 2), slots=k):
        t = x[i] * w
        if t > 9:
            break
    return (m * m).sum() + t
""",
    "masks": """
def f(x, w, n, k):
    u = x.copy()
    for i in checkpointed(range(n), slots=k):
        u[u > 0.47] *= w
        u = np.where(u > 0, np.sin(u), u * w) + 0.13
    return u.sum()
""",
}  # fmt: skip

X = np.array([0.3, -0.5, 0.9, 0.4])
N_AND_SLOTS = [(0, 1), (1, 1), (1, 3), (2, 1), (2, 2), (5, 1), (5, 2), (7, 2), (7, 3), (8, 100), (8, None)]


def same(a, b):
    np.testing.assert_equal(type(a), type(b))
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def both(f, args):
    value, grads = srcgrad.value_and_grad(f, argnums=(0, 1))(*copy.deepcopy(args))
    same(grads[0], srcgrad.grad(f, argnums=(0, 1))(*copy.deepcopy(args))[0])
    return value, *grads


@pytest.mark.parametrize("name", LOOPS)
def test_loops(name):
    text = HEAD + LOOPS[name]
    f, plain = load(text), load(unmarked(text))
    for n, slots in N_AND_SLOTS:
        args = (X.copy(), 0.8, n, slots)
        expected = both(plain, args)
        assert expected[0] == plain(*copy.deepcopy(args)) == f(*copy.deepcopy(args))
        for got, want in zip(both(f, args), expected, strict=True):
            same(got, want)


@pytest.mark.parametrize("name", LOOPS)
def test_loops_against_differences(name):
    f = load(HEAD + LOOPS[name])
    check(f, X.copy(), 0.8, 6, 2, argnums=(0, 1))


CALLS = {
    "layers": """
@checkpoint
def layer(x, w):
    h = np.tanh(x * w)
    return h * h + x

def f(x, w):
    for i in range(5):
        x = layer(x, w)
    return x.sum() + layer(x, x).sum()
""",
    "in_place": """
@checkpoint
def step(u, i, w):
    if u[i] > 0.5:
        return w
    u[i] = np.sin(u[i - 1]) * w
    u[0] *= u[i]
    return w * u[0]

def f(x, w):
    u = x * 2
    for i in range(4):
        w = step(u, i, w)
    step(u[::-1], 1, w)
    return (u * u).sum() * w
""",
    "structures": """
@checkpoint
def step(state, p):
    a, b = state["a"], state["b"]
    return {"a": np.sin(a * p[0]) + b, "b": np.cos(a) * p[1]}, a.sum()

def f(x, w):
    state, total = {"a": x, "b": w * x}, 0.0
    for i in range(4):
        state, s = step(state, (w, x))
        total = total + s * s
    return total + state["b"].sum()
""",
    "loops_inside": """
@checkpoint
def inner(x, w):
    for i in range(6):
        x = np.sin(x) * w
        if x[0] > 0.7:
            return x
    return x * x

@checkpoint
def outer(x, w):
    y = inner(x, w)
    y[0] *= 2
    for i in checkpointed(range(3), slots=2):
        y = inner(y * x, w)
    return y

def f(x, w):
    for i in checkpointed(range(4), slots=2):
        x = outer(x, w) + 0.1
    return x.sum()
""",
    "a_function_that_is_inside": """
def f(x, w):
    @checkpoint
    def layer(y, k):
        t = np.sin(y * w) * k
        return t * t, k + 1.0

    k = 1.0
    for _ in range(3):
        x, k = layer(x, k)
    g = checkpoint(lambda t: np.cos(t) * t)
    return x.sum() * k + g(w)
""",
    "a_method": """
class Model:
    def __init__(self, scale):
        self.scale = scale

    @checkpoint
    def __call__(self, x, w):
        h = self.inner(self.scale * x)
        return np.tanh(h) * w

    @staticmethod
    @checkpoint
    def inner(x):
        return np.cos(x) * np.sin(x)

model = Model(0.7)

def f(x, w):
    return (model(model(x, w), w) * Model.inner(x)).sum()
""",
    "recursion": """
@checkpoint
def power(x, n):
    if n == 0:
        return np.ones_like(x)
    y = power(x, n // 2)
    return y * y * x if n % 2 else y * y

def f(x, w):
    return (power(np.sin(x), 5) * w).sum()
""",
    "new_buffers": """
@checkpoint
def step(x, w):
    new = np.zeros_like(x)
    new[1:] = np.sin(x[:-1]) * w
    new[0] = x[-1]
    return new

def f(x, w):
    a = x
    for _ in range(4):
        a = step(a, w)
        a[1] *= 2
    return (a * x).sum()
""",
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_calls(name):
    text = HEAD + CALLS[name]
    f, plain = load(text), load(unmarked(text))
    args = (X.copy(), 0.8)
    expected = both(plain, args)
    assert expected[0] == f(*copy.deepcopy(args))
    for got, want in zip(both(f, args), expected, strict=True):
        same(got, want)
    check(f, *args, argnums=(0, 1))


def test_a_pullback_may_be_called_again():
    text = HEAD + LOOPS["in_place"].replace("return (u * u).sum()", "return u * w")
    f, plain = load(text), load(unmarked(text))
    pullbacks = [srcgrad.vjp(g, X, 0.8, 5, 2)[1] for g in (f, plain)]
    for weights in (np.ones(4), np.arange(4.0), np.ones(4)):
        got, want = (pullback(weights) for pullback in pullbacks)
        for a, b in zip(got[:2], want[:2], strict=True):
            same(a, b)


def test_float32_stays_float32():
    f = load(HEAD + LOOPS["in_place"])
    assert srcgrad.grad(f)(X.astype(np.float32), 0.8, 5, 2).dtype == np.float32


COUNT = int(os.environ.get("SRCGRAD_PROGRAMS", "60"))


def compare_marked(with_marks, without, args):
    """Whether the program could be compared; fails where the gradients differ."""
    try:
        with np.errstate(all="raise", under="ignore"):
            f = load(without)
            f(*copy.deepcopy(args))
            expected = srcgrad.value_and_grad(f, argnums=(0, 1, 2))(*copy.deepcopy(args))
    except Exception:
        return None
    try:
        got = srcgrad.value_and_grad(load(with_marks), argnums=(0, 1, 2))(*copy.deepcopy(args))
    except (AliasError, UnsupportedError):
        return False
    for a, b in zip((got[0], *got[1]), (expected[0], *expected[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9, err_msg=with_marks)
    return True


def test_generated_programs_with_marks():
    """The generated programs of tests/programs, with marks on most of their loops and functions."""
    found = []
    for seed in range(COUNT):
        text = seeded(seed)
        with_marks, count = marked(text, seed)
        if count:
            found.append(compare_marked(with_marks, text, oracle.inputs(seed)))
    assert found.count(True) > COUNT // 2 and found.count(False) <= found.count(True) // 10


def test_generated_programs_over_buffers():
    """Arrays that stand for several buffers in turn, some of them made anew by each trip."""
    found = []
    for seed in range(COUNT):
        text = program(seed)
        found.append(compare_marked(text, unmarked(text), oracle.inputs(seed)))
    assert found.count(True) > COUNT // 2 and found.count(False) <= found.count(True) // 10
