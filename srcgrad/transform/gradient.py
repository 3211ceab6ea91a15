"""A function and the kinds of its arguments in, the statements of its gradient out: the order of the passes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from srcgrad.analysis.activity import find_active
from srcgrad.analysis.aliases import Aliases, find_aliases
from srcgrad.errors import AliasError, ArgumentError, NonScalarError
from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf, Scalar, is_float, rank, text
from srcgrad.ir.nodes import (
    Assign,
    Call,
    Comment,
    Const,
    Expr,
    Invoke,
    Load,
    Name,
    Op,
    Pop,
    Prim,
    Push,
    Return,
    Stmt,
    Store,
)
from srcgrad.ir.walk import names_in, root, statements, substitute
from srcgrad.optimize.pipeline import optimize
from srcgrad.rules.build import Sym, xp
from srcgrad.runtime import HELPERS
from srcgrad.specialize.program import Program, specialize
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr, leaves
from srcgrad.transform.pairs import Generated, Pairs
from srcgrad.transform.masks import find_masked
from srcgrad.transform.record import Recorder
from srcgrad.transform.reverse.chunks import Block, Chunk, flatten_forward, flatten_reverse
from srcgrad.transform.reverse.control import Reverser
from srcgrad.transform.reverse.facts import Facts, kinds_of, settle_storage
from srcgrad.transform.webs import split_webs


@dataclass
class Wish:
    """What is asked for: the parameters to differentiate by, the reading of the result.

    mode: "grad" (the result is a scalar), "sum" (the gradient of the sum of the result), "vjp" (an adjoint of the
    result is given). value: also return the result. aux: the result is a pair (differentiated, passed through).
    """

    wrt: tuple[str, ...]
    mode: str = "grad"
    value: bool = False
    aux: bool = False


@dataclass
class Gradient:
    """The generated function: its statements, what it takes and what it returns."""

    name: str
    body: list[Stmt]
    program: Program
    seeds: list[str]
    used_helpers: set[str] = field(default_factory=set)
    disjoint: list[str] = field(default_factory=list)
    functions: list[Generated] = field(default_factory=list)


def differentiate(fn: Callable[..., Any], args: dict[str, Any], wish: Wish) -> Gradient:
    """The gradient of fn for arguments of the kinds of `args`."""
    program = specialize(fn, args, set(HELPERS) | {"d_out"})
    body, results = _results(program, wish)
    entry = {name: kind for name, (_, kind) in program.inputs.leaves.items()}
    returned_names = {e.id for _, leaf in leaves(program.result) for e in _names(leaf.expr)}
    final = returned_names | {n for r in results for n in names_in(r)}
    body, renamed = split_webs(body, set(entry), final, program.used)
    results = [_rename(r, renamed) for r in results]
    program.result = _rename_value(program.result, renamed)
    kinds = kinds_of(body, entry)
    pairs = Pairs(program.callees, program.used)
    pairs.prepare()
    aliases = find_aliases(body, pairs.writes)
    body, aliases = _rebind(body, aliases, set(entry), program, kinds, pairs.writes)
    independent = _independent(program, wish)
    dependent = {n for r in results if is_float(r.kind) for n in names_in(r)}
    active = find_active(body, independent, dependent, aliases)
    flags = {renamed.get(f, f) for f in program.flags}
    facts = Facts(kinds, active, aliases, program.used, flags, set(entry))
    facts.masked = find_masked(body, active)
    settle_storage(body, facts)
    _name_adjoints(facts, program)
    reverser = Reverser(facts, pairs.invoke)
    env: dict[str, str] = {}
    seeds, start = _seed(results, facts, env, wish)
    entry_copies = _entry_copies(facts, entry)
    moving_entry = [
        Chunk(stmt=Assign(facts.adjoint(name), facts.zero(name))) for name in entry if name in facts.moving and name in active
    ]
    block = reverser.block(body, env)
    block.chunks = [*moving_entry, *block.chunks]
    finish: list[Stmt] = []
    for name in sorted(independent & active):
        if name not in env and name not in facts.moving:
            finish.append(Assign(facts.adjoint(name), facts.zero(name)))
    grads = _gradients(program, wish, facts, active, kinds, env, finish)
    forward, reverse = _record(block, facts, entry, start, finish)
    values = [_as_returned(program, wish, results)] if wish.value else []
    outputs = (*values, *grads)
    held: list[Stmt] = []
    if wish.value:
        value_names = [n for n in names_in(values[0])]
        outputs, held = _hold_value(values[0], grads, facts, forward, reverse, value_names)
    returned = outputs[0] if len(outputs) == 1 else _tuple(outputs)
    text_body = optimize(
        [*entry_copies, *forward, *held], reverse, Return(returned), facts, set(entry)
    )
    name = f"{program.definition.name if program.definition.name.isidentifier() else 'f'}_grad"
    disjoint = [n for n in entry if isinstance(kinds.get(n), Array) and aliases.is_written(n)]
    return Gradient(name, text_body, program, seeds, disjoint=disjoint, functions=list(pairs.functions.values()))


def _rename(expr: Expr, table: dict[str, str]) -> Expr:
    return substitute(expr, {e.id: Name(table[e.id], kind=e.kind) for e in _names(expr) if e.id in table})


def _rename_value(value: Value, table: dict[str, str]) -> Value:
    if isinstance(value, Leaf):
        return Leaf(_rename(value.expr, table))
    if isinstance(value, Struct):
        return Struct(value.type, {k: _rename_value(v, table) for k, v in value.items.items()}, value.cls)
    return value


def _names(expr: Expr) -> list[Name]:
    from srcgrad.ir.walk import subexpressions

    return [e for e in subexpressions(expr) if isinstance(e, Name)]


def _results(program: Program, wish: Wish) -> tuple[tuple[Stmt, ...], list[Expr]]:
    """The body with its result assigned to variables, and the leaves of the result that are differentiated."""
    value = program.result
    if wish.aux:
        if not isinstance(value, Struct) or value.type != "tuple" or len(value.items) != 2:
            raise ArgumentError("has_aux needs a function that returns a pair: (result, aux)", pos=program.definition.pos)
        value = value.items[0]
    found = [leaf.expr for _, leaf in leaves(value) if is_float(leaf.kind)]
    where = program.definition.pos
    if wish.mode != "vjp":
        if isinstance(value, Static) or not found:
            what = "nothing" if isinstance(value, Static) and value.value is None else "no float"
            raise NonScalarError(
                f"the function returns {what}, so it has no gradient",
                "Return a float. For a function that writes into its arguments, return what is wanted of them.",
                where,
            )
        if len(found) > 1 or isinstance(value, Struct):
            raise NonScalarError(
                "the function returns several values, so it has no gradient",
                "Use vjp or jacobian for functions with several results, or has_aux=True for (result, aux).",
                where,
            )
    for expr in found:
        if getattr(expr.kind, "dtype", "").startswith("complex"):
            raise NonScalarError("the function returns a complex number", "Return its real part, say.", where)
    extra: list[Stmt] = []
    results: list[Expr] = []
    replaced: dict[int, Name] = {}
    entry = set(program.inputs.leaves)
    for k, expr in enumerate(found):
        if isinstance(expr, Name) and expr.id not in entry and sum(isinstance(e, Name) and e.id == expr.id for e in found) == 1:
            results.append(expr)
            continue
        hint = "result" if len(found) == 1 else f"result_{k}"
        name, number = hint, 2
        while name in program.used:
            name, number = f"{hint}_{number}", number + 1
        program.used.add(name)
        target = Name(name, kind=expr.kind, pos=expr.pos)
        extra.append(Assign(target, expr, pos=expr.pos))
        results.append(target)
        replaced[id(expr)] = target
    program.result = _replace_leaves(program.result, replaced)
    return (*program.body, *extra), results


def _replace_leaves(value: Value, table: dict[int, Name]) -> Value:
    if isinstance(value, Leaf):
        return Leaf(table[id(value.expr)]) if id(value.expr) in table else value
    if isinstance(value, Struct):
        return Struct(value.type, {k: _replace_leaves(v, table) for k, v in value.items.items()}, value.cls)
    return value


def _rebind(
    body: tuple[Stmt, ...], aliases: Aliases, entry: set[str], program: Program, kinds: dict[str, Kind],
    writes: dict[str, list[bool]],
) -> tuple[tuple[Stmt, ...], Aliases]:
    """`r op= e` on a whole array that nothing else holds is `r = r op e`: the old array then needs no copy."""
    for name, pos in program.rebound.items():
        members = [other for other in kinds if other != name and aliases.of(other) == aliases.of(name)]
        if members:
            raise AliasError(
                f"`{name}` is a float or an array, and `{members[0]}` may share the array's memory while it is changed",
                "Start with an array (np.zeros), or write `x = x + ...`.",
                pos,
            )
    candidates: dict[str, bool] = {}
    for stmt in statements(body):
        if isinstance(stmt, Invoke):
            for arg, is_written in zip(stmt.args, writes[stmt.callee], strict=True):
                if is_written and isinstance(arg, Name):
                    candidates[arg.id] = False
    for stmt in statements(body):
        if isinstance(stmt, (Store, Push, Pop)):
            name = root(stmt.target)
            if name is None:
                continue
            whole = isinstance(stmt, Store) and isinstance(stmt.target, Name) and stmt.op not in ("", "at")
            candidates[name] = candidates.get(name, True) and whole
    written_alone = {
        name
        for name, whole in candidates.items()
        if whole and not any(other != name and aliases.of(other) == aliases.of(name) for other in kinds)
    }
    if not written_alone:
        return body, aliases

    def rewrite(block: Sequence[Stmt]) -> tuple[Stmt, ...]:
        out: list[Stmt] = []
        for stmt in block:
            if isinstance(stmt, Store) and isinstance(stmt.target, Name) and stmt.target.id in written_alone:
                target = stmt.target
                kind = target.kind
                value: Expr = Op(stmt.op, (target, stmt.value), kind=kind, pos=stmt.pos)
                if getattr(stmt.value.kind, "dtype", None) != getattr(kind, "dtype", None) and _widens(kind, stmt.value.kind):
                    value = Sym(value).astype(kind.dtype).expr  # type: ignore[attr-defined]
                out.append(Assign(target, value, pos=stmt.pos))
                continue
            changes = {}
            for f in ("body", "orelse"):
                if isinstance(getattr(stmt, f, None), tuple):
                    changes[f] = rewrite(getattr(stmt, f))
            out.append(dataclasses.replace(stmt, **changes) if changes else stmt)
        return tuple(out)

    body = rewrite(body)
    return body, find_aliases(body, writes)


def _widens(kind: Kind, value: Kind) -> bool:
    import numpy as np

    if isinstance(kind, Array) and isinstance(value, (Array, Scalar)):
        if isinstance(value, Scalar) and value.weak:
            return False
        return np.promote_types(kind.dtype, value.dtype) != np.dtype(kind.dtype)
    return False


def _independent(program: Program, wish: Wish) -> set[str]:
    """The float leaves of the parameters that are differentiated by."""
    found: set[str] = set()
    for name in wish.wrt:
        own = [leaf.expr for _, leaf in leaves(program.params[name]) if is_float(leaf.kind)]
        if not own and wish.mode != "vjp":
            value = program.params[name]
            what = text(value.kind) if isinstance(value, Leaf) else "no float"
            raise ArgumentError(
                f"the argument {name!r} holds {what}: there is nothing to differentiate by",
                f"Pass floats (np.asarray({name}, float)), or choose other arguments with argnums.",
                program.definition.pos,
            )
        found |= {expr.id for expr in own if isinstance(expr, Name)}
    localised = {e.value.id: e.target.id for e in program.body if isinstance(e, Assign) and isinstance(e.value, Name)
                 and isinstance(e.target, Name) and not e.value.id.isidentifier() and e.value.id in program.inputs.leaves}  # fmt: skip
    back = {new: old for old, new in localised.items()}
    return {back.get(name, name) for name in found}


def _name_adjoints(facts: Facts, program: Program) -> None:
    """d_x for each variable; for leaves of containers the last part of the path where that is no clash."""
    for name in sorted(facts.active, key=lambda n: (not n.isidentifier(), n)):
        facts.adjoint(name)


def _seed(results: list[Expr], facts: Facts, env: dict[str, str], wish: Wish) -> tuple[list[str], list[Stmt]]:
    """The adjoints of the results, from the arguments of the generated function."""
    seeds: list[str] = []
    start: list[Stmt] = []
    for k, result in enumerate(results):
        assert isinstance(result, Name)
        name = "d_out" if len(results) == 1 else f"d_out_{k}"
        seeds.append(name)
        if result.id not in facts.active:
            continue
        kind = facts.kinds[result.id]
        d = facts.adjoint(result.id)
        given = Name(name, kind=Scalar("float64"))
        if isinstance(kind, Array) and wish.mode == "grad" and not (kind.dims is not None and all(n == 1 for n in kind.dims)):
            held = Name(result.id, kind=kind)
            value: Expr = Call(Prim(HELPERS["scalar_adjoint"], "scalar_adjoint"), (held, given), kind=kind)
        elif isinstance(kind, Array):
            value = xp.full_like(Sym(Name(result.id, kind=kind)), Sym(given)).expr
            if kind.dims is None:
                value = (xp.zeros_like(Sym(Name(result.id, kind=kind))) + Sym(given)).expr
        else:
            value = given
        if isinstance(kind, (ListOf, DictOf)):
            value = Call(Prim(HELPERS["copy_of"], "copy_of"), (Name(name, kind=kind),), kind=kind)
        if result.id in facts.moving or result.id in facts.views:
            start.append(Store(d, value, "+"))
        else:
            start.append(Assign(d, value))
            env[result.id] = "owned"
    return seeds, start


def _entry_copies(facts: Facts, entry: dict[str, Kind]) -> list[Stmt]:
    """A parameter that is overwritten is copied, so that the caller's is left as it was."""
    copies: list[Stmt] = []
    for name, kind in entry.items():
        if facts.aliases.is_written(name) and isinstance(kind, (Array, ListOf, DictOf)) and name.isidentifier():
            written = any(True for _ in [name])
            target = Name(name, kind=kind)
            if isinstance(kind, Array):
                copies.append(Assign(target, Sym(target).copy().expr))
            else:
                copies.append(Assign(target, Call(Prim(HELPERS["copy_of"], "copy_of"), (target,), kind=kind)))
            _ = written
    return copies


