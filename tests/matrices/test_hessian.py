"""Hessians and products with them: against differences of gradients, against one another, over programs."""

import pickle

import numpy as np
import pytest

from srcgrad import gauss_newton_vp, grad, hessian, hvp, jacfwd, jacobian, jacrev
from tests.matrices.tools import assert_jacobian, numeric_jacobian
from tests.support import assert_matches, assert_same, float_leaves

X = np.array([0.3, 0.7, 1.1, 0.4])


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def looped(x):
    s = 0.0
    for i in range(1, len(x)):
        s = s * x[i] + np.sin(x[i - 1]) * x[i] ** 2
    return s


def branched(x):
    y = x * x
    if y.sum() > 1:
        y = y * x[0]
    else:
        y = np.exp(y)
    return np.sum(y * y)


def in_place(x):
    y = x.copy()
    for _ in range(3):
        y[1:-1] += 0.1 * y[:-2] * y[2:]
        y *= np.cos(x)
    return np.sum(y * y)


def overwrites(x):
    x[1:] *= x[:-1]
    return np.sum(np.sin(x))


def until(x):
    while np.linalg.norm(x) < 5:
        x = x * (1.5 + x[0] ** 2)
    return np.sum(x**3)


def breaks(x):
    s = 1.0
    for k in range(10):
        if s > 3:
            break
        if k == 1:
            continue
        s = s + x[k % 4] ** 2 * s
    return s


def helper(y):
    y[0] = y[0] * y[1]
    return y.sum()


def calls(x):
    y = x * x
    return helper(y) * np.sum(y)


def linear_algebra(x):
    A = np.outer(x, x) + np.eye(4)
    return x @ np.linalg.solve(A, np.sin(x)) + np.linalg.norm(x)


def linear(x):
    return 3.0 * np.sum(x)


def quadratic(x):
    return 0.5 * np.sum(x * x)


