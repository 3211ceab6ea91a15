"""The traps: programs on which a source transformation was wrong at some time, or would be (numbers: the trial's)."""

import math

import numpy as np
import pytest

from srcgrad import grad, value_and_grad, vjp
from srcgrad.errors import SrcgradError
from tests.support import check, check_or_refused, compare, load

X4 = np.array([0.7, -0.4, 0.3, 0.9])
Y4 = np.array([-0.2, 0.8, 0.5, -0.6])
P4 = np.array([0.7, 1.4, 0.3, 0.9])
M34 = np.array([[0.2, -0.5, 0.8, 0.1], [0.6, 0.3, -0.7, 0.4], [-0.9, 0.5, 0.35, 1.1]])


# -- trap 1 ----------------------------------------------------------------------------------------------------------


def test_binding_of_a_view_merged_with_a_later_contribution():
    def f(x):
        v = x[1:]
        x[2] = 3 * x[0]
        return np.sum(v * v)

    def after_both(x):
        v = x[1:]
        x[2] = 3 * x[0]
        w = v * v
        v[0] = w[1] * w[2]
        return np.sum(v * w) + x[1]

    check(f, X4)
    check(after_both, X4)


# -- trap 2 ----------------------------------------------------------------------------------------------------------


def test_adjoint_of_a_stored_value_is_a_view_that_is_zeroed_next():
    def whole(x, a):
        x[1:] = a
        return np.sum(x * x)

    def used_twice(x, a):
        x[1:] = a
        return np.sum(x * x) + np.sum(a * a * a)

    def twice_stored(x, a):
        x[1:] = a
        x[:3] = a
        return np.sum(x * np.sin(x))

    def through_name(x, a):
        b = a
        x[1:] = b
        return np.sum(x ** 3) * b[0]

    for f in (whole, used_twice, twice_stored, through_name):
        check(f, X4, Y4[:3].copy())


# -- trap 3 ----------------------------------------------------------------------------------------------------------


def test_part_of_a_variable_feeds_the_variable():
    def element(a):
        a = a * a[2]
        return np.sum(np.sin(a))

    def slices(a):
        a = a[1:] * a[:-1]
        a = a + a[0] * a[::-1]
        return np.sum(a * a)

    def in_loop(a):
        for i in range(3):
            a = a * a[i] + a[-1]
        return np.sum(a)

    for f in (element, slices, in_loop):
        check(f, X4)


# -- traps 4 and 5 ---------------------------------------------------------------------------------------------------


def test_store_whose_rule_reads_both_result_and_old_values():
    def shifted(x, s):
        x[1:] = np.tanh(x[:-1] * s)
        return np.sum(x * x)

    def repeated(x, s):
        for _ in range(3):
            x[1:] = np.tanh(x[:-1] * s) + np.exp(x[1:] * 0.1)
        return np.sum(x * x)

    def same_slot(x, s):
        x[:] = np.exp(x * s)
        x[1:3] = np.sqrt(x[1:3] + x[0:2])
        return np.sum(x)

    for f in (shifted, repeated, same_slot):
        check(f, X4, 0.8)


def test_store_of_a_product_of_overlapping_slices_then_reuse():
    def f(x):
        x[1:] = x[:-1] * x[1:]
        return np.sum(x * x) + x[1] * x[2]

    def again(x):
        x[1:] = x[:-1] * x[1:]
        y = x * x
        x[1:] = x[:-1] * x[1:]
        return np.sum(x * y)

    check(f, X4)
    check(again, X4)


# -- trap 6 ----------------------------------------------------------------------------------------------------------


def test_two_contributions_one_lazy_one_full():
    def normalised(w, c):
        w = w / w.sum()
        return np.sum(w * c)

    def in_loop(w, c):
        for _ in range(3):
            w = np.exp(w) / np.sum(np.exp(w)) + w.mean() * c
        return np.sum(w * c)

    def mean_and_max(w, c):
        w = (w - w.mean()) / (w.max() - w.min())
        return np.sum(w ** 2 * c)

    for f in (normalised, in_loop, mean_and_max):
        check(f, P4, Y4)


# -- trap 7 ----------------------------------------------------------------------------------------------------------


def test_augmented_assignment_of_a_recorded_array():
    def f(a, x):
        r = np.exp(a)
        a[:] = 5
        r *= a
        a *= x
        return np.sum(r * a)

    def result_kept(a, x):
        r = np.exp(a)
        q = r * r
        r *= x
        return np.sum(q * r)

    def rebinding_printed_as_product(a, x):
        r = a * x
        for _ in range(3):
            r *= x
            r = np.sin(r) + r
        return np.sum(r)

    for f_ in (f, result_kept, rebinding_printed_as_product):
        check(f_, X4, Y4)


# -- trap 8 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0.2, 0.9, 1.7])
def test_two_breaks_in_different_branches_then_outer_use(start):
    def f(x):
        y = x
        z = 1.0
        for k in range(5):
            if k % 2 == 0:
                y = y * 1.4
                if y > 2.5:
                    break
                z = z + y * x
            else:
                z = z * x
                if z > 2.0:
                    break
                y = y + np.sin(z)
            z = z + 0.1 * y
        return y * z + np.sin(y)

    def nested(x):
        total = 0.0
        for i in range(3):
            y = x * (i + 1)
            for j in range(4):
                if j > 1:
                    if y > 2:
                        y = y * x
                        break
                    y = y + x
                if y > 4:
                    y = np.sqrt(y)
                    break
                y = y * 1.5
            total = total + y * y
        return total

    check(f, start)
    check(nested, start)


# -- trap 9 ----------------------------------------------------------------------------------------------------------


