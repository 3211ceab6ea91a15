"""Functions of NumPy that are differentiated as what they are made of."""

from srcgrad.rules.defined import calling, joining, matrices, moving, picking, products  # noqa: F401  (they register)
from srcgrad.rules.defined.products import BRACKETS
from srcgrad.rules.defined.registry import DEFINITIONS, ELEMENTS, WHERE, WRITTEN, Declined, holder, written_as

__all__ = ["BRACKETS", "DEFINITIONS", "ELEMENTS", "WHERE", "WRITTEN", "Declined", "holder", "written_as"]
