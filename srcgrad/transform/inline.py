"""Bodies of users' rules as source: a Python function, specialised for the expressions that its parameters are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad.analysis.aliases import find_aliases
from srcgrad.errors import ArgumentError, SrcgradError
from srcgrad.frontend import definition_of
from srcgrad.ir.kinds import Opaque
from srcgrad.ir.nodes import Assign, Const, Definition, Expr, Name, Pack, Star, Stmt
from srcgrad.ir.walk import names_in, set_by, statements, subexpressions, substitute, with_blocks
from srcgrad.rules.bodies import NotInline, split
from srcgrad.rules.build import Sym
from srcgrad.specialize.calls import call_closure
from srcgrad.specialize.inputs import Inputs
from srcgrad.specialize.knowledge import Frame, Knowledge, Restart
from srcgrad.specialize.program import Specializer
from srcgrad.specialize.spelling import RESERVED
from srcgrad.specialize.values import Closure, Leaf, Static, Struct, Value
from srcgrad.transform.webs import map_own

NOWHERE = Definition("rule", (), (), "result", frozenset())


class Inliner:
    """Writes bodies of rules into a program that is being made.

    inputs: what the program takes: globals that bodies read are added to it. used: names that are taken. named: gives
    a variable for a variable of a body. stmts: the statements that bodies need ahead of their results.
    """

    def __init__(self, inputs: Inputs, used: set[str], named: Callable[[str], str]) -> None:
        self.inputs, self.used, self.named = inputs, used, named
        self.stmts: list[Stmt] = []
        self.done: dict[Any, Any] = {}
        self.values: list[tuple[Name, Expr]] = []

    def inline(self, function: Any, args: dict[str, Any]) -> Any:
        """What the function gives for Syms: a Sym, None, or a list of those. Raises NotInline where the source cannot
        be read or written here, ArgumentError where the function writes into its arguments."""
        if function not in self.done:
            self.done[function] = self._inline(function, args)
        return self.done[function]

    def hold(self, value: Sym, hint: str) -> Sym:
        """The value in a variable of its own, the same for the same value."""
        known = next((name for name, expr in self.values if expr == value.expr), None)
        if known is None:
            known = Name(self.named(hint), kind=value.kind)
            self.values.append((known, value.expr))
            self.stmts.append(Assign(known, value.expr))
        return Sym(known)

    def name_of(self, function: Any, hint: str = "") -> str:
        """What the program calls a callable. hint: what it may be called, if it has no name yet."""
        named = self.inputs.named
        if id(function) not in named:
            name, number = hint, 2
            while name in self.used:
                name, number = f"{hint}_{number}", number + 1
            self.used.add(name)
            named[id(function)] = name
        return named[id(function)]

    def _inline(self, function: Any, args: dict[str, Any]) -> Any:
        held, guards = dict(self.inputs.captured), len(self.inputs.guards)
        leaves, seen = dict(self.inputs.leaves), dict(self.inputs.seen)
        try:
            made, value = self._specialised(function, args)
        except (SrcgradError, NotInline) as error:
            self.inputs.captured, self.inputs.leaves, self.inputs.seen = held, leaves, seen
            del self.inputs.guards[guards:]
            raise NotInline(str(error)) from error
        self.used |= set(self.inputs.captured)
        stmts = tuple(made.out)
        aliases = find_aliases(stmts)
        given = {name for arg in args.values() for expr in _exprs(arg) for name in names_in(expr)}
        if any(aliases.is_written(name) for name in given):
            raise ArgumentError(
                f"a rule's function {function.__name__!r} writes into its arguments.",
                "Let it work on copies: the arguments belong to the sweep.",
            )
        hints = {name: key[1] for key, name in made.names.items() if isinstance(key[1], str)}
        bound = {name for stmt in statements(stmts) for name in set_by(stmt)}
        table: dict[str, Expr] = {}
        for stmt in statements(stmts):
            for name in sorted(set_by(stmt) - set(table)):
                hint = hints.get(name, name)
                table[name] = Name(self.named(hint if hint.isidentifier() else name))
        self.stmts += [renamed(stmt, table) for stmt in stmts]
        assert bound <= set(table)
        return _result(value, table)

    def _specialised(self, function: Any, args: dict[str, Any]) -> tuple[Specializer, Value]:
        definition = definition_of(function)
        if definition.flags:
            raise NotInline("jumps")
        knowledge = Knowledge()
        for _ in range(200):
            s = Specializer(knowledge, RESERVED | self.used, self.inputs)
            s.trusting = True
            frame = Frame(("rule",), NOWHERE, function)
            s.frames.append(frame)
            s.frame_of[frame.path] = frame
            try:
                given, named = split(function, {name: _value(arg) for name, arg in args.items()})
                value = call_closure(s, Closure(definition, function=function), given, named, None)
            except Restart:
                continue
            if s.callees:
                raise NotInline("a recursive function")
            return s, value
        raise NotInline("containers that do not settle")


def _exprs(arg: Any) -> list[Expr]:
    return [e for item in arg for e in _exprs(item)] if isinstance(arg, list) else [arg.expr]


def _value(arg: Any) -> Value:
    """A Sym, or a list of Syms, as a value."""
    if isinstance(arg, list):
        return Struct("list", {k: _value(item) for k, item in enumerate(arg)})
    expr = arg.expr
    if isinstance(expr, Const) and isinstance(expr.kind, Opaque):
        return Static(expr.value)
    return _unpacked(expr)


def _unpacked(expr: Expr) -> Value:
    """A display of a tuple as a container of its items."""
    if isinstance(expr, Pack) and expr.type == "tuple" and not any(isinstance(item, Star) for item in expr.items):
        return Struct("tuple", {k: _unpacked(item) for k, item in enumerate(expr.items)})
    return Leaf(expr)


def _result(value: Value, table: dict[str, Expr]) -> Any:
    """A value as a Sym, None, or a list of those."""
    if isinstance(value, Static) and value.value is None:
        return None
    if isinstance(value, Struct) and value.type in ("tuple", "list") and value.none is None:
        return [_result(item, table) for item in value.values()]
    if isinstance(value, Leaf):
        return Sym(_substituted(value.expr, table))
    raise NotInline("a result that is no array")


def _substituted(expr: Expr, table: dict[str, Expr]) -> Expr:
    kinds = {e.id: e.kind for e in subexpressions(expr) if isinstance(e, Name) and e.id in table}
    return substitute(expr, {n: Name(table[n].id, kind=kind) for n, kind in kinds.items()})  # type: ignore[attr-defined]


def renamed(stmt: Stmt, table: dict[str, Expr]) -> Stmt:
    """The statement, and those in its blocks, with variables renamed."""

    def bind(name: Name) -> Name:
        found = table.get(name.id)
        return Name(found.id, kind=name.kind, pos=name.pos) if isinstance(found, Name) else name

    stmt = map_own(stmt, lambda expr: _substituted(expr, table), bind)
    return with_blocks(stmt, lambda block: tuple(renamed(inner, table) for inner in block))
