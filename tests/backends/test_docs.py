"""The page on the GPU shows what is printed."""

import pathlib
import re

import numpy as np

import srcgrad
from srcgrad import nn
from tests.support import load

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "gpu.md"


def test_the_code_on_the_page(cp):
    program, shown, training = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    made = load(program, "loss")
    rng = np.random.default_rng(0)
    w, x = (cp.asarray(rng.standard_normal(shape)) for shape in ((4, 3), (5, 4)))
    assert made.source_for(w, x) == shown
    assert made(w, x).shape == (4, 3)

    def loss(model, x, y):
        return nn.cross_entropy(model(x), y)

    x, y = rng.standard_normal((50, 64)).astype("f4"), rng.integers(0, 10, 50)
    names = {"nn": nn, "srcgrad": srcgrad, "cupy": cp, "loss": loss, "x": x, "y": y, "x_test": x}
    exec(training, names)
    assert names["scores"].shape == (50, 10) and type(names["scores"]) is cp.ndarray
