"""The tools that srcgrad is compared with, where they are installed: JAX, in float64 on the CPU, and HIPS autograd."""

from __future__ import annotations

import os

import measuring  # noqa: F401  (ahead of NumPy)

os.environ.setdefault("JAX_PLATFORMS", "cpu")

try:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
except ImportError:
    jax = jnp = None
try:
    import autograd
    import autograd.numpy as anp
except ImportError:
    autograd = anp = None

VERSIONS = [*([f"JAX {jax.__version__}"] if jax is not None else []), *(["autograd"] if autograd is not None else [])]
