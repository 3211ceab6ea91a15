"""IR statements to gast, in the form in which a person would have written them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import gast

from srcgrad.codegen.expressions import BINARY, as_target, call, index_to_gast, path, to_gast
from srcgrad.codegen.hooks import hook_lines
from srcgrad.codegen.layout import WIDTH
from srcgrad.codegen.printer import Comment, Noted, Verbatim, print_tree
from srcgrad.codegen.usage import may_change, names_in, private_indices
from srcgrad.ir import nodes as ir
from srcgrad.ir.kinds import Array, ListOf, Scalar

JUMPS = (ir.Break, ir.Continue, ir.Return)


@dataclass(frozen=True)
class Options:
    """How to print.

    width: columns of a line. tidy: print `for x in xs` for a loop over an index that only reads xs, `for _ in` for an
    index that nothing reads, and `s += x` for `s = s + x` where s is a number (so that nothing is overwritten).
    """

    width: int = WIDTH
    tidy: bool = True


DEFAULT = Options()


def to_statements(body: Sequence[ir.Stmt], options: Options = DEFAULT) -> list[gast.stmt]:
    """The syntax trees of a function's body."""
    return _Statements(body, options).block(body)


def body_text(body: Sequence[ir.Stmt], options: Options = DEFAULT) -> str:
    """The source of a function's body, not indented."""
    return print_tree(to_statements(body, options), options.width)


class _Statements:
    """Translates the statements of one function."""

    def __init__(self, body: Sequence[ir.Stmt], options: Options) -> None:
        self.body = body
        self.tidy = options.tidy
        self.private = private_indices(body)
        self.reads_underscore = "_" in names_in(tuple(body))

    def block(self, body: Sequence[ir.Stmt]) -> list[gast.stmt]:
        """The trees of statements in a row, which may be none."""
        return [tree for stmt in body for tree in self.statement(stmt)]

    def suite(self, body: Sequence[ir.Stmt]) -> list[gast.stmt]:
        """The trees of statements under a header."""
        return _suite(self.block(body))

    def statement(self, stmt: ir.Stmt) -> list[gast.stmt]:
        """The trees of one statement; the first one carries its note."""
        if isinstance(stmt, ir.Comment):
            return [Comment(text=stmt.text)]
        if isinstance(stmt, ir.Hook):
            lines = hook_lines(stmt)
            return [Verbatim(lines=lines, note=stmt.note)] if lines else []
        if isinstance(stmt, ir.With) and stmt.checkpoint:
            return self.block(stmt.body)
        if isinstance(stmt, ir.If) and stmt.guard:
            if stmt.orelse:
                raise ValueError("a guard has no `else`")
            return self.block(stmt.body)
        first, *rest = self.if_(stmt) if isinstance(stmt, ir.If) else [self.simple(stmt)]
        return [Noted(statement=first, note=stmt.note) if stmt.note else first, *rest]

    def simple(self, stmt: ir.Stmt) -> gast.stmt:
        """The tree of a statement other than If and Comment."""
        match stmt:
            case ir.Assign():
                return self.assign(stmt)
            case ir.Aug(target=target, op=op, value=value):
                return _augmented(to_gast(target), op, to_gast(value))
            case ir.Store():
                return _store(stmt)
            case ir.Push(target=target, value=value, index=index):
                args = [to_gast(value)] if index is None else [to_gast(index), to_gast(value)]
                return gast.Expr(_method(target, "append" if index is None else "insert", args))
            case ir.Pop(out=out, target=target, index=index):
                value = _method(target, "pop", [] if index is None else [to_gast(index)])
                return gast.Expr(value) if out is None else _assign(to_gast(out), value)
            case ir.Invoke(outs=outs, callee=callee, args=args, method=method):
                if method:
                    value = _method(args[0], callee, [to_gast(arg) for arg in args[1:]])
                else:
                    value = call(path(callee), [to_gast(arg) for arg in args])
                names = [to_gast(out) for out in outs]
                if not names:
                    return gast.Expr(value)
                return _assign(names[0] if len(names) == 1 else gast.Tuple(names, gast.Store()), value)
            case ir.Effect(value=value):
                return gast.Expr(to_gast(value))
            case ir.For():
                return self.for_(stmt)
            case ir.ForEach(target=target, iter=iterable, body=body):
                return gast.For(as_target(to_gast(target)), to_gast(iterable), self.suite(body), [], None)
            case ir.While(test=test, body=body):
                return gast.While(to_gast(test), self.suite(body), [])
            case ir.Break():
                return gast.Break()
            case ir.Continue():
                return gast.Continue()
            case ir.Return(value=value):
                return gast.Return(None if value is None else to_gast(value))
            case ir.With(context=context, body=body):
                return gast.With([gast.withitem(to_gast(context), None)], self.suite(body), None)
            case ir.Assert(test=test, message=message):
                return gast.Assert(to_gast(test), None if message is None else to_gast(message))
            case ir.Raise(value=value):
                return gast.Raise(None if value is None else to_gast(value), None)
        raise TypeError(f"{type(stmt).__name__} cannot be printed")

    def assign(self, stmt: ir.Assign) -> gast.stmt:
        """`target = value`, or for numbers `target += rest`."""
        match stmt.value:
            case ir.Op(op="+" | "-" as op, args=(left, right), kind=Scalar()) if self.tidy and left == stmt.target:
                if isinstance(stmt.target.kind, Scalar):
                    return _augmented(to_gast(stmt.target), op, to_gast(right))
        return _assign(to_gast(stmt.target), to_gast(stmt.value))

    def if_(self, stmt: ir.If) -> list[gast.stmt]:
        """An If, followed by what stands in its `else` where that word need not be printed."""
        test, body, orelse = stmt.test, self.block(stmt.body), self.block(stmt.orelse)
        if not body and orelse:
            test, body, orelse = negation(test), orelse, []
        if stmt.body and isinstance(stmt.body[-1], JUMPS):
            return [gast.If(to_gast(test), body, []), *orelse]
        return [gast.If(to_gast(test), _suite(body), _suite(orelse) if orelse else [])]

    def for_(self, stmt: ir.For) -> gast.stmt:
        """`for i in range(...)`, or `for x in xs` where the index serves for nothing but to read xs."""
        index, body = stmt.index, stmt.body
        private = self.tidy and index.id in self.private
        if private and (pair := _item_and_sequence(stmt)) is not None:
            item, xs = pair
            if names_of(body).count(index.id) == 1 and not may_change(xs, body, self.body):
                sequence = to_gast(xs)
                if stmt.backwards:
                    sequence = call(path("reversed"), [sequence])
                return gast.For(as_target(to_gast(item)), sequence, self.suite(body[1:]), [], None)
        if private and not self.reads_underscore and index.id not in names_of(body):
            index = ir.Name("_")
        return gast.For(as_target(to_gast(index)), _range(stmt), self.suite(body), [], None)


