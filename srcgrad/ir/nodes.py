"""The intermediate representation: expressions, statements and functions.

Two dialects share the classes. The frontend emits the *untyped* dialect (Free, Apply, Attr, Let, Lambda, Def,
ForEach, Assign to any target, Aug, Return). `transform.specialize` turns it into the *typed* dialect, in which every
expression has a kind, every call is of a known primitive, and every variable is one float, array, list, ...

Control flow is structured throughout: Break and Continue are markers which stand only where nothing follows
them in their loop's body that a guard or an `else` does not already keep from running (see frontend.jumps).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from srcgrad.ir.base import Expr as Expr
from srcgrad.ir.base import Node as Node
from srcgrad.ir.base import Pos as Pos
from srcgrad.ir.base import Stmt as Stmt

# ---- expressions ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Const(Expr):
    """A literal, or (untyped) any object known when compiling, such as a module."""

    value: Any

    def __eq__(self, other: object) -> bool:  # 1, 1.0 and True are different constants
        return isinstance(other, Const) and type(self.value) is type(other.value) and (
            self.value is other.value or bool(self.value == other.value)
        )

    def __hash__(self) -> int:
        return hash((type(self.value), str(self.value)))


@dataclass(frozen=True)
class Name(Expr):
    """A local variable."""

    id: str


@dataclass(frozen=True)
class Free(Expr):
    """Untyped: a name that the function does not bind: of a closure cell, a global or a builtin."""

    id: str


@dataclass(frozen=True)
class Op(Expr):
    """An operator, by its Python spelling.

    Unary: "neg" "pos" "~" "not". Binary: + - * / // % ** @ << >> & | ^. Comparisons (two arguments; chains are
    split by the frontend): < <= > >= == != is "is not" in "not in".
    """

    op: str
    args: tuple[Expr, ...]


@dataclass(frozen=True)
class Apply(Expr):
    """Untyped: a call. args may hold Star; a keyword of None is `**value`."""

    fn: Expr
    args: tuple[Expr, ...]
    kwargs: tuple[tuple[str | None, Expr], ...] = ()


@dataclass(frozen=True)
class Prim:
    """A primitive: a callable known to `rules`.

    fn: the object that rules are keyed by, e.g. np.sum also for the method `x.sum()`. text: how the user wrote
    it: "np.linalg.norm", or "sum" for a method, or "T" for an attribute. style: "function", "method" (the
    first argument is printed before the dot) or "attribute" (likewise, no parentheses). within: the function that
    the user called, where this one is part of its definition; for messages.
    """

    fn: Callable[..., Any]
    text: str
    style: str = "function"
    within: str = field(default="", compare=False)


@dataclass(frozen=True)
class Call(Expr):
    """Typed: a call of a primitive."""

    prim: Prim
    args: tuple[Expr, ...]
    kwargs: tuple[tuple[str, Expr], ...] = ()


@dataclass(frozen=True)
class Load(Expr):
    """`base[index]`; index is an expression, a Slice, or a Pack("tuple") of those."""

    base: Expr
    index: Expr


@dataclass(frozen=True)
class Slice(Expr):
    lo: Expr | None
    hi: Expr | None
    step: Expr | None


@dataclass(frozen=True)
class Attr(Expr):
    """Untyped: `base.name`."""

    base: Expr
    name: str


@dataclass(frozen=True)
class Star(Expr):
    """`*value` inside a Pack, the arguments of an Apply, or an assignment's target."""

    value: Expr


@dataclass(frozen=True)
class Pack(Expr):
    """A display. type: "tuple", "list" or "set"."""

    type: str
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class DictPack(Expr):
    """A dict display; a key of None is `**value`."""

    keys: tuple[Expr | None, ...]
    values: tuple[Expr, ...]


@dataclass(frozen=True)
class Cond(Expr):
    """`body if test else orelse`. In the typed dialect only where no derivative flows through it."""

    test: Expr
    body: Expr
    orelse: Expr


@dataclass(frozen=True)
class BoolOp(Expr):
    """`and` / `or` over two or more items. In the typed dialect only where no derivative flows through it."""

    op: str
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Format(Expr):
    """An f-string: parts are strings or (expression, conversion such as "!r" or "", format spec or None)."""

    parts: tuple[str | tuple[Expr, str, Expr | None], ...]


@dataclass(frozen=True)
class Let(Expr):
    """Untyped: run the statements, then the value (walrus, comprehensions)."""

    body: tuple[Stmt, ...]
    value: Expr


@dataclass(frozen=True)
class Lambda(Expr):
    """Untyped: a function value."""

    function: Definition


# ---- statements ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assign(Stmt):
    """`target = value`. Typed: the target is a Name. Untyped: Name, Load, Attr, or a Pack of targets (with Star)."""

    target: Expr
    value: Expr


@dataclass(frozen=True)
class Aug(Stmt):
    """Untyped: `target op= value`: a write or a rebinding, by kind."""

    target: Expr
    op: str
    value: Expr


@dataclass(frozen=True)
class Store(Stmt):
    """Typed: a write into an array, list or dict. target: a Load whose base is a Name or again a Load; or a Name,
    for a write to the whole array (`x op= e`).

    op: "" for `=`, a binary operator for `op=`, "at" for np.add.at(base, index, value), or "|at" for
    np.bitwise_or.at.
    """

    target: Expr
    value: Expr
    op: str = ""


