"""What the tests share: `check` holds a gradient against central differences, `cases` wraps small programs.

`check` knows nothing of how gradients are made. It compares along random directions, which sees every error of
every component, and asks for structure, shapes and dtypes leaf by leaf. `Cases` turns each small program into
several: as it stands, in a loop, in a branch, and called by another function.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import functools
import inspect
import itertools
import linecache
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import SrcgradError

Path = tuple[Any, ...]


# -- trees -----------------------------------------------------------------------------------------------------------


def is_float_leaf(tree: Any) -> bool:
    if isinstance(tree, (float, np.floating)):
        return True
    return isinstance(tree, np.ndarray) and tree.dtype.kind == "f"


def children(tree: Any) -> list[tuple[Any, Any]] | None:
    """The (key, item) pairs of a container, or None for a leaf."""
    if isinstance(tree, dict):
        return list(tree.items())
    if isinstance(tree, (list, tuple)):
        return list(enumerate(tree))
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [(field.name, getattr(tree, field.name)) for field in dataclasses.fields(tree)]
    return None


def float_leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield (path, leaf) for every float leaf."""
    inside = children(tree)
    if inside is not None:
        for key, item in inside:
            yield from float_leaves(item, path + (key,))
    elif is_float_leaf(tree):
        yield path, tree


