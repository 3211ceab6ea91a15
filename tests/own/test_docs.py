"""The examples of docs/rules.md, run in order; what they print is compared."""

import contextlib
import io
import linecache
import re
from pathlib import Path

from srcgrad.rules.own import CHANGED
from srcgrad.rules.registry import RULES

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_says_what_happens():
    before = dict(RULES)
    namespace: dict = {"__name__": "rules_page"}
    printed = ""
    blocks = re.findall(r"```(python|text)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) > 10
    try:
        for k, (kind, text) in enumerate(blocks):
            if kind == "text":
                assert printed.rstrip() == text.rstrip(), f"block {k} prints\n{printed}"
                continue
            file = f"<docs/rules.md {k}>"
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(text, file, "exec", dont_inherit=True), namespace)
            printed = out.getvalue()
    finally:
        RULES.clear()
        RULES.update(before)
        for changed in CHANGED:
            changed()
