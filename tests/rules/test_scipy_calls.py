"""scipy.fft, correlations and tests of scipy.stats, spectra, histograms over two variables: both modes."""

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import SrcgradError
from tests.rules.defined_support import hold
from tests.support import load

pytest.importorskip("scipy")

R = np.random.default_rng(11)
V = R.normal(size=7)
A = R.normal(size=(3, 4))
HEAD = (
    "import numpy as np\nimport scipy.fft, scipy.interpolate, scipy.signal, scipy.spatial.distance, scipy.stats\n"
    "P = np.array([0.2, 0.9, 1.4, 0.1, 3.1, 2.3, 1.7])\n"
)


def loss(text):
    lines = text.split("; ")
    body = "".join(f"    {line}\n" for line in lines[:-1])
    return load(
        f"{HEAD}def f(x):\n{body}    y = {lines[-1]}\n"
        "    w = np.cos(np.arange(np.size(y))).reshape(np.shape(y))\n"
        "    return np.sum(w * np.real(y)) + np.sum(w * w * np.imag(y)) + np.sum(np.abs(y) ** 2)\n"
    )


TRANSFORMS = [
    *(f"scipy.fft.{name}({given})" for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
      for given in ("x", "x, 5, axis=0, norm='ortho'")),
    *(f"scipy.fft.{name}({given})" for name in ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "rfft2", "irfft2")
      for given in ("x, norm='forward'", "x, (4, 6)")),
    *(f"scipy.fft.{name}(x, {kind}{norm})" for name in ("dct", "dst", "idct", "idst") for kind in (1, 2, 3, 4)
      for norm in ("", ", norm='ortho'", ", norm='forward', axis=0")),
    "scipy.fft.dctn(x)", "scipy.fft.idstn(x, type=3, axes=(1,), norm='ortho')", "scipy.fft.fftshift(x, axes=1)",
    "scipy.fft.next_fast_len(7) * x",
]  # fmt: skip
SAMPLES = [
    "r, p = scipy.stats.pearsonr(x, P); r * p", "scipy.stats.pearsonr(P, x).statistic",
    "a, b, r, p, e = scipy.stats.linregress(P, x); a * b + r * p + e", "scipy.stats.linregress(x, P).slope",
    "scipy.stats.ttest_1samp(x, 0.3).statistic", "t, p = scipy.stats.ttest_ind(x, P[:5]); t * p",
    "scipy.stats.ttest_rel(x, P).pvalue", "scipy.signal.hilbert(x)", "np.abs(scipy.signal.hilbert(x, 10))",
    "w, h = scipy.signal.freqz(x[:3], 2 + x[:1] ** 2, 5); h", "scipy.signal.freqz(x[:3], worN=[0.1, 0.7])[1]",
    "np.histogram2d(P, P[::-1], 3, weights=x)[0]", "np.histogram2d(P, x, [[0, 1, 2], [-2, 0, 2]], weights=x * x)[0]",
    "c, e = np.histogram(x, 4); c * e[1:]", "np.histogram(x, 3, density=True)[0]",
    "scipy.interpolate.interpn((P.cumsum(),), x, [[3.0], [4.5]])",
    "scipy.spatial.distance_matrix(x[:, None], P[:, None], 3)", "scipy.spatial.minkowski_distance_p(x, P, 3)",
    *(f"scipy.spatial.distance.{name}(1 / (1 + x * x), P / 4)"
      for name in ("dice", "rogerstanimoto", "russellrao", "sokalsneath", "yule")),
    "scipy.spatial.distance.dice(P > 1, 1 / (1 + x * x), x * x)", "scipy.spatial.distance.hamming(P > 1, P > 2, x * x)",
    "scipy.spatial.distance.jaccard(P > 1, P > 2, x * x)",
]  # fmt: skip
CASES = [*((text, A) for text in TRANSFORMS), *((text, V) for text in SAMPLES)]


@pytest.mark.parametrize("text, x", CASES, ids=[text for text, _ in CASES])
def test_both_modes(text, x):
    hold(loss(text), x)


@pytest.mark.parametrize("text", ["scipy.fft.dct(x)", "scipy.fft.rfft(x)", "np.abs(scipy.signal.hilbert(x))"])
def test_single_precision_stays(text):
    hold(loss(text), V.astype("float32"))


@pytest.mark.parametrize("text", ["scipy.fft.dct(x, n=9)", "scipy.stats.ttest_ind(x, P, equal_var=False)[0]",
                                  "scipy.stats.pearsonr(x, P, alternative='less')[0]"])  # fmt: skip
def test_other_keywords_are_refused(text):
    with pytest.raises(SrcgradError):
        srcgrad.grad(loss(text))(V)
