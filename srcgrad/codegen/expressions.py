"""IR expressions to gast, and gast expressions to text.

Expression text comes from the standard library's `ast.unparse`, by way of `gast.gast_to_ast`: it knows which brackets
are needed. Names and callees may be paths (`params["w1"]`, `np.linalg.norm`); their text is parsed, so that what is
printed is a true syntax tree all the way down.
"""

from __future__ import annotations

import ast
import builtins
import io
import math
import tokenize
import types
from functools import lru_cache
from typing import Any

import gast
import numpy as np

from srcgrad.ir import nodes as ir

UNARY = {"neg": gast.USub, "pos": gast.UAdd, "~": gast.Invert, "not": gast.Not}
BINARY = {
    "+": gast.Add,
    "-": gast.Sub,
    "*": gast.Mult,
    "/": gast.Div,
    "//": gast.FloorDiv,
    "%": gast.Mod,
    "**": gast.Pow,
    "@": gast.MatMult,
    "<<": gast.LShift,
    ">>": gast.RShift,
    "&": gast.BitAnd,
    "|": gast.BitOr,
    "^": gast.BitXor,
}
COMPARE = {
    "<": gast.Lt,
    "<=": gast.LtE,
    ">": gast.Gt,
    ">=": gast.GtE,
    "==": gast.Eq,
    "!=": gast.NotEq,
    "is": gast.Is,
    "is not": gast.IsNot,
    "in": gast.In,
    "not in": gast.NotIn,
}


def to_gast(expr: ir.Expr) -> gast.expr:
    """The syntax tree of an expression. Let and Lambda have none, since they hold statements."""
    match expr:
        case ir.Const(value=value):
            return constant(value)
        case ir.Name(id=text) | ir.Free(id=text):
            return path(text)
        case ir.Op():
            return _operator(expr)
        case ir.Call():
            return _call(expr)
        case ir.Apply(fn=fn, args=args, kwargs=kwargs):
            return call(to_gast(fn), [to_gast(a) for a in args], [(k, to_gast(v)) for k, v in kwargs])
        case ir.Load(base=base, index=index):
            return gast.Subscript(to_gast(base), index_to_gast(index), gast.Load())
        case ir.Slice(lo=lo, hi=hi, step=step):
            return _slice_call([None if part is None else to_gast(part) for part in (lo, hi, step)])
        case ir.Attr(base=base, name=attribute):
            return gast.Attribute(to_gast(base), attribute, gast.Load())
        case ir.Star(value=value):
            return gast.Starred(to_gast(value), gast.Load())
        case ir.Pack(type=kind, items=items):
            return _display(kind, [to_gast(item) for item in items])
        case ir.DictPack(keys=keys, values=values):
            return gast.Dict([None if k is None else to_gast(k) for k in keys], [to_gast(v) for v in values])
        case ir.Cond(test=test, body=body, orelse=orelse):
            return gast.IfExp(to_gast(test), to_gast(body), to_gast(orelse))
        case ir.BoolOp(op=op, items=items):
            return gast.BoolOp(gast.And() if op == "and" else gast.Or(), [to_gast(item) for item in items])
        case ir.Format():
            return _format(expr)
    raise TypeError(f"{type(expr).__name__} cannot be printed as an expression")


def index_to_gast(index: ir.Expr) -> gast.expr:
    """The syntax tree of what stands between square brackets, where slices have a notation of their own."""
    match index:
        case ir.Slice(lo=lo, hi=hi, step=step):
            return gast.Slice(*(None if part is None else to_gast(part) for part in (lo, hi, step)))
        case ir.Const(value=slice() as value):
            parts = (value.start, value.stop, value.step)
            return gast.Slice(*(None if part is None else constant(part) for part in parts))
        case ir.Const(value=tuple() as values):
            return gast.Tuple([index_to_gast(ir.Const(v)) for v in values], gast.Load())
        case ir.Pack(type="tuple", items=items):
            return gast.Tuple([index_to_gast(item) for item in items], gast.Load())
    return to_gast(index)


