"""The derivative that a wish asks for: reverse mode or forward mode."""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.errors import SrcgradError
from srcgrad.ir.nodes import Expr, Stmt
from srcgrad.specialize.inputs import Inputs
from srcgrad.specialize.knowledge import Learned
from srcgrad.specialize.pins import wanted_at
from srcgrad.specialize.program import Program
from srcgrad.specialize.values import leaves
from srcgrad.transform.entry import Specialised
from srcgrad.transform.gradient import Gradient, differentiate
from srcgrad.transform.results import Wish
from srcgrad.transform.tangent import ALGEBRAS, push_forward


def generate(specialised: Specialised, wish: Wish) -> Gradient:
    """The derivative of a function. See gradient.differentiate for the arguments.

    Where a rule refuses what depends on whole numbers from outside, it is tried once more with these as constants.
    """
    pinned: set[object] = set()
    unrolled: set[object] = set()
    latest: list[tuple[Sequence[Stmt], list[Expr], Inputs]] = []  # as it is before a transform changes it

    def with_pins(learned: Learned) -> Program:
        latest.clear()
        learned.pinned, learned.unrolled = pinned, unrolled
        program = specialised(learned)
        latest.append((program.body, [leaf.expr for _, leaf in leaves(program.result)], program.inputs))
        return program

    while True:
        try:
            return (push_forward if wish.mode in ALGEBRAS else differentiate)(with_pins, wish)
        except SrcgradError as error:
            if not latest:
                raise
            numbers, loops = wanted_at(error.pos, *latest[0])
            if numbers <= pinned and loops <= unrolled:
                raise
            pinned |= numbers
            unrolled |= loops
