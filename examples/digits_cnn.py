"""A small convolutional network for the handwritten digits that scikit-learn ships: trained, saved and loaded.

    python examples/digits_cnn.py [--epochs N] [--save FILE]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from srcgrad import nn


def digits_cnn(seed):
    """x (batch, 8, 8, 1) to logits (batch, 10)."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, rng=rng), nn.BatchNorm(32), nn.relu,
        nn.Conv2d(32, 32, 3, rng=rng), nn.BatchNorm(32), nn.relu, nn.MaxPool(2),
        nn.Conv2d(32, 64, 3, rng=rng), nn.BatchNorm(64), nn.relu, nn.MaxPool(2),
        nn.flatten, nn.Dropout(0.3, rng=rng), nn.Dense(2 * 2 * 64, 10, rng=rng),
    )  # fmt: skip


def loss(model, x, labels):
    return nn.cross_entropy(model(x), labels)


def digits():
    """Images of 8 x 8 pixels in float32, and what they show: for training and for testing."""
    images, labels = nn.load_dataset("digits", np.float32).fields
    return nn.split(nn.ArrayDataset(images.reshape(-1, 8, 8, 1) / 16, labels), (0.8, 0.2), seed=0)


def train(data, test, epochs):
    model = digits_cnn(seed=0)
    loader = nn.DataLoader(data, 64, seed=0)
    optimizer = nn.Adam(model, nn.cosine(3e-3, epochs * len(loader)))
    with threadpool_limits(1):  # products of matrices as small as these are no faster with more threads
        nn.fit(model, loss, loader, optimizer, epochs=epochs, validation=test, metrics=[nn.accuracy])
    return model


def accuracy(model, data):
    return nn.evaluate(model, loss, data, [nn.accuracy])["accuracy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training images (default: 20)")
    parser.add_argument("--save", type=Path, help="where to write the model (default: a temporary folder)")
    options = parser.parse_args()

    data, test = digits()
    model = train(data, test, options.epochs)
    print(f"test accuracy {accuracy(model, test):.2%}")

    with tempfile.TemporaryDirectory() as folder:
        path = options.save or Path(folder) / "digits.safetensors"
        nn.save(path, model)
        loaded = digits_cnn(seed=1)
        nn.load(path, loaded)
        print(f"saved {path.stat().st_size:,} bytes and loaded: test accuracy {accuracy(loaded, test):.2%}")


if __name__ == "__main__":
    main()
