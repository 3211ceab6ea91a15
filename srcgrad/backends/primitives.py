"""What has to be known of NumPy's functions to call CuPy's in their place."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

from srcgrad.analysis.infer import infer_items
from srcgrad.backends.residence import SYNCHRONISES, holds_arrays
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Opaque
from srcgrad.ir.nodes import Call


def gives_arrays(call: Call) -> bool:
    """Whether a function gives a tuple with arrays in it, such as np.ix_."""
    if call.kind != Opaque(tuple):
        return False
    try:
        return any(map(holds_arrays, infer_items(call.prim, call.args, call.kwargs) or ()))
    except KindError:
        return False


def synchronises(fn: Any) -> bool:
    """Whether a function needs the values of its arguments on the host."""
    try:
        return fn in SYNCHRONISES
    except TypeError:
        return False


class _Probe:
    """Tells whether a function of NumPy, and not one that it calls, looks at it as at an array."""

    def __init__(self, fn: Any) -> None:
        self.fn = fn

    def __array_function__(self, fn: Any, *args: Any) -> Any:
        if fn is self.fn:
            raise _Seen
        return NotImplemented


class _Seen(Exception):
    pass


@cache
def takes_array(fn: Any, place: int | str, several: bool) -> bool:
    """Whether a function of NumPy takes an array, or a display of several, at a place: a position or a name."""
    if isinstance(getattr(fn, "__self__", None), np.random.RandomState):
        return False  # it might draw
    probe: Any = [_Probe(fn)] if several else _Probe(fn)
    tries = [(), (None,), (None, None)]
    for rest in tries:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if isinstance(place, str):
                    fn(*rest, **{place: probe})
                else:
                    fn(*[None] * place, probe, *rest)
        except _Seen:
            return True
        except Exception:  # whatever it says of arguments that are not there
            continue
    return False
