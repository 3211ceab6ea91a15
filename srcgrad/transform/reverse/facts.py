"""What the reverse transform knows of the program: storage classes, adjoint names, and how to spell values."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad.analysis.aliases import Aliases, changes_list, list_sources, read_only, sources
from srcgrad.errors import AliasError
from srcgrad.ir.kinds import INT, Array, DictOf, Kind, ListOf, Scalar, forget_value, is_float, join
from srcgrad.ir.nodes import (
    Assign,
    Call,
    Const,
    Expr,
    Hook,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Prim,
    Push,
    Stmt,
    Store,
)
from srcgrad.ir.walk import blocks, children, defined_by, names_in, root, statements
from srcgrad.rules.build import Sym, xp
from srcgrad.runtime import zeros_like as structure_zeros

if TYPE_CHECKING:
    from srcgrad.optimize.watch import Watch

ZERO = Const(0, kind=Scalar("int64", True, 0))
ZERO_FLOAT = Const(0.0, kind=Scalar("float64", True, 0.0))


@dataclass
class Facts:
    """Tables by variable.

    kinds; active; aliases; used: names taken; adjoints: the adjoint's name of each active variable. views: names
    whose adjoint is a view bound at the start of the reversed block; bases: what they are views of; moving:
    variables whose adjoint is bound beside them in the forward sweep; outside: set in no branch and no loop; local:
    set once, in a branch or loop, and used in that block only; sure: set outside at least once; presets: set to
    None at the start, since an adjoint's shape may be asked for before they are set; slots: numbers that only stand
    for an item of an array or list that nothing writes, whose adjoint is the item's; definitions: how many
    statements set a variable; entry: set before the program starts. flags: the variables of jumps; raised: how
    often each is set. masked: variables whose adjoint may hold zeros that stand for "not chosen"; unbounded: whose
    adjoint may be infinite. results: what is returned. temporaries, own: names that the transform made. watch:
    where checks of adjoints are asked for, collects them. inputs: what the
    program takes; functions: those generated beside it.
    """

    kinds: dict[str, Kind]
    active: set[str]
    aliases: Aliases
    used: set[str]
    flags: set[str]
    entry: set[str]
    adjoints: dict[str, str] = field(default_factory=dict)
    views: set[str] = field(default_factory=set)
    bases: dict[str, set[str]] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)
    definitions: dict[str, int] = field(default_factory=dict)
    masked: set[str] = field(default_factory=set)
    unbounded: set[str] = field(default_factory=set)
    temporaries: dict[tuple[str, object], str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    slots: dict[str, Load] = field(default_factory=dict)
    results: set[str] = field(default_factory=set)
    raised: dict[str, int] = field(default_factory=dict)
    outside: set[str] = field(default_factory=set)
    local: set[str] = field(default_factory=set)
    presets: set[str] = field(default_factory=set)
    sure: set[str] = field(default_factory=set)
    watch: Watch | None = None
    inputs: Any = None
    functions: Any = None

    def fresh(self, hint: str) -> str:
        """A name that nothing else has."""
        hint = re.sub(r"\W+", "_", hint).strip("_")
        name, number = hint, 2
        while name in self.used:
            name, number = f"{hint}_{number}", number + 1
        self.used.add(name)
        self.own.add(name)
        return name

    def made(self) -> set[str]:
        """The variables that the transform made: they may vanish from the text."""
        return self.own | set(self.adjoints.values()) | set(self.temporaries.values())

    def temporary(self, hint: str, key: object) -> str:
        """A name for a value on the way; the same one whenever the same statement is reversed again."""
        if (hint, key) not in self.temporaries:
            self.temporaries[(hint, key)] = self.fresh(hint)
        return self.temporaries[(hint, key)]

    def adjoint(self, name: str) -> Name:
        """The adjoint variable of a variable."""
        if name not in self.adjoints:
            self.adjoints[name] = self.fresh(f"d_{short(name)}")
            self.kinds[self.adjoints[name]] = self.kinds[name]
        return Name(self.adjoints[name], kind=self.kinds[name])

    def is_shadow(self, name: str) -> bool:
        """Whether the variable's adjoint is a buffer of its own from the variable's birth on."""
        return self.aliases.is_written(name) and isinstance(self.kinds.get(name), (Array, ListOf, DictOf))

    def buffers(self, expr: Expr) -> list[str]:
        """The variables whose adjoints' memory the adjoint of a value shares: two lists of arrays that nothing writes
        have adjoints of their own, though they hold the same arrays."""
        found = [base for base, _ in sources(expr) if self.aliases.of(base) in self.aliases.written]
        return [base for base in [*found, *list_sources(expr)] if self.is_shadow(base)]

    def zero_of_item(self, place: Expr) -> Expr:
        """A zero adjoint for what stands at a place of a list or dict now. A key of a dict may be new."""
        assert isinstance(place, Load)
        if isinstance(place.kind, Scalar):
            return ZERO_FLOAT
        item: Expr = place
        if isinstance(place.base.kind, DictOf):
            item = Call(Prim(dict.get, "get", "method"), (place.base, place.index), kind=place.kind)
        elif isinstance(place.kind, Array) and place.kind.dims is not None and not place.kind.optional:
            return xp.zeros_like(Sym(place)).expr
        return Call(Prim(structure_zeros, "zeros_like"), (item,), kind=place.kind)

    def zero_at_join(self, name: str) -> Expr:
        """A zero adjoint where paths meet, on some of which the variable may never have been set: it is None then."""
        if name in self.sure or isinstance(self.kinds[name], Scalar):
            return self.zero(name)
        self.presets.add(name)
        kind = self.kinds[name]
        return Call(Prim(structure_zeros, "zeros_like"), (Name(name, kind=kind),), kind=kind)

    def zero(self, name: str) -> Expr:
        """A zero adjoint for a variable."""
        kind = self.kinds[name]
        if isinstance(kind, Scalar):
            return ZERO_FLOAT
        if isinstance(kind, Array) and kind.dims is not None and not kind.optional:
            return xp.zeros_like(Sym(Name(name, kind=kind))).expr
        if isinstance(kind, ListOf) and isinstance(kind.item, Scalar) and not kind.optional:
            one = Pack("list", (ZERO_FLOAT,), kind=kind)
            count = Call(Prim(len, "len"), (Name(name, kind=kind),), kind=INT)
            return Op("*", (one, count), kind=kind)
        return Call(Prim(structure_zeros, "zeros_like"), (Name(name, kind=kind),), kind=kind)


def typed_zero(kind: Scalar) -> Expr:
    """A zero of a number's type: one of NumPy's has methods and a dtype that a Python float lacks."""
    if kind.weak or not is_float(kind):
        return ZERO_FLOAT
    return as_typed(ZERO_FLOAT, kind)


def as_typed(value: Expr, kind: Scalar) -> Expr:
    """A number as one of NumPy's of this kind: `np.float32(d_out)`."""
    return Call(Prim(np.dtype(kind.dtype).type, f"np.{kind.dtype}"), (value,), kind=kind)


