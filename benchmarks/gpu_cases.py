"""What benchmarks/gpu.py measures: functions of one float32 argument or several, in NumPy, JAX and PyTorch.

Each case is one function. `numpy` is what srcgrad is given; where JAX or PyTorch need other statements (they have no
writes in place, or no loop that can be traced), they have a function of their own that computes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Make = Callable[[np.random.Generator, int], tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """numpy, jax, torch: the function, of the arguments; the peers' take their module first. make: the arguments for a
    size, arrays of float32 or int64 and ints; active: how many of the first are differentiated by. sizes: a small one
    and a large one. bytes, flops: what the gradient of a size has to move and compute at least, 0 where that is not
    what limits it. jit: whether JAX can compile it for reverse mode."""

    name: str
    numpy: Callable[..., Any]
    jax: Callable[..., Any] | None
    torch: Callable[..., Any] | None
    make: Make
    sizes: tuple[int, int]
    active: int = 1
    bytes: Callable[[int], float] = lambda n: 0.0
    flops: Callable[[int], float] = lambda n: 0.0


def f4(array: Any) -> Any:
    return np.asarray(array, np.float32)


# ---- elementwise --------------------------------------------------------------------------------------------------


def chain(x):
    y = np.tanh(x) * np.exp(-0.5 * x * x) + 0.1 * x
    return np.sum(y * y / (1 + y * y))


def chain_peer(xp, x):
    y = xp.tanh(x) * xp.exp(-0.5 * x * x) + 0.1 * x
    return xp.sum(y * y / (1 + y * y))


# ---- stencils -----------------------------------------------------------------------------------------------------


def stencil(u, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1, 1:-1] += 0.1 * (
            u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        ) + 0.01 * np.sin(u[1:-1, 1:-1])
    return np.sum(u * u)


def _rate(xp, u):
    middle = u[1:-1, 1:-1]
    flow = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * middle
    return 0.1 * flow + 0.01 * xp.sin(middle)


def stencil_jax(xp, u, steps):
    for _ in range(steps):
        u = u.at[1:-1, 1:-1].add(_rate(xp, u))
    return xp.sum(u * u)


def stencil_torch(xp, u, steps):
    for _ in range(steps):
        u = u + xp.nn.functional.pad(_rate(xp, u), (1, 1, 1, 1))
    return xp.sum(u * u)


# ---- networks -----------------------------------------------------------------------------------------------------


def mlp(w, x, y):
    h = x
    for k in range(w.shape[0]):
        h = np.maximum(h @ w[k], 0.0)
    return np.mean((h - y) ** 2)


def mlp_peer(xp, w, x, y):
    h = x
    for k in range(w.shape[0]):
        h = h @ w[k]
        h = h * (h > 0)
    return xp.mean((h - y) ** 2)


def convolution(kernel, image):
    channels, height, width = kernel.shape[1], kernel.shape[2], kernel.shape[3]
    rows, columns = image.shape[1] - height + 1, image.shape[2] - width + 1
    out = np.zeros((kernel.shape[0], rows * columns), image.dtype)
    for i in range(height):
        for j in range(width):
            window = image[:, i : i + rows, j : j + columns].reshape(channels, -1)
            out += kernel[:, :, i, j] @ window
    return np.mean(np.tanh(out))


def convolution_jax(xp, kernel, image):
    import jax

    out = jax.lax.conv_general_dilated(image[None], kernel, (1, 1), "VALID")
    return xp.mean(xp.tanh(out))


def convolution_torch(xp, kernel, image):
    return xp.mean(xp.tanh(xp.nn.functional.conv2d(image[None], kernel)))


def attention(q, k, v):
    scores = q @ np.swapaxes(k, -1, -2) / q.shape[-1] ** 0.5
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights = weights / np.sum(weights, axis=-1, keepdims=True)
    return np.mean((weights @ v) ** 2)


def attention_jax(xp, q, k, v):
    import jax

    weights = jax.nn.softmax(q @ xp.swapaxes(k, -1, -2) / q.shape[-1] ** 0.5, axis=-1)
    return xp.mean((weights @ v) ** 2)


def attention_torch(xp, q, k, v):
    return xp.mean(xp.nn.functional.scaled_dot_product_attention(q, k, v) ** 2)


# ---- science ------------------------------------------------------------------------------------------------------


def mixture(means, log_scales, logits, x):
    z = (x[:, None, :] - means) * np.exp(-log_scales)
    parts = logits - 0.5 * np.sum(z * z, axis=-1) - np.sum(log_scales, axis=-1)
    top = np.max(parts, axis=-1, keepdims=True)
    return -np.mean(top[:, 0] + np.log(np.sum(np.exp(parts - top), axis=-1)))


def mixture_jax(xp, means, log_scales, logits, x):
    import jax

    z = (x[:, None, :] - means) * xp.exp(-log_scales)
    parts = logits - 0.5 * xp.sum(z * z, axis=-1) - xp.sum(log_scales, axis=-1)
    return -xp.mean(jax.nn.logsumexp(parts, axis=-1))


def mixture_torch(xp, means, log_scales, logits, x):
    z = (x[:, None, :] - means) * xp.exp(-log_scales)
    parts = logits - 0.5 * xp.sum(z * z, dim=-1) - xp.sum(log_scales, dim=-1)
    return -xp.mean(xp.logsumexp(parts, dim=-1))


def bodies(x, steps):
    v = np.zeros_like(x)
    for _ in range(steps):
        gap = x[:, None, :] - x[None, :, :]
        pull = (np.sum(gap * gap, axis=-1) + 0.01) ** -1.5
        v = v - 0.001 * np.sum(gap * pull[:, :, None], axis=1)
        x = x + 0.01 * v
    return np.sum(x * x)


def bodies_peer(xp, x, steps):
    v = xp.zeros_like(x)
    for _ in range(steps):
        gap = x[:, None, :] - x[None, :, :]
        pull = (xp.sum(gap * gap, -1) + 0.01) ** -1.5
        v = v - 0.001 * xp.sum(gap * pull[:, :, None], 1)
        x = x + 0.01 * v
    return xp.sum(x * x)


def doubling(a):
    b = a * 2
    while np.linalg.norm(b) < 1e6:
        b = b * 2
    return np.sum(b if b.sum() > 0 else 100 * b)


def doubling_torch(xp, a):
    b = a * 2
    while xp.linalg.norm(b) < 1e6:
        b = b * 2
    return xp.sum(b if b.sum() > 0 else 100 * b)


# ---- all ----------------------------------------------------------------------------------------------------------


def one(rng, n):
    return (f4(rng.standard_normal(n)),)


def field(rng, n):
    return f4(rng.standard_normal((n, n))), 20


def layers(rng, n):
    w = rng.standard_normal((4, n, n)) * (2 / n) ** 0.5
    return f4(w), f4(rng.standard_normal((n, n))), f4(rng.standard_normal((n, n)))


def picture(rng, n):
    return f4(rng.standard_normal((32, 16, 3, 3)) * 0.1), f4(rng.standard_normal((16, n, n)))


def heads(rng, n):
    return tuple(f4(rng.standard_normal((8, n, 64))) for _ in range(3))


def points(rng, n):
    k, d = 16, 8
    return (
        f4(rng.standard_normal((k, d))), f4(0.1 * rng.standard_normal((k, d))), f4(rng.standard_normal(k)),
        f4(rng.standard_normal((n, d))),
    )  # fmt: skip


def cloud(rng, n):
    return f4(rng.standard_normal((n, 3))), 5


CASES = [
    Case("elementwise chain", chain, chain_peer, chain_peer, one, (1_000, 1 << 25), bytes=lambda n: 8.0 * n),
    Case("stencil in place, 20 steps", stencil, stencil_jax, stencil_torch, field, (32, 4096),
         bytes=lambda n: 20 * 16.0 * n * n),
    Case("MLP, 4 layers", mlp, mlp_peer, mlp_peer, layers, (64, 4096), flops=lambda n: 3 * 4 * 2.0 * n**3),
    Case("convolution 3x3, 16 to 32", convolution, convolution_jax, convolution_torch, picture, (32, 1024),
         flops=lambda n: 2 * 2.0 * 32 * 16 * 9 * (n - 2) ** 2),
    Case("attention, 8 heads of 64", attention, attention_jax, attention_torch, heads, (32, 2048), active=3,
         flops=lambda n: 3 * 2 * 2.0 * 8 * 64 * n * n),
    Case("mixture of 16 Gaussians", mixture, mixture_jax, mixture_torch, points, (100, 1 << 20), active=3,
         bytes=lambda n: 2 * 4.0 * 16 * 8 * n),
    Case("n-body, 5 steps", bodies, bodies_peer, bodies_peer, cloud, (16, 4096), bytes=lambda n: 5 * 2 * 12.0 * n * n),
    Case("while loop", doubling, None, doubling_torch, one, (10, 1 << 22)),
]  # fmt: skip
