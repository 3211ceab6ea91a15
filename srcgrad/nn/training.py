"""fit: a training loop, and what it measures."""

from __future__ import annotations

import math
import operator
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.api import GradientFunction, value_and_grad
from srcgrad.errors import ArgumentError, NonFiniteError
from srcgrad.nn.callbacks import Callback
from srcgrad.nn.clipping import clip_by_norm
from srcgrad.nn.data import Batch, DataLoader, loader_of
from srcgrad.nn.evaluation import Loss, Metrics, check_call, measure, named_metrics, number
from srcgrad.nn.history import History
from srcgrad.nn.interrupts import uninterrupted
from srcgrad.nn.lazy import needed
from srcgrad.nn.module import Array, named_arrays, named_parameters
from srcgrad.nn.optimisers import Optimiser
from srcgrad.nn.parallel import Alone, Ranks
from srcgrad.nn.saving import load, save
from srcgrad.nn.state import as_it_was, mode, named_generators
from srcgrad.nn.tensorfile import CheckpointError, TensorFile

Watcher = Callback | Callable[["Run"], Any]


@dataclass
class Run:
    """A training run, as callbacks see it.

    epoch: epochs that were finished; step: steps that were made; loss: that of the last step; stopped: why the training
    is to end before its last epoch, "" where it is not; rank: which of several processes this is.
    """

    model: Any
    optimizer: Optimiser
    history: History
    epoch: int = 0
    step: int = 0
    loss: float = math.nan
    stopped: str = ""
    rank: int = 0

    def stop(self, reason: str) -> None:
        """End the training after this epoch."""
        self.stopped = reason


def fit(
    model: Any,
    loss: Loss,
    data: Any,
    optimizer: Optimiser,
    *,
    epochs: int = 10,
    batch_size: int | None = None,
    seed: int | None = None,
    validation: Any = None,
    metrics: Metrics = (),
    clip: float | None = None,
    callbacks: Watcher | Sequence[Watcher] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    history: History | None = None,
    progress: bool = True,
    comm: Any = None,
) -> History:
    """Train a model: for each batch, a step of the optimiser against the gradient of the loss. Returns the history.

    loss: a function of the model and the fields of a batch, `loss(model, x, y)`, that gives the mean over the batch, or
    what `srcgrad.grad` makes of one; data: a `DataLoader`, or a data set, a tuple of arrays or an array, of which
    batches of `batch_size` rows (32) are drawn in an order that follows from `seed` (0); validation: data of which each
    epoch measures the loss and the `metrics`, functions of `model(x)` and y, the first and the last field, in a list or
    by name; clip: the largest norm of a gradient, to which a larger one is scaled down; callbacks: `Callback`s, or
    functions that are called with the `Run` after each epoch; checkpoint: a file that is written after each epoch;
    resume: whether to go on from that file where there is one, after which all is as if the run had not been
    interrupted; history: where the rows are added as they come; progress: whether to show a bar; comm: an MPI
    communicator, whose processes all call this and share the rows of each batch.

    Ctrl-C leaves the model as of the last step, and so does NonFiniteError, which is raised where the loss or a
    derivative is nan or infinite, and which names step and batch. ArgumentError for arguments that do not belong
    together.
    """
    ranks = Alone() if comm is None or comm.Get_size() == 1 else Ranks(comm)
    if not isinstance(optimizer, Optimiser):
        raise ArgumentError(f"the optimiser is a {type(optimizer).__name__}.", "Make one: nn.Adam(model, 1e-3).")
    if optimizer.model is not model:
        raise ArgumentError("the optimiser belongs to another model.", f"Make it of this one: "
                            f"{type(optimizer).__name__}(model, ...).")  # fmt: skip
    if resume and checkpoint is None:
        raise ArgumentError("there is no file to resume from.", "Pass checkpoint=, too.")
    if metrics and validation is None:
        raise ArgumentError("metrics are measured on validation data, and there are none.", "Pass validation=, too.")
    loader, epochs = loader_of(data, batch_size, seed), operator.index(epochs)
    run = Run(model, optimizer, History() if history is None else history, rank=ranks.rank)
    function = loss if isinstance(loss, GradientFunction) else value_and_grad(loss)
    training = _Training(run, function, loader, ranks, epochs, clip)
    given = callbacks if isinstance(callbacks, Sequence) else [callbacks]
    watching = [made if isinstance(made, Callback) else _AfterEpoch(made) for made in given]
    measured = None if validation is None else loader_of(validation, loader.batch_size, None, shuffle=False)
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and ranks.rank == 0 and not path.absolute().parent.is_dir():
        raise ArgumentError(f"there is no folder {path.parent} for the checkpoint.", "Make it.")

    with ranks.all_or_none(), mode(model, training=True):
        for callback in watching:
            callback.on_start(run)
        if resume and path is not None and ranks.from_first(path.exists()):
            _resume(path, run, watching, ranks)
        ranks.begin(model, optimizer, {
            "the number of rows": len(loader.dataset), "batch_size": loader.batch_size, "the seed": loader.seed,
            "epochs": epochs,
        })  # fmt: skip
        with training.bar(progress and ranks.rank == 0):
            while run.epoch < epochs and not run.stopped:
                begun = time.perf_counter()
                ranks.new_epoch(model)
                row = {"epoch": run.epoch + 1, "loss": training.epoch(watching)}
                ranks.same_state(model)
                if measured is not None:
                    found = measure(model, training.primal, measured, named_metrics(metrics), ranks)
                    row |= {f"val_{name}": number(name, value) for name, value in found.items()}
                row["seconds"] = time.perf_counter() - begun
                run.epoch += 1
                run.history.rows.append(ranks.from_first(row))
                for callback in watching:
                    callback.on_epoch(run)
                training.show()
                if path is not None and ranks.rank == 0:
                    _checkpoint(path, run, watching)
        for callback in watching:
            callback.on_end(run)
    return run.history


