"""Functions of scipy.linalg, of real matrices; loaded where the first of them is looked up (see rules/libraries).

What SciPy computes as NumPy does shares NumPy's rules. Options that let SciPy overwrite its arguments are left out.
"""

from __future__ import annotations

import scipy.linalg as sl

from srcgrad.rules.registry import constant
from srcgrad.rules.scipy_linalg import (  # noqa: F401  (they register)
    banded,
    equations,
    factors,
    functions,
    structured,
    systems,
)
from srcgrad.rules.scipy_linalg.common import allow_harmless, keep_arguments
from srcgrad.runtime import HELPERS, OF_SCIPY
from srcgrad.runtime import scipy_linalg as scipy_helpers

constant(sl.hadamard, sl.hilbert, sl.invhilbert, sl.helmert, sl.pascal, sl.invpascal, sl.bandwidth, sl.issymmetric,
         sl.ishermitian)  # fmt: skip
allow_harmless()
for _name in sl.__all__:
    if callable(_fn := getattr(sl, _name)) and not isinstance(_fn, type):
        keep_arguments(_fn)
HELPERS.update((name, getattr(scipy_helpers, name)) for name in OF_SCIPY)
