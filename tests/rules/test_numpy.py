"""Functions of NumPy that are written as others, in whole programs: both modes, against central differences."""

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import SrcgradError
from tests.rules.defined_support import hold
from tests.support import load

R = np.random.default_rng(7)
V = R.permutation(np.linspace(-1.23, 1.17, 6))
A = R.permutation(np.linspace(-1.23, 1.17, 12)).reshape(3, 4)
GIVEN = (np.array([0.2, 0.9, 1.4, 2.0, 3.1, 3.3]), np.array([2, 0, 5, 2]), np.array([1, 0, 1, 1, 0, 0]) > 0)


def loss(text):
    lines = text.split("; ")
    body = "".join(f"    {line}\n" for line in lines[:-1])
    return load(
        f"import numpy as np\ndef g(a, b=2.0):\n    return np.sin(a) * b if a > 0 else a * a * b\n"
        f"def f(x, P, I, M):\n{body}    y = {lines[-1]}\n"
        "    return np.sum(np.sin(y) * np.cos(np.arange(np.size(y)).reshape(np.shape(y))))\n"
    )


VECTORS = [
    "np.i0(x)", "np.kaiser(5, 3 + x[0])", "np.kaiser(1, x[0]) * x", "np.nextafter(x, 3.0) * x", "np.unwrap(4 * x)",
    "np.unwrap(4 * x, period=3.0)", "np.frexp(x * 5)[0]", "np.ldexp(*np.frexp(x)) ** 2",
    "np.nan_to_num(np.where(M, x, np.nan), nan=0.3) ** 2", "np.nan_to_num(x, copy=True, posinf=3.0)",
    "np.asarray_chkfinite(x) ** 2", "np.median(x * x)", "np.logspace(x[0], x[1], 5)",
    "np.logspace(x[0], x[1], 4, False, base=2.0)", "np.logspace(0.1, 1.0, 4, base=2 + x[0])",
    "np.geomspace(x[0] ** 2, 2.0, 5)", "np.geomspace(1.5, 2 + x[1], num=4, endpoint=False)", "np.vectorize(g)(x)",
    "np.vectorize(g)(x, P)", "np.vectorize(lambda t: t * x[0])(P)", "np.vectorize(g)(x[:, None], P[:2])",
    "np.fromfunction(lambda i, j: i * x[0] + j * x[1], (2, 3))", "np.fromiter((v * v for v in x), float)",
    "np.polyadd(x, x[:3])", "np.polyadd(x[:2] * x[3], P)", "np.polysub(x[:2], x)", "np.polymul(x[:3], x[2:])",
    "np.polymul(np.array([0.0, 1.0]) * x[0], x)", "np.polydiv(x, x[:3])[0]", "np.polydiv(x, P[:3])[1]",
    "np.polyder(x, 2)", "np.polyint(x)", "np.polyint(x, 2, x[:2])", "np.polyint(x, k=0.5)", "np.poly(x[:3])",
    "np.polyfit(P, x, 2)", "np.polyfit(x, P, 1)", "np.polyfit(P, x, 1, w=2 + x)",
    "np.polyfit(P, np.stack([x, x ** 2], axis=1), 1)", "np.unique(x, return_index=True)[0]",
    "np.unique(x, return_counts=True)[0]", "np.unique(x, return_inverse=True)[0]", "np.unique_all(x).values",
    "np.unique_counts(x)[0]", "np.unique_inverse(x).values", "np.unique_values(x)", "np.union1d(x, P)",
    "np.intersect1d(x, x[2:])", "np.setdiff1d(x, x[3:])", "np.setxor1d(x, P)",
    *(f"np.{fn}.outer(x, P[:2] + x[0] ** 2)"
      for fn in ("add", "subtract", "divide", "power", "maximum", "arctan2", "multiply") if fn != "power"),
    "np.power.outer(x ** 2, P[:3])", "np.add.outer(x, 2.0)", "np.subtract.reduce(x)", "np.divide.reduce(P * (2 + x))",
    "np.hypot.reduce(x)", "np.fmax.reduce(x)", "np.subtract.accumulate(x)", "np.divide.accumulate(x + 2)",
    "np.hypot.accumulate(x)", "np.add.reduceat(x, [0, 3, 1, 5])", "np.add.reduceat(x, I)",
    "np.multiply.reduceat(x, I)", "np.maximum.reduceat(x, [0, 2])", "y = x * 1; np.multiply.at(y, I, x[:4]); y",
    "y = x * 1; np.maximum.at(y, I, P[:4] - 1); y", "y = x * 1; np.negative.at(y, [0, 1]); y",
    "y = x * 1; np.divide.at(y, slice(0, 3), P[:3]); y", "y = x * 1; np.multiply.at(y, M, 2.0); y",
    "y = x * 1; np.power.at(y, 1, 2); y", "y = x * 1; np.add.at(y, I, x[:4]); y", "np.add(x, P, dtype=np.float64)",
    "np.multiply(x, 3, dtype='float64')", "np.exp(x, dtype=float)", "y = x * 1; np.divide(x, P, out=y, where=M); y",
    "np.sqrt(x * x + 1, out=np.zeros(6), where=x > 0)",
    "y = np.zeros(6); z = np.zeros(6); np.modf(x * 3, out=(y, z)); y * z + y",
    "np.where(M, x, 1) + np.log(x, out=np.ones(6), where=x > 0)", "y = x * 1; np.put(y, I, x[0] ** 2); y",
    "y = x * 1; np.put(y, [1, -1], x[:2] ** 2); y", "y = x * 1; np.place(y, M, x[1:3] ** 2); y",
    "y = x * 1; np.putmask(y, M, x[:2] ** 2); y", "y = x * 1; np.putmask(y, x > 0, P * x[0]); y",
    "y = x * 1; np.copyto(y, x ** 2, where=M); y",
    *(f"np.quantile(P * x[0], 0.5 + 0.2 * x[1], method={m!r})"
      for m in ("linear", "hazen", "weibull", "median_unbiased", "normal_unbiased", "interpolated_inverted_cdf")),
    "np.quantile(x, x[:2] ** 2 / 4 + 0.11)", "np.percentile(x, 50 + 20 * x[0])",
    "np.nanquantile(x, 0.4 + x[0] ** 2 / 9)",
    *(f"np.gradient(x ** 2, np.cumsum(P + x * 0.1), edge_order={k})" for k in (1, 2)), "np.gradient(x, P)",
    "np.interp(x, P, P ** 2, period=3.5)", "np.interp(x, P[::-1], x ** 2, period=2 + x[0])",
    "np.histogram(P, 3, weights=x, density=True)[0]", "np.histogram_bin_edges(x, 3)",
    "np.histogram(x, 3, weights=x)[1]", "np.histogram(P, bins=[0, 1, 2.0], weights=x)[0]",
    "np.max(x, initial=x[0] * 3)", "np.min(x, initial=x[0] - 2, where=M)",
    "np.cumulative_sum(x, include_initial=True)", "np.cumulative_prod(x, include_initial=True)",
    "np.diff(x, append=1.0)", "np.diff(x, 2, prepend=x[:2] ** 2)", "np.diff(x, prepend=x[0] ** 2, append=0)",
    "np.average(x, weights=P, returned=True)[0]",
]  # fmt: skip
MATRICES = [
    "np.unwrap(3 * x, axis=0)", "np.median(x, axis=(0, 1))", "np.median(x, axis=(0, 1), keepdims=True)",
    "np.apply_over_axes(np.sum, x * x, [0, 1])", "np.apply_over_axes(np.mean, x * x, -1)", "np.vectorize(g)(x)",
    "np.subtract.reduce(x, axis=1)", "np.subtract.reduce(x, axis=0, keepdims=True)", "np.hypot.reduce(x, axis=None)",
    "np.divide.accumulate(x + 2, axis=1)", "np.add.reduceat(x, [0, 2], axis=1)", "np.multiply.reduceat(x, [0, 2, 1])",
    "np.maximum.outer(x, P[:2])", "np.subtract.outer(P[:2], x)", "y = x * 1; np.multiply.at(y, [0, 2, 0], x[0]); y",
    "y = x * 1; np.multiply.at(y, (slice(None), 1), 3.0); y", "y = x * 1; np.put(y, [1, 7], x[0, :2] ** 2); y",
    "y = x * 1; np.putmask(y, x > 0, x[0]); y", "y = x * 1; np.place(y, x > 0, x[0]); y",
    "y = x * 1; np.put_along_axis(y, np.array([[1], [0], [2]]), x[0, 0], 1); y",
    *(f"np.std(x, axis={k}, keepdims={keep}, where=x < 1) * 2" for k in ((0, 1), None) for keep in (True, False)),
    "np.cov(x, fweights=np.array([1, 2, 1, 3]))", "np.cov(x, aweights=x[0] ** 2 + 1)",
    "np.cov(x[0], aweights=x[1] ** 2 + 1)",
    "np.cov(x, fweights=np.array([1, 2, 1, 3]), aweights=x[0] ** 2 + 1, ddof=0)",
    "np.cov(x, x[::-1] ** 2, aweights=P[:4])", "np.cov(x, rowvar=False, aweights=P[:3])",
    "np.gradient(x, np.cumsum(x[0] ** 2 + 0.3), axis=1)",
    "np.gradient(x, np.cumsum(x[:, 0] ** 2 + 0.3), axis=0, edge_order=2)",
    "np.gradient(x, x[0, 0] + 2, P[:4] * x[0, 1])[1]", "np.average(x, axis=1, weights=P[:4] * x[0])",
    "np.average(x, axis=0, weights=P[:3], keepdims=True)", "np.quantile(x, 0.4 + x[0, 0] / 9, axis=1)",
    "np.quantile(x, np.abs(x[0, :2]) / 2, axis=0, keepdims=True)", "np.diff(x, prepend=1.0, axis=0)",
    "np.cumulative_sum(x, axis=0, include_initial=True)", "np.max(x, axis=1, initial=x[0, 0])",
    "np.unique(x, return_counts=True)[0]", "np.linalg.eigvalsh(x[:, :3] + 0, UPLO='U')",
    "np.linspace(x[0], x[1] ** 2, 4)", "np.linspace(x[0], 1.0, 3, axis=1)",
    "np.insert(x, [0, 2], x[:2] ** 2, axis=0)", "np.insert(x, [1, 1], x[0, 0], axis=1)",
    "np.linalg.norm(x, axis=(1,))", "np.block([[[x, x ** 2]], [[x[:, :1], x[:, :3], x]]])",
    "np.block([[x, x[0, 0]], [1.0, x[0]]]) if x.shape[0] == 1 else x",
    "np.pad(x, ((1, 2), (0, 1)), 'linear_ramp', end_values=2)",
    *(f"np.pad(x, {w}, mode={m!r})" for m in ("mean", "maximum", "minimum", "median", "linear_ramp")
      for w in ("1", "((1, 2), (0, 1))")),
    "np.pad(x, 1, 'mean', stat_length=2)", "np.pad(x, ((0, 2), (2, 1)), 'reflect', reflect_type='odd')",
    "np.pad(x, 2, 'symmetric', reflect_type='odd')", "np.pad(x, 1, constant_values=x[0, 0])",
]  # fmt: skip


