"""Functions of scipy.signal that are made of others."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal as sp
from scipy import ndimage, signal

from srcgrad.rules.build import Namespace, Sym, xp
from srcgrad.rules.defined.registry import array, hold, in_python, ndim, refuse, written_as
from srcgrad.rules.registry import constant
from srcgrad.runtime import one_sided

_built: Any = Namespace(sp, "scipy.signal")
_images: Any = Namespace(ndimage, "scipy.ndimage")

constant(one_sided)

_EXTENDED = {"wrap": "wrap", "circular": "wrap", "symm": "symmetric", "symmetric": "symmetric"}


def _at_borders(product: Any, in1: Sym, in2: Sym, mode: Any, boundary: Any, ahead: bool) -> Sym | None:
    """A convolution at a boundary other than zeros: of an image that is extended first. None where it reads no border.

    ahead: whether the longer half of an even number of taps reads what is ahead of an element.
    """
    how = _EXTENDED.get(boundary) if isinstance(boundary, str) else None
    if how is None or mode not in ("full", "same", "valid"):
        return None
    if mode == "valid":
        return product(in1, in2, "valid")
    widths: list[Any] = []
    for k in (0, 1):
        others = in2.shape[k] - 1
        if mode == "full":
            widths.append((others, others))
        else:
            halves = (others - others // 2, others // 2)
            widths.append(halves if ahead else halves[::-1])
    return product(hold(xp.pad(in1, tuple(widths), how), "extended"), in2, "valid")


@written_as(sp.convolve2d)
def convolve2d(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Sym | None:
    return _at_borders(_built.convolve2d, array(in1), array(in2), mode, boundary, ahead=True)


@written_as(sp.correlate2d)
def correlate2d(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Sym | None:
    in1, in2 = array(in1), array(in2)
    if mode == "same" and boundary in ("fill", "pad") and not isinstance(fillvalue, Sym) and fillvalue == 0:
        return xp.flip(_built.convolve2d(xp.flip(in1), in2, "same"))  # whose middle is the other one of two
    return _at_borders(_built.correlate2d, in1, in2, mode, boundary, ahead=False)


@in_python(sp.hilbert)
def hilbert(x, N=None, axis=-1):
    """The analytic signal: without the negative frequencies."""
    x = np.asarray(x)
    spectrum = np.fft.fft(x, N, axis=axis)
    return np.fft.ifft(spectrum * one_sided(spectrum, axis), axis=axis)


@in_python(sp.freqz)
def freqz(b, a=1, worN=512, whole=False, plot=None, fs=2 * np.pi, include_nyquist=False):
    if plot is not None:
        refuse("freqz with `plot` calls a function that it is given.", "Call it with what freqz returns.")
    b, a = np.atleast_1d(b), np.atleast_1d(a)
    if b.ndim != 1 or a.ndim != 1:
        refuse("freqz of several filters is not differentiated.", "Call it for one at a time.")
    if worN is None or np.ndim(worN) == 0:
        n = 512 if worN is None else int(worN)
        w = np.linspace(0, 2 * np.pi if whole else np.pi, n, endpoint=include_nyquist and not whole)
    else:
        w = 2 * np.pi * np.asarray(worN) / fs
    lags = -1j * w[:, None]
    response = (np.exp(lags * np.arange(len(b))) @ b) / (np.exp(lags * np.arange(len(a))) @ a)
    return w * (fs / (2 * np.pi)), response


@in_python(sp.lfilter_zi)
def lfilter_zi(b, a):
    """The state in which a filter answers a constant 1 with a constant: that of the transposed direct form."""
    b, a = np.atleast_1d(b) * 1.0, np.atleast_1d(a) * 1.0
    n = max(len(b), len(a))
    taps = np.concatenate((b, np.zeros(n - len(b)))) / a[0]
    poles = np.concatenate((a, np.zeros(n - len(a)))) / a[0]
    moved = np.eye(n - 1) - np.eye(n - 1, k=1)
    system = moved + np.outer(poles[1:], np.eye(n - 1)[0])
    return np.linalg.solve(system, taps[1:] - poles[1:] * taps[0])


@written_as(sp.lfilter)
def lfilter(b: Any, a: Any, x: Any, axis: Any = -1, zi: Any = None) -> tuple[Sym, Sym] | None:
    """With a state: the signal runs on for as many zeros as the state has elements, and what the filter then gives
    holds the state that it ends in."""
    if zi is None or not isinstance(axis, int) or ndim(x) != ndim(zi):
        return None
    b, a, x, zi = (array(v) for v in (b, a, x, zi))
    k = axis % ndim(x)
    options = {} if k == ndim(x) - 1 else {"axis": k}
    before = (slice(None),) * k
    n = x.shape[k]
    on = hold(xp.concatenate((x, xp.zeros_like(zi)), axis=k), "extended")
    state = hold(xp.concatenate((zi, xp.zeros_like(x)), axis=k), "state")
    out = hold(_built.lfilter(b, a, on, **options) + _built.lfilter(a[:1], a, state, **options), "filtered")
    return out[(*before, slice(n))], _built.lfilter(a, a[:1], out[(*before, slice(n, None))], **options)


@in_python(sp.decimate)
def decimate(x, q, n=None, ftype="iir", axis=-1, zero_phase=True):
    if ftype == "fir":
        taps = signal.firwin(20 * q + 1 if n is None else n + 1, 1.0 / q, window="hamming").astype(x.dtype)
        if zero_phase:
            return signal.resample_poly(x, 1, q, axis=axis, window=taps)
        y = np.moveaxis(signal.upfirdn(taps, x, 1, q, axis), axis, 0)[: -(-x.shape[axis] // q)]
        return np.moveaxis(y, 0, axis)
    if ftype != "iir":
        raise ValueError("scipy.signal.decimate is differentiated for ftype 'iir' and 'fir'")
    sos = signal.cheby1(8 if n is None else n, 0.05, 0.8 / q, output="sos").astype(x.dtype)
    y = signal.sosfiltfilt(sos, x, axis) if zero_phase else signal.sosfilt(sos, x, axis)
    return np.moveaxis(np.moveaxis(y, axis, 0)[::q], 0, axis)


@in_python(sp.wiener)
def wiener(im, mysize=None, noise=None):
    size = 3 if mysize is None else mysize
    mean = ndimage.uniform_filter(im, size, mode="constant")
    variance = ndimage.uniform_filter(im * im, size, mode="constant") - mean * mean
    level = np.mean(variance) if noise is None else noise
    return np.where(variance < level, mean, mean + (im - mean) * (1 - level / variance))


@written_as(sp.medfilt)
def medfilt(volume: Any, kernel_size: Any = None) -> Sym:
    return _images.median_filter(array(volume), 3 if kernel_size is None else kernel_size, mode="constant")


@written_as(sp.medfilt2d)
def medfilt2d(input: Any, kernel_size: Any = 3) -> Sym:
    return _images.median_filter(array(input), kernel_size, mode="constant")


@written_as(sp.order_filter)
def order_filter(a: Any, domain: Any, rank: Any) -> Sym:
    return _images.rank_filter(array(a), rank, footprint=domain, mode="constant")


# ---- waveforms -----------------------------------------------------------------------------------------------


@in_python(sp.sawtooth, where="t width")
def sawtooth(t, width=1):
    phase = np.mod(t, 2 * np.pi)
    if isinstance(width, int) and width == 1:
        return phase / np.pi - 1
    rising = phase < 2 * np.pi * width
    up = np.where(rising, width, 1.0)
    down = np.where(rising, 0.0, width)
    return np.where(rising, phase / (np.pi * up) - 1, (np.pi * (down + 1) - phase) / (np.pi * (1 - down)))


@in_python(sp.gausspulse, where="t fc bw bwr")
def gausspulse(t, fc=1000, bw=0.5, bwr=-6, tpr=-60, retquad=False, retenv=False):
    steepness = -((np.pi * fc * bw) ** 2) / (4.0 * np.log(10.0 ** (bwr / 20.0)))
    envelope = np.exp(-steepness * t * t)
    in_phase = envelope * np.cos(2 * np.pi * fc * t)
    if not retquad:
        return (in_phase, envelope) if retenv else in_phase
    quadrature = envelope * np.sin(2 * np.pi * fc * t)
    return (in_phase, quadrature, envelope) if retenv else (in_phase, quadrature)


@in_python(sp.chirp, where="t f0 t1 f1 phi")
def chirp(t, f0, t1, f1, method="linear", phi=0, vertex_zero=True):
    if method in ("linear", "lin", "li"):
        phase = 2 * np.pi * (f0 * t + 0.5 * (f1 - f0) / t1 * t * t)
    elif method in ("quadratic", "quad", "q"):
        rate = (f1 - f0) / t1**2
        if vertex_zero:
            phase = 2 * np.pi * (f0 * t + rate * t**3 / 3)
        else:
            phase = 2 * np.pi * (f1 * t + rate * ((t1 - t) ** 3 - t1**3) / 3)
    elif method in ("logarithmic", "log", "lo"):
        rate = np.log(f1 / f0)
        phase = 2 * np.pi * f0 * t1 / rate * (np.exp(rate * t / t1) - 1)
    elif method in ("hyperbolic", "hyp"):
        pole = -f1 * t1 / (f0 - f1)
        phase = 2 * np.pi * (-pole * f0) * np.log(np.abs(1 - t / pole))
    else:
        raise ValueError(f"scipy.signal.chirp knows no method {method}")
    return np.cos(phase + np.pi / 180 * phi)


@in_python(sp.sweep_poly, where="t poly phi")
def sweep_poly(t, poly, phi=0):
    whole = np.concatenate((poly / np.arange(len(poly), 0, -1), np.zeros(1)))
    return np.cos(2 * np.pi * np.polyval(whole, t) + np.pi / 180 * phi)


# ---- windows -------------------------------------------------------------------------------------------------


@in_python(sp.windows.gaussian, where="std")
def gaussian_window(M, std, sym=True):
    n = np.arange(M) - (M - 1 if sym else M) / 2
    return np.exp(-0.5 * (n / std) ** 2)


@in_python(sp.windows.general_gaussian, where="p sig")
def general_gaussian(M, p, sig, sym=True):
    n = np.abs(np.arange(M) - (M - 1 if sym else M) / 2)
    return np.exp(-0.5 * (n / sig) ** (2 * p))


@in_python(sp.windows.exponential, where="center tau")
def exponential_window(M, center=None, tau=1.0, sym=True):
    middle = (M - 1 if sym else M) / 2 if center is None else center
    return np.exp(-np.abs(np.arange(M) - middle) / tau)


@in_python(sp.windows.general_cosine, where="a")
def general_cosine(M, a, sym=True):
    phase = 2 * np.pi * (np.arange(M) / (M - 1 if sym else M)) - np.pi
    window = np.zeros(M)
    for k in range(len(a)):
        window = window + a[k] * np.cos(k * phase)
    return window


@in_python(sp.windows.general_hamming, where="alpha")
def general_hamming(M, alpha, sym=True):
    return alpha - (1 - alpha) * np.cos(2 * np.pi * np.arange(M) / (M - 1 if sym else M))


@in_python(sp.windows.kaiser, where="beta")
def kaiser(M, beta, sym=True):
    from scipy import special

    half = (M - 1 if sym else M) / 2
    return special.i0(beta * np.sqrt(np.maximum(1 - ((np.arange(M) - half) / half) ** 2, 0.0))) / special.i0(beta)
