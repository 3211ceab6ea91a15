"""Functions of scipy.ndimage: filters, picks, measurements; loaded where the first is looked up.

A filter multiplies each window of an image that is extended beyond its edges by weights. Its adjoint is the filter with
the weights turned round, of an adjoint that is extended by zeros; what falls beyond the edges then is folded back
(runtime.unpad). Where the extension is by zeros, or periodic, and where it repeats the edge and the weights are
symmetric, it is one filter of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.ndimage as nd

from srcgrad import runtime
from srcgrad.analysis import infer_shapes
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Array, dims, rank
from srcgrad.rules.build import Namespace, Sym, const, helper, lift, xp
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, jvp, linear
from srcgrad.rules.transposed import asked, builder, kind_like, kind_of_rank

__all__ = ["ndimage"]

ndimage: Any = Namespace(nd, "scipy.ndimage")
"""scipy.ndimage, building expressions instead of computing."""


def signal() -> Any:
    """scipy.signal likewise, which is imported where it is needed."""
    import scipy.signal

    return Namespace(scipy.signal, "scipy.signal")


# ---- filters -------------------------------------------------------------------------------------------------

PADS = {
    "reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "edge", "wrap": "wrap",
    "grid-wrap": "wrap", "constant": "constant", "grid-constant": "constant",
}  # fmt: skip
"""How numpy.pad calls an extension."""


def extension(mode: Any) -> str:
    """numpy.pad's name of `mode`, which may be one for each axis if all are the same."""
    found = literal(mode, "mode")
    names = {found} if isinstance(found, str) else set(found)
    if len(names) != 1 or not names <= set(PADS):
        raise KindError("filters are differentiated for one known `mode` of all axes",
                        "Filter along one axis after the other.")  # fmt: skip
    return PADS[names.pop()]


def numbers(value: Any, n: int, name: str) -> list[Any]:
    """An option that is one number for all axes, or one for each."""
    found = literal(value, name)
    return list(found) if isinstance(found, (tuple, list)) else [found] * n


def axes_of(x: Sym) -> int:
    n = rank(x.kind)
    if n is None:
        raise KindError("filters are differentiated for arrays whose numbers of axes are known")
    return n


def one_axis(reach: Any, axis: Any, n: int) -> Any:
    """Widths of padding along one of n axes alone."""
    return tuple(reach if k == axis % n else (0, 0) for k in range(n)) if n > 1 else reach


def folded(d: Sym, x: Sym, mode: Any, turned: Callable[..., Sym], reach: Any, even: bool = False) -> Sym:
    """The adjoint of x from that of a filter of it.

    turned: takes an array and `mode=`, and filters with the weights turned round; reach: how far a window goes from
    its middle, as widths of np.pad; even: the weights are symmetric.
    """
    how = extension(mode)
    if even and how == "symmetric":
        return turned(d)
    if how in ("constant", "wrap"):
        return turned(d, mode=how)
    return helper(runtime.unpad)(turned(xp.pad(d, reach), mode="constant"), x, reach, how)


def _filter(fn: Callable[..., Any], options: tuple[str, ...], adjoint: Callable[..., Sym]) -> None:
    """Declare a filter that is linear in its input, of these options beside `mode` and `cval`."""
    names = (*options, "mode", "cval")
    call = helper(fn, f"scipy.ndimage.{fn.__name__}")

    def back(d: Sym, input: Sym, **given: Any) -> Sym:
        given.pop("cval")
        given["mode"] = given["mode"] or "reflect"
        return adjoint(call, d, input, **{name: value for name, value in given.items() if value is not None})

    def moved(t: Sym, input: Sym, **given: Any) -> Sym:
        given.pop("cval")  # what is beyond the edge does not move
        return call(t, **asked(fn, given))

    linear(fn, "input")(builder(back, ("d", "input"), names))
    jvp(fn, "input")(builder(moved, ("t", "input"), names))
    infer_shapes.RULES[fn] = kind_like("input")


def _size_in(axes: Any, n: int) -> int:
    found = literal(axes, "axes")
    return n if found is None else 1 if isinstance(found, int) else len(found)


