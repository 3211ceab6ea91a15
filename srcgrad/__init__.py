"""Automatic differentiation of NumPy code by source transformation: gradients that are Python source.

`grad`, `value_and_grad` and `elementwise_grad` turn a function into its gradient, `vjp` gives a pullback, `jvp` and
`linearize` tangents; `jacobian`, `jacfwd`, `jacrev` and `hessian` give matrices, `hvp` and `gauss_newton_vp` products
with them. `emit` writes the gradient as a module that imports only NumPy. Errors are subclasses of `SrcgradError`.
"""

from srcgrad.api import (
    GradientFunction,
    elementwise_grad,
    emit,
    gauss_newton_vp,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    linearize,
    sparse_hessian,
    sparse_jacobian,
    sparsity,
    value_and_grad,
    vjp,
)
from srcgrad.api.checking import check_grads
from srcgrad.errors import SrcgradError
from srcgrad.hooks import adjoint
from srcgrad.marks import checkpoint, checkpointed

__all__ = [
    "GradientFunction", "SrcgradError", "adjoint", "check_grads", "checkpoint", "checkpointed", "elementwise_grad",
    "emit", "gauss_newton_vp", "grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "linearize",
    "sparse_hessian", "sparse_jacobian", "sparsity", "value_and_grad", "vjp",
]  # fmt: skip
__version__ = "0.1.0"
