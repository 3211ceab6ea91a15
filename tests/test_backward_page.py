"""The examples of docs/backward.md: each prints what the page says."""

import contextlib
import io
import linecache
import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "backward.md"


def test_examples_print_what_the_page_says():
    text = PAGE.read_text()
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```python") == 3
    env: dict = {"__name__": "backward_page"}
    for number, (code, expected) in enumerate(blocks):
        file = f"<docs/backward.md {number}>"
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, file, "exec"), env)
        printed = "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())
        assert printed == expected.rstrip(), out.getvalue()
