"""Jumps become structure: the shapes that come out, and that they compute the same."""

import linecache
import random
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srcgrad.frontend import definition_of
from srcgrad.ir import nodes as n
from tests.frontend.interpreter import both, run, text


def shape(fn):
    return text(definition_of(fn).body)


def expect(fn, wanted):
    assert shape(fn) == dedent(wanted).strip("\n")


def test_early_return_moves_the_rest_into_the_else():
    def f(x):
        if x > 2:
            return x
        y = x * 2
        if y > 2:
            return y
        return 5

    expect(
        f,
        """
        if x > 2:
            result = x
        else:
            y = x * 2
            if y > 2:
                result = y
            else:
                result = 5
        """,
    )
    assert [both(f, x) for x in (0, 2, 3)] == [5, 4, 3]
    assert definition_of(f).flags == frozenset()


def test_continue_leaves_no_marker():
    def f(xs):
        s = 0
        for x in xs:
            if x < 0:
                continue
            s += x
            if s > 5:
                s *= 2
                continue
            s += 1
        return s

    expect(
        f,
        """
        s = 0
        for x in xs:
            if not (x < 0):
                s += x
                if s > 5:
                    s *= 2
                else:
                    s += 1
        result = s
        """,
    )
    both(f, [1, -3, 7, 2])


def test_break_keeps_its_marker_and_needs_no_flag():
    def f(xs):
        s = 0
        for x in xs:
            if x < 0:
                break
            s += x
        return s

    expect(
        f,
        """
        s = 0
        for x in xs:
            if x < 0:
                break
            else:
                s += x
        result = s
        """,
    )
    both(f, [1, -3, 7, 2])


def test_nested_exit_is_guarded_by_a_flag():
    def f(x, steps):
        y, scale = x, 1.0
        for _ in range(steps):
            y = y * 2
            if y > 3:
                scale = scale * y
                if scale > 40:
                    break
                y = y / 3
            scale = scale + y
        return scale * y

    expect(
        f,
        """
        (y, scale) = (x, 1.0)
        broke = False
        for _ in range(steps):
            y = y * 2
            if y > 3:
                scale = scale * y
                if scale > 40:
                    broke = True
                    break
                else:
                    y = y / 3
            guard not broke:
                scale = scale + y
        result = scale * y
        """,
    )
    assert definition_of(f).flags == {"broke"}
    both(f, 1.3, 10)


def test_skipped_is_reset_in_each_trip():
    def f(xs):
        s = 0
        for x in xs:
            if x > 0:
                if x > 3:
                    continue
                s += 1
            s += x
        return s

    expect(
        f,
        """
        s = 0
        skipped = False
        for x in xs:
            skipped = False
            if x > 0:
                if x > 3:
                    skipped = True
                    continue
                else:
                    s += 1
            guard not skipped:
                s += x
        result = s
        """,
    )
    both(f, [1, 5, -2, 4, 2])


def test_one_flag_per_break():
    def f(xs):
        s = 0
        for x in xs:
            if x > 0:
                s += 1
                if s > 3:
                    break
                s *= 2
            else:
                if s > 5:
                    s = 7
                    break
            s += x
        return s

    assert definition_of(f).flags == {"broke", "broke_2"}
    assert "guard not (broke or broke_2):" in shape(f)
    for xs in ([1, 1, 1, 1], [1, 5, -1, 2], [-1, 1]):
        both(f, xs)


def test_return_in_a_loop():
    def f(xs):
        for x in xs:
            if x > 3:
                return x
        return -1

    expect(
        f,
        """
        returned = False
        for x in xs:
            if x > 3:
                result = x
                returned = True
                break
        if not returned:
            result = -1
        """,
    )
    both(f, [1, 5])
    both(f, [1])


def test_return_in_nested_loops_breaks_through():
    def f(rows):
        s = 0
        for row in rows:
            for x in row:
                if x > 3:
                    return x
                s += x
            s *= 2
        return s

    expect(
        f,
        """
        s = 0
        returned = False
        for row in rows:
            for x in row:
                if x > 3:
                    result = x
                    returned = True
                    break
                else:
                    s += x
            if returned:
                break
            else:
                s *= 2
        if not returned:
            result = s
        """,
    )
    both(f, [[1, 2], [3, 4], [1]])
    both(f, [[1, 2]])


