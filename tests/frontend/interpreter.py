"""A reference interpreter of the untyped IR, for tests.

It runs structured code in either of two ways: jumps as Python has them ("real"), or Continue as nothing and Break as
"finish the trip, then leave the loop" ("structured"). Code from frontend.jumps must do the same in both.
"""

from __future__ import annotations

import builtins
import copy
import operator
from types import SimpleNamespace
from typing import Any

from srcgrad.frontend import definition_of, free_value
from srcgrad.ir import nodes as n

OPS = {
    "neg": operator.neg, "pos": operator.pos, "~": operator.invert, "not": operator.not_,
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "<<": operator.lshift, ">>": operator.rshift,
    "&": operator.and_, "|": operator.or_, "^": operator.xor, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "is": operator.is_,
    "is not": operator.is_not, "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip


class BreakLoop(Exception):
    pass


class ContinueLoop(Exception):
    pass


class Frame:
    """The variables of one run of a function. outer: the frame of the function around it, or the real function."""

    def __init__(self, definition: n.Definition, outer: Any, real: bool) -> None:
        self.definition, self.outer, self.real = definition, outer, real
        self.values: dict[str, Any] = {}
        self.leaving = False

    # ---- names

    def get(self, name: str) -> Any:
        if name in self.definition.nonlocals and isinstance(self.outer, Frame):
            return self.outer.get(name)
        if name in self.definition.locals:
            return self.values[name]
        return self.free(name)

    def free(self, name: str) -> Any:
        return self.outer.get(name) if isinstance(self.outer, Frame) else free_value(self.outer, name)[0]

    def put(self, name: str, value: Any) -> None:
        assert name in self.definition.locals, name
        if name in self.definition.nonlocals:
            self.outer.put(name, value)
        else:
            self.values[name] = value

    # ---- expressions

    def expr(self, e: Any) -> Any:
        match e:
            case n.Const():
                return e.value
            case n.Name():
                assert e.id in self.definition.locals, e.id
                return self.get(e.id)
            case n.Free():
                assert e.id not in self.definition.locals, e.id
                return self.free(e.id)
            case n.Op():
                return OPS[e.op](*(self.expr(a) for a in e.args))
            case n.Apply():
                fn = self.expr(e.fn)
                args = self.several(e.args)
                kwargs: dict[str, Any] = {}
                for key, value in e.kwargs:
                    kwargs.update(self.expr(value) if key is None else {key: self.expr(value)})
                return fn(*args, **kwargs)
            case n.Load():
                return self.expr(e.base)[self.expr(e.index)]
            case n.Slice():
                return slice(*(None if p is None else self.expr(p) for p in (e.lo, e.hi, e.step)))
            case n.Attr():
                return getattr(self.expr(e.base), e.name)
            case n.Pack():
                return getattr(builtins, e.type)(self.several(e.items))
            case n.DictPack():
                found: dict[Any, Any] = {}
                for key, value in zip(e.keys, e.values, strict=True):
                    found.update(self.expr(value) if key is None else {self.expr(key): self.expr(value)})
                return found
            case n.Cond():
                return self.expr(e.body) if self.expr(e.test) else self.expr(e.orelse)
            case n.BoolOp():
                for item in e.items:
                    value = self.expr(item)
                    if bool(value) == (e.op == "or"):
                        break
                return value
            case n.Format():
                text = ""
                for part in e.parts:
                    if isinstance(part, str):
                        text += part
                    else:
                        value = self.expr(part[0])
                        value = {"": lambda v: v, "!r": repr, "!s": str, "!a": ascii}[part[1]](value)
                        text += format(value, "" if part[2] is None else self.expr(part[2]))
                return text
            case n.Let():
                self.block(e.body)
                return self.expr(e.value)
            case n.Lambda():
                return closure(e.function, self)
        raise AssertionError(e)

    def several(self, items: Any) -> list[Any]:
        out: list[Any] = []
        for item in items:
            if isinstance(item, n.Star):
                out.extend(self.expr(item.value))
            else:
                out.append(self.expr(item))
        return out

    # ---- statements

    def assign(self, target: Any, value: Any) -> None:
        match target:
            case n.Name():
                self.put(target.id, value)
            case n.Load():
                self.expr(target.base)[self.expr(target.index)] = value
            case n.Attr():
                setattr(self.expr(target.base), target.name, value)
            case n.Pack():
                values = list(value)
                star = next((k for k, t in enumerate(target.items) if isinstance(t, n.Star)), None)
                if star is not None:
                    end = len(values) - (len(target.items) - star - 1)
                    values[star:end] = [values[star:end]]
                assert len(values) == len(target.items)
                for part, item in zip(target.items, values, strict=True):
                    self.assign(part.value if isinstance(part, n.Star) else part, item)

    def block(self, stmts: Any) -> None:
        for stmt in stmts:
            self.stmt(stmt)

    def stmt(self, s: Any) -> None:
        match s:
            case n.Assign():
                self.assign(s.target, self.expr(s.value))
            case n.Aug():
                symbol = {"+": "iadd", "-": "isub", "*": "imul", "/": "itruediv", "**": "ipow", "@": "imatmul"}[s.op]
                self.assign(s.target, getattr(operator, symbol)(self.expr(s.target), self.expr(s.value)))
            case n.Effect():
                self.expr(s.value)
            case n.If():
                self.block(s.body if self.expr(s.test) else s.orelse)
            case n.ForEach():
                for item in self.expr(s.iter):
                    self.assign(s.target, item)
                    if not self.trip(s.body):
                        break
            case n.While():
                while self.expr(s.test):
                    if not self.trip(s.body):
                        break
            case n.Break():
                if self.real:
                    raise BreakLoop
                self.leaving = True
            case n.Continue():
                if self.real:
                    raise ContinueLoop
            case n.With():
                with self.expr(s.context):
                    self.block(s.body)
            case n.Assert():
                assert self.expr(s.test), s.message and self.expr(s.message)
            case n.Raise():
                raise self.expr(s.value)
            case n.Def():
                self.put(s.name, closure(s.function, self))
            case _:
                raise AssertionError(s)

    def trip(self, body: Any) -> bool:
        """Run a trip of a loop; whether the loop goes on."""
        try:
            self.block(body)
        except BreakLoop:
            return False
        except ContinueLoop:
            return True
        left, self.leaving = self.leaving, False
        return not left


def closure(definition: n.Definition, frame: Frame) -> Any:
    """The Python function of a nested definition."""
    defaults = {p.name: frame.expr(p.default) for p in definition.params if p.default is not None}
    return lambda *args, **kwargs: call(definition, frame, frame.real, args, kwargs, defaults)


def call(
    definition: n.Definition, outer: Any, real: bool, args: Any, kwargs: Any, defaults: dict[str, Any]
) -> Any:
    frame = Frame(definition, outer, real)
    args, kwargs, values = list(args), dict(kwargs), frame.values
    for p in definition.params:
        if p.kind == "args":
            values[p.name], args = tuple(args), []
        elif p.kind == "kwargs":
            values[p.name] = dict(kwargs)
        elif p.kind != "keyword_only" and args:
            values[p.name] = args.pop(0)
        elif p.name in kwargs:
            values[p.name] = kwargs.pop(p.name)
        else:
            values[p.name] = defaults[p.name]
    frame.block(definition.body)
    assert not frame.leaving
    return values[definition.result]


def run(fn: Any, *args: Any, real: bool = True, **kwargs: Any) -> Any:
    """Run the IR of fn."""
    defaults = dict(fn.__kwdefaults__ or {})
    code = fn.__code__
    if fn.__defaults__:
        names = code.co_varnames[: code.co_argcount]
        defaults |= dict(zip(names[-len(fn.__defaults__) :], fn.__defaults__, strict=True))
    return call(definition_of(fn), fn, real, args, kwargs, defaults)


def both(fn: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of running fn, after asserting that its IR gives the same in both ways. Arguments are copied."""

    def outcome(function: Any) -> Any:
        try:
            return function()
        except Exception as error:  # the IR must fail as the function does
            return SimpleNamespace(error=type(error))

    expected = outcome(lambda: fn(*copy.deepcopy(args), **copy.deepcopy(kwargs)))
    for real in (True, False):
        got = outcome(lambda real=real: run(fn, *copy.deepcopy(args), real=real, **copy.deepcopy(kwargs)))
        assert repr(got) == repr(expected), (got, expected, real)
    return expected


def text(body: Any, indent: str = "") -> str:
    """Statements as lines that are easy to compare: names, nesting, guards."""
    lines = []
    for s in body:
        match s:
            case n.If():
                lines.append(f"{indent}{'guard' if s.guard else 'if'} {expr_text(s.test)}:")
                lines.append(text(s.body, indent + "    "))
                if s.orelse:
                    lines += [f"{indent}else:", text(s.orelse, indent + "    ")]
            case n.ForEach():
                lines += [
                    f"{indent}for {expr_text(s.target)} in {expr_text(s.iter)}:",
                    text(s.body, indent + "    "),
                ]
            case n.While():
                lines += [f"{indent}while {expr_text(s.test)}:", text(s.body, indent + "    ")]
            case n.With():
                lines += [f"{indent}with {expr_text(s.context)}:", text(s.body, indent + "    ")]
            case n.Assign():
                lines.append(f"{indent}{expr_text(s.target)} = {expr_text(s.value)}")
            case n.Aug():
                lines.append(f"{indent}{expr_text(s.target)} {s.op}= {expr_text(s.value)}")
            case n.Effect():
                lines.append(f"{indent}{expr_text(s.value)}")
            case n.Raise():
                lines.append(f"{indent}raise {expr_text(s.value)}")
            case _:
                lines.append(indent + type(s).__name__.lower())
    return "\n".join(lines)


def expr_text(e: Any) -> str:
    match e:
        case n.Const():
            return repr(e.value)
        case n.Name() | n.Free():
            return e.id
        case n.Op("not", (inner,)):
            return f"not ({expr_text(inner)})" if isinstance(inner, (n.BoolOp, n.Op)) else f"not {expr_text(inner)}"
        case n.Op(op, (a, b)):
            return f"{expr_text(a)} {op} {expr_text(b)}"
        case n.BoolOp():
            return f" {e.op} ".join(map(expr_text, e.items))
        case n.Apply():
            return f"{expr_text(e.fn)}({', '.join(map(expr_text, e.args))})"
        case n.Attr():
            return f"{expr_text(e.base)}.{e.name}"
        case n.Load():
            return f"{expr_text(e.base)}[{expr_text(e.index)}]"
        case n.Pack():
            open_, close = {"tuple": "()", "list": "[]", "set": "{}"}[e.type]
            return open_ + ", ".join(map(expr_text, e.items)) + close
        case n.Let():
            return f"let {{{text(e.body)}}} in {expr_text(e.value)}"
    return repr(e)
