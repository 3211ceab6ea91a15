"""Derivatives of functions that are differentiated inside of a program: from values to a generated function.

This is what the specialiser calls for `grad(f)(x)`; it stands above the transforms and the printer, which the
specialiser does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from srcgrad.codegen import compile_text
from srcgrad.errors import SrcgradError
from srcgrad.frontend import definition_of
from srcgrad.ir.nodes import Pos
from srcgrad.runtime import HELPERS, OF_SCIPY
from srcgrad.specialize.boundary import Boundary
from srcgrad.specialize.inner import Crossing, Read, ask, specialize_inner
from srcgrad.specialize.knowledge import Derived, Learned
from srcgrad.specialize.options import Options
from srcgrad.specialize.places import Place
from srcgrad.specialize.program import Program, specialize
from srcgrad.specialize.values import (
    Closure,
    Value,
)
from srcgrad.transform.derive import generate
from srcgrad.transform.entry import Specialised
from srcgrad.transform.gradient import Wish
from srcgrad.transform.results import GRADIENTS
from srcgrad.writing import namespace_for, text_of

DEFAULTS = dict.fromkeys(GRADIENTS, "1.0")
"""Of the seeds, in modes whose callers do not give them."""


@dataclass
class _Entry:
    """A generated function, and what of the outer program it is right for."""

    closure: Closure
    reads: list[Read]
    texts: list[str]
    derived: Derived
    kept: tuple[Any, ...]


def specialised_for(fn: Callable[..., Any], args: dict[str, Any], derive: Deriver) -> Specialised:
    """The typed program of a function for arguments of the kinds of `args`, as transforms take it."""
    return lambda learned: specialize(fn, args, {*HELPERS, *OF_SCIPY}, learned, derive)


class Deriver:
    """Generates derivatives for one compilation, each of them once: loops are interpreted several times over."""

    def __init__(self) -> None:
        self.known: dict[Any, list[_Entry]] = {}
        self.places: dict[str, tuple[Pos | None, str]] = {}
        """For each generated text the first call of it, and what it is the derivative of."""

    def __call__(
        self, outer: Any, closure: Closure, bound: dict[str, Value], wrt: tuple[Place, ...], options: Options,
        pos: Pos | None,
    ) -> Derived:  # fmt: skip
        """See specialize.knowledge.Derive."""
        boundary = self._replay(outer)
        for name, value in bound.items():
            boundary.argument(value, name)
        start = len(boundary.texts)
        valued = options.with_value or options.has_aux
        key = (
            id(closure.definition), id(closure.function), closure.frame, wrt, options.mode, valued, options.has_aux,
            tuple(boundary.texts),
        )  # fmt: skip
        entries = self.known.setdefault(key, [])
        for entry in entries:
            hidden = self._hidden(outer, bound, entry, start)
            if hidden is not None:
                found = entry.derived
                return Derived(found.function, hidden, found.seeds, found.overwritten)
        entry = _generate(outer, closure, bound, Wish(wrt, options.mode, valued, options.has_aux, again=True), self)
        entries.append(entry)
        where = entry.derived.function.definition.pos
        if where is not None:
            self.places.setdefault(where.file, (pos, closure.definition.name))
        return entry.derived

    def in_users_words(self, error: SrcgradError) -> SrcgradError:
        """An error in a generated text, as one at the place where the user asked for what was generated."""
        if error.pos is None or error.pos.file not in self.places:
            return error
        pos: Pos | None = error.pos
        name = ""
        while pos is not None and pos.file in self.places:
            pos, name = self.places[pos.file]
        what = f"the derivative of {name} that is taken here cannot be differentiated again"
        return type(error)(f"{what}: {error.reason}", error.remedy, pos)

    def _replay(self, outer: Any) -> Boundary:
        return Boundary(outer, lambda hint: hint, lambda text, kind, hidden: text)

    def _hidden(self, outer: Any, bound: dict[str, Value], entry: _Entry, start: int) -> list[Value] | None:
        """What the outer program gives for the hidden parameters, if all answers are as they were."""
        count = 0

        def fresh(hint: str) -> str:
            nonlocal count
            count += 1
            return f"{hint}.{count}"

        boundary = Boundary(outer, fresh, lambda text, kind, hidden: text)
        for name, value in bound.items():
            boundary.argument(value, name)
        for op, args in entry.reads:
            boundary.captured(ask(outer, op, args), "value")
            if boundary.texts != entry.texts[: len(boundary.texts)]:
                return None
        return list(boundary.hidden.values()) if boundary.texts == entry.texts else None


def _generate(outer: Any, closure: Closure, bound: dict[str, Value], wish: Wish, derive: Deriver) -> _Entry:
    crossings: list[Crossing] = []

    def specialised(learned: Learned) -> Program:
        if crossings:
            crossings[0].pin(learned.pinned, outer)
        program, crossing = specialize_inner(outer, closure, bound, {*HELPERS, *OF_SCIPY}, learned)
        crossings[:] = [crossing]
        return program

    made = generate(specialised, wish)
    inputs = made.program.inputs
    hidden = list(crossings[0].boundary.hidden)
    params = [*made.program.names.values(), *hidden]
    default = DEFAULTS.get(wish.mode)
    seeds = [seed if default is None else f"{seed}={default}" for seed in made.seeds]
    text = text_of(made, [*params, *seeds])
    namespace, _ = namespace_for(made)
    function = compile_text(text, made.name, namespace, f"gradient of {made.program.definition.name}")
    names = {name: parameter for parameter, name in made.program.names.items()}
    written = {re.split(r"\W", inputs.local.get(name, name))[0] for name in made.disjoint}
    overwritten = tuple(names[name] for name in sorted(written) if name in names)
    generated = Closure(definition_of(function), function=function, path=(("object", function),))
    values = list(crossings[0].boundary.hidden.values())
    derived = Derived(generated, values, tuple(made.seed_paths), overwritten)
    crossing = crossings[0]
    return _Entry(closure, crossing.reads, crossing.boundary.texts, derived, (bound, crossing))
