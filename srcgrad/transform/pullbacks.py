"""Functions generated for the equations whose solutions are differentiated: an equation's own, and its pullback.

    def step_vjp(x, a, d_out):    # both sweeps in one
        ...
        return d_x, d_a
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from srcgrad.analysis.activity import find_active
from srcgrad.analysis.aliases import find_aliases
from srcgrad.ir.kinds import Kind, Opaque, is_float
from srcgrad.ir.nodes import Assign, Call, Expr, Name, Pack, Return, Stmt
from srcgrad.ir.walk import expressions_of, names_in, rebuild, rebuilt, statements, subexpressions
from srcgrad.optimize.pipeline import optimize, optimize_part
from srcgrad.rules.solved import Handed
from srcgrad.specialize.outline import Callee
from srcgrad.specialize.spelling import RESERVED
from srcgrad.transform.detach import detach
from srcgrad.transform.inline import renamed
from srcgrad.transform.masks import find_masked, find_unbounded
from srcgrad.transform.record import Recorder
from srcgrad.transform.results import seed, unshared
from srcgrad.transform.reverse.chunks import flatten_forward, flatten_reverse
from srcgrad.transform.reverse.control import Reverser
from srcgrad.transform.reverse.facts import Facts, kinds_of, settle_storage
from srcgrad.transform.reverse.statements import Env
from srcgrad.transform.webs import all_names, split_webs

if TYPE_CHECKING:
    from srcgrad.transform.pairs import Generated, Pairs


def make_pullback(pairs: Pairs, callee: Callee, active: tuple[bool, ...], name: str) -> None:
    """Generate a function of the callee's parameters and of its result's adjoint that returns the adjoints of the
    active parameters."""
    from srcgrad.transform.pairs import Generated

    entry: dict[str, Kind] = {p.id: p.kind for p in callee.params}
    used = set(callee.used) | set(entry)
    body, renamed = split_webs(callee.body, set(entry), {o.id for o in callee.outs}, used)
    outs = [Name(renamed.get(o.id, o.id), kind=o.kind) for o in callee.outs]
    kinds = kinds_of(body, entry)
    body, aliases = detach(body, find_aliases(body, pairs.writes), pairs.writes)
    wanted = [p for p, on in zip(callee.params, active, strict=True) if on]
    independent = {p.id for p in wanted}
    dependent = {o.id for o in outs if is_float(o.kind)}
    facts = Facts(kinds, find_active(body, independent, dependent, aliases), aliases, used, callee.flags, set(entry),
                  inputs=pairs.inputs, functions=pairs)  # fmt: skip
    facts.masked, facts.unbounded = find_masked(body, facts.active), find_unbounded(body, facts.active)
    facts.results = dependent
    settle_storage(body, facts)
    for p in callee.params:  # the adjoints of the parameters are called after them
        facts.adjoint(p.id)
    reverser = Reverser(facts, pairs.invoke, pairs.rerun)
    env: Env = {}
    seeds = [facts.fresh("d_out") for _ in outs]
    kinds |= {given: out.kind for out, given in zip(outs, seeds, strict=True)}
    start, bound = seed(outs, seeds, facts, env, "vjp")
    block = reverser.block(body, env)
    block.start += bound
    finish: list[Stmt] = [
        Assign(facts.adjoint(p.id), facts.zero(p.id)) for p in wanted if p.id not in env or p.id not in facts.active
    ]
    recorder = Recorder.of(block, facts)
    recorder.block(block, recorder.reads.of(finish))
    forward = [*recorder.tapes, *recorder.unset(), *flatten_forward(block)]
    reverse = [*start, *flatten_reverse(block), *finish]
    returned = Pack("tuple", tuple(facts.adjoint(p.id) for p in wanted), kind=Opaque(tuple))
    made = unshared(optimize(forward, reverse, Return(returned), facts), facts, seeds, False)
    params = [p.id for p in callee.params] + seeds
    pairs.functions[name] = Generated(name, *plain_names(params, with_names(made, pairs.plain_name)))


def plain_function(pairs: Pairs, key: str) -> str:
    """The name of the generated function that computes what a callee does."""
    from srcgrad.transform.pairs import Generated

    if key not in pairs.primals:
        callee = pairs.callees[key]
        pairs.primals[key] = callee.name
        entry = {p.id: p.kind for p in callee.params}
        own = result_names(callee)
        facts = Facts(kinds_of(callee.body, entry), set(), find_aliases(callee.body, pairs.writes), set(callee.used),
                      callee.flags, set(entry), own=own - set(entry))  # fmt: skip
        outs: tuple[Expr, ...] = tuple(callee.outs)
        value = outs[0] if len(outs) == 1 else Pack("tuple", outs, kind=Opaque(tuple))
        body = optimize_part([*map(pairs.plain, callee.body), Return(value)], set(), facts)
        body = [dataclasses.replace(stmt, note="") for stmt in body]
        made = plain_names(list(entry), with_names(body, pairs.plain_name))
        pairs.functions[callee.name] = Generated(callee.name, *made)
    return pairs.primals[key]


def result_names(callee: Callee) -> set[str]:
    """The names that only stand for what a callee returns."""
    ends = [s for s in callee.body if isinstance(s, Assign) and s.target in callee.outs]
    found = {n for s in ends for n in names_in(s.value) if n.startswith("result")}
    return found | {out.id for out in callee.outs}


def in_order(functions: dict[str, Generated]) -> list[Generated]:
    """The generated functions, each ahead of its derivatives."""
    found: dict[str, Generated] = {}
    for name, function in functions.items():
        primal = name.removesuffix("_vjp").removesuffix("_jvp")
        if primal in functions:
            found.setdefault(primal, functions[primal])
        found.setdefault(name, function)
    return list(found.values())


def plain_names(params: list[str], body: Sequence[Stmt]) -> tuple[list[str], list[Stmt]]:
    """A function's parameters and statements, with names that have a number only because other functions use them
    without it."""
    names = dict.fromkeys([*params, *all_names(tuple(body))])
    taken = {*names, *RESERVED}
    for stmt in statements(list(body)):
        for expr in (part for top in expressions_of(stmt) for part in subexpressions(top)):
            if isinstance(expr, Call):
                taken.add(expr.prim.text.split(".")[0])
    table: dict[str, Expr] = {}
    for name in names:
        short = re.sub(r"_\d+(?=$|_dot$)", "", name)
        if short != name and short.isidentifier() and short not in taken:
            taken.add(short)
            table[name] = Name(short)
    new = [table[p].id if p in table else p for p in params]  # type: ignore[attr-defined]
    return new, [renamed(stmt, table) for stmt in body]


def with_names(body: Sequence[Stmt], name_of: Callable[[str], str]) -> list[Stmt]:
    """The statements with calls that are given functions of the program as they are printed: by their names.

    name_of: gives the name of the generated function that does what a callee does.
    """

    def printed(expr: Expr) -> Expr:
        expr = rebuild(expr, printed)
        if not isinstance(expr, Call) or not isinstance(expr.prim.fn, Handed):
            return expr
        return expr.prim.fn.printed(expr, name_of)

    return [rebuilt(stmt, printed) for stmt in body]