def test_branch_that_sets_only_a_key_read_by_the_reverse():
    def f(x):
        d = {"x": x, "z": x * x}
        total = 0.0
        for i in range(4):
            if i % 2:
                k = "z"
            else:
                k = "x"
            total = total + d[k] * d[k] * (i + 1)
        return total

    def index(x):
        total = 0.0
        for i in range(4):
            if x[i] > 0:
                k = 0
            else:
                k = i
            total += x[k] * x[k] * x[3 - k]
        return total

    check(f, 0.7)
    check(index, X4)


# -- trap 10 ---------------------------------------------------------------------------------------------------------


def test_value_of_the_trip_before_read_ahead_of_its_definition():
    def f(x):
        s = 1.0
        for i in range(4):
            if i > 0:
                s = s * last  # noqa: F821
            last = np.sin(x[i]) + s
        return s * last

    def added(x):
        s = 0.0
        for i in range(4):
            if i > 0:
                s += last * x[i]  # noqa: F821
            last = x[i] * x[i]  # noqa: F841
        return s

    check(f, X4)
    check(added, X4)


# -- trap 11 ---------------------------------------------------------------------------------------------------------


def test_recording_a_value_before_it_exists():
    def first_set_in_loop(x):
        s = 1.0
        for i in range(3):
            k = i + 1
            y = x[k] * s
            s = s + y * y
        return s * y

    def first_set_in_branch(x):
        total = 0.0
        for i in range(4):
            if i == 1:
                k = 2
            if i >= 1:
                total = total + x[k] * x[k] * total + x[i]
                k = k + 1 if k < 3 else 0
        return total

    check(first_set_in_loop, X4)
    check(first_set_in_branch, X4)


# -- trap 12 ---------------------------------------------------------------------------------------------------------


def test_rotation_of_names_around_stores():
    def swap(a, b):
        for i in range(3):
            a, b = b, a
            b[0] = a[1] * b[0] * 0.5 + a[i]
        return np.sum(a * b) + a[0]

    def double_buffer(a, b):
        new = np.zeros_like(a)
        for _ in range(3):
            new[1:-1] = 0.5 * a[:-2] * a[2:] + b[1:-1]
            a, new = new, a
        return np.sum(a * a) + np.sum(new * b)

    def three(a, b):
        c = a * b
        for i in range(4):
            a, b, c = b, c, a
            a[i] *= b[i]
            c[0] = a[1] * c[0]
        return np.sum(a) + np.sum(b * b) - np.sum(c)

    for f in (swap, double_buffer, three):
        check(f, X4, Y4)


# -- traps 13 and 14 -------------------------------------------------------------------------------------------------


def test_view_outlives_its_block():
    def f(x):
        for i in range(3):
            row = x[i:i + 1]
            row *= x[0]
        row *= 3
        return np.sum(x * x)

    def branch(x, s):
        if s > 0:
            v = x[1:3]
        else:
            v = x[:2]
        v *= s
        return np.sum(x * x * x)

    def rows(m):
        for i in range(3):
            row = m[i]
            row[1:] += row[:-1] * m[0, 0]
        row *= row[0]
        return np.sum(m * m)

    check(f, X4)
    check(branch, X4, 0.6)
    check(branch, X4, -0.6)
    check(rows, M34)


def test_base_rebound_after_a_view_of_it():
    def once(x, s):
        a = x * s
        v = a[1:3]
        v *= s
        b = a * a
        a = np.tanh(b)
        v += 1.0
        return np.sum(a) + np.sum(v * v)

    def in_loop(x, s):
        a = x * 1.0
        for _ in range(3):
            v = a[1:3]
            v *= s
            a[0] += v[1] * v[0]
            a = np.tanh(a)
        return np.sum(a * a)

    check(once, X4, 0.8)
    check(in_loop, X4, 0.8)


# -- trap 15 ---------------------------------------------------------------------------------------------------------


def test_returned_array_was_written():
    def one(x):
        o = np.zeros(1)
        o[0] = x[0] * x[1]
        o[0] *= x[2]
        return o

    def many(x):
        o = np.zeros(4)
        for i in range(4):
            o[i] = x[i] * x[3 - i]
        o[1] = o[0] * o[2]
        return o

    check(one, X4)
    out, pullback = vjp(many, X4)
    w = np.array([1.0, -2.0, 0.5, 3.0])
    w_before, out_before = w.copy(), out.copy()
    for _ in range(2):
        grads = pullback(w)
        np.testing.assert_array_equal(w, w_before, "the pullback overwrote its argument")
        np.testing.assert_array_equal(out, out_before, "the pullback overwrote the result")
        compare(many, (X4,), (0,), grads, value=lambda x: float(np.sum(many(x) * w)))


# -- trap 16 ---------------------------------------------------------------------------------------------------------


def test_repeated_integer_indices_as_lvalue():
    bins = np.array([0, 2, 2, 1])

    def add(x):
        out = np.zeros(3)
        out[bins] += x
        return np.sum(out * out)

    def store(x):
        out = np.zeros(3)
        out[bins] = x * x
        return np.sum(out * out)

    def scaled(x):
        x[[0, 1, 1]] *= 3.0
        return np.sum(x * x)

    def accumulate(x):
        out = np.zeros(3)
        np.add.at(out, bins, x * x)
        return np.sum(out * out)

    for f in (add, store, scaled):
        check_or_refused(f, X4)
    check(accumulate, X4)


def test_distinct_integer_indices_as_lvalue():
    def f(x):
        out = np.ones(4)
        out[np.array([3, 0, 1])] = x[:3] * x[1:]
        return np.sum(out * out * x)

    check_or_refused(f, X4)


# -- trap 17 ---------------------------------------------------------------------------------------------------------


