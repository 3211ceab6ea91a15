"""The ends of a gradient: what is differentiated of a result, by which arguments, and how gradients are returned."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from srcgrad.analysis.aliases import Aliases, find_aliases, sources
from srcgrad.errors import ArgumentError, NonScalarError, UnsupportedError
from srcgrad.ir.kinds import Array, DictOf, Kind, ListOf, Opaque, Scalar, is_complex, is_float, rank, text
from srcgrad.ir.nodes import (
    Assign,
    Call,
    Comment,
    Const,
    DictPack,
    Effect,
    Expr,
    Load,
    Name,
    Pack,
    Pop,
    Prim,
    Push,
    Return,
    Stmt,
    Store,
)
from srcgrad.ir.walk import expressions_of, root, set_by, statements, subexpressions
from srcgrad.rules.build import Sym, xp
from srcgrad.runtime import HELPERS
from srcgrad.specialize.inputs import FROZEN, access, plain_constructor, static_fields
from srcgrad.specialize.program import Program
from srcgrad.specialize.values import Leaf, Static, Struct, Value, kind_of_static, leaves, static_key
from srcgrad.transform.reverse.facts import ZERO_FLOAT, Facts, as_typed, typed_zero

Place = str | tuple[str, int | str]

NOTHING = Const(None, kind=Opaque(type(None)))


@dataclass
class Wish:
    """What is asked for: the parameters to differentiate by, the reading of the result.

    wrt: parameters, or items of `*args` and `**kwargs`. mode: "grad" (the result is a scalar), "sum" (the gradient of
    the sum of the result), "holomorphic grad" and "holomorphic sum" (the same of a complex result), "vjp" (an adjoint
    of the result is given), "jvp" (tangents of the arguments are given), "jvps" (tangents
    in many directions), "deps" (index sets of the arguments are), "primal" (the function itself), "operator" (likewise,
    of one that is made of derivatives, such as a Jacobian).
    value: also return the result. aux: the result is a pair (differentiated, passed through).
    debug_nans: check each adjoint for nan and inf. again: what is generated is to be differentiated itself.
    """

    wrt: tuple[Place, ...]
    mode: str = "grad"
    value: bool = False
    aux: bool = False
    debug_nans: bool = False
    again: bool = False

    @property
    def holomorphic(self) -> bool:
        """Whether derivatives are those of a holomorphic function."""
        return self.mode.startswith("holomorphic")


GRADIENTS = ("grad", "sum", "holomorphic grad", "holomorphic sum")
"""The modes whose functions take an adjoint that is 1 unless another is given."""


# ---- the result ----------------------------------------------------------------------------------------------


def take_results(program: Program, wish: Wish) -> tuple[tuple[Stmt, ...], list[Name], list[tuple[Any, ...]]]:
    """The body with its result assigned to variables, and the leaves of the result that are differentiated: the
    variables and the paths to them in the result."""
    value = program.result
    if wish.aux:
        if not isinstance(value, Struct) or value.type != "tuple" or len(value.items) != 2:
            raise ArgumentError(
                "has_aux needs a function that returns a pair: (result, aux)", "Return a pair, or leave has_aux out.",
                program.definition.pos,
            )  # fmt: skip
        value = value.items[0]
    floats = [(path, leaf.expr) for path, leaf in leaves(value) if is_float(leaf.kind)]
    found = [expr for _, expr in floats]
    if wish.mode in GRADIENTS:
        _check_scalar(value, found, program)
        _check_complex([expr.kind for expr in found], wish, program)
    extra: list[Stmt] = []
    results: list[Name] = []
    replaced: dict[int, Name] = {}
    entry = set(program.inputs.leaves)
    if not any(name in ("result", "d_result") for stmt in statements(program.body) for name in _mentioned(stmt)):
        program.used -= {"result"} - entry
    once = Counter(expr.id for expr in found if isinstance(expr, Name))
    fixed = _overwritten(program.body, entry)
    for k, expr in enumerate(found):
        if isinstance(expr, Name) and (expr.id not in entry or expr.id in fixed) and once[expr.id] == 1:
            results.append(expr)
            continue
        hint = "result" if len(found) == 1 else f"result_{k}"
        target = Name(free_name(hint, program), kind=expr.kind, pos=expr.pos)
        extra.append(Assign(target, expr, pos=expr.pos))
        results.append(target)
        replaced[id(expr)] = target
    program.result = _replace_leaves(program.result, replaced)
    return (*program.body, *extra), results, [path for path, _ in floats]


def _check_complex(kinds: list[Kind], wish: Wish, program: Program) -> None:
    """A gradient is that of a real number, unless the function is said to be holomorphic."""
    if not wish.holomorphic and any(map(is_complex, kinds)):
        raise NonScalarError(
            "the function returns a complex number, so it has no gradient",
            "Return a real number (np.real, np.abs), or give holomorphic=True if it is holomorphic.",
            program.definition.pos,
        )


def _overwritten(body: tuple[Stmt, ...], entry: set[str]) -> set[str]:
    """Arguments whose arrays are written, and whose names stand for these arrays to the end."""
    rebound = {name for stmt in statements(body) for name in set_by(stmt)}
    written = {root(stmt.target) for stmt in statements(body) if isinstance(stmt, Store)}
    return {name for name in entry & written if name is not None and name.isidentifier()} - rebound


def _check_scalar(value: Value, found: list[Expr], program: Program) -> None:
    where = program.definition.pos
    if isinstance(value, Static) or not found:
        what = "nothing" if isinstance(value, Static) and value.value is None else "no float"
        raise NonScalarError(
            f"the function returns {what}, so it has no gradient",
            "Return a float. For a function that writes into its arguments, return what is wanted of them.",
            where,
        )
    if len(found) > 1 or isinstance(value, Struct) or isinstance(found[0].kind, (ListOf, DictOf)):
        raise NonScalarError(
            "the function returns several values, so it has no gradient",
            "Use vjp or jacobian for functions with several results, or has_aux=True for (result, aux).",
            where,
        )


def _replace_leaves(value: Value, table: dict[int, Name]) -> Value:
    if isinstance(value, Leaf):
        return Leaf(table[id(value.expr)]) if id(value.expr) in table else value
    if isinstance(value, Struct):
        return Struct(value.type, {k: _replace_leaves(v, table) for k, v in value.items.items()}, value.cls)
    return value


def _mentioned(stmt: Stmt) -> set[str]:
    targets = [stmt.target] if isinstance(stmt, (Assign, Store, Push, Pop)) else []
    return {e.id for top in (*expressions_of(stmt), *targets) for e in subexpressions(top) if isinstance(e, Name)}


def free_name(hint: str, program: Program) -> str:
    """A name that the program does not use yet."""
    name, number = hint, 2
    while name in program.used:
        name, number = f"{hint}_{number}", number + 1
    program.used.add(name)
    return name


def seed_names(results: Sequence[Name], program: Program) -> list[str]:
    """The names of the adjoints of the results, which the generated function takes."""
    if len(results) == 1:
        return [free_name("d_out", program)]
    return [free_name(f"d_out_{k}", program) for k in range(len(results))]


def seed(
    results: Sequence[Name], names: Sequence[str], facts: Facts, env: dict[str, str], mode: str
) -> tuple[list[Stmt], list[Stmt]]:
    """The adjoints of the results, from the arguments of the generated function; and what is added to adjoints that
    are views, once they are bound. mode: of a Wish."""
    start: list[Stmt] = []
    bound: list[Stmt] = []
    mixed = len({kind.dtype for n in facts.active if isinstance(kind := facts.kinds.get(n), (Array, Scalar))}) > 1
    for name, result in zip(names, results, strict=True):
        if result.id not in facts.active:
            continue
        kind = facts.kinds[result.id]
        d = facts.adjoint(result.id)
        given = Name(name, kind=kind if mode == "vjp" and isinstance(kind, Array) else Scalar("float64"))
        held = Name(result.id, kind=kind)
        single = isinstance(kind, Array) and kind.dims is not None and all(n == 1 for n in kind.dims)
        value: Expr = given
        if isinstance(kind, Scalar) and not kind.weak and (mixed or kind.dtype not in ("float64", "complex128")):
            # a Python float would take the dtype of what it meets, and float64 where it meets bools
            value = as_typed(given, kind)
        if isinstance(kind, Array) and mode in ("grad", "holomorphic grad") and not single:
            value = Call(Prim(HELPERS["scalar_adjoint"], "scalar_adjoint"), (held, given), kind=kind)
        elif isinstance(given.kind, Array):
            value = given if result.id in facts.moving | facts.views else Sym(given).copy().expr
        elif isinstance(kind, Array):
            value = xp.full_like(Sym(held), Sym(given)).expr
            if kind.dims is None:
                value = (xp.zeros_like(Sym(held)) + Sym(given)).expr
        elif isinstance(kind, (ListOf, DictOf)):
            value = Call(Prim(HELPERS["copy_of"], "copy_of"), (Name(name, kind=kind),), kind=kind)
        if result.id in facts.moving or result.id in facts.views:
            added: Stmt = Store(d, value, "+")
            if isinstance(kind, (ListOf, DictOf)):
                helper = Prim(HELPERS["add_to"], "add_to")
                added = Effect(Call(helper, (d, Name(name, kind=kind)), kind=kind))
            (bound if result.id in facts.views else start).append(added)
        elif isinstance(given.kind, Array) and given.kind.dims and not facts.is_shadow(result.id):
            start.append(Assign(d, given))
            env[result.id] = "shared"
        else:
            if isinstance(given.kind, Array) and not given.kind.dims:  # a number may be given for it
                value = (xp.zeros_like(Sym(held)) + Sym(given)).expr
            start.append(Assign(d, value))
            env[result.id] = "owned"
    return start, bound


# ---- the arguments -------------------------------------------------------------------------------------------


def wanted(program: Program, place: Place) -> tuple[Value, str]:
    """What is differentiated by: its value, without static fields, and how generated code reads it."""
    if isinstance(place, str):
        return _without_static(program.params[place]), program.names[place]
    name, key = place
    whole = program.params[name]
    if isinstance(whole, Struct):
        return _without_static(whole.items[key]), access(whole.type, program.names[name], key)
    raise ArgumentError(
        f"argnums names one argument among the many that {name!r} takes, which are handled as one",
        f"Differentiate by all of {name!r}.", program.definition.pos,
    )  # fmt: skip


def _without_static(value: Value) -> Value:
    """The value with None in static and frozen fields of dataclasses, and without attributes that are no fields."""
    if not isinstance(value, Struct):
        return value
    items = {key: _without_static(item) for key, item in value.items.items()}
    if dataclasses.is_dataclass(value.cls):
        fixed = static_fields(value.cls).union(_frozen_fields(value))
        fields = [field.name for field in dataclasses.fields(value.cls) if field.name in items]
        items = {name: Static(None) if name in fixed else items[name] for name in fields}
    return value.like(items)


def _frozen_fields(value: Struct) -> Iterator[object]:
    """The fields of an object that it says are frozen."""
    names = value.items.get(FROZEN)
    if isinstance(names, Struct):
        yield from map(static_key, names.values())


def _is_frozen(value: Value) -> bool:
    """Whether something in a value is frozen."""
    return isinstance(value, Struct) and (any(_frozen_fields(value)) or any(map(_is_frozen, value.items.values())))


def independent_leaves(program: Program, wish: Wish) -> set[str]:
    """The float leaves of what is differentiated by."""
    found: set[str] = set()
    for place in wish.wrt:
        value, name = wanted(program, place)
        own = [leaf.expr for _, leaf in leaves(value) if is_float(leaf.kind)]
        whole = program.params[place if isinstance(place, str) else place[0]]
        if not own and wish.mode in GRADIENTS and _is_frozen(whole):
            raise ArgumentError(
                f"all of the argument {name!r} is frozen: there is nothing to differentiate by",
                f"Call {name}.unfreeze(), for all of it or for a part.", program.definition.pos,
            )  # fmt: skip
        if not own and wish.mode in GRADIENTS:
            what = text(value.kind) if isinstance(value, Leaf) else "no float"
            raise ArgumentError(
                f"the argument {name!r} holds {what}: there is nothing to differentiate by",
                f"Pass floats (np.asarray({name}, float)), or choose other arguments with argnums.",
                program.definition.pos,
            )
        if wish.mode in GRADIENTS and wish.holomorphic and not all(is_complex(expr.kind) for expr in own):
            raise ArgumentError(
                f"the argument {name!r} is real, and a holomorphic function is one of complex numbers",
                f"Pass complex numbers (np.asarray({name}, complex)).", program.definition.pos,
            )  # fmt: skip
        found |= {expr.id for expr in own if isinstance(expr, Name)}
    return found


def refuse_captured_writes(program: Program, body: Sequence[Stmt], facts: Facts) -> None:
    """A write to a global or closure variable would be lost: a derivative call leaves what it is given alone."""
    captured = set(program.inputs.captured)
    for name in facts.entry:
        owner = program.inputs.local.get(name, name).split("[")[0].split(".")[0]
        if owner not in captured or not facts.aliases.is_written(name):
            continue
        for stmt in statements(tuple(body)):
            if isinstance(stmt, (Store, Push, Pop)) and (target := root(stmt.target)) is not None:
                if facts.aliases.of(target) == facts.aliases.of(name):
                    raise UnsupportedError(
                        f"this writes into `{owner}`, which is not an argument of the function",
                        f"Pass `{owner}` as an argument, or write into a copy of it.", stmt.pos,
                    )  # fmt: skip


def entry_copies(program: Program, facts: Facts, entry: dict[str, Kind]) -> list[Stmt]:
    """A parameter that is overwritten is copied, so that the caller's is left as it was."""
    copies: list[Stmt] = []
    for name, kind in entry.items():
        source = Name(program.inputs.local.get(name, name), kind=kind)
        written = facts.aliases.is_written(name) and isinstance(kind, (Array, ListOf, DictOf))
        if written and isinstance(kind, Array):
            copies.append(Assign(Name(name, kind=kind), Sym(source).copy().expr))
        elif written:
            copies.append(
                Assign(Name(name, kind=kind), Call(Prim(HELPERS["copy_of"], "copy_of"), (source,), kind=kind))
            )
        elif source.id != name:
            copies.append(Assign(Name(name, kind=kind), source))
    return copies


