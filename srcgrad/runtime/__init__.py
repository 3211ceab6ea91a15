"""The few functions that generated code may call."""

from srcgrad.runtime.adjoints import (
    add_at,
    add_windows,
    grid,
    products_of_others,
    split_like,
    undiagonal,
    undiagonals,
    unpad,
    untile,
)
from srcgrad.runtime.differences import numerical_jvp, numerical_vjp, stop_gradient
from srcgrad.runtime.factors import (
    check_thin,
    qr_adjoint,
    qr_q,
    qr_q_adjoint,
    qr_q_tangent,
    qr_r,
    qr_r_adjoint,
    qr_r_tangent,
    qr_rotation,
    svd_s,
    svd_s_adjoint,
    svd_s_tangent,
    svd_u,
    svd_u_adjoint,
    svd_u_tangent,
    svd_vt,
    svd_vt_adjoint,
    svd_vt_tangent,
)
from srcgrad.runtime.helpers import (
    add_to,
    check_finite,
    check_view,
    contents_of,
    copy_of,
    put_back,
    reshape_like,
    scalar_adjoint,
    unbroadcast,
    winners,
    with_attributes,
    with_items,
    zero_directions,
    zeros_like,
)
from srcgrad.runtime.implicit import (
    custom_root,
    fixed_point,
    fixed_point_adjoint,
    fixed_point_tangent,
    root_adjoint,
    root_tangent,
    solution_in_form,
    solve_linear,
)
from srcgrad.runtime.matrices import (
    cholesky_adjoint,
    cholesky_tangent,
    eigenvalues_adjoint,
    eigenvalues_tangent,
    eigenvectors,
    eigenvectors_adjoint,
    eigenvectors_tangent,
    flip,
    from_lower,
    gaps_between,
    inverse_of,
    least_squares,
    log_abs_det,
    matrix_power_derivative,
    sign_of_det,
    singular_values_adjoint,
    singular_values_tangent,
    to_lower,
)
from srcgrad.runtime.numerical import (
    add_along,
    convolve_adjoint,
    cumprod_adjoint,
    cumprod_tangent,
    interp_adjoint,
    interp_slope,
    median_weights,
    trapezoid_weights,
    vander_adjoint,
    vander_tangent,
)
from srcgrad.runtime.schedule import Snapshots
from srcgrad.runtime.sets import accumulated_sets, joined_sets, no_sets, product_sets, spread_sets, union_of

HELPERS = {
    function.__name__: function
    for function in (
        add_to, check_finite, check_view, copy_of, reshape_like, scalar_adjoint, unbroadcast, winners,
        with_attributes, with_items, zero_directions, zeros_like,
        add_at, grid, products_of_others, split_like, undiagonal, untile,
        cholesky_adjoint, cholesky_tangent, eigenvalues_adjoint, eigenvalues_tangent, eigenvectors,
        eigenvectors_adjoint, eigenvectors_tangent, from_lower, log_abs_det, sign_of_det, singular_values_adjoint,
        singular_values_tangent, to_lower,
        add_along, convolve_adjoint, cumprod_adjoint, cumprod_tangent, interp_adjoint, interp_slope, median_weights,
        trapezoid_weights, vander_adjoint, vander_tangent,
        flip, gaps_between, inverse_of, least_squares, matrix_power_derivative, undiagonals, add_windows, unpad,
        check_thin, qr_adjoint, qr_q, qr_q_adjoint, qr_q_tangent, qr_r, qr_r_adjoint, qr_r_tangent,
        qr_rotation, svd_s, svd_s_adjoint, svd_s_tangent, svd_u, svd_u_adjoint, svd_u_tangent, svd_vt,
        svd_vt_adjoint, svd_vt_tangent,
        contents_of, put_back, Snapshots,
        numerical_jvp, numerical_vjp, stop_gradient,
        custom_root, fixed_point, fixed_point_adjoint, fixed_point_tangent, root_adjoint, root_tangent,
        solution_in_form, solve_linear,
        accumulated_sets, joined_sets, no_sets, product_sets, spread_sets, union_of,
    )
}  # fmt: skip
"""The helpers by the names that generated code calls them by."""
