"""emit: modules of all modes run without srcgrad and give the numbers of the operators; the text is a function of the
source, the kinds and what is asked for."""

import ast
import functools
import os
import pathlib
import pickle
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import srcgrad
from srcgrad import emit, grad, value_and_grad
from srcgrad.api.emit import MODES
from srcgrad.api.examples import describe, examples
from srcgrad.api.gradient import GradientFunction
from srcgrad.api.header import read_header
from srcgrad.errors import ArgumentError
from tests.operators import programs as listed
from tests.operators.programs import Pair, State, captured, elementwise, programs

ROOT = pathlib.Path(__file__).parents[2]
PROGRAMS = programs()
X = np.array([0.5, -1.0, 2.0, 0.25])


def adjoints_of(out, compiled):
    """Adjoints of the parts of a result, by parameter of the generated function."""
    rng = np.random.default_rng(1)
    found = {}
    for name, path in zip(compiled.seeds, compiled.seed_paths, strict=True):
        value = out
        for key in path:
            value = value[key] if isinstance(value, (dict, tuple, list)) else getattr(value, key)
        drawn = rng.standard_normal(np.shape(value))
        found[name] = drawn if np.ndim(value) else float(drawn)
    return found


def tangents_of(made, bound):
    rng = np.random.default_rng(1)

    def draw(value):
        if isinstance(value, dict):
            return {key: draw(item) for key, item in value.items()}
        if isinstance(value, list):
            return [draw(item) for item in value]
        if isinstance(value, Pair):
            return Pair(*map(draw, value))
        if isinstance(value, State):
            return State(draw(value.u), draw(value.t))
        drawn = rng.standard_normal(np.shape(value))
        return drawn if np.ndim(value) else float(drawn)

    values = dict(zip(made._target.names, bound, strict=True))
    places = made._target.places(made.argnums, bound, "f")
    return [draw(values[p] if isinstance(p, str) else values[p[0]][p[1]]) for p in places]


def plain(value):
    """Numbers and containers of the standard library alone, for another process."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return tuple(map(plain, value))
    if isinstance(value, State):
        return {"u": value.u, "t": value.t}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


RUNNER = """
import pickle, sys
sys.path.insert(0, sys.argv[2])
sys.modules["srcgrad"] = None  # any import of it now fails
jobs = pickle.load(open(sys.argv[1], "rb"))
results = []
for name, text, args, kwargs in jobs:
    namespace = {"__name__": name}
    exec(compile(text, name, "exec"), namespace)
    loaded = set(namespace) - {"__name__", "__builtins__"}
    function = namespace[[n for n in namespace if n.endswith(("_grad", "_vjp", "_jvp"))][-1]]
    results.append((name, function(*args, **kwargs)))
assert not any(m.split(".")[0] == "srcgrad" and sys.modules[m] is not None for m in sys.modules)
pickle.dump(results, open(sys.argv[1], "wb"))
"""

STUBS = """
import dataclasses
from typing import NamedTuple


class Pair(NamedTuple):
    a: object
    b: float


@dataclasses.dataclass
class State:
    u: object
    t: float
    name: str = "state"
