"""Functions of scipy.special with several results, one result at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["airy_part", "ellipj_part", "fresnel_part", "shichi_part", "sici_part", "voigt_dispersion"]


def fresnel_part(x: Any, k: int) -> Any:
    """The k-th result of scipy.special.fresnel: S, C."""
    from scipy.special import fresnel

    return fresnel(x)[k]


def sici_part(x: Any, k: int) -> Any:
    """The k-th result of scipy.special.sici: Si, Ci."""
    from scipy.special import sici

    return sici(x)[k]


def shichi_part(x: Any, k: int) -> Any:
    """The k-th result of scipy.special.shichi: Shi, Chi."""
    from scipy.special import shichi

    return shichi(x)[k]


def airy_part(x: Any, k: int) -> Any:
    """The k-th result of scipy.special.airy: Ai, Ai', Bi, Bi'."""
    from scipy.special import airy

    return airy(x)[k]


def ellipj_part(u: Any, m: Any, k: int) -> Any:
    """The k-th result of scipy.special.ellipj: sn, cn, dn, and the amplitude."""
    from scipy.special import ellipj

    return ellipj(u, m)[k]


def voigt_dispersion(x: Any, sigma: Any, gamma: Any) -> Any:
    """What the imaginary part of the Faddeeva function is where scipy.special.voigt_profile is the real part."""
    from scipy.special import wofz

    return wofz((x + 1j * gamma) / (np.sqrt(2) * sigma)).imag / (np.sqrt(2 * np.pi) * sigma)
