"""From source text to IR: what a function is lowered to, and that it computes the same."""

import functools
import gc
import linecache
import math
import weakref

import numpy as np
import pytest

from srcgrad.errors import SourceError
from srcgrad.frontend import UndefinedNameError, definition_of, free_value
from srcgrad.frontend import lower as lower_module
from srcgrad.ir import nodes as n
from tests.frontend.interpreter import both, text

SCALE = 3.0


def result_of(fn):
    """The value of a function of a single `return`."""
    (stmt,) = definition_of(fn).body
    return stmt.value


# ---- finding the source --------------------------------------------------------------------------------------


def plain(x, /, y=2, *rest, z=3, **others):
    """Adds.

    More.
    """
    return x + y + z


def passes(value):
    return lambda f: f


@passes(1)
@passes(
    2
)
def decorated(x):
    return x + 1


class Model:
    __hidden = 4

    def method(self, x):
        return x * self.__hidden

    def outer(self):
        def inner(__x):
            return __x + self.__hidden

        return inner


def test_definition_of_a_function():
    d = definition_of(plain)
    assert (d.name, d.doc, d.result) == ("plain", "Adds.\n\nMore.", "result")
    assert [(p.name, p.kind, p.default) for p in d.params] == [
        ("x", "positional_only", None),
        ("y", "positional", n.Const(2)),
        ("rest", "args", None),
        ("z", "keyword_only", n.Const(3)),
        ("others", "kwargs", None),
    ]
    assert d.locals == {"x", "y", "rest", "z", "others", "result"}
    assert d.body == (
        n.Assign(n.Name("result"), n.Op("+", (n.Op("+", (n.Name("x"), n.Name("y"))), n.Name("z")))),
    )


def test_positions_are_those_of_the_file():
    def f(x):
        return x * SCALE

    line = f.__code__.co_firstlineno + 1
    value = result_of(f)
    assert value.pos == n.Pos(__file__, line, 15, 24)
    assert value.args[1].pos == n.Pos(__file__, line, 19, 24)
    assert linecache.getline(__file__, line)[19:24] == "SCALE"


def test_columns_count_characters():
    def f(x):
        return ("é€", x)

    assert result_of(f).items[1].pos == n.Pos(__file__, f.__code__.co_firstlineno + 1, 22, 23)


def test_decorators_are_dropped():
    assert both(decorated, 2) == 3
    assert definition_of(decorated).name == "decorated"


def test_methods_and_private_names():
    model = Model()
    assert definition_of(model.method) is definition_of(Model.method)
    assert both(Model.method, model, 2) == 8
    assert both(model.outer(), 2) == 6


def test_lambdas_on_one_line():
    # fmt: off
    a, b, c = lambda x: x + 1, lambda x: x + 2, lambda x: lambda x: x * 3
    d = [lambda x: x,
         lambda x: -x]; e = lambda x: (lambda x: x - 1)(x) + (x if x else 5)  # noqa: E702, E731
    # fmt: on
    assert [both(f, 10) for f in (a, b, c(0), *d, e)] == [11, 12, 30, 10, -10, 19]
    assert definition_of(c).body[0].value.function.params[0].name == "x"
    assert isinstance(result_of(c), n.Lambda)


def run_without_columns(source, name):
    """Compile source under a file name that linecache knows, and take the columns out of its lambdas."""
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {}
    exec(compile(source, file, "exec"), names)

    def strip(f):
        lines = bytes([0x80 | (13 << 3) | 7, 0, 0])  # one entry (no columns): eight code units on the first line
        units = len(f.__code__.co_code) // 2
        table = b"".join(
            bytes([0x80 | (13 << 3) | (min(8, units - k) - 1)]) + lines[1:2] for k in range(0, units, 8)
        )
        return type(f)(f.__code__.replace(co_linetable=table), f.__globals__, None, None, f.__closure__)

    return [strip(f) for f in names["fs"]]


