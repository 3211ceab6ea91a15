"""The examples on the pages of the documentation run, and print what stands there."""

import doctest
import re
from pathlib import Path

import pytest

from tests.support import load

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ["autograd.md", "operators.md", "complex.md", "training.md"]


def blocks(text):
    """The blocks of a page in order: (language, text)."""
    return re.findall(r"^```(python|pycon)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_examples_run_and_print_what_stands_there(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text()
    env = {}
    checked = 0
    for number, (language, block) in enumerate(blocks(text)):
        if language == "python":
            env = load(block + "\nnamespace_ = globals()\n", "namespace_", env)
            continue
        report = []
        flags = doctest.NORMALIZE_WHITESPACE
        example = doctest.DocTestParser().get_doctest(block, env, f"{page}, block {number}", page, 0)
        ran = doctest.DocTestRunner(optionflags=flags).run(example, out=report.append, clear_globs=False)
        env.update(example.globs)
        assert ran.failed == 0, "".join(report)
        checked += ran.attempted
    assert checked
