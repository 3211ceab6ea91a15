"""Adjoints of filters of scipy.signal that are no one call of SciPy.

Like the others here, each function can be copied by `emit`: it depends on `np`, on SciPy by an import of its own, and
on the others here. An adjoint that it takes is called g.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import math

import numpy as np


def uncropped(g, shape, other, mode, axes):
    """The adjoint g of a convolution in the given mode, as that of the full one. shape, other: of the operands."""
    place = [slice(None)] * g.ndim
    whole = list(g.shape)
    for k in axes:
        n, m = shape[k], other[k]
        start = {"full": 0, "same": (m - 1) // 2, "valid": min(n, m) - 1}[mode]
        whole[k] = n + m - 1
        place[k] = slice(start, start + g.shape[k])
    result = np.zeros(whole, g.dtype)
    result[tuple(place)] = g
    return result


def correlated_back(whole, other, shape, axes):
    """The operand's adjoint, of the given shape, from that of its full convolution with the other one."""
    from scipy import signal

    if len(axes) == whole.ndim:
        return signal.correlate(whole, other, mode="valid")
    result = signal.fftconvolve(whole, np.flip(other, axes), mode="valid", axes=axes)
    spread = tuple([k for k in range(result.ndim) if shape[k] == 1 and result.shape[k] > 1])
    return np.sum(result, axis=spread, keepdims=True) if spread else result


def convolution_left(g, in1, in2, mode="full", axes=None):
    """The adjoint of in1 from that of scipy.signal.fftconvolve(in1, in2, mode, axes)."""
    in1, in2 = np.asarray(in1), np.asarray(in2)
    if in1.size == 0 or in2.size == 0:
        return np.zeros_like(in1)
    along = tuple(range(in1.ndim)) if axes is None else (axes,) if np.ndim(axes) == 0 else tuple(axes)
    along = tuple([k % in1.ndim for k in along])
    return correlated_back(uncropped(g, in1.shape, in2.shape, mode, along), in2, in1.shape, along)


def convolution_right(g, in1, in2, mode="full", axes=None):
    """The adjoint of in2 from that of scipy.signal.fftconvolve(in1, in2, mode, axes)."""
    in1, in2 = np.asarray(in1), np.asarray(in2)
    if in1.size == 0 or in2.size == 0:
        return np.zeros_like(in2)
    along = tuple(range(in1.ndim)) if axes is None else (axes,) if np.ndim(axes) == 0 else tuple(axes)
    along = tuple([k % in1.ndim for k in along])
    return correlated_back(uncropped(g, in1.shape, in2.shape, mode, along), in1, in2.shape, along)


def lagged_products(g, x, taps, axis=-1):
    """Sums of products of g with x delayed by 0, 1, ... along an axis: as many as there are taps."""
    rows, delayed = np.moveaxis(g, axis, -1), np.moveaxis(x, axis, -1)
    n = rows.shape[-1]
    sums = [np.vdot(rows[..., k:], delayed[..., : max(n - k, 0)]) for k in range(len(taps))]
    return np.array(sums, dtype=np.result_type(g, x))


def upfirdn_signal(g, h, x, up=1, down=1, axis=-1):
    """The adjoint of x from that of scipy.signal.upfirdn(h, x, up, down, axis)."""
    from scipy import signal

    h = np.asarray(h)
    ahead = -(len(h) - 1) % up
    start, n = (len(h) - 1 + ahead) // up, x.shape[axis]
    whole = signal.upfirdn(np.concatenate((np.zeros(ahead, h.dtype), h[::-1])), g, down, up, axis)
    found = np.moveaxis(whole, axis, -1)[..., start : start + n]
    result = np.zeros(found.shape[:-1] + (n,), found.dtype)
    result[..., : found.shape[-1]] = found
    return np.moveaxis(result, -1, axis)


def upfirdn_taps(g, h, x, up=1, down=1, axis=-1):
    """The adjoint of h from that of scipy.signal.upfirdn(h, x, up, down, axis)."""
    from scipy import signal

    n, m = x.shape[axis], g.shape[axis]
    rows, moved = np.moveaxis(x, axis, -1), np.moveaxis(g, axis, -1)
    spread = np.zeros(rows.shape[:-1] + ((n - 1) * up + 1,), x.dtype)
    spread[..., ::up] = rows
    whole = np.zeros(moved.shape[:-1] + ((n - 1) * up + len(h),), g.dtype)
    whole[..., : (m - 1) * down + 1 : down] = moved
    return np.reshape(signal.correlate(whole, spread, mode="valid"), -1)


def sections_back(g, sections, starts):
    """The adjoint of x from that of x filtered by sections (b, a) one after the other, along the last axis. They start
    in the states `starts` times the first element of x."""
    from scipy import signal

    first = 0
    for (b, a), start in zip(reversed(sections), reversed(starts), strict=True):
        turned = signal.lfilter([a[0]], a, g[..., ::-1])[..., ::-1]
        n = min(len(start), g.shape[-1])
        first = first + turned[..., :n] @ start[:n]
        g = signal.lfilter(b, a, g[..., ::-1])[..., ::-1]
    result = np.array(g)
    result[..., 0] += first
    return result


