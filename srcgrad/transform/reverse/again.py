"""What is run again in the reverse sweep instead of being recorded: checkpointed loops, and calls.

Needed: the chunks of the body, and its statements as the primal runs them. Given: the two sweeps of the loop,

    snapshots = Snapshots(50, n)                    for i in reversed(range(n)):
    for i in range(n):                                  x = snapshots.restore(i)
        if snapshots.due():                             for j in range(snapshots.position, i):
            snapshots.save(x)                               if snapshots.due():
        x = np.sin(x)                                           snapshots.save(x)
                                                            x = np.sin(x)
                                                        (the body, recorded; its reverse)

A call is a loop of one trip, for which the record that stands before it is enough.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from srcgrad.analysis.aliases import Aliases, changes_list
from srcgrad.errors import AliasError, UnsupportedError
from srcgrad.ir.kinds import BOOL, INT, NONE, Array, DictOf, ListOf, Opaque, Scalar
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    BoolOp,
    Break,
    Call,
    Const,
    Continue,
    Effect,
    Expr,
    For,
    If,
    Invoke,
    Load,
    Name,
    Op,
    Pop,
    Pos,
    Prim,
    Push,
    Raise,
    Slice,
    Stmt,
    Store,
    While,
    With,
)
from srcgrad.ir.walk import contents, expressions_of, root, set_by, statements, subexpressions, substitute, with_blocks
from srcgrad.rules.build import Sym
from srcgrad.rules.registry import effect
from srcgrad.runtime import HELPERS, Snapshots
from srcgrad.transform.reverse.facts import Facts
from srcgrad.transform.webs import map_own, own_expressions

OBJECT = Opaque(Snapshots)


@dataclass
class Moved:
    """A variable whose adjoint's buffer is made anew when the trip is run again: what the buffer of the run before
    held goes there.

    then: that buffer; head: the one at the trip's start, None if every trip makes a new one; local: nothing outside of
    the block that sets the variable uses it.
    """

    adjoint: Name
    then: Name
    local: bool = False
    head: Name | None = None


@dataclass
class Again:
    """A body that is run again.

    primal: its statements, in the forward sweep; quiet: when they are run again, without prints and checks. names:
    what they set; written: see `written_by`. snapshots: None for a call. index,
    lo, step: of a For; counted: its length is known. counter: counts the trips that are run ahead. bound, kept: the
    variables and the arrays and lists that a trip starts from, found by the recorder; deep: the lists whose arrays are
    written; loose: those that may be None; saved: what they held. tapes: made at the start of the recorded run. flags:
    those that a trip may set.
    """

    pos: Pos | None
    primal: tuple[Stmt, ...]
    quiet: tuple[Stmt, ...]
    names: set[str]
    written: set[tuple[str, bool]]
    snapshots: Name | None = None
    index: Name | None = None
    lo: Expr | None = None
    step: Expr | None = None
    counter: Name | None = None
    counted: bool = False
    flags: list[Name] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    bound: list[Name] = field(default_factory=list)
    kept: list[Name] = field(default_factory=list)
    deep: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)
    saved: dict[str, Name] = field(default_factory=dict)
    tapes: list[Stmt] = field(default_factory=list)
    behind: list[Stmt] = field(default_factory=list)

    # ---- loops ----

    def forward(self, loop: For | While) -> Stmt:
        """The loop in the forward sweep."""
        body = (*self._saves(), *self.primal)
        return dataclasses.replace(loop, body=body, checkpoint=None)

    def _saves(self) -> list[Stmt]:
        if self.snapshots is None or (self.counted and not self.bound and not self.kept):
            return []
        state = (*self.bound, *(self.copy_of(name) for name in self.kept))
        save = Effect(method(self.snapshots, Snapshots.save, "save", *state))
        return [If(method(self.snapshots, Snapshots.due, "due", kind=BOOL), (save,))]

    def reverse(self, index: Name, head: list[Stmt], recorded: list[Stmt], answer: list[Stmt]) -> list[Stmt]:
        """The body of the reversed loop: run ahead to the trip, run it, reverse it."""
        out: list[Stmt] = []
        if self.bound or self.kept:
            assert self.snapshots is not None and self.counter is not None
            outs = (*self.bound, *(self.saved[name.id] for name in self.kept))
            if not self.bound and len(self.kept) == 1 and self._is_array(self.kept[0]):
                value = method(self.snapshots, Snapshots.restore, "restore", index, kind=self.kept[0].kind)
                out.append(self.put_back(self.kept[0], value))
            else:
                out.append(Invoke(outs, "restore", (self.snapshots, index), True, pos=self.pos))
                out += [self.put_back(name, self.saved[name.id]) for name in self.kept]
            start = Call(Prim(getattr, "position", "attribute"), (self.snapshots,), kind=INT)
            body = [*self._saves(), *_renamed(self.quiet, self.index, self._item())]
            out.append(For(self.counter, start, index, ONE, tuple(body)))
        return [*out, *head, *self.run(recorded, answer)]

    def _item(self) -> Expr | None:
        """The loop's variable, by the number of the trip."""
        if self.index is None or self.lo is None or self.step is None:
            return None
        assert self.counter is not None
        return trip_item(self.lo, self.step, self.counter)

    def run(self, recorded: list[Stmt], answer: list[Stmt]) -> list[Stmt]:
        """Run the body once with recording, and reverse it."""
        out: list[Stmt] = [Assign(m.head, m.adjoint) for m in self.moved if m.head is not None]
        out += [Assign(flag, Const(False, kind=BOOL)) for flag in self.flags]
        out += self.tapes
        out += without_jumps(_quiet(recorded))
        for m in self.moved:
            test: Expr = Op("is not", (m.then, m.adjoint), kind=BOOL)
            if m.head is None:
                held = Op("is not", (m.then, Const(None, kind=NONE)), kind=BOOL)
                test = BoolOp("and", (held, test), kind=BOOL)
            out.append(If(test, (Store(m.adjoint, m.then),)))
        out += answer
        out += [Assign(m.then, m.head if m.head is not None else Const(None, kind=NONE)) for m in self.moved]
        return out

    def moves(self) -> list[Stmt]:
        """Statements ahead of the reverse: the buffers of the adjoints, as the forward sweep left them."""
        return [Assign(m.then, m.adjoint) for m in self.moved]

    # ---- what is kept ----

    def copy_of(self, name: Name) -> Expr:
        """A copy of what an array or list holds, from which it can be put back."""
        if self._is_array(name):
            return Sym(name).copy().expr
        if self._flat(name):
            return Call(Prim(list.copy, "copy", "method"), (name,), kind=name.kind)
        return Call(Prim(HELPERS["contents_of"], "contents_of"), (name,), kind=Opaque(object))

    def put_back(self, name: Name, saved: Expr) -> Stmt:
        """Let an array or list hold again what it held; it stays where it is: views and adjoints stand on it."""
        if self._is_array(name):
            return Store(contents(name), saved, pos=self.pos)
        if self._flat(name):
            return Store(Load(name, Slice(None, None, None), kind=name.kind), saved, pos=self.pos)
        return Invoke((), "put_back", (name, saved), pos=self.pos)

    def _is_array(self, name: Name) -> bool:
        kind = name.kind
        return isinstance(kind, Array) and kind.dims is not None and not kind.optional and name.id not in self.loose

    def _flat(self, name: Name) -> bool:
        """Whether to put the items of a list back is enough."""
        kind = name.kind
        if not isinstance(kind, ListOf) or kind.optional or name.id in self.loose | self.deep:
            return False
        return not isinstance(kind.item, (ListOf, DictOf))