"""


def test_emitted_modules_run_where_srcgrad_is_not(tmp_path):
    """All programs in all modes: the numbers are those of the function that srcgrad compiled itself."""
    (tmp_path / "tests" / "operators").mkdir(parents=True)
    (tmp_path / "tests" / "operators" / "programs.py").write_text(STUBS)
    jobs, expected = [], {}
    for name, function, argnums, args, kwargs, mode, outputs in PROGRAMS:
        program = functools.partial(function, **kwargs) if kwargs else function
        text = emit(program, argnums, args, mode=mode, outputs=outputs)
        inner, value = MODES[mode]
        made = GradientFunction(program, argnums, mode=inner, with_value=value, outputs=outputs)
        bound = made._target.bind(args, {}, name)
        compiled, given = made._find(made._wanted(), args, {})
        if mode == "jvp":
            seeds = dict(zip(compiled.seeds, tangents_of(made, bound), strict=True))
        elif mode == "vjp":
            seeds = adjoints_of(srcgrad.vjp(program, *args, outputs=outputs)[0], compiled)
        else:
            seeds = {}
        expected[name] = compiled.call(*given, *seeds.values())
        by_name = dict(zip(compiled.params, bound, strict=True))
        jobs.append((name, text, (), {**by_name, **seeds}))
    data = tmp_path / "jobs"
    data.write_bytes(pickle.dumps(jobs))
    # the classes of the arguments come from a module of that name without srcgrad
    ran = subprocess.run([sys.executable, "-c", RUNNER, str(data), str(tmp_path)], cwd=tmp_path, capture_output=True,
                         text=True, check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    for name, found in pickle.loads(data.read_bytes()):
        np.testing.assert_equal(plain(found), plain(expected[name]), err_msg=name)


def test_emitted_modules_import_numpy_alone_where_they_can():
    for name, function, argnums, args, kwargs, mode, outputs in PROGRAMS:
        program = functools.partial(function, **kwargs) if kwargs else function
        tree = ast.parse(emit(program, argnums, args, mode=mode, outputs=outputs))
        imported = {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))}
        allowed = {"import numpy as np"}
        allowed |= {"import math"} if function is captured else set()
        allowed |= {f"from tests.operators.programs import {c}" for c in ("State", "Pair")}
        assert imported <= allowed, (name, imported)
        assert "import math" in imported or function is not captured


# ---- the same input gives the same text --------------------------------------------------------------------------

ALL = """
import functools, hashlib, importlib, pathlib, sys
sys.path.insert(0, sys.argv[1])
from srcgrad import emit
from srcgrad.errors import SrcgradError
from tests.golden.test_golden import _cases, _differentiable
from tests.operators.programs import programs

jobs = [(n, functools.partial(f, **k) if k else f, w, a, m, o) for n, f, w, a, k, m, o in programs()]
for name, function, args in _cases():
    jobs += [(name + m, function, _differentiable(args), args, m, None) for m in ("value_and_grad", "jvp")]
for module in ("calls", "containers", "expressions", "inplace", "integers", "layouts", "side_effects", "statements"):
    for case in importlib.import_module(f"tests.language.test_{module}").CASES.params[::24]:
        function, args, _, kind = case.values
        wrt = _differentiable(args)
        jobs.append((module + function.__name__, function, wrt, args, "value_and_grad", None))
if sys.argv[2] == "backwards":
    jobs.reverse()
lines = []
for name, function, wrt, args, mode, outputs in jobs:
    try:
        text = emit(function, wrt, args, mode=mode, outputs=outputs)
    except SrcgradError as error:
        text = error.reason
    assert sys.argv[1] not in text, "the text tells where the project lies"
    lines.append(f"{name} {hashlib.sha256(text.encode()).hexdigest()}")
