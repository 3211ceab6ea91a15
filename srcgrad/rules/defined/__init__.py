"""Functions of NumPy that are differentiated as what they are made of."""

from srcgrad.rules.defined import (  # noqa: F401  (they register)
    calling,
    histograms,
    joining,
    matrices,
    moving,
    padding,
    picking,
    polynomials,
    products,
    sets,
    several,
    spacing,
    statistics,
    writing,
)
from srcgrad.rules.defined.brackets import BRACKETS
from srcgrad.rules.defined.registry import (
    DEFINITIONS,
    ELEMENTS,
    KNOWN,
    SEQUENCES,
    WHERE,
    WRITTEN,
    Declined,
    brancher,
    holder,
    results,
    written_as,
)

__all__ = [
    "BRACKETS", "DEFINITIONS", "ELEMENTS", "KNOWN", "SEQUENCES", "WHERE", "WRITTEN", "Declined", "brancher", "holder",
    "results", "written_as",
]  # fmt: skip
