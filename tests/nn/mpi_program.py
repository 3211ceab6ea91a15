"""What the tests run under mpiexec: `mpi_program.py TASK FOLDER`. The first process writes what it found there."""

import os
import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

from srcgrad import nn
from tests.nn.models import arrays, loss, network, noisy, points

WORLD = MPI.COMM_WORLD
OPTIONS = dict(batch_size=11, progress=False)  # the last batch of 23 rows has one: nothing for the second process


def trained(model, optimizer, comm, **options):
    history = nn.fit(model, loss, points(), optimizer, comm=comm, **{"epochs": 3, **OPTIONS, **options})
    return arrays(model), history


def resume(folder):
    """A run with random numbers that was interrupted: bit for bit that which was not."""
    model = noisy()
    whole, _ = trained(model, nn.Adam(model), WORLD, epochs=4)
    for epochs, seed in (2, 0), (4, 1):
        model = noisy(seed)
        file = folder / ("run" if WORLD.rank == 0 else "no such folder/run")  # only the first one reads and writes
        resumed, _ = trained(model, nn.Adam(model), WORLD, epochs=epochs, checkpoint=file, resume=True)
    assert all((whole[name] == resumed[name]).all() for name in whole)


def train(folder):
    """The same as one process: with several buckets, shares of batches that differ, validation."""
    resume(folder)
    nn.parallel.BUCKET = 100  # bytes: several parameters, and one
    model = network(WORLD.rank)  # the first one's counts
    made, history = trained(model, nn.Adam(model, 0.05), WORLD, validation=points(11, seed=4), metrics=[nn.accuracy])
    everywhere = WORLD.allgather({name: array.tobytes() for name, array in made.items()})
    assert all(other == everywhere[0] for other in everywhere)
    if WORLD.rank == 0:
        history.write_csv(folder / "history.csv")
        np.savez(folder / "model.npz", **made)


class Failing(nn.Callback):
    """Fails in one process while the other sends its gradient of the next step."""

    def __init__(self, fail):
        self.fail = fail

    def on_step(self, run):
        if run.rank == 1 and run.step == 2:
            self.fail()


def raise_error():
    raise RuntimeError("process 1 fails in a step")


def raises(folder):
    model = network()
    trained(model, nn.SGD(model), WORLD, callbacks=[Failing(raise_error)])


def raises_afterwards(folder):
    model = network()
    trained(model, nn.SGD(model), WORLD)
    if WORLD.rank == 1:
        raise RuntimeError("process 1 fails after the training")
    WORLD.barrier()


def exits(folder):
    model = network()
    trained(model, nn.SGD(model), WORLD, callbacks=[Failing(lambda: os._exit(3))])


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
