"""Functions of scipy.signal: convolutions, filters, resampling, waveforms; loaded where the first is looked up.

A filter that is linear in the signal has as its adjoint the same filter run backwards in time, and what its ends do
turned round. Functions that SciPy itself writes with others are defined by these (rules/defined/signals.py).
"""

from __future__ import annotations

from typing import Any

import scipy.signal as sp

from srcgrad import runtime
from srcgrad.analysis import infer_shapes
from srcgrad.analysis.operands import array_of_expr
from srcgrad.errors import KindError
from srcgrad.ir.kinds import dims, rank
from srcgrad.rules.build import Namespace, Sym, helper, xp
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, flat, jvp, linear, vjp
from srcgrad.rules.transposed import bilinear, kind_like, kind_of_rank

__all__ = ["signal"]

signal: Any = Namespace(sp, "scipy.signal")
"""scipy.signal, building expressions instead of computing."""


def along(axis: Any) -> dict[str, Any]:
    """The argument `axis`, where it is not the last one."""
    return {} if literal(axis) == -1 else {"axis": literal(axis)}


def reversed_in_time(x: Sym, axis: Any) -> Sym:
    """x, the other way round along an axis."""
    k = literal(axis)
    if k in (-1, 0) and rank(x.kind) == 1:
        return x[::-1]
    return xp.flip(x, k)


# ---- convolutions --------------------------------------------------------------------------------------------

bilinear(sp.fftconvolve, "scipy.signal.fftconvolve", ("in1", "in2"), runtime.convolution_left,
         runtime.convolution_right, ("mode", "axes"))  # fmt: skip
_CONVOLUTIONS = (sp.convolve, sp.convolve2d)
_CORRELATIONS = (sp.correlate, sp.correlate2d)


def _mode(mode: Any, in1: Sym, in2: Sym) -> dict[str, Any]:
    """The argument `mode`, {} for "full". Raises KindError for numbers, which have no adjoint of their shape."""
    if any(not dims(array_of_expr(x.expr)) for x in (in1, in2)):
        raise KindError("convolutions are differentiated for arrays whose numbers of axes are known")
    found = literal(mode, "mode")
    return {} if found == "full" else {"mode": found}


@linear((*_CONVOLUTIONS, sp.oaconvolve), "in1")
def _convolve_left(d: Sym, in1: Sym, in2: Sym, mode: Any = "full", method: Any = "auto", axes: Any = None) -> Sym:
    options = _mode(mode, in1, in2)
    if axes is not None or options:
        return helper(runtime.convolution_left)(d, in1, in2, **options, **({} if axes is None else {"axes": axes}))
    return signal.correlate(d, in2, "valid")


@linear((*_CONVOLUTIONS, sp.oaconvolve), "in2")
def _convolve_right(d: Sym, in1: Sym, in2: Sym, mode: Any = "full", method: Any = "auto", axes: Any = None) -> Sym:
    options = _mode(mode, in1, in2)
    if axes is not None or options:
        return helper(runtime.convolution_right)(d, in1, in2, **options, **({} if axes is None else {"axes": axes}))
    return signal.correlate(d, in1, "valid")


@linear(_CORRELATIONS, "in1")
def _correlate_left(d: Sym, in1: Sym, in2: Sym, mode: Any = "full", method: Any = "auto") -> Sym:
    options = _mode(mode, in1, in2)
    if options:
        return helper(runtime.convolution_left)(d, in1, xp.flip(in2), **options)
    return signal.convolve(d, in2, "valid")


@linear(_CORRELATIONS, "in2")
def _correlate_right(d: Sym, in1: Sym, in2: Sym, mode: Any = "full", method: Any = "auto") -> Sym:
    options = _mode(mode, in1, in2)
    if options:
        return xp.flip(helper(runtime.convolution_right)(d, in1, xp.flip(in2), **options))
    return xp.flip(signal.correlate(d, in1, "valid"))

bilinear(sp.upfirdn, "scipy.signal.upfirdn", ("h", "x"), runtime.upfirdn_taps, runtime.upfirdn_signal,
         ("up", "down", "axis"))  # fmt: skip

# ---- recursive filters ---------------------------------------------------------------------------------------
# The output solves sum a[k] y[i-k] = sum b[k] x[i-k], so changes of a act like an input -sum a_dot[k] y[i-k].


