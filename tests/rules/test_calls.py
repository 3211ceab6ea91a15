"""Calls of NumPy and math in whole programs: where results are written, what they share memory with, refusals."""

import math

import numpy as np
import pytest

from srcgrad.errors import AliasError, NoRuleError, SrcgradError
from tests.support import check

R = np.random.default_rng(3)
V3, V4, A33, A44, A43, A45 = (R.standard_normal(s) for s in (3, 4, (3, 3), (4, 4), (4, 3), (4, 5)))


def exp_into(x):
    b = np.zeros(3)
    np.exp(x, b)
    return (b**2).sum()


def sum_into(x):
    z = np.zeros(1)[0:1].reshape(())
    np.sum(x**2, 0, None, z)
    return z[()]


def cumsum_and_clip_into(x):
    y = np.zeros(3)
    np.cumsum(x, out=y)
    np.clip(y, 0, 0.5, y)
    return (y**2).sum()


def dot_into(x):
    y, z = np.zeros(3), np.zeros(3)
    np.cumsum(x, None, None, z)
    np.dot(np.eye(3), x, y)
    return (y**2).sum() + (z**3).sum()


def methods_into(x):
    y = np.zeros(3)
    x.clip(-0.1, 0.5, y)
    z = y * 2
    x.cumsum(0, None, y)
    return (y**2).sum() + z.sum()


def new_array_as_out(x):
    return np.exp(x, np.empty(3)).sum() + np.multiply(x, x, out=np.empty(3)).sum()


def sum_with_arguments_after_out(x):
    return np.sum(x, 0, None, None, True)[0] + np.std(x, None, None, None, 1)


@pytest.mark.parametrize("f", [exp_into, sum_into, cumsum_and_clip_into, dot_into, methods_into,
                               sum_with_arguments_after_out, new_array_as_out], ids=lambda f: f.__name__)  # fmt: skip
def test_out_by_position(f):
    check(f, V3)


def hsplit(x):
    b = x * 1.0
    a, c = np.hsplit(b, 2)
    a += c
    return (b**2).sum()


def vsplit(x):
    b = x * 1.0
    a, c = np.vsplit(b, 2)
    a *= c
    return (b**2).sum()


def array_split(x):
    b = x * 1.0
    c = np.array_split(b, 3, axis=1)
    c[0][:] *= 2
    return (b**2).sum()


def rot90(x):
    b = x * 1.0
    r = np.rot90(b)
    r[0] = x[1] * 3
    return (b**2).sum()


def fliplr(x):
    b = x * 1.0
    np.fliplr(b)[0] = x[1] * 3
    return (b**2).sum()


def rollaxis(x):
    b = x * 1.0
    r = np.rollaxis(b, 1)
    r[0] = x[1] * 3
    return (b**2).sum() + r[0, 0]


def astype_without_copy(x):
    b = x * 1.0
    r = b.astype(float, copy=False)
    r[0] = x[1] * 3
    return (b**2).sum()


def require(x):
    b = x * 1.0
    np.require(b)[0] = x[1]
    return (b**2).sum()


def nan_to_num_in_place(x):
    b = np.log(x)
    c = np.nan_to_num(b, copy=False, nan=0.5)
    c[0] += x[1]
    return (b**2).sum() + c[0, 0]


def array_without_copy(x):
    b = x * 1.0
    np.array(b, copy=None)[0] = x[1]
    return (b**2).sum()


def float64_of_array(x):
    b = x * 1.0
    np.float64(b)[0] = x[1]
    return (b**2).sum()


def conj(x):
    b = x * 1.0
    b.conj()[0] = x[1]
    c = np.conj(b)
    c[1] = 0
    return (b**2).sum() + c.sum()


def transposing_einsum(x):
    b = x * 1.0
    np.einsum("ij->ji", b)[0] = x[1]
    return (b**2).sum()


def real(x):
    b = x * 1.0
    np.real(b)[0] *= 2
    c = b.real
    c[1] *= 3
    return (b**2).sum()


@pytest.mark.parametrize("f", [hsplit, vsplit, array_split, rot90, fliplr, rollaxis, astype_without_copy, require,
    array_without_copy, float64_of_array, conj, transposing_einsum, real], ids=lambda f: f.__name__)  # fmt: skip
def test_writes_through_views(f):
    check(f, A44)


def test_nan_to_num_without_copy_is_refused_or_right():
    try:
        check(nan_to_num_in_place, np.abs(A44) + 0.3)
    except NoRuleError:
        pass


