"""Statistics in whole programs: keywords of reductions, and functions that are written as others."""

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import SrcgradError
from tests.support import check, load

R = np.random.default_rng(31)
SHAPES = {"V6": (6,), "A34": (3, 4), "A43": (4, 3), "B234": (2, 3, 4)}
POINTS = {name: R.permutation(np.linspace(-1.23, 1.17, int(np.prod(shape)))).reshape(shape)
          for name, shape in SHAPES.items()}  # fmt: skip
HOLES = "np.where(np.arange(x.size).reshape(x.shape) % 4 == 1, np.nan, x)"
ANYWHERE = [
    *(f"np.{fn}(x, {axis}{keep}where={where})"
      for fn, where in [("sum", "x > 0"), ("prod", "x > 0"), ("mean", "M"), ("var", "M")]
      for axis in ("", "axis=0, ", "axis=-1, ", "axis=(0, -1), ") for keep in ("", "keepdims=True, ")),
    *(f"np.std(x, {axis}where=M)" for axis in ("", "axis=-1, ", "axis=0, keepdims=True, ")),
    "np.var(x, ddof=1, where=M)", "np.mean(x * 2, where=M[..., :1])", "x.mean(where=M)",
    "x.sum(where=x > 0, initial=2)",
    *(f"np.{fn}(x, initial=0.4, {axis}where=M)" for fn in ("max", "min", "sum", "prod") for axis in ("", "axis=-1, ")),
    *(f"np.{fn}(x, {axis}dtype={dtype})" for fn in ("sum", "mean", "prod", "var", "cumsum")
      for axis, dtype in [("", "np.float64"), ("axis=0, ", "'float64'"), ("axis=-1, ", "float")]),
    "np.max(x, initial=x.shape[0])", "np.sum(x, initial=x.sum())",
    *(f"np.{fn}.reduce(x, axis={axis}, keepdims=True)" for fn in ("add", "multiply", "maximum", "minimum", "logaddexp")
      for axis in (0, -1)),
    "np.add.reduce(x, initial=3.0, where=x > 0.1)", "np.maximum.accumulate(x)", "np.minimum.accumulate(x, axis=-1)",
    "np.add.accumulate(x, axis=-1)", "np.multiply.accumulate(x)", "np.logaddexp.reduce(x)",
    *(f"np.{fn}({HOLES}{axis})" for fn in ("nanprod", "nancumsum", "nancumprod", "nanvar", "nanstd", "nanmedian",
                                          "nansum", "nanmean") for axis in ("", ", axis=-1")),
    *(f"np.nan{fn}({HOLES}, {q}, axis={axis}, keepdims={keep})" 
      for fn, q in [("quantile", 0.4), ("percentile", [10, 70])] for axis in (None, -1) for keep in (True, False)),
    *(f"np.{fn}(x, {q}, axis={axis})" for axis in (None, 0, -1, (0, -1))
      for fn, q in [("quantile", 0.37), ("percentile", "[5, 50, 91.0]"), ("quantile", "np.array([0.2, 1.0])")]
      ),
    "np.quantile(x, 0.4, method='lower')", "np.cumulative_sum(x, axis=-1)", "np.cumulative_prod(x, axis=0)",
    "np.ediff1d(x)", "np.ediff1d(x, to_end=[1.0, 2.0], to_begin=x.sum())", "np.ediff1d(x, to_begin=0.0)",
    "np.partition(x, 1)", "np.partition(x, 1, axis=0)", "np.unique(x)", "np.gradient(x, axis=-1)",
    "np.gradient(x, 0.2, axis=0, edge_order=1)", "np.gradient(x, x.sum() ** 2 + 1, axis=0)",
    "np.trapezoid(x, dx=x.sum() ** 2, axis=0)", "np.trapezoid(x, x ** 2, axis=0)", "np.trapezoid(x, axis=-1)",
    "np.trapezoid(x, np.arange(x.shape[0]) * x.sum(), axis=0)", "np.interp(x, P, np.sin(P), left=0.3)",
    "np.interp(x, P * (2 + np.sin(x.sum())), P ** 2 * x.sum(), left=x.sum(), right=1.0)",
    "np.histogram(np.cos(np.arange(x.size)), 3, weights=np.ravel(x))[0]",
    "np.histogram(np.arange(x.size), bins=P, range=None, weights=np.ravel(x))[0]",
]  # fmt: skip
MATRICES = [
    *(f"np.{fn}(x, {kw})" for fn in ("cov", "corrcoef") for kw in ("rowvar=False", "rowvar=True", "x[::-1] ** 2",
                                                                  "y=x ** 2, rowvar=False", "x[0] ** 2")),
    "np.cov(x, ddof=0)", "np.cov(x, bias=True)", "np.cov(x[0])", "np.cov(x[:1])", "np.cov(x[0], x[1])",
    "np.corrcoef(x[0], x[1] * x[2])[0, 1]", "np.gradient(x)[0] * np.gradient(x, 0.3, edge_order=2)[1]",
    "np.gradient(x, 0.5, np.array([0.0, 1.0, 1.5, 4.0][:x.shape[1]]))[1]", "np.gradient(x, axis=(1, 0))[0]",
    "np.correlate(x[0], x[1] ** 2, 'same')",
]  # fmt: skip


