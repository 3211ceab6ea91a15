"""Building expressions of derivatives in the notation of the derivatives: `d * xp.cos(x)`.

Operators simplify as a person would who writes the result down (see arithmetic).
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.analysis.infer import infer_call, infer_load, kind_of
from srcgrad.analysis.signatures import const
from srcgrad.ir.kinds import Array, Dim, Kind, Scalar, dims, is_complex, not_one, rank
from srcgrad.ir.nodes import Call, Cond, Const, Expr, Load, Pack, Prim, Slice
from srcgrad.rules import arithmetic
from srcgrad.rules.arithmetic import negated

__all__ = [
    "Like", "Sym", "chosen", "conj", "const", "guarded", "helper", "lift", "negated", "picked", "total",
    "unbroadcast",
    "using_math", "xp",
]  # fmt: skip

using_math: ContextVar[bool] = ContextVar("using_math", default=False)
"""Whether xp.cos(x) is printed as math.cos(x): while the rule of a function of `math` is used."""


@dataclass(frozen=True, eq=False)
class Sym:
    """An expression with the operators of the value that it stands for. Comparison builds a comparison."""

    expr: Expr

    @property
    def kind(self) -> Kind:
        return kind_of(self.expr)

    def __add__(self, other: Like) -> Sym:
        return Sym(arithmetic.add(self.expr, lift(other)))

    def __radd__(self, other: Like) -> Sym:
        return Sym(arithmetic.add(lift(other), self.expr))

    def __sub__(self, other: Like) -> Sym:
        return Sym(arithmetic.subtract(self.expr, lift(other)))

    def __rsub__(self, other: Like) -> Sym:
        return Sym(arithmetic.subtract(lift(other), self.expr))

    def __mul__(self, other: Like) -> Sym:
        return Sym(arithmetic.multiply(self.expr, lift(other)))

    def __rmul__(self, other: Like) -> Sym:
        return Sym(arithmetic.multiply(lift(other), self.expr))

    def __truediv__(self, other: Like) -> Sym:
        return Sym(arithmetic.divide(self.expr, lift(other)))

    def __rtruediv__(self, other: Like) -> Sym:
        return Sym(arithmetic.divide(lift(other), self.expr))

    def __pow__(self, other: Like) -> Sym:
        return Sym(arithmetic.power(self.expr, lift(other)))

    def __rpow__(self, other: Like) -> Sym:
        return Sym(arithmetic.power(lift(other), self.expr))

    def __neg__(self) -> Sym:
        return Sym(arithmetic.negative(self.expr))

    def __matmul__(self, other: Like) -> Sym:
        return Sym(arithmetic.operation("@", self.expr, lift(other)))

    def __floordiv__(self, other: Like) -> Sym:
        return Sym(arithmetic.operation("//", self.expr, lift(other)))

    def __invert__(self) -> Sym:
        return Sym(arithmetic.operation("~", self.expr))

    def __and__(self, other: Like) -> Sym:
        return Sym(arithmetic.operation("&", self.expr, lift(other)))

    def __or__(self, other: Like) -> Sym:
        return Sym(arithmetic.operation("|", self.expr, lift(other)))

    def __lt__(self, other: Like) -> Sym:
        return Sym(arithmetic.operation("<", self.expr, lift(other)))

    def __le__(self, other: Like) -> Sym:
        return Sym(arithmetic.operation("<=", self.expr, lift(other)))

    def __gt__(self, other: Like) -> Sym:
        return Sym(arithmetic.operation(">", self.expr, lift(other)))

    def __ge__(self, other: Like) -> Sym:
        return Sym(arithmetic.operation(">=", self.expr, lift(other)))

    def eq(self, other: Like) -> Sym:
        return Sym(arithmetic.operation("==", self.expr, lift(other)))

    def ne(self, other: Like) -> Sym:
        return Sym(arithmetic.operation("!=", self.expr, lift(other)))

    def __getitem__(self, index: Any) -> Sym:
        lifted = lift(index)
        return Sym(Load(self.expr, lifted, kind=infer_load(self.expr, lifted)))

    @property
    def T(self) -> Sym:
        if isinstance(self.expr, Call) and self.expr.prim == Prim(np.transpose, "T", "attribute"):
            return Sym(self.expr.args[0])  # x.T.T
        if rank(self.kind) == 0:
            return self
        return _member(np.transpose, "T", self, style="attribute")

    @property
    def shape(self) -> Sym:
        return _member(np.shape, "shape", self, style="attribute")

    @property
    def size(self) -> Sym:
        return _member(np.size, "size", self, style="attribute")

    @property
    def real(self) -> Sym:
        """The real part; a real number is its own."""
        return _member(np.real, "real", self, style="attribute") if is_complex(self.kind) else self

    def sum(self, axis: Like = None, keepdims: bool = False) -> Sym:
        options: dict[str, Any] = {} if axis is None else {"axis": axis}
        if keepdims:
            options["keepdims"] = True
        return _member(np.sum, "sum", self, **options)

    def reshape(self, *shape: Like) -> Sym:
        return _member(np.reshape, "reshape", self, *shape)

    def transpose(self, *axes: Like) -> Sym:
        return _member(np.transpose, "transpose", self, *axes)

    def swapaxes(self, a: int, b: int) -> Sym:
        return _member(np.swapaxes, "swapaxes", self, a, b)

    def astype(self, dtype: str) -> Sym:
        return _member(np.astype, "astype", self, np.dtype(dtype).type)

    def copy(self) -> Sym:
        return _member(np.copy, "copy", self)

    def tolist(self) -> Sym:
        return _member(np.ndarray.tolist, "tolist", self)


Like = Sym | Expr | bool | int | float | complex | None | str | type | tuple[Any, ...] | list[Any] | slice
"""What stands for an expression: a Sym, an expression, or a Python value."""


def lift(value: Any) -> Expr:
    """The expression of a Sym or a Python value."""
    if isinstance(value, Sym):
        return value.expr
    if isinstance(value, Expr):
        return value
    if isinstance(value, (tuple, list)):
        pack = Pack("tuple" if isinstance(value, tuple) else "list", tuple(lift(v) for v in value))
        return Pack(pack.type, pack.items, kind=kind_of(pack))
    if isinstance(value, slice):
        bounds = [None if b is None else lift(b) for b in (value.start, value.stop, value.step)]
        return Slice(*bounds)
    constant = Const(value)
    return Const(value, kind=kind_of(constant))


_OF_NUMBERS = ("reshape", "shape", "size", "sum", "swapaxes", "transpose")


def _member(fn: Callable[..., Any], text: str, *args: Like, style: str = "method", **kwargs: Like) -> Sym:
    if isinstance(kind_of(lift(args[0])), Scalar) and text in _OF_NUMBERS:  # a Python float has no such method
        return call(Prim(fn, f"np.{text}"), *args, **kwargs)
    return call(Prim(fn, text, style), *args, **kwargs)


def call(prim: Prim, *args: Like, **kwargs: Like) -> Sym:
    """A call of a primitive."""
    lifted = tuple(lift(a) for a in args)
    named = tuple((name, lift(value)) for name, value in kwargs.items())
    return Sym(Call(prim, lifted, named, kind=infer_call(prim, lifted, named)))


class Namespace:
    """A module whose functions build calls of themselves: `xp.cos(x)`, `xp.linalg.norm(x)`."""

    def __init__(self, module: Any, text: str) -> None:
        self._module, self._text = module, text

    def __getattr__(self, name: str) -> Any:
        if self._module is np and using_math.get() and hasattr(math, _IN_MATH.get(name, name)):
            name = _IN_MATH.get(name, name)
            return helper(getattr(math, name), f"math.{name}")
        found = getattr(self._module, name)
        text = f"{self._text}.{name}"
        return helper(found, text) if callable(found) else Namespace(found, text)


_IN_MATH = {"power": "pow", "abs": "fabs", "arctan": "atan", "arcsin": "asin", "arccos": "acos"}

xp: Any = Namespace(np, "np")
"""NumPy, building expressions instead of computing."""


def helper(fn: Callable[..., Any], text: str = "") -> Callable[..., Sym]:
    """A function (of srcgrad.runtime, say) that builds a call of itself."""
    prim = Prim(fn, text or fn.__name__)

    def build(*args: Like, **kwargs: Like) -> Sym:
        return call(prim, *args, **kwargs)

    return build


def total(terms: Sequence[Sym]) -> Sym:
    """The sum of one term or more."""
    return functools.reduce(operator.add, terms)


def conj(x: Sym) -> Sym:
    """The complex conjugate; a real number is its own."""
    if not is_complex(x.kind):
        return x
    return _member(np.conjugate, "conj", x) if isinstance(x.kind, Array) else xp.conj(x)


# ---- shapes --------------------------------------------------------------------------------------------------


def guarded(d: Sym, contribution: Sym) -> Sym:
    """`contribution` where `d` is not zero, else zero: for partials that may be infinite where d is zero."""
    return chosen(d.eq(0), 0.0, contribution)


def chosen(test: Sym, this: Like, other: Like) -> Sym:
    """`this` where the test holds, else `other`: np.where, and for numbers Python's own choice."""
    numbers = all(rank(kind_of(lift(value))) == 0 for value in (test, this, other))
    return picked(test, this, other) if numbers else _np_where(test, this, other)


