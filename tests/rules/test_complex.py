"""Complex numbers: every rule that holds for them, programs, dtypes, and what is refused."""

import cmath
import operator
import zlib

import numpy as np
import pytest

from srcgrad import check_grads, elementwise_grad, grad, hessian, jacfwd, jacobian, jacrev, jvp, value_and_grad, vjp
from srcgrad.errors import AliasError, ArgumentError, NonScalarError, NoRuleError
from srcgrad.rules.registry import RULES
from tests.support import load


def draw(rng, shape=(3,), dtype=complex):
    """Complex numbers away from 0 and from the cuts of the usual functions."""
    z = rng.uniform(0.3, 0.9, shape) + 1j * rng.uniform(0.2, 0.8, shape) * rng.choice([-1, 1], shape)
    return np.asarray(z, dtype) if shape else complex(z)


def rng_for(*key):
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


SYMBOLS = {operator.add: "{} + {}", operator.sub: "{} - {}", operator.mul: "{} * {}", operator.truediv: "{} / {}",
           operator.pow: "{} ** {}", operator.neg: "-{}", operator.pos: "+{}", abs: "abs({})", pow: "pow({}, {})"}
OF_CMATH = {rule.fn for rule in RULES.values() if getattr(rule.fn, "__module__", "") == "cmath"}
ELEMENTWISE = [rule for rule in RULES.values() if rule.complex and rule.form == "elementwise"
               and rule.fn not in (np.where, complex, cmath.rect, cmath.phase)]  # fmt: skip


def program(rule, n):
    """A function of the arguments of a rule."""
    names = ["z", "w"][:n]
    module = "cmath" if rule.fn in OF_CMATH else "np"
    text = SYMBOLS.get(rule.fn, f"{module}.{rule.fn.__name__}({', '.join(['{}'] * n)})").format(*names)
    return load(f"import cmath\nimport numpy as np\ndef f({', '.join(names)}):\n    return {text}\n")


@pytest.mark.parametrize("rule", ELEMENTWISE, ids=lambda rule: getattr(rule.fn, "__name__", str(rule.fn)))
def test_elementwise(rule):
    rng = rng_for(rule.fn.__name__)
    n = len([name for name in rule.params if name in rule.builders])
    f = program(rule, n)
    if n == 1:
        check_grads(f, (draw(rng, ()),), order=2)
        if rule.fn not in OF_CMATH:
            check_grads(f, (draw(rng, (2, 3)),), order=2)
        return
    real = rng.uniform(0.4, 1.4, (3,))
    for z, w in [(draw(rng), draw(rng)), (draw(rng), real), (real, draw(rng, (2, 3))), (draw(rng, ()), draw(rng))]:
        check_grads(f, (z, w), order=2)


