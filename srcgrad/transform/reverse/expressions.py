"""The adjoint of an expression: a walk down its tree that hands each node's adjoint to its arguments.

Given: what is added to the adjoints of the leaves, and which values of the forward sweep that reads; those that are
not as well computed again are hoisted: they get a variable ahead of the statement.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.analysis.activity import flows
from srcgrad.analysis.aliases import basic, sources
from srcgrad.errors import SrcgradError, UnsupportedError
from srcgrad.ir.kinds import INT, Array, DictOf, ListOf, Opaque, Scalar, dims, forget_value, is_float, rank
from srcgrad.ir.nodes import Assign, Call, Const, DictPack, Expr, Load, Name, Op, Pack, Pos, Prim, Slice, Stmt
from srcgrad.ir.walk import children, defined_by, rebuild, root, statements, substitute
from srcgrad.rules.bodies import inlining
from srcgrad.rules.build import Sym
from srcgrad.rules.contributions import Contribution, NeedsFull, contributions, full
from srcgrad.rules.registry import Rule, rule_of
from srcgrad.rules.solved import Generated, Solved
from srcgrad.transform.reverse.facts import Facts
from srcgrad.transform.webs import rebuilt

RESULT = "%result"
SHAPE_ONLY = {np.zeros_like, np.ones_like, np.full_like, np.shape, np.size, np.ndim, len}
MASKING = {np.where, np.maximum, np.minimum, np.clip, np.fmax, np.fmin, max, min, np.select}


@dataclass
class Term:
    """A contribution to a leaf. place: None for the whole variable, else the part of it, as a Load of the variable.

    lazy: it only broadcasts to the leaf's shape. add_at: the part may name an element twice.
    """

    name: str
    place: Load | None
    expr: Expr
    lazy: bool
    add_at: bool = False


@dataclass
class Walk:
    """The adjoint of one statement in the making.

    hoisted: values that the reverse sweep reads and that get a variable in the forward sweep, by identity of the
    node. terms: contributions to leaves. stmts: reverse statements so far (temporaries). tree: the node whose value
    the statement's target holds; target: how to read it. atoms: how many adjoints got a variable.
    """

    facts: Facts
    memo: dict[int, Name]
    tree: Expr
    target: Expr | None
    hoisted: dict[int, tuple[Expr, Name]] = field(default_factory=dict)
    terms: list[Term] = field(default_factory=list)
    stmts: list[Stmt] = field(default_factory=list)
    reads_target: bool = False
    pos: Pos | None = None
    atoms: int = 0

    # ---- values ----

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
            self.memo[id(node)] = Name(self.facts.fresh(_hint(node)), kind=node.kind, pos=node.pos)
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

    def read_target(self) -> None:
        """Let the result be read from the statement's target."""
        if self.reads_target and self.target is not None:
            table = {RESULT: self.target}
            self.terms = [dataclasses.replace(t, expr=substitute(t.expr, table)) for t in self.terms]
            self.stmts = [rebuilt(s, lambda expr: substitute(expr, table)) for s in self.stmts]

    # ---- the walk ----

    def active(self, node: Expr) -> bool:
        """Whether a derivative flows through the node."""
        return any(name in self.facts.active for name in flows(node))

    def walk(self, node: Expr, d: Expr, lazy: bool, masked: bool = False) -> None:
        """Hand the adjoint `d` of a node on to what it was computed from.

        lazy: d only broadcasts to the node's shape. masked: d may hold zeros that stand for "not chosen".
        """
        if not self.active(node):
            return
        match node:
            case Name(id=name) if name in self.facts.slots:
                self.walk(self.facts.slots[name], d, lazy, masked)
            case Name(id=name):
                self.terms.append(Term(name, None, d, lazy and rank(node.kind) != 0))
            case Load(base=base, index=index):
                self._walk_load(node, base, index, d, lazy)
            case Pack(items=items):
                self._walk_pack(items, d)
            case Op(op="+", args=(a, b)) if isinstance(node.kind, ListOf):
                d = self.atom(d, 2, "items")
                end = Call(Prim(len, "len"), (self.need(a),), kind=INT)
                self.walk(a, Load(d, Slice(None, end, None), kind=a.kind), False)
                self.walk(b, Load(d, Slice(end, None, None), kind=b.kind), False)
            case Op() if isinstance(node.kind, ListOf):
                problem = "the items of a repeated list share their derivative"
                raise UnsupportedError(problem, "Write a loop.", node.pos)
            case Op() | Call():
                self._walk_call(node, d, lazy, masked)
            case _:
                raise UnsupportedError("no derivative flows through this expression", pos=node.pos)

    def _walk_load(self, node: Load, base: Expr, index: Expr, d: Expr, lazy: bool) -> None:
        name = root(node)
        if name is None:
            raise UnsupportedError("an item of this expression cannot be differentiated", "Name it first.", node.pos)
        place = self.place(node)
        repeated = isinstance(base.kind, Array) and may_repeat(index)
        self.terms.append(Term(name, place, d, lazy, repeated))

    def place(self, node: Load) -> Load:
        """A part of a variable, with indices that the reverse sweep can read."""
        base = self.place(node.base) if isinstance(node.base, Load) else node.base
        if isinstance(base, Load) and isinstance(base.base.kind, ListOf) and isinstance(base.index, Slice):
            raise UnsupportedError("an item of a slice of a list is used", "Give the slice a name first.", node.pos)
        index = node.index
        if isinstance(base.kind, (Array, ListOf, DictOf)):
            index = self.index(index, base)
        return dataclasses.replace(node, base=base, index=index)

    def index(self, index: Expr, base: Expr) -> Expr:
        if isinstance(index, Pack) and index.type == "tuple":
            return dataclasses.replace(index, items=tuple(self.index(item, base) for item in index.items))
        if isinstance(index, Slice):
            return rebuild(index, self.need)
        return self.need(index)

    def _walk_pack(self, items: tuple[Expr, ...], d: Expr) -> None:
        d = self.atom(d, sum(self.active(item) for item in items), "items")
        for k, item in enumerate(items):
            at = Const(k, kind=Scalar("int64", True, k))
            kind = item.kind
            self.walk(item, Load(d, at, kind=kind), False)

    def atom(self, d: Expr, uses: int, hint: str = "new") -> Expr:
        """The adjoint in a variable, if it is used several times and is more than a name."""
        if uses < 2 or isinstance(d, (Name, Const)) or (isinstance(d, Load) and basic(d.index)):
            return d
        self.atoms += 1
        name = Name(self.facts.temporary(f"d_{hint}", (id(self.tree), self.atoms)), kind=d.kind)
        self.facts.kinds[name.id] = d.kind
        self.stmts.append(Assign(name, d, pos=self.pos))
        return name

    def _walk_call(self, node: Op | Call, d: Expr, lazy: bool, masked: bool) -> None:
        if isinstance(node, Call) and isinstance(node.prim.fn, Solved):
            return self._walk_solved(node, node.prim.fn, d, lazy)
        rule = rule_of(node)
        if rule.form == "constant":
            return
        bound = rule.bind(node)
        placeholders, table, wanted = self._placeholders(rule, bound)
        uses = len(wanted)
        d = self.atom(d, uses + sum(isinstance(v, list) and len(v) > 1 for v in bound.values()))
        out = Sym(Name("%out", kind=node.kind))
        table["%out"] = node
        inner_masked = masked or (isinstance(node, Call) and node.prim.fn in MASKING)
        ready = node is self.tree and self.target is not None
        apply = contributions
        if rule.own:
            d = self.atom(d, 2)  # the body may read it several times
            apply = self._own_contributions(node, table)
        try:
            found = apply(rule, node, Sym(d), lazy, placeholders, out, wanted, masked, ready)
        except NeedsFull:
            like = self.shape_source(node)
            whole = self.atom(full(Sym(d), Sym(like)).expr, 2 if rule.own else uses)
            found = apply(rule, node, Sym(whole), False, placeholders, out, wanted, masked, ready)
        for term in found:
            arg = bound[term.param]
            index = (term.index,) if isinstance(term.index, int) else term.index or ()
            for k in index:
                arg = arg[k] if isinstance(arg, list) else arg.items[k]
            self.walk(arg, self.adopt(term.sym.expr, table), term.lazy, inner_masked)

    def _walk_solved(self, node: Call, solved: Solved, d: Expr, lazy: bool) -> None:
        """The adjoint of the solution of an equation: one linear system, then the equation's pullback."""
        if lazy:
            d = full(Sym(d), Sym(self.shape_source(node))).expr
        given = node.args[solved.start :]
        active = [self.active(arg) for arg in given]
        pullback = self.facts.functions.pullback(solved.equation, (True, *active))
        values = [self.need_out(node), *map(self.need, given)]
        solver = Call(Prim(solved.adjoint, solved.adjoint.__name__), (pullback, d, *values), solved.options,
                      kind=forget_value(node.kind), pos=node.pos)  # fmt: skip
        w = self.atom(solver, 2, "equation")
        called = Prim(Generated(pullback.id), pullback.id)
        adjoints: Expr = Call(called, (*values, w), kind=Opaque(tuple), pos=node.pos)
        adjoints = self.atom(adjoints, sum(active), "arguments")
        place = 0
        for arg, wanted in zip(given, active, strict=True):
            place += wanted
            if wanted:
                at = Const(place, kind=Scalar("int64", True, place))
                self.walk(arg, Load(adjoints, at, kind=forget_value(arg.kind)), False)

    def _own_contributions(self, node: Op | Call, table: dict[str, Expr]) -> Callable[..., list[Contribution]]:
        """contributions, for a user's rule: the statements of its body come ahead."""
        from srcgrad.transform.inline import Inliner

        def apply(*given: Any) -> list[Contribution]:
            facts, count = self.facts, 0

            def named(hint: str) -> str:
                nonlocal count
                count += 1
                return facts.temporary(hint, (id(self.tree), id(node), count))

            inliner = Inliner(facts.inputs, facts.used, named)
            try:
                with inlining(inliner):
                    found = contributions(*given)
            except SrcgradError as error:
                if error.pos is None:
                    raise type(error)(error.reason, error.remedy, node.pos) from error
                raise
            for stmt in inliner.stmts:
                stmt = dataclasses.replace(rebuilt(stmt, lambda expr: self.adopt(expr, table)), pos=self.pos)
                for name in (bound for s in statements([stmt]) for bound in defined_by(s)):
                    facts.kinds[name.id] = name.kind
                self.stmts.append(stmt)
            return found

        return apply

    def _placeholders(self, rule: Rule, bound: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Expr], set[str]]:
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
            table[f"%{label}"] = value
            return Sym(Name(f"%{label}", kind=value.kind))

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


