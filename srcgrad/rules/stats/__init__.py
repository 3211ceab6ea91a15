"""What is known of scipy.stats; read where one of its objects is looked up first."""

from srcgrad.rules.stats import (  # noqa: F401  (they register; refusals after all distributions)
    continuous,
    discrete,
    frozen,
    more,
    multivariate,
    refusals,
    relations,
    summaries,
)
