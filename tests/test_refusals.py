"""What is refused: the class of the error, file, line, caret, reason and remedy."""

import math
import subprocess
import sys

import numpy as np
import pytest

from srcgrad import grad, value_and_grad
from srcgrad.errors import (
    AliasError,
    ArgumentError,
    KindError,
    NonScalarError,
    NoRuleError,
    SourceError,
    SrcgradError,
    UnsupportedError,
)
from tests.support import assert_refused, check, check_or_refused, line_of

X4 = np.array([0.7, -0.4, 0.3, 0.9])


# -- statements ------------------------------------------------------------------------------------------------------


def test_try():
    def f(x):
        y = x * x
        try:  # <- here
            y = math.log(y)
        except ValueError:
            y = 0.0
        return y

    assert_refused(f, 0.7, error=UnsupportedError, reason="try")


def test_yield():
    def f(x):
        yield x * x  # <- here

    error = assert_refused(f, 0.7, error=UnsupportedError, reason="generator|yield", marker=None)
    assert error.pos is not None and error.pos.line in (line_of(f), line_of(f) - 1)


def test_async():
    async def f(x):  # <- here
        return x * x

    assert_refused(f, 0.7, error=UnsupportedError, reason="async")


def test_async_inside():
    def f(x):
        async def g(t):  # <- here
            return t * t
        return x * x if g else x

    assert_refused(f, 0.7, error=UnsupportedError, reason="async")


def test_class_inside():
    def f(x):
        class Box:  # <- here
            value = 3.0
        return x * Box.value

    assert_refused(f, 0.7, error=UnsupportedError, reason="class")


def test_match():
    def f(x):
        match x:  # <- here
            case 0.0:
                return x
            case _:
                return x * x

    assert_refused(f, 0.7, error=UnsupportedError, reason="match")


def test_try_in_a_callee_is_placed_in_the_callee():
    def helper(t):
        try:  # <- here
            return math.sqrt(t)
        except ValueError:
            return t

    def f(x):
        y = x * 2
        return helper(y) * y

    with pytest.raises(UnsupportedError) as info:
        grad(f)(0.7)
    assert info.value.pos is not None and info.value.pos.line == line_of(helper)


def test_refused_in_every_nesting():
    def f(x):
        total = 0.0
        for i in range(3):
            if i > 1:
                while total < 1:
                    with open("nothing") as handle:  # <- here
                        total += x * len(handle.read())
        return total

    assert_refused(f, 0.7, error=UnsupportedError, reason="with|open")


def test_global_write():
    def f(x):
        global counter
        counter = x * 2  # <- here
        return counter * x

    error = assert_refused(f, 0.7, error=UnsupportedError, reason="global", marker=None)
    assert error.pos is not None and error.pos.line in (line_of(f), line_of(f) - 1)


def test_nonlocal_write_is_right_or_refused():
    def f(x):
        total = 0.0

        def add(v):
            nonlocal total
            total = total + v * v

        for v in x:
            add(v)
        return total * x[0]

    check_or_refused(f, X4)


def test_the_primal_does_not_run_when_refused():
    calls = []

    def f(x):
        calls.append(1)
        try:
            return x * x
        except ValueError:
            return x

    with pytest.raises(SrcgradError):
        grad(f)(0.7)
    assert calls == []


# -- calls -----------------------------------------------------------------------------------------------------------


def test_eval():
    def f(x):
        y = eval("x * x")  # <- here
        return y * x

    assert_refused(f, 0.7, error=UnsupportedError, reason="eval")


def test_exec():
    def f(x):
        exec("y = x * x")  # <- here
        return x * x

    assert_refused(f, 0.7, error=UnsupportedError, reason="exec")


def test_writing_an_active_value_to_a_file():
    def f(x):
        y = x * x
        np.save("nowhere.npy", y)  # <- here
        return np.sum(y)

    assert_refused(f, X4, error=(UnsupportedError, NoRuleError), reason="save|effect|file")


def test_reading_input():
    def f(x):
        y = input()  # <- here
        return x * float(y)

    assert_refused(f, 0.7, error=(UnsupportedError, NoRuleError), reason="input|builtin")


