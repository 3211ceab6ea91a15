"""Parts of the adjoints of Fourier transforms."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def scaled_inside(spectrum, n, factor, axis=-1):
    """Half of the spectrum of n real numbers, times a factor where it stands for both halves.

    That is everywhere but at the frequency 0 and, for even n, at the highest one.
    """
    scaled = np.moveaxis(np.array(spectrum), axis, -1)
    scaled[..., 1 : (n + 1) // 2] *= factor
    return np.moveaxis(scaled, -1, axis)


def scaled_ends(x, first, last=1, axis=-1):
    """x with its first and its last element along an axis times a factor."""
    scaled = np.moveaxis(np.array(x), axis, -1)
    scaled[..., 0] *= first
    scaled[..., -1] *= last
    return np.moveaxis(scaled, -1, axis)


def one_sided(spectrum, axis=-1):
    """What a spectrum is multiplied by for its positive frequencies alone: 2, 1 where there is only one of a pair."""
    n = spectrum.shape[axis]
    factors = np.zeros(n, spectrum.real.dtype)
    factors[0] = 1
    factors[1 : (n + 1) // 2] = 2
    if n % 2 == 0:
        factors[n // 2] = 1
    return np.reshape(factors, [n if k == axis % spectrum.ndim else 1 for k in range(spectrum.ndim)])


def resized_like(x, like, axis=-1):
    """x cut, or filled up with zeros, to the length of `like` along an axis."""
    n = np.shape(like)[axis]
    x = np.moveaxis(x, axis, -1)
    made = np.zeros((*x.shape[:-1], n), x.dtype)
    made[..., : x.shape[-1]] = x[..., :n]
    return np.moveaxis(made, -1, axis)
