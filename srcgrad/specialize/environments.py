"""Environments where paths part and meet: copies of containers, which a path may change, and the way back."""

from __future__ import annotations

import dataclasses
from typing import Any

from srcgrad.specialize.values import Iteration, Struct, Value, mapped

Copies = dict[int, tuple[Value, Value]]
"""Containers and what stands for them in another environment, by the identity of the former."""


def copy_environment(env: dict[Any, Value]) -> dict[Any, Value]:
    """A copy in which containers are copied too, so that a branch can change them; sharing is kept."""
    return copy_with(env)[0]


def copy_with(env: dict[Any, Value]) -> tuple[dict[Any, Value], Copies]:
    """copy_environment, and which container was copied to which."""
    memo: Copies = {}

    def copy(value: Value) -> Value:
        if isinstance(value, Struct):
            if id(value) not in memo:
                fresh = value.like({})
                memo[id(value)] = (value, fresh)
                fresh.items = {key: copy(item) for key, item in value.items.items()}
            return memo[id(value)][1]
        if isinstance(value, Iteration) and value.once:
            return memo.setdefault(id(value), (value, dataclasses.replace(value)))[1]
        return mapped(value, copy)

    return {key: copy(value) for key, value in env.items()}, memo


def put_back(env: dict[Any, Value], origins: Copies) -> dict[Any, Value]:
    """The environment with the original containers, changed in place, where `origins` says what they have become."""
    table = {id(now): original for original, now in origins.values()}
    done: dict[int, Value] = {}

    def put(value: Value) -> Value:
        if not isinstance(value, Struct):
            return mapped(value, put)
        if id(value) not in done:
            original = table.get(id(value), value)
            done[id(value)] = original
            items = {key: put(item) for key, item in value.items.items()}
            assert isinstance(original, Struct)
            original.items, original.depth = items, value.depth
            original.frozen, original.none = value.frozen, value.none
        return done[id(value)]

    return {key: put(value) for key, value in env.items()}
