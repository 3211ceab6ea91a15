"""A line fitted to points: y = 2 x + 3 from noisy examples, by the gradient of the mean squared error.

    python examples/line.py [--steps N]
"""

import argparse

import numpy as np

from srcgrad import value_and_grad


@value_and_grad(argnums=(0, 1))
def loss(slope, intercept, x, y):
    return np.mean((slope * x + intercept - y) ** 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500, help="gradient steps (default: 500)")
    steps = parser.parse_args().steps

    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 200)
    y = 2 * x + 3 + 0.1 * rng.standard_normal(200)

    slope, intercept = 0.0, 0.0
    for step in range(steps):
        value, (d_slope, d_intercept) = loss(slope, intercept, x, y)
        slope, intercept = slope - 0.1 * d_slope, intercept - 0.1 * d_intercept
        if step % 100 == 0:
            print(f"step {step:4}: loss {value:.5f}")
    print(f"\ny = {slope:.3f} x + {intercept:.3f}\n\nThe gradient, as srcgrad wrote it:\n\n{loss.source}")


if __name__ == "__main__":
    main()
