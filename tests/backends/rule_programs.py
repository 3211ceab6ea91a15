"""The cases that rules are tested on, as programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.special

from srcgrad import runtime
from srcgrad.codegen import text_of
from tests.rules.cases_statistics import STATISTICS
from tests.rules.tangent_eval import build, spelled
from tests.rules.test_rules import CASES, ELEMENTWISE, draw, is_scalar_function, name_of, rng_for
from tests.support import load

IMPORTS = "import math\nimport numpy as np\nimport scipy.special\ninf = np.inf\n"
NAMES = {"np": np, "math": math, "scipy": scipy, "inf": np.inf}

Program = tuple[str, Callable[..., Any], tuple[Any, ...]]


def calls() -> Iterator[Program]:
    """A program for each case of a rule that is no elementwise function's: (text, function, arguments)."""
    for fn, args, kwargs in [*CASES, *STATISTICS]:
        if fn in runtime.HELPERS.values():
            continue
        call, env = build(fn, args, kwargs)
        text = text_of(call)
        try:
            with np.errstate(all="ignore"):
                out = eval(text, {**NAMES, **env})
        except Exception:
            continue
        total = "np.sum(np.sin(out))"
        if isinstance(out, (tuple, list)):
            total = " + ".join(f"np.sum(np.sin(out[{k}]))" for k in range(len(out)))
        values = tuple(list(v) if isinstance(v, list) else v for v in env.values())
        f = load(f"{IMPORTS}def f({', '.join(env)}):\n    out = {text}\n    return {total}\n")
        yield text, f, values


def elementwise() -> Iterator[Program]:
    """The same for elementwise functions, of one argument each in single precision, of several also with numbers."""
    for rule in ELEMENTWISE:
        if getattr(rule.fn, "__module__", "") == "_operator" or is_scalar_function(rule):
            continue
        names = [f"x{k}" for k in range(len(rule.params))]
        text = f"{spelled(rule.fn)[0]}({', '.join(names)})"
        f = load(f"{IMPORTS}def f({', '.join(names)}):\n    return np.sum({text})\n")
        rest = ((),) * (len(names) - 1)
        for shapes in [((2, 3), *rest)] if rest == () else [((3,), *rest), ((), (3,), *rest[1:])]:
            drawn = [draw(rng_for(name_of(rule.fn)), shape, rule.domain, k) for k, shape in enumerate(shapes)]
            args = [a.astype(np.float32) if np.ndim(a) else float(a) for a in drawn]
            if rule.fn is np.ldexp:
                args[1] = 2
            yield text, f, tuple(args)
