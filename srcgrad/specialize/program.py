"""The specialiser's entry: a function and example arguments in, a flat typed program out."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.errors import KindError, SrcgradError, UnsupportedError
from srcgrad.frontend import definition_of, free_value
from srcgrad.frontend.source import function_of
from srcgrad.ir.kinds import BOTTOM, DictOf, ListOf, Opaque
from srcgrad.ir.nodes import Assign, Const, Definition, Expr, Load, Name, Pos, Stmt
from srcgrad.ir.walk import root, statements
from srcgrad.marks import is_checkpointed
from srcgrad.rules.libraries import library_of
from srcgrad.rules.registry import own_rule
from srcgrad.runtime import HELPERS
from srcgrad.specialize.environments import copy_environment
from srcgrad.specialize.hooks import refuse_changes_of_what_is_read
from srcgrad.specialize.inputs import MISSING, Describer, Inputs, Path, is_object
from srcgrad.specialize.knowledge import Change, Derive, Frame, Key, Knowledge, Learned, Restart
from srcgrad.specialize.options import TransformedFunction, WrittenFunction
from srcgrad.specialize.outline import close_callees, with_hidden, with_hidden_value
from srcgrad.specialize.pins import paths_of
from srcgrad.specialize.sources import Written
from srcgrad.specialize.spelling import FIXED, NAMED, RESERVED, is_library, plain_function, spelling_of
from srcgrad.specialize.state import State
from srcgrad.specialize.statements import run_block
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Conflict,
    Leaf,
    Static,
    Struct,
    Value,
    constant,
)
from srcgrad.specialize.vectorize import is_plain, looped


@dataclass
class Program:
    """A flat typed program.

    params: the values of the parameters; names: what the generated function calls them; body; result: what it
    returns; inputs: how its leaves are reached;
    used: all variable names; flags: exit flags (False but after their jump); rebound: variables for which `op=` on
    an array became a rebinding, which is right only if nothing else holds their arrays; callees: the typed programs
    of functions that are called rather than written in line. held: variables that must keep their arrays as they are,
    and the place that made each; apart: variables that must not share memory, and where they would. written: which
    variables are those of functions of srcgrad's own.
    """

    definition: Definition
    params: dict[str, Value]
    names: dict[str, str]
    body: tuple[Stmt, ...]
    result: Value
    inputs: Inputs
    used: set[str]
    flags: set[str]
    rebound: dict[str, Pos | None]
    callees: dict[str, Any] = field(default_factory=dict)
    held: dict[str, object] = field(default_factory=dict)
    apart: list[tuple[str, str, Pos | None]] = field(default_factory=list)
    written: Written = field(default_factory=lambda: Written(set(), set()))


class Specializer(State):
    """A State that can look names up: in frames, closures, globals and builtins."""

    def __init__(
        self, knowledge: Knowledge, reserved: set[str], inputs: Inputs, derive: Derive | None = None
    ) -> None:
        super().__init__(knowledge, reserved)
        self.inputs = inputs
        self.derive = derive
        self.localised: dict[str, str] = {}
        self.describer = Describer(inputs, self.function_value, self.localised, knowledge.pinned)
        self.captured = inputs.seen
        self.hook_changes: list[Change] = []
        self.callees: dict[str, Any] = {}

    # ---- names ----

    def fresh(self, hint: str) -> str:
        name = super().fresh(hint)
        while name in self.inputs.captured or name in self.inputs.leaves:
            name = super().fresh(hint)
        return name

    def variable(self, name: str) -> Key:
        """The variable that a name of the present function stands for."""
        frame = self.frame
        while name in frame.definition.nonlocals and frame.parent is not None:
            frame = self.frame_of[frame.parent]
        return (frame.path, name)

    def lookup(self, name: str, pos: Pos | None) -> Value:
        key = self.variable(name)
        value = self.env.get(key)
        if value is None:
            self.read_undefined.add(key)
            return Leaf(Name(self.base_name(key), kind=BOTTOM, pos=pos))
        if key in self.partly_set:  # another trip's value may be what is read
            self.read_undefined.add(key)
        self.resolve(value)
        if isinstance(value, Conflict):
            raise KindError(value.reason, "Give the variable values of one kind.", pos)
        if isinstance(value, Leaf) and isinstance(value.expr, Name):
            return Leaf(Name(value.expr.id, kind=value.kind, pos=pos))
        return value

    def lookup_in(self, path: tuple[object, ...], name: str) -> Value:
        """The value of a variable of another function."""
        self.frames.append(self.frame_of[path])
        try:
            return self.lookup(name, None)
        finally:
            self.frames.pop()

    def free(self, name: str, pos: Pos | None) -> Value:
        """A name that the present function does not bind."""
        frame = self.frame
        while frame.parent is not None:
            frame = self.frame_of[frame.parent]
            if name in frame.definition.locals:
                return self.lookup_in(frame.path, name)
        function = frame.function
        assert function is not None
        return self.global_value(function, frame.function_path, name, pos)

    def global_value(self, function: Callable[..., Any], path: Path | None, name: str, pos: Pos | None) -> Value:
        start: Path = path if path is not None else (("object", function),)
        value, where = free_value(function, name)
        if where == "builtin":
            self.inputs.guards.append(((*start, ("global", name)), MISSING))
            return Static(value, name)
        if _is_generated(function) and (isinstance(value, types.ModuleType) or callable(value)):
            return self.describe_fixed(value, name)
        # the same variable is read once, however many functions name it
        cells = function.__closure__ or ()
        cell = cells[function.__code__.co_freevars.index(name)] if where == "closure" else None
        key = id(cell) if cell is not None else (id(function.__globals__), name)
        if key not in self.captured:
            self.captured[key] = self.describe_captured(value, name, (*start, (where, name)))
        return self.captured[key]

    def outermost(self, name: str) -> Frame | None:
        """The frame in whose module or closure a name is looked up, None where a frame around the place binds it."""
        frame = self.frame
        while frame.parent is not None:
            frame = self.frame_of[frame.parent]
            if name in frame.definition.locals:
                return None
        return frame

    def live(self, name: str) -> Expr | None:
        """A name that no function around the place binds, as it is at each call, whatever it is."""
        frame = self.outermost(name)
        if frame is None:
            return None
        assert frame.function is not None
        value, where = free_value(frame.function, name)
        start: Path = frame.function_path if frame.function_path is not None else (("object", frame.function),)
        if where == "builtin":
            self.inputs.guards.append(((*start, ("global", name)), MISSING))
            return Name(name, kind=Opaque(type(value)))
        if isinstance(value, types.ModuleType) and spelling_of(value) in ("np", "math"):
            self.inputs.guards.append(((*start, (where, name)), value))
            return Name(spelling_of(value), kind=Opaque(types.ModuleType))
        path = (*start, (where, name), ("live", None))
        hidden = next((known for known, other in self.inputs.captured.items() if other == path), None)
        if hidden is None:
            hidden = self.fresh(name)
            self.inputs.captured[hidden] = path
            self.inputs.live.add(hidden)
        return Name(hidden, kind=Opaque(object))

    def captured_key(self, name: str) -> object:
        """By what `captured` knows a global or a closure's variable."""
        frame = self.outermost(name)
        if frame is None or frame.function is None:
            return None
        function: Any = frame.function
        if name in function.__code__.co_freevars:
            return id(function.__closure__[function.__code__.co_freevars.index(name)])
        return id(function.__globals__), name

    def is_live(self, name: str) -> bool:
        return name in self.inputs.live

    def is_input(self, name: str) -> bool:
        return name in self.inputs.leaves

    def is_local(self, name: str) -> bool:
        return name in self.inputs.local

    def describe_fixed(self, value: Any, name: str) -> Value:
        """What generated code calls by a name: it never changes, so that nothing has to be guarded."""
        if callable(value) and not isinstance(value, type):
            made = self.function_value(value, (("object", value),))
            if not isinstance(made, Static):
                return made
        return Static(value, spelling_of(value) or name)

    def describe_captured(self, value: Any, name: str, path: Path) -> Value:
        """A global, a closure's variable, a default or an attribute: numbers and arrays are read at each call,
        everything else is guarded."""
        if path[0] == "default":
            closure: Closure = path[1]
            parameter = next((p for p in closure.definition.params if p.name == name), None)
            if parameter is not None and isinstance(parameter.default, Const):
                return constant(value) if isinstance(value, (bool, int, float, complex)) else Static(value, repr(value))
            path = (*(closure.path or (("object", closure.function),)), ("default", name))
        if (path, id(value)) in self.captured:
            return self.captured[(path, id(value))]
        made = self.captured[(path, id(value))] = self._captured_value(value, name, path)
        return made

    def _captured_value(self, value: Any, name: str, path: Path) -> Value:
        if isinstance(value, NAMED) or value is None or value is Ellipsis:
            self.inputs.guards.append((path, value))
            return Static(value, spelling_of(value) or name)
        if isinstance(value, types.MethodType) and plain_function(value):
            return self.function_value(value, path)
        if callable(value) and (not is_object(value) or own_rule(value) is not None):
            if not isinstance(value, (functools.partial, TransformedFunction)):
                self.inputs.guards.append((path, value))
            if own_rule(value) is not None:
                return Static(value, name)
            made = self.function_value(value, path)
            return Static(value, spelling_of(value) or name) if isinstance(made, Static) else made
        hidden = self.fresh(name)
        self.inputs.captured[hidden] = path
        made = self.describer.describe(value, hidden, path if len(path) > 1 else (*path, ("attribute", "__self__")))
        _freeze(made)
        return made

    def describe_constant(self, value: Any, text: str, owner: Any = None, name: str = "") -> Value:
        """An attribute of something known when compiling: of owner, where that is given."""
        if isinstance(owner, (type, types.ModuleType, types.FunctionType)) and not is_library(owner):
            made = self.describe_captured(value, name, (("object", owner), ("attribute", name)))
            return Static(made.value, text) if isinstance(made, Static) and callable(made.value) else made
        if isinstance(owner, types.ModuleType) and not callable(value) and not isinstance(value, FIXED):
            return self.describe_captured(value, name, (("object", owner), ("attribute", name)))  # sys.stderr
        if isinstance(getattr(value, "__self__", None), (str, bytes)):  # a method of a text
            return Static(value, f"{value.__self__!r}.{value.__name__}")
        if isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic):
            return constant(value)
        if isinstance(value, TransformedFunction) or plain_function(value):
            return self.function_value(value, None)
        if isinstance(value, tuple) and all(isinstance(item, (int, float, str)) for item in value):
            return Struct("tuple", {k: self.describe_constant(item, text) for k, item in enumerate(value)})
        if isinstance(value, np.ndarray):
            raise UnsupportedError(f"{text} is an array held by a module or class", "Pass it as an argument.")
        # np.abs stays np.abs, though the function calls itself absolute
        return Static(value, text if isinstance(owner, types.ModuleType) else spelling_of(value) or text)

    def spelling(self, fn: Static) -> str:
        """How generated code names a static object."""
        return spelling_of(fn.value) if isinstance(fn.value, types.ModuleType) else fn.text or spelling_of(fn.value)

    def function_value(self, value: Any, path: Path | None) -> Value:
        """A callable object as a value."""
        start: Path = path if path is not None else (("object", value),)
        own = isinstance(value, types.MethodType) and not library_of(value)
        if own and isinstance(value.__func__, types.FunctionType):
            owner = self.describe_captured(value.__self__, "self", (*start, ("attribute", "__self__")))
            function = (*start, ("attribute", "__func__"))
            return Bound(self.describe_captured(value.__func__, value.__func__.__name__, function), [owner],
                         origin=(value, path))  # fmt: skip
        if isinstance(value, functools.partial):
            start = (*start, ("attribute", "func"))
            function_of_it = self.describe_captured(value.func, getattr(value.func, "__name__", "function"), start)
            given, named = (*start[:-1], ("attribute", "args")), (*start[:-1], ("attribute", "keywords"))
            args = [self.describe_captured(v, f"given_{k}", (*given, ("item", k))) for k, v in enumerate(value.args)]
            kwargs = {k: self.describe_captured(v, k, (*named, ("item", k))) for k, v in value.keywords.items()}
            self.inputs.guards += [((*given, ("length", None)), len(args)), ((*named, ("length", None)), len(kwargs))]
            return Bound(function_of_it, args, kwargs, (value, path))
        if isinstance(value, TransformedFunction):
            self.inputs.guards.append(((*start, ("attribute", "options")), value.options))
            primal = (*start, ("attribute", "primal"))
            inner = self.describe_captured(value.primal, value.__name__, primal)
            from srcgrad.specialize.transformations import transformed

            return transformed(inner, value.options, None)
        if isinstance(value, WrittenFunction) and isinstance(value.argnums, int):
            inner = self.describe_captured(value.primal, "primal", (*start, ("attribute", "primal")))
            return Bound(self.function(value.written), [inner, constant(value.argnums)])
        if is_plain(value):
            return looped(self, self.describe_captured(value.pyfunc, "pyfunc", (*start, ("attribute", "pyfunc"))))
        if isinstance(value, functools._lru_cache_wrapper):
            return self.function_value(value.__wrapped__, (*start, ("attribute", "__wrapped__")))
        if isinstance(value, types.FunctionType) and plain_function(value):
            try:
                made = self.function(value)
            except SrcgradError:  # it may only be passed on; a call of it says what the matter is
                return Static(value, spelling_of(value))
            made.path = path
            return made
        return Static(value, spelling_of(value))

    def function(self, value: Callable[..., Any]) -> Closure:
        """A Python function of the user's."""
        made = Closure(definition_of(value), function=value, checkpointed=is_checkpointed(value))
        self.inputs.sources[id(function_of(value).__code__)] = value
        return made

    # ---- what is learned ----

    def nested(self) -> Specializer:
        """A state for a function that is compiled on its own, with the same knowledge, inputs and callees."""
        made = Specializer(self.knowledge, self.reserved(), self.inputs, self.derive)
        made.callees, made.captured, made.hook_changes = self.callees, self.captured, self.hook_changes
        made.on_its_own = True
        made.describer = self.describer
        return made

    def reserved(self) -> set[str]:
        """The names that the variables of a function that is compiled on its own must not have."""
        return RESERVED | set(HELPERS) | set(self.inputs.captured)

    def take_as_constants(self, names: set[str]) -> None:
        new = paths_of(names, self.inputs) - self.knowledge.pinned
        if new:
            self.knowledge.pinned |= new
            raise Restart

    def own_variable(self, name: Name) -> None:
        """A leaf of an argument is written: it gets a variable of its own, so that the caller's is left alone."""
        text = self.inputs.local.get(name.id, name.id)
        path, kind = self.inputs.leaves.get(text, ((), BOTTOM))
        if path and path[0][0] != "argument" and isinstance(kind, (ListOf, DictOf)):
            raise UnsupportedError(
                f"{text} belongs to a module or to an enclosing function, and is changed here",
                "Pass it as an argument, or return the new value.", name.pos,
            )  # fmt: skip
        localised = self.knowledge.localised
        if name.id in self.inputs.leaves and not name.id.isidentifier() and name.id not in localised:
            localised.add(name.id)
            raise Restart

    def writable(self, place: Expr, pos: Pos | None) -> Expr:
        name = root(place)
        if name is not None:
            base = place
            while isinstance(base, Load):
                base = base.base
            assert isinstance(base, Name)
            self.own_variable(base)
        return place