def backwards(d: Sym, b: Any, a: Sym, axis: Any) -> Sym:
    """The filter b / a, run backwards in time."""
    return reversed_in_time(signal.lfilter(b, a, reversed_in_time(d, axis), **along(axis)), axis)


@linear(sp.lfilter, "x")
def _lfilter(d: Sym, b: Sym, a: Sym, x: Sym, axis: Any = -1) -> Sym:
    return backwards(d, b, a, axis)


@linear(sp.lfilter, "b")
def _lfilter_numerator(d: Sym, b: Sym, a: Sym, x: Sym, axis: Any = -1) -> Sym:
    return helper(runtime.lagged_products)(backwards(d, [1.0], a, axis), x, b, **along(axis))


@vjp(sp.lfilter, "a")
def _lfilter_denominator(d: Sym, out: Sym, a: Sym, axis: Any = -1) -> Sym:
    return -helper(runtime.lagged_products)(backwards(d, [1.0], a, axis), out, a, **along(axis))


@jvp(sp.lfilter, "a")
def _lfilter_denominator_tangent(t: Sym, out: Sym, a: Sym, axis: Any = -1) -> Sym:
    return -signal.lfilter(t, a, out, **along(axis))


@linear(runtime.lagged_products, "g")
def _lagged_products(d: Sym, g: Sym, x: Sym, axis: Any = -1) -> Sym:
    return signal.lfilter(d, [1.0], x, **along(axis))


@linear(runtime.lagged_products, "x")
def _lagged_products_delayed(d: Sym, g: Sym, x: Sym, axis: Any = -1) -> Sym:
    return backwards(g, d, xp.ones(1), axis)


flat(runtime.lagged_products, "taps")


@linear(sp.sosfilt, "x")
def _sosfilt(d: Sym, sos: Sym, x: Sym, axis: Any = -1) -> Sym:
    return reversed_in_time(signal.sosfilt(sos, reversed_in_time(d, axis), **along(axis)), axis)


@vjp(sp.sosfilt, "sos")
def _sosfilt_sections(d: Sym, sos: Sym, x: Sym, axis: Any = -1) -> Sym:
    return helper(runtime.sosfilt_sections)(d, sos, x, **along(axis))


@jvp(sp.sosfilt, "sos")
def _sosfilt_sections_tangent(t: Sym, sos: Sym, x: Sym, axis: Any = -1) -> Sym:
    return helper(runtime.sosfilt_tangent)(t, sos, x, **along(axis))


def _padding(padtype: Any, padlen: Any) -> dict[str, Any]:
    given = {"padtype": literal(padtype, "padtype"), "padlen": padlen}
    return {name: value for name, value in given.items() if value != {"padtype": "odd", "padlen": None}[name]}


@linear(sp.filtfilt, "x")
def _filtfilt(d: Sym, b: Sym, a: Sym, x: Sym, axis: Any = -1, padtype: Any = "odd", padlen: Any = None) -> Sym:
    return helper(runtime.filtfilt_back)(d, b, a, **along(axis), **_padding(padtype, padlen))


@linear(runtime.filtfilt_back, "g")
def _filtfilt_back(d: Sym, g: Sym, b: Sym, a: Sym, axis: Any = -1, padtype: Any = "odd", padlen: Any = None) -> Sym:
    return signal.filtfilt(b, a, d, **along(axis), **_padding(padtype, padlen))


@linear(sp.sosfiltfilt, "x")
def _sosfiltfilt(d: Sym, sos: Sym, x: Sym, axis: Any = -1, padtype: Any = "odd", padlen: Any = None) -> Sym:
    return helper(runtime.sosfiltfilt_back)(d, sos, **along(axis), **_padding(padtype, padlen))


@linear(runtime.sosfiltfilt_back, "g")
def _sosfiltfilt_back(d: Sym, g: Sym, sos: Sym, axis: Any = -1, padtype: Any = "odd", padlen: Any = None) -> Sym:
    return signal.sosfiltfilt(sos, d, **along(axis), **_padding(padtype, padlen))


# ---- projections and resampling ------------------------------------------------------------------------------


@linear(sp.detrend, "data")
def _detrend(d: Sym, data: Sym, axis: Any = -1, type: Any = "linear", bp: Any = 0) -> Sym:
    """What is left after a least squares fit is an orthogonal projection."""
    kind = literal(type, "type")
    options = {**along(axis), **({} if kind == "linear" else {"type": kind})}
    return signal.detrend(d, **options, **({} if isinstance(bp, int) and bp == 0 else {"bp": bp}))