def constant(value: Any) -> gast.expr:
    """The syntax tree that evaluates to a constant, given `np` and the builtins."""
    match value:
        case None | bool() | bytes() | types.EllipsisType():
            return gast.Constant(value, None)
        case str():
            return gast.Constant("".join(value), None)  # joined: a str of a subclass (an Enum) has another repr
        case np.generic():
            item = value.item()  # a longdouble has no Python number to stand for it
            return call(constant(type(value)), [constant(str(value) if isinstance(item, np.generic) else item)])
        case int():
            return _number(int(value))
        case float():
            return _number(float(value))
        case complex():
            return _complex(value)
        case slice():
            parts = (value.start, value.stop, value.step)
            return _slice_call([None if part is None else constant(part) for part in parts])
        case range():
            return call(path("range"), [constant(n) for n in (value.start, value.stop, value.step)])
        case np.dtype():
            if value.isnative and value.fields is None and value.type not in (np.str_, np.bytes_, np.void):
                if value == np.dtype(value.type):
                    return constant(value.type)
            return call(path("np.dtype"), [constant(value.str if value.fields is None else value.descr)])
        case tuple():
            return gast.Tuple([constant(item) for item in value], gast.Load())
        case list():
            return gast.List([constant(item) for item in value], gast.Load())
        case dict():
            return gast.Dict([constant(k) for k in value], [constant(v) for v in value.values()])
    return path(_name_of(value))


def call(fn: gast.expr, args: list[gast.expr], kwargs: list[tuple[str | None, gast.expr]] | None = None) -> gast.Call:
    """The syntax tree of a call."""
    return gast.Call(fn, args, [gast.keyword(name, value) for name, value in kwargs or []])


def path(text: str) -> gast.expr:
    """The syntax tree of a name, or of an access path such as `params["w1"]` or `np.linalg.norm`."""
    if text.isidentifier():
        return gast.Name(text, gast.Load(), None, None)
    return gast.parse(text, mode="eval").body


def as_target(node: gast.expr) -> gast.expr:
    """The tree, marked as what is assigned to."""
    if isinstance(node, (gast.Tuple, gast.List)):
        for item in node.elts:
            as_target(item)
    elif isinstance(node, gast.Starred):
        as_target(node.value)
    node.ctx = gast.Store()
    return node


def expression_text(node: gast.expr) -> str:
    """The source of an expression."""
    return double_quotes(ast.unparse(gast.gast_to_ast(node)))


def bare_text(node: gast.expr) -> str:
    """The source of an expression; a tuple of two or more items goes without brackets."""
    if isinstance(node, gast.Tuple) and len(node.elts) > 1:
        return ", ".join(expression_text(item) for item in node.elts)
    return expression_text(node)


def text_of(expr: ir.Expr) -> str:
    """The source of an IR expression."""
    return expression_text(to_gast(expr))


def _operator(expr: ir.Op) -> gast.expr:
    args = [to_gast(a) for a in expr.args]
    match expr:
        case ir.Op(op="**", args=(_, ir.Const(value=power))) if type(power) in (int, float) and -math.inf < power < 0:
            args[1] = gast.Constant(power, None)  # as a leaf: ast.unparse prints x ** (-1) for a tree of its own
    if len(args) == 1:
        return gast.UnaryOp(UNARY[expr.op](), args[0])
    if expr.op in COMPARE:
        return gast.Compare(args[0], [COMPARE[expr.op]()], args[1:])
    return gast.BinOp(args[0], BINARY[expr.op](), args[1])


def _call(expr: ir.Call) -> gast.expr:
    prim, args = expr.prim, [to_gast(a) for a in expr.args]
    kwargs: list[tuple[str | None, gast.expr]] = [(k, to_gast(v)) for k, v in expr.kwargs]
    match prim.style:
        case "function":
            return call(path(prim.text), args, kwargs)
        case "method":
            return call(gast.Attribute(args[0], prim.text, gast.Load()), args[1:], kwargs)
        case "attribute":
            return gast.Attribute(args[0], prim.text, gast.Load()) if args else path(prim.text)
    raise ValueError(f"unknown style of call: {prim.style!r}")


