"""fit: what it does to the model, what it measures, and where it stops."""

import math
import signal
import threading

import numpy as np
import pytest

import srcgrad
from srcgrad import nn
from srcgrad.errors import ArgumentError, NonFiniteError
from srcgrad.nn.state import named_generators
from tests.nn.models import arrays, assert_same, loss, network, noisy, points


def fit(model, **options):
    given = {"epochs": 3, "batch_size": 4, "progress": False, "optimizer": nn.Adam(model, 0.01), **options}
    return nn.fit(model, given.pop("loss", loss), given.pop("data", points()), **given)


def test_is_the_plain_loop():
    ours, plain = network(), network()
    optimizer, step = nn.Adam(plain, 0.01), srcgrad.value_and_grad(loss)
    means = []
    loader = nn.DataLoader(points(), 4, seed=7)
    for _ in range(3):
        losses = []
        for x, y in loader:
            value, gradient = step(plain, x, y)
            optimizer.step(gradient)
            losses.append((value, len(x)))
        means.append(sum(value * rows for value, rows in losses) / 23)
    history = fit(ours, seed=7)
    assert_same(arrays(ours), arrays(plain))
    np.testing.assert_allclose(history["loss"], means, rtol=1e-12)


@pytest.mark.parametrize("data", [points(), points().fields, nn.split(points(), (1.0,), None)[0],
                                  nn.DataLoader(points(), 4, prefetch=2)])  # fmt: skip
def test_takes_data_of_each_kind(data):
    one, other = network(), network()
    fit(one)
    if isinstance(data, nn.DataLoader):
        fit(other, data=data, batch_size=None)
    else:
        fit(other, data=data)
    assert_same(arrays(one), arrays(other))


def test_takes_a_gradient_function_and_gives_the_same():
    one, other = network(), network()
    fit(one)
    fit(other, loss=srcgrad.grad(loss))
    assert_same(arrays(one), arrays(other))


def test_learns_and_measures():
    model = network()
    train, held_out = nn.split(points(200), (0.8, 0.2))
    history = fit(model, data=train, validation=held_out, metrics=[nn.accuracy, nn.f1], epochs=20, batch_size=16)
    assert history.names == ["epoch", "loss", "val_loss", "val_accuracy", "val_f1", "seconds"]
    assert history["epoch"].tolist() == list(range(1, 21))
    assert history["val_loss"][-1] < 0.5 * history["val_loss"][0] and history["val_accuracy"][-1] > 0.9
    x, y = held_out[:]
    found = nn.evaluate(model, loss, held_out, {"right": nn.accuracy, "table": nn.confusion_matrix})
    assert found["loss"] == pytest.approx(loss(model, x, y)) == pytest.approx(history["val_loss"][-1])
    assert found["right"] == history["val_accuracy"][-1] == np.mean(model(x).argmax(axis=1) == y)
    assert found["table"].sum() == len(y)


def test_is_deterministic():
    runs = []
    for _ in range(2):
        model = noisy()
        history = fit(model, validation=points(5, seed=1))
        runs.append((arrays(model), history["loss"], history["val_loss"]))
    assert_same(runs[0][0], runs[1][0])
    np.testing.assert_array_equal(runs[0][1:], runs[1][1:])


def test_modules_work_as_in_use_on_validation_data_and_afterwards_as_before():
    model = noisy()
    measured = [fit(model, validation=points(), epochs=1)["val_loss"][0], nn.evaluate(model, loss, points())["loss"]]
    assert measured[0] == pytest.approx(measured[1], rel=1e-12)
    assert model.training
    model.eval()
    before = states(model)
    fit(model, epochs=1)
    assert not model.training and all((before[name] != array).any() for name, array in states(model).items())


def test_frozen_parts_stay():
    model = network().freeze("layers.0")
    before = arrays(model)
    fit(model)
    changed = {name for name, array in arrays(model).items() if (array != before[name]).any()}
    assert changed == {"layers.2.weight", "layers.2.bias"}


