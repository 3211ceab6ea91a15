"""Structured jumps: after this pass only the nesting of statements says what runs.

Needs: the statements of one function as lowered, with Return, Break, Continue and LoopElse where the user wrote
them. Gives: statements without Return and LoopElse, in which nothing stands after a jump that would run, were
Continue to do nothing and Break only to leave its loop after the trip's end. Where what follows a jump fits into
the other branch, it is moved there:

    for x in xs:                for x in xs:
        if x < 0:                   if not x < 0:
            continue                    s += x
        s += x

Where it does not, since the jump is nested deeper, a flag of the jump guards it:

    for x in xs:                broke = False
        if x > 0:               for x in xs:
            s += x                  if x > 0:
            if s > 9:                   s += x
                break                   if s > 9:
        s *= 2                              broke = True
                                            break
                                    if not broke:       (a guard: printed as `s *= 2` in the forward sweep)
                                        s *= 2

The flag is one per jump, since one per loop could not say which of its breaks was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from srcgrad.frontend.exits import Block, LoopElse, endless, may_fall, may_jump, walk
from srcgrad.ir.nodes import (
    Assign,
    BoolOp,
    Break,
    Const,
    Continue,
    Effect,
    Expr,
    ForEach,
    If,
    Name,
    Op,
    Pos,
    Raise,
    Return,
    Stmt,
    While,
    With,
)


def single_exit(body: Block, fresh: Callable[[str], str], pos: Pos | None) -> tuple[Block, str, frozenset[str]]:
    """Structure the jumps of a function's body. Returns the new body, its result variable, and the flags.

    fresh: gives a name that is not in use. pos: of the function, for the None that it returns where it falls off
    its end.
    """
    result = Name(fresh("result"))
    nothing = Return(Const(None, pos=pos), pos=pos)
    # of a function that never returns a value, the result is set once, at the end
    returns = [stmt for stmt in walk(body) if isinstance(stmt, Return)]
    valued = any(stmt.value is not None for stmt in returns)
    falls = may_fall(body)
    if valued and falls:
        body = (*body, nothing)
    stmts = _Structure(result if valued else None).block(body, in_loop=False).stmts
    if not valued and (falls or returns):
        stmts = (*stmts, Assign(result, Const(None, pos=pos), pos=pos))
    done, flags = _name_flags(stmts, fresh)
    return done, result.id, flags


# ---- structuring ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Jump:
    """A place of exit. flag: a provisional name, which no variable of the user has."""

    kind: str
    flag: str


@dataclass(frozen=True)
class _Flow:
    """A structured block. falls: whether control may reach its end; jumps: those that leave it."""

    stmts: Block
    falls: bool
    jumps: tuple[_Jump, ...]


_FLAGS = {"break": "broke", "continue": "skipped", "return": "returned"}


class _Structure:
    """Makes a flag for each jump, and writes and tests all of them; which are of use is found out afterwards."""

    def __init__(self, result: Name | None) -> None:
        self.result, self.count = result, 0

    def block(self, stmts: Block, in_loop: bool) -> _Flow:
        """Structure a block. in_loop: whether it is part of a loop's body."""
        out: list[Stmt] = []
        for k, stmt in enumerate(stmts):
            rest = stmts[k + 1 :]
            match stmt:
                case Return() | Break() | Continue():
                    jump = self._jump(stmt, out, in_loop)
                    return _Flow(tuple(out), False, (jump,))
                case Raise():
                    out.append(stmt)
                    return _Flow(tuple(out), False, ())
                case If():
                    if may_jump(stmt.body) or may_jump(stmt.orelse):
                        return _after(out, self._branches(stmt, rest, in_loop))
                    body, orelse = self.block(stmt.body, in_loop), self.block(stmt.orelse, in_loop)
                    out += _if(stmt, body.stmts, orelse.stmts)
                    if not body.falls and not orelse.falls:
                        return _Flow(tuple(out), False, ())
                case With():
                    body = self.block(stmt.body, in_loop)
                    new = replace(stmt, body=body.stmts)
                    if body.jumps or not body.falls:
                        return _after(out, self._guard((new,), body.falls, body.jumps, rest, in_loop))
                    out.append(new)
                case ForEach() | While() | LoopElse():
                    return _after(out, self._loop(stmt, rest, in_loop))
                case _:
                    out.append(stmt)
        return _Flow(tuple(out), True, ())

    def _jump(self, stmt: Stmt, out: list[Stmt], in_loop: bool) -> _Jump:
        """Write a jump: the result, the flag and, in a loop, the marker."""
        kind = type(stmt).__name__.lower()
        self.count += 1
        jump = _Jump(kind, f"#{kind}{self.count}")
        if isinstance(stmt, Return) and self.result is not None:
            value = Const(None, pos=stmt.pos) if stmt.value is None else stmt.value
            out.append(Assign(self.result, value, pos=stmt.pos))
        out.append(_set(jump, True, stmt.pos))
        if in_loop:
            out.append(Break(pos=stmt.pos) if isinstance(stmt, Return) else stmt)
        return jump

    def _branches(self, stmt: If, rest: Block, in_loop: bool) -> _Flow:
        """An If that holds a jump, and what follows it."""
        body_falls, orelse_falls = may_fall(stmt.body), may_fall(stmt.orelse)
        # what follows belongs to the branch that does not always jump, if the other one does
        body = self.block(stmt.body + (rest if not orelse_falls else ()), in_loop)
        orelse = self.block(stmt.orelse + (rest if not body_falls else ()), in_loop)
        falls, jumps = body.falls or orelse.falls, body.jumps + orelse.jumps
        new = _if(stmt, body.stmts, orelse.stmts)
        if body_falls and orelse_falls:
            return self._guard(new, falls, jumps, rest, in_loop)
        return _Flow(new, falls, jumps)

    def _guard(self, new: Block, falls: bool, jumps: tuple[_Jump, ...], rest: Block, in_loop: bool) -> _Flow:
        """A statement that may or may not jump, and what follows it, to be skipped if it did."""
        if not falls or not rest:
            return _Flow(new, falls, jumps)
        after = self.block(rest, in_loop)
        if not jumps:  # there were some in dead code only
            return _Flow((*new, *after.stmts), after.falls, after.jumps)
        guard = If(_negated(_any(jumps)), after.stmts, guard=in_loop, pos=rest[0].pos)
        # in a loop, the flags are initialised where the loop begins
        starts = () if in_loop else tuple(_set(jump, False, new[0].pos) for jump in jumps)
        return _Flow((*starts, *new, guard), after.falls, jumps + after.jumps)

    def _loop(self, stmt: Stmt, rest: Block, in_loop: bool) -> _Flow:
        """A loop, its `else`, and what follows."""
        loop, orelse = (stmt.loop, stmt.orelse) if isinstance(stmt, LoopElse) else (stmt, ())
        assert isinstance(loop, (ForEach, While))
        body = self.block(loop.body, in_loop=True)
        skips, breaks, returns = (
            tuple(jump for jump in body.jumps if jump.kind == kind) for kind in ("continue", "break", "return")
        )
        starts = tuple(_set(jump, False, loop.pos) for jump in (*skips, *breaks, *returns))
        each_trip = tuple(_set(jump, False, loop.pos) for jump in skips)
        new = replace(loop, body=each_trip + _without_tail(body.stmts))
        out = (*starts, new)

        forever = endless(loop)
        if orelse and not forever:  # (the `else` of a `while True` never runs)
            if breaks:
                orelse = (If(_negated(_any(breaks)), orelse, pos=orelse[0].pos),)
            rest = orelse + rest
        if forever and not breaks:
            leave = (Break(pos=loop.pos),) if in_loop and returns else ()
            return _Flow(out + leave, False, returns)
        after = self.block(rest, in_loop)
        if not returns:
            return _Flow(out + after.stmts, after.falls, after.jumps)
        if in_loop:
            test = _any(returns)
            leaves: Stmt = If(test, (Break(pos=loop.pos),), after.stmts, pos=loop.pos)
            return _Flow((*out, leaves), after.falls, returns + after.jumps)
        if not rest:
            return _Flow(out, True, returns)
        only = after.stmts[0]
        if len(after.stmts) == 1 and isinstance(only, If) and not only.orelse and breaks and orelse == rest:
            guard = If(_negated(_any((*breaks, *returns))), only.body, pos=only.pos)
        else:
            guard = If(_negated(_any(returns)), after.stmts, pos=rest[0].pos)
        return _Flow((*out, guard), after.falls, returns + after.jumps)


