"""Blocks on adjoints: `with context as name: statements`. They are kept as text, and what they do is found out here.

The block is no part of the primal, so none of its statements is lowered, and the names that it binds are its own.
What is asked of the text is which names it reads, and what becomes of the adjoint: assigned anew, changed in place,
handed to somebody who may keep it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import gast

from srcgrad.frontend import refusals
from srcgrad.frontend.scope import FUNCTIONS, block_names, block_of, parameters
from srcgrad.ir.nodes import HookText, Pos

Place = Callable[[Any], Pos | None]

COLLECTS = frozenset({"append", "appendleft", "insert", "add", "put"})
"""Methods by which containers take something up. They do not change it."""
_CHANGES = COLLECTS | {
    "extend", "update", "setdefault", "pop", "popitem", "popleft", "remove", "discard", "clear", "sort", "reverse",
    "fill", "resize", "itemset", "partition", "byteswap", "setflags",
}  # fmt: skip
_READS = (gast.BinOp, gast.UnaryOp, gast.Compare, gast.FormattedValue, gast.Assert)
_SHAPE = frozenset({"shape", "size", "ndim", "dtype", "nbytes"})


def hook_text(node: Any, mentioned: set[str], place: Place) -> tuple[HookText, list[tuple[str, Any]]]:
    """The block of a `with ... as name`; and of each function that gets the adjoint, its expression.

    mentioned: the names that the function around it speaks of. Raises UnsupportedError for a block that could change
    what the function computes, or that jumps out of itself.
    """
    target = node.items[0].optional_vars
    if len(node.items) > 1 or not isinstance(target, gast.Name):
        raise refusals.refuse_with_as(place(target))
    name = target.id
    bound, read = block_names(node)
    _refuse_names(node, mentioned, place)
    for stmt in node.body:
        _refuse_jumps(stmt, False, place)
    use = _Use(name, place)
    for stmt in node.body:
        use.visit(stmt)
    module = gast.Module(body=list(node.body), type_ignores=[])
    text = ast.unparse(gast.gast_to_ast(module))
    reads = tuple(sorted(read))
    changed = {base: where for base, where in reversed(use.changed) if base in read}
    made = HookText(
        text, name, reads, tuple(sorted(bound - {name})), use.rebinds, use.augments, use.writes, use.keeps,
        changes=tuple(sorted(changed.items(), key=lambda item: item[0])),
    )  # fmt: skip
    return made, use.given


def only_hooked(node: Any) -> frozenset[str]:
    """The parameters of a function that only blocks on adjoints name."""
    outside: set[str] = set()
    inside: set[str] = set()

    def walk(part: Any, found: set[str]) -> None:
        block = block_of(part)
        for child in gast.iter_child_nodes(part):
            walk(child, inside if child in block else found)
        if isinstance(part, gast.Name):
            found.add(part.id)

    for stmt in node.body if isinstance(node.body, list) else [node.body]:
        walk(stmt, outside)
    return frozenset(p for p, kind in parameters(node.args) if p in inside - outside and kind not in ("args", "kwargs"))


# ---- what is refused -----------------------------------------------------------------------------------------


def _refuse_names(node: Any, mentioned: set[str], place: Place) -> None:
    """The names that a block binds are its own, and the adjoint's name means nothing outside of it."""
    bound, _ = block_names(node)
    clash = bound & mentioned
    if not clash:
        return
    for part in (node.items[0].optional_vars, *(n for stmt in node.body for n in gast.walk(stmt))):
        named = part.id if isinstance(part, gast.Name) and not isinstance(part.ctx, gast.Load) else None
        if named in clash:
            raise refusals.refuse_hook_name(named, place(part))
    raise refusals.refuse_hook_name(min(clash), place(node))


def _refuse_jumps(node: Any, in_loop: bool, place: Place) -> None:
    if isinstance(node, (gast.Return, gast.Yield, gast.YieldFrom, gast.Await, gast.Global, gast.Nonlocal)):
        raise refusals.refuse_hook_jump(place(node))
    if isinstance(node, (gast.Break, gast.Continue)) and not in_loop:
        raise refusals.refuse_hook_jump(place(node))
    if isinstance(node, (*FUNCTIONS, gast.ClassDef)):
        return
    inside = in_loop or isinstance(node, (gast.For, gast.While))
    for child in gast.iter_child_nodes(node):
        _refuse_jumps(child, inside, place)


# ---- what becomes of the adjoint -----------------------------------------------------------------------------


