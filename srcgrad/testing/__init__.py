"""Tests of gradients for any pytest suite: Hypothesis strategies for their arguments, and the property that they hold.

    from hypothesis import given
    from srcgrad.testing import arrays, gradient_matches

    @given(arrays(5, domain="positive"))
    def test_entropy(p):
        gradient_matches(entropy)(p)

Strategies need Hypothesis: `pip install srcgrad[testing]`. `gradient_matches` and `check_grads` work without.
"""

from srcgrad.api.checking import check_grads
from srcgrad.testing.properties import GradientMatches, gradient_matches
from srcgrad.testing.strategies import arrays, containers, floats, shapes

__all__ = ["GradientMatches", "arrays", "check_grads", "containers", "floats", "gradient_matches", "shapes"]
