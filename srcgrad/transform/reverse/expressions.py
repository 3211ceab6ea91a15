"""The adjoint of an expression: a walk down its tree that hands each node's adjoint to its arguments.

Given: what is added to the adjoints of the leaves, and which values of the forward sweep that reads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.aliases import basic
from srcgrad.errors import SrcgradError, UnsupportedError
from srcgrad.ir.kinds import INT, Array, DictOf, ListOf, Opaque, Scalar, forget_value, is_complex, rank
from srcgrad.ir.nodes import Assign, Call, Const, Expr, Load, Name, Op, Pack, Pos, Prim, Slice, Stmt
from srcgrad.ir.walk import root, substitute
from srcgrad.rules.bodies import inlining
from srcgrad.rules.build import Sym
from srcgrad.rules.contributions import Contribution, NeedsFull, contributions, full
from srcgrad.rules.registry import rule_of
from srcgrad.rules.solved import Generated, Integral, Solved
from srcgrad.transform.masks import is_singular
from srcgrad.transform.repeats import repeated, swapped
from srcgrad.transform.values import MASKING, RESULT, Values
from srcgrad.transform.webs import rebuilt


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
class Walk(Values):
    """The adjoint of one statement in the making.

    terms: contributions to leaves. stmts: reverse statements so far (temporaries). atoms: how many adjoints got a
    variable.
    """

    terms: list[Term] = field(default_factory=list)
    stmts: list[Stmt] = field(default_factory=list)
    pos: Pos | None = None
    atoms: int = 0

    def read_target(self) -> None:
        """Let the result be read from the statement's target."""
        if self.reads_target and self.target is not None:
            table = {RESULT: self.target}
            self.terms = [dataclasses.replace(t, expr=substitute(t.expr, table)) for t in self.terms]
            self.stmts = [rebuilt(s, lambda expr: substitute(expr, table)) for s in self.stmts]

    # ---- the walk ----

    def walk(self, node: Expr, d: Expr, lazy: bool, masked: bool = False, unbounded: bool = False) -> None:
        """Hand the adjoint `d` of a node on to what it was computed from.

        lazy: d only broadcasts to the node's shape. masked: d may hold zeros that stand for "not chosen".
        unbounded: d may be infinite.
        """
        if not self.active(node):
            return
        d = _placed(_real(d, node), node)
        match node:
            case Name(id=name) if name in self.facts.slots:
                self.walk(self.facts.slots[name], d, lazy, masked, unbounded)
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
                self._walk_call(node, d, lazy, masked, unbounded)
            case _:
                raise UnsupportedError("no derivative flows through this expression", pos=node.pos)

    def _walk_load(self, node: Load, base: Expr, index: Expr, d: Expr, lazy: bool) -> None:
        name = root(node)
        if name is None:
            raise UnsupportedError("an item of this expression cannot be differentiated", "Name it first.", node.pos)
        if isinstance(base, Name) and not self.facts.is_shadow(name) and turns_round(base, index):
            whole = d if lazy or rank(d.kind) == 0 else Load(d, index, kind=base.kind)
            self.terms.append(Term(name, None, whole, lazy))
            return
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

    def _walk_call(self, node: Op | Call, d: Expr, lazy: bool, masked: bool, unbounded: bool) -> None:
        if isinstance(node, Call) and isinstance(node.prim.fn, Solved):
            return self._walk_solved(node, node.prim.fn, d, lazy)
        if isinstance(node, Call) and isinstance(node.prim.fn, Integral):
            return self._walk_integral(node, node.prim.fn, d, lazy)
        rule = rule_of(node)
        if rule.form == "constant":
            return
        bound = rule.bind(node)
        placeholders, table, wanted = self.placeholders(rule, bound)
        uses = len(wanted)
        d = self.atom(d, uses + sum(isinstance(v, list) and len(v) > 1 for v in bound.values()))
        out = Sym(Name("%out", kind=node.kind))
        table["%out"] = node
        inner_masked = masked or (isinstance(node, Call) and node.prim.fn in MASKING)
        ready = node is self.tree and self.target is not None
        if rule.own:
            d = self.atom(d, 2)  # the body may read it several times
        apply = self._contributions(node, table)
        try:
            found = apply(rule, node, Sym(d), lazy, placeholders, out, wanted, masked, ready, unbounded)
        except NeedsFull:
            like = self.shape_source(node)
            whole = self.atom(full(Sym(d), Sym(like)).expr, 2 if rule.own else uses)
            found = apply(rule, node, Sym(whole), False, placeholders, out, wanted, masked, ready, unbounded)
        adjoints = [self.adopt(term.sym.expr, table) for term in found]
        if rule.form == "general":
            adjoints = self.shared(adjoints)
        for term, adjoint in zip(found, adjoints, strict=True):
            arg = bound[term.param]
            index = (term.index,) if isinstance(term.index, int) else term.index or ()
            for k in index:
                arg = arg[k] if isinstance(arg, list) else arg.items[k]
            self.walk(arg, adjoint, term.lazy, inner_masked, unbounded or is_singular(node))

    def shared(self, exprs: list[Expr]) -> list[Expr]:
        """The expressions, with a variable for each matrix that several places compute by the same call."""
        while (again := repeated(exprs)) is not None:
            made = self.atom(again, 2)
            exprs = [swapped(expr, again, made) for expr in exprs]
        return exprs

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

    def _walk_integral(self, node: Call, integral: Integral, d: Expr, lazy: bool) -> None:
        """The adjoint of an integral: its integrand at the limits, and an integral for each of the arguments."""
        if lazy:
            d = full(Sym(d), Sym(self.shape_source(node))).expr
        _, lo, hi, *given = node.args
        active = [self.active(arg) for arg in given]
        d = self.atom(d, 1 + sum(map(self.active, node.args[1:])))
        values = [self.need(arg) for arg in given]
        for limit, sign in ((hi, 1), (lo, -1)):
            if self.active(limit):
                name = self.facts.functions.plain_name(integral.equation)
                end: Expr = Call(Prim(Generated(name), name), (self.need(limit), *values), kind=forget_value(node.kind))
                end = (sign * Sym(d) * Sym(end)).expr
                self.walk(limit, Sym(end).sum().expr if isinstance(node.kind, Array) else end, False)
        if not any(active):
            return
        pullback = self.facts.functions.pullback(integral.equation, (False, *active))
        helper = Prim(runtime.integral_adjoint, "integral_adjoint")
        for place, arg in enumerate(arg for arg, wanted in zip(given, active, strict=True) if wanted):
            at = Const(place, kind=Scalar("int64", True, place))
            shares = (pullback, at, d, self.need(lo), self.need(hi), *values)
            self.walk(arg, Call(helper, shares, kind=forget_value(arg.kind), pos=node.pos), False)

    def _contributions(self, node: Op | Call, table: dict[str, Expr]) -> Callable[..., list[Contribution]]:
        """contributions; the statements that the rule needs come ahead."""
        def apply(*given: Any) -> list[Contribution]:
            inliner = self.inliner(node)
            try:
                with inlining(inliner):
                    found = contributions(*given)
            except SrcgradError as error:
                if error.pos is None:
                    raise type(error)(error.reason, error.remedy, node.pos) from error
                raise
            self.stmts += self.spliced(inliner, table, self.pos)
            return found

        return apply



