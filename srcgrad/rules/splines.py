"""Interpolation of images by splines: functions of scipy.ndimage that read an image at coordinates."""

from __future__ import annotations

from typing import Any

import scipy.ndimage as nd

from srcgrad import runtime
from srcgrad.analysis import infer_shapes
from srcgrad.analysis.operands import array_of_expr, shape_items
from srcgrad.analysis.signatures import Bound, const
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Array, Kind, dims, rank
from srcgrad.ir.nodes import Prim
from srcgrad.rules.build import Namespace, Sym, helper, xp
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, flat, jvp, linear, vjp
from srcgrad.rules.transposed import asked, builder, kind_like

_ndimage: Any = Namespace(nd, "scipy.ndimage")

# ---- the prefilter -------------------------------------------------------------------------------------------


def _spline(order: Any, mode: Any, axis: Any = None) -> dict[str, Any]:
    given = {"order": literal(order, "order"), "mode": literal(mode, "mode"), "axis": literal(axis)}
    return {k: v for k, v in given.items() if v != {"order": 3, "mode": "mirror", "axis": None}[k]}


@linear(nd.spline_filter, "input")
def _spline_filter(d: Sym, input: Sym, order: Any = 3, mode: Any = "mirror") -> Sym:
    return helper(runtime.spline_filter_back)(d, **_spline(order, mode))


@linear(nd.spline_filter1d, "input")
def _spline_filter1d(d: Sym, input: Sym, order: Any = 3, axis: Any = -1, mode: Any = "mirror") -> Sym:
    return helper(runtime.spline_filter_back)(d, **_spline(order, mode, axis))


@linear(runtime.spline_filter_back, "g")
def _spline_filter_back(d: Sym, g: Sym, order: Any = 3, mode: Any = "mirror", axis: Any = None) -> Sym:
    options = _spline(order, mode, axis)
    return _ndimage.spline_filter(d, **options) if axis is None else _ndimage.spline_filter1d(d, **options)


# ---- values at coordinates -----------------------------------------------------------------------------------

_OPTIONS = ("order", "mode", "cval", "prefilter")


def _axes(x: Sym) -> int:
    n = rank(x.kind)
    if n is None:
        raise KindError("images are interpolated where their numbers of axes are known")
    return n


def _moved(nu: Any, k: int, n: int) -> tuple[int, ...]:
    """The numbers of derivatives, with one more along an axis."""
    before = (0,) * n if nu is None else literal(nu, "nu")
    return tuple(m + (j == k) for j, m in enumerate(before))


def slopes(x: Sym, coordinates: Sym, given: dict[str, Any], nu: Any = None) -> Sym:
    """The derivatives of the values along each axis."""
    n, options = _axes(x), asked(nd.map_coordinates, given)
    if literal(options.get("mode", "constant"), "mode") != "grid-constant":
        options.pop("cval", None)
    return xp.stack([helper(runtime.spline_at)(x, coordinates, **options, nu=_moved(nu, k, n)) for k in range(n)])


def spread_back(d: Sym, x: Sym, coordinates: Sym, given: dict[str, Any]) -> Sym:
    """The adjoint of the image from that of its values."""
    options = asked(nd.map_coordinates, {k: v for k, v in given.items() if k != "cval"})
    return helper(runtime.spline_back)(d, x, coordinates, **options)


_pair = ("input", "coordinates")
linear(nd.map_coordinates, "input")(
    builder(lambda d, input, coordinates, **k: spread_back(d, input, coordinates, k), ("d", *_pair), _OPTIONS)
)
jvp(nd.map_coordinates, "input")(builder(
    lambda t, input, coordinates, cval, **k: _ndimage.map_coordinates(t, coordinates, **asked(nd.map_coordinates, k)),
    ("t", *_pair), _OPTIONS,
))  # fmt: skip
vjp(nd.map_coordinates, "coordinates")(
    builder(lambda d, input, coordinates, **k: d * slopes(input, coordinates, k), ("d", *_pair), _OPTIONS)
)
jvp(nd.map_coordinates, "coordinates")(
    builder(lambda t, input, coordinates, **k: (t * slopes(input, coordinates, k)).sum(axis=0), ("t", *_pair), _OPTIONS)
)

# The derivatives in turn, of which each is a sum over the same coefficients.

_own = ("x", "coordinates")
_with_nu = (*_OPTIONS, "nu")


def _nu(nu: Any) -> dict[str, Any]:
    return {} if nu is None else {"nu": nu}


def _value(x: Sym, coordinates: Sym, nu: Any, given: dict[str, Any]) -> Sym:
    options = asked(nd.map_coordinates, {k: v for k, v in given.items() if k != "cval"})
    return helper(runtime.spline_at)(x, coordinates, **options, **_nu(nu))


