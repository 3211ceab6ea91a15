"""A linear classifier of two classes with the hinge loss: the breast cancer data that scikit-learn ships.

    python examples/hinge.py [--epochs N]
"""

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from srcgrad import nn, value_and_grad


@value_and_grad
def loss(model, x, sides):
    margin = nn.hinge(model(x)[:, 0], sides)
    return margin + 1e-3 * np.sum(model.weight**2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=50, help="passes over the training data (default: 50)")
    epochs = parser.parse_args().epochs

    x, labels = load_breast_cancer(return_X_y=True)
    sides = 2.0 * labels - 1
    x, x_test, sides, sides_test = train_test_split(x, sides, test_size=0.25, stratify=labels, random_state=0)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    x, x_test = (x - mean) / spread, (x_test - mean) / spread

    rng = np.random.default_rng(0)
    model = nn.Dense(x.shape[1], 1, rng=rng, dtype=np.float64)
    optimiser = nn.SGD(model, nn.cosine(0.05, epochs * len(x) // 32), momentum=0.9)
    progress = tqdm(range(epochs), desc="training", unit="epoch")
    for _ in progress:
        order = rng.permutation(len(x))
        for start in range(0, len(x), 32):
            chosen = order[start : start + 32]
            value, d_model = loss(model, x[chosen], sides[chosen])
            optimiser.step(d_model)
        progress.set_postfix(loss=f"{value:.4f}")
    right = np.mean(np.sign(model(x_test)[:, 0]) == sides_test)
    print(f"test accuracy {right:.1%}\n\nThe gradient of the loss:\n\n{loss.source}")


if __name__ == "__main__":
    main()