print(chr(10).join(sorted(lines)))
"""


def test_the_text_does_not_depend_on_hash_seeds_or_on_what_was_compiled_before():
    found = []
    for seed, order in (("0", "forwards"), ("1", "backwards"), ("4711", "forwards")):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ran = subprocess.run([sys.executable, "-c", ALL, str(ROOT), order], env=environment, capture_output=True,
                             text=True, check=False)  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        found.append(ran.stdout.splitlines())
    assert len(found[0]) > 100
    assert len({line.rsplit(" ", 1)[1] for line in found[0]}) > 100
    for other in found[1:]:
        assert [a for a, b in zip(found[0], other, strict=True) if a != b] == []


def test_shapes_do_not_count_but_what_the_code_depends_on_does():
    f = listed.broadcasting
    rng = np.random.default_rng(0)
    small, large = (rng.random((3, 4)), rng.random((1, 4))), (rng.random((30, 7)), rng.random((1, 7)))
    assert emit(f, 0, small) == emit(f, 0, large)
    assert emit(f, 0, small) != emit(f, 0, (small[0], small[0]))
    assert emit(f, 0, (small[0], small[0])) != emit(f, 0, (small[0], rng.random((2, 3, 4))))
    assert emit(f, 0, small) != emit(f, 0, (small[0], small[1].astype(np.float32)))


def test_print_options_do_not_count():
    before = emit(captured)
    with np.printoptions(precision=2, threshold=2):
        assert emit(captured) == before


def test_texts_are_wrapped_in_valid_docstrings():
    text = emit(listed.texts, 0, (X,))
    header = read_header(text)
    assert header is not None and header.arguments == "x=float64[3], kind='sq\"uar\\\\e'"
    assert ast.get_docstring(ast.parse(text)).count("srcgrad: ") == 6


def test_guessed_kinds_suit_the_kernel():
    for name, expected in (
        ("jacobi_2d", "A=float64[3, 3], B=float64[3, 3], n=int"), ("gauss_seidel", "A=float64[3, 3], n=int"),
        ("heat_3d", "A=float64[3, 3, 3], B=float64[3, 3, 3], n=int"), ("lower_solve", "L=float64[3, 3], b=float64[3]"),
    ):  # fmt: skip
        kernel = getattr(listed.kernels, name)
        output = 1 if name == "lower_solve" else 0
        assert read_header(emit(kernel, mode="vjp", outputs=output)).arguments == expected


# ---- what is asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "name"), [
    ("grad", "elementwise_grad"), ("value_and_grad", "elementwise_value_and_grad"),
    ("elementwise_grad", "elementwise_grad"), ("vjp", "elementwise_vjp"), ("jvp", "elementwise_jvp"),
])  # fmt: skip
def test_modes(mode, name):
    text = emit(elementwise, args=(X[:1],), mode=mode)
    functions = [n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)]
    assert functions[-1].name == name
    assert read_header(text).mode == mode


def test_a_gradient_object_says_what_is_asked_for():
    assert emit(grad(captured)) == emit(captured)
    assert emit(value_and_grad(captured)) == emit(captured, mode="value_and_grad")
    assert emit(grad(captured), mode="jvp") == emit(captured, mode="jvp")
    assert emit(srcgrad.elementwise_grad(elementwise)) == emit(elementwise, mode="elementwise_grad")
    kernel = listed.kernels.lu
    assert emit(srcgrad.elementwise_grad(kernel, outputs="A"), args=(np.eye(3),)) == \
        emit(kernel, args=(np.eye(3),), mode="elementwise_grad", outputs="A")  # fmt: skip


def test_has_aux():
    def f(x):
        return np.sum(x * x), x * 3.0

    text = emit(grad(f, has_aux=True), args=(X,))
    namespace = {}
    exec(text, namespace)
    (value, aux), d_x = namespace["f_value_and_grad"](X)
    assert value == X @ X and (aux == 3 * X).all() and (d_x == 2 * X).all()
    assert "srcgrad: aux yes" in text


def test_captured_values_are_defaults_in_every_mode():
    for mode in ("grad", "vjp", "jvp"):
        namespace = {}
        exec(emit(captured, mode=mode), namespace)
        function = namespace[f"captured_{mode}"]
        args = {"grad": (X,), "vjp": (X, 2, 1.0), "jvp": (X, 2, X)}[mode]
        found = function(*args)
        if mode == "jvp":
            np.testing.assert_allclose(found[1], grad(captured)(X) @ X)
        else:
            np.testing.assert_allclose(found, grad(captured)(X))
        assert function(*args, LIMIT=0.0) is not None


def test_an_unknown_mode():
    with pytest.raises(ArgumentError, match="no mode 'gradient'.*value_and_grad"):
        emit(captured, mode="gradient")


def test_unknown_outputs():
    with pytest.raises(ArgumentError, match="no parameter 'B'"):
        emit(listed.kernels.lu, mode="vjp", outputs="B")


# ---- kinds as text ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [
    1.0, 2, 1j, True, None, "te'x\"t\\n", b"bytes", ..., X, X.astype(np.float32), np.ones((2, 1)), np.ones((1, 1)),
    np.array(2.0), np.float32(1), np.int8(3), np.arange(3), np.array([True]), [1.0, 2.0], [], (), (1.0,), (1, X),
    {"a": X, 3: [X, {"b": None}]}, Pair(X, 2.0), State(X, 1.0), np.sin, elementwise, [X, X[:2], X],
], ids=lambda value: repr(value).split(" at 0x")[0])  # fmt: skip
def test_kinds_are_read_back(value):
    text, complete = describe(("x",), (value,), {})
    assert complete, text
    again = examples(text, {})
    assert list(again) == ["x"]
    assert describe(("x",), (again["x"],), {}) == (text, True)
    assert type(again["x"]) is type(value)


@pytest.mark.parametrize("value", [
    object(), lambda x: x, np.bool_(False), X.astype(">f8"), [object()], {(1, 2): 3}, np.random.default_rng(0), sys,
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_kinds_that_no_text_can_say(value):
    text, complete = describe(("x",), (value,), {})
    assert not complete and text.startswith("x=<")


def test_equal_shapes_are_kept_and_others_told_apart():
    text, _ = describe(tuple("abcd"), (np.ones((7, 2)), np.ones((7, 2)), np.ones((2, 7)), np.ones((1, 7))), {})
    assert text == "a=float64[3, 3], b=float64[3, 3], c=float64[4, 4], d=float64[1, 3]"


def test_arguments_that_no_text_can_say_do_not_hinder():
    text = emit(lambda x, g: np.sum(g(x)), 0, (X, lambda y: y * y))
    assert re.search(r"srcgrad: given x=float64\[3\], g=<builtins.function>", text)
    namespace = {}
    exec(text, namespace)
    np.testing.assert_array_equal(namespace["f_grad"](X, None), 2 * X)


def test_source_of_a_class_and_dedent(tmp_path, monkeypatch):
    """The hash does not count indentation, spaces at the end, line endings, comments, blank lines or decorators."""
    body = "def {name}(x):\n    y = x * 2\n    for _ in range(3):\n        y = y * x\n    return np.sum(y)\n"
    texts = {
        "plain": "import numpy as np\n" + body,
        "tabs": "import numpy as np\n" + body.replace("    ", "\t"),
        "two": "import numpy as np\n" + body.replace("    ", "  "),
        "spaces": "import numpy as np\n" + body.replace("\n", "   \n"),
        "comments": "import numpy as np\n" + body.replace("range(3):", "range(3):  # thrice\n\n        # more\n"),
        "endings": ("import numpy as np\n" + body).replace("\n", "\r\n"),
        "decorated": "import numpy as np\nfrom srcgrad import grad\n\n@grad()\n" + body,
        "nested": "import numpy as np\nclass A:\n" + textwrap.indent(body, "    "),
        "other": "import numpy as np\n" + body.replace("range(3)", "range(4)"),
        "unnested": "import numpy as np\n" + body.replace("        y = y", "        y = y\n    y = y"),
    }
    monkeypatch.syspath_prepend(tmp_path)
    hashes = {}
    for name, text in texts.items():
        (tmp_path / f"hashed_{name}.py").write_bytes(text.format(name="f").encode())
        module = __import__(f"hashed_{name}")
        function = module.A.f if name == "nested" else module.f
        hashes[name] = read_header(emit(function)).sources[0][1]
    same = {hashes.pop(name) for name in list(hashes) if name not in ("other", "unnested")}
    assert len(same) == 1
    assert len(same | set(hashes.values())) == 3
