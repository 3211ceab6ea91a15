"""What `grad` is given - a function, method, partial, callable object - as a Python function and its arguments."""

from __future__ import annotations

import functools
import inspect
import keyword
import types
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from srcgrad.analysis.signatures import required, takes_more
from srcgrad.codegen import compile_text
from srcgrad.errors import ArgumentError
from srcgrad.frontend import define, definition_of
from srcgrad.frontend.source import STANDS_FOR, function_of
from srcgrad.ir.nodes import Free
from srcgrad.rules.defined import DEFINITIONS
from srcgrad.rules.libraries import library_of
from srcgrad.rules.registry import lookup, own_rule
from srcgrad.specialize.inputs import is_object
from srcgrad.specialize.options import Options, TransformedFunction, WrittenFunction
from srcgrad.specialize.places import Place, Signature, is_many, places
from srcgrad.specialize.spelling import is_library, plain_function
from srcgrad.specialize.transformations import suffixed, wrapper_definition

Argnums = int | str | Sequence[int | str]

Outputs = int | str | Sequence[int | str]
"""Parameters whose content after the call is the result."""

__all__ = ["Argnums", "Outputs", "Place", "Target", "is_many", "name_of", "target_of"]

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
            raise ArgumentError(f"{name}: {error}.", self._signature().words()) from None
        bound.apply_defaults()
        return tuple(bound.arguments[parameter] for parameter in self.names)

    def places(self, argnums: Argnums, bound: tuple[Any, ...], name: str) -> tuple[Place, ...]:
        """What is differentiated by."""
        return places(argnums, self._signature(bound), name)

    def _signature(self, bound: tuple[Any, ...] | None = None) -> Signature:
        values = dict(zip(self.names, bound, strict=True)) if bound is not None else {}
        return Signature(
            self.names, self.positional, self.kwargs, self.skipped, self.rest, len(values.get(self.rest or "", ())),
            self.keywords, values.get(self.keywords or "", ()),
        )  # fmt: skip


@functools.lru_cache(maxsize=1000)
def caller_of(function: Any, params: tuple[str, ...], further: bool = False) -> types.FunctionType:
    """A Python function that calls one that has a rule, and that may be written in C. further: whether it takes more
    than these parameters."""
    name = getattr(function, "__name__", "")
    name = name if name.isidentifier() and not keyword.iskeyword(name) else "function"
    callee = "function" if name not in params and name != "function" else "own_function"
    given = ", ".join([*params, *(["*args", "**kwargs"] if further else [])])
    text = f"def {name}({given}):\n    return {callee}({given})\n"
    made = compile_text(text, name, {callee: function}, f"call of {name}")
    assert isinstance(made, types.FunctionType)
    if isinstance(function, types.FunctionType) and function.__code__.co_varnames[: len(params)] == params:
        made.__defaults__ = function.__defaults__
    return made


@functools.lru_cache(maxsize=1000)
def caller_of_written(operator: WrittenFunction) -> types.FunctionType:
    """A Python function that calls an operator: what is differentiated where it is differentiated."""
    target = target_of(operator.primal)
    if len(target.positional) != len(target.names) or target.args or target.kwargs:
        raise ArgumentError(
            f"{operator!r} is of a function with other parameters than plain ones.", "Write a function that calls it."
        )
    params = [*target.names, *operator.further]
    while len(set(params)) < len(params):
        params[-1] += "_"
    name = name_of(operator.primal, target)
    name = f"{name if name.isidentifier() else 'f'}_{operator.suffix}"
    given = ", ".join(params)
    text = f"def {name}({given}):\n    return {CALLEE}({given})\n"
    made = compile_text(text, name, {CALLEE: operator}, f"call of {name}")
    assert isinstance(made, types.FunctionType)
    setattr(made, STANDS_FOR, target.function)
    return made


def live_places(target: Target) -> tuple[int, ...]:
    """The positions of the parameters that only blocks on adjoints name: what is passed there is passed on as it is."""
    hooked = definition_of(target.function).hooked
    return tuple(k for k, name in enumerate(target.names) if name in hooked)


def without(bound: tuple[Any, ...], places: tuple[int, ...]) -> tuple[Any, ...]:
    """The arguments with None at some positions."""
    return tuple(None if k in places else value for k, value in enumerate(bound)) if places else bound


