"""Statements: assignments of every form, branches, loops of every form, jumps, and the small ones."""

import math

import numpy as np
import pytest

from srcgrad import grad, value_and_grad
from tests.support import Cases, check

X4 = np.array([0.7, -0.4, 0.3, 0.9])
P4 = np.array([0.7, 1.4, 0.3, 0.9])
M34 = np.array([[0.2, -0.5, 0.8, 0.1], [0.6, 0.3, -0.7, 0.4], [-0.9, 0.5, 0.35, 1.1]])
SCALE = 1.7

CASES = Cases()


# -- assignment ------------------------------------------------------------------------------------------------------


@CASES(0.7, -0.4)
def several_targets(x, s):
    a = b = c = x * s
    a = a + b
    return a * b * c


@CASES(0.7, -0.4)
def tuple_unpacking(x, s):
    a, b = x, s
    a, b = b * 2, a * b
    (c, d), e = (a, b), a * b
    [p, q] = [c * d, e]
    return p * q + a


@CASES(X4)
def nested_unpacking_with_star(x):
    a, (b, *c), *d = x[0], (x[1], x[2], x[3] * x[0]), x[1] * 2, x[2]
    first, *middle, last = [v * v for v in x]
    *start, end = d
    return a * b + sum(c) * d[0] + first * last + sum(middle) * end + len(start)


@CASES(X4)
def unpacking_an_array(x):
    a, b, c, d = x
    (e, f), (g, h) = x.reshape(2, 2)
    first, *others = x * x
    return a * b - c * d + e * h + f * g + first * others[1]


@CASES(X4)
def targets_that_are_elements(x):
    y = np.zeros(4)
    y[0], y[1] = x[1] * x[2], x[0]
    y[2], s = s_and_more(x)
    items = [0.0, 0.0]
    items[0], (items[1], t) = s, (y[0] * s, y[1])
    return np.sum(y * y) + items[0] * items[1] * t


def s_and_more(x):
    return x[0] * x[3], np.sum(x * x)


@CASES(0.7, -0.4)
def swaps(x, s):
    a, b, c = x * s, x, s
    a, b, c = c, a, b
    b, a = a, b
    return a * a * b + np.sin(c) * b


@CASES(0.7)
def annotated_assignment(x):
    y: float = x * x
    z: "float"  # noqa: UP037
    z = y * 2
    return z * y


@CASES(1.7, 0.4)
def augmented_assignment_of_floats(x, s):
    y = x
    y += s
    y -= x * s
    y *= x
    y /= s
    y **= 2
    y %= 7.0
    z = x * 5
    z //= 2
    return y * x + z * s


@CASES(P4, 0.4)
def augmented_assignment_of_arrays(x, s):
    y = x * 1.0
    y += s
    y -= x * s
    y *= x
    y /= s + x
    y **= 2
    return np.sum(y * x)


@CASES(M34)
def augmented_matmul(m):
    a = m @ m.T
    a @= a
    return np.sum(a * a)


@CASES(0.7)
def evaluation_order_of_assignment(x):
    y = [x, x * x, 3.0]
    i = 0
    i, y[i] = 2, x * 5
    y[i], i = x * x, 1
    return y[0] * y[2] + y[i]


# -- branches --------------------------------------------------------------------------------------------------------


@CASES(X4)
def if_elif_else(x):
    total = 0.0
    for v in x:
        if v > 0.8:
            total = total + v * v
        elif v > 0.5:
            total = total * v
        elif v < 0:
            total = total - np.sin(v)
        else:
            total = np.cos(total) * v
    return total


@CASES(0.7, 0.4)
def nested_branches(x, s):
    y = x
    if x > 0:
        if s > 1:
            y = y * s
        else:
            z = y * x
            if z < 1:
                y = z * s
    else:
        y = y * 100
    if y != x:
        y = y + s * y
    return y * x


@CASES(0.7)
def branches_that_do_nothing(x):
    if x > 0:
        pass
    else:
        x = x * 5
    if x > 100:
        x = 0.0
    if True:
        x = x * x
    if 0:
        x = 7.0
    return x


@CASES(X4)
def variable_of_one_branch_only(x):
    if x[0] > 0:
        y = x * x
        z = y[0]
    else:
        z = 3.0
    if x[0] > 0:
        z = z * np.sum(y)
    return z