def test_mask_computed_from_what_the_write_changes():
    def scale(z):
        z[z < 0] *= 0.1
        return np.sum(z * z)

    def flip(z):
        z[z < 0.5] = -z[z < 0.5]
        z[z < 0] *= 3.0
        return np.sum(z * z * z)

    def fill(z):
        y = z * z
        z[y > 0.3] = 2.0
        return np.sum(z * y)

    def named(z):
        small = np.abs(z) < 0.5
        z[small] += 2 * z[small] ** 2
        small = z > 1
        return np.sum(z ** 2) + np.sum(small)

    for f in (scale, flip, fill, named):
        check(f, X4)


# -- trap 18 ---------------------------------------------------------------------------------------------------------


def test_prod_with_zeros_and_rules_that_ignore_axis():
    def one_zero(x):
        return np.prod(x)

    def axis(m):
        return np.sum(np.prod(m, axis=1) * np.array([1.0, 2.0, -1.0]))

    def keepdims(m):
        return np.sum(m / np.sum(m * m, axis=1, keepdims=True) * np.max(m, axis=0))

    def mean(m):
        return np.sum(m.mean(axis=0) ** 2) + np.sum(m.min(axis=1) * m.cumsum(axis=1)[:, 2])

    check_or_refused(one_zero, np.array([0.5, 0.0, 2.0]))
    check_or_refused(one_zero, np.array([0.5, 0.0, 2.0, 0.0]))
    check_or_refused(axis, M34)
    check(keepdims, M34)
    check(mean, M34)
    check(one_zero, P4)


# -- trap 19 ---------------------------------------------------------------------------------------------------------


def test_effects_of_calls_are_not_ignored():
    def out(b):
        c = b * b
        np.sqrt(c, out=c)
        return np.sum(c * b)

    def out_again(b):
        c = np.empty_like(b)
        np.multiply(b, b, out=c)
        np.add(c, b, out=c)
        return np.sum(c * c)

    def copyto(b):
        c = np.ones(4)
        np.copyto(c, b * b)
        return np.sum(c * b)

    def fill(b):
        b.fill(b[0] * b[1])
        return np.sum(b * b)

    def sort(b):
        b.sort()
        return np.sum(b * np.arange(4.0))

    for f in (out, out_again, copyto, fill, sort):
        check(f, P4)


def test_effects_without_a_rule_are_refused_or_right():
    def putmask(b):
        np.putmask(b, b > 0.5, b * b)
        return np.sum(b)

    def place(b):
        np.place(b, b > 0.5, [2.0])
        return np.sum(b * b)

    def put(b):
        np.put(b, [0, 2], 5.0)
        return np.sum(b * b)

    def partition(b):
        b.partition(2)
        return b[0] * 2 + b[3]

    def resize(b):
        c = b * b
        c.itemset(0, 3.0) if hasattr(c, "itemset") else c.put(0, 3.0)
        return np.sum(c)

    for f in (putmask, place, put, partition, resize):
        check_or_refused(f, P4)


# -- trap 20 ---------------------------------------------------------------------------------------------------------


def test_bound_overwritten_in_the_loop():
    def f(x):
        n = 4
        s = 1.0
        for i in range(n):
            n = n - 1
            s = s * x[i] + n
        return s

    def start(x):
        k = 1
        s = x[0]
        for i in range(k, 4, k):
            k = 3
            s = s * x[i] + k
        return s

    check(f, X4)
    check(start, X4)


def test_index_reassigned_in_the_body():
    def f(x):
        s = 1.0
        for i in range(4):
            s = s * np.sin(x[i])
            i = 3 - i
            s = s + x[i] * x[i]
        return s

    check(f, X4)


def test_index_read_after_the_loop_and_reused():
    def after(x):
        s = 0.0
        for i in range(3):
            s = s + x[i] * x[i]
        s = s * x[i]
        for i in range(2):
            s = s * x[i] + x[i + 2]
        return s * x[i]

    def stepped(x):
        s = 1.0
        for i in range(3, -1, -2):
            s = s * x[i]
        for i in range(i, 4):  # noqa: B020
            s = s + x[i] * s
        return s * x[i]

    check(after, X4)
    check(stepped, X4)


# -- trap 21 ---------------------------------------------------------------------------------------------------------


def test_predicate_reads_what_its_branch_overwrites():
    def loop(x):
        y = x[0]
        s = 1.0
        for i in range(4):
            if y > 0:
                y = y - 2 * x[i]
            else:
                y = np.sin(y) + x[i] * y
            s = s * y
        return s + y

    def straight(x):
        y = x[0] * x[1]
        if y < 0:
            y = -y * x[2]
        if y > 0.01:
            y = -y * x[3]
        return y * y

    check(loop, X4)
    check(straight, X4)


# -- trap 22 ---------------------------------------------------------------------------------------------------------


def test_pairwise_update_with_equal_indices():
    def f(x):
        for i in range(4):
            for j in range(4):
                x[i] += 0.1 * x[j] * x[i]
        return np.sum(x)

    def spelt_out(x):
        for i in range(4):
            for j in range(4):
                x[i] = x[i] * x[j] + 0.1 * x[j]
        return np.sum(x * x)

    def powers(m):
        for i in range(3):
            for j in range(3):
                m[i] -= m[j, i] * m[j]
        return np.sum(m * m)

    check(f, X4)
    check(spelt_out, X4)
    check(powers, 0.5 * M34)


# -- trap 23 ---------------------------------------------------------------------------------------------------------

FACTOR = 2.0


def scaled_by_global(x):
    return np.sum(FACTOR * x * x)


