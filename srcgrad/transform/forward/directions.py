"""Vector mode: the tangents of many directions in one sweep, stacked along an axis in front."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf, Scalar
from srcgrad.ir.nodes import Call, Const, DictPack, Expr, Load, Name, Op, Pack, Prim, Slice
from srcgrad.rules import directions
from srcgrad.rules.build import Sym
from srcgrad.rules.directions import NoDirections
from srcgrad.rules.registry import Rule
from srcgrad.rules.solved import Integral, Solved
from srcgrad.runtime import HELPERS
from srcgrad.transform.forward.expressions import Tangents

COUNT = Name("n_directions", kind=Scalar("int64"))
"""The variable that holds the number of directions."""

ALL = Slice(None, None, None)


@dataclass
class Directions(Tangents):
    """The stacked tangents of one statement in the making."""

    suffix: ClassVar[str] = "dots"

    @classmethod
    def lifted(cls, kind: Kind) -> Kind:
        if isinstance(kind, ListOf):
            return ListOf(cls.lifted(kind.item))
        if isinstance(kind, DictOf):
            return dataclasses.replace(kind, item=cls.lifted(kind.item))
        return directions.lifted(kind)

    def item(self, found: Expr, node: Load, index: Expr) -> Expr:
        if isinstance(node.base.kind, Array):
            index = _prefixed(index)
        return Load(found, index, kind=self.lifted(node.kind), pos=node.pos)

    def fit(self, found: Expr, value: Kind, target: Kind) -> Expr:
        return directions.aligned(Sym(found), value, target).expr

    def zero(self, node: Expr) -> Expr:
        if isinstance(node, Pack):
            items = tuple(map(self.zero, node.items))
            return dataclasses.replace(node, items=items, kind=self.lifted(node.kind))
        if isinstance(node, DictPack):
            return dataclasses.replace(node, values=tuple(map(self.zero, node.values)))
        if isinstance(node.kind, Scalar):
            return self._zeros(Const(0.0, kind=Scalar("float64")), node.kind)
        return self._zeros(self.shape_source(node), node.kind)

    def zero_of(self, name: str) -> Expr:
        kind = self.facts.kinds[name]
        if isinstance(kind, Scalar):
            return self._zeros(Const(0.0, kind=Scalar("float64")), kind)
        return self._zeros(Name(name, kind=kind), kind)

    def _zeros(self, like: Expr, kind: Kind) -> Expr:
        helper = Prim(HELPERS["zero_directions"], "zero_directions")
        return Call(helper, (COUNT, like), kind=self.lifted(kind))

    def solved(self, node: Call, solved: Solved | Integral) -> Expr | None:
        raise NoDirections

    def apply(
        self, rule: Rule, node: Op | Call, tangents: dict[str, Any], args: dict[str, Any], out: Sym, masked: bool,
        ready: bool,
    ) -> Sym:  # fmt: skip
        if rule.own and rule.form != "elementwise":
            raise NoDirections
        made = directions.pushed(rule, node, tangents, args, out, masked, ready)
        if isinstance(made.expr, Const):
            return made
        return Sym(dataclasses.replace(made.expr, kind=self.lifted(node.kind)))


def _prefixed(index: Expr) -> Expr:
    """The index past the axis of the directions."""
    items = index.items if isinstance(index, Pack) and index.type == "tuple" else (index,)
    arrays = [k for k, item in enumerate(items) if not isinstance(item, Slice) and _is_array(item)]
    ints = [k for k, item in enumerate(items) if isinstance(item.kind, Scalar) and item.kind.dtype != "bool"]
    advanced = sorted([*arrays, *ints])
    if arrays and advanced[-1] - advanced[0] + 1 != len(advanced):
        raise NoDirections  # NumPy would put the axes of the index in front
    return Pack("tuple", (ALL, *items), kind=index.kind)


def _is_array(item: Expr) -> bool:
    return isinstance(item.kind, (Array, ListOf)) or isinstance(item, Pack)


