"""The examples of docs/nn.md and the loop in the README, run in order; what they print is compared."""

import contextlib
import io
import linecache
import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]


def run(code, name, env):
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, name, "exec"), env)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())


def test_the_page():
    text = (ROOT / "docs" / "nn.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```python") == 4
    env = {"__name__": "nn_page"}
    for number, (code, expected) in enumerate(blocks):
        assert run(code, f"<docs/nn.md {number}>", env) == expected.rstrip()


def test_the_loop_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "nn.Sequential" in block)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 64)).astype(np.float32)
    env = {"__name__": "readme_loop", "batches": [(x, x[:, :10].argmax(axis=1))] * 20, "rng": rng}
    run(code, "<README.md loop>", env)
    assert np.isfinite(env["value"])