def test_falling_off_the_end_gives_none():
    def f(x):
        if x > 1:
            return x
        x = 2

    def procedure(x):
        if x[0] > 1:
            return
        x[0] = 5

    expect(
        f,
        """
        if x > 1:
            result = x
        else:
            x = 2
            result = None
        """,
    )
    expect(
        procedure,
        """
        if not (x[0] > 1):
            x[0] = 5
        result = None
        """,
    )
    assert both(f, 0) is None


def test_else_of_a_loop():
    def f(xs):
        for x in xs:
            if x > 3:
                s = x
                break
        else:
            s = 0
        return s

    def g(xs):
        for x in xs:
            x += 1
        else:
            x = 2
        return x

    expect(
        f,
        """
        broke = False
        for x in xs:
            if x > 3:
                s = x
                broke = True
                break
        if not broke:
            s = 0
        result = s
        """,
    )
    expect(
        g,
        """
        for x in xs:
            x += 1
        x = 2
        result = x
        """,
    )
    both(f, [4])
    both(f, [1])


def test_else_of_a_loop_that_returns_or_breaks():
    def f(xs, s):
        for x in xs:
            if x > 3:
                s[0] = 1
                return
            if x < 0:
                break
        else:
            s[0] = 2

    expect(
        f,
        """
        broke = False
        returned = False
        for x in xs:
            if x > 3:
                s[0] = 1
                returned = True
                break
            else:
                if x < 0:
                    broke = True
                    break
        if not (broke or returned):
            s[0] = 2
        result = None
        """,
    )


def test_nothing_follows_an_endless_loop():
    def f(x):
        while True:
            x = x * 2
            if x > 10:
                return x

    expect(
        f,
        """
        while True:
            x = x * 2
            if x > 10:
                result = x
                break
        """,
    )
    assert both(f, 3) == 12


def test_return_deep_in_branches_outside_of_loops():
    def f(a, b):
        if a:
            if b:
                return 1
            a = 2
        return a

    expect(
        f,
        """
        returned = False
        if a:
            if b:
                result = 1
                returned = True
            else:
                a = 2
        if not returned:
            result = a
        """,
    )
    for a in (0, 1):
        for b in (0, 1):
            both(f, a, b)


def test_raise_stays_flat_and_ends_its_path():
    def f(x):
        if x < 0:
            raise ValueError(x)
        if x > 3:
            return x
        raise KeyError

    expect(
        f,
        """
        if x < 0:
            raise ValueError(x)
        if x > 3:
            result = x
        else:
            raise KeyError
        """,
    )
    for x in (-1, 0, 5):
        both(f, x)


def test_return_inside_with():
    def f(x):
        with np.errstate(all="ignore"):
            if x > 1:
                return 1
            x = x + 1
        return x

    assert [both(f, x) for x in (0, 2)] == [1, 1]
    assert definition_of(f).flags == {"returned"}


def test_a_test_with_an_effect_survives_its_empty_branches():
    def f(xs):
        seen = []
        for x in xs:
            if seen.append(x):
                continue
        return seen

    assert both(f, [1, 2]) == [1, 2]


def test_flags_avoid_the_users_names():
    def f(xs, returned, result):
        for broke in xs:
            if broke > 3:
                return broke
        return returned + result

    d = definition_of(f)
    assert (d.result, d.flags) == ("result_2", {"returned_2"})
    both(f, [1, 2], 3, 4)


def test_made_statements_have_a_place():
    def f(xs):
        for x in xs:
            if x > 3:
                return x
        return 0

    def check(stmts):
        for s in stmts:
            assert s.pos is not None and s.pos.file == __file__
            for part in ("body", "orelse"):
                check(getattr(s, part, ()))

    check(definition_of(f).body)


# ---- programs at random --------------------------------------------------------------------------------------


