"""The reverse of a block on an adjoint is the block itself.

By the time that it runs, the answers of all later statements have run, so that the adjoint is what they add up to.

    with srcgrad.adjoint(y) as d:         (nothing)             d_y = ...  # answers of later statements
        d = np.clip(d, -1, 1)                                   d_y[...] = np.clip(d_y, -1, 1)

What the block assigns to the adjoint of an array is written into its buffer: so others that view the buffer see it,
and it has the array's shape and dtype, or fails. A block that may hold on to the adjoint, or to a part of it, gets a
copy of a buffer that will change.
"""

from __future__ import annotations

from srcgrad.analysis.activity import changes_adjoint
from srcgrad.analysis.aliases import basic
from srcgrad.ir.kinds import Array, Kind, rank
from srcgrad.ir.nodes import Expr, Hook, Load, Name, Stmt, Store
from srcgrad.ir.walk import contents, root
from srcgrad.rules.build import Sym, xp
from srcgrad.transform.reverse.chunks import Chunk
from srcgrad.transform.reverse.facts import ZERO_FLOAT
from srcgrad.transform.reverse.statements import Env, StatementAdjoints


def hook(adjoints: StatementAdjoints, stmt: Hook, env: Env) -> Chunk:
    """The chunk of a block on an adjoint: it has no forward statement."""
    facts, place = adjoints.facts, stmt.value
    name = root(place) if isinstance(place, (Name, Load)) else None
    out: list[Stmt] = []
    changed = changes_adjoint(stmt.source)
    if name is None or name not in facts.active or not (changed or adjoints.present(name, env)):
        out.append(_block(adjoints, stmt, _zero(place), _seen(adjoints, stmt)))
    elif isinstance(place, Load):
        _part(adjoints, stmt, place, name, env, out)
    elif facts.is_shadow(name) or not _is_plain(adjoints, name) or (stmt.source.rebinds and _is_buffer(place.kind)):
        adjoints.ensure(name, env, out, stmt.pos)
        _buffer(adjoints, stmt, facts.adjoint(name), out)
    else:
        _variable(adjoints, stmt, name, env, out)
    return Chunk(reverse=out)


def _is_plain(adjoints: StatementAdjoints, name: str) -> bool:
    return name not in adjoints.facts.views and name not in adjoints.facts.moving


def _is_buffer(kind: Kind) -> bool:
    """Whether adjoints of the kind are certain to be arrays that can be written into."""
    return isinstance(kind, Array) and bool(rank(kind))


def _variable(adjoints: StatementAdjoints, stmt: Hook, name: str, env: Env, out: list[Stmt]) -> None:
    """The adjoint is a variable: the block may change it and assign it."""
    source, d = stmt.source, adjoints.facts.adjoint(name)
    in_place = (source.writes or source.augments) and isinstance(d.kind, Array)
    if name not in env or in_place:
        adjoints.ensure(name, env, out, stmt.pos)
    out.append(_block(adjoints, stmt, d, d))
    if isinstance(d.kind, Array) and (source.keeps or source.rebinds):
        env[name] = "shared"  # with whoever the block has handed it to, or has it from


def _buffer(adjoints: StatementAdjoints, stmt: Hook, d: Name, out: list[Stmt]) -> None:
    """The adjoint is a buffer, which perhaps others view."""
    source = stmt.source
    if not source.keeps and source.rebinds != "freely":
        out.append(_block(adjoints, stmt, d, d, through=bool(source.rebinds)))
        return
    seen = _seen(adjoints, stmt)
    out.append(_block(adjoints, stmt, Sym(d).copy().expr, seen))
    if changes_adjoint(source):
        out.append(Store(contents(d), seen, "", pos=stmt.pos))


def _part(
    adjoints: StatementAdjoints, stmt: Hook, place: Load, name: str, env: Env, out: list[Stmt]
) -> None:
    """A part of an array: of a number the block gets the value, which is put back."""
    source, changed = stmt.source, changes_adjoint(stmt.source)
    if changed:
        adjoints.ensure(name, env, out, stmt.pos)
    d_place = adjoints.place_of_adjoint(place)
    is_view = isinstance(place.kind, Array) and rank(place.kind) != 0 and basic(place.index)
    value: Expr = Sym(d_place).copy().expr if is_view and source.keeps else d_place
    seen = _seen(adjoints, stmt)
    out.append(_block(adjoints, stmt, value, seen))
    if changed and (not is_view or source.keeps or source.rebinds):
        out.append(Store(d_place, seen, "", pos=stmt.pos))


def _seen(adjoints: StatementAdjoints, stmt: Hook) -> Name:
    """What the block works on where that is not the adjoint's own variable: it has the name that the user gave it."""
    name = Name(adjoints.named(stmt, "seen", stmt.source.name), kind=stmt.value.kind)
    adjoints.facts.kinds[name.id] = name.kind
    return name


def _zero(place: Expr) -> Expr:
    return xp.zeros_like(Sym(place)).expr if isinstance(place.kind, Array) else ZERO_FLOAT


def _block(adjoints: StatementAdjoints, stmt: Hook, value: Expr, out: Name, through: bool = False) -> Hook:
    own = tuple(adjoints.named(stmt, f"own {name}", name) for name in stmt.source.own)
    return Hook(value, stmt.args, stmt.source, out, own, through, pos=stmt.pos)
