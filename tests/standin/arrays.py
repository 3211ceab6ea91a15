"""The arrays of the stand-in."""

from __future__ import annotations

import contextlib
import inspect
import json
import operator
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

TABLE = json.loads((Path(__file__).parent / "table.json").read_text())

class Waited:
    """How often the host waited for the device, and the lines of generated code that made it: (file, line)."""

    def __init__(self) -> None:
        self.count = 0
        self.lines: list[tuple[str, int]] = []


WAITED: list[Waited] = []


@contextlib.contextmanager
def syncs() -> Iterator[Waited]:
    """Count how often the values of arrays are asked for."""
    WAITED.append(Waited())
    try:
        yield WAITED[-1]
    finally:
        WAITED.pop()


def wait() -> None:
    """The host waits for the device."""
    for waited in WAITED:
        waited.count += 1
        frame = sys._getframe(1)
        while frame is not None and not frame.f_code.co_filename.startswith("<srcgrad"):
            frame = frame.f_back  # type: ignore[assignment]
        if frame is not None:
            waited.lines.append((frame.f_code.co_filename, frame.f_lineno))


NUMBER = (bool, int, float, complex, np.generic)


def unwrap(value: Any) -> Any:
    """What NumPy is to work on: arrays without their shell. Raises TypeError for the host's own arrays."""
    if isinstance(value, ndarray):
        return value._value
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, slice):
        for part in (value.start, value.stop, value.step):
            if isinstance(part, ndarray):
                raise TypeError("slice indices must be integers or None or have an __index__ method")
        return value
    if isinstance(value, (list, tuple)):
        inside = [item for item in value if item is not None]
        kinds = {isinstance(item, ndarray) for item in inside if isinstance(item, (ndarray, list, *NUMBER))}
        if isinstance(value, list) and len(kinds) == 2:
            raise TypeError("Implicit conversion to a NumPy array is not allowed.")
        return type(value)(map(unwrap, value)) if not hasattr(value, "_fields") else value
    if isinstance(value, dict):
        return {key: unwrap(item) for key, item in value.items()}
    return value


