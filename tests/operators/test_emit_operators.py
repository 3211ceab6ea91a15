"""Modules of Hessians, Jacobians and products with them."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from srcgrad import SrcgradError, emit, hessian, hvp, jacfwd, jacobian, jacrev, vjp
from srcgrad.api.check import FRESH, STALE, check_text
from tests.support import check as check_gradient

LIBRARY = """
import numpy as np


def loss(x, n=3):
    total = 0.0
    for i in range(len(x) - 1):
        total = total + (x[i + 1] - x[i] ** 2) ** 2
    return total * n


def pair(x, y):
    return np.array([x[0] * y[1], np.sin(x[2])])
"""

X, V = np.array([0.3, 0.8, -0.4]), np.array([1.0, 2.0, -0.5])


@pytest.fixture
def library(tmp_path, monkeypatch):
    (tmp_path / "library_of_test.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("library_of_test", None)
    import library_of_test

    yield library_of_test
    sys.modules.pop("library_of_test", None)


CASES = [
    ("hvp", lambda m: hvp(m.loss), lambda m: m.loss, 0, (X, 2, V), "loss_hvp"),
    ("hessian", lambda m: hessian(m.loss), lambda m: m.loss, 0, (X, 2), "loss_hessian"),
    ("jacobian", lambda m: jacobian(m.pair, argnums=1), lambda m: m.pair, 1, (X, V), "pair_jacobian"),
    ("jacfwd", lambda m: jacfwd(m.pair), lambda m: m.pair, 0, (X, V), "pair_jacfwd"),
    ("jacrev", lambda m: jacrev(m.pair), lambda m: m.pair, 0, (X, V), "pair_jacrev"),
]


@pytest.mark.parametrize("mode, made, primal, argnums, args, name", CASES)
def test_module_gives_what_the_operator_gives(library, tmp_path, mode, made, primal, argnums, args, name):
    text = emit(made(library), args=args)
    assert text == emit(primal(library), argnums, args, mode=mode)
    (tmp_path / "emitted.py").write_text(text)
    given = ", ".join("x" if a is X else "v" if a is V else str(a) for a in args)
    code = textwrap.dedent(f"""
        import sys, numpy as np
        assert "srcgrad" not in sys.modules
        sys.path.insert(0, {str(tmp_path)!r})
        from emitted import {name}
        x, v = np.array([0.3, 0.8, -0.4]), np.array([1.0, 2.0, -0.5])
        np.save({str(tmp_path / "found.npy")!r}, {name}({given}))
        assert "srcgrad" not in sys.modules
    """)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), made(library)(*args), rtol=1e-12)


@pytest.mark.parametrize("mode, made, primal, argnums, args, name", CASES)
def test_modules_are_checked(library, tmp_path, mode, made, primal, argnums, args, name):
    text = emit(made(library), args=args)
    assert check_text(text, lambda module, name: primal(library)).state == FRESH
    library_2 = tmp_path / "library_of_test.py"
    library_2.write_text(LIBRARY.replace("** 2) ** 2", "** 2) ** 4").replace("np.sin", "np.cos"))
    sys.modules.pop("library_of_test")
    import library_of_test

    assert check_text(text, lambda module, name: primal(library_of_test)).state == STALE


def test_what_cannot_be_written_is_refused(library):
    with pytest.raises(SrcgradError, match="one position"):
        emit(hessian(library.pair, argnums=(0, 1)), args=(X, V))
    with pytest.raises(SrcgradError, match="no mode 'sideways'"):
        emit(library.loss, mode="sideways")


def energy(x):
    return np.sum(x**3) + x[0] * x[1] * x[2]


def test_operators_are_differentiated_like_functions():
    np.testing.assert_allclose(vjp(hvp(energy), X, V)[1](np.ones(3))[1], hessian(energy)(X) @ np.ones(3))
    check_gradient(lambda x: np.sum(hessian(energy)(x) ** 2), X)
    check_gradient(lambda x: hvp(energy)(x, V) @ V, X)