def _after(before: Sequence[Stmt], flow: _Flow) -> _Flow:
    return replace(flow, stmts=(*before, *flow.stmts))


def _set(jump: _Jump, value: bool, pos: Pos | None) -> Stmt:
    return Assign(Name(jump.flag, pos=pos), Const(value, pos=pos), pos=pos)


def _any(jumps: Sequence[_Jump]) -> Expr:
    """Whether one of the jumps was taken."""
    flags = tuple(Name(jump.flag) for jump in jumps)
    return flags[0] if len(flags) == 1 else BoolOp("or", flags)


def _negated(test: Expr) -> Expr:
    if isinstance(test, Op) and test.op == "not":
        return test.args[0]
    return Op("not", (test,), pos=test.pos)


def _if(stmt: If, body: Block, orelse: Block) -> Block:
    """The If with these branches, in its simplest form."""
    if not body and orelse:
        return (replace(stmt, test=_negated(stmt.test), body=orelse, orelse=()),)
    if body or orelse:
        return (replace(stmt, body=body, orelse=orelse),)
    flags_only = all(name.startswith("#") for name in _flags_in(stmt.test)) and bool(_flags_in(stmt.test))
    if stmt.guard or flags_only or isinstance(stmt.test, (Name, Const)):
        return ()
    return (Effect(stmt.test, pos=stmt.pos),)  # the test may fail, or have an effect


