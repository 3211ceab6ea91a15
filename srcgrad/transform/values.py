"""Values that a derivative reads: where they are repeated, and where they get a variable of their own.

What is not as well computed again is hoisted: it gets a variable ahead of the statement. Both modes read by this.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.analysis.activity import flows
from srcgrad.analysis.aliases import basic, sources
from srcgrad.ir.base import Pos, Stmt
from srcgrad.ir.kinds import Array, Scalar, dims, is_float, rank
from srcgrad.ir.nodes import Assign, Call, Const, DictPack, Expr, Load, Name, Op, Pack, Push, Slice, Store
from srcgrad.ir.walk import children, defined_by, rebuild, rebuilt, root, statements, subexpressions
from srcgrad.rules.build import Sym, const, lift
from srcgrad.rules.registry import Rule
from srcgrad.transform.inline import Inliner
from srcgrad.transform.reverse.facts import Facts

RESULT = "%result"
SHAPE_ONLY = {np.zeros_like, np.ones_like, np.full_like, np.shape, np.size, np.ndim, len}
MASKING = {np.where, np.maximum, np.minimum, np.clip, np.fmax, np.fmin, max, min, np.select}


@dataclass
class Values:
    """The values of one statement's expressions.

    memo: the variables of hoisted values, by identity of the node; hoisted: those of this statement, by identity of
    the node. tree: the node whose value the statement's target holds; target: how to read it. reads_target: whether
    it is read.
    """

    facts: Facts
    memo: dict[int, Name]
    tree: Expr
    target: Expr | None
    hoisted: dict[int, tuple[Expr, Name]] = field(default_factory=dict)
    reads_target: bool = False

    def need(self, node: Expr) -> Expr:
        """An expression for the value of a node, as the reverse sweep can read it."""
        if isinstance(node, (Const, Name)):
            return node
        if id(node) in self.memo and id(node) in self.hoisted:
            return self.hoisted[id(node)][1]
        if self.cheap(node):
            return rebuild(node, self.need)
        return self.hoist(node)

    def hoist(self, node: Expr) -> Expr:
        """A variable of the forward sweep that holds the node's value."""
        if node is self.tree and self.target is not None:
            self.reads_target = True
            return Name(RESULT, kind=node.kind)  # told apart from the target's old value until `read_target`
        if id(node) not in self.memo:
            self.memo[id(node)] = Name(self.facts.fresh(hint_of(node)), kind=node.kind, pos=node.pos)
        name = self.memo[id(node)]
        self.facts.kinds[name.id] = node.kind
        self.hoisted[id(node)] = (node, name)
        for base, _ in sources(node):
            if self.facts.aliases.is_written(base):  # it is a view of memory that changes
                self.facts.aliases.union(name.id, base)
        return name

    def cheap(self, node: Expr, depth: int = 0) -> bool:
        """Whether a node is as well repeated as remembered."""
        if isinstance(node, (Const, Name, Slice)) or depth > 3:
            return depth <= 3 and all(self.cheap(child, depth + 1) for child in children(node))
        if isinstance(node, Load):
            if isinstance(node.kind, Array) and rank(node.kind) != 0 and not basic(node.index):
                return False
            if root(node) is None and not _is_shape(node.base):
                return False
            return self.cheap(node.index, depth) and (_is_shape(node.base) or self.cheap(node.base, depth))
        if isinstance(node, Pack):
            return all(self.cheap(item, depth + 1) for item in node.items)
        if isinstance(node, Call):
            if node.prim.style == "attribute" and not node.args:  # the name of a callable
                return True
            if node.prim.fn in (np.shape, len, np.size, np.ndim):
                return all(isinstance(arg, Name) or root(arg) is not None for arg in node.args)
            if node.prim.fn is np.transpose and len(node.args) == 1:
                return isinstance(node.args[0], Name)
            return node.prim.fn is range
        if isinstance(node, Op) and isinstance(node.kind, Scalar):
            if node.op == "**" and not isinstance(node.args[1], Const):
                return False
            if node.op in ("@", "//", "%"):
                return not is_float(node.kind)
            return all(isinstance(arg.kind, Scalar) and self.cheap(arg, depth + 1) for arg in node.args)
        return False

    def _index_of_size(self, node: Expr) -> Expr | None:
        """For `x[rows, cols]` an index array that has as many elements."""
        if not isinstance(node, Load) or not isinstance(node.index, Pack) or root(node) is None:
            return None
        wanted = dims(node.kind)
        known = all(d is not None for d in wanted or ())
        same = (item for item in node.index.items if isinstance(item.kind, Array) and dims(item.kind) == wanted)
        found = next(same, None) if known else None
        return None if found is None else self.need(found)

    def shape_source(self, node: Expr) -> Expr:
        """An expression whose shape (and dtype) is that of a node."""
        if isinstance(node, (Name, Const)):
            return node
        if isinstance(node, Load) and basic(node.index) and root(node) is not None:
            return self.need(node)
        if isinstance(node, (Op, Call)):
            wanted, dtype = dims(node.kind), getattr(node.kind, "dtype", "")
            elementwise = node.op != "@" if isinstance(node, Op) else isinstance(node.prim.fn, np.ufunc)
            for arg in node.args:
                mine = dims(arg.kind)
                alone = elementwise and all(other is arg or dims(other.kind) == () for other in node.args)
                known = mine is not None and mine == wanted and all(d is not None for d in mine)
                if isinstance(arg.kind, Array) and arg.kind.dtype == dtype and (alone or known):
                    return self.shape_source(arg)
        return self.hoist(node)

    def adopt(self, expr: Expr, table: dict[str, Expr]) -> Expr:
        """A rule's result with its placeholders replaced by how their values can be read."""
        if isinstance(expr, Name):
            node = table.get(expr.id)
            return expr if node is None else self.need_out(node) if expr.id == "%out" else self.need(node)
        if isinstance(expr, Call) and expr.prim.fn in SHAPE_ONLY and expr.args and isinstance(expr.args[0], Name):
            if expr.args[0].id in table:
                node = table[expr.args[0].id]
                first = (self._index_of_size(node) if expr.prim.fn is np.size else None) or self.shape_source(node)
                rest = tuple(self.adopt(arg, table) for arg in expr.args[1:])
                kwargs = tuple((key, self.adopt(value, table)) for key, value in expr.kwargs)
                return dataclasses.replace(expr, args=(first, *rest), kwargs=kwargs)
        if isinstance(expr, Call) and expr.prim.text == "unbroadcast" and isinstance(expr.args[1], Name):
            if expr.args[1].id in table:
                source = self.shape_source(table[expr.args[1].id])
                return dataclasses.replace(expr, args=(self.adopt(expr.args[0], table), source))
        return rebuild(expr, lambda child: self.adopt(child, table))

    def need_out(self, node: Expr) -> Expr:
        """The value of a node that a rule asks for as its result: never computed again."""
        return self.hoist(node)

    def index(self, index: Expr, base: Expr) -> Expr:
        if isinstance(index, Pack) and index.type == "tuple":
            return dataclasses.replace(index, items=tuple(self.index(item, base) for item in index.items))
        if isinstance(index, Slice):
            return rebuild(index, self.need)
        return self.need(index)

    def inliner(self, node: Expr) -> Inliner:
        """Writes bodies of users' rules of a node as source."""
        facts, count = self.facts, 0

        def named(hint: str) -> str:
            nonlocal count
            count += 1
            return facts.temporary(hint, (id(self.tree), id(node), count))

        return Inliner(facts.inputs, facts.used, named)

    def spliced(self, inliner: Inliner, table: dict[str, Expr], pos: Pos | None) -> list[Stmt]:
        """The statements that bodies need ahead."""
        out: list[Stmt] = []
        for stmt in inliner.stmts:
            stmt = dataclasses.replace(rebuilt(stmt, lambda expr: self.adopt(expr, table)), pos=pos)
            for name in (bound for s in statements([stmt]) for bound in defined_by(s)):
                self.facts.kinds[name.id] = name.kind
            out.append(stmt)
        return out

    def active(self, node: Expr) -> bool:
        """Whether a derivative flows through the node."""
        return any(name in self.facts.active for name in flows(node))

    def placeholders(self, rule: Rule, bound: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Expr], set[str]]:
        """Stand-ins for the arguments, what they stand for, and the parameters through which a derivative flows."""
        table: dict[str, Expr] = {}

        def stand_in(label: str, value: Any) -> Any:
            if isinstance(value, list):
                return [stand_in(f"{label}.{k}", item) for k, item in enumerate(value)]
            if isinstance(value, Pack):
                if any(is_float(item.kind) for item in value.items) and rule.displays:
                    return [stand_in(f"{label}.{k}", item) for k, item in enumerate(value.items)]
                return Sym(value)
            if isinstance(value, (Const, Slice, DictPack)):
                return Sym(value)
            dtype = const(value)
            if isinstance(dtype, np.dtype):  # `x.dtype`: of a name that stands for it nobody knows which it is
                return Sym(lift(dtype.type))
            same = next((known for known, node in table.items() if node == value and isinstance(node, Name)), None)
            table.setdefault(same or f"%{label}", value)  # x * x: one stand-in, so that rules can see it
            return Sym(Name(same or f"%{label}", kind=value.kind))

        placeholders = {name: stand_in(name, value) for name, value in bound.items()}
        wanted = set()
        for name, value in bound.items():
            values = value if isinstance(value, list) else [value]
            if any(self.active(item) for item in values):
                wanted.add(name)
        return placeholders, table, wanted


