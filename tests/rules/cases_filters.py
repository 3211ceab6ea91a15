"""Expressions at which the derivatives of filters and distances are held."""

import numpy as np

R = np.random.default_rng(5)
ARGUMENTS = {
    "X": R.standard_normal((5, 6)), "W": R.standard_normal((2, 3)), "V": R.standard_normal(9),
    "H": R.standard_normal(4), "L": R.standard_normal((2, 40)),
    "B": np.array([0.4, -0.2, 0.3]), "A": np.array([1.3, -0.6, 0.2]), "Z": R.standard_normal(2),
    "S": np.array([[0.4, -0.2, 0.3, 1.0, -0.6, 0.2], [1.0, 0.5, 0.1, 1.0, 0.3, -0.1]]),
}  # fmt: skip
"""An image and a small one, a signal and taps, two long signals; a filter, its state, and one in sections."""

_PAIRS = ("X, W", "W, X", "V, H", "H, V")
_SIGNALS = [
    *(f"signal.{fn}({pair}, '{mode}')" for fn in ("convolve", "correlate", "fftconvolve", "oaconvolve")
      for pair in _PAIRS for mode in ("full", "same", "valid")),
    *(f"signal.{fn}2d({pair}, '{mode}', '{edge}')" for fn in ("convolve", "correlate")
      for pair in _PAIRS[:2] for mode in ("full", "same", "valid") for edge in ("fill", "wrap", "symm")),
    "signal.fftconvolve(X, W[:1], axes=1)", "signal.fftconvolve(X, H[:, None], 'same', axes=0)",
    "signal.convolve(V, H)", "signal.convolve([1.0, 2.0, 1.0], V, 'same')", "signal.upfirdn([1, 2, 1], V, 2)",
    "signal.upfirdn(H, V)", "signal.upfirdn(H, V, 3, 2)", "signal.upfirdn(H, X, 2, 5, axis=0)",
    "signal.upfirdn(V, H, 4)", "signal.lfilter(B, A, V)", "signal.lfilter(B, A, X, axis=0)",
    "signal.lfilter(V, [1.0], H)", "signal.lfilter(B, [2.0], X)",
    "np.concatenate(signal.lfilter(B, A, V, zi=Z))", "np.concatenate(signal.lfilter(B, A, X.T, 0, X[:2, :5]))",
    "np.concatenate(signal.lfilter(B, [2.0], V[:1], zi=Z))", "signal.lfilter_zi(B, A)", "signal.lfilter_zi(B, [1.0])",
    *(f"signal.filtfilt(np.array([0.4, -0.2, 0.3]), np.array([1.3, -0.6, 0.2]), L{kw})"
      for kw in ("", ", padtype='even'", ", padtype='constant', padlen=4", ", padtype=None", ", padlen=0")),
    "signal.filtfilt([0.4, 0.2], [1.0], L.T, axis=0)",
    *(f"signal.sosfiltfilt([[0.4, -0.2, 0.3, 1.0, -0.6, 0.2], [1.0, 0.5, 0.0, 1.0, 0.3, 0.0]], L{kw})"
      for kw in ("", ", padtype='even'", ", padlen=7")),
    "signal.detrend(X)", "signal.detrend(V, type='constant')", "signal.detrend(L.T, axis=0, bp=[10, 20])",
    "signal.savgol_filter(V, 5, 2)", "signal.savgol_filter(X, 5, 3, deriv=1, delta=0.3, axis=0)",
    "signal.resample_poly(V, 3, 2)", "signal.resample_poly(X, 2, 4, axis=1)",
    "signal.decimate(L, 2)", "signal.decimate(V, 2, ftype='fir')", "signal.decimate(X, 3, 4, 'fir', 0, False)",
    "signal.decimate(V, 2, 3, zero_phase=False)", "signal.wiener(X)", "signal.wiener(X, (3, 1), 0.3)",
    "signal.sawtooth(V)", "signal.sawtooth(V, 0.3)", "signal.sawtooth(V, np.abs(V) / 9)",
    "signal.gausspulse(V, 2, 0.4)",
    "np.concatenate(signal.gausspulse(V, retquad=True, retenv=True, fc=3))",
    *(f"signal.chirp(np.abs(V), A[0], 2.0, B[0] + 3, method='{m}', phi=A[2])"
      for m in ("linear", "quadratic", "logarithmic", "hyperbolic")),
    "signal.chirp(V, 2, 1, 3, 'quadratic', vertex_zero=False)", "signal.sweep_poly(V, B, A[1])",
    "signal.windows.gaussian(7, A[0])", "signal.windows.gaussian(7, A[0], sym=False) * V[:7]",
    "signal.windows.general_gaussian(7, A[0], A[0])", "signal.windows.exponential(7, tau=A[0])",
    "signal.windows.general_cosine(6, B)", "signal.windows.general_hamming(6, A[0], False)",
    "signal.windows.kaiser(6, A[0])", "signal.windows.kaiser(6, A[0], sym=False)", "V * signal.square(V)",
    "V[signal.find_peaks(V)[0]]", "V[signal.argrelmax(V)[0]]", "V * signal.get_window('hann', 9)",
    "signal.resample_poly(V, 2, 3, window=np.array([0.1, 0.5, 0.3]))",
]  # fmt: skip
_MODES = ("reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-wrap", "grid-constant")
_LINEAR = (
    "gaussian_filter(X, 0.9", "gaussian_filter(X, (0.5, 0.8), (1, 0)", "gaussian_filter(X, 2.0, 2, truncate=1.5",
    "gaussian_filter1d(X, 0.7, 0, 1", "gaussian_filter1d(V, np.size(V) / 11", "gaussian_laplace(X, 0.6",
    "uniform_filter(X, 3", "uniform_filter(X, (2, 3)", "uniform_filter1d(X, 4, 0", "uniform_filter1d(V, 3, origin=1",
    "sobel(X", "sobel(X, 0", "prewitt(X", "laplace(X", "correlate1d(V, H", "correlate1d(X, B, 0", "convolve1d(X, B",
    "convolve1d(V, H, origin=-1", "correlate(X, W", "convolve(X, W", "convolve(X, W, origin=(0, 1)",
    "correlate(V, B", "convolve(V, [0.5, 0.2]", "gaussian_gradient_magnitude(X, 0.8",
)  # fmt: skip
_PICKS = (
    "maximum_filter(X, 3", "minimum_filter(X, (2, 3)", "median_filter(X, 3", "percentile_filter(X, 30, 3",
    "rank_filter(X, 1, 2", "maximum_filter1d(X, 3, 0", "minimum_filter1d(V, 4", "grey_dilation(X, 3",
    "grey_opening(X, (2, 2)", "grey_closing(X, footprint=np.eye(3)", "maximum_filter(V, 3, origin=1",
    "morphological_gradient(X, 3", "white_tophat(X, 3", "black_tophat(X, 2", "morphological_laplace(X, 2",
)  # fmt: skip
_LABELS = "(np.arange(30).reshape(5, 6) * 7 % 4)"
_IMAGES = [
    *(f"ndi.{call}, mode='{_MODES[j % 8]}')" for k, call in enumerate(_LINEAR)
      for j in (range(8) if k in (0, 12, 17) else (k, k + 3, k + 6))),
    *(f"ndi.{call}, mode='constant', cval=0.3)" for call in (_LINEAR + _PICKS)[::2]),
    *(f"ndi.{call}, mode='{_MODES[j % 8]}')" for k, call in enumerate(_PICKS)
      for j in (range(8) if k == 0 else (k, k + 5))),
    "signal.medfilt(X)", "signal.medfilt2d(X, [3, 1])", "signal.order_filter(X, np.eye(3), 1)",
    "ndi.gaussian_filter(X, 0.5, axes=(1,), radius=1, mode='nearest')", "ndi.laplace(X, axes=(0,), mode='mirror')",
    *(f"ndi.{fn}(X{rest})"
      for fn in ("sum_labels", "sum", "mean", "variance", "standard_deviation", "maximum", "minimum")
      for rest in ("", f", {_LABELS}", f", {_LABELS}, 2", f", {_LABELS}, [1, 3, 1]")),
    "np.array(ndi.center_of_mass(X))", f"ndi.center_of_mass(X, {_LABELS}, 2)[1]",
    *(f"ndi.spline_filter{rest}, mode='{mode}')" for rest in ("(X", "(X, 2", "1d(X, 5, 0", "1d(V[:2]")
      for mode in ("mirror", "reflect", "grid-wrap")),
]  # fmt: skip
_SPLINES = [
    *(f"ndi.map_coordinates(X, np.array([V, V[::-1] * 2]) + 1.3, order={k}, mode='{m}')" for k in (0, 1, 2, 3)
      for m in ("constant", "nearest", "mirror", "reflect", "wrap", "grid-wrap", "grid-constant")),
    "ndi.map_coordinates(X, np.array([V, V[::-1]]) + 1.3, order=5, mode='reflect')",
    "ndi.map_coordinates(V, [H * 2 + 1], cval=0.7, mode='grid-constant')",
    "ndi.map_coordinates(X, np.stack([W, W[::-1]]) + 2.2, prefilter=False)", "ndi.shift(X, A[0])",
    "ndi.shift(X, A[:2], mode='reflect')", "ndi.shift(V, 0.3, order=1, cval=2.0)", "ndi.zoom(X, 1.7)",
    "ndi.zoom(X, (2, 0.5), order=1, grid_mode=True, mode='grid-wrap')", "ndi.zoom(V, 2.5, mode='nearest')",
    "ndi.affine_transform(X, W[:, :2] + np.eye(2), B[:2], mode='mirror')", "ndi.affine_transform(X, A[:2], B[0])",
    "ndi.affine_transform(X, W / 3 + np.eye(2, 3), output_shape=(4, 4), order=2)",
    "ndi.rotate(X, A[0] * 10, reshape=False)", "ndi.rotate(X, 25.0, order=1)",
    "ndi.rotate(X, A[0] * 10, mode='nearest')",
]  # fmt: skip
_METRICS = ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "minkowski", "cosine", "correlation", "braycurtis",
            "canberra")  # fmt: skip