def test_callee_without_source_or_rule():
    def f(x):
        y = x * 2
        return y * math.nextafter(y, 1.0)  # <- here

    assert_refused(f, 0.7, error=NoRuleError, reason="nextafter")


def test_callee_without_rule_in_numpy():
    def f(x):
        y = np.sin(x)
        y = np.bmat(y)  # <- here
        return np.sum(y)

    assert_refused(f, X4, error=(NoRuleError, UnsupportedError), reason="bmat")


def test_callee_typed_without_source():
    namespace = {}
    exec("def hidden(t): return t * t", namespace)
    hidden = namespace["hidden"]

    def f(x):
        return x + hidden(x)  # <- here

    assert_refused(f, 0.7, error=(SourceError, NoRuleError), reason="hidden", marker=None)


def test_callee_without_source_on_inactive_values_only_may_be_called():
    namespace = {}
    exec("def hidden(n): return n + 1", namespace)
    hidden = namespace["hidden"]

    def f(x):
        return x * hidden(3)

    check_or_refused(f, 0.7)


def test_statement_call_of_unknown_effect():
    def f(x):
        y = x * x
        np.random.shuffle(y)  # <- here
        return np.sum(y * x)

    assert_refused(f, X4, error=(NoRuleError, UnsupportedError), reason="shuffle|effect|random")


@pytest.mark.parametrize("call", ["where", "dtype"])
def test_keyword_that_a_rule_does_not_declare(call):
    def masked(x):
        y = np.sin(x, where=x > 0)  # <- here
        return np.sum(np.where(x > 0, y, 0.0))

    def typed(x):
        return np.sum(np.exp(x, dtype=np.float32) * x)  # <- here

    f = {"where": masked, "dtype": typed}[call]
    try:
        grad(f)(X4)
    except SrcgradError as error:
        assert isinstance(error, (NoRuleError, UnsupportedError))
        assert call in str(error)
        assert error.pos is not None and error.pos.line == line_of(f)
    else:
        x = X4
        expected = np.where(x > 0, np.cos(x), 0) if call == "where" else np.exp(x) * (1 + x)
        np.testing.assert_allclose(grad(f)(x), expected, rtol=1e-5)


def test_keyword_that_does_not_exist():
    def f(x):
        return np.sum(x, axes=0)  # <- here

    with pytest.raises((SrcgradError, TypeError)):
        grad(f)(X4)


# -- source ----------------------------------------------------------------------------------------------------------


def test_source_not_available():
    namespace = {}
    exec("def f(x): return x * x", namespace)
    assert_refused(namespace["f"], 0.7, error=SourceError, reason="source", marker=None)


def test_typed_in_python_c():
    program = ("from srcgrad import grad\nfrom srcgrad.errors import SourceError\n"
               "def f(x): return x * x\n"
               "try: print('gradient', grad(f)(3.0))\nexcept SourceError as e: print('refused', e)\n")
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    if run.stdout.startswith("gradient"):  # Pythons from 3.13 on know the source
        assert run.stdout == "gradient 6.0\n"
    else:
        assert run.stdout.startswith("refused") and "source" in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize("function", [math.nextafter, np.bmat, print, len, "text", 3, None, int],
                         ids=lambda f: str(getattr(f, "__name__", f)))
def test_what_is_not_a_python_function(function):
    with pytest.raises((SrcgradError, TypeError)):
        grad(function)(0.7)


def test_one_of_several_lambdas_on_a_line():
    f, g = lambda x: x * x, lambda x: x * x * x  # noqa: E731

    for one, slope in ((f, 1.4), (g, 3 * 0.49)):
        try:
            assert grad(one)(0.7) == pytest.approx(slope)
        except SourceError as error:
            assert "lambda" in str(error)
            assert error.pos is None or error.pos.line == line_of_code(one)


def line_of_code(f):
    return f.__code__.co_firstlineno


def test_lambdas_that_differ_in_a_captured_value_only():
    functions = [(lambda x: x * a) for a in (2.0, 3.0)]
    for one, slope in zip(functions, (3.0, 3.0), strict=True):  # bound late, as Python does
        assert grad(one)(0.7) == pytest.approx(slope)


