"""Derivative rules: one file per area of NumPy, each line readable beside a textbook."""

from srcgrad.rules import (
    complex,
    constants,
    creation,
    decompositions,
    elementwise,
    fourier,
    linalg,
    members,
    numerical,
    opaque,
    reductions,
    shapes,
    statistics,
)
from srcgrad.rules.contributions import Contribution, NeedsFull, contributions
from srcgrad.rules.registry import OPS, RULES, Rule, effect, lookup, rule_of
from srcgrad.rules.tangents import tangent

__all__ = [
    "OPS", "RULES", "Contribution", "NeedsFull", "Rule", "complex", "constants", "contributions", "creation",
    "decompositions", "effect", "elementwise", "fourier", "linalg", "lookup", "members", "numerical", "opaque",
    "reductions", "rule_of", "shapes", "statistics", "tangent",
]  # fmt: skip
