"""Declaring linear and bilinear functions whose adjoints are functions of the runtime.

Both are then differentiated to any order: the adjoint of an adjoint is the function itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.analysis import infer_shapes
from srcgrad.analysis.operands import array_of_expr
from srcgrad.analysis.signatures import Bound, const, default
from srcgrad.ir.kinds import Array, Kind, join_dtype
from srcgrad.ir.nodes import Prim
from srcgrad.rules.build import Sym, helper
from srcgrad.rules.registry import Builder, flat, linear

__all__ = ["asked", "bilinear", "builder", "kind_like", "kind_of_rank"]


def kind_like(shape: str, *dtypes: str) -> Callable[[Prim, Bound], Kind]:
    """The kind of a result that has the shape of one argument, and the dtype of some (of that one by default)."""

    def rule(prim: Prim, bound: Bound) -> Kind:
        dtype = ""
        for name in dtypes or (shape,):
            other = array_of_expr(bound[name]).dtype
            other = "float64" if other.startswith(("int", "uint", "bool")) else other
            dtype = join_dtype(dtype, other) if dtype else other
        return Array(dtype, array_of_expr(bound[shape]).dims)

    return rule


def kind_of_rank(name: str, *dtypes: str) -> Callable[[Prim, Bound], Kind]:
    """The kind of a result with as many axes as an argument, of lengths that only the run knows."""

    def rule(prim: Prim, bound: Bound) -> Kind:
        found = kind_like(name, *dtypes)(prim, bound)
        shape = getattr(found, "dims", None)
        return Array(getattr(found, "dtype", ""), None if shape is None else (None,) * len(shape))

    return rule


def builder(build: Builder, names: Sequence[str], options: Sequence[str] = ()) -> Builder:
    """A builder that takes an adjoint, arguments of these names, and options, which are None where they are missing."""

    def made(**given: Any) -> Any:
        return build(**{**dict.fromkeys(options), **{name: _or_none(value) for name, value in given.items()}})

    empty, keyword = inspect.Parameter.empty, inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(n, keyword) for n in names]
    parameters += [inspect.Parameter(n, keyword, default=None) for n in options]
    made.__signature__ = inspect.Signature(parameters, return_annotation=empty)  # type: ignore[attr-defined]
    return made


def _or_none(value: Any) -> Any:
    return None if isinstance(value, Sym) and const(value.expr) is None else value


def asked(fn: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options of a call that are given, and not the function's defaults."""
    return {
        name: value for name, value in options.items()
        if value is not None and not _same(const(value.expr if isinstance(value, Sym) else value), default(fn, name))
    }  # fmt: skip


def _same(value: Any, usual: Any) -> bool:
    return type(value) is type(usual) and not hasattr(value, "shape") and bool(value == usual)


def bilinear(
    fn: Callable[..., Any], text: str, operands: tuple[str, str], of_first: Callable[..., Any],
    of_second: Callable[..., Any], options: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Declare that `fn` is linear in each of two operands, and which functions give their adjoints.

    of_first, of_second: take the adjoint g of the result, both operands and the options, by fn's names.
    """
    x, y = operands
    infer_shapes.RULES[of_first], infer_shapes.RULES[of_second] = kind_like(x, "g", y), kind_like(y, "g", x)
    product, left, right = helper(fn, text), helper(of_first), helper(of_second)

    def declare(target: Callable[..., Any], wanted: str, build: Callable[..., Sym]) -> None:
        def made(d: Sym, g: Any = None, **given: Any) -> Sym:
            a, b = given.pop(x), given.pop(y)
            return build(d, g, a, b, asked(fn, given))

        linear(target, wanted)(builder(made, ("d", x, y) if target is fn else ("d", "g", x, y), options))

    declare(fn, x, lambda d, g, a, b, rest: left(d, a, b, **rest))
    declare(fn, y, lambda d, g, a, b, rest: right(d, a, b, **rest))
    declare(of_first, "g", lambda d, g, a, b, rest: product(d, b, **rest))
    declare(of_first, y, lambda d, g, a, b, rest: right(g, d, b, **rest))
    declare(of_second, "g", lambda d, g, a, b, rest: product(a, d, **rest))
    declare(of_second, x, lambda d, g, a, b, rest: left(g, a, d, **rest))
    flat(of_first, x)
    flat(of_second, y)