def _suite(trees: list[gast.stmt]) -> list[gast.stmt]:
    """The trees; with `pass`, where Python would miss a statement."""
    return trees if any(not isinstance(tree, Comment) for tree in trees) else [*trees, gast.Pass()]


def negation(test: ir.Expr) -> ir.Expr:
    """`not test`, without the word where that is exactly the same."""
    opposite = {"is": "is not", "is not": "is", "in": "not in", "not in": "in"}
    match test:
        case ir.Op(op="not", args=(inner,)):
            return inner
        case ir.Op(op=op, args=args) if op in opposite:
            return ir.Op(opposite[op], args, kind=test.kind)
        case ir.Op(op="==" | "!=" as op, args=args) if all(isinstance(arg.kind, Scalar) for arg in args):
            return ir.Op("!=" if op == "==" else "==", args, kind=test.kind)
    return ir.Op("not", (test,))


def names_of(body: Sequence[ir.Stmt]) -> list[str]:
    """Every identifier that occurs in the statements, as often as it occurs."""
    return list(names_in(tuple(body)))


def _item_and_sequence(stmt: ir.For) -> tuple[ir.Name, ir.Name] | None:
    """x and xs of a loop over range(len(xs)) that begins with `x = xs[index]`."""
    match stmt:
        case ir.For(
            index=index,
            lo=ir.Const(value=0),
            hi=ir.Call(prim=ir.Prim(style="function") as prim, args=(ir.Name() as measured,)),
            step=ir.Const(value=1),
            body=(ir.Assign(target=ir.Name() as item, value=ir.Load(base=ir.Name() as xs, index=place)), *_),
        ) if prim.fn is len and place == index and measured == xs:
            return (item, xs) if isinstance(xs.kind, (ListOf, Array)) and item.id.isidentifier() else None
    return None


def _range(stmt: ir.For) -> gast.expr:
    upwards = _upwards(stmt)
    if upwards is not None:
        return _range(upwards)
    one = stmt.step == ir.Const(1)
    bounds = [stmt.lo, stmt.hi] if one else [stmt.lo, stmt.hi, stmt.step]
    if one and stmt.lo == ir.Const(0):
        bounds = [stmt.hi]
    tree = call(path("range"), [to_gast(bound) for bound in bounds])
    return call(path("reversed"), [tree]) if stmt.backwards else tree


def _upwards(stmt: ir.For) -> ir.For | None:
    """range(n - 1, -1, -1) as reversed(range(n))."""
    if stmt.backwards or stmt.step != ir.Const(-1):
        return None
    match stmt.lo:
        case ir.Op(op="-", args=(stop, ir.Const(value=1))):
            pass
        case _:
            return None
    match stmt.hi:
        case ir.Const(value=int() as last):
            start: ir.Expr = ir.Const(last + 1)
        case ir.Op(op="-", args=(first, ir.Const(value=1))):
            start = first
        case _:
            return None
    return dataclasses.replace(stmt, lo=start, hi=stop, step=ir.Const(1), backwards=True)


def _store(stmt: ir.Store) -> gast.stmt:
    value = to_gast(stmt.value)
    if stmt.op in ("at", "|at"):
        op, function = ("+", "np.add.at") if stmt.op == "at" else ("|", "np.bitwise_or.at")
        if not isinstance(stmt.target, ir.Load):
            return _augmented(to_gast(stmt.target), op, value)
        return gast.Expr(call(path(function), [to_gast(stmt.target.base), to_gast(stmt.target.index), value]))
    if stmt.op:
        return _augmented(to_gast(stmt.target), stmt.op, value)
    if isinstance(stmt.target, ir.Load):
        return _assign(to_gast(stmt.target), value)
    whole = ir.Slice(None, None, None) if isinstance(stmt.target.kind, ListOf) else ir.Const(...)
    return _assign(gast.Subscript(to_gast(stmt.target), index_to_gast(whole), gast.Store()), value)


def _assign(target: gast.expr, value: gast.expr) -> gast.Assign:
    return gast.Assign([as_target(target)], value, None)


def _augmented(target: gast.expr, op: str, value: gast.expr) -> gast.AugAssign:
    return gast.AugAssign(as_target(target), BINARY[op](), value)


def _method(receiver: ir.Expr, name: str, args: list[gast.expr]) -> gast.Call:
    return call(gast.Attribute(to_gast(receiver), name, gast.Load()), args)
