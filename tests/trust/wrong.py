"""Derivative rules that are wrong on purpose, for the time of a test."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from srcgrad.api import forward, gradient
from srcgrad.rules.registry import RULES


def forget() -> None:
    """Drop all that is compiled: functions of a test are one code object, whatever the rules are."""
    gradient._CACHES.clear()
    forward._MADE.clear()


@contextlib.contextmanager
def rule_changed(fn: Callable[..., Any], **changes: Any) -> Iterator[None]:
    """The rule of a function with other parts, and afterwards as it was."""
    before = RULES[fn]
    RULES[fn] = dataclasses.replace(before, **changes)
    forget()
    try:
        yield
    finally:
        RULES[fn] = before
        forget()


def without_tangents(fn: Callable[..., Any]) -> dict[str, Any]:
    """Changes by which forward mode takes a rule's linear parameters at their word."""
    return {"tangents": {}} if hasattr(RULES[fn], "tangents") else {}
