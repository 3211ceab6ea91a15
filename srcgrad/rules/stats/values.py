"""What definitions of distributions compute with: Python numbers at once, anything else as an expression."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np
import scipy.special

from srcgrad.ir.kinds import Array, ListOf, Scalar
from srcgrad.ir.nodes import Name
from srcgrad.rules.build import Namespace, Sym, helper, xp
from srcgrad.rules.defined.registry import branch, hold


class Folded:
    """A module whose functions give numbers of numbers, and of anything else build calls of themselves."""

    def __init__(self, module: Any, calls: Any) -> None:
        self._module, self._calls = module, calls

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def apply(*args: Any) -> Any:
            if any(isinstance(a, Sym) for a in args):
                return getattr(self._calls, name)(*args)
            with np.errstate(all="ignore"):
                return float(getattr(self._module, name)(*args))

        return apply


np_: Any = Folded(np, xp)
sc: Any = Folded(scipy.special, Namespace(scipy.special, "scipy.special"))


on_numbers: ContextVar[bool] = ContextVar("on_numbers", default=False)
"""Whether all arguments of a call are numbers, so that choices are branches."""


def pick(test: Any, this: Any, other: Any) -> Any:
    """`this` where the test holds, else `other`; at once where that is known. Functions stand for what is computed
    only where it is chosen, if that can be."""
    if not isinstance(test, Sym):
        return _value(this if test else other)
    if on_numbers.get():
        return branch(test, lambda: _value(this), lambda: _value(other))
    return xp.where(test, _value(this), _value(other))


def _value(given: Any) -> Any:
    return given() if callable(given) else given


def either(*tests: Any) -> Any:
    """Whether one of the tests holds."""
    open_ = [test for test in tests if isinstance(test, Sym)]
    if any(test is True for test in tests):
        return True
    found: Any = False
    for test in open_:
        found = test if found is False else found | test
    return found


def both(this: Any, other: Any) -> Any:
    """Whether both tests hold."""
    if not isinstance(this, Sym):
        return other if this else False
    return this & other if isinstance(other, Sym) else this if other else False


def held(value: Any, hint: str) -> Any:
    """What is read more than once: in a variable, where it is more than a name or a number."""
    return hold(value, hint) if isinstance(value, Sym) and not isinstance(value.expr, Name) else value


def given(value: Any, hint: str) -> Any:
    """An argument as SciPy takes it: lists as arrays, and in double precision."""
    if isinstance(value, (list, tuple)) or (isinstance(value, Sym) and isinstance(value.kind, ListOf)):
        value = xp.array(value)
    if not isinstance(value, Sym):
        return value
    kind = value.kind
    if isinstance(kind, Array) and kind.dtype != "float64":
        value = value.astype("float64")
    elif isinstance(kind, Scalar) and not kind.weak and kind.dtype != "float64":
        value = helper(np.float64, "np.float64")(value)
    return held(value, hint)