# -- for -------------------------------------------------------------------------------------------------------------


@CASES(X4)
def range_with_any_step(x):
    s = 1.0
    for i in range(4):
        s = s * x[i] + 1
    for i in range(1, 4):
        s = s * x[i] + 1
    for i in range(3, -1, -1):
        s = s + x[i] * s
    for i in range(0, 4, 3):
        s = s * np.sin(x[i]) + x[i]
    for i in range(3, 0, -2):
        s = s * x[i] + x[i - 1]
    for i in reversed(range(1, 4)):
        s = s * 0.5 + x[i] * x[i]
    return s


@CASES(X4)
def range_with_a_step_known_at_run_time(x):
    s = 1.0
    for step in (1, 2, -1, -3):
        first, last = (0, 4) if step > 0 else (3, -1)
        for i in range(first, last, step):
            s = s * 0.8 + x[i] * x[i] * s
    return s


@CASES(X4)
def enumerate_with_start(x):
    s = 1.0
    for i, v in enumerate(x):
        s = s + v * i * s
    for k, v in enumerate(x, 2):
        s = s + v * v * k
    for k, (a, b) in enumerate(zip(x, x[1:], strict=False), start=1):
        s = s * 0.5 + a * b * k
    return s


@CASES(X4, P4)
def zip_of_everything(x, y):
    s = 1.0
    for a, b in zip(x, y, strict=True):
        s = s * 0.5 + a * b
    for a, b, i in zip(x[1:], [y[0], y[1], y[2]], range(10), strict=False):
        s = s * 0.5 + a * b * i
    for pair in zip(x, reversed(y), strict=True):
        s = s + pair[0] * pair[1] * s
    return s


@CASES(X4)
def reversed_sequences(x):
    s = 1.0
    items = [v * v for v in x]
    for v in reversed(x):
        s = s * 0.5 + v
    for v in reversed(items):
        s = s * v + v
    for i, v in reversed(list(enumerate(x))):
        s = s + i * v
    return s


@CASES(M34)
def rows_of_an_array(m):
    total = 0.0
    for row in m:
        for v in row:
            total = total * 0.9 + v * v
        total = total + np.sum(row * row) * row[0]
    for column in m.T:
        total = total + column[0] * column[2]
    return total


@CASES(X4)
def lists_and_tuples(x):
    total = 1.0
    for v in [x[0], x[1] * x[2], 3.0]:
        total = total * 0.5 + v
    for a, b in ((x[0], x[1]), (x[2], x[3])):
        total = total + a * b * total
    for name in ("sin", "cos"):
        total = total + (np.sin(x[0]) if name == "sin" else np.cos(x[1]))
    return total


@CASES({"a": 0.7, "b": -0.4, "c": 0.9})
def dict_iteration(d):
    total = 0.0
    for key in d:
        total = total * 0.5 + d[key] ** 2
    for key in d.keys():
        total = total + (d[key] if key > "a" else 2 * d[key])
    for value in d.values():
        total = total * value + value
    for key, value in d.items():
        total = total + value * d[key] * (1 if key == "b" else 3)
    return total


@CASES(X4)
def for_else(x):
    s = 1.0
    for v in x:
        s = s * 0.5 + v
        if s > 100:
            break
    else:
        s = s * x[0]
    for v in x:
        s = s + v * s
        if v < 0:
            break
    else:
        s = s * 1000
    return s


@CASES(X4)
def search_with_else_in_a_loop(x):
    total = 1.0
    for i in range(4):
        for j in range(4):
            if x[j] > x[i]:
                total = total + x[j] * x[i]
                break
        else:
            total = total * x[i]
    return total


@CASES(X4)
def sequence_rebound_while_iterated(x):
    s = 0.0
    y = x * x
    for v in y:
        s = s + v * np.sum(y)
        y = y * 0.5
    return s


@CASES(X4)
def array_written_while_iterated(x):
    s = 1.0
    for i, v in enumerate(x):
        s = s + v * v
        if i < 3:
            x[i + 1] += 0.5 * s
    return s


# -- while -----------------------------------------------------------------------------------------------------------


