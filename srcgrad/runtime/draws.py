"""Random numbers where the arrays live. Copied into emitted modules, as the other helpers are."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="attr-defined"

import numpy as np


def device_generator(rng):
    """A generator of CuPy's, seeded by a number that is drawn of NumPy's, whose state goes on: for CuPy alone."""
    return np.random.Generator(np.random.Philox4x3210(int(rng.integers(2**63))))
