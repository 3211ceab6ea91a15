"""Measures of generated source."""

from __future__ import annotations

import ast


def count_statements(source: str) -> int:
    """How many statements the source has, docstrings not counted; an `elif` counts as the `if` that it is."""
    tree = ast.parse(source)
    docs = 0
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            docs += ast.get_docstring(node, clean=False) is not None
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree)) - docs
