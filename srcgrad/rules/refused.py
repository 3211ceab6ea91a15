"""Public functions that are not differentiated, and why: what compile-time refusals and docs/coverage.md say of them.

A function that gets a rule leaves this table; the tests name those that are in both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

__all__ = ["PARTS", "REFUSED", "Reason", "find", "reason_of"]


@dataclass(frozen=True)
class Reason:
    """Why functions are refused.

    title: as a heading of a list of functions. message: what a refusal says, {} standing for the function's name; ""
    where there is nothing to say but that there is no rule. remedy: what to do about it.
    """

    title: str
    message: str = ""
    remedy: str = ""


NOT_YET = Reason("no rule yet")
COMPLEX = Reason(
    "complex numbers",
    "{} computes with complex numbers; it has no rule yet.",
    "Write it in real numbers, or give it a derivative with `srcgrad.rule`.",
)
WRITES = Reason(
    "writes into its arguments",
    "{} writes into its arguments in a way that srcgrad does not differentiate.",
    "Write the same with an assignment such as `x[index] = value`.",
)
CUPYS = Reason(
    "CuPy's own",
    "{} is CuPy's own: derivatives are made of NumPy's functions, for the arrays of either library.",
    "Write it with `np.`: called with CuPy's arrays, it runs where they are.",
)
CALLS_BACK = Reason(
    "calls a function that it is given",
    "{} calls a function that it is given, which srcgrad does not follow there.",
    "Write the loop, or call the function on whole arrays.",
)
TESTS = Reason(
    "tests, with p-values",
    "{} is a test of a hypothesis: its p-value has no derivative rule, and its statistic comes with it.",
    "Write the statistic with functions of NumPy: np.corrcoef, np.mean, np.var, np.linalg.lstsq.",
)
RANKS = Reason(
    "counts, ranks and cuts",
    "{} counts, ranks or cuts off elements, which changes in steps.",
    "Write what is smooth in it with np.sort, np.quantile, np.mean and indexing.",
)
SEARCHES = Reason(
    "searches for parameters",
    "{} searches for parameters.",
    "Minimise the function with the gradient of srcgrad, or use `srcgrad.custom_root`.",
)
NO_FLOATS = Reason(
    "makes no floats",
    "{} makes no floats, so there is nothing to differentiate.",
    "Call it outside of the function.",
)
INPUT_OUTPUT = Reason(
    "input and output",
    "{} reads or writes what is outside of the program.",
    "Call it outside of the function, and pass what it gives.",
)
SETTINGS = Reason(
    "changes or shows settings of the library",
    "{} changes or shows settings of the library.",
    "Call it outside of the function.",
)
MEMORY = Reason(
    "looks at memory as something else",
    "{} looks at memory as something else, which has no derivative.",
    "Make the array outside of the function.",
)
DEPRECATED = Reason(
    "deprecated, or a class that NumPy advises against",
    "{} is not recommended by its own documentation any more, and has no derivative rule.",
    "Use what that documentation names instead.",
)
OBJECTS = Reason(
    "makes an object that is not an array",
    "{} makes an object that srcgrad does not differentiate.",
    "Use arrays and functions of NumPy.",
)
DESIGN = Reason(
    "designs a filter or a window",
    "{} designs a filter or a window, and has no derivative in its parameters.",
    "Call it with numbers that carry no derivative: it may stand inside of the function then.",
)
ITERATES = Reason(
    "solves a system by iteration",
    "{} solves a system by iteration, and has no derivative rule.",
    "Use scipy.sparse.linalg.spsolve, or srcgrad.custom_root around it.",
)
RANDOM = Reason(
    "draws random numbers", "{} draws random numbers.", "Draw them outside of the function, and pass them."
)

NOT_UNIQUE = Reason(
    "gives a basis that is not unique",
    "{} gives a basis that is not unique, which has no derivative.",
    "Write what you need of the space in another way: with `eigh`, `svd` or the projection `A @ pinv(A)`.",
)
BANDED = Reason(
    "no rule for factors of banded matrices",
    "{} has no derivative rule.",
    "Use `scipy.linalg.solveh_banded`, or `scipy.linalg.cholesky` of the whole matrix.",
)
AT_BOUNDS = Reason(
    "the solution is held by constraints",
    "The solution that {} finds is held by constraints or bounds, and its derivative is not known.",
    "Differentiate the objective at the solution with the envelope theorem, or write a penalty and use `minimize`.",
)
OTHER_RESULT = Reason(
    "returns more than the solution",
    "{} returns more than the solution, and is not differentiated.",
    "Use `minimize`, `root` or `least_squares` of scipy.optimize, which do the same.",
)
DIFFERENCES = Reason(
    "takes differences, or is a part of an optimiser",
    "{} takes differences, or is a part of an optimiser.",
    "Take derivatives with `srcgrad.grad`, or call it outside of the function.",
)
INTEGRATORS = Reason(
    "another form of quad and solve_ivp",
    "{} is not differentiated.",
    "Use `quad`, `dblquad`, `quad_vec`, `solve_ivp` or `odeint` of scipy.integrate.",
)
FITPACK = Reason(
    "splines whose knots are chosen by the data, or of FITPACK",
    "{} makes a spline by FITPACK or with knots that the data chooses, which is not differentiated.",
    "Use CubicSpline, make_interp_spline or BSpline of scipy.interpolate, which are.",
)
SCATTERED = Reason(
    "interpolates scattered data",
    "{} interpolates scattered data, which is not differentiated.",
    "Use RegularGridInterpolator on a grid, or write the sum over basis functions.",
)
POLYNOMIALS = Reason(
    "makes a polynomial or rational function as an object",
    "{} makes an object that is not differentiated.",
    "Use BarycentricInterpolator, or make it outside of the function.",
)

_TABLE: dict[str, dict[Reason, str]] = {
    "numpy": {
        NOT_YET: "histogramdd float16 longdouble",
        COMPLEX: "sort_complex clongdouble",
        CALLS_BACK: "nditer nested_iters",
        INPUT_OUTPUT: """
            fromfile fromregex genfromtxt load loadtxt memmap save savetxt savez savez_compressed info show_config
            show_runtime test""",
        SETTINGS: "printoptions set_printoptions setbufsize seterr seterrcall",
        MEMORY: "from_dlpack frombuffer fromstring",
        DEPRECATED: "asmatrix bmat matrix row_stack poly1d",
        OBJECTS: """frompyfunc broadcast busdaycalendar flatiter recarray record void ufunc datetime64 timedelta64 str_
            bytes_ object_""",
        NO_FLOATS: """
            mintypecode longlong uint16 uint32 uint64 ulonglong uintp
            generic number inexact floating complexfloating integer signedinteger unsignedinteger flexible character""",
    },
    "numpy.linalg": {
        INPUT_OUTPUT: "test",
    },
    "numpy.fft": {
        INPUT_OUTPUT: "test",
    },
    "scipy.special": {
        COMPLEX: """hankel1 hankel1e hankel2 hankel2e wofz lambertw sph_harm_y sph_harm_y_all kelvin h1vp h2vp
            modfresnelm modfresnelp""",
        SETTINGS: "errstate geterr seterr",
    },
    "scipy.fft": {
        NOT_YET: "fht fhtoffset ifht",
        COMPLEX: "hfft2 hfftn ihfft2 ihfftn",
        SETTINGS: "get_workers set_workers register_backend set_backend set_global_backend skip_backend",
    },
    "scipy.linalg": {
        COMPLEX: "dft cdf2rdf rsf2csf",
        NOT_UNIQUE: "null_space orth schur qz ordqz cossin",
        BANDED: "cholesky_banded cho_solve_banded",
        NOT_YET: """expm_cond fiedler_companion hessenberg ldl matrix_balance qr_delete qr_insert qr_multiply qr_update
            subspace_angles""",
        NO_FLOATS: "find_best_blas_type get_blas_funcs get_lapack_funcs",
        CALLS_BACK: "funm",
        RANDOM: "clarkson_woodruff_transform",
    },
    "scipy.stats": {
        TESTS: """alexandergovern anderson anderson_ksamp ansari barnard_exact bartlett binomtest boschloo_exact
            brunnermunzel bws_test chatterjeexi chi2_contingency chisquare combine_pvalues cramervonmises
            cramervonmises_2samp dunnett epps_singleton_2samp f_oneway false_discovery_control fisher_exact fligner
            friedmanchisquare goodness_of_fit jarque_bera kendalltau kruskal ks_1samp ks_2samp kstest kurtosistest
            levene logrank mannwhitneyu median_test mood multiscale_graphcorr normaltest page_trend_test
            poisson_means_test power power_divergence quantile_test ranksums shapiro skewtest somersd spearmanr
            spearmanrho ttest_ind_from_stats tukey_hsd weightedtau wilcoxon
            pointbiserialr siegelslopes theilslopes""",
        RANKS: """binned_statistic binned_statistic_2d binned_statistic_dd cumfreq mode percentileofscore rankdata
            relfreq scoreatpercentile sigmaclip tiecorrect trim1 trimboth trim_mean""",
        SEARCHES: """boxcox_normmax boxcox_normplot expectile fit ppcc_max ppcc_plot probplot yeojohnson_normmax
            yeojohnson_normplot bayes_mvs mvsdist""",
        OBJECTS: """Binomial BootstrapMethod CensoredData Covariance Logistic Mixture MonteCarloMethod Normal
            PermutationMethod Uniform abs exp log make_distribution order_statistic truncate ecdf gaussian_kde
            rv_continuous rv_discrete rv_histogram sobol_indices describe""",
        RANDOM: "bootstrap monte_carlo_test permutation_test ortho_group special_ortho_group unitary_group "
        "uniform_direction random_correlation random_table",
    },
    "scipy.signal": {
        COMPLEX: """
            czt czt_points hilbert2 freqs freqs_zpk freqz_sos freqz_zpk sosfreqz stft istft zoom_fft
            spectrogram welch periodogram csd coherence resample envelope group_delay vectorstrength residue residuez
            invres invresz tf2zpk zpk2tf sos2zpk zpk2sos tf2sos unique_roots freqresp dfreqresp bode dbode
            minimum_phase ShortTimeFFT CZT ZoomFFT""",
        OBJECTS: """
            lti dlti StateSpace TransferFunction ZerosPolesGain lsim dlsim impulse dimpulse step dstep cont2discrete
            abcd_normalize""",
        DESIGN: """
            bessel besselap bilinear bilinear_zpk buttap butter buttord cheb1ap cheb1ord cheb2ap cheb2ord cheby1 cheby2
            ellip ellipap ellipord firls firwin firwin2 firwin_2d gammatone iircomb iirdesign iirfilter iirnotch
            iirpeak kaiser_atten kaiser_beta kaiserord lp2bp lp2bp_zpk lp2bs lp2bs_zpk lp2hp lp2hp_zpk lp2lp lp2lp_zpk
            remez savgol_coeffs findfreqs band_stop_obj closest_STFT_dual_window place_poles get_window""",
    },
    "scipy.signal.windows": {
        DESIGN: "get_window dpss taylor tukey chebwin kaiser_bessel_derived",
    },
    "scipy.ndimage": {
        COMPLEX: "fourier_ellipsoid fourier_gaussian fourier_shift fourier_uniform",
        CALLS_BACK: """
            generic_filter generic_filter1d generic_gradient_magnitude generic_laplace geometric_transform
            labeled_comprehension vectorized_filter""",
    },
    "scipy.spatial": {
        OBJECTS: "KDTree cKDTree ConvexHull Delaunay HalfspaceIntersection SphericalVoronoi Voronoi Rectangle",
        INPUT_OUTPUT: "convex_hull_plot_2d delaunay_plot_2d voronoi_plot_2d",
    },
    "scipy.spatial.transform": {OBJECTS: "Rotation RigidTransform RotationSpline Slerp"},
    "scipy.integrate": {
        INTEGRATORS: "BDF DOP853 DenseOutput LSODA OdeSolution OdeSolver RK23 RK45 Radau complex_ode cubature "
        "lebedev_rule newton_cotes nquad nsum ode qmc_quad solve_bvp tanhsinh tplquad",
    },
    "scipy.interpolate": {
        FITPACK: """BivariateSpline InterpolatedUnivariateSpline LSQBivariateSpline LSQSphereBivariateSpline
            LSQUnivariateSpline RectBivariateSpline RectSphereBivariateSpline SmoothBivariateSpline
            SmoothSphereBivariateSpline UnivariateSpline bisplev bisplrep generate_knots insert make_lsq_spline
            make_smoothing_spline make_splprep make_splrep spalde splantider splder splev splint splprep splrep
            sproot""",
        SCATTERED: """CloughTocher2DInterpolator LinearNDInterpolator NearestNDInterpolator RBFInterpolator Rbf griddata
            NdBSpline NdPPoly interp2d""",
        POLYNOMIALS: "AAA BPoly FloaterHormannInterpolator PPoly approximate_taylor_polynomial lagrange pade",
    },
    "scipy.optimize": {
        INPUT_OUTPUT: "show_options linprog_verbose_callback",
        AT_BOUNDS: """basinhopping brute differential_evolution direct dual_annealing isotonic_regression linprog
            lsq_linear milp nnls quadratic_assignment shgo""",
        OTHER_RESULT: """anderson broyden1 broyden2 diagbroyden excitingmixing fmin_cobyla fmin_l_bfgs_b fmin_slsqp
            fmin_tnc leastsq linearmixing newton_krylov""",
        DIFFERENCES: "approx_fprime bracket check_grad rosen_hess rosen_hess_prod",
        OBJECTS: """BFGS Bounds BroydenFirst HessianUpdateStrategy InverseJacobian KrylovJacobian LbfgsInvHessProduct
            LinearConstraint NonlinearConstraint OptimizeResult RootResults SR1""",
    },
    "scipy.sparse": {
        NO_FLOATS: "issparse isspmatrix isspmatrix_bsr isspmatrix_coo isspmatrix_csc isspmatrix_csr isspmatrix_dia "
        "isspmatrix_dok isspmatrix_lil get_index_dtype safely_cast_index_arrays",
        INPUT_OUTPUT: "load_npz save_npz",
        RANDOM: "rand random random_array",
        OBJECTS: """
            bsr_array bsr_matrix dia_array dia_matrix dok_array dok_matrix lil_array lil_matrix sparray spmatrix""",
    },
    "scipy.sparse.linalg": {
        OBJECTS: "LinearOperator aslinearoperator LaplacianNd SuperLU",
        ITERATES: "cgs gcrotmk lsmr lsqr minres qmr tfqmr",
        SETTINGS: "use_solver",
    },
}

REFUSED: dict[str, Reason] = {
    f"{module}.{name}": reason for module, reasons in _TABLE.items() for reason, names in reasons.items()
    for name in names.split()
}  # fmt: skip
"""Why a function is refused, by its full name."""

METHODS: dict[Any, Reason] = {}
"""Why a method of a library's object is refused."""