def diag_while_written(x):
    b = x * 1.0
    d = np.diag(b)
    b[0] *= 2
    return (d**3).sum()


def broadcast_while_written(x):
    b = x * 1.0
    v = np.broadcast_to(b[0], (4, 4))
    b[0] *= 2
    return (v * x).sum()


def broadcast_arrays(x):
    b = x * 1.0
    a, _ = np.broadcast_arrays(b, b[0])
    b[0] *= 2
    return (a**2).sum()


@pytest.mark.parametrize("f", [diag_while_written, broadcast_while_written, broadcast_arrays],
                         ids=lambda f: f.__name__)  # fmt: skip
def test_read_only_views_of_what_is_written_are_refused_or_right(f):
    try:
        check(f, A44)
    except (AliasError, NoRuleError):
        pass


def modf(x):
    part, whole = np.modf(x * 3)
    return (part * whole).sum()


def math_modf(x):
    return math.modf(x[0])[0] * math.modf(x[1] * 5)[1]


def np_divmod(x):
    q, r = np.divmod(x, 0.7)
    return (q * r).sum()


def dist(x):
    return (math.dist(x[:2], (1.0, 2.0)) + math.dist([x[0], 2.0], x[1:]) + math.dist((1.0, x[0]), (x[1], 2.0))
            + math.dist(x[:2], x[1:]))  # fmt: skip


def hypot(x):
    return math.hypot(x[0], x[1], x[2]) + math.hypot(x[0], 3.0)


def clip_bounds(x):
    return (np.clip(x, x[0] * 0.5 - 1, x[1] + 0.2) * np.arange(3.0)).sum() + np.clip(x[0], -abs(x[1]), x[2] ** 2)


def clip_constants(x):
    return (np.clip(np.array([1.0, 2.0, 0.1]), x * 0 - 0.3, x**2) * x).sum()


def nested_displays(x):
    pieces = [x * 1.0, x * 2.0]
    return (np.concatenate([x, [x[0]], [1.0]]) ** 2).sum() + np.concatenate([*pieces, [x[0]]]).sum() + (
        np.concatenate([np.sin(x), x * 2, [x[0], x[1]]]) @ np.arange(8.0)
    )


def stacked_displays(x):
    return (np.vstack([[x[0], 1.0], [x[1], x[2]]]).prod() + np.hstack([[x[0]], x]).sum()
            + np.column_stack([[x[0], 1.0, 2.0], x]).prod() + np.stack([[x[0], 1.0, 2.0], x]).prod())  # fmt: skip


def bincount(x):
    return (np.bincount(np.array([0, 1, 1]), weights=x) ** 2).sum()


def zero_axes(x):
    y = np.array(x[0])
    z = np.float64(x[1])
    y = y * z
    return y[()] * np.asarray(x[2])


def zero_axes_written(x):
    y = np.array(x[0])
    y[()] = y * x[1]
    y += x[2]
    return y * y


def zero_axes_in_a_loop(x):
    y = np.array(x[0])
    for k in range(3):
        y = y + np.array(x[k]) * 2
    return y[()] ** 2


def a_number_is_read_before_its_array_is_written(x):
    y = np.array(x[0])
    s = y[()]
    y[()] = 3.0 * x[1]
    return s * y


def places(x):
    u = np.sort(x)[::-1]
    c = np.cumsum(u)
    rho = np.nonzero(u * np.arange(1, len(x) + 1) > c - 1)[0][-1]
    return (np.maximum(x - (c[rho] - 1) / (rho + 1.0), 0) ** 2).sum()


def sliced_places(x):
    i, = np.where(x > 0)[:1]
    values, counts = np.unique(np.array([1, 1, 2]), return_counts=True)
    return (x[i] ** 2).sum() + x[counts[0]] * values[1]


@pytest.mark.parametrize("f", [modf, math_modf, np_divmod, dist, hypot, clip_bounds, clip_constants, nested_displays,
    stacked_displays, bincount, zero_axes, zero_axes_written, zero_axes_in_a_loop,
    a_number_is_read_before_its_array_is_written, places, sliced_places], ids=lambda f: f.__name__)  # fmt: skip
def test_of_vectors(f):
    check(f, V3)


def roll(x):
    return (np.roll(x, (1, 2), (0, 1)) * x).sum() + (np.roll(x, (1, 2), axis=(0, 1)) * x**2).sum()


def solve_with_known_sizes(x):
    return np.linalg.solve(x + 4 * np.eye(3), x[0]).sum()


