"""Containers of known layout and lists that exist at run time: identity, aliases, joins of paths."""

import numpy as np

from tests.support import Cases

X4 = np.array([0.7, -0.4, 0.3, 0.9])

CASES = Cases()


@CASES(X4)
def list_of_pairs_that_grows(x):
    hist = []
    a, b = x[0], x[1]
    for i in range(len(x)):
        a, b = a * b + x[i], a - b
        hist.append((a, b))
    t = 0.0
    for u, v in hist:
        t = t + u * v
    return t * hist[-1][0] + len(hist) * hist[1][1]


@CASES(X4)
def swapped_pair(x):
    a = (x[0], x[1])
    for i in range(3):
        a = (a[1], a[0] * x[2])
    return a[0] + 2 * a[1]


@CASES(X4)
def dicts_rebuilt(x):
    s = {'p': x * 1.0, 'v': x * 0.5}
    for i in range(3):
        s = {'p': s['p'] + 0.1 * s['v'], 'v': s['v'] - 0.1 * s['p']}
    return np.sum(s['p'] * s['v'])


@CASES(X4)
def pairs_of_two_branches(x):
    if x[0] > 0:
        p = (x[0], x[1])
    else:
        p = (x[2], x[3])
    return p[0] * p[1]


@CASES(X4)
def swapped_tuples(x):
    p = (x[0], x[1])
    q = (x[2], x[3])
    for i in range(3):
        p, q = q, (p[0] * q[1], p[1])
    return p[0] * p[1] + q[0] * q[1]


@CASES(X4)
def best_pair_so_far(x):
    best = (0.0, 0)
    for i in range(len(x)):
        if x[i] * x[i] > best[0]:
            best = (x[i] * x[i], i)
    return best[0] * x[best[1]]


@CASES(X4)
def state_left_by_break(x):
    state = (x[0], x[1])
    for i in range(5):
        if state[0] > 2:
            break
        state = (state[0] + state[1] ** 2, state[1])
    return state[0] * state[1]


@CASES(X4)
def break_and_continue_over_names(x):
    t = 0.0
    for k in ("a", "b", "c"):
        if x[0] > 0.5 and k == "b":
            break
        if x[1] > 0:
            continue
        t = t * 0.5 + x[0] * len(k)
    return t * x[2]


@CASES(X4)
def break_over_known_items(x):
    t = 1.0
    for v in (x[0], x[1], x[2], x[3]):
        if v < 0:
            continue
        if v > 0.8:
            break
        t = t * v
    else:
        t = t + 5
    return t


@CASES(X4)
def key_set_on_both_paths(x):
    d = {}
    if x[0] > 0:
        d["a"] = x[0]
    else:
        d["a"] = x[1]
    return d["a"] * x[2]


@CASES(X4)
def alias_on_one_path(x):
    a = [x[0], x[1]]
    b = a
    if x[0] > 0:
        b = [x[2], x[3]]
    return a[0] * b[0]


@CASES(X4)
def iterator_keeps_what_it_ran_over(x):
    y = x * 2
    z = enumerate(y)
    y = y * 3
    s = 0.0
    for i, a in z:
        s += a * i
    return s


@CASES(X4)
def closures_in_a_comprehension(x):
    def make(k):
        return lambda t: t * k
    fs = [make(i + 1.0) for i in range(3)]
    return sum(g(x[j]) for j, g in enumerate(fs))


@CASES(X4)
def functions_chosen_by_values(x):
    fn = np.sin if x[0] > 0 else np.cos
    g = lambda t: fn(t) * 2
    h = g if x[1] > 0 else (lambda t: t ** 2)
    return np.sum(h(x) * fn(x))


@CASES(X4)
def function_defined_on_one_path(x):
    if x[0] > 0:
        act = np.tanh
    else:
        def act(t):
            return t * 2
    y = x
    for _ in range(2):
        y = act(y) * x
    return np.sum(y)


