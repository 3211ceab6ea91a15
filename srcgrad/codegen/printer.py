"""Syntax trees to source text, with comments.

gast is the syntax tree on both ends. Source is printed by a subclass of `astunparse.Unparser`, the one public
unparser that can be subclassed: it prints statements and *comments*; expressions go through the standard library's
`ast.unparse`, since astunparse 1.6.3 prints `x[1:, 0]` as invalid code and puts brackets round everything.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import gast
from astunparse import Unparser

from srcgrad.codegen.expressions import bare_text, expression_text
from srcgrad.codegen.layout import WIDTH, Line, layout


class Comment(gast.stmt):
    """A line of comment; with no text, a blank line."""

    _fields = ("text",)


class Noted(gast.stmt):
    """A statement with a comment at the end of its (first) line."""

    _fields = ("statement", "note")


class Verbatim(gast.stmt):
    """Lines that are text already, each with its depth; the comment stands at the end of the first."""

    _fields = ("lines", "note")


def print_tree(tree: gast.AST | Sequence[gast.AST], width: int = WIDTH) -> str:
    """The source of a module, a statement or a sequence of statements; it ends with a newline."""
    return layout(Printer(list(tree) if isinstance(tree, Sequence) else tree).lines, width)


class Printer(Unparser):
    """Collects the lines of a tree; `layout` then folds them and aligns their comments."""

    def __init__(self, tree: gast.AST | list[gast.AST]) -> None:
        self.lines: list[Line] = []
        super().__init__(tree, io.StringIO())

    def fill(self, text: str = "") -> None:
        """Begin a line."""
        self.lines.append(Line(self._indent, text))

    def write(self, text: str) -> None:
        """Append to the last line."""
        self.lines[-1].text += text

    def dispatch(self, tree: gast.AST | list[gast.AST]) -> None:
        """Print a tree: expressions as `ast.unparse` does, statements by the method that bears their name."""
        if isinstance(tree, gast.expr):
            self.write(expression_text(tree))
        else:
            super().dispatch(tree)

    def _Comment(self, tree: Comment) -> None:
        for text in tree.text.split("\n"):
            self.lines.append(Line(self._indent, text.strip().removeprefix("# "), style="comment"))

    def _Verbatim(self, tree: Verbatim) -> None:
        for k, (depth, text) in enumerate(tree.lines):
            self.lines.append(Line(self._indent + depth, text, "" if k else tree.note))

    def _Noted(self, tree: Noted) -> None:
        first = len(self.lines)
        self.dispatch(tree.statement)
        self.lines[first].note = " ".join(tree.note.split())

    def _Assign(self, tree: gast.Assign) -> None:
        targets = [bare_text(target) for target in tree.targets]
        # `t = a, b` is a tuple and reads better as one; `a, b = c, d` is two assignments
        unpacks = isinstance(tree.targets[-1], gast.Tuple)
        self.fill(" = ".join([*targets, bare_text(tree.value) if unpacks else expression_text(tree.value)]))

    def _Return(self, tree: gast.Return) -> None:
        self.fill("return" if tree.value is None else f"return {bare_text(tree.value)}")

    def _For(self, tree: gast.For) -> None:
        self.fill(f"for {bare_text(tree.target)} in {expression_text(tree.iter)}")
        self._block(tree.body)

    def _While(self, tree: gast.While) -> None:
        self.fill(f"while {expression_text(tree.test)}")
        self._block(tree.body)

    def _If(self, tree: gast.If, word: str = "if") -> None:
        self.fill(f"{word} {expression_text(tree.test)}")
        self._block(tree.body)
        match tree.orelse:
            case []:
                pass
            case [gast.If() as other]:
                self._If(other, "elif")
            case [Noted(statement=gast.If() as other, note=note)]:
                first = len(self.lines)
                self._If(other, "elif")
                self.lines[first].note = note
            case _:
                self.fill("else")
                self._block(tree.orelse)

    def _FunctionDef(self, tree: gast.FunctionDef) -> None:
        for decorator in tree.decorator_list:
            self.fill(f"@{expression_text(decorator)}")
        returns = f" -> {expression_text(tree.returns)}" if tree.returns is not None else ""
        self.fill(f"def {tree.name}({expression_text(tree.args)}){returns}")
        self.enter()
        body = list(tree.body)
        match body:
            case [gast.Expr(value=gast.Constant(value=str() as text)), *_]:
                self._docstring(text)
                del body[0]
        self.dispatch(body)
        self.leave()

    def _docstring(self, text: str) -> None:
        escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        if escaped.endswith('"'):
            escaped = escaped[:-1] + '\\"'
        first, *rest = escaped.split("\n")
        lines = [f'"""{first}', *rest]
        lines[-1] += '"""'
        self.lines += [Line(self._indent, line, style="verbatim") for line in lines]

    def _block(self, body: list[gast.stmt]) -> None:
        self.enter()
        self.dispatch(body)
        self.leave()