def test_lambdas_by_bytecode():
    source = "k = 3\nfs = [lambda x: x + 1, lambda x: x * 2, lambda x: x - k, lambda x: x + 1]\n"
    fs = run_without_columns(source, "a")
    assert all(p[2] is None for f in fs for p in f.__code__.co_positions())
    assert [both(f, 10) for f in fs] == [11, 20, 7, 11]


def test_lambdas_that_cannot_be_told_apart():
    f, _ = run_without_columns("fs = [lambda x: x + 1, lambda x: x * 2]\n", "b")
    other = type(f)(f.__code__.replace(co_consts=(None, 5)), {})
    with pytest.raises(SourceError, match="2 lambdas start on this line") as caught:
        definition_of(other)
    assert caught.value.pos.line == 1 and "def" in caught.value.remedy


def test_source_under_a_name_that_linecache_knows():
    source = "def f(x):\n    return x + 1\n"
    linecache.cache["<cell 1>"] = (len(source), None, source.splitlines(keepends=True), "<cell 1>")
    names = {}
    exec(compile(source, "<cell 1>", "exec"), names)
    assert both(names["f"], 1) == 2
    assert definition_of(names["f"]).pos == n.Pos("<cell 1>", 1, 0, 9)


def test_equal_code_of_two_files_is_kept_apart():
    made = []
    for file in ("<one>", "<two>"):
        source = "def f(x):\n    return x + 1\n"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        names = {}
        exec(compile(source, file, "exec"), names)
        made.append(names["f"])
    assert [definition_of(f).pos.file for f in made] == ["<one>", "<two>"]


def test_cached_by_code_and_dropped_with_it():
    def make(k):
        return lambda x: x + k

    assert definition_of(make(1)) is definition_of(make(2))
    source = "def f(x):\n    return x + 1\n"
    linecache.cache["<gone>"] = (len(source), None, source.splitlines(keepends=True), "<gone>")
    names = {}
    exec(compile(source, "<gone>", "exec"), names)
    definition_of(names["f"])
    code = weakref.ref(names["f"].__code__)
    key = id(code())
    assert key in lower_module._CACHE
    names.clear()
    gc.collect()
    assert code() is None and key not in lower_module._CACHE


# ---- names ---------------------------------------------------------------------------------------------------


def test_free_values():
    k = 5

    def f(x):
        return x * k * SCALE * len(later) * nowhere  # noqa: F821

    assert free_value(f, "k") == (5, "closure")
    assert free_value(f, "SCALE") == (3.0, "global")
    assert free_value(f, "len") == (len, "builtin")
    with pytest.raises(UndefinedNameError, match="`nowhere` is not defined"):
        free_value(f, "nowhere")
    with pytest.raises(NameError, match="`later`.*has no value yet"):
        free_value(f, "later")
    later = []


def test_local_and_free_names():
    k = 2

    def f(x, flag=False):
        global SCALE
        if flag:
            y = 1
        for i in range(3):
            import math as m
            y = m.floor(x) + i
        return y * k * SCALE

    d = definition_of(f)
    assert d.locals == {"x", "flag", "y", "i", "m", "result"}
    assert both(f, 2.5) == 24.0


def test_nested_functions():
    def f(x, k=1):
        total = 0.0

        def add(y, by=k + 1):
            nonlocal total
            total += y * by * x
            return lambda z: z + total + k

        add(1)
        return add(2)(x) + total

    add = definition_of(f).body[1]
    assert isinstance(add, n.Def) and add.name == "add"
    assert add.function.nonlocals == {"total"}
    assert add.function.params[1].default == n.Op("+", (n.Name("k"), n.Const(1)))  # of the scope around
    assert add.function.body[0] == n.Aug(
        n.Name("total"), "+", n.Op("*", (n.Op("*", (n.Name("y"), n.Name("by"))), n.Free("x")))
    )
    assert both(f, 3) == f(3)


