"""How good predictions are: functions of a model's scores and the true labels.

Scores are either one number for each class, in the last axis, of which the largest counts, or one number for each
label, of two classes, which predicts the class 1 where it is positive; or they are integers: the predicted labels.
Labels are integers from 0; of two classes, -1 stands for 0. Each function takes NumPy or CuPy arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.lazy import needed


def accuracy(scores: Any, labels: Any) -> float:
    """The share of labels that are predicted, between 0 and 1."""
    predicted, truth, _ = _classes(scores, labels)
    return float((predicted == truth).mean())


def confusion_matrix(scores: Any, labels: Any) -> np.ndarray:
    """How often each true class (row) was predicted as each class (column): integers, of shape (classes, classes)."""
    predicted, truth, classes = _classes(scores, labels)
    return _sklearn("confusion_matrix")(truth, predicted, labels=np.arange(classes))


def precision(scores: Any, labels: Any, average: str | None = "macro") -> Any:
    """The share of the predictions of a class that are right, 0 for a class that is never predicted.

    average: "macro", the mean over the classes; "weighted", that by their sizes; "micro", over all predictions;
    "binary", the class 1 alone; None, an array of each class. So in `recall` and `f1`, too.
    """
    return _score("precision_score", scores, labels, average)


def recall(scores: Any, labels: Any, average: str | None = "macro") -> Any:
    """The share of the labels of a class that are predicted, 0 for a class that does not occur."""
    return _score("recall_score", scores, labels, average)


def f1(scores: Any, labels: Any, average: str | None = "macro") -> Any:
    """The harmonic mean of precision and recall of a class."""
    return _score("f1_score", scores, labels, average)


def _score(name: str, scores: Any, labels: Any, average: str | None) -> Any:
    predicted, truth, classes = _classes(scores, labels)
    if average == "binary" and classes > 2:
        raise ValueError(f'average="binary" is for two classes, and there are {classes}: take "macro".')
    which = None if average == "binary" else np.arange(classes)
    made = _sklearn(name)(truth, predicted, labels=which, average=average, zero_division=0)
    return made if average is None else float(made)


def _sklearn(name: str) -> Any:
    return getattr(needed("sklearn.metrics", f"srcgrad.nn.metrics.{name.removesuffix('_score')}"), name)


def _classes(scores: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """The predicted and the true classes, flat, and how many classes there are."""
    scores, labels = _numpy(scores), _numpy(labels)
    if labels.dtype.kind not in "iub" and not np.all(labels == np.floor(labels)):
        raise ValueError("labels must be integers: a metric of classes was given fractions.")
    per_class = scores.ndim == labels.ndim + 1
    if scores.shape[: scores.ndim - per_class] != labels.shape:
        raise ValueError(f"scores of shape {scores.shape} do not belong to labels of shape {labels.shape}.")
    if labels.size == 0:
        raise ValueError("there are no labels: a metric needs at least one.")
    truth = labels.astype(np.int64).ravel()
    if per_class:
        predicted, classes = scores.argmax(axis=-1).ravel(), scores.shape[-1]
    elif scores.dtype.kind in "iub":
        truth, predicted = _from_zero(truth), _from_zero(scores.astype(np.int64).ravel())
        classes = max(2, int(truth.max()) + 1, int(predicted.max()) + 1)
    else:
        truth, predicted, classes = _from_zero(truth), (scores > 0).astype(np.int64).ravel(), 2
    if truth.min() < 0 or truth.max() >= classes:
        raise ValueError(f"label {truth[(truth < 0) | (truth >= classes)][0]} is none of the {classes} classes.")
    return predicted, truth, classes


def _from_zero(labels: np.ndarray) -> np.ndarray:
    """Labels -1 and 1 as 0 and 1; others as they are."""
    return (labels + 1) // 2 if labels.min() == -1 and not np.any(labels == 0) else labels


def _numpy(array: Any) -> np.ndarray:
    return array.get() if hasattr(array, "get") else np.asarray(array)
