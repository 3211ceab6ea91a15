"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from srcgrad.nn.lazy import needed


class History:
    """One row for each epoch: a dict of numbers by name.

    `history["val_loss"]` is a column as an array, with nan where an epoch did not measure it; `history.rows[-1]` the
    last row.
    """

    def __init__(self, rows: list[dict[str, float]] | None = None) -> None:
        self.rows: list[dict[str, float]] = [] if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    @property
    def names(self) -> list[str]:
        """The columns, in the order in which they came up."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise KeyError(f"the history has no {name!r}: it has {', '.join(self.names) or 'no rows'}.")
        return np.array([row.get(name, np.nan) for row in self.rows])

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a file of comma-separated values: a line of names, and one for each epoch."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.names)
            writer.writeheader()
            writer.writerows(self.rows)

    def plot(self, *names: str) -> Any:
        """Draw columns over the epochs, all of them if none is named, and return matplotlib's figure.

        A column and its counterpart on the validation data, "loss" and "val_loss", share a plot.
        `history.plot().savefig("history.png")` writes a picture.
        """
        names = names or tuple(name for name in self.names if name not in ("epoch", "seconds"))
        if not names:
            raise ValueError("the history has no rows to plot.")
        columns = {name: self[name] for name in names}
        plots = dict.fromkeys(name.removeprefix("val_") for name in names)
        figure = needed("matplotlib.pyplot", "History.plot").figure(figsize=(5 * len(plots), 4), layout="constrained")
        for place, plot in enumerate(plots, start=1):
            axes = figure.add_subplot(1, len(plots), place)
            for name in (plot, "val_" + plot):
                if name in columns:
                    axes.plot(self["epoch"], columns[name], label=name)
            axes.set_xlabel("epoch")
            axes.legend()
        return figure

    def __repr__(self) -> str:
        return f"History({len(self)} epochs of {', '.join(self.names) or 'nothing'})"