@CASES(0.7)
def while_loop(x):
    y = x
    n = 0
    while y < 3 and n < 10:
        y = y * 1.4 + 0.1 * x
        n += 1
    return y * n + x


@CASES(0.7)
def while_else(x):
    y = x
    while y < 3:
        y = y * 1.4
        if y > 100:
            break
    else:
        y = y * x
    while True:
        y = y * 0.8
        if y < 1:
            break
    else:
        y = y * 1000
    return y * x


@CASES(X4)
def while_with_jumps(x):
    i = -1
    s = 1.0
    while True:
        i += 1
        if i >= 4:
            break
        if x[i] < 0:
            continue
        s = s * x[i] + 1
    return s


@CASES(X4)
def while_over_a_list(x):
    stack = [v for v in x]
    s = 1.0
    while stack:
        v = stack.pop()
        s = s * 0.5 + v * v
        if v > 0.8:
            stack.append(v * 0.5)
            stack.append(v * s * 0.3)
    return s


# -- jumps -----------------------------------------------------------------------------------------------------------


@CASES(X4)
def break_in_nested_loops(x):
    s = 1.0
    for i in range(4):
        for j in range(4):
            if j > i:
                break
            s = s * 0.9 + x[i] * x[j]
            if s > 2.5:
                s = s * 0.5
                break
        if s < 0.2:
            break
        s = s + x[i]
    return s


@CASES(X4, wrap="callee")
def return_anywhere(x):
    if x[0] < 0:
        return np.sum(x)
    s = 1.0
    for i in range(4):
        for j in range(i):
            s = s + x[i] * x[j]
            if s > 1.4:
                return s * x[j]
        s = s * 1.1
    if s < 0:
        return s
    else:
        return s * s


@CASES(X4, wrap="callee")
def return_from_while(x):
    s = x[0]
    while True:
        s = s * 1.5
        for v in x:
            s = s + 0.1 * v
            if s > 3:
                return s * v
    return 0.0


@CASES(X4, wrap="callee")
def code_after_return(x):
    return np.sum(x * x)
    x = x * 5
    return x


# -- the small ones --------------------------------------------------------------------------------------------------


@CASES(X4)
def asserts_and_guards(x):
    """A docstring."""
    assert x.ndim == 1
    assert np.sum(x) < 100, f"too large: {np.sum(x)}"
    if x[0] > 50:
        raise ValueError("x is out of range")
    y = x * x
    if not np.all(np.isfinite(y)):
        raise ArithmeticError
    return np.sum(y)


@CASES(X4)
def deletes(x):
    y = x * x
    z = y * x
    del y
    items = [z, x]
    del items[0]
    d = {"a": 1.0, "b": x[0]}
    del d["a"]
    a, b = x[1], x[2]
    del a, b
    return np.sum(z * items[0]) * d["b"]


@CASES(X4)
def imports_inside(x):
    import math as m

    import numpy
    from numpy import cos, sin
    from numpy.linalg import norm
    return numpy.sum(sin(x) * cos(x)) * m.exp(x[0]) + norm(x)


@CASES(X4)
def global_reads(x):
    return np.sum(x * SCALE) * math.pi * SCALE


@CASES(X4)
def global_statement(x):
    global SCALE
    return np.sum(x * x) * SCALE


@CASES(P4)
def errstate(x):
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(x)
        y = y / x
    with np.errstate(all="raise"), np.errstate(over="ignore"):
        z = np.sum(y * x)
    return z * y[0]


@CASES(X4)
def docstrings_and_expressions(x):
    """Docstring."""
    "a string in passing"
    x.shape  # noqa: B018
    ...
    np.sum(x)
    return np.sum(x * x)


@CASES(0.7)
def nested_definitions(x):
    def square(t):
        """A docstring of its own."""
        return t * t

    def shifted(t, by=x):
        return square(t + by)

    return shifted(x) * square(x) + shifted(1.0)


@CASES(0.7)
def closures_bind_late(x):
    s = x

    def scaled(t):
        return t * s

    a = scaled(x)
    s = x * x
    b = scaled(x)
    s = 3.0
    return a * b * scaled(x)


