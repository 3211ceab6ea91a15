"""report(): what is said to be recorded is what is recorded."""

import inspect
import random

import numpy as np
import pytest

import srcgrad
from srcgrad.report import Report
from tests.programs import oracle
from tests.programs.generator import seeded
from tests.support import load

X = np.linspace(0.1, 1.0, 8)


def line_in(f, part):
    lines, start = inspect.getsourcelines(f)
    return start + next(k for k, line in enumerate(lines) if part in line)


def appended(g, *args):
    """The bytes that the gradient's own source appends to its tapes: by another way than the report's."""
    g(*args)
    lines, total = [], []
    for line in g.source.splitlines():
        lines.append(line)
        code = line.split("  #")[0].strip()
        if "_tape" in code and ".append(" in code:
            name = code.split(".append(")[0]
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(f"{indent}TOTAL.append({name}[-1])")
    env = {"TOTAL": total, **g._last.call.__globals__}
    exec("\n".join(lines), env)
    env[g._last.name](*args)
    return total


def size(value):
    if value is None:
        return 0
    if isinstance(value, (list, tuple)):
        return sum(map(size, value))
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    return 1 if isinstance(value, bool) else np.asarray(value).nbytes


def steps(u, n):
    s = 0.0
    u = u.copy()
    for i in range(n):
        u[1:-1] += 0.1 * np.sin(u[1:-1])
        if u[2] > 0.2:
            s = s + np.exp(s * 0.01) * u[i]
    return s * np.sum(u * u)


def test_the_total_is_what_is_appended():
    g = srcgrad.grad(steps)
    for n in (1, 5):
        report = g.report(X, n)
        assert report.bytes == sum(map(size, appended(g, X, n))) > 0
        assert sum(e.count for e in report.entries) == len(appended(g, X, n))
    assert g.report(X, 5).bytes > g.report(X, 1).bytes
    assert g.report(np.linspace(0.1, 1, 80), 5).bytes > g.report(X, 5).bytes


def test_the_total_is_what_is_appended_in_generated_programs():
    rng = random.Random(5)
    done = recorded = 0
    for seed in rng.sample(range(1000), 40):
        f, args = load(seeded(seed)), oracle.inputs(seed)
        if oracle.steady(f, args):
            continue
        g = srcgrad.grad(f, argnums=oracle.ARGNUMS)
        try:
            tapes = appended(g, *args)
        except srcgrad.SrcgradError:
            continue
        report = g.report(*args)
        assert sum(e.bytes for e in report.entries if e.tape) == sum(map(size, tapes)), g.source
        done, recorded = done + 1, recorded + bool(tapes)
    assert done > 15 and recorded > 5


def test_lines_loops_and_rules():
    report = srcgrad.grad(steps).report(X, 5)
    by_variable = {e.variable: e for e in report.entries}
    u = by_variable["u_2"] if "u_2" in by_variable else by_variable["u"]
    assert u.line == line_in(steps, "u[1:-1] +=") and u.function == "steps" and "np.sin" in u.source
    assert u.loops == (("steps", line_in(steps, "for i")),)
    assert any(line == u.line and "np.sin" in rule for _, line, rule in u.readers)
    assert u.tape and u.count == 5 and u.bytes == 5 * 6 * 8
    assert all(e.line and e.readers and e.function == "steps" for e in report.entries)
    exps = next(e for e in report.entries if e is not u)  # np.exp(...), which the rules of `*` and of exp read
    assert exps.line == line_in(steps, "s = s +") and ("steps", exps.line, "*") in exps.readers


def test_nested_loops_and_callees():
    def inner(z, k):
        for _ in range(k):
            z = np.sin(z) * z
        return z

    def f(x, n):
        s = x
        for _ in range(n):
            s = inner(s, 2)
        return np.sum(s)

    report = srcgrad.grad(f).report(X, 3)
    entry = max(report.entries, key=lambda e: e.count)
    assert entry.function == "inner" and [name for name, _ in entry.loops] == ["f", "inner"]
    assert entry.count == 6 and entry.bytes == 6 * X.nbytes


def test_recursive_functions():
    def power(t, n):
        if n == 0:
            return 1.0
        s = t
        for _ in range(3):
            s = np.sin(s) * t
        return s * power(t, n - 1)

    def f(x):
        return power(x, 4)

    report = srcgrad.grad(f).report(0.7)
    tapes = [e for e in report.entries if e.variable.startswith("s") and e.tape]
    assert tapes and all(e.function == "power" and e.count == 12 for e in tapes)


def test_outside_of_loops_records_are_no_lists():
    def f(x):
        y = x * 1.0
        y[:2] = np.sin(y[:2])
        z = y * y
        y[1:] = 0.5 * z[1:]
        return np.sum(z * y)

    report = srcgrad.grad(f).report(X)
    assert report.entries and all(not e.tape and e.count == 1 and not e.loops for e in report.entries)


def test_what_is_kept():
    def f(x):
        y = np.exp(x)
        z = np.sin(y)
        return np.sum(z * z)

    report = srcgrad.grad(f).report(X)
    assert report.entries == () and report.bytes == 0
    assert {e.name for e in report.kept} == {"y", "z"} and report.kept_bytes == 2 * X.nbytes
    kept = {e.name: e for e in report.kept}
    assert kept["y"].line == line_in(f, "y = np.exp") and kept["y"].kept and not kept["y"].tape


def test_nothing_is_recorded_of_a_linear_function():
    def f(x):
        for _ in range(3):
            x = 2 * x + 1
        return np.sum(x)

    report = srcgrad.grad(f).report(X)
    assert report.bytes == 0 and report.entries == ()
    assert "nothing but the arguments" in str(report) or report.kept


@pytest.mark.parametrize("make", [srcgrad.grad, srcgrad.value_and_grad, srcgrad.elementwise_grad])
def test_the_report_prints_as_a_table(make):
    report = make(steps).report(X, n=5)
    assert isinstance(report, Report)
    text = str(report)
    head, columns, rule, *rows = text.splitlines()
    assert "steps" in head and "recorded" in head
    assert columns.split()[0] == "held" and set(rule) == {"-", " "}
    assert len(rows) == len(report.entries) + len(report.kept)
    for entry, row in zip((*report.entries, *report.kept), rows, strict=True):
        assert row.startswith(entry.name) and str(entry.count) in row
    assert [e.bytes for e in report.entries] == sorted((e.bytes for e in report.entries), reverse=True)


def test_the_report_leaves_arguments_and_gradients_alone():
    g = srcgrad.grad(steps)
    x = X.copy()
    before = g(x, 4)
    g.report(x, 4)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(g(x, 4), before)
