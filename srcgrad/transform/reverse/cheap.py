"""Which values are as well computed again as remembered. Nothing here looks at what is written in between."""

from __future__ import annotations

import numpy as np

from srcgrad.analysis.aliases import basic
from srcgrad.ir.kinds import Scalar
from srcgrad.ir.nodes import Call, Const, Expr, Load, Name, Op, Pack, Slice
from srcgrad.ir.walk import children


def cheap_again(expr: Expr) -> bool:
    """Names, constants, indexing, and arithmetic on ints: nothing that costs more than reading a tape."""
    if isinstance(expr, (Name, Const)):
        return True
    if isinstance(expr, Load):
        return basic(expr.index) and all(cheap_again(child) for child in children(expr))
    if isinstance(expr, Slice) or (isinstance(expr, Pack) and expr.type == "tuple"):
        return all(cheap_again(child) for child in children(expr))
    if isinstance(expr, Op):
        return isinstance(expr.kind, Scalar) and expr.op in "+-*//%neg" and all(
            isinstance(arg.kind, Scalar) and not isinstance(arg, Op) and cheap_again(arg) for arg in expr.args
        )
    if isinstance(expr, Call):
        return expr.prim.fn in (np.shape, len) or (expr.prim.fn is np.transpose and len(expr.args) == 1)
    return False
