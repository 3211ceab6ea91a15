"""Derivative rules: one file per area of NumPy, each line readable beside a textbook."""

from srcgrad.rules import creation, elementwise, linalg, members, numerical, opaque, reductions, shapes
from srcgrad.rules.contributions import Contribution, NeedsFull, contributions
from srcgrad.rules.registry import OPS, RULES, Rule, effect, lookup, rule_of

__all__ = [
    "OPS", "RULES", "Contribution", "NeedsFull", "Rule", "contributions", "creation", "effect", "elementwise",
    "linalg", "lookup", "members", "numerical", "opaque", "reductions", "rule_of", "shapes",
]  # fmt: skip
