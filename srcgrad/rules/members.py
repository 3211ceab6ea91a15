"""Methods and attributes of arrays: the NumPy functions that stand for them in a Call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.analysis.signatures import dtype_of, itemsize_of

METHODS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min, "std": np.std, "var": np.var,
    "any": np.any, "all": np.all, "argmax": np.argmax, "argmin": np.argmin, "argsort": np.argsort,
    "cumsum": np.cumsum, "cumprod": np.cumprod, "dot": np.dot, "trace": np.trace, "diagonal": np.diagonal,
    "reshape": np.reshape, "ravel": np.ravel, "flatten": np.ndarray.flatten, "transpose": np.transpose,
    "swapaxes": np.swapaxes, "squeeze": np.squeeze, "repeat": np.repeat, "take": np.take, "clip": np.clip,
    "round": np.round, "copy": np.copy, "astype": np.astype, "item": np.ndarray.item, "tolist": np.ndarray.tolist,
    "conj": np.conjugate, "conjugate": np.conjugate, "nonzero": np.nonzero, "searchsorted": np.searchsorted,
    # these write into the array
    "fill": np.ndarray.fill, "sort": np.ndarray.sort, "partition": np.ndarray.partition, "put": np.put,
    "resize": np.ndarray.resize, "setflags": np.ndarray.setflags, "itemset": np.ndarray.fill,
}  # fmt: skip
"""Method -> function whose first argument is the array."""

ATTRIBUTES: dict[str, Callable[..., Any]] = {
    "T": np.transpose, "shape": np.shape, "ndim": np.ndim, "size": np.size, "dtype": dtype_of,
    "real": np.real, "imag": np.imag, "mT": np.matrix_transpose, "itemsize": itemsize_of,
}  # fmt: skip
"""Attribute -> function of the array."""