class Program:
    """Writes a function of nested loops and jumps; `trace` records which way it went."""

    def __init__(self, rng):
        self.rng, self.lines, self.count = rng, [], 0

    def mark(self):
        self.count += 1
        return f"s = (s * 31 + {self.count} + p) % 1009; trace.append(s)"

    def test(self):
        self.count += 1
        return f"(s * {self.rng.randint(1, 9)} + p + {self.count}) % {self.rng.choice([2, 2, 3, 4])} == 0"

    def block(self, indent, depth, in_loop):
        for _ in range(self.rng.randint(1, 3)):
            self.statement(indent, depth, in_loop)

    def statement(self, indent, depth, in_loop):
        put = lambda line: self.lines.append("    " * indent + line)  # noqa: E731
        kind = self.rng.choices(
            ["mark", "if", "for", "while", "with", "jump", "return", "raise"],
            [3, 6, 3 if depth else 0, 2, 1, 4 if in_loop else 0, 2 if indent > 1 else 0.2, 0.3],
        )[0]
        if depth == 0 and kind in ("if", "for", "while", "with"):
            kind = "mark"
        if kind == "mark":
            put(self.mark())
        elif kind == "jump":
            put(self.rng.choice(["break", "continue"]))
        elif kind == "return":
            put(self.rng.choice(["return", "return s", f"return s + {self.count}"]))
        elif kind == "raise":
            put(f"if {self.test()} and s % 5 == 1: raise ValueError(s)")
        elif kind == "with":
            put("with nothing:")
            self.block(indent + 1, depth - 1, in_loop)
        elif kind == "if":
            put(f"if {self.test()}:")
            self.block(indent + 1, depth - 1, in_loop)
            for _ in range(self.rng.choice([0, 0, 1])):
                put(f"elif {self.test()}:")
                self.block(indent + 1, depth - 1, in_loop)
            if self.rng.random() < 0.5:
                put("else:")
                self.block(indent + 1, depth - 1, in_loop)
        else:
            self.count += 1
            if kind == "for":
                put(f"for v{self.count} in range({self.rng.randint(0, 4)}):")
            else:
                name = f"w{self.count}"
                put(f"{name} = 0")
                endless = self.rng.random() < 0.3
                put("while True:" if endless else f"while {name} < {self.rng.randint(0, 4)}:")
                put(f"    {name} += 1")
                if endless:
                    put(f"    if {name} > 3:")
                    put("        " + self.rng.choice(["break", "return s", "raise KeyError"]))
            self.block(indent + 1, depth - 1, True)
            if self.rng.random() < 0.4:
                put("else:")
                self.block(indent + 1, depth - 1, in_loop)


class Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def program(seed):
    rng = random.Random(seed)
    writer = Program(rng)
    writer.lines.append("def f(p, s, trace):")
    writer.block(1, 4, False)
    source = "\n".join(writer.lines) + "\n"
    file = f"<program {seed}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"nothing": Nothing()}
    exec(compile(source, file, "exec"), names)
    return names["f"], source


def check_structured(definition):
    """Markers stand last in their block, returns are gone, flags are read and written."""
    set_, read = set(), set()

    def expr(e):
        match e:
            case n.Name():
                read.add(e.id)
            case n.Op():
                for a in e.args:
                    expr(a)
            case n.BoolOp():
                for a in e.items:
                    expr(a)

    def walk(block, in_loop, tail):
        for k, s in enumerate(block):
            last = k == len(block) - 1
            assert not isinstance(s, n.Return)
            if isinstance(s, (n.Break, n.Continue)):
                assert last and in_loop
                assert not (isinstance(s, n.Continue) and tail), "a continue that nothing follows"
            if isinstance(s, n.Assign) and isinstance(s.target, n.Name) and s.target.id in definition.flags:
                set_.add(s.target.id)
            if isinstance(s, n.If):
                expr(s.test)
                assert s.body, "an empty branch"
                walk(s.body, in_loop, tail and last)
                walk(s.orelse, in_loop, tail and last)
            elif isinstance(s, (n.ForEach, n.While)):
                walk(s.body, True, True)
            elif isinstance(s, n.With):
                walk(s.body, in_loop, tail and last)

    walk(definition.body, False, False)
    assert definition.flags == set_ and definition.flags <= read


def outcome_of(seed, args=range(3)):
    f, source = program(seed)
    definition = definition_of(f)
    check_structured(definition)

    for p in args:
        results = []
        for how in ("python", True, False):
            trace = []
            try:
                value = f(p, 3, trace) if how == "python" else run(f, p, 3, trace, real=how)
            except (ValueError, KeyError) as error:
                value = repr(error)
            results.append((value, trace))
        assert results[0] == results[1], f"real jumps differ\n{source}\n{text(definition.body)}"
        assert results[0] == results[2], f"structured jumps differ\n{source}\n{text(definition.body)}"


@pytest.mark.parametrize("chunk", range(10))
def test_random_programs(chunk):
    for seed in range(chunk * 60, (chunk + 1) * 60):
        outcome_of(seed)


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=10_000))
def test_programs_of_hypothesis(seed):
    outcome_of(seed)
