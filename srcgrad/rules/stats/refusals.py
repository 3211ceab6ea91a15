"""Methods of distributions that are not differentiated, and why."""

from __future__ import annotations

from scipy import stats

from srcgrad.rules.defined.registry import DEFINITIONS, WRITTEN
from srcgrad.rules.refused import METHODS, SEARCHES, Reason

DRAWS = Reason(
    "draws random numbers",
    "{} draws random numbers, and carries no derivative to the parameters.",
    "Pass draws of the standard form, and write the parameters into the formula: `loc + scale * z`.",
)
INTEGRATES = Reason(
    "no closed form",
    "The derivative of {} is not known: SciPy computes it by integrals, searches or series without a closed form.",
    "Write it with `srcgrad.numerical`, or give it a derivative with `srcgrad.rule`.",
)
SEVERAL = Reason(
    "several moments by letters",
    "{} chooses what it computes by a text, and is not differentiated.",
    "Use the methods `mean`, `var` and `std`.",
)
_REASONS = {"rvs": DRAWS, "fit": SEARCHES, "fit_loc_scale": SEARCHES, "stats": SEVERAL}


def _register() -> None:
    for dist in vars(stats).values():
        if not hasattr(dist, "rvs") or isinstance(dist, type):
            continue
        for name in dir(dist):
            method = getattr(dist, name) if not name.startswith("_") and name != "random_state" else None
            if hasattr(method, "__func__") and method not in DEFINITIONS and method not in WRITTEN:
                METHODS[method] = _REASONS.get(name, INTEGRATES)


_register()
