"""The program that a transform works on: specialised again until what only the whole of it shows is known."""

from __future__ import annotations

from collections.abc import Callable

from srcgrad.analysis.aliases import find_aliases
from srcgrad.errors import AliasError
from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf
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
    for written, other, pos in program.apart:
        if aliases.of(written) == aliases.of(other):
            what = f"`{written}` and `{other}` may share memory" if other != written else f"`{written}` is passed twice"
            raise AliasError(f"{what}, and the function that is differentiated here overwrites it", "", pos)
    return program


def _to_localise(entry: dict[str, Kind], is_written: Callable[[str], bool]) -> set[str]:
    """The parts of arguments (`params["w"]`) that the program writes in place without having a variable for them."""
    return {
        name for name, kind in entry.items()
        if not name.isidentifier() and isinstance(kind, (Array, ListOf, DictOf)) and is_written(name)
    }  # fmt: skip