def test_global_changed_between_calls(monkeypatch):
    g = grad(scaled_by_global)
    np.testing.assert_allclose(g(X4), 4 * X4)
    monkeypatch.setattr(f"{__name__}.FACTOR", 3.0)
    np.testing.assert_allclose(g(X4), 6 * X4)
    monkeypatch.setattr(f"{__name__}.FACTOR", np.arange(4.0))
    np.testing.assert_allclose(g(X4), 2 * X4 * np.arange(4))


# -- trap 24 ---------------------------------------------------------------------------------------------------------


def test_float32_stays_float32():
    def total(x):
        return np.sum(x)

    def mean(x):
        return np.mean(x)

    def rms(x):
        return np.sqrt(np.mean(x * x)) * 2.0

    def stores(x):
        y = np.zeros_like(x)
        y[1:] = x[:-1] * 3.0
        y[0] = x.sum()
        return np.sum(y * y)

    def branches(x):
        for i in range(3):
            if x[i] > 0:
                x = x * 1.5 + x[i]
        return x.max() + np.linalg.norm(x)

    for f in (total, mean, rms, stores, branches):
        (d_x,) = check(f, X4.astype(np.float32))
        assert d_x.dtype == np.float32


# -- trap 25 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x, expected", [(4.0, 0.25), (0.0, 0.0), (-1.0, 0.0)])
def test_nan_from_the_branch_that_where_did_not_choose(x, expected):
    def one(x):
        return np.sum(np.where(x > 0, np.sqrt(x), 0.0))

    def two(x):
        y = np.sqrt(x)
        return np.sum(np.where(x > 0, y, 0.0))

    def three(x):
        y = np.sqrt(x)
        z = y * 1.0
        keep = x > 0
        return np.sum(np.where(keep, z, x * 0.0))

    def mask(x):
        y = np.sqrt(x)
        keep = x > 0
        return np.sum(y[keep])

    with np.errstate(all="ignore"):
        for f in (one, two, three, mask):
            np.testing.assert_allclose(grad(f)(np.array([x, 4.0])), [expected, 0.25], err_msg=f.__name__)