def _element(expr: Expr) -> Expr:
    """The number in an array without axes: not the array itself, which may be written later."""
    kind = kind_of(expr)
    return Sym(expr)[()].expr if isinstance(kind, Array) and rank(kind) == 0 else expr


def picked(test: Sym, this: Like, other: Like) -> Sym:
    """`this if test else other`, of the kind of the one that is no literal."""
    body, orelse = (_element(lift(value)) for value in (this, other))
    kind = kind_of(orelse if isinstance(body, Const) else body)
    return Sym(Cond(test.expr, body, orelse, kind=kind))


_np_where = helper(np.where, "np.where")
_np_sum = helper(np.sum, "np.sum")


def unbroadcast(s: Sym, node: Kind, arg: Kind, x: Sym, others: Sequence[Kind] = ()) -> Sym:
    """The sum over the axes along which x was broadcast: brings an adjoint of the node's shape to that of x.

    others: the kinds of the other operands that x was broadcast with; they show which axes kept x's length.
    """
    whole, part = dims(node), dims(arg)
    positive = None if part == whole == () else negated(s.expr)
    if positive is not None and not isinstance(positive, Const):  # the sum first, then its sign
        return -unbroadcast(Sym(positive), node, arg, x, others)
    if part == ():
        if whole == ():
            return s
        return _np_sum(s)
    if _only_numbers(others):
        return s
    if whole is None or part is None:
        return helper(runtime.unbroadcast)(s, x)
    lead = len(whole) - len(part)
    if lead < 0:  # float(x) of an array of one element
        return xp.full_like(x, s)
    once: list[int] = []
    for k, (n, m) in enumerate(zip(whole[lead:], part, strict=False)):
        same = axis_kept(n, m, [_axis(dims(o), k - len(part)) for o in others] if others else None)
        if same is None:
            return helper(runtime.unbroadcast)(s, x)
        if not same:
            once.append(k)
    if lead:
        s = s.sum(axis=0 if lead == 1 else tuple(range(lead)))
    if once:
        s = s.sum(axis=once[0] if len(once) == 1 else tuple(once), keepdims=True)
    return s


