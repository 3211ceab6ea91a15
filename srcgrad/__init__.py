"""Automatic differentiation of NumPy code by source transformation: gradients that are Python source.

`grad`, `value_and_grad` and `elementwise_grad` turn a function into its gradient, `vjp` gives a pullback, `emit` writes
the gradient as a module that imports only NumPy, `adjoint` puts statements into the reverse sweep. Errors are
subclasses of `SrcgradError`.
"""

from srcgrad.api import GradientFunction, elementwise_grad, emit, grad, value_and_grad, vjp
from srcgrad.errors import SrcgradError
from srcgrad.hooks import adjoint

__all__ = [
    "GradientFunction", "SrcgradError", "adjoint", "elementwise_grad", "emit", "grad", "value_and_grad", "vjp",
]  # fmt: skip
__version__ = "0.1.0"
