"""Automatic differentiation of NumPy code by source transformation: gradients that are Python source.

`grad`, `value_and_grad` and `elementwise_grad` turn a function into its gradient, `vjp` gives a pullback, `emit` writes
the gradient as a module that imports only NumPy. `checkpointed` and `checkpoint` mark loops and functions that are run
again in the reverse sweep instead of being recorded. Errors are subclasses of `SrcgradError`.
"""

from srcgrad.api import GradientFunction, elementwise_grad, emit, grad, value_and_grad, vjp
from srcgrad.errors import SrcgradError
from srcgrad.marks import checkpoint, checkpointed

__all__ = [
    "GradientFunction", "SrcgradError", "checkpoint", "checkpointed", "elementwise_grad", "emit", "grad",
    "value_and_grad", "vjp",
]  # fmt: skip
__version__ = "0.1.0"