def _is_shape(node: Expr) -> bool:
    return isinstance(node, Call) and node.prim.fn is np.shape and (
        isinstance(node.args[0], Name) or root(node.args[0]) is not None
    )


def hint_of(node: Expr) -> str:
    """A name for a hoisted value."""
    if isinstance(node, Call):
        text = node.prim.text.rsplit(".", 1)[-1]
        names = {"exp": "exps", "T": "transposed"}
        return names.get(text, f"{text}_value" if not text.endswith("s") else text)
    words = {"+": "total", "-": "difference", "*": "product", "/": "ratio", "**": "power", "@": "product"}
    if isinstance(node, Op):
        return words.get(node.op, "value")
    return "picked" if isinstance(node, Load) else "value"


def hoisted_statements(walk: Values, pos: Pos | None) -> list[Stmt]:
    """The assignments of hoisted values, inner ones first."""
    order: list[int] = []

    def visit(node: Expr) -> None:
        for child in children(node):
            visit(child)
        if id(node) in walk.hoisted and id(node) not in order:
            order.append(id(node))

    visit(walk.tree)
    for key in walk.hoisted:
        if key not in order:
            order.append(key)
    return [Assign(walk.hoisted[key][1], _without_self(walk.hoisted[key][0], walk), pos=pos) for key in order]