def short(name: str) -> str:
    """The last part of an access path: w1 of `params["w1"]`."""
    if name.isidentifier():
        return name
    parts = [part for part in re.split(r"\W+", name) if part]
    return parts[-1] if not parts[-1].isdigit() else "_".join(parts)


def kinds_of(body: tuple[Stmt, ...], entry: dict[str, Kind]) -> dict[str, Kind]:
    """The kind of each variable: what all its definitions join to."""
    kinds: dict[str, Kind] = dict(entry)

    def note(name: Name) -> None:
        kind = forget_value(name.kind)
        joined = join(kinds[name.id], kind) if name.id in kinds else kind
        kinds[name.id] = kind if joined is None else joined

    for stmt in statements(body):
        for name in defined_by(stmt):
            note(name)
        # an item's kind shows only where the list is used later
        for expr in _expressions(stmt):
            _note_lists(expr, kinds)
    return kinds


def _expressions(stmt: Stmt) -> list[Expr]:
    return [v for f in dataclasses.fields(stmt) if isinstance(v := getattr(stmt, f.name), Expr)]


def _note_lists(expr: Expr, kinds: dict[str, Kind]) -> None:
    if isinstance(expr, Name):
        if isinstance(expr.kind, (ListOf, DictOf)) and expr.id in kinds:
            kinds[expr.id] = join(kinds[expr.id], expr.kind) or kinds[expr.id]
        return
    for child in children(expr):
        _note_lists(child, kinds)


