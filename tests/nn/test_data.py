"""Data sets and loaders."""

import sys
import threading

import numpy as np
import pytest

from srcgrad import nn
from srcgrad.nn import ArrayDataset, DataLoader, load_dataset, split


def numbered(count):
    return ArrayDataset(np.arange(count), np.arange(count) * 10.0)


class Failing:
    def __len__(self):
        return 12

    def __getitem__(self, rows):
        if 7 in rows:
            raise RuntimeError("row 7 cannot be read")
        return (np.asarray(rows),)


def seen(loader):
    return [batch[0].tolist() for batch in loader]


@pytest.mark.parametrize("prefetch", [0, 1, 3, 50])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("count, size", [(10, 3), (9, 3), (1, 1), (5, 5)])
def test_each_row_once_in_a_pass(count, size, drop_last, prefetch):
    loader = DataLoader(numbered(count), size, drop_last=drop_last, prefetch=prefetch)
    batches = list(loader)
    assert len(batches) == len(loader) == (count // size if drop_last else -(-count // size))
    assert all(len(x) == len(y) and (y == 10 * x).all() for x, y in batches)
    rows = np.concatenate([x for x, _ in batches])
    assert len(set(rows)) == len(rows) == (count // size * size if drop_last else count)


def test_the_order_follows_from_seed_and_pass():
    first, second = DataLoader(numbered(50), 7, seed=3), DataLoader(numbered(50), 7, seed=3, prefetch=2)
    passes = [seen(first), seen(first)]
    assert passes == [seen(second), seen(second)]
    assert passes[0] != passes[1]
    assert [x.tolist() for x, _ in first.batches(0)] == passes[0] == [rows.tolist() for rows in first.rows(0)]
    assert seen(DataLoader(numbered(50), 7, seed=4)) != passes[0]
    assert seen(DataLoader(numbered(5), 2, shuffle=False)) == [[0, 1], [2, 3], [4]]


def test_shares_of_batches_make_up_the_batches():
    loader = DataLoader(numbered(11), 4)
    whole = [x for x, _ in loader.batches(5)]
    shares = [list(loader.batches(5, slice(rank, None, 4))) for rank in range(4)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert sorted(batch) == sorted(np.concatenate([part[0] for part in parts if part]))
    assert shares[3][-1] == () and shares[2][-1]


def prefetching():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_the_thread_ends_with_the_pass_and_where_the_consumer_leaves():
    list(DataLoader(numbered(10), 2, prefetch=2))
    assert not prefetching()
    coming = iter(DataLoader(numbered(1000), 1, prefetch=3))
    next(coming)
    assert prefetching()
    coming.close()
    assert not prefetching()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_errors_are_raised_where_the_batch_is_asked_for(prefetch):
    coming = iter(DataLoader(Failing(), 3, shuffle=False, prefetch=prefetch))
    assert [next(coming)[0].tolist() for _ in range(2)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(RuntimeError, match="row 7"):
        next(coming)
    assert not prefetching()


@pytest.mark.parametrize("parts, sizes", [((0.8, 0.2), (8, 2)), ((3, 7), (3, 7)), ((0.34, 0.33, 0.33), (3, 4, 3)),
                                          ((10,), (10,)), ((0.7, 0.2, 0.1), (7, 2, 1))])  # fmt: skip
def test_split(parts, sizes):
    made = split(numbered(10), parts, seed=1)
    assert tuple(map(len, made)) == sizes
    rows = np.concatenate([part[:][0] for part in made])
    assert sorted(rows) == list(range(10))
    assert [part[:][0].tolist() for part in split(numbered(10), parts, seed=1)] == [p[:][0].tolist() for p in made]
    assert np.concatenate([part[:][0] for part in split(numbered(10), parts, seed=None)]).tolist() == list(range(10))
    assert seen(DataLoader(made[0], 2, shuffle=False))[0] == rows[:2].tolist()


def test_rows_that_are_drawn_by_weight():
    loader = DataLoader(numbered(10), 5, weights=[0] * 5 + [1, 1, 1, 1, 6], seed=2)
    drawn = np.concatenate([np.concatenate(loader.rows(epoch)) for epoch in range(50)])
    assert drawn.min() == 5 and abs((drawn == 9).mean() - 0.6) < 0.06
    assert [rows.tolist() for rows in loader.rows(3)] == [rows.tolist() for rows in loader.rows(3)]


def test_sequences_as_one_array():
    x, lengths = nn.pad_sequences([[1, 2, 3], [4]], value=-1)
    assert x.tolist() == [[1, 2, 3], [4, -1, -1]] and lengths.tolist() == [3, 1] and x.dtype == int
    x, _ = nn.pad_sequences([np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)])
    assert x.shape == (2, 4, 3) and x.dtype == np.float32 and x.sum() == 18


@pytest.mark.parametrize("make, message", [
    (lambda: nn.pad_sequences([]), "no sequences"),
    (lambda: DataLoader(numbered(5), 2, weights=[1, 2]), r"weights are 5 numbers, not below 0: .* shape \(2,\)"),
    (lambda: DataLoader(numbered(2), 2, weights=[1, 2], shuffle=False), "shuffle is False"),
    (lambda: ArrayDataset(), "at least one array"),
    (lambda: ArrayDataset(np.ones((3, 2)), np.ones(4)), "different lengths: 3, 4"),
    (lambda: ArrayDataset(np.ones((0, 2)), np.ones(0)), "data set is empty"),
    (lambda: ArrayDataset(np.ones(3), 5.0), "field 1 of the data set is a number"),
    (lambda: ArrayDataset([{}, {}]), "array of objects"),
    (lambda: DataLoader(numbered(5), 6, drop_last=True), "batch_size is 6, but the data set has 5 rows"),
    (lambda: DataLoader(numbered(5), 0), "batch_size is 0"),
    (lambda: DataLoader(numbered(5), 2, prefetch=-1), "prefetch is -1"),
    (lambda: split(numbered(10), (0.8, 0.3)), r"sum to 1\.1, not to 1"),
    (lambda: split(numbered(10), (8, 3)), "sum to 11, not to 10"),
    (lambda: split(numbered(10), (0.98, 0.02)), r"part 1 of \(0.98, 0.02\) has no rows: the data set has 10"),
    (lambda: split(numbered(10), (12, -2)), "part 1 .* has no rows"),
    (lambda: load_dataset("mnist"), "no data set 'mnist': there are breast_cancer"),
])  # fmt: skip
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name, shape, classes", [
    ("breast_cancer", (569, 30), 2), ("digits", (1797, 64), 10), ("iris", (150, 4), 3), ("wine", (178, 13), 3),
    ("diabetes", (442, 10), None),
])  # fmt: skip
def test_sets_of_scikit_learn(name, shape, classes):
    x, y = load_dataset(name, np.float32).fields
    assert (x.shape, x.dtype, len(y)) == (shape, np.float32, shape[0])
    assert y.dtype == (np.float32 if classes is None else np.int64)
    assert classes is None or set(y) == set(range(classes))


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.datasets", raising=False)
    with pytest.raises(ImportError, match=r'load_dataset needs scikit-learn: pip install "srcgrad\[nn\]"'):
        load_dataset("iris")
