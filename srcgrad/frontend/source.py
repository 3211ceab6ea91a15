"""The syntax tree of a function, found in its source file by the places that its code object remembers.

The whole file is parsed, not the function's lines alone: then positions are those of the file, whatever the
indentation, and a lambda in the middle of an expression is a node like any other.
"""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

import gast

from srcgrad.errors import SourceError
from srcgrad.ir.nodes import Pos

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

STANDS_FOR = "__stands_for__"
"""The attribute of a made function that holds the user's function in whose place it stands."""

_MOVE_TO_FILE = "Put the function into a file (or a notebook cell), so that its source can be read."


@dataclass(frozen=True)
class Source:
    """A function's syntax tree (gast) with what is needed to say where each part of it stands.

    private: the name of the class around the function, after which `__name` is mangled, or "". place: where all of it
    counts as standing, for a function that was made to call one of the user's: errors and comments then show that.
    """

    file: str
    lines: tuple[str, ...]
    node: Any
    private: str
    place: Pos | None = None

    def pos(self, node: Any) -> Pos | None:
        """The place of a node; of one that spans several lines, the part on its first line."""
        if self.place is not None:
            return self.place
        line = getattr(node, "lineno", None)
        if line is None:
            return None
        text = self.lines[line - 1].rstrip() if line <= len(self.lines) else ""
        col = _characters(text, node.col_offset)
        if node.end_lineno == line:
            return Pos(self.file, line, col, _characters(text, node.end_col_offset))
        return Pos(self.file, line, col, len(text))


def function_of(fn: Any) -> Any:
    """The plain Python function behind fn (a function, lambda or method). SourceError if there is none."""
    while hasattr(fn, "__func__"):
        fn = fn.__func__
    if not isinstance(getattr(fn, "__code__", None), CodeType):
        name = getattr(fn, "__qualname__", None) or repr(fn)
        raise SourceError(
            f"`{name}` has no Python source: it is a {type(fn).__name__}, not a function written in Python.",
            "Write a Python function that calls it, or give it a derivative of its own with `srcgrad.rule`.",
        )
    return fn


def find_source(fn: Any) -> Source:
    """The source of a Python function, lambda or method. SourceError where it cannot be read."""
    function = function_of(fn)
    code: CodeType = function.__code__
    linecache.checkcache(code.co_filename)
    lines = tuple(linecache.getlines(code.co_filename, function.__globals__))
    if not lines:
        raise SourceError(
            f"The source of `{function.__qualname__}` cannot be read: it was made by `exec`, `python -c` or an "
            f"interactive prompt ({code.co_filename!r} is no file).",
            _MOVE_TO_FILE,
        )
    try:
        tree = _parse("".join(lines))
    except SyntaxError as error:
        raise _changed(function, code, f"the file no longer parses ({error.msg}, line {error.lineno})") from None
    found = _candidates(tree, code)
    if code.co_name == "<lambda>" and len(found) > 1:
        found = _told_apart(found, code)
    if not found:
        raise _changed(function, code, "no such function stands there")
    node, private = found[0]
    stands_for = function.__dict__.get(STANDS_FOR)
    place = None
    if stands_for is not None:
        original = find_source(stands_for)
        place = original.pos(original.node)
    return Source(code.co_filename, lines, gast.ast_to_gast(node), private, place)


def source_text(fn: Any) -> str:
    """The lines of a Python function without its decorators; of a lambda, the expression itself."""
    source = find_source(fn)
    node = source.node
    lines = list(source.lines[node.lineno - 1 : node.end_lineno])
    if isinstance(node, gast.Lambda):
        lines[-1] = lines[-1].encode()[: node.end_col_offset].decode(errors="ignore")
        lines[0] = lines[0].encode()[node.col_offset :].decode(errors="ignore")
    return "".join(lines)


def _changed(function: Any, code: CodeType, what: str) -> SourceError:
    return SourceError(
        f"The source of `{function.__qualname__}` is not what was compiled: {what}.",
        "The file has probably changed since it was imported: import it again.",
        Pos(code.co_filename, code.co_firstlineno, 0),
    )


@lru_cache(maxsize=8)
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def _candidates(tree: ast.Module, code: CodeType) -> list[tuple[FunctionNode, str]]:
    """The functions that start where the code does, with its name and parameters, and the classes around them."""
    found: list[tuple[FunctionNode, str]] = []
    line = code.co_firstlineno

    def walk(node: ast.AST, private: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt) and not _first_line(child) <= line <= (child.end_lineno or line):
                continue
            if isinstance(child, FunctionNode) and _matches(child, code):
                found.append((child, private))
            walk(child, child.name if isinstance(child, ast.ClassDef) else private)

    walk(tree, "")
    return found


def _first_line(node: ast.stmt | FunctionNode) -> int:
    """The first line of a function or statement, decorators included, as code objects count."""
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])