# ---- the gradients -------------------------------------------------------------------------------------------


def gradients(program: Program, wish: Wish, facts: Facts, reverse: Sequence[Stmt]) -> list[Expr]:
    """The gradients, in containers of the shape of the arguments.

    reverse: the statements of the reverse sweep, which show in what dtype each adjoint comes.
    """
    made = _dtypes(reverse)
    emptied = any(_empties_place(stmt) for stmt in statements(list(reverse)))

    def build(value: Value, path: str) -> Expr:
        if isinstance(value, Leaf):
            assert isinstance(value.expr, Name)
            name = value.expr.id
            kind = facts.kinds.get(name, value.kind)
            if not is_float(kind):
                return NOTHING
            if name not in facts.active:
                if isinstance(kind, Scalar) and kind.dtype != "float64":
                    return typed_zero(kind)
                return facts.zero(name)
            adjoint = facts.adjoint(name)
            if emptied and isinstance(kind, (ListOf, DictOf)) and facts.aliases.is_written(name):
                given = Name(program.inputs.local.get(name, name), kind=kind)
                return Call(Prim(HELPERS["filled"], "filled"), (adjoint, given), kind=kind)
            return _in_dtype(adjoint, kind, made.get(adjoint.id, []))
        if not isinstance(value, Struct):
            return NOTHING
        items = {key: build(item, access(value.type, path, key)) for key, item in value.items.items()}
        if items and all(item == NOTHING for item in items.values()):
            return NOTHING
        return container(value, items, path)

    return [build(*wanted(program, place)) for place in wish.wrt]


