"""A small convolutional network that learns the 1797 handwritten digits which scikit-learn ships.

    python examples/digits_cnn.py [--epochs N] [--save FILE]

Trains, with a progress bar, on four fifths of the digits, each shifted by up to a pixel at random; saves the model,
loads it into a new one, and measures both on the rest.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from srcgrad import nn


class Classifier(nn.Module):
    """Images of 8 x 8 grey values, row by row, to a score for each digit."""

    first: nn.Conv2d
    second: nn.Conv2d
    third: nn.Conv2d
    last: nn.Dense

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.first = nn.Conv2d(1, 16, 3, rng=rng)
        self.second = nn.Conv2d(16, 32, 3, stride=2, rng=rng)
        self.third = nn.Conv2d(32, 64, 3, stride=2, rng=rng)
        self.last = nn.Dense(4 * 64, 10, rng=rng)

    def __call__(self, x):
        x = x.reshape(-1, 8, 8, 1) / 16
        for layer in (self.first, self.second, self.third):
            x = nn.relu(layer(x))
        return self.last(x.reshape(len(x), -1))


class Shifted:
    """Digits that are moved at random each time, by a pixel at most: a data set is whatever gives rows."""

    def __init__(self, digits, seed=0):
        self.digits = digits
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return len(self.digits)

    def __getitem__(self, rows):
        x, labels = self.digits[rows]
        padded = np.pad(x.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
        down, right = self.rng.integers(0, 3, (2, len(x), 1))
        image = np.arange(len(x))[:, None, None]
        pixel = np.arange(8)
        return padded[image, (pixel + down)[:, :, None], (pixel + right)[:, None, :]].reshape(-1, 64), labels


def loss(model, x, labels):
    return nn.cross_entropy(model(x), labels)


def accuracy(model, data):
    return nn.evaluate(model, loss, data, [nn.accuracy])["accuracy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60, help="passes over the training images (default: 60)")
    parser.add_argument("--save", type=Path, help="where to write the model (default: a temporary folder)")
    options = parser.parse_args()

    train, test = nn.split(nn.load_dataset("digits", "float32"), (0.8, 0.2), seed=0)
    batches = nn.DataLoader(Shifted(train), 32)
    model = Classifier()
    print(model.summary(), flush=True)
    optimizer = nn.Adam(model, nn.cosine(3e-3, options.epochs * len(batches)))
    with threadpool_limits(1):  # products of matrices as small as these are no faster with more threads
        nn.fit(model, loss, batches, optimizer, epochs=options.epochs, validation=test, metrics=[nn.accuracy])
    print(f"test accuracy {accuracy(model, test):.2%}")

    with tempfile.TemporaryDirectory() as folder:
        path = options.save or Path(folder) / "digits.safetensors"
        nn.save(path, model)
        loaded = Classifier(seed=1)
        nn.load(path, loaded)
        print(f"saved {path.stat().st_size:,} bytes and loaded: test accuracy {accuracy(loaded, test):.2%}")


if __name__ == "__main__":
    main()