CASES = [*((text, V) for text in VECTORS), *((text, A) for text in MATRICES)]


@pytest.mark.parametrize("text, x", CASES, ids=[text for text, _ in CASES])
def test_both_modes(text, x):
    f = loss(text)
    hold(lambda x: f(x, *GIVEN), x)


SINGLE = [
    "np.i0(x)", "np.unwrap(4 * x)", "np.polyadd(x, x[:3])", "np.polymul(x[:3], x[2:])", "np.polydiv(x, x[:3])[0]",
    "np.polyint(x)", "np.poly(x[:3])", "np.unique_counts(x)[0]",
    "np.subtract.outer(x, x)", "np.hypot.reduce(x)",
    "np.divide.accumulate(x + 2)", "np.add.reduceat(x, I)", "y = x * 1; np.multiply.at(y, I, x[:4]); y",
    "np.vectorize(g)(x)", "np.quantile(x, x[0] ** 2 / 4 + 0.11)", "np.gradient(x ** 2, np.cumsum(x * 0.1 + 1))",
    "np.pad(x, 2, 'mean')",
    "np.cumulative_sum(x, include_initial=True)", "np.diff(x, append=x[0] ** 2)", "np.maximum(x, 0.2)", "np.prod(x)",
    "np.linspace(x, 2 * x, 3)", "np.sort(x)", "np.clip(x, -0.5, 0.5)", "np.max(x, initial=x[0])", "np.vander(x, 3)",
]


