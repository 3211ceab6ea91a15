"""From a Python function to an untyped Definition."""

from __future__ import annotations

import builtins
import dataclasses
import importlib
import inspect
import weakref
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import gast

from srcgrad.frontend import refusals
from srcgrad.frontend.exits import LoopElse
from srcgrad.frontend.expressions import BINARY, Expressions
from srcgrad.frontend.hooks import hook_text, only_hooked
from srcgrad.frontend.jumps import single_exit
from srcgrad.frontend.scope import Scope, block_of, imported_name, parameters, scope_of
from srcgrad.frontend.source import Source, find_source, function_of
from srcgrad.hooks import adjoint
from srcgrad.ir.nodes import (
    Apply,
    Assert,
    Assign,
    Attr,
    Aug,
    Break,
    Const,
    Continue,
    Def,
    Definition,
    Effect,
    Expr,
    ForEach,
    Free,
    Hook,
    If,
    Load,
    Name,
    Parameter,
    Pos,
    Raise,
    Return,
    Stmt,
    While,
    With,
)

# by id, since equal code objects may come from different files; the entry goes when its code object goes
_CACHE: dict[int, tuple[weakref.ref[CodeType], Definition]] = {}


def definition_of(fn: Any) -> Definition:
    """The untyped IR of a Python function, lambda or method, single-exit (see frontend.jumps).

    Decorators are dropped. The result depends on the code object alone and is cached by it: values of closures,
    globals and defaults are not looked at, except for modules that the function itself imports. Raises
    SourceError where there is no source to read and UnsupportedError for what cannot be differentiated.
    """
    function = function_of(fn)
    code: CodeType = function.__code__
    known = _CACHE.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    source = find_source(function)
    if source.private:
        _mangle(source.node, source.private)
    names = function.__globals__
    definition = _Statements.lower(
        source, source.node, code.co_name, None, lambda name: name in names or name in code.co_freevars, names
    )
    key = id(code)
    _CACHE[key] = (weakref.ref(code, lambda _: _CACHE.pop(key, None)), definition)
    return definition


def define(fn: Any, definition: Definition) -> None:
    """Give a Python function that was made for a definition that definition, so that no source is read for it."""
    code: CodeType = function_of(fn).__code__
    key = id(code)
    _CACHE[key] = (weakref.ref(code, lambda _: _CACHE.pop(key, None)), definition)


def _mangle(node: Any, private: str) -> None:
    """Rename `__name` inside the class as Python does."""
    prefix = "_" + private.lstrip("_")

    def mangled(name: str) -> str:
        return prefix + name if name.startswith("__") and not name.endswith("__") else name

    if prefix == "_":
        return
    for n in gast.walk(node):
        if isinstance(n, gast.Name):
            n.id = mangled(n.id)
        elif isinstance(n, gast.Attribute):
            n.attr = mangled(n.attr)
        elif isinstance(n, gast.keyword) and n.arg:
            n.arg = mangled(n.arg)
        elif isinstance(n, (gast.Global, gast.Nonlocal)):
            n.names = [mangled(name) for name in n.names]
        elif isinstance(n, gast.FunctionDef):
            n.name = mangled(n.name)


