"""What `argnums` means for a function: which parameters, or items of starred ones, are differentiated by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.errors import ArgumentError

Place = str | tuple[str, int | str]
"""A parameter, or an item of `*args` (by position) or `**kwargs` (by name)."""


@dataclass
class Signature:
    """The parameters of a function for one call.

    names: all of them; positional: those that can be given by position; given: those that a partial gives by name;
    skipped: how many of the positional ones were given beforehand and do not count; rest, extra: the starred one, and
    how many arguments it takes in this call; keywords, named: the one with two stars, and what it takes.
    """

    names: Sequence[str]
    positional: Sequence[str]
    given: Collection[str] = ()
    skipped: int = 0
    rest: str | None = None
    extra: int = 0
    keywords: str | None = None
    named: Collection[str] = ()

    def words(self) -> str:
        """The parameters, for a message."""
        return f"Its parameters are {', '.join(self.names) or 'none'}."


def is_many(argnums: Any) -> bool:
    """Whether several gradients are asked for (perhaps several of one)."""
    return isinstance(argnums, Iterable) and not isinstance(argnums, str)


def places(argnums: Any, signature: Signature, name: str) -> tuple[Place, ...]:
    """What is differentiated by. ArgumentError where argnums does not fit the function, which is called `name`."""
    wanted = argnums if is_many(argnums) else (argnums,)
    found = [_place(item, signature, name) for item in wanted]
    if len(set(found)) != len(found):
        raise ArgumentError(f"argnums={argnums!r} names a parameter twice.", "Name each parameter once.")
    return tuple(found)


def _place(item: Any, signature: Signature, name: str) -> Place:
    remedy = signature.words()
    if isinstance(item, str):
        if item in signature.names:
            return item
        if signature.keywords is not None and item in signature.named:
            return signature.keywords, item
        raise ArgumentError(f"{name} has no parameter {item!r}.", remedy)
    own = [p for p in signature.positional[signature.skipped:] if p not in signature.given]
    skipped = max(0, signature.skipped - len(signature.positional))  # a partial's that are in the star already
    count = len(own) + signature.extra - skipped
    if not isinstance(item, (int, np.integer)) or isinstance(item, bool) or not -count <= item < count:
        what = f"argnums={item!r} does not fit {name}, which has {count} positional arguments."
        raise ArgumentError(what, remedy)
    at = int(item) % count
    if at < len(own):
        return own[at]
    assert signature.rest is not None
    return signature.rest, at - len(own) + skipped