MATRIX = "rng.uniform(-1, 1, (3, 3)) + 1j * rng.uniform(-1, 1, (3, 3)) + 2 * np.eye(3)"
CALLS = [
    "z.real * z.imag", "z.conj() * z", "np.conjugate(z)", "np.imag(z) + np.real(z)", "np.angle(z)",
    "np.angle(z, deg=True)", "np.sum(z * z)", "np.mean(z, axis=0)", "np.prod(z, axis=1)", "np.cumsum(z, axis=1)",
    "np.cumprod(z[0])", "np.var(z)", "np.std(z, axis=0)", "np.diff(z)", "np.vdot(z, w)", "np.vecdot(z, w)",
    "np.vecmat(z[0], w.T)", "z @ w.T", "np.dot(z, w.T)", "np.inner(z, w)", "np.outer(z[0], w[1])", "np.kron(z, w)",
    "np.tensordot(z, w, axes=([1], [1]))", "np.einsum('ij,kj->ik', z, w)", "np.cross(z, w)", "np.trace(z)",
    "np.linalg.norm(z)", "np.linalg.norm(z, axis=1)", "np.linalg.norm(z[0], 1)", "np.linalg.norm(z[0], 3)",
    "np.linalg.vector_norm(z)", "np.linalg.matrix_norm(z, ord=1)", "np.concatenate([z, w])", "np.stack([z, w * 2])",
    "np.where(np.abs(z) > 0.7, z, w)", "np.roll(z, 1)", "np.pad(z, 1)", "np.tile(z, 2)", "np.repeat(z, 2, axis=0)",
    "np.take(z, [0, 0, 1], axis=0)", "z[[0, 1, 0]] * 2", "z.T.reshape(-1)", "np.flip(z, 0)", "np.tril(z)",
    "np.full((2, 2), z[0, 0])", "np.array([z[0, 0], w[0, 1], 2.0])", "np.linspace(z[0, 0], z[1, 1], 4)",
    "np.convolve(z[0], w[0])", "np.interp(0.4, [0.0, 1.0], [2.0, 3.0]) * z",
    "np.trapezoid(z)", "np.gradient(z[0])", "np.nansum(z)", "np.ediff1d(z[0])", "complex(z[0, 0].real, z[0, 1].imag)",
    "np.sum(z, where=np.abs(w) > 0.7)", "np.var(z, where=np.abs(w) > 0.5)", "z.astype(np.complex64) * 1j",
    "np.abs(z) ** 2", "np.sqrt((z * z.conj()).real)", "np.exp(1j * np.angle(z))", "(z.real + 1j * w.imag) ** 2",
    "np.polyval(z[0], w[0])", "np.roots(z[0])", "np.roots(z[0].real * [1, 2, 9])",
    "np.average(z, weights=np.abs(w))", "np.sinc(z)", "z ** 2.5", "2.0 ** z", "(-2.0) ** z",
    "sum([z[0, 0], w[0, 0], 1.0])", "np.float_power(z, w)", "np.sign(z)", "np.isfinite(z) * z",
]  # fmt: skip
MATRICES = [
    "np.linalg.inv(z)", "np.linalg.det(z)", "np.linalg.solve(z, w)", "np.linalg.solve(z, w[0])",
    "np.linalg.matrix_power(z, 3)", "np.linalg.multi_dot([z, w, z])", "np.linalg.inv(z + z.conj().T)",
    "np.linalg.slogdet(z)[0]", "np.linalg.slogdet(z)[1]", "np.linalg.pinv(z[:2])", "np.linalg.pinv(z[:, :2])",
    "np.linalg.lstsq(z[:, :2], w)[0]", "np.linalg.lstsq(z[:, :2], w[0])[0]", "np.linalg.lstsq(z[:2], w[:2])[0]",
    "np.linalg.eigvalsh(z @ z.conj().T)", "np.linalg.eigvalsh(z)",
    "np.linalg.eigvalsh(z, UPLO='U')", "np.linalg.cholesky(w.T @ w.conj() + np.eye(3), upper=True)",
    "np.linalg.cholesky(z @ z.conj().T + np.eye(3))",
    "np.linalg.cholesky(z.conj().T @ z + np.eye(3)) @ w", "np.linalg.svdvals(z)", "np.linalg.norm(z, 2)",
    "np.linalg.norm(z, 'nuc')", "np.linalg.cond(z)", "np.linalg.eigvals(z)", "np.linalg.eigvals(z.real) + 0j",
    "np.linalg.svd(z, compute_uv=False)", "np.linalg.qr(z)[1]", "np.linalg.qr(z, 'r')", "np.linalg.qr(z)[0] @ w",
    "np.linalg.qr(z[:, :2])[0]", "np.linalg.qr(z[:2])[1]", "np.linalg.tensorsolve(z, w[0])",
]  # fmt: skip
# what does not depend on the phases of the vectors
PHASELESS = [
    "np.linalg.eigh(z @ z.conj().T)[1]; return np.abs(v) ** 2",
    "np.linalg.eigh(z @ z.conj().T)[1]; return (v * [1.0, 2.0, 3.0]) @ v.conj().T",
    "np.linalg.svd(z)[0]; return (v * [1.0, 2.0, 3.0]) @ v.conj().T",
    "np.linalg.svd(z)[2]; return v.conj().T @ (v * np.array([[1.0], [2.0], [3.0]]))",
    "np.linalg.svd(z[:, :2], full_matrices=False); return v.U @ (np.sin(v.S)[:, None] * v.Vh)",
    "np.linalg.svd(z[:2], full_matrices=False); return v[0] @ v[2]",
    "np.linalg.eig(z)[1]; return np.abs(v) ** 2",
    "np.linalg.eig(z.real)[1]; return (v * [1.0, 2.0, 3.0]) @ v.conj().T",
    "np.linalg.eig(z); return (v[1] * np.sin(v[0])) @ np.linalg.inv(v[1])",
]


@pytest.mark.parametrize("call", PHASELESS)
def test_vectors_up_to_their_phases(call):
    rng = rng_for(call)
    f = load(f"import numpy as np\ndef f(z):\n    v = {call}\n")
    check_grads(f, (eval(MATRIX, {"rng": rng, "np": np}),), order=2)