@CASES(X4)
def starred_middle(x):
    a, *rest, b = x
    return a * sum(rest) + b * rest[-1] * len(rest)


@CASES(X4)
def starred_list_that_grows(x):
    a, *rest = x
    rest.append(a * 2)
    rest[0] = rest[1] * a
    return sum(rest) + rest[0]


@CASES(X4)
def starred_numbers_are_copies(x):
    a, *rest = x
    x[1] = 5.0
    return a * rest[0] + x[1]*x[2]


@CASES(X4)
def starred_rows_are_views(x):
    first, *others = x.reshape(2, 2)
    others[0] *= 2
    return np.sum(first * others[0]) + x[3]


@CASES(X4)
def lists_sorted_in_place(x):
    items = [v * v for v in x]
    items.sort()
    items.sort(key=lambda v: -v)
    return items[0] * items[1] + items.pop(0) * items.pop()


@CASES(X4)
def dict_counted_at_run_time(x):
    d = {}
    for i in range(len(x)):
        d[i % 2] = d.get(i % 2, 0.0) + x[i] ** 2
    return d[0] * d[1]


@CASES(X4)
def names_of_builtins(x):
    np_ = 3
    len = 2.0
    sum = x[0]
    abs = [x[1], x[2]]
    t = 0.0
    for a, b in zip(abs, x):
        t += a * b
    for a, b in zip(x, x[1:]):
        t += a * b * len
    return t * sum * np_


@CASES(X4)
def none_before_the_first_trip(x):
    h = None
    for i in range(3):
        if h is None:
            h = x * 1.0
        else:
            h = h * x
    return np.sum(h)


@CASES(X4)
def words(x):
    words = "alpha beta gamma".split()
    t = 0.0
    for i, w in enumerate(words):
        if w.startswith("b") or "m" in w:
            t += x[i] * len(w)
        elif w[0] == "a" and not w.endswith("z"):
            t += x[i] ** 2
    return t * x[3]


@CASES(X4)
def bound_method_of_an_old_array(x):
    get = x.sum
    x = x * 2
    return get() * x[0]


@CASES(X4)
def bound_append(x):
    acc = []
    push = acc.append
    for v in x:
        push(v * v)
    return sum(acc) * acc[1]


@CASES(X4)
def closures_with_defaults_in_a_loop(x):
    fs = []
    for i in range(2):
        y = x[i] * 2
        fs.append(lambda t, y=y: t * y)
    return fs[0](x[2]) * fs[1](x[3])


@CASES(X4)
def tuples_keep_what_they_held(x):
    tup = (x[0] * 2, x[1])
    lst = [tup, (x[2], x[3] * 3)]
    x = x * 0
    tup = (1.0, 2.0)
    return lst[0][0] * lst[1][1] + x[0] + tup[0]


@CASES(X4)
def items_keep_what_they_held(x):
    i = 0
    a = (x[i], x[i + 1] * 1)
    b = [x[i] * 2]
    i = 2
    b.append(x[i] * 2)
    i = 3
    return a[0] * a[1] + b[0] * b[1] + i


@CASES(X4)
def dict_of_tuples_by_text(x):
    d = {}
    for i in range(2):
        d[str(i)] = (x[i], x[i] ** 2)
    return d["0"][1] * d["1"][0]


@CASES(X4)
def tuple_of_elements_and_a_write(x):
    y = x
    t = (y[0], y[1])
    y[0] = 5.0
    return t[0] * t[1] + y[0] * y[2]


@CASES(X4)
def tuple_of_views_and_a_write(x):
    t = (x[0:2], x[2:])
    x[0] = 5.0
    return np.sum(t[0] * t[1])


@CASES(X4)
def zip_of_known_and_unknown(x):
    s = 0.0
    for a, (b, c) in zip(x, [(1.0, x[0]), (2.0, x[1])]):
        s += a * b * c
    for i, (a, b) in enumerate(zip(x, x[::-1])):
        s += i * a * b
    return s


