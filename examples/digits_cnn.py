"""A small convolutional network for the handwritten digits that scikit-learn ships.

    python examples/digits_cnn.py [--epochs N]
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from srcgrad import nn, value_and_grad


def digits_cnn(rng):
    """x (batch, 8, 8, 1) to logits (batch, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, rng=rng), nn.BatchNorm(32), nn.relu,
        nn.Conv2d(32, 32, 3, rng=rng), nn.BatchNorm(32), nn.relu, nn.MaxPool(2),
        nn.Conv2d(32, 64, 3, rng=rng), nn.BatchNorm(64), nn.relu, nn.MaxPool(2),
        nn.flatten, nn.Dropout(0.3, rng=rng), nn.Dense(2 * 2 * 64, 10, rng=rng),
    )  # fmt: skip


@value_and_grad
def loss(model, x, labels):
    return nn.cross_entropy(model(x), labels)


def accuracy(model, x, labels):
    return np.mean(model.eval()(x).argmax(axis=1) == labels)


def digits():
    """Images of 8 x 8 pixels in float32, and what they show: for training and for testing."""
    images, labels = load_digits(return_X_y=True)
    x = (images.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    return train_test_split(x, labels, test_size=0.2, stratify=labels, random_state=0)


def train(epochs, batch=64):
    x, x_test, labels, labels_test = digits()
    rng = np.random.default_rng(0)
    model = digits_cnn(rng)
    optimiser = nn.Adam(model, nn.cosine(3e-3, epochs * -(-len(x) // batch)))
    progress = tqdm(range(epochs), desc="training", unit="epoch")
    for _ in progress:
        model.train()
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            chosen = order[start : start + batch]
            value, d_model = loss(model, x[chosen], labels[chosen])
            optimiser.step(d_model)
        progress.set_postfix(loss=f"{value:.4f}", accuracy=f"{accuracy(model, x_test, labels_test):.2%}")
    return accuracy(model, x_test, labels_test)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training images (default: 20)")
    print(f"test accuracy {train(parser.parse_args().epochs):.2%}")


if __name__ == "__main__":
    main()
