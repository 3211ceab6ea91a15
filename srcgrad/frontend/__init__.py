"""From the source text of a Python function to the untyped dialect of the IR."""

from srcgrad.frontend.lower import define, definition_of
from srcgrad.frontend.names import UndefinedNameError, free_value
from srcgrad.frontend.source import source_text

__all__ = ["UndefinedNameError", "define", "definition_of", "free_value", "source_text"]