def test_recursive_nested_function():
    def f(k):
        def fact(m):
            return 1 if m == 0 else m * fact(m - 1)

        return fact(k)

    assert both(f, 5) == 120


# ---- expressions ---------------------------------------------------------------------------------------------


def test_operators():
    def f(a, b):
        many = a + b - 2 * a / b // 1 % 5**2, 7 ^ 2 | 1 & a << 2 >> 1
        return many, -a, +b, ~3, not a, a < b, a is not b, a in (1, 2), b not in [a]

    assert both(f, 1, 3) == f(1, 3)


def test_negative_numbers_are_constants():
    assert result_of(lambda x: x[-1]) == n.Load(n.Name("x"), n.Const(-1))
    assert result_of(lambda: -(2**2)) == n.Op("neg", (n.Op("**", (n.Const(2), n.Const(2))),))
    assert result_of(lambda: -0.0) == n.Op("neg", (n.Const(0.0),))


def test_chained_comparison_evaluates_its_middle_once():
    def f(xs):
        return [0 < xs.pop() < 5 <= xs.pop() != 7 for _ in range(2)], xs

    assert result_of(lambda a, b, c: a < b < c) == n.BoolOp(
        "and", (n.Op("<", (n.Name("a"), n.Name("b"))), n.Op("<", (n.Name("b"), n.Name("c"))))
    )
    for xs in ([1, 2, 9, 6, 3], [6, 6, 6, 6], [9, 3, 8, 4]):
        both(f, xs)


def test_short_circuits_and_conditionals():
    def f(a, b):
        return a and b or 5, (a or b) and 3, 1 if a else 2, a and (c := b + 1) and c

    for a in (0, 1):
        for b in (0, 2):
            both(f, a, b)


def test_displays_calls_and_indices():
    def g(*args, **kwargs):
        return args, sorted(kwargs.items())

    def f(x, xs, d):
        return (
            g(1, *xs, 2, *xs, a=x, **d),
            (1, *xs),
            [*xs, x],
            {*xs},
            {"a": x, **d, "z": 2},
            xs[1:],
            xs[::-1],
            np.arange(6).reshape(2, 3)[..., 1:, None].shape,
            f"{x!r:>{len(xs) + 4}} and {{}} {x=} {x:.2f}",
            b"a" + b"b",
            None,
            ...,
        )

    assert both(f, 1.5, [1, 2, 3], {"q": 3})
    assert result_of(lambda x: x[1:, ..., None]).index == n.Pack(
        "tuple", (n.Slice(n.Const(1), None, None), n.Const(...), n.Const(None))
    )


def test_list_comprehension_is_a_loop():
    def f(xs):
        return [x * 2 for x in xs if x > 0]

    assert text(definition_of(f).body[0].value.body) == (
        "items = []\nfor x in xs:\n    if x > 0:\n        items.append(x * 2)"
    )
    assert definition_of(f).locals == {"xs", "x", "items", "result"}
    both(f, [1, -2, 3])


def test_comprehensions():
    def f(xs, items):
        x = 100
        a = [x + y for x in xs for y in range(x) if y % 2 if x]
        b = {x: [x for x in range(x)] for x in xs}
        c = sorted({x % 2 for x in xs})
        d = sum(x * items for x in xs)
        e = [(last := x) for x in xs]
        g = [x for x in [x]]
        h = {str(x): x + 1 for x in xs}
        k = [h for (h, *_) in [[1, 2, 3]]]
        return a, b, c, d, e, last, g, h, k, x

    assert both(f, [1, 2, 3], 7)[-1] == 100


def test_comprehension_variable_against_a_global_of_the_same_name():
    def f(xs):
        def g():
            return SCALE

        return [SCALE for SCALE in xs], SCALE, g()

    assert both(f, [1]) == ([1], 3.0, 3.0)