def _is_generated(function: Callable[..., Any]) -> bool:
    """Whether a function was generated, or is one that generated code calls."""
    return (getattr(function, "__module__", "") or "").split(".")[0] == "srcgrad"


def _freeze(value: Value) -> None:
    """A container of a module or an enclosing function is not the program's to change."""
    if isinstance(value, Struct):
        if value.type != "tuple":
            value.frozen = "it belongs to a module or to an enclosing function"
        for item in value.values():
            _freeze(item)


def specialize(
    fn: Callable[..., Any], args: dict[str, Any], reserved: set[str] | None = None, learned: Learned | None = None,
    derive: Derive | None = None,
) -> Program:  # fmt: skip
    """The typed program of fn for arguments of the kinds of `args` (by parameter name, defaults filled in).

    learned: what earlier runs over the same function have shown. derive: generates derivatives of functions that are
    differentiated inside of fn. Raises SrcgradError with the place in fn's source where it cannot be done.
    """
    definition = definition_of(fn)

    def once(knowledge: Knowledge) -> Program:
        s = Specializer(knowledge, RESERVED | (reserved or set()), Inputs(), derive)
        s.describer.relate({name: value for name, value in args.items() if name not in definition.hooked})
        frame = Frame(("top",), definition, fn, function_path=(("primal", None),))
        return attempt(s, frame, lambda name, text: s.describer.describe(args[name], text, (("argument", name),)))

    return settled(definition, learned or Learned(), once)


