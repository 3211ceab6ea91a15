"""MAML (Finn et al. 2017): a network that learns to learn, by the gradient through gradient steps.

    python examples/maml.py [--steps N]

Each task is a sine of its own amplitude and phase, known from ten points. The loss is that after some gradient steps on
these points; it is differentiated by where the steps start.
"""

import argparse

import numpy as np
from tqdm import tqdm

from srcgrad import grad, nn, value_and_grad


def predict(params, x):
    h = np.tanh(x @ params["w1"] + params["b1"])
    h = np.tanh(h @ params["w2"] + params["b2"])
    return h @ params["w3"] + params["b3"]


def error(params, x, y):
    return nn.mse(predict(params, x), y)


def adapted(params, x, y, steps):
    """The parameters after so many gradient steps on these points."""
    for _ in range(steps):
        d_params = grad(error)(params, x, y)
        params = {name: params[name] - 0.02 * d_params[name] for name in params}
    return params


@value_and_grad
def meta_loss(params, x, y, x_new, y_new):
    return error(adapted(params, x, y, 3), x_new, y_new)


def task(rng, points):
    amplitude, phase = rng.uniform(0.5, 2), rng.uniform(0, np.pi)
    x = rng.uniform(-3, 3, (points, 1))
    return x, amplitude * np.sin(x + phase)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000, help="steps of the outer loop (default: 3000)")
    steps = parser.parse_args().steps

    rng = np.random.default_rng(0)
    sizes = {"w1": (1, 40), "w2": (40, 40), "w3": (40, 1)}
    params = {name: nn.initialisers.glorot_normal(rng, shape, np.float64) for name, shape in sizes.items()}
    params |= {f"b{k}": np.zeros(sizes[f"w{k}"][1]) for k in (1, 2, 3)}
    optimiser = nn.Adam(params, nn.cosine(3e-3, steps))

    def after_steps():
        """The mean error on new tasks, from ten points each."""
        tests = np.random.default_rng(1)
        errors = []
        for _ in range(100):
            x, y = task(tests, 60)
            errors.append(error(adapted(params, x[:10], y[:10], 3), x[10:], y[10:]))
        return np.mean(errors)

    print(f"error after three steps on ten points, before training: {after_steps():.3f}")
    progress = tqdm(range(steps), desc="training", unit="step")
    for _ in progress:
        x, y = task(rng, 30)
        value, d_params = meta_loss(params, x[:10], y[:10], x[10:], y[10:])
        optimiser.step(d_params)
    print(f"after training: {after_steps():.3f}")


if __name__ == "__main__":
    main()
