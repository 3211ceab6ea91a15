"""The examples run as a reader would run them."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def output_of(*command):
    command = [sys.executable, *command]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, ran.stderr


def test_quickstart_prints_the_gradient_and_learns_from_the_first_epoch():
    printed, progress = output_of("examples/quickstart.py", "--epochs", "1")
    assert "# forward sweep" in printed or "def " in printed
    assert "f(a) = 2048" in printed and "c / a = 409600" in printed
    assert "1/1" in progress
    assert float(re.search(r"test accuracy ([\d.]+)%", printed)[1]) > 85


def test_quickstart_reaches_96_percent():
    printed, _ = output_of("examples/quickstart.py")
    assert float(re.search(r"test accuracy ([\d.]+)%", printed)[1]) > 96
    assert float(re.search(r"training loss ([\d.]+)", printed)[1]) < 0.01