def test_clip_bounds_the_norm_of_what_is_trained():
    model, other = network().freeze("layers.2"), network().freeze("layers.2")
    x, y = points().fields
    gradient = srcgrad.grad(loss)(model, x, y)
    trained = [gradient.layers[0].weight, gradient.layers[0].bias]
    norm = math.sqrt(sum(np.sum(array**2) for array in trained))
    for limit, factor in (norm / 2, 0.5), (norm * 2, 1.0):
        before, model = arrays(other), network().freeze("layers.2")
        fit(model, epochs=1, batch_size=23, optimizer=nn.SGD(model, 1.0), clip=limit)
        for name, array in zip(("weight", "bias"), trained, strict=True):
            expected = before[f"layers.0.{name}"] - factor * array
            np.testing.assert_allclose(arrays(model)[f"layers.0.{name}"], expected, rtol=1e-10)


class Watching(nn.Callback):
    def __init__(self):
        self.calls = []

    def on_start(self, run):
        self.calls.append("start")

    def on_step(self, run):
        self.calls.append(run.step)

    def on_epoch(self, run):
        self.calls.append(f"epoch {run.epoch}")
        if run.epoch == 2:
            run.stop("enough")

    def on_end(self, run):
        self.calls.append(f"end: {run.stopped}")


def test_callbacks_are_called_and_may_stop():
    watching, epochs = Watching(), []
    history = nn.History()
    made = fit(network(), batch_size=12, callbacks=[watching, lambda run: epochs.append(run.epoch)], history=history)
    assert watching.calls == ["start", 1, 2, "epoch 1", 3, 4, "epoch 2", "end: enough"]
    assert epochs == [1, 2] and made is history and len(history) == 2


def test_early_stopping_gives_the_best_epoch_back():
    model, held_out = network(), points(5, seed=9)
    kept = []
    stopping = nn.EarlyStopping(patience=3, min_delta=0.001)
    history = fit(model, data=points(8), validation=held_out, epochs=200, optimizer=nn.Adam(model, 0.3),
                  callbacks=[stopping, lambda run: kept.append(arrays(run.model))])  # fmt: skip
    values = history["val_loss"]
    assert len(history) < 200
    assert len(history) == stopping.best_epoch + 3
    assert stopping.best == values[stopping.best_epoch - 1]
    assert (values[stopping.best_epoch :] > stopping.best - 0.001).all()
    assert_same(arrays(model), kept[stopping.best_epoch - 1])


def test_early_stopping_on_what_is_to_grow():
    rows = iter([0.1, 0.5, math.nan, 0.4, 0.9])
    stopping = nn.EarlyStopping("val_score", patience=2, mode="max", restore_best=False)
    history = fit(network(), validation=points(), metrics={"score": lambda *_: next(rows)}, epochs=5,
                  callbacks=[stopping])  # fmt: skip
    assert len(history) == 4 and (stopping.best, stopping.best_epoch) == (0.5, 2)


def test_the_rate_is_reduced_on_a_plateau():
    values = iter([1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.4, 0.5, 0.5])
    model, rates = network(), []
    optimizer = nn.SGD(model, 0.1)
    plateau = nn.ReduceOnPlateau("val_score", factor=0.5, patience=1, least=0.25)
    fit(model, optimizer=optimizer, validation=points(), metrics={"score": lambda *_: next(values)}, epochs=9,
        callbacks=[plateau, lambda run: rates.append(run.optimizer.rate(0))])  # fmt: skip
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025, 0.025])
    assert optimizer.rate(0) == 0.1


