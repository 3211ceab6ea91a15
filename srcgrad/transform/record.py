"""To-be-recorded analysis: what the forward sweep has to save, and where the reverse sweep puts it back.

Invariant needed: every chunk's answer reads variables as they are right behind its statement (reads_target) or
right ahead of it. Invariant given: they are so when it runs. One forward walk carries the set N of variables (and contents
of written arrays) that the answers of earlier statements read; a statement that overwrites one of them records it.

    y = y * x            y_tape.append(y)           y = y_tape.pop()
    (answer reads y)     y = y * x                  d_x += d_y * y
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

from srcgrad.analysis.aliases import changes_list
from srcgrad.ir.kinds import BOTTOM, Array, DictOf, ListOf, Scalar, rank
from srcgrad.ir.nodes import (
    Assign,
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
    Pack,
    Pop,
    Prim,
    Push,
    Stmt,
    Store,
    While,
)
from srcgrad.ir.walk import blocks, children, names_in, root, statements
from srcgrad.rules.build import Sym
from srcgrad.transform.conflicts import Conflicts
from srcgrad.transform.reverse.cheap import cheap_again
from srcgrad.transform.reverse.chunks import Block, Branch, Chunk, Context, Loop, inner_blocks
from srcgrad.transform.reverse.expressions import SHAPE_ONLY
from srcgrad.transform.reverse.facts import Facts

Tokens = set[str]


def content(cls: str) -> str:
    """The token of what the arrays of an alias class hold."""
    return f"*{cls}"


@dataclass
class Recorder:
    """left: what is read behind a break of the innermost loop, None where there is none. tapes: lists to make at the start of the forward sweep. undefined: variables to set to None ahead of a loop."""

    facts: Facts
    tracked: set[str]
    tapes: list[Stmt] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    left: Tokens | None = None
    conflicts: Conflicts | None = None
    presets: list[str] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    names: dict[int, str] = field(default_factory=dict)
    stable: set[str] = field(default_factory=set)

    # ---- reads ----

    def reads(self, stmts: Iterable[Stmt]) -> Tokens:
        """What statements of the reverse sweep read of the forward sweep's state."""
        found: Tokens = set()
        for stmt in statements(list(stmts)):
            for f in dataclasses.fields(stmt):
                value = getattr(stmt, f.name)
                if isinstance(value, Expr):
                    if f.name in ("target", "index", "out") and isinstance(value, Name):
                        if isinstance(stmt, (Store, Push, Pop)) and f.name == "target":
                            self.read(value, found)
                        continue
                    self.read(value, found)
                elif f.name in ("args",) and isinstance(value, tuple):
                    for item in value:
                        self.read(item, found)
        return found

    def read(self, expr: Expr, found: Tokens) -> None:
        """Add what an expression reads. A shape is no read where it does not change."""
        if isinstance(expr, Call) and (expr.prim.fn in SHAPE_ONLY or expr.prim.text in ("unbroadcast", "zeros_like")):
            at = 1 if expr.prim.text == "unbroadcast" else 0
            for k, arg in enumerate(expr.args):
                if k == at and isinstance(arg, Name) and isinstance(arg.kind, (Array, Scalar)):
                    if arg.id not in self.stable and arg.id in self.tracked:
                        found.add(arg.id)
                    continue
                self.read(arg, found)
            for _, value in expr.kwargs:
                self.read(value, found)
            return
        if isinstance(expr, Name):
            if expr.id in self.tracked:
                found.add(expr.id)
                if self.facts.aliases.is_written(expr.id) and isinstance(self.facts.kinds.get(expr.id), (Array, ListOf, DictOf)):
                    found.add(content(self.facts.aliases.memory(expr.id)))
                    if expr.id in self.facts.aliases.lists and self.facts.aliases.of(expr.id) in self.facts.aliases.written:
                        found.add(content(self.facts.aliases.of(expr.id)))
            return
        for child in children(expr):
            self.read(child, found)

    # ---- the walk ----

    def block(self, block: Block, need: Tokens) -> Tokens:
        """Walk forward over a block; need: what answers of earlier statements read. Returns it behind the block."""
        left = self.left
        self.left = None
        for chunk in block.chunks:
            need = self.chunk(chunk, need, block)
        start = self.reads(block.start)
        if block.chunks and isinstance(block.chunks[-1].stmt, Break):
            self.left = need if self.left is None else self.left | need
            need = set()
        if self.left is not None:
            self.left = self.left | start  # a trip that ends by a break is reversed from there, too
        self.left = self.left if left is None else left if self.left is None else left | self.left
        return need | start

    def chunk(self, chunk: Chunk, need: Tokens, block: Block) -> Tokens:
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
                self.read(chunk.test, found)
            found |= self.reads(chunk.ahead)
            if self.left is not None:
                self.left = self.left | found
            return after | other | found
        if isinstance(chunk, Loop):
            return self.loop(chunk, need)
        if isinstance(chunk, Context):
            return self.block(chunk.body, need)
        for stmt in list(chunk.before):
            need = self.overwrite(chunk, stmt, need, block, set())
        reads = self.reads(chunk.reverse)
        if chunk.stmt is not None:
            need = self.overwrite(chunk, chunk.stmt, need, block, reads)
        need |= reads
        for stmt in chunk.before:
            self.assigned |= _targets(stmt)
        if chunk.stmt is not None:
            self.assigned |= _targets(chunk.stmt)
        return need

    def _answers(self, chunk: Chunk) -> bool:
        """Whether the reverse of a chunk does anything that must stay."""
        return bool(chunk.reverse or chunk.restore) or any(
            block.start or block.end or any(self._answers(inner) for inner in block.chunks)
            for block in inner_blocks(chunk)
        )

    def loop(self, chunk: Loop, need: Tokens) -> Tokens:
        """The body's needs come round to its head: walk until they are stable, and record on the last walk."""
        assert chunk.bounds is not None and chunk.index is not None
        header: Tokens = set()
        for bound in chunk.bounds:
            self.read(bound, header)
        source = chunk.source
        if isinstance(source, For):
            index = source.index.id
            if index in need:
                need = self._record_binding(chunk, source.index, need, chunk.body)
        count, exposed, _ = self._facts_of(chunk.body)
        for name in sorted(need):
            # every trip sets it anew, so its value from before the loop would be lost
            if name in count and name not in exposed:
                need = self._record_binding(chunk, Name(name, kind=self.facts.kinds[name]), need, chunk.body)
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
            if isinstance(source, For):
                end = end - {source.index.id}
            new = head | end
            if new == head:
                break
            head = new
        self.left = None
        end = self.block(chunk.body, set(head))
        if isinstance(source, For):
            end = end - {source.index.id} if source.index.id not in need else end
        left = (self.left or set()) | ({f for f in self.facts.flags if self.left is not None} & self.tracked)
        if isinstance(source, For):
            left = left - {source.index.id}
        self.left = outer_left
        self.loops.pop()
        self.assigned = assigned
        found = head | end | header | left | self.reads(chunk.ahead)
        if self.left is not None:
            self.left = self.left | found
        return found

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
                old_read = token in reads and not chunk.reads_target
                if (token in need or old_read) and (self.conflicts is None or self.conflicts.needs_record(chunk, stmt)):
                    need = self._record_slot(chunk, stmt, need)
            case Push(target=target, index=index):
                owner = root(target)
                if owner is not None and content(self.facts.aliases.memory(owner)) in need | reads:
                    chunk.restore.append(Pop(None, target, index, pos=stmt.pos))
                    need = need | self.reads(chunk.restore)
            case Pop(out=out, target=target, index=index):
                owner = root(target)
                if out is not None and out.id in need:
                    need = self._record_binding(chunk, out, need, block)
                if owner is not None and content(self.facts.aliases.memory(owner)) in need:
                    if out is None:
                        out = Name(self._name(chunk, "popped"), kind=target.kind.item)  # type: ignore[attr-defined]
                        self.tracked.add(out.id)
                        self.facts.kinds[out.id] = out.kind
                        chunk.stmt = dataclasses.replace(stmt, out=out)
                    if out.id in need:
                        pass
                    back = index if isinstance(index, Const) and index.value == 0 else None
                    chunk.restore.insert(0, Push(target, out, back, pos=stmt.pos))
                    need = need | {out.id} | self.reads(chunk.restore)
            case Invoke(outs=outs, args=args):
                for out in outs:
                    if out.id in need:
                        need = self._set_by_call(chunk, out, need, block, stmt)
                answered = any(isinstance(s, Invoke) for s in chunk.reverse)
                for arg in args:
                    token = content(self.facts.aliases.memory(arg.id)) if isinstance(arg, Name) else ""
                    if token in need and not answered and self.facts.aliases.is_written(arg.id):  # type: ignore[attr-defined]
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
        last = self._per_trip(name, block, stmt) if not old_read and self.loops else None
        if last is not None:
            if last is chunk and self._again(stmt, block):
                self._put_start(block, Assign(target, stmt.value, pos=stmt.pos))
                found: Tokens = set()
                self.read(stmt.value, found)
                return (need - {name}) | found
            tape = self._tape(chunk, name)
            push = Push(Name(tape, kind=ListOf(target.kind)), target, pos=stmt.pos)
            held = next((k for k, s in enumerate(last.before) if s is stmt), None)
            if held is None or self._loop_facts[id(self.loops[-1].body)][0][name] > 1:
                last.after.insert(0, push)
            else:
                last.before.insert(held + 1, push)
            self._put_start(block, Pop(target, Name(tape, kind=ListOf(target.kind)), pos=stmt.pos))
            return need - {name}
        return self._record_binding(chunk, target, need, block)

    def _set_by_call(self, chunk: Chunk, out: Name, need: Tokens, block: Block, stmt: Stmt) -> Tokens:
        """A call sets a variable that is read: like an assignment."""
        last = self._per_trip(out.id, block, stmt) if self.loops else None
        if last is None:
            return self._record_binding(chunk, out, need, block)
        tape = self._tape(chunk, out.id)
        last.after.insert(0, Push(Name(tape, kind=ListOf(out.kind)), out, pos=stmt.pos))
        self._put_start(block, Pop(out, Name(tape, kind=ListOf(out.kind)), pos=stmt.pos))
        return need - {out.id}

    def _put_start(self, block: Block, stmt: Stmt) -> None:
        """Restores at the start of a reversed block stand in the reverse order of what they restore, ahead of bindings."""
        at = self._starts.setdefault(id(block), 0)
        if isinstance(stmt, Pop):
            block.start.insert(0, stmt)
        else:
            block.start.insert(at, stmt)
        self._starts[id(block)] = at + 1

    _starts: dict[int, int] = field(default_factory=dict)

    def _per_trip(self, name: str, block: Block, stmt: Stmt) -> Chunk | None:
        """If every trip of the innermost loop that runs this block sets the variable here before anything reads it, and
        nothing outside the block reads or sets it: the last chunk of the block that sets it."""
        body = self.loops[-1].body
        count, exposed, _ = self._facts_of(body)
        if name in exposed:
            return None
        setting = [c for c in block.chunks if any(name in _targets(s) for s in _deep(c))]
        total = sum(name in _targets(s) for c in setting for s in _deep(c))
        if not setting or total != count.get(name, 0) or not any(s is stmt for s in _own(setting[0])):
            return None
        if total > 1 and _escapes(setting[-1]):
            return None
        return setting[-1] if block is body or self._only_read_in(name, block) else None

    def _facts_of(self, body: Block) -> tuple[dict[str, int], set[str], Block]:
        """How often a loop's body sets each variable, and which it may read before."""
        if id(body) not in self._loop_facts:
            count: dict[str, int] = {}
            for chunk in _all_chunks(body):
                for stmt in _own(chunk):
                    for target in _targets(stmt):
                        count[target] = count.get(target, 0) + 1
            exposed: set[str] = set()
            _exposed(self, body, set(), exposed)
            self._loop_facts[id(body)] = (count, exposed, body)
        return self._loop_facts[id(body)]

    _loop_facts: dict[int, tuple[dict[str, int], set[str], Block]] = field(default_factory=dict)

    def _only_read_in(self, name: str, block: Block) -> bool:
        """Whether the reverse sweep of the innermost loop reads the variable only in this block."""
        return name not in _reads_outside(self, self.loops[-1].body, block)

    def _again(self, stmt: Assign, block: Block) -> bool:
        """Whether the value is as well computed again at the start of the reversed block."""
        facts = self.facts
        if not cheap_again(stmt.value):
            return False
        position = next(k for k, c in enumerate(block.chunks) if c.stmt is stmt or stmt in c.before)
        later = [s for c in block.chunks[position:] for s in _forward(c)]
        names = set(names_in(stmt.value))
        for other in later:
            if other is stmt:
                continue
            for s in statements([other]):
                if _targets(s) & names:
                    return False
                if isinstance(s, (Store, Push, Pop, Invoke)):
                    touched = {facts.aliases.memory(n) for n in _touched(s)}
                    if _reads_content(stmt.value) and any(
                        facts.aliases.memory(n) in touched for n in names if isinstance(facts.kinds.get(n), (Array, ListOf))
                    ):
                        return False
        return True

    def _record_binding(self, chunk: Chunk, target: Name, need: Tokens, block: Block) -> Tokens:
        """Save what the variable stands for ahead of the statement, put it back in its answer."""
        name = target.id
        if self.loops:
            tape = self._tape(chunk, name)
            kind = ListOf(target.kind)
            chunk.before.append(Push(Name(tape, kind=kind), target, pos=target.pos))
            chunk.restore.append(Pop(target, Name(tape, kind=kind), pos=target.pos))
            if name not in self.assigned and name not in self.presets:
                self.presets.append(name)
        else:
            old = self._name(chunk, f"{name}_old")
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
        if isinstance(target.kind, Array) and rank(target.kind) != 0:
            value = Sym(target).copy().expr
        if isinstance(target, Load) and isinstance(target.base.kind, DictOf):
            # the key may be new: then the item is None, which nothing reads
            value = Call(Prim(dict.get, "get", "method"), (target.base, target.index), kind=target.kind)
        back = target if isinstance(target, Load) else Load(target, Const(Ellipsis), kind=target.kind)
        if self.loops:
            tape = self._tape(chunk, name)
            kind = ListOf(target.kind)
            chunk.before.append(Push(Name(tape, kind=kind), value, pos=stmt.pos))
            popped = Name(self._name(chunk, f"{name}_old"), kind=target.kind)
            self.facts.kinds[popped.id] = target.kind
            chunk.restore.append(Pop(popped, Name(tape, kind=kind), pos=stmt.pos))
            chunk.restore.append(Store(back, popped, "", pos=stmt.pos))
        else:
            old = self._name(chunk, f"{name}_old")
            self.facts.kinds[old] = target.kind
            chunk.before.append(Assign(Name(old, kind=target.kind), value, pos=stmt.pos))
            chunk.restore.append(Store(back, Name(old, kind=target.kind), "", pos=stmt.pos))
        return need | (self.reads(chunk.restore) - {self.written_by(stmt, name)}) | {name}

    def written_by(self, stmt: Store, owner: str) -> str:
        """The token of what a store changes: a list's items, or an array (perhaps one that a list holds)."""
        aliases = self.facts.aliases
        return content(aliases.memory(owner) if changes_list(stmt) else aliases.of(owner))

    def _name(self, chunk: Chunk, hint: str) -> str:
        key = id(chunk)
        if (key, hint) not in self._memo:
            self._memo[(key, hint)] = self.facts.fresh(hint)
        return self._memo[(key, hint)]

    _memo: dict[tuple[int, str], str] = field(default_factory=dict)

    def _tape(self, chunk: Chunk, name: str) -> str:
        """A list for the values that a statement in a loop overwrites."""
        tape = self._name(chunk, f"{name}_tape")
        if not any(isinstance(s, Assign) and s.target == Name(tape) for s in self.tapes):
            kind = ListOf(self.facts.kinds.get(name, BOTTOM))
            self.facts.kinds[tape] = kind
            self.tapes.append(Assign(Name(tape, kind=kind), Pack("list", (), kind=kind)))
        return tape


