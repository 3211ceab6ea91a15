"""Which stores overwrite something that an earlier answer reads: only those have to be recorded.

Needed: the chunks of the whole program, before recording. Given: for a store in a chunk, whether any value that it
overwrites is read by the answer of a chunk that ran before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from srcgrad.analysis.regions import Affine, Range, affine, combine, feasible, overlap, ranges
from srcgrad.ir.nodes import Assign, Call, Const, Expr, For, Load, Name, Pop, Push, Store
from srcgrad.ir.walk import children, expressions_of, names_in, statements
from srcgrad.transform.reverse.cheap import cheap_again
from srcgrad.transform.reverse.chunks import Block, Branch, Chunk, Context, Loop, inner_blocks
from srcgrad.transform.reverse.facts import Facts
from srcgrad.transform.values import SHAPE_ONLY


@dataclass
class Site:
    """A chunk and the loops around it, outermost first; order: its place in the text."""

    chunk: Chunk
    loops: tuple[Loop, ...]
    order: int


@dataclass
class Read:
    """A part of an array that the answer of a chunk reads; place None: all of it."""

    site: Site
    place: Load | None


@dataclass
class Conflicts:
    """See `needs_record`."""

    facts: Facts
    sites: dict[int, Site] = field(default_factory=dict)
    reads: dict[str, list[Read]] = field(default_factory=dict)
    known: dict[tuple[int, Expr], bool] = field(default_factory=dict)

    @staticmethod
    def of(block: Block, facts: Facts) -> Conflicts:
        """Collect the reads of all answers."""
        made = Conflicts(facts)
        made._visit(block, ())
        return made

    def _visit(self, block: Block, loops: tuple[Loop, ...]) -> None:
        for chunk in block.chunks:
            site = Site(chunk, loops, len(self.sites))
            self.sites[id(chunk)] = site
            for stmt in statements(chunk.reverse):
                own = stmt.target if isinstance(stmt, Store) else None
                for expr in expressions_of(stmt):
                    self._read(expr, site, own)
            for stmt in [*chunk.before, *([chunk.stmt] if chunk.stmt is not None else [])]:
                if isinstance(stmt, Assign) and cheap_again(stmt.value):
                    self._read(stmt.value, site, None)  # recording may let the reverse sweep compute it again
                if isinstance(stmt, (Store, Push, Pop)):
                    self._read_to_restore(stmt.target, site)
            extra: list[Expr] = []
            if isinstance(chunk, Branch) and chunk.test is not None:
                extra.append(chunk.test)
            if isinstance(chunk, Loop) and chunk.bounds is not None:
                extra += chunk.bounds
            for expr in extra:
                self._read(expr, site, None)
            again = chunk.again if isinstance(chunk, (Loop, Context)) else None
            for stmt in statements(list(again.primal)) if again is not None else ():
                for expr in expressions_of(stmt):
                    self._whole(expr, site)  # by being run again
            inside = (*loops, chunk) if isinstance(chunk, Loop) else loops
            for inner in inner_blocks(chunk):
                self._visit(inner, inside)
                last = Site(chunk, inside, len(self.sites))
                for stmt in statements([*inner.start, *inner.end]):
                    for expr in expressions_of(stmt):
                        self._whole(expr, last)

    def _read(self, expr: Expr, site: Site, own: Expr | None) -> None:
        if isinstance(expr, Load) and isinstance(expr.base, Name):
            self.reads.setdefault(self.facts.aliases.memory(expr.base.id), []).append(Read(site, expr))
            self._read(expr.index, site, None)
            return
        if isinstance(expr, Name):
            self.reads.setdefault(self.facts.aliases.memory(expr.id), []).append(Read(site, None))
            return
        skip = isinstance(expr, Call) and (expr.prim.fn in SHAPE_ONLY)
        for k, child in enumerate(children(expr)):
            if not (skip and k == 0 and isinstance(child, Name)):
                self._read(child, site, own)

    def _read_to_restore(self, place: Expr, site: Site) -> None:
        """What finds the place that a statement changes, to put it back: its indices, and the lists around it."""
        while isinstance(place, Load):
            self._read(place.index, site, None)
            place = place.base
            if isinstance(place, Load):
                self._read(place, site, None)

    def _whole(self, expr: Expr, site: Site) -> None:
        if isinstance(expr, Name):
            self.reads.setdefault(self.facts.aliases.memory(expr.id), []).append(Read(site, None))
        for child in children(expr):
            self._whole(child, site)

    # ---- the question ----

    def needs_record(self, chunk: Chunk, stmt: Store) -> bool:
        """Whether what the store overwrites may be read by an answer that the reverse sweep runs later."""
        key = (id(chunk), stmt.target)
        if key not in self.known:
            self.known[key] = self._decide(chunk, stmt)
        return self.known[key]

    def _decide(self, chunk: Chunk, stmt: Store) -> bool:
        site = self.sites.get(id(chunk))
        if site is None or not isinstance(stmt.target, Load) or not isinstance(stmt.target.base, Name):
            return True
        name = stmt.target.base.id
        memory = self.facts.aliases.memory(name)
        if any(other != name and self.facts.aliases.memory(other) == memory for other in self.facts.kinds
               if other not in self.facts.adjoints.values()):  # fmt: skip
            return True
        target = self._ranges(stmt.target, site, "")
        if target is None:
            return True
        return any(self._may_meet(read, site, target) for read in self.reads.get(memory, []))

    def _may_meet(self, read: Read, site: Site, target: list[Range]) -> bool:
        """Whether the part read can be the part written by a later run of the store."""
        other = read.site
        common = 0
        while common < min(len(site.loops), len(other.loops)) and site.loops[common] is other.loops[common]:
            common += 1
        same_trip = other.order < site.order or (other is site and site.chunk.restore_first)
        if other.chunk in site.loops[common:] or site.chunk in other.loops:
            same_trip = True  # a loop's own bounds, or something at the end of a block: no order is claimed
        if read.place is None:
            return same_trip or common > 0
        part = self._ranges(read.place, other, "'")
        if part is None:
            return same_trip or common > 0
        base = self._domain(site, "") + self._domain(other, "'") + overlap(part, target)
        equal: list[Affine] = []
        for k in range(common):
            now, then = self._variable(site.loops[k], ""), self._variable(site.loops[k], "'")
            step = self._direction(site.loops[k])
            if step == 0:
                if feasible(base + equal):
                    return True
            elif feasible([*base, *equal, combine(now, then, -1, -1) if step > 0 else combine(then, now, -1, -1)]):
                return True
            if step != 0:
                equal += [combine(now, then, -1), combine(then, now, -1)]
        return same_trip and feasible(base + equal)

    def _direction(self, loop: Loop) -> int:
        """1 for a loop that counts up, -1 for one that counts down, 0 if that is not known."""
        source = loop.source
        if isinstance(source, For) and isinstance(source.step, Const):
            return 1 if source.step.value > 0 else -1
        return 0

    def _variable(self, loop: Loop, mark: str) -> Affine:
        return {f"{id(loop)}{mark}": 1}, 0

    def _resolver(self, site: Site, mark: str) -> Callable[[Expr], str | None]:
        """Names for the unknowns: the loops' variables, and what is the same in every trip."""
        indices = {loop.source.index.id: loop for loop in site.loops if isinstance(loop.source, For)}

        def resolve(expr: Expr) -> str | None:
            if isinstance(expr, Name):
                if expr.id in indices:
                    return f"{id(indices[expr.id])}{mark}"
                fixed = self.facts.definitions.get(expr.id, 1) <= 1 and expr.id in self.facts.outside
                return f"name {expr.id}" if fixed else None
            length = isinstance(expr, Call) and expr.prim.fn is len
            if length or isinstance(expr, Load) and isinstance(expr.base, Call):
                if all(self.facts.definitions.get(n, 1) <= 1 and n in self.facts.outside for n in names_in(expr)):
                    return f"length {expr!r}"
            return None

        return resolve

    def _domain(self, site: Site, mark: str) -> list[Affine]:
        """What the bounds of the loops say about their variables."""
        found: list[Affine] = []
        resolve = self._resolver(site, mark)
        for loop in site.loops:
            source = loop.source
            if not isinstance(source, For) or self._direction(loop) == 0:
                continue
            assert isinstance(source.step, Const)
            variable = self._variable(loop, mark)
            lo, hi = affine(source.lo, resolve), affine(source.hi, resolve)
            if source.step.value > 0:
                found += [combine(variable, lo, -1)] if lo is not None else []
                found += [combine(hi, variable, -1, -1)] if hi is not None else []
            else:
                found += [combine(lo, variable, -1)] if lo is not None else []
                found += [combine(variable, hi, -1, -1)] if hi is not None else []
        return found

    def _ranges(self, place: Expr, site: Site, mark: str) -> list[Range] | None:
        domain = self._domain(site, mark)
        return ranges(place, self._resolver(site, mark), lambda form: feasible([*domain, form]))


def disjoint(a: Expr, b: Expr, loops: Sequence[For], facts: Facts) -> bool:
    """Whether two parts of one array share no element when both are taken in one trip of the loops around them."""
    chunks = tuple(Loop(source=loop) for loop in loops)
    site = Site(Chunk(), chunks, 0)
    helper = Conflicts(facts)
    first, second = helper._ranges(a, site, ""), helper._ranges(b, site, "")
    if first is None or second is None:
        return False
    return not feasible(helper._domain(site, "") + overlap(first, second))