def test_nan_from_log_division_and_power_that_where_did_not_choose():
    def log(x):
        y = np.log(x)
        return np.sum(np.where(x > 0, y, 0.0))

    def division(x):
        y = 1 / x
        return np.sum(np.where(x != 0, y, 0.0))

    def power(x):
        y = x ** 0.5
        return np.sum(np.where(x > 0, y, 0.0))

    def both(x):
        a = np.log(x)
        b = x * x
        return np.sum(np.where(x > 0, a, b))

    x = np.array([2.0, 0.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(grad(log)(x), [0.5, 0])
        np.testing.assert_allclose(grad(division)(x), [-0.25, 0])
        np.testing.assert_allclose(grad(power)(x), [0.5 / math.sqrt(2), 0])
        np.testing.assert_allclose(grad(both)(x), [0.5, 0])


# -- trap 26 ---------------------------------------------------------------------------------------------------------


def test_users_names_clash_with_generated_ones():
    def f(x, d_out, residuals, d_x, x_tape, result):
        trips = 1.0
        while result < 3:
            result = result * (x + 1.5) + trips
            trips = trips * x
        d_y = x * d_out
        x_old = d_y * residuals
        x = x * x_old + d_x
        return x * x_tape * result + trips + d_y

    def modules(np, taken, d_np):
        total = 0.0
        for i in range(2):
            if np > 0:
                np = np * taken
                total += np * d_np
        return total

    def builtin_names(x, range_, reversed, len):
        sum = 0.0
        for i in range(3):
            sum = sum * x + reversed * len
        return sum * range_

    check(f, 0.7, 1.2, 0.4, -0.3, 0.9, 0.5)
    check(modules, 0.7, 0.6, -0.4)
    check(builtin_names, 0.7, 0.6, -0.4, 0.3)


# -- trap 27 ---------------------------------------------------------------------------------------------------------


def test_pop_whose_value_is_unused():
    def f(x):
        stack = [x * x, x * 3.0]
        stack.append(np.sin(x))
        y = stack.pop()  # noqa: F841
        stack.append(np.cos(x))
        return stack[0] * stack.pop() + stack[-1]

    def bare(x):
        stack = [x, x * x]
        for i in range(3):
            stack.append(stack[-1] * x + i)
            if i == 1:
                stack.pop()
        return sum(stack)

    check(f, 0.7)
    check(bare, 0.7)


# -- trap 28 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [-2, 0, 1, 3])
def test_loops_of_no_trips(n):
    def value_carried(x, n):
        y = x
        for i in range(n):
            y = y * x + np.sin(y)
        return y * x

    def elements(x, n):
        s = 0.5
        for i in range(n):
            s = s * x[i]
            x[i] = np.exp(s)
        return s + np.sum(x * x)

    def empty_list(x, n):
        items = [x * i for i in range(n)]
        total = x
        for item in items:
            total = total * item + item
        return total

    check(value_carried, 0.7, n)
    check(elements, X4, n)
    check(empty_list, 0.7, n)


def test_loop_over_an_array_of_length_zero():
    def f(x, s):
        total = s
        for v in x:
            total = total * v
        return total + np.sum(x)

    (d_x, d_s) = check(f, np.zeros(0), 2.0)
    assert d_x.shape == (0,) and d_s == 1


# -- trap 29 ---------------------------------------------------------------------------------------------------------


def test_variable_assigned_only_in_the_loop_and_used_after_it():
    def f(x):
        for i in range(4):
            v = x[i] * x[i]
        return v * 3

    def both(x):
        s = 1.0
        for i in range(4):
            v = np.sin(x[i]) * s
            s = s + v * v
        return s * v

    def in_branch(x):
        v = x[0]
        for i in range(4):
            if x[i] > 0.5:
                v = x[i] * x[1]
        return v * v

    for f_ in (f, both, in_branch):
        check(f_, X4)


# -- trap 30 ---------------------------------------------------------------------------------------------------------


def test_list_of_arrays_as_parameter_accumulates_by_element():
    def f(ws):
        total = 0.0
        for w in ws:
            total += np.sum(w * w)
        return total + np.sum(ws[0] * ws[1])

    def whole(ws):
        a = ws
        b = ws
        return np.sum(a[0] * b[1]) + np.sum(np.stack(a) * np.stack(b))

    def callee(ws):
        def energy(items):
            return sum(np.sum(item ** 3) for item in items)

        return energy(ws) + energy(ws) * ws[1][0]

    for f_ in (f, whole, callee):
        (d_ws,) = check(f_, [X4, Y4])
        assert len(d_ws) == 2


# -- trap 31 ---------------------------------------------------------------------------------------------------------


def test_shared_adjoint_buffers_and_saved_operands():
    def twice(a):
        b = a + a
        b[1] *= 3.0
        return np.sum(b * a)

    def alias(a):
        b = a
        b[0] = 5.0
        return np.sum(a * b) + b[0] * a[1]

    def copies(a):
        b = a * 1
        c = b
        d = b + 0
        d[0] *= 2
        c[1] = d[0] * b[1]
        return np.sum(b * c * d)

    def saved_operand(a):
        p = a * a
        q = p * a
        a[0] = 5.0
        p *= 2
        return np.sum(q * p * a)

    def plain_shared(a):
        b = a * 2
        c = b
        d = b
        e = c * d
        return np.sum(c * e) + np.sum(d) + np.sum(b * b)

    for f in (twice, alias, copies, saved_operand, plain_shared):
        check(f, X4)


# -- trap 32 ---------------------------------------------------------------------------------------------------------


def test_lazy_scalar_has_the_shape_of_the_product():
    def matvec(m, v):
        return np.sum(m @ v)

    def dot(m, v):
        return np.sum(np.dot(m, v)) + np.mean(m.T @ m)

    def outer(m, v):
        return np.sum(np.outer(v, m[0])) + np.sum(m * v)

    def broadcast(m, v):
        return np.sum(m + v) + np.sum(m[:, None, :] * v)

    for f in (matvec, dot, outer, broadcast):
        check(f, M34, Y4)


# -- trap 33 ---------------------------------------------------------------------------------------------------------


def test_continue_under_nested_ifs():
    def f(x):
        s = 1.0
        for i in range(4):
            if x[i] > 0:
                s = s * 1.5
                if x[i] > 0.5:
                    s = s + x[i] * x[i]
                    if i == 3:
                        continue
                    s = s * x[i]
                else:
                    continue
                s = np.sin(s)
            s = s * x[i] + 2.0
        return s

    def while_loop(x):
        s, i = 1.0, 0
        while i < 6:
            i += 1
            if i % 2:
                if s > 1.5:
                    s = s * 0.3
                    continue
                s = s + x[i % 4]
            s = s * np.cos(x[(i + 1) % 4])
        return s

    check(f, X4)
    check(while_loop, X4)


# -- trap 34 ---------------------------------------------------------------------------------------------------------


def test_constant_array_becomes_active_through_a_view():
    def f(x, s):
        a1 = np.zeros(4)
        m = x * x
        v = a1[1:]
        v += m[1:]
        v *= s
        return np.sum(a1 * a1)

    def scaled(x, s):
        a1 = np.ones(4)
        m = x * x
        v = a1[1:]
        v *= s
        return np.sum(a1 * m)

    def second_view(x, s):
        grid = np.zeros((2, 2))
        flat = grid.reshape(-1)
        row = grid[1]
        flat[2] = x[0] * s
        row *= x[1]
        return np.sum(grid ** 2) + np.sum(grid)

    for f_ in (f, scaled, second_view):
        check(f_, X4, 0.8)


# -- trap 35 ---------------------------------------------------------------------------------------------------------


def blend(a, b):
    for i in range(len(a)):
        a[i] = a[i] * b[i] + 0.5 * b[i]


def damp(a, s):
    a *= s
    a[0] += s * a[1]


def test_helper_called_on_overlapping_views():
    def forward(x):
        blend(x[1:], x[:-1])
        return np.sum(x * x)

    def backward(x):
        blend(x[:-1], x[1:])
        return np.sum(x * x)

    def two_views(x):
        left, right = x[:3], x[1:]
        damp(left, right[0])
        damp(right, left[1])
        blend(left, right)
        return np.sum(x * x * x)

    def rows(m):
        for i in range(2):
            blend(m[i], m[i + 1])
            damp(m[i, 1:3], m[0, 0])
        return np.sum(m * m)

    def one_after_the_other(x):
        damp(x[:3], 0.7)
        damp(x[1:], x[0])
        damp(x[::2], x[1])
        return np.sum(x * x * x)

    for f in (forward, backward, two_views):  # two parameters of one call overlap: may be refused
        check_or_refused(f, X4)
    check(one_after_the_other, X4)
    check(rows, M34)


# -- trap 36 ---------------------------------------------------------------------------------------------------------


def test_restore_through_a_view_while_an_expression_reads_the_base():
    def f(x):
        v = x[1:3]
        t = x[0] * x[1]
        v *= t
        u = x * x
        v += u[1:3] * t
        return np.sum(u * x)

    def in_loop(x):
        s = 0.0
        for i in range(3):
            v = x[i:i + 2]
            s = s + np.sum(x * v[0])
            v *= np.sin(x[::2])
        return s + np.sum(x * x)

    check(f, X4)
    check(in_loop, X4)


# -- trap 37 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("s", [0.5, 1.4, -0.8])
def test_return_in_a_loop_inside_an_if_with_code_after_it(s):
    def f(s, x):
        y = s
        if s > 0:
            for i in range(4):
                y = y * (1 + x[i])
                if y > 1.2:
                    return y * x[i]
                y = y + 0.1 * s
            y = y * s
        y = y * y + x[0]
        return np.sin(y)

    def else_branch(s, x):
        if s > 1:
            s = s * s
        else:
            while s < 2:
                s = s + x[1]
                if s < -0.5:
                    return s * 3
                s = s * 1.1
        for v in x:
            if v < 0:
                return s * v
            s = s + v
        return s

    check(f, s, P4)
    check(else_branch, s, P4)


# -- trap 38 ---------------------------------------------------------------------------------------------------------


def test_same_array_passed_twice_to_a_callee_that_writes():
    def direct(x):
        blend(x, x)
        return np.sum(x * x)

    def by_alias(x):
        y = x
        blend(x, y)
        damp(y, 0.5)
        return np.sum(x * y)

    def scalar_of_it(x):
        damp(x, x[1])
        return np.sum(x * x)

    for f in (direct, by_alias, scalar_of_it):
        check(f, X4)


# -- trap 39 ---------------------------------------------------------------------------------------------------------


def test_store_broadcasts_its_value():
    def row_from_scalar(m, y):
        m[1] = 2 * y[0]
        return np.sum(m * m)

    def all_from_row(m, y):
        m[:] = y
        m[0] *= 3.0
        return np.sum(m * m * m)

    def column(m, y):
        m[:, 1] = y[2]
        m[:, 2:] = y[:3, None] * y[0]
        return np.sum(m ** 2)

    def length_one(m, y):
        m[1:2] = y[:1]
        m[:, 0:1] += y[1:2]
        m[2] *= y[3:4]
        return np.sum(m ** 2)

    def array_of_rank_zero(m, y):
        s = np.sum(y * y)
        m[...] = s
        m[1, :] += y
        m += y
        return np.sum(m ** 2)

    def size_one_to_element(m, y):
        m[0, 0] = y[1]
        m[1, :1] = y[2] * y[1]
        return np.sum(np.sin(m))

    for f in (row_from_scalar, all_from_row, column, length_one, array_of_rank_zero, size_one_to_element):
        check(f, M34, Y4)
    check(all_from_row, M34, np.array([0.7]))
    check(all_from_row, M34[:, :1].copy(), np.array([0.7]))


# -- trap 40 ---------------------------------------------------------------------------------------------------------


def product(a, b):
    return np.sin(a * b) * b


def test_one_callee_with_two_activity_patterns_or_kinds():
    def activity(x, y):
        return np.sum(product(x, 2.0)) + np.sum(product(3.0, y)) + np.sum(product(x, y))

    def kinds(x, y):
        return product(x[0], y[1]) + np.sum(product(x, y[1])) + np.sum(product(x[:, None], y))

    def integers(x, y):
        return np.sum(product(2, x)) + np.sum(product(x, 2)) + np.sum(product(np.arange(4), y))

    for f in (activity, kinds, integers):
        check(f, X4, Y4)


# -- trap 41 ---------------------------------------------------------------------------------------------------------


def test_array_that_grows_in_a_loop():
    def concatenate(x):
        rows = x
        for i in range(3):
            rows = np.concatenate([rows, np.sin(rows[-2:]) * x[i]])
        return np.sum(rows * rows)

    def shrink(x):
        s = 0.0
        while len(x) > 1:
            x = x[1:] * x[:-1]
            s = s + x.sum() / len(x)
        return s + x[0]

    def stacked(x):
        rows = x[None, :]
        for _ in range(2):
            rows = np.concatenate([rows, rows * x])
            x = x + rows.mean(axis=0)
        return np.sum(rows ** 2)

    for f in (concatenate, shrink, stacked):
        check(f, X4)


# -- trap 42 ---------------------------------------------------------------------------------------------------------


def test_function_printed_as_the_user_wrote_it():
    def f(x):
        y = np.concatenate([x, x * x])
        for _ in range(2):
            y = np.tanh(np.concatenate([y, y]) * np.absolute(y[0]))
        return np.sum(y * y)

    g = grad(f)
    check(f, X4)
    assert "np.concatenate" in g.source_for(X4)
    assert "np.concat(" not in g.source_for(X4)


# -- trap 43 ---------------------------------------------------------------------------------------------------------


def test_predicate_operand_written_through_an_alias():
    def view(x, s):
        v = x[1:3]
        if x[2] > 0:
            v *= -s
        else:
            v *= s * s
        return np.sum(x * x * x)

    def name(x, s):
        y = x
        for i in range(3):
            if x[i] > 0.2:
                y -= s * y[i]
            else:
                y[i] += 2 * s * y[1]
        return np.sum(x * y)

    def while_condition(x, s):
        v = x[:2]
        while np.sum(x) < 8:
            v *= 1 + s
            v += 0.5
        return np.sum(x * x)

    for f in (view, name, while_condition):
        check(f, X4, 0.8)
        check(f, X4[::-1].copy(), 0.8)


# -- trap 44 ---------------------------------------------------------------------------------------------------------


def test_view_put_back_from_a_tape_still_reads_its_base():
    def f(x):
        s = 0.0
        v = x[:1]
        for i in range(3):
            s = s + v[0] * v[0]
            x[i] = np.sin(s) * x[i]
            v = x[i:i + 1]
        return s * np.sum(x)

    def picked(x):
        a = x * 2
        b = x * 3
        s = 1.0
        v = a
        for i in range(3):
            v[i] *= s
            s = s + np.sum(v * v)
            v = b if i % 2 == 0 else a
            v[0] *= 0.5
        return s + np.sum(a * b)

    check(f, X4)
    check(picked, X4)


# ====================================================================================================================
# what goes wrong in tools like ours
# ====================================================================================================================


def test_variable_defined_before_and_used_after_a_dynamic_loop():
    def f(x):
        y = np.sin(x)
        z = x * x
        k = 1.0
        while k < 5:
            k = k * (1 + x * x)
            y = y * x
        return y * z + k

    def unused_inside(x):
        y = np.sin(x)
        k = x
        while k < 5:
            k = k * 1.5 + 1
        return y * k

    def returned_from(x):
        y = np.sin(x)
        for _ in range(10):
            if x > 3:
                return y * x
            x = x * 1.5
        return y + x

    for f_ in (f, unused_inside, returned_from):
        check(f_, 0.7)


def test_continue_is_reversed_rightly():
    def f(x):
        s = 1.0
        for v in x:
            s = s * 1.2
            if v < 0:
                continue
            s = s * v + v * v
        return s

    def two(x):
        s = 1.0
        for i in range(4):
            if x[i] < 0:
                s = s + x[i] * x[i]
                continue
            s = s * x[i]
            if s < 0.3:
                continue
            s = np.sin(s)
        return s

    check(f, X4)
    check(two, X4)


def test_plain_store_counted_twice():
    def plain(v, x):
        for i in range(4):
            v[i] = v[i] + x[i]
        return np.sum(v * v)

    def augmented(v, x):
        for i in range(4):
            v[i] += x[i]
        return np.sum(v * v)

    a = check(plain, X4, Y4)
    b = check(augmented, X4, Y4)
    for left, right in zip(a, b, strict=True):
        np.testing.assert_allclose(left, right)


def test_reverse_sweep_reads_an_array_as_it_was():
    def f(x):
        s = 0.0
        for i in range(4):
            s = s + np.sum(x * x) * x[i]
            x[i] = s * 0.1
        return s

    def operand(x, y):
        z = x * y
        x[:] = 0.0
        y[1] = z[0]
        return np.sum(z * y)

    check(f, X4)
    check(operand, X4, Y4)


def test_ternary_poisons_both_sides():
    def f(x):
        y = math.log(x) if x > 0 else x * x
        return y * x

    def division(x, s):
        total = 0.0
        for v in x:
            total += 1 / v if v != 0 else s
        return total

    check(f, -0.5)
    check(f, 0.5)
    check(division, np.array([2.0, 4.0]), 3.0)
    np.testing.assert_allclose(grad(division, argnums=(0, 1))(np.array([2.0, 0.0]), 3.0)[0], [-0.25, 0.0])


def test_tapes_in_nested_loops():
    def f(x):
        s = 1.0
        for i in range(3):
            t = x[i]
            for j in range(i + 1):
                t = t * s + x[j] * t
                for _ in range(2):
                    t = np.sin(t) * (0.5 + 0.1 * s)
            s = s + t * t
        return s

    def whiles(x):
        s = x[0]
        k = 0
        while k < 3:
            t = s
            while abs(t) < 0.9:
                t = t * 1.5 + x[k] * 0.1
            s = np.sin(t) * x[k] + 0.2
            k += 1
        return s * s

    check(f, X4)
    check(whiles, P4)


def test_loop_condition_with_side_effects():
    def walrus(x):
        s = x
        while (s := s * 1.3 + x) < 4:
            s = s + 0.1
        return s * s

    def pop(x):
        stack = [x, 2 * x, x * x]
        total = 1.0
        while stack and stack.pop() > 0:
            total = total * 1.5 + x
        return total * len(stack) + total

    def writes(x):
        def advance(y):
            y *= 1.5
            return y[0] < 3

        y = x * 1.0
        total = 0.0
        while advance(y):
            total = total + np.sum(y * y)
        return total + y[1]

    check(walrus, 0.4)
    check(pop, 0.4)
    check(writes, P4)


def test_rebinding_in_loops():
    def f(x):
        a = x
        b = x * 2
        for i in range(4):
            c = a * b
            a = b + c
            b = c
        return np.sum(a * b)

    def to_another_kind(x):
        s = 0.0
        for i in range(3):
            s = s + x * x[i]
        return np.sum(s)

    def to_array_in_place(x):
        s = 0.0
        for i in range(3):
            s += x * x[i]
        return np.sum(s * s)

    def element_written_through(x):
        s = x[0]
        s += x[1]
        s *= 2
        return s * s + np.sum(x)

    def row_written_through(m):
        s = m[0]
        s += m[1]
        s *= 2
        return np.sum(s * s) + np.sum(m * m)

    for f_ in (f, to_another_kind, to_array_in_place, element_written_through):
        check(f_, X4)
    check(row_written_through, M34)


def test_constant_array_overwritten_after_its_use():
    def f(x):
        c = np.array([1.0, 2.0, 3.0, 4.0])
        y = x * c
        c[:] = 10.0
        z = x * c
        c *= 0
        return np.sum(y * z * x)

    def in_loop(x):
        c = np.arange(4.0)
        s = 0.0
        for i in range(3):
            s = s + np.sum(x * x * c)
            c[i] = c[i + 1] + 5
        return s

    check(f, X4)
    check(in_loop, X4)


def test_integer_arrays_do_not_give_zero_without_a_word():
    def f(x):
        return np.sum(x * x)

    with pytest.raises(SrcgradError):
        grad(f)(np.array([1, 2, 3]))
    with pytest.raises(SrcgradError):
        grad(f)(3)

    def into_integers(x):
        out = np.zeros(4, dtype=int)
        out[:] = x * 9
        return np.sum(out * x)

    def cast(x):
        k = x.astype(int)
        return np.sum(k * x)

    check_or_refused(into_integers, X4)
    check(cast, 3 * X4)


def test_full_like_is_not_constant():
    def f(x):
        return np.sum(np.full_like(x, x[0]) * x)

    def full(x):
        return np.sum(np.full((2, 4), x[0] * x[1]) * x)

    def array(x):
        return np.sum(np.array([x[0], x[1] * x[0], 2.0, 1.0]) * x)

    for f_ in (f, full, array):
        check(f_, X4)


def test_generated_code_can_be_differentiated_again():
    def f(x):
        y = x * 1.0
        for i in range(3):
            y[i + 1] = np.sin(y[i]) * y[i + 1]
            y[0] += y[i + 1] * x[i]
        return np.sum(y * y)

    def slope_along(x):
        return np.sum(grad(f)(x) * Y4)

    check_or_refused(slope_along, X4)


# -- and in its nearest ancestor -------------------------------------------------------------------------------------


def test_element_augmented_in_a_loop_gave_zero():
    def f(x):
        S = np.zeros(4)
        for i in range(4):
            S[i] += x[i] * x[i]
        return np.sum(S)

    (d_x,) = check(f, X4)
    np.testing.assert_allclose(d_x, 2 * X4)


def test_array_divided_by_scalar_gave_the_wrong_shape():
    def f(a, x):
        return np.sum(a / x)

    def all_operators(a, x):
        return np.sum(a + x) + np.sum(x - a) + np.sum(a * x) + np.sum(x / a) + np.sum(a ** x) + np.sum(x ** a)

    for f_ in (f, all_operators):
        _, d_x = check(f_, P4, 1.7)
        assert np.shape(d_x) == ()


def test_write_through_a_view_was_lost():
    def f(x):
        row = x[1]
        row[:] = row * row
        row[0] = 3 * x[0, 0]
        return np.sum(x * x)

    check(f, M34)


def test_break_and_early_return_failed():
    def breaks(x):
        for i in range(10):
            x = x * 1.5
            if x > 4:
                break
        return x * x

    def returns(x):
        if x > 2:
            return x * x
        for i in range(10):
            x = x * 1.5
            if x > 4:
                return np.sin(x)
        return x

    check(breaks, 0.7)
    check(returns, 0.7)
    check(returns, 2.7)
    check(returns, 0.01)


def test_chained_assignment_failed():
    def f(x):
        a = b = x
        return np.sum(a * b) + np.sum(a)

    def written(x):
        a = b = x * 2
        a[0] = 5.0
        b[1] *= 2.0
        return np.sum(a * b)

    def elements(x):
        y = np.zeros(4)
        y[0] = s = y[1] = x[0] * x[1]
        return np.sum(y * y) + s

    for f_ in (f, written, elements):
        check(f_, X4)


def test_methods_and_shape_failed():
    def f(x):
        return x.sum() / x.shape[0] + x.mean() * x.size + (x * x).max() + x.reshape(2, 2).T.ravel().dot(x)

    check(f, X4)


def test_functions_given_as_text_are_read():
    f = load("import numpy as np\ndef f(x):\n    y = x * x\n    return np.sum(y)\n")
    value, d_x = value_and_grad(f)(X4)
    assert value == np.sum(X4 * X4)
    np.testing.assert_allclose(d_x, 2 * X4)


# -- found by generated programs -----------------------------------------------------------------------------------


def test_value_that_the_reverse_reads_and_that_is_written_in_place_next():
    def result_is_written(x, p):
        for _ in range(2):
            x[:] += 0.5
            x = np.tanh(x + p)
        return np.sum(x)

    def view_of_written_memory_is_an_operand(x, p):
        s = 0.0
        for i in range(3):
            s += np.sum(np.exp(x.reshape(2, 2) @ x[:2])) * 0.1
            x[i] = s * x[i + 1] * p
        return np.sum(x * x) + s

    check(result_is_written, X4, 0.3)
    check(view_of_written_memory_is_an_operand, X4, 0.3)


def test_bound_of_a_loop_over_a_list_that_shrinks_later_in_the_trip():
    def f(x):
        total = 0.0
        for _ in range(2):
            items = [v * v for v in x]
            for k in range(len(items)):
                items[k] = items[k] * x[0]
            total += items.pop()
        return total

    check(f, X4)


def test_adjoint_bound_in_the_forward_sweep_that_an_answer_before_its_birth_reads():
    def f(x, p):
        a = np.zeros(4)
        b = a
        for _ in range(3):
            s = np.tanh(p + a[2])
            a = np.array([s, p, p, x[0]])
        a[a < 0.1] = a[a < 0.1] * 2
        return s * np.sum(x) + np.sum(a * b)

    check(f, X4, 0.3)


def test_zero_adjoint_of_a_list_has_the_length_that_the_list_had():
    def f(x, p):
        items = [p, x[2]]
        if x[0] < 1:
            items.pop()
            return np.sum(x * x)
        total = np.tanh(sum(items))
        for _ in range(2):
            p = total * x[0] * p
        return p

    check(f, np.array([0.5, 0.2, 0.9]), 0.7)
    check(f, np.array([1.5, 0.2, 0.9]), 0.7)


def test_a_popped_item_that_gets_a_second_name_keeps_the_first():
    def f(x):
        xs = [x[0], x[1], x[2]]
        total = 0.0
        item = 1.0
        while xs:
            item = xs.pop()
            last = item
            total = total + np.sin(item) * last
            item = total
        return total * item

    check(f, np.array([0.4, 0.9, 1.1]))
