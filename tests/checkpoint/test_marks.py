"""What marks mean in plain Python, what is printed and run how often, and what is refused."""

import types

import numpy as np
import pytest

import srcgrad
from srcgrad import checkpoint, checkpointed
from srcgrad.errors import ArgumentError, KindError, SrcgradError, UnsupportedError
from srcgrad.runtime import Snapshots

X = np.array([0.3, -0.5, 0.9])


# -- plain Python ------------------------------------------------------------------------------------------------------


def test_checkpointed_is_nothing_in_plain_python():
    assert checkpointed(range(3), slots=2) == range(3)
    assert [v for v in checkpointed([1, 2, 3])] == [1, 2, 3]
    left, trips = 3, 0
    while checkpointed(left > 0, slots=1):
        left, trips = left - 1, trips + 1
    assert trips == 3
    assert checkpointed(np.bool_(False)) == np.bool_(False)


@pytest.mark.parametrize("slots", [0, -1, 1.5, "3", True, np.True_])
def test_bad_slots_in_plain_python(slots):
    with pytest.raises(ArgumentError, match="slots has to be"):
        checkpointed(range(3), slots=slots)


def test_what_is_neither_a_sequence_nor_a_test():
    with pytest.raises(ArgumentError, match="what a loop runs over"):
        checkpointed(object())


def test_a_checkpointed_function_is_the_function():
    def layer(x: float, w: float = 2.0, *, k: float = 1.0) -> float:
        """Doc."""
        return x * w * k + X[0]

    layer.tag = "kept"
    made = checkpoint(layer)
    assert made is not layer and made(3.0, k=2.0) == layer(3.0, k=2.0) and made(1.0) == layer(1.0)
    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__", "__defaults__", "tag"):
        assert getattr(made, name) == getattr(layer, name)
    assert isinstance(made, types.FunctionType) and not srcgrad.marks.is_checkpointed(layer)


def test_checkpoint_of_methods():
    class A:
        @checkpoint
        def method(self, x):
            """M."""
            return x * 2

        @checkpoint
        @staticmethod
        def static(x):
            return x * 3

        @classmethod
        @checkpoint
        def cls(cls, x):
            return (cls, x)

    a = A()
    assert a.method(2) == 4 and A.method.__doc__ == "M." and A.static(2) == a.static(2) == 6 and a.cls(1) == (A, 1)


@pytest.mark.parametrize("what", [3, np.sin, int, None])
def test_checkpoint_of_what_is_no_function(what):
    with pytest.raises(ArgumentError, match="takes a Python function"):
        checkpoint(what)


# -- how often things are run ------------------------------------------------------------------------------------------


class Counting:
    """NumPy, with a count of the calls of tanh."""

    def __init__(self):
        self.calls = 0

    def __getattr__(self, name):
        return getattr(np, name)

    def tanh(self, x):
        self.calls += 1
        return np.tanh(x)


def emitted(f, *args):
    """The emitted gradient, and the NumPy that it uses."""
    names = {}
    exec(compile(srcgrad.emit(f, args=args), "<emitted>", "exec"), names)
    names["np"] = Counting()
    return names[f"{f.__name__}_grad"], names["np"]


def known(x, n, slots):
    for _ in checkpointed(range(n), slots=slots):
        x = np.tanh(x) * 1.1
    return x.sum()


def unknown(x, n, slots):
    k = 0
    while checkpointed(k < n, slots=slots):
        x = np.tanh(x) * 1.1
        k += 1
    return x.sum()


@pytest.mark.parametrize("f", [known, unknown])
@pytest.mark.parametrize("n, slots", [(0, 2), (1, 1), (5, 2), (9, 3), (20, 5), (14, 50)])
def test_a_loop_is_run_as_often_as_the_schedule_says(f, n, slots):
    gradient, counting = emitted(f, X, n, slots)
    got = gradient(X, n, slots)
    assert counting.calls == Snapshots.runs_ahead(n + 1, slots) + n
    plain = srcgrad.grad(lambda x: known(x, n, None))(X)
    np.testing.assert_allclose(got, plain, rtol=1e-12)


@checkpoint
def layer(x):
    return np.tanh(x) * x


def layers(x):
    for _ in range(4):
        x = layer(x)
    return x.sum()


def test_a_checkpointed_call_is_run_twice_and_records_its_inputs_alone():
    gradient, counting = emitted(layers, X)
    gradient(X)
    assert counting.calls == 8
    source = srcgrad.grad(layers).source_for(X)
    assert source.count("_tape.append") == 1 and source.index("x_tape.append(x)") < source.index("# reverse")


def shown(x, n):
    for i in checkpointed(range(n), slots=2):
        x = np.sin(x)
        print("trip", i)
        assert x.sum() < 100
        if x[0] > 100:
            raise ValueError("too large")
    return x.sum()


def test_prints_happen_once(capsys):
    srcgrad.grad(shown)(X, 5)
    assert capsys.readouterr().out == "".join(f"trip {i}\n" for i in range(5))


def test_arguments_are_not_modified():
    def f(x, n):
        for i in checkpointed(range(n), slots=2):
            x[1:] *= x[:-1]
        return x.sum()

    x = X.copy()
    srcgrad.grad(f)(x, 5)
    assert np.array_equal(x, X)


def test_a_mark_is_part_of_what_is_compiled():
    def inner(x):
        return np.exp(np.sin(x))

    def outer(x, function):
        return function(x).sum()

    gradient = srcgrad.grad(outer)
    sources = [gradient.source_for(X, function) for function in (inner, checkpoint(inner))]
    assert sources[0] != sources[1]
    assert np.array_equal(gradient(X, inner), gradient(X, checkpoint(inner)))


