"""What the operators share: objects beside a function, arguments to differentiate by, generated code differentiated."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from srcgrad.api.directions import Directions
from srcgrad.api.gradient import GradientFunction, _find
from srcgrad.api.structure import Path, has_floats, like, zeros
from srcgrad.api.target import Argnums, Target, is_many
from srcgrad.codegen import to_html
from srcgrad.errors import ArgumentError, NonScalarError
from srcgrad.frontend import definition_of
from srcgrad.ir.nodes import Pos
from srcgrad.specialize.options import WrittenFunction


class Operator(WrittenFunction):
    """An operator applied to a function: a callable that stands for the function, with `primal` and `source`."""

    def __init__(self, function: Callable[..., Any], argnums: Argnums) -> None:
        own = isinstance(function, (Operator, GradientFunction))  # their attributes are their own affair
        functools.update_wrapper(self, function, updated=() if own else functools.WRAPPER_UPDATES)
        self.primal = function
        self.argnums: Any = tuple(argnums) if is_many(argnums) else argnums  # type: ignore[arg-type]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    @property
    def written(self) -> Callable[..., Any]:
        """What it does inside of a function that is differentiated (see inside)."""
        from srcgrad.api.inside import written_as  # which is written in terms of this

        return written_as(self)

    @property
    def source(self) -> str:
        """The source of the generated function that does the work."""
        raise NotImplementedError

    def _what(self) -> str:
        raise NotImplementedError

    def _rebuild(self) -> tuple[Any, ...]:
        """The arguments that make this object again."""
        raise NotImplementedError

    def __repr__(self) -> str:
        by = "" if self.argnums == 0 else f" by argnums={self.argnums!r}"
        return f"<srcgrad {self._what()} of {self.__name__}{by}>"  # type: ignore[attr-defined]

    def _repr_html_(self) -> str:
        return to_html(self.source)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a method of a class: argnums count the object too."""
        if instance is None or isinstance(self.primal, staticmethod):
            return self
        return types.MethodType(self, instance)

    def __reduce__(self) -> Any:
        name, module = getattr(self.primal, "__qualname__", ""), getattr(self.primal, "__module__", "")
        if _find(module, name) is self:
            return _find, (module, name)
        return type(self), self._rebuild()


@contextlib.contextmanager
def in_terms_of(target: Target, name: str) -> Iterator[None]:
    """Tell an error about the result of a generated function as one about the user's function."""
    try:
        yield
    except NonScalarError as error:
        if error.pos is None or not error.pos.file.startswith("<srcgrad"):
            raise
        reason = f"{name}: {error.reason.split(': ', 1)[-1]}"
        raise NonScalarError(reason, error.remedy, definition_of(target.function).pos) from None


class Derivatives:
    """The derivatives of functions that have been made: of the user's, and of generated ones again.

    Generated functions are differentiated from their source, like any other function.
    """

    def __init__(self) -> None:
        self._made: dict[Any, tuple[Callable[..., Any], GradientFunction]] = {}

    def of(
        self, function: Callable[..., Any], names: tuple[str, ...], mode: str, has_aux: bool = False
    ) -> GradientFunction:
        """A derivative of a function by the parameters of these names."""
        key = id(function), names, mode, has_aux
        if key not in self._made:
            # the function is kept, so that no other one gets its id
            self._made[key] = function, GradientFunction(function, names, has_aux, mode, again=True)
        return self._made[key][1]


