"""Functions that are compiled on their own, because they are recursive: the caller keeps a call (Invoke).

What a call passes is flattened: one parameter for each float, array or list in the arguments and in the variables
that the callee captures; everything else (functions, strings, None) is part of the callee's key.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import Array, Dim, Extent, Kind, Scalar, forget_value
from srcgrad.ir.nodes import Assign, Call, Const, Definition, Expr, Free, Invoke, Name, Node, Pos, Stmt
from srcgrad.ir.walk import expressions_of, map_own, reads_of, rebuild, statements, subexpressions, with_blocks
from srcgrad.rules.solved import Handed
from srcgrad.specialize.environments import copy_environment
from srcgrad.specialize.spelling import is_of_srcgrad
from srcgrad.specialize.state import Frame, State
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Leaf,
    Static,
    Struct,
    Value,
    leaves,
    mapped,
    same,
)


class Unreached(Exception):
    """A recursive call whose result is not known yet: the path that it stands on is left for the next attempt."""


@dataclass
class Callee:
    """A function compiled on its own. params: its leaf parameters; outs: its result's leaves, variables of the body."""

    name: str
    params: list[Name]
    body: tuple[Stmt, ...] = ()
    result: Value | None = None
    outs: list[Name] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)
    definition: Definition | None = None
    rebound: dict[str, Pos | None] = field(default_factory=dict)
    hidden: list[Name] = field(default_factory=list)
    reordered: bool = False


def invoke(s: Any, fn: Closure, bound: dict[str, Value], pos: Pos | None) -> Value:
    """Emit a call of a function that is compiled on its own."""
    key, args = outlined(s, fn, bound, pos)
    callee = s.callees[key]
    if callee.result is None:
        raise Unreached
    table: dict[str, Name] = {}
    for out in callee.outs:
        table[out.id] = Name(s.fresh(_hint(fn.definition)), kind=out.kind, pos=pos)
    s.emit(Invoke(tuple(table[out.id] for out in callee.outs), key, tuple(args), pos=pos))
    return _instance(callee.result, table)


def outlined(
    s: Any, fn: Closure, bound: dict[str, Value], pos: Pos | None, purpose: str = ""
) -> tuple[str, list[Expr]]:
    """Compile a function on its own, for arguments of these kinds: its key among the callees, and what it is given.

    purpose: functions compiled for different purposes are different functions.
    """
    captured = _captured(s, [fn, *(inner for value in bound.values() for inner in _closures(value))])
    given = {("argument", name): value for name, value in bound.items()} | {
        ("captured", key): value for key, value in captured.items()
    }
    template, args = _flatten(s, given, pos)
    key = f"{purpose}{fn.definition.name}:{id(fn.definition)}:{_key(template)}"
    if key not in s.callees:
        name = fn.definition.name.strip("_")
        own = name.isidentifier() and name != "lambda" and not (purpose and is_of_srcgrad(fn))
        s.callees[key] = Callee(s.fresh(name if own else purpose), [])
        _compile(s, key, fn, template, pos)
    return key, args


def _hint(definition: Definition) -> str:
    return f"{definition.name}_value"


def _captured(s: Any, functions: list[Closure]) -> dict[Any, Value]:
    """The variables of enclosing functions that the callee reads, and the functions that it is given."""
    found: dict[Any, Value] = {}
    work = functions[::-1]
    while work:
        inner = work.pop()
        path = inner.frame
        names = _free_names(inner.definition)
        while path is not None:
            frame = s.frame_of[path]
            for name in sorted(names & frame.definition.locals):
                key = (path, name)
                if key in s.env and key not in found:
                    found[key] = s.env[key]
                    work += _closures(s.env[key])
            path = frame.parent
    if functions[0].definition.nonlocals:
        raise UnsupportedError(
            "a function that is recursive, or that a solver calls, assigns `nonlocal` variables",
            pos=functions[0].definition.pos,
        )
    return found


def _closures(value: Value) -> list[Closure]:
    """The functions in a value, whose captured variables a callee may read too."""
    if isinstance(value, Closure):
        return [value]
    if isinstance(value, Struct):
        return [inner for item in value.values() for inner in _closures(item)]
    if isinstance(value, Bound):
        return [inner for item in (value.function, *value.args, *value.kwargs.values()) for inner in _closures(item)]
    return []


