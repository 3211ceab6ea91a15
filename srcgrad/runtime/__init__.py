"""The few functions that generated code may call."""

from srcgrad.runtime.adjoints import add_at, grid, products_of_others, split_like, undiagonal, untile
from srcgrad.runtime.differences import numerical_jvp, numerical_vjp, stop_gradient
from srcgrad.runtime.helpers import (
    add_to,
    check_view,
    copy_of,
    reshape_like,
    scalar_adjoint,
    unbroadcast,
    winners,
    with_attributes,
    with_items,
    zeros_like,
)
from srcgrad.runtime.implicit import (
    custom_root,
    fixed_point,
    fixed_point_adjoint,
    root_adjoint,
    solution_in_form,
    solve_linear,
)
from srcgrad.runtime.matrices import (
    cholesky_adjoint,
    eigenvalues_adjoint,
    eigenvectors,
    eigenvectors_adjoint,
    log_abs_det,
    sign_of_det,
    singular_values_adjoint,
    to_lower,
)
from srcgrad.runtime.numerical import (
    add_along,
    convolve_adjoint,
    cumprod_adjoint,
    interp_adjoint,
    interp_slope,
    median_weights,
    trapezoid_weights,
    vander_adjoint,
)

HELPERS = {
    function.__name__: function
    for function in (
        add_to, check_view, copy_of, reshape_like, scalar_adjoint, unbroadcast, winners, with_attributes, with_items,
        zeros_like,
        add_at, grid, products_of_others, split_like, undiagonal, untile,
        cholesky_adjoint, eigenvalues_adjoint, eigenvectors, eigenvectors_adjoint, log_abs_det, sign_of_det,
        singular_values_adjoint, to_lower,
        add_along, convolve_adjoint, cumprod_adjoint, interp_adjoint, interp_slope, median_weights, trapezoid_weights,
        vander_adjoint,
        numerical_jvp, numerical_vjp, stop_gradient,
        custom_root, fixed_point, fixed_point_adjoint, root_adjoint, solution_in_form, solve_linear,
    )
}  # fmt: skip
"""The helpers by the names that generated code calls them by."""

__all__ = [
    "HELPERS", "add_along", "add_at", "add_to", "check_view", "cholesky_adjoint", "convolve_adjoint", "copy_of",
    "cumprod_adjoint", "custom_root", "eigenvalues_adjoint", "eigenvectors", "eigenvectors_adjoint", "fixed_point",
    "fixed_point_adjoint", "grid", "interp_adjoint", "interp_slope", "log_abs_det", "median_weights", "numerical_jvp",
    "numerical_vjp", "products_of_others", "reshape_like", "root_adjoint", "scalar_adjoint", "sign_of_det",
    "singular_values_adjoint", "solution_in_form", "solve_linear", "split_like", "stop_gradient", "to_lower",
    "trapezoid_weights", "unbroadcast", "undiagonal", "untile", "vander_adjoint", "winners", "with_attributes",
    "with_items", "zeros_like",
]  # fmt: skip
