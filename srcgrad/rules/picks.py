"""Functions of scipy.ndimage that pick elements, by their order in a window or by label, and measurements by label.

What picks by order picks the same places of the ranks of the elements (runtime.picked_places).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.ndimage as nd

from srcgrad import runtime
from srcgrad.analysis import infer_shapes
from srcgrad.analysis.infer import infer_call
from srcgrad.analysis.operands import array_of_expr
from srcgrad.analysis.signatures import Bound
from srcgrad.ir.kinds import Array, Kind, Opaque, Scalar, dims
from srcgrad.ir.nodes import Call, Prim
from srcgrad.rules.build import Sym, const, helper, lift, xp
from srcgrad.rules.images import extension, ndimage
from srcgrad.rules.registry import constant, flat, jvp, linear, vjp
from srcgrad.rules.transposed import asked, builder, kind_like


def passed(fn: Callable[..., Any], text: str) -> Sym:
    """A function as an argument."""
    return Sym(Call(Prim(fn, text, "attribute"), (), kind=Opaque(type(fn))))


def places(out: Sym, fn: Callable[..., Any], x: Sym, *args: Any, **options: Any) -> Sym:
    """The places of x that `fn(x, *args, **options)` picks."""
    kind = Array("int64", dims(out.kind)) if isinstance(out.kind, Array) else Scalar("int64", weak=False)
    exprs = tuple(map(lift, (passed(fn, f"scipy.ndimage.{fn.__name__}"), x, *args)))
    named = tuple((name, lift(value)) for name, value in options.items())
    return Sym(Call(Prim(runtime.picked_places, "picked_places"), exprs, named, kind=kind))


def _pick(fn: Callable[..., Any], first: str, names: tuple[str, ...], where: Callable[..., Sym]) -> None:
    """Declare that each element of the result is one of x's; `where` takes the result and the call's arguments."""
    vjp(fn, first, domain="distinct")(builder(
        lambda d, out, **k: helper(runtime.unpicked)(d, where(out, **k), k[first]), ("d", "out", first), names
    ))  # fmt: skip
    jvp(fn, first)(builder(
        lambda t, out, **k: helper(runtime.picked)(t, where(out, **k)), ("t", "out", first), names
    ))  # fmt: skip


def _by_order(fn: Any, *own: str) -> None:
    """Declare a filter that picks by order."""
    options = (*own, "mode", "cval", "origin", "axes") if "axis" not in own else (*own, "mode", "cval", "origin")

    def where(out: Sym, input: Sym, **given: Any) -> Sym:
        constant_ = given["mode"] is not None and extension(given["mode"]) == "constant"
        border = given.pop("cval")
        if constant_:
            given["cval"] = 0.0 if border is None else border
        return places(out, fn, input, **{"cval": given.pop("cval")} if constant_ else {}, **asked(fn, given))

    _pick(fn, "input", options, where)
    infer_shapes.RULES[fn] = kind_like("input")


for _fn, *_own in (
    (nd.maximum_filter, "size", "footprint"), (nd.minimum_filter, "size", "footprint"),
    (nd.median_filter, "size", "footprint"), (nd.percentile_filter, "percentile", "size", "footprint"),
    (nd.rank_filter, "rank", "size", "footprint"), (nd.maximum_filter1d, "size", "axis"),
    (nd.minimum_filter1d, "size", "axis"), (nd.grey_erosion, "size", "footprint"),
    (nd.grey_dilation, "size", "footprint"), (nd.grey_opening, "size", "footprint"),
    (nd.grey_closing, "size", "footprint"),
):  # fmt: skip
    _by_order(_fn, *_own)


def _extremum_of_labels(fn: Any) -> None:
    def where(out: Sym, input: Sym, labels: Any, index: Any) -> Sym:
        given = {"labels": labels, "index": index}
        return places(out, fn, input, **{k: v for k, v in given.items() if v is not None})

    _pick(fn, "input", ("labels", "index"), where)


_extremum_of_labels(nd.maximum)
_extremum_of_labels(nd.minimum)


@linear(runtime.picked, "x")
def _picked(d: Sym, x: Sym, places: Sym) -> Sym:
    return helper(runtime.unpicked)(d, places, x)


@linear(runtime.unpicked, "g")
def _unpicked(d: Sym, g: Sym, places: Sym, x: Sym) -> Sym:
    return helper(runtime.picked)(d, places)


flat(runtime.unpicked, "x")
infer_shapes.RULES[runtime.unpicked] = kind_like("x", "g")
constant(runtime.picked_places)


def _places_kind(prim: Prim, bound: Bound) -> Kind:
    options = tuple((k, v) for k, v in bound.items() if k not in ("filter", "x", "args"))
    given = bound["filter"]
    fn = given.prim.fn if isinstance(given, Call) else const(given)
    found = infer_call(Prim(fn, prim.text), (bound["x"], *bound.get("args", ())), options)
    return Array("int64", dims(found)) if isinstance(found, Array) else Scalar("int64", weak=False)


infer_shapes.RULES[runtime.picked_places] = _places_kind

# ---- measurements --------------------------------------------------------------------------------------------


@linear((nd.sum_labels, nd.sum), "input")
def _sum_labels(d: Sym, input: Sym, labels: Any = None, index: Any = None) -> Sym:
    if labels is None:
        return xp.full_like(input, d)
    if index is None:
        return xp.where(labels > 0, d, 0.0)
    return helper(runtime.by_label)(d, labels, index)


@linear(runtime.by_label, "g")
def _by_label(d: Sym, g: Sym, labels: Sym, index: Any) -> Sym:
    return ndimage.sum_labels(d, labels, index)


def _of_labels(prim: Prim, bound: Bound) -> Kind:
    """One number for each label that is asked for; SciPy sums labelled elements in double precision."""
    summed = prim.fn in (nd.sum_labels, nd.sum) and const(bound.get("labels")) is not None
    dtype = "float64" if summed else array_of_expr(bound["input"]).dtype
    index = bound.get("index")
    shape = () if index is None or const(index) is None else array_of_expr(index).dims
    return Scalar(dtype, weak=False) if shape == () else Array(dtype, shape)


infer_shapes.RULES |= dict.fromkeys((nd.sum_labels, nd.sum, nd.maximum, nd.minimum), _of_labels)
infer_shapes.RULES[runtime.by_label] = kind_like("labels", "g")
