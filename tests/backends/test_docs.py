"""The page on the GPU shows what is printed."""

import pathlib
import re

import numpy as np

from tests.support import load

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "gpu.md"


def test_the_code_on_the_page(cp):
    program, shown = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    made = load(program, "loss")
    rng = np.random.default_rng(0)
    w, x = (cp.asarray(rng.standard_normal(shape)) for shape in ((4, 3), (5, 4)))
    assert made.source_for(w, x) == shown
    assert made(w, x).shape == (4, 3)
