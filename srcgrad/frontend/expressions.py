"""Lowering of Python expressions to the untyped dialect of the IR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gast

from srcgrad.frontend import refusals
from srcgrad.frontend.scope import Scope, captured, target_names
from srcgrad.frontend.source import Source
from srcgrad.ir.nodes import (
    Apply,
    Assign,
    Attr,
    BoolOp,
    Cond,
    Const,
    Definition,
    DictPack,
    Effect,
    Expr,
    ForEach,
    Format,
    Free,
    If,
    Lambda,
    Let,
    Load,
    Name,
    Op,
    Pack,
    Pos,
    Slice,
    Star,
    Stmt,
)

BINARY = {
    gast.Add: "+", gast.Sub: "-", gast.Mult: "*", gast.Div: "/", gast.FloorDiv: "//", gast.Mod: "%",
    gast.Pow: "**", gast.MatMult: "@", gast.LShift: "<<", gast.RShift: ">>", gast.BitAnd: "&",
    gast.BitOr: "|", gast.BitXor: "^",
}  # fmt: skip
_UNARY = {gast.USub: "neg", gast.UAdd: "pos", gast.Invert: "~", gast.Not: "not"}
_COMPARE = {
    gast.Lt: "<", gast.LtE: "<=", gast.Gt: ">", gast.GtE: ">=", gast.Eq: "==", gast.NotEq: "!=",
    gast.Is: "is", gast.IsNot: "is not", gast.In: "in", gast.NotIn: "not in",
}  # fmt: skip
_DISPLAYS = {gast.Tuple: "tuple", gast.List: "list", gast.Set: "set"}


class Expressions:
    """Lowers the expressions of one function. A subclass lowers its statements, and functions nested in it.

    is_own: whether the user has a variable or global of that name (which then hides a builtin).
    """

    def __init__(self, source: Source, scope: Scope, is_own: Callable[[str], bool]) -> None:
        self.source, self.scope, self.is_own = source, scope, is_own

    def function(self, node: Any, name: str) -> Definition:
        """Lower a function nested in this one."""
        raise NotImplementedError

    def pos(self, node: Any) -> Pos | None:
        """The place of a syntax node in the user's source."""
        return self.source.pos(node)

    def name(self, name: str, pos: Pos | None) -> Expr:
        """A name that is read."""
        local = self.scope.local(name)
        return Free(self.scope.outer(name), pos=pos) if local is None else Name(local, pos=pos)

    def temporary(self, base: str, pos: Pos | None) -> Name:
        """A new local variable."""
        name = self.scope.fresh(base)
        self.scope.bound.add(name)
        return Name(name, pos=pos)

    def target(self, node: Any) -> Expr:
        """What an assignment writes to."""
        pos = self.pos(node)
        if isinstance(node, gast.Name):
            local = self.scope.local(node.id)
            if local is None:  # declared `global`: else the assignment would make it local
                raise refusals.refuse_global(node.id, pos)
            return Name(local, pos=pos)
        if isinstance(node, gast.Starred):
            return Star(self.target(node.value), pos=pos)
        if isinstance(node, (gast.Tuple, gast.List)):
            return Pack(_DISPLAYS[type(node)], tuple(self.target(n) for n in node.elts), pos=pos)
        return self.expr(node)  # a subscript or an attribute

    def expr(self, node: Any) -> Expr:
        """An expression that is read."""
        pos = self.pos(node)
        match node:
            case gast.Constant():
                return Const(node.value, pos=pos)
            case gast.Name():
                return self.name(node.id, pos)
            case gast.UnaryOp():
                return self._unary(node, pos)
            case gast.BinOp():
                return Op(BINARY[type(node.op)], (self.expr(node.left), self.expr(node.right)), pos=pos)
            case gast.Compare():
                return self._compare(node, pos)
            case gast.BoolOp():
                op = "and" if isinstance(node.op, gast.And) else "or"
                return BoolOp(op, self._all(node.values), pos=pos)
            case gast.IfExp():
                return Cond(self.expr(node.test), self.expr(node.body), self.expr(node.orelse), pos=pos)
            case gast.NamedExpr():
                value = self.expr(node.value)
                # a walrus binds for the function, past the variables of the comprehensions around it
                if node.target.id in self.scope.globals:
                    raise refusals.refuse_global(node.target.id, pos)
                target = Name(node.target.id, pos=self.pos(node.target))
                return Let((Assign(target, value, pos=pos),), target, pos=pos)
            case gast.Call():
                return self._call(node, pos)
            case gast.Attribute():
                return Attr(self.expr(node.value), node.attr, pos=pos)
            case gast.Subscript():
                return Load(self.expr(node.value), self.expr(node.slice), pos=pos)
            case gast.Slice():
                lo, hi, step = (None if n is None else self.expr(n) for n in (node.lower, node.upper, node.step))
                return Slice(lo, hi, step, pos=pos)
            case gast.Starred():
                return Star(self.expr(node.value), pos=pos)
            case gast.Tuple() | gast.List() | gast.Set():
                return Pack(_DISPLAYS[type(node)], self._all(node.elts), pos=pos)
            case gast.Dict():
                keys = tuple(None if key is None else self.expr(key) for key in node.keys)
                return DictPack(keys, self._all(node.values), pos=pos)
            case gast.JoinedStr():
                return Format(tuple(self._format_part(part) for part in node.values), pos=pos)
            case gast.Lambda():
                return Lambda(self.function(node, "<lambda>"), pos=pos)
            case gast.ListComp() | gast.GeneratorExp() | gast.SetComp() | gast.DictComp():
                return self._comprehension(node, pos)
        raise refusals.refuse_node(node, pos)

    def _all(self, nodes: list[Any]) -> tuple[Expr, ...]:
        return tuple(self.expr(node) for node in nodes)

    def _unary(self, node: Any, pos: Pos | None) -> Expr:
        operand = self.expr(node.operand)
        number = isinstance(operand, Const) and type(operand.value) in (int, float, complex) and operand.value != 0
        if number and isinstance(operand, Const) and isinstance(node.op, gast.USub):
            return Const(-operand.value, pos=pos)
        return Op(_UNARY[type(node.op)], (operand,), pos=pos)

    def _compare(self, node: Any, pos: Pos | None) -> Expr:
        ops = [_COMPARE[type(op)] for op in node.ops]
        left, items = self.expr(node.left), []
        for k, (op, part) in enumerate(zip(ops, node.comparators, strict=True)):
            right = again = self.expr(part)
            if k < len(ops) - 1 and not isinstance(right, (Name, Const, Free)):
                # an operand between two comparisons is evaluated once
                again = self.temporary("middle", right.pos)
                right = Let((Assign(again, right, pos=right.pos),), again, pos=right.pos)
            items.append(Op(op, (left, right), pos=pos))
            left = again
        return items[0] if len(items) == 1 else BoolOp("and", tuple(items), pos=pos)

    def _call(self, node: Any, pos: Pos | None) -> Expr:
        fn = self.expr(node.func)
        if isinstance(fn, Free) and fn.id in refusals.NAMESPACE_FUNCTIONS and not self.is_own(fn.id):
            if not self.scope.shadowed(fn.id):
                raise refusals.refuse_call(fn.id, pos)
        kwargs = tuple((keyword.arg, self.expr(keyword.value)) for keyword in node.keywords)
        return Apply(fn, self._all(node.args), kwargs, pos=pos)

    def _format_part(self, part: Any) -> str | tuple[Expr, str, Expr | None]:
        if isinstance(part, gast.Constant):
            return str(part.value)
        if not isinstance(part, gast.FormattedValue):
            raise refusals.refuse_node(part, self.pos(part))
        conversion = "" if part.conversion == -1 else "!" + chr(part.conversion)
        spec = None if part.format_spec is None else self.expr(part.format_spec)
        return self.expr(part.value), conversion, spec

    def _comprehension(self, node: Any, pos: Pos | None) -> Expr:
        """A loop that collects into a fresh list or dict.

        `[f(x) for x in xs if x > 0]` becomes

            items = []
            for x in xs:
                if x > 0:
                    items.append(f(x))

        with the value `items`. A generator expression is evaluated at once, as a list.
        """
        for generator in node.generators:
            if generator.is_async:
                raise refusals.refuse_node(gast.Await(node), pos)
        is_dict = isinstance(node, gast.DictComp)
        first = self.expr(node.generators[0].iter)  # belongs to the scope around the comprehension
        result = self.temporary("entries" if is_dict else "items", pos)
        self.scope.comprehensions.append(self._variables(node))
        try:
            if is_dict:
                # Python evaluates the key before the value; an assignment would evaluate it after
                key, value = self.expr(node.key), self.expr(node.value)
                body: tuple[Stmt, ...] = (Assign(Load(result, key, pos=pos), value, pos=pos),)
                if not isinstance(key, (Name, Const, Free)) and not isinstance(value, (Name, Const, Free)):
                    held = self.temporary("key", key.pos)
                    body = (
                        Assign(held, key, pos=key.pos),
                        Assign(Load(result, held, pos=pos), value, pos=pos),
                    )
                start: Expr = DictPack((), (), pos=pos)
            else:
                item = self.expr(node.elt)
                body = (Effect(Apply(Attr(result, "append", pos=pos), (item,), pos=pos), pos=item.pos),)
                start = Pack("list", (), pos=pos)
            for k, generator in reversed(list(enumerate(node.generators))):
                for test in reversed(generator.ifs):
                    body = (If(self.expr(test), body, pos=self.pos(test)),)
                source = first if k == 0 else self.expr(generator.iter)
                body = (ForEach(self.target(generator.target), source, body, pos=self.pos(generator.target)),)
        finally:
            self.scope.comprehensions.pop()
        value = result
        if isinstance(node, gast.SetComp):
            hidden = self.is_own("set") or self.scope.local("set") is not None or self.scope.shadowed("set")
            value = Apply(Const(set, pos=pos) if hidden else Free("set", pos=pos), (result,), pos=pos)
        return Let((Assign(result, start, pos=pos), *body), value, pos=pos)

    def _variables(self, node: Any) -> dict[str, str]:
        """What the comprehension's variables are called in the function: as they are, unless that would clash."""
        names = sorted(set().union(*(target_names(g.target) for g in node.generators)))
        around = {name for renamed in self.scope.comprehensions for name in (*renamed, *renamed.values())}
        # a function made in the comprehension keeps hold of its variables: no other loop may reuse them
        kept = captured(node, set(names))
        found = {}
        for name in names:
            clash = kept or name in self.scope.mentioned or name in around
            found[name] = self.scope.fresh(name) if clash else name
        self.scope.bound.update(found.values())
        return found
