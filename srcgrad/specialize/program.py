"""The specialiser's entry: a function and example arguments in, a flat typed program out."""

from __future__ import annotations

import builtins
import re
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.errors import KindError, SrcgradError, UnsupportedError
from srcgrad.frontend import definition_of, free_value
from srcgrad.ir.kinds import BOTTOM, ListOf, Opaque
from srcgrad.ir.nodes import Assign, Const, Definition, Expr, Load, Name, Op, Pack, Pos, Stmt
from srcgrad.ir.walk import root
from srcgrad.specialize.outline import close_callees, with_hidden
from srcgrad.specialize.inputs import Describer, Inputs, Path
from srcgrad.specialize.state import Frame, Key, Knowledge, Restart, State
from srcgrad.specialize.statements import run_block
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Conflict,
    Leaf,
    Static,
    Struct,
    Value,
    as_expr,
    constant,
    copy_environment,
    join_all,
)


@dataclass
class Program:
    """A flat typed program.

    params: the values of the parameters; body; result: what it returns; inputs: how its leaves are reached;
    used: all variable names; flags: exit flags (False but after their jump); rebound: variables for which `op=` on
    an array became a rebinding, which is right only if nothing else holds their arrays; pairs: the typed programs
    of functions that are called rather than written in line.
    """

    definition: Definition
    function: Callable[..., Any]
    params: dict[str, Value]
    body: tuple[Stmt, ...]
    result: Value
    inputs: Inputs
    used: set[str]
    flags: set[str]
    rebound: dict[str, Pos | None]
    callees: dict[str, Any] = field(default_factory=dict)


