"""Which names occur where: what the printer must know before it tidies a loop."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any

from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import Array

IDENTIFIER = re.compile(r"[^\W\d]\w*")


def nodes_in(value: Any) -> Iterator[ir.Node]:
    """Every node of a node or a tuple of nodes, itself included; but not the index that a For binds."""
    if isinstance(value, ir.Node):
        yield value
        for field in dataclasses.fields(value):
            binder = isinstance(value, ir.For) and field.name == "index"
            if not binder and field.name not in ("pos", "kind", "note"):
                yield from nodes_in(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from nodes_in(item)


def names_in(value: Any) -> Iterator[str]:
    """Every identifier in names, paths and callees, as often as it occurs; the index that a For binds is left out."""
    for node in nodes_in(value):
        if isinstance(node, (ir.Name, ir.Free)):
            yield from IDENTIFIER.findall(node.id)
        elif isinstance(node, ir.Call) and node.prim.style == "function":
            yield from IDENTIFIER.findall(node.prim.text)


def private_indices(body: Sequence[ir.Stmt]) -> frozenset[str]:
    """The loop indices that occur nowhere but in bodies of loops that bind them, no two of one name nested."""
    bound_somewhere: set[str] = set()
    shared: set[str] = set()

    def visit(value: Any, bound: frozenset[str]) -> None:
        if isinstance(value, ir.For):
            index = value.index.id
            bound_somewhere.add(index)
            if index in bound:
                shared.add(index)
            visit((value.lo, value.hi, value.step), bound)
            visit(value.body, bound | {index})
        elif isinstance(value, tuple):
            for item in value:
                visit(item, bound)
        elif isinstance(value, ir.Stmt):
            for field in dataclasses.fields(value):
                if field.name not in ("pos", "note"):
                    visit(getattr(value, field.name), bound)
        else:
            shared.update(name for name in names_in(value) if name not in bound)

    visit(tuple(body), frozenset())
    return frozenset(bound_somewhere - shared)


def may_change(xs: ir.Name, loop: Sequence[ir.Stmt], body: Sequence[ir.Stmt]) -> bool:
    """Whether the loop, a part of the function's body, may rebind xs or change its length.

    A range is measured once, whereas `for x in xs` looks at the list again at every step. Where it cannot be seen
    that a list which grows in the loop is another one, the answer is yes.
    """
    own = set(IDENTIFIER.findall(xs.id))
    if any(own & set(bound_by(node)) for node in nodes_in(tuple(loop))):
        return True
    if isinstance(xs.kind, Array):
        return False
    fresh = _fresh_lists(body)
    aliased = _ever_bound(body) - fresh  # may stand for a list that has another name too

    def other(target: ir.Expr) -> bool:
        return isinstance(target, ir.Name) and target.id in fresh and not own & {target.id, *aliased}

    for node in nodes_in(tuple(loop)):
        match node:
            case ir.Push(target=target) | ir.Pop(target=target) if not other(target):
                return True
            case ir.Invoke(args=touched) | ir.Effect(value=ir.Call(args=touched)):
                if any(isinstance(arg, (ir.Name, ir.Load, ir.Pack)) for arg in touched):
                    return True
            case ir.Store(target=ir.Name(id=name)) if name in own:
                return True
    return False


def bound_by(node: ir.Node) -> list[str]:
    """The names that a statement binds itself."""
    match node:
        case ir.Assign(target=target):
            return [n.id for n in nodes_in(target) if isinstance(n, ir.Name)]
        case ir.For(index=ir.Name(id=name)) | ir.Pop(out=ir.Name(id=name)):
            return [name]
        case ir.Invoke(outs=outs):
            return [out.id for out in outs]
    return []


def _ever_bound(body: Sequence[ir.Stmt]) -> set[str]:
    return {name for node in nodes_in(tuple(body)) for name in bound_by(node)}


def _fresh_lists(body: Sequence[ir.Stmt]) -> set[str]:
    """The variables that only ever stand for lists made in the statement that binds them."""
    fresh: set[str] = set()
    stale: set[str] = set()
    for node in nodes_in(tuple(body)):
        is_new = isinstance(node, ir.Assign) and isinstance(node.value, (ir.Pack, ir.Op))
        (fresh if is_new else stale).update(bound_by(node))
    return fresh - stale
