"""A function and the kinds of its arguments in, the statements of its tangent out: the order of forward mode's passes.

The generated function takes the arguments, then a tangent for each of those that are differentiated by:
`f_jvp(x, y, x_dot, y_dot) -> (out, out_dot)`.
"""

from __future__ import annotations

from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf, is_float
from srcgrad.ir.nodes import Assign, Call, Expr, Load, Name, Prim, Return, Stmt
from srcgrad.ir.walk import names_in
from srcgrad.optimize.pipeline import optimize_forward
from srcgrad.rules.build import Sym
from srcgrad.runtime import HELPERS
from srcgrad.specialize.program import Program
from srcgrad.specialize.values import Leaf, Static, Struct, Value, as_expr, leaves
from srcgrad.transform.entry import Specialised
from srcgrad.transform.forward.calls import Callees
from srcgrad.transform.forward.directions import COUNT, Directions, NoDirections
from srcgrad.transform.forward.expressions import Tangents
from srcgrad.transform.forward.patterns import IndexSets
from srcgrad.transform.forward.statements import Forwarder
from srcgrad.transform.gradient import Gradient, function_name, prepare, remarks, tuple_of
from srcgrad.transform.masks import find_masked_tangents
from srcgrad.transform.pullbacks import in_order, with_names
from srcgrad.transform.results import (
    NOTHING,
    Wish,
    container,
    entry_copies,
    free_name,
    unshared,
    wanted,
)
from srcgrad.transform.reverse.facts import ZERO, Facts

ALGEBRAS: dict[str, type[Tangents]] = {
    "jvp": Tangents, "jvps": Directions, "deps": IndexSets, "primal": Tangents, "operator": Tangents,
}  # fmt: skip
"""What tangents are, by the mode of the wish."""


def push_forward(specialised: Specialised, wish: Wish) -> Gradient:
    """The tangent of a function in the directions of `wish.wrt`. See gradient.differentiate for the arguments."""
    ready = prepare(specialised, wish)
    ready.program.used.add(function_name(ready.program, wish.mode))  # not for the tangents of recursive functions
    program, facts, body, results = ready.program, ready.facts, ready.body, ready.results
    program.used.add(function_name(program, wish.mode))  # not for what it calls, which may be itself
    entry = ready.entry
    facts.masked = find_masked_tangents(body, facts.active)
    dots, taken = _given(program, wish, facts, ALGEBRAS[wish.mode])
    name = function_name(program, wish.mode)
    program.used.add(name)
    callees = Callees(program.callees, program.used, ready.writes, ALGEBRAS[wish.mode], wish.mode)
    callees.inputs, facts.functions = program.inputs, callees
    algebra = ALGEBRAS[wish.mode]
    forwarder = Forwarder(facts, dict(dots), callees.invoke, algebra)
    start = [*entry_copies(program, facts, entry), *_entry(entry, facts, forwarder, dots)]
    if algebra is Directions:
        if COUNT.id in program.used or program.callees:
            raise NoDirections
        start.insert(0, Assign(COUNT, Call(Prim(len, "len"), (_stack(dots),), kind=COUNT.kind)))
    forward = forwarder.block(body)
    found = {r.id: forwarder.dot(r.id) if r.id in facts.active else forwarder.zero(r.id) for r in results}
    tangents = _result(program.result, found, program)
    outputs = [_value(program.result), tangents] if wish.value else [tangents]
    if wish.mode in ("primal", "operator"):  # nothing is differentiated but by what is called inside
        outputs = [_value(program.result)]
    returned = outputs[0] if len(outputs) == 1 else tuple_of(outputs)
    text_body = optimize_forward([*start, *forward], Return(returned), facts)
    text_body = unshared(text_body, facts, taken, wish.value)
    text_body = with_names(text_body, callees.plain_name)
    text_body = [*remarks(text_body), *text_body]
    return Gradient(
        name, text_body, program, taken, [(place,) for place in wish.wrt],
        disjoint=ready.disjoint, functions=in_order(callees.functions),
    )  # fmt: skip


def _given(program: Program, wish: Wish, facts: Facts, algebra: type[Tangents]) -> tuple[dict[str, Expr], list[str]]:
    """The tangents that the generated function takes: by leaf of the arguments, and as parameters."""
    dots: dict[str, Expr] = {}
    taken: list[str] = []
    for place in wish.wrt:
        value, text = wanted(program, place)
        hint = text if isinstance(place, str) else f"{place[0]}_{place[1]}"
        parameter = free_name(f"{hint}_{algebra.suffix}", program)
        taken.append(parameter)
        for _, leaf in leaves(value):
            if is_float(leaf.kind) and isinstance(leaf.expr, Name):
                read = program.inputs.local.get(leaf.expr.id, leaf.expr.id)
                dots[leaf.expr.id] = Name(parameter + read[len(text) :], kind=algebra.lifted(facts.kinds[leaf.expr.id]))
    return dots, taken


def _stack(dots: dict[str, Expr]) -> Expr:
    """A tangent whose first axis is that of the directions."""
    first = next(iter(dots.values()), None)
    while first is not None and isinstance(first.kind, ListOf):
        first = Load(first, ZERO, kind=first.kind.item)
    if first is None or not isinstance(first.kind, Array):
        raise NoDirections
    return first


def _entry(entry: dict[str, Kind], facts: Facts, forwarder: Forwarder, given: dict[str, Expr]) -> list[Stmt]:
    """Tangents of the arguments: zero where none is given, copied where they are written."""
    start: list[Stmt] = []
    for name in entry:
        if name not in facts.active:
            continue
        if name not in given:
            start.append(Assign(forwarder.dot(name), forwarder.zero(name)))
            continue
        dot, kind = given[name], facts.kinds[name]
        if not facts.aliases.is_written(name) or not isinstance(kind, (Array, ListOf, DictOf)):
            continue
        own = dot if dot.id.isidentifier() else forwarder.variable(name)  # type: ignore[attr-defined]
        copied = Sym(dot).copy().expr
        if not isinstance(kind, Array):
            copied = Call(Prim(HELPERS["copy_of"], "copy_of"), (dot,), kind=kind)
        start.append(Assign(own, copied))
        forwarder.dots[name] = own
    return start


def _value(value: Value) -> Expr:
    """The result itself; objects are made anew."""
    if isinstance(value, Struct) and (value.cls is not None or any(isinstance(v, Struct) for v in value.values())):
        return container(value, {key: _value(item) for key, item in value.items.items()}, "")
    return as_expr(value)


def _result(value: Value, found: dict[str, Expr], program: Program) -> Expr:
    """The tangent of the result, in the containers of the result."""
    if isinstance(value, Leaf):
        if not is_float(value.kind):
            return NOTHING
        names = list(names_in(value.expr))
        return found[names[0]]
    if isinstance(value, Struct):
        items = {key: _result(item, found, program) for key, item in value.items.items()}
        return container(value, items, "")
    assert isinstance(value, Static)
    return NOTHING

