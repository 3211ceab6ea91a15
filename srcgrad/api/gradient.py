"""`grad` and its family: objects that compile a function's gradient when first called with arguments of a kind."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import sys
import threading
import types
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srcgrad.api.guesses import guesses
from srcgrad.api.outputs import check_outputs, with_outputs
from srcgrad.api.reader import make_reader
from srcgrad.api.sharing import shared_pair
from srcgrad.api.signature import call_key, kind_key
from srcgrad.api.target import Argnums, Outputs, is_many, live_places, name_of, target_of, without
from srcgrad.backends.targets import NUMPY
from srcgrad.codegen import to_html
from srcgrad.compile import Compiled, compile_gradient
from srcgrad.errors import AliasError, ArgumentError, InternalError, NonScalarError, SrcgradError
from srcgrad.frontend import definition_of
from srcgrad.report import Report, measure
from srcgrad.rules.own import CHANGED
from srcgrad.specialize.options import Options, TransformedFunction
from srcgrad.specialize.transformations import transformation
from srcgrad.transform.gradient import Wish
from srcgrad.transform.results import GRADIENTS

_LOCK = threading.RLock()
_MOST_KEYS = 4096


class _Cache:
    """What has been compiled of one function: by the calls seen (exact shapes), and by kinds."""

    def __init__(self) -> None:
        self.calls: dict[Any, list[Compiled]] = {}
        self.kinds: dict[Any, list[Compiled]] = {}


_CACHES: WeakKeyDictionary[types.CodeType, dict[Any, _Cache]] = WeakKeyDictionary()
"""By code, so that a lambda made anew at each step is compiled once."""



def _forget() -> None:
    """A rule was registered: what was compiled without it does not hold any more."""
    with _LOCK:
        for caches in _CACHES.values():
            for cache in caches.values():
                cache.calls, cache.kinds = {}, {}


CHANGED.append(_forget)

ENOUGH = 8  # guesses at arguments that are tried for a result that is a number


class GradientFunction(TransformedFunction):
    """The gradient of a function, as a callable.

    Call it with the function's arguments. `primal`: the function; `source`: the gradient's source for arrays, or for
    the kinds of the last call; `source_for(*args)`: for given arguments; `value_and_grad(*args)`: value and gradient
    from one forward sweep. Errors: ArgumentError for arguments that do not fit, other SrcgradErrors for code that
    cannot be differentiated.
    """

    def __init__(
        self, function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, mode: str = "grad",
        with_value: bool = False, debug_nans: bool = False, outputs: Outputs | None = None,
        again: bool = False,
    ) -> None:  # fmt: skip
        updated = () if isinstance(function, TransformedFunction) else functools.WRAPPER_UPDATES
        functools.update_wrapper(self, function, updated=updated)
        self._target = target_of(function)
        self.outputs = outputs
        if outputs is not None:
            if has_aux:
                raise ArgumentError(
                    "has_aux is for what a function returns, outputs for what it writes into its arguments.",
                    "Give one of them: outputs=(x, y) with vjp for several results.",
                )
            self._target = with_outputs(self._target, outputs, name_of(function, self._target))
        self.primal = function
        self._many = is_many(argnums)
        self.argnums: Any = tuple(argnums) if self._many else argnums  # type: ignore[arg-type]
        self.has_aux = has_aux
        self._mode, self._with_value, self._debug_nans = mode, with_value, debug_nans
        self._last: Compiled | None = None
        self._live: tuple[int, ...] | None = None
        self._again = again  # its source is to be differentiated in its turn
        self.options = Options(mode, self.argnums, has_aux, with_value)
        self.__name__ = name_of(function, self._target)
        self.__wrapped__ = function
        self._connect()

    def _connect(self) -> None:
        """Find the caches of this function; short names for what every call needs."""
        target = self._target
        self._function, self._fixed, self._arity = target.function, target.args, target.arity
        self._defaults = target.defaults
        with _LOCK:
            caches = _CACHES.setdefault(target.function.__code__, {})
            asked = (self._many, self.argnums, self.has_aux, self._mode, self._debug_nans, self._again)
            made = (*asked, len(target.args), tuple(target.kwargs))
            self._plain = caches.setdefault((False, *made), _Cache())
            self._valued = caches.setdefault((True, *made), _Cache())

    # ---- calling ----

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._with_value:
            return self.value_and_grad(*args, **kwargs)
        if self.has_aux:
            value, gradient = self.value_and_grad(*args, **kwargs)
            return gradient, value[1]
        compiled, given = self._find(self._plain, args, kwargs)
        result = self._run(compiled, given)
        return (result,) if self._many and compiled.outputs == 1 else result

    def value_and_grad(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The function's value and its gradient, from one forward sweep."""
        compiled, given = self._find(self._valued, args, kwargs)
        found = self._run(compiled, given)
        value, *gradients = found if compiled.outputs > 1 else (found,)
        return value, tuple(gradients) if self._many else gradients[0]

    def _run(self, compiled: Compiled, given: tuple[Any, ...]) -> Any:
        if compiled.overwritten:
            self._check_disjoint(compiled, given)
        try:
            return compiled.call(*given) if compiled.backend is NUMPY else compiled.backend.run(compiled.call, given)
        except TypeError as error:
            if "so it has no gradient" in str(error):
                raise NonScalarError(
                    f"{self.__name__}: {error}.", "Use vjp or jacobian for all of it, elementwise_grad for its sum.",
                    definition_of(self._function).pos,
                ) from None
            self._refuse_slots(error)
            raise
        except ValueError as error:
            self._refuse_slots(error)
            if "make it contiguous" in str(error):
                where = definition_of(self._function).pos
                raise AliasError(f"{self.__name__}: {error}.", "Use np.ascontiguousarray.", where) from None
            raise

    def _refuse_slots(self, error: Exception) -> None:
        """Raise ArgumentError where a checkpointed loop was given no number of slots."""
        if str(error).startswith("slots has to be"):
            where = definition_of(self._function).pos
            raise ArgumentError(f"{self.__name__}: {error}.", "Give the number of snapshots.", where) from None

    def _check_disjoint(self, compiled: Compiled, given: tuple[Any, ...]) -> None:
        """Arguments that share memory while one is written would be separate copies in the gradient."""
        pair = shared_pair(compiled, given)
        if pair is not None:
            written, other = pair
            raise ArgumentError(
                f"the arguments {written!r} and {other!r} of {self.__name__} share memory, and the first is written.",
                "Pass a copy of one of them.",
                definition_of(self._function).pos,
            )

    # ---- compiling ----

    def _find(self, cache: _Cache, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Compiled, tuple[Any, ...]]:
        """The generated function for a call, and all that it takes."""
        missing = self._arity - len(args)
        if not kwargs and missing == 0:
            bound = self._fixed + args
        elif not kwargs and 0 < missing <= len(self._defaults):
            bound = self._fixed + args + self._defaults[-missing:]
        else:
            bound = self._target.bind(args, kwargs, self.__name__)
        if self._live is None:
            self._live = live_places(self._target)
        key = call_key(bound) if not self._live else call_key(without(bound, self._live))
        for compiled in cache.calls.get(key, ()):
            hidden = compiled.read(self._function, bound)
            if hidden is not None:
                self._last = compiled
                return compiled, bound + hidden
        return self._find_by_kind(cache, key, bound)

    def _find_by_kind(self, cache: _Cache, key: Any, bound: tuple[Any, ...]) -> tuple[Compiled, tuple[Any, ...]]:
        with _LOCK:
            kinds = kind_key(without(bound, self._live or ()))
            known = cache.kinds.setdefault(kinds, [])
            for compiled in known:
                hidden = compiled.read(self._function, bound)
                if hidden is not None:
                    break
            else:
                compiled = self._compile(bound, cache is self._valued)
                hidden = compiled.read(self._function, bound)
                assert hidden is not None
                known.insert(0, compiled)
                del known[8:]  # of those that captured something else, the latest
            if len(cache.calls) >= _MOST_KEYS:
                cache.calls = {}
            cache.calls[key] = known
        self._last = compiled
        return compiled, bound + hidden

    def _compile(self, bound: tuple[Any, ...], value: bool) -> Compiled:
        """Compile for arguments of these kinds."""
        target = self._target
        check_outputs(target, bound, self.__name__)
        wish = self._wish(bound, value)
        try:
            compiled = compile_gradient(target.function, dict(zip(target.names, bound, strict=True)), wish)
            compiled.read = make_reader(compiled.captured, compiled.guards, target.names, target.function, bound)
        except SrcgradError as error:
            if error.pos is None:  # none of the passes knew where
                raise type(error)(error.reason, error.remedy, definition_of(target.function).pos) from error
            raise
        except Exception as error:
            raise InternalError(
                f"srcgrad failed on the function {self.__name__!r}: {type(error).__name__}: {error}",
                "This is a mistake in srcgrad: please report it with the function.",
                definition_of(target.function).pos,
            ) from error
        return compiled

    def _wish(self, bound: tuple[Any, ...], value: bool) -> Wish:
        places = self._target.places(self.argnums, bound, self.__name__)
        return Wish(places, self._mode, value, self.has_aux, self._debug_nans, self._again)

    # ---- looking ----

    @property
    def source(self) -> str:
        """The source of the gradient: for the kinds of the last call, or before any call for arrays."""
        return (self._last or self._guessed()[0]).text

    def source_for(self, *args: Any, **kwargs: Any) -> str:
        """The source of the gradient for arguments of these kinds."""
        return self._find(self._wanted(), args, kwargs)[0].text

    def report(self, *args: Any, **kwargs: Any) -> Report:
        """What the gradient records for these arguments: per tape the variable, its line and loops, which rules read
        it, how many values and bytes it holds. The gradient is run once. See srcgrad.report.Report."""
        cache = self._wanted()
        given = self._find(cache, args, kwargs)[1]
        bound = self._target.bind(args, kwargs, self.__name__)
        named = dict(zip(self._target.names, bound, strict=True))
        wish = self._wish(bound, cache is self._valued)
        return measure(self._target.function, named, wish, given, repr(self)[1:-1])

    def _wanted(self) -> _Cache:
        return self._valued if self._with_value or self.has_aux else self._plain

    def _guessed(self) -> tuple[Compiled, tuple[Any, ...]]:
        """Compiled for arguments of the kinds that the function seems to want, and such arguments."""
        definition_of(self._function)  # refuses what no arguments can mend
        first: SrcgradError | None = None
        found: tuple[Compiled, tuple[Any, ...]] | None = None
        for tries, bound in enumerate(guesses(self._target, self.argnums)):
            if found is not None and (tries > ENOUGH or not np.ndim(bound[0])):
                break
            try:
                compiled = self._compile(bound, self._wanted() is self._valued)
            except SrcgradError as error:
                first = first or error
                continue
            made = compiled, bound + (compiled.read(self._function, bound) or ())
            if "scalar_adjoint" not in compiled.helpers:
                return made
            found = found or made  # the result is an array; perhaps other arguments make it a number
        if found is not None:
            return found
        assert first is not None
        raise first

    def __repr__(self) -> str:
        what = "elementwise gradient" if self._mode.endswith("sum") else "gradient"
        what = what if self._mode in GRADIENTS else "primal" if self._mode == "primal" else "pullback"
        if self._with_value:
            what = "value and " + what
        by = "" if self.argnums in (0, ()) else f" by argnums={self.argnums!r}"
        return f"<srcgrad {what} of {self.__name__}{by}>"

    def _repr_html_(self) -> str:
        return to_html(self.source)

    # ---- being an object ----

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a method of a class: the gradient with its first argument given. argnums count that argument."""
        if instance is None or isinstance(self.primal, staticmethod):
            return self
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__)
        bound._fixed = (*self._fixed, instance)
        bound._arity = self._arity - 1 if self._arity > 0 else -1
        bound._target = self._target.with_first(instance)
        bound.options = dataclasses.replace(self.options, counted=1)
        bound.primal = bound.__wrapped__ = types.MethodType(self.primal, instance)
        return bound

    def __reduce__(self) -> Any:
        name = getattr(self.primal, "__qualname__", "")
        module = getattr(self.primal, "__module__", "")
        if _find(module, name) is self:
            return _find, (module, name)
        made = (self.primal, self.argnums, self.has_aux, self._mode, self._with_value, self._debug_nans, self.outputs)
        return type(self), made


def _find(module: str, name: str) -> Any:
    """An object by its module and dotted name, None if it is not there."""
    found: Any = sys.modules.get(module)
    if found is None:
        try:
            found = importlib.import_module(module)
        except (ImportError, ValueError):
            return None
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _make(
    function: Any, argnums: Argnums, has_aux: bool, mode: str, value: bool, check: bool, *asked: Any
) -> Any:
    """The object, or a decorator that makes it."""
    made = GradientFunction
    if check:
        from srcgrad.api.checked import CheckedGradient  # built on this module

        made = CheckedGradient
    if function is None:
        return lambda f: made(f, argnums, has_aux, mode, value, *asked)
    return made(function, argnums, has_aux, mode, value, *asked)


def _mode(mode: str, holomorphic: bool) -> str:
    return f"holomorphic {mode}" if holomorphic else mode


def grad(
    function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False, debug_nans: bool = False,
    outputs: Outputs | None = None, check: bool = False, holomorphic: bool = False,
) -> Any:  # fmt: skip
    """The gradient of a function that returns a float or an array of size 1.

    argnums: which arguments to differentiate by: a position or a name, or several; one gives one gradient, several
    give a tuple. has_aux: the function returns (result, aux), and the gradient function (gradient, aux). outputs: a
    parameter, by name or position, whose content after the call is the result, for a function that overwrites its
    arguments; what the function returns is then dropped. A gradient has the shape, dtype and containers of its
    argument. Works as a decorator, with and without arguments. debug_nans: raise NonFiniteError where an adjoint
    first turns nan or inf, naming the line of the function. check: hold every gradient against forward mode, and
    raise CheckError if they differ. holomorphic: the function takes and returns complex numbers and is holomorphic;
    the gradient is its complex derivative. By complex arguments z = x + iy of a real function f the gradient is
    df/dx - i df/dy.
    """
    return _make(function, argnums, has_aux, _mode("grad", holomorphic), False, check, debug_nans, outputs)


def value_and_grad(
    function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False, debug_nans: bool = False,
    outputs: Outputs | None = None, check: bool = False, holomorphic: bool = False,
) -> Any:  # fmt: skip
    """Like grad, but the function made returns (value, gradient); with has_aux ((value, aux), gradient)."""
    return _make(function, argnums, has_aux, _mode("grad", holomorphic), True, check, debug_nans, outputs)


def elementwise_grad(
    function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False, debug_nans: bool = False,
    outputs: Outputs | None = None, check: bool = False, holomorphic: bool = False,
) -> Any:  # fmt: skip
    """The gradient of the sum of the result: for a function that works element by element, its derivative at each."""
    return _make(function, argnums, has_aux, _mode("sum", holomorphic), False, check, debug_nans, outputs)


transformation(grad, "grad")
transformation(value_and_grad, "grad", with_value=True)
transformation(elementwise_grad, "sum")
