"""Automatic differentiation of NumPy code by source transformation: gradients that are Python source.

`grad`, `value_and_grad` and `elementwise_grad` turn a function into its gradient, `vjp` gives a pullback, `jvp` and
`linearize` tangents; `jacobian`, `jacfwd`, `jacrev` and `hessian` give matrices, `hvp` and `gauss_newton_vp` products
with them. `emit` writes the gradient as a module that imports only NumPy. `rule` gives a callable derivatives of its
own, which `check_rule` tests; `numerical` has them taken by differences, `fixed_point` and `custom_root` by the
implicit function theorem, and `stop_gradient` holds a value constant. `primal` runs a function itself where its
arguments live. Errors are subclasses of `SrcgradError`.
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
    primal,
    sparse_hessian,
    sparse_jacobian,
    sparsity,
    value_and_grad,
    vjp,
)
from srcgrad.api.check_rule import check_rule
from srcgrad.api.checking import check_grads
from srcgrad.errors import SrcgradError
from srcgrad.hooks import adjoint
from srcgrad.marks import checkpoint, checkpointed
from srcgrad.rules.opaque import numerical
from srcgrad.rules.own import rule
from srcgrad.runtime import custom_root, fixed_point, stop_gradient

__all__ = [
    "GradientFunction", "SrcgradError", "adjoint", "check_grads", "check_rule", "checkpoint", "checkpointed",
    "custom_root", "elementwise_grad", "emit", "fixed_point", "gauss_newton_vp", "grad", "hessian", "hvp", "jacfwd",
    "jacobian", "jacrev", "jvp", "linearize", "numerical", "primal", "rule", "sparse_hessian", "sparse_jacobian",
    "sparsity", "stop_gradient", "value_and_grad", "vjp",
]  # fmt: skip
__version__ = "0.1.0"