def settled(definition: Definition, learned: Learned, once: Callable[[Knowledge], Program]) -> Program:
    """What `once` makes of a function when it has learned enough to come to its end."""
    knowledge = Knowledge(
        localised=set(learned.localised), copied=set(learned.copied), pinned=set(learned.pinned),
        unrolled=set(learned.unrolled),
    )  # fmt: skip
    for _ in range(200):
        try:
            return once(knowledge)
        except Restart:
            continue
        except RecursionError:
            raise UnsupportedError("the function nests too deeply", pos=definition.pos) from None
    raise KindError("the kinds of this function's containers do not settle", pos=definition.pos)


def attempt(s: Specializer, frame: Frame, describe: Callable[[str, str], Value]) -> Program:
    """Specialise a function as a program of its own. describe: gives the value of a parameter, by its name and the
    text that generated code reads it by."""
    definition, inputs, knowledge = frame.definition, s.inputs, s.knowledge
    s.frames.append(frame)
    s.frame_of[frame.path] = frame
    params: dict[str, Value] = {}
    for parameter in definition.params:  # the user's own names come first, whatever is written in line later
        s.base_name((frame.path, parameter.name))
    for name in sorted(definition.locals):
        s.base_name((frame.path, name))
    names = {p.name: s.names[(frame.path, p.name)] for p in definition.params}
    for text in sorted(knowledge.localised):
        s.localised[text] = s.fresh(re.split(r"\W+", text.strip("]\"'"))[-1] if text[-2] in "\"'" else text)
    for name, given in names.items():
        if name in definition.hooked:
            inputs.live.add(given)
            params[name] = s.env[(frame.path, name)] = Leaf(Name(given, kind=Opaque(object)))
            continue
        params[name] = describe(name, given)
        s.env[(frame.path, name)] = params[name]
    params = {key[1]: value for key, value in copy_environment({(frame.path, n): v for n, v in params.items()}).items()}
    for name in params:
        if (frame.path, name) in knowledge.canonical:  # a container that is bound anew on another path
            s.bind((frame.path, name), s.env[(frame.path, name)], None)
    s.names[(frame.path, definition.result)] = s.names.get((frame.path, definition.result)) or s.fresh("result")
    body = definition.body
    try:
        if body and isinstance(body[-1], Assign) and body[-1].target == Name(definition.result):
            run_block(s, body[:-1])
            from srcgrad.specialize.expressions import evaluate

            result = evaluate(s, body[-1].value)
        else:
            run_block(s, body)
            result = s.env.get((frame.path, definition.result), Static(None))
        s.resolve(result)
    except SrcgradError as error:
        if error.pos is None:
            raise type(error)(error.reason, error.remedy, definition.pos) from None
        raise
    refuse_changes_of_what_is_read(s, statements([*s.out, *(stmt for c in s.callees.values() for stmt in c.body)]))
    close_callees(s.callees, set(inputs.leaves) | inputs.live, s.out)
    flags = {s.names[(frame.path, flag)] for flag in definition.flags if (frame.path, flag) in s.names}
    out = [with_hidden(stmt, s.callees) for stmt in s.out]
    result = with_hidden_value(result, s.callees)
    return Program(
        definition, params, names, tuple(out), result, inputs, s.used, flags, s.rebound_arrays, s.callees, s.held,
        s.apart, Written.of(s),
    )  # fmt: skip