def turns_round(base: Expr, index: Expr) -> bool:
    """Whether an index gives all of an array, backwards along some axes: it is its own inverse."""
    items = index.items if isinstance(index, Pack) and index.type == "tuple" else (index,)
    if not isinstance(base.kind, Array) or base.kind.dims is None or base.kind.optional:
        return False
    bounds = [(item.lo, item.hi, item.step) for item in items if isinstance(item, Slice)]
    whole = all(lo is None and hi is None and step in (None, Const(-1)) for lo, hi, step in bounds)
    return whole and len(bounds) == len(items) and any(step is not None for _, _, step in bounds)


def may_repeat(index: Expr) -> bool:
    """Whether an index may name an element twice: it holds an array of ints that are not known to differ."""
    items = index.items if isinstance(index, Pack) and index.type == "tuple" else (index,)
    arrays = [item for item in items if isinstance(item.kind, (Array, ListOf)) or isinstance(item, Pack)]
    arrays = [item for item in arrays if getattr(item.kind, "dtype", "") != "bool"]
    if not arrays:
        return False
    return not any(isinstance(item, Call) and item.prim.fn in (np.arange, np.argsort) for item in arrays)


def _real(d: Expr, node: Expr) -> Expr:
    """The adjoint of a real number is real: only its real part was used."""
    return Sym(d).real.expr if is_complex(d.kind) and not is_complex(node.kind) else d


def _placed(d: Expr, node: Expr) -> Expr:
    """The adjoint of a node, with the node's place in the user's source: closer than that of the whole statement."""
    return d if node.pos is None else dataclasses.replace(d, pos=node.pos)


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