def _without_tail(block: Block) -> Block:
    """The body of a loop without the `continue`s after which nothing is left of the trip."""
    while block:
        last = block[-1]
        if isinstance(last, Continue):
            # its flag has been set just before it; nobody can read it
            return _without_tail(block[:-2])
        if isinstance(last, With):
            return (*block[:-1], replace(last, body=_without_tail(last.body)))
        if not isinstance(last, If):
            return block
        new = _if(last, _without_tail(last.body), _without_tail(last.orelse))
        if new:
            return (*block[:-1], *new)
        block = block[:-1]  # a guard of nothing
    return block


# ---- flags ---------------------------------------------------------------------------------------------------


def _name_flags(stmts: Block, fresh: Callable[[str], str]) -> tuple[Block, frozenset[str]]:
    """Drop the flags that nothing reads, and give names to the others."""
    while True:
        read = {flag for stmt in walk(stmts) if isinstance(stmt, If) for flag in _flags_in(stmt.test)}
        pruned = _prune(stmts, read, set())
        if pruned == stmts:
            break
        stmts = pruned
    names: dict[str, str] = {}
    for stmt in walk(stmts):  # in the order of the jumps in the source
        if (flag := _flag_set(stmt)) is not None and stmt.value == Const(True):  # type: ignore[attr-defined]
            if flag not in names:
                names[flag] = fresh(_FLAGS[flag[1:].rstrip("0123456789")])
    return _rename(stmts, names), frozenset(names.values())


def _flag_set(stmt: Stmt) -> str | None:
    """The flag that the statement sets, if any."""
    if isinstance(stmt, Assign) and isinstance(stmt.target, Name) and stmt.target.id.startswith("#"):
        return stmt.target.id
    return None


def _flags_in(test: Expr) -> list[str]:
    match test:
        case Name():
            return [test.id] if test.id.startswith("#") else []
        case Op("not", (inner,)):
            return _flags_in(inner)
        case BoolOp():
            return [flag for item in test.items for flag in _flags_in(item)]
    return []


def _map_blocks(stmt: Stmt, change: Callable[[Block], Block]) -> Block:
    match stmt:
        case If():
            return _if(stmt, change(stmt.body), change(stmt.orelse))
        case ForEach() | While() | With():
            return (replace(stmt, body=change(stmt.body)),)
    return (stmt,)


def _prune(block: Block, read: set[str], started: set[str]) -> Block:
    """Without the writes to flags that are not read. started: flags of returns that are False already, outside."""
    out: list[Stmt] = []
    for stmt in block:
        flag = _flag_set(stmt)
        if flag is not None:
            if flag not in read or flag in started and stmt.value == Const(False):  # type: ignore[attr-defined]
                continue
            if flag.startswith("#return"):  # taken once only: the outermost initialisation does for all
                started.add(flag)
        out += _map_blocks(stmt, lambda part: _prune(part, read, started))
    return tuple(out)


def _rename(block: Block, names: dict[str, str]) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        flag = _flag_set(stmt)
        if flag is not None:
            stmt = replace(stmt, target=Name(names[flag], pos=stmt.pos))  # type: ignore[call-arg]
        elif isinstance(stmt, If):
            stmt = replace(stmt, test=_renamed(stmt.test, names))
        out += _map_blocks(stmt, lambda part: _rename(part, names))
    return tuple(out)


def _renamed(test: Expr, names: dict[str, str]) -> Expr:
    match test:
        case Name() if test.id in names:
            return Name(names[test.id], pos=test.pos)
        case Op("not", (inner,)):
            return replace(test, args=(_renamed(inner, names),))
        case BoolOp():
            return replace(test, items=tuple(_renamed(item, names) for item in test.items))
    return test
