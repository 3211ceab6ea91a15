"""The derivative that a wish asks for: reverse mode or forward mode."""

from __future__ import annotations

from srcgrad.transform.entry import Specialised
from srcgrad.transform.gradient import Gradient, differentiate
from srcgrad.transform.results import Wish
from srcgrad.transform.tangent import ALGEBRAS, push_forward


def generate(specialised: Specialised, wish: Wish) -> Gradient:
    """The derivative of a function. See gradient.differentiate for the arguments."""
    return (push_forward if wish.mode in ALGEBRAS else differentiate)(specialised, wish)