def wrap(value: Any) -> Any:
    """A result of NumPy's as CuPy has it."""
    if isinstance(value, (np.ndarray, np.generic)):
        made = object.__new__(ndarray)
        made._value = np.asarray(value)
        return made
    if isinstance(value, (list, tuple)):
        items = [wrap(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


class ndarray:
    """An array "on the device"."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]
    _value: np.ndarray

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._value = np.ndarray(*args, **kwargs)

    # ---- where NumPy meets it ----

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        import sys

        own = getattr(sys.modules.get("cupy"), ufunc.__name__, None)
        if own is None or any(not isinstance(i, (ndarray, *NUMBER)) for i in inputs):
            return NotImplemented
        out = kwargs.pop("out", None)
        if out is not None:
            kwargs["out"] = out[0]
        return (own if method == "__call__" else getattr(own, method))(*inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        import sys

        own = sys.modules.get("cupy")
        for part in func.__module__.split(".")[1:]:
            own = getattr(own, part, None)
        own = getattr(own, func.__name__, None)
        if own is None or any(not issubclass(t, ndarray) for t in types):
            return NotImplemented
        return own(*args, **kwargs)

    # ---- looking ----

    def get(self, *args: Any, **kwargs: Any) -> np.ndarray:
        wait()
        return self._value.copy()

    def item(self, *args: Any) -> Any:
        wait()
        return self._value.item(*args)

    def tolist(self) -> Any:
        wait()
        return self._value.tolist()

    def __bool__(self) -> bool:
        wait()
        return bool(self._value)

    def __int__(self) -> int:
        wait()
        return int(self._value)

    def __float__(self) -> float:
        wait()
        return float(self._value)

    def __complex__(self) -> complex:
        wait()
        return complex(self._value)

    def __repr__(self) -> str:
        wait()
        return repr(self._value)

    def __str__(self) -> str:
        wait()
        return str(self._value)

    def __format__(self, spec: str) -> str:
        wait()
        return format(self._value.item() if self._value.ndim == 0 else self._value, spec)

    # ---- what is known without looking ----

    @property
    def device(self) -> Any:
        import sys

        return sys.modules["cupy"].cuda.Device(0)

    @property
    def T(self) -> Any:
        return wrap(self._value.T)

    @property
    def real(self) -> Any:
        return wrap(self._value.real)

    @property
    def imag(self) -> Any:
        return wrap(self._value.imag)

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Any:
        if self._value.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __copy__(self) -> Any:
        return wrap(self._value.copy())

    def __deepcopy__(self, memo: Any) -> Any:
        return wrap(self._value.copy())

    # ---- items ----

    def __getitem__(self, index: Any) -> Any:
        inner = unwrap(index)
        items = inner if isinstance(inner, tuple) else (inner,)
        if any(item is Ellipsis for item in items):
            return wrap(self._value[items])
        if any(isinstance(item, np.ndarray) and item.dtype == bool for item in items):
            wait()  # how many elements are there
        if any(isinstance(item, (np.ndarray, list, bool, np.bool_)) for item in items):
            return wrap(np.array(self._value[items]))
        return wrap(self._value[(*items, Ellipsis)])  # so that an element is a view

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(value, (ndarray, *NUMBER)):
            raise TypeError(f"Unsupported type {type(value)}")
        inner = unwrap(index)
        if not _is_advanced(inner) and isinstance(value, ndarray):
            _refuse_overlap(self._value[inner], value._value)
        self._value[inner] = unwrap(value)

    def scatter(self, function: np.ufunc, index: Any, value: Any) -> None:
        """What `ufunc.at` does: atomically, where arrays are indices."""
        inner = unwrap(index)
        if _is_advanced(inner) and self._value.dtype.name not in SCATTERED[function.__name__]:
            raise TypeError(f"{function.__name__}.at does not take {self._value.dtype}")
        function.at(self._value, inner, unwrap(value))

    # ---- methods that are not quite NumPy's ----

    def astype(self, dtype: Any, order: Any = "K", casting: Any = None, subok: Any = None, copy: bool = True) -> Any:
        return wrap(self._value.astype(dtype, order=order, copy=copy))

    def fill(self, value: Any) -> None:
        if isinstance(value, ndarray) and self._value.flags.c_contiguous:
            wait()  # whether it is zero
        self._value.fill(unwrap(value))

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        if not self._value.flags.c_contiguous:
            raise NotImplementedError("Sorting non-contiguous array is not supported.")
        self._value.sort(axis)

    @property
    def flags(self) -> Any:
        own = self._value.flags
        return types.SimpleNamespace(
            c_contiguous=own.c_contiguous, f_contiguous=own.f_contiguous, owndata=own.owndata
        )


_REAL = {"int32", "int64", "float16", "float32", "float64", "uint32", "uint64"}
_WHOLE = {"int32", "int64", "uint32", "uint64"}
SCATTERED = {
    "add": _REAL, "maximum": _REAL - {"float16"}, "minimum": _REAL - {"float16"}, "subtract": {"int32", "uint32"},
    "bitwise_and": _WHOLE, "bitwise_or": _WHOLE, "bitwise_xor": _WHOLE,
}  # fmt: skip
"""The dtypes that CuPy writes atomically, by ufunc."""


def _is_advanced(index: Any) -> bool:
    """Whether an index has arrays in it."""
    items = index if isinstance(index, tuple) else (index,)
    return any(isinstance(item, (np.ndarray, list, bool, np.bool_)) for item in items)


def _refuse_overlap(target: Any, source: np.ndarray) -> None:
    """CuPy copies memory as it comes, where layouts agree: what that gives of memory that overlaps is not defined."""
    alike = isinstance(target, np.ndarray) and target.shape == source.shape and target.strides == source.strides
    moved = alike and target.ctypes.data != source.ctypes.data
    if moved and target.dtype == source.dtype and target.flags.c_contiguous and np.may_share_memory(target, source):
        raise AssertionError("memory is copied onto itself")


def _binary(name: str, function: Any, reflected: bool, inplace: bool) -> Any:
    def method(self: ndarray, other: Any) -> Any:
        if not isinstance(other, (ndarray, *NUMBER)):
            if isinstance(other, (np.ndarray, list, tuple)) or other is None:
                if function in (operator.eq, operator.ne) and other is None:
                    return NotImplemented
                raise TypeError(f"Unsupported type {type(other)}")
            return NotImplemented
        a, b = self._value, unwrap(other)
        if inplace:
            if self._value.ndim < np.ndim(b):
                raise ValueError("non-broadcastable output operand")
            ufunc = INPLACE[name.strip("_")[1:]]
            ufunc(a, b, out=a, casting="same_kind")
            return self
        with np.errstate(all="ignore"):
            return wrap(np.asarray(function(b, a) if reflected else function(a, b)))

    method.__name__ = name
    return method


INPLACE = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift,
}  # fmt: skip

for _word in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift",
              "rshift", "divmod"):  # fmt: skip
    _function = divmod if _word == "divmod" else getattr(operator, f"__{_word}__")
    setattr(ndarray, f"__{_word}__", _binary(f"__{_word}__", _function, False, False))
    setattr(ndarray, f"__r{_word}__", _binary(f"__r{_word}__", _function, True, False))
    if _word in INPLACE:
        setattr(ndarray, f"__i{_word}__", _binary(f"__i{_word}__", _function, False, True))
for _word in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(ndarray, f"__{_word}__", _binary(f"__{_word}__", getattr(operator, f"__{_word}__"), False, False))
for _word in ("neg", "pos", "abs", "invert"):
    _function = getattr(operator, f"__{_word}__")
    setattr(ndarray, f"__{_word}__", lambda self, _function=_function: wrap(np.asarray(_function(self._value))))


def _method(name: str, parameters: str) -> Any:
    signature = inspect.signature(eval(f"lambda {parameters}: 0"))

    def method(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        signature.bind(*args, **kwargs)
        if f"cupy.ndarray.{name}" in TABLE["waits"]:
            wait()
        with np.errstate(all="ignore"):
            return wrap(getattr(self._value, name)(*map(unwrap, args), **unwrap(kwargs)))

    method.__name__, method.__signature__ = name, signature  # type: ignore[attr-defined]
    method.__doc__ = "May synchronize." if f"cupy.ndarray.{name}" in TABLE["waits"] else None
    return method


def _attribute(array: ndarray, name: str) -> Any:
    value = getattr(array._value, name)
    return wrap(value) if isinstance(value, np.ndarray) else value


for _name, _parameters in TABLE["members"].items():
    if _name not in vars(ndarray):
        if callable(getattr(np.ndarray, _name)):
            setattr(ndarray, _name, _method(_name, _parameters))
        else:
            setattr(ndarray, _name, property(lambda self, _name=_name: _attribute(self, _name)))

ndarray.__module__ = "cupy"
ndarray.__qualname__ = "ndarray"