class _Use:
    """How a block uses the adjoint. given: the functions that get it, with what they are called by."""

    def __init__(self, name: str, place: Place) -> None:
        self.name, self.place = name, place
        self.rebinds = ""
        self.augments = self.writes = self.keeps = False
        self.given: list[tuple[str, Any]] = []
        self.changed: list[tuple[str, Pos | None]] = []

    def visit(self, node: Any) -> None:
        """Look at a node and what is in it."""
        if isinstance(node, gast.Assign) and [t for t in node.targets if self.is_adjoint(t)]:
            plain = len(node.targets) == 1 and self.rebinds != "freely"
            self.rebinds = "plainly" if plain else "freely"
            self.visit(node.value)
            for target in node.targets:
                if not self.is_adjoint(target):
                    self.visit(target)
            return
        if isinstance(node, gast.AugAssign) and self.is_adjoint(node.target):
            self.augments = True
            self.part(node.value)
            return
        if isinstance(node, (gast.Subscript, gast.Attribute)) and not isinstance(node.ctx, gast.Load):
            self.change(node)
        if isinstance(node, gast.Call):
            self.call(node)
            return
        if isinstance(node, gast.Name) and node.id == self.name:
            if isinstance(node.ctx, gast.Load):
                self.keeps = self.writes = True
            else:
                self.rebinds = "freely"
            return
        if isinstance(node, _READS):
            for child in gast.iter_child_nodes(node):
                self.part(child)
            return
        if isinstance(node, gast.Subscript) and self.is_part(node):
            if isinstance(node.ctx, gast.Load):
                self.keeps = self.writes = True  # a view
            self.visit(node.slice)
            return
        if isinstance(node, gast.Attribute) and self.is_part(node.value):
            if node.attr not in _SHAPE:
                self.keeps = self.writes = True
            return
        if isinstance(node, (gast.Assign, gast.AugAssign)) and self.is_store(node):
            self.part(node.value)  # `log[i] = d[i]`: an element, or a copy
            for target in node.targets if isinstance(node, gast.Assign) else [node.target]:
                self.visit(target)
            return
        for child in gast.iter_child_nodes(node):
            self.visit(child)

    def part(self, node: Any) -> None:
        """A place where the adjoint, or a part of it, is looked at and let go."""
        if not self.is_part(node):
            self.visit(node)
            return
        while isinstance(node, gast.Subscript):
            self.visit(node.slice)
            node = node.value

    def is_store(self, node: Any) -> bool:
        """Whether a statement writes into the adjoint itself, whose buffer copies what it is given."""
        targets = node.targets if isinstance(node, gast.Assign) else [node.target]
        return all(isinstance(t, gast.Subscript) and _root(t) == self.name for t in targets)

    def call(self, node: Any) -> None:
        """A call: of a method of the adjoint, or of a function that gets it."""
        fn = node.func
        if isinstance(fn, gast.Attribute) and self.is_part(fn.value):
            self.given.append(("method", gast.Constant(fn.attr, None)))
        elif isinstance(fn, gast.Attribute) and fn.attr in _CHANGES and (owner := _root(fn.value)) is not None:
            self.changed.append((owner, self.place(node)))
            self.visit(fn.value)
        else:
            self.visit(fn)
        gets = False
        for arg in [*node.args, *(k.value for k in node.keywords)]:
            gets = gets or self.is_part(arg)
            self.part(arg)
        for keyword in node.keywords:
            if keyword.arg == "out":
                for part in keyword.value.elts if isinstance(keyword.value, gast.Tuple) else [keyword.value]:
                    self.change(part)
        if gets and isinstance(fn, gast.Attribute) and fn.attr in COLLECTS:
            self.keeps = True
        elif gets:
            self.given.append(("function", fn))

    def change(self, node: Any) -> None:
        """A place is written."""
        owner = _root(node)
        if owner == self.name:
            self.writes = True
        elif owner is not None:
            self.changed.append((owner, self.place(node)))

    def is_adjoint(self, node: Any) -> bool:
        return isinstance(node, gast.Name) and node.id == self.name

    def is_part(self, node: Any) -> bool:
        """Whether a node is the adjoint or what an index takes of it."""
        while isinstance(node, gast.Subscript):
            node = node.value
        return self.is_adjoint(node)


def _root(node: Any) -> str | None:
    while isinstance(node, (gast.Subscript, gast.Attribute)):
        node = node.value
    return node.id if isinstance(node, gast.Name) else None

