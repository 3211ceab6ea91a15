"""A neural ODE (Chen et al. 2018): a network as the right-hand side, through an integrator that chooses its steps.

    python examples/neural_ode.py [--steps N]

The data are points of a damped oscillator. The gradient goes through the integrator's loop, by the steps that it took.
"""

import argparse

import numpy as np
from tqdm import tqdm

from srcgrad import nn, stop_gradient, value_and_grad


def integrate(f, y, start, end, tolerance=1e-4):
    """y at `end`, by the method of Bogacki and Shampine (1989): third order, with an error estimate of second order."""
    t, h = start, 0.2
    while t < end:
        h = min(h, end - t)
        k1 = f(y)
        k2 = f(y + 0.5 * h * k1)
        k3 = f(y + 0.75 * h * k2)
        new = y + h * (2 / 9 * k1 + 1 / 3 * k2 + 4 / 9 * k3)
        k4 = f(new)
        missed = h * (-5 / 72 * k1 + 1 / 12 * k2 + 1 / 9 * k3 - 1 / 8 * k4)
        error = float(np.max(np.abs(stop_gradient(missed)))) / tolerance
        if error <= 1:
            t, y = t + h, new
        h = h * min(3.0, max(0.3, 0.9 * (error + 1e-9) ** (-1 / 3)))
    return y


def trajectory(model, y, times):
    points = [y]
    for k in range(len(times) - 1):
        y = integrate(model, y, times[k], times[k + 1])
        points.append(y)
    return np.stack(points)


@value_and_grad
def loss(model, y, times, seen):
    return nn.mse(trajectory(model, y, times), seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300, help="training steps (default: 300)")
    steps = parser.parse_args().steps

    rng = np.random.default_rng(0)
    times = np.linspace(0, 6, 25)
    damped = np.array([[-0.2, -1.5], [1.5, -0.2]])
    first = np.array([[1.0, 0.0]])
    seen = trajectory(lambda y: y @ damped, first, times)
    model = nn.Sequential(nn.Dense(2, 32, rng=rng), nn.tanh, nn.Dense(32, 2, rng=rng)).astype(np.float64)
    optimiser = nn.Adam(model, nn.cosine(2e-2, steps))
    losses, progress = [], tqdm(range(steps), desc="training", unit="step")
    for step in progress:
        count = min(25, 5 + step // 5)  # the first points first: the start of the path decides the rest
        value, d_model = loss(model, first, times[:count], seen[:count])
        nn.clip_by_norm(d_model, 1.0)
        optimiser.step(d_model)
        losses.append(float(value))
        progress.set_postfix(loss=f"{value:.5f}")
    error = nn.mse(trajectory(model, first, times), seen)
    print(f"loss of the first step {losses[0]:.4f}; at the end, over the whole path, {error:.6f}")


if __name__ == "__main__":
    main()