@dataclass
class _Training:
    """The steps of a run."""

    run: Run
    function: GradientFunction
    loader: DataLoader
    ranks: Alone
    epochs: int
    clip: float | None
    shown: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        model = self.run.model
        self.primal = self.function.primal
        self.stateful = len(named_arrays(model)) > len(named_parameters(model)) or bool(named_generators(model))

    def epoch(self, callbacks: Sequence[Callback]) -> float:
        """One pass over the data. Returns the mean of the losses."""
        run, ranks = self.run, self.ranks
        share = slice(ranks.rank, None, ranks.size)
        total, rows = 0.0, 0
        with closing(self.loader.batches(run.epoch, share)) as batches:
            for k, batch in enumerate(batches):
                if k == 0 and batch:
                    check_call(self.primal, batch)
                size = self.loader.size(k)
                self.step(k, batch, len(range(size)[share]) / size)
                total, rows = total + run.loss * size, rows + size
                if self.shown is not None:
                    self.shown.set_description(f"epoch {run.epoch + 1}/{self.epochs}", refresh=False)
                    self.shown.set_postfix_str(self.text(total / rows), refresh=False)
                    self.shown.update()
                for callback in callbacks:
                    callback.on_step(run)
        return total / rows

    def step(self, k: int, batch: Batch, weight: float) -> None:
        """One step with the rows of batch k that are this process's: this share of it."""
        run = self.run
        keeping: AbstractContextManager[Any] = as_it_was(run.model) if self.stateful else nullcontext(lambda: None)
        with keeping as keep:
            value, gradient = 0.0, {}
            if weight:
                result, derivatives = self.function.value_and_grad(run.model, *batch)
                value, gradient = float(result), named_arrays(derivatives)
            value, gradient = self.ranks.summed(value, gradient, weight)
            self.check(k, value, gradient)
            if self.clip is not None:
                clip_by_norm({name: gradient[name] for name in named_parameters(run.model, trainable=True)}, self.clip)
            with uninterrupted():
                run.optimizer.step(gradient)
                run.step, run.loss = run.step + 1, value
                keep()

    def check(self, k: int, value: float, gradient: dict[str, Array]) -> None:
        """Raise NonFiniteError unless all numbers of a step are finite."""
        where = f"step {self.run.step + 1}, epoch {self.run.epoch + 1}, batch {k + 1} of {len(self.loader)}"
        remedy = f"The model is as before this step; loader.rows({self.run.epoch})[{k}] are the rows of the batch."
        if not math.isfinite(value):
            raise NonFiniteError(f"the loss is {value} at {where}.", remedy)
        for name, array in gradient.items():
            # a sum is finite only if all of its terms are, and costs less than looking at each
            if not math.isfinite(float(array.sum())) and not bool(np.isfinite(array).all()):
                raise NonFiniteError(f"the loss is {value:.6g}, but its derivative by {name} is not finite at {where}.",
                                     remedy)  # fmt: skip

    # ---- the bar ----

    def bar(self, wanted: bool) -> AbstractContextManager[Any]:
        """The progress bar, over the steps of all epochs."""
        if wanted:
            steps = len(self.loader)
            self.shown = needed("tqdm", "the progress bar of fit").tqdm(
                total=self.epochs * steps, initial=self.run.epoch * steps, unit="step", dynamic_ncols=True
            )
        return nullcontext() if self.shown is None else self.shown

    def text(self, loss: float) -> str:
        """What the bar says behind the rate: the loss of this epoch so far, and what the last one measured."""
        last = self.run.history.rows[-1] if self.run.history.rows else {}
        rest = {name: value for name, value in last.items() if name.startswith("val_")}
        return ", ".join(f"{name}={value:.4g}" for name, value in {"loss": loss, **rest}.items())

    def show(self) -> None:
        """What the last epoch measured."""
        if self.shown is not None:
            self.shown.set_postfix_str(self.text(self.run.history.rows[-1]["loss"]))


