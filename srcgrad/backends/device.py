"""Generated functions for the arrays of CuPy: the same statements, against `cp`.

    total = np.sum(x * x)              total = cp.sum(x * x)
    positive = total > 0               positive = bool(total > 0)  # waits for the device
    first = u[0]                       first = u[0].copy()
    u[0] = 0.0                         u[0] = 0.0
    np.add.at(d_x, places, d)          cp.add.at(d_x, places, d)

Needs a body as it comes out of the optimizer, with kinds. What NumPy gives as a number is an array of no axes on the
device, so three things change beside the names: `x[i]` is a view, and is copied where it is kept while something
may write into arrays; `s += e` would write into what other names hold, and is printed as `s = s + e`; and a decision
fetches its value, once, which a comment says. What CuPy lacks is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.analysis.aliases import find_aliases, sources
from srcgrad.analysis.infer import ELEMENTWISE
from srcgrad.backends import cupy
from srcgrad.backends.primitives import gives_arrays, synchronises, takes_array
from srcgrad.backends.residence import Residence, holds_arrays, index_items, is_whole
from srcgrad.backends.spelled import spelled
from srcgrad.codegen import text_of
from srcgrad.errors import NoRuleError, UnsupportedError
from srcgrad.ir.kinds import Array, Kind, ListOf, Opaque, Scalar, rank
from srcgrad.ir.nodes import (
    Assert,
    Assign,
    BoolOp,
    Call,
    Cond,
    Const,
    Effect,
    Expr,
    For,
    Format,
    If,
    Invoke,
    Load,
    Name,
    Op,
    Pack,
    Pop,
    Pos,
    Prim,
    Push,
    Return,
    Slice,
    Stmt,
    Store,
    While,
)
from srcgrad.ir.walk import children, expressions_of, map_own, rebuild, root, statements, subexpressions
from srcgrad.runtime import HELPERS

WAITS = "waits for the device"
_REMEDY = "Write it with functions that CuPy has, or call the function with NumPy arrays."


def for_device(
    body: Sequence[Stmt], residence: Residence, callees: Sequence[str] = (), seeds: Sequence[str] = ()
) -> list[Stmt]:
    """The statements of a generated function as they are for CuPy. callees: the other generated functions; seeds: the
    adjoints that it is given."""
    return list(_Device(body, residence, callees, seeds).block(body))


class _Device:
    """Rewrites one function."""

    def __init__(
        self, body: Sequence[Stmt], residence: Residence, callees: Sequence[str], seeds: Sequence[str]
    ) -> None:
        self.residence, self.seeds = residence, frozenset(seeds)
        self.callees = frozenset(callees)
        self.aliases = find_aliases(body, dict.fromkeys((*callees, *HELPERS), [True] * 100))
        self.written = set(self.aliases.written)
        for stmt in statements(list(body)):
            for top in expressions_of(stmt):
                for expr in subexpressions(top):
                    if isinstance(expr, Call) and (isinstance(stmt, Effect) or expr.prim.text == "add_to"):
                        self.written |= {self.aliases.of(n.id) for n in subexpressions(expr) if isinstance(n, Name)}
        self.waits = 0
        self.pos: Pos | None = None

    # ---- statements ----

    def block(self, body: Sequence[Stmt]) -> tuple[Stmt, ...]:
        return tuple(self.statement(stmt) for stmt in body)

    def statement(self, stmt: Stmt) -> Stmt:
        self.waits, self.pos = 0, stmt.pos or self.pos
        new = self.own(stmt)
        if self.waits:
            new = dataclasses.replace(new, note=f"{WAITS}; {stmt.note}" if stmt.note else WAITS)
        match new:
            case If(body=body, orelse=orelse):
                return dataclasses.replace(new, body=self.block(body), orelse=self.block(orelse))
        inner: Any = getattr(new, "body", None)
        return dataclasses.replace(new, body=self.block(inner)) if inner is not None else new  # type: ignore[call-arg]

    def own(self, stmt: Stmt) -> Stmt:
        """The statement itself, without the blocks inside it."""
        match stmt:
            case Assign(target=Name(id=name) as target, value=value):
                new = self.kept(value)
                if name in self.residence.wanted and self.residence.of(value):
                    new = self.fetched(new, target.kind)
                return dataclasses.replace(stmt, value=new)
            case Assign(value=value):
                return dataclasses.replace(stmt, value=self.kept(value))
            case Push(target=target, value=value, index=index):
                boolean = isinstance(value.kind, Scalar) and value.kind.dtype == "bool"
                new = self.host(value, bool) if boolean else self.kept(value)
                return dataclasses.replace(
                    stmt, target=self.value(target), value=new, index=index and self.host(index, int)
                )
            case Store(target=Load() as target, value=value, op="at" | "|at"):
                args = (self.value(target.base), self.index(target.index), self.value(value))
                added = self.added(args, target.base.kind, "np.add.at" if stmt.op == "at" else "np.bitwise_or.at")
                return Effect(added, pos=stmt.pos, note=stmt.note)
            case Store(target=Load(base=base) as target, value=value, op=op):
                place = self.value(target)
                new = self.value(value) if isinstance(base.kind, Array) else self.kept(value)
                if not op and self.overlaps(value, base):
                    new = Call(Prim(np.copy, "copy", "method"), (new,), kind=value.kind)
                if op and isinstance(target.kind, Scalar) and not isinstance(base.kind, Array):
                    new, op = Op(op, (place, new), kind=Array(target.kind.dtype, ())), ""
                return dataclasses.replace(stmt, target=place, value=new, op=op)
            case If() | While():
                return dataclasses.replace(stmt, test=self.test(stmt.test))
            case Assert(test=test, message=message):
                return dataclasses.replace(stmt, test=self.test(test), message=message and self.value(message))
            case For(lo=lo, hi=hi, step=step):
                lo, hi, step = (self.host(bound, int) for bound in (lo, hi, step))
                return dataclasses.replace(stmt, lo=lo, hi=hi, step=step)
            case Invoke(args=args):
                return dataclasses.replace(stmt, args=tuple(self.passed(arg) for arg in args))
            case Return(value=Pack(items=items) as value) if self.residence.all_given:
                return dataclasses.replace(stmt, value=dataclasses.replace(value, items=tuple(map(self.passed, items))))
            case Return(value=value) if value is not None:
                return dataclasses.replace(stmt, value=self.kept(value, returned=True))
            case Pop():
                return stmt
        return map_own(stmt, self.value)

    def overlaps(self, value: Expr, base: Expr) -> bool:
        """Whether a value may be memory of the array that it is written into: CuPy copies such memory as it comes."""
        owner = root(base)
        shared = {self.aliases.of(name) for name, _ in sources(value)}
        return isinstance(base.kind, Array) and owner is not None and self.aliases.of(owner) in shared

    def added(self, args: tuple[Expr, ...], kind: Kind, function: str) -> Call:
        """`args[2]` added to an array where an index may repeat. CuPy adds no complex numbers there."""
        if _is_complex(kind):
            return Call(Prim(HELPERS["add_parts_at"], "add_parts_at"), args, kind=kind)
        return Call(self.primitive(function, self.pos), args, kind=Opaque(type(None)))

    # ---- what the host must know ----

    def test(self, expr: Expr) -> Expr:
        """A decision: Python itself asks for its truth, so that nothing has to be written."""
        match expr:
            case BoolOp(items=items):
                return dataclasses.replace(expr, items=tuple(map(self.test, items)))
            case Op(op="not", args=(inner,)):
                return dataclasses.replace(expr, args=(self.test(inner),))
        self.waits += isinstance(expr.kind, (Array, Scalar)) and self.residence.of(expr)
        return self.value(expr)

    def host(self, expr: Expr, make: Callable[..., Any]) -> Expr:
        """The value of an expression as a Python number, fetched if it is on the device."""
        new = self.value(expr)
        return self.fetched(new, expr.kind, make) if self.residence.of(expr) else new

    def fetched(self, expr: Expr, kind: Any, make: Callable[..., Any] | None = None) -> Expr:
        made = make or (bool if kind.dtype == "bool" else int)
        self.waits += 1
        return Call(Prim(made, made.__name__), (expr,), kind=Scalar(getattr(kind, "dtype", "int64")), pos=expr.pos)

    def for_helper(self, arg: Expr) -> Expr:
        """An argument of a helper: what may be a number, as an adjoint that is 1.0, is made an array."""
        if not isinstance(arg.kind, Scalar) or is_whole(arg.kind) or self.residence.surely(arg):
            return self.value(arg)
        seed = any(isinstance(part, Name) and part.id in self.seeds for part in subexpressions(arg))
        return self.moved(arg) if seed or self.residence.of(arg) else self.value(arg)

    def handed(self, arg: Expr) -> Expr:
        """What a helper is given that calls another generated function with it."""
        if isinstance(arg, Pack):
            return dataclasses.replace(arg, items=tuple(map(self.handed, arg.items)))
        return self.passed(arg)

    def passed(self, arg: Expr) -> Expr:
        """What another generated function is given, or gives: ints and bools are on the host there."""
        if is_whole(arg.kind):
            return self.host(arg, bool if getattr(arg.kind, "dtype", "") == "bool" else int)
        return self.kept(arg)

    # ---- expressions ----

    def kept(self, expr: Expr, returned: bool = False) -> Expr:
        """A value that a variable, a list or the caller holds: an element is copied where a write could reach it."""
        match expr:
            case Load(base=base, kind=kind) if isinstance(base.kind, Array) and _is_element(kind):
                owner = root(base)
                if returned or owner is None or self.aliases.of(owner) in self.written:
                    return Call(Prim(np.copy, "copy", "method"), (self.value(expr),), kind=expr.kind, pos=expr.pos)
            case Cond(test=test, body=body, orelse=orelse) if not self.residence.of(test):
                return dataclasses.replace(
                    expr, test=self.value(test), body=self.kept(body, returned), orelse=self.kept(orelse, returned)
                )
            case Pack(items=items):
                return dataclasses.replace(expr, items=tuple(self.kept(item, returned) for item in items))
        return self.value(expr)

    def value(self, expr: Expr) -> Expr:
        """An expression for the device."""
        match expr:
            case Call():
                return self.call(expr)
            case Const(value=type() as value) if issubclass(value, np.generic):
                return Name(f"{cupy.ALIAS}.{'bool_' if value is np.bool_ else value.__name__}", kind=expr.kind)
            case Cond(test=test, body=body, orelse=orelse):
                return self.choice(expr, test, body, orelse)
            case BoolOp(items=items) if is_whole(expr.kind):
                return dataclasses.replace(expr, items=tuple(self.host(item, bool) for item in items))
            case Op(op="not"):
                return self.test(expr)
            case Op(op="in" | "not in" as op, args=(_, Expr(kind=Array()))):
                raise UnsupportedError(
                    f"`{op}` looks for a value among the elements of an array on the device",
                    "Ask for it with `(x == value).any()`.", expr.pos or self.pos,
                )  # fmt: skip
            case Op(args=args):
                device = isinstance(expr.kind, (Array, Scalar)) and self.residence.of(expr)
                new_args = tuple(self.moved(a) if device and isinstance(a, Pack) else self.value(a) for a in args)
                # an array, so that `s += e` is not printed for `s = s + e`
                kind = Array(expr.kind.dtype, ()) if device and isinstance(expr.kind, Scalar) else expr.kind
                return dataclasses.replace(expr, args=new_args, kind=kind)
            case Load(base=base, index=index):
                return dataclasses.replace(expr, base=self.value(base), index=self.index(index))
            case Format():
                self.waits += any(self.residence.of(part) for part in children(expr))
        return rebuild(expr, self.value)

    def choice(self, expr: Cond, test: Expr, body: Expr, orelse: Expr) -> Expr:
        """`a if p else b`: between numbers the device chooses itself, without a word to the host."""
        numbers = all(isinstance(part.kind, Scalar) for part in (test, body, orelse))
        if not (numbers and isinstance(test, Op) and self.residence.of(test)):
            new = self.test(test), self.value(body), self.value(orelse)
            return dataclasses.replace(expr, test=new[0], body=new[1], orelse=new[2])
        chosen = self.value(test) if self.residence.surely(test) else self.moved(test)
        parts = chosen, self.value(body), self.value(orelse)
        return Call(self.primitive("np.where", expr.pos), parts, kind=expr.kind, pos=expr.pos)

    def index(self, index: Expr) -> Expr:
        """An index: ints and the bounds of slices are on the host, since an array there takes copies, not views."""
        items: list[Expr] = []
        for item in index_items(index):
            if isinstance(item, Slice):
                bounds = (None if part is None else self.host(part, int) for part in (item.lo, item.hi, item.step))
                items.append(Slice(*bounds))
            elif is_whole(item.kind):
                items.append(self.host(item, int))
            else:  # how many elements a mask takes, only the device knows
                self.waits += isinstance(item.kind, Array) and item.kind.dtype == "bool"
                items.append(self.value(item))
        return dataclasses.replace(index, items=tuple(items)) if isinstance(index, Pack) else items[0]

    def moved(self, expr: Expr) -> Expr:
        """Numbers, or a display of them, as an array on the device."""
        new = self.value(expr)
        known = not isinstance(expr.kind, Array) or expr.kind.dims is not None
        if _is_array(expr) and known:
            return new
        return Call(self.primitive("np.asarray", expr.pos), (new,), kind=expr.kind)

    # ---- calls ----

    def call(self, call: Call) -> Expr:
        prim, pos = call.prim, call.pos or self.pos
        if HELPERS.get(prim.text) is prim.fn and prim.style == "function":
            missing = cupy.missing_in_call(prim.text, call.kwargs)
            if missing is not None:
                raise NoRuleError(
                    f"This derivative calls {prim.text}, which needs {missing}: CuPy has none.", _REMEDY, pos
                )
            self.waits += cupy.waits_in_helper(prim.text)
            if prim.text == "add_at" and _is_complex(call.kind):
                x, index, values = map(self.value, call.args)
                zeros = Call(self.primitive("np.zeros_like", pos), (x,), kind=call.kind)
                return self.added((zeros, index, values), call.kind, "np.add.at")
            handed = any(isinstance(arg, Name) and arg.id in self.callees for arg in call.args)
            return rebuild(call, self.handed if handed else self.for_helper)
        on_device = [self.residence.of(part) for part in children(call)]
        names = tuple(name for name, _ in call.kwargs)
        if prim.style == "method" and on_device[0]:
            method = getattr(cupy.library().ndarray, prim.text, None)
            if method is not None and cupy.refused_keyword(method, len(call.args) - 1, names) is not None:
                words = spelled(dataclasses.replace(call, prim=Prim(prim.fn, f"np.{prim.text}")))
                if words is not None:
                    return self.value(words)
        if prim.style != "function" and call.args:
            return self.member(call, on_device[0], pos)
        if prim.fn is float and call.pos is None and any(on_device):  # not the program's own: it stays where it is
            return self.converted(call, np.float64, pos)
        head = prim.text.partition(".")[0]
        makes = holds_arrays(call.kind) or (head == "np" and gives_arrays(call))
        if (head == "math" or prim.fn is round) and any(on_device):
            if any(isinstance(a.kind, Array) and a.kind.dims != () for a in call.args):
                raise UnsupportedError(
                    f"{prim.text} reads an array on the device element by element", "Use NumPy's functions.", pos
                )
            return rebuild(call, lambda arg: self.host(arg, float))
        if head not in ("np", "scipy") or not (makes or any(on_device)):
            self.waits += any(on_device) and synchronises(prim.fn)
            if isinstance(prim.fn, type) and issubclass(prim.fn, np.generic):
                return call
            return rebuild(call, self.value)
        if isinstance(prim.fn, type) and issubclass(prim.fn, np.generic):
            return self.converted(call, prim.fn, pos)
        text, more = prim.text, dict[str, Any]()
        if cupy.find(text) is None:
            text, more = cupy.INSTEAD.get(text, (text, more))
        own = cupy.find(text)
        if own is None or cupy.refused_keyword(own[0], len(call.args), names) is not None:
            words = spelled(call)
            if words is not None:
                return self.value(words)
        made = self.primitive(text, pos, own=call.pos is not None)
        self.check_arguments(made.fn, prim.text.removeprefix("np."), len(call.args), call, pos)
        unlike = cupy.unlike(prim.text, [rank(arg.kind) for arg in call.args])
        if unlike is not None:
            raise NoRuleError(f"CuPy's {prim.text.removeprefix('np.')} wants {unlike}.", "Use np.broadcast_to.", pos)
        self.waits += any(on_device) and cupy.waits(made.fn, len(call.args), names)
        places: list[tuple[Any, Expr]] = [*enumerate(call.args), *call.kwargs]
        found = [self.argument(prim.fn, made.fn, place, arg) for place, arg in places]
        count = len(call.args)
        kwargs = tuple((name, new) for (name, _), new in zip(call.kwargs, found[count:], strict=True))
        kwargs += tuple((name, Const(value)) for name, value in more.items())
        return dataclasses.replace(call, prim=made, args=tuple(found[:count]), kwargs=kwargs)

    def check_arguments(self, own: Any, name: str, positional: int, call: Call, pos: Pos | None) -> None:
        """Refuse a call by the first argument that CuPy's function does not take."""
        bad = cupy.refused_keyword(own, positional, tuple(given for given, _ in call.kwargs))
        if bad is not None:
            given = f"`{bad}`" if not bad.startswith("argument") else bad
            raise NoRuleError(f"CuPy's {name} does not take {given}.", f"Leave {given} out.", pos)

    def converted(self, call: Call, dtype: type[np.generic], pos: Pos | None) -> Expr:
        """A number of a dtype, as NumPy's types make it of their argument."""
        args = (self.value(call.args[0]), self.value(Const(dtype)))
        return Call(self.primitive("np.asarray", pos), args, kind=call.kind, pos=call.pos)

    def argument(self, fn: Any, own: Any, place: int | str, arg: Expr) -> Expr:
        """An argument of a function of NumPy's for CuPy's own: numbers and displays that it takes for arrays are made
        arrays."""
        if cupy.wants_host(own, place):
            if holds_arrays(arg.kind) and not isinstance(arg, Pack):
                raise UnsupportedError(
                    f"CuPy's {fn.__name__} wants `{text_of(arg)}` on the host, and it is an array on the device",
                    "Write it as a list or tuple of numbers.", arg.pos or self.pos,
                )  # fmt: skip
            return self.host(arg, int) if is_whole(arg.kind) else rebuild(arg, self.value)
        plain = isinstance(fn, np.ufunc) or fn in ELEMENTWISE or (fn is np.where and place in (1, 2, "x", "y"))
        display = isinstance(arg, Pack) and arg.type in ("list", "tuple")
        if isinstance(arg, Pack) and display and any(map(self.residence.of, arg.items)):
            items = tuple(item if isinstance(item, Slice) else self.moved(item) for item in arg.items)
            return dataclasses.replace(arg, items=items)
        if cupy.takes_numbers(fn, place) and not self.residence.of(arg):
            return rebuild(arg, self.value)
        if (display or isinstance(arg.kind, Scalar)) and not self.residence.of(arg):
            scipy = not isinstance(fn, np.ufunc) and (fn.__module__ or "").startswith("scipy")
            taken = takes_array(fn, place, False) or (display and (scipy or takes_array(fn, place, True)))
            if (not plain or display) and taken:
                return self.moved(arg)
        if isinstance(arg.kind, Array) and arg.kind.dims is None and not plain and takes_array(fn, place, False):
            return self.moved(arg)  # it may be a number
        if is_whole(arg.kind) and self.residence.of(arg) and not plain and not takes_array(fn, place, False):
            return self.host(arg, int)
        return self.value(arg)

    def member(self, call: Call, device: bool, pos: Pos | None) -> Expr:
        """A method or an attribute."""
        prim, receiver = call.prim, call.args[0]
        if isinstance(receiver.kind, Opaque) and holds_arrays(call.kind):
            if receiver.kind.type is np.random.Generator:
                return self.drawn(call, pos)
            raise UnsupportedError(
                f"`{prim.text}` of a {receiver.kind.type.__name__} makes an array in the memory of the host",
                "Make it on the device, outside of the function, and pass it as an argument.", pos,
            )  # fmt: skip
        if device and isinstance(receiver.kind, (Array, Scalar)):
            if not hasattr(cupy.library().ndarray, prim.text):
                raise _lacking(f"ndarray.{prim.text}", pos)
            own = getattr(cupy.library().ndarray, prim.text)
            if prim.style == "method":
                self.check_arguments(own, f"ndarray.{prim.text}", len(call.args) - 1, call, pos)
            self.waits += synchronises(prim.fn) or cupy.waits(own, len(call.args) - 1)
        places: list[tuple[Any, Expr]] = [*enumerate(call.args), *call.kwargs]
        asked = {
            id(arg) for place, arg in places[1:]
            if is_whole(arg.kind) and prim.style == "method" and not takes_array(prim.fn, place, False)
        }
        return rebuild(call, lambda arg: self.host(arg, int) if id(arg) in asked else self.value(arg))

    def drawn(self, call: Call, pos: Pos | None) -> Expr:
        """An array of random numbers, from a generator on the device that the program's own seeds."""
        name, (receiver, *rest) = call.prim.text, call.args
        own = getattr(cupy.library().random.Generator, name, None)
        if own is None:
            raise _lacking(f"random.Generator.{name}", pos)
        self.check_arguments(own, f"random.Generator.{name}", len(rest), call, pos)
        made = Call(Prim(HELPERS["device_generator"], "device_generator"), (self.value(receiver),), kind=receiver.kind)
        kwargs = tuple((key, self.value(arg)) for key, arg in call.kwargs)
        return dataclasses.replace(call, args=(made, *map(self.value, rest)), kwargs=kwargs)

    def primitive(self, text: str, pos: Pos | None, own: bool = True) -> Prim:
        """What CuPy has for a function of NumPy or SciPy. own: the program itself calls it."""
        found = cupy.find(text)
        if found is None:
            raise _lacking(text, pos, own)
        return Prim(*found)


def _is_element(kind: Any) -> bool:
    return isinstance(kind, Scalar) or (isinstance(kind, Array) and kind.dims == ())


def _is_complex(kind: Kind) -> bool:
    return isinstance(kind, Array) and kind.dtype.startswith("complex")


def _is_array(expr: Expr) -> bool:
    return isinstance(expr.kind, (Array, ListOf)) and not isinstance(expr, Pack) and holds_arrays(expr.kind)


def _lacking(text: str, pos: Pos | None, own: bool = True) -> NoRuleError:
    why = "." if own else ", which the derivative of this calls."
    remedy = cupy.REMEDIES.get(text, _REMEDY)
    return NoRuleError(f"CuPy has no {text.removeprefix('np.')}{why}", remedy, pos)