def _back(d: Sym, x: Sym, coordinates: Sym, nu: Any, given: dict[str, Any]) -> Sym:
    options = asked(nd.map_coordinates, {k: v for k, v in given.items() if k != "cval"})
    return helper(runtime.spline_back)(d, x, coordinates, **options, **_nu(nu))


linear(runtime.spline_at, "x")(
    builder(lambda d, x, coordinates, nu, **k: _back(d, x, coordinates, nu, k), ("d", *_own), _with_nu)
)
jvp(runtime.spline_at, "x")(
    builder(lambda t, x, coordinates, nu, **k: _value(t, coordinates, nu, k), ("t", *_own), _with_nu)
)
vjp(runtime.spline_at, "coordinates")(
    builder(lambda d, x, coordinates, nu, **k: d * slopes(x, coordinates, k, nu), ("d", *_own), _with_nu)
)
jvp(runtime.spline_at, "coordinates")(builder(
    lambda t, x, coordinates, nu, **k: (t * slopes(x, coordinates, k, nu)).sum(axis=0), ("t", *_own), _with_nu
))  # fmt: skip
_given = ("order", "mode", "prefilter", "nu")
linear(runtime.spline_back, "g")(
    builder(lambda d, g, x, coordinates, nu, **k: _value(d, coordinates, nu, k), ("d", "g", *_own), _given)
)
vjp(runtime.spline_back, "coordinates")(
    builder(lambda d, g, x, coordinates, nu, **k: g * slopes(d, coordinates, k, nu), ("d", "g", *_own), _given)
)


