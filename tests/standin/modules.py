"""The modules of the stand-in: `cupy`, `cupyx` and what is in them, made from table.json."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
import types
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from tests.standin.arrays import NUMBER, TABLE, ndarray, unwrap, wait, wrap

VERSION: str = TABLE["cupy"]

RAW = {"shape", "ndim", "size", "isscalar", "result_type", "promote_types", "can_cast", "may_share_memory",
       "shares_memory", "finfo", "iinfo", "issubdtype", "iscomplexobj", "isrealobj", "dtype", "ndindex",
       "min_scalar_type", "common_type", "broadcast_shapes", "asnumpy"}  # fmt: skip
"""Functions that do not give arrays."""

MAKES = {"array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"}
"""Functions that take what the host has."""

ANY = {"isclose", "allclose", "array_equal", "meshgrid", "copyto", "full", "full_like", "arange", "linspace",
       "logspace", "einsum", "average", "gradient", "quantile", "percentile", "select", *RAW}  # fmt: skip
"""Functions that take numbers where others take arrays."""

HOST_ONLY = {"shape", "axis", "axes", "newshape", "n", "N", "k", "repeats", "reps", "indices_or_sections",
             "shift", "pad_width"}  # fmt: skip
"""Parameters that are numbers on the host."""


class ufunc:
    """A universal function."""

    def __init__(self, function: np.ufunc, name: str) -> None:
        self._function, self.name, self.__name__ = function, name, name
        self.__module__ = None  # type: ignore[assignment]
        self.nin, self.nout, self.nargs = function.nin, function.nout, function.nargs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        unknown = set(kwargs) - {"out", "dtype", "casting"}
        if unknown:
            raise TypeError(f"Wrong arguments {unknown}")
        for arg in args:
            if not isinstance(arg, (ndarray, *NUMBER)):
                raise TypeError(f"Unsupported type {type(arg)}")
        with np.errstate(all="ignore"):
            return wrap(self._function(*map(unwrap, args), **unwrap(kwargs)))

    def at(self, a: ndarray, index: Any, value: Any = None) -> None:
        if self.name not in TABLE["at"]:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        a.scatter(self._function, index, value)

    def outer(self, a: Any, b: Any, **kwargs: Any) -> Any:
        return wrap(self._function.outer(unwrap(a), unwrap(b), **kwargs))

    def reduce(self, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        if self.name not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        return wrap(np.asarray(self._function.reduce(unwrap(a), axis, dtype, unwrap(out), keepdims)))

    def accumulate(self, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.name not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")
        return wrap(self._function.accumulate(unwrap(a), axis, dtype, unwrap(out)))

    def reduceat(self, a: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.name != "add":
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        return wrap(self._function.reduceat(unwrap(a), unwrap(indices), axis, dtype, unwrap(out)))


ufunc.__module__ = "cupy._core._kernel"


class _Probe:
    def __init__(self, function: Any) -> None:
        self.function = function

    def __array_function__(self, function: Any, *args: Any) -> Any:
        if function is self.function:
            raise _Seen
        return NotImplemented


class _Seen(Exception):
    pass


@cache
def _array_parameters(theirs: Any, names: tuple[str, ...]) -> frozenset[str]:
    """The parameters of a function of NumPy that it takes for arrays."""
    found = set()
    for place, name in enumerate(names):
        for arguments in ((*[None] * place, _Probe(theirs)), (*[None] * place, [_Probe(theirs)])):
            for rest in ((), (None,), (None, None)):
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        theirs(*arguments, *rest)
                except _Seen:
                    found.add(name)
                except Exception:
                    continue
    return frozenset(found)


def _check_solve(a: ndarray, b: ndarray) -> None:
    if b.ndim > 1 and a.shape[:-1] != b.shape[:-1]:
        raise ValueError("a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b")


def _check_interp(x: ndarray, *args: Any, **kwargs: Any) -> None:
    if not x.flags.c_contiguous:
        raise NotImplementedError("Non-C-contiguous x is currently not supported")


CHECKS = {"cupy.linalg.solve": _check_solve, "cupy.interp": _check_interp}
"""What functions refuse that NumPy's take."""


