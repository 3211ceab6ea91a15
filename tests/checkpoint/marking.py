"""Puts marks into programs: on loops and on functions, at random."""

from __future__ import annotations

import ast
import random


class Marker(ast.NodeTransformer):
    """chance: how many of a hundred loops and functions are marked."""

    def __init__(self, seed: int, chance: int = 70) -> None:
        self.rng, self.chance, self.count = random.Random(seed), chance, 0

    def drawn(self) -> bool:
        return self.rng.randrange(100) < self.chance

    def marked(self, node: ast.expr) -> ast.expr:
        if not self.drawn():
            return node
        self.count += 1
        slots = self.rng.choice(["", ", slots=1", ", slots=2", ", slots=3", ", slots=100"])
        return ast.parse(f"srcgrad.checkpointed({ast.unparse(node)}{slots})", mode="eval").body

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        if ast.unparse(node.iter) != "items" and "enumerate(items" not in ast.unparse(node.iter):
            node.iter = self.marked(node.iter)
        return node

    def visit_While(self, node: ast.While) -> ast.While:
        self.generic_visit(node)
        node.test = self.marked(node.test)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        if node.name not in ("f", "power") and self.drawn():
            self.count += 1
            node.decorator_list.append(ast.parse("srcgrad.checkpoint", mode="eval").body)
        return node


def marked(text: str, seed: int, chance: int = 70) -> tuple[str, int]:
    """The program with marks, and how many."""
    marker = Marker(seed, chance)
    tree = marker.visit(ast.parse(text))
    return "import srcgrad\n" + ast.unparse(ast.fix_missing_locations(tree)), marker.count


class _Unmarker(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return node.args[0] if ast.unparse(node.func) in ("checkpointed", "srcgrad.checkpointed") else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        marks = ("checkpoint", "srcgrad.checkpoint")
        node.decorator_list = [d for d in node.decorator_list if ast.unparse(d) not in marks]
        return node


def unmarked(text: str) -> str:
    """The program without its marks."""
    return ast.unparse(_Unmarker().visit(ast.parse(text)))
