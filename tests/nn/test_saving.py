"""Files of models: what comes back, what is refused, and what stands on the disk when something goes wrong."""

import os
import pickle

import numpy as np
import pytest

from srcgrad import nn
from srcgrad.nn import CheckpointError
from tests.nn.models import arrays, assert_same, loss, network, noisy, points


class Everything(nn.Module):
    """Arrays of many shapes, dtypes and layouts, trained and not."""

    weights: dict
    mean: np.ndarray = nn.static()
    count: np.ndarray = nn.static()
    rng: np.random.Generator = nn.static()


def everything(seed):
    rng = np.random.default_rng(seed)
    weights = {
        "fortran": np.asfortranarray(rng.random((3, 4))), "number": np.array(rng.random()), "none": np.zeros((0, 3)),
        "every other": rng.random(10)[::2], "single": rng.random((2, 3, 4), np.float32).transpose(2, 0, 1),
        "half": rng.random(5).astype(np.float16), "inf": np.array([np.inf, -0.0, np.nan]),
    }  # fmt: skip
    return Everything(weights, rng.random(4), np.array([seed, 7]), rng)


def test_all_comes_back(tmp_path):
    saved, loaded = everything(1), everything(2)
    names = nn.named_arrays(loaded)
    other_rng = np.random.Generator(np.random.MT19937(5))
    rng = np.random.Generator(np.random.MT19937(6))
    rng.standard_normal(3)
    extra = {"note": [1, None, np.float32(0.5)]}
    nn.save(tmp_path / "model", saved, epoch=4, rng=rng, extra=extra, arrays={"a.b": np.arange(3)})
    found = nn.load(tmp_path / "model", loaded, rng=other_rng)
    assert (found.epoch, found.extra, found.arrays["a.b"].tolist()) == (4, {"note": [1, None, 0.5]}, [0, 1, 2])
    assert_same(arrays(saved), arrays(loaded))
    assert all(array is names[name] for name, array in nn.named_arrays(loaded).items())  # written in place
    assert (rng.random(700) == other_rng.random(700)).all()
    assert (saved.rng.random(9) == loaded.rng.random(9)).all()


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_random_state_of_each_kind(tmp_path, kind):
    rng, other = (np.random.Generator(getattr(np.random, kind)(seed)) for seed in (1, 2))
    rng.integers(0, 3, dtype=np.int32)  # leaves half of a word behind
    nn.save(tmp_path / "model", network(), rng=rng)
    nn.load(tmp_path / "model", network(), rng=other)
    assert (rng.integers(0, 9, 50, dtype=np.int32) == other.integers(0, 9, 50, dtype=np.int32)).all()


@pytest.mark.parametrize("make", [
    lambda model: nn.SGD(model, 0.1), lambda model: nn.SGD(model, 0.1, momentum=0.9), lambda model: nn.Adam(model, 0.1),
])  # fmt: skip
def test_a_resumed_run_is_the_same_bit_for_bit(tmp_path, make):
    held_out = points(9, seed=5)

    def run(model, epochs, **options):
        stopping = nn.EarlyStopping(patience=50)
        history = nn.fit(model, loss, points(), make(model), epochs=epochs, batch_size=4, progress=False,
                         validation=held_out, callbacks=[stopping], **options)  # fmt: skip
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in history]
        return arrays(model), rows, (stopping.best, stopping.best_epoch), model.layers[3].rng.bit_generator.state

    whole = run(noisy(), 6)
    file = tmp_path / "run.safetensors"
    run(noisy(), 2, checkpoint=file, resume=True)  # there is no file yet
    run(noisy(5), 3, checkpoint=file, resume=True)
    resumed = run(noisy(6), 6, checkpoint=file, resume=True)
    assert_same(whole[0], resumed[0])
    assert whole[1:] == resumed[1:]
    again = run(noisy(7), 6, checkpoint=file, resume=True)  # nothing is left to do
    assert_same(whole[0], again[0])


def test_a_run_that_was_stopped_stays_stopped(tmp_path):
    options = dict(batch_size=4, progress=False, checkpoint=tmp_path / "run", resume=True)
    for _ in range(2):
        model = network()
        history = nn.fit(model, loss, points(), nn.Adam(model), epochs=9,
                         callbacks=[lambda run: run.epoch == 2 and run.stop("enough")], **options)  # fmt: skip
        assert len(history) == 2


# ---- what is refused --------------------------------------------------------------------------------------------


def refused(path, model, message, error=CheckpointError, **options):
    before = arrays(model)
    optimizer = options.get("optimizer")
    state = None if optimizer is None else optimizer.state()
    with pytest.raises(error, match=message):
        nn.load(path, model, **options)
    assert_same(before, arrays(model))
    if optimizer is not None:
        assert_same(state, optimizer.state())


def deeper():
    model = network()
    model.layers.append(nn.Dense(2, 2, rng=0, dtype=np.float64))
    return model


def wider():
    return nn.Sequential(nn.Dense(3, 5, rng=0, dtype=np.float64), np.tanh, nn.Dense(5, 4, rng=0, dtype=np.float64))


@pytest.mark.parametrize("saved, other, message", [
    (network, deeper, r"has no layers\.3\.weight, which the model has, of shape \(2, 2\)"),
    (deeper, network, r"layers\.3\.bias in .* has no place in the model"),
    (network, wider, r"layers\.2\.weight in .* has shape \(5, 2\), and \(5, 4\) in the model"),
    (network, lambda: network(dtype=np.float32), r"layers\.0\.weight in .* has dtype float64, and float32 .*astype"),
    (noisy, lambda: nn.Sequential(network()), "has no layers.0.layers.0.weight"),
])  # fmt: skip
def test_a_model_of_another_structure(tmp_path, saved, other, message):
    nn.save(tmp_path / "model", saved())
    refused(tmp_path / "model", other(), message)