def _empties_place(stmt: Stmt) -> bool:
    """Whether the adjoint of an array in a list or dict is set to the number zero, whatever shape it has."""
    target = stmt.target if isinstance(stmt, Store) and stmt.value == ZERO_FLOAT else None
    if not isinstance(target, Load):
        return False
    return isinstance(target.base.kind, (ListOf, DictOf)) and isinstance(target.kind, Array)


def container(value: Struct, items: dict[Any, Expr], path: str) -> Expr:
    """A container like the one at the path, with other items. Without a path, it is made by its class."""
    if not path and value.cls is not None:
        made_by = Prim(value.cls, value.cls.__name__)
        written = value.type == "object" and not plain_constructor(value.cls)
        if written and dataclasses.is_dataclass(value.cls):
            cls = Call(replace(made_by, style="attribute"), (), kind=Opaque(type))
            return Call(Prim(HELPERS["instance"], "instance"), (cls,), tuple(items.items()), kind=Opaque(object))
        if value.type == "dict" or written:
            raise UnsupportedError(
                f"the tangent of a {value.cls.__name__} cannot be made", "Return a dict, a tuple or a dataclass."
            )
        if value.type == "object":
            return Call(made_by, (), tuple(items.items()), kind=Opaque(object))
        return Call(made_by, tuple(items.values()), kind=Opaque(tuple))
    whole = Name(path, kind=Opaque(object))
    if value.type == "dict":
        keys = tuple(Const(key, kind=kind_of_static(key)) for key in items)
        made = DictPack(keys, tuple(items.values()), kind=Opaque(dict))
        if value.cls is None:
            return made
        return Call(Prim(HELPERS["with_items"], "with_items"), (whole, made), kind=Opaque(dict))
    if value.type == "object":
        assert value.cls is not None
        named = tuple(items.items())
        if plain_constructor(value.cls):
            return Call(Prim(_construct, f"type({path})"), (), named, kind=Opaque(object))
        return Call(Prim(HELPERS["with_attributes"], "with_attributes"), (whole,), named, kind=Opaque(object))
    if value.cls is not None:
        return Call(Prim(_construct, f"type({path})"), tuple(items.values()), kind=Opaque(tuple))
    return Pack("tuple" if value.type == "tuple" else "list", tuple(items.values()), kind=Opaque(list))