def rebuilt(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    """A deep copy of the tree with every float leaf replaced by leaf(old), in the order of float_leaves."""
    inside = children(tree)
    if inside is None:
        return leaf(tree) if is_float_leaf(tree) else copy.deepcopy(tree)
    items = [(key, rebuilt(item, leaf)) for key, item in inside]
    if isinstance(tree, dict):
        return type(tree)(items)
    if isinstance(tree, tuple):
        values = [item for _, item in items]
        return type(tree)(*values) if hasattr(tree, "_fields") else tuple(values)
    if isinstance(tree, list):
        return [item for _, item in items]
    result = copy.copy(tree)
    for key, item in items:
        object.__setattr__(result, key, item)
    return result


def assert_matches(argument: Any, gradient: Any, where: str = "gradient") -> None:
    """The gradient has the structure of its argument, and each leaf its shape and dtype."""
    inside = children(argument)
    if inside is not None:
        if gradient is None and not any(float_leaves(argument)):
            return
        assert type(gradient) is type(argument), f"{where}: {type(gradient).__name__} for a {type(argument).__name__}"
        got = children(gradient)
        assert got is not None
        assert [key for key, _ in got] == [key for key, _ in inside], f"{where}: other keys or another length"
        for (key, item), (_, d_item) in zip(inside, got, strict=True):
            assert_matches(item, d_item, f"{where}[{key!r}]")
    elif not is_float_leaf(argument):
        assert gradient is None, f"{where}: {gradient!r} for {argument!r}, which has no derivative"
    elif isinstance(argument, np.ndarray) and argument.ndim:
        assert isinstance(gradient, np.ndarray), f"{where}: {type(gradient).__name__} for an array"
        assert gradient.shape == argument.shape, f"{where}: shape {gradient.shape}, not {argument.shape}"
        assert gradient.dtype == argument.dtype, f"{where}: dtype {gradient.dtype}, not {argument.dtype}"
    elif isinstance(argument, float) and not isinstance(argument, np.floating):
        assert isinstance(gradient, float), f"{where}: {type(gradient).__name__} for a float"
    else:
        assert np.shape(gradient) == (), f"{where}: shape {np.shape(gradient)} for a scalar"
        assert np.asarray(gradient).dtype == np.asarray(argument).dtype, f"{where}: another dtype"


def assert_same(a: Any, b: Any, where: str = "argument") -> None:
    """Both trees hold the same values, bit for bit."""
    inside = children(a)
    if inside is not None:
        other = children(b)
        assert type(a) is type(b) and other is not None and len(other) == len(inside), f"{where} was modified"
        for (key, item), (_, item_b) in zip(inside, other, strict=True):
            assert_same(item, item_b, f"{where}[{key!r}]")
    elif isinstance(a, (np.ndarray, np.generic, float, int, str)):
        same = np.array_equal(a, b, equal_nan=True) if np.asarray(a).dtype.kind == "f" else np.array_equal(a, b)
        assert same, f"{where} was modified: {a!r} became {b!r}"


# -- central differences ---------------------------------------------------------------------------------------------


class NotSmooth(Exception):
    """The program is not differentiable where it was asked for: the test's mistake, not the compiler's."""


def as_scalar(value: Any) -> float:
    array = np.asarray(value, dtype=float)
    assert array.size == 1, f"the program's value has shape {array.shape}"
    return float(array.reshape(()))


def _moved(args: tuple, argnums: tuple[int, ...], direction: list[Any], step: float) -> tuple:
    rest = iter(direction)

    def nudge(leaf: Any) -> Any:
        delta = step * next(rest)
        if isinstance(leaf, np.ndarray):
            return np.asarray(leaf.astype(float) + delta)
        return float(leaf) + float(delta)

    return tuple(rebuilt(a, nudge) if i in argnums else copy.deepcopy(a) for i, a in enumerate(args))


def slope(value: Callable[..., float], args: tuple, argnums: tuple[int, ...], direction: list[Any],
          step: float = 1e-4) -> float:
    """The derivative of value along the direction, by extrapolated central differences."""

    def at(t: float) -> float:
        result = value(*_moved(args, argnums, direction, t))
        if not np.isfinite(result):
            raise NotSmooth(f"the program's value is {result}")
        return result

    middle, up, down, half_up, half_down = at(0.0), at(step), at(-step), at(step / 2), at(-step / 2)
    wide, narrow = (up - down) / (2 * step), (half_up - half_down) / step
    size = max(1.0, abs(middle), abs(narrow))
    right, left = (half_up - middle) / (step / 2), (middle - half_down) / (step / 2)
    if abs(wide - narrow) > 1e-4 * size or abs(right - left) > 0.05 * size:
        raise NotSmooth(f"slopes {left}, {right}, {wide}, {narrow} differ")
    return (4 * narrow - wide) / 3


def differentiable_args(args: tuple) -> tuple[int, ...]:
    return tuple(i for i, a in enumerate(args) if any(True for _ in float_leaves(a)))


def leaf_gradients(args: tuple, argnums: tuple[int, ...], grads: tuple) -> list[Any]:
    """The gradient's leaves in the order of the float leaves of the arguments."""
    found = []
    for i, gradient in zip(argnums, grads, strict=True):
        for path, _ in float_leaves(args[i]):
            leaf = gradient
            for key in path:
                leaf = getattr(leaf, key) if dataclasses.is_dataclass(leaf) else leaf[key]
            found.append(leaf)
    return found


def compare(f: Callable, args: tuple, argnums: tuple[int, ...], grads: tuple, rtol: float = 1e-6,
            kwargs: dict | None = None, value: Callable[..., float] | None = None, directions: int = 3) -> None:
    """Assert that grads (one for each of argnums) are f's gradients: structure, then numbers."""
    assert isinstance(grads, tuple) and len(grads) == len(argnums), "one gradient for each of argnums"
    for i, gradient in zip(argnums, grads, strict=True):
        assert_matches(args[i], gradient, f"gradient of argument {i}")
    if value is None:
        def value(*moved: Any) -> float:
            return as_scalar(f(*moved, **copy.deepcopy(kwargs or {})))

    leaves = [leaf for i in argnums for _, leaf in float_leaves(args[i])]
    if any(np.asarray(leaf).dtype.itemsize < 8 for leaf in leaves):
        rtol = max(rtol, 2e-4)
    got = leaf_gradients(args, argnums, grads)
    rng = np.random.default_rng(7)
    middle = abs(value(*_moved(args, argnums, [0.0] * len(leaves), 0.0)))
    for _ in range(directions):
        direction = [rng.standard_normal(np.shape(leaf)) for leaf in leaves]
        expected = slope(value, args, argnums, direction)
        actual = float(sum(np.sum(np.asarray(g, dtype=float) * d) for g, d in zip(got, direction, strict=True)))
        allowed = rtol * max(abs(expected), 1e-2) + 1e-10 * middle
        if not abs(actual - expected) <= allowed:
            raise AssertionError(_difference(value, args, argnums, leaves, got, actual, expected))


def compare_modes(f: Callable, args: tuple, argnums: tuple[int, ...], grads: tuple, kwargs: dict | None = None,
                  rtol: float = 1e-9) -> None:
    """The dot-product test: forward mode gives the slope along a random direction that the gradients give."""
    rng = np.random.default_rng(11)
    directions: list[Any] = []

    def draw(leaf: Any) -> Any:
        drawn = rng.standard_normal(np.shape(leaf))
        directions.append(drawn)
        if isinstance(leaf, np.ndarray):
            return np.asarray(drawn, leaf.dtype)
        return type(leaf)(drawn)

    given = copy.deepcopy(args)
    tangents = tuple(rebuilt(a, draw) if i in argnums else None for i, a in enumerate(args))
    kept = copy.deepcopy(tangents)
    program = functools.partial(f, **copy.deepcopy(kwargs)) if kwargs else f
    primal = f(*copy.deepcopy(args), **copy.deepcopy(kwargs or {}))
    value, slope_found = srcgrad.jvp(program, given, tangents)
    assert_same(args, given)
    assert_same(kept, tangents, "tangent")
    small = any(np.asarray(leaf).dtype.itemsize < 8 for i in argnums for _, leaf in float_leaves(args[i]))
    np.testing.assert_allclose(as_scalar(value), as_scalar(primal), rtol=1e-5 if small else 1e-12, atol=1e-12,
                               err_msg="jvp's value is not the primal's")
    assert np.shape(slope_found) == np.shape(primal), f"tangent of shape {np.shape(slope_found)}"
    got = leaf_gradients(args, argnums, grads)
    terms = [np.sum(np.asarray(g, dtype=float) * d) for g, d in zip(got, directions, strict=True)]
    scale = sum(np.sum(np.abs(np.asarray(g, dtype=float) * d)) for g, d in zip(got, directions, strict=True))
    expected, found = float(sum(terms)), as_scalar(slope_found)
    if not abs(found - expected) <= (2e-3 if small else rtol) * max(scale, 1e-2):
        raise AssertionError(f"forward mode gives the slope {found!r}, reverse mode {expected!r}")


def numeric_gradients(value: Callable[..., float], args: tuple, argnums: tuple[int, ...]) -> list[np.ndarray]:
    """Component by component; for messages, and for testing the tests."""
    leaves = [leaf for i in argnums for _, leaf in float_leaves(args[i])]
    result = [np.zeros(np.shape(leaf)) for leaf in leaves]
    for k, leaf in enumerate(leaves):
        for index in np.ndindex(np.shape(leaf)):
            direction = [np.zeros(np.shape(other)) for other in leaves]
            direction[k][index] = 1.0
            result[k][index] = slope(value, args, argnums, direction)
    return result


def _difference(value: Callable, args: tuple, argnums: tuple, leaves: list, got: list, actual: float,
                expected: float) -> str:
    lines = [f"wrong gradient: slope {actual!r}, by central differences {expected!r}"]
    if sum(np.size(leaf) for leaf in leaves) <= 200:
        paths = [(i, *path) for i in argnums for path, _ in float_leaves(args[i])]
        for path, g, n in zip(paths, got, numeric_gradients(value, args, argnums), strict=True):
            mark = "" if np.allclose(np.asarray(g, dtype=float), n, rtol=1e-5, atol=1e-7) else "   <-- differs"
            lines.append(f"argument {path}:\n  srcgrad  {np.asarray(g)}\n  expected {n}{mark}")
    return "\n".join(lines)


# -- check -----------------------------------------------------------------------------------------------------------


def check(f: Callable, *args: Any, argnums: Any = None, rtol: float = 1e-6, kwargs: dict | None = None) -> tuple:
    """Assert that srcgrad's gradient of f at args is right in structure, dtype and value, that nothing of the
    caller's was modified, that a second call gives the same, and that value_and_grad gives the primal's value.

    Returns the gradients, one for each argument in argnums (by default, all that hold floats).
    """
    kwargs = kwargs or {}
    if argnums is None:
        argnums = differentiable_args(args)
    elif isinstance(argnums, int):
        argnums = (argnums,)
    assert argnums, "nothing to differentiate"
    before, kw_before = copy.deepcopy(args), copy.deepcopy(kwargs)

    primal = f(*copy.deepcopy(args), **copy.deepcopy(kwargs))
    g = srcgrad.grad(f, argnums=argnums)
    grads = g(*args, **kwargs)
    assert_same(before, args)
    assert_same(kw_before, kwargs)
    compare(f, args, argnums, grads, rtol, kwargs)
    compare_modes(f, args, argnums, grads, kwargs, max(rtol / 100, 1e-9))

    kept = copy.deepcopy(grads)
    value, again = srcgrad.value_and_grad(f, argnums=argnums)(*args, **kwargs)
    assert_same(before, args)
    np.testing.assert_allclose(as_scalar(value), as_scalar(primal), rtol=1e-6 if rtol > 1e-6 else 1e-12, atol=1e-12,
                               err_msg="value_and_grad's value is not the primal's")
    for first, second in zip(leaf_gradients(args, argnums, kept), leaf_gradients(args, argnums, again), strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-9, atol=1e-12, err_msg="grad and value_and_grad differ")
    repeated = g(*args, **kwargs)
    for first, second, third in zip(leaf_gradients(args, argnums, kept), leaf_gradients(args, argnums, grads),
                                    leaf_gradients(args, argnums, repeated), strict=True):
        np.testing.assert_array_equal(second, first, err_msg="a later call changed the gradient that was returned")
        np.testing.assert_array_equal(third, first, err_msg="a second call gives another gradient")
    return grads


def check_or_refused(f: Callable, *args: Any, **options: Any) -> tuple | SrcgradError:
    """The right gradient, or an error of the package. Only for what the design allows to be refused."""
    try:
        return check(f, *args, **options)
    except SrcgradError as error:
        return error


def line_of(f: Callable, marker: str = "# <- here") -> int:
    """The line number, in its file, of the only line of f's source that holds the marker."""
    lines, first = inspect.getsourcelines(f)
    found = [first + i for i, line in enumerate(lines) if marker in line]
    assert len(found) == 1, f"{len(found)} lines hold {marker!r}"
    return found[0]


def assert_refused(f: Callable, *args: Any, error: type[SrcgradError] | tuple[type[SrcgradError], ...],
                   reason: str, marker: str | None = "# <- here", argnums: Any = 0) -> SrcgradError:
    """grad(f)(*args) raises the error, which names file and line, shows a caret, and says the reason (a regex)."""
    with pytest.raises(error) as info:
        srcgrad.grad(f, argnums=argnums)(*args)
    text = str(info.value)
    import re
    assert re.search(reason, text, re.IGNORECASE), f"{reason!r} is not said in:\n{text}"
    if marker is not None:
        assert info.value.pos is not None, f"no position in:\n{text}"
        line = line_of(f, marker)
        assert info.value.pos.line == line, f"line {info.value.pos.line}, not {line}, in:\n{text}"
        assert f"{inspect.getsourcefile(f)}:{line}" in text
        assert "^" in text
        assert info.value.remedy, f"no remedy in:\n{text}"
    return info.value


# -- programs as text ------------------------------------------------------------------------------------------------

_serial = itertools.count()


def load(text: str, name: str = "f", namespace: dict | None = None) -> Any:
    """Run program text under a file name that linecache knows (so that inspect.getsource works); give `name`."""
    filename = f"<test program {next(_serial)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    env = {"__name__": filename.strip("<>").replace(" ", "_"), **(namespace or {})}
    exec(compile(text, filename, "exec", dont_inherit=True), env)
    return env[name]


# -- small programs in every nesting ---------------------------------------------------------------------------------


class Cases:
    """Collects small programs; `@CASES(arg, ...)` above each gives the arguments at which to check it.

    Every program whose only `return` is its last statement is checked as it stands, inside a loop, inside a
    branch, behind a conditional jump, and as a callee. `wrap` names those that make sense ("" for none);
    `refusable` allows an error of the package in place of the right gradient.
    """

    def __init__(self) -> None:
        self.params: list[Any] = []

    def __call__(self, *args: Any, wrap: str = "loop branch jump callee", **options: Any) -> Callable:
        def register(f: Callable) -> Callable:
            self.params.append(pytest.param(f, args, options, "plain", id=f.__name__))
            for kind in wrap.split():
                self.params.append(pytest.param(f, args, options, kind, id=f"{f.__name__}-in-{kind}"))
            return f
        return register

    def run(self, f: Callable, args: tuple, options: dict, kind: str) -> None:
        program = f if kind == "plain" else wrapped(f, kind)
        options = dict(options)
        run = check_or_refused if options.pop("refusable", False) else check
        run(program, *copy.deepcopy(args), **options)

    def test(self) -> Callable:
        @pytest.mark.parametrize("f, args, options, kind", self.params)
        def test(f: Callable, args: tuple, options: dict, kind: str) -> None:
            self.run(f, args, options, kind)
        return test


LOOP = """
acc_ = 0.0
for trip_ in range(2):
    {body}
    acc_ += (trip_ + 1.5) * ({result})
return acc_
"""
BRANCH = """
flag_ = {first} is not None
if flag_:
    {body}
    acc_ = 1.5 * ({result})
else:
    acc_ = 0.0
return acc_
"""
JUMP = """
acc_ = 0.5
for trip_ in range(4):
    if trip_ == 0:
        continue
    {body}
    acc_ = acc_ * 0.5 + ({result})
    if trip_ == 2:
        return acc_ * 1.5
return acc_
"""
CALLEE = """
acc_ = {call}
return acc_ + 0.5 * {call}
"""
TEMPLATES = {"loop": LOOP, "branch": BRANCH, "jump": JUMP, "callee": CALLEE}


def _body_source(f: Callable) -> tuple[ast.FunctionDef, str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(f))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    last = tree.body[-1]
    returns = [node for node in ast.walk(tree) if isinstance(node, ast.Return)
               and not any(node in ast.walk(inner) for inner in ast.walk(tree)
                           if isinstance(inner, (ast.FunctionDef, ast.Lambda)) and inner is not tree)]
    assert isinstance(last, ast.Return) and last.value is not None and returns == [last], \
        f"{f.__name__} has other returns than one at its end: say wrap='callee' or wrap=''"
    body = [s for s in tree.body[:-1]
            if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) and isinstance(s.value.value, str))]
    return tree, "\n".join(ast.unparse(s) for s in body) or "pass", ast.unparse(last.value)