_DISTANCES = [
    *(f"dist.{m}(X[0], X[1]{w})" for m in _METRICS for w in ("", ", w=np.abs(X[2])")),
    *(f"dist.cdist(X, W @ X[:3], '{m}'{w})" for m in _METRICS for w in ("", ", w=np.abs(X[2])")),
    *(f"dist.pdist(X, '{m}')" for m in _METRICS), "dist.pdist(X, 'minkowski', p=3)", "dist.cdist(X, X)",
    "dist.cdist(X, X[:2], 'minkowski', p=3.0)", "dist.cdist(X, X[:2], 'mahalanobis', VI=X.T @ X)",
    "dist.mahalanobis(X[0], X[1], X.T @ X)", "dist.seuclidean(X[0], X[1], X[2] ** 2)",
    "dist.minkowski(X[0], X[1], 1.5)",
    "dist.pdist(X, 'seuclidean', V=X[0] ** 2)", "dist.pdist(X, 'mahalanobis', VI=X.T @ X)",
    "dist.correlation(X[0], X[1], centered=False)", "dist.jensenshannon(V ** 2, np.abs(V[::-1]))",
    "dist.jensenshannon(np.abs(X), X[::-1] ** 2, 2.0, axis=1)", "dist.squareform(V[:6])",
    "dist.squareform(X[:, :5], checks=False)", "dist.squareform(dist.pdist(X))", "X[0] * dist.hamming(X[0], X[1])",
]  # fmt: skip
_COO = "sparse.coo_array((V, (np.arange(9) % 4, np.arange(9) * 2 % 5)), shape=(4, 5))"
_SPARSE = [
    "CONST @ X", "CONST.T @ CONST @ X[:, 0]", "X.T @ CONST", "CONST.dot(X[0, 0] * X)", "X[:, 0] @ CONST",
    "sparse.linalg.spsolve(CONST, X[:, 1])", "sparse.linalg.spsolve(CONST.tocsc(), X)",
    *(f"sparse.linalg.{fn}(CONST{rest}, X[:, 1], rtol=1e-14)[0]"
      for fn, rest in [("gmres", ""), ("bicgstab", ""), ("cg", ".T @ CONST")]),
    "sparse.linalg.splu(CONST.tocsc()).solve(X[:, 1])", "sparse.linalg.expm_multiply(CONST, X)",
    *(f"{_COO}{rest}" for rest in (" @ X", ".T @ H", " @ X[:, 0]", ".toarray()", ".sum(axis=0)", ".sum()", ".sum(1)",
                                   ".multiply(X[0, :5]).toarray()", ".multiply(X[:4, :5]).toarray()")),
    f"X[:, :4] @ {_COO}", f"H @ (2.0 * {_COO} - {_COO}.multiply(X[0, 0]) / 3)", f"({_COO} + {_COO}).toarray()",
    "sparse.csr_matrix((V[:4], ([0, 1, 2, 1], [0, 1, 2, 2])), (3, 3)) @ B",
    "sparse.csc_array((V[:4], np.array([0, 1, 0, 2]), np.array([0, 1, 2, 4])), shape=(3, 3)) @ B",
    "sparse.csr_array(np.where(np.abs(X) > 0.5, X, 0.0)) @ X[0]", "sparse.diags(V) @ np.cos(V)",
    "sparse.diags([V, V[1:] ** 2, H[0] * V[2:]], [0, 1, -2]).toarray()",
    "(A[0] * CONST) @ X", "(CONST - A[1] * sparse.eye(5)) @ X",
    "(CONST + sparse.diags(X[:, 0])) @ X[:, 1]", "(CONST / A[0]).sum(axis=0)",
    "sparse.diags([-1.0, 2.0], [0, 1], (5, 5)) @ X",
    "(CONST - sparse.diags([-1.0, V[:5], 2.0], [-1, 0, 1], (5, 5))) @ X",
    "sparse.linalg.spsolve(sparse.diags_array(V[:5] ** 2, offsets=0) + CONST, X[:, 0])",
    *(f"sparse.linalg.{call}" for call in (
        "spsolve(sparse.diags([V[:6] ** 2 + 3, V[:5]], [0, 1]), X[0])",
        "spsolve(sparse.diags([V[:5] ** 2 + 3, V[:4]], [0, -1], format='csc'), X)",
        "splu(sparse.diags(V ** 2 + 1).tocsc()).solve(np.cos(V))",
        "factorized(sparse.csc_matrix((V[:5] ** 2 + 1, (np.arange(5), np.arange(5))), (5, 5)))(X[:, 2])")),
]  # fmt: skip
CASES = [*_SPARSE, *_SIGNALS, *_IMAGES, *_SPLINES, *_DISTANCES]
_SOS = "np.hstack([S[:, :3], np.ones((2, 1)), S[:, 4:]])"
ONCE = [f"signal.sosfilt({_SOS}, V)", f"signal.sosfilt({_SOS}, X, axis=0)"]
"""Those that are not differentiated twice."""