def _free_names(node: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(node, Free):
        return {node.id}
    if isinstance(node, tuple):
        for item in node:
            found |= _free_names(item)
    elif isinstance(node, Node):
        for f in dataclasses.fields(node):
            if f.name not in ("pos", "kind"):
                found |= _free_names(getattr(node, f.name))
    return found


def _flatten(s: State, given: dict[Any, Value], pos: Pos | None) -> tuple[dict[Any, Value], list[Any]]:
    """The arguments with each leaf replaced by a parameter, and the leaves' expressions."""
    args: list[Any] = []
    seen: dict[int, Value] = {}
    bases: dict[str, str] = {}

    def walk(value: Value, hint: str) -> Value:
        if isinstance(value, Leaf):
            expr = value.expr
            if not isinstance(expr, (Const, Name)):
                expr = s.temporary(expr, hint).expr
            args.append(expr)
            return Leaf(Name(f"{hint}", kind=_general(value.kind, len(args), bases)))
        if isinstance(value, Struct):
            if id(value) not in seen:
                made = seen[id(value)] = Struct(value.type, {}, value.cls)
                made.items = {key: walk(item, f"{hint}_{key}") for key, item in value.items.items()}
            return seen[id(value)]
        if isinstance(value, Bound):
            return mapped(value, lambda part: walk(part, hint))
        return value

    return {key: walk(value, key[1] if key[0] == "argument" else key[1][1]) for key, value in given.items()}, args


def _general(kind: Kind, number: int, bases: dict[str, str]) -> Kind:
    """The kind of a parameter: of the extents only whether they are 1, or the same as another's, is kept."""
    if isinstance(kind, Scalar):
        return forget_value(kind)
    if isinstance(kind, Array) and kind.dims is not None:
        new: list[Dim] = []
        for axis, dim in enumerate(kind.dims):
            if isinstance(dim, Extent):
                new.append(Extent(bases.setdefault(dim.base, f"p{number}.{axis}")) if dim.less == 0 else None)
            else:
                new.append(1 if dim == 1 else None)
        return Array(kind.dtype, tuple(new), kind.optional)
    return kind


def _key(template: dict[Any, Value]) -> str:
    """Tells callees apart: kinds of the leaves, and everything that is no leaf."""

    def text(value: Value) -> str:
        if isinstance(value, Leaf):
            return repr(value.kind)
        if isinstance(value, Static):
            return f"static {id(value.value) if callable(value.value) else repr(value.value)}"
        if isinstance(value, Struct):
            return f"{value.type} {value.cls} ({', '.join(f'{k}: {text(v)}' for k, v in value.items.items())})"
        if isinstance(value, Closure):
            return f"function {id(value.definition)} {value.frame}"
        if isinstance(value, Bound):
            how = getattr(value, "options", getattr(value, "seeds", ""))
            return f"bound {how} {text(value.function)} {[text(a) for a in value.args]}"
        return f"other {id(value)}"

    return "; ".join(f"{key} {text(value)}" for key, value in template.items())


def _compile(s: Any, key: str, fn: Closure, template: dict[Any, Value], pos: Pos | None) -> None:
    """Specialise the callee; its own result is guessed first and corrected until it is what comes out."""
    from srcgrad.specialize.statements import run_block

    callee = s.callees[key]
    definition = fn.definition
    for _ in range(8):
        sub = s.nested()
        path = ("callee", key)
        frame = Frame(path, definition, fn.function, fn.frame, fn.path)
        sub.frame_of.update(s.frame_of)
        sub.frame_of[path] = frame
        sub.frames.append(frame)
        params: list[Name] = []
        env = copy_environment(template)
        originals: list[tuple[Struct, dict[Any, Value]]] = []
        for slot, value in env.items():
            _name_leaves(sub, value, params)
            at = (path, slot[1]) if slot[0] == "argument" else slot[1]
            sub.env[at] = value
            if at in sub.knowledge.canonical:  # some path binds it anew
                sub.bind(at, value, definition.pos)
            originals += [(st, dict(st.items)) for st in _structs(value)]
        sub.names[(path, definition.result)] = sub.fresh("result")
        try:
            run_block(sub, definition.body)
        except Unreached:
            raise UnsupportedError(
                f"{definition.name} calls itself on every path",
                "Give the recursion a case that ends it.",
                definition.pos,
            ) from None
        for struct, items in originals:
            if list(struct.items) != list(items) or any(not same(struct.items[k], items[k]) for k in items):
                raise UnsupportedError(
                    "a function that is recursive, or that a solver calls, changes a container that is not its own",
                    pos=definition.pos,
                )
        result = sub.env.get((path, definition.result), Static(None))
        stmts = list(sub.out)
        outs: list[Name] = []
        table: dict[str, Name] = {}
        for where, leaf in leaves(result):
            out = Name(sub.fresh("out"), kind=forget_value(leaf.kind))
            stmts.append(Assign(out, leaf.expr, pos=definition.pos))
            outs.append(out)
            table[str(where)] = out
        made = _template(result, table)
        stable = callee.result is not None and _alike(callee.result, made)
        callee.params, callee.body, callee.outs, callee.result = params, tuple(stmts), outs, made
        callee.used, callee.definition, callee.rebound = sub.used, definition, sub.rebound_arrays
        callee.flags = {sub.names[(path, flag)] for flag in definition.flags if (path, flag) in sub.names}
        if stable:
            return
    raise KindError(f"the kind of what {definition.name} returns does not settle", pos=definition.pos)


def _name_leaves(sub: State, value: Value, params: list[Name]) -> None:
    """Give each leaf of a parameter a variable of the callee."""
    if isinstance(value, Leaf):
        assert isinstance(value.expr, Name)
        value.expr = Name(sub.fresh(value.expr.id), kind=value.kind)
        params.append(value.expr)
    elif isinstance(value, Struct):
        for key, item in list(value.items.items()):
            if isinstance(item, Leaf):
                fresh = Leaf(item.expr)
                value.items[key] = fresh
                _name_leaves(sub, fresh, params)
            else:
                _name_leaves(sub, item, params)
    elif isinstance(value, Bound):
        for item in [*value.args, *value.kwargs.values()]:
            _name_leaves(sub, item, params)


def close_callees(callees: dict[str, Callee], leaves_of_inputs: set[str], body: list[Stmt]) -> None:
    """Globals and captured variables that a callee reads become parameters of it, and of those that call it.

    body: the statements of the program itself.
    """
    everywhere = [*statements(body), *(stmt for callee in callees.values() for stmt in statements(callee.body))]
    together = [found.callees for stmt in everywhere for found in _handed(stmt) if len(found.callees) > 1]
    kinds: dict[str, Kind] = {}
    hidden: dict[str, set[str]] = {}
    for key, callee in callees.items():
        own = {p.id for p in callee.params}
        found = set()
        for stmt in statements(callee.body):
            for expr in expressions_of(stmt):
                for part in reads_of(expr):
                    if part.id in leaves_of_inputs and part.id not in own:
                        found.add(part.id)
                        kinds[part.id] = part.kind
        hidden[key] = found
    again = True
    while again:
        again = False
        for key, callee in callees.items():
            for stmt in statements(callee.body):
                for called in _called(stmt):
                    if not hidden[called] <= hidden[key]:
                        hidden[key] |= hidden[called]
                        again = True
        for group in together:  # they are given the same
            everything = set().union(*(hidden[key] for key in group))
            if any(hidden[key] != everything for key in group):
                hidden |= dict.fromkeys(group, everything)
                again = True
    for key, callee in callees.items():
        callee.hidden = [Name(n, kind=kinds[n]) for n in sorted(hidden[key])]
    for callee in callees.values():
        callee.params = [*callee.params, *callee.hidden]
        callee.body = tuple(with_hidden(stmt, callees) for stmt in callee.body)


def with_hidden(stmt: Stmt, callees: dict[str, Callee]) -> Stmt:
    """Pass the hidden parameters on in each call."""
    if isinstance(stmt, Invoke):
        return dataclasses.replace(stmt, args=(*stmt.args, *callees[stmt.callee].hidden))
    if any(_handed(stmt)):
        stmt = map_own(stmt, lambda expr: _hidden_in(expr, callees))
    return with_blocks(stmt, lambda block: tuple(with_hidden(inner, callees) for inner in block))


def with_hidden_value(value: Value, callees: dict[str, Callee]) -> Value:
    """The same in a value."""
    if isinstance(value, Leaf):
        return Leaf(_hidden_in(value.expr, callees))
    if isinstance(value, Struct):
        return value.like({key: with_hidden_value(item, callees) for key, item in value.items.items()})
    return value


def _called(stmt: Stmt) -> list[str]:
    """The callees that a statement itself calls."""
    return [stmt.callee] if isinstance(stmt, Invoke) else [key for found in _handed(stmt) for key in found.callees]


def _handed(stmt: Stmt) -> list[Handed]:
    calls = (part for expr in expressions_of(stmt) for part in subexpressions(expr) if isinstance(part, Call))
    return [call.prim.fn for call in calls if isinstance(call.prim.fn, Handed)]


def _hidden_in(expr: Expr, callees: dict[str, Callee]) -> Expr:
    expr = rebuild(expr, lambda child: _hidden_in(child, callees))
    if isinstance(expr, Call) and isinstance(expr.prim.fn, Handed):
        hidden = dict.fromkeys(name for key in expr.prim.fn.callees for name in callees[key].hidden)
        return dataclasses.replace(expr, args=(*expr.args, *hidden))
    return expr


def _structs(value: Value) -> list[Struct]:
    if not isinstance(value, Struct):
        return []
    return [value, *(inner for item in value.values() for inner in _structs(item))]


def _template(value: Value, table: dict[str, Name], path: tuple[Any, ...] = ()) -> Value:
    if isinstance(value, Leaf):
        return Leaf(table[str(path)])
    if isinstance(value, Struct):
        return Struct(value.type, {k: _template(v, table, (*path, k)) for k, v in value.items.items()}, value.cls)
    if isinstance(value, (Closure, Bound)):
        raise UnsupportedError("a recursive function that returns a function is not supported")
    return value


def _instance(value: Value, table: dict[str, Name]) -> Value:
    """A callee's result with the caller's variables."""
    if isinstance(value, Leaf):
        assert isinstance(value.expr, Name)
        return Leaf(table[value.expr.id])
    if isinstance(value, Struct):
        return Struct(value.type, {k: _instance(v, table) for k, v in value.items.items()}, value.cls)
    return value


def _alike(a: Value, b: Value) -> bool:
    """Whether two results have the same layout and kinds."""
    if isinstance(a, Leaf) and isinstance(b, Leaf):
        return a.kind == b.kind
    if isinstance(a, Struct) and isinstance(b, Struct):
        return list(a.items) == list(b.items) and all(_alike(a.items[k], b.items[k]) for k in a.items)
    return same(a, b)