PARTS: dict[str, str] = {
    **dict.fromkeys((f"scipy.sparse.linalg.{name}" for name in ("cg", "gmres", "bicg", "bicgstab", "lgmres")),
                    "by `b`, of a matrix that comes from outside"),
    "scipy.sparse.linalg.spsolve": "and by the elements of a matrix that is made inside of the function",
    "scipy.ndimage.center_of_mass": "of one object",
    "scipy.ndimage.rotate": "of images of two axes",
    "scipy.spatial.distance.minkowski": "p known when compiling",
    "numpy.linalg.svd": "singular values of a matrix",
    "numpy.linalg.slogdet": "of a matrix",
    "numpy.fill_diagonal": "of a matrix",
    "numpy.diagonal": "of a matrix",
    "numpy.einsum": "no subscript twice in one operand",
    "scipy.linalg.qr": "modes full, economic and r; q of a tall matrix in mode economic",
    "scipy.linalg.rq": "q of a wide matrix in mode economic",
    "scipy.linalg.eigh": "all eigenvalues; type 1",
    "scipy.linalg.lstsq": "the solution",
    "scipy.linalg.sqrtm": "where it is real",
    "scipy.linalg.logm": "where it is real",
    "scipy.linalg.fractional_matrix_power": "where it is real",
    "scipy.linalg.solve_continuous_are": "without e and s",
    "scipy.linalg.solve_discrete_are": "without e and s",
    "numpy.put": "of a vector or a matrix",
    "numpy.poly": "of zeros",
    "numpy.vectorize": "of a function alone",
}
"""What is differentiated of functions of which not everything is."""


def find(name: str) -> Any:
    """The object of a full name, None where there is none or its module has not been imported."""
    module, _, last = name.rpartition(".")
    return getattr(sys.modules.get(module), last, None)


def reason_of(fn: Callable[..., Any]) -> Reason | None:
    """Why a function is refused, None where the table does not say."""
    if isinstance(fn, MethodType) and fn in METHODS:
        return METHODS[fn]
    home = getattr(fn, "__module__", None) or type(fn).__module__
    if str(home).partition(".")[0] in ("cupy", "cupyx"):
        return CUPYS
    own = getattr(fn, "__name__", None)
    for name, reason in REFUSED.items():
        if (own is None or name.endswith(f".{own}")) and find(name) is fn:
            return reason
    return None