def _gaussian(
    call: Any, d: Sym, input: Sym, mode: Any, sigma: Any, order: Any = 0, truncate: Any = 4.0, radius: Any = None,
    axis: Any = None, axes: Any = None,
) -> Sym:  # fmt: skip
    n = axes_of(input)
    m = 1 if call is _gaussian1d else _size_in(axes, n)
    orders = numbers(order, m, "order")
    given = {"order": order, "truncate": truncate, "radius": radius, "axis": axis, "axes": axes}
    usual = {"order": 0, "truncate": 4.0, "radius": None, "axis": None, "axes": None}
    options = {k: v for k, v in given.items() if const(lift(v)) != usual[k]}
    if radius is not None:
        reach = max(numbers(radius, m, "radius"))
    else:
        reach = _reach(sigma, truncate)
    widths = one_axis((reach, reach), literal(axis), n) if axis is not None else reach
    odd = sum(orders) % 2

    def turned(x: Sym, **more: Any) -> Sym:
        found: Sym = call(x, sigma, **options, **more)
        return -found if odd else found

    return folded(d, input, mode, turned, widths, all(k % 2 == 0 for k in orders))


def _reach(sigma: Any, truncate: Any) -> Any:
    """How many elements a gaussian covers on each side."""
    known = const(lift(sigma))
    cut = literal(truncate, "truncate")
    if isinstance(known, (int, float)):
        return int(cut * known + 0.5)
    if isinstance(known, (tuple, list)):
        return int(cut * max(known) + 0.5)
    if not isinstance(sigma, Sym) or rank(sigma.kind) != 0:
        raise KindError("`sigma` of this mode has to be a number, or known when compiling")
    return helper(int)(cut * sigma + 0.5)


def _gaussian_along(call: Any, d: Sym, input: Sym, axis: Any = -1, **options: Any) -> Sym:
    return _gaussian(_gaussian1d, d, input, axis=axis, **options)


_gaussian1d = helper(nd.gaussian_filter1d, "scipy.ndimage.gaussian_filter1d")
_filter(nd.gaussian_filter, ("sigma", "order", "truncate", "radius", "axes"), _gaussian)
_filter(nd.gaussian_filter1d, ("sigma", "axis", "order", "truncate", "radius"), _gaussian_along)
_filter(nd.gaussian_laplace, ("sigma", "axes"), _gaussian)


def _turned_origin(size: int, origin: int) -> int:
    """The origin of a window that is turned round."""
    return -origin if size % 2 else -origin - 1