def settle_storage(body: tuple[Stmt, ...], facts: Facts) -> None:
    """Decide how the adjoint of each written class is stored: see DESIGN D2 and the module's Facts."""
    counts: dict[str, int] = dict.fromkeys(facts.entry, 1)
    facts.sure = set(facts.entry)
    homes: dict[str, int] = {}
    values: dict[str, list[Expr | None]] = {}
    block_of_use: dict[str, set[tuple[int, ...]]] = {}
    home_path: dict[str, tuple[int, ...]] = {name: () for name in facts.entry}

    def visit(block: tuple[Stmt, ...], path: tuple[int, ...]) -> None:
        for k, stmt in enumerate(block):
            for name in (bound.id for bound in defined_by(stmt)):
                counts[name] = counts.get(name, 0) + 1
                home_path[name] = path
                if not path:
                    facts.sure.add(name)
                homes[name] = k
                values.setdefault(name, []).append(stmt.value if isinstance(stmt, Assign) else None)
            for expr in _expressions(stmt) + list(getattr(stmt, "args", ())):
                for name in names_in(expr):
                    block_of_use.setdefault(name, set()).add(path)
            for n, inner in enumerate(blocks(stmt)):
                visit(inner, (*path, k * 2 + n))

    visit(body, ())
    facts.definitions = counts
    facts.outside = {name for name, path in home_path.items() if not path}
    facts.local = {
        name for name, path in home_path.items()
        if path and counts[name] == 1 and name not in facts.results
        and all(use[: len(path)] == path for use in block_of_use.get(name, ()))
    }  # fmt: skip
    for name in facts.flags:
        facts.raised[name] = sum(e == Const(True) for e in values.get(name, []))
    hooked = {root(stmt.value) for stmt in statements(body) if isinstance(stmt, Hook)}
    for name, found in values.items():
        expr = found[0]
        if name in hooked:
            continue  # its adjoint is asked for
        if counts[name] != 1 or not isinstance(facts.kinds.get(name), Scalar) or not isinstance(expr, Load):
            continue
        base = expr.base
        index = set(names_in(expr.index))
        if not isinstance(base, Name) or facts.aliases.is_written(base.id) or counts.get(base.id, 1) != 1:
            continue
        fixed = all(counts.get(n, 1) == 1 and isinstance(facts.kinds.get(n), Scalar) for n in index)
        if isinstance(base.kind, DictOf) or not fixed:
            continue
        home = home_path.get(name, ())
        if all(use[: len(home)] == home for use in block_of_use.get(name, ())) and name not in facts.results:
            facts.slots[name] = expr
    _settle_classes(body, facts, counts, values, block_of_use, home_path)


def _settle_classes(
    body: tuple[Stmt, ...], facts: Facts, counts: dict[str, int], values: dict[str, list[Expr | None]],
    uses: dict[str, set[tuple[int, ...]]], homes: dict[str, tuple[int, ...]],
) -> None:  # fmt: skip
    """Views or moving names, class by class. Lists go with the arrays that they hold where those are written."""
    groups: dict[str, list[str]] = {}
    for name in facts.kinds:
        if facts.is_shadow(name):
            together = facts.aliases.of(name) in facts.aliases.written
            groups.setdefault(facts.aliases.of(name) if together else facts.aliases.memory(name), []).append(name)
    grown = {
        root(s.target)
        for s in statements(body)
        if isinstance(s, (Push, Pop)) or (isinstance(s, Store) and changes_list(s))
    }
    replaced = {
        root(s.target) for s in statements(body)
        if isinstance(s, Store) and changes_list(s) and isinstance(s.value.kind, Array)
    }  # fmt: skip
    for members in groups.values():
        if not any(name in facts.active for name in members):
            continue
        aliases_of = {
            name: expr for name in members for expr in values.get(name, []) if expr is not None and facts.buffers(expr)
        }
        repeated = [expr for name in members for expr in values.get(name, []) if expr is not None and _repeats(expr)]
        for expr in [*aliases_of.values(), *repeated]:
            if read_only(expr) or (_repeats(expr) and (len(members) > 1 or _is_nested(expr.kind))):
                raise AliasError(
                    "an array is written in place while a read-only view or the imaginary part of it, or a list that "
                    "repeats it, is in use",
                    "Take a copy of the array first.",
                    expr.pos,
                )
        simple = True
        for name, expr in aliases_of.items():
            home = homes.get(name, ())
            used_inside = all(use[: len(home)] == home for use in uses.get(name, ()))
            bases = [base for base, _ in sources(expr) if facts.is_shadow(base)]
            index = set(names_in(expr)) - set(bases)
            if counts.get(name) != 1 or not used_inside or any(counts.get(base, 0) != 1 for base in bases):
                simple = False
            elif any(counts.get(n, 1) > 1 or not isinstance(facts.kinds.get(n), Scalar) for n in index):
                simple = False
            elif isinstance(expr, Pack):
                simple = False
            elif isinstance(facts.kinds[name], (ListOf, DictOf)) and not isinstance(expr, Name):
                simple = False
        holders = [n for n in members if n in facts.aliases.lists]
        if holders and len(holders) < len(members) and any(n in grown for n in holders):
            simple = False
        # an array that is written may stand at several places of a list then
        if any(facts.aliases.of(n) in facts.aliases.written and n in replaced for n in holders):
            simple = False
        if any(_is_nested(facts.kinds[n]) for n in holders) and any(n in grown for n in holders) and len(members) > 1:
            simple = False
        if simple:
            facts.views |= set(aliases_of)
            for name, expr in aliases_of.items():
                facts.bases[name] = {base for base, _ in sources(expr)}
        else:
            facts.moving |= set(members)


def _is_nested(kind: Kind) -> bool:
    """Whether a list holds arrays or lists."""
    return isinstance(kind, ListOf) and isinstance(kind.item, (Array, ListOf))


def _repeats(expr: Expr) -> bool:
    """`[array] * n`: one array under several indices."""
    repeated = isinstance(expr, Op) and expr.op == "*" and isinstance(expr.kind, ListOf)
    return repeated and not isinstance(expr.kind.item, Scalar)  # type: ignore[attr-defined]
