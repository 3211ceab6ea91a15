"""Norms, decompositions and systems, of matrices and of stacks of them, in whole programs."""

import numpy as np

from tests.rules.defined_support import Programs, hold

W = np.random.default_rng(5).standard_normal((4, 3))
program = Programs()


@program("A")
def norm_nuc(x):
    return np.linalg.norm(x, "nuc")


@program("A")
def norm_2(x):
    return np.linalg.norm(x, 2)


@program("A")
def norm_m2(x):
    return np.linalg.norm(x, -2)


@program("A")
def norm_1(x):
    return np.linalg.norm(x, 1)


@program("A")
def norm_m1(x):
    return np.linalg.norm(x, -1)


@program("A")
def norm_inf(x):
    return np.linalg.norm(x, np.inf)


@program("A")
def norm_minf(x):
    return np.linalg.norm(x, -np.inf)


@program("T")
def norm_ax(x):
    return np.sum(np.linalg.norm(x, "nuc", axis=(1, 2)))


@program("T")
def norm_ax1(x):
    return np.sum(np.linalg.norm(x, 1, axis=(0, 2)))


@program("T")
def norm_ax2(x):
    return np.sum(np.linalg.norm(x, 2, axis=(0, 2), keepdims=True))


@program("T")
def norm_fro(x):
    return np.sum(np.linalg.norm(x, "fro", axis=(0, 2)))


@program("V")
def norm_v3(x):
    return np.linalg.norm(x, 3)


@program("V")
def norm_v05(x):
    return np.linalg.norm(x, 0.5)


@program("V")
def norm_vminf(x):
    return np.linalg.norm(x, -np.inf)


@program("V")
def norm_v0(x):
    return np.linalg.norm(x, 0) * x[0]


@program("V")
def norm_vm1(x):
    return np.linalg.norm(x, -1)


@program("A")
def norm_v3ax(x):
    return np.sum(np.linalg.norm(x, 3, axis=1))


@program("T")
def matrix_norm(x):
    return np.sum(np.linalg.matrix_norm(x))


@program("A")
def matrix_norm_nuc(x):
    return np.linalg.matrix_norm(x, ord="nuc")


@program("A")
def vector_norm(x):
    return np.linalg.vector_norm(x)


@program("A")
def vector_norm_ax(x):
    return np.sum(np.linalg.vector_norm(x, axis=1, ord=3))


@program("A")
def vector_norm1(x):
    return np.linalg.vector_norm(x, ord=1)


@program("S")
def cond(x):
    return np.linalg.cond(x[0])


@program("S")
def cond2(x):
    return np.linalg.cond(x[0], 2)


@program("S")
def condfro(x):
    return np.linalg.cond(x[0], "fro")


@program("S")
def condS(x):
    return np.sum(np.linalg.cond(x))


@program("S")
def cond1(x):
    return np.linalg.cond(x[0], 1)


@program("A")
def condm2(x):
    return np.linalg.cond(x, -2)


@program("A")
def qr(x):
    q, r = np.linalg.qr(x)
    return np.sum(q ** 3) + np.sum(r ** 2 * W[:3])


@program("S")
def qrS(x):
    q, r = np.linalg.qr(x)
    return np.sum(q ** 3) + np.sum(r ** 3)


@program("A")
def qr_r(x):
    return np.sum(np.linalg.qr(x, mode="r") ** 3)


@program("A")
def qr_wide(x):
    q, r = np.linalg.qr(x.T)
    return np.sum(q ** 3) + np.sum(r ** 3)


@program("A")
def qr_attr(x):
    return np.sum(np.linalg.qr(x).R ** 3)


@program("A")
def svd(x):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return np.sum((u * s @ vh) ** 3)


@program("A")
def svd_u(x):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return np.sum(u[:, 0] ** 4) + np.sum(vh[1] ** 4) + s[0]


@program("A")
def svdwide(x):
    u, s, vh = np.linalg.svd(x.T, full_matrices=False)
    return np.sum(u[:, 0] ** 4) + np.sum(vh[1] ** 4) + s[0]


@program("S")
def svdS(x):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return np.sum(u ** 4) + np.sum(vh ** 4) + np.sum(s ** 2)


@program("M")
def svd_full(x):
    u, s, vh = np.linalg.svd(x)
    return np.sum(u ** 4) + np.sum(vh ** 4)


@program("S")
def svdvals(x):
    return np.sum(np.linalg.svdvals(x) ** 2)


@program("S")
def svd_nouv(x):
    return np.sum(np.linalg.svd(x, compute_uv=False) ** 2)


@program("P")
def eighS(x):
    w, v = np.linalg.eigh(x)
    return np.sum(w ** 2) + np.sum(v ** 4)


@program("P")
def eigh(x):
    w, v = np.linalg.eigh(x[0])
    return np.sum(w ** 2) + np.sum(v ** 4)


@program("P")
def eigvalshS(x):
    return np.sum(np.linalg.eigvalsh(x) ** 2)


@program("P")
def eigh_attr(x):
    return np.sum(np.linalg.eigh(x[0]).eigenvalues ** 2)


@program("A")
def lstsq(x):
    return np.sum(np.linalg.lstsq(x, x[:, 0] ** 2, rcond=None)[0] ** 2)


@program("A")
def lstsq2(x):
    return np.sum(np.linalg.lstsq(x, x[:, :2] ** 2)[0] ** 2)


@program("A")
def lstsqw(x):
    return np.sum(np.linalg.lstsq(x.T, x[0] ** 2)[0] ** 2)


@program("M")
def tensorsolve(x):
    return np.sum(np.linalg.tensorsolve((x + 5 * np.eye(4)).reshape(2, 2, 2, 2), x[:2, :2]) ** 2)


@program("M")
def tensorinv(x):
    return np.sum(np.linalg.tensorinv((x + 5 * np.eye(4)).reshape(2, 2, 4), ind=2) ** 2)


@program("S")
def solveS(x):
    return np.sum(np.linalg.solve(x, x[:, :, :2]) ** 2)


@program("S")
def solveS1(x):
    return np.sum(np.linalg.solve(x, x[0, 0]) ** 2)


@program("S")
def solveSb(x):
    return np.sum(np.linalg.solve(x, x[0]) ** 2)


@program("S")
def solveSc(x):
    return np.sum(np.linalg.solve(x[0], x) ** 2)


@program("S")
def invS(x):
    return np.sum(np.linalg.inv(x) ** 2)


@program("S")
def detS(x):
    return np.sum(np.linalg.det(x) ** 2)


@program("S")
def slogdetS(x):
    return np.sum(np.linalg.slogdet(x)[1] ** 2)


@program("P")
def choleskyS(x):
    return np.sum(np.linalg.cholesky(x) ** 3)


@program("P")
def cholesky_up(x):
    return np.sum(np.linalg.cholesky(x[0], upper=True) ** 3)


@program("S")
def pinvS(x):
    return np.sum(np.linalg.pinv(x) ** 2)


@program("A")
def pinvA(x):
    return np.sum(np.linalg.pinv(x) ** 2)


@program.each
def test_both_modes(f, x):
    hold(f, x)