def test_random_generators_that_do_not_fit(tmp_path):
    class Drawing(nn.Module):
        rng: object = nn.static()

    nn.save(tmp_path / "model", Drawing(np.random.default_rng(1)), rng=np.random.default_rng(1))
    refused(tmp_path / "model", Drawing(None), "rng holds a random generator only in the file")
    philox = np.random.Generator(np.random.Philox(1))
    refused(tmp_path / "model", Drawing(philox), "rng is a PCG64 in .*, and a Philox here")
    nn.save(tmp_path / "plain", network())
    refused(tmp_path / "plain", network(), "no state of a random generator", rng=philox)


def test_an_optimiser_that_does_not_fit(tmp_path):
    model = network()
    adam = nn.Adam(model, 0.01)
    nn.fit(model, loss, points(), adam, epochs=1, progress=False)
    nn.save(tmp_path / "adam", model, optimizer=adam)
    nn.save(tmp_path / "none", model)
    other = network(5)
    refused(tmp_path / "adam", other, "the state of Adam, not of SGD", optimizer=nn.SGD(other))
    refused(tmp_path / "none", other, "no state of an optimiser", optimizer=nn.Adam(other))
    stranger = wider()
    refused(tmp_path / "adam", other, r"layers\.2\.bias has shape \(2,\), .* has \(4,\)", optimizer=nn.Adam(stranger))


def test_a_file_that_was_cut_off_at_any_place(tmp_path):
    model, path = network(), tmp_path / "model"
    nn.save(path, model)
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for length in [0, 1, 7, 8, 9, header - 1, header, header + 1, len(whole) - 1]:
        path.write_bytes(whole[:length])
        message = "is cut off within model" if length >= header else "cut off within its header|no safetensors"
        refused(path, network(3), message)
    path.write_bytes(whole)
    nn.load(path, network(3))


def test_a_file_that_was_cut_off_names_the_tensor(tmp_path):
    path = tmp_path / "model"
    nn.save(path, nn.Sequential(nn.Dense(4, 4, rng=0), nn.Dense(4, 4, rng=0)))
    path.write_bytes(path.read_bytes()[:-70])
    model = nn.Sequential(nn.Dense(4, 4, rng=1), nn.Dense(4, 4, rng=1))
    refused(path, model, r"is cut off within model\.layers\.1\.bias: it has \d+ bytes of \d+")


@pytest.mark.parametrize("content", [
    b"", b"abc", bytes(500), pickle.dumps([1, 2, 3] * 40), b"PK\3\4" + bytes(90), np.random.default_rng(0).bytes(999),
    (30).to_bytes(8, "little") + b'{"a":[1,2,3]}' + b" " * 17, (2).to_bytes(8, "little") + b"{}",
    (400).to_bytes(8, "little") + b'{"a": {"dtype": "F32"' + b" " * 379,
])  # fmt: skip
def test_a_foreign_file(tmp_path, content):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    refused(path, network(), "foreign (is no safetensors file|is cut off|is a safetensors file that srcgrad did not)")


def test_a_file_of_another_program(tmp_path):
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in arrays(network()).items()}, tmp_path / "file")
    refused(tmp_path / "file", network(), "that srcgrad did not write")
    save_file({"a": np.ones(2)}, tmp_path / "file", {"format": "srcgrad", "version": "99", "header": "{}"})
    refused(tmp_path / "file", network(), "version 99 of the format")


def test_no_file_and_a_folder(tmp_path):
    refused(tmp_path / "nothing", network(), "nothing", FileNotFoundError)
    refused(tmp_path, network(), "is a folder")
    with pytest.raises(FileNotFoundError):
        nn.save(tmp_path / "no folder" / "model", network())


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="model.a has the dtype complex128"):
        nn.save(tmp_path / "model", {"a": np.ones(2, complex)})
    with pytest.raises(TypeError, match="a header holds what JSON can hold, and a object is not"):
        nn.save(tmp_path / "model", network(), extra=object())
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_the_last_checkpoint_stays_whole_where_writing_fails(tmp_path, monkeypatch, step, error):
    path = tmp_path / "model"
    nn.save(path, network(1), epoch=1)

    def fail(*_):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail)
        with pytest.raises(type(error)):
            nn.save(path, network(2), epoch=2)
    assert os.listdir(tmp_path) == ["model"]
    model = network(3)
    assert nn.load(path, model).epoch == 1
    assert_same(arrays(model), arrays(network(1)))


def test_resume_with_other_callbacks_or_another_file(tmp_path):
    path, model = tmp_path / "run", network()
    options = dict(epochs=1, progress=False, checkpoint=path, resume=True)
    nn.fit(model, loss, points(), nn.SGD(model), **options)
    with pytest.raises(nn.CheckpointError, match=r"had the callbacks \[\], and this one has \['EarlyStopping'\]"):
        nn.fit(model, loss, points(), nn.SGD(model), callbacks=[nn.EarlyStopping("loss")], **options)
    optimizer = nn.SGD(model)
    nn.save(path, model, optimizer=optimizer)
    with pytest.raises(nn.CheckpointError, match="written by save, not by fit"):
        nn.fit(model, loss, points(), optimizer, **options)
