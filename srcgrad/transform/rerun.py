"""Recording of what is run again in the reverse sweep: what it starts from, and nothing else.

Needed: the walk of `record` has come to a checkpointed loop or call. Given: the variables, arrays and lists that a
trip starts from, those that earlier answers read put back behind the reverse, and the body recorded on its own: what
its answers read is there once it has been run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srcgrad.analysis.aliases import Aliases
from srcgrad.ir.kinds import Array, DictOf, ListOf
from srcgrad.ir.nodes import Assign, For, Name, Pop, Push
from srcgrad.ir.walk import names_in, set_by, statements
from srcgrad.transform.reads import Reads, Tokens, content
from srcgrad.transform.reverse.again import Again
from srcgrad.transform.reverse.chunks import Context, Loop, flatten_forward
from srcgrad.transform.trips import surely_set
from srcgrad.transform.webs import own_expressions

if TYPE_CHECKING:
    from srcgrad.transform.record import Recorder


def reads_again(reads: Reads, again: Again) -> Tokens:
    """What a body that is run again reads."""
    return reads.of(again.primal)


def changed_by(again: Again, aliases: Aliases) -> Tokens:
    """The tokens that a body changes: its variables, and what the memories hold that it writes."""
    found = set(again.names) | ({again.index.id} if again.index is not None else set())
    for name, items in again.written:
        found.add(content(aliases.memory(name) if items else aliases.of(name)))
    return found


def record_again(recorder: Recorder, chunk: Loop | Context, need: Tokens) -> Tokens:
    """Walk over a checkpointed loop or call; need: what answers of earlier statements read. Returns it behind it."""
    again = chunk.again
    assert again is not None
    changed = changed_by(again, recorder.facts.aliases)
    _find_state(recorder, chunk, again, changed)
    if isinstance(chunk, Loop):
        need = _put_back_behind(recorder, chunk, again, need)
    else:
        need = _keep_start(recorder, chunk, again, need)
    inside = _walk_body(recorder, chunk, again)
    found = recorder.reads.of(again.moves())
    if isinstance(chunk, Loop):
        assert chunk.bounds is not None
        for bound in (*chunk.bounds, again.lo, again.step):
            if bound is not None:
                recorder.reads.add(bound, found)
        found |= recorder.reads.of(chunk.ahead)
        if again.snapshots is not None:
            found.add(again.snapshots.id)
    for name in again.bound:
        recorder.reads.add(name, inside)  # the snapshots hold the array itself
    # of a class some memories may be others than those that are put back: what they hold is still needed
    restored = {token for token in changed if not token.startswith("*")}
    found = (need - restored) | (inside - changed) | found
    if recorder.left is not None:
        recorder.left = recorder.left | found
    return found


def _find_state(recorder: Recorder, chunk: Loop | Context, again: Again, changed: Tokens) -> None:
    """The variables, arrays and lists that a trip starts from."""
    facts = recorder.facts
    exposed = set(recorder.trips.of(chunk.body).exposed)
    # what a trip may leave as it was stands for a buffer of an earlier one
    sure = surely_set(again.primal)
    exposed |= {moved.adjoint.id for moved in again.moved if moved.adjoint.id not in sure}
    flags = {flag.id for flag in again.flags}
    bound = sorted((again.names & exposed) - flags - ({again.index.id} if again.index is not None else set()))
    used = {
        name: facts.kinds[name]
        for stmt in statements(list(again.primal)) for expr in own_expressions(stmt) for name in names_in(expr)
        if isinstance(facts.kinds.get(name), (Array, ListOf, DictOf))
    }  # fmt: skip
    kept: list[str] = []
    again.deep = set()
    for name in sorted(used):
        if name in again.names and name not in bound:
            continue
        items = content(facts.aliases.memory(name)) in changed
        arrays = name in facts.aliases.lists and content(facts.aliases.of(name)) in changed
        if arrays:
            again.deep.add(name)
        if items or arrays:
            kept.append(name)
    kept = [name for name in kept if not facts.bases.get(name, set()) & set(kept)]
    for name in bound:
        if name not in recorder.assigned:
            again.loose.add(name)
            if name not in recorder.presets:
                recorder.presets.append(name)
    if not bound and not kept and again.counted and isinstance(chunk, Loop) and again.index is not None:
        assert again.lo is not None and again.step is not None and isinstance(chunk.stmt, For)
        chunk.index, chunk.bounds, chunk.body.head = again.index, (again.lo, chunk.stmt.hi, again.step), []
    again.bound = [Name(name, kind=facts.kinds[name]) for name in bound]
    again.kept = [Name(name, kind=facts.kinds[name]) for name in kept]
    for name in kept:
        saved = Name(recorder.name_for(chunk, f"{name}_saved"), kind=again.copy_of(Name(name, kind=used[name])).kind)
        facts.kinds[saved.id] = saved.kind
        again.saved[name] = saved
    heads = set(bound)
    for moved in again.moved:
        if moved.adjoint.id not in recorder.assigned and moved.adjoint.id not in recorder.presets:
            recorder.presets.append(moved.adjoint.id)
        moved.head = None
        if moved.adjoint.id in heads:
            moved.head = Name(recorder.name_for(chunk, f"{moved.adjoint.id}_head"), kind=moved.adjoint.kind)
            facts.kinds[moved.head.id] = moved.adjoint.kind
    again.moved = [moved for moved in again.moved if moved.head is not None or not moved.local]


def _wanted(recorder: Recorder, again: Again, need: Tokens) -> tuple[list[Name], list[Name]]:
    """The variables, and the arrays and lists, that the body changes and earlier answers read."""
    facts = recorder.facts
    names = set(again.names) | ({again.index.id} if again.index is not None else set())
    aliases = facts.aliases
    contents = [
        name for name in again.kept
        if content(aliases.memory(name.id)) in need or (name.id in again.deep and content(aliases.of(name.id)) in need)
    ]  # fmt: skip
    # what an array held is put back through its name, so the name has to stand for it again
    wanted = names & (need | {name.id for name in contents})
    return [Name(name, kind=facts.kinds[name]) for name in sorted(wanted)], contents


def _put_back_behind(recorder: Recorder, chunk: Loop, again: Again, need: Tokens) -> Tokens:
    """Save ahead of a loop what earlier answers read of what it changes."""
    back, contents = _wanted(recorder, again, need)
    for name in back:
        need = recorder.record_binding(chunk, name, need)
    for name in contents:
        _save(recorder, chunk, again, name, again.saved[name.id])
    return need


def _keep_start(recorder: Recorder, chunk: Context, again: Again, need: Tokens) -> Tokens:
    """Save ahead of a call what it starts from; what earlier answers read of that is put back once more behind it."""
    back, contents = _wanted(recorder, again, need)
    chunk.restore.extend(again.moves())
    again.behind = []
    names = {name.id: name for name in (*again.bound, *back)}
    for name in (names[n] for n in sorted(names)):
        need = recorder.record_binding(chunk, name, need)
        if name in back:
            start = Name(recorder.name_for(chunk, f"{name.id}_start"), kind=name.kind)
            recorder.facts.kinds[start.id] = name.kind
            chunk.restore.append(Assign(start, name))
            again.behind.append(Assign(name, start))
    for name in again.kept:
        saved = again.saved[name.id]
        _save(recorder, chunk, again, name, saved)
        if name in contents:
            again.behind.append(again.put_back(name, saved))
    return need


def _save(recorder: Recorder, chunk: Loop | Context, again: Again, name: Name, saved: Name) -> None:
    """Save what an array or list holds ahead of a chunk, and put it back in its reverse."""
    value = again.copy_of(name)
    if not recorder.loops:
        chunk.before.append(Assign(saved, value, pos=again.pos))
    else:
        tape = recorder.tape(chunk, f"{name.id}_saved", saved.kind)
        chunk.before.append(Push(tape, value, pos=again.pos))
        chunk.restore.append(Pop(saved, tape, pos=again.pos))
    chunk.restore.append(again.put_back(name, saved))


def _walk_body(recorder: Recorder, chunk: Loop | Context, again: Again) -> Tokens:
    """Record the body on its own; gives what its answers and its being run again read."""
    loops, left, tapes, assigned = recorder.loops, recorder.left, recorder.tapes, set(recorder.assigned)
    recorder.loops, recorder.left, recorder.tapes = [], None, []
    if again.index is not None:
        recorder.assigned.add(again.index.id)
    inside = recorder.block(chunk.body, set())
    inside |= recorder.left or set()
    again.tapes = recorder.tapes
    inside -= {name for stmt in statements(flatten_forward(chunk.body)) for name in set_by(stmt)} - again.names
    recorder.loops, recorder.left, recorder.tapes = loops, left, tapes
    if isinstance(chunk, Loop):
        recorder.assigned = assigned
    return inside | reads_again(recorder.reads, again)