class Dry:
    """Undo what a walk over a loop's body has recorded, so that it can be walked again."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def start(self) -> None:
        r = self.recorder
        body = r.loops[-1].body
        self.saved = [(c, list(c.before), c.stmt, list(c.after), list(c.restore)) for c in _all_chunks(body)]
        self.starts = [(b, list(b.start)) for b in _all_blocks(body)]
        self.tapes, self.presets, self.counts = list(r.tapes), list(r.presets), dict(r._starts)

    def stop(self) -> None:
        for c, before, stmt, after, restore in self.saved:
            c.before, c.stmt, c.after, c.restore = before, stmt, after, restore
        for b, start in self.starts:
            b.start = start
        r = self.recorder
        r.tapes, r.presets, r._starts = self.tapes, self.presets, self.counts


def _all_blocks(block: Block) -> list[Block]:
    return [block, *(b for c in block.chunks for inner in inner_blocks(c) for b in _all_blocks(inner))]


def _all_chunks(block: Block) -> list[Chunk]:
    return [c for b in _all_blocks(block) for c in b.chunks]


def _targets(stmt: Stmt) -> set[str]:
    match stmt:
        case Assign(target=Name(id=name)) | For(index=Name(id=name)) | Pop(out=Name(id=name)):
            return {name}
        case Invoke(outs=outs):
            return {out.id for out in outs}
    return set()


def _touched(stmt: Stmt) -> set[str]:
    if isinstance(stmt, (Store, Push, Pop)):
        name = root(stmt.target)
        return {name} if name is not None else set()
    if isinstance(stmt, Invoke):
        return {name for arg in stmt.args if (name := root(arg)) is not None}
    return set()


def _deep(chunk: Chunk) -> list[Stmt]:
    """The forward statements of a chunk and of the chunks inside it, but not those that recording added."""
    inner = [s for block in inner_blocks(chunk) for c in block.chunks for s in _deep(c)]
    return [*(s for s in chunk.before if not isinstance(s, Push)), *([chunk.stmt] if chunk.stmt is not None else []), *inner]


def _escapes(chunk: Chunk) -> bool:
    """Whether a chunk holds a jump out of the loop around it."""
    if isinstance(chunk.stmt, (Break, Continue)):
        return True
    if isinstance(chunk, Loop):
        return False
    return any(_escapes(c) for block in inner_blocks(chunk) for c in block.chunks)


def _own(chunk: Chunk) -> list[Stmt]:
    """The forward statements of a chunk itself."""
    return [*chunk.before, *([chunk.stmt] if chunk.stmt is not None else []), *chunk.after]


def _exposed(recorder: Recorder, block: Block, defined: set[str], found: set[str]) -> set[str]:
    """Collect the variables that a block, or its answer in the reverse sweep, may read before the block sets them; returns
    those that it has certainly set."""
    for chunk in block.chunks:
        if not chunk.reads_target:
            found |= recorder.reads(chunk.reverse) - defined - {n for s in chunk.before for n in _targets(s)}
        for stmt in _own(chunk):
            for f in dataclasses.fields(stmt):
                value = getattr(stmt, f.name)
                values = value if isinstance(value, tuple) else (value,)
                for item in values:
                    if isinstance(item, Expr) and not (isinstance(item, Name) and item.id in _targets(stmt)):
                        found.update(n for n in names_in(item) if n not in defined)
            if not isinstance(chunk, (Loop, Branch)):
                defined = defined | _targets(stmt)
            elif stmt is not chunk.stmt:
                defined = defined | _targets(stmt)
        if isinstance(chunk, Branch):
            then = _exposed(recorder, chunk.body, set(defined), found)
            other = _exposed(recorder, chunk.orelse, set(defined), found)
            defined = then & other
            found |= recorder.reads(chunk.ahead) - defined
        elif isinstance(chunk, Loop):
            index = _targets(chunk.stmt) if chunk.stmt is not None else set()
            _exposed(recorder, chunk.body, defined | index, found)
            found |= recorder.reads(chunk.ahead) - defined
        elif isinstance(chunk, Context):
            defined = _exposed(recorder, chunk.body, defined, found)
    return defined


def _forward(chunk: Chunk) -> list[Stmt]:
    """The forward statements of a chunk, with those of its inner blocks."""
    own = [*chunk.before, *([chunk.stmt] if chunk.stmt is not None else []), *chunk.after]
    return own + [s for block in inner_blocks(chunk) for c in block.chunks for s in _forward(c)]


def _reads_content(expr: Expr) -> bool:
    """Whether an expression reads items of arrays (a view of an array reads none)."""
    if isinstance(expr, Load):
        return not isinstance(expr.kind, Array) or rank(expr.kind) == 0 or any(_reads_content(c) for c in children(expr.index))
    return any(_reads_content(child) for child in children(expr))


def _reads_outside(recorder: Recorder, body: Block, inner: Block) -> Tokens:
    """What the reverse sweep reads in `body` but not in `inner`."""
    found: Tokens = set()

    def visit(block: Block) -> None:
        if block is inner:
            return
        found.update(recorder.reads(block.start))
        for chunk in block.chunks:
            found.update(recorder.reads(chunk.reverse))
            if isinstance(chunk.stmt, (Store, Push, Pop)):
                recorder.read(chunk.stmt.target, found)  # in case it is put back
            if isinstance(chunk, Branch) and chunk.test is not None:
                recorder.read(chunk.test, found)
            if isinstance(chunk, Loop) and chunk.bounds is not None:
                for bound in chunk.bounds:
                    recorder.read(bound, found)
            if isinstance(chunk, (Branch, Loop)):
                found.update(recorder.reads(chunk.ahead))
            for deeper in inner_blocks(chunk):
                visit(deeper)

    visit(body)
    return found


_ = (Effect, If, While, blocks)
