"""Which values of a generated function are on the device, and which of those the host must know.

In NumPy a sum is a number, on a device it is an array of no axes. The program stays the same; what differs is where
its numbers are. Lengths, indices, what is read from arguments that are Python numbers, and what only comes of these,
are on the host; arrays, and whatever is made of them, are on the device. "On the device" means "may be": where paths
meet, it is enough that one of them leaves a value there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from srcgrad.ir.kinds import UNSET, Array, Bottom, DictOf, Kind, ListOf, Opaque, Scalar
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    BoolOp,
    Call,
    Cond,
    Effect,
    Expr,
    For,
    If,
    Invoke,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Push,
    Slice,
    Stmt,
    Store,
    While,
)
from srcgrad.ir.walk import children, expressions_of, root, statements, subexpressions

TO_HOST = {float, int, bool, complex, str, repr, format, round, np.ndarray.item, np.ndarray.tolist}
"""What a program asks for a value by, in so many words."""

SYNCHRONISES = {*TO_HOST, print, max, min, sorted, any, all}
"""What needs the values of its arguments on the host."""

ABOUT = {len, isinstance, callable, hasattr, issubclass, type, id, np.shape, np.ndim, np.size}
"""What asks about an array without looking into it."""

_TRUTH = ("not", "is", "is not", "in", "not in")


def holds_arrays(kind: Kind) -> bool:
    """Whether a value of this kind is an array or a container of some."""
    return isinstance(kind, Array) or (isinstance(kind, (ListOf, DictOf)) and holds_arrays(kind.item))


def is_whole(kind: Kind) -> bool:
    """Whether values of this kind are ints or bools, as decisions and indices are."""
    return isinstance(kind, Scalar) and kind.dtype.startswith(("int", "uint", "bool"))


def index_items(index: Expr) -> tuple[Expr, ...]:
    """The parts of an index."""
    return index.items if isinstance(index, Pack) and index.type == "tuple" else (index,)


class Residence:
    """Where the values of one function are.

    given: the parameters that may be numbers on the device. device: the variables that are; wanted: the ints and bools
    among them that the host must know: tests, indices and bounds of loops read them. They are fetched where they are
    set, so that no decision waits twice.
    """

    def __init__(self, body: Sequence[Stmt], given: Iterable[str] = (), all_given: bool = False) -> None:
        self.body = list(body)
        self.all_given = all_given
        self.set_here = {n for stmt in statements(self.body) for n in _targets(stmt)}
        self.wanted: set[str] = set()
        self.given = set(given)
        self.device = self._spread()
        self.wanted = {n.id for n in self._asked_for() if n.id in self.device and is_whole(n.kind)}
        self.device = self._spread()
        self.sure = self._surely()

    def _spread(self) -> set[str]:
        self.device = set(self.given)
        before = -1
        while len(self.device) != before:
            before = len(self.device)
            for stmt in statements(self.body):
                self._visit(stmt)
        return self.device

    def _visit(self, stmt: Stmt) -> None:
        match stmt:
            case Assign(target=Name(id=name), value=value) if self.of(value):
                self.device.add(name)
            case Assign(target=Pack(items=targets), value=value):
                parts = value.items if isinstance(value, Pack) else [value] * len(targets)
                for target, part in zip(targets, parts, strict=False):
                    if isinstance(target, Name) and self.of(part):
                        self.device.add(target.id)
            case Push(target=target, value=value) | Store(target=target, value=value) if self.of(value):
                if (owner := root(target)) is not None:
                    self.device.add(owner)
            case Pop(out=Name(id=name, kind=kind), target=target):
                if holds_arrays(kind) or (not is_whole(kind) and self.of_container(target)):
                    self.device.add(name)
            case Invoke(outs=outs):
                self.device |= {out.id for out in outs if not isinstance(out.kind, Opaque)}
        self.device -= self.wanted

    def _surely(self) -> set[str]:
        """The variables that every statement which sets them leaves on the device."""
        self.sure = self.device & self.set_here
        before = -1
        while len(self.sure) != before:
            before = len(self.sure)
            for stmt in statements(self.body):
                match stmt:
                    case Assign(target=Name(id=name), value=value):
                        if not self.surely(value):
                            self.sure.discard(name)
                    case _:
                        self.sure -= _targets(stmt)
        return self.sure

    def surely(self, expr: Expr) -> bool:
        """Whether an expression's value is on the device, whatever path was taken."""
        if isinstance(expr.kind, Array) and expr.kind.dims is not None and not expr.kind.optional:
            return True
        match expr:
            case Name(id=name):
                return name in self.sure
            case Load(base=base):
                return isinstance(base.kind, Array) and base.kind.dims is not None
            case Cond(body=body, orelse=orelse):
                return self.surely(body) and self.surely(orelse)
            case Op() | Call():
                return self.of(expr) and any(map(self.surely, children(expr)))
        return False

    def of_container(self, expr: Expr) -> bool:
        """Whether a list may hold values on the device."""
        owner = root(expr)
        return holds_arrays(expr.kind) or owner in self.device or (self.all_given and owner not in self.set_here)

    def of(self, expr: Expr) -> bool:
        """Whether an expression's value is, or holds, something on the device."""
        kind = expr.kind
        match expr:
            case Name(id=name):
                if name in self.wanted:
                    return False
                free = self.all_given and name not in self.set_here and isinstance(kind, Scalar) and not is_whole(kind)
                return holds_arrays(kind) or name in self.device or free
            case Op(op=op, args=args):
                return op not in _TRUTH and any(map(self.of, args))
            case BoolOp(items=items):
                return not is_whole(kind) and any(map(self.of, items))
            case Cond(body=body, orelse=orelse):
                return self.of(body) or self.of(orelse)
            case Load(base=base):
                if holds_arrays(kind) or isinstance(base.kind, Array):
                    return True
                if is_whole(kind) and isinstance(base.kind, Opaque) and root(base) not in self.device:
                    return False  # what another generated function gave
                return isinstance(kind, (Scalar, Bottom)) and self.of_container(base)
            case Call(prim=prim):
                return self._of_call(expr, prim.fn)
            case Slice():
                return False
        return holds_arrays(kind) or any(map(self.of, children(expr)))

    def _of_call(self, call: Call, fn: object) -> bool:
        if holds_arrays(call.kind):
            return True
        if isinstance(call.kind, Scalar) and call.kind.value is not UNSET:
            return False
        try:
            about = fn in TO_HOST or fn in ABOUT
        except TypeError:
            about = False
        if about or getattr(fn, "__module__", "") == "math":
            return False
        if call.prim.style == "attribute" and call.prim.text in ("shape", "ndim", "size", "dtype", "nbytes"):
            return False
        holds = isinstance(call.kind, (Scalar, ListOf, DictOf)) or call.kind == Opaque(tuple)
        return holds and any(map(self.of, children(call)))

    # ---- what the host must know ----

    def _asked_for(self) -> Iterator[Name]:
        for stmt in statements(self.body):
            match stmt:
                case If(test=test) | While(test=test) | Assert(test=test):
                    yield from _decided(test)
                case For(lo=lo, hi=hi, step=step):
                    for bound in (lo, hi, step):
                        yield from _decided(bound)
                case Invoke(args=args):
                    yield from (arg for arg in args if isinstance(arg, Name))
                case Store(target=target):
                    yield from _in_indices(target)
                case Effect() | Push(index=None) | Pop():
                    pass
            for top in expressions_of(stmt):
                for expr in subexpressions(top):
                    match expr:
                        case Load(base=base, index=index) if isinstance(base.kind, (Array, ListOf, DictOf)):
                            for item in index_items(index):
                                yield from _decided(item)
                        case Cond(test=test):
                            yield from _decided(test)
                        case BoolOp(items=items):
                            for item in items:
                                yield from _decided(item)
                        case Op(op="not", args=args):
                            yield from _decided(args[0])


def _targets(stmt: Stmt) -> set[str]:
    match stmt:
        case Assign(target=Name(id=name)) | Pop(out=Name(id=name)) | For(index=Name(id=name)):
            return {name}
        case Assign(target=Pack(items=items)) | Invoke(outs=items):
            return {item.id for item in items if isinstance(item, Name)}
    return set()


def _decided(expr: Expr) -> Iterator[Name]:
    """The ints and bools that a decision, or an index, is made of."""
    match expr:
        case Name():
            if is_whole(expr.kind):
                yield expr
        case Op() | BoolOp() | Slice():
            for child in children(expr):
                yield from _decided(child)


def _in_indices(target: Expr) -> Iterator[Name]:
    while isinstance(target, Load):
        for item in index_items(target.index):
            yield from _decided(item)
        target = target.base