def test_functions_made_in_a_comprehension_keep_its_variable():
    def f(xs):
        fs = [lambda y: x * y for x in xs]  # noqa: B023
        ys = [x for x in (7, 8)]
        return fs[0](2), ys

    assert both(f, [1, 5]) == (10, [7, 8])


def test_set_comprehension_where_set_is_a_variable():
    def f(set):
        return len({x % 2 for x in set})

    assert both(f, [1, 2, 3]) == 2


# ---- statements ----------------------------------------------------------------------------------------------


def test_assignments_with_several_targets():
    def f(x):
        a = b = x
        c = d = x + 1
        v = [0, 0]
        i = v[0] = 1
        p, q = r = [i, d]
        s = (s, t) = (3, 4)
        x, y = z = x, 5
        return a, b, c, d, v, i, p, q, r, s, t, x, y, z

    assert text(definition_of(f).body[:5]) == "a = x\nb = x\nc = x + 1\nd = c\nv = [0, 0]"
    both(f, 2)


def test_a_value_that_a_target_rebinds_is_held():
    def f(x):
        x, y = z = x
        return x, y, z

    assert both(f, (1, 2)) == (1, 2, (1, 2))


def test_targets_of_all_sorts():
    class Box:
        v = 0

    def f(x, box):
        a, (b, *c), x[0] = 1, (2, 3, 4), 5
        box.v: int = a
        d: float  # noqa: F842
        box.v += 1
        x[1] *= 3
        for x[2], box.w in ((1, 2), (3, 4)):
            pass
        return a, b, c, x, box.v, box.w

    both(f, [1, 2, 3], Box())
    assert f([1, 2, 3], Box()) == (1, 2, [3, 4], [5, 6, 3], 2, 4)


def test_statements_that_leave_no_trace():
    def f(x):
        "doc"
        1
        "text"
        y = 2
        del y
        pass
        return x

    assert text(definition_of(f).body) == "y = 2\nresult = x"
    assert definition_of(f).doc == "doc"


def test_imports_are_constants():
    def f(x):
        import os.path
        import xml.dom as dom
        from math import sin
        from math import tau as turn

        return sin(x), turn, os.sep, dom.__name__

    assert definition_of(f).body[2] == n.Assign(n.Name("sin"), n.Const(math.sin))
    both(f, 1.0)


def test_with_assert_raise_while():
    def f(x):
        with np.errstate(divide="ignore"), np.errstate(invalid="ignore"):
            y = np.array(1.0) / x
        assert y != 2, f"y is {y}"
        while y > 1:
            y = y / 2
        else:
            y = y + 1
        if y == 1:
            raise ValueError("one")
        return float(y)

    (outer, *_) = definition_of(f).body
    assert isinstance(outer, n.With) and isinstance(outer.body[0], n.With)
    for x in (0.5, 4.0, 0.25, 1e300):
        both(f, x)


def test_wrapped_functions_stand_for_themselves():
    def inner(x):
        return x

    @functools.wraps(inner)
    def outer(x):
        return inner(x) + 1

    assert definition_of(outer).name == "outer"
    assert both(outer, 1) == 2


def test_long_chains_take_no_exponential_time():
    lines = ["def f(x):"] + [f"    {'el' if k else ''}if x == {k}:\n        return {k}" for k in range(40)]
    source = "\n".join(lines) + "\n    for x in range(x):\n        pass\n    return x\n"
    linecache.cache["<long>"] = (len(source), None, source.splitlines(keepends=True), "<long>")
    names = {}
    exec(compile(source, "<long>", "exec"), names)
    assert [both(names["f"], x) for x in (0, 39, 50)] == [0, 39, 49]


def test_decorators_of_nested_functions_are_called_innermost_first():
    def f(x):
        def twice(g):
            return lambda y: 2 * g(y)

        def plus(n):
            return lambda g: lambda y: g(y) + n

        @twice
        @plus(3)
        def inner(y):
            return x * y

        return inner(5)

    assert both(f, 7) == f(7) == 2 * (7 * 5 + 3)