@CASES(X4)
def reversed_everything(x):
    s = 0.0
    for i in reversed(range(1, 4)):
        s = s * x[i] + x[i - 1]
    for v in reversed(x):
        s = s * v + 1
    for i, v in reversed(list(enumerate(x))):
        s += i * v
    return s


@CASES(X4)
def range_in_a_variable(x):
    r = range(1, len(x))
    s = 0.0
    for i in r:
        s += x[i] * i
    for i in r:
        s *= x[i]
    return s + len(r) + r[0] * x[0]


@CASES(X4)
def range_keeps_its_bounds(x):
    n = 2
    r = range(n)
    n = 4
    s = 0.0
    for i in r:
        s += x[i] * n
    return s


@CASES(X4)
def tuple_swaps(x):
    a, b = x[0], x[1]
    a, b = b, a
    (a, b), c = (b * a, a), b
    l = [a, b]
    l[0], l[1] = l[1], l[0]
    return l[0] * c - l[1]


@CASES(X4)
def item_and_index_swapped(x):
    i = 0
    l = [x[0], x[1], x[2]]
    i, l[i] = 2, x[3] * 5
    return l[0] * l[2] + i


@CASES(X4, wrap="callee")
def none_or_a_number(x):
    v = x[0] if x[0] > 0 else None
    if v is not None:
        return v * x[1]
    return x[2]


@CASES(X4)
def inner_break_and_else(x):
    total = 0.0
    for i in range(3):
        for j in range(3):
            if j == i:
                break
            total += x[i] * x[j]
        else:
            total += 1.0 * x[3]
    return total


@CASES(X4)
def list_slice_written(x):
    y = [0.0] * len(x)
    for i in range(len(x)):
        y[i] = x[i] ** 2
    y[-1] += x[0]
    y[1:3] = [x[0], x[1]]
    return sum(y) * y[0] + max(y) + min(y, key=abs)


@CASES(X4)
def list_of_arrays_rebound(x):
    q = np.array([1.0, 2.0])
    w = [q, q * 2]
    w[0] = w[0] * x[0]
    q[0] = 7.0
    return np.sum(w[0] * w[1]) * q[0]


@CASES(X4)
def pair_returned_by_each_path(x):
    def inner(y):
        if y[0] > 0:
            return y[0], y[1]
        return y[1], y[2]
    a, b = inner(x)
    c, d = inner(-x)
    return a * b + c * d


@CASES(X4)
def dict_returned_from_a_loop(x):
    def inner(y):
        for i in range(len(y)):
            if y[i] < 0:
                return {"v": y[i], "i": i}
        return {"v": y[0], "i": 0}
    r = inner(x)
    return r["v"] * x[r["i"] + 1]


@CASES(X4)
def rows_unpacked(x):
    pairs = [(v, v * v) for v in x]
    a, *rest = pairs
    (b, c), d = a, rest[0]
    return b * c + d[0] * len(rest)


@CASES(X4, wrap="callee")
def rows_as_a_test(x):
    hist = []
    if hist:
        return x[0]
    for i in range(3):
        hist.append((x[i], i))
    if hist and len(hist) > 2:
        y = hist[0][0] * hist[-1][0]
    else:
        y = 0.0
    return y


@CASES(X4)
def rows_of_arrays_reversed(x):
    hist = []
    v = x * 1.0
    for i in range(4):
        v = np.tanh(v) + 0.1 * i
        hist.append((v, v.sum()))
    out = 0.0
    for a, s in reversed(hist):
        out = out * 0.5 + np.sum(a) * s
    return out


@CASES(X4)
def stack_of_ranges(x):
    stack = [(0, len(x))]
    total = 0.0
    while stack:
        lo, hi = stack.pop()
        if hi - lo == 1:
            total += x[lo] ** 2 * (lo + 1)
        else:
            mid = (lo + hi) // 2
            stack.append((lo, mid))
            stack.append((mid, hi))
    return total


