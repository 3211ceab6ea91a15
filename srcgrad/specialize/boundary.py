"""Values of one program as values of another: what a function that is differentiated inside of a program takes.

The inner function is a program of its own. What it reads of the outer one - its arguments, the variables of functions
around it, globals - are other variables there: an argument's parts are read by their access texts, everything else
becomes a hidden parameter. So a derivative reaches the outer variables as it reaches an argument.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import Bottom, Kind, Scalar, forget_value
from srcgrad.ir.nodes import Const, Expr, Name
from srcgrad.specialize.inputs import access
from srcgrad.specialize.iteration import make_range
from srcgrad.specialize.state import State
from srcgrad.specialize.values import (
    Closure,
    Either,
    Iteration,
    Leaf,
    ListedArray,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
    mapped,
)


class NotYet(Exception):
    """A variable is read that no path has set yet: the loop around must be seen once more first."""


class Boundary:
    """The values that have crossed so far.

    fresh: makes the name of a hidden parameter from a hint; declare: is told each variable of the inner program and
    its kind. hidden: the outer value of each hidden parameter, in order. texts: what the inner program depends on, as
    far as it is known: two crossings with equal texts give equal programs.
    """

    def __init__(self, outer: State, fresh: Callable[[str], str], declare: Callable[[str, Kind, bool], str]) -> None:
        self.outer, self.fresh, self.declare = outer, fresh, declare
        self.hidden: dict[str, Value] = {}
        self._given: dict[str, Leaf] = {}
        self.texts: list[str] = []
        self.kept: list[object] = []
        self._names: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._extents: dict[str, str] = {}
        self._structs: dict[int, Struct] = {}

    def argument(self, value: Value, text: str) -> Value:
        """The value of a parameter, or of a part of one, that inner code reads by the text."""
        if isinstance(value, Leaf):
            self._check(value)
            # numbers that are known, such as axes and counts, stay known; floats are variables
            number = isinstance(value.kind, Scalar) and value.kind.dtype.startswith(("float", "complex"))
            kind = forget_value(value.kind) if number else value.kind
            self._note("argument", self._text(kind))
            self._given[text] = value
            return Leaf(Name(self.declare(text, kind, False), kind=kind))
        if isinstance(value, Struct) and value.none is None:
            if id(value) not in self._structs:
                self._note(value.type, value.cls, *([value.row] if isinstance(value, Rows) else []), *value.items)
                made = self._structs[id(value)] = value.like({})
                made.site, made.depth = None, 0
                made.items = {k: self.argument(item, access(value.type, text, k)) for k, item in value.items.items()}
            return self._structs[id(value)]
        if isinstance(value, Iteration) and value.made is not None:
            raise UnsupportedError("an iterator is passed to a derivative", "Pass a list: `list(...)`.")
        return self.captured(value, text)

    def outer_value(self, text: str) -> Value | None:
        """The value in the outer program of what inner code reads by the text."""
        return self.hidden.get(text) or self._given.get(text)

    def captured(self, value: Value, hint: str) -> Value:
        """A value of the outer program that the inner one reads."""
        if isinstance(value, Leaf):
            if isinstance(value.expr, Const):
                self._note("constant", type(value.expr.value), value.expr.value)
                return value
            return Leaf(self._hidden(value, hint))
        if isinstance(value, Static):
            plain = isinstance(value.value, (str, int, float, bytes, type(None)))
            self._note("static", type(value.value), value.value if plain else id(value.value))
            self.kept.append(value)
            return value
        if isinstance(value, Struct):
            return self._struct(value, hint)
        if isinstance(value, Closure):
            self._note("function", id(value.definition), id(value.function), value.frame, value.path, *value.defaults)
            self.kept.append(value)
            defaults = {name: self.captured(item, name) for name, item in value.defaults.items()}
            return dataclasses.replace(value, defaults=defaults)
        if isinstance(value, Iteration):
            return self._iteration(value, hint)
        self._note(type(value), *(getattr(value, name, "") for name in ("options", "seeds", "name", "reason")))
        if isinstance(value, Either):
            value = dataclasses.replace(value, test=self._hidden(Leaf(value.test), "chosen"))
        return mapped(value, lambda part: self.captured(part, hint))

    def _hidden(self, value: Leaf, hint: str) -> Name:
        self._check(value)
        outer = value.expr
        if not isinstance(outer, Name):
            outer = self.outer.temporary(outer, hint).expr
            assert isinstance(outer, Name)
        number = self._numbers.setdefault(outer.id, len(self._numbers))
        self._note("captured", number, self._text(value.kind))
        if outer.id not in self._names:
            words = re.findall(r"\w+", outer.id)
            at = max((k for k, word in enumerate(words) if word.isidentifier()), default=0)
            name = self._names[outer.id] = self.declare(self.fresh("_".join(words[at:]) or hint), value.kind, True)
            self.hidden[name] = Leaf(outer)
        return Name(self._names[outer.id], kind=value.kind)

    def _struct(self, value: Struct, hint: str) -> Struct:
        if id(value) not in self._structs:
            self._note(value.type, value.cls, *([value.row] if isinstance(value, Rows) else []), *value.items)
            made = self._structs[id(value)] = value.like({})
            made.site, made.depth = None, 0
            if value.type != "tuple":
                made.frozen = "it belongs to an enclosing function"
            if value.none is not None:
                made.none = self._hidden(Leaf(value.none), f"{hint}_is_None")
            made.items = {key: self.captured(item, str(key)) for key, item in value.items.items()}
        return self._structs[id(value)]

    def _iteration(self, value: Iteration, hint: str) -> Value:
        if value.bounds is not None and not value.once:
            self._note("range")
            exprs: list[Expr] = [as_expr(self.captured(Leaf(bound), hint)) for bound in value.bounds]
            return make_range(exprs)
        raise UnsupportedError("an iterator of an enclosing function is read here", "Make a list of it: `list(...)`.")

    def _check(self, value: Leaf) -> None:
        if isinstance(value.kind, Bottom):
            raise NotYet
        if isinstance(value.kind, ListedArray):
            self.outer.need_list(value)

    def _note(self, *parts: object) -> None:
        self.texts.append(repr(parts))

    def _text(self, kind: Kind) -> str:
        """A kind; axes are numbered in the order in which they come up."""

        def number(match: re.Match[str]) -> str:
            return self._extents.setdefault(match.group(0), f"base={len(self._extents)}")

        return re.sub(r"base='[^']*'|base=\"[^\"]*\"", number, repr(kind))