def _matches(node: FunctionNode, code: CodeType) -> bool:
    start = _first_line(node)
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    if start != code.co_firstlineno or name != code.co_name:
        return False
    a = node.args
    params = [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, *(p for p in (a.vararg, a.kwarg) if p))]
    # the code has the mangled name of a parameter `__x` of a method
    compiled = code.co_varnames[: len(params)]
    if len(compiled) != len(params) or not all(c.endswith(p) for p, c in zip(params, compiled, strict=True)):
        return False
    end = node.end_lineno or node.lineno
    return all(line is None or line == 0 or start <= line <= end for _, _, line in code.co_lines())


def _told_apart(found: list[tuple[FunctionNode, str]], code: CodeType) -> list[tuple[FunctionNode, str]]:
    """Of several lambdas that start on one line, the one that the code was compiled from."""
    span = _span(code)
    if span is not None:
        inside = [(node, private) for node, private in found if _contains(node, span)]
        # of nested lambdas that contain the code, it is the innermost
        inside.sort(key=lambda pair: _extent(pair[0]), reverse=True)
        if inside:
            return inside[:1]
    # Without columns (python -X no_debug_ranges) the instructions decide. Where they are the same for several
    # lambdas, these compute the same, and any will do.
    same = [(node, private) for node, private in found if _same_code(_compiled(node, code), code)]
    if not same:
        raise SourceError(
            f"{len(found)} lambdas start on this line, and it cannot be told which of them is meant.",
            "Write each of them on a line of its own, or as a `def`.",
            Pos(code.co_filename, code.co_firstlineno, found[0][0].col_offset),
        )
    return same[:1]


def nested_code(outer: CodeType, name: str, pos: Pos) -> CodeType | None:
    """The code of a function nested in another, by its name ("<lambda>") and the place where it is defined."""
    inner = [c for c in outer.co_consts if isinstance(c, CodeType)]
    for code in inner:
        found = nested_code(code, name, pos)
        if found is not None:
            return found
    starts = [(span[0], code) for code in inner if code.co_name == name and (span := _span(code)) is not None]
    if name != "<lambda>":
        return next((code for _, code in starts if code.co_firstlineno == pos.line), None)
    behind = [(start, code) for start, code in starts if start >= (pos.line, pos.col)]
    return min(behind, key=lambda pair: pair[0])[1] if behind else None


Place = tuple[int, int]


def _span(code: CodeType) -> tuple[Place, Place] | None:
    """First and last place of the code's instructions, or None where it has no columns."""
    positions = getattr(code, "co_positions", None)  # Python 3.11
    if positions is None:
        return None
    starts, ends = [], []
    for line, end_line, col, end_col in positions():
        if line is not None and end_line is not None and col is not None and end_col is not None:
            # the instructions that enter a function (RESUME, COPY_FREE_VARS) have no extent
            if (line, col) != (end_line, end_col):
                starts.append((line, col))
                ends.append((end_line, end_col))
    return (min(starts), max(ends)) if starts else None


def _extent(node: FunctionNode) -> Place:
    return node.lineno, node.col_offset


def _contains(node: FunctionNode, span: tuple[Place, Place]) -> bool:
    body = node.body
    if isinstance(body, list):
        return False
    start = body.lineno, body.col_offset
    end = body.end_lineno or body.lineno, body.end_col_offset or 0
    return start <= span[0] and span[1] <= end


def _compiled(node: FunctionNode, code: CodeType) -> CodeType | None:
    """The lambda compiled again, inside a function that binds what the code takes from its closure."""
    names = ", ".join(code.co_freevars)
    module = ast.parse(f"def around({names}):\n    return None")
    around = module.body[0]
    assert isinstance(around, ast.FunctionDef) and isinstance(around.body[0], ast.Return)
    around.body[0].value = node  # type: ignore[assignment]
    ast.fix_missing_locations(module)
    outer = compile(module, code.co_filename, "exec", dont_inherit=True)
    for inner in outer.co_consts:
        if isinstance(inner, CodeType):
            return next((c for c in inner.co_consts if isinstance(c, CodeType) and c.co_name == "<lambda>"), None)
    return None


def _same_code(a: Any, b: Any) -> bool:
    if not isinstance(a, CodeType) or not isinstance(b, CodeType):
        return type(a) is type(b) and repr(a) == repr(b)
    return (
        a.co_code == b.co_code
        and a.co_names == b.co_names
        and a.co_varnames == b.co_varnames
        and a.co_freevars == b.co_freevars
        and len(a.co_consts) == len(b.co_consts)
        and all(_same_code(x, y) for x, y in zip(a.co_consts, b.co_consts, strict=True))
    )


def _characters(text: str, col: int) -> int:
    """Python counts columns in bytes of UTF-8; a caret needs characters."""
    return col if text.isascii() else len(text.encode()[:col].decode(errors="ignore"))