@CASES(X4)
def tuple_of_arrays_carried(x):
    h = (np.zeros(4), np.ones(4))
    for t in range(3):
        h, c = (np.tanh(h[1] * x), h[0] + x), t
        if c == 1:
            h = (h[1], h[0] * 2)
    return np.sum(h[0] * h[1])


@CASES(X4)
def recurrent_cell(x):
    def lstm(state, u):
        h, c = state
        c = c * 0.5 + np.tanh(u * h)
        return (np.sin(c), c), h * c
    state = (x, x * 0.1)
    outs = []
    for i in range(3):
        state, y = lstm(state, x * (i + 1))
        outs.append(y)
    return np.sum(np.stack(outs)) + np.sum(state[0])


@CASES(X4)
def dict_with_one_part_replaced(x):
    m = {"lr": 0.1, "v": np.zeros(4)}
    p = x
    for i in range(3):
        g = 2 * p
        m = {**m, "v": 0.9 * m["v"] + g}
        p = p - m["lr"] * m["v"]
    return np.sum(p * p)


@CASES(X4)
def lists_of_a_dict_that_grow(x):
    groups = {"pos": [], "neg": []}
    for v in x:
        if v > 0:
            groups["pos"].append(v)
        else:
            groups["neg"].append(v * v)
    return sum(groups["pos"]) * sum(groups["neg"])


@CASES(X4)
def list_under_two_names(x):
    a = b = [x[0], x[1]]
    b[0] = x[2]
    a[1] *= 2
    return a[0] * b[1]


@CASES(X4)
def dict_changed_by_a_callee(x):
    obj = {"v": x[0]}
    def inc(o, k):
        o["v"] = o["v"] + k
        return o
    p = inc(obj, x[1])
    inc(p, x[2])
    if x[0] > 0:
        inc(obj, 3.0)
    return obj["v"] * p["v"]


@CASES(X4)
def key_set_in_a_branch(x):
    total = 0.0
    for i in range(3):
        d = {"a": x[i]}
        if i > 0:
            d["b"] = x[i] * 2
        total += d.get("b", 1.0) * d["a"]
    return total


@CASES(X4, wrap="callee")
def tuple_or_none_carried(x):
    r = None
    for v in x:
        if v > 0:
            r = (v, v * v) if r is None else (r[0] + v, r[1] * v)
    if r is None:
        return 0.0 * x[0]
    return r[0] * r[1]


@CASES(X4)
def letters(x):
    s = "ab"
    out = 0.0
    for i, ch in enumerate(s * 2):
        out += x[i] * (ord(ch) - 96)
    key = s[0] + "x"
    return out + (x[0] if key == "ax" and "b" in s else 0.0) + x[1] * (s.upper() == "AB")


@CASES(X4)
def tuple_of_a_generator(x):
    t = tuple(v * 2 for v in x)
    u = t + (x[0],)
    return sum(u) * u[-1]


@CASES(X4)
def list_that_shrinks(x):
    vals = [v for v in x]
    n = 0
    while vals and vals[-1] > 0:
        n += 1
        vals.pop()
    return sum(vals) * n + x[0]


@CASES(X4)
def list_items_in_nested_loops(x):
    y = [0.0, 0.0]
    for i in range(2):
        for j in range(2):
            y[i] += x[i] * x[j + 2]
    y = y[::-1]
    return y[0] * y[1] - sum(y[:1])


@CASES(X4)
def array_of_one_path_copied(x):
    w = x if x[0] > 0 else np.zeros(4)
    w = w.copy()
    w[0] = 2.0
    return np.sum(w * x)


@CASES(X4)
def dict_keys_sorted(x):
    coef = {"a": 1.0, "b": 2.0}
    return sum(coef[k] * x[i] ** 2 for i, k in enumerate(sorted(coef, reverse=True)))


@CASES(X4)
def dict_of_functions(x):
    fns = {"sq": lambda v: v * v, "id": lambda v: v}
    y = x
    for name, fn in fns.items():
        y = fn(y) + (1 if name == "id" else 0)
    return np.sum(y)