def _back_moved(t: Sym, g: Sym, x: Sym, coordinates: Sym, nu: Any, **given: Any) -> Sym:
    n = _axes(x)
    terms = [_back(g * t[k], x, coordinates, _moved(nu, k, n), given) for k in range(n)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


jvp(runtime.spline_back, "coordinates")(builder(_back_moved, ("t", "g", *_own), _given))
flat(runtime.spline_back, "x")

# ---- images that are moved -----------------------------------------------------------------------------------


def _read(fn: Any, names: tuple[str, ...], where: Any) -> None:
    """Declare a function that reads its input at the coordinates that `where` makes of its result and arguments."""
    call, options = helper(fn, f"scipy.ndimage.{fn.__name__}"), (*names, *_OPTIONS)

    def back(d: Sym, out: Sym, input: Sym, **k: Any) -> Sym:
        return spread_back(d, input, where(out, input, **k), {name: k[name] for name in _OPTIONS})

    def moved(t: Sym, input: Sym, cval: Any, **k: Any) -> Sym:
        return call(t, **asked(fn, k))

    linear(fn, "input")(builder(back, ("d", "out", "input"), options))
    jvp(fn, "input")(builder(moved, ("t", "input"), options))


def _shifted(out: Sym, input: Sym, shift: Any, **given: Any) -> Sym:
    n = _axes(input)
    moved = -(shift if isinstance(shift, Sym) else xp.array(shift) if isinstance(shift, (list, tuple)) else Sym(shift))
    return helper(runtime.affine_places)(xp.ones(n), moved, xp.shape(out))


def _placed(out: Sym, input: Sym, matrix: Any, offset: Any, **given: Any) -> Sym:
    return helper(runtime.affine_places)(matrix, 0.0 if offset is None else offset, xp.shape(out))


def _zoomed(out: Sym, input: Sym, grid_mode: Any, **given: Any) -> Sym:
    options = {} if grid_mode is None else {"grid_mode": grid_mode}
    return helper(runtime.zoom_places)(xp.shape(input), xp.shape(out), **options)


_read(nd.zoom, ("zoom", "grid_mode"), _zoomed)
_read(nd.shift, ("shift",), _shifted)
_read(nd.affine_transform, ("matrix", "offset", "output_shape"), _placed)


def _only(k: dict[str, Any]) -> dict[str, Any]:
    return {name: k[name] for name in _OPTIONS}


def _shift_moved(d: Sym, out: Sym, input: Sym, shift: Sym, **k: Any) -> Sym:
    moved = d * slopes(input, _shifted(out, input, shift), _only(k))
    n = _axes(input)
    return -xp.sum(moved) if rank(shift.kind) == 0 else -moved.sum(axis=1 if n == 1 else tuple(range(1, n + 1)))


def _shift_tangent(t: Sym, out: Sym, input: Sym, shift: Sym, **k: Any) -> Sym:
    found = slopes(input, _shifted(out, input, shift), _only(k))
    return -(t * found.sum(axis=0)) if rank(shift.kind) == 0 else -xp.tensordot(t, found, 1)


vjp(nd.shift, "shift")(builder(_shift_moved, ("d", "out", "input", "shift"), _OPTIONS))
jvp(nd.shift, "shift")(builder(_shift_tangent, ("t", "out", "input", "shift"), _OPTIONS))

_affine, _more = ("out", "input", "matrix"), ("offset", "output_shape", *_OPTIONS)


def _affine_slopes(out: Sym, input: Sym, matrix: Any, offset: Any, k: dict[str, Any]) -> Sym:
    return slopes(input, _placed(out, input, matrix, offset), _only(k))


vjp(nd.affine_transform, "matrix")(builder(
    lambda d, out, input, matrix, offset, **k: helper(runtime.affine_matrix_back)(
        d * _affine_slopes(out, input, matrix, offset, k), matrix),
    ("d", *_affine), _more,
))  # fmt: skip
jvp(nd.affine_transform, "matrix")(builder(
    lambda t, out, input, matrix, offset, **k: (
        helper(runtime.affine_places)(t, 0.0, xp.shape(out)) * _affine_slopes(out, input, matrix, offset, k)
    ).sum(axis=0),
    ("t", *_affine), _more,
))  # fmt: skip
vjp(nd.affine_transform, "offset")(builder(
    lambda d, out, input, matrix, offset, **k: helper(runtime.affine_offset_back)(
        d * _affine_slopes(out, input, matrix, offset, k), matrix, offset),
    ("d", *_affine), _more,
))  # fmt: skip
jvp(nd.affine_transform, "offset")(builder(
    lambda t, out, input, matrix, offset, **k: (
        helper(runtime.affine_places)(xp.zeros_like(matrix), t, xp.shape(out))
        * _affine_slopes(out, input, matrix, offset, k)
    ).sum(axis=0),
    ("t", *_affine), _more,
))  # fmt: skip


@linear(runtime.affine_places, "matrix")
def _affine_places(d: Sym, matrix: Sym, offset: Any, shape: Any) -> Sym:
    return helper(runtime.affine_matrix_back)(d, matrix)


@jvp(runtime.affine_places, "matrix")
def _affine_places_tangent(t: Sym, matrix: Sym, offset: Any, shape: Any) -> Sym:
    return helper(runtime.affine_places)(t, 0.0, shape)


@linear(runtime.affine_places, "offset")
def _affine_places_offset(d: Sym, matrix: Sym, offset: Sym, shape: Any) -> Sym:
    return helper(runtime.affine_offset_back)(d, matrix, offset)


@jvp(runtime.affine_places, "offset")
def _affine_places_offset_tangent(t: Sym, matrix: Sym, offset: Sym, shape: Any) -> Sym:
    return helper(runtime.affine_places)(xp.zeros_like(matrix), t, shape)


@linear(runtime.affine_matrix_back, "g")
def _affine_matrix_back(d: Sym, g: Sym, matrix: Sym) -> Sym:
    return helper(runtime.affine_places)(d, 0.0, xp.shape(g)[1:])


@linear(runtime.affine_offset_back, "g")
def _affine_offset_back(d: Sym, g: Sym, matrix: Sym, offset: Sym) -> Sym:
    return helper(runtime.affine_places)(xp.zeros_like(matrix), d, xp.shape(g)[1:])


flat(runtime.affine_matrix_back, "matrix")
flat(runtime.affine_offset_back, "matrix", "offset")
constant(runtime.zoom_places)


# ---- kinds ---------------------------------------------------------------------------------------------------


def _at_coordinates(first: str) -> Any:
    def rule(prim: Prim, bound: Bound) -> Kind:
        shape = dims(array_of_expr(bound["coordinates"]))
        return Array(array_of_expr(bound[first]).dtype, None if shape is None else shape[1:])

    return rule


def _reshaped(prim: Prim, bound: Bound) -> Kind:
    x = array_of_expr(bound["input"])
    n = None if x.dims is None else len(x.dims)
    shape = bound.get("output_shape")
    if prim.fn is nd.zoom:
        return Array(x.dtype, None if n is None else (None,) * n)
    if shape is None or const(shape) is None:
        return x
    found = shape_items(shape)
    return Array(x.dtype, (None,) * n if found is None and n is not None else found)


def _coordinates(prim: Prim, bound: Bound) -> Kind:
    shape = shape_items(bound["shape" if "shape" in bound else "after"])
    return Array("float64", None if shape is None else (None, *shape))


infer_shapes.RULES |= {
    nd.spline_filter: lambda prim, bound: Array("float64", dims(array_of_expr(bound["input"]))),
    nd.spline_filter1d: lambda prim, bound: Array("float64", dims(array_of_expr(bound["input"]))),
    nd.map_coordinates: _at_coordinates("input"), runtime.spline_at: _at_coordinates("x"),
    nd.shift: kind_like("input"), nd.zoom: _reshaped, nd.affine_transform: _reshaped,
    runtime.spline_filter_back: kind_like("g"), runtime.spline_back: kind_like("x", "g"),
    runtime.affine_places: _coordinates, runtime.zoom_places: _coordinates,
    runtime.affine_matrix_back: lambda prim, bound: Array("float64", dims(array_of_expr(bound["matrix"]))),
}