_PADS = {"mirror": "reflect", "nearest": "edge", "wrap": "wrap", "constant": "constant"}


@linear(sp.savgol_filter, "x")
def _savgol(
    d: Sym, x: Sym, window_length: Any, polyorder: Any, deriv: Any = 0, delta: Any = 1.0, axis: Any = -1,
    mode: Any = "interp",
) -> Sym:  # fmt: skip
    if literal(mode, "mode") != "interp":
        raise KindError("scipy.signal.savgol_filter is differentiated with mode='interp'",
                        "Use scipy.ndimage.convolve1d with scipy.signal.savgol_coeffs.")  # fmt: skip
    return helper(runtime.savgol_back)(d, window_length, polyorder, **_derivative(deriv, delta), **along(axis))


def _derivative(deriv: Any, delta: Any) -> dict[str, Any]:
    given = {} if isinstance(deriv, int) and deriv == 0 else {"deriv": deriv}
    return given if isinstance(delta, float) and delta == 1.0 else {**given, "delta": delta}


@linear(runtime.savgol_back, "g")
def _savgol_back(
    d: Sym, g: Sym, window_length: Any, polyorder: Any, deriv: Any = 0, delta: Any = 1.0, axis: Any = -1
) -> Sym:
    return signal.savgol_filter(d, window_length, polyorder, **_derivative(deriv, delta), **along(axis))


@linear(sp.resample_poly, "x")
def _resample_poly(d: Sym, x: Sym, up: Any, down: Any, axis: Any = 0, window: Any = None) -> Sym:
    """The interpolating filter is symmetric, runs at the higher of both rates either way, and is scaled by `up`."""
    k, n = literal(axis), rank(x.kind)
    if n is None:
        raise KindError("scipy.signal.resample_poly is differentiated for arrays of known numbers of axes")
    options: dict[str, Any] = {} if k == 0 else {"axis": k}
    if window is not None:
        given = isinstance(window, Sym) and rank(window.kind) == 1
        options["window"] = window[::-1] if given else window
    place = (*[slice(None)] * (k % n), slice(x.shape[k]))
    found = signal.resample_poly(d, down, up, **options)[place if len(place) > 1 else place[0]]
    return found * (up / down if isinstance(up, (int, Sym)) else literal(up) / literal(down))


for _fn, _kind in (
    (sp.lfilter, kind_like("x", "b", "a", "x")), (sp.sosfilt, kind_like("x", "sos", "x")),
    (sp.filtfilt, kind_like("x", "b", "a", "x")), (sp.sosfiltfilt, kind_like("x", "sos", "x")),
    (sp.savgol_filter, kind_like("x")), (sp.detrend, kind_like("data")),
    (runtime.lagged_products, kind_like("taps", "g", "x")),
    (runtime.filtfilt_back, kind_like("g", "g", "b", "a")), (runtime.sosfiltfilt_back, kind_like("g", "g", "sos")),
    (runtime.savgol_back, kind_like("g")), (runtime.sosfilt_sections, kind_like("sos", "g", "sos")),
    (runtime.sosfilt_tangent, kind_like("x", "t", "sos", "x")),
):  # fmt: skip
    infer_shapes.RULES[_fn] = _kind
for _fn in (*_CONVOLUTIONS, *_CORRELATIONS, sp.fftconvolve, sp.oaconvolve):
    infer_shapes.RULES[_fn] = kind_of_rank("in1", "in1", "in2")
infer_shapes.RULES[sp.upfirdn] = kind_of_rank("x", "h", "x")
infer_shapes.RULES[sp.resample_poly] = kind_of_rank("x")

from srcgrad.rules.defined import signals  # noqa: E402, F401  (its definitions)

constant(
    sp.argrelextrema, sp.argrelmax, sp.argrelmin, sp.find_peaks, sp.find_peaks_cwt, sp.correlation_lags,
    sp.choose_conv_method, sp.check_COLA, sp.check_NOLA, sp.max_len_seq, sp.unit_impulse, sp.square,
    # windows of so many points
    *(getattr(sp.windows, name) for name in (
        "barthann", "bartlett", "blackman", "blackmanharris", "bohman", "boxcar", "cosine", "flattop", "hamming",
        "hann", "lanczos", "nuttall", "parzen", "triang")),
)  # fmt: skip