PROGRAMS = [
    rosenbrock, looped, branched, in_place, overwrites, until, breaks, calls, linear_algebra, linear, quadratic,
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_hessian_is_symmetric_and_that_of_differences_of_gradients(f):
    x = X.copy()
    H = hessian(f)(x)
    assert_same(X, x)
    assert H.shape == (4, 4) and H.dtype == np.float64
    np.testing.assert_allclose(H, H.T, atol=1e-12 * max(1, abs(H).max()))
    np.testing.assert_allclose(H, numeric_jacobian(grad(f), X)[(), ()], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(jacrev(grad(f))(x), H, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("f", PROGRAMS)
def test_hvp_is_the_product_with_the_hessian(f):
    rng = np.random.default_rng(3)
    x, v = X.copy(), rng.standard_normal(4)
    kept = v.copy()
    product = hvp(f)
    found = product(x, v)
    assert_same((X, kept), (x, v))
    np.testing.assert_allclose(found, hessian(f)(x) @ v, rtol=1e-10, atol=1e-12)
    assert_matches(x, found)
    first = found.copy()
    found[...] = 9.0  # nothing of ours is handed out
    np.testing.assert_array_equal(product(x, v), first)
    assert_same((X, kept), (x, v))


def model(params, x, power=2):
    h = x
    for layer in params["layers"]:
        h = np.tanh(layer["w"] @ h + layer["b"])
    return np.sum(h**power) * params["scale"]


def parameters():
    rng = np.random.default_rng(0)
    layers = [{"w": rng.standard_normal((3, 2)), "b": rng.standard_normal(3)},
              {"w": rng.standard_normal((2, 3)), "b": rng.standard_normal(2)}]  # fmt: skip
    return {"layers": layers, "scale": 1.5, "name": "m", "sizes": {"n": 2}}, rng.standard_normal(2)


def test_hessian_of_containers_is_a_tree_of_trees():
    params, x = parameters()
    H = hessian(model)(params, x)
    assert_jacobian(H, params, params, numeric_jacobian(lambda p: grad(model)(p, x), params), atol=1e-6)
    both = hessian(model, argnums=("params", "x"))(params, x)
    assert type(both) is tuple and type(both[1]) is tuple
    np.testing.assert_allclose(both[0]["scale"][0]["layers"][0]["w"], H["scale"]["layers"][0]["w"])
    np.testing.assert_allclose(both[1][0]["scale"], both[0]["scale"][1])
    assert both[1][0]["layers"][0]["w"].shape == (2, 3, 2) and both[1][1].shape == (2, 2)
    np.testing.assert_allclose(both[1][1], hessian(model, argnums=1)(params, x))


def test_hvp_of_containers_and_several_arguments():
    params, x = parameters()
    v = grad(model)(params, x)
    product = hvp(model)(params, x, v)
    assert_matches(params, product)
    H = hessian(model)(params, x)
    leaves = dict(float_leaves(v))
    expected = sum(np.tensordot(block, leaves[path], np.ndim(leaves[path]))
                   for path, block in float_leaves(H["layers"][0]["w"]))  # fmt: skip
    np.testing.assert_allclose(product["layers"][0]["w"], expected)
    two = hvp(model, argnums=(1, 0))(params, x, (np.zeros(2), v))
    assert isinstance(two, tuple)
    np.testing.assert_allclose(two[1]["layers"][1]["b"], product["layers"][1]["b"])
    np.testing.assert_allclose(two[0], _mixed(params, x, v), rtol=1e-6)
    (one,) = hvp(model, argnums=("x",))(params, x, (x,))
    np.testing.assert_allclose(one, hvp(model, argnums=1)(params, x, x))
    cubed = hvp(model, "x")(params, x, x, power=3)
    np.testing.assert_allclose(cubed, hessian(model, "x")(params, x, power=3) @ x)
    assert not np.allclose(cubed, one)


def _mixed(params, x, v, step=1e-6):
    """The change of the gradient by x as the parameters move along v."""
    def shifted(tree, d, t):
        if isinstance(tree, dict):
            return {k: shifted(tree[k], d[k] if d is not None else None, t) for k in tree}
        if isinstance(tree, list):
            return [shifted(a, b, t) for a, b in zip(tree, d, strict=True)]
        return tree + t * d if isinstance(tree, (float, np.ndarray)) else tree

    by_x = grad(model, "x")
    return (by_x(shifted(params, v, step), x) - by_x(shifted(params, v, -step), x)) / (2 * step)


def test_hvp_of_star_arguments_and_of_numbers():
    def f(*xs, **named):
        return np.sum(xs[0] ** 2 * xs[1]) * named["c"]

    np.testing.assert_allclose(hvp(f)(X, X + 1, X, c=2.0), 4 * (X + 1) * X)
    np.testing.assert_allclose(hvp(f, (0, 1))(X, X + 1, (X, X), c=2.0)[1], 4 * X * X)
    np.testing.assert_allclose(hessian(f, "c")(X, X + 1, c=2.0), 0.0)
    found = hvp(lambda x: x**4)(2.0, 0.5)
    assert type(found) is float and found == 24.0
    H = hessian(lambda x: x**4)(2.0)
    assert H.shape == () and H == 48.0
    third = jacobian(hessian(lambda x: x**4))(2.0)
    assert third.shape == () and third == 48.0


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (2, 0)])
def test_hessians_of_any_shape(shape):
    x = np.random.default_rng(1).uniform(0.5, 1, shape)
    H = hessian(lambda x: np.sum(np.sin(x) * x) * np.sum(x))(x)
    assert H.shape == shape + shape
    v = np.ones(shape)
    found = hvp(lambda x: np.sum(np.sin(x) * x) * np.sum(x))(x, v)
    assert found.shape == shape and type(found) is np.ndarray
    np.testing.assert_allclose(found, np.tensordot(H, v, len(shape)))


def test_float32_stays_float32():
    x = X.astype(np.float32)
    for f in (rosenbrock, calls, in_place):
        assert hessian(f)(x).dtype == np.float32
        assert hvp(f)(x, x).dtype == np.float32
        assert hvp(f)(x, X).dtype == np.float32  # the vector in the argument's dtype
        np.testing.assert_allclose(hessian(f)(x), hessian(f)(X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("f", [looped, in_place, branched, calls])
def test_third_derivatives(f):
    expected = numeric_jacobian(hessian(f), X)[(), ()]
    for op in (jacfwd, jacrev, jacobian):
        np.testing.assert_allclose(op(hessian(f))(X), expected, rtol=1e-5, atol=1e-5)


def test_hessian_of_a_jacobian_component_by_hand():
    def f(x):
        return np.array([x[0] ** 2 * x[1], np.sin(x[0])])

    second = jacfwd(jacrev(f))(X[:2])
    np.testing.assert_allclose(second[0], [[2 * X[1], 2 * X[0]], [2 * X[0], 0]])
    np.testing.assert_allclose(second[1], [[-np.sin(X[0]), 0], [0, 0]], atol=1e-15)


def test_closures_made_anew_are_compiled_once():
    def make(c):
        return lambda x: c * np.sum(x**3)

    texts = set()
    for c in (1.0, 2.0, 3.0):
        product = hvp(make(c))
        np.testing.assert_allclose(product(X, X), 6 * c * X * X)
        texts.add(id(product._last.call))
    assert len(texts) == 1


def test_it_decorates_shows_its_source_and_pickles():
    @hvp
    def f(x):
        return np.sum(x**3)

    @hessian(argnums="y")
    def g(x, y):
        return np.sum(x * y * y)

    assert f.source.startswith("def f_grad_jvp(x, d_out, x_dot):")
    np.testing.assert_allclose(f(X, X), 6 * X * X)
    np.testing.assert_allclose(g(X, X), np.diag(2 * X))
    assert f.source_for(2.0).startswith("def f_grad_jvp(")
    assert repr(f) == "<srcgrad Hessian-vector product of f>" and repr(g) == "<srcgrad Hessian of g by argnums='y'>"
    assert "def g_grad_jvp" in g.source and f.primal(X) == np.sum(X**3)
    again = pickle.loads(pickle.dumps(hvp(quadratic)))
    np.testing.assert_allclose(again(X, X), X)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(hessian(quadratic)))(X), np.eye(4))
    loaded = pickle.loads(pickle.dumps(gauss_newton_vp(residuals)))
    np.testing.assert_allclose(loaded(X, X), gauss_newton_vp(residuals)(X, X))


# ---- Gauss-Newton ----


def residuals(x):
    return np.sin(x[1:]) * x[:-1] ** 2


def test_gauss_newton_is_the_product_of_the_jacobians():
    J = jacobian(residuals)(X)
    v = np.random.default_rng(5).standard_normal(4)
    np.testing.assert_allclose(gauss_newton_vp(residuals)(X, v), J.T @ (J @ v))
    target = np.ones(3)

    def loss(z):
        return np.sum(np.logaddexp(0.0, z * target)) + z[0] ** 4

    H = hessian(loss)(residuals(X))
    found = gauss_newton_vp(residuals, loss)(X, v)
    np.testing.assert_allclose(found, J.T @ (H @ (J @ v)))
    assert v @ found > 0
    np.testing.assert_allclose(gauss_newton_vp(residuals, lambda z: np.sum(z))(X, v), np.zeros(4))


def test_gauss_newton_is_the_hessian_where_the_model_is_linear():
    B = np.arange(12.0).reshape(3, 4) / 7

    def outputs(x):
        return {"y": B @ x, "n": 3, "first": x[0]}

    def loss(z):
        return np.sum(z["y"] ** 4) + np.exp(z["first"]) * z["n"]

    v = np.array([1.0, -1.0, 0.5, 2.0])
    expected = hvp(lambda x: loss(outputs(x)))(X, v)
    np.testing.assert_allclose(gauss_newton_vp(outputs, loss)(X, v), expected)


def test_gauss_newton_of_containers_and_several_arguments():
    params, x = parameters()

    def f(params, x):
        h = np.tanh(params["layers"][0]["w"] @ x + params["layers"][0]["b"]) * params["scale"]
        return h, 2

    v = grad(model)(params, x)
    found = gauss_newton_vp(f)(params, x, v)
    assert_matches({k: params[k] for k in ("layers", "scale")}, {k: found[k] for k in ("layers", "scale")})
    J = jacfwd(f)(params, x)[0]
    leaves = dict(float_leaves(v))
    w = sum(np.tensordot(block, leaves[path], np.ndim(leaves[path])) for path, block in float_leaves(J))
    np.testing.assert_allclose(found["layers"][0]["w"], np.tensordot(w, J["layers"][0]["w"], 1))
    np.testing.assert_allclose(found["scale"], w @ J["scale"])
    by_both = gauss_newton_vp(f, argnums=(0, 1))(params, x, (v, np.zeros(2)))
    np.testing.assert_allclose(by_both[0]["scale"], found["scale"])
    np.testing.assert_allclose(by_both[1], w @ jacrev(f, 1)(params, x)[0])


def test_gauss_newton_shows_the_three_functions():
    product = gauss_newton_vp(residuals, lambda z: np.sum(z**4))
    assert product.source.count("def ") == 3 and "residuals_jvp" in product.source
    assert repr(product) == "<srcgrad Gauss-Newton product of residuals>"
