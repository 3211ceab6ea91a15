"""What is known of scipy.stats; read where one of its objects is looked up first."""

from srcgrad.rules.stats import continuous, discrete, frozen, more, refusals  # noqa: F401  (they register)