def two_passes_back(g, sections, starts, axis, padtype, edge):
    """The adjoint of x from that of sections run forward and backward over x, which is extended by `edge` elements."""
    rows = np.moveaxis(g, axis, -1)
    n = rows.shape[-1]
    whole = np.zeros(rows.shape[:-1] + (n + 2 * edge,), np.result_type(g, *starts))
    whole[..., edge : edge + n] = rows
    back = sections_back(whole[..., ::-1], sections, starts)[..., ::-1]
    back = sections_back(back, sections, starts)
    result = np.array(back[..., edge : edge + n])
    left, right = back[..., :edge], back[..., edge + n :]
    if padtype != "constant" and edge:
        sign = 1 if padtype == "even" else -1
        result[..., 1 : edge + 1] += sign * left[..., ::-1]
        result[..., n - 1 - edge : n - 1] += sign * right[..., ::-1]
    share = {"odd": 2, "even": 0, "constant": 1}[padtype]
    result[..., 0] += share * np.sum(left, axis=-1)
    result[..., -1] += share * np.sum(right, axis=-1)
    return np.moveaxis(result, -1, axis)


def filtfilt_back(g, b, a, axis=-1, padtype="odd", padlen=None):
    """The adjoint of x from that of scipy.signal.filtfilt(b, a, x, axis, padtype, padlen)."""
    from scipy import signal

    b, a = np.atleast_1d(b), np.atleast_1d(a)
    edge = 0 if padtype is None else 3 * max(len(a), len(b)) if padlen is None else padlen
    return two_passes_back(g, [(b, a)], [signal.lfilter_zi(b, a)], axis, padtype or "odd", edge)


def sosfiltfilt_back(g, sos, axis=-1, padtype="odd", padlen=None):
    """The adjoint of x from that of scipy.signal.sosfiltfilt(sos, x, axis, padtype, padlen)."""
    from scipy import signal

    sos = np.asarray(sos)
    taps = 2 * len(sos) + 1 - min(np.sum(sos[:, 2] == 0), np.sum(sos[:, 5] == 0))
    edge = 0 if padtype is None else 3 * int(taps) if padlen is None else padlen
    sections = [(section[:3], section[3:]) for section in sos]
    return two_passes_back(g, sections, list(signal.sosfilt_zi(sos)), axis, padtype or "odd", edge)


def sosfilt_sections(g, sos, x, axis=-1):
    """The adjoint of sos from that of scipy.signal.sosfilt(sos, x, axis)."""
    from scipy import signal

    stages = [x]
    for section in sos:
        stages.append(signal.lfilter(section[:3], section[3:], stages[-1], axis))
    result = np.zeros(sos.shape, np.result_type(g, sos))
    for k in reversed(range(len(sos))):
        b, a = sos[k, :3], sos[k, 3:]
        turned = np.flip(signal.lfilter([1.0], a, np.flip(g, axis), axis), axis)
        result[k, :3] = lagged_products(turned, stages[k], b, axis)
        result[k, 3:] = -lagged_products(turned, stages[k + 1], a, axis)
        g = np.flip(signal.lfilter(b, a, np.flip(g, axis), axis), axis)
    return result


def sosfilt_tangent(t, sos, x, axis=-1):
    """The tangent of scipy.signal.sosfilt(sos, x, axis) from that of sos."""
    from scipy import signal

    moved = 0 * x
    for section, change in zip(sos, t, strict=True):
        b, a = section[:3], section[3:]
        after = signal.lfilter(b, a, x, axis)
        moved = signal.lfilter(b, a, moved, axis) + signal.lfilter(change[:3], a, x, axis)
        moved = moved - signal.lfilter(change[3:], a, after, axis)
        x = after
    return moved


def savgol_back(g, window_length, polyorder, deriv=0, delta=1.0, axis=-1):
    """The adjoint of x from that of scipy.signal.savgol_filter(x, window_length, polyorder, deriv, delta, axis), whose
    first and last values are those of polynomials through the first and last window."""
    from scipy import signal

    rows, half = np.moveaxis(g, axis, -1), window_length // 2
    n = rows.shape[-1]
    inner = np.array(rows)
    inner[..., :half] = 0
    inner[..., n - half :] = 0
    taps = signal.savgol_coeffs(window_length, polyorder, deriv=deriv, delta=delta)
    ends = signal.savgol_filter(np.eye(window_length), window_length, polyorder, deriv, delta, axis=0)
    shape = inner.shape[:-1] + (n + window_length - 1,)
    result = np.zeros(shape, np.result_type(g, taps))
    for k, tap in enumerate(taps[::-1]):
        result[..., k : k + n] += tap * inner
    result = result[..., half : half + n]
    result[..., :window_length] += rows[..., :half] @ ends[:half]
    result[..., n - window_length :] += rows[..., n - half :] @ ends[window_length - half :]
    return np.moveaxis(result.astype(g.dtype), -1, axis)


def valid_correlation(in1, in2):
    """scipy.signal.correlate(in1, in2, "valid") for in2 not much smaller than in1, where few sums are quicker."""
    from scipy import signal

    shape = tuple([n - m + 1 for n, m in zip(in1.shape, in2.shape, strict=True)])
    if math.prod(shape) > 100:
        return signal.correlate(in1, in2, mode="valid")
    result = np.zeros(shape, np.result_type(in1, in2))
    for place in np.ndindex(shape):
        window = tuple([slice(k, k + m) for k, m in zip(place, in2.shape, strict=True)])
        result[place] = np.vdot(in1[window], in2)
    return result
