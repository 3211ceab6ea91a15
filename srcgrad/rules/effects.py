"""What a call does besides computing its result."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np

from srcgrad import runtime

Effect = Literal["pure", "writes", "random", "unknown"]

_WRITES: set[Any] = {
    np.copyto, np.put, np.putmask, np.place, np.fill_diagonal, np.put_along_axis, np.ndarray.fill, np.ndarray.sort,
    np.ndarray.partition, np.ndarray.put, np.ndarray.resize, np.ndarray.setfield, np.ndarray.setflags,
    np.ndarray.byteswap, np.ndarray.__setitem__,
    operator.setitem, operator.delitem, operator.iadd, operator.isub, operator.imul, operator.itruediv,
    operator.ifloordiv, operator.imod, operator.ipow, operator.imatmul, operator.iand, operator.ior, operator.ixor,
    operator.ilshift, operator.irshift, operator.iconcat,
    setattr, delattr, list.append, list.extend, list.insert, list.remove, list.pop, list.clear, list.sort,
    list.reverse, list.__setitem__, dict.update, dict.pop, dict.popitem, dict.clear, dict.setdefault,
    dict.__setitem__,
    set.add, set.update, set.discard, set.remove, set.pop, set.clear,
}  # fmt: skip
# They run a callback, touch files, or change the state of the library.
_UNKNOWN_NUMPY = {
    "apply_along_axis", "apply_over_axes", "fromfunction", "frompyfunc", "vectorize", "piecewise", "save", "savez",
    "savez_compressed", "savetxt", "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "seterr", "seterrcall",
    "setbufsize", "set_printoptions", "test", "nditer", "fromiter", "fromregex", "nested_iters", "show_config",
    "info",
}  # fmt: skip
_UNKNOWN_SCIPY = {"funm", "clarkson_woodruff_transform"}  # they run a callback, or draw random numbers
_PURE_BUILTINS: set[Any] = {
    abs, all, any, bin, bool, bytes, callable, chr, complex, dict, divmod, enumerate, float, format, frozenset,
    getattr, hasattr, hash, hex, id, int, isinstance, issubclass, len, list, max, min, oct, ord, pow, range, repr,
    reversed, round, set, slice, sorted, str, sum, tuple, type, zip, object,
}  # fmt: skip
_PURE_TYPES = (str, bytes, int, float, complex, bool, tuple, frozenset, range, slice, np.generic, np.dtype,
               np.finfo, np.iinfo, np.errstate)  # fmt: skip
_PURE_METHODS = {
    (list, "copy"), (list, "count"), (list, "index"), (dict, "get"), (dict, "items"), (dict, "keys"),
    (dict, "values"), (dict, "copy"),
    (set, "union"), (set, "intersection"), (set, "difference"), (set, "copy"), (set, "issubset"),
}  # fmt: skip
DECLARED: set[Any] = set()
"""Callables that users declared pure, by giving them a rule or by calling them in one."""


class Ruled:
    """Base of callables that carry their derivative rule in the attribute `rule`. They are pure, and do what `function`
    does."""

    rule: Any = None
    function: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


_PURE_LIBRARIES = ("scipy.special", "scipy.fft", "scipy.signal", "scipy.ndimage", "scipy.spatial", "scipy.sparse")
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def effect(fn: Callable[..., Any], given: Iterable[str] = ()) -> Effect:
    """The effect of calling `fn`: "pure", "writes" (into an argument), "random" (changes a generator's state) or
    "unknown".

    given: the keywords that the call has; `out=` writes.
    """
    if "out" in given:
        return "writes"
    if isinstance(fn, Ruled):
        return "pure"
    try:
        if fn in DECLARED:
            return "pure"
        if fn in _WRITES:
            return "writes"
        if fn in _PURE_BUILTINS:
            return "pure"
    except TypeError:
        return "unknown"
    owner = getattr(fn, "__self__", None)
    of_class = getattr(fn, "__objclass__", None)
    if isinstance(fn, np.ufunc):
        return "pure"
    if isinstance(owner, np.ufunc):
        return "writes" if fn.__name__ == "at" else "pure"
    if getattr(fn, "__name__", "") == "shuffle":  # of a generator or of np.random
        return "writes"
    if isinstance(owner, _GENERATORS) or of_class in _GENERATORS:
        return "random"
    module = getattr(fn, "__module__", None) or ""
    if fn is runtime.add_to:
        return "writes"
    if module.startswith(("srcgrad.runtime", "srcgrad.analysis.signatures")):
        return "pure"
    if module in ("numpy.random", "random") or module.startswith("numpy.random."):
        return "pure" if fn in _GENERATORS or fn is np.random.default_rng else "random"
    if of_class is np.ndarray or isinstance(owner, np.ndarray):
        return "writes" if getattr(np.ndarray, fn.__name__, None) in _WRITES else "pure"
    if isinstance(fn, type):
        return "pure" if issubclass(fn, _PURE_TYPES) else "unknown"
    name = getattr(fn, "__name__", "")
    if module == "numpy" or module.startswith("numpy."):
        return "unknown" if name in _UNKNOWN_NUMPY else "pure"
    if module in ("math", "cmath", "operator", "_operator") or module.startswith(_PURE_LIBRARIES):
        return "pure"
    if module.startswith("scipy.linalg"):
        return "unknown" if name in _UNKNOWN_SCIPY else "pure"
    kind = of_class if of_class is not None else type(owner) if owner is not None else None
    if kind in _PURE_TYPES or (kind, name) in _PURE_METHODS:
        return "pure"
    return "unknown"