class Specializer(State):
    """A State that can look names up: in frames, closures, globals and builtins."""

    def __init__(self, knowledge: Knowledge, reserved: set[str], inputs: Inputs) -> None:
        super().__init__(knowledge, reserved)
        self.inputs = inputs
        self.unrolled_loops: list[list[Pos | None] | None] = []
        self.rebound_arrays: dict[str, Pos | None] = {}
        self.describer = Describer(inputs, self.function_value, knowledge.templates.setdefault("localised", {}))
        self.captured: dict[Any, Value] = {}
        self.callees: dict[str, Any] = {}
        self.inputs_owned: dict[str, str] = {}

    # ---- names ----

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
        if isinstance(value, Conflict):
            raise KindError(value.reason, "Give the variable values of one kind.", pos)
        if isinstance(value, Leaf) and isinstance(value.expr, Name):
            return Leaf(Name(value.expr.id, kind=value.kind, pos=pos))
        return value

    def free(self, name: str, pos: Pos | None) -> Value:
        """A name that the present function does not bind."""
        frame = self.frame
        while frame.parent is not None:
            frame = self.frame_of[frame.parent]
            if name in frame.definition.locals:
                self.frames.append(frame)
                try:
                    return self.lookup(name, pos)
                finally:
                    self.frames.pop()
        function = frame.function
        assert function is not None
        return self.global_value(function, frame.function_path, name, pos)

    def global_value(self, function: Callable[..., Any], path: Path | None, name: str, pos: Pos | None) -> Value:
        key = (id(function), path, name)
        if key not in self.captured:
            value, where = free_value(function, name)
            if where == "builtin":
                return Static(value, name)
            start: Path = path if path is not None else (("object", function),)
            self.captured[key] = self.describe_captured(value, name, (*start, (where, name)))
        return self.captured[key]

    def describe_captured(self, value: Any, name: str, path: Path) -> Value:
        """A global or a closure's variable: numbers and arrays are read at each call, everything else is guarded."""
        if isinstance(value, (types.ModuleType, type)) or value is None or isinstance(value, (str, bytes)):
            self.inputs.guards.append((path, value))
            return Static(value, _spelling_of(value) or name)
        if callable(value) and not _has_attributes(value):
            self.inputs.guards.append((path, value))
            return self.function_value(value, None) if _plain_function(value) else Static(value, _spelling_of(value) or name)
        hidden = self.knowledge.templates.setdefault(("hidden", str(path[-1]), id(value) if False else name), name)
        if hidden in self.used and self.inputs.captured.get(hidden) != path:
            hidden = self.fresh(name)
        self.used.add(hidden)
        self.inputs.captured[hidden] = path
        return self.describer.describe(value, hidden, (("captured", hidden),))

    def describe_constant(self, value: Any, text: str) -> Value:
        """An attribute of something known when compiling."""
        if isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic):
            return constant(value)
        if isinstance(value, (types.FunctionType, types.MethodType)) and _plain_function(value):
            return self.function_value(value, None)
        if isinstance(value, tuple) and all(isinstance(item, (int, float, str)) for item in value):
            return Struct("tuple", {k: self.describe_constant(item, text) for k, item in enumerate(value)})
        if isinstance(value, np.ndarray):
            raise UnsupportedError(f"{text} is an array held by a module or class", "Pass it as an argument.")
        return Static(value, _spelling_of(value) or text)

    def spelling(self, fn: Static) -> str:
        """How generated code names a static object."""
        return _spelling_of(fn.value) if isinstance(fn.value, types.ModuleType) else fn.text or _spelling_of(fn.value)

    def function_value(self, value: Any, path: Path | None) -> Value:
        """A callable object as a value."""
        if isinstance(value, types.MethodType):
            owner = self.describe_captured(value.__self__, "self", (("object", value), ("attribute", "__self__")))
            return Bound(self.function(value.__func__), [owner])
        if isinstance(value, types.FunctionType) and _plain_function(value):
            made = self.function(value)
            made.path = path
            return made
        return Static(value, _spelling_of(value))

    def function(self, value: Callable[..., Any]) -> Closure:
        """A Python function of the user's."""
        if hasattr(value, "primal"):
            value = value.primal
        return Closure(definition_of(value), function=value)

    # ---- what is learned ----

    def nested(self) -> Specializer:
        """A state for a function that is compiled on its own, with the same knowledge, inputs and callees."""
        made = Specializer(self.knowledge, {"np", "math", *self.inputs.captured}, self.inputs)
        made.callees, made.captured = self.callees, self.captured
        made.describer = self.describer
        return made

    def snapshot(self) -> tuple[Any, ...]:
        return copy_environment(self.env), dict(self.names), set(self.used), self.emitted

    def restore(self, saved: tuple[Any, ...]) -> None:
        self.env, self.names, self.used, self.emitted = saved

    def need_dynamic(self, owner: Struct, pos: Pos | None) -> None:
        """A container turns out to need a place in memory when the program runs: start again knowing that."""
        if owner.site is not None and owner.site not in self.knowledge.dynamic and owner.type in ("list", "dict"):
            self.knowledge.dynamic.add(owner.site)
            raise Restart

    def dynamic_list(self, struct: Struct, pos: Pos | None, held: bool = False) -> Leaf:
        """The list as one that exists when the program runs."""
        exprs = tuple(as_expr(item, pos) for item in struct.values())
        item = join_all([expr.kind for expr in exprs])
        if item == Opaque(object):
            raise KindError("a list whose length is not known when compiling must have items of one kind", pos=pos)
        from srcgrad.ir.kinds import forget_value

        expr = Pack("list", exprs, kind=ListOf(forget_value(item)), pos=pos)
        return self.temporary(expr, "items") if held else Leaf(expr)

    def own_variable(self, name: Name) -> None:
        """A leaf of an argument is written: it gets a variable of its own, so that the caller's is left alone."""
        localised = self.knowledge.templates["localised"]
        if name.id in self.inputs.leaves and not name.id.isidentifier() and name.id not in localised:
            localised[name.id] = re.sub(r"\W+", "_", name.id).strip("_")
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

    def container_name(self, owner: Struct, key: object) -> str:
        """A variable for a new part of a container."""
        for name, value in self.env.items():
            if value is owner:
                return self.fresh(f"{self.base_name(name)}_{key}")
        return self.fresh(str(key))


