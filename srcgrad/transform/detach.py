"""Calls that hand on the memory of their argument but not its derivative, of arrays that are written in place.

The adjoint of such an array is a buffer that every view of it shares, so a view without a derivative cannot stand
beside it. Where nothing is written once the call has been made, it takes a copy; else it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from srcgrad.analysis.aliases import Aliases, find_aliases
from srcgrad.errors import AliasError
from srcgrad.ir.kinds import Array
from srcgrad.ir.nodes import Call, Expr, For, Invoke, Pop, Push, Stmt, Store, While
from srcgrad.ir.walk import blocks, names_in, rebuild, root, subexpressions, with_blocks
from srcgrad.rules.build import Sym
from srcgrad.rules.registry import lookup
from srcgrad.transform.webs import map_own, own_expressions

Loops = tuple[int, ...]


def detach(
    body: tuple[Stmt, ...], aliases: Aliases, writes: dict[str, list[bool]]
) -> tuple[tuple[Stmt, ...], Aliases]:
    """The program with copies where a detached view of a written array is taken. AliasError where that is wrong."""
    tops = [top for stmt, _ in _walk(body) for top in own_expressions(stmt)]
    if not any(_detached(expr) for top in tops for expr in subexpressions(top)):
        return body, aliases
    stores: list[tuple[int, str, Loops]] = []
    for place, (stmt, loops) in enumerate(_walk(body)):
        for name in _written(stmt, writes):
            stores.append((place, aliases.of(name), loops))
    places = {id(stmt): (place, loops) for place, (stmt, loops) in enumerate(_walk(body))}

    def replaced(expr: Expr, place: int, loops: Loops) -> Expr:
        expr = rebuild(expr, lambda child: replaced(child, place, loops))
        if not _detached(expr):
            return expr
        assert isinstance(expr, Call)
        args = []
        for arg in expr.args:
            classes = {aliases.of(name) for name in names_in(arg) if aliases.is_written(name)}
            for at, owner, around in stores:
                if owner in classes and (at > place or set(around) & set(loops)):
                    raise AliasError(
                        f"{expr.prim.text} is taken of an array that is written in place later",
                        f"Take it of a copy: {expr.prim.text}(x.copy()).", expr.pos,
                    )  # fmt: skip
            if classes and not isinstance(arg.kind, Array):
                raise AliasError(
                    f"{expr.prim.text} is taken of a list that changes", "Take it of the items.", expr.pos
                )
            args.append(Sym(arg).copy().expr if classes else arg)
        return Call(expr.prim, tuple(args), expr.kwargs, kind=expr.kind, pos=expr.pos)

    def visit(block: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        made = []
        for stmt in block:
            place, loops = places[id(stmt)]
            made.append(with_blocks(map_own(stmt, lambda e, p=place, q=loops: replaced(e, p, q)), visit))  # type: ignore[misc]
        return tuple(made)

    body = visit(body)
    return body, find_aliases(body, writes)


def _detached(expr: Expr) -> bool:
    rule = lookup(expr.prim.fn) if isinstance(expr, Call) else None
    return rule is not None and rule.view == "always" and (rule.own or rule.form == "constant")


def _walk(block: Sequence[Stmt], loops: Loops = ()) -> Iterator[tuple[Stmt, Loops]]:
    """Every statement, in the order of the text, with the loops around it."""
    for stmt in block:
        inner = (*loops, id(stmt)) if isinstance(stmt, (For, While)) else loops
        yield stmt, inner
        for part in blocks(stmt):
            yield from _walk(part, inner)


def _written(stmt: Stmt, writes: dict[str, list[bool]]) -> list[str]:
    if isinstance(stmt, (Store, Push, Pop)):
        name = root(stmt.target)
        return [name] if name is not None else []
    if isinstance(stmt, Invoke):
        given = zip(stmt.args, writes.get(stmt.callee, []), strict=False)
        return [name for arg, written in given if written and (name := root(arg)) is not None]
    return []