def test_averages_of_the_weights():
    model = noisy()
    average = nn.Average(model, 0.5)
    means = {name: array.copy() for name, array in model.named_parameters().items()}

    def follow(run):
        for name, array in run.model.named_parameters().items():
            stays = min(0.5, (1 + run.epoch) / (10 + run.epoch))
            means[name] += (1 - stays) * (array - means[name])

    fit(model, batch_size=100, callbacks=[average, follow], checkpoint=None)
    assert_same(average.model.named_parameters(), means)
    np.testing.assert_array_equal(average.model.layers[1].running_mean, model.layers[1].running_mean)


@pytest.mark.parametrize("make", [lambda m: nn.Average(m, 0.9), lambda m: nn.ReduceOnPlateau("loss", patience=1)])
def test_such_callbacks_resume(make, tmp_path):
    def run(epochs, path):
        model = network()
        callback = make(model)
        fit(model, epochs=epochs, callbacks=callback, checkpoint=path, resume=True)
        return arrays(callback.model if isinstance(callback, nn.Average) else model)

    run(2, tmp_path / "run.safetensors")
    assert_same(run(4, tmp_path / "run.safetensors"), run(4, tmp_path / "other.safetensors"))


# ---- where it stops ---------------------------------------------------------------------------------------------


def states(model):
    """All that a step may change."""
    generators = {name: np.array(str(rng.bit_generator.state)) for name, rng in named_generators(model).items()}
    return arrays(model) | generators


def run_and_fail(model, error, **options):
    """What the model was after each step, and the error."""
    after = [states(model)]

    class Keep(nn.Callback):
        def on_step(self, run):
            after.append(states(run.model))

    with pytest.raises(error) as raised:
        fit(model, callbacks=[Keep()], **options)
    return after, raised


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_with_step_and_batch(bad):
    data = points()
    loader = nn.DataLoader(data, 4)
    x = data.fields[0].copy()
    x[loader.rows(0)[3][0]] = bad
    model = noisy()
    after, raised = run_and_fail(model, NonFiniteError, data=(x, data.fields[1]))
    assert f"the loss is nan at step 4, epoch 1, batch 4 of {len(loader)}" in str(raised.value)
    assert "loader.rows(0)[3]" in str(raised.value)
    assert len(after) == 4
    assert_same(after[-1], states(model))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_derivative_that_is_not_finite_is_named():
    def bad(model, x, labels):
        return loss(model, x, labels) + np.sqrt(np.sum(model.layers[2].bias ** 2))

    model = network()
    after, raised = run_and_fail(model, NonFiniteError, loss=bad)
    assert "derivative by layers.2.bias is not finite at step 1, epoch 1, batch 1" in str(raised.value)
    assert_same(after[-1], states(model))


class Interrupted(nn.SGD):
    """Ctrl-C in the middle of the fifth step, when a part of the parameters has been changed."""

    calls = 0

    def update(self, parameter, derivative, rate, *held):
        super().update(parameter, derivative, rate, *held)
        self.calls += 1
        if self.calls == 4 * 6 + 2:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_in_a_step_waits_for_its_end():
    model, whole = noisy(), noisy()
    after, _ = run_and_fail(model, KeyboardInterrupt, optimizer=Interrupted(model, 0.1))
    steps, _ = run_and_fail(whole, NotImplementedError, optimizer=nn.SGD(whole, 0.1), loss=failing_from(6))
    assert len(after) == 5 and len(steps) == 6  # the start, and the steps that a callback saw
    assert_same(states(model), steps[5])


def failing_from(call, error=NotImplementedError):
    """A loss that raises at a call, when its forward sweep has been made."""
    calls = []

    def zero(value):
        calls.append(value)
        if len(calls) == call:
            raise error
        return 0.0

    srcgrad.rule(zero, nondifferentiable=True, example=lambda value: 0.0)

    def failing(model, x, labels):
        value = loss(model, x, labels)
        return value + zero(value)

    return failing


