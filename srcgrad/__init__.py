"""Automatic differentiation of NumPy code by source transformation: gradients that are Python source.

`grad`, `value_and_grad` and `elementwise_grad` turn a function into its gradient, `vjp` gives a pullback, `emit` writes
the gradient as a module that imports only NumPy. Errors are subclasses of `SrcgradError`.
"""

from srcgrad.api import GradientFunction, elementwise_grad, emit, grad, jvp, linearize, value_and_grad, vjp
from srcgrad.api.checking import check_grads
from srcgrad.errors import SrcgradError

__all__ = [
    "GradientFunction", "SrcgradError", "elementwise_grad", "emit", "grad", "jvp", "linearize", "value_and_grad",
    "check_grads", "vjp",
]  # fmt: skip
__version__ = "0.1.0"
