"""Public functions that are not differentiated, and why: what compile-time refusals and docs/coverage.md say of them.

A function that gets a rule leaves this table; the tests name those that are in both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
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
    "{} computes with complex numbers, which are not differentiated.",
    "Write it in real numbers, or give it a derivative with `srcgrad.rule`.",
)
WRITES = Reason(
    "writes into its arguments",
    "{} writes into its arguments in a way that srcgrad does not differentiate.",
    "Write the same with an assignment such as `x[index] = value`.",
)
CALLS_BACK = Reason(
    "calls a function that it is given",
    "{} calls a function that it is given, which srcgrad does not follow there.",
    "Write the loop, or call the function on whole arrays.",
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

_TABLE: dict[str, dict[Reason, str]] = {
    "numpy": {
        NOT_YET: """
            angle asarray_chkfinite frexp geomspace histogram2d histogram_bin_edges histogramdd i0 intersect1d kaiser
            logspace nextafter poly polyadd polydiv polyfit polyint polymul polysub real_if_close roots setdiff1d
            setxor1d union1d unique_all unique_counts unique_inverse unique_values unwrap float16 longdouble""",
        COMPLEX: "sort_complex complex64 complex128 clongdouble",
        WRITES: "place put",
        CALLS_BACK: "apply_over_axes frompyfunc fromfunction fromiter nditer nested_iters vectorize",
        INPUT_OUTPUT: """
            fromfile fromregex genfromtxt load loadtxt memmap save savetxt savez savez_compressed info show_config
            show_runtime test""",
        SETTINGS: "printoptions set_printoptions setbufsize seterr seterrcall",
        MEMORY: "from_dlpack frombuffer fromstring ndarray",
        DEPRECATED: "asmatrix bmat matrix row_stack poly1d",
        OBJECTS: """broadcast busdaycalendar flatiter recarray record void ufunc datetime64 timedelta64 str_
            bytes_ object_""",
        NO_FLOATS: """
            mintypecode longlong uint16 uint32 uint64 ulonglong uintp
            generic number inexact floating complexfloating integer signedinteger unsignedinteger flexible character""",
    },
    "numpy.linalg": {
        COMPLEX: "eig eigvals",
        INPUT_OUTPUT: "test",
    },
    "numpy.fft": {
        NOT_YET: "fftfreq fftshift ifftshift rfftfreq",
        COMPLEX: "fft fft2 fftn hfft ifft ifft2 ifftn ihfft irfft irfft2 irfftn rfft rfft2 rfftn",
        INPUT_OUTPUT: "test",
    },
    "numpy.lib.stride_tricks": {MEMORY: "as_strided"},
    "scipy.special": {
        COMPLEX: """hankel1 hankel1e hankel2 hankel2e wofz lambertw sph_harm_y sph_harm_y_all kelvin h1vp h2vp
            modfresnelm modfresnelp""",
        SETTINGS: "errstate geterr seterr",
    },
    "scipy.linalg": {
        COMPLEX: "eig eigvals dft cdf2rdf rsf2csf",
        NOT_UNIQUE: "null_space orth schur qz ordqz cossin",
        BANDED: "cholesky_banded cho_solve_banded",
        NOT_YET: """expm_cond fiedler_companion hessenberg ldl matrix_balance qr_delete qr_insert qr_multiply qr_update
            subspace_angles""",
        NO_FLOATS: "find_best_blas_type get_blas_funcs get_lapack_funcs",
        CALLS_BACK: "funm",
        RANDOM: "clarkson_woodruff_transform",
    },
    "scipy.stats": {
        RANDOM: "bootstrap monte_carlo_test permutation_test ortho_group special_ortho_group unitary_group "
        "uniform_direction random_correlation random_table",
    },
    "scipy.signal": {
        COMPLEX: "czt czt_points hilbert hilbert2 freqs freqs_zpk freqz freqz_sos freqz_zpk sosfreqz stft istft "
        "zoom_fft",
        NO_FLOATS: "argrelextrema argrelmax argrelmin check_COLA check_NOLA choose_conv_method correlation_lags "
        "find_peaks_cwt max_len_seq",
    },
    "scipy.optimize": {INPUT_OUTPUT: "show_options linprog_verbose_callback"},
    "scipy.sparse": {
        NO_FLOATS: "issparse isspmatrix isspmatrix_bsr isspmatrix_coo isspmatrix_csc isspmatrix_csr isspmatrix_dia "
        "isspmatrix_dok isspmatrix_lil get_index_dtype safely_cast_index_arrays",
        INPUT_OUTPUT: "load_npz save_npz",
        RANDOM: "rand random random_array",
    },
}

REFUSED: dict[str, Reason] = {
    f"{module}.{name}": reason for module, reasons in _TABLE.items() for reason, names in reasons.items()
    for name in names.split()
}  # fmt: skip
"""Why a function is refused, by its full name."""

PARTS: dict[str, str] = {
    "numpy.linalg.svd": "singular values of a matrix",
    "numpy.linalg.eigh": "of a matrix",
    "numpy.linalg.slogdet": "of a matrix",
    "numpy.putmask": "a value without axes",
    "numpy.fill_diagonal": "of a matrix",
    "numpy.pad": "mode constant",
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
}
"""What is differentiated of functions of which not everything is."""


def find(name: str) -> Any:
    """The object of a full name, None where there is none or its module has not been imported."""
    module, _, last = name.rpartition(".")
    return getattr(sys.modules.get(module), last, None)


def reason_of(fn: Callable[..., Any]) -> Reason | None:
    """Why a function is refused, None where the table does not say."""
    own = getattr(fn, "__name__", None)
    for name, reason in REFUSED.items():
        if (own is None or name.endswith(f".{own}")) and find(name) is fn:
            return reason
    return None