class _Statements(Expressions):
    """Lowers the statements of one function.

    names: the globals of the module, for relative imports.
    """

    def __init__(
        self, source: Source, scope: Scope, is_own: Callable[[str], bool], names: dict[str, Any]
    ) -> None:
        super().__init__(source, scope, is_own)
        self.names = names

    @staticmethod
    def lower(
        source: Source,
        node: Any,
        name: str,
        outer: Expressions | None,
        is_own: Callable[[str], bool],
        names: dict[str, Any],
    ) -> Definition:
        """Lower a function node; outer: the function around it, in whose scope the defaults are evaluated."""
        pos = source.pos(node)
        if isinstance(node, gast.AsyncFunctionDef):
            raise refusals.refuse_node(node, pos)
        # the defaults of a function on its own are evaluated where no local variable is known
        around = outer or Expressions(source, Scope(None, scope_of(node, None).fresh), is_own)
        defaults = _defaults(node.args)
        params = tuple(
            Parameter(n, kind, around.expr(defaults[n]) if n in defaults else None)
            for n, kind in parameters(node.args)
        )
        scope = scope_of(node, outer.scope if outer else None)
        self = _Statements(source, scope, is_own, names)
        doc = ""
        if isinstance(node, gast.Lambda):
            body: tuple[Stmt, ...] = (Return(self.expr(node.body), pos=source.pos(node.body)),)
        else:
            statements = node.body
            if statements and isinstance(statements[0], gast.Expr) and _is_text(statements[0].value):
                doc = inspect.cleandoc(statements[0].value.value)
                statements = statements[1:]
            body = self.block(statements)
        body, result, flags = single_exit(body, scope.fresh, pos)
        return Definition(
            name,
            params,
            body,
            result,
            locals=frozenset(scope.bound | {result} | flags),
            nonlocals=frozenset(scope.nonlocals),
            flags=flags,
            doc=doc,
            hooked=only_hooked(node),
            pos=pos,
        )

    def function(self, node: Any, name: str) -> Definition:
        """Lower a function nested in this one."""
        return _Statements.lower(self.source, node, name, self, self.is_own, self.names)

    def block(self, nodes: Sequence[Any]) -> tuple[Stmt, ...]:
        """Lower a block of statements."""
        return tuple(stmt for node in nodes for stmt in self.statement(node))

    def statement(self, node: Any) -> Sequence[Stmt]:
        """Lower one statement, to none, one or several."""
        pos = self.pos(node)
        match node:
            case gast.Assign():
                return self._assign(node, pos)
            case gast.AnnAssign():
                if node.value is None:
                    return ()
                value = self.expr(node.value)
                return (Assign(self.target(node.target), value, pos=pos),)
            case gast.AugAssign():
                target = self.target(node.target)
                return (Aug(target, BINARY[type(node.op)], self.expr(node.value), pos=pos),)
            case gast.Expr():
                return () if isinstance(node.value, gast.Constant) else (Effect(self.expr(node.value), pos=pos),)
            case gast.Return():
                return (Return(None if node.value is None else self.expr(node.value), pos=pos),)
            case gast.If():
                return (If(self.expr(node.test), self.block(node.body), self.block(node.orelse), pos=pos),)
            case gast.For() | gast.While():
                return (self._loop(node, pos),)
            case gast.Break():
                return (Break(pos=pos),)
            case gast.Continue():
                return (Continue(pos=pos),)
            case gast.Pass() | gast.Nonlocal():
                return ()
            case gast.Global():
                for name in node.names:
                    if self.scope.shadowed(name):  # a Free of this name would be taken for the outer function's
                        raise refusals.refuse_global(name, pos)
                return ()
            case gast.With():
                return self._with(node, pos)
            case gast.Assert():
                message = None if node.msg is None else self.expr(node.msg)
                return (Assert(self.expr(node.test), message, pos=pos),)
            case gast.Raise():
                if node.cause is not None and self.expr(node.cause) != Const(None):
                    raise refusals.refuse_cause(pos)
                return (Raise(None if node.exc is None else self.expr(node.exc), pos=pos),)
            case gast.Delete():
                return tuple(stmt for target in node.targets for stmt in self._delete(target))
            case gast.Import() | gast.ImportFrom():
                return tuple(self._import(node, alias, pos) for alias in node.names)
            case gast.FunctionDef():
                if node.name in self.scope.globals:
                    raise refusals.refuse_global(node.name, pos)
                return self._def(node, pos)
        raise refusals.refuse_node(node, pos)

    def _def(self, node: Any, pos: Pos | None) -> tuple[Stmt, ...]:
        """A nested function: it is bound, and then bound again to what its decorators make of it, innermost first."""
        name = Name(node.name, pos=pos)
        made: list[Stmt] = [Def(node.name, self.function(node, node.name), pos=pos)]
        for decorator in reversed(node.decorator_list):
            where = self.pos(decorator)
            made.append(Assign(name, Apply(self.expr(decorator), (name,), pos=where), pos=where))
        return tuple(made)

    def _assign(self, node: Any, pos: Pos | None) -> Sequence[Stmt]:
        value = self.expr(node.value)
        targets = [self.target(target) for target in node.targets]
        if len(targets) == 1:
            return (Assign(targets[0], value, pos=pos),)
        # `a = b = e` is `a = e` and `b = a`, as long as no other target binds what holds the value
        bound = [_bound(target) for target in targets]
        before: list[Stmt] = []
        rebound = isinstance(value, Name) and any(value.id in names for names in bound)
        if isinstance(value, (Name, Const, Free)) and not rebound:
            held: Expr = value
        elif isinstance(targets[0], Name) and not any(targets[0].id in names for names in bound[1:]):
            before.append(Assign(targets[0], value, pos=pos))
            held = targets.pop(0)
        else:
            held = self.temporary("value", value.pos)
            before.append(Assign(held, value, pos=pos))
        return (*before, *(Assign(target, held, pos=pos) for target in targets))

    def _loop(self, node: Any, pos: Pos | None) -> Stmt:
        loop: Stmt
        if isinstance(node, gast.For):
            sequence = self.expr(node.iter)
            loop = ForEach(self.target(node.target), sequence, self.block(node.body), pos=pos)
        else:
            loop = While(self.expr(node.test), self.block(node.body), pos=pos)
        return LoopElse(loop, self.block(node.orelse), pos=pos) if node.orelse else loop

    def _with(self, node: Any, pos: Pos | None) -> Sequence[Stmt]:
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, gast.Call)]
        if any(self._known(c.func) is adjoint for c in calls) and (len(node.items) > 1 or not block_of(node)):
            raise refusals.refuse_hook_form(self.pos(node.items[0].context_expr))
        if block_of(node):
            return (self._hook(node, pos),)
        contexts = [self.expr(item.context_expr) for item in node.items]
        body = self.block(node.body)
        for context in reversed(contexts):
            body = (With(context, body, pos=pos),)
        return body

    def _hook(self, node: Any, pos: Pos | None) -> Stmt:
        """A block on an adjoint: see frontend.hooks. That its context is srcgrad.adjoint shows in specialize.hooks
        where the name of the context is none of the module's."""
        context = node.items[0].context_expr
        called = self._known(context.func) if isinstance(context, gast.Call) else None
        if called not in (adjoint, None):
            raise refusals.refuse_with_as(self.pos(node.items[0].optional_vars))
        text, given = hook_text(node, self.scope.mentioned, self.pos)
        functions = tuple(
            Const(fn.value) if sort == "method" else self.expr(fn) if _is_dotted(fn) else Const(None)
            for sort, fn in given
        )
        names = tuple(self.name(name, pos) for name in text.reads)
        text = dataclasses.replace(text, given=functions)
        return Hook(self.expr(context), names, text, pos=self.pos(context))

    def _known(self, node: Any) -> Any:
        """What a dotted name stands for, as far as the module's globals tell, else None."""
        if isinstance(node, gast.Attribute):
            return getattr(self._known(node.value), node.attr, None)
        if isinstance(node, gast.Name) and self.scope.local(node.id) is None and not self.scope.shadowed(node.id):
            return self.names.get(node.id, getattr(builtins, node.id, None))
        return None

    def _delete(self, target: Any) -> tuple[Stmt, ...]:
        """`del x` means nothing here; `del x[i]` is a call of `x.__delitem__`."""
        if isinstance(target, (gast.Tuple, gast.List)):
            return tuple(stmt for part in target.elts for stmt in self._delete(part))
        pos = self.pos(target)
        if isinstance(target, gast.Subscript):
            place = self.expr(target)
            assert isinstance(place, Load)
            method = Attr(place.base, "__delitem__", pos=pos)
            return (Effect(Apply(method, (place.index,), pos=pos), pos=pos),)
        if not isinstance(target, gast.Name):
            raise refusals.refuse_delete(pos)
        if self.scope.local(target.id) is None:
            raise refusals.refuse_global(target.id, pos)
        return ()

    def _import(self, node: Any, alias: Any, pos: Pos | None) -> Stmt:
        """An import runs when the function is lowered, and what it binds is a constant."""
        if alias.name == "*":
            raise refusals.refuse_node(node, pos)
        name = imported_name(alias)
        if self.scope.local(name) is None:
            raise refusals.refuse_global(name, pos)
        try:
            if isinstance(node, gast.Import):
                value: Any = importlib.import_module(alias.name)
                if not alias.asname:  # `import a.b` binds a
                    value = importlib.import_module(name)
            else:
                module = "." * (node.level or 0) + (node.module or "")
                value = _member(importlib.import_module(module, self.names.get("__package__")), alias.name)
        except Exception as error:  # a module may fail in any way while it is imported
            raise refusals.refuse_import(alias.name, error, pos) from error
        return Assign(Name(name, pos=pos), Const(value, pos=pos), pos=pos)


def _member(module: Any, name: str) -> Any:
    """What `from module import name` gives: an attribute, or else a submodule."""
    if hasattr(module, name):
        return getattr(module, name)
    try:
        return importlib.import_module(f"{module.__name__}.{name}")
    except ModuleNotFoundError:
        raise ImportError(f"cannot import name {name!r} from {module.__name__!r}") from None


def _defaults(args: Any) -> dict[str, Any]:
    """The default of each parameter that has one."""
    positional = [p.id for p in (*args.posonlyargs, *args.args)]
    found = dict(zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True))
    for param, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if default is not None:
            found[param.id] = default
    return found


def _bound(target: Expr) -> set[str]:
    """The names that a lowered target binds."""
    if isinstance(target, Name):
        return {target.id}
    parts = getattr(target, "items", ()) or ((target.value,) if hasattr(target, "value") else ())
    return set().union(*(_bound(part) for part in parts))


def _is_dotted(node: Any) -> bool:
    """Whether an expression is a name, or a name with attributes."""
    while isinstance(node, gast.Attribute):
        node = node.value
    return isinstance(node, gast.Name)


def _is_text(node: Any) -> bool:
    return isinstance(node, gast.Constant) and isinstance(node.value, str)
