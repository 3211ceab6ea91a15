"""Kernels as they are written for speed: they overwrite their arrays and return nothing."""

import numpy as np


def jacobi_2d(A, B, n):
    for _ in range(n):
        B[1:-1, 1:-1] = 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])
        A[1:-1, 1:-1] = 0.2 * (B[1:-1, 1:-1] + B[1:-1, :-2] + B[1:-1, 2:] + B[2:, 1:-1] + B[:-2, 1:-1]) ** 2


def gauss_seidel(A, n):
    for _ in range(n):
        for i in range(1, A.shape[0] - 1):
            for j in range(1, A.shape[1] - 1):
                A[i, j] = (A[i - 1, j] + A[i, j - 1] + A[i, j] * A[i, j] + A[i, j + 1] + A[i + 1, j]) / 5.0


def adi(u, n):
    """Alternating directions: tridiagonal solves along the rows, then along the columns."""
    m = u.shape[0]
    v, p, q = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    a, b, d, e = -0.5, 2.0, -0.4, 1.8
    for _ in range(n):
        v[0, 1:-1] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = v[0, 1:-1]
        for j in range(1, m - 1):
            p[1:-1, j] = -a / (a * p[1:-1, j - 1] + b)
            q[1:-1, j] = (-d * u[j, :-2] + (1.0 + 2.0 * d) * u[j, 1:-1] - e * u[j, 2:] - a * q[1:-1, j - 1]) / (
                a * p[1:-1, j - 1] + b
            )
        v[-1, 1:-1] = 1.0
        for j in range(m - 2, 0, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]
        u[1:-1, 0] = 1.0
        u[1:-1, -1] = v[1:-1, -2] * v[1:-1, 1]
        for j in range(m - 2, 0, -1):
            u[1:-1, j] = p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j] * v[j, 1:-1]


def fdtd_2d(ex, ey, hz, source):
    for t in range(len(source)):
        ey[0, :] = source[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]) * hz[:-1, :-1]


def lu(A):
    for i in range(A.shape[0]):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, A.shape[0]):
            A[i, j] -= A[i, :i] @ A[:i, j]


def cholesky(A):
    for i in range(A.shape[0]):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[j, :j]
            A[i, j] /= A[j, j]
        A[i, i] = np.sqrt(A[i, i] - A[i, :i] @ A[i, :i])


def lower_solve(L, b):
    for i in range(len(b)):
        b[i] = (b[i] - L[i, :i] @ b[:i]) / L[i, i]


def upper_solve(U, b):
    for i in range(len(b) - 1, -1, -1):
        b[i] -= U[i, i + 1 :] @ b[i + 1 :]
        b[i] /= U[i, i]


def ludcmp(A, b):
    """A chain of kernels: factorise, then solve with unit lower and upper triangles."""
    lu(A)
    for i in range(len(b)):
        b[i] -= A[i, :i] @ b[:i]
    upper_solve(A, b)


def gram_schmidt(A, R):
    for k in range(A.shape[1]):
        R[k, k] = np.sqrt(A[:, k] @ A[:, k])
        A[:, k] /= R[k, k]
        for j in range(k + 1, A.shape[1]):
            R[k, j] = A[:, k] @ A[:, j]
            A[:, j] -= A[:, k] * R[k, j]


def durbin(r, y):
    beta, alpha = 1.0, -r[0]
    y[0] = -r[0]
    for k in range(1, len(r)):
        beta = (1.0 - alpha * alpha) * beta
        alpha = -(r[k] + r[:k][::-1] @ y[:k]) / beta
        y[:k] += alpha * y[:k][::-1].copy()
        y[k] = alpha


def heat_3d(A, B, n):
    for _ in range(n):
        for source, target in ((A, B), (B, A)):
            target[1:-1, 1:-1, 1:-1] = source[1:-1, 1:-1, 1:-1] * (1 + 0.1 * source[2:, 1:-1, 1:-1]) + 0.1 * (
                source[:-2, 1:-1, 1:-1] + source[1:-1, 2:, 1:-1] + source[1:-1, :-2, 1:-1] + source[1:-1, 1:-1, 2:]
            )