def _gradients(
    program: Program, wish: Wish, facts: Facts, active: set[str], kinds: dict[str, Kind], env: dict[str, str],
    finish: list[Stmt],
) -> list[Expr]:  # fmt: skip
    """The gradients, in containers of the shape of the parameters."""
    back = {e.target.id: e.value.id for e in program.body if isinstance(e, Assign) and isinstance(e.value, Name)
            and isinstance(e.target, Name) and not e.value.id.isidentifier() and e.value.id in program.inputs.leaves}  # fmt: skip
    from srcgrad.ir.nodes import DictPack, Pack
    from srcgrad.ir.kinds import Opaque
    from srcgrad.specialize.values import kind_of_static

    none = Const(None, kind=Opaque(type(None)))

    def build(value: Value, path: str) -> Expr:
        if isinstance(value, Leaf):
            assert isinstance(value.expr, Name)
            name = back.get(value.expr.id, value.expr.id)
            kind = facts.kinds.get(name, value.kind)
            if not is_float(kind):
                return none
            if name not in active:
                return facts.zero(name)
            return facts.adjoint(name)
        if isinstance(value, Struct):
            items = [build(item, f"{path}.{key}") for key, item in value.items.items()]
            if all(item == none for item in items) and value.items:
                return none
            if value.type == "dict":
                keys = tuple(Const(key, kind=kind_of_static(key)) for key in value.items)
                return DictPack(keys, tuple(items), kind=Opaque(dict))
            if value.type == "object":
                whole = Name(path, kind=Opaque(object))
                cls = Call(Prim(type, "type"), (whole,), kind=Opaque(type))
                named = tuple(zip(value.items, items, strict=True))
                prim = Prim(_construct, f"type({path})")
                _ = cls
                return Call(prim, (), named, kind=Opaque(object))
            if value.cls is not None:
                return Call(Prim(_construct, f"type({path})"), tuple(items), kind=Opaque(tuple))
            return Pack("tuple" if value.type == "tuple" else "list", tuple(items), kind=Opaque(list))
        return none

    def texts(value: Value, path: str) -> Expr:
        return build(value, path)

    return [_named_paths(program, name, facts, texts) for name in wish.wrt]


