"""Hypothesis, imported when it is first needed."""

from __future__ import annotations

import sys
from typing import Any


def hypothesis() -> Any:
    """The module; ImportError, which says how to get it, where it is not installed."""
    try:
        import hypothesis.strategies
    except ImportError as error:
        raise ImportError(
            "The strategies of srcgrad.testing need Hypothesis, which is not installed: pip install srcgrad[testing]"
        ) from error
    return hypothesis


def inside_a_property() -> bool:
    """Whether a Hypothesis test is running, so that a point can be given back for another."""
    if "hypothesis" not in sys.modules:
        return False
    return bool(hypothesis().currently_in_test_context())
