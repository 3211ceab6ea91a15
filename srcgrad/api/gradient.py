"""`grad` and its family: objects that compile a function's gradient when first called with arguments of a kind."""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from srcgrad.api.signature import key_of, same_shapes
from srcgrad.codegen import to_html
from srcgrad.compile import Compiled, compile_gradient
from srcgrad.errors import ArgumentError, KindError, NonScalarError, SrcgradError
from srcgrad.frontend import definition_of
from srcgrad.ir.kinds import is_float
from srcgrad.specialize.inputs import Path
from srcgrad.transform.gradient import Wish

Argnums = int | str | Sequence[int | str]


class GradientFunction:
    """The gradient of a function, as a callable.

    Call it with the function's arguments. `primal`: the function; `source`: the gradient's source for arrays, or for the
    kinds of the last call; `source_for(*args)`: for given arguments; `value_and_grad(*args)`: value and gradient from
    one forward sweep. Errors: ArgumentError for arguments that do not fit, other SrcgradErrors for code that cannot be
    differentiated.
    """

    def __init__(
        self, function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, mode: str = "grad",
        with_value: bool = False,
    ) -> None:  # fmt: skip
        function = unwrap(function)
        self.primal = function
        self.argnums = argnums
        self.has_aux = has_aux
        self._mode, self._with_value = mode, with_value
        self._cache: dict[Any, Compiled] = {}
        self._lock = threading.RLock()
        self._last: Compiled | None = None
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self._signature: inspect.Signature | None = None
        self._plain: tuple[str, ...] = ()
        self._defaults: tuple[Any, ...] = ()

    # ---- calling ----

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._with_value or self.has_aux:
            value, gradient = self._value_and_grad(args, kwargs)
            if self.has_aux and not self._with_value:
                return gradient, value[1]
            return value, gradient
        bound = self._bind(args, kwargs)
        compiled = self._compiled(bound, False)
        gradient = self._run(compiled, bound)
        return gradient

    def value_and_grad(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The function's value and its gradient, from one forward sweep."""
        return self._value_and_grad(args, kwargs)

    def _value_and_grad(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        bound = self._bind(args, kwargs)
        found = self._run(self._compiled(bound, True), bound)
        value, *gradients = found
        gradient = tuple(gradients) if self._many() else gradients[0]
        return value, gradient

    def _run(self, compiled: Compiled, bound: tuple[Any, ...]) -> Any:
        if compiled.overwritten:
            self._check_disjoint(compiled, bound)
        if compiled.captured:
            extra = [read_path(path, self.primal, self._names(), bound) for path in compiled.captured]
            bound = (*bound, *extra)
        try:
            result = compiled.call(*bound)
        except TypeError as error:
            if "so it has no gradient" in str(error):
                raise NonScalarError(
                    f"{self.__name__}: {error}.", "Use vjp or jacobian for all of it, elementwise_grad for its sum."
                ) from None
            raise
        return (result,) if self._many() and not isinstance(result, tuple) else result

    def _check_disjoint(self, compiled: Compiled, bound: tuple[Any, ...]) -> None:
        """Arguments that share memory while one is written would be separate copies in the gradient."""
        arrays = [(n, a) for n, a in zip(self._names(), bound, strict=True) if isinstance(a, np.ndarray)]
        for name in compiled.overwritten:
            for first, a in arrays:
                for second, b in arrays:
                    if first == name and second != name and np.may_share_memory(a, b):
                        raise ArgumentError(
                            f"the arguments {first!r} and {second!r} share memory, and the function writes into {first!r}.",
                            "Pass a copy of one of them.",
                        )

    # ---- compiling ----

    def _names(self) -> tuple[str, ...]:
        if self._signature is None:
            self._prepare()
        return self._plain

    def _prepare(self) -> None:
        signature = inspect.signature(self.primal)
        self._plain = tuple(signature.parameters)
        self._simple = all(p.kind is p.POSITIONAL_OR_KEYWORD for p in signature.parameters.values())
        self._signature = signature

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments in the order of the parameters, defaults filled in."""
        if self._signature is None:
            self._prepare()
        assert self._signature is not None
        if not kwargs and self._simple and len(args) == len(self._plain):
            return args
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(f"{self.__name__}: {error}.") from None
        bound.apply_defaults()
        return tuple(bound.arguments[name] for name in self._plain)

    def _compiled(self, bound: tuple[Any, ...], value: bool) -> Compiled:
        function = self.primal
        cells = function.__closure__ if hasattr(function, "__closure__") else None
        key: Any = (value, same_shapes(bound), *[key_of(arg) for arg in bound])
        if cells:
            key = (key, key_of(function))
        try:
            compiled = self._cache.get(key)
        except TypeError:
            compiled = None
        if compiled is not None and self._still_valid(compiled, bound):
            self._last = compiled
            return compiled
        with self._lock:
            compiled = self._compile(bound, value)
            self._cache[key] = compiled
        self._last = compiled
        return compiled

    def _still_valid(self, compiled: Compiled, bound: tuple[Any, ...]) -> bool:
        """Whether what was taken as constant is still what it was; a captured value's kind too."""
        for path, value in compiled.guards:
            if read_path(path, self.primal, self._plain, bound) is not value:
                return False
        if compiled.captured:
            now = tuple(key_of(read_path(path, self.primal, self._plain, bound)) for path in compiled.captured)
            return now == compiled.captured_keys
        return True

    def _compile(self, bound: tuple[Any, ...], value: bool) -> Compiled:
        wish = Wish(self._wrt(), self._mode, value, self.has_aux)
        arguments = dict(zip(self._names(), bound, strict=True))
        compiled = compile_gradient(self.primal, arguments, wish)
        compiled.captured_keys = tuple(
            key_of(read_path(path, self.primal, self._plain, bound)) for path in compiled.captured
        )
        return compiled

    def _wrt(self) -> tuple[str, ...]:
        """The names of the parameters that are differentiated by."""
        names = self._names()
        wanted = self.argnums if isinstance(self.argnums, Iterable) and not isinstance(self.argnums, str) else (self.argnums,)
        found = []
        for item in wanted:
            if isinstance(item, str):
                if item not in names:
                    raise ArgumentError(
                        f"{self.__name__} has no parameter {item!r}; it has {', '.join(names) or 'none'}."
                    )
                found.append(item)
            else:
                if not isinstance(item, (int, np.integer)) or not -len(names) <= item < len(names):
                    raise ArgumentError(
                        f"argnums={item!r} does not fit {self.__name__}, which has {len(names)} parameters."
                    )
                found.append(names[item])
        if len(set(found)) != len(found):
            raise ArgumentError(f"argnums={self.argnums!r} names a parameter twice.")
        return tuple(found)

    def _many(self) -> bool:
        return isinstance(self.argnums, Iterable) and not isinstance(self.argnums, str)

    # ---- looking ----

    @property
    def source(self) -> str:
        """The source of the gradient: for the kinds of the last call, or before any call for arrays."""
        if self._last is not None:
            return self._last.text
        return self._guess().text

    def source_for(self, *args: Any, **kwargs: Any) -> str:
        """The source of the gradient for arguments of these kinds."""
        return self._compiled(self._bind(args, kwargs), self._with_value).text

    def _guess(self) -> Compiled:
        """Compile for arguments of the kinds that the function seems to want: arrays where it takes them."""
        names = self._names()
        assert self._signature is not None
        wrt = self._wrt()
        choices = [
            _guesses(self._signature.parameters[name], name in wrt) for name in names
        ]
        first: SrcgradError | None = None
        for picked in itertools.islice(sorted(itertools.product(*[list(enumerate(c)) for c in choices]),
                                              key=lambda p: sum(k for k, _ in p)), 300):  # fmt: skip
            bound = tuple(value for _, value in picked)
            try:
                return self._compile(bound, self._with_value)
            except (KindError, ArgumentError, NonScalarError) as error:
                first = first or error
        assert first is not None
        raise first

    def __repr__(self) -> str:
        what = {"grad": "gradient", "sum": "elementwise gradient"}[self._mode]
        if self._with_value:
            what = "value and " + what
        by = "" if self.argnums == 0 else f" by argnums={self.argnums!r}"
        return f"<srcgrad {what} of {self.__name__}{by}>"

    def _repr_html_(self) -> str:
        return to_html(self.source)

    # ---- being an object ----

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> Any:
        name = getattr(self.primal, "__qualname__", "")
        module = getattr(self.primal, "__module__", "")
        found = _find(module, name)
        if found is self:
            return _find, (module, name)
        return _rebuild, (self.primal, self.argnums, self.has_aux, self._mode, self._with_value)


def _rebuild(function: Callable[..., Any], argnums: Argnums, aux: bool, mode: str, value: bool) -> GradientFunction:
    return GradientFunction(function, argnums, aux, mode, value)


def _find(module: str, name: str) -> Any:
    import sys

    found: Any = sys.modules.get(module)
    if found is None:
        import importlib

        try:
            found = importlib.import_module(module)
        except ImportError:
            return None
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _guesses(parameter: inspect.Parameter, differentiated: bool) -> list[Any]:
    """Example arguments, likeliest first."""
    vector, matrix = np.full(3, 0.5), np.full((3, 3), 0.5)
    if parameter.default is not inspect.Parameter.empty:
        return [parameter.default]
    if parameter.kind is parameter.VAR_POSITIONAL:
        return [(), (vector,)]
    if parameter.kind is parameter.VAR_KEYWORD:
        return [{}]
    annotated = {float: [0.5], int: [2], "float": [0.5], "int": [2], bool: [True], "bool": [True]}.get(parameter.annotation)
    if annotated is not None:
        return annotated
    if differentiated:
        return [vector, matrix, 0.5, [0.5, 0.5]]
    return [vector, 2, matrix, 0.5, [0.5, 0.5], np.array([0, 1, 2])]


def read_path(path: Path, function: Callable[..., Any], names: tuple[str, ...], bound: tuple[Any, ...]) -> Any:
    """Follow a path from the call's arguments or from a function to a value. A missing value is None."""
    start, what = path[0]
    value: Any
    if start == "argument":
        value = bound[names.index(what)]
    elif start == "object":
        value = function if what is function else what
    else:
        value = None
    for step, key in path[1:]:
        if step == "global":
            value = value.__globals__.get(key)
        elif step == "closure":
            value = value.__closure__[value.__code__.co_freevars.index(key)].cell_contents
        elif step == "item":
            value = value[key]
        elif step == "attribute":
            value = getattr(value, key)
    return value


def unwrap(function: Any) -> Any:
    """The function to differentiate: what an object of grad was made from is its compiled gradient."""
    if isinstance(function, GradientFunction):
        raise ArgumentError(
            f"{function!r} is a gradient already.", "Second derivatives come through hvp and hessian; pass `.primal` here."
        )
    if hasattr(function, "py_func"):
        return function.py_func
    if not callable(function):
        raise ArgumentError(f"grad takes a function, not {type(function).__name__}.")
    return function


def _make(
    function: Callable[..., Any] | None, argnums: Argnums, has_aux: bool, mode: str, value: bool
) -> Any:
    """The object, or a decorator that makes it."""
    if function is None:
        return lambda f: GradientFunction(f, argnums, has_aux, mode, value)
    if isinstance(function, (int, str)) or (isinstance(function, tuple) and not callable(function)):
        return lambda f: GradientFunction(f, function, has_aux, mode, value)  # type: ignore[arg-type]
    return GradientFunction(function, argnums, has_aux, mode, value)


def grad(function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False) -> Any:
    """The gradient of a function that returns a float or an array of size 1.

    argnums: which arguments to differentiate by: a position or a name, or several; one gives one gradient, several
    give a tuple. has_aux: the function returns (result, aux), and the gradient function (gradient, aux). A gradient
    has the shape, dtype and containers of its argument. Works as a decorator, with and without arguments.
    """
    return _make(function, argnums, has_aux, "grad", False)


def value_and_grad(function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False) -> Any:
    """Like grad, but the function made returns (value, gradient); with has_aux ((value, aux), gradient)."""
    return _make(function, argnums, has_aux, "grad", True)


def elementwise_grad(function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False) -> Any:
    """The gradient of the sum of the result: for a function that works element by element, its derivative at each."""
    return _make(function, argnums, has_aux, "sum", False)


_ = (definition_of, is_float)
