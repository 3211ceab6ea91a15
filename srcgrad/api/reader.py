"""Reading what a generated function takes beside its arguments, and checking what it was compiled for.

At each call the globals and closure variables that the function reads are read anew, and what was taken as constant
is compared. Both are written out as one small Python function, since this stands in the way of every call.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.api.signature import key_of
from srcgrad.rules.libraries import library_of
from srcgrad.rules.own import RULED_CODE
from srcgrad.specialize.inputs import MISSING, Path
from srcgrad.specialize.options import Options

Reader = Callable[[Any, tuple[Any, ...]], tuple[Any, ...] | None]
"""Takes the function and the arguments; gives the hidden arguments, or None where other code is needed."""


class _Writer:
    """The text of a reader and the constants that it refers to."""

    def __init__(self, names: tuple[str, ...], function: Any, bound: tuple[Any, ...]) -> None:
        self.names, self.function, self.bound = names, function, bound
        self.namespace: dict[str, Any] = {"key_of": key_of}
        self.lines: list[str] = []
        self.held: dict[Any, tuple[str, Any]] = {}

    def constant(self, value: Any) -> str:
        name = f"k{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def value(self, path: Path) -> tuple[str, Any]:
        """An expression for what a path leads to, and its present value."""
        if len(path) == 1:
            start, what = path[0]
            if start == "primal":
                return "function", self.function
            if start == "argument":
                at = self.names.index(what)
                return f"args[{at}]", self.bound[at]
            return self.constant(what), what
        base, owner = self.kept(path[:-1])
        step, key = path[-1]
        if step == "global":
            return f"{base}[{key!r}]", owner[key]
        if step == "closure":
            at = owner.__code__.co_freevars.index(key)
            return f"{base}.__closure__[{at}].cell_contents", owner.__closure__[at].cell_contents
        if step == "default":
            if owner.__kwdefaults__ and key in owner.__kwdefaults__:
                return f"{base}.__kwdefaults__[{key!r}]", owner.__kwdefaults__[key]
            code = owner.__code__
            at = code.co_varnames[: code.co_argcount].index(key) - code.co_argcount
            return f"{base}.__defaults__[{at}]", owner.__defaults__[at]
        if step == "length":
            return f"len({base})", len(owner)
        if step == "item":
            text = repr(key) if isinstance(key, (str, int)) else self.constant(key)
            return f"{base}[{text}]", owner[key]
        return f"{base}.{key}", getattr(owner, key)

    def kept(self, path: Path) -> tuple[str, Any]:
        """The same, in a variable when it is more than a name."""
        name = tuple(id(part) if k == 0 else part for k, part in enumerate(path[0])), path[1:]
        if name not in self.held:
            text, value = self.value(path)
            if not text.isidentifier():
                variable = f"v{len(self.held)}"
                self.lines.append(f"{variable} = {text}")
                text = variable
            self.held[name] = text, value
        return self.held[name]

    def table(self, path: Path) -> Path:
        """A path through a function's globals, as a path through its table of globals."""
        done: list[Any] = []
        for part in path:
            if part[0] == "global":
                done.append(("attribute", "__globals__"))
            done.append(part)
        return tuple(done)

    def refuse_unless(self, condition: str) -> None:
        self.lines.append(f"if not ({condition}): return None")


def make_reader(
    captured: Sequence[Path], guards: Sequence[tuple[Path, Any]], names: tuple[str, ...], function: Any,
    bound: tuple[Any, ...],
) -> Reader:  # fmt: skip
    """The reader of a generated function. guards: paths and the objects that have to stand there."""
    w = _Writer(names, function, bound)
    seen = set()
    for path, expected in guards:
        path = w.table(path)
        if (str(path), id(expected)) in seen:
            continue
        seen.add((str(path), id(expected)))
        if expected is MISSING:
            base, _ = w.kept(path[:-1])
            w.refuse_unless(f"{path[-1][1]!r} not in {base}")
            continue
        text, _ = w.value(path)
        read = isinstance(expected, types.FunctionType) and not library_of(expected)
        if read and expected.__code__ not in RULED_CODE:
            # another function object of the same code is the same, with other captured values; not so in libraries,
            # which are not read: a decorator's inner function is the code of all that it decorates
            w.refuse_unless(f"{text}.__code__ is {w.constant(expected.__code__)}")
        elif type(expected) is int:
            w.refuse_unless(f"type({text}) is int and {text} == {expected}")
        elif isinstance(expected, (str, bytes, int, float, Options)):
            w.refuse_unless(f"{text} == {w.constant(expected)}")
        else:
            w.refuse_unless(f"{text} is {w.constant(expected)}")
    found = []
    for path in captured:
        if path[-1][0] == "live":
            found.append(w.kept(w.table(path[:-1]))[0])
            continue
        text, value = w.kept(w.table(path))
        found.append(text)
        if type(value) in (float, int):
            w.refuse_unless(f"type({text}) is {w.constant(type(value))}")
        else:
            w.refuse_unless(f"key_of({text}) == {w.constant(key_of(value))}")
    body = [f"        {line}" for line in w.lines]
    body.append(f"        return ({''.join(f'{text}, ' for text in found)})")
    text = "\n".join([
        "def read(function, args):", "    try:", *body,
        "    except (AttributeError, IndexError, KeyError, TypeError, ValueError):", "        return None", "",
    ])  # fmt: skip
    exec(compile(text, "<srcgrad reader>", "exec"), w.namespace)
    reader: Reader = w.namespace["read"]
    return reader
