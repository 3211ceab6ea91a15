"""The pattern of a Jacobian holds all of its nonzeros; sparse Jacobians are the dense ones."""

import copy

import numpy as np
import pytest

import srcgrad
from srcgrad.api.sparse import coloring, flatten, unflatten
from srcgrad.api.structure import has_floats
from tests.forward.programs import programs


def dense(f, args):
    """The Jacobian by the first argument, direction by direction."""
    first, *rest = args
    columns = []
    for k in range(len(flatten(first))):
        tangent = unflatten(first, np.eye(len(flatten(first)))[k])
        _, dot = srcgrad.jvp(f, copy.deepcopy(args), [tangent, *[None] * len(rest)])
        columns.append(flatten(dot))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("f, args", [p for p in programs() if has_floats(p.values[1][0])])
def test_pattern_covers_the_jacobian(f, args):
    found = srcgrad.sparsity(f, *copy.deepcopy(args))
    jacobian = dense(f, args)
    assert found.shape == jacobian.shape and found.dtype == bool
    assert not np.any((jacobian != 0) & ~found.toarray())


def reaction(u, k=0.3):
    du = np.zeros_like(u)
    du[1:-1] = u[2:] - 2 * u[1:-1] + u[:-2] + k * u[1:-1] * (1 - u[1:-1])
    du[0], du[-1] = u[1] - u[0], u[-2] - u[-1]
    return du


def in_a_loop(u):
    v = u.copy()
    for _ in range(2):
        for i in range(1, len(v)):
            v[i] += 0.5 * np.sin(v[i - 1]) if v[i] > 0 else v[i] ** 2
    return {"v": v[::2], "w": (np.cumsum(v)[:3], v.reshape(2, -1).sum(axis=0))}


def with_matrix(u):
    a = np.diag(np.arange(1.0, len(u) + 1)) + np.diag(np.ones(len(u) - 1), 1)
    return np.tanh(a @ u) * u


def gathered(u):
    index = np.array([0, 2, 2, 5])
    v = np.zeros(4)
    np.add.at(v, np.array([0, 1, 1, 3]), u[index] ** 2)
    v[1] -= u[1]
    return np.concatenate([v, np.where(u > 0, u[::-1], 1.0), np.sort(u)[:2]])


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("f", [reaction, in_a_loop, with_matrix, gathered])
def test_sparse_jacobian_is_the_dense_one(f, mode):
    u = np.random.default_rng(2).standard_normal(8)
    made = srcgrad.sparse_jacobian(f, mode=mode)
    np.testing.assert_allclose(made(u).toarray(), dense(f, (u,)), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(made(u + 0.1).toarray(), dense(f, (u + 0.1,)), rtol=1e-12, atol=1e-14)
    given = srcgrad.sparse_jacobian(f, sparsity=srcgrad.sparsity(f, u), mode=mode)
    np.testing.assert_allclose(given(u).toarray(), dense(f, (u,)), rtol=1e-12, atol=1e-14)


def test_pattern_is_exact_where_the_source_shows_it():
    u = np.random.default_rng(3).standard_normal(6)
    assert np.array_equal(srcgrad.sparsity(reaction, u).toarray(), dense(reaction, (u,)) != 0)
    assert np.array_equal(srcgrad.sparsity(with_matrix, u).toarray(), dense(with_matrix, (u,)) != 0)


def test_as_many_directions_as_colors():
    u = np.random.default_rng(4).standard_normal(1000)
    made = srcgrad.sparse_jacobian(reaction)
    assert made.colors(u) == 3
    assert srcgrad.sparse_jacobian(lambda u: u * u).colors(u) == 1
    assert srcgrad.sparse_jacobian(lambda u: np.array([np.sum(u), u[0]])).colors(u) == 2  # by rows


def chain(u):
    total = 0.0
    for i in range(len(u) - 1):
        total += (u[i + 1] - u[i] ** 2) ** 2 + np.cos(u[i])
    return total


def stencil(u):
    v = u.copy()
    v[1:-1] += u[2:] * u[:-2]
    return np.sum(v**3) + 4 * u[0]


def linear_part(u):
    return np.sum(u[:3]) + u[5] ** 2 * u[6]


@pytest.mark.parametrize("f, most", [(chain, 3), (stencil, 5), (linear_part, 2)])
def test_sparse_hessian_is_the_dense_one(f, most):
    u = np.random.default_rng(7).standard_normal(9)
    made = srcgrad.sparse_hessian(f)
    expected = srcgrad.hessian(f)(u)
    np.testing.assert_allclose(made(u).toarray(), expected, rtol=1e-10, atol=1e-12)
    assert not np.any((expected != 0) & ~srcgrad.sparsity(f, u, order=2).toarray())
    assert made.colors(u) <= most


def test_coloring_separates_columns_that_meet():
    import scipy.sparse

    rng = np.random.default_rng(6)
    for _ in range(20):
        found = scipy.sparse.random_array((12, 15), density=0.15, rng=rng, format="csr").astype(bool)
        colors = coloring(found)
        for row in found.toarray():
            used = colors[row]
            assert len(set(used)) == len(used)


def test_wrong_arguments_are_named():
    with pytest.raises(srcgrad.SrcgradError, match="argnums"):
        srcgrad.sparse_jacobian(reaction, argnums=(0, 1))
    with pytest.raises(srcgrad.SrcgradError, match="mode"):
        srcgrad.sparse_jacobian(reaction, mode="sideways")
    with pytest.raises(srcgrad.SrcgradError, match="order"):
        srcgrad.sparsity(reaction, np.ones(3), order=3)
    with pytest.raises(srcgrad.SrcgradError, match="no parameter 'v'"):
        srcgrad.sparsity(reaction, np.ones(3), argnums="v")
