"""Which parameter of a primitive each argument of a call stands for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Opaque, Scalar
from srcgrad.ir.nodes import Call, Const, Expr, Op, Pack, Prim

Bound = dict[str, Any]
"""Parameter name -> Expr, or a list of Expr for a `*args` parameter."""

# Functions written in C whose signature `inspect` does not know in every NumPy version. Methods that are C
# functions of their own, and functions whose signature differs between versions, stand here too.
_WRITTEN: dict[Any, Callable[..., None]] = {
    np.array: lambda object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0, like=None: None,
    np.asarray: lambda a, dtype=None, order=None, *, device=None, copy=None, like=None: None,
    np.asanyarray: lambda a, dtype=None, order=None, *, device=None, copy=None, like=None: None,
    np.ascontiguousarray: lambda a, dtype=None, *, like=None: None,
    np.asfortranarray: lambda a, dtype=None, *, like=None: None,
    np.zeros: lambda shape, dtype=None, order="C", *, device=None, like=None: None,
    np.ones: lambda shape, dtype=None, order="C", *, device=None, like=None: None,
    np.ndarray: lambda shape, dtype=None, buffer=None, offset=0, strides=None, order=None: None,
    np.empty: lambda shape, dtype=None, order="C", *, device=None, like=None: None,
    np.empty_like: lambda a, dtype=None, order="K", subok=True, shape=None, *, device=None: None,
    np.arange: lambda start, stop=None, step=1, dtype=None, *, device=None, like=None: None,
    np.concatenate: lambda arrays, axis=0, out=None, *, dtype=None, casting="same_kind": None,
    np.where: lambda condition, x=None, y=None: None,
    np.dot: lambda a, b, out=None: None,
    np.vdot: lambda a, b: None,
    np.inner: lambda a, b: None,
    np.matmul: lambda a, b, out=None: None,
    np.reshape: lambda a, shape, order="C", *, copy=None: None,
    np.clip: lambda a, a_min=None, a_max=None, out=None, *, min=None, max=None: None,
    np.bincount: lambda x, weights=None, minlength=0: None,
    np.copy: lambda a, order="K", subok=False: None,
    np.astype: lambda x, dtype, *, copy=True, order="K", casting="unsafe", subok=True, device=None: None,
    np.ndarray.flatten: lambda a, order="C": None,
    np.ndarray.item: lambda a, *args: None,
    np.ndarray.tolist: lambda a: None,
    runtime.unbroadcast: lambda s, x: None,
    runtime.reshape_like: lambda s, x: None,
    float: lambda x=0.0: None,
    int: lambda x=0: None,
    bool: lambda x=False: None,
    abs: lambda x: None,
    round: lambda number, ndigits=None: None,
    len: lambda obj: None,
    list: lambda iterable=(): None,
    sum: lambda iterable, start=0: None,
    pow: lambda base, exp, mod=None: None,
}
_OLD_NAMES = {np.reshape: {"newshape": "shape"}, np.arange: {"start_or_stop": "start"}}
# Methods that take the items of a tuple as arguments of their own: method -> parameter that is the tuple.
_SPREAD = {np.reshape: "shape", np.transpose: "axes"}


@cache
def signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    """The signature of a primitive, or None where it is not known."""
    written = _WRITTEN.get(fn)
    try:
        return inspect.signature(written or fn)
    except (ValueError, TypeError):
        return None


def bind(prim: Prim, args: Sequence[Expr], kwargs: Sequence[tuple[str, Expr]] = ()) -> Bound | None:
    """The arguments of a call by parameter name; only those given. None where the signature is not known.

    `x.reshape(2, 3)` and `np.reshape(x, (2, 3))` bind alike.
    """
    sig = signature(prim.fn)
    if sig is None:
        return None
    if prim.style == "method" and prim.fn in _SPREAD:
        first, rest = args[0], args[1:]
        if len(rest) > 1 or (len(rest) == 1 and _is_int(rest[0])):
            args = (first, Pack("tuple", tuple(rest), kind=Opaque(tuple)))
    renamed = _OLD_NAMES.get(prim.fn, {})
    try:
        bound = sig.bind(*args, **{renamed.get(name, name): value for name, value in kwargs}).arguments
    except TypeError as error:
        raise KindError(f"{prim.text}: {error}") from None
    result: Bound = {}
    for name, value in bound.items():
        parameter = sig.parameters[name].kind
        if parameter is inspect.Parameter.VAR_POSITIONAL:
            result[name] = list(value)
        elif parameter is inspect.Parameter.VAR_KEYWORD:
            result.update(value)
        else:
            result[name] = value
    if prim.fn is np.clip:  # x.clip(min=..) and np.clip(x, a_min=..)
        for new, old in (("min", "a_min"), ("max", "a_max")):
            if new in result:
                result[old] = result.pop(new)
    return result


def default(fn: Callable[..., Any], name: str) -> Any:
    """The default of a parameter, inspect.Parameter.empty if it has none or is not known."""
    sig = signature(fn)
    if sig is None or name not in sig.parameters:
        return inspect.Parameter.empty
    return sig.parameters[name].default


def _is_int(expr: Expr) -> bool:
    if isinstance(expr, Const):
        return isinstance(expr.value, int)
    return isinstance(expr.kind, Scalar) and expr.kind.dtype.startswith(("int", "uint"))


class Missing:
    """The value of an expression that is not known when compiling."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


def const(expr: Any) -> Any:
    """The Python value of an expression where it is known when compiling, else MISSING.

    Known are constants, displays of constants, and ints whose value is part of their kind.
    """
    match expr:
        case Const(value=value):
            return value
        case Pack(type=type_, items=items):
            values = [const(item) for item in items]
            if any(v is MISSING for v in values):
                return MISSING
            return tuple(values) if type_ == "tuple" else values
        case Op(op="neg", args=(arg,)):
            value = const(arg)
            return MISSING if isinstance(value, Missing) else -value
        case Call(prim=Prim(fn=fn)) if expr.args and fn in (dtype_of,):
            dtype = getattr(expr.args[0].kind, "dtype", None)
            return MISSING if dtype is None else np.dtype(dtype)
        case Expr(kind=Scalar(value=value)) if isinstance(value, (bool, int, float)):
            return value
        case Expr():
            return MISSING
    return expr


def dtype_of(x: Any) -> np.dtype[Any]:
    """The attribute `x.dtype`: the function that stands for it in a Call."""
    return x.dtype


def strides_of(x: Any) -> tuple[int, ...]:
    """The attribute `x.strides`."""
    strides: tuple[int, ...] = x.strides
    return strides


def itemsize_of(x: Any) -> int:
    """The attribute `x.itemsize`."""
    size: int = x.itemsize
    return size


def required(function: Any) -> tuple[str, ...]:
    """The parameters without defaults of a function of a library; () where they cannot be found out."""
    if isinstance(function, np.ufunc):
        return ("x",) if function.nin == 1 else tuple(f"x{k + 1}" for k in range(function.nin))
    found = signature(function)
    own = () if found is None else found.parameters.values()
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in own if p.kind in plain and p.default is p.empty)


def takes_more(function: Any) -> bool:
    """Whether a function of a library takes more than its required parameters. Those of ufuncs do not count."""
    found = signature(function)
    return not isinstance(function, np.ufunc) and (found is None or len(found.parameters) > len(required(function)))