FFT = [
    *(f"np.fft.{name}(z{rest})" for name in ("fft", "ifft")
      for rest in ("", ", axis=0", ", n=5", ", n=2, axis=1", ", norm='ortho'", ", 4, 0, 'forward'", ".real",
                   ".real, n=2")),
    *(f"np.fft.rfft(z.real{rest})" for rest in ("", ", axis=0", ", n=5", ", n=6", ", n=2", ", norm='ortho'",
                                                ", 4, 0, 'forward'")),
    *(f"np.fft.irfft(z{rest})" for rest in ("", ", axis=0", ", n=5", ", n=6", ", n=2", ", norm='ortho'",
                                            ", 4, 0, 'forward'")),
    *(f"np.fft.{name}(z{rest})" for name in ("fft2", "ifft2", "fftn", "ifftn")
      for rest in ("", ", axes=(0,)", ", s=(3, 2), axes=(0, 1)", ", norm='ortho'")),
    *(f"np.fft.{name}(z.real{rest})" for name in ("rfft2", "rfftn")
      for rest in ("", ", axes=(1, 0)", ", s=(3, 4), axes=(0, 1)", ", norm='ortho'")),
    *(f"np.fft.{name}(z{rest})" for name in ("irfft2", "irfftn")
      for rest in ("", ", axes=(1, 0)", ", s=(3, 4), axes=(0, 1)", ", norm='ortho'")),
    "np.fft.hfft(z)", "np.fft.hfft(z, n=5, norm='ortho')", "np.fft.ihfft(z.real)",
    "np.fft.ihfft(z.real, 4, 0, 'forward')", "np.fft.fftshift(z)", "np.fft.ifftshift(z, axes=1)",
    "np.fft.fftshift(z, axes=(0,))", "np.fft.fft(np.stack([z, w]))[1]",
    "np.fft.fftfreq(5, z[0, 0].real)", "np.fft.fftfreq(3) * z", "np.fft.irfft(np.fft.rfft(z.real) * w[:, :2])",
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_calls(call):
    rng = rng_for(call)
    f = load(f"import numpy as np\ndef f(z, w):\n    return {call}\n")
    arguments = draw(rng, (2, 3)), draw(rng, (2, 3))
    if "complex64" in call:
        check_grads(f, arguments, rtol=1e-3)
    else:
        check_grads(f, arguments, order=2)


@pytest.mark.parametrize("call", MATRICES)
def test_matrices(call):
    rng = rng_for(call)
    f = load(f"import numpy as np\ndef f(z, w):\n    return {call}\n")
    z, w = (eval(MATRIX, {"rng": rng, "np": np}) for _ in range(2))
    check_grads(f, (z, w), order=2)


@pytest.mark.parametrize("call", ["sl.eigvals(z)", "np.abs(sl.eig(z)[1]) ** 2", "sl.eig(z)[0] * 1j"])
def test_eigenvalues_of_scipy(call):
    f = load(f"import numpy as np\nimport scipy.linalg as sl\ndef f(z):\n    return {call}\n")
    check_grads(f, (eval(MATRIX, {"rng": rng_for(call), "np": np}),), order=2)


@pytest.mark.parametrize("call", FFT)
def test_fourier_transforms(call):
    rng = rng_for(call)
    f = load(f"import numpy as np\ndef f(z, w):\n    return {call}\n")
    check_grads(f, (draw(rng, (2, 3)), draw(rng, (2, 3))), order=2)


# ---- the convention ------------------------------------------------------------------------------------------


def power(z):
    return np.sum(np.abs(z) ** 2 * z.real)


def cube(z):
    return z**3 * 1j


def test_gradients_are_dx_minus_i_dy():
    z = np.array([1 + 2j, 3 - 1j])
    x, y = z.real, z.imag
    expected = (3 * x**2 + y**2) - 1j * (2 * x * y)
    np.testing.assert_allclose(grad(power)(z), expected)
    value, found = value_and_grad(power)(z)
    assert value == power(z) and found.dtype == complex
    np.testing.assert_allclose(jacobian(lambda z: np.stack([z.real, z.imag]))(z[0]), [1, -1j])


def test_holomorphic_functions_have_complex_derivatives():
    z = np.array([1 + 2j, 3 - 1j])
    np.testing.assert_allclose(grad(lambda z: np.sum(cube(z)), holomorphic=True)(z), 3j * z**2)
    np.testing.assert_allclose(elementwise_grad(cube, holomorphic=True)(z), 3j * z**2)
    for matrix in (jacobian, jacfwd, jacrev):
        np.testing.assert_allclose(matrix(cube, holomorphic=True)(z), np.diag(3j * z**2))
    assert grad(cube, holomorphic=True)(1 + 1j) == 3j * (1 + 1j) ** 2


def test_tangents_and_adjoints():
    z = np.array([1 + 2j, 3 - 1j])
    out, moved = jvp(cube, (z,), (np.array([1j, 2.0]),))
    np.testing.assert_allclose(moved, 3j * z**2 * [1j, 2.0])
    out, pullback = vjp(cube, z)
    np.testing.assert_allclose(pullback(np.array([1j, 2.0]))[0], 3j * z**2 * [1j, 2.0])


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_dtypes_stay(dtype):
    z = np.array([[1 + 2j, 3 - 1j], [0.5j, 1.0]], dtype)
    programs = [power, lambda z: np.sum(np.abs(np.fft.fft(z))), lambda z: np.linalg.norm(z @ z),
                lambda z: np.var(z.imag), lambda z: np.sum(np.linalg.svdvals(z)), lambda z: np.sum(np.angle(z * 2))]
    for f in programs:
        assert grad(f)(z).dtype == dtype
    x = z.real
    assert grad(lambda x: np.sum(np.abs(np.fft.rfft(x))))(x).dtype == x.dtype
    assert grad(lambda x: np.sum(np.abs(x * z)))(x).dtype == x.dtype


def test_real_arguments_have_real_gradients():
    def f(x, y):
        z = np.zeros(3, complex)
        z[0], z[1:] = x, y
        for k in range(2):
            z = z * z + 0.3j * x
            z[k] += y[0]
        return np.sum(np.abs(z) ** 2)

    check_grads(f, (0.7, np.array([0.2, -0.4])), order=2)
    found = grad(f, (0, 1))(0.7, np.array([0.2, -0.4]))
    assert isinstance(found[0], float) and found[1].dtype == float


def test_parts_that_are_views():
    def f(x):
        z = np.zeros(3, complex)
        z.real[:] = x
        z.real[0] *= 2.0
        v = z.real
        z[1] = x[0] * 1j + x[1]
        return np.sum(v**3) + np.sum(np.abs(z) ** 2)

    check_grads(f, (np.array([0.3, -0.7, 1.1]),), order=1)


def test_zero_has_the_slope_zero():
    z = np.array([0j, 1 + 1j])
    assert np.all(np.isfinite(grad(lambda z: np.sum(np.abs(z)))(z))) and grad(lambda z: np.sum(np.abs(z)))(z)[0] == 0
    assert grad(np.linalg.norm)(0 * z)[0] == 0


def test_what_is_refused():
    z = np.array([1 + 2j, 3 - 1j])
    with pytest.raises(NonScalarError, match="(?s)complex number.*holomorphic=True"):
        grad(lambda z: np.sum(z))(z)
    with pytest.raises(ArgumentError, match="is real, and a holomorphic function"):
        grad(lambda x: np.sum(x * 1j), holomorphic=True)(z.real)
    with pytest.raises(NoRuleError, match="np.maximum is known for real numbers only"):
        grad(lambda z: np.sum(np.abs(np.maximum(z, 1j))))(z)
    with pytest.raises(NoRuleError, match="np.sort is known for real numbers only"):
        grad(lambda z: np.abs(np.sort(z)[0]))(z)
    with pytest.raises(NoRuleError, match="np.correlate is known for real numbers only"):
        grad(lambda z: np.abs(np.correlate(z, z)[0]))(z)
    for matrix in (jacobian, jacfwd, jacrev):
        with pytest.raises(ArgumentError, match="(?s)are complex.*holomorphic=True"):
            matrix(np.conj)(z)
    with pytest.raises(ArgumentError, match="are complex"):
        hessian(power)(z)
    with pytest.raises(ArgumentError, match="complex, but the value is real"):
        vjp(power, z)[1](1j)


def writes_into_the_imaginary_part(x):
    z = x + 0j
    z.imag[0] = 2.0
    return np.sum(np.abs(z) ** 2)


def holds_an_imaginary_part(x):
    z = x * 1j
    v = z.imag
    z[0] = 3.0
    return np.sum(v**2)


@pytest.mark.parametrize("f", [writes_into_the_imaginary_part, holds_an_imaginary_part])
def test_imaginary_parts_of_what_is_written(f):
    with pytest.raises(AliasError, match="imaginary part"):
        grad(f)(np.array([1.0, 2.0]))