def loss(text):
    return load(f"import numpy as np\ndef f(x, M, P):\n    y = {text}\n"
                "    return np.sum(np.sin(y) * np.cos(np.arange(np.size(y)).reshape(np.shape(y))))\n")  # fmt: skip


def arguments(name):
    x = POINTS[name]
    return x, np.arange(x.size).reshape(x.shape) % 5 != 1, np.array([-1.03, 0.42, 1.09])


@pytest.mark.parametrize("name", ["V6", "A34", "B234"])
@pytest.mark.parametrize("text", ANYWHERE)
def test_of_arrays(text, name):
    x, mask, places = arguments(name)
    if x.ndim == 1 and "(0, -1)" in text:
        pytest.skip("one axis")
    check(loss(text), x, mask, places, argnums=0)


JOINED = ["np.vstack((x[0] ** 2, x))", "np.vstack([x, x[0] ** 2, x[1]])",
          "np.hstack((x.sum(), x[0], 2.0 * x[1, 1], x[2]))"]


@pytest.mark.parametrize("text", JOINED)
def test_arrays_of_different_rank_joined(text):
    check(loss(text), *arguments("A34"), argnums=0)


REFUSED = {
    "np.quantile(x, 0.3, weights=np.abs(x))": "weights", "np.add(x, x, where=M)": "where",
    "np.linspace(x[0], x[1], 3, retstep=True)[0]": "retstep", "np.polyfit(x[0], x[1], 1, full=True)[0]": "full",
    "np.multiply.at(x * 1, (np.array([0, 1]), np.array([0, 0])), 2.0)": "vector of indices",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused_by_name(text):
    with pytest.raises(SrcgradError, match=REFUSED[text]) as caught:
        srcgrad.grad(loss(text))(*arguments("A34"))
    assert caught.value.pos is not None


@pytest.mark.parametrize("name", ["A34", "A43"])
@pytest.mark.parametrize("text", MATRICES)
def test_of_matrices(text, name):
    check(loss(text), *arguments(name), argnums=0)


SECOND = ["np.quantile(x, 0.3, axis=0)", "np.cov(x)", "np.corrcoef(x)", "np.gradient(x, 0.3, axis=1)",
          "np.logaddexp.reduce(x)", "np.maximum.accumulate(x)", "np.partition(x, 1)", "np.nanstd(x, axis=0)",
          "np.trapezoid(x, x ** 3)", "np.interp(x, P * x[0, 0], P ** 2)", "np.nanmedian(x, axis=(0, 1))",
          "np.percentile(x, [10, 80], axis=1)", "np.std(x, axis=0, where=M)", "np.max(x, initial=0.1)", "np.unique(x)",
          "np.correlate(x[0], x[1])"]  # fmt: skip


@pytest.mark.parametrize("text", SECOND)
def test_hessian_times_vector(text):
    """The gradient's own slope along a direction, by central differences."""
    f, (x, mask, places) = loss(text), arguments("A34")
    v = np.random.default_rng(5).standard_normal(x.shape)
    gradient = srcgrad.grad(f)
    got = srcgrad.hvp(f)(x, mask, places, v)
    h = 1e-5
    expected = (gradient(x + h * v, mask, places) - gradient(x - h * v, mask, places)) / (2 * h)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("text", [*ANYWHERE, *MATRICES])
def test_single_precision_stays(text):
    x, mask, places = arguments("A34")
    assert srcgrad.grad(loss(text))(x.astype("float32"), mask, places).dtype == np.float32
