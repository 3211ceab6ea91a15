"""Holding a program on the device against the same program on the host."""

from __future__ import annotations

import ast
import copy
import linecache
from collections.abc import Callable
from typing import Any

import numpy as np

import srcgrad
from tests.standin import Waited, syncs
from tests.support import children, differentiable_args


def moved(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    """The tree with `leaf` of every array in it, of either library."""
    if isinstance(tree, np.ndarray) or type(tree).__name__ == "ndarray":
        return leaf(tree)
    inside = children(tree)
    if inside is None:
        return copy.copy(tree)
    items = [(key, moved(item, leaf)) for key, item in inside]
    if isinstance(tree, dict):
        made = copy.copy(tree)
        made.update(items)
        return made
    values = [item for _, item in items]
    if isinstance(tree, tuple):
        return type(tree)(*values) if hasattr(tree, "_fields") else tuple(values)
    if isinstance(tree, list):
        return values
    result = copy.copy(tree)
    for key, item in items:
        object.__setattr__(result, key, item)
    return result


def to_device(cp: Any, tree: Any) -> Any:
    return moved(tree, cp.asarray)


def to_host(tree: Any) -> Any:
    return moved(tree, lambda a: a if isinstance(a, np.ndarray) else a.get())


def same(host: Any, device: Any, tol: float) -> None:
    """The device's result is that of the host: arrays on the device, of the same dtype and shape; numbers where they
    come of numbers alone, else arrays of no axes."""
    inside = children(host)
    if inside is not None:
        for (_, one), (_, other) in zip(inside, children(device) or [], strict=True):
            same(one, other, tol)
        return
    if isinstance(host, np.ndarray):
        assert type(device).__module__ == "cupy", f"{type(device)} is not on the device"
        assert device.dtype == host.dtype and device.shape == host.shape
    if host is None or isinstance(host, (str, bytes)):
        assert device == host
        return
    got = device.get() if hasattr(device, "get") else device
    scale = max(1.0, float(np.max(np.abs(host), initial=0.0))) if np.asarray(host).dtype.kind in "fciu" else 1.0
    np.testing.assert_allclose(got, host, rtol=tol, atol=tol * scale)


def hold_on_device(cp: Any, f: Callable[..., Any], args: tuple[Any, ...], argnums: Any = None) -> str:
    """value_and_grad of f for CuPy's arrays gives what it gives for NumPy's. Gives the source for the device."""
    argnums = differentiable_args(args) if argnums is None else argnums
    both = srcgrad.value_and_grad(f, argnums=argnums)
    want = both(*copy.deepcopy(args))
    given = to_device(cp, args)
    source = both.source_for(*given)
    with syncs() as waited:
        got = both(*given)
    all_said(waited)
    for before, after in zip(args, given, strict=True):
        same(before, after, 0.0) if not callable(before) else None
    single = any(getattr(a, "dtype", None) == np.float32 for a in args)
    same(want, got, 1e-4 if single else 1e-9)
    return source


def all_said(waited: Waited) -> None:
    """Whatever waited for the device says so."""
    for file, number in waited.lines:
        whole = "".join(linecache.getlines(file))
        text = statement_at(whole, number)
        assert "waits for the device" in text, f"{text}\nwaits for the device, and does not say so, in\n{whole}"


def hold_operator(cp: Any, op: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """An operator applied to a function gives for CuPy's arrays what it gives for NumPy's, as arrays on the device;
    nothing but the generated code waits for it."""
    want = op(*copy.deepcopy(args))
    given = to_device(cp, args)
    with syncs() as waited:
        got = op(*given)
    assert waited.count == len(waited.lines), "something beside the generated code waits for the device"
    all_said(waited)
    for before, after in zip(args, given, strict=True):
        same(before, after, 0.0) if not callable(before) else None
    single = any(getattr(leaf, "dtype", None) == np.float32 for leaf in args)
    same(want, got, 1e-4 if single else 1e-9)


def statement_at(text: str, number: int) -> str:
    """The lines of the innermost statement at a line, and the one before, where a long comment stands; of one with a
    body, its head."""
    best = None
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt) and node.lineno <= number <= (node.end_lineno or 0):
            if best is None or node.lineno >= best.lineno:
                best = node
    assert best is not None
    inside = getattr(best, "body", None)
    last = inside[0].lineno - 1 if isinstance(inside, list) else best.end_lineno
    return "\n".join(text.splitlines()[max(0, best.lineno - 2) : max(best.lineno, last)])
