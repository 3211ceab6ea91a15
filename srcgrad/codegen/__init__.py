"""IR to gast to source text with comments, compiled under a file name that linecache knows."""

from srcgrad.codegen.expressions import expression_text, text_of, to_gast
from srcgrad.codegen.function import compile_text, function_text
from srcgrad.codegen.highlight import to_html, to_terminal
from srcgrad.codegen.printer import Comment, Noted, print_tree
from srcgrad.codegen.statements import Options, body_text, to_statements

__all__ = [
    "Comment",
    "Noted",
    "Options",
    "body_text",
    "compile_text",
    "expression_text",
    "function_text",
    "print_tree",
    "text_of",
    "to_gast",
    "to_html",
    "to_statements",
    "to_terminal",
]