def slogdet(x):
    s, l = np.linalg.slogdet(x @ x.T + np.eye(3))
    return s * l + np.linalg.slogdet(x).logabsdet


def eigh(x):
    w, v = np.linalg.eigh(x)
    return w[0] * (v[:, 1] ** 2 * np.arange(3.0)).sum() + np.linalg.eigvalsh(x)[1]


def svd(x):
    _, s, _ = np.linalg.svd(x[:, :2], full_matrices=False)
    return s[0] * np.linalg.svd(x)[1].sum() + np.linalg.svd(x, compute_uv=False)[1]


def cholesky(x):
    return (np.linalg.cholesky(x @ x.T + np.eye(3)) ** 3).sum()


def pinv(x):
    return (np.linalg.pinv(x[:, :2]) ** 3).sum()


def meshgrid(x):
    a, b = np.meshgrid(x[0], x[1][:2])
    c, d, e = np.meshgrid(x[0], x[1][:2], x[2], indexing="ij")
    a[0, 0] = 2.0
    return (a**2 * b).sum() + (c * d**2 * e).sum()


def methods_of_ufuncs(x):
    return ((np.add.reduce(x) ** 2).sum() + np.maximum.reduce(x, axis=1)[0] + (np.add.accumulate(x)[1] ** 2).sum()
            + np.multiply.outer(x[0], x[1] ** 2).sum() + np.multiply.reduce(x)[0])  # fmt: skip


@pytest.mark.parametrize("f", [roll, solve_with_known_sizes, slogdet, eigh, svd, cholesky, pinv, meshgrid,
    methods_of_ufuncs], ids=lambda f: f.__name__)  # fmt: skip
def test_of_matrices(f):
    check(f, A33, rtol=1e-5)


def test_hypot_at_the_origin():
    from srcgrad import grad

    assert (grad(hypot_of_two)(np.zeros(2)) == 0).all()


def hypot_of_two(x):
    return np.hypot(x[0], x[1])


def counted(x):
    return np.histogramdd(x[:, None])[0][0]


def reduced(x):
    return np.floor_divide.reduce(x)


@pytest.mark.parametrize("f, name", [(counted, "np.histogramdd"), (reduced, "np.floor_divide.reduce")],
    ids=lambda v: getattr(v, "__name__", ""))  # fmt: skip
def test_functions_without_a_rule_are_named(f, name):
    from srcgrad import grad

    with pytest.raises(NoRuleError, match=f"no derivative rule for {name}") as caught:
        grad(f)(V3)
    assert "@srcgrad.rule" not in str(caught.value)


def test_every_pure_function_without_a_rule_is_refused():
    """What is known to be pure but has no rule is never taken for a constant."""
    import types

    from srcgrad import grad
    from srcgrad.rules import effect, lookup
    from tests.support import load

    found = 0
    for owner, prefix in ((np, "np"), (np.linalg, "np.linalg"), (math, "math")):
        for name in sorted(vars(owner)):
            fn = getattr(owner, name)
            known = isinstance(fn, (np.ufunc, types.FunctionType, types.BuiltinFunctionType)) or prefix == "math"
            if not callable(fn) or not known or name.startswith("_") or effect(fn) != "pure" or lookup(fn):
                continue
            argument = "x[0]" if prefix == "math" else "x"
            f = load(f"import math\nimport numpy as np\ndef f(x):\n    y = {prefix}.{name}({argument})\n"
                     f"    return np.sum(y) + x[0]\n")  # fmt: skip
            try:
                with np.errstate(all="ignore"):
                    value = f(np.array([0.3, 0.6, 0.4]))
                if not isinstance(value, float):
                    continue
            except Exception:
                continue
            found += 1
            try:
                grad(f)(np.array([0.3, 0.6, 0.4]))
            except SrcgradError:
                continue
            check(f, np.array([0.3, 0.6, 0.4]))
    assert found > 10


def test_sinc_to_second_order_where_its_formula_is_nought_over_nought():
    from srcgrad import grad, hessian

    x = np.array([0.0, 0.009, 0.011, -0.3])
    t = x[1:]
    away = -(np.pi**2) * np.sinc(t) - 2 * (np.cos(np.pi * t) - np.sinc(t)) / t**2
    expected = [-(np.pi**2) / 3, *away]
    np.testing.assert_allclose(np.diag(hessian(lambda x: np.sum(np.sinc(x)))(x)), expected, rtol=1e-9)
    np.testing.assert_allclose(grad(grad(lambda t: np.sinc(t)))(0.0), -(np.pi**2) / 3)