ZERO = Const(0, kind=Scalar("int64", True, 0))
ONE = Const(1, kind=Scalar("int64", True, 1))


def trip_item(lo: Expr, step: Expr, trip: Expr) -> Expr:
    """lo + trip * step."""
    offset: Expr = trip if step == ONE else Op("*", (trip, step), kind=INT)
    return offset if lo == ZERO else Op("+", (lo, offset), kind=INT)


def method(owner: Name, fn: Callable[..., object], name: str, *args: Expr, kind: object = NONE) -> Call:
    """`owner.name(args)`."""
    return Call(Prim(fn, name, "method"), (owner, *args), kind=kind)  # type: ignore[arg-type]


# ---- the body ------------------------------------------------------------------------------------------------


def again_of(
    stmt: For | While | With, primal: Sequence[Stmt], facts: Facts, named: Callable[[str, str], str]
) -> Again:
    """What is known of a body before recording. named: a variable for a role, with a hint at its name."""
    flat = plain(primal)
    refuse_draws(flat, stmt.pos)
    names = {name for inner in statements(flat) for name in set_by(inner)}
    made = Again(stmt.pos, flat, _without_breaks(_quiet(flat)), names, written_by(flat, facts.aliases))
    made.flags = [Name(flag, kind=BOOL) for flag in sorted(facts.flags & names)]
    active = facts.moving & facts.active
    for inner in statements(flat):
        owner = root(inner.target) if isinstance(inner, (Push, Pop)) else None
        for name in sorted((set_by(inner) | ({owner} if owner is not None else set())) & active):
            if not isinstance(facts.kinds[name], Array):
                raise AliasError(
                    f"the arrays that `{name}` holds are written in place under several names, in what is run again "
                    "in the reverse sweep",
                    "Use separate arrays instead of a list of them, or copy them (`.copy()`).",
                    inner.pos or stmt.pos,
                )
    for name in sorted(names & active):  # those of one trip alone are settled in it
        adjoint = facts.adjoint(name)
        then = Name(named(f"{name} then", f"{adjoint.id}_then"), kind=adjoint.kind)
        facts.kinds[then.id] = adjoint.kind
        made.moved.append(Moved(adjoint, then, name in facts.local))
    return made


