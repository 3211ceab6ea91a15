"""The state of a specialisation: how control flow splits and joins the environment, and what is learned of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from srcgrad.errors import KindError, UnsupportedError
from srcgrad.ir.kinds import ListOf, Opaque, forget_value, is_float
from srcgrad.ir.nodes import Const, Expr, If, Name, Pack, Pos, Raise, Stmt
from srcgrad.ir.walk import names_in
from srcgrad.specialize.environments import Copies, copy_environment, copy_with, put_back
from srcgrad.specialize.joins import Joiner
from srcgrad.specialize.knowledge import Change, Derive, Frame, Key, Knowledge, Restart
from srcgrad.specialize.pins import reached
from srcgrad.specialize.values import (
    Bound,
    Closure,
    Conflict,
    Either,
    Leaf,
    ListedArray,
    Method,
    Rows,
    Static,
    Struct,
    Value,
    as_expr,
    describe,
    join_all,
    leaves,
    same,
)
from srcgrad.specialize.variables import Variables, _reaches, mentions

__all__ = ["Frame", "Key", "Knowledge", "Restart", "State", "mentions", "true_of"]


class State(Variables):
    """A specialisation under way. How names are looked up is given by program.Specializer."""

    derive: Derive | None = None

    # ---- names: see program.Specializer ----

    def variable(self, name: str) -> Key:
        """The variable that a name of the present function stands for."""
        raise NotImplementedError

    def lookup(self, name: str, pos: Pos | None) -> Value:
        """The value of a name that the present function binds."""
        raise NotImplementedError

    def free(self, name: str, pos: Pos | None) -> Value:
        """The value of a name that the present function does not bind."""
        raise NotImplementedError

    def describe_captured(self, value: Any, name: str, path: Any) -> Value:
        """A global, a closure's variable, a default or an attribute, as a value."""
        raise NotImplementedError

    def describe_constant(self, value: Any, text: str, owner: Any = None, name: str = "") -> Value:
        """Something known when compiling, as a value."""
        raise NotImplementedError

    def spelling(self, fn: Static) -> str:
        """How generated code names a static object."""
        raise NotImplementedError

    def function(self, value: Callable[..., Any]) -> Closure:
        """A Python function of the user's."""
        raise NotImplementedError

    captured: dict[Any, Value]
    hook_changes: list[Change]

    def live(self, name: str) -> Expr | None:
        """A name that no function around the place binds, passed to generated code as it is at each call."""
        raise NotImplementedError

    def captured_key(self, name: str) -> object:
        """By what `captured` knows a global or a closure's variable."""
        raise NotImplementedError

    def is_live(self, name: str) -> bool:
        """Whether a variable is passed as it is, whatever it is."""
        raise NotImplementedError

    def is_input(self, name: str) -> bool:
        """Whether a variable is a leaf of an argument."""
        raise NotImplementedError

    def is_local(self, name: str) -> bool:
        """Whether a variable is a copy of a part of an argument, which the function overwrites."""
        raise NotImplementedError

    def own_variable(self, name: Name) -> None:
        """A leaf of an argument is written."""
        raise NotImplementedError

    def take_as_constants(self, names: set[str]) -> None:
        """Start again with the whole numbers among these variables as constants, where they come from outside."""
        raise NotImplementedError

    def writable(self, place: Expr, pos: Pos | None) -> Expr:
        """The place, once what it belongs to may be written."""
        raise NotImplementedError

    # ---- control flow ----

    def joiner(self, test: Callable[[], Expr] | None = None) -> Joiner:
        """Merges environments where paths meet."""
        return Joiner(self.knowledge.canonical, self.part, test)

    def resolve(self, value: Value) -> None:
        """A variable is read: where its paths gave it different containers, start again to reconcile them."""
        if isinstance(value, Struct):
            for item in value.items.values():
                if not isinstance(item, Conflict) or not item.missing:
                    self.resolve(item)
        if isinstance(value, Conflict):
            if value.layout is not None and value.key is not None:
                slot = ("optional", value.key)
                if slot not in self.knowledge.templates:
                    self.knowledge.templates[slot] = value.layout
                    self.knowledge.canonical.add(value.key)
                    raise Restart
                return
            new = {site for site in value.sites if site not in self.knowledge.dynamic}
            if value.key is not None and value.key not in self.knowledge.canonical:
                self.knowledge.canonical.add(value.key)
                raise Restart
            if new:
                self.knowledge.dynamic |= new
                raise Restart

    def read(self, value: Value, pos: Pos | None) -> Value:
        """A part of a container is read."""
        if isinstance(value, Conflict):
            self.resolve(value)
            raise KindError(value.reason, "Give it a value on every path.", pos)
        return value

    def certain(self, owner: Struct, pos: Pos | None) -> None:
        """What parts a container has matters: raise where that depends on the path."""
        for item in owner.items.values():
            if isinstance(item, Conflict) and item.missing:
                self.read(item, pos)

    def branch(
        self, test: Expr, body: Callable[[], None], orelse: Callable[[], None], pos: Pos | None, guard: bool = False
    ) -> None:
        """Emit an If whose branches are what the two functions emit."""
        from srcgrad.specialize.outline import Unreached

        before = self.env
        paths: list[tuple[tuple[Stmt, ...], dict[Key, Value] | None]] = []
        copies: list[Copies] = []
        partly_before, partly = self.partly_set, set()
        for run in (body, orelse):
            self.env, memo = copy_with(before)
            self.partly_set = set(partly_before)
            copies.append(memo)
            try:
                stmts = self.block(run)
                paths.append((stmts, self.env))
            except Unreached:  # what a recursive call returns is known from the other path first
                paths.append(((), None))
            partly |= self.partly_set
        self.partly_set = partly
        (then, after_then), (other, after_else) = paths
        if _raises(then) != _raises(other):  # what follows is reached by the other path only
            after_then, after_else = (None, after_else) if _raises(then) else (after_then, None)
        if after_then is None and after_else is None:
            raise Unreached
        if after_then is None or after_else is None:
            self.env = after_then if after_else is None else after_else  # type: ignore[assignment]
            origins = copies[0] if after_else is None else copies[1]
        else:
            held: list[Expr] = []

            def which() -> Expr:
                if not held:
                    held.append(self.temporary(test, "chosen").expr)
                return held[0]

            joiner = self.joiner(which)
            self.env = joiner.environments(after_then, after_else, self.base_name)
            self.partly_set |= after_then.keys() ^ after_else.keys()
            test = held[0] if held else test
            origins = joiner.origins(*copies)
        self.env = put_back(self.env, origins)
        if then or other:
            self.emit(If(test, then, other, guard, pos=pos))

    def fixpoint(self, body: Callable[[], None]) -> tuple[Stmt, ...]:
        """The statements of a loop's body, once the kinds at its head are stable."""
        self.env, origins = copy_with(self.env)
        partly_before, partly = self.partly_set, set(self.partly_set)
        for _ in range(12):
            self.partly_set = partly_before | partly
            head, heads = copy_with(self.env)
            names, used, emitted = dict(self.names), set(self.used), self.emitted
            stmts = self.block(body)
            joiner = self.joiner()
            joined = joiner.environments(head, self.env, self.base_name)
            partly |= self.partly_set | (joined.keys() - head.keys())
            origins = joiner.after(origins, heads)
            carried = [key for key in joined if key in head or key in self.read_undefined]
            if all(key in head and same(head[key], joined[key]) for key in carried):
                self.env = put_back(joined, origins)
                self.partly_set = partly
                return stmts
            self.names, self.used, self.emitted = names, used, emitted
            self.env = {key: joined[key] for key in carried}
        raise KindError("the kinds of the variables of this loop do not settle", pos=self.frame.definition.pos)

    # ---- what is learned ----

    def snapshot(self) -> tuple[Any, ...]:
        """What restore goes back to: whatever comes in between works on copies of the containers."""
        saved = self.env, dict(self.names), set(self.used), self.emitted
        self.env = copy_environment(self.env)
        return saved

    def restore(self, saved: tuple[Any, ...]) -> None:
        self.env, self.names, self.used, self.emitted = saved

    def need_dynamic(self, owner: Struct, pos: Pos | None, index: Value | None = None) -> None:
        """A container turns out to need a place in memory when the program runs: start again knowing that.
        index: by what it is indexed, where that is why."""
        if owner.type == "dict":
            self.need_unrolled(owner.depth)
        if owner.site is not None and owner.site not in self.knowledge.dynamic and owner.type in ("list", "dict"):
            self.knowledge.dynamic.add(owner.site)
            if index is not None:
                self.knowledge.indexed[owner.site] = self._behind([index])
            raise Restart

    def _behind(self, values: Iterable[Value]) -> set[str]:
        """The variables that some values depend on."""
        read = {name for value in values for _, leaf in leaves(value) for name in names_in(leaf.expr)}
        return reached(read, self.set_by)

    def need_unrolled(self, depth: int = 0) -> None:
        """What is done in these loops can be decided when compiling only if they are written out: start again so,
        where their bounds are known and narrow. depth: loops that stand no deeper are left alone."""
        sites = [site for at, site in self.loops if at > depth and site is not None]
        if sites and len(sites) == sum(at > depth for at, _ in self.loops):
            self.knowledge.unrolled |= set(sites)
            self.knowledge.dynamic.clear()  # what had to exist at run time in those loops may not have to now
            raise Restart

    def need_known(self, values: Iterable[Value]) -> None:
        """Something was refused that depends on these values: start again where they can be known when compiling."""
        names = self._behind(values)
        sites = [site for name in names if (site := self.list_sites.get(name, (None, 0))[0]) in self.knowledge.indexed]
        known = set(self.knowledge.pinned)
        try:
            self.take_as_constants(names.union(*(self.knowledge.indexed[site] for site in sites)))
        except Restart:
            if self.knowledge.pinned != known:
                self.knowledge.dynamic -= set(sites)  # their indices are known now
            raise
        if names & self.counters:
            self.need_unrolled()

    def need_run_time(self, value: Value, pos: Pos | None) -> None:
        """Make sure that what goes into a list or dict that exists at run time can be there."""
        if isinstance(value, Rows):
            raise UnsupportedError("a list of tuples cannot be an item of a list whose length is not known", pos=pos)
        if isinstance(value, Struct) and value.type == "list":
            self.need_dynamic(value, pos)
            return
        if isinstance(value, Struct) and any(is_float(leaf.kind) for _, leaf in leaves(value)):
            raise UnsupportedError(
                f"{describe(value)} with floats is put into a dict or list that is looked up at run time",
                "Keep one dict or list for each part.", pos,
            )  # fmt: skip

    def need_list(self, *values: Value) -> None:
        """A list that is represented by an array is used in a way in which the two differ."""
        for value in values:
            if isinstance(value, Leaf) and isinstance(value.kind, ListedArray):
                self.knowledge.dynamic.add(value.kind.site)
                raise Restart

    def dynamic_list(self, struct: Struct, pos: Pos | None, held: bool = False) -> Value:
        """The list as one that exists when the program runs."""
        from srcgrad.specialize.rows import is_row, new_rows

        if (struct.items and all(map(is_row, struct.values()))) or ("rows", struct.site) in self.knowledge.templates:
            made = new_rows(self, struct.values(), struct.site, pos)
            return self.materialise(made, self.fresh("items"), pos, None) if held else made
        for item in struct.values():
            self.need_run_time(item, pos)
        exprs = tuple(as_expr(item, pos) for item in struct.values())
        kind = join_all([expr.kind for expr in exprs])
        if kind == Opaque(object):
            raise KindError("a list whose length is not known when compiling must have items of one kind", pos=pos)
        expr = Pack("list", exprs, kind=ListOf(forget_value(kind)), pos=pos)
        self.made_lists[id(expr)] = (expr, (struct.site, self.depth))
        return self.temporary(expr, "items") if held else Leaf(expr)

    def container_name(self, owner: Struct, key: object) -> str:
        """A variable for a new part of a container: named after the variable that holds it."""
        for name, value in self.env.items():
            base = self._path_to(owner, value, self.base_name(name)) if isinstance(value, Struct) else None
            if base is not None:
                return self.part(base, key)
        return self.fresh(str(key))

    def _path_to(self, owner: Struct, value: Struct, base: str) -> str | None:
        """The variable for a container among the parts of what the variable `base` holds."""
        if value is owner:
            return base
        for key, item in value.items.items():
            if isinstance(item, Struct) and _reaches(item, owner):
                return self._path_to(owner, item, self.part(base, key))
        return None


def _raises(block: tuple[Stmt, ...]) -> bool:
    return bool(block) and isinstance(block[-1], Raise)


def true_of(value: Value) -> bool | None:
    """The truth of a value where it is known when compiling."""
    if isinstance(value, Static):
        return bool(value.value)
    if isinstance(value, Rows) or (isinstance(value, Struct) and value.none is not None):
        return None
    if isinstance(value, Struct) and value.type == "object":
        return None if hasattr(value.cls, "__bool__") or hasattr(value.cls, "__len__") else True
    if isinstance(value, Struct):
        uncertain = any(isinstance(item, Conflict) and item.missing for item in value.items.values())
        return None if uncertain else bool(value.items)
    if isinstance(value, Leaf):
        known = getattr(value.kind, "value", None)
        if isinstance(value.expr, Const):
            return bool(value.expr.value)
        if isinstance(known, (bool, int, float)):
            return bool(known)
        return None
    return True if isinstance(value, (Closure, Bound, Method, Either)) else None
