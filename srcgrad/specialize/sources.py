"""Variables of sources that stand for a library's functions: nobody wrote their names, so they may go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from srcgrad.specialize.spelling import is_of_srcgrad
from srcgrad.specialize.state import State


@dataclass
class Written:
    """own: the names of such variables; others: those of the variables of the user's functions."""

    own: set[str]
    others: set[str]

    @staticmethod
    def of(s: State) -> Written:
        own = {key for key in s.names if key[0] in s.frame_of and is_of_srcgrad(s.frame_of[key[0]])}
        return Written({s.names[key] for key in own}, {name for key, name in s.names.items() if key not in own})

    def among(self, names: Iterable[str]) -> set[str]:
        """Those of the names that belong to them: with a suffix, where a variable was split or taken apart."""
        return {name for name in names if self.own and self._base(name) in self.own - self.others}

    def _base(self, name: str) -> str:
        parts = name.split("_")
        heads = ("_".join(parts[:k]) for k in range(len(parts), 0, -1))
        return next((head for head in heads if head in self.own or head in self.others), "")