@CASES(X4)
def closures_of_a_loop_variable(x):
    functions = []
    for i in range(3):
        functions.append(lambda t: t * x[i])  # noqa: B023
    total = 0.0
    for f in functions:
        total = total + f(x[0])
    for i in range(3):
        def here(t, j=i):
            return t * x[j]
        total = total + here(x[1])
    return total


@CASES(X4)
def closure_over_an_array_that_is_written(x):
    y = x * 1.0

    def energy():
        return np.sum(y * y)

    def push(k, v):
        y[k] += v * y[k]

    a = energy()
    push(1, x[0])
    b = energy()
    push(0, b)
    return a * b + energy()


test_statements = CASES.test()


# -- on their own ----------------------------------------------------------------------------------------------------


def test_print_is_kept_once(capsys):
    def f(x):
        print("start", x.shape)
        y = x * x
        for i in range(2):
            y = np.sin(y)
            print(f"trip {i}", float(np.sum(y)) > 0, end="!\n")
        return np.sum(y)

    f(X4)
    primal = capsys.readouterr().out
    assert primal.count("\n") == 3
    grad(f)(X4)
    assert capsys.readouterr().out == primal
    value_and_grad(f)(X4)
    assert capsys.readouterr().out == primal


def test_print_in_a_callee_is_kept_once(capsys):
    def noisy(t):
        print("called")
        return t * t * t

    def f(x):
        total = 0.0
        for _ in range(3):
            total = total + noisy(x)
            x = x * 1.1
        return total

    f(0.7)
    primal = capsys.readouterr().out
    grad(f)(0.7)
    assert capsys.readouterr().out == primal


def test_print_to_a_stream(capsys):
    def f(x):
        import sys
        print("warning", file=sys.stderr)
        return x * x

    assert grad(f)(3.0) == 6.0
    assert capsys.readouterr().err == "warning\n"


def test_guards_raise_the_users_errors():
    def f(x):
        if x < 0:
            raise ValueError(f"negative: {x}")
        assert x < 10, "too large"
        return math.sqrt(x)

    check(f, 4.0)
    with pytest.raises(ValueError, match="negative: -1.0"):
        grad(f)(-1.0)
    with pytest.raises(AssertionError, match="too large"):
        grad(f)(11.0)


def test_raise_at_the_end_of_a_search():
    def f(x):
        for v in x:
            if v > 0.8:
                return v * v
        raise LookupError("none found")

    check(f, X4)
    with pytest.raises(LookupError, match="none found"):
        grad(f)(0.1 * X4)


def test_nan_guard_does_not_change_the_error_state():
    def f(x):
        with np.errstate(divide="ignore"):
            return np.sum(np.log(x))

    state = np.geterr()
    with np.errstate(divide="raise"):
        grad(f)(P4)
    assert np.geterr() == state


def test_function_without_dependence_on_its_argument():
    def constant(x):
        return 3.0

    def through_integers(x):
        return float(int(x))

    assert grad(constant)(2.0) == 0.0
    assert grad(through_integers)(2.5) == 0.0
    np.testing.assert_array_equal(grad(constant)(X4), np.zeros(4))


def test_identity_returns_its_argument():
    def f(x):
        return x

    assert grad(f)(2.0) == 1.0
    np.testing.assert_array_equal(grad(f)(np.array([2.0])), [1.0])


def test_unused_code_is_not_executed_in_the_reverse_sweep_only():
    def f(x):
        log = []
        for i in range(3):
            x = x * x
            log.append(i)
        assert log == [0, 1, 2]
        return x

    check(f, 0.9)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_jump_at_every_depth(depth):
    from tests.support import load

    body = "s = s * 1.1 + x\n" + "if s > 4:\n    {jump}\n" + "s = s + 0.2 * x * s\n"
    for jump in ("break", "continue", "return s * x"):
        lines = ["def f(x):", "    s = x"]
        for level in range(depth):
            pad = "    " * (level + 1)
            lines.append(f"{pad}for i{level} in range(3):")
        pad = "    " * (depth + 1)
        lines += [pad + line for line in body.format(jump=jump).splitlines()]
        for level in reversed(range(depth - 1)):
            lines.append("    " * (level + 2) + "s = s * 0.9 + 0.1 * x")
        lines += ["    return s * s + x", ""]
        check(load("\n".join(lines)), 0.7)