def _uniform(
    call: Any, d: Sym, input: Sym, mode: Any, size: Any = 3, origin: Any = 0, axes: Any = None, axis: Any = None
) -> Sym:
    n = axes_of(input)
    m = 1 if axis is not None else _size_in(axes, n)
    sizes, origins = numbers(size, m, "size"), numbers(origin, m, "origin")
    turned = [_turned_origin(k, o) for k, o in zip(sizes, origins, strict=True)]
    shown: Any = turned[0] if len(set(turned)) == 1 else tuple(turned)
    options = {"origin": shown} if shown != 0 else {}
    options |= {k: v for k, v in (("axis", axis), ("axes", axes)) if v is not None}
    reach = max(k // 2 + abs(o) for k, o in zip(sizes, origins, strict=True))
    widths = one_axis((reach, reach), literal(axis), n) if axis is not None else reach
    even = all(k % 2 for k in sizes) and not any(origins)
    return folded(d, input, mode, lambda x, **more: call(x, size, **options, **more), widths, even)


_filter(nd.uniform_filter, ("size", "origin", "axes"), _uniform)
_filter(nd.uniform_filter1d, ("size", "axis", "origin"),
        lambda call, d, input, axis=-1, **options: _uniform(call, d, input, axis=axis, **options))  # fmt: skip


def _slope(call: Any, d: Sym, input: Sym, mode: Any, axis: Any = -1) -> Sym:
    options = {} if literal(axis) == -1 else {"axis": axis}
    return folded(d, input, mode, lambda x, **more: -call(x, **options, **more), 1)


_filter(nd.sobel, ("axis",), _slope)
_filter(nd.prewitt, ("axis",), _slope)


def _laplace(call: Any, d: Sym, input: Sym, mode: Any, axes: Any = None) -> Sym:
    options = {} if axes is None else {"axes": axes}
    return folded(d, input, mode, lambda x, **more: call(x, **options, **more), 1, even=True)


_filter(nd.laplace, ("axes",), _laplace)

# ---- filters with weights of the user's ----------------------------------------------------------------------

_OPPOSITE = {nd.correlate: "convolve", nd.convolve: "correlate", nd.correlate1d: "convolve1d",
             nd.convolve1d: "correlate1d"}  # fmt: skip


def _reaches(weights: Sym, origin: Any, axis: Any, n: int) -> list[tuple[Any, Any]]:
    """How far windows reach ahead of and behind an element, along each axis."""
    result: list[tuple[Any, Any]] = []
    m = 1 if axis is not None else n
    places = [k % n == literal(axis) % n for k in range(n)] if axis is not None else [True] * n
    origins = iter(numbers(origin, m, "origin"))
    for k, inside in enumerate(places):
        if not inside:
            result.append((0, 0))
            continue
        o, length = next(origins), _length(weights, 0 if axis is not None else k)
        before = length // 2 + o
        result.append((before, length - 1 - before))
    return result


def _length(weights: Sym, k: int) -> Any:
    known = dims(weights.kind) if isinstance(weights.kind, Array) else None
    listed = const(weights.expr)
    if isinstance(listed, (list, tuple)):
        return len(listed) if k == 0 else len(listed[0])
    if known is not None and isinstance(known[k], int):
        return known[k]
    return weights.shape[k] if isinstance(weights.kind, Array) else helper(len)(weights)


def _weighted(fn: Any) -> None:
    """Declare a correlation or a convolution, in the image and in the weights."""
    one = fn in (nd.correlate1d, nd.convolve1d)
    options = ("axis", "mode", "cval", "origin") if one else ("mode", "cval", "origin")
    opposite, call = getattr(ndimage, _OPPOSITE[fn]), helper(fn, f"scipy.ndimage.{fn.__name__}")

    def settings(given: dict[str, Any]) -> tuple[Any, Any, Any]:
        axis = given.get("axis")
        return (-1 if one and axis is None else axis), given["mode"] or "reflect", given["origin"] or 0

    def in_input(d: Sym, input: Sym, weights: Sym, **given: Any) -> Sym:
        axis, mode, origin = settings(given)
        n = axes_of(input)
        origins = iter(numbers(origin, n, "origin"))
        wider = [b if next(origins) < 0 else a for a, b in _reaches(weights, origin, axis, n)]
        widths = wider[0] if n == 1 else tuple((width,) for width in wider)
        more = {k: v for k, v in given.items() if k in ("axis", "origin")}
        return folded(d, input, mode, lambda x, **m: opposite(x, weights, **asked(fn, more), **m), widths)

    def in_weights(d: Sym, input: Sym, weights: Sym, **given: Any) -> Sym:
        axis, mode, origin = settings(given)
        n, how = axes_of(input), extension(mode)
        swap = fn in (nd.convolve, nd.convolve1d)
        widths: Any = tuple((b, a) if swap else (a, b) for a, b in _reaches(weights, origin, axis, n))
        border = {"constant_values": given["cval"]} if how == "constant" and given["cval"] is not None else {}
        wide = xp.pad(input, widths[0] if n == 1 else widths, how, **border)
        found = helper(runtime.valid_correlation)(wide, d)
        found = found.reshape(-1) if one and n > 1 else found
        return xp.flip(found) if swap else found

    def moved(t: Sym, input: Sym, weights: Sym, **given: Any) -> Sym:
        return call(t, weights, **asked(fn, {k: v for k, v in given.items() if k != "cval"}))

    names = ("input", "weights")
    linear(fn, "input")(builder(in_input, ("d", *names), options))
    linear(fn, "weights")(builder(in_weights, ("d", *names), options))
    jvp(fn, "input")(builder(moved, ("t", *names), options))
    infer_shapes.RULES[fn] = kind_like("input")


for _fn in (nd.correlate, nd.convolve, nd.correlate1d, nd.convolve1d):
    _weighted(_fn)

@linear(runtime.valid_correlation, "in1")
def _valid_left(d: Sym, in1: Sym, in2: Sym) -> Sym:
    return signal().convolve(d, in2)


@linear(runtime.valid_correlation, "in2")
def _valid_right(d: Sym, in1: Sym, in2: Sym) -> Sym:
    return signal().correlate(in1, d, "valid")


infer_shapes.RULES[runtime.valid_correlation] = kind_of_rank("in1", "in1", "in2")

from srcgrad.rules import picks, splines  # noqa: E402, F401  (more of the library)
from srcgrad.rules.defined import images  # noqa: E402, F401  (its definitions)

constant(
    nd.label, nd.find_objects, nd.value_indices, nd.minimum_position, nd.maximum_position, nd.histogram,
    nd.watershed_ift, nd.generate_binary_structure, nd.iterate_structure, nd.distance_transform_bf,
    nd.distance_transform_cdt, nd.distance_transform_edt, nd.binary_closing, nd.binary_dilation, nd.binary_erosion,
    nd.binary_fill_holes, nd.binary_hit_or_miss, nd.binary_opening, nd.binary_propagation,
)  # fmt: skip
