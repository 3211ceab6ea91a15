"""A function and the kinds of its arguments in, the statements of its gradient out: the order of the passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.analysis.activity import find_active
from srcgrad.analysis.aliases import Aliases, find_aliases
from srcgrad.errors import AliasError
from srcgrad.ir.kinds import Array, Kind, Opaque, Scalar, is_float
from srcgrad.ir.nodes import (
    Assign,
    Call,
    Comment,
    Expr,
    Invoke,
    Name,
    Op,
    Pack,
    Pop,
    Prim,
    Push,
    Return,
    Stmt,
    Store,
)
from srcgrad.ir.walk import (
    expressions_of,
    names_in,
    reads_of,
    root,
    set_by,
    statements,
    subexpressions,
    substitute,
    with_blocks,
)
from srcgrad.optimize.pipeline import optimize
from srcgrad.optimize.watch import Place, Watch
from srcgrad.rules.build import Sym
from srcgrad.rules.registry import own_rule
from srcgrad.runtime import HELPERS
from srcgrad.specialize.program import Program
from srcgrad.specialize.values import Leaf, Struct, Value, as_expr, leaves
from srcgrad.transform.conflicts import Conflicts
from srcgrad.transform.detach import detach
from srcgrad.transform.entry import Specialised, whole_program, without_marks
from srcgrad.transform.masks import find_masked, find_unbounded
from srcgrad.transform.pairs import Generated, Pairs
from srcgrad.transform.pullbacks import in_order, with_names
from srcgrad.transform.reasons import Record, with_readers
from srcgrad.transform.record import Recorder
from srcgrad.transform.results import (
    GRADIENTS,
    Wish,
    entry_copies,
    gradients,
    independent_leaves,
    refuse_captured_writes,
    seed,
    seed_names,
    take_results,
    unshared,
)
from srcgrad.transform.reverse.chunks import Block, Chunk, flatten_forward, flatten_reverse
from srcgrad.transform.reverse.control import Reverser
from srcgrad.transform.reverse.facts import Facts, kinds_of, settle_storage
from srcgrad.transform.webs import split_webs


@dataclass
class Gradient:
    """The generated function: its statements, what it takes and what it returns. checks: see optimize.watch.

    records: by generated function, what its forward sweep may record (passes that came later may have removed it).
    """

    name: str
    body: list[Stmt]
    program: Program
    seeds: list[str]
    seed_paths: list[tuple[Any, ...]]
    disjoint: list[str] = field(default_factory=list)
    functions: list[Generated] = field(default_factory=list)
    checks: list[Place] = field(default_factory=list)
    records: dict[str, list[Record]] = field(default_factory=dict)


@dataclass
class Ready:
    """What both modes start from.

    body: with the results assigned to variables; results: those; result_paths: their places in the result; entry: the
    kinds of the leaves of the arguments; independent, dependent: what is differentiated by, and what of; writes:
    which parameters each callee writes; disjoint: arguments that may share no memory with others, as they are written.
    """

    program: Program
    body: tuple[Stmt, ...]
    results: list[Name]
    result_paths: list[tuple[Any, ...]]
    entry: dict[str, Kind]
    facts: Facts
    independent: set[str]
    dependent: set[str]
    writes: dict[str, list[bool]]
    pairs: Pairs
    seeds: list[str]
    disjoint: list[str]


def prepare(specialised: Specialised, wish: Wish) -> Ready:
    """The whole program of a function, and what a derivative flows through. See differentiate for the arguments."""
    program = whole_program(specialised)
    if wish.again:
        program.body = without_marks(program.body)
    independent_leaves(program, wish)  # raises where there is nothing to differentiate by
    body, results, result_paths = take_results(program, wish)
    seeds = seed_names(results, program) if wish.mode in (*GRADIENTS, "vjp") else []
    entry = {name: kind for name, (_, kind) in program.inputs.leaves.items()}
    returned_names = {e.id for _, leaf in leaves(program.result) for e in reads_of(leaf.expr)}
    final = returned_names | {n for r in results for n in names_in(r)}
    body, renamed = split_webs(body, set(entry), final, program.used)
    results = [Name(renamed.get(r.id, r.id), kind=r.kind, pos=r.pos) for r in results]
    program.result = _rename_value(program.result, renamed)
    kinds = kinds_of(body, entry)
    watch = Watch() if wish.debug_nans else None
    pairs = Pairs(program.callees, program.used, watch, wish.again, inputs=program.inputs)
    pairs.prepare()
    aliases = find_aliases(body, pairs.writes)
    # whether the caller's other arguments would see a write does not depend on how it is done here
    disjoint = [n for n in entry if isinstance(kinds.get(n), Array) and aliases.is_written(n)]
    body, aliases = _rebind(body, aliases, program, kinds, pairs.writes)
    body, aliases = detach(body, aliases, pairs.writes)
    independent = independent_leaves(program, wish)
    dependent = {n for r in results if is_float(r.kind) for n in names_in(r)}
    active = find_active(body, independent, dependent, aliases)
    flags = {renamed.get(f, f) for f in program.flags}
    facts = Facts(kinds, active, aliases, program.used, flags, set(entry), inputs=program.inputs, functions=pairs)
    facts.masked, facts.unbounded = find_masked(body, active), find_unbounded(body, active)
    facts.results = dependent
    facts.own |= program.written.among(kinds)
    facts.watch = watch
    refuse_captured_writes(program, body, facts)
    return Ready(
        program, body, results, result_paths, entry, facts, independent, dependent, pairs.writes, pairs, seeds,
        disjoint,
    )


def differentiate(specialised: Specialised, wish: Wish) -> Gradient:
    """The gradient of a function. specialised: gives its typed program, told what earlier ones have shown."""
    ready = prepare(specialised, wish)
    program, body, results, seeds, facts = ready.program, ready.body, ready.results, ready.seeds, ready.facts
    entry, independent, active, pairs = ready.entry, ready.independent, ready.facts.active, ready.pairs
    title = function_name(program, "vjp" if wish.mode == "vjp" else "value_and_grad" if wish.value else "grad")
    program.used.add(title)  # not for the pullbacks of functions that are called
    settle_storage(body, facts)
    for name in sorted(facts.active, key=lambda n: (not n.isidentifier(), n)):
        facts.adjoint(name)
    reverser = Reverser(facts, pairs.invoke, pairs.rerun)
    env: dict[str, str] = {}
    start, bound = seed(results, seeds, facts, env, wish.mode)
    moving_entry = [
        Chunk(stmt=Assign(facts.adjoint(name), facts.zero(name)))
        for name in entry if name in facts.moving and name in active
    ]
    block = reverser.block(body, env)
    block.chunks = [*moving_entry, *block.chunks]
    block.start += bound
    finish: list[Stmt] = []
    for name in sorted(independent & active):
        if name not in env and name not in facts.moving:
            finish.append(Assign(facts.adjoint(name), facts.zero(name)))
    forward, reverse, records = _record(block, facts, start, finish)
    grads = gradients(program, wish, facts, reverse)
    values = [as_expr(program.result)] if wish.value else []
    outputs = (*values, *grads)
    held: list[Stmt] = []
    if wish.value:
        outputs, held = _hold_value(values[0], grads, facts, reverse)
    returned = outputs[0] if len(outputs) == 1 else tuple_of(outputs)
    text_body = optimize([*entry_copies(program, facts, entry), *forward, *held], reverse, Return(returned), facts)
    if wish.wrt:
        text_body = unshared(text_body, facts, seeds, wish.value)
    text_body = with_names(text_body, pairs.plain_name)
    for generated in list(pairs.functions.values()):
        generated.body = with_names(generated.body, pairs.plain_name)
    text_body = [*remarks(text_body), *text_body]
    functions = in_order(pairs.functions)
    checks = facts.watch.places if facts.watch is not None else []
    return Gradient(
        title, text_body, program, seeds, ready.result_paths, ready.disjoint, functions, checks=checks,
        records={title: records, **pairs.records},
    )  # fmt: skip


def function_name(program: Program, suffix: str) -> str:
    """The name of a generated function: f_grad, f_jvp."""
    if suffix == "operator":
        return program.definition.name
    name = program.definition.name.strip("_") if program.definition.name.endswith("__") else program.definition.name
    return f"{name if name.isidentifier() else 'f'}_{suffix}"


def remarks(body: Sequence[Stmt]) -> list[Stmt]:
    """What has to be said of the derivatives of callables that the body passes on."""
    notes: list[str] = []
    for stmt in statements(list(body)):
        for expr in (part for top in expressions_of(stmt) for part in subexpressions(top)):
            if isinstance(expr, Call) and expr.prim.style == "attribute" and not expr.args:
                rule = own_rule(expr.prim.fn)
                note = "" if rule is None else rule.note.format(expr.prim.text)
                if note and note not in notes:
                    notes.append(note)
    return [Comment(note) for note in notes]


def _rename(expr: Expr, table: dict[str, str]) -> Expr:
    return substitute(expr, {e.id: Name(table[e.id], kind=e.kind) for e in reads_of(expr) if e.id in table})


def _rename_value(value: Value, table: dict[str, str]) -> Value:
    if isinstance(value, Leaf):
        return Leaf(_rename(value.expr, table))
    if isinstance(value, Struct):
        return Struct(value.type, {k: _rename_value(v, table) for k, v in value.items.items()}, value.cls)
    return value


def _rebind(
    body: tuple[Stmt, ...], aliases: Aliases, program: Program, kinds: dict[str, Kind], writes: dict[str, list[bool]]
) -> tuple[tuple[Stmt, ...], Aliases]:
    """`r op= e` on a whole array that nothing else holds is `r = r op e`: the old array then needs no copy."""
    for name, pos in program.rebound.items():
        members = [other for other in kinds if other != name and aliases.of(other) == aliases.of(name)]
        if members:
            raise AliasError(
                f"`{name}` is a float or an array, and `{members[0]}` may share the array's memory "
                "while it is changed",
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
        if isinstance(stmt, (Store, Push, Pop)) and (owner := root(stmt.target)) is not None:
            whole = isinstance(stmt, Store) and isinstance(stmt.target, Name) and stmt.op not in ("", "at")
            candidates[owner] = candidates.get(owner, True) and whole
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
                if isinstance(kind, Array) and _widens(kind, stmt.value.kind):
                    value = Sym(value).astype(kind.dtype).expr
                out.append(Assign(target, value, pos=stmt.pos))
                continue
            out.append(with_blocks(stmt, rewrite))
        return tuple(out)

    body = rewrite(body)
    return body, find_aliases(body, writes)


def _widens(kind: Array, value: Kind) -> bool:
    """Whether an array of the kind gets another dtype when it meets the value."""
    if not isinstance(value, (Array, Scalar)) or (isinstance(value, Scalar) and value.weak):
        return False
    return np.promote_types(kind.dtype, value.dtype) != np.dtype(kind.dtype)


def _record(
    block: Block, facts: Facts, start: list[Stmt], finish: list[Stmt]
) -> tuple[list[Stmt], list[Stmt], list[Record]]:
    """Run the to-be-recorded analysis and lay the two sweeps out. Also: what is recorded, and why."""
    recorder = Recorder.of(block, facts)
    recorder.conflicts = Conflicts.of(block, facts)
    recorder.block(block, recorder.reads.of(finish))
    forward = [*recorder.tapes, *recorder.unset(), *flatten_forward(block)]
    reverse = [*start, *flatten_reverse(block), *finish]
    return forward, reverse, with_readers(recorder.records, block, recorder.reads)


def _hold_value(
    value: Expr, grads: list[Expr], facts: Facts, reverse: list[Stmt]
) -> tuple[tuple[Expr, ...], list[Stmt]]:
    """The reverse sweep may put old values back into what the value is read from: keep the value aside then."""
    names = set(names_in(value))
    set_later = {n for s in statements(reverse) for n in set_by(s)}
    written = [root(s.target) for s in statements(reverse) if isinstance(s, (Store, Push, Pop))]
    written += [root(arg) for s in statements(reverse) if isinstance(s, Invoke) for arg in s.args]
    stored = {facts.aliases.of(n) for n in written if n}
    arrays = any(facts.aliases.of(n) in stored for n in names)
    if not arrays and not (names & set_later):
        return (value, *grads), []
    held = Name(facts.fresh("value"), kind=value.kind)
    facts.kinds[held.id] = value.kind
    kept: Expr = value
    if isinstance(value.kind, Array):
        kept = Sym(value).copy().expr
    elif not isinstance(value.kind, Scalar):
        kept = Call(Prim(HELPERS["copy_of"], "copy_of"), (value,), kind=value.kind)
    return (held, *grads), [Assign(held, kept)]


def tuple_of(items: Sequence[Expr]) -> Expr:
    return Pack("tuple", tuple(items), kind=Opaque(tuple))

