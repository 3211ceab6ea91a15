"""The program that a transform works on: specialised again until what only the whole of it shows is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from srcgrad.analysis.aliases import changes_list, find_aliases, sources
from srcgrad.errors import AliasError
from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf
from srcgrad.ir.nodes import Assign, For, Name, Pop, Push, Stmt, Store, While, With
from srcgrad.ir.walk import root, statements, with_blocks
from srcgrad.specialize.knowledge import Learned
from srcgrad.specialize.program import Program

Specialised = Callable[[Learned], Program]
"""Gives the typed program of a function, told what earlier ones have shown."""


def whole_program(specialised: Specialised) -> Program:
    """The typed program in which whatever is written has a variable of its own, and what is held keeps its values."""
    learned = Learned()
    while True:
        program = specialised(learned)
        aliases = find_aliases(program.body)
        localised = _to_localise({n: k for n, (_, k) in program.inputs.leaves.items()}, aliases.is_written)
        copied = {site for name, site in program.held.items() if aliases.is_written(name)} - learned.copied
        if not localised and not copied:
            break
        learned.localised |= localised
        learned.copied |= copied
    origins = _origins(program.body) if program.apart else {}
    for written, other, pos in program.apart:
        if _reached(written, origins) & _reached(other, origins):
            what = f"`{written}` and `{other}` may share memory" if other != written else f"`{written}` is passed twice"
            raise AliasError(f"{what}, and the function that is differentiated here overwrites it", "", pos)
    return program


def without_marks(body: Sequence[Stmt]) -> tuple[Stmt, ...]:
    """The program without its checkpoints: what is differentiated again is recorded, since it cannot be run again."""
    out: list[Stmt] = []
    for stmt in body:
        if isinstance(stmt, With) and stmt.checkpoint:
            out += without_marks(stmt.body)
            continue
        if isinstance(stmt, (For, While)) and stmt.checkpoint is not None:
            stmt = dataclasses.replace(stmt, checkpoint=None)
        out.append(with_blocks(stmt, without_marks))
    return tuple(out)


def _origins(body: Sequence[Stmt]) -> dict[str, set[str]]:
    """The variables whose memory each variable may have got."""
    found: dict[str, set[str]] = {}
    for stmt in statements(list(body)):
        match stmt:
            case Assign(target=Name(id=name), value=value):
                found.setdefault(name, set()).update(source for source, _ in sources(value))
            case Push(target=target, value=value) | Store(target=target, value=value):
                if isinstance(stmt, Push) or changes_list(stmt):
                    found.setdefault(root(target) or "", set()).update(source for source, _ in sources(value))
            case Pop(out=Name(id=name), target=target):
                found.setdefault(name, set()).add(root(target) or "")
    return found


def _reached(name: str, origins: dict[str, set[str]]) -> set[str]:
    found, work = set(), [name]
    while work:
        if (one := work.pop()) not in found:
            found.add(one)
            work += origins.get(one, ())
    return found


def _to_localise(entry: dict[str, Kind], is_written: Callable[[str], bool]) -> set[str]:
    """The parts of arguments (`params["w"]`) that the program writes in place without having a variable for them."""
    return {
        name for name, kind in entry.items()
        if not name.isidentifier() and isinstance(kind, (Array, ListOf, DictOf)) and is_written(name)
    }  # fmt: skip
