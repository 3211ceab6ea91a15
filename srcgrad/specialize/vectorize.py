"""np.vectorize: the calls of its function, one for each element."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.errors import UnsupportedError
from srcgrad.ir.nodes import Pos
from srcgrad.rules.defined.calling import vectorized
from srcgrad.specialize.builtins import handles
from srcgrad.specialize.values import Bound, Value


def is_plain(value: Any) -> bool:
    """Whether an object is what np.vectorize makes of a function alone."""
    return isinstance(value, np.vectorize) and not value.excluded and value.signature is None and value.otypes is None


def looped(s: Any, pyfunc: Value) -> Bound:
    """What np.vectorize makes of a function."""
    return Bound(s.function(vectorized), [pyfunc])


@handles(np.vectorize)
def _vectorize(s: Any, args: list[Value], kwargs: dict[str, Value], pos: Pos | None) -> Value:
    if len(args) != 1 or kwargs:
        raise UnsupportedError("np.vectorize is supported for a function alone", "Leave out the other arguments.", pos)
    return looped(s, args[0])