def test_the_source_reads_well():
    def f(x, n):
        for i in checkpointed(range(n), slots=50):
            x = np.sin(x) * i
        return x.sum()

    assert srcgrad.grad(f).source_for(X, 3) == '''\
def f_grad(x, n, d_out=1.0):
    # forward sweep
    snapshots = Snapshots(50, n)
    for i in range(n):
        if snapshots.due():
            snapshots.save(x)
        x = np.sin(x) * i

    # reverse sweep
    d_x = np.full_like(x, d_out)  # x.sum()
    for i in reversed(range(n)):
        x = snapshots.restore(i)  # for i in checkpointed(range(n), slots=50):
        for j in range(snapshots.position, i):
            if snapshots.due():
                snapshots.save(x)
            x = np.sin(x) * j
        d_x = d_x * i * np.cos(x)  # x = np.sin(x) * i
    return d_x
'''


def test_a_loop_without_a_derivative_is_left_alone():
    def f(x, n):
        k = 1
        for i in checkpointed(range(n), slots=2):
            k = k + i * k
        return (x * k).sum()

    assert "snapshots" not in srcgrad.grad(f).source_for(X, 4)


# -- refusals ----------------------------------------------------------------------------------------------------------


def refused(f, *args, error=SrcgradError, match):
    with pytest.raises(error, match=match) as caught:
        srcgrad.grad(f)(*args)
    text = str(caught.value)
    assert __file__ in text and "^" in text
    return text


def test_slots_are_checked_when_compiling():
    def zero(x, n):
        for i in checkpointed(range(n), slots=0):
            x = np.sin(x)
        return x.sum()

    def half(x, n):
        while checkpointed(x[0] > 0, 2.5):
            x = np.sin(x) - 0.1
        return x.sum()

    assert "slots=0" in refused(zero, X, 3, error=KindError, match="at least 1, not 0")
    refused(half, X, 3, error=KindError, match="has to be an int, not a value of kind float")


def test_slots_are_checked_when_they_are_known():
    def f(x, n, k):
        for i in checkpointed(range(n), slots=k):
            x = np.sin(x)
        return x.sum()

    gradient = srcgrad.grad(f)
    gradient(X, 3, 1)
    with pytest.raises(ArgumentError, match="slots has to be at least 1, not 0"):
        gradient(X, 3, 0)


def test_keywords_that_checkpointed_has_not():
    def f(x, n):
        for i in checkpointed(range(n), slotz=3):
            x = np.sin(x)
        return x.sum()

    refused(f, X, 3, error=KindError, match="cannot be called with slotz")


def test_what_cannot_be_looped_over():
    def f(x, n):
        for i in checkpointed(n, slots=3):
            x = np.sin(x)
        return x.sum()

    text = refused(f, X, 3, error=KindError, match="int cannot be looped over")
    line, caret = text.splitlines()[1:3]
    assert line[caret.index("^")] == "n" and caret.count("^") == 1


def test_marks_in_other_places():
    def held(x, n):
        trips = checkpointed(range(n), slots=2)
        for i in trips:
            x = np.sin(x)
        return x.sum()

    def inside(x, n):
        for i, _ in enumerate(checkpointed(range(n), slots=2)):
            x = np.sin(x)
        return x.sum()

    def branch(x, n):
        if checkpointed(n > 2):
            x = np.sin(x)
        return x.sum()

    for f in (held, inside, branch):
        refused(f, X, 3, error=UnsupportedError, match="stands alone in the loop's header")


def test_containers_of_known_layout():
    def f(x):
        for w in checkpointed([1.0, 2.0, x[0]], slots=2):
            x = np.sin(x * w)
        return x.sum()

    refused(f, X, error=UnsupportedError, match="written out one by one")


RNG = np.random.default_rng(3)


def noise(x, k):
    return x if k == 0 else noise(x * RNG.uniform(), k - 1)


def test_random_numbers():
    def loop(x, n):
        for i in checkpointed(range(n), slots=2):
            x = np.sin(x) + RNG.standard_normal(3)
        return x.sum()

    @checkpoint
    def dropout(x):
        return x * (np.random.random(3) > 0.5)

    def call(x, n):
        return dropout(np.sin(x)).sum()

    def deep(x, n):
        for i in checkpointed(range(n), slots=2):
            x = np.sin(noise(x, 2))
        return x.sum()

    for f in (loop, call, deep):
        refused(f, X, 3, error=UnsupportedError, match="random number is drawn in what is run again")


def test_draws_ahead_of_the_loop_are_kept():
    def f(x, n):
        draws = RNG.standard_normal((8, 3))
        for i in checkpointed(range(n), slots=2):
            x = np.sin(x) + draws[i]
        return x.sum()

    assert np.isfinite(srcgrad.grad(f)(X, 3)).all()


def test_generated_source_that_is_differentiated_again():
    def f(x, n):
        for i in checkpointed(range(n), slots=2):
            x = np.sin(x)
        return x.sum()

    def again(x):
        snapshots = Snapshots(2, 3)
        return x.sum() if snapshots.due() else x[0]

    refused(again, X, error=UnsupportedError, match="gradient of a checkpointed loop")
    assert "Snapshots" in srcgrad.grad(f).source_for(X, 3)


def test_arrays_in_a_list_under_several_names():
    def f(x, n):
        rows = [x * 1.0, x * 2.0]
        current = rows[0]
        for i in checkpointed(range(n), slots=2):
            current[1:] *= current[:-1]
            rows.append(current)
            current = rows[i]
        return current.sum()

    refused(f, X, 3, match="several names|in place")
