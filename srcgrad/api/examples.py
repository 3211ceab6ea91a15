"""The kinds of a call's arguments as a line of text, and example arguments made of such a line.

    x=float64[3], n=int, params={'w': float64[3, 4]}, act='relu', state=model.State(u=float64[3])

Generated code depends on dtypes, numbers of axes, which of them have length 1 and which arguments have one shape, not
on the shapes themselves. So shapes are written as the smallest ones that say the same, and whoever emits the same
function for larger arrays gets the same text.
"""

from __future__ import annotations

import ast
import importlib
import math
import types
from collections.abc import Set
from typing import Any

import numpy as np

from srcgrad.backends.homes import on_device
from srcgrad.errors import ArgumentError
from srcgrad.specialize.inputs import Path, attributes, is_object

NUMBERS = {"float": 0.5, "int": 2, "complex": 0.5j}


class _Undescribed(Exception):
    """An argument that cannot be made from text."""


class _Writer:
    """home: the names that modules are to be recorded by. known: where ints stand that count as constants."""

    def __init__(self, home: dict[str, str], known: Set[Path]) -> None:
        self.home, self.known = home, known
        self.shapes: dict[tuple[int, ...], tuple[int, ...]] = {}

    def text(self, value: Any, path: Path, seen: tuple[int, ...] = ()) -> str:
        if id(value) in seen or on_device(value):
            raise _Undescribed
        if isinstance(value, np.ndarray):
            return f"{_dtype(value)}[{', '.join(map(str, self.shape(value.shape))) or '()'}]"
        if isinstance(value, np.generic) and value.dtype.kind != "b":  # which of the two a bool is, the code depends on
            return f"np.{_dtype(value)}"
        if value is Ellipsis:
            return "..."
        if value is None or isinstance(value, (bool, str, bytes)):
            return repr(value)
        if type(value) is int and path in self.known:
            return repr(value)
        if type(value) in (float, int, complex):
            return type(value).__name__
        seen = (*seen, id(value))
        if type(value) in (list, tuple):
            items = [self.text(item, (*path, ("item", k)), seen) for k, item in enumerate(value)]
            return f"[{', '.join(items)}]" if type(value) is list else f"({''.join(f'{i}, ' for i in items).rstrip()})"
        if type(value) is dict:
            of = {k: self.text(v, (*path, ("item", k)), seen) for k, v in value.items()}
            return f"{{{', '.join(f'{self.key(k)}: {text}' for k, text in of.items())}}}"
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            of = {name: self.text(v, (*path, ("item", k)), seen)
                  for k, (name, v) in enumerate(zip(value._fields, value, strict=True))}  # fmt: skip
            return f"{self.name(type(value))}({_named(of)})"
        if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc, types.ModuleType)):
            return self.name(value)
        if is_object(value) and not callable(value):
            of = {name: self.text(v, (*path, ("attribute", name)), seen) for name, v in attributes(value).items()}
            return f"{self.name(type(value))}({_named(of)})"
        raise _Undescribed

    def key(self, key: Any) -> str:
        if type(key) not in (str, int, bool):
            raise _Undescribed
        return repr(key)

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The smallest shape that differs from the others as this one does."""
        if all(n == 1 for n in shape):
            return shape
        if shape not in self.shapes:
            ones = tuple(n == 1 for n in shape)
            alike = sum(tuple(n == 1 for n in other) == ones for other in self.shapes)
            self.shapes[shape] = tuple(1 if one else 3 + alike for one in ones)
        return self.shapes[shape]

    def name(self, value: Any) -> str:
        """module.name of what can be imported."""
        if isinstance(value, types.ModuleType):
            raise _Undescribed
        module: str = "numpy" if isinstance(value, np.ufunc) else getattr(value, "__module__", "") or ""
        name: str = getattr(value, "__qualname__", "") or getattr(value, "__name__", "")
        try:
            same = _imported(module, name) is value
        except (ImportError, AttributeError, ValueError):
            same = False
        if not same or not all(part.isidentifier() for part in name.split(".")):
            raise _Undescribed
        return f"{self.home.get(module, module)}.{name}"


def _named(items: dict[str, str]) -> str:
    return ", ".join(f"{name}={text}" for name, text in items.items())


def describe(
    names: tuple[str, ...], bound: tuple[Any, ...], home: dict[str, str], known: Set[Path] = frozenset()
) -> tuple[str, bool]:
    """The kinds of arguments as text, and whether `examples` can read it back. known: where ints stand among the
    arguments that the generated code takes as constants: they are written as they are."""
    writer, parts, complete = _Writer(home, known), [], True
    for name, value in zip(names, bound, strict=True):
        try:
            parts.append(f"{name}={writer.text(value, (('argument', name),))}")
        except _Undescribed:
            parts.append(f"{name}=<{type(value).__module__}.{type(value).__qualname__}>")
            complete = False
    return ", ".join(parts), complete


def examples(text: str, home: dict[str, str]) -> dict[str, Any]:
    """Arguments of the kinds that `describe` wrote down, by parameter.

    home: what the modules are called where they are now, by the names that were recorded. Raises ArgumentError where
    one of them cannot be made.
    """
    try:
        call = ast.parse(f"_({text})", mode="eval").body
        assert isinstance(call, ast.Call)
        return {str(item.arg): _made(item.value, home) for item in call.keywords}
    except (SyntaxError, ImportError, AttributeError, TypeError, ValueError, KeyError, AssertionError) as error:
        raise ArgumentError(
            f"arguments of the kinds {text} cannot be made: {error}.", "Write the module again with `emit`."
        ) from None


def _made(node: ast.expr, home: dict[str, str]) -> Any:
    match node:
        case ast.Name(id=name) if name in NUMBERS:
            return NUMBERS[name]
        case ast.Subscript(value=ast.Name(id=name)):
            shape = ast.literal_eval(node.slice)
            dtype = np.dtype(name)
            fill = 0.5 if dtype.kind in "fc" else 1
            return np.full(shape, fill, dtype)
        case ast.Attribute(value=ast.Name(id="np"), attr=name):
            return np.dtype(name).type(1) if name in np.sctypeDict else getattr(np, name)
        case ast.Attribute():
            return _object(ast.unparse(node), home)
        case ast.List():
            return [_made(item, home) for item in node.elts]
        case ast.Tuple():
            return tuple(_made(item, home) for item in node.elts)
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return {ast.literal_eval(key): _made(value, home) for key, value in pairs if key is not None}
        case ast.Call():
            cls = _object(ast.unparse(node.func), home)
            items = {str(item.arg): _made(item.value, home) for item in node.keywords}
            if issubclass(cls, tuple):
                return cls(**items)
            value = object.__new__(cls)
            for name, item in items.items():
                object.__setattr__(value, name, item)
            return value
    return ast.literal_eval(node)


def _object(path: str, home: dict[str, str]) -> Any:
    """What a dotted path names: the longest part of it that is a module, and an attribute of it."""
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        try:
            return _imported(home.get(module, module), ".".join(parts[cut:]))
        except (ModuleNotFoundError, AttributeError):
            continue
    raise ImportError(f"there is no {path}")


def _imported(module: str, name: str) -> Any:
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def literal(value: Any, largest: int) -> str | None:
    """A value as an expression that needs NumPy alone; None for what has none, and for arrays of more elements."""
    if value is None or type(value) in (bool, int, str):
        return repr(value)
    if type(value) is float:
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if isinstance(value, np.ndarray) and 0 < value.size <= largest and value.dtype.kind in "biuf":
        if np.isfinite(value).all():
            return f"np.array({value.tolist()!r}, dtype=np.{_dtype(value)})"
    return None


def _dtype(value: Any) -> str:
    name: str = value.dtype.name
    if value.dtype.kind not in "biufc" or not value.dtype.isnative:
        raise _Undescribed
    return name
