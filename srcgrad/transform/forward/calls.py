"""Forward mode of functions that are called rather than written in line (recursion).

    out, out_dot = f_jvp(x, n, x_dot)

The contract: `f_jvp` takes all parameters, then the tangents of those that have one; it returns the results, then
the tangents of those that are floats. Arrays that f overwrites have their tangents overwritten in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from srcgrad.analysis.activity import find_active
from srcgrad.analysis.aliases import find_aliases
from srcgrad.ir.kinds import Kind, is_float
from srcgrad.ir.nodes import Assign, Expr, Invoke, Name, Return, Stmt
from srcgrad.optimize.pipeline import optimize_forward
from srcgrad.specialize.outline import Callee
from srcgrad.transform.forward.expressions import Tangents
from srcgrad.transform.forward.statements import Forwarder
from srcgrad.transform.masks import find_masked_tangents
from srcgrad.transform.pairs import Generated, returned
from srcgrad.transform.pullbacks import plain_names, result_names, with_names
from srcgrad.transform.reverse.facts import Facts, kinds_of
from srcgrad.transform.webs import split_webs


@dataclass
class Callees:
    """The callees of a program and the functions generated for them. used: names of functions that are taken;
    writes: which parameters each callee writes; algebra: what tangents are; suffix: of the names of functions."""

    callees: dict[str, Callee]
    used: set[str]
    writes: dict[str, list[bool]]
    algebra: type[Tangents]
    suffix: str
    functions: dict[str, Generated] = field(default_factory=dict)
    made: dict[tuple[str, tuple[bool, ...]], str] = field(default_factory=dict)
    inputs: Any = None

    def invoke(self, forwarder: Forwarder, stmt: Invoke) -> list[Stmt]:
        """The call of a callee's tangent function in place of the callee."""
        facts = forwarder.facts
        active = tuple(isinstance(a, Name) and a.id in facts.active and is_float(a.kind) for a in stmt.args)
        name = self.tangent(stmt.callee, active)
        dots = [forwarder.dot(a.id) for a, on in zip(stmt.args, active, strict=True) if on and isinstance(a, Name)]
        outs: list[Name] = list(stmt.outs)
        for out in stmt.outs:
            if is_float(out.kind) and any(active):
                dot = forwarder.dot(out.id) if out.id in facts.active else forwarder.variable(out.id)
                assert isinstance(dot, Name)
                outs.append(dot)
        call = Invoke(tuple(outs), name, (*stmt.args, *dots), pos=stmt.pos)
        if any(active):
            return [call]
        zeros = [Assign(forwarder.dot(o.id), forwarder.zero(o.id)) for o in stmt.outs if o.id in facts.active]
        return [call, *zeros]

    def tangent(self, key: str, active: tuple[bool, ...]) -> str:
        """The name of a callee's tangent function for a pattern of active parameters; made when first asked for."""
        if (key, active) not in self.made:
            hint = f"{self.callees[key].name}_{self.suffix}" if any(active) else self.callees[key].name
            name, number = hint, 2
            while name in self.used and any(active):
                name, number = f"{hint}_{number}", number + 1
            self.used.add(name)
            self.made[(key, active)] = name
            self._make(self.callees[key], active, name)
        return self.made[(key, active)]

    def _make(self, callee: Callee, active: tuple[bool, ...], name: str) -> None:
        entry: dict[str, Kind] = {p.id: p.kind for p in callee.params}
        used = set(callee.used) | set(entry)
        body, renamed = split_webs(callee.body, set(entry), {o.id for o in callee.outs}, used)
        outs = [Name(renamed.get(o.id, o.id), kind=o.kind) for o in callee.outs]
        kinds = kinds_of(body, entry)
        aliases = find_aliases(body, self.writes)
        independent = {p.id for p, on in zip(callee.params, active, strict=True) if on}
        written = {p.id for p in callee.params if aliases.is_written(p.id)}
        dependent = {o.id for o in outs if is_float(o.kind)} | written
        found = find_active(body, independent, dependent, aliases) | independent if independent else set()
        facts = Facts(kinds, found, aliases, used, callee.flags, set(entry), inputs=self.inputs, functions=self)
        facts.masked = find_masked_tangents(body, facts.active)
        forwarder = Forwarder(facts, {}, self.invoke, self.algebra)
        taken = [forwarder.dot(p.id) for p, on in zip(callee.params, active, strict=True) if on]
        start = [Assign(forwarder.dot(n), forwarder.zero(n)) for n in entry if n in facts.active - independent]
        statements = [*start, *forwarder.block(body)]
        results: list[Expr] = list(outs)
        for out in outs:
            if is_float(out.kind) and any(active):
                results.append(forwarder.dot(out.id) if out.id in facts.active else forwarder.zero(out.id))
        names: Sequence[str] = [d.id for d in taken if isinstance(d, Name)]
        kept = set(entry) | set(names)
        if callee.reordered:  # of an equation: written as a function of its own
            plain = result_names(callee) - set(entry)
            facts.own |= plain | {d.id for n, d in forwarder.dots.items() if n in plain and isinstance(d, Name)}
        params = [*(p.id for p in callee.params), *names]
        made = with_names(optimize_forward(statements, Return(returned(results)), facts, kept), self.plain_name)
        if callee.reordered:
            params, made = plain_names(params, made)
        self.functions[name] = Generated(name, params, made)

    def plain_name(self, key: str) -> str:
        """The name of the generated function that does what a callee does."""
        return self.tangent(key, (False,) * len(self.callees[key].params))
