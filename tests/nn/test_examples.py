"""The examples of networks, at reduced size."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def output_of(name, *options):
    ran = subprocess.run([sys.executable, f"examples/{name}.py", *options], cwd=ROOT, capture_output=True, text=True,
                         timeout=300, check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def number(pattern, text):
    found = re.search(pattern, text)
    assert found is not None, text
    return float(found[1])


def test_line():
    printed = output_of("line", "--steps", "300")
    assert number(r"y = ([\d.]+) x", printed) == pytest.approx(2, abs=0.05)
    assert number(r"x \+ ([\d.]+)", printed) == pytest.approx(3, abs=0.05)
    assert "def loss_value_and_grad(slope, intercept, x, y" in printed


def test_hinge():
    assert number(r"test accuracy ([\d.]+)%", output_of("hinge", "--epochs", "10")) > 94


def test_digits_cnn(tmp_path):
    file = tmp_path / "digits.safetensors"
    printed = output_of("digits_cnn", "--epochs", "3", "--save", str(file))
    before, after = re.findall(r"test accuracy ([\d.]+)%", printed)
    assert before == after and float(before) > 95
    assert file.stat().st_size > 100_000


def test_resnet():
    printed = output_of("resnet", "--steps", "6", "--batch", "8", "--width", "4")
    assert "convolve_weight(" in printed and "# reverse sweep" in printed
    first, last = number(r"first step ([\d.]+)", printed), number(r"last five ([\d.]+)", printed)
    assert np.isfinite([first, last]).all()


def test_characters():
    printed = output_of("characters", "--steps", "30", "--units", "32")
    assert number(r"last ten ([\d.]+)", printed) < 0.9 * number(r"first step ([\d.]+)", printed)
    assert printed.rstrip().splitlines()[-1].startswith("The harbour")


def test_pinn():
    printed = output_of("pinn", "--steps", "60")
    assert number(r"iterations ([\d.e-]+);", printed) < 0.01 * number(r"before ([\d.]+)", printed)


def test_neural_ode():
    assert number(r"whole path, ([\d.]+)", output_of("neural_ode", "--steps", "60")) < 0.1


def test_maml():
    printed = output_of("maml", "--steps", "150")
    assert number(r"after training: ([\d.]+)", printed) < 0.7 * number(r"before training: ([\d.]+)", printed)
