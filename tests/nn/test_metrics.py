"""Metrics, by hand, and the history."""

import csv

import numpy as np
import pytest

from srcgrad.nn import History, accuracy, confusion_matrix, f1, precision, recall

SCORES = np.eye(3)[[0, 0, 1, 1, 1, 2]] + 0.25
LABELS = np.array([0, 1, 1, 1, 2, 0])


def test_of_several_classes():
    assert accuracy(SCORES, LABELS) == 3 / 6
    assert confusion_matrix(SCORES, LABELS).tolist() == [[1, 0, 1], [1, 2, 0], [0, 1, 0]]
    np.testing.assert_allclose(precision(SCORES, LABELS, None), [1 / 2, 2 / 3, 0])
    np.testing.assert_allclose(recall(SCORES, LABELS, None), [1 / 2, 2 / 3, 0])
    assert f1(SCORES, LABELS) == pytest.approx((1 / 2 + 2 / 3) / 3)
    assert precision(SCORES, LABELS, "micro") == recall(SCORES, LABELS, "micro") == pytest.approx(3 / 6)


def test_a_class_that_does_not_occur_has_a_row():
    assert confusion_matrix(np.eye(4)[[1, 2]], np.array([1, 2])).shape == (4, 4)


@pytest.mark.parametrize("truth", [np.array([0, 1, 1, 0]), np.array([-1, 1, 1, -1]), np.array([0.0, 1, 1, 0])])
def test_of_two_classes_by_one_score(truth):
    scores = np.array([-2.0, 0.5, -0.1, 3.0])
    assert accuracy(scores, truth) == 0.5
    assert confusion_matrix(scores, truth).tolist() == [[1, 1], [1, 1]]
    assert f1(scores, truth, "binary") == 0.5
    assert accuracy(np.sign(scores).astype(int), truth) == 0.5


def test_of_sequences():
    assert accuracy(np.eye(3)[[[0, 1], [2, 2]]], np.array([[0, 2], [2, 1]])) == 0.5


@pytest.mark.parametrize("scores, labels, message", [
    (np.ones((3, 2)), np.array([0, 1, 2]), "label 2 is none of the 2 classes"),
    (np.ones((3, 2)), np.array([0, -2, 1]), "label -2 is none"),
    (np.ones((3, 2)), np.array([0, 1]), r"scores of shape \(3, 2\) do not belong to labels of shape \(2,\)"),
    (np.ones(3), np.array([[0], [1], [1]]), "do not belong"),
    (np.ones(3), np.array([0.5, 1, 1]), "must be integers"),
    (np.ones((0, 2)), np.ones(0, int), "no labels"),
])  # fmt: skip
def test_bad_input(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        accuracy(scores, labels)


def test_binary_average_of_three_classes():
    with pytest.raises(ValueError, match="for two classes, and there are 3"):
        f1(SCORES, LABELS, "binary")


HISTORY = History([{"epoch": 1, "loss": 0.5, "seconds": 0.1}, {"epoch": 2, "loss": 0.1, "val_loss": 0.2}])


def test_history_has_columns():
    assert HISTORY["loss"].tolist() == [0.5, 0.1]
    np.testing.assert_equal(HISTORY["val_loss"], [np.nan, 0.2])
    assert HISTORY.names == ["epoch", "loss", "seconds", "val_loss"] and len(HISTORY) == 2
    with pytest.raises(KeyError, match="no 'accuracy': it has epoch, loss"):
        HISTORY["accuracy"]


def test_history_writes_csv(tmp_path):
    HISTORY.write_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"epoch": "1", "loss": "0.5", "seconds": "0.1", "val_loss": ""},
                    {"epoch": "2", "loss": "0.1", "seconds": "", "val_loss": "0.2"}]  # fmt: skip


def test_history_draws_a_column_and_its_counterpart_together(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    figure = HISTORY.plot()
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["loss", "val_loss"]
    assert axes.lines[0].get_xdata().tolist() == [1, 2]
    figure.savefig(tmp_path / "history.png")
    assert len(HISTORY.plot("loss").axes[0].lines) == 1
    matplotlib.pyplot.close("all")
    with pytest.raises(ValueError, match="no rows to plot"):
        History().plot()
