"""debug_nans: a check behind each statement that sets an adjoint.

Needed: a program in which dead code has been removed, so that no adjoint is looked at that nobody needs. Given: the
same program with checks; since each reads its adjoint, no later pass merges the statements of two primal lines.

    d_y = 0.5 * d_z / z                   d_y = 0.5 * d_z / z
                                          check_finite(d_y, 3)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from srcgrad.ir.kinds import NONE, Scalar, is_float
from srcgrad.ir.nodes import Assign, Call, Comment, Const, Effect, Expr, Hook, Invoke, Name, Pos, Prim, Stmt, Store
from srcgrad.ir.walk import root, with_blocks
from srcgrad.runtime import HELPERS
from srcgrad.transform.reverse.facts import Facts

Block = tuple[Stmt, ...]


@dataclass(frozen=True)
class Place:
    """What a check looks at: the adjoint of a variable ("" where it is none's), and the primal line answered."""

    adjoint: str
    variable: str
    pos: Pos | None


@dataclass
class Watch:
    """places: by the numbers that the checks have."""

    places: list[Place] = field(default_factory=list)

    def checked(self, body: Block, facts: Facts, mark: Comment | None) -> Block:
        """The program with checks, behind the mark if there is one. facts: know which names are adjoints."""
        owners = {d: name for name, d in facts.adjoints.items()}
        names = {name for (hint, _), name in facts.temporaries.items() if hint.startswith("d_")} | set(owners)
        start = next((k + 1 for k, s in enumerate(body) if isinstance(s, Comment) and s == mark), 0)
        return (*body[:start], *self._block(body[start:], names, owners))

    def _block(self, block: Block, names: set[str], owners: dict[str, str]) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            out.append(with_blocks(stmt, lambda inner: self._block(inner, names, owners)))
            for looked_at in _set_by(stmt, names):
                name = root(looked_at) or ""
                number = Const(len(self.places), kind=Scalar("int64", True, len(self.places)))
                self.places.append(Place(name, owners.get(name, ""), _pos_of(stmt)))
                check = Call(Prim(HELPERS["check_finite"], "check_finite"), (looked_at, number), kind=NONE)
                out.append(Effect(check, pos=stmt.pos))
        return tuple(out)


def _pos_of(stmt: Stmt) -> Pos | None:
    """Where the value that a statement adds to an adjoint is used; in a long expression, its line."""
    value = stmt.value if isinstance(stmt, (Assign, Store)) else None
    return value.pos if value is not None and value.pos is not None else stmt.pos


def _set_by(stmt: Stmt, names: set[str]) -> Sequence[Expr]:
    """The adjoints, or parts of them, that a statement sets."""
    match stmt:
        case Assign(target=Name(id=name) as target) if name in names:
            return [target] if is_float(target.kind) else []
        case Store(target=target, value=value) if root(target) in names and not isinstance(value, Const):
            return [target]
        case Hook(out=Name() as out):
            return [out]
        case Invoke(outs=outs, args=args):
            held = [arg for arg in args if isinstance(arg, Name) and arg.id in names]
            return [*(out for out in outs if out.id in names), *held]
        case Effect(value=Call(prim=prim, args=(first, *_))) if prim.fn is HELPERS["add_to"]:
            return [first] if root(first) in names else []
    return []

