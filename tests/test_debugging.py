"""breakpoint() and pdb in generated code, and in functions with blocks on adjoints."""

import copy
import io
import linecache
import pdb
import sys

import numpy as np
import pytest

import srcgrad

X = np.array([0.4, -0.7, 1.3])


def stopping(x):
    y = x * x
    breakpoint()
    z = np.sin(y) * y
    with srcgrad.adjoint(z) as d_z:
        breakpoint()
        d_z = 2 * d_z
    return np.sum(z)


@pytest.fixture
def stops(monkeypatch):
    """What a breakpoint sees: file, line number, line as linecache has it, local variables."""
    found: list = []

    def stop(*args, **kwargs):
        frame = sys._getframe(1)
        file = frame.f_code.co_filename
        names = copy.deepcopy(dict(frame.f_locals))
        found.append((file, frame.f_lineno, linecache.getline(file, frame.f_lineno), names))

    monkeypatch.setattr(sys, "breakpointhook", stop)
    return found


def test_breakpoints_stop_in_generated_code(stops):
    g = srcgrad.grad(stopping)
    found = g(X)
    np.testing.assert_allclose(found, 2 * (np.sin(X * X) + X * X * np.cos(X * X)) * 2 * X)
    (file, first, text, seen), (other, second, block, later) = stops
    lines = g.source.splitlines()
    assert file == other and "stopping" in file and file.startswith("<srcgrad")
    assert lines[first - 1] == text.rstrip("\n") and "breakpoint()" in text
    assert lines[second - 1] == block.rstrip("\n") and "breakpoint()" in block
    sweep = next(k for k, line in enumerate(lines) if "reverse sweep" in line)
    assert first - 1 < sweep < second - 1
    np.testing.assert_allclose(seen["y"], X * X)
    assert "d_z" not in seen
    np.testing.assert_allclose(later["d_z"], np.ones(3))


def test_undifferentiated_only_the_breakpoint_of_the_function_stops(stops):
    stopping(X)
    assert [file for file, *_ in stops] == [__file__] and "d_z" not in stops[0][3]


def session(commands, call, *args):
    """What pdb writes when it is given the commands, one at each stop."""
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO("\n".join(commands) + "\n"), stdout=out, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    before = sys.gettrace()
    try:
        debugger.runcall(call, *args)
    finally:
        sys.settrace(before)
    return out.getvalue()


def test_pdb_shows_the_generated_line(monkeypatch):
    out = io.StringIO()

    def stop():
        commands = io.StringIO("w\nl 1, 12\np float(d_z[0])\nc\n")
        debugger = pdb.Pdb(stdin=commands, stdout=out, nosigint=True, readrc=False)
        debugger.use_rawinput = False
        debugger.set_trace(sys._getframe(1))

    def f(x):
        z = x * x
        with srcgrad.adjoint(z) as d_z:
            breakpoint()
            d_z = 2 * d_z
        return np.sum(z)

    monkeypatch.setattr(sys, "breakpointhook", stop)
    before = sys.gettrace()
    try:
        g = srcgrad.grad(f)
        np.testing.assert_allclose(g(X), 4 * X)
    finally:
        sys.settrace(before)
    written = out.getvalue()
    here = "breakpoint()" if sys.version_info >= (3, 13) else "d_z[...] = 2 * d_z"  # pdb stops at once, or one line on
    line = next(line for line in g.source.splitlines() if here in line)
    assert "<srcgrad gradient of f" in written and f"-> {line.strip()}" in written
    assert "def f_grad(" in written, "`l` lists the generated source"
    assert "(Pdb) 1.0" in written


def test_pdb_steps_over_a_block_of_an_undifferentiated_function():
    def f(x):
        y = x * 2
        with srcgrad.adjoint(y) as d:
            y = d  # never
        z = y + 1
        return z

    written = session(["n", "n", "n", "n", "p ('z', z)", "c"], f, 1.0)
    shown = [line[3:] for line in written.splitlines() if line.startswith("-> ")]
    assert "y = d  # never" not in shown
    assert shown.index("with srcgrad.adjoint(y) as d:") < shown.index("z = y + 1")
    assert "('z', 3.0)" in written


def test_a_traceback_from_a_block_shows_its_line():
    def f(x):
        y = x * 2
        with srcgrad.adjoint(y) as d:
            raise RuntimeError(f"{len(d)} values")
        return np.sum(y)

    import traceback

    with pytest.raises(RuntimeError, match="3 values") as caught:
        srcgrad.grad(f)(X)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.filename.startswith("<srcgrad gradient of f") and "raise RuntimeError" in (last.line or "")