def _only_numbers(others: Sequence[Kind]) -> bool:
    return bool(others) and all(dims(o) == () for o in others)


def _axis(shape: tuple[Dim, ...] | None, k: int) -> Dim:
    """Length of the axis k < 0, 1 where there is none."""
    if shape is None:
        return None
    return shape[k] if -k <= len(shape) else 1


def axis_kept(whole: Dim, part: Dim, others: Sequence[Dim] | None = None) -> bool | None:
    """Whether an axis has the length in the broadcast result that it has in the operand; None: cannot be decided."""
    if whole == 1 or not_one(part) or (whole is not None and whole == part):
        return True
    if part == 1:
        return False
    if others is not None and all(o == 1 or (o is not None and o == part) for o in others):
        return True
    return None


def same_shape(node: Kind, arg: Kind, others: Sequence[Kind]) -> bool:
    """Whether the operand is known to have the shape of the result of broadcasting it with the others."""
    whole, part = dims(node), dims(arg)
    if whole == () and part == ():
        return True
    if part == ():
        return False
    if all(dims(o) == () for o in others):
        return True
    if whole is None or part is None or len(whole) != len(part):
        return False
    return all(
        bool(axis_kept(n, m, [_axis(dims(o), k - len(part)) for o in others]))
        for k, (n, m) in enumerate(zip(whole, part, strict=False))
    )


def cast(s: Sym, arg: Kind) -> Sym:
    """`s` in the dtype of the argument that it is a contribution to."""
    if isinstance(arg, Scalar) and isinstance(s.kind, Array) and rank(s.kind) == 0:
        s = s[()]  # the number, not the array that holds it, which may be written later
    if is_complex(s.kind) and not is_complex(arg):
        s = s.real
    if not isinstance(arg, Array) and not (isinstance(arg, Scalar) and not arg.weak):
        return s
    kind = s.kind
    if isinstance(kind, Scalar) and (kind.weak or (is_complex(arg) and not is_complex(kind))):
        return s  # it takes the dtype of what it meets
    if isinstance(kind, (Scalar, Array)) and kind.dtype != arg.dtype:
        return number(s, arg.dtype) if isinstance(s.expr, Cond) else s.astype(arg.dtype)
    return s


def number(s: Sym, dtype: str) -> Sym:
    """A number in a dtype, also one that may turn out to be a Python number, which has no astype."""
    return helper(np.dtype(dtype).type, f"np.{dtype}")(s)