def _display(kind: str, items: list[gast.expr]) -> gast.expr:
    match kind:
        case "tuple":
            return gast.Tuple(items, gast.Load())
        case "list":
            return gast.List(items, gast.Load())
        case "set":
            return gast.Set(items) if items else call(path("set"), [])
    raise ValueError(f"unknown kind of display: {kind!r}")


def _format(expr: ir.Format) -> gast.JoinedStr:
    values: list[gast.expr] = []
    for part in expr.parts:
        if isinstance(part, str):
            values.append(gast.Constant(part, None))
            continue
        value, conversion, spec = part
        spec_tree = None if spec is None else to_gast(spec)
        if spec_tree is not None and not isinstance(spec_tree, gast.JoinedStr):
            literal = isinstance(spec_tree, gast.Constant) and isinstance(spec_tree.value, str)
            spec_tree = gast.JoinedStr([spec_tree if literal else gast.FormattedValue(spec_tree, -1, None)])
        code = ord(conversion[-1]) if conversion else -1
        values.append(gast.FormattedValue(to_gast(value), code, spec_tree))
    return gast.JoinedStr(values)


def _slice_call(parts: list[gast.expr | None]) -> gast.expr:
    """A slice outside of square brackets: slice(hi), slice(lo, hi) or slice(lo, hi, step)."""
    trees: list[gast.expr] = [gast.Constant(None, None) if part is None else part for part in parts]
    if parts[2] is None:
        trees = trees[1:2] if parts[0] is None else trees[:2]
    return call(path("slice"), trees)


def _number(value: int | float) -> gast.expr:
    if math.isnan(value):
        return path("np.nan")
    # A negative literal must be a tree of its own: as a leaf, -1 ** 2 would be printed for (-1) ** 2.
    if value < 0 or (value == 0 and math.copysign(1, value) < 0):
        return gast.UnaryOp(gast.USub(), _number(-value))
    if math.isinf(value):
        return path("np.inf")
    return gast.Constant(value, None)


def _complex(value: complex) -> gast.expr:
    parts = (value.real, value.imag)
    if all(math.isfinite(p) and (p > 0 or str(p) == "0.0") for p in parts):
        return gast.Constant(value, None)
    return call(path("complex"), [_number(p) for p in parts])


def _name_of(value: Any) -> str:
    """The dotted name of a type, a function or a module."""
    if isinstance(value, types.ModuleType):
        return "np" if value is np else value.__name__
    if value is np.bool_:  # NumPy 2 names it "bool", which NumPy 1 took for Python's
        return "np.bool_"
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if isinstance(name, str) and "<" not in name:
        if getattr(builtins, name, None) is value:
            return name
        if getattr(np, name, None) is value:
            return f"np.{name}"
        module = getattr(value, "__module__", None)
        if module and all(part.isidentifier() for part in f"{module}.{name}".split(".")):
            return f"np{module[5:]}.{name}" if module.split(".")[0] == "numpy" else f"{module}.{name}"
    raise TypeError(f"a constant of type {type(value).__name__} has no notation in source code")


@lru_cache(maxsize=4096)
def double_quotes(text: str) -> str:
    """The text with "..." for '...' wherever no string in it has a double quote: the quotes of most formatters."""
    if "'" not in text:
        return text
    starts = {"FSTRING_START": 1, "FSTRING_END": -1}  # from Python 3.12, an f-string is several tokens
    depth, begin, spans = 0, 0, []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if depth == 0:
            begin = token.start[1]
        depth += starts.get(name, 0)
        if depth == 0 and (name == "STRING" or name in starts):
            spans.append((begin, token.end[1]))
    for begin, end in reversed(spans):
        string = text[begin:end]
        prefix, body = string[: string.index(string[-1])], string[string.index(string[-1]) + 1 : -1]
        if string[-1] == "'" and '"' not in body and not body.startswith("''") and "'" not in body:
            text = f'{text[:begin]}{prefix}"{body}"{text[end:]}'
    return text
