"""A physics-informed network (Raissi et al. 2019): a differential equation solved by training on its residual.

    python examples/pinn.py [--steps N]

The equation is u'' + 4 u = 3 sin(x) on (0, 3), with u(0) = 0 and u'(0) = 1; its solution is sin(x). The loss holds
second derivatives of the network in x, and is differentiated by the network's parameters, with SciPy's L-BFGS-B.
"""

import argparse

import numpy as np

from srcgrad import elementwise_grad, nn


def loss(model, x):
    def u(x):
        return model(x[:, None])[:, 0]

    du = elementwise_grad(u)
    residual = elementwise_grad(du)(x) + 4 * u(x) - 3 * np.sin(x)
    start = np.zeros(1)
    return np.mean(residual**2) + np.sum(u(start) ** 2) + np.sum((du(start) - 1) ** 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600, help="iterations of L-BFGS-B (default: 600)")
    steps = parser.parse_args().steps

    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Dense(1, 20, rng=rng), nn.tanh, nn.Dense(20, 20, rng=rng), nn.tanh, nn.Dense(20, 1, rng=rng),
    ).astype(np.float64)
    x = np.linspace(0, 3, 60)
    print(f"loss before {loss(model, x):.3g}")
    found = nn.minimize(loss, model, x, options={"maxiter": steps, "ftol": 0, "gtol": 1e-8})
    error = np.max(np.abs(model(x[:, None])[:, 0] - np.sin(x)))
    print(f"loss after {found.nit} iterations {found.fun:.3g}; largest error against sin(x): {error:.2g}")


if __name__ == "__main__":
    main()
