"""What a model does on data: the loss, and metrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from srcgrad.api import GradientFunction, primal
from srcgrad.backends.homes import on_device
from srcgrad.errors import ArgumentError
from srcgrad.nn.data import Batch, DataLoader, loader_of
from srcgrad.nn.module import named_arrays
from srcgrad.nn.parallel import Alone
from srcgrad.nn.state import mode

Loss = Callable[..., Any]
Metric = Callable[[Any, Any], Any]
Metrics = Metric | Sequence[Metric] | Mapping[str, Metric]


def evaluate(
    model: Any, loss: Loss, data: Any, metrics: Metrics = (), *, batch_size: int | None = None
) -> dict[str, Any]:
    """The loss and the metrics of a model on data, all as `fit` takes them, with modules working as in use.

    Returns {"loss": ..., and each metric by its name}. The loss is the mean over the rows.
    """
    given = loss.primal if isinstance(loss, GradientFunction) else loss
    return measure(model, given, loader_of(data, batch_size, None, shuffle=False), named_metrics(metrics), Alone())


def measure(
    model: Any, loss: Loss, loader: DataLoader, metrics: Mapping[str, Metric], ranks: Alone
) -> dict[str, Any]:
    """The loss and metrics on all rows: the processes share the batches."""
    found: list[tuple[int, int, float, Batch]] = []
    loss, scores_of = _where_it_lives(model, loss), _where_it_lives(model, _scores)
    with mode(model, training=False):
        for k, rows in enumerate(loader.rows(0)):
            if k % ranks.size == ranks.rank:
                batch = loader.taken(rows)
                value = float(loss(model, *batch))
                found.append((k, len(rows), value, (scores_of(model, batch[0]), batch[-1]) if metrics else ()))
    found = sorted(ranks.gathered(found), key=lambda item: item[0])
    measured = {"loss": sum(size * value for _, size, value, _ in found) / sum(size for _, size, _, _ in found)}
    if metrics:
        scores, labels = (np.concatenate([item[3][part] for item in found]) for part in (0, 1))
        measured |= {name: metric(scores, labels) for name, metric in metrics.items()}
    return measured


def _scores(model: Any, x: Any) -> Any:
    return model(x)


def _where_it_lives(model: Any, function: Loss) -> Loss:
    """A function of a model, as it runs where the model's arrays are."""
    return primal(function) if any(map(on_device, named_arrays(model).values())) else function


def named_metrics(metrics: Metrics) -> dict[str, Metric]:
    """Metrics by their names."""
    if isinstance(metrics, Mapping):
        return dict(metrics)
    given = metrics if isinstance(metrics, Sequence) else [metrics]
    return {getattr(metric, "__name__", type(metric).__name__): metric for metric in given}


def number(name: str, value: Any) -> float:
    """What a metric gave, as a row of the history has it. ArgumentError where it is more than a number."""
    if np.ndim(value):
        raise ArgumentError(f"{name} gives an array of shape {np.shape(value)}, and a row of the history has numbers.",
                            "Call it after the training.")  # fmt: skip
    return float(value)


def check_call(loss: Loss, batch: Batch) -> None:
    """Raise ArgumentError where a loss does not take the model and the fields: often it is one of scores and labels."""
    try:
        taken = inspect.signature(loss)
    except (TypeError, ValueError):
        return
    try:
        taken.bind(None, *batch)
    except TypeError:
        fields = f"the {len(batch)} fields" if len(batch) > 1 else "the one field"
        raise ArgumentError(
            f"the loss takes {taken}, and is called with the model and {fields} of a batch.",
            "Write one such as `def loss(model, x, y): return nn.cross_entropy(model(x), y)`.",
        ) from None