@CASES(X4)
def while_with_and_or(x):
    k = 0
    out = 0.0
    while k < 3 and x[k] > -1 or k == 0:
        out += x[k] * (2 if k % 2 else 3)
        k += 1
    return out


@CASES(X4)
def items_that_are_none(x):
    v = [x[0], None, x[1]]
    t = 0.0
    for e in v:
        if e is not None:
            t = t + e * e
    return t


@CASES(X4)
def choice_of_none(x):
    a = None
    for i in range(3):
        a = x[i] if a is None else a * x[i]
    return a


@CASES(X4)
def math_inside(x):
    import math as m
    from math import exp as e
    return m.sin(x[0]) * e(x[1])


@CASES(X4)
def rows_made_anew_in_a_loop(x):
    total = 0.0
    for i in range(2):
        hist = []
        for j in range(3):
            hist.append((x[j] * (i + 1), j))
        best = max(hist, key=lambda p: p[0])
        total += best[0] * best[1]
    return total


@CASES(X4)
def least_of_pairs(x):
    best = min(((v - 0.2) ** 2, i) for i, v in enumerate(x))
    return best[0]


@CASES(X4)
def best_or_none(x):
    best = None
    for i, v in enumerate(x):
        if best is None or v * v > best[0]:
            best = (v * v, i)
    return best[0] * (best[1] + 1)


@CASES(X4)
def found_or_none(x):
    def find(y):
        for i in range(len(y)):
            if y[i] < 0:
                return y[i], i
        return None
    a, b = find(x), find(x * x)
    s = x[0]
    if a is not None:
        s = s * a[0] + a[1]
    if b:
        s = s * b[0]
    return s


@CASES(X4)
def previous_dict_or_none(x):
    prev = None
    out = 0.0
    for v in x:
        cur = {"v": v, "w": v * 2}
        if prev is not None:
            out += cur["v"] * prev["w"]
        prev = cur
    return out


@CASES(X4)
def previous_pair_or_none(x):
    best = None
    prev = None
    for i in range(4):
        prev = best
        best = (x[i], x[i] * 2) if x[i] > 0 else None
        if prev is not None and best is None:
            prev = None
    return best[0] * x[1] + (0.0 if prev is None else prev[1])


@CASES(X4)
def greatest_or_none(x):
    m = None
    for v in x:
        if m is None or v > m:
            m = v
    return m * x[1]


@CASES(X4)
def default_that_is_none(x):
    c = None
    def cost(y, c=None):
        if c is None:
            c = [1.0, 2.0]
        return y[0] * c[0] + y[1] * c[1]
    return cost(x) * cost(x, [x[2], x[3]]) + cost(x, c=c)


@CASES(X4)
def nonlocal_in_a_loop(x):
    c = 0.0
    def bump(k):
        nonlocal c
        c = c + k * x[0]
        return c
    for i in range(3):
        bump(i)
    return c * bump(2)


@CASES(X4)
def rows_sorted(x):
    rows = [(v, i) for i, v in enumerate(x)]
    rows.sort(key=lambda r: r[0])
    return rows[0][0] * rows[-1][1]


@CASES(X4)
def pairs_sorted(x):
    pairs = sorted(zip(x, range(4)), key=lambda r: r[0], reverse=True)
    return sum(v * (k + 1) for k, (v, i) in enumerate(pairs))


@CASES(X4)
def rows_with_every_method(x):
    rows = [(v, v * v) for v in x]
    rows.reverse()
    rows.insert(0, (x[0], 1.0))
    a, b = rows.pop()
    rows[1] = (a, b)
    rows.extend([(1.0, x[1])])
    return sum(u * w for u, w in rows[1:]) + rows[0][0] * a + len(rows)


@CASES(X4)
def stack_of_pairs(x):
    q = [(x[0], 0)]
    total = 0.0
    while q:
        v, d = q.pop()
        total += v * v
        if d < 2:
            q.append((v * x[1], d + 1))
            q.append((v * x[2], d + 1))
    return total


