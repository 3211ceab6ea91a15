"""The examples of tests in README and docs run as a reader would run them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


EXAMPLES = [("README.md", "Testing your gradients"), ("docs/testing.md", "As a property")]


@pytest.mark.parametrize("page, section", EXAMPLES)
def test_the_example_passes(page, section, tmp_path):
    text = (ROOT / page).read_text()
    start = text.index(f"## {section}\n")
    code = re.search(r"```python\n(.*?)```", text[start:], re.DOTALL)[1]
    tests = code.count("def test_")
    assert tests
    (tmp_path / "test_example.py").write_text(code)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={tmp_path}",
         str(tmp_path / "test_example.py")],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0 and f"{tests} passed" in ran.stdout, ran.stdout + ran.stderr