def refuse_draws(block: Sequence[Stmt], pos: Pos | None) -> None:
    """Raise UnsupportedError where statements that are run again draw a random number."""
    for stmt in statements(list(block)):
        for top in own_expressions(stmt):
            for expr in subexpressions(top):
                if isinstance(expr, Call) and effect(expr.prim.fn, [key for key, _ in expr.kwargs]) == "random":
                    raise UnsupportedError(
                        "a random number is drawn in what is run again in the reverse sweep: it would be another one",
                        "Draw the numbers before the loop or call, and pass them in.",
                        expr.pos or stmt.pos or pos,
                    )


def written_by(block: Sequence[Stmt], aliases: Aliases) -> set[tuple[str, bool]]:
    """The variables through which statements write, with whether they change the items of a list."""
    found: set[tuple[str, bool]] = set()
    for stmt in statements(list(block)):
        if isinstance(stmt, (Store, Push, Pop)):
            owner = root(stmt.target)
            if owner is not None:
                found.add((owner, changes_list(stmt)))
        elif isinstance(stmt, Invoke):
            for arg in stmt.args:
                if isinstance(arg, Name) and aliases.is_written(arg.id):
                    found |= {(arg.id, False), (arg.id, arg.id in aliases.lists)}
    return found


def plain(block: Sequence[Stmt]) -> tuple[Stmt, ...]:
    """Statements as they run where nothing is reversed: without marks."""
    out: list[Stmt] = []
    for stmt in block:
        stmt = with_blocks(stmt, plain)
        if isinstance(stmt, With) and stmt.checkpoint:
            out += stmt.body
        elif isinstance(stmt, (For, While)) and stmt.checkpoint is not None:
            out.append(dataclasses.replace(stmt, checkpoint=None))
        else:
            out.append(stmt)
    return tuple(out)


def _without_breaks(block: Sequence[Stmt]) -> tuple[Stmt, ...]:
    """The body of a loop whose last trip is not run."""
    out: list[Stmt] = []
    for stmt in block:
        if isinstance(stmt, (If, With)):
            stmt = with_blocks(stmt, _without_breaks)
        if not isinstance(stmt, Break):
            out.append(stmt)
    return tuple(out)


def _quiet(block: Sequence[Stmt]) -> tuple[Stmt, ...]:
    """Without what has been shown and checked already. No statement answers one of the primal's: they have no place."""
    out: list[Stmt] = []
    for stmt in block:
        if isinstance(stmt, (Assert, Raise)) or (isinstance(stmt, Effect) and not _of_snapshots(stmt)):
            continue
        out.append(dataclasses.replace(with_blocks(stmt, _quiet), pos=None))
    return tuple(out)


def _of_snapshots(stmt: Effect) -> bool:
    return isinstance(stmt.value, Call) and stmt.value.prim.fn is Snapshots.save


def without_jumps(block: Sequence[Stmt]) -> list[Stmt]:
    """The body of a loop as statements that run once, outside of it: guards skip what the jumps skipped."""
    out: list[Stmt] = []
    for stmt in block:
        if isinstance(stmt, (Break, Continue)):
            continue
        if isinstance(stmt, If):
            body, orelse = tuple(without_jumps(stmt.body)), tuple(without_jumps(stmt.orelse))
            if body or orelse:
                out.append(dataclasses.replace(stmt, body=body, orelse=orelse, guard=False))
        elif isinstance(stmt, With):
            out.append(dataclasses.replace(stmt, body=tuple(without_jumps(stmt.body))))
        else:
            out.append(stmt)
    return out


def _renamed(block: Sequence[Stmt], index: Name | None, item: Expr | None) -> tuple[Stmt, ...]:
    """The statements with an expression in place of a loop's variable."""
    if index is None or item is None:
        return tuple(block)
    table = {index.id: item}
    if not isinstance(item, Name):
        if any(index.id in (e.id for top in expressions_of(s) for e in subexpressions(top) if isinstance(e, Name))
               for s in statements(list(block))):  # fmt: skip
            return (Assign(index, item), *block)
        return tuple(block)

    def visit(stmt: Stmt) -> Stmt:
        stmt = map_own(stmt, lambda expr: substitute(expr, table))
        return with_blocks(stmt, lambda inner: tuple(map(visit, inner)))

    return tuple(map(visit, block))