@pytest.mark.parametrize("text", SINGLE)
def test_single_precision_stays(text):
    f = loss(text)
    hold(lambda x: f(x, *GIVEN), V.astype("float32"))


SECOND = [
    "np.i0(x)", "np.kaiser(5, 3 + x[0])", "np.geomspace(x[0] ** 2 + 1, 2.0, 5)", "np.polyfit(P, x, 1, w=2 + x)",
    "np.polyfit(x, P, 1)", "np.polydiv(x, x[:3])[1]", "np.divide.reduce(P * (2 + x))", "np.vectorize(g)(x)",
    "y = x * 1; np.multiply.at(y, I, x[:4]); y", "np.quantile(P * x[0], 0.5 + 0.2 * x[1])", "np.add.reduceat(x, I)",
    "np.gradient(x ** 2, np.cumsum(P + x * 0.1), edge_order=2)", "np.interp(x, P[::-1], x ** 2, period=2 + x[0])",
    "np.prod(x)", "np.vander(x, 4)", "np.sort(x)", "np.maximum(x, x[::-1])", "np.max(x, initial=x[0])",
    "np.cov(x.reshape(2, 3), aweights=x[:3] ** 2 + 1)", "np.pad(x, 2, 'reflect', reflect_type='odd')",
]


@pytest.mark.parametrize("text", SECOND)
def test_second_order(text):
    f = loss(text)
    srcgrad.check_grads(lambda x: f(x, *GIVEN), (V,), order=2)


