"""Training in several processes: the same result as in one, and an end where one of them fails."""

import csv
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from srcgrad import nn
from srcgrad.errors import ArgumentError
from srcgrad.nn import parallel
from tests.nn.models import arrays, loss, network, points

ROOT = Path(__file__).parents[2]
MPIEXEC = Path(sys.executable).with_name("mpiexec")
processes = pytest.mark.skipif(sys.platform == "win32", reason="MPICH's package is for POSIX systems")


def mpiexec(*command):
    """Run a Python program in two processes; a run that hangs is an error."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [str(MPIEXEC), "-n", "2", sys.executable, *map(str, command)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)


def program(task, folder):
    return mpiexec("tests/nn/mpi_program.py", task, folder)


@processes
def test_is_the_run_of_one_process_and_goes_on_where_it_stopped(tmp_path):
    ran = program("train", tmp_path)
    assert ran.returncode == 0, ran.stderr
    model = network()
    history = nn.fit(model, loss, points(), nn.Adam(model, 0.05), epochs=3, batch_size=11, progress=False,
                     validation=points(11, seed=4), metrics=[nn.accuracy])  # fmt: skip
    with np.load(tmp_path / "model.npz") as found:
        assert set(found) == set(arrays(model))
        for name, array in arrays(model).items():
            np.testing.assert_allclose(found[name], array, rtol=1e-10, err_msg=name)
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for name in "loss", "val_loss", "val_accuracy":
        np.testing.assert_allclose([float(row[name]) for row in rows], history[name], rtol=1e-10)


@processes
@pytest.mark.parametrize("task, message", [
    ("raises", "RuntimeError: process 1 fails in a step"),
    ("raises_afterwards", "RuntimeError: process 1 fails after the training"),
    ("exits", ""),
])  # fmt: skip
def test_a_process_that_fails_ends_all(tmp_path, task, message):
    ran = program(task, tmp_path)
    assert ran.returncode != 0
    assert message in ran.stderr


@processes
def test_the_example():
    ran = mpiexec("examples/digits_mpi.py", "--epochs", "2")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("2 processes: training loss") == 1
    assert ran.stderr.count("epoch 2/2: 100%") <= 2  # one bar, printed as it goes on


def test_without_mpi4py_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.delitem(sys.modules, "mpi4py.MPI", raising=False)
    several = types.SimpleNamespace(Get_size=lambda: 2, Get_rank=lambda: 0)
    model = network()
    with pytest.raises(ImportError, match=r'fit\(comm=...\) needs mpi4py: pip install "srcgrad\[mpi\]"'):
        nn.fit(model, loss, points(), nn.SGD(model), comm=several)


def test_processes_that_do_not_do_the_same_are_named():
    model = network()
    ranks = object.__new__(parallel.Ranks)
    ranks.comm = types.SimpleNamespace(allgather=lambda own: [{**own, "batch_size": 16}, own])
    with pytest.raises(ArgumentError, match="batch_size of rank 1 and of rank 0 differ: 32 and 16"):
        ranks.begin(model, nn.SGD(model), {"batch_size": 32})
    ranks.comm = types.SimpleNamespace(allgather=lambda own: [own, {**own, "the array more": ((2,), "float64")}])
    with pytest.raises(ArgumentError, match=r"the array more of rank 1 .* differ: \(\(2,\), 'float64'\) and None"):
        ranks.begin(model, nn.SGD(model), {})


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "SFC64"])
def test_each_process_has_random_numbers_of_its_own(kind):
    """That SFC64 cannot jump is said in the documentation."""
    made = []
    for rank in range(3):
        model = nn.Sequential(nn.Dropout(0.5, rng=np.random.Generator(getattr(np.random, kind)(1))), network())
        ranks = object.__new__(parallel.Ranks)
        ranks.comm, ranks.rank, ranks.buckets = types.SimpleNamespace(bcast=lambda value: value), rank, []
        ranks.new_epoch(model)
        made.append(model.layers[0].rng.random(5))
    assert (made[0] == np.random.Generator(getattr(np.random, kind)(1)).random(5)).all()
    assert (made[0] == made[1]).all() == (made[1] == made[2]).all() == (kind == "SFC64")


# ---- memory of a GPU, without one -------------------------------------------------------------------------------


class OnGpu(np.ndarray):
    """An array of a module that is not NumPy."""


class Recording:
    """A communicator of two that sees what it is given, and doubles it: the other process has the same."""

    def __init__(self, log):
        self.log = log

    def Iallreduce(self, place, buffer, op):
        self.log.append((place, type(buffer), buffer.size, buffer.flags.c_contiguous))
        buffer *= 2


def test_what_lives_on_a_gpu_is_sent_from_there_when_it_has_been_written(monkeypatch):
    log = []
    stream = types.SimpleNamespace(synchronize=lambda: log.append("finished"))
    module = types.SimpleNamespace(cuda=types.SimpleNamespace(get_current_stream=lambda: stream))
    monkeypatch.setitem(sys.modules, "gpu_arrays", module)
    monkeypatch.setattr(OnGpu, "__module__", "gpu_arrays.core")
    gradient = {name: np.full((3, 2), value).view(OnGpu) for name, value in {"a": 1.0, "b": 2.0}.items()}
    ranks = object.__new__(parallel.Ranks)
    ranks.comm = Recording(log)
    ranks.mpi = types.SimpleNamespace(IN_PLACE="in place", SUM="sum", Request=types.SimpleNamespace(Waitall=len))
    ranks.buckets = parallel._buckets(gradient)
    value, summed = ranks.summed(4.0, gradient, 0.5)
    assert value == 4.0 and log == [("in place", np.ndarray, 1, True), "finished", ("in place", OnGpu, 12, True)]
    for name in gradient:
        np.testing.assert_array_equal(summed[name], gradient[name], strict=True)


def test_buckets_hold_parameters_of_one_dtype_up_to_a_size(monkeypatch):
    monkeypatch.setattr(parallel, "BUCKET", 80)
    sizes = {"a": (5, 8), "b": (4, 4), "c": (6, 8), "d": (30, 8), "e": (1, 8), "f": (0, 8), "g": (3, 4)}
    made = parallel._buckets({name: np.zeros(count, f"f{width}") for name, (count, width) in sizes.items()})
    assert [list(bucket.places) for bucket in made] == [["a", "c"], ["d"], ["e", "f"], ["b", "g"]]
    assert all(np.shares_memory(place, bucket.flat) or place.size == 0
               for bucket in made for place in bucket.places.values())  # fmt: skip
