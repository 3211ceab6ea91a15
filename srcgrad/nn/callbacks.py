"""What is called while `fit` trains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

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

    def on_epoch(self, run: Run) -> None:
        row = run.history.rows[-1]
        if self.monitor not in row:
            raise ValueError(f"EarlyStopping monitors {self.monitor!r}, and an epoch has {', '.join(row)}.")
        value = row[self.monitor]
        if math.isnan(self.best) or self.sign * (self.best - value) > self.min_delta:
            self.best, self.best_epoch = value, run.epoch
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