def _plain_function(value: Any) -> bool:
    """Whether a callable is a Python function of the user's."""
    function = getattr(value, "__func__", value)
    if not isinstance(function, types.FunctionType):
        return False
    from srcgrad.rules.registry import lookup

    return (function.__module__ or "").split(".")[0] not in ("numpy", "scipy", "math", "functools") and lookup(value) is None


def _has_attributes(value: Any) -> bool:
    from srcgrad.specialize.inputs import is_object

    return is_object(value)


def _spelling_of(value: Any) -> str:
    """The dotted name of a library's object in generated code."""
    if isinstance(value, types.ModuleType):
        parts = value.__name__.split(".")
        return ".".join(["np", *parts[1:]]) if parts[0] == "numpy" else value.__name__
    name = getattr(value, "__name__", "")
    if isinstance(value, np.ufunc) or getattr(np, name, None) is value:
        return f"np.{name}" if hasattr(np, name) else name
    module = getattr(value, "__module__", "") or ""
    if module.startswith("numpy") and name:
        for prefix, owner in (("np.linalg", np.linalg), ("np.fft", np.fft), ("np.random", np.random)):
            if getattr(owner, name, None) is value:
                return f"{prefix}.{name}"
    if module in ("builtins", "") or getattr(builtins, name, None) is value:
        return name
    if module == "math":
        return f"math.{name}"
    return f"{module}.{name}" if module.split(".")[0] == "scipy" else name


def specialize(fn: Callable[..., Any], args: dict[str, Any], reserved: set[str] | None = None) -> Program:
    """The typed program of fn for arguments of the kinds of `args` (by parameter name, defaults filled in).

    Raises SrcgradError with the place in fn's source where it cannot be done.
    """
    definition = definition_of(fn)
    knowledge = Knowledge()
    for _ in range(200):
        try:
            return _attempt(fn, definition, args, knowledge, reserved or set())
        except Restart:
            continue
        except RecursionError:
            raise UnsupportedError("the function nests too deeply", pos=definition.pos) from None
    raise KindError("the kinds of this function's containers do not settle", pos=definition.pos)


def _attempt(
    fn: Callable[..., Any], definition: Definition, args: dict[str, Any], knowledge: Knowledge, reserved: set[str]
) -> Program:
    inputs = Inputs()
    s = Specializer(knowledge, {"np", "math", *reserved}, inputs)
    frame = Frame(("top",), definition, fn)
    s.frames.append(frame)
    s.frame_of[frame.path] = frame
    params: dict[str, Value] = {}
    for parameter in definition.params:
        name = parameter.name
        s.used.add(name)
        s.names[(frame.path, name)] = name
    for name in definition.locals:  # the user's own names come first, whatever is written in line later
        s.base_name((frame.path, name)) if name not in s.used else None
    for parameter in definition.params:
        name = parameter.name
        params[name] = s.describer.describe(args[name], name, (("argument", name),))
        s.env[(frame.path, name)] = params[name]
    params = {key[1]: value for key, value in copy_environment({(frame.path, n): v for n, v in params.items()}).items()}
    localised = knowledge.templates["localised"]
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
    except SrcgradError as error:
        if error.pos is None:
            raise type(error)(error.reason, error.remedy, definition.pos) from None
        raise
    entry: list[Stmt] = []
    for text, name in localised.items():
        if text in inputs.leaves:
            kind = inputs.leaves[text][1]
            entry.append(Assign(Name(name, kind=kind), Name(text, kind=kind)))
    close_callees(s.callees, set(inputs.leaves), s.out)
    flags = {s.names[(frame.path, flag)] for flag in definition.flags if (frame.path, flag) in s.names}
    out = [with_hidden(stmt, s.callees) for stmt in s.out]
    return Program(
        definition, fn, params, (*entry, *out), result, inputs, s.used, flags, s.rebound_arrays, s.callees
    )


_ = (Const, Op)
