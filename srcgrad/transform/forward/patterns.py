"""Sparsity: instead of a tangent, each value carries the set of the inputs that it depends on.

A set is an int whose bit k stands for input k, an array of sets is an object array of those; so indexing, views,
stores and lists are those of the primal, and `|` joins. What a function does to sets, rules/patterns tells.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf, Scalar, rank
from srcgrad.ir.nodes import Call, DictPack, Expr, Load, Name, Op, Pack, Prim
from srcgrad.rules.build import Sym
from srcgrad.rules.patterns import all_of, joined
from srcgrad.rules.registry import Rule
from srcgrad.rules.solved import Integral, Solved
from srcgrad.runtime import HELPERS
from srcgrad.transform.forward.expressions import Tangents
from srcgrad.transform.reverse.facts import ZERO


@dataclass
class IndexSets(Tangents):
    """The index sets of one statement in the making."""

    suffix: ClassVar[str] = "deps"
    adding: ClassVar[dict[str, str]] = {"+": "|", "-": "|", "at": "|at"}

    @classmethod
    def lifted(cls, kind: Kind) -> Kind:
        """Sets count as ints: what is generated only joins and moves them."""
        match kind:
            case Array():
                return dataclasses.replace(kind, dtype="int64")
            case Scalar():
                return Scalar("int64")
            case ListOf(item=item):
                return ListOf(cls.lifted(item))
            case DictOf():
                return dataclasses.replace(kind, item=cls.lifted(kind.item))
        return kind

    def item(self, found: Expr, node: Load, index: Expr) -> Expr:
        return Load(found, index, kind=self.lifted(node.kind), pos=node.pos)

    def zero(self, node: Expr) -> Expr:
        if isinstance(node.kind, Scalar):
            return ZERO
        if isinstance(node, Pack):
            items = tuple(map(self.zero, node.items))
            return dataclasses.replace(node, items=items, kind=self.lifted(node.kind))
        if isinstance(node, DictPack):
            return dataclasses.replace(node, values=tuple(map(self.zero, node.values)))
        return self._empty(self.shape_source(node), node.kind)

    def zero_of(self, name: str) -> Expr:
        kind = self.facts.kinds[name]
        if isinstance(kind, Scalar):
            return ZERO
        return self._empty(Name(name, kind=kind), kind)

    def _empty(self, like: Expr, kind: Kind) -> Expr:
        return Call(Prim(HELPERS["no_sets"], "no_sets"), (like,), kind=self.lifted(kind))

    def solved(self, node: Call, solved: Solved | Integral) -> Expr | None:
        dots = [self.of(arg) for arg in node.args[solved.start :]]
        given = [Sym(dot) for dot in dots if dot is not None]
        return all_of(given, Sym(self.need_out(node))).expr if given else None

    def apply(
        self, rule: Rule, node: Op | Call, tangents: dict[str, Any], args: dict[str, Any], out: Sym, masked: bool,
        ready: bool,
    ) -> Sym:  # fmt: skip
        made = joined(rule, node, tangents, args, out)
        lifted = self.lifted(node.kind)
        match made.expr:  # the set of a number is an int of Python's, which has no methods of arrays
            case Call(prim=Prim(style="method" | "attribute"), args=(Expr(kind=Scalar()) as moved, *_)):
                if rank(lifted) == 0:
                    return Sym(moved)
        return Sym(dataclasses.replace(made.expr, kind=lifted)) if made.expr.kind != lifted else made