def floyd(D, weights):
    """Branches on the data, in place."""
    for k in range(D.shape[0]):
        for i in range(D.shape[0]):
            if D[i, k] > 0.2:
                D[i] += weights[k] * D[i, k] * D[k]


def through_views(A, x):
    row, column = A[1], A[:, 0]
    row *= x
    column += row[: len(column)] ** 2
    A.T[2] -= column * x[0]
    A[1:].reshape(-1)[:1] = x[-1]


def rebinds(A, x):
    A[0] = A[0] * x
    A = A * 2
    A[1] = 7.0
    x = A[2] + x
    x[0] = 3.0


def swaps(a, b):
    a, b = b, a
    a *= 2
    b[1:] = a[:-1] * b[1:]


def returns_as_well(a, b):
    a *= b
    return a.sum()


def leaves_early(a, b):
    for i in range(len(a)):
        a[i] *= b[i]
        if a[i] < 0:
            return
    a += 1


def writes_nothing(a, b):
    a = a * b


def recursive(a, n):
    if n:
        a[n:] *= a[:-n]
        recursive(a[1:], n - 1)


def velocity_verlet(state, n, h=0.1):
    q, v = state["q"], state["v"]
    for _ in range(n):
        v -= 0.5 * h * np.sin(q)
        q += h * v
        v -= 0.5 * h * np.sin(q)


def cases():
    """(kernel, arguments, outputs) for each; argument values keep clear of kinks and poles."""
    rng = np.random.default_rng(5)

    def u(*shape):
        return rng.uniform(0.3, 1.0, shape)

    n = 5
    posdef = u(n, n)
    posdef = posdef @ posdef.T + n * np.eye(n)
    dominant = u(n, n) + n * np.eye(n)
    signed = rng.uniform(-1, 1, (4, 4))
    return [
        (jacobi_2d, (u(5, 6), u(5, 6), 2), "A"),
        (jacobi_2d, (u(5, 6), u(5, 6), 2), ("B", "A")),
        (gauss_seidel, (u(5, 4), 2), 0),
        (adi, (u(5, 5), 2), "u"),
        (fdtd_2d, (u(4, 5), u(4, 5), u(4, 5), u(3)), "hz"),
        (fdtd_2d, (u(4, 5), u(4, 5), u(4, 5), u(3)), ("ex", "ey", "hz")),
        (lu, (dominant,), "A"),
        (cholesky, (posdef,), (0,)),
        (lower_solve, (dominant, u(n)), "b"),
        (upper_solve, (dominant, u(n)), ("b", "U")),
        (ludcmp, (dominant, u(n)), "b"),
        (gram_schmidt, (dominant, np.zeros((n, n))), ("A", "R")),
        (durbin, (0.1 * u(5), np.zeros(5)), "y"),
        (heat_3d, (u(4, 4, 5), u(4, 4, 5), 2), ("A", "B")),
        (floyd, (np.where(np.abs(signed - 0.2) < 0.05, 0.4, signed), 0.3 * u(4)), "D"),
        (through_views, (u(3, 3), u(3)), "A"),
        (rebinds, (u(3, 3), u(3)), ("A", "x")),
        (swaps, (u(4), u(4)), ("a", "b")),
        (returns_as_well, (u(4), u(4)), "a"),
        (leaves_early, (rng.permutation(np.array([0.5, 0.8, -0.7, 0.9])), u(4)), 0),
        (writes_nothing, (u(4), u(4)), "a"),
        (recursive, (u(5), 3), -2),
        (velocity_verlet, ({"q": u(4), "v": u(4)}, 3), "state"),
        (lower_solve, (dominant.astype(np.float32), u(n).astype(np.float32)), "b"),
        (swaps, (u(8)[::2], u(8)[::-2]), "a"),
        (jacobi_2d, (u(5, 0), u(5, 0), 2), "A"),
    ]  # fmt: skip
