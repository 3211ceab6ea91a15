"""The tangent of an expression: the tangents of its leaves, pushed up its tree by the rules.

What a tangent is, the class decides: a direction here; many directions at once in `directions`; the set of the
inputs that a value depends on in `patterns`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from srcgrad import runtime
from srcgrad.analysis.aliases import basic
from srcgrad.errors import SrcgradError, UnsupportedError
from srcgrad.ir.kinds import Array, Kind, ListOf, Opaque, Scalar, forget_value
from srcgrad.ir.nodes import Assign, Call, Cond, Const, DictPack, Expr, Load, Name, Op, Pack, Prim, Stmt
from srcgrad.ir.walk import children, expressions_of, statements, subexpressions, substitute
from srcgrad.rules.bodies import inlining
from srcgrad.rules.build import Sym, xp
from srcgrad.rules.registry import Rule, rule_of
from srcgrad.rules.solved import Generated, Integral, Solved
from srcgrad.rules.tangents import tangent
from srcgrad.runtime import HELPERS
from srcgrad.transform.masks import masks
from srcgrad.transform.repeats import repeated, swapped
from srcgrad.transform.reverse.facts import typed_zero
from srcgrad.transform.values import RESULT, Values, hint_of


def _no_dot(name: str) -> Expr:
    raise NotImplementedError


@dataclass
class Tangents(Values):
    """The tangent of one statement in the making.

    dot: the tangent variable of an active variable. stmts: what stands ahead of the tangent. suffix: what its name
    ends in. adding: how `+=` and `-=` are
    written for tangents.
    """

    dot: Callable[[str], Expr] = _no_dot
    stmts: list[Stmt] = field(default_factory=list)
    suffix: ClassVar[str] = "dot"
    adding: ClassVar[dict[str, str]] = {"+": "+", "-": "-", "at": "at"}

    @classmethod
    def lifted(cls, kind: Kind) -> Kind:
        """The kind of the tangent of a value."""
        return kind

    def of(self, node: Expr) -> Expr | None:
        """The tangent of a node, None where it is zero."""
        if not self.active(node):
            return None
        match node:
            case Name(id=name):
                return self.dot(name)
            case Load(base=base, index=index):
                found = self.of(base)
                return None if found is None else self.item(found, node, self.index(index, base))
            case Pack(items=items):
                return dataclasses.replace(node, items=tuple(self.full(item) for item in items))
            case DictPack(values=values):
                return dataclasses.replace(node, values=tuple(self.full(item) for item in values))
            case Op(op="+", args=(a, b)) if isinstance(node.kind, ListOf):
                return dataclasses.replace(node, args=(self.full(a), self.full(b)))
            case Op(op="*", args=(a, b)) if isinstance(node.kind, ListOf):
                repeated = (self.need(a), self.full(b)) if isinstance(a.kind, Scalar) else (self.full(a), self.need(b))
                return dataclasses.replace(node, args=repeated)
            case Op() | Call():
                return self._of_call(node)
            case Cond(test=test, body=body, orelse=orelse):
                return Cond(self.need(test), self.full(body), self.full(orelse), kind=node.kind, pos=node.pos)
        raise UnsupportedError("no derivative flows through this expression", pos=node.pos)

    def item(self, found: Expr, node: Load, index: Expr) -> Expr:
        """The tangent of an item or a part, from the tangent of the whole."""
        return Load(found, index, kind=node.kind, pos=node.pos)

    def place(self, target: Expr) -> Expr:
        """x_dot[i] of x[i]: where the tangent of what is written goes."""
        if isinstance(target, Name):
            return self.dot(target.id)
        assert isinstance(target, Load)
        return self.item(self.place(target.base), target, self.index(target.index, target.base))

    def fit(self, found: Expr, value: Kind, target: Kind) -> Expr:
        """The tangent of a value of one kind, as it is written into a place of another, to which it broadcasts."""
        return found

    def zero_of(self, name: str) -> Expr:
        """A zero tangent for a variable."""
        kind = self.facts.kinds[name]
        return typed_zero(kind) if isinstance(kind, Scalar) else self.facts.zero(name)

    def full(self, node: Expr) -> Expr:
        """The tangent of a node, with the zero written out."""
        found = self.of(node)
        return self.zero(node) if found is None else found

    def zero(self, node: Expr) -> Expr:
        """A zero tangent for the value of a node."""
        if isinstance(node.kind, Scalar):
            return typed_zero(node.kind)
        if isinstance(node, Pack):
            return dataclasses.replace(node, items=tuple(map(self.zero, node.items)))
        if isinstance(node, DictPack):
            return dataclasses.replace(node, values=tuple(map(self.zero, node.values)))
        like = self.shape_source(node)
        if isinstance(node.kind, Array) and node.kind.dims is not None and not node.kind.optional:
            return xp.zeros_like(Sym(like)).expr
        return Call(Prim(HELPERS["zeros_like"], "zeros_like"), (like,), kind=node.kind)

    def read_target_in(self, expr: Expr) -> Expr:
        """Let the statement's result be read from its target."""
        return expr if self.target is None else substitute(expr, {RESULT: self.target})

    def solved(self, node: Call, solved: Solved | Integral) -> Expr | None:
        """The tangent of the solution of an equation: one linear system; that of an integral is another one."""
        if isinstance(solved, Integral):
            return self._integral(node, solved)
        given = node.args[solved.start :]
        dots = [self.of(arg) for arg in given]
        if all(dot is None for dot in dots):
            return None
        pushforward = self.facts.functions.tangent(solved.equation, (True, *(dot is not None for dot in dots)))
        values = Pack("tuple", tuple(map(self.need, given)), kind=Opaque(tuple))
        moved = Pack("tuple", tuple(dot for dot in dots if dot is not None), kind=Opaque(tuple))
        exprs = (Name(pushforward, kind=Opaque(object)), self.need_out(node), values, moved)
        return Call(Prim(solved.tangent, solved.tangent.__name__), exprs, solved.options,
                    kind=forget_value(node.kind), pos=node.pos)  # fmt: skip

    def _integral(self, node: Call, integral: Integral) -> Expr | None:
        _, lo, hi, *given = node.args
        dots = [self.of(arg) for arg in given]
        values = tuple(map(self.need, given))
        found: Sym | None = None
        if any(dot is not None for dot in dots):
            active = (False, *(dot is not None for dot in dots))
            pushforward = Name(self.facts.functions.tangent(integral.equation, active), kind=Opaque(object))
            given_dots = tuple(dot for dot in dots if dot is not None)
            moved = (Pack("tuple", part, kind=Opaque(tuple)) for part in (values, given_dots))
            shares = (pushforward, self.need(lo), self.need(hi), *moved)
            helper = Prim(runtime.integral_tangent, "integral_tangent")
            found = Sym(Call(helper, shares, kind=forget_value(node.kind), pos=node.pos))
        for limit, sign in ((hi, 1), (lo, -1)):
            dot = self.of(limit)
            if dot is not None:
                name = self.facts.functions.plain_name(integral.equation)
                end = Call(Prim(Generated(name), name), (self.need(limit), *values), kind=forget_value(node.kind))
                part = sign * Sym(dot) * Sym(end)
                found = part if found is None else found + part
        return None if found is None else found.expr

    def _of_call(self, node: Op | Call) -> Expr | None:
        if isinstance(node, Call) and isinstance(node.prim.fn, (Solved, Integral)):
            return self.solved(node, node.prim.fn)
        rule = rule_of(node)
        if rule.form == "constant":
            return None
        bound = rule.bind(node)
        placeholders, table, wanted = self.placeholders(rule, bound)
        # tangents that a choice made zero stay so where the partial derivative is infinite
        masked = any(masks(child, self.facts.masked) for child in children(node))
        tangents: dict[str, Any] = {}
        for name in (name for name in bound if name in wanted):
            found = self._argument(bound[name])
            if found is not None:
                tangents[name] = found
        if not tangents:
            return None
        table["%out"] = node
        ready = node is self.tree and self.target is not None
        out = Sym(Name("%out", kind=node.kind))
        made = self._applied(rule, node, tangents, placeholders, out, masked, ready, table)
        if isinstance(made.expr, Const) and made.expr.value == 0:
            return None
        expr = made.expr
        for name, given in tangents.items():
            if isinstance(given, Sym):
                expr = self._once(given.expr, expr, bound[name])
        expr = self.adopt(expr, table)
        while rule.form == "general" and (again := repeated([expr])) is not None:
            expr = swapped(expr, again, self._named(again, "part"))
        return expr

    def _applied(self, rule: Rule, node: Op | Call, *given: Any) -> Sym:
        """The tangent of a call; the statements that the rule needs come ahead."""
        inliner = self.inliner(node)
        try:
            with inlining(inliner):
                made = self.apply(rule, node, *given[:-1])
        except SrcgradError as error:
            if error.pos is None:
                raise type(error)(error.reason, error.remedy, node.pos) from error
            raise
        self.stmts += self.spliced(inliner, given[-1], self.tree.pos)
        return made

    def reads_result_ahead(self) -> bool:
        """Whether a statement ahead of the tangent reads the statement's result."""
        found = (expr for stmt in statements(self.stmts) for expr in expressions_of(stmt))
        return any(isinstance(e, Name) and e.id == RESULT for expr in found for e in subexpressions(expr))

    def _once(self, given: Expr, made: Expr, arg: Expr) -> Expr:
        """A tangent that a rule reads several times gets a variable, if it is more than a name or a part."""
        short = isinstance(given, (Name, Const)) or (isinstance(given, Load) and basic(given.index))
        if short or sum(e == given for e in subexpressions(made)) < 2:
            return made
        return swapped(made, given, self._named(given, f"{hint_of(arg)}_{self.suffix}"))

    def _named(self, value: Expr, hint: str) -> Name:
        """A variable for a value, set ahead of the tangent."""
        name = Name(self.facts.temporary(hint, (id(self.tree), len(self.stmts))), kind=value.kind)
        self.facts.kinds[name.id] = value.kind
        self.stmts.append(Assign(name, value, pos=self.tree.pos))
        return name

    def apply(
        self, rule: Rule, node: Op | Call, tangents: dict[str, Any], args: dict[str, Any], out: Sym, masked: bool,
        ready: bool,
    ) -> Sym:  # fmt: skip
        """The tangent of a call, by its rule."""
        return tangent(rule, node, tangents, args, out, masked, ready)

    def _argument(self, value: Any) -> Any:
        """The tangent of an argument: a Sym, or a list for a display; None where it is zero."""
        if isinstance(value, list) or isinstance(value, Pack):
            items = value if isinstance(value, list) else value.items
            found = [self._argument(item) for item in items]
            return None if all(item is None for item in found) else found
        made = self.of(value)
        return None if made is None else Sym(made)