def target_of(function: Any) -> Target:
    """The Python function behind any callable. ArgumentError or SourceError where there is none."""
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    fn = function
    while own_rule(fn) is not None or not isinstance(fn, types.FunctionType) or is_offered(fn):
        if (own := own_rule(fn)) is not None:
            fn = caller_of(fn, own.params)
            continue
        if isinstance(fn, functools.partial):
            args, kwargs, fn = (*fn.args, *args), {**fn.keywords, **kwargs}, fn.func
        elif isinstance(fn, types.MethodType) and not is_offered(fn):
            args, fn = (fn.__self__, *args), fn.__func__
        elif isinstance(fn, staticmethod):
            fn = fn.__func__
        elif isinstance(fn, type) or not callable(fn):
            what = f"the class {fn.__name__}" if isinstance(fn, type) else type(fn).__name__
            raise ArgumentError(f"grad takes a function, not {what}.", "Write a function that returns a float.")
        elif isinstance(fn, TransformedFunction):
            fn = fn.primal if fn.options.mode == "primal" else wrapper_of(fn)
        elif isinstance(fn, WrittenFunction):
            fn = caller_of_written(fn)
        elif is_offered(fn):
            fn = caller_of(fn, required(fn), takes_more(fn))
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


def is_offered(fn: Any) -> bool:
    """Whether a callable is one of NumPy or another library that is known by itself: its code is not read."""
    if isinstance(fn, type):
        return False
    if lookup(fn) is not None or (library_of(fn) and fn in DEFINITIONS):
        return True
    if isinstance(fn, (types.FunctionType, types.MethodType)):  # those of classes of a library are read
        return bool(library_of(fn)) and not plain_function(fn)
    if is_object(fn):  # a model, say: its method is read
        return False
    return getattr(fn, "__module__", None) is not None and is_library(fn) and not plain_function(fn)


def wrapper_of(made: Any) -> types.FunctionType:
    """A Python function that calls a gradient: what is differentiated where a gradient is differentiated.

    It has the gradient's own parameters. Its code is the same for all gradients of one function that are taken alike,
    so that what is compiled for one serves them all.
    """
    target = target_of(made.primal)
    own = list(target.signature.parameters.values())
    positional = [p for p in own if p.kind in POSITIONAL]
    taken = {p.name for p in positional[: len(target.args)]} | set(target.kwargs)
    own = [p for p in own if p.name not in taken]
    code = _wrapper_code(target.function, made.options, tuple(p.name for p in own))
    names = {"__name__": target.function.__module__, CALLEE: made}
    wrapper = types.FunctionType(code, names, code.co_name)
    wrapper.__defaults__ = tuple(p.default for p in own if p.kind in POSITIONAL and p.default is not p.empty)
    wrapper.__kwdefaults__ = {
        p.name: p.default for p in own if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    }
    wrapper.__wrapped__ = target.function  # type: ignore[attr-defined]
    return wrapper


CALLEE = "derivative_of_it"
"""The global by which a wrapper calls."""

_WRAPPERS: WeakKeyDictionary[types.CodeType, dict[Any, types.CodeType]] = WeakKeyDictionary()


def _wrapper_code(function: types.FunctionType, options: Options, names: tuple[str, ...]) -> types.CodeType:
    known = _WRAPPERS.setdefault(function.__code__, {})
    key = options, names
    if key not in known:
        base = definition_of(function)
        params = tuple(p for p in base.params if p.name in names)
        definition = wrapper_definition(base, params, Free(CALLEE), suffixed(base.name, options.mode))
        listed, before = [], ""
        for parameter in params:
            if before == "positional_only" != parameter.kind:
                listed.append("/")
            if parameter.kind == "keyword_only" and before not in ("keyword_only", "args"):
                listed.append("*")
            before = parameter.kind
            listed.append({"args": "*", "kwargs": "**"}.get(before, "") + parameter.name)
        if before == "positional_only":
            listed.append("/")
        calls = [
            {"args": f"*{p.name}", "kwargs": f"**{p.name}", "keyword_only": f"{p.name}={p.name}"}.get(p.kind, p.name)
            for p in params
        ]
        made: dict[str, Any] = {}
        text = f"def {definition.name}({', '.join(listed)}):\n    return {CALLEE}({', '.join(calls)})\n"
        exec(compile(text, f"<srcgrad derivative of {base.name}>", "exec", dont_inherit=True), made)
        define(made[definition.name], definition)
        known[key] = made[definition.name].__code__
    return known[key]


def name_of(function: Callable[..., Any], target: Target) -> str:
    """What to call a callable in messages."""
    return getattr(function, "__name__", None) or target.function.__name__
