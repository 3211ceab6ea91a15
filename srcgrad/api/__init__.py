"""The public functions."""

from srcgrad.api.emit import emit
from srcgrad.api.forward import jvp, linearize
from srcgrad.api.gradient import GradientFunction, elementwise_grad, grad, value_and_grad
from srcgrad.api.pullback import vjp

__all__ = ["GradientFunction", "elementwise_grad", "emit", "grad", "jvp", "linearize", "value_and_grad", "vjp"]