EMPTY = ["np.unwrap(x)", "np.polysub(x, x)", "np.subtract.outer(x, x)", "np.unique_values(x)", "np.vander(x, 3)",
         "np.cumulative_prod(x, include_initial=True)", "np.diff(x, prepend=1.0)", "np.prod(x)", "np.sort(x)",
         "np.maximum(x, 0)", "np.add.accumulate(x)"]  # fmt: skip


@pytest.mark.parametrize("text", EMPTY)
def test_of_nothing(text):
    f = loss(text)
    assert srcgrad.grad(lambda x: f(x, *GIVEN))(np.zeros(0)).shape == (0,)


REFUSED = {
    "np.vectorize(g, otypes=[float])(x)": "function alone", "np.frompyfunc(g, 1, 1)(x)": "frompyfunc",
    "np.polyfit(x, P, 1, cov=True)": "cov", "np.roots(x)": "complex", "np.pad(x, 1, 'empty')": "np.pad",
    "np.hypot.reduce(x, where=M)": "reduce", "np.put_along_axis(x * 1, I, 0.0, int(x.size))": "axis",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_refused_by_name(text):
    f = loss(text)
    with pytest.raises(SrcgradError, match=REFUSED[text]) as caught:
        srcgrad.grad(lambda x: f(x, *GIVEN))(V)
    assert caught.value.pos is not None


def test_an_index_that_is_a_list_of_arrays_of_unknown_length_is_refused():
    """A tuple of them, made when the program runs, would be taken for one array."""

    def f(x):
        places = [np.arange(k, k + 1) for k in range(x.ndim)]
        return np.sum(x[tuple(places)] ** 2)

    with pytest.raises(SrcgradError, match="index"):
        srcgrad.grad(f)(A)


def test_reflections_wider_than_the_array_raise():
    with pytest.raises(IndexError):
        srcgrad.grad(lambda x: np.sum(np.pad(x, 7, "reflect", reflect_type="odd")))(V)
