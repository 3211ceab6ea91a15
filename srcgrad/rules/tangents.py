"""Stub."""
from __future__ import annotations

import dataclasses
from typing import Any

from srcgrad.errors import NoRuleError
from srcgrad.ir.kinds import rank
from srcgrad.ir.nodes import Call, Op
from srcgrad.rules.build import Sym, lift, xp
from srcgrad.rules.contributions import _call, applied
from srcgrad.rules.registry import Rule, as_prim


def tangent(rule: Rule, call: Call | Op, tangents: dict[str, Any], args: dict[str, Any], out: Sym, masked: bool = False, out_ready: bool = False) -> Sym:
    bound = rule.bind(call)
    syms = {n: args.get(n, Sym(v) if not isinstance(v, list) else v) for n, v in bound.items()}
    total = None
    for n, t in tangents.items():
        if rule.form == "elementwise":
            b = rule.via_out.get(n, rule.builders[n]) if out_ready else rule.builders[n]
            part = applied(t, _call(b, None, out, syms))
            if rank(part.kind) != rank(call.kind):
                part = part + xp.zeros_like(out)
        elif n in rule.linear:
            new = {**syms, n: t}
            if isinstance(call, Op):
                e = dataclasses.replace(call, args=tuple(lift(new[p]) for p in rule.params[:len(call.args)]))
            else:
                names = list(rule.params)
                e = dataclasses.replace(call, args=tuple(lift(new[names[i]]) for i in range(len(call.args))), kwargs=tuple((k, lift(new.get(k, Sym(v)))) for k, v in call.kwargs))
            part = Sym(e)
        else:
            raise NoRuleError(f"The derivative of {as_prim(call).text} in forward mode is not known.", pos=call.pos)
        total = part if total is None else total + part
    return total
