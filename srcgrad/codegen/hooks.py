"""Blocks of the user's on adjoints, as statements of the generated function.

The text is printed as it stands, but for names: the adjoint has the name that the generated function knows it by, and
so do the variables of the function; the block's own names are renamed where they are taken.
"""

from __future__ import annotations

import ast
import copy
import tokenize
from collections.abc import Mapping
from typing import Any

import gast

from srcgrad.codegen.expressions import double_quotes, to_gast
from srcgrad.ir import nodes as ir


def hook_lines(stmt: ir.Hook) -> list[tuple[int, str]]:
    """The lines of a block in the reverse sweep, each with its depth; none for its mark in the primal."""
    if stmt.out is None:
        return []
    source = stmt.source
    names = dict(zip(source.own, stmt.own, strict=True))
    values = {
        name: gast.gast_to_ast(to_gast(arg)) for name, arg in zip(source.reads, stmt.args, strict=True)
    }
    values = {name: tree for name, tree in values.items() if not _is(tree, name)}
    names[source.name] = stmt.out.id
    tree = _Renamer({n: new for n, new in names.items() if n != new}, values).visit(ast.parse(source.text))
    if stmt.through:
        tree = _Through(stmt.out.id).visit(tree)
    body = list(tree.body)
    if stmt.value != stmt.out:
        target = ast.Name(stmt.out.id, ast.Store())
        body.insert(0, ast.Assign([target], gast.gast_to_ast(to_gast(stmt.value))))
    text = ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))
    lines = [line for line in text.split("\n") if line.strip()]
    return [((len(line) - len(line.lstrip())) // 4, _quoted(line.strip())) for line in lines]


def _quoted(line: str) -> str:
    try:
        return double_quotes(line)
    except tokenize.TokenError:  # part of a text of several lines
        return line


def _is(tree: Any, name: str) -> bool:
    return isinstance(tree, ast.Name) and tree.id == name


class _Renamer(ast.NodeTransformer):
    """names: new names of what the block binds; values: what stands for the names that it reads, unless a function,
    lambda or comprehension in the block binds them for itself."""

    def __init__(self, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self.names, self.values = names, values

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            return ast.Name(self.names[node.id], node.ctx)
        return copy.deepcopy(self.values[node.id]) if node.id in self.values else node

    def visit_arg(self, node: ast.arg) -> Any:
        node.arg = self.names.get(node.arg, node.arg)
        return node

    def visit_alias(self, node: ast.alias) -> Any:
        bound = node.asname or node.name
        if bound in self.names:
            node.asname = self.names[bound]
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        node.name = node.name and self.names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.name = self.names.get(node.name, node.name)
        return self.inside(node, {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)} | _stored(node.body))

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return self.inside(node, {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)})

    def visit_ListComp(self, node: Any) -> Any:
        return self.inside(node, _stored([g.target for g in node.generators]))

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def inside(self, node: Any, own: set[str]) -> Any:
        """A scope of its own."""
        outer = self.values
        self.values = {name: value for name, value in outer.items() if name not in own}
        try:
            return self.generic_visit(node)
        finally:
            self.values = outer


def _stored(nodes: list[Any]) -> set[str]:
    found = (n for node in nodes for n in ast.walk(node))
    return {n.id for n in found if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}


class _Through(ast.NodeTransformer):
    """`d = e` becomes `d[...] = e`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def visit_Assign(self, node: ast.Assign) -> Any:
        if len(node.targets) == 1 and _is(node.targets[0], self.name):
            buffer = ast.Name(self.name, ast.Load())
            node.targets = [ast.Subscript(buffer, ast.Constant(...), ast.Store())]
        return node
