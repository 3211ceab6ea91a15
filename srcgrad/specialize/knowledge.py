"""What a specialisation has learned, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from srcgrad.ir.nodes import Definition, Pos
from srcgrad.specialize.options import Options
from srcgrad.specialize.places import Place
from srcgrad.specialize.values import (
    Closure,
    Value,
)


class Restart(Exception):
    """The program must be specialised once more, with what was just learned."""


@dataclass
class Knowledge:
    """What earlier attempts at the same function have shown.

    dynamic: places that make a list which must exist at run time. localised: parameters' leaves that need a variable
    of their own, since they are written. outlined: code objects whose functions are compiled on their own. canonical:
    variables whose containers' parts are variables of their own, assigned wherever the variable is bound. unrolled:
    loops that are written out. held: loops whose bodies set anew what they run over. copied: places that hold arrays
    for later, which others overwrite meanwhile. indexed: for lists that exist at run time because of an index, the
    variables that it depends on. pinned: whole numbers from outside that are taken as constants, by where they come
    from (see pins).
    """

    dynamic: set[object] = field(default_factory=set)
    localised: set[str] = field(default_factory=set)
    outlined: set[object] = field(default_factory=set)
    canonical: set[object] = field(default_factory=set)
    unrolled: set[object] = field(default_factory=set)
    held: set[object] = field(default_factory=set)
    copied: set[object] = field(default_factory=set)
    indexed: dict[object, set[str]] = field(default_factory=dict)
    pinned: set[object] = field(default_factory=set)
    templates: dict[object, Any] = field(default_factory=dict)


@dataclass
class Learned:
    """What only a whole program can show, of parts of arguments (localised), of places (copied), of numbers (pinned)
    and of loops (unrolled): see Knowledge."""

    localised: set[str] = field(default_factory=set)
    copied: set[object] = field(default_factory=set)
    pinned: set[object] = field(default_factory=set)
    unrolled: set[object] = field(default_factory=set)


@dataclass
class Derived:
    """A function that was generated for the values of a program. It takes the arguments in the order of the
    parameters, then the hidden ones, then an adjoint for each part of the result in `seeds` (or what else the mode
    adds). overwritten: the parameters and captured variables that the primal writes into."""

    function: Closure
    hidden: list[Value]
    seeds: tuple[tuple[Any, ...], ...] = ()
    overwritten: tuple[str, ...] = ()


Derive = Callable[[Any, Closure, dict[str, Value], tuple[Place, ...], Options, "Pos | None"], Derived]
"""Generates a derivative: of a function, for the values of its parameters, by places, in a mode, for the call at a
place. The first argument is the specialisation that asks for it."""


@dataclass
class Frame:
    """One function being specialised, in line or at the top. path tells it from every other; subject: how generated
    code reads the object among the arguments that it is called for."""

    path: tuple[object, ...]
    definition: Definition
    function: Callable[..., Any] | None
    parent: tuple[object, ...] | None = None
    function_path: tuple[Any, ...] | None = None
    subject: str = ""


@dataclass(frozen=True)
class Change:
    """What a block on an adjoint changes in place. leaves: the parts that the function may read; key: by what a global
    or a closure's variable is known, which the function may read too."""

    name: str
    pos: Pos | None
    leaves: frozenset[str]
    key: object


Key = tuple[tuple[object, ...], str]
