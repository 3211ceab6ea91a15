"""The command line, run in this process through click's test runner."""

import ast
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from click.testing import CliRunner

import srcgrad
from srcgrad.cli import main

MODULE = '''\
import numpy as np
import srcgrad
from srcgrad import grad

LIMIT = 3.0


def energy(x, w):
    return np.sum(w * x * x)


@grad
def decorated(x, w):
    return np.sum(w * x * x)


class Model:
    @staticmethod
    def loss(x):
        return np.sum(np.sin(x))


def guarded(x):
    try:
        return np.sum(x)
    finally:
        pass


if __name__ == "__main__":
    raise RuntimeError("the command line imports the file, it does not run it")
'''


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "some_module.py"
    path.write_text(MODULE)
    return path


@pytest.fixture(autouse=True)
def leave_imports_alone(monkeypatch):
    """The command line is the whole of its process: what it adds to sys.path and sys.modules is taken back here."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.endswith(("some_module", "broken")):
            del sys.modules[name]


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def failure(*args):
    """The message of a command that must fail with exit code 1 and no traceback."""
    result = run(*args)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.stderr


def gradient_of(source):
    """The gradient of `energy` that printed source computes."""
    namespace = {"np": np}
    exec(source, namespace)
    found = namespace["energy_grad"](np.array([1.0, -2.0]), np.array([0.5, 3.0]))
    return [d.tolist() for d in found] if isinstance(found, tuple) else found.tolist()


# -- show ------------------------------------------------------------------------------------------------------------


def test_show_prints_source_that_python_can_read(module):
    result = run("show", f"{module}:energy")
    assert result.exit_code == 0, result.output
    ast.parse(result.stdout)
    assert gradient_of(result.stdout) == [1.0, -12.0]
    assert "\x1b" not in result.stdout


def test_show_of_a_decorated_function_shows_its_gradient_not_the_gradient_of_its_gradient(module):
    plain, decorated = run("show", f"{module}:energy"), run("show", f"{module}:decorated")
    assert decorated.exit_code == 0, decorated.output
    assert decorated.stdout.count("\n") == plain.stdout.count("\n")


def test_show_of_a_dotted_name(module):
    result = run("show", f"{module}:Model.loss")
    assert result.exit_code == 0, result.output
    assert "np.cos(x)" in result.stdout


@pytest.mark.parametrize("argnums", ["1", "w", "-1"])
def test_show_takes_a_position_or_a_name(module, argnums):
    result = run("show", f"{module}:energy", "--argnums", argnums)
    assert result.exit_code == 0, result.output
    assert gradient_of(result.stdout) == [1.0, 4.0]


@pytest.mark.parametrize("argnums", ["0,1", "x,w", "x, w,"])
def test_show_takes_several_arguments(module, argnums):
    result = run("show", f"{module}:energy", "--argnums", argnums)
    assert result.exit_code == 0, result.output
    assert gradient_of(result.stdout) == [[1.0, -12.0], [1.0, 4.0]]


def test_color_is_for_terminals(module, monkeypatch):
    seen = []
    monkeypatch.setattr("srcgrad.cli.highlighted", lambda source: seen.append(source) or source)
    assert run("show", f"{module}:energy").exit_code == 0
    assert not seen


# -- emit ------------------------------------------------------------------------------------------------------------


def test_emitted_module_runs_without_srcgrad(module, tmp_path):
    out = tmp_path / "energy_gradient.py"
    result = run("emit", f"{module}:energy", "-o", out)
    assert result.exit_code == 0, result.output
    assert str(out) in result.stderr and result.stdout == ""
    script = textwrap.dedent("""\
        import inspect, sys
        sys.modules["srcgrad"] = None       # any import of it now fails
        import numpy as np, energy_gradient
        functions = [f for name, f in vars(energy_gradient).items() if inspect.isfunction(f) and name[0] != "_"]
        d_x = functions[-1](np.array([1.0, -2.0]), np.array([0.5, 3.0]))
        print(*d_x)
    """)
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    np.testing.assert_allclose([float(word) for word in ran.stdout.split()], [1.0, -12.0])


def test_emit_replaces_an_older_file_and_leaves_nothing_beside_it(module, tmp_path):
    out = tmp_path / "out.py"
    out.write_text("old")
    assert run("emit", f"{module}:energy", "-o", out).exit_code == 0
    assert out.read_text() != "old"
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_failed_emit_leaves_the_older_file_as_it_was(module, tmp_path, monkeypatch):
    out = tmp_path / "out.py"
    out.write_text("old")
    failure("emit", f"{module}:guarded", "-o", out)
    monkeypatch.setattr(srcgrad, "emit", lambda *args, **kwargs: "lone surrogate: \udc80")
    assert run("emit", f"{module}:energy", "-o", out).exit_code == 1
    assert out.read_text() == "old"
    assert not list(tmp_path.glob(".*.tmp"))


def test_emit_does_not_overwrite_the_function_itself(module):
    assert "choose another file" in failure("emit", f"{module}:energy", "-o", module)
    assert module.read_text() == MODULE


def test_emit_into_a_directory_that_is_not_there(module, tmp_path):
    assert "cannot write" in failure("emit", f"{module}:energy", "-o", tmp_path / "nowhere" / "out.py")


# -- mistakes --------------------------------------------------------------------------------------------------------


def test_file_not_found(tmp_path):
    assert "there is no file" in failure("show", f"{tmp_path / 'missing.py'}:f")


def test_missing_function_names_those_there(module):
    message = failure("show", f"{module}:enregy")
    assert "no function enregy" in message
    assert "energy, decorated, guarded" in message


def test_target_without_a_function(module):
    assert "FILE.py:FUNCTION" in failure("show", module)


def test_target_that_is_no_function(module):
    assert "not a function" in failure("show", f"{module}:LIMIT")


def test_file_that_cannot_be_imported(tmp_path):
    (tmp_path / "broken.py").write_text("x = 1\ny = x / 0\n")
    message = failure("show", f"{tmp_path / 'broken.py'}:f")
    assert "broken.py:2" in message and "ZeroDivisionError" in message


def test_file_with_a_syntax_error(tmp_path):
    (tmp_path / "broken.py").write_text("def f(:\n")
    assert "SyntaxError" in failure("show", f"{tmp_path / 'broken.py'}:f")


def test_refusal_is_printed_with_line_and_caret(module):
    message = failure("show", f"{module}:guarded")
    line = MODULE.splitlines().index("    try:") + 1
    assert f"some_module.py:{line}" in message
    assert "try:" in message and "^" in message


def test_argnums_that_are_neither_position_nor_name(module):
    result = run("show", f"{module}:energy", "--argnums", "1.5")
    assert result.exit_code == 2
    assert "neither a position nor a parameter's name" in result.stderr


def test_argnums_that_the_function_does_not_have(module):
    assert failure("show", f"{module}:energy", "--argnums", "z")
