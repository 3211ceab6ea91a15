"""What is called while `fit` trains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from srcgrad.nn.module import map_arrays, named_arrays, named_parameters
from srcgrad.nn.state import assign, changing

if TYPE_CHECKING:
    from srcgrad.nn.training import Run


class Callback:
    """Base of callbacks: each method gets the run and does nothing unless a subclass says what.

    `run.stop(reason)` ends the training after the epoch. What `state` gives is written into checkpoints, and given to
    `restore`, after `on_start`, where a run is resumed.
    """

    def on_start(self, run: Run) -> None:
        """Before the first step."""

    def on_step(self, run: Run) -> None:
        """After each step: `run.step` were made, the last with `run.loss`."""

    def on_epoch(self, run: Run) -> None:
        """After each epoch: `run.history.rows[-1]` has what it measured."""

    def on_end(self, run: Run) -> None:
        """After the last epoch, unless an error ended the training."""

    def state(self) -> tuple[Any, dict[str, Any]]:
        """What a resumed run needs: something that JSON can hold, and arrays by name."""
        return None, {}

    def restore(self, state: Any, arrays: dict[str, Any]) -> None:
        """Go on from what `state` gave."""


class EarlyStopping(Callback):
    """Ends the training when a column of the history has not improved for some epochs.

    monitor: the column, "val_loss" if not given; patience: epochs without an improvement by more than `min_delta`;
    mode: "min" or "max", which is better; restore_best: whether the model gets back its arrays of the best epoch at the
    end. After the training `best` and `best_epoch` say which that was. nan is no improvement. ValueError
    where there is no such column.
    """

    def __init__(
        self, monitor: str = "val_loss", *, patience: int = 5, min_delta: float = 0.0, mode: str = "min",
        restore_best: bool = True,
    ) -> None:  # fmt: skip
        if mode not in ("min", "max"):
            raise ValueError(f'mode is {mode!r}, and must be "min" or "max".')
        if patience < 1:
            raise ValueError(f"patience is {patience}, and must be 1 or more.")
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.sign, self.restore_best = 1 if mode == "min" else -1, restore_best
        self.best, self.best_epoch = math.nan, 0
        self.arrays: dict[str, Any] = {}

    def on_start(self, run: Run) -> None:
        self.best, self.best_epoch, self.arrays = math.nan, 0, {}

    def improved(self, run: Run) -> bool:
        """Whether the last epoch is the best one so far, which it then is held as."""
        row = run.history.rows[-1]
        if self.monitor not in row:
            raise ValueError(f"{self.monitor!r} is monitored, and an epoch has {', '.join(row)}.")
        value = row[self.monitor]
        if not (math.isnan(self.best) or self.sign * (self.best - value) > self.min_delta):
            return False
        self.best, self.best_epoch = value, run.epoch
        return True

    def on_epoch(self, run: Run) -> None:
        if self.improved(run):
            if self.restore_best:
                self.arrays = {name: array.copy() for name, array in changing(run.model).items()}
        elif run.epoch - self.best_epoch >= self.patience:
            run.stop(f"{self.monitor} has not improved on {self.best:.6g} of epoch {self.best_epoch}")

    def on_end(self, run: Run) -> None:
        assign(changing(run.model), self.arrays)

    def state(self) -> tuple[Any, dict[str, Any]]:
        return {"best": self.best, "best_epoch": self.best_epoch}, self.arrays

    def restore(self, state: Any, arrays: dict[str, Any]) -> None:
        self.best, self.best_epoch, self.arrays = state["best"], state["best_epoch"], dict(arrays)


class ReduceOnPlateau(Callback):
    """Multiplies the optimiser's rate by `factor` when a column of the history has not improved for some epochs.

    monitor, patience, min_delta and mode: as of EarlyStopping; least: the product of all factors does not become less.
    A rate that is a schedule goes on, times that product.
    """

    def __init__(
        self, monitor: str = "val_loss", *, factor: float = 0.1, patience: int = 10, min_delta: float = 0.0,
        mode: str = "min", least: float = 0.0,
    ) -> None:  # fmt: skip
        if not 0 < factor < 1:
            raise ValueError(f"factor is {factor}, and must be between 0 and 1.")
        self.watch = EarlyStopping(monitor, patience=patience, min_delta=min_delta, mode=mode, restore_best=False)
        self.factor, self.least = factor, least
        self.scale, self.waited = 1.0, 0

    def on_start(self, run: Run) -> None:
        self.watch.on_start(run)
        self.scale, self.waited = 1.0, 0
        given = run.optimizer.rate
        self.given = given if callable(given) else lambda step: given
        run.optimizer.rate = lambda step: self.scale * self.given(step)

    def on_epoch(self, run: Run) -> None:
        if self.watch.improved(run):
            self.waited = 0
            return
        self.waited += 1
        if self.waited > self.watch.patience:
            self.scale, self.waited = max(self.scale * self.factor, self.least), 0

    def on_end(self, run: Run) -> None:
        run.optimizer.rate = self.given

    def state(self) -> tuple[Any, dict[str, Any]]:
        return {"best": self.watch.state()[0], "scale": self.scale, "waited": self.waited}, {}

    def restore(self, state: Any, arrays: dict[str, Any]) -> None:
        self.watch.restore(state["best"], {})
        self.scale, self.waited = state["scale"], state["waited"]


class Average(Callback):
    """A copy of a model, `average.model`, whose parameters follow the model's by an exponential mean.

    decay: how much of the mean stays in each step; of the first steps t it is (1 + t) / (10 + t) where that is less. In
    a loop of your own call `average.update()` after each step; as a callback of `fit` it does so by itself. What is not
    trained (running statistics) is copied.
    """

    def __init__(self, model: Any, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}, and must be at least 0 and less than 1.")
        self.source, self.decay, self.steps = model, decay, 0
        self.model = map_arrays(lambda array: array.copy(), model)

    def update(self) -> None:
        """Move the averages towards the model's parameters."""
        self.steps += 1
        stays = min(self.decay, (1 + self.steps) / (10 + self.steps))
        trained, mean = named_parameters(self.source), named_arrays(self.model)
        for name, array in named_arrays(self.source).items():
            if name in trained:
                mean[name] += (1 - stays) * (array - mean[name])
            else:
                mean[name][...] = array

    def on_step(self, run: Run) -> None:
        self.update()

    def state(self) -> tuple[Any, dict[str, Any]]:
        return self.steps, named_arrays(self.model)

    def restore(self, state: Any, arrays: dict[str, Any]) -> None:
        self.steps = state
        assign(named_arrays(self.model), arrays)
