"""Models: dataclasses of arrays, sub-models and static fields; the names of their parameters."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar, cast, dataclass_transform

import numpy as np

from srcgrad.errors import ArgumentError

Array = Any
"""An array of NumPy or CuPy."""
Model = TypeVar("Model")


def static(default: Any = dataclasses.MISSING) -> Any:
    """A field that is no parameter: numbers that choose what a layer does, or arrays that no gradient trains.

    Nothing is differentiated by it: in a gradient it is None. Arrays in static fields are saved with the model.
    """
    return dataclasses.field(default=default, metadata={"static": True})


@dataclass_transform(eq_default=False, field_specifiers=(static, dataclasses.field))
class Module:
    """Base of layers and models: each subclass is a dataclass, whose fields are arrays, sub-models or static.

        class Scale(Module):
            factor: np.ndarray

            def __call__(self, x):
                return self.factor * x

    A subclass may have, or inherit, an `__init__` of its own. Modules, and containers of modules, that it gives to
    attributes without a declaration become fields as well; arrays have to be declared, as trained or as static, else
    setting them is an ArgumentError. A gradient by a model is an instance of the same class, made without calling
    `__init__`: arrays hold derivatives, all else is None. `training` says whether the model is being trained, `frozen`
    names the parts that are not.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls)
        made._start()
        return made

    def _start(self) -> None:
        self.training = True
        self.__frozen__: tuple[str, ...] = ()  # fields of its own: gradients have None there

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        written = "__init__" in cls.__dict__ or any("_written" in base.__dict__ for base in cls.__mro__)
        if written:
            cls._written = True  # type: ignore[attr-defined]
        dataclasses.dataclass(init=not written, eq=False, repr=False)(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        declared = cast(Any, type(self)).__dataclass_fields__
        if name not in declared and any(True for _ in modules(value)):
            _declare(type(self), name)
        elif name not in declared and is_array(value) and value.dtype.kind == "f":
            cls = type(self).__name__
            raise ArgumentError(
                f"{cls}.{name} is an array that is not declared.",
                f"Write `{name}: np.ndarray` into the class {cls} if it is trained, and else `{name}: np.ndarray = "
                "nn.static()`.",
            )
        object.__setattr__(self, name, value)

    def named_parameters(self) -> dict[str, Array]:
        """The trained arrays by their dotted names, such as `layers.0.weight`."""
        return named_parameters(self)

    def parameters(self) -> list[Array]:
        """The trained arrays, in the order of their names' fields."""
        return list(named_parameters(self).values())

    def train(self) -> Self:
        """Let dropout, batch normalisation and their like work as in training. Returns the model."""
        return self._set_training(True)

    def eval(self) -> Self:
        """Let them work as in use. Returns the model."""
        return self._set_training(False)

    def _set_training(self, training: bool) -> Self:
        for part in modules(self):
            part.training = training
        return self

    def freeze(self, *names: str) -> Self:
        """Exclude parts from the training, by dotted names as in `freeze("encoder", "layers.0.bias")`, all without a
        name: gradients have None for them, which costs nothing, and optimisers leave them alone. Returns the model.
        Raises ArgumentError for a name that there is not."""
        self._check_names(names)
        for part, below in _inside(self, names or ("",)):
            part.__frozen__ = tuple(dict.fromkeys((*part.__frozen__, *below)))
        return self

    def unfreeze(self, *names: str) -> Self:
        """Train these parts again, all without a name. Returns the model. Raises ArgumentError for a name that there is
        not."""
        self._check_names(names)
        for part, below in _inside(self, names or ("",)):
            part.__frozen__ = tuple(name for name in part.__frozen__ if name not in below)
        return self

    @property
    def frozen(self) -> tuple[str, ...]:
        """The dotted names of the parameters that `freeze` excluded from the training."""
        trained = named_parameters(self, trainable=True)
        return tuple(name for name in named_parameters(self) if name not in trained)

    def _check_names(self, names: tuple[str, ...]) -> None:
        known = named_parameters(self)
        for name in names:
            if not any(is_under(path, name) for path in known):
                raise ArgumentError(f"{type(self).__name__} has no parameter {name!r}.", f"It has {', '.join(known)}.")

    def state(self) -> dict[str, Array]:
        """Copies of all arrays, those in static fields too, by their dotted names."""
        return {name: array.copy() for name, array in named_arrays(self).items()}

    def load_state(self, state: Mapping[str, Array]) -> Self:
        """Put back what `state` gave, in place. Returns the model. Raises ArgumentError, and changes nothing, where
        names or shapes are not the model's."""
        own = named_arrays(self)
        if own.keys() != state.keys():
            odd = sorted(own.keys() ^ state.keys())
            raise ArgumentError(f"the state does not fit {type(self).__name__}: {', '.join(odd[:5])}.",
                                "Load what `state` of such a model gave.")  # fmt: skip
        for name, array in own.items():
            if array.shape != state[name].shape:
                raise ArgumentError(f"{name} has shape {array.shape}, and {state[name].shape} in the state.",
                                    "Load what `state` of such a model gave.")  # fmt: skip
        for name, array in own.items():
            array[...] = state[name]
        return self

    def astype(self, dtype: Any) -> Self:
        """A copy whose arrays of floats have this dtype."""
        return map_arrays(lambda array: array.astype(dtype) if array.dtype.kind == "f" else array.copy(), self)

    def to_cupy(self) -> Self:
        """A copy on the GPU. Raises ArgumentError where CuPy is not installed."""
        try:
            import cupy
        except ImportError:
            remedy = "pip install cupy-cuda12x, or -cuda13x, for your version of CUDA."
            raise ArgumentError("to_cupy needs CuPy, which is not installed.", remedy) from None
        return map_arrays(cupy.asarray, self)

    def to_numpy(self) -> Self:
        """A copy whose arrays are NumPy's."""
        return map_arrays(lambda array: array.get() if hasattr(array, "get") else np.array(array), self)

    def summary(self) -> str:
        """A table of the parameters: name, shape, dtype, count, and their sum."""
        return summary(self)

    def __repr__(self) -> str:
        inside = (f"{field.name}={_brief(getattr(self, field.name))}" for field in dataclasses.fields(cast(Any, self)))
        return f"{type(self).__name__}({', '.join(inside)})"


def _declare(cls: type[Module], name: str) -> None:
    """Make an attribute a field of a class of modules: None in objects that do not have it."""
    template = dataclasses.make_dataclass("Template", [(name, Any, dataclasses.field(init=False, default=None))])
    known = cast(Any, cls).__dataclass_fields__
    cast(Any, cls).__dataclass_fields__ = {**known, name: dataclasses.fields(template)[0]}
    if not hasattr(cls, name):
        setattr(cls, name, None)


# ---- walks -----------------------------------------------------------------------------------------------------


def children(value: Any) -> Iterator[tuple[str, Any, bool]]:
    """The parts of a container: name, part, and whether it stands in a static field. Nothing for what is none."""
    if isinstance(value, dict):
        yield from ((str(key), item, False) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((str(k), item, False) for k, item in enumerate(value))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield field.name, getattr(value, field.name), "static" in field.metadata


def is_array(value: Any) -> bool:
    """Whether a value is an array of NumPy or CuPy."""
    return isinstance(value, np.ndarray) or type(value).__name__ == "ndarray" and hasattr(value, "dtype")


def _arrays(value: Any, name: str, is_static: bool, frozen: bool) -> Iterator[tuple[str, Array, bool, bool]]:
    if is_array(value):
        yield name, value, is_static, frozen
        return
    held = value.__frozen__ if isinstance(value, Module) else ()
    for key, part, static_field in children(value):
        path = f"{name}.{key}" if name else key
        for found, array, fixed, off in _arrays(part, path, is_static or static_field, frozen):
            below = found[len(name) + 1 :] if name else found
            yield found, array, fixed, off or any(is_under(below, part_name) for part_name in held)


def is_under(path: str, name: str) -> bool:
    """Whether a dotted name is that of a part, or of something in it."""
    return name in ("", path) or path.startswith(name + ".")


def _inside(value: Any, names: tuple[str, ...], owner: Module | None = None, path: str = "") -> Iterator[
    tuple[Module, tuple[str, ...]]
]:  # fmt: skip
    """For the arrays in a model that these dotted names mean: the module around each, and its name there, which is that
    of the field where all of the field is meant."""
    if isinstance(value, Module):
        owner, path = value, ""
    whole = any(name == "" for name in names)
    if owner is not None and path and "." not in path and whole and not any(modules(value)):
        yield owner, (path,)
        return
    if is_array(value):
        if owner is not None and whole:
            yield owner, (path,)
        return
    for key, part, _ in children(value):
        below = tuple(name[len(key) + 1 :] for name in names if is_under(key, name) or is_under(name, key))
        if below:
            yield from _inside(part, below, owner, f"{path}.{key}" if path else key)


def named_arrays(model: Any) -> dict[str, Array]:
    """All arrays of a model, those in static fields too, by their dotted names: what there is to save."""
    return {name: array for name, array, _, _ in _arrays(model, "", False, False)}


def named_parameters(model: Any, trainable: bool = False) -> dict[str, Array]:
    """The arrays of floats that are not in static fields, by their dotted names. trainable: without frozen ones.

    The model is a dataclass, dict, list or tuple, nested as one likes.
    """
    return {
        name: array
        for name, array, is_static, frozen in _arrays(model, "", False, False)
        if not is_static and array.dtype.kind == "f" and not (trainable and frozen)
    }


def modules(model: Any) -> Iterator[Module]:
    """All modules in a model, itself first."""
    if isinstance(model, Module):
        yield model
    for _, part, _ in children(model):
        yield from modules(part)


def map_arrays(fn: Callable[[Array], Array], model: Model) -> Model:
    """A model of the same structure whose arrays are those that `fn` makes of the model's."""
    if is_array(model):
        return fn(model)
    if isinstance(model, dict):
        made: Any = copy.copy(model)
        made.update({key: map_arrays(fn, item) for key, item in model.items()})
        return made
    if isinstance(model, tuple) and hasattr(model, "_fields"):
        return type(model)(*(map_arrays(fn, item) for item in model))
    if isinstance(model, (list, tuple)):
        return type(model)(map_arrays(fn, item) for item in model)
    if not any(True for _ in children(model)):
        return model
    made = copy.copy(model)
    for name, item, _ in children(model):
        object.__setattr__(made, name, map_arrays(fn, item))
    return made


def summary(model: Any) -> str:
    """A table of a model's parameters: name, shape, dtype, count; frozen ones are marked."""
    trained = named_parameters(model, trainable=True)
    rows = [("parameter", "shape", "dtype", "count")]
    for name, array in named_parameters(model).items():
        shape = " x ".join(map(str, array.shape)) or "()"
        rows.append((name + ("" if name in trained else " (frozen)"), shape, str(array.dtype), f"{array.size:,}"))
    total = sum(array.size for array in named_parameters(model).values())
    rows.append(("total", "", "", f"{total:,}"))
    if len(trained) < len(rows) - 2:
        rows.append(("trained", "", "", f"{sum(array.size for array in trained.values()):,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join((*(cell.ljust(w) for cell, w in zip(row[:3], widths, strict=False)), row[3].rjust(widths[3])))
             for row in rows]  # fmt: skip
    return "\n".join(lines)


def _brief(value: Any) -> str:
    """A value for a representation: arrays by dtype and shape."""
    if is_array(value):
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(map(_brief, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    return getattr(value, "__name__", None) or repr(value)
