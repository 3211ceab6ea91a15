"""The few functions that generated code may call."""

from srcgrad.runtime.adjoints import add_at, grid, products_of_others, split_like, undiagonal, untile
from srcgrad.runtime.differences import numerical_jvp, numerical_vjp, stop_gradient
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
    from_lower,
    log_abs_det,
    sign_of_det,
    singular_values_adjoint,
    singular_values_tangent,
    to_lower,
)
from srcgrad.runtime.numerical import (
    add_along,
    convolve_adjoint,
    correlate_adjoint,
    correlate_adjoint_right,
    correlation_in_full,
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
from srcgrad.runtime.statistics import (
    axes_at_end,
    axes_put_back,
    bins_of,
    corrcoef_adjoint,
    corrcoef_tangent,
    first_places,
    gradient_adjoint,
    histogram_adjoint,
    histogram_of_weights,
    places_of,
    quantile_adjoint,
    quantile_parts,
    quantile_tangent,
    record_places,
    standardized,
)

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
        axes_at_end, axes_put_back, bins_of, corrcoef_adjoint, corrcoef_tangent, first_places, gradient_adjoint,
        histogram_adjoint, histogram_of_weights, places_of, quantile_adjoint, quantile_parts, quantile_tangent,
        record_places, standardized, correlate_adjoint, correlate_adjoint_right, correlation_in_full,
        contents_of, put_back, Snapshots,
        numerical_jvp, numerical_vjp, stop_gradient,
        custom_root, fixed_point, fixed_point_adjoint, fixed_point_tangent, root_adjoint, root_tangent,
        solution_in_form, solve_linear,
        accumulated_sets, joined_sets, no_sets, product_sets, spread_sets, union_of,
    )
}  # fmt: skip
"""The helpers by the names that generated code calls them by."""