def test_no_thread_is_left_behind_by_an_error():
    data = points(40)
    data.fields[0][nn.DataLoader(data, 4).rows(0)[1]] = np.nan
    with pytest.raises(NonFiniteError) as raised:
        fit(network(), data=nn.DataLoader(data, 4, prefetch=2), batch_size=None)
    assert raised.traceback  # which holds on to the frames, and so to the loader's
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_constants_of_a_model_may_be_read_only(tmp_path):
    class Scaled(nn.Module):
        inner: nn.Sequential
        scale: np.ndarray = nn.static()

        def __call__(self, x):
            return self.inner(x * self.scale)

    scale = np.array([1.0, 2.0, 3.0])
    scale.flags.writeable = False
    model, loaded = Scaled(network(), scale), Scaled(network(5), scale)
    history = fit(model, callbacks=nn.EarlyStopping("loss", patience=1))
    assert history["loss"][-1] < history["loss"][0]
    nn.save(tmp_path / "model", model)
    nn.load(tmp_path / "model", loaded)
    assert_same(arrays(model), arrays(loaded))
    nn.save(tmp_path / "model", Scaled(network(), 2 * scale))
    with pytest.raises(nn.CheckpointError, match="scale is read-only in the model, and has other values"):
        nn.load(tmp_path / "model", loaded)
    assert_same(arrays(model), arrays(loaded))


def test_ctrl_c_in_a_sweep_leaves_the_last_step():
    model = noisy()
    after, _ = run_and_fail(model, KeyboardInterrupt, loss=failing_from(3, KeyboardInterrupt))
    assert len(after) == 3
    assert_same(after[-1], states(model))


def test_trains_in_a_thread_that_gets_no_signals():
    model, other = network(), network()
    thread = threading.Thread(target=fit, args=(model,))
    thread.start()
    thread.join()
    fit(other)
    assert_same(arrays(model), arrays(other))


def test_the_bar_shows_loss_rate_and_time_left(capsys):
    fit(network(), progress=True, validation=points(5))
    shown = capsys.readouterr().err
    assert "epoch 3/3: 100%" in shown and "18/18" in shown and "step/s, loss=" in shown and "val_loss=" in shown


class Rows:
    """A data set that gives an array and no tuple."""

    def __len__(self):
        return 5

    def __getitem__(self, rows):
        return np.ones((len(rows), 3))


@pytest.mark.parametrize("options, message", [
    ({"optimizer": nn.SGD(network())}, "the optimiser belongs to another model"),
    ({"resume": True}, "no file to resume from"),
    ({"metrics": [nn.accuracy]}, "metrics are measured on validation data"),
    ({"data": nn.DataLoader(points(), 4)}, "a DataLoader has a batch size and a seed of its own"),
    ({"optimizer": "adam"}, "the optimiser is a str"),
    ({"loss": nn.mse}, r"loss takes \(prediction.*, and is called with the model and the 2 fields .*def loss"),
    ({"data": np.ones((4, 3))}, "called with the model and the one field of a batch"),
    ({"data": [np.ones((3, 3)), np.ones(3, int)]}, "data is a list"),
    ({"data": Rows()}, "gives a ndarray, and must give a tuple"),
    ({"checkpoint": "no folder/run"}, "no folder no folder for the checkpoint"),
    ({"epochs": 1.5}, "'float' object cannot be interpreted as an integer"),
    ({"callbacks": [3]}, "a int is no callback"),
    ({"validation": points(), "metrics": [nn.confusion_matrix]}, r"confusion_matrix gives an array of shape"),
    ({"data": (np.ones((3, 3)), np.ones(2, int))}, "different lengths: 3, 2"),
    ({"data": (np.ones((0, 3)), np.ones(0, int))}, "the data set is empty"),
    ({"callbacks": [nn.EarlyStopping()]}, "'val_loss' is monitored, and an epoch has epoch, loss"),
])  # fmt: skip
def test_bad_input(options, message):
    with pytest.raises((ArgumentError, ValueError, TypeError), match=message):
        fit(network(), **options)