def _construct(*args: Any, **kwargs: Any) -> Any:
    """Stands for the class of a container in generated code."""
    raise NotImplementedError


def _named_paths(program: Program, name: str, facts: Facts, build: Callable[[Value, str], Expr]) -> Expr:
    return build(program.params[name], name)


def _record(
    block: Block, facts: Facts, entry: dict[str, Kind], start: list[Stmt], finish: list[Stmt]
) -> tuple[list[Stmt], list[Stmt]]:
    """Run the to-be-recorded analysis and lay the two sweeps out."""
    forward_names = {n for s in statements(flatten_forward(block)) for n in _set_by(s)}
    recorder = Recorder(facts, forward_names | set(entry))
    recorder.assigned = set(entry)
    recorder.stable = stable_names(facts)
    from srcgrad.transform.record import content

    need = recorder.reads(finish)
    recorder.block(block, need)
    presets: list[Stmt] = [Assign(Name(n, kind=facts.kinds[n]), Const(None)) for n in recorder.presets]
    forward = [*recorder.tapes, *presets, *flatten_forward(block)]
    reverse = [*start, *flatten_reverse(block), *finish]
    _ = content
    return forward, reverse


def stable_names(facts: Facts) -> set[str]:
    """The variables whose shape is the same whenever they are set."""
    return {
        name for name, kind in facts.kinds.items()
        if isinstance(kind, Scalar)
        or (isinstance(kind, Array) and kind.dims is not None and all(d is not None for d in kind.dims))
    }  # fmt: skip