def may_repeat(index: Expr) -> bool:
    """Whether an index may name an element twice: it holds an array of ints that are not known to differ."""
    items = index.items if isinstance(index, Pack) and index.type == "tuple" else (index,)
    arrays = [item for item in items if isinstance(item.kind, (Array, ListOf)) or isinstance(item, Pack)]
    arrays = [item for item in arrays if getattr(item.kind, "dtype", "") != "bool"]
    if not arrays:
        return False
    return not any(isinstance(item, Call) and item.prim.fn in (np.arange, np.argsort) for item in arrays)


def _hint(node: Expr) -> str:
    """A name for a hoisted value."""
    if isinstance(node, Call):
        text = node.prim.text.rsplit(".", 1)[-1]
        names = {"exp": "exps", "T": "transposed"}
        return names.get(text, f"{text}_value" if not text.endswith("s") else text)
    words = {"+": "total", "-": "difference", "*": "product", "/": "ratio", "**": "power", "@": "product"}
    if isinstance(node, Op):
        return words.get(node.op, "value")
    return "picked" if isinstance(node, Load) else "value"


def add(terms: list[Term]) -> tuple[Expr, bool]:
    """The sum of the contributions to one leaf, and whether it only broadcasts to the leaf's shape."""
    counts: list[tuple[Expr, int]] = []
    for term in terms:
        again = next((k for k, (e, _) in enumerate(counts) if e == term.expr), None)
        if again is None:
            counts.append((term.expr, 1))
        else:
            counts[again] = (term.expr, counts[again][1] + 1)
    parts = [Sym(e) if n == 1 else n * Sym(e) for e, n in counts]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total.expr, all(term.lazy for term in terms)