def _construct(*args: Any, **kwargs: Any) -> Any:
    """Stands for the class of a container in generated code."""
    raise NotImplementedError


def _dtypes(reverse: Sequence[Stmt]) -> dict[str, list[Kind]]:
    """The kinds of what is assigned to each variable."""
    found: dict[str, list[Kind]] = {}
    for stmt in statements(tuple(reverse)):
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name):
            found.setdefault(stmt.target.id, []).append(stmt.value.kind)
    return found


def _in_dtype(adjoint: Name, kind: Kind, made: list[Kind]) -> Expr:
    """The adjoint, cast where it may come in another dtype than that of its argument."""
    dtypes = {getattr(k, "dtype", None) for k in made if not (isinstance(k, Scalar) and k.weak)}
    if isinstance(kind, Scalar) and kind.weak:
        if dtypes <= {kind.dtype}:
            return adjoint
        python = complex if is_complex(kind) else float
        return Call(Prim(python, python.__name__), (adjoint,), kind=Scalar(kind.dtype))
    if isinstance(kind, (Array, Scalar)) and not dtypes <= {kind.dtype}:
        return Sym(adjoint).astype(kind.dtype).expr
    return adjoint


def unshared(body: list[Stmt], facts: Facts, seeds: Sequence[str], valued: bool) -> list[Stmt]:
    """Copy those of the returned gradients that share memory with one another, an argument or a given adjoint.

    valued: whether the value comes first; it is an array of its own too, of size 1, but what comes with it (has_aux)
    is as the primal returns it.
    """
    end = body[-1]
    if not isinstance(end, Return) or end.value is None:
        return body
    aliases = find_aliases(body)
    taken = {aliases.of(name) for name in {*facts.entry, *seeds} - _copied_first(body)}

    def own(expr: Expr) -> Expr:
        if isinstance(expr, Pack):
            return Pack(expr.type, tuple(map(own, expr.items)), kind=expr.kind, pos=expr.pos)
        if isinstance(expr, DictPack):
            return DictPack(expr.keys, tuple(map(own, expr.values)), kind=expr.kind, pos=expr.pos)
        if isinstance(expr, Call) and isinstance(expr.kind, Opaque):
            inside = expr.prim.fn is _construct
            args = tuple(own(arg) if inside or isinstance(arg, DictPack) else arg for arg in expr.args)
            return Call(expr.prim, args, tuple((k, own(v)) for k, v in expr.kwargs), kind=expr.kind, pos=expr.pos)
        shared = {aliases.of(name) for name, _ in sources(expr)}
        clash = bool(shared & taken)
        taken.update(shared)
        if clash and isinstance(expr.kind, Array) and rank(expr.kind) != 0:
            return Sym(expr).copy().expr
        if clash and isinstance(expr.kind, (ListOf, DictOf)):
            return Call(Prim(HELPERS["copy_of"], "copy_of"), (expr,), kind=expr.kind)
        return expr

    value: Expr
    if valued:
        assert isinstance(end.value, Pack)
        outputs = list(end.value.items)
        outputs[0] = _own_value(outputs[0], aliases, taken)
        taken |= {aliases.of(e.id) for e in subexpressions(outputs[0]) if isinstance(e, Name)}
        value = Pack("tuple", (outputs[0], *map(own, outputs[1:])), kind=end.value.kind)
    else:
        value = own(end.value)
    return body if value == end.value else [*body[:-1], Return(value, pos=end.pos)]


def _copied_first(body: Sequence[Stmt]) -> set[str]:
    """The names that a body starts by giving arrays of its own: `A = A.copy()`."""
    found: set[str] = set()
    for stmt in body:
        if isinstance(stmt, Comment):
            continue
        if not isinstance(stmt, Assign) or not isinstance(stmt.target, Name) or any(True for _ in sources(stmt.value)):
            break
        found.add(stmt.target.id)
    return found


def _own_value(value: Expr, aliases: Aliases, taken: set[str]) -> Expr:
    if isinstance(value, Pack) and value.items:
        items = (_own_value(value.items[0], aliases, taken), *value.items[1:])
        return Pack(value.type, items, kind=value.kind, pos=value.pos)
    if isinstance(value.kind, Array) and any(aliases.of(name) in taken for name, _ in sources(value)):
        return Sym(value).copy().expr
    return value
