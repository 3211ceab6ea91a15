"""To-be-recorded analysis: what the forward sweep has to save, and where the reverse sweep puts it back.

Invariant needed: every chunk's answer reads variables as they are right behind its statement (reads_target) or
right ahead of it. Invariant given: they are so when it runs. One forward walk carries the set N of variables (and
contents of written arrays) that the answers of earlier statements read; a statement that overwrites one of them
records it.

    y = y * x            y_tape.append(y)           y = y_tape.pop()
    (answer reads y)     y = y * x                  d_x += d_y * y
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from srcgrad.analysis.aliases import changes_list
from srcgrad.ir.kinds import BOTTOM, Array, DictOf, Kind, ListOf, rank
from srcgrad.ir.nodes import (
    Assign,
    Break,
    Call,
    Const,
    Expr,
    For,
    Invoke,
    Load,
    Name,
    Pack,
    Pop,
    Pos,
    Prim,
    Push,
    Stmt,
    Store,
)
from srcgrad.ir.walk import contents, names_in, root, set_by, statements
from srcgrad.rules.build import Sym
from srcgrad.transform.conflicts import Conflicts
from srcgrad.transform.dry import Dry
from srcgrad.transform.reads import Reads, Tokens, content
from srcgrad.transform.reasons import Record
from srcgrad.transform.rerun import record_again
from srcgrad.transform.reverse.cheap import cheap_again
from srcgrad.transform.reverse.chunks import Block, Branch, Chunk, Context, Loop, inner_blocks
from srcgrad.transform.reverse.facts import Facts
from srcgrad.transform.trips import Trips, forward, reads_content, touched

__all__ = ["Recorder", "content"]


@dataclass
class Recorder:
    """The state of the walk.

    reads: what answers read; trips: what is known of loops; conflicts: which stores need no record, if that is asked.
    loops: those around the chunk, outermost first. left: what is read behind a break of the innermost loop, None
    where there is none. tapes: lists to make at the start of the forward sweep. presets: variables to set to None
    there, since a loop saves them before it sets them. assigned: what is set for certain so far. starts: by block,
    how many restores stand at its start. names: the names of records, by chunk. records: what each is of.
    dry: how many loops are walked without anything to stay; known: what such walks have found of loops within.
    """

    facts: Facts
    reads: Reads
    trips: Trips
    conflicts: Conflicts | None = None
    loops: list[Loop] = field(default_factory=list)
    left: Tokens | None = None
    tapes: list[Stmt] = field(default_factory=list)
    presets: list[str] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    starts: dict[int, int] = field(default_factory=dict)
    names: dict[tuple[int, str], str] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    dry: int = 0
    known: dict[tuple[int, frozenset[str], frozenset[str]], Tokens] = field(default_factory=dict)

    @staticmethod
    def of(block: Block, facts: Facts) -> Recorder:
        """A recorder for the chunks of a whole program."""
        reads = Reads.after(block, facts)
        return Recorder(facts, reads, Trips(reads), assigned=set(facts.entry))

    def unset(self) -> list[Stmt]:
        """Statements that set to None what may be read before the program sets it."""
        names = sorted({*self.presets, *self.facts.presets})
        return [Assign(Name(name, kind=self.facts.kinds[name]), Const(None)) for name in names]

    # ---- the walk ----

    def block(self, block: Block, need: Tokens) -> Tokens:
        """Walk forward over a block; need: what answers of earlier statements read. Returns it behind the block."""
        left = self.left
        self.left = None
        need = need | self.reads.of(block.end)  # what stands last in the reversed block reads the state at its start
        for chunk in block.chunks:
            need = self.chunk(chunk, need, block)
        start = self.reads.of(block.start)
        if block.chunks and isinstance(block.chunks[-1].stmt, Break):
            self.left = need if self.left is None else self.left | need
            need = set()
        if self.left is not None:
            self.left = self.left | start  # a trip that ends by a break is reversed from there, too
        self.left = self.left if left is None else left if self.left is None else left | self.left
        return need | start

    def chunk(self, chunk: Chunk, need: Tokens, block: Block) -> Tokens:
        """Walk over one chunk of a block."""
        if isinstance(chunk, Branch):
            for stmt in list(chunk.before):
                need = self.overwrite(chunk, stmt, need, block, set())
            inside = set(need)
            assigned = set(self.assigned)
            after = self.block(chunk.body, set(inside))
            then = self.assigned
            self.assigned = set(assigned)
            other = self.block(chunk.orelse, set(inside))
            self.assigned &= then
            found: Tokens = set()
            assert chunk.test is not None
            if self._answers(chunk):
                self.reads.add(chunk.test, found)
            found |= self.reads.of(chunk.ahead)
            if self.left is not None:
                self.left = self.left | found
            return after | other | found
        if isinstance(chunk, (Loop, Context)) and chunk.again is not None:
            return record_again(self, chunk, need)
        if isinstance(chunk, Loop):
            return self.loop(chunk, need)
        if isinstance(chunk, Context):
            return self.block(chunk.body, need)
        for stmt in list(chunk.before):
            need = self.overwrite(chunk, stmt, need, block, set())
        reads = self.reads.of(chunk.reverse)
        if chunk.stmt is not None:
            need = self.overwrite(chunk, chunk.stmt, need, block, reads)
        need |= reads
        for stmt in chunk.before:
            self.assigned |= set_by(stmt)
        if chunk.stmt is not None:
            self.assigned |= set_by(chunk.stmt)
        return need

    def _answers(self, chunk: Chunk) -> bool:
        """Whether the reverse of a chunk does anything that must stay."""
        return bool(chunk.reverse or chunk.restore) or any(
            block.start or block.end or any(self._answers(inner) for inner in block.chunks)
            for block in inner_blocks(chunk)
        )

    def loop(self, chunk: Loop, need: Tokens) -> Tokens:
        """The body's needs come round to its head: walk until they are stable, and record on the last walk.

        Within the dry walks of a loop around it that is done once for the same needs: each loop walks its body more
        than once, so nests would cost a power of their depth.
        """
        key = (id(chunk), frozenset(need), frozenset(self.assigned))
        found = self.known.get(key) if self.dry else None
        if found is None:
            found = self._loop(chunk, need)
            if self.dry:
                self.known[key] = found
        if self.left is not None:
            self.left = self.left | found
        return set(found)

    def _loop(self, chunk: Loop, need: Tokens) -> Tokens:
        assert chunk.bounds is not None and chunk.index is not None
        header: Tokens = set()
        for bound in chunk.bounds:
            self.reads.add(bound, header)
        source = chunk.source
        if isinstance(source, For):
            index = source.index.id
            if index in need:
                need = self.record_binding(chunk, source.index, need)
        trip = self.trips.of(chunk.body)
        for name in sorted(need):
            # every trip sets it anew, so its value from before the loop would be lost
            if name in trip.count and name not in trip.exposed:
                need = self.record_binding(chunk, Name(name, kind=self.facts.kinds[name]), need)
        head = need | header
        assigned = set(self.assigned)
        if isinstance(source, For):
            self.assigned.add(source.index.id)
        self.loops.append(chunk)
        dry = Dry(self)
        outer_left, self.left = self.left, None
        for _ in range(50):
            inner_assigned = set(self.assigned)
            dry.start()
            self.left = None
            end = self.block(chunk.body, set(head))
            dry.stop()
            self.assigned = inner_assigned
            new = head | (end - {source.index.id} if isinstance(source, For) else end)
            if new == head:
                break
            head = new
        if not self.dry:  # else the last walk has shown what this one would, and nothing of it stays
            self.left = None
            self.known.clear()
            end = self.block(chunk.body, set(head))
        if isinstance(source, For):
            end = end - {source.index.id} if source.index.id not in need else end
        left = (self.left or set()) | ({f for f in self.facts.flags if self.left is not None} & self.reads.tracked)
        if isinstance(source, For):
            left = left - {source.index.id}
        self.left = outer_left
        self.loops.pop()
        self.assigned = assigned
        return head | end | header | left | self.reads.of(chunk.ahead)

    # ---- recording ----

    def overwrite(self, chunk: Chunk, stmt: Stmt, need: Tokens, block: Block, reads: Tokens) -> Tokens:
        """A forward statement runs: record what it destroys and somebody reads."""
        match stmt:
            case Assign(target=Name() as target):
                need = self._assign(chunk, stmt, target, need, block, reads)
            case Store(target=target):
                owner = root(target)
                assert owner is not None
                token = self.written_by(stmt, owner)
                read = token in need or (token in reads and not chunk.reads_target)
                if chunk.undone or (read and (self.conflicts is None or self.conflicts.needs_record(chunk, stmt))):
                    need = self._record_slot(chunk, stmt, need)
            case Push(target=target, index=index):
                owner = root(target)
                if owner is not None and content(self.facts.aliases.memory(owner)) in need | reads:
                    chunk.restore.append(Pop(None, target, index, pos=stmt.pos))
                    need = need | self.reads.of(chunk.restore)
            case Pop(out=out, target=target, index=index):
                owner = root(target)
                if out is not None and out.id in need:
                    need = self._set_otherwise(chunk, out, need, block, stmt)
                if owner is not None and content(self.facts.aliases.memory(owner)) in need:
                    if out is None:
                        assert isinstance(target.kind, (ListOf, DictOf))
                        out = Name(self.name_for(chunk, "popped"), kind=target.kind.item)
                        self.reads.tracked.add(out.id)
                        self.facts.kinds[out.id] = out.kind
                        chunk.stmt = dataclasses.replace(stmt, out=out)
                    back = index if isinstance(index, Const) and index.value == 0 else None
                    chunk.restore.insert(0, Push(target, out, back, pos=stmt.pos))
                    need = need | {out.id} | self.reads.of(chunk.restore)
            case Invoke(outs=outs, args=args):
                for out in outs:
                    if out.id in need:
                        need = self._set_otherwise(chunk, out, need, block, stmt)
                # the reverse of a call puts back what the call overwrote, unless it has to find it so
                answered = chunk.reads_target and any(isinstance(s, Invoke) for s in chunk.reverse)
                for arg in args:
                    if answered or not isinstance(arg, Name) or not self.facts.aliases.is_written(arg.id):
                        continue
                    token = content(self.facts.aliases.memory(arg.id))
                    if token in need or (token in reads and not chunk.reads_target):
                        need = self._record_slot(chunk, Store(arg, arg, "", pos=stmt.pos), need)
        return need

    def _assign(
        self, chunk: Chunk, stmt: Assign, target: Name, need: Tokens, block: Block, reads: Tokens
    ) -> Tokens:
        name = target.id
        old_read = stmt is chunk.stmt and name in reads and not chunk.reads_target
        if name not in need and not old_read:
            return need
        if isinstance(stmt.value, Name) and stmt.value.id == name:
            return need
        if name in self.facts.flags and isinstance(stmt.value, Const) and stmt.value.value is True:
            chunk.restore.append(Assign(target, Const(False, kind=target.kind), pos=stmt.pos))
            return need - {name}
        last = self._last_setting(name, block, stmt) if not old_read else None
        if last is not None:
            if last is chunk and self._again(stmt, block):
                self._put_start(block, Assign(target, stmt.value, pos=stmt.pos))
                found: Tokens = set()
                self.reads.add(stmt.value, found)
                return (need - {name}) | found
            tape = self._tape(chunk, name, stmt.pos)
            push = Push(Name(tape, kind=ListOf(target.kind)), target, pos=stmt.pos)
            held = next((k for k, s in enumerate(last.before) if s is stmt), None)
            if held is None or self.trips.of(self.loops[-1].body).count[name] > 1:
                last.after.insert(0, push)
            else:
                last.before.insert(held + 1, push)
            self._put_start(block, Pop(target, Name(tape, kind=ListOf(target.kind)), pos=stmt.pos))
            return need - {name}
        return self.record_binding(chunk, target, need)

    def _set_otherwise(self, chunk: Chunk, out: Name, need: Tokens, block: Block, stmt: Stmt) -> Tokens:
        """A call or a `pop` sets a variable that is read: like an assignment."""
        last = self._last_setting(out.id, block, stmt)
        if last is None:
            return self.record_binding(chunk, out, need)
        tape = self._tape(chunk, out.id, stmt.pos)
        last.after.insert(0, Push(Name(tape, kind=ListOf(out.kind)), out, pos=stmt.pos))
        self._put_start(block, Pop(out, Name(tape, kind=ListOf(out.kind)), pos=stmt.pos))
        return need - {out.id}

    def _last_setting(self, name: str, block: Block, stmt: Stmt) -> Chunk | None:
        """In a loop whose every trip sets the variable anew: the last chunk of the block that sets it."""
        return self.trips.last_setting(self.loops[-1].body, name, block, stmt) if self.loops else None

    def _put_start(self, block: Block, stmt: Stmt) -> None:
        """Restores at a reversed block's start stand in the reverse order of what they restore, ahead of bindings."""
        at = self.starts.setdefault(id(block), 0)
        if isinstance(stmt, Pop):
            block.start.insert(0, stmt)
        else:
            block.start.insert(at, stmt)
        self.starts[id(block)] = at + 1

    def _again(self, stmt: Assign, block: Block) -> bool:
        """Whether the value is as well computed again at the start of the reversed block."""
        facts = self.facts
        if not cheap_again(stmt.value):
            return False
        position = next(k for k, c in enumerate(block.chunks) if c.stmt is stmt or stmt in c.before)
        names = set(names_in(stmt.value))
        read: set[str] = set()
        if reads_content(stmt.value):
            read = {facts.aliases.memory(n) for n in names if isinstance(facts.kinds.get(n), (Array, ListOf))}
        later = [s for c in block.chunks[position:] for s in forward(c) if s is not stmt]
        return not any(
            set_by(s) & names or read & {facts.aliases.memory(n) for n in touched(s)} for s in statements(later)
        )

    def record_binding(self, chunk: Chunk, target: Name, need: Tokens) -> Tokens:
        """Save what the variable stands for ahead of the statement, put it back in its answer."""
        name = target.id
        if self.loops:
            tape = self._tape(chunk, name, _pos_of(chunk) or target.pos)
            kind = ListOf(target.kind)
            chunk.before.append(Push(Name(tape, kind=kind), target, pos=target.pos))
            chunk.restore.append(Pop(target, Name(tape, kind=kind), pos=target.pos))
            if name not in self.assigned and name not in self.presets:
                self.presets.append(name)
        else:
            old = self.name_for(chunk, f"{name}_old")
            self._note(chunk, old, name, _pos_of(chunk) or target.pos)
            self.facts.kinds[old] = target.kind
            chunk.before.append(Assign(Name(old, kind=target.kind), target, pos=target.pos))
            chunk.restore.append(Assign(target, Name(old, kind=target.kind), pos=target.pos))
        return need - {name}

    def _record_slot(self, chunk: Chunk, stmt: Store, need: Tokens) -> Tokens:
        """Save the part of the array that is written, and only the part."""
        target = stmt.target
        name = root(target)
        assert name is not None
        value: Expr = target
        item = isinstance(target, Load) and isinstance(target.base.kind, (ListOf, DictOf))
        # an array that is put into a list takes the place of another, which is as it was
        if isinstance(target.kind, Array) and rank(target.kind) != 0 and not (item and changes_list(stmt)):
            value = Sym(target).copy().expr
        if isinstance(target, Load) and isinstance(target.base.kind, DictOf):
            # the key may be new: then the item is None, which nothing reads
            value = Call(Prim(dict.get, "get", "method"), (target.base, target.index), kind=target.kind)
        into = not isinstance(target, Load) or (item and not changes_list(stmt))
        back = contents(target) if into else target
        if self.loops:
            tape = self._tape(chunk, name, stmt.pos)
            kind = ListOf(target.kind)
            chunk.before.append(Push(Name(tape, kind=kind), value, pos=stmt.pos))
            popped = Name(self.name_for(chunk, f"{name}_old"), kind=target.kind)
            self.facts.kinds[popped.id] = target.kind
            chunk.restore.append(Pop(popped, Name(tape, kind=kind), pos=stmt.pos))
            chunk.restore.append(Store(back, popped, "", pos=stmt.pos))
        else:
            old = self.name_for(chunk, f"{name}_old")
            self._note(chunk, old, name, stmt.pos)
            self.facts.kinds[old] = target.kind
            chunk.before.append(Assign(Name(old, kind=target.kind), value, pos=stmt.pos))
            chunk.restore.append(Store(back, Name(old, kind=target.kind), "", pos=stmt.pos))
        return need | (self.reads.of(chunk.restore) - {self.written_by(stmt, name)}) | {name}

    def written_by(self, stmt: Store, owner: str) -> str:
        """The token of what a store changes: a list's items, or an array (perhaps one that a list holds)."""
        aliases = self.facts.aliases
        return content(aliases.memory(owner) if changes_list(stmt) else aliases.of(owner))

    def name_for(self, chunk: Chunk, hint: str) -> str:
        """A variable for a purpose of a chunk, the same one whenever the chunk is walked over again."""
        key = id(chunk)
        if (key, hint) not in self.names:
            self.names[(key, hint)] = self.facts.fresh(hint)
        return self.names[(key, hint)]

    def _note(self, chunk: Chunk, record: str, variable: str, pos: Pos | None) -> None:
        """Remember what a record is of, for reports."""
        self.records[record] = Record(record, variable, pos, tuple(_pos_of(loop) for loop in self.loops), id(chunk))

    def _tape(self, chunk: Chunk, name: str, pos: Pos | None) -> str:
        """A list for the values that a statement in a loop overwrites."""
        made = self.tape(chunk, name, self.facts.kinds.get(name, BOTTOM)).id
        self._note(chunk, made, name, pos)
        return made

    def tape(self, chunk: Chunk, name: str, item: Kind) -> Name:
        """A list for values of a kind."""
        tape = Name(self.name_for(chunk, f"{name}_tape"), kind=ListOf(item))
        if not any(isinstance(s, Assign) and s.target == tape for s in self.tapes):
            self.facts.kinds[tape.id] = tape.kind
            self.tapes.append(Assign(tape, Pack("list", (), kind=tape.kind)))
        return tape


def _pos_of(chunk: Chunk) -> Pos | None:
    source = chunk.source if isinstance(chunk, Loop) else chunk.stmt
    return source.pos if source is not None else None
