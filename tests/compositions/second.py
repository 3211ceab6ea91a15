"""Programs whose gradients are differentiated again: `weighted(f, args)` is a number made of f's gradient."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad import grad
from tests.support import children, differentiable_args, is_float_leaf, load


def float_texts(tree: Any, text: str):
    """Yield (how to read it, leaf) for every float leaf."""
    inside = children(tree)
    if inside is None:
        if is_float_leaf(tree):
            yield text, tree
        return
    for key, item in inside:
        part = f"{text}.{key}" if dataclasses.is_dataclass(tree) else f"{text}[{key!r}]"
        yield from float_texts(item, part)


def weighted(f: Callable, args: tuple, argnums: tuple[int, ...] | None = None, seed: int = 3) -> Callable:
    """A function of f's arguments: the sum of all parts of f's gradient, each with weights of its own."""
    argnums = differentiable_args(args) if argnums is None else argnums
    rng = np.random.default_rng(seed)
    names = [f"a{k}" for k in range(len(args))]
    namespace: dict[str, Any] = {"np": np, "grad": grad, "f": f}
    terms = []
    for place, k in enumerate(argnums):
        for text, leaf in float_texts(args[k], f"found[{place}]"):
            weight = f"w{len(terms)}"
            namespace[weight] = rng.standard_normal(np.shape(leaf)).astype(np.asarray(leaf).dtype)[()]
            terms.append(f"np.sum({text} * {weight})")
    lines = [
        f"def weighted({', '.join(names)}):",
        f"    found = grad(f, argnums={argnums!r})({', '.join(names)})",
        f"    return {' + '.join(terms)}",
        "",
    ]
    return load("\n".join(lines), "weighted", namespace)
