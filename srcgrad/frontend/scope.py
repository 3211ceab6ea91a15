"""Which names a function binds, by Python's scoping rules, and fresh names that clash with none of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gast

FUNCTIONS = (gast.FunctionDef, gast.AsyncFunctionDef, gast.Lambda)
COMPREHENSIONS = (gast.ListComp, gast.SetComp, gast.DictComp, gast.GeneratorExp)


class Fresh:
    """A source of names that are not in use."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = set(taken)

    def __call__(self, base: str) -> str:
        """base itself if it is free, else base_2, base_3, ..."""
        name, count = base, 1
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name


@dataclass
class Scope:
    """One function while it is lowered.

    bound: its local names, nonlocals included. mentioned: all names that the function or those nested in it speak
    of, except for the variables of comprehensions where they mean these. comprehensions: for each comprehension
    around the place being lowered, what its variables are called in the enclosing function.
    """

    parent: Scope | None
    fresh: Fresh
    bound: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    mentioned: set[str] = field(default_factory=set)
    comprehensions: list[dict[str, str]] = field(default_factory=list)

    def local(self, name: str) -> str | None:
        """What the name is called if this function binds it, else None."""
        for names in reversed(self.comprehensions):
            if name in names:
                return names[name]
        return name if name in self.bound else None

    def outer(self, name: str) -> str:
        """What a name that this function does not bind is called where it is bound."""
        if self.parent is None or name in self.globals:
            return name
        return self.parent.local(name) or self.parent.outer(name)

    def shadowed(self, name: str) -> bool:
        """Whether a function around this one binds the name."""
        return self.parent is not None and (self.parent.local(name) is not None or self.parent.shadowed(name))


def scope_of(node: Any, parent: Scope | None) -> Scope:
    """The scope of a function or lambda, given as a gast node."""
    scope = Scope(parent, Fresh(parent.fresh.taken if parent else all_names(node)))
    scope.bound |= {name for name, _ in parameters(node.args)}
    scope.mentioned |= scope.bound
    for part in node.body if isinstance(node.body, list) else [node.body]:
        _scan(part, scope, ())
    scope.bound -= scope.globals
    scope.bound |= scope.nonlocals
    return scope


def parameters(args: Any) -> list[tuple[str, str]]:
    """Names and kinds (as in ir.Parameter) of a gast `arguments`, in the order of the signature."""
    listed = [(p.id, "positional_only") for p in args.posonlyargs] + [(p.id, "positional") for p in args.args]
    if args.vararg is not None:
        listed.append((args.vararg.id, "args"))
    listed += [(p.id, "keyword_only") for p in args.kwonlyargs]
    if args.kwarg is not None:
        listed.append((args.kwarg.id, "kwargs"))
    return listed


def target_names(target: Any) -> set[str]:
    """The names that an assignment's target binds."""
    return {n.id for n in gast.walk(target) if isinstance(n, gast.Name) and isinstance(n.ctx, gast.Store)}


def all_names(node: Any) -> set[str]:
    """Every identifier that occurs in the tree, in whatever scope."""
    names: set[str] = set()
    for n in gast.walk(node):
        if isinstance(n, gast.Name):
            names.add(n.id)
        elif isinstance(n, (gast.FunctionDef, gast.AsyncFunctionDef, gast.ClassDef)):
            names.add(n.name)
        elif isinstance(n, (gast.Global, gast.Nonlocal)):
            names.update(n.names)
        elif isinstance(n, gast.alias):
            names.add(imported_name(n))
        elif isinstance(n, gast.keyword) and n.arg:
            names.add(n.arg)
    return names


def imported_name(alias: Any) -> str:
    """The name that one part of an import statement binds."""
    return alias.asname or alias.name.split(".")[0]


def block_of(node: Any) -> list[Any]:
    """The statements under `with ... as name`, which are no part of the function: see frontend.hooks."""
    named = isinstance(node, gast.With) and any(item.optional_vars is not None for item in node.items)
    return list(node.body) if named else []


def block_names(node: Any) -> tuple[set[str], set[str]]:
    """The names that a `with ... as name` and its block bind, and those that the block reads beside them."""
    inner = Scope(None, Fresh(set()))
    for part in (*(i.optional_vars for i in node.items if i.optional_vars is not None), *node.body):
        _scan(part, inner, ())
    return inner.bound, inner.mentioned - inner.bound


def _scan(node: Any, scope: Scope, hidden: tuple[set[str], ...]) -> None:
    """Collect what is bound and mentioned. hidden: the variables of the comprehensions around the node."""
    if isinstance(node, gast.Name):
        if any(node.id in names for names in hidden):
            return
        scope.mentioned.add(node.id)
        if not isinstance(node.ctx, gast.Load):
            scope.bound.add(node.id)
    elif isinstance(node, gast.NamedExpr):  # binds for the function, also from inside a comprehension
        scope.bound.add(node.target.id)
        scope.mentioned.add(node.target.id)
        _scan(node.value, scope, hidden)
    elif isinstance(node, (gast.Global, gast.Nonlocal)):
        (scope.globals if isinstance(node, gast.Global) else scope.nonlocals).update(node.names)
        scope.mentioned.update(node.names)
    elif isinstance(node, gast.alias):
        scope.bound.add(imported_name(node))
        scope.mentioned.add(imported_name(node))
    elif isinstance(node, FUNCTIONS):
        _scan_nested(node, scope, hidden)
    elif block_of(node):
        for item in node.items:
            _scan(item.context_expr, scope, hidden)
        scope.mentioned |= {name for name in block_names(node)[1] if not any(name in names for names in hidden)}
    elif isinstance(node, COMPREHENSIONS):
        first, *others = node.generators
        _scan(first.iter, scope, hidden)
        names = set().union(*(target_names(g.target) for g in node.generators))
        inside = [*first.ifs, *(part for g in others for part in (g.iter, *g.ifs))]
        inside += [node.key, node.value] if isinstance(node, gast.DictComp) else [node.elt]
        for part in (*(g.target for g in node.generators), *inside):
            _scan(part, scope, (*hidden, names))
    else:
        if isinstance(node, gast.ClassDef):
            scope.bound.add(node.name)
        for child in gast.iter_child_nodes(node):
            _scan(child, scope, hidden)


def _scan_nested(node: Any, scope: Scope, hidden: tuple[set[str], ...]) -> None:
    """A nested function: it binds its name here, its defaults are of this scope, its free names are mentioned."""
    if not isinstance(node, gast.Lambda):
        scope.bound.add(node.name)
        scope.mentioned.add(node.name)
    for part in (*node.args.defaults, *node.args.kw_defaults, *getattr(node, "decorator_list", ())):
        if part is not None:
            _scan(part, scope, hidden)
    inner = scope_of(node, None)
    free = inner.mentioned - (inner.bound - inner.nonlocals)
    scope.mentioned |= {name for name in free if not any(name in names for names in hidden)}


def captured(node: Any, names: set[str]) -> bool:
    """Whether a function nested in the node speaks of one of the names."""
    return any(isinstance(n, FUNCTIONS) and scope_of(n, None).mentioned & names for n in gast.walk(node))