# -- aliases, kinds --------------------------------------------------------------------------------------------------


def test_aliasing_that_cannot_be_decided():
    def rows_of_a_list(x, n):
        a, b = x * 1.0, x * 2.0
        rows = [a, b, x]
        rows[n][1] = 5.0
        return np.sum(a * b) + np.sum(rows[0] * x)

    def unknown_view(x, n):
        y = x.reshape(2, 2) if n else x
        y += 1.0
        return np.sum(x * x)

    def maybe_a_copy(m, n):
        flat = m.T.reshape(-1)
        flat[n] = 5.0
        return np.sum(m * m)

    def integer_or_slice(x, n):
        picked = x[n]
        picked += 1.0
        return np.sum(x * x)

    for error in (check_or_refused(rows_of_a_list, X4, 1), check_or_refused(unknown_view, X4, 1),
                  check_or_refused(maybe_a_copy, X4.reshape(2, 2), 1), check_or_refused(integer_or_slice, X4, 1)):
        if isinstance(error, SrcgradError):
            assert isinstance(error, (AliasError, UnsupportedError, KindError)), repr(error)
            assert error.pos is not None and "^" in str(error)


def test_name_that_is_not_defined():
    def f(x):
        return x * undefined_name  # noqa: F821  # <- here

    with pytest.raises((SrcgradError, NameError)) as info:
        grad(f)(0.7)
    assert "undefined_name" in str(info.value)


def test_complex_results_have_no_gradient():
    def f(x):
        return x * 1j + 2.0

    with pytest.raises(SrcgradError, match="complex number"):
        grad(f)(1.0 + 2.0j)
    check_or_refused(lambda x: abs(f(x)) ** 2, 0.7)


def test_wrong_operation_on_kinds():
    def f(x):
        return x["key"] * 2  # <- here

    with pytest.raises((SrcgradError, TypeError, IndexError)):
        grad(f)(X4)


# -- results ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda x: x * x,
    lambda x: (x[0], x[1]),
    lambda x: [x[0]],
    lambda x: {"loss": x[0]},
], ids=["array", "tuple", "list", "dict"])
def test_result_that_is_not_a_scalar(make):
    with pytest.raises(NonScalarError):
        grad(make)(X4)
    with pytest.raises(NonScalarError):
        value_and_grad(make)(X4)


def test_error_for_arrays_names_the_alternatives():
    def f(x):
        return x * x

    with pytest.raises(NonScalarError) as info:
        grad(f)(X4)
    for name in ("vjp", "jacobian", "elementwise_grad"):
        assert name in str(info.value)


@pytest.mark.parametrize("result", [None, "text", 3])
def test_result_without_derivative(result):
    def f(x):
        return result

    with pytest.raises(ArgumentError):
        grad(f)(0.7)


def test_function_without_a_result():
    def f(x):
        x * 2  # noqa: B018

    with pytest.raises(ArgumentError):
        grad(f)(0.7)


def test_errors_are_of_one_family():
    for error in (SourceError, UnsupportedError, NoRuleError, KindError, AliasError, ArgumentError, NonScalarError):
        assert issubclass(error, SrcgradError)
    assert issubclass(ArgumentError, TypeError) and issubclass(NonScalarError, ArgumentError)


def test_a_refused_function_can_be_used_once_mended(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    import importlib

    broken = "def f(x):\n    try:\n        return x\n    except E:\n        return x\n"
    (tmp_path / "mended_module.py").write_text(broken)
    module = importlib.import_module("mended_module")
    with pytest.raises(UnsupportedError):
        grad(module.f)(0.7)
    (tmp_path / "mended_module.py").write_text("def f(x):\n    return x * x * x  # longer than it was before\n")
    importlib.invalidate_caches()
    sys.modules.pop("mended_module")
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        module = importlib.import_module("mended_module")
    finally:
        sys.dont_write_bytecode = before
    if module.f(2.0) == 8.0:
        check(module.f, 0.7)