@dataclass(frozen=True)
class Wrt:
    """What is differentiated by, in the arguments of a function, bound to its parameters.

    spots: for each part asked for the index of its parameter, and the key of the part if that is `*args` or
    `**kwargs`, else None. Generated functions have the same parameters in front, so this holds for them too; they
    take tangents, and give adjoints, of whole parameters.
    """

    spots: tuple[tuple[int, Any], ...]
    many: bool
    indices: tuple[int, ...]

    def names(self, function: Callable[..., Any]) -> tuple[str, ...]:
        """The names of the parameters concerned, in a function or one generated from it."""
        own = list(inspect.signature(function, follow_wrapped=False).parameters)
        return tuple(own[index] for index in self.indices)

    def values(self, bound: tuple[Any, ...]) -> tuple[Any, ...]:
        """The parts."""
        return tuple([bound[index] if key is None else bound[index][key] for index, key in self.spots])

    def template(self, bound: tuple[Any, ...]) -> Any:
        """The parts as they are asked for: one, or a tuple."""
        values = self.values(bound)
        return values if self.many else values[0]

    def whole(self, bound: tuple[Any, ...], items: tuple[Any, ...]) -> tuple[Any, ...]:
        """Tangents of the parts as tangents of the parameters."""
        if len(self.indices) == len(self.spots) and all(key is None for _, key in self.spots):
            return items
        made = []
        for wanted in self.indices:
            found = {key: item for (index, key), item in zip(self.spots, items, strict=True) if index == wanted}
            made.append(found[None] if None in found else like(bound[wanted], {
                **{key: zeros(item) for key, item in _items(bound[wanted])}, **found,
            }))  # fmt: skip
        return tuple(made)

    def prefixes(self) -> list[tuple[Path, Path]]:
        """For each part its path in a tuple of adjoints of the parameters, and in `template`."""
        found = []
        for at, (index, key) in enumerate(self.spots):
            path: Path = (self.indices.index(index),) if key is None else (self.indices.index(index), key)
            found.append((path, (at,) if self.many else ()))
        return found

    def asked(self, path: Path) -> list[Path]:
        """A path in a tuple of the parameters concerned as paths in `template`."""
        return [
            (*asked, *path[len(prefix) :]) for prefix, asked in self.prefixes() if path[: len(prefix)] == prefix
        ]

    def units(self, bound: tuple[Any, ...]) -> Directions:
        """The unit directions of the parts, as directions of the parameters concerned."""
        return Directions(tuple(bound[index] for index in self.indices), tuple(path for path, _ in self.prefixes()))


def _items(value: Any) -> Any:
    return value.items() if isinstance(value, dict) else enumerate(value)


def wrt(target: Target, argnums: Argnums, bound: tuple[Any, ...], name: str, what: str) -> Wrt:
    """What argnums stands for. ArgumentError where it does not fit, or names what holds no floats."""
    places = target.places(argnums, bound, name)
    spots = []
    for place in places:
        owner, key = (place, None) if isinstance(place, str) else place
        spots.append((target.names.index(owner), key))
    if not spots:
        raise ArgumentError(f"argnums={argnums!r} names nothing to differentiate {name} by.", "Name a parameter.")
    indices = tuple(sorted({index for index, _ in spots}))
    if all(key is None for _, key in spots):
        indices = tuple(index for index, _ in spots)
    found = Wrt(tuple(spots), is_many(argnums), indices)
    for place, value in zip(places, found.values(bound), strict=True):
        refuse_without_floats(value, place if isinstance(place, str) else f"{place[0]}[{place[1]!r}]", target, what)
    return found


def refuse_without_floats(value: Any, name: str, target: Target, what: str) -> None:
    """Raise ArgumentError if there is nothing to differentiate by in an argument."""
    if has_floats(value):
        return
    dtype = getattr(value, "dtype", None)
    holds = f"an array of {dtype}" if dtype is not None else f"no float ({type(value).__name__})"
    raise ArgumentError(
        f"the argument {name!r} holds {holds}: there is no {what} by it",
        f"Pass floats (np.asarray({name}, float)), or choose other arguments with argnums.", position(target),
    )  # fmt: skip


def refuse_result(out: Any, target: Target, what: str) -> None:
    """Raise NonScalarError if a result holds nothing to differentiate."""
    if has_floats(out):
        return
    found = "nothing" if out is None else "no float"
    raise NonScalarError(
        f"the function returns {found}, so it has no {what}",
        "Return floats. For a function that writes into its arguments, return what is wanted of them.",
        position(target),
    )


def position(target: Target) -> Pos | None:
    """Where the function is defined."""
    return definition_of(target.function).pos


def arguments_of(target: Target, bound: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call of target.function, from those bound to its parameters."""
    whole = inspect.BoundArguments(target.signature, dict(zip(target.names, bound, strict=True)))
    return whole.args, whole.kwargs