def _without_self(node: Expr, walk: Values) -> Expr:
    return rebuild(node, lambda child: with_hoisted(child, walk))


def with_hoisted(node: Expr, walk: Values) -> Expr:
    """An expression with its hoisted parts replaced by their variables."""
    if id(node) in walk.hoisted:
        return walk.hoisted[id(node)][1]
    return rebuild(node, lambda child: with_hoisted(child, walk))


def replace_hoisted(stmt: Stmt, walk: Values) -> Stmt:
    """The forward statement with its hoisted parts replaced by their variables."""
    if not walk.hoisted:
        return stmt
    if isinstance(stmt, (Assign, Store, Push)):
        return dataclasses.replace(stmt, value=with_hoisted(stmt.value, walk))
    return stmt


def holds_all(target: Expr, value: Expr) -> bool:
    """Whether what was written can be read back: nothing was broadcast or converted on the way."""
    if getattr(target.kind, "dtype", "") != getattr(value.kind, "dtype", ""):
        return False
    shape = dims(value.kind)
    return isinstance(target.kind, Scalar) or (
        shape is not None and shape == dims(target.kind) and all(d is not None for d in shape)
    )


def factor(total: Expr, seed: Expr) -> tuple[str, Expr] | None:
    """`d * f` or `d / f` as an in-place operation on d."""
    if isinstance(total, Op) and total.op in ("*", "/"):
        a, b = total.args
        if a == seed and not any(e == seed for e in subexpressions(b)):
            return total.op, b
        if total.op == "*" and b == seed and not any(e == seed for e in subexpressions(a)):
            return "*", a
    return None
