"""What `grad` is given - a function, method, partial, callable object - as a Python function and its arguments."""

from __future__ import annotations

import functools
import inspect
import keyword
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from srcgrad.codegen import compile_text
from srcgrad.errors import ArgumentError
from srcgrad.frontend import definition_of
from srcgrad.frontend.source import function_of
from srcgrad.rules.registry import own_rule

Argnums = int | str | Sequence[int | str]

Outputs = int | str | Sequence[int | str]
"""Parameters whose content after the call is the result."""

Place = str | tuple[str, int | str]
"""A parameter, or an item of `*args` (by position) or `**kwargs` (by name)."""

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Target:
    """The Python function behind a callable.

    function: has the source; args, kwargs: what the callable puts in front of the call's own arguments: the object of
    a method, what a partial holds. names: the function's parameters. counted: how many of args, from their end,
    argnums count nevertheless. outputs: the parameters whose content after the call is the result, where it is not
    what is returned.
    """

    def __init__(
        self, function: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any], counted: int = 0,
        outputs: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.function, self.args, self.kwargs, self.outputs = function, args, kwargs, outputs
        self.skipped = len(args) - counted
        # a decorator's wrapper is differentiated as it stands: its own parameters count, not those of what it wraps
        self.signature = inspect.signature(function, follow_wrapped=False)
        parameters = list(self.signature.parameters.values())
        self.names = tuple(p.name for p in parameters)
        self.positional = [p.name for p in parameters if p.kind in POSITIONAL]
        self.rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.keywords = next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)
        plain = not kwargs and all(p.kind in POSITIONAL for p in parameters)
        self.arity = len(parameters) - len(args) if plain else -1
        """The number of arguments of a call that needs no binding; -1 where every call needs it."""
        self.defaults = tuple(p.default for p in parameters if p.default is not p.empty) if plain else ()
        """What a call that leaves out its last arguments has for them."""

    def with_first(self, first: Any) -> Target:
        """The method that a decorated function becomes in a class: argnums count the object too."""
        return Target(self.function, (*self.args, first), self.kwargs, 1, self.outputs)

    def replaced(self, function: types.FunctionType, outputs: tuple[str, ...]) -> Target:
        """The same arguments for another function of the same parameters."""
        return Target(function, self.args, self.kwargs, len(self.args) - self.skipped, outputs)

    def call(self, bound: tuple[Any, ...]) -> Any:
        """Call the function with values for all its parameters."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter, value in zip(self.signature.parameters.values(), bound, strict=True):
            if parameter.kind is parameter.VAR_POSITIONAL:
                args += value
            elif parameter.kind is parameter.VAR_KEYWORD:
                kwargs |= value
            elif parameter.kind is parameter.KEYWORD_ONLY:
                kwargs[parameter.name] = value
            else:
                args.append(value)
        return self.function(*args, **kwargs)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> tuple[Any, ...]:
        """The arguments in the order of the parameters, defaults filled in."""
        try:
            bound = self.signature.bind(*self.args, *args, **{**self.kwargs, **kwargs})
        except TypeError as error:
            raise ArgumentError(f"{name}: {error}.", self._parameters()) from None
        bound.apply_defaults()
        return tuple(bound.arguments[parameter] for parameter in self.names)

    def _parameters(self) -> str:
        return f"Its parameters are {', '.join(self.names) or 'none'}."

    def places(self, argnums: Argnums, bound: tuple[Any, ...], name: str) -> tuple[Place, ...]:
        """What is differentiated by."""
        wanted = argnums if is_many(argnums) else (argnums,)
        found = [self._place(item, bound, name) for item in wanted]  # type: ignore[union-attr]
        if len(set(found)) != len(found):
            raise ArgumentError(f"argnums={argnums!r} names a parameter twice.", "Name each parameter once.")
        return tuple(found)

    def _place(self, item: Any, bound: tuple[Any, ...], name: str) -> Place:
        remedy = self._parameters()
        values = dict(zip(self.names, bound, strict=True))
        if isinstance(item, str):
            if item in values:
                return item
            if self.keywords is not None and item in values[self.keywords]:
                return self.keywords, item
            raise ArgumentError(f"{name} has no parameter {item!r}.", remedy)
        own = [p for p in self.positional[self.skipped:] if p not in self.kwargs]
        extra = len(values[self.rest]) if self.rest is not None else 0
        skipped = max(0, self.skipped - len(self.positional))  # a partial's arguments that are in the star already
        count = len(own) + extra - skipped
        if not isinstance(item, (int, np.integer)) or isinstance(item, bool) or not -count <= item < count:
            what = f"argnums={item!r} does not fit {name}, which has {count} positional arguments."
            raise ArgumentError(what, remedy)
        at = int(item) % count
        if at < len(own):
            return own[at]
        assert self.rest is not None
        return self.rest, at - len(own) + skipped


@functools.lru_cache(maxsize=1000)
def caller_of(function: Any, params: tuple[str, ...]) -> types.FunctionType:
    """A Python function that calls one with a rule of its own, which may be written in C."""
    name = getattr(function, "__name__", "")
    name = name if name.isidentifier() and not keyword.iskeyword(name) else "function"
    callee = "function" if name not in params and name != "function" else "own_function"
    given = ", ".join(params)
    text = f"def {name}({given}):\n    return {callee}({given})\n"
    made = compile_text(text, name, {callee: function}, f"call of {name}")
    assert isinstance(made, types.FunctionType)
    return made


def live_places(target: Target) -> tuple[int, ...]:
    """The positions of the parameters that only blocks on adjoints name: what is passed there is passed on as it is."""
    hooked = definition_of(target.function).hooked
    return tuple(k for k, name in enumerate(target.names) if name in hooked)


def without(bound: tuple[Any, ...], places: tuple[int, ...]) -> tuple[Any, ...]:
    """The arguments with None at some positions."""
    return tuple(None if k in places else value for k, value in enumerate(bound)) if places else bound


def is_many(argnums: Any) -> bool:
    """Whether several gradients are asked for (perhaps several of one)."""
    return isinstance(argnums, Iterable) and not isinstance(argnums, str)


def target_of(function: Any) -> Target:
    """The Python function behind any callable. ArgumentError or SourceError where there is none."""
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    fn = function
    while own_rule(fn) is not None or not isinstance(fn, types.FunctionType):
        if (own := own_rule(fn)) is not None:
            fn = caller_of(fn, own.params)
            continue
        if isinstance(fn, functools.partial):
            args, kwargs, fn = (*fn.args, *args), {**fn.keywords, **kwargs}, fn.func
        elif isinstance(fn, types.MethodType):
            args, fn = (fn.__self__, *args), fn.__func__
        elif isinstance(fn, staticmethod):
            fn = fn.__func__
        elif isinstance(fn, type) or not callable(fn):
            what = f"the class {fn.__name__}" if isinstance(fn, type) else type(fn).__name__
            raise ArgumentError(f"grad takes a function, not {what}.", "Write a function that returns a float.")
        elif hasattr(fn, "primal"):
            raise ArgumentError(f"{fn!r} is a gradient already.", "Pass its `.primal` to differentiate the function.")
        elif isinstance(getattr(fn, "py_func", None), types.FunctionType):  # numba
            fn = fn.py_func
        elif isinstance(fn, functools._lru_cache_wrapper):
            fn = fn.__wrapped__
        elif isinstance(call := inspect.getattr_static(type(fn), "__call__"), types.FunctionType):
            args, fn = (fn, *args), call
        else:
            function_of(fn)  # says what it is
            raise ArgumentError(f"{fn!r} is not a function written in Python.", "Write one that calls it.")
    return Target(fn, args, kwargs)


def name_of(function: Callable[..., Any], target: Target) -> str:
    """What to call a callable in messages."""
    return getattr(function, "__name__", None) or target.function.__name__