class _AfterEpoch(Callback):
    """A function as a callback."""

    def __init__(self, function: Callable[[Run], Any]) -> None:
        if not callable(function):
            raise ArgumentError(f"a {type(function).__name__} is no callback.", "Pass a Callback or a function.")
        self.function = function

    def on_epoch(self, run: Run) -> None:
        self.function(run)


def _checkpoint(path: Path, run: Run, callbacks: Sequence[Callback]) -> None:
    states = [callback.state() for callback in callbacks]
    extra = {
        "step": run.step, "stopped": run.stopped, "history": run.history.rows,
        "callbacks": [[type(callback).__name__, state] for callback, (state, _) in zip(callbacks, states, strict=True)],
    }  # fmt: skip
    arrays = {f"{k}.{name}": array for k, (_, held) in enumerate(states) for name, array in held.items()}
    save(path, run.model, optimizer=run.optimizer, epoch=run.epoch, extra=extra, arrays=arrays)


def _resume(path: Path, run: Run, callbacks: Sequence[Callback], ranks: Alone) -> None:
    """Go on from a checkpoint, which only the first process has to be able to read."""
    found = None
    if ranks.rank == 0:
        extra = TensorFile(path).header["extra"]
        if not isinstance(extra, dict) or "callbacks" not in extra:
            raise CheckpointError(f"{path} was written by save, not by fit.", "Load it, and call fit without resume.")
        kinds, own = [kind for kind, _ in extra["callbacks"]], [type(callback).__name__ for callback in callbacks]
        if kinds != own:
            raise CheckpointError(f"the run in {path} had the callbacks {kinds}, and this one has {own}.",
                                  "Resume it with the same ones.")  # fmt: skip
        found = load(path, run.model, optimizer=run.optimizer)
    found = ranks.from_first(found)
    extra = found.extra
    run.epoch, run.step, run.stopped = found.epoch, extra["step"], extra["stopped"]
    run.history.rows[:] = extra["history"]
    for k, (callback, (_, state)) in enumerate(zip(callbacks, extra["callbacks"], strict=True)):
        arrays = {name.partition(".")[2]: array for name, array in found.arrays.items() if name.startswith(f"{k}.")}
        callback.restore(state, arrays)
