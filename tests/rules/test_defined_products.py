"""Products of arrays, in whole programs: both modes, against central differences."""

import numpy as np

from tests.rules.defined_support import Programs, hold

W = np.random.default_rng(5).standard_normal((4, 3))
program = Programs()


@program("A")
def kron(x):
    return np.sum(np.kron(x, W) ** 2)


@program("A")
def kron2(x):
    return np.sum(np.kron(x, x[0]) ** 2)


@program("T")
def kron3(x):
    return np.sum(np.kron(x, x) ** 2)


@program("A")
def cross(x):
    return np.sum(np.cross(x, x[0]) ** 2)


@program("A")
def cross_axis(x):
    return np.sum(np.cross(x.T, x.T ** 2, axis=0) ** 2)


@program("A")
def cross_axes(x):
    return np.sum(np.cross(x.T, x ** 2, axisa=0, axisb=1, axisc=0) ** 2)


@program("A")
def lcross(x):
    return np.sum(np.linalg.cross(x, x ** 2) ** 2)


@program("T")
def tensordot(x):
    return np.sum(np.tensordot(x, x, axes=([1, 2], [1, 2])) ** 2)


@program("A")
def tensordot1(x):
    return np.sum(np.tensordot(x, W.T, axes=1) ** 2)


@program("V")
def tensordot0(x):
    return np.sum(np.tensordot(x, x, axes=0) ** 2)


@program("T")
def tensordotn(x):
    return np.sum(np.tensordot(x, x, axes=((-1,), (2,))) ** 2)


@program("T")
def tensordotd(x):
    return np.sum(np.tensordot(x, x[0]) ** 2)


@program("A")
def ltensordot(x):
    return np.sum(np.linalg.tensordot(x, x, axes=((0,), (0,))) ** 2)


@program("T")
def inner(x):
    return np.sum(np.inner(x, x[0]) ** 2)


@program("T")
def inner1(x):
    return np.sum(np.inner(x, x[0, 0]) ** 2)


@program("A")
def vdot(x):
    return np.vdot(x, x ** 2)


@program("A")
def vecdot(x):
    return np.sum(np.vecdot(x, x ** 2) ** 2)


@program("A")
def lvecdot(x):
    return np.sum(np.linalg.vecdot(x, x ** 2) ** 2)


@program("A")
def matvec(x):
    return np.sum(np.matvec(x, x[0]) ** 2)


@program("A")
def vecmat(x):
    return np.sum(np.vecmat(x[:, 0], x) ** 2)


@program("V")
def louter(x):
    return np.sum(np.linalg.outer(x, x) ** 2)


@program("A")
def lmatmul(x):
    return np.sum(np.linalg.matmul(x, x.T) ** 2)


@program("M")
def ein_tr(x):
    return np.einsum("ii", x) ** 2


@program("M")
def ein_diag(x):
    return np.sum(np.einsum("ii->i", x) ** 2)


@program("M")
def ein_rep(x):
    return np.sum(np.einsum("iij,j->i", x[:, :, None] * x[None], x[0]) ** 2)


@program("M")
def ein_rep2(x):
    return np.sum(np.einsum("ii,ij->j", x, x) ** 2)


@program("T")
def ein_ell(x):
    return np.sum(np.einsum("...ij,...ij->...i", x, x) ** 2)


@program("T")
def ein_ell2(x):
    return np.sum(np.einsum("...i,i->...", x, x[0, 0]) ** 2)


@program("T")
def ein_ell3(x):
    return np.sum(np.einsum("i...->...", x) ** 2)


@program("T")
def ein_ell4(x):
    return np.sum(np.einsum("...i,ki", x, x[0]) ** 2)


@program("A")
def ein_op(x):
    return np.sum(np.einsum(x, [0, 1], x, [2, 1], [0, 2]) ** 2)


@program("A")
def ein_op2(x):
    return np.sum(np.einsum(x, [0, 1], x, [2, 1]) ** 2)


@program("A")
def ein_opt(x):
    return np.sum(np.einsum("ij,kj,kl->il", x, x, x, optimize=True) ** 2)


@program("A")
def ein_opt2(x):
    return np.sum(np.einsum("ij,kj,kl->il", x, x, x, optimize="greedy") ** 2)


@program("A")
def ein_T(x):
    return np.sum(np.einsum("ij->ji", x)[0] ** 2)


@program("A")
def ein_b1(x):
    return np.sum(np.einsum("ij,ij->i", x, x[:1]) ** 2)


@program("A")
def ein_sum(x):
    return np.sum(np.einsum("ij->", x) ** 2)


@program("T")
def ein_view_ell(x):
    return np.sum(np.einsum("...ij->...ji", x)[0] ** 2)


@program("M")
def matpow(x):
    return np.sum(np.linalg.matrix_power(x, 3))


@program("M")
def matpow0(x):
    return np.sum(np.linalg.matrix_power(x, 0) * x)


@program("S")
def matpown(x):
    return np.sum(np.linalg.matrix_power(x, -2))


@program("A")
def multi_dot(x):
    return np.sum(np.linalg.multi_dot([x, x.T, x, x[0]]) ** 2)


@program("A")
def multi_dot2(x):
    return np.linalg.multi_dot([x[:, 0], x, x[0]])


@program("M")
def trace(x):
    return np.trace(x @ x)


@program("A")
def trace_off(x):
    return np.trace(x * x, 1)


@program("T")
def trace3(x):
    return np.sum(np.trace(x, 0, 1, 2) ** 2)


@program("T")
def trace3b(x):
    return np.sum(np.trace(x, offset=-1, axis1=0, axis2=2) ** 2)


@program("T")
def ltrace(x):
    return np.sum(np.linalg.trace(x) ** 2)


@program("M")
def tracem(x):
    return (x @ x).trace()


@program.each
def test_both_modes(f, x):
    hold(f, x)


@program.each
def test_single_precision_stays(f, x):
    hold(f, x.astype("float32"))
