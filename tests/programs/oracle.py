"""Holds a program's gradient against central differences, and says what came of it."""

from __future__ import annotations

import ast
import copy
import linecache
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import srcgrad
from srcgrad.errors import AliasError, SrcgradError, UnsupportedError
from tests.support import NotSmooth, _moved, as_scalar, assert_same, compare, compare_modes, load

ARGNUMS = (0, 1, 2)
LONGEST = 20_000


@dataclass(frozen=True)
class Outcome:
    """kind: ok, skipped, refused, wrong, crashed."""

    kind: str
    detail: str = ""
    text: str = ""

    @property
    def failed(self) -> bool:
        return self.kind in ("wrong", "crashed")

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}\n\n{numbered(self.text)}"


def numbered(text: str) -> str:
    return "\n".join(f"{i:4d}  {line}" for i, line in enumerate(text.splitlines(), 1))


def inputs(seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, 4), rng.uniform(-1, 1, (3, 4)), float(rng.uniform(-1, 1))


def path_of(f: Any, args: tuple) -> list[int]:
    """The lines that f runs, in order."""
    lines: list[int] = []
    filename = f.__code__.co_filename

    def trace(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != filename:
            return None
        if event == "line":
            lines.append(frame.f_lineno)
            if len(lines) > LONGEST:
                raise RuntimeError("the program runs too long")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        f(*copy.deepcopy(args))
    finally:
        sys.settrace(before)
    return lines


def steady(f: Any, args: tuple, step: float = 1e-3) -> str:
    """Why the program cannot be held against central differences at args, or nothing."""
    rng = np.random.default_rng(3)
    try:
        with np.errstate(all="raise", under="ignore"):
            path = path_of(f, args)
            value = as_scalar(f(*copy.deepcopy(args)))
            if not np.isfinite(value) or abs(value) > 1e4:
                return "the value is out of bounds"
            for sign in (1, -1):
                direction = [rng.choice([-1.0, 1.0], np.shape(args[i])) for i in ARGNUMS]
                moved = _moved(args, ARGNUMS, direction, sign * step)
                if path_of(f, moved) != path:
                    return "control flow differs nearby"
    except Exception as error:
        return f"the primal fails: {type(error).__name__}: {error}"
    return ""


def judge(text: str, seed: int = 0) -> Outcome:
    """Differentiate the program of the text at inputs drawn from the seed."""
    f = load(text)
    filename = f.__code__.co_filename
    args = inputs(seed)
    try:
        reason = steady(f, args)
        if reason:
            return Outcome("skipped", reason, text)
        given = copy.deepcopy(args)
        try:
            value, grads = srcgrad.value_and_grad(f, argnums=ARGNUMS)(*given)
            plain = srcgrad.grad(f, argnums=ARGNUMS)(*given)
        except (AliasError, UnsupportedError) as error:
            return Outcome("refused", f"{type(error).__name__}: {error}", text)
        except SrcgradError as error:
            return Outcome("crashed", f"{type(error).__name__}: {error}", text)
        except Exception:
            return Outcome("crashed", traceback.format_exc(limit=-6), text)
        try:
            assert_same(args, given)
            compare(f, args, ARGNUMS, grads, rtol=2e-6, directions=2)
            compare(f, args, ARGNUMS, plain, rtol=2e-6, directions=2)
            try:
                compare_modes(f, args, ARGNUMS, grads)
            except AssertionError:
                raise
            except Exception:
                return Outcome("crashed", traceback.format_exc(limit=-6), text)
            expected = as_scalar(f(*copy.deepcopy(args)))
            close = abs(as_scalar(value) - expected) <= 1e-10 * max(1.0, abs(expected))
            assert close, f"value {value}, not {expected}"
        except NotSmooth as reason:
            return Outcome("skipped", str(reason), text)
        except AssertionError as error:
            return Outcome("wrong", str(error), text)
        return Outcome("ok", "", text)
    finally:
        linecache.cache.pop(filename, None)


# -- shrinking -------------------------------------------------------------------------------------------------------


def _bodies(tree: ast.AST) -> Iterator[tuple[ast.AST, str, list[ast.stmt]]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield node, name, block


def _smaller(tree: ast.Module) -> Iterator[ast.Module]:
    """Copies of the tree with one thing less: a statement, a block's header, an operand of an expression."""
    for b, (_, _, block) in enumerate(_bodies(tree)):
        for size in (4, 2, 1):
            for i in range(0, len(block) - size + 1):
                other = copy.deepcopy(tree)
                node, name, same = list(_bodies(other))[b]
                del same[i:i + size]
                if not same and (name == "body"):
                    same.append(ast.Pass())
                if isinstance(node, ast.Module) and not any(getattr(s, "name", "") == "f" for s in same):
                    continue
                yield other
        for i, statement in enumerate(block):
            for part in ("body", "orelse"):
                if getattr(statement, part, None) and not isinstance(statement, ast.FunctionDef):
                    other = copy.deepcopy(tree)
                    same = list(_bodies(other))[b][2]
                    same[i:i + 1] = getattr(same[i], part)
                    yield other
    for k, node in enumerate(ast.walk(tree)):
        for field in ("value", "test"):
            value = getattr(node, field, None)
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return, ast.If, ast.Expr)) and value is not None:
                for j in range(len(_operands(value))):
                    other = copy.deepcopy(tree)
                    same_node = list(ast.walk(other))[k]
                    setattr(same_node, field, _operands(getattr(same_node, field))[j])
                    yield other
        if isinstance(node, ast.BinOp):
            for side in ("left", "right"):
                other = copy.deepcopy(tree)
                same_node = list(ast.walk(other))[k]
                inner = getattr(same_node, side)
                if isinstance(inner, (ast.BinOp, ast.Call)):
                    for replacement in range(len(_operands(inner))):
                        third = copy.deepcopy(other)
                        node_3 = list(ast.walk(third))[k]
                        setattr(node_3, side, _operands(getattr(node_3, side))[replacement])
                        yield third


def _operands(e: ast.expr) -> list[ast.expr]:
    match e:
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.Call(args=args):
            return [a for a in args if not isinstance(a, ast.Starred)]
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.BoolOp(values=values):
            return list(values)
        case ast.UnaryOp(operand=operand):
            return [operand]
    return []


def shrink(outcome: Outcome, seed: int, limit: int = 3000) -> Outcome:
    """A smaller program that fails in the same manner, found by leaving out one thing after another."""
    best, tried, progress = outcome, 0, True
    signature = _signature(outcome)
    while progress and tried < limit:
        progress = False
        for candidate in _smaller(ast.parse(best.text)):
            tried += 1
            try:
                text = ast.unparse(ast.fix_missing_locations(candidate)) + "\n"
                if len(text) >= len(best.text):
                    continue
                result = judge(text, seed)
            except Exception:
                continue
            if result.kind == outcome.kind and _signature(result) == signature:
                best, progress = result, True
                break
            if tried >= limit:
                break
    return best


def _signature(outcome: Outcome) -> str:
    """What a crash or refusal says, without names, numbers and places; "" for a wrong gradient."""
    if outcome.kind == "wrong":
        return ""
    last = outcome.detail.strip().splitlines()[-1] if outcome.kind == "crashed" else outcome.detail.split(":")[0]
    return "".join(c for c in last if not c.isdigit())[:60]
