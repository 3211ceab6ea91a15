"""Functions as source text, and source text as functions."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Sequence
from typing import Any

import gast

from srcgrad.codegen.printer import Comment, print_tree
from srcgrad.codegen.statements import DEFAULT, Options, to_statements
from srcgrad.ir import nodes as ir

_serial = itertools.count(1)


def function_text(
    name: str, params: Sequence[str], body: Sequence[ir.Stmt], doc: str = "", options: Options = DEFAULT
) -> str:
    """The source of a function. params: each as it is to be printed, such as "x", "d_out=1.0", "*" or "**options"."""
    tree = gast.parse(f"def {name}({', '.join(params)}): pass").body[0]
    statements = to_statements(body, options)
    if not doc and all(isinstance(statement, Comment) for statement in statements):
        statements.append(gast.Pass())
    tree.body = [gast.Expr(gast.Constant(doc, None)), *statements] if doc else statements
    return print_tree(tree, options.width)


def compile_text(text: str, name: str, namespace: dict[str, Any], label: str = "") -> Callable[..., Any]:
    """Run the source in the namespace and return the function that it defines by this name.

    label: what the text is, for its file name in tracebacks: "gradient of f" gives `<srcgrad gradient of f #1>`. Each
    text gets a file of its own, which tracebacks, pdb and inspect.getsource find in linecache.
    """
    file = f"<srcgrad {label or name} #{next(_serial)}>"
    # An entry without a modification time is one that linecache.checkcache() leaves alone.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace.setdefault("__name__", "srcgrad.generated")
    exec(compile(text, file, "exec", dont_inherit=True), namespace)
    function = namespace[name]
    # Python takes two codes of one text for equal, whatever file they are of, but what they call may be another thing
    function.__code__ = function.__code__.replace(co_consts=(*function.__code__.co_consts, file))
    return function
