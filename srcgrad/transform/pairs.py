"""Functions that are called rather than written in line: each is differentiated into a pair.

    out, residuals = f_fwd(x, n)                     # the forward sweep, and what its reverse reads
    d_n = f_rev(residuals, x, n, d_out, d_x)         # adds to d_x in place, returns the adjoints of numbers

The contract: `f_rev` takes the residuals, all parameters, the adjoints of the results, and a buffer for each active
parameter that is an array or list, to which it adds; it returns the adjoints of the active numbers. Arrays that f
overwrites are put back as they were before the call.

Residuals of a recursive function are tuples nested as deep as it recurs, which are no part of the input language. Where
what is generated is to be differentiated again, there are none: `f` stays as it is, and `f_rev`, which takes the same
but for the residuals, runs f's statements once more ahead of their answers. Calls inside of f do so in turn: so each
level of the recursion adds one run of what is below it.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from srcgrad.analysis.activity import find_active
from srcgrad.analysis.aliases import find_aliases
from srcgrad.errors import AliasError
from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf, Opaque, Scalar, is_float
from srcgrad.ir.nodes import (
    Assign,
    Const,
    Expr,
    Invoke,
    Load,
    Name,
    Pack,
    Return,
    Stmt,
    Store,
)
from srcgrad.ir.walk import expressions_of, names_in, set_by, statements, with_blocks
from srcgrad.optimize.pipeline import optimize_part
from srcgrad.optimize.watch import Watch
from srcgrad.rules.build import Sym
from srcgrad.specialize.outline import Callee
from srcgrad.transform.detach import detach
from srcgrad.transform.masks import find_masked, find_unbounded
from srcgrad.transform.reasons import Record, with_readers
from srcgrad.transform.record import Recorder, content
from srcgrad.transform.reverse.again import refuse_draws
from srcgrad.transform.reverse.chunks import Chunk, flatten_forward, flatten_reverse
from srcgrad.transform.reverse.control import Reverser
from srcgrad.transform.reverse.expressions import Term
from srcgrad.transform.reverse.facts import Facts, kinds_of, settle_storage, short
from srcgrad.transform.reverse.moving import birth
from srcgrad.transform.reverse.statements import Env
from srcgrad.transform.trips import surely_set
from srcgrad.transform.webs import split_webs

RESIDUALS = Opaque(tuple)


@dataclass
class Generated:
    """A generated function: its name, parameters and statements."""

    name: str
    params: list[str]
    body: list[Stmt]


@dataclass
class Pairs:
    """The callees of a program and the functions generated for them. used: names of functions that are taken.

    watch: collects checks, where they are asked for; records: by function, what its forward sweep records.
    again: what is generated is to be differentiated again.
    """

    callees: dict[str, Callee]
    used: set[str]
    watch: Watch | None = None
    again: bool = False
    functions: dict[str, Generated] = field(default_factory=dict)
    pairs: dict[tuple[str, tuple[bool, ...]], tuple[str, str]] = field(default_factory=dict)
    primals: dict[str, str] = field(default_factory=dict)
    writes: dict[str, list[bool]] = field(default_factory=dict)
    inputs: Any = None
    pullbacks: dict[tuple[str, tuple[bool, ...]], str] = field(default_factory=dict)
    records: dict[str, list[Record]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Find out which parameters each callee writes, callees of callees included."""
        self.writes = {key: [False] * len(callee.params) for key, callee in self.callees.items()}
        again = True
        while again:
            again = False
            for key, callee in self.callees.items():
                aliases = find_aliases(callee.body, self.writes)
                found = [aliases.is_written(p.id) for p in callee.params]
                if found != self.writes[key]:
                    self.writes[key], again = found, True

    def name(self, hint: str) -> str:
        """A name for a generated function."""
        name, number = hint, 2
        while name in self.used:
            name, number = f"{hint}_{number}", number + 1
        self.used.add(name)
        return name

    # ---- in the caller ----

    def invoke(self, reverser: Reverser, stmt: Invoke, env: Env) -> list[Chunk]:
        """The chunks of a call: its own, and those that bind the adjoints of results beside them."""
        facts = reverser.facts
        callee = self.callees[stmt.callee]
        writes = self.writes[stmt.callee]
        self._refuse_aliases(stmt, callee, writes, facts)
        active = tuple(
            isinstance(arg, Name) and arg.id in facts.active and is_float(arg.kind) for arg in stmt.args
        )
        births = {out.id: birth(reverser, out, stmt) for out in stmt.outs if out.id in facts.moving & facts.active}
        bound = [chunk for _, chunk in births.values()]
        wanted = any(out.id in env or out.id in births for out in stmt.outs) or any(
            w and a and isinstance(arg, Name) and reverser.present(arg.id, env)
            for w, a, arg in zip(writes, active, stmt.args, strict=True)
        )
        if not wanted or not any(active):
            for out in stmt.outs:
                env.pop(out.id, None)
            name = self.primal(stmt.callee)
            return [Chunk(stmt=Invoke(stmt.outs, name, stmt.args, pos=stmt.pos)), *bound]
        fwd, rev = self.pair(stmt.callee, active)
        known: tuple[Name, ...] = ()
        if not self.again:
            known = (Name(reverser.named(stmt, "residuals", f"{callee.name}_residuals"), kind=RESIDUALS),)
            facts.kinds[known[0].id] = RESIDUALS
        chunk = Chunk(stmt=Invoke((*stmt.outs, *known), fwd, stmt.args, pos=stmt.pos))
        # the answer reads the residuals, or else the arguments as they were
        chunk.reads_target, chunk.restore_first = not self.again, self.again
        given: list[Expr] = []
        for out in stmt.outs:
            if not is_float(out.kind):
                continue
            if out.id in births:
                given.append(births[out.id][0])
            elif env.pop(out.id, None) is not None:
                given.append(facts.adjoint(out.id))
            elif isinstance(out.kind, Scalar):
                given.append(Const(0.0, kind=Scalar("float64", True, 0.0)))
            else:
                given.append(facts.zero(out.id))
        reverse: list[Stmt] = []
        numbers: list[Name] = []
        terms: list[Term] = []
        for arg, is_active in zip(stmt.args, active, strict=True):
            if not is_active:
                continue
            assert isinstance(arg, Name)
            if isinstance(arg.kind, (Array, ListOf, DictOf)):
                reverser.ensure(arg.id, env, reverse, stmt.pos)
                given.append(facts.adjoint(arg.id))
            else:
                d = Name(facts.temporary(f"d_{short(arg.id)}_part", (id(stmt), len(numbers))), kind=arg.kind)
                facts.kinds[d.id] = arg.kind
                numbers.append(d)
                walk = reverser.walker(arg, None, stmt.pos)
                walk.walk(arg, d, False)
                terms += walk.terms
        reverse.append(Invoke(tuple(numbers), rev, (*known, *stmt.args, *given), pos=stmt.pos))
        for term in terms:
            reverser.flush([term], env, reverse, stmt.pos)
        chunk.reverse = reverse
        return [chunk, *bound]

    def _refuse_aliases(self, stmt: Invoke, callee: Callee, writes: list[bool], facts: Facts) -> None:
        """What a callee writes may not be known to it under another name."""
        for k, (arg, written) in enumerate(zip(stmt.args, writes, strict=True)):
            if not written or not isinstance(arg, Name):
                continue
            for n, other in enumerate(stmt.args):
                if n != k and isinstance(other, Name) and isinstance(other.kind, Array):
                    if facts.aliases.of(other.id) == facts.aliases.of(arg.id):
                        raise AliasError(
                            f"{callee.name} is called with two arguments that may share memory, "
                            "and it writes into one",
                            "Pass a copy of one of them.",
                            stmt.pos,
                        )
        for out in stmt.outs:
            if isinstance(out.kind, Array) and facts.aliases.is_written(out.id):
                aliases = find_aliases(callee.body, self.writes)
                for source in callee.outs:
                    arrays = [p for p in callee.params if isinstance(p.kind, Array)]
                    if any(aliases.of(p.id) == aliases.of(source.id) for p in arrays):
                        raise AliasError(
                            f"what {callee.name} returns may share memory with its argument, and is written in place",
                            "Return a copy.",
                            stmt.pos,
                        )

    # ---- the functions ----

    def primal(self, key: str) -> str:
        """The name of the function itself."""
        if key not in self.primals:
            callee = self.callees[key]
            self.primals[key] = callee.name
            body = [self.plain(stmt) for stmt in callee.body]
            self.functions[callee.name] = Generated(
                callee.name, [p.id for p in callee.params], [*body, Return(returned(callee.outs))]
            )
        return self.primals[key]

    def plain(self, stmt: Stmt) -> Stmt:
        """Calls of other callees by their generated names."""
        if isinstance(stmt, Invoke):
            return dataclasses.replace(stmt, callee=self.primal(stmt.callee))
        return with_blocks(stmt, lambda inner: tuple(map(self.plain, inner)))

    def rerun(self, stmt: Stmt) -> Stmt:
        """A statement that is run again in the reverse sweep."""
        work = [inner.callee for inner in statements([stmt]) if isinstance(inner, Invoke)]
        seen: set[str] = set()
        while work:
            key = work.pop()
            if key not in seen:
                seen.add(key)
                refuse_draws(self.callees[key].body, stmt.pos)
                work += [inner.callee for inner in statements(self.callees[key].body) if isinstance(inner, Invoke)]
        return self.plain(stmt)

    def pair(self, key: str, active: tuple[bool, ...]) -> tuple[str, str]:
        """The names of the pair for a pattern of active parameters; made when first asked for."""
        if (key, active) not in self.pairs:
            base = self.callees[key].name
            names = (self.primal(key) if self.again else self.name(f"{base}_fwd"), self.name(f"{base}_rev"))
            self.pairs[(key, active)] = names
            self._make(self.callees[key], active, *names)
        return self.pairs[(key, active)]

    def plain_name(self, key: str) -> str:
        """The name of the generated function that does what a callee does."""
        from srcgrad.transform.pullbacks import plain_function

        return plain_function(self, key)

    def pullback(self, key: str, active: tuple[bool, ...]) -> Name:
        """The name of a function of a callee's parameters and of its result's adjoint that gives the adjoints of the
        active parameters, as a tuple; made when first asked for."""
        if (key, active) not in self.pullbacks:
            from srcgrad.transform.pullbacks import make_pullback

            name = self.pullbacks[(key, active)] = self.name(f"{self.callees[key].name}_vjp")
            make_pullback(self, self.callees[key], active, name)
        return Name(self.pullbacks[(key, active)], kind=Opaque(types.FunctionType))

    def _make(self, callee: Callee, active: tuple[bool, ...], fwd: str, rev: str) -> None:
        entry: dict[str, Kind] = {p.id: p.kind for p in callee.params}
        used = set(callee.used) | set(entry)
        body, renamed = split_webs(callee.body, set(entry), {o.id for o in callee.outs}, used)
        outs = [Name(renamed.get(o.id, o.id), kind=o.kind) for o in callee.outs]
        kinds = kinds_of(body, entry)
        body, aliases = detach(body, find_aliases(body, self.writes), self.writes)
        independent = {p.id for p, a in zip(callee.params, active, strict=True) if a}
        written = {p.id for p in callee.params if aliases.is_written(p.id)}
        dependent = {o.id for o in outs if is_float(o.kind)} | written
        facts = Facts(kinds, find_active(body, independent, dependent, aliases) | independent, aliases, used,
                      callee.flags, set(entry))  # fmt: skip
        facts.inputs, facts.functions = self.inputs, self
        facts.masked, facts.unbounded = find_masked(body, facts.active), find_unbounded(body, facts.active)
        facts.watch = self.watch
        facts.results = dependent
        settle_storage(body, facts)
        if facts.moving & set(entry):
            raise AliasError(
                f"{callee.name} gives an array that it writes several names",
                "Use one name for the array inside the recursive function.",
                callee.definition.pos if callee.definition else None,
            )
        reverser = Reverser(facts, self.invoke, self.rerun)
        buffers = [
            p for p, a in zip(callee.params, active, strict=True) if a and isinstance(p.kind, (Array, ListOf, DictOf))
        ]
        facts.views |= {p.id for p in buffers}
        env: Env = {}
        start: list[Stmt] = []
        bound: list[Stmt] = []
        seeds: list[str] = []
        for out in outs:
            if not is_float(out.kind):
                continue
            seed = Name(facts.fresh("d_out"), kind=out.kind)
            seeds.append(seed.id)
            kinds[seed.id] = out.kind
            if out.id not in facts.active:
                continue
            d = facts.adjoint(out.id)
            if out.id in facts.views or out.id in facts.moving:
                (bound if out.id in facts.views else start).append(Store(d, seed, "+"))
                continue
            value: Expr = seed
            if isinstance(out.kind, Array) and facts.is_shadow(out.id):
                value = Sym(seed).copy().expr
            start.append(Assign(d, value))
            env[out.id] = "owned" if isinstance(out.kind, Scalar) or value is not seed else "shared"
        block = reverser.block(body, env)
        block.start += bound
        finish: list[Stmt] = []
        numbers: list[Name] = []
        for p, a in zip(callee.params, active, strict=True):
            if a and isinstance(p.kind, Scalar):
                if p.id not in env:
                    finish.append(Assign(facts.adjoint(p.id), facts.zero(p.id)))
                numbers.append(facts.adjoint(p.id))
        recorder = Recorder.of(block, facts)
        recorder.block(block, recorder.reads.of(finish) | {content(aliases.memory(n)) for n in written})
        self.records[fwd] = with_readers(recorder.records, block, recorder.reads)
        forward = [*recorder.tapes, *recorder.unset(), *flatten_forward(block)]
        reverse = [*start, *flatten_reverse(block), *finish]
        known = {n for s in statements(forward) for n in set_by(s)}
        keep = set(entry) | {facts.adjoint(p.id).id for p in buffers}
        params = [p.id for p in callee.params]
        if self.again:
            whole = optimize_part([*forward, *reverse, Return(returned(numbers))], keep, facts)
            taken = [*params, *seeds, *(facts.adjoint(p.id).id for p in buffers)]
            self.functions[rev] = Generated(rev, taken, whole)
            return
        residuals_name = facts.fresh("residuals")
        reverse_body = optimize_part([*reverse, Return(returned(numbers))], keep, facts)
        read = {n for s in statements(reverse_body) for e in expressions_of(s) for n in names_in(e)}
        saved = sorted(read & known - set(entry))
        names = [Name(n, kind=kinds.get(n, RESIDUALS)) for n in saved]
        residuals = Name(residuals_name, kind=RESIDUALS)
        unpack: list[Stmt] = [
            Assign(name, Load(residuals, Const(k, kind=Scalar("int64", True, k)), kind=name.kind))
            for k, name in enumerate(names)
        ]
        pack = Pack("tuple", tuple(names), kind=RESIDUALS)
        sure = surely_set(forward)
        forward = [*(Assign(name, Const(None)) for name in names if name.id not in sure), *forward]
        forward_body = optimize_part([*forward, Return(returned([*outs, pack]))], keep, facts)
        self.functions[fwd] = Generated(fwd, params, forward_body)
        taken = [residuals_name, *params, *seeds, *(facts.adjoint(p.id).id for p in buffers)]
        self.functions[rev] = Generated(rev, taken, [*unpack, *reverse_body])


def returned(items: Sequence[Expr]) -> Expr:
    """What a generated function returns: nothing, one thing, or a tuple."""
    if not items:
        return Const(None)
    return items[0] if len(items) == 1 else Pack("tuple", tuple(items), kind=RESIDUALS)