@CASES(X4)
def list_of_short_lists(x):
    out = []
    for i in range(3):
        out.append([x[i], x[i] ** 2])
    return sum(a * b for a, b in out)


@CASES(X4)
def list_of_small_dicts(x):
    out = []
    for v in x:
        out.append({"a": v, "b": v * v})
    return sum(r["a"] * r["b"] for r in out) + out[0]["a"]


@CASES(X4)
def array_of_pairs(x):
    a = np.array([(v, v * v) for v in x])
    return np.sum(a[:, 0] * a[:, 1])


@CASES(X4)
def columns_of_pairs(x):
    a, b = zip(*[(v, v * v) for v in x])
    return sum(a) * b[0]


@CASES(X4)
def greatest_by_key(x):
    m = max(enumerate(x), key=lambda t: t[1])
    return m[0] * m[1]


@CASES(X4)
def best_and_its_place(x):
    best, arg = None, None
    for i, v in enumerate(x):
        if best is None or v > best:
            best, arg = v, i
    return best * x[arg - 1]


@CASES(X4)
def values_of_and_or(x):
    val = x[0] or x[1]
    w = x[0] > 5 and x[1]
    return val * (w or x[2])


@CASES(X4)
def parameters_updated_twice(x):
    params = {"layers": [{"w": x[:2], "b": x[2]}, {"w": x[2:], "b": x[3]}]}
    for _ in range(2):
        params = {"layers": [{"w": l["w"] - 0.1 * l["w"] * l["b"], "b": l["b"] * 0.9} for l in params["layers"]]}
    return sum(np.sum(l["w"]) * l["b"] for l in params["layers"])


@CASES(X4)
def cache_of_known_keys(x):
    cache = {}
    def fib(n):
        a, b = x[0], x[1]
        for _ in range(n):
            a, b = b, a + b
        return a
    for n in range(4):
        cache[n] = fib(n)
    return cache[2] * cache[3]


@CASES(X4)
def set_of_numbers(x):
    s = {i % 2 for i in range(4)}
    return x[0] * len(s) + (1 in s) * x[1] + (7 in s) * x[2]


@CASES(X4)
def while_true(x):
    i = 0
    y = 0.0
    while True:
        i += 1
        if i == 2:
            continue
        y += x[i - 1] ** 2
        if i > 3:
            break
    return y


@CASES(X4)
def lists_multiplied(x):
    a = [1.0, 2.0]
    c = a * 2 + [x[0]]
    m = [[0.0] * 2 for _ in range(2)]
    m[0][1] = x[1]
    m[1][0] += x[2]
    return c[4] * m[0][1] + sum(sum(r) for r in m)


@CASES(X4)
def list_of_lists_of_zeros(x):
    n = len(x)
    m = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            m[i][j] = x[i] * x[j]
    return sum(sum(r) for r in m)


@CASES(X4)
def mixed_number_kinds(x):
    t = 0
    for i in range(3):
        t = t + (x[i] if i % 2 else 1)
    return t * x[0]


@CASES(X4)
def list_of_integers(x):
    l = list(range(3))
    l.append(7)
    k = tuple(l)
    return x[l[1]] * k[3] + x[k.index(2)] + l.count(7) * x[3] + x[l.index(1)]


@CASES(X4)
def dict_methods(x):
    d = dict(a=x[0], b=x[1])
    e = {**d, "c": x[2]}
    e.pop("a")
    del e["b"]
    for k, v in d.items():
        e[k + "1"] = v * 2
    return e["c"] * e["a1"] + sum(e.values())


@CASES(X4)
def keys_from_f_strings(x):
    names = [f"w{i}" for i in range(3)]
    d = {n: x[i] ** 2 for i, n in enumerate(names)}
    return d["w0"] * d["w2"] + sum(d[n] for n in names)


test_layouts = CASES.test()
