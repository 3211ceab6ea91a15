"""What a block of statements may do, as the user wrote it: jump, fall through to its end, never end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from srcgrad.ir.nodes import Break, Const, Continue, ForEach, If, Raise, Return, Stmt, While, With

Block = tuple[Stmt, ...]


@dataclass(frozen=True)
class LoopElse(Stmt):
    """A loop with an `else`, before frontend.jumps has run."""

    loop: Stmt
    orelse: tuple[Stmt, ...]


def walk(block: Iterable[Stmt]) -> Iterable[Stmt]:
    """All statements of the block, at whatever depth, in the order of the source."""
    for stmt in block:
        yield stmt
        for part in blocks(stmt):
            yield from walk(part)


def blocks(stmt: Stmt) -> tuple[Block, ...]:
    """The blocks that the statement holds."""
    match stmt:
        case If():
            return stmt.body, stmt.orelse
        case ForEach() | While() | With():
            return (stmt.body,)
        case LoopElse():
            return *blocks(stmt.loop), stmt.orelse
    return ()


def has_break(block: Block) -> bool:
    """Whether a Break in the block leaves the loop that the block is the body of."""
    for stmt in block:
        match stmt:
            case Break():
                return True
            case LoopElse():
                if has_break(stmt.orelse):
                    return True
            case If() | With():
                if any(has_break(part) for part in blocks(stmt)):
                    return True
    return False


def may_jump(block: Block) -> bool:
    """Whether a jump in the block may skip what follows the block."""
    for stmt in block:
        match stmt:
            case Return() | Break() | Continue():
                return True
            case ForEach() | While():
                if any(isinstance(inner, Return) for inner in walk(stmt.body)):
                    return True
            case LoopElse():
                if may_jump((stmt.loop,)) or may_jump(stmt.orelse):
                    return True
            case If() | With():
                if any(may_jump(part) for part in blocks(stmt)):
                    return True
    return False


def may_fall(block: Block) -> bool:
    """Whether control may reach the end of the block."""
    return not any(stops(stmt) for stmt in block)


def stops(stmt: Stmt) -> bool:
    """Whether nothing that follows the statement in its block ever runs."""
    match stmt:
        case Return() | Break() | Continue() | Raise():
            return True
        case If():
            return not may_fall(stmt.body) and not may_fall(stmt.orelse)
        case With():
            return not may_fall(stmt.body)
        case While() | ForEach():
            return endless(stmt) and not has_break(stmt.body)
        case LoopElse():
            inner = blocks(stmt.loop)[0]
            return not has_break(inner) and (endless(stmt.loop) or not may_fall(stmt.orelse))
    return False


def endless(stmt: Stmt) -> bool:
    """Whether the loop is `while True`."""
    return isinstance(stmt, While) and isinstance(stmt.test, Const) and bool(stmt.test.value)
