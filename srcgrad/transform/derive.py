"""The derivative that a wish asks for: reverse mode or forward mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad.transform.gradient import Gradient, differentiate
from srcgrad.transform.results import Wish
from srcgrad.transform.tangent import ALGEBRAS, push_forward


def derive(fn: Callable[..., Any], args: dict[str, Any], wish: Wish) -> Gradient:
    """The derivative of fn for arguments of the kinds of `args`."""
    return push_forward(fn, args, wish) if wish.mode in ALGEBRAS else differentiate(fn, args, wish)
