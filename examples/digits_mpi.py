"""A classifier of handwritten digits that several processes train together.

    mpiexec -n 2 python examples/digits_mpi.py [--epochs N]

Each process has the same data and works on its rows of every batch; the gradients are summed through MPI. Without
mpiexec it is one process that does all. `pip install "srcgrad[nn,mpi]"` brings MPI itself, too.
"""

import argparse

from mpi4py import MPI

from srcgrad import nn


class Classifier(nn.Module):
    layers: nn.Sequential

    def __call__(self, x):
        return self.layers(x / 16)


def loss(model, x, labels):
    return nn.cross_entropy(model(x), labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training images (default: 30)")
    epochs = parser.parse_args().epochs

    train, test = nn.split(nn.load_dataset("digits", "float32"), (0.8, 0.2), seed=0)
    model = Classifier(nn.Sequential(nn.Dense(64, 128, rng=0), nn.relu, nn.Dense(128, 10, rng=1)))
    world = MPI.COMM_WORLD
    history = nn.fit(model, loss, train, nn.Adam(model, 3e-3), epochs=epochs, batch_size=64, comm=world)
    if world.rank == 0:
        found = nn.evaluate(model, loss, test, [nn.accuracy])
        print(f"{world.size} processes: training loss {history['loss'][-1]:.6f}, test accuracy {found['accuracy']:.2%}")


if __name__ == "__main__":
    main()
