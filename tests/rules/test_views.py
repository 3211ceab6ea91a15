"""Whether results share memory with arguments, as the rules say they do."""

import numpy as np
import pytest

from srcgrad.rules import RULES
from srcgrad.specialize.rewrites import _place_of_out
from tests.rules.test_rules import CASES, name_of

# Calls of these are written as others where they share memory (see specialize/rewrites).
REWRITTEN = {np.diag: lambda args: np.ndim(args[0]) == 2}


def arrays(value):
    if isinstance(value, np.ndarray):
        return [value]
    return [a for item in value for a in arrays(item)] if isinstance(value, (list, tuple)) else []


def hold(fn, args, kwargs):
    args = [np.array(a, order="C") if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        result = arrays(fn(*args, **kwargs))
    if isinstance(fn, type) or (fn in REWRITTEN and REWRITTEN[fn](args)):
        return
    view, first = RULES[fn].view, arrays(args[0])
    shares = any(np.shares_memory(r, a) for r in result for a in first)
    assert not any(np.shares_memory(r, a) for r in result for other in args[1:] for a in arrays(other))
    if view == "never":
        assert not shares
    elif view in ("always", "readonly") and isinstance(args[0], np.ndarray):
        assert all(any(np.shares_memory(r, a) for a in first) for r in result)
        assert all(not r.flags.writeable for r in result) or view == "always"


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda k: f"{name_of(CASES[k][0])}-{k}")
def test_general(case):
    hold(*CASES[case])


REST = [r for r in RULES.values() if r.form != "general"]


@pytest.mark.parametrize("rule", REST, ids=lambda r: name_of(r.fn))
def test_elementwise_and_constant(rule):
    called = 0
    for count in range(1, min(5, _place_of_out(rule.fn)[0] + 1)):
        for value in (0.5, 1):
            try:
                hold(rule.fn, [np.full((2, 2), value) for _ in range(count)], {})
            except (TypeError, ValueError, AttributeError, IndexError, OverflowError):
                continue  # not of that many arrays
            called += 1
    literal = "part" in rule.domain  # it says which result is meant
    assert called or literal or rule.form == "constant" or rule.fn.__module__ in ("math", "cmath", "builtins")
