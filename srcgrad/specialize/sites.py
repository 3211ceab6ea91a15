"""Where the lists of a program are made: variables whose lists are made at one place may stand for one list.

What is put into a list under one name is of the kind of its items under every name, and of the items of the list that
holds it: `rows.append(row)`, then `row.append(x)`.
"""

from __future__ import annotations

from srcgrad.ir.kinds import DictOf, ListOf
from srcgrad.ir.nodes import Expr, Load, Name, Slice


class ListSites:
    """A place is an object that tells it from others, with the number of blocks around it.

    list_sites: of variables; made_lists: of displays, by identity; other_lists: lists that calls give, by the variable
    that gets them; held_lists: by where a list is made, where those in it are made; joined_sites: places that count as
    one, since one list holds what is made at them.
    """

    depth: int

    def __init__(self) -> None:
        self.list_sites: dict[str, tuple[object, int]] = {}
        self.made_lists: dict[int, tuple[Expr, tuple[object, int]]] = {}
        self.other_lists: dict[str, tuple[object, int]] = {}
        self.held_lists: dict[object, tuple[object, int]] = {}
        self.joined_sites: dict[object, object] = {}

    def inherit_site(self, name: str, expr: Expr) -> None:
        """Remember where the list was made that a variable holds."""
        site = self.site_of(expr)
        if site is not None:
            self.list_sites[name] = site
        elif isinstance(expr.kind, (ListOf, DictOf)):
            self.other_lists[name] = (("other", name), self.depth)

    def inherit_item_site(self, name: str, owner: Expr) -> None:
        """The same for a variable that gets an item of a list."""
        outer = self.site_of(owner)
        if outer is not None and outer[0] in self.held_lists:
            self.list_sites[name] = self.held_lists[outer[0]]

    def site_of(self, expr: Expr) -> tuple[object, int] | None:
        """Where the list was made that an expression stands for, and in how many blocks. What is in one list counts
        as made in one place."""
        found = None
        if isinstance(expr, Name):
            found = self.list_sites.get(expr.id) or self.other_lists.get(expr.id)
        elif isinstance(expr, Load) and not isinstance(expr.index, Slice):
            outer = self.site_of(expr.base)
            found = self.held_lists.get(outer[0]) if outer is not None else None
        elif id(expr) in self.made_lists:
            found = self.made_lists[id(expr)][1]
        return None if found is None else (self._joined(found[0]), found[1])

    def _joined(self, site: object) -> object:
        while site in self.joined_sites:
            site = self.joined_sites[site]
        return site

    def hold_list(self, holder: Expr, held: Expr) -> None:
        """A list is put into another one, or into a dict: its kind is that of the holder's items from now on."""
        outer, inner = self.site_of(holder), self.site_of(held)
        if outer is None or inner is None or outer[0] == inner[0]:
            return
        known = self.held_lists.setdefault(outer[0], inner)
        first = self._joined(known[0])
        if first != inner[0]:
            self.joined_sites[inner[0]] = first
            if inner[0] in self.held_lists:
                self.held_lists.setdefault(first, self.held_lists[inner[0]])

    def named_list(self, site: object) -> set[str]:
        """The variables whose lists were made at a place."""
        known = {**self.other_lists, **self.list_sites}
        return {name for name, other in known.items() if self._joined(other[0]) == site}

    def holders_of_list(self, site: object) -> list[object]:
        """Where the lists were made that hold what was made at a place."""
        return [outer for outer, inner in self.held_lists.items() if self._joined(inner[0]) == site]
