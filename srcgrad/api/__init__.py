"""The public functions."""

from srcgrad.api import inside as inside  # registers what they are inside of differentiated functions
from srcgrad.api.emit import emit
from srcgrad.api.forward import jvp, linearize
from srcgrad.api.gradient import GradientFunction, elementwise_grad, grad, value_and_grad
from srcgrad.api.hessians import gauss_newton_vp, hvp
from srcgrad.api.matrices import hessian, jacfwd, jacobian, jacrev
from srcgrad.api.patterns import sparsity
from srcgrad.api.primals import primal
from srcgrad.api.pullback import vjp
from srcgrad.api.sparse import sparse_hessian, sparse_jacobian

__all__ = [
    "GradientFunction", "elementwise_grad", "emit", "gauss_newton_vp", "grad", "hessian", "hvp", "jacfwd", "jacobian",
    "jacrev", "jvp", "linearize", "primal", "sparse_hessian", "sparse_jacobian", "sparsity", "value_and_grad", "vjp",
]  # fmt: skip
