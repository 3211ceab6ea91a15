"""Calls of callables with a user's rule: one expression, whatever the callable is made of."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from srcgrad.analysis.infer import elementwise
from srcgrad.analysis.infer_dummies import by_dummies_apart, shares_memory
from srcgrad.analysis.operands import kind_of
from srcgrad.errors import KindError, NoRuleError, UnsupportedError
from srcgrad.ir.kinds import NONE, Array, Kind, Scalar, is_float
from srcgrad.ir.nodes import Call, DictPack, Effect, Pos, Prim
from srcgrad.rules.bodies import broadcast_kind
from srcgrad.rules.registry import RULES, Rule
from srcgrad.runtime import HELPERS
from srcgrad.specialize.arguments import argument
from srcgrad.specialize.defined import results_of
from srcgrad.specialize.spelling import public_name, spelling_of
from srcgrad.specialize.values import Static, Struct, Value, is_none, leaves


def call_own(
    s: Any, rule: Rule, fn: Static, args: list[Value], kwargs: dict[str, Value], pos: Pos | None
) -> Value:
    """The value of a call of something with a user's rule."""
    prim = Prim(fn.value, callee_text(s, fn))
    nin = getattr(fn.value, "nin", None)
    has_out = "out_" in rule.params  # an argument of the name
    if ("out" in kwargs and not has_out and not is_none(kwargs["out"])) or (isinstance(nin, int) and len(args) > nin):
        raise NoRuleError(f"{prim.text} with a rule of its own is called with `out`", "Write `x[...] = ...`.", pos)
    kwargs = {key: value for key, value in kwargs.items() if key != "out" or has_out}
    for value in (*args, *kwargs.values()):
        if isinstance(value, Struct) and value.type in ("dict", "object") and rule.form != "constant":
            if any(is_float(leaf.kind) for _, leaf in leaves(value)):
                raise UnsupportedError(
                    f"{prim.text} has a rule of its own, and gets a container of floats",
                    "Pass its parts one by one.", pos,
                )  # fmt: skip
    exprs = tuple(argument(s, arg, pos) for arg in args)
    keywords = tuple((key, argument(s, arg, pos)) for key, arg in kwargs.items())
    if any(isinstance(e, DictPack) for e in exprs) and rule.form != "constant":
        raise UnsupportedError("a dict is passed to a callable with a rule of its own", "Pass its values.", pos)
    kind = result_kind(rule, prim, exprs, keywords, pos)
    call = Call(prim, exprs, keywords, kind=kind, pos=pos)
    if kind == NONE and rule.form == "constant":  # called for what it does outside of the program
        s.emit(Effect(call, pos=pos))
        return Static(None)
    if kind == NONE:
        raise UnsupportedError(f"{prim.text} has a rule, and returns nothing", "A rule needs a result.", pos)
    if not isinstance(kind, (Scalar, Array)) and rule.form != "constant":
        raise UnsupportedError(
            f"{prim.text} has a rule of its own, and its result is no number and no array",
            "Write a function for each of its results, with a rule for each.", pos,
        )  # fmt: skip
    if isinstance(kind, Array) and rule.view == "never" and shares_memory(prim, exprs, keywords):
        if rule.fn in RULES:  # it may return its argument
            RULES[rule.fn] = dataclasses.replace(RULES[rule.fn], view="always")
    return results_of(s, call)


def result_kind(rule: Rule, prim: Prim, exprs: Any, keywords: Any, pos: Pos | None) -> Kind:
    """The kind of the result: of an elementwise function that of its arguments, broadcast; else by trying it."""
    kinds = [kind_of(e) for e in (*exprs, *(value for _, value in keywords))]
    numbers = [k for k in kinds if isinstance(k, (Scalar, Array))]
    tried = Prim(rule.example, prim.text) if rule.example is not None else prim
    if rule.form == "elementwise" and len(numbers) == len(kinds) and not keywords:
        try:
            return elementwise(tried.fn, numbers, prim.text)
        except KindError:
            return broadcast_kind(numbers)
    try:
        return by_dummies_apart(tried, exprs, keywords)
    except KindError as error:
        raise KindError(
            f"the kind of the result of {prim.text} is not known: it failed on small example arguments "
            f"({error.reason})",
            "Give it a cheap stand-in that returns an array of the same shape and dtype: `example=` of its rule.",
            pos,
        ) from None


# ---- names ---------------------------------------------------------------------------------------------------


def callee_text(s: Any, fn: Static) -> str:
    """How generated code names a callable: by its public dotted name if it comes from a library, else by a bare name
    that no variable has."""
    own = getattr(fn.value, "__name__", "")
    if own in HELPERS and HELPERS[own] is fn.value:
        return str(own)
    named: dict[int, str] = s.inputs.named
    if id(fn.value) in named:
        return named[id(fn.value)]
    text = public_name(fn.value) or fn.text or spelling_of(fn.value)
    if "." in text and all(part.isidentifier() for part in text.split(".")):
        head, inside = text.split(".")[0], sys.modules.get(text.rsplit(".", 1)[0])
        if inside is not None and getattr(inside, text.rsplit(".", 1)[1], None) is fn.value:
            if head in ("np", "math", "scipy") or head not in s.used:
                s.used.add(head)
                named[id(fn.value)] = text
                return text
    name = getattr(fn.value, "__name__", "")
    hints = (fn.text.rsplit(".", 1)[-1], name, "function")
    hint = next(h for h in hints if h.isidentifier() and h != "<lambda>")
    named[id(fn.value)] = s.fresh(hint)
    return named[id(fn.value)]