def _set_by(stmt: Stmt) -> set[str]:
    from srcgrad.transform.record import _targets

    return _targets(stmt)


def _as_returned(program: Program, wish: Wish, results: list[Expr]) -> Expr:
    value = program.result
    table = {old: new for old, new in ()}
    _ = (table, results)
    return as_expr(value)


def _hold_value(
    value: Expr, grads: list[Expr], facts: Facts, forward: list[Stmt], reverse: list[Stmt], names: list[str]
) -> tuple[tuple[Expr, ...], list[Stmt]]:
    """The reverse sweep may put old values back into what the value is read from: keep the value aside then."""
    set_later = {n for s in statements(reverse) for n in _set_by(s)}
    stored = {facts.aliases.of(n) for s in statements(reverse) if isinstance(s, (Store, Push, Pop)) and (n := root(s.target))}
    arrays = any(facts.aliases.of(n) in stored for n in names)
    if not arrays and not (set(names) & set_later):
        return (value, *grads), []
    held = Name(facts.fresh("value"), kind=value.kind)
    facts.kinds[held.id] = value.kind
    kept: Expr = value
    if isinstance(value.kind, Array):
        kept = Sym(value).copy().expr
    elif not isinstance(value.kind, Scalar):
        kept = Call(Prim(HELPERS["copy_of"], "copy_of"), (value,), kind=value.kind)
    return (held, *grads), [Assign(held, kept)]


def _tuple(items: Sequence[Expr]) -> Expr:
    from srcgrad.ir.kinds import Opaque
    from srcgrad.ir.nodes import Pack

    return Pack("tuple", tuple(items), kind=Opaque(tuple))


_ = (Comment, Load, rank)