def _function(theirs: Any, name: str, parameters: str, path: str) -> Any:
    """A function of NumPy's or SciPy's with the parameters that CuPy's has."""
    waits, check = path in TABLE["waits"], CHECKS.get(path)
    signature = inspect.signature(eval(f"lambda {parameters}: 0"))
    names = tuple(signature.parameters)

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        for given, value in bound.arguments.items():
            if given in HOST_ONLY and isinstance(value, ndarray):
                raise TypeError(f"{name}: {given} has to be known on the host")
        if name not in ANY | MAKES:
            for given in _array_parameters(theirs, names) & set(bound.arguments) - HOST_ONLY - {"out"}:
                value = bound.arguments[given]
                items = value if isinstance(value, (list, tuple)) and value else [value]
                optional = name == "where" and given != "condition" or name in ("clip", "histogram", "pad", "split")
                if any(isinstance(item, NUMBER) for item in items) and not optional:
                    raise TypeError(f"{name}: only cupy arrays can be given for {given}")
        if check is not None:
            check(*args, **kwargs)
        if name in MAKES and args and isinstance(args[0], np.ndarray):
            args = (np.array(args[0]), *args[1:])
            inner: Any = args
        else:
            inner = unwrap(args)
        looked = any(isinstance(item, ndarray) for item in (*args, *kwargs.values()))
        if waits and looked and not (name == "where" and len(args) > 1):
            wait()
        with np.errstate(all="ignore"):
            result = theirs(*inner, **unwrap({k: v for k, v in kwargs.items() if k != "blocking"}))
        if name in RAW:
            return result
        return wrap(np.asarray(result)) if isinstance(result, (bool, np.bool_)) else wrap(result)

    function.__name__, function.__module__ = name, "cupy"
    if waits:
        function.__doc__ = "This function may synchronize the device."
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _fill(module: Any, theirs: Any, names: dict[str, str]) -> None:
    for name, parameters in names.items():
        other = getattr(theirs, name, None)
        if other is None or hasattr(module, name):
            continue
        if parameters == "value":
            setattr(module, name, other)
        elif isinstance(other, np.ufunc):
            setattr(module, name, ufunc(other, name))
        elif callable(other):
            setattr(module, name, _function(
                other, name, "*args" if parameters == "ufunc" else parameters,
                f"{module.__name__}.{name}",
            ))  # fmt: skip


class Philox4x3210:
    """A source of random bits."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)


class Generator:
    """A generator on the device, with the methods that CuPy's has."""

    def __init__(self, bits: Philox4x3210) -> None:
        self.host = bits.generator


def _draw(name: str, parameters: str) -> Any:
    signature = inspect.signature(eval(f"lambda {parameters}: 0"))

    def method(self: Generator, *args: Any, **kwargs: Any) -> Any:
        signature.bind(*args, **kwargs)
        return wrap(np.asarray(getattr(self.host, name)(*unwrap(args), **unwrap(kwargs))))

    method.__signature__ = signature  # type: ignore[attr-defined]
    return method


for _name, _parameters in TABLE["generator"].items():
    setattr(Generator, _name, _draw(_name, _parameters))


class Device:
    """A device, of which there is one."""

    def __init__(self, number: int | None = None) -> None:
        self.id = number or 0

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *args: Any) -> None:
        pass


def _asnumpy(a: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(a, ndarray):
        wait()
        return a._value.copy()
    return np.asarray(a)


def _modules() -> dict[str, Any]:
    made: dict[str, Any] = {}

    def module(name: str) -> Any:
        if name not in made:
            made[name] = types.ModuleType(name)
            parent, _, last = name.rpartition(".")
            if parent:
                setattr(module(parent), last, made[name])
        return made[name]

    cp = module("cupy")
    cp.ndarray, cp.__version__, cp.asnumpy, cp.newaxis = ndarray, VERSION, _asnumpy, None
    cp.get_array_module = lambda *args: cp if any(isinstance(a, ndarray) for a in args) else np
    module("cupy.cuda").Device = Device
    module("cupy.random").Generator, module("cupy.random").Philox4x3210 = Generator, Philox4x3210
    module("cupy.cuda.runtime").getDevice = lambda: 0
    for name, names in TABLE["numpy"].items():
        path = f".{name}" if name else ""
        _fill(module(f"cupy{path}"), importlib.import_module(f"numpy{path}"), names)
    module("cupyx").scatter_add = lambda a, index, value: a.scatter(np.add, index, value)
    for name, names in TABLE["scipy"].items():
        _fill(module(f"cupyx.scipy.{name}"), importlib.import_module(f"scipy.{name}"), names)
    return made


@contextlib.contextmanager
def installed() -> Iterator[Any]:
    """Let the stand-in be what `import cupy` gives."""
    made = _modules()
    before = {name: sys.modules[name] for name in list(sys.modules) if name.split(".")[0] in ("cupy", "cupyx")}
    for name in before:
        del sys.modules[name]
    sys.modules.update(made)
    try:
        yield made["cupy"]
    finally:
        for name in made:
            sys.modules.pop(name, None)
        sys.modules.update(before)