def _indented(template: str, **parts: str) -> str:
    lines = []
    for line in template.strip().splitlines():
        if line.strip() == "{body}":
            lines.append(textwrap.indent(parts["body"], line[: len(line) - len(line.lstrip())]))
        else:
            lines.append(line.format(**parts))
    return "\n".join(lines)


def wrapped(f: Callable, kind: str) -> Callable:
    """The program f with its body inside a loop, a branch, ..., as a function of its own."""
    assert not f.__closure__, "wrap only module-level functions"
    if kind == "callee":
        tree = ast.parse(textwrap.dedent(inspect.getsource(f))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        a = tree.args
        call = [p.arg for p in a.posonlyargs + a.args]
        call += [f"*{a.vararg.arg}"] if a.vararg else []
        call += [f"{p.arg}={p.arg}" for p in a.kwonlyargs]
        call += [f"**{a.kwarg.arg}"] if a.kwarg else []
        inner = _indented(CALLEE, call=f"{f.__name__}({', '.join(call)})")
    else:
        tree, body, result = _body_source(f)
        params = tree.args.posonlyargs + tree.args.args + ([tree.args.vararg] if tree.args.vararg else [])
        inner = _indented(TEMPLATES[kind], body=body, result=result, first=params[0].arg)
    text = f"def {f.__name__}_in_{kind}({ast.unparse(tree.args)}):\n" + textwrap.indent(inner, "    ") + "\n"
    return load(text, f"{f.__name__}_in_{kind}", _View(f.__globals__))


def _View(env: dict) -> dict:
    return {key: value for key, value in env.items() if not key.startswith("__") or key == "__builtins__"}
