"""What the tests of the matrix operators share: Jacobians by central differences, and programs over containers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.support import Path, float_leaves, is_float_leaf, load, rebuilt

Leaves = dict[tuple[Path, Path], np.ndarray]


def at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = getattr(tree, key) if isinstance(key, str) and not isinstance(tree, dict) else tree[key]
    return tree


def moved(tree: Any, path: Path, index: tuple[int, ...], step: float) -> Any:
    """A float64 copy of the tree with one number changed."""
    places = iter([p for p, _ in float_leaves(tree)])

    def change(leaf: Any) -> Any:
        here = np.array(leaf, float)
        if next(places) == path:
            here[index] += step
        return here if isinstance(leaf, np.ndarray) else float(here)

    return rebuilt(tree, change)


def numeric_jacobian(f: Callable[..., Any], arg: Any, step: float = 1e-5) -> Leaves:
    """The Jacobian of a function of one argument by central differences, extrapolated."""
    found: Leaves = {}
    outs = dict(float_leaves(f(copy.deepcopy(arg))))
    for path, leaf in float_leaves(arg):
        for out, value in outs.items():
            found[out, path] = np.zeros((*np.shape(value), *np.shape(leaf)))
        for index in np.ndindex(np.shape(leaf)):
            def value_at(t: float, path: Path = path, index: tuple[int, ...] = index) -> dict[Path, Any]:
                return dict(float_leaves(f(moved(arg, path, index, t))))

            up, down, half_up, half_down = value_at(step), value_at(-step), value_at(step / 2), value_at(-step / 2)
            for out in outs:
                wide = np.subtract(up[out], down[out]) / (2 * step)
                narrow = np.subtract(half_up[out], half_down[out]) / step
                found[out, path][(..., *index)] = (4 * narrow - wide) / 3
    return found


def assert_jacobian(found: Any, out: Any, arg: Any, expected: Leaves, rtol: float = 1e-6, atol: float = 1e-7) -> None:
    """The Jacobian is a tree of the result's structure, in it trees of the argument's, and has these numbers."""
    def inner(place: Path) -> Callable[[Path, Any, Any], None]:
        def check(path: Path, leaf: Any, block: Any) -> None:
            assert type(block) is np.ndarray, f"{place} by {path}: {type(block).__name__}"
            assert block.shape == (*np.shape(at(out, place)), *np.shape(leaf)), f"{place} by {path}: {block.shape}"
            np.testing.assert_allclose(block, expected[place, path], rtol, atol, err_msg=f"{place} by {path}")

        return check

    walk(out, found, lambda place, _, block: walk(arg, block, inner(place)))


def walk(template: Any, tree: Any, check: Callable[[Path, Any, Any], None], path: Path = ()) -> None:
    """Call check(path, leaf, what stands in the tree there) for each float of the template; None for the rest."""
    if is_float_leaf(template):
        check(path, template, tree)
        return
    inside = _parts(template)
    if _is_nothing(template) or inside is None:
        assert tree is None, f"{path}: {tree!r} where there are no floats"
        return
    assert type(tree) is type(template), f"{path}: a {type(tree).__name__} for a {type(template).__name__}"
    found = _parts(tree)
    assert found is not None and list(found) == list(inside)
    for key, item in inside.items():
        walk(item, found[key], check, (*path, key))


def _is_nothing(tree: Any) -> bool:
    """As gradients have it: None for what is no float, and for containers that hold nothing else."""
    inside = _parts(tree)
    if inside is None:
        return not is_float_leaf(tree)
    return bool(inside) and all(map(_is_nothing, inside.values()))


def _parts(tree: Any) -> dict[Any, Any] | None:
    if isinstance(tree, dict):
        return tree
    if isinstance(tree, (list, tuple)):
        return dict(enumerate(tree))
    return dict(vars(tree)) if hasattr(tree, "__dataclass_fields__") else None


# ---- programs ----

SHAPES = [(), (0,), (1,), (2,), (3,), (2, 2), (1, 3), (2, 0)]
TERMS = [
    "np.sin({a}) * np.sum({b})",
    "{a} * {a} + np.sum({b} * {b})",
    "np.sum({a} * {a}) * np.sum({b})",
    "np.exp(-{a})",
    "np.sum({a}, keepdims=True) * np.sum(np.cos({b}))",
    "np.zeros_like({a})",
    "(np.ones(1) * {a})[..., None] * np.arange(3.0)",
]


@st.composite
def programs(draw: Any) -> tuple[Callable[[Any], Any], Any]:
    """A function of one container, and such a container."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    leaves: list[str] = []

    def value(path: str, depth: int) -> Any:
        form = draw(st.sampled_from(["array", "array", "float", "int", *["dict", "list", "tuple"] * (depth > 0)]))
        if form == "array":
            leaves.append(path)
            return rng.uniform(0.2, 1.0, draw(st.sampled_from(SHAPES)))
        if form == "float":
            leaves.append(path)
            return float(rng.uniform(0.2, 1.0))
        if form == "int":
            return 3
        count = draw(st.integers(0, 2))
        if form == "dict":
            return {key: value(f"{path}[{key!r}]", depth - 1) for key in "uv"[:count]}
        items = [value(f"{path}[{k}]", depth - 1) for k in range(count)]
        return items if form == "list" else tuple(items)

    arg = {"x": rng.uniform(0.2, 1.0, draw(st.sampled_from(SHAPES))), "rest": value("p['rest']", 2)}
    leaves.append("p['x']")

    def result(depth: int) -> str:
        form = draw(st.sampled_from(["term", "term", "int", *["dict", "list", "tuple"] * (depth > 0)]))
        if form == "term":
            a, b = draw(st.sampled_from(leaves)), draw(st.sampled_from(leaves))
            return draw(st.sampled_from(TERMS)).format(a=a, b=b)
        if form == "int":
            return "7"
        items = [result(depth - 1) for _ in range(draw(st.integers(1, 2)))]
        if form == "dict":
            return "{" + ", ".join(f"'k{k}': {item}" for k, item in enumerate(items)) + "}"
        return f"[{', '.join(items)}]" if form == "list" else f"({', '.join(items)},)"

    text = f"def f(p):\n    return (np.sum(p['x'] * 2.0), {result(2)})\n"
    return load(text, "f", {"np": np}), arg
