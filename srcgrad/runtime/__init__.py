"""The few functions that generated code may call."""

from srcgrad.runtime.adjoints import add_at, products_of_others, split_like, undiagonal, untile
from srcgrad.runtime.helpers import (
    add_to,
    check_view,
    copy_of,
    reshape_like,
    scalar_adjoint,
    unbroadcast,
    winners,
    with_attributes,
    with_items,
    zeros_like,
)

HELPERS = {
    function.__name__: function
    for function in (
        add_to, check_view, copy_of, reshape_like, scalar_adjoint, unbroadcast, winners, with_attributes, with_items, zeros_like,
        add_at, products_of_others, split_like, undiagonal, untile,
    )
}  # fmt: skip
"""The helpers by the names that generated code calls them by."""

__all__ = [
    "HELPERS", "add_at", "add_to", "check_view", "copy_of", "products_of_others", "reshape_like", "scalar_adjoint", "split_like",
    "unbroadcast", "undiagonal", "untile", "winners", "with_attributes", "with_items", "zeros_like",
]  # fmt: skip