@dataclass(frozen=True)
class Push(Stmt):
    """Typed: `target.append(value)`, or `target.insert(index, value)`. target: Name or Load."""

    target: Expr
    value: Expr
    index: Expr | None = None


@dataclass(frozen=True)
class Pop(Stmt):
    """Typed: `out = target.pop()` or `.pop(index)`; out None: the item is dropped."""

    out: Name | None
    target: Expr
    index: Expr | None = None


@dataclass(frozen=True)
class Invoke(Stmt):
    """Typed: a call of a function that is differentiated on its own: `outs = callee(args)`. callee: a key of the
    program's table of functions. method: the first argument is printed before the dot."""

    outs: tuple[Name, ...]
    callee: str
    args: tuple[Expr, ...]
    method: bool = False


@dataclass(frozen=True)
class Effect(Stmt):
    """An expression that is run for its effect only (print, a random generator's draw). Untyped: any expression
    statement."""

    value: Expr


@dataclass(frozen=True)
class If(Stmt):
    """guard: the test only repeats what jumps before it already decided: the forward sweep prints the body flat."""

    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...] = ()
    guard: bool = False


@dataclass(frozen=True)
class ForEach(Stmt):
    """Untyped: `for target in iter`."""

    target: Expr
    iter: Expr
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class For(Stmt):
    """Typed: `for index in range(lo, hi, step)`; backwards: printed as reversed(range(...)).

    checkpoint: the number of slots, where the reverse mode is to run trips again instead of recording them; it means
    nothing otherwise.
    """

    index: Name
    lo: Expr
    hi: Expr
    step: Expr
    body: tuple[Stmt, ...]
    backwards: bool = False
    checkpoint: Expr | None = None


@dataclass(frozen=True)
class While(Stmt):
    """checkpoint: see For."""

    test: Expr
    body: tuple[Stmt, ...]
    checkpoint: Expr | None = None


@dataclass(frozen=True)
class Break(Stmt):
    pass


@dataclass(frozen=True)
class Continue(Stmt):
    pass


@dataclass(frozen=True)
class Return(Stmt):
    """Untyped: before frontend.jumps has run; typed: the last statement of generated code only."""

    value: Expr | None


@dataclass(frozen=True)
class With(Stmt):
    """`with context: body`, for contexts that do not change what the body computes (np.errstate).

    checkpoint: the body is the call of a function of which the reverse mode records nothing but what it starts from;
    there is no context then, and the body is printed alone.
    """

    context: Expr
    body: tuple[Stmt, ...]
    checkpoint: bool = False


@dataclass(frozen=True)
class HookText:
    """The user's statements on an adjoint, as they stand.

    text: the statements, not indented. name: what they call the adjoint. reads: the names that they do not bind
    themselves; own: those that they do, but for `name`. rebinds: how they assign `name`: "", "plainly" (`d = e` and
    nothing else) or "freely"; augments: by `d op= e`; writes: they change the adjoint in place, or may; keeps: they
    may hold on to it. given: the functions that get it. changes: which of `reads` they change, and where.
    """

    text: str
    name: str
    reads: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    rebinds: str = ""
    augments: bool = False
    writes: bool = False
    keeps: bool = False
    given: tuple[Expr, ...] = ()
    changes: tuple[tuple[str, Pos | None], ...] = ()


@dataclass(frozen=True)
class Hook(Stmt):
    """The user's own statements on an adjoint.

    Untyped: `with value as ...: ...`, value being the context; args: what the names in the text stand for. Typed: a
    mark in the primal, which runs nothing; value is what the adjoint is of. In the reverse sweep: `out = value`, then
    the text, with `out` for the adjoint and `own` for its own names; through: what it assigns to the adjoint, it
    writes into the buffer.
    """

    value: Expr
    args: tuple[Expr, ...]
    source: HookText
    out: Name | None = None
    own: tuple[str, ...] = ()
    through: bool = False


@dataclass(frozen=True)
class Assert(Stmt):
    test: Expr
    message: Expr | None = None


@dataclass(frozen=True)
class Raise(Stmt):
    value: Expr | None


@dataclass(frozen=True)
class Def(Stmt):
    """Untyped: a nested `def`."""

    name: str
    function: Definition


@dataclass(frozen=True)
class Comment(Stmt):
    """A line of comment in generated code."""

    text: str


# ---- functions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """kind: "positional" (also by keyword), "positional_only", "keyword_only", "args" (*args) or "kwargs" (**kwargs).

    default: an untyped expression, or None where there is no default.
    """

    name: str
    kind: str = "positional"
    default: Expr | None = None


@dataclass(frozen=True)
class Definition(Node):
    """Untyped: a function as the user wrote it, after frontend.jumps: body has a single exit and `result` names
    the variable that holds the returned value (None when the function falls off its end, which then is what
    the variable is set to).

    flags: the variables that frontend.jumps made; each is False but for the time after its jump was taken.
    locals: the names that the function binds itself; nonlocals: those of them that it binds for the outer function.
    hooked: the parameters that only blocks on adjoints name.
    """

    name: str
    params: tuple[Parameter, ...]
    body: tuple[Stmt, ...]
    result: str
    locals: frozenset[str]
    nonlocals: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    doc: str = ""
    hooked: frozenset[str] = frozenset()
