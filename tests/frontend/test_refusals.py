"""What is refused: the line, the caret, the reason and the remedy."""

import functools
import linecache

import numpy as np
import pytest

from srcgrad.errors import SourceError, SrcgradError, UnsupportedError
from srcgrad.frontend import definition_of

COUNT = itertools = 0


def refused(fn, caret, reason, kind=UnsupportedError):
    """caret: the text that the caret must stand under."""
    with pytest.raises(kind) as caught:
        definition_of(fn)
    error = caught.value
    assert reason in error.reason
    assert error.remedy
    line = linecache.getline(error.pos.file, error.pos.line)
    assert line[error.pos.col : error.pos.end_col] == caret
    shown = str(error).split("\n")
    assert shown[0] == f"{__file__}:{error.pos.line}"
    width = len(shown[2]) - len(shown[2].lstrip())
    assert shown[1][width : len(shown[2])] == caret
    return error


def test_try():
    def f(x):
        y = x
        try:
            y = 1 / x
        except ZeroDivisionError:
            pass
        return y

    error = refused(f, "try:", "`try`")
    assert error.pos.line == f.__code__.co_firstlineno + 2


def test_yield():
    def f(x):
        for i in range(3):
            y = yield x * i
        return y

    def g(x):
        yield from x

    refused(f, "yield x * i", "generator")
    refused(g, "yield from x", "generator")


def test_async():
    async def f(x):
        return await x

    def g(x):
        async def h():
            return 1

        return h

    refused(f, "async def f(x):", "Asynchronous")
    refused(g, "async def h():", "Asynchronous")


def test_class_inside():
    def f(x):
        class A:
            pass

        return A

    refused(f, "class A:", "class")


def test_match():
    def f(x):
        match x:
            case 1:
                return 2
        return 3

    refused(f, "match x:", "`match`")


def test_global_writes():
    def assign(x):
        global COUNT
        COUNT = x

    def aug(x):
        global COUNT
        COUNT += x

    def loop(x):
        global COUNT
        for COUNT in x:
            pass

    def walrus(x):
        global COUNT
        return (COUNT := x)

    def define(x):
        global COUNT

        def COUNT():
            return 1

    def delete():
        global COUNT
        del COUNT

    def imports():
        global itertools
        import itertools

    for f in (assign, aug, loop, delete):
        refused(f, "COUNT", "global variable")
    refused(walrus, "COUNT := x", "global variable")
    refused(define, "def COUNT():", "global variable")
    refused(imports, "import itertools", "global variable")


def test_global_of_a_name_that_the_outer_function_binds():
    def f(x):
        COUNT = x

        def g():
            global COUNT
            return COUNT

        return g() + COUNT

    refused(f, "global COUNT", "global variable")


def test_namespaces():
    def f(x):
        return eval("x")

    def g(x):
        locals()["x"] = 3
        return x

    def h(x, eval):
        return eval(x)

    refused(f, 'eval("x")', "not known before the program runs")
    refused(g, "locals()", "cannot be followed")
    definition_of(h)


def test_with_as():
    def f(x):
        with np.errstate(all="ignore") as state:
            return x, state

    refused(f, "state", "with ... as")


def test_del_of_an_attribute():
    def f(x):
        y = x
        del y, x.size
        return x

    refused(f, "x.size", "`del`")


def test_import_that_fails():
    def f(x):
        import no_such_module_anywhere as m

        return m

    def g(x):
        from math import no_such_function

        return no_such_function

    refused(f, "import no_such_module_anywhere as m", "No module named")
    refused(g, "from math import no_such_function", "cannot import name")


def test_raise_from():
    def f(x):
        raise ValueError from x

    def g(x):
        raise ValueError from None

    refused(f, "raise ValueError from x", "from")
    definition_of(g)


def test_refused_inside_a_nested_function():
    def f(xs):
        return [(lambda x: (yield x))(x) for x in xs]

    refused(f, "yield x", "generator")


def test_several_lines_put_the_caret_on_the_first():
    def f(x):
        return eval(
            "x",
        )

    refused(f, "eval(", "not known")


@pytest.mark.parametrize("fn", [np.sum, len, functools.partial(len), 3, type("C", (), {})])
def test_no_python_source(fn):
    with pytest.raises(SourceError, match="has no Python source") as caught:
        definition_of(fn)
    assert caught.value.remedy


def test_made_by_exec():
    names = {}
    exec("def f(x): return x", names)
    with pytest.raises(SourceError, match="cannot be read") as caught:
        definition_of(names["f"])
    assert "file" in caught.value.remedy


def changed(before, after, file):
    names = {}
    exec(compile(before, file, "exec"), names)
    linecache.cache[file] = (len(after), None, after.splitlines(keepends=True), file)
    return names["f"]


def test_file_that_has_changed_since():
    before = "def f(x):\n    return x\n"
    for k, after in enumerate(("\n\n" + before, "def f(y):\n    return y\n", "def f(x):\n    return (\n", "x\n")):
        with pytest.raises(SourceError, match="not what was compiled"):
            definition_of(changed(before, after, f"<changed {k}>"))


EVERYTHING = """
try: pass
except* ValueError: pass
type A = int
async for x in y: pass
async with x: pass
await x
with (a as b, c): pass
[x async for x in y]
lambda: (yield)
from math import *
f(x := 1, *[yield])
del (a, b.c)
t"{x}"
def g[T](x: T): return x
raise
x: int
print(*a, **b)
""".strip().split("\n")


@pytest.mark.parametrize("line", ["try: pass\n  except* ValueError: pass", *EVERYTHING[2:]])
def test_everything_is_lowered_or_refused(line):
    file = f"<{line}>"
    for kind in ("def", "async def"):
        source = f"{kind} f(y):\n  {line}\n"
        names = {}
        try:
            exec(compile(source, file, "exec"), names)
        except SyntaxError:  # of a newer Python, or not allowed in this sort of function
            continue
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        try:
            definition_of(names["f"])
        except SrcgradError as error:
            assert error.pos is not None and error.remedy
