"""`adjoint`: a block of the user's function that belongs to the reverse sweep.

In a differentiated function the block is compiled into the reverse sweep. Where Python itself runs the function, the
block must do nothing; but a `with` statement cannot skip its body, so `__enter__` lets the interpreter's tracing
raise an exception of its own before the body's first instruction, and `__exit__` swallows it. The trace functions
that were set, a debugger's for instance, are put back before the next statement.
"""

from __future__ import annotations

import sys
import types
from typing import Any


class _Skip(BaseException):
    """Leaves the block. No Exception, so that nothing else in the block's frame catches it."""


class adjoint:
    """`with srcgrad.adjoint(x) as d_x: ...` runs the block in the reverse sweep, with d_x the adjoint of x there.

    x: a local variable or parameter that is a float or an array of floats, or a part of an array, such as `x[i]`.
    d_x has the shape of x. What the block leaves in d_x, changed in place or assigned anew, takes the place of the
    adjoint from there on. The block may read the function's variables, whose values are those that they have at this
    place of the primal, call anything, and assign names of its own. Where no derivative flows through x, the block
    runs with zeros. Run undifferentiated, the block does nothing.

        with srcgrad.adjoint(h) as d_h:
            d_h = np.clip(d_h, -1, 1)
    """

    def __init__(self, value: Any) -> None:
        self._frame: types.FrameType | None = None

    def __enter__(self) -> Any:
        frame = sys._getframe(1)
        self._frame = frame
        self._before = sys.gettrace(), frame.f_trace, frame.f_trace_opcodes, frame.f_trace_lines

        def leave(frame: types.FrameType, event: str, arg: Any) -> Any:
            raise _Skip("srcgrad.adjoint stands in a `with` statement: `with srcgrad.adjoint(x) as d_x:`")

        frame.f_trace, frame.f_trace_opcodes = leave, True  # a body on the line of the `with` begins no line
        sys.settrace(lambda *_: None)  # calls on the way out of here are not traced
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: Any) -> bool:
        assert self._frame is not None
        frame, self._frame = self._frame, None
        tracer, frame.f_trace, frame.f_trace_opcodes, frame.f_trace_lines = self._before
        sys.settrace(tracer)
        return kind is _Skip
