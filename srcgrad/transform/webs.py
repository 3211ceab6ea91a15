"""One name per web: definitions of a variable that reach a common use share a name, others get names of their own.

Needs: the typed dialect. Gives: the same program, in which two definitions of one name reach, through common uses,
each other; so what is found out about a name holds wherever the name stands, and facts can be tables by name.

    s = x * x               s = x * x
    y = s + 1               y = s + 1
    s = x - y               s_2 = x - y
    z = s * y               z = s_2 * y

Also here, since every pass needs it: what a single statement reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from srcgrad.ir.nodes import (
    Assert,
    Assign,
    Effect,
    Expr,
    For,
    Hook,
    If,
    Invoke,
    Name,
    Pop,
    Push,
    Raise,
    Return,
    Stmt,
    Store,
    While,
    With,
)
from srcgrad.ir.walk import defined_by, map_own, names_in, rebuild, rebuilt, statements, with_blocks

__all__ = ["all_names", "map_own", "own_expressions", "reads_of", "rebuilt", "split_webs"]

Block = tuple[Stmt, ...]
Path = tuple[int, ...]
Reaching = dict[str, frozenset[int]]


# ---- single statements ---------------------------------------------------------------------------------------


def own_expressions(stmt: Stmt) -> Iterator[Expr]:
    """The expressions that a statement itself evaluates, not those of blocks in it.

    The target of a write is among them, since its variable is read to find the place; the target of a binding is not.
    """
    match stmt:
        case Assign(value=value) | Effect(value=value):
            yield value
        case Store(target=target, value=value):
            yield target
            yield value
        case Push(target=target, value=value, index=index):
            yield target
            yield value
            if index is not None:
                yield index
        case Pop(target=target, index=index):
            yield target
            if index is not None:
                yield index
        case Invoke(args=args):
            yield from args
        case Hook(value=value, args=args):
            yield from (value, *args)
        case If(test=test):
            yield test
        case While(test=test, checkpoint=checkpoint):
            yield test
            if checkpoint is not None:
                yield checkpoint
        case For(lo=lo, hi=hi, step=step, checkpoint=checkpoint):
            yield from (lo, hi, step)
            if checkpoint is not None:
                yield checkpoint
        case With(context=context):
            yield context
        case Assert(test=test, message=message):
            yield test
            if message is not None:
                yield message
        case Raise(value=value) | Return(value=value):
            if value is not None:
                yield value


def reads_of(stmt: Stmt) -> Iterator[str]:
    """The variables that a statement itself reads, with repetition."""
    for expr in own_expressions(stmt):
        yield from names_in(expr)


def all_names(block: Block) -> Iterator[str]:
    """Every variable that statements read or bind, with repetition, in the order of the text."""
    for stmt in statements(block):
        yield from reads_of(stmt)
        for name in defined_by(stmt):
            yield name.id


# ---- webs ----------------------------------------------------------------------------------------------------


def split_webs(
    body: Block, params: Collection[str], results: Collection[str], used: set[str]
) -> tuple[Block, dict[str, str]]:
    """Give each web a name of its own. Returns the new body, and how each of `results` is named at its end.

    params: the variables that hold a value at the start. used: names that are taken; the new ones are added to it.
    The web that holds a parameter's first value keeps the name, else the first one in the text that anything reads.
    Names that are access paths (`params["w1"]`) are never changed, nor are uses that no definition reaches.
    """
    webs = _Webs(params)
    webs.read_at_end(results, webs.block(body, (), {name: frozenset({k}) for name, k in webs.entry.items()}))
    used.update(params, results, all_names(body))
    naming = webs.naming(used)
    renamed = _Renamer(webs, naming).block(body, ())
    return renamed, {name: webs.name_at((), name, naming) for name in results}


class _Webs:
    """Reaching definitions over structured control flow, joined into webs by union-find.

    Definitions are numbered. A place is the path to a statement: indices into blocks, with 0 or 1 for the block.
    """

    def __init__(self, params: Collection[str]) -> None:
        self.name_of: list[str] = []
        self.number_at: dict[tuple[Path, str], int] = {}
        self.reaching: dict[tuple[Path, str], frozenset[int]] = {}
        self.entry = {name: self.number((-1,), name) for name in sorted(params)}

    def number(self, path: Path, name: str) -> int:
        key = (path, name)
        if key not in self.number_at:
            self.number_at[key] = len(self.name_of)
            self.name_of.append(name)
        return self.number_at[key]

    def block(self, block: Block, path: Path, state: Reaching) -> Reaching:
        """The definitions that reach the end of a block, given those at its start. The state is changed."""
        for k, stmt in enumerate(block):
            state = self.statement(stmt, (*path, k), state)
        return state

    def statement(self, stmt: Stmt, path: Path, state: Reaching) -> Reaching:
        if isinstance(stmt, (For, While)):
            return self.loop(stmt, path, state)
        self.read(stmt, path, state)
        match stmt:
            case If(body=body, orelse=orelse):
                other = self.block(orelse, (*path, 1), dict(state))
                return _join(self.block(body, (*path, 0), state), other)
            case With(body=body):
                return self.block(body, (*path, 0), state)
        self.bind(stmt, path, state)
        return state

    def loop(self, stmt: For | While, path: Path, head: Reaching) -> Reaching:
        """A trip ends where its body does, also when a break then leaves the loop."""
        if isinstance(stmt, For):
            self.read(stmt, path, head)
        while True:
            trip = dict(head)
            if isinstance(stmt, For):
                self.bind(stmt, path, trip)
            else:
                self.read(stmt, path, trip)
            joined = _join(dict(head), self.block(stmt.body, (*path, 0), trip))
            if joined == head:
                return head
            head = joined

    def read(self, stmt: Stmt, path: Path, state: Reaching) -> None:
        self.use(path, reads_of(stmt), state)

    def use(self, path: Path, names: Iterator[str], state: Reaching) -> None:
        for name in names:
            found = state.get(name)
            if found:
                before = self.reaching.get((path, name))
                self.reaching[path, name] = found if before is None else before | found

    def read_at_end(self, names: Collection[str], state: Reaching) -> None:
        self.use((), iter(names), state)

    def bind(self, stmt: Stmt, path: Path, state: Reaching) -> None:
        for target in defined_by(stmt):
            state[target.id] = frozenset({self.number(path, target.id)})

    def naming(self, used: set[str]) -> dict[int, str]:
        """The new name of each definition."""
        parent = list(range(len(self.name_of)))

        def find(k: int) -> int:
            while parent[k] != k:
                parent[k] = parent[parent[k]]
                k = parent[k]
            return k

        for found in self.reaching.values():
            first, *rest = (find(k) for k in found)
            for k in rest:
                parent[find(k)] = find(first)
        read = {find(k) for found in self.reaching.values() for k in found}
        entry = {find(k) for k in self.entry.values()}
        webs: dict[str, list[int]] = {}
        position = {k: path for (path, _), k in self.number_at.items()}
        for k in sorted(position, key=lambda k: position[k]):
            roots = webs.setdefault(self.name_of[k], [])
            if find(k) not in roots:
                roots.append(find(k))
        names: dict[int, str] = {}
        for name, roots in webs.items():
            roots.sort(key=lambda k: (k not in entry, k not in read))  # stable: else in the order of the text
            for place, k in enumerate(roots):
                names[k] = name if place == 0 or not name.isidentifier() else _fresh(name, used)
        return {k: names[find(k)] for k in range(len(parent))}

    def name_at(self, path: Path, name: str, naming: dict[int, str]) -> str:
        """The new name of what a statement reads."""
        found = self.reaching.get((path, name))
        return naming[min(found)] if found else name


class _Renamer:
    """Writes the new names into a program."""

    def __init__(self, webs: _Webs, naming: dict[int, str]) -> None:
        self.webs = webs
        self.naming = naming

    def block(self, block: Block, path: Path) -> Block:
        return tuple(self.statement(stmt, (*path, k)) for k, stmt in enumerate(block))

    def statement(self, stmt: Stmt, path: Path) -> Stmt:
        def read(expr: Expr) -> Expr:
            if isinstance(expr, Name):
                return _named(expr, self.webs.name_at(path, expr.id, self.naming))
            return rebuild(expr, read)

        def bind(name: Name) -> Name:
            return _named(name, self.naming[self.webs.number(path, name.id)])

        stmt = map_own(stmt, read, bind)
        if isinstance(stmt, If):
            return replace(stmt, body=self.block(stmt.body, (*path, 0)), orelse=self.block(stmt.orelse, (*path, 1)))
        return with_blocks(stmt, lambda body: self.block(body, (*path, 0)))


def _named(name: Name, new: str) -> Name:
    return name if name.id == new else replace(name, id=new)


def _fresh(name: str, used: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in used:
        number += 1
    used.add(f"{name}_{number}")
    return f"{name}_{number}"


def _join(a: Reaching, b: Reaching) -> Reaching:
    """What reaches where two paths meet; a is changed."""
    for name, found in b.items():
        before = a.get(name)
        if before is None:
            a[name] = found
        elif before is not found:
            a[name] = before | found
    return a
