"""A function that is differentiated inside of another program, specialised for that program's values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from srcgrad.errors import UnsupportedError
from srcgrad.ir.kinds import Kind
from srcgrad.ir.nodes import Pos
from srcgrad.specialize.boundary import Boundary
from srcgrad.specialize.inputs import Inputs
from srcgrad.specialize.knowledge import Frame, Key, Knowledge, Learned, Restart
from srcgrad.specialize.pins import paths_of
from srcgrad.specialize.program import Program, Specializer, attempt, settled
from srcgrad.specialize.spelling import RESERVED
from srcgrad.specialize.values import Closure, Value

Read = tuple[str, tuple[Any, ...]]
"""A question to the outer program: the name of a method of Specializer, and its arguments."""


class Outside(Exception):
    """The outer program must be specialised once more; it is raised through the inner one."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


@dataclass
class Crossing:
    """What an inner program took of the outer one. reads: the questions that were asked, in order."""

    boundary: Boundary
    reads: list[Read] = field(default_factory=list)

    def pin(self, paths: Iterable[Any], outer: Specializer) -> None:
        """Have the numbers of the outer program that stand behind some of the inner one taken as constants."""
        outer.need_known([value for ((_, text),) in paths if (value := self.boundary.outer_value(text)) is not None])


class Inner(Specializer):
    """A Specializer that asks the outer program for whatever its function does not bind."""

    def __init__(self, knowledge: Knowledge, reserved: set[str], inputs: Inputs, outer: Specializer) -> None:
        super().__init__(knowledge, reserved, inputs, outer.derive)
        self.outer = outer
        self.frame_of.update(outer.frame_of)
        self.crossing = Crossing(Boundary(outer, self.fresh, self._declare))
        self.seen: dict[Any, tuple[Any, Value]] = {}

    def _declare(self, text: str, kind: Kind, hidden: bool) -> str:
        name = self.localised.get(text, text)
        path = (("hidden" if hidden else "argument", text),)
        if name != text:
            self.inputs.local[name] = text
        if hidden:
            self.inputs.captured[text] = path
        self.inputs.leaves[name] = (path, kind)
        return name

    # ---- what the outer program knows ----

    def asked(self, op: str, *args: Any) -> Value:
        """What the outer program answers, as a value of this one."""
        key = (op, *(id(arg) if not isinstance(arg, (str, tuple)) else arg for arg in args))
        try:
            hash(key)
        except TypeError:
            key = (op, *map(id, args))
        if key not in self.seen:
            value = ask(self.outer, op, args)
            self.crossing.reads.append((op, args))
            self.seen[key] = (args, self.crossing.boundary.captured(value, "value"))
        return self.seen[key][1]

    def lookup(self, name: str, pos: Pos | None) -> Value:
        key = self.variable(name)
        if key not in self.env and key[0] in self.outer.frame_of:
            return self.asked("lookup_in", key[0], name)
        return super().lookup(name, pos)

    def lookup_in(self, path: tuple[object, ...], name: str) -> Value:
        if path in self.outer.frame_of:
            return self.asked("lookup_in", path, name)
        return super().lookup_in(path, name)

    def global_value(self, function: Callable[..., Any], path: Any, name: str, pos: Pos | None) -> Value:
        return self.asked("global_value", function, path, name, None)

    def describe_captured(self, value: Any, name: str, path: Any) -> Value:
        return self.asked("describe_captured", value, name, path)

    def describe_constant(self, value: Any, text: str, owner: Any = None, name: str = "") -> Value:
        return self.asked("describe_constant", value, text, owner, name)

    def function_value(self, value: Any, path: Any) -> Value:
        return self.asked("function_value", value, path)

    def take_as_constants(self, names: set[str]) -> None:
        """The outer program's numbers are the outer program's to pin."""
        try:
            self.crossing.pin(paths_of(names, self.inputs), self.outer)
        except (Restart, Outside) as cause:
            raise Outside(cause) from None

    def nested(self) -> Specializer:
        made = Inner(self.knowledge, self.reserved(), self.inputs, self.outer)
        made.callees, made.captured, made.seen, made.crossing = self.callees, self.captured, self.seen, self.crossing
        made.localised, made.on_its_own = self.localised, True
        return made

    # ---- what it may not do ----

    def bind(self, key: Key, value: Value, pos: Pos | None, canonical: bool = False) -> None:
        if key[0] in self.outer.frame_of:
            raise UnsupportedError(
                f"a function that is differentiated here assigns `{key[1]}` of the function around it",
                "Return the new value, with has_aux=True if it is to be had beside the gradient.", pos,
            )  # fmt: skip
        super().bind(key, value, pos, canonical)


def ask(outer: Specializer, op: str, args: tuple[Any, ...]) -> Value:
    """Ask the outer program. What restarts it goes through the inner program's own restarts untouched."""
    try:
        answer: Value = getattr(outer, op)(*args)
        return answer
    except (Restart, Outside) as cause:
        raise Outside(cause) from None


def specialize_inner(
    outer: Specializer, closure: Closure, bound: dict[str, Value], reserved: set[str], learned: Learned
) -> tuple[Program, Crossing]:
    """The typed program of a function for the values that an outer program calls it with, and what it takes of that.

    bound: the value of each parameter.
    """
    definition = closure.definition
    found: list[Inner] = []

    def once(knowledge: Knowledge) -> Program:
        s = Inner(knowledge, RESERVED | reserved, Inputs(homes=outer.inputs.homes), outer)
        found[:] = [s]
        path = (*outer.frame.path, "differentiated", definition.name)
        frame = Frame(path, definition, closure.function, closure.frame, closure.path)
        return attempt(s, frame, lambda name, text: s.crossing.boundary.argument(bound[name], text))

    try:
        program = settled(definition, learned, once)
    except Outside as outside:
        raise outside.cause from None
    return program, found[0].crossing


